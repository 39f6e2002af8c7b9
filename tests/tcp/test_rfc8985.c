/* SPDX-License-Identifier: MIT */
/* RACK-TLP (RFC 8985) with PRR (RFC 9937), at segment level. */
#include "loss.h"

/* 8985-§4-R1: with SACK one report of a later segment starts the clock; without it three duplicates are needed. */
static void test_needs_SACK(void **state)
{
	struct script *s = *state;

	to_sacking(s);
	flies(s, 4 * MSS, 4);
	in(s, ". 1:1(0) ack 1 win 65535 <sack 3001:4001>");
	quiet(s);
	pass(s, MS(60));
	out(s, ". 1:1001(1000) ack 1");
	restart(s);
	to_plain(s);
	flies(s, 4 * MSS, 4);
	in(s, ". 1:1(0) ack 1 win 65535");
	pass(s, MS(60));
	quiet(s);
}

/* 8985-§4-R2: times are kept for each segment, far finer than a quarter of the shortest round trip there is. */
static void test_times_are_fine(void **state)
{
	struct script *s = *state;
	uint64_t wait;

	to_listen(s);
	in(s, "S 0:0(0) win 65535 <mss 1000,sackOK,nop,nop>");
	out(s, "S. 0:0(0) ack 1 <...>");
	pass(s, US(10));                /* the clock of this test moves by 10 us */
	pass(s, US(390));
	in(s, ". 1:1(0) ack 1 win 65535");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	give(s, MSS);
	out(s, "P. 1:1001(1000) ack 1");
	pass(s, US(50));
	give(s, MSS);
	option(s, ELEVEN_OPTION_NODELAY, 1);
	out(s, "P. 1001:2001(1000) ack 1");
	pass(s, US(400));
	in(s, ". 1:1(0) ack 1 win 65535 <sack 1001:2001>");
	quiet(s);
	assert_int_equal(status_of(s).timer, ELEVEN_TIMER_REORDERING);
	/* RACK.rtt 400 us + 100 us, since 450 us ago; and a step of the clock. */
	wait = status_of(s).timer_deadline - s->now;
	assert_true(wait + s->step > US(50) && wait <= US(50) + US(400) + s->step);
	pass_timeout(s);
	out(s, ". 1:1001(1000) ack 1");
}

/* 8985-§6.2-R1: the shortest round trip is that of a window of time, so that a longer path is learned. */
static void test_min_RTT_is_windowed(void **state)
{
	struct rtt rtt = { 0 };
	(void)state;

	rtt_min_update(&rtt, MS(10), SEC(1));
	for (unsigned t = 2; t < 100; t++)
		rtt_min_update(&rtt, MS(50), SEC(t));
	assert_true(rtt.min_ns == MS(10));
	for (unsigned t = 100; t < 400; t++)
		rtt_min_update(&rtt, MS(50), SEC(t));
	assert_true(rtt.min_ns == MS(50));
	rtt_min_update(&rtt, MS(5), SEC(400));
	assert_true(rtt.min_ns == MS(5));
}

/* 8985-§6.2-R3: recovery begins by the timer, with no further ACK; 8985-§8-R1: and no probe besides. */
static void test_reordering_timer(void **state)
{
	struct script *s = *state;

	to_sacking(s);
	flies(s, 5 * MSS, 5);
	assert_int_equal(status_of(s).timer, ELEVEN_TIMER_LOSS_PROBE);
	in(s, ". 1:1(0) ack 1 win 65535 <sack 1001:3001>");
	assert_int_equal(status_of(s).timer, ELEVEN_TIMER_REORDERING);
	quiet(s);
	pass_timeout(s);
	assert_int_equal(taken(s, RULE_RACK_LOST), 1);
	assert_int_equal(status_of(s).phase, 1);
	out(s, ". 1:1001(1000) ack 1");
	quiet(s);
	assert_int_equal(status_of(s).timer, ELEVEN_TIMER_RETRANSMISSION);
	assert_int_equal(taken(s, RULE_TLP_SENT), 0);
}

/* 8985-§6.2-R4 */
static void test_lost_retransmission(void **state)
{
	struct script *s = *state;

	to_sacking(s);
	flies(s, 20 * MSS, 10);
	in(s, ". 1:1(0) ack 1 win 65535 <sack 1001:10001>");
	out(s, ". 1:1001(1000) ack 1");
	for (uint32_t at = 10001; at < 16001; at += MSS)
		out_f(s, ". %u:%u(1000) ack 1", at, at + MSS);
	quiet(s);
	pass(s, MS(110));
	in(s, ". 1:1(0) ack 1 win 65535 <sack 1001:12001>");    /* sent after the retransmission */
	out(s, ". 1:1001(1000) ack 1");
	assert_int_equal(taken(s, RULE_TIMEOUT_RETRANSMISSION), 0);
}

