/* SPDX-License-Identifier: MIT */
/*
 * The explorer: two TCPs, their programs and the packets between them, as one block of memory
 * that can be copied, so that every order of events of a small world can be tried.
 *
 * Theory of operation.  A world is [TCP of a][TCP of b][struct soft] in one block.  From a
 * world every action that is possible is taken in turn - a call of a program, delivery, loss
 * or duplication of any packet in flight, the next timeout of either host - each from a copy.
 * A world whose canonical form (fingerprint.c) was met before is not gone into again.  What is
 * explored is the code that ships: src/tcp, without IP below it.
 *
 * Time: each host has a clock of its own, which moves only to its next deadline.  So every
 * order of the two hosts' timeouts is tried, also those that real clocks would make rare.
 *
 * Bounds: K packets in flight, R retransmission timeouts a host, L losses, D duplications.
 * "All states visited" is true of the world within these bounds.
 */
#ifndef ELEVEN_EXPLORE_EXPLORE_H
#define ELEVEN_EXPLORE_EXPLORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "tcp/connection.h"
#include "tcp/tcb.h"

#define SIDES           2
#define PACKETS_MAX     8       /* room for K */
#define PACKET_BYTES    72      /* a TCP header with options, and a few bytes of text */
#define CALLS_MAX       12
#define DEPTH_MAX       400
#define PORT_A          1000
#define PORT_B          2000

struct flying {                 /* a packet on the wire */
	uint8_t to;
	uint8_t length;
	uint8_t bytes[PACKET_BYTES];
};

struct side {                   /* a host's program, and its bounds */
	uint64_t now;
	eleven_handle listener, h;
	uint8_t next_call;      /* of its script */
	uint8_t timeouts;       /* retransmissions so far */
	bool eof, error, aborted;
	uint8_t sent, received; /* bytes of text */
	uint32_t iss;           /* of the last SYN it sent: what its numbers are relative to */
};

struct soft {
	struct side side[SIDES];
	struct flying flying[PACKETS_MAX];
	uint8_t count;
	uint8_t losses, duplicates;
	bool overflow;          /* more packets than K: not gone into */
};

struct scenario {
	const char *name, *sentence;
	const char *calls[SIDES];       /* l listen, b bind, c connect, s send, r receive, f shutdown, x close,
					   a abort */
	unsigned window;                /* RCV.WND at the start */
	bool receive_by_call;           /* only 'r' receives; otherwise the program always does at once */
	unsigned k, r, l, d;            /* bounds, unless given */
};

struct world {
	const struct scenario *scenario;
	struct eleven_config config;
	struct trace trace[SIDES];
	uint64_t trace_read[SIDES];
	uint8_t *block;                 /* what is copied */
	size_t block_bytes, soft_at;
	struct tcp *tcp[SIDES];
	struct soft *soft;
	unsigned k, r, l, d;
	/* what was seen */
	uint64_t edges[ELEVEN_STATES][ELEVEN_STATES];
	uint64_t pairs[ELEVEN_STATES][ELEVEN_STATES];
	const char *fault;              /* an invariant that does not hold */
};

enum action_kind {
	ACTION_CALL, ACTION_DELIVER, ACTION_LOSE, ACTION_DUPLICATE, ACTION_TIMEOUT,
};

struct action {
	uint8_t kind, side, index;
};

const struct scenario *scenario_find(const char *name);
const struct scenario *scenario_at(unsigned index);     /* NULL past the last */

/* world.c */
void world_create(struct world *world, const struct scenario *scenario);
void world_destroy(struct world *world);
/* All actions possible now; returns how many (at most 64). */
unsigned world_actions(const struct world *world, struct action *actions);
void world_act(struct world *world, const struct action *action);
enum eleven_state world_state(const struct world *world, unsigned side);
/* Nothing can happen any more: is that right? Sets world->fault if not. */
void world_judge_end(struct world *world, bool cut);
/* The invariants of tcb.h. */
void world_judge(struct world *world);
/* Is a timeout kept from happening by the bound R? */
bool world_cut(const struct world *world);

/* fingerprint.c */
uint64_t fingerprint(const struct world *world);

/* search.c */
struct search {
	uint64_t states, actions;       /* worlds met first; actions taken */
	uint64_t cut_k, cut_r, cut_depth;
	uint64_t most;                  /* stop after so many states */
	time_t until;                   /* or at this time; 0: no matter when */
	uint64_t memory_bytes;          /* for what was met; 0: as much as it takes */
	double passed_over;             /* with a bound: states that looked met and were not, expected */
	unsigned depth_most;
	bool complete;
	unsigned path_length;           /* to the fault */
	struct action path[DEPTH_MAX];
};
/* False: a fault was found; world->fault and the path say which. */
bool search_run(struct world *world, struct search *search);

/* report.c */
void report_path(const struct scenario *scenario, const struct world *bounds, const struct search *search);
void report_pairs(const struct world *world);
/* The diagram that the code has, in Graphviz' language. */
void report_diagram(const uint64_t edges[ELEVEN_STATES][ELEVEN_STATES], const char *file);
extern const char *const state_spelling[ELEVEN_STATES];

#endif
