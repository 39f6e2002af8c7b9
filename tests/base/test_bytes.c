/* SPDX-License-Identifier: MIT */
/* The bounds-checked reader and writer: never a byte beyond, the first failure remembered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "base/random.h"

static void test_what_is_written_is_read_back(void **state)
{
	uint8_t bytes[14], copy[3];
	struct writer w = writer_init(bytes, sizeof(bytes));
	struct reader r = reader_init(bytes, sizeof(bytes));

	(void)state;
	put_u8(&w, 0xab);
	put_u16(&w, 0x1234);
	put_u32(&w, 0xdeadbeef);
	put_bytes(&w, "xyz", 3);
	put_u32(&w, 7);
	assert_false(w.failed);
	assert_int_equal(writer_left(&w), 0);
	assert_memory_equal(bytes, "\xab\x12\x34\xde\xad\xbe\xefxyz\0\0\0\7", 14);
	assert_int_equal(get_u8(&r), 0xab);
	assert_int_equal(get_u16(&r), 0x1234);
	assert_int_equal(get_u32(&r), 0xdeadbeef);
	assert_true(get_bytes(&r, copy, 3));
	assert_memory_equal(copy, "xyz", 3);
	assert_int_equal(get_u32(&r), 7);
	assert_false(r.failed);
	assert_int_equal(reader_left(&r), 0);
}

/* Random reads of a heap block of exactly n bytes: the sanitizer sees any byte beyond. */
static void test_random_reads_stay_inside_and_fail_for_good(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 1);
	for (int round = 0; round < 20000; round++) {
		size_t n = random_below(&random, 12), read = 0;
		uint8_t *bytes = calloc(1, n + !n);
		struct reader r = reader_init(bytes, n);
		bool failed = false;

		while (!failed) {
			size_t want = random_below(&random, 6);
			uint8_t copy[8];

			switch (want) {
			case 1: get_u8(&r); break;
			case 2: get_u16(&r); break;
			case 4: get_u32(&r); break;
			case 3: get_bytes(&r, copy, 3); break;
			default: reader_skip(&r, want); break;
			}
			failed = want > n - read;
			assert_int_equal(r.failed, failed);
			read += failed ? 0 : want;
		}
		assert_int_equal(reader_left(&r), 0);
		assert_int_equal(get_u8(&r) | get_u16(&r) | get_u32(&r), 0);
		assert_null(reader_skip(&r, 0));
		free(bytes);
	}
}

static void test_a_write_that_does_not_fit_writes_nothing(void **state)
{
	(void)state;
	for (size_t n = 0; n < 8; n++) {
		uint8_t bytes[16] = { 0 }, zero[16] = { 0 };
		struct writer w = writer_init(bytes, n);

		put_bytes(&w, "12345678", 8);
		assert_true(w.failed);
		put_u8(&w, 1);
		put_u16(&w, 1);
		put_u32(&w, 1);
		assert_memory_equal(bytes, zero, sizeof(zero));
		assert_int_equal(writer_left(&w), n);
	}
}

static void test_raw_words_need_no_alignment(void **state)
{
	uint8_t bytes[8];

	(void)state;
	for (int i = 0; i < 4; i++) {
		store_be32(bytes + i, 0x01020304);
		assert_int_equal(load_be32(bytes + i), 0x01020304);
		assert_int_equal(bytes[i], 1);
		store_be16(bytes + i, 0x0506);
		assert_int_equal(load_be16(bytes + i), 0x0506);
		assert_int_equal(bytes[i], 5);
	}
}

/* Of nothing, and to nowhere: no pointer is touched. */
static void test_nothing_of_nothing(void **state)
{
	struct reader r = reader_init(NULL, 0);
	struct writer w = writer_init(NULL, 0);
	uint8_t byte = 7;

	(void)state;
	assert_true(get_bytes(&r, NULL, 0));
	put_bytes(&w, NULL, 0);
	assert_null(writer_skip(&w, 1));
	assert_true(w.failed);
	put_u8(&w, 1);
	put_u16(&w, 1);
	put_u32(&w, 1);
	put_bytes(&w, &byte, 1);
	assert_int_equal(writer_left(&w), 0);
	assert_false(get_bytes(&r, &byte, 1));
	assert_int_equal(byte, 7);
	assert_int_equal(get_u8(&r), 0);
	assert_int_equal(get_u32(&r), 0);
	assert_false(get_bytes(&r, NULL, 0));           /* after a failure nothing is there any more */
	w = writer_init(&byte, 1);
	put_bytes(&w, &byte, 0);
	assert_int_equal(writer_left(&w), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_written_is_read_back),
		cmocka_unit_test(test_random_reads_stay_inside_and_fail_for_good),
		cmocka_unit_test(test_a_write_that_does_not_fit_writes_nothing),
		cmocka_unit_test(test_raw_words_need_no_alignment),
		cmocka_unit_test(test_nothing_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
