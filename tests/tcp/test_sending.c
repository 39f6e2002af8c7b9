/* SPDX-License-Identifier: MIT */
/* Text out: congestion, Nagle, retransmission, the peer's window (RFC 5681, 6298, 6582, §3.8.6). */
#include "script.h"

static void test_6928_initial_window_is_ten_segments(void **state)
{
	struct script *s = *state;
	char line[100];

	to_established(s);
	give(s, 20 * 1460);
	for (unsigned i = 0; i < 10; i++) {
		snprintf(line, sizeof(line), ". %u:%u(1460) ack 1", 1 + i * 1460, 1 + (i + 1) * 1460);
		out(s, line);
	}
	quiet(s);
	in(s, ". 1:1(0) ack 2921 win 65535");           /* slow start: two acknowledged, four go */
	out(s, ". 14601:16061(1460) ack 1");
	out(s, ". 16061:17521(1460) ack 1");
	out(s, ". 17521:18981(1460) ack 1");
	out(s, ". 18981:20441(1460) ack 1");
	quiet(s);
}

static void test_SHLD_7_nagle_holds_back_the_second_small_segment(void **state)
{
	struct script *s = *state;

	to_established(s);
	give(s, 10);
	out(s, "P. 1:11(10) ack 1");
	give(s, 10);
	quiet(s);
	in(s, ". 1:1(0) ack 11 win 65535");
	out(s, "P. 11:21(10) ack 1");
	quiet(s);
}

static void test_MUST_17_nagle_can_be_switched_off(void **state)
{
	struct script *s = *state;

	to_established(s);
	assert_int_equal(tcp_option_set(s->tcp, s->h, ELEVEN_OPTION_NODELAY, 1, s->now), 0);
	give(s, 10);
	out(s, "P. 1:11(10) ack 1");
	give(s, 10);
	out(s, "P. 11:21(10) ack 1");
}

static void test_cork_holds_back_for_200ms(void **state)
{
	struct script *s = *state;

	to_established(s);
	assert_int_equal(tcp_option_set(s->tcp, s->h, ELEVEN_OPTION_CORK, 1, s->now), 0);
	give(s, 10);
	quiet(s);
	pass_almost(s, MS(200));
	quiet(s);
	pass_rest(s);
	out(s, "P. 1:11(10) ack 1");
}

static void test_6298_retransmission_doubles_its_timeout(void **state)
{
	struct script *s = *state;
	uint64_t rto;

	to_established(s);
	give(s, 1460);
	out(s, "P. 1:1461(1460) ack 1");
	in(s, ". 1:1(0) ack 1461 win 65535");           /* measures an RTT of 0: RTO at its lower bound */
	rto = status_of(s).rto;
	assert_true(rto >= rto_of(s, 0, 0) && rto <= rto_of(s, MS(1), 0));
	give(s, 10);
	out(s, "P. 1461:1471(10) ack 1");
	for (int i = 0; i < 6; i++) {
		pass_almost(s, rto);
		quiet(s);
		pass_rest(s);
		out(s, "P. 1461:1471(10) ack 1");
		quiet(s);
		rto *= 2;
	}
	assert_int_equal(taken(s, RULE_TIMEOUT_RETRANSMISSION), 6);
	in(s, ". 1:1(0) ack 1471 win 65535");
	give(s, 10);
	out(s, "P. 1471:1481(10) ack 1");
	assert_true(status_of(s).rto <= rto_of(s, MS(1), 0));   /* the ACK ended the backoff */
	pass(s, status_of(s).rto);
	out(s, "P. 1471:1481(10) ack 1");
}

static void test_MUST_20_R2_gives_up_with_ETIMEDOUT(void **state)
{
	struct script *s = *state;
	char byte;

	to_established(s);
	give(s, 10);
	out(s, "P. 1:11(10) ack 1");
	pass(s, SEC(3600));
	state_is(s, ELEVEN_CLOSED);
	assert_int_equal(taken(s, RULE_GIVEN_UP_RETRIES), 1);
	assert_int_equal(tcp_receive(s->tcp, s->h, &byte, 1, s->now), -ETIMEDOUT);
}

