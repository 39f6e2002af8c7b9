/* SPDX-License-Identifier: MIT */
/*
 * What arrives in each synchronized state and is not what the peer should send: the checks of
 * §3.10.7.4 First to Fifth with RFC 5961 and RFC 7323, each row in every state it is for.
 */
#include "script.h"

/* One state to be in; `nxt` is RCV.NXT and `ack` SND.NXT there, relative. */
static const struct place {
	enum eleven_state state;
	void (*to)(struct script *);
	unsigned nxt, ack;
} places[] = {
	{ ELEVEN_ESTABLISHED, to_established, 1, 1 },
	{ ELEVEN_FIN_WAIT_1, to_fin_wait_1, 1, 2 },
	{ ELEVEN_FIN_WAIT_2, to_fin_wait_2, 1, 2 },
	{ ELEVEN_CLOSE_WAIT, to_close_wait, 2, 1 },
	{ ELEVEN_CLOSING, to_closing, 2, 2 },
	{ ELEVEN_LAST_ACK, to_last_ack, 2, 2 },
	{ ELEVEN_TIME_WAIT, to_time_wait, 2, 2 },
};
#define PLACES (sizeof(places) / sizeof(places[0]))

static void challenge_at(struct script *s, const struct place *p, const char *file, int at)
{
	char line[100];

	snprintf(line, sizeof(line), ". %u:%u(0) ack %u", p->ack, p->ack, p->nxt);
	out_at(s, line, file, at);
	quiet_at(s, file, at);
	state_at(s, p->state, file, at);
}
#define challenge(s, p) challenge_at(s, p, __FILE__, __LINE__)

static void each(void (*one)(struct script *, const struct place *), enum eleven_profile profile)
{
	for (unsigned i = 0; i < PLACES; i++) {
		struct script s;

		script_config(&s, profile);
		script_begin(&s);
		places[i].to(&s);
		one(&s, &places[i]);
		script_end(&s);
	}
}

static void rst_exact(struct script *s, const struct place *p)
{
	in_f(s, "R %u:%u(0)", p->nxt, p->nxt);
	quiet(s);
	if (p->state == ELEVEN_TIME_WAIT) {
		state_is(s, ELEVEN_TIME_WAIT);
		assert_int_equal(taken(s, RULE_RST_TIME_WAIT_KEPT), 1);
		return;
	}
	state_is(s, ELEVEN_CLOSED);
	if (p->state == ELEVEN_CLOSING || p->state == ELEVEN_LAST_ACK) {
		assert_int_equal(taken(s, RULE_RST_CLOSED), 1);
	} else {
		char byte;

		assert_int_equal(taken(s, RULE_RST_RESET), 1);
		assert_true(signals_of(s, s->h) & ELEVEN_SIGNAL_ERROR);
		assert_int_equal(tcp_receive(s->tcp, s->h, &byte, 1, s->now), -ECONNRESET);
		assert_int_equal(tcp_receive(s->tcp, s->h, &byte, 1, s->now), 0);
		assert_int_equal(tcp_send(s->tcp, s->h, "x", 1, 0, s->now), -EPIPE);
	}
}

static void test_RST_at_RCV_NXT_resets(void **state)
{
	(void)state;
	each(rst_exact, ELEVEN_MODERN);
}

static void rst_inside(struct script *s, const struct place *p)
{
	in_f(s, "R %u:%u(0)", p->nxt + 1, p->nxt + 1);
	challenge(s, p);
	in_f(s, "R %u:%u(0)", p->nxt + 2, p->nxt + 2);
	if (p->state != ELEVEN_TIME_WAIT || !s->tcp->time_wait.used)
		quiet(s);
	assert_true(taken(s, RULE_CHALLENGE_LIMITED) <= 1);
}

static void test_5961_RST_inside_the_window_is_challenged_once(void **state)
{
	(void)state;
	each(rst_inside, ELEVEN_MODERN);
}

static void rst_outside(struct script *s, const struct place *p)
{
	in_f(s, "R %u:%u(0)", p->nxt - 1, p->nxt - 1);
	quiet(s);
	in_f(s, "R %u:%u(0)", p->nxt + 100000, p->nxt + 100000);
	quiet(s);
	state_is(s, p->state);
	assert_int_equal(taken(s, RULE_SEQ_UNACCEPTABLE_RST), 2);
}

static void test_RST_outside_the_window_is_dropped(void **state)
{
	(void)state;
	each(rst_outside, ELEVEN_MODERN);
}

static void syn_inside(struct script *s, const struct place *p)
{
	in_f(s, "S %u:%u(0) win %u", p->nxt, p->nxt, 1000);
	challenge(s, p);
	assert_int_equal(taken(s, RULE_SYN_CHALLENGE), 1);
}

static void test_5961_SYN_in_synchronized_states_is_challenged(void **state)
{
	(void)state;
	each(syn_inside, ELEVEN_MODERN);
}

static void outside(struct script *s, const struct place *p)
{
	in_f(s, ". %u:%u(10) ack 1 win 1000", p->nxt + 100000, p->nxt + 100010);
	challenge(s, p);
	in_f(s, ". %u:%u(10) ack 1 win 1000", p->nxt - 10, p->nxt);
	challenge(s, p);
	assert_int_equal(taken(s, RULE_SEQ_UNACCEPTABLE), 2);
}

