/* SPDX-License-Identifier: MIT */
/* The hash table against an array, with hashes that crowd into the same slots and across the table's end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "panic.h"

#include "base/random.h"
#include "base/siphash.h"
#include "base/table.h"

enum { ENTRIES = 60, STEPS = 60000 };

struct model {
	struct table table;
	uint32_t hash[ENTRIES + 1];     /* by reference */
	bool held[ENTRIES + 1];
	uint32_t used;
};

/* Crowded: few different hashes, and most in the last and the first slots. */
static uint32_t hash_crowded(struct random *random, const struct table *table)
{
	uint32_t slot = (uint32_t)(table->mask - 4 + random_below(random, 10)) & table->mask;

	return slot | ((uint32_t)random_below(random, 3) << 20 & ~table->mask);
}

static void check_hash(const struct model *model, uint32_t hash)
{
	bool found[ENTRIES + 1] = { false };
	uint32_t cursor, ref = table_find_first(&model->table, hash, &cursor);

	for (; ref; ref = table_find_next(&model->table, hash, &cursor)) {
		assert_true(ref <= ENTRIES && !found[ref]);
		found[ref] = true;
	}
	for (uint32_t i = 1; i <= ENTRIES; i++)
		assert_int_equal(found[i], model->held[i] && model->hash[i] == hash);
}

static void test_finds_what_is_held_and_nothing_else(void **state)
{
	struct model *model = calloc(1, sizeof(*model));
	struct table_slot *memory = calloc(1, table_bytes(ENTRIES));
	struct random random;

	(void)state;
	random_seed(&random, 3);
	table_init(&model->table, memory, ENTRIES);
	assert_true(table_bytes(ENTRIES) >= 2 * ENTRIES * sizeof(struct table_slot));
	for (int step = 0; step < STEPS; step++) {
		uint32_t ref = 1 + (uint32_t)random_below(&random, ENTRIES);
		uint32_t other = 1 + (uint32_t)random_below(&random, ENTRIES);

		if (!model->held[ref]) {
			model->hash[ref] = hash_crowded(&random, &model->table);
			assert_true(table_insert(&model->table, model->hash[ref], ref));
			model->held[ref] = true;
			model->used++;
		} else if (!model->held[other] && random_below(&random, 2)) {
			table_replace(&model->table, model->hash[ref], ref, other);
			model->hash[other] = model->hash[ref];
			model->held[ref] = false;
			model->held[other] = true;
		} else {
			table_remove(&model->table, model->hash[ref], ref);
			model->held[ref] = false;
			model->used--;
		}
		assert_int_equal(table_used(&model->table), model->used);
		check_hash(model, model->hash[ref]);
		check_hash(model, model->hash[other]);
		check_hash(model, hash_crowded(&random, &model->table));
	}
	for (uint32_t ref = 1; ref <= ENTRIES; ref++)
		if (model->held[ref])
			table_remove(&model->table, model->hash[ref], ref);
	for (size_t i = 0; i < table_bytes(ENTRIES); i++)
		assert_int_equal(((uint8_t *)memory)[i], 0);
	free(memory);
	free(model);
}

static void test_full_table_refuses_and_keeps_working(void **state)
{
	static struct table_slot memory[16];
	struct table table;
	uint32_t cursor;

	(void)state;
	assert_int_equal(table_bytes(5), sizeof(memory));
	table_init(&table, memory, 5);
	for (uint32_t ref = 1; ref <= 5; ref++)
		assert_true(table_insert(&table, 15, ref));
	assert_false(table_insert(&table, 15, 6));
	assert_int_equal(table_longest_probe(&table), 4);
	assert_int_equal(table_find_first(&table, 14, &cursor), 0);
	table_remove(&table, 15, 1);
	assert_int_equal(table_longest_probe(&table), 3);
	assert_true(table_insert(&table, 15, 6));
	assert_int_equal(table_bytes(0), 2 * sizeof(struct table_slot));
}

static void test_keyed_hash_keeps_probes_short(void **state)
{
	enum { MANY = 100000 };
	struct table_slot *memory = calloc(1, table_bytes(MANY));
	struct siphash_key key = { 1, 2 };
	struct table table;

	(void)state;
	table_init(&table, memory, MANY);
	for (uint32_t ref = 1; ref <= MANY; ref++)
		assert_true(table_insert(&table, (uint32_t)siphash_words2(&key, ref, 0), ref));
	assert_in_range(table_longest_probe(&table), 1, 40);
	for (uint32_t ref = 1; ref <= MANY; ref++)
		table_remove(&table, (uint32_t)siphash_words2(&key, ref, 0), ref);
	assert_int_equal(table_longest_probe(&table), 0);
	free(memory);
}

static void test_what_is_not_held_is_refused(void **state)
{
	static struct table_slot memory[16];
	struct table table;

	(void)state;
	table_init(&table, memory, 5);
	assert_true(table_insert(&table, 7, 1));
	expect_assert_failure(table_remove(&table, 7, 2));
	expect_assert_failure(table_remove(&table, 8, 1));
	expect_assert_failure(table_replace(&table, 7, 2, 3));
	expect_assert_failure(table_insert(&table, 7, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds_what_is_held_and_nothing_else),
		cmocka_unit_test(test_full_table_refuses_and_keeps_working),
		cmocka_unit_test(test_keyed_hash_keeps_probes_short),
		cmocka_unit_test(test_what_is_not_held_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
