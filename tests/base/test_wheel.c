/* SPDX-License-Identifier: MIT */
/* The timing wheel against a plain list of deadlines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "panic.h"

#include "base/random.h"
#include "base/time.h"
#include "base/wheel.h"

#define YEAR (SEC(86400) * 365)

enum { ENTRIES = 200 };

struct world {
	struct wheel wheel;
	struct wheel_entry *entries;    /* the block; entry 0 is never used */
	uint64_t deadline[ENTRIES];     /* the model: TIME_NEVER when not armed */
	uint64_t rank[ENTRIES];         /* the deadline, or when it was armed if that was later */
	uint64_t now;
	struct random random;
	unsigned count;                 /* entries in use, from 1 */
};

static uint64_t model_soonest(const struct world *world)
{
	uint64_t soonest = TIME_NEVER;

	for (unsigned i = 1; i < world->count; i++)
		if (world->deadline[i] < soonest)
			soonest = world->deadline[i];
	return soonest;
}

static unsigned model_armed(const struct world *world)
{
	unsigned armed = 0;

	for (unsigned i = 1; i < world->count; i++)
		armed += world->deadline[i] != TIME_NEVER;
	return armed;
}

/* Any scale from a nanosecond to decades, each as likely. */
static uint64_t random_span(struct random *random)
{
	return random_next(random) >> (3 + random_below(random, 61));
}

static void world_change(struct world *world)
{
	unsigned i = 1 + (unsigned)random_below(&world->random, world->count - 1);
	uint64_t span = random_span(&world->random), deadline = world->now + span;

	if (random_below(&world->random, 4) == 0) {
		wheel_remove(&world->wheel, &world->entries[i]);
		world->deadline[i] = TIME_NEVER;
		return;
	}
	if (random_below(&world->random, 8) == 0)
		deadline = world->now - (span < world->now ? span : world->now);
	if (deadline < world->now && random_below(&world->random, 2))
		deadline = world->now;
	wheel_insert(&world->wheel, &world->entries[i], deadline);
	world->deadline[i] = deadline;
	world->rank[i] = deadline > world->now ? deadline : world->now;
}

static void world_drain(struct world *world)
{
	uint64_t last_tick = 0;
	bool changed = false;
	struct wheel_entry *e;

	while ((e = wheel_expired(&world->wheel, world->now))) {
		unsigned i = (unsigned)(e - world->entries);

		assert_true(i > 0 && i < world->count);
		assert_true(world->deadline[i] <= world->now);          /* armed, and not early */
		assert_true(world->deadline[i] == e->deadline_ns);
		assert_false(wheel_armed(e));
		assert_true(changed || world->rank[i] >> WHEEL_TICK_SHIFT >= last_tick);
		last_tick = world->rank[i] >> WHEEL_TICK_SHIFT;
		world->deadline[i] = TIME_NEVER;
		if (random_below(&world->random, 3) == 0) {
			world_change(world);
			changed = true;
		}
	}
}

/* With everything due taken: what the wheel says must match the model. */
static void world_check(const struct world *world)
{
	uint64_t soonest = model_soonest(world), next = wheel_next_deadline(&world->wheel);

	assert_true(soonest > world->now);              /* nothing due was kept back */
	assert_int_equal(world->wheel.armed, model_armed(world));
	if (soonest == TIME_NEVER) {
		assert_true(next == TIME_NEVER);
		return;
	}
	assert_true(next > world->now && next <= soonest);
	if (soonest >> WHEEL_TICK_SHIFT == world->now >> WHEEL_TICK_SHIFT || model_armed(world) <= 8)
		assert_true(next == soonest);
	for (unsigned i = 1; i < world->count; i++)
		assert_int_equal(wheel_armed(&world->entries[i]), world->deadline[i] != TIME_NEVER);
}

static void run(uint64_t seed, unsigned count, int steps, uint64_t start)
{
	struct world *world = calloc(1, sizeof(*world));

	world->entries = aligned_alloc(16, ENTRIES * sizeof(struct wheel_entry));
	memset(world->entries, 0, ENTRIES * sizeof(struct wheel_entry));
	memset(world->deadline, 0xff, sizeof(world->deadline));
	world->now = start;
	world->count = count;
	random_seed(&world->random, seed);
	wheel_init(&world->wheel, world->entries, start);
	for (int step = 0; step < steps; step++) {
		uint64_t span = random_span(&world->random) >> random_below(&world->random, 30);

		for (uint64_t changes = random_below(&world->random, 6); changes; changes--)
			world_change(world);
		if (random_below(&world->random, 3) == 0)
			world->now = wheel_next_deadline(&world->wheel) == TIME_NEVER ||
				     wheel_next_deadline(&world->wheel) < world->now ?
				     world->now : wheel_next_deadline(&world->wheel);
		else if (world->now + span < UINT64_MAX / 4 * 3)
			world->now += span;
		world_drain(world);
		world_check(world);
	}
	free(world->entries);
	free(world);
}

