/* SPDX-License-Identifier: MIT */
/* RFC 9293 §3.7.4, §3.8.5, §3.8.6.3, §3.9: what the program gives and is told, urgent text, when ACKs go. */
#include "rfc.h"

/* ---- ACKs */

/* MUST-58, MUST-59: the ACK goes when all that came has been processed. */
static void test_MUST_58_one_ACK_for_all_that_came(void **state)
{
	struct script *s = *state;

	to_established(s);
	for (unsigned i = 0; i < 10; i++)
		in_f(s, "P. %u:%u(1460) ack 1 win 65535", 1 + 1460 * i, 1461 + 1460 * i);
	out(s, ". 1:1(0) ack 14601");
	quiet(s);
}

static void test_MUST_59_no_ACK_before_the_last_is_processed(void **state)
{
	struct script *s = *state;

	to_established(s);
	in(s, ". 1461:2921(1460) ack 1 win 65535");     /* by itself it would be answered with a duplicate ACK */
	in(s, ". 1:1461(1460) ack 1 win 65535");
	out(s, ". 1:1(0) ack 2921");
	quiet(s);
}

/* 5681-§4.2-R1, 5681-§4.2-R2 */
static void test_SHLD_18_ACK_is_delayed_below_half_a_second(void **state)
{
	struct script *s = *state;

	for (int profile = 0; profile < ELEVEN_PROFILES; profile++) {
		struct script *t = s;

		script_end(t);
		script_config(t, (enum eleven_profile)profile);
		script_begin(t);
		to_established(t);
		in(t, "P. 1:101(100) ack 1 win 65535");
		quiet(t);
		pass_almost(t, MS(500));
		out(t, ". 1:1(0) ack 101");
		quiet(t);
	}
}

static void test_SHLD_19_ACK_for_every_second_full_segment(void **state)
{
	struct script *s = *state;

	to_established(s);
	for (unsigned i = 0; i < 10; i++) {
		in_f(s, ". %u:%u(1460) ack 1 win 65535", 1 + 1460 * i, 1461 + 1460 * i);
		if (i % 2)
			out_f(s, ". 1:1(0) ack %u", 1461 + 1460 * i);
		quiet(s);
	}
}

/* 5681-§4.2-R3 */
static void test_never_more_than_one_ACK_for_a_segment(void **state)
{
	struct script *s = *state;
	unsigned sent = 0, came = 0;

	to_established(s);
	for (unsigned i = 0; i < 40; i++, came++) {
		unsigned at = 1 + 1000 * (i ^ (i % 3 ? 1 : 0));

		in_f(s, ". %u:%u(1000) ack 1 win 65535", at, at + 1000);
		while (out_any(s))
			sent++;
	}
	pass(s, SEC(1));
	while (out_any(s))
		sent++;
	assert_true(sent <= came);
}

/* 5681-§3.2-R1, 5681-§3.2-R2 */
static void test_MAY_13_ACK_at_once_for_a_gap_and_its_filling(void **state)
{
	struct script *s = *state;

	to_established(s);
	in(s, ". 11:21(10) ack 1 win 65535");
	out(s, ". 1:1(0) ack 1");
	in(s, ". 31:41(10) ack 1 win 65535");
	out(s, ". 1:1(0) ack 1");
	in(s, ". 1:11(10) ack 1 win 65535");
	out(s, ". 1:1(0) ack 21");
	in(s, ". 21:26(5) ack 1 win 65535");            /* a part of the gap */
	out(s, ". 1:1(0) ack 26");
}

/* ---- pushing */

static void test_MUST_61_PSH_on_the_segment_that_empties_the_queue(void **state)
{
	struct script *s = *state;

	to_established(s);
	give(s, 2920);
	out(s, ". 1:1461(1460) ack 1");
	out(s, "P. 1461:2921(1460) ack 1");
}

