/* SPDX-License-Identifier: MIT */
/*
 * Arithmetic at its ends: times of nothing and of years, windows of a byte and of all that may be, and names whose
 * hashes are the same.  Nothing wraps, nothing leaves its bounds, and nobody is taken for another.
 */
#include "base/random.h"
#include "script.h"
#include "tcp/controller.h"
#include "tcp/pacer.h"
#include "tcp/points.h"

#define WINDOW_MOST (1u << 30)
#define YEARS SEC(100ull * 365 * 86400)

static void test_cube_roots(void **state)
{
	(void)state;
	for (uint64_t root = 0; root < 1u << 21; root += root < 5000 ? 1 : 997) {
		assert_int_equal(cubic_root(root * root * root), root);
		if (root > 0)
			assert_int_equal(cubic_root(root * root * root - 1), root - 1);
	}
	assert_int_equal(cubic_root(UINT64_MAX), (1u << 21) - 1);
}

/* From the first moment of time on, after pauses of any length, with any segment: never down, never beyond the most. */
static void test_9438_4_2_windows_at_their_ends(void **state)
{
	static const uint64_t pauses[] = { 0, 1, MS(1), SEC(1), SEC(127), SEC(129), SEC(100000), YEARS };
	static const uint32_t sizes[] = { 1, 88, 1460, 65535 };
	struct random random;

	(void)state;
	random_seed(&random, 9);
	for (unsigned round = 0; round < 800; round++) {
		uint32_t mss = sizes[round % 4], least;
		struct controller c;
		uint64_t now = round % 3 ? SEC(5) : 0;

		controller_init(&c, round % 8 < 6 ? CONTROLLER_CUBIC : CONTROLLER_RENO, mss, 10, UINT64_MAX,
				seq_of(0));
		c.cwnd = c.ssthresh = round % 5 ? 2 * mss
						: WINDOW_MOST - 1 - (uint32_t)random_below(&random, 3u * mss);
		if (round % 7 == 0)
			controller_loss(&c, c.cwnd, mss, now, true);
		for (unsigned i = 0; i < 60; i++) {
			struct controller_ack ack = { .now = now, .srtt_ns = pauses[random_below(&random, 6)],
						      .mss = mss,
						      .bytes = 1 + (uint32_t)random_below(&random, i % 9 ? 2 * mss
													: WINDOW_MOST),
						      .limited = random_below(&random, 8) != 0 };
			uint32_t before = c.cwnd;

			controller_acked(&c, &ack);
			assert_true(c.cwnd >= before && c.cwnd <= WINDOW_MOST);
			now += pauses[random_below(&random, 8)];
			if (random_below(&random, 20) == 0) {
				controller_loss(&c, c.cwnd, mss, now, true);
				assert_true(c.ssthresh >= 2 * mss && c.ssthresh <= WINDOW_MOST);
				c.cwnd = c.ssthresh;
				if (random_below(&random, 2))
					assert_true(controller_undo(&c) && c.cwnd >= before);
			}
			if (random_below(&random, 20) == 0) {
				before = c.cwnd;
				controller_idle(&c, mss, 10);
				least = before < 10 * mss ? before : 10 * mss;
				assert_int_equal(c.cwnd, least);
			}
		}
	}
}

/* §4.7: only who has less than at the last loss leaves room to others. */
static void test_9438_4_7_fast_convergence_when_less(void **state)
{
	(void)state;
	for (int less = -1; less <= 1; less++) {
		struct controller c;
		uint32_t window;

		controller_init(&c, CONTROLLER_CUBIC, 1000, 100, UINT64_MAX, seq_of(0));
		controller_loss(&c, c.cwnd, 1000, SEC(1), true);
		c.cwnd = window = (uint32_t)(100000 - less * 1000);
		controller_loss(&c, c.cwnd, 1000, SEC(2), true);
		assert_int_equal(c.of.cubic.w_max, less > 0 ? window * 17 / 20 : window);
	}
}

/* Another controller begins with nothing of the last one's past. */
static void test_another_controller_begins_anew(void **state)
{
	struct controller c;

	(void)state;
	controller_init(&c, CONTROLLER_CUBIC, 1000, 100, UINT64_MAX, seq_of(0));
	controller_loss(&c, c.cwnd, 1000, SEC(1), true);
	assert_true(c.of.cubic.w_max > 0);
	controller_choose(&c, CONTROLLER_CUBIC);        /* the same one goes on */
	assert_true(c.of.cubic.w_max > 0);
	controller_choose(&c, CONTROLLER_RENO);
	controller_choose(&c, CONTROLLER_CUBIC);
	assert_int_equal(c.of.cubic.w_max, 0);
	assert_int_equal(c.of.cubic.w_last_max, 0);
}

static void test_pacer_at_its_ends(void **state)
{
	static const uint64_t rtts[] = { 0, PACER_RTT_LEAST_NS - 1, PACER_RTT_LEAST_NS, MS(1), SEC(1), SEC(1000) };
	static const uint32_t windows[] = { 1, 1460, 1u << 20, UINT32_MAX };

	(void)state;
	for (unsigned i = 0; i < 6 * 4 * 2 * 3; i++) {
		struct pace pace = { rtts[i % 6], i % 5 ? 0 : MS(10), windows[i / 6 % 4], 1460, i / 24 % 2 };
		uint64_t now = i / 48 == 0 ? 0 : i / 48 == 1 ? MS(1) : YEARS;
		struct pacer p = { 0 };

		if (!pacer_on(&pace)) {
			pacer_sent(&p, &pace, 65535, now);
			assert_int_equal(p.next_ns, 0);
			assert_int_equal(pacer_rate(&pace), 0);
			continue;
		}
		assert_true(pacer_burst(&pace) >= 2 * pace.mss);
		pacer_sent(&p, &pace, 65535, now);
		assert_true(pacer_wake(&p, &pace) >= p.next_ns);
		assert_true(p.next_ns <= now + SEC(100000ull * 1000));
	}
}

