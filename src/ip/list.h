/* SPDX-License-Identifier: MIT */
/*
 * Doubly linked lists through the items of a pool: oldest first, by index, so that an item
 * costs 8 bytes a list and leaves it from anywhere.  An item is in a list at most once; whether it
 * is in one is for its owner to know.
 */
#ifndef ELEVEN_IP_LIST_H
#define ELEVEN_IP_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "base/pool.h"

struct list_link {
	uint32_t prev, next;            /* index + 1; 0: none */
};

struct list {
	const struct pool *pool;
	uint32_t offset;                /* of the struct list_link in an item */
	uint32_t first, last;           /* index + 1; 0: empty */
	uint32_t count;
};

static inline void list_init(struct list *list, const struct pool *pool, size_t offset)
{
	*list = (struct list){ pool, (uint32_t)offset, 0, 0, 0 };
}

static inline struct list_link *list_at(const struct list *list, uint32_t ref)
{
	return (struct list_link *)((uint8_t *)pool_at(list->pool, ref - 1) + list->offset);
}

static inline void *list_first(const struct list *list)
{
	return list->first ? pool_at(list->pool, list->first - 1) : NULL;
}

static inline void list_append(struct list *list, void *item)
{
	uint32_t ref = pool_index(list->pool, item) + 1;
	struct list_link *link = list_at(list, ref);

	link->prev = list->last;
	link->next = 0;
	if (list->last)
		list_at(list, list->last)->next = ref;
	else
		list->first = ref;
	list->last = ref;
	list->count++;
}

/* Behind the item `before`, or in front of all if that is 0. */
static inline void list_insert_behind(struct list *list, uint32_t before, uint32_t ref)
{
	struct list_link *link = list_at(list, ref);

	link->prev = before;
	link->next = before ? list_at(list, before)->next : list->first;
	if (before)
		list_at(list, before)->next = ref;
	else
		list->first = ref;
	if (link->next)
		list_at(list, link->next)->prev = ref;
	else
		list->last = ref;
	list->count++;
}

static inline void list_remove(struct list *list, void *item)
{
	struct list_link *link = list_at(list, pool_index(list->pool, item) + 1);

	if (link->prev)
		list_at(list, link->prev)->next = link->next;
	else
		list->first = link->next;
	if (link->next)
		list_at(list, link->next)->prev = link->prev;
	else
		list->last = link->prev;
	link->prev = link->next = 0;
	list->count--;
}

#endif
