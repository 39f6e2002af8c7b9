/* SPDX-License-Identifier: MIT */
/* Opening: handshake, listen and accept, refusal, bind's errors, resets, simultaneous open. */
#include <errno.h>

#include "stack/wire.h"

static void test_handshake_states_and_signals(void **state)
{
	eleven_handle listener, client, server;
	struct eleven_status status;
	struct wire w;

	(void)state;
	wire_defaults(&w, 2, 1);
	wire_start(&w);
	listener = wire_listen(&w, 1, 8000);
	assert_int_equal(eleven_accept(w.stack[1], listener, &server, w.now), -EAGAIN);
	client = wire_connect(&w, 0, wire_address(1), 8000);
	assert_int_equal(wire_state(&w, 0, client), ELEVEN_SYN_SENT);
	wire_run(&w, MS(1));
	assert_int_equal(wire_state(&w, 0, client), ELEVEN_SYN_SENT);
	wire_run(&w, MS(1));
	assert_int_equal(wire_state(&w, 0, client), ELEVEN_ESTABLISHED);
	assert_int_equal(wire_signals_of(&w, 0, client) & (ELEVEN_SIGNAL_CONNECTED | ELEVEN_SIGNAL_ERROR),
			 ELEVEN_SIGNAL_CONNECTED);
	assert_false(wire_signals_of(&w, 1, listener) & ELEVEN_SIGNAL_ACCEPT);
	wire_run(&w, MS(1));
	assert_true(wire_signals_of(&w, 1, listener) & ELEVEN_SIGNAL_ACCEPT);
	assert_int_equal(eleven_accept(w.stack[1], listener, &server, w.now), 0);
	assert_int_equal(eleven_accept(w.stack[1], listener, &server, w.now), -EAGAIN);
	assert_int_equal(eleven_status(w.stack[1], server, &status), 0);
	assert_int_equal(status.state, ELEVEN_ESTABLISHED);
	assert_int_equal(status.local.port, 8000);
	assert_int_equal(wire_u32(status.local.address.bytes + 12), wire_address(1));
	assert_int_equal(wire_u32(status.remote.address.bytes + 12), wire_address(0));
	assert_true(status.sub & ELEVEN_SUB_TIMESTAMPS && status.sub & ELEVEN_SUB_SACK &&
		    status.sub & ELEVEN_SUB_WINDOW_SCALE);
	assert_int_equal(status.mss_send, 1448);
	wire_end(&w);
}

static void test_refused_without_listener(void **state)
{
	struct eleven_status status;
	eleven_handle client;
	struct wire w;
	char byte;

	(void)state;
	wire_defaults(&w, 2, 2);
	wire_start(&w);
	client = wire_connect(&w, 0, wire_address(1), 9);
	wire_run(&w, MS(2));
	assert_true(wire_signals_of(&w, 0, client) & ELEVEN_SIGNAL_ERROR);
	assert_int_equal(eleven_status(w.stack[0], client, &status), 0);
	assert_int_equal(status.state, ELEVEN_CLOSED);
	assert_int_equal(status.error, ECONNREFUSED);
	assert_int_equal(eleven_receive(w.stack[0], client, &byte, 1, w.now), -ECONNREFUSED);
	assert_int_equal(eleven_close(w.stack[0], client, w.now), 0);
	assert_int_equal(eleven_status(w.stack[0], client, &status), -EBADF);
	wire_assert_empty(&w, 0);
	wire_assert_empty(&w, 1);
	wire_end(&w);
}

static bool drop_all(struct wire *w, const struct wire_segment *segment, void *context)
{
	(void)w;
	(void)segment;
	(void)context;
	return true;
}

static void test_timed_out_without_peer(void **state)
{
	struct eleven_status status;
	eleven_handle client;
	struct wire w;

	(void)state;
	wire_defaults(&w, 2, 3);
	wire_start(&w);
	w.drop = drop_all;
	client = wire_connect(&w, 0, wire_address(1), 8000);
	wire_run(&w, SEC(180));         /* MUST-23 */
	assert_int_equal(wire_state(&w, 0, client), ELEVEN_SYN_SENT);
	wire_run(&w, SEC(70));
	assert_int_equal(eleven_status(w.stack[0], client, &status), 0);
	assert_int_equal(status.error, ETIMEDOUT);
	assert_int_equal(status.state, ELEVEN_CLOSED);
	assert_true(wire_signals_of(&w, 0, client) & ELEVEN_SIGNAL_ERROR);
	assert_int_equal(w.packets, 0);
	wire_end(&w);
}

