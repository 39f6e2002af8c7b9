/* SPDX-License-Identifier: MIT */
/* The table of connections by cookie, and the changes that wait to go out; see tracker.h. */
#include "live/conn.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/check.h"

static size_t bucket_of(uint64_t cookie)
{
	return (size_t)(cookie * 0x9e3779b97f4a7c15u >> 40) & (CONN_BUCKETS - 1);
}

struct live_conn *conn_find(const struct tracker *tracker, uint64_t cookie)
{
	struct live_conn *conn = tracker->buckets[bucket_of(cookie)];

	while (conn != NULL && conn->cookie != cookie)
		conn = conn->next;
	return conn;
}

static void list_out(struct tracker *tracker, struct live_conn *conn)
{
	*(conn->newer ? &conn->newer->older : &tracker->newest) = conn->older;
	*(conn->older ? &conn->older->newer : &tracker->oldest) = conn->newer;
	conn->newer = conn->older = NULL;
}

static void list_in(struct tracker *tracker, struct live_conn *conn)
{
	conn->older = tracker->newest;
	if (tracker->newest)
		tracker->newest->newer = conn;
	tracker->newest = conn;
	if (tracker->oldest == NULL)
		tracker->oldest = conn;
}

void conn_touch(struct tracker *tracker, struct live_conn *conn)
{
	if (tracker->newest == conn)
		return;
	list_out(tracker, conn);
	list_in(tracker, conn);
}

static void slab_add(struct tracker *tracker)
{
	struct conn_slab *slab = aligned_alloc(CONN_SLAB_BYTES, CONN_SLAB_BYTES);

	CHECK(slab != NULL);
	madvise(slab, CONN_SLAB_BYTES, MADV_HUGEPAGE);
	slab->next = tracker->slabs;
	tracker->slabs = slab;
	tracker->slab_left = (CONN_SLAB_BYTES - sizeof(*slab)) / sizeof(struct live_conn);
}

static struct live_conn *conn_take(struct tracker *tracker)
{
	struct live_conn *conn = tracker->spare;

	if (conn != NULL) {
		tracker->spare = conn->next;
	} else {
		if (tracker->slab_left == 0)
			slab_add(tracker);
		conn = (struct live_conn *)(tracker->slabs + 1) + --tracker->slab_left;
	}
	memset(conn, 0, sizeof(*conn));
	return conn;
}

void conn_slabs_free(struct tracker *tracker)
{
	while (tracker->slabs != NULL) {
		struct conn_slab *slab = tracker->slabs;

		tracker->slabs = slab->next;
		free(slab);
	}
	tracker->spare = NULL;
	tracker->slab_left = 0;
}

struct live_conn *conn_add(struct tracker *tracker, uint64_t cookie)
{
	struct live_conn **bucket = &tracker->buckets[bucket_of(cookie)];
	struct live_conn *conn = conn_take(tracker);

	CHECK(conn != NULL);
	if (tracker->count >= tracker->options.conns_max) {
		tracker->forgotten++;
		conn_remove(tracker, tracker->oldest);
	}
	conn->cookie = cookie;
	conn->number = ++tracker->numbers;
	conn->reset_sent = RESET_NONE;
	conn->who.fd = -1;
	conn->who.uid = UINT32_MAX;
	conn->netns = VIEW_ABSENT;
	conn->next = *bucket;
	*bucket = conn;
	list_in(tracker, conn);
	tracker->count++;
	return conn;
}

void conn_remove(struct tracker *tracker, struct live_conn *conn)
{
	struct live_conn **at = &tracker->buckets[bucket_of(conn->cookie)];

	while (*at != conn)
		at = &(*at)->next;
	*at = conn->next;
	list_out(tracker, conn);
	tracker->count--;
	conn_set_small(tracker, conn, false);
	if (conn->request)
		tracker->small--;
	conn->next = tracker->spare;
	tracker->spare = conn;
}

void conn_rename(struct tracker *tracker, struct live_conn *conn, uint64_t cookie)
{
	struct live_conn **at = &tracker->buckets[bucket_of(conn->cookie)];
	struct live_conn **bucket = &tracker->buckets[bucket_of(cookie)];

	while (*at != conn)
		at = &(*at)->next;
	*at = conn->next;
	conn->cookie = cookie;
	conn->next = *bucket;
	*bucket = conn;
	if (conn->state == ELEVEN_LISTEN)
		conn_note_listener(tracker, conn);
}

