/* SPDX-License-Identifier: MIT */
/*
 * Owners of sockets that no call has named yet, by their inodes in /proc/PID/fd: first where the listener is, then
 * everywhere.  Looking costs, so it may take a twentieth of the time and no more; what is not found stays unknown.
 */
#ifndef ELEVEN_LIVE_HOLDING_H
#define ELEVEN_LIVE_HOLDING_H

#include <stddef.h>

#include "live/change.h"

struct holding {
	uint64_t next;                  /* all programs may be looked into again from then on */
	uint64_t next_one;              /* a single one */
	bool refused;                   /* some may not be looked into: other users' */
};

/* Fills in `who` and `others` of these changes as far as it can. */
void holding_fill(struct holding *holding, struct live_change **changes, size_t count);

#endif
