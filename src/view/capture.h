/* SPDX-License-Identifier: MIT */
/*
 * A capture in pcapng in which each packet that changed a state says so in its comment:
 *
 *	server 10.0.0.2:8000 SYN-RECEIVED -> ESTABLISHED: the third ACK arrived … (§3.10.7.4 Fifth)
 *
 * Theory of operation: packets and records of the trace come by two streams.  A packet waits in a queue until the
 * records of its moment are certainly here; then it is written with the comments that name its number.  A change of
 * state that no packet made (a call, a timeout) goes to the next packet that its connection sends.
 *
 * One file holds one copy of each packet.  Between two of our hosts that is the sender's; it waits until its copy
 * has arrived at the other end, because that arrival may have changed a state there, but no longer than
 * CAPTURE_HOLD_NS.  So a packet that was lost on the wire is in the file as well.
 */
#ifndef ELEVEN_VIEW_CAPTURE_H
#define ELEVEN_VIEW_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/protocol.h"
#include "view/event.h"

#define CAPTURE_SETTLE_NS 100000000ull  /* records of a moment are here after this */
#define CAPTURE_HOLD_NS   5000000000ull /* longest wait for the arrival */
#define CAPTURE_HELD_MAX  (64u << 20)   /* bytes that wait; beyond, the oldest is written at once */

struct capture;

/* Writes all of the bytes, or returns -errno. */
typedef int capture_write_fn(void *context, const void *bytes, size_t n);

/* NULL when the header could not be written. An interface of the file for each host. */
struct capture *capture_create(const struct control_host *hosts, unsigned count, capture_write_fn *write,
			       void *context);
void capture_destroy(struct capture *capture);

void capture_event(struct capture *capture, const struct view_event *event);
/* `now`: this machine's clock, of when the packet came to us. */
void capture_packet(struct capture *capture, const struct control_packet *packet, const uint8_t *bytes,
		    uint64_t now);
/* Writes what has waited long enough; `all`: everything. -errno of the writer. */
int capture_write(struct capture *capture, uint64_t now, bool all);
/* Packets written so far. */
uint64_t capture_count(const struct capture *capture);

#endif
