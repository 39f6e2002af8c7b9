/* SPDX-License-Identifier: MIT */
/*
 * One eleven stack under packetdrill, in virtual time.
 *
 * THEORY OF OPERATION
 *
 * packetdrill has two threads: its main one, which runs the script, and one for calls that block.  All that they
 * share is `struct world` behind one lock, taken by every slot of the table (table.c).
 *
 * Time is `now_ns`, and moves only when packetdrill asks for it: usleep() moves it on, gettimeofday() by a
 * microsecond, netdev_receive() to the next timer when nothing waits to be received.  On its way it stops at every
 * deadline of the stack, so that each timeout runs in its moment and what it sends bears that time.  With a clock
 * that is read in steps (clock=NANOSECONDS) that moment is when the clock shows it, and the stack sees steps alone.
 *
 * A call that may block is a `struct call`: a function that tries it.  It is tried once by its own thread; if it
 * has to wait, it stands in a list and sleeps on a condition, and world_run(), in whatever thread something
 * happens, tries it again.  So the call completes in the moment of the event, not when its thread is scheduled.
 * From then until that thread has asked the time (packetdrill does so at once, and judges that time) the clock
 * stands: a `handover`.
 *
 * If all threads sleep, time moves anyhow: the sleeping call, having seen no other for 50 ms of real time,
 * goes to the next timer itself.
 *
 * Configuration is read when the stack is made, at the first socket, and again whenever sockets are made, bound,
 * listen or connect: scripts set sysctls by shell commands before (settings.h).
 */
#ifndef ELEVEN_PACKETDRILL_WORLD_H
#define ELEVEN_PACKETDRILL_WORLD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "eleven.h"
#include "packetdrill/settings.h"

#define DESCRIPTORS_MAX 1024    /* numbers the table may know; larger ones are the kernel's */

struct packet {                 /* from the stack, waiting for netdev_receive() */
	struct packet *next;
	uint64_t time_ns;
	uint32_t length;
	uint8_t bytes[];
};

struct world;
struct file;

/* One call that may have to wait.  It lies on its caller's stack; more members follow it there. */
struct call {
	/* Does what can be done; true: `result` is final (a count, or -errno). */
	bool (*attempt)(struct world *world, struct call *call);
	int64_t result;
	uint64_t deadline_ns;   /* when it is over without success; TIME_NEVER */
	int64_t timeout_result; /* and what it answers then */
	bool done;
	pthread_cond_t wake;
	struct call *next;
};

struct world {
	pthread_mutex_t lock;
	struct settings settings;
	struct eleven_config configured;        /* what the stack has of it */
	uint8_t fast_open_key[16];              /* and its key, if it was given one */
	bool fast_open_key_set;
	struct eleven *stack;   /* NULL until the first socket */
	size_t stack_bytes;
	uint64_t now_ns;        /* as the stack's clock shows it */
	uint64_t late_ns;       /* and so much later it is */
	struct packet *first_out, **last_out;
	struct file *files[DESCRIPTORS_MAX];
	struct call *calls;     /* that wait */
	unsigned handovers;     /* calls done whose thread has not asked the time yet */
	pthread_cond_t handed_over;
	uint64_t activity;      /* counts calls of the table: whether anyone else does anything */
	int interfaces;
};

static inline uint64_t world_time(const struct world *world)
{
	return world->now_ns + world->late_ns;
}

struct world *world_create(const char *flags);
void world_destroy(struct world *world);

/* Makes the stack if there is none, and brings its configuration up to date.  0 or -errno. */
int world_begin(struct world *world);
/* The stack shall have this IPv4 address, in host order. */
void world_own(struct world *world, uint32_t address);
/* The same of IPv6. */
void world_own_v6(struct world *world, const struct eleven_address *address);

/* Fast Open's key is this one, or with NULL that of the sysctl; none before it holds any more. */
void world_fast_open_key(struct world *world, const uint8_t key[16]);

/* Runs what is due now: timers, calls that wait, packets out.  After every change from outside. */
void world_run(struct world *world);
/* Takes what the stack sends now into the queue; nothing else. */
void world_take(struct world *world);
/* Moves the clock to `target_ns`, stopping at every timer, and for every handover. */
void world_advance(struct world *world, uint64_t target_ns);
/* Moves it to the next timer; false: there is none. */
bool world_step(struct world *world);
/* Waits until no call that is done keeps the clock. */
void world_settle(struct world *world);
/* The calling thread does something: if a call of it was completed by another thread, that is over now. */
void world_enter(struct world *world);

/* Tries, and waits if `may_wait`; -EAGAIN if not.  Returns the result. */
int64_t call_run(struct world *world, struct call *call, bool may_wait);

#endif
