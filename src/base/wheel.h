/* SPDX-License-Identifier: MIT */
/*
 * Timing wheel: deadlines of any number of entries, each operation of constant cost whatever
 * their number and however far away they are.  Theory of operation in wheel.c.
 *
 * An entry fires never before its deadline; entries fire in the order of their deadlines up to
 * a tick of 2^17 ns (131 us).  Deadlines within the tick that is running are exact, so one that
 * is asked for at the nanosecond fires at that nanosecond.
 */
#ifndef ELEVEN_BASE_WHEEL_H
#define ELEVEN_BASE_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#define WHEEL_TICK_SHIFT  17    /* 2^17 ns: fine against the 1 ms and more that TCP's timers have */
#define WHEEL_LEVEL_BITS  6     /* one 64-bit word is the bitmap of a level */
#define WHEEL_SLOTS       (1 << WHEEL_LEVEL_BITS)
#define WHEEL_LEVELS      8     /* 17 + 8 * 6 bits: all of a 64-bit time */

/* Lives where its owner lives, 16-byte aligned within the block; zero is unarmed. */
struct wheel_entry {
	uint64_t deadline_ns;
	uint32_t prev, next;    /* (address - base) / 16; both 0 when not armed */
};

struct wheel {
	uint8_t *base;          /* of the block; no entry lives at base itself */
	uint64_t now_ns;        /* every entry due by now is in the due list; never goes back */
	uint64_t soonest_ns;    /* nearest deadline of the running tick; 0: must be looked up */
	uint64_t occupied[WHEEL_LEVELS];        /* a bit per slot that is not empty */
	uint32_t levels;        /* a bit per level that is not empty */
	uint32_t armed;         /* entries held */
	uint32_t due;           /* first of the circular list of entries that are due */
	uint32_t slots[WHEEL_LEVELS][WHEEL_SLOTS];      /* the same of each slot */
};

/* Entries live within 64 GiB from `base`, which is 16-byte aligned. */
void wheel_init(struct wheel *w, void *base, uint64_t now);

/* Arms, or moves an armed entry.  A deadline in the past is due at once; TIME_NEVER disarms. */
void wheel_insert(struct wheel *w, struct wheel_entry *e, uint64_t deadline_ns);

/* Nothing happens to an entry that is not armed. */
void wheel_remove(struct wheel *w, struct wheel_entry *e);

static inline bool wheel_armed(const struct wheel_entry *e)
{
	return e->next != 0;
}

/*
 * When to call wheel_expired() again: exact if the nearest entry belongs to the running tick
 * or its slot holds few entries; else a lower bound, the start of its slot.  TIME_NEVER when
 * nothing is armed.  In the past only if an entry is due.
 */
uint64_t wheel_next_deadline(const struct wheel *w);

/*
 * Takes one entry whose deadline has come off the wheel, or NULL.  To be called until NULL.
 * A `now` before the last one counts as the last one.
 */
struct wheel_entry *wheel_expired(struct wheel *w, uint64_t now);

#endif
