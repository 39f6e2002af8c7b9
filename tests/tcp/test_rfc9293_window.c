/* SPDX-License-Identifier: MIT */
/* RFC 9293 §3.4, §3.8.6, §3.10.7.4: windows, probes, silly windows, and what a window of 0 still lets in. */
#include "rfc.h"

#include "tcp/options.h"

static void test_MUST_34_window_that_shrinks(void **state)
{
	struct script *s = *state;

	to_established(s);
	give(s, 5000);
	drain(s);
	in(s, ". 1:1(0) ack 1001 win 100");             /* 3380 are in flight: the usable window is negative */
	quiet(s);
	assert_int_equal(status_of(s).snd_wnd, 100);
	in(s, ". 1:1(0) ack 4381 win 65535");
	out(s, "P. 4381:5001(620) ack 1");
}

/* SHLD-15 */
static void test_SHLD_15_nothing_new_beyond_the_edge(void **state)
{
	struct script *s = *state;

	to_established(s);
	give(s, 2920);
	drain(s);
	in(s, ". 1:1(0) ack 1 win 1000");
	give(s, 1460);
	quiet(s);
	in(s, ". 1:1(0) ack 1461 win 2920");            /* edge at 4381: one more goes */
	out(s, "P. 2921:4381(1460) ack 1");
	quiet(s);
}

/* MAY-7: what was sent before the edge moved is sent again, within it and beyond. */
static void test_SHLD_16_old_text_is_sent_again(void **state)
{
	struct script *s = *state;

	to_established(s);
	give(s, 2920);
	drain(s);
	in(s, ". 1:1(0) ack 1 win 1600");
	pass_timeout(s);
	out(s, ". 1:1461(1460) ack 1");
	in(s, ". 1:1(0) ack 1461 win 100");
	pass_timeout(s);
	assert_true(out_any(s));
	assert_int_equal(seq_distance(s->last.seq, s->our_iss), 1461);
}

static void test_MAY_7_old_text_beyond_the_edge(void **state)
{
	struct script *s = *state;

	to_established(s);
	give(s, 1460);
	drain(s);
	in(s, ". 1:1(0) ack 1 win 100");
	pass_timeout(s);
	out(s, "P. 1:1461(1460) ack 1");                /* 1360 of them beyond it */
}

/* MUST-35: the window shuts over text in flight; answers keep the connection. */
static void test_SHLD_17_shrunken_window_does_not_time_out(void **state)
{
	struct script *s = *state;

	to_established(s);
	give(s, 2920);
	drain(s);
	in(s, ". 1:1(0) ack 1 win 0");
	for (int i = 0; i < 60; i++) {
		pass_timeout(s);
		assert_true(out_any(s));
		drain(s);
		in(s, ". 1:1(0) ack 1 win 0");
	}
	state_is(s, ELEVEN_ESTABLISHED);
	in(s, ". 1:1(0) ack 1 win 65535");
	pass_timeout(s);
	assert_true(out_any(s));
}

static void test_MUST_35_window_shrunk_to_zero_is_probed(void **state)
{
	struct script *s = *state;

	to_established(s);
	give(s, 1460);
	drain(s);
	in(s, ". 1:1(0) ack 1461 win 0");
	give(s, 100);
	quiet(s);
	assert_int_equal(status_of(s).timer, ELEVEN_TIMER_PERSIST);
	pass_timeout(s);
	out(s, ". 1461:1462(1) ack 1");
}

/* MUST-36, SHLD-29, SHLD-30 */
static void test_SHLD_29_first_probe_after_RTO_then_ever_later(void **state)
{
	struct script *s = *state;
	uint64_t before, now;

	to_established(s);
	in(s, ". 1:1(0) ack 1 win 0");
	give(s, 100);
	quiet(s);
	before = status_of(s).rto;
	assert_int_equal(pass_timeout(s), before);
	out(s, ". 1:2(1) ack 1");
	/* SHLD-30 */
	for (int i = 0; i < 4; i++) {
		in(s, ". 1:1(0) ack 1 win 0");
		now = pass_timeout(s);
		drain(s);
		assert_int_equal(now, 2 * before);
		before = now;
	}
}

static void test_SHLD_30_probes_come_ever_later(void **state)
{
	struct script *s = *state;
	uint64_t before, now;

	to_established(s);
	in(s, ". 1:1(0) ack 1 win 0");
	give(s, 100);
	quiet(s);
	before = pass_timeout(s);
	for (int i = 0; i < 6; i++) {
		drain(s);
		in(s, ". 1:1(0) ack 1 win 0");
		now = pass_timeout(s);
		assert_int_equal(now, 2 * before);
		before = now;
	}
}

static void test_MUST_37_answered_probes_keep_the_connection(void **state)
{
	struct script *s = *state;

	to_established(s);
	in(s, ". 1:1(0) ack 1 win 0");
	give(s, 100);
	for (int i = 0; i < 300; i++) {
		pass_timeout(s);
		drain(s);
		in(s, ". 1:1(0) ack 1 win 0");
	}
	state_is(s, ELEVEN_ESTABLISHED);
	in(s, ". 1:1(0) ack 1 win 65535");
	out(s, "P. 1:101(100) ack 1");
}

