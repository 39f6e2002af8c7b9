/* SPDX-License-Identifier: MIT */
/*
 * Recordings that are damaged, cut off, or written by somebody who knows the format: a good one is made once, and the
 * input says what to change in it; checksums may be made right again.  A replay ends with an answer, whatever it reads.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "base/time.h"
#include "fuzz/arena.h"
#include "fuzz/must.h"
#include "fuzz/target.h"
#include "host/record.h"
#define ELEVEN_HOST_RECORD_ITSELF
#include "host/recorded.h"
#include "host/replay.h"

#define GOOD_MAX   65536u
#define EDITS_MAX  6
#define RECORDS_MAX 128

static uint8_t good[GOOD_MAX], bytes_now[GOOD_MAX + 4096];
static size_t good_bytes;
static size_t starts[RECORDS_MAX];
static unsigned record_count;
static char path[40];
static int fd;
static uint8_t blocks[2][1 << 18] __attribute__((aligned(64)));

static void packets_move(struct eleven *from, struct eleven *to, uint64_t now)
{
	struct eleven_out out[8];
	struct eleven_signal signal;
	uint8_t bytes[2048];
	unsigned n;

	while (recorded_signal(from, &signal))
		;
	while ((n = recorded_output(from, out, 8, now)) > 0)
		for (unsigned i = 0; i < n; i++) {
			struct eleven_packet packet = { .bytes = bytes };

			for (unsigned s = 0; s < out[i].slices; s++) {
				memcpy(bytes + packet.length, out[i].slice[s].bytes, out[i].slice[s].length);
				packet.length += out[i].slice[s].length;
			}
			recorded_input(to, &packet, 1, now);
		}
}

/* A connection, text both ways by both kinds of call, and its end. */
static void run_record(const struct eleven_config *config)
{
	struct eleven_interface interface = { .kind = ELEVEN_LINK_IP, .prefix_bits = 24, .mtu = 1500 };
	struct eleven_endpoint at = { .port = ARENA_PORT };
	struct eleven_slice slices[2];
	struct eleven *stack[2];
	eleven_handle listener, client, server;
	uint64_t now = ARENA_START;
	char text[64];

	for (unsigned i = 0; i < 2; i++) {
		struct address address = address_v4(ARENA_US + i);

		memcpy(interface.address.bytes, address.bytes, sizeof(address.bytes));
		MUST(recorded_create(&stack[i], blocks[i], sizeof(blocks[i]), config, &interface, i ? "b" : "a",
				     now) == 0);
	}
	MUST(recorded_open(stack[1], &listener, now) == 0 && recorded_bind(stack[1], listener, &at, 0, now) == 0);
	MUST(recorded_listen(stack[1], listener, 2, now) == 0 && recorded_open(stack[0], &client, now) == 0);
	at.address = interface.address;
	recorded_option_set(stack[0], client, ELEVEN_OPTION_NODELAY, 1, now);
	MUST(recorded_connect(stack[0], client, &at, now) == 0);
	for (unsigned i = 0; i < 3; i++)
		packets_move(stack[i & 1], stack[!(i & 1)], now += 1000);
	MUST(recorded_accept(stack[1], listener, &server, now) == 0);
	MUST(recorded_send(stack[0], client, "hello", 5, 0, now) == 5);
	MUST(recorded_send_buf(stack[0], client, 8, slices, now) > 0);
	memcpy((uint8_t *)(uintptr_t)slices[0].bytes, "abcdefgh", 8);
	recorded_send_commit(stack[0], client, 8, 0, now);
	packets_move(stack[0], stack[1], now += 1000);
	MUST(recorded_receive(stack[1], server, text, 5, now) == 5);
	MUST(recorded_receive_buf(stack[1], server, slices, now) > 0);
	recorded_receive_commit(stack[1], server, 8, now);
	recorded_shutdown(stack[0], client, now);
	packets_move(stack[0], stack[1], now += 1000);
	recorded_close(stack[1], server, now);
	packets_move(stack[1], stack[0], now += 1000);
	recorded_timers(stack[0], now += SEC(1));
	recorded_abort(stack[0], client, now);
	packets_move(stack[0], stack[1], now);
}

static void good_make(void)
{
	static struct arena arena;      /* for its configuration */
	FILE *file;

	arena_create(&arena, 5);
	fd = memfd_create("recording", 0);
	MUST(fd >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	MUST(record_begin(path, 7) == 0);
	run_record(&arena.config);
	MUST(record_end() == 0);
	file = fopen(path, "rb");
	good_bytes = fread(good, 1, sizeof(good), file);
	fclose(file);
	for (size_t at = sizeof(struct record_file); at < good_bytes && record_count < RECORDS_MAX;) {
		struct record_head head;

		memcpy(&head, good + at, sizeof(head));
		starts[record_count++] = at;
		at += sizeof(head) + head.bytes;
	}
	MUST(record_count > 20 && good_bytes < sizeof(good));
}

/* Gives a record the checksum it would have been written with, if it lies within the bytes. */
static void check_mend(uint8_t *bytes, size_t n, size_t at)
{
	struct record_head head;

	if (at + sizeof(head) > n)
		return;
	memcpy(&head, bytes + at, sizeof(head));
	head.check = 0;
	if (head.bytes > n - at - sizeof(head))
		return;
	head.check = (uint32_t)crc32(crc32(0, (const Bytef *)&head, sizeof(head)), bytes + at + sizeof(head),
				     head.bytes);
	memcpy(bytes + at, &head, sizeof(head));
}

static size_t good_edit(struct choice *c)
{
	size_t n = good_bytes;

	memcpy(bytes_now, good, n);
	for (unsigned i = 0; i < EDITS_MAX && !choice_over(c); i++) {
		size_t at = starts[choice_below(c, record_count)];
		uint32_t what = choice_below(c, 8), where, width = 1u << choice_below(c, 4);
		uint64_t value;

		where = choice_below(c, what < 4 ? (uint32_t)sizeof(struct record_head) : 700);
		value = choice_number(c, width);
		if (what == 7) {
			n = at + where < n ? at + where : n;
			continue;
		}
		if (at + where + width > good_bytes)
			continue;
		memcpy(bytes_now + at + where, &value, width);
		if (what != 0)
			check_mend(bytes_now, n, at);
	}
	if (!choice_over(c))
		bytes_now[choice_below(c, sizeof(struct record_file))] = (uint8_t)choice_number(c, 1);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct choice c = choice_bytes(bytes, n);
	char problem[200] = "";
	struct replay *replay;
	unsigned steps = 0;
	size_t length;
	int result;

	if (good_bytes == 0)
		good_make();
	length = good_edit(&c);
	MUST(ftruncate(fd, 0) == 0 && pwrite(fd, bytes_now, length, 0) == (ssize_t)length);
	if (replay_open(&replay, path, problem, sizeof(problem)) < 0) {
		MUST(problem[0]);
		return 0;
	}
	while ((result = replay_step(replay, problem, sizeof(problem))) > 0)
		MUST(++steps <= RECORDS_MAX * 4);
	MUST(result == 0 || result == -EBADMSG || result == -EINVAL || result == -ENOMEM);
	MUST(result == 0 || problem[0]);
	if (n == 0)
		MUST(result == 0 && steps == record_count);
	replay_close(replay);
	return 0;
}
