/* SPDX-License-Identifier: MIT */
/*
 * Raw packets into eleven_input() of a stack that listens and has connections in every state.
 *
 * An input is packets, each after three bytes: what to do with it, and its length.  It can be aimed: addresses, ports
 * and numbers moved to those of a connection, so that the bytes decide what matters; and its checksums be made right.
 */
#include <string.h>

#include "fuzz/arena.h"
#include "fuzz/segments.h"
#include "fuzz/target.h"
#include "wire/checksum.h"
#include "wire/ethernet.h"

#define DO_ETHERNET  0x01u      /* by interface 1 */
#define DO_CHECKSUMS 0x02u      /* make them right */
#define DO_AIM       0x04u      /* at the connection that the low bits of the source port choose */
#define DO_VOUCH     0x08u      /* the link says the checksum is right */
#define DO_TIMEOUT   0x10u      /* a timeout comes first */
#define DO_JOINED    0x20u      /* the link has joined segments of 500 bytes of text */
#define DO_LOOK      0x40u      /* of the first packet: look at everything at the end */
#define PACKETS_MAX  4
#define ROOM         4096u

static struct arena arena;

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, (uint16_t)(value >> 16));
	put16(at + 2, (uint16_t)value);
}

/* The packet is an IPv4 one with TCP behind a header of its length: where the TCP header is, or NULL. */
static uint8_t *tcp_of(uint8_t *packet, uint32_t n)
{
	uint32_t header = n >= IPV4_HEADER_MIN ? (packet[0] & 15u) * 4 : 0;

	if (header < IPV4_HEADER_MIN || header + TCP_HEADER_MIN > n)
		return NULL;
	return packet + header;
}

static void packet_aim(uint8_t *packet, uint32_t n)
{
	struct eleven_status status;
	uint8_t *tcp;
	uint16_t port;

	if (n < IPV4_HEADER_MIN)
		return;
	packet[0] = (uint8_t)(0x40 | (packet[0] & 15));
	tcp = tcp_of(packet, n);
	put16(packet + 2, (uint16_t)n);
	put32(packet + 12, ARENA_THEM);
	put32(packet + 16, ARENA_US);
	if (!tcp)
		return;
	packet[9] = IPV4_PROTOCOL_TCP;
	port = (uint16_t)(1000 + tcp[1] % ARENA_PEERS);
	put16(tcp, port);
	put16(tcp + 2, ARENA_PORT);
	if (!arena_find(&arena, port, &status))
		return;
	memcpy(packet + 12, status.remote.address.bytes + 12, 4);
	memcpy(packet + 16, status.local.address.bytes + 12, 4);
	put16(tcp + 2, status.local.port);
	put32(tcp + 4, get32(tcp + 4) + status.rcv_nxt);
	put32(tcp + 8, get32(tcp + 8) + status.snd_una);
}

static void checksums_fix(uint8_t *packet, uint32_t n)
{
	uint32_t header = n >= IPV4_HEADER_MIN ? (packet[0] & 15u) * 4 : 0;
	struct address source, destination;
	uint8_t *tcp = tcp_of(packet, n);

	if (header < IPV4_HEADER_MIN || header > n)
		return;
	put16(packet + 10, 0);
	put16(packet + 10, checksum_finish(checksum_add(0, packet, header)));
	source = address_v4(get32(packet + 12));
	destination = address_v4(get32(packet + 16));
	if (packet[9] == IPV4_PROTOCOL_TCP && tcp) {
		put16(tcp + 16, 0);
		put16(tcp + 16, segment_checksum(&source, &destination, tcp, n - header));
	} else if (packet[9] == IPV4_PROTOCOL_ICMP && header + 8 <= n) {
		put16(packet + header + 2, 0);
		put16(packet + header + 2, checksum_finish(checksum_add(0, packet + header, n - header)));
	}
}

static void packet_run(struct choice *c)
{
	static uint8_t room[ROOM];
	uint32_t what = (uint32_t)choice_number(c, 1), n = choice_below(c, 1600), skip;
	struct eleven_packet packet = { .interface = what & DO_ETHERNET };
	uint8_t *bytes;

	if (n > (size_t)(c->end - c->at))
		n = (uint32_t)(c->end - c->at);
	bytes = room + ROOM - n;        /* a byte too far is beyond the array */
	choice_fill(c, bytes, n);
	skip = what & DO_ETHERNET ? 14 : 0;
	if (what & DO_TIMEOUT)
		arena_timeouts(&arena, 1);
	if (n > skip && what & DO_AIM)
		packet_aim(bytes + skip, n - skip);
	if (n > skip && what & DO_CHECKSUMS)
		checksums_fix(bytes + skip, n - skip);
	packet.bytes = bytes;
	packet.length = n;
	packet.flags = what & DO_VOUCH ? ELEVEN_PACKET_CHECKSUM_OK : 0;
	packet.segment_bytes = what & DO_JOINED ? 500 : 0;
	eleven_input(arena.stack, &packet, 1, arena.now);
	arena_settle(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct choice c = choice_bytes(bytes, n);

	if (!arena.stack) {
		arena_create(&arena, 1);
		arena_scene(&arena);
	}
	arena_restore(&arena);
	for (unsigned i = 0; i < PACKETS_MAX && !choice_over(&c); i++)
		packet_run(&c);
	segments_hold(arena.stack->tcp);
	if (n > 0 && bytes[0] & DO_LOOK)
		arena_look(&arena);
	return 0;
}
