/* SPDX-License-Identifier: MIT */
/* RFC 9768, accurate ECN: the handshake and the receiver. */
#include "counts.h"

/* ---- the handshake */

/* 9768-§3.1.1-R1, 9768-§3.1.1-R2: asked by 111; the mode is that of the SYN-ACK, which tells how the SYN came. */
static void test_client_asks_and_is_granted(void **state)
{
	struct script *s = *state;

	to_asking(s);
	assert_false(has_ecn(s));
	in(s, "S.W 0:0(0) ack 1 win 65535 <mss 1460,ECN e0b 1 ceb 0 e1b 1,nop>");
	out(s, ".W 1:1(0) ack 1 <ECN e0b 1 ceb 0 e1b 1,nop>");
	assert_true(has_ecn(s));
	assert_int_equal(taken(s, RULE_ACCECN_AGREED), 1);
	give(s, 100);
	out_as(s, ECN_ECT0, "P.EA 1:101(100) ack 1");           /* the count begins at 5 */
}

static void test_server_tells_how_the_SYN_came(void **state)
{
	static const unsigned codes[] = { 2, 3, 4, 6 };

	for (unsigned codepoint = 0; codepoint < 4; codepoint++) {
		struct script *s = *state;

		restart(s);
		to_syn(s, codepoint, "SEWA");
		assert_true(out_any(s));
		assert_int_equal(ace_out(s), codes[codepoint]);
		assert_int_equal(codepoint_out(s), ECN_NOT_ECT);
		assert_true(s->last.options.has_accecn && s->last.options.accecn_count == 3);
		assert_int_equal(taken(s, RULE_ACCECN_GRANTED), 1);
	}
}

/* 9768-§3.1.2-R1, 9768-§3.1.3-R1 */
static void test_answers_of_every_kind(void **state)
{
	static const struct {
		const char *flags;
		uint8_t mode;
		bool mute;
	} rows[] = {
		{ "S.", ECN_OFF, false }, { "S.E", ECN_ON, false }, { "S.W", ECN_ACCURATE, false },
		{ "S.EW", ECN_ACCURATE, true }, { "S.A", ECN_ACCURATE, true }, { "S.EA", ECN_ACCURATE, false },
		{ "S.WA", ECN_ACCURATE, true }, { "S.EWA", ECN_OFF, false },
	};

	for (unsigned i = 0; i < 8; i++) {
		struct script *s = *state;

		restart(s);
		to_asking(s);
		in_f(s, "%s 0:0(0) ack 1 win 65535 <mss 1460>", rows[i].flags);
		assert_int_equal(tcb_now(s)->ecn.mode, rows[i].mode);
		assert_int_equal(tcb_now(s)->ecn.mute, rows[i].mute);
		assert_int_equal(taken(s, RULE_ACCECN_MANGLED), rows[i].mute);
	}
}

static void test_SYNs_of_every_kind(void **state)
{
	static const struct {
		const char *flags, *answer;
	} rows[] = {
		{ "S", "S. 0:0(0) ack 1 <mss 1460>" }, { "SE", "S.W 0:0(0) ack 1 <...>" },
		{ "SW", "S.W 0:0(0) ack 1 <...>" }, { "SEW", "S.E 0:0(0) ack 1 <mss 1460>" },
		{ "SA", "S.W 0:0(0) ack 1 <...>" }, { "SEA", "S.W 0:0(0) ack 1 <...>" },
		{ "SWA", "S.W 0:0(0) ack 1 <...>" }, { "SEWA", "S.W 0:0(0) ack 1 <...>" },
	};

	for (unsigned i = 0; i < 8; i++) {
		struct script *s = *state;

		restart(s);
		to_syn(s, ECN_NOT_ECT, rows[i].flags);
		out(s, rows[i].answer);
	}
	for (unsigned ecn = 0; ecn < 3; ecn++) {                /* who does not do it grants the plain one, or none */
		struct script *s = *state;

		restart(s);
		s->tcp->config.ecn = ecn;
		to_listen(s);
		in(s, "SEWA 0:0(0) win 65535 <" SYN_OPTIONS ">");
		out(s, ecn ? "S.E 0:0(0) ack 1 <mss 1460>" : "S. 0:0(0) ack 1 <mss 1460>");
	}
}

