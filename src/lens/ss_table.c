/* SPDX-License-Identifier: MIT */
/* The table of ss; see ss_table.h. */
#include "lens/ss_table.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/check.h"
#include "lens/kernel.h"
#include "lens/ss_row.h"
#include "view/text.h"
#include "wire/address.h"

enum column { NETID, STATE, RECVQ, SENDQ, LOCAL, LOCAL_PORT, PEER, PEER_PORT, PROCESS, COLUMNS };

static const struct { const char *title; const char *before; bool right; } columns[COLUMNS] = {
	[NETID] = { "Netid", "", false },
	[STATE] = { "State", " ", false },
	[RECVQ] = { "Recv-Q", " ", false },
	[SENDQ] = { "Send-Q", " ", false },
	[LOCAL] = { "Local Address:", " ", true },
	[LOCAL_PORT] = { "Port", "", false },
	[PEER] = { "Peer Address:", " ", true },
	[PEER_PORT] = { "Port", "", false },
	[PROCESS] = { "Process", "", false },
};

struct ss_row {
	char *cell[COLUMNS];
};

struct ss_table {
	struct ss_options options;
	struct ss_row *rows;
	size_t count, room;
	unsigned ephemeral_low, ephemeral_high;
};

struct ss_table *ss_table_create(const struct ss_options *options)
{
	struct ss_table *table = calloc(1, sizeof(*table));
	FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");

	CHECK(table != NULL);
	table->options = *options;
	if (file == NULL || fscanf(file, "%u %u", &table->ephemeral_low, &table->ephemeral_high) != 2) {
		table->ephemeral_low = 32768;
		table->ephemeral_high = 60999;
	}
	if (file != NULL)
		fclose(file);
	return table;
}

static void cell_set(struct ss_row *row, enum column column, const char *text)
{
	row->cell[column] = strdup(text);
	CHECK(row->cell[column] != NULL);
}

/* ss asks /etc/services, but not for ports that connections out of here may have. */
static void port_cell(const struct ss_table *table, struct ss_row *row, enum column column, uint16_t port)
{
	struct servent *service = NULL;
	char text[64];

	if (port == 0) {
		cell_set(row, column, "*");
		return;
	}
	if (!table->options.numeric && (port < table->ephemeral_low || port > table->ephemeral_high))
		service = getservbyport(htons(port), "tcp");
	if (service != NULL)
		text_escape(text, sizeof(text), service->s_name, strlen(service->s_name));
	else
		snprintf(text, sizeof(text), "%u", port);
	cell_set(row, column, text);
}

static void address_cell(const struct ss_table *table, struct ss_row *row, enum column column,
			 const struct conn_view *conn, const struct eleven_endpoint *endpoint)
{
	const struct kernel_sock *sock = conn->kernel;
	char text[NI_MAXHOST] = "", cell[NI_MAXHOST + IF_NAMESIZE + 8], device[IF_NAMESIZE + 1] = "";
	bool v4 = conn->family == 4;

	if (!v4 && text_address_is_any(&endpoint->address) && (sock == NULL || !sock->v6only)) {
		snprintf(text, sizeof(text), "*");
	} else if (table->options.resolve) {
		struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
		struct sockaddr_in sin = { .sin_family = AF_INET };
		struct address a;

		memcpy(a.bytes, endpoint->address.bytes, sizeof(a.bytes));
		v4 = address_is_v4(&a);
		memcpy(&sin.sin_addr, endpoint->address.bytes + 12, 4);
		memcpy(&sin6.sin6_addr, endpoint->address.bytes, 16);
		if (getnameinfo(v4 ? (void *)&sin : (void *)&sin6, v4 ? sizeof(sin) : sizeof(sin6), cell, NI_MAXHOST,
				NULL, 0, NI_NAMEREQD) == 0)
			text_escape(text, sizeof(text), cell, strlen(cell));
	}
	if (text[0] == '\0' && conn->family == 4)
		inet_ntop(AF_INET, endpoint->address.bytes + 12, text, sizeof(text));
	else if (text[0] == '\0')
		inet_ntop(AF_INET6, endpoint->address.bytes, text, sizeof(text));
	if (column == LOCAL && sock != NULL && sock->ifindex != 0 && if_indextoname(sock->ifindex, device + 1) != NULL)
		device[0] = '%';
	if (strchr(text, ':') != NULL)
		snprintf(cell, sizeof(cell), "[%.*s]%s:", INET6_ADDRSTRLEN, text, device);
	else
		snprintf(cell, sizeof(cell), "%.*s%s:", NI_MAXHOST - 1, text, device);
	cell_set(row, column, cell);
}

