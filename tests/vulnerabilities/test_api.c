/* SPDX-License-Identifier: MIT */
/* The interface and what prints (tests/vulnerabilities.tsv, V18 to V29 and V103 to V109). */
#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include "stack/flow.h"
#include "wire/print.h"
#include "wire/scan.h"

/* ---- V18, V108: whatever lies on the C stack, nothing of it gets out */

static __attribute__((noinline)) void stack_dirty(uint8_t with)
{
	volatile uint8_t rubbish[32768];

	for (unsigned i = 0; i < sizeof(rubbish); i++)
		rubbish[i] = with;
}

struct digest {
	uint64_t sum;
};

static void digest_add(struct digest *d, const void *bytes, size_t n)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < n; i++)
		d->sum = (d->sum ^ at[i]) * 0x100000001b3ull;
}

/* Everything that the interface gives back, bit for bit, padding as well. */
static void digest_stack(struct digest *d, struct eleven *stack, uint64_t *after, uint8_t with)
{
	struct eleven_trace records[16];
	struct eleven_status status;
	struct eleven_stats stats;
	uint64_t cursor = 0, lost;
	unsigned n;

	memset(records, 0, sizeof(records));
	memset(&status, 0, sizeof(status));
	for (stack_dirty(with); eleven_status_next(stack, &cursor, &status); stack_dirty(with))
		digest_add(d, &status, sizeof(status));
	stack_dirty(with);
	eleven_stats(stack, &stats);
	digest_add(d, &stats, sizeof(stats));
	while ((n = eleven_trace(stack, after, records, 16, &lost)) > 0)
		digest_add(d, records, n * sizeof(records[0]));
}

static bool hear(struct wire *w, const struct wire_segment *segment, void *context)
{
	digest_add(context, segment->header - 20, segment->ip_bytes);
	(void)w;
	return false;
}

static uint64_t life(uint8_t with)
{
	struct digest d = { 1 };
	eleven_handle client, server;
	uint64_t after[2] = { 0 };
	uint8_t text[3000] = { 1 };
	struct wire w;

	wire_defaults(&w, 2, 3);
	w.drop = hear;
	w.drop_context = &d;
	w.loss_permille = 50;
	wire_start(&w);
	wire_pair(&w, 7000, &client, &server);
	for (unsigned i = 0; i < 60; i++) {
		stack_dirty(with);
		eleven_send(w.stack[0], client, text, i * 50, i % 3 ? 0 : ELEVEN_SEND_URGENT, w.now);
		stack_dirty(with);
		eleven_receive(w.stack[1], server, text, 2000, w.now);
		stack_dirty(with);
		wire_step(&w, w.now + MS(20));
		digest_stack(&d, w.stack[0], &after[0], with);
		digest_stack(&d, w.stack[1], &after[1], with);
	}
	stack_dirty(with);
	eleven_close(w.stack[0], client, w.now);
	wire_run(&w, SEC(3));
	stack_dirty(with);
	eleven_abort(w.stack[1], server, w.now);
	wire_run(&w, SEC(100));
	digest_stack(&d, w.stack[0], &after[0], with);
	wire_end(&w);
	return d.sum;
}

static void test_V18_V108_nothing_uninitialised_gets_out(void **state)
{
	uint64_t first = life(0);

	(void)state;
	assert_true(first == life(0x55));
	assert_true(first == life(0xff));
}

/* ---- V19 */

