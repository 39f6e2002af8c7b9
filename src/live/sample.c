/* SPDX-License-Identifier: MIT */
/*
 * Connections as a dump of sock_diag finds them.  Where tracepoints tell of transitions, dumps are only for what has
 * no tracepoint: requests in SYN_RECV, TIME_WAIT, orphans in FIN_WAIT2.  Where nothing tells of them, changes are what
 * differs from the dump before, and are marked as sampled: moves in between were not seen, and of several causes that
 * lead from one to the other only what is certain is said.
 */
#include <stdlib.h>
#include <string.h>

#include "live/conn.h"

#define TIME_WAIT_NS 60000000000ull     /* Linux has it built in */
#define LOOKED_MAX 4096u                /* newest connections that one row is compared with */
#define TIMER_SLACK_NS 1500000000ull    /* timers of sleeping sockets are rounded */

static void who_set(struct live_conn *conn, const struct conn_view *row)
{
	const struct view_owner *owner = row->owners;
	size_t n;

	if (row->owner_count == 0)
		return;
	conn->who.how = LIVE_HOW_PROC;
	conn->who.pid = owner->pid;
	conn->who.tid = 0;
	conn->who.fd = owner->fd;
	conn->who.uid = owner->uid;
	n = strlen(owner->comm);
	memset(conn->who.comm, 0, sizeof(conn->who.comm));
	memcpy(conn->who.comm, owner->comm, n < 15 ? n : 15);
	conn->others = (unsigned)row->owner_count - 1;
	conn->accepted = true;
}

static struct live_conn *conn_from_row(struct tracker *tracker, const struct conn_view *row)
{
	struct live_conn *conn = conn_add(tracker, row->cookie);

	conn->netns = row->netns;
	conn->local = row->local;
	conn->remote = row->remote;
	conn->family = (uint8_t)row->family;
	conn->inode = (uint32_t)row->inode;
	conn->state = row->state;
	if (row->uid != VIEW_ABSENT)
		conn->who.uid = (uint32_t)row->uid;
	return conn;
}

/* Without a listener in sight the ports tell, if only ours is one that connect() chooses. */
static enum live_direction conn_went_out(const struct tracker *tracker, const struct live_conn *conn)
{
	const struct tracker_options *options = &tracker->options;
	bool ours = conn->local.port >= options->ports_first && conn->local.port <= options->ports_last;
	bool theirs = conn->remote.port >= options->ports_first && conn->remote.port <= options->ports_last;
	struct live_conn turned = *conn;

	turned.local = conn->remote;
	if (conn_listener(tracker, &turned) != NULL || (ours && !theirs))
		return LIVE_OUT;
	return theirs && !ours ? LIVE_IN : LIVE_EITHER;
}

static void direction_set(struct tracker *tracker, struct live_conn *conn)
{
	if (conn->state != ELEVEN_LISTEN && conn->direction == LIVE_EITHER && conn->state != ELEVEN_SYN_SENT)
		conn->direction = conn_listener(tracker, conn) ? LIVE_IN : conn_went_out(tracker, conn);
	if (conn->state == ELEVEN_SYN_SENT)
		conn->direction = LIVE_OUT;
}

static bool row_small(const struct conn_view *row)
{
	return row->kernel != NULL && row->kernel->small;
}

static bool row_request(const struct conn_view *row)
{
	return row->kernel != NULL && row->kernel->request;
}

/* When it came into this state, by the row. */
static uint64_t row_since(const struct conn_view *row, uint64_t now)
{
	return row->age_bound == VIEW_EXACT && row->age_ns < now ? now - row->age_ns : 0;
}

static void request_set(struct tracker *tracker, struct live_conn *conn, bool request)
{
	if (conn->request != request)
		tracker->small += request ? 1 : -(size_t)1;
	conn->request = request;
}

void tracker_seed(struct tracker *tracker, const struct conn_view *row, uint64_t now)
{
	struct live_conn *conn = row->cookie ? conn_find(tracker, row->cookie) : NULL;

	if (row->cookie == 0)
		return;
	if (conn == NULL) {
		conn = conn_from_row(tracker, row);
		conn->since = row_since(row, now);
	}
	if (conn->inode == 0)
		conn->inode = (uint32_t)row->inode;
	if (conn->who.how != LIVE_HOW_CALL)
		who_set(conn, row);
	if (conn->state == ELEVEN_LISTEN)
		conn_note_listener(tracker, conn);
	direction_set(tracker, conn);
	if (conn->held == 0) {
		conn_set_small(tracker, conn, row_small(row));
		request_set(tracker, conn, row_request(row));
	}
	conn->seen = now;
}

/* What leads from one state to the other for certain. */
static enum live_cause cause_between(const struct live_conn *conn, enum eleven_state after, const struct conn_view *row)
{
	static const struct live_record none = { .flags = LIVE_RECORD_REQUEST };
	bool held = row->inode != 0;

