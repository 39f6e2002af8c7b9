/* SPDX-License-Identifier: MIT */
/* Segments forged or out of place (tests/vulnerabilities.tsv, V21 to V50): what they may not do. */
#include "attack.h"

/* What of a connection a stranger's segment may not change: all but what counts segments and answers. */
static struct tcb tcb_still(const struct script *s)
{
	struct tcb tcb = *tcb_of(s->tcp, s->h);

	tcb.segments_in = tcb.segments_out = 0;
	tcb.challenge_at = tcb.last_heard = 0;
	tcb.last_rule = 0;
	tcb.tos_received = 0;
	tcb.ready = 0;
	tcb.ready_next = 0;
	return tcb;
}

static void to_small_window(struct script *s)
{
	to_listen(s);
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	out(s, "S. 0:0(0) ack 1 <...>");
	in(s, ". 1:1(0) ack 1 win 65535");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	quiet(s);
}

/* RST at every number of the window and around it: the next one expected resets, others are asked about or dropped. */
static void test_V24_RST_at_every_number(void **state)
{
	struct script *s = *state;
	uint32_t window;
	uint64_t challenged;

	s->config.challenge_ack_interval = 0;
	s->config.challenge_acks_max = 1u << 20;
	restart(s);
	to_small_window(s);
	window = status_of(s).rcv_wnd;
	assert_true(window > 1000);
	for (int64_t at = -100; at <= (int64_t)window + 100; at++) {
		if (at == 0)
			continue;
		challenged = taken(s, RULE_RST_CHALLENGE);
		in_f(s, "R %u:%u(0)", (unsigned)(1 + at), (unsigned)(1 + at));
		state_is(s, ELEVEN_ESTABLISHED);
		if (at > 0 && at < window) {
			assert_int_equal(taken(s, RULE_RST_CHALLENGE), challenged + 1);
			out(s, ". 1:1(0) ack 1");
		}
		quiet(s);
	}
	in(s, "R 1:1(0)");
	state_is(s, ELEVEN_CLOSED);
}

/* SYN in the window, with options of its own: a challenge, and not a bit of the connection is another. */
static void test_V25_SYN_changes_nothing(void **state)
{
	static const unsigned places_of[] = { 1, 2, 1000, 30000, 0, 0x7fffffff, 0x80000001, 0xfffffff0 };

	for (unsigned i = 0; i < sizeof(places_of) / sizeof(places_of[0]); i++)
		for (unsigned ack = 0; ack < 2; ack++) {
			struct script *s = *state;
			struct tcb before, after;

			restart(s);
			to_small_window(s);
			before = tcb_still(s);
			in_f(s, "S%s %u:%u(0)%s win 7 <mss 99,sackOK,TS val 5 ecr 0,nop,wscale 9>", ack ? "." : "",
			     places_of[i], places_of[i], ack ? " ack 1" : "");
			drain(s);
			after = tcb_still(s);
			assert_memory_equal(&before, &after, sizeof(before));
		}
}

/* An ACK of what was never sent, by a peer whose scale makes its window reach half of all numbers. */
static void test_V27_V28_ghost_ACK(void **state)
{
	static const uint32_t behind[] = { 1073725300u, 0x7fffffff, 0x80000000u, 0x40000000, 70000 * 16384u, 1, 65536 };

	for (unsigned i = 0; i < sizeof(behind) / sizeof(behind[0]); i++) {
		struct script *s = *state;

		restart(s);
		to_established_with(s, "mss 1460,nop,wscale 14");
		in_f(s, "P. 1:1001(1000) ack %u win 65535", 1u - behind[i]);
		assert_int_equal(take(s), -EAGAIN);     /* nothing was ever sent: no ACK below is one of ours */
		assert_int_equal(status_of(s).snd_una, status_of(s).snd_nxt);
		in_f(s, "P. 1:1001(1000) ack %u win 65535", 2u + behind[i] % 0x7fffffff);
		assert_int_equal(take(s), -EAGAIN);
		drain(s);
		in(s, "P. 1:1001(1000) ack 1 win 65535");
		assert_int_equal(take(s), 1000);
	}
}

/* An 8-bit space in the upper bits: every pair and every window, against whole numbers. */
static void test_V36_order_of_numbers(void **state)
{
	(void)state;
	for (uint32_t a = 0; a < 256; a++)
		for (uint32_t b = 0; b < 256; b++) {
			struct seq x = seq_of(a << 24), y = seq_of(b << 24);
			int8_t distance = (int8_t)(uint8_t)(b - a);
			bool half = (uint8_t)(b - a) == 128;

			assert_int_equal(seq_lt(x, y), distance > 0 && !half);
			assert_int_equal(seq_le(x, y), distance >= 0 && !half);
			assert_int_equal(seq_gt(x, y), distance < 0 && !half);
			assert_int_equal(seq_lt(x, y) && seq_lt(y, x), 0);
			for (uint32_t n = 0; n < 256; n++)
				assert_int_equal(seq_within(y, x, n << 24), (uint8_t)(b - a) < n);
		}
}

