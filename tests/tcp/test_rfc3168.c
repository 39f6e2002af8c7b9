/* SPDX-License-Identifier: MIT */
/* RFC 3168 §6.1.2 to §6.1.6: marks, their echo, and what the sender does about it. */
#include "marks.h"

/* ---- the receiver */

/* 3168-§6.1.3-R1 */
static void test_mark_is_echoed_until_CWR(void **state)
{
	struct script *s = *state;

	to_established_ecn(s, "mss 1460");
	in_as(s, ECN_ECT0, ". 1:1461(1460) ack 1");
	quiet(s);
	in_as(s, ECN_CE, ". 1461:2921(1460) ack 1");
	out_as(s, ECN_NOT_ECT, ".E 1:1(0) ack 2921");
	assert_int_equal(taken(s, RULE_ECN_MARKED), 1);
	in_as(s, ECN_ECT0, ". 2921:4381(1460) ack 1");
	in_as(s, ECN_CE, ". 4381:5841(1460) ack 1");
	out(s, ".E 1:1(0) ack 5841");
	give(s, 100);
	out_as(s, ECN_ECT0, "P.E 1:101(100) ack 5841");         /* text carries it as well */
	in_as(s, ECN_ECT0, "W. 5841:7301(1460) ack 101");
	out(s, ". 101:101(0) ack 7301");                        /* at once: the peer's window may be this segment */
	assert_int_equal(taken(s, RULE_ECN_CWR_ARRIVED), 1);
	in_as(s, ECN_CE, "W. 7301:8761(1460) ack 101");         /* heard, and marked again */
	out(s, ".E 101:101(0) ack 8761");
	assert_int_equal(taken(s, RULE_ECN_MARKED), 2);
	in(s, "W. 8761:8761(0) ack 101");                       /* without text it tells nothing */
	in_as(s, ECN_ECT0, ". 8761:10221(1460) ack 101");
	in_as(s, ECN_ECT0, ". 10221:11681(1460) ack 101");
	out(s, ".E 101:101(0) ack 11681");
}

/* The first mark is not kept waiting for a delayed ACK; ECT(1) counts as capable, not as a mark. */
static void test_mark_is_echoed_at_once(void **state)
{
	struct script *s = *state;

	to_established_ecn(s, "mss 1460");
	in_as(s, ECN_ECT1, "P. 1:11(10) ack 1");
	quiet(s);
	assert_true(status_of(s).sub & ELEVEN_SUB_ECN_SEEN);
	in_as(s, ECN_CE, "P. 11:21(10) ack 1");
	out(s, ".E 1:1(0) ack 21");
}

/* Text behind a gap is in the window. */
static void test_mark_behind_a_gap(void **state)
{
	struct script *s = *state;

	to_established_ecn(s, "mss 1460");
	in_as(s, ECN_CE, ". 1461:2921(1460) ack 1");
	out(s, ".E 1:1(0) ack 1 <...>");
	in_as(s, ECN_NOT_ECT, ". 1:1461(1460) ack 1");
	out(s, ".E 1:1(0) ack 2921");
}

/* 3168-§6.1.5-R1: a mark on what was here before, or on what cannot be here yet, is nobody's. */
static void test_mark_outside_the_window(void **state)
{
	struct script *s = *state;

	to_established_ecn(s, "mss 1460");
	in(s, ". 1:1461(1460) ack 1");
	pass(s, SEC(1));
	out(s, ". 1:1(0) ack 1461");
	in_as(s, ECN_CE, ". 1:1461(1460) ack 1");
	out(s, ". 1:1(0) ack 1461");
	in_as(s, ECN_CE, ". 200001:201461(1460) ack 1");
	out(s, ". 1:1(0) ack 1461");
	assert_int_equal(taken(s, RULE_ECN_MARK_OUTSIDE), 2);
	assert_int_equal(taken(s, RULE_ECN_MARKED), 0);
	in_as(s, ECN_CE, ". 1461:1461(0) ack 1");               /* nor one on a pure ACK */
	in(s, "P. 1461:1471(10) ack 1");
	pass(s, SEC(1));
	out(s, ". 1:1(0) ack 1471");
}

/* 3168-§6.1.6-R1: a probe of our closed window is text like any other once it is taken. */
static void test_mark_on_a_probe_that_is_taken(void **state)
{
	struct script *s = *state;

	to_established_ecn(s, "mss 1460");
	in_as(s, ECN_CE, ". 1:2(1) ack 1");
	out(s, ".E 1:1(0) ack 2");
}

