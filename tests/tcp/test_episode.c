/* SPDX-License-Identifier: MIT */
/* Recovery, PRR, undo and F-RTO, with plain numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/random.h"
#include "base/time.h"
#include "tcp/episode.h"

#define MSS 1000

static uint32_t max2(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static struct episode entered(uint32_t in_flight, uint32_t sacked)
{
	struct episode e = { 0 };

	episode_enter(&e, seq_of(0), seq_of(in_flight), in_flight, sacked, 1, 0);
	return e;
}

/*
 * 9937-§6.1-R1, §6.2-R3: 20 segments in flight, the first lost, ssthresh 10: in each round half of what is delivered
 * goes out, and at the end 10 are in flight.
 */
static void test_9937_6_1_R1_proportional_part(void **state)
{
	struct episode e = entered(20 * MSS, 0);
	uint32_t pipe = 19 * MSS, sent = 0, cwnd;
	(void)state;

	for (unsigned ack = 0; ack < 19; ack++) {
		pipe -= MSS;
		cwnd = prr_cwnd(&e, MSS, pipe, 10 * MSS, MSS, false);
		while (cwnd >= pipe + MSS) {
			episode_sent(&e, MSS, sent == 0, false, 0);
			pipe += MSS;
			sent++;
		}
		if (pipe > 10 * MSS)    /* at once, then at every second ACK: whole segments */
			assert_int_equal(sent, (ack + 2) / 2);
	}
	pipe -= MSS;                    /* the retransmission arrives */
	assert_int_equal(prr_cwnd(&e, MSS, pipe, 10 * MSS, MSS, true), 10 * MSS);
}

/* What the episode before sent again counts on: neither its arrival nor its timestamp says that nothing was lost. */
static void test_sent_again_before(void **state)
{
	struct episode e = entered(20 * MSS, 0);
	(void)state;

	episode_sent(&e, MSS, true, true, 500);
	assert_true(episode_ended(&e, seq_of(20 * MSS)));
	episode_enter(&e, seq_of(20 * MSS), seq_of(40 * MSS), 20 * MSS, 0, 2, MSS);
	assert_false(episode_idle(&e));
	episode_sent(&e, MSS, true, true, 600);
	assert_false(episode_eifel(&e, 550));
	assert_true(episode_eifel(&e, 499));
	assert_false(episode_duplicate_reported(&e, seq_of(20 * MSS), seq_of(21 * MSS)));
	assert_true(episode_duplicate_reported(&e, seq_of(21 * MSS), seq_of(22 * MSS)));
}

/* 15 of 20 lost: the pipe is below ssthresh; it grows as text is delivered, a segment more on safe ACKs. */
static void test_9937_6_2_R3_slow_start_part(void **state)
{
	struct episode e = entered(20 * MSS, 0);
	uint32_t pipe = 5 * MSS, cwnd;
	(void)state;

	pipe -= MSS;
	cwnd = prr_cwnd(&e, MSS, pipe, 10 * MSS, MSS, false);
	assert_int_equal(cwnd, pipe + MSS);             /* conservative: what was delivered */
	episode_sent(&e, MSS, true, false, 0);
	cwnd = prr_cwnd(&e, MSS, pipe, 10 * MSS, MSS, true);
	assert_int_equal(cwnd, pipe + 2 * MSS);         /* safe: one more */
	assert_true(prr_cwnd(&e, 30 * MSS, pipe, 10 * MSS, MSS, true) == 10 * MSS);    /* never beyond ssthresh */
}

/* 9937-§6.2-R4: the retransmission that begins it goes, whatever the numbers say. */
static void test_9937_6_2_R4_first_goes_at_once(void **state)
{
	struct episode e = entered(20 * MSS, 0);
	(void)state;

	assert_int_equal(prr_cwnd(&e, 0, 19 * MSS, 10 * MSS, MSS, false), 20 * MSS);
	episode_sent(&e, MSS, true, false, 0);
	assert_int_equal(prr_cwnd(&e, 0, 19 * MSS, 10 * MSS, MSS, false), 19 * MSS);
}

