/* SPDX-License-Identifier: MIT */
/* Rows of tests/transitions.tsv for timeouts (§3.10.8, §3.8) and for what ICMP says (§3.9.2.2). */
#ifndef TEST_TCP_ROWS_TIMEOUTS_H
#define TEST_TCP_ROWS_TIMEOUTS_H

#include "rows.h"

static bool unacked_text(const struct place *p)
{
	return p->state == ELEVEN_ESTABLISHED || p->state == ELEVEN_CLOSE_WAIT;
}

/* Something must be in flight for a timer to run: text, where no FIN is. */
static void put_in_flight(struct script *s, const struct place *p)
{
	if (unacked_text(p)) {
		give(s, 5);
		out_f(s, "P. %u:%u(5) ack %u", p->ack, p->ack + 5, p->nxt);
	}
}

static void expect_again(struct script *s, const struct place *p)
{
	if (unacked_text(p))
		out_f(s, "P. %u:%u(5) ack %u", p->ack, p->ack + 5, p->nxt);
	else
		out_f(s, "F. %u:%u(0) ack %u", p->ack - 1, p->ack - 1, p->nxt);
	quiet(s);
}

/* ---- user timeout */

static void user_timeout(struct script *s, const struct place *p)
{
	char byte;

	option(s, ELEVEN_OPTION_USER_TIMEOUT, SEC(30));
	put_in_flight(s, p);
	pass(s, SEC(29));
	drain(s);
	assert_int_not_equal(state_now(s), ELEVEN_CLOSED);
	pass(s, SEC(2));
	drain(s);
	assert_int_equal(taken(s, RULE_GIVEN_UP_USER_TIMEOUT), 1);
	assert_true(signals_of(s, s->h) & ELEVEN_SIGNAL_ERROR);
	assert_int_equal(status_of(s).error, ETIMEDOUT);
	if (p->state != ELEVEN_CLOSING && p->state != ELEVEN_LAST_ACK)
		assert_int_equal(tcp_receive(s->tcp, s->h, &byte, 1, s->now), -ETIMEDOUT);
}

static void user_timeout_nothing_sent(struct script *s, const struct place *p)
{
	(void)p;
	option(s, ELEVEN_OPTION_USER_TIMEOUT, SEC(30));
	pass(s, SEC(300));
	quiet(s);
}

/* ---- retransmission */

static void syn_again(struct script *s, const struct place *p)
{
	const char *line = p->state == ELEVEN_SYN_SENT ? "S 0:0(0) <...>" : "S. 0:0(0) ack 1 <...>";

	pass_almost(s, s->config.rto_initial);
	quiet(s);
	pass_rest(s);
	out(s, line);
	pass_almost(s, 2 * s->config.rto_initial);
	quiet(s);
	pass_rest(s);
	out(s, line);
}

static void syn_given_up(struct script *s, const struct place *p)
{
	uint64_t least = s->config.profile == ELEVEN_LINUX ? SEC(100) : SEC(180);
	char byte;

	(void)p;
	pass_almost(s, least);
	drain(s);
	assert_int_not_equal(state_now(s), ELEVEN_CLOSED);
	pass(s, SEC(400));
	drain(s);
	assert_true(signals_of(s, s->h) & ELEVEN_SIGNAL_ERROR);
	assert_int_equal(tcp_receive(s->tcp, s->h, &byte, 1, s->now), -ETIMEDOUT);
}

static void syn_ack_given_up(struct script *s, const struct place *p)
{
	(void)p;
	pass(s, SEC(400));
	drain(s);
	assert_int_equal(taken(s, RULE_GIVEN_UP_SYN_ACK), 1);
	assert_int_equal(s->tcp->syn_received.used, 0);
}

static void again(struct script *s, const struct place *p)
{
	uint64_t rto;

	put_in_flight(s, p);
	rto = status_of(s).rto;
	pass_almost(s, status_of(s).timer_deadline - s->now - s->late);
	quiet(s);
	pass_rest(s);
	expect_again(s, p);
	assert_true(status_of(s).rto >= 2 * rto);
	assert_int_equal(status_of(s).cwnd, status_of(s).mss_send);
}