/* config.ecn 4 and 5: granted, but not asked for. */
static void test_granted_and_not_asked_for(void **state)
{
	for (unsigned ecn = 4; ecn <= 5; ecn++) {
		struct script *s = *state;

		restart(s);
		s->tcp->config.ecn = ecn;
		assert_int_equal(tcp_open(s->tcp, &s->h, s->now), 0);
		assert_int_equal(tcp_bind(s->tcp, s->h, &s->us, s->our_port, 0, s->now), 0);
		assert_int_equal(tcp_connect(s->tcp, s->h, &s->us, 0, &s->them, s->their_port, s->now), 0);
		out(s, ecn == 4 ? "SEW 0:0(0) <...>" : "S 0:0(0) <...>");
		restart(s);
		s->tcp->config.ecn = ecn;
		to_listen(s);
		in(s, "SEWA 0:0(0) win 65535 <" SYN_OPTIONS ">");
		out(s, "S.W 0:0(0) ack 1 <...>");
	}
}

/* DCTCP lives of counts: it asks, and grants, whatever the others do; never where ECN is off. */
static void test_DCTCP_asks_by_itself(void **state)
{
	for (unsigned ecn = 0; ecn < 3; ecn++) {
		struct script *s = *state;

		restart(s);
		s->tcp->config.ecn = ecn;
		s->tcp->config.congestion = ELEVEN_CONGESTION_DCTCP;
		assert_int_equal(tcp_open(s->tcp, &s->h, s->now), 0);
		assert_int_equal(tcp_bind(s->tcp, s->h, &s->us, s->our_port, 0, s->now), 0);
		assert_int_equal(tcp_connect(s->tcp, s->h, &s->us, 0, &s->them, s->their_port, s->now), 0);
		out(s, ecn ? "SEWA 0:0(0) <...>" : "S 0:0(0) <...>");
		restart(s);
		s->tcp->config.ecn = ecn;
		s->tcp->config.congestion = ELEVEN_CONGESTION_DCTCP;
		to_listen(s);
		in(s, "SEWA 0:0(0) win 65535 <" SYN_OPTIONS ">");
		out(s, ecn ? "S.W 0:0(0) ack 1 <...>" : "S. 0:0(0) ack 1 <...>");
	}
}

/* 9768-§3.1.1-R3: with SACK, and with SACK D-SACK. */
static void test_goes_with_SACK_and_duplicates_reported(void **state)
{
	struct script *s = *state;

	s->tcp->config.ecn = 3;
	to_listen(s);
	in(s, "SEWA 0:0(0) win 65535 <mss 1460,nop,nop,sackOK>");
	out(s, "S.W 0:0(0) ack 1 <mss 1460,nop,nop,sackOK,ECN e0b 1 ceb 0 e1b 1,nop>");
	in(s, ".W 1:1(0) ack 1 win 65535");
	in_as(s, ECN_ECT0, ". 1:1461(1460) ack 1");
	while (out_any(s))
		;
	in_as(s, ECN_ECT0, ".EA 1:1461(1460) ack 1");
	out(s, ".EA 1:1(0) ack 1461 <ECN e0b 1461 ceb 0 e1b 1,nop,nop,nop,sack 1:1461>");
}

/* 9768-§3.1.4.1-R1: the first repetition asks again, later ones do not; the number stays. */
static void test_SYN_goes_again(void **state)
{
	struct script *s = *state;

	to_asking(s);
	pass_timeout(s);
	out(s, "SEWA 0:0(0) <...>");
	pass_timeout(s);
	out(s, "S 0:0(0) <...>");
	assert_int_equal(taken(s, RULE_ECN_RETRY_SILENCE), 1);
	in(s, "S.W 0:0(0) ack 1 win 65535 <mss 1460>");         /* the answer to the first, after all */
	out(s, ".W 1:1(0) ack 1 <...>");
	assert_int_equal(tcb_now(s)->ecn.mode, ECN_ACCURATE);
	give(s, 100);
	out_as(s, ECN_NOT_ECT, "P.EA 1:101(100) ack 1");        /* one SYN did not ask: not capable */
}

static void test_SYN_is_refused_by_RST(void **state)
{
	struct script *s = *state;

	to_asking(s);
	in(s, "R. 0:0(0) ack 1");
	out(s, "S 0:0(0) <...>");
	assert_int_equal(taken(s, RULE_ECN_RETRY_RST), 1);
}

