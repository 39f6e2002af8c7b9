/* SPDX-License-Identifier: MIT */
/* One direction of an impaired wire; see pipe.h. */
#include "link/pipe.h"

#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "link/cut.h"
#include "link/mark.h"

void pipe_init(struct pipe *pipe, uint64_t seed, uint32_t network_offset)
{
	memset(pipe, 0, sizeof(*pipe));
	random_seed(&pipe->random, seed);
	pipe->network_offset = network_offset;
}

void pipe_packet_free(struct pipe *pipe, struct pipe_packet *packet)
{
	pipe->bytes -= packet->size;
	free(packet);
}

void pipe_free(struct pipe *pipe)
{
	for (uint32_t i = 1; i <= pipe->heap_count; i++)
		free(pipe->heap[i]);
	for (unsigned i = 0; i < PIPE_HELD_MAX; i++)
		free(pipe->held[i]);
	free(pipe->heap);
	pipe->heap = NULL;
	pipe->heap_count = 0;
}

uint32_t pipe_waiting(const struct pipe *pipe)
{
	uint32_t count = pipe->heap_count;

	for (unsigned i = 0; i < PIPE_HELD_MAX; i++)
		count += pipe->held[i] != NULL;
	return count;
}

bool pipe_active(const struct pipe *pipe)
{
	const struct pipe_settings *s = &pipe->settings;

	return pipe->paused || s->delay_ns || s->jitter_ns || s->rate_bits || s->mtu || s->loss || s->dup ||
	       s->reorder || s->corrupt || s->mark || pipe_waiting(pipe) > 0;
}

static bool chance(struct pipe *pipe, uint32_t millionths)
{
	return millionths > 0 && random_below(&pipe->random, MILLIONTH) < millionths;
}

/* ---------------------------------------------------------------- the heap */

