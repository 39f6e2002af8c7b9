/* SPDX-License-Identifier: MIT */
/* Rows of tests/transitions.tsv whose event is a user call (§3.10.1 to §3.10.6) or a socket's. */
#ifndef TEST_TCP_ROWS_CALLS_H
#define TEST_TCP_ROWS_CALLS_H

#include "rows.h"

/* ---- OPEN */

static void open_passive(struct script *s, const struct place *p)
{
	(void)p;
	to_listen(s);
	quiet(s);
}

static void open_active(struct script *s, const struct place *p)
{
	(void)p;
	to_syn_sent(s);
	quiet(s);
	assert_int_equal(status_of(s).snd_una, s->our_iss.value);
	assert_int_equal(status_of(s).snd_nxt, s->our_iss.value + 1);
	assert_int_equal(status_of(s).timer, ELEVEN_TIMER_SYN);
	assert_int_equal(status_of(s).timer_deadline, s->now + s->config.rto_initial);
}

static void open_no_room(struct script *s, const struct place *p)
{
	(void)p;
	for (uint64_t i = 0; i < s->config.connections_max; i++)
		assert_int_equal(tcp_open(s->tcp, &s->h, s->now), 0);
	assert_int_equal(tcp_open(s->tcp, &s->h, s->now), -ENOBUFS);
}

static void open_active_on_listener(struct script *s, const struct place *p)
{
	(void)p;
	assert_int_equal(tcp_connect(s->tcp, s->listener, &s->us, 0, &s->them, s->their_port, s->now), -EOPNOTSUPP);
	quiet(s);
}

static void open_passive_again(struct script *s, const struct place *p)
{
	struct address any = script_address(0);

	(void)p;
	to_open(s);
	assert_int_equal(tcp_bind(s->tcp, s->h, &any, s->our_port, 0, s->now), -EADDRINUSE);
	in(s, "S 0:0(0) win 65535 <mss 1460>");         /* the first one is not disturbed */
	out(s, "S. 0:0(0) ack 1 <...>");
	in(s, "R 1:1(0)");
}

static void open_again(struct script *s, const struct place *p)
{
	int error = tcp_connect(s->tcp, s->h, &s->us, 0, &s->them, s->their_port, s->now);

	assert_int_equal(error, p->state == ELEVEN_SYN_SENT || p->state == ELEVEN_SYN_RECEIVED ? -EALREADY : -EISCONN);
	assert_int_equal(tcp_listen(s->tcp, s->h, 5, s->now), -EINVAL);
	quiet(s);
}

/* ---- SEND */

static void send_no_connection(struct script *s, const struct place *p)
{
	if (p->state == ELEVEN_CLOSED)
		to_open(s);
	assert_int_equal(tcp_send(s->tcp, p->state == ELEVEN_LISTEN ? s->listener : s->h, "x", 1, 0, s->now),
			 -ENOTCONN);
	quiet(s);
}

static void send_queued(struct script *s, const struct place *p)
{
	(void)p;
	assert_int_equal(tcp_send(s->tcp, s->h, "hello", 5, 0, s->now), 5);
	quiet(s);
	assert_int_equal(status_of(s).send_queue, 5);
	assert_int_equal(status_of(s).unsent, 5);
}

static void send_no_space(struct script *s, const struct place *p)
{
	uint32_t given = 0;
	int64_t n;

	(void)p;
	option(s, ELEVEN_OPTION_SEND_BUFFER, 4096);
	while ((n = tcp_send(s->tcp, s->h, zeros, 3000, 0, s->now)) > 0)
		given += (uint32_t)n;
	assert_int_equal(n, -EAGAIN);
	assert_int_equal(given, 4096);
	drain(s);
}

static void send_text(struct script *s, const struct place *p)
{
	option(s, ELEVEN_OPTION_NODELAY, 1);
	assert_int_equal(tcp_send(s->tcp, s->h, "hello", 5, 0, s->now), 5);
	out_f(s, "P. %u:%u(5) ack %u", p->ack, p->ack + 5, p->nxt);
	assert_memory_equal(s->last_text, "hello", 5);
	assert_int_equal(tcp_send(s->tcp, s->h, "abc", 3, ELEVEN_SEND_URGENT, s->now), 3);
	assert_true(out_any(s));
	assert_true(s->last.urg);
	assert_int_equal(s->last.urgent, 3);
	quiet(s);
}

static void send_closing(struct script *s, const struct place *p)
{
	(void)p;
	assert_int_equal(tcp_send(s->tcp, s->h, "x", 1, 0, s->now), -EPIPE);
	quiet(s);
}

/* ---- RECEIVE */