/* Without an agreement no mark means anything. */
static void test_marks_without_agreement(void **state)
{
	struct script *s = *state;

	to_established(s);
	in_as(s, ECN_CE, ". 1:1461(1460) ack 1");
	in_as(s, ECN_CE, ". 1461:2921(1460) ack 1");
	out_as(s, ECN_NOT_ECT, ". 1:1(0) ack 2921");
	give(s, 10 * MSS);
	assert_true(out_any(s));
	assert_int_equal(codepoint_out(s), ECN_NOT_ECT);
	drain(s);
	in(s, ".E 2921:2921(0) ack 14601");
	assert_int_equal(taken(s, RULE_ECN_REDUCED), 0);
	assert_false(status_of(s).sub & ELEVEN_SUB_ECN_SEEN);
}

/* ---- what is capable */

/* 3168-§6.1.2-R1, 3168-§6.1.4-R1: new text is; an ACK, a FIN alone, a keep-alive and a RST are not. */
static void test_new_text_alone_is_capable(void **state)
{
	struct script *s = *state;

	to_established_ecn(s, "mss 1460");
	give(s, 3 * MSS);
	assert_int_equal(drain_capable(s), 3 * MSS);
	in(s, ". 1:1461(1460) ack 4381");
	in(s, ". 1461:2921(1460) ack 4381");
	out_as(s, ECN_NOT_ECT, ". 4381:4381(0) ack 2921");
	option(s, ELEVEN_OPTION_KEEPALIVE, 1);
	pass(s, s->config.keepalive_idle + SEC(1));
	out_as(s, ECN_NOT_ECT, ". 4380:4380(0) ack 2921");
	in(s, ". 2921:2921(0) ack 4381");
	assert_int_equal(tcp_shutdown(s->tcp, s->h, s->now), 0);
	out_as(s, ECN_NOT_ECT, "F. 4381:4381(0) ack 2921");
	assert_int_equal(tcp_abort(s->tcp, s->h, s->now), 0);
	out_as(s, ECN_NOT_ECT, "R. 4382:4382(0) ack 2921");
}

static void lose_and_resend(struct script *s, const char *options, const char *ack)
{
	to_established_ecn(s, options);
	give(s, 20 * MSS);
	assert_int_equal(drain_capable(s), 10 * MSS);
	pass(s, MS(10));
	for (int i = 0; i < 4; i++)
		in_f(s, ack, 2 * MSS + 1, (3 + i) * MSS + 1);
	assert_true(out_any(s));
	while (s->last.seq.value != s->our_iss.value + 1)
		assert_true(out_any(s));
	assert_int_equal(codepoint_out(s), ECN_NOT_ECT);
	assert_false(s->last.cwr);
}

/* 3168-§6.1.5-R1, 3168-§6.1.2-R4: what goes again is not capable and has no CWR; the next new text is, and has. */
static void test_sent_again_is_not_capable(void **state)
{
	struct script *s = *state;
	unsigned told = 0;

	lose_and_resend(s, "mss 1460,nop,nop,sackOK", ". 1:1(0) ack 1 win 65535 <nop,nop,sack %u:%u>");
	in_f(s, ". 1:1(0) ack %u", 10 * MSS + 1);
	while (out_any(s)) {
		assert_int_equal(s->last.cwr, told == 0);
		assert_int_equal(codepoint_out(s), ECN_ECT0);
		told += s->last.cwr;
	}
	assert_int_equal(told, 1);
	assert_int_equal(taken(s, RULE_ECN_CWR_SENT), 1);

	restart(s);                     /* without SACK */
	lose_and_resend(s, "mss 1460", ". 1:1(0) ack 1 win 65535");

	restart(s);                     /* by the timer */
	to_established_ecn(s, "mss 1460");
	give(s, 2 * MSS);
	drain(s);
	pass_timeout(s);
	out_as(s, ECN_NOT_ECT, ". 1:1461(1460) ack 1");
	in(s, ". 1:1(0) ack 1461");
	out_as(s, ECN_NOT_ECT, "P. 1461:2921(1460) ack 1");
	in(s, ". 1:1(0) ack 2921");
	give(s, 2 * MSS);
	out_as(s, ECN_ECT0, ".W 2921:4381(1460) ack 1");
	out_as(s, ECN_ECT0, "P. 4381:5841(1460) ack 1");
}

