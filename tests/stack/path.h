/* SPDX-License-Identifier: MIT */
/*
 * Two stacks with a path between them, in virtual time: a bottleneck with a queue, a delay, loss, reordering, and
 * clocks of any step.  Made for much text: packets are not judged (wire.h does that), checksums are the link's.
 */
#ifndef TEST_STACK_PATH_H
#define TEST_STACK_PATH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "base/random.h"
#include "base/time.h"
#include "eleven.h"

#include "../profile.h"

#define PATH_PACKET_MAX 1600
#define PATH_STACKS     4       /* 0, 2: send; 1, 3: receive */
#define PATH_FLOWS      2

struct path_packet {
	uint64_t due, order;
	uint8_t to;
	uint16_t length;
	uint8_t flags;
	uint8_t bytes[PATH_PACKET_MAX];
};

struct path {
	struct eleven *stack[PATH_STACKS];
	struct eleven_config config[PATH_STACKS];
	void *memory[PATH_STACKS];
	size_t memory_bytes[PATH_STACKS];
	unsigned stacks;
	uint64_t now, step_ns;          /* of the world; of the hosts' clocks */
	struct random random;
	struct path_packet **heap;      /* the earliest first */
	size_t count, room;
	uint64_t order;
	/* what the path does to segments of the senders; ACKs are only delayed */
	uint64_t delay_ns, bits_per_second, queue_bytes;
	uint32_t loss_ppm, burst_mean, reorder_ppm;
	uint64_t reorder_ns;
	bool bad;                       /* a burst of losses is on */
	uint64_t free_ns;               /* when the bottleneck has sent all that waits */
	uint64_t mark_bytes;            /* with so much waiting what is capable of ECN is marked; 0: nothing is */
	uint64_t sent, lost, overflowed, marked;
	uint64_t queued_bytes;          /* what each packet found waiting, added up */
};

static inline struct eleven_endpoint path_endpoint(unsigned stack, uint16_t port)
{
	struct eleven_endpoint made = { .port = port };

	made.address.bytes[10] = made.address.bytes[11] = 0xff;
	made.address.bytes[12] = 10;
	made.address.bytes[15] = (uint8_t)(stack + 1);
	return made;
}

static inline void path_defaults(struct path *p, unsigned stacks, uint64_t seed)
{
	memset(p, 0, sizeof(*p));
	p->stacks = stacks;
	p->now = SEC(1000);
	p->step_ns = 1;
	p->delay_ns = MS(5);
	p->bits_per_second = 1000000000;
	p->queue_bytes = 1 << 20;
	random_seed(&p->random, seed);
	for (unsigned i = 0; i < stacks; i++) {
		struct eleven_config *c = &p->config[i];

		config_choose(c, ELEVEN_MODERN);
		c->seed = seed * 1000 + i;
		c->connections_max = c->syn_received_max = c->time_wait_max = 8;
		c->send_buffer = c->receive_buffer = 64u << 20;
		c->buffer_bytes = 256u << 20;
	}
}

static inline uint64_t path_clock(const struct path *p)
{
	return p->now / p->step_ns * p->step_ns;
}

