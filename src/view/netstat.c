/* SPDX-License-Identifier: MIT */
/* The table of net-tools' netstat; see netstat.h. */
#include "view/netstat.h"

#include <netdb.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "trace/trace.h"
#include "view/text.h"
#include "wire/address.h"

#define ADDRESS_WIDTH 23        /* of the two address columns */
#define PROGRAM_CUT 19          /* PID/name is cut to this */

void netstat_heading(FILE *out, const struct netstat_options *options)
{
	const char *which = options->listening ? "(only servers)" :
			    options->all ? "(servers and established)" : "(w/o servers)";

	fprintf(out, "Active Internet connections %s\n", which);
	fputs("Proto Recv-Q Send-Q Local Address           Foreign Address         State      ", out);
	if (options->extended)
		fputs(" User       Inode     ", out);
	if (options->programs)
		fputs(" PID/Program name    ", out);
	if (options->timers)
		fputs(" Timer", out);
	fputc('\n', out);
}

bool netstat_wants(const struct netstat_options *options, const struct conn_view *conn)
{
	if (conn->state == ELEVEN_CLOSED)
		return false;           /* a socket not connected yet, or no more: the kernel shows none either */
	if (conn->state == ELEVEN_LISTEN)
		return options->all || options->listening;
	return !options->listening;
}

static void address_text(char *out, size_t n, const struct eleven_address *address, bool numeric,
			 netstat_host_name_fn *host_name, void *context)
{
	struct address a;
	const char *name = NULL;

	memcpy(a.bytes, address->bytes, sizeof(a.bytes));
	if (address_is_any(&a)) {
		snprintf(out, n, "0.0.0.0");
		return;
	}
	if (!numeric && host_name != NULL)
		name = host_name(context, address);
	if (name != NULL) {
		snprintf(out, n, "%s", name);
		return;
	}
	if (!numeric && address_is_v4(&a)) {
		struct sockaddr_in sin = { .sin_family = AF_INET };
		char found[NI_MAXHOST];

		memcpy(&sin.sin_addr, a.bytes + 12, 4);
		if (getnameinfo((struct sockaddr *)&sin, sizeof(sin), found, sizeof(found), NULL, 0,
				NI_NAMEREQD) == 0) {
			text_escape(out, n, found, strlen(found));
			return;
		}
	}
	address_print(out, n, &a);
}

static void port_text(char *out, size_t n, uint16_t port, bool numeric)
{
	struct servent *service;

	if (port == 0) {
		snprintf(out, n, "*");
		return;
	}
	service = numeric ? NULL : getservbyport(htons(port), "tcp");
	if (service != NULL)
		text_escape(out, n, service->s_name, strlen(service->s_name));
	else
		snprintf(out, n, "%u", port);
}

/* The address is cut so that the port stays whole, unless -W. */
static void endpoint_print(FILE *out, const struct netstat_options *options, const struct eleven_endpoint *endpoint,
			   netstat_host_name_fn *host_name, void *context)
{
	char address[NI_MAXHOST], port[NI_MAXSERV];
	size_t address_n, port_n;

	address_text(address, sizeof(address), &endpoint->address, options->numeric_hosts, host_name, context);
	port_text(port, sizeof(port), endpoint->port, options->numeric_ports);
	address_n = strlen(address);
	port_n = strlen(port);
	if (!options->wide && address_n + port_n > ADDRESS_WIDTH - 1 && port_n < ADDRESS_WIDTH - 1)
		address[ADDRESS_WIDTH - 1 - port_n] = '\0';
	address_n = strlen(address);
	fprintf(out, "%s:%-*s ", address, address_n + 1 < ADDRESS_WIDTH ? (int)(ADDRESS_WIDTH - 1 - address_n) : 0,
		port);
}

static void user_print(FILE *out, const struct netstat_options *options, const struct conn_view *conn)
{
	uint64_t uid = conn->uid == VIEW_ABSENT ? 0 : conn->uid;
	struct passwd *user = options->numeric_users ? NULL : getpwuid((uid_t)uid);

	if (user != NULL)
		fprintf(out, " %-10s ", user->pw_name);
	else
		fprintf(out, " %-10llu ", (unsigned long long)uid);
	fprintf(out, "%-10llu", (unsigned long long)conn->inode);
}

static void program_print(FILE *out, const struct conn_view *conn)
{
	char text[VIEW_COMM_MAX + 16];

	if (conn->owner_count == 0)
		snprintf(text, sizeof(text), "-");
	else
		snprintf(text, sizeof(text), "%d/%s", (int)conn->owners[0].pid, conn->owners[0].comm);
	fprintf(out, " %-20.*s", PROGRAM_CUT, text);
}

