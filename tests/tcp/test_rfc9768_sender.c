/* SPDX-License-Identifier: MIT */
/* RFC 9768, accurate ECN: what the sender makes of the counts. */
#include "counts.h"

/* 9768-§3.1.5-R2: marks cut the window once a round trip; no CWR is sent, for the flag counts. */
static void test_marks_cut_the_window(void **state)
{
	struct script *s = *state;
	uint64_t cwnd;

	to_accurate(s);
	cwnd = status_of(s).cwnd;
	give(s, 8 * MSS);
	assert_int_equal(drain_capable(s), 8 * MSS);
	pass(s, MS(100));
	in_f(s, ".WA 1:1(0) ack %u win 65535", 1 + 2 * MSS);    /* 6: one mark */
	assert_true(status_of(s).cwnd < cwnd);
	assert_int_equal(taken(s, RULE_ECN_REDUCED), 1);
	cwnd = status_of(s).cwnd;
	in_f(s, ". 1:1(0) ack %u win 65535", 1 + 4 * MSS);      /* 0: two more, of the same window */
	assert_int_equal(status_of(s).cwnd, cwnd);
	give(s, MSS);
	while (out_any(s))
		assert_int_equal(ace_out(s), 5);
	in_f(s, ". 1:1(0) ack %u win 65535", 1 + 9 * MSS);
	give(s, MSS);
	drain(s);
	in_f(s, ".E 1:1(0) ack %u win 65535", 1 + 10 * MSS);    /* of the next */
	assert_int_equal(taken(s, RULE_ECN_REDUCED), 2);
}

/* 9768-§3.2.2.5.2-R1: an ACK of more packets than the field can count means as many marks as there can be. */
static void test_wrapped_count(void **state)
{
	struct script *s = *state;

	s->config.initial_window = 20;
	restart(s);
	to_accurate(s);
	give(s, 20 * MSS);
	drain(s);
	in_f(s, ".EA 1:1(0) ack %u win 65535", 1 + 20 * MSS);   /* 5: none, or 8, or 16 */
	assert_int_equal(taken(s, RULE_ACCECN_AMBIGUOUS), 1);
	assert_int_equal(taken(s, RULE_ECN_REDUCED), 1);
	restart(s);
	to_accurate(s);
	give(s, 20 * MSS);
	drain(s);
	in_f(s, ".EA 1:1(0) ack %u win 65535 <ECN e0b %u ceb 0 e1b 1,nop>", 1 + 20 * MSS, 1 + 20 * MSS);
	assert_int_equal(taken(s, RULE_ACCECN_AMBIGUOUS), 0);   /* the bytes say that it was none */
	assert_int_equal(taken(s, RULE_ECN_REDUCED), 0);
}

/* An ACK that was overtaken tells an older count, which is no new one. */
static void test_overtaken_ACK(void **state)
{
	struct script *s = *state;

	to_accurate(s);
	give(s, 8 * MSS);
	drain(s);
	in_f(s, ".WA 1:1(0) ack %u win 65535", 1 + 4 * MSS);
	in_f(s, ".EA 1:1(0) ack %u win 65535", 1 + 2 * MSS);
	in_f(s, ".EA 1:1(0) ack %u win 65535", 1 + 4 * MSS);
	assert_int_equal(tcb_now(s)->ecn.ce_out, 6);
	in_f(s, ".WA 1:1(0) ack %u win 65535", 1 + 6 * MSS);
	assert_int_equal(tcb_now(s)->ecn.ce_out, 6);
}

/* 9768-§3.2.2.3-R1: the path changes or wipes out codepoints: not capable any more, and the peer's marks still told. */
static void test_bleached_path(void **state)
{
	struct script *s = *state;

	s->config.initial_window = 20;
	restart(s);
	to_accurate(s);
	give(s, 20 * MSS);
	assert_int_equal(drain_capable(s), 20 * MSS);
	in_f(s, ".EA 1:1(0) ack %u win 65535 <ECN e0b 1 ceb 0 e1b 1,nop>", 1 + 20 * MSS);
	assert_int_equal(taken(s, RULE_ACCECN_BLEACHED), 1);
	give(s, MSS);
	assert_true(out_any(s));
	assert_int_equal(codepoint_out(s), ECN_NOT_ECT);
	in_as(s, ECN_CE, ".EA 1:11(10) ack 1");
	assert_true(out_any(s));
	assert_int_equal(ace_out(s), 6);
}

static void test_contradictory_feedback(void **state)
{
	struct script *s = *state;

	to_accurate(s);
	give(s, 8 * MSS);
	drain(s);
	in_f(s, ".WA 1:1(0) ack %u win 65535 <ECN e0b %u ceb 0 e1b 1,nop>", 1 + 4 * MSS, 1 + 4 * MSS);
	assert_int_equal(taken(s, RULE_ACCECN_CONTRADICTS), 1);
	give(s, MSS);
	assert_true(out_any(s));
	assert_int_equal(codepoint_out(s), ECN_NOT_ECT);
}

/* §3.2.2.4: the server's first count is 0. */
static void test_count_wiped_out(void **state)
{
	struct script *s = *state;

	to_asking(s);
	in(s, "S.W 0:0(0) ack 1 win 65535 <mss 1460>");
	drain(s);
	give(s, MSS);
	assert_int_equal(drain_capable(s), MSS);
	in_f(s, ". 1:1(0) ack %u win 65535", 1 + MSS);
	assert_int_equal(taken(s, RULE_ACCECN_ZEROED), 1);
	assert_int_equal(taken(s, RULE_ECN_REDUCED), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_marks_cut_the_window),
		TEST(test_wrapped_count),
		TEST(test_overtaken_ACK),
		TEST(test_bleached_path),
		TEST(test_contradictory_feedback),
		TEST(test_count_wiped_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
