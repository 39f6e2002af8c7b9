/* SPDX-License-Identifier: MIT */
/* RFC 9293 §3.6, §3.8.3, §3.8.4: closing, TIME-WAIT, giving up, keep-alives; with RFC 6191 and RFC 1337. */
#include "rfc.h"

static void test_MUST_12_normal_end_and_reset_differ(void **state)
{
	struct script *s = *state;
	uint32_t signals;

	to_established(s);
	in(s, "F. 1:1(0) ack 1 win 65535");
	signals = signals_of(s, s->h);
	assert_true(signals & ELEVEN_SIGNAL_CLOSING);
	assert_false(signals & ELEVEN_SIGNAL_ERROR);
	assert_int_equal(take(s), 0);
	in(s, "R 2:2(0)");
	assert_true(signals_of(s, s->h) & ELEVEN_SIGNAL_ERROR);
	assert_int_equal(take(s), -ECONNRESET);
}

static void test_MAY_1_after_CLOSE_nothing_can_be_received(void **state)
{
	struct script *s = *state;

	to_established(s);
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	assert_int_equal(take(s), -EBADF);
}

static void test_MUST_13_TIME_WAIT_lasts_2_MSL_of_2_minutes(void **state)
{
	struct script *s = *state;

	to_time_wait(s);
	pass_almost(s, SEC(240));
	state_is(s, ELEVEN_TIME_WAIT);
	pass_rest(s);
	state_is(s, ELEVEN_CLOSED);
}

/* MAY-2, 6191-§2-R2: without timestamps in the old connection. */
static void test_MAY_2_SYN_without_timestamps_reopens_TIME_WAIT(void **state)
{
	struct script *s = *state;
	struct seq before;

	to_time_wait(s);
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	in(s, "S 1:1(0) win 1000 <mss 1460>");          /* not beyond RCV.NXT = 2: refused, ACK */
	out(s, ". 2:2(0) ack 2");
	state_is(s, ELEVEN_TIME_WAIT);
	before = s->our_iss;
	s->our_iss_known = false;
	in(s, "S 3:3(0) win 1000 <mss 1460>");
	assert_true(out_any(s) && s->last.syn && s->last.has_ack);
	assert_true(seq_gt(s->our_iss, seq_add(before, 2)));
	state_is(s, ELEVEN_SYN_RECEIVED);
}

/* SHLD-4, 6191-§2-R1: with them. */
static void test_SHLD_4_timestamps_shorten_TIME_WAIT(void **state)
{
	static const struct {
		uint32_t ts;            /* of the old connection: 1000 */
		unsigned seq;           /* RCV.NXT: 2 */
		bool reopens;
	} rows[] = {
		{ 1001, 0, true }, { 1000, 3, true }, { 0, 3, true },
		{ 1000, 0, false }, { 999, 3, false }, { 0, 1, false },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct script *s = *state;

		s->config.timestamps = 1;
		restart(s);
		s->ts = 1000;
		to_time_wait(s);
		assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
		s->ts = rows[i].ts;
		in_f(s, "S %u:%u(0) win 1000 <mss 1460>", rows[i].seq, rows[i].seq);
		state_is(s, rows[i].reopens ? ELEVEN_SYN_RECEIVED : ELEVEN_TIME_WAIT);
	}
}

/* 1337-§3-R1 */
static void test_RST_does_not_assassinate_TIME_WAIT(void **state)
{
	struct script *s = *state;

	to_time_wait(s);
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	in(s, "R 2:2(0)");
	state_is(s, ELEVEN_TIME_WAIT);
	in(s, "P. 1:2(1) ack 2 win 65535");             /* an old segment is answered, and does not end it either */
	out(s, ". 2:2(0) ack 2");
	in(s, "R 2:2(0)");
	state_is(s, ELEVEN_TIME_WAIT);
}

/* ---- giving up */

