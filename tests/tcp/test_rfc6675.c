/* SPDX-License-Identifier: MIT */
/* Recovery with SACK: RFC 6675 in the form that RFC 8985 and RFC 9937 give it, RFC 2018 and 2883 at the sender. */
#include "loss.h"

/* 6675-§4-R2, 9937-§6.2-R1: the pipe is what is out, less what is sacked or lost, and what was sent again. */
static void test_pipe(void **state)
{
	struct script *s = *state;

	to_sacking(s);
	flies(s, 10 * MSS, 10);
	assert_int_equal(status_of(s).flight, 10 * MSS);
	in(s, ". 1:1(0) ack 1 win 65535 <sack 1001:3001>");
	assert_int_equal(status_of(s).flight, 8 * MSS);         /* none is lost yet */
	in(s, ". 1:1(0) ack 1 win 65535 <sack 1001:3001 4001:5001>");
	assert_int_equal(status_of(s).lost, 2 * MSS);
	assert_int_equal(status_of(s).flight, 5 * MSS);
	out(s, ". 1:1001(1000) ack 1");
	quiet(s);                                               /* one was delivered, one goes */
	assert_int_equal(status_of(s).flight, 6 * MSS);
}

/* 6675-§4-R3 rules 1 and 2, 5681-§3.2-R3: what is lost goes in order and before new text. */
static void test_lost_text_goes_before_new(void **state)
{
	struct script *s = *state;

	to_sacking(s);
	flies(s, 20 * MSS, 10);
	in(s, ". 1:1(0) ack 1 win 65535 <sack 3001:10001>");
	out(s, ". 1:1001(1000) ack 1");
	out(s, ". 1001:2001(1000) ack 1");
	out(s, ". 2001:3001(1000) ack 1");
	for (uint32_t at = 10001; at < 14001; at += MSS)
		out_f(s, ". %u:%u(1000) ack 1", at, at + MSS);
	quiet(s);                                               /* ssthresh is 7 segments */
}

/*
 * 6675-§4-R3 rules 3 and 4 let text go that is not known to be lost, so that the tail of a window is not left to the
 * timer.  RACK finds it as soon as something sent later arrives: the retransmission is such.
 */
static void test_tail_is_rescued_before_the_timer(void **state)
{
	struct script *s = *state;

	to_sacking(s);
	flies(s, 10 * MSS, 10);
	in(s, ". 1:1(0) ack 1 win 65535 <sack 1001:9001>");
	out(s, ". 1:1001(1000) ack 1");
	quiet(s);
	pass(s, MS(100));
	in(s, ". 1:1(0) ack 9001 win 65535");
	out(s, "P. 9001:10001(1000) ack 1");
	assert_int_equal(taken(s, RULE_TIMEOUT_RETRANSMISSION), 0);
}

/* 6675-§5-R1, 3042-§2-R3, 5681-§3.2-R6: a duplicate ACK counts by what is new in it, until SND.UNA moves. */
static void test_duplicates_without_news_do_nothing(void **state)
{
	struct script *s = *state;

	to_sacking(s);
	flies(s, 20 * MSS, 10);
	in(s, ". 1:1(0) ack 1 win 65535 <sack 1001:2001>");
	out(s, ". 10001:11001(1000) ack 1");
	for (int i = 0; i < 10; i++)
		in(s, i % 2 ? ". 1:1(0) ack 1 win 65535" : ". 1:1(0) ack 1 win 65535 <sack 1001:2001>");
	quiet(s);
	assert_int_equal(status_of(s).phase, 0);
	in(s, ". 1:1(0) ack 3001 win 65535");
	drain(s);
	in(s, ". 1:1(0) ack 3001 win 65535 <sack 4001:6001>");
	drain(s);
	assert_int_equal(status_of(s).phase, 0);                /* two since then */
}