/* Whatever is lost and delivered, no more goes out than in slow start, and never beyond what PRR bounds. */
static void test_prr_bounds(void **state)
{
	struct random random;
	(void)state;

	random_seed(&random, 9);
	for (unsigned round = 0; round < 20000; round++) {
		uint32_t segments = 4 + (uint32_t)random_below(&random, 200), ssthresh = segments * MSS * 7 / 10;
		uint32_t pipe = (uint32_t)random_below(&random, segments) * MSS, out = 0, delivered = 0;
		struct episode e = entered(segments * MSS, 0);

		while (pipe > 0 && delivered < segments * MSS) {
			uint32_t n = MSS < pipe ? MSS : pipe, cwnd;
			bool above;

			pipe -= n;
			delivered += n;
			above = pipe > ssthresh;
			cwnd = prr_cwnd(&e, n, pipe, ssthresh, MSS, random_below(&random, 2));
			while (cwnd >= pipe + MSS) {
				episode_sent(&e, MSS, true, false, 0);
				pipe += MSS;
				out += MSS;
			}
			assert_true(out <= 2 * delivered + MSS);
			if (above)
				assert_true(out <= delivered + MSS);
		}
	}
}

/* 9937-§6.4-R1, 6675-§5-R3: it lasts until `recover`, and not longer. */
static void test_6675_5_R3_ends_at_recovery_point(void **state)
{
	struct episode e = entered(20 * MSS, 0);
	(void)state;

	assert_false(episode_ended(&e, seq_of(20 * MSS - 1)));
	assert_int_equal(e.phase, EPISODE_RECOVERY);
	assert_true(episode_ended(&e, seq_of(20 * MSS)));
	assert_int_equal(e.phase, EPISODE_OPEN);
	assert_false(episode_ended(&e, seq_of(20 * MSS)));
}

/* 3522-§3-R1: an echo from before the first retransmission, and no other. */
static void test_3522_3_R1_eifel(void **state)
{
	struct episode e = entered(20 * MSS, 0);
	(void)state;

	assert_false(episode_eifel(&e, 1));
	episode_sent(&e, MSS, true, true, 0xffffffff);
	episode_sent(&e, MSS, true, true, 30);          /* the first counts */
	assert_true(episode_eifel(&e, 0xfffffffe));
	assert_false(episode_eifel(&e, 0xffffffff));
	assert_false(episode_eifel(&e, 5));
	episode_undone(&e);
	assert_false(episode_eifel(&e, 0xfffffffe));
}

/* 2883-§5-R2: when all that was sent again was there already, and not before. */
static void test_2883_5_R2_dsack_undo(void **state)
{
	struct episode e = entered(20 * MSS, 0);
	(void)state;

	episode_sent(&e, 2 * MSS, true, false, 0);
	episode_sent(&e, MSS, false, false, 0);
	assert_false(episode_duplicate_reported(&e, seq_of(0), seq_of(MSS)));
	assert_false(episode_duplicate_reported(&e, seq_of(50 * MSS), seq_of(51 * MSS)));       /* not of it */
	assert_true(episode_ended(&e, seq_of(20 * MSS)));
	assert_true(episode_duplicate_reported(&e, seq_of(MSS), seq_of(2 * MSS)));      /* also afterwards */
	episode_undone(&e);
	assert_false(episode_duplicate_reported(&e, seq_of(MSS), seq_of(2 * MSS)));
}

