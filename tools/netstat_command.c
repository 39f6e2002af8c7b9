/* SPDX-License-Identifier: MIT */
/* Command lines of netstat and ss; see netstat.h. */
#include <stdlib.h>
#include <string.h>

#include "lens/note.h"
#include "netstat.h"
#include "verbs.h"

enum {
	KEY_HOST = 256, KEY_JSON, KEY_NUMERIC_HOSTS, KEY_NUMERIC_PORTS, KEY_NUMERIC_USERS, KEY_ELEVEN, KEY_KERNEL,
	KEY_COLUMNS, KEY_SORT, KEY_GROUP,
};

#define OPTIONS_OF_EVERY_MANNER \
	{ "all", 'a', 0, 0, "listeners as well (default: connections only)", 0 }, \
	{ "listening", 'l', 0, 0, "listeners only", 0 }, \
	{ "tcp", 't', 0, 0, "TCP, which is all there is", 0 }, \
	{ "numeric", 'n', 0, 0, "numbers instead of names", 0 }, \
	{ "extend", 'e', 0, 0, "user and inode", 0 }, \
	{ "json", KEY_JSON, 0, 0, "one JSON object a line", 0 }, \
	{ "eleven", KEY_ELEVEN, 0, 0, "only the connections of eleven's own stacks", 0 }, \
	{ "kernel", KEY_KERNEL, 0, 0, "only Linux's", 0 }, \
	{ "host", KEY_HOST, "NAME", 0, "only this virtual host of eleven", 0 }, \
	{ "udp", 'u', 0, OPTION_HIDDEN, 0, 0 }, { "raw", 'w', 0, OPTION_HIDDEN, 0, 0 }

static const struct argp_option options[] = {
	OPTIONS_OF_EVERY_MANNER,
	{ "inet", '4', 0, 0, "IPv4 only", 0 },
	{ "inet6", '6', 0, 0, "IPv6 only", 0 },
	{ "numeric-hosts", KEY_NUMERIC_HOSTS, 0, 0, "numbers of hosts only", 0 },
	{ "numeric-ports", KEY_NUMERIC_PORTS, 0, 0, "numbers of ports only", 0 },
	{ "numeric-users", KEY_NUMERIC_USERS, 0, 0, "numbers of users only", 0 },
	{ "programs", 'p', 0, 0, "the program that holds the socket, or why there is none", 0 },
	{ "timers", 'o', 0, 0, "the timer that comes next", 0 },
	{ "wide", 'W', 0, 0, "do not cut long names", 0 },
	{ "verbose", 'v', 0, 0, "accepted, as netstat has it", 0 },
	{ "statistics", 's', 0, 0, "counters of Linux, of each stack, and of each rule it has taken", 0 },
	{ "continuous", 'c', 0, 0, "again every second, or every SECONDS", 0 },
	{ "since", 'x', 0, 0, "Since: time in the state; Note: what is remarkable", 1 },
	{ "all-namespaces", 'A', 0, 0, "every network namespace", 1 },
	{ "net", 'N', "NS", 0, "the namespace of this name, process or path", 1 },
	{ "bound", 'B', 0, 0, "also what is bound only, and descriptors whose connection is over", 1 },
	{ "info", 'i', 0, 0, "tcp_info, below each line", 1 },
	{ "memory", 'm', 0, 0, "memory, below each line", 1 },
	{ "no-header", 'H', 0, 0, "no heading", 1 },
	{ "oneline", 'O', 0, 0, "what -i and -m show on the same line", 1 },
	{ "events", 'E', 0, 0, "print each connection as it ends", 1 },
	{ "kill", 'K', 0, 0, "reset what the FILTER takes, and print it; the programs' descriptors stay open", 1 },
	{ "columns", KEY_COLUMNS, "LIST", 0, "these columns: local,remote,state,program,since,note …", 1 },
	{ "sort", KEY_SORT, "COLUMN", 0, "by age, recvq, state …; -COLUMN the other way round", 1 },
	{ "group", KEY_GROUP, "COLUMN", 0, "counts by state, remote, pid …", 1 },
	{ 0 },
};

