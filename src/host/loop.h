/* SPDX-License-Identifier: MIT */
/*
 * The host's event loop: descriptors by epoll (level-triggered unless EPOLLET is asked for),
 * one-shot deadlines in a heap, and hooks that run before each sleep.  One thread.
 *
 * The clock is CLOCK_MONOTONIC in nanoseconds, read once after each wait; loop_now() gives that
 * reading to everything that runs in the batch, so nothing on the data path reads a clock.
 *
 * Callbacks may add, modify and remove any descriptor and deadline, their own too: events of a
 * descriptor removed in the same batch are not delivered.
 */
#ifndef ELEVEN_HOST_LOOP_H
#define ELEVEN_HOST_LOOP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

struct loop;

/* Most events taken from the kernel at once. */
#define LOOP_BATCH_MAX 64
/* Most hooks that run before a sleep. */
#define LOOP_HOOKS_MAX 8

/* NULL with errno set. */
struct loop *loop_create(void);
void loop_destroy(struct loop *loop);

/* Time of this batch, ns of CLOCK_MONOTONIC. */
uint64_t loop_now(const struct loop *loop);

/* `events` is what epoll reported: EPOLLIN, EPOLLOUT, EPOLLHUP … */
typedef void loop_descriptor_fn(void *context, int fd, uint32_t events);

/* -errno of epoll_ctl(2); -EEXIST: already there.  The descriptor stays the caller's. */
int loop_add(struct loop *loop, int fd, uint32_t events, loop_descriptor_fn *fn, void *context);
/* Waits for other events from now on.  Costs nothing when they are the same. -ENOENT: not there. */
int loop_modify(struct loop *loop, int fd, uint32_t events);
/* To be called before the descriptor is closed.  One that is not there is passed over. */
void loop_remove(struct loop *loop, int fd);

typedef void loop_deadline_fn(void *context, uint64_t now);

/* Kept inside the caller's object; set `fn` and `context`, the rest zero. */
struct loop_deadline {
	loop_deadline_fn *fn;
	void *context;
	uint64_t at;                    /* ns of loop_now() */
	size_t place;                   /* in the heap, from 1; 0: not set */
};

/* Sets, or moves, a one-shot deadline. -ENOMEM. */
int loop_deadline_set(struct loop *loop, struct loop_deadline *deadline, uint64_t at);
/* To be called before the object that holds it is freed.  One that is not set is passed over. */
void loop_deadline_clear(struct loop *loop, struct loop_deadline *deadline);

/*
 * Runs before each sleep, in the order of adding.  Returns how long the loop may sleep: a time of
 * loop_now(), UINT64_MAX for ever, 0 not at all.
 */
typedef uint64_t loop_hook_fn(void *context, uint64_t now);
/* -ENOSPC: LOOP_HOOKS_MAX are there. */
int loop_hook_add(struct loop *loop, loop_hook_fn *fn, void *context);

/* One that is not there is passed over. */
void loop_hook_remove(struct loop *loop, loop_hook_fn *fn, void *context);

/* Until loop_stop(): 0, or -errno of epoll. */
int loop_run(struct loop *loop);
/* One wait, of no longer than until `until`, and its batch. */
int loop_turn(struct loop *loop, uint64_t until);
/* From a callback, or from a signal handler. */
void loop_stop(struct loop *loop);

#endif
