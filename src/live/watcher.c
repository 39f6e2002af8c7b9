/* SPDX-License-Identifier: MIT */
/* The loop around a backend; see watcher.h. */
#include "live/watcher.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "lens/source.h"
#include "live/backend.h"
#include "live/holding.h"
#include "live/stock.h"
#include "live/unwind.h"

#define LOOK_ALWAYS_MS 20       /* where nothing wakes us */
#define LOOK_MS 5               /* after something came: what follows at once does not wake us */
#define MANY_MS 20              /* after much came: every wake-up costs as much as a hundred records */
#define MANY_RECORDS 200

struct watcher {
	struct watcher_options options;
	const struct backend *backend;  /* NULL: sock_diag only */
	void *state;
	struct tracker *tracker;
	struct stock stock;
	struct holding holding;
	struct unwinder *unwinder;      /* NULL: no stacks */
	struct watcher_counts counts;
	bool busy, many;                /* something, and much, came at the last look */
	uint64_t wall_offset;
	char header[WATCHER_TEXT_MAX];
	live_change_fn *sink;
	void *context;
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void on_owners(void *context, struct live_change **changes, size_t count)
{
	struct watcher *watcher = context;

	for (size_t i = 0; i < count; i++)
		if (changes[i]->local.port == 0) {
			stock_ports(&watcher->stock, changes, count);
			break;
		}
	holding_fill(&watcher->holding, changes, count);
}

static void on_stack(void *context, const struct live_stack *stack)
{
	struct watcher *watcher = context;
	struct live_frames *frames = watcher->unwinder ? unwinder_run(watcher->unwinder, stack) : NULL;

	if (frames == NULL)
		watcher->counts.stacks_failed++;
	else
		tracker_frames(watcher->tracker, stack->cookie, (pid_t)stack->tid, frames);
}

static bool on_ask(void *context, const struct live_record *record, struct backend_answer *answer)
{
	struct watcher *watcher = context;
	struct eleven_endpoint local, remote;
	struct conn_view found;

	live_record_endpoints(record, &local, &remote);
	if (!stock_find(&watcher->stock, record->flags & LIVE_RECORD_V6 ? 6 : 4, &local, &remote, &found))
		return false;
	answer->cookie = found.cookie;
	answer->netns = found.netns;
	if (found.age_bound == VIEW_EXACT)
		answer->since = clock_ns(CLOCK_MONOTONIC) - found.age_ns;
	answer->inode = (uint32_t)found.inode;
	answer->state = found.kernel != NULL ? found.kernel->state : 0;
	answer->small = found.kernel != NULL && found.kernel->small;
	conn_view_free(&found);
	return true;
}

static void on_change(void *context, struct live_change *change)
{
	struct watcher *watcher = context;

	watcher->counts.changes++;
	watcher->sink(watcher->context, change);
}

/* ---------------------------------------------------------------- choosing */

static int backend_try(struct watcher *watcher, const struct backend *backend, char *why, size_t n)
{
	struct backend_options options = { .stacks = watcher->options.stacks, .port = watcher->options.port,
					   .netns = watcher->options.one_namespace ? stock_home() : 0,
					   .ring_bytes = watcher->options.ring_bytes };
	char problem[BACKEND_PROBLEM_MAX] = "";
	int error = backend->open(&watcher->state, &options, problem);
	size_t used = strlen(why);

	if (error == 0) {
		watcher->backend = backend;
		return 0;
	}
	snprintf(why + used, n - used, "%s%s not to be had: %s", used ? "; " : "", backend->name, problem);
	return error;
}

static int backend_choose(struct watcher *watcher, char *why, size_t n)
{
	switch (watcher->options.backend) {
	case LIVE_BACKEND_AUTO:
		if (backend_try(watcher, &backend_bpf, why, n) == 0 ||
		    backend_try(watcher, &backend_tracefs, why, n) == 0)
			return 0;
		return 0;
	case LIVE_BACKEND_BPF:
		return backend_try(watcher, &backend_bpf, why, n);
	case LIVE_BACKEND_TRACE:
		return backend_try(watcher, &backend_tracefs, why, n);
	case LIVE_BACKEND_POLL:
		break;
	}
	return 0;
}

static void header_make(struct watcher *watcher, const char *why)
{
	struct utsname kernel;
	char namespaces[64];

	uname(&kernel);
	if (watcher->stock.count > 1)
		snprintf(namespaces, sizeof(namespaces), "%u network namespaces", (unsigned)watcher->stock.count);
	else
		snprintf(namespaces, sizeof(namespaces), "this network namespace");
	snprintf(watcher->header, sizeof(watcher->header), "%s: %s of Linux %.64s, %s%s%s%s",
		 watcher_backend(watcher),
		 watcher->backend ? "tracepoints" : "sampled ten times a second, and the end of sockets as it comes,",
		 kernel.release, namespaces, why[0] ? " (" : "", why, why[0] ? ")" : "");
}

static int unwinding_open(struct watcher *watcher, char *why, size_t n)
{
	char problem[BACKEND_PROBLEM_MAX] = "";
	size_t used = strlen(why);

	if (!watcher->options.stacks)
		return 0;
	if (watcher->backend != &backend_bpf) {
		snprintf(why + used, n - used, "%sno stacks: only bpf copies them", used ? "; " : "");
		return 0;
	}
	if (unwinder_open(&watcher->unwinder, problem, sizeof(problem)) < 0)
		snprintf(why + used, n - used, "%sno stacks: %s", used ? "; " : "", problem);
	return 0;
}

int watcher_open(struct watcher **out, const struct watcher_options *options, char problem[WATCHER_TEXT_MAX])
{
	struct watcher *watcher = calloc(1, sizeof(*watcher));
	struct tracker_options tracking = { .conns_max = options->conns_max, .notes = options->notes };
	char why[WATCHER_TEXT_MAX - 160] = "";
	int error;

	if (watcher == NULL)
		return -ENOMEM;
	watcher->options = *options;
	/* Dumps come and go: their memory is kept, or half of the time would go into pages of zeros. */
	mallopt(M_MMAP_THRESHOLD, 64 << 20);
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
	watcher->wall_offset = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
	error = backend_choose(watcher, why, sizeof(why));
	if (error < 0) {
		snprintf(problem, WATCHER_TEXT_MAX, "%s", why);
		free(watcher);
		return error;
	}
	unwinding_open(watcher, why, sizeof(why));
	tracking.fin_timeout_ns = stock_fin_timeout_ns();
	stock_port_range(&tracking.ports_first, &tracking.ports_last);
	watcher->tracker = tracker_create(&tracking);
	tracker_set_owners(watcher->tracker, on_owners, watcher);
	error = stock_open(&watcher->stock, !options->one_namespace && watcher->backend != NULL,
			   watcher->backend == NULL, watcher->backend == &backend_tracefs);
	if (error == 0)
		error = stock_take(&watcher->stock, watcher->tracker, clock_ns(CLOCK_MONOTONIC));
	if (error < 0) {
		snprintf(problem, WATCHER_TEXT_MAX, "sock_diag does not answer: %s", strerror(-error));
		watcher_close(watcher);
		return error;
	}
	header_make(watcher, why);
	*out = watcher;
	return 0;
}

/* ---------------------------------------------------------------- the loop */

static int backend_drain(struct watcher *watcher)
{
	struct backend_sink sink = { .tracker = watcher->tracker, .stack = on_stack, .ask = on_ask,
				     .context = watcher };
	int got;

	if (watcher->backend == NULL)
		return 0;
	got = watcher->backend->read(watcher->state, &sink, clock_ns(CLOCK_MONOTONIC));
	watcher->busy = got > 0;
	watcher->many = got > MANY_RECORDS;
	if (got > 0)
		watcher->counts.records += (unsigned)got;
	return got < 0 ? got : 0;
}

static void flush(struct watcher *watcher, bool all, live_change_fn *sink, void *context)
{
	watcher->sink = sink;
	watcher->context = context;
	tracker_flush(watcher->tracker, clock_ns(CLOCK_MONOTONIC), all, on_change, watcher);
}

static int wait_ms(const struct watcher *watcher, int timeout_ms)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), due = stock_due(&watcher->stock);
	uint64_t held = tracker_next(watcher->tracker);
	int ms = watcher->many ? MANY_MS : watcher->busy ? LOOK_MS : 1000;

	if (watcher->backend != NULL && watcher->backend->fd(watcher->state) < 0)
		ms = LOOK_ALWAYS_MS;

	if (held != 0 && (due == 0 || held < due))
		due = held;
	if (due != 0 && (due <= now || (due - now) / 1000000 < (uint64_t)ms))
		ms = due <= now ? 0 : (int)((due - now) / 1000000) + 1;
	return timeout_ms >= 0 && timeout_ms < ms ? timeout_ms : ms;
}

