/* SPDX-License-Identifier: MIT */
/*
 * The event loop.  Descriptors are found by number in a table that grows to the largest one used;
 * each use of a number has a generation, which epoll hands back with the event, so that an event
 * of a descriptor removed (and its number perhaps used again) in the same batch is seen as stale.
 * Deadlines are a binary heap of pointers into the callers' objects, with their place kept there.
 */
#include "host/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/time.h"

struct watch {
	loop_descriptor_fn *fn;         /* NULL: not watched */
	void *context;
	uint32_t events;
	uint32_t generation;
};

struct loop {
	int epoll;
	volatile sig_atomic_t stopped;
	uint64_t now;
	struct watch *watches;          /* by descriptor */
	size_t watch_count;
	struct loop_deadline **heap;    /* from 1, as `place` counts */
	size_t heap_count, heap_size;
	struct { loop_hook_fn *fn; void *context; } hooks[LOOP_HOOKS_MAX];
	unsigned hook_count;
};

static uint64_t clock_read(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SEC(1) + (uint64_t)ts.tv_nsec;
}

struct loop *loop_create(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return NULL;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0) {
		free(loop);
		return NULL;
	}
	loop->now = clock_read();
	return loop;
}

void loop_destroy(struct loop *loop)
{
	if (!loop)
		return;
	close(loop->epoll);
	free(loop->watches);
	free(loop->heap);
	free(loop);
}

uint64_t loop_now(const struct loop *loop)
{
	return loop->now;
}

/* ---------------------------------------------------------------- descriptors */

static bool watches_reach(struct loop *loop, size_t fd)
{
	size_t count = loop->watch_count ? loop->watch_count : 64;
	struct watch *watches;

	if (fd < loop->watch_count)
		return true;
	while (count <= fd)
		count *= 2;
	watches = realloc(loop->watches, count * sizeof(*watches));
	if (!watches)
		return false;
	memset(watches + loop->watch_count, 0, (count - loop->watch_count) * sizeof(*watches));
	loop->watches = watches;
	loop->watch_count = count;
	return true;
}

static struct watch *watch_at(struct loop *loop, int fd)
{
	if (fd < 0 || (size_t)fd >= loop->watch_count || !loop->watches[fd].fn)
		return NULL;
	return &loop->watches[fd];
}

static int watch_control(struct loop *loop, int operation, int fd)
{
	struct epoll_event event = {
		.events = loop->watches[fd].events,
		.data.u64 = (uint64_t)loop->watches[fd].generation << 32 | (uint32_t)fd,
	};

	return epoll_ctl(loop->epoll, operation, fd, &event) < 0 ? -errno : 0;
}

int loop_add(struct loop *loop, int fd, uint32_t events, loop_descriptor_fn *fn, void *context)
{
	struct watch *watch;
	int error;

	if (fd < 0)
		return -EBADF;
	if (watch_at(loop, fd))
		return -EEXIST;
	if (!watches_reach(loop, (size_t)fd))
		return -ENOMEM;
	watch = &loop->watches[fd];
	watch->events = events;
	watch->generation++;
	error = watch_control(loop, EPOLL_CTL_ADD, fd);
	if (error < 0)
		return error;
	watch->fn = fn;
	watch->context = context;
	return 0;
}

int loop_modify(struct loop *loop, int fd, uint32_t events)
{
	struct watch *watch = watch_at(loop, fd);

	if (!watch)
		return -ENOENT;
	if (watch->events == events && !(events & EPOLLET))
		return 0;
	watch->events = events;
	return watch_control(loop, EPOLL_CTL_MOD, fd);
}

void loop_remove(struct loop *loop, int fd)
{
	struct watch *watch = watch_at(loop, fd);

	if (!watch)
		return;
	epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL);
	watch->fn = NULL;
}

/* ---------------------------------------------------------------- deadlines */

static void heap_put(struct loop *loop, size_t place, struct loop_deadline *deadline)
{
	loop->heap[place] = deadline;
	deadline->place = place;
}

static void heap_up(struct loop *loop, size_t place, struct loop_deadline *deadline)
{
	while (place > 1 && loop->heap[place / 2]->at > deadline->at) {
		heap_put(loop, place, loop->heap[place / 2]);
		place /= 2;
	}
	heap_put(loop, place, deadline);
}

static void heap_down(struct loop *loop, size_t place, struct loop_deadline *deadline)
{
	for (;;) {
		size_t child = place * 2;

		if (child < loop->heap_count && loop->heap[child + 1]->at < loop->heap[child]->at)
			child++;
		if (child > loop->heap_count || loop->heap[child]->at >= deadline->at)
			break;
		heap_put(loop, place, loop->heap[child]);
		place = child;
	}
	heap_put(loop, place, deadline);
}