/* The SYN-ACK goes again without option, and then without its flags, which changes no mode (§3.1.4.2, §3.2.3.2.2). */
static void test_SYN_ACK_goes_again(void **state)
{
	struct script *s = *state;

	to_syn(s, ECN_ECT0, "SEWA");
	out(s, "S.A 0:0(0) ack 1 <mss 1460,ECN e0b 1 ceb 0 e1b 1,nop>");
	pass(s, SEC(1));
	out(s, "S.A 0:0(0) ack 1 <mss 1460>");
	pass(s, SEC(2));
	out(s, "S. 0:0(0) ack 1 <mss 1460>");
	in(s, ".W 1:1(0) ack 1 win 65535");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	assert_int_equal(tcb_now(s)->ecn.mode, ECN_ACCURATE);
	assert_int_equal(taken(s, RULE_ACCECN_OPTION_LOST), 1);
	in_as(s, ECN_CE, ".EA 1:1461(1460) ack 1");
	out(s, ".WA 1:1(0) ack 1461");                          /* 9768-§3.2.3.2.2-R1: counted without option */
}

/* 9768-§3.1.4.2-R1 */
static void test_both_kinds_asked_for_is_reset(void **state)
{
	struct script *s = *state;

	to_syn(s, ECN_NOT_ECT, "SEW");
	out(s, "S.E 0:0(0) ack 1 <mss 1460>");
	in(s, "SEWA 0:0(0) win 65535 <" SYN_OPTIONS ">");
	assert_true(out_any(s));
	assert_true(s->last.rst);
	assert_int_equal(taken(s, RULE_ACCECN_SYN_CONFLICT), 1);
	quiet(s);
	restart(s);
	to_syn(s, ECN_NOT_ECT, "SEWA");
	out(s, "S.W 0:0(0) ack 1 <...>");
	in(s, "SEW 0:0(0) win 65535 <" SYN_OPTIONS ">");
	assert_true(out_any(s));
	assert_true(s->last.rst);
}

/* 9768-§3.1.5-R1: a SYN that does not ask any more leaves the mode, and us not capable. */
static void test_SYN_that_asks_no_more(void **state)
{
	struct script *s = *state;

	to_syn(s, ECN_NOT_ECT, "SEWA");
	out(s, "S.W 0:0(0) ack 1 <...>");
	in(s, "S 0:0(0) win 65535 <" SYN_OPTIONS ">");
	out(s, "S.W 0:0(0) ack 1 <...>");
	in(s, ".W 1:1(0) ack 1 win 65535");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	assert_int_equal(tcb_now(s)->ecn.mode, ECN_ACCURATE);
	give(s, 10);
	out_as(s, ECN_NOT_ECT, "P.EA 1:11(10) ack 1");
	restart(s);
	to_asking(s);
	in(s, "S. 0:0(0) ack 1 win 65535 <mss 1460>");          /* and never in Not-ECN mode */
	drain(s);
	give(s, 10);
	out_as(s, ECN_NOT_ECT, "P. 1:11(10) ack 1");
}

/* 9768-§3.2.2.1-R1: the ACK of the SYN-ACK tells how that came, before any text; also when it comes again. */
static void test_client_tells_how_the_SYN_ACK_came(void **state)
{
	static const char *const acks[] = { ".W 1:1(0) ack 1 <...>", ".EW 1:1(0) ack 1 <...>", ".A 1:1(0) ack 1 <...>",
					    ".WA 1:1(0) ack 1 <...>" };

	for (unsigned codepoint = 0; codepoint < 4; codepoint++) {
		struct script *s = *state;

		restart(s);
		to_asking(s);
		give(s, 10);
		in_as(s, codepoint, "S.W 0:0(0) ack 1 win 65535 <mss 1460>");
		out(s, acks[codepoint]);
		out(s, codepoint == ECN_CE ? "P.WA 1:11(10) ack 1" : "P.EA 1:11(10) ack 1");
		in_as(s, codepoint, "S.W 0:0(0) ack 1 win 65535 <mss 1460>");
		assert_true(out_any(s));
		assert_int_equal(ace_out(s), accurate_code(codepoint));
	}
}

/* The server's side of it; and with 000 nothing of it is heeded, while marks are told as ever. */
static void test_server_reads_how_the_SYN_ACK_came(void **state)
{
	struct script *s = *state;

	to_accurate(s);
	assert_int_equal(tcb_now(s)->ecn.ce_out, 5);
	assert_false(tcb_now(s)->ecn.mute);
	restart(s);
	to_passive(s, ".WA 1:1(0) ack 1 win 65535");            /* CE: not as it went */
	assert_int_equal(tcb_now(s)->ecn.ce_out, 6);
	assert_true(tcb_now(s)->ecn.mute);
	restart(s);
	to_passive(s, ". 1:1(0) ack 1 win 65535");
	assert_int_equal(taken(s, RULE_ACCECN_ZEROED), 1);
	give(s, 1460);
	out_as(s, ECN_NOT_ECT, "P.EA 1:1461(1460) ack 1");
	in_as(s, ECN_CE, ".E 1:1461(1460) ack 1461");
	out(s, ".WA 1461:1461(0) ack 1461 <...>");
	assert_int_equal(taken(s, RULE_ECN_REDUCED), 0);
}