int watcher_turn(struct watcher *watcher, int timeout_ms, int other_fd, live_change_fn *sink, void *context)
{
	struct pollfd fds[2] = { { .fd = watcher->backend ? watcher->backend->fd(watcher->state) :
							    stock_fd(&watcher->stock), .events = POLLIN },
				 { .fd = other_fd, .events = POLLIN } };
	int error = 0, got;

	if (watcher->many)
		fds[0].events = 0;      /* nor is the ring asked: the time is what wakes us */
	got = poll(fds, 2, wait_ms(watcher, timeout_ms));
	if (got < 0 && errno != EINTR)
		return -errno;
	if (got < 0)
		error = -EINTR;
	/* What the dump misses has been told before it ended: it is judged after the ring is drained. */
	if (stock_is_due(&watcher->stock, clock_ns(CLOCK_MONOTONIC)))
		stock_dump(&watcher->stock, tracker_orphan_count(watcher->tracker) > 0);
	if (backend_drain(watcher) < 0)
		return -EIO;
	stock_apply(&watcher->stock, watcher->tracker, clock_ns(CLOCK_MONOTONIC));
	tracker_owners(watcher->tracker);
	flush(watcher, false, sink, context);
	return error;
}

void watcher_finish(struct watcher *watcher, live_change_fn *sink, void *context)
{
	backend_drain(watcher);
	flush(watcher, true, sink, context);
}

void watcher_close(struct watcher *watcher)
{
	if (watcher->tracker != NULL)
		tracker_destroy(watcher->tracker);
	if (watcher->backend != NULL)
		watcher->backend->close(watcher->state);
	if (watcher->unwinder != NULL)
		unwinder_close(watcher->unwinder);
	stock_close(&watcher->stock);
	free(watcher);
}

uint64_t watcher_home(const struct watcher *watcher)
{
	(void)watcher;
	return stock_home();
}

const char *watcher_header(const struct watcher *watcher)
{
	return watcher->header;
}

const char *watcher_backend(const struct watcher *watcher)
{
	return watcher->backend ? watcher->backend->name : "poll";
}

uint64_t watcher_wall_offset(const struct watcher *watcher)
{
	return watcher->wall_offset;
}

struct watcher_counts watcher_counts(const struct watcher *watcher)
{
	struct watcher_counts counts = watcher->counts;

	counts.lost = watcher->backend ? watcher->backend->lost(watcher->state) : watcher->stock.lost;
	counts.forgotten = tracker_forgotten(watcher->tracker);
	return counts;
}
