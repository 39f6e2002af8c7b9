/* SPDX-License-Identifier: MIT */
/*
 * `eleven replay`: makes a recorded run again, call by call, and says whether the same came out; shows any part of
 * it, and what each connection waited for at any moment of it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/replay.h"
#include "host/units.h"
#include "replay_mark.h"
#include "verbs.h"
#include "view/diagram.h"
#include "view/eleven_source.h"
#include "view/event.h"
#include "view/json.h"
#include "view/ladder.h"

enum { KEY_UNTIL = 256, KEY_FROM, KEY_LADDER, KEY_FULL, KEY_SEGMENTS, KEY_EXPLAIN, KEY_HOST, KEY_JSON, KEY_ASCII };

enum show { SHOW_NOTHING, SHOW_TRANSITIONS, SHOW_SEGMENTS, SHOW_LADDER };

struct arguments {
	const char *path, *host;
	struct mark from, until;
	struct view_filter filter;
	struct ladder_options ladder;
	enum show show;
	bool explain, json, ascii, filtered;
};

static const struct argp_option options[] = {
	{ "until", KEY_UNTIL, "MARK", 0, "stop there, and explain what is open then", 0 },
	{ "from", KEY_FROM, "MARK", 0, "show nothing before", 0 },
	{ "ladder", KEY_LADDER, 0, 0, "the sequence diagram of each connection", 0 },
	{ "causes", 'v', 0, 0, "with --ladder: below each change of state the rule that made it", 0 },
	{ "full", KEY_FULL, 0, 0, "with --ladder: every segment, also of bulk text", 0 },
	{ "transitions", 't', 0, 0, "changes of state, a line each", 0 },
	{ "segments", KEY_SEGMENTS, 0, 0, "segments, numbered, a line each", 0 },
	{ "explain", KEY_EXPLAIN, 0, 0, "at the end, what each connection waits for (--until does so anyway)", 0 },
	{ "host", KEY_HOST, "NAME", 0, "this virtual host only", 0 },
	{ "json", KEY_JSON, 0, 0, "one JSON object a line", 0 },
	{ "ascii", KEY_ASCII, 0, 0, "no characters beyond ASCII", 0 },
	{ 0 },
};

static void mark_read(struct mark *mark, const char *option, const char *word)
{
	if (!mark_parse(mark, word))
		verb_usage("%s '%s': a moment is " MARK_WORDS, option, word);
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case KEY_UNTIL: mark_read(&a->until, "--until", argument); return 0;
	case KEY_FROM: mark_read(&a->from, "--from", argument); return 0;
	case KEY_LADDER: a->show = SHOW_LADDER; return 0;
	case 'v': a->ladder.causes = true; return 0;
	case KEY_FULL: a->ladder.full = true; return 0;
	case 't': a->show = SHOW_TRANSITIONS; return 0;
	case KEY_SEGMENTS: a->show = SHOW_SEGMENTS; return 0;
	case KEY_EXPLAIN: a->explain = true; return 0;
	case KEY_HOST: a->host = argument; return 0;
	case KEY_JSON: a->json = true; return 0;
	case KEY_ASCII: a->ascii = true; return 0;
	case ARGP_KEY_NO_ARGS:
		verb_usage("which recording? 'eleven up --record FILE' makes one");
	case ARGP_KEY_ARG:
		if (!a->path)
			a->path = argument;
		else if (!view_filter_parse(&a->filter, argument) || a->filter.state != ELEVEN_STATES)
			verb_usage("'%s' is no filter: :PORT, ADDRESS, ADDRESS:PORT, or two of them joined by -",
				   argument);
		else
			a->filtered = true;
		return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	options, parse, "FILE [FILTER...]",
	"Run a recording of 'eleven up --record FILE' again: the same stacks, the same packets and calls at the same "
	"times. Status 1 when anything comes out that did not then, or when the file is damaged or cut off, and "
	"where.\v"
	"A MARK is the number of a segment as --segments counts them, a time since the beginning such as 1.5s, a "
	"state that is entered, a transition STATE->STATE, a rule such as FIN_CLOSE_WAIT, or the flags of a segment "
	"in packetdrill's notation (S, S., F., R). With a FILTER or --host, of what these let through.",
	NULL, NULL, NULL,
};

struct run {
	const struct arguments *arguments;
	struct replay *replay;
	struct ladder *ladder;
	unsigned ladder_hosts;
	uint64_t segments, first, last, last_line;
	bool began;                     /* what is to be shown */
	bool stopped;
	struct view_event stop;         /* the record that --until met */
};

