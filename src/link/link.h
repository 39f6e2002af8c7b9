/* SPDX-License-Identifier: MIT */
/*
 * A link carries packets between a stack and something: another stack (wire.c), the kernel
 * (tun.c), or, for one that wraps another, the same with a difference (impair.c).
 *
 * Packets move in batches.  link_send() has done with the packets when it returns (they are lent by
 * eleven_output()); what it could not send is dropped and counted, so callers ask link_room() first
 * if they would rather wait.  Packets from link_receive() are lent until link_release() or the next
 * link_receive().
 *
 * No link reads a clock: `now` is an argument, so that everything runs in virtual time as well.
 */
#ifndef ELEVEN_LINK_LINK_H
#define ELEVEN_LINK_LINK_H

#include <stdint.h>

#include "eleven.h"

#define LINK_BATCH_MAX 64u

struct link;

struct link_counts {
	uint64_t in, out;               /* packets handed to and taken from the stack */
	uint64_t drops;                 /* lost here: a queue was full, the impairment, the kernel refused */
};

struct link_ops {
	void (*send)(struct link *link, const struct eleven_out *packets, unsigned count, uint64_t now);
	unsigned (*receive)(struct link *link, struct eleven_packet *packets, unsigned count, uint64_t now);
	void (*release)(struct link *link);             /* NULL: nothing to do */
	unsigned (*room)(struct link *link);            /* NULL: LINK_BATCH_MAX */
	uint64_t (*deadline)(const struct link *link);  /* NULL: never */
	int (*descriptor)(const struct link *link);     /* NULL: none */
	void (*destroy)(struct link *link);
};

/* First member of every kind of link. */
struct link {
	const struct link_ops *ops;
	struct link_counts counts;
	/* Called when packets came in by other means than the descriptor: another stack of the process sent. */
	void (*wake)(void *context);
	void *wake_context;
	char name[32];                  /* for people: "wire", "tun tun0" */
};

static inline void link_send(struct link *link, const struct eleven_out *packets, unsigned count, uint64_t now)
{
	link->ops->send(link, packets, count, now);
}

/* Up to `count` packets, lent until link_release() or the next call of this. */
static inline unsigned link_receive(struct link *link, struct eleven_packet *packets, unsigned count, uint64_t now)
{
	return link->ops->receive(link, packets, count, now);
}

/* Has done with what link_receive() gave: their room is free for the sender again. */
static inline void link_release(struct link *link)
{
	if (link->ops->release)
		link->ops->release(link);
}

/* How many packets, of any size, link_send() would take now without dropping for want of room. */
static inline unsigned link_room(struct link *link)
{
	return link->ops->room ? link->ops->room(link) : LINK_BATCH_MAX;
}

/* When link_receive() has something (or link_room() grows) though no descriptor says so; UINT64_MAX: never. */
static inline uint64_t link_deadline(const struct link *link)
{
	return link->ops->deadline ? link->ops->deadline(link) : UINT64_MAX;
}

/* To wait for packets on; -1: none. */
static inline int link_descriptor(const struct link *link)
{
	return link->ops->descriptor ? link->ops->descriptor(link) : -1;
}

static inline void link_destroy(struct link *link)
{
	link->ops->destroy(link);
}

static inline void link_wake(struct link *link)
{
	if (link->wake)
		link->wake(link->wake_context);
}

#endif
