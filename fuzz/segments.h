/* SPDX-License-Identifier: MIT */
/*
 * The generator of segments, calls and times for one TCP: segments are made from its live variables, so that most
 * come near an edge.  After each event the invariants of tcb.h must hold; at the end everything must be given back.
 *
 * Used by tests/tcp/test_random.c with chance, and by the fuzzer with bytes.
 */
#ifndef ELEVEN_FUZZ_SEGMENTS_H
#define ELEVEN_FUZZ_SEGMENTS_H

#include "fuzz/choice.h"
#include "tcp/tcb.h"

struct segments_limits {
	unsigned events;                /* at most */
	unsigned buffers_shift;         /* text of all connections: at most 2^n bytes */
};

/* One world from its beginning to its end. */
void segments_run(struct choice *c, const struct segments_limits *limits);

/* The invariants of every TCB of a stack. */
void segments_hold(const struct tcp *tcp);

/* A number near one of two. */
struct seq segments_near(struct choice *c, struct seq a, struct seq b);
/* Any segment for this TCB, NULL: for none; text is zeros. */
void segments_make(struct choice *c, struct segment *seg, const struct tcb *tcb, uint64_t now);

#endif