/* Every flag word, and buffers of every size: the line is cut, and never longer than it says. */
static void test_V19_printing(void **state)
{
	char line[SEGMENT_PRINT_MAX];

	(void)state;
	for (unsigned flags = 0; flags < 4096; flags++) {
		struct segment seg = { .seq = seq_of(0xfffffff0), .ack = seq_of(5), .window = 65535, .urgent = 65535,
				       .text_bytes = 4000000000u };
		size_t n;

		seg.fin = flags & 1;
		seg.syn = flags & 2;
		seg.rst = flags & 4;
		seg.psh = flags & 8;
		seg.has_ack = flags & 16;
		seg.urg = flags & 32;
		seg.ece = flags & 64;
		seg.cwr = flags & 128;
		seg.flags = (uint8_t)flags;
		seg.ae = flags & 256;
		seg.reserved_bits = (uint8_t)(flags >> 8 & 14);
		if (flags % 3 == 0) {
			seg.options = (struct tcp_options){
				.has_mss = true, .mss = 65535, .has_wscale = true, .wscale = 255,
				.sack_permitted = true, .has_timestamps = true,
				.tsval = UINT32_MAX, .tsecr = UINT32_MAX, .sack_count = 4,
			};
		}
		n = segment_print(line, sizeof(line), &seg, seq_of(0), seq_of(1));
		assert_true(n < sizeof(line) && strlen(line) == n);
		for (size_t room = 0; room <= n + 1; room += 1 + flags % 7) {
			char *exact = malloc(room + !room);

			assert_int_equal(segment_print(exact, room, &seg, seq_of(0), seq_of(1)), n);
			if (room > 0)
				assert_true(strlen(exact) == (n < room ? n : room - 1));
			free(exact);
		}
	}
}

/* ---- V29 */

static void spoof(struct wire *w, unsigned to, uint32_t from, uint16_t source, uint16_t destination, uint32_t seq,
		  uint32_t ack, uint32_t text)
{
	uint8_t packet[140] = { 0x45, [8] = 64, [9] = 6, [32] = 0x50, [33] = ACK | PSH, [34] = 0xff };
	struct eleven_packet in = { packet, 40 + text, 0, 0, 0 };

	for (unsigned i = 0; i < 4; i++) {
		packet[12 + i] = (uint8_t)(from >> (24 - 8 * i));
		packet[16 + i] = (uint8_t)(wire_address(to) >> (24 - 8 * i));
		packet[24 + i] = (uint8_t)(seq >> (24 - 8 * i));
		packet[28 + i] = (uint8_t)(ack >> (24 - 8 * i));
	}
	wire_store16(packet + 20, source);
	wire_store16(packet + 22, destination);
	wire_seal(packet, in.length);
	eleven_input(w->stack[to], &in, 1, w->now);
}

/* Text in the name of each that the other never sent: they disagree, and soon say no more about it. */
static void test_V29_ACK_storm(void **state)
{
	(void)state;
	for (unsigned both = 0; both < 2; both++) {
		struct eleven_status a, b;
		eleven_handle client, server;
		uint64_t before;
		struct wire w;

		wire_defaults(&w, 2, 4);
		w.config[0].timestamps = 0;     /* or it would be dropped for want of one */
		wire_start(&w);
		wire_pair(&w, 7000, &client, &server);
		wire_run(&w, SEC(1));
		assert_int_equal(eleven_status(w.stack[0], client, &a), 0);
		assert_int_equal(eleven_status(w.stack[1], server, &b), 0);
		before = w.packets;
		spoof(&w, 1, wire_address(0), a.local.port, 7000, a.snd_nxt, a.rcv_nxt, 100);
		if (both)
			spoof(&w, 0, wire_address(1), 7000, a.local.port, b.snd_nxt, b.rcv_nxt, 50);
		wire_run(&w, SEC(60));
		print_message("V29: %llu segments until silence\n", (unsigned long long)(w.packets - before));
		assert_in_range(w.packets - before, 1, 10);
		before = w.packets;
		wire_run(&w, SEC(600));
		assert_true(w.packets == before);
		wire_end(&w);
	}
}

/* ---- V103, V104 */

