/* SPDX-License-Identifier: MIT */
/* Attacks from off the path: RFC 5961 (RST, SYN, ACK), RFC 5927 (ICMP) and path MTU discovery (RFC 1191). */
#include "rfc.h"

/* 5961-§3.2-R1 */
static void test_RST_exact_inside_outside(void **state)
{
	struct script *s = *state;

	to_established(s);
	in(s, "R 0:0(0)");
	in(s, "R 65537:65537(0)");
	quiet(s);
	in(s, "R 2:2(0)");
	out(s, ". 1:1(0) ack 1");
	in(s, "R 65535:65535(0)");
	state_is(s, ELEVEN_ESTABLISHED);
	in(s, "R 1:1(0)");
	quiet(s);
	state_is(s, ELEVEN_CLOSED);
}

/* 5961-§3.2-R2 */
static void test_RST_in_SYN_SENT_needs_the_ACK(void **state)
{
	struct script *s = *state;

	to_syn_sent(s);
	in(s, "R 0:0(0)");
	in(s, "R. 0:0(0) ack 0");
	in(s, "R. 0:0(0) ack 2");
	quiet(s);
	state_is(s, ELEVEN_SYN_SENT);
	in(s, "R. 0:0(0) ack 1");
	state_is(s, ELEVEN_CLOSED);
}

/* 5961-§4.2-R1 */
static void test_SYN_anywhere_is_challenged(void **state)
{
	static const char *const lines[] = { "S 1:1(0) win 9", "S 0:0(0) win 9", "S 70000:70000(0) win 9",
					     "S. 1:1(0) ack 1 win 9", "S 4000000000:4000000000(0) win 9" };

	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct script *s = *state;

		restart(s);
		to_established(s);
		in(s, lines[i]);
		out(s, ". 1:1(0) ack 1");
		quiet(s);
		state_is(s, ELEVEN_ESTABLISHED);
	}
}

/* 5961-§4.2-R2: what the peer that has restarted answers to the challenge is exact. */
static void test_restarted_peer_gets_through(void **state)
{
	struct script *s = *state;

	to_established(s);
	in(s, "P. 1:101(100) ack 1 win 65535");
	drain(s);
	in(s, "S 12345:12345(0) win 65535 <mss 1460>");
	out(s, ". 1:1(0) ack 101");
	in(s, "R 101:101(0)");
	state_is(s, ELEVEN_CLOSED);
	s->our_iss_known = false;
	in(s, "S 12345:12345(0) win 65535 <mss 1460>");
	assert_true(out_any(s) && s->last.syn && s->last.has_ack);
}

/* 5961-§5.2-R1, MAY-12 */
static void test_MAY_12_ACK_must_be_near(void **state)
{
	struct script *s = *state;

	to_established(s);
	for (unsigned i = 1; i <= 140; i++) {
		give(s, 500);
		drain(s);
		in_f(s, ". 1:1(0) ack %u win 1000", 1 + 500 * i);
	}
	s->tcp->config.challenge_ack_interval = 0;
	/* MAX.SND.WND is 65535 */
	in_f(s, "P. 1:11(10) ack %u win 1000", 70001u - 65535u);
	assert_int_equal(take(s), 10);
	in_f(s, "P. 11:21(10) ack %u win 1000", 70001u - 65536u);
	assert_int_equal(taken(s, RULE_ACK_TOO_OLD), 1);
	in(s, "P. 11:21(10) ack 70002 win 1000");
	assert_int_equal(taken(s, RULE_ACK_FUTURE), 1);
	assert_int_equal(take(s), -EAGAIN);
	assert_true(out_any(s));
}

/* 5961-§7-R1: for each connection, and for all together; the limit of all cannot be counted on. */
static void test_challenges_are_throttled(void **state)
{
	struct script *s = *state;
	unsigned sent = 0, before;

	to_established(s);
	for (int i = 0; i < 1000; i++) {
		in(s, "R 2:2(0)");
		while (out_any(s))
			sent++;
		pass(s, MS(1));
	}
	assert_in_range(sent, 2, 3);                    /* one in half a second */
	s->tcp->config.challenge_ack_interval = 0;
	s->tcp->config.challenge_acks_max = 100;
	pass(s, SEC(2));
	for (before = sent = 0; before < 1000; before++) {
		in(s, "R 2:2(0)");
		while (out_any(s))
			sent++;
	}
	assert_in_range(sent, 51, 150);
}

/* 5961-§10-R1: two that disagree do not answer each other for ever. */
static void test_no_endless_exchange_of_ACKs(void **state)
{
	struct script *s = *state;
	unsigned sent = 0;

	to_established(s);
	for (int i = 0; i < 100; i++) {
		in(s, ". 90001:90001(0) ack 90001 win 65535");
		while (out_any(s))
			sent++;
	}
	assert_true(sent <= 1);
}

/* ---- ICMP */

