/* SPDX-License-Identifier: MIT */
/*
 * Impairment: wraps any link so that what passes is delayed, lost, doubled, reordered, damaged,
 * slowed down, or held for the user to let through one by one (pipe.h).
 *
 * An `impair` is the set of all wrapped links of a host process, or of a simulation; each wrapped
 * link has two pipes: out (from its stack) and in (to it).  Direction "a" is from the first host of
 * the wire, "b" everything towards it.  What is set for the wire as a whole acts on the pipes that
 * each packet passes once: the out pipes of the ports of a virtual wire, both pipes of a link to
 * the outside.  What is set for one named host acts on both of its pipes, as if on its own cable.
 *
 * While a pipe has nothing to do, packets pass the wrapper untouched; otherwise big segments are
 * cut into those that would be on the wire, so that each loss is one segment.
 */
#ifndef ELEVEN_LINK_IMPAIR_H
#define ELEVEN_LINK_IMPAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "eleven.h"
#include "link/link.h"
#include "link/pipe.h"

#define IMPAIR_PORTS_MAX 80u
#define IMPAIR_RULES_MAX 32u            /* drop rules at one time */
#define IMPAIR_NAME_MAX 32u

enum impair_direction {
	IMPAIR_BOTH,
	IMPAIR_A,                       /* from the first host */
	IMPAIR_B,                       /* towards it */
};

/* Which segments a drop rule means: every condition that is given holds. */
#define IMPAIR_SYN 1u                   /* SYN; without `ack`, one without ACK */
#define IMPAIR_FIN 2u
#define IMPAIR_RST 4u
#define IMPAIR_ACK 8u                   /* has ACK; alone: an ACK without text, SYN, FIN, RST */
#define IMPAIR_TEXT 16u                 /* carries text */

struct impair_match {
	enum impair_direction direction;
	int port;                       /* of one link only; -1: any */
	unsigned flags;                 /* IMPAIR_SYN …; 0: any packet */
	struct eleven_address from, to; /* all zero: any */
};

struct impair;

/* `seed` for all its chance. NULL: no memory. */
struct impair *impair_create(uint64_t seed);
/* After the links. */
void impair_destroy(struct impair *impair);

/*
 * Wraps a link: the new one owns the old.  `outside`: the link leads out of this process, so that
 * both directions are its own; otherwise it is a port of a virtual wire.  NULL: no memory, or
 * IMPAIR_PORTS_MAX; the link is then still the caller's.
 */
struct link *impair_wrap(struct impair *impair, struct link *link, const char *name,
			 const struct eleven_interface *interface, bool outside);

/* The port of a name; -1: none. */
int impair_port(const struct impair *impair, const char *name);
unsigned impair_ports(const struct impair *impair);
const char *impair_port_name(const struct impair *impair, unsigned port);
/* For showing: the pipe, out or in, and which direction it is of the wire as a whole (IMPAIR_BOTH: of none). */
const struct pipe *impair_pipe(const struct impair *impair, unsigned port, bool out, enum impair_direction *direction);

/* Port -1: the wire as a whole. */
struct impair_selection {
	int port;
	enum impair_direction direction;
};

/* Calls `fn` with each pipe's settings, to be changed in place. */
typedef void impair_change_fn(struct pipe_settings *settings, void *context);
void impair_change(struct impair *impair, struct impair_selection which, impair_change_fn *fn, void *context);

/* Drops the next `count` packets that match. -ENOSPC: IMPAIR_RULES_MAX rules wait. */
int impair_drop(struct impair *impair, const struct impair_match *match, uint64_t count);
/* Rule `index` and how many it still drops; false past the last. */
bool impair_rule(const struct impair *impair, unsigned index, struct impair_match *match, uint64_t *left);

void impair_pause(struct impair *impair, struct impair_selection which);
void impair_resume(struct impair *impair, struct impair_selection which);
bool impair_is_paused(const struct impair *impair, struct impair_selection which);
/*
 * Lets the one packet through that would be next.  False: none waits.  `seen`, not NULL: a copy of
 * the packet's beginning, its length in *bytes (in: room), and the port it came from.
 */
bool impair_step(struct impair *impair, struct impair_selection which, uint8_t *seen, uint32_t *bytes, unsigned *port);
/*
 * As it was: no settings, no rules, not paused; for the wire as a whole and both directions, also
 * what was set for one host.  What is under way still arrives.
 */
void impair_clear(struct impair *impair, struct impair_selection which);

#endif
