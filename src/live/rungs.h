/* SPDX-License-Identifier: MIT */
/*
 * The ladder of the kernel's connections: both ends beside each other when both are on this machine, their states at
 * the sides, what moved them between.  Segments are not seen, so an arrow stands where one end moved because of what
 * the other had done.
 *
 *                                client[29974] fd 3                                  server[29973] fd 7
 *                                   127.0.0.1:37124                                  127.0.0.1:7001
 *      0.000                   connect()  SYN_SENT │──────────── SYN ────────────▶│ SYN_RECV
 *      0.000                           ESTABLISHED │◀───────── SYN+ACK ───────────│
 *
 * A connection is drawn when it is over or at the end of watching, so that the rows of one stand together.
 */
#ifndef ELEVEN_LIVE_RUNGS_H
#define ELEVEN_LIVE_RUNGS_H

#include <stdio.h>

#include "live/change.h"

#define RUNGS_COLUMNS 118

struct rungs;

struct rungs *rungs_create(FILE *out, uint64_t wall_offset, bool ascii);
void rungs_destroy(struct rungs *rungs);
void rungs_add(struct rungs *rungs, const struct live_change *change);
/* Those that are over; `all`: the others, too. */
void rungs_draw(struct rungs *rungs, bool all);

#endif
