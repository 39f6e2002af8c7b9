/* SPDX-License-Identifier: MIT */
/* What a receiver reports: RFC 2018 (SACK) and RFC 2883 (duplicates). */
#include "rfc.h"

static int setup_sack(void **state)
{
	struct script *s = malloc(sizeof(*s));

	script_config(s, ELEVEN_MODERN);
	script_begin(s);
	s->sack = true;
	*state = s;
	return 0;
}

/* 2018-§2-R1 */
static void test_SACK_permitted_on_SYNs_only(void **state)
{
	struct script *s = *state;

	to_syn_sent(s);
	assert_true(s->last.options.sack_permitted);
	in(s, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	give(s, 3000);
	while (out_any(s))
		assert_false(s->last.options.sack_permitted);
}

/* 2018-§4-R1 */
static void test_no_SACK_unless_permitted(void **state)
{
	struct script *s = *state;

	s->sack = false;
	to_established(s);
	in(s, ". 11:21(10) ack 1 win 65535");
	out(s, ". 1:1(0) ack 1");
	assert_int_equal(s->last.options.sack_count, 0);
	in(s, ". 11:21(10) ack 1 win 65535");
	assert_true(out_any(s));
	assert_int_equal(s->last.options.sack_count, 0);
}

/* 2018-§4-R2, 2018-§4-R3: in every ACK while something waits; each segment above a hole is answered. */
static void test_every_ACK_reports(void **state)
{
	struct script *s = *state;

	to_established(s);
	in(s, ". 11:21(10) ack 1 win 65535");
	out(s, ". 1:1(0) ack 1 <nop,nop,sack 11:21>");
	in(s, ". 21:31(10) ack 1 win 65535");
	out(s, ". 1:1(0) ack 1 <nop,nop,sack 11:31>");
	give(s, 10);
	out(s, "P. 1:11(10) ack 1 <nop,nop,sack 11:31>");
	in(s, ". 1:6(5) ack 11 win 65535");
	out(s, ". 11:11(0) ack 6 <nop,nop,sack 11:31>");
	in(s, ". 6:11(5) ack 11 win 65535");
	out(s, ". 11:11(0) ack 31");
}

/* 2018-§4-R4, 2018-§4-R6: what came last first, then what was reported last. */
static void test_first_block_has_the_segment_that_came(void **state)
{
	struct script *s = *state;

	to_established(s);
	in(s, ". 11:21(10) ack 1 win 65535");
	drain(s);
	in(s, ". 31:41(10) ack 1 win 65535");
	drain(s);
	in(s, ". 51:61(10) ack 1 win 65535");
	out(s, ". 1:1(0) ack 1 <nop,nop,sack 51:61 31:41 11:21>");
	in(s, ". 21:26(5) ack 1 win 65535");
	out(s, ". 1:1(0) ack 1 <nop,nop,sack 11:26 51:61 31:41>");
	in(s, ". 26:31(5) ack 1 win 65535");
	out(s, ". 1:1(0) ack 1 <nop,nop,sack 11:41 51:61>");
}

/* 2018-§4-R5 */
static void test_as_many_blocks_as_fit(void **state)
{
	struct script *s = *state;

	to_established(s);
	for (unsigned i = 0; i < 6; i++) {
		in_f(s, ". %u:%u(10) ack 1 win 65535", 11 + 20 * i, 21 + 20 * i);
		assert_true(out_any(s));
		assert_int_equal(s->last.options.sack_count, i < 4 ? i + 1 : 4);
	}
	s->config.timestamps = 1;
	restart(s);
	s->sack = true;
	s->ts = 5;
	to_established(s);
	for (unsigned i = 0; i < 6; i++) {
		in_f(s, ". %u:%u(10) ack 1 win 65535", 11 + 20 * i, 21 + 20 * i);
		assert_true(out_any(s));
		assert_int_equal(s->last.options.sack_count, i < 3 ? i + 1 : 3);
	}
}

/* 2018-§8-R2: what is not held is not reported, and what is reported stays. */
static void test_only_what_is_held_is_reported(void **state)
{
	struct script *s = *state;
	char text[40];

	s->config.reassembly_max = 1;
	restart(s);
	s->sack = true;
	to_established(s);
	in_text(s, ". 11:21(10) ack 1 win 65535", "klmnopqrst");
	drain(s);
	for (unsigned i = 2; i < 60; i++) {             /* more gaps than there is room for */
		in_f(s, ". %u:%u(10) ack 1 win 65535", 20 * i + 11, 20 * i + 21);
		drain(s);
	}
	assert_true(taken(s, RULE_TEXT_TOO_MANY_GAPS) > 0);
	in(s, ". 1191:1201(10) ack 1 win 65535");
	assert_true(out_any(s));
	for (unsigned i = 0; i < s->last.options.sack_count; i++) {
		assert_true(s->last.options.sack[i].left.value - s->their_iss.value < 1191 ||
			    taken(s, RULE_TEXT_TOO_MANY_GAPS) == 0);
	}
	in_text(s, ". 1:11(10) ack 1 win 65535", "abcdefghij");
	assert_int_equal(tcp_receive(s->tcp, s->h, text, sizeof(text), s->now), 20);
	assert_memory_equal(text, "abcdefghijklmnopqrst", 20);
}

/* ---- duplicates */

/* 2883-§3-R1, 2883-§4-R1: below the cumulative ACK, reported once. */
static void test_duplicate_below_the_ACK(void **state)
{
	struct script *s = *state;

	to_established(s);
	in(s, ". 1:101(100) ack 1 win 65535");
	pass(s, s->config.delayed_ack);
	out(s, ". 1:1(0) ack 101");
	in(s, ". 1:101(100) ack 1 win 65535");
	out(s, ". 1:1(0) ack 101 <nop,nop,sack 1:101>");
	give(s, 10);
	out(s, "P. 1:11(10) ack 101");
	assert_int_equal(s->last.options.sack_count, 0);        /* not again */
	in(s, ". 51:151(100) ack 11 win 65535");        /* half of it is */
	pass(s, s->config.delayed_ack);
	out(s, ". 11:11(0) ack 151 <nop,nop,sack 51:101>");
}

/* 2883-§4-R1: inside what waits behind a gap; the range around it follows. */
static void test_duplicate_behind_a_gap(void **state)
{
	struct script *s = *state;

	to_established(s);
	in(s, ". 101:301(200) ack 1 win 65535");
	out(s, ". 1:1(0) ack 1 <nop,nop,sack 101:301>");
	in(s, ". 401:501(100) ack 1 win 65535");
	out(s, ". 1:1(0) ack 1 <nop,nop,sack 401:501 101:301>");
	in(s, ". 151:201(50) ack 1 win 65535");
	out(s, ". 1:1(0) ack 1 <nop,nop,sack 151:201 101:301 401:501>");
	in(s, ". 251:351(100) ack 1 win 65535");        /* overlaps its end */
	out(s, ". 1:1(0) ack 1 <nop,nop,sack 251:301 101:351 401:501>");
	in(s, ". 351:361(10) ack 1 win 65535");
	out(s, ". 1:1(0) ack 1 <nop,nop,sack 101:361 401:501>");
}

int main(void)
{
#define TEST_SACK(name) cmocka_unit_test_setup_teardown(name, setup_sack, teardown)
	const struct CMUnitTest tests[] = {
		TEST_SACK(test_SACK_permitted_on_SYNs_only),
		TEST_SACK(test_no_SACK_unless_permitted),
		TEST_SACK(test_every_ACK_reports),
		TEST_SACK(test_first_block_has_the_segment_that_came),
		TEST_SACK(test_as_many_blocks_as_fit),
		TEST_SACK(test_only_what_is_held_is_reported),
		TEST_SACK(test_duplicate_below_the_ACK),
		TEST_SACK(test_duplicate_behind_a_gap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
