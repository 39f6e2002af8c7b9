/* SPDX-License-Identifier: MIT */
/*
 * The IPv4 header (RFC 791; RFC 2474 and 3168 for the second byte).  Options are bounded and
 * stepped over; of their meaning only source routing is reported.  Fragments are not joined here.
 */
#ifndef ELEVEN_WIRE_IPV4_H
#define ELEVEN_WIRE_IPV4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/address.h"

#define IPV4_HEADER_MIN 20
#define IPV4_HEADER_MAX 60

#define IPV4_PROTOCOL_ICMP 1
#define IPV4_PROTOCOL_TCP  6
#define IPV4_PROTOCOL_UDP  17

/* Codepoints of the ECN field (RFC 3168 §5). */
#define IPV4_ECN_NOT_ECT 0
#define IPV4_ECN_ECT1    1
#define IPV4_ECN_ECT0    2
#define IPV4_ECN_CE      3

struct ipv4 {
	struct address source;
	struct address destination;
	uint8_t dscp;           /* upper six bits of the second byte */
	uint8_t ecn;            /* lower two: IPV4_ECN_… */
	uint8_t ttl;
	uint8_t protocol;       /* IPV4_PROTOCOL_… */
	uint16_t id;
	uint16_t total_bytes;   /* header and payload, as the header says */
	uint16_t checksum;      /* as received; emit computes it */
	uint32_t fragment_offset;       /* in bytes, a multiple of 8 */
	bool reserved_flag;     /* must be zero, is not checked */
	bool dont_fragment;
	bool more_fragments;
	bool source_route;      /* a loose or strict source route option is there */
	uint8_t options_bytes;  /* 0 … 40 */
	const uint8_t *options;
	const uint8_t *payload; /* without padding behind total_bytes */
	uint32_t payload_bytes;
};

enum ipv4_fault {
	IPV4_OK,
	IPV4_TRUNCATED,         /* not even 20 bytes, or fewer than the header says it has */
	IPV4_BAD_VERSION,       /* not 4 */
	IPV4_BAD_HEADER_LENGTH, /* below 20 bytes */
	IPV4_BAD_TOTAL_LENGTH,  /* below the header's, or more than there is */
	IPV4_BAD_CHECKSUM,
	IPV4_BAD_OPTION,        /* an option of impossible length; `out` is complete */
	IPV4_BAD_FRAGMENT,      /* would end beyond 65535 bytes, or a middle one not a multiple of 8 */
};

/* On a fault `out` holds what was read up to it. */
enum ipv4_fault ipv4_parse(struct ipv4 *out, const uint8_t *bytes, size_t n);

/*
 * The same for a packet quoted in an ICMP error, which may be cut off: total_bytes may exceed
 * what is there, and the checksum, which routers leave stale, is not checked.
 */
enum ipv4_fault ipv4_parse_quoted(struct ipv4 *out, const uint8_t *bytes, size_t n);

static inline bool ipv4_is_fragment(const struct ipv4 *packet)
{
	return packet->more_fragments || packet->fragment_offset != 0;
}

/*
 * The sum of a header without options as five words in the machine's order: a ones' complement sum comes out in
 * the order it was read in, and 0 and 0xffff are the same in both (RFC 1071 §2).
 */
static inline uint16_t ipv4_header_sum(const uint8_t *header)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < IPV4_HEADER_MIN; i += 4) {
		uint32_t word;

		memcpy(&word, header + i, sizeof(word));
		sum += word;
	}
	sum = (sum & 0xffffffffu) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* Is the checksum of a header of 20 bytes right? */
static inline bool ipv4_checksum_good(const uint8_t *header)
{
	return ipv4_header_sum(header) == 0xffff;
}

/*
 * Writes the header with options (padded to a multiple of 4 with end-of-list) and checksum into
 * at most IPV4_HEADER_MAX bytes; total_bytes is header and payload_bytes (the payload is not
 * touched), whatever packet->total_bytes says.  Returns the header's length.
 */
unsigned ipv4_emit(uint8_t *out, const struct ipv4 *packet);

#endif