/* A whole life with the numbers of either side beginning where comparisons go wrong. */
static void test_V36_lives_from_extreme_numbers(void **state)
{
	static const uint32_t extreme[] = { 0, 1, 0x7fffffff, 0x80000000, 0x80000001, 0xffffffff, 0u - 65535, 0u - 5 };
	enum { N = sizeof(extreme) / sizeof(extreme[0]) };

	for (unsigned theirs = 0; theirs < N; theirs++)
		for (unsigned ours = 0; ours < N; ours++) {
			struct script *s = *state;

			s->config.sack = 1;
			restart(s);
			s->sack = true;
			s->their_iss = seq_of(extreme[theirs]);
			to_syn_sent(s);         /* our number goes with the clock: wait for the one that is wanted */
			s->now += (uint64_t)(extreme[ours] - s->our_iss.value) * 4000u;
			tcp_abort(s->tcp, s->h, s->now);
			drain(s);
			s->our_iss_known = false;
			to_syn_sent(s);
			assert_int_equal(s->our_iss.value, extreme[ours]);
			in(s, "S. 0:0(0) ack 1 win 65535 <mss 1000>");
			out(s, ". 1:1(0) ack 1");
			give(s, 5000);
			drain(s);
			in(s, ". 1:1(0) ack 1 win 65535 <sack 1001:2001>");
			in(s, ". 1:1(0) ack 1 win 65535 <sack 1001:5001>");
			drain(s);
			in(s, ". 101:201(100) ack 2001 win 65535");
			out(s, ". 5001:5001(0) ack 1 <nop,nop,sack 101:201>");
			in(s, ". 1:101(100) ack 5001 win 65535");
			assert_int_equal(take(s), 200);
			drain(s);
			assert_int_equal(tcp_shutdown(s->tcp, s->h, s->now), 0);
			out(s, "F. 5001:5001(0) ack 201");
			in(s, "F. 201:201(0) ack 5002 win 65535");
			out(s, ". 5002:5002(0) ack 202");
			state_is(s, ELEVEN_TIME_WAIT);
		}
}

/* ACKs next to the right one, before the connection is there: only that one makes it. */
static void test_V37_ACKs_of_the_handshake(void **state)
{
	static const uint32_t acks[] = { 0, 1, 2, 0xffffffff, 100, 0x80000000, 0x80000001 };

	for (unsigned side = 0; side < 2; side++)
		for (unsigned i = 0; i < sizeof(acks) / sizeof(acks[0]); i++) {
			struct script *s = *state;

			restart(s);
			if (side == 0) {
				to_syn_sent(s);
				in_f(s, "S. 0:0(0) ack %u win 65535 <mss 1460>", acks[i]);
				state_is(s, acks[i] == 1 ? ELEVEN_ESTABLISHED : ELEVEN_SYN_SENT);
			} else {
				to_syn_received(s);
				in_f(s, ". 1:1(0) ack %u win 65535", acks[i]);
				state_is(s, acks[i] == 1 ? ELEVEN_ESTABLISHED : ELEVEN_SYN_RECEIVED);
			}
			if (acks[i] != 1) {
				out_f(s, "R %u:%u(0)", acks[i], acks[i]);
				quiet(s);
			}
		}
}

/* Old duplicates in TIME-WAIT end nothing; a SYN opens anew only if it is later by number or by timestamp. */
static void test_V38_TIME_WAIT(void **state)
{
	static const char *const old[] = {
		"R 2:2(0)", "R. 2:2(0) ack 2", ". 1:1(0) ack 2 win 9", "P. 1:11(10) ack 2 win 9",
		"F. 1:1(0) ack 2 win 9", "P. 2:12(10) ack 2 win 9", "S 1:1(0) win 9", "S 0:0(0) win 9",
		"S. 0:0(0) ack 2 win 9", "F. 90:90(0) ack 2 win 9",
	};

	for (unsigned i = 0; i < sizeof(old) / sizeof(old[0]); i++) {
		struct script *s = *state;

		restart(s);
		to_time_wait(s);
		in(s, old[i]);
		assert_int_equal(take(s), 0);
		state_is(s, ELEVEN_TIME_WAIT);
		while (out_any(s))
			assert_false(s->last.rst || s->last.syn);
	}
	for (unsigned stamped = 0; stamped < 2; stamped++)
		for (unsigned later = 0; later < 2; later++) {
			struct script *s = *state;
			unsigned seq = stamped ? 0 : later ? 1000 : 1;

			s->config.timestamps = 1;
			restart(s);
			s->ts = stamped ? 1000 : 0;
			to_time_wait(s);
			s->ts = stamped ? later ? 2000 : 900 : 0;
			in_f(s, "S %u:%u(0) win 65535 <mss 1460>", seq, seq);
			drain(s);
			state_is(s, later ? ELEVEN_SYN_RECEIVED : ELEVEN_TIME_WAIT);
		}
}

