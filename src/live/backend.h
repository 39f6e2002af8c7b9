/* SPDX-License-Identifier: MIT */
/*
 * Where transitions come from: BPF on tracepoints, tracefs, or nothing but sock_diag.  Each backend is one of these;
 * what it reads goes to a tracker.
 */
#ifndef ELEVEN_LIVE_BACKEND_H
#define ELEVEN_LIVE_BACKEND_H

#include "live/tracker.h"

#define BACKEND_PROBLEM_MAX 256

struct backend_options {
	bool stacks;                    /* copies of user stacks */
	uint64_t netns;                 /* only this one; 0: all */
	uint16_t port;                  /* only connections with this port at either end; 0: all */
	size_t ring_bytes;              /* 0: 16 MiB */
};

/* Stacks as they come; NULL: not wanted. */
typedef void backend_stack_fn(void *context, const struct live_stack *stack);

/* What sock_diag says of the socket with a record's ends, now. */
struct backend_answer {
	uint64_t cookie, netns;
	uint64_t since;                 /* in this state; 0: not known */
	uint32_t inode;
	uint8_t state;                  /* enum kernel_state */
	bool small;                     /* TIME_WAIT, or an orphan in FIN_WAIT2 */
};
typedef bool backend_ask_fn(void *context, const struct live_record *record, struct backend_answer *answer);

struct backend_sink {
	struct tracker *tracker;
	backend_stack_fn *stack;
	backend_ask_fn *ask;
	void *context;
};

struct backend {
	const char *name;
	/* -errno with a reason in `problem`: in one line, and what would help. */
	int (*open)(void **state, const struct backend_options *options, char problem[BACKEND_PROBLEM_MAX]);
	/* For poll(): readable when something has come; -1: look now and then. */
	int (*fd)(void *state);
	/* Takes all that is there now. The number of records, or -errno when the source is broken. */
	int (*read)(void *state, const struct backend_sink *sink, uint64_t now);
	uint64_t (*lost)(void *state);  /* records that came too fast, so far */
	void (*close)(void *state);
};

extern const struct backend backend_bpf, backend_tracefs;

#endif
