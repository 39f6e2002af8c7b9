/* SPDX-License-Identifier: MIT */
/* ICMPv6; see icmp6.h. */
#include "wire/icmp6.h"

#include "wire/checksum.h"

#define QUOTE_HEADERS_MAX 16u   /* extension headers walked over in a quote */

enum icmp6_fault icmp6_parse(struct icmp6 *out, const uint8_t *bytes, size_t n, const struct address *source,
			     const struct address *destination)
{
	uint32_t sum;

	memset(out, 0, sizeof(*out));
	if (n < ICMP6_HEADER_BYTES)
		return ICMP6_TRUNCATED;
	out->type = bytes[0];
	out->code = bytes[1];
	out->rest = load_be32(bytes + 4);
	out->bytes = bytes;
	out->length = (uint32_t)n;
	sum = checksum_pseudo_v6(source, destination, IPV6_ICMP, (uint32_t)n);
	return checksum_finish(checksum_add(sum, bytes, n)) == 0 ? ICMP6_OK : ICMP6_BAD_CHECKSUM;
}

enum icmp6_quote_fault icmp6_quote_parse(struct icmp6_quote *out, const struct icmp6 *message)
{
	const uint8_t *bytes = message->bytes + ICMP6_HEADER_BYTES;
	uint32_t n = message->length - ICMP6_HEADER_BYTES, at = IPV6_HEADER_BYTES;
	uint8_t next;

	memset(out, 0, sizeof(*out));
	if (ipv6_parse_quoted(&out->packet, bytes, n) != IPV6_OK)
		return ICMP6_QUOTE_BAD_IP;
	next = out->packet.next_header;
	for (unsigned i = 0; ipv6_is_extension(next); i++) {
		uint32_t header = ipv6_extension_bytes(next, bytes + at, n - at);

		if (header == 0 || i == QUOTE_HEADERS_MAX)
			return ICMP6_QUOTE_TRUNCATED;
		if (next == IPV6_FRAGMENT && ipv6_fragment_parse(bytes + at).offset > 0)
			return ICMP6_QUOTE_FRAGMENT;
		next = bytes[at];
		at += header;
	}
	out->header_bytes = at;
	out->protocol = next;
	if (next != IPV6_TCP)
		return ICMP6_QUOTE_PROTOCOL;
	if (n - at < 8)
		return ICMP6_QUOTE_TRUNCATED;
	out->source_port = load_be16(bytes + at);
	out->destination_port = load_be16(bytes + at + 2);
	out->seq = seq_of(load_be32(bytes + at + 4));
	return ICMP6_QUOTE_OK;
}

/* ---- neighbour discovery */

int8_t nd_preference(unsigned bits)
{
	static const int8_t meaning[4] = { 0, 1, 2, -1 };       /* RFC 4191 §2.1; 10 is reserved */

	return meaning[bits & 3];
}

static void prefix_parse(struct nd_options *out, const uint8_t *option)
{
	struct nd_prefix *prefix = &out->prefix[out->prefixes];

	if (out->prefixes == ND_LIST_MAX)
		return;
	out->prefixes++;
	prefix->bits = option[2];
	prefix->on_link = option[3] & 0x80;
	prefix->autonomous = option[3] & 0x40;
	prefix->valid_s = load_be32(option + 4);
	prefix->preferred_s = load_be32(option + 8);
	memcpy(prefix->prefix.bytes, option + 16, 16);
}

static void route_parse(struct nd_options *out, const uint8_t *option, unsigned length)
{
	struct nd_route *route = &out->route[out->routes];

	if (out->routes == ND_LIST_MAX || option[2] > 128 || length > 24 || length < 8u + (option[2] + 63) / 64 * 8u)
		return;
	out->routes++;
	route->bits = option[2];
	route->preference = nd_preference(option[3] >> 3);
	route->lifetime_s = load_be32(option + 4);
	memcpy(route->prefix.bytes, option + 8, length - 8);
}

bool nd_options_parse(struct nd_options *out, const uint8_t *bytes, size_t n)
{
	memset(out, 0, sizeof(*out));
	for (size_t at = 0; at < n;) {
		const uint8_t *option = bytes + at;
		unsigned length;

		if (n - at < 2)
			return false;
		length = option[1] * 8u;
		if (length == 0 || length > n - at)
			return false;
		if (option[0] == ND_OPTION_SOURCE_MAC && length == ND_MAC_OPTION_BYTES) {
			out->has_source_mac = true;
			memcpy(out->source_mac.bytes, option + 2, 6);
		} else if (option[0] == ND_OPTION_TARGET_MAC && length == ND_MAC_OPTION_BYTES) {
			out->has_target_mac = true;
			memcpy(out->target_mac.bytes, option + 2, 6);
		} else if (option[0] == ND_OPTION_PREFIX && length == 32) {
			prefix_parse(out, option);
		} else if (option[0] == ND_OPTION_MTU && length == 8) {
			out->mtu = load_be32(option + 4);
		} else if (option[0] == ND_OPTION_ROUTE) {
			route_parse(out, option, length);
		}
		at += length;
	}
	return true;
}

unsigned nd_mac_emit(uint8_t *out, uint8_t kind, const struct mac *mac)
{
	out[0] = kind;
	out[1] = ND_MAC_OPTION_BYTES / 8;
	memcpy(out + 2, mac->bytes, 6);
	return ND_MAC_OPTION_BYTES;
}