static void path_suspected(struct script *s, const struct place *p)
{
	put_in_flight(s, p);
	signals_of(s, s->h);
	for (uint64_t i = 0; i < s->config.retries_soft; i++) {
		assert_int_equal(taken(s, RULE_PATH_SUSPECTED), 0);
		pass_until(s, status_of(s).timer_deadline);
		expect_again(s, p);
	}
	assert_int_equal(taken(s, RULE_PATH_SUSPECTED), 1);
	assert_true(signals_of(s, s->h) & ELEVEN_SIGNAL_SOFT_ERROR);
	assert_int_equal(status_of(s).soft_error, ETIMEDOUT);
	pass_until(s, status_of(s).timer_deadline);
	expect_again(s, p);
	assert_int_equal(taken(s, RULE_PATH_SUSPECTED), 1);     /* told once */
}

static void given_up(struct script *s, const struct place *p)
{
	uint64_t started = s->now;

	put_in_flight(s, p);
	for (uint64_t i = 0; i < s->config.retries_max; i++) {
		pass_until(s, status_of(s).timer_deadline);
		expect_again(s, p);
	}
	assert_true(status_of(s).timer_deadline - started >= SEC(100));         /* SHLD-11 */
	pass_until(s, status_of(s).timer_deadline);
	quiet(s);
	assert_int_equal(taken(s, RULE_GIVEN_UP_RETRIES), 1);
	assert_int_equal(status_of(s).error, ETIMEDOUT);
}

static void orphan_given_up(struct script *s, const struct place *p)
{
	(void)p;
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	for (uint64_t i = 0; i < s->config.retries_orphan_max; i++) {
		pass_until(s, tcp_deadline(s->tcp));
		while (!out_any(s))
			pass_until(s, tcp_deadline(s->tcp));
		quiet(s);
	}
	pass(s, SEC(200));
	quiet(s);
	assert_int_equal(taken(s, RULE_GIVEN_UP_ORPHAN), 1);
}

/* ---- the others */

static void orphan_forgotten(struct script *s, const struct place *p)
{
	(void)p;
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	pass_almost(s, s->config.fin_wait_2_timeout);
	state_is(s, ELEVEN_FIN_WAIT_2);
	pass_rest(s);
	quiet(s);
}

static void two_msl(struct script *s, const struct place *p)
{
	pass_almost(s, 2 * s->config.msl);
	state_is(s, p->state);
	pass_rest(s);
	quiet(s);
}

/* The window is shut before what waits may go: text, and the FIN behind it. */
static void persist(struct script *s, const struct place *p)
{
	bool after_fin = p->state == ELEVEN_CLOSE_WAIT || p->state == ELEVEN_LAST_ACK;
	unsigned nxt = after_fin ? 2 : 1;
	uint64_t interval = 0, before;

	if (after_fin)
		to_close_wait(s);
	else
		to_established(s);
	in_f(s, ". %u:%u(0) ack 1 win 0", nxt, nxt);
	give(s, 5);
	if (!unacked_text(p))
		assert_int_equal(tcp_shutdown(s->tcp, s->h, s->now), 0);
	if (p->state == ELEVEN_CLOSING) {
		in_f(s, "F. 1:1(0) ack 1 win 0");
		nxt = 2;
	}
	drain(s);
	state_is(s, p->state);
	for (int i = 0; i < 40; i++) {
		assert_int_equal(status_of(s).timer, ELEVEN_TIMER_PERSIST);
		before = s->now;
		pass_until(s, status_of(s).timer_deadline);
		assert_true(out_any(s));
		assert_true(s->now - before >= interval || interval >= s->config.rto_most);
		interval = s->now - before;
		assert_int_equal(s->last.text_bytes, s->config.probe_text ? 1 : 0);
		in_f(s, ". %u:%u(0) ack 1 win 0", nxt, nxt);
		quiet(s);
	}
	assert_true(interval > SEC(10));
}

static void keepalive(struct script *s, const struct place *p)
{
	option(s, ELEVEN_OPTION_KEEPALIVE_IDLE, SEC(60));
	option(s, ELEVEN_OPTION_KEEPALIVE, 1);
	pass_almost(s, SEC(60));
	quiet(s);
	pass_rest(s);
	out_f(s, ". %u:%u(0) ack %u", p->ack - 1, p->ack - 1, p->nxt);
	quiet(s);
}

