/* SPDX-License-Identifier: MIT */
/* A program on one end of a connection: sends a known stream, checks the one it receives, closes when both are done. */
#ifndef TEST_STACK_FLOW_H
#define TEST_STACK_FLOW_H

#include <errno.h>

#include "stack/wire.h"

struct flow {
	struct wire *w;
	unsigned stack;
	eleven_handle h;
	uint64_t key_out, key_in;       /* of the two streams */
	uint64_t to_send, sent, received;
	bool shut, eof;
	bool keep_open;                 /* no FIN when all is sent */
	bool idle_reader;               /* receives nothing */
	bool lent;                      /* _buf and _commit, not the copying calls */
	size_t piece_max;
};

/* Byte `at` of a stream; neighbours differ, so that a shift is seen. */
static inline uint8_t flow_byte(uint64_t key, uint64_t at)
{
	uint64_t x = (at + 1) * 0x9e3779b97f4a7c15ull ^ key;

	return (uint8_t)(x >> 56 ^ x >> 24);
}

static inline int64_t flow_send_some(struct flow *f, size_t n)
{
	uint8_t text[65536];

	if (f->lent) {
		struct eleven_slice room[2];
		int pieces = eleven_send_buf(f->w->stack[f->stack], f->h, n, room, f->w->now);
		size_t at = 0;

		if (pieces < 0)
			return pieces;
		for (int i = 0; i < pieces; i++)
			for (uint32_t j = 0; j < room[i].length && at < n; j++)
				((uint8_t *)(uintptr_t)room[i].bytes)[j] = flow_byte(f->key_out, f->sent + at++);
		if (at == 0)
			return -EAGAIN;
		assert_int_equal(eleven_send_commit(f->w->stack[f->stack], f->h, at, 0, f->w->now), 0);
		return (int64_t)at;
	}
	for (size_t i = 0; i < n; i++)
		text[i] = flow_byte(f->key_out, f->sent + i);
	return eleven_send(f->w->stack[f->stack], f->h, text, n, 0, f->w->now);
}

static inline int64_t flow_receive_some(struct flow *f, size_t n)
{
	uint8_t text[65536];
	int64_t got;

	if (f->lent) {
		struct eleven_slice slices[2];
		int pieces = eleven_receive_buf(f->w->stack[f->stack], f->h, slices, f->w->now);
		size_t at = 0;

		if (pieces <= 0)
			return pieces;
		for (int i = 0; i < pieces; i++)
			for (uint32_t j = 0; j < slices[i].length && at < n; j++, at++)
				assert_int_equal(slices[i].bytes[j], flow_byte(f->key_in, f->received + at));
		assert_int_equal(eleven_receive_commit(f->w->stack[f->stack], f->h, at, f->w->now), 0);
		return (int64_t)at;
	}
	got = eleven_receive(f->w->stack[f->stack], f->h, text, n, f->w->now);
	for (int64_t i = 0; i < got; i++)
		assert_int_equal(text[i], flow_byte(f->key_in, f->received + (uint64_t)i));
	return got;
}

/* One turn of the program: as much as goes, in pieces of random size. */
static inline void flow_turn(struct flow *f)
{
	int64_t n = 0;

	while (f->sent < f->to_send) {
		uint64_t piece = 1 + random_below(&f->w->random, f->piece_max);

		n = flow_send_some(f, piece < f->to_send - f->sent ? piece : f->to_send - f->sent);
		if (n < 0)
			break;
		assert_true(n > 0);
		f->sent += (uint64_t)n;
	}
	assert_true(n >= 0 || n == -EAGAIN);
	if (f->sent == f->to_send && !f->shut && !f->keep_open) {
		assert_int_equal(eleven_shutdown(f->w->stack[f->stack], f->h, f->w->now), 0);
		f->shut = true;
	}
	while (!f->eof && !f->idle_reader) {
		n = flow_receive_some(f, 1 + random_below(&f->w->random, f->piece_max));
		if (n == -EAGAIN)
			break;
		assert_true(n >= 0);
		f->received += (uint64_t)n;
		f->eof = n == 0;
	}
}

static inline void flow_pair(struct wire *w, struct flow *a, struct flow *b, uint64_t bytes_a, uint64_t bytes_b)
{
	memset(a, 0, sizeof(*a));
	a->w = w;
	a->stack = 0;
	a->key_out = 11;
	a->key_in = 22;
	a->to_send = bytes_a;
	a->piece_max = 20000;
	*b = *a;
	b->stack = 1;
	b->key_out = 22;
	b->key_in = 11;
	b->to_send = bytes_b;
	wire_pair(w, 8000, &a->h, &b->h);
}

/* Until both have sent everything and seen the other's end. */
static inline void flow_finish(struct flow *a, struct flow *b, uint64_t within_ns)
{
	uint64_t until = a->w->now + within_ns;

	while (!(a->eof && b->eof && a->shut && b->shut)) {
		flow_turn(a);
		flow_turn(b);
		if (a->eof && b->eof)
			break;
		assert_true(wire_step(a->w, until));
	}
	assert_int_equal(a->received, b->to_send);
	assert_int_equal(b->received, a->to_send);
}

#endif
