/* SPDX-License-Identifier: MIT */
/*
 * Small worlds that are tried completely: every three segments that overlap on six bytes, with and without the end,
 * and every sequence of up to six calls.  (All option areas of six bytes are in tests/wire/test_tcp.c.)
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "explore/explore.h"

#define STREAM 6u               /* bytes */
#define CALLS  6u

static const struct address here = { { [10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1 } };
static const struct address there = { { [10] = 0xff, [11] = 0xff, [12] = 10, [15] = 2 } };

static void arrive(struct world *world, unsigned side, const uint8_t *bytes, uint32_t length)
{
	struct arrival arrival = {
		.source = side ? here : there, .destination = side ? there : here, .bytes = bytes, .length = length,
		.checksum_ok = true,
	};

	tcp_segment_arrives(world->tcp[side], &arrival, world->soft->side[side].now);
}

/* Everything that wants to go goes, and arrives at once; b's program accepts, reads, and closes at the end. */
static void settle(struct world *world)
{
	struct side *b = &world->soft->side[1];
	struct eleven_signal signal;
	const struct tuple *tuple;
	uint8_t interface, bytes[PACKET_BYTES + 1], text[8];
	bool any = true;

	for (unsigned rounds = 0; any; rounds++) {
		any = false;
		assert_true(rounds < 50);
		for (unsigned side = 0; side < SIDES; side++) {
			while (tcp_output_next(world->tcp[side], &tuple, &interface, world->soft->side[side].now)) {
				struct tcp_out out = { 0 };
				uint32_t at;

				if (!tcp_output(world->tcp[side], &out, world->soft->side[side].now))
					continue;
				memcpy(bytes, out.header, at = out.header_bytes);
				for (unsigned i = 0; i < out.slices; at += out.slice[i++].length)
					memcpy(bytes + at, out.slice[i].bytes, out.slice[i].length);
				arrive(world, !side, bytes, at);
				any = true;
			}
			while (tcp_signal(world->tcp[side], &signal))
				;
		}
		if (!b->h && tcp_accept(world->tcp[1], b->listener, &b->h, b->now))
			b->h = 0;
		if (b->h) {
			int64_t n = tcp_receive(world->tcp[1], b->h, text, sizeof(text), b->now);

			if (n > 0)
				b->received += (uint8_t)n;
			if (n == 0 || (n < 0 && n != -EAGAIN)) {
				tcp_close(world->tcp[1], b->h, b->now);
				b->h = 0;
			}
			any |= n >= 0;
		}
	}
}

static void listen_at(struct world *world, unsigned side)
{
	struct side *s = &world->soft->side[side];

	assert_int_equal(tcp_open(world->tcp[side], &s->listener, s->now), 0);
	assert_int_equal(tcp_bind(world->tcp[side], s->listener, side ? &there : &here, side ? PORT_B : PORT_A, 0,
				  s->now), 0);
	assert_int_equal(tcp_listen(world->tcp[side], s->listener, 2, s->now), 0);
}

/* ---- overlaps */

struct piece {
	unsigned left, right;           /* of the stream */
	bool fin;
};

static void piece_arrives(struct world *world, const struct eleven_status *status, const struct piece *piece)
{
	uint8_t bytes[20 + STREAM];
	struct segment seg = { .has_ack = true, .window = 1000, .fin = piece->fin };

	seg.seq = seq_of(status->irs + 1 + piece->left);
	seg.ack = seq_of(status->snd_nxt);
	assert_int_equal(segment_emit_header(bytes, &seg), 20);
	bytes[0] = PORT_A >> 8;
	bytes[1] = PORT_A & 255;
	bytes[2] = PORT_B >> 8;
	bytes[3] = PORT_B & 255;
	for (unsigned i = piece->left; i < piece->right; i++)
		bytes[20 + i - piece->left] = (uint8_t)('a' + i);
	arrive(world, 1, bytes, 20 + piece->right - piece->left);
}

/* What a reader that knows the RFC alone expects: the bytes that have come, from the first to a gap. */
static void piece_judge(struct world *world, eleven_handle h, const struct eleven_status *before, unsigned held,
			bool fin, char *text, unsigned *got)
{
	struct eleven_status status;
	unsigned next = 0, behind = 0;
	int64_t n;

	while (held >> next & 1)
		next++;
	for (unsigned i = next; i < STREAM; i++)
		behind += held >> i & 1;
	assert_int_equal(tcp_status(world->tcp[1], h, &status), 0);
	assert_int_equal(status.rcv_nxt - before->irs - 1, next + (fin && next == STREAM));
	assert_int_equal(status.out_of_order, behind);
	assert_int_equal(status.state, fin && next == STREAM ? ELEVEN_CLOSE_WAIT : ELEVEN_ESTABLISHED);
	while ((n = tcp_receive(world->tcp[1], h, text + *got, STREAM + 1 - *got, before->since)) > 0)
		*got += (unsigned)n;
	assert_int_equal(n, fin && next == STREAM ? 0 : -EAGAIN);
	assert_int_equal(*got, next);
	assert_memory_equal(text, "abcdef", next);
}

static void test_every_overlap_of_three_segments(void **state)
{
	struct world world;
	struct eleven_status status;
	struct piece pieces[2 * STREAM * STREAM];
	unsigned count = 0, tried = 0;
	uint8_t *saved;
	eleven_handle h;

	(void)state;
	world_create(&world, scenario_find("half-close"));
	listen_at(&world, 1);
	assert_int_equal(tcp_open(world.tcp[0], &h, SEC(1000)), 0);
	assert_int_equal(tcp_bind(world.tcp[0], h, &here, PORT_A, 0, SEC(1000)), 0);
	assert_int_equal(tcp_connect(world.tcp[0], h, &here, 0, &there, PORT_B, SEC(1000)), 0);
	settle(&world);
	h = world.soft->side[1].h;
	assert_int_equal(tcp_status(world.tcp[1], h, &status), 0);
	assert_int_equal(status.state, ELEVEN_ESTABLISHED);
	saved = malloc(world.block_bytes);
	memcpy(saved, world.block, world.block_bytes);
	for (unsigned left = 0; left < STREAM; left++)
		for (unsigned right = left + 1; right <= STREAM; right++)
			pieces[count++] = (struct piece){ left, right, false };
	for (unsigned left = 0; left <= STREAM; left++)         /* the last ones have the FIN, too */
		pieces[count++] = (struct piece){ left, STREAM, true };
	for (unsigned order = 0; order < count * count * count; order++) {
		const struct piece *three[] = { &pieces[order % count], &pieces[order / count % count],
						&pieces[order / count / count] };
		unsigned held = 0, got = 0;
		char text[STREAM + 1];
		bool fin = false;

		memcpy(world.block, saved, world.block_bytes);
		for (unsigned i = 0; i < 3; i++) {
			piece_arrives(&world, &status, three[i]);
			for (unsigned at = three[i]->left; at < three[i]->right; at++)
				held |= 1u << at;
			fin |= three[i]->fin;
			piece_judge(&world, h, &status, held, fin, text, &got);
		}
		tried++;
	}
	assert_int_equal(tried, 28 * 28 * 28);
	free(saved);
	world_destroy(&world);
}

/* ---- calls */

enum call { OPEN, BIND, LISTEN, CONNECT, SEND, RECEIVE, SHUTDOWN, CLOSE, ABORT, KINDS };

static int64_t call_make(struct world *world, enum call call, eleven_handle *h)
{
	struct tcp *tcp = world->tcp[0];
	uint64_t now = world->soft->side[0].now;
	uint8_t byte = 'x';
	eleven_handle opened;
	int64_t result;

	switch (call) {
	case OPEN:
		if (*h)
			return 0;       /* one at a time */
		result = tcp_open(tcp, &opened, now);
		*h = result == 0 ? opened : 0;
		return result;
	case BIND: return tcp_bind(tcp, *h, &here, PORT_A, 0, now);
	case LISTEN: return tcp_listen(tcp, *h, 2, now);
	case CONNECT: return tcp_connect(tcp, *h, &here, 0, &there, PORT_B, now);
	case SEND: return tcp_send(tcp, *h, &byte, 1, 0, now);
	case RECEIVE: return tcp_receive(tcp, *h, &byte, 1, now);
	case SHUTDOWN: return tcp_shutdown(tcp, *h, now);
	case CLOSE: return tcp_close(tcp, *h, now);
	case ABORT: return tcp_abort(tcp, *h, now);
	case KINDS: break;
	}
	return -EINVAL;
}

/* What each may answer in the state before it; b accepts at once and closes when a has. */
static bool is_right(enum call call, int64_t result, enum eleven_state state, bool open)
{
	bool synchronised = state >= ELEVEN_ESTABLISHED;

	if (!open)
		return call == OPEN ? result == 0 : result == -EBADF;
	switch (call) {
	case OPEN: return result == 0;
	case BIND: return result == 0 || result == -EADDRINUSE ? state == ELEVEN_CLOSED : result == -EINVAL;
	case LISTEN: return result == 0 || result == -EADDRINUSE ? state <= ELEVEN_LISTEN : result == -EINVAL;
	case CONNECT:
		return result == 0 ? state == ELEVEN_CLOSED :
		       state == ELEVEN_LISTEN ? result == -EOPNOTSUPP : result == -EISCONN || result == -EALREADY;
	case SEND:
		return result == 1 ? state == ELEVEN_ESTABLISHED || state == ELEVEN_CLOSE_WAIT :
		       state <= ELEVEN_LISTEN ? result == -ENOTCONN || result == -EPIPE : result == -EPIPE;
	case RECEIVE:
		return result == -EAGAIN ? state == ELEVEN_ESTABLISHED || state == ELEVEN_FIN_WAIT_2 :
		       result == 0 ? state != ELEVEN_LISTEN && state != ELEVEN_ESTABLISHED : result == -ENOTCONN;
	case SHUTDOWN: return result == 0 ? synchronised || state == ELEVEN_CLOSED :
			      result == -ENOTCONN && (state <= ELEVEN_LISTEN || synchronised);
	case CLOSE:
	case ABORT: return result == 0;
	case KINDS: break;
	}
	return false;
}

static struct {
	struct world world;
	uint8_t *saved[CALLS + 1];
	char path[CALLS + 1];
	unsigned long tried;
	bool reached[ELEVEN_STATES];
} tree;

static const char letters[] = "oblcsrfxa";

/* All is let go of: nothing may be left on a's side. */
static void leaf_judge(struct world *world, eleven_handle h)
{
	struct tcp *tcp = world->tcp[0];

	if (h)
		assert_int_equal(tcp_abort(tcp, h, world->soft->side[0].now), 0);
	for (unsigned i = 0; i < 4; i++) {
		world->soft->side[0].now += SEC(100000);        /* 2 MSL, and whoever gives up */
		tcp_timers(tcp, world->soft->side[0].now);
	}
	if (tcp->tcbs.used || tcp->syn_received.used || tcp->time_wait.used || tcp->sent.used ||
	    buffers_free_bytes(&tcp->buffers) != world->config.buffer_bytes)
		fail_msg("after the calls %s something is left", tree.path);
}

static void calls_try(unsigned depth, eleven_handle h)
{
	struct world *world = &tree.world;

	memcpy(tree.saved[depth], world->block, world->block_bytes);
	for (unsigned call = 0; call < KINDS; call++) {
		struct eleven_status status = { 0 };
		eleven_handle now_open = h;
		int64_t result;

		memcpy(world->block, tree.saved[depth], world->block_bytes);
		tree.path[depth] = letters[call];
		tree.path[depth + 1] = '\0';
		if (h && tcp_status(world->tcp[0], h, &status))
			fail_msg("before %s: the handle has no status", tree.path);
		result = call_make(world, call, &now_open);
		if (!is_right(call, result, (enum eleven_state)status.state, h != 0))
			fail_msg("%s: %c in %s gives %d", tree.path, letters[call],
				 state_spelling[status.state], (int)result);
		if ((call == CLOSE || call == ABORT) && h) {
			if (tcp_close(world->tcp[0], h, world->soft->side[0].now) != -EBADF)
				fail_msg("%s: the handle is still good", tree.path);
			now_open = 0;
		}
		settle(world);
		world->soft->side[0].sent = world->soft->side[1].received;
		world_judge(world);
		if (world->fault)
			fail_msg("%s: %s", tree.path, world->fault);
		tree.reached[status.state] = true;
		tree.tried++;
		if (depth + 1 < CALLS)
			calls_try(depth + 1, now_open);
		else
			leaf_judge(world, now_open);
	}
}

static void test_every_sequence_of_six_calls(void **state)
{
	(void)state;
	world_create(&tree.world, scenario_find("half-close"));
	listen_at(&tree.world, 1);
	for (unsigned i = 0; i <= CALLS; i++)
		tree.saved[i] = malloc(tree.world.block_bytes);
	calls_try(0, 0);
	assert_int_equal(tree.tried, 9 + 81 + 729 + 6561 + 59049 + 531441);
	assert_true(tree.reached[ELEVEN_LISTEN] && tree.reached[ELEVEN_ESTABLISHED]);
	for (unsigned i = 0; i <= CALLS; i++)
		free(tree.saved[i]);
	world_destroy(&tree.world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_overlap_of_three_segments),
		cmocka_unit_test(test_every_sequence_of_six_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
