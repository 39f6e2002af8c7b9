/* SPDX-License-Identifier: MIT */
/* RFC 3168 §6.1.1: who does ECN with whom, and who does not. */
#include "marks.h"

/* The passive end: what each SYN is answered with, and whether text is capable then. */
static void passive(struct script *s, const char *syn, const char *answer, bool on)
{
	char line[100];

	to_listen(s);
	snprintf(line, sizeof(line), "%s 0:0(0) win 65535 <mss 1460>", syn);
	in(s, line);
	snprintf(line, sizeof(line), "%s 0:0(0) ack 1 <...>", answer);
	out_as(s, ECN_NOT_ECT, line);
	in(s, ". 1:1(0) ack 1 win 65535");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	assert_int_equal(has_ecn(s), on);
	give(s, 100);
	out_as(s, on ? ECN_ECT0 : ECN_NOT_ECT, "P. 1:101(100) ack 1");
}

/* 3168-§6.1.1-R1, 3168-§6.1.1-R2, 3168-§6.1.1-R3: granted by ECE alone, and only to a SYN with both flags. */
static void test_SHLD_8_passive_open(void **state)
{
	static const struct { const char *syn, *answer; bool on; } rows[] = {
		{ "SEW", "S.E", true }, { "S", "S.", false }, { "SE", "S.", false }, { "SW", "S.", false },
	};
	struct script *s = *state;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		restart(s);
		passive(s, rows[i].syn, rows[i].answer, rows[i].on);
		assert_int_equal(taken(s, RULE_ECN_GRANTED), rows[i].on);
	}
}

/* 3168-§6.1.1-R6: neither SYN nor SYN-ACK is capable, though both ask. */
static void test_SYNs_are_not_capable(void **state)
{
	struct script *s = *state;

	restart(s);
	to_syn_sent_ecn(s);
	assert_true(s->last.ece && s->last.cwr);
	assert_int_equal(s->last_out.tos & 3, ECN_NOT_ECT);
	restart(s);
	to_listen(s);
	in(s, "SEW 0:0(0) win 65535 <mss 1460>");
	out(s, "S.E 0:0(0) ack 1 <...>");
	assert_int_equal(s->last_out.tos & 3, ECN_NOT_ECT);
}

/* 3168-§6.1.1-R1: never, where it is switched off. */
static void test_passive_open_without(void **state)
{
	struct script *s = *state;

	s->config.ecn = 0;
	restart(s);
	passive(s, "SEW", "S.", false);
}

/* 3168-§6.1.1-R1, 3168-§6.1.1-R3, 3168-§6.1.1-R5: each answer to a SYN that asks, the reflected one too. */
static void test_active_open(void **state)
{
	static const struct { const char *answer; bool on; enum rule rule; } rows[] = {
		{ "S.E", true, RULE_ECN_AGREED }, { "S.", false, RULE_ECN_REFUSED },
		{ "S.EW", false, RULE_ECN_REFLECTED }, { "S.W", false, RULE_ECN_REFUSED },
	};
	struct script *s = *state;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		restart(s);
		to_syn_sent_ecn(s);
		in_f(s, "%s 0:0(0) ack 1 win 65535 <mss 1460>", rows[i].answer);
		out_as(s, ECN_NOT_ECT, ". 1:1(0) ack 1");
		assert_int_equal(taken(s, rows[i].rule), 1);
		assert_int_equal(has_ecn(s), rows[i].on);
		give(s, 100);
		out_as(s, rows[i].on ? ECN_ECT0 : ECN_NOT_ECT, "P. 1:101(100) ack 1");
	}
}

/* 3168-§6.1.1-R3: who has not asked gets none, whatever the answer. */
static void test_not_asked(void **state)
{
	struct script *s = *state;

	to_syn_sent(s);
	in(s, "S.E 0:0(0) ack 1 win 65535 <mss 1460>");
	out(s, ". 1:1(0) ack 1");
	give(s, 100);
	out_as(s, ECN_NOT_ECT, "P. 1:101(100) ack 1");
	in_as(s, ECN_CE, "P. 1:11(10) ack 101");
	pass(s, SEC(1));
	out(s, ". 101:101(0) ack 11");
	assert_false(has_ecn(s));
}

