/* SPDX-License-Identifier: MIT */
/*
 * What recvmsg(MSG_ERRQUEUE) of Linux tells of text that was sent: that a MSG_ZEROCOPY send is over with, and when
 * the last byte of a send went and was acknowledged (SO_TIMESTAMPING).
 *
 * Every send that asks for it leaves a mark behind its last byte.  Where the stream is now is known from the stack's
 * status, so after everything that happens the marks are looked at, and what has come true is queued.  Not here:
 * receive timestamps, and statistics beside the timestamps (SOF_TIMESTAMPING_OPT_STATS).
 */
#ifndef ELEVEN_PACKETDRILL_ERRQUEUE_H
#define ELEVEN_PACKETDRILL_ERRQUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct world;
struct file;
struct mark;
struct notice;

struct errqueue {
	struct mark *marks;
	struct notice *first, *last;
	uint64_t written;               /* bytes given to the stack, by who gives them */
	uint64_t key_from;              /* SOF_TIMESTAMPING_OPT_ID counts from here */
	uint32_t zerocopies;            /* sends with MSG_ZEROCOPY so far: the next one's number */
	uint32_t timestamping;          /* SOF_TIMESTAMPING_… */
	bool zerocopy;                  /* SO_ZEROCOPY */
};

/* setsockopt(SO_TIMESTAMPING), getsockopt. */
void errqueue_timestamping(struct world *world, struct file *file, uint32_t flags);
/* A send of so many bytes is done. */
void errqueue_sent(struct file *file, uint64_t bytes, int flags);
/* Where is each socket's stream now?  After everything that happens. */
void errqueues_run(struct world *world);
/* recvmsg(MSG_ERRQUEUE): 0 and *message filled, or -EAGAIN. */
int errqueue_take(struct file *file, struct msghdr *message);
static inline bool errqueue_waits(const struct errqueue *queue)
{
	return queue->first;
}
void errqueue_drop(struct errqueue *queue);

#endif
