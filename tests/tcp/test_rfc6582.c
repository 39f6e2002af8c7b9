/* SPDX-License-Identifier: MIT */
/* Recovery without SACK: RFC 5681 §3.2, RFC 3042, RFC 6582, with the window of RFC 9937; Reno's growth. */
#include "loss.h"

static void duplicates(struct script *s, uint32_t ack, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		in_f(s, ". 1:1(0) ack %u win 65535", ack);
}

/* 5681-§3.2-R4, 5681-§3.2-R5, 3042-§2-R1, 3042-§2-R2 */
static void test_limited_transmit(void **state)
{
	struct script *s = *state;

	to_plain(s);
	flies(s, 20 * MSS, 10);
	duplicates(s, 1, 1);
	out(s, ". 10001:11001(1000) ack 1");
	quiet(s);
	duplicates(s, 1, 1);
	out(s, ". 11001:12001(1000) ack 1");
	quiet(s);
	assert_int_equal(status_of(s).cwnd, 10 * MSS);
	restart(s);
	to_plain(s);                    /* not beyond the peer's window */
	flies(s, 20 * MSS, 10);
	in(s, ". 1:1(0) ack 1 win 10000");
	in(s, ". 1:1(0) ack 1 win 10000");
	quiet(s);
}

/* 5681-§3.2-R7, 5681-§3.2-R8, 5681-§4.3-R1: the third; the two segments of limited transmit do not count. */
static void test_third_duplicate_halves(void **state)
{
	struct script *s = *state;

	to_reno(s, "");
	flies(s, 20 * MSS, 10);
	duplicates(s, 1, 2);
	drain(s);
	duplicates(s, 1, 1);
	out(s, ". 1:1001(1000) ack 1");
	quiet(s);
	assert_int_equal(status_of(s).ssthresh, 5 * MSS);
}

/* 5681-§3.2-R9, 9937-§6.2-R2: each further duplicate is one segment less in flight; at the end ssthresh is. */
static void test_further_duplicates_let_new_text_go(void **state)
{
	struct script *s = *state;
	unsigned again;

	to_reno(s, "");
	flies(s, 40 * MSS, 10);
	duplicates(s, 1, 2);
	assert_int_equal(flush(s, 10001, &again), 2);           /* by limited transmit */
	duplicates(s, 1, 1);
	assert_int_equal(flush(s, 10001, &again), 1);
	assert_int_equal(again, 1);
	for (unsigned i = 0; i < 8; i++) {
		duplicates(s, 1, 1);
		drain(s);
		assert_true(status_of(s).flight <= 10 * MSS);
	}
	/* Reno: 5 + 3 + 8 segments from SND.UNA on. */
	assert_int_equal(status_of(s).snd_nxt - status_of(s).snd_una, 16 * MSS);
	assert_int_equal(status_of(s).flight, 5 * MSS);
}

/* 5681-§3.2-R10, 5681-§4.3-R3, 6582-§3.2-R1 */
static void test_partial_and_full_ACKs(void **state)
{
	struct script *s = *state;

	to_reno(s, "");
	flies(s, 10 * MSS, 10);
	duplicates(s, 1, 7);
	out(s, ". 1:1001(1000) ack 1");
	quiet(s);
	pass(s, MS(100));
	in(s, ". 1:1(0) ack 4001 win 65535");
	out(s, ". 4001:5001(1000) ack 1");                      /* partial: the next that is lost, at once */
	quiet(s);
	assert_int_equal(status_of(s).phase, 1);
	pass(s, MS(100));
	in(s, ". 1:1(0) ack 10001 win 65535");
	assert_int_equal(status_of(s).phase, 0);
	assert_int_equal(status_of(s).cwnd, 5 * MSS);
}

/* 6582-§3.2-R2: duplicates of what a timeout sent again begin no recovery. */
static void test_duplicates_after_a_timeout(void **state)
{
	struct script *s = *state;

	to_reno(s, "");
	flies(s, 10 * MSS, 10);
	pass_timeout(s);
	out(s, ". 1:1001(1000) ack 1");
	in(s, ". 1:1(0) ack 10001 win 65535");                  /* all were there */
	give(s, MSS);
	drain(s);
	assert_int_equal(status_of(s).phase, 0);
	duplicates(s, 10001, 3);
	quiet(s);
	assert_int_equal(taken(s, RULE_RECOVERY_ENTERED), 0);
}

