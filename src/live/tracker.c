/* SPDX-License-Identifier: MIT */
/* Records become changes; see tracker.h. */
#include "live/tracker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "live/conn.h"

#define TWICE_NS 100000ull              /* one move is not told twice at a greater distance */
#define PEERS_LOOKED_AT 256u            /* those that changed last: a peer that has sent a reset is among them */
#define NEAR_NS 200000000ull            /* two ends' tracepoints for one segment on this host are not further apart */

struct tracker *tracker_create(const struct tracker_options *options)
{
	struct tracker *tracker = calloc(1, sizeof(*tracker));

	CHECK(tracker != NULL);
	tracker->options = *options;
	if (tracker->options.conns_max == 0)
		tracker->options.conns_max = 262144;
	if (tracker->options.fin_timeout_ns == 0)
		tracker->options.fin_timeout_ns = 60000000000ull;
	tracker->names = names_create();
	CHECK(tracker->names != NULL);
	return tracker;
}

void tracker_destroy(struct tracker *tracker)
{
	while (tracker->newest)
		conn_remove(tracker, tracker->newest);
	conn_slabs_free(tracker);
	for (size_t i = 0; i < tracker->held_count; i++)
		free(tracker->held[(tracker->held_first + i) % tracker->held_room].change.frames);
	free(tracker->held);
	names_destroy(tracker->names);
	free(tracker);
}

void tracker_set_owners(struct tracker *tracker, tracker_owners_fn *fn, void *context)
{
	tracker->owners = fn;
	tracker->owners_context = context;
}

size_t tracker_small_count(const struct tracker *tracker)
{
	return tracker->small;
}

size_t tracker_orphan_count(const struct tracker *tracker)
{
	return tracker->orphans;
}

uint64_t tracker_forgotten(const struct tracker *tracker)
{
	return tracker->forgotten;
}

void tracker_process(struct tracker *tracker, const struct live_process *process)
{
	names_put(tracker->names, (pid_t)process->pid, process->uid, process->comm);
}

/* ---------------------------------------------------------------- facts of a record */

static void address_set(struct eleven_address *to, const uint8_t *from, bool v6)
{
	memset(to, 0, sizeof(*to));
	if (v6) {
		memcpy(to->bytes, from, 16);
		return;
	}
	to->bytes[10] = to->bytes[11] = 0xff;
	memcpy(to->bytes + 12, from, 4);
}

void live_record_endpoints(const struct live_record *record, struct eleven_endpoint *local,
			   struct eleven_endpoint *remote)
{
	bool v6 = record->flags & LIVE_RECORD_V6;

	address_set(&local->address, record->address, v6);
	address_set(&remote->address, record->address + (v6 ? 16 : 4), v6);
	local->port = record->local_port;
	remote->port = record->remote_port;
}

static void who_from_call(struct tracker *tracker, struct live_who *who, const struct live_record *record)
{
	who->how = LIVE_HOW_CALL;
	who->pid = (pid_t)(record->pid ? record->pid : record->tid);
	who->tid = (pid_t)record->tid;
	if (record->fd != LIVE_FD_NONE)
		who->fd = record->fd;
	names_get(tracker->names, who);
}

/* Addresses, figures, and the owner if it is the one that calls. */
static void conn_update(struct tracker *tracker, struct live_conn *conn, const struct live_record *record)
{
	bool killed = judge_killed(conn, record);

	live_record_endpoints(record, &conn->local, &conn->remote);
	conn->family = record->flags & LIVE_RECORD_V6 ? 6 : 4;
	if (record->netns != 0)
		conn->netns = record->netns;
	if (!(record->flags & LIVE_RECORD_REQUEST)) {
		conn->flags = record->flags;
		if (record->inode != 0)
			conn->inode = record->inode;
	}
	if (record->tid == 0 || record->flags & LIVE_RECORD_KERNEL_THREAD || killed)
		return;
	/* A thread that has ended, and nobody knows of which program: better than nothing, and than nothing only. */
	if (record->pid == 0 && conn->who.how != LIVE_HOW_NONE)
		return;
	/* Without a descriptor it was never accepted: who closes the listener does not own it. */
	if (record->inode == 0 && !(record->flags & LIVE_RECORD_REQUEST))
		return;
	if (record->pid == 0 || conn->who.pid != (pid_t)record->pid)
		conn->who.fd = -1;
	who_from_call(tracker, &conn->who, record);
	conn->others = 0;
	conn->accepted = true;
}

