/* SPDX-License-Identifier: MIT */
/* Dumps for the watcher; see stock.h. */
#include "live/stock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "lens/namespace.h"
#include "lens/since.h"
#include "lens/source.h"

#define SMALL_NS 250000000ull           /* between dumps of what has no tracepoint, at least */
#define EVERYTHING_NS 100000000ull      /* between dumps of everything */
#define TIME_WAIT_DUE_NS 2000000000ull  /* TIME_WAIT itself is looked at, if no orphan waits for it */
#define SEARCH_NS 2000000000ull         /* between searches for new namespaces */
#define CROWD 100000u                   /* sockets at the start */
#define ENDS_MAX 64                     /* multicast messages taken in a turn */

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t stock_home(void)
{
	return namespace_inode("/proc/self/ns/net");
}

uint64_t stock_fin_timeout_ns(void)
{
	return lens_sysctl("tcp_fin_timeout", 60) * 1000000000;
}

void stock_port_range(uint16_t *first, uint16_t *last)
{
	FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");

	*first = 32768;
	*last = 60999;
	if (file == NULL)
		return;
	if (fscanf(file, "%hu %hu", first, last) != 2)
		*last = 60999;
	fclose(file);
}

static bool stock_has(const struct stock *stock, uint64_t netns)
{
	for (size_t i = 0; i < stock->count; i++)
		if (stock->spaces[i].dumps.netns == netns)
			return true;
	return false;
}

/* In the namespace that this thread is in now. */
static int space_add(struct stock *stock)
{
	struct stock_space *list = realloc(stock->spaces, (stock->count + 1) * sizeof(*list)), *space;
	int error;

	CHECK(list != NULL);
	stock->spaces = list;
	space = &list[stock->count];
	memset(space, 0, sizeof(*space));
	error = diag_open(&space->dumps, false);
	if (error < 0)
		return error;
	if (stock->everything && diag_open(&space->ends, true) < 0)
		memset(&space->ends, 0, sizeof(space->ends));
	stock->count++;
	return 0;
}

static int spaces_search(struct stock *stock)
{
	struct namespaces namespaces;
	int error = namespaces_open(&namespaces, "/proc", stock->all);

	if (error < 0)
		return error;
	for (size_t i = 0; i < namespaces.count && stock->count < STOCK_NAMESPACES_MAX; i++) {
		int one;

		if (stock_has(stock, namespaces.list[i].inode))
			continue;
		one = namespace_enter(&namespaces, &namespaces.list[i]);
		if (one == 0)
			one = space_add(stock);
		namespace_leave(&namespaces);
		if (one < 0 && i == 0)
			error = one;
	}
	namespaces_close(&namespaces);
	return error;
}

int stock_open(struct stock *stock, bool all, bool everything, bool inodes)
{
	memset(stock, 0, sizeof(*stock));
	stock->all = all;
	stock->inodes = inodes;
	stock->everything = everything;
	stock->fin_timeout_ms = stock_fin_timeout_ns() / 1000000;
	stock->states = everything ? KERNEL_STATES_ALL & ~(1u << KERNEL_BOUND_INACTIVE) :
			1u << KERNEL_TIME_WAIT | 1u << KERNEL_FIN_WAIT2 | 1u << KERNEL_SYN_RECV |
			1u << KERNEL_NEW_SYN_RECV;
	if (inodes)
		stock->states |= 1u << KERNEL_ESTABLISHED | 1u << KERNEL_CLOSE_WAIT | 1u << KERNEL_LISTEN;
	stock->next_search = clock_ns() + SEARCH_NS;
	return spaces_search(stock);
}

void stock_close(struct stock *stock)
{
	for (size_t i = 0; i < stock->count; i++) {
		diag_close(&stock->spaces[i].dumps);
		if (stock->spaces[i].ends.socket != NULL)
			diag_close(&stock->spaces[i].ends);
		view_free(&stock->spaces[i].view);
	}
	free(stock->spaces);
	memset(stock, 0, sizeof(*stock));
}

int stock_take(struct stock *stock, struct tracker *tracker, uint64_t now)
{
	struct lens_options options = { .owners = true, .all_namespaces = stock->all };
	struct view view = { 0 };
	int error = lens_read(&options, &view, NULL);

	/* Listeners first: by them the direction of the others is told. */
	for (int listeners = 1; listeners >= 0; listeners--)
		for (size_t i = 0; i < view.count; i++) {
			enum eleven_state state = view.conns[i].state;

			/* A crowd in TIME_WAIT would push out what matters; only its end could be told. */
			if (state == ELEVEN_TIME_WAIT && view.count > CROWD)
				continue;
			if ((state == ELEVEN_LISTEN) == listeners)
				tracker_seed(tracker, &view.conns[i], now);
		}
	view_free(&view);
	stock->next = clock_ns() + (stock->everything ? EVERYTHING_NS : SMALL_NS);
	return error;
}

