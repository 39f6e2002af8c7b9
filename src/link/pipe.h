/* SPDX-License-Identifier: MIT */
/*
 * One direction of an impaired wire: packets go in, and come out late, twice, in another order,
 * damaged, or not at all.  Pure: time is an argument, chance a seeded generator of its own, so the
 * same calls give the same packets in any world.
 *
 * What happens to a packet, in this order: a drop rule (impair.c), loss, the MTU (what is longer goes back to impair.c,
 * which does as a router does), the rate (it waits for those before it; beyond the rate's queue it is dropped, beyond
 * `rate_mark_bytes` marked), a mark by chance, delay and jitter (which keep the order), duplication, corruption,
 * reordering (it is held back until REORDER_DISTANCE later packets have passed, or REORDER_HOLD_NS).  Big segments
 * must have been cut before, so that each decision is about one packet on the wire.
 *
 * Delivery is a heap by time, equal times in the order of arrival, of at most PIPE_PACKETS_MAX
 * packets and PIPE_BYTES_MAX bytes; more are dropped and counted.
 */
#ifndef ELEVEN_LINK_PIPE_H
#define ELEVEN_LINK_PIPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"
#include "eleven.h"

#define PIPE_PACKETS_MAX 65536u
#define PIPE_BYTES_MAX (256u << 20)
#define PIPE_HELD_MAX 8u                /* held back for reordering at one time */
#define REORDER_DISTANCE 3u             /* RFC 5681 §3.2: as many as make a fast retransmit */
#define REORDER_HOLD_NS 20000000ull     /* 20 ms: a pause in the traffic must not hold a packet for ever */

#define MILLIONTH 1000000u              /* probabilities are in parts per million */

struct pipe_settings {
	uint64_t delay_ns, jitter_ns;   /* delay ± up to jitter, not below 0 */
	uint64_t rate_bits;             /* per second; 0: no limit */
	uint32_t rate_queue_bytes;      /* waiting for the rate; 0: 100 ms of it, at least 64 KiB */
	uint32_t rate_mark_bytes;       /* with so much waiting, packets that are capable of ECN get CE; 0: none */
	uint32_t mark;                  /* parts per million of those that are capable get CE in any case */
	uint32_t mtu;                   /* longer IP packets do not pass; 0: no limit */
	bool mtu_silent;                /* and nobody is told: a black hole (RFC 2923 §2.1) */
	uint32_t loss, dup, reorder, corrupt;   /* parts per million */
	uint32_t loss_burst;            /* mean length of a run of losses; 0 and 1: each by itself */
};

struct pipe_counts {
	uint64_t in, out;               /* packets */
	uint64_t lost, mtu, queue_full; /* by chance, too long (dropped, or cut into fragments), too many */
	uint64_t duplicated, reordered, corrupted;
	uint64_t marked;                /* CE (RFC 3168 §5) */
};

/* A packet on the wire. */
struct pipe_packet {
	uint64_t at;                    /* when it is delivered */
	uint64_t order;                 /* of arrival */
	uint32_t length;
	uint16_t segment_bytes;
	uint8_t flags;                  /* ELEVEN_PACKET_CHECKSUM_OK */
	uint8_t passed;                 /* held back: how many have passed it */
	uint32_t size;                  /* allocated */
	uint8_t bytes[];
};

struct pipe {
	struct pipe_settings settings;
	struct pipe_counts counts;
	struct random random;
	bool paused;
	bool losing;                    /* inside a burst of losses */
	uint32_t network_offset;        /* 14 on Ethernet */
	uint64_t steps;                 /* packets to let through although paused */
	uint64_t order;
	uint64_t rate_free;             /* when the last packet has left the rate limiter */
	uint64_t last_at;               /* latest delivery so far: jitter keeps the order */
	uint64_t bytes;                 /* in the pipe */
	struct pipe_packet *held[PIPE_HELD_MAX];
	uint64_t held_until[PIPE_HELD_MAX];
	struct pipe_packet **heap;      /* from 1 */
	uint32_t heap_count, heap_size;
};

void pipe_init(struct pipe *pipe, uint64_t seed, uint32_t network_offset);
void pipe_free(struct pipe *pipe);

/* Anything set, paused, or under way: packets have to go through it. */
bool pipe_active(const struct pipe *pipe);

/* An empty packet for `length` bytes; NULL: the pipe is full, which is counted. */
struct pipe_packet *pipe_packet_create(struct pipe *pipe, uint32_t length);
/* Puts it in: it is the pipe's now.  False: it is longer than the MTU, and still the caller's. */
bool pipe_put(struct pipe *pipe, struct pipe_packet *packet, uint64_t now);
/* The same for a fragment of one that was put in: loss has been decided already. */
void pipe_put_fragment(struct pipe *pipe, struct pipe_packet *packet, uint64_t now);
/* The next one that is due, the caller's to pipe_packet_free(); NULL: none now. */
struct pipe_packet *pipe_take(struct pipe *pipe, uint64_t now);
void pipe_packet_free(struct pipe *pipe, struct pipe_packet *packet);
/* When pipe_take() has something; UINT64_MAX: never (or paused). */
uint64_t pipe_deadline(const struct pipe *pipe);
/* How many packets are under way. */
uint32_t pipe_waiting(const struct pipe *pipe);
/* The one that pipe_take() would give if all were due; NULL: none. */
const struct pipe_packet *pipe_next(const struct pipe *pipe);

#endif
