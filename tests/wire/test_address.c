/* SPDX-License-Identifier: MIT */
/* Addresses: their classes and their text, which is what libc prints and reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <arpa/inet.h>

#include "base/random.h"
#include "wire/address.h"

static struct address v6(const char *text)
{
	struct address a;

	assert_int_equal(inet_pton(AF_INET6, text, a.bytes), 1);
	return a;
}

static struct address v4(const char *text)
{
	struct address a;

	assert_true(address_parse(&a, text));
	return a;
}

static void test_v4_is_held_mapped(void **state)
{
	struct address a = address_v4(0x0a0001fe), b = v6("::ffff:10.0.1.254"), c = address_v4(0x0a0001ff);

	(void)state;
	assert_true(address_eq(&a, &b) && !address_eq(&a, &c));
	assert_true(address_is_v4(&a));
	assert_int_equal(address_v4_value(&a), 0x0a0001fe);
	b = v6("fe80::1");
	assert_false(address_is_v4(&b));
}

static void test_classes(void **state)
{
	static const struct {
		const char *text;
		bool any, multicast, broadcast, loopback;
	} rows[] = {
		{ "0.0.0.0", true, false, false, false },
		{ "0.0.0.1", false, false, false, false },
		{ "10.0.0.1", false, false, false, false },
		{ "126.255.255.255", false, false, false, false },
		{ "127.0.0.1", false, false, false, true },
		{ "127.255.255.255", false, false, false, true },
		{ "128.0.0.1", false, false, false, false },
		{ "223.255.255.255", false, false, false, false },
		{ "224.0.0.1", false, true, false, false },
		{ "239.255.255.255", false, true, false, false },
		{ "240.0.0.1", false, false, false, false },
		{ "255.255.255.254", false, false, false, false },
		{ "255.255.255.255", false, false, true, false },
		{ "::", true, false, false, false },
		{ "::1", false, false, false, true },
		{ "1::", false, false, false, false },
		{ "ff02::1", false, true, false, false },
		{ "fe80::1", false, false, false, false },
		{ "::224.0.0.1", false, false, false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct address a = strchr(rows[i].text, ':') ? v6(rows[i].text) : v4(rows[i].text);

		assert_int_equal(address_is_any(&a), rows[i].any);
		assert_int_equal(address_is_multicast(&a), rows[i].multicast);
		assert_int_equal(address_is_broadcast(&a), rows[i].broadcast);
		assert_int_equal(address_is_loopback(&a), rows[i].loopback);
	}
}

/* Groups are zero, or short, more often than chance would have it. */
static struct address random_v6(struct random *random)
{
	struct address a;

	for (int i = 0; i < 16; i += 2) {
		uint64_t value = random_next(random) & 0xffff >> random_below(random, 17);

		store_be16(a.bytes + i, random_below(random, 2) ? (uint16_t)value : 0);
	}
	return a;
}

static void test_text_is_libcs(void **state)
{
	char ours[ADDRESS_TEXT_MAX], libcs[INET6_ADDRSTRLEN];
	struct random random;

	(void)state;
	random_seed(&random, 1);
	for (int i = 0; i < 50000; i++) {
		struct address a = random_v6(&random), back;
		uint8_t dotted[4];
		bool embeds_v4 = true;  /* ::a.b.c.d, which libc prints so and RFC 5952 leaves open */

		for (int k = 0; k < 12; k++)
			embeds_v4 = embeds_v4 && !a.bytes[k];
		if (!embeds_v4 && !address_is_v4(&a)) {
			inet_ntop(AF_INET6, a.bytes, libcs, sizeof(libcs));
			assert_int_equal(address_print(ours, sizeof(ours), &a), strlen(libcs));
			assert_string_equal(ours, libcs);
		}
		a = address_v4((uint32_t)random_next(&random));
		store_be32(dotted, address_v4_value(&a));
		inet_ntop(AF_INET, dotted, libcs, sizeof(libcs));
		assert_int_equal(address_print(ours, sizeof(ours), &a), strlen(libcs));
		assert_string_equal(ours, libcs);
		assert_true(address_parse(&back, ours) && address_eq(&a, &back));
	}
}

static void test_text_that_does_not_fit_is_empty(void **state)
{
	struct address a = address_v4(0xffffffff);
	char text[16];

	(void)state;
	for (size_t n = 0; n < 16; n++) {
		memset(text, 'x', sizeof(text));
		assert_int_equal(address_print(text, n, &a), 0);
		assert_int_equal(text[0], n ? '\0' : 'x');
		assert_int_equal(text[1], 'x');
	}
	assert_int_equal(address_print(text, 16, &a), 15);
}

/* Random strings over the alphabet of addresses: what inet_pton() takes, we take, and nothing else. */
static void test_parse_takes_what_libc_takes(void **state)
{
	static const char *rows[] = {
		"", "1", "1.2.3", "1.2.3.4.", "1.2.3.4 ", " 1.2.3.4", "1.2.3.256", "1.2.3.04", "01.2.3.4", "1..3.4",
		"1.2.3.4444", "1.2.3.-4", "0x1.2.3.4", "a.b.c.d", "0.0.0.0", "255.255.255.255", "00.0.0.0", "1.2.3.4.5",
	};
	struct random random;
	unsigned taken = 0;

	(void)state;
	random_seed(&random, 2);
	for (size_t i = 0; i < 200000; i++) {
		char text[20] = { 0 };
		uint8_t bytes[4];
		struct address a;

		if (i < sizeof(rows) / sizeof(rows[0]))
			strcpy(text, rows[i]);
		else
			for (size_t n = random_below(&random, 16); n > 0; n--)
				text[n - 1] = "0.125.9."[random_below(&random, 8)];
		assert_int_equal(address_parse(&a, text), inet_pton(AF_INET, text, bytes));
		if (inet_pton(AF_INET, text, bytes) == 1) {
			assert_int_equal(address_v4_value(&a), load_be32(bytes));
			taken++;
		}
	}
	assert_true(taken > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v4_is_held_mapped),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_text_is_libcs),
		cmocka_unit_test(test_text_that_does_not_fit_is_empty),
		cmocka_unit_test(test_parse_takes_what_libc_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
