/* SPDX-License-Identifier: MIT */
/* The loopback ring against a plain queue: what goes in comes out, whole and in order; half its size always fits. */
#include "stack/loopback.h"
#include "stack/wire.h"

#define RING   4096u
#define QUEUE  1024u

struct model {
	uint32_t length[QUEUE];
	uint8_t byte[QUEUE];
	unsigned first, count;
};

static void put(struct loopback *ring, struct model *model, uint32_t length, uint8_t byte)
{
	bool fits = loopback_fits(ring, length);
	uint8_t *room = loopback_put(ring, length);

	assert_int_equal(fits, room != NULL);
	if (!room) {
		assert_true(model->count > 0 || length > loopback_packet_max(RING));
		return;
	}
	memset(room, byte, length);
	model->length[(model->first + model->count) % QUEUE] = length;
	model->byte[(model->first + model->count) % QUEUE] = byte;
	model->count++;
}

static void take(struct loopback *ring, struct model *model)
{
	uint32_t length;
	const uint8_t *bytes = loopback_first(ring, &length);

	assert_int_equal(bytes != NULL, model->count > 0);
	if (!bytes)
		return;
	assert_int_equal(length, model->length[model->first]);
	for (uint32_t i = 0; i < length; i++)
		assert_int_equal(bytes[i], model->byte[model->first]);
	loopback_drop(ring);
	model->first = (model->first + 1) % QUEUE;
	model->count--;
}

static void test_random_against_queue(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 200; seed++) {
		uint8_t *memory = malloc(RING);
		struct loopback ring = { 0 };
		struct model model = { 0 };
		struct random random;

		random_seed(&random, seed);
		loopback_init(&ring, memory, RING);
		for (int i = 0; i < 2000; i++) {
			uint32_t most = random_below(&random, 4) ? 300 : loopback_packet_max(RING);

			if (random_below(&random, 2))
				put(&ring, &model, (uint32_t)random_below(&random, most + 1), (uint8_t)i);
			else
				take(&ring, &model);
			assert_int_equal(ring.packets, model.count);
		}
		while (model.count)
			take(&ring, &model);
		assert_true(loopback_fits(&ring, loopback_packet_max(RING)));
		free(memory);
	}
}

static void test_longest_packet(void **state)
{
	(void)state;
	assert_true(loopback_packet_max(2048) >= 576);
	assert_int_equal(loopback_packet_max(1 << 28), 65535);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_against_queue),
		cmocka_unit_test(test_longest_packet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
