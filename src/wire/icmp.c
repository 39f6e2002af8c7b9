/* SPDX-License-Identifier: MIT */
/* ICMP messages and the packets they quote; see icmp.h. */
#include "wire/icmp.h"

#include "wire/checksum.h"

enum icmp_fault icmp_parse(struct icmp *out, const uint8_t *bytes, size_t n)
{
	memset(out, 0, sizeof(*out));
	if (n < ICMP_HEADER_BYTES)
		return ICMP_TRUNCATED;
	out->type = bytes[0];
	out->code = bytes[1];
	out->checksum = load_be16(bytes + 2);
	out->rest = load_be32(bytes + 4);
	out->payload = bytes + ICMP_HEADER_BYTES;
	out->payload_bytes = (uint32_t)(n - ICMP_HEADER_BYTES);
	if (checksum_finish(checksum_add(0, bytes, n)) != 0)
		return ICMP_BAD_CHECKSUM;
	return ICMP_OK;
}

size_t icmp_emit(uint8_t *out, size_t n, const struct icmp *message)
{
	size_t bytes = ICMP_HEADER_BYTES + (size_t)message->payload_bytes;
	uint32_t sum;

	if (n < bytes)
		return 0;
	out[0] = message->type;
	out[1] = message->code;
	store_be16(out + 2, 0);
	store_be32(out + 4, message->rest);
	sum = checksum_add(0, out, ICMP_HEADER_BYTES);
	sum = checksum_copy(out + ICMP_HEADER_BYTES, message->payload, message->payload_bytes, sum);
	store_be16(out + 2, checksum_finish(sum));
	return bytes;
}

enum icmp_quote_fault icmp_quote_parse(struct icmp_quote *out, const struct icmp *message)
{
	enum ipv4_fault fault;
	struct reader r;

	memset(out, 0, sizeof(*out));
	if (!icmp_is_error(message))
		return ICMP_QUOTE_NONE;
	fault = ipv4_parse_quoted(&out->packet, message->payload, message->payload_bytes);
	if (fault != IPV4_OK && fault != IPV4_BAD_OPTION)
		return ICMP_QUOTE_BAD_IP;
	if (out->packet.fragment_offset)
		return ICMP_QUOTE_FRAGMENT;
	if (out->packet.protocol != IPV4_PROTOCOL_TCP && out->packet.protocol != IPV4_PROTOCOL_UDP)
		return ICMP_QUOTE_PROTOCOL;
	r = reader_init(out->packet.payload, out->packet.payload_bytes);
	out->source_port = get_u16(&r);
	out->destination_port = get_u16(&r);
	out->seq = seq_of(get_u32(&r));
	return r.failed ? ICMP_QUOTE_TRUNCATED : ICMP_QUOTE_OK;
}
