/* SPDX-License-Identifier: MIT */
/*
 * What can be told of a connection, whoever holds it: one struct that sources fill (our own stacks through the host's
 * control socket; Linux's sock_diag) and that everything that draws or diagnoses reads.  Drawing code never asks a
 * source anything, and a source never formats.
 *
 * What is not known is said to be not known: numbers are VIEW_ABSENT, pointers NULL, and the age carries its bound.
 * Strings that came from outside (names of programs and hosts) are escaped when they are stored here, so that
 * whatever draws may print them as they are.
 */
#ifndef ELEVEN_VIEW_VIEW_H
#define ELEVEN_VIEW_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "eleven.h"

#define VIEW_ABSENT   UINT64_MAX        /* a number nobody knows */
#define VIEW_COMM_MAX 80                /* a program's name: 15 bytes, each perhaps as \xNN, and the NUL */
#define VIEW_HOST_MAX 64                /* a virtual host's name, escaped */

/* Sub-states beside ELEVEN_SUB_… that only Linux's sockets have. */
#define VIEW_SUB_DEAD          0x1000000u       /* CLOSED: a descriptor is open, its connection is over */
#define VIEW_SUB_ERROR_PENDING 0x2000000u       /* an error that the program has not read */

enum view_source {
	VIEW_ELEVEN,                    /* one of our stacks */
	VIEW_KERNEL,                    /* Linux */
};

/* How well an age is known. */
enum view_bound {
	VIEW_UNKNOWN,
	VIEW_EXACT,
	VIEW_LOWER,                     /* at least this old */
	VIEW_UPPER,                     /* at most this old */
};

/* A descriptor of a program that refers to the connection. */
struct view_owner {
	pid_t pid;
	pid_t tid;                      /* the thread, where one is known; else 0 */
	int fd;                         /* -1: not known */
	uint32_t uid;
	char comm[VIEW_COMM_MAX];       /* escaped */
};

struct view_timer {
	enum eleven_timer kind;         /* ELEVEN_TIMER_NONE: none runs */
	uint64_t expires_ns;            /* from now */
	uint64_t count;                 /* retransmissions or probes so far */
	uint64_t resent, probed;        /* each of them, where the source tells both; else VIEW_ABSENT */
	bool kept_alive;                /* Linux ends an orphan in FIN_WAIT2 by its keepalive timer */
};

/* Figures of windows, loss and traffic; bytes, nanoseconds, counts. Each may be VIEW_ABSENT. */
struct view_info {
	uint64_t cwnd, ssthresh, flight, snd_wnd, rcv_wnd;
	uint64_t rto, srtt, rttvar, min_rtt;
	uint64_t mss, snd_wscale, rcv_wscale;
	uint64_t send_buffer, receive_buffer;
	uint64_t unsent, out_of_order;
	uint64_t segments_in, segments_out, bytes_in, bytes_out;
	uint64_t retransmitted_segments, retransmitted_bytes;
	uint64_t last_sent, last_received;      /* ages */
	uint64_t drops;                 /* LISTEN: connections refused for a full queue */
};

struct conn_view {
	enum view_source source;
	char host[VIEW_HOST_MAX];       /* our virtual host; empty for Linux */
	uint64_t netns;                 /* inode of the network namespace; VIEW_ABSENT for ours */
	uint64_t cookie;                /* names the connection within its source for its whole life */
	int family;                     /* 4 or 6 */
	struct eleven_endpoint local, remote;

	enum eleven_state state;
	enum eleven_state previous;     /* ELEVEN_STATES: not known */
	uint32_t sub;                   /* ELEVEN_SUB_… */
	uint32_t sub_known;             /* which of these bits the source can tell */
	uint64_t age_ns;                /* time in this state */
	enum view_bound age_bound;
	const char *age_how;            /* what tells: "event", "last_ack_recv", "timer" …; NULL with VIEW_UNKNOWN */
	uint64_t opened_ns;             /* age of the whole connection */
	const struct eleven_rule *rule; /* that brought it into this state */
	const struct eleven_rule *last_rule;    /* the last one taken of note */
	int error, soft_error;          /* errno, 0: none */

	uint64_t recvq;                 /* as Linux counts: text not read; LISTEN: connections to accept */
	uint64_t sendq;                 /* as Linux counts: text not acknowledged, and 1 for a SYN or FIN; LISTEN: 0 */
	uint64_t backlog;               /* LISTEN: most that may wait */
	struct view_timer timer;
	struct view_info info;

	uint64_t device, mark;          /* bound to this interface's index; the firewall's mark; VIEW_ABSENT: none */
	uint64_t inode;                 /* of the socket, as in /proc/PID/fd; 0: none */
	uint64_t uid;                   /* who opened it */
	struct view_owner *owners;
	size_t owner_count;
	bool owners_known;              /* the source looked for owners and was allowed to */
	char *unowned;                  /* looked, and found none: why; escaped; NULL: not looked, or there are some */
	struct kernel_sock *kernel;     /* what Linux said, in its own units (lens/kernel.h); NULL for ours */
};

/* What was seen at one moment. */
struct view {
	struct conn_view *conns;
	size_t count, room;
};

/* Sets everything to "not known". */
void conn_view_init(struct conn_view *conn);

/* Adds an initialised row and returns it, lent until the next one is added. */
struct conn_view *view_add(struct view *view);
void view_free(struct view *view);
/* What a single row owns; the row is as new. */
void conn_view_free(struct conn_view *conn);
/* Listeners first, then by local and remote address, port, host and cookie: the same every time. */
void view_sort(struct view *view);

bool conn_view_sub(const struct conn_view *conn, uint32_t bit);
/* The same connection seen from its other end, or NULL; after view_sort(). */
const struct conn_view *view_other_end(const struct view *view, const struct conn_view *conn);

/* Which connections a person asked for; empty strings, 0 and ELEVEN_STATES ask for all. */
struct view_filter {
	char host[VIEW_HOST_MAX];
	struct eleven_endpoint one, other;      /* either way round; any address, port 0: all */
	enum eleven_state state;
};

void view_filter_init(struct view_filter *filter);
/* What view_filter_parse() takes, for those who have to be told. */
#define VIEW_FILTER_WORDS ":PORT, ADDRESS, ADDRESS:PORT, two of these joined by -, or a state"
/*
 * Reads one word: `:PORT`, `ADDRESS`, `ADDRESS:PORT`, two of these joined by `-`, or a state's name in either
 * spelling.  False: none of these.
 */
bool view_filter_parse(struct view_filter *filter, const char *word);
bool view_filter_endpoints(const struct view_filter *filter, const char *host, const struct eleven_endpoint *local,
			   const struct eleven_endpoint *remote);
bool view_filter_conn(const struct view_filter *filter, const struct conn_view *conn);

#endif