static struct live_conn *conn_of(struct tracker *tracker, const struct live_record *record, enum eleven_state state)
{
	struct live_conn *conn = conn_find(tracker, record->cookie);

	if (conn != NULL)
		return conn;
	conn = conn_add(tracker, record->cookie);
	conn->state = state;
	return conn;
}

/* ---------------------------------------------------------------- transitions */

static void figures_note(struct live_change *change, const struct live_record *record)
{
	if (record->flags & LIVE_RECORD_REQUEST)
		return;
	change->unread = record->unread;
	change->unacked = record->unacked;
	change->rtt_us = record->rtt_us;
	change->signal = record->signal;
	change->gone = (record->flags & LIVE_RECORD_DEAD) != 0;
}

/* The kernel tells of it when the third ACK has come; how long that took it has measured. */
static void request_time_mend(struct tracker *tracker, struct live_conn *conn, const struct live_record *record)
{
	struct held_change *held = change_held(tracker, conn);

	if (held == NULL || record->rtt_us == 0 || held->change.cause != LIVE_CAUSE_SYN)
		return;
	held->change.time -= held->change.time > record->rtt_us * 1000ull ? record->rtt_us * 1000ull : 0;
	conn->since = held->change.time;
}

static void owner_from_listener(struct tracker *tracker, struct live_conn *conn)
{
	const struct live_conn *listener = conn_listener(tracker, conn);

	if (listener == NULL || listener->who.pid == 0)
		return;
	conn->who = listener->who;
	conn->who.how = LIVE_HOW_LISTENER;
	conn->who.fd = -1;
	conn->who.tid = 0;
}

static void listener_note(struct tracker *tracker, struct live_conn *conn, enum eleven_state before,
			  enum eleven_state after, const struct live_record *record)
{
	if (after == ELEVEN_LISTEN)
		conn_note_listener(tracker, conn);
	if (before != ELEVEN_LISTEN || after != ELEVEN_CLOSED)
		return;
	tracker->listener_closed_time = record->time;
	tracker->listener_closed_tid = (pid_t)record->tid;
	tracker->listener_closed_port = record->local_port;
}

static void conn_end(struct tracker *tracker, struct live_conn *conn, enum eleven_state rest, uint64_t now)
{
	if (rest == ELEVEN_CLOSED)
		return;                 /* its change may be judged again: removed when that has gone out */
	conn_set_small(tracker, conn, true);
	conn->seen = now;
}

static void state_closed(struct tracker *tracker, struct live_conn *conn, const struct live_record *record,
			 uint64_t now)
{
	enum eleven_state before = conn->state, rest = judge_rest(conn, before, record);
	enum live_cause cause = judge_close(tracker, conn, before, record);
	struct held_change *held;

	conn->error = record->detail ? record->detail : conn->error;
	if (rest == before) {           /* an orphan */
		if (tracker->options.notes)
			figures_note(&change_queue(tracker, conn, rest, cause, record->time, now)->change, record);
		conn_end(tracker, conn, rest, now);
		return;
	}
	held = change_queue(tracker, conn, rest, cause, record->time, now);
	figures_note(&held->change, record);
	held->closing = *record;
	held->judged_again = rest == ELEVEN_CLOSED || before == ELEVEN_FIN_WAIT_2;
	if ((cause == LIVE_CAUSE_KILLED || cause == LIVE_CAUSE_LISTENER_CLOSED) && record->tid != 0) {
		held->change.by.fd = -1;
		who_from_call(tracker, &held->change.by, record);
	}
	conn_end(tracker, conn, rest, now);
}

