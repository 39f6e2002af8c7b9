/* SPDX-License-Identifier: MIT */
/* The congestion window: CUBIC beside its formulas in double precision, Reno, slow start, HyStart++. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/random.h"
#include "base/time.h"
#include "tcp/controller.h"

#define MSS 1448

static struct controller begun(enum controller_kind kind, uint32_t segments)
{
	struct controller c;

	controller_init(&c, kind, MSS, segments, UINT64_MAX, seq_of(0));
	return c;
}

static struct controller_ack ack_of(uint32_t bytes, uint64_t now, uint64_t rtt)
{
	return (struct controller_ack){ .now = now, .srtt_ns = rtt, .bytes = bytes, .mss = MSS, .limited = true };
}

/* 5681-§3.1-R6, 6928. */
static void test_5681_3_1_R6_beginning(void **state)
{
	struct controller c = begun(CONTROLLER_RENO, 10);
	(void)state;

	assert_int_equal(c.cwnd, 10 * MSS);
	assert_int_equal(c.ssthresh, CONTROLLER_CWND_MAX);
	controller_init(&c, CONTROLLER_CUBIC, MSS, 10, 1, seq_of(0));
	assert_int_equal(c.ssthresh, 2 * MSS);
}

/* 5681-§3.1-R8, 9406-§4.3-R2: split ACKs bring no more than whole ones, stretched ones no more than L segments. */
static void test_5681_3_1_R8_slow_start_counts_bytes(void **state)
{
	struct controller c = begun(CONTROLLER_RENO, 10);
	struct controller_ack ack = ack_of(1, SEC(1), MS(50));
	(void)state;

	for (unsigned i = 0; i < MSS; i++)
		controller_acked(&c, &ack);
	assert_int_equal(c.cwnd, 11 * MSS);
	ack.bytes = 40 * MSS;
	controller_acked(&c, &ack);
	assert_int_equal(c.cwnd, (11 + HYSTART_LIMIT) * MSS);
	ack.paced = true;
	controller_acked(&c, &ack);
	assert_int_equal(c.cwnd, (51 + HYSTART_LIMIT) * MSS);
	ack.after_timeout = true;       /* 3465-§2.3-R1 */
	controller_acked(&c, &ack);
	assert_int_equal(c.cwnd, (52 + HYSTART_LIMIT) * MSS);
}

/* 7661-§4.4-R1, 9438-§4.6-R2: a window that is not made use of does not grow. */
static void test_7661_4_4_R1_unused_window(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < CONTROLLERS; kind++) {
		struct controller c = begun(kind, 10);
		struct controller_ack ack = ack_of(5 * MSS, SEC(1), MS(50));

		ack.limited = false;
		controller_acked(&c, &ack);
		c.ssthresh = 2 * MSS;
		controller_acked(&c, &ack);
		assert_int_equal(c.cwnd, 10 * MSS);
	}
}

/* 5681-§3.1-R9, R10: Reno in congestion avoidance, one segment a round trip, however ACKs are cut. */
static void test_5681_3_1_R10_one_segment_a_round_trip(void **state)
{
	struct random random;
	(void)state;

	random_seed(&random, 3);
	for (unsigned round = 0; round < 500; round++) {
		struct controller c = begun(CONTROLLER_RENO, 10);
		uint32_t before;

		c.cwnd = (10 + (uint32_t)random_below(&random, 1000)) * MSS;
		c.ssthresh = c.cwnd;
		before = c.cwnd;
		for (uint32_t left = before; left > 0;) {
			uint32_t n = 1 + (uint32_t)random_below(&random, 3 * MSS);
			struct controller_ack ack = ack_of(n < left ? n : left, SEC(1), MS(50));

			left -= ack.bytes;
			controller_acked(&c, &ack);
		}
		assert_true(c.cwnd <= before + MSS);
		assert_true(c.cwnd + c.part >= before + MSS);
	}
}

