/* SPDX-License-Identifier: MIT */
/* Chosen columns; see columns.h. */
#include "lens/columns.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "lens/note.h"
#include "view/json.h"
#include "view/netstat.h"
#include "view/text.h"

#define CELL_MAX 192

typedef void cell_fn(char *out, const struct conn_view *conn);
typedef uint64_t order_fn(const struct conn_view *conn);

static void number(char *out, uint64_t value)
{
	snprintf(out, CELL_MAX, value == VIEW_ABSENT ? "-" : "%llu", (unsigned long long)value);
}

static void milliseconds(char *out, uint64_t ns)
{
	snprintf(out, CELL_MAX, ns == VIEW_ABSENT ? "-" : "%.3f", (double)ns / 1e6);
}

static uint64_t sendq_of(const struct conn_view *conn)
{
	return conn->state == ELEVEN_LISTEN ? conn->backlog : conn->sendq;
}

static uint64_t recvq_of(const struct conn_view *conn) { return conn->recvq; }
static uint64_t age_of(const struct conn_view *conn) { return conn->age_ns; }
static uint64_t retrans_of(const struct conn_view *conn) { return conn->info.retransmitted_segments; }
static uint64_t rtt_of(const struct conn_view *conn) { return conn->info.srtt; }
static uint64_t rto_of(const struct conn_view *conn) { return conn->info.rto; }
static uint64_t cwnd_of(const struct conn_view *conn) { return conn->info.cwnd; }
static uint64_t in_of(const struct conn_view *conn) { return conn->info.bytes_in; }
static uint64_t out_of(const struct conn_view *conn) { return conn->info.bytes_out; }
static uint64_t netns_of(const struct conn_view *conn) { return conn->netns; }
static uint64_t inode_of(const struct conn_view *conn) { return conn->inode != 0 ? conn->inode : VIEW_ABSENT; }
static uint64_t uid_of(const struct conn_view *conn) { return conn->uid; }

static uint64_t pid_of(const struct conn_view *conn)
{
	return conn->owner_count > 0 ? (uint64_t)conn->owners[0].pid : VIEW_ABSENT;
}

static uint64_t fd_of(const struct conn_view *conn)
{
	return conn->owner_count > 0 && conn->owners[0].fd >= 0 ? (uint64_t)conn->owners[0].fd : VIEW_ABSENT;
}

static void cell_proto(char *out, const struct conn_view *conn)
{
	snprintf(out, CELL_MAX, conn->family == 6 ? "tcp6" : "tcp");
}

static void cell_source(char *out, const struct conn_view *conn)
{
	snprintf(out, CELL_MAX, conn->source == VIEW_KERNEL ? "kernel" : "eleven");
}

static void cell_host(char *out, const struct conn_view *conn)
{
	snprintf(out, CELL_MAX, "%s", conn->host[0] != '\0' ? conn->host : "-");
}

static void cell_local(char *out, const struct conn_view *conn)
{
	char text[TEXT_ENDPOINT_MAX];

	snprintf(out, CELL_MAX, "%s", text_endpoint_of(text, conn->family, &conn->local));
}

static void cell_remote(char *out, const struct conn_view *conn)
{
	char text[TEXT_ENDPOINT_MAX];

	snprintf(out, CELL_MAX, "%s", text_endpoint_of(text, conn->family, &conn->remote));
}

/* The address alone, so that connections of one peer group. */
static void cell_remote_address(char *out, const struct conn_view *conn)
{
	struct eleven_endpoint alone = conn->remote;
	char text[TEXT_ENDPOINT_MAX];

	alone.port = 0;
	text_endpoint_of(text, conn->family, &alone);
	snprintf(out, CELL_MAX, "%.*s", (int)strlen(text) - 2, text);
}

static void cell_state(char *out, const struct conn_view *conn)
{
	snprintf(out, CELL_MAX, "%s", text_state_netstat(conn->state));
}

static void cell_program(char *out, const struct conn_view *conn)
{
	if (conn->owner_count > 0)
		snprintf(out, CELL_MAX, "%d/%s", (int)conn->owners[0].pid, conn->owners[0].comm);
	else if (conn->unowned != NULL)
		snprintf(out, CELL_MAX, "-(%s)", conn->unowned);
	else
		snprintf(out, CELL_MAX, "-");
}

static void cell_comm(char *out, const struct conn_view *conn)
{
	snprintf(out, CELL_MAX, "%s", conn->owner_count > 0 ? conn->owners[0].comm : "-");
}

static void cell_user(char *out, const struct conn_view *conn)
{
	struct passwd *user = conn->uid != VIEW_ABSENT ? getpwuid((uid_t)conn->uid) : NULL;

	if (user != NULL)
		text_escape(out, CELL_MAX, user->pw_name, strlen(user->pw_name));
	else
		number(out, conn->uid);
}

static void cell_cookie(char *out, const struct conn_view *conn)
{
	snprintf(out, CELL_MAX, "%llx", (unsigned long long)conn->cookie);
}