/* 3168-§6.1.6-R1: the byte that probes a closed window. */
static void test_probe_is_not_capable(void **state)
{
	struct script *s = *state;

	to_established_ecn(s, "mss 1460");
	give(s, MSS);
	drain(s);
	in(s, ".E 1:1(0) ack 1461 win 0");
	give(s, MSS);
	quiet(s);
	pass_timeout(s);                /* marked at a small window: the wait, and then the probe */
	pass_timeout(s);
	assert_true(out_any(s));
	assert_int_equal(s->last.text_bytes, 1);
	assert_int_equal(codepoint_out(s), ECN_NOT_ECT);
	assert_false(s->last.cwr);
	in(s, ". 1:1(0) ack 1461 win 65535");
	pass_timeout(s);
	assert_true(out_any(s));
	assert_true(s->last.text_bytes > 0);
}

/* ---- the sender's answer */

static const enum eleven_congestion kinds[] = { ELEVEN_CONGESTION_CUBIC, ELEVEN_CONGESTION_RENO };

/* 3168-§6.1.2-R2: one cut for all the echoes of a window, none of them widens it; the next window's counts anew. */
static void echoes_of_a_window(struct script *s, enum eleven_congestion kind, const char *options)
{
	uint64_t before, cut;

	s->config.congestion = kind;
	restart(s);
	to_established_ecn(s, options);
	give(s, 60 * MSS);
	assert_int_equal(drain_capable(s), 10 * MSS);
	before = status_of(s).cwnd;
	in_f(s, ".E 1:1(0) ack %u", MSS + 1);
	cut = status_of(s).cwnd;
	assert_int_equal(cut, before * (kind == ELEVEN_CONGESTION_CUBIC ? 7 : 5) / 10);
	assert_int_equal(status_of(s).ssthresh, cut);
	assert_int_equal(status_of(s).phase, 3);
	for (unsigned i = 2; i <= 10; i++) {
		in_f(s, ".E 1:1(0) ack %u", i * MSS + 1);
		assert_int_equal(status_of(s).cwnd, cut);
		drain(s);
	}
	assert_int_equal(taken(s, RULE_ECN_REDUCED), 1);
	assert_int_equal(taken(s, RULE_ECN_ECHO_SAME_WINDOW), 9);
	assert_int_equal(taken(s, RULE_ECN_CWR_SENT), 1);
	in_f(s, ".E 1:1(0) ack %u", 11 * MSS + 1);              /* sent after the cut, and marked */
	assert_int_equal(taken(s, RULE_ECN_REDUCED), 2);
	assert_true(status_of(s).cwnd < cut);
}

static void test_one_cut_for_a_window(void **state)
{
	struct script *s = *state;

	for (unsigned i = 0; i < 2; i++) {
		echoes_of_a_window(s, kinds[i], "mss 1460");
		echoes_of_a_window(s, kinds[i], "mss 1460,nop,nop,sackOK");
	}
}

/* 3168-§6.1.1-R4, 3168-§6.1.2-R4: each cut is told once, on the first new text; nothing is told without a cut. */
static void test_each_cut_is_told_once(void **state)
{
	struct script *s = *state;
	uint32_t at = 1, end = 1, told = 0;

	to_established_ecn(s, "mss 1460,nop,nop,sackOK");
	for (unsigned round = 0; round < 12; round++) {
		uint64_t cuts = taken(s, RULE_ECN_REDUCED);

		if (status_of(s).unsent < 20 * MSS)
			give(s, 20 * MSS);
		while (out_any(s)) {
			told += s->last.cwr;
			assert_true(!s->last.cwr || s->last.seq.value == s->our_iss.value + end);
			end += s->last.text_bytes;
			assert_int_equal(told, cuts);
		}
		at = end;
		pass(s, MS(10));
		in_f(s, "%s 1:1(0) ack %u", round % 3 == 0 ? ".E" : ".", at);
		in_f(s, ". 1:1(0) ack %u", at);
	}
	assert_int_equal(taken(s, RULE_ECN_REDUCED), 4);
}

