/* SPDX-License-Identifier: MIT */
/*
 * The IPv6 header (RFC 8200 §3) and the headers that may follow it (§4).  Bounds are checked here; what a
 * node does about a header is for those who walk the chain.  Jumbograms (RFC 2675) are not read.
 */
#ifndef ELEVEN_WIRE_IPV6_H
#define ELEVEN_WIRE_IPV6_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/address.h"

#define IPV6_HEADER_BYTES    40
#define IPV6_FRAGMENT_BYTES  8
#define IPV6_MTU_LEAST       1280u      /* RFC 8200 §5: every link carries as much */
#define IPV6_FLOW_LABEL_MAX  0xfffffu

/* Next header values: https://www.iana.org/assignments/protocol-numbers */
#define IPV6_HOP_BY_HOP  0
#define IPV6_TCP         6
#define IPV6_UDP         17
#define IPV6_ROUTING     43
#define IPV6_FRAGMENT    44
#define IPV6_ICMP        58
#define IPV6_NO_NEXT     59
#define IPV6_DESTINATION 60

struct ipv6 {
	struct address source;
	struct address destination;
	uint32_t flow_label;    /* 20 bits */
	uint8_t tos;            /* traffic class: DSCP and ECN */
	uint8_t next_header;    /* IPV6_… of what follows the fixed header */
	uint8_t hop_limit;
	uint32_t payload_bytes; /* all behind the fixed header, as the header says */
	const uint8_t *payload; /* without padding of the link behind it */
};

enum ipv6_fault {
	IPV6_OK,
	IPV6_TRUNCATED,         /* not even 40 bytes */
	IPV6_BAD_VERSION,       /* not 6 */
	IPV6_BAD_LENGTH,        /* says more than there is; of a quoted packet that is no fault */
	IPV6_JUMBO,             /* payload length 0 with hop-by-hop options: RFC 2675 */
};

/* On a fault `out` holds what was read up to it. */
enum ipv6_fault ipv6_parse(struct ipv6 *out, const uint8_t *bytes, size_t n);
/* The same for a packet quoted in an ICMPv6 error, which may be cut off: payload_bytes may exceed what is there. */
enum ipv6_fault ipv6_parse_quoted(struct ipv6 *out, const uint8_t *bytes, size_t n);
/* Writes the fixed header: IPV6_HEADER_BYTES.  The payload is not touched. */
unsigned ipv6_emit(uint8_t *out, const struct ipv6 *packet);

/* Is this one of the four extension headers that RFC 8200 §4 defines and we walk over? */
static inline bool ipv6_is_extension(uint8_t next_header)
{
	return next_header == IPV6_HOP_BY_HOP || next_header == IPV6_ROUTING || next_header == IPV6_FRAGMENT ||
	       next_header == IPV6_DESTINATION;
}

/*
 * The length of the extension header `kind` at `bytes`, of which n are there: 8 to 2048 (2040 + 8), or 0 when it
 * does not fit.
 */
static inline uint32_t ipv6_extension_bytes(uint8_t kind, const uint8_t *bytes, size_t n)
{
	uint32_t length;

	if (n < 8)
		return 0;
	length = kind == IPV6_FRAGMENT ? IPV6_FRAGMENT_BYTES : (bytes[1] + 1u) * 8;
	return length <= n ? length : 0;
}

/* The Fragment header, RFC 8200 §4.5. */
struct ipv6_fragment {
	uint32_t offset;        /* in bytes, a multiple of 8 */
	uint32_t id;
	uint8_t next_header;
	bool more;
};

static inline struct ipv6_fragment ipv6_fragment_parse(const uint8_t *bytes)
{
	uint16_t word = load_be16(bytes + 2);

	return (struct ipv6_fragment){ .offset = word & 0xfff8u, .id = load_be32(bytes + 4),
				       .next_header = bytes[0], .more = word & 1 };
}

static inline void ipv6_fragment_emit(uint8_t *out, const struct ipv6_fragment *fragment)
{
	out[0] = fragment->next_header;
	out[1] = 0;
	store_be16(out + 2, (uint16_t)((fragment->offset & 0xfff8u) | fragment->more));
	store_be32(out + 4, fragment->id);
}

/* Link-local unicast, fe80::/10; of no use without a link. */
static inline bool address_is_link_local(const struct address *a)
{
	return a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

/* All nodes of the link, ff02::1. */
static inline struct address address_all_nodes(void)
{
	return (struct address){ { 0xff, 0x02, [15] = 1 } };
}

/* All routers of the link, ff02::2. */
static inline struct address address_all_routers(void)
{
	return (struct address){ { 0xff, 0x02, [15] = 2 } };
}

/* The solicited-node group of a unicast address: ff02::1:ffXX:XXXX (RFC 4291 §2.7.1). */
static inline struct address address_solicited_node(const struct address *a)
{
	return (struct address){ { 0xff, 0x02, [11] = 1, [12] = 0xff, a->bytes[13], a->bytes[14], a->bytes[15] } };
}

/* How many leading bits the two have in common. */
static inline unsigned address_common_bits(const struct address *a, const struct address *b)
{
	for (unsigned i = 0; i < 16; i++) {
		uint8_t differ = a->bytes[i] ^ b->bytes[i];

		if (differ)
			return 8 * i + (unsigned)__builtin_clz((unsigned)differ << 24);
	}
	return 128;
}

static inline bool address_in_prefix(const struct address *a, const struct address *prefix, unsigned bits)
{
	return address_common_bits(a, prefix) >= bits;
}

#endif
