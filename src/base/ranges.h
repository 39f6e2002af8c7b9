/* SPDX-License-Identifier: MIT */
/*
 * A set of sequence numbers as sorted, disjoint, non-adjacent ranges [left, right), at most `most` of them, which is
 * an attacker's limit: more holes are refused and retransmitted.  The bookkeeping of a reassembly queue: which text
 * beyond RCV.NXT has come, and which of it last (RFC 2018 §4 wants the latest reported first).
 *
 * All numbers in a set lie within 2^31 of each other, as a window does; the set may cross the
 * wrap at 2^32.
 */
#ifndef ELEVEN_BASE_RANGES_H
#define ELEVEN_BASE_RANGES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/seq.h"

struct seq_range {
	struct seq left;        /* first number in it */
	struct seq right;       /* first number behind it */
	uint32_t stamp;         /* value of the clock when it last grew or was hit */
};

struct ranges {
	uint16_t count, most;
	uint32_t clock;         /* goes up by one with each ranges_add() */
	uint32_t steps;         /* of searches, and what was moved, in sixteens: the caller's to take */
	struct seq_range at[];  /* by left */
};

/* What a set of up to `most` ranges takes. */
#define RANGES_BYTES(most) (sizeof(struct ranges) + (most) * sizeof(struct seq_range))

/* An empty set, with room for `most`. */
static inline void ranges_init(struct ranges *r, uint16_t most)
{
	*r = (struct ranges){ .most = most };
}

/*
 * Adds [left, right) and stamps the range it ends up in.  False, and nothing changed, when that
 * would take more ranges than there is room for.  An empty range changes nothing.
 */
bool ranges_add(struct ranges *r, struct seq left, struct seq right);

/* Drops everything before `seq`. */
void ranges_trim_left(struct ranges *r, struct seq seq);

/* Drops everything from `seq` on. */
void ranges_trim_right(struct ranges *r, struct seq seq);

/* The range with the lowest numbers; false when the set is empty. */
bool ranges_first(const struct ranges *r, struct seq_range *out);

/* How many numbers are in the set. */
uint32_t ranges_bytes(const struct ranges *r);

/* The n ranges stamped last, the latest first; returns how many there are. */
unsigned ranges_recent(struct ranges *r, struct seq_range out[], unsigned n);

/* The index of the first range that ends behind `seq`; `count` when there is none. */
unsigned ranges_ending_behind(const struct ranges *r, struct seq seq);

bool ranges_contains(const struct ranges *r, struct seq seq);

/* Is all of [left, right) in the set? */
bool ranges_covers(const struct ranges *r, struct seq left, struct seq right);

#endif
