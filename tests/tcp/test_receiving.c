/* SPDX-License-Identifier: MIT */
/* Text in: delayed ACKs, gaps, our window (§3.8.6, RFC 2018). */
#include "script.h"

static void test_MUST_40_ACK_delayed_but_not_of_the_second_full_segment(void **state)
{
	struct script *s = *state;

	to_established(s);
	in(s, ". 1:1461(1460) ack 1 win 65535");
	quiet(s);
	pass_almost(s, s->config.delayed_ack);
	quiet(s);
	pass_rest(s);
	out(s, ". 1:1(0) ack 1461");
	in(s, ". 1461:2921(1460) ack 1 win 65535");
	in(s, ". 2921:4381(1460) ack 1 win 65535");
	out(s, ". 1:1(0) ack 4381");
	quiet(s);
	pass(s, SEC(1));
	quiet(s);
}

static void test_SHLD_31_out_of_order_text_is_kept_and_reported(void **state)
{
	struct script *s = *state;
	char text[100];

	to_listen(s);
	in(s, "S 0:0(0) win 65535 <mss 1460,nop,nop,sackOK>");
	out(s, "S. 0:0(0) ack 1 <mss 1460,nop,nop,sackOK>");
	in(s, ". 1:1(0) ack 1 win 65535");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	in_text(s, ". 11:21(10) ack 1 win 65535", "KLMNOPQRST");
	out(s, ". 1:1(0) ack 1 <nop,nop,sack 11:21>");
	in_text(s, ". 31:41(10) ack 1 win 65535", "efghijklmn");
	out(s, ". 1:1(0) ack 1 <nop,nop,sack 31:41 11:21>");
	in_text(s, ". 21:31(10) ack 1 win 65535", "UVWXYZabcd");
	out(s, ". 1:1(0) ack 1 <nop,nop,sack 11:41>");
	in_text(s, ". 1:16(15) ack 1 win 65535", "ABCDEFGHIJKLMNO");
	out(s, ". 1:1(0) ack 41 <nop,nop,sack 11:16>");         /* which came twice: RFC 2883 */
	assert_int_equal(tcp_receive(s->tcp, s->h, text, sizeof(text), s->now), 40);
	assert_memory_equal(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmn", 40);
	assert_int_equal(s->tcp->reassembly.used, 0);
	assert_int_equal(buffers_used_bytes(&s->tcp->buffers), 0);
}

static void test_FIN_behind_a_gap_waits(void **state)
{
	struct script *s = *state;

	to_established(s);
	in(s, "FP. 11:21(10) ack 1 win 65535");
	out(s, ". 1:1(0) ack 1");
	state_is(s, ELEVEN_ESTABLISHED);
	assert_int_equal(taken(s, RULE_FIN_OUT_OF_ORDER), 1);
	in(s, ". 1:11(10) ack 1 win 65535");
	out(s, ". 1:1(0) ack 22");
	state_is(s, ELEVEN_CLOSE_WAIT);
}

static void test_MUST_39_receiver_avoids_silly_windows(void **state)
{
	struct script *s = *state;
	static char text[65536];
	unsigned at = 1, before;

	to_established(s);
	while (at + 1460 <= 65535) {                    /* fill the window: the program reads nothing */
		char line[100];

		snprintf(line, sizeof(line), ". %u:%u(1460) ack 1 win 65535", at, at + 1460);
		in(s, line);
		at += 1460;
		while (out_any(s))
			;
	}
	pass(s, SEC(1));
	while (out_any(s))
		;
	assert_int_equal(tcp_receive(s->tcp, s->h, text, 100, s->now), 100);
	quiet(s);                                       /* 100 bytes more are not worth a segment, */
	before = s->last.window;
	in(s, ". 1:1461(1460) ack 1 win 65535");
	assert_true(out_any(s));
	assert_int_equal(s->last.window, before);       /* nor worth being told with one that goes anyway */
	assert_int_equal(tcp_receive(s->tcp, s->h, text, 40000, s->now), 40000);
	assert_true(out_any(s));
	assert_true(s->last.window >= 40000);
	quiet(s);
}

static void test_window_right_edge_never_moves_left(void **state)
{
	struct script *s = *state;
	uint32_t edge = 0;

	to_established(s);
	for (unsigned i = 0; i < 30; i++) {
		char line[100], text[700];

		snprintf(line, sizeof(line), ". %u:%u(1000) ack 1 win 65535", 1 + i * 1000, 1001 + i * 1000);
		in(s, line);
		while (out_any(s)) {
			uint32_t right = seq_distance(s->last.ack, s->their_iss) + s->last.window;

			assert_true(right >= edge);
			edge = right;
		}
		tcp_receive(s->tcp, s->h, text, i % 3 ? sizeof(text) : 10, s->now);
	}
}

static void test_text_beyond_the_window_is_cut_off(void **state)
{
	struct script *s = *state;
	struct eleven_status status;

	s->config.receive_window_initial = 1000;
	script_end(s);
	script_begin(s);
	to_established(s);
	in(s, "FP. 1:1461(1460) ack 1 win 65535");
	out_any(s);
	assert_int_equal(seq_distance(s->last.ack, s->their_iss), 1001);
	assert_int_equal(s->last.window, 0);
	assert_int_equal(tcp_status(s->tcp, s->h, &status), 0);
	assert_int_equal(status.receive_queue, 1000);
	state_is(s, ELEVEN_ESTABLISHED);
	in(s, "P. 1001:1101(100) ack 1 win 700");       /* window 0: its ACK and window still count */
	out_any(s);
	assert_int_equal(taken(s, RULE_ZERO_WINDOW_TEXT), 1);
	assert_int_equal(tcp_status(s->tcp, s->h, &status), 0);
	assert_int_equal(status.snd_wnd, 700);
	assert_int_equal(status.receive_queue, 1000);
}

static void test_receive_window_grows_as_the_program_reads(void **state)
{
	struct script *s = *state;
	static char text[1 << 20];
	unsigned at = 1;
	uint32_t largest = 0;

	to_listen(s);
	in(s, "S 0:0(0) win 65535 <mss 1460,nop,wscale 7>");
	assert_true(out_any(s));
	in(s, ". 1:1(0) ack 1 win 512");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	for (int i = 0; i < 600; i++) {
		char line[100];

		snprintf(line, sizeof(line), ". %u:%u(1460) ack 1 win 512", at, at + 1460);
		in(s, line);
		at += 1460;
		tcp_receive(s->tcp, s->h, text, sizeof(text), s->now);
		while (out_any(s))
			if ((uint32_t)s->last.window << 7 > largest)
				largest = (uint32_t)s->last.window << 7;
	}
	assert_true(largest > 4 * 65535);
	assert_true(largest <= 4u << 20);
}

/* Each segment is half the window or more: what has come is more than half of it until the program reads. */
static void test_receive_window_grows_when_big_segments_fill_it(void **state)
{
	struct script *s = *state;
	static char text[1 << 20];
	unsigned at = 1;
	uint32_t largest = 0;

	to_listen(s);
	in(s, "S 0:0(0) win 65535 <mss 1460,nop,wscale 7>");
	assert_true(out_any(s));
	in(s, ". 1:1(0) ack 1 win 512");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	for (int i = 0; i < 40; i++) {
		char line[100];

		snprintf(line, sizeof(line), ". %u:%u(58400) ack 1 win 512", at, at + 58400);
		in(s, line);
		at += 58400;
		tcp_receive(s->tcp, s->h, text, sizeof(text), s->now);
		while (out_any(s))
			if ((uint32_t)s->last.window << 7 > largest)
				largest = (uint32_t)s->last.window << 7;
	}
	assert_true(largest > 4 * 65535);
}

/* It never takes more than half of what is there. */
static void test_receive_window_stays_while_the_program_lags(void **state)
{
	struct script *s = *state;
	static char text[1 << 20];
	unsigned at = 1;

	to_listen(s);
	in(s, "S 0:0(0) win 65535 <mss 1460,nop,wscale 7>");
	assert_true(out_any(s));
	in(s, ". 1:1(0) ack 1 win 512");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	while (at < 1000000) {
		char line[100];

		while (out_any(s))
			continue;
		snprintf(line, sizeof(line), ". %u:%u(1460) ack 1 win 512", at, at + 1460);
		in(s, line);
		at += 1460;
		assert_true(s->last.syn || (uint32_t)s->last.window << 7 <= 65536);
		if (at > 60000)
			tcp_receive(s->tcp, s->h, text, 1460, s->now);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_MUST_40_ACK_delayed_but_not_of_the_second_full_segment),
		TEST(test_SHLD_31_out_of_order_text_is_kept_and_reported),
		TEST(test_FIN_behind_a_gap_waits),
		TEST(test_MUST_39_receiver_avoids_silly_windows),
		TEST(test_window_right_edge_never_moves_left),
		TEST(test_text_beyond_the_window_is_cut_off),
		TEST(test_receive_window_grows_as_the_program_reads),
		TEST(test_receive_window_grows_when_big_segments_fill_it),
		TEST(test_receive_window_stays_while_the_program_lags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
