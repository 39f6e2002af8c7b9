/* SPDX-License-Identifier: MIT */
/* xoshiro256** seeded by SplitMix64; see random.h. */
#include "base/random.h"

static uint64_t rotate(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

void random_seed(struct random *r, uint64_t seed)
{
	for (int i = 0; i < 4; i++) {
		uint64_t z = seed += 0x9e3779b97f4a7c15ull;

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
		z = (z ^ z >> 27) * 0x94d049bb133111ebull;
		r->state[i] = z ^ z >> 31;
	}
}

uint64_t random_next(struct random *r)
{
	uint64_t *s = r->state;
	uint64_t result = rotate(s[1] * 5, 7) * 9;
	uint64_t shifted = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= shifted;
	s[3] = rotate(s[3], 45);
	return result;
}

/*
 * The remainder alone would favour small results: the lowest 2^64 mod n values are refused.
 * Without 128-bit products, so that 32-bit builds draw the same numbers.
 */
uint64_t random_below(struct random *r, uint64_t n)
{
	uint64_t value, refused;

	if (n == 0)
		return 0;
	refused = (0 - n) % n;
	do {
		value = random_next(r);
	} while (value < refused);
	return value % n;
}
