/* SPDX-License-Identifier: MIT */
/* pcapng: what is written is read back, tshark reads it without complaint, damaged files do no harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "base/random.h"
#include "wire/ipv4.h"
#include "wire/pcapng.h"
#include "wire/tcp.h"

enum { FILE_MAX = 1 << 16, PACKETS = 40 };

static struct pcapng_text text_of(const char *text)
{
	return (struct pcapng_text){ text, (uint32_t)strlen(text) };
}

static void assert_text(struct pcapng_text a, struct pcapng_text b)
{
	assert_int_equal(a.n, b.n);
	assert_memory_equal(a.bytes, b.bytes, a.n);
}

struct capture {
	uint8_t bytes[FILE_MAX];
	size_t n;
	struct pcapng_packet packets[PACKETS];
	uint8_t payload[256];
};

/* Section, two interfaces, random packets. */
static void capture_write(struct capture *capture, struct random *random)
{
	uint8_t *at = capture->bytes;
	size_t left = sizeof(capture->bytes), n;
	static const char *comments[] = { "a", "ab", "abc", "abcd", "", "SYN_SENT \xe2\x86\x92 ESTABLISHED" };

	for (size_t i = 0; i < sizeof(capture->payload); i++)
		capture->payload[i] = (uint8_t)random_next(random);
	n = pcapng_write_section(at, left, text_of("eleven"));
	at += n;
	left -= n;
	n = pcapng_write_interface(at, left, PCAPNG_LINK_RAW, 0, text_of("alpha"));
	at += n;
	left -= n;
	n = pcapng_write_interface(at, left, PCAPNG_LINK_ETHERNET, 65535, text_of(""));
	at += n;
	left -= n;
	for (int i = 0; i < PACKETS; i++) {
		struct pcapng_packet *packet = &capture->packets[i];

		memset(packet, 0, sizeof(*packet));
		packet->interface = (uint32_t)random_below(random, 2);
		packet->time_ns = random_next(random);
		packet->bytes = capture->payload;
		packet->n = (uint32_t)random_below(random, 200);
		packet->original_bytes = packet->n + (uint32_t)random_below(random, 3);
		for (uint64_t k = random_below(random, PCAPNG_COMMENTS_MAX + 1); k; k--)
			packet->comments[packet->comment_count++] = text_of(comments[random_below(random, 6)]);
		n = pcapng_write_packet(at, left, packet);
		assert_true(n > 0 && n % 4 == 0);
		assert_int_equal(pcapng_write_packet(at, n - 1, packet), 0);
		assert_int_equal(pcapng_write_packet(at, n, packet), n);
		at += n;
		left -= n;
	}
	capture->n = (size_t)(at - capture->bytes);
}

static void assert_packet(const struct pcapng_packet *a, const struct pcapng_packet *b)
{
	unsigned k = 0;

	assert_int_equal(a->interface, b->interface);
	assert_true(a->time_ns == b->time_ns);
	assert_int_equal(a->n, b->n);
	assert_int_equal(a->original_bytes, b->original_bytes);
	assert_memory_equal(a->bytes, b->bytes, a->n);
	for (unsigned i = 0; i < b->comment_count; i++)
		if (b->comments[i].n)           /* empty ones are not written */
			assert_text(a->comments[k++], b->comments[i]);
	assert_int_equal(a->comment_count, k);
}

