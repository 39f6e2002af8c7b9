/* SPDX-License-Identifier: MIT */
/* What the programs of a world mean to do, and what befalls it: partitions, clocks that leap, attacks. */
#include <string.h>

#include "sim/boxes.h"
#include "sim/frame.h"
#include "sim/world.h"

static bool percent(struct world *world, uint32_t of)
{
	return random_below(&world->random, 100) < of;
}

static enum ending ending_choose(struct world *world, bool opens)
{
	bool deaf = percent(world, world->spec.deaf), early = percent(world, world->spec.early);
	bool aborts = percent(world, world->spec.aborts), first = percent(world, 50);

	if (aborts)
		return END_ABORT;
	if (deaf)
		return END_DEAF;
	if (early)
		return END_EARLY;
	return opens || first ? END_SHUTDOWN : END_AFTER_PEER;
}

/* So much that it goes through in a few minutes even where each round trip carries but a bufferful. */
static uint64_t text_choose(struct world *world)
{
	uint64_t round_ns = 2 * US(world->spec.delay_us) + 2 * US(world->spec.jitter_us) + MS(200);
	uint64_t buffer = world->spec.buffers < 10 ? 65536 : 1ull << world->spec.buffers;
	uint64_t most = SEC(150) / round_ns * buffer / 4;

	if (most > world->spec.bytes_max)
		most = world->spec.bytes_max;
	return random_below(&world->random, 8) ? random_below(&world->random, most + 1) : 0;
}

static struct actor *actor_add(struct world *world, unsigned host, bool opens)
{
	struct actor *actor = &world->actor[world->actors];

	actor->number = world->actors++;
	actor->host = host;
	actor->opens = opens;
	actor->ending = ending_choose(world, opens);
	actor->to_send = text_choose(world);
	actor->piece = 1 + (uint32_t)random_below(&world->random, random_below(&world->random, 2) ? 1000 : 60000);
	actor->lent = percent(world, 30);
	actor->options = random_below(&world->random, 2) ? (unsigned)random_below(&world->random, 32) : 0;
	actor->wake = actor->end_at = UINT64_MAX;
	if (actor->ending == END_ABORT || actor->ending == END_DEAF)
		actor->end_at = world->start + random_below(&world->random, MS(world->spec.chaos_ms) + SEC(20));
	if (percent(world, world->spec.slow)) {
		uint64_t turns = world->spec.bytes_max / (actor->piece / 2 + 1) + 1;

		actor->read_interval = SEC(60) / turns;
	}
	return actor;
}

/* Each sends what it has received; one is ahead.  So many rounds as fit into a few minutes, delayed ACKs and all. */
static void responders_plan(struct world *world, struct actor *a, struct actor *b)
{
	uint64_t round_ns = 2 * US(world->spec.delay_us) + 2 * US(world->spec.jitter_us) + 2 * US(world->spec.lag_us) +
			    MS(500);
	uint64_t most, slowest;

	a->ahead = 1 + random_below(&world->random, 5000);
	most = SEC(200) / round_ns * a->ahead;
	a->to_send = a->to_send < most ? a->to_send : most;
	b->to_send = a->to_send;
	a->responds = b->responds = true;
	slowest = SEC(60) / (a->to_send / a->ahead + 1);
	a->read_interval = a->read_interval < slowest ? a->read_interval : slowest;
	b->read_interval = b->read_interval < slowest ? b->read_interval : slowest;
	a->options &= ~OPTION_CORK;
	b->options &= ~OPTION_CORK;
}

static void conversation_plan(struct world *world)
{
	unsigned from = (unsigned)random_below(&world->random, world->hosts);
	unsigned to = (unsigned)random_below(&world->random, world->hosts);
	bool loop = percent(world, world->spec.loopback), crossed = percent(world, world->spec.crossed);
	struct actor *a, *b;

	if (loop)
		to = from;
	else if (to == from)
		to = (to + 1) % world->hosts;
	crossed &= !loop;
	a = actor_add(world, from, true);
	b = actor_add(world, to, crossed);
	a->peer = b;
	b->peer = a;
	a->remote_address = world->host[to].address;
	b->remote_address = world->host[from].address;
	a->remote_port = PORT_FIRST + (uint16_t)random_below(&world->random, LISTENERS);
	a->start = a->wake = world->start + random_below(&world->random, MS(world->spec.start_ms));
	if (crossed) {
		a->local_port = b->remote_port = (uint16_t)(5000 + a->number);
		b->local_port = a->remote_port = (uint16_t)(5000 + b->number);
		b->start = b->wake = a->start + random_below(&world->random, US(world->spec.delay_us) + 1);
	}
	if (percent(world, world->spec.responders))
		responders_plan(world, a, b);
	/* Somebody has to begin the end. */
	if (a->ending == END_AFTER_PEER && b->ending == END_AFTER_PEER)
		a->ending = END_SHUTDOWN;
}

