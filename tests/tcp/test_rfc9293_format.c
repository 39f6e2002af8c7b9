/* SPDX-License-Identifier: MIT */
/* RFC 9293 §3.1, §3.2, §3.7.1: the header, its options, and sizes of segments. */
#include "rfc.h"

static void test_MUST_1_window_of_32768_and_more_is_large(void **state)
{
	struct script *s = *state;

	to_established(s);
	in(s, ". 1:1(0) ack 1 win 65535");
	assert_int_equal(status_of(s).snd_wnd, 65535);
	in(s, ". 1:1(0) ack 1 win 32768");
	assert_int_equal(status_of(s).snd_wnd, 32768);
}

static void test_REC_1_windows_have_32_bits(void **state)
{
	struct script *s = *state;

	to_established_with(s, "mss 1460,nop,wscale 14");
	in(s, ". 1:1(0) ack 1 win 65535");
	assert_int_equal(status_of(s).snd_wnd, 65535u << 14);
}

static void test_MUST_3_wrong_checksum_is_dropped(void **state)
{
	struct script *s = *state;

	to_established(s);
	s->checksum_wrong = true;
	in(s, "P. 1:6(5) ack 1 win 65535");
	in(s, "R 1:1(0)");
	quiet(s);
	state_is(s, ELEVEN_ESTABLISHED);
	assert_int_equal(status_of(s).receive_queue, 0);
	assert_int_equal(taken(s, RULE_SEGMENT_CHECKSUM_BAD), 2);
}

/* MUST-4 */
static void test_MUST_4_end_nop_and_mss_are_understood(void **state)
{
	static const uint8_t options[] = { 1, 1, 2, 4, 0x03, 0xe8, 0, 99 };
	struct script *s = *state;

	to_listen(s);
	in_with(s, "S 0:0(0)", options, sizeof(options));
	out(s, "S. 0:0(0) ack 1 <...>");
	in(s, ". 1:1(0) ack 1");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	assert_int_equal(status_of(s).mss_send, 1000);
}

static void test_MUST_5_options_on_any_segment(void **state)
{
	static const uint8_t options[] = { 1, 1, 1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 0 };
	struct script *s = *state;

	to_established(s);
	in_with(s, "P. 1:6(5) ack 1", options, sizeof(options));
	assert_int_equal(take(s), 5);
	in_with(s, "F. 6:6(0) ack 1", options, 4);
	state_is(s, ELEVEN_CLOSE_WAIT);
}

/* 7805-§--R1, 6247-§--R1, 3360-§--R1: obsolete kinds and unknown ones alike. */
static void test_MUST_6_unknown_options_are_stepped_over(void **state)
{
	static const uint8_t options[] = { 11, 6, 1, 2, 3, 4, 14, 3, 1, 253, 5, 1, 2, 3, 2, 4, 0x03, 0xe8, 0, 0 };
	struct script *s = *state;

	to_listen(s);
	in_with(s, "S 0:0(0)", options, sizeof(options));
	out(s, "S. 0:0(0) ack 1 <mss 1460>");           /* none is answered, none resets */
	in(s, ". 1:1(0) ack 1");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	assert_int_equal(status_of(s).mss_send, 1000);
}

static void test_MUST_7_illegal_lengths_of_options(void **state)
{
	static const uint8_t lengths[] = { 0, 1, 3, 41, 255 };
	struct script *s = *state;

	to_established(s);
	for (unsigned i = 0; i < sizeof(lengths); i++) {
		uint8_t options[4] = { 2, lengths[i], 0x05, 0xb4 };

		in_with(s, "P. 1:2(1) ack 1", options, 4);
		options[0] = 77;
		in_with(s, "P. 1:2(1) ack 1", options, 4);
	}
	assert_true(taken(s, RULE_OPTION_MALFORMED) >= 8);
	state_is(s, ELEVEN_ESTABLISHED);
	assert_int_equal(take(s), 1);
}

static void test_MUST_64_options_at_any_byte(void **state)
{
	static const uint8_t options[] = { 1, 2, 4, 0x03, 0xe8, 3, 3, 5, 1, 1, 0, 0 };
	struct script *s = *state;

	to_listen(s);
	in_with(s, "S 0:0(0)", options, sizeof(options));
	assert_true(out_any(s));
	in(s, ". 1:1(0) ack 1");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	assert_int_equal(status_of(s).mss_send, 1000);
	assert_int_equal(status_of(s).snd_wscale, 5);
}

/* MUST-69: walks what we send as a stranger would. */
static void test_MUST_68_every_option_sent_has_its_length(void **state)
{
	struct script *s = *state;

	s->config.timestamps = 1;
	restart(s);
	s->ts = 5;
	to_listen(s);
	in(s, "S 0:0(0) win 65535 <mss 1460,nop,wscale 3,nop,nop,sackOK>");
	for (int i = 0; i < 3; i++) {
		unsigned at = 20, end;

		assert_true(out_any(s));
		end = s->last_out.header_bytes;
		assert_int_equal(end, 4 * (s->last_out.header[12] >> 4));
		while (at < end && s->last_out.header[at] != 0) {
			if (s->last_out.header[at] == 1) {
				at++;
				continue;
			}
			assert_true(s->last_out.header[at + 1] >= 2);
			at += s->last_out.header[at + 1];
			assert_true(at <= end);
		}
		for (; at < end; at++)
			assert_int_equal(s->last_out.header[at], 0);
		if (i == 0)
			in(s, ". 1:1(0) ack 1");
		in_f(s, "P. %d:%d(5) ack 1 win 65535", 100 * i + 11, 100 * i + 16);
	}
}

