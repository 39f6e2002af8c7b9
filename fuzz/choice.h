/* SPDX-License-Identifier: MIT */
/*
 * Where a generator's choices come from: the bytes of an input, as fuzzers want it, or seeded chance, as property
 * tests do.  A generator written with these is both.  When the bytes are over every choice is 0, and choice_over()
 * says so: that is where a generator ends.
 */
#ifndef ELEVEN_FUZZ_CHOICE_H
#define ELEVEN_FUZZ_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/random.h"

struct choice {
	const uint8_t *at, *end;        /* what is left of the bytes */
	struct random *chance;          /* not NULL: this instead */
};

static inline struct choice choice_bytes(const uint8_t *bytes, size_t n)
{
	return (struct choice){ .at = bytes, .end = bytes + n };
}

static inline struct choice choice_chance(struct random *chance)
{
	return (struct choice){ .chance = chance };
}

static inline bool choice_over(const struct choice *c)
{
	return !c->chance && c->at == c->end;
}

/* A number of this many bytes, any value. */
static inline uint64_t choice_number(struct choice *c, unsigned bytes)
{
	uint64_t value = 0;

	if (c->chance)
		return bytes < 8 ? random_next(c->chance) >> (64 - 8 * bytes) : random_next(c->chance);
	for (unsigned i = 0; i < bytes && c->at < c->end; i++)
		value = value << 8 | *c->at++;
	return value;
}

/* 0 … n-1; 0 when n is 0. Takes no more bytes than it needs. */
static inline uint32_t choice_below(struct choice *c, uint32_t n)
{
	if (n <= 1)
		return 0;
	if (c->chance)
		return (uint32_t)random_below(c->chance, n);
	return (uint32_t)(choice_number(c, n <= 256 ? 1 : n <= 65536 ? 2 : 4) % n);
}

static inline bool choice_percent(struct choice *c, uint32_t percent)
{
	return choice_below(c, 100) < percent;
}

/* Fills in n bytes. */
static inline void choice_fill(struct choice *c, void *out, size_t n)
{
	uint8_t *bytes = out;

	for (size_t i = 0; c->chance && i < n; i++)
		bytes[i] = (uint8_t)random_next(c->chance);
	if (!c->chance) {
		size_t there = n < (size_t)(c->end - c->at) ? n : (size_t)(c->end - c->at);

		memcpy(bytes, c->at, there);
		memset(bytes + there, 0, n - there);
		c->at += there;
	}
}

#endif
