/* SPDX-License-Identifier: MIT */
/*
 * A descriptor of another program, looked at without touching it: a copy is taken (pidfd_getfd), asked, and closed.
 *
 * What is asked changes nothing: TCP_INFO, getsockname(), poll().  SO_ERROR never, for reading takes the error away.
 */
#ifndef ELEVEN_LENS_DESCRIPTOR_H
#define ELEVEN_LENS_DESCRIPTOR_H

#include "lens/holders.h"

/*
 * Rows for TCP descriptors that no row of the view has claimed and whose connection is over (reset, timed out,
 * destroyed) while the descriptor is still open. Sockets that never were connected are none.
 */
void descriptors_dead(const struct holders *holders, const char *proc, struct view *view);

/* What the socket has set; false: it may not be looked at, or is gone. */
bool descriptor_reuse(const struct view_owner *owner, bool *address, bool *port);

#endif
