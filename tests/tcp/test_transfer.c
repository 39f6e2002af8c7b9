/* SPDX-License-Identifier: MIT */
/* Text, windows and timers: §3.8, RFC 5681, 6298, 6582, 2018, 1122 §4.2. */
#include "script.h"

#include "../panic.h"

static const char zeros[1 << 20];

static int setup(void **state)
{
	struct script *s = malloc(sizeof(*s));

	script_config(s, ELEVEN_MODERN);
	script_begin(s);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	script_end(*state);
	free(*state);
	return 0;
}

static void send_zeros(struct script *s, uint32_t bytes)
{
	assert_int_equal(tcp_send(s->tcp, s->h, zeros, bytes, 0, s->now), bytes);
}

/* ---- sending */

static void test_6928_initial_window_is_ten_segments(void **state)
{
	struct script *s = *state;
	char line[100];

	to_established(s);
	send_zeros(s, 20 * 1460);
	for (unsigned i = 0; i < 10; i++) {
		snprintf(line, sizeof(line), ". %u:%u(1460) ack 1", 1 + i * 1460, 1 + (i + 1) * 1460);
		out(s, line);
	}
	quiet(s);
	in(s, ". 1:1(0) ack 2921 win 65535");           /* slow start: two acknowledged, four go */
	out(s, ". 14601:16061(1460) ack 1");
	out(s, ". 16061:17521(1460) ack 1");
	out(s, ". 17521:18981(1460) ack 1");
	out(s, ". 18981:20441(1460) ack 1");
	quiet(s);
}

static void test_SHLD_7_nagle_holds_back_the_second_small_segment(void **state)
{
	struct script *s = *state;

	to_established(s);
	send_zeros(s, 10);
	out(s, "P. 1:11(10) ack 1");
	send_zeros(s, 10);
	quiet(s);
	in(s, ". 1:1(0) ack 11 win 65535");
	out(s, "P. 11:21(10) ack 1");
	quiet(s);
}

static void test_MUST_17_nagle_can_be_switched_off(void **state)
{
	struct script *s = *state;

	to_established(s);
	assert_int_equal(tcp_option_set(s->tcp, s->h, ELEVEN_OPTION_NODELAY, 1, s->now), 0);
	send_zeros(s, 10);
	out(s, "P. 1:11(10) ack 1");
	send_zeros(s, 10);
	out(s, "P. 11:21(10) ack 1");
}

static void test_cork_holds_back_for_200ms(void **state)
{
	struct script *s = *state;

	to_established(s);
	assert_int_equal(tcp_option_set(s->tcp, s->h, ELEVEN_OPTION_CORK, 1, s->now), 0);
	send_zeros(s, 10);
	quiet(s);
	pass(s, MS(199));
	quiet(s);
	pass(s, MS(1));
	out(s, "P. 1:11(10) ack 1");
}

static void test_6298_retransmission_doubles_its_timeout(void **state)
{
	struct script *s = *state;
	uint64_t rto = MS(200);

	to_established(s);
	send_zeros(s, 1460);
	out(s, "P. 1:1461(1460) ack 1");
	in(s, ". 1:1(0) ack 1461 win 65535");           /* measures an RTT of 0: RTO at its lower bound */
	send_zeros(s, 10);
	out(s, "P. 1461:1471(10) ack 1");
	for (int i = 0; i < 6; i++) {
		pass(s, rto - 1);
		quiet(s);
		pass(s, 1);
		out(s, "P. 1461:1471(10) ack 1");
		quiet(s);
		rto *= 2;
	}
	assert_int_equal(taken(s, RULE_TIMEOUT_RETRANSMISSION), 6);
	in(s, ". 1:1(0) ack 1471 win 65535");
	send_zeros(s, 10);
	out(s, "P. 1471:1481(10) ack 1");
	pass(s, MS(200));                               /* the ACK ended the backoff */
	out(s, "P. 1471:1481(10) ack 1");
}

static void test_MUST_20_R2_gives_up_with_ETIMEDOUT(void **state)
{
	struct script *s = *state;
	char byte;

	to_established(s);
	send_zeros(s, 10);
	out(s, "P. 1:11(10) ack 1");
	pass(s, SEC(3600));
	state_is(s, ELEVEN_CLOSED);
	assert_int_equal(taken(s, RULE_GIVEN_UP_RETRIES), 1);
	assert_int_equal(tcp_receive(s->tcp, s->h, &byte, 1, s->now), -ETIMEDOUT);
}