/* 6675-§5-R2, 5681-§4.3-R1, 2018-§5.1-R1: the third begins recovery, up to what was sent, with half the window. */
static void test_third_sacked_segment_begins_recovery(void **state)
{
	struct script *s = *state;

	to_reno(s, ",sackOK,nop,nop");
	flies(s, 20 * MSS, 10);
	in(s, ". 1:1(0) ack 1 win 65535 <sack 1001:2001>");
	out(s, ". 10001:11001(1000) ack 1");
	in(s, ". 1:1(0) ack 1 win 65535 <sack 1001:3001>");
	out(s, ". 11001:12001(1000) ack 1");
	assert_int_equal(status_of(s).phase, 0);
	in(s, ". 1:1(0) ack 1 win 65535 <sack 1001:4001>");
	out(s, ". 1:1001(1000) ack 1");
	quiet(s);
	assert_int_equal(status_of(s).phase, 1);
	assert_int_equal(status_of(s).ssthresh, 5 * MSS);       /* without what limited transmit sent */
	pass(s, MS(50));
	in(s, ". 1:1(0) ack 11001 win 65535");
	assert_int_equal(status_of(s).phase, 1);
	in(s, ". 1:1(0) ack 12001 win 65535");
	assert_int_equal(status_of(s).phase, 0);
	assert_int_equal(status_of(s).cwnd, 5 * MSS);
}

/* 6675-§5-R4: what is sacked above the recovery point is not forgotten when it ends. */
static void test_scoreboard_outlives_recovery(void **state)
{
	struct script *s = *state;
	unsigned again;

	to_sacking(s);
	flies(s, 30 * MSS, 10);
	in(s, ". 1:1(0) ack 1 win 65535 <sack 1001:10001>");
	assert_int_equal(flush(s, 10001, &again), 7);           /* 1, and six new */
	pass(s, MS(100));
	in(s, ". 1:1(0) ack 10001 win 65535 <sack 11001:13001>");
	drain(s);
	assert_int_equal(status_of(s).phase, 0);
	assert_int_equal(status_of(s).sacked, 2 * MSS);
	in(s, ". 1:1(0) ack 10001 win 65535 <sack 13001:14001>");
	out(s, ". 10001:11001(1000) ack 1");                    /* the third, counted with those from before */
	assert_int_equal(status_of(s).sacked, 3 * MSS);
}

/* 6675-§5-R5: a segment goes whenever cwnd leaves room for a whole one, and not before. */
static void test_sends_when_a_whole_segment_fits(void **state)
{
	struct script *s = *state;

	to_sacking(s);
	flies(s, 30 * MSS, 10);
	in(s, ". 1:1(0) ack 1 win 65535 <sack 1001:4001>");
	drain(s);
	for (uint32_t edge = 5001; edge <= 10001; edge += MSS) {
		in_f(s, ". 1:1(0) ack 1 win 65535 <sack 1001:%u>", edge);
		drain(s);
		assert_true(status_of(s).cwnd - status_of(s).flight < MSS);
		assert_true(status_of(s).flight <= 7 * MSS);
	}
	assert_int_equal(status_of(s).flight, 7 * MSS);
}

/* 6675-§5.1-R1: the timer ends the recovery; until its end is acknowledged SACK begins no other. */
static void test_timeout_in_recovery(void **state)
{
	struct script *s = *state;
	uint64_t ssthresh;

	to_sacking(s);
	flies(s, 10 * MSS, 10);
	in(s, ". 1:1(0) ack 1 win 65535 <sack 1001:4001>");
	drain(s);
	pass_timeout(s);
	assert_int_equal(status_of(s).phase, 2);
	ssthresh = status_of(s).ssthresh;
	out(s, ". 1:1001(1000) ack 1");
	in(s, ". 1:1(0) ack 1 win 65535 <sack 1001:8001>");
	drain(s);
	assert_int_equal(status_of(s).phase, 2);
	assert_int_equal(status_of(s).ssthresh, ssthresh);
	in(s, ". 1:1(0) ack 9001 win 65535");
	assert_int_equal(status_of(s).phase, 2);
	in(s, ". 1:1(0) ack 10001 win 65535");
	assert_int_equal(status_of(s).phase, 0);
}

/* 6675-§5.1-R2 and 2018-§5-R2: the first timeout still uses what was sacked, the second trusts nothing. */
static void test_first_timeout_believes_SACK_the_second_does_not(void **state)
{
	struct script *s = *state;

	to_sacking(s);
	flies(s, 4 * MSS, 4);
	in(s, ". 1:1(0) ack 1 win 65535 <sack 1001:3001>");
	pass_timeout(s);                /* the reordering window */
	drain(s);
	pass_timeout(s);
	out(s, ". 1:1001(1000) ack 1");
	assert_int_equal(status_of(s).sacked, 2 * MSS);
	in(s, ". 1:1(0) ack 1001 win 65535 <sack 1001:3001>");
	out(s, "P. 3001:4001(1000) ack 1");
	pass_timeout(s);
	pass_timeout(s);
	drain(s);
	assert_int_equal(status_of(s).sacked, 0);
}

