/* SPDX-License-Identifier: MIT */
/* The IPv4 header; see ipv4.h. */
#include "wire/ipv4.h"

#include "wire/checksum.h"

#define FLAG_RESERVED       0x8000
#define FLAG_DONT_FRAGMENT  0x4000
#define FLAG_MORE_FRAGMENTS 0x2000
#define FRAGMENT_OFFSET     0x1fff      /* in units of 8 bytes */

#define OPTION_END                 0
#define OPTION_NOP                 1
#define OPTION_LOOSE_SOURCE_ROUTE  131
#define OPTION_STRICT_SOURCE_ROUTE 137

/* False when an option's length is impossible. */
static bool options_parse(struct ipv4 *out)
{
	struct reader r = reader_init(out->options, out->options_bytes);

	while (reader_left(&r)) {
		uint8_t kind = get_u8(&r), length;

		if (kind == OPTION_END)
			return true;
		if (kind == OPTION_NOP)
			continue;
		length = get_u8(&r);
		if (length < 2 || !reader_skip(&r, length - 2u))
			return false;
		if (kind == OPTION_LOOSE_SOURCE_ROUTE || kind == OPTION_STRICT_SOURCE_ROUTE)
			out->source_route = true;
	}
	return true;
}

static void fields_parse(struct ipv4 *out, const uint8_t *bytes)
{
	uint16_t fragment = load_be16(bytes + 6);

	out->dscp = bytes[1] >> 2;
	out->ecn = bytes[1] & 3;
	out->total_bytes = load_be16(bytes + 2);
	out->id = load_be16(bytes + 4);
	out->reserved_flag = fragment & FLAG_RESERVED;
	out->dont_fragment = fragment & FLAG_DONT_FRAGMENT;
	out->more_fragments = fragment & FLAG_MORE_FRAGMENTS;
	out->fragment_offset = (uint32_t)(fragment & FRAGMENT_OFFSET) * 8;
	out->ttl = bytes[8];
	out->protocol = bytes[9];
	out->checksum = load_be16(bytes + 10);
	out->source = address_v4(load_be32(bytes + 12));
	out->destination = address_v4(load_be32(bytes + 16));
}

static enum ipv4_fault header_parse(struct ipv4 *out, const uint8_t *bytes, size_t n, bool quoted)
{
	unsigned header_bytes;
	size_t end;

	memset(out, 0, sizeof(*out));
	if (n < IPV4_HEADER_MIN)
		return IPV4_TRUNCATED;
	fields_parse(out, bytes);
	if (bytes[0] >> 4 != 4)
		return IPV4_BAD_VERSION;
	header_bytes = (bytes[0] & 15u) * 4;
	if (header_bytes < IPV4_HEADER_MIN)
		return IPV4_BAD_HEADER_LENGTH;
	if (header_bytes > n)
		return IPV4_TRUNCATED;
	if (out->total_bytes < header_bytes || (out->total_bytes > n && !quoted))
		return IPV4_BAD_TOTAL_LENGTH;
	if (!quoted && checksum_finish(checksum_add(0, bytes, header_bytes)) != 0)
		return IPV4_BAD_CHECKSUM;
	end = out->total_bytes < n ? out->total_bytes : n;
	out->options = bytes + IPV4_HEADER_MIN;
	out->options_bytes = (uint8_t)(header_bytes - IPV4_HEADER_MIN);
	out->payload = bytes + header_bytes;
	out->payload_bytes = (uint32_t)(end - header_bytes);
	return options_parse(out) ? IPV4_OK : IPV4_BAD_OPTION;
}

enum ipv4_fault ipv4_parse(struct ipv4 *out, const uint8_t *bytes, size_t n)
{
	enum ipv4_fault fault = header_parse(out, bytes, n, false);

	if (fault != IPV4_OK || !ipv4_is_fragment(out))
		return fault;
	if (out->more_fragments && (out->payload_bytes % 8 != 0 || out->payload_bytes == 0))
		return IPV4_BAD_FRAGMENT;
	if (out->fragment_offset + out->total_bytes > UINT16_MAX)
		return IPV4_BAD_FRAGMENT;
	return IPV4_OK;
}

enum ipv4_fault ipv4_parse_quoted(struct ipv4 *out, const uint8_t *bytes, size_t n)
{
	return header_parse(out, bytes, n, true);
}

unsigned ipv4_emit(uint8_t *out, const struct ipv4 *packet)
{
	unsigned options_bytes = packet->options_bytes > IPV4_HEADER_MAX - IPV4_HEADER_MIN ?
				 IPV4_HEADER_MAX - IPV4_HEADER_MIN : packet->options_bytes;
	unsigned header_bytes = IPV4_HEADER_MIN + (options_bytes + 3) / 4 * 4;
	uint16_t fragment = (uint16_t)(packet->fragment_offset / 8 & FRAGMENT_OFFSET);

	if (packet->reserved_flag)
		fragment |= FLAG_RESERVED;
	if (packet->dont_fragment)
		fragment |= FLAG_DONT_FRAGMENT;
	if (packet->more_fragments)
		fragment |= FLAG_MORE_FRAGMENTS;
	out[0] = (uint8_t)(4 << 4 | header_bytes / 4);
	out[1] = (uint8_t)(packet->dscp << 2 | (packet->ecn & 3));
	store_be16(out + 2, (uint16_t)(header_bytes + packet->payload_bytes));
	store_be16(out + 4, packet->id);
	store_be16(out + 6, fragment);
	out[8] = packet->ttl;
	out[9] = packet->protocol;
	store_be16(out + 10, 0);
	store_be32(out + 12, address_v4_value(&packet->source));
	store_be32(out + 16, address_v4_value(&packet->destination));
	if (options_bytes) {
		memset(out + IPV4_HEADER_MIN, OPTION_END, header_bytes - IPV4_HEADER_MIN);
		memcpy(out + IPV4_HEADER_MIN, packet->options, options_bytes);
	}
	if (options_bytes == 0) {
		uint16_t checksum = (uint16_t)~ipv4_header_sum(out);

		memcpy(out + 10, &checksum, sizeof(checksum));
		return header_bytes;
	}
	store_be16(out + 10, checksum_finish(checksum_add(0, out, header_bytes)));
	return header_bytes;
}