/* ---------------------------------------------------------------- showing */

static void event_show(struct run *run, const struct view_event *event)
{
	const struct arguments *a = run->arguments;
	bool segment = event->trace.kind == ELEVEN_TRACE_IN || event->trace.kind == ELEVEN_TRACE_OUT;
	char line[EVENT_LINE_MAX];

	if (a->show == SHOW_LADDER && !a->json) {
		ladder_add(run->ladder, event);
		return;
	}
	if (a->show == SHOW_NOTHING || (a->show == SHOW_SEGMENTS && !segment) ||
	    (a->show == SHOW_TRANSITIONS && event->trace.kind != ELEVEN_TRACE_TRANSITION))
		return;
	if (a->json) {
		json_line(stdout, json_event(event));
		return;
	}
	if (a->show == SHOW_SEGMENTS) {
		printf("%6" PRIu64 " ", run->segments);
		text_put(stdout, event_segment_line(line, event), a->ascii);
	} else {
		text_put(stdout, event_line(line, event, &run->last_line), a->ascii);
	}
	putchar('\n');
}

static void on_trace(void *context, unsigned stack, const struct eleven_trace *record)
{
	struct run *run = context;
	const struct arguments *a = run->arguments;
	struct view_event event = { .wall_offset = replay_wall_offset(run->replay), .trace = *record };
	const char *name;

	run->first = run->first ? run->first : record->time;
	run->segments += record->kind == ELEVEN_TRACE_IN || record->kind == ELEVEN_TRACE_OUT;
	replay_stack(run->replay, stack, &name);
	text_escape(event.host, sizeof(event.host), name, strlen(name));
	if (run->stopped || (a->host && strcmp(a->host, name) != 0) ||
	    !view_filter_endpoints(&a->filter, event.host, &record->local, &record->remote))
		return;
	if (!run->began && a->from.kind != MARK_NONE)
		run->began = mark_is(&a->from, record, run->segments, run->first);
	else
		run->began = true;
	if (run->began)
		event_show(run, &event);
	if (mark_is(&a->until, record, run->segments, run->first)) {
		run->stopped = true;
		run->stop = event;
	}
}

/* ---------------------------------------------------------------- explaining */

static void stack_view(struct run *run, unsigned number, struct view *view)
{
	struct control_status row = { .now = run->last };
	uint64_t cursor = 0;
	const char *name;
	struct eleven *stack = replay_stack(run->replay, number, &name);

	memcpy(row.host, name, strnlen(name, sizeof(row.host) - 1));
	while (eleven_status_next(stack, &cursor, &row.status))
		eleven_source_conn(view_add(view), &row, NULL);
}

static void connections_explain(struct run *run)
{
	const struct arguments *a = run->arguments;
	struct diagram_options look = { .ascii = a->ascii };
	struct view view = { 0 };
	size_t told = 0;

	for (unsigned i = 0; replay_stack(run->replay, i, NULL); i++)
		stack_view(run, i, &view);
	view_sort(&view);
	for (size_t i = 0; i < view.count; i++) {
		const struct conn_view *conn = &view.conns[i];

		if (!view_filter_conn(&a->filter, conn) || (a->host && strcmp(a->host, conn->host) != 0))
			continue;
		told++;
		if (a->json) {
			json_line(stdout, json_conn(conn));
			continue;
		}
		putchar('\n');
		diagram_conn(stdout, &look, &view, conn);
	}
	if (told == 0 && !a->json)
		puts("no connection is open");
	view_free(&view);
}

