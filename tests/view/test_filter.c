/* SPDX-License-Identifier: MIT */
/* Filters in the language of ss, on rows made for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "view/filter.h"
#include "wire/address.h"

static struct view_owner owner = { .pid = 123, .fd = 7, .comm = "nginx" };

static void row(struct conn_view *conn, enum eleven_state state, uint32_t local, uint16_t port, uint16_t remote_port)
{
	struct address a = address_v4(local), b = address_v4(0x0a000009);

	conn_view_init(conn);
	conn->state = state;
	memcpy(conn->local.address.bytes, a.bytes, 16);
	memcpy(conn->remote.address.bytes, b.bytes, 16);
	conn->local.port = port;
	conn->remote.port = remote_port;
	conn->owners = &owner;
	conn->owner_count = 1;
	conn->uid = 33;
	conn->recvq = 5;
	conn->age_ns = 20000000000u;
}

static bool takes(const char *words, const struct conn_view *conn)
{
	char problem[FILTER_PROBLEM_MAX] = "", copy[256], *list[] = { copy };
	struct filter *filter;
	bool taken;

	strcpy(copy, words);
	filter = filter_parse(1, list, problem);
	if (filter == NULL)
		fail_msg("%s: %s", words, problem);
	taken = filter_takes(filter, conn);
	filter_free(filter);
	return taken;
}

static void test_conditions(void **state)
{
	static const struct { const char *words; bool taken; } cases[] = {
		{ "sport = :80", true }, { "sport=:80", true }, { "sport eq 80", true }, { "sport != :80", false },
		{ "sport = :http", true }, { "dport >= :40000", true }, { "dport < :40000", false },
		{ "( sport = :443 or sport = :80 )", true }, { "sport = :443 or sport = :81", false },
		{ "sport = :80 dport = :1", false }, { "sport = :80 && dport = :40000", true },
		{ "not sport = :443", true }, { "! ( sport = :80 or dport = :1 )", false },
		{ "src 10.0.0.1", true }, { "src 10/8", true }, { "src 10.0.0.0/31", true }, { "src 10.0.0.2/32",
											      false },
		{ "src 10.0.0.1:80", true }, { "src 10.0.0.1:81", false }, { "dst != 10.0.0.9", false },
		{ "dst *:40000", true },
		{ "src [::1]", false }, { "src ::ffff:10.0.0.1", true },
		{ "pid 123", true }, { "pid != 123", false }, { "comm ng*", true }, { "comm = apache", false },
		{ "fd 7", true },
		{ "uid 33", true }, { "uid != 33", false }, { "age > 10s", true }, { "age > 1min", false },
		{ "age < 1h", true },
		{ "unread > 0", true }, { "unread > 5", false }, { "netns 1", false },
		{ "state established", true }, { "state close-wait", false }, { "exclude established", false },
		{ "state CLOSE_WAIT state ESTABLISHED", true }, { "state connected", true }, { "state bucket", false },
		{ "state all exclude time-wait", true }, { "state established sport = :80", true },
		{ "ESTABLISHED", true }, { "FIN-WAIT-2", false }, { ":80", true }, { ":40000", true }, { ":81", false },
		{ "10.0.0.9", true }, { "10.0.0.9:40000-10.0.0.1:80", true }, { "10.0.0.1-10.0.0.2", false }, { "",
													       true },
		{ "sport = :80 or sport = :1 and dport = :1", true },   /* and before or */
	};
	struct conn_view conn;

	(void)state;
	row(&conn, ELEVEN_ESTABLISHED, 0x0a000001, 80, 40000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (takes(cases[i].words, &conn) != cases[i].taken)
			fail_msg("%s should be %d", cases[i].words, cases[i].taken);
	}
}

/* What is not known meets no condition, neither way. */
static void test_unknown(void **state)
{
	struct conn_view conn;

	(void)state;
	row(&conn, ELEVEN_ESTABLISHED, 0x0a000001, 80, 40000);
	conn.age_ns = conn.recvq = conn.uid = VIEW_ABSENT;
	assert_false(takes("age > 1s", &conn));
	assert_false(takes("age < 1s", &conn));
	assert_false(takes("unread = 0", &conn));
	assert_false(takes("uid != 0", &conn));
}

static void test_mistakes(void **state)
{
	static const char *const wrong[] = { "(", ")", "sport", "sport =", "sport = :nosuchservice", "and", "x or",
					    "state",
					     "state x", "age 5", "age > x", "src 10.0.0.256", "src 10/129", "pid < 3",
					     "not",
					     "( sport = :80", "sport = :80 )", "frob", "autobound", ":", "1:2:3:4" };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char problem[FILTER_PROBLEM_MAX] = "", copy[64], *list[] = { copy };

		strcpy(copy, wrong[i]);
		if (filter_parse(1, list, problem) != NULL)
			fail_msg("%s is taken", wrong[i]);
		assert_true(problem[0] != '\0');
	}
}

static void test_bounds(void **state)
{
	char problem[FILTER_PROBLEM_MAX], deep[400], many[4000] = "", *list[] = { deep }, *more[] = { many };

	(void)state;
	memset(deep, '(', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	assert_null(filter_parse(1, list, problem));
	for (int i = 0; i < 400; i++)
		strcat(many, ":80 or ");
	strcat(many, ":80");
	assert_null(filter_parse(1, more, problem));
	assert_non_null(strstr(problem, "too many"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
