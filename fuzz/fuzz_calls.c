/* SPDX-License-Identifier: MIT */
/*
 * Calls on two hosts with a wire between them that loses, doubles, reorders and damages.  What is received is what
 * was sent, whoever sent it: byte i of every stream is i % 251.  When all is closed and time has passed, nothing is
 * left.
 */
#include <string.h>

#include "fuzz/arena.h"
#include "fuzz/must.h"
#include "fuzz/target.h"
#include "base/time.h"

#define EVENTS_MAX  200
#define HANDLES     6
#define FLYING_MAX  24
#define LIFETIME_NS SEC(30)     /* of a packet on the wire */

struct held {
	eleven_handle h;
	uint64_t sent, received;
};

struct flying {
	uint32_t length;
	uint8_t to;
	bool damaged;                   /* once: two errors might hide each other from the checksum */
	uint64_t born;
	uint8_t bytes[ARENA_PACKET];
};

static struct arena arenas[2];
static struct held held[2][HANDLES];
static unsigned held_count[2];
static struct flying flying[FLYING_MAX];
static unsigned flying_count;
static uint64_t now;

static struct eleven_endpoint endpoint(unsigned side, uint16_t port)
{
	struct address address = address_v4(ARENA_US + side);
	struct eleven_endpoint e = { .port = port };

	memcpy(e.address.bytes, address.bytes, sizeof(address.bytes));
	return e;
}

static struct held *held_add(unsigned side, eleven_handle h)
{
	struct held *made = &held[side][held_count[side]++];

	*made = (struct held){ .h = h };
	return made;
}

static void held_remove(unsigned side, unsigned i)
{
	held[side][i] = held[side][--held_count[side]];
}

/* ---- the wire */

static void packets_fly(unsigned side)
{
	struct eleven_out out[8];
	struct eleven_signal signal;
	unsigned n;

	while (eleven_signal(arenas[side].stack, &signal))
		;
	while ((n = eleven_output(arenas[side].stack, out, 8, now)) > 0) {
		for (unsigned i = 0; i < n && flying_count < FLYING_MAX; i++) {
			struct flying *packet = &flying[flying_count++];

			MUST(out[i].length <= sizeof(packet->bytes));
			*packet = (struct flying){ .to = (uint8_t)!side, .born = now };
			for (unsigned s = 0; s < out[i].slices; s++) {
				memcpy(packet->bytes + packet->length, out[i].slice[s].bytes, out[i].slice[s].length);
				packet->length += out[i].slice[s].length;
			}
		}
	}
}

static void packet_lose(unsigned i)
{
	memmove(&flying[i], &flying[i + 1], (--flying_count - i) * sizeof(flying[0]));
}

static void packet_deliver(unsigned i)
{
	static struct flying packet;
	struct eleven_packet in = { .bytes = packet.bytes };

	packet = flying[i];
	in.length = packet.length;
	packet_lose(i);
	if (now > packet.born + LIFETIME_NS)
		return;
	eleven_input(arenas[packet.to].stack, &in, 1, now);
	packets_fly(packet.to);
}

static void event_packet(struct choice *c)
{
	unsigned i = choice_below(c, flying_count);
	uint32_t what = choice_below(c, 16);

	if (flying_count == 0)
		return;
	if (what == 0) {
		packet_lose(i);
	} else if (what == 1 && flying_count < FLYING_MAX) {
		flying[flying_count++] = flying[i];
	} else if (what == 2 && !flying[i].damaged) {
		flying[i].bytes[choice_below(c, flying[i].length)] ^= (uint8_t)(1u << choice_below(c, 8));
		flying[i].damaged = true;
	} else {
		packet_deliver(what < 8 ? 0 : i);
	}
}

static void event_time(struct choice *c)
{
	uint64_t a = eleven_deadline(arenas[0].stack), b = eleven_deadline(arenas[1].stack);
	uint64_t next = a < b ? a : b;

	if (choice_percent(c, 70) && next != UINT64_MAX)
		now = next > now ? next : now;
	else
		now += MS(choice_below(c, 1000));
	for (unsigned side = 0; side < 2; side++) {
		eleven_timers(arenas[side].stack, now);
		packets_fly(side);
	}
}

/* ---- the programs */

static void text_receive(unsigned side, unsigned i, uint32_t most)
{
	struct held *one = &held[side][i];
	uint8_t text[4096];
	int64_t n = eleven_receive(arenas[side].stack, one->h, text, most, now);

	for (int64_t at = 0; at < n; at++)
		MUST(text[at] == one->received++ % 251);
}

