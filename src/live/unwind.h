/* SPDX-License-Identifier: MIT */
/*
 * Who called close(), connect(), …: the copy of a program's stack, unwound by the tables in its files (libdw).
 *
 * What is read is foreign: ELF and DWARF of any program on the machine, and a stack that may hold anything.  So it is
 * done in a process of its own, with limits on memory and time, that may crash or hang: it is then replaced, and the
 * caller gets no frames.
 */
#ifndef ELEVEN_LIVE_UNWIND_H
#define ELEVEN_LIVE_UNWIND_H

#include <stddef.h>

#include "live/change.h"
#include "live/record.h"

struct unwinder;

/* 0, or -errno with a reason. */
int unwinder_open(struct unwinder **unwinder, char *problem, size_t n);
void unwinder_close(struct unwinder *unwinder);
/* The caller's to free(); NULL: nothing could be told. */
struct live_frames *unwinder_run(struct unwinder *unwinder, const struct live_stack *stack);

#endif
