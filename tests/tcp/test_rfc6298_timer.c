/* SPDX-License-Identifier: MIT */
/* RFC 6298 (§3.8.1 of RFC 9293) and RFC 8961: the retransmission timer, from segments and times alone. */
#include "rfc.h"

/* One segment of text, acknowledged after `rtt`. */
static void round_trip(struct script *s, uint64_t rtt)
{
	struct eleven_status status = status_of(s);
	unsigned at = status.snd_nxt - s->our_iss.value;

	give(s, 10);
	drain(s);
	pass(s, rtt);
	in_f(s, ". 1:1(0) ack %u win 65535", at + 10);
	quiet(s);
}

/* A handshake that took `rtt` for us: the first sample. */
static void open_with_rtt(struct script *s, uint64_t rtt)
{
	to_syn_sent(s);
	pass(s, rtt);
	in(s, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	out(s, ". 1:1(0) ack 1");
}

/* 6298-§2.1-R1, 8961-§4-R1 */
static void test_first_timeout_is_one_second(void **state)
{
	struct script *s = *state;

	to_syn_sent(s);
	assert_int_equal(status_of(s).rto, SEC(1));
	pass_almost(s, SEC(1));
	quiet(s);
	pass_rest(s);
	out(s, "S 0:0(0) <...>");
}

/* 6298-§2.2-R1, MUST-18 */
static void test_MUST_18_first_sample(void **state)
{
	struct script *s = *state;

	open_with_rtt(s, MS(100));
	assert_int_equal(status_of(s).srtt, MS(100));
	assert_int_equal(status_of(s).rttvar, MS(50));
	assert_int_equal(status_of(s).rto, rto_of(s, MS(100), MS(50)));
}

/* 6298-§2.3-R1 */
static void test_later_samples_RTTVAR_before_SRTT(void **state)
{
	struct script *s = *state;

	open_with_rtt(s, MS(100));
	round_trip(s, MS(200));
	assert_int_equal(status_of(s).rttvar, 62500000);        /* 3/4 50 + 1/4 |100 - 200| */
	assert_int_equal(status_of(s).srtt, 112500000);         /* 7/8 100 + 1/8 200 */
	assert_int_equal(status_of(s).rto, rto_of(s, 112500000, 62500000));
}

/* 6298-§2.4-R1: strict; modern has 200 ms, as servers have. */
static void test_RTO_is_never_below_one_second(void **state)
{
	struct script *s = *state;

	open_with_rtt(s, MS(10));
	round_trip(s, MS(10));
	assert_int_equal(status_of(s).rto, SEC(1));
	give(s, 10);
	drain(s);
	pass_almost(s, SEC(1));
	quiet(s);
	pass_rest(s);
	assert_true(out_any(s));
}

/* 6298-§2.5-R1, 6298-§5-R4, 8961-§4-R5: doubled each time, up to a ceiling that is not below 60 s. */
static void test_RTO_doubles_up_to_a_ceiling(void **state)
{
	struct script *s = *state;
	uint64_t before, now = 0;

	open_with_rtt(s, MS(100));
	give(s, 10);
	drain(s);
	before = pass_timeout(s);
	for (int i = 0; i < 12; i++) {
		now = pass_timeout(s);
		assert_true(now == 2 * before || now == s->config.rto_most);
		before = now;
	}
	assert_int_equal(now, s->config.rto_most);
	assert_true(now >= SEC(60));
}

/* 6298-§3-R1, 8961-§4-R3: whose ACK it is cannot be told, so it is no sample. */
static void test_Karn_no_sample_of_what_was_sent_again(void **state)
{
	struct script *s = *state;
	struct eleven_status before;

	open_with_rtt(s, MS(100));
	before = status_of(s);
	give(s, 10);
	drain(s);
	pass_timeout(s);
	drain(s);
	pass(s, MS(1));
	in(s, ". 1:1(0) ack 11 win 65535");
	assert_int_equal(status_of(s).srtt, before.srtt);
	assert_int_equal(status_of(s).rttvar, before.rttvar);
}

/* 6298-§3-R2, 8961-§4-R2 */
static void test_a_sample_every_round_trip(void **state)
{
	struct script *s = *state;

	open_with_rtt(s, MS(100));
	for (int i = 0; i < 10; i++) {
		uint64_t before = status_of(s).srtt;

		round_trip(s, MS(150));
		assert_true(status_of(s).srtt > before);
	}
}

/* 6298-§4-R1 */
static void test_variance_of_zero_counts_as_the_clock_step(void **state)
{
	struct script *s = *state;

	s->config.rto_least = MS(1);
	restart(s);
	open_with_rtt(s, MS(100));
	for (int i = 0; i < 100; i++)
		round_trip(s, MS(100));
	assert_int_equal(status_of(s).srtt, MS(100));
	assert_true(status_of(s).rto >= rto_of(s, MS(100), MS(1) / 4));
	assert_true(status_of(s).rto < rto_of(s, MS(100), MS(1) / 2));
}

/* 6298-§5-R2, 6928-§9-R1 */
static void test_timer_starts_restarts_and_stops(void **state)
{
	struct script *s = *state;

	open_with_rtt(s, MS(100));
	option(s, ELEVEN_OPTION_NODELAY, 1);
	assert_int_equal(status_of(s).timer, ELEVEN_TIMER_NONE);
	give(s, 10);
	drain(s);
	assert_int_equal(status_of(s).timer_deadline, s->now + status_of(s).rto);       /* 5.1 */
	pass(s, MS(50));
	give(s, 10);
	drain(s);
	assert_int_equal(status_of(s).timer_deadline, s->now - MS(50) + status_of(s).rto);      /* it runs on */
	in(s, ". 1:1(0) ack 11 win 65535");
	assert_int_equal(status_of(s).timer_deadline, s->now + status_of(s).rto);       /* 5.3 */
	in(s, ". 1:1(0) ack 21 win 65535");
	assert_int_equal(status_of(s).timer, ELEVEN_TIMER_NONE);        /* 5.2 */
}

/* 6298-§5-R1, 6298-§5-R3: the earliest, and not before its RTO. */
static void test_expiry_sends_the_earliest_segment(void **state)
{
	struct script *s = *state;

	open_with_rtt(s, MS(100));
	option(s, ELEVEN_OPTION_NODELAY, 1);
	give(s, 10);
	drain(s);
	pass(s, MS(100));
	give(s, 20);
	drain(s);
	pass_almost(s, rto_of(s, MS(100), MS(50)) - MS(100));
	quiet(s);
	pass_rest(s);
	assert_true(out_any(s));
	assert_int_equal(seq_distance(s->last.seq, s->our_iss), 1);
}

/* 6298-§5-R5 */
static void test_after_a_lost_SYN_text_starts_with_three_seconds(void **state)
{
	struct script *s = *state;

	to_syn_sent(s);
	pass(s, SEC(1));
	out(s, "S 0:0(0) <...>");
	pass(s, MS(100));
	in(s, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	drain(s);
	give(s, 10);
	drain(s);
	pass_almost(s, SEC(3));
	quiet(s);
	pass_rest(s);
	out(s, "P. 1:11(10) ack 1");
}

/* 8961-§4-R4, 5681-§3.1-R12: loss found by the timer is a signal of congestion. */
static void test_timeout_shuts_the_congestion_window(void **state)
{
	struct script *s = *state;

	open_with_rtt(s, MS(100));
	give(s, 10 * 1460);
	drain(s);
	pass_timeout(s);
	assert_int_equal(status_of(s).cwnd, 1460);
	assert_true(status_of(s).ssthresh <= 7 * 1460);         /* RFC 9438 §4.8: CUBIC's share, 0.7 */
}

/* 8961-§4-R6 */
static void test_back_off_ends_with_an_ACK(void **state)
{
	struct script *s = *state;

	open_with_rtt(s, MS(100));
	give(s, 10);
	drain(s);
	for (int i = 0; i < 4; i++)
		pass_timeout(s);
	assert_true(status_of(s).rto > SEC(4));
	drain(s);
	in(s, ". 1:1(0) ack 11 win 65535");
	assert_int_equal(status_of(s).rto, rto_of(s, MS(100), MS(50)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_first_timeout_is_one_second),
		TEST(test_MUST_18_first_sample),
		TEST(test_later_samples_RTTVAR_before_SRTT),
		TEST_STRICT(test_RTO_is_never_below_one_second),
		TEST(test_RTO_doubles_up_to_a_ceiling),
		TEST(test_Karn_no_sample_of_what_was_sent_again),
		TEST(test_a_sample_every_round_trip),
		TEST(test_variance_of_zero_counts_as_the_clock_step),
		TEST(test_timer_starts_restarts_and_stops),
		TEST(test_expiry_sends_the_earliest_segment),
		TEST(test_after_a_lost_SYN_text_starts_with_three_seconds),
		TEST(test_timeout_shuts_the_congestion_window),
		TEST(test_back_off_ends_with_an_ACK),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
