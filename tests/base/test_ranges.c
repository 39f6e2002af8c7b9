/* SPDX-License-Identifier: MIT */
/* Ranges against a bitmap, also across the wrap of sequence numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/random.h"
#include "base/ranges.h"

enum { WIDTH = 400, RANGES_MAX = 32 };

struct model {
	union {
		struct ranges ranges;
		uint8_t room[RANGES_BYTES(RANGES_MAX)];
	};
	struct seq base;                /* number 0 of the bitmap */
	bool in[WIDTH + 1];             /* the last one stays false */
	uint32_t stamp[WIDTH];          /* of the latest add that covered or touched its range */
};

static uint32_t model_ranges(const bool in[])
{
	uint32_t count = 0;

	for (unsigned i = 0; i < WIDTH; i++)
		count += in[i] && !in[i + 1];
	return count;
}

static struct seq number(const struct model *model, uint32_t i)
{
	return seq_add(model->base, i);
}

/* The same ranges, sorted; bytes; membership; coverage. */
static void check(const struct model *model, struct random *random)
{
	uint32_t k = 0, bytes = 0;
	uint32_t left = (uint32_t)random_below(random, WIDTH), right = left + (uint32_t)random_below(random, 6);
	bool covered = true;
	struct seq_range first;

	for (uint32_t i = 0; i < WIDTH; i++) {
		bytes += model->in[i];
		assert_int_equal(ranges_contains(&model->ranges, number(model, i)), model->in[i]);
		if (!model->in[i] || (i && model->in[i - 1]))
			continue;
		assert_true(k < model->ranges.count);
		assert_true(seq_eq(model->ranges.at[k].left, number(model, i)));
		while (model->in[i + 1])
			bytes += model->in[++i];
		assert_true(seq_eq(model->ranges.at[k].right, number(model, i + 1)));
		k++;
	}
	assert_int_equal(model->ranges.count, k);
	assert_int_equal(ranges_bytes(&model->ranges), bytes);
	assert_int_equal(ranges_first(&model->ranges, &first), k != 0);
	if (k)
		assert_true(seq_eq(first.left, model->ranges.at[0].left));
	for (uint32_t i = left; i < right; i++)
		covered = covered && i < WIDTH && model->in[i];
	assert_int_equal(ranges_covers(&model->ranges, number(model, left), number(model, right)), covered);
}

static void step_add(struct model *model, struct random *random, uint32_t longest)
{
	uint32_t left = (uint32_t)random_below(random, WIDTH);
	uint32_t n = (uint32_t)random_below(random, longest + 1), right = left + n < WIDTH ? left + n : WIDTH;
	uint8_t before[sizeof(model->room)];
	bool in[WIDTH + 1];
	uint32_t from = left, to = right;

	model->ranges.steps = 0;
	memcpy(before, model->room, sizeof(before));
	memcpy(in, model->in, sizeof(in));
	for (uint32_t i = left; i < right; i++)
		in[i] = true;
	if (model_ranges(in) > RANGES_MAX) {
		assert_false(ranges_add(&model->ranges, number(model, left), number(model, right)));
		assert_in_range(model->ranges.steps, 1, 2 * RANGES_MAX);
		model->ranges.steps = 0;
		assert_memory_equal(before, model->room, sizeof(before));
		return;
	}
	assert_true(ranges_add(&model->ranges, number(model, left), number(model, right)));
	memcpy(model->in, in, sizeof(in));
	if (left == right)
		return;
	while (from && in[from - 1])
		from--;
	while (in[to])
		to++;
	for (uint32_t i = from; i < to; i++)
		model->stamp[i] = model->ranges.clock;
}

static void step_trim(struct model *model, struct random *random)
{
	uint32_t at = (uint32_t)random_below(random, WIDTH + 1);

	if (random_below(random, 2)) {
		at /= 3;
		ranges_trim_left(&model->ranges, number(model, at));
		memset(model->in, 0, at * sizeof(bool));
	} else {
		at = WIDTH - at / 3;
		ranges_trim_right(&model->ranges, number(model, at));
		memset(model->in + at, 0, (WIDTH - at) * sizeof(bool));
	}
}