static void test_MUST_14_MSS_is_sent_and_heeded(void **state)
{
	struct script *s = *state;

	to_listen(s);
	in(s, "S 0:0(0) win 65535 <mss 700>");
	out(s, "S. 0:0(0) ack 1 <mss 1460>");
	in(s, ". 1:1(0) ack 1");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	give(s, 1400);
	out(s, ". 1:701(700) ack 1");
}

/* MUST-65 */
static void test_MUST_65_MSS_on_SYN_segments_only(void **state)
{
	struct script *s = *state;

	to_established(s);
	give(s, 3000);
	while (out_any(s))
		assert_false(s->last.options.has_mss);
	in(s, ". 1:1(0) ack 1001 win 65535 <mss 400>"); /* and one that comes is no news */
	assert_int_equal(status_of(s).mss_send, 1460);
}

/* MAY-3, SHLD-5 */
static void test_SHLD_5_MSS_on_every_SYN(void **state)
{
	struct script *s = *state;

	to_syn_sent(s);
	assert_true(s->last.options.has_mss);
	assert_int_equal(s->last.options.mss, 1460);
	pass(s, s->config.rto_initial);
	out(s, "S 0:0(0) <...>");
	assert_true(s->last.options.has_mss);
}

/* Options of each segment are taken off, also SACK blocks that come and go. */
static void test_MUST_16_effective_send_MSS(void **state)
{
	struct script *s = *state;

	s->config.timestamps = 1;
	restart(s);
	s->ts = 1;
	s->sack = true;
	to_established(s);
	give(s, 2896);
	out(s, ". 1:1449(1448) ack 1 <...>");
	drain(s);
	in(s, ". 11:21(10) ack 2897 win 65535");
	drain(s);
	give(s, 3000);
	out(s, ". 2897:4333(1436) ack 1 <...>");        /* 12 less: one SACK block and two NOPs */
	assert_int_equal(s->last.options.sack_count, 1);
}

static void test_MUST_67_MSS_offered_is_what_the_interface_takes(void **state)
{
	struct script *s = *state;

	tcp_interface_set(s->tcp, 0, script_mtu(9000), 0);
	to_syn_sent(s);
	assert_int_equal(s->last.options.mss, 9000 - 40);
}

/* 9293-§3.1-X1 */
static void test_reserved_bits_are_zero_and_ignored(void **state)
{
	struct script *s = *state;
	uint8_t bytes[64];
	struct segment seg = { .psh = true, .has_ack = true, .window = 65535, .text_bytes = 5 };
	struct arrival arrival = { .source = s->them, .destination = s->us, .bytes = bytes, .checksum_ok = true };

	to_established(s);
	seg.source_port = s->their_port;
	seg.destination_port = s->our_port;
	seg.seq = seq_add(s->their_iss, 1);
	seg.ack = seq_add(s->our_iss, 1);
	arrival.length = (uint32_t)segment_emit(bytes, sizeof(bytes), &seg, &s->them, &s->us);
	bytes[12] |= 0x0f;
	tcp_segment_arrives(s->tcp, &arrival, s->now);
	assert_int_equal(take(s), 5);
	give(s, 10);
	assert_true(out_any(s));
	assert_int_equal(s->last_out.header[12] & 0x0f, 0);
}

static void test_SHLD_28_segments_of_full_size(void **state)
{
	struct script *s = *state;

	to_established(s);
	option(s, ELEVEN_OPTION_CORK, 1);
	for (int i = 0; i < 30; i++)
		give(s, 100);
	out(s, ". 1:1461(1460) ack 1");
	out(s, ". 1461:2921(1460) ack 1");
	quiet(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_MUST_1_window_of_32768_and_more_is_large),
		TEST(test_REC_1_windows_have_32_bits),
		TEST(test_MUST_3_wrong_checksum_is_dropped),
		TEST(test_MUST_4_end_nop_and_mss_are_understood),
		TEST(test_MUST_5_options_on_any_segment),
		TEST(test_MUST_6_unknown_options_are_stepped_over),
		TEST(test_MUST_7_illegal_lengths_of_options),
		TEST(test_MUST_64_options_at_any_byte),
		TEST(test_MUST_68_every_option_sent_has_its_length),
		TEST(test_MUST_14_MSS_is_sent_and_heeded),
		TEST(test_MUST_65_MSS_on_SYN_segments_only),
		TEST(test_SHLD_5_MSS_on_every_SYN),
		TEST(test_MUST_16_effective_send_MSS),
		TEST(test_MUST_67_MSS_offered_is_what_the_interface_takes),
		TEST(test_reserved_bits_are_zero_and_ignored),
		TEST(test_SHLD_28_segments_of_full_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