static void stop_print(const struct run *run)
{
	bool segment = run->stop.trace.kind == ELEVEN_TRACE_IN || run->stop.trace.kind == ELEVEN_TRACE_OUT;
	char line[EVENT_LINE_MAX], time[UNITS_TEXT_MAX];
	uint64_t last = 0;

	if (run->arguments->json)
		return;
	printf("stopped %s after the beginning, at byte %" PRIu64 " of the file, segment %" PRIu64 "\n  ",
	       units_time_print(time, (run->stop.trace.time - run->first) / 1000 * 1000),
	       replay_offset(run->replay), run->segments);
	text_put(stdout, segment ? event_segment_line(line, &run->stop) : event_line(line, &run->stop, &last),
		 run->arguments->ascii);
	putchar('\n');
}

static void sum_print(const struct run *run, uint64_t records)
{
	char text[UNITS_TEXT_MAX];
	struct eleven *stack;
	const char *name;

	for (unsigned i = 0; (stack = replay_stack(run->replay, i, &name)); i++) {
		struct eleven_stats stats;

		eleven_stats(stack, &stats);
		printf("host %-10s %" PRIu64 " packets in, %" PRIu64 " out, %u connections\n", name, stats.packets_in,
		       stats.packets_out, stats.connections);
	}
	printf("trace hash %016" PRIx64 "\n", replay_hash(run->replay));
	if (!run->stopped)
		printf("%" PRIu64 " records over %s: all as it was\n", records,
		       units_time_print(text, (run->last - run->first) / 1000000 * 1000000));
}

/* ---------------------------------------------------------------- running */

/* Both ends' names, as soon as there are stacks that have them. */
static void ladder_know_hosts(struct run *run)
{
	const char *name;

	while (replay_stack(run->replay, run->ladder_hosts, &name)) {
		ladder_host(run->ladder, name, &replay_interface(run->replay, run->ladder_hosts)->address);
		run->ladder_hosts++;
	}
}

static int replay_run(struct run *run, uint64_t *records, char *problem, size_t problem_bytes)
{
	int result = 1;

	while (!run->stopped && (result = replay_step(run->replay, problem, problem_bytes)) > 0) {
		uint64_t time = replay_head(run->replay)->time;

		if (run->ladder)
			ladder_know_hosts(run);
		++*records;
		run->last = time ? time : run->last;
		run->first = run->first ? run->first : time;
	}
	if (run->ladder)
		ladder_draw(run->ladder, true, run->last);
	return result;
}

int verb_replay(int argc, char **argv)
{
	struct arguments a = { .ascii = !text_utf8_wanted() };
	struct run run = { .arguments = &a };
	uint64_t records = 0;
	char problem[256];
	int result;

	view_filter_init(&a.filter);
	verb_parse(&argp, 0, argc, argv, &a);
	a.ladder.ascii = a.ascii;
	if (replay_open(&run.replay, a.path, problem, sizeof(problem)) < 0)
		verb_fail("%s: %s", a.path, problem);
	if (a.show == SHOW_LADDER && !a.json)
		run.ladder = ladder_create(stdout, &a.ladder);
	replay_on_trace(run.replay, on_trace, &run);
	result = replay_run(&run, &records, problem, sizeof(problem));
	if (run.stopped)
		stop_print(&run);
	if (run.stopped || (a.explain && result >= 0))
		connections_explain(&run);
	else if (result == 0 && !a.json && a.show == SHOW_NOTHING)
		sum_print(&run, records);
	fflush(stdout);
	if (run.ladder)
		ladder_destroy(run.ladder);
	replay_close(run.replay);
	if (result < 0)
		verb_fail("%s: %s", a.path, problem);
	if (a.until.kind != MARK_NONE && !run.stopped)
		verb_fail("%s: the run ends, and '%s' never came", a.path, a.until.word);
	return ferror(stdout) ? 1 : 0;
}
