/* SPDX-License-Identifier: MIT */
/* Rows of tests/transitions.tsv for SEGMENT ARRIVES in CLOSED, LISTEN, SYN-SENT and SYN-RECEIVED (§3.10.7). */
#ifndef TEST_TCP_ROWS_SEGMENTS_H
#define TEST_TCP_ROWS_SEGMENTS_H

#include "rows.h"

/* ---- CLOSED */

static void closed_rst(struct script *s, const struct place *p)
{
	(void)p;
	in(s, "R 1:1(0)");
	in(s, "R. 1:1(0) ack 5");
	quiet(s);
}

static void closed_no_ack(struct script *s, const struct place *p)
{
	(void)p;
	in(s, "S 0:0(0) win 65535");
	out(s, "R. 0:0(0) ack 1");
	in(s, "SF 0:5(5) win 65535");
	out(s, "R. 0:0(0) ack 7");                      /* SYN and FIN are counted */
	in(s, "- 1:6(5) win 65535");
	out(s, "R. 0:0(0) ack 6");
	quiet(s);
}

static void closed_ack(struct script *s, const struct place *p)
{
	(void)p;
	in(s, "P. 1:6(5) ack 77 win 65535");
	out(s, "R 77:77(0)");
	in(s, "S. 0:0(0) ack 78 win 65535");
	out(s, "R 78:78(0)");
	quiet(s);
}

static void closed_fin(struct script *s, const struct place *p)
{
	(void)p;
	in(s, "F. 1:1(0) ack 77 win 65535");
	out(s, "R 77:77(0)");
	quiet(s);
}

static void closed_checksum(struct script *s, const struct place *p)
{
	(void)p;
	s->checksum_wrong = true;
	in(s, "S 0:0(0) win 65535");
	quiet(s);
	assert_int_equal(taken(s, RULE_SEGMENT_CHECKSUM_BAD), 1);
}

/* ---- LISTEN */

static void listen_rst(struct script *s, const struct place *p)
{
	(void)p;
	in(s, "R 1:1(0)");
	in(s, "SR 1:1(0)");
	quiet(s);
}

static void listen_ack(struct script *s, const struct place *p)
{
	(void)p;
	in(s, ". 1:1(0) ack 7 win 5");
	out(s, "R 7:7(0)");
	in(s, "S. 1:1(0) ack 7 win 5");
	out(s, "R 7:7(0)");
	quiet(s);
}

static void listen_from_itself(struct script *s, const struct place *p)
{
	(void)p;
	s->them = s->us;
	s->their_port = s->our_port;
	in(s, "S 0:0(0) win 65535");
	quiet(s);
}

static void listen_syn(struct script *s, const struct place *p)
{
	(void)p;
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	out(s, "S. 0:0(0) ack 1 <...>");
	assert_true(s->last.options.has_mss);
	quiet(s);
	state_is(s, ELEVEN_SYN_RECEIVED);
	s->h = s->listener;
	assert_int_equal(status_of(s).state, ELEVEN_LISTEN);    /* the listener stays what it is */
}

static void listen_other(struct script *s, const struct place *p)
{
	(void)p;
	in(s, "F 1:1(0) win 5");
	in(s, "- 1:9(8) win 5");
	quiet(s);
}

static void listen_syn_fin(struct script *s, const struct place *p)
{
	(void)p;
	in(s, "SF 0:0(0) win 65535");
	quiet(s);
}

static void listen_full(struct script *s, const struct place *p)
{
	(void)p;
	assert_int_equal(tcp_listen(s->tcp, s->listener, 0, s->now), 0);
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	out(s, "S. 0:0(0) ack 1 <...>");
	in(s, ". 1:1(0) ack 1 win 65535");
	s->their_port++;
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	quiet(s);
	assert_int_equal(taken(s, RULE_LISTEN_BACKLOG_FULL), 1);
}