/* 5681-§3.1-R7, 5681-§3.1-R11, 9438-§4.6-R1: half of what was in flight for Reno, 0.7 of it for CUBIC. */
static void test_5681_3_1_R11_loss_counts_flight(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < CONTROLLERS; kind++) {
		struct controller c = begun(kind, 100);

		controller_loss(&c, 40 * MSS, MSS, SEC(1), true);
		assert_int_equal(c.ssthresh, kind != CONTROLLER_CUBIC ? 20 * MSS : 28 * MSS);
		controller_loss(&c, MSS, MSS, SEC(1), false);
		assert_int_equal(c.ssthresh, 2 * MSS);
	}
}

/* 5681-§3.1-R12, R13: one segment after a timeout, and ssthresh is cut once. */
static void test_5681_3_1_R12_R13_timeout(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < CONTROLLERS; kind++) {
		struct controller c = begun(kind, 100);
		uint32_t ssthresh;

		controller_timeout(&c, 100 * MSS, MSS, SEC(1), false, true);
		ssthresh = c.ssthresh;
		assert_int_equal(ssthresh, kind != CONTROLLER_CUBIC ? 50 * MSS : 70 * MSS);
		assert_int_equal(c.cwnd, MSS);
		controller_timeout(&c, MSS, MSS, SEC(2), true, false);
		assert_int_equal(c.ssthresh, ssthresh);
		/* 4015-§3-R1, 9438-§4.9-R1: and all of it is taken back. */
		controller_undo(&c);
		assert_int_equal(c.cwnd, 100 * MSS);
		assert_int_equal(c.ssthresh, CONTROLLER_CWND_MAX);
	}
}

/* The cube root is exact. */
static void test_cube_root(void **state)
{
	struct random random;
	(void)state;

	random_seed(&random, 1);
	for (unsigned i = 0; i < 200000; i++) {
		uint64_t x = random_next(&random) >> random_below(&random, 64), root;

		if (x >= 1ull << 62)
			x >>= 2;
		root = cubic_root(x);
		assert_true(root * root * root <= x);
		assert_true((root + 1) * (root + 1) * (root + 1) > x);
	}
}

/* 9438-§4.2-R1, 9438-§5-R1 (C = 0.4): W(t) beside doubles: within a segment, for two minutes and all segments. */
static void test_9438_4_2_R1_curve(void **state)
{
	struct random random;
	(void)state;

	random_seed(&random, 2);
	for (unsigned i = 0; i < 100000; i++) {
		uint32_t mss = 1 + (uint32_t)random_below(&random, 9000);
		struct cubic cubic = { .w_max = mss * (uint32_t)(2 + random_below(&random, (1u << 30) / mss - 2)),
				       .k = (uint32_t)random_below(&random, 60 << 10) };
		uint64_t t = random_below(&random, 120 << 10);
		double d = ((double)t - (double)cubic.k) / 1024, w = (double)cubic.w_max + 0.4 * d * d * d * mss;

		w = w < 0 ? 0 : w > (double)CONTROLLER_CWND_MAX ? (double)CONTROLLER_CWND_MAX : w;
		assert_true(fabs(w - (double)cubic_window(&cubic, t, mss)) <= mss + 2);
	}
}

/*
 * 9438-§4.4-R1, 9438-§4.5-R1, 9438-§4.3-R1: the window over a minute after a loss, an ACK for every two segments,
 * beside the same in double precision.
 */