static void test_user_timeout_ends_it_in_its_moment(void **state)
{
	struct script *s = *state;

	to_established(s);
	assert_int_equal(tcp_option_set(s->tcp, s->h, ELEVEN_OPTION_USER_TIMEOUT, SEC(5), s->now), 0);
	send_zeros(s, 10);
	out_any(s);
	pass(s, SEC(5) - MS(1));
	while (out_any(s))
		;
	state_is(s, ELEVEN_ESTABLISHED);
	pass(s, MS(2));
	state_is(s, ELEVEN_CLOSED);
	assert_int_equal(taken(s, RULE_GIVEN_UP_USER_TIMEOUT), 1);
}

static void test_5681_third_duplicate_ACK_retransmits(void **state)
{
	struct script *s = *state;

	to_established(s);
	send_zeros(s, 10 * 1460);
	while (out_any(s))
		;
	in(s, ". 1:1(0) ack 1 win 65535");
	in(s, ". 1:1(0) ack 1 win 65535");
	quiet(s);
	in(s, ". 1:1(0) ack 1 win 65535");
	out(s, ". 1:1461(1460) ack 1");
	quiet(s);
	assert_int_equal(taken(s, RULE_RECOVERY_ENTERED), 1);
	in(s, ". 1:1(0) ack 4381 win 65535");           /* partial: the next hole at once */
	out(s, ". 4381:5841(1460) ack 1");
	assert_int_equal(taken(s, RULE_RECOVERY_PARTIAL), 1);
	in(s, ". 1:1(0) ack 14601 win 65535");
	quiet(s);
	assert_int_equal(taken(s, RULE_RECOVERY_LEFT), 1);
}

static void test_3042_limited_transmit(void **state)
{
	struct script *s = *state;

	to_established(s);
	send_zeros(s, 20 * 1460);
	for (int i = 0; i < 10; i++)
		assert_true(out_any(s));
	in(s, ". 1:1(0) ack 1 win 65535");
	out(s, ". 14601:16061(1460) ack 1");
	quiet(s);
	in(s, ". 1:1(0) ack 1 win 65535");
	out(s, ". 16061:17521(1460) ack 1");
	quiet(s);
}

static void test_timeout_goes_back_to_SND_UNA_and_one_segment(void **state)
{
	struct script *s = *state;

	to_established(s);
	send_zeros(s, 4 * 1460);
	while (out_any(s))
		;
	pass(s, SEC(1));
	out(s, ". 1:1461(1460) ack 1");
	quiet(s);
	in(s, ". 1:1(0) ack 1461 win 65535");
	out(s, ". 1461:2921(1460) ack 1");
	out(s, ". 2921:4381(1460) ack 1");
	quiet(s);
	in(s, ". 1:1(0) ack 5841 win 65535");           /* the rest had come the first time */
	quiet(s);
	pass(s, SEC(10));
	quiet(s);
}

/* ---- the peer's window */

static void test_MUST_36_zero_window_is_probed_and_never_given_up(void **state)
{
	struct script *s = *state;

	to_established(s);
	in(s, ". 1:1(0) ack 1 win 0");
	send_zeros(s, 100);
	quiet(s);
	for (int i = 0; i < 40; i++) {
		pass(s, SEC(120));
		out(s, ". 1:2(1) ack 1");
		while (out_any(s))
			;
		in(s, ". 1:1(0) ack 1 win 0");
		quiet(s);
	}
	state_is(s, ELEVEN_ESTABLISHED);
	in(s, ". 1:1(0) ack 1 win 1000");
	out(s, "P. 1:101(100) ack 1");
	in(s, ". 1:1(0) ack 101 win 1000");
	quiet(s);
	pass(s, SEC(300));
	quiet(s);
}

static void test_probe_taken_by_the_peer_counts(void **state)
{
	struct script *s = *state;

	to_established(s);
	in(s, ". 1:1(0) ack 1 win 0");
	send_zeros(s, 100);
	quiet(s);
	pass(s, SEC(1));
	out(s, ". 1:2(1) ack 1");
	in(s, ". 1:1(0) ack 2 win 1000");
	out(s, "P. 2:101(99) ack 1");
	in(s, ". 1:1(0) ack 101 win 1000");
	quiet(s);
}

static void test_linux_probe_is_an_old_number(void **state)
{
	struct script *s = *state;

	s->tcp->config.probe_text = 0;
	to_established(s);
	in(s, ". 1:1(0) ack 1 win 0");
	send_zeros(s, 100);
	quiet(s);
	pass(s, SEC(1));
	out(s, ". 0:0(0) ack 1");
}

static void test_zero_window_with_FIN_waiting_probes_the_FIN(void **state)
{
	struct script *s = *state;

	to_established(s);
	in(s, ". 1:1(0) ack 1 win 0");
	assert_int_equal(tcp_shutdown(s->tcp, s->h, s->now), 0);
	quiet(s);
	pass(s, SEC(1));
	out(s, "F. 1:1(0) ack 1");
	in(s, ". 1:1(0) ack 2 win 0");
	state_is(s, ELEVEN_FIN_WAIT_2);
	pass(s, SEC(100));
	quiet(s);
}

