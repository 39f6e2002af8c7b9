/* SPDX-License-Identifier: MIT */
/* Worlds: the same seed gives the same packets; seeds that once found a fault stay good. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "sim/world.h"

static void run_good(const struct spec *spec, uint64_t *hash)
{
	struct world *world = world_create(spec);
	const char *failed = world_run(world);

	if (failed) {
		printf("seed %llu: %s: %s\n", (unsigned long long)spec->seed, failed, world->reason);
		story_print(world);
	}
	assert_null(failed);
	assert_true(world->events > 0);
	if (hash)
		*hash = world->hash;
	world_destroy(world);
}

static void test_O19_same_seed_same_hash(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 10; seed++) {
		struct spec spec;
		uint64_t first, second;

		spec_of_seed(&spec, seed);
		run_good(&spec, &first);
		run_good(&spec, &second);
		assert_true(first == second);
	}
}

static void test_different_seeds_differ(void **state)
{
	struct spec spec;
	uint64_t first, second;

	(void)state;
	spec_tame(&spec, 1);
	run_good(&spec, &first);
	spec_tame(&spec, 2);
	run_good(&spec, &second);
	assert_true(first != second);
}

/* Each found a fault once; what it was is beside it.  A world in full, so that it stays the same world. */
static void test_seeds_that_found_faults(void **state)
{
	static const struct { uint64_t seed; const char *settings[16]; } found[] = {
		/* O5: the window rounded down to its scale took back what was offered */
		{ 1, { "bytes_max=1000" } },
		/* O5: the ACK into TIME-WAIT had its window unscaled */
		{ 18, { "delay_us=1", "attacks=12", "timestamps=0" } },
		/* O7: the window of a SYN-ACK that crossed our SYN was scaled */
		{ 89, { "conversations=24", "bytes_max=113661", "mtu=9000", "crossed=20" } },
		/* O7: SND.UNA moved, and with it the edge, by an ACK whose window was not taken */
		{ 168, { "hosts=9", "conversations=7", "bytes_max=50920", "start_ms=1", "chaos_ms=39",
			 "corrupt_ppm=15869", "repeat_ppm=4566", "path_mtu=630", "buffers=11" } },
		/* O10: no signal of room after a short send_buf */
		{ 102, { "bytes_max=240734" } },
		{ 115, { "bytes_max=98762", "buffers=12" } },
		/* O3: ACKs with an old sequence number, taken for old by both ends, for ever */
		{ 94, { "conversations=12", "bytes_max=250000", "chaos_ms=827", "loss_ppm=6581", "burst=2",
			"duplicate_ppm=27292", "corrupt_ppm=23276" } },
		/* O3: a probe that was taken, its ACK lost: ACKs came from before it, for ever */
		{ 25354, { "conversations=15", "bytes_max=115475", "start_ms=22", "chaos_ms=20", "delay_us=69279",
			   "loss_ppm=1956", "loopback=46", "timestamps=0", "buffers=14", "slow=44" } },
		/* O3: both had filled the other's window, and ACKs from the right edge were unacceptable */
		{ 25159, { "conversations=2", "bytes_max=153152", "chaos_ms=9", "loss_ppm=956", "reorder_ppm=358",
			   "corrupt_ppm=6474", "mtu=33517", "path_mtu=580", "profile=2", "mixed_options=1",
			   "lag_us=1" } },
		/* O13: the ACKs of one that probes a window of 0 were refused with the probe */
		{ 45023, { "bytes_max=7425", "buffers=10", "slow=49" } },
		/* O3, O10: text to send held all the memory, so none could arrive, so none was acknowledged */
		{ 2110, { "conversations=24", "bytes_max=57296", "memory_kb=102" } },
		{ 5654, { "conversations=12", "bytes_max=144433", "delay_us=25875", "profile=1", "memory_kb=77" } },
		/* O3: the ACK of a SYN-ACK that came twice overtook the text that brings the cookie back: RST */
		{ 7591, { "conversations=35", "chaos_ms=16", "jitter_us=4324", "duplicate_ppm=19920",
			  "syn_received_max=5" } },
		{ 10165, { "conversations=8", "bytes_max=3593", "start_ms=45", "jitter_us=32258", "syn_received_max=1",
			   "stalls=1", "responders=52" } },
		/* O15: looking for SACK blocks of a hundred segments was put down to one packet */
		{ 214998, { "conversations=8", "bytes_max=894757", "start_ms=251", "jitter_us=70" } },
		/* O3, the oracle's fault: text sent again, its ACK lost, to a TIME-WAIT that had to make room */
		{ 1003055, { "conversations=48", "bytes_max=4046", "start_ms=2194", "chaos_ms=7883", "delay_us=1",
			     "loss_ppm=81141", "reorder_ppm=37102", "reorder_us=11", "mark_ppm=286", "attacks=114",
			     "path_mtu=1070", "big=3", "sack=0", "time_wait_max=1", "stalls=1", "slow=2" } },
		/* O13: a SYN-ACK was dropped that had to wait for the neighbour's address */
		{ 216053, { "delay_us=36", "ethernet=1", "profile=1", "clock_skew_ppm=457" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(found) / sizeof(found[0]); i++) {
		struct spec spec;

		spec_tame(&spec, found[i].seed);
		for (unsigned j = 0; j < 16 && found[i].settings[j]; j++)
			assert_true(spec_set(&spec, found[i].settings[j]));
		run_good(&spec, NULL);
	}
}

static uint64_t rule_count(const struct world *world, const char *name)
{
	uint64_t count = 0;

	for (unsigned i = 0; eleven_rule(i); i++)
		for (unsigned h = 0; h < world->hosts && !strcmp(eleven_rule(i)->name, name); h++)
			count += eleven_rule_count(world->host[h].stack, i);
	return count;
}

/* What is on the way acts, and the oracles bear it; over both families. */
static void test_boxes_and_insiders(void **state)
{
	static const char *const troubles[][4] = {
		{ "clamp=600" }, { "join_ppm=600000" }, { "nat=1" }, { "nat=1", "nat_forgets=4" },
		{ "insider=7", "attacks=400" },
		{ "path_mtu=1400", "path_changes=6" }, { "path_mtu=1400", "black_hole=1" },
		{ "fast_open=100" }, { "fast_open=100", "duplicate_ppm=100000", "loss_ppm=30000" },
	};
	static const char *const common[] = {
		"conversations=12", "bytes_max=40000", "chaos_ms=4000", "start_ms=3000", "delay_us=3000", "aborts=10",
	};
	uint64_t clamped = 0, joined = 0, translated = 0, refused = 0, forged = 0, replayed = 0, swallowed = 0;
	uint64_t early = 0;

	(void)state;
	for (size_t i = 0; i < 4 * sizeof(troubles) / sizeof(troubles[0]); i++) {
		const char *const *trouble = troubles[i / 4];
		struct world *world;
		struct spec spec;

		spec_tame(&spec, i);
		for (unsigned j = 0; j < sizeof(common) / sizeof(common[0]); j++)
			assert_true(spec_set(&spec, common[j]));
		for (unsigned j = 0; j < 4 && trouble[j]; j++)
			assert_true(spec_set(&spec, trouble[j]));
		assert_true(spec_set(&spec, i & 1 ? "six=1" : i & 2 ? "ethernet=1" : "big=2"));
		world = world_create(&spec);
		if (world_run(world)) {
			printf("%s: %s: %s\n", trouble[0], world->failed, world->reason);
			story_print(world);
			fail_msg("%s", trouble[0]);
		}
		early += rule_count(world, "LISTEN_FAST_OPEN");
		clamped += world->boxes.clamped;
		joined += world->boxes.joined;
		translated += world->boxes.translated;
		refused += world->boxes.refused;
		forged += world->boxes.forged;
		replayed += world->boxes.replayed;
		swallowed += world->boxes.swallowed;
		world_destroy(world);
	}
	assert_true(clamped && joined && translated && refused && forged && replayed && swallowed && early);
}

static void test_settings(void **state)
{
	struct spec spec;

	(void)state;
	spec_tame(&spec, 1);
	assert_true(spec_set(&spec, "hosts=5"));
	assert_int_equal(spec.hosts, 5);
	assert_false(spec_set(&spec, "hosts=1"));
	assert_false(spec_set(&spec, "hosts=17"));
	assert_false(spec_set(&spec, "hosts="));
	assert_false(spec_set(&spec, "hosts"));
	assert_false(spec_set(&spec, "host=3"));
	assert_false(spec_set(&spec, "hosts=3x"));
	for (uint64_t seed = 1; seed < 2000; seed++) {
		spec_of_seed(&spec, seed);
		for (unsigned i = 0; spec_row(i); i++)
			assert_in_range(*spec_value(&spec, spec_row(i)), spec_row(i)->least, spec_row(i)->most);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_O19_same_seed_same_hash),
		cmocka_unit_test(test_different_seeds_differ),
		cmocka_unit_test(test_seeds_that_found_faults),
		cmocka_unit_test(test_boxes_and_insiders),
		cmocka_unit_test(test_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
