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
	if (options->namespaces)
		fprintf(out, options->timers ? "                  %-11s" : " %-11s", "Netns");
	if (options->sources)
		fprintf(out, options->timers && !options->namespaces ? "                  %-16s" : " %-16s", "Source");
	if (options->since)
		fprintf(out, " %-8s %s", "Since", "Note");
	fputc('\n', out);
}

bool netstat_wants(const struct netstat_options *options, const struct conn_view *conn)
{
	if (conn->state == ELEVEN_CLOSED)       /* not connected yet, or no more: net-tools shows none either */
		return options->bound;
	if (conn->state == ELEVEN_LISTEN)
		return options->all || options->listening;
	return !options->listening;
}

/* As net-tools: names of either family, `[::]` for any where names are wanted, mapped addresses as IPv4. */
static void address_text(char *out, size_t n, const struct conn_view *conn, const struct eleven_address *address,
			 bool numeric, netstat_host_name_fn *host_name, void *context)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in sin = { .sin_family = AF_INET };
	bool v6 = conn->family == 6 && conn->source == VIEW_KERNEL;
	char found[NI_MAXHOST];
	const char *name = NULL;
	struct address a;

	memcpy(a.bytes, address->bytes, sizeof(a.bytes));
	if (address_is_any(&a)) {
		snprintf(out, n, conn->family != 6 ? "0.0.0.0" : numeric ? "::" : "[::]");
		return;
	}
	if (!numeric && host_name != NULL && conn->source == VIEW_ELEVEN)
		name = host_name(context, address);
	if (name != NULL) {
		snprintf(out, n, "%s", name);
		return;
	}
	if (!numeric) {
		memcpy(&sin.sin_addr, a.bytes + 12, 4);
		memcpy(&sin6.sin6_addr, a.bytes, 16);
		v6 |= !address_is_v4(&a);
		if (getnameinfo(v6 ? (void *)&sin6 : (void *)&sin, v6 ? sizeof(sin6) : sizeof(sin), found,
				sizeof(found), NULL, 0, NI_NAMEREQD) == 0) {
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
static void endpoint_print(FILE *out, const struct netstat_options *options, const struct conn_view *conn,
			   const struct eleven_endpoint *endpoint, netstat_host_name_fn *host_name, void *context)
{
	char address[NI_MAXHOST], port[NI_MAXSERV];
	size_t address_n, port_n;

	address_text(address, sizeof(address), conn, &endpoint->address, options->numeric_hosts, host_name, context);
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

static void program_print(FILE *out, const struct netstat_options *options, const struct conn_view *conn)
{
	char text[VIEW_COMM_MAX + 16];

	if (conn->owner_count == 0 && conn->unowned != NULL && !options->bare) {
		int pad = PROGRAM_CUT - 2 - (int)strlen(conn->unowned);

		fprintf(out, " -(%s)%*s", conn->unowned, pad > 0 ? pad : 0, "");
		return;
	}
	if (conn->owner_count == 0)
		snprintf(text, sizeof(text), "-");
	else
		snprintf(text, sizeof(text), "%d/%s", (int)conn->owners[0].pid, conn->owners[0].comm);
	fprintf(out, " %-20.*s", PROGRAM_CUT, text);
}

/* Which of its five words net-tools would use, and its two counts: retransmissions and probes. */
static void timer_print(FILE *out, const struct conn_view *conn)
{
	const struct view_timer *timer = &conn->timer;
	double seconds = (double)timer->expires_ns / 1e9;
	bool probes = timer->kind == ELEVEN_TIMER_KEEPALIVE || timer->kind == ELEVEN_TIMER_PERSIST;
	unsigned long long resent = probes ? 0 : timer->count, probed = probes ? timer->count : 0;
	const char *word = "off";

	switch (timer->kind) {
	case ELEVEN_TIMER_RETRANSMISSION:
	case ELEVEN_TIMER_SYN:
	case ELEVEN_TIMER_LOSS_PROBE:
	case ELEVEN_TIMER_REORDERING:
		word = "on";
		break;
	case ELEVEN_TIMER_KEEPALIVE:
		word = "keepalive";
		break;
	case ELEVEN_TIMER_PERSIST:
		word = "probe";
		break;
	case ELEVEN_TIMER_TIME_WAIT:
	case ELEVEN_TIMER_FIN_WAIT_2:
		word = timer->kept_alive ? "keepalive" : "timewait";
		resent = 0;
		break;
	case ELEVEN_TIMER_NONE:
	case ELEVEN_TIMER_PACING:
	case ELEVEN_TIMER_DELAYED_ACK:  /* the kernel tells nobody of this one */
	case ELEVEN_TIMERS:
		seconds = 0;
		resent = 0;
		break;
	}
	if (timer->resent != VIEW_ABSENT && timer->probed != VIEW_ABSENT && conn->source == VIEW_KERNEL) {
		resent = timer->resent;
		probed = timer->probed;
	}
	fprintf(out, " %s (%2.2f/%llu/%llu)", word, seconds, resent, probed);
}

static void source_print(FILE *out, const struct conn_view *conn)
{
	char source[VIEW_HOST_MAX + 16];

	snprintf(source, sizeof(source), conn->source == VIEW_KERNEL ? "kernel" : "eleven:%s", conn->host);
	fprintf(out, " %-16s", source);
}

/* Since is as wide as it is long; Note ends the line. */
static void since_print(FILE *out, const struct netstat_options *options, const struct conn_view *conn)
{
	char since[NETSTAT_SINCE_MAX], note[NETSTAT_NOTE_MAX] = "";

	if (options->note != NULL)
		options->note(note, conn);
	fprintf(out, note[0] != '\0' ? " %-8s %s" : " %s%s", netstat_since(since, conn), note);
}

const char *netstat_since(char out[NETSTAT_SINCE_MAX], const struct conn_view *conn)
{
	static const char *const marks[] = { [VIEW_EXACT] = "", [VIEW_LOWER] = ">", [VIEW_UPPER] = "<" };
	unsigned long long s = conn->age_ns / 1000000000, tenths = conn->age_ns / 100000000 % 10;
	const char *mark;

	if (conn->age_bound == VIEW_UNKNOWN || conn->age_ns == VIEW_ABSENT) {
		snprintf(out, NETSTAT_SINCE_MAX, "-");
		return out;
	}
	mark = marks[conn->age_bound];
	if (s < 120)
		snprintf(out, NETSTAT_SINCE_MAX, "%s%llu.%llus", mark, s, tenths);
	else if (s < 7200)
		snprintf(out, NETSTAT_SINCE_MAX, "%s%llum%02llus", mark, s / 60, s % 60);
	else if (s < 172800)
		snprintf(out, NETSTAT_SINCE_MAX, "%s%lluh%02llum", mark, s / 3600, s / 60 % 60);
	else
		snprintf(out, NETSTAT_SINCE_MAX, "%s%llud%02lluh", mark, s / 86400, s / 3600 % 24);
	return out;
}

void netstat_line(FILE *out, const struct netstat_options *options, const struct conn_view *conn,
		  netstat_host_name_fn *host_name, void *context)
{
	unsigned long long recvq = conn->recvq == VIEW_ABSENT ? 0 : conn->recvq;
	unsigned long long sendq = conn->sendq == VIEW_ABSENT ? 0 : conn->sendq;

	if (options->since && conn->state == ELEVEN_LISTEN && conn->backlog != VIEW_ABSENT)
		sendq = conn->backlog;
	fprintf(out, "%-5s %6llu %6llu ", conn->family == 6 ? "tcp6" : "tcp", recvq, sendq);
	endpoint_print(out, options, conn, &conn->local, host_name, context);
	endpoint_print(out, options, conn, &conn->remote, host_name, context);
	fprintf(out, "%-11s", text_state_netstat(conn->state));
	if (options->extended)
		user_print(out, options, conn);
	if (options->programs)
		program_print(out, options, conn);
	if (options->timers)
		timer_print(out, conn);
	if (options->namespaces) {
		if (conn->netns != VIEW_ABSENT)
			fprintf(out, " %-11llu", (unsigned long long)conn->netns);
		else
			fprintf(out, " %-11s", conn->host[0] != '\0' ? conn->host : "-");
	}
	if (options->sources)
		source_print(out, conn);
	if (options->since)
		since_print(out, options, conn);
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
