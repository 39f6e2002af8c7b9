/* SPDX-License-Identifier: MIT */
/* The notation: what is printed is packetdrill's, and is read back to the same segment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <cmocka.h>

#include "segments.h"
#include "wire/print.h"
#include "wire/scan.h"

static void assert_line(const char *line, const struct segment *seg, uint32_t seq_base, uint32_t ack_base)
{
	char out[SEGMENT_PRINT_MAX];

	assert_int_equal(segment_print(out, sizeof(out), seg, seq_of(seq_base), seq_of(ack_base)), strlen(line));
	assert_string_equal(out, line);
}

static void test_lines_as_packetdrill_has_them(void **state)
{
	struct segment seg = { .seq = seq_of(4000000000u), .syn = true, .window = 65535 };

	(void)state;
	seg.options = (struct tcp_options){
		.has_mss = true, .mss = 1460, .sack_permitted = true, .has_timestamps = true, .tsval = 1,
		.has_wscale = true, .wscale = 7,
	};
	assert_line("S 0:0(0) win 65535 <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7>", &seg, 4000000000u, 0);
	seg = (struct segment){ .seq = seq_of(7), .ack = seq_of(0), .has_ack = true, .window = 257 };
	assert_line(". 1:1(0) ack 1 win 257", &seg, 6, UINT32_MAX);
	seg.psh = true;
	seg.text_bytes = 10;
	assert_line("P. 1:11(10) ack 1 win 257", &seg, 6, UINT32_MAX);
	seg.psh = false;
	seg.fin = true;
	seg.text_bytes = 0;
	assert_line("F. 1:1(0) ack 1 win 257", &seg, 6, UINT32_MAX);
	seg = (struct segment){ .seq = seq_of(7), .rst = true };
	assert_line("R 1:1(0)", &seg, 6, 0);
	seg.has_ack = true;
	assert_line("R. 1:1(0) ack 3", &seg, 6, UINT32_MAX - 2);
	seg = (struct segment){ .window = 10, .urg = true, .urgent = 5, .has_ack = true };
	seg.options = (struct tcp_options){ .has_timestamps = true, .tsval = 3, .tsecr = 4, .sack_count = 2 };
	seg.options.sack[0].left = seq_of(101);
	seg.options.sack[0].right = seq_of(201);
	seg.options.sack[1].left = seq_of(50);
	seg.options.sack[1].right = seq_of(60);
	assert_line(".U 0:0(0) ack 0 win 10 urg 5 <nop,nop,TS val 3 ecr 4,nop,nop,sack 101:201 50:60>", &seg, 0, 0);
	seg = (struct segment){ .syn = true, .ece = true, .cwr = true, .ae = true };
	seg.options.sack_permitted = true;
	assert_line("SEWA 0:0(0) win 0 <nop,nop,sackOK>", &seg, 0, 0);
	seg = (struct segment){ .window = 1 };
	assert_line("- 0:0(0) win 1", &seg, 0, 0);
}

/* What the notation leaves out is not to be expected back. */
static struct segment notable(struct segment seg)
{
	if (!seg.has_ack)
		seg.ack = seq_of(77);
	if (!seg.urg)
		seg.urgent = 0;
	seg.reserved_bits = 0;
	return seg;
}

static void test_scan_of_print_is_the_segment(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 1);
	for (int round = 0; round < 100000; round++) {
		struct seq seq_base = seq_of(random_u32(&random)), ack_base = seq_of(random_u32(&random));
		struct segment seg = notable(random_segment(&random, NULL, UINT32_MAX - 1));
		char line[SEGMENT_PRINT_MAX];
		size_t n = segment_print(line, sizeof(line), &seg, seq_base, ack_base);
		struct segment_scan scan;

		assert_in_range(n, 8, SEGMENT_PRINT_MAX - 1);
		assert_int_equal(strlen(line), n);
		assert_true(segment_scan(&scan, line, n, seq_base, ack_base));
		assert_null(scan.fault);
		assert_int_equal(scan.end, n);
		if (!seg.has_ack)
			scan.segment.ack = seq_of(77);
		assert_segments_equal(&scan.segment, &seg);
		assert_int_equal(scan.has_window, !seg.rst || seg.window);
		assert_int_equal(scan.has_options, strchr(line, '<') != NULL);
		assert_false(scan.any_options);
		assert_null(scan.segment.text);
	}
}