static void test_what_is_written_is_read_back(void **state)
{
	struct capture *capture = calloc(1, sizeof(*capture));
	struct random random;

	(void)state;
	random_seed(&random, 1);
	for (int round = 0; round < 300; round++) {
		struct pcapng_packet packet;
		struct pcapng_reader r;

		capture_write(capture, &random);
		pcapng_reader_init(&r, capture->bytes, capture->n);
		assert_int_equal(pcapng_next(&r, &packet), PCAPNG_SECTION);
		assert_int_equal(pcapng_next(&r, &packet), PCAPNG_INTERFACE);
		assert_int_equal(pcapng_next(&r, &packet), PCAPNG_INTERFACE);
		assert_int_equal(r.interface_count, 2);
		assert_int_equal(r.interfaces[0].link_type, PCAPNG_LINK_RAW);
		assert_int_equal(r.interfaces[0].resolution, 9);
		assert_text(r.interfaces[0].name, text_of("alpha"));
		assert_int_equal(r.interfaces[1].link_type, PCAPNG_LINK_ETHERNET);
		assert_int_equal(r.interfaces[1].snap_bytes, 65535);
		assert_int_equal(r.interfaces[1].name.n, 0);
		for (int i = 0; i < PACKETS; i++) {
			assert_int_equal(pcapng_next(&r, &packet), PCAPNG_PACKET);
			assert_packet(&packet, &capture->packets[i]);
		}
		assert_int_equal(pcapng_next(&r, &packet), PCAPNG_END);
	}
	free(capture);
}

/* Turns every number of a file that capture_write() made: the other byte order. */
static void turn16(uint8_t *at)
{
	uint8_t first = at[0];

	at[0] = at[1];
	at[1] = first;
}

static void turn32(uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, 4);
	value = __builtin_bswap32(value);
	memcpy(at, &value, 4);
}

static uint32_t native32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, 4);
	return value;
}

static void turn_options(uint8_t *at, const uint8_t *end)
{
	while (end - at >= 4) {
		uint16_t n;

		memcpy(&n, at + 2, 2);
		turn16(at);
		turn16(at + 2);
		at += 4 + (n + 3) / 4 * 4;
	}
}

static void turn_block(uint8_t *at, size_t n)
{
	uint32_t type = native32(at), captured = native32(at + 20);

	if (type == 0x0a0d0d0a) {
		turn_options(at + 24, at + n - 4);
		turn32(at + 8);
		turn16(at + 12);
		turn16(at + 14);
	} else if (type == 1) {
		turn_options(at + 16, at + n - 4);
		turn16(at + 8);
		turn32(at + 12);
	} else {
		turn_options(at + 28 + (captured + 3) / 4 * 4, at + n - 4);
		for (int i = 8; i < 28; i += 4)
			turn32(at + i);
	}
	turn32(at);
	turn32(at + 4);
	turn32(at + n - 4);
}

static void test_the_other_byte_order_is_read(void **state)
{
	struct capture *capture = calloc(1, sizeof(*capture));
	struct random random;
	struct pcapng_packet packet;
	struct pcapng_reader r;

	(void)state;
	random_seed(&random, 2);
	capture_write(capture, &random);
	for (size_t at = 0, n; at < capture->n; at += n) {
		n = native32(capture->bytes + at + 4);
		turn_block(capture->bytes + at, n);
	}
	pcapng_reader_init(&r, capture->bytes, capture->n);
	assert_int_equal(pcapng_next(&r, &packet), PCAPNG_SECTION);
	assert_true(r.swapped);
	assert_int_equal(pcapng_next(&r, &packet), PCAPNG_INTERFACE);
	assert_int_equal(pcapng_next(&r, &packet), PCAPNG_INTERFACE);
	for (int i = 0; i < PACKETS; i++) {
		assert_int_equal(pcapng_next(&r, &packet), PCAPNG_PACKET);
		assert_packet(&packet, &capture->packets[i]);
	}
	assert_int_equal(pcapng_next(&r, &packet), PCAPNG_END);
	free(capture);
}