/* RFC 2018 §4: the blocks received last come first. */
static void check_recent(struct model *model, unsigned n)
{
	struct seq_range recent[RANGES_MAX + 1];
	unsigned found = ranges_recent(&model->ranges, recent, n);

	recent[found].stamp = 0;
	assert_int_equal(found, n < model->ranges.count ? n : model->ranges.count);
	for (unsigned k = 0; k < found; k++) {
		uint32_t newer = 0, i = seq_distance(recent[k].left, model->base);

		assert_true(i < WIDTH && model->in[i] && recent[k].stamp == model->stamp[i]);
		for (unsigned j = 0; j < model->ranges.count; j++)
			newer += (int32_t)(model->ranges.at[j].stamp - recent[k].stamp) > 0;
		assert_int_equal(newer, k);
	}
}

static void run(uint64_t seed, struct seq base, uint32_t longest)
{
	struct model model = { .base = base };
	struct random random;

	random_seed(&random, seed);
	ranges_init(&model.ranges, RANGES_MAX);
	model.ranges.clock = seed % 2 ? UINT32_MAX - 50 : 0;    /* its wrap does no harm */
	for (int step = 0; step < 4000; step++) {
		if (random_below(&random, 60) == 0)
			step_trim(&model, &random);
		else
			step_add(&model, &random, longest);
		check(&model, &random);
		check_recent(&model, (unsigned)random_below(&random, RANGES_MAX + 1));
	}
}

static void test_set_equals_a_bitmap(void **state)
{
	static const uint32_t bases[] = { 0, 1000, UINT32_MAX - 200, UINT32_MAX - 399, 0x7fffffff - 200 };

	(void)state;
	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++)
		for (uint32_t longest = 1; longest < 40; longest = longest * 3 + 1)
			run(i * 100 + longest, seq_of(bases[i]), longest);
}

/* Three adds of [l, r) in 0…7 and every trim, from an empty set: all of them. */
static void test_every_small_case(void **state)
{
	(void)state;
	for (uint32_t code = 0; code < 8 * 8 * 8 * 8 * 8 * 8; code++) {
		uint64_t room[RANGES_BYTES(4) / 8 + 1];
		struct ranges *ranges = (struct ranges *)(void *)room;
		struct seq base = seq_of(UINT32_MAX - 3);
		unsigned in = 0, digits = code;

		ranges_init(ranges, 4);
		for (int i = 0; i < 3; i++, digits /= 64) {
			uint32_t left = digits % 8, right = digits / 8 % 8;

			if (left > right)
				continue;
			assert_true(ranges_add(ranges, seq_add(base, left), seq_add(base, right)));
			in |= (1u << right) - (1u << left);
		}
		if (code % 5 < 4) {
			ranges_trim_left(ranges, seq_add(base, code % 8));
			in &= ~0u << code % 8;
		}
		for (uint32_t i = 0; i < 8; i++)
			assert_int_equal(ranges_contains(ranges, seq_add(base, i)), in >> i & 1);
		assert_int_equal(ranges_bytes(ranges), __builtin_popcount(in));
		assert_int_equal(ranges->count, __builtin_popcount(in & ~(in << 1)));
	}
}

static void test_the_latest_is_reported_first(void **state)
{
	uint64_t room[RANGES_BYTES(8) / 8 + 1];
	struct ranges *ranges = (struct ranges *)(void *)room;
	struct seq_range recent[3];

	(void)state;
	ranges_init(ranges, 8);
	for (uint32_t i = 1; i <= 5; i++)
		assert_true(ranges_add(ranges, seq_of(i * 100), seq_of(i * 100 + 10)));
	assert_true(ranges_add(ranges, seq_of(205), seq_of(208)));     /* a duplicate brings its block forward */
	assert_int_equal(ranges_recent(ranges, recent, 3), 3);
	assert_int_equal(recent[0].left.value, 200);
	assert_int_equal(recent[0].right.value, 210);
	assert_int_equal(recent[1].left.value, 500);
	assert_int_equal(recent[2].left.value, 400);
	assert_int_equal(ranges_recent(ranges, recent, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_equals_a_bitmap),
		cmocka_unit_test(test_every_small_case),
		cmocka_unit_test(test_the_latest_is_reported_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