static void cell_since(char *out, const struct conn_view *conn)
{
	netstat_since(out, conn);
}

static void cell_note(char *out, const struct conn_view *conn)
{
	note_write(out, conn);
}

static void cell_timer(char *out, const struct conn_view *conn)
{
	static const char *const names[ELEVEN_TIMERS] = {
		[ELEVEN_TIMER_RETRANSMISSION] = "retransmission", [ELEVEN_TIMER_SYN] = "syn",
		[ELEVEN_TIMER_PERSIST] = "persist", [ELEVEN_TIMER_DELAYED_ACK] = "delayed-ack",
		[ELEVEN_TIMER_KEEPALIVE] = "keepalive", [ELEVEN_TIMER_FIN_WAIT_2] = "fin-wait-2",
		[ELEVEN_TIMER_TIME_WAIT] = "time-wait", [ELEVEN_TIMER_LOSS_PROBE] = "loss-probe",
		[ELEVEN_TIMER_REORDERING] = "reordering", [ELEVEN_TIMER_PACING] = "pacing",
	};

	if (conn->timer.kind == ELEVEN_TIMER_NONE || conn->timer.kind >= ELEVEN_TIMERS)
		snprintf(out, CELL_MAX, "-");
	else
		snprintf(out, CELL_MAX, "%s(%.2f/%llu)", names[conn->timer.kind], (double)conn->timer.expires_ns / 1e9,
			 (unsigned long long)conn->timer.count);
}

static const struct column {
	const char *name, *title;
	cell_fn *cell;                  /* or, where NULL, the number of `order` */
	order_fn *order;                /* of columns that are ordered by number */
	bool time;                      /* a number of nanoseconds, shown as milliseconds */
} all[] = {
	{ "proto", "Proto", cell_proto, NULL, false }, { "recvq", "Recv-Q", NULL, recvq_of, false },
	{ "sendq", "Send-Q", NULL, sendq_of, false }, { "local", "Local Address", cell_local, NULL, false },
	{ "remote", "Foreign Address", cell_remote, NULL, false }, { "peer", "Peer", cell_remote_address, NULL, false },
	{ "state", "State", cell_state, NULL, false }, { "program", "PID/Program name", cell_program, NULL, false },
	{ "pid", "PID", NULL, pid_of, false }, { "comm", "Program", cell_comm, NULL, false },
	{ "fd", "FD", NULL, fd_of, false }, { "uid", "UID", NULL, uid_of, false },
	{ "user", "User", cell_user, NULL, false }, { "inode", "Inode", NULL, inode_of, false },
	{ "cookie", "Cookie", cell_cookie, NULL, false }, { "netns", "Netns", NULL, netns_of, false },
	{ "source", "Source", cell_source, NULL, false }, { "host", "Host", cell_host, NULL, false },
	{ "age", "Since", cell_since, age_of, false }, { "since", "Since", cell_since, age_of, false },
	{ "timer", "Timer", cell_timer, NULL, false }, { "retrans", "Retrans", NULL, retrans_of, false },
	{ "rtt", "RTT/ms", NULL, rtt_of, true }, { "rto", "RTO/ms", NULL, rto_of, true },
	{ "cwnd", "Cwnd", NULL, cwnd_of, false }, { "in", "Bytes in", NULL, in_of, false },
	{ "out", "Bytes out", NULL, out_of, false }, { "note", "Note", cell_note, NULL, false },
};
#define ALL (sizeof(all) / sizeof(all[0]))

const char *columns_names(void)
{
	return "proto, recvq, sendq, local, remote, peer, state, program, pid, comm, fd, uid, user, inode, cookie, "
	       "netns, source, host, age, since, timer, retrans, rtt, rto, cwnd, in, out, note";
}

static const struct column *column_find(const char *name, size_t n)
{
	for (size_t i = 0; i < ALL; i++) {
		if (strlen(all[i].name) == n && memcmp(all[i].name, name, n) == 0)
			return &all[i];
	}
	return NULL;
}

bool columns_parse(struct columns *columns, const char *list, const char **wrong)
{
	columns->count = 0;
	for (const char *at = list;; at++) {
		size_t n = strcspn(at, ",");
		const struct column *column = column_find(at, n);

		*wrong = at;
		if (column == NULL || columns->count == COLUMNS_CHOSEN_MAX)
			return false;
		columns->chosen[columns->count++] = (unsigned)(column - all);
		at += n;
		if (*at == '\0')
			return true;
	}
}

static void cell_write(char out[CELL_MAX], const struct column *column, const struct conn_view *conn)
{
	if (column->cell != NULL)
		column->cell(out, conn);
	else if (column->time)
		milliseconds(out, column->order(conn));
	else
		number(out, column->order(conn));
}