static void record_state(struct tracker *tracker, const struct live_record *record, uint64_t now)
{
	enum eleven_state before = live_state(record->states >> 4), after = live_state(record->states & 15);
	struct live_conn *conn;
	struct held_change *held;

	if (before == ELEVEN_STATES || after == ELEVEN_STATES)
		return;
	if (after == ELEVEN_SYN_RECEIVED && before == ELEVEN_CLOSED)
		before = ELEVEN_LISTEN;
	conn = conn_of(tracker, record, before);
	if (conn->state == after && conn->told == record->states && record->time - conn->since < TWICE_NS)
		return;                 /* both programs told it */
	conn->told = record->states;
	if (before == ELEVEN_CLOSED && conn->state == ELEVEN_CLOSED)    /* the socket's next life */
		conn->reset_sent = RESET_NONE;
	conn_set_small(tracker, conn, false);
	conn_update(tracker, conn, record);
	if (conn->request) {
		conn->request = false;
		tracker->small--;
	}
	if (after == ELEVEN_SYN_RECEIVED && conn->state == ELEVEN_SYN_RECEIVED)
		return;                 /* a dump saw it as a request */
	if (before != conn->state && conn->state != ELEVEN_CLOSED)
		conn->since = 0;        /* something was lost */
	conn->state = before;
	conn_touch(tracker, conn);
	if (after == ELEVEN_SYN_SENT)
		conn->direction = LIVE_OUT;
	if (after == ELEVEN_SYN_RECEIVED && before == ELEVEN_LISTEN) {
		conn->direction = LIVE_IN;
		owner_from_listener(tracker, conn);
	}
	if (before == ELEVEN_SYN_RECEIVED && after == ELEVEN_ESTABLISHED)
		request_time_mend(tracker, conn, record);
	listener_note(tracker, conn, before, after, record);
	if (after == ELEVEN_CLOSED) {
		state_closed(tracker, conn, record, now);
		return;
	}
	held = change_queue(tracker, conn, after, judge_move(before, after, record), record->time, now);
	figures_note(&held->change, record);
	/* Without figures nothing tells how long it has been a request. */
	held->change.sampled = held->change.cause == LIVE_CAUSE_SYN && record->flags & LIVE_RECORD_REQUEST;
}

/* ---------------------------------------------------------------- what comes before and after a move to CLOSED */

static void judge_again(struct tracker *tracker, struct live_conn *conn)
{
	struct held_change *held = change_held(tracker, conn);

	if (held == NULL || !held->judged_again)
		return;
	held->change.after = judge_rest(conn, held->change.before, &held->closing);
	held->change.cause = judge_close(tracker, conn, held->change.before, &held->closing);
	held->change.error = held->closing.detail ? held->closing.detail : conn->error;
	if (held->change.after == held->change.before)
		held->change.after = ELEVEN_CLOSED;
	conn->state = held->change.after;
	conn_set_small(tracker, conn, conn->state == ELEVEN_TIME_WAIT);
}

static void record_lost_reset(struct tracker *tracker, const struct live_record *record, uint64_t now)
{
	struct lost_reset *reset = &tracker->resets[tracker->reset_next++ % RESETS_KEPT];
	struct live_conn none = { .who = { .fd = -1, .uid = UINT32_MAX },
				  .netns = record->netns ? record->netns : VIEW_ABSENT };
	bool syn = (record->states & 0x12) == 0x02;     /* SYN without ACK */

	live_record_endpoints(record, &reset->local, &reset->remote);
	reset->time = record->time;
	reset->netns = record->netns;
	if (!syn && !tracker->options.notes)
		return;
	none.local = reset->local;
	none.remote = reset->remote;
	none.family = record->flags & LIVE_RECORD_V6 ? 6 : 4;
	none.state = ELEVEN_CLOSED;
	none.direction = LIVE_IN;
	change_queue(tracker, &none, ELEVEN_CLOSED, syn ? LIVE_CAUSE_NO_LISTENER : LIVE_CAUSE_NO_CONNECTION,
		     record->time, now);
}

