/* SPDX-License-Identifier: MIT */
/*
 * Everything that prints: connections and records of the trace with any values, through netstat, the diagram, JSON,
 * lines, and the ladder.  What is printed is UTF-8 without control characters, and no wider than it says.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/choice.h"
#include "fuzz/must.h"
#include "fuzz/target.h"
#include "trace/trace.h"
#include "view/diagram.h"
#include "view/json.h"
#include "view/ladder.h"
#include "view/leave.h"
#include "view/netstat.h"

#define CONNS_MAX  4
#define EVENTS_MAX 24

static struct eleven_endpoint endpoint_any(struct choice *c)
{
	struct eleven_endpoint e = { .address.bytes = { [10] = 255, [11] = 255, [12] = 10 } };

	if (choice_percent(c, 5))
		choice_fill(c, &e.address, sizeof(e.address));
	e.address.bytes[15] = (uint8_t)choice_below(c, 3);
	e.port = (uint16_t)(choice_percent(c, 90) ? 8000 + choice_below(c, 3) : choice_number(c, 2));
	return e;
}

static uint64_t figure_any(struct choice *c)
{
	return choice_percent(c, 20) ? VIEW_ABSENT : choice_number(c, 1 + choice_below(c, 8));
}

static void name_any(struct choice *c, char *out, size_t n)
{
	char raw[24];

	choice_fill(c, raw, sizeof(raw));
	text_escape(out, n, raw, 1 + choice_below(c, sizeof(raw)));
}

static void conn_any(struct choice *c, struct conn_view *conn)
{
	uint64_t *figures = (uint64_t *)(void *)&conn->info;

	conn_view_init(conn);
	conn->source = (enum view_source)choice_below(c, 2);
	name_any(c, conn->host, sizeof(conn->host));
	conn->family = choice_below(c, 2) ? 4 : 6;
	conn->local = endpoint_any(c);
	conn->remote = endpoint_any(c);
	conn->state = (enum eleven_state)choice_below(c, ELEVEN_STATES);
	conn->previous = (enum eleven_state)choice_below(c, ELEVEN_STATES + 1);
	conn->sub = (uint32_t)choice_number(c, 4);
	conn->sub_known = choice_percent(c, 80) ? UINT32_MAX : (uint32_t)choice_number(c, 4);
	conn->age_bound = (enum view_bound)choice_below(c, VIEW_UPPER + 1);
	conn->age_ns = figure_any(c);
	conn->age_how = conn->age_bound ? "timer" : NULL;
	conn->opened_ns = figure_any(c);
	conn->rule = choice_percent(c, 80) ? eleven_rule(choice_below(c, RULES)) : NULL;
	conn->last_rule = choice_percent(c, 80) ? eleven_rule(choice_below(c, RULES)) : NULL;
	conn->error = (int)choice_below(c, 140);
	conn->soft_error = (int)choice_below(c, 140);
	conn->recvq = figure_any(c);
	conn->sendq = figure_any(c);
	conn->backlog = figure_any(c);
	conn->timer.kind = (enum eleven_timer)choice_below(c, ELEVEN_TIMERS);
	conn->timer.expires_ns = choice_number(c, 8);
	conn->timer.count = choice_number(c, 2);
	conn->inode = choice_number(c, 4);
	conn->uid = choice_number(c, 2);
	for (size_t i = 0; i < sizeof(conn->info) / sizeof(*figures); i++)
		figures[i] = figure_any(c);
	conn->owner_count = choice_below(c, 3);
	conn->owners = conn->owner_count ? calloc(conn->owner_count, sizeof(*conn->owners)) : NULL;
	conn->owners_known = conn->owner_count || choice_percent(c, 50);
	for (size_t i = 0; i < conn->owner_count; i++) {
		conn->owners[i].pid = (pid_t)choice_number(c, 3);
		conn->owners[i].fd = (int)choice_below(c, 100) - 1;
		name_any(c, conn->owners[i].comm, sizeof(conn->owners[i].comm));
	}
}

static void event_any(struct choice *c, struct view_event *event, uint64_t *time, uint64_t serial)
{
	struct eleven_trace *t = &event->trace;

	memset(event, 0, sizeof(*event));
	strcpy(event->host, choice_below(c, 2) ? "a" : "b");
	*time += choice_number(c, 1 + choice_below(c, 5));
	t->serial = serial;
	t->time = *time;
	t->kind = (uint8_t)choice_below(c, ELEVEN_TRACE_KINDS);
	t->call = (uint8_t)choice_below(c, ELEVEN_CALLS);
	t->timer = (uint8_t)choice_below(c, ELEVEN_TIMERS);
	t->rule = (uint16_t)choice_below(c, RULES);
	t->state_before = (uint8_t)choice_below(c, ELEVEN_STATES);
	t->state_after = (uint8_t)choice_below(c, ELEVEN_STATES);
	t->local = endpoint_any(c);
	t->remote = endpoint_any(c);
	t->packet = choice_below(c, 8);
	t->value = (int64_t)(choice_percent(c, 80) ? choice_number(c, 2) : choice_number(c, 8));
	t->iss = (uint32_t)choice_number(c, 1);
	t->irs = (uint32_t)choice_number(c, 1);
	if (choice_percent(c, 20)) {
		choice_fill(c, &t->segment, sizeof(t->segment));
		t->segment.sack_count %= 5;
		return;
	}
	t->segment.flags = (uint8_t)choice_number(c, 1);
	t->segment.seq = (uint32_t)choice_number(c, 1);
	t->segment.ack = (uint32_t)choice_number(c, 1);
	t->segment.text_bytes = choice_below(c, 3) * 10;
	t->segment.has = (uint8_t)choice_number(c, 1);
}

/* What was printed is text; `columns`, not 0: no line is wider. */
static void text_judge(const char *text, size_t n, size_t columns)
{
	size_t width = 0;

	for (size_t i = 0; i < n; i++) {
		uint8_t byte = (uint8_t)text[i];
		unsigned more = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : byte >= 0xc0 ? 1 : 0;

		MUST((byte >= ' ' && byte != 0x7f) || byte == '\n' || byte == '\t');
		MUST(byte < 0x80 || (more && i + more < n));
		for (; more > 0; more--)
			MUST(((uint8_t)text[++i] & 0xc0) == 0x80);
		width = byte == '\n' ? 0 : width + 1;
		if (columns && width > columns)
			dprintf(2, "too wide: %.*s\n", (int)(i + 1), text);
		MUST(columns == 0 || width <= columns);
	}
}

