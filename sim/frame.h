/* SPDX-License-Identifier: MIT */
/* A packet read by code that shares nothing with src/wire: the simulator's own eyes (O17). */
#ifndef ELEVEN_SIM_FRAME_H
#define ELEVEN_SIM_FRAME_H

#include <stdbool.h>
#include <stdint.h>

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32 };

struct frame {
	bool arp, tcp, icmp;
	const uint8_t *ip;
	uint32_t source, destination;   /* of IP */
	uint32_t ip_bytes, ip_header_bytes;
	/* TCP */
	const uint8_t *segment, *text;
	uint16_t source_port, destination_port, window, mss;
	uint32_t seq, ack, text_bytes, header_bytes;
	uint8_t flags;
	bool ae;                        /* the flag of accurate ECN (RFC 9768), which stands apart */
	int wscale;                     /* -1: not offered */
	bool timestamps, sack_permitted;
	uint32_t tsval, tsecr;
	unsigned sacks;
	uint32_t sack[4][2];
};

/* NULL, or what is not canonical about it.  `ethernet`: it begins with a frame's header. */
const char *frame_read(struct frame *frame, const uint8_t *bytes, uint32_t length, bool ethernet);
/* Is every checksum right?  `partial`: TCP's is left to the link. */
const char *frame_check(const struct frame *frame, bool partial);
/* Fills in length and checksums of a packet that was made or changed here. */
void frame_seal(uint8_t *ip, uint32_t ip_bytes);

uint16_t frame_u16(const uint8_t *at);
uint32_t frame_u32(const uint8_t *at);
void frame_put16(uint8_t *at, uint16_t value);
void frame_put32(uint8_t *at, uint32_t value);

#endif
