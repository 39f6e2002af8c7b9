/* SPDX-License-Identifier: MIT */
/*
 * Joins what a backend reports of the kernel's sockets (record.h) into changes of connections (change.h): one object
 * for each connection, found by its cookie, that remembers its state, its owner and what was seen of resets and errors.
 *
 * Theory of operation.  A record becomes a change at once, but a change waits HOLD before it goes out: the kernel
 * moves a socket to CLOSE before it sends the RST that says why, and an owner may be learned later (who closes a
 * connection that was accepted and gone in a millisecond is its owner).  Changes go out in the order of their times.
 *
 * The kernel's own words are wrong in three places, which are put right here: a socket that goes to CLOSE from
 * FIN_WAIT2 or CLOSING without a reset is in TIME_WAIT, or an orphan that is in FIN_WAIT2 still, held in a smaller
 * struct (LIVE_RECORD_DONE tells which); and a connection that appears in SYN_RECV has been there for a round trip,
 * as a request, when the kernel first reports it.
 *
 * Limits: `conns_max` connections; past them the one that changed least recently is forgotten and counted.
 */
#ifndef ELEVEN_LIVE_TRACKER_H
#define ELEVEN_LIVE_TRACKER_H

#include <stddef.h>

#include "lens/kernel.h"
#include "live/change.h"
#include "live/record.h"

#define TRACKER_HOLD_NS 30000000ull

struct tracker;

struct tracker_options {
	size_t conns_max;               /* 0: 262144 */
	uint64_t fin_timeout_ns;        /* net.ipv4.tcp_fin_timeout */
	uint16_t ports_first, ports_last;       /* net.ipv4.ip_local_port_range */
	bool notes;                     /* retransmissions and the like, too */
};

/* The ends of a record. */
void live_record_endpoints(const struct live_record *record, struct eleven_endpoint *local,
			   struct eleven_endpoint *remote);

struct tracker *tracker_create(const struct tracker_options *options);
void tracker_destroy(struct tracker *tracker);

/* What was there when watching began; silent. */
void tracker_seed(struct tracker *tracker, const struct conn_view *conn, uint64_t now);
void tracker_record(struct tracker *tracker, const struct live_record *record, uint64_t now);
void tracker_process(struct tracker *tracker, const struct live_process *process);
/* A connection known by a made-up name is found to have this cookie. */
void tracker_rename(struct tracker *tracker, uint64_t name, uint64_t cookie);
/* Takes over the frames; they go with the newest change of this cookie made by this thread. */
void tracker_frames(struct tracker *tracker, uint64_t cookie, pid_t tid, struct live_frames *frames);

/*
 * A dump of sock_diag, begun at `begun`, in the namespace `netns`: rows of the states in `states` (1 << kernel_state).
 * What is not in it and should be has ended. `requests_only`: rows of full sockets are the records' business.
 */
void tracker_dump(struct tracker *tracker, const struct view *view, uint64_t netns, uint32_t states, uint64_t begun,
		  uint64_t now, bool small_only);
/* The last words on a socket, from the destroy multicast. */
void tracker_destroyed(struct tracker *tracker, const struct conn_view *conn, uint64_t now);

/* Gives out what has waited long enough, or `all`. */
void tracker_flush(struct tracker *tracker, uint64_t now, bool all, live_change_fn *sink, void *context);
/* When the next one will have; 0: none waits. */
uint64_t tracker_next(const struct tracker *tracker);

/* Called for changes without an owner though the socket has an inode, or without the port that connect() chose. */
typedef void tracker_owners_fn(void *context, struct live_change **changes, size_t count);
void tracker_set_owners(struct tracker *tracker, tracker_owners_fn *fn, void *context);
/* Looks for those of changes that came since; flushing asks again for what was not found. */
void tracker_owners(struct tracker *tracker);

/* Connections that only a dump tells the end of: in TIME_WAIT, orphans, requests. */
size_t tracker_small_count(const struct tracker *tracker);
/* Of these, orphans in FIN_WAIT2: their next move is into TIME_WAIT. */
size_t tracker_orphan_count(const struct tracker *tracker);
uint64_t tracker_forgotten(const struct tracker *tracker);

#endif