static void test_text_outside_the_window_is_acknowledged_and_dropped(void **state)
{
	(void)state;
	each(outside, ELEVEN_MODERN);
}

static void no_ack(struct script *s, const struct place *p)
{
	in_f(s, "- %u:%u(5) win %u", p->nxt, p->nxt + 5, 1000);
	quiet(s);
	state_is(s, p->state);
	assert_int_equal(taken(s, RULE_ACK_MISSING), 1);
	in_f(s, "F %u:%u(0) win %u", p->nxt, p->nxt, 1000);
	quiet(s);
	state_is(s, p->state);
}

static void test_segments_without_ACK_are_dropped(void **state)
{
	(void)state;
	each(no_ack, ELEVEN_MODERN);
}

static void ack_future(struct script *s, const struct place *p)
{
	in_f(s, ". %u:%u(0) ack %u win 1000", p->nxt, p->nxt, p->ack + 1);
	challenge(s, p);
	assert_int_equal(taken(s, RULE_ACK_FUTURE), 1);
	in_f(s, "P. %u:%u(5) ack %u win 1000", p->nxt, p->nxt + 5, p->ack + 1);
	challenge(s, p);
}

static void test_ACK_of_what_was_never_sent_is_answered_and_dropped(void **state)
{
	(void)state;
	each(ack_future, ELEVEN_MODERN);
}

static void ack_old(struct script *s, const struct place *p)
{
	in_f(s, "P. %u:%u(5) ack %u win 1000", p->nxt, p->nxt + 5, p->ack - 100000);
	challenge(s, p);
	assert_int_equal(taken(s, RULE_ACK_TOO_OLD), 1);
}

static void test_5961_ACK_below_the_largest_window_is_challenged(void **state)
{
	(void)state;
	each(ack_old, ELEVEN_MODERN);
}

static void fin_again(struct script *s, const struct place *p)
{
	if (p->nxt != 2)
		return;
	in_f(s, "F. 1:1(0) ack %u win %u", p->ack > 1 && p->state != ELEVEN_TIME_WAIT ? 1 : p->ack, 1000);
	challenge(s, p);
}

static void test_FIN_again_is_acknowledged_and_nothing_changes(void **state)
{
	(void)state;
	each(fin_again, ELEVEN_MODERN);
}

static void linux_edges(struct script *s, const struct place *p)
{
	struct eleven_status status;

	if (p->state == ELEVEN_TIME_WAIT)
		return;
	assert_int_equal(tcp_status(s->tcp, s->h, &status), 0);
	in_f(s, "R %u:%u(0)", p->nxt + status.rcv_wnd, p->nxt + status.rcv_wnd);
	challenge(s, p);
	in_f(s, "R %u:%u(0)", p->nxt - 1, p->nxt - 1);
	quiet(s);
	state_is(s, p->nxt == 2 ? ELEVEN_CLOSED : p->state);
}

static void test_linux_RST_at_the_edges(void **state)
{
	(void)state;
	each(linux_edges, ELEVEN_LINUX);
}

/* ---- PAWS */

static void test_7323_old_timestamp_is_dropped_and_acknowledged(void **state)
{
	struct script s;

	(void)state;
	script_config(&s, ELEVEN_MODERN);
	s.config.timestamps = 1;
	script_begin(&s);
	s.ts = 1000;
	to_listen(&s);
	in(&s, "S 0:0(0) win 65535 <mss 1460>");
	out(&s, "S. 0:0(0) ack 1 <...>");
	assert_int_equal(s.last.options.tsecr, 1000);
	s.ts = 1001;
	in(&s, ". 1:1(0) ack 1 win 65535");
	assert_int_equal(tcp_accept(s.tcp, s.listener, &s.h, s.now), 0);
	s.ts = 999;
	in(&s, "P. 1:6(5) ack 1 win 65535");
	out(&s, ". 1:1(0) ack 1 <...>");
	assert_int_equal(s.last.options.tsecr, 1001);
	assert_int_equal(taken(&s, RULE_PAWS_DROPPED), 1);
	s.ts = 0;
	in(&s, "P. 1:6(5) ack 1 win 65535");
	quiet(&s);
	assert_int_equal(taken(&s, RULE_TIMESTAMP_MISSING), 1);
	s.ts = 1002;
	in(&s, "P. 1:6(5) ack 1 win 65535");
	pass(&s, s.config.delayed_ack);
	out(&s, ". 1:1(0) ack 6 <...>");
	assert_int_equal(s.last.options.tsecr, 1002);
	s.ts = 0;
	in(&s, "R 6:6(0)");
	state_is(&s, ELEVEN_CLOSED);
	script_end(&s);
}

/* ---- SYN-SENT and SYN-RECEIVED */

