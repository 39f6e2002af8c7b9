/* SPDX-License-Identifier: MIT */
/* The simulator's own reader of packets, strict: what a stack sends must be the plainest form of it. */
#include "sim/frame.h"

#include <stddef.h>
#include <string.h>

uint16_t frame_u16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

uint32_t frame_u32(const uint8_t *at)
{
	return (uint32_t)frame_u16(at) << 16 | frame_u16(at + 2);
}

void frame_put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

void frame_put32(uint8_t *at, uint32_t value)
{
	frame_put16(at, (uint16_t)(value >> 16));
	frame_put16(at + 2, (uint16_t)value);
}

static uint16_t sum_of(uint64_t sum, const uint8_t *bytes, uint32_t n)
{
	uint32_t i;

	for (i = 0; i + 1 < n; i += 2)
		sum += (uint64_t)bytes[i] << 8 | bytes[i + 1];
	if (i < n)
		sum += (uint64_t)bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static uint16_t pseudo_sum(const uint8_t *ip, uint32_t bytes)
{
	return sum_of((uint64_t)ip[9] + bytes, ip + 12, 8);
}

void frame_seal(uint8_t *ip, uint32_t ip_bytes)
{
	uint32_t header = (ip[0] & 15u) * 4, payload = ip_bytes - header;
	uint8_t *at = ip + header;

	frame_put16(ip + 2, (uint16_t)ip_bytes);
	frame_put16(ip + 10, 0);
	frame_put16(ip + 10, (uint16_t)~sum_of(0, ip, header));
	if (ip[9] == 6) {
		frame_put16(at + 16, 0);
		frame_put16(at + 16, (uint16_t)~sum_of(pseudo_sum(ip, payload), at, payload));
	} else if (ip[9] == 1) {
		frame_put16(at + 2, 0);
		frame_put16(at + 2, (uint16_t)~sum_of(0, at, payload));
	}
}

static const char *option_read(struct frame *f, const uint8_t *at, unsigned kind, unsigned length)
{
	switch (kind) {
	case 2:
		f->mss = frame_u16(at + 2);
		return length == 4 && f->flags & SYN ? NULL : "MSS option of wrong length or without SYN";
	case 3:
		f->wscale = at[2];
		return length == 3 && at[2] <= 14 && f->flags & SYN ? NULL : "window scale option wrong";
	case 4:
		f->sack_permitted = true;
		return length == 2 && f->flags & SYN ? NULL : "SACK-permitted option wrong";
	case 5:
		f->sacks = (length - 2) / 8;
		if (f->sacks == 0 || f->sacks > 4 || length != 2 + 8 * f->sacks || f->flags & SYN)
			return "SACK option wrong";
		for (unsigned i = 0; i < f->sacks; i++) {
			f->sack[i][0] = frame_u32(at + 2 + 8 * i);
			f->sack[i][1] = frame_u32(at + 6 + 8 * i);
		}
		return NULL;
	case 8:
		f->timestamps = true;
		f->tsval = frame_u32(at + 2);
		f->tsecr = frame_u32(at + 6);
		return length == 10 ? NULL : "timestamps option of wrong length";
	case 34:
		return length <= 18 && f->flags & SYN ? NULL : "Fast Open option wrong, or without SYN";
	case 172:
	case 174:
		return length % 3 == 2 && length <= 11 && !(f->flags & SYN && !(f->flags & ACK)) ? NULL :
		       "option of accurate ECN wrong, or on a SYN";
	default:
		return "unknown option sent";
	}
}

static const char *options_read(struct frame *f)
{
	const uint8_t *at = f->segment + 20, *end = f->segment + f->header_bytes;
	unsigned long seen = 0;

	f->wscale = -1;
	while (at < end) {
		const char *fault;

		if (*at == 0) {
			for (; at < end; at++)
				if (*at)
					return "padding behind the end of options is not zero";
			break;
		}
		if (*at == 1) {
			at++;
			continue;
		}
		if (end - at < 2 || at[1] < 2 || at[1] > end - at)
			return "option beyond the header";
		if (*at < 32 && seen & 1ul << *at)
			return "option sent twice";
		seen |= *at < 32 ? 1ul << *at : 0;
		fault = option_read(f, at, at[0], at[1]);
		if (fault)
			return fault;
		at += at[1];
	}
	return NULL;
}

static const char *segment_read(struct frame *f, uint32_t bytes)
{
	const uint8_t *at = f->segment;

	if (bytes < 20)
		return "shorter than a TCP header";
	f->source_port = frame_u16(at);
	f->destination_port = frame_u16(at + 2);
	f->seq = frame_u32(at + 4);
	f->ack = frame_u32(at + 8);
	f->header_bytes = (at[12] >> 4) * 4u;
	f->flags = at[13];
	f->window = frame_u16(at + 14);
	if (f->header_bytes < 20 || f->header_bytes > bytes)
		return "data offset impossible";
	f->ae = at[12] & 1;
	if (at[12] & 14)
		return "reserved bits set";
	if (!(f->flags & URG) && frame_u16(at + 18))
		return "urgent pointer without URG";
	if (!(f->flags & ACK) && f->ack)
		return "acknowledgment number without ACK";
	if (f->source_port == 0 || f->destination_port == 0)
		return "port 0";
	f->text = at + f->header_bytes;
	f->text_bytes = bytes - f->header_bytes;
	if (!(f->flags & (ACK | SYN | RST)))
		return "no ACK, SYN or RST";
	if (f->flags & SYN && f->flags & (FIN | RST))
		return "SYN with FIN or RST";
	if (f->flags & RST && f->flags & (FIN | PSH))
		return "RST with FIN or PSH";
	return options_read(f);
}

const char *frame_read(struct frame *f, const uint8_t *bytes, uint32_t length, bool ethernet)
{
	memset(f, 0, sizeof(*f));
	if (ethernet) {
		if (length < 14)
			return "shorter than an Ethernet header";
		f->arp = frame_u16(bytes + 12) == 0x0806;
		if (f->arp)
			return length >= 14 + 28 ? NULL : "ARP packet too short";
		if (frame_u16(bytes + 12) != 0x0800)
			return "neither IPv4 nor ARP";
		bytes += 14;
		length -= 14;
	}
	f->ip = bytes;
	f->ip_bytes = length;
	if (length < 20 || bytes[0] != 0x45)
		return "no plain IPv4 header";
	f->ip_header_bytes = 20;
	f->source = frame_u32(bytes + 12);
	f->destination = frame_u32(bytes + 16);
	if (frame_u16(bytes + 2) != length)
		return "total length is not the length";
	if (frame_u16(bytes + 6) & 0xbfff)
		return "a fragment, or the reserved flag";
	if (bytes[8] == 0)
		return "TTL 0";
	f->segment = bytes + 20;
	f->tcp = bytes[9] == 6;
	f->icmp = bytes[9] == 1;
	return f->tcp ? segment_read(f, length - 20) : f->icmp && length >= 28 ? NULL : "neither TCP nor ICMP";
}

const char *frame_check(const struct frame *f, bool partial)
{
	uint32_t bytes = f->ip_bytes - f->ip_header_bytes;

	if (f->arp)
		return NULL;
	if (sum_of(0, f->ip, f->ip_header_bytes) != 0xffff)
		return "IP checksum wrong";
	if (f->tcp && !partial && sum_of(pseudo_sum(f->ip, bytes), f->segment, bytes) != 0xffff)
		return "TCP checksum wrong";
	if (f->icmp && sum_of(0, f->segment, bytes) != 0xffff)
		return "ICMP checksum wrong";
	return NULL;
}