/* 3168-§5.2-R1: a mark and a loss leave the same windows. */
static void test_mark_counts_as_a_loss(void **state)
{
	struct script *s = *state;

	for (unsigned i = 0; i < 2; i++) {
		uint64_t marked, lost;

		s->config.congestion = kinds[i];
		restart(s);
		to_established_ecn(s, "mss 1460,nop,nop,sackOK");
		give(s, 60 * MSS);
		drain(s);
		in_f(s, ".E 1:1(0) ack %u", 10 * MSS + 1);
		marked = status_of(s).ssthresh;
		restart(s);
		to_established_ecn(s, "mss 1460,nop,nop,sackOK");
		give(s, 60 * MSS);
		drain(s);
		pass(s, MS(10));
		in_f(s, ". 1:1(0) ack 1 <nop,nop,sack %u:%u>", MSS + 1, 10 * MSS + 1);
		lost = status_of(s).ssthresh;
		drain(s);
		in_f(s, ". 1:1(0) ack %u", 10 * MSS + 1);
		assert_int_equal(marked, lost);
		assert_true(status_of(s).cwnd <= lost + MSS);
	}
}

/* 3168-§6.1.2-R2: a loss of the marked window cuts nothing more, and a mark of the lost one neither. */
static void test_mark_and_loss_of_one_window(void **state)
{
	struct script *s = *state;
	uint64_t cut;

	to_established_ecn(s, "mss 1460,nop,nop,sackOK");
	give(s, 60 * MSS);
	drain(s);
	pass(s, MS(10));
	in_f(s, ".E 1:1(0) ack %u", MSS + 1);
	cut = status_of(s).ssthresh;
	in_f(s, ".E 1:1(0) ack %u <nop,nop,sack %u:%u>", MSS + 1, 2 * MSS + 1, 9 * MSS + 1);
	assert_int_equal(taken(s, RULE_RECOVERY_ENTERED), 1);
	assert_int_equal(status_of(s).ssthresh, cut);
	drain(s);
	in_f(s, ".E 1:1(0) ack %u", 10 * MSS + 1);
	assert_int_equal(status_of(s).cwnd, cut);
	assert_int_equal(taken(s, RULE_ECN_REDUCED), 1);

	restart(s);
	to_established_ecn(s, "mss 1460,nop,nop,sackOK");
	give(s, 60 * MSS);
	drain(s);
	pass(s, MS(10));
	in_f(s, ". 1:1(0) ack 1 <nop,nop,sack %u:%u>", MSS + 1, 5 * MSS + 1);
	cut = status_of(s).ssthresh;
	drain(s);
	in_f(s, ".E 1:1(0) ack 1 <nop,nop,sack %u:%u>", MSS + 1, 8 * MSS + 1);
	in_f(s, ".E 1:1(0) ack %u", 10 * MSS + 1);
	assert_int_equal(taken(s, RULE_ECN_REDUCED), 0);
	assert_int_equal(status_of(s).ssthresh, cut);

	restart(s);                     /* the timer after a mark starts over, and leaves the threshold */
	to_established_ecn(s, "mss 1460");
	give(s, 60 * MSS);
	drain(s);
	in_f(s, ".E 1:1(0) ack %u", MSS + 1);
	cut = status_of(s).ssthresh;
	pass_timeout(s);
	assert_int_equal(status_of(s).cwnd, MSS);
	assert_int_equal(status_of(s).ssthresh, cut);
}

/* 5681-§4.3-R4: a loss in the window after the marked one is another sign. */
static void test_loss_in_the_next_window_cuts_again(void **state)
{
	struct script *s = *state;
	uint64_t cut;

	to_established_ecn(s, "mss 1460,nop,nop,sackOK");
	give(s, 60 * MSS);
	drain(s);
	pass(s, MS(10));
	in_f(s, ".E 1:1(0) ack %u", 10 * MSS + 1);
	cut = status_of(s).ssthresh;
	drain(s);
	pass(s, MS(10));
	in_f(s, ". 1:1(0) ack %u <nop,nop,sack %u:%u>", 10 * MSS + 1, 11 * MSS + 1, 16 * MSS + 1);
	assert_int_equal(taken(s, RULE_RECOVERY_ENTERED), 1);
	assert_true(status_of(s).ssthresh < cut);
}

/*
 * 3168-§6.1.2-R3, 9438-§4.6-R3: marked again and again the window comes down to one segment, and then each further
 * one waits for the retransmission timer, which the echo starts over.
 */
