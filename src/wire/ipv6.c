/* SPDX-License-Identifier: MIT */
/* The IPv6 header; see ipv6.h. */
#include "wire/ipv6.h"

static enum ipv6_fault header_parse(struct ipv6 *out, const uint8_t *bytes, size_t n, bool quoted)
{
	uint32_t word;

	memset(out, 0, sizeof(*out));
	if (n < 1)
		return IPV6_TRUNCATED;
	if (bytes[0] >> 4 != 6)
		return IPV6_BAD_VERSION;
	if (n < IPV6_HEADER_BYTES)
		return IPV6_TRUNCATED;
	word = load_be32(bytes);
	out->tos = (uint8_t)(word >> 20);
	out->flow_label = word & IPV6_FLOW_LABEL_MAX;
	out->payload_bytes = load_be16(bytes + 4);
	out->next_header = bytes[6];
	out->hop_limit = bytes[7];
	memcpy(out->source.bytes, bytes + 8, 16);
	memcpy(out->destination.bytes, bytes + 24, 16);
	out->payload = bytes + IPV6_HEADER_BYTES;
	if (out->payload_bytes == 0 && out->next_header == IPV6_HOP_BY_HOP)
		return IPV6_JUMBO;
	if (out->payload_bytes > n - IPV6_HEADER_BYTES && !quoted)
		return IPV6_BAD_LENGTH;
	return IPV6_OK;
}

enum ipv6_fault ipv6_parse(struct ipv6 *out, const uint8_t *bytes, size_t n)
{
	return header_parse(out, bytes, n, false);
}

enum ipv6_fault ipv6_parse_quoted(struct ipv6 *out, const uint8_t *bytes, size_t n)
{
	return header_parse(out, bytes, n, true);
}

unsigned ipv6_emit(uint8_t *out, const struct ipv6 *packet)
{
	store_be32(out, 6u << 28 | (uint32_t)packet->tos << 20 | (packet->flow_label & IPV6_FLOW_LABEL_MAX));
	store_be16(out + 4, (uint16_t)packet->payload_bytes);
	out[6] = packet->next_header;
	out[7] = packet->hop_limit;
	memcpy(out + 8, packet->source.bytes, 16);
	memcpy(out + 24, packet->destination.bytes, 16);
	return IPV6_HEADER_BYTES;
}