static void test_SHLD_27_pushes_are_collapsed(void **state)
{
	struct script *s = *state;

	to_established(s);
	in(s, ". 1:1(0) ack 1 win 0");
	for (int i = 0; i < 10; i++)
		give(s, 100);
	in(s, ". 1:1(0) ack 1 win 65535");
	out(s, "P. 1:1001(1000) ack 1");
	quiet(s);
}

/* MAY-16: SENDs that are not pushed are put together. */
static void test_MAY_15_push_is_the_caller_s_choice(void **state)
{
	struct script *s = *state;

	to_established(s);
	assert_int_equal(tcp_send(s->tcp, s->h, zeros, 100, ELEVEN_SEND_MORE, s->now), 100);
	quiet(s);
	assert_int_equal(tcp_send(s->tcp, s->h, zeros, 100, 0, s->now), 100);
	out(s, "P. 1:201(200) ack 1");
}

static void test_MAY_16_sends_are_put_together(void **state)
{
	struct script *s = *state;

	to_established(s);
	for (int i = 0; i < 20; i++)
		assert_int_equal(tcp_send(s->tcp, s->h, zeros, 100, ELEVEN_SEND_MORE, s->now), 100);
	out(s, ". 1:1461(1460) ack 1");
	quiet(s);
}

static void test_MUST_60_text_not_pushed_goes_at_last(void **state)
{
	struct script *s = *state;

	to_established(s);
	assert_int_equal(tcp_send(s->tcp, s->h, zeros, 100, ELEVEN_SEND_MORE, s->now), 100);
	quiet(s);
	pass(s, SEC(1));
	assert_true(out_any(s));
	assert_int_equal(s->last.text_bytes, 100);
}

static void test_SHLD_7_nagle(void **state)
{
	struct script *s = *state;

	to_established(s);
	give(s, 10);
	out(s, "P. 1:11(10) ack 1");
	give(s, 10);
	quiet(s);
	give(s, 1450);
	out(s, "P. 11:1471(1460) ack 1");               /* a full one goes */
	give(s, 10);
	quiet(s);
	in(s, ". 1:1(0) ack 1471 win 65535");
	out(s, "P. 1471:1481(10) ack 1");
}

static void test_MUST_17_nagle_can_be_disabled(void **state)
{
	struct script *s = *state;

	to_established(s);
	option(s, ELEVEN_OPTION_NODELAY, 1);
	give(s, 10);
	out(s, "P. 1:11(10) ack 1");
	give(s, 10);
	out(s, "P. 11:21(10) ack 1");
}

/* ---- urgent */

/* MUST-62, 6093-§4-R1: the pointer is that of the byte behind the urgent ones. */
static void test_MUST_30_urgent_text_goes_out_announced(void **state)
{
	struct script *s = *state;

	to_established(s);
	assert_int_equal(tcp_send(s->tcp, s->h, "abc", 3, ELEVEN_SEND_URGENT, s->now), 3);
	assert_true(out_any(s));
	assert_true(s->last.urg);
	assert_int_equal(s->last.urgent, 3);
	assert_int_equal(tcp_send(s->tcp, s->h, "de", 2, 0, s->now), 2);
	in(s, ". 1:1(0) ack 4 win 65535");
	assert_true(out_any(s));
	assert_false(s->last.urg);                      /* no more of it */
}

static void test_MUST_62_pointer_is_behind_the_urgent_byte(void **state)
{
	struct script *s = *state;

	to_established(s);
	in(s, "PU. 1:11(10) ack 1 win 65535 urg 4");
	assert_int_equal(status_of(s).urgent, 4);
	assert_int_equal(tcp_send(s->tcp, s->h, "abcd", 4, ELEVEN_SEND_URGENT, s->now), 4);
	assert_true(out_any(s));
	assert_int_equal(s->last.urgent, 4);
}