static void test_marks_at_a_window_of_one_segment(void **state)
{
	struct script *s = *state;

	for (unsigned i = 0; i < 2; i++) {
		uint32_t end = 1, n;
		unsigned rounds = 0;

		s->config.congestion = kinds[i];
		restart(s);
		to_established_ecn(s, "mss 1460,nop,nop,sackOK");
		give(s, 80 * MSS);
		while (status_of(s).cwnd > MSS) {
			uint64_t before = status_of(s).cwnd;

			assert_true(rounds++ < 20);
			n = drain_capable(s);
			assert_true(n > 0);
			end += n;
			pass(s, MS(10));
			in_f(s, ".E 1:1(0) ack %u", end);
			assert_true(status_of(s).cwnd < before);
		}
		assert_int_equal(taken(s, RULE_ECN_WAIT), 0);
		for (unsigned round = 0; round < 3; round++) {
			assert_int_equal(drain_capable(s), MSS);
			end += MSS;
			pass(s, MS(10));
			in_f(s, ".E 1:1(0) ack %u", end);
			assert_int_equal(taken(s, RULE_ECN_WAIT), round + 1);
			quiet(s);
			pass(s, MS(5));
			in_f(s, ".E 1:1(0) ack %u", end);       /* a duplicate: nothing was in flight */
			assert_int_equal(status_of(s).cwnd, MSS);
			assert_true(pass_timeout(s) >= s->config.rto_least - MS(5));
			assert_int_equal(taken(s, RULE_ECN_WAIT_OVER), round + 1);
			assert_int_equal(taken(s, RULE_TIMEOUT_RETRANSMISSION), 0);
		}
		assert_int_equal(drain_capable(s), MSS);
		in_f(s, ". 1:1(0) ack %u", end + MSS);          /* no mark: slow start goes on */
		assert_true(status_of(s).cwnd > MSS);
		assert_true(drain_capable(s) >= MSS);
	}
}

/* … and while more than that is still in flight, an ACK without a mark does not let new text go either. */
static void test_wait_outlasts_other_ACKs(void **state)
{
	struct script *s = *state;

	to_established_ecn(s, "mss 1460");
	give(s, 60 * MSS);
	drain(s);
	pass_timeout(s);                /* cwnd is one segment, nine more were on their way */
	drain(s);
	in_f(s, ".E 1:1(0) ack %u", MSS + 1);
	in_f(s, ".E 1:1(0) ack %u", 10 * MSS + 1);
	drain(s);
	in_f(s, ".E 1:1(0) ack %u", 11 * MSS + 1);
	drain(s);
	while (taken(s, RULE_ECN_WAIT) == 0) {
		in_f(s, ".E 1:1(0) ack %u", status_of(s).snd_max - status_of(s).iss);
		if (taken(s, RULE_ECN_WAIT) == 0)
			assert_true(drain_capable(s) > 0);
	}
	quiet(s);
	in_f(s, ". 1:1(0) ack %u", status_of(s).snd_max - status_of(s).iss);
	quiet(s);
	pass_timeout(s);
	assert_int_equal(drain_capable(s), MSS);
}

/* 4015-§3.4-R1: a repair that was of no loss is not undone when a mark says that there was congestion. */
static void test_no_undo_after_a_mark(void **state)
{
	struct script *s = *state;

	for (int marked = 0; marked < 2; marked++) {
		uint64_t before;

		restart(s);
		to_established_ecn(s, "mss 1460,nop,nop,sackOK");
		give(s, 60 * MSS);
		drain(s);
		before = status_of(s).cwnd;
		pass(s, MS(10));
		in_f(s, ". 1:1(0) ack 1 <nop,nop,sack %u:%u>", MSS + 1, 5 * MSS + 1);
		assert_int_equal(taken(s, RULE_RECOVERY_ENTERED), 1);
		drain(s);
		in_f(s, "%s 1:1(0) ack %u <nop,nop,sack 1:%u>", marked ? ".E" : ".", 5 * MSS + 1, MSS + 1);
		assert_int_equal(taken(s, RULE_UNDO_DSACK), 1);
		if (marked)
			assert_true(status_of(s).ssthresh < before);
		else
			assert_true(status_of(s).cwnd >= before);
	}
}

