/* SPDX-License-Identifier: MIT */
/*
 * The ladder: the sequence diagram of connections as text, at most LADDER_COLUMNS wide.
 *
 *        time                │                                              │
 *       0.000       connect() │                                              │
 *                    SYN-SENT │── S 0:0(0) win 65535 <mss 1460> ─────╮       │
 *       2.001                 │                                      ╰──────▶│ SYN-RECEIVED
 *
 * Both ends' states stand at the sides, calls and expired timers too, segments in packetdrill's notation between
 * them.  A segment that arrives at once is one straight arrow; one that takes its time goes down its own column
 * from the line on which it was sent to the line on which it arrived; one that was lost ends in a cross.
 *
 * Theory of operation: records are sorted into exchanges, one for each life of a connection (ladder.c); the two
 * ends of an exchange are joined by their tuple and each segment sent is matched with its arrival (exchange.c);
 * what is new then becomes rows, and rows become lines (rows.c).  Everything may be fed and drawn bit by bit: a
 * segment on its way keeps its column from one call to the next.
 *
 * When only one end is ours, arrows are straight, and nothing is known of losses.
 */
#ifndef ELEVEN_VIEW_LADDER_H
#define ELEVEN_VIEW_LADDER_H

#include <stdbool.h>
#include <stdio.h>

#include "view/event.h"

#define LADDER_COLUMNS 100

struct ladder_options {
	bool ascii;                     /* no UTF-8 */
	bool causes;                    /* below each change of state the rule that made it */
	bool full;                      /* every segment, also of bulk text */
};

struct ladder;

struct ladder *ladder_create(FILE *out, const struct ladder_options *options);
void ladder_destroy(struct ladder *ladder);

/* Says that this address is ours, so that its end of a connection is known to be seen as well. */
void ladder_host(struct ladder *ladder, const char *name, const struct eleven_address *address);
/* Takes a record, in any order, of what is to be drawn by the next call of ladder_draw(). */
void ladder_add(struct ladder *ladder, const struct view_event *event);
/* Draws what came since the last call. `final`: nothing will follow, so what has not arrived by `now` never did. */
void ladder_draw(struct ladder *ladder, bool final, uint64_t now);

#endif
