/* SPDX-License-Identifier: MIT */
/* Times, sizes, rates, shares and addresses: what is read is printed back, and nothing else is read. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/random.h"
#include "host/units.h"

static void test_spelled_values(void **state)
{
	static const struct {
		int (*parse)(const char *, uint64_t *);
		const char *text;
		uint64_t value;
	} table[] = {
		{ units_time, "200ms", 200000000 }, { units_time, "2s", 2000000000 },
		{ units_time, "4min", 240000000000 },
		{ units_time, "1.5s", 1500000000 }, { units_time, "0", 0 }, { units_time, "0.5us", 500 },
		{ units_time, "1h", 3600000000000 }, { units_time, "7ns", 7 }, { units_time, "0ms", 0 },
		{ units_time, "2S", 2000000000 }, { units_size, "64k", 65536 }, { units_size, "4m", 4194304 },
		{ units_size, "1g", 1073741824 }, { units_size, "1500", 1500 }, { units_size, "1.5k", 1536 },
		{ units_rate, "10mbit", 10000000 }, { units_rate, "1.5gbit", 1500000000 },
		{ units_rate, "800bit", 800 },
		{ units_count, "18446744073709551615", UINT64_MAX },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint64_t value = 1;

		assert_int_equal(table[i].parse(table[i].text, &value), 0);
		assert_true(value == table[i].value);
	}
}

static void test_everything_else_is_refused(void **state)
{
	static const char *const times[] = {
		"", "s", "2", "-2s", "2 s", "2ss", "2.s", ".5s", "2s ", "0x2s", "+2s", "1e3s", "0.5ns", "2..5s",
		"99999999999999999999s", "9999999999999h",
	};
	static const char *const addresses[] = {
		"", "10.0.0", "10.0.0.256", "10.0.0.1.2", "a", "10.0.0.01", " 10.0.0.1",
	};
	static const char *const subnets[] = {
		"10.0.0.1", "10.0.0.1/", "10.0.0.1/33", "10.0.0.1/-1", "/24", "10.0.0.1/24/1",
	};
	struct eleven_address address;
	uint64_t value;
	uint32_t share;
	uint8_t bits;

	(void)state;
	for (unsigned i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		assert_true(units_time(times[i], &value) < 0);
	for (unsigned i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
		assert_true(units_address(addresses[i], &address) < 0);
	for (unsigned i = 0; i < sizeof(subnets) / sizeof(subnets[0]); i++)
		assert_true(units_subnet(subnets[i], &address, &bits) < 0);
	assert_true(units_share("101%", &share) == -ERANGE && units_share("1", &share) < 0);
	assert_true(units_value("bool", "maybe", &value) < 0 && units_value("count", "1k", &value) < 0);
}

static void test_what_is_printed_is_read_back(void **state)
{
	static const char *const units[] = { "ns", "bytes", "count", "bool", "segments" };
	struct random random;

	(void)state;
	random_seed(&random, 4);
	for (unsigned i = 0; i < 100000; i++) {
		const char *unit = units[i % 5];
		uint64_t value = random_next(&random) >> random_below(&random, 64), back;
		char text[UNITS_TEXT_MAX];

		if (random_below(&random, 2))   /* round ones are spelled shorter */
			value = value % 1000 * (i % 10 < 5 ? 1000000 : 1024);
		if (strcmp(unit, "bool") == 0)
			value &= 1;
		assert_int_equal(units_value(unit, units_value_print(text, unit, value), &back), 0);
		assert_true(back == value);
	}
	for (uint32_t i = 0; i <= 1000000; i += 7) {
		char text[UNITS_TEXT_MAX];
		uint32_t back;

		assert_int_equal(units_share(units_share_print(text, i), &back), 0);
		assert_int_equal(back, i);
	}
}

static void test_the_spelling_is_the_short_one(void **state)
{
	char text[UNITS_TEXT_MAX];

	(void)state;
	assert_string_equal(units_time_print(text, 200000000), "200ms");
	assert_string_equal(units_time_print(text, 1500000000), "1.5s");
	assert_string_equal(units_time_print(text, 240000000000), "4min");
	assert_string_equal(units_time_print(text, 0), "0");
	assert_string_equal(units_size_print(text, 4 << 20), "4m");
	assert_string_equal(units_size_print(text, 1500), "1500");
	assert_string_equal(units_rate_print(text, 2500000), "2.5mbit");
	assert_string_equal(units_share_print(text, 10000), "1%");
	assert_string_equal(units_share_print(text, 1000), "0.10%");
}

static void test_addresses_with_their_prefix(void **state)
{
	struct eleven_address address;
	char text[UNITS_TEXT_MAX];
	uint8_t bits = 99;

	(void)state;
	assert_int_equal(units_subnet("10.1.2.3/24", &address, &bits), 0);
	assert_int_equal(bits, 24);
	assert_int_equal(address.bytes[12], 10);
	assert_int_equal(address.bytes[10], 0xff);
	assert_string_equal(units_address_print(text, &address), "10.1.2.3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spelled_values),
		cmocka_unit_test(test_everything_else_is_refused),
		cmocka_unit_test(test_what_is_printed_is_read_back),
		cmocka_unit_test(test_the_spelling_is_the_short_one),
		cmocka_unit_test(test_addresses_with_their_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
