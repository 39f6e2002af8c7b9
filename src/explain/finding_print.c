/* SPDX-License-Identifier: MIT */
/* Findings as text and as JSON; see finding.h. */
#include <string.h>

#include "base/check.h"
#include "explain/finding.h"
#include "view/json.h"
#include "view/netstat.h"
#include "view/text.h"

#define COLUMNS    118
#define INDENT     11
#define CONNS_SHOWN 50                  /* in JSON */

static const char *const levels[] = { "info", "warning", "problem" };
static const char *const confidences[] = { "possible", "likely", "sure" };

/* A space that no line is broken at. */
#define GLUE '\x1f'

/* Where the line that begins at `text` ends, if it may take `width` columns: one word at least. */
static size_t line_fit(const char *text, size_t width)
{
	size_t end = strcspn(text, " "), next = end;

	while (text[next] == ' ') {
		next += 1 + strcspn(text + next + 1, " ");
		if (next > width)
			break;
		end = next;
	}
	return end;
}

static size_t lines_needed(const char *text, size_t width)
{
	size_t lines = 0;

	for (; *text != '\0'; lines++) {
		text += line_fit(text, width);
		text += *text == ' ';
	}
	return lines;
}

/* `  why     words words`, continued below its beginning, and in lines of about one length. */
static void words_print(FILE *out, const char *label, const char *text)
{
	size_t width = COLUMNS - INDENT, lines = lines_needed(text, width);

	while (width > (COLUMNS - INDENT) / 2 && lines > 1 && lines_needed(text, width - 1) == lines)
		width--;
	for (size_t line = 0; line < lines; line++) {
		size_t n = line_fit(text, width);

		fprintf(out, line == 0 ? "  %-*s" : "  %*s", INDENT - 2, line == 0 ? label : "");
		for (size_t i = 0; i < n; i++)
			fputc(text[i] == GLUE ? ' ' : text[i], out);
		fputc('\n', out);
		text += n + (text[n] == ' ');
	}
}

static void since_print(FILE *out, const struct finding *finding)
{
	static const char *const words[] = { "", "", "at least ", "at most " };
	char time[TEXT_TIME_MAX], line[FINDING_TEXT_MAX];
	const char *how = finding->since_how != NULL ? finding->since_how : "";
	bool of_tcp_info = strncmp(how, "last_", 5) == 0 || strstr(how, "_time") != NULL ||
			   strstr(how, "limited") != NULL;

	if (finding->since_bound == VIEW_UNKNOWN)
		return;
	text_duration(time, finding->since_ns);
	snprintf(line, sizeof(line), "%s%s (%s%s)%s", words[finding->since_bound], time,
		 of_tcp_info && strchr(how, ' ') == NULL ? "tcpi_" : "", how, finding->count > 1 ? ", the oldest" : "");
	words_print(out, "since", line);
}

static void who_print(FILE *out, const struct finding *finding)
{
	char line[FINDING_TEXT_MAX], events[USE_DOING_MAX];
	size_t shown = 0;

	for (size_t i = 0; i < finding->owner_count && shown < 4; i++) {
		const struct view_owner *owner = &finding->owners[i];
		size_t used = 0;

		if (i > 0 && owner->pid == finding->owners[i - 1].pid)
			continue;       /* its other descriptors follow in the same line */
		used = (size_t)snprintf(line, sizeof(line), "%s (%d)", owner->comm, (int)owner->pid);
		if (owner->fd >= 0)
			used += (size_t)snprintf(line + used, sizeof(line) - used, " fd %d", owner->fd);
		for (size_t j = i + 1; j < finding->owner_count && finding->owners[j].pid == owner->pid; j++) {
			if (j - i == 8)
				used += (size_t)snprintf(line + used, sizeof(line) - used, ",...");
			if (j - i >= 8)
				break;
			used += (size_t)snprintf(line + used, sizeof(line) - used, ",%d", finding->owners[j].fd);
		}
		if (owner->tid != 0 && owner->tid != owner->pid)
			snprintf(line + used, sizeof(line) - used, ", thread %d", (int)owner->tid);
		words_print(out, shown++ == 0 ? "who" : "", line);
	}
	for (size_t i = 0; i < finding->thread_count && i < 6; i++) {
		const struct finding_thread *thread = &finding->threads[i];

		snprintf(line, sizeof(line), "thread %d (%s) %s", (int)thread->tid, thread->comm, thread->doing);
		words_print(out, shown++ == 0 ? "who" : "", line);
	}
	if (finding->registered) {
		snprintf(line, sizeof(line), "fd %d is in epoll %d with %s", finding->registration.fd,
			 finding->registration.epoll_fd, use_events(events, finding->registration.events));
		words_print(out, shown == 0 ? "who" : "", line);
	}
}