/* SHLD-9, SHLD-10 */
static void test_MUST_20_R1_tells_and_R2_ends(void **state)
{
	struct script *s = *state;
	uint64_t started;

	to_established(s);
	give(s, 10);
	drain(s);
	started = s->now;
	signals_of(s, s->h);
	for (int i = 0; i < 2; i++)
		pass_timeout(s);
	assert_false(signals_of(s, s->h) & ELEVEN_SIGNAL_SOFT_ERROR);   /* R1 is three */
	pass_timeout(s);
	assert_true(signals_of(s, s->h) & ELEVEN_SIGNAL_SOFT_ERROR);
	state_is(s, ELEVEN_ESTABLISHED);
	while (state_now(s) == ELEVEN_ESTABLISHED)
		pass_timeout(s);
	assert_true(s->now - started >= SEC(100));
	assert_true(signals_of(s, s->h) & ELEVEN_SIGNAL_ERROR);
	assert_int_equal(take(s), -ETIMEDOUT);
}

static void test_SHLD_9_and_10_R1_after_three(void **state)
{
	struct script *s = *state;

	/* SHLD-9 */
	to_established(s);
	give(s, 10);
	drain(s);
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(taken(s, RULE_PATH_SUSPECTED), 0);
		pass_timeout(s);
		drain(s);
	}
	assert_int_equal(taken(s, RULE_PATH_SUSPECTED), 1);
	assert_int_equal(status_of(s).soft_error, ETIMEDOUT);
}

static void test_SHLD_11_R2_is_100_s_and_more(void **state)
{
	struct script *s = *state;

	to_established(s);
	give(s, 10);
	drain(s);
	pass(s, SEC(100));
	state_is(s, ELEVEN_ESTABLISHED);
}

static void test_MUST_21_program_sets_R2(void **state)
{
	struct script *s = *state;

	to_established(s);
	option(s, ELEVEN_OPTION_USER_TIMEOUT, SEC(5));
	give(s, 10);
	drain(s);
	pass_almost(s, SEC(5));
	state_is(s, ELEVEN_ESTABLISHED);
	pass_rest(s);
	state_is(s, ELEVEN_CLOSED);
	restart(s);
	to_established(s);
	option(s, ELEVEN_OPTION_USER_TIMEOUT, UINT64_MAX);      /* for ever */
	give(s, 10);
	drain(s);
	for (int i = 0; i < 200; i++) {
		pass_timeout(s);
		drain(s);
	}
	state_is(s, ELEVEN_ESTABLISHED);
}

static void test_MUST_22_SYN_has_R1_and_R2_too(void **state)
{
	struct script *s = *state;

	to_syn_sent(s);
	signals_of(s, s->h);
	for (int i = 0; i < 3; i++)
		pass_timeout(s);
	assert_true(signals_of(s, s->h) & ELEVEN_SIGNAL_SOFT_ERROR);
	while (state_now(s) == ELEVEN_SYN_SENT)
		pass_timeout(s);
	assert_int_equal(take(s), -ETIMEDOUT);
}

static void test_MUST_23_R2_of_a_SYN_is_three_minutes(void **state)
{
	struct script *s = *state;

	to_syn_sent(s);
	pass_almost(s, SEC(180));
	state_is(s, ELEVEN_SYN_SENT);
}

/* ---- keep-alive */

/* MAY-5, MUST-24, MUST-27 */
static void test_MUST_24_keepalive_for_each_connection(void **state)
{
	struct script *s = *state;

	to_established(s);
	option(s, ELEVEN_OPTION_KEEPALIVE_IDLE, SEC(10));
	pass(s, SEC(20));
	quiet(s);
	option(s, ELEVEN_OPTION_KEEPALIVE, 1);
	pass(s, SEC(10));
	out(s, ". 0:0(0) ack 1");
	in(s, ". 1:1(0) ack 1 win 65535");
	option(s, ELEVEN_OPTION_KEEPALIVE, 0);
	pass(s, SEC(100));
	quiet(s);
}