static void test_user_timeout_ends_it_in_its_moment(void **state)
{
	struct script *s = *state;

	to_established(s);
	assert_int_equal(tcp_option_set(s->tcp, s->h, ELEVEN_OPTION_USER_TIMEOUT, SEC(5), s->now), 0);
	give(s, 10);
	out_any(s);
	pass_almost(s, SEC(5));
	while (out_any(s))
		;
	state_is(s, ELEVEN_ESTABLISHED);
	pass_rest(s);
	state_is(s, ELEVEN_CLOSED);
	assert_int_equal(taken(s, RULE_GIVEN_UP_USER_TIMEOUT), 1);
}

static void test_5681_third_duplicate_ACK_retransmits(void **state)
{
	struct script *s = *state;

	to_established(s);
	give(s, 10 * 1460);
	while (out_any(s))
		;
	in(s, ". 1:1(0) ack 1 win 65535");
	in(s, ". 1:1(0) ack 1 win 65535");
	quiet(s);
	in(s, ". 1:1(0) ack 1 win 65535");
	out(s, ". 1:1461(1460) ack 1");
	quiet(s);
	assert_int_equal(taken(s, RULE_RECOVERY_ENTERED), 1);
	in(s, ". 1:1(0) ack 4381 win 65535");           /* partial: the next hole at once */
	out(s, ". 4381:5841(1460) ack 1");
	assert_int_equal(taken(s, RULE_RECOVERY_PARTIAL), 1);
	in(s, ". 1:1(0) ack 14601 win 65535");
	quiet(s);
	assert_int_equal(taken(s, RULE_RECOVERY_LEFT), 1);
}

static void test_3042_limited_transmit(void **state)
{
	struct script *s = *state;

	to_established(s);
	give(s, 20 * 1460);
	for (int i = 0; i < 10; i++)
		assert_true(out_any(s));
	in(s, ". 1:1(0) ack 1 win 65535");
	out(s, ". 14601:16061(1460) ack 1");
	quiet(s);
	in(s, ". 1:1(0) ack 1 win 65535");
	out(s, ". 16061:17521(1460) ack 1");
	quiet(s);
}

static void test_timeout_goes_back_to_SND_UNA_and_one_segment(void **state)
{
	struct script *s = *state;

	to_established(s);
	give(s, 4 * 1460);
	while (out_any(s))
		;
	pass(s, SEC(1));
	out(s, ". 1:1461(1460) ack 1");
	quiet(s);
	in(s, ". 1:1(0) ack 1461 win 65535");
	out(s, ". 1461:2921(1460) ack 1");
	out(s, ". 2921:4381(1460) ack 1");
	quiet(s);
	in(s, ". 1:1(0) ack 5841 win 65535");           /* the rest had come the first time */
	quiet(s);
	pass(s, SEC(10));
	quiet(s);
}

/* ---- the peer's window */

static void test_MUST_36_zero_window_is_probed_and_never_given_up(void **state)
{
	struct script *s = *state;

	to_established(s);
	in(s, ". 1:1(0) ack 1 win 0");
	give(s, 100);
	quiet(s);
	for (int i = 0; i < 40; i++) {
		pass(s, SEC(120));
		out(s, ". 1:2(1) ack 1");
		while (out_any(s))
			;
		in(s, ". 1:1(0) ack 1 win 0");
		quiet(s);
	}
	state_is(s, ELEVEN_ESTABLISHED);
	in(s, ". 1:1(0) ack 1 win 1000");
	out(s, "P. 1:101(100) ack 1");
	in(s, ". 1:1(0) ack 101 win 1000");
	quiet(s);
	pass(s, SEC(300));
	quiet(s);
}

