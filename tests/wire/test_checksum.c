/* SPDX-License-Identifier: MIT */
/* The checksum against RFC 1071's definition, in every split and alignment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/random.h"
#include "wire/checksum.h"

enum { LENGTH_MAX = 700 };

/* One word after the other, as the RFC defines it. */
static uint16_t plain(const uint8_t *bytes, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += i % 2 ? bytes[i] : bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Random bytes, or all ones, or all zeros: where carries and the two zeros of ones' complement lie. */
static void fill(struct random *random, uint8_t *bytes, size_t n)
{
	unsigned kind = (unsigned)random_below(random, 4);

	for (size_t i = 0; i < n; i++)
		bytes[i] = kind == 0 ? 0xff : kind == 1 ? 0 : (uint8_t)random_next(random);
}

static void test_RFC_1071_example(void **state)
{
	static const uint8_t bytes[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };

	(void)state;
	assert_int_equal(checksum_add(0, bytes, sizeof(bytes)), 0xddf2);
	assert_int_equal(checksum_finish(0xddf2), 0x220d);
}

static void test_any_slices_sum_to_the_whole(void **state)
{
	uint8_t bytes[LENGTH_MAX + 8], copied[LENGTH_MAX + 8];
	struct random random;

	(void)state;
	random_seed(&random, 1);
	for (int round = 0; round < 20000; round++) {
		size_t n = random_below(&random, LENGTH_MAX + 1), from = random_below(&random, 8), at = 0;
		uint8_t *start = bytes + from;
		uint32_t sum = 0, copy_sum = 0, joined = 0;

		fill(&random, start, n);
		memset(copied, 0xaa, sizeof(copied));
		while (at < n) {
			size_t part = 1 + random_below(&random, random_below(&random, 2) ? 7 : n - at);

			if (part > n - at)
				part = n - at;
			sum = checksum_add(sum, start + at, part);
			copy_sum = checksum_copy(copied + at, start + at, part, copy_sum);
			joined = checksum_join(joined, checksum_add(0, start + at, part));
			at += part;
		}
		assert_int_equal(checksum_finish(sum), plain(start, n));
		assert_int_equal(checksum_finish(checksum_add(0, start, n)), plain(start, n));
		assert_int_equal(copy_sum, sum);
		assert_int_equal(joined, sum);
		assert_int_equal(!!(sum & CHECKSUM_ODD), n % 2);
		assert_memory_equal(copied, start, n);
		assert_int_equal(copied[n], 0xaa);
	}
}

/* Exactly sized heap blocks: the sanitizer sees a byte too many. */
static void test_reads_and_writes_no_byte_too_many(void **state)
{
	(void)state;
	for (size_t n = 0; n < 300; n++) {
		uint8_t *from = malloc(n + !n), *to = malloc(n + !n);

		memset(from, 0x5a, n + !n);
		assert_int_equal(checksum_finish(checksum_copy(to, from, n, 0)), plain(from, n));
		assert_int_equal(checksum_finish(checksum_add(0, from, n)), plain(from, n));
		assert_memory_equal(from, to, n);
		free(from);
		free(to);
	}
}

static void test_megabytes_do_not_overflow(void **state)
{
	size_t n = (size_t)1 << 24;
	uint8_t *bytes = malloc(n);

	(void)state;
	memset(bytes, 0xff, n);
	assert_int_equal(checksum_finish(checksum_add(0, bytes, n)), 0);
	bytes[n - 1] = 0xfe;
	assert_int_equal(checksum_finish(checksum_add(0, bytes, n)), plain(bytes, n));
	assert_int_equal(checksum_finish(checksum_add(0, bytes, n)), 1);
	free(bytes);
}

static void test_a_right_message_sums_to_zero_and_a_bit_less_does_not(void **state)
{
	uint8_t bytes[64];
	struct random random;

	(void)state;
	random_seed(&random, 3);
	for (int round = 0; round < 3000; round++) {
		size_t n = 2 + random_below(&random, 62), bit = random_below(&random, n * 8);

		fill(&random, bytes, n);
		bytes[0] |= 1;
		store_be16(bytes, 0);
		store_be16(bytes, checksum_finish(checksum_add(0, bytes, n)));
		assert_int_equal(checksum_finish(checksum_add(0, bytes, n)), 0);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(checksum_finish(checksum_add(0, bytes, n)), 0);
	}
}

static void test_pseudo_headers_are_the_bytes_they_stand_for(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 4);
	for (int round = 0; round < 2000; round++) {
		struct address from = address_v4((uint32_t)random_next(&random));
		struct address to = address_v4((uint32_t)random_next(&random));
		uint16_t n = (uint16_t)random_next(&random);
		uint8_t v4[12], v6[40] = { 0 };

		memcpy(v4, from.bytes + 12, 4);
		memcpy(v4 + 4, to.bytes + 12, 4);
		v4[8] = 0;
		v4[9] = 6;
		store_be16(v4 + 10, n);
		assert_int_equal(checksum_finish(checksum_pseudo(&from, &to, 6, n)), plain(v4, sizeof(v4)));
		for (int i = 0; i < 16; i++) {
			from.bytes[i] = (uint8_t)random_next(&random);
			to.bytes[i] = (uint8_t)random_next(&random);
		}
		memcpy(v6, from.bytes, 16);
		memcpy(v6 + 16, to.bytes, 16);
		store_be32(v6 + 32, 100000u + n);
		v6[39] = 6;
		assert_int_equal(checksum_finish(checksum_pseudo(&from, &to, 6, 100000u + n)), plain(v6, sizeof(v6)));
		assert_int_equal(checksum_word(checksum_add(0, v6, 38), 6), checksum_add(0, v6, 40));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_RFC_1071_example),
		cmocka_unit_test(test_any_slices_sum_to_the_whole),
		cmocka_unit_test(test_reads_and_writes_no_byte_too_many),
		cmocka_unit_test(test_megabytes_do_not_overflow),
		cmocka_unit_test(test_a_right_message_sums_to_zero_and_a_bit_less_does_not),
		cmocka_unit_test(test_pseudo_headers_are_the_bytes_they_stand_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
