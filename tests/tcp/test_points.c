/* SPDX-License-Identifier: MIT */
/* Marks in the stream: against a list that forgets nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/random.h"
#include "tcp/points.h"

#include "../panic.h"

/* At even distances all are known, wherever the numbers begin and however many are past. */
static void test_even_marks_are_all_known(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 3);
	for (unsigned round = 0; round < 2000; round++) {
		struct seq start = seq_of((uint32_t)random_next(&random)), done = start, at;
		uint32_t step = 1 + (uint32_t)random_below(&random, 5000);
		uint32_t marks = 1 + (uint32_t)random_below(&random, 12);
		struct points p = { 0 };

		for (uint32_t i = 1; i <= marks; i++) {
			points_add(&p, done, seq_add(start, i * step));
			if (random_below(&random, 3) == 0)
				done = seq_max(done, seq_add(start, (uint32_t)random_below(&random, i * step)));
		}
		for (uint32_t i = seq_distance(done, start) / step; i < marks; i++) {
			assert_true(points_within(&p, seq_add(start, i * step), seq_add(start, (i + 1) * step), &at));
			assert_true(seq_eq(at, seq_add(start, (i + 1) * step)));
			if (step > 1)
				assert_false(points_within(&p, seq_add(start, i * step),
							   seq_add(start, (i + 1) * step - 1), &at));
		}
		assert_false(points_within(&p, seq_add(start, marks * step), seq_add(start, (marks + 9) * step), &at));
	}
}

/* At uneven ones the first and the last. */
static void test_uneven_marks_keep_two(void **state)
{
	struct points p = { 0 };
	struct seq at;

	(void)state;
	assert_false(points_within(&p, seq_of(0), seq_of(1000), &at));
	points_add(&p, seq_of(0), seq_of(100));
	points_add(&p, seq_of(0), seq_of(300));
	points_add(&p, seq_of(0), seq_of(350));
	assert_true(points_within(&p, seq_of(0), seq_of(1000), &at) && seq_eq(at, seq_of(100)));
	assert_true(points_within(&p, seq_of(100), seq_of(1000), &at) && seq_eq(at, seq_of(350)));
	points_add(&p, seq_of(350), seq_of(500));       /* all are past */
	assert_true(points_within(&p, seq_of(350), seq_of(1000), &at) && seq_eq(at, seq_of(500)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_even_marks_are_all_known),
		cmocka_unit_test(test_uneven_marks_keep_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
