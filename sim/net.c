/* SPDX-License-Identifier: MIT */
/*
 * The wires: every host has one way out, with a rate and a queue, and from there a path to every other.  A packet
 * is seen by the observer and goes into the hash as it leaves the stack; what the world then does to it is
 * decided here, from the seed.  After the world has healed nothing is lost, and the narrow places are wide.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/boxes.h"
#include "sim/frame.h"
#include "sim/six.h"
#include "sim/marks.h"
#include "sim/world.h"

#define ROUTER 0x0a636363u      /* 10.99.99.99, which reports packets too big for the path */

/* ---------------------------------------------------------------- what is under way */

static bool flight_before(const struct flight *a, const struct flight *b)
{
	return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void flights_add(struct flights *f, struct flight flight)
{
	size_t i = f->count++;

	if (f->count > f->room) {
		f->room = f->room ? 2 * f->room : 256;
		f->at = realloc(f->at, f->room * sizeof(*f->at));
		if (!f->at)
			abort();
	}
	for (; i > 0 && flight_before(&flight, &f->at[(i - 1) / 2]); i = (i - 1) / 2)
		f->at[i] = f->at[(i - 1) / 2];
	f->at[i] = flight;
}

static struct flight flights_take(struct flights *f)
{
	struct flight first = f->at[0], last = f->at[--f->count];
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= f->count)
			break;
		if (child + 1 < f->count && flight_before(&f->at[child + 1], &f->at[child]))
			child++;
		if (!flight_before(&f->at[child], &last))
			break;
		f->at[i] = f->at[child];
		i = child;
	}
	f->at[i] = last;
	return first;
}

uint64_t net_deadline(const struct world *world)
{
	return world->flights.count ? world->flights.at[0].due : UINT64_MAX;
}

void net_clear(struct world *world)
{
	free(world->sending);
	free(world->arriving);
	while (world->flights.count)
		free(flights_take(&world->flights).bytes);
	for (unsigned i = 0; i < CAPTURED; i++)
		free(world->captured[i].bytes);
	free(world->flights.at);
	world->flights = (struct flights){ 0 };
}

static uint8_t *bytes_copy(const uint8_t *bytes, uint32_t length)
{
	uint8_t *copy = malloc(length ? length : 1);

	if (!copy)
		abort();
	memcpy(copy, bytes, length);
	return copy;
}

void net_inject(struct world *world, unsigned from, unsigned to, const uint8_t *bytes, uint32_t length, uint64_t delay)
{
	flights_add(&world->flights, (struct flight){
		.due = world->now + delay, .order = world->order++, .bytes = bytes_copy(bytes, length),
		.length = length, .from = (uint8_t)from, .to = (uint8_t)to,
	});
}

/* ---------------------------------------------------------------- mischief */

static bool strikes(struct world *world, uint32_t ppm)
{
	return ppm && !world->healed && random_below(&world->random, 1000000) < ppm;
}

static unsigned link_bytes(const struct world *world)
{
	return world->spec.ethernet ? 14 : 0;
}

static void link_write(uint8_t *at, unsigned from, unsigned to)
{
	memset(at, 0, 14);
	at[0] = at[6] = 2;
	at[5] = (uint8_t)(to + 1);
	at[11] = (uint8_t)(from + 1);
	frame_put16(at + 12, 0x0800);
}

static bool is_ip(const struct world *world, const uint8_t *bytes)
{
	return !world->spec.ethernet || frame_u16(bytes + 12) == 0x0800;
}

