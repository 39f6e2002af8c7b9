/* SPDX-License-Identifier: MIT */
/* `eleven watch`: changes of state as they happen, a line each, or as the sequence diagram of each connection. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "verbs.h"
#include "watch.h"
#include "view/eleven_source.h"
#include "view/event.h"
#include "view/json.h"
#include "view/ladder.h"
#include "view/text.h"

/* After this long without a record all that was there from before has come. */
#define QUIET_MS 250
/* A ladder is drawn when it has been quiet for this long: what belongs together comes together. */
#define TOGETHER_MS 30

enum {
	KEY_HOST = 256, KEY_JSON, KEY_ASCII, KEY_LADDER, KEY_ALL, KEY_ONCE, KEY_FULL, KEY_KERNEL, KEY_ELEVEN,
	KEY_BACKEND, KEY_STACK, KEY_RECORD, KEY_READ, KEY_HERE
};

static const struct argp_option options[] = {
	{ NULL, 0, 0, 0, "Which connections:", 1 },
	{ "kernel", KEY_KERNEL, 0, 0, "only those of Linux", 1 },
	{ "eleven", KEY_ELEVEN, 0, 0, "only those of eleven's own stacks", 1 },
	{ NULL, 0, 0, 0, "How they are shown:", 2 },
	{ "ladder", KEY_LADDER, 0, 0, "the sequence diagram of each connection, both ends if both are here", 2 },
	{ "rules", 'r', 0, 0, "other decisions too: retransmissions, drops, challenges, resets for nobody", 2 },
	{ "json", KEY_JSON, 0, 0, "one JSON object a line", 2 },
	{ "ascii", KEY_ASCII, 0, 0, "no characters beyond ASCII (default where the locale has none)", 2 },
	{ NULL, 0, 0, 0, "For Linux's connections:", 3 },
	{ "backend", KEY_BACKEND, "NAME", 0, "bpf, trace (tracefs), poll (sock_diag, any user), or auto: the best", 3 },
	{ "stack", KEY_STACK, 0, 0, "where in the program connect, accept, close and shutdown were called", 3 },
	{ "record", KEY_RECORD, "FILE", 0, "write what is shown into a file, too", 3 },
	{ "read", KEY_READ, "FILE", 0, "show what --record wrote, instead of what happens now", 3 },
	{ "this-namespace", KEY_HERE, 0, 0, "this network namespace only", 3 },
	{ NULL, 0, 0, 0, "For eleven's:", 4 },
	{ "causes", 'v', 0, 0, "with --ladder: below each change of state the rule that made it", 4 },
	{ "full", KEY_FULL, 0, 0, "with --ladder: every segment, also of bulk text", 4 },
	{ "all", KEY_ALL, 0, 0, "first what the trace holds from before (--ladder does so anyway)", 4 },
	{ "once", KEY_ONCE, 0, 0, "only what the trace holds from before, then stop", 4 },
	{ "host", KEY_HOST, "NAME", 0, "this virtual host only", 4 },
	{ 0 },
};

