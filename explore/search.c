/* SPDX-License-Identifier: MIT */
/*
 * Depth-first search with a set of the fingerprints met; a copy of the world for each step of the path.
 *
 * The set grows with what is met, 16 to 32 bytes a state.  A long search has a fixed room instead (--memory): four
 * bits of a field for each state, chosen by its fingerprint (Holzmann's supertrace).  A state that finds all its bits
 * set by others is passed over; how many that were is estimated from how full the field was each time, and told.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore/explore.h"

struct met {                    /* fingerprints, open addressing; 0 is an empty place */
	uint64_t *places, mask, count;
	/* or bits: `places` is the field, `mask` its bits less one, a power of two */
	bool bits;
	uint64_t bits_set;
	double passed_over;     /* expected */
};

#define BITS_A_STATE 4u

static bool met_grow(struct met *met)
{
	struct met larger = { .mask = met->mask * 2 + 1 };

	larger.places = calloc(larger.mask + 1, sizeof(uint64_t));
	if (!larger.places)
		return false;
	for (uint64_t i = 0; i <= met->mask; i++) {
		uint64_t at = met->places[i];

		if (!met->places[i])
			continue;
		while (larger.places[at & larger.mask])
			at++;
		larger.places[at & larger.mask] = met->places[i];
	}
	free(met->places);
	met->places = larger.places;
	met->mask = larger.mask;
	return true;
}

static bool bits_add(struct met *met, uint64_t hash)
{
	uint64_t step = (hash >> 32 ^ hash << 32) * 0x9e3779b97f4a7c15ull | 1;
	double full = (double)met->bits_set / (double)(met->mask + 1.0);
	bool added = false;

	for (unsigned i = 0; i < BITS_A_STATE; i++, hash += step) {
		uint64_t *word = &met->places[(hash & met->mask) / 64], bit = 1ull << (hash & 63);

		met->bits_set += !(*word & bit);
		added |= !(*word & bit);
		*word |= bit;
	}
	if (added)
		met->passed_over += full * full * full * full;
	return added;
}

/* True: not met before. */
static bool met_add(struct met *met, uint64_t hash)
{
	uint64_t at;

	if (met->bits)
		return bits_add(met, hash);

	hash += hash == 0;
	for (at = hash; met->places[at & met->mask]; at++)
		if (met->places[at & met->mask] == hash)
			return false;
	met->places[at & met->mask] = hash;
	if (++met->count > met->mask / 2)
		return met_grow(met) || true;
	return true;
}

struct step {
	uint8_t *copy;          /* of the world before any of its actions */
	struct action actions[64];
	unsigned count, next;
};

/* A world just met: judged, and its actions listed. */
static void step_enter(struct world *world, struct search *search, struct step *step)
{
	if (!step->copy)
		step->copy = malloc(world->block_bytes);
	memcpy(step->copy, world->block, world->block_bytes);
	step->next = 0;
	step->count = world_actions(world, step->actions);
	search->states++;
	if (search->until && search->states % 65536 == 0 && time(NULL) >= search->until)
		search->most = search->states;
	world_judge(world);
	if (step->count == 0) {
		bool cut = world_cut(world);

		search->cut_r += cut;
		world_judge_end(world, cut);
	}
}

static bool search_deeper(struct world *world, struct search *search, struct met *met, struct step *steps)
{
	unsigned depth = 0;

	met_add(met, fingerprint(world));
	step_enter(world, search, &steps[0]);
	for (;;) {
		struct step *step = &steps[depth];

		if (world->fault) {
			search->path_length = depth;
			return false;
		}
		if (step->next == step->count || search->states >= search->most) {
			if (depth-- == 0)
				return true;
			continue;
		}
		memcpy(world->block, step->copy, world->block_bytes);
		search->path[depth] = step->actions[step->next];
		world_act(world, &step->actions[step->next++]);
		search->actions++;
		if (world->fault) {
			search->path_length = depth + 1;
			return false;
		}
		if (world->soft->overflow) {
			search->cut_k++;
			continue;
		}
		if (!met_add(met, fingerprint(world)))
			continue;
		if (depth + 1 == DEPTH_MAX) {
			search->cut_depth++;
			continue;
		}
		if (++depth > search->depth_most)
			search->depth_most = depth;
		step_enter(world, search, &steps[depth]);
	}
}

bool search_run(struct world *world, struct search *search)
{
	struct met met = { .mask = (1u << 16) - 1 };
	struct step *steps = calloc(DEPTH_MAX, sizeof(*steps));
	bool good;

	if (search->memory_bytes) {
		met.bits = true;
		met.mask = 64 * 1024 * 8 - 1;
		while ((met.mask + 1) / 4 <= search->memory_bytes)      /* twice as many bits still fit */
			met.mask = met.mask * 2 + 1;
	}
	met.places = met.bits ? calloc((met.mask + 1) / 64, sizeof(uint64_t)) : calloc(met.mask + 1, sizeof(uint64_t));
	if (!met.places || !steps) {
		fprintf(stderr, "eleven-explore: no memory for what is met: --memory MIB takes less\n");
		exit(1);
	}
	good = search_deeper(world, search, &met, steps);
	search->complete = good && search->states < search->most && search->cut_depth == 0;
	search->passed_over = met.passed_over;
	for (unsigned i = 0; i < DEPTH_MAX; i++)
		free(steps[i].copy);
	free(steps);
	free(met.places);
	return good;
}