/* The router's report (RFC 1191): fragmentation needed. */
static void too_big_report(struct world *world, unsigned host, const uint8_t *ip)
{
	uint8_t packet[14 + 20 + 8 + 28] = { 0 };
	uint8_t *at = packet;

	if (world->spec.ethernet) {
		link_write(at, host, host);
		at += 14;
	}
	at[0] = 0x45;
	at[8] = 64;
	at[9] = 1;
	frame_put32(at + 12, ROUTER);
	frame_put32(at + 16, world->host[host].address);
	at[20] = 3;
	at[21] = 4;
	frame_put16(at + 26, (uint16_t)world->path_mtu);
	memcpy(at + 28, ip, 28);
	frame_seal(at, 20 + 8 + 28);
	net_inject(world, host, host, packet, link_bytes(world) + 20 + 8 + 28, US(world->spec.delay_us));
}

/* The largest packet that this one becomes on the wire. */
static uint32_t wire_bytes(const uint8_t *ip, uint32_t ip_bytes, uint32_t segment_bytes)
{
	uint32_t headers = 20 + (ip[32] >> 4) * 4u;

	return segment_bytes && headers + segment_bytes < ip_bytes ? headers + segment_bytes : ip_bytes;
}

static void corrupt(struct world *world, struct flight *flight)
{
	uint8_t *ip = flight->bytes + link_bytes(world);
	uint32_t ip_bytes = flight->length - link_bytes(world);
	unsigned bits = 1 + (unsigned)random_below(&world->random, 3);
	struct frame frame = { .ip = ip, .ip_bytes = ip_bytes, .ip_header_bytes = 20, .segment = ip + 20 };

	if (flight->flags & ELEVEN_PACKET_CHECKSUM_OK)
		frame_seal(ip, ip_bytes);
	flight->flags = 0;
	flight->segment_bytes = 0;
	frame.tcp = ip[9] == 6;
	frame.icmp = ip[9] == 1;
	while (bits--) {
		uint64_t bit = random_below(&world->random, (uint64_t)ip_bytes * 8);

		ip[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	/* What the checksum cannot see is not TCP's to find. */
	if (!frame_check(&frame, false))
		ip[8] ^= 1;
}

static bool is_lost(struct world *world, unsigned from, unsigned to)
{
	if (world->healed)
		return false;
	if (world->host[from].cut_until[to] > world->now)
		return true;
	if (world->burst_left > 0) {
		world->burst_left--;
		return true;
	}
	if (!strikes(world, world->spec.loss_ppm))
		return false;
	world->burst_left = (unsigned)random_below(&world->random, world->spec.burst);
	return true;
}

/* The way out: the time it takes, or false when its queue is full. */
static bool queue_pass(struct world *world, unsigned host, uint32_t length, uint64_t *delay)
{
	struct host *h = &world->host[host];
	uint64_t each, free_at = h->rate_free > world->now ? h->rate_free : world->now;

	*delay = 0;
	if (world->spec.rate_kbit == 0 || world->healed)
		return true;
	each = (uint64_t)length * 8 * 1000000 / world->spec.rate_kbit;
	if (free_at - world->now > world->spec.queue_packets * (world->spec.mtu * 8000000ull / world->spec.rate_kbit))
		return false;
	h->rate_free = free_at + each;
	*delay = h->rate_free - world->now;
	return true;
}

static void path_add(struct world *world, struct flight flight, uint64_t queue_delay)
{
	flight.due = world->now + queue_delay + US(world->spec.delay_us) +
		     random_below(&world->random, US(world->spec.jitter_us) + 1);
	if (strikes(world, world->spec.reorder_ppm))
		flight.due += random_below(&world->random, US(world->spec.reorder_us) + 1);
	flight.order = world->order++;
	flights_add(&world->flights, flight);
}

/* Options that something on the way does not like become padding. */
static void syn_strip(struct world *world, struct flight *flight)
{
	static const unsigned bits[9] = { [3] = 2, [4] = 4, [8] = 1 };
	uint8_t *ip = flight->bytes + link_bytes(world), *tcp = ip + 20, *at = tcp + 20;
	uint8_t *end = tcp + (tcp[12] >> 4) * 4;

	if (ip[9] != 6 || !(tcp[13] & SYN))
		return;
	while (at < end && *at) {
		unsigned kind = *at, length = kind == 1 ? 1 : at[1];

		if (kind < 9 && world->spec.strip & bits[kind])
			memset(at, 1, length);
		at += length;
	}
	frame_seal(ip, flight->length - link_bytes(world));
}

/* A segment of text in two, the second after the first or before it. */
static bool split_and_carry(struct world *world, struct flight *flight, uint64_t queue_delay)
{
	unsigned link = link_bytes(world), tcp_at = link + 20;
	unsigned text_at = tcp_at + (flight->bytes[tcp_at + 12] >> 4) * 4u;
	uint32_t text = flight->length - text_at, cut;
	struct flight second = *flight;

	if (flight->bytes[link + 9] != 6 || text < 2 || flight->segment_bytes || flight->bytes[tcp_at + 13] & SYN)
		return false;
	cut = 1 + (uint32_t)random_below(&world->random, text - 1);
	second.length = text_at + text - cut;
	second.bytes = bytes_copy(flight->bytes, second.length);
	memcpy(second.bytes + text_at, flight->bytes + text_at + cut, text - cut);
	frame_put32(second.bytes + tcp_at + 4, frame_u32(flight->bytes + tcp_at + 4) + cut);
	flight->length = text_at + cut;
	flight->bytes[tcp_at + 13] &= (uint8_t)~(FIN | PSH);
	flight->flags = second.flags = 0;
	frame_seal(flight->bytes + link, flight->length - link);
	frame_seal(second.bytes + link, second.length - link);
	path_add(world, *flight, queue_delay);
	path_add(world, second, queue_delay);
	return true;
}

/* One packet of the wire's size (or one that links pass on in one piece) sets out; takes its bytes over. */
static void carry(struct world *world, struct flight flight)
{
	uint8_t *ip = flight.bytes + link_bytes(world);
	bool ip_packet = is_ip(world, flight.bytes), mark;
	uint64_t queue_delay;

	if (ip_packet && world->path_mtu >= 576 && ip[9] == 6 &&
	    wire_bytes(ip, flight.length - link_bytes(world), flight.segment_bytes) > world->path_mtu) {
		story_packet(world, STORY_LOST, flight.from, flight.to, flight.bytes, flight.length);
		if (world->spec.black_hole && !world->healed)
			world->boxes.swallowed++;
		else
			too_big_report(world, flight.from, ip);
		free(flight.bytes);
		return;
	}
	if (is_lost(world, flight.from, flight.to) || !queue_pass(world, flight.from, flight.length, &queue_delay)) {
		story_packet(world, STORY_LOST, flight.from, flight.to, flight.bytes, flight.length);
		free(flight.bytes);
		return;
	}
	mark = strikes(world, world->spec.mark_ppm);
	if (ip_packet && !marks_pass(world, ip, flight.length - link_bytes(world), mark)) {
		story_packet(world, STORY_LOST, flight.from, flight.to, flight.bytes, flight.length);
		free(flight.bytes);
		return;
	}
	if (ip_packet && world->spec.strip)
		syn_strip(world, &flight);
	if (ip_packet && world->spec.clamp >= 64)
		box_clamp(world, ip, flight.length - link_bytes(world));
	if (ip_packet && strikes(world, world->spec.join_ppm))
		box_join(world, &flight);
	if (world->spec.insider & 2 && !world->healed)
		insider_capture(world, &flight);
	if (ip_packet && strikes(world, world->spec.split_ppm) && split_and_carry(world, &flight, queue_delay))
		return;
	if (strikes(world, world->spec.duplicate_ppm)) {
		struct flight again = flight;

		again.bytes = bytes_copy(flight.bytes, flight.length);
		path_add(world, again, queue_delay);
	}
	if (ip_packet && strikes(world, world->spec.corrupt_ppm))
		corrupt(world, &flight);
	if (strikes(world, world->spec.truncate_ppm)) {
		flight.length = (uint32_t)random_below(&world->random, flight.length);
		flight.segment_bytes = 0;
	}
	path_add(world, flight, queue_delay);
}

/* A big segment in pieces, as a link with TSO makes them. */
static void cut_and_carry(struct world *world, struct flight big)
{
	unsigned link = link_bytes(world), tcp_at = link + 20;
	unsigned text_at = tcp_at + (big.bytes[tcp_at + 12] >> 4) * 4u;
	uint32_t text = big.length - text_at, seq = frame_u32(big.bytes + tcp_at + 4), done = 0;

	while (done < text) {
		uint32_t n = text - done < big.segment_bytes ? text - done : big.segment_bytes;
		struct flight piece = big;

		piece.length = text_at + n;
		piece.bytes = bytes_copy(big.bytes, piece.length);
		memcpy(piece.bytes + text_at, big.bytes + text_at + done, n);
		frame_put32(piece.bytes + tcp_at + 4, seq + done);
		done += n;
		if (done < text)
			piece.bytes[tcp_at + 13] &= (uint8_t)~(FIN | PSH);
		piece.segment_bytes = 0;
		piece.flags = 0;
		frame_seal(piece.bytes + link, piece.length - link);
		carry(world, piece);
	}
	free(big.bytes);
}

static void send_to(struct world *world, unsigned from, unsigned to, const struct eleven_out *out,
		    const uint8_t *bytes)
{
	struct flight flight = { .length = out->length, .from = (uint8_t)from, .to = (uint8_t)to };

	flight.bytes = bytes_copy(bytes, out->length);
	if (out->flags & ELEVEN_PACKET_CHECKSUM_PARTIAL)
		flight.flags = ELEVEN_PACKET_CHECKSUM_OK;
	flight.segment_bytes = out->segment_bytes;
	if (out->segment_bytes && world->spec.big != 3)
		cut_and_carry(world, flight);
	else
		carry(world, flight);
}

static void hash_packet(struct world *world, unsigned host, const uint8_t *bytes, uint32_t length)
{
	world->hash = siphash_words5(&world->hash_key, world->hash, world->now, host, length,
				     siphash(&world->hash_key, bytes, length));
}

/* The stack's own checksum is judged before, the rest behind the translator. */
static void nat_send(struct world *world, unsigned host, const struct eleven_out *out, uint8_t *bytes)
{
	unsigned link = link_bytes(world);

	nat_out(world, host, bytes + link, out->length - link, out->flags & ELEVEN_PACKET_CHECKSUM_PARTIAL);
}

void net_send(struct world *world, unsigned host, const struct eleven_out *sent)
{
	struct eleven_out copy = *sent, *out = &copy;
	uint8_t *bytes = world->sending = malloc(out->length);
	uint32_t at = 0;

	if (!bytes)
		abort();
	for (unsigned i = 0; i < out->slices && at + out->slice[i].length <= out->length; i++) {
		memcpy(bytes + at, out->slice[i].bytes, out->slice[i].length);
		at += out->slice[i].length;
	}
	if (at != out->length || out->slices > 4)
		world_fail(world, "O17", "host %u: slices do not make up the packet's length", host);
	if (world->spec.six && !six_sent(world, host, out, bytes)) {
		free(bytes);
		world->sending = NULL;
		return;
	}
	if (world->spec.nat && is_ip(world, bytes))
		nat_send(world, host, out, bytes);
	world->packets++;
	hash_packet(world, host, bytes, out->length);
	story_packet(world, STORY_SENT, host, host, bytes, out->length);
	observe_sent(world, host, out, bytes);
	for (unsigned to = 0; to < world->hosts; to++) {
		const uint8_t *ip = bytes + link_bytes(world);
		bool mine = world->spec.ethernet ? bytes[0] & 1 || bytes[5] == to + 1
						 : frame_u32(ip + 16) == world->host[to].address;

		if (to != host && mine)
			send_to(world, host, to, out, bytes);
	}
	free(bytes);
	world->sending = NULL;
}

/* ---------------------------------------------------------------- arrival */

static struct actor *actor_of(struct world *world, unsigned host, const struct frame *frame)
{
	for (unsigned i = 0; i < world->actors; i++) {
		struct actor *actor = &world->actor[i];

		if (actor->host == host && actor->h && !actor->closed && actor->state == ACTOR_OPEN &&
		    actor->local.port == frame->destination_port && actor->remote.port == frame->source_port &&
		    frame_u32(actor->remote.address.bytes + 12) == frame->source)
			return actor;
	}
	return NULL;
}

/* O23: a packet handed in twice at once changes nothing the second time, in the synchronized states. */
static void repeat(struct world *world, const struct flight *flight, const struct eleven_packet *packet, uint64_t now)
{
	struct host *host = &world->host[flight->to];
	struct eleven_status once, twice;
	struct frame frame;
	struct actor *actor;

	if (frame_read(&frame, flight->bytes, flight->length, world->spec.ethernet) || !frame.tcp || frame_check(
		    &frame, flight->flags & ELEVEN_PACKET_CHECKSUM_OK))
		return;
	actor = actor_of(world, flight->to, &frame);
	if (!actor || eleven_status(host->stack, actor->h, &once) || once.state < ELEVEN_ESTABLISHED)
		return;
	eleven_input(host->stack, packet, 1, now);
	if (eleven_status(host->stack, actor->h, &twice))
		world_fail(world, "O23", "host %u: connection gone after a packet came again", flight->to);
	if (world_breaks(world, "O23"))
		twice.rcv_nxt++;
	if (once.state != twice.state || once.rcv_nxt != twice.rcv_nxt || once.snd_una != twice.snd_una ||
	    once.receive_queue != twice.receive_queue || once.send_queue != twice.send_queue ||
	    once.snd_nxt != twice.snd_nxt)
		world_fail(world, "O23", "host %u, program %u: the same packet twice: %s rcv.nxt %u snd.una %u becomes "
			   "%s rcv.nxt %u snd.una %u", flight->to, actor->number,
			   eleven_state_name((enum eleven_state)once.state), once.rcv_nxt - once.irs, once.snd_una -
			   once.iss, eleven_state_name((enum eleven_state)twice.state), twice.rcv_nxt - twice.irs,
			   twice.snd_una - twice.iss);
}

void net_arrive(struct world *world)
{
	struct flight flight = flights_take(&world->flights);
	struct host *host = &world->host[flight.to];
	struct eleven_packet packet = { flight.bytes, flight.length, 0, flight.flags, flight.segment_bytes };
	uint64_t now = host_now(world, host);
	uint8_t *translated = NULL;

	if (!flight.bytes)
		return;                                 /* its text has gone with another's */
	if (host->stalled_until > world->now) {
		flight.due = host->stalled_until;       /* it waits in the link; later ones have a higher number */
		flights_add(&world->flights, flight);
		return;
	}
	world->arriving = flight.bytes;
	story_packet(world, STORY_ARRIVED, flight.to, flight.to, flight.bytes, flight.length);
	observe_delivered(world, flight.bytes, flight.length, flight.flags & ELEVEN_PACKET_CHECKSUM_OK);
	if (world->spec.nat && !nat_in(world, &flight))
		packet.bytes = NULL;
	if (world->spec.six && packet.bytes)
		packet.bytes = translated = six_arrived(flight.bytes, &packet.length, flight.flags);
	if (packet.bytes)
		eleven_input(host->stack, &packet, 1, now);
	if (packet.bytes && strikes(world, world->spec.repeat_ppm) && world->spec.memory_kb < 64)
		repeat(world, &flight, &packet, now);
	free(translated);
	free(flight.bytes);
	world->arriving = NULL;
	host_settle(world, flight.to);
}