static enum live_backend backend_parse(const char *name)
{
	static const char *const names[] = { [LIVE_BACKEND_AUTO] = "auto", [LIVE_BACKEND_BPF] = "bpf",
					     [LIVE_BACKEND_TRACE] = "trace", [LIVE_BACKEND_POLL] = "poll" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	verb_usage("'%s' is no backend: auto, bpf, trace or poll", name);
}

static error_t parse_kernel(int key, char *argument, struct watch_arguments *a)
{
	switch (key) {
	case KEY_KERNEL: a->kernel = true; return 0;
	case KEY_BACKEND:
		a->backend = backend_parse(argument);
		a->backend_named = true;
		return 0;
	case KEY_STACK: a->stack = true; return 0;
	case KEY_RECORD: a->record = argument; return 0;
	case KEY_READ: a->read = argument; return 0;
	case KEY_HERE: a->one_namespace = true; return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct watch_arguments *a = state->input;

	switch (key) {
	case KEY_LADDER: a->ladder = true; return 0;
	case 'v': a->ladder_options.causes = true; return 0;
	case KEY_FULL: a->ladder_options.full = true; return 0;
	case 'r': a->rules = true; return 0;
	case KEY_ALL: a->all = true; return 0;
	case KEY_ONCE: a->once = true; return 0;
	case KEY_HOST: a->host = argument; return 0;
	case KEY_JSON: a->json = true; return 0;
	case KEY_ASCII: a->ascii = true; return 0;
	case KEY_ELEVEN: a->eleven = true; return 0;
	case ARGP_KEY_ARG:
		if (a->word_count == WATCH_WORDS_MAX)
			verb_usage("a filter has at most %d words", WATCH_WORDS_MAX);
		a->words[a->word_count++] = argument;
		return 0;
	default: return parse_kernel(key, argument, a);
	}
}

static const struct argp argp = {
	options, parse, "[FILTER...]",
	"Print each change of state of each connection with its cause and its owner, as it happens: Linux's "
	"connections, and those of eleven's stacks if a host process runs. With --ladder the conversation of both "
	"ends.\vA FILTER is :PORT, ADDRESS, ADDRESS:PORT, the state that is entered or left, 'state S', '( sport = "
	":80 or dport = :443 )', 'src/dst CIDR', 'pid N', 'comm NAME', 'uid U', 'netns N' …, joined by and, or, not. "
	"A bare § is a paragraph of RFC 9293.", NULL, NULL, NULL,
};

struct watch {
	const struct watch_arguments *arguments;
	struct ladder *ladder;
	struct view_event *early;       /* of the backlog: put in order before they are printed */
	size_t early_count, early_room;
	uint64_t started;               /* --once ends here */
	uint64_t last_old;              /* when the last record from before was received */
	uint64_t last;                  /* time of the line before */
};

static bool watch_wants(const struct watch_arguments *a, const struct view_event *event)
{
	const struct eleven_trace *trace = &event->trace;
	struct conn_view conn;

	conn_view_init(&conn);
	snprintf(conn.host, sizeof(conn.host), "%s", event->host);
	conn.family = 4;
	conn.local = trace->local;
	conn.remote = trace->remote;
	if (a->ladder)
		return filter_may_take(a->filter, &conn);
	conn.state = trace->state_after;
	if (filter_takes(a->filter, &conn))
		return true;
	conn.state = trace->state_before;
	return filter_takes(a->filter, &conn);
}

static void event_print(struct watch *watch, const struct view_event *event)
{
	char line[EVENT_LINE_MAX];

	if (watch->arguments->json) {
		json_line(stdout, json_event(event));
		return;
	}
	text_put(stdout, event_line(line, event, &watch->last), watch->arguments->ascii);
	putchar('\n');
}

static int event_compare(const void *left, const void *right)
{
	const struct view_event *a = left, *b = right;
	int order = (a->trace.time > b->trace.time) - (a->trace.time < b->trace.time);

	return order ? order : (a->trace.serial > b->trace.serial) - (a->trace.serial < b->trace.serial);
}

static void early_print(struct watch *watch)
{
	if (watch->early_count > 1)
		qsort(watch->early, watch->early_count, sizeof(*watch->early), event_compare);
	for (size_t i = 0; i < watch->early_count; i++)
		event_print(watch, &watch->early[i]);
	watch->early_count = 0;
}

static uint64_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void on_event(void *context, const struct view_event *event)
{
	struct watch *watch = context;

	if (watch->arguments->once) {
		if (event->trace.time > watch->started)
			return;
		watch->last_old = clock_now();
	}
	if (!watch_wants(watch->arguments, event))
		return;
	if (watch->ladder != NULL) {
		ladder_add(watch->ladder, event);
		return;
	}
	if (watch->early_count == watch->early_room) {
		watch->early_room = watch->early_room ? 2 * watch->early_room : 256;
		watch->early = realloc(watch->early, watch->early_room * sizeof(*watch->early));
		if (watch->early == NULL)
			verb_fail("out of memory");
	}
	watch->early[watch->early_count++] = *event;
}

static void watch_show(struct watch *watch, bool final)
{
	if (watch->ladder != NULL)
		ladder_draw(watch->ladder, final, clock_now());
	else
		early_print(watch);
	fflush(stdout);
}

/* True while what was there from before is still coming. */
static bool watch_is_early(const struct watch *watch)
{
	return !watch->arguments->once || clock_now() < watch->last_old + QUIET_MS * 1000000ull;
}

/* Takes messages until there is quiet, or for a second at most (for what was there before: ten). */
static int watch_batch(struct client *client, struct watch *watch, struct eleven_source_sink *sink, bool early)
{
	uint64_t end = clock_now() + (early ? 10 : 1) * 1000000000ull;
	int got = 1;

	while (got > 0 && clock_now() < end && (!early || watch_is_early(watch)))
		got = eleven_source_next(client, sink, early ? QUIET_MS : TOGETHER_MS);
	return got < 0 ? got : 0;
}

static int watch_follow(struct client *client, struct watch *watch)
{
	struct eleven_source_sink sink = { .event = on_event, .context = watch };
	bool early = watch->arguments->all || watch->arguments->once || watch->ladder != NULL;
	int got = 0;

	watch->started = watch->last_old = clock_now();
	while (got >= 0 && !ferror(stdout)) {
		if (!early)
			got = eleven_source_next(client, &sink, -1);
		if (got >= 0)
			got = watch_batch(client, watch, &sink, early);
		watch_show(watch, watch->arguments->once);
		if (sink.lost > 0)
			fprintf(stderr, "%s: %llu records are lost: they were overwritten before they could be read\n",
				program_invocation_name, (unsigned long long)sink.lost);
		sink.lost = 0;
		if (watch->arguments->once)
			break;
		early = false;
	}
	return got;
}

static struct ladder *ladder_open(struct client *client, const struct watch_arguments *a)
{
	struct control_host *hosts;
	int count = eleven_source_hosts(client, &hosts);
	struct ladder *ladder = ladder_create(stdout, &a->ladder_options);

	for (int i = 0; i < count; i++) {
		if (a->host == NULL || strcmp(a->host, hosts[i].name) == 0)
			ladder_host(ladder, hosts[i].name, &hosts[i].address);
	}
	free(hosts);
	return ladder;
}

/* Both at once: whichever has something is looked at; a turn of the kernel's is short. */
static int both_follow(struct client *client, struct watch *watch, struct kernel_watch *kernel)
{
	struct eleven_source_sink sink = { .event = on_event, .context = watch };
	int got = 0;

	watch->started = watch->last_old = clock_now();
	while (got >= 0 && kernel_watch_turn(kernel, -1, client->fd)) {
		do
			got = eleven_source_next(client, &sink, 0);
		while (got > 0);
		watch_show(watch, false);
	}
	return watch_over() ? 0 : got;
}

static int kernel_follow(const struct watch_arguments *a)
{
	struct kernel_watch *kernel = kernel_watch_open(a);

	while (kernel_watch_turn(kernel, -1, -1))
		;
	return kernel_watch_close(kernel);
}

static int eleven_follow(struct client *client, const struct watch_arguments *a)
{
	struct watch watch = { .arguments = a };
	struct kernel_watch *kernel = NULL;
	unsigned kinds = 1u << ELEVEN_TRACE_TRANSITION;
	int error, status = 0;

	if (a->rules)
		kinds |= 1u << ELEVEN_TRACE_RULE;
	if (a->ladder)
		kinds = (1u << ELEVEN_TRACE_KINDS) - 1;
	if (a->ladder && !a->json)
		watch.ladder = ladder_open(client, a);
	error = eleven_source_trace(client, a->host, kinds, a->all || a->once || a->ladder);
	if (error >= 0 && a->kernel) {
		kernel = kernel_watch_open(a);
		error = both_follow(client, &watch, kernel);
		status = kernel_watch_close(kernel);
	} else if (error >= 0) {
		error = watch_follow(client, &watch);
	}
	if (error < 0)
		client_complain(client, error);
	if (watch.ladder != NULL)
		ladder_destroy(watch.ladder);
	free(watch.early);
	return error < 0 || ferror(stdout) ? 1 : status;
}

/* Without --kernel or --eleven both are watched, but for what only one of them has. */
static void sources_choose(struct watch_arguments *a)
{
	bool of_kernel = a->backend_named || a->stack || a->record || a->one_namespace;
	bool of_eleven = a->once || a->all || a->host || a->ladder_options.full || a->ladder_options.causes;

	if (a->kernel || a->eleven)
		return;
	if (of_kernel && of_eleven)
		verb_usage("options for Linux's and for eleven's connections: choose --kernel, --eleven or both");
	a->kernel = !of_eleven;
	a->eleven = !of_kernel;
}

int verb_watch(int argc, char **argv)
{
	struct watch_arguments a = { .ascii = !text_utf8_wanted() };
	char problem[FILTER_PROBLEM_MAX];
	struct client client;
	bool both;
	int status;

	verb_parse(&argp, 0, argc, argv, &a);
	a.filter = filter_parse(a.word_count, a.words, problem);
	if (a.filter == NULL)
		verb_usage("%s", problem);
	if (a.ladder && filter_has_state(a.filter))
		verb_usage("--ladder shows whole connections: name one by :PORT or its addresses, not by a state");
	a.ladder_options.ascii = a.ascii;
	if (a.read != NULL) {
		status = kernel_watch_read(&a);
		filter_free(a.filter);
		return status;
	}
	both = !a.kernel && !a.eleven;
	sources_choose(&a);
	if (a.kernel)
		watch_signals();
	if (a.eleven && a.kernel && both) {
		if (client_open(&client) < 0)
			a.eleven = false;       /* no host process: nothing of ours to see */
	} else if (a.eleven) {
		client_open_or_die(&client);
	}
	if (a.eleven) {
		status = eleven_follow(&client, &a);
		client_close(&client);
	} else {
		status = kernel_follow(&a);
	}
	filter_free(a.filter);
	return status;
}