/* After an undo the window is as before, and so the next mark counts. */
static void test_mark_after_an_undo_counts(void **state)
{
	struct script *s = *state;

	to_established_ecn(s, "mss 1460,nop,nop,sackOK");
	give(s, 60 * MSS);
	drain(s);
	pass(s, MS(10));
	in_f(s, ". 1:1(0) ack 1 <nop,nop,sack %u:%u>", MSS + 1, 5 * MSS + 1);
	drain(s);
	in_f(s, ". 1:1(0) ack %u <nop,nop,sack 1:%u>", 5 * MSS + 1, MSS + 1);
	assert_int_equal(taken(s, RULE_UNDO_DSACK), 1);
	in_f(s, ".E 1:1(0) ack %u", 6 * MSS + 1);
	assert_int_equal(taken(s, RULE_ECN_REDUCED), 1);
}

/* 8511-§3-R1: to 80 % with Reno, to 85 % with CUBIC, where it is configured; a loss as ever. */
static void test_backoff_of_RFC_8511(void **state)
{
	struct script *s = *state;

	s->config.ecn_backoff = 1;
	for (unsigned i = 0; i < 2; i++) {
		s->config.congestion = kinds[i];
		restart(s);
		to_established_ecn(s, "mss 1460,nop,nop,sackOK");
		give(s, 60 * MSS);
		drain(s);
		in_f(s, ".E 1:1(0) ack %u", MSS + 1);
		assert_int_equal(status_of(s).cwnd, 10 * MSS * (kinds[i] == ELEVEN_CONGESTION_CUBIC ? 85 : 80) / 100);
		restart(s);
		to_established_ecn(s, "mss 1460,nop,nop,sackOK");
		give(s, 60 * MSS);
		drain(s);
		pass(s, MS(10));
		in_f(s, ". 1:1(0) ack 1 <nop,nop,sack %u:%u>", MSS + 1, 10 * MSS + 1);
		assert_int_equal(status_of(s).ssthresh, 10 * MSS * (kinds[i] == ELEVEN_CONGESTION_CUBIC ? 7 : 5) / 10);
	}
}

/* An echo on an old ACK, or with nothing in flight, is of nothing that could be cut. */
static void test_echoes_of_nothing(void **state)
{
	struct script *s = *state;
	uint64_t before;

	to_established_ecn(s, "mss 1460");
	before = status_of(s).cwnd;
	in(s, ".E 1:1(0) ack 1 win 65000");
	give(s, 4 * MSS);
	drain(s);
	in_f(s, ". 1:1(0) ack %u", 3 * MSS + 1);
	in_f(s, ".E 1:1(0) ack %u", 2 * MSS + 1);
	assert_int_equal(taken(s, RULE_ECN_REDUCED), 0);
	assert_true(status_of(s).cwnd >= before);
}

/* A big segment for the link to cut would say CWR on its first part alone: it goes as one of ordinary size. */
static void test_CWR_on_one_segment_alone(void **state)
{
	struct script *s = *state;

	restart(s);
	tcp_interface_set(s->tcp, 0, script_mtu(1500), 65000);
	to_established_ecn(s, "mss 1460");
	give(s, 60 * MSS);
	assert_int_equal(drain_capable(s), 10 * MSS);
	in_f(s, ".E 1:1(0) ack %u", 10 * MSS + 1);
	assert_true(out_any(s));
	assert_true(s->last.cwr);
	assert_int_equal(s->last.text_bytes, MSS);
	assert_true(out_any(s));
	assert_false(s->last.cwr);
	assert_true(s->last.text_bytes > MSS);
	assert_int_equal(codepoint_out(s), ECN_ECT0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_mark_is_echoed_until_CWR),
		TEST(test_mark_is_echoed_at_once),
		TEST(test_mark_behind_a_gap),
		TEST(test_mark_outside_the_window),
		TEST(test_mark_on_a_probe_that_is_taken),
		TEST(test_marks_without_agreement),
		TEST(test_new_text_alone_is_capable),
		TEST(test_sent_again_is_not_capable),
		TEST(test_probe_is_not_capable),
		TEST(test_one_cut_for_a_window),
		TEST(test_each_cut_is_told_once),
		TEST(test_mark_counts_as_a_loss),
		TEST(test_mark_and_loss_of_one_window),
		TEST(test_loss_in_the_next_window_cuts_again),
		TEST(test_marks_at_a_window_of_one_segment),
		TEST(test_wait_outlasts_other_ACKs),
		TEST(test_no_undo_after_a_mark),
		TEST(test_mark_after_an_undo_counts),
		TEST(test_backoff_of_RFC_8511),
		TEST(test_echoes_of_nothing),
		TEST(test_CWR_on_one_segment_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