static inline void path_start(struct path *p)
{
	for (unsigned i = 0; i < p->stacks; i++) {
		struct eleven_interface interface = {
			.kind = ELEVEN_LINK_IP, .prefix_bits = 24, .mtu = 1500, .checksum_offload = true,
			.address = path_endpoint(i, 0).address,
		};

		p->memory_bytes[i] = eleven_size(&p->config[i]);
		assert_true(p->memory_bytes[i] > 0);
		p->memory[i] = mmap(NULL, p->memory_bytes[i], PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		assert_true(p->memory[i] != MAP_FAILED);
		assert_int_equal(eleven_create(&p->stack[i], p->memory[i], p->memory_bytes[i], &p->config[i],
					       path_clock(p)), 0);
		assert_int_equal(eleven_interface_add(p->stack[i], &interface), 0);
		eleven_trace_kinds(p->stack[i], 0);
	}
}

static inline void path_end(struct path *p)
{
	for (unsigned i = 0; i < p->stacks; i++)
		munmap(p->memory[i], p->memory_bytes[i]);
	while (p->count > 0)
		free(p->heap[--p->count]);
	free(p->heap);
}

static inline bool path_before(const struct path_packet *a, const struct path_packet *b)
{
	return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static inline void path_push(struct path *p, struct path_packet *packet)
{
	size_t i = p->count++;

	if (p->count > p->room) {
		p->room = p->room ? 2 * p->room : 1024;
		p->heap = realloc(p->heap, p->room * sizeof(*p->heap));
		assert_non_null(p->heap);
	}
	packet->order = p->order++;
	for (; i > 0 && path_before(packet, p->heap[(i - 1) / 2]); i = (i - 1) / 2)
		p->heap[i] = p->heap[(i - 1) / 2];
	p->heap[i] = packet;
}

static inline struct path_packet *path_pop(struct path *p)
{
	struct path_packet *first = p->heap[0], *last = p->heap[--p->count];
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= p->count)
			break;
		if (child + 1 < p->count && path_before(p->heap[child + 1], p->heap[child]))
			child++;
		if (!path_before(p->heap[child], last))
			break;
		p->heap[i] = p->heap[child];
		i = child;
	}
	p->heap[i] = last;
	return first;
}

/* Gilbert's model when losses come in bursts: the share of lost packets is loss_ppm either way. */
static inline bool path_loses(struct path *p)
{
	if (p->loss_ppm == 0)
		return false;
	if (p->burst_mean <= 1)
		return random_below(&p->random, 1000000) < p->loss_ppm;
	if (p->bad)
		p->bad = random_below(&p->random, p->burst_mean) != 0;
	else
		p->bad = random_below(&p->random, 1000000ull * p->burst_mean) < p->loss_ppm;
	return p->bad;
}

/* CE, where the packet is capable; its header stays right (RFC 1624). */
static inline void path_mark(struct path *p, uint8_t *ip)
{
	uint32_t sum;

	if ((ip[1] & 3) == 0 || (ip[1] & 3) == 3)
		return;
	sum = (uint32_t)(ip[10] << 8 | ip[11]) + (ip[1] & 3u) + 0xfffc;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
	ip[1] |= 3;
	p->marked++;
}

static inline void path_take(struct path *p, unsigned from, const struct eleven_out *out)
{
	struct path_packet *packet;
	uint64_t due = p->now + p->delay_ns, bits = 8ull * (out->length + 38);   /* with Ethernet around it */
	uint16_t at = 0;
	bool mark = false;

	if (from % 2 == 0) {
		uint64_t start = p->free_ns > p->now ? p->free_ns : p->now;

		uint64_t waiting = (start - p->now) * p->bits_per_second / 8000000000u;

		p->sent++;
		p->queued_bytes += waiting;
		mark = p->mark_bytes && waiting >= p->mark_bytes;
		if (waiting > p->queue_bytes) {
			p->overflowed++;
			return;
		}
		p->free_ns = start + bits * 1000000000u / p->bits_per_second;
		if (path_loses(p)) {
			p->lost++;
			return;
		}
		due = p->free_ns + p->delay_ns;
		if (p->reorder_ppm && random_below(&p->random, 1000000) < p->reorder_ppm)
			due += p->reorder_ns;
	}
	packet = malloc(sizeof(*packet));
	assert_non_null(packet);
	assert_true(out->length <= PATH_PACKET_MAX);
	packet->due = due;
	packet->length = (uint16_t)out->length;
	packet->flags = out->flags & ELEVEN_PACKET_CHECKSUM_PARTIAL ? ELEVEN_PACKET_CHECKSUM_OK : 0;
	for (unsigned i = 0; i < out->slices; i++) {
		memcpy(packet->bytes + at, out->slice[i].bytes, out->slice[i].length);
		at = (uint16_t)(at + out->slice[i].length);
	}
	if (mark)
		path_mark(p, packet->bytes);
	packet->to = (uint8_t)(packet->bytes[19] - 1);
	if (packet->bytes[16] != 10 || packet->to >= p->stacks) {
		free(packet);           /* to one whom an attacker invented */
		return;
	}
	path_push(p, packet);
}

