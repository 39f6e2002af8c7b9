/* SPDX-License-Identifier: MIT */
/*
 * The host: owns stacks and their links, gives them the time, and moves packets.
 *
 * A turn, before each sleep of the loop, goes over the stacks that have something to do:
 *
 *     packets from the link, in batches  ->  eleven_input
 *     eleven_timers
 *     eleven_signal                      ->  the services that asked for them (sockets, floor 5)
 *     eleven_output, in batches          ->  the link
 *
 * again until all are quiet, and then lets those who watch (trace, capture) take what is new.
 * The host knows nothing of sockets or views: floor 5 registers what it needs.
 */
#ifndef ELEVEN_HOST_HOST_H
#define ELEVEN_HOST_HOST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "eleven.h"
#include "host/loop.h"

struct host;
struct link;

#define HOST_NAME_MAX 32        /* bytes of a virtual host's name, with its 0; asserted equal on the wire */
#define HOST_STACKS_MAX 64      /* virtual hosts of one host process */
#define HOST_SERVICES_MAX 8     /* who gets signals, or is told of turns */
#define HOST_PACKETS_MAX 64     /* packets of one batch, in and out */

/* One virtual host. Fields after `context` are the host's own. */
struct host_stack {
	char name[HOST_NAME_MAX];
	struct eleven *stack;
	struct host *host;
	struct eleven_config config;
	struct eleven_interface interface;  /* address, prefix, MTU: of the one interface it has */
	unsigned index;                     /* 0 … host_count() - 1, in the order of the command line */
	void *context;                      /* for the service of floor 5 that owns the sockets */
	struct link *link;
	void *memory;
	size_t memory_bytes;
	int link_fd;                        /* watched for packets; -1: none */
	bool kicked;                        /* has work in the coming turn */
	bool readable;                      /* its link said that it has packets */
};

/* NULL with errno set. The loop stays the caller's. */
struct host *host_create(struct loop *loop);
/* Every stack with its link, too. Services must have been told before. */
void host_destroy(struct host *host);

struct loop *host_loop(const struct host *host);
/* Time of this batch: what every call on a stack is to be given. */
uint64_t host_now(const struct host *host);
/* What to add to a time of host_now() to get nanoseconds since 1970. */
uint64_t host_wall_offset(const struct host *host);

/*
 * Makes a virtual host; the link becomes the host's, also on failure.  -EEXIST: the name is taken;
 * -EADDRINUSE: the address is; -ENOSPC; -EINVAL: name or a value of the configuration; -ENOMEM.
 */
int host_stack_add(struct host *host, const char *name, const struct eleven_config *config,
		   const struct eleven_interface *interface, struct link *link, struct host_stack **added);

/* As eleven_route_add(), and recorded. */
int host_route_add(struct host_stack *stack, const struct eleven_route *route);

unsigned host_count(const struct host *host);
/* By index, by name, by address of its interface; NULL when there is none. */
struct host_stack *host_at(const struct host *host, unsigned index);
struct host_stack *host_find(const struct host *host, const char *name);
struct host_stack *host_find_address(const struct host *host, const struct eleven_address *address);

/* After any call on a stack from outside the turn: its timers, signals and output run before the loop sleeps. */
void host_kick(struct host_stack *stack);

/* Every signal of every stack.  The callback may make calls on the stack; no kick is needed in it. -ENOSPC. */
typedef void host_signal_fn(void *context, struct host_stack *stack, const struct eleven_signal *signal);
int host_on_signal(struct host *host, host_signal_fn *fn, void *context);

/* At the end of each turn in which anything ran: `stack` had work. -ENOSPC. */
typedef void host_turn_fn(void *context, struct host_stack *stack);
int host_on_turn(struct host *host, host_turn_fn *fn, void *context);

/*
 * Sees every packet in and out, whole, lent for the call.  In: before the stack gets it; serial is
 * the number eleven_trace has for it.  None set costs one test a batch. -ENOSPC.
 */
struct host_packet {
	uint64_t time;
	uint64_t serial;
	const struct eleven_slice *slice;
	unsigned slices;
	uint32_t length;
	bool out;
	uint8_t kind;                       /* enum eleven_link_kind */
	bool checksum_open;                 /* its transport checksum is left to the link, or was vouched for by it */
	uint16_t segment_bytes;             /* text per segment of one that was joined, or is to be cut; else 0 */
};
typedef void host_packet_fn(void *context, struct host_stack *stack, const struct host_packet *packet);
int host_on_packet(struct host *host, host_packet_fn *fn, void *context);
void host_off_packet(struct host *host, host_packet_fn *fn, void *context);

#endif
