/* SPDX-License-Identifier: MIT */
/* TCP segments: parse(emit(x)) == x, options as §3.1 and §3.2 have them, and no input that does harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "segments.h"

static uint8_t text[256];

static void test_parse_of_emit_is_the_segment(void **state)
{
	struct address from = address_v4(0x0a000001), to = address_v4(0x0a000002);
	struct random random;

	(void)state;
	random_seed(&random, 1);
	for (int round = 0; round < 100000; round++) {
		struct segment seg = random_segment(&random, text, 40), back;
		uint8_t bytes[128];
		size_t n;

		for (unsigned i = 0; i < 40; i++)
			text[i] = (uint8_t)random_next(&random);
		n = segment_emit(bytes, sizeof(bytes), &seg, &from, &to);
		assert_int_equal(n, 20 + tcp_options_bytes(&seg.options) + seg.text_bytes);
		assert_int_equal(segment_emit(bytes, n - 1, &seg, &from, &to), 0);
		assert_int_equal(segment_checksum(&from, &to, bytes, n), 0);
		assert_int_equal(segment_parse(&back, bytes, n), TCP_OK);
		assert_segments_equal(&back, &seg);
		assert_int_equal(back.source_port, seg.source_port);
		assert_int_equal(back.destination_port, seg.destination_port);
		assert_int_equal(back.header_bytes, 20 + tcp_options_bytes(&seg.options));
		assert_int_equal(back.checksum, load_be16(bytes + 16));
		assert_ptr_equal(back.text, bytes + back.header_bytes);
		assert_memory_equal(back.text, text, seg.text_bytes);
	}
}

static void test_a_text_of_NULL_is_zeros(void **state)
{
	struct address a = address_v4(1);
	struct segment seg = { .text_bytes = 4 };
	uint8_t bytes[24];

	(void)state;
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(segment_emit(bytes, sizeof(bytes), &seg, &a, &a), 24);
	assert_memory_equal(bytes + 20, "\0\0\0\0", 4);
	assert_int_equal(segment_checksum(&a, &a, bytes, 24), 0);
}

/* Byte by byte, what Linux sends. */
static void test_MUST_68_options_are_laid_out_as_linux_does(void **state)
{
	struct segment seg = { .syn = true };
	struct tcp_options *options = &seg.options;
	uint8_t bytes[60];

	(void)state;
	*options = (struct tcp_options){
		.has_mss = true, .mss = 1460, .sack_permitted = true, .has_timestamps = true, .tsval = 0x01020304,
		.has_wscale = true, .wscale = 7,
	};
	assert_int_equal(segment_emit_header(bytes, &seg), 40);
	assert_memory_equal(bytes + 20, "\2\4\5\264\4\2\10\12\1\2\3\4\0\0\0\0\1\3\3\7", 20);
	*options = (struct tcp_options){ .has_mss = true, .mss = 536, .sack_permitted = true, .has_wscale = true };
	assert_int_equal(segment_emit_header(bytes, &seg), 32);
	assert_memory_equal(bytes + 20, "\2\4\2\30\1\1\4\2\1\3\3\0", 12);
	*options = (struct tcp_options){ .has_timestamps = true, .tsval = 1, .tsecr = 2, .sack_count = 1 };
	options->sack[0].left = seq_of(3);
	options->sack[0].right = seq_of(4);
	assert_int_equal(segment_emit_header(bytes, &seg), 44);
	assert_memory_equal(bytes + 20, "\1\1\10\12\0\0\0\1\0\0\0\2\1\1\5\12\0\0\0\3\0\0\0\4", 24);
}

static void test_sack_blocks_that_do_not_fit_are_left_out(void **state)
{
	struct segment seg = { .options = { .sack_count = 4 } }, back;
	uint8_t bytes[TCP_HEADER_MAX];

	(void)state;
	assert_int_equal(segment_emit_header(bytes, &seg), 56);
	seg.options.has_timestamps = true;
	assert_int_equal(segment_emit_header(bytes, &seg), 60);
	assert_int_equal(segment_parse(&back, bytes, 60), TCP_OK);
	assert_int_equal(back.options.sack_count, 3);
	seg.options.has_mss = seg.options.has_wscale = seg.options.sack_permitted = true;
	assert_int_equal(segment_emit_header(bytes, &seg), 60);
	assert_int_equal(segment_parse(&back, bytes, 60), TCP_OK);
	assert_int_equal(back.options.sack_count, 2);
	seg.options.sack_count = 0;
	assert_int_equal(segment_emit_header(bytes, &seg), 40);
}