/* if_tsresol of other writers: 10^-n, or 2^-n with the top bit. */
static void test_resolutions_of_other_writers(void **state)
{
	static const struct {
		uint8_t resolution;
		uint64_t count, time_ns;
	} rows[] = {
		{ 9, 1500000001, 1500000001 }, { 6, 1500001, 1500001000 }, { 0, 3, 3000000000 },
		{ 12, 1500000001999, 1500000001 }, { 0x80, 3, 3000000000 }, { 0x81, 3, 1500000000 },
		{ 0x8a, 1024 + 512, 1500000000 }, { 0xa0, 0x180000000, 1500000000 },
		{ 0xa8, 0x18000000000, 1500000000 }, { 0xff, 1, 0 }, { 0x7f, 12345, 0 },
	};
	uint8_t bytes[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pcapng_packet packet = { .time_ns = rows[i].count };
		struct pcapng_reader r;
		size_t n = pcapng_write_section(bytes, sizeof(bytes), text_of("")), at = n;

		n += pcapng_write_interface(bytes + n, sizeof(bytes) - n, PCAPNG_LINK_RAW, 0, text_of(""));
		assert_int_equal(bytes[at + 20], 9);
		bytes[at + 20] = rows[i].resolution;
		n += pcapng_write_packet(bytes + n, sizeof(bytes) - n, &packet);
		pcapng_reader_init(&r, bytes, n);
		assert_int_equal(pcapng_next(&r, &packet), PCAPNG_SECTION);
		assert_int_equal(pcapng_next(&r, &packet), PCAPNG_INTERFACE);
		assert_int_equal(pcapng_next(&r, &packet), PCAPNG_PACKET);
		assert_true(packet.time_ns == rows[i].time_ns);
	}
}

static void test_damaged_files_do_no_harm(void **state)
{
	struct capture *capture = calloc(1, sizeof(*capture));
	struct random random;

	(void)state;
	random_seed(&random, 3);
	for (int round = 0; round < 4000; round++) {
		struct pcapng_packet packet;
		struct pcapng_reader r;
		enum pcapng_block block;
		uint8_t *exact;
		size_t n;

		if (round % 20 == 0)
			capture_write(capture, &random);
		n = random_below(&random, 2) ? capture->n : random_below(&random, capture->n);
		exact = malloc(n + !n);
		memcpy(exact, capture->bytes, n);
		for (uint64_t flips = 1 + random_below(&random, 10); n && flips; flips--)
			exact[random_below(&random, n)] ^= (uint8_t)(1 << random_below(&random, 8));
		pcapng_reader_init(&r, exact, n);
		while ((block = pcapng_next(&r, &packet)) != PCAPNG_END) {
			if (block != PCAPNG_PACKET)
				continue;
			assert_true(packet.bytes >= exact && packet.bytes + packet.n <= exact + n);
			assert_true(packet.interface < r.interface_count);
			for (unsigned i = 0; i < packet.comment_count; i++)
				assert_true((const uint8_t *)packet.comments[i].bytes + packet.comments[i].n <=
					    exact + n);
		}
		free(exact);
	}
	free(capture);
}

static void test_what_is_not_pcapng_is_bad_once(void **state)
{
	static const uint8_t pcap[24] = { 0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0 };
	struct pcapng_packet packet;
	struct pcapng_reader r;

	(void)state;
	pcapng_reader_init(&r, pcap, sizeof(pcap));
	assert_int_equal(pcapng_next(&r, &packet), PCAPNG_BAD);
	assert_int_equal(pcapng_next(&r, &packet), PCAPNG_END);
	pcapng_reader_init(&r, pcap, 0);
	assert_int_equal(pcapng_next(&r, &packet), PCAPNG_END);
}

/* A block of this type and length, its fixed part zeros but for a section's magic number. */
static size_t block(uint8_t *out, uint32_t type, uint32_t n)
{
	uint32_t magic = 0x1a2b3c4d;

	memset(out, 0, n);
	memcpy(out + n - 4, &n, 4);
	memcpy(out + 8, &magic, n >= 16 && type == 0x0a0d0d0a ? 4 : 0);
	memcpy(out, &type, 4);
	memcpy(out + 4, &n, 4);
	return n;
}