/* 5681-§3.1-R10, 5681-§3-R1: in congestion avoidance one segment a round trip, in slow start one per ACK of one. */
static void test_growth_is_bounded(void **state)
{
	struct script *s = *state;
	uint32_t at = 1;

	to_reno(s, "");
	flies(s, 10 * MSS, 10);
	duplicates(s, 1, 3);
	drain(s);
	pass(s, MS(100));
	in(s, ". 1:1(0) ack 10001 win 65535");
	assert_int_equal(status_of(s).cwnd, 5 * MSS);
	at = 10001;
	for (unsigned round = 0; round < 20; round++) {
		uint64_t before = status_of(s).cwnd;

		give(s, (uint32_t)before + 5 * MSS);
		drain(s);
		pass(s, MS(100));
		for (uint32_t end = at + status_of(s).snd_nxt - status_of(s).snd_una; at < end;) {
			at += MSS;
			in_f(s, ". 1:1(0) ack %u win 65535", at);
		}
		assert_true(status_of(s).cwnd <= before + MSS);
		assert_true(round == 0 || status_of(s).cwnd >= before + MSS / 2);
	}
}

/* 5681-§3-R1: an ACK of many segments grows the window by no more than what it acknowledges. */
static void test_slow_start_is_bounded(void **state)
{
	struct script *s = *state;
	uint32_t at = 1;

	to_reno(s, "");
	for (unsigned round = 0; round < 4; round++) {
		uint64_t before = status_of(s).cwnd;
		uint32_t acked;

		give(s, (uint32_t)before);
		drain(s);
		pass(s, MS(100));
		acked = status_of(s).snd_nxt - status_of(s).snd_una;
		at += acked;
		in_f(s, ". 1:1(0) ack %u win 65535", at);
		assert_true(status_of(s).cwnd <= before + acked);
		assert_true(status_of(s).cwnd > before);
	}
}

/* 4015-§3-R1, 3522-§3-R1: a late ACK after a timeout: windows as before, and an RTO for the path as it is. */
static void test_spurious_timeout(void **state)
{
	struct script *s = *state;
	struct eleven_status before, after;

	s->config.timestamps = 1;
	restart(s);
	s->ts = 1;
	to_lossy(s, "");
	give(s, 10 * 988);
	drain(s);
	s->ts = s->ts_echo;
	before = status_of(s);
	in_f(s, ". 1:1(0) ack 1 win 65535 <nop,nop,TS val 7 ecr %u>", s->ts_echo);
	pass(s, MS(10));
	{
		uint32_t echo = s->ts_echo;

		pass_timeout(s);
		drain(s);
		assert_int_equal(status_of(s).cwnd, status_of(s).mss_send);
		pass(s, MS(5));
		in_f(s, ". 1:1(0) ack 989 win 65535 <nop,nop,TS val 8 ecr %u>", echo);
	}
	after = status_of(s);
	assert_int_equal(taken(s, RULE_UNDO_EIFEL), 1);
	assert_true(after.cwnd >= before.cwnd && after.ssthresh == before.ssthresh);
	assert_true(after.srtt > 2 * before.srtt);
	assert_true(after.rto > before.rto);
}

/* 4015-§3.4-R1: what was undone is not undone of a loss that comes on top. */
static void test_loss_besides_a_spurious_timeout_counts(void **state)
{
	struct script *s = *state;
	uint64_t cwnd;

	to_sacking(s);
	flies(s, 20 * MSS, 10);
	cwnd = status_of(s).cwnd;
	pass(s, MS(50));
	pass_timeout(s);
	drain(s);
	while (status_of(s).phase != 2)
		pass_timeout(s);
	drain(s);
	in(s, ". 1:1(0) ack 1001 win 65535");
	drain(s);
	in(s, ". 1:1(0) ack 2001 win 65535 <sack 3001:10001>"); /* F-RTO: none, but 2001:3001 is lost */
	assert_int_equal(taken(s, RULE_UNDO_FRTO), 1);
	assert_int_equal(status_of(s).phase, 1);
	assert_true(status_of(s).cwnd < cwnd);
	assert_true(status_of(s).ssthresh < cwnd);
}

/* 9293-MAY-18 and 9438-§4.10-R1: CUBIC is another one; below ssthresh it is slow start. */
static void test_MAY_18_CUBIC_starts_slowly(void **state)
{
	struct script *s = *state;
	uint64_t before;

	to_sacking(s);
	flies(s, 10 * MSS, 10);
	before = status_of(s).cwnd;
	assert_int_equal(status_of(s).congestion, ELEVEN_CONGESTION_CUBIC);
	in(s, ". 1:1(0) ack 4001 win 65535");
	assert_int_equal(status_of(s).cwnd, before + 4 * MSS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_limited_transmit),
		TEST(test_third_duplicate_halves),
		TEST(test_further_duplicates_let_new_text_go),
		TEST(test_partial_and_full_ACKs),
		TEST(test_duplicates_after_a_timeout),
		TEST(test_growth_is_bounded),
		TEST(test_slow_start_is_bounded),
		TEST(test_spurious_timeout),
		TEST(test_loss_besides_a_spurious_timeout_counts),
		TEST(test_MAY_18_CUBIC_starts_slowly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
