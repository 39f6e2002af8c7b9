/* SPDX-License-Identifier: MIT */
/* What the tracker knows of one connection.  Inside of tracker.h. */
#ifndef ELEVEN_LIVE_CONN_H
#define ELEVEN_LIVE_CONN_H

#include "live/tracker.h"

#define CONN_BUCKETS 262144u
#define RESETS_KEPT 16u
#define LISTENERS_MAX 1024u          /* that connections are told to come from */

/* Reasons of tcp_send_reset that mean something here (enum sk_rst_reason of Linux 6.10 and later). */
enum reset_reason {
	RESET_NOT_SPECIFIED, RESET_NO_SOCKET, RESET_ABORT_ON_DATA = 8, RESET_TIME_WAIT = 9, RESET_CLOSE_UNREAD = 11,
	RESET_LINGER = 12, RESET_MEMORY = 13, RESET_STATE = 14, RESET_KEEPALIVE = 15,
	RESET_NONE = 254,               /* none was sent */
	RESET_UNKNOWN = 255,            /* one was, this kernel does not say why */
};

struct live_conn {
	struct live_conn *next;         /* of the bucket */
	struct live_conn *newer, *older;        /* by last change */
	uint64_t cookie;
	uint64_t netns;
	uint64_t number;
	uint64_t since;                 /* in this state; 0: not known */
	uint64_t seen;                  /* in a dump that began at this time */
	uint64_t destroyed;             /* when the multicast said that its socket is gone; 0: not yet */
	uint64_t held;                  /* serial of its last change, if that has not gone out; 0: none */
	uint64_t chain;                 /* serial of its last change or note */
	struct eleven_endpoint local, remote;
	enum eleven_state state;
	enum live_direction direction;
	uint8_t family;
	uint8_t told;                   /* states of the last move */
	uint8_t reset_sent;             /* enum reset_reason */
	uint8_t error;
	uint8_t flags;                  /* LIVE_RECORD_… as seen last */
	bool reset_received;
	bool peer_lost_state;           /* the reset came from a stack that has no such connection: seen here */
	bool small;                     /* lives on in TIME_WAIT, or as an orphan in FIN_WAIT2, without a socket */
	bool orphan;                    /* small, and in FIN_WAIT2 */
	bool request;                   /* SYN_RECV without a socket */
	bool accepted;
	bool lingers;                   /* sampled: closed, and its socket is not destroyed yet */
	uint32_t inode;
	uint32_t retransmits;
	uint32_t unread_last;           /* when it was destroyed, as the multicast said */
	struct live_who who;
	unsigned others;
};

/* A change that waits; its connection may have been forgotten meanwhile. */
struct held_change {
	struct live_change change;
	uint64_t serial, cookie;
	uint64_t previous;              /* serial of the connection's change before; 0: none */
	uint64_t ready;                 /* when it may go out */
	struct live_record closing;     /* of a move to CLOSED: what it was judged by */
	bool judged_again;              /* and may be */
	bool dropped;                   /* was a mistake, and does not go out */
};

/* A reset for a packet that no socket was for. */
struct lost_reset { uint64_t time; uint64_t netns; struct eleven_endpoint local, remote; };

/*
 * Connections come as fast as the kernel makes them, and most live a minute in TIME_WAIT: they are taken from
 * slabs of huge pages, where the machine has them, for page faults would take a sixth of the watcher's time.
 */
#define CONN_SLAB_BYTES (2u << 20)
struct conn_slab { struct conn_slab *next; };    /* and connections */

struct tracker {
	struct tracker_options options;
	struct conn_slab *slabs;        /* the first is in use */
	size_t slab_left;               /* connections in it that never were used */
	struct live_conn *spare;        /* chained by `next` */
	struct live_conn *buckets[CONN_BUCKETS];
	struct live_conn *newest, *oldest;
	size_t count, small, orphans;
	uint64_t forgotten, numbers, serials;
	uint64_t asked;                 /* serial up to which owners were looked for at once */

	struct held_change *held;       /* in order of serials */
	size_t held_first, held_count, held_room;

	struct lost_reset resets[RESETS_KEPT];
	unsigned reset_next;
	uint64_t listener_closed_time;  /* of the last one, and who did it: its children follow */
	pid_t listener_closed_tid;
	uint16_t listener_closed_port;
	uint64_t listeners[LISTENERS_MAX];      /* cookies */
	unsigned listener_count;
	struct names *names;

	tracker_owners_fn *owners;
	void *owners_context;
};

struct live_conn *conn_find(const struct tracker *tracker, uint64_t cookie);
struct live_conn *conn_add(struct tracker *tracker, uint64_t cookie);
void conn_remove(struct tracker *tracker, struct live_conn *conn);
/* When all connections are removed. */
void conn_slabs_free(struct tracker *tracker);
void conn_rename(struct tracker *tracker, struct live_conn *conn, uint64_t cookie);
/* Moves it to the newest. */
void conn_touch(struct tracker *tracker, struct live_conn *conn);
void conn_set_small(struct tracker *tracker, struct live_conn *conn, bool small);
/* The listener for this port in this namespace, or NULL. */
struct live_conn *conn_listener(const struct tracker *tracker, const struct live_conn *conn);
void conn_note_listener(struct tracker *tracker, const struct live_conn *conn);

/* Queues a change of the connection to `after`, or a note when that is its state already. */
struct held_change *change_queue(struct tracker *tracker, struct live_conn *conn, enum eleven_state after,
				 enum live_cause cause, uint64_t time, uint64_t now);
/* The change of this serial, if it has not gone out. */
struct held_change *change_of(struct tracker *tracker, uint64_t serial);
/* The last change of the connection that has not gone out, or NULL. */
struct held_change *change_held(struct tracker *tracker, const struct live_conn *conn);

/* Why a socket went to CLOSE from `before`, by what is known by now (judge.c). */
enum live_cause judge_close(const struct tracker *tracker, const struct live_conn *conn, enum eleven_state before,
			    const struct live_record *record);
/* Where it is then: CLOSED, or still there as TIME_WAIT or FIN_WAIT2. */
enum eleven_state judge_rest(const struct live_conn *conn, enum eleven_state before, const struct live_record *record);
/* SOCK_DESTROY: the call is not the owner's. */
bool judge_killed(const struct live_conn *conn, const struct live_record *record);
/* Cause of any other move. */
enum live_cause judge_move(enum eleven_state before, enum eleven_state after, const struct live_record *record);

enum eleven_state live_state(unsigned kernel_state);

/* Names of programs by pid (names.c). */
struct names;
struct names *names_create(void);
void names_destroy(struct names *names);
void names_put(struct names *names, pid_t pid, uint32_t uid, const char comm[16]);
/* Fills in comm and uid by who->pid; from /proc when nobody told. */
void names_get(struct names *names, struct live_who *who);

#endif
