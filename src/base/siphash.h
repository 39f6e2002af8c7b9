/* SPDX-License-Identifier: MIT */
/*
 * SipHash (Aumasson and Bernstein): a keyed hash an outsider cannot aim.  SipHash-2-4 over
 * bytes where the value itself is a secret (initial sequence numbers, RFC 6528; cookies);
 * SipHash-1-3 over whole words for hash tables, where only collisions must stay
 * unpredictable.  The word forms equal hashing the words as little-endian bytes.
 */
#ifndef ELEVEN_BASE_SIPHASH_H
#define ELEVEN_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
	uint64_t k0, k1;        /* bytes 0-7 and 8-15 of the key, little-endian */
};

struct siphash_state {
	uint64_t v0, v1, v2, v3;
};

/* SipHash-2-4 of n bytes. */
uint64_t siphash(const struct siphash_key *key, const void *bytes, size_t n);

static inline uint64_t siphash_rotate(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static inline struct siphash_state siphash_begin(const struct siphash_key *key)
{
	return (struct siphash_state){
		key->k0 ^ 0x736f6d6570736575ull, key->k1 ^ 0x646f72616e646f6dull,
		key->k0 ^ 0x6c7967656e657261ull, key->k1 ^ 0x7465646279746573ull,
	};
}

static inline void siphash_round(struct siphash_state *s)
{
	s->v0 += s->v1;
	s->v1 = siphash_rotate(s->v1, 13) ^ s->v0;
	s->v0 = siphash_rotate(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = siphash_rotate(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = siphash_rotate(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = siphash_rotate(s->v1, 17) ^ s->v2;
	s->v2 = siphash_rotate(s->v2, 32);
}

/* One word of a SipHash-1-3. */
static inline void siphash_word(struct siphash_state *s, uint64_t word)
{
	s->v3 ^= word;
	siphash_round(s);
	s->v0 ^= word;
}

/* The end of a SipHash-1-3 over `words` words. */
static inline uint64_t siphash_end(struct siphash_state *s, unsigned words)
{
	siphash_word(s, (uint64_t)(words * 8u) << 56);
	s->v2 ^= 0xff;
	siphash_round(s);
	siphash_round(s);
	siphash_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

/* SipHash-1-3 of two words: an IPv4 4-tuple fits. */
static inline uint64_t siphash_words2(const struct siphash_key *key, uint64_t a, uint64_t b)
{
	struct siphash_state s = siphash_begin(key);

	siphash_word(&s, a);
	siphash_word(&s, b);
	return siphash_end(&s, 2);
}

/* SipHash-1-3 of five words: two 16-byte addresses, two ports. */
static inline uint64_t siphash_words5(const struct siphash_key *key, uint64_t a, uint64_t b, uint64_t c,
				      uint64_t d, uint64_t e)
{
	struct siphash_state s = siphash_begin(key);

	siphash_word(&s, a);
	siphash_word(&s, b);
	siphash_word(&s, c);
	siphash_word(&s, d);
	siphash_word(&s, e);
	return siphash_end(&s, 5);
}

#endif
