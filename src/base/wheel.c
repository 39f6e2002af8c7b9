/* SPDX-License-Identifier: MIT */
/*
 * A hierarchical timing wheel (Varghese and Lauck); see wheel.h.
 *
 * Theory of operation.  Cut a deadline's 64 bits into the tick's 17 low bits and groups of six,
 * level 0 the lowest.  `now_ns` is where the wheel stands.  An entry is
 *
 *	due                     deadline <= now_ns: in the due list
 *	level L, slot s         its highest bit that differs from now_ns is in group L, s is that
 *	                        group's value; if none above the tick's bits differs, level 0
 *
 * so where an entry is follows from its deadline and now_ns alone, and nothing need be stored in
 * it to find its list again.  Because deadlines are ahead of now_ns, slots in use at level L are
 * ahead of now_ns's own group there (at level 0 also the running tick's), all entries of a level
 * come before all of a higher one, and the lowest bit of the lowest bitmap is the nearest slot.
 *
 * The wheel moves from slot to slot, however much time lies between them.  When it reaches the
 * start of a slot of level L > 0, that slot's entries now agree with now_ns in group L too and are
 * put in again, which takes each of them to a lower level: at most 7 times in its life.  When it
 * moves within a tick, the entries that have come due go to the due list.  Moving without reaching
 * an occupied slot changes no entry's place, since the groups above its own stay the same.
 *
 * Lists are circular; the first entry's index stands in the slot.  An entry alone points at
 * itself, so an armed entry's links are never 0.
 */
#include "base/wheel.h"

#include <stddef.h>
#include <string.h>

#include "base/check.h"
#include "base/time.h"

#define TICK_NS    ((uint64_t)1 << WHEEL_TICK_SHIFT)
#define DUE        WHEEL_LEVELS         /* the "level" of the due list */
#define SCAN_MAX   8    /* entries of a slot that are looked at for an exact next deadline */

struct place {
	unsigned level, slot;
};

static struct wheel_entry *entry_at(const struct wheel *w, uint32_t index)
{
	return (struct wheel_entry *)(void *)(w->base + (size_t)index * sizeof(struct wheel_entry));
}

static uint32_t entry_index(const struct wheel *w, const struct wheel_entry *e)
{
	size_t offset = (size_t)((const uint8_t *)e - w->base);

	CHECK(offset != 0 && offset % sizeof(*e) == 0 && offset / sizeof(*e) <= UINT32_MAX);
	return (uint32_t)(offset / sizeof(*e));
}

static struct place place_of(const struct wheel *w, uint64_t deadline_ns)
{
	uint64_t differ = (deadline_ns ^ w->now_ns) >> WHEEL_TICK_SHIFT;
	unsigned level;

	if (deadline_ns <= w->now_ns)
		return (struct place){ DUE, 0 };
	level = differ ? (63 - (unsigned)__builtin_clzll(differ)) / WHEEL_LEVEL_BITS : 0;
	deadline_ns >>= WHEEL_TICK_SHIFT + level * WHEEL_LEVEL_BITS;
	return (struct place){ level, deadline_ns & (WHEEL_SLOTS - 1) };
}

static bool place_is_running_tick(const struct wheel *w, uint64_t deadline_ns)
{
	return deadline_ns >> WHEEL_TICK_SHIFT == w->now_ns >> WHEEL_TICK_SHIFT;
}

static uint32_t *place_head(struct wheel *w, struct place at)
{
	return at.level == DUE ? &w->due : &w->slots[at.level][at.slot];
}

/* At the end of the list. */
static void list_add(struct wheel *w, uint32_t *head, struct wheel_entry *e, uint32_t index)
{
	struct wheel_entry *first, *last;

	if (!*head) {
		e->prev = e->next = *head = index;
		return;
	}
	first = entry_at(w, *head);
	last = entry_at(w, first->prev);
	e->prev = first->prev;
	e->next = *head;
	last->next = index;
	first->prev = index;
}

static void list_remove(struct wheel *w, uint32_t *head, struct wheel_entry *e, uint32_t index)
{
	if (e->next == index) {
		*head = 0;
	} else {
		entry_at(w, e->prev)->next = e->next;
		entry_at(w, e->next)->prev = e->prev;
		if (*head == index)
			*head = e->next;
	}
	e->prev = e->next = 0;
}

static void place_emptied(struct wheel *w, struct place at)
{
	if (at.level == DUE)
		return;
	w->occupied[at.level] &= ~((uint64_t)1 << at.slot);
	if (!w->occupied[at.level])
		w->levels &= ~(1u << at.level);
}

static void place_add(struct wheel *w, struct wheel_entry *e, uint32_t index)
{
	struct place at = place_of(w, e->deadline_ns);

	list_add(w, place_head(w, at), e, index);
	if (at.level == DUE)
		return;
	w->occupied[at.level] |= (uint64_t)1 << at.slot;
	w->levels |= 1u << at.level;
	if (e->deadline_ns < w->soonest_ns && place_is_running_tick(w, e->deadline_ns))
		w->soonest_ns = e->deadline_ns;
}

static void place_remove(struct wheel *w, struct wheel_entry *e, uint32_t index)
{
	struct place at = place_of(w, e->deadline_ns);
	uint32_t *head = place_head(w, at);

	list_remove(w, head, e, index);
	if (!*head)
		place_emptied(w, at);
	if (e->deadline_ns == w->soonest_ns)
		w->soonest_ns = *head ? 0 : TIME_NEVER;
}

void wheel_init(struct wheel *w, void *base, uint64_t now)
{
	CHECK((uintptr_t)base % sizeof(struct wheel_entry) == 0);
	memset(w, 0, sizeof(*w));
	w->base = base;
	w->now_ns = now;
	w->soonest_ns = TIME_NEVER;
}