/* One item after the other, and lines are broken between them only. */
static void evidence_print(FILE *out, const struct finding *finding)
{
	char line[FINDING_EVIDENCE_MAX * 160];
	size_t used = 0;

	line[0] = '\0';
	for (size_t i = 0; i < finding->evidence_count && used < sizeof(line) - 160; i++) {
		const struct evidence *e = &finding->evidence[i];
		size_t from = used;

		used += (size_t)snprintf(line + used, sizeof(line) - used, "%s=%s (%s)%s", e->field, e->value,
					 e->source, i + 1 < finding->evidence_count ? "," : "");
		for (; from < used; from++)
			line[from] = line[from] == ' ' ? GLUE : line[from];
		if (i + 1 < finding->evidence_count)
			line[used++] = ' ';
		line[used] = '\0';
	}
	words_print(out, "evidence", line);
}

/* What, and at the right end which verdict: in a line of its own if there is no room for both in one. */
static void head_print(FILE *out, const struct finding *finding)
{
	char tail[96];
	int pad;

	snprintf(tail, sizeof(tail), "%s, %s%s", verdict_row(finding->verdict)->id,
		 finding->level == LEVEL_INFO ? "info, " : "", confidences[finding->confidence]);
	pad = COLUMNS - (int)strlen(finding->what) - (int)strlen(tail);
	if (pad >= 2)
		fprintf(out, "%s%*s%s\n", finding->what, pad, "", tail);
	else
		fprintf(out, "%s\n%*s%s\n", finding->what, COLUMNS - (int)strlen(tail), "", tail);
}

void finding_print(FILE *out, const struct finding *finding)
{
	const struct verdict_row *row = verdict_row(finding->verdict);

	head_print(out, finding);
	since_print(out, finding);
	words_print(out, "peer", finding->peer);
	if (finding->level > LEVEL_INFO) {
		who_print(out, finding);
		evidence_print(out, finding);
	}
	words_print(out, "why", finding->why[0] != '\0' ? finding->why : row->sentence);
	words_print(out, "where", finding->where);
	words_print(out, "fix", finding->fix[0] != '\0' ? finding->fix : row->remedy);
	words_print(out, "more", finding->more);
}

/* ---------------------------------------------------------------- JSON */

static void put(json_t *object, const char *key, json_t *value)
{
	CHECK(value != NULL && json_object_set_new(object, key, value) == 0);
}

static void put_text(json_t *object, const char *key, const char *text)
{
	if (text[0] != '\0')
		put(object, key, json_string(text));
}

static void append(json_t *list, json_t *value)
{
	CHECK(value != NULL && json_array_append_new(list, value) == 0);
}

static json_t *owners_json(const struct finding *finding)
{
	json_t *list = json_array();

	for (size_t i = 0; i < finding->owner_count; i++) {
		const struct view_owner *owner = &finding->owners[i];
		json_t *one = json_object();
		size_t threads = 0;
		pid_t tid = 0, on = 0;

		for (size_t t = 0; t < finding->thread_count; t++) {
			if (finding->threads[t].pid != owner->pid)
				continue;
			threads++;
			tid = finding->threads[t].tid;
			on = finding->threads[t].on_descriptor && on == 0 ? tid : on;
		}
		put(one, "pid", json_integer(owner->pid));
		if (owner->tid != 0)
			put(one, "tid", json_integer(owner->tid));
		else if (on != 0 || threads == 1)    /* which thread it is of, where that can be said */
			put(one, "tid", json_integer(on != 0 ? on : tid));
		put(one, "comm", json_string(owner->comm));
		if (owner->fd >= 0)
			put(one, "fd", json_integer(owner->fd));
		append(list, one);
	}
	return list;
}

