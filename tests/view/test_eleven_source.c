/* SPDX-License-Identifier: MIT */
/* A status of our stack as a row. */
#include "golden.h"

#include "trace/trace.h"
#include "view/eleven_source.h"

#define S 1000000000ull

static struct control_status status_of(enum eleven_state state)
{
	struct control_status from = { .host = "server", .now = 100 * S };

	from.status.connection = 0x700000002;
	from.status.state = (uint8_t)state;
	from.status.previous_state = ELEVEN_ESTABLISHED;
	from.status.since = 60 * S;
	from.status.opened = 10 * S;
	return from;
}

static void test_queues_as_linux_counts(void **state)
{
	struct sock_entry entry = { .unread_bytes = 5, .unsent_bytes = 7, .inode = 99, .uid = 3, .backlog = 128,
				    .handed_over = 2 };
	struct control_status from = status_of(ELEVEN_SYN_SENT);
	struct conn_view conn;

	(void)state;
	conn_view_init(&conn);
	eleven_source_conn(&conn, &from, NULL);
	assert_int_equal(conn.sendq, 1);                /* the SYN */
	assert_int_equal(conn.recvq, 0);
	assert_int_equal(conn.inode, 0);

	from = status_of(ELEVEN_FIN_WAIT_1);
	from.status.sub = ELEVEN_SUB_FIN_SENT;
	from.status.send_queue = 11;                    /* the FIN is in it */
	from.status.receive_queue = 10;
	conn_view_init(&conn);
	eleven_source_conn(&conn, &from, &entry);
	assert_int_equal(conn.sendq, 11 + 7);
	assert_int_equal(conn.recvq, 10 + 5);
	assert_true(conn_view_sub(&conn, ELEVEN_SUB_UNREAD));
	assert_int_equal(conn.inode, 99);
	assert_int_equal(conn.uid, 3);

	from = status_of(ELEVEN_LISTEN);
	from.status.send_queue = 5;                     /* the stack's backlog */
	from.status.receive_queue = 1;
	conn_view_init(&conn);
	eleven_source_conn(&conn, &from, &entry);
	assert_int_equal(conn.recvq, 1 + 2);
	assert_int_equal(conn.sendq, 0);
	assert_int_equal(conn.backlog, 128);
}

static void test_times(void **state)
{
	struct control_status from = status_of(ELEVEN_TIME_WAIT);
	struct conn_view conn;

	(void)state;
	from.status.timer = ELEVEN_TIMER_TIME_WAIT;
	from.status.timer_deadline = 157 * S;
	from.status.previous_state = ELEVEN_CLOSED;
	from.status.rule = RULE_FIN_TIME_WAIT;
	conn_view_init(&conn);
	eleven_source_conn(&conn, &from, NULL);
	assert_int_equal(conn.age_ns, 40 * S);
	assert_int_equal(conn.age_bound, VIEW_EXACT);
	assert_int_equal(conn.opened_ns, 90 * S);
	assert_int_equal(conn.timer.expires_ns, 57 * S);
	assert_int_equal(conn.previous, ELEVEN_STATES);         /* the record has forgotten it */
	assert_string_equal(conn.rule->name, "FIN_TIME_WAIT");
	assert_null(conn.last_rule);
	assert_true(conn.info.cwnd == VIEW_ABSENT && conn.info.rto == VIEW_ABSENT);

	from.status.timer_deadline = 99 * S;                    /* due, and not run yet */
	conn_view_init(&conn);
	eleven_source_conn(&conn, &from, NULL);
	assert_int_equal(conn.timer.expires_ns, 0);
	assert_int_equal(conn.timer.kind, ELEVEN_TIMER_TIME_WAIT);

	from = status_of(ELEVEN_ESTABLISHED);
	from.status.timer = ELEVEN_TIMER_KEEPALIVE;             /* without a deadline none runs */
	conn_view_init(&conn);
	eleven_source_conn(&conn, &from, NULL);
	assert_int_equal(conn.timer.kind, ELEVEN_TIMER_NONE);
	assert_true(conn.info.srtt == VIEW_ABSENT && conn.info.last_sent == VIEW_ABSENT);
	assert_int_equal(conn.info.retransmitted_segments, 0);
}

/* A host of another make, or with a name meant to harm. */
static void test_nonsense(void **state)
{
	struct control_status from;
	struct conn_view conn;

	(void)state;
	memset(&from, 0xee, sizeof(from));
	memcpy(from.host, "a\033[2Jb", 7);
	conn_view_init(&conn);
	eleven_source_conn(&conn, &from, NULL);
	assert_string_equal(conn.host, "a\\x1b[2Jb");
	assert_int_equal(conn.state, ELEVEN_CLOSED);
	assert_int_equal(conn.previous, ELEVEN_STATES);
	assert_int_equal(conn.timer.kind, ELEVEN_TIMER_NONE);
	assert_null(conn.rule);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_queues_as_linux_counts),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
