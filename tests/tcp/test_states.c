/* SPDX-License-Identifier: MIT */
/* The walk through the eleven states, segment by segment (§3.10, Figure 5). */
#include "script.h"

static void test_T001_passive_open_listens(void **state)
{
	struct script *s = *state;
	struct eleven_status status;

	to_listen(s);
	assert_int_equal(tcp_status(s->tcp, s->listener, &status), 0);
	assert_int_equal(status.state, ELEVEN_LISTEN);
	quiet(s);
}

static void test_MUST_11_third_ack_establishes_and_can_be_accepted(void **state)
{
	struct script *s = *state;

	to_established(s);
	assert_int_equal(taken(s, RULE_LISTEN_SYN), 1);
	assert_int_equal(taken(s, RULE_ACK_ESTABLISHED), 1);
}

static void test_active_open_syn_ack_establishes(void **state)
{
	struct script *s = *state;

	to_syn_sent(s);
	in(s, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	out(s, ". 1:1(0) ack 1");
	state_is(s, ELEVEN_ESTABLISHED);
	assert_true(signals_of(s, s->h) & ELEVEN_SIGNAL_CONNECTED);
}

static void test_MUST_10_simultaneous_open(void **state)
{
	struct script *s = *state;

	to_syn_sent(s);
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	out(s, "S. 0:0(0) ack 1 <...>");
	state_is(s, ELEVEN_SYN_RECEIVED);
	in(s, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	state_is(s, ELEVEN_ESTABLISHED);
	assert_true(signals_of(s, s->h) & ELEVEN_SIGNAL_CONNECTED);
}

static void test_simultaneous_open_by_plain_ack(void **state)
{
	struct script *s = *state;

	to_syn_sent(s);
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	out(s, "S. 0:0(0) ack 1 <...>");
	in(s, ". 1:1(0) ack 1 win 65535");
	state_is(s, ELEVEN_ESTABLISHED);
	quiet(s);
}

static void test_text_both_ways(void **state)
{
	struct script *s = *state;
	char text[10];

	to_established(s);
	in_text(s, "P. 1:6(5) ack 1 win 65535", "hello");
	assert_int_equal(tcp_receive(s->tcp, s->h, text, sizeof(text), s->now), 5);
	assert_memory_equal(text, "hello", 5);
	assert_int_equal(tcp_send(s->tcp, s->h, "HELLO!", 6, 0, s->now), 6);
	out(s, "P. 1:7(6) ack 6");
	assert_memory_equal(s->last_text, "HELLO!", 6);
	in(s, ". 6:6(0) ack 7 win 65535");
	quiet(s);
}

static void test_client_first_close_ends_in_TIME_WAIT(void **state)
{
	struct script *s = *state;

	to_time_wait(s);
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	state_is(s, ELEVEN_TIME_WAIT);
	pass_almost(s, 2 * s->config.msl);
	state_is(s, ELEVEN_TIME_WAIT);
	pass_rest(s);
	state_is(s, ELEVEN_CLOSED);
	assert_int_equal(taken(s, RULE_TIMEOUT_TIME_WAIT), 1);
}

static void test_half_close_still_receives(void **state)
{
	struct script *s = *state;
	char text[10];

	to_fin_wait_2(s);
	in_text(s, "P. 1:6(5) ack 2 win 65535", "after");
	assert_int_equal(tcp_receive(s->tcp, s->h, text, sizeof(text), s->now), 5);
	assert_int_equal(tcp_send(s->tcp, s->h, "x", 1, 0, s->now), -EPIPE);
	in(s, "F. 6:6(0) ack 2 win 65535");
	out(s, ". 2:2(0) ack 7");
	assert_int_equal(tcp_receive(s->tcp, s->h, text, sizeof(text), s->now), 0);
	state_is(s, ELEVEN_TIME_WAIT);
}

static void test_lost_last_ack_is_sent_again_and_2MSL_start_over(void **state)
{
	struct script *s = *state;

	to_time_wait(s);
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	pass(s, s->config.msl);
	in(s, "F. 1:1(0) ack 2 win 65535");
	out(s, ". 2:2(0) ack 2");
	assert_int_equal(taken(s, RULE_FIN_TIME_WAIT_AGAIN), 1);
	pass_almost(s, 2 * s->config.msl);
	state_is(s, ELEVEN_TIME_WAIT);
	pass_rest(s);
	state_is(s, ELEVEN_CLOSED);
}

static void test_peer_first_close_CLOSE_WAIT_LAST_ACK(void **state)
{
	struct script *s = *state;

	to_last_ack(s);
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	in(s, ". 2:2(0) ack 2 win 65535");
	state_is(s, ELEVEN_CLOSED);
	assert_int_equal(taken(s, RULE_ACK_LAST_CLOSED), 1);
	quiet(s);
}

static void test_LAST_ACK_sends_FIN_again(void **state)
{
	struct script *s = *state;

	to_last_ack(s);
	pass(s, SEC(1));
	out(s, "F. 1:1(0) ack 2");
}

static void test_CLOSING_then_TIME_WAIT(void **state)
{
	struct script *s = *state;

	to_closing(s);
	in(s, ". 2:2(0) ack 2 win 65535");
	state_is(s, ELEVEN_TIME_WAIT);
	quiet(s);
}

static void test_FIN_with_ACK_of_our_FIN_goes_to_TIME_WAIT(void **state)
{
	struct script *s = *state;

	to_fin_wait_1(s);
	in(s, "F. 1:1(0) ack 2 win 65535");
	out(s, ". 2:2(0) ack 2");
	state_is(s, ELEVEN_TIME_WAIT);
}

static void test_text_then_FIN_of_SEND_and_CLOSE(void **state)
{
	struct script *s = *state;

	to_established(s);
	assert_int_equal(tcp_send(s->tcp, s->h, "bye", 3, 0, s->now), 3);
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	out(s, "FP. 1:4(3) ack 1");
	in(s, ". 1:1(0) ack 5 win 65535");
	state_is(s, ELEVEN_FIN_WAIT_2);
	in(s, "F. 1:1(0) ack 5 win 65535");
	out(s, ". 5:5(0) ack 2");
	state_is(s, ELEVEN_TIME_WAIT);
}

static void test_connection_refused(void **state)
{
	struct script *s = *state;
	char text[1];

	to_syn_sent(s);
	in(s, "R. 0:0(0) ack 1 win 0");
	state_is(s, ELEVEN_CLOSED);
	assert_true(signals_of(s, s->h) & ELEVEN_SIGNAL_ERROR);
	assert_int_equal(tcp_receive(s->tcp, s->h, text, 1, s->now), -ECONNREFUSED);
}

static void test_closed_answers_with_RST(void **state)
{
	struct script *s = *state;

	in(s, "S 0:0(0) win 65535");
	out(s, "R. 0:0(0) ack 1");
	s->our_iss = seq_of(5000);
	in(s, ". 1:1(0) ack 77 win 65535");
	out(s, "R 77:77(0)");
	in(s, "R 1:1(0)");
	quiet(s);
}

static void test_SHLD_3_close_with_unread_text_resets(void **state)
{
	struct script *s = *state;

	to_established(s);
	in(s, "P. 1:6(5) ack 1 win 65535");
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	out(s, "R. 1:1(0) ack 6");
	state_is(s, ELEVEN_CLOSED);
	assert_int_equal(taken(s, RULE_CLOSE_UNREAD_TEXT), 1);
}

static void test_SHLD_3_close_with_text_that_only_the_caller_has_resets(void **state)
{
	struct script *s = *state;
	char text[10];

	to_established(s);
	in(s, "P. 1:6(5) ack 1 win 65535");
	assert_int_equal(tcp_receive(s->tcp, s->h, text, sizeof(text), s->now), 5);
	assert_int_equal(tcp_option_set(s->tcp, s->h, ELEVEN_OPTION_UNREAD, 5, s->now), 0);
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	out(s, "R. 1:1(0) ack 6");
	assert_int_equal(taken(s, RULE_CLOSE_UNREAD_TEXT), 1);
}

static void test_SHLD_3_text_after_close_resets(void **state)
{
	struct script *s = *state;

	to_established(s);
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	out(s, "F. 1:1(0) ack 1");
	in(s, "P. 1:6(5) ack 2 win 65535");
	out(s, "R 2:2(0)");
	state_is(s, ELEVEN_CLOSED);
}

static void test_bind_over_TIME_WAIT_address_in_use(void **state)
{
	struct script *s = *state;
	struct address any = script_address(0);
	eleven_handle again;

	to_time_wait(s);
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	assert_int_equal(tcp_close(s->tcp, s->listener, s->now), 0);
	assert_int_equal(tcp_open(s->tcp, &again, s->now), 0);
	assert_int_equal(tcp_bind(s->tcp, again, &any, s->our_port, 0, s->now), -EADDRINUSE);
	assert_int_equal(tcp_bind(s->tcp, again, &any, s->our_port, ELEVEN_BIND_REUSE_ADDRESS, s->now), 0);
	assert_int_equal(tcp_close(s->tcp, again, s->now), 0);
	pass(s, 2 * s->config.msl);
	assert_int_equal(tcp_open(s->tcp, &again, s->now), 0);
	assert_int_equal(tcp_bind(s->tcp, again, &any, s->our_port, 0, s->now), 0);
}

static void test_everything_is_given_back(void **state)
{
	struct script *s = *state;

	to_time_wait(s);
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	assert_int_equal(tcp_close(s->tcp, s->listener, s->now), 0);
	pass(s, 2 * s->config.msl);
	quiet(s);
	assert_int_equal(signals_of(s, s->h), 0);
	assert_int_equal(s->tcp->tcbs.used, 0);
	assert_int_equal(s->tcp->time_wait.used, 0);
	assert_int_equal(table_used(&s->tcp->connections), 0);
	assert_int_equal(table_used(&s->tcp->bound), 0);
	assert_int_equal(buffers_used_bytes(&s->tcp->buffers), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_T001_passive_open_listens),
		TEST(test_MUST_11_third_ack_establishes_and_can_be_accepted),
		TEST(test_active_open_syn_ack_establishes),
		TEST(test_MUST_10_simultaneous_open),
		TEST(test_simultaneous_open_by_plain_ack),
		TEST(test_text_both_ways),
		TEST(test_client_first_close_ends_in_TIME_WAIT),
		TEST(test_half_close_still_receives),
		TEST(test_lost_last_ack_is_sent_again_and_2MSL_start_over),
		TEST(test_peer_first_close_CLOSE_WAIT_LAST_ACK),
		TEST(test_LAST_ACK_sends_FIN_again),
		TEST(test_CLOSING_then_TIME_WAIT),
		TEST(test_FIN_with_ACK_of_our_FIN_goes_to_TIME_WAIT),
		TEST(test_text_then_FIN_of_SEND_and_CLOSE),
		TEST(test_connection_refused),
		TEST(test_closed_answers_with_RST),
		TEST(test_SHLD_3_close_with_unread_text_resets),
		TEST(test_SHLD_3_close_with_text_that_only_the_caller_has_resets),
		TEST(test_SHLD_3_text_after_close_resets),
		TEST(test_bind_over_TIME_WAIT_address_in_use),
		TEST(test_everything_is_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
