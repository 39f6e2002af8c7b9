/* SPDX-License-Identifier: MIT */
/*
 * A buddy allocator; see buffers.h.
 *
 * Theory of operation.  The region is cut into blocks, each of 2^k units and at a multiple of
 * its size.  marks[i] says what starts at unit i: MARK_FREE | k, MARK_TAKEN | k, MARK_KEPT | k, or
 * 0 inside a block.  Free blocks of an order are a doubly linked list through their first 8 bytes; `orders`
 * has a bit per list that is not empty, so the smallest order that can serve is one count of
 * zeros away.  A take splits that block, a give joins it with its buddy (the block whose first
 * unit differs in bit k alone) as long as that one is free and whole.
 *
 * Invariant: no two free buddies of one order.  So when all is given back and nothing is kept, the
 * region is again the blocks it began with: the powers of two that its number of units is the sum of.
 *
 * Splitting a region of gigabytes down to a block of kilobytes and joining it again costs twenty
 * steps each way, on twenty pages.  A connection that opens and closes on an idle stack would pay
 * that for each of its rings, so the first few blocks given back are kept as they are.
 */
#include "base/buffers.h"

#include <string.h>

#include "base/check.h"

#define MARK_FREE  0x80
#define MARK_TAKEN 0x40
#define MARK_KEPT  0x20

struct buffers_node {
	uint32_t prev, next;    /* references; 0 none */
};

static struct buffers_node *node_at(struct buffers *b, uint32_t ref)
{
	return (struct buffers_node *)(void *)buffers_at(b, ref);
}

static void block_free(struct buffers *b, uint32_t ref, unsigned order)
{
	uint32_t next = b->free[order];

	*node_at(b, ref) = (struct buffers_node){ 0, next };
	if (next)
		node_at(b, next)->prev = ref;
	b->free[order] = ref;
	b->orders |= 1u << order;
	b->marks[ref - 1] = (uint8_t)(MARK_FREE | order);
}

static void block_unlink(struct buffers *b, uint32_t ref, unsigned order)
{
	struct buffers_node node = *node_at(b, ref);

	if (node.next)
		node_at(b, node.next)->prev = node.prev;
	if (node.prev)
		node_at(b, node.prev)->next = node.next;
	else
		b->free[order] = node.next;
	if (!b->free[order])
		b->orders &= ~(1u << order);
	b->marks[ref - 1] = 0;
}

static uint64_t units_of(size_t total_bytes, unsigned unit_shift)
{
	uint64_t units = (uint64_t)total_bytes >> unit_shift;

	CHECK(unit_shift >= 6 && unit_shift <= 16);
	CHECK(units < UINT32_MAX);
	return units;
}

size_t buffers_bytes(size_t total_bytes, unsigned unit_shift)
{
	uint64_t units = units_of(total_bytes, unit_shift);

	return (size_t)((units << unit_shift) + units);
}

void buffers_init(struct buffers *b, void *memory, size_t total_bytes, unsigned unit_shift)
{
	uint32_t first = 0;

	memset(b, 0, sizeof(*b));
	b->memory = memory;
	b->units = (uint32_t)units_of(total_bytes, unit_shift);
	b->unit_shift = unit_shift;
	b->marks = b->memory + ((size_t)b->units << unit_shift);
	for (unsigned order = BUFFERS_ORDERS; order-- > 0;) {
		if (!(b->units & 1u << order))
			continue;
		block_free(b, first + 1, order);
		first += 1u << order;
	}
}

/* A kept block, as if it had been given and taken again; 0 when there is none. */
static uint32_t kept_take(struct buffers *b, unsigned order)
{
	uint32_t ref;

	if (order >= BUFFERS_KEPT_ORDERS || !b->kept[order])
		return 0;
	ref = b->kept[order];
	b->kept[order] = node_at(b, ref)->next;
	b->kept_count[order]--;
	return ref;
}

/* Down from the smallest free block that is large enough. */
static uint32_t block_split_off(struct buffers *b, unsigned order)
{
	uint32_t fitting = b->orders & ~0u << order, ref;
	unsigned from;

	if (!fitting)
		return 0;
	from = (unsigned)__builtin_ctz(fitting);
	ref = b->free[from];
	block_unlink(b, ref, from);
	while (from > order) {
		from--;
		block_free(b, ref + (1u << from), from);
	}
	return ref;
}

/* Up as far as the buddies are free. */
static void block_join(struct buffers *b, uint32_t ref, unsigned order)
{
	b->marks[ref - 1] = 0;
	for (; order < BUFFERS_ORDERS - 1; order++) {
		uint32_t buddy = ((ref - 1) ^ 1u << order) + 1;

		if (buddy > b->units || b->marks[buddy - 1] != (MARK_FREE | order))
			break;
		block_unlink(b, buddy, order);
		if (buddy < ref)
			ref = buddy;
	}
	block_free(b, ref, order);
}

void buffers_settle(struct buffers *b)
{
	for (unsigned order = 0; order < BUFFERS_KEPT_ORDERS; order++) {
		uint32_t ref;

		while ((ref = kept_take(b, order)))
			block_join(b, ref, order);
	}
}

uint32_t buffers_take(struct buffers *b, unsigned order)
{
	uint32_t ref;

	if (order >= BUFFERS_ORDERS)
		return 0;
	ref = kept_take(b, order);
	if (!ref)
		ref = block_split_off(b, order);
	if (!ref) {
		buffers_settle(b);
		ref = block_split_off(b, order);
	}
	if (!ref)
		return 0;
	b->marks[ref - 1] = (uint8_t)(MARK_TAKEN | order);
	b->units_used += 1u << order;
	return ref;
}

void buffers_give(struct buffers *b, uint32_t ref, unsigned order)
{
	CHECK(ref != 0 && ref <= b->units && order < BUFFERS_ORDERS);
	CHECK(b->marks[ref - 1] == (MARK_TAKEN | order));
	b->units_used -= 1u << order;
	if (order < BUFFERS_KEPT_ORDERS && b->kept_count[order] < BUFFERS_KEPT_MAX) {
		node_at(b, ref)->next = b->kept[order];
		b->kept[order] = ref;
		b->kept_count[order]++;
		b->marks[ref - 1] = (uint8_t)(MARK_KEPT | order);
		return;
	}
	block_join(b, ref, order);
}