static void test_tuples_differ_by_any_part(void **state)
{
	struct tuple a = { { { 1 } }, { { 2 } }, 3, 4 };

	(void)state;
	assert_true(tuple_eq(&a, &a));
	for (unsigned part = 0; part < 36; part++) {
		struct tuple b = a;

		((uint8_t *)&b)[part] ^= 0x10;
		assert_false(tuple_eq(&a, &b));
		assert_false(tuple_eq(&b, &a));
	}
}

static int by_hash(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/*
 * Two connections whose names have the same hash: with 2^18 names some pairs have.  Each gets what is its own, in
 * every kind of record.
 */
static void test_names_of_the_same_hash(void **state)
{
	enum { NAMES = 1 << 18 };
	static uint64_t hashes[NAMES];          /* the hash above, the remote port and address below */
	struct script s;
	unsigned pairs = 0;

	(void)state;
	script_config(&s, ELEVEN_MODERN);
	script_begin(&s);
	for (uint32_t i = 0; i < NAMES; i++) {
		struct tuple tuple = { s.us, script_address(0x0a000100 + (i >> 14)), OUR_PORT, (uint16_t)(i & 0x3fff) };

		hashes[i] = (uint64_t)tuple_hash(s.tcp, &tuple) << 32 | i;
	}
	qsort(hashes, NAMES, sizeof(hashes[0]), by_hash);
	to_listen(&s);
	for (unsigned i = 0; i + 1 < NAMES && pairs < 3; i++) {
		struct seq iss[2];

		if (hashes[i] >> 32 != hashes[i + 1] >> 32)
			continue;
		pairs++;
		for (int step = 0; step < 5; step++)
			for (int one = 0; one < 2; one++) {
				uint32_t name = (uint32_t)hashes[i + (unsigned)one];
				static const enum eleven_state states[] = { ELEVEN_SYN_RECEIVED, ELEVEN_ESTABLISHED,
									    ELEVEN_FIN_WAIT_2, ELEVEN_TIME_WAIT,
									    ELEVEN_TIME_WAIT };

				s.them = script_address(0x0a000100 + (name >> 14));
				s.their_port = (uint16_t)(name & 0x3fff);
				s.our_iss_known = step > 0;
				s.our_iss = iss[one];
				if (step == 0) {
					in(&s, "S 0:0(0) win 65535 <mss 1460>");
					out(&s, "S. 0:0(0) ack 1 <...>");
					iss[one] = s.our_iss;
				} else if (step == 1) {
					in(&s, ". 1:1(0) ack 1 win 65535");
					assert_int_equal(tcp_accept(s.tcp, s.listener, &s.h, s.now), 0);
					assert_int_equal(tcp_close(s.tcp, s.h, s.now), 0);
					out(&s, "F. 1:1(0) ack 1");
					in(&s, ". 1:1(0) ack 2 win 65535");
				} else if (step == 2) {
					state_is(&s, ELEVEN_FIN_WAIT_2);
				} else if (step == 3) {
					in(&s, "F. 1:1(0) ack 2 win 65535");
					out(&s, ". 2:2(0) ack 2");
				} else {
					in(&s, "F. 1:1(0) ack 2 win 65535");
					out(&s, ". 2:2(0) ack 2");      /* known in TIME-WAIT */
				}
				if (step != 1)
					state_is(&s, states[step]);
			}
	}
	assert_true(pairs > 0);
	script_end(&s);
}

/* Marks at uneven distances, some of them past: what is told never lies outside, and the last is always known. */
static void test_marks_against_their_bounds(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 12);
	for (unsigned round = 0; round < 3000; round++) {
		struct seq at, start = seq_of((uint32_t)random_next(&random)), done = start, end = start;
		struct points p = { 0 };

		for (unsigned i = 1 + (unsigned)random_below(&random, 8); i > 0; i--) {
			end = seq_add(end, random_below(&random, 3) ? 100 : 1 + (uint32_t)random_below(&random, 300));
			points_add(&p, done, end);
			if (random_below(&random, 2))
				done = seq_add(start, (uint32_t)random_below(&random, seq_distance(end, start) + 1));
			assert_true(points_within(&p, seq_sub(end, 1), end, &at) && seq_eq(at, end));
			assert_false(points_within(&p, end, seq_add(end, 1000), &at));
			if (seq_lt(done, end)) {
				assert_true(points_within(&p, done, end, &at));
				assert_true(seq_gt(at, done) && seq_le(at, end));
			}
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cube_roots),
		cmocka_unit_test(test_9438_4_2_windows_at_their_ends),
		cmocka_unit_test(test_9438_4_7_fast_convergence_when_less),
		cmocka_unit_test(test_another_controller_begins_anew),
		cmocka_unit_test(test_pacer_at_its_ends),
		cmocka_unit_test(test_tuples_differ_by_any_part),
		cmocka_unit_test(test_names_of_the_same_hash),
		cmocka_unit_test(test_marks_against_their_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
