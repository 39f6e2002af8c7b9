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

/*
 * Quotes of packets with every order of up to three extension headers, cut at every length: the ports are found behind
 * all of them, or it is said what is in the way.
 */
static void test_quotes_behind_extension_headers(void **state)
{
	static const uint8_t kinds[] = { IPV6_HOP_BY_HOP, IPV6_ROUTING, IPV6_DESTINATION, IPV6_FRAGMENT };
	enum icmp6_quote_fault expected;
	struct icmp6_quote quote;

	(void)state;
	for (unsigned order = 0; order < 5 * 5 * 5; order++) {
		unsigned headers[3] = { order % 5, order / 5 % 5, order / 25 }, n = 8 + 40, last = 8 + 6;
		uint8_t bytes[8 + 40 + 3 * 16 + 8] = { ICMP6_UNREACHABLE };

		bytes[8] = 0x60;
		for (unsigned i = 0; i < 3 && headers[i] < 4; i++) {
			uint8_t kind = kinds[headers[i]];

			bytes[last] = kind;
			last = n;
			bytes[n + 1] = kind == IPV6_FRAGMENT ? 0 : i % 2;       /* of 8 bytes or 16 */
			n += 8 + (kind == IPV6_FRAGMENT ? 0 : i % 2 * 8);
		}
		bytes[last] = IPV6_TCP;
		store_be16(bytes + n, 1234);
		store_be16(bytes + n + 2, 80);
		store_be32(bytes + n + 4, 77);
		store_be16(bytes + 8 + 4, 1000);
		for (unsigned cut = 8; cut <= n + 8; cut++) {
			uint8_t *copy = malloc(cut);
			struct icmp6 message = { .bytes = copy, .length = cut };

			memcpy(copy, bytes, cut);
			expected = cut < 8 + 40 ? ICMP6_QUOTE_BAD_IP :
				   cut < n + 8 ? ICMP6_QUOTE_TRUNCATED : ICMP6_QUOTE_OK;
			assert_int_equal(icmp6_quote_parse(&quote, &message), expected);
			free(copy);
		}
		assert_int_equal(quote.header_bytes, n - 8);
		assert_int_equal(quote.source_port, 1234);
		assert_int_equal(quote.destination_port, 80);
		assert_true(seq_eq(quote.seq, seq_of(77)));
	}
}

static void test_quotes_that_name_no_port(void **state)
{
	uint8_t bytes[8 + 40 + 20 * 8] = { ICMP6_UNREACHABLE, [8] = 0x60 };
	struct icmp6 message = { .bytes = bytes, .length = 8 + 40 + 16 };
	struct icmp6_quote quote;

	(void)state;
	bytes[8 + 6] = IPV6_FRAGMENT;
	bytes[48] = IPV6_TCP;
	store_be16(bytes + 50, 8 | 1);          /* not the first */
	assert_int_equal(icmp6_quote_parse(&quote, &message), ICMP6_QUOTE_FRAGMENT);
	store_be16(bytes + 50, 1);
	assert_int_equal(icmp6_quote_parse(&quote, &message), ICMP6_QUOTE_OK);
	bytes[48] = IPV6_UDP;
	assert_int_equal(icmp6_quote_parse(&quote, &message), ICMP6_QUOTE_PROTOCOL);
	/* More headers than anybody sends: not walked along without end. */
	memset(bytes + 48, 0, 20 * 8);
	bytes[8 + 6] = IPV6_DESTINATION;
	for (unsigned i = 0; i < 19; i++)
		bytes[48 + 8 * i] = IPV6_DESTINATION;
	bytes[48 + 8 * 18] = IPV6_TCP;
	message.length = sizeof(bytes);
	assert_int_equal(icmp6_quote_parse(&quote, &message), ICMP6_QUOTE_TRUNCATED);
}

/* 4861-§4.6-R1: as many as are kept, and those behind them are passed over. */
static void test_4861_4_6_R1_more_options_than_are_kept(void **state)
{
	static uint8_t bytes[2 * 40 * 32];
	static struct nd_options options;
	size_t n = 0;

	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		bytes[n] = ND_OPTION_PREFIX;
		bytes[n + 1] = 4;
		bytes[n + 2] = (uint8_t)i;
		bytes[n + 32] = ND_OPTION_ROUTE;
		bytes[n + 33] = i % 5;          /* 0: none may be so long */
		bytes[n + 34] = (uint8_t)(i * 5);
		n += 32 + i % 5 * 8u;
		if (i % 5 == 0) {
			assert_false(nd_options_parse(&options, bytes, n + 8));
			memset(bytes + n, 0, 8);
		}
	}
	assert_true(nd_options_parse(&options, bytes, n));
	assert_int_equal(options.prefixes, ND_LIST_MAX);
	assert_int_equal(options.prefix[ND_LIST_MAX - 1].bits, ND_LIST_MAX - 1);
	for (unsigned i = 0; i < options.routes; i++) {         /* only those that fit their length */
		unsigned row = options.route[i].bits / 5, length = row % 5 * 8;

		assert_true(options.route[i].bits <= 128 && length <= 24);
		assert_true(length >= 8u + (options.route[i].bits + 63) / 64 * 8u);
	}
	memset(bytes, 0, sizeof(bytes));
	for (n = 0; n < 40 * 8; n += 8) {
		bytes[n] = ND_OPTION_ROUTE;
		bytes[n + 1] = 1;
	}
	assert_true(nd_options_parse(&options, bytes, n));
	assert_int_equal(options.routes, ND_LIST_MAX);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quotes_behind_extension_headers),
		cmocka_unit_test(test_quotes_that_name_no_port),
		cmocka_unit_test(test_4861_4_6_R1_more_options_than_are_kept),
		cmocka_unit_test(test_header_back_and_forth),
		cmocka_unit_test(test_fragment_header),
		cmocka_unit_test(test_8200_8_1_R1_pseudo_header),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_texts_as_libc_reads_them),
		cmocka_unit_test(test_V100_options_of_any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