/* 2018-§5-R3, 2018-§8-R3, 6675-§4-R1: what was sacked is kept, and goes again when it is at SND.UNA after a timeout. */
static void test_sacked_text_is_kept(void **state)
{
	struct script *s = *state;
	char text[4 * MSS];

	to_sacking(s);
	for (unsigned i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 31 + i / 251);
	assert_int_equal(tcp_send(s->tcp, s->h, text, sizeof(text), 0, s->now), sizeof(text));
	drain(s);
	pass(s, MS(100));
	in(s, ". 1:1(0) ack 1 win 65535 <sack 1001:4001>");
	out(s, ". 1:1001(1000) ack 1");
	in(s, ". 1:1(0) ack 1001 win 65535");           /* … and not 4001: the peer has thrown it away */
	quiet(s);
	pass_timeout(s);
	assert_int_equal(taken(s, RULE_SACK_RENEGED), 1);
	out(s, ". 1001:2001(1000) ack 1");
	assert_memory_equal(s->last_text, text + 1000, 1000);
	in(s, ". 1:1(0) ack 2001 win 65535");
	out(s, ". 2001:3001(1000) ack 1");
	assert_memory_equal(s->last_text, text + 2000, 1000);
	out(s, "P. 3001:4001(1000) ack 1");
}

/* 2883-§5-R1: by the ACK of its own segment; one that comes late does not make its SACK a duplicate report. */
static void test_late_SACK_is_no_duplicate_report(void **state)
{
	struct script *s = *state;

	to_sacking(s);
	flies(s, 10 * MSS, 10);
	in(s, ". 1:1(0) ack 5001 win 65535");
	drain(s);
	in(s, ". 1:1(0) ack 1001 win 65535 <sack 2001:4001>");  /* overtaken: 2001:4001 is below SND.UNA by now */
	assert_int_equal(taken(s, RULE_DSACK), 0);
	assert_int_equal(status_of(s).dsacks, 0);
	in(s, ". 1:1(0) ack 5001 win 65535 <sack 2001:4001>");  /* this is one */
	assert_int_equal(taken(s, RULE_DSACK), 1);
	assert_int_equal(status_of(s).dsacks, 2);
}

/* 3042-§2-R1, 3042-§2-R2 with SACK: the first two tell of two segments delivered: two new ones go, cwnd stays. */
static void test_limited_transmit_with_SACK(void **state)
{
	struct script *s = *state;

	to_sacking(s);
	flies(s, 20 * MSS, 10);
	in(s, ". 1:1(0) ack 1 win 65535 <sack 1001:2001>");
	out(s, ". 10001:11001(1000) ack 1");
	quiet(s);
	in(s, ". 1:1(0) ack 1 win 65535 <sack 1001:3001>");
	out(s, ". 11001:12001(1000) ack 1");
	quiet(s);
	assert_int_equal(status_of(s).cwnd, 10 * MSS);
}

/* 5681-§4.3-R2, 5681-§4.3-R3: until it is repaired half of what was in flight goes per round trip, and then too. */
static void test_half_goes_until_repaired(void **state)
{
	struct script *s = *state;
	unsigned sent = 0, again;

	to_reno(s, ",sackOK,nop,nop");
	flies(s, 60 * MSS, 10);
	for (uint32_t edge = 2001; edge <= 10001; edge += MSS) {
		in_f(s, ". 1:1(0) ack 1 win 65535 <sack 1001:%u>", edge);
		sent += flush(s, 10001, &again);
		pass(s, MS(2));
	}
	assert_true(sent <= 5 + 2);     /* half, and two by limited transmit before it was known */
	pass(s, MS(80));
	in_f(s, ". 1:1(0) ack %u win 65535", 10001 + (sent - 1) * MSS);
	assert_int_equal(status_of(s).phase, 0);
	assert_true(status_of(s).cwnd <= status_of(s).ssthresh + MSS);
	assert_int_equal(status_of(s).ssthresh, 5 * MSS);
	drain(s);
	assert_true(status_of(s).flight <= 6 * MSS);
}

