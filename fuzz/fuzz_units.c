/* SPDX-License-Identifier: MIT */
/* What people type: times, sizes, rates, addresses, filters. What was understood prints to what means the same. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/must.h"
#include "fuzz/target.h"
#include "host/units.h"
#include "view/text.h"
#include "view/view.h"
#include "wire/address.h"

typedef int parse_fn(const char *text, uint64_t *value);
typedef char *print_fn(char to[UNITS_TEXT_MAX], uint64_t value);

static void numbers_check(const char *text)
{
	static const struct { parse_fn *parse; print_fn *print; } units[] = {
		{ units_time, units_time_print }, { units_size, units_size_print }, { units_rate, units_rate_print },
	};
	char printed[UNITS_TEXT_MAX];
	uint32_t share, again32;
	uint64_t value, again;

	for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (units[i].parse(text, &value) == 0) {
			MUST(units[i].parse(units[i].print(printed, value), &again) == 0);
			MUST(again == value);
		}
	if (units_share(text, &share) == 0) {
		MUST(share <= 1000000);
		MUST(units_share(units_share_print(printed, share), &again32) == 0 && again32 == share);
	}
	for (const struct eleven_config_row *row = eleven_config_row(0); row < eleven_config_row(0) + 12; row++)
		if (units_value(row->unit, text, &value) == 0)
			MUST(units_value(row->unit, units_value_print(printed, row->unit, value), &again) == 0 &&
			     again == value);
}

static void addresses_check(const char *text)
{
	struct eleven_address address, again;
	char printed[UNITS_TEXT_MAX], said[TEXT_ENDPOINT_MAX];
	struct eleven_endpoint endpoint, back;
	struct address plain, plain_again;
	struct view_filter filter;
	enum eleven_state state, state_again;
	enum eleven_profile profile;
	uint8_t bits;

	if (units_address(text, &address) == 0) {
		MUST(units_address(units_address_print(printed, &address), &again) == 0);
		MUST(memcmp(&address, &again, sizeof(again)) == 0);
	}
	if (units_subnet(text, &address, &bits) == 0)
		MUST(bits <= 128);
	if (address_parse(&plain, text)) {
		MUST(address_print(said, sizeof(said), &plain) > 0);
		MUST(address_parse(&plain_again, said) && memcmp(&plain, &plain_again, sizeof(plain)) == 0);
	}
	if (text_endpoint_parse(&endpoint, text) && endpoint.port) {
		MUST(text_endpoint_parse(&back, text_endpoint(said, &endpoint)));
		MUST(back.port == endpoint.port);
	}
	view_filter_init(&filter);
	view_filter_parse(&filter, text);
	if (text_state_parse(&state, text)) {
		MUST(text_state_parse(&state_again, text_state_rfc(state)) && state == state_again);
		MUST(text_state_parse(&state_again, text_state_netstat(state)) && state == state_again);
	}
	if (units_profile(text, &profile) == 0)
		MUST(strcasecmp(units_profile_name(profile), text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	char *text = malloc(n + 1), escaped[100];
	size_t length;

	memcpy(text, bytes, n);
	text[n] = 0;
	numbers_check(text);
	addresses_check(text);
	for (size_t room = 1; room <= sizeof(escaped); room += 33) {
		length = text_escape(escaped, room, text, n);
		MUST(length < room && strlen(escaped) == length);
		for (size_t i = 0; i < length; i++)
			MUST(escaped[i] >= ' ' && escaped[i] <= '~');
	}
	free(text);
	return 0;
}
