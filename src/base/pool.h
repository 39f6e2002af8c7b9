/* SPDX-License-Identifier: MIT */
/*
 * A pool of items of one size in memory that is given, zero-filled.
 *
 * Items are handed out from a free list first, else from the untouched end, so memory that was
 * never needed stays untouched (`touched` is the high-water mark) and costs nothing when the
 * block is reserved lazily.  The free list runs through a 4-byte field of the item that the
 * caller chooses; taking and giving change that field and no other byte.  So a generation kept
 * in the item survives, and an item is all zero only when it is first taken.  The link field
 * is zero in a taken item.
 */
#ifndef ELEVEN_BASE_POOL_H
#define ELEVEN_BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

struct pool {
	uint8_t *items;         /* capacity * item_bytes */
	uint64_t inverse;       /* of item_bytes' odd part modulo 2^64: exact division is a product */
	uint32_t item_bytes;
	uint32_t capacity;
	uint32_t used;          /* items taken now */
	uint32_t touched;       /* items taken at least once: indices below it */
	uint32_t free_head;     /* index + 1 of the item given back last; 0 none */
	uint32_t link_offset;   /* of the free link within an item */
	uint32_t shift;         /* item_bytes is odd << shift */
	uint64_t steps;         /* items that its users walked over so far: what tests bound the cost of attacks by */
};

static inline size_t pool_bytes(uint32_t item_bytes, uint32_t capacity)
{
	return (size_t)item_bytes * capacity;
}

/* `memory`: pool_bytes() zero bytes, aligned as the items need it. */
void pool_init(struct pool *p, void *memory, uint32_t item_bytes, uint32_t capacity, uint32_t link_offset);

/* NULL when all are taken. */
void *pool_take(struct pool *p);

void pool_give(struct pool *p, void *item);

static inline void *pool_at(const struct pool *p, uint32_t index)
{
	return p->items + (size_t)index * p->item_bytes;
}

static inline uint32_t pool_index(const struct pool *p, const void *item)
{
	return (uint32_t)(((uint64_t)((const uint8_t *)item - p->items) >> p->shift) * p->inverse);
}

#endif
