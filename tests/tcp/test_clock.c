/* SPDX-License-Identifier: MIT */
/*
 * Loss recovery with clocks that are read in steps of 1 ns, 1 us, 1 ms and 10 ms: a coarse clock delays a verdict by a
 * step or two, and never makes one that a fine clock would not make.
 */
#include "loss.h"

static const uint64_t steps[] = { 1, US(1), MS(1), MS(10) };

struct world {
	struct script *s;
	uint64_t time, step;            /* of the world; the stack sees it in steps */
};

/* So much real time passes: a timer is due when the clock says so. */
static void goes(struct world *w, uint64_t ns)
{
	uint64_t end = w->time + ns;

	while (tcp_deadline(w->s->tcp) != TIME_NEVER) {
		uint64_t due = (tcp_deadline(w->s->tcp) + w->step - 1) / w->step * w->step;

		if (due > end)
			break;
		w->time = due > w->time ? due : w->time;
		w->s->now = w->time / w->step * w->step;
		tcp_timers(w->s->tcp, w->s->now);
	}
	w->time = end;
	w->s->now = end / w->step * w->step;
	tcp_timers(w->s->tcp, w->s->now);
}

/* A connection with this round trip; `segments` are out, and half a millisecond less than it has passed. */
static struct world begins(struct script *s, uint64_t step, uint64_t rtt, unsigned segments)
{
	struct world w = { s, SEC(1000) + 12345678, step };

	restart(s);
	s->now = w.time / step * step;
	to_listen(s);
	in(s, "S 0:0(0) win 65535 <mss 1000,sackOK,nop,nop>");
	out(s, "S. 0:0(0) ack 1 <...>");
	goes(&w, rtt);
	in(s, ". 1:1(0) ack 1 win 65535");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	for (unsigned i = 0; i < 5; i++) {              /* the clock shows its step */
		give(s, MSS);
		drain(s);
		goes(&w, rtt);
		in_f(s, ". 1:1(0) ack %u win 65535", 1 + (i + 1) * MSS);
		goes(&w, step);
		in_f(s, ". 1:1(0) ack %u win 65535", 1 + (i + 1) * MSS);
	}
	give(s, segments * MSS);
	drain(s);
	goes(&w, rtt);
	return w;
}

#define BASE 5001u      /* what begins() has sent before */

static void test_three_sacked_are_enough_at_once(void **state)
{
	for (unsigned i = 0; i < 4; i++) {
		struct script *s = *state;

		begins(s, steps[i], MS(100), 10);
		in_f(s, ". 1:1(0) ack %u win 65535 <sack %u:%u>", BASE, BASE + MSS, BASE + 4 * MSS);
		out_f(s, ". %u:%u(1000) ack 1", BASE, BASE + MSS);
	}
}

/* 8985-§3.3.2-R1, 8985-§4-R2: neither sooner than a quarter of the round trip, nor later by more than three steps. */
static void test_reordering_window_is_kept(void **state)
{
	for (unsigned i = 0; i < 4; i++) {
		struct script *s = *state;
		struct world w = begins(s, steps[i], MS(100), 4);
		uint64_t from = w.time;

		in_f(s, ". 1:1(0) ack %u win 65535 <sack %u:%u>", BASE, BASE + 3 * MSS, BASE + 4 * MSS);
		while (taken(s, RULE_RACK_LOST) == 0 && w.time < from + SEC(1))
			goes(&w, US(500));
		assert_true(w.time - from >= MS(25) - steps[i]);
		assert_true(w.time - from <= MS(25) + 3 * steps[i] + MS(1));
		assert_int_equal(taken(s, RULE_TIMEOUT_RETRANSMISSION), 0);
	}
}