/* MAY-8: as receiver, for hours; a probe is answered with the same ACK and window 0. */
static void test_MAY_8_window_may_stay_shut(void **state)
{
	struct script *s = *state;

	s->config.receive_window_initial = 1000;
	restart(s);
	to_established(s);
	in(s, "P. 1:1001(1000) ack 1 win 65535");
	drain(s);
	for (int i = 0; i < 100; i++) {
		pass(s, SEC(120));
		drain(s);
		in(s, "P. 1001:1002(1) ack 1 win 65535");
		out(s, ". 1:1(0) ack 1001 win 0");
	}
	state_is(s, ELEVEN_ESTABLISHED);
	assert_int_equal(take(s), 1000);
	assert_true(out_any(s));
	assert_true(s->last.window > 0);
}

/* ---- silly windows */

static void test_MUST_38_sender_avoids_silly_windows(void **state)
{
	struct script *s = *state;

	to_established(s);
	in(s, ". 1:1(0) ack 1 win 2000");               /* so MAX.SND.WND stays 65535 */
	give(s, 5000);
	out(s, ". 1:1461(1460) ack 1");                 /* 1: a full segment; the 540 that fit are held back */
	quiet(s);
	in(s, ". 1:1(0) ack 1461 win 700");
	quiet(s);
	assert_int_equal(status_of(s).timer, ELEVEN_TIMER_PERSIST);
	pass_timeout(s);                                /* 4: long enough */
	assert_true(out_any(s));
	assert_int_equal(s->last.text_bytes, 700);
}

static void test_half_of_the_largest_window_is_not_silly(void **state)
{
	struct script *s = *state;

	/* MUST-38 */
	to_listen(s);
	in(s, "S 0:0(0) win 1000 <mss 1460>");
	out(s, "S. 0:0(0) ack 1 <...>");
	in(s, ". 1:1(0) ack 1 win 1000");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	give(s, 3000);
	out(s, ". 1:1001(1000) ack 1");                 /* 3: at least half of the largest */
	in(s, ". 1:1(0) ack 1001 win 499");
	quiet(s);
	in(s, ". 1:1(0) ack 1001 win 500");
	out(s, ". 1001:1501(500) ack 1");
}

/* SHLD-14, 7323-§2.4-R2: whatever the program takes, what was offered is accepted. */
static void test_SHLD_14_right_edge_never_moves_left(void **state)
{
	struct script *s = *state;
	uint32_t edge = 0;

	to_established(s);
	option(s, ELEVEN_OPTION_WINDOW_CLAMP, 5000);
	for (unsigned i = 0; i < 30; i++) {
		in_f(s, ". %u:%u(1000) ack 1 win 65535", 1 + i * 1000, 1001 + i * 1000);
		take(s);
		while (out_any(s)) {
			uint32_t right = seq_distance(s->last.ack, s->their_iss) + s->last.window;

			assert_true(right >= edge);
			edge = right;
		}
	}
	assert_true(status_of(s).rcv_wnd <= 65535 - 30000);     /* the clamp lets it grow no further */
	in_f(s, ". %u:%u(1000) ack 1 win 65535", edge - 1000, edge);    /* the last of what was ever offered */
	drain(s);
	assert_int_equal(status_of(s).out_of_order, 1000);
}

/* ---- acceptability */

/* 9293-§3.4-X2: SEG.LEN and RCV.WND zero or not. */
static void test_four_cases_of_acceptability(void **state)
{
	static const struct {
		const char *line;
		bool shut, acceptable;
	} rows[] = {
		{ ". 1001:1001(0) ack 1 win 9", true, true }, { ". 1002:1002(0) ack 1 win 9", true, false },
		{ ". 999:999(0) ack 1 win 9", true, false }, { ". 1:1(0) ack 1 win 9", false, true },
		{ ". 1000:1000(0) ack 1 win 9", false, true }, { ". 1002:1002(0) ack 1 win 9", false, false },
		{ ". 1001:1001(0) ack 1 win 9", false, true },          /* at the edge: see DEVIATIONS.md */
		{ ". 4294967295:4294967295(0) ack 1 win 9", false, false }, { ". 1:2(1) ack 1 win 9", false, true },
		{ ". 1000:1005(5) ack 1 win 9", false, true }, { ". 1001:1006(5) ack 1 win 9", false, false },
		{ ". 4294967292:2(6) ack 1 win 9", false, true }, { ". 4294967292:1(5) ack 1 win 9", false, false },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct script *s = *state;

		s->config.receive_window_initial = 1000;
		restart(s);
		to_established(s);
		if (rows[i].shut)
			in(s, "P. 1:1001(1000) ack 1 win 65535");
		drain(s);
		in(s, rows[i].line);
		assert_int_equal(status_of(s).snd_wnd, rows[i].acceptable ? 9 : 65535);
	}
}

