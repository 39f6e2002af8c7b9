/* SPDX-License-Identifier: MIT */
/* Closing in every order, with every segment of it lost, and the resets. */
#include "stack/flow.h"

static void settle(struct wire *w)
{
	wire_run(w, MS(300));
}

static void pair_start(struct wire *w, uint64_t seed, eleven_handle *client, eleven_handle *server)
{
	wire_defaults(w, 2, seed);
	wire_start(w);
	wire_pair(w, 8000, client, server);
	settle(w);
}

static void both_end_empty(struct wire *w)
{
	wire_run(w, SEC(300));
	wire_assert_empty(w, 0);
	wire_assert_empty(w, 1);
	wire_end(w);
}

static void test_client_first(void **state)
{
	eleven_handle client, server;
	struct wire w;
	char byte;

	(void)state;
	pair_start(&w, 1, &client, &server);
	assert_int_equal(eleven_shutdown(w.stack[0], client, w.now), 0);
	assert_int_equal(wire_state(&w, 0, client), ELEVEN_FIN_WAIT_1);
	settle(&w);
	assert_int_equal(wire_state(&w, 0, client), ELEVEN_FIN_WAIT_2);
	assert_int_equal(wire_state(&w, 1, server), ELEVEN_CLOSE_WAIT);
	assert_true(wire_signals_of(&w, 1, server) & ELEVEN_SIGNAL_CLOSING);
	assert_int_equal(eleven_receive(w.stack[1], server, &byte, 1, w.now), 0);
	assert_int_equal(eleven_send(w.stack[0], client, "x", 1, 0, w.now), -EPIPE);
	/* half-close: the other direction goes on */
	assert_int_equal(eleven_send(w.stack[1], server, "y", 1, 0, w.now), 1);
	settle(&w);
	assert_int_equal(eleven_receive(w.stack[0], client, &byte, 1, w.now), 1);
	assert_int_equal(byte, 'y');
	assert_int_equal(eleven_receive(w.stack[0], client, &byte, 1, w.now), -EAGAIN);
	assert_int_equal(eleven_shutdown(w.stack[1], server, w.now), 0);
	assert_int_equal(wire_state(&w, 1, server), ELEVEN_LAST_ACK);
	settle(&w);
	assert_int_equal(wire_state(&w, 0, client), ELEVEN_TIME_WAIT);
	assert_int_equal(wire_state(&w, 1, server), ELEVEN_CLOSED);
	assert_int_equal(eleven_receive(w.stack[0], client, &byte, 1, w.now), 0);
	assert_int_equal(eleven_close(w.stack[0], client, w.now), 0);
	assert_int_equal(eleven_close(w.stack[1], server, w.now), 0);
	both_end_empty(&w);
}

static void test_both_at_once(void **state)
{
	eleven_handle client, server;
	struct wire w;

	(void)state;
	pair_start(&w, 2, &client, &server);
	assert_int_equal(eleven_shutdown(w.stack[0], client, w.now), 0);
	assert_int_equal(eleven_shutdown(w.stack[1], server, w.now), 0);
	wire_run(&w, MS(1));
	assert_int_equal(wire_state(&w, 0, client), ELEVEN_CLOSING);
	assert_int_equal(wire_state(&w, 1, server), ELEVEN_CLOSING);
	settle(&w);
	assert_int_equal(wire_state(&w, 0, client), ELEVEN_TIME_WAIT);
	assert_int_equal(wire_state(&w, 1, server), ELEVEN_TIME_WAIT);
	assert_int_equal(eleven_close(w.stack[0], client, w.now), 0);
	assert_int_equal(eleven_close(w.stack[1], server, w.now), 0);
	both_end_empty(&w);
}

