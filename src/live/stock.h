/* SPDX-License-Identifier: MIT */
/*
 * What sock_diag tells the watcher: everything once at the start, then again and again what no tracepoint tells
 * (requests, TIME_WAIT, orphans), or everything when there are no tracepoints.  One netlink socket for each network
 * namespace that can be entered; new namespaces are looked for once in a while.
 *
 * A dump takes at most a fiftieth of the time (a tenth without tracepoints): the next is so much later as it was long.
 */
#ifndef ELEVEN_LIVE_STOCK_H
#define ELEVEN_LIVE_STOCK_H

#include "lens/diag.h"
#include "live/tracker.h"

#define STOCK_NAMESPACES_MAX 256u

struct stock_space {
	struct diag dumps, ends;        /* `ends`: multicast of what is destroyed */
	struct view view;               /* the last dump, to be applied */
	uint64_t begun;
};

struct stock {
	struct stock_space *spaces;     /* ours first */
	size_t count;
	bool all;                       /* every namespace that there is */
	bool everything;                /* not only what tracepoints do not tell */
	bool inodes;
	bool dumped;
	uint32_t states, asked;         /* what a dump may ask for, and what the last one did */
	uint64_t next_time_wait;        /* when TIME_WAIT is due in any case */
	uint64_t fin_timeout_ms;
	uint64_t next;                  /* when the next dump is due */
	uint64_t next_ports;            /* when ports may be looked for again */
	uint64_t next_search;           /* for new namespaces */
	uint64_t lost;                  /* multicasts */
};

/* `inodes`: tracepoints do not tell those, so that owners could not be looked for. */
int stock_open(struct stock *stock, bool all, bool everything, bool inodes);
void stock_close(struct stock *stock);
/* The first view, with owners, into the tracker. */
int stock_take(struct stock *stock, struct tracker *tracker, uint64_t now);
bool stock_is_due(const struct stock *stock, uint64_t now);
uint64_t stock_due(const struct stock *stock);
/* `time_wait`: with what is in TIME_WAIT, of which there may be very many. */
void stock_dump(struct stock *stock, bool time_wait);
/* The dump, if there was one, and ends that came, into the tracker. */
void stock_apply(struct stock *stock, struct tracker *tracker, uint64_t now);
/* The socket with these ends, in any namespace; conn_view_free() lets go of it. */
bool stock_find(struct stock *stock, int family, const struct eleven_endpoint *local,
		const struct eleven_endpoint *remote, struct conn_view *found);
/* Fills in the ports that connect() has chosen meanwhile. */
void stock_ports(struct stock *stock, struct live_change **changes, size_t count);
/* Readable when a socket of ours ended; -1: not listened to. */
int stock_fd(const struct stock *stock);

/* Number of the namespace that we are in. */
uint64_t stock_home(void);
uint64_t stock_fin_timeout_ns(void);
/* Ports that connect() chooses from. */
void stock_port_range(uint16_t *first, uint16_t *last);

#endif
