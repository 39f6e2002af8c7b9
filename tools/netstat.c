/* SPDX-License-Identifier: MIT */
/* `eleven netstat`: TCP connections of Linux and of our stacks, in the columns of net-tools or of ss. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lens/kill.h"
#include "lens/note.h"
#include "lens/since.h"
#include "lens/ss_row.h"
#include "lens/statistics.h"
#include "netstat.h"
#include "verbs.h"
#include "view/eleven_source.h"
#include "view/json.h"
#include "view/text.h"

struct run {
	struct netstat_command command;
	struct client client;
	bool connected;                 /* to a host process */
	struct control_host *hosts;
	int host_count;
	bool told;                      /* what could not be had is said once */
};

static const char *host_name(void *context, const struct eleven_address *address)
{
	const struct run *run = context;

	for (int i = 0; i < run->host_count; i++) {
		if (memcmp(&run->hosts[i].address, address, sizeof(*address)) == 0)
			return run->hosts[i].name;
	}
	return NULL;
}

/* ---------------------------------------------------------------- which rows */

static bool needs_owners(const struct netstat_command *c)
{
	return c->table.programs || c->ss.processes || c->json || c->table.bound || c->columns.count > 0 ||
	       c->sort != NULL || c->group != NULL || filter_needs_owners(c->filter);
}

/* tcp_info and the like, half of the cost of reading. */
static bool needs_figures(const struct netstat_command *c)
{
	return c->json || c->table.since || c->table.timers || c->ss.info || c->ss.memory || c->ss.options ||
	       c->ss.extended || c->columns.count > 0 || c->sort != NULL || c->group != NULL ||
	       filter_needs_ages(c->filter);
}

#define STATE(name) (1u << ELEVEN_##name)

/* By flags, where the filter names no state. */
static bool flags_want(const struct netstat_command *c, const struct conn_view *conn)
{
	uint32_t hidden = STATE(TIME_WAIT) | STATE(SYN_RECEIVED);

	if (conn->state == ELEVEN_CLOSED)
		return c->table.bound;
	if (c->manner != MANNER_SS)
		return netstat_wants(&c->table, conn);
	if (c->all)
		return true;
	if (c->listening)
		return conn->state == ELEVEN_LISTEN;
	return conn->state != ELEVEN_LISTEN && !(hidden >> conn->state & 1);
}

static bool row_wanted(const struct netstat_command *c, const struct conn_view *conn)
{
	if (c->lens.ipv4 != c->lens.ipv6 && conn->family != (c->lens.ipv4 ? 4 : 6))
		return false;
	if (!filter_has_state(c->filter) && !flags_want(c, conn))
		return false;
	return filter_takes(c->filter, conn);
}

/* As sock_diag counts the states. */
static uint32_t kernel_states(const struct netstat_command *c)
{
	uint32_t states = KERNEL_STATES_ALL;

	if (!c->table.bound && (c->manner == MANNER_SS || !filter_has_state(c->filter) ||
				!(filter_states(c->filter) & STATE(CLOSED))))
		states &= ~(1u << KERNEL_BOUND_INACTIVE | 1u << KERNEL_CLOSE);
	if (c->listening && !c->all && !filter_has_state(c->filter))
		states &= 1u << KERNEL_LISTEN | 1u << KERNEL_BOUND_INACTIVE | 1u << KERNEL_CLOSE;
	return states;
}

static void report_tell(struct run *run, const struct lens_report *report)
{
	if (!run->told && report->namespaces_refused > 0)
		fprintf(stderr, "%s: %u processes' network namespaces may not be looked into: root sees all\n",
			program_invocation_name, report->namespaces_refused);
	if (!run->told && report->dead_passed_over > 0)
		fprintf(stderr, "%s: %zu descriptors were not looked at, whose connection may be over: too many for "
			"one look\n", program_invocation_name, report->dead_passed_over);
	run->told = true;
}

/* Both sources into one view. */
static int rows_read(struct run *run, struct view *view)
{
	struct netstat_command *c = &run->command;
	struct lens_report report;
	int error = 0;

	if (!c->only_eleven) {
		c->lens.owners = needs_owners(c);
		c->lens.states = kernel_states(c);
		c->lens.brief = !needs_figures(c);
		error = lens_read(&c->lens, view, &report);
		if (error == -ENOENT && c->lens.namespace != NULL)
			verb_fail("there is no network namespace '%s': a name of 'ip netns', a process, or a path",
				  c->lens.namespace);
		if (error < 0)
			verb_fail("Linux's connections cannot be read (sock_diag): %s", strerror(-error));
		report_tell(run, &report);
	}
	if (run->connected)
		error = eleven_source_read(&run->client, c->host,
					   needs_owners(c) || c->table.extended || c->ss.extended, view);
	return error;
}

