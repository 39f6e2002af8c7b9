/* SPDX-License-Identifier: MIT */
/*
 * Sequence numbers (§3.4): 32 bits, compared modulo 2^32.  A one-member struct, so
 * that `a < b` does not compile.  Comparisons hold for numbers less than 2^31 apart.
 */
#ifndef ELEVEN_BASE_SEQ_H
#define ELEVEN_BASE_SEQ_H

#include <stdbool.h>
#include <stdint.h>

struct seq {
	uint32_t value;
};

static inline struct seq seq_of(uint32_t value)
{
	return (struct seq){ value };
}

static inline struct seq seq_add(struct seq a, uint32_t n)
{
	return seq_of(a.value + n);
}

static inline struct seq seq_sub(struct seq a, uint32_t n)
{
	return seq_of(a.value - n);
}

/* How many numbers `a` is ahead of `b`; meaningful when b <= a. */
static inline uint32_t seq_distance(struct seq a, struct seq b)
{
	return a.value - b.value;
}

static inline bool seq_eq(struct seq a, struct seq b)
{
	return a.value == b.value;
}

/* At distance exactly 2^31 neither is before the other. */
static inline bool seq_lt(struct seq a, struct seq b)
{
	return a.value != b.value && (uint32_t)(b.value - a.value) < 0x80000000u;
}

static inline bool seq_le(struct seq a, struct seq b)
{
	return (uint32_t)(b.value - a.value) < 0x80000000u;
}

static inline bool seq_gt(struct seq a, struct seq b)
{
	return seq_lt(b, a);
}

static inline bool seq_ge(struct seq a, struct seq b)
{
	return seq_le(b, a);
}

static inline struct seq seq_max(struct seq a, struct seq b)
{
	return seq_lt(a, b) ? b : a;
}

static inline struct seq seq_min(struct seq a, struct seq b)
{
	return seq_lt(a, b) ? a : b;
}

/* left <= a < left + n: right for every n, also beyond 2^31. */
static inline bool seq_within(struct seq a, struct seq left, uint32_t n)
{
	return (uint32_t)(a.value - left.value) < n;
}

#endif
