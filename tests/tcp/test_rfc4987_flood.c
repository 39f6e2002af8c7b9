/* SPDX-License-Identifier: MIT */
/* RFC 4987: a flood of SYNs takes bounded memory and shuts nobody out. */
#include "rfc.h"

/* SYNs from `count` peers that never answer. */
static void flood(struct script *s, unsigned count)
{
	uint16_t port = s->their_port;
	struct seq iss = s->our_iss;
	bool known = s->our_iss_known;

	for (unsigned i = 0; i < count; i++) {
		s->their_port = (uint16_t)(1000 + i);
		in(s, "S 0:0(0) win 65535 <mss 1460>");
		assert_true(out_any(s));
	}
	s->their_port = port;
	s->our_iss = iss;
	s->our_iss_known = known;
}

/* 4987-§3.5-R1: small records, and a bound for all of them. */
static void test_requests_are_bounded(void **state)
{
	struct script *s = *state;

	assert_true(sizeof(struct syn_received) <= 96);
	to_listen(s);
	flood(s, 5000);
	assert_true(s->tcp->syn_received.used <= 16);
	assert_int_equal(s->tcp->tcbs.used, 1);
	assert_int_equal(buffers_used_bytes(&s->tcp->buffers), 0);
	assert_int_equal(taken(s, RULE_LISTEN_COOKIE), 5000 - 16);
}

/* 4987-§3.6-R1 */
static void test_cookie_makes_a_connection(void **state)
{
	struct script *s = *state;

	to_listen(s);
	flood(s, 100);
	in(s, "S 0:0(0) win 65535 <mss 1440,nop,wscale 5,nop,nop,sackOK>");
	out(s, "S. 0:0(0) ack 1 <mss 1460>");           /* no timestamps: neither scale nor SACK can be kept */
	assert_int_equal(state_now(s), ELEVEN_CLOSED);
	pass(s, SEC(30));
	drain(s);
	in(s, "P. 1:11(10) ack 1 win 4321");
	state_is(s, ELEVEN_ESTABLISHED);
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	assert_int_equal(take(s), 10);
	assert_int_equal(status_of(s).mss_send, 1440);
	assert_int_equal(status_of(s).snd_wnd, 4321);
	give(s, 10);
	out(s, "P. 1:11(10) ack 11");
}

/* 4987-§3.6-R1: options in the timestamp. */
static void test_cookie_keeps_options_in_the_timestamp(void **state)
{
	struct script *s = *state;

	s->config.timestamps = 1;
	restart(s);
	to_listen(s);
	flood(s, 100);
	s->ts = 777;
	in(s, "S 0:0(0) win 65535 <mss 1460,nop,wscale 5,nop,nop,sackOK>");
	out(s, "S. 0:0(0) ack 1 <...>");
	assert_true(s->last.options.sack_permitted && s->last.options.has_wscale);
	pass(s, MS(100));
	drain(s);
	in(s, ". 1:1(0) ack 1 win 1000");
	state_is(s, ELEVEN_ESTABLISHED);
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	assert_int_equal(status_of(s).snd_wscale, 5);
	assert_int_equal(status_of(s).snd_wnd, 32000);
	assert_true(status_of(s).sub & ELEVEN_SUB_SACK);
	assert_true(status_of(s).sub & ELEVEN_SUB_TIMESTAMPS);
}

/* 4987-§3.6-R1: no other ACK passes for one. */
static void test_cookie_cannot_be_made_up(void **state)
{
	struct script *s = *state;

	to_listen(s);
	flood(s, 100);
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	out(s, "S. 0:0(0) ack 1 <...>");
	for (unsigned bit = 0; bit < 32; bit++) {
		in_f(s, ". 1:1(0) ack %u win 1000", 1u ^ 1u << bit);
		if (bit > 0)
			assert_int_equal(state_now(s), ELEVEN_CLOSED);
		drain(s);
	}
	in(s, ". 2:2(0) ack 1 win 1000");               /* another IRS */
	assert_int_equal(state_now(s), ELEVEN_CLOSED);
	s->their_port++;
	in(s, ". 1:1(0) ack 1 win 1000");               /* another peer */
	assert_int_equal(state_now(s), ELEVEN_CLOSED);
	s->their_port--;
	pass(s, SEC(129));
	drain(s);
	in(s, ". 1:1(0) ack 1 win 1000");               /* too late */
	assert_int_equal(state_now(s), ELEVEN_CLOSED);
}

/* What overtakes the first segment, or comes after its loss, must not be answered with RST: that would end it all. */
static void test_cookie_and_segments_out_of_order(void **state)
{
	struct script *s = *state;

	to_listen(s);
	flood(s, 100);
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	out(s, "S. 0:0(0) ack 1 <...>");
	in(s, "FP. 11:21(10) ack 1 win 1000");
	quiet(s);
	assert_int_equal(taken(s, RULE_LISTEN_COOKIE_GAP), 1);
	in(s, ". 22:22(0) ack 1 win 1000");             /* of a SYN-ACK that came twice */
	quiet(s);
	assert_int_equal(taken(s, RULE_LISTEN_COOKIE_GAP), 2);
	in(s, "P. 1:11(10) ack 1 win 1000");
	state_is(s, ELEVEN_ESTABLISHED);
	in(s, "FP. 11:21(10) ack 1 win 1000");
	state_is(s, ELEVEN_CLOSE_WAIT);
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	assert_int_equal(take(s), 20);
	drain(s);
	pass(s, SEC(200));
	drain(s);
	s->their_port++;
	in(s, "P. 11:21(10) ack 1 win 1000");           /* long after the flood: RST as ever */
	assert_true(out_any(s));
	assert_true(s->last.rst);
}

/* 4987-§3.3-R1: what is half open does not stay so for long. */
static void test_half_open_ones_go(void **state)
{
	struct script *s = *state;

	to_listen(s);
	flood(s, 100);
	pass(s, SEC(70));
	drain(s);
	assert_int_equal(s->tcp->syn_received.used, 0);
	s->our_iss_known = false;
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	out(s, "S. 0:0(0) ack 1 <...>");
	state_is(s, ELEVEN_SYN_RECEIVED);
}

/* Text on a SYN may not be used to take the memory of connections. */
static void test_text_on_SYNs_takes_a_bounded_part(void **state)
{
	struct script *s = *state;

	to_listen(s);
	assert_int_equal(tcp_listen(s->tcp, s->listener, 60, s->now), 0);
	for (unsigned i = 0; i < 60; i++) {
		s->their_port = (uint16_t)(1000 + i);
		in(s, "S 0:1000(1000) win 65535 <mss 1460>");
		assert_true(out_any(s));
	}
	assert_true(s->tcp->tcbs.used <= s->config.connections_max / 2);
	pass(s, SEC(70));
	drain(s);
	assert_int_equal(s->tcp->tcbs.used, 1);
	assert_int_equal(s->tcp->reassembly.used, 0);
	assert_int_equal(buffers_used_bytes(&s->tcp->buffers), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_requests_are_bounded),
		TEST(test_cookie_makes_a_connection),
		TEST(test_cookie_keeps_options_in_the_timestamp),
		TEST(test_cookie_cannot_be_made_up),
		TEST(test_cookie_and_segments_out_of_order),
		TEST(test_half_open_ones_go),
		TEST(test_text_on_SYNs_takes_a_bounded_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