	if (conn->state == ELEVEN_CLOSED && after == ELEVEN_ESTABLISHED)
		return conn->direction == LIVE_IN ? LIVE_CAUSE_THIRD_ACK : LIVE_CAUSE_SYN_ACK;
	if (after == ELEVEN_FIN_WAIT_1 || after == ELEVEN_LAST_ACK)
		return held ? LIVE_CAUSE_SHUTDOWN : LIVE_CAUSE_CLOSE_OR_EXIT;
	if (after == ELEVEN_FIN_WAIT_2 && conn->state != ELEVEN_FIN_WAIT_1)
		return held ? LIVE_CAUSE_SHUTDOWN : LIVE_CAUSE_CLOSE_OR_EXIT;
	if (after == ELEVEN_TIME_WAIT && (conn->state == ELEVEN_ESTABLISHED || conn->state == ELEVEN_CLOSED))
		return LIVE_CAUSE_CLOSE_ANY;
	if (conn->state == ELEVEN_CLOSED && (after == ELEVEN_CLOSE_WAIT || after == ELEVEN_CLOSING))
		return LIVE_CAUSE_PEER_FIN;
	return judge_move(conn->state, after, &none);
}

static struct live_conn *row_new(struct tracker *tracker, const struct conn_view *row)
{
	struct live_conn *conn = conn_from_row(tracker, row);

	direction_set(tracker, conn);
	conn->state = conn->state == ELEVEN_SYN_RECEIVED ? ELEVEN_LISTEN : ELEVEN_CLOSED;
	conn->since = 0;
	if (row->state == ELEVEN_LISTEN)
		conn_note_listener(tracker, conn);
	else if (conn->direction == LIVE_IN && row->inode == 0) {
		const struct live_conn *listener = conn_listener(tracker, conn);

		if (listener != NULL && listener->who.pid != 0) {
			conn->who = listener->who;
			conn->who.how = LIVE_HOW_LISTENER;
			conn->who.fd = -1;
		}
	}
	return conn;
}

/*
 * What is left of a socket has another cookie than the socket had, if nobody had asked for that before it ended.  The
 * rows of TIME_WAIT that are not known are few, and so are the sockets destroyed since the last dump.
 */
static struct live_conn *destroyed_find(struct tracker *tracker, const struct conn_view *row)
{
	struct live_conn *conn = tracker->newest;

	for (unsigned looked = 0; conn != NULL && looked < LOOKED_MAX; conn = conn->older, looked++) {
		if (conn->destroyed == 0 || conn->local.port != row->local.port ||
		    conn->remote.port != row->remote.port || conn->netns != row->netns ||
		    memcmp(&conn->local.address, &row->local.address, sizeof(row->local.address)) != 0 ||
		    memcmp(&conn->remote.address, &row->remote.address, sizeof(row->remote.address)) != 0)
			continue;
		tracker_rename(tracker, conn->cookie, row->cookie);
		return conn;
	}
	return NULL;
}

static void row_apply(struct tracker *tracker, const struct conn_view *row, uint64_t begun, uint64_t now,
		      bool small_only)
{
	struct live_conn *conn = conn_find(tracker, row->cookie);
	uint64_t time = row_since(row, now);
	struct held_change *held;
	bool fresh = conn == NULL;

	if (small_only && !row_small(row) && !row_request(row)) {
		if (!fresh && conn->inode == 0)
			conn->inode = (uint32_t)row->inode;
		return;
	}
	if (small_only && !fresh && !conn->small && !conn->request)
		return;                 /* the records know better */
	if (small_only && fresh && !row_request(row))
		return;                 /* ended before watching, or was forgotten */
	if (fresh && row_small(row))
		conn = destroyed_find(tracker, row);
	if (conn == NULL)
		conn = row_new(tracker, row);
	conn->seen = begun;
	if (row->inode != 0)
		conn->inode = (uint32_t)row->inode;
	if (row->inode == 0 && !row_request(row) && !fresh && !row_small(row) && conn->inode != 0)
		conn->flags |= LIVE_RECORD_DEAD;
	if (conn->state != row->state) {
		held = change_queue(tracker, conn, row->state, cause_between(conn, row->state, row),
				    time ? time : now, now);
		held->change.sampled = time == 0;
		if (row->recvq != VIEW_ABSENT && !row_small(row) && !row_request(row))
			held->change.unread = (uint32_t)row->recvq;
		if (row->sendq != VIEW_ABSENT && !row_small(row) && !row_request(row))
			held->change.unacked = (uint32_t)row->sendq;
		if (row->owner_count > 0) {
			who_set(conn, row);
			held->change.who = conn->who;
		}
	}
	conn_set_small(tracker, conn, row_small(row));
	request_set(tracker, conn, row_request(row));
}