int loop_deadline_set(struct loop *loop, struct loop_deadline *deadline, uint64_t at)
{
	if (!deadline->place && loop->heap_count + 1 >= loop->heap_size) {
		size_t size = loop->heap_size ? loop->heap_size * 2 : 64;
		struct loop_deadline **heap = realloc(loop->heap, size * sizeof(*heap));

		if (!heap)
			return -ENOMEM;
		loop->heap = heap;
		loop->heap_size = size;
	}
	deadline->at = at;
	if (!deadline->place)
		deadline->place = ++loop->heap_count;
	heap_up(loop, deadline->place, deadline);
	heap_down(loop, deadline->place, deadline);
	return 0;
}

void loop_deadline_clear(struct loop *loop, struct loop_deadline *deadline)
{
	size_t place = deadline->place;
	struct loop_deadline *last;

	if (!place)
		return;
	deadline->place = 0;
	last = loop->heap[loop->heap_count--];
	if (last == deadline)
		return;
	heap_up(loop, place, last);
	heap_down(loop, last->place, last);
}

static void deadlines_run(struct loop *loop)
{
	/* One that sets itself again for now or the past waits for the next batch: no endless run. */
	size_t most = loop->heap_count;

	while (most-- > 0 && loop->heap_count > 0 && loop->heap[1]->at <= loop->now) {
		struct loop_deadline *deadline = loop->heap[1];

		loop_deadline_clear(loop, deadline);
		deadline->fn(deadline->context, loop->now);
	}
}

/* ---------------------------------------------------------------- running */

int loop_hook_add(struct loop *loop, loop_hook_fn *fn, void *context)
{
	if (loop->hook_count == LOOP_HOOKS_MAX)
		return -ENOSPC;
	loop->hooks[loop->hook_count].fn = fn;
	loop->hooks[loop->hook_count++].context = context;
	return 0;
}

void loop_hook_remove(struct loop *loop, loop_hook_fn *fn, void *context)
{
	for (unsigned i = 0; i < loop->hook_count; i++) {
		if (loop->hooks[i].fn == fn && loop->hooks[i].context == context) {
			loop->hook_count--;
			memmove(&loop->hooks[i], &loop->hooks[i + 1],
				(loop->hook_count - i) * sizeof(loop->hooks[0]));
			return;
		}
	}
}

/* epoll_pwait2 takes nanoseconds; kernels before 5.11 have only milliseconds. */
static int events_wait(struct loop *loop, struct epoll_event *events, uint64_t until)
{
	uint64_t now = clock_read();
	uint64_t rest = until > now ? until - now : 0;
	struct timespec timeout = { .tv_sec = (time_t)(rest / SEC(1)), .tv_nsec = (long)(rest % SEC(1)) };
	int n = epoll_pwait2(loop->epoll, events, LOOP_BATCH_MAX, until == UINT64_MAX ? NULL : &timeout, NULL);

	if (n < 0 && errno == ENOSYS) {
		uint64_t ms = (rest + MS(1) - 1) / MS(1);

		n = epoll_wait(loop->epoll, events, LOOP_BATCH_MAX,
			       until == UINT64_MAX ? -1 : ms > 1000000 ? 1000000 : (int)ms);
	}
	return n < 0 ? (errno == EINTR ? 0 : -errno) : n;
}

int loop_turn(struct loop *loop, uint64_t until)
{
	struct epoll_event events[LOOP_BATCH_MAX];
	int n;

	for (unsigned i = 0; i < loop->hook_count; i++) {
		uint64_t at = loop->hooks[i].fn(loop->hooks[i].context, loop->now);

		until = at < until ? at : until;
	}
	if (loop->heap_count > 0 && loop->heap[1]->at < until)
		until = loop->heap[1]->at;
	n = events_wait(loop, events, loop->stopped ? 0 : until);
	if (n < 0)
		return n;
	loop->now = clock_read();
	for (int i = 0; i < n; i++) {
		int fd = (int)(uint32_t)events[i].data.u64;
		struct watch *watch = watch_at(loop, fd);

		if (watch && watch->generation == events[i].data.u64 >> 32)
			watch->fn(watch->context, fd, events[i].events);
	}
	deadlines_run(loop);
	return 0;
}

int loop_run(struct loop *loop)
{
	loop->stopped = 0;
	while (!loop->stopped) {
		int error = loop_turn(loop, UINT64_MAX);

		if (error < 0)
			return error;
	}
	return 0;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = 1;
}