static void text_send(struct choice *c, unsigned side, unsigned i)
{
	struct held *one = &held[side][i];
	uint32_t bytes = choice_below(c, choice_percent(c, 50) ? 20 : 3000);
	uint8_t text[3000];
	int64_t n;

	for (uint32_t at = 0; at < bytes; at++)
		text[at] = (uint8_t)((one->sent + at) % 251);
	n = eleven_send(arenas[side].stack, one->h, text, bytes, choice_percent(c, 10) ? ELEVEN_SEND_MORE : 0, now);
	one->sent += n > 0 ? (uint64_t)n : 0;
}

static void event_open(struct choice *c, unsigned side)
{
	struct eleven *stack = arenas[side].stack;
	uint16_t port = (uint16_t)(1 + choice_below(c, 3));
	struct eleven_endpoint local = { .port = port }, remote = endpoint(!side, port);
	eleven_handle h;

	if (held_count[side] == HANDLES || eleven_open(stack, &h, now))
		return;
	held_add(side, h);
	if (choice_percent(c, 40))
		eleven_bind(stack, h, &local, choice_below(c, 4), now);
	if (choice_percent(c, 40))
		eleven_listen(stack, h, choice_below(c, 3), now);
	else
		eleven_connect(stack, h, &remote, now);
}

static void event_call(struct choice *c, unsigned side)
{
	struct eleven *stack = arenas[side].stack;
	unsigned i = choice_below(c, held_count[side]);
	uint32_t what = choice_below(c, 16);
	eleven_handle h;

	if (held_count[side] == 0 || what == 0) {
		event_open(c, side);
	} else if (what == 1) {
		eleven_shutdown(stack, held[side][i].h, now);
	} else if (what == 2) {
		MUST((choice_percent(c, 80) ? eleven_close : eleven_abort)(stack, held[side][i].h, now) == 0);
		held_remove(side, i);
	} else if (what == 3) {
		eleven_option_set(stack, held[side][i].h, (enum eleven_option)choice_below(c, ELEVEN_OPTIONS),
				  choice_number(c, 2), now);
	} else if (what == 4) {
		eleven_shutdown_receive(stack, held[side][i].h, now);
	} else if (what < 7) {
		for (unsigned l = 0; l < held_count[side] && held_count[side] < HANDLES; l++)
			if (eleven_accept(stack, held[side][l].h, &h, now) == 0)
				held_add(side, h);
	} else if (what < 11) {
		text_receive(side, i, 1 + choice_below(c, 4096));
	} else {
		text_send(c, side, i);
	}
	packets_fly(side);
}

/* ---- */

/* Everything is closed, every packet arrives, and all timeouts run. */
static void world_end(void)
{
	struct eleven_stats stats;
	unsigned n = 0;

	for (unsigned side = 0; side < 2; side++) {
		while (held_count[side] > 0)
			MUST(eleven_close(arenas[side].stack, held[side][--held_count[side]].h, now) == 0);
		packets_fly(side);
	}
	for (;;) {
		uint64_t a = eleven_deadline(arenas[0].stack), b = eleven_deadline(arenas[1].stack);
		uint64_t next = a < b ? a : b;

		MUST(++n < 20000);
		if (flying_count > 0) {
			packet_deliver(0);
			continue;
		}
		if (next == UINT64_MAX)
			break;
		now = next > now ? next : now;
		for (unsigned side = 0; side < 2; side++) {
			eleven_timers(arenas[side].stack, now);
			packets_fly(side);
		}
	}
	for (unsigned side = 0; side < 2; side++) {
		eleven_stats(arenas[side].stack, &stats);
		MUST(stats.connections == 0 && stats.syn_received == 0 && stats.time_wait == 0);
		MUST(stats.buffer_bytes_used == 0);
	}
}

static void world_begin(void)
{
	for (unsigned side = 0; side < 2; side++) {
		struct eleven_interface interface = { .kind = ELEVEN_LINK_IP, .prefix_bits = 24, .mtu = 1500 };

		interface.address = endpoint(side, 0).address;
		if (!arenas[side].stack) {
			arena_create(&arenas[side], 3 + side);
			MUST(eleven_interface_add(arenas[side].stack, &interface) == 0);
			arena_save(&arenas[side]);
		}
		arena_restore(&arenas[side]);
		held_count[side] = 0;
	}
	flying_count = 0;
	now = ARENA_START;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct choice c = choice_bytes(bytes, n);

	world_begin();
	for (unsigned i = 0; i < EVENTS_MAX && !choice_over(&c); i++) {
		uint32_t kind = choice_below(&c, 16);

		if (kind < 8)
			event_call(&c, kind & 1);
		else if (kind < 15)
			event_packet(&c);
		else
			event_time(&c);
	}
	world_end();
	return 0;
}
