/* SPDX-License-Identifier: MIT */
/*
 * Buffers: power-of-two blocks for rings, out of one region (a buddy allocator).
 *
 * A block of order k is 2^k units of 2^unit_shift bytes, aligned to its own size within the
 * region.  References are the block's first unit + 1, so 0 is none.  Free blocks are linked
 * through their own first bytes; beside the region there is one byte of bookkeeping per unit.
 * Memory never handed out is not touched, but for the first bytes of a block that a split leaves free.
 *
 * A few blocks of each small order that were given back are kept for the next take instead of
 * joined with their neighbours, until a take finds nothing else.
 */
#ifndef ELEVEN_BASE_BUFFERS_H
#define ELEVEN_BASE_BUFFERS_H

#include <stddef.h>
#include <stdint.h>

#define BUFFERS_ORDERS      32
#define BUFFERS_KEPT_ORDERS 16  /* below this order blocks are kept … */
#define BUFFERS_KEPT_MAX    8   /* … at most so many of each order: what one connection's turnover needs, and more */

struct buffers {
	uint8_t *memory;        /* the region: unit i is at i << unit_shift */
	uint8_t *marks;         /* a byte per unit: what block, if any, starts here */
	uint32_t units;
	uint32_t units_used;
	uint32_t unit_shift;
	uint32_t orders;        /* a bit per order of which a block is free */
	uint32_t free[BUFFERS_ORDERS];  /* reference of the first free block of each order */
	uint32_t kept[BUFFERS_KEPT_ORDERS];             /* the same of the blocks kept */
	uint8_t kept_count[BUFFERS_KEPT_ORDERS];
};

/* Of memory to give for a region of total_bytes, bookkeeping included; unit_shift is 6 … 16. */
size_t buffers_bytes(size_t total_bytes, unsigned unit_shift);

/* `memory`: buffers_bytes() zero bytes, aligned to a page if blocks should be. */
void buffers_init(struct buffers *b, void *memory, size_t total_bytes, unsigned unit_shift);

/* A block of this order: its reference, or 0 when there is none.  Its content is anything. */
uint32_t buffers_take(struct buffers *b, unsigned order);

/* With the order it was taken with. */
void buffers_give(struct buffers *b, uint32_t ref, unsigned order);

/* Joins the kept blocks with their neighbours. */
void buffers_settle(struct buffers *b);

static inline uint8_t *buffers_at(const struct buffers *b, uint32_t ref)
{
	return b->memory + ((size_t)(ref - 1) << b->unit_shift);
}

static inline uint64_t buffers_block_bytes(const struct buffers *b, unsigned order)
{
	return (uint64_t)1 << (b->unit_shift + order);
}

/* The smallest order whose block holds this many bytes. */
static inline unsigned buffers_order(const struct buffers *b, uint64_t bytes)
{
	uint64_t units = bytes ? (bytes - 1) >> b->unit_shift : 0;

	return units ? 64u - (unsigned)__builtin_clzll(units) : 0;
}

static inline uint64_t buffers_used_bytes(const struct buffers *b)
{
	return (uint64_t)b->units_used << b->unit_shift;
}

static inline uint64_t buffers_free_bytes(const struct buffers *b)
{
	return (uint64_t)(b->units - b->units_used) << b->unit_shift;
}

#endif
