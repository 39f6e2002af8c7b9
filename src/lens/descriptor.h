/* SPDX-License-Identifier: MIT */
/*
 * A descriptor of another program, looked at without touching it: a copy is taken (pidfd_getfd), asked, and closed.
 *
 * What is asked changes nothing: TCP_INFO, getsockname(), poll().  SO_ERROR never, for reading takes the error away.
 */
#ifndef ELEVEN_LENS_DESCRIPTOR_H
#define ELEVEN_LENS_DESCRIPTOR_H

#include "lens/holders.h"

struct descriptor_search {
	const char *proc;
	pid_t pid;                      /* only this program's; 0: any */
	const struct view *among;       /* only those that this view has such rows of; NULL: any */
	size_t passed_over;             /* out: not looked at, for there are too many */
};

/*
 * Rows for TCP descriptors that no row of the view has claimed and whose connection is over (reset, timed out,
 * destroyed) while the descriptor is still open. Sockets that never were connected are none.
 *
 * Where BPF has filled the table, only these are copied.  Where /proc has, which tells no kind of socket, every
 * unclaimed one is, 3 us each, up to DESCRIPTOR_COPIES_MAX.
 */
#define DESCRIPTOR_COPIES_MAX 200000u
void descriptors_dead(const struct holders *holders, struct descriptor_search *search, struct view *view);

/* What the socket has set; false: it may not be looked at, or is gone. */
bool descriptor_reuse(const struct view_owner *owner, bool *address, bool *port);
/* IPV6_V6ONLY of it. */
bool descriptor_v6only(const struct view_owner *owner, bool *only);

#endif
