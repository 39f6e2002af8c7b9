/* SPDX-License-Identifier: MIT */
/* Options and headers that broke other stacks (tests/vulnerabilities.tsv, V1 to V22), against every state. */
#include "attack.h"

#define OPTION_BYTES 40

/* Alive: the same state, or what the flags of the probe rightly make of it; and a plain exchange still works. */
static void assert_works(struct script *s)
{
	drain(s);
	in(s, ". 1:11(10) ack 1 win 65535");
	assert_int_equal(take(s), 10);
	give(s, 10);
	pass(s, SEC(1));
	assert_true(out_any(s));
	assert_int_equal(s->last.text_bytes, 10);
}

static void assert_no_loop(const uint8_t *options, unsigned n, struct tcp_options *o)
{
	uint8_t *exact = malloc(n + !n);        /* a byte beyond is another's: ASan looks */

	memcpy(exact, options, n);
	tcp_options_parse(o, exact, n);
	free(exact);
}

/* Every kind with length 0, 1 and all that reach past the end or would be negative, at every offset. */
static void test_V1_V2_V3_lengths_that_cannot_be(void **state)
{
	uint8_t options[OPTION_BYTES];

	(void)state;
	for (unsigned kind = 2; kind < 256; kind++)
		for (unsigned at = 0; at + 1 < OPTION_BYTES; at++)
			for (unsigned length = 0; length < 256; length++) {
				struct tcp_options o;

				if (length >= 2 && at + length <= OPTION_BYTES)
					continue;
				memset(options, TCP_OPTION_NOP, sizeof(options));
				options[at] = (uint8_t)kind;
				options[at + 1] = (uint8_t)length;
				if (length % 85 == 0 || kind < 9)
					assert_no_loop(options, OPTION_BYTES, &o);
				else
					tcp_options_parse(&o, options, OPTION_BYTES);
				assert_true(o.faults & TCP_OPTION_FAULT_LENGTH);
				assert_false(o.has_mss || o.has_wscale || o.has_timestamps || o.sack_permitted ||
					     o.sack_count || o.has_fast_open);
			}
}

/* The same through every state: the segment is dropped at most, and the connection is not. */
static void test_V1_V13_bad_options_in_every_state(void **state)
{
	static const uint8_t bad[][8] = {
		{ 2, 0 }, { 3, 0 }, { 4, 0 }, { 5, 0 }, { 8, 0 }, { 19, 0 }, { 29, 0 }, { 255, 0 }, { 2, 1 },
		{ 5, 1 }, { 2, 255 }, { 8, 128 }, { 1, 1, 1, 1, 1, 1, 1, 2 }, { 19, 18, 1, 2 }, { 19, 2 }, { 29, 2 },
		{ 29, 3, 1 },
		{ 29, 16, 1, 1 }, { 30, 255 }, { 34, 3, 1, 1 }, { 2, 3, 5, 1 }, { 8, 2, 1, 1 }, { 5, 9, 1, 1 },
		{ 14, 3, 1, 1 }, { 15, 2, 1, 1 }, { 28, 4, 0, 0 }, { 253, 2, 254, 2 },
	};

	for (unsigned at = 0; at < ELEVEN_STATES; at++)
		for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			struct script *s = *state;
			const struct place *p = &places[at];
			char line[80];

			restart(s);
			p->to(s);
			snprintf(line, sizeof(line), ". %u:%u(0) ack %u win 65535", p->nxt, p->nxt, p->ack);
			if (p->state == ELEVEN_LISTEN || p->state == ELEVEN_CLOSED)
				snprintf(line, sizeof(line), "S 0:0(0) win 65535");
			in_with(s, line, bad[i], 8);
			drain(s);
			if (taken(s, RULE_AUTH_OPTION_BAD))     /* which RFC 5925 §2.2 has discarded */
				state_is(s, p->state == ELEVEN_LISTEN ? ELEVEN_CLOSED : p->state);
			else if (p->state == ELEVEN_LISTEN)
				state_is(s, ELEVEN_SYN_RECEIVED);
			else if (p->state == ELEVEN_SYN_RECEIVED)
				state_is(s, ELEVEN_ESTABLISHED);
			else if (p->state == ELEVEN_FIN_WAIT_1)
				state_is(s, ELEVEN_FIN_WAIT_2);
			else if (p->state == ELEVEN_CLOSING)
				state_is(s, ELEVEN_TIME_WAIT);
			else if (p->state != ELEVEN_LAST_ACK)
				state_is(s, p->state);
			if (p->state == ELEVEN_ESTABLISHED)
				assert_works(s);
		}
}

