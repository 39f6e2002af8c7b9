/* SPDX-License-Identifier: MIT */
/*
 * Fragments in any order, overlapping, doubled and cut wrongly, and ICMP errors that quote what we sent.  A datagram
 * that was cut rightly arrives whole, whatever the order; after two minutes nothing is held.
 */
#include <string.h>

#include "fuzz/arena.h"
#include "fuzz/must.h"
#include "fuzz/target.h"
#include "ip/state.h"

#define EVENTS_MAX  12
#define PIECES_MAX  8
#define PAYLOAD_MAX 1400u

struct piece {
	uint32_t offset, length;
	bool more;
};

static struct arena arena;

static void piece_send(const struct ipv4 *whole, const uint8_t *payload, const struct piece *piece)
{
	uint8_t bytes[IPV4_HEADER_MAX + PAYLOAD_MAX];
	struct ipv4 ip = *whole;
	unsigned header;

	ip.more_fragments = piece->more;
	ip.fragment_offset = piece->offset;
	ip.payload_bytes = piece->length;
	header = ipv4_emit(bytes, &ip);
	memcpy(bytes + header, payload, piece->length);
	arena_input(&arena, bytes, header + piece->length, 0, 0);
	arena_settle(&arena);
}

/* Cuts rightly, at multiples of 8, into at most PIECES_MAX. */
static unsigned pieces_cut(struct choice *c, struct piece *pieces, uint32_t bytes)
{
	unsigned count = 0;

	for (uint32_t at = 0; at < bytes; at += pieces[count++].length) {
		uint32_t n = 8 * (1 + choice_below(c, 60));

		if (count == PIECES_MAX - 1 || at + n > bytes)
			n = bytes - at;
		pieces[count] = (struct piece){ at, n, at + n < bytes };
	}
	return count;
}

static void pieces_spoil(struct choice *c, struct piece *piece)
{
	switch (choice_below(c, 6)) {
	case 0:
		piece->offset = 8 * choice_below(c, 200);
		break;
	case 1:
		piece->offset = 65528 - 8 * choice_below(c, 200);
		break;
	case 2:
		piece->more = !piece->more;
		break;
	case 3:
		piece->length = choice_below(c, piece->length + 1);
		break;
	default:
		break;
	}
}

static uint32_t payload_make(struct choice *c, struct ipv4 *ip, uint8_t *payload)
{
	uint32_t n = 24 + choice_below(c, PAYLOAD_MAX - 24);
	struct segment seg = { .source_port = (uint16_t)(1000 + choice_below(c, ARENA_PEERS)), .has_ack = true,
			       .destination_port = ARENA_PORT, .text = payload + TCP_HEADER_MAX };
	struct icmp echo = { .type = ICMP_ECHO, .payload = payload + ICMP_HEADER_BYTES,
			     .payload_bytes = n - ICMP_HEADER_BYTES };
	struct eleven_status status;

	for (uint32_t i = 0; i < n; i++)
		payload[i] = (uint8_t)(i * 7 + ip->id);
	switch (choice_below(c, 3)) {
	case 0:
		ip->protocol = IPV4_PROTOCOL_TCP;
		if (arena_find(&arena, seg.source_port, &status)) {
			seg.seq = seq_of(status.rcv_nxt);
			seg.ack = seq_of(status.snd_una);
		}
		seg.text = NULL;
		seg.text_bytes = n - TCP_HEADER_MIN;
		return (uint32_t)segment_emit(payload, PAYLOAD_MAX, &seg, &ip->source, &ip->destination);
	case 1:
		ip->protocol = IPV4_PROTOCOL_UDP;
		return n;
	default:
		ip->protocol = IPV4_PROTOCOL_ICMP;
		return (uint32_t)icmp_emit(payload, PAYLOAD_MAX, &echo);
	}
}