static void conns_print(struct choice *c, FILE *out)
{
	uint32_t flags = (uint32_t)choice_number(c, 2);
	struct netstat_options options = { flags & 1, flags & 2, flags & 4, flags & 8, flags & 16, flags & 32,
					   flags & 64, flags & 128, flags & 256, flags & 512, flags & 1024,
					   flags & 2048, flags & 4096, flags & 8192, NULL };
	struct diagram_options diagram = { .ascii = flags & 512 };
	struct view view = { 0 };
	unsigned count = choice_below(c, CONNS_MAX + 1);

	options.numeric_hosts = options.numeric_ports = options.numeric_users = true;
	for (unsigned i = 0; i < count; i++)
		conn_any(c, view_add(&view));
	view_sort(&view);
	netstat_heading(out, &options);
	for (size_t i = 0; i < view.count; i++) {
		const struct conn_view *other = view_other_end(&view, &view.conns[i]);
		char sentence[LEAVE_MAX], owner[LEAVE_OWNER_MAX];

		if (netstat_wants(&options, &view.conns[i]))
			netstat_line(out, &options, &view.conns[i], NULL, NULL);
		fprintf(out, "%s %s\n", leave_sentence(sentence, &view.conns[i], other),
			leave_owner(owner, &view.conns[i], "unknown"));
		diagram_conn(out, &diagram, &view, &view.conns[i]);
		json_line(out, json_conn(&view.conns[i]));
	}
	diagram_print(out, &diagram, &view);
	view_free(&view);
}

static void events_print(struct choice *c, FILE *out, FILE *drawn)
{
	struct ladder_options options = { .ascii = choice_percent(c, 30), .causes = choice_percent(c, 50),
					  .full = choice_percent(c, 50) };
	struct ladder *ladder = ladder_create(drawn, &options);
	struct eleven_address address = { .bytes = { [10] = 255, [11] = 255, [12] = 10 } };
	uint64_t time = 1000000000u, last = 0;
	char line[EVENT_LINE_MAX];

	ladder_host(ladder, "a", &address);
	for (unsigned i = 0; i < EVENTS_MAX && !choice_over(c); i++) {
		struct view_event event;

		event_any(c, &event, &time, i + 1);
		fprintf(out, "%s\n", event_line(line, &event, &last));
		fprintf(out, "%s\n", event_segment_line(line, &event));
		fprintf(out, "%s\n", event_cause(line, &event.trace));
		json_line(out, json_event(&event));
		ladder_add(ladder, &event);
		if (choice_percent(c, 20))
			ladder_draw(ladder, false, time);
	}
	ladder_draw(ladder, true, time);
	ladder_destroy(ladder);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct choice c = choice_bytes(bytes, n);
	char *text, *drawing;
	size_t text_bytes, drawing_bytes;
	FILE *out = open_memstream(&text, &text_bytes), *drawn = open_memstream(&drawing, &drawing_bytes);

	if (choice_percent(&c, 50))
		conns_print(&c, out);
	else
		events_print(&c, out, drawn);
	fclose(out);
	fclose(drawn);
	text_judge(text, text_bytes, 0);
	text_judge(drawing, drawing_bytes, LADDER_COLUMNS);
	free(text);
	free(drawing);
	return 0;
}
