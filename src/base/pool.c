/* SPDX-License-Identifier: MIT */
/* Items of one size; see pool.h. */
#include "base/pool.h"

#include <string.h>

#include "base/check.h"

/*
 * The inverse of an odd number modulo 2^64 by Newton's method: x = a is right to 3 bits, and each
 * step doubles them.
 */
static uint64_t inverse_of(uint64_t a)
{
	uint64_t x = a;

	for (int i = 0; i < 5; i++)
		x *= 2 - a * x;
	return x;
}

void pool_init(struct pool *p, void *memory, uint32_t item_bytes, uint32_t capacity, uint32_t link_offset)
{
	CHECK(item_bytes >= 4 && link_offset <= item_bytes - 4);
	CHECK(capacity < UINT32_MAX);
	*p = (struct pool){
		.items = memory,
		.item_bytes = item_bytes,
		.capacity = capacity,
		.link_offset = link_offset,
		.shift = (uint32_t)__builtin_ctz(item_bytes),
	};
	p->inverse = inverse_of(item_bytes >> p->shift);
}

void *pool_take(struct pool *p)
{
	uint32_t index;
	uint8_t *item;

	if (p->free_head) {
		index = p->free_head - 1;
		item = pool_at(p, index);
		memcpy(&p->free_head, item + p->link_offset, sizeof(p->free_head));
		memset(item + p->link_offset, 0, sizeof(p->free_head));
	} else if (p->touched < p->capacity) {
		index = p->touched++;
		item = pool_at(p, index);
	} else {
		return NULL;
	}
	p->used++;
	return item;
}

void pool_give(struct pool *p, void *item)
{
	uint32_t index = pool_index(p, item);

	CHECK(index < p->touched && pool_at(p, index) == item);
	CHECK(p->used > 0);
	memcpy((uint8_t *)item + p->link_offset, &p->free_head, sizeof(p->free_head));
	p->free_head = index + 1;
	p->used--;
}
