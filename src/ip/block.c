/* SPDX-License-Identifier: MIT */
/* Chains of blocks; see block.h. */
#include "ip/block.h"

#include <string.h>

#include "base/check.h"

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

uint32_t chain_make(struct pool *blocks, const void *head, uint32_t head_bytes, const void *tail, uint32_t tail_bytes)
{
	const uint8_t *source[2] = { head, tail };
	uint32_t left[2] = { head_bytes, tail_bytes };
	uint32_t total = head_bytes + tail_bytes, first = 0;
	struct block *last = NULL;
	unsigned part = 0;

	CHECK(total > 0 && total <= UINT16_MAX);
	if (blocks_for(total) > blocks_free(blocks))
		return 0;
	for (uint32_t done = 0; done < total;) {
		struct block *block = pool_take(blocks);
		uint32_t ref = pool_index(blocks, block) + 1, used = 0;

		block->next = block->next_piece = 0;
		while (used < BLOCK_BYTES && done < total) {
			uint32_t n = least(BLOCK_BYTES - used, left[part]);

			if (n == 0) {
				part++;
				continue;
			}
			memcpy(block->data + used, source[part], n);
			source[part] += n;
			left[part] -= n;
			used += n;
			done += n;
		}
		if (last)
			last->next = ref;
		else
			first = ref;
		last = block;
	}
	block_at(blocks, first)->bytes = (uint16_t)total;
	return first;
}

void chain_read(const struct pool *blocks, uint32_t first, uint32_t from, void *out, uint32_t bytes)
{
	uint8_t *at = out;

	CHECK(from + bytes <= block_at(blocks, first)->bytes);
	while (bytes > 0) {
		const struct block *block = block_at(blocks, first);

		if (from < BLOCK_BYTES) {
			uint32_t n = least(BLOCK_BYTES - from, bytes);

			memcpy(at, block->data + from, n);
			at += n;
			bytes -= n;
			from = 0;
		} else {
			from -= BLOCK_BYTES;
		}
		first = block->next;
	}
}

void chain_free(struct pool *blocks, uint32_t first)
{
	while (first) {
		struct block *block = block_at(blocks, first);

		first = block->next;
		pool_give(blocks, block);
	}
}