/* net-tools takes a program's name from its command line, not from its thread. */
static void names_of_net_tools(struct view *view)
{
	for (size_t i = 0; i < view->count; i++) {
		struct conn_view *conn = &view->conns[i];
		char path[64], line[512], *name;
		ssize_t n = -1;
		int fd;

		if (conn->owner_count == 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)conn->owners[0].pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0) {
			n = read(fd, line, sizeof(line) - 1);
			close(fd);
		}
		if (n <= 0)
			continue;
		line[n] = '\0';
		name = line[0] == '/' ? strrchr(line, '/') + 1 : line;
		text_escape(conn->owners[0].comm, sizeof(conn->owners[0].comm), name, strlen(name));
	}
}

/* ---------------------------------------------------------------- printing */

static void details_print(const struct netstat_command *c, const struct conn_view *conn)
{
	struct ss_options only = { .info = c->ss.info, .memory = c->ss.memory, .oneline = c->ss.oneline };
	char *details;

	if (conn->kernel == NULL || (!only.info && !only.memory))
		return;
	details = ss_row_details(&only, conn);
	fputs(details, stdout);
	free(details);
}

static void net_tools_print(struct run *run, struct conn_view *const *rows, size_t count)
{
	struct netstat_command *c = &run->command;
	bool eleven = false, kernel = false;

	for (size_t i = 0; i < count; i++) {
		eleven |= rows[i]->source == VIEW_ELEVEN;
		kernel |= rows[i]->source == VIEW_KERNEL;
	}
	c->table.sources = eleven && kernel;
	if (!c->no_header)
		netstat_heading(stdout, &c->table);
	for (size_t i = 0; i < count; i++) {
		if (c->ss.info || c->ss.memory) {
			char *line;
			size_t bytes;
			FILE *text = open_memstream(&line, &bytes);

			netstat_line(text, &c->table, rows[i], host_name, run);
			fclose(text);
			printf("%.*s", (int)bytes - 1, line);
			free(line);
			details_print(c, rows[i]);
			putchar('\n');
		} else {
			netstat_line(stdout, &c->table, rows[i], host_name, run);
		}
	}
}

static void ss_print(const struct netstat_command *c, struct conn_view *const *rows, size_t count)
{
	struct ss_options options = c->ss;
	uint32_t states = filter_has_state(c->filter) ? filter_states(c->filter) : 0;
	struct ss_table *table;

	options.no_state = states != 0 && (states & (states - 1)) == 0;
	table = ss_table_create(&options);
	for (size_t i = 0; i < count; i++)
		ss_table_add(table, rows[i]);
	ss_table_print(stdout, table);
}

static void rows_print(struct run *run, struct conn_view **rows, size_t count)
{
	const struct netstat_command *c = &run->command;

	if (c->sort != NULL)
		columns_sort(c->sort, rows, count);
	if (c->group != NULL) {
		columns_group(stdout, c->group, rows, count, !c->no_header, c->json);
	} else if (c->json) {
		for (size_t i = 0; i < count; i++)
			json_line(stdout, note_json(rows[i], c->ss.info || c->ss.extended));
	} else if (c->columns.count > 0) {
		columns_print(stdout, &c->columns, rows, count, !c->no_header);
	} else if (c->manner == MANNER_SS) {
		ss_print(c, rows, count);
	} else {
		net_tools_print(run, rows, count);
	}
}

/* ---------------------------------------------------------------- -K, -E, -s */

struct killed {
	struct conn_view **rows;
	size_t count;
	unsigned refused;
};

static void on_killed(void *context, const struct conn_view *conn, int error)
{
	struct killed *killed = context;
	char local[TEXT_ENDPOINT_MAX], remote[TEXT_ENDPOINT_MAX];

	if (error == 0) {
		killed->rows[killed->count++] = (struct conn_view *)(uintptr_t)conn;
		return;
	}
	if (error == -ENOENT)
		return;                 /* it is gone by itself */
	killed->refused++;
	fprintf(stderr, "%s: %s-%s is kept: %s\n", program_invocation_name,
		text_endpoint_of(local, conn->family, &conn->local),
		text_endpoint_of(remote, conn->family, &conn->remote),
		error == -EOPNOTSUPP ? "this kernel cannot reset it (CONFIG_INET_DIAG_DESTROY)" :
		error == -EPERM ? "it takes CAP_NET_ADMIN (root)" : strerror(-error));
}