/* Every call with a handle of the dead, of nobody, or made up: -EBADF; and a new connection in its place is another. */
static void test_V104_stale_handles(void **state)
{
	struct eleven_endpoint there = endpoint(wire_address(1), 7000);
	eleven_handle dead[3] = { 0, 0, 0xdeadbeef00000001ull }, client, server;
	struct eleven_slice slices[2];
	struct eleven_status status;
	struct wire w;
	uint64_t value;
	char byte;

	(void)state;
	wire_defaults(&w, 2, 5);
	wire_start(&w);
	for (unsigned round = 0; round < 100; round++) {
		wire_pair(&w, (uint16_t)(7000 + round), &client, &server);
		dead[1] = client;
		assert_int_equal(eleven_abort(w.stack[0], client, w.now), 0);
		wire_run(&w, MS(10));
		wire_signals(&w, 0);
		eleven_abort(w.stack[1], server, w.now);
		for (unsigned i = 0; i < 3; i++) {
			struct eleven *s = w.stack[0];

			assert_int_equal(eleven_send(s, dead[i], "x", 1, 0, w.now), -EBADF);
			assert_int_equal(eleven_receive(s, dead[i], &byte, 1, w.now), -EBADF);
			assert_int_equal(eleven_send_buf(s, dead[i], 1, slices, w.now), -EBADF);
			assert_int_equal(eleven_receive_buf(s, dead[i], slices, w.now), -EBADF);
			assert_int_equal(eleven_shutdown(s, dead[i], w.now), -EBADF);
			assert_int_equal(eleven_close(s, dead[i], w.now), -EBADF);
			assert_int_equal(eleven_abort(s, dead[i], w.now), -EBADF);
			assert_int_equal(eleven_status(s, dead[i], &status), -EBADF);
			assert_int_equal(eleven_connect(s, dead[i], &there, w.now), -EBADF);
			assert_int_equal(eleven_listen(s, dead[i], 1, w.now), -EBADF);
			assert_int_equal(eleven_accept(s, dead[i], &client, w.now), -EBADF);
			assert_int_equal(eleven_option_get(s, dead[i], ELEVEN_OPTION_TTL, &value), -EBADF);
		}
	}
	wire_end(&w);
}

/* Whoever lists connections while they come and go sees each that stays, and ends. */
static void test_V103_listing_while_connections_die(void **state)
{
	eleven_handle client[60], server[60];
	struct eleven_status status;
	struct wire w;

	(void)state;
	wire_defaults(&w, 2, 6);
	wire_start(&w);
	for (unsigned i = 0; i < 60; i++)
		wire_pair(&w, (uint16_t)(7000 + i), &client[i], &server[i]);
	for (unsigned round = 0; round < 6; round++) {
		uint64_t cursor = 0;
		unsigned seen = 0, stays = 0;

		while (eleven_status_next(w.stack[0], &cursor, &status)) {
			for (unsigned i = 50; i < 60; i++)
				stays += status.connection == client[i];
			if (seen++ < 8 && round * 8 + seen <= 48)
				eleven_abort(w.stack[0], client[round * 8 + seen - 1], w.now);
			if (seen % 3 == 0)
				wire_run(&w, MS(5));
			assert_true(seen < 1000);
		}
		assert_int_equal(stays, 10);
	}
	wire_end(&w);
}

/* ---- V109 */

static void search(const char *folder, unsigned *files)
{
	static const char *const words[] = {
		"getaddrinfo", "gethostbyname", "res_query", "res_send", "dhcp", "DHCP", "mDNS", "LLMNR", "resolv.conf",
	};
	char path[600], line[1000];
	struct dirent *entry;
	DIR *dir = opendir(folder);

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		size_t n = strlen(entry->d_name);
		FILE *file;

		if (n < 3 || (strcmp(entry->d_name + n - 2, ".c") != 0 && strcmp(entry->d_name + n - 2, ".h") != 0))
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		file = fopen(path, "r");
		assert_non_null(file);
		++*files;
		while (fgets(line, sizeof(line), file))
			for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
				if (strstr(line, words[i]))
					fail_msg("%s has '%s': %s", path, words[i], line);
		fclose(file);
	}
	closedir(dir);
}

/* There is no resolver in the stack, nor a client of DHCP: nothing of theirs can be wrong here. */
static void test_V109_no_DNS(void **state)
{
	static const char *const folders[] = { "base", "wire", "trace", "ip", "tcp", "stack", "link", "host" };
	const char *source = getenv("SOURCE");
	unsigned files = 0;
	char path[500];

	(void)state;
	if (!source) {
		print_message("SOURCE does not say where the sources are\n");
		skip();
	}
	for (unsigned i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, sizeof(path), "%s/src/%s", source, folders[i]);
		search(path, &files);
	}
	assert_true(files > 80);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_V18_V108_nothing_uninitialised_gets_out),
		cmocka_unit_test(test_V19_printing),
		cmocka_unit_test(test_V29_ACK_storm),
		cmocka_unit_test(test_V104_stale_handles),
		cmocka_unit_test(test_V103_listing_while_connections_die),
		cmocka_unit_test(test_V109_no_DNS),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
