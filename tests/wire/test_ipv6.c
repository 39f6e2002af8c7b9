/* SPDX-License-Identifier: MIT */
/* IPv6 and ICMPv6 as bytes: headers back and forth, checksums, options of discovery; addresses as libc reads them. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/random.h"
#include "wire/checksum.h"
#include "wire/icmp6.h"
#include "wire/ipv6.h"

static void test_header_back_and_forth(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 6);
	for (unsigned i = 0; i < 2000; i++) {
		uint8_t bytes[40 + 100] = { 0 };
		struct ipv6 in = { .flow_label = (uint32_t)random_below(&random, 1u << 20), .tos = (uint8_t)i,
				   .next_header = (uint8_t)random_below(&random, 256), .hop_limit = (uint8_t)(i >> 3),
				   .payload_bytes = 1 + (uint32_t)random_below(&random, 100) }, out;

		for (unsigned b = 0; b < 16; b++) {
			in.source.bytes[b] = (uint8_t)random_below(&random, 256);
			in.destination.bytes[b] = (uint8_t)random_below(&random, 256);
		}
		assert_int_equal(ipv6_emit(bytes, &in), 40);
		assert_int_equal(ipv6_parse(&out, bytes, sizeof(bytes)), IPV6_OK);
		assert_int_equal(out.flow_label, in.flow_label);
		assert_int_equal(out.tos, in.tos);
		assert_int_equal(out.next_header, in.next_header);
		assert_int_equal(out.hop_limit, in.hop_limit);
		assert_int_equal(out.payload_bytes, in.payload_bytes);
		assert_memory_equal(&out.source, &in.source, 32);
		for (uint32_t cut = 0; cut < 40 + in.payload_bytes; cut++)
			assert_int_not_equal(ipv6_parse(&out, bytes, cut), IPV6_OK);
	}
}

static void test_fragment_header(void **state)
{
	(void)state;
	for (uint32_t offset = 0; offset < 65536; offset += 8)
		for (int more = 0; more < 2; more++) {
			struct ipv6_fragment in = { offset, offset * 77777u, 6, more }, out;
			uint8_t bytes[8];

			ipv6_fragment_emit(bytes, &in);
			out = ipv6_fragment_parse(bytes);
			assert_int_equal(out.offset, offset);
			assert_int_equal(out.id, in.id);
			assert_int_equal(out.more, more);
			assert_int_equal(out.next_header, 6);
		}
}

/* 8200-§8.1-R1: the pseudo header, summed the plain way. */
static void test_8200_8_1_R1_pseudo_header(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 7);
	for (unsigned i = 0; i < 1000; i++) {
		struct {
			struct address source, destination;
			uint32_t length;
			uint8_t zero[3], next;
		} pseudo = { .next = 58 };
		uint32_t n = (uint32_t)random_below(&random, 70000);

		for (unsigned b = 0; b < 16; b++) {
			pseudo.source.bytes[b] = (uint8_t)random_below(&random, 256);
			pseudo.destination.bytes[b] = (uint8_t)random_below(&random, 256);
		}
		pseudo.length = htonl(n);
		assert_int_equal(checksum_finish(checksum_pseudo_v6(&pseudo.source, &pseudo.destination, 58, n)),
				 checksum_finish(checksum_add(0, &pseudo, 40)));
	}
}

static void test_groups(void **state)
{
	struct address address, group;

	(void)state;
	assert_true(address_parse(&address, "fe80::2aa:ff:fe28:9c5a"));
	assert_true(address_parse(&group, "ff02::1:ff28:9c5a"));
	address = address_solicited_node(&address);
	assert_true(address_eq(&address, &group));      /* RFC 4291 §2.7.1's example */
	assert_int_equal(address_common_bits(&group, &group), 128);
}

/* Texts of addresses: what libc takes we take, and in the same sense. */
static void test_texts_as_libc_reads_them(void **state)
{
	static const char letters[] = "0:1a.f:::%2[";
	static const char *const rows[] = {
		"::", "::1", "1::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8:9",
		"1::2:3:4:5:6:7:8", "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4", "::ffff:1.2.3.4", "::1.2.3.4",
		"fe80::1%lo", "1:2:3:4:5:6:7:", "1:2:3:4:5:6::1.2.3.4", ":1::", "12345::", "1::2::3", "[::1]", "::g",
	};
	struct random random;

	(void)state;
	random_seed(&random, 8);
	for (unsigned i = 0; i < 300000 + sizeof(rows) / sizeof(rows[0]); i++) {
		struct address ours = { { 0 } };
		struct in6_addr libcs;
		char text[64];
		bool good;

		if (i < sizeof(rows) / sizeof(rows[0])) {
			strcpy(text, rows[i]);
		} else {
			size_t n = random_below(&random, 14);

			for (size_t k = 0; k < n; k++)
				text[k] = letters[random_below(&random, sizeof(letters) - 1)];
			text[n] = 0;
		}
		if (!strchr(text, ':'))
			continue;
		good = address_parse(&ours, text);
		assert_int_equal(good, inet_pton(AF_INET6, text, &libcs));
		if (good)
			assert_memory_equal(ours.bytes, &libcs, 16);
	}
}

/* V100: options of discovery, any bytes. */
static void test_V100_options_of_any_bytes(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 9);
	for (unsigned i = 0; i < 50000; i++) {
		size_t n = random_below(&random, 120);
		uint8_t *bytes = malloc(n ? n : 1);     /* exactly so many, for AddressSanitizer */
		struct nd_options options;

		for (size_t k = 0; k < n; k++)
			bytes[k] = (uint8_t)random_below(&random, random_below(&random, 2) ? 6 : 256);
		if (nd_options_parse(&options, bytes, n)) {
			assert_true(n % 8 == 0);
			assert_in_range(options.prefixes, 0, ND_LIST_MAX);
			assert_in_range(options.routes, 0, ND_LIST_MAX);
		}
		free(bytes);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header_back_and_forth),
		cmocka_unit_test(test_fragment_header),
		cmocka_unit_test(test_8200_8_1_R1_pseudo_header),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_texts_as_libc_reads_them),
		cmocka_unit_test(test_V100_options_of_any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