static void test_MUST_31_urgent_text_of_any_length(void **state)
{
	struct script *s = *state;
	uint32_t at = 0;

	to_established_with(s, "mss 1460,nop,wscale 7");
	in(s, ". 1:1(0) ack 1 win 65535");
	assert_int_equal(tcp_send(s->tcp, s->h, zeros, 100000, ELEVEN_SEND_URGENT, s->now), 100000);
	while (at < 100000) {
		while (out_any(s)) {
			uint32_t left = 100000 - at;

			assert_true(s->last.urg);
			assert_int_equal(s->last.urgent, left < 65535 ? left : 65535);
			at += s->last.text_bytes;
		}
		in_f(s, ". 1:1(0) ack %u win 65535", at + 1);
	}
	in(s, "PU. 1:1001(1000) ack 100001 win 65535 urg 60000");       /* far beyond the segment */
	assert_int_equal(status_of(s).urgent, 60000);
}

static void test_MUST_32_urgent_text_is_signalled_and_again_when_it_grows(void **state)
{
	struct script *s = *state;

	to_established(s);
	signals_of(s, s->h);
	in(s, "PU. 1:11(10) ack 1 win 65535 urg 20");
	assert_true(signals_of(s, s->h) & ELEVEN_SIGNAL_URGENT);
	in(s, "PU. 11:21(10) ack 1 win 65535 urg 10");
	assert_false(signals_of(s, s->h) & ELEVEN_SIGNAL_URGENT);       /* the same place */
	in(s, "PU. 21:31(10) ack 1 win 65535 urg 5");
	assert_true(signals_of(s, s->h) & ELEVEN_SIGNAL_URGENT);
}

static void test_MUST_33_how_much_urgent_text_is_left(void **state)
{
	struct script *s = *state;
	char text[10];

	to_established(s);
	in(s, "PU. 1:11(10) ack 1 win 65535 urg 8");
	assert_int_equal(status_of(s).urgent, 8);
	assert_int_equal(tcp_receive(s->tcp, s->h, text, 5, s->now), 5);
	assert_int_equal(status_of(s).urgent, 3);
	assert_int_equal(tcp_receive(s->tcp, s->h, text, 3, s->now), 3);
	assert_int_equal(status_of(s).urgent, 0);
}

/* ---- what is told, what is set */

/* SHLD-25 */
static void test_MUST_47_soft_errors_are_told(void **state)
{
	struct script *s = *state;

	to_established(s);
	give(s, 10);
	drain(s);
	signals_of(s, s->h);
	error_arrives(s, seq_add(s->our_iss, 1), EHOSTUNREACH, false, 0);
	assert_true(signals_of(s, s->h) & ELEVEN_SIGNAL_SOFT_ERROR);
	assert_int_equal(status_of(s).soft_error, EHOSTUNREACH);
}

static void test_SHLD_20_soft_errors_can_be_switched_off(void **state)
{
	struct script *s = *state;

	to_established(s);
	option(s, ELEVEN_OPTION_SOFT_ERRORS, 0);
	give(s, 10);
	drain(s);
	signals_of(s, s->h);
	error_arrives(s, seq_add(s->our_iss, 1), EHOSTUNREACH, false, 0);
	for (int i = 0; i < 5; i++)
		pass_timeout(s);
	assert_false(signals_of(s, s->h) & ELEVEN_SIGNAL_SOFT_ERROR);
}

/* SHLD-25: and without a signal taken, by looking. */
static void test_SHLD_25_soft_errors_by_looking(void **state)
{
	struct script *s = *state;

	to_syn_sent(s);
	error_arrives(s, s->our_iss, ENETUNREACH, false, 0);
	state_is(s, ELEVEN_SYN_SENT);
	assert_int_equal(status_of(s).soft_error, ENETUNREACH);
}

/* SHLD-22: unchanged; SHLD-21: also later. */
static void test_MUST_48_DSCP_of_the_connection(void **state)
{
	struct script *s = *state;

	to_established(s);
	option(s, ELEVEN_OPTION_TOS, 0xb8);
	give(s, 10);
	assert_true(out_any(s));
	assert_int_equal(s->last_out.tos & 0xfc, 0xb8);
}

