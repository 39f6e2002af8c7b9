/* SPDX-License-Identifier: MIT */
/*
 * A ring of bytes in a block of `buffers`.
 *
 *	       start            start+used         start+capacity
 *	         |  used bytes       |  room              |
 *	         |===================|....................|
 *
 * Positions are free-running 32-bit numbers; position p is byte p modulo capacity of the block.
 * Bytes may be placed in the room ahead of time, out of order; ring_commit() makes the first
 * of them used.  A ring that owns no block has capacity 0, and everything works on 0 bytes.
 * Does not know sequence numbers, and does not decide its size.
 */
#ifndef ELEVEN_BASE_RING_H
#define ELEVEN_BASE_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffers.h"

struct ring {
	uint32_t ref;           /* block in buffers; 0: none */
	uint32_t start;         /* position of the first byte held */
	uint32_t used;          /* bytes held from start on */
	uint8_t order;          /* of the block */
	uint8_t shift;          /* capacity is 1 << shift when ref is not 0 */
};

/* What is lent, until the ring is next changed. */
struct ring_slice {
	const uint8_t *bytes;
	uint32_t n;
};

struct ring_room {
	uint8_t *bytes;
	uint32_t n;
};

static inline uint32_t ring_capacity(const struct ring *r)
{
	return r->ref ? (uint32_t)1 << r->shift : 0;
}

static inline uint32_t ring_used(const struct ring *r)
{
	return r->used;
}

static inline uint32_t ring_free(const struct ring *r)
{
	return ring_capacity(r) - r->used;
}

/*
 * Lends the n bytes from `offset` (counted from start) on, as 0, 1 or 2 pieces, for writing;
 * returns how many.  offset + n must be within the capacity.  For a copy of the caller's own,
 * such as one that sums as it goes.
 */
unsigned ring_place(const struct ring *r, const struct buffers *b, uint32_t offset, uint32_t n,
		    struct ring_room out[2]);

/* Copies n bytes to `offset`, which may lie beyond what is used; `used` does not change. */
void ring_write_at(const struct ring *r, const struct buffers *b, uint32_t offset, const void *bytes, uint32_t n);

/* Copies as many of the n bytes as there is room for behind the used ones; returns how many. */
uint32_t ring_append(struct ring *r, const struct buffers *b, const void *bytes, uint32_t n);

/* The free space, for the caller to fill and ring_commit(); returns the number of pieces. */
unsigned ring_room_slices(const struct ring *r, const struct buffers *b, struct ring_room out[2]);

/* n more bytes are used, already placed.  n is at most ring_free(). */
void ring_commit(struct ring *r, uint32_t n);

/*
 * Lends up to n used bytes from `offset` on for reading; returns the number of pieces.  Fewer
 * bytes than n if fewer are used.
 */
unsigned ring_peek(const struct ring *r, const struct buffers *b, uint32_t offset, uint32_t n,
		   struct ring_slice out[2]);

/* Copies up to n bytes from the start out and consumes them; returns how many. */
uint32_t ring_read(struct ring *r, const struct buffers *b, void *out, uint32_t n);

/* The first n bytes are gone.  n is at most `used`. */
void ring_consume(struct ring *r, uint32_t n);

/*
 * Moves to a block of another order (see buffers_order()), with the first keep_bytes bytes, which
 * include the used ones and may go beyond them.  False, and nothing changed, when buffers has
 * no such block.
 */
bool ring_resize(struct ring *r, struct buffers *b, unsigned new_order, uint32_t keep_bytes);

/* Gives the block back; what it held is gone.  Position 0 is next, and `order` stays that of the last block. */
void ring_release(struct ring *r, struct buffers *b);

#endif