static json_t *threads_json(const struct finding *finding)
{
	json_t *list = json_array();

	for (size_t i = 0; i < finding->thread_count; i++) {
		const struct finding_thread *thread = &finding->threads[i];
		json_t *one = json_object();

		put(one, "pid", json_integer(thread->pid));
		put(one, "tid", json_integer(thread->tid));
		put(one, "comm", json_string(thread->comm));
		put(one, "doing", json_string(thread->doing));
		put(one, "on_fd", json_boolean(thread->on_descriptor));
		append(list, one);
	}
	return list;
}

static json_t *evidence_json(const struct finding *finding)
{
	json_t *list = json_array();

	for (size_t i = 0; i < finding->evidence_count; i++) {
		const struct evidence *e = &finding->evidence[i];
		json_t *one = json_object();
		bool number = e->value[0] != '\0' && strspn(e->value, "0123456789") == strlen(e->value) &&
			      strlen(e->value) < 19;

		put(one, "field", json_string(e->field));
		put(one, "value", number ? json_integer(strtoll(e->value, NULL, 10)) : json_string(e->value));
		put(one, "source", json_string(e->source));
		append(list, one);
	}
	return list;
}

static void put_conns(json_t *row, const struct finding *finding)
{
	json_t *list = json_array();

	for (size_t i = 0; i < finding->kept && i < CONNS_SHOWN; i++)
		append(list, json_conn(finding->conns[i]));
	put(row, "sockets", list);
	if (finding->kept > 0) {
		put(row, "state", json_string(text_state_netstat(finding->conns[0]->state)));
		put(row, "src", json_string(finding->conns[0]->source == VIEW_KERNEL ? "kernel" : "eleven"));
		if (finding->conns[0]->netns != VIEW_ABSENT)
			put(row, "netns", json_integer((json_int_t)finding->conns[0]->netns));
	}
}

json_t *finding_json(const struct finding *finding)
{
	static const char *const bounds[] = { "unknown", "exact", "lower", "upper" };
	const struct verdict_row *verdict = verdict_row(finding->verdict);
	json_t *row = json_object(), *epoll;
	char events[USE_DOING_MAX];

	put(row, "v", json_integer(1));
	put(row, "verdict", json_string(verdict->id));
	put(row, "level", json_string(levels[finding->level]));
	put(row, "confidence", json_string(confidences[finding->confidence]));
	put(row, "what", json_string(finding->what));
	put(row, "count", json_integer((json_int_t)finding->count));
	if (finding->since_bound != VIEW_UNKNOWN) {
		put(row, "since_ms", json_integer((json_int_t)(finding->since_ns / 1000000)));
		put_text(row, "since_how", finding->since_how != NULL ? finding->since_how : "");
		put(row, "since_bound", json_string(bounds[finding->since_bound]));
	}
	put(row, "owners", owners_json(finding));
	put(row, "threads", threads_json(finding));
	if (finding->registered) {
		epoll = json_object();
		put(epoll, "epfd", json_integer(finding->registration.epoll_fd));
		put(epoll, "fd", json_integer(finding->registration.fd));
		put(epoll, "events", json_string(use_events(events, finding->registration.events)));
		put(row, "epoll", epoll);
	}
	put(row, "evidence", evidence_json(finding));
	put_text(row, "why", finding->why);
	put_text(row, "means", verdict->sentence);
	put_text(row, "peer", finding->peer);
	put_text(row, "where", finding->where);
	put_text(row, "fix", finding->fix[0] != '\0' ? finding->fix : verdict->remedy);
	put_text(row, "more", finding->more);
	put_conns(row, finding);
	return row;
}