/* From ourselves to ourselves: one answer at most, and no end of it is kept busy. */
static void test_V40_LAND(void **state)
{
	struct script *s = *state;
	struct held before;
	unsigned answers = 0;

	to_listen(s);
	before = held_now(s);
	s->them = s->us;
	s->their_port = s->our_port;
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	while (out_any(s))
		answers++;
	assert_true(answers <= 1);
	assert_held(s, &before);
	assert_int_equal(taken(s, RULE_LISTEN_ADDRESS_DROPPED), 1);
}

/* To a listener: SYN with FIN or RST, and neither, keep nothing but what a SYN does. */
static void test_V42_SYN_with_FIN_or_RST(void **state)
{
	struct script *s = *state;
	struct held before;

	to_listen(s);
	before = held_now(s);
	in(s, "SR 0:0(0) win 65535");
	in(s, "SFR 0:0(0) win 65535");
	in(s, "FR 0:0(0) win 65535");
	in(s, "SR. 0:0(0) ack 1 win 65535");
	in(s, "F 0:0(0) win 65535");
	in(s, "- 0:0(0) win 65535");
	quiet(s);
	assert_held(s, &before);
	s->tcp->config.syn_fin_opens = 0;
	in(s, "SF 0:0(0) win 65535");
	quiet(s);
	assert_held(s, &before);
}

/* ACKs of no connection: answered, and not a byte is kept. */
static void test_V45_stray_ACKs_take_nothing(void **state)
{
	struct script *s = *state;
	struct held before;

	to_listen(s);
	before = held_now(s);
	for (unsigned i = 0; i < 100000; i++) {
		s->their_port = (uint16_t)(i * 7 + 1);
		if (i % 3 == 0)
			s->our_port = (uint16_t)(i % 2 ? 9 : OUR_PORT);
		in_f(s, "%s %u:%u(%u) ack %u win 100", i % 5 ? "." : "F.", i, i + i % 9, i % 9, i * 77);
		drain(s);
	}
	assert_held(s, &before);
}

/* Text on SYN and SYN-ACK is delivered once, with what comes after, whether it is kept or sent again. */
static void test_V46_text_on_SYNs(void **state)
{
	for (unsigned kept = 0; kept < 2; kept++)
		for (unsigned active = 0; active < 2; active++) {
			struct script *s = *state;

			s->config.syn_text = kept;
			restart(s);
			if (active) {
				to_syn_sent(s);
				in(s, "S. 0:10(10) ack 1 win 65535 <mss 1460>");
			} else {
				to_listen(s);
				in(s, "S 0:10(10) win 65535 <mss 1460>");
				drain(s);
				assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), -EAGAIN);
				in_f(s, ". %u:%u(0) ack 1 win 65535", kept ? 11 : 1, kept ? 11 : 1);
				assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
			}
			drain(s);
			in(s, "P. 1:16(15) ack 1 win 65535");
			in(s, "P. 1:16(15) ack 1 win 65535");
			assert_int_equal(take(s), 15);
			assert_int_equal(take(s), -EAGAIN);
		}
}

/* Behind the FIN there is nothing, in whatever order it comes; and one FIN counts, at its first place. */
static void test_V47_text_behind_the_FIN(void **state)
{
	static const char *const orders[][4] = {
		{ "F. 1:11(10) ack 1 win 9", "P. 11:21(10) ack 1 win 9", "P. 12:22(10) ack 1 win 9" },
		{ "F. 6:11(5) ack 1 win 9", "P. 12:22(10) ack 1 win 9", "P. 1:6(5) ack 1 win 9" },
		{ "P. 12:22(10) ack 1 win 9", "F. 1:11(10) ack 1 win 9", "F. 11:30(19) ack 1 win 9" },
		{ "F. 11:11(0) ack 1 win 9", "P. 1:11(10) ack 1 win 9", "F. 1:30(29) ack 1 win 9" },
		{ "F. 11:11(0) ack 1 win 9", "P. 1:31(30) ack 1 win 9" },
	};

	for (unsigned i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		struct script *s = *state;
		int64_t got = 0, n;

		restart(s);
		to_established(s);
		for (unsigned j = 0; j < 4 && orders[i][j]; j++) {
			in(s, orders[i][j]);
			n = take(s);
			got += n > 0 ? n : 0;
			drain(s);
		}
		assert_int_equal(got, 10);
		assert_int_equal(take(s), 0);
		state_is(s, ELEVEN_CLOSE_WAIT);
		assert_int_equal(status_of(s).rcv_nxt - status_of(s).irs, 12);
	}
}

