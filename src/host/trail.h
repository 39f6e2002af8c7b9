/* SPDX-License-Identifier: MIT */
/*
 * The trail of a stack: a digest of every record of its trace since it was made, taken while they are still in the
 * ring.  Two runs of one trail took the same decisions in the same order; a recording and its replay both keep it.
 */
#ifndef ELEVEN_HOST_TRAIL_H
#define ELEVEN_HOST_TRAIL_H

#include <stdint.h>

#include "eleven.h"

struct trail {
	uint64_t after;                 /* serial of the last record taken */
	uint64_t digest;
};

/* Is called with each record in its order. */
typedef void trail_fn(void *context, const struct eleven_trace *record);

/* Takes what is new; `fn` may be NULL. */
void trail_follow(struct trail *trail, const struct eleven *stack, trail_fn *fn, void *context);

/* All stacks of a run in one number: the trails of stacks 0, 1, 2 … one after the other, begun at 0. */
uint64_t trail_join(uint64_t joined, const struct trail *trail);

#endif
