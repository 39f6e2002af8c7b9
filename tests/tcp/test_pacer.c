/* SPDX-License-Identifier: MIT */
/* The pacer spreads a window over the round trip, at every step of the clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/random.h"
#include "base/time.h"
#include "tcp/pacer.h"

/* 9937-§6.4-R2: what goes in any time is the rate's share and a burst, and no less while there is something to send. */
static void test_9937_6_4_R2_rate_is_kept(void **state)
{
	static const uint64_t steps[] = { 1, US(1), MS(1), MS(10) };
	struct random random;
	(void)state;

	random_seed(&random, 4);
	for (unsigned round = 0; round < 400; round++) {
		uint64_t step = steps[round % 4], now = SEC(1000), begin = now, sent = 0, end, clock;
		struct pacer p = { 0 };
		uint64_t srtt = US(200) + random_below(&random, MS(300));
		struct pace pace = {
			.srtt_ns = srtt, .step_ns = step, .mss = 1448, .slow_start = random_below(&random, 2),
			.cwnd = 1448 * (uint32_t)(1 + random_below(&random, srtt / US(2))),
		};
		double rate = (double)pace.cwnd * (pace.slow_start ? 2 : 1.2) / (double)pace.srtt_ns;
		double burst = rate * (double)step + 2 * 1448 + 2 * (double)pacer_burst(&pace);

		for (end = now + SEC(2); now < end && sent < 200000ull * 1448;) {
			clock = now / step * step;
			while (pacer_open(&p, &pace, clock)) {
				pacer_sent(&p, &pace, 1448, clock);
				sent += 1448;
				assert_true((double)sent <= 1.01 * (rate * (double)(now - begin + step) + burst));
			}
			assert_true(pacer_wake(&p, &pace) > clock);
			now = (pacer_wake(&p, &pace) + step - 1) / step * step;        /* what a coarse timer does */
		}
		assert_true((double)sent >= rate * (double)(now - begin) * 0.9 - 3 * burst);
		assert_true(pacer_rate(&pace) <= (uint64_t)(rate * 1e9) + 1);
	}
}

/* Off without a round-trip time, and where it is too short to be spread over. */
static void test_off_on_short_wires(void **state)
{
	struct pacer p = { .next_ns = SEC(2) };
	struct pace pace = { .srtt_ns = US(199), .cwnd = 14480, .mss = 1448 };
	(void)state;

	assert_true(pacer_open(&p, &pace, SEC(1)));
	assert_true(pacer_rate(&pace) == 0);
	pace.srtt_ns = 0;
	assert_true(pacer_open(&p, &pace, SEC(1)));
	pace.srtt_ns = US(200);
	assert_false(pacer_open(&p, &pace, SEC(1)));
}

/* Whatever the numbers, two segments may go together. */
static void test_burst_is_two_segments(void **state)
{
	struct random random;
	(void)state;

	random_seed(&random, 5);
	for (unsigned i = 0; i < 100000; i++) {
		struct pace pace = {
			.srtt_ns = US(200) + random_below(&random, SEC(120)),
			.cwnd = 1 + (uint32_t)random_below(&random, 1u << 30),
			.mss = 1 + (uint32_t)random_below(&random, 9000),
		};

		assert_true(pacer_burst(&pace) >= 2 * pace.mss);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_9937_6_4_R2_rate_is_kept),
		cmocka_unit_test(test_off_on_short_wires),
		cmocka_unit_test(test_burst_is_two_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