/* A FIN counts if its own number is in the window, not if the text before it is. */
static void test_V49_FIN_at_the_edge(void **state)
{
	for (int beyond = -2; beyond <= 2; beyond++) {
		struct script *s = *state;
		struct eleven_status status;
		uint32_t window, n;

		s->config.receive_buffer = 256;
		restart(s);
		to_established(s);
		window = status_of(s).rcv_wnd;
		n = (uint32_t)((int)window + beyond);
		in_f(s, "F. 1:%u(%u) ack 1 win 65535", 1 + n, n);
		status = status_of(s);
		if (beyond < 0) {
			assert_int_equal(status.state, ELEVEN_CLOSE_WAIT);
		} else {
			assert_int_equal(status.state, ELEVEN_ESTABLISHED);
			assert_int_equal(take(s), window);
			assert_int_equal(take(s), -EAGAIN);
		}
	}
}

/* After the end there is no timer and no record of it, and what comes late is nobody's. */
static void test_V50_nothing_is_left(void **state)
{
	for (unsigned at = 0; at < ELEVEN_STATES; at++) {
		struct script *s = *state;
		struct held before;

		restart(s);
		before = held_now(s);
		places[at].to(s);
		if (s->h)
			assert_int_equal(tcp_abort(s->tcp, s->h, s->now), 0);
		if (s->listener)
			assert_int_equal(tcp_abort(s->tcp, s->listener, s->now), 0);
		drain(s);
		pass(s, SEC(600));      /* TIME-WAIT, requests */
		drain(s);
		signals_of(s, 0);       /* a TCB waits until the program has heard its last */
		assert_held(s, &before);
		assert_true(tcp_deadline(s->tcp) == TIME_NEVER);
		in(s, ". 1:1(0) ack 1 win 9");
		out(s, "R 1:1(0)");
		assert_held(s, &before);
	}
}

static void assert_works_after(struct script *s)
{
	give(s, 10);
	pass(s, SEC(1));
	assert_true(out_any(s));
	assert_int_equal(s->last.text_bytes, 10);
}

/* Urgent pointers of every kind, on text and without, across the wrap: the stream is the same, and all is read. */
static void test_V21_urgent_pointers(void **state)
{
	static const unsigned pointers[] = { 0, 1, 9, 10, 11, 12, 100, 32768, 65535 };

	for (unsigned at = 0; at < ELEVEN_STATES; at++)
		for (unsigned i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++)
			for (unsigned text = 0; text < 2; text++) {
				struct script *s = *state;
				const struct place *p = &places[at];

				restart(s);
				p->to(s);
				in_f(s, "U. %u:%u(%u) ack %u win 65535 urg %u", p->nxt, p->nxt + text * 10, text * 10,
				     p->ack, pointers[i]);
				in_f(s, "SU %u:%u(%u) win 65535 urg %u", p->nxt, p->nxt + text * 10, text * 10,
				     pointers[i]);
				drain(s);
				if (p->state != ELEVEN_ESTABLISHED)
					continue;
				in_f(s, "U. %u:%u(10) ack %u win 65535 urg %u", p->nxt + 5, p->nxt + 15, p->ack,
				     pointers[i]);
				in_f(s, ". %u:%u(20) ack %u win 65535", p->nxt, p->nxt + 20, p->ack);
				assert_int_equal(take(s), 20);
				assert_int_equal(take(s), -EAGAIN);
				assert_works_after(s);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ATTACK(test_V24_RST_at_every_number),
		ATTACK(test_V25_SYN_changes_nothing),
		ATTACK(test_V27_V28_ghost_ACK),
		ATTACK(test_V36_order_of_numbers),
		ATTACK(test_V36_lives_from_extreme_numbers),
		ATTACK(test_V37_ACKs_of_the_handshake),
		ATTACK(test_V38_TIME_WAIT),
		ATTACK(test_V40_LAND),
		ATTACK(test_V42_SYN_with_FIN_or_RST),
		ATTACK(test_V45_stray_ACKs_take_nothing),
		ATTACK(test_V46_text_on_SYNs),
		ATTACK(test_V47_text_behind_the_FIN),
		ATTACK(test_V49_FIN_at_the_edge),
		ATTACK(test_V50_nothing_is_left),
		ATTACK(test_V21_urgent_pointers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
