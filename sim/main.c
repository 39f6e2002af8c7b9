/* SPDX-License-Identifier: MIT */
/* eleven-sim: worlds from seeds, and what the oracles say of them. */
#include <argp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/shrink.h"
#include "sim/world.h"

#define SETTINGS_MAX 64

static struct {
	uint64_t first, last;
	bool ladder, follow, minimise, tame, quiet;
	const char *settings[SETTINGS_MAX];
	unsigned settings_count;
	double seconds;
} arguments = { .first = 1 };

static const struct argp_option options[] = {
	{ "seed", 's', "N", 0, "one world", 0 },
	{ "seeds", 'S', "A..B", 0, "the worlds of these seeds", 0 },
	{ "ladder", 'l', NULL, 0, "print the last events even when all is well", 0 },
	{ "follow", 'f', NULL, 0, "print every event as it happens", 0 },
	{ "minimise", 'm', NULL, 0, "shrink a world that fails, and print what is left of it", 0 },
	{ "set", 'e', "NAME=VALUE", 0, "change the world; --set help lists the names", 0 },
	{ "tame", 't', NULL, 0, "begin from a world without trouble", 0 },
	{ "seconds", 'T', "N", 0, "stop after so much real time, seeds or not", 0 },
	{ "quiet", 'q', NULL, 0, "print the sum alone", 0 },
	{ 0 }
};

static void names_print(void)
{
	for (unsigned i = 0; spec_row(i); i++)
		printf("%-18s %8" PRIu32 " … %-8" PRIu32 " %s\n", spec_row(i)->name, spec_row(i)->least,
		       spec_row(i)->most, spec_row(i)->sentence);
}

static error_t option_parse(int key, char *value, struct argp_state *state)
{
	char *end;

	switch (key) {
	case 's':
	case 'S':
		arguments.first = arguments.last = strtoull(value, &end, 0);
		if (key == 'S' && !strncmp(end, "..", 2))
			arguments.last = strtoull(end + 2, &end, 0);
		if (*end || end == value || arguments.last < arguments.first)
			argp_error(state, "%s is no %s", value, key == 's' ? "seed" : "range of seeds, such as 1..200");
		return 0;
	case 'l':
		arguments.ladder = true;
		return 0;
	case 'f':
		arguments.follow = true;
		return 0;
	case 'm':
		arguments.minimise = true;
		return 0;
	case 't':
		arguments.tame = true;
		return 0;
	case 'q':
		arguments.quiet = true;
		return 0;
	case 'T':
		arguments.seconds = strtod(value, &end);
		if (*end || end == value)
			argp_error(state, "%s is no time in seconds", value);
		return 0;
	case 'e':
		if (!strcmp(value, "help")) {
			names_print();
			exit(0);
		}
		if (arguments.settings_count == SETTINGS_MAX)
			argp_error(state, "more than %d settings", SETTINGS_MAX);
		arguments.settings[arguments.settings_count++] = value;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "%s: no arguments are taken", value);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void spec_make(struct spec *spec, uint64_t seed)
{
	if (arguments.tame)
		spec_tame(spec, seed);
	else
		spec_of_seed(spec, seed);
	for (unsigned i = 0; i < arguments.settings_count; i++)
		if (!spec_set(spec, arguments.settings[i])) {
			fprintf(stderr, "eleven-sim: %s: no such number, or out of bounds; see --set help\n",
				arguments.settings[i]);
			exit(2);
		}
}

static void failure_print(const struct world *world)
{
	printf("seed %" PRIu64 ": %s after %" PRIu64 " events, at %.6f s: %s\n", world->spec.seed, world->failed,
	       world->events, (double)(world->now - world->start) / 1e9, world->reason);
	story_print(world);
	printf("to see it again: eleven-sim ");
	spec_print(&world->spec);
}

static bool seed_run(uint64_t seed, double *hours)
{
	struct spec spec;
	struct world *world;
	bool good;

	spec_make(&spec, seed);
	world = world_create(&spec);
	world->follow = arguments.follow;
	good = world_run(world) == NULL;
	if (!good && arguments.minimise) {
		const char *oracle = world->failed;

		world_destroy(world);
		spec_shrink(&spec, oracle);
		world = world_create(&spec);
		world_run(world);
	}
	*hours += (double)(world->now - world->start) / 3600e9;
	if (world->failed) {
		failure_print(world);
	} else if (arguments.ladder) {
		story_print(world);
	}
	if (!arguments.quiet && world->fair_index > 0)
		printf("seed %" PRIu64 ": %" PRIu32 " flows at %" PRIu32 " kbit/s: fairness %.2f, %.2f of the rate "
		       "used\n", seed, spec.conversations, spec.rate_kbit, world->fair_index, world->fair_use);
	if (!arguments.quiet)
		printf("seed %" PRIu64 ": %s, %.1f s, %" PRIu64 " events, %" PRIu64 " packets, %" PRIu64
		       " streams ended, %" PRIu64 " bytes, hash %016" PRIx64 "\n", seed,
		       world->failed ? world->failed : "good", (double)(world->now - world->start) / 1e9,
		       world->events, world->packets, world->streams_finished, world->bytes_delivered, world->hash);
	world_destroy(world);
	return good;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		options, option_parse, NULL,
		"Runs stacks, wires and programs in virtual time, from a seed, and asks the oracles after every event.",
		NULL, NULL, NULL
	};
	unsigned run = 0, failed = 0;
	double hours = 0, seconds = 0, busy;
	struct timespec begin, end;

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (arguments.last == 0)
		arguments.last = 300;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (uint64_t seed = arguments.first; seed <= arguments.last; seed++) {
		run++;
		failed += !seed_run(seed, &hours);
		fflush(stdout);
		clock_gettime(CLOCK_MONOTONIC, &end);
		seconds = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
		if (arguments.seconds > 0 && seconds > arguments.seconds)
			break;
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	busy = (double)end.tv_sec + (double)end.tv_nsec / 1e9;
	printf("%u seeds, %u failed, %.1f virtual hours in %.1f s: %.0f a minute of a core\n", run, failed, hours,
	       seconds, hours / busy * 60);
	return failed > 0;
}
