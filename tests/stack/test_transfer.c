/* SPDX-License-Identifier: MIT */
/* Text both ways, byte for byte, through every kind of wire, and all memory back afterwards. */
#include "stack/flow.h"

/* How links differ in what they take off TCP's hands. */
static void link_choose(struct wire *w, unsigned which)
{
	w->offload = which > 0;
	w->segment_bytes_max = which > 1 ? 65000 : 0;
	w->cut = which == 2;
}

static void transfer_and_clean(struct wire *w, uint64_t bytes_a, uint64_t bytes_b)
{
	struct flow a, b;

	flow_pair(w, &a, &b, bytes_a, bytes_b);
	a.lent = random_below(&w->random, 2);
	b.lent = random_below(&w->random, 2);
	flow_finish(&a, &b, SEC(10000));
	assert_int_equal(eleven_close(w->stack[0], a.h, w->now), 0);
	assert_int_equal(eleven_close(w->stack[1], b.h, w->now), 0);
	wire_run(w, SEC(600));
	if (w->kind == ELEVEN_LINK_IP) {
		wire_assert_empty(w, 0);
		wire_assert_empty(w, 1);
	}
	assert_true(w->checked > 0);
}

static void test_clean_wire(void **state)
{
	(void)state;
	for (unsigned which = 0; which < 4; which++) {
		struct eleven_stats stats;
		struct wire w;

		wire_defaults(&w, 2, 100 + which);
		link_choose(&w, which);
		wire_start(&w);
		transfer_and_clean(&w, 3000000, 2000000);
		for (unsigned i = 0; i < 2; i++) {
			eleven_stats(w.stack[i], &stats);
			assert_int_equal(stats.retransmitted_segments, 0);
			assert_int_equal(stats.resets_sent, 0);
			assert_int_equal(stats.bytes_in, i ? 3000000 : 2000000);
			assert_int_equal(stats.bytes_out, i ? 2000000 : 3000000);
		}
		wire_end(&w);
	}
}

/* However much a link says it can cut: a packet is an IP packet. */
static void test_segments_as_big_as_packets_get(void **state)
{
	struct wire w;

	(void)state;
	wire_defaults(&w, 2, 70);
	w.offload = true;
	w.segment_bytes_max = 1 << 20;
	wire_start(&w);
	transfer_and_clean(&w, 5000000, 5000000);
	wire_end(&w);
}

/* RFC 791: every link takes 68 bytes. */
static void test_smallest_mtu(void **state)
{
	(void)state;
	for (unsigned which = 0; which < 4; which++) {
		struct wire w;

		wire_defaults(&w, 2, 80 + which);
		link_choose(&w, which);
		w.mtu = wire_is_v6() ? 1280 : 68;
		w.loss_permille = which * 10;
		wire_start(&w);
		transfer_and_clean(&w, 20000, 20000);
		wire_end(&w);
	}
}

static void test_random_wires(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct wire w;

		wire_defaults(&w, 2, seed);
		link_choose(&w, (unsigned)random_below(&w.random, 4));
		w.kind = random_below(&w.random, 4) ? ELEVEN_LINK_IP : ELEVEN_LINK_ETHERNET;
		w.delay_ns = MS(random_below(&w.random, 30));
		w.jitter_ns = random_below(&w.random, 2) ? MS(random_below(&w.random, 10)) : 0;
		w.loss_permille = (unsigned)random_below(&w.random, 50);
		w.duplicate_permille = (unsigned)random_below(&w.random, 50);
		w.mtu = (wire_is_v6() ? 1280 : 576) + (uint32_t)random_below(&w.random, 9000);
		wire_start(&w);
		transfer_and_clean(&w, random_below(&w.random, 500000), random_below(&w.random, 500000));
		wire_end(&w);
	}
}

static void test_small_buffers(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct wire w;

		wire_defaults(&w, 2, 300 + seed);
		for (int i = 0; i < 2; i++) {
			w.config[i].send_buffer = 1024 << random_below(&w.random, 6);
			w.config[i].receive_buffer = 1024 << random_below(&w.random, 6);
			w.config[i].buffer_unit_shift = 6 + random_below(&w.random, 5);
			w.config[i].receive_autotuning = random_below(&w.random, 2);
			w.config[i].timestamps = random_below(&w.random, 2);
			w.config[i].window_scaling = random_below(&w.random, 2);
			w.config[i].sack = random_below(&w.random, 2);
		}
		w.loss_permille = (unsigned)random_below(&w.random, 20);
		wire_start(&w);
		transfer_and_clean(&w, random_below(&w.random, 100000), random_below(&w.random, 100000));
		wire_end(&w);
	}
}