/* TIME-WAIT lasts 2 MSL, from the last FIN received. */
static void test_time_wait_lasts_2_msl(void **state)
{
	eleven_handle client, server;
	struct eleven_stats stats;
	struct wire w;
	uint64_t began;

	(void)state;
	pair_start(&w, 3, &client, &server);
	assert_int_equal(eleven_close(w.stack[0], client, w.now), 0);
	settle(&w);
	assert_int_equal(eleven_close(w.stack[1], server, w.now), 0);
	began = w.now + MS(1);
	wire_run(&w, began + 2 * w.config[0].msl - MS(1) - w.now);
	eleven_stats(w.stack[0], &stats);
	assert_int_equal(stats.time_wait, 1);
	wire_run(&w, MS(2));
	eleven_stats(w.stack[0], &stats);
	assert_int_equal(stats.time_wait, 0);
	both_end_empty(&w);
}

struct lose {
	unsigned left[2];               /* FINs, by stack, to lose */
	unsigned acks;                  /* of segments with only ACK from stack 0 after both FINs */
	bool fin[2];
};

static bool lose_some(struct wire *w, const struct wire_segment *s, void *context)
{
	struct lose *lose = context;

	(void)w;
	if (s->flags & FIN) {
		lose->fin[s->from] = true;
		if (lose->left[s->from]) {
			lose->left[s->from]--;
			return true;
		}
	} else if (lose->fin[0] && lose->fin[1] && lose->acks) {
		lose->acks--;
		return true;
	}
	return false;
}

/* Every combination of lost FINs and ACKs, closed by client, server, both; text on the way. */
static void test_close_with_losses(void **state)
{
	(void)state;
	for (unsigned mix = 0; mix < 3 * 3 * 3 * 4 * 2; mix++) {
		struct lose lose = { .left = { mix % 3, mix / 3 % 3 }, .acks = mix / 9 % 3 };
		unsigned order = mix / 27 % 4, text = mix / 108;
		struct flow a, b;
		struct wire w;

		wire_defaults(&w, 2, 1000 + mix);
		w.drop = lose_some;
		w.drop_context = &lose;
		wire_start(&w);
		flow_pair(&w, &a, &b, text ? 5000 : 0, text ? 7000 : 0);
		a.keep_open = order == 1 || order == 2;
		b.keep_open = order == 0;
		for (int i = 0; i < 20; i++) {
			flow_turn(&a);
			flow_turn(&b);
			wire_run(&w, MS(200));
			a.keep_open &= !(b.shut && a.eof);
			b.keep_open &= !(a.shut && b.eof);
		}
		flow_finish(&a, &b, SEC(100));
		eleven_close(w.stack[0], a.h, w.now);
		eleven_close(w.stack[1], b.h, w.now);
		both_end_empty(&w);
	}
}

static void expect_reset(struct wire *w, unsigned i, eleven_handle h)
{
	struct eleven_status status;
	char byte;

	assert_true(wire_signals_of(w, i, h) & ELEVEN_SIGNAL_ERROR);
	assert_int_equal(eleven_status(w->stack[i], h, &status), 0);
	assert_int_equal(status.state, ELEVEN_CLOSED);
	assert_int_equal(status.error, ECONNRESET);
	assert_int_equal(eleven_send(w->stack[i], h, "x", 1, 0, w->now), -ECONNRESET);
	assert_int_equal(eleven_receive(w->stack[i], h, &byte, 1, w->now), 0);
	assert_int_equal(eleven_send(w->stack[i], h, "x", 1, 0, w->now), -EPIPE);
	assert_int_equal(eleven_close(w->stack[i], h, w->now), 0);
}

static void test_abort(void **state)
{
	eleven_handle client, server;
	struct wire w;

	(void)state;
	pair_start(&w, 4, &client, &server);
	assert_int_equal(eleven_abort(w.stack[0], client, w.now), 0);
	assert_int_equal(eleven_abort(w.stack[0], client, w.now), -EBADF);
	settle(&w);
	expect_reset(&w, 1, server);
	wire_run(&w, SEC(1));
	wire_assert_empty(&w, 0);
	wire_assert_empty(&w, 1);
	wire_end(&w);
}

static void test_SHLD_3_close_with_unread_text_resets(void **state)
{
	eleven_handle client, server;
	struct wire w;

	(void)state;
	pair_start(&w, 5, &client, &server);
	assert_int_equal(eleven_send(w.stack[0], client, "unread", 6, 0, w.now), 6);
	settle(&w);
	assert_int_equal(eleven_close(w.stack[1], server, w.now), 0);
	settle(&w);
	expect_reset(&w, 0, client);
	both_end_empty(&w);
}