/* 5927-§4.1-R1 */
static void test_ICMP_must_quote_what_is_in_flight(void **state)
{
	struct script *s = *state;

	to_syn_sent(s);
	error_arrives(s, seq_add(s->our_iss, 2), ECONNREFUSED, true, 0);
	error_arrives(s, seq_sub(s->our_iss, 1), ECONNREFUSED, true, 0);
	state_is(s, ELEVEN_SYN_SENT);
	assert_int_equal(taken(s, RULE_ICMP_SEQ_IGNORED), 2);
	error_arrives(s, s->our_iss, ECONNREFUSED, true, 0);
	state_is(s, ELEVEN_CLOSED);
}

/* 5927-§5.2-R1 */
static void test_hard_errors_are_soft_when_synchronized(void **state)
{
	struct script *s = *state;

	to_established(s);
	give(s, 10);
	drain(s);
	error_arrives(s, seq_add(s->our_iss, 1), ECONNREFUSED, true, 0);
	state_is(s, ELEVEN_ESTABLISHED);
	in(s, ". 1:1(0) ack 11 win 65535");
	assert_int_equal(status_of(s).send_queue, 0);
}

static void test_SHLD_26_hard_errors_end_an_open(void **state)
{
	struct script *s = *state;

	to_syn_sent(s);
	error_arrives(s, s->our_iss, EPROTO, true, 0);
	state_is(s, ELEVEN_CLOSED);
	assert_int_equal(take(s), -EPROTO);
	restart(s);
	to_syn_received(s);
	error_arrives(s, s->our_iss, ECONNREFUSED, true, 0);
	state_is(s, ELEVEN_CLOSED);
}