/* Which of its five words net-tools would use. */
static void timer_print(FILE *out, const struct conn_view *conn)
{
	const struct view_timer *timer = &conn->timer;
	double seconds = (double)timer->expires_ns / 1e9;
	unsigned long long count = timer->count;

	switch (timer->kind) {
	case ELEVEN_TIMER_RETRANSMISSION:
	case ELEVEN_TIMER_SYN:
	case ELEVEN_TIMER_LOSS_PROBE:
	case ELEVEN_TIMER_REORDERING:
		fprintf(out, " on (%2.2f/%llu/0)", seconds, count);
		return;
	case ELEVEN_TIMER_KEEPALIVE:
		fprintf(out, " keepalive (%2.2f/0/%llu)", seconds, count);
		return;
	case ELEVEN_TIMER_PERSIST:
		fprintf(out, " probe (%2.2f/0/%llu)", seconds, count);
		return;
	case ELEVEN_TIMER_TIME_WAIT:
	case ELEVEN_TIMER_FIN_WAIT_2:
		fprintf(out, " timewait (%2.2f/0/0)", seconds);
		return;
	case ELEVEN_TIMER_NONE:
	case ELEVEN_TIMER_PACING:
	case ELEVEN_TIMER_DELAYED_ACK:  /* the kernel tells nobody of this one */
	case ELEVEN_TIMERS:
		break;
	}
	fputs(" off (0.00/0/0)", out);
}

void netstat_line(FILE *out, const struct netstat_options *options, const struct conn_view *conn,
		  netstat_host_name_fn *host_name, void *context)
{
	unsigned long long recvq = conn->recvq == VIEW_ABSENT ? 0 : conn->recvq;
	unsigned long long sendq = conn->sendq == VIEW_ABSENT ? 0 : conn->sendq;

	fprintf(out, "%-5s %6llu %6llu ", conn->family == 6 ? "tcp6" : "tcp", recvq, sendq);
	endpoint_print(out, options, &conn->local, host_name, context);
	endpoint_print(out, options, &conn->remote, host_name, context);
	fprintf(out, "%-11s", text_state_netstat(conn->state));
	if (options->extended)
		user_print(out, options, conn);
	if (options->programs)
		program_print(out, conn);
	if (options->timers)
		timer_print(out, conn);
	fputc('\n', out);
}

/* ---------------------------------------------------------------- -s */

static void count_print(FILE *out, uint64_t count, const char *text)
{
	fprintf(out, "    %llu %s\n", (unsigned long long)count, text);
}

void netstat_statistics(FILE *out, const struct netstat_figures *figures)
{
	const struct eleven_stats *stats = &figures->stats;

	fprintf(out, "%s:\n", figures->host);
	fputs("Ip:\n", out);
	count_print(out, stats->packets_in, "total packets received");
	count_print(out, stats->packets_out, "packets sent out");
	count_print(out, stats->drops, "packets dropped under a rule");
	count_print(out, figures->link_drops, "packets lost on the link");
	fputs("Tcp:\n", out);
	count_print(out, stats->active_opens, "active connection openings");
	count_print(out, stats->passive_opens, "passive connection openings");
	count_print(out, stats->attempt_fails, "failed connection attempts");
	count_print(out, stats->resets_received, "connection resets received");
	count_print(out, (uint64_t)stats->states[ELEVEN_ESTABLISHED] + stats->states[ELEVEN_CLOSE_WAIT],
		    "connections established");
	count_print(out, stats->segments_in, "segments received");
	count_print(out, stats->segments_out, "segments sent out");
	count_print(out, stats->retransmitted_segments, "segments retransmitted");
	count_print(out, stats->resets_sent, "resets sent");
	count_print(out, stats->bytes_in, "bytes of text received");
	count_print(out, stats->bytes_out, "bytes of text sent");
	count_print(out, stats->time_wait, "connections in TIME-WAIT");
	fputs("Rules:\n", out);
	for (unsigned i = 1; i < figures->rule_count; i++) {
		const struct eleven_rule *rule = rule_row(i);
		char paragraph[TEXT_PARAGRAPH_MAX];

		if (figures->rules[i] > 0 && rule != NULL)
			fprintf(out, "    %llu %s (%s)\n", (unsigned long long)figures->rules[i], rule->sentence,
				text_paragraph(paragraph, rule));
	}
}