void conn_set_small(struct tracker *tracker, struct live_conn *conn, bool small)
{
	if (conn->small != small)
		tracker->small += small ? 1 : -(size_t)1;
	conn->small = small;
	small = small && conn->state == ELEVEN_FIN_WAIT_2;
	if (conn->orphan != small)
		tracker->orphans += small ? 1 : -(size_t)1;
	conn->orphan = small;
}

static bool address_any(const struct eleven_address *address)
{
	static const uint8_t none[4];

	return memcmp(address->bytes + 12, none, 4) == 0 &&
	       (address->bytes[10] == 0 || address->bytes[10] == 0xff) && memcmp(address->bytes, none, 4) == 0;
}

struct live_conn *conn_listener(const struct tracker *tracker, const struct live_conn *conn)
{
	struct live_conn *found = NULL;

	for (unsigned i = 0; i < tracker->listener_count; i++) {
		struct live_conn *at = conn_find(tracker, tracker->listeners[i]);

		if (at == NULL || at->state != ELEVEN_LISTEN || at->local.port != conn->local.port ||
		    (at->netns != conn->netns && at->netns != VIEW_ABSENT && conn->netns != VIEW_ABSENT))
			continue;
		if (memcmp(&at->local.address, &conn->local.address, sizeof(at->local.address)) == 0)
			return at;
		if (address_any(&at->local.address))
			found = at;
	}
	return found;
}

void conn_note_listener(struct tracker *tracker, const struct live_conn *conn)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < tracker->listener_count; i++) {
		const struct live_conn *there = conn_find(tracker, tracker->listeners[i]);

		if (there != NULL && there != conn && there->state == ELEVEN_LISTEN)
			tracker->listeners[kept++] = tracker->listeners[i];
	}
	if (kept < LISTENERS_MAX)
		tracker->listeners[kept++] = conn->cookie;
	tracker->listener_count = kept;
}

/* ---------------------------------------------------------------- changes that wait */

struct held_change *change_of(struct tracker *tracker, uint64_t serial)
{
	uint64_t first = tracker->serials - tracker->held_count + 1;

	if (serial == 0 || serial < first || tracker->held_count == 0)
		return NULL;
	return &tracker->held[(tracker->held_first + (serial - first)) % tracker->held_room];
}

struct held_change *change_held(struct tracker *tracker, const struct live_conn *conn)
{
	return change_of(tracker, conn->held);
}

static void held_grow(struct tracker *tracker)
{
	size_t room = tracker->held_room ? 2 * tracker->held_room : 1024;
	struct held_change *list = malloc(room * sizeof(*list));

	CHECK(list != NULL);
	for (size_t i = 0; i < tracker->held_count; i++)
		list[i] = tracker->held[(tracker->held_first + i) % tracker->held_room];
	free(tracker->held);
	tracker->held = list;
	tracker->held_first = 0;
	tracker->held_room = room;
}

struct held_change *change_queue(struct tracker *tracker, struct live_conn *conn, enum eleven_state after,
				 enum live_cause cause, uint64_t time, uint64_t now)
{
	struct held_change *held;
	struct live_change *change;

	if (tracker->held_count == tracker->held_room)
		held_grow(tracker);
	held = &tracker->held[(tracker->held_first + tracker->held_count++) % tracker->held_room];
	memset(held, 0, sizeof(*held));
	held->serial = ++tracker->serials;
	held->cookie = conn->cookie;
	held->previous = conn->chain;
	conn->chain = held->serial;
	held->ready = now + TRACKER_HOLD_NS;
	change = &held->change;
	change->time = time;
	change->cookie = conn->cookie;
	change->netns = conn->netns;
	change->number = conn->number;
	change->local = conn->local;
	change->remote = conn->remote;
	change->family = conn->family;
	change->direction = conn->direction;
	change->before = conn->state;
	change->after = after;
	change->note = conn->state == after;
	change->cause = cause;
	change->error = conn->error;
	change->unread = change->unacked = LIVE_UNKNOWN;
	change->inode = conn->inode;
	change->gone = (conn->flags & LIVE_RECORD_DEAD) != 0;
	change->retransmits = conn->retransmits;
	change->spent_ns = conn->since && time >= conn->since ? time - conn->since : VIEW_ABSENT;
	change->who = conn->who;
	change->others = conn->others;
	if (!change->note) {
		conn->state = after;
		conn->since = time;
		conn->held = held->serial;
	}
	return held;
}