void columns_print(FILE *out, const struct columns *columns, struct conn_view *const *rows, size_t count, bool heading)
{
	int width[COLUMNS_CHOSEN_MAX];
	char cell[CELL_MAX];

	for (unsigned c = 0; c < columns->count; c++) {
		const struct column *column = &all[columns->chosen[c]];

		width[c] = heading ? (int)strlen(column->title) : 0;
		for (size_t i = 0; i < count; i++) {
			cell_write(cell, column, rows[i]);
			width[c] = (int)strlen(cell) > width[c] ? (int)strlen(cell) : width[c];
		}
	}
	for (size_t i = 0; i < count + heading; i++) {
		for (unsigned c = 0; c < columns->count; c++) {
			const struct column *column = &all[columns->chosen[c]];
			bool right = column->cell == NULL;
			bool last = c + 1 == columns->count;

			if (heading && i == 0)
				snprintf(cell, sizeof(cell), "%s", column->title);
			else
				cell_write(cell, column, rows[i - heading]);
			fprintf(out, "%*s%s", right ? width[c] : last ? 0 : -width[c], cell, last ? "\n" : " ");
		}
	}
}

/* ---------------------------------------------------------------- order and groups */

struct keyed {
	struct conn_view *conn;
	uint64_t number;
	char *text;
	size_t place;                   /* before: equal ones keep their order */
};

static int keyed_compare(const void *left, const void *right)
{
	const struct keyed *a = left, *b = right;
	int order = a->text != NULL ? strcmp(a->text, b->text) : (b->number > a->number) - (b->number < a->number);

	return order ? order : (a->place > b->place) - (a->place < b->place);
}

static int keyed_compare_back(const void *left, const void *right)
{
	const struct keyed *a = left, *b = right;
	int order = a->text != NULL ? strcmp(b->text, a->text) : (a->number > b->number) - (a->number < b->number);

	return order ? order : (a->place > b->place) - (a->place < b->place);
}

/* The rows with what they are ordered by; unknown numbers count as the smallest. */
static struct keyed *keys_make(const struct column *column, struct conn_view *const *rows, size_t count, bool text)
{
	struct keyed *keys = calloc(count + 1, sizeof(*keys));
	char cell[CELL_MAX];

	CHECK(keys != NULL);
	for (size_t i = 0; i < count; i++) {
		keys[i] = (struct keyed){ .conn = rows[i], .place = i };
		if (column->order != NULL && !text) {
			uint64_t value = column->order(rows[i]);

			keys[i].number = value == VIEW_ABSENT ? 0 : value + 1;
		} else {
			cell_write(cell, column, rows[i]);
			keys[i].text = strdup(cell);
			CHECK(keys[i].text != NULL);
		}
	}
	return keys;
}

bool columns_sort(const char *name, struct conn_view **rows, size_t count)
{
	bool back = name[0] == '-';
	const struct column *column = column_find(name + back, strlen(name + back));
	struct keyed *keys;

	if (column == NULL)
		return false;
	keys = keys_make(column, rows, count, false);
	qsort(keys, count, sizeof(*keys), back ? keyed_compare_back : keyed_compare);
	for (size_t i = 0; i < count; i++) {
		rows[i] = keys[i].conn;
		free(keys[i].text);
	}
	free(keys);
	return true;
}

static void group_print(FILE *out, const char *name, const char *key, size_t count, bool json)
{
	json_t *row;

	if (!json) {
		fprintf(out, "%7zu %s\n", count, key);
		return;
	}
	row = json_object();
	CHECK(json_object_set_new(row, "v", json_integer(1)) == 0 &&
	      json_object_set_new(row, "group", json_string(name)) == 0 &&
	      json_object_set_new(row, "key", json_string(key)) == 0 &&
	      json_object_set_new(row, "count", json_integer((json_int_t)count)) == 0);
	json_line(out, row);
}

bool columns_group(FILE *out, const char *name, struct conn_view *const *rows, size_t count, bool heading, bool json)
{
	/* One peer has many ports: `remote` and `local` in a group are about the address and the service. */
	const char *column_name = strcmp(name, "remote") == 0 ? "peer" : name;
	const struct column *column = column_find(column_name, strlen(column_name));
	struct keyed *keys;
	size_t groups = 0;

	if (column == NULL)
		return false;
	keys = keys_make(column, rows, count, true);
	qsort(keys, count, sizeof(*keys), keyed_compare);
	for (size_t i = 0; i < count; i++) {
		if (groups > 0 && strcmp(keys[groups - 1].text, keys[i].text) == 0) {
			keys[groups - 1].number++;
			free(keys[i].text);
		} else {
			keys[groups] = keys[i];
			keys[groups++].number = 1;
		}
	}
	if (heading && !json)
		fprintf(out, "  Count %s\n", column->title);
	while (groups > 0) {
		size_t most = 0;

		for (size_t i = 1; i < groups; i++)
			most = keys[i].number > keys[most].number ? i : most;
		group_print(out, name, keys[most].text, keys[most].number, json);
		free(keys[most].text);
		memmove(&keys[most], &keys[most + 1], (--groups - most) * sizeof(*keys));
	}
	free(keys);
	return true;
}
