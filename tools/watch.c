/* SPDX-License-Identifier: MIT */
/* `eleven watch`: changes of state as they happen, a line each, or as the sequence diagram of each connection. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "verbs.h"
#include "view/eleven_source.h"
#include "view/event.h"
#include "view/json.h"
#include "view/ladder.h"
#include "view/text.h"

/* After this long without a record all that was there from before has come. */
#define QUIET_MS 250
/* A ladder is drawn when it has been quiet for this long: what belongs together comes together. */
#define TOGETHER_MS 30

enum { KEY_HOST = 256, KEY_JSON, KEY_ASCII, KEY_LADDER, KEY_ALL, KEY_ONCE, KEY_FULL };

struct arguments {
	struct view_filter filter;
	struct ladder_options ladder_options;
	const char *host;
	bool ladder, json, all, once, rules, ascii;
};

static const struct argp_option options[] = {
	{ "ladder", KEY_LADDER, 0, 0, "the sequence diagram of each connection: states, segments, calls, timers", 0 },
	{ "causes", 'v', 0, 0, "with --ladder: below each change of state the rule that made it", 0 },
	{ "full", KEY_FULL, 0, 0, "with --ladder: every segment, also of bulk text", 0 },
	{ "rules", 'r', 0, 0, "other decisions too: drops, retransmissions, challenges", 0 },
	{ "all", KEY_ALL, 0, 0, "first what the trace holds from before (--ladder does so anyway)", 0 },
	{ "once", KEY_ONCE, 0, 0, "only what the trace holds from before, then stop", 0 },
	{ "host", KEY_HOST, "NAME", 0, "this virtual host only", 0 },
	{ "json", KEY_JSON, 0, 0, "one JSON object a line and record", 0 },
	{ "ascii", KEY_ASCII, 0, 0, "no characters beyond ASCII (default where the locale has none)", 0 },
	{ 0 },
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *a = state->input;

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
	case ARGP_KEY_ARG:
		if (!view_filter_parse(&a->filter, argument))
			verb_usage("'%s' is no filter: " VIEW_FILTER_WORDS, argument);
		return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	options, parse, "[FILTER...]",
	"Print each change of state of each connection with its cause, as it happens; with --ladder the whole "
	"conversation of both ends.\v"
	"A FILTER is :PORT, ADDRESS, ADDRESS:PORT, two of these joined by -, or the state that is entered or left. "
	"A bare § is a paragraph of RFC 9293.", NULL, NULL, NULL,
};

struct watch {
	const struct arguments *arguments;
	struct ladder *ladder;
	struct view_event *early;       /* of the backlog: put in order before they are printed */
	size_t early_count, early_room;
	uint64_t started;               /* --once ends here */
	uint64_t last_old;              /* when the last record from before was received */
	uint64_t last;                  /* time of the line before */
};

static bool watch_wants(const struct arguments *a, const struct view_event *event)
{
	const struct eleven_trace *trace = &event->trace;

	if (!view_filter_endpoints(&a->filter, event->host, &trace->local, &trace->remote))
		return false;
	return a->ladder || a->filter.state == ELEVEN_STATES || trace->state_before == a->filter.state ||
	       trace->state_after == a->filter.state;
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

static struct ladder *ladder_open(struct client *client, const struct arguments *a)
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

int verb_watch(int argc, char **argv)
{
	struct arguments a = { .ascii = !text_utf8_wanted() };
	struct watch watch = { .arguments = &a };
	struct client client;
	unsigned kinds = 1u << ELEVEN_TRACE_TRANSITION;
	int error;

	view_filter_init(&a.filter);
	verb_parse(&argp, 0, argc, argv, &a);
	if (a.ladder && a.filter.state != ELEVEN_STATES)
		verb_usage("--ladder shows whole connections: name one by :PORT or its addresses, not by a state");
	a.ladder_options.ascii = a.ascii;
	client_open_or_die(&client);
	if (a.rules)
		kinds |= 1u << ELEVEN_TRACE_RULE;
	if (a.ladder)
		kinds = (1u << ELEVEN_TRACE_KINDS) - 1;
	if (a.ladder && !a.json)
		watch.ladder = ladder_open(&client, &a);
	error = eleven_source_trace(&client, a.host, kinds, a.all || a.once || a.ladder);
	if (error >= 0)
		error = watch_follow(&client, &watch);
	if (error < 0)
		client_complain(&client, error);
	if (watch.ladder != NULL)
		ladder_destroy(watch.ladder);
	free(watch.early);
	client_close(&client);
	return error < 0 || ferror(stdout) ? 1 : 0;
}
