/* SPDX-License-Identifier: MIT */
/* `eleven netstat`: the connections of our stacks as net-tools' netstat shows the kernel's. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "verbs.h"
#include "view/eleven_source.h"
#include "view/json.h"
#include "view/netstat.h"

enum { KEY_HOST = 256, KEY_JSON, KEY_NUMERIC_HOSTS, KEY_NUMERIC_PORTS, KEY_NUMERIC_USERS };

struct arguments {
	struct netstat_options options;
	struct view_filter filter;
	const char *host;
	bool json, statistics, continuous, v4, v6;
	double interval;                /* seconds */
};

static const struct argp_option options[] = {
	{ "all", 'a', 0, 0, "listeners as well (default: connections only)", 0 },
	{ "listening", 'l', 0, 0, "listeners only", 0 },
	{ "tcp", 't', 0, 0, "TCP, which is all there is", 0 },
	{ "inet", '4', 0, 0, "IPv4 only", 0 },
	{ "inet6", '6', 0, 0, "IPv6 only", 0 },
	{ "numeric", 'n', 0, 0, "numbers instead of names", 0 },
	{ "numeric-hosts", KEY_NUMERIC_HOSTS, 0, 0, "numbers of hosts only", 0 },
	{ "numeric-ports", KEY_NUMERIC_PORTS, 0, 0, "numbers of ports only", 0 },
	{ "numeric-users", KEY_NUMERIC_USERS, 0, 0, "numbers of users only", 0 },
	{ "programs", 'p', 0, 0, "the program that holds the socket", 0 },
	{ "extend", 'e', 0, 0, "user and inode", 0 },
	{ "timers", 'o', 0, 0, "the timer that comes next", 0 },
	{ "wide", 'W', 0, 0, "do not cut long names", 0 },
	{ "statistics", 's', 0, 0, "counters of each stack, and of each rule it has taken", 0 },
	{ "continuous", 'c', 0, 0, "again every second, or every SECONDS", 0 },
	{ "host", KEY_HOST, "NAME", 0, "this virtual host only", 0 },
	{ "json", KEY_JSON, 0, 0, "one JSON object a line", 0 },
	{ 0 },
};

static error_t parse_word(struct arguments *a, const char *word)
{
	char *end;
	double seconds = strtod(word, &end);

	if (a->continuous && end != word && *end == '\0') {
		if (!(seconds >= 0.01 && seconds <= 86400))
			verb_usage("SECONDS: '%s' is not between 0.01 and 86400", word);
		a->interval = seconds;
		return 0;
	}
	if (!view_filter_parse(&a->filter, word))
		verb_usage("'%s' is no filter: " VIEW_FILTER_WORDS, word);
	return 0;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *a = state->input;
	struct netstat_options *o = &a->options;

	switch (key) {
	case 'a': o->all = true; return 0;
	case 'l': o->listening = true; return 0;
	case 't': return 0;
	case '4': a->v4 = true; return 0;
	case '6': a->v6 = true; return 0;
	case 'n': o->numeric_hosts = o->numeric_ports = o->numeric_users = true; return 0;
	case KEY_NUMERIC_HOSTS: o->numeric_hosts = true; return 0;
	case KEY_NUMERIC_PORTS: o->numeric_ports = true; return 0;
	case KEY_NUMERIC_USERS: o->numeric_users = true; return 0;
	case 'p': o->programs = true; return 0;
	case 'e': o->extended = true; return 0;
	case 'o': o->timers = true; return 0;
	case 'W': o->wide = true; return 0;
	case 's': a->statistics = true; return 0;
	case 'c': a->continuous = true; return 0;
	case KEY_HOST: a->host = argument; return 0;
	case KEY_JSON: a->json = true; return 0;
	case ARGP_KEY_ARG: return parse_word(a, argument);
	default: return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	options, parse, "[SECONDS] [FILTER...]",
	"Print the connections of eleven's stacks in the columns of netstat(8). A connection between two of our "
	"hosts is shown from both ends.\v"
	"A FILTER is :PORT, ADDRESS, ADDRESS:PORT, two of these joined by -, or a state.", NULL, NULL, NULL,
};

struct names {
	struct control_host *hosts;
	int count;
};

static const char *host_name(void *context, const struct eleven_address *address)
{
	const struct names *names = context;

	for (int i = 0; i < names->count; i++) {
		if (memcmp(&names->hosts[i].address, address, sizeof(*address)) == 0)
			return names->hosts[i].name;
	}
	return NULL;
}

static void figures_print(void *context, const struct netstat_figures *figures)
{
	const struct arguments *a = context;

	if (a->json)
		json_line(stdout, json_figures(figures));
	else
		netstat_statistics(stdout, figures);
}

static int table_print(struct client *client, const struct arguments *a, struct names *names)
{
	struct view view = { 0 };
	int error = eleven_source_read(client, a->host, a->options.programs || a->options.extended || a->json, &view);

	if (error < 0)
		return error;
	if (!a->json)
		netstat_heading(stdout, &a->options);
	for (size_t i = 0; i < view.count; i++) {
		const struct conn_view *conn = &view.conns[i];

		if (!netstat_wants(&a->options, conn) || !view_filter_conn(&a->filter, conn) ||
		    (a->v4 != a->v6 && conn->family != (a->v4 ? 4 : 6)))
			continue;
		if (a->json)
			json_line(stdout, json_conn(conn));
		else
			netstat_line(stdout, &a->options, conn, host_name, names);
	}
	view_free(&view);
	return 0;
}

int verb_netstat(int argc, char **argv)
{
	struct arguments a = { .interval = 1 };
	struct names names = { 0 };
	struct client client;
	int error;

	view_filter_init(&a.filter);
	verb_parse(&argp, 0, argc, argv, &a);
	client_open_or_die(&client);
	names.count = eleven_source_hosts(&client, &names.hosts);
	error = names.count < 0 ? names.count : 0;
	if (error == 0 && a.host != NULL && !eleven_source_has(names.hosts, names.count, a.host))
		verb_fail("there is no host '%s'", a.host);
	while (error == 0) {
		error = a.statistics ? eleven_source_figures(&client, a.host, figures_print, &a) :
				       table_print(&client, &a, &names);
		if (!a.continuous || error < 0 || fflush(stdout) != 0)
			break;
		usleep((useconds_t)(a.interval * 1e6));
	}
	if (error < 0)
		client_complain(&client, error);
	free(names.hosts);
	client_close(&client);
	return error < 0 || fflush(stdout) != 0 ? 1 : 0;
}