static bool endpoints_equal(const struct eleven_endpoint *a, const struct eleven_endpoint *b)
{
	return a->port == b->port && memcmp(&a->address, &b->address, sizeof(a->address)) == 0;
}

static bool peer_had_no_socket(const struct tracker *tracker, const struct live_conn *conn, uint64_t time)
{
	for (unsigned i = 0; i < RESETS_KEPT; i++) {
		const struct lost_reset *reset = &tracker->resets[i];

		if (reset->time != 0 && reset->time <= time && time - reset->time < NEAR_NS &&
		    endpoints_equal(&reset->local, &conn->remote) && endpoints_equal(&reset->remote, &conn->local))
			return true;
	}
	return false;
}

/*
 * The other end is on this host, too, and has just ended of its own accord, with this reset: the kernel tells of a
 * reset that close() sends when it has been sent, and over loopback it has been received by then.
 */
static bool peer_reset_here(const struct tracker *tracker, const struct live_conn *conn)
{
	const struct live_conn *peer = tracker->newest;

	for (unsigned i = 0; i < PEERS_LOOKED_AT && peer != NULL; i++, peer = peer->older) {
		if ((peer->reset_sent != RESET_NONE || peer->state == ELEVEN_CLOSED) &&
		    endpoints_equal(&peer->local, &conn->remote) && endpoints_equal(&peer->remote, &conn->local))
			return true;
	}
	return false;
}

/* TIME_WAIT does not answer with RST: it was an orphan in FIN_WAIT2, which could not be told apart. */
static void orphan_mend(struct tracker *tracker, struct live_conn *conn)
{
	struct held_change *held = change_held(tracker, conn);

	conn->state = ELEVEN_FIN_WAIT_2;
	if (held == NULL || held->change.after != ELEVEN_TIME_WAIT)
		return;
	held->dropped = true;
	conn->since = held->change.time;
}

static void record_send_reset(struct tracker *tracker, const struct live_record *record, uint64_t now)
{
	struct live_conn *conn = record->cookie ? conn_find(tracker, record->cookie) : NULL;

	if (record->cookie == 0) {
		record_lost_reset(tracker, record, now);
		return;
	}
	if (conn == NULL || conn->state == ELEVEN_LISTEN)
		return;
	conn->reset_sent = record->detail;
	if (conn->small && conn->state == ELEVEN_TIME_WAIT && record->detail == RESET_TIME_WAIT)
		orphan_mend(tracker, conn);
	if (conn->small && conn->state == ELEVEN_FIN_WAIT_2) {
		change_queue(tracker, conn, ELEVEN_CLOSED, LIVE_CAUSE_DATA_AFTER_CLOSE, record->time, now);
		conn_set_small(tracker, conn, false);
		return;
	}
	if (conn->small)                /* TIME_WAIT answers what is wrong and stays */
		return;
	judge_again(tracker, conn);
}

static void record_note(struct tracker *tracker, struct live_conn *conn, enum live_cause cause,
			const struct live_record *record, uint64_t now)
{
	conn->retransmits++;
	if (tracker->options.notes)
		figures_note(&change_queue(tracker, conn, conn->state, cause, record->time, now)->change, record);
}

static void record_accept(struct tracker *tracker, struct live_conn *conn, const struct live_record *record,
			  uint64_t now)
{
	conn_update(tracker, conn, record);
	conn->direction = LIVE_IN;
	figures_note(&change_queue(tracker, conn, conn->state, LIVE_CAUSE_ACCEPT, record->time, now)->change, record);
}