static void test_fires_what_is_due_in_order_and_nothing_early(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++)
		run(seed, seed % 2 ? 6 : ENTRIES, 1500, seed % 3 ? seed * SEC(1000) : 0);
}

/* All within a few ticks: the lists are long, the running tick is crowded. */
static void test_many_in_the_running_tick(void **state)
{
	struct wheel_entry *entries = aligned_alloc(16, 1001 * sizeof(*entries)), *e;
	struct wheel wheel;
	struct random random;
	uint64_t now = SEC(7), fired = 0;

	(void)state;
	memset(entries, 0, 1001 * sizeof(*entries));
	random_seed(&random, 11);
	wheel_init(&wheel, entries, now);
	for (unsigned i = 1; i <= 1000; i++)
		wheel_insert(&wheel, &entries[i], now + random_below(&random, 3 << WHEEL_TICK_SHIFT));
	while (wheel.armed) {
		uint64_t next = wheel_next_deadline(&wheel);

		assert_true(next != TIME_NEVER && next >= now);
		now = next;
		while ((e = wheel_expired(&wheel, now))) {
			assert_true(e->deadline_ns <= now);
			fired++;
		}
	}
	assert_int_equal(fired, 1000);
	free(entries);
}

/* Decades in one step: a wheel that went tick by tick would not come back. */
static void test_a_far_jump_is_cheap_and_wakes_are_few(void **state)
{
	struct wheel_entry *entries = aligned_alloc(16, 101 * sizeof(*entries));
	struct wheel wheel;
	uint64_t now = 0;
	unsigned wakes = 0, fired = 0;

	(void)state;
	memset(entries, 0, 101 * sizeof(*entries));
	wheel_init(&wheel, entries, now);
	for (unsigned i = 1; i <= 100; i++)
		wheel_insert(&wheel, &entries[i], 90 * YEAR + i % 10);
	while (wheel.armed) {
		now = wheel_next_deadline(&wheel);
		assert_true(now <= 90 * YEAR + 9);
		while (wheel_expired(&wheel, now))
			fired++;
		wakes++;
	}
	assert_int_equal(fired, 100);
	assert_in_range(wakes, 10, WHEEL_LEVELS + 10);
	wheel_insert(&wheel, &entries[1], 100 * YEAR);
	assert_null(wheel_expired(&wheel, 100 * YEAR - 1));
	assert_ptr_equal(wheel_expired(&wheel, 500 * YEAR), &entries[1]);
	free(entries);
}

static void test_time_never_goes_back(void **state)
{
	static _Alignas(16) struct wheel_entry entries[5];
	struct wheel wheel;

	(void)state;
	wheel_init(&wheel, entries, SEC(100));
	wheel_insert(&wheel, &entries[1], SEC(101));
	assert_null(wheel_expired(&wheel, SEC(5)));
	assert_true(wheel_next_deadline(&wheel) == SEC(101));
	assert_ptr_equal(wheel_expired(&wheel, SEC(102)), &entries[1]);
	wheel_insert(&wheel, &entries[1], SEC(50));             /* long past: due at once */
	assert_true(wheel_next_deadline(&wheel) <= SEC(102));
	assert_ptr_equal(wheel_expired(&wheel, SEC(50)), &entries[1]);
	wheel_insert(&wheel, &entries[2], SEC(110));
	wheel_insert(&wheel, &entries[2], TIME_NEVER);
	assert_false(wheel_armed(&entries[2]));
	wheel_remove(&wheel, &entries[2]);
	assert_true(wheel_next_deadline(&wheel) == TIME_NEVER);
	expect_assert_failure(wheel_insert(&wheel, &entries[0], SEC(120)));     /* index 0 means none */
	expect_assert_failure(wheel_insert(&wheel, (struct wheel_entry *)(void *)((char *)entries + 56), 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fires_what_is_due_in_order_and_nothing_early),
		cmocka_unit_test(test_many_in_the_running_tick),
		cmocka_unit_test(test_a_far_jump_is_cheap_and_wakes_are_few),
		cmocka_unit_test(test_time_never_goes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
