/* SPDX-License-Identifier: MIT */
/* SACK blocks as weapons (tests/vulnerabilities.tsv, V7 to V9), and overlapping text (V48). */
#include "attack.h"

#include "base/random.h"

static void to_sacked(struct script *s, unsigned segments)
{
	s->sack = true;
	to_listen(s);
	in(s, "S 0:0(0) win 65535 <mss 100,sackOK>");
	out(s, "S. 0:0(0) ack 1 <...>");
	in(s, ". 1:1(0) ack 1 win 65535");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	quiet(s);
	for (unsigned i = 1; i < segments; i *= 2) {    /* the window opens */
		give(s, 100 * segments);
		drain(s);
		in_f(s, ". 1:1(0) ack %u win 65535", status_of(s).snd_nxt - s->our_iss.value);
	}
	give(s, 100 * segments);
	drain(s);
}

static void in_sack(struct script *s, uint32_t ack, const uint32_t *edges, unsigned blocks)
{
	struct segment seg = { .seq = seq_add(s->their_iss, 1), .ack = seq_add(s->our_iss, ack), .has_ack = true,
			       .window = 65535, .source_port = s->their_port, .destination_port = s->our_port };
	uint8_t bytes[60];
	struct arrival arrival = { .source = s->them, .destination = s->us, .bytes = bytes, .checksum_ok = true };

	seg.options.sack_count = (uint8_t)blocks;
	for (unsigned i = 0; i < blocks; i++) {
		seg.options.sack[i].left = seq_add(s->our_iss, edges[2 * i]);
		seg.options.sack[i].right = seq_add(s->our_iss, edges[2 * i + 1]);
	}
	arrival.length = segment_emit_header(bytes, &seg);
	tcp_segment_arrives(s->tcp, &arrival, s->now);
}

/* Blocks that no receiver sends: nothing is believed of what was not sent, and all is delivered at last. */
static void test_V7_malformed_blocks(void **state)
{
	for (unsigned seed = 0; seed < 300; seed++) {
		struct script *s = *state;
		struct random random;
		uint32_t una, nxt;

		s->config.seed = seed + 1;      /* our first number: in either half of the space */
		restart(s);
		random_seed(&random, seed);
		to_sacked(s, 8);
		for (unsigned i = 0; i < 200; i++) {
			struct eleven_status status = status_of(s);
			uint32_t places_of[10], edges[8];

			una = status.snd_una - s->our_iss.value;
			nxt = status.snd_nxt - s->our_iss.value;
			places_of[0] = una;
			places_of[1] = nxt;
			places_of[2] = nxt + 1;
			places_of[3] = una - 1;
			places_of[4] = una + 0x7fffffff;
			places_of[5] = una + 0x80000000u;
			places_of[6] = nxt + 0x80000000u;
			places_of[7] = una + (uint32_t)random_below(&random, 800);
			places_of[8] = una + 50;
			places_of[9] = (uint32_t)random_next(&random);
			for (unsigned e = 0; e < 8; e++)
				edges[e] = places_of[random_below(&random, 10)];
			in_sack(s, una, edges, (unsigned)random_below(&random, 5));
			status = status_of(s);
			assert_true(status.sacked <= nxt - una);
			assert_true(status.lost <= nxt - una);
			assert_true(status.snd_una - s->our_iss.value == una);
			if (i % 8 == 0)
				pass(s, MS(1 + random_below(&random, 300)));
			drain(s);
			state_is(s, ELEVEN_ESTABLISHED);
		}
		nxt = status_of(s).snd_max - s->our_iss.value;
		in_f(s, ". 1:1(0) ack %u win 65535", nxt);
		assert_int_equal(status_of(s).send_queue - status_of(s).unsent, 0);
		give(s, 100);
		pass(s, SEC(1));
		assert_true(out_any(s));
	}
}

/* Lengths that are no number of blocks: the option is ignored, the segment is not. */
static void test_V7_lengths_of_the_option(void **state)
{
	struct script *s = *state;

	to_sacked(s, 8);
	for (unsigned length = 2; length <= 40; length++) {
		uint8_t options[40];

		memset(options, 1, sizeof(options));
		options[0] = TCP_OPTION_SACK;
		options[1] = (uint8_t)length;
		in_with(s, ". 1:1(0) ack 1 win 65535", options, 40);
		if ((length - 2) % 8 != 0)
			assert_int_equal(status_of(s).sacked, 0);
		state_is(s, ELEVEN_ESTABLISHED);
		drain(s);
	}
}