/* 5681-§4.3-R4: a loss in the next window, or of a retransmission, halves again. */
static void test_second_loss_halves_again(void **state)
{
	struct script *s = *state;

	to_reno(s, ",sackOK,nop,nop");
	flies(s, 60 * MSS, 10);
	in(s, ". 1:1(0) ack 1 win 65535 <sack 1001:10001>");
	drain(s);                       /* 1:1001, and four new */
	assert_int_equal(status_of(s).ssthresh, 5 * MSS);
	pass(s, MS(120));
	in(s, ". 1:1(0) ack 1 win 65535 <sack 1001:14001>");    /* they arrive, it does not */
	out(s, ". 1:1001(1000) ack 1");
	assert_int_equal(taken(s, RULE_RACK_LOST_AGAIN), 1);
	assert_int_equal(status_of(s).ssthresh, 2500);
}

/* … and that is enough: however often it is lost until it is repaired, the window was lowered twice. */
static void test_third_loss_of_an_episode_cuts_no_more(void **state)
{
	struct script *s = *state;
	uint64_t ssthresh = 0;
	uint32_t edge;

	to_reno(s, ",sackOK,nop,nop");
	flies(s, 60 * MSS, 10);
	in(s, ". 1:1(0) ack 1 win 65535 <sack 1001:10001>");
	for (unsigned loss = 1; loss <= 3; loss++) {
		out(s, ". 1:1001(1000) ack 1");
		drain(s);
		edge = seq_distance(seq_add(s->last.seq, s->last.text_bytes), s->our_iss);
		assert_int_equal(taken(s, RULE_RACK_LOST_AGAIN), loss > 1);
		if (loss == 2)
			ssthresh = status_of(s).ssthresh;
		if (loss == 3)
			assert_int_equal(status_of(s).ssthresh, ssthresh);
		pass(s, MS(120));
		in_f(s, ". 1:1(0) ack 1 win 65535 <sack 1001:%u>", edge);
	}
	assert_int_equal(ssthresh, 2500);
	assert_int_equal(taken(s, RULE_RACK_LOST_AGAIN), 1);
}

/* What one recovery sent again and the next finds on its way was lost: that it arrives undoes nothing. */
static void test_next_recovery_inherits_what_was_sent_again(void **state)
{
	struct script *s = *state;

	to_sacking(s);
	flies(s, 60 * MSS, 10);
	in(s, ". 1:1(0) ack 1 win 65535 <sack 1001:6001>");
	out(s, ". 1:1001(1000) ack 1");
	drain(s);
	pass(s, MS(100));
	in(s, ". 1:1(0) ack 6001 win 65535 <sack 7001:10001 11001:12001>");
	out(s, ". 6001:7001(1000) ack 1");
	out(s, ". 10001:11001(1000) ack 1");
	drain(s);
	pass(s, MS(100));
	in(s, ". 1:1(0) ack 10001 win 65535 <sack 11001:12001>");
	assert_int_equal(taken(s, RULE_RECOVERY_ENTERED), 2);
	assert_int_equal(status_of(s).phase, 1);
	in(s, ". 1:1(0) ack 12001 win 65535");
	assert_int_equal(taken(s, RULE_UNDO_ARRIVED), 0);
	assert_int_equal(status_of(s).undos, 0);
	assert_int_equal(status_of(s).phase, 1);
}

/* The same in two windows one behind the other. */
static void test_loss_in_the_next_window_halves_again(void **state)
{
	struct script *s = *state;

	to_reno(s, ",sackOK,nop,nop");
	flies(s, 60 * MSS, 10);
	in(s, ". 1:1(0) ack 1 win 65535 <sack 1001:10001>");
	drain(s);
	pass(s, MS(100));
	in(s, ". 1:1(0) ack 10001 win 65535 <sack 11001:14001>");
	assert_int_equal(status_of(s).phase, 1);
	assert_true(status_of(s).ssthresh <= 2500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pipe),
		TEST(test_lost_text_goes_before_new),
		TEST(test_tail_is_rescued_before_the_timer),
		TEST(test_duplicates_without_news_do_nothing),
		TEST(test_third_sacked_segment_begins_recovery),
		TEST(test_scoreboard_outlives_recovery),
		TEST(test_sends_when_a_whole_segment_fits),
		TEST(test_timeout_in_recovery),
		TEST(test_first_timeout_believes_SACK_the_second_does_not),
		TEST(test_sacked_text_is_kept),
		TEST(test_late_SACK_is_no_duplicate_report),
		TEST(test_limited_transmit_with_SACK),
		TEST(test_half_goes_until_repaired),
		TEST(test_second_loss_halves_again),
		TEST(test_third_loss_of_an_episode_cuts_no_more),
		TEST(test_next_recovery_inherits_what_was_sent_again),
		TEST(test_loss_in_the_next_window_halves_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
