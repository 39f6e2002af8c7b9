/* SPDX-License-Identifier: MIT */
/* Rows of tests/transitions.tsv for SEGMENT ARRIVES in the synchronized states, step by step (§3.10.7.4). */
#ifndef TEST_TCP_ROWS_STEPS_H
#define TEST_TCP_ROWS_STEPS_H

#include "rows.h"

static bool folded;             /* this run of a TIME-WAIT row is about the small record */

/* A SEG.ACK that acknowledges nothing new. */
static unsigned acked(const struct place *p)
{
	return p->state == ELEVEN_FIN_WAIT_1 || p->state == ELEVEN_CLOSING || p->state == ELEVEN_LAST_ACK ? 1 : p->ack;
}

/* ---- First, and PAWS before it */

static void seq_outside(struct script *s, const struct place *p)
{
	in_f(s, ". %u:%u(10) ack %u win 1000", p->nxt + 100000, p->nxt + 100010, p->ack);
	answers_ack(s, p);
	in_f(s, ". %u:%u(10) ack %u win 1000", p->nxt - 10, p->nxt, p->ack);
	answers_ack(s, p);
	assert_int_equal(taken(s, RULE_SEQ_UNACCEPTABLE), 2);
}

static void rst_outside(struct script *s, const struct place *p)
{
	in_f(s, "R %u:%u(0)", p->nxt - 1, p->nxt - 1);
	in_f(s, "R %u:%u(0)", p->nxt + 100000, p->nxt + 100000);
	quiet(s);
	assert_int_equal(taken(s, RULE_SEQ_UNACCEPTABLE_RST), 2);
}

static void paws(struct script *s, const struct place *p)
{
	to_with_timestamps(s, p);
	s->ts = 999;
	in_f(s, "P. %u:%u(5) ack %u win 1000", p->nxt, p->nxt + 5, p->ack);
	out_f(s, ". %u:%u(0) ack %u <...>", p->ack, p->ack, p->nxt);
	quiet(s);
	assert_int_equal(taken(s, RULE_PAWS_DROPPED), 1);
	in_f(s, "P. %u:%u(5) ack %u win 1000", p->nxt + 100000, p->nxt + 100005, p->ack);
	assert_int_equal(taken(s, RULE_PAWS_DROPPED), 2);       /* before the sequence number is looked at */
	assert_int_equal(taken(s, RULE_SEQ_UNACCEPTABLE), 0);
	drain(s);
}

static void gap(struct script *s, const struct place *p)
{
	in_f(s, ". %u:%u(10) ack %u win 65535", p->nxt + 10, p->nxt + 20, acked(p));
	answers_ack(s, p);
	assert_int_equal(status_of(s).out_of_order, 10);
}

static void gap_after_fin(struct script *s, const struct place *p)
{
	in_f(s, ". %u:%u(10) ack %u win 65535", p->nxt + 10, p->nxt + 20, acked(p));
	if (p->state == ELEVEN_TIME_WAIT)
		answers_ack(s, p);
	quiet(s);
	assert_int_equal(taken(s, RULE_TEXT_AFTER_FIN), 1);
}

static void no_flags(struct script *s, const struct place *p)
{
	in_f(s, "- %u:%u(0) win 1000", p->nxt, p->nxt);
	quiet(s);
}

/* ---- Second */

static void rst_exact(struct script *s, const struct place *p)
{
	bool linux_epipe = s->config.profile == ELEVEN_LINUX && p->state == ELEVEN_CLOSE_WAIT;
	char byte;

	in_f(s, "R %u:%u(0)", p->nxt, p->nxt);
	quiet(s);
	assert_true(signals_of(s, s->h) & ELEVEN_SIGNAL_ERROR);
	assert_int_equal(tcp_receive(s->tcp, s->h, &byte, 1, s->now), linux_epipe ? -EPIPE : -ECONNRESET);
}

static void rst_after_close(struct script *s, const struct place *p)
{
	in_f(s, "R %u:%u(0)", p->nxt, p->nxt);
	quiet(s);
}