static void test_connect_errors(void **state)
{
	struct eleven_endpoint far = endpoint(0xf0000001, 80), zero = endpoint(wire_address(1), 0);
	struct eleven_endpoint all = endpoint(0xffffffff, 80), group = endpoint(0xe0000001, 80);
	eleven_handle h, listener;
	struct wire w;

	(void)state;
	wire_defaults(&w, 2, 4);
	wire_start(&w);
	assert_int_equal(eleven_open(w.stack[0], &h, w.now), 0);
	assert_int_equal(eleven_connect(w.stack[0], h, &far, w.now), -EINVAL);
	assert_int_equal(eleven_connect(w.stack[0], h, &zero, w.now), -EINVAL);
	assert_int_equal(eleven_connect(w.stack[0], h, &all, w.now), -EINVAL);
	assert_int_equal(eleven_connect(w.stack[0], h, &group, w.now), -EINVAL);
	assert_int_equal(eleven_connect(w.stack[0], h + 1, &far, w.now), -EBADF);
	assert_int_equal(eleven_connect(w.stack[0], 0, &far, w.now), -EBADF);
	assert_int_equal(eleven_close(w.stack[0], h, w.now), 0);
	listener = wire_listen(&w, 0, 80);
	assert_int_equal(eleven_connect(w.stack[0], listener, &far, w.now), -EOPNOTSUPP);
	h = wire_connect(&w, 0, wire_address(1), 80);
	assert_int_equal(eleven_connect(w.stack[0], h, &far, w.now), -EALREADY);
	wire_end(&w);
}

static void test_bind_errors(void **state)
{
	struct eleven_endpoint ours = endpoint(wire_address(0), 8000), any = endpoint(0, 8000);
	struct eleven_endpoint foreign = endpoint(wire_address(1), 8000), loop = endpoint(0x7f000001, 8000);
	eleven_handle a, b;
	struct wire w;

	(void)state;
	wire_defaults(&w, 2, 5);
	wire_start(&w);
	assert_int_equal(eleven_open(w.stack[0], &a, w.now), 0);
	assert_int_equal(eleven_open(w.stack[0], &b, w.now), 0);
	assert_int_equal(eleven_bind(w.stack[0], a, &foreign, 0, w.now), -EADDRNOTAVAIL);
	assert_int_equal(eleven_bind(w.stack[0], a, &ours, 0, w.now), 0);
	assert_int_equal(eleven_bind(w.stack[0], a, &ours, 0, w.now), -EINVAL);
	assert_int_equal(eleven_bind(w.stack[0], b, &any, 0, w.now), -EADDRINUSE);
	assert_int_equal(eleven_bind(w.stack[0], b, &loop, 0, w.now), 0);
	assert_int_equal(eleven_bind(w.stack[0], 77, &loop, 0, w.now), -EBADF);
	assert_int_equal(eleven_listen(w.stack[0], a, 1, w.now), 0);
	assert_int_equal(eleven_listen(w.stack[0], b, 1, w.now), 0);
	assert_int_equal(eleven_close(w.stack[0], a, w.now), 0);
	assert_int_equal(eleven_close(w.stack[0], b, w.now), 0);
	wire_assert_empty(&w, 0);
	wire_end(&w);
}

static void test_port_zero_picks_one(void **state)
{
	struct eleven_endpoint none = endpoint(0, 0);
	struct eleven_status a, b;
	eleven_handle h[2];
	struct wire w;

	(void)state;
	wire_defaults(&w, 2, 6);
	wire_start(&w);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(eleven_open(w.stack[0], &h[i], w.now), 0);
		assert_int_equal(eleven_bind(w.stack[0], h[i], &none, 0, w.now), 0);
	}
	assert_int_equal(eleven_status(w.stack[0], h[0], &a), 0);
	assert_int_equal(eleven_status(w.stack[0], h[1], &b), 0);
	assert_in_range(a.local.port, w.config[0].port_first, w.config[0].port_last);
	assert_in_range(b.local.port, w.config[0].port_first, w.config[0].port_last);
	assert_int_not_equal(a.local.port, b.local.port);
	wire_end(&w);
}

static void test_simultaneous_open(void **state)
{
	struct eleven_endpoint local[2] = { endpoint(0, 5000), endpoint(0, 6000) };
	struct eleven_endpoint remote[2] = { endpoint(wire_address(1), 6000), endpoint(wire_address(0), 5000) };
	eleven_handle h[2];
	struct wire w;

	(void)state;
	wire_defaults(&w, 2, 7);
	wire_start(&w);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(eleven_open(w.stack[i], &h[i], w.now), 0);
		assert_int_equal(eleven_bind(w.stack[i], h[i], &local[i], 0, w.now), 0);
		assert_int_equal(eleven_connect(w.stack[i], h[i], &remote[i], w.now), 0);
	}
	wire_run(&w, MS(1));
	assert_int_equal(wire_state(&w, 0, h[0]), ELEVEN_SYN_RECEIVED);
	assert_int_equal(wire_state(&w, 1, h[1]), ELEVEN_SYN_RECEIVED);
	wire_run(&w, SEC(3));
	assert_int_equal(wire_state(&w, 0, h[0]), ELEVEN_ESTABLISHED);
	assert_int_equal(wire_state(&w, 1, h[1]), ELEVEN_ESTABLISHED);
	assert_true(wire_signals_of(&w, 0, h[0]) & ELEVEN_SIGNAL_CONNECTED);
	assert_true(wire_signals_of(&w, 1, h[1]) & ELEVEN_SIGNAL_CONNECTED);
	wire_end(&w);
}

