/* SPDX-License-Identifier: MIT */
/*
 * Records lie one behind the other, each behind a small header; one that does not fit before the
 * end of the ring starts at 0, and a header of length 0 says so.  An empty queue starts at 0 again,
 * so that a queue that is drained at once stays in the same few cache lines.
 */
#include "link/queue.h"

#include <stdlib.h>

#include "link/cut.h"

struct record {
	uint32_t length;                /* 0: go on at the ring's beginning */
	uint16_t segment_bytes;
	uint8_t flags;
};

#define RECORD_BYTES 16u                /* keeps packets aligned to 16; the size is a multiple of it too */

static uint32_t record_size(uint32_t length)
{
	return RECORD_BYTES + ((length + 15u) & ~15u);
}

static struct record *record_at(const struct packet_queue *queue, uint32_t at)
{
	return (struct record *)(void *)(queue->bytes + at);
}

bool packet_queue_init(struct packet_queue *queue, uint32_t bytes)
{
	uint32_t least = 2 * record_size(PACKET_BYTES_MAX);

	*queue = (struct packet_queue){ .size = (bytes > least ? bytes : least) & ~15u };
	queue->bytes = aligned_alloc(64, (queue->size + 63u) & ~63u);
	return queue->bytes != NULL;
}

void packet_queue_free(struct packet_queue *queue)
{
	free(queue->bytes);
	queue->bytes = NULL;
}

/* Where a record of `size` goes: at the tail, at 0 behind a gap, or nowhere (UINT32_MAX). */
static uint32_t place_find(const struct packet_queue *queue, uint32_t size)
{
	if (queue->used == queue->size)
		return UINT32_MAX;
	if (queue->tail < queue->head)
		return queue->head - queue->tail >= size ? queue->tail : UINT32_MAX;
	if (queue->size - queue->tail >= size)
		return queue->tail;
	return queue->head >= size ? 0 : UINT32_MAX;
}

uint8_t *packet_queue_reserve(struct packet_queue *queue, uint32_t length)
{
	uint32_t place = length && length <= PACKET_BYTES_MAX ? place_find(queue, record_size(length)) : UINT32_MAX;

	if (place == UINT32_MAX)
		return NULL;
	return queue->bytes + place + RECORD_BYTES;
}

void packet_queue_commit(struct packet_queue *queue, uint32_t length, uint8_t flags, uint16_t segment_bytes)
{
	uint32_t size = record_size(length), place = place_find(queue, size);

	if (place != queue->tail) {
		record_at(queue, queue->tail)->length = 0;
		queue->used += queue->size - queue->tail;
	}
	*record_at(queue, place) = (struct record){ length, segment_bytes, flags };
	queue->tail = place + size == queue->size ? 0 : place + size;
	queue->used += size;
	queue->packets++;
}

unsigned packet_queue_room(const struct packet_queue *queue)
{
	uint32_t size = record_size(PACKET_BYTES_MAX);

	if (queue->used == queue->size)
		return 0;
	if (queue->tail < queue->head)
		return (queue->head - queue->tail) / size;
	return (queue->size - queue->tail) / size + queue->head / size;
}

unsigned packet_queue_take(struct packet_queue *queue, struct eleven_packet *packets, unsigned count)
{
	unsigned n = 0;

	while (n < count && queue->packets > 0) {
		struct record *record;

		if (record_at(queue, queue->taken)->length == 0)
			queue->taken = 0;
		record = record_at(queue, queue->taken);
		packets[n++] = (struct eleven_packet){
			.bytes = queue->bytes + queue->taken + RECORD_BYTES,
			.length = record->length,
			.flags = record->flags,
			.segment_bytes = record->segment_bytes,
		};
		queue->taken += record_size(record->length);
		if (queue->taken == queue->size)
			queue->taken = 0;
		queue->packets--;
	}
	return n;
}

void packet_queue_release(struct packet_queue *queue)
{
	if (queue->packets == 0) {
		queue->head = queue->taken = queue->tail = queue->used = 0;
		return;
	}
	if (queue->taken >= queue->head)
		queue->used -= queue->taken - queue->head;
	else
		queue->used -= queue->size - queue->head + queue->taken;
	queue->head = queue->taken;
}