static const struct argp_option ss_options[] = {
	OPTIONS_OF_EVERY_MANNER,
	{ "ipv4", '4', 0, 0, "IPv4 only", 0 },
	{ "ipv6", '6', 0, 0, "IPv6 only", 0 },
	{ "extended", 'e', 0, OPTION_ALIAS, 0, 0 },
	{ "processes", 'p', 0, 0, "programs and their descriptors", 0 },
	{ "options", 'o', 0, 0, "timers", 0 },
	{ "resolve", 'r', 0, 0, "names of hosts", 0 },
	{ "memory", 'm', 0, 0, "memory", 0 },
	{ "info", 'i', 0, 0, "tcp_info", 0 },
	{ "summary", 's', 0, 0, "how many there are", 0 },
	{ "events", 'E', 0, 0, "each connection as it ends", 0 },
	{ "kill", 'K', 0, 0, "reset what the FILTER takes", 0 },
	{ "no-header", 'H', 0, 0, "no heading", 0 },
	{ "oneline", 'O', 0, 0, "one line for each", 0 },
	{ "net", 'N', "NS", 0, "the namespace of this name", 0 },
	{ "query", 'A', "QUERY", 0, "tcp, inet or all", 0 },
	{ "socket", 'A', 0, OPTION_ALIAS, 0, 0 },
	{ "family", 'f', "FAMILY", 0, "inet or inet6", 0 },
	{ "bound-inactive", 'B', 0, 0, "bound only", 0 },
	{ 0 },
};

struct words {
	struct netstat_command *command;
	char *list[512];
	int count;
};

static void word_add(struct words *words, char *word)
{
	struct netstat_command *c = words->command;
	char *end;
	double seconds = strtod(word, &end);

	if (c->continuous && words->count == 0 && end != word && *end == '\0') {
		if (!(seconds >= 0.01 && seconds <= 86400))
			verb_usage("SECONDS: '%s' is not between 0.01 and 86400", word);
		c->interval = seconds;
		return;
	}
	if (words->count == (int)(sizeof(words->list) / sizeof(words->list[0])))
		verb_usage("a filter of more than %d words", words->count);
	words->list[words->count++] = word;
}

static void columns_choose(struct netstat_command *c, const char *list)
{
	const char *wrong;

	if (!columns_parse(&c->columns, list, &wrong))
		verb_usage("--columns: there is no column '%.*s'; there are %s", (int)strcspn(wrong, ","), wrong,
			   columns_names());
}

/* A column that rows can be ordered or counted by. */
static const char *column_check(const char *option, const char *name)
{
	struct columns one;
	const char *wrong;

	if (!columns_parse(&one, name + (name[0] == '-'), &wrong) || one.count != 1)
		verb_usage("%s: there is no column '%s'; there are %s", option, name, columns_names());
	return name;
}