/* O21: alike in all but when they start. */
static void fair_plan(struct world *world)
{
	for (uint32_t i = 0; i < world->spec.conversations; i++) {
		struct actor *a = actor_add(world, 0, true), *b = actor_add(world, 1, false);

		a->peer = b;
		b->peer = a;
		a->remote_address = world->host[1].address;
		b->remote_address = world->host[0].address;
		a->remote_port = PORT_FIRST;
		a->start = a->wake = world->start + random_below(&world->random, MS(world->spec.start_ms));
		a->to_send = world->spec.bytes_max;
		b->to_send = 0;
		a->piece = b->piece = 60000;
		a->options = b->options = 0;
		a->ending = END_SHUTDOWN;
		b->ending = END_AFTER_PEER;
		a->end_at = b->end_at = UINT64_MAX;
		a->read_interval = b->read_interval = 0;
	}
}

void actors_plan(struct world *world)
{
	if (world->spec.fair) {
		fair_plan(world);
		return;
	}
	for (uint32_t i = 0; i < world->spec.conversations; i++)
		conversation_plan(world);
	for (unsigned i = 0; world->spec.fast_open && i < world->actors; i++)
		world->actor[i].fast_open = world->actor[i].opens && world->actor[i].to_send > 0 &&
					    (!world->actor[i].responds || world->actor[i].ahead > 0) &&
					    percent(world, world->spec.fast_open);
}

/* ---------------------------------------------------------------- changes of the world */

static uint32_t changes(const struct world *world)
{
	const struct spec *s = &world->spec;

	return s->partitions + s->clock_jumps + s->stalls + s->nat_forgets + s->path_changes;
}

void change_plan(struct world *world)
{
	uint64_t most = MS(world->spec.chaos_ms);

	world->attack_at = world->spec.attacks ? world->start + most / world->spec.attacks : UINT64_MAX;
	world->change_at = changes(world) ?
			   world->start + random_below(&world->random, most) : UINT64_MAX;
}

uint64_t change_deadline(const struct world *world)
{
	uint64_t next = world->attack_at < world->change_at ? world->attack_at : world->change_at;

	return world->healed || next > world->heal_at ? world->healed ? UINT64_MAX : world->heal_at : next;
}

static void partition(struct world *world)
{
	unsigned from = (unsigned)random_below(&world->random, world->hosts);
	unsigned to = (unsigned)random_below(&world->random, world->hosts);
	uint64_t until = world->now + random_below(&world->random, MS(world->spec.partition_ms));
	bool all = random_below(&world->random, 4) == 0;

	for (unsigned i = 0; i < world->hosts; i++)
		if (all || i == to)
			world->host[from].cut_until[i] = until;
	story_note(world, STORY_WORLD, from, "cut off host", all ? -1 : (int64_t)to);
}

static void stall(struct world *world)
{
	unsigned host = (unsigned)random_below(&world->random, world->hosts);

	world->host[host].stalled_until = world->now + random_below(&world->random, SEC(3));
	story_note(world, STORY_WORLD, host, "host does not run", 0);
	host_settle(world, host);
}

static void clock_jump(struct world *world)
{
	unsigned host = (unsigned)random_below(&world->random, world->hosts);

	world->host[host].clock_offset += random_below(&world->random, SEC(5));
	story_note(world, STORY_WORLD, host, "clock of host leaps", 0);
	host_settle(world, host);
}

static bool port_connects(const struct world *world, unsigned host, uint16_t port)
{
	for (unsigned i = 0; i < world->actors; i++)
		if (world->actor[i].host == host && world->actor[i].state == ACTOR_CONNECTING &&
		    world->actor[i].local.port == port)
			return true;
	return false;
}