static void test_MUST_34_window_shrunk_to_nothing(void **state)
{
	struct script *s = *state;

	to_established(s);
	send_zeros(s, 3000);
	while (out_any(s))
		;
	in(s, ". 1:1(0) ack 1461 win 0");
	quiet(s);
	pass(s, MS(200));
	out(s, ". 1461:1462(1) ack 1");                 /* probed in the standard way */
	in(s, ". 1:1(0) ack 1461 win 4000");
	pass(s, SEC(2));
	out_any(s);
	assert_int_equal(seq_distance(s->last.seq, s->our_iss), 1461);
	while (out_any(s))
		;
	in(s, ". 1:1(0) ack 2921 win 4000");
	out(s, "P. 2921:3001(80) ack 1");
	in(s, ". 1:1(0) ack 3001 win 4000");
	quiet(s);
	pass(s, SEC(300));
	quiet(s);
}

static void test_window_scale_is_used_both_ways(void **state)
{
	struct script *s = *state;

	to_listen(s);
	in(s, "S 0:0(0) win 1000 <mss 1460,nop,wscale 3>");
	out(s, "S. 0:0(0) ack 1 win 65535 <mss 1460,nop,wscale 7>");
	in(s, ". 1:1(0) ack 1 win 1000");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	struct eleven_status status;
	assert_int_equal(tcp_status(s->tcp, s->h, &status), 0);
	assert_int_equal(status.snd_wnd, 8000);
	assert_int_equal(status.rcv_wscale, 7);
}

/* ---- receiving */

static void test_MUST_40_ACK_delayed_but_not_of_the_second_full_segment(void **state)
{
	struct script *s = *state;

	to_established(s);
	in(s, ". 1:1461(1460) ack 1 win 65535");
	quiet(s);
	pass(s, MS(39));
	quiet(s);
	pass(s, MS(1));
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
	out(s, ". 1:1(0) ack 41");
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
	unsigned at = 1;

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
	quiet(s);                                       /* 100 bytes more are not worth a segment */
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

/* ---- keep-alive and the rest */

static void test_MUST_25_keepalive_probes_and_gives_up(void **state)
{
	struct script *s = *state;

	to_established(s);
	pass(s, SEC(8000));
	quiet(s);                                       /* off by default */
	tcp_option_set(s->tcp, s->h, ELEVEN_OPTION_KEEPALIVE_IDLE, SEC(60), s->now);
	tcp_option_set(s->tcp, s->h, ELEVEN_OPTION_KEEPALIVE_INTERVAL, SEC(5), s->now);
	tcp_option_set(s->tcp, s->h, ELEVEN_OPTION_KEEPALIVE_PROBES, 3, s->now);
	tcp_option_set(s->tcp, s->h, ELEVEN_OPTION_KEEPALIVE, 1, s->now);
	pass(s, SEC(59));
	quiet(s);
	pass(s, SEC(1));
	out(s, ". 0:0(0) ack 1");
	in(s, ". 1:1(0) ack 1 win 65535");
	pass(s, SEC(59));
	quiet(s);
	pass(s, SEC(1));
	out(s, ". 0:0(0) ack 1");
	pass(s, SEC(5));
	out(s, ". 0:0(0) ack 1");
	pass(s, SEC(5));
	out(s, ". 0:0(0) ack 1");
	pass(s, SEC(5));
	out(s, "R. 1:1(0) ack 1");
	state_is(s, ELEVEN_CLOSED);
	assert_int_equal(taken(s, RULE_GIVEN_UP_KEEPALIVE), 1);
}

static void test_keepalive_of_the_peer_is_answered(void **state)
{
	struct script *s = *state;

	to_established(s);
	in(s, ". 0:0(0) ack 1 win 65535");
	out(s, ". 1:1(0) ack 1");
	quiet(s);
}

static void test_MUST_23_SYN_is_retried_and_given_up(void **state)
{
	struct script *s = *state;
	char byte;
	uint64_t wait = SEC(1);

	to_syn_sent(s);
	for (int i = 0; i < 6; i++, wait *= 2) {
		pass(s, wait - 1);
		quiet(s);
		pass(s, 1);
		out(s, "S 0:0(0) <...>");
	}
	pass(s, SEC(300));
	quiet(s);
	state_is(s, ELEVEN_CLOSED);
	assert_int_equal(tcp_receive(s->tcp, s->h, &byte, 1, s->now), -ETIMEDOUT);
}

static void test_SYN_ACK_is_retried_and_the_record_goes(void **state)
{
	struct script *s = *state;

	to_syn_received(s);
	for (int i = 0; i < 5; i++) {
		pass(s, SEC(1) << i);
		out(s, "S. 0:0(0) ack 1 <...>");
	}
	pass(s, SEC(100));
	quiet(s);
	assert_int_equal(s->tcp->syn_received.used, 0);
	assert_int_equal(taken(s, RULE_GIVEN_UP_SYN_ACK), 1);
}

static void test_orphan_in_FIN_WAIT_2_is_forgotten(void **state)
{
	struct script *s = *state;

	to_fin_wait_2(s);
	pass(s, SEC(600));
	state_is(s, ELEVEN_FIN_WAIT_2);                 /* a half-close of a living program may last */
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	pass(s, SEC(59));
	state_is(s, ELEVEN_FIN_WAIT_2);
	pass(s, SEC(1));
	state_is(s, ELEVEN_CLOSED);
}

static void test_accept_queue_full_ignores_the_third_ACK(void **state)
{
	struct script *s = *state;

	to_listen(s);
	assert_int_equal(tcp_listen(s->tcp, s->listener, 0, s->now), 0);
	for (uint16_t port = 1; port <= 3; port++) {
		s->their_port = port;
		s->our_iss_known = false;
		in(s, "S 0:0(0) win 65535 <mss 1460>");
		if (!out_any(s))
			continue;
		in(s, ". 1:1(0) ack 1 win 65535");
	}
	assert_int_equal(taken(s, RULE_ACK_ESTABLISHED), 1);
	assert_int_equal(taken(s, RULE_LISTEN_BACKLOG_FULL), 2);
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), -EAGAIN);
}

