/* SPDX-License-Identifier: MIT */
/* Captures: one copy of each packet, and in its comment what it changed. */
#include "golden.h"
#include "scene.h"

#include "view/capture.h"
#include "wire/ipv4.h"
#include "wire/pcapng.h"
#include "wire/tcp.h"

#define MS 1000000ull

static uint8_t file[1 << 20];
static size_t file_bytes;
static struct scene scene;

static int file_write(void *context, const void *bytes, size_t n)
{
	(void)context;
	assert_true(file_bytes + n <= sizeof(file));
	memcpy(file + file_bytes, bytes, n);
	file_bytes += n;
	return 0;
}

static struct capture *capture_open(unsigned count)
{
	struct control_host hosts[2] = { { .name = "client" }, { .name = "server" } };
	struct eleven_endpoint end;

	text_endpoint_parse(&end, "10.0.0.1");
	hosts[0].address = end.address;
	text_endpoint_parse(&end, "10.0.0.2");
	hosts[1].address = end.address;
	file_bytes = 0;
	return capture_create(hosts, count, file_write, NULL);
}

/* The packet of an IN or OUT record: enough of it to be told apart. */
static void packet_feed(struct capture *capture, const struct view_event *event, uint64_t now)
{
	uint8_t bytes[100] = { 0x45 };
	struct control_packet packet = {
		.time = event->trace.time, .wall_offset = event->wall_offset, .serial = event->trace.packet,
		.length = 40, .out = event->trace.kind == ELEVEN_TRACE_OUT, .kind = ELEVEN_LINK_IP,
	};
	bool from_client = packet.out == (strcmp(event->host, "client") == 0);

	strcpy(packet.host, event->host);
	bytes[3] = 40;
	bytes[8] = packet.out ? 64 : 63;
	bytes[9] = 6;
	memcpy(bytes + 12, from_client ? "\12\0\0\1\12\0\0\2" : "\12\0\0\2\12\0\0\1", 8);
	memcpy(bytes + 24, &event->trace.segment.seq, 4);
	memcpy(bytes + 28, &event->trace.segment.ack, 4);
	bytes[32] = 0x50;
	bytes[33] = event->trace.segment.flags;
	capture_packet(capture, &packet, bytes, now);
}

/* Feeds everything, a packet before the records of its moment. */
static void scene_feed(struct capture *capture)
{
	for (size_t i = 0; i < scene.count; i++) {
		const struct view_event *event = &scene.events[i];

		if (event->trace.kind == ELEVEN_TRACE_IN || event->trace.kind == ELEVEN_TRACE_OUT)
			packet_feed(capture, event, event->trace.time);
		capture_event(capture, event);
		capture_write(capture, event->trace.time, false);
	}
}

/* In the made-up scenes changes of state do not name the packet that made them: give each the one before it. */
static void scene_number(void)
{
	for (size_t i = 1; i < scene.count; i++) {
		struct eleven_trace *trace = &scene.events[i].trace;
		const struct view_event *before = &scene.events[i - 1];

		if (trace->kind == ELEVEN_TRACE_TRANSITION && before->trace.kind == ELEVEN_TRACE_IN &&
		    strcmp(before->host, scene.events[i].host) == 0)
			trace->packet = before->trace.packet;
	}
}

struct found {
	unsigned packets, comments;
	uint64_t last_time;
	char text[1 << 16];
};

static struct found found;

static void file_read(void)
{
	struct pcapng_reader reader;
	struct pcapng_packet packet;
	enum pcapng_block block;

	memset(&found, 0, sizeof(found));
	pcapng_reader_init(&reader, file, file_bytes);
	while ((block = pcapng_next(&reader, &packet)) != PCAPNG_END) {
		assert_int_not_equal(block, PCAPNG_BAD);
		if (block != PCAPNG_PACKET)
			continue;
		found.packets++;
		assert_int_equal(packet.n, packet.original_bytes);
		for (unsigned i = 0; i < packet.comment_count; i++) {
			found.comments++;
			snprintf(found.text + strlen(found.text), sizeof(found.text) - strlen(found.text), "%u: %.*s\n",
				 found.packets, (int)packet.comments[i].n, packet.comments[i].bytes);
		}
	}
}

