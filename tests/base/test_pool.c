/* SPDX-License-Identifier: MIT */
/* Pools: distinct items, nothing written but the link, memory untouched until it is needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "panic.h"

#include "base/pool.h"
#include "base/random.h"

enum { CAPACITY = 97 };

static const struct {
	uint32_t item_bytes, link_offset;
} shapes[] = { { 4, 0 }, { 12, 8 }, { 16, 0 }, { 40, 36 }, { 96, 17 }, { 384, 100 }, { 1000, 0 } };

/* An item's bytes beside the link are its owner's; random takes and gives must leave them. */
static void churn(uint32_t item_bytes, uint32_t link_offset)
{
	uint8_t *memory = calloc(CAPACITY, item_bytes), *shadow = calloc(CAPACITY, item_bytes);
	bool taken[CAPACITY] = { false };
	uint32_t used = 0, touched = 0;
	struct random random;
	struct pool pool;

	random_seed(&random, item_bytes);
	assert_int_equal(pool_bytes(item_bytes, CAPACITY), (size_t)item_bytes * CAPACITY);
	pool_init(&pool, memory, item_bytes, CAPACITY, link_offset);
	for (int step = 0; step < 20000; step++) {
		bool growing = random_below(&random, 2000) < (uint64_t)(step / 1000 % 2 ? 1200 : 800);
		uint32_t index = (uint32_t)random_below(&random, CAPACITY);

		if (growing) {
			uint8_t *item = pool_take(&pool), zero[4] = { 0 };

			assert_int_equal(item == NULL, used == CAPACITY);
			if (!item)
				continue;
			index = pool_index(&pool, item);
			assert_true(index < CAPACITY && !taken[index]);
			assert_ptr_equal(pool_at(&pool, index), item);
			assert_memory_equal(item + link_offset, zero, 4);
			assert_true(index < touched || used == touched);        /* given ones first */
			touched = index >= touched ? index + 1 : touched;
			for (int i = 0; i < 3; i++) {
				uint32_t at = (uint32_t)random_below(&random, item_bytes);

				if (at - link_offset >= 4)
					item[at] = shadow[index * item_bytes + at] = (uint8_t)random_next(&random);
			}
			memset(item + link_offset, 0x55, 4);    /* the owner may use the link's bytes */
			taken[index] = true;
			used++;
		} else if (taken[index]) {
			pool_give(&pool, pool_at(&pool, index));
			taken[index] = false;
			used--;
		}
		assert_int_equal(pool.used, used);
		assert_int_equal(pool.touched, touched);
	}
	for (size_t i = 0; i < (size_t)CAPACITY * item_bytes; i++)
		if (i % item_bytes - link_offset >= 4)
			assert_int_equal(memory[i], shadow[i]);
	free(memory);
	free(shadow);
}

static void test_items_are_distinct_and_their_bytes_survive(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		churn(shapes[i].item_bytes, shapes[i].link_offset);
}

static void test_index_is_exact_beyond_four_gigabytes(void **state)
{
	struct pool pool;

	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		pool_init(&pool, (void *)(uintptr_t)4096, shapes[i].item_bytes, 4000000000u, shapes[i].link_offset);
		for (uint32_t index = 1; index < 4000000000u / 3; index = index * 3 + 1)
			assert_int_equal(pool_index(&pool, pool_at(&pool, index)), index);
	}
}

static void test_what_is_not_an_item_is_refused(void **state)
{
	static uint64_t memory[4 * 8];
	struct pool pool;
	uint8_t *item;

	(void)state;
	pool_init(&pool, memory, 64, 4, 0);
	item = pool_take(&pool);
	expect_assert_failure(pool_give(&pool, item + 16));
	expect_assert_failure(pool_give(&pool, item + 64));     /* never taken */
	pool_give(&pool, item);
	expect_assert_failure(pool_give(&pool, item));          /* more given than taken */
	expect_assert_failure(pool_init(&pool, memory, 64, 4, 61));
	expect_assert_failure(pool_init(&pool, memory, 3, 4, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_items_are_distinct_and_their_bytes_survive),
		cmocka_unit_test(test_index_is_exact_beyond_four_gigabytes),
		cmocka_unit_test(test_what_is_not_an_item_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