static void test_SYN_SENT_rows(void **state)
{
	struct script s;

	(void)state;
	script_config(&s, ELEVEN_MODERN);
	script_begin(&s);
	to_syn_sent(&s);
	in(&s, "R. 0:0(0) ack 77 win 0");               /* T: ACK not of our SYN, RST */
	in(&s, "R 0:0(0)");                             /* RST without ACK */
	in(&s, "P. 1:5(4) ack 1 win 1000");             /* neither SYN nor RST */
	quiet(&s);
	state_is(&s, ELEVEN_SYN_SENT);
	in(&s, "S. 0:0(0) ack 77 win 1000");
	out(&s, "R 77:77(0)");
	in(&s, "S. 0:0(0) ack 0 win 1000");
	out(&s, "R 0:0(0)");
	quiet(&s);
	state_is(&s, ELEVEN_SYN_SENT);
	in(&s, "FP. 0:4(4) ack 1 win 1000");
	state_is(&s, ELEVEN_SYN_SENT);
	in(&s, "SFP. 0:4(4) ack 1 win 1000 <mss 1000>");
	state_is(&s, ELEVEN_CLOSE_WAIT);
	out(&s, ". 1:1(0) ack 6");
	script_end(&s);
}

static void test_SYN_RECEIVED_rows(void **state)
{
	struct script s;

	(void)state;
	script_config(&s, ELEVEN_MODERN);
	script_begin(&s);
	to_syn_received(&s);
	in(&s, "S 0:0(0) win 65535 <mss 1460>");        /* the peer's SYN again */
	out(&s, "S. 0:0(0) ack 1 <...>");
	in(&s, "R 9:9(0)");                             /* inside the window */
	out(&s, ". 1:1(0) ack 1");
	in(&s, ". 1:1(0) ack 77 win 1000");
	out(&s, "R 77:77(0)");
	in(&s, "- 1:1(0) win 1000");
	quiet(&s);
	state_is(&s, ELEVEN_SYN_RECEIVED);
	in(&s, "R 1:1(0)");
	quiet(&s);
	assert_int_equal(taken(&s, RULE_RST_LISTEN), 1);
	assert_int_equal(s.tcp->syn_received.used, 0);
	in(&s, "S 0:0(0) win 65535 <mss 1460>");
	out_any(&s);
	in(&s, "S 5:5(0) win 65535 <mss 1460>");        /* another SYN, in the window: back to LISTEN */
	quiet(&s);
	assert_int_equal(taken(&s, RULE_SYN_LISTEN), 1);
	assert_int_equal(s.tcp->syn_received.used, 0);
	script_end(&s);
}

/* Linux answers in TIME-WAIT what has no ACK, unless it says nothing at all. */
static void test_linux_TIME_WAIT_without_ACK(void **state)
{
	struct script s;

	(void)state;
	script_config(&s, ELEVEN_LINUX);
	script_begin(&s);
	to_time_wait(&s);
	in(&s, "- 2:2(0) win 1000");
	quiet(&s);
	in(&s, "- 2:7(5) win 1000");
	out(&s, ". 2:2(0) ack 2");
	in(&s, "F 2:2(0) win 1000");
	out(&s, ". 2:2(0) ack 2");
	state_is(&s, ELEVEN_TIME_WAIT);
	script_end(&s);
}

static void test_LISTEN_rows(void **state)
{
	struct script s;

	(void)state;
	script_config(&s, ELEVEN_MODERN);
	script_begin(&s);
	to_listen(&s);
	s.our_iss = seq_of(9);
	in(&s, "R 1:1(0)");
	in(&s, "SR 1:1(0)");
	quiet(&s);
	in(&s, ". 1:1(0) ack 7 win 5");
	out(&s, "R 7:7(0)");
	in(&s, "S. 1:1(0) ack 7 win 5");
	out(&s, "R 7:7(0)");
	in(&s, "F 1:1(0) win 5");
	in(&s, "- 1:9(8) win 5");
	quiet(&s);
	assert_int_equal(s.tcp->syn_received.used, 0);
	in(&s, "SF 0:0(0) win 65535 <mss 1460>");
	out_any(&s);
	assert_true(s.last.syn && s.last.has_ack);
	script_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_RST_at_RCV_NXT_resets),
		cmocka_unit_test(test_5961_RST_inside_the_window_is_challenged_once),
		cmocka_unit_test(test_RST_outside_the_window_is_dropped),
		cmocka_unit_test(test_5961_SYN_in_synchronized_states_is_challenged),
		cmocka_unit_test(test_text_outside_the_window_is_acknowledged_and_dropped),
		cmocka_unit_test(test_segments_without_ACK_are_dropped),
		cmocka_unit_test(test_ACK_of_what_was_never_sent_is_answered_and_dropped),
		cmocka_unit_test(test_5961_ACK_below_the_largest_window_is_challenged),
		cmocka_unit_test(test_FIN_again_is_acknowledged_and_nothing_changes),
		cmocka_unit_test(test_linux_RST_at_the_edges),
		cmocka_unit_test(test_7323_old_timestamp_is_dropped_and_acknowledged),
		cmocka_unit_test(test_SYN_SENT_rows),
		cmocka_unit_test(test_SYN_RECEIVED_rows),
		cmocka_unit_test(test_linux_TIME_WAIT_without_ACK),
		cmocka_unit_test(test_LISTEN_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