/* 5682-§2.1-R1: new text after the first ACK that moves; never-resent text acknowledged next: spurious. */
static void test_5682_2_1_R1_frto(void **state)
{
	struct episode e = { 0 };
	(void)state;

	episode_timeout(&e, seq_of(0), seq_of(20 * MSS), false, true, 1);
	assert_int_equal(episode_frto(&e, seq_of(0), false, false, false), FRTO_NOTHING);
	assert_int_equal(episode_frto(&e, seq_of(MSS), true, true, false), FRTO_SEND_NEW);
	assert_int_equal(e.frto, FRTO_NEW_TEXT);
	assert_int_equal(episode_frto(&e, seq_of(3 * MSS), true, true, false), FRTO_SPURIOUS);

	episode_undone(&e);
	episode_timeout(&e, seq_of(0), seq_of(20 * MSS), false, true, 1);
	assert_int_equal(episode_frto(&e, seq_of(MSS), true, false, false), FRTO_SEND_NEW);
	assert_int_equal(episode_frto(&e, seq_of(MSS), false, false, true), FRTO_LOST);  /* only the new text came */
	assert_int_equal(episode_frto(&e, seq_of(3 * MSS), true, true, false), FRTO_NOTHING);

	/* A duplicate ACK first: nothing can be told. */
	episode_undone(&e);
	episode_timeout(&e, seq_of(0), seq_of(20 * MSS), false, true, 1);
	assert_int_equal(episode_frto(&e, seq_of(0), false, false, true), FRTO_LOST);
	/* The ACK covers everything: nothing left to learn from. */
	episode_undone(&e);
	episode_timeout(&e, seq_of(0), seq_of(20 * MSS), false, true, 1);
	assert_int_equal(episode_frto(&e, seq_of(20 * MSS), true, true, false), FRTO_LOST);
}

/* 5682-§3.1-R1: not in a recovery, and not at the second timeout. */
static void test_5682_3_1_R1_frto_not_in_recovery(void **state)
{
	struct episode e = entered(20 * MSS, 0);
	(void)state;

	episode_timeout(&e, seq_of(0), seq_of(20 * MSS), false, true, 1);
	assert_int_equal(episode_frto(&e, seq_of(MSS), true, true, false), FRTO_NOTHING);
	episode_undone(&e);
	episode_timeout(&e, seq_of(0), seq_of(20 * MSS), true, true, 1);
	assert_int_equal(episode_frto(&e, seq_of(MSS), true, true, false), FRTO_NOTHING);
}

static bool begun(struct episode *e, uint32_t una)
{
	return reno_duplicate(e, seq_of(una), 10 * MSS, MSS);
}

/* 6582-§3.2-R1, 6582-§3.2-R2. */
static void test_6582_3_2_R1_R2_newreno(void **state)
{
	struct episode e = { 0 };
	(void)state;

	assert_false(begun(&e, 0));
	assert_false(begun(&e, 0));
	assert_true(begun(&e, 0));
	assert_int_equal(reno_enter(&e, seq_of(0), seq_of(20 * MSS), 20 * MSS, MSS), MSS);
	assert_false(begun(&e, 0));
	assert_false(episode_ended(&e, seq_of(19 * MSS)));      /* a partial ACK does not end it */
	assert_true(episode_ended(&e, seq_of(20 * MSS)));
	/* Duplicates of what was sent again by a timeout begin no second one. */
	e = (struct episode){ 0 };
	episode_timeout(&e, seq_of(0), seq_of(20 * MSS), false, false, 1);
	assert_true(episode_ended(&e, seq_of(20 * MSS)));
	for (unsigned i = 0; i < 5; i++)
		assert_false(begun(&e, 20 * MSS));
	/* Beyond `recover` they do. */
	e.dup_acks = 2;
	assert_true(begun(&e, 20 * MSS + 1));
}

/* 6582-§4-R1: small steps of SND.UNA and a window of more than a segment: the retransmission is lost, not old. */
static void test_6582_4_R1_lost_retransmission_or_old_segments(void **state)
{
	struct episode e = { .recover_set = true, .recover = seq_of(20 * MSS), .moved_bytes = 4 * MSS, .dup_acks = 2 };
	(void)state;

	assert_true(reno_duplicate(&e, seq_of(9 * MSS), 2 * MSS, MSS));
	e.dup_acks = 2;
	assert_false(reno_duplicate(&e, seq_of(9 * MSS), MSS, MSS));
	e.dup_acks = 2;
	e.moved_bytes = 4 * MSS + 1;
	assert_false(reno_duplicate(&e, seq_of(9 * MSS), 2 * MSS, MSS));
}

