/* SPDX-License-Identifier: MIT */
/* Made-up rows of connections, one for each state and sub-state, for tests of what prints them. */
#ifndef TESTS_VIEW_ROWS_H
#define TESTS_VIEW_ROWS_H

#include <stdlib.h>
#include <string.h>

#include "trace/trace.h"
#include "view/text.h"
#include "view/view.h"

#define MS 1000000ull

static inline struct conn_view *row_add(struct view *view, const char *host, const char *local, const char *remote,
					enum eleven_state state)
{
	struct conn_view *conn = view_add(view);

	strcpy(conn->host, host);
	text_endpoint_parse(&conn->local, local);
	if (remote != NULL)
		text_endpoint_parse(&conn->remote, remote);
	conn->state = state;
	conn->cookie = view->count;
	conn->recvq = conn->sendq = 0;
	conn->age_ns = 40392 * MS;
	conn->age_bound = VIEW_EXACT;
	conn->age_how = "event";
	conn->owners_known = true;
	return conn;
}

static inline void row_owner(struct conn_view *conn, int pid, const char *comm, int fd)
{
	conn->owners = realloc(conn->owners, (conn->owner_count + 1) * sizeof(*conn->owners));
	memset(&conn->owners[conn->owner_count], 0, sizeof(*conn->owners));
	conn->owners[conn->owner_count].pid = pid;
	conn->owners[conn->owner_count].fd = fd;
	strcpy(conn->owners[conn->owner_count++].comm, comm);
	conn->inode = 13400 + (uint64_t)fd;
	conn->uid = 4242;
}

static inline void row_timer(struct conn_view *conn, enum eleven_timer kind, uint64_t ms, unsigned count)
{
	conn->timer = (struct view_timer){ .kind = kind, .expires_ns = ms * MS, .count = count };
}

static inline void row_cause(struct conn_view *conn, enum eleven_state previous, enum rule rule)
{
	conn->previous = previous;
	conn->rule = rule_row(rule);
}

/* One of each, both ends where that is telling. */
static inline void rows_fill(struct view *view)
{
	struct conn_view *conn;

	conn = row_add(view, "server", "0.0.0.0:8000", NULL, ELEVEN_LISTEN);
	conn->local.address = (struct eleven_address){ { 0 } };
	conn->recvq = 2;
	conn->backlog = 5;
	row_cause(conn, ELEVEN_CLOSED, RULE_OPEN_PASSIVE);
	row_owner(conn, 7309, "server", 3);
	row_owner(conn, 7310, "server", 3);
	conn = row_add(view, "client", "10.0.0.1:41000", "10.0.0.2:8000", ELEVEN_FIN_WAIT_2);
	row_cause(conn, ELEVEN_FIN_WAIT_1, RULE_ACK_FIN_WAIT_2);
	conn->sub = ELEVEN_SUB_FIN_SENT | ELEVEN_SUB_FIN_ACKED;
	row_owner(conn, 7312, "client", 3);
	conn = row_add(view, "server", "10.0.0.2:8000", "10.0.0.1:41000", ELEVEN_CLOSE_WAIT);
	row_cause(conn, ELEVEN_ESTABLISHED, RULE_FIN_CLOSE_WAIT);
	conn->recvq = 6;
	conn->sub = ELEVEN_SUB_FIN_RECEIVED | ELEVEN_SUB_UNREAD | ELEVEN_SUB_PASSIVE;
	row_owner(conn, 7309, "server", 4);
	conn = row_add(view, "client", "10.0.0.1:41001", "10.0.0.2:8000", ELEVEN_TIME_WAIT);
	row_cause(conn, ELEVEN_FIN_WAIT_2, RULE_FIN_TIME_WAIT);
	row_timer(conn, ELEVEN_TIMER_TIME_WAIT, 57200, 0);
	conn->sub = ELEVEN_SUB_ORPHAN;
	conn = row_add(view, "client", "10.0.0.1:41002", "10.0.0.2:8001", ELEVEN_SYN_SENT);
	row_cause(conn, ELEVEN_CLOSED, RULE_OPEN_ACTIVE);
	row_timer(conn, ELEVEN_TIMER_SYN, 800, 2);
	conn->sendq = 1;
	row_owner(conn, 7313, "client", 3);
	conn = row_add(view, "server", "10.0.0.2:8000", "10.0.0.1:41003", ELEVEN_SYN_RECEIVED);
	row_cause(conn, ELEVEN_LISTEN, RULE_LISTEN_SYN);
	row_timer(conn, ELEVEN_TIMER_SYN, 200, 1);
	conn->sub = ELEVEN_SUB_PASSIVE | ELEVEN_SUB_REQUEST | ELEVEN_SUB_ORPHAN;
	conn = row_add(view, "client", "10.0.0.1:41003", "10.0.0.2:8000", ELEVEN_ESTABLISHED);
	row_cause(conn, ELEVEN_SYN_SENT, RULE_SYN_SENT_ESTABLISHED);
	row_owner(conn, 7314, "evil\\x1b[31m", 3);
	conn = row_add(view, "client", "10.0.0.1:41004", "10.0.0.2:8000", ELEVEN_ESTABLISHED);
	row_timer(conn, ELEVEN_TIMER_PERSIST, 400, 3);
	conn->sub = ELEVEN_SUB_ZERO_WINDOW;
	conn->sendq = 65536;
	row_owner(conn, 7315, "a-name-of-15-by", 3);
	conn = row_add(view, "client", "10.0.0.1:41005", "10.0.0.2:8000", ELEVEN_ESTABLISHED);
	row_timer(conn, ELEVEN_TIMER_KEEPALIVE, 7199120, 0);
	row_owner(conn, 7316, "ssh", 3);
	conn = row_add(view, "server", "10.0.0.2:8000", "10.0.0.1:41005", ELEVEN_ESTABLISHED);
	conn->sub = ELEVEN_SUB_PASSIVE | ELEVEN_SUB_ACCEPT_QUEUE;
	conn = row_add(view, "client", "10.0.0.1:41006", "10.0.0.2:8000", ELEVEN_FIN_WAIT_1);
	conn->sub = ELEVEN_SUB_FIN_QUEUED | ELEVEN_SUB_ORPHAN;
	conn->sendq = 3001;
	row_timer(conn, ELEVEN_TIMER_RETRANSMISSION, 1200, 0);
	conn = row_add(view, "client", "10.0.0.1:41007", "10.0.0.2:8000", ELEVEN_CLOSING);
	row_timer(conn, ELEVEN_TIMER_RETRANSMISSION, 199, 1);
	conn->sendq = 1;
	conn = row_add(view, "server", "10.0.0.2:8000", "10.0.0.1:41008", ELEVEN_LAST_ACK);
	row_timer(conn, ELEVEN_TIMER_RETRANSMISSION, 25600, 7);
	conn->sendq = 1;
	conn = row_add(view, "client", "10.0.0.1:41009", "10.0.0.99:80", ELEVEN_FIN_WAIT_2);
	conn->sub = ELEVEN_SUB_ORPHAN | ELEVEN_SUB_FIN_SENT | ELEVEN_SUB_FIN_ACKED;
	row_timer(conn, ELEVEN_TIMER_FIN_WAIT_2, 59180, 0);
	conn = row_add(view, "client", "10.0.0.1:41010", NULL, ELEVEN_CLOSED);
	conn->sub = ELEVEN_SUB_BOUND;
	row_owner(conn, 7317, "idle", 3);
	view_sort(view);
}

#endif
