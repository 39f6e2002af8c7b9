/* SPDX-License-Identifier: MIT */
/*
 * Marks in the text to be sent: behind each a new segment begins (MSG_EOR of send(2)).  Of those that stand at even
 * distances each is known; when a distance differs, those between the first and the last are forgotten, for it is a
 * wish of the program and the stream is the same without them.
 */
#ifndef ELEVEN_TCP_POINTS_H
#define ELEVEN_TCP_POINTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/seq.h"

struct points {
	struct seq first, last;
	uint32_t step;                  /* from one to the next; 0: there are only these two */
	bool set;
};

/* A mark at `at`, behind all others; what lies before `done` is of no interest any more. */
static inline void points_add(struct points *p, struct seq done, struct seq at)
{
	if (!p->set || seq_le(p->last, done)) {
		*p = (struct points){ at, at, 0, true };
		return;
	}
	if (seq_le(p->first, done) && p->step > 0)
		p->first = seq_add(p->first, (seq_distance(done, p->first) / p->step + 1) * p->step);
	if (seq_eq(p->first, p->last))
		p->step = seq_distance(at, p->last);
	else if (seq_distance(at, p->last) != p->step)
		p->step = 0;
	p->last = at;
}

/* The first mark in (from, end]; false: there is none. */
static inline bool points_within(const struct points *p, struct seq from, struct seq end, struct seq *at)
{
	*at = p->first;
	if (!p->set || seq_le(p->last, from))
		return false;
	if (seq_le(p->first, from))
		*at = p->step == 0 ? p->last :
		      seq_add(p->first, (seq_distance(from, p->first) / p->step + 1) * p->step);
	return seq_le(*at, end);
}

#endif