static void test_urgent_text_is_announced(void **state)
{
	struct script *s = *state;

	to_established(s);
	assert_int_equal(tcp_send(s->tcp, s->h, "abc", 3, ELEVEN_SEND_URGENT, s->now), 3);
	assert_true(out_any(s));
	assert_true(s->last.urg);
	assert_int_equal(s->last.urgent, 3);
}

static void test_MUST_15_MSS_defaults_to_536(void **state)
{
	struct script *s = *state;

	to_listen(s);
	in(s, "S 0:0(0) win 65535");
	assert_true(out_any(s));
	in(s, ". 1:1(0) ack 1 win 65535");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	send_zeros(s, 1000);
	out(s, ". 1:537(536) ack 1");
}

static void test_shutdown_for_receiving_throws_text_away(void **state)
{
	struct script *s = *state;
	char byte;

	to_established(s);
	assert_int_equal(tcp_shutdown_receive(s->tcp, s->h, s->now), 0);
	in(s, "P. 1:101(100) ack 1 win 65535");
	pass(s, MS(40));
	out(s, ". 1:1(0) ack 101");
	assert_int_equal(tcp_receive(s->tcp, s->h, &byte, 1, s->now), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_6928_initial_window_is_ten_segments),
		TEST(test_SHLD_7_nagle_holds_back_the_second_small_segment),
		TEST(test_MUST_17_nagle_can_be_switched_off),
		TEST(test_cork_holds_back_for_200ms),
		TEST(test_6298_retransmission_doubles_its_timeout),
		TEST(test_MUST_20_R2_gives_up_with_ETIMEDOUT),
		TEST(test_user_timeout_ends_it_in_its_moment),
		TEST(test_5681_third_duplicate_ACK_retransmits),
		TEST(test_3042_limited_transmit),
		TEST(test_timeout_goes_back_to_SND_UNA_and_one_segment),
		TEST(test_MUST_36_zero_window_is_probed_and_never_given_up),
		TEST(test_probe_taken_by_the_peer_counts),
		TEST(test_linux_probe_is_an_old_number),
		TEST(test_zero_window_with_FIN_waiting_probes_the_FIN),
		TEST(test_MUST_34_window_shrunk_to_nothing),
		TEST(test_window_scale_is_used_both_ways),
		TEST(test_MUST_40_ACK_delayed_but_not_of_the_second_full_segment),
		TEST(test_SHLD_31_out_of_order_text_is_kept_and_reported),
		TEST(test_FIN_behind_a_gap_waits),
		TEST(test_MUST_39_receiver_avoids_silly_windows),
		TEST(test_window_right_edge_never_moves_left),
		TEST(test_text_beyond_the_window_is_cut_off),
		TEST(test_receive_window_grows_as_the_program_reads),
		TEST(test_MUST_25_keepalive_probes_and_gives_up),
		TEST(test_keepalive_of_the_peer_is_answered),
		TEST(test_MUST_23_SYN_is_retried_and_given_up),
		TEST(test_SYN_ACK_is_retried_and_the_record_goes),
		TEST(test_orphan_in_FIN_WAIT_2_is_forgotten),
		TEST(test_accept_queue_full_ignores_the_third_ACK),
		TEST(test_urgent_text_is_announced),
		TEST(test_MUST_15_MSS_defaults_to_536),
		TEST(test_shutdown_for_receiving_throws_text_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
