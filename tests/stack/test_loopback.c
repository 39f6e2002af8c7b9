/* SPDX-License-Identifier: MIT */
/* The loopback ring against a plain queue: what goes in comes out, whole and in order; half its size always fits. */
#include <errno.h>

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

/* A packet that a link says is of the loopback has its own source: it must not pass for ours. */
static void test_no_link_speaks_for_the_loopback(void **state)
{
	uint8_t syn[40] = { 0x45, [8] = 64, [9] = 6, };
	struct eleven_packet packet = { syn, sizeof(syn), 255, ELEVEN_PACKET_CHECKSUM_OK, 0 };
	eleven_handle listener, accepted;
	struct eleven_stats stats;
	struct wire w;

	(void)state;
	memcpy(syn + 12, (const uint8_t[]){ 127, 0, 0, 1, 127, 0, 0, 1 }, 8);
	wire_store16(syn + 20, 1234);
	wire_store16(syn + 22, 8000);
	syn[32] = 0x50;
	syn[33] = SYN;
	wire_seal(syn, sizeof(syn));
	wire_defaults(&w, 1, 1);
	wire_start(&w);
	listener = wire_listen(&w, 0, 8000);
	eleven_input(w.stack[0], &packet, 1, w.now);
	eleven_stats(w.stack[0], &stats);
	assert_int_equal(stats.packets_in, 1);
	assert_int_equal(stats.syn_received, 0);
	assert_int_equal(eleven_accept(w.stack[0], listener, &accepted, w.now), -EAGAIN);
	wire_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_against_queue),
		cmocka_unit_test(test_longest_packet),
		cmocka_unit_test(test_no_link_speaks_for_the_loopback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
