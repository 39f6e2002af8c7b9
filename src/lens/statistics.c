/* SPDX-License-Identifier: MIT */
/* Counters; see statistics.h. Each table is two lines, names and numbers, in the same order. */
#include "lens/statistics.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/check.h"
#include "view/json.h"
#include "view/view.h"

#define LINE_MAX_BYTES 16384
#define NAME_MAX_BYTES 64

typedef void counter_fn(void *context, const char *table, const char *name, uint64_t value);

/* Calls back for each counter of a file. */
static void file_read(const char *path, counter_fn *fn, void *context)
{
	char *names = malloc(LINE_MAX_BYTES), *numbers = malloc(LINE_MAX_BYTES);
	FILE *file = fopen(path, "re");

	CHECK(names != NULL && numbers != NULL);
	while (file != NULL && fgets(names, LINE_MAX_BYTES, file) != NULL &&
	       fgets(numbers, LINE_MAX_BYTES, file) != NULL) {
		char *name_at, *number_at, *table = strtok_r(names, " \n", &name_at), *name, *number;

		if (table == NULL || strtok_r(numbers, " \n", &number_at) == NULL)
			continue;
		table[strcspn(table, ":")] = '\0';
		while ((name = strtok_r(NULL, " \n", &name_at)) != NULL &&
		       (number = strtok_r(NULL, " \n", &number_at)) != NULL)
			fn(context, table, name, strtoull(number, NULL, 10));
	}
	if (file != NULL)
		fclose(file);
	free(names);
	free(numbers);
}

struct wanted {
	const char *table, *name;
	uint64_t value;
};

static void wanted_take(void *context, const char *table, const char *name, uint64_t value)
{
	struct wanted *wanted = context;

	if (strcmp(table, wanted->table) == 0 && strcmp(name, wanted->name) == 0)
		wanted->value = value;
}

uint64_t statistics_counter(const char *table, const char *name, uint64_t unknown)
{
	struct wanted wanted = { table, name, unknown };

	file_read("/proc/net/snmp", wanted_take, &wanted);
	file_read("/proc/net/netstat", wanted_take, &wanted);
	return wanted.value;
}

/* ---------------------------------------------------------------- netstat -s */

static const struct { const char *name, *sentence; } sentences[] = {
	{ "ActiveOpens", "active connection openings" }, { "PassiveOpens", "passive connection openings" },
	{ "AttemptFails", "failed connection attempts" }, { "EstabResets", "connection resets received" },
	{ "CurrEstab", "connections established" }, { "InSegs", "segments received" },
	{ "OutSegs", "segments sent out" }, { "RetransSegs", "segments retransmitted" },
	{ "InErrs", "bad segments received" }, { "OutRsts", "resets sent" },
};

static void tcp_print(void *context, const char *table, const char *name, uint64_t value)
{
	for (size_t i = 0; strcmp(table, "Tcp") == 0 && i < sizeof(sentences) / sizeof(sentences[0]); i++) {
		if (strcmp(name, sentences[i].name) == 0)
			fprintf(context, "    %llu %s\n", (unsigned long long)value, sentences[i].sentence);
	}
}

static void ext_print(void *context, const char *table, const char *name, uint64_t value)
{
	if (strcmp(table, "TcpExt") == 0 && value != 0)
		fprintf(context, "    %.*s: %llu\n", NAME_MAX_BYTES, name, (unsigned long long)value);
}

static void json_put(void *context, const char *table, const char *name, uint64_t value)
{
	json_t *row = context, *group;

	if (strncmp(table, "Tcp", 3) != 0)
		return;
	group = json_object_get(row, table);
	if (group == NULL) {
		group = json_object();
		CHECK(json_object_set_new(row, table, group) == 0);
	}
	CHECK(json_object_set_new(group, name, json_integer((json_int_t)value)) == 0);
}

void statistics_print(FILE *out, bool json)
{
	json_t *row;

	if (json) {
		row = json_object();
		CHECK(json_object_set_new(row, "v", json_integer(1)) == 0 &&
		      json_object_set_new(row, "src", json_string("kernel")) == 0);
		file_read("/proc/net/snmp", json_put, row);
		file_read("/proc/net/netstat", json_put, row);
		json_line(out, row);
		return;
	}
	fputs("Tcp:\n", out);
	file_read("/proc/net/snmp", tcp_print, out);
	fputs("TcpExt:\n", out);
	file_read("/proc/net/netstat", ext_print, out);
}

/* ---------------------------------------------------------------- ss -s */

/* `TCP: inuse 7 orphan 0 …` of sockstat; 0 where it is not there. */
static unsigned long sockstat(const char *path, const char *line_name, const char *name)
{
	char line[256];
	FILE *file = fopen(path, "re");
	unsigned long value = 0;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		char *at, *word = strtok_r(line, " \n", &at);

		if (word == NULL || strcmp(word, line_name) != 0)
			continue;
		while ((word = strtok_r(NULL, " \n", &at)) != NULL) {
			char *number = strtok_r(NULL, " \n", &at);

			if (number != NULL && strcmp(word, name) == 0)
				value = strtoul(number, NULL, 10);
		}
	}
	if (file != NULL)
		fclose(file);
	return value;
}

void statistics_summary(FILE *out)
{
	static const char v4[] = "/proc/net/sockstat", v6[] = "/proc/net/sockstat6";
	unsigned long tcp4 = sockstat(v4, "TCP:", "inuse"), tcp6 = sockstat(v6, "TCP6:", "inuse");
	unsigned long tw = sockstat(v4, "TCP:", "tw"), total = sockstat(v4, "TCP:", "alloc") + tw;
	unsigned long raw4 = sockstat(v4, "RAW:", "inuse"), raw6 = sockstat(v6, "RAW6:", "inuse");
	unsigned long udp4 = sockstat(v4, "UDP:", "inuse"), udp6 = sockstat(v6, "UDP6:", "inuse");
	unsigned long frag4 = sockstat(v4, "FRAG:", "inuse"), frag6 = sockstat(v6, "FRAG6:", "inuse");
	const struct { const char *name; unsigned long v4, v6; } rows[] = {
		{ "RAW", raw4, raw6 }, { "UDP", udp4, udp6 }, { "TCP", tcp4, tcp6 },
		{ "INET", raw4 + udp4 + tcp4, raw6 + udp6 + tcp6 }, { "FRAG", frag4, frag6 },
	};

	fprintf(out, "Total: %lu\nTCP:   %lu (estab %llu, closed %lu, orphaned %lu, timewait %lu)\n\n",
		sockstat(v4, "sockets:", "used"), total, (unsigned long long)statistics_counter("Tcp", "CurrEstab", 0),
		total - (tcp4 + tcp6), sockstat(v4, "TCP:", "orphan"), tw);
	fputs("Transport Total     IP        IPv6\n", out);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		fprintf(out, "%s\t  %-9lu %-9lu %-9lu\n", rows[i].name, rows[i].v4 + rows[i].v6, rows[i].v4,
			rows[i].v6);
	fputc('\n', out);
}