/* ---- the receiver */

/* 9768-§3.2-R1, 9768-§3.2.2.2-R1, 9768-§3.2.3-R1: packets modulo 8, bytes by codepoint, SYNs not among them. */
static void test_counts(void **state)
{
	struct script *s = *state;
	uint32_t e1b = 1, e0b = 1, ceb = 0, cep = 5;

	to_syn(s, ECN_CE, "SEWA");
	out(s, "S.WA 0:0(0) ack 1 <...>");
	in(s, ".W 1:1(0) ack 1 win 65535");
	for (unsigned i = 0; i < 40; i++) {
		enum ecn_codepoint codepoint = (enum ecn_codepoint)(i * 7 / 3 % 4);

		s->tos = codepoint;
		in_f(s, ".EA %u:%u(1000) ack 1", 1 + 1000 * i, 1001 + 1000 * i);
		s->tos = 0;
		e1b += codepoint == ECN_ECT1 ? 1000 : 0;
		e0b += codepoint == ECN_ECT0 ? 1000 : 0;
		ceb += codepoint == ECN_CE ? 1000 : 0;
		cep += codepoint == ECN_CE;
		pass(s, MS(60));
		while (out_any(s)) {
			const struct tcp_options *o = &s->last.options;

			assert_int_equal(ace_out(s), cep % 8);
			if (!o->has_accecn)
				continue;
			assert_int_equal(o->accecn_count, 3);
			assert_int_equal(o->accecn[0], o->accecn_order ? e1b : e0b);
			assert_int_equal(o->accecn[1], ceb);
			assert_int_equal(o->accecn[2], o->accecn_order ? e0b : e1b);
		}
	}
	assert_true(cep > 5 + 8);
	in_as(s, ECN_CE, ".EA 40001:40001(0) ack 1");           /* packets without text count, too */
	in_as(s, ECN_CE, "P.EA 40001:40011(10) ack 1");
	assert_true(out_any(s));
	assert_int_equal(ace_out(s), (cep + 2) % 8);
}

/* 9768-§3.3.4-R1: what was joined on the way counts as what it was; what goes out with CWR set is not cut by others. */
static void test_joined_segments_count_each(void **state)
{
	struct script *s = *state;

	tcp_interface_set(s->tcp, 0, script_mtu(1500), 65000);
	to_accurate(s);
	s->segment_bytes = 1000;
	in_as(s, ECN_CE, ".EA 1:4501(4500) ack 1");
	s->segment_bytes = 0;
	assert_true(out_any(s));
	assert_int_equal(ace_out(s), (5 + 5) % 8);              /* 010: CWR */
	give(s, 10 * MSS);
	assert_true(out_any(s));
	assert_true(s->last.text_bytes <= MSS);
}

/* 9768-§3.2.2.5.1-R1: an ACK at once where marks begin or end; and after two marks, or three on what has no text. */
static void test_marks_are_told_at_once(void **state)
{
	struct script *s = *state;

	to_accurate(s);
	in_as(s, ECN_ECT0, "P.EA 1:11(10) ack 1");
	quiet(s);
	in_as(s, ECN_CE, "P.EA 11:21(10) ack 1");
	out(s, ".WA 1:1(0) ack 21 <...>");
	in_as(s, ECN_CE, "P.EA 21:31(10) ack 1");
	quiet(s);
	in_as(s, ECN_CE, "P.EA 31:41(10) ack 1");
	out(s, ". 1:1(0) ack 41 <...>");
	in_as(s, ECN_ECT0, "P.EA 41:51(10) ack 1");
	out(s, ". 1:1(0) ack 51 <...>");
	in_as(s, ECN_CE, ".EA 51:51(0) ack 1");
	in_as(s, ECN_CE, ".EA 51:51(0) ack 1");
	quiet(s);
	in_as(s, ECN_CE, ".EA 51:51(0) ack 1");
	assert_true(out_any(s));
	assert_int_equal(ace_out(s), (5 + 6) % 8);
	assert_int_equal(taken(s, RULE_ACCECN_MARKED), 6);
}