static void test_block_lengths(void **state)
{
	static const struct {
		uint32_t type, fixed;
	} blocks[] = { { 0x0a0d0d0a, 28 }, { 1, 20 }, { 6, 32 }, { 99, 12 } };
	struct pcapng_packet packet;
	struct pcapng_reader r;

	(void)state;
	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		for (uint32_t n = 12; n < 44; n++) {
			uint8_t bytes[128];
			size_t length = block(bytes, 0x0a0d0d0a, 28);
			enum pcapng_block last;

			length += block(bytes + length, 1, 20);
			length += block(bytes + length, blocks[i].type, n);
			pcapng_reader_init(&r, bytes, length);
			assert_int_equal(pcapng_next(&r, &packet), PCAPNG_SECTION);
			assert_int_equal(pcapng_next(&r, &packet), PCAPNG_INTERFACE);
			last = pcapng_next(&r, &packet);
			assert_int_equal(last == PCAPNG_BAD, n % 4 != 0 || n < blocks[i].fixed);
			assert_int_equal(pcapng_next(&r, &packet), PCAPNG_END);
		}
	}
}

static void test_interfaces_belong_to_their_section_and_are_bounded(void **state)
{
	uint8_t bytes[28 + 20 * (PCAPNG_INTERFACES_MAX + 1)];
	size_t n = block(bytes, 0x0a0d0d0a, 28);
	struct pcapng_packet packet;
	struct pcapng_reader r;

	(void)state;
	n += block(bytes + n, 1, 20);
	n += block(bytes + n, 0x0a0d0d0a, 28);
	n += block(bytes + n, 6, 32);           /* of an interface that the new section does not have */
	pcapng_reader_init(&r, bytes, n);
	for (int i = 0; i < 3; i++)
		assert_int_not_equal(pcapng_next(&r, &packet), PCAPNG_BAD);
	assert_int_equal(r.interface_count, 0);
	assert_int_equal(pcapng_next(&r, &packet), PCAPNG_BAD);
	n = block(bytes, 0x0a0d0d0a, 28);
	for (int i = 0; i <= PCAPNG_INTERFACES_MAX; i++)
		n += block(bytes + n, 1, 20);
	pcapng_reader_init(&r, bytes, n);
	assert_int_equal(pcapng_next(&r, &packet), PCAPNG_SECTION);
	for (int i = 0; i < PCAPNG_INTERFACES_MAX; i++)
		assert_int_equal(pcapng_next(&r, &packet), PCAPNG_INTERFACE);
	assert_int_equal(pcapng_next(&r, &packet), PCAPNG_BAD);
}

/* A SYN in an IPv4 packet. */
static size_t syn_packet(uint8_t *bytes, size_t n)
{
	struct ipv4 packet = { .source = address_v4(0x0a000001), .destination = address_v4(0x0a000002),
			       .ttl = 64, .protocol = IPV4_PROTOCOL_TCP, .dont_fragment = true };
	struct segment seg = { .syn = true, .window = 65535, .source_port = 40000, .destination_port = 8000 };
	size_t length;

	seg.options = (struct tcp_options){ .has_mss = true, .mss = 1460, .sack_permitted = true,
					    .has_timestamps = true, .tsval = 1, .has_wscale = true, .wscale = 7 };
	length = segment_emit(bytes + IPV4_HEADER_MIN, n - IPV4_HEADER_MIN, &seg, &packet.source,
			      &packet.destination);
	packet.payload_bytes = (uint32_t)length;
	return ipv4_emit(bytes, &packet) + length;
}

