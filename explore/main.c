/* SPDX-License-Identifier: MIT */
/* eleven-explore: every order of events of a small world, on the code that ships. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "explore/explore.h"

const char *argp_program_version = "eleven-explore " ELEVEN_VERSION;

enum { KEY_MAX = 256, KEY_MEMORY, KEY_SECONDS, KEY_PAIRS, KEY_DIAGRAM, KEY_LIST };

static const struct argp_option arguments[] = {
	{ "packets", 'k', "N", 0, "Packets in flight at most", 0 },
	{ "timeouts", 'r', "N", 0, "Retransmission timeouts a host at most", 0 },
	{ "losses", 'l', "N", 0, "Packets lost at most", 0 },
	{ "duplicates", 'd', "N", 0, "Packets duplicated at most", 0 },
	{ "max", KEY_MAX, "N", 0, "Stop after N states (10000000)", 0 },
	{ "memory", KEY_MEMORY, "MIB", 0, "Remember what was met in so much memory: for 10^9 states, 2048", 0 },
	{ "seconds", KEY_SECONDS, "N", 0, "Stop each scenario after so much real time", 0 },
	{ "pairs", KEY_PAIRS, NULL, 0, "Print the pairs of states that were met", 0 },
	{ "diagram", KEY_DIAGRAM, "FILE", 0, "Write the moves between states for Graphviz; - is standard output", 0 },
	{ "list", KEY_LIST, NULL, 0, "List the scenarios", 0 },
	{ 0 },
};

struct options {
	int k, r, l, d;
	uint64_t most, memory_bytes, seconds;
	bool pairs, list;
	const char *diagram;
	const char *names[32];
	unsigned count;
};

static error_t argument_parse(int key, char *text, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'k':
		o->k = atoi(text);
		if (o->k < 1 || o->k > PACKETS_MAX)
			argp_error(state, "-k: '%s' is not from 1 to %d", text, PACKETS_MAX);
		return 0;
	case 'r': o->r = atoi(text); return 0;
	case 'l': o->l = atoi(text); return 0;
	case 'd': o->d = atoi(text); return 0;
	case KEY_MAX: o->most = strtoull(text, NULL, 0); return 0;
	case KEY_MEMORY:
		o->memory_bytes = strtoull(text, NULL, 0) << 20;
		if (o->memory_bytes == 0)
			argp_error(state, "--memory: '%s' is no number of MiB", text);
		return 0;
	case KEY_SECONDS: o->seconds = strtoull(text, NULL, 0); return 0;
	case KEY_PAIRS: o->pairs = true; return 0;
	case KEY_LIST: o->list = true; return 0;
	case KEY_DIAGRAM: o->diagram = text; return 0;
	case ARGP_KEY_ARG:
		if (!scenario_find(text))
			argp_error(state, "there is no scenario '%s'; --list shows them", text);
		if (o->count < 32)
			o->names[o->count++] = text;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void bounds_set(struct world *world, const struct options *o)
{
	world->k = o->k >= 0 ? (unsigned)o->k : world->k;
	world->r = o->r >= 0 ? (unsigned)o->r : world->r;
	world->l = o->l >= 0 ? (unsigned)o->l : world->l;
	world->d = o->d >= 0 ? (unsigned)o->d : world->d;
}

static bool explore(const struct scenario *scenario, const struct options *o,
		    uint64_t edges[ELEVEN_STATES][ELEVEN_STATES], uint64_t *states)
{
	struct search *search = calloc(1, sizeof(*search));
	struct world *world = calloc(1, sizeof(*world));
	clock_t began = clock();
	bool good;

	world_create(world, scenario);
	bounds_set(world, o);
	search->most = o->most;
	search->memory_bytes = o->memory_bytes;
	search->until = o->seconds ? time(NULL) + (time_t)o->seconds : 0;
	good = search_run(world, search);
	printf("%-19s K=%u R=%u L=%u D=%u: %llu states, %llu actions, depth %u, %.1f s: ", scenario->name, world->k,
	       world->r, world->l, world->d, (unsigned long long)search->states,
	       (unsigned long long)search->actions, search->depth_most,
	       (double)(clock() - began) / CLOCKS_PER_SEC);
	if (!good)
		printf("FAULT\n%s\n", world->fault);
	else if (search->complete)
		printf("all states visited (%llu cut at K, %llu at R)", (unsigned long long)search->cut_k,
		       (unsigned long long)search->cut_r);
	else
		printf("stopped at %llu", (unsigned long long)search->states);
	if (good && search->memory_bytes)
		printf(", but for %.2g passed over for want of memory", search->passed_over);
	if (good)
		putchar('\n');
	fflush(stdout);
	*states += search->states;
	if (!good)
		report_path(scenario, world, search);
	if (o->pairs)
		report_pairs(world);
	for (unsigned a = 0; a < ELEVEN_STATES; a++)
		for (unsigned b = 0; b < ELEVEN_STATES; b++)
			edges[a][b] += world->edges[a][b];
	world_destroy(world);
	free(world);
	free(search);
	return good;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		arguments, argument_parse, "[SCENARIO...]",
		"Try every order of calls, deliveries, losses, duplicates and timeouts of a small world.\v"
		"Without a SCENARIO all are explored. Exit status 1: a fault was found; its path is printed.",
		NULL, NULL, NULL,
	};
	static uint64_t edges[ELEVEN_STATES][ELEVEN_STATES];
	struct options o = { -1, -1, -1, -1, .most = 10000000 };
	uint64_t states = 0;
	unsigned run = 0;
	bool good = true;

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	for (unsigned i = 0; scenario_at(i); i++) {
		bool wanted = o.count == 0;

		for (unsigned n = 0; n < o.count; n++)
			wanted |= scenario_find(o.names[n]) == scenario_at(i);
		if (o.list)
			printf("%-19s %s\n", scenario_at(i)->name, scenario_at(i)->sentence);
		else if (wanted && ++run)
			good &= explore(scenario_at(i), &o, edges, &states);
	}
	if (run > 1)
		printf("%llu states of %u scenarios\n", (unsigned long long)states, run);
	if (o.diagram)
		report_diagram((const uint64_t (*)[ELEVEN_STATES])edges, o.diagram);
	return good ? 0 : 1;
}
