/* SPDX-License-Identifier: MIT */
/* The buddy allocator: blocks never overlap, everything given back is whole again, memory stays untouched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "panic.h"

#include "base/buffers.h"
#include "base/random.h"

enum { BLOCKS = 64, UNITS_MAX = 4096 };

struct block {
	uint32_t ref;           /* 0: not taken */
	unsigned order;
	uint8_t mark;           /* every byte of the block */
};

static void block_take(struct buffers *b, struct block *block, struct random *random, uint8_t *owned)
{
	uint32_t units;

	/* Small orders more often, any order sometimes. */
	block->order = (unsigned)random_below(random, 1 + random_below(random, 13));
	units = 1u << block->order;
	block->ref = buffers_take(b, block->order);
	if (!block->ref)
		return;
	assert_true(block->ref - 1 + units <= b->units);
	assert_int_equal((block->ref - 1) % units, 0);
	for (uint32_t i = 0; i < units; i++) {
		assert_int_equal(owned[block->ref - 1 + i], 0);
		owned[block->ref - 1 + i] = 1;
	}
	block->mark = (uint8_t)random_next(random);
	memset(buffers_at(b, block->ref), block->mark, (size_t)buffers_block_bytes(b, block->order));
}

static void block_give(struct buffers *b, struct block *block, uint8_t *owned)
{
	uint8_t *bytes = buffers_at(b, block->ref);

	for (size_t i = 0; i < buffers_block_bytes(b, block->order); i++)
		assert_int_equal(bytes[i], block->mark);
	memset(owned + block->ref - 1, 0, (size_t)1 << block->order);
	buffers_give(b, block->ref, block->order);
	block->ref = 0;
}

/* The largest free block, found by asking: what the free units allow when nothing else is taken. */
static void check_whole(struct buffers *b)
{
	uint32_t refs[32], n = 0;

	buffers_settle(b);
	assert_int_equal(b->orders, b->units);
	for (unsigned order = 32; order-- > 0;)
		if (b->units & 1u << order)
			assert_int_not_equal(refs[n++] = buffers_take(b, order), 0);
	assert_int_equal(buffers_free_bytes(b), 0);
	assert_int_equal(buffers_take(b, 0), 0);
	for (unsigned order = 0; order < 32; order++)
		if (b->units & 1u << order)
			buffers_give(b, refs[--n], order);
	assert_int_equal(buffers_used_bytes(b), 0);
}

static void run(uint64_t seed, uint32_t units, unsigned unit_shift, bool exactly)
{
	size_t total = ((size_t)units << unit_shift) + (exactly ? 0 : ((size_t)1 << unit_shift) - 1);
	uint8_t *memory = calloc(1, buffers_bytes(total, unit_shift) + !units), *owned = calloc(1, UNITS_MAX);
	struct block blocks[BLOCKS] = { { 0 } };
	struct random random;
	struct buffers b;

	random_seed(&random, seed);
	buffers_init(&b, memory, total, unit_shift);
	assert_int_equal(b.units, units);
	for (int step = 0; step < 3000; step++) {
		struct block *block = &blocks[random_below(&random, BLOCKS)];
		uint64_t used = 0;

		if (block->ref)
			block_give(&b, block, owned);
		else
			block_take(&b, block, &random, owned);
		for (unsigned i = 0; i < BLOCKS; i++)
			used += blocks[i].ref ? buffers_block_bytes(&b, blocks[i].order) : 0;
		assert_true(buffers_used_bytes(&b) == used);
		assert_true(buffers_free_bytes(&b) == ((uint64_t)units << unit_shift) - used);
	}
	for (unsigned i = 0; i < BLOCKS; i++)
		if (blocks[i].ref)
			block_give(&b, &blocks[i], owned);
	check_whole(&b);
	free(memory);
	free(owned);
}

static void test_no_overlap_and_all_returned_is_whole_again(void **state)
{
	static const uint32_t units[] = { 0, 1, 2, 3, 7, 64, 100, 1000, 1023, 1024, UNITS_MAX - 1, UNITS_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		run(i, units[i], 6, true);
		run(i + 100, units[i], 7, false);
	}
	run(7, 60, 16, true);
}

static size_t bytes_not_zero(const uint8_t *at, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += at[i] != 0;
	return count;
}

