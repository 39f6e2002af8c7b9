/* SPDX-License-Identifier: MIT */
/*
 * Hosts of IPv6.  Between them the world knows packets of IPv4 alone, so at each host's edge they are translated, in
 * the manner of RFC 7915: what a host sends is read as IPv6 first, strictly, by code that shares nothing with src/,
 * and what arrives is made IPv6 again.  fd00::a.b.c.d stands for a.b.c.d; whatever was wrong with a packet on its way
 * is wrong with its translation.
 */
#ifndef ELEVEN_SIM_SIX_H
#define ELEVEN_SIM_SIX_H

#include "sim/world.h"

/* The address of a host, or of all when it is 0, in the world's family. */
struct eleven_address six_address(const struct world *world, uint32_t address);
/*
 * What a host sends, in one piece, becomes IPv4 in its place; `out` follows.  What is not canonical fails the world.
 * False: it is ICMPv6, which is not carried.
 */
bool six_sent(struct world *world, unsigned host, struct eleven_out *out, uint8_t *bytes);
/* What arrives becomes IPv6: in memory of its own, to be freed; its length in *length.  NULL: nothing is left of it. */
uint8_t *six_arrived(const uint8_t *bytes, uint32_t *length, uint8_t flags);

#endif