/* Of the kinds nobody knows, the experimental and the last, and what comes behind them is still read. */
static void test_V4_unknown_kinds_are_stepped_over(void **state)
{
	(void)state;
	for (unsigned kind = 6; kind < 256; kind++)
		for (unsigned length = 2; length <= 36; length++) {
			uint8_t options[OPTION_BYTES] = { 0 };
			struct tcp_options o;

			if (kind == TCP_OPTION_TIMESTAMPS || kind == TCP_OPTION_FAST_OPEN)
				continue;
			memset(options, 0xff, length);
			options[0] = (uint8_t)kind;
			options[1] = (uint8_t)length;
			memcpy(options + length, "\2\4\5\xb4", 4);
			assert_no_loop(options, length + 4, &o);
			assert_true(o.has_mss && o.mss == 1460 && !o.faults);
		}
}

/* Every small MSS, with all options that take room: text comes in pieces of some size, and none of 0. */
static void test_V5_V6_tiny_MSS(void **state)
{
	static const enum eleven_profile profiles[] = { ELEVEN_MODERN, ELEVEN_LINUX };

	for (unsigned profile = 0; profile < 2; profile++)
		for (unsigned mss = 0; mss <= 103; mss++) {
			static const unsigned large[] = { 535, 536, 65535 };
			unsigned value = mss <= 100 ? mss : large[mss - 101], packets = 0, bytes = 0, sent = 0;
			struct script *s = *state;

			script_end(s);
			small_config(s, profiles[profile]);
			s->config.timestamps = 1;
			script_begin(s);
			s->ts = 1000;
			to_listen(s);
			in_f(s, "S 0:0(0) win 65535 <mss %u,sackOK>", value);
			out(s, "S. 0:0(0) ack 1 <...>");
			in(s, ". 1:1(0) ack 1 win 65535");
			assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
			in(s, ". 11:12(1) ack 1 win 65535");    /* gaps to report: SACK blocks take room as well */
			in(s, ". 21:22(1) ack 1 win 65535");
			in(s, ". 31:32(1) ack 1 win 65535");
			drain(s);
			give(s, 3000);
			while (bytes < 3000) {
				assert_true(out_any(s));
				packets++;
				sent += 20 + s->last_out.header_bytes + s->last.text_bytes;
				if (s->last.text_bytes == 0)
					continue;
				bytes += s->last.text_bytes;
				assert_true(s->last.text_bytes >= 18 || bytes == 3000);
				in_f(s, ". 1:1(0) ack %u win 65535", 1 + bytes);
				assert_true(packets < 400);
			}
			assert_true(sent < 5 * 3000);           /* what it costs the path: bounded */
		}
}