static void test_a_short_buffer_cuts_the_line(void **state)
{
	struct segment seg = { .syn = true, .window = 1000, .options = { .has_mss = true, .mss = 1460 } };
	char whole[SEGMENT_PRINT_MAX], part[SEGMENT_PRINT_MAX];
	size_t n = segment_print(whole, sizeof(whole), &seg, seq_of(0), seq_of(0));

	(void)state;
	for (size_t room = 0; room <= n + 1; room++) {
		memset(part, 'x', sizeof(part));
		assert_int_equal(segment_print(part, room, &seg, seq_of(0), seq_of(0)), n);
		assert_int_equal(part[room], 'x');
		if (room) {
			assert_memory_equal(part, whole, room - 1);
			assert_int_equal(part[room - 1], '\0');
		}
	}
	assert_int_equal(segment_print_flags(part, 2, &seg), 1);
	assert_string_equal(part, "S");
}

static void test_numbers_print_as_printf_does(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 2);
	for (int round = 0; round < 2000; round++) {
		uint64_t value = random_next(&random) >> random_below(&random, 64);
		char ours[24], libcs[24];
		int n = snprintf(libcs, sizeof(libcs), "%llu", (unsigned long long)value);

		assert_int_equal(print_decimal(ours, sizeof(ours), value), n);
		assert_string_equal(ours, libcs);
		n = snprintf(libcs, sizeof(libcs), "%llx", (unsigned long long)value);
		assert_int_equal(print_hex(ours, sizeof(ours), value), n);
		assert_string_equal(ours, libcs);
	}
}

static void test_scan_takes_what_people_write(void **state)
{
	static const struct {
		const char *line, *printed;
	} rows[] = {
		{ "S 0:0(0) win 32792 <mss 1000,sackOK,nop,nop,nop,wscale 7>",
		  "S 0:0(0) win 32792 <mss 1000,nop,nop,sackOK,nop,wscale 7>" },
		{ ".S 0:0(0) ack 1", "S. 0:0(0) ack 1 win 0" },
		{ "  .FP\t5:15( 10 )  ack 1  win  5 ", "FP. 5:15(10) ack 1 win 5" },
		{ ". 1:1(0) ack 1 <nop, nop, sack 3:4 1:2>", ". 1:1(0) ack 1 win 0 <nop,nop,sack 3:4 1:2>" },
		{ "- 1:1(0) win 3", "- 1:1(0) win 3" },
		{ "U 1:1(0) urg 9 <eol>", "U 1:1(0) win 0 urg 9" },
		{ "WSE 0:0(0) <>", "SEW 0:0(0) win 0" },
	};
	struct segment_scan scan;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(segment_scan(&scan, rows[i].line, strlen(rows[i].line), seq_of(0), seq_of(0)));
		assert_line(rows[i].printed, &scan.segment, 0, 0);
	}
	assert_true(segment_scan(&scan, "S. 0:0(0) ack 1 <...>", 21, seq_of(0), seq_of(0)));
	assert_true(scan.has_options && scan.any_options && !scan.has_window);
}

