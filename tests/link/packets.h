/* SPDX-License-Identifier: MIT */
/* Packets for tests of links: IPv4 and TCP, as eleven_output() gives them, with the text in two slices. */
#ifndef ELEVEN_TESTS_LINK_PACKETS_H
#define ELEVEN_TESTS_LINK_PACKETS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "base/time.h"
#include "eleven.h"
#include "wire/checksum.h"
#include "wire/ipv4.h"
#include "wire/tcp.h"

#define FLAG_FIN 1
#define FLAG_SYN 2
#define FLAG_RST 4
#define FLAG_PSH 8
#define FLAG_ACK 16
#define FLAG_CWR 128

struct made {
	struct eleven_out out;
	uint8_t header[20 + 32];
	uint8_t text[65535];
};

static inline struct eleven_address address_of(uint32_t value)
{
	struct address a = address_v4(value);
	struct eleven_address result;

	memcpy(result.bytes, a.bytes, 16);
	return result;
}

static inline struct eleven_interface interface_at(uint32_t address)
{
	return (struct eleven_interface){ .address = address_of(address), .prefix_bits = 24, .mtu = 1500 };
}

/* A segment from 10.0.0.x to 10.0.0.y, checksum left to the link; 12 bytes of options. */
static inline void segment_make(struct made *made, uint32_t from, uint32_t to, uint8_t flags, uint32_t seq,
				uint32_t text_bytes)
{
	uint8_t *ip = made->header, *tcp = ip + 20;
	uint32_t cut = text_bytes / 3;

	memset(made->header, 0, sizeof(made->header));
	ip[0] = 0x45;
	store_be16(ip + 2, (uint16_t)(52 + text_bytes));
	store_be16(ip + 4, 0xfffe);
	ip[6] = 0x40;
	ip[8] = 64;
	ip[9] = 6;
	store_be32(ip + 12, from);
	store_be32(ip + 16, to);
	store_be16(ip + 10, checksum_finish(checksum_add(0, ip, 20)));
	store_be16(tcp, 1000);
	store_be16(tcp + 2, 8000);
	store_be32(tcp + 4, seq);
	store_be32(tcp + 8, 77);
	tcp[12] = 8 << 4;
	tcp[13] = flags;
	memset(tcp + 20, 1, 12);
	store_be16(tcp + 16, (uint16_t)checksum_pseudo_v4(from, to, 6, (uint16_t)(32 + text_bytes)));
	for (uint32_t i = 0; i < text_bytes; i++)
		made->text[i] = (uint8_t)((seq + i) * 7 + ((seq + i) >> 8));
	made->out = (struct eleven_out){
		.flags = ELEVEN_PACKET_CHECKSUM_PARTIAL, .slices = text_bytes ? 3 : 1,
		.checksum_start = 20, .checksum_offset = 16, .length = 52 + text_bytes,
		.slice = { { made->header, 52 }, { made->text, cut }, { made->text + cut, text_bytes - cut } },
	};
}

/* Both checksums right, lengths in agreement; reads it. */
static inline void packet_check(const uint8_t *bytes, uint32_t length, struct ipv4 *ip, struct segment *segment)
{
	assert_int_equal(ipv4_parse(ip, bytes, length), IPV4_OK);
	assert_int_equal(ip->total_bytes, length);
	assert_int_equal(checksum_finish(checksum_add(checksum_pseudo(&ip->source, &ip->destination, 6,
								      ip->payload_bytes),
						      ip->payload, ip->payload_bytes)), 0);
	assert_int_equal(segment_parse(segment, ip->payload, ip->payload_bytes), TCP_OK);
}

#endif