/* 3168-§6.1.1.1-R1: silence; the SYN that goes again does not ask, and a late answer is heeded without being used. */
static void test_retry_after_silence(void **state)
{
	struct script *s = *state;

	to_syn_sent_ecn(s);
	pass_timeout(s);
	out_as(s, ECN_NOT_ECT, "S 0:0(0) <...>");
	assert_int_equal(taken(s, RULE_ECN_RETRY_SILENCE), 1);
	pass_timeout(s);
	out(s, "S 0:0(0) <...>");
	in(s, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	out(s, ". 1:1(0) ack 1");
	assert_false(has_ecn(s));

	restart(s);
	to_syn_sent_ecn(s);
	pass_timeout(s);
	out(s, "S 0:0(0) <...>");
	in(s, "S.E 0:0(0) ack 1 win 65535 <mss 1460>");         /* the answer to the first one */
	out(s, ". 1:1(0) ack 1");
	assert_int_equal(taken(s, RULE_ECN_HEEDED_ONLY), 1);
	give(s, 100);
	out_as(s, ECN_NOT_ECT, "P. 1:101(100) ack 1");
	in_as(s, ECN_CE, "P. 1:101(100) ack 1");
	out_as(s, ECN_NOT_ECT, ".E 101:101(0) ack 101");
	in(s, ".E 101:101(0) ack 101");
	assert_int_equal(taken(s, RULE_ECN_REDUCED), 0);
}

/* 3168-§6.1.1.1-R1: RST; the next does not ask, and RST to that is an answer.  No retry where it is not configured. */
static void test_retry_after_RST(void **state)
{
	struct script *s = *state;

	to_syn_sent_ecn(s);
	in(s, "R. 0:0(0) ack 1");
	out(s, "S 0:0(0) <...>");
	assert_int_equal(taken(s, RULE_ECN_RETRY_RST), 1);
	state_is(s, ELEVEN_SYN_SENT);
	in(s, "R. 0:0(0) ack 1");
	quiet(s);
	state_is(s, ELEVEN_CLOSED);
	assert_int_equal(taken(s, RULE_SYN_SENT_REFUSED), 1);

	restart(s);
	to_syn_sent_ecn(s);
	in(s, "R. 0:0(0) ack 1");
	out(s, "S 0:0(0) <...>");
	in(s, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	out(s, ". 1:1(0) ack 1");
	state_is(s, ELEVEN_ESTABLISHED);

	s->config.ecn_fallback = 1;
	restart(s);
	to_syn_sent_ecn(s);
	in(s, "R. 0:0(0) ack 1");
	quiet(s);
	state_is(s, ELEVEN_CLOSED);

	s->config.ecn_fallback = 0;
	restart(s);
	to_syn_sent_ecn(s);
	pass_timeout(s);
	out(s, "SEW 0:0(0) <...>");
}

/* A retried SYN is watched like any other. */
static void test_retry_is_not_forgotten(void **state)
{
	struct script *s = *state;

	to_syn_sent_ecn(s);
	pass(s, MS(900));
	in(s, "R. 0:0(0) ack 1");
	out(s, "S 0:0(0) <...>");
	assert_int_equal(pass_timeout(s), SEC(1));
	out(s, "S 0:0(0) <...>");
}

/* 3168-§6.1.1-R2: the peer's own retry, before the third ACK. */
static void test_peer_withdraws(void **state)
{
	struct script *s = *state;

	to_listen(s);
	in(s, "SEW 0:0(0) win 65535 <mss 1460>");
	out(s, "S.E 0:0(0) ack 1 <...>");
	in(s, "SEW 0:0(0) win 65535 <mss 1460>");
	out(s, "S.E 0:0(0) ack 1 <...>");
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	out(s, "S. 0:0(0) ack 1 <...>");
	assert_int_equal(taken(s, RULE_ECN_WITHDRAWN), 1);
	pass(s, SEC(1));
	out(s, "S. 0:0(0) ack 1 <...>");
	in(s, ". 1:1(0) ack 1 win 65535");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	assert_false(has_ecn(s));
	give(s, 100);
	out_as(s, ECN_NOT_ECT, "P. 1:101(100) ack 1");
}

/* The record keeps it until the third ACK, and the SYN-ACK that goes again says it again. */
static void test_record_keeps_it(void **state)
{
	struct script *s = *state;

	to_listen(s);
	in(s, "SEW 0:0(0) win 65535 <mss 1460>");
	out(s, "S.E 0:0(0) ack 1 <...>");
	pass(s, SEC(1));
	out_as(s, ECN_NOT_ECT, "S.E 0:0(0) ack 1 <...>");
	in_as(s, ECN_CE, "P. 1:101(100) ack 1 win 65535");      /* the third ACK with marked text */
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	out_as(s, ECN_NOT_ECT, ".E 1:1(0) ack 101");
}

/* Both ask at once; each grants; or the peer does not ask; or its SYN-ACK takes it back. */
static void test_crossed(void **state)
{
	struct script *s = *state;

	to_syn_sent_ecn(s);
	in(s, "SEW 0:0(0) win 65535 <mss 1460>");
	out_as(s, ECN_NOT_ECT, "S.E 0:0(0) ack 1 <...>");
	in(s, "S.E 0:0(0) ack 1 win 65535 <mss 1460>");
	state_is(s, ELEVEN_ESTABLISHED);
	drain(s);
	assert_true(has_ecn(s));
	assert_int_equal(taken(s, RULE_ECN_REDUCED), 0);

	restart(s);
	to_syn_sent_ecn(s);
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	out(s, "S. 0:0(0) ack 1 <...>");
	in(s, ". 1:1(0) ack 1 win 65535");
	drain(s);
	assert_false(has_ecn(s));

	restart(s);
	to_syn_sent_ecn(s);
	in(s, "SEW 0:0(0) win 65535 <mss 1460>");
	out(s, "S.E 0:0(0) ack 1 <...>");
	in(s, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	drain(s);
	assert_false(has_ecn(s));

	restart(s);
	to_syn_sent(s);                 /* we have not asked: our SYN-ACK does not grant either */
	in(s, "SEW 0:0(0) win 65535 <mss 1460>");
	out(s, "S. 0:0(0) ack 1 <...>");

	restart(s);
	to_syn_sent_ecn(s);             /* nor when our last SYN did not ask; but the first one did */
	pass_timeout(s);
	out(s, "S 0:0(0) <...>");
	in(s, "SEW 0:0(0) win 65535 <mss 1460>");
	out(s, "S. 0:0(0) ack 1 <...>");
	in_as(s, ECN_CE, "P. 1:101(100) ack 1 win 65535");
	out(s, ".E 1:1(0) ack 101");
	give(s, 100);
	out_as(s, ECN_NOT_ECT, "P.E 1:101(100) ack 101");
}

/* Linux: an ECN SYN that is marked itself comes from someone whose every packet is; newer ones say so (RFC 9768). */
static void test_marked_SYN(void **state)
{
	struct script *s = *state;

	s->tos = ECN_ECT0;
	passive(s, "SEW", "S.E", true);
	s->config.ecn_marked_syn_refused = 1;
	restart(s);
	s->tos = ECN_ECT0;
	passive(s, "SEW", "S.", false);
	assert_int_equal(taken(s, RULE_ECN_SYN_MARKED), 1);
}

static uint32_t echo_of(struct script *s)
{
	return s->last.options.tsval;
}

/* A cookie has room for it beside the timestamp, and without one there is no ECN. */
static void test_cookies(void **state)
{
	struct script *s = *state;

	s->config.syn_received_max = 1;
	s->config.timestamps = 1;
	restart(s);
	to_listen(s);
	s->their_port = 1;
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	drain(s);
	s->their_port = THEIR_PORT;
	s->our_iss_known = false;
	in(s, "SEW 0:0(0) win 65535 <mss 1460,sackOK,TS val 100 ecr 0>");
	assert_true(out_any(s));
	assert_true(s->last.ece && !s->last.cwr);
	assert_int_equal(taken(s, RULE_LISTEN_COOKIE), 1);
	in_f(s, ". 1:1(0) ack 1 win 65535 <nop,nop,TS val 101 ecr %u>", echo_of(s));
	assert_int_equal(taken(s, RULE_LISTEN_COOKIE_ACK), 1);
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	assert_true(has_ecn(s));
	give(s, 100);
	assert_true(out_any(s));
	assert_int_equal(codepoint_out(s), ECN_ECT0);

	s->their_port = 2;
	s->our_iss_known = false;
	in(s, "S 0:0(0) win 65535 <mss 1460,sackOK,TS val 100 ecr 0>");         /* who has not asked */
	assert_true(out_any(s));
	in_f(s, ". 1:1(0) ack 1 win 65535 <nop,nop,TS val 101 ecr %u>", echo_of(s));
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	assert_false(has_ecn(s));

	s->their_port = 3;
	s->our_iss_known = false;
	in(s, "SEW 0:0(0) win 65535 <mss 1460>");
	assert_true(out_any(s));
	assert_false(s->last.ece || s->last.cwr);
	in(s, ". 1:1(0) ack 1 win 65535");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	assert_false(has_ecn(s));
}

/* 1122-§3.2.1.6-R1, 8504-§5.12-R1: the program sets the DSCP, and it goes along; the two ECN bits are the stack's. */
static void test_DSCP_is_the_programs(void **state)
{
	struct script *s = *state;
	uint64_t value;

	s->tos = 0x48;
	to_established_ecn(s, "mss 1460");
	option(s, ELEVEN_OPTION_TOS, 0xb9 | ECN_CE);
	assert_int_equal(tcp_option_get(s->tcp, s->h, ELEVEN_OPTION_TOS, &value), 0);
	assert_int_equal(value, 0xb8);
	give(s, 100);
	out(s, "P. 1:101(100) ack 1");
	assert_int_equal(s->last_out.tos, 0xb8 | ECN_ECT0);
	in_as(s, ECN_CE, "P. 1:101(100) ack 101");
	assert_int_equal(status_of(s).tos_received, 0x48 | ECN_CE);
	out(s, ".E 101:101(0) ack 101");
	assert_int_equal(s->last_out.tos, 0xb8);
	assert_true(status_of(s).sub & ELEVEN_SUB_ECN_SEEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_SHLD_8_passive_open),
		TEST_STRICT(test_SHLD_8_passive_open),
		TEST(test_SYNs_are_not_capable),
		TEST(test_passive_open_without),
		TEST(test_active_open),
		TEST_STRICT(test_active_open),
		TEST(test_not_asked),
		TEST(test_retry_after_silence),
		TEST(test_retry_after_RST),
		TEST(test_retry_is_not_forgotten),
		TEST(test_peer_withdraws),
		TEST(test_record_keeps_it),
		TEST(test_crossed),
		TEST(test_marked_SYN),
		TEST(test_cookies),
		TEST(test_DSCP_is_the_programs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