static void rst_inside(struct script *s, const struct place *p)
{
	in_f(s, "R %u:%u(0)", p->nxt + 1, p->nxt + 1);
	answers_ack(s, p);
	in_f(s, "R %u:%u(0)", p->nxt + 2, p->nxt + 2);
	quiet(s);                                       /* throttled */
	assert_int_equal(taken(s, RULE_RST_CHALLENGE), 2);
	assert_int_equal(taken(s, RULE_CHALLENGE_LIMITED), 1);
}

static void rst_at_sack_edge(struct script *s, const struct place *p)
{
	s->sack = true;
	p->to(s);
	in_f(s, ". %u:%u(10) ack %u win 65535", p->nxt + 10, p->nxt + 20, acked(p));
	drain(s);
	in_f(s, "R %u:%u(0)", p->nxt + 20, p->nxt + 20);
	quiet(s);
}

/* Behind the peer's FIN there is no text, so none is reported that a RST could be at the edge of. */
static void rst_behind_fin(struct script *s, const struct place *p)
{
	in_f(s, ". %u:%u(10) ack %u win 65535", p->nxt + 10, p->nxt + 20, acked(p));
	drain(s);
	in_f(s, "R %u:%u(0)", p->nxt + 20, p->nxt + 20);
	answers_ack(s, p);
	assert_int_equal(s->last.options.sack_count, 0);
}

static void rst_before_nxt(struct script *s, const struct place *p)
{
	in_f(s, "R %u:%u(0)", p->nxt - 1, p->nxt - 1);
	quiet(s);
}

/* ---- Fourth */

static void syn_anywhere(struct script *s, const struct place *p)
{
	in_f(s, "S %u:%u(0) win 1000", p->nxt, p->nxt);
	answers_ack(s, p);
	s->tcp->config.challenge_ack_interval = 0;
	in_f(s, "S %u:%u(0) win 1000", p->nxt + 100000, p->nxt + 100000);
	answers_ack(s, p);
	in_f(s, "S %u:%u(0) win 1000", p->nxt - 1000, p->nxt - 1000);
	answers_ack(s, p);
}

/* RFC 793's answer, where FreeBSD's net.inet.tcp.insecure_syn asks for it. */
static void syn_resets(struct script *s, const struct place *p)
{
	s->tcp->config.syn_in_window = 1;
	in_f(s, "S %u:%u(0) win 1000", p->nxt, p->nxt);
	assert_true(out_any(s));
	assert_true(s->last.rst);
	quiet(s);
	assert_int_equal(taken(s, RULE_SYN_RESET), 1);
}

static void syn_of_rebooted_peer(struct script *s, const struct place *p)
{
	in(s, "S 5000:5000(0) win 1000");
	answers_ack(s, p);
	in(s, "R 1:1(0)");
	quiet(s);
}

static void to_waiting(struct script *s, bool timestamps)
{
	if (timestamps)
		to_with_timestamps(s, &places[ELEVEN_TIME_WAIT]);
	else
		to_time_wait(s);
	if (folded)
		assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	s->our_iss_known = false;
}

static void reopened(struct script *s)
{
	struct seq before = s->our_iss;

	assert_true(out_any(s));
	assert_true(s->last.syn && s->last.has_ack);
	assert_true(seq_gt(s->last.seq, seq_add(before, 2)));   /* beyond all that the old one sent */
	assert_int_equal(taken(s, RULE_TIME_WAIT_REOPENED), 1);
	quiet(s);
}

static void syn_later_timestamp(struct script *s, const struct place *p)
{
	(void)p;
	to_waiting(s, true);
	s->ts = 1001;
	in(s, "S 0:0(0) win 1000 <mss 1460>");
	reopened(s);
}

static void syn_equal_timestamp(struct script *s, const struct place *p)
{
	(void)p;
	to_waiting(s, true);
	in(s, "S 3:3(0) win 1000 <mss 1460>");
	reopened(s);
}

static void syn_without_timestamp(struct script *s, const struct place *p)
{
	(void)p;
	to_waiting(s, true);
	s->ts = 0;
	in(s, "S 3:3(0) win 1000 <mss 1460>");
	reopened(s);
}

static void syn_with_first_timestamp(struct script *s, const struct place *p)
{
	(void)p;
	to_waiting(s, false);
	s->tcp->config.timestamps = 1;
	s->ts = 1;
	in(s, "S 0:0(0) win 1000 <mss 1460>");
	reopened(s);
}

