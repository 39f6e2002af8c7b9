/* SPDX-License-Identifier: MIT */
/* Small texts: what comes from outside is harmless, and what is read back is what was printed. */
#include "golden.h"

#include "view/text.h"
#include "view/view.h"

/* Whatever the bytes: only printable ASCII comes out, within the buffer. */
static void test_escape_leaves_nothing_harmful(void **state)
{
	unsigned seed = 1;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		char in[24], out[40];
		size_t room = 1 + (size_t)round % sizeof(out), n;

		for (size_t i = 0; i < sizeof(in); i++)
			in[i] = (char)((seed = seed * 1103515245 + 12345) >> 16);
		n = text_escape(out, room, in, sizeof(in));
		assert_true(n < room);
		assert_int_equal(strlen(out), n);
		for (size_t i = 0; i < n; i++)
			assert_true(out[i] >= 0x20 && out[i] < 0x7f);
	}
}

static void test_escape_keeps_plain_text(void **state)
{
	char out[32];

	(void)state;
	text_escape(out, sizeof(out), "nginx: worker", 13);
	assert_string_equal(out, "nginx: worker");
	text_escape(out, sizeof(out), "\033[2J\\", 5);
	assert_string_equal(out, "\\x1b[2J\\x5c");
}

static void test_endpoints_read_back(void **state)
{
	static const char *const good[] = { "10.0.0.2:8000", "0.0.0.0:1", "255.255.255.255:65535" };
	static const char *const bad[] = { "", "x", ":", ":0", ":65536", "10.0.0:1", "10.0.0.2:", "10.0.0.2:8000 ",
					   "10.0.0.256", ":-1", ":+1", ":8000x", "1.2.3.4.5" };
	struct eleven_endpoint endpoint;
	char text[TEXT_ENDPOINT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(text_endpoint_parse(&endpoint, good[i]));
		assert_string_equal(text_endpoint(text, &endpoint), good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(text_endpoint_parse(&endpoint, bad[i]));
	assert_true(text_endpoint_parse(&endpoint, ":8000"));
	assert_string_equal(text_endpoint(text, &endpoint), "0.0.0.0:8000");
	assert_true(text_endpoint_parse(&endpoint, "10.0.0.2"));
	assert_string_equal(text_endpoint(text, &endpoint), "10.0.0.2:*");
}

static void test_states_in_both_spellings(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ELEVEN_STATES; i++) {
		enum eleven_state read = ELEVEN_STATES;

		assert_true(text_state_parse(&read, text_state_netstat(i)) && read == i);
		assert_true(text_state_parse(&read, text_state_rfc(i)) && read == i);
	}
	assert_string_equal(text_state_netstat(ELEVEN_FIN_WAIT_2), "FIN_WAIT2");
	assert_string_equal(text_state_netstat(ELEVEN_SYN_RECEIVED), "SYN_RECV");
	assert_string_equal(text_state_netstat(ELEVEN_CLOSED), "CLOSE");
	assert_string_equal(text_state_rfc(ELEVEN_FIN_WAIT_2), "FIN-WAIT-2");
	assert_string_equal(text_state_rfc((enum eleven_state)77), "UNKNOWN");
}

static void test_durations(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} rows[] = {
		{ 0, "0 us" }, { 999999, "999 us" }, { 1000000, "1 ms" }, { 999999999, "999 ms" },
		{ 1000000000, "1.0 s" }, { 9999999999, "9.9 s" }, { 57200000000, "57 s" }, { 119999999999, "119 s" },
		{ 250000000000, "4 min 10 s" }, { 7199000000000, "119 min 59 s" }, { 11520000000000, "3 h 12 min" },
	};
	char text[TEXT_TIME_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(text_duration(text, rows[i].ns), rows[i].text);
}

static void test_filters(void **state)
{
	static const char *const bad[] = { "8000", ":8000-", "-:8000", "a", ":8000-:9000-:1", "ESTAB", "" };
	struct view_filter filter;
	struct eleven_endpoint server, client, other;

	(void)state;
	text_endpoint_parse(&server, "10.0.0.2:8000");
	text_endpoint_parse(&client, "10.0.0.1:41000");
	text_endpoint_parse(&other, "10.0.0.3:9");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		view_filter_init(&filter);
		assert_false(view_filter_parse(&filter, bad[i]));
	}
	view_filter_init(&filter);
	assert_true(view_filter_endpoints(&filter, "a", &client, &server));
	assert_true(view_filter_parse(&filter, ":8000"));
	assert_true(view_filter_endpoints(&filter, "a", &client, &server));
	assert_true(view_filter_endpoints(&filter, "a", &server, &client));
	assert_false(view_filter_endpoints(&filter, "a", &client, &other));
	assert_true(view_filter_parse(&filter, "10.0.0.1:41000-10.0.0.2:8000"));
	assert_true(view_filter_endpoints(&filter, "a", &server, &client));
	assert_false(view_filter_endpoints(&filter, "a", &server, &other));
}

/* What is told in arrows has as many columns in ASCII. */
static void test_the_fallback_keeps_columns(void **state)
{
	static const char line[] = "│── S 0:0(0) ──╮╭╯╰▶◀▼✗╎╌…┼·┌┐└┘├┤┬│";
	char *text;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	(void)state;
	text_put(out, line, true);
	fclose(out);
	assert_int_equal(n, text_columns(line));
	for (size_t i = 0; i < n; i++)
		assert_true((unsigned char)text[i] < 0x80 && text[i] != '?');
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escape_leaves_nothing_harmful),
		cmocka_unit_test(test_escape_keeps_plain_text),
		cmocka_unit_test(test_endpoints_read_back),
		cmocka_unit_test(test_states_in_both_spellings),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_the_fallback_keeps_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