/* Someone who knows the four names, and none of the numbers (RFC 5961, RFC 5927). */
static void attack(struct world *world)
{
	static const uint8_t flags[] = { RST, RST | ACK, SYN, SYN | ACK, ACK, FIN | ACK, ACK | PSH };
	uint8_t packet[14 + 20 + 8 + 28] = { 0 }, *ip = packet + (world->spec.ethernet ? 14 : 0), *at;
	struct actor *actor = &world->actor[random_below(&world->random, world->actors)];
	bool icmp = random_below(&world->random, 4) == 0;
	uint32_t seq = (uint32_t)random_next(&world->random), ack = (uint32_t)random_next(&world->random);
	uint32_t ours = world->host[actor->host].address, theirs = frame_u32(actor->remote.address.bytes + 12);

	if (actor->state == ACTOR_UNBORN || actor->remote.port == 0 || actor->peer->host == actor->host)
		return;
	if (world->spec.ethernet) {
		packet[0] = packet[6] = 2;
		packet[5] = (uint8_t)(actor->host + 1);
		packet[11] = 99;
		frame_put16(packet + 12, 0x0800);
	}
	at = ip + 20;
	ip[0] = 0x45;
	ip[8] = 64;
	ip[9] = icmp ? 1 : 6;
	frame_put32(ip + 12, theirs);
	frame_put32(ip + 16, ours);
	if (icmp) {
		at[0] = 3;
		at[1] = (uint8_t)(2 + random_below(&world->random, 3));
		frame_put16(at + 6, at[1] == 4 ? 600 : 0);
		at += 8;
		at[0] = 0x45;
		frame_put16(at + 2, 40);
		at[8] = 60;
		at[9] = 6;
		frame_put32(at + 12, ours);
		frame_put32(at + 16, theirs);
		at += 20;
	}
	frame_put16(at, icmp ? actor->local.port : actor->remote.port);
	frame_put16(at + 2, icmp ? actor->remote.port : actor->local.port);
	frame_put32(at + 4, seq);
	if (!icmp) {
		uint8_t which = flags[random_below(&world->random, sizeof(flags))];

		/* A bare SYN to one who has sent a SYN is a simultaneous open, and nothing says it is forged. */
		if (port_connects(world, actor->host, actor->local.port))
			which |= ACK;

		frame_put32(at + 8, which & ACK ? ack : 0);
		at[12] = 0x50;
		at[13] = which;
		frame_put16(at + 14, 1000);
	}
	frame_seal(ip, icmp ? 20 + 8 + 28 : 40);
	net_inject(world, actor->peer->host, actor->host, packet,
		   (uint32_t)(ip - packet) + (icmp ? 20 + 8 + 28 : 40), US(world->spec.delay_us));
}

static void path_change(struct world *world)
{
	uint32_t floor = world->spec.six ? 1260 : 600;

	world->path_mtu = floor + (uint32_t)random_below(&world->random, world->spec.mtu > floor ?
							  world->spec.mtu - floor + 1 : 1);
	story_note(world, STORY_WORLD, 0, "router's MTU is now", world->path_mtu);
}

static void change_any(struct world *world)
{
	const struct spec *s = &world->spec;
	uint64_t which = random_below(&world->random, changes(world));

	if (which < s->partitions)
		partition(world);
	else if (which < s->partitions + s->clock_jumps)
		clock_jump(world);
	else if (which < s->partitions + s->clock_jumps + s->stalls)
		stall(world);
	else if (which < s->partitions + s->clock_jumps + s->stalls + s->nat_forgets)
		nat_forget(world, (unsigned)random_below(&world->random, world->hosts));
	else
		path_change(world);
}

void change_happen(struct world *world)
{
	uint64_t most = MS(world->spec.chaos_ms);

	if (world->now >= world->heal_at) {
		world->healed = true;
		story_note(world, STORY_WORLD, 0, "heals", 0);
		return;
	}
	if (world->now >= world->attack_at) {
		if (world->spec.insider && random_below(&world->random, 2))
			insider_attack(world);
		else
			attack(world);
		world->attack_at = world->now + 1 + 2 * random_below(&world->random, most / world->spec.attacks + 1);
	}
	if (world->now >= world->change_at) {
		change_any(world);
		world->change_at = world->now + 1 + random_below(&world->random, 2 * most / changes(world) + 1);
	}
}