static void receive_no_connection(struct script *s, const struct place *p)
{
	char byte;

	if (p->state == ELEVEN_CLOSED)
		to_open(s);
	assert_int_equal(tcp_receive(s->tcp, p->state == ELEVEN_LISTEN ? s->listener : s->h, &byte, 1, s->now),
			 -ENOTCONN);
}

static void receive_nothing_yet(struct script *s, const struct place *p)
{
	char byte;

	(void)p;
	assert_int_equal(tcp_receive(s->tcp, s->h, &byte, 1, s->now), -EAGAIN);
	quiet(s);
}

static void receive_text(struct script *s, const struct place *p)
{
	char text[10];
	char line[100];

	signals_of(s, s->h);
	snprintf(line, sizeof(line), "P. %u:%u(5) ack %u win 65535", p->nxt, p->nxt + 5, 1);
	in_text(s, line, "hello");
	assert_true(signals_of(s, s->h) & ELEVEN_SIGNAL_RECEIVE);
	assert_int_equal(tcp_receive(s->tcp, s->h, text, sizeof(text), s->now), 5);
	assert_memory_equal(text, "hello", 5);
	drain(s);
}

static void receive_before_the_end(struct script *s, const struct place *p)
{
	char text[10];

	(void)p;
	to_established(s);
	in_text(s, "FP. 1:6(5) ack 1 win 65535", "hello");
	drain(s);
	state_is(s, ELEVEN_CLOSE_WAIT);
	assert_int_equal(tcp_receive(s->tcp, s->h, text, sizeof(text), s->now), 5);
	assert_memory_equal(text, "hello", 5);
	assert_int_equal(tcp_receive(s->tcp, s->h, text, sizeof(text), s->now), 0);
}

static void receive_end(struct script *s, const struct place *p)
{
	char byte;

	(void)p;
	assert_int_equal(tcp_receive(s->tcp, s->h, &byte, 1, s->now), 0);
}

/* ---- CLOSE and ABORT */

static void close_no_connection(struct script *s, const struct place *p)
{
	(void)p;
	to_open(s);
	assert_int_equal(tcp_shutdown(s->tcp, s->h, s->now), -ENOTCONN);
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), -EBADF);
}

static void close_listener(struct script *s, const struct place *p)
{
	(void)p;
	assert_int_equal(tcp_close(s->tcp, s->listener, s->now), 0);
	assert_int_equal(tcp_close(s->tcp, s->listener, s->now), -EBADF);
	quiet(s);
}

static void close_syn_sent(struct script *s, const struct place *p)
{
	(void)p;
	assert_int_equal(tcp_send(s->tcp, s->h, "hello", 5, 0, s->now), 5);
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	quiet(s);
	in(s, "S. 0:0(0) ack 1 win 65535 <mss 1460>");  /* of no connection any more */
	out(s, "R 1:1(0)");
}

static void close_syn_received(struct script *s, const struct place *p)
{
	(void)p;
	assert_int_equal(tcp_shutdown(s->tcp, s->h, s->now), 0);
	out(s, "F. 1:1(0) ack 1");
	quiet(s);
}

static void close_syn_received_with_text(struct script *s, const struct place *p)
{
	(void)p;
	assert_int_equal(tcp_send(s->tcp, s->h, "hello", 5, 0, s->now), 5);
	assert_int_equal(tcp_shutdown(s->tcp, s->h, s->now), 0);
	quiet(s);
}

static void close_with_text_unsent(struct script *s, const struct place *p)
{
	(void)p;
	in(s, ". 1:1(0) ack 1 win 0");
	give(s, 10);
	quiet(s);
	assert_int_equal(tcp_shutdown(s->tcp, s->h, s->now), 0);
	quiet(s);                                       /* the FIN waits behind the text */
	state_is(s, ELEVEN_FIN_WAIT_1);
	in(s, ". 1:1(0) ack 1 win 65535");
	out(s, "FP. 1:11(10) ack 1");
}

static void close_again(struct script *s, const struct place *p)
{
	(void)p;
	assert_int_equal(tcp_shutdown(s->tcp, s->h, s->now), 0);
	quiet(s);
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	quiet(s);
}

static void close_sends_fin(struct script *s, const struct place *p)
{
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	out_f(s, "F. %u:%u(0) ack %u", p->ack, p->ack, p->nxt);
	quiet(s);
}

static void shutdown_sends_fin(struct script *s, const struct place *p)
{
	assert_int_equal(tcp_shutdown(s->tcp, s->h, s->now), 0);
	out_f(s, "F. %u:%u(0) ack %u", p->ack, p->ack, p->nxt);
	quiet(s);
}

static void shutdown_silent(struct script *s, const struct place *p)
{
	(void)p;
	assert_int_equal(tcp_shutdown(s->tcp, s->h, s->now), 0);
	quiet(s);
}

