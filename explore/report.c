/* SPDX-License-Identifier: MIT */
/* What the explorer tells: the path to a fault, the pairs of states, the diagram. */
#include <stdio.h>
#include <string.h>

#include "explore/explore.h"
#include "wire/print.h"

const char *const state_spelling[ELEVEN_STATES] = {
	"CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT",
	"CLOSING", "LAST-ACK", "TIME-WAIT",
};

static void packet_text(const struct world *world, const struct flying *packet, char *text, size_t n)
{
	const struct soft *soft = world->soft;
	struct segment seg;

	segment_parse(&seg, packet->bytes, packet->length);
	segment_print(text, n, &seg, seq_of(soft->side[!packet->to].iss), seq_of(soft->side[packet->to].iss));
}

static void action_print(const struct world *world, const struct action *action)
{
	static const char *const words[] = { "calls", "receives", "loses", "gets twice", "times out" };
	static const struct { char letter; const char *call; } calls[] = {
		{ 'l', "listen" }, { 'b', "bind" }, { 'c', "connect" }, { 's', "send" }, { 'r', "receive" },
		{ 'f', "shutdown" }, { 'x', "close" }, { 'a', "abort" },
	};
	char text[200] = "";

	if (action->kind == ACTION_CALL) {
		char letter = world->scenario->calls[action->side][world->soft->side[action->side].next_call];

		for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
			if (calls[i].letter == letter)
				snprintf(text, sizeof(text), "%s()", calls[i].call);
	} else if (action->kind != ACTION_TIMEOUT) {
		packet_text(world, &world->soft->flying[action->index], text, sizeof(text));
	}
	printf("  %c %-10s %s\n", 'a' + action->side, words[action->kind], text);
}

void report_path(const struct scenario *scenario, const struct world *bounds, const struct search *search)
{
	struct world world;

	world_create(&world, scenario);
	world.k = bounds->k;
	world.r = bounds->r;
	world.l = bounds->l;
	world.d = bounds->d;
	for (unsigned i = 0; i < search->path_length; i++) {
		action_print(&world, &search->path[i]);
		world_act(&world, &search->path[i]);
		printf("    %-12s  %s\n", state_spelling[world_state(&world, 0)],
		       state_spelling[world_state(&world, 1)]);
	}
	world_destroy(&world);
}

void report_pairs(const struct world *world)
{
	unsigned pairs = 0;

	for (unsigned a = 0; a < ELEVEN_STATES; a++)
		for (unsigned b = 0; b < ELEVEN_STATES; b++)
			if (world->pairs[a][b]) {
				printf("  %-12s %-12s %12llu\n", state_spelling[a], state_spelling[b],
				       (unsigned long long)world->pairs[a][b]);
				pairs++;
			}
	printf("  %u pairs of states\n", pairs);
}

void report_diagram(const uint64_t edges[ELEVEN_STATES][ELEVEN_STATES], const char *file)
{
	FILE *out = strcmp(file, "-") == 0 ? stdout : fopen(file, "w");

	if (!out) {
		perror(file);
		return;
	}
	fprintf(out, "/* The moves between states that the code makes, as the explorer met them. */\n"
		"digraph states {\n\tnode [shape=box, style=rounded, fontname=\"sans-serif\"];\n"
		"\tedge [fontname=\"sans-serif\", fontsize=10];\n");
	for (unsigned a = 0; a < ELEVEN_STATES; a++)
		for (unsigned b = 0; b < ELEVEN_STATES; b++)
			if (edges[a][b])
				fprintf(out, "\t\"%s\" -> \"%s\"%s;\n", state_spelling[a], state_spelling[b],
					b == ELEVEN_CLOSED && a != ELEVEN_LAST_ACK && a != ELEVEN_TIME_WAIT ?
					" [style=dotted, color=gray]" : "");
	fprintf(out, "}\n");
	if (out != stdout)
		fclose(out);
}
