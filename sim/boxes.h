/* SPDX-License-Identifier: MIT */
/*
 * Things on the way that are no wires: one that lowers the MSS of SYNs, one that joins segments, one that translates
 * ports and forgets.  Each keeps checksums as right, or as wrong, as it found them.
 */
#ifndef ELEVEN_SIM_BOXES_H
#define ELEVEN_SIM_BOXES_H

#include "sim/world.h"

/* A SYN's MSS becomes spec.clamp at most. */
void box_clamp(struct world *world, uint8_t *ip, uint32_t ip_bytes);
/* The text of the segment before, if that is still under way, goes with this one: its flight has no bytes then. */
void box_join(struct world *world, struct flight *flight);

/* ---- the translator: of ports, for each remote end its own (RFC 4787, RFC 5382) */

/* What leaves a host: the port from which it opened becomes another. */
void nat_out(struct world *world, unsigned host, uint8_t *ip, uint32_t ip_bytes, bool partial);
/* What arrives at a host; false: it is for nobody any more, and a RST has gone back, or nothing. */
bool nat_in(struct world *world, const struct flight *flight);
void nat_forget(struct world *world, unsigned host);

#endif
