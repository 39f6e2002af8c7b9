/* SPDX-License-Identifier: MIT */
/* Joining, checksumming and cutting of packets; see cut.h. */
#include "link/cut.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "wire/checksum.h"
#include "wire/ipv4.h"

#define TCP_FLAGS 13                    /* offset in the TCP header */
#define TCP_CHECKSUM 16
#define UDP_CHECKSUM 6
#define FLAG_FIN 1
#define FLAG_PSH 8
#define FLAG_CWR 128

uint32_t packet_gather(uint8_t *to, const struct eleven_out *packet)
{
	uint32_t length = 0;

	for (unsigned i = 0; i < packet->slices; i++) {
		memcpy(to + length, packet->slice[i].bytes, packet->slice[i].length);
		length += packet->slice[i].length;
	}
	return length;
}

/* What the IP header says, of either version. */
struct envelope {
	uint32_t transport;             /* offset of the transport header in the packet */
	uint32_t end;                   /* of the IP packet, without padding */
	uint8_t protocol;
	bool fragment;
};

static bool envelope_read(struct envelope *e, const uint8_t *packet, uint32_t length, uint32_t network_offset)
{
	const uint8_t *ip = packet + network_offset;

	if (length < network_offset + IPV4_HEADER_MIN)
		return false;
	if (ip[0] >> 4 == 4) {
		e->transport = network_offset + (ip[0] & 15u) * 4u;
		e->end = network_offset + load_be16(ip + 2);
		e->protocol = ip[9];
		e->fragment = load_be16(ip + 6) & 0x3fff;
		return (ip[0] & 15u) >= 5 && e->end <= length && e->transport <= e->end;
	}
	if (ip[0] >> 4 == 6 && length >= network_offset + 40) {
		e->transport = network_offset + 40;
		e->end = e->transport + load_be16(ip + 4);
		e->protocol = ip[6];
		e->fragment = false;
		return e->end <= length;
	}
	return false;
}

static uint32_t pseudo_sum(const uint8_t *ip, uint8_t protocol, uint32_t bytes)
{
	struct address source, destination;

	if (ip[0] >> 4 == 4)
		return checksum_pseudo_v4(load_be32(ip + 12), load_be32(ip + 16), protocol, (uint16_t)bytes);
	memcpy(source.bytes, ip + 8, 16);
	memcpy(destination.bytes, ip + 24, 16);
	return checksum_pseudo_v6(&source, &destination, protocol, bytes);
}

bool packet_checksum(uint8_t *packet, uint32_t length, uint32_t network_offset)
{
	struct envelope e;
	uint32_t field, bytes;
	uint16_t value;

	if (!envelope_read(&e, packet, length, network_offset) || e.fragment)
		return false;
	bytes = e.end - e.transport;
	if (e.protocol == IPV4_PROTOCOL_TCP && bytes >= 20)
		field = e.transport + TCP_CHECKSUM;
	else if (e.protocol == IPV4_PROTOCOL_UDP && bytes >= 8)
		field = e.transport + UDP_CHECKSUM;
	else
		return false;
	store_be16(packet + field, 0);
	value = checksum_finish(checksum_add(pseudo_sum(packet + network_offset, e.protocol, bytes),
					     packet + e.transport, bytes));
	if (value == 0 && e.protocol == IPV4_PROTOCOL_UDP)
		value = 0xffff;         /* RFC 768: 0 means none */
	store_be16(packet + field, value);
	return true;
}

bool packet_describe(struct eleven_out *out, const uint8_t *packet, uint32_t length, uint32_t network_offset,
		     uint16_t segment_bytes)
{
	struct envelope e;
	uint32_t headers;

	memset(out, 0, sizeof(*out));
	out->network_offset = (uint8_t)network_offset;
	out->length = length;
	out->slices = 1;
	out->slice[0] = (struct eleven_slice){ packet, length };
	if (!envelope_read(&e, packet, length, network_offset) || e.fragment || e.protocol != IPV4_PROTOCOL_TCP ||
	    e.end - e.transport < 20)
		return false;
	headers = e.transport + (packet[e.transport + 12] >> 4) * 4u;
	if (headers < e.transport + 20 || headers >= e.end)
		return false;
	out->slices = 2;
	out->slice[0].length = headers;
	out->slice[1] = (struct eleven_slice){ packet + headers, e.end - headers };
	out->length = e.end;
	out->checksum_start = (uint16_t)e.transport;
	out->checksum_offset = TCP_CHECKSUM;
	out->segment_bytes = segment_bytes;
	return true;
}