static void test_9438_4_4_R1_window_follows_the_model(void **state)
{
	static const struct { uint32_t segments; uint64_t rtt; } rows[] = {
		{ 20, MS(10) }, { 100, MS(10) }, { 100, MS(100) }, { 1000, MS(40) }, { 5000, MS(200) },
		{ 20000, MS(100) },
	};
	(void)state;

	for (unsigned row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		struct controller c = begun(CONTROLLER_CUBIC, rows[row].segments);
		double w_max = rows[row].segments, cwnd, k, w_est, rtt = (double)rows[row].rtt / 1e9, t = 0;
		double alpha = 9.0 / 17, prior = w_max;
		uint64_t now = SEC(100);

		controller_loss(&c, c.cwnd, MSS, now, true);
		c.cwnd = c.ssthresh;
		cwnd = w_est = (double)c.cwnd / MSS;
		k = cbrt((w_max - cwnd) / 0.4);
		while (t < 60 && cwnd < 100000) {
			uint64_t gap = (uint64_t)(rtt * 1e9 * 2 / cwnd);
			struct controller_ack ack = ack_of(2 * MSS, now, rows[row].rtt);
			double target;

			controller_acked(&c, &ack);
			w_est += alpha * 2 / cwnd;
			if (w_est >= prior)
				alpha = 1;
			if (w_max + 0.4 * pow(t - k, 3) < w_est) {
				cwnd = w_est > cwnd ? w_est : cwnd;
			} else {
				target = w_max + 0.4 * pow(t + rtt - k, 3);
				target = target > 1.5 * cwnd ? 1.5 * cwnd : target;
				cwnd += target > cwnd ? 2 * (target - cwnd) / cwnd : 0;
			}
			assert_true(fabs((double)c.cwnd / MSS - cwnd) < 1 + cwnd / 500);
			now += gap;
			t = (double)(now - SEC(100)) / 1e9;
		}
	}
}

/* 9438-§4.7-R1: a second loss below the window of the first leaves room to others. */
static void test_9438_4_7_R1_fast_convergence(void **state)
{
	struct controller c = begun(CONTROLLER_CUBIC, 100);
	(void)state;

	controller_loss(&c, 100 * MSS, MSS, SEC(1), true);
	assert_int_equal(c.of.cubic.w_max, 100 * MSS);
	c.cwnd = 80 * MSS;
	controller_loss(&c, 80 * MSS, MSS, SEC(2), true);
	assert_int_equal(c.of.cubic.w_max, 68 * MSS);
}

/* 9438-§4.2-R2: a pause of the program is no time: no jump after it. */
static void test_9438_4_2_R2_pause_is_no_time(void **state)
{
	struct controller c = begun(CONTROLLER_CUBIC, 100);
	struct controller_ack ack = ack_of(2 * MSS, SEC(10), MS(50));
	uint32_t before;
	(void)state;

	controller_loss(&c, 100 * MSS, MSS, SEC(10), true);
	c.cwnd = c.ssthresh;
	controller_acked(&c, &ack);
	ack.limited = false;
	ack.now = SEC(10) + MS(50);
	controller_acked(&c, &ack);
	before = c.cwnd;
	ack.limited = true;
	ack.now = SEC(300);
	controller_acked(&c, &ack);
	assert_true(c.cwnd < before + MSS);
}

/* 9438-§4.8-R1: after a timeout slow start up to ssthresh, then a new epoch from there. */
static void test_9438_4_8_R1_timeout(void **state)
{
	struct controller c = begun(CONTROLLER_CUBIC, 100);
	struct controller_ack ack = ack_of(MSS, SEC(10), MS(50));
	(void)state;

	controller_timeout(&c, 100 * MSS, MSS, SEC(10), false, true);
	for (unsigned i = 0; i < 69; i++) {
		ack.now += MS(1);
		controller_acked(&c, &ack);
	}
	assert_int_equal(c.cwnd, 70 * MSS);
	controller_acked(&c, &ack);
	assert_int_equal(c.of.cubic.cwnd_epoch, 70 * MSS);
	assert_true(c.of.cubic.epoch_ns == ack.now);
}

/* One round of slow start: n ACKs with this RTT; answers the last verdict. */
static enum hystart_verdict round_of(struct hystart *h, uint32_t *una, uint32_t *nxt, unsigned n, uint64_t rtt)
{
	enum hystart_verdict verdict = HYSTART_SLOW_START;

