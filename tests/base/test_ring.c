/* SPDX-License-Identifier: MIT */
/* Rings against an endless array: byte at position p is what was written at p, whatever moves below. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "panic.h"

#include "base/random.h"
#include "base/ring.h"

enum { REGION = 1 << 14, UNIT_SHIFT = 6, MODEL = 1 << 15 };

/* The model knows every position modulo MODEL, more than any ring holds. */
struct world {
	struct buffers buffers;
	struct ring ring;
	uint8_t *memory;
	uint8_t bytes[MODEL];
	bool known[MODEL];      /* was placed; holds until consumed or dropped */
	uint32_t start, used;
	struct random random;
};

static uint32_t at(uint32_t position)
{
	return position % MODEL;
}

static void world_open(struct world *world, uint64_t seed, uint32_t start)
{
	memset(world, 0, sizeof(*world));
	world->memory = calloc(1, buffers_bytes(REGION, UNIT_SHIFT));
	buffers_init(&world->buffers, world->memory, REGION, UNIT_SHIFT);
	world->ring.start = world->start = start;
	random_seed(&world->random, seed);
}

static void world_write_at(struct world *world, uint32_t offset, uint32_t n)
{
	uint8_t bytes[REGION] = { 0 };

	for (uint32_t i = 0; i < n; i++) {
		bytes[i] = world->bytes[at(world->start + offset + i)] = (uint8_t)random_next(&world->random);
		world->known[at(world->start + offset + i)] = true;
	}
	if (random_below(&world->random, 2)) {
		ring_write_at(&world->ring, &world->buffers, offset, bytes, n);
	} else {
		struct ring_room piece[2];
		unsigned pieces = ring_place(&world->ring, &world->buffers, offset, n, piece);
		uint32_t done = 0;

		for (unsigned i = 0; i < pieces; done += piece[i++].n)
			memcpy(piece[i].bytes, bytes + done, piece[i].n);
		assert_int_equal(done, n);
	}
}

static void world_append(struct world *world, uint32_t n)
{
	uint32_t room = ring_capacity(&world->ring) - world->used, taken = n < room ? n : room;
	uint8_t bytes[2 * REGION] = { 0 };

	for (uint32_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)random_next(&world->random);
	assert_int_equal(ring_append(&world->ring, &world->buffers, bytes, n), taken);
	for (uint32_t i = 0; i < taken; i++) {
		world->bytes[at(world->start + world->used + i)] = bytes[i];
		world->known[at(world->start + world->used + i)] = true;
	}
	world->used += taken;
}

/* Lent space filled by us; and, at the front, bytes placed ahead of time become used. */
static void world_commit(struct world *world)
{
	struct ring_room piece[2];
	unsigned pieces = ring_room_slices(&world->ring, &world->buffers, piece);
	uint32_t room = 0, n, ready = 0;

	for (unsigned i = 0; i < pieces; i++)
		room += piece[i].n;
	assert_int_equal(room, ring_free(&world->ring));
	while (ready < room && world->known[at(world->start + world->used + ready)])
		ready++;
	n = (uint32_t)random_below(&world->random, room + 1);
	for (uint32_t i = ready; i < n; i++) {
		uint8_t byte = (uint8_t)random_next(&world->random);

		*(i < piece[0].n ? &piece[0].bytes[i] : &piece[1].bytes[i - piece[0].n]) = byte;
		world->bytes[at(world->start + world->used + i)] = byte;
		world->known[at(world->start + world->used + i)] = true;
	}
	ring_commit(&world->ring, n);
	world->used += n;
}

static void world_consume(struct world *world, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		world->known[at(world->start + i)] = false;
	world->start += n;
	world->used -= n;
}

static void world_read(struct world *world, uint32_t n)
{
	uint32_t expected = n < world->used ? n : world->used;
	uint8_t bytes[REGION];

	assert_int_equal(ring_read(&world->ring, &world->buffers, bytes, n), expected);
	for (uint32_t i = 0; i < expected; i++)
		assert_int_equal(bytes[i], world->bytes[at(world->start + i)]);
	world_consume(world, expected);
}

static void world_resize(struct world *world)
{
	unsigned order = (unsigned)random_below(&world->random, 9);
	uint64_t capacity = buffers_block_bytes(&world->buffers, order);
	uint32_t old = ring_capacity(&world->ring), keep, most;
	struct ring before = world->ring;

	if (random_below(&world->random, 40) == 0) {
		world_consume(world, world->used);
		for (uint32_t i = 0; i < MODEL; i++)
			world->known[i] = false;
		ring_release(&world->ring, &world->buffers);
		assert_int_equal(world->ring.order, before.order);
		world->start = 0;
		return;
	}
	if (capacity < world->used)
		return;
	most = old < capacity ? old : (uint32_t)capacity;
	keep = world->used + (uint32_t)random_below(&world->random, most - world->used + 1);
	if (!ring_resize(&world->ring, &world->buffers, order, keep)) {
		assert_memory_equal(&before, &world->ring, sizeof(before));
		return;
	}
	assert_int_equal(ring_capacity(&world->ring), capacity);
	for (uint32_t i = keep; i < old; i++)
		world->known[at(world->start + i)] = false;
}