static void listen_cookie_ack(struct script *s, const struct place *p)
{
	(void)p;
	for (s->their_port = 1; s->their_port <= 100; s->their_port++) {
		in(s, "S 0:0(0) win 65535 <mss 1460>");
		drain(s);
	}
	s->their_port = THEIR_PORT;
	s->our_iss_known = false;
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	out(s, "S. 0:0(0) ack 1 <...>");
	assert_int_equal(state_now(s), ELEVEN_CLOSED);  /* no record */
	in(s, ". 1:1(0) ack 1 win 65535");
	assert_int_equal(taken(s, RULE_LISTEN_COOKIE_ACK), 1);
}

/* ---- SYN-SENT */

static void syn_sent_bad_ack_rst(struct script *s, const struct place *p)
{
	(void)p;
	in(s, "R. 0:0(0) ack 77 win 0");
	in(s, "R. 0:0(0) ack 0 win 0");
	quiet(s);
}

static void syn_sent_bad_ack(struct script *s, const struct place *p)
{
	(void)p;
	in(s, "S. 0:0(0) ack 77 win 1000");
	out(s, "R 77:77(0)");
	in(s, ". 0:0(0) ack 0 win 1000");
	out(s, "R 0:0(0)");
	quiet(s);
	pass(s, s->config.rto_initial);
	out(s, "S 0:0(0) <...>");                       /* and goes on trying */
}

static void syn_sent_refused(struct script *s, const struct place *p)
{
	char byte;

	(void)p;
	in(s, "R. 0:0(0) ack 1 win 0");
	quiet(s);
	assert_true(signals_of(s, s->h) & ELEVEN_SIGNAL_ERROR);
	assert_int_equal(tcp_receive(s->tcp, s->h, &byte, 1, s->now), -ECONNREFUSED);
}

static void syn_sent_rst_without_ack(struct script *s, const struct place *p)
{
	(void)p;
	in(s, "R 0:0(0)");
	quiet(s);
}

static void syn_sent_syn_ack(struct script *s, const struct place *p)
{
	(void)p;
	in(s, "S. 0:0(0) ack 1 win 4321 <mss 1460>");
	out(s, ". 1:1(0) ack 1");
	quiet(s);
	assert_int_equal(status_of(s).snd_wnd, 4321);
	assert_int_equal(status_of(s).timer, ELEVEN_TIMER_NONE);
}

static void syn_sent_syn_ack_fin(struct script *s, const struct place *p)
{
	char text[10];

	(void)p;
	in_text(s, "SFP. 0:4(4) ack 1 win 1000 <mss 1000>", "last");
	out(s, ". 1:1(0) ack 6");
	quiet(s);
	assert_int_equal(tcp_receive(s->tcp, s->h, text, sizeof(text), s->now), 4);
	assert_memory_equal(text, "last", 4);
}

static void syn_sent_crossed(struct script *s, const struct place *p)
{
	(void)p;
	in(s, "S 0:0(0) win 4321 <mss 1460>");
	out(s, "S. 0:0(0) ack 1 <...>");
	quiet(s);
	assert_int_equal(status_of(s).snd_wnd, 4321);
}

static void syn_sent_other(struct script *s, const struct place *p)
{
	(void)p;
	in(s, "P. 1:5(4) ack 1 win 1000");
	in(s, "F 0:0(0) win 1000");
	quiet(s);
}

