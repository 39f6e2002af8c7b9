/* SPDX-License-Identifier: MIT */
/* `eleven states`: the state diagram with the connections now in each state, and what would move them. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "verbs.h"
#include "view/diagram.h"
#include "view/eleven_source.h"
#include "view/json.h"
#include "view/leave.h"
#include "view/text.h"

enum { KEY_HOST = 256, KEY_JSON, KEY_ASCII };

struct arguments {
	struct diagram_options options;
	struct view_filter filter;
	const char *host;
	bool json;
};

static const struct argp_option options[] = {
	{ "host", KEY_HOST, "NAME", 0, "this virtual host only", 0 },
	{ "json", KEY_JSON, 0, 0, "one JSON object a line and connection", 0 },
	{ "ascii", KEY_ASCII, 0, 0, "no characters beyond ASCII (default where the locale has none)", 0 },
	{ 0 },
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case KEY_HOST: a->host = argument; return 0;
	case KEY_JSON: a->json = true; return 0;
	case KEY_ASCII: a->options.ascii = true; return 0;
	case ARGP_KEY_ARG:
		if (!view_filter_parse(&a->filter, argument))
			verb_usage("'%s' is no filter: " VIEW_FILTER_WORDS, argument);
		return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	options, parse, "[FILTER...]",
	"Print the state diagram of TCP with the number of connections in each state, then for each connection its "
	"state, since when, what brought it there, and what has to happen for it to leave.\v"
	"A FILTER is :PORT, ADDRESS, ADDRESS:PORT, two of these joined by -, or a state. "
	"A bare § is a paragraph of RFC 9293.", NULL, NULL, NULL,
};

static void conn_json(const struct view *view, const struct conn_view *conn)
{
	json_t *row = json_conn(conn);
	char leave[LEAVE_MAX];

	json_object_set_new(row, "waits_for", json_string(leave_sentence(leave, conn, view_other_end(view, conn))));
	json_line(stdout, row);
}

/* The rows that the filter wants, borrowed from the whole. */
static struct view view_wanted(const struct view *view, const struct view_filter *filter)
{
	struct view wanted = { 0 };

	for (size_t i = 0; i < view->count; i++) {
		if (view_filter_conn(filter, &view->conns[i]))
			*view_add(&wanted) = view->conns[i];
	}
	return wanted;
}

static void states_print(const struct arguments *a, const struct view *view)
{
	struct view wanted = view_wanted(view, &a->filter);

	if (!a->json)
		diagram_print(stdout, &a->options, &wanted);
	for (size_t i = 0; i < view->count; i++) {
		if (!view_filter_conn(&a->filter, &view->conns[i]))
			continue;
		if (a->json) {
			conn_json(view, &view->conns[i]);
			continue;
		}
		putchar('\n');
		diagram_conn(stdout, &a->options, view, &view->conns[i]);
	}
	free(wanted.conns);
}

int verb_states(int argc, char **argv)
{
	struct view view = { 0 };
	struct arguments a = { .options.ascii = !text_utf8_wanted(), .options.bold = isatty(STDOUT_FILENO) };
	struct client client;
	int error;

	view_filter_init(&a.filter);
	verb_parse(&argp, 0, argc, argv, &a);
	client_open_or_die(&client);
	error = eleven_source_read(&client, a.host, true, &view);
	if (error < 0) {
		client_complain(&client, error);
		client_close(&client);
		return 1;
	}
	states_print(&a, &view);
	view_free(&view);
	client_close(&client);
	return fflush(stdout) != 0 ? 1 : 0;
}
