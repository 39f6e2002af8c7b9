/* SPDX-License-Identifier: MIT */
/*
 * How much a write takes, as Linux counts it (profile linux).
 *
 * Linux fills packets of up to half the peer's greatest window, and asks only before each new one whether
 * SO_SNDBUF is used up.  So what is queued goes beyond it by up to one such packet.  The buffer begins with
 * tcp_wmem or twice the first window, memory for bookkeeping included, and grows with cwnd when a write was short;
 * SO_SNDBUF fixes it.
 * A short write is told of room when a third is free.
 */
#ifndef ELEVEN_PACKETDRILL_SNDBUF_H
#define ELEVEN_PACKETDRILL_SNDBUF_H

#include "packetdrill/file.h"

/* How many bytes may be added now, in one packet; 0: none before something is acknowledged. */
uint32_t sndbuf_room(struct world *world, struct file *file);
/*
 * Does Linux set PSH behind so many more bytes of a longer write?  When half a window has gone without, and
 * where the buffer is full.
 */
bool sndbuf_push_due(struct world *world, struct file *file, uint32_t bytes);
/* Is there room, in the sense of poll()?  After a short write that takes more than before one. */
bool sndbuf_writable(struct world *world, struct file *file);
/* Wakes who waits for room, where there is some again.  After everything that happens. */
void sndbufs_run(struct world *world);

#endif
