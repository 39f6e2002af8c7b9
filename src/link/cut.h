/* SPDX-License-Identifier: MIT */
/*
 * What a link does that has no hardware to do it: joins the slices of a packet, fills in its
 * transport checksum (ELEVEN_PACKET_CHECKSUM_PARTIAL), and cuts a big segment into those that go on
 * the wire (segment_bytes), as a network card does (RFC 9293 §3.7.1 is about their size).
 *
 * IPv4 and IPv6 without extension headers; TCP only is cut.
 */
#ifndef ELEVEN_LINK_CUT_H
#define ELEVEN_LINK_CUT_H

#include <stdbool.h>
#include <stdint.h>

#include "eleven.h"

/* Longest packet on any link: 64 KiB of IP and an Ethernet header, rounded up. */
#define PACKET_BYTES_MAX (65536u + 64u)

/* Copies all slices; returns the packet's length. */
uint32_t packet_gather(uint8_t *to, const struct eleven_out *packet);

/* Computes the transport checksum of a whole IPv4 or IPv6 packet anew. False: it has none that we know. */
bool packet_checksum(uint8_t *packet, uint32_t length, uint32_t network_offset);

/*
 * Describes a packet in one piece as eleven_output() would, so that it can be cut: `segment_bytes`
 * of text each.  False, and it is described as one to be sent as it is: not TCP, or no text.
 */
bool packet_describe(struct eleven_out *out, const uint8_t *packet, uint32_t length, uint32_t network_offset,
		     uint16_t segment_bytes);

/* Where one stands in cutting. */
struct cut {
	const struct eleven_out *packet;
	uint32_t header_bytes;
	uint32_t text_bytes;
	uint32_t done;                  /* of the text */
	unsigned number;                /* of the next segment, from 0 */
};

/* The packet must stay until the last cut_next(). */
void cut_begin(struct cut *cut, const struct eleven_out *packet);
/* Writes the next packet, checksums complete; returns its length, 0 after the last. */
uint32_t cut_next(struct cut *cut, uint8_t *to);

#endif