static void parse(struct tcp_options *out, const char *bytes, size_t n)
{
	uint8_t *exact = malloc(n + !n);

	memcpy(exact, bytes, n);
	tcp_options_parse(out, exact, n);
	free(exact);
}

static void test_MUST_4_end_nop_and_mss_in_any_order(void **state)
{
	struct tcp_options o;

	(void)state;
	parse(&o, "\2\4\5\264\0\0\0\0", 8);
	assert_true(o.has_mss && o.mss == 1460 && !o.faults);
	parse(&o, "\1\1\2\4\5\264\1\0", 8);
	assert_true(o.has_mss && o.mss == 1460 && !o.faults);
	parse(&o, "\0\2\4\5\264", 5);           /* behind the end nothing counts */
	assert_true(!o.has_mss && !o.faults);
	parse(&o, "\1\1\1\1", 4);
	assert_true(!o.has_mss && !o.faults);
	parse(&o, "", 0);
	assert_true(!o.has_mss && !o.faults);
}

static void test_MUST_6_unknown_kinds_are_stepped_over(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 256; kind++) {
		bool known = kind < 6 || kind == 8 || kind == 34;

		for (unsigned length = 2; length <= 36 && !known; length++) {
			uint8_t bytes[40] = { [0] = (uint8_t)kind, [1] = (uint8_t)length };
			struct tcp_options o;

			memset(bytes + 2, 0xff, sizeof(bytes) - 2);
			memcpy(bytes + length, "\2\4\1\2", 4);
			tcp_options_parse(&o, bytes, length + 4);
			assert_true(o.has_mss && o.mss == 0x0102 && !o.faults);
		}
	}
}

static void test_MUST_7_illegal_option_lengths_end_the_parse(void **state)
{
	struct tcp_options o;

	(void)state;
	for (unsigned kind = 2; kind < 256; kind++) {
		for (unsigned length = 0; length < 256; length++) {
			uint8_t bytes[12] = { 3, 3, 9, (uint8_t)kind, (uint8_t)length, 1, 1, 1, 2, 4, 1, 2 };

			if (length >= 2 && length <= 9)
				continue;
			tcp_options_parse(&o, bytes, sizeof(bytes));
			assert_int_equal(o.faults, TCP_OPTION_FAULT_LENGTH);
			assert_true(o.has_wscale && o.wscale == 9 && !o.has_mss);
		}
		/* A kind as the last byte has no length at all. */
		tcp_options_parse(&o, (const uint8_t[]){ 1, (uint8_t)kind }, 2);
		assert_int_equal(o.faults, TCP_OPTION_FAULT_LENGTH);
	}
}

static void test_MUST_64_options_start_at_any_byte(void **state)
{
	static const char block[] = "\3\3\7\10\12\1\2\3\4\5\6\7\10\4\2\2\4\5\264\5\12\0\0\0\1\0\0\0\2";
	enum { BLOCK = sizeof(block) - 1 };

	(void)state;
	for (size_t shift = 0; shift < 40 - BLOCK; shift++) {
		char bytes[40];
		struct tcp_options o;

		memset(bytes, 1, sizeof(bytes));
		memcpy(bytes + shift, block, BLOCK);
		parse(&o, bytes, shift + BLOCK);
		assert_int_equal(o.faults, 0);
		assert_true(o.has_wscale && o.wscale == 7);
		assert_true(o.has_timestamps && o.tsval == 0x01020304 && o.tsecr == 0x05060708);
		assert_true(o.sack_permitted);
		assert_true(o.has_mss && o.mss == 1460);
		assert_true(o.sack_count == 1 && o.sack[0].left.value == 1 && o.sack[0].right.value == 2);
	}
}