static void test_text_after_close_resets(void **state)
{
	eleven_handle client, server;
	struct wire w;

	(void)state;
	pair_start(&w, 6, &client, &server);
	assert_int_equal(eleven_close(w.stack[1], server, w.now), 0);
	settle(&w);
	assert_int_equal(wire_state(&w, 0, client), ELEVEN_CLOSE_WAIT);
	assert_int_equal(eleven_send(w.stack[0], client, "late", 4, 0, w.now), 4);
	settle(&w);
	expect_reset(&w, 0, client);
	both_end_empty(&w);
}

static void test_linger_reset(void **state)
{
	eleven_handle client, server;
	struct wire w;

	(void)state;
	pair_start(&w, 7, &client, &server);
	assert_int_equal(eleven_option_set(w.stack[0], client, ELEVEN_OPTION_LINGER_RESET, 1, w.now), 0);
	assert_int_equal(eleven_close(w.stack[0], client, w.now), 0);
	settle(&w);
	expect_reset(&w, 1, server);
	both_end_empty(&w);
}

/* The peer vanishes: an orphan in FIN-WAIT-1 is given up, one in FIN-WAIT-2 forgotten. */
static void test_orphans_end(void **state)
{
	(void)state;
	for (unsigned reached = 0; reached < 2; reached++) {
		eleven_handle client, server;
		struct eleven_stats stats;
		struct wire w;

		pair_start(&w, 8 + reached, &client, &server);
		if (!reached)
			w.loss_permille = 1000;
		assert_int_equal(eleven_close(w.stack[0], client, w.now), 0);
		settle(&w);
		w.loss_permille = 1000;
		wire_run(&w, SEC(50));
		eleven_stats(w.stack[0], &stats);
		assert_int_equal(stats.states[reached ? ELEVEN_FIN_WAIT_2 : ELEVEN_FIN_WAIT_1], 1);
		wire_run(&w, SEC(1000));
		wire_assert_empty(&w, 0);
		wire_end(&w);
	}
}

/* The walk's point: who closed first holds the port. */
static void test_server_first_holds_the_port(void **state)
{
	struct eleven_endpoint local = endpoint(0, 8000);
	eleven_handle client, server, again;
	struct wire w;

	(void)state;
	pair_start(&w, 10, &client, &server);
	assert_int_equal(eleven_close(w.stack[1], server, w.now), 0);
	settle(&w);
	assert_int_equal(eleven_close(w.stack[0], client, w.now), 0);
	settle(&w);
	assert_int_equal(eleven_open(w.stack[1], &again, w.now), 0);
	assert_int_equal(eleven_bind(w.stack[1], again, &local, 0, w.now), -EADDRINUSE);
	assert_int_equal(eleven_bind(w.stack[1], again, &local, ELEVEN_BIND_REUSE_ADDRESS, w.now), 0);
	assert_int_equal(eleven_listen(w.stack[1], again, 1, w.now), 0);
	assert_int_equal(eleven_close(w.stack[1], again, w.now), 0);
	wire_run(&w, 2 * w.config[1].msl + SEC(1));
	assert_int_equal(eleven_open(w.stack[1], &again, w.now), 0);
	assert_int_equal(eleven_bind(w.stack[1], again, &local, 0, w.now), 0);
	assert_int_equal(eleven_close(w.stack[1], again, w.now), 0);
	both_end_empty(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_client_first),
		cmocka_unit_test(test_both_at_once),
		cmocka_unit_test(test_time_wait_lasts_2_msl),
		cmocka_unit_test(test_close_with_losses),
		cmocka_unit_test(test_abort),
		cmocka_unit_test(test_SHLD_3_close_with_unread_text_resets),
		cmocka_unit_test(test_text_after_close_resets),
		cmocka_unit_test(test_linger_reset),
		cmocka_unit_test(test_orphans_end),
		cmocka_unit_test(test_server_first_holds_the_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
