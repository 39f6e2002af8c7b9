/* SPDX-License-Identifier: MIT */
/* Records of what is in flight; see scoreboard.h. */
#include "tcp/scoreboard.h"

#include "base/check.h"

#define NONE SCOREBOARD_NONE

static struct sent *at(const struct pool *pool, uint32_t index)
{
	return pool_at(pool, index);
}

static uint32_t length(const struct sent *r)
{
	return seq_distance(r->end, r->seq);
}

void scoreboard_init(struct scoreboard *sb)
{
	*sb = (struct scoreboard){
		.head = NONE, .tail = NONE, .oldest = NONE, .newest = NONE, .top = NONE, .found = NONE,
		.lost_next = NONE,
	};
}

/* ---- the two lists */

static void time_remove(struct scoreboard *sb, struct pool *pool, struct sent *r)
{
	if (!r->timed)
		return;
	r->timed = false;
	if (r->earlier == NONE)
		sb->oldest = r->later;
	else
		at(pool, r->earlier)->later = r->later;
	if (r->later == NONE)
		sb->newest = r->earlier;
	else
		at(pool, r->later)->earlier = r->earlier;
}

/* Behind `before`, NONE: first. */
static void time_insert(struct scoreboard *sb, struct pool *pool, struct sent *r, uint32_t before)
{
	uint32_t index = pool_index(pool, r);

	r->timed = true;
	r->earlier = before;
	r->later = before == NONE ? sb->oldest : at(pool, before)->later;
	if (r->later == NONE)
		sb->newest = index;
	else
		at(pool, r->later)->earlier = index;
	if (before == NONE)
		sb->oldest = index;
	else
		at(pool, before)->later = index;
}

/* Takes a record out of both lists and gives it back. */
static void record_drop(struct scoreboard *sb, struct pool *pool, uint32_t index)
{
	struct sent *r = at(pool, index);

	time_remove(sb, pool, r);
	if (r->previous == NONE)
		sb->head = r->next;
	else
		at(pool, r->previous)->next = r->next;
	if (r->next == NONE)
		sb->tail = r->previous;
	else
		at(pool, r->next)->previous = r->previous;
	if (sb->lost_next == index)
		sb->lost_next = r->next;
	if (sb->found == index)
		sb->found = NONE;
	if (sb->top == index)
		sb->top = NONE;
	sb->records--;
	pool_give(pool, r);
}

void scoreboard_clear(struct scoreboard *sb, struct pool *pool)
{
	bool blind = sb->blind;

	while (sb->head != NONE)
		record_drop(sb, pool, sb->head);
	scoreboard_init(sb);
	sb->blind = blind;
}

/* ---- sending */

static bool tail_extends(const struct scoreboard *sb, const struct sent *r, struct seq seq, uint16_t segment,
			 uint64_t now, uint64_t delivered)
{
	return seq_eq(r->end, seq) && r->sent_ns == now && r->delivered == delivered && r->segment == segment &&
	       r->order == sb->order && !r->sacked && !r->lost && !r->ever && length(r) % segment == 0;
}

void scoreboard_sent(struct scoreboard *sb, struct pool *pool, struct seq seq, struct seq end, uint16_t segment,
		     uint64_t now, uint64_t delivered, uint32_t most)
{
	struct sent *last = sb->tail == NONE ? NULL : at(pool, sb->tail), *r;
	bool extends = last && !sb->apart && tail_extends(sb, last, seq, segment, now, delivered);

	sb->apart = false;
	CHECK(last == NULL || sb->blind || seq_eq(last->end, seq));
	if (sb->blind)
		return;
	r = extends ? last : sb->records < most ? pool_take(pool) : NULL;
	if (r && r != last) {
		*r = (struct sent){ .sent_ns = now, .delivered = delivered, .seq = seq, .end = end, .segment = segment,
				    .previous = sb->tail, .next = NONE, .order = ++sb->order };
		sb->tail = pool_index(pool, r);
		if (last)
			last->next = sb->tail;
		else
			sb->head = sb->tail;
		sb->records++;
		time_insert(sb, pool, r, sb->newest);
	} else if (r) {
		r->end = end;
	} else if (last && !last->sacked && !last->lost && !last->ever) {
		last->end = end;
		last->sent_ns = now;
		last->mixed = true;
		last->order = ++sb->order;
		time_remove(sb, pool, last);
		time_insert(sb, pool, last, sb->newest);
	} else {
		sb->blind = true;
		scoreboard_clear(sb, pool);
	}
}