/* The program's own choice has a floor, too. */
static void test_V5_MSS_of_the_program(void **state)
{
	for (unsigned mss = 0; mss <= 600; mss++) {
		struct script *s = *state;
		uint64_t set = 0;

		restart(s);
		assert_int_equal(tcp_open(s->tcp, &s->h, s->now), 0);
		if (tcp_option_set(s->tcp, s->h, ELEVEN_OPTION_MSS, mss, s->now) != 0)
			continue;
		assert_int_equal(tcp_option_get(s->tcp, s->h, ELEVEN_OPTION_MSS, &set), 0);
		assert_int_equal(tcp_bind(s->tcp, s->h, &s->us, s->our_port, 0, s->now), 0);
		assert_int_equal(tcp_connect(s->tcp, s->h, &s->us, 0, &s->them, s->their_port, s->now), 0);
		out(s, "S 0:0(0) <...>");
		assert_true(s->last.options.mss >= 48);
		in(s, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
		drain(s);
		give(s, 500);
		assert_true(out_any(s));
		assert_true(s->last.text_bytes >= 36);
	}
}

/* Strange timestamps: the RTO stays in its bounds, and one forged segment does not blind PAWS. */
static void test_V10_timestamps(void **state)
{
	static const uint32_t strange[] = { 0, 1, 999, 1000, 1001, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe,
					    0xffffffff };
	enum { N = sizeof(strange) / sizeof(strange[0]) };

	for (unsigned value = 0; value < N; value++)
		for (unsigned echo = 0; echo < N; echo++) {
			struct script *s = *state;
			struct eleven_status status;
			uint32_t forged;

			s->config.timestamps = 1;
			restart(s);
			s->ts = 1000;
			to_established(s);
			give(s, 100);
			drain(s);
			pass(s, MS(50));
			forged = s->ts;
			s->ts = strange[value] ? strange[value] : 1;
			s->ts_echo = strange[echo];
			in(s, ". 1:1(0) ack 101 win 65535");
			status = status_of(s);
			assert_in_range(status.rto, s->config.rto_least, s->config.rto_most);
			assert_true(status.srtt <= SEC(120));
			/* Whatever it was, one outside the window changes nothing of what is believed. */
			s->ts = forged;
			restart(s);
			s->ts = 1000;
			to_established(s);
			s->ts = 1000 + 0x7fffffffu;
			in(s, ". 90000000:90000010(10) ack 1 win 65535");
			drain(s);
			s->ts = 1001;
			in(s, ". 1:11(10) ack 1 win 65535");
			assert_int_equal(take(s), 10);
		}
}

/* On SYN, SYN-ACK and third ACK, each with them or without: agreed on by both SYNs or not at all. */
static void test_V11_timestamps_appear_and_vanish(void **state)
{
	for (unsigned with = 0; with < 8; with++) {
		struct script *s = *state;
		bool syn = with & 1, ack = with & 2, text = with & 4, takes;

		s->config.timestamps = 1;
		restart(s);
		to_listen(s);
		in(s, syn ? "S 0:0(0) win 65535 <mss 1460,TS val 10 ecr 0>" : "S 0:0(0) win 65535 <mss 1460>");
		assert_true(out_any(s));
		assert_int_equal(s->last.options.has_timestamps, syn);
		in_f(s, ". 1:1(0) ack 1 win 65535%s", "");
		if (ack)
			in_f(s, ". 1:1(0) ack 1 win 65535 <TS val 11 ecr %u>", syn ? s->last.options.tsval : 0);
		takes = ack || !syn;
		state_is(s, takes ? ELEVEN_ESTABLISHED : ELEVEN_SYN_RECEIVED);
		if (!takes)
			continue;
		assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
		if (text)
			in_f(s, ". 1:11(10) ack 1 win 65535 <TS val 12 ecr %u>", syn ? s->last.options.tsval : 0);
		else
			in(s, ". 1:11(10) ack 1 win 65535");
		assert_int_equal(take(s), text || !syn ? 10 : -EAGAIN);
		state_is(s, ELEVEN_ESTABLISHED);
	}
}

/*
 * Any shift: above 14 it counts as 14; on one side only, not at all; on another segment, nothing.  A SYN's window is
 * not scaled.
 */
static void test_V12_window_scale(void **state)
{
	for (unsigned shift = 0; shift < 256; shift++) {
		struct script *s = *state;
		uint8_t options[8] = { 2, 4, 5, 0xb4, 3, 3, (uint8_t)shift, 1 };

		restart(s);
		to_listen(s);
		in_with(s, "S 0:0(0) win 1000", options, 8);
		out(s, "S. 0:0(0) ack 1 <...>");
		assert_true(s->last.options.has_wscale);
		in(s, ". 1:1(0) ack 1 win 1000");
		assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
		assert_int_equal(status_of(s).snd_wnd, 1000u << (shift > 14 ? 14 : shift));
		in_with(s, ". 1:1(0) ack 1 win 900", (uint8_t[]){ 3, 3, 1, 1 }, 4);
		assert_int_equal(status_of(s).snd_wnd, 900u << (shift > 14 ? 14 : shift));
		in_with(s, "S 1:1(0) win 10", options, 8);
		assert_int_equal(status_of(s).snd_wnd, 900u << (shift > 14 ? 14 : shift));
		restart(s);
		to_established_with(s, "mss 1460");
		in_with(s, ". 1:1(0) ack 1 win 700", (uint8_t[]){ 3, 3, (uint8_t)shift, 1 }, 4);
		assert_int_equal(status_of(s).snd_wnd, 700);
		restart(s);
		to_syn_sent(s);
		in_with(s, "S. 0:0(0) ack 1 win 1000", options, 8);
		assert_int_equal(status_of(s).snd_wnd, 1000);
	}
}

/* Every data offset and length, in a connection: a wrong one changes nothing. */
static void test_V14_V15_data_offset(void **state)
{
	static const uint8_t head[16] = { 0x9c, 0x40, 0x1f, 0x40, [13] = 16, 255, 255 };
	struct script *s = *state;

	to_established(s);
	for (unsigned offset = 0; offset < 16; offset++)
		for (unsigned n = 0; n <= 80; n++) {
			uint8_t *bytes = calloc(1, n + 1);
			struct arrival arrival = { .source = s->them, .destination = s->us, .bytes = bytes, .length = n,
						   .checksum_ok = true };
			bool good = n >= 20 && offset >= 5 && offset * 4 <= n;
			struct eleven_status before = status_of(s), after;
			int64_t got;

			for (unsigned i = 0; i < n && i < 16; i++)
				bytes[i] = head[i];
			if (n >= 13) {
				store_be32(bytes + 4, before.rcv_nxt);
				store_be32(bytes + 8, before.snd_nxt);
				bytes[12] = (uint8_t)(offset << 4);
			}
			bytes = realloc(bytes, n ? n : 1);
			arrival.bytes = bytes;
			tcp_segment_arrives(s->tcp, &arrival, s->now);
			got = take(s);
			after = status_of(s);
			if (good && n > offset * 4)
				assert_int_equal(got, n - offset * 4);
			else
				assert_int_equal(got, -EAGAIN);
			assert_int_equal(after.state, ELEVEN_ESTABLISHED);
			assert_int_equal(after.rcv_nxt - before.rcv_nxt, good ? n - offset * 4 : 0);
			free(bytes);
			drain(s);
		}
}

/* No combination of options is longer than the header can be: timestamps, gaps, duplicates, on any segment. */
static void test_V17_options_fit(void **state)
{
	for (unsigned mask = 0; mask < 64; mask++) {
		struct script *s = *state;
		unsigned gaps = mask & 7, at = 100;

		s->config.timestamps = 1;
		restart(s);
		if (mask & 8)
			s->ts = 1000;
		s->sack = mask & 16;
		to_listen(s);
		in(s, mask & 32 ? "S 0:0(0) win 65535 <mss 1460,wscale 7>" : "S 0:0(0) win 65535 <mss 1460>");
		assert_true(out_any(s));
		assert_true(s->last_out.header_bytes <= 60);
		in(s, ". 1:1(0) ack 1 win 65535");
		assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
		for (unsigned i = 0; i < gaps; i++, at += 100)
			in_f(s, ". %u:%u(10) ack 1 win 65535", at, at + 10);
		in(s, ". 100:110(10) ack 1 win 65535");
		give(s, 5000);
		tcp_shutdown(s->tcp, s->h, s->now);
		for (unsigned i = 0; i < 50; i++) {
			if (!out_any(s)) {
				pass(s, SEC(1));
				continue;
			}
			assert_true(s->last_out.header_bytes <= 60);
			assert_int_equal(s->last_out.header_bytes % 4, 0);
			assert_true(s->last.header_bytes + s->last.text_bytes <= 1480 || s->last_out.segment_bytes);
			assert_int_equal(s->last.options.faults, 0);
		}
		tcp_abort(s->tcp, s->h, s->now);
		while (out_any(s))
			assert_true(s->last_out.header_bytes <= 60);
	}
}

/* SYNs with all bits that ECN and AccECN use: a connection like any other. */
static void test_V20_flags_of_ECN_on_a_SYN(void **state)
{
	for (unsigned bits = 0; bits < 8; bits++) {
		struct script *s = *state;
		char line[60];

		restart(s);
		to_listen(s);
		snprintf(line, sizeof(line), "S%s%s%s 0:0(0) win 65535 <mss 1460>", bits & 1 ? "E" : "",
			 bits & 2 ? "W" : "", bits & 4 ? "A" : "");
		in(s, line);
		assert_true(out_any(s));
		assert_true(s->last.syn && s->last.has_ack && !s->last.cwr);
		in(s, ". 1:1(0) ack 1 win 65535");
		state_is(s, ELEVEN_ESTABLISHED);
	}
}

/* The sum must be right: 0 is no "not computed", nor 0xffff, and a wrong one changes nothing. */
static void test_V22_checksum(void **state)
{
	static const uint16_t sums[] = { 0, 0xffff };
	struct script *s = *state;

	to_established(s);
	for (unsigned i = 0; i < 2; i++) {
		uint8_t bytes[30] = { 0x9c, 0x40, 0x1f, 0x40, [12] = 0x50, [13] = 16, [14] = 255, [15] = 255 };
		struct arrival arrival = { .source = s->them, .destination = s->us, .bytes = bytes, .length = 30 };
		struct eleven_status before = status_of(s), after;

		store_be32(bytes + 4, before.rcv_nxt);
		store_be32(bytes + 8, before.snd_nxt);
		memset(bytes + 20, 'x', 10);
		assert_int_not_equal(segment_checksum(&s->them, &s->us, bytes, 30), sums[i]);
		store_be16(bytes + 16, sums[i]);
		tcp_segment_arrives(s->tcp, &arrival, s->now);
		after = status_of(s);
		assert_memory_equal(&before, &after, sizeof(before));
		quiet(s);
	}
	assert_int_equal(taken(s, RULE_SEGMENT_CHECKSUM_BAD), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ATTACK(test_V1_V2_V3_lengths_that_cannot_be),
		ATTACK(test_V1_V13_bad_options_in_every_state),
		ATTACK(test_V4_unknown_kinds_are_stepped_over),
		ATTACK(test_V5_V6_tiny_MSS),
		ATTACK(test_V5_MSS_of_the_program),
		ATTACK(test_V10_timestamps),
		ATTACK(test_V11_timestamps_appear_and_vanish),
		ATTACK(test_V12_window_scale),
		ATTACK(test_V14_V15_data_offset),
		ATTACK(test_V17_options_fit),
		ATTACK(test_V20_flags_of_ECN_on_a_SYN),
		ATTACK(test_V22_checksum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
