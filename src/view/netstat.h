/* SPDX-License-Identifier: MIT */
/*
 * The table of net-tools' netstat, byte for byte: the same heading, widths, spelling of states and form of timers,
 * so that habits and scripts built on `netstat -apn | grep 8000` keep working.
 *
 * Does not print other protocols than TCP.
 */
#ifndef ELEVEN_VIEW_NETSTAT_H
#define ELEVEN_VIEW_NETSTAT_H

#include <stdbool.h>
#include <stdio.h>

#include "view/view.h"

#define NETSTAT_NOTE_MAX 128

struct netstat_options {
	bool all;                       /* -a: listeners too */
	bool listening;                 /* -l: listeners only */
	bool numeric_hosts, numeric_ports, numeric_users;       /* -n sets the three */
	bool programs;                  /* -p */
	bool extended;                  /* -e: User and Inode */
	bool timers;                    /* -o */
	bool wide;                      /* -W: long names are not cut */
	bool bare;                      /* net-tools' own `-` where there is no owner, not why */
	bool bound;                     /* -B: sockets that are CLOSED, too: bound, or a descriptor and no more */
	bool since;                     /* -x: Since and Note; Send-Q of a listener is its backlog then */
	bool namespaces;                /* -A: Netns */
	bool sources;                   /* both sources in one table: Source tells which */
	void (*note)(char out[NETSTAT_NOTE_MAX], const struct conn_view *conn); /* for -x; NULL: none */
};

/* Names of addresses that only the source knows (our virtual hosts); NULL: none. */
typedef const char *netstat_host_name_fn(void *context, const struct eleven_address *address);

/* The two lines of heading. */
void netstat_heading(FILE *out, const struct netstat_options *options);
/* True if the options want this connection in the table. */
bool netstat_wants(const struct netstat_options *options, const struct conn_view *conn);
void netstat_line(FILE *out, const struct netstat_options *options, const struct conn_view *conn,
		  netstat_host_name_fn *host_name, void *context);

/* `40.4s`, `>12m03s` (at least), `<5h10m` (at most), `-`. Returns out. */
#define NETSTAT_SINCE_MAX 24
const char *netstat_since(char out[NETSTAT_SINCE_MAX], const struct conn_view *conn);

/* Of one stack: what `netstat -s` prints. `rules` are counts by rule number, `rule_count` of them. */
struct netstat_figures {
	const char *host;
	struct eleven_stats stats;
	uint64_t link_in, link_out, link_drops;
	const uint64_t *rules;
	unsigned rule_count;
};
void netstat_statistics(FILE *out, const struct netstat_figures *figures);

#endif