static void syn_later_number(struct script *s, const struct place *p)
{
	(void)p;
	to_waiting(s, false);
	in(s, "S 3:3(0) win 1000 <mss 1460>");
	reopened(s);
}

static void syn_refused(struct script *s, const struct place *p)
{
	to_waiting(s, true);
	s->ts = 999;
	in(s, "S 3:3(0) win 1000 <mss 1460>");
	out_f(s, ". %u:%u(0) ack %u <...>", p->ack, p->ack, p->nxt);
	s->ts = 1000;
	in(s, "S 0:0(0) win 1000 <mss 1460>");
	quiet(s);                                       /* throttled */
	assert_int_equal(taken(s, RULE_TIME_WAIT_REOPENED), 0);
}

static void open_over_time_wait(struct script *s, const struct place *p)
{
	(void)p;
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	assert_int_equal(tcp_close(s->tcp, s->listener, s->now), 0);
	to_open(s);
	assert_int_equal(tcp_bind(s->tcp, s->h, &s->us, s->our_port, ELEVEN_BIND_REUSE_ADDRESS, s->now), -EADDRINUSE);
	quiet(s);
}

/* ---- Fifth */

static void no_ack(struct script *s, const struct place *p)
{
	in_f(s, "- %u:%u(5) win 1000", p->nxt, p->nxt + 5);
	quiet(s);
	in_f(s, "F %u:%u(0) win 1000", p->nxt, p->nxt);
	quiet(s);
	assert_int_equal(taken(s, RULE_ACK_MISSING), 2);
}

static void ack_out_of_range(struct script *s, const struct place *p)
{
	in_f(s, "P. %u:%u(5) ack %u win 1000", p->nxt, p->nxt + 5, p->ack - 100000);
	answers_ack(s, p);
	in_f(s, "P. %u:%u(5) ack %u win 1000", p->nxt, p->nxt + 5, p->ack + 1);
	answers_ack(s, p);
	assert_int_equal(taken(s, RULE_ACK_TOO_OLD), 1);
	assert_int_equal(taken(s, RULE_ACK_FUTURE), 1);
}

static void ack_new(struct script *s, const struct place *p)
{
	give(s, 10);
	out_f(s, "P. %u:%u(10) ack %u", p->ack, p->ack + 10, p->nxt);
	assert_int_equal(status_of(s).timer, ELEVEN_TIMER_RETRANSMISSION);
	signals_of(s, s->h);
	in_f(s, ". %u:%u(0) ack %u win 4321", p->nxt, p->nxt, p->ack + 10);
	quiet(s);
	assert_int_equal(status_of(s).snd_una, s->our_iss.value + p->ack + 10);
	assert_int_equal(status_of(s).send_queue, 0);
	assert_int_equal(status_of(s).snd_wnd, 4321);
	assert_int_equal(status_of(s).timer, ELEVEN_TIMER_NONE);
	assert_true(signals_of(s, s->h) & ELEVEN_SIGNAL_ACKED);
}

static void ack_duplicate(struct script *s, const struct place *p)
{
	uint32_t una = status_of(s).snd_una;

	in_f(s, ". %u:%u(0) ack %u win 4321", p->nxt, p->nxt, acked(p));
	quiet(s);
	assert_int_equal(status_of(s).snd_una, una);
	assert_int_equal(status_of(s).snd_wnd, 4321);
	in_f(s, ". %u:%u(0) ack %u win 1", p->nxt, p->nxt, acked(p) - 1);
	assert_int_equal(status_of(s).snd_wnd, 4321);   /* an older ACK brings no window */
}

static void ack_future(struct script *s, const struct place *p)
{
	in_f(s, ". %u:%u(0) ack %u win 1000", p->nxt, p->nxt, p->ack + 1);
	answers_ack(s, p);
	assert_int_equal(taken(s, RULE_ACK_FUTURE), 1);
}

static void ack_of_fin(struct script *s, const struct place *p)
{
	in_f(s, ". %u:%u(0) ack %u win 1000", p->nxt, p->nxt, p->ack);
	quiet(s);
	if (p->state == ELEVEN_CLOSING)
		assert_int_equal(status_of(s).timer_deadline, s->now + 2 * s->config.msl);
}

