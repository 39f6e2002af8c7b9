/* SPDX-License-Identifier: MIT */
/*
 * Chance, seeded: xoshiro256** (Blackman and Vigna), its state filled by SplitMix64.  The same
 * seed gives the same numbers everywhere.  Not for secrets: those come from SipHash with a key.
 */
#ifndef ELEVEN_BASE_RANDOM_H
#define ELEVEN_BASE_RANDOM_H

#include <stdint.h>

struct random {
	uint64_t state[4];      /* never all zero once seeded */
};

void random_seed(struct random *r, uint64_t seed);
uint64_t random_next(struct random *r);

/* 0 … n-1, each equally likely; 0 when n is 0. */
uint64_t random_below(struct random *r, uint64_t n);

#endif