/* 9293-§3.4-X3: the same conversation with numbers that cross 2^31 and 2^32 on either side. */
static void test_numbers_wrap_around(void **state)
{
	static const uint32_t starts[] = { 0x7ffffff0, 0xfffffff0, 0xffffffff, 0, 0x80000000, 0x7fffffff };

	for (unsigned i = 0; i < 36; i++) {
		struct script *s = *state;
		uint32_t want = starts[i % 6];
		struct tuple tuple;

		restart(s);
		tuple = (struct tuple){ s->us, s->them, s->our_port, s->their_port };
		s->their_iss = seq_of(starts[i / 6]);
		s->now += (uint64_t)(want - iss_choose(s->tcp, &tuple).value) * 4000;
		to_established(s);
		assert_int_equal(s->our_iss.value, want);
		option(s, ELEVEN_OPTION_NODELAY, 1);
		give(s, 4000);
		drain(s);
		in(s, ". 11:21(10) ack 1 win 65535");
		out(s, ". 4001:4001(0) ack 1");
		in(s, "P. 1:11(10) ack 4001 win 65535");
		assert_int_equal(take(s), 20);
		drain(s);
		assert_int_equal(status_of(s).send_queue, 0);
		in(s, "F. 21:21(0) ack 4001 win 65535");
		out(s, ". 4001:4001(0) ack 22");
		assert_int_equal(tcp_shutdown(s->tcp, s->h, s->now), 0);
		out(s, "F. 4001:4001(0) ack 22");
		in(s, ". 22:22(0) ack 4002 win 65535");
		state_is(s, ELEVEN_CLOSED);
	}
}

/* 9293-§3.10.7.4-X6 */
static void test_window_comes_from_the_newest_segment(void **state)
{
	struct script *s = *state;

	to_established(s);
	in(s, ". 11:12(1) ack 1 win 300");              /* newer, ahead of a gap */
	in(s, ". 1:2(1) ack 1 win 400");                /* older: its window says nothing */
	assert_int_equal(status_of(s).snd_wnd, 300);
	in(s, ". 11:12(1) ack 1 win 500");
	assert_int_equal(status_of(s).snd_wnd, 500);
}

/* 9293-§3.10.7.4-X8 */
static void test_MUST_66_RST_and_URG_with_window_0(void **state)
{
	struct script *s = *state;

	s->config.receive_window_initial = 1000;
	restart(s);
	to_established(s);
	give(s, 10);
	in(s, "P. 1:1001(1000) ack 1 win 65535");
	drain(s);
	signals_of(s, s->h);
	in(s, "PU. 1001:1006(5) ack 11 win 700 urg 5");
	drain(s);
	assert_true(signals_of(s, s->h) & ELEVEN_SIGNAL_URGENT);
	assert_int_equal(status_of(s).send_queue, 0);           /* its ACK counts, */
	assert_int_equal(status_of(s).snd_wnd, 700);            /* and its window; */
	assert_int_equal(status_of(s).receive_queue, 1000);     /* its text does not */
	in(s, "R 1001:1001(0)");
	state_is(s, ELEVEN_CLOSED);
}

/* 9293-§A.2-X9: SEG.SEQ is RCV.NXT-1 when SYNs, FINs or probes cross; the ACK in it is used all the same. */
static void test_ACK_of_segments_one_below(void **state)
{
	struct script *s = *state;

	to_syn_received_active(s);
	in(s, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	state_is(s, ELEVEN_ESTABLISHED);
	drain(s);
	assert_int_equal(tcp_shutdown(s->tcp, s->h, s->now), 0);
	out(s, "F. 1:1(0) ack 1");
	in(s, "F. 1:1(0) ack 1 win 65535");
	out(s, ". 2:2(0) ack 2");
	state_is(s, ELEVEN_CLOSING);
	in(s, "F. 1:1(0) ack 2 win 65535");             /* its FIN again, now with the ACK of ours */
	drain(s);
	state_is(s, ELEVEN_TIME_WAIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_MUST_34_window_that_shrinks),
		TEST(test_SHLD_15_nothing_new_beyond_the_edge),
		TEST(test_SHLD_16_old_text_is_sent_again),
		TEST(test_MAY_7_old_text_beyond_the_edge),
		TEST(test_SHLD_17_shrunken_window_does_not_time_out),
		TEST(test_MUST_35_window_shrunk_to_zero_is_probed),
		TEST(test_SHLD_29_first_probe_after_RTO_then_ever_later),
		TEST(test_SHLD_30_probes_come_ever_later),
		TEST(test_MUST_37_answered_probes_keep_the_connection),
		TEST(test_MAY_8_window_may_stay_shut),
		TEST(test_MUST_38_sender_avoids_silly_windows),
		TEST(test_half_of_the_largest_window_is_not_silly),
		TEST(test_SHLD_14_right_edge_never_moves_left),
		TEST(test_four_cases_of_acceptability),
		TEST(test_numbers_wrap_around),
		TEST(test_window_comes_from_the_newest_segment),
		TEST(test_MUST_66_RST_and_URG_with_window_0),
		TEST(test_ACK_of_segments_one_below),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
