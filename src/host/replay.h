/* SPDX-License-Identifier: MIT */
/*
 * Making a recorded run again (record.h): the same stacks, the same calls at the same times.  What
 * comes out must be what came out then, call by call; the first difference is told.
 *
 * Not here: the wire, programs, and the clock.  A replay needs none of them.
 */
#ifndef ELEVEN_HOST_REPLAY_H
#define ELEVEN_HOST_REPLAY_H

#include <stddef.h>
#include <stdint.h>

#include "host/record.h"

struct replay;

/* 0; -errno of the file; -EPROTO: not a recording, or of another version or build.  `problem`, 200 bytes, says why. */
int replay_open(struct replay **replay, const char *path, char *problem, size_t problem_bytes);
void replay_close(struct replay *replay);

/*
 * Makes the next call.  1: done; 0: the recording is at its end; -EBADMSG: it is damaged or cut off
 * here; -EINVAL: what came out is not what came out then; -ENOMEM.  `problem` says at which byte, and what.
 */
int replay_step(struct replay *replay, char *problem, size_t problem_bytes);

/* Is called within replay_step() with each record of the traces that its call makes. */
typedef void replay_trace_fn(void *context, unsigned stack, const struct eleven_trace *record);
void replay_on_trace(struct replay *replay, replay_trace_fn *fn, void *context);

/* One number for all that the traces of all stacks have said so far: the same for the same run, on any machine. */
uint64_t replay_hash(const struct replay *replay);

/* The record that was replayed last, and where it is in the file. */
const struct record_head *replay_head(const struct replay *replay);
uint64_t replay_offset(const struct replay *replay);

/* The stacks as they are now, in the order of their making; NULL past the last. */
struct eleven *replay_stack(const struct replay *replay, unsigned number, const char **name);
const struct eleven_interface *replay_interface(const struct replay *replay, unsigned number);
uint64_t replay_wall_offset(const struct replay *replay);

#endif