static void test_MUST_26_only_when_nothing_is_outstanding(void **state)
{
	struct script *s = *state;

	to_established(s);
	option(s, ELEVEN_OPTION_KEEPALIVE_IDLE, SEC(10));
	option(s, ELEVEN_OPTION_KEEPALIVE, 1);
	for (int i = 0; i < 5; i++) {                   /* something is heard all the time */
		pass(s, SEC(9));
		in(s, ". 1:1(0) ack 1 win 65535");
		quiet(s);
	}
	give(s, 10);
	for (int i = 0; i < 5; i++) {
		drain(s);
		pass(s, SEC(9));
	}
	assert_int_equal(taken(s, RULE_TIMEOUT_KEEPALIVE), 0);
}

static void test_MUST_27_interval_can_be_set(void **state)
{
	struct script *s = *state;

	to_established(s);
	option(s, ELEVEN_OPTION_KEEPALIVE_IDLE, SEC(33));
	option(s, ELEVEN_OPTION_KEEPALIVE, 1);
	pass_almost(s, SEC(33));
	quiet(s);
	pass_rest(s);
	out(s, ". 0:0(0) ack 1");
}

static void test_MUST_28_default_interval_is_two_hours(void **state)
{
	struct script *s = *state;

	to_established(s);
	option(s, ELEVEN_OPTION_KEEPALIVE, 1);
	pass_almost(s, SEC(7200));
	quiet(s);
	pass_rest(s);
	out(s, ". 0:0(0) ack 1");
}

static void test_MUST_29_one_lost_probe_ends_nothing(void **state)
{
	struct script *s = *state;

	to_established(s);
	option(s, ELEVEN_OPTION_KEEPALIVE, 1);
	pass(s, SEC(7200));
	drain(s);
	pass(s, SEC(75));
	out(s, ". 0:0(0) ack 1");
	state_is(s, ELEVEN_ESTABLISHED);
	in(s, ". 1:1(0) ack 1 win 65535");
	pass(s, SEC(7100));
	quiet(s);
}

static void test_SHLD_12_probe_without_text_at_SND_NXT_minus_1(void **state)
{
	struct script *s = *state;

	to_established(s);
	give(s, 10);
	drain(s);
	in(s, ". 1:1(0) ack 11 win 65535");
	option(s, ELEVEN_OPTION_KEEPALIVE, 1);
	pass(s, SEC(7200));
	out(s, ". 10:10(0) ack 1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_MUST_12_normal_end_and_reset_differ),
		TEST(test_MAY_1_after_CLOSE_nothing_can_be_received),
		TEST_STRICT(test_MUST_13_TIME_WAIT_lasts_2_MSL_of_2_minutes),
		TEST(test_MAY_2_SYN_without_timestamps_reopens_TIME_WAIT),
		TEST(test_SHLD_4_timestamps_shorten_TIME_WAIT),
		TEST(test_RST_does_not_assassinate_TIME_WAIT),
		TEST(test_MUST_20_R1_tells_and_R2_ends),
		TEST(test_SHLD_9_and_10_R1_after_three),
		TEST(test_SHLD_11_R2_is_100_s_and_more),
		TEST(test_MUST_21_program_sets_R2),
		TEST(test_MUST_22_SYN_has_R1_and_R2_too),
		TEST(test_MUST_23_R2_of_a_SYN_is_three_minutes),
		TEST(test_MUST_24_keepalive_for_each_connection),
		TEST(test_MUST_26_only_when_nothing_is_outstanding),
		TEST(test_MUST_27_interval_can_be_set),
		TEST(test_MUST_28_default_interval_is_two_hours),
		TEST(test_MUST_29_one_lost_probe_ends_nothing),
		TEST(test_SHLD_12_probe_without_text_at_SND_NXT_minus_1),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