/* 8985-§7.3-R2: new text if there is some and it may go, else the last segment. */
static void test_probe(void **state)
{
	struct script *s = *state;

	to_sacking(s);
	flies(s, 12 * MSS, 10);
	pass_timeout(s);
	out(s, ". 10001:11001(1000) ack 1");
	quiet(s);
	restart(s);
	to_sacking(s);
	flies(s, 4 * MSS, 4);
	pass_timeout(s);
	out(s, "P. 3001:4001(1000) ack 1");
	quiet(s);
	restart(s);
	to_sacking(s);                  /* the peer's window is full: the last again */
	in(s, ". 1:1(0) ack 1 win 4000");
	flies(s, 12 * MSS, 4);
	pass_timeout(s);
	out(s, ". 3001:4001(1000) ack 1");
	quiet(s);
}

/* 8985-§7.3-R3: then the RTO runs, from the probe on, and no second probe goes. */
static void test_RTO_after_the_probe(void **state)
{
	struct script *s = *state;
	uint64_t probed;

	to_sacking(s);
	flies(s, 4 * MSS, 4);
	pass_timeout(s);
	probed = s->now;
	out(s, "P. 3001:4001(1000) ack 1");
	assert_int_equal(status_of(s).timer, ELEVEN_TIMER_RETRANSMISSION);
	assert_int_equal(status_of(s).timer_deadline, probed + status_of(s).rto);
	pass_timeout(s);
	out(s, ". 1:1001(1000) ack 1");
	assert_int_equal(taken(s, RULE_TLP_SENT), 1);
}

/*
 * 8985-§9.2-R1: RFC 6675 would take everything three segments below a SACK off the pipe.  Here it stays in flight
 * while it may be but late.
 */
static void test_pipe_holds_what_may_be_late(void **state)
{
	struct script *s = *state;

	to_sacking(s);
	flies(s, 10 * MSS, 10);
	in(s, ". 1:1(0) ack 1 win 65535 <sack 1001:2001>");
	in(s, ". 1:1(0) ack 3001 win 65535");                   /* 1:1001 came late: the path reorders */
	drain(s);
	assert_true(status_of(s).reorderings > 0);
	in(s, ". 1:1(0) ack 3001 win 65535 <sack 4001:9001>");
	assert_int_equal(status_of(s).lost, 0);
	assert_int_equal(status_of(s).flight, 2 * MSS);
	assert_int_equal(status_of(s).phase, 0);
	quiet(s);
	pass(s, MS(60));
	out(s, ". 3001:4001(1000) ack 1");
}

/* 8985-§9.3-R1: what is marked lost waits for the window. */
static void test_lost_segments_wait_for_the_window(void **state)
{
	struct script *s = *state;
	unsigned again;

	to_sacking(s);
	flies(s, 20 * MSS, 10);
	in(s, ". 1:1(0) ack 1 win 65535 <sack 7001:10001>");
	assert_int_equal(status_of(s).lost, 7 * MSS);
	assert_int_equal(flush(s, 10001, &again), 3);           /* three delivered, three go */
	assert_int_equal(again, 3);
	assert_true(status_of(s).flight <= status_of(s).cwnd);
	pass(s, MS(100));
	in(s, ". 1:1(0) ack 1001 win 65535 <sack 7001:10001>");
	assert_int_equal(flush(s, 10001, &again), 2);           /* one delivered, and one as SND.UNA moved */
	assert_int_equal(again, 2);
}

/*
 * 8985-§9.3-R2, 9937-§5-R1: recovery is RACK-TLP's with PRR; 9937-§6.3-R1: what goes, old or new, counts as sent;
 * 9937-§6.2-R3: so that of 30 segments in flight the window ends with 21, spread over all ACKs.
 */
static void test_PRR_with_RACK(void **state)
{
	struct script *s = *state;
	unsigned again, sent, most = 0;

	s->config.initial_window = 30;
	restart(s);
	to_sacking(s);
	flies(s, 120 * MSS, 30);
	in(s, ". 1:1(0) ack 1 win 65535 <sack 1001:4001>");
	sent = flush(s, 30001, &again);
	assert_int_equal(again, 1);
	for (uint32_t edge = 5001; edge <= 30001; edge += MSS) {
		unsigned n;

		in_f(s, ". 1:1(0) ack 1 win 65535 <sack 1001:%u>", edge);
		n = flush(s, 30001, &again);
		sent += n;
		most = n > most ? n : most;
	}
	assert_int_equal(most, 1);                              /* no burst, no pause of half a round trip */
	assert_int_equal(sent, 21);
	assert_int_equal(status_of(s).flight, 21 * MSS);
	pass(s, MS(100));
	in(s, ". 1:1(0) ack 30001 win 65535");
	assert_true(status_of(s).cwnd >= 21 * MSS && status_of(s).cwnd < 22 * MSS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_needs_SACK),
		TEST(test_times_are_fine),
		TEST(test_min_RTT_is_windowed),
		TEST(test_reordering_timer),
		TEST(test_lost_retransmission),
		TEST(test_probe),
		TEST(test_RTO_after_the_probe),
		TEST(test_pipe_holds_what_may_be_late),
		TEST(test_lost_segments_wait_for_the_window),
		TEST(test_PRR_with_RACK),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
