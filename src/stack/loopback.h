/* SPDX-License-Identifier: MIT */
/*
 * Packets from the stack to itself, between the eleven_output() that makes them and the
 * eleven_timers() that takes them in.  A bounded ring of whole packets, each in one piece:
 *
 *	0        end        start              limit    capacity
 *	|========|............|==================|........|      wrapped
 *	|...............|=====================|...........|      not wrapped: start, end
 *
 * A packet that does not fit behind `end` goes to the front, and what is left at the back is
 * unused until the reader has come round.  So any packet of at most half the capacity fits an
 * empty ring.  RFC 1122 §3.2.1.3(g): such packets never reach a link.
 */
#ifndef ELEVEN_STACK_LOOPBACK_H
#define ELEVEN_STACK_LOOPBACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loopback {
	uint8_t *memory;
	uint32_t capacity;
	uint32_t start;         /* of the oldest packet */
	uint32_t end;           /* where the next one goes */
	uint32_t limit;         /* wrapped: end of the packets at the back */
	uint32_t packets;       /* held */
	bool wrapped;           /* the newest lie in front of the oldest */
};

size_t loopback_memory(uint64_t bytes);
void loopback_init(struct loopback *loopback, void *memory, uint64_t bytes);
/* The longest packet that always goes into an empty ring. */
uint32_t loopback_packet_max(uint64_t bytes);

/* Is there room for a packet this long? */
bool loopback_fits(const struct loopback *loopback, uint32_t length);
/* Room for it, in the ring at once; to be filled before anything else is called.  NULL: none. */
uint8_t *loopback_put(struct loopback *loopback, uint32_t length);
/* The oldest; NULL: none.  It stays where it is until loopback_drop(). */
const uint8_t *loopback_first(const struct loopback *loopback, uint32_t *length);
void loopback_drop(struct loopback *loopback);

#endif