void wheel_remove(struct wheel *w, struct wheel_entry *e)
{
	if (!wheel_armed(e))
		return;
	place_remove(w, e, entry_index(w, e));
	w->armed--;
}

void wheel_insert(struct wheel *w, struct wheel_entry *e, uint64_t deadline_ns)
{
	if (deadline_ns == TIME_NEVER) {
		wheel_remove(w, e);
		e->deadline_ns = TIME_NEVER;
		return;
	}
	if (wheel_armed(e)) {
		struct place from = place_of(w, e->deadline_ns), to = place_of(w, deadline_ns);

		/* The common case, a timeout put off a little: nothing but the number changes. */
		if (from.level == to.level && from.slot == to.slot && !place_is_running_tick(w, deadline_ns)) {
			e->deadline_ns = deadline_ns;
			return;
		}
		wheel_remove(w, e);
	}
	e->deadline_ns = deadline_ns;
	place_add(w, e, entry_index(w, e));
	w->armed++;
}

/* The nearest deadline in a list, or UINT64_MAX after more than `most` entries. */
static uint64_t list_soonest(const struct wheel *w, uint32_t head, uint32_t most)
{
	uint64_t soonest = TIME_NEVER;
	uint32_t at = head;

	do {
		const struct wheel_entry *e = entry_at(w, at);

		if (most-- == 0)
			return TIME_NEVER;
		if (e->deadline_ns < soonest)
			soonest = e->deadline_ns;
		at = e->next;
	} while (at != head);
	return soonest;
}

static struct place nearest_place(const struct wheel *w)
{
	unsigned level = (unsigned)__builtin_ctz(w->levels);

	return (struct place){ level, (unsigned)__builtin_ctzll(w->occupied[level]) };
}

/* The time at which a slot, ahead of now_ns, starts. */
static uint64_t place_start_ns(const struct wheel *w, struct place at)
{
	unsigned shift = WHEEL_TICK_SHIFT + at.level * WHEEL_LEVEL_BITS;
	uint64_t above = shift + WHEEL_LEVEL_BITS < 64 ? ~(uint64_t)0 << (shift + WHEEL_LEVEL_BITS) : 0;

	return (w->now_ns & above) | (uint64_t)at.slot << shift;
}

uint64_t wheel_next_deadline(const struct wheel *w)
{
	struct place at;
	uint64_t start, soonest;

	if (w->due)
		return entry_at(w, w->due)->deadline_ns;
	if (!w->levels)
		return TIME_NEVER;
	at = nearest_place(w);
	start = place_start_ns(w, at);
	if (start > w->now_ns) {
		soonest = list_soonest(w, w->slots[at.level][at.slot], SCAN_MAX);
		return soonest == TIME_NEVER ? start : soonest;
	}
	return w->soonest_ns ? w->soonest_ns : list_soonest(w, w->slots[at.level][at.slot], UINT32_MAX);
}

/* Moves to `to` within the running tick. */
static void wheel_move_within_tick(struct wheel *w, uint64_t to)
{
	unsigned slot = w->now_ns >> WHEEL_TICK_SHIFT & (WHEEL_SLOTS - 1);
	uint32_t *head = &w->slots[0][slot], at = *head, last;

	w->now_ns = to;
	if (w->soonest_ns > to || !at)
		return;
	w->soonest_ns = TIME_NEVER;
	last = entry_at(w, at)->prev;
	for (bool more = true; more;) {
		struct wheel_entry *e = entry_at(w, at);
		uint32_t next = e->next;

		more = at != last;
		if (e->deadline_ns <= to) {
			list_remove(w, head, e, at);
			list_add(w, &w->due, e, at);
		} else if (e->deadline_ns < w->soonest_ns) {
			w->soonest_ns = e->deadline_ns;
		}
		at = next;
	}
	if (!*head)
		place_emptied(w, (struct place){ 0, slot });
}

/* Moves to the start of an occupied slot of a level above 0, and spreads its entries. */
static void wheel_move_to_slot(struct wheel *w, struct place to, uint64_t start)
{
	uint32_t *head = &w->slots[to.level][to.slot];

	w->now_ns = start;
	w->soonest_ns = TIME_NEVER;
	while (*head) {
		uint32_t index = *head;
		struct wheel_entry *e = entry_at(w, index);

		list_remove(w, head, e, index);
		place_add(w, e, index);
	}
	place_emptied(w, to);
}

static uint64_t tick_end_ns(uint64_t time_ns)
{
	return time_ns | (TICK_NS - 1);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Towards `now`, which is ahead: until it is reached or something is due. */
static void wheel_move(struct wheel *w, uint64_t now)
{
	while (!w->due && w->now_ns < now) {
		struct place next = { 0, 0 };
		uint64_t start = TIME_NEVER;

		wheel_move_within_tick(w, earlier(now, tick_end_ns(w->now_ns)));
		if (w->due || w->now_ns == now)
			return;
		/* The tick is over and its slot empty. */
		if (w->levels) {
			next = nearest_place(w);
			start = place_start_ns(w, next);
		}
		if (start > now) {
			w->now_ns = now;
			w->soonest_ns = TIME_NEVER;
		} else if (next.level > 0) {
			wheel_move_to_slot(w, next, start);
		} else {
			w->now_ns = start;
			w->soonest_ns = 0;
			wheel_move_within_tick(w, earlier(now, tick_end_ns(start)));
		}
	}
}

struct wheel_entry *wheel_expired(struct wheel *w, uint64_t now)
{
	struct wheel_entry *e;

	if (now > w->now_ns)
		wheel_move(w, now);
	if (!w->due)
		return NULL;
	e = entry_at(w, w->due);
	list_remove(w, &w->due, e, w->due);
	w->armed--;
	return e;
}
