/* SPDX-License-Identifier: MIT */
/* RFC 5681 §3.1 and §4.1, RFC 6928: where the congestion window starts, what a timeout and idleness do to it. */
#include "rfc.h"

/* 6928-§2-R1 */
static void test_first_window_is_ten_segments(void **state)
{
	struct script *s = *state;
	uint32_t sent = 0;

	to_established(s);
	give(s, 30 * 1460);
	while (out_any(s))
		sent += s->last.text_bytes;
	assert_int_equal(sent, 14600);
}

/* 6928-§2-R2, 5681-§3.1-R4: after a second loss of the SYN one segment. */
static void test_first_window_after_lost_SYNs(void **state)
{
	struct script *s = *state;

	to_syn_sent(s);
	pass_timeout(s);
	drain(s);
	pass_timeout(s);
	drain(s);
	in(s, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	drain(s);
	give(s, 5 * 1460);
	out(s, ". 1:1461(1460) ack 1");
	quiet(s);
}

/* 5681-§3.1-R6 */
static void test_threshold_starts_high(void **state)
{
	struct script *s = *state;

	to_established_with(s, "mss 1460,nop,wscale 14");
	assert_true(status_of(s).ssthresh >= 1u << 30);
}

/* 5681-§2-R1: nothing beyond either window. */
static void test_both_windows_hold(void **state)
{
	struct script *s = *state;

	to_established(s);
	in(s, ". 1:1(0) ack 1 win 4380");
	give(s, 30 * 1460);
	drain(s);
	assert_int_equal(status_of(s).flight, 4380);
	in(s, ". 1:1(0) ack 1 win 65535");
	drain(s);
	assert_true(status_of(s).flight <= status_of(s).cwnd);
}

/* 5681-§3.1-R3 */
static void test_handshake_does_not_widen_the_window(void **state)
{
	struct script *s = *state;

	to_syn_sent(s);
	in(s, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	drain(s);
	assert_int_equal(status_of(s).cwnd, 14600);
	restart(s);
	to_established(s);
	assert_int_equal(status_of(s).cwnd, 14600);
}

/* 5681-§3.1-R7, 5681-§3.1-R11, 5681-§3.1-R12 */
static void test_MUST_19_timeout_halves_and_starts_over(void **state)
{
	struct script *s = *state;
	uint64_t rto;

	to_established(s);
	give(s, 30 * 1460);
	drain(s);
	rto = status_of(s).rto;
	pass_timeout(s);
	drain(s);
	assert_int_equal(status_of(s).cwnd, 1460);
	assert_true(status_of(s).ssthresh >= 2 * 1460 && status_of(s).ssthresh <= 14600 * 7 / 10);
	assert_int_equal(status_of(s).rto, 2 * rto);
	in(s, ". 1:1(0) ack 1461 win 65535");           /* slow start: one more for the one */
	assert_true(status_of(s).cwnd > 1460 && status_of(s).cwnd <= 2 * 1460);
}

/* 5681-§3.1-R13 */
static void test_second_timeout_of_a_segment_leaves_the_threshold(void **state)
{
	struct script *s = *state;
	uint64_t ssthresh;

	to_established(s);
	give(s, 30 * 1460);
	drain(s);
	pass_timeout(s);
	drain(s);
	ssthresh = status_of(s).ssthresh;
	for (int i = 0; i < 3; i++) {
		pass_timeout(s);
		drain(s);
		assert_int_equal(status_of(s).ssthresh, ssthresh);
	}
}

/* 5681-§4.1-R1 */
static void test_window_starts_over_after_idleness(void **state)
{
	struct script *s = *state;
	uint32_t at = 1, burst = 0;

	to_established(s);
	for (int i = 0; i < 4; i++) {
		give(s, 20 * 1460);
		for (bool more = true; more;) {
			more = false;
			while (out_any(s)) {
				at += s->last.text_bytes;
				more = true;
			}
			pass(s, MS(10));
			in_f(s, ". 1:1(0) ack %u win 65535", at);
		}
	}
	assert_true(status_of(s).cwnd > 20 * 1460);
	pass(s, SEC(10));
	give(s, 40 * 1460);
	while (out_any(s))
		burst += s->last.text_bytes;
	assert_true(burst <= 14600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_first_window_is_ten_segments),
		TEST(test_first_window_after_lost_SYNs),
		TEST(test_threshold_starts_high),
		TEST(test_both_windows_hold),
		TEST(test_handshake_does_not_widen_the_window),
		TEST(test_MUST_19_timeout_halves_and_starts_over),
		TEST(test_second_timeout_of_a_segment_leaves_the_threshold),
		TEST(test_window_starts_over_after_idleness),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
