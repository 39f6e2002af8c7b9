/* SPDX-License-Identifier: MIT */
/* A big segment is cut into segments that say together what it said, each right in itself. */
#include "packets.h"

#include "base/random.h"
#include "link/cut.h"

static void cut_one(struct made *made, uint16_t segment_bytes, uint8_t flags, uint32_t text_bytes)
{
	static uint8_t packet[PACKET_BYTES_MAX];
	uint32_t seq = 0xffffff00u, done = 0, length;
	struct segment segment;
	struct ipv4 ip;
	struct cut cut;
	unsigned n = 0;

	segment_make(made, 0x0a000001, 0x0a000002, flags, seq, text_bytes);
	made->out.segment_bytes = segment_bytes;
	cut_begin(&cut, &made->out);
	while ((length = cut_next(&cut, packet)) > 0) {
		bool last = done + (length - 52) == text_bytes;

		packet_check(packet, length, &ip, &segment);
		assert_int_equal(segment.seq.value, seq + done);
		assert_int_equal(ip.id, (uint16_t)(0xfffe + n));
		assert_true(segment.text_bytes == segment_bytes || last || segment_bytes == 0);
		assert_memory_equal(segment.text, made->text + done, segment.text_bytes);
		assert_int_equal(segment.fin, last && flags & FLAG_FIN);
		assert_int_equal(segment.psh, last && flags & FLAG_PSH);
		assert_int_equal(segment.cwr, n == 0 && flags & FLAG_CWR);
		assert_true(segment.has_ack);
		done += segment.text_bytes;
		n++;
	}
	assert_int_equal(done, text_bytes);
	assert_int_equal(n, !segment_bytes || !text_bytes ? 1 : (text_bytes + segment_bytes - 1) / segment_bytes);
	assert_int_equal(cut_next(&cut, packet), 0);
}

static void test_segments_cover_the_text_and_flags_stay_where_they_belong(void **state)
{
	static struct made made;
	struct random random;

	(void)state;
	random_seed(&random, 11);
	for (unsigned i = 0; i < 400; i++) {
		uint16_t segment_bytes = (uint16_t)(random_below(&random, 3) ? 1 + random_below(&random, 3000) : 0);
		uint32_t text_bytes = (uint32_t)random_below(&random, segment_bytes ? 65000 : 1449);

		if (segment_bytes && segment_bytes < 40)
			text_bytes %= 5000;
		cut_one(&made, segment_bytes, FLAG_ACK | FLAG_PSH | FLAG_FIN | FLAG_CWR, text_bytes);
	}
	cut_one(&made, 1448, FLAG_ACK | FLAG_PSH, 1448);
	cut_one(&made, 1448, FLAG_ACK | FLAG_FIN, 0);
}

static void test_described_packet_is_cut_like_the_original(void **state)
{
	static struct made made;
	static uint8_t whole[PACKET_BYTES_MAX], one[PACKET_BYTES_MAX], other[PACKET_BYTES_MAX];
	struct eleven_out described;
	struct cut a, b;
	uint32_t length;

	(void)state;
	segment_make(&made, 0x0a000001, 0x0a000002, FLAG_ACK, 5, 10000);
	made.out.segment_bytes = 1000;
	assert_true(packet_describe(&described, whole, packet_gather(whole, &made.out), 0, 1000));
	cut_begin(&a, &made.out);
	cut_begin(&b, &described);
	while ((length = cut_next(&a, one)) > 0) {
		assert_int_equal(cut_next(&b, other), length);
		assert_memory_equal(one, other, length);
	}
	assert_int_equal(cut_next(&b, other), 0);
}

static void test_damaged_packets_are_described_whole(void **state)
{
	static struct made made;
	static uint8_t whole[PACKET_BYTES_MAX];
	struct eleven_out described;
	struct random random;
	uint32_t length;

	(void)state;
	random_seed(&random, 3);
	for (unsigned i = 0; i < 20000; i++) {
		uint8_t *copy;

		segment_make(&made, 0x0a000001, 0x0a000002, FLAG_ACK, 5, 100);
		length = (uint32_t)random_below(&random, packet_gather(whole, &made.out) + 1);
		copy = malloc(length ? length : 1);     /* so that a sanitizer sees a read beyond it */
		assert_non_null(copy);
		memcpy(copy, whole, length);
		for (unsigned n = 0; n < 3 && length; n++)
			copy[random_below(&random, length < 40 ? length : 40)] = (uint8_t)random_next(&random);
		if (packet_describe(&described, copy, length, 0, 10)) {
			assert_true(described.length <= length);
			assert_true(described.slice[0].length + described.slice[1].length == described.length);
		} else {
			assert_int_equal(described.slice[0].length, length);
			assert_int_equal(described.segment_bytes, 0);
		}
		packet_checksum(copy, length, 0);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segments_cover_the_text_and_flags_stay_where_they_belong),
		cmocka_unit_test(test_described_packet_is_cut_like_the_original),
		cmocka_unit_test(test_damaged_packets_are_described_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
