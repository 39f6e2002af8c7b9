/* SPDX-License-Identifier: MIT */
/* What few ask for: a listener that waits for text, a patient one, packets that may be cut, a link that shrinks. */
#include "script.h"

static void again(struct script *s)
{
	struct eleven_config config = s->config;

	script_end(s);
	memset(s, 0, sizeof(*s));
	s->config = config;
	script_begin(s);
}

/* TCP_DEFER_ACCEPT of tcp(7): the third ACK alone makes no connection for so long; text or FIN does, or the time. */
static void test_deferred_accept(void **state)
{
	struct script *s = *state;

	for (int how = 0; how < 3; how++) {
		unsigned answers = 0;

		again(s);
		to_listen(s);
		assert_int_equal(tcp_option_set(s->tcp, s->listener, ELEVEN_OPTION_DEFER_ACCEPT, SEC(3), s->now), 0);
		in(s, "S 0:0(0) win 65535 <mss 1460>");
		out(s, "S. 0:0(0) ack 1 <...>");
		in(s, ". 1:1(0) ack 1 win 65535");
		quiet(s);
		state_is(s, ELEVEN_SYN_RECEIVED);
		assert_int_equal(taken(s, RULE_DEFER_ACCEPT_WAITING), 1);
		pass(s, SEC(2));
		quiet(s);                               /* it was acknowledged: nothing goes again */
		if (how == 0) {
			in(s, "P. 1:11(10) ack 1 win 65535");
		} else if (how == 1) {
			in(s, "F. 1:1(0) ack 1 win 65535");
		} else {
			pass(s, SEC(2));                /* the time is over: now it is asked for an ACK */
			while (out_any(s))
				answers += s->last.syn && s->last.has_ack;
			assert_int_equal(answers, 1);
			in(s, ". 1:1(0) ack 1 win 65535");
		}
		assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
		state_is(s, how == 1 ? ELEVEN_CLOSE_WAIT : ELEVEN_ESTABLISHED);
	}
}

/* As many SYN-ACKs as are configured, at intervals that double up to the longest; then the request is forgotten. */
static void test_a_patient_listener(void **state)
{
	struct script *s = *state;
	uint64_t wait = SEC(1);

	s->config.syn_ack_retries_max = 18;
	s->config.rto_initial = SEC(1);
	s->config.rto_most = SEC(4);
	again(s);
	to_syn_received(s);
	for (unsigned i = 0; i < 18; i++) {
		pass(s, wait + MS(20));
		assert_true(out_any(s) && s->last.syn && s->last.has_ack);
		wait = wait < SEC(4) ? 2 * wait : SEC(4);
	}
	state_is(s, ELEVEN_SYN_RECEIVED);
	pass(s, SEC(5));
	quiet(s);
	state_is(s, ELEVEN_CLOSED);
	assert_int_equal(taken(s, RULE_TIMEOUT_SYN_ACK), 18);
	assert_int_equal(taken(s, RULE_GIVEN_UP_SYN_ACK), 1);
}

/* RFC 1191 §3: without discovery every packet of IPv4 may be cut on its way; of IPv6 none ever. */
static void test_1191_3_packets_that_may_be_cut(void **state)
{
	struct script *s = *state;

	for (unsigned discovery = 0; discovery < 2; discovery++) {
		s->config.path_mtu_discovery = discovery;
		again(s);
		to_established(s);
		give(s, 100);
		out(s, "P. 1:101(100) ack 1");
		assert_int_equal(s->last_out.df, discovery || script_is_v6());
	}
}

/* The link's MTU becomes less than what is known of the path: it is the link's that counts. */
static void test_a_link_that_shrinks(void **state)
{
	struct script *s = *state;

	to_established(s);
	tcp_interface_set(s->tcp, 0, script_mtu(1300), 0);
	give(s, 4000);
	assert_true(out_any(s));
	assert_true(s->last.text_bytes <= 1460);
	while (out_any(s))
		assert_true(s->last.text_bytes <= 1460);
	in(s, ". 1:1(0) ack 4001 win 65535");
	state_is(s, ELEVEN_ESTABLISHED);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_deferred_accept),
		TEST(test_a_patient_listener),
		TEST(test_1191_3_packets_that_may_be_cut),
		TEST(test_a_link_that_shrinks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