/* Text and FIN are in flight; the ACK covers half the text. */
static void ack_not_of_fin(struct script *s, const struct place *p)
{
	unsigned first = p->state == ELEVEN_LAST_ACK ? 2 : 1;
	unsigned nxt = p->state == ELEVEN_FIN_WAIT_1 ? 1 : 2;

	(void)first;
	to_with_text(s, p);
	in_f(s, ". %u:%u(0) ack 6 win 65535", nxt, nxt);
	quiet(s);
	assert_int_equal(status_of(s).snd_una, s->our_iss.value + 6);
}

static void ack_again(struct script *s, const struct place *p)
{
	in_f(s, ". %u:%u(0) ack %u win 1000", p->nxt, p->nxt, p->ack);
	quiet(s);
}

static void fin_in_time_wait(struct script *s, const struct place *p)
{
	pass(s, s->config.msl);
	in_f(s, "F. %u:%u(0) ack %u win 1000", p->nxt - 1, p->nxt - 1, p->ack);
	answers_ack(s, p);
	pass_almost(s, 2 * s->config.msl);
}

/* ---- Sixth */

static void urgent(struct script *s, const struct place *p)
{
	signals_of(s, s->h);
	in_f(s, "PU. %u:%u(5) ack %u win 65535 urg 3", p->nxt, p->nxt + 5, acked(p));
	assert_true(signals_of(s, s->h) & ELEVEN_SIGNAL_URGENT);
	assert_int_equal(status_of(s).urgent, 3);
	in_f(s, "PU. %u:%u(5) ack %u win 65535 urg 3", p->nxt, p->nxt + 5, acked(p));
	assert_false(signals_of(s, s->h) & ELEVEN_SIGNAL_URGENT);       /* once */
	drain(s);
}

static void urgent_ignored(struct script *s, const struct place *p)
{
	in_f(s, "U. %u:%u(0) ack %u win 65535 urg 3", p->nxt, p->nxt, acked(p));
	quiet(s);
	assert_int_equal(taken(s, RULE_URG_RECEIVED), 0);
}

/* ---- Seventh */

static void text_in_order(struct script *s, const struct place *p)
{
	uint32_t edge = p->nxt + status_of(s).rcv_wnd;
	char text[10];

	in_f(s, "P. %u:%u(5) ack %u win 65535", p->nxt, p->nxt + 5, acked(p));
	quiet(s);
	pass(s, s->config.delayed_ack);
	out_f(s, ". %u:%u(0) ack %u", p->ack, p->ack, p->nxt + 5);
	assert_true(p->nxt + 5 + s->last.window >= edge);
	assert_int_equal(tcp_receive(s->tcp, s->h, text, sizeof(text), s->now), 5);
}

static void text_fills_gap(struct script *s, const struct place *p)
{
	char text[20];

	in_f(s, ". %u:%u(5) ack %u win 65535", p->nxt + 5, p->nxt + 10, acked(p));
	answers_ack(s, p);
	in_f(s, ". %u:%u(5) ack %u win 65535", p->nxt, p->nxt + 5, acked(p));
	out_f(s, ". %u:%u(0) ack %u", p->ack, p->ack, p->nxt + 10);
	quiet(s);
	assert_int_equal(tcp_receive(s->tcp, s->h, text, sizeof(text), s->now), 10);
}

static void text_after_fin(struct script *s, const struct place *p)
{
	in_f(s, "P. %u:%u(5) ack %u win 65535", p->nxt, p->nxt + 5, acked(p));
	if (p->state == ELEVEN_TIME_WAIT)       /* Fifth, TIME-WAIT: any acceptable segment is acknowledged (T250) */
		answers_ack(s, p);
	quiet(s);
	assert_int_equal(taken(s, RULE_TEXT_AFTER_FIN), 1);
}

static void text_over_fin(struct script *s, const struct place *p)
{
	in_f(s, "P. %u:%u(6) ack %u win 65535", p->nxt - 1, p->nxt + 5, acked(p));
	quiet(s);
}