	for (unsigned i = 0; i < n; i++) {
		*una += 10;
		*nxt += 20;
		verdict = hystart_acked(h, seq_of(*una), seq_of(*nxt), rtt, 0);
	}
	return verdict;
}

/* 9406-§4.2-R1, 9406-§4.2-R2: grown RTT: slower; five rounds of it: over; smaller again: slow start goes on. */
static void test_9406_4_2_R1_R2_hystart(void **state)
{
	struct hystart h;
	uint32_t una = 0, nxt = 100;
	(void)state;

	hystart_init(&h, seq_of(nxt));
	assert_int_equal(round_of(&h, &una, &nxt, 10, MS(100)), HYSTART_SLOW_START);
	assert_int_equal(round_of(&h, &una, &nxt, 20, MS(111)), HYSTART_SLOW_START);    /* less than an eighth */
	assert_int_equal(round_of(&h, &una, &nxt, 7, MS(130)), HYSTART_SLOW_START);     /* too few samples */
	assert_int_equal(round_of(&h, &una, &nxt, 1, MS(130)), HYSTART_CSS);
	assert_int_equal(round_of(&h, &una, &nxt, 32, MS(130)), HYSTART_CSS);
	assert_int_equal(round_of(&h, &una, &nxt, 8, MS(120)), HYSTART_SLOW_START);     /* a false alarm */
	/* 20 ms for five rounds, then 30 ms: over after five rounds more. */
	una = 0;
	nxt = 100;
	hystart_init(&h, seq_of(nxt));
	for (unsigned round = 0, segments = 10; round < 12; round++, segments *= 2) {
		enum hystart_verdict verdict = round_of(&h, &una, &nxt, segments, round < 5 ? MS(20) : MS(30));

		assert_int_equal(verdict, round < 5 ? HYSTART_SLOW_START : round < 9 ? HYSTART_CSS : HYSTART_OVER);
	}
}

/* 9406-§4.2-R3, 9406-§4.3-R3: a loss ends it, and it has no say in the next slow start. */
static void test_9406_4_2_R3_loss_ends_hystart(void **state)
{
	struct controller c = begun(CONTROLLER_CUBIC, 10);
	struct controller_ack ack = ack_of(MSS, SEC(1), MS(50));
	(void)state;

	controller_timeout(&c, 100 * MSS, MSS, SEC(1), false, true);
	c.ssthresh = 1000 * MSS;
	for (unsigned i = 0; i < 400; i++) {
		ack.rtt_ns = MS(20 + i);
		ack.una = seq_of(i * MSS);
		ack.nxt = seq_of(2 * i * MSS);
		controller_acked(&c, &ack);
	}
	assert_int_equal(c.cwnd, 401 * MSS);
}

/* 9406-§4.3-R1: the growth in CSS is at most half of slow start's. */
static void test_9406_4_3_R1_growth_in_CSS(void **state)
{
	struct controller c;
	struct controller_ack ack = { .now = MS(1), .bytes = 10 * 1000, .mss = 1000, .limited = true, .paced = true };
	uint32_t before;
	(void)state;

	controller_init(&c, CONTROLLER_CUBIC, 1000, 100, 1ull << 40, seq_of(0));
	c.hystart.baseline_ns = MS(10);
	before = c.cwnd;
	controller_acked(&c, &ack);
	assert_true(c.cwnd > before && c.cwnd - before <= 10 * 1000 / 2);
}

/* 9438-§5-R1: C is 0.4: ten seconds behind K the window is 0.4 * 10^3 segments above W_max. */
static void test_9438_5_R1_C(void **state)
{
	struct cubic cubic = { .w_max = 100 * 1000, .k = 2 << 10 };
	(void)state;

	assert_in_range(cubic_window(&cubic, (uint64_t)12 << 10, 1000), 499 * 1000, 501 * 1000);
	assert_in_range(cubic_window(&cubic, 0, 1000), 96 * 1000, 97 * 1000);   /* 100 - 0.4 * 8 */
}

