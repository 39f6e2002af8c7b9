/* SPDX-License-Identifier: MIT */
/*
 * Frames of a copied stack, by the call frame tables (CFI) in the program's files.  Runs in the unwinder's process,
 * see unwind.h; names come from symbol tables, places from DWARF where it is.
 */
#ifndef ELEVEN_LIVE_FRAMES_H
#define ELEVEN_LIVE_FRAMES_H

#include "live/change.h"
#include "live/record.h"

struct frames_reader;

/* Why there can be none, or NULL. */
const char *frames_missing(void);
struct frames_reader *frames_open(void);
void frames_close(struct frames_reader *reader);
/* Leaves frames->count 0 when nothing can be told. */
void frames_read(struct frames_reader *reader, const struct live_stack *stack, struct live_frames *frames);

#endif
