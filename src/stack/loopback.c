/* SPDX-License-Identifier: MIT */
/* The ring of packets from the stack to itself; see loopback.h. */
#include "stack/loopback.h"

#include <string.h>

#include "base/check.h"

#define LENGTH_BYTES 8u         /* in front of each packet; keeps its IP header aligned */

static uint32_t record_bytes(uint32_t length)
{
	return LENGTH_BYTES + ((length + 7u) & ~7u);
}

size_t loopback_memory(uint64_t bytes)
{
	return (size_t)bytes & ~(size_t)7;
}

uint32_t loopback_packet_max(uint64_t bytes)
{
	uint64_t most = loopback_memory(bytes) / 2 - LENGTH_BYTES - 8;

	return most > 65535 ? 65535 : (uint32_t)most;
}

void loopback_init(struct loopback *loopback, void *memory, uint64_t bytes)
{
	loopback->memory = memory;
	loopback->capacity = (uint32_t)loopback_memory(bytes);
}

/* Where a record of `bytes` would go; false: nowhere. */
static bool place_find(const struct loopback *loopback, uint32_t bytes, uint32_t *at)
{
	if (loopback->wrapped) {
		*at = loopback->end;
		return loopback->start - loopback->end >= bytes;
	}
	if (loopback->capacity - loopback->end >= bytes) {
		*at = loopback->end;
		return true;
	}
	*at = 0;
	return loopback->start >= bytes;
}

bool loopback_fits(const struct loopback *loopback, uint32_t length)
{
	uint32_t at;

	return place_find(loopback, record_bytes(length), &at);
}

uint8_t *loopback_put(struct loopback *loopback, uint32_t length)
{
	uint32_t bytes = record_bytes(length), at;

	if (!place_find(loopback, bytes, &at))
		return NULL;
	if (at < loopback->end) {
		loopback->limit = loopback->end;
		loopback->wrapped = true;
	}
	memcpy(loopback->memory + at, &length, sizeof(length));
	loopback->end = at + bytes;
	loopback->packets++;
	return loopback->memory + at + LENGTH_BYTES;
}

const uint8_t *loopback_first(const struct loopback *loopback, uint32_t *length)
{
	if (loopback->packets == 0)
		return NULL;
	memcpy(length, loopback->memory + loopback->start, sizeof(*length));
	return loopback->memory + loopback->start + LENGTH_BYTES;
}

void loopback_drop(struct loopback *loopback)
{
	uint32_t length;

	CHECK(loopback->packets > 0);
	memcpy(&length, loopback->memory + loopback->start, sizeof(length));
	loopback->start += record_bytes(length);
	loopback->packets--;
	if (loopback->wrapped && loopback->start == loopback->limit) {
		loopback->start = 0;
		loopback->wrapped = false;
	}
	if (loopback->packets == 0)
		loopback->start = loopback->end = 0;
}
