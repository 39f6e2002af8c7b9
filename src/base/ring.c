/* SPDX-License-Identifier: MIT */
/* A ring of bytes in a block of `buffers`; see ring.h. */
#include "base/ring.h"

#include <string.h>

#include "base/check.h"

unsigned ring_place(const struct ring *r, const struct buffers *b, uint32_t offset, uint32_t n,
		    struct ring_room out[2])
{
	uint32_t capacity = ring_capacity(r), at, first;
	uint8_t *block;

	CHECK(offset <= capacity && n <= capacity - offset);
	if (n == 0)
		return 0;
	block = buffers_at(b, r->ref);
	at = (r->start + offset) & (capacity - 1);
	first = capacity - at;
	if (n <= first) {
		out[0] = (struct ring_room){ block + at, n };
		return 1;
	}
	out[0] = (struct ring_room){ block + at, first };
	out[1] = (struct ring_room){ block, n - first };
	return 2;
}

void ring_write_at(const struct ring *r, const struct buffers *b, uint32_t offset, const void *bytes, uint32_t n)
{
	struct ring_room piece[2];
	unsigned pieces = ring_place(r, b, offset, n, piece);

	if (pieces > 0)
		memcpy(piece[0].bytes, bytes, piece[0].n);
	if (pieces > 1)
		memcpy(piece[1].bytes, (const uint8_t *)bytes + piece[0].n, piece[1].n);
}

uint32_t ring_append(struct ring *r, const struct buffers *b, const void *bytes, uint32_t n)
{
	if (n > ring_free(r))
		n = ring_free(r);
	ring_write_at(r, b, r->used, bytes, n);
	r->used += n;
	return n;
}

unsigned ring_room_slices(const struct ring *r, const struct buffers *b, struct ring_room out[2])
{
	return ring_place(r, b, r->used, ring_free(r), out);
}

void ring_commit(struct ring *r, uint32_t n)
{
	CHECK(n <= ring_free(r));
	r->used += n;
}

unsigned ring_peek(const struct ring *r, const struct buffers *b, uint32_t offset, uint32_t n,
		   struct ring_slice out[2])
{
	struct ring_room piece[2];
	unsigned pieces;

	if (offset >= r->used)
		return 0;
	if (n > r->used - offset)
		n = r->used - offset;
	pieces = ring_place(r, b, offset, n, piece);
	for (unsigned i = 0; i < pieces; i++)
		out[i] = (struct ring_slice){ piece[i].bytes, piece[i].n };
	return pieces;
}

uint32_t ring_read(struct ring *r, const struct buffers *b, void *out, uint32_t n)
{
	struct ring_slice piece[2];
	unsigned pieces = ring_peek(r, b, 0, n, piece);
	uint32_t taken = 0;

	for (unsigned i = 0; i < pieces; i++) {
		memcpy((uint8_t *)out + taken, piece[i].bytes, piece[i].n);
		taken += piece[i].n;
	}
	ring_consume(r, taken);
	return taken;
}

void ring_consume(struct ring *r, uint32_t n)
{
	CHECK(n <= r->used);
	r->start += n;
	r->used -= n;
}

bool ring_resize(struct ring *r, struct buffers *b, unsigned new_order, uint32_t keep_bytes)
{
	struct ring moved = { .start = r->start, .used = r->used };
	struct ring_room piece[2];
	unsigned pieces;
	uint32_t done = 0;

	CHECK(b->unit_shift + new_order < 32);
	CHECK(keep_bytes >= r->used && keep_bytes <= buffers_block_bytes(b, new_order));
	moved.ref = buffers_take(b, new_order);
	if (!moved.ref)
		return false;
	moved.order = (uint8_t)new_order;
	moved.shift = (uint8_t)(b->unit_shift + new_order);
	pieces = ring_place(r, b, 0, keep_bytes, piece);
	for (unsigned i = 0; i < pieces; i++) {
		ring_write_at(&moved, b, done, piece[i].bytes, piece[i].n);
		done += piece[i].n;
	}
	if (r->ref)
		buffers_give(b, r->ref, r->order);
	*r = moved;
	return true;
}

void ring_release(struct ring *r, struct buffers *b)
{
	if (r->ref)
		buffers_give(b, r->ref, r->order);
	/* Begins at the front next time: there the caches are warm.  The order stays, for who wants as much again. */
	*r = (struct ring){ .order = r->order };
}
