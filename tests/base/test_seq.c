/* SPDX-License-Identifier: MIT */
/* Sequence number arithmetic: every comparison against 64-bit integers, at and around the wrap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/seq.h"

static const uint32_t starts[] = { 0, 1, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff };
static const uint32_t steps[] = { 0, 1, 2, 1460, 65535, 0x3fffffff, 0x7ffffffe, 0x7fffffff };

static void test_order_holds_across_the_wrap(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++) {
		for (size_t k = 0; k < sizeof(steps) / sizeof(*steps); k++) {
			struct seq a = seq_of(starts[i]);
			struct seq b = seq_add(a, steps[k]);

			assert_int_equal(seq_distance(b, a), steps[k]);
			assert_true(seq_le(a, b) && seq_ge(b, a));
			assert_int_equal(seq_lt(a, b), steps[k] != 0);
			assert_int_equal(seq_gt(b, a), steps[k] != 0);
			assert_int_equal(seq_lt(b, a), 0);
			assert_int_equal(seq_eq(a, b), steps[k] == 0);
			assert_true(seq_eq(seq_max(a, b), b) && seq_eq(seq_min(a, b), a));
			assert_true(seq_eq(seq_sub(b, steps[k]), a));
		}
	}
}

static void test_within_counts_from_the_left_edge(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++) {
		struct seq left = seq_of(starts[i]);

		assert_false(seq_within(left, left, 0));
		assert_true(seq_within(left, left, 1));
		assert_true(seq_within(seq_add(left, 0xc0000000u), left, 0xc0000001u));
		assert_false(seq_within(seq_sub(left, 1), left, 0xffffffffu));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_holds_across_the_wrap),
		cmocka_unit_test(test_within_counts_from_the_left_edge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
