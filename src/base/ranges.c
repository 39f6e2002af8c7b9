/* SPDX-License-Identifier: MIT */
/* Sorted, disjoint, non-adjacent ranges in an array; see ranges.h. */
#include "base/ranges.h"

#include <string.h>

/* How many ranges lie wholly before `seq`, not even touching it. */
static unsigned ranges_before(const struct ranges *r, struct seq seq)
{
	unsigned first = 0, behind = r->count;

	if (behind > 0 && seq_lt(r->at[behind - 1].right, seq))
		return behind;          /* text in order behind a gap: the ordinary case */
	while (first < behind) {
		unsigned middle = (first + behind) / 2;

		if (seq_lt(r->at[middle].right, seq))
			first = middle + 1;
		else
			behind = middle;
	}
	return first;
}

/* Replaces at[first … behind) by nothing. */
static void ranges_cut(struct ranges *r, unsigned first, unsigned behind)
{
	memmove(&r->at[first], &r->at[behind], (r->count - behind) * sizeof(r->at[0]));
	r->count = (uint16_t)(r->count - (behind - first));
}

bool ranges_add(struct ranges *r, struct seq left, struct seq right)
{
	unsigned first, behind;

	if (seq_eq(left, right))
		return true;
	first = ranges_before(r, left);
	behind = first;
	while (behind < r->count && seq_le(r->at[behind].left, right))
		behind++;
	r->steps += 1 + (behind - first) + (r->count - first) / 16;
	for (unsigned n = r->count; n; n /= 2)
		r->steps++;             /* the search by halves */
	if (first == behind) {
		if (r->count == r->most)
			return false;
		memmove(&r->at[first + 1], &r->at[first], (r->count - first) * sizeof(r->at[0]));
		r->count++;
	} else {
		left = seq_min(left, r->at[first].left);
		right = seq_max(right, r->at[behind - 1].right);
		ranges_cut(r, first + 1, behind);
	}
	r->at[first] = (struct seq_range){ left, right, ++r->clock };
	return true;
}

void ranges_trim_left(struct ranges *r, struct seq seq)
{
	unsigned gone = 0;

	while (gone < r->count && seq_le(r->at[gone].right, seq))
		gone++;
	ranges_cut(r, 0, gone);
	if (r->count && seq_lt(r->at[0].left, seq))
		r->at[0].left = seq;
}

void ranges_trim_right(struct ranges *r, struct seq seq)
{
	while (r->count && seq_ge(r->at[r->count - 1].left, seq))
		r->count--;
	if (r->count && seq_gt(r->at[r->count - 1].right, seq))
		r->at[r->count - 1].right = seq;
}

bool ranges_first(const struct ranges *r, struct seq_range *out)
{
	if (!r->count)
		return false;
	*out = r->at[0];
	return true;
}

uint32_t ranges_bytes(const struct ranges *r)
{
	uint32_t bytes = 0;

	for (unsigned i = 0; i < r->count; i++)
		bytes += seq_distance(r->at[i].right, r->at[i].left);
	return bytes;
}

/* Insertion into a short list by age; ages are distances from the clock, so its wrap does no harm. */
unsigned ranges_recent(struct ranges *r, struct seq_range out[], unsigned n)
{
	unsigned found = 0;

	if (n == 0)
		return 0;
	r->steps += r->count;
	for (unsigned i = 0; i < r->count; i++) {
		uint32_t age = r->clock - r->at[i].stamp;
		unsigned at = found;

		if (found == n && r->clock - out[n - 1].stamp <= age)
			continue;
		while (at > 0 && r->clock - out[at - 1].stamp > age)
			at--;
		if (at == n)
			continue;
		if (found < n)
			found++;
		memmove(&out[at + 1], &out[at], (found - 1 - at) * sizeof(out[0]));
		out[at] = r->at[i];
	}
	return found;
}

unsigned ranges_ending_behind(const struct ranges *r, struct seq seq)
{
	return ranges_before(r, seq_add(seq, 1));
}

bool ranges_contains(const struct ranges *r, struct seq seq)
{
	return ranges_covers(r, seq, seq_add(seq, 1));
}

bool ranges_covers(const struct ranges *r, struct seq left, struct seq right)
{
	if (seq_eq(left, right))
		return true;
	for (unsigned i = ranges_before(r, left); i < r->count && seq_le(r->at[i].left, left); i++)
		if (seq_le(right, r->at[i].right))
			return true;
	return false;
}