/* What does not fit is not written at all; texts and comments beyond what a block takes are cut. */
static void test_writing_into_little_room(void **state)
{
	static char text[PCAPNG_TEXT_MAX + 100];
	static uint8_t big[(PCAPNG_TEXT_MAX + 64) * (PCAPNG_COMMENTS_MAX + 2)];
	struct pcapng_packet packet = { .n = 5, .bytes = (const uint8_t *)"12345", .comment_count = 60000 };
	struct pcapng_text name = { text, sizeof(text) };
	size_t n[3];

	(void)state;
	memset(text, 'x', sizeof(text));
	for (unsigned i = 0; i < PCAPNG_COMMENTS_MAX; i++)
		packet.comments[i] = name;
	n[0] = pcapng_write_section(big, sizeof(big), name);
	n[1] = pcapng_write_interface(big, sizeof(big), PCAPNG_LINK_RAW, 0, name);
	n[2] = pcapng_write_packet(big, sizeof(big), &packet);
	assert_true(n[0] > PCAPNG_TEXT_MAX && n[0] < PCAPNG_TEXT_MAX + 64);
	assert_true(n[1] > PCAPNG_TEXT_MAX && n[1] < PCAPNG_TEXT_MAX + 64);
	assert_true(n[2] > PCAPNG_COMMENTS_MAX * PCAPNG_TEXT_MAX && n[2] <= sizeof(big));
	for (size_t room = 0; room < sizeof(big); room += room < 200 ? 1 : 331) {
		memset(big, 0xee, sizeof(big));
		assert_int_equal(pcapng_write_section(big, room, name), room < n[0] ? 0 : n[0]);
		assert_true(room >= n[0] || big[0] == 0xee);
		assert_int_equal(pcapng_write_interface(big, room, PCAPNG_LINK_RAW, 0, name), room < n[1] ? 0 : n[1]);
		assert_int_equal(pcapng_write_packet(big, room, &packet), room < n[2] ? 0 : n[2]);
	}
}

static void write_all(int fd, const uint8_t *bytes, size_t n)
{
	assert_int_equal(write(fd, bytes, n), n);
}

static void test_tshark_reads_packet_and_comments(void **state)
{
	char path[] = "/tmp/eleven-test-XXXXXX", command[400], line[400] = "";
	struct pcapng_packet packet = { .time_ns = 1700000000123456789ull, .comment_count = 2 };
	uint8_t bytes[512], ip[100];
	FILE *pipe;
	int fd;

	(void)state;
	if (system("tshark --version >/dev/null 2>&1") != 0) {
		print_message("skipped: tshark is not installed\n");
		skip();
	}
	packet.comments[0] = text_of("CLOSED \xe2\x86\x92 SYN_SENT");
	packet.comments[1] = text_of("the program called connect");
	packet.n = packet.original_bytes = (uint32_t)syn_packet(ip, sizeof(ip));
	packet.bytes = ip;
	fd = mkstemp(path);
	assert_true(fd >= 0);
	write_all(fd, bytes, pcapng_write_section(bytes, sizeof(bytes), text_of("eleven")));
	write_all(fd, bytes, pcapng_write_interface(bytes, sizeof(bytes), PCAPNG_LINK_RAW, 0, text_of("wire")));
	write_all(fd, bytes, pcapng_write_packet(bytes, sizeof(bytes), &packet));
	close(fd);
	snprintf(command, sizeof(command),
		 "tshark -r %s -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE -T fields -E separator=/s "
		 "-e frame.time_epoch -e tcp.flags -e tcp.checksum.status -e ip.checksum.status "
		 "-e tcp.options.mss_val -e tcp.options.wscale.shift -e frame.comment 2>&1", path);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	while (fgets(line, sizeof(line), pipe) && !strstr(line, "1700000000"))
		;                       /* past the warning that root should not run it */
	assert_int_equal(pclose(pipe), 0);
	unlink(path);
	assert_string_equal(line, "1700000000.123456789 0x0002 1 1 1460 7 "
			    "CLOSED \xe2\x86\x92 SYN_SENT,the program called connect\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_writing_into_little_room),
		cmocka_unit_test(test_what_is_written_is_read_back),
		cmocka_unit_test(test_the_other_byte_order_is_read),
		cmocka_unit_test(test_resolutions_of_other_writers),
		cmocka_unit_test(test_damaged_files_do_no_harm),
		cmocka_unit_test(test_what_is_not_pcapng_is_bad_once),
		cmocka_unit_test(test_block_lengths),
		cmocka_unit_test(test_interfaces_belong_to_their_section_and_are_bounded),
		cmocka_unit_test(test_tshark_reads_packet_and_comments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