/*
 * 8257-§3-R1: alpha goes to the share of bytes that is marked, a sixteenth of the way each window; a mark takes half of
 * alpha off the window, a loss half; without counts a mark does as well.
 */
static void test_dctcp_cuts_by_the_share_of_marks(void **state)
{
	static const uint32_t shares[] = { 0, 10, 50, 100 };

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct controller c = begun(CONTROLLER_DCTCP, 100);
		struct seq una = seq_of(0);
		uint32_t before;

		assert_int_equal(c.of.dctcp.alpha, 1 << 20);
		for (unsigned window = 0; window < 200; window++) {
			una = seq_add(una, 100 * MSS);
			controller_delivered(&c, 100 * MSS, shares[i] * MSS, true, una, seq_add(una, 100 * MSS));
			una = seq_add(una, 1);
		}
		assert_in_range(c.of.dctcp.alpha, shares[i] ? shares[i] * 10300 : 0, shares[i] * 10500 + 200);
		before = c.cwnd;
		controller_marked(&c, before, MSS, true);
		assert_in_range(c.cwnd, before - before / 200 * shares[i] - MSS,
				before - before / 210 * shares[i] + 10);
		c.marked = false;
		before = c.cwnd;
		controller_loss(&c, before, MSS, 1, true);
		assert_int_equal(c.ssthresh, before / 2);
		controller_delivered(&c, MSS, 0, false, una, una);
		before = c.cwnd;
		controller_marked(&c, before, MSS, false);
		assert_int_equal(c.cwnd, before - before / 2);
	}
}

/* Within a window alpha stays as it is. */
static void test_dctcp_reckons_once_a_window(void **state)
{
	struct controller c = begun(CONTROLLER_CUBIC, 100);
	uint32_t alpha;

	(void)state;
	controller_choose(&c, CONTROLLER_DCTCP);
	controller_delivered(&c, 100 * MSS, 0, true, seq_add(c.of.dctcp.window_end, 1), seq_of(200000));
	alpha = c.of.dctcp.alpha;
	assert_int_equal(alpha, (1 << 20) / 16 * 15);
	for (unsigned i = 1; i <= 200; i++)
		controller_delivered(&c, MSS, MSS, true, seq_of(1000 * i), seq_of(400000));
	assert_int_equal(c.of.dctcp.alpha, alpha);
	controller_delivered(&c, MSS, MSS, true, seq_of(200001), seq_of(400000));
	assert_true(c.of.dctcp.alpha > alpha);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dctcp_cuts_by_the_share_of_marks),
		cmocka_unit_test(test_dctcp_reckons_once_a_window),
		cmocka_unit_test(test_5681_3_1_R6_beginning),
		cmocka_unit_test(test_5681_3_1_R8_slow_start_counts_bytes),
		cmocka_unit_test(test_7661_4_4_R1_unused_window),
		cmocka_unit_test(test_5681_3_1_R10_one_segment_a_round_trip),
		cmocka_unit_test(test_5681_3_1_R11_loss_counts_flight),
		cmocka_unit_test(test_5681_3_1_R12_R13_timeout),
		cmocka_unit_test(test_cube_root),
		cmocka_unit_test(test_9438_4_2_R1_curve),
		cmocka_unit_test(test_9438_4_4_R1_window_follows_the_model),
		cmocka_unit_test(test_9438_4_7_R1_fast_convergence),
		cmocka_unit_test(test_9438_4_2_R2_pause_is_no_time),
		cmocka_unit_test(test_9438_4_8_R1_timeout),
		cmocka_unit_test(test_9406_4_2_R1_R2_hystart),
		cmocka_unit_test(test_9406_4_2_R3_loss_ends_hystart),
		cmocka_unit_test(test_9406_4_3_R1_growth_in_CSS),
		cmocka_unit_test(test_9438_5_R1_C),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