void scoreboard_doubt(struct scoreboard *sb, struct pool *pool)
{
	if (sb->tail != NONE)
		at(pool, sb->tail)->ever = true;
}

/* Cuts r at `seq`; r keeps the left part.  NULL: no record for the right one. */
static struct sent *record_split(struct scoreboard *sb, struct pool *pool, struct sent *r, struct seq seq)
{
	struct sent *right = pool_take(pool);
	uint32_t left_index = pool_index(pool, r), index;

	if (right == NULL)
		return NULL;
	index = pool_index(pool, right);
	*right = *r;
	right->seq = r->end = seq;
	right->previous = left_index;
	r->next = index;
	if (right->next == NONE)
		sb->tail = index;
	else
		at(pool, right->next)->previous = index;
	if (r->timed)
		time_insert(sb, pool, right, left_index);
	if (sb->top == left_index && right->sacked)
		sb->top = index;
	sb->records++;
	return right;
}

static struct sent *record_holding(const struct scoreboard *sb, struct pool *pool, struct seq seq)
{
	uint32_t index = sb->lost_next != NONE && seq_le(at(pool, sb->lost_next)->seq, seq) ? sb->lost_next : sb->head;

	if (sb->tail != NONE && seq_le(at(pool, sb->tail)->seq, seq))
		index = sb->tail;
	while (index != NONE && seq_le(at(pool, index)->end, seq)) {
		index = at(pool, index)->next;
		pool->steps++;
	}
	CHECK(index != NONE && seq_le(at(pool, index)->seq, seq));
	return at(pool, index);
}

bool scoreboard_sent_again(struct scoreboard *sb, struct pool *pool, struct seq seq, struct seq end, uint64_t now,
			   uint64_t delivered)
{
	struct sent *r = record_holding(sb, pool, seq);

	CHECK(seq_le(end, r->end) && !r->sacked);
	if (seq_lt(r->seq, seq))
		r = record_split(sb, pool, r, seq);
	if (r == NULL || (seq_lt(end, r->end) && record_split(sb, pool, r, end) == NULL)) {
		sb->blind = true;
		scoreboard_clear(sb, pool);
		return false;
	}
	time_remove(sb, pool, r);
	if (!r->again)
		sb->again_bytes += length(r);
	r->again = r->ever = true;
	r->sent_ns = now;
	r->delivered = delivered;
	r->order = ++sb->order;
	time_insert(sb, pool, r, sb->newest);
	if (sb->lost_next == pool_index(pool, r))
		sb->lost_next = r->next;
	return true;
}

/* ---- acknowledgements */

/* n bytes of r are delivered. */
static void deliver(struct scoreboard *sb, const struct sent *r, struct delivery *d, uint32_t n, struct seq end)
{
	if (r->lost)
		sb->lost_bytes -= n;
	if (r->again)
		sb->again_bytes -= n;
	if (!r->ever) {
		d->original = true;
		d->after |= r->lost;
		if (seq_lt(end, d->highest)) {
			d->lowest = d->below ? seq_min(d->lowest, r->seq) : r->seq;
			d->below = true;
		}
	}
	if (seq_gt(end, d->highest))
		d->highest = end;
	if (d->any && (int32_t)(r->order - d->order) < 0)
		return;
	if (d->any && r->order == d->order && seq_le(end, d->end))
		return;
	d->any = true;
	d->ever = r->ever;
	d->mixed = r->mixed;
	d->order = r->order;
	d->end = end;
	d->sent_ns = r->sent_ns;
	d->delivered = r->delivered;
}

void scoreboard_acked(struct scoreboard *sb, struct pool *pool, struct seq una, struct delivery *d)
{
	while (sb->head != NONE) {
		struct sent *r = at(pool, sb->head);
		struct seq end = seq_min(r->end, una);
		uint32_t n;

		if (seq_le(una, r->seq))
			break;
		n = seq_distance(end, r->seq);
		pool->steps++;
		d->again |= r->ever;
		if (r->sacked) {
			sb->sacked_bytes -= n;
		} else {
			d->acked_bytes += n;
			d->last_ns = r->sent_ns;
			deliver(sb, r, d, n, end);
		}
		r->seq = end;
		if (seq_eq(end, r->end))
			record_drop(sb, pool, sb->head);
	}
	if (sb->sacked_bytes == 0)
		sb->sacked_segments = 0;
}