/* Every other segment, of the smallest there are: records are no more than segments, and work for an ACK is bounded. */
static void test_V8_alternate_blocks(void **state)
{
	struct script *s = *state;
	uint32_t una;
	uint64_t most = 0;

	s->config.mss_least = 48;
	s->config.sent_records_max = 1024;
	s->config.sent_records_each = 1024;
	s->config.buffer_bytes = 1 << 20;
	s->config.send_buffer = 256 << 10;
	restart(s);
	s->sack = true;
	to_listen(s);
	in(s, "S 0:0(0) win 65535 <mss 48,sackOK,nop,wscale 7>");
	out(s, "S. 0:0(0) ack 1 <...>");
	in(s, ". 1:1(0) ack 1 win 65535");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	for (unsigned i = 0; i < 12; i++) {
		give(s, 48 << i < 32000 ? 48 << i : 32000);
		drain(s);
		in_f(s, ". 1:1(0) ack %u win 65535", status_of(s).snd_nxt - s->our_iss.value);
	}
	give(s, 30000);
	drain(s);
	una = status_of(s).snd_una - s->our_iss.value;
	for (uint32_t at = una + 48; at + 48 < una + 30000; at += 96) {
		uint32_t edges[8] = { at, at + 48, at - 20, at + 10, una, una + 30000, at + 1, at + 2 };

		in_sack(s, una, edges, 1 + at % 4 / 2);
		drain(s);
		most = s->tcp->sent.used > most ? s->tcp->sent.used : most;
	}
	print_message("V8: %llu records for 30000 bytes of MSS 48 under alternate SACKs\n", (unsigned long long)most);
	assert_true(most <= 30000 / 48 + 64);
	in_f(s, ". 1:1(0) ack %u win 65535", status_of(s).snd_max - s->our_iss.value);
	assert_int_equal(s->tcp->sent.used, 0);
}

static uint64_t steps_now(const struct script *s)
{
	struct eleven_stats stats = { 0 };

	tcp_stats(s->tcp, &stats);
	return stats.steps;
}

/*
 * V8, V7: work for one ACK.  4,000 segments of 48 bytes in flight, and blocks that make the search go from one end to
 * the other, with and without an undo of everything: it never exceeds a bound that does not depend on what came before.
 */
static void test_V8_steps_for_an_ACK_are_bounded(void **state)
{
	struct script *s = *state;
	static char text[200000];
	uint64_t before, most = 0;
	uint32_t una, end;

	s->config.mss_least = 48;
	s->config.sent_records_max = s->config.sent_records_each = 8192;
	s->config.slow_start_unlimited = 1;
	s->config.buffer_bytes = 4 << 20;
	s->config.send_buffer = 1 << 20;
	restart(s);
	s->step = 1 + (s->late = 0);    /* what goes within one step of the clock shares a record */
	s->sack = true;
	to_listen(s);
	in(s, "S 0:0(0) win 65535 <mss 48,sackOK,nop,wscale 7>");
	out(s, "S. 0:0(0) ack 1 <...>");
	in(s, ". 1:1(0) ack 1 win 65535");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	for (unsigned i = 0; i < 12 || status_of(s).send_queue > 0; i++) {
		if (i < 12)
			tcp_send(s->tcp, s->h, text, sizeof(text), 0, s->now);
		drain(s);
		in_f(s, ". 1:1(0) ack %u win 65535", status_of(s).snd_nxt - s->our_iss.value);
	}
	option(s, ELEVEN_OPTION_NODELAY, 1);
	for (unsigned i = 0; i < 4000; i++) {           /* each a record of its own */
		tcp_send(s->tcp, s->h, text, 48, 0, s->now);
		drain(s);
		pass(s, US(1));
	}
	una = status_of(s).snd_una - s->our_iss.value;
	end = status_of(s).snd_max - s->our_iss.value;
	assert_true(s->tcp->sent.used > 3000);
	for (uint32_t k = 0; k < 1500; k++) {
		uint32_t low = una + 48 * (1 + k * 2), high = end - 48 * (1 + k % 3), middle = (low + high) / 96 * 48;
		uint32_t edges[8] = { low, low + 48, high - 48, high, middle, middle + 48, low + 96, low + 97 };

		before = steps_now(s);
		in_sack(s, una, edges, 4);
		drain(s);
		pass(s, US(1));
		most = steps_now(s) - before > most ? steps_now(s) - before : most;
	}
	print_message("V8: at most %llu steps for an ACK with 4,000 records\n", (unsigned long long)most);
	assert_true(most > 0 && most <= 10000);
	before = steps_now(s);
	pass_timeout(s);
	drain(s);
	assert_true(steps_now(s) - before <= 20000);    /* a timeout looks at each record once, and some twice */
	in_f(s, ". 1:1(0) ack %u win 65535", end);
	assert_int_equal(s->tcp->sent.used, 0);
}