/* `rightly`: what arrives must be what was sent, which an echo shows. */
static void datagram_send(struct choice *c, bool rightly)
{
	static uint8_t payload[PAYLOAD_MAX];
	struct ipv4 ip = { .source = address_v4(ARENA_THEM), .destination = address_v4(ARENA_US), .ttl = 9,
			   .id = (uint16_t)choice_below(c, 3) };
	struct piece pieces[PIECES_MAX];
	uint32_t n = payload_make(c, &ip, payload);
	unsigned count = pieces_cut(c, pieces, n);

	for (unsigned left = count; left > 0; left--) {
		unsigned i = choice_below(c, left);
		struct piece piece = pieces[i];
		uint32_t from = piece.offset;

		pieces[i] = pieces[left - 1];
		if (!rightly && choice_percent(c, 30))
			pieces_spoil(c, &piece);
		if (!rightly && choice_percent(c, 10))
			continue;
		piece_send(&ip, payload + from, &piece);
		if (!rightly && choice_percent(c, 10))
			piece_send(&ip, payload + from, &piece);
	}
	if (rightly && ip.protocol == IPV4_PROTOCOL_ICMP) {
		MUST(arena.last_bytes == IPV4_HEADER_MIN + n && arena.last[IPV4_HEADER_MIN] == ICMP_ECHO_REPLY);
		MUST(memcmp(arena.last + IPV4_HEADER_MIN + 4, payload + 4, n - 4) == 0);
	}
}

static void error_send(struct choice *c)
{
	static const uint8_t types[] = { ICMP_UNREACHABLE, ICMP_UNREACHABLE, ICMP_UNREACHABLE, ICMP_TIME_EXCEEDED,
					 ICMP_PARAMETER_PROBLEM, ICMP_SOURCE_QUENCH, ICMP_REDIRECT, ICMP_ECHO_REPLY };
	uint8_t quote[ARENA_PACKET], bytes[IPV4_HEADER_MAX + ARENA_PACKET];
	struct icmp message = { .type = types[choice_below(c, 8)], .code = (uint8_t)choice_below(c, 16),
				.payload = quote };
	struct ipv4 ip = { .source = address_v4(ARENA_THEM + choice_below(c, 2)), .ttl = 9,
			   .destination = address_v4(ARENA_US), .protocol = IPV4_PROTOCOL_ICMP };
	unsigned header;

	memcpy(quote, arena.last, arena.last_bytes);
	message.rest = (uint32_t)choice_below(c, 1600);
	message.payload_bytes = arena.last_bytes;
	if (choice_percent(c, 40))
		message.payload_bytes = choice_below(c, arena.last_bytes + 1);
	for (uint32_t i = choice_below(c, 4); i > 0 && message.payload_bytes > 0; i--)
		quote[choice_below(c, message.payload_bytes)] = (uint8_t)choice_number(c, 1);
	ip.payload_bytes = ICMP_HEADER_BYTES + message.payload_bytes;
	header = ipv4_emit(bytes, &ip);
	MUST(icmp_emit(bytes + header, sizeof(bytes) - header, &message) > 0);
	arena_input(&arena, bytes, header + ip.payload_bytes, 0, 0);
	arena_settle(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct choice c = choice_bytes(bytes, n);
	const struct ip *ip;

	if (!arena.stack) {
		arena_create(&arena, 2);
		arena_scene(&arena);
	}
	arena_restore(&arena);
	ip = arena.stack->ip;
	datagram_send(&c, true);
	for (unsigned i = 0; i < EVENTS_MAX && !choice_over(&c); i++) {
		uint32_t kind = choice_below(&c, 8);

		if (kind < 4)
			datagram_send(&c, false);
		else if (kind < 7)
			error_send(&c);
		else
			arena_timeouts(&arena, 1 + choice_below(&c, 4));
	}
	arena_look(&arena);
	arena.now += SEC(120);
	eleven_timers(arena.stack, arena.now);
	arena_settle(&arena);
	MUST(ip->fragments.pool.used == 0 && ip->fragments.blocks.used == 0);
	return 0;
}