/* Joins r, sacked, with its sacked neighbours. */
static void join(struct scoreboard *sb, struct pool *pool, struct sent *r)
{
	if (r->previous != NONE && at(pool, r->previous)->sacked) {
		struct sent *left = at(pool, r->previous);
		uint32_t index = pool_index(pool, r);
		bool top = sb->top == index;

		left->end = r->end;
		record_drop(sb, pool, index);
		r = left;
		if (top)
			sb->top = pool_index(pool, r);
	}
	if (r->next != NONE && at(pool, r->next)->sacked) {
		bool top = sb->top == r->next;

		r->end = at(pool, r->next)->end;
		record_drop(sb, pool, r->next);
		if (top)
			sb->top = pool_index(pool, r);
	}
	sb->found = pool_index(pool, r);
	if (sb->top == NONE || seq_gt(r->end, at(pool, sb->top)->end))
		sb->top = sb->found;
}

/* The record that holds `left`, from the nearest known place; NULL: too far. */
static struct sent *search(struct scoreboard *sb, struct pool *pool, struct seq left, struct delivery *d)
{
	uint32_t from[2] = { sb->top, sb->found }, index = sb->head;
	uint32_t nearest = seq_distance(left, at(pool, index)->seq);

	for (unsigned i = 0; i < 2; i++) {
		uint32_t distance;

		if (from[i] == NONE)
			continue;
		distance = seq_distance(left, at(pool, from[i])->seq);
		if (distance > UINT32_MAX / 2)
			distance = -distance;
		if (distance < nearest) {
			nearest = distance;
			index = from[i];
		}
	}
	while (d->steps++ < SCOREBOARD_STEPS_MAX) {
		struct sent *r = at(pool, index);

		pool->steps++;
		if (seq_lt(left, r->seq)) {
			index = r->previous;
		} else if (seq_ge(left, r->end)) {
			index = r->next;
		} else {
			sb->found = index;
			return r;
		}
		CHECK(index != NONE);
	}
	return NULL;
}

/* Marks what whole segments of r lie in [left, right). */
static void sack_record(struct scoreboard *sb, struct pool *pool, struct sent *r, struct seq left, struct seq right,
			struct delivery *d)
{
	if (r->sacked)
		return;
	if (seq_lt(r->seq, left))
		left = seq_add(r->seq, (seq_distance(left, r->seq) + r->segment - 1) / r->segment * r->segment);
	else
		left = r->seq;
	if (seq_lt(right, r->end))
		right = seq_sub(right, seq_distance(right, r->seq) % r->segment);
	else
		right = r->end;
	if (seq_le(right, left))
		return;
	if (seq_lt(r->seq, left))
		r = record_split(sb, pool, r, left);
	if (r == NULL || (seq_lt(right, r->end) && record_split(sb, pool, r, right) == NULL))
		return;                 /* it stays as it was: on its way, or lost */
	if (d->acked_bytes == 0)
		d->last_ns = r->sent_ns;
	deliver(sb, r, d, length(r), r->end);
	d->sacked_bytes += length(r);
	sb->sacked_bytes += length(r);
	sb->sacked_segments += (length(r) + r->segment - 1) / r->segment;
	time_remove(sb, pool, r);
	r->sacked = true;
	r->lost = r->again = false;
	join(sb, pool, r);
}

bool scoreboard_sack(struct scoreboard *sb, struct pool *pool, struct seq una, struct seq left, struct seq right,
		     struct delivery *d)
{
	uint32_t sent;

	if (sb->head == NONE)
		return false;
	sent = seq_distance(at(pool, sb->tail)->end, una);
	if (seq_eq(left, una) || !seq_within(left, una, sent) ||
	    !seq_within(right, seq_add(left, 1), sent - seq_distance(left, una)))
		return false;
	while (seq_lt(left, right)) {
		struct sent *r = search(sb, pool, left, d);
		struct seq end;

		if (r == NULL)
			break;
		end = r->end;
		sack_record(sb, pool, r, left, right, d);
		left = end;
	}
	return true;
}

/* ---- loss */

