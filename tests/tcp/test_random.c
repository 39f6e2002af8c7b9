/* SPDX-License-Identifier: MIT */
/*
 * Random segments, calls and times against one TCP, from the generator of the fuzzer (fuzz/segments.h) with seeded
 * chance.  A failure names its seed; ELEVEN_TEST_SEED=N runs that one alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "fuzz/must.h"
#include "fuzz/segments.h"

#define WORLDS 400

static void test_random_segments_calls_and_times_keep_the_invariants(void **state)
{
	static const struct segments_limits limits = { .events = 600, .buffers_shift = 21 };
	const char *one = getenv("ELEVEN_TEST_SEED");
	static char note[40];

	(void)state;
	must_note = note;
	for (uint64_t seed = 1; seed <= WORLDS; seed++) {
		struct random chance;
		struct choice c = choice_chance(&chance);

		if (one)
			seed = strtoull(one, NULL, 0);
		snprintf(note, sizeof(note), "seed %llu", (unsigned long long)seed);
		random_seed(&chance, seed);
		segments_run(&c, &limits);
		if (one)
			break;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_segments_calls_and_times_keep_the_invariants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
