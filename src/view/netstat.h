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

struct netstat_options {
	bool all;                       /* -a: listeners too */
	bool listening;                 /* -l: listeners only */
	bool numeric_hosts, numeric_ports, numeric_users;       /* -n sets the three */
	bool programs;                  /* -p */
	bool extended;                  /* -e: User and Inode */
	bool timers;                    /* -o */
	bool wide;                      /* -W: long names are not cut */
};

/* Names of addresses that only the source knows (our virtual hosts); NULL: none. */
typedef const char *netstat_host_name_fn(void *context, const struct eleven_address *address);

/* The two lines of heading. */
void netstat_heading(FILE *out, const struct netstat_options *options);
/* True if the options want this connection in the table. */
bool netstat_wants(const struct netstat_options *options, const struct conn_view *conn);
void netstat_line(FILE *out, const struct netstat_options *options, const struct conn_view *conn,
		  netstat_host_name_fn *host_name, void *context);

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