void cut_begin(struct cut *cut, const struct eleven_out *packet)
{
	cut->packet = packet;
	cut->header_bytes = packet->slice[0].length;
	cut->text_bytes = packet->length - cut->header_bytes;
	cut->done = 0;
	cut->number = 0;
}

/* Copies text from `from` on out of the slices behind the first. */
static uint32_t text_copy(uint8_t *to, const struct eleven_out *packet, uint32_t from, uint32_t bytes, uint32_t sum)
{
	for (unsigned i = 1; i < packet->slices && bytes > 0; i++) {
		const struct eleven_slice *slice = &packet->slice[i];
		uint32_t n;

		if (from >= slice->length) {
			from -= slice->length;
			continue;
		}
		n = slice->length - from < bytes ? slice->length - from : bytes;
		sum = checksum_copy(to, slice->bytes + from, n, sum);
		to += n;
		bytes -= n;
		from = 0;
	}
	return sum;
}

/* Length, identification and header checksum of the packet that holds segment `number`. */
static void network_header_fit(uint8_t *ip, uint32_t bytes, unsigned number)
{
	if (ip[0] >> 4 == 6) {
		store_be16(ip + 4, (uint16_t)(bytes - 40));
		return;
	}
	store_be16(ip + 2, (uint16_t)bytes);
	store_be16(ip + 4, (uint16_t)(load_be16(ip + 4) + number));
	store_be16(ip + 10, 0);
	store_be16(ip + 10, checksum_finish(checksum_add(0, ip, (ip[0] & 15u) * 4u)));
}

/* Not cut: joined, and the checksum finished from the pseudo-header's sum that is in its field. */
static uint32_t whole_copy(uint8_t *to, const struct eleven_out *packet)
{
	uint32_t length = packet_gather(to, packet);

	if (packet->flags & ELEVEN_PACKET_CHECKSUM_PARTIAL) {
		uint8_t *field = to + packet->checksum_start + packet->checksum_offset;

		store_be16(field, checksum_finish(checksum_add(0, to + packet->checksum_start,
							       length - packet->checksum_start)));
	}
	return length;
}

uint32_t cut_next(struct cut *cut, uint8_t *to)
{
	const struct eleven_out *packet = cut->packet;
	uint32_t bytes = cut->text_bytes - cut->done, length, sum;
	uint8_t *ip = to + packet->network_offset, *tcp = to + packet->checksum_start;
	bool last = true;

	if (cut->number > 0 && bytes == 0)
		return 0;
	if (!packet->segment_bytes || cut->text_bytes <= packet->segment_bytes) {
		cut->done = cut->text_bytes;
		if (cut->number++ > 0)
			return 0;
		if (!packet->segment_bytes || packet->flags & ELEVEN_PACKET_CHECKSUM_PARTIAL)
			return whole_copy(to, packet);
		length = packet_gather(to, packet);
		packet_checksum(to, length, packet->network_offset);
		return length;
	}
	if (bytes > packet->segment_bytes) {
		bytes = packet->segment_bytes;
		last = false;
	}
	CHECK(packet->checksum_start >= packet->network_offset + 20);
	CHECK(cut->header_bytes >= packet->checksum_start + 20u);
	memcpy(to, packet->slice[0].bytes, cut->header_bytes);
	length = cut->header_bytes + bytes;
	network_header_fit(ip, length - packet->network_offset, cut->number);
	store_be32(tcp + 4, load_be32(tcp + 4) + cut->done);
	if (!last)
		tcp[TCP_FLAGS] &= (uint8_t)~(FLAG_FIN | FLAG_PSH);
	if (cut->number > 0)
		tcp[TCP_FLAGS] &= (uint8_t)~FLAG_CWR;
	store_be16(tcp + TCP_CHECKSUM, 0);
	sum = pseudo_sum(ip, IPV4_PROTOCOL_TCP, length - packet->checksum_start);
	sum = checksum_add(sum, tcp, cut->header_bytes - packet->checksum_start);
	sum = text_copy(to + cut->header_bytes, packet, cut->done, bytes, sum);
	store_be16(tcp + TCP_CHECKSUM, checksum_finish(sum));
	cut->done += bytes;
	cut->number++;
	return length;
}