static void test_SHLD_21_DSCP_changes_during_the_connection(void **state)
{
	struct script *s = *state;

	for (unsigned dscp = 0; dscp < 64; dscp += 9) {
		restart(s);
		to_established(s);
		option(s, ELEVEN_OPTION_TOS, 0x20);
		give(s, 10);
		drain(s);
		in(s, ". 1:1(0) ack 11 win 65535");
		option(s, ELEVEN_OPTION_TOS, dscp << 2);
		give(s, 10);
		assert_true(out_any(s));
		assert_int_equal(s->last_out.tos >> 2, dscp);
	}
}

static void test_SHLD_22_DSCP_reaches_IP_unchanged(void **state)
{
	struct script *s = *state;

	assert_int_equal(tcp_open(s->tcp, &s->h, s->now), 0);
	option(s, ELEVEN_OPTION_TOS, 0x48);
	assert_int_equal(tcp_connect(s->tcp, s->h, &s->us, 0, &s->them, s->their_port, s->now), 0);
	assert_true(out_any(s));
	assert_int_equal(s->last_out.tos, 0x48);        /* from the SYN on */
}

static void test_MAY_9_DSCP_received_is_told(void **state)
{
	struct script *s = *state;
	uint8_t bytes[64];
	struct segment seg = { .has_ack = true, .window = 65535 };
	struct arrival arrival = { .source = s->them, .destination = s->us, .bytes = bytes, .tos = 0x88 };

	to_established(s);
	seg.source_port = s->their_port;
	seg.destination_port = s->our_port;
	seg.seq = seq_add(s->their_iss, 1);
	seg.ack = seq_add(s->our_iss, 1);
	arrival.length = (uint32_t)segment_emit(bytes, sizeof(bytes), &seg, &s->them, &s->us);
	tcp_segment_arrives(s->tcp, &arrival, s->now);
	assert_int_equal(status_of(s).tos_received, 0x88);
}

static void test_MUST_49_TTL_can_be_set(void **state)
{
	struct script *s = *state;

	to_established(s);
	option(s, ELEVEN_OPTION_TTL, 7);
	give(s, 10);
	assert_true(out_any(s));
	assert_int_equal(s->last_out.ttl, 7);
	assert_int_equal(tcp_option_set(s->tcp, s->h, ELEVEN_OPTION_TTL, 0, s->now), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_MUST_58_one_ACK_for_all_that_came),
		TEST(test_MUST_59_no_ACK_before_the_last_is_processed),
		TEST(test_SHLD_18_ACK_is_delayed_below_half_a_second),
		TEST(test_SHLD_19_ACK_for_every_second_full_segment),
		TEST(test_never_more_than_one_ACK_for_a_segment),
		TEST(test_MAY_13_ACK_at_once_for_a_gap_and_its_filling),
		TEST(test_MUST_61_PSH_on_the_segment_that_empties_the_queue),
		TEST(test_SHLD_27_pushes_are_collapsed),
		TEST(test_MAY_15_push_is_the_caller_s_choice),
		TEST(test_MAY_16_sends_are_put_together),
		TEST(test_MUST_60_text_not_pushed_goes_at_last),
		TEST(test_SHLD_7_nagle),
		TEST(test_MUST_17_nagle_can_be_disabled),
		TEST(test_MUST_30_urgent_text_goes_out_announced),
		TEST(test_MUST_62_pointer_is_behind_the_urgent_byte),
		TEST(test_MUST_31_urgent_text_of_any_length),
		TEST(test_MUST_32_urgent_text_is_signalled_and_again_when_it_grows),
		TEST(test_MUST_33_how_much_urgent_text_is_left),
		TEST(test_MUST_47_soft_errors_are_told),
		TEST(test_SHLD_20_soft_errors_can_be_switched_off),
		TEST(test_SHLD_25_soft_errors_by_looking),
		TEST(test_MUST_48_DSCP_of_the_connection),
		TEST(test_SHLD_21_DSCP_changes_during_the_connection),
		TEST(test_SHLD_22_DSCP_reaches_IP_unchanged),
		TEST(test_MAY_9_DSCP_received_is_told),
		TEST(test_MUST_49_TTL_can_be_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