static void lost_hint(struct scoreboard *sb, const struct pool *pool, uint32_t index)
{
	if (sb->lost_next == NONE || seq_lt(at(pool, index)->seq, at(pool, sb->lost_next)->seq))
		sb->lost_next = index;
}

/* On its way no more. */
static void record_lose(struct scoreboard *sb, struct pool *pool, struct sent *r)
{
	time_remove(sb, pool, r);
	if (r->again)
		sb->again_bytes -= length(r);
	if (!r->lost)
		sb->lost_bytes += length(r);
	r->again = false;
	r->lost = true;
	lost_hint(sb, pool, pool_index(pool, r));
}

static bool sent_before(const struct sent *r, uint32_t order, struct seq end)
{
	int32_t distance = (int32_t)(r->order - order);

	return distance < 0 || (distance == 0 && seq_lt(r->end, end));
}

uint32_t scoreboard_detect(struct scoreboard *sb, struct pool *pool, uint32_t order, struct seq end,
			   uint64_t timeout_ns, uint64_t now, uint64_t *wait_ns, uint32_t since, bool *again)
{
	uint32_t bytes = 0;

	*wait_ns = 0;
	*again = false;
	while (sb->oldest != NONE) {
		struct sent *r = at(pool, sb->oldest);

		pool->steps++;
		if (!sent_before(r, order, end))
			break;
		if (r->sent_ns + timeout_ns > now) {
			*wait_ns = r->sent_ns + timeout_ns - now;
			break;
		}
		bytes += length(r);
		*again |= r->again && (int32_t)(r->order - since) > 0;
		record_lose(sb, pool, r);
	}
	return bytes;
}

void scoreboard_lose(struct scoreboard *sb, struct pool *pool, bool renege)
{
	for (uint32_t index = sb->head; index != NONE; index = at(pool, index)->next) {
		struct sent *r = at(pool, index);

		pool->steps++;
		if (r->sacked && !renege)
			continue;
		if (r->sacked) {
			sb->sacked_bytes -= length(r);
			r->sacked = false;
			r->ever = true;         /* its time says nothing any more */
		}
		record_lose(sb, pool, r);
	}
	if (sb->sacked_bytes == 0) {
		sb->sacked_segments = 0;
		sb->top = NONE;
	}
}

void scoreboard_unlose(struct scoreboard *sb, struct pool *pool)
{
	uint32_t place = NONE;          /* everything up to here in the list by transmission is older */
	unsigned left = SCOREBOARD_STEPS_MAX;

	for (uint32_t index = sb->head; index != NONE; index = at(pool, index)->next) {
		struct sent *r = at(pool, index);
		uint32_t next;

		pool->steps++;
		if (!r->lost)
			continue;
		r->lost = false;
		sb->lost_bytes -= length(r);
		if (r->timed)
			continue;
		if (place != NONE && (int32_t)(at(pool, place)->order - r->order) > 0)
			place = NONE;
		/* After enough steps the rest goes where it stands: found later, or by the timer. */
		for (; left > 0; left--, pool->steps++) {
			next = place == NONE ? sb->oldest : at(pool, place)->later;
			if (next == NONE || (int32_t)(at(pool, next)->order - r->order) > 0)
				break;
			place = next;
		}
		time_insert(sb, pool, r, place);
		place = index;
	}
	sb->lost_next = NONE;
}

bool scoreboard_reneged(const struct scoreboard *sb, const struct pool *pool)
{
	return sb->head != NONE && at(pool, sb->head)->sacked;
}

bool scoreboard_lost(struct scoreboard *sb, struct pool *pool, struct seq *seq, struct seq *end)
{
	while (sb->lost_next != NONE) {
		const struct sent *r = at(pool, sb->lost_next);

		pool->steps++;
		if (r->lost && !r->again) {
			*seq = r->seq;
			*end = r->end;
			return true;
		}
		sb->lost_next = r->next;
	}
	return false;
}

bool scoreboard_last(const struct scoreboard *sb, const struct pool *pool, struct seq *seq, struct seq *end)
{
	for (uint32_t index = sb->tail; index != NONE; index = at(pool, index)->previous) {
		const struct sent *r = at(pool, index);

		if (r->sacked)
			continue;       /* at most one: sacked neighbours are joined */
		*seq = r->seq;
		*end = r->end;
		return true;
	}
	return false;
}