static int rows_kill(struct run *run, struct conn_view **rows, size_t count)
{
	struct killed killed = { .rows = calloc(count + 1, sizeof(*rows)) };
	int error;

	if (killed.rows == NULL)
		verb_fail("out of memory");
	fprintf(stderr, "%s: resetting %zu connection%s: peers get a RST, and the programs' descriptors stay open "
		"until they close them\n", program_invocation_name, count, count == 1 ? "" : "s");
	error = kill_connections(rows, count, on_killed, &killed);
	if (error < 0)
		verb_fail("nothing could be reset: %s", strerror(-error));
	rows_print(run, killed.rows, killed.count);
	free(killed.rows);
	return killed.refused > 0 ? 1 : 0;
}

static int events_follow(struct run *run)
{
	const struct netstat_command *c = &run->command;
	struct diag diag;
	int got = diag_open(&diag, true);

	if (got < 0)
		verb_fail("the end of connections cannot be followed (sock_diag): %s", strerror(-got));
	while (!ferror(stdout)) {
		struct view view = { 0 };
		struct conn_view *rows[256];
		size_t count = 0;

		got = diag_next(&diag, &view, -1);
		if (got == -ENOBUFS)
			fprintf(stderr, "%s: some are lost: they came faster than they could be read\n",
				program_invocation_name);
		else if (got < 0)
			break;
		for (size_t i = 0; i < view.count && count < 256; i++) {
			if (filter_may_take(c->filter, &view.conns[i]) &&
			    (c->lens.ipv4 == c->lens.ipv6 || view.conns[i].family == (c->lens.ipv4 ? 4 : 6)))
				rows[count++] = &view.conns[i];
		}
		if (count > 0)
			rows_print(run, rows, count);
		run->command.no_header = run->command.ss.no_header = true;
		fflush(stdout);
		view_free(&view);
	}
	diag_close(&diag);
	return 1;
}

static void figures_print(void *context, const struct netstat_figures *figures)
{
	const struct run *run = context;

	if (run->command.json)
		json_line(stdout, json_figures(figures));
	else
		netstat_statistics(stdout, figures);
}

static int statistics(struct run *run)
{
	const struct netstat_command *c = &run->command;

	if (!c->only_eleven && c->manner == MANNER_SS)
		statistics_summary(stdout);
	else if (!c->only_eleven)
		statistics_print(stdout, c->json);
	return run->connected ? eleven_source_figures(&run->client, c->host, figures_print, run) : 0;
}

/* ---------------------------------------------------------------- */

static int table(struct run *run)
{
	struct netstat_command *c = &run->command;
	struct view view = { 0 };
	struct conn_view **rows;
	size_t count = 0;
	int error = rows_read(run, &view);

	if (error < 0)
		return error;
	if (run->connected)     /* each source has sorted its own */
		view_sort(&view);
	if (c->manner == MANNER_NETSTAT)
		names_of_net_tools(&view);
	rows = calloc(view.count + 1, sizeof(*rows));
	if (rows == NULL)
		verb_fail("out of memory");
	for (size_t i = 0; i < view.count; i++) {
		if (row_wanted(c, &view.conns[i]))
			rows[count++] = &view.conns[i];
	}
	if (c->kill)
		error = rows_kill(run, rows, count);
	else
		rows_print(run, rows, count);
	free(rows);
	view_free(&view);
	return error;
}

/* Our stacks are shown where a host process runs; --eleven and --host insist. */
static void host_connect(struct run *run)
{
	const struct netstat_command *c = &run->command;

	if (c->only_kernel || c->events)
		return;
	if (c->only_eleven)
		client_open_or_die(&run->client);
	else if (client_open(&run->client) < 0)
		return;
	run->connected = true;
	run->host_count = eleven_source_hosts(&run->client, &run->hosts);
	if (c->host != NULL && !eleven_source_has(run->hosts, run->host_count, c->host))
		verb_fail("there is no host '%s'", c->host);
}

int verb_netstat(int argc, char **argv)
{
	struct run run = { .connected = false };
	struct netstat_command *c = &run.command;
	int error;

	netstat_command_parse(c, argc, argv);
	host_connect(&run);
	if (c->events)
		return events_follow(&run);
	do {
		error = c->statistics ? statistics(&run) : table(&run);
		if (!c->continuous || error < 0 || fflush(stdout) != 0)
			break;
		usleep((useconds_t)(c->interval * 1e6));
	} while (true);
	if (error < 0 && run.connected)
		client_complain(&run.client, error);
	free(run.hosts);
	if (run.connected)
		client_close(&run.client);
	filter_free(c->filter);
	return error != 0 || fflush(stdout) != 0 ? 1 : 0;
}
