/* SPDX-License-Identifier: MIT */
/*
 * Every number of the world in turn is set to its tame value, or else half of the way there, and stays so while the
 * same oracle fails; over and over until nothing changes.
 */
#include "sim/shrink.h"

#include <string.h>

#include "sim/world.h"

#define ROUNDS_MAX 6

static bool still_fails(const struct spec *spec, const char *oracle)
{
	struct world *world = world_create(spec);
	const char *failed = world_run(world);
	bool same = failed && !strcmp(failed, oracle);

	world_destroy(world);
	return same;
}

static bool value_shrink(struct spec *spec, const struct spec_row *row, const char *oracle)
{
	uint32_t *value = spec_value(spec, row), was = *value;
	uint32_t half = was > row->tame ? row->tame + (was - row->tame) / 2 : row->tame - (row->tame - was) / 2;

	if (was == row->tame)
		return false;
	*value = row->tame;
	if (still_fails(spec, oracle))
		return true;
	*value = half;
	if (half != was && still_fails(spec, oracle))
		return true;
	*value = was;
	return false;
}

void spec_shrink(struct spec *spec, const char *oracle)
{
	bool changed = true;

	for (unsigned round = 0; changed && round < ROUNDS_MAX; round++) {
		changed = false;
		for (unsigned i = 0; spec_row(i); i++)
			changed |= value_shrink(spec, spec_row(i), oracle);
	}
}
