/* SPDX-License-Identifier: MIT */
/* The command line of `eleven netstat`, and of the same program called `netstat` or `ss`. */
#ifndef ELEVEN_TOOLS_NETSTAT_H
#define ELEVEN_TOOLS_NETSTAT_H

#include "lens/columns.h"
#include "lens/source.h"
#include "lens/ss_table.h"
#include "view/filter.h"
#include "view/netstat.h"

enum netstat_manner {
	MANNER_ELEVEN,                  /* columns of net-tools, flags of both, and more */
	MANNER_NETSTAT,
	MANNER_SS,
};

struct netstat_command {
	enum netstat_manner manner;
	struct netstat_options table;
	struct ss_options ss;
	struct lens_options lens;
	struct columns columns;         /* count 0: those of the manner */
	struct filter *filter;
	const char *host, *sort, *group;
	bool all, listening;
	bool only_eleven, only_kernel;
	bool json, statistics, continuous, events, kill, no_header;
	double interval;                /* seconds */
};

/* Exits with status 2 and one line when it is wrong. */
void netstat_command_parse(struct netstat_command *command, int argc, char **argv);

#endif