/* What is late by less than the window is not lost, whatever the clock. */
static void test_late_segment_is_not_lost(void **state)
{
	for (unsigned i = 0; i < 4; i++) {
		struct script *s = *state;
		struct world w = begins(s, steps[i], MS(100), 10);

		for (uint32_t at = BASE; at < BASE + 9 * MSS; at += MSS) {
			in_f(s, ". 1:1(0) ack %u win 65535 <sack %u:%u>", at, at + MSS, at + 2 * MSS);
			drain(s);
			goes(&w, MS(1));
			in_f(s, ". 1:1(0) ack %u win 65535", at + 2 * MSS);
			drain(s);
			at += MSS;
			goes(&w, MS(1));
		}
		assert_int_equal(taken(s, RULE_RACK_LOST), 0);
		assert_int_equal(status_of(s).retransmitted_segments, 0);
		assert_true(status_of(s).reorderings > 0);
	}
}

/* A round trip far shorter than the clock's step: what is lost goes again once, and nothing else does. */
static void test_round_trip_below_the_step(void **state)
{
	for (unsigned i = 0; i < 4; i++) {
		struct script *s = *state;
		struct world w = begins(s, steps[i], US(100), 10);

		in_f(s, ". 1:1(0) ack %u win 65535 <sack %u:%u>", BASE, BASE + MSS, BASE + 10 * MSS);
		out_f(s, ". %u:%u(1000) ack 1", BASE, BASE + MSS);
		quiet(s);
		goes(&w, US(100));
		in_f(s, ". 1:1(0) ack %u win 65535", BASE + 10 * MSS);
		goes(&w, SEC(2));
		quiet(s);
		assert_int_equal(status_of(s).retransmitted_segments, 1);
		assert_int_equal(taken(s, RULE_TIMEOUT_RETRANSMISSION), 0);
		assert_int_equal(status_of(s).phase, 0);
	}
}

/* 8985-§6.2-R4: the second loss of a segment is seen, and 5681-§4.3-R4 counted, though both went in one tick. */
static void test_lost_retransmission(void **state)
{
	for (unsigned i = 0; i < 4; i++) {
		struct script *s = *state;
		struct world w = begins(s, steps[i], MS(100), 10);
		uint32_t end;

		give(s, 20 * MSS);
		in_f(s, ". 1:1(0) ack %u win 65535 <sack %u:%u>", BASE, BASE + MSS, BASE + 10 * MSS);
		drain(s);
		end = status_of(s).snd_nxt - s->our_iss.value;
		assert_true(end > BASE + 11 * MSS);
		goes(&w, MS(100));
		in_f(s, ". 1:1(0) ack %u win 65535 <sack %u:%u>", BASE, BASE + MSS, end);
		goes(&w, 3 * steps[i]);
		assert_int_equal(taken(s, RULE_RACK_LOST_AGAIN), 1);
		assert_int_equal(taken(s, RULE_TIMEOUT_RETRANSMISSION), 0);
	}
}

/* 8985-§7.2-R1, 8985-§7.3-R3: one probe after two round trips, then the RTO; neither early. */
static void test_probe_and_timeout(void **state)
{
	for (unsigned i = 0; i < 4; i++) {
		struct script *s = *state;
		struct world w = begins(s, steps[i], MS(100), 4);
		uint64_t sent = w.time - MS(100), probed;

		while (taken(s, RULE_TLP_SENT) == 0 && w.time < sent + SEC(2))
			goes(&w, US(500));
		assert_true(w.time - sent >= MS(200) - 2 * steps[i]);
		assert_true(w.time - sent <= MS(201) + 4 * steps[i]);
		drain(s);
		probed = w.time;
		while (taken(s, RULE_TIMEOUT_RETRANSMISSION) == 0 && w.time < sent + SEC(2))
			goes(&w, US(500));
		assert_true(w.time - probed >= status_of(s).rto / 2 - 2 * steps[i]);    /* doubled since */
		assert_true(w.time - probed <= status_of(s).rto / 2 + MS(1) + 2 * steps[i]);
		assert_int_equal(taken(s, RULE_TLP_SENT), 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_three_sacked_are_enough_at_once),
		TEST(test_reordering_window_is_kept),
		TEST(test_late_segment_is_not_lost),
		TEST(test_round_trip_below_the_step),
		TEST(test_lost_retransmission),
		TEST(test_probe_and_timeout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