static const char *state_name(enum eleven_state state)
{
	static const char *const names[ELEVEN_STATES] = {
		[ELEVEN_CLOSED] = "UNCONN", [ELEVEN_LISTEN] = "LISTEN", [ELEVEN_SYN_SENT] = "SYN-SENT",
		[ELEVEN_SYN_RECEIVED] = "SYN-RECV", [ELEVEN_ESTABLISHED] = "ESTAB", [ELEVEN_FIN_WAIT_1] = "FIN-WAIT-1",
		[ELEVEN_FIN_WAIT_2] = "FIN-WAIT-2", [ELEVEN_CLOSE_WAIT] = "CLOSE-WAIT", [ELEVEN_CLOSING] = "CLOSING",
		[ELEVEN_LAST_ACK] = "LAST-ACK", [ELEVEN_TIME_WAIT] = "TIME-WAIT",
	};

	return names[state];
}

void ss_table_add(struct ss_table *table, const struct conn_view *conn)
{
	uint64_t sendq = conn->state == ELEVEN_LISTEN ? conn->backlog : conn->sendq;
	struct ss_row *row;
	char number[24];

	if (table->count == table->room) {
		table->room = table->room ? 2 * table->room : 64;
		table->rows = realloc(table->rows, table->room * sizeof(*table->rows));
		CHECK(table->rows != NULL);
	}
	row = &table->rows[table->count++];
	memset(row, 0, sizeof(*row));
	cell_set(row, NETID, "tcp");
	cell_set(row, STATE, state_name(conn->state));
	snprintf(number, sizeof(number), "%-6llu", conn->recvq == VIEW_ABSENT ? 0 : (unsigned long long)conn->recvq);
	cell_set(row, RECVQ, number);
	snprintf(number, sizeof(number), "%-6llu", sendq == VIEW_ABSENT ? 0 : (unsigned long long)sendq);
	cell_set(row, SENDQ, number);
	address_cell(table, row, LOCAL, conn, &conn->local);
	port_cell(table, row, LOCAL_PORT, conn->local.port);
	address_cell(table, row, PEER, conn, &conn->remote);
	port_cell(table, row, PEER_PORT, conn->remote.port);
	row->cell[PROCESS] = ss_row_details(&table->options, conn);
}

/* ---------------------------------------------------------------- printing */

static bool is_shown(const struct ss_table *table, enum column column)
{
	return !(column == NETID && !table->options.netid) && !(column == STATE && table->options.no_state);
}

/*
 * Where the output is a terminal, ss spreads the columns over its lines; into a file or a pipe each is as wide as its
 * widest text.
 */
static void columns_spread(const struct ss_table *table, int width[COLUMNS])
{
	struct winsize size;
	int used = 0, left, shown = 0, at = 0;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return;
	for (enum column c = 0; c < COLUMNS; c++) {
		used += is_shown(table, c) ? width[c] : 0;
		shown += is_shown(table, c) && c != PROCESS;
	}
	left = size.ws_col - used;
	for (enum column c = 0; left > 0 && c < PROCESS; c++) {
		if (is_shown(table, c)) {
			width[c] += left / shown + (at < left % shown);
			at++;
		}
	}
}

static void cell_print(FILE *out, const char *text, enum column column, int width, bool first)
{
	const char *before = first ? "" : columns[column].before;
	int room = width - (int)strlen(before);
	int pad = room > (int)strlen(text) ? room - (int)strlen(text) : 0;

	if (columns[column].right)
		fprintf(out, "%*s%s%s", pad, "", before, text);
	else
		fprintf(out, "%s%s%*s", before, text, pad, "");
}

static void row_print(FILE *out, const struct ss_table *table, char *const cells[COLUMNS], const int width[COLUMNS])
{
	bool first = true;

	for (enum column c = 0; c < COLUMNS; c++) {
		if (!is_shown(table, c))
			continue;
		cell_print(out, cells != NULL ? cells[c] : columns[c].title, c, width[c], first);
		first = false;
	}
	fputc('\n', out);
}

void ss_table_print(FILE *out, struct ss_table *table)
{
	int width[COLUMNS];
	bool first = true;

	for (enum column c = 0; c < COLUMNS; c++) {
		size_t widest = table->options.no_header ? 0 : strlen(columns[c].title);

		for (size_t i = 0; i < table->count; i++) {
			size_t n = strlen(table->rows[i].cell[c]);

			widest = n > widest ? n : widest;
		}
		width[c] = (int)widest + (first && is_shown(table, c) ? 0 : (int)strlen(columns[c].before));
		first &= !is_shown(table, c);
	}
	columns_spread(table, width);
	if (!table->options.no_header)
		row_print(out, table, NULL, width);
	for (size_t i = 0; i < table->count; i++) {
		row_print(out, table, table->rows[i].cell, width);
		for (enum column c = 0; c < COLUMNS; c++)
			free(table->rows[i].cell[c]);
	}
	free(table->rows);
	free(table);
}
