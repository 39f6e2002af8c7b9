/* SPDX-License-Identifier: MIT */
/* The description of a world: chosen by a seed, changed by name, shrunk. */
#ifndef ELEVEN_SIM_SPEC_H
#define ELEVEN_SIM_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spec {
	uint64_t seed;
#define SPEC(name, tame, least, most, sentence) uint32_t name;
#include "sim/spec.def"
#undef SPEC
};

struct spec_row {
	const char *name, *sentence;
	uint32_t tame, least, most;
	size_t offset;
};

/* The world of a seed: most seeds get a few troubles, some none, some all. */
void spec_of_seed(struct spec *spec, uint64_t seed);
/* Every value at its tame one. */
void spec_tame(struct spec *spec, uint64_t seed);
const struct spec_row *spec_row(unsigned index);
uint32_t *spec_value(struct spec *spec, const struct spec_row *row);
/* "name=value"; false: no such name, or out of bounds. */
bool spec_set(struct spec *spec, const char *assignment);
/* The seed, and what differs from the tame values, as --set arguments. */
void spec_print(const struct spec *spec);

#endif
