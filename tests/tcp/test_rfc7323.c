/* SPDX-License-Identifier: MIT */
/* RFC 7323: window scaling, timestamps, PAWS. */
#include "rfc.h"

#include "tcp/options.h"

static int setup_timestamps(void **state)
{
	struct script *s = malloc(sizeof(*s));

	script_config(s, ELEVEN_MODERN);
	s->config.timestamps = 1;
	script_begin(s);
	s->ts = 1000;
	*state = s;
	return 0;
}

/* ---- window scaling */

/* 7323-§2.2-R1: also when the shift is 0. */
static void test_scale_is_offered_on_a_SYN(void **state)
{
	struct script *s = *state;

	s->config.receive_buffer = 30000;
	restart(s);
	to_syn_sent(s);
	assert_true(s->last.options.has_wscale);
	assert_int_equal(s->last.options.wscale, 0);
}

/* 7323-§2.2-R2, 7323-§2.3-R1 */
static void test_scaling_only_if_both_SYNs_had_it(void **state)
{
	struct script *s = *state;

	to_syn_sent(s);
	in(s, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	assert_true(out_any(s));
	in(s, ". 1:1(0) ack 1 win 1000");
	assert_int_equal(status_of(s).snd_wnd, 1000);
	assert_int_equal(status_of(s).snd_wscale, 0);
	assert_int_equal(status_of(s).rcv_wscale, 0);
	assert_true(s->last.window > 60000);            /* ours is not scaled either */
	restart(s);
	to_syn_sent(s);
	in(s, "S. 0:0(0) ack 1 win 65535 <mss 1460,nop,wscale 3>");
	assert_true(out_any(s));
	assert_true(s->last.window <= 65535 >> 6);
	in(s, ". 1:1(0) ack 1 win 1000");
	assert_int_equal(status_of(s).snd_wnd, 8000);
	assert_int_equal(status_of(s).rcv_wscale, 7);   /* 4 MiB need it */
}

/* 7323-§2.2-R3 */
static void test_scale_on_SYN_ACK_only_in_answer(void **state)
{
	struct script *s = *state;

	to_listen(s);
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	assert_true(out_any(s));
	assert_false(s->last.options.has_wscale);
	s->their_port++;
	in(s, "S 0:0(0) win 65535 <mss 1460,nop,wscale 0>");
	assert_true(out_any(s));
	assert_true(s->last.options.has_wscale);
}

/* 7323-§2.2-R4 */
static void test_scale_on_other_segments_is_ignored(void **state)
{
	struct script *s = *state;

	to_established_with(s, "mss 1460,nop,wscale 3");
	in(s, ". 1:1(0) ack 1 win 1000 <nop,wscale 9>");
	assert_int_equal(status_of(s).snd_wnd, 8000);
	assert_int_equal(status_of(s).snd_wscale, 3);
}

/* 7323-§2.2-R5 */
static void test_window_of_SYNs_is_not_scaled(void **state)
{
	struct script *s = *state;

	to_syn_sent(s);
	assert_int_equal(s->last.window, 65535);
	in(s, "S. 0:0(0) ack 1 win 5000 <mss 1460,nop,wscale 7>");
	assert_int_equal(status_of(s).snd_wnd, 5000);
	restart(s);
	to_listen(s);
	in(s, "S 0:0(0) win 5000 <mss 1460,nop,wscale 7>");
	assert_true(out_any(s));
	assert_int_equal(s->last.window, 65535);
}

/* 7323-§2.3-R2, 7323-§2.4-R1 */
static void test_windows_are_shifted_both_ways(void **state)
{
	struct script *s = *state;
	uint32_t edge = 0;

	to_established_with(s, "mss 1460,nop,wscale 4");
	in(s, ". 1:1(0) ack 1 win 1000");
	assert_int_equal(status_of(s).snd_wnd, 16000);
	for (unsigned i = 0; i < 20; i++) {             /* odd sizes: rounding must take nothing back */
		in_f(s, ". %u:%u(701) ack 1 win 1000", 1 + 701 * i, 702 + 701 * i);
		pass(s, s->config.delayed_ack);
		while (out_any(s)) {
			uint32_t right = seq_distance(s->last.ack, s->their_iss) + ((uint32_t)s->last.window << 7);

			assert_true(right >= edge);
			edge = right;
		}
	}
	assert_int_equal(status_of(s).rcv_wnd, edge - 1 - 701 * 20);
}

/* 7323-§2.3-R3 */
static void test_shift_above_14_counts_as_14(void **state)
{
	struct script *s = *state;

	to_established_with(s, "mss 1460,nop,wscale 200");
	in(s, ". 1:1(0) ack 1 win 2");
	assert_int_equal(status_of(s).snd_wnd, 2u << 14);
}

/* 7323-§2.4-R2, 7323-§2.4-R3: in the window of an ACK ever sent, whatever the later ones said. */
static void test_all_that_was_ever_offered_is_taken(void **state)
{
	struct script *s = *state;

	to_established_with(s, "mss 1460,nop,wscale 7");
	assert_int_equal(status_of(s).rcv_wnd % 128, 0);
	in(s, ". 1:101(100) ack 1 win 1000");
	pass(s, s->config.delayed_ack);
	assert_true(out_any(s));
	in_f(s, ". %u:%u(10) ack 1 win 1000", 65536 - 10, 65536);
	assert_int_equal(status_of(s).out_of_order, 10);
}

/* 7323-§2.4-R4 */
static void test_sender_keeps_to_the_window_and_probes_a_shrunken_one(void **state)
{
	struct script *s = *state;

	to_established_with(s, "mss 1460,nop,wscale 2");
	in(s, ". 1:1(0) ack 1 win 730");                /* 2920 */
	give(s, 10000);
	out(s, ". 1:1461(1460) ack 1");
	out(s, ". 1461:2921(1460) ack 1");
	quiet(s);
	in(s, ". 1:1(0) ack 1 win 365");                /* taken back */
	quiet(s);
	pass_timeout(s);
	out(s, ". 1:1461(1460) ack 1");
}

/* ---- timestamps */

/* 7323-§3.2-R1: no ACK, no echo. */
static void test_no_echo_without_ACK(void **state)
{
	struct script *s = *state;

	to_syn_sent(s);
	assert_true(s->last.options.has_timestamps);
	assert_int_equal(s->last.options.tsecr, 0);
}

/* 7323-§3.2-R2, 7323-§3.2-R5 */
static void test_every_segment_has_a_timestamp_and_an_echo(void **state)
{
	struct script *s = *state;

	to_established(s);
	give(s, 3000);
	s->ts = 1005;
	in(s, "P. 1:11(10) ack 1 win 65535");
	tcp_shutdown(s->tcp, s->h, s->now);
	for (int i = 0; i < 3; i++) {
		assert_true(out_any(s));
		assert_true(s->last.options.has_timestamps);
		assert_int_equal(s->last.options.tsecr, 1005);
		in_f(s, ". 11:11(0) ack %u win 65535", seq_distance(s->last.seq, s->our_iss) + s->last.text_bytes);
		s->ts = 1005;
	}
	assert_int_equal(tcp_abort(s->tcp, s->h, s->now), 0);
	assert_true(out_any(s));
	assert_true(s->last.rst && s->last.options.has_timestamps);
}

/* 7323-§3.2-R3 */
static void test_echo_without_ACK_is_ignored(void **state)
{
	struct script *s = *state;

	to_listen(s);
	in(s, "S 0:0(0) win 65535 <mss 1460,TS val 1000 ecr 12345>");
	out(s, "S. 0:0(0) ack 1 <...>");
	assert_int_equal(s->last.options.tsecr, 1000);
	restart(s);
	s->ts = 1000;
	to_syn_sent(s);
	in(s, "S 0:0(0) win 65535 <mss 1460,TS val 1000 ecr 12345>");
	out(s, "S. 0:0(0) ack 1 <...>");
	state_is(s, ELEVEN_SYN_RECEIVED);
	assert_int_equal(status_of(s).srtt, 0);
}

/* 7323-§3.2-R4 */
static void test_timestamps_on_SYN_ACK_only_in_answer(void **state)
{
	struct script *s = *state;

	s->ts = 0;
	to_syn_received(s);
	assert_false(s->last.options.has_timestamps);
	restart(s);
	s->ts = 1;
	to_syn_received(s);
	assert_true(s->last.options.has_timestamps);
}

/* 7323-§3.2-R6, 7323-§3.2-R7: dropped, never aborted. */
static void test_segment_without_timestamp_is_dropped(void **state)
{
	struct script *s = *state;

	to_established(s);
	s->ts = 0;
	for (int i = 0; i < 5; i++)
		in(s, "P. 1:11(10) ack 1 win 65535");
	quiet(s);
	state_is(s, ELEVEN_ESTABLISHED);
	assert_int_equal(status_of(s).receive_queue, 0);
	s->ts = 1001;
	in(s, "P. 1:11(10) ack 1 win 65535");
	assert_int_equal(take(s), 10);
	s->ts = 0;
	in(s, "R 11:11(0)");                            /* a RST needs none */
	state_is(s, ELEVEN_CLOSED);
}

/* 7323-§3.2-R8 */
static void test_timestamps_not_negotiated_are_ignored(void **state)
{
	struct script *s = *state;

	s->ts = 0;
	to_established(s);
	in(s, "P. 1:11(10) ack 1 win 65535 <nop,nop,TS val 5 ecr 5>");
	in(s, "P. 11:21(10) ack 1 win 65535 <nop,nop,TS val 4 ecr 5>");         /* older: PAWS is off */
	assert_int_equal(take(s), 20);
	give(s, 10);
	assert_true(out_any(s));
	assert_false(s->last.options.has_timestamps);
}

/* 7323-§3.2-R9 */
static void test_crossing_SYNs(void **state)
{
	struct script *s = *state;

	to_syn_received_active(s);
	assert_true(s->last.options.has_timestamps);
	assert_int_equal(s->last.options.tsecr, 1000);
}

/* 7323-§4.1-R1, 7323-§5.4-R1, 7323-§5.4-R2: a step each millisecond, so the sign wraps after 24 days. */
static void test_clock_of_timestamps(void **state)
{
	struct script *s = *state;
	uint32_t before;

	to_established(s);
	give(s, 10);
	assert_true(out_any(s));
	before = s->last.options.tsval;
	in(s, ". 1:1(0) ack 11 win 65535");
	pass(s, MS(1234));
	give(s, 10);
	assert_true(out_any(s));
	assert_in_range(s->last.options.tsval - before, 1234 - s->step / MS(1), 1234 + s->step / MS(1));
}

/* 7323-§4.1-R2 */
static void test_RTT_only_from_ACKs_that_advance(void **state)
{
	struct script *s = *state;
	uint64_t srtt;

	to_established(s);
	give(s, 10);
	drain(s);
	pass(s, MS(50));
	in(s, ". 1:1(0) ack 11 win 65535");
	srtt = status_of(s).srtt;
	pass(s, SEC(5));
	in(s, ". 1:1(0) ack 11 win 60000");
	in(s, "P. 1:11(10) ack 11 win 60000");
	assert_int_equal(status_of(s).srtt, srtt);
}

/* 7323-§4.2-R1: ten ACKs of one round trip make one sample, so its history is as long as RFC 6298 means it. */
static void test_one_sample_in_a_round_trip(void **state)
{
	struct script *s = *state;
	uint64_t srtt, before;

	to_established(s);
	before = status_of(s).srtt;
	give(s, 10 * 1448);
	drain(s);
	pass(s, MS(100));
	in(s, ". 1:1(0) ack 1449 win 65535");
	srtt = status_of(s).srtt;
	assert_true(srtt > before);
	for (unsigned i = 2; i <= 10; i++) {
		pass(s, MS(5));
		in_f(s, ". 1:1(0) ack %u win 65535", 1 + 1448 * i);
	}
	assert_int_equal(status_of(s).srtt, srtt);
}

/* 7323-§4.3-R1 */
static void test_delayed_ACK_echoes_the_earliest(void **state)
{
	struct script *s = *state;

	to_established(s);
	s->ts = 1010;
	in(s, "P. 1:11(10) ack 1 win 65535");
	s->ts = 1020;
	in(s, "P. 11:21(10) ack 1 win 65535");
	pass(s, s->config.delayed_ack);
	out(s, ". 1:1(0) ack 21 <...>");
	assert_int_equal(s->last.options.tsecr, 1010);
}

/* 7323-§4.3-R2, 7323-§4.3-R3 */
static void test_echo_with_gaps(void **state)
{
	struct script *s = *state;

	to_established(s);
	s->ts = 1010;
	in(s, ". 1:11(10) ack 1 win 65535");
	pass(s, s->config.delayed_ack);
	out(s, ". 1:1(0) ack 11 <...>");
	s->ts = 1020;
	in(s, ". 21:31(10) ack 1 win 65535");
	out(s, ". 1:1(0) ack 11 <...>");
	assert_int_equal(s->last.options.tsecr, 1010);  /* of the last that advanced */
	s->ts = 1030;
	in(s, ". 11:21(10) ack 1 win 65535");
	out(s, ". 1:1(0) ack 31 <...>");
	assert_int_equal(s->last.options.tsecr, 1030);  /* of the one that filled the hole */
}

/* ---- PAWS */

/* 7323-§5.2-R1, 7323-§5.3-R2 */
static void test_saved_timestamp_never_goes_back(void **state)
{
	struct script *s = *state;

	to_established(s);
	s->ts = 1010;
	in(s, "P. 1:11(10) ack 1 win 65535");
	s->ts = 1005;
	in(s, "P. 11:21(10) ack 1 win 65535");          /* dropped, and not kept */
	out(s, ". 1:1(0) ack 11 <...>");
	assert_int_equal(s->last.options.tsecr, 1010);
	s->ts = 1050;
	in(s, "P. 31:41(10) ack 1 win 65535");          /* beyond Last.ACK.sent: not kept either */
	out(s, ". 1:1(0) ack 11 <...>");
	assert_int_equal(s->last.options.tsecr, 1010);
}

/* 7323-§5.2-R2: the answer to a segment of no connection echoes it. */
static void test_RST_echoes_the_segment(void **state)
{
	struct script *s = *state;

	in(s, ". 1:1(0) ack 77 win 1000 <nop,nop,TS val 4321 ecr 5>");
	out(s, "R 77:77(0) <...>");
	assert_true(s->last.options.has_timestamps);
	assert_int_equal(s->last.options.tsecr, 4321);
	assert_int_equal(s->last.options.tsval, 0);
	s->ts = 0;
	in(s, ". 1:1(0) ack 77 win 1000");
	assert_true(out_any(s));
	assert_false(s->last.options.has_timestamps);
}

/* 7323-§5.2-R3 */
static void test_RST_is_not_subject_to_PAWS(void **state)
{
	struct script *s = *state;

	to_established(s);
	s->ts = 1;
	in(s, "R. 1:1(0) ack 1");
	state_is(s, ELEVEN_CLOSED);
	assert_int_equal(taken(s, RULE_PAWS_DROPPED), 0);
}

/* 7323-§5.3-R1 */
static void test_older_timestamp_is_acknowledged_and_dropped(void **state)
{
	struct script *s = *state;

	to_established(s);
	s->ts = 999;
	in(s, "P. 1:11(10) ack 1 win 65535");
	out(s, ". 1:1(0) ack 1 <...>");
	in(s, "P. 90001:90011(10) ack 1 win 65535");    /* before the window is looked at */
	drain(s);
	assert_int_equal(taken(s, RULE_PAWS_DROPPED), 2);
	assert_int_equal(take(s), -EAGAIN);
}

/* 7323-§5.3-R3: text that waited behind a gap is as good as it was when it came. */
static void test_timestamp_is_looked_at_once(void **state)
{
	struct script *s = *state;

	to_established(s);
	in(s, "P. 11:21(10) ack 1 win 65535");
	s->ts = 5000;
	in(s, "P. 1:11(10) ack 1 win 65535");
	assert_int_equal(take(s), 20);
}

/* 7323-§5.5-R1 */
static void test_saved_timestamp_is_good_for_24_days(void **state)
{
	struct script *s = *state;

	to_established(s);
	s->ts = 999;
	pass(s, SEC(24ull * 86400 - 10));
	in(s, "P. 1:11(10) ack 1 win 65535");
	assert_int_equal(taken(s, RULE_PAWS_DROPPED), 1);
	pass(s, SEC(20));
	in(s, "P. 1:11(10) ack 1 win 65535");
	assert_int_equal(take(s), 10);
	assert_int_equal(taken(s, RULE_PAWS_DROPPED), 1);
}

/* 7323-§5.7-R1: every packet may not be fragmented, and what ICMP says of it is heeded. */
static void test_path_MTU_discovery_is_there(void **state)
{
	struct script *s = *state;

	script_of_v4("no path of IPv6 is smaller than 1280");
	to_established(s);
	give(s, 1448);
	assert_true(out_any(s));
	assert_true(s->last_out.df);
	error_arrives(s, seq_add(s->our_iss, 1), EMSGSIZE, false, 1000);
	assert_int_equal(status_of(s).mss_send, 1000 - 40 - 12);
}

/* 7323-§7-R1 */
static void test_start_of_the_clock_is_each_connection_s_own(void **state)
{
	struct script *s = *state;
	uint32_t first;

	to_listen(s);
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	assert_true(out_any(s));
	first = s->last.options.tsval;
	s->their_port++;
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	assert_true(out_any(s));
	assert_true(s->last.options.tsval - first > 1000 && first - s->last.options.tsval > 1000);
}

int main(void)
{
#define TEST_TS(name) cmocka_unit_test_setup_teardown(name, setup_timestamps, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_scale_is_offered_on_a_SYN),
		TEST(test_scaling_only_if_both_SYNs_had_it),
		TEST(test_scale_on_SYN_ACK_only_in_answer),
		TEST(test_scale_on_other_segments_is_ignored),
		TEST(test_window_of_SYNs_is_not_scaled),
		TEST(test_windows_are_shifted_both_ways),
		TEST(test_shift_above_14_counts_as_14),
		TEST(test_all_that_was_ever_offered_is_taken),
		TEST(test_sender_keeps_to_the_window_and_probes_a_shrunken_one),
		TEST_TS(test_no_echo_without_ACK),
		TEST_TS(test_every_segment_has_a_timestamp_and_an_echo),
		TEST_TS(test_echo_without_ACK_is_ignored),
		TEST_TS(test_timestamps_on_SYN_ACK_only_in_answer),
		TEST_TS(test_segment_without_timestamp_is_dropped),
		TEST_TS(test_timestamps_not_negotiated_are_ignored),
		TEST_TS(test_crossing_SYNs),
		TEST_TS(test_clock_of_timestamps),
		TEST_TS(test_RTT_only_from_ACKs_that_advance),
		TEST_TS(test_one_sample_in_a_round_trip),
		TEST_TS(test_delayed_ACK_echoes_the_earliest),
		TEST_TS(test_echo_with_gaps),
		TEST_TS(test_saved_timestamp_never_goes_back),
		TEST_STRICT(test_RST_echoes_the_segment),
		TEST_TS(test_RST_is_not_subject_to_PAWS),
		TEST_TS(test_older_timestamp_is_acknowledged_and_dropped),
		TEST_TS(test_timestamp_is_looked_at_once),
		TEST_TS(test_saved_timestamp_is_good_for_24_days),
		TEST_TS(test_path_MTU_discovery_is_there),
		TEST_TS(test_start_of_the_clock_is_each_connection_s_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