bool stock_is_due(const struct stock *stock, uint64_t now)
{
	return now >= stock->next;
}

uint64_t stock_due(const struct stock *stock)
{
	return stock->next;
}

int stock_fd(const struct stock *stock)
{
	return stock->count > 0 && stock->spaces[0].ends.socket != NULL ? diag_fd(&stock->spaces[0].ends) : -1;
}

static int space_dump(const struct stock *stock, struct stock_space *space)
{
	int error = diag_dump(&space->dumps, 4, stock->asked, &space->view);

	if (error == 0)
		error = diag_dump(&space->dumps, 6, stock->asked, &space->view);
	return error == -ENOENT ? 0 : error;    /* a kernel without IPv6 */
}

void stock_dump(struct stock *stock, bool time_wait)
{
	uint64_t begun = clock_ns(), least = stock->everything ? EVERYTHING_NS : SMALL_NS, took;

	if (stock->all && begun >= stock->next_search) {
		spaces_search(stock);
		stock->next_search = begun + SEARCH_NS + 50 * (clock_ns() - begun);
		begun = clock_ns();
	}
	time_wait |= stock->everything || begun >= stock->next_time_wait;
	stock->asked = time_wait ? stock->states : stock->states & ~(1u << KERNEL_TIME_WAIT);
	if (time_wait)
		stock->next_time_wait = begun + TIME_WAIT_DUE_NS;
	for (size_t i = 0; i < stock->count; i++) {
		struct stock_space *space = &stock->spaces[i];

		view_free(&space->view);
		space->begun = clock_ns();
		space->begun = space_dump(stock, space) < 0 ? 0 : space->begun;  /* half a dump is none */
		for (size_t k = 0; k < space->view.count; k++)
			since_tell(&space->view.conns[k], stock->fin_timeout_ms);
	}
	took = clock_ns() - begun;
	least = took * (stock->everything ? 10 : 50) > least ? took * (stock->everything ? 10 : 50) : least;
	stock->next = clock_ns() + least;
	stock->dumped = true;
}

static void ends_take(struct stock *stock, struct stock_space *space, struct tracker *tracker, uint64_t now)
{
	struct view view = { 0 };

	for (unsigned i = 0; i < ENDS_MAX; i++) {
		int got = diag_next(&space->ends, &view, 0);

		if (got == -ENOBUFS)
			stock->lost++;
		if (got <= 0 && got != -ENOBUFS)
			break;
	}
	for (size_t i = 0; i < view.count; i++)
		tracker_destroyed(tracker, &view.conns[i], now);
	view_free(&view);
}

void stock_apply(struct stock *stock, struct tracker *tracker, uint64_t now)
{
	for (size_t i = 0; i < stock->count; i++) {
		struct stock_space *space = &stock->spaces[i];

		if (space->ends.socket != NULL)
			ends_take(stock, space, tracker, now);
		if (stock->dumped && space->begun != 0)
			tracker_dump(tracker, &space->view, space->dumps.netns, stock->asked, space->begun, now,
				     !stock->everything);
		space->begun = 0;
	}
	stock->dumped = false;
}

void stock_ports(struct stock *stock, struct live_change **changes, size_t count)
{
	uint64_t begun = clock_ns();

	if (begun < stock->next_ports)
		return;
	for (size_t i = 0; i < stock->count; i++) {
		struct view view = { 0 };

		diag_dump(&stock->spaces[i].dumps, 4, 1u << KERNEL_SYN_SENT, &view);
		diag_dump(&stock->spaces[i].dumps, 6, 1u << KERNEL_SYN_SENT, &view);
		for (size_t k = 0; k < view.count; k++)
			for (size_t c = 0; c < count; c++)
				if (changes[c]->local.port == 0 && changes[c]->cookie == view.conns[k].cookie)
					changes[c]->local = view.conns[k].local;
		view_free(&view);
	}
	stock->next_ports = clock_ns() + 20 * (clock_ns() - begun);
}

bool stock_find(struct stock *stock, int family, const struct eleven_endpoint *local,
		const struct eleven_endpoint *remote, struct conn_view *found)
{
	struct conn_view which;

	conn_view_init(&which);
	which.family = family;
	which.local = *local;
	which.remote = *remote;
	which.cookie = UINT64_MAX;      /* any */
	for (size_t i = 0; i < stock->count; i++) {
		if (diag_get(&stock->spaces[i].dumps, &which, found) != 0)
			continue;
		since_tell(found, stock->fin_timeout_ms);
		/* The kernel answers with the listener when the connection is gone. */
		if (found->remote.port == remote->port)
			return true;
		conn_view_free(found);
	}
	return false;
}
