/* SPDX-License-Identifier: MIT */
/*
 * eleven-faults: every allocation of the core fails once, over fifty small worlds.
 *
 * The core takes its objects from pools and its text's memory from buffers, nowhere else, so the linker puts these
 * two calls (--wrap) between it and them.  A world is run to count its allocations; then again for each n with the
 * n-th refused (and with every one from the n-th to the n+7th), and all of the simulator's oracles look on: nothing
 * is left at the end, everything finishes, and a program hears of it as ENOBUFS or not at all.
 */
#include <argp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffers.h"
#include "base/pool.h"
#include "ip/state.h"
#include "sim/world.h"

#define SETTINGS_MAX 6
#define IN_A_ROW     8u

void *__real_pool_take(struct pool *pool);
uint32_t __real_buffers_take(struct buffers *buffers, unsigned order);
void *__wrap_pool_take(struct pool *pool);
uint32_t __wrap_buffers_take(struct buffers *buffers, unsigned order);

static struct {
	bool on;
	uint64_t taken;                 /* since the world began to run */
	uint64_t first, last;           /* refused: from 1 on */
} faults;

static bool is_refused(void)
{
	if (!faults.on)
		return false;
	faults.taken++;
	return faults.taken >= faults.first && faults.taken <= faults.last;
}

/* The table of neighbours throws one out before it takes one, so it is never refused and need not bear it. */
void *__wrap_pool_take(struct pool *pool)
{
	return pool->item_bytes != sizeof(struct neighbour) && is_refused() ? NULL : __real_pool_take(pool);
}

uint32_t __wrap_buffers_take(struct buffers *buffers, unsigned order)
{
	return is_refused() ? 0 : __real_buffers_take(buffers, order);
}

/* What each world has that the first one has not; all have three conversations of up to 20000 bytes. */
static const char *const scenarios[][SETTINGS_MAX] = {
	{ NULL },
	{ "ethernet=1" }, { "ethernet=1", "loss_ppm=50000" }, { "ethernet=1", "hosts=5", "conversations=6" },
	{ "ethernet=1", "big=2" }, { "ethernet=1", "partitions=3", "partition_ms=900" },
	{ "loss_ppm=30000" }, { "loss_ppm=150000" }, { "loss_ppm=30000", "burst=8" }, { "loss_ppm=100000", "sack=0" },
	{ "loss_ppm=50000", "timestamps=0" }, { "loss_ppm=50000", "bytes_max=200000", "conversations=1" },
	{ "reorder_ppm=100000", "reorder_us=5000" }, { "reorder_ppm=400000", "reorder_us=500", "jitter_us=900" },
	{ "duplicate_ppm=200000" }, { "corrupt_ppm=50000" }, { "truncate_ppm=50000" }, { "split_ppm=500000" },
	{ "path_mtu=600" }, { "path_mtu=900", "loss_ppm=20000" }, { "mtu=576" }, { "mtu=9000", "bytes_max=100000" },
	{ "loopback=100" }, { "loopback=100", "bytes_max=200000" },
	{ "crossed=100" }, { "crossed=100", "loss_ppm=100000" },
	{ "big=1" }, { "big=2" }, { "big=3" }, { "big=3", "loss_ppm=50000" },
	{ "strip=7" }, { "partitions=4", "partition_ms=1500" }, { "rate_kbit=2000", "queue_packets=5" },
	{ "slow=100" }, { "slow=100", "buffers=11" }, { "buffers=10", "loss_ppm=50000" },
	{ "buffers=14", "window_scaling=0" }, { "responders=100" }, { "responders=100", "loss_ppm=50000" },
	{ "deaf=50" }, { "early=100" }, { "aborts=100" }, { "aborts=50", "early=50", "loss_ppm=50000" },
	{ "syn_received_max=1", "conversations=6" }, { "time_wait_max=1", "conversations=6" },
	{ "backlog=0", "conversations=6" }, { "profile=1" }, { "profile=2" }, { "attacks=60", "conversations=4" },
	{ "memory_kb=64", "conversations=8" }, { "reassembly_max=1", "loss_ppm=100000", "conversations=5" },
	{ "replies_max=4", "ethernet=1", "conversations=5" }, { "stalls=4", "clock_jumps=2" },
	{ "wrap=1", "loss_ppm=50000" },
};

#define SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

static struct { unsigned most; uint64_t failed, runs; bool verbose; } run;

static void spec_make(struct spec *spec, unsigned scenario)
{
	static const char *const common[] = {
		"conversations=3", "bytes_max=20000", "chaos_ms=3000", "start_ms=50",
	};

	spec_tame(spec, scenario + 1);
	for (unsigned i = 0; i < sizeof(common) / sizeof(common[0]); i++)
		if (!spec_set(spec, common[i]))
			abort();
	for (unsigned i = 0; i < SETTINGS_MAX && scenarios[scenario][i]; i++)
		if (!spec_set(spec, scenarios[scenario][i]))
			abort();
}

/* True: the oracles found nothing. */
static bool world_try(const struct spec *spec, uint64_t first, uint64_t last)
{
	struct world *world = world_create(spec);
	bool good;

	world->scarce = first > 0;
	faults.on = true;
	faults.taken = 0;
	faults.first = first;
	faults.last = last;
	good = world_run(world) == NULL;
	faults.on = false;
	run.runs++;
	if (!good) {
		run.failed++;
		printf("# allocations %" PRIu64 " to %" PRIu64 " refused: %s: %s\n", first, last, world->failed,
		       world->reason);
		story_print(world);
		printf("# the world: ");
		spec_print(spec);
	}
	world_destroy(world);
	return good;
}

static void scenario_run(unsigned scenario)
{
	uint64_t all, step, tried = 0;
	struct spec spec;
	bool good;

	spec_make(&spec, scenario);
	good = world_try(&spec, 0, 0);
	all = faults.taken;
	step = run.most == 0 || all <= run.most ? 1 : (all + run.most - 1) / run.most;
	/* With a step the places differ from world to world: all residues come up over the scenarios. */
	for (uint64_t n = 1 + scenario % step; good && n <= all; n += step, tried++)
		good = world_try(&spec, n, n) && world_try(&spec, n, n + IN_A_ROW - 1);
	printf("%sok %u - %s %s: %" PRIu64 " of %" PRIu64 " allocations refused\n", good ? "" : "not ", scenario + 1,
	       scenarios[scenario][0] ? scenarios[scenario][0] : "a tame world",
	       scenarios[scenario][0] && scenarios[scenario][1] ? scenarios[scenario][1] : "", tried, all);
	fflush(stdout);
}

static error_t option_parse(int key, char *value, struct argp_state *state)
{
	(void)state;
	if (key != 'm')
		return ARGP_ERR_UNKNOWN;
	run.most = (unsigned)strtoul(value, NULL, 0);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "most", 'm', "N", 0, "refuse no more than N allocations in each scenario, evenly spread (all)", 0 },
		{ 0 },
	};
	static const struct argp argp = {
		options, option_parse, NULL,
		"Refuses every allocation of the core once, over fifty worlds; prints TAP.",
		NULL, NULL, NULL
	};

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	printf("1..%zu\n", SCENARIOS);
	for (unsigned i = 0; i < SCENARIOS; i++)
		scenario_run(i);
	printf("# %" PRIu64 " worlds, %" PRIu64 " failed\n", run.runs, run.failed);
	return run.failed > 0;
}
