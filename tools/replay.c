/* SPDX-License-Identifier: MIT */
/* `eleven replay`: makes a recorded run again, call by call, and says whether the same came out. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "host/replay.h"
#include "host/units.h"
#include "verbs.h"

static const struct argp_option options[] = { { 0 } };

static error_t parse(int key, char *argument, struct argp_state *state)
{
	const char **path = state->input;

	if (key == ARGP_KEY_NO_ARGS)
		verb_usage("which recording? 'eleven up --record FILE' makes one");
	if (key != ARGP_KEY_ARG || *path)
		return ARGP_ERR_UNKNOWN;
	*path = argument;
	return 0;
}

static const struct argp argp = {
	options, parse, "FILE",
	"Run a recording of 'eleven up --record FILE' again: the same stacks, the same packets and calls at the same "
	"times. Status 1 when anything comes out that did not then, or when the file is damaged, and where.",
	NULL, NULL, NULL,
};

int verb_replay(int argc, char **argv)
{
	uint64_t records = 0, first = 0, last = 0;
	const char *path = NULL, *name;
	struct replay *replay;
	char problem[256], text[UNITS_TEXT_MAX];
	struct eleven *stack;
	int result;

	verb_parse(&argp, 0, argc, argv, &path);
	if (replay_open(&replay, path, problem, sizeof(problem)) < 0)
		verb_fail("%s: %s", path, problem);
	while ((result = replay_step(replay, problem, sizeof(problem))) > 0) {
		uint64_t time = replay_head(replay)->time;

		records++;
		last = time ? time : last;
		first = first ? first : time;
	}
	for (unsigned i = 0; (stack = replay_stack(replay, i, &name)); i++) {
		struct eleven_stats stats;

		eleven_stats(stack, &stats);
		printf("host %-10s %" PRIu64 " packets in, %" PRIu64 " out, %u connections\n", name, stats.packets_in,
		       stats.packets_out, stats.connections);
	}
	replay_close(replay);
	if (result < 0)
		verb_fail("%s: %s", path, problem);
	printf("%" PRIu64 " records over %s: all as it was\n", records,
	       units_time_print(text, (last - first) / 1000000 * 1000000));
	return 0;
}
