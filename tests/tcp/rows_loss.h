/* SPDX-License-Identifier: MIT */
/* Rows of tests/transitions.tsv for the timers of RFC 8985, and for text before ESTABLISHED (RFC 7413). */
#ifndef TEST_TCP_ROWS_LOSS_H
#define TEST_TCP_ROWS_LOSS_H

#include "rows.h"

/* The state of `p`, 100 ms away, with SACK: `segments` of 1,000 bytes are in flight, and behind them the FIN. */
static void to_flying(struct script *s, const struct place *p, unsigned segments)
{
	bool passive = p->state == ELEVEN_CLOSE_WAIT || p->state == ELEVEN_LAST_ACK;
	unsigned nxt = 1;

	s->sack = true;
	to_listen(s);
	in(s, "S 0:0(0) win 65535 <mss 1000>");
	out(s, "S. 0:0(0) ack 1 <...>");
	pass(s, MS(100));
	in(s, ". 1:1(0) ack 1 win 65535");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	if (passive)
		in_f(s, "F. 1:1(0) ack 1 win 65535"), nxt = 2;
	drain(s);
	give(s, segments * 1000);
	if (!unacked_text(p))
		assert_int_equal(tcp_shutdown(s->tcp, s->h, s->now), 0);
	drain(s);
	if (p->state == ELEVEN_CLOSING)
		in_f(s, "F. %u:%u(0) ack 1 win 65535", nxt, nxt);
	drain(s);
	state_is(s, p->state);
	assert_int_equal(status_of(s).srtt, MS(100));
}

/* 8985-§7.2-R1: two round trips and no ACK: one probe, the last segment, and after it the RTO. */
static void tail_probed(struct script *s, const struct place *p)
{
	uint64_t began, pto;

	to_flying(s, p, 2);
	began = s->now;
	assert_int_equal(status_of(s).timer, ELEVEN_TIMER_LOSS_PROBE);
	pass_until(s, status_of(s).timer_deadline);
	pto = s->now - began;
	assert_true(pto >= MS(200) && pto <= MS(200) + s->config.loss_timer_margin + s->config.delayed_ack);
	assert_int_equal(taken(s, RULE_TLP_SENT), 1);
	assert_true(out_any(s));
	assert_true(unacked_text(p) ? seq_distance(s->last.seq, s->our_iss) == 1001 : s->last.fin);
	quiet(s);
	assert_int_equal(status_of(s).timer, ELEVEN_TIMER_RETRANSMISSION);
	assert_int_equal(taken(s, RULE_TIMEOUT_RETRANSMISSION), 0);
}

/* 8985-§6.2-R1: one segment has overtaken; when the reordering window is over the one before it is lost. */
static void reordering_over(struct script *s, const struct place *p)
{
	unsigned nxt = p->state == ELEVEN_ESTABLISHED || p->state == ELEVEN_FIN_WAIT_1 ? 1 : 2;

	to_flying(s, p, 3);
	pass(s, MS(100));
	in_f(s, ". %u:%u(0) ack 1 win 65535 <sack 1001:2001>", nxt, nxt);
	quiet(s);
	assert_int_equal(taken(s, RULE_RACK_LOST), 0);
	assert_int_equal(status_of(s).timer, ELEVEN_TIMER_REORDERING);
	pass_until(s, status_of(s).timer_deadline);
	assert_true(taken(s, RULE_RACK_LOST) > 0);
	out_f(s, ". 1:1001(1000) ack %u", nxt);
	assert_true(status_of(s).phase != 0);           /* in recovery */
}

/* ---- keep-alive where a FIN is outstanding: it is the FIN that is sent again */

static void keepalive_behind_fin(struct script *s, const struct place *p)
{
	option(s, ELEVEN_OPTION_KEEPALIVE_IDLE, SEC(1));
	option(s, ELEVEN_OPTION_KEEPALIVE_INTERVAL, SEC(1));
	option(s, ELEVEN_OPTION_KEEPALIVE, 1);
	for (unsigned i = 0; i < 300; i++) {
		pass(s, MS(100));
		while (out_any(s))
			assert_true(s->last.fin);
	}
	assert_int_equal(taken(s, RULE_TIMEOUT_KEEPALIVE), 0);
	assert_true(taken(s, RULE_TIMEOUT_RETRANSMISSION) > 3);
	state_is(s, p->state);
}

static void keepalive_behind_fin_given_up(struct script *s, const struct place *p)
{
	keepalive_behind_fin(s, p);
	for (unsigned i = 0; i < 100 && state_now(s) != ELEVEN_CLOSED; i++) {
		pass(s, SEC(60));
		drain(s);
	}
	assert_int_equal(taken(s, RULE_TIMEOUT_KEEPALIVE), 0);
	assert_int_equal(status_of(s).error, ETIMEDOUT);
}

/* An ACK that waits when the FIN comes goes at once with the FIN's, so none is left for the timer. */
static void delayed_ack_before_fin(struct script *s, const struct place *p)
{
	(void)p;
	to_established(s);
	in(s, "P. 1:6(5) ack 1 win 65535");
	pass(s, s->config.delayed_ack / 2);
	quiet(s);
	in(s, "F. 6:6(0) ack 1 win 65535");
	out(s, ". 1:1(0) ack 7");
	pass(s, MS(500));
	quiet(s);
}

/* ---- Fast Open: text is there before ESTABLISHED */

static void to_early_text(struct script *s)
{
	char digits[33];

	s->tcp->config.fast_open = 3;
	to_listen(s);
	assert_int_equal(tcp_option_set(s->tcp, s->listener, ELEVEN_OPTION_FAST_OPEN, 4, s->now), 0);
	in(s, "S 0:0(0) win 65535 <mss 1460,FO,nop,nop>");
	out(s, "S. 0:0(0) ack 1 <...>");
	assert_int_equal(s->last.options.fast_open_bytes, 8);
	for (unsigned i = 0; i < 8; i++)
		snprintf(digits + 2 * i, 3, "%02x", s->last.options.fast_open[i]);
	in(s, "R 1:1(0)");
	s->our_iss_known = false;
	in_f(s, "S 0:50(50) win 65535 <mss 1460,FO %s,nop,nop>", digits);
	out(s, "S. 0:0(0) ack 51 <mss 1460>");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	state_is(s, ELEVEN_SYN_RECEIVED);
}

static void early_text_taken(struct script *s, const struct place *p)
{
	char text[100];

	(void)p;
	to_early_text(s);
	assert_int_equal(tcp_receive(s->tcp, s->h, text, sizeof(text), s->now), 50);
}

static void early_text_unread(struct script *s, const struct place *p)
{
	(void)p;
	to_early_text(s);
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	out(s, "R. 1:1(0) ack 51");
	quiet(s);
}

#endif
