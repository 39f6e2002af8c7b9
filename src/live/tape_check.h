/* SPDX-License-Identifier: MIT */
/* The checksum of a recording's record, for its writer and its reader.  Inside of tape.h. */
#ifndef ELEVEN_LIVE_TAPE_CHECK_H
#define ELEVEN_LIVE_TAPE_CHECK_H

#include "live/tape.h"

_Static_assert(sizeof(struct live_frames) <= TAPE_BODY_MAX - sizeof(struct tape_change), "all frames fit");

uint32_t tape_check(const struct tape_head *head, const void *body);

#endif
