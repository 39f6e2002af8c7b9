/* SPDX-License-Identifier: MIT */
/* The virtual wire delivers each packet to the port that has its address, whole and in order, or has no room. */
#include "packets.h"

#include <errno.h>

#include "base/random.h"
#include "link/queue.h"
#include "link/wire.h"

static void test_queue_gives_back_what_was_put_in(void **state)
{
	struct eleven_packet packets[64];
	struct random random;
	struct packet_queue queue;
	uint32_t put = 0, got = 0;

	(void)state;
	random_seed(&random, 5);
	assert_true(packet_queue_init(&queue, 1));
	while (got < 20000) {
		uint32_t length = 1 + (uint32_t)random_below(&random, random_below(&random, 4) ? 2000 : 65535);
		unsigned room = packet_queue_room(&queue), n;
		uint8_t *at = packet_queue_reserve(&queue, length);

		assert_true(at || room == 0);
		if (at) {
			memset(at, (int)(put & 0xff), length);
			store_be32(at, put);
			packet_queue_commit(&queue, length < 4 ? 4 : length, (uint8_t)(put & 1), (uint16_t)put);
			put++;
		}
		if (at && random_below(&random, 3))
			continue;
		n = packet_queue_take(&queue, packets, (unsigned)random_below(&random, 64));
		for (unsigned i = 0; i < n; i++, got++) {
			assert_int_equal(load_be32(packets[i].bytes), got);
			assert_int_equal(packets[i].flags, got & 1);
			assert_int_equal(packets[i].segment_bytes, (uint16_t)got);
			for (uint32_t b = 4; b < packets[i].length; b++)
				assert_int_equal(packets[i].bytes[b], got & 0xff);
		}
		if (random_below(&random, 2))
			packet_queue_release(&queue);
	}
	packet_queue_free(&queue);
}

static void woken(void *context)
{
	++*(unsigned *)context;
}

static void test_packets_go_where_their_address_is(void **state)
{
	static struct made made;
	struct wire *wire = wire_create(ELEVEN_LINK_IP);
	struct eleven_packet packets[LINK_BATCH_MAX];
	struct link *ports[3];
	unsigned wakes = 0;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct eleven_interface interface = interface_at(0x0a000001 + i);

		ports[i] = wire_port(wire, &interface);
		assert_non_null(ports[i]);
		assert_null(wire_port(wire, &interface));
		assert_int_equal(errno, EADDRINUSE);
	}
	ports[2]->wake = woken;
	ports[2]->wake_context = &wakes;
	segment_make(&made, 0x0a000001, 0x0a000003, FLAG_ACK, 1, 5000);
	made.out.segment_bytes = 1000;
	link_send(ports[0], &made.out, 1, 1);
	segment_make(&made, 0x0a000001, 0x0a000009, FLAG_ACK, 1, 5);
	link_send(ports[0], &made.out, 1, 1);
	assert_int_equal(ports[0]->counts.out, 2);
	assert_int_equal(ports[0]->counts.drops, 1);
	assert_int_equal(wakes, 1);
	assert_int_equal(link_receive(ports[0], packets, 8, 1) + link_receive(ports[1], packets, 8, 1), 0);
	assert_true(link_deadline(ports[1]) == UINT64_MAX && link_deadline(ports[2]) == 0);
	assert_int_equal(link_receive(ports[2], packets, 8, 1), 1);
	assert_int_equal(packets[0].length, 5052);
	assert_int_equal(packets[0].segment_bytes, 1000);
	assert_int_equal(packets[0].flags, ELEVEN_PACKET_CHECKSUM_OK);
	wire_destroy(wire);
	link_send(ports[0], &made.out, 1, 1);
	for (unsigned i = 0; i < 3; i++)
		link_destroy(ports[i]);
}

static void test_as_many_as_there_is_room_for_are_never_lost(void **state)
{
	static struct made made;
	struct eleven_interface a = interface_at(0x0a000001), b = interface_at(0x0a000002);
	struct wire *wire = wire_create(ELEVEN_LINK_IP);
	struct link *from = wire_port(wire, &a), *to = wire_port(wire, &b);
	struct eleven_packet packets[LINK_BATCH_MAX];
	struct random random;
	unsigned sent = 0, got = 0;

	(void)state;
	random_seed(&random, 9);
	for (unsigned i = 0; i < 3000; i++) {
		unsigned room = link_room(from);

		for (unsigned n = (unsigned)random_below(&random, 9); n > 0 && room > 0; n--, room--) {
			segment_make(&made, 0x0a000001, 0x0a000002, FLAG_ACK, sent++,
				     (uint32_t)random_below(&random, 2) ? 65000 : 0);
			link_send(from, &made.out, 1, 1);
		}
		for (unsigned n = link_receive(to, packets, (unsigned)random_below(&random, 8), 1), p = 0; p < n; p++)
			assert_int_equal(load_be32(packets[p].bytes + 24), got++);
	}
	assert_int_equal(from->counts.drops, 0);
	assert_true(got > 1000);
	link_destroy(from);
	link_destroy(to);
	wire_destroy(wire);
}

/* A sender that waits for room is not woken by the receiver's next call: that may never come. */
static void test_room_is_back_as_soon_as_packets_are_done_with(void **state)
{
	static struct made made;
	struct eleven_interface a = interface_at(0x0a000001), b = interface_at(0x0a000002);
	struct wire *wire = wire_create(ELEVEN_LINK_IP);
	struct link *from = wire_port(wire, &a), *to = wire_port(wire, &b);
	struct eleven_packet packets[LINK_BATCH_MAX];

	(void)state;
	segment_make(&made, 0x0a000001, 0x0a000002, FLAG_ACK, 1, 65000);
	while (link_room(from) > 0)
		link_send(from, &made.out, 1, 1);
	assert_true(link_receive(to, packets, LINK_BATCH_MAX, 1) > 0);
	assert_int_equal(link_room(from), 0);
	link_release(to);
	assert_true(link_room(from) > 0);
	link_destroy(from);
	link_destroy(to);
	wire_destroy(wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_queue_gives_back_what_was_put_in),
		cmocka_unit_test(test_packets_go_where_their_address_is),
		cmocka_unit_test(test_room_is_back_as_soon_as_packets_are_done_with),
		cmocka_unit_test(test_as_many_as_there_is_room_for_are_never_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