static void text_after_close(struct script *s, const struct place *p)
{
	p->to(s);
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	in_f(s, "P. %u:%u(5) ack %u win 65535", p->nxt, p->nxt + 5, p->ack);
	out_f(s, "R %u:%u(0)", p->ack, p->ack);
	quiet(s);
}

/* ---- Eighth */

static void fin(struct script *s, const struct place *p)
{
	signals_of(s, s->h);
	in_f(s, "F. %u:%u(0) ack %u win 65535", p->nxt, p->nxt, acked(p));
	out_f(s, ". %u:%u(0) ack %u", p->ack, p->ack, p->nxt + 1);
	quiet(s);
	assert_true(signals_of(s, s->h) & ELEVEN_SIGNAL_CLOSING);
	if (p->state == ELEVEN_FIN_WAIT_2)
		assert_int_equal(status_of(s).timer_deadline, s->now + 2 * s->config.msl);
}

static void fin_with_ack_of_ours(struct script *s, const struct place *p)
{
	in_f(s, "F. %u:%u(0) ack %u win 65535", p->nxt, p->nxt, p->ack);
	out_f(s, ". %u:%u(0) ack %u", p->ack, p->ack, p->nxt + 1);
	quiet(s);
	assert_int_equal(status_of(s).timer, ELEVEN_TIMER_TIME_WAIT);
}

static void fin_behind_gap(struct script *s, const struct place *p)
{
	in_f(s, "FP. %u:%u(5) ack %u win 65535", p->nxt + 5, p->nxt + 10, p->ack);
	answers_ack(s, p);
	state_is(s, p->state);
	in_f(s, ". %u:%u(5) ack %u win 65535", p->nxt, p->nxt + 5, p->ack);
	out_f(s, ". %u:%u(0) ack %u", p->ack, p->ack, p->nxt + 11);
	state_is(s, ELEVEN_TIME_WAIT);
}

static void fin_again(struct script *s, const struct place *p)
{
	in_f(s, "F. %u:%u(0) ack %u win 65535", p->nxt - 1, p->nxt - 1, acked(p));
	answers_ack(s, p);
}

/* ---- orphans and full houses */

static void orphan_rst(struct script *s, const struct place *p)
{
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	in_f(s, "R %u:%u(0)", p->nxt + 5, p->nxt + 5);
	answers_ack(s, p);
}

static void orphan_syn(struct script *s, const struct place *p)
{
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	in_f(s, "S %u:%u(0) win 65535", p->nxt + 5, p->nxt + 5);
	answers_ack(s, p);
}

/* TCP_LINGER2 below 0: the least time in FIN-WAIT-2 that there is. */
static void orphan_not_waited_for(struct script *s, const struct place *p)
{
	option(s, ELEVEN_OPTION_FIN_WAIT_2, 1);
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	in_f(s, ". %u:%u(0) ack %u win 65535", p->nxt, p->nxt, p->ack);
	pass(s, s->step);
	quiet(s);
	assert_int_equal(s->tcp->time_wait.used, 0);
}

static void orphan_fin(struct script *s, const struct place *p)
{
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	in_f(s, "F. %u:%u(0) ack %u win 65535", p->nxt, p->nxt, p->ack);
	out_f(s, ". %u:%u(0) ack %u", p->ack, p->ack, p->nxt + 1);
}

static void time_wait_full(struct script *s, const struct place *p)
{
	(void)p;
	to_listen(s);
	for (uint64_t i = 0; i <= s->config.time_wait_max; i++) {
		s->their_port++;
		s->our_iss_known = false;
		in(s, "S 0:0(0) win 65535 <mss 1460>");
		assert_true(out_any(s));
		in(s, ". 1:1(0) ack 1 win 65535");
		assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
		assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
		assert_true(out_any(s));
		in(s, "F. 1:1(0) ack 2 win 65535");
		drain(s);
		signals_of(s, s->h);                    /* a TCB that has a signal waits for it to be taken */
	}
	assert_int_equal(s->tcp->time_wait.used, s->config.time_wait_max);
	/* IPv6 takes two records. */
	assert_int_equal(taken(s, RULE_TIME_WAIT_NO_ROOM), script_is_v6() ? s->config.time_wait_max / 2 + 1 : 1);
}

#endif