static bool drop_first_of_flags(struct wire *w, const struct wire_segment *segment, void *context)
{
	unsigned *mask = context;
	unsigned kind = segment->flags & SYN ? (segment->flags & ACK ? 2 : 1) : 4;

	(void)w;
	if (*mask & kind) {
		*mask &= ~kind;
		return true;
	}
	return false;
}

static void test_each_segment_of_the_handshake_lost(void **state)
{
	(void)state;
	for (unsigned mask = 0; mask < 8; mask++) {
		eleven_handle client, server;
		unsigned left = mask;
		struct wire w;

		wire_defaults(&w, 2, 8 + mask);
		wire_start(&w);
		w.drop = drop_first_of_flags;
		w.drop_context = &left;
		wire_pair(&w, 8000, &client, &server);
		assert_int_equal(left, 0);
		wire_end(&w);
	}
}

static void test_backlog_full_then_accepted(void **state)
{
	struct eleven_endpoint local = endpoint(0, 8000);
	eleven_handle listener, clients[5], server;
	unsigned accepted = 0;
	struct wire w;

	(void)state;
	wire_defaults(&w, 2, 20);
	wire_start(&w);
	assert_int_equal(eleven_open(w.stack[1], &listener, w.now), 0);
	assert_int_equal(eleven_bind(w.stack[1], listener, &local, 0, w.now), 0);
	assert_int_equal(eleven_listen(w.stack[1], listener, 1, w.now), 0);
	for (int i = 0; i < 5; i++)
		clients[i] = wire_connect(&w, 0, wire_address(1), 8000);
	wire_run(&w, MS(500));
	while (eleven_accept(w.stack[1], listener, &server, w.now) == 0)
		accepted++;
	assert_int_equal(accepted, 2);          /* backlog + 1 */
	for (int i = 0; i < 100; i++) {
		wire_run(&w, SEC(1));
		while (eleven_accept(w.stack[1], listener, &server, w.now) == 0)
			accepted++;
	}
	assert_int_equal(accepted, 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(wire_state(&w, 0, clients[i]), ELEVEN_ESTABLISHED);
	wire_end(&w);
}

static void test_listener_closed_resets_unaccepted(void **state)
{
	struct eleven_status status;
	eleven_handle listener, client;
	struct wire w;

	(void)state;
	wire_defaults(&w, 2, 21);
	wire_start(&w);
	listener = wire_listen(&w, 1, 8000);
	client = wire_connect(&w, 0, wire_address(1), 8000);
	wire_run(&w, MS(10));
	assert_int_equal(eleven_close(w.stack[1], listener, w.now), 0);
	wire_run(&w, MS(10));
	assert_int_equal(eleven_status(w.stack[0], client, &status), 0);
	assert_int_equal(status.error, ECONNRESET);
	wire_assert_empty(&w, 1);
	wire_end(&w);
}

static void test_out_of_connections(void **state)
{
	eleven_handle h[5];
	struct wire w;

	(void)state;
	wire_defaults(&w, 2, 22);
	w.config[0].connections_max = 4;
	wire_start(&w);
	for (int i = 0; i < 4; i++)
		assert_int_equal(eleven_open(w.stack[0], &h[i], w.now), 0);
	assert_int_equal(eleven_open(w.stack[0], &h[4], w.now), -ENOBUFS);
	assert_int_equal(eleven_close(w.stack[0], h[2], w.now), 0);
	assert_int_equal(eleven_open(w.stack[0], &h[4], w.now), 0);
	assert_int_not_equal(h[4], h[2]);
	assert_int_equal(eleven_close(w.stack[0], h[2], w.now), -EBADF);
	wire_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handshake_states_and_signals),
		cmocka_unit_test(test_refused_without_listener),
		cmocka_unit_test(test_timed_out_without_peer),
		cmocka_unit_test(test_connect_errors),
		cmocka_unit_test(test_bind_errors),
		cmocka_unit_test(test_port_zero_picks_one),
		cmocka_unit_test(test_simultaneous_open),
		cmocka_unit_test(test_each_segment_of_the_handshake_lost),
		cmocka_unit_test(test_backlog_full_then_accepted),
		cmocka_unit_test(test_listener_closed_resets_unaccepted),
		cmocka_unit_test(test_out_of_connections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
