/* SPDX-License-Identifier: MIT */
/*
 * Our own stacks as a source: their status, the programs that hold their sockets, and what happens on them, all
 * through the host's control socket.
 */
#ifndef ELEVEN_VIEW_ELEVEN_SOURCE_H
#define ELEVEN_VIEW_ELEVEN_SOURCE_H

#include "host/client.h"
#include "sock/protocol.h"
#include "view/event.h"
#include "view/netstat.h"
#include "view/view.h"

/* One status as a row; `entry` is what the socket service adds, or NULL. */
void eleven_source_conn(struct conn_view *conn, const struct control_status *status, const struct sock_entry *entry);

/* All connections of all virtual hosts, or of the one named, with owners where `owners`. -errno as client.h. */
int eleven_source_read(struct client *client, const char *host, bool owners, struct view *view);

/* The virtual hosts; *hosts is the caller's to free. Returns how many, or -errno. */
int eleven_source_hosts(struct client *client, struct control_host **hosts);
/* True if `name` is one of them. */
bool eleven_source_has(const struct control_host *hosts, int count, const char *name);

/* Figures of each stack, with the counts of its rules; calls back for each. -errno. */
typedef void eleven_source_figures_fn(void *context, const struct netstat_figures *figures);
int eleven_source_figures(struct client *client, const char *host, eleven_source_figures_fn *fn, void *context);

/* Asks for records of these kinds; `backlog`: from before, too. Then eleven_source_next(). -errno. */
int eleven_source_trace(struct client *client, const char *host, unsigned kinds, bool backlog);

/* One message of a stream: events of a trace, or a packet of a capture. */
struct eleven_source_sink {
	void (*event)(void *context, const struct view_event *event);
	void (*packet)(void *context, const struct control_packet *packet, const uint8_t *bytes);
	void *context;
	uint64_t lost;                  /* records and packets that came too fast for us */
};

/*
 * Waits up to timeout_ms (-1: for ever) for one message. 1: one came; 0: none did, or a signal did; -errno.
 */
int eleven_source_next(struct client *client, struct eleven_source_sink *sink, int timeout_ms);

#endif