/*
 * Destroyed at once, with text that nobody has read: close() or exit, which send RST then.  After a reset of the peer's
 * the descriptor would be open still, unless it was closed in the same moment.  A FIN that came since the last dump
 * counts as one.
 */
static bool closed_unread(const struct live_conn *conn)
{
	return conn->destroyed != 0 && !conn->small && conn->inode != 0 && conn->unread_last > 1 &&
	       (conn->state == ELEVEN_ESTABLISHED || conn->state == ELEVEN_CLOSE_WAIT);
}

/* The end of what is not in a dump that should have it. */
static void conn_vanish(struct tracker *tracker, struct live_conn *conn, uint64_t now)
{
	enum live_cause cause = LIVE_CAUSE_ENDED;
	uint64_t time = now, lasts = 0;
	struct held_change *held;

	if (conn->request) {
		cause = LIVE_CAUSE_SYN_GIVEN_UP;
	} else if (conn->state == ELEVEN_TIME_WAIT) {
		lasts = TIME_WAIT_NS;
		cause = LIVE_CAUSE_TIME_WAIT_ENDED;
	} else if (conn->state == ELEVEN_FIN_WAIT_2 && conn->small) {
		lasts = tracker->options.fin_timeout_ns;
	} else if (conn->state == ELEVEN_LAST_ACK) {
		cause = LIVE_CAUSE_FIN_ACKED;
	} else if (closed_unread(conn)) {
		cause = LIVE_CAUSE_CLOSE_UNREAD;
	}
	if (lasts != 0 && conn->since != 0 && now + TIMER_SLACK_NS >= conn->since + lasts) {
		cause = conn->state == ELEVEN_TIME_WAIT ? LIVE_CAUSE_TIME_WAIT_OVER : LIVE_CAUSE_ORPHAN_OVER;
		if (conn->since + lasts < now)
			time = conn->since + lasts;
	}
	/* Closed, and its descriptor is open: the multicast is to come, and says nothing new. */
	conn->lingers = conn->destroyed == 0 && !conn->small && !conn->request;
	conn_set_small(tracker, conn, false);
	request_set(tracker, conn, false);
	if (conn->destroyed != 0 && conn->destroyed < time)
		time = conn->destroyed;
	if (time < conn->since)
		time = conn->since;
	held = change_queue(tracker, conn, ELEVEN_CLOSED, cause, time, now);
	held->change.sampled = true;
	if (cause == LIVE_CAUSE_CLOSE_UNREAD)
		held->change.unread = conn->unread_last;
}

static unsigned states_of(const struct live_conn *conn)
{
	switch (conn->state) {
	case ELEVEN_SYN_RECEIVED: return 1u << KERNEL_SYN_RECV | 1u << KERNEL_NEW_SYN_RECV;
	case ELEVEN_TIME_WAIT: return 1u << KERNEL_TIME_WAIT;
	case ELEVEN_FIN_WAIT_2: return 1u << KERNEL_FIN_WAIT2;
	case ELEVEN_STATES: return ~0u;
	default: return 1u << KERNEL_ESTABLISHED;
	}
}

void tracker_dump(struct tracker *tracker, const struct view *view, uint64_t netns, uint32_t states, uint64_t begun,
		  uint64_t now, bool small_only)
{
	struct live_conn *older;

	for (size_t i = 0; i < view->count; i++)
		if (view->conns[i].cookie != 0)
			row_apply(tracker, &view->conns[i], begun, now, small_only);
	for (struct live_conn *conn = tracker->newest; conn != NULL; conn = older) {
		bool small = conn->small || conn->request;

		older = conn->older;
		if (conn->netns != netns || conn->cookie & LIVE_COOKIE_MADE_UP || conn->state == ELEVEN_CLOSED)
			continue;
		if (conn->seen >= begun || conn->since >= begun || (small_only && !small) ||
		    !(states & states_of(conn)))
			continue;
		conn_vanish(tracker, conn, now);
	}
}

void tracker_destroyed(struct tracker *tracker, const struct conn_view *row, uint64_t now)
{
	struct live_conn *conn = row->cookie ? conn_find(tracker, row->cookie) : NULL;

	if (conn != NULL && conn->state == ELEVEN_CLOSED && conn->held == 0) {
		conn_remove(tracker, conn);     /* its end was told already, its descriptor was open still */
		return;
	}
	if (conn == NULL && row->cookie != 0) {         /* came and went between two dumps */
		conn = conn_from_row(tracker, row);
		conn->state = ELEVEN_STATES;
		direction_set(tracker, conn);
	}
	/* It may live on in TIME_WAIT: the next dump tells. */
	if (conn != NULL) {
		conn->lingers = false;
		conn->destroyed = now;
		conn->unread_last = row->recvq != VIEW_ABSENT ? (uint32_t)row->recvq : 0;
		conn_touch(tracker, conn);
	}
}