/* A node is 8 bytes, and a split from 2^20 units to one writes at most one for each of 20 halves. */
static void test_memory_not_handed_out_is_hardly_touched(void **state)
{
	size_t total = (size_t)1 << 26;
	uint8_t *memory = calloc(1, buffers_bytes(total, 6));
	struct buffers b;
	uint32_t ref;

	(void)state;
	buffers_init(&b, memory, total, 6);
	assert_true(bytes_not_zero(memory, total) <= 8);
	ref = buffers_take(&b, 0);
	assert_int_not_equal(ref, 0);
	assert_true(bytes_not_zero(memory, total) <= 20 * 8);
	buffers_give(&b, ref, 0);
	assert_true(bytes_not_zero(memory, total) <= 21 * 8);
	ref = buffers_take(&b, 20);
	assert_true(ref != 0 && buffers_take(&b, 0) == 0);
	buffers_give(&b, ref, 20);
	assert_int_equal(b.orders, 1 << 20);    /* large blocks are never kept */
	free(memory);
}

/* Kept blocks are a head start and never a loss: the whole region can be taken right after small ones came back. */
static void test_what_is_kept_is_taken_again_and_never_missed(void **state)
{
	enum { UNITS = 256 };
	uint8_t *memory = calloc(1, buffers_bytes(UNITS << 6, 6));
	uint32_t refs[UNITS];
	struct buffers b;

	(void)state;
	buffers_init(&b, memory, UNITS << 6, 6);
	refs[0] = buffers_take(&b, 3);
	buffers_give(&b, refs[0], 3);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(buffers_take(&b, 3), refs[0]);
		buffers_give(&b, refs[0], 3);
	}
	assert_int_equal(b.kept_count[3], 1);
	for (unsigned order = 0; order <= 8; order++) {
		uint32_t count = UNITS >> order;

		for (uint32_t i = 0; i < count; i++)
			assert_int_not_equal(refs[i] = buffers_take(&b, order), 0);
		assert_int_equal(buffers_take(&b, 0), 0);
		assert_int_equal(buffers_free_bytes(&b), 0);
		for (uint32_t i = 0; i < count; i++)
			buffers_give(&b, refs[i], order);
		assert_int_equal(buffers_used_bytes(&b), 0);
	}
	free(memory);
}

static void test_orders_are_rounded_up(void **state)
{
	struct buffers b = { .unit_shift = 8 };

	(void)state;
	assert_int_equal(buffers_order(&b, 0), 0);
	assert_int_equal(buffers_order(&b, 1), 0);
	assert_int_equal(buffers_order(&b, 256), 0);
	for (unsigned order = 0; order < 31; order++) {
		assert_int_equal(buffers_order(&b, buffers_block_bytes(&b, order)), order);
		assert_int_equal(buffers_order(&b, buffers_block_bytes(&b, order) + 1), order + 1);
	}
}

static void test_what_was_not_taken_is_refused(void **state)
{
	static uint64_t memory[16 * 8 + 2];
	struct buffers b;
	uint32_t ref, refs[16];

	(void)state;
	assert_int_equal(buffers_bytes(16 * 64, 6), sizeof(memory));
	buffers_init(&b, memory, 16 * 64, 6);
	ref = buffers_take(&b, 2);
	expect_assert_failure(buffers_give(&b, ref, 1));
	expect_assert_failure(buffers_give(&b, ref + 1, 0));
	expect_assert_failure(buffers_give(&b, 0, 0));
	expect_assert_failure(buffers_give(&b, 17, 0));
	buffers_give(&b, ref, 2);
	expect_assert_failure(buffers_give(&b, ref, 2));
	assert_int_equal(buffers_take(&b, 5), 0);
	assert_int_equal(buffers_take(&b, 32), 0);
	for (int i = 0; i < 16; i++)
		refs[i] = buffers_take(&b, 0);
	for (int i = 0; i < 16; i++)
		buffers_give(&b, refs[i], 0);
	/* Kept, or joined with its neighbours: given all the same. */
	for (volatile int i = 0; i < 16; i++)
		expect_assert_failure(buffers_give(&b, refs[i], 0));
	expect_assert_failure(buffers_bytes(4096, 5));
	expect_assert_failure(buffers_bytes(4096, 17));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_overlap_and_all_returned_is_whole_again),
		cmocka_unit_test(test_memory_not_handed_out_is_hardly_touched),
		cmocka_unit_test(test_what_is_kept_is_taken_again_and_never_missed),
		cmocka_unit_test(test_orders_are_rounded_up),
		cmocka_unit_test(test_what_was_not_taken_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
