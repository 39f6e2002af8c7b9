/* SPDX-License-Identifier: MIT */
/*
 * Every oracle can fail: in a world where all is well it is shown one observation that is not true, and has to
 * say so, under its own name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sim/world.h"

/* A world in which every oracle finds something to look at. */
static struct world *busy_world(uint64_t seed)
{
	static const char *const settings[] = {
		"conversations=6", "bytes_max=60000", "chaos_ms=3000", "loss_ppm=30000", "repeat_ppm=50000",
		"hosts=3", "aborts=20", "jitter_us=500", "ecn=1", "mark_ppm=30000",
	};
	struct spec spec;

	spec_tame(&spec, seed);
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		assert_true(spec_set(&spec, settings[i]));
	return world_create(&spec);
}

/* Which oracle speaks when `name` is deceived after so many true observations; within so many seeds. */
static bool deceived(const char *name, uint64_t after)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct world *world = busy_world(seed);
		const char *failed;
		bool same;

		world->broken = name;
		world->broken_after = after;
		world->disturb_every = strcmp(name, "O20") ? 0 : 50;
		failed = world_run(world);
		same = failed && !strcmp(failed, name);
		if (failed && !same)
			printf("%s deceived, %s says: %s\n", name, failed, world->reason);
		if (!failed || same || !strcmp(name, "O20")) {
			bool told = failed != NULL;

			world_destroy(world);
			if (told)
				return true;
			continue;
		}
		world_destroy(world);
		return false;
	}
	return false;
}

static void test_the_world_is_well(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct world *world = busy_world(seed);
		const char *failed = world_run(world);

		if (failed) {
			printf("seed %llu: %s: %s\n", (unsigned long long)seed, failed, world->reason);
			story_print(world);
		}
		assert_null(failed);
		world_destroy(world);
	}
}

static void test_every_oracle_can_fail(void **state)
{
	static const char *const oracles[] = {
		"O1", "O2", "O3", "O4", "O5", "O6", "O7", "O8", "O9", "O10", "O11", "O12", "O13", "O14", "O15",
		"O16",
		"O17", "O18",
		"O22", "O23", "O24", "O25", "O26", "O27",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(oracles) / sizeof(oracles[0]); i++) {
		if (!deceived(oracles[i], 0))
			fail_msg("%s says nothing", oracles[i]);
		if (strcmp(oracles[i], "O10") && strcmp(oracles[i], "O12") && !deceived(oracles[i], 2))
			fail_msg("%s says nothing the third time", oracles[i]);
	}
}

/* O20: a copy that is run on by itself and thrown away changes nothing; one that is kept does. */
static void test_O20_saved_and_restored(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct world *plain = busy_world(seed), *disturbed = busy_world(seed);

		disturbed->disturb_every = 40;
		assert_null(world_run(plain));
		assert_null(world_run(disturbed));
		assert_true(plain->hash == disturbed->hash);
		assert_true(plain->events == disturbed->events);
		world_destroy(plain);
		world_destroy(disturbed);
	}
}

/* O21: flows that are alike share a narrow place, and use it; one that is told otherwise says so. */
static void test_O21_flows_share_a_bottleneck(void **state)
{
	static const char *const settings[][9] = {
		{ "fair=1", "conversations=4", "bytes_max=6000000", "chaos_ms=200000", "start_ms=500", "delay_us=10000",
		  "rate_kbit=6000", "queue_packets=60", "buffers=0" },
		{ "fair=1", "conversations=3", "bytes_max=9000000", "chaos_ms=200000", "start_ms=500", "delay_us=2000",
		  "rate_kbit=8000", "queue_packets=40", "profile=2" },
	};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct world *world;
		struct spec spec;

		spec_tame(&spec, i);
		for (unsigned j = 0; j < 9; j++)
			assert_true(spec_set(&spec, settings[i % 2][j]));
		world = world_create(&spec);
		world->broken = i < 2 ? NULL : "O21";
		if (i < 2) {
			if (world_run(world))
				fail_msg("%s: %s", world->failed, world->reason);
			assert_true(world->fair_index > 0.7 && world->fair_index < 1.001);
		} else {
			assert_string_equal(world_run(world), "O21");
		}
		world_destroy(world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_world_is_well),
		cmocka_unit_test(test_every_oracle_can_fail),
		cmocka_unit_test(test_O20_saved_and_restored),
		cmocka_unit_test(test_O21_flows_share_a_bottleneck),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