static void keepalive_given_up(struct script *s, const struct place *p)
{
	option(s, ELEVEN_OPTION_KEEPALIVE, 1);
	pass(s, s->config.keepalive_idle);
	for (unsigned i = 0; i < s->config.keepalive_probes_max; i++) {
		out_f(s, ". %u:%u(0) ack %u", p->ack - 1, p->ack - 1, p->nxt);
		state_is(s, p->state);
		pass(s, s->config.keepalive_interval);
	}
	out_f(s, "R. %u:%u(0) ack %u", p->ack, p->ack, p->nxt);
	assert_int_equal(status_of(s).error, ETIMEDOUT);
}

static void delayed_ack(struct script *s, const struct place *p)
{
	in_f(s, "P. %u:%u(5) ack 1 win 65535", p->nxt, p->nxt + 5);
	pass_almost(s, s->config.delayed_ack);
	quiet(s);
	pass_rest(s);
	out_f(s, ". %u:%u(0) ack %u", p->ack, p->ack, p->nxt + 5);
	assert_true(s->config.delayed_ack < MS(500));
}

/* ---- ICMP */

static struct seq in_flight(struct script *s, const struct place *p)
{
	put_in_flight(s, p);
	return seq_add(s->our_iss, unacked_text(p) ? p->ack : p->ack - 1);
}

static void icmp_soft(struct script *s, const struct place *p)
{
	struct seq seq = in_flight(s, p);
	bool held = p->state != ELEVEN_SYN_RECEIVED;

	if (held)
		signals_of(s, s->h);
	error_arrives(s, seq, EHOSTUNREACH, false, 0);
	quiet(s);
	if (held && p->state != ELEVEN_FIN_WAIT_2) {
		assert_true(signals_of(s, s->h) & ELEVEN_SIGNAL_SOFT_ERROR);
		assert_int_equal(status_of(s).soft_error, EHOSTUNREACH);
	}
}

static void icmp_aborts(struct script *s, const struct place *p)
{
	bool hard = s->config.profile != ELEVEN_LINUX;

	error_arrives(s, s->our_iss, hard ? ECONNREFUSED : EHOSTUNREACH, hard, 0);
	quiet(s);
	assert_int_equal(taken(s, RULE_GIVEN_UP_ICMP), 1);
	if (p->state == ELEVEN_SYN_SENT)
		assert_int_equal(status_of(s).error, hard ? ECONNREFUSED : EHOSTUNREACH);
	assert_int_equal(s->tcp->syn_received.used, 0);
}

static void icmp_hard(struct script *s, const struct place *p)
{
	struct seq seq = in_flight(s, p);

	error_arrives(s, seq, ECONNREFUSED, true, 0);
	error_arrives(s, seq_sub(seq, 1000), ECONNREFUSED, true, 0);
	quiet(s);
	assert_true(taken(s, RULE_ICMP_SEQ_IGNORED) >= 1);
}

static void icmp_too_big(struct script *s, const struct place *p)
{
	struct seq seq = in_flight(s, p);
	uint64_t cwnd = status_of(s).cwnd;

	error_arrives(s, seq, EMSGSIZE, false, script_is_v6() ? 1300 : 1000);
	if (p->state == ELEVEN_FIN_WAIT_2) {            /* nothing in flight that it could be about */
		assert_int_equal(taken(s, RULE_ICMP_SEQ_IGNORED), 1);
		return;
	}
	assert_int_equal(taken(s, RULE_ICMP_PATH_MTU), 1);
	if (p->state != ELEVEN_SYN_SENT) {
		expect_again(s, p);
		assert_int_equal(status_of(s).mss_send, script_is_v6() ? 1240 : 960);
		assert_int_equal(status_of(s).cwnd, cwnd);
	}
}

static void icmp_ignored(struct script *s, const struct place *p)
{
	(void)p;
	error_arrives(s, seq_add(s->our_iss, 1), ECONNREFUSED, true, 0);
	error_arrives(s, seq_add(s->our_iss, 1), EMSGSIZE, false, script_is_v6() ? 1290 : 600);
	quiet(s);
}

#endif