static void test_zero_window_and_opening(void **state)
{
	(void)state;
	for (unsigned lost = 0; lost < 2; lost++) {
		struct eleven_status status;
		struct flow a, b;
		struct wire w;

		wire_defaults(&w, 2, 40 + lost);
		w.config[1].receive_buffer = 16384;
		wire_start(&w);
		flow_pair(&w, &a, &b, 300000, 10);
		b.idle_reader = true;
		for (int i = 0; i < 300; i++) {
			flow_turn(&a);
			flow_turn(&b);
			wire_run(&w, SEC(1));
		}
		assert_int_equal(eleven_status(w.stack[0], a.h, &status), 0);
		assert_int_equal(status.state, b.shut ? ELEVEN_CLOSE_WAIT : ELEVEN_ESTABLISHED);
		assert_int_equal(status.snd_wnd, 0);
		assert_true(status.sub & ELEVEN_SUB_ZERO_WINDOW);
		assert_int_equal(status.timer, ELEVEN_TIMER_PERSIST);
		assert_true(status.unsent > 0);
		assert_true(eleven_status(w.stack[1], b.h, &status) == 0 && status.receive_queue > 0);
		assert_true(status.receive_queue <= 16384);
		b.idle_reader = false;
		if (lost) {                     /* the window update is lost: the probe has to find out */
			w.loss_permille = 1000;
			flow_turn(&b);
			wire_run(&w, MS(1));
			w.loss_permille = 0;
		}
		flow_finish(&a, &b, SEC(1000));
		wire_end(&w);
	}
}

static void loop_turns(struct wire *w, struct flow *a, struct flow *b)
{
	uint64_t until = w->now + SEC(100);

	while (!(a->eof && b->eof)) {
		flow_turn(a);
		flow_turn(b);
		assert_true(wire_step(w, until) || (a->eof && b->eof));
	}
}

static void test_loopback_inside_a_stack(void **state)
{
	const uint32_t addresses[] = { 0x7f000001, 0x7f010203, 0x0a000001 };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct flow a = { .key_out = 1, .key_in = 2, .to_send = 700000, .piece_max = 60000 };
		struct flow b = { .key_out = 2, .key_in = 1, .to_send = 900000, .piece_max = 60000 };
		eleven_handle listener;
		struct wire w;

		wire_defaults(&w, 1, 50 + i);
		w.config[0].loopback_bytes = i == 1 ? 4096 : 1 << 20;
		wire_start(&w);
		listener = wire_listen(&w, 0, 8000);
		a.w = b.w = &w;
		a.h = wire_connect(&w, 0, addresses[i], 8000);
		wire_run(&w, MS(1));
		assert_int_equal(eleven_accept(w.stack[0], listener, &b.h, w.now), 0);
		loop_turns(&w, &a, &b);
		assert_int_equal(a.received, 900000);
		assert_int_equal(b.received, 700000);
		assert_int_equal(w.packets, 0);
		eleven_close(w.stack[0], listener, w.now);
		eleven_close(w.stack[0], a.h, w.now);
		eleven_close(w.stack[0], b.h, w.now);
		wire_run(&w, 2 * w.config[0].msl + SEC(1));
		wire_assert_empty(&w, 0);
		wire_end(&w);
	}
}

static void test_many_connections(void **state)
{
	struct flow a[40], b[40];
	eleven_handle listener;
	unsigned done = 0;
	uint64_t until;
	struct wire w;

	(void)state;
	wire_defaults(&w, 2, 60);
	w.loss_permille = 10;
	w.config[0].buffer_bytes = w.config[1].buffer_bytes = 64 << 20;
	wire_start(&w);
	listener = wire_listen(&w, 1, 8000);
	memset(a, 0, sizeof(a));
	memset(b, 0, sizeof(b));
	for (int i = 0; i < 40; i++) {
		a[i] = (struct flow){ .w = &w, .key_out = 1, .key_in = 1, .to_send = 20000, .piece_max = 5000 };
		b[i] = a[i];
		b[i].stack = 1;
		a[i].h = wire_connect(&w, 0, wire_address(1), 8000);
		while (eleven_accept(w.stack[1], listener, &b[i].h, w.now))
			assert_true(wire_step(&w, w.now + SEC(100)));
		while (wire_state(&w, 0, a[i].h) == ELEVEN_SYN_SENT)
			assert_true(wire_step(&w, w.now + SEC(100)));
	}
	until = w.now + SEC(1000);
	while (done < 40) {
		done = 0;
		for (int i = 0; i < 40; i++) {
			flow_turn(&a[i]);
			flow_turn(&b[i]);
			done += a[i].eof && b[i].eof;
		}
		assert_true(wire_step(&w, until) || done == 40);
	}
	eleven_close(w.stack[1], listener, w.now);
	for (int i = 0; i < 40; i++) {
		assert_int_equal(eleven_close(w.stack[0], a[i].h, w.now), 0);
		assert_int_equal(eleven_close(w.stack[1], b[i].h, w.now), 0);
	}
	wire_run(&w, SEC(600));
	wire_assert_empty(&w, 0);
	wire_assert_empty(&w, 1);
	wire_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean_wire),
		cmocka_unit_test(test_smallest_mtu),
		cmocka_unit_test(test_segments_as_big_as_packets_get),
		cmocka_unit_test(test_random_wires),
		cmocka_unit_test(test_small_buffers),
		cmocka_unit_test(test_zero_window_and_opening),
		cmocka_unit_test(test_loopback_inside_a_stack),
		cmocka_unit_test(test_many_connections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
