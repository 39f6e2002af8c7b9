/* SPDX-License-Identifier: MIT */
/* The table is net-tools', byte for byte, and its JSON can be read. */
#include "golden.h"
#include "rows.h"

#include <jansson.h>

#include "view/json.h"
#include "view/netstat.h"

static void table(const struct netstat_options *options, const char *golden)
{
	struct printed printed;
	struct view view = { 0 };
	FILE *out = printed_open(&printed);

	rows_fill(&view);
	netstat_heading(out, options);
	for (size_t i = 0; i < view.count; i++) {
		if (netstat_wants(options, &view.conns[i]))
			netstat_line(out, options, &view.conns[i], NULL, NULL);
	}
	view_free(&view);
	printed_check(&printed, golden);
}

#define NUMERIC .numeric_hosts = true, .numeric_ports = true, .numeric_users = true

static void test_all_with_programs(void **state)
{
	(void)state;
	table(&(struct netstat_options){ .all = true, .programs = true, NUMERIC }, "netstat-apn.golden");
}

static void test_all_columns(void **state)
{
	(void)state;
	table(&(struct netstat_options){ .all = true, .programs = true, .extended = true, .timers = true, NUMERIC },
	      "netstat-apeon.golden");
}

static void test_without_listeners(void **state)
{
	(void)state;
	table(&(struct netstat_options){ .timers = true, NUMERIC }, "netstat-on.golden");
}

static void test_listeners_only(void **state)
{
	(void)state;
	table(&(struct netstat_options){ .listening = true, .programs = true, NUMERIC }, "netstat-lpn.golden");
}

/* A line that net-tools printed for the kernel's connection of the same figures. */
static void test_the_same_bytes_as_net_tools(void **state)
{
	static const char expected[] =
		"tcp        1      0 127.0.0.1:8000          127.0.0.1:41814         CLOSE_WAIT  0          13423"
		"      7309/python3         off (0.00/0/0)\n";
	struct netstat_options options = { .all = true, .programs = true, .extended = true, .timers = true, NUMERIC };
	struct view view = { 0 };
	struct conn_view *conn = row_add(&view, "", "127.0.0.1:8000", "127.0.0.1:41814", ELEVEN_CLOSE_WAIT);
	char *text;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	(void)state;
	conn->recvq = 1;
	row_owner(conn, 7309, "python3", 3);
	conn->inode = 13423;
	conn->uid = 0;
	netstat_line(out, &options, conn, NULL, NULL);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
	view_free(&view);
}

static const char *long_name(void *context, const struct eleven_address *address)
{
	(void)context;
	(void)address;
	return "a-virtual-host-with-a-long-name";
}

static void test_long_names_are_cut_but_ports_stay(void **state)
{
	struct netstat_options options = { .all = true, .numeric_ports = true };
	struct printed printed;
	struct view view = { 0 };
	FILE *out = printed_open(&printed);

	(void)state;
	row_add(&view, "", "10.0.0.1:41000", "10.0.0.2:65535", ELEVEN_ESTABLISHED);
	netstat_line(out, &options, &view.conns[0], long_name, NULL);
	options.wide = true;
	netstat_line(out, &options, &view.conns[0], long_name, NULL);
	view_free(&view);
	printed_check(&printed, "netstat-names.golden");
}

static void test_json_has_what_is_known_and_nothing_else(void **state)
{
	struct view view = { 0 };

	(void)state;
	rows_fill(&view);
	view.conns[0].info.cwnd = 14600;
	for (size_t i = 0; i < view.count; i++) {
		json_t *row = json_conn(&view.conns[i]);
		char *text = json_dumps(row, JSON_COMPACT);
		json_t *again = json_loads(text, 0, NULL);

		assert_non_null(again);
		assert_true(json_equal(row, again));
		assert_int_equal(json_integer_value(json_object_get(row, "v")), 1);
		assert_string_equal(json_string_value(json_object_get(row, "state")),
				    text_state_netstat(view.conns[i].state));
		assert_null(json_object_get(row, "netns"));
		assert_null(strstr(text, "18446744073709551615"));
		assert_int_equal(json_object_size(json_object_get(row, "info")), i == 0);
		assert_int_equal(json_array_size(json_object_get(row, "owners")), view.conns[i].owner_count);
		assert_true((json_object_get(row, "timer") != NULL) ==
			    (view.conns[i].timer.kind != ELEVEN_TIMER_NONE));
		free(text);
		json_decref(row);
		json_decref(again);
	}
	view_free(&view);
}

static void test_statistics(void **state)
{
	uint64_t rules[RULES] = { [RULE_LISTEN_SYN] = 3, [RULE_FIN_TIME_WAIT_AGAIN] = 1 };
	struct netstat_figures figures = { .host = "server", .rules = rules, .rule_count = RULES, .link_drops = 7 };
	struct printed printed;
	FILE *out = printed_open(&printed);

	(void)state;
	figures.stats.segments_in = 42;
	figures.stats.states[ELEVEN_ESTABLISHED] = 2;
	figures.stats.states[ELEVEN_CLOSE_WAIT] = 1;
	netstat_statistics(out, &figures);
	printed_check(&printed, "netstat-s.golden");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_with_programs),
		cmocka_unit_test(test_all_columns),
		cmocka_unit_test(test_without_listeners),
		cmocka_unit_test(test_listeners_only),
		cmocka_unit_test(test_the_same_bytes_as_net_tools),
		cmocka_unit_test(test_long_names_are_cut_but_ports_stay),
		cmocka_unit_test(test_json_has_what_is_known_and_nothing_else),
		cmocka_unit_test(test_statistics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