/* The caret stands under the place at which the fault is. */
static void test_faults_say_where_and_what(void **state)
{
	static const char *rows[][3] = {
		{ "",
		  "^", "flags" },
		{ "X 1:1(0)",
		  "^", "a flag: S F R P . U E W A, or - for none" },
		{ "SS 1:1(0)",
		  " ^", "each flag once" },
		{ "S AA 1:1(0)",
		  "  ^", "the first sequence number" },
		{ "S 1-1(0)",
		  "   ^", "a colon" },
		{ "S 1:2(0)",
		  "    ^", "the first sequence number plus the text's length" },
		{ "S 4294967296:1(0)",
		  "  ^", "the first sequence number" },
		{ "S 1:1 0",
		  "      ^", "the text's length in parentheses" },
		{ "S 1:1(0",
		  "       ^", "a closing parenthesis" },
		{ ". 1:1(0) win 3",
		  "         ^", "`ack` and a number, as the flag . has it" },
		{ "S 1:1(0) ack 3",
		  "         ^", "options or the end of the line" },
		{ ". 1:1(0) ack",
		  "            ^", "an acknowledgement number" },
		{ "S 1:1(0) win 65536",
		  "             ^", "a window up to 65535" },
		{ "S 1:1(0) win 1 urg 1",
		  "               ^", "options or the end of the line" },
		{ "S 1:1(0) <mss 99999>",
		  "              ^", "an MSS up to 65535" },
		{ "S 1:1(0) <mss 1,mss 2>",
		  "                   ^", "each option once" },
		{ "S 1:1(0) <wat>",
		  "          ^", "an option: mss wscale sackOK sack TS FO FOEXP ECN md5 ao nop eol" },
		{ "S 1:1(0) <mss1460>",
		  "          ^", "an option: mss wscale sackOK sack TS FO FOEXP ECN md5 ao nop eol" },
		{ "S 18446744073709551617:1(0)",
		  "  ^", "the first sequence number" },
		{ "S 1:1(0) <TS val 1>",
		  "                  ^", "`ecr`" },
		{ "S 1:1(0) <sack>",
		  "              ^", "a SACK block" },
		{ "S 1:1(0) <sack 1:2 1:2 1:2 1:2 1:2>",
		  "                               ^", "at most four SACK blocks" },
		{ "S 1:1(0) <nop",
		  "             ^", "a comma or `>`" },
		{ "S 1:1(0) <nop> x",
		  "               ^", "the end of the line" },
		{ "S 1:1(0) <..>",
		  "            ^", "`...`" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct segment_scan scan;

		assert_false(segment_scan(&scan, rows[i][0], strlen(rows[i][0]), seq_of(0), seq_of(0)));
		assert_string_equal(scan.fault, rows[i][2]);
		assert_int_equal(scan.end, strlen(rows[i][1]) - 1);
	}
}

/* Damaged lines: never a byte beyond, and what is taken prints to a line that is taken as the same. */
static void test_damaged_lines_do_no_harm(void **state)
{
	struct random random;
	unsigned taken = 0;

	(void)state;
	random_seed(&random, 3);
	for (int round = 0; round < 100000; round++) {
		struct segment seg = random_segment(&random, NULL, 20);
		char line[SEGMENT_PRINT_MAX], *exact;
		size_t n = segment_print(line, sizeof(line), &seg, seq_of(0), seq_of(0));
		struct segment_scan scan, again;

		for (uint64_t flips = random_below(&random, 3); flips; flips--)
			line[random_below(&random, n)] = "SFRP.UEW<>,:() 019amckTn\xff"[random_below(&random, 25)];
		n = random_below(&random, 3) ? n : random_below(&random, n);
		exact = malloc(n + !n);
		memcpy(exact, line, n);
		if (segment_scan(&scan, exact, n, seq_of(0), seq_of(0))) {
			n = segment_print(line, sizeof(line), &scan.segment, seq_of(0), seq_of(0));
			assert_true(segment_scan(&again, line, n, seq_of(0), seq_of(0)));
			assert_segments_equal(&scan.segment, &again.segment);
			taken++;
		} else {
			assert_non_null(scan.fault);
			assert_true(scan.end <= n);
		}
		free(exact);
	}
	assert_in_range(taken, 20000, 80000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_as_packetdrill_has_them),
		cmocka_unit_test(test_scan_of_print_is_the_segment),
		cmocka_unit_test(test_a_short_buffer_cuts_the_line),
		cmocka_unit_test(test_numbers_print_as_printf_does),
		cmocka_unit_test(test_scan_takes_what_people_write),
		cmocka_unit_test(test_faults_say_where_and_what),
		cmocka_unit_test(test_damaged_lines_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
