/* SPDX-License-Identifier: MIT */
/*
 * A hash table of references, open addressing with linear probing, in memory that is given.
 *
 * It stores a 32-bit hash and a 32-bit reference (what it refers to is the caller's matter; 0
 * means an empty slot) and never looks at keys: a search yields the references whose hash is
 * equal, and the caller compares.  Load is at most 1/2, so probes stay short with the keyed
 * hash (SipHash) it is meant for.  Deletion shifts the following slots back; there are no
 * tombstones, so a table that has seen a billion connections is as fast as a new one.
 */
#ifndef ELEVEN_BASE_TABLE_H
#define ELEVEN_BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_slot {
	uint32_t hash;          /* the low bits choose the slot */
	uint32_t ref;           /* 0: empty */
};

struct table {
	struct table_slot *slots;
	uint32_t mask;          /* slots - 1, slots a power of two */
	uint32_t used;          /* entries held */
	uint32_t entries_max;   /* at most half the slots */
};

/* entries_max is at most 2^30. */
size_t table_bytes(uint32_t entries_max);

/* `memory`: table_bytes() zero bytes, aligned to 8. */
void table_init(struct table *t, void *memory, uint32_t entries_max);

/* Goes on from where the cursor stands. */
static inline uint32_t table_find_next(const struct table *t, uint32_t hash, uint32_t *cursor)
{
	for (uint32_t at = *cursor;; at++) {
		const struct table_slot *slot = &t->slots[at & t->mask];

		if (slot->ref == 0 || slot->hash == hash) {
			*cursor = at + 1;
			return slot->ref;
		}
	}
}

/*
 * The first reference whose hash equals, or 0; table_find_next() gives the others, 0 at the
 * end.  A change of the table ends the search.
 */
static inline uint32_t table_find_first(const struct table *t, uint32_t hash, uint32_t *cursor)
{
	*cursor = hash & t->mask;
	return table_find_next(t, hash, cursor);
}

/* False when entries_max are held.  The same pair must not be in the table yet. */
bool table_insert(struct table *t, uint32_t hash, uint32_t ref);

/* The pair must be in the table: for both. */
void table_remove(struct table *t, uint32_t hash, uint32_t ref);
void table_replace(struct table *t, uint32_t hash, uint32_t old_ref, uint32_t new_ref);

static inline uint32_t table_used(const struct table *t)
{
	return t->used;
}

/* The longest distance of an entry from the slot its hash chooses; reads the whole table. */
uint32_t table_longest_probe(const struct table *t);

#endif
