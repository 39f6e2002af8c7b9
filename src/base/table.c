/* SPDX-License-Identifier: MIT */
/* Open addressing with linear probing and backward-shift deletion; see table.h. */
#include "base/table.h"

#include "base/check.h"

static uint64_t slots_for(uint32_t entries_max)
{
	uint64_t slots = 2;

	CHECK(entries_max <= 1u << 30);
	while (slots < (uint64_t)entries_max * 2)
		slots *= 2;
	return slots;
}

size_t table_bytes(uint32_t entries_max)
{
	return (size_t)slots_for(entries_max) * sizeof(struct table_slot);
}

void table_init(struct table *t, void *memory, uint32_t entries_max)
{
	*t = (struct table){
		.slots = memory,
		.mask = (uint32_t)(slots_for(entries_max) - 1),
		.entries_max = entries_max,
	};
}

bool table_insert(struct table *t, uint32_t hash, uint32_t ref)
{
	uint32_t at = hash & t->mask;

	CHECK(ref != 0);
	if (t->used == t->entries_max)
		return false;
	while (t->slots[at].ref != 0)
		at = (at + 1) & t->mask;
	t->slots[at] = (struct table_slot){ hash, ref };
	t->used++;
	return true;
}

static uint32_t slot_of(const struct table *t, uint32_t hash, uint32_t ref)
{
	uint32_t at = hash & t->mask;

	while (t->slots[at].ref != ref || t->slots[at].hash != hash) {
		CHECK(t->slots[at].ref != 0);
		at = (at + 1) & t->mask;
	}
	return at;
}

/*
 * Closing the hole: an entry further along the run may move into it unless its own slot lies
 * between the hole (exclusive) and where it is; then the hole is where it was.
 */
void table_remove(struct table *t, uint32_t hash, uint32_t ref)
{
	uint32_t hole = slot_of(t, hash, ref);

	for (uint32_t at = (hole + 1) & t->mask; t->slots[at].ref != 0; at = (at + 1) & t->mask) {
		uint32_t distance = (at - t->slots[at].hash) & t->mask;

		if (distance < ((at - hole) & t->mask))
			continue;
		t->slots[hole] = t->slots[at];
		hole = at;
	}
	t->slots[hole] = (struct table_slot){ 0, 0 };
	t->used--;
}

void table_replace(struct table *t, uint32_t hash, uint32_t old_ref, uint32_t new_ref)
{
	CHECK(new_ref != 0);
	t->slots[slot_of(t, hash, old_ref)].ref = new_ref;
}

uint32_t table_longest_probe(const struct table *t)
{
	uint32_t longest = 0;

	for (uint64_t at = 0; at <= t->mask; at++) {
		uint32_t distance = ((uint32_t)at - t->slots[at].hash) & t->mask;

		if (t->slots[at].ref != 0 && distance > longest)
			longest = distance;
	}
	return longest;
}