static void syn_sent_itself(struct script *s, const struct place *p)
{
	(void)p;
	s->them = s->us;
	s->their_port = s->our_port;
	to_syn_sent(s);
	s->their_iss = s->our_iss;
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	out(s, "S. 0:0(0) ack 1 <...>");
	state_is(s, ELEVEN_SYN_RECEIVED);
	in(s, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	drain(s);
	state_is(s, ELEVEN_ESTABLISHED);
}

static void syn_sent_echo_bad(struct script *s, const struct place *p)
{
	s->tcp->config.timestamps = 1;
	p->to(s);
	s->ts = 1000;
	s->ts_echo += 5000;
	in(s, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	out(s, "R 1:1(0)");
	quiet(s);
}

/* ---- SYN-RECEIVED */

static void syn_received_gap(struct script *s, const struct place *p)
{
	(void)p;
	in(s, ". 11:21(10) ack 1 win 65535");
	out(s, ". 1:1(0) ack 1");
	assert_int_equal(taken(s, RULE_TEXT_OUT_OF_ORDER), 1);
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	assert_int_equal(status_of(s).out_of_order, 10);
}

static void syn_received_again(struct script *s, const struct place *p)
{
	(void)p;
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	out(s, "S. 0:0(0) ack 1 <...>");
	quiet(s);
}

static void syn_received_rst(struct script *s, const struct place *p)
{
	(void)p;
	in(s, "R 1:1(0)");
	quiet(s);
}

static void syn_received_rst_active(struct script *s, const struct place *p)
{
	char byte;

	(void)p;
	in(s, "R 1:1(0)");
	quiet(s);
	assert_int_equal(tcp_receive(s->tcp, s->h, &byte, 1, s->now),
			 s->config.profile == ELEVEN_LINUX ? -ECONNRESET : -ECONNREFUSED);
}

static void syn_received_syn(struct script *s, const struct place *p)
{
	(void)p;
	in(s, "S 5:5(0) win 65535 <mss 1460>");
	quiet(s);
}

static void syn_received_syn_active(struct script *s, const struct place *p)
{
	in(s, "S 5:5(0) win 65535 <mss 1460>");
	answers_ack(s, p);
}

static void syn_received_crossed(struct script *s, const struct place *p)
{
	(void)p;
	in(s, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	assert_true(signals_of(s, s->h) & ELEVEN_SIGNAL_CONNECTED);
	drain(s);
}

static void syn_received_third_ack(struct script *s, const struct place *p)
{
	(void)p;
	in(s, ". 1:1(0) ack 1 win 4321");
	quiet(s);
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	assert_int_equal(status_of(s).snd_wnd, 4321);
}

static void syn_received_bad_ack(struct script *s, const struct place *p)
{
	(void)p;
	in(s, ". 1:1(0) ack 77 win 1000");
	out(s, "R 77:77(0)");
	in(s, ". 1:1(0) ack 0 win 1000");
	out(s, "R 0:0(0)");
	quiet(s);
}

/* The second of two requests finds the accept queue full when its third ACK comes. */
static void syn_received_queue_full(struct script *s, const struct place *p)
{
	(void)p;
	to_listen(s);
	assert_int_equal(tcp_listen(s->tcp, s->listener, 0, s->now), 0);
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	out(s, "S. 0:0(0) ack 1 <...>");
	s->their_port++;
	s->our_iss_known = false;
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	assert_true(out_any(s));
	s->their_port--;
	s->our_iss_known = false;
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	assert_true(out_any(s));
	in(s, ". 1:1(0) ack 1 win 65535");
	s->their_port++;
	s->our_iss_known = false;
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	assert_true(out_any(s));
	in(s, ". 1:1(0) ack 1 win 65535");
	quiet(s);
	pass(s, s->config.rto_initial);
	out(s, "S. 0:0(0) ack 1 <...>");
}

static void syn_received_deferred(struct script *s, const struct place *p)
{
	(void)p;
	to_listen(s);
	assert_int_equal(tcp_option_set(s->tcp, s->listener, ELEVEN_OPTION_DEFER_ACCEPT, SEC(10), s->now), 0);
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	out(s, "S. 0:0(0) ack 1 <...>");
	in(s, ". 1:1(0) ack 1 win 65535");
	quiet(s);
	state_is(s, ELEVEN_SYN_RECEIVED);
	in(s, "P. 1:6(5) ack 1 win 65535");
	state_is(s, ELEVEN_ESTABLISHED);
}

static void syn_received_echo_bad(struct script *s, const struct place *p)
{
	to_with_timestamps(s, p);
	s->ts_echo += 5000;
	in(s, ". 1:1(0) ack 1 win 65535");
	answers_ack(s, p);
}

static void syn_received_fin(struct script *s, const struct place *p)
{
	char byte;

	(void)p;
	in(s, "F. 1:1(0) ack 1 win 65535");
	out(s, ". 1:1(0) ack 2");
	quiet(s);
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	assert_int_equal(tcp_receive(s->tcp, s->h, &byte, 1, s->now), 0);
}

static void syn_received_fin_without_ack(struct script *s, const struct place *p)
{
	(void)p;
	in(s, "F 1:1(0) win 65535");
	quiet(s);
}

#endif
