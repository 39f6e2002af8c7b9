/* SPDX-License-Identifier: MIT */
/* A router's answers to packets that are too long; see router.h. */
#include "link/router.h"

#include <string.h>

#include "base/bytes.h"
#include "wire/checksum.h"
#include "wire/icmp.h"
#include "wire/ipv4.h"

#define IPV6_HEADER     40u
#define ICMPV6          58u
#define ICMPV6_TOO_BIG  2u
#define ICMPV6_INFORMATIONAL 128u       /* types from here on are no errors: RFC 4443 §2.1 */
#define QUOTE_V4_MAX    548u            /* RFC 1812 §4.3.2.3: 576 bytes with both headers */
#define QUOTE_V6_MAX    (1280u - IPV6_HEADER - ICMP_HEADER_BYTES)
#define FLAG_MF         0x2000u
#define OFFSET_MASK     0x1fffu
#define OPTION_COPIED   0x80u           /* RFC 791 §3.1: in every fragment */

/* The way back on Ethernet. */
static void link_header_turn(uint8_t *to, const uint8_t *packet, uint32_t network_offset)
{
	if (network_offset < 14)
		return;
	memcpy(to, packet + 6, 6);
	memcpy(to + 6, packet, 6);
	memcpy(to + 12, packet + 12, network_offset - 12);
}

static bool is_group(const uint8_t *packet, uint32_t network_offset)
{
	return network_offset >= 14 && packet[0] & 1;
}

static uint32_t error_v4(uint8_t *to, const uint8_t *ip, uint32_t bytes, uint32_t mtu)
{
	struct icmp message = { .type = ICMP_UNREACHABLE, .code = ICMP_UNREACHABLE_FRAGMENTATION, .rest = mtu,
				.payload = ip };
	struct ipv4 error = { .ttl = 64, .protocol = IPV4_PROTOCOL_ICMP, .dont_fragment = true };
	struct ipv4 about;
	uint32_t header;

	if (ipv4_parse(&about, ip, bytes) != IPV4_OK || about.fragment_offset != 0 ||
	    address_v4_value(&about.source) == 0 || address_v4_value(&about.source) >= 0xe0000000u ||
	    address_v4_value(&about.destination) >= 0xe0000000u)
		return 0;
	if (about.protocol == IPV4_PROTOCOL_ICMP && (about.payload_bytes == 0 || (about.payload[0] != ICMP_ECHO &&
										  about.payload[0] != ICMP_ECHO_REPLY)))
		return 0;
	message.payload_bytes = about.total_bytes < QUOTE_V4_MAX ? about.total_bytes : QUOTE_V4_MAX;
	error.source = about.destination;
	error.destination = about.source;
	error.payload_bytes = ICMP_HEADER_BYTES + message.payload_bytes;
	header = ipv4_emit(to, &error);
	return header + (uint32_t)icmp_emit(to + header, error.payload_bytes, &message);
}

static uint32_t error_v6(uint8_t *to, const uint8_t *ip, uint32_t bytes, uint32_t mtu)
{
	uint32_t quoted = bytes < QUOTE_V6_MAX ? bytes : QUOTE_V6_MAX, n = ICMP_HEADER_BYTES + quoted;
	uint8_t *icmp = to + IPV6_HEADER;
	struct address source, destination;

	if (bytes < IPV6_HEADER || ip[8] == 0xff || ip[24] == 0xff)
		return 0;
	if (ip[6] == ICMPV6 && (bytes == IPV6_HEADER || ip[IPV6_HEADER] < ICMPV6_INFORMATIONAL))
		return 0;
	memset(to, 0, IPV6_HEADER + ICMP_HEADER_BYTES);
	to[0] = 6 << 4;
	store_be16(to + 4, (uint16_t)n);
	to[6] = ICMPV6;
	to[7] = 64;
	memcpy(to + 8, ip + 24, 16);
	memcpy(to + 24, ip + 8, 16);
	icmp[0] = ICMPV6_TOO_BIG;
	store_be32(icmp + 4, mtu);
	memcpy(icmp + ICMP_HEADER_BYTES, ip, quoted);
	memcpy(source.bytes, to + 8, 16);
	memcpy(destination.bytes, to + 24, 16);
	store_be16(icmp + 2, checksum_finish(checksum_add(checksum_pseudo_v6(&source, &destination, ICMPV6, n), icmp,
							  n)));
	return IPV6_HEADER + n;
}

uint32_t router_error(uint8_t *to, const uint8_t *packet, uint32_t length, uint32_t network_offset, uint32_t mtu)
{
	const uint8_t *ip = packet + network_offset;
	uint32_t bytes = length - network_offset, made = 0;

	if (length <= network_offset || is_group(packet, network_offset))
		return 0;
	if (ip[0] >> 4 == 4)
		made = error_v4(to + network_offset, ip, bytes, mtu);
	else if (ip[0] >> 4 == 6)
		made = error_v6(to + network_offset, ip, bytes, mtu);
	if (made == 0)
		return 0;
	link_header_turn(to, packet, network_offset);
	return network_offset + made;
}

bool router_may_fragment(const uint8_t *packet, uint32_t length, uint32_t network_offset)
{
	struct ipv4 parsed;

	return length > network_offset && packet[network_offset] >> 4 == 4 &&
	       ipv4_parse(&parsed, packet + network_offset, length - network_offset) == IPV4_OK &&
	       !parsed.dont_fragment;
}

/* The options that every fragment has, padded; how many bytes. */
static uint32_t options_copy(uint8_t *to, const struct ipv4 *packet)
{
	uint32_t at = 0, n = 0;

	while (at < packet->options_bytes && packet->options[at] != 0) {
		uint32_t bytes = packet->options[at] == 1 ? 1 : packet->options[at + 1];

		if (packet->options[at] & OPTION_COPIED) {
			memcpy(to + n, packet->options + at, bytes);
			n += bytes;
		}
		at += bytes;
	}
	while (n % 4 != 0)
		to[n++] = 0;
	return n;
}

uint32_t router_fragment(uint8_t *to, const uint8_t *packet, uint32_t length, uint32_t network_offset, uint32_t mtu,
			 uint32_t *done)
{
	const uint8_t *ip = packet + network_offset;
	uint8_t *out = to + network_offset;
	struct ipv4 parsed;
	uint32_t header, bytes;
	uint16_t field;

	if (ipv4_parse(&parsed, ip, length - network_offset) != IPV4_OK || *done >= parsed.payload_bytes)
		return 0;
	memcpy(to, packet, network_offset);
	header = IPV4_HEADER_MIN + parsed.options_bytes;
	memcpy(out, ip, header);
	if (*done > 0)
		header = IPV4_HEADER_MIN + options_copy(out + IPV4_HEADER_MIN, &parsed);
	bytes = parsed.payload_bytes - *done;
	if (header + bytes > mtu)
		bytes = mtu > header + 8 ? (mtu - header) & ~7u : 8;
	field = (uint16_t)((load_be16(ip + 6) & OFFSET_MASK) + *done / 8);
	if (*done + bytes < parsed.payload_bytes || parsed.more_fragments)
		field |= FLAG_MF;
	out[0] = (uint8_t)(4 << 4 | header / 4);
	store_be16(out + 2, (uint16_t)(header + bytes));
	store_be16(out + 6, field);
	store_be16(out + 10, 0);
	store_be16(out + 10, checksum_finish(checksum_add(0, out, header)));
	memcpy(out + header, parsed.payload + *done, bytes);
	*done += bytes;
	return network_offset + header + bytes;
}