static void test_probe_taken_by_the_peer_counts(void **state)
{
	struct script *s = *state;

	to_established(s);
	in(s, ". 1:1(0) ack 1 win 0");
	give(s, 100);
	quiet(s);
	pass(s, SEC(1));
	out(s, ". 1:2(1) ack 1");
	in(s, ". 1:1(0) ack 2 win 1000");
	out(s, "P. 2:101(99) ack 1");
	in(s, ". 1:1(0) ack 101 win 1000");
	quiet(s);
}

static void test_linux_probe_is_an_old_number(void **state)
{
	struct script *s = *state;

	s->tcp->config.probe_text = 0;
	to_established(s);
	in(s, ". 1:1(0) ack 1 win 0");
	give(s, 100);
	quiet(s);
	pass(s, SEC(1));
	out(s, ". 0:0(0) ack 1");
}

static void test_zero_window_with_FIN_waiting_probes_the_FIN(void **state)
{
	struct script *s = *state;

	to_established(s);
	in(s, ". 1:1(0) ack 1 win 0");
	assert_int_equal(tcp_shutdown(s->tcp, s->h, s->now), 0);
	quiet(s);
	pass(s, SEC(1));
	out(s, "F. 1:1(0) ack 1");
	in(s, ". 1:1(0) ack 2 win 0");
	state_is(s, ELEVEN_FIN_WAIT_2);
	pass(s, SEC(100));
	quiet(s);
}

static void test_MUST_34_window_shrunk_to_nothing(void **state)
{
	struct script *s = *state;

	to_established(s);
	give(s, 3000);
	while (out_any(s))
		;
	in(s, ". 1:1(0) ack 1461 win 0");
	quiet(s);
	pass(s, status_of(s).rto);
	out(s, ". 1461:1462(1) ack 1");                 /* probed in the standard way */
	in(s, ". 1:1(0) ack 1461 win 4000");
	pass(s, SEC(2));
	out_any(s);
	assert_int_equal(seq_distance(s->last.seq, s->our_iss), 1461);
	while (out_any(s))
		;
	in(s, ". 1:1(0) ack 2921 win 4000");
	out(s, "P. 2921:3001(80) ack 1");
	in(s, ". 1:1(0) ack 3001 win 4000");
	quiet(s);
	pass(s, SEC(300));
	quiet(s);
}

static void test_window_scale_is_used_both_ways(void **state)
{
	struct script *s = *state;

	to_listen(s);
	in(s, "S 0:0(0) win 1000 <mss 1460,nop,wscale 3>");
	out(s, "S. 0:0(0) ack 1 win 65535 <mss 1460,nop,wscale 7>");
	in(s, ". 1:1(0) ack 1 win 1000");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	struct eleven_status status;
	assert_int_equal(tcp_status(s->tcp, s->h, &status), 0);
	assert_int_equal(status.snd_wnd, 8000);
	assert_int_equal(status.rcv_wscale, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_6928_initial_window_is_ten_segments),
		TEST(test_SHLD_7_nagle_holds_back_the_second_small_segment),
		TEST(test_MUST_17_nagle_can_be_switched_off),
		TEST(test_cork_holds_back_for_200ms),
		TEST(test_6298_retransmission_doubles_its_timeout),
		TEST(test_MUST_20_R2_gives_up_with_ETIMEDOUT),
		TEST(test_user_timeout_ends_it_in_its_moment),
		TEST(test_5681_third_duplicate_ACK_retransmits),
		TEST(test_3042_limited_transmit),
		TEST(test_timeout_goes_back_to_SND_UNA_and_one_segment),
		TEST(test_MUST_36_zero_window_is_probed_and_never_given_up),
		TEST(test_probe_taken_by_the_peer_counts),
		TEST(test_linux_probe_is_an_old_number),
		TEST(test_zero_window_with_FIN_waiting_probes_the_FIN),
		TEST(test_MUST_34_window_shrunk_to_nothing),
		TEST(test_window_scale_is_used_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
