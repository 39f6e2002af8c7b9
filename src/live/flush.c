/* SPDX-License-Identifier: MIT */
/* Changes go out, with owners that were learned meanwhile; see tracker.h. */
#include <stdlib.h>

#include "base/check.h"
#include "live/conn.h"

/* More places that one change moves up on average, and sorting it all is quicker. */
#define MOVES_MEAN 16u

static int by_time(const void *left, const void *right)
{
	const struct held_change *a = *(struct held_change *const *)left, *b = *(struct held_change *const *)right;
	int order = (a->change.time > b->change.time) - (a->change.time < b->change.time);

	return order ? order : (a->serial > b->serial) - (a->serial < b->serial);
}

/* They come nearly in order: a request is told when its third ACK has come, and processors differ by little. */
static void sort(struct held_change **list, size_t count)
{
	size_t left = MOVES_MEAN * count;

	for (size_t i = 1; i < count; i++) {
		struct held_change *one = list[i];
		size_t at = i;

		for (; at > 0 && left > 0 && by_time(&list[at - 1], &one) > 0; at--, left--)
			list[at] = list[at - 1];
		list[at] = one;
	}
	if (left == 0)
		qsort(list, count, sizeof(*list), by_time);
}

/* Nobody had accepted it then. */
static bool before_accept(const struct live_change *change)
{
	return change->after == ELEVEN_SYN_RECEIVED ||
	       (change->before == ELEVEN_SYN_RECEIVED && change->after == ELEVEN_ESTABLISHED);
}

/* What the connection knows now that it did not know when the change was made. */
static void change_complete(struct tracker *tracker, struct live_change *change)
{
	const struct live_conn *conn;

	if (change->who.how != LIVE_HOW_NONE && change->who.how != LIVE_HOW_LISTENER && change->local.port != 0 &&
	    (change->inode != 0 || change->gone))
		return;
	conn = change->cookie ? conn_find(tracker, change->cookie) : NULL;
	if (conn == NULL)
		return;
	if (change->local.port == 0 && conn->local.port != 0)
		change->local = conn->local;
	if (before_accept(change))
		return;
	if ((change->who.how == LIVE_HOW_NONE || change->who.how == LIVE_HOW_LISTENER) &&
	    conn->who.how != LIVE_HOW_NONE && conn->who.how != LIVE_HOW_LISTENER) {
		change->who = conn->who;
		change->who.tid = 0;    /* the thread is that of a later call */
	}
	if (change->inode == 0 && !change->gone)
		change->inode = conn->inode;
}

/* The port of a connect() comes with the answer to it, nearly always: it is asked for as late as can be. */
static bool owner_wanted(const struct live_change *change, bool last)
{
	if (change->local.port == 0 && change->after == ELEVEN_SYN_SENT)
		return last;
	return change->inode != 0 && !change->gone && !before_accept(change) &&
	       (change->who.how == LIVE_HOW_NONE || change->who.how == LIVE_HOW_LISTENER ||
		(change->who.how == LIVE_HOW_CALL && change->who.fd < 0 && change->after != ELEVEN_CLOSED));
}

static void conn_learn(struct tracker *tracker, const struct live_change *change)
{
	struct live_conn *conn = conn_find(tracker, change->cookie);

	if (conn == NULL)
		return;
	if (conn->local.port == 0)
		conn->local = change->local;
	if (change->who.how == LIVE_HOW_PROC ||
	    (change->who.how == LIVE_HOW_CALL && conn->who.pid == change->who.pid)) {
		conn->who = change->who;
		conn->others = change->others;
		conn->accepted = true;
	}
}

static void owners_ask(struct tracker *tracker, struct held_change **list, size_t count, bool last)
{
	struct live_change **wanted = calloc(count, sizeof(struct live_change *));
	size_t n = 0;

	CHECK(wanted != NULL);
	for (size_t i = 0; i < count; i++) {
		change_complete(tracker, &list[i]->change);
		if (owner_wanted(&list[i]->change, last))
			wanted[n++] = &list[i]->change;
	}
	if (n > 0)
		tracker->owners(tracker->owners_context, wanted, n);
	for (size_t i = 0; i < n; i++)
		conn_learn(tracker, wanted[i]);
	free(wanted);
}

/* As soon as it is heard of: a descriptor may be closed a moment later. */
void tracker_owners(struct tracker *tracker)
{
	uint64_t first = tracker->serials - tracker->held_count + 1;
	size_t begin = tracker->asked >= first ? (size_t)(tracker->asked - first + 1) : 0, count = 0;
	struct held_change **list;

	if (tracker->owners == NULL || begin >= tracker->held_count)
		return;
	list = malloc((tracker->held_count - begin) * sizeof(*list));
	CHECK(list != NULL);
	for (size_t i = begin; i < tracker->held_count; i++)
		list[count++] = &tracker->held[(tracker->held_first + i) % tracker->held_room];
	tracker->asked = tracker->serials;
	owners_ask(tracker, list, count, false);
	free(list);
}

void tracker_flush(struct tracker *tracker, uint64_t now, bool all, live_change_fn *sink, void *context)
{
	size_t count = 0;
	struct held_change **list;

	while (count < tracker->held_count) {
		if (!all && tracker->held[(tracker->held_first + count) % tracker->held_room].ready > now)
			break;
		count++;
	}
	if (count == 0)
		return;
	list = malloc(count * sizeof(*list));
	CHECK(list != NULL);
	for (size_t i = 0; i < count; i++)
		list[i] = &tracker->held[(tracker->held_first + i) % tracker->held_room];
	sort(list, count);
	if (tracker->owners != NULL)
		owners_ask(tracker, list, count, true);
	for (size_t i = 0; i < count; i++) {
		struct live_conn *conn = NULL;

		if (!list[i]->dropped)
			sink(context, &list[i]->change);
		free(list[i]->change.frames);
		if (list[i]->change.after == ELEVEN_CLOSED && list[i]->cookie != 0)
			conn = conn_find(tracker, list[i]->cookie);
		if (conn != NULL && conn->held == list[i]->serial) {
			conn->held = 0;
			if (conn->state == ELEVEN_CLOSED && !conn->lingers)
				conn_remove(tracker, conn);
		}
	}
	tracker->held_first = (tracker->held_first + count) % tracker->held_room;
	tracker->held_count -= count;
	free(list);
}

uint64_t tracker_next(const struct tracker *tracker)
{
	return tracker->held_count ? tracker->held[tracker->held_first].ready : 0;
}
