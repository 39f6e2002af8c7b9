/* SPDX-License-Identifier: MIT */
/*
 * Watching the kernel's connections: chooses the best backend that can be had, takes stock of what is there, and hands
 * out changes as they happen.
 *
 * Events are switched on first and the stock is taken second, so that nothing falls between the two.
 *
 * An ordinary user has neither tracepoints nor BPF.  For him sock_diag is asked ten times a second, and its multicast
 * tells what ends in between: changes are then "sampled", and only this network namespace is seen.
 */
#ifndef ELEVEN_LIVE_WATCHER_H
#define ELEVEN_LIVE_WATCHER_H

#include "live/change.h"

enum live_backend { LIVE_BACKEND_AUTO, LIVE_BACKEND_BPF, LIVE_BACKEND_TRACE, LIVE_BACKEND_POLL };

struct watcher_options {
	enum live_backend backend;
	bool stacks;
	bool notes;                     /* retransmissions, resets for nobody, descriptors given up */
	bool one_namespace;             /* ours only */
	uint16_t port;                  /* only connections with it; 0: all */
	size_t conns_max;               /* 0: 262144 */
	size_t ring_bytes;              /* 0: 16 MiB */
};

struct watcher;

/* 0, or -errno with one line in `problem`. */
#define WATCHER_TEXT_MAX 600
int watcher_open(struct watcher **watcher, const struct watcher_options *options, char problem[WATCHER_TEXT_MAX]);
/* Gives out what still waits; then watcher_close(). */
void watcher_finish(struct watcher *watcher, live_change_fn *sink, void *context);
/* Lets go of everything in the kernel. */
void watcher_close(struct watcher *watcher);

/* `bpf: tracepoints of Linux 6.18.0, all network namespaces` …, and why a better backend could not be had. */
const char *watcher_header(const struct watcher *watcher);
const char *watcher_backend(const struct watcher *watcher);

/*
 * Waits up to timeout_ms for something to happen, here or on another descriptor (other_fd, -1: none), and gives out
 * changes. -EINTR after a signal, else 0 or -errno.
 */
int watcher_turn(struct watcher *watcher, int timeout_ms, int other_fd, live_change_fn *sink, void *context);

struct watcher_counts {
	uint64_t records;               /* read from the backend */
	uint64_t changes;               /* given out */
	uint64_t lost;                  /* records that came too fast to be read */
	uint64_t forgotten;             /* connections beyond the most that are remembered */
	uint64_t stacks_failed;
};
struct watcher_counts watcher_counts(const struct watcher *watcher);

/* Inode of our own network namespace. */
uint64_t watcher_home(const struct watcher *watcher);
/* To add to a change's time for ns since 1970. */
uint64_t watcher_wall_offset(const struct watcher *watcher);

#endif
