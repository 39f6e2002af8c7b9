/* SPDX-License-Identifier: MIT */
/* SipHash-2-4 over bytes; see siphash.h. */
#include "base/siphash.h"

static uint64_t load_le(const uint8_t *at, size_t n)
{
	uint64_t word = 0;

	for (size_t i = 0; i < n; i++)
		word |= (uint64_t)at[i] << (8 * i);
	return word;
}

static void absorb(struct siphash_state *s, uint64_t word)
{
	s->v3 ^= word;
	siphash_round(s);
	siphash_round(s);
	s->v0 ^= word;
}

uint64_t siphash(const struct siphash_key *key, const void *bytes, size_t n)
{
	struct siphash_state s = siphash_begin(key);
	const uint8_t *at = bytes;

	for (size_t i = n / 8; i; i--, at += 8)
		absorb(&s, load_le(at, 8));
	absorb(&s, (uint64_t)(n & 0xff) << 56 | load_le(at, n % 8));
	s.v2 ^= 0xff;
	for (int i = 0; i < 4; i++)
		siphash_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