/* V55: bytes at random places of a window, a thousand gaps: steps for each, and what is held. */
static void test_V55_steps_for_a_segment_are_bounded(void **state)
{
	struct script *s = *state;
	struct random random;
	uint64_t before, most = 0;

	random_seed(&random, 55);
	s->config.gaps_max = 1024;
	restart(s);
	s->sack = true;
	to_established(s);
	for (unsigned i = 0; i < 20000; i++) {
		uint32_t at = 3 + (uint32_t)random_below(&random, 60000);

		before = steps_now(s);
		in_f(s, ". %u:%u(1) ack 1 win 65535", at, at + 1);
		drain(s);
		most = steps_now(s) - before > most ? steps_now(s) - before : most;
	}
	print_message("V55: at most %llu steps for a segment of one byte\n", (unsigned long long)most);
	assert_true(most > 0 && most <= 4 * 1024);
	assert_true(status_of(s).out_of_order <= 65535);
	state_is(s, ELEVEN_ESTABLISHED);
}

/* The same with next to no records, and none: text still gets through, by timeouts if need be. */
static void test_V9_no_memory_for_records(void **state)
{
	for (unsigned records = 1; records <= 8; records++) {
		struct script *s = *state;
		uint32_t una, end;

		s->config.sent_records_max = records;
		restart(s);
		to_sacked(s, 8);
		una = status_of(s).snd_una - s->our_iss.value;
		end = status_of(s).snd_max - s->our_iss.value;
		for (unsigned i = 0; i < 400 && una < end; i++) {
			uint32_t edges[4] = { una + 100, una + 200, una + 300, una + 400 };
			bool first = false;

			in_sack(s, una, edges, 2);
			assert_true(s->tcp->sent.used <= records);
			pass(s, MS(500));
			while (out_any(s))
				first |= s->last.seq.value - s->our_iss.value == una && s->last.text_bytes > 0;
			if (first) {
				una += 100;
				in_f(s, ". 1:1(0) ack %u win 65535", una);
			}
		}
		assert_true(una >= end);
	}
}

/* Every pair and triple of segments on six bytes, the later ones with other text: the first byte that came is kept. */
static void test_V48_overlaps(void **state)
{
	enum { BYTES = 6, RANGES = 21 };
	uint8_t left[RANGES], right[RANGES];
	unsigned n = 0;

	for (uint8_t a = 0; a < BYTES; a++)
		for (uint8_t b = (uint8_t)(a + 1); b <= BYTES; b++) {
			left[n] = a;
			right[n++] = b;
		}
	assert_int_equal(n, RANGES);
	for (unsigned code = 0; code < RANGES * RANGES * RANGES; code++) {
		unsigned order[4] = { code % RANGES, code / RANGES % RANGES, code / RANGES / RANGES, 5 };
		struct script *s = *state;
		uint8_t want[BYTES] = { 0 }, got[BYTES + 1];
		unsigned at = 0;

		if (code % 500 == 0) {
			restart(s);
			to_established(s);
			s->their_iss = seq_sub(s->their_iss, 0);
		}
		assert_int_equal(left[order[3]], 0);    /* and at last all of it */
		for (unsigned i = 0; i < 4; i++) {
			uint8_t text[BYTES];
			uint32_t base = status_of(s).irs + 1 - s->their_iss.value + (code % 500) * BYTES;

			memset(text, 'a' + (int)i, sizeof(text));
			for (unsigned b = left[order[i]]; b < right[order[i]]; b++)
				if (want[b] == 0)
					want[b] = text[0];
			char line[80];

			snprintf(line, sizeof(line), ". %u:%u(%u) ack 1 win 65535", base + left[order[i]],
				 base + right[order[i]], right[order[i]] - left[order[i]]);
			in_text(s, line, text);
			drain(s);
		}
		while (at < BYTES) {
			int64_t bytes = tcp_receive(s->tcp, s->h, got + at, sizeof(got) - at, s->now);

			assert_true(bytes > 0);
			at += (unsigned)bytes;
		}
		assert_int_equal(at, BYTES);
		assert_memory_equal(got, want, BYTES);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ATTACK(test_V7_malformed_blocks),
		ATTACK(test_V7_lengths_of_the_option),
		ATTACK(test_V8_alternate_blocks),
		ATTACK(test_V8_steps_for_an_ACK_are_bounded),
		ATTACK(test_V55_steps_for_a_segment_are_bounded),
		ATTACK(test_V9_no_memory_for_records),
		ATTACK(test_V48_overlaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