static void test_MUST_56_soft_errors_end_nothing(void **state)
{
	static const int errors[] = { ENETUNREACH, EHOSTUNREACH, ETIMEDOUT, EPROTO };
	struct script *s = *state;

	to_syn_sent(s);
	for (unsigned i = 0; i < 4; i++) {
		error_arrives(s, s->our_iss, errors[i], false, 0);
		state_is(s, ELEVEN_SYN_SENT);
	}
	in(s, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	state_is(s, ELEVEN_ESTABLISHED);
}

/* 5461-§4-R1: where the profile says so, an open fails at the first soft error, and the program can try elsewhere. */
static void test_soft_errors_end_an_open_if_asked_to(void **state)
{
	static const int errors[] = { ENETUNREACH, EHOSTUNREACH };
	struct script *s = *state;

	for (unsigned i = 0; i < 2; i++) {
		s->config.icmp_aborts_open = 1;
		restart(s);
		to_syn_sent(s);
		error_arrives(s, s->our_iss, errors[i], false, 0);
		state_is(s, ELEVEN_CLOSED);
		assert_int_equal(take(s), -errors[i]);
		restart(s);
		to_established(s);
		give(s, 100);
		drain(s);
		error_arrives(s, seq_add(s->our_iss, 1), errors[i], false, 0);
		state_is(s, ELEVEN_ESTABLISHED);
	}
}

static void no_route_arrives(struct script *s, struct seq seq)
{
	struct tcp_error e = { .tuple = { s->us, s->them, s->our_port, s->their_port }, .seq = seq,
			       .error = EHOSTUNREACH, .no_route = true };

	tcp_error_arrives(s->tcp, &e, s->now);
}

/* 6069-§3-R1: each report that the path is cut takes back a doubling, and the segment goes the sooner. */
static void test_unreachable_takes_back_a_doubling(void **state)
{
	struct script *s = *state;
	uint64_t rto;

	to_established(s);
	give(s, 100);
	drain(s);
	rto = status_of(s).rto;
	no_route_arrives(s, seq_add(s->our_iss, 1));            /* nothing was sent again yet */
	assert_int_equal(status_of(s).rto, rto);
	pass_timeout(s);
	pass_timeout(s);
	pass_timeout(s);
	drain(s);
	assert_int_equal(status_of(s).rto, 8 * rto);
	pass(s, 5 * rto);
	no_route_arrives(s, seq_add(s->our_iss, 2));            /* of another segment */
	error_arrives(s, seq_add(s->our_iss, 1), EHOSTUNREACH, false, 0);       /* of another kind: TTL, filters */
	assert_int_equal(status_of(s).rto, 8 * rto);
	quiet(s);
	no_route_arrives(s, seq_add(s->our_iss, 1));            /* 4 RTO are over: now */
	assert_int_equal(taken(s, RULE_ICMP_BACKOFF_UNDONE), 1);
	assert_true(pass_timeout(s) <= MS(1));
	out(s, "P. 1:101(100) ack 1");
	assert_int_equal(status_of(s).rto, 8 * rto);
	assert_int_equal(status_of(s).timer_count, 4);          /* R2 counts on */
	no_route_arrives(s, seq_add(s->our_iss, 1));
	assert_int_equal(status_of(s).rto, 4 * rto);
	no_route_arrives(s, seq_add(s->our_iss, 1));
	no_route_arrives(s, seq_add(s->our_iss, 1));
	no_route_arrives(s, seq_add(s->our_iss, 1));
	assert_int_equal(status_of(s).rto, rto);                /* never below what was measured */

	s->config.disruption_heeded = 0;
	restart(s);
	to_established(s);
	give(s, 100);
	drain(s);
	pass_timeout(s);
	drain(s);
	rto = status_of(s).rto;
	no_route_arrives(s, seq_add(s->our_iss, 1));
	assert_int_equal(status_of(s).rto, rto);
}

static void test_MUST_54_ICMP_finds_its_connection(void **state)
{
	struct script *s = *state;

	to_established(s);
	give(s, 10);
	drain(s);
	s->their_port++;
	error_arrives(s, seq_add(s->our_iss, 1), EHOSTUNREACH, false, 0);
	assert_int_equal(status_of(s).soft_error, 0);
	s->their_port--;
	error_arrives(s, seq_add(s->our_iss, 1), EHOSTUNREACH, false, 0);
	assert_int_equal(status_of(s).soft_error, EHOSTUNREACH);
}

/* ---- path MTU */

/* 1191-§3-R1, 1191-§3-R2: made smaller, never below the least, never larger. */
static void test_fragmentation_needed(void **state)
{
	struct script *s = *state;

	script_of_v4("no path of IPv6 is smaller than 1280");
	to_established(s);
	give(s, 5840);
	drain(s);
	error_arrives(s, seq_add(s->our_iss, 1), EMSGSIZE, false, 1000);
	assert_true(out_any(s));
	assert_int_equal(s->last.text_bytes, 960);
	assert_true(s->last_out.df);
	error_arrives(s, seq_add(s->our_iss, 1), EMSGSIZE, false, 1400);
	assert_int_equal(status_of(s).mss_send, 960);
	error_arrives(s, seq_add(s->our_iss, 1), EMSGSIZE, false, 68);
	assert_int_equal(status_of(s).mss_send, 552 - 40);
	drain(s);
}

/* 1191-§3-R4: nothing larger is tried for five minutes. */
static void test_no_larger_packets_soon(void **state)
{
	struct script *s = *state;

	script_of_v4("no path of IPv6 is smaller than 1280");
	to_established(s);
	give(s, 1460);
	drain(s);
	error_arrives(s, seq_add(s->our_iss, 1), EMSGSIZE, false, 1000);
	drain(s);
	in(s, ". 1:1(0) ack 1461 win 65535");
	pass(s, SEC(300));
	give(s, 1460);
	while (out_any(s))
		assert_true(s->last.text_bytes <= 960);
}

/* 1191-§6.4-R1: one burst of errors, one retransmission; and it is no congestion. */
static void test_errors_about_one_flight_count_once(void **state)
{
	struct script *s = *state;
	uint64_t cwnd;
	unsigned sent = 0;

	to_established(s);
	give(s, 4 * 1460);
	drain(s);
	cwnd = status_of(s).cwnd;
	for (unsigned i = 0; i < 4; i++) {
		error_arrives(s, seq_add(s->our_iss, 1 + 1460 * i), EMSGSIZE, false, 1000);
		while (out_any(s))
			sent += s->last.text_bytes;
	}
	assert_true(sent <= 4 * 1460);
	assert_int_equal(status_of(s).cwnd, cwnd);
}

/* 5681-§3.1-R5: before the first ACK the window shrinks with the segments. */
static void test_first_window_shrinks_with_the_MTU(void **state)
{
	struct script *s = *state;

	script_of_v4("no path of IPv6 is smaller than 1280");
	to_syn_sent(s);
	error_arrives(s, s->our_iss, EMSGSIZE, false, 1000);
	in(s, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	assert_int_equal(status_of(s).cwnd, 10 * 960);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_RST_exact_inside_outside),
		TEST(test_RST_in_SYN_SENT_needs_the_ACK),
		TEST(test_SYN_anywhere_is_challenged),
		TEST(test_restarted_peer_gets_through),
		TEST(test_MAY_12_ACK_must_be_near),
		TEST(test_challenges_are_throttled),
		TEST(test_no_endless_exchange_of_ACKs),
		TEST(test_ICMP_must_quote_what_is_in_flight),
		TEST(test_hard_errors_are_soft_when_synchronized),
		TEST(test_SHLD_26_hard_errors_end_an_open),
		TEST(test_MUST_56_soft_errors_end_nothing),
		TEST(test_soft_errors_end_an_open_if_asked_to),
		TEST(test_unreachable_takes_back_a_doubling),
		TEST(test_MUST_54_ICMP_finds_its_connection),
		TEST(test_fragmentation_needed),
		TEST(test_no_larger_packets_soon),
		TEST(test_errors_about_one_flight_count_once),
		TEST(test_first_window_shrinks_with_the_MTU),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