static void test_each_change_of_state_is_in_a_comment_once(void **state)
{
	struct capture *capture = capture_open(2);

	(void)state;
	memset(&scene, 0, sizeof(scene));
	scene_whole_life(&scene, 800);
	scene_finish(&scene);
	scene_number();
	scene_feed(capture);
	assert_int_equal(capture_write(capture, 0, true), 0);
	file_read();
	assert_int_equal(found.packets, scene.packets[0] + scene.packets[1]);
	assert_int_equal(found.packets, capture_count(capture));
	golden_check("capture-comments.golden", found.text);
	capture_destroy(capture);
}

/* One end only: packets in and out of it, nothing waits for the other end. */
static void test_one_host(void **state)
{
	struct capture *capture = capture_open(1);
	unsigned expected = 0;

	(void)state;
	memset(&scene, 0, sizeof(scene));
	scene_whole_life(&scene, 800);
	scene_finish(&scene);
	scene_number();
	for (size_t i = 0; i < scene.count; i++) {
		const struct view_event *event = &scene.events[i];

		if (strcmp(event->host, "client") != 0)
			continue;
		if (event->trace.kind == ELEVEN_TRACE_IN || event->trace.kind == ELEVEN_TRACE_OUT) {
			packet_feed(capture, event, event->trace.time);
			expected++;
		}
		capture_event(capture, event);
	}
	capture_write(capture, scene.events[scene.count - 1].trace.time + CAPTURE_SETTLE_NS, false);
	file_read();
	assert_int_equal(found.packets, expected);
	capture_destroy(capture);
}

static void test_a_packet_waits_for_its_arrival_but_not_for_ever(void **state)
{
	struct capture *capture = capture_open(2);
	uint64_t sent;

	(void)state;
	memset(&scene, 0, sizeof(scene));
	scene_segment(&scene, CLIENT, 0, -1, S, 0, 0, 0, false);
	sent = scene.events[0].trace.time;
	packet_feed(capture, &scene.events[0], sent);
	capture_write(capture, sent + CAPTURE_HOLD_NS - 1, false);
	file_read();
	assert_int_equal(found.packets, 0);
	capture_write(capture, sent + CAPTURE_HOLD_NS, false);
	file_read();
	assert_int_equal(found.packets, 1);
	capture_destroy(capture);
}

static int file_full(void *context, const void *bytes, size_t n)
{
	(void)bytes;
	(void)n;
	return --*(int *)context < 0 ? -28 : 0;
}

static void test_a_full_disk_is_told(void **state)
{
	struct control_host hosts[2] = { { .name = "client" }, { .name = "server" } };
	int left = 2;

	(void)state;
	assert_null(capture_create(hosts, 2, file_full, &left));
	for (left = 3; left < 6; left++) {
		int allowed = left;
		struct capture *capture = capture_create(hosts, 2, file_full, &allowed);

		assert_non_null(capture);
		memset(&scene, 0, sizeof(scene));
		scene_whole_life(&scene, 1);
		scene_finish(&scene);
		scene_feed(capture);
		assert_int_equal(capture_write(capture, 0, true), -28);
		capture_destroy(capture);
	}
}

/* Packets that are none, and records of hosts nobody has heard of. */
static void test_hostile_packets(void **state)
{
	struct capture *capture = capture_open(2);
	unsigned seed = 3;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		uint8_t bytes[80];
		struct control_packet packet = { .time = (uint64_t)round * MS, .serial = (uint64_t)round };

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)((seed = seed * 1103515245 + 12345) >> 16);
		if (round & 1)
			bytes[0] = (uint8_t)(0x40 | (bytes[0] & 15));
		if (round & 2)
			memcpy(bytes + 12, "\12\0\0\1\12\0\0\2", 8);
		packet.length = bytes[70] % 60;
		packet.out = bytes[71] & 1;
		packet.kind = bytes[72] & 1;
		strcpy(packet.host, bytes[73] & 3 ? "client" : "nobody");
		capture_packet(capture, &packet, bytes, (uint64_t)round * MS);
		capture_write(capture, (uint64_t)round * MS, false);
	}
	capture_write(capture, 0, true);
	file_read();
	assert_true(found.packets > 0);
	capture_destroy(capture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_change_of_state_is_in_a_comment_once),
		cmocka_unit_test(test_one_host),
		cmocka_unit_test(test_a_packet_waits_for_its_arrival_but_not_for_ever),
		cmocka_unit_test(test_a_full_disk_is_told),
		cmocka_unit_test(test_hostile_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