/* 9768-§3.2.3.2.1-R1: none on the SYN, one on the SYN-ACK and the first ACK (above); and none if none are wanted. */
static void test_no_options_if_none_are_wanted(void **state)
{
	struct script *s = *state;

	s->tcp->config.accecn_option = 0;
	to_asking(s);
	in(s, "S.W 0:0(0) ack 1 win 65535 <mss 1460,ECN e0b 1 ceb 0 e1b 1,nop>");
	out(s, ".W 1:1(0) ack 1");
	in_as(s, ECN_CE, "P.EA 1:11(10) ack 1");
	out(s, ".WA 1:1(0) ack 11");
	restart(s);
	s->tcp->config.accecn_option = 0;
	to_syn(s, ECN_NOT_ECT, "SEWA");
	out(s, "S.W 0:0(0) ack 1 <mss 1460>");
}

/* 9768-§3.2.3.3-R1: with what has moved, all three now and then, and giving way to two SACK blocks. */
static void test_options_where_counters_move(void **state)
{
	struct script *s = *state;

	s->config.accecn_option = 1;
	s->config.accecn_beacon = 0;
	s->config.timestamps = 1;
	restart(s);
	s->tcp->config.ecn = 3;
	to_listen(s);
	in(s, "SEWA 0:0(0) win 65535 <mss 1460,sackOK,TS val 1 ecr 0>");
	assert_true(out_any(s));
	s->ts = 2;
	in(s, ".W 1:1(0) ack 1 win 65535");
	quiet(s);
	in_as(s, ECN_ECT0, ".EA 2001:3001(1000) ack 1");
	assert_true(out_any(s));
	assert_int_equal(s->last.options.accecn_count, 1);      /* EE0B alone */
	in_as(s, ECN_CE, ".EA 4001:5001(1000) ack 1");
	assert_true(out_any(s));
	assert_int_equal(s->last.options.accecn_count, 2);
	assert_int_equal(s->last.options.sack_count, 2);
	in_as(s, ECN_ECT1, ".EA 6001:7001(1000) ack 1");
	assert_true(out_any(s));
	assert_int_equal(s->last.options.accecn_count, 2);      /* not all three: two blocks stay */
	assert_int_equal(s->last.options.sack_count, 2);
	in_as(s, ECN_ECT0, ".EA 1:2001(2000) ack 1");
	in_as(s, ECN_ECT0, ".EA 3001:4001(1000) ack 1");
	in_as(s, ECN_ECT0, ".EA 5001:6001(1000) ack 1");
	assert_true(out_any(s));
	assert_int_equal(s->last.options.accecn_count, 3);
	assert_int_equal(s->last.options.accecn[0], 1 + 5000);
	assert_int_equal(s->last.options.accecn[1], 1000);
	assert_int_equal(s->last.options.accecn[2], 1 + 1000);
}

/* Text leaves room for it: no segment is longer than the path takes. */
static void test_text_with_options_fits(void **state)
{
	struct script *s = *state;

	to_accurate(s);
	in_as(s, ECN_ECT0, "P.EA 1:11(10) ack 1");
	give(s, 3 * MSS);
	assert_true(out_any(s));
	assert_true(s->last.options.has_accecn);
	assert_int_equal(s->last_out.header_bytes + s->last.text_bytes, 20 + MSS);
}

/* No record left for bytes: marks are told by the flags alone. */
static void test_without_room_for_counters(void **state)
{
	struct script *s = *state;

	s->config.cold_max = 1;
	restart(s);
	while (pool_take(&s->tcp->cold))
		;
	to_accurate(s);
	assert_int_equal(taken(s, RULE_COLD_NO_ROOM), 1);
	in_as(s, ECN_CE, "P.EA 1:11(10) ack 1");
	out(s, ".WA 1:1(0) ack 11");
	s->tcp->cold.used = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_client_asks_and_is_granted),
		TEST(test_server_tells_how_the_SYN_came),
		TEST(test_answers_of_every_kind),
		TEST(test_SYNs_of_every_kind),
		TEST(test_granted_and_not_asked_for),
		TEST(test_DCTCP_asks_by_itself),
		TEST(test_goes_with_SACK_and_duplicates_reported),
		TEST(test_SYN_goes_again),
		TEST(test_SYN_is_refused_by_RST),
		TEST(test_SYN_ACK_goes_again),
		TEST(test_both_kinds_asked_for_is_reset),
		TEST(test_SYN_that_asks_no_more),
		TEST(test_client_tells_how_the_SYN_ACK_came),
		TEST(test_server_reads_how_the_SYN_ACK_came),
		TEST(test_counts),
		TEST(test_joined_segments_count_each),
		TEST(test_marks_are_told_at_once),
		TEST(test_no_options_if_none_are_wanted),
		TEST(test_options_where_counters_move),
		TEST(test_text_with_options_fits),
		TEST(test_without_room_for_counters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
