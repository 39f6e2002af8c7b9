/* SPDX-License-Identifier: MIT */
/*
 * Sockets without a program; see unowned.h.
 *
 * A socket that waits in an accept queue has no inode yet, and one whose program has closed it has none any more: which
 * of both it is the state tells, for nobody can have closed what is ESTABLISHED or in CLOSE_WAIT.
 */
#include "lens/unowned.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "lens/kernel.h"
#include "view/text.h"
#include "wire/address.h"

/* ---------------------------------------------------------------- listeners */

static int listener_compare(const void *left, const void *right)
{
	const struct conn_view *a = *(const struct conn_view *const *)left;
	const struct conn_view *b = *(const struct conn_view *const *)right;

	return (a->local.port > b->local.port) - (a->local.port < b->local.port);
}

void listeners_collect(struct listeners *listeners, const struct view *view)
{
	size_t count = 0;

	for (size_t i = 0; i < view->count; i++)
		count += view->conns[i].state == ELEVEN_LISTEN && view->conns[i].source == VIEW_KERNEL;
	listeners->list = calloc(count + 1, sizeof(*listeners->list));
	CHECK(listeners->list != NULL);
	listeners->count = 0;
	for (size_t i = 0; i < view->count; i++) {
		if (view->conns[i].state == ELEVEN_LISTEN && view->conns[i].source == VIEW_KERNEL)
			listeners->list[listeners->count++] = &view->conns[i];
	}
	qsort(listeners->list, listeners->count, sizeof(*listeners->list), listener_compare);
}

void listeners_free(struct listeners *listeners)
{
	free(listeners->list);
	listeners->list = NULL;
	listeners->count = 0;
}

/* 0: not this one; more is nearer: the address itself before any address. */
static int listener_fits(const struct conn_view *listener, const struct conn_view *conn)
{
	struct address local;

	if (listener->netns != conn->netns)
		return 0;
	memcpy(local.bytes, conn->local.address.bytes, sizeof(local.bytes));
	if (memcmp(&listener->local.address, &conn->local.address, sizeof(conn->local.address)) == 0)
		return 3;
	if (!text_address_is_any(&listener->local.address))
		return 0;
	if (listener->family == conn->family && (listener->family == 4 || !address_is_v4(&local)))
		return 2;
	/* IPv4 on a listener of IPv6: as family 4, or mapped. */
	return listener->family == 6 && (listener->kernel == NULL || !listener->kernel->v6only) ? 1 : 0;
}

static bool has_queue(const struct conn_view *listener)
{
	return listener->recvq != VIEW_ABSENT && listener->recvq > 0;
}

const struct conn_view *listeners_find(const struct listeners *listeners, const struct conn_view *conn)
{
	const struct conn_view *best = NULL;
	size_t low = 0, high = listeners->count;
	int best_fit = 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (listeners->list[middle]->local.port < conn->local.port)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < listeners->count && listeners->list[low]->local.port == conn->local.port; low++) {
		int fit = listener_fits(listeners->list[low], conn);

		if (fit > best_fit) {
			best_fit = fit;
			best = listeners->list[low];
		} else if (fit == best_fit && fit > 0 && conn->sub & ELEVEN_SUB_ACCEPT_QUEUE && !has_queue(best)) {
			best = listeners->list[low];    /* of several (SO_REUSEPORT) one in whose queue something is */
		}
	}
	return best;
}

/* ---------------------------------------------------------------- why */

static void say(struct conn_view *conn, const char *what)
{
	free(conn->unowned);
	conn->unowned = strdup(what);
	CHECK(conn->unowned != NULL);
}

static void say_of_listener(struct conn_view *conn, const struct listeners *listeners, const char *what)
{
	const struct conn_view *listener = listeners_find(listeners, conn);
	char text[VIEW_COMM_MAX + 64];

	if (listener != NULL && listener->owner_count > 0)
		snprintf(text, sizeof(text), "%s of %d/%s", what, (int)listener->owners[0].pid,
			 listener->owners[0].comm);
	else
		snprintf(text, sizeof(text), "%s", what);
	say(conn, text);
}

/* The sub-states that tell who holds a socket without an inode. */
static void sub_tell(struct conn_view *conn)
{
	conn->sub_known |= ELEVEN_SUB_ORPHAN | ELEVEN_SUB_ACCEPT_QUEUE;
	if (conn->inode != 0)
		return;
	switch (conn->state) {
	case ELEVEN_ESTABLISHED:
	case ELEVEN_CLOSE_WAIT:
		conn->sub |= ELEVEN_SUB_ACCEPT_QUEUE | ELEVEN_SUB_PASSIVE;
		return;
	case ELEVEN_FIN_WAIT_1:
	case ELEVEN_FIN_WAIT_2:
	case ELEVEN_CLOSING:
	case ELEVEN_LAST_ACK:
		conn->sub |= ELEVEN_SUB_ORPHAN;
		return;
	case ELEVEN_CLOSED:
	case ELEVEN_LISTEN:
	case ELEVEN_SYN_SENT:
	case ELEVEN_SYN_RECEIVED:
	case ELEVEN_TIME_WAIT:
	case ELEVEN_STATES:
		return;
	}
}

static void why_tell(struct conn_view *conn, const struct listeners *listeners, bool refused)
{
	char text[64];

	if (conn->sub & ELEVEN_SUB_ACCEPT_QUEUE) {
		say_of_listener(conn, listeners, "accept queue");
	} else if (conn->sub & ELEVEN_SUB_REQUEST || (conn->state == ELEVEN_SYN_RECEIVED && conn->inode == 0)) {
		say_of_listener(conn, listeners, "request");
	} else if (conn->state == ELEVEN_TIME_WAIT) {
		say(conn, "time-wait");
	} else if (conn->sub & ELEVEN_SUB_ORPHAN) {
		say(conn, "orphan");
	} else if (conn->inode == 0) {
		say(conn, "no program");
	} else if (refused) {
		snprintf(text, sizeof(text), "uid %u, no permission", (unsigned)conn->uid);
		say(conn, text);
		conn->owners_known = false;
	} else {        /* the kernel's own, on its way in a message, or of another pid namespace */
		say(conn, "no program in sight");
	}
}

void unowned_tell(struct view *view, bool searched, bool refused)
{
	struct listeners listeners;

	listeners_collect(&listeners, view);
	for (size_t i = 0; i < view->count; i++) {
		struct conn_view *conn = &view->conns[i];

		if (conn->source != VIEW_KERNEL)
			continue;
		sub_tell(conn);
		if (!searched)
			continue;
		conn->owners_known = true;
		if (conn->owner_count == 0)
			why_tell(conn, &listeners, refused);
	}
	listeners_free(&listeners);
}