static void close_unread(struct script *s, const struct place *p)
{
	bool after = p->state == ELEVEN_CLOSE_WAIT;

	if (after)
		to_established(s);
	else
		p->to(s);
	in(s, after ? "FP. 1:6(5) ack 1 win 65535" : "P. 1:6(5) ack 1 win 65535");
	drain(s);
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	out_f(s, "R. %u:%u(0) ack %u", p->ack, p->ack, after ? 7 : 6);
	quiet(s);
}

static void close_linger_reset(struct script *s, const struct place *p)
{
	option(s, ELEVEN_OPTION_LINGER_RESET, 1);
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	out_f(s, "R. %u:%u(0) ack %u", p->ack, p->ack, p->nxt);
	quiet(s);
}

/* The FIN cannot go: the window is shut. */
static void close_linger_reset_unsent(struct script *s, const struct place *p)
{
	if (p->state == ELEVEN_LAST_ACK)
		to_close_wait(s);
	else
		to_established(s);
	in_f(s, ". %u:%u(0) ack 1 win 0", p->state == ELEVEN_LAST_ACK ? 2 : 1, p->state == ELEVEN_LAST_ACK ? 2 : 1);
	give(s, 5);
	assert_int_equal(tcp_shutdown(s->tcp, s->h, s->now), 0);
	if (p->state == ELEVEN_CLOSING)
		in(s, "F. 1:1(0) ack 1 win 0");
	drain(s);
	state_is(s, p->state);
	option(s, ELEVEN_OPTION_LINGER_RESET, 1);
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	out(s, "R. 1:1(0) ack 2");
}

static void close_listener_with_children(struct script *s, const struct place *p)
{
	(void)p;
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	out(s, "S. 0:0(0) ack 1 <...>");
	in(s, ". 1:1(0) ack 1 win 65535");
	s->their_port++;
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	assert_true(out_any(s));
	assert_int_equal(tcp_close(s->tcp, s->listener, s->now), 0);
	out(s, "R. 1:1(0) ack 1");                      /* the one not accepted; the half-open one goes silently */
	quiet(s);
	assert_int_equal(s->tcp->syn_received.used, 0);
}

static void close_orphans(struct script *s, const struct place *p)
{
	(void)p;
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	quiet(s);
	assert_true(tcp_deadline(s->tcp) <= s->now + s->config.fin_wait_2_timeout);
}

static void abort_no_connection(struct script *s, const struct place *p)
{
	(void)p;
	to_open(s);
	assert_int_equal(tcp_abort(s->tcp, s->h, s->now), 0);
	assert_int_equal(tcp_abort(s->tcp, s->h, s->now), -EBADF);
	quiet(s);
}

static void abort_listener(struct script *s, const struct place *p)
{
	(void)p;
	assert_int_equal(tcp_abort(s->tcp, s->listener, s->now), 0);
	quiet(s);
}

static void abort_resets(struct script *s, const struct place *p)
{
	assert_int_equal(tcp_abort(s->tcp, s->h, s->now), 0);
	out_f(s, "R. %u:%u(0) ack %u", p->ack, p->ack, p->nxt);
	quiet(s);
	assert_int_equal(tcp_send(s->tcp, s->h, "x", 1, 0, s->now), -EBADF);
}

static void abort_silent(struct script *s, const struct place *p)
{
	(void)p;
	assert_int_equal(tcp_abort(s->tcp, s->h, s->now), 0);
	quiet(s);
}

/* ---- STATUS */

static void status_closed(struct script *s, const struct place *p)
{
	struct eleven_status status;

	(void)p;
	to_open(s);
	assert_int_equal(tcp_status(s->tcp, s->h, &status), 0);
	assert_int_equal(status.state, ELEVEN_CLOSED);
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	assert_int_equal(tcp_status(s->tcp, s->h, &status), -EBADF);
}

static void status_tells(struct script *s, const struct place *p)
{
	struct eleven_status status;
	uint64_t cursor = 0;

	while (tcp_status_next(s->tcp, &cursor, &status) && status.state != p->state)
		;
	assert_int_equal(status.state, p->state);
	assert_int_equal(status.local.port, s->our_port);
	if (p->state == ELEVEN_LISTEN) {
		assert_int_equal(status.send_queue, 5);
		return;
	}
	assert_int_equal(status.remote.port, s->their_port);
	assert_int_equal(status.snd_nxt, s->our_iss.value + p->ack);
	if (p->state == ELEVEN_SYN_SENT)
		return;
	assert_int_equal(status.rcv_nxt, s->their_iss.value + p->nxt);
	if (p->state != ELEVEN_TIME_WAIT)
		assert_int_equal(status.snd_wnd, 65535);
	assert_true(status.rcv_wnd >= 60000);
}

#endif
