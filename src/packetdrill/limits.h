/* SPDX-License-Identifier: MIT */
/*
 * How long a connection has been busy, and what held it back meanwhile: tcpi_busy_time, tcpi_rwnd_limited and
 * tcpi_sndbuf_limited of Linux.  Between two moments of the virtual clock nothing changes, so that it is enough to
 * look at each socket before the clock moves.
 */
#ifndef ELEVEN_PACKETDRILL_LIMITS_H
#define ELEVEN_PACKETDRILL_LIMITS_H

#include <stdint.h>

struct world;
struct file;

struct limits {
	uint64_t busy_ns;               /* something is to be sent or to be acknowledged; the others are part of it */
	uint64_t window_ns;             /* and the peer's window holds it back */
	uint64_t buffer_ns;             /* and all is sent, but the program waits for room to write more */
};

/* So much time passes. */
void limits_run(struct world *world, uint64_t ns);
/* Into a TCP_INFO of Linux 6.18, of INFO_BYTES. */
void limits_fill(const struct file *file, uint8_t *info);

#endif
