/* SPDX-License-Identifier: MIT */
/*
 * Which programs hold which sockets: one pass over /proc/PID/fd, looked up by inode in one hash table of the
 * sockets that are asked for.
 *
 * Programs of other users are seen by root only; owners_scan() leaves owners_known false where a folder could not
 * be read and no owner was found.  Does not look into other threads: descriptors belong to the program.
 */
#ifndef ELEVEN_VIEW_OWNERS_H
#define ELEVEN_VIEW_OWNERS_H

#include "view/view.h"

/*
 * Fills in owners of every row with an inode, ordered by pid and descriptor. `proc` is "/proc", or in tests a
 * folder made like it. -errno when it cannot be read at all.
 */
int owners_scan(struct view *view, const char *proc);

#endif