/* A SYN+ACK that went out again: a request that no dump has seen yet. */
static void record_request(struct tracker *tracker, const struct live_record *record, uint64_t now)
{
	struct live_conn *conn = conn_find(tracker, record->cookie);

	if (conn == NULL) {
		conn = conn_of(tracker, record, ELEVEN_LISTEN);
		conn_update(tracker, conn, record);
		conn->direction = LIVE_IN;
		conn->request = true;
		conn->seen = now;
		tracker->small++;
		owner_from_listener(tracker, conn);
		change_queue(tracker, conn, ELEVEN_SYN_RECEIVED, LIVE_CAUSE_SYN, record->time, now)->change.sampled =
			true;
	}
	record_note(tracker, conn, LIVE_CAUSE_SYN_ACK_AGAIN, record, now);
}

void tracker_record(struct tracker *tracker, const struct live_record *record, uint64_t now)
{
	enum eleven_state state = live_state(record->states >> 4);
	struct live_conn *conn;

	switch ((enum live_record_kind)record->kind) {
	case LIVE_RECORD_STATE:
		if (record->cookie != 0)
			record_state(tracker, record, now);
		return;
	case LIVE_RECORD_SEND_RESET:
		record_send_reset(tracker, record, now);
		return;
	case LIVE_RECORD_RETRANSMIT_SYNACK:
		if (record->cookie != 0)
			record_request(tracker, record, now);
		return;
	case LIVE_RECORD_RECEIVE_RESET:
	case LIVE_RECORD_ERROR:
	case LIVE_RECORD_RETRANSMIT:
	case LIVE_RECORD_ACCEPT:
		break;
	case LIVE_RECORD_PROCESS:
	case LIVE_RECORD_STACK:
	default:
		return;
	}
	conn = record->cookie != 0 ? conn_find(tracker, record->cookie) : NULL;
	if (conn == NULL && (record->cookie == 0 || state == ELEVEN_STATES))
		return;
	if (conn == NULL) {             /* there from before, and no dump had it */
		conn = conn_of(tracker, record, state);
		conn_update(tracker, conn, record);
	}
	if (record->kind == LIVE_RECORD_RETRANSMIT) {
		record_note(tracker, conn, LIVE_CAUSE_RETRANSMITTED, record, now);
		return;
	}
	if (record->kind == LIVE_RECORD_ACCEPT) {
		record_accept(tracker, conn, record, now);
		return;
	}
	if (record->kind == LIVE_RECORD_RECEIVE_RESET) {
		conn->reset_received = true;
		/* Silent first, and then a reset: it has forgotten; and where its host is this one, that was seen. */
		conn->peer_lost_state = peer_had_no_socket(tracker, conn, record->time) ||
					(((conn->retransmits > 0 && record->unacked > 0) || record->detail != 0) &&
					 !(record->flags & (LIVE_RECORD_DONE | LIVE_RECORD_REQUEST)) &&
					 !peer_reset_here(tracker, conn));
	} else {
		conn->error = record->detail;
	}
	judge_again(tracker, conn);
}

void tracker_frames(struct tracker *tracker, uint64_t cookie, pid_t tid, struct live_frames *frames)
{
	for (size_t i = tracker->held_count; i-- > 0;) {
		struct live_change *change =
			&tracker->held[(tracker->held_first + i) % tracker->held_room].change;

		if (change->cookie == cookie && change->who.tid == tid && change->frames == NULL) {
			change->frames = frames;
			return;
		}
	}
	free(frames);
}

void tracker_rename(struct tracker *tracker, uint64_t name, uint64_t cookie)
{
	struct live_conn *conn = conn_find(tracker, name), *other = conn_find(tracker, cookie);

	if (conn == NULL || name == cookie)
		return;
	if (other != NULL && other->who.how != LIVE_HOW_NONE && conn->who.how == LIVE_HOW_NONE) {
		conn->who = other->who;
		conn->others = other->others;
	}
	if (other != NULL)
		conn_remove(tracker, other);
	conn_rename(tracker, conn, cookie);
	for (struct held_change *held = change_of(tracker, conn->chain); held != NULL;
	     held = change_of(tracker, held->previous))
		held->cookie = held->change.cookie = cookie;
}
