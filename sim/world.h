/* SPDX-License-Identifier: MIT */
/*
 * A world: production stacks, the wires between them, and programs, in virtual time, from one seed.
 *
 * Theory of operation: world_run() takes the earliest of: a packet that arrives, a stack's deadline, a program
 * that wakes, a change of the world (partition, clock, attack, heal).  It lets that happen, then lets the
 * programs concerned run until they have nothing to do, takes the packets that want to go out, and asks the
 * oracles.  First comes chaos, in which only safety must hold; then the world heals, and everything has to
 * finish; then everything is closed, and nothing may be left.
 *
 * Programs act on signals alone, never by polling: a signal that is missing leaves a stream unfinished.
 *
 * All chance comes from the seed; the same seed gives the same `hash` over all packets.
 */
#ifndef ELEVEN_SIM_WORLD_H
#define ELEVEN_SIM_WORLD_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "base/siphash.h"
#include "base/time.h"
#include "eleven.h"
#include "sim/spec.h"

#define HOSTS_MAX    16
#define ACTORS_MAX   160        /* two to a conversation, and some that belong to none */
#define STORY_EVENTS 100        /* the last ones are printed when an oracle fails */
#define PORT_FIRST   8000       /* listeners' */
#define LISTENERS    2          /* to a host */
#define PIECE_MAX    65536u     /* most text of one call */
#define CAPTURED     64         /* packets that who listens on the path remembers */

/* ---------------------------------------------------------------- programs */

enum ending {
	END_SHUTDOWN,                   /* shuts its side when all is sent, closes at the other's end */
	END_AFTER_PEER,                 /* waits for the other's end, then closes */
	END_EARLY,                      /* closes when all is sent, whatever the other does */
	END_ABORT,                      /* aborts at a time */
	END_DEAF,                       /* never reads; closes at a time */
};

#define OPTION_CORK 4u          /* bit of actor.options */

enum actor_state {
	ACTOR_UNBORN,                   /* its start, or the other's SYN, is yet to come */
	ACTOR_CONNECTING,
	ACTOR_OPEN,
	ACTOR_GONE,                     /* gave up its handle, or the connection ended */
};

/* One program's end of a conversation. */
struct actor {
	unsigned number, host;
	struct actor *peer;             /* NULL: of a connection that nobody is known to have opened */
	bool opens;                     /* connects; otherwise is accepted */
	enum actor_state state;
	/* what it means to do */
	enum ending ending;
	uint64_t start, end_at;
	uint64_t to_send;
	uint32_t piece;                 /* most bytes of one call */
	uint64_t read_interval;         /* 0: reads at once */
	bool responds;                  /* sends no more than it received, plus what it may begin with */
	uint64_t ahead;                 /* that */
	bool lent;                      /* uses _buf and _commit */
	bool fast_open;                 /* its SYN may take text along */
	uint16_t remote_port, local_port;
	uint32_t remote_address;
	unsigned options;               /* bits: no delay, quick ack, OPTION_CORK, keepalive, small MSS */
	/* how far it is */
	eleven_handle h;
	struct eleven_endpoint local, remote;
	uint32_t iss, irs;
	uint32_t iss_secret;            /* of one that opens: less the part that is the clock's */
	uint64_t sent, received;
	uint64_t wake;                  /* UINT64_MAX: only a signal wakes it */
	uint64_t read_at;               /* not before */
	uint32_t signals;               /* come up and not acted on */
	bool can_send, can_receive;
	bool shut, eof, aborted, closed;
	uint64_t fair_from;             /* O21: received when the measuring began */
	bool left_unread;               /* closed before the other's end was seen */
	int error;                      /* that the connection ended with */
	/* what the oracles saw last */
	struct eleven_status last;
	bool has_last, has_traced;
	uint8_t traced;                 /* state, by the trace */
	bool reduced;                   /* a mark has cut the window (O27) */
	uint32_t reduced_to;            /* … when this was the greatest number sent */
};

/* ---------------------------------------------------------------- hosts and wires */

#define NAT_ENTRIES 64u

struct nat_entry {                      /* of a translator of ports before a host: boxes.h */
	uint16_t inner, outer, remote_port;
	uint32_t remote;
};

struct host {
	struct eleven *stack;
	void *memory;
	size_t memory_bytes;
	struct eleven_config config;
	uint32_t address;
	uint64_t clock_offset;          /* added to the world's time */
	int32_t clock_skew_ppm;         /* how much faster it runs */
	uint64_t deadline;              /* in the world's time, as of the last event */
	eleven_handle listener[LISTENERS];
	uint64_t rate_free;             /* when its way out is free again */
	uint64_t stalled_until;         /* it does not run before */
	uint64_t cut_until[HOSTS_MAX];  /* one-way partitions towards */
	uint64_t trace_after;
	unsigned iss_alike;             /* pairs of connections of the same secret */
	uint64_t resets_out, resets_seen; /* on the wire; of those, judged */
	uint64_t steps_seen, segments_seen, segments_sent;      /* O15, as of the last event */
	struct nat_entry nat[NAT_ENTRIES];
	unsigned nat_count, nat_next;
};

struct flight {                         /* a packet under way */
	uint64_t due, order;
	uint8_t *bytes;
	uint32_t length;
	uint16_t segment_bytes;
	uint8_t flags, from, to;
};

struct flights {                        /* a heap of them, the earliest first */
	struct flight *at;
	size_t count, room;
};

/* ---------------------------------------------------------------- the story: last events, for people */

enum story_kind { STORY_SENT, STORY_ARRIVED, STORY_LOST, STORY_CALL, STORY_TIMERS, STORY_WORLD };