static error_t parse_common(int key, char *argument, struct words *words)
{
	struct netstat_command *c = words->command;
	struct netstat_options *o = &c->table;

	switch (key) {
	case 'a': c->all = o->all = true; return 0;
	case 'l': c->listening = o->listening = true; return 0;
	case 't': c->ss.netid = false; return 0;
	case '4': c->lens.ipv4 = true; return 0;
	case '6': c->lens.ipv6 = true; return 0;
	case 'n': o->numeric_hosts = o->numeric_ports = o->numeric_users = c->ss.numeric = true; return 0;
	case 'p': o->programs = c->ss.processes = true; return 0;
	case 'e':
		o->extended = c->ss.extended = true;
		c->ss.options |= c->manner == MANNER_SS;
		return 0;
	case 'o': o->timers = c->ss.options = true; return 0;
	case 's': c->statistics = true; return 0;
	case 'i': c->ss.info = true; return 0;
	case 'm': c->ss.memory = true; return 0;
	case 'H': c->no_header = c->ss.no_header = true; return 0;
	case 'O': c->ss.oneline = true; return 0;
	case 'E': c->events = true; return 0;
	case 'K': c->kill = true; return 0;
	case 'N': c->lens.namespace = argument; return 0;
	case 'B': o->bound = c->lens.dead = true; return 0;
	case 'u': verb_usage("-u: only TCP is shown here; UDP has ss -u");
	case 'w': verb_usage("-w: only TCP is shown here; raw sockets have ss -w");
	case KEY_HOST: c->host = argument; return 0;
	case KEY_JSON: c->json = true; return 0;
	case KEY_ELEVEN: c->only_eleven = true; return 0;
	case KEY_KERNEL: c->only_kernel = true; return 0;
	case ARGP_KEY_ARG: word_add(words, argument); return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct words *words = state->input;
	struct netstat_command *c = words->command;

	switch (key) {
	case KEY_NUMERIC_HOSTS: c->table.numeric_hosts = true; return 0;
	case KEY_NUMERIC_PORTS: c->table.numeric_ports = true; return 0;
	case KEY_NUMERIC_USERS: c->table.numeric_users = true; return 0;
	case 'W': c->table.wide = true; return 0;
	case 'v': return 0;
	case 'c': c->continuous = true; return 0;
	case 'x':
		if (c->manner == MANNER_NETSTAT)
			verb_usage("-x: only TCP is shown here; unix sockets have ss -x");
		c->table.since = c->table.programs = true;
		return 0;
	case 'A':
		c->lens.all_namespaces = c->table.namespaces = true;
		return 0;
	case KEY_COLUMNS: columns_choose(c, argument); return 0;
	case KEY_SORT: c->sort = column_check("--sort", argument); return 0;
	case KEY_GROUP: c->group = column_check("--group", argument); return 0;
	default: return parse_common(key, argument, words);
	}
}

static error_t ss_parse(int key, char *argument, struct argp_state *state)
{
	struct words *words = state->input;
	struct netstat_command *c = words->command;

	switch (key) {
	case 'r': c->ss.resolve = true; return 0;
	case 'A':
		if (strcmp(argument, "tcp") != 0 && strcmp(argument, "inet") != 0 && strcmp(argument, "all") != 0)
			verb_usage("-A %s: only TCP is shown here", argument);
		c->ss.netid &= strcmp(argument, "tcp") != 0;
		return 0;
	case 'f':
		if (strcmp(argument, "inet") != 0 && strcmp(argument, "inet6") != 0)
			verb_usage("-f %s: only inet and inet6 are shown here", argument);
		c->lens.ipv4 |= argument[4] == '\0';
		c->lens.ipv6 |= argument[4] != '\0';
		return 0;
	default: return parse_common(key, argument, words);
	}
}

static const struct argp argp = {
	options, parse, "[SECONDS] [FILTER...]",
	"Print TCP connections, of Linux and of eleven's own stacks, in the columns of netstat(8). A connection "
	"between two hosts of eleven is shown from both ends. Where both kinds are in one table, Source tells which.\v"
	"A FILTER is in the language of ss(8): state STATE, exclude STATE, ( sport = :80 or dport = :443 ), src or dst "
	"CIDR; and pid, comm, uid, fd, netns, age > 10s, unread > 0. Short forms: :PORT, ADDRESS, ADDRESS:PORT, two of "
	"these joined by -, or a state.", NULL, NULL, NULL,
};

static const struct argp ss_argp = {
	ss_options, ss_parse, "[FILTER]",
	"The TCP sockets of ss(8), in its columns, from Linux and from eleven's own stacks.", NULL, NULL, NULL,
};

static void command_check(struct netstat_command *c)
{
	if (c->only_eleven && c->only_kernel)
		verb_usage("--eleven and --kernel: one of them, or neither for both");
	if (c->host != NULL && c->only_kernel)
		verb_usage("--host is for eleven's own stacks, --kernel for Linux: one of them");
	if (c->lens.all_namespaces && c->lens.namespace != NULL)
		verb_usage("-A and -N: one of them");
	if (c->host != NULL)
		c->only_eleven = true;
	if (c->lens.namespace != NULL || c->lens.all_namespaces)
		c->only_kernel |= c->lens.namespace != NULL;
	if (c->kill && filter_is_empty(c->filter))
		verb_usage("-K needs a FILTER: without one it would reset every connection there is");
	if (c->kill && c->only_eleven)
		verb_usage("-K is for Linux's connections");
	if (c->events && c->only_eleven)
		verb_usage("-E is for Linux's connections; 'eleven watch' shows those of eleven's stacks");
}

void netstat_command_parse(struct netstat_command *command, int argc, char **argv)
{
	char problem[FILTER_PROBLEM_MAX];
	struct words words = { .command = command };

	memset(command, 0, sizeof(*command));
	command->interval = 1;
	command->ss.netid = true;
	command->manner = strcmp(argv[0], "ss") == 0 ? MANNER_SS :
			  strcmp(argv[0], "netstat") == 0 ? MANNER_NETSTAT : MANNER_ELEVEN;
	verb_parse(command->manner == MANNER_SS ? &ss_argp : &argp, 0, argc, argv, &words);
	command->filter = filter_parse(words.count, words.list, problem);
	if (command->filter == NULL)
		verb_usage("%s", problem);
	command->table.bare = command->manner == MANNER_NETSTAT;
	command->table.note = note_write;
	command_check(command);
}
