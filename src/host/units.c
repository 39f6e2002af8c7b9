/* SPDX-License-Identifier: MIT */
/* Spelling of numbers; see units.h.  Decimals are counted exactly, not through floating point. */
#include "host/units.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "wire/address.h"

struct unit {
	const char *name;
	uint64_t factor;
};

/* Largest first, as the printers want it. */
static const struct unit times[] = {
	{ "h", 3600000000000ull }, { "min", 60000000000ull }, { "s", 1000000000ull }, { "ms", 1000000ull },
	{ "us", 1000ull }, { "ns", 1ull }, { NULL, 0 },
};
static const struct unit sizes[] = {
	{ "g", 1ull << 30 }, { "m", 1ull << 20 }, { "k", 1ull << 10 }, { "", 1ull }, { NULL, 0 },
};
static const struct unit rates[] = {
	{ "gbit", 1000000000ull }, { "mbit", 1000000ull }, { "kbit", 1000ull }, { "bit", 1ull }, { NULL, 0 },
};
static const struct unit shares[] = { { "%", 10000ull }, { NULL, 0 } };
static const struct unit counts[] = { { "", 1ull }, { NULL, 0 } };

static bool digits_read(const char **at, uint64_t *value, uint64_t *scale)
{
	const char *start = *at;

	for (; **at >= '0' && **at <= '9'; ++*at) {
		uint64_t digit = (uint64_t)(**at - '0');

		if (*value > (UINT64_MAX - digit) / 10 || (scale && *scale > UINT64_MAX / 10))
			return false;
		*value = *value * 10 + digit;
		if (scale)
			*scale *= 10;
	}
	return *at > start;
}

/* number = digits [. digits] unit */
static int number_parse(const char *text, const struct unit *units, uint64_t *result)
{
	uint64_t whole = 0, part = 0, scale = 1;
	const char *at = text;

	if (!digits_read(&at, &whole, NULL))
		return -EINVAL;
	if (*at == '.') {
		at++;
		if (!digits_read(&at, &part, &scale))
			return -EINVAL;
	}
	if (*at == 0 && whole == 0 && part == 0) {
		*result = 0;
		return 0;
	}
	for (; units->name; units++) {
		__uint128_t value = (__uint128_t)whole * units->factor + (__uint128_t)part * units->factor / scale;

		if (strcasecmp(at, units->name) != 0)
			continue;
		if (part > 0 && (__uint128_t)part * units->factor % scale != 0)
			return -EINVAL;
		if (value > UINT64_MAX)
			return -ERANGE;
		*result = (uint64_t)value;
		return 0;
	}
	return -EINVAL;
}

int units_time(const char *text, uint64_t *ns)
{
	return number_parse(text, times, ns);
}

int units_size(const char *text, uint64_t *bytes)
{
	return number_parse(text, sizes, bytes);
}

int units_rate(const char *text, uint64_t *bits)
{
	return number_parse(text, rates, bits);
}

int units_count(const char *text, uint64_t *count)
{
	return number_parse(text, counts, count);
}

int units_share(const char *text, uint32_t *millionths)
{
	uint64_t value;
	int error = number_parse(text, shares, &value);

	if (error == 0 && value > 1000000)
		error = -ERANGE;
	if (error == 0)
		*millionths = (uint32_t)value;
	return error;
}

int units_address(const char *text, struct eleven_address *address)
{
	struct address parsed;

	if (!address_parse(&parsed, text))
		return -EINVAL;
	memcpy(address->bytes, parsed.bytes, sizeof(address->bytes));
	return 0;
}

bool units_address_is_v4(const struct eleven_address *address)
{
	struct address plain;

	memcpy(plain.bytes, address->bytes, sizeof(plain.bytes));
	return address_is_v4(&plain);
}

