/* SPDX-License-Identifier: MIT */
/*
 * What a router does with a packet that is longer than the MTU of its next hop: IPv4 without DF is cut into fragments
 * (RFC 791 §2.3, §3.2), of anything else the sender is told by ICMP (RFC 792 with RFC 1191 §4, RFC 4443 §3.2).
 *
 * The error comes from the address that the packet was for: the wire has none of its own.
 */
#ifndef ELEVEN_LINK_ROUTER_H
#define ELEVEN_LINK_ROUTER_H

#include <stdbool.h>
#include <stdint.h>

#define ROUTER_ERROR_MAX (14u + 1280u)  /* RFC 4443 §3.2 (c), the longer of the two, and an Ethernet header */

/* Writes the error about `packet`, link header and all; its length, or 0: RFC 1122 §3.2.2 forbids one. */
uint32_t router_error(uint8_t *to, const uint8_t *packet, uint32_t length, uint32_t network_offset, uint32_t mtu);

/* IPv4, sound, and without DF? */
bool router_may_fragment(const uint8_t *packet, uint32_t length, uint32_t network_offset);
/*
 * Writes the next fragment of such a packet, no longer than it: its length, 0 after the last.  *done: 0 at the start.
 * The transport checksum must be there.
 */
uint32_t router_fragment(uint8_t *to, const uint8_t *packet, uint32_t length, uint32_t network_offset, uint32_t mtu,
			 uint32_t *done);

#endif
