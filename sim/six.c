/* SPDX-License-Identifier: MIT */
/* IPv6 at the edge of hosts; see six.h. */
#include "sim/six.h"

#include <stdlib.h>
#include <string.h>

#include "sim/frame.h"

#define HEADER 40u              /* of IPv6 */
#define SHRINKS 20u             /* a packet, when it becomes IPv4 */
#define ICMP6 58

static const uint8_t prefix[12] = { 0xfd };

struct eleven_address six_address(const struct world *world, uint32_t address)
{
	struct eleven_address made = { { 0 } };

	if (world->spec.six) {
		if (address != 0)
			memcpy(made.bytes, prefix, sizeof(prefix));
	} else {
		made.bytes[10] = made.bytes[11] = 0xff;
	}
	frame_put32(made.bytes + 12, address);
	return made;
}

static uint16_t sum_of(const uint8_t *ip, uint8_t protocol, const uint8_t *payload, uint32_t n)
{
	uint64_t sum = (uint64_t)protocol + n;

	for (unsigned i = 8; i < HEADER; i += 2)
		sum += frame_u16(ip + i);
	for (uint32_t i = 0; payload && i < n; i++)
		sum += i % 2 ? payload[i] : (uint64_t)payload[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static const char *judge(const struct eleven_out *out, const uint8_t *ip)
{
	uint32_t payload = out->length - HEADER;
	bool partial = out->flags & ELEVEN_PACKET_CHECKSUM_PARTIAL;

	if (ip[0] >> 4 != 6)
		return "not IPv6";
	if (frame_u16(ip + 4) != payload)
		return "payload length is not the length";
	if (ip[7] == 0)
		return "hop limit 0";
	if (memcmp(ip + 8, prefix, 12) != 0 || memcmp(ip + 24, prefix, 12) != 0)
		return "from or to an address that nobody has";
	if (ip[6] != 6)
		return ip[6] == ICMP6 ? NULL : "neither TCP nor ICMPv6 behind the header";
	if ((frame_u32(ip) & 0xfffff) == 0)
		return "TCP without a flow label";
	if (payload < 20 || out->checksum_start != HEADER)
		return "TCP is not where it should be";
	if (partial ? frame_u16(ip + HEADER + 16) != sum_of(ip, 6, NULL, payload)
		    : sum_of(ip, 6, ip + HEADER, payload) != 0xffff)
		return "TCP checksum wrong";
	return NULL;
}

bool six_sent(struct world *world, unsigned host, struct eleven_out *out, uint8_t *bytes)
{
	const char *fault = out->length < HEADER ? "shorter than an IPv6 header" : judge(out, bytes);
	uint8_t made[20] = { 0x45, (uint8_t)(frame_u16(bytes) >> 4) };
	uint32_t length = out->length - SHRINKS;

	if (fault)
		world_fail(world, "O17", "host %u: %s", host, fault);
	if (bytes[6] == ICMP6)
		return false;
	frame_put16(made + 6, 0x4000);
	made[8] = bytes[7];
	made[9] = bytes[6];
	memcpy(made + 12, bytes + 20, 4);
	memcpy(made + 16, bytes + 36, 4);
	memcpy(bytes, made, sizeof(made));
	memmove(bytes + sizeof(made), bytes + HEADER, length - sizeof(made));
	frame_seal(bytes, length);
	out->length = length;
	out->checksum_start = 20;
	out->slice[0].length -= SHRINKS;
	return true;
}

static void header_make(uint8_t *out, const uint8_t *ip, uint8_t protocol, uint32_t payload)
{
	frame_put32(out, 6u << 28 | (uint32_t)ip[1] << 20 | 0x12345);
	frame_put16(out + 4, (uint16_t)payload);
	out[6] = protocol;
	out[7] = ip[8];
	memcpy(out + 8, prefix, 12);
	memcpy(out + 20, ip + 12, 4);
	memcpy(out + 24, prefix, 12);
	memcpy(out + 36, ip + 16, 4);
}

/* An error of the network, or one who says that he is: type 3 of ICMP with what it quotes. */
static uint8_t *error_arrived(const uint8_t *ip, uint32_t *length)
{
	static const uint8_t codes[] = { 0, 3, 4, 4, 0 };
	uint32_t quoted = *length - 48, payload = 8 + HEADER + quoted;
	uint8_t *made = calloc(1, HEADER + payload), *icmp = made + HEADER;

	if (!made)
		abort();
	header_make(made, ip, ICMP6, payload);
	icmp[0] = ip[21] == 4 ? 2 : 1;
	icmp[1] = ip[21] == 4 ? 0 : codes[ip[21] % 5];
	if (ip[21] == 4)
		frame_put32(icmp + 4, frame_u16(ip + 26) + SHRINKS);
	header_make(icmp + 8, ip + 28, 6, frame_u16(ip + 30) - 20u);
	memcpy(icmp + 8 + HEADER, ip + 48, quoted);
	frame_put16(icmp + 2, (uint16_t)~sum_of(made, ICMP6, icmp, payload));
	*length = HEADER + payload;
	return made;
}

uint8_t *six_arrived(const uint8_t *bytes, uint32_t *length, uint8_t flags)
{
	bool icmp = *length >= 56 && bytes[9] == 1;
	struct frame frame = { .ip = bytes, .ip_bytes = *length, .ip_header_bytes = 20, .segment = bytes + 20,
			       .tcp = !icmp, .icmp = icmp };
	uint32_t payload = *length - 20;
	uint8_t *made;
	bool good;

	if (*length < 40)
		return NULL;
	good = bytes[0] == 0x45 && frame_u16(bytes + 2) == *length && (icmp || bytes[9] == 6) &&
	       !frame_check(&frame, flags & ELEVEN_PACKET_CHECKSUM_OK);
	if (icmp)
		return good ? error_arrived(bytes, length) : NULL;
	made = calloc(1, HEADER + payload);
	if (!made)
		abort();
	header_make(made, bytes, 6, frame_u16(bytes + 2) - 20u);
	memcpy(made + HEADER, bytes + 20, payload);
	frame_put16(made + HEADER + 16, 0);
	frame_put16(made + HEADER + 16, (uint16_t)(~sum_of(made, 6, made + HEADER, payload) ^ (good ? 0 : 0x5555)));
	*length = HEADER + payload;
	return made;
}