int units_subnet(const char *text, struct eleven_address *address, uint8_t *prefix_bits)
{
	const char *slash = strchr(text, '/');
	char alone[UNITS_TEXT_MAX];
	uint64_t bits;

	if (!slash || (size_t)(slash - text) >= sizeof(alone))
		return -EINVAL;
	memcpy(alone, text, (size_t)(slash - text));
	alone[slash - text] = 0;
	if (units_address(alone, address) < 0 || units_count(slash + 1, &bits) < 0 ||
	    bits > (units_address_is_v4(address) ? 32 : 128))
		return -EINVAL;
	*prefix_bits = (uint8_t)bits;
	return 0;
}

int units_value(const char *unit, const char *text, uint64_t *value)
{
	static const char *const words[] = { "0", "1", "off", "on", "no", "yes", "false", "true" };

	if (strcmp(unit, "ns") == 0)
		return units_time(text, value);
	if (strcmp(unit, "bytes") == 0)
		return units_size(text, value);
	if (strcmp(unit, "bool") != 0)
		return units_count(text, value);
	for (unsigned i = 0; i < 8; i++) {
		if (strcasecmp(text, words[i]) == 0) {
			*value = i % 2;
			return 0;
		}
	}
	return -EINVAL;
}

static const char *const profiles[ELEVEN_PROFILES] = { "modern", "strict", "linux" };

int units_profile(const char *text, enum eleven_profile *profile)
{
	for (unsigned i = 0; i < ELEVEN_PROFILES; i++) {
		if (strcmp(text, profiles[i]) == 0) {
			*profile = (enum eleven_profile)i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *units_profile_name(unsigned profile)
{
	return profile < ELEVEN_PROFILES ? profiles[profile] : "?";
}

/* In the largest unit of which it is a whole number of tenths at least 1. */
static char *number_print(char to[UNITS_TEXT_MAX], const struct unit *units, uint64_t value, const char *zero)
{
	if (value == 0)
		return strcpy(to, zero);
	for (; units->name; units++) {
		uint64_t whole = value / units->factor, rest = value % units->factor;

		if (rest == 0) {
			snprintf(to, UNITS_TEXT_MAX, "%llu%s", (unsigned long long)whole, units->name);
			return to;
		}
		if (whole > 0 && units->factor % 10 == 0 && rest % (units->factor / 10) == 0) {
			snprintf(to, UNITS_TEXT_MAX, "%llu.%llu%s", (unsigned long long)whole,
				 (unsigned long long)(rest / (units->factor / 10)), units->name);
			return to;
		}
	}
	return strcpy(to, "?");
}

char *units_time_print(char to[UNITS_TEXT_MAX], uint64_t ns)
{
	return number_print(to, times, ns, "0");
}

char *units_size_print(char to[UNITS_TEXT_MAX], uint64_t bytes)
{
	return number_print(to, sizes, bytes, "0");
}

char *units_rate_print(char to[UNITS_TEXT_MAX], uint64_t bits)
{
	return number_print(to, rates, bits, "0");
}

char *units_share_print(char to[UNITS_TEXT_MAX], uint32_t millionths)
{
	unsigned part = millionths % 10000;

	if (part == 0)
		snprintf(to, UNITS_TEXT_MAX, "%u%%", millionths / 10000);
	else if (part % 100 == 0)
		snprintf(to, UNITS_TEXT_MAX, "%u.%02u%%", millionths / 10000, part / 100);
	else
		snprintf(to, UNITS_TEXT_MAX, "%u.%04u%%", millionths / 10000, part);
	return to;
}

char *units_address_print(char to[UNITS_TEXT_MAX], const struct eleven_address *address)
{
	struct address plain;

	memcpy(plain.bytes, address->bytes, sizeof(plain.bytes));
	address_print(to, UNITS_TEXT_MAX, &plain);
	return to;
}

char *units_value_print(char to[UNITS_TEXT_MAX], const char *unit, uint64_t value)
{
	if (strcmp(unit, "ns") == 0)
		return units_time_print(to, value);
	if (strcmp(unit, "bytes") == 0)
		return units_size_print(to, value);
	if (strcmp(unit, "bool") == 0)
		return strcpy(to, value ? "on" : "off");
	snprintf(to, UNITS_TEXT_MAX, "%llu", (unsigned long long)value);
	return to;
}
