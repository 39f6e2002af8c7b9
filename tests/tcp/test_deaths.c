/* SPDX-License-Identifier: MIT */
/* Who dies while another still counts on it, which timer is first, and what is counted of the living. */
#include "script.h"

static void again(struct script *s)
{
	struct eleven_config config = s->config;

	script_end(s);
	memset(s, 0, sizeof(*s));
	s->config = config;
	script_begin(s);
}

/* The listener goes while requests wait for their third ACK: they are answered with RST, and soon forgotten. */
static void test_listener_gone_before_the_third_ACK(void **state)
{
	struct script *s = *state;

	for (int silent = 0; silent < 2; silent++) {
		again(s);
		to_syn_received(s);
		assert_int_equal(tcp_close(s->tcp, s->listener, s->now), 0);
		while (out_any(s))
			assert_true(s->last.rst);
		if (state_now(s) == ELEVEN_CLOSED)
			continue;
		if (silent)
			pass(s, SEC(300));
		else
			in(s, ". 1:1(0) ack 1 win 65535");
		while (out_any(s))
			assert_true(s->last.rst);
		state_is(s, ELEVEN_CLOSED);
	}
}

/* One that is reset while it waits to be accepted: it is accepted, and then says so. */
static void test_reset_in_the_accept_queue(void **state)
{
	struct script *s = *state;
	struct eleven_signal signal;
	uint32_t seen = 0;
	char byte;

	to_listen(s);
	for (int i = 0; i < 3; i++) {
		s->their_port = (uint16_t)(THEIR_PORT + i);
		s->our_iss_known = false;
		in(s, "S 0:0(0) win 65535 <mss 1460>");
		out(s, "S. 0:0(0) ack 1 <...>");
		in(s, ". 1:1(0) ack 1 win 65535");
		if (i == 1)
			in(s, "R 1:1(0)");
	}
	while (tcp_signal(s->tcp, &signal))
		;
	for (int i = 0; i < 3; i++)
		if (tcp_accept(s->tcp, s->listener, &s->h, s->now) == 0) {
			while (tcp_signal(s->tcp, &signal))
				seen |= signal.signals & ELEVEN_SIGNAL_ERROR;
			assert_int_equal(tcp_receive(s->tcp, s->h, &byte, 1, s->now), i == 1 ? -ECONNRESET : -EAGAIN);
		}
	assert_true(seen & ELEVEN_SIGNAL_ERROR);
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), -EAGAIN);
}

/* Signals of a connection that has gone before they were asked for are not told. */
static void test_signals_of_the_dead(void **state)
{
	struct script *s = *state;
	struct eleven_signal signal;

	to_established(s);
	in(s, "P. 1:11(10) ack 1 win 65535");
	assert_int_equal(tcp_abort(s->tcp, s->h, s->now), 0);
	while (tcp_signal(s->tcp, &signal))
		assert_true(signal.connection == s->listener);
	out(s, "R. 1:1(0) ack 11");
	quiet(s);
}

/* eleven_stats() counts what there is, of each kind. */
static void test_stats_count_what_there_is(void **state)
{
	struct script *s = *state;
	struct eleven_stats stats;

	to_listen(s);
	for (unsigned i = 0; i < 9; i++) {
		s->their_port = (uint16_t)(THEIR_PORT + i);
		s->our_iss_known = false;
		in(s, "S 0:0(0) win 65535 <mss 1460>");
		out(s, "S. 0:0(0) ack 1 <...>");
		if (i < 2)
			continue;
		in(s, ". 1:1(0) ack 1 win 65535");
		assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
		if (i < 5)
			continue;
		assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
		out(s, "F. 1:1(0) ack 1");
		in(s, "F. 1:1(0) ack 2 win 65535");
		out(s, ". 2:2(0) ack 2");
	}
	quiet(s);                               /* the memory of the dead comes back with what waits for them */
	signals_of(s, s->h);
	memset(&stats, 0, sizeof(stats));
	tcp_stats(s->tcp, &stats);
	assert_int_equal(stats.syn_received, 2);
	assert_int_equal(stats.connections, 1 + 3);
	assert_int_equal(stats.time_wait, 4);
	assert_int_equal(stats.states[ELEVEN_LISTEN], 1);
	assert_int_equal(stats.states[ELEVEN_SYN_RECEIVED], 2);
	assert_int_equal(stats.states[ELEVEN_ESTABLISHED], 3);
	assert_int_equal(stats.states[ELEVEN_TIME_WAIT], 4);
	assert_int_equal(stats.passive_opens, 7);
	assert_int_equal(stats.segments_in, 9 + 7 + 4);
	assert_int_equal(stats.segments_out, 9 + 4 + 4);
	assert_int_equal(stats.active_opens, 0);
}

/* A user timeout that lies behind the next RTO does not shorten it; the keep-alive of one in TIME-WAIT is none. */
static void test_timers_that_meet(void **state)
{
	struct script *s = *state;

	to_established(s);
	tcp_option_set(s->tcp, s->h, ELEVEN_OPTION_USER_TIMEOUT, SEC(3), s->now);
	assert_int_equal(tcp_send(s->tcp, s->h, zeros, 10, 0, s->now), 10);
	out(s, "P. 1:11(10) ack 1");
	pass(s, SEC(2));
	while (out_any(s))
		assert_int_equal(s->last.text_bytes, 10);
	state_is(s, ELEVEN_ESTABLISHED);
	pass(s, SEC(1) + MS(1));
	state_is(s, ELEVEN_CLOSED);
	assert_int_equal(taken(s, RULE_GIVEN_UP_USER_TIMEOUT), 1);
	again(s);
	to_time_wait(s);
	assert_int_equal(tcp_option_set(s->tcp, s->h, ELEVEN_OPTION_KEEPALIVE, 1, s->now), 0);
	tcp_option_set(s->tcp, s->h, ELEVEN_OPTION_KEEPALIVE_IDLE, SEC(1), s->now);
	pass(s, SEC(30));
	quiet(s);
	state_is(s, ELEVEN_TIME_WAIT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_listener_gone_before_the_third_ACK),
		TEST(test_reset_in_the_accept_queue),
		TEST(test_signals_of_the_dead),
		TEST(test_stats_count_what_there_is),
		TEST(test_timers_that_meet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