static void test_known_kinds_of_wrong_length_are_ignored(void **state)
{
	static const struct {
		uint8_t kind, fault;
	} kinds[] = {
		{ TCP_OPTION_MSS, TCP_OPTION_FAULT_MSS }, { TCP_OPTION_WSCALE, TCP_OPTION_FAULT_WSCALE },
		{ TCP_OPTION_SACK_PERMITTED, TCP_OPTION_FAULT_SACK_PERMITTED },
		{ TCP_OPTION_SACK, TCP_OPTION_FAULT_SACK }, { TCP_OPTION_TIMESTAMPS, TCP_OPTION_FAULT_TIMESTAMPS },
		{ TCP_OPTION_FAST_OPEN, TCP_OPTION_FAULT_FAST_OPEN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		for (unsigned length = 2; length <= 36; length++) {
			uint8_t bytes[40] = { kinds[i].kind, (uint8_t)length }, kind = kinds[i].kind;
			bool right = kind == TCP_OPTION_MSS ? length == 4 : kind == TCP_OPTION_WSCALE ? length == 3 :
				     kind == TCP_OPTION_SACK_PERMITTED ? length == 2 :
				     kind == TCP_OPTION_SACK ? length > 2 && length % 8 == 2 :
				     kind == TCP_OPTION_FAST_OPEN ? length % 2 == 0 && length != 4 && length <= 18 :
				     length == 10;
			struct tcp_options o;

			tcp_options_parse(&o, bytes, length + 1);
			assert_int_equal(o.faults, right ? 0 : kinds[i].fault);
			assert_int_equal(o.has_mss + o.has_wscale + o.sack_permitted + o.has_timestamps +
					 (o.sack_count != 0) + o.has_fast_open, right);
		}
	}
}

static void test_of_an_option_that_comes_twice_the_first_counts(void **state)
{
	struct tcp_options o;

	(void)state;
	parse(&o, "\2\4\0\1\2\4\0\2", 8);
	assert_true(o.mss == 1 && o.faults == TCP_OPTION_FAULT_DUPLICATE);
	parse(&o, "\3\3\1\3\3\2", 6);
	assert_true(o.wscale == 1 && o.faults == TCP_OPTION_FAULT_DUPLICATE);
	parse(&o, "\4\2\4\2", 4);
	assert_true(o.sack_permitted && o.faults == TCP_OPTION_FAULT_DUPLICATE);
	parse(&o, "\10\12\0\0\0\1\0\0\0\1\10\12\0\0\0\2\0\0\0\2", 20);
	assert_true(o.tsval == 1 && o.tsecr == 1 && o.faults == TCP_OPTION_FAULT_DUPLICATE);
	parse(&o, "\5\12\0\0\0\1\0\0\0\1\5\12\0\0\0\2\0\0\0\2", 20);
	assert_true(o.sack_count == 1 && o.sack[0].left.value == 1 && o.faults == TCP_OPTION_FAULT_DUPLICATE);
	parse(&o, "\42\6\1\2\3\4\42\2", 8);
	assert_true(o.fast_open_bytes == 4 && o.fast_open[3] == 4 && o.faults == TCP_OPTION_FAULT_DUPLICATE);
	parse(&o, "\2\3\1\2\4\0\2", 7);         /* the wrong one does not count as the first */
	assert_true(o.has_mss && o.mss == 2 && o.faults == TCP_OPTION_FAULT_MSS);
}

/* Fast Open as the experiment it was (RFC 6994); other experiments are stepped over. */
static void test_experiment(void **state)
{
	struct segment seg = { .options = { .has_fast_open = true, .fast_open_experiment = true, .fast_open_bytes = 8,
					    .fast_open = { 1, 2, 3, 4, 5, 6, 7, 8 } } };
	struct tcp_options o;
	uint8_t out[64];

	(void)state;
	parse(&o, "\376\4\371\211\376\4\22\64", 8);
	assert_true(o.has_fast_open && o.fast_open_experiment && o.fast_open_bytes == 0 && o.faults == 0);
	parse(&o, "\376\4\22\64\42\2", 6);
	assert_true(o.has_fast_open && !o.fast_open_experiment);
	parse(&o, "\376\3\371", 3);
	assert_true(!o.has_fast_open && !o.fast_open_experiment && o.faults == 0);
	parse(&o, "\376\7\371\211\1\2\3", 7);
	assert_true(!o.has_fast_open && !o.fast_open_experiment && o.faults == TCP_OPTION_FAULT_FAST_OPEN);
	assert_int_equal(tcp_options_bytes(&seg.options), 12);
	assert_int_equal(segment_emit_header(out, &seg), TCP_HEADER_MIN + 12);
	tcp_options_parse(&o, out + TCP_HEADER_MIN, 12);
	assert_true(o.fast_open_experiment && o.fast_open_bytes == 8);
	assert_memory_equal(o.fast_open, seg.options.fast_open, 8);
}

/* A header has room for four; an area that is longer must not make us write a fifth. */
static void test_more_than_four_sack_blocks_are_cut(void **state)
{
	uint8_t bytes[64] = { TCP_OPTION_SACK, 2 + 7 * 8 };
	struct tcp_options o;

	(void)state;
	bytes[5] = 1;
	bytes[2 + 4 * 8 + 3] = 0xff;
	tcp_options_parse(&o, bytes, sizeof(bytes));
	assert_int_equal(o.sack_count, TCP_SACK_MAX);
	assert_int_equal(o.sack[0].left.value, 1);
	assert_int_equal(o.sack[3].right.value, 0);
}

/* All option areas of up to six bytes over the bytes that mean something: no harm, and the same every time. */
static void test_every_short_option_area(void **state)
{
	static const uint8_t alphabet[] = { 0, 1, 2, 3, 4, 5, 6, 8, 10, 255 };
	enum { LETTERS = sizeof(alphabet) };
	uint8_t *bytes[7];

	(void)state;
	for (size_t n = 0; n <= 6; n++)
		bytes[n] = malloc(n + !n);
	for (size_t n = 0, count = 1; n <= 6; n++, count *= LETTERS) {
		for (size_t code = 0; code < count; code++) {
			struct tcp_options o;
			size_t digits = code;

			for (size_t i = 0; i < n; i++, digits /= LETTERS)
				bytes[n][i] = alphabet[digits % LETTERS];
			tcp_options_parse(&o, bytes[n], n);
			assert_true(!o.has_timestamps && !o.sack_count);
			assert_true(o.has_mss || o.mss == 0);
		}
	}
	for (size_t n = 0; n <= 6; n++)
		free(bytes[n]);
}

static void test_data_offset_and_truncation(void **state)
{
	(void)state;
	for (size_t n = 0; n <= 70; n++) {
		for (unsigned offset = 0; offset < 16; offset++) {
			uint8_t *bytes = calloc(1, n + !n);
			struct segment seg;
			enum tcp_fault fault;

			if (n > 12)
				bytes[12] = (uint8_t)(offset << 4);
			fault = segment_parse(&seg, bytes, n);
			if (n < 20)
				assert_int_equal(fault, TCP_TRUNCATED);
			else if (offset < 5 || offset * 4 > n)
				assert_int_equal(fault, TCP_BAD_DATA_OFFSET);
			else
				assert_int_equal(fault, TCP_OK);
			if (fault == TCP_OK)
				assert_int_equal(seg.text_bytes, n - offset * 4);
			else
				assert_int_equal(seg.text_bytes, 0);
			free(bytes);
		}
	}
}

static void test_MUST_3_any_flipped_bit_spoils_the_checksum(void **state)
{
	struct address from = address_v4(0x0a000001), to = address_v4(0x0a000002);
	struct random random;

	(void)state;
	random_seed(&random, 5);
	for (int round = 0; round < 300; round++) {
		struct segment seg = random_segment(&random, text, 9);
		uint8_t bytes[80];
		size_t n = segment_emit(bytes, sizeof(bytes), &seg, &from, &to);

		for (size_t bit = 0; bit < n * 8; bit++) {
			bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_not_equal(segment_checksum(&from, &to, bytes, n), 0);
			bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		to.bytes[15] ^= 1;      /* the pseudo-header counts */
		assert_int_not_equal(segment_checksum(&from, &to, bytes, n), 0);
		to.bytes[15] ^= 1;
	}
}

static void test_lengths_count_syn_and_fin(void **state)
{
	(void)state;
	for (unsigned flags = 0; flags < 4; flags++) {
		for (uint32_t n = 0; n < 3; n++) {
			struct segment seg = { .seq = seq_of(UINT32_MAX), .syn = flags & 1, .fin = flags & 2,
					       .text_bytes = n };

			assert_int_equal(segment_length(&seg), n + seg.syn + seg.fin);
			assert_int_equal(segment_end(&seg).value, (uint32_t)(UINT32_MAX + n + seg.syn + seg.fin));
			assert_int_equal(segment_last(&seg).value, (uint32_t)(segment_end(&seg).value - 1));
			assert_int_equal(segment_text_seq(&seg).value, (uint32_t)(UINT32_MAX + seg.syn));
			assert_int_equal(segment_fin_seq(&seg).value, (uint32_t)(UINT32_MAX + seg.syn + n));
		}
	}
}

/* Random bytes and damaged segments; what is read can be emitted and read again to the same. */
static void test_rubbish_is_read_the_same_after_a_round_trip(void **state)
{
	struct address a = address_v4(1);
	struct random random;
	unsigned read = 0;

	(void)state;
	random_seed(&random, 6);
	for (int round = 0; round < 200000; round++) {
		struct segment seg = random_segment(&random, text, 20), again;
		uint8_t whole[100], emitted[160], *bytes;
		size_t n = segment_emit(whole, sizeof(whole), &seg, &a, &a);

		for (uint64_t flips = random_below(&random, 6); flips; flips--)
			whole[12 + random_below(&random, n - 12)] = random_below(&random, 2) ?
				(uint8_t)random_next(&random) : (uint8_t)random_below(&random, 11);
		n = random_below(&random, 3) ? n : random_below(&random, n);
		bytes = malloc(n + !n);
		memcpy(bytes, whole, n);
		if (segment_parse(&seg, bytes, n) == TCP_OK) {
			assert_true(seg.text + seg.text_bytes == bytes + n);
			assert_true(seg.options.sack_count <= TCP_SACK_MAX);
			seg.options.faults = 0;
			if (seg.options.sack_count == 4 && tcp_options_bytes(&seg.options) < 36)
				seg.options.sack_count = 0;     /* more than our layout has room for */
			n = segment_emit(emitted, sizeof(emitted), &seg, &a, &a);
			assert_int_equal(segment_parse(&again, emitted, n), TCP_OK);
			if (again.options.sack_count == seg.options.sack_count) {
				assert_segments_equal(&again, &seg);
				read++;
			}
		}
		free(bytes);
	}
	assert_true(read > 50000);
}

/* 9768-§3.2.3-R1: both kinds, of 2, 5, 8 and 11 bytes; of any other length whole counters, the rest is padding. */
static void test_accurate_ecn_of_any_length(void **state)
{
	(void)state;
	for (unsigned length = 2; length <= 20; length++)
		for (unsigned kind = 172; kind <= 174; kind += 2) {
			uint8_t bytes[24] = { (uint8_t)kind, (uint8_t)length, 1, 2, 3, 4, 5, 6, 0xff, 0xfe, 0xfd };
			unsigned count = (length - 2) / 3 < 3 ? (length - 2) / 3 : 3;
			static const uint32_t values[] = { 0x010203, 0x040506, 0xfffefd };
			struct tcp_options options;

			memcpy(bytes + length, (uint8_t[]){ 3, 3, 7 }, 3);
			tcp_options_parse(&options, bytes, length + 3);
			assert_true(options.has_accecn && options.has_wscale);
			assert_int_equal(options.faults, 0);
			assert_int_equal(options.accecn_order, kind == 174);
			assert_int_equal(options.accecn_count, count);
			assert_memory_equal(options.accecn, values, count * sizeof(values[0]));
			options.has_wscale = false;
			assert_int_equal(tcp_options_bytes(&options), (2 + 3 * count + 3) / 4 * 4);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accurate_ecn_of_any_length),
		cmocka_unit_test(test_experiment),
		cmocka_unit_test(test_parse_of_emit_is_the_segment),
		cmocka_unit_test(test_a_text_of_NULL_is_zeros),
		cmocka_unit_test(test_MUST_68_options_are_laid_out_as_linux_does),
		cmocka_unit_test(test_sack_blocks_that_do_not_fit_are_left_out),
		cmocka_unit_test(test_MUST_4_end_nop_and_mss_in_any_order),
		cmocka_unit_test(test_MUST_6_unknown_kinds_are_stepped_over),
		cmocka_unit_test(test_MUST_7_illegal_option_lengths_end_the_parse),
		cmocka_unit_test(test_MUST_64_options_start_at_any_byte),
		cmocka_unit_test(test_known_kinds_of_wrong_length_are_ignored),
		cmocka_unit_test(test_of_an_option_that_comes_twice_the_first_counts),
		cmocka_unit_test(test_more_than_four_sack_blocks_are_cut),
		cmocka_unit_test(test_every_short_option_area),
		cmocka_unit_test(test_data_offset_and_truncation),
		cmocka_unit_test(test_MUST_3_any_flipped_bit_spoils_the_checksum),
		cmocka_unit_test(test_lengths_count_syn_and_fin),
		cmocka_unit_test(test_rubbish_is_read_the_same_after_a_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