static bool is_before(const struct pipe_packet *a, const struct pipe_packet *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static bool heap_grow(struct pipe *pipe)
{
	uint32_t size = pipe->heap_size ? pipe->heap_size * 2 : 64;
	struct pipe_packet **heap = realloc(pipe->heap, size * sizeof(*heap));

	if (!heap)
		return false;
	pipe->heap = heap;
	pipe->heap_size = size;
	return true;
}

static void heap_push(struct pipe *pipe, struct pipe_packet *packet)
{
	uint32_t place = ++pipe->heap_count;

	while (place > 1 && is_before(packet, pipe->heap[place / 2])) {
		pipe->heap[place] = pipe->heap[place / 2];
		place /= 2;
	}
	pipe->heap[place] = packet;
}

static struct pipe_packet *heap_pop(struct pipe *pipe)
{
	struct pipe_packet *first = pipe->heap[1], *last = pipe->heap[pipe->heap_count--];
	uint32_t place = 1, child;

	while ((child = place * 2) <= pipe->heap_count) {
		if (child < pipe->heap_count && is_before(pipe->heap[child + 1], pipe->heap[child]))
			child++;
		if (!is_before(pipe->heap[child], last))
			break;
		pipe->heap[place] = pipe->heap[child];
		place = child;
	}
	if (pipe->heap_count > 0)
		pipe->heap[place] = last;
	return first;
}

/* ---------------------------------------------------------------- what happens to a packet */

/*
 * Losses in runs of mean length `burst` (Gilbert's model): a run ends with probability 1/burst after
 * each packet, and begins so often that the share of lost packets is `loss`.
 */
static bool loss_decide(struct pipe *pipe)
{
	uint64_t loss = pipe->settings.loss, burst = pipe->settings.loss_burst;

	if (loss == 0 || loss >= MILLIONTH || burst <= 1)
		return chance(pipe, (uint32_t)loss);
	if (pipe->losing)
		pipe->losing = !chance(pipe, (uint32_t)(MILLIONTH / burst));
	else
		pipe->losing = random_below(&pipe->random, burst * (MILLIONTH - loss)) < loss;
	return pipe->losing;
}

/* When the packet has passed the rate limiter, and whether it met too many to go unmarked; false: too many at all. */
static bool rate_pass(struct pipe *pipe, uint32_t length, uint64_t *at, bool *mark)
{
	const struct pipe_settings *s = &pipe->settings;
	uint64_t queue = s->rate_queue_bytes, wait;
	double waiting;

	if (!s->rate_bits)
		return true;
	if (!queue)
		queue = s->rate_bits / 80 > 65536 ? s->rate_bits / 80 : 65536;
	if (pipe->rate_free < *at)
		pipe->rate_free = *at;
	wait = pipe->rate_free - *at;
	waiting = (double)wait * (double)s->rate_bits / 8e9 + length;
	if (waiting > (double)queue)
		return false;
	*mark = s->rate_mark_bytes && waiting > (double)s->rate_mark_bytes;
	pipe->rate_free += (uint64_t)((double)length * 8e9 / (double)s->rate_bits);
	*at = pipe->rate_free;
	return true;
}

/* One bit of the IP packet, so that some checksum must notice: a vouched-for one is made real first. */
static void packet_corrupt(struct pipe *pipe, struct pipe_packet *packet)
{
	uint32_t bits = (packet->length - pipe->network_offset) * 8;
	uint32_t bit = (uint32_t)random_below(&pipe->random, bits);

	if (packet->flags & ELEVEN_PACKET_CHECKSUM_OK)
		packet_checksum(packet->bytes, packet->length, pipe->network_offset);
	packet->flags = 0;
	packet->bytes[pipe->network_offset + bit / 8] ^= (uint8_t)(1u << bit % 8);
	pipe->counts.corrupted++;
}

/* Later packets pass those held back; the last that had to has them follow it. */
static void held_pass(struct pipe *pipe, uint64_t at)
{
	for (unsigned i = 0; i < PIPE_HELD_MAX; i++) {
		struct pipe_packet *packet = pipe->held[i];

		if (!packet || ++packet->passed < REORDER_DISTANCE)
			continue;
		packet->at = at > packet->at ? at : packet->at;
		packet->order = pipe->order++;
		pipe->held[i] = NULL;
		heap_push(pipe, packet);
	}
}

static bool held_add(struct pipe *pipe, struct pipe_packet *packet)
{
	for (unsigned i = 0; i < PIPE_HELD_MAX; i++) {
		if (!pipe->held[i]) {
			pipe->held[i] = packet;
			pipe->held_until[i] = packet->at + REORDER_HOLD_NS;
			packet->passed = 0;
			pipe->counts.reordered++;
			return true;
		}
	}
	return false;
}

/* Those that nothing came to pass in time. */
static void held_expire(struct pipe *pipe, uint64_t now)
{
	for (unsigned i = 0; i < PIPE_HELD_MAX; i++) {
		if (pipe->held[i] && pipe->held_until[i] <= now) {
			pipe->held[i]->at = pipe->held_until[i];
			heap_push(pipe, pipe->held[i]);
			pipe->held[i] = NULL;
		}
	}
}

struct pipe_packet *pipe_packet_create(struct pipe *pipe, uint32_t length)
{
	uint32_t size = (uint32_t)sizeof(struct pipe_packet) + length;
	struct pipe_packet *packet = NULL;

	/* Room in the heap for those held back as well, and for a duplicate: pushing cannot fail. */
	if (pipe->heap_count + PIPE_HELD_MAX + 4 < pipe->heap_size || heap_grow(pipe))
		if (pipe->heap_count < PIPE_PACKETS_MAX && pipe->bytes + size <= PIPE_BYTES_MAX)
			packet = malloc(size);
	if (!packet) {
		pipe->counts.queue_full++;
		return NULL;
	}
	memset(packet, 0, sizeof(*packet));
	packet->length = length;
	packet->size = size;
	pipe->bytes += size;
	return packet;
}

static uint64_t delivery_time(struct pipe *pipe, uint64_t at)
{
	const struct pipe_settings *s = &pipe->settings;

	at += s->delay_ns;
	if (s->jitter_ns) {
		uint64_t back = s->jitter_ns < s->delay_ns ? s->jitter_ns : s->delay_ns;

		at = at - back + random_below(&pipe->random, back + s->jitter_ns + 1);
	}
	if (at < pipe->last_at && pipe->heap_count > 0)
		at = pipe->last_at;
	pipe->last_at = at;
	return at;
}

bool pipe_put(struct pipe *pipe, struct pipe_packet *packet, uint64_t now)
{
	const struct pipe_settings *s = &pipe->settings;

	pipe->counts.in++;
	if (loss_decide(pipe)) {
		pipe->counts.lost++;
		pipe_packet_free(pipe, packet);
	} else if (s->mtu && packet->length - pipe->network_offset > s->mtu) {
		pipe->counts.mtu++;
		return false;
	} else {
		pipe_put_fragment(pipe, packet, now);
	}
	return true;
}

void pipe_put_fragment(struct pipe *pipe, struct pipe_packet *packet, uint64_t now)
{
	const struct pipe_settings *s = &pipe->settings;
	struct pipe_packet *twin;
	bool mark = false;

	if (!rate_pass(pipe, packet->length, &now, &mark)) {
		pipe->counts.queue_full++;
		pipe_packet_free(pipe, packet);
		return;
	}
	if (chance(pipe, s->mark) || mark)
		pipe->counts.marked += packet_mark(packet->bytes, packet->length, pipe->network_offset);
	packet->at = delivery_time(pipe, now);
	packet->order = pipe->order++;
	twin = chance(pipe, s->dup) ? pipe_packet_create(pipe, packet->length) : NULL;
	if (twin) {
		memcpy(twin->bytes, packet->bytes, packet->length);
		twin->segment_bytes = packet->segment_bytes;
		twin->flags = packet->flags;
		twin->at = packet->at;
		twin->order = pipe->order++;
		pipe->counts.duplicated++;
	}
	if (chance(pipe, s->corrupt) && packet->length > pipe->network_offset)
		packet_corrupt(pipe, packet);
	if (twin)
		heap_push(pipe, twin);
	if (chance(pipe, s->reorder) && held_add(pipe, packet))
		return;
	heap_push(pipe, packet);
	held_pass(pipe, packet->at);
}

/* ---------------------------------------------------------------- coming out */

uint64_t pipe_deadline(const struct pipe *pipe)
{
	uint64_t at = UINT64_MAX;

	if (pipe->paused && pipe->steps == 0)
		return UINT64_MAX;
	if (pipe->heap_count > 0)
		at = pipe->steps > 0 ? 0 : pipe->heap[1]->at;
	for (unsigned i = 0; i < PIPE_HELD_MAX; i++)
		if (pipe->held[i] && pipe->held_until[i] < at)
			at = pipe->held_until[i];
	return at;
}

const struct pipe_packet *pipe_next(const struct pipe *pipe)
{
	const struct pipe_packet *next = pipe->heap_count > 0 ? pipe->heap[1] : NULL;

	for (unsigned i = 0; !next && i < PIPE_HELD_MAX; i++)
		next = pipe->held[i];
	return next;
}

struct pipe_packet *pipe_take(struct pipe *pipe, uint64_t now)
{
	held_expire(pipe, now);
	if (pipe->heap_count == 0)
		return NULL;
	if (pipe->paused) {
		if (pipe->steps == 0)
			return NULL;
		pipe->steps--;
	} else if (pipe->heap[1]->at > now) {
		return NULL;
	}
	pipe->counts.out++;
	return heap_pop(pipe);
}