/* Every byte that is held or was placed ahead reads as the model has it. */
static void world_check(const struct world *world)
{
	uint32_t offset = (uint32_t)random_below((struct random *)&world->random, world->used + 2), n = 0;
	struct ring_slice piece[2] = { { NULL, 0 }, { NULL, 0 } };
	unsigned pieces = ring_peek(&world->ring, &world->buffers, offset, UINT32_MAX, piece);

	assert_int_equal(ring_used(&world->ring), world->used);
	assert_int_equal(world->ring.start, world->start);
	for (unsigned k = 0; k < pieces; k++)
		for (uint32_t i = 0; i < piece[k].n; i++, n++)
			assert_int_equal(piece[k].bytes[i], world->bytes[at(world->start + offset + n)]);
	assert_int_equal(n, offset < world->used ? world->used - offset : 0);
	for (uint32_t i = world->used; i < ring_capacity(&world->ring); i++) {
		struct ring_room room[2];

		if (world->known[at(world->start + i)]) {
			assert_int_equal(ring_place(&world->ring, &world->buffers, i, 1, room), 1);
			assert_int_equal(*room[0].bytes, world->bytes[at(world->start + i)]);
		}
	}
}

static void world_step(struct world *world)
{
	uint32_t capacity = ring_capacity(&world->ring), room = capacity - world->used, offset;

	switch (random_below(&world->random, 7)) {
	case 0:
		world_resize(world);
		break;
	case 1:
		world_append(world, (uint32_t)random_below(&world->random, capacity + 70));
		break;
	case 2:
		world_commit(world);
		break;
	case 3:
		offset = world->used + (uint32_t)random_below(&world->random, room + 1);
		world_write_at(world, offset, (uint32_t)random_below(&world->random, capacity - offset + 1));
		break;
	case 4:
		world_read(world, (uint32_t)random_below(&world->random, capacity + 1));
		break;
	case 5:
		offset = (uint32_t)random_below(&world->random, world->used + 1);
		ring_consume(&world->ring, offset);
		world_consume(world, offset);
		break;
	default:
		/* Bytes beyond the used ones may be overwritten too. */
		world_write_at(world, world->used, (uint32_t)random_below(&world->random, room + 1));
		break;
	}
}

static void test_bytes_come_back_in_their_places(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	(void)state;
	for (uint64_t seed = 0; seed < 12; seed++) {
		world_open(world, seed, seed % 2 ? UINT32_MAX - 3000 : (uint32_t)seed * 1000);
		for (int step = 0; step < 2500; step++) {
			world_step(world);
			world_check(world);
		}
		ring_release(&world->ring, &world->buffers);
		assert_true(buffers_used_bytes(&world->buffers) == 0);
		free(world->memory);
	}
	free(world);
}

static void test_a_ring_without_a_block_holds_nothing(void **state)
{
	static uint64_t memory[64 * 9];
	struct ring ring = { 0 };
	struct ring_room room[2];
	struct ring_slice slice[2];
	struct buffers b;
	uint8_t byte;

	(void)state;
	buffers_init(&b, memory, 64 * 64, 6);
	assert_int_equal(sizeof(ring), 16);
	assert_int_equal(ring_capacity(&ring), 0);
	assert_int_equal(ring_append(&ring, &b, "a", 1), 0);
	assert_int_equal(ring_read(&ring, &b, &byte, 1), 0);
	assert_int_equal(ring_room_slices(&ring, &b, room), 0);
	assert_int_equal(ring_peek(&ring, &b, 0, 1, slice), 0);
	ring_write_at(&ring, &b, 0, "", 0);
	ring_consume(&ring, 0);
	ring_commit(&ring, 0);
	ring_release(&ring, &b);
	assert_false(ring_resize(&ring, &b, 7, 0));
	assert_int_equal(ring.ref, 0);
}

static void test_what_does_not_fit_is_refused(void **state)
{
	static uint64_t memory[64 * 9];
	struct ring ring = { 0 };
	struct buffers b;

	(void)state;
	buffers_init(&b, memory, 64 * 64, 6);
	assert_true(ring_resize(&ring, &b, 0, 0));
	assert_int_equal(ring_append(&ring, &b, "0123456789", 10), 10);
	expect_assert_failure(ring_commit(&ring, 55));
	expect_assert_failure(ring_consume(&ring, 11));
	expect_assert_failure(ring_write_at(&ring, &b, 60, "01234", 5));
	expect_assert_failure(ring_write_at(&ring, &b, UINT32_MAX, "01234", 5));
	expect_assert_failure(ring_resize(&ring, &b, 1, 9));
	expect_assert_failure(ring_resize(&ring, &b, 1, 129));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes_come_back_in_their_places),
		cmocka_unit_test(test_a_ring_without_a_block_holds_nothing),
		cmocka_unit_test(test_what_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