struct story_event {
	uint64_t time;
	enum story_kind kind;
	unsigned host, to;
	unsigned actor;                 /* of a call, from 1 on */
	int64_t value;
	const char *what;
	uint8_t headers[140];
	uint32_t length;                /* of the packet */
};

/* ---------------------------------------------------------------- the world */

struct observer;                        /* of the wire: observe.c */

struct world {
	struct spec spec;
	uint64_t now, start;
	bool healed;
	uint64_t heal_at, finish_by;
	struct random random;           /* of the wire and the programs' turns */
	struct host host[HOSTS_MAX];
	unsigned hosts;
	struct actor actor[ACTORS_MAX];
	unsigned actors;
	struct flights flights;
	uint8_t *sending, *arriving;    /* packets in hand; an oracle that fails leaves them here */
	uint64_t order;
	unsigned burst_left;
	uint32_t path_mtu;              /* as spec.path_mtu, until it changes; 0: none */
	struct flight captured[CAPTURED];       /* by who listens on the path: insider.c */
	struct { uint64_t clamped, joined, translated, refused, forged, replayed, swallowed; } boxes;  /* for tests */
	bool severed;                   /* someone has ended a connection that was not his */
	uint64_t attack_at, change_at;
	struct observer *observer;
	/* the outcome */
	struct siphash_key hash_key;
	uint64_t hash;                  /* over all packets and their times */
	uint64_t events, packets, streams_finished, bytes_delivered;
	uint64_t fair_since;            /* O21: when the measuring began; 0: not yet */
	double fair_index, fair_use;    /* its outcome, of all and of the narrow place; 0: not measured */
	uint64_t instant, instant_events; /* O11 */
	const char *failed;             /* the oracle, or NULL */
	char reason[400];
	jmp_buf out;
	/* for tests of the oracles themselves: this one is shown something wrong */
	const char *broken;
	uint64_t broken_after;          /* observations that are still true */
	/* O20: every so many events the stacks are saved, disturbed, and restored */
	unsigned disturb_every;
	bool scarce;                    /* allocations are refused: what that may do is allowed */
	struct story_event story[STORY_EVENTS];
	uint64_t story_count;
	bool follow;                    /* print each event as it happens */
};

struct world *world_create(const struct spec *spec);
/* NULL, or the id of the oracle that failed; `reason` and the story tell the rest. */
const char *world_run(struct world *world);
void world_destroy(struct world *world);

/* An oracle found something: does not return. */
_Noreturn void world_fail(struct world *world, const char *oracle, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Once, in a world whose oracle of this name is to be tested, true: what was observed is then made wrong. */
bool world_breaks(struct world *world, const char *oracle);
/* The initial sequence number that an actor's connection will have, which is bound to a port. */
uint32_t actor_iss_foretold(struct world *world, const struct actor *actor);
/* What a host's clock says. */
uint64_t host_now(const struct world *world, const struct host *host);
struct host *host_of_address(struct world *world, uint32_t address);
/* Programs of this host that can run do; then packets leave, and the oracles look. */
void host_settle(struct world *world, unsigned host);

/* The one that runs, for the panic hook; NULL: none. */
extern struct world *world_running;

/* ---- net.c */
void net_send(struct world *world, unsigned host, const struct eleven_out *out);
/* The earliest packet arrives. */
void net_arrive(struct world *world);
uint64_t net_deadline(const struct world *world);
void net_clear(struct world *world);
/* Puts a packet under way, past all mischief. */
void net_inject(struct world *world, unsigned from, unsigned to, const uint8_t *bytes, uint32_t length, uint64_t delay);

/* ---- actor.c */
void actors_plan(struct world *world);
uint64_t actors_deadline(const struct world *world);
void actors_wake(struct world *world);
/* Signals of a host, each to its program. */
bool actors_signal(struct world *world, unsigned host);
bool actors_finished(const struct world *world);
bool actor_forsaken(const struct world *world, const struct actor *actor);
/* Those abort. */
void actors_release(struct world *world);
/* What it waits for; NULL: it is done. */
const char *actor_unfinished(const struct actor *actor);
/* What an actor sends, from byte `at` on: PIECE_MAX bytes. */
const uint8_t *stream_at(const struct world *world, const struct actor *actor, uint64_t at);

/* ---- oracle.c */
/* Can a packet be lost in this world? */
bool may_lose(const struct world *world);
/* May it end connections that both ends mean to keep? */
bool is_cut_by_others(const struct world *world);
void oracle_host(struct world *world, unsigned host);
void oracle_received(struct world *world, struct actor *actor, const uint8_t *bytes, size_t n);
void oracle_end(struct world *world, struct actor *actor);
void oracle_error(struct world *world, struct actor *actor, int error);
void oracle_iss(struct world *world, const struct actor *actor);
void oracle_empty(struct world *world);

/* ---- observe.c: the wire as seen from outside */
struct observer *observer_create(void);
void observer_destroy(struct observer *observer);
void observe_sent(struct world *world, unsigned host, const struct eleven_out *out, const uint8_t *bytes);
void observe_delivered(struct world *world, const uint8_t *bytes, uint32_t length, bool checksum_ok);
void observe_abort(struct world *world, const struct actor *actor);

/* ---- plan.c: what happens to the world */
uint64_t change_deadline(const struct world *world);
void change_happen(struct world *world);
void change_plan(struct world *world);

/* ---- insider.c: attackers who know more than names */
void insider_capture(struct world *world, const struct flight *flight);
void insider_attack(struct world *world);

/* ---- story.c */
void story_packet(struct world *world, enum story_kind kind, unsigned from, unsigned to, const uint8_t *bytes,
		  uint32_t length);
void story_call(struct world *world, const struct actor *actor, const char *what, int64_t value);
void story_note(struct world *world, enum story_kind kind, unsigned host, const char *what, int64_t value);
void story_print(const struct world *world);

#endif