static inline void path_flush(struct path *p, unsigned i)
{
	struct eleven_out out[32];
	unsigned n;

	while ((n = eleven_output(p->stack[i], out, 32, path_clock(p))) > 0)
		for (unsigned j = 0; j < n; j++)
			path_take(p, i, &out[j]);
}

/* When the host's clock says `deadline`, in the world's time. */
static inline uint64_t path_when(const struct path *p, uint64_t deadline)
{
	if (deadline > UINT64_MAX - p->step_ns)
		return UINT64_MAX;
	return (deadline + p->step_ns - 1) / p->step_ns * p->step_ns;
}

/* The next event; false: it would be after `until`. */
static inline bool path_step(struct path *p, uint64_t until)
{
	uint64_t next = p->count ? p->heap[0]->due : UINT64_MAX;

	for (unsigned i = 0; i < p->stacks; i++) {
		uint64_t when = path_when(p, eleven_deadline(p->stack[i]));

		next = when < next ? when : next;
	}
	if (next > until) {
		p->now = until;
		return false;
	}
	p->now = next > p->now ? next : p->now;
	while (p->count && p->heap[0]->due <= p->now) {
		struct path_packet *packet = path_pop(p);
		struct eleven_packet in = { packet->bytes, packet->length, 0, packet->flags, 0 };

		eleven_input(p->stack[packet->to], &in, 1, path_clock(p));
		path_flush(p, packet->to);
		free(packet);
	}
	for (unsigned i = 0; i < p->stacks; i++) {
		if (path_when(p, eleven_deadline(p->stack[i])) > p->now)
			continue;
		eleven_timers(p->stack[i], path_clock(p));
		path_flush(p, i);
	}
	return true;
}

/* ---- a greedy sender and a greedy receiver */

struct path_flow {
	eleven_handle sender, receiver;
	unsigned from, to;
	uint64_t received;
};

static inline void path_flow_open(struct path *p, struct path_flow *f, unsigned from)
{
	struct eleven_endpoint local = path_endpoint(from + 1, 8000);
	eleven_handle listener;
	uint64_t until = p->now + SEC(200);

	*f = (struct path_flow){ .from = from, .to = from + 1 };
	assert_int_equal(eleven_open(p->stack[f->to], &listener, path_clock(p)), 0);
	assert_int_equal(eleven_bind(p->stack[f->to], listener, &local, 0, path_clock(p)), 0);
	assert_int_equal(eleven_listen(p->stack[f->to], listener, 1, path_clock(p)), 0);
	assert_int_equal(eleven_open(p->stack[from], &f->sender, path_clock(p)), 0);
	assert_int_equal(eleven_connect(p->stack[from], f->sender, &local, path_clock(p)), 0);
	path_flush(p, from);
	while (eleven_accept(p->stack[f->to], listener, &f->receiver, path_clock(p)) != 0)
		assert_true(path_step(p, until));
}

static inline void path_flow_turn(struct path *p, struct path_flow *f)
{
	struct eleven_slice slices[2];
	struct eleven_signal signal;
	int n;

	while (eleven_signal(p->stack[f->from], &signal) || eleven_signal(p->stack[f->to], &signal))
		;
	while (eleven_send_buf(p->stack[f->from], f->sender, 1u << 20, slices, path_clock(p)) > 0)
		if (eleven_send_commit(p->stack[f->from], f->sender, slices[0].length, 0, path_clock(p)) != 0)
			break;
	path_flush(p, f->from);
	while ((n = eleven_receive_buf(p->stack[f->to], f->receiver, slices, path_clock(p))) > 0) {
		uint64_t bytes = slices[0].length + (n > 1 ? slices[1].length : 0);

		f->received += bytes;
		assert_int_equal(eleven_receive_commit(p->stack[f->to], f->receiver, bytes, path_clock(p)), 0);
	}
	path_flush(p, f->to);
}

#endif
