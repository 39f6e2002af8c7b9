/* SPDX-License-Identifier: MIT */
/*
 * Blocks: packet bytes that have to be kept for a while (fragments, ICMP messages not sent yet) lie
 * in chains of small blocks of a pool, so that what is held is bounded by the blocks there are,
 * whatever the sizes and the order, and a tiny fragment pays for the block it takes.
 */
#ifndef ELEVEN_IP_BLOCK_H
#define ELEVEN_IP_BLOCK_H

#include <stdint.h>

#include "base/pool.h"

#define BLOCK_BYTES 248u                /* six hold the 1480 bytes that a fragment on Ethernet has */

struct block {
	uint32_t next;                  /* of the chain, index + 1; the pool's link while free */
	uint32_t next_piece;            /* first block of the next fragment, index + 1; used by fragments only */
	uint16_t offset;                /* of the fragment in its datagram; first block only */
	uint16_t bytes;                 /* in the whole chain; first block only */
	uint8_t data[BLOCK_BYTES];
};

static inline uint32_t blocks_for(uint32_t bytes)
{
	return (bytes + BLOCK_BYTES - 1) / BLOCK_BYTES;
}

static inline uint32_t blocks_free(const struct pool *blocks)
{
	return blocks->capacity - blocks->used;
}

static inline struct block *block_at(const struct pool *blocks, uint32_t ref)
{
	return pool_at(blocks, ref - 1);
}

/*
 * A chain holding a copy of `head` followed by `tail`, 1 to 65535 bytes together: index + 1 of its
 * first block, or 0 when too few blocks are free, and then nothing is taken.
 */
uint32_t chain_make(struct pool *blocks, const void *head, uint32_t head_bytes, const void *tail, uint32_t tail_bytes);
/* Copies `bytes` bytes from `from` on, which must be in the chain. */
void chain_read(const struct pool *blocks, uint32_t first, uint32_t from, void *out, uint32_t bytes);
void chain_free(struct pool *blocks, uint32_t first);

#endif
