/* SPDX-License-Identifier: MIT */
/* Keep-alive, retries, queues and options (§3.8.3, §3.8.4, tcp(7)). */
#include "script.h"

static void test_MUST_25_keepalive_probes_and_gives_up(void **state)
{
	struct script *s = *state;

	to_established(s);
	pass(s, SEC(8000));
	quiet(s);                                       /* off by default */
	tcp_option_set(s->tcp, s->h, ELEVEN_OPTION_KEEPALIVE_IDLE, SEC(60), s->now);
	tcp_option_set(s->tcp, s->h, ELEVEN_OPTION_KEEPALIVE_INTERVAL, SEC(5), s->now);
	tcp_option_set(s->tcp, s->h, ELEVEN_OPTION_KEEPALIVE_PROBES, 3, s->now);
	tcp_option_set(s->tcp, s->h, ELEVEN_OPTION_KEEPALIVE, 1, s->now);
	pass(s, SEC(59));
	quiet(s);
	pass(s, SEC(1));
	out(s, ". 0:0(0) ack 1");
	in(s, ". 1:1(0) ack 1 win 65535");
	pass(s, SEC(59));
	quiet(s);
	pass(s, SEC(1));
	out(s, ". 0:0(0) ack 1");
	pass(s, SEC(5));
	out(s, ". 0:0(0) ack 1");
	pass(s, SEC(5));
	out(s, ". 0:0(0) ack 1");
	pass(s, SEC(5));
	out(s, "R. 1:1(0) ack 1");
	state_is(s, ELEVEN_CLOSED);
	assert_int_equal(taken(s, RULE_GIVEN_UP_KEEPALIVE), 1);
}

static void test_keepalive_of_the_peer_is_answered(void **state)
{
	struct script *s = *state;

	to_established(s);
	in(s, ". 0:0(0) ack 1 win 65535");
	out(s, ". 1:1(0) ack 1");
	quiet(s);
}

static void test_MUST_23_SYN_is_retried_and_given_up(void **state)
{
	struct script *s = *state;
	char byte;
	uint64_t wait = SEC(1);

	to_syn_sent(s);
	for (unsigned i = 0, linear = (unsigned)s->config.syn_linear_timeouts; i < 6 + linear; i++) {
		pass_almost(s, wait);
		quiet(s);
		pass_rest(s);
		out(s, "S 0:0(0) <...>");
		wait *= i < linear ? 1 : 2;
	}
	pass(s, SEC(300));
	quiet(s);
	state_is(s, ELEVEN_CLOSED);
	assert_int_equal(tcp_receive(s->tcp, s->h, &byte, 1, s->now), -ETIMEDOUT);
}

static void test_SYN_ACK_is_retried_and_the_record_goes(void **state)
{
	struct script *s = *state;

	to_syn_received(s);
	for (int i = 0; i < 5; i++) {
		pass(s, SEC(1) << i);
		out(s, "S. 0:0(0) ack 1 <...>");
	}
	pass(s, SEC(100));
	quiet(s);
	assert_int_equal(s->tcp->syn_received.used, 0);
	assert_int_equal(taken(s, RULE_GIVEN_UP_SYN_ACK), 1);
}

static void test_orphan_in_FIN_WAIT_2_is_forgotten(void **state)
{
	struct script *s = *state;

	to_fin_wait_2(s);
	pass(s, SEC(600));
	state_is(s, ELEVEN_FIN_WAIT_2);                 /* a half-close of a living program may last */
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	pass(s, s->config.fin_wait_2_timeout - SEC(1));
	state_is(s, ELEVEN_FIN_WAIT_2);
	pass(s, SEC(1));
	state_is(s, ELEVEN_CLOSED);
}

static void test_accept_queue_full_ignores_the_third_ACK(void **state)
{
	struct script *s = *state;

	to_listen(s);
	assert_int_equal(tcp_listen(s->tcp, s->listener, 0, s->now), 0);
	for (uint16_t port = 1; port <= 3; port++) {
		s->their_port = port;
		s->our_iss_known = false;
		in(s, "S 0:0(0) win 65535 <mss 1460>");
		if (!out_any(s))
			continue;
		in(s, ". 1:1(0) ack 1 win 65535");
	}
	assert_int_equal(taken(s, RULE_ACK_ESTABLISHED), 1);
	assert_int_equal(taken(s, RULE_LISTEN_BACKLOG_FULL), 2);
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), -EAGAIN);
}

static void test_urgent_text_is_announced(void **state)
{
	struct script *s = *state;

	to_established(s);
	assert_int_equal(tcp_send(s->tcp, s->h, "abc", 3, ELEVEN_SEND_URGENT, s->now), 3);
	assert_true(out_any(s));
	assert_true(s->last.urg);
	assert_int_equal(s->last.urgent, 3);
}

/* 536 over IPv4, 1220 over IPv6, for whoever opens. */
static void test_MUST_15_MSS_when_none_is_named(void **state)
{
	uint32_t mss = script_is_v6() ? 1220 : 536;
	struct script *s = *state;

	to_listen(s);
	in(s, "S 0:0(0) win 65535");
	assert_true(out_any(s));
	in(s, ". 1:1(0) ack 1 win 65535");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	give(s, 2000);
	out_f(s, ". 1:%u(%u) ack 1", 1 + mss, mss);
	tcp_abort(s->tcp, s->h, s->now);
	while (out_any(s))
		;
	s->our_port++;
	s->our_iss_known = false;
	to_syn_sent(s);
	in(s, "S. 0:0(0) ack 1 win 65535");
	out(s, ". 1:1(0) ack 1");
	give(s, 2000);
	out_f(s, ". 1:%u(%u) ack 1", 1 + mss, mss);
}

static void test_shutdown_for_receiving_throws_text_away(void **state)
{
	struct script *s = *state;
	char byte;

	to_established(s);
	assert_int_equal(tcp_shutdown_receive(s->tcp, s->h, s->now), 0);
	in(s, "P. 1:101(100) ack 1 win 65535");
	pass(s, s->config.delayed_ack);
	out(s, ". 1:1(0) ack 101");
	assert_int_equal(tcp_receive(s->tcp, s->h, &byte, 1, s->now), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_MUST_25_keepalive_probes_and_gives_up),
		TEST(test_keepalive_of_the_peer_is_answered),
		TEST(test_MUST_23_SYN_is_retried_and_given_up),
		TEST(test_SYN_ACK_is_retried_and_the_record_goes),
		TEST(test_orphan_in_FIN_WAIT_2_is_forgotten),
		TEST(test_accept_queue_full_ignores_the_third_ACK),
		TEST(test_urgent_text_is_announced),
		TEST(test_MUST_15_MSS_when_none_is_named),
		TEST(test_shutdown_for_receiving_throws_text_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