/*
 * 9937-§6.2-R2: without SACK a duplicate ACK is one segment less in flight, up to what was; and 5681-§3.2-R8,
 * 5681-§3.2-R9: once all duplicates are in as much is out as Reno's cwnd, ssthresh + 3 and one more for each, allows.
 */
static void test_9937_6_2_R2_without_sack_as_much_as_reno(void **state)
{
	(void)state;
	for (uint32_t segments = 4; segments < 60; segments++) {
		struct episode e = { .dup_acks = 2 };
		uint32_t flight = segments * MSS, ssthresh = max2(segments / 2, 2) * MSS, cwnd;
		uint32_t reno = ssthresh + 3 * MSS;

		assert_true(begun(&e, 0));
		reno_enter(&e, seq_of(0), seq_of(flight), flight, MSS);
		cwnd = prr_cwnd(&e, MSS, flight - e.credit_bytes - MSS, ssthresh, MSS, false);
		assert_true(cwnd >= flight - 4 * MSS + MSS);            /* the retransmission */
		episode_sent(&e, MSS, true, false, 0);
		for (uint32_t dup = 4; dup < segments; dup++) {
			uint32_t delivered = reno_again(&e, MSS);

			cwnd = prr_cwnd(&e, delivered, flight - e.credit_bytes, ssthresh, MSS, false);
			for (; cwnd >= flight - e.credit_bytes + MSS; flight += MSS)
				episode_sent(&e, MSS, false, false, 0);
			reno += MSS;
		}
		assert_true(flight <= max2(reno, segments * MSS));
		assert_true(flight + MSS >= max2(reno, segments * MSS));
		/* More than was in flight nobody can have: duplicates that are made up let nothing go. */
		for (uint32_t dup = 0; dup < 100; dup++)
			prr_cwnd(&e, reno_again(&e, MSS), 0, ssthresh, MSS, false);
		assert_true(e.credit_bytes <= segments * MSS);
	}
}

/* 5681-§3.2-R10, 6582-§3.2-R1: a partial ACK takes back what duplicates have told of what it acknowledges. */
static void test_6582_3_2_R1_partial_ack_deflates(void **state)
{
	struct episode e = { .dup_acks = 2 };
	(void)state;

	assert_true(begun(&e, 0));
	reno_enter(&e, seq_of(0), seq_of(20 * MSS), 20 * MSS, MSS);
	for (unsigned i = 0; i < 15; i++)
		e.prr_delivered += reno_again(&e, MSS);
	assert_int_equal(e.credit_bytes, 18 * MSS);
	assert_int_equal(reno_partial(&e, 5 * MSS, MSS), MSS);  /* the retransmission alone is news */
	assert_int_equal(e.credit_bytes, 14 * MSS);
	assert_int_equal(reno_partial(&e, 20 * MSS, MSS), 6 * MSS);
	assert_int_equal(e.credit_bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sent_again_before),
		cmocka_unit_test(test_9937_6_1_R1_proportional_part),
		cmocka_unit_test(test_9937_6_2_R3_slow_start_part),
		cmocka_unit_test(test_9937_6_2_R4_first_goes_at_once),
		cmocka_unit_test(test_prr_bounds),
		cmocka_unit_test(test_6675_5_R3_ends_at_recovery_point),
		cmocka_unit_test(test_3522_3_R1_eifel),
		cmocka_unit_test(test_2883_5_R2_dsack_undo),
		cmocka_unit_test(test_5682_2_1_R1_frto),
		cmocka_unit_test(test_5682_3_1_R1_frto_not_in_recovery),
		cmocka_unit_test(test_6582_3_2_R1_R2_newreno),
		cmocka_unit_test(test_6582_4_R1_lost_retransmission_or_old_segments),
		cmocka_unit_test(test_9937_6_2_R2_without_sack_as_much_as_reno),
		cmocka_unit_test(test_6582_3_2_R1_partial_ack_deflates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
