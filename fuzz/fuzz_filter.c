/* SPDX-License-Identifier: MIT */
/*
 * The filter language: any words either make a filter or one sentence of printable characters, and the filter can be
 * asked about any connection.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/choice.h"
#include "fuzz/must.h"
#include "fuzz/target.h"
#include "view/filter.h"

#define WORDS_MAX 24

/*
 * Pieces of the language, so that chance comes to speak it.  What follows src and dst would be looked up as a name of a
 * host, so these come with their address.
 */
static const char *const pieces[] = {
	"state", "exclude", "established", "time-wait", "FIN_WAIT2", "all", "(", ")", "and", "or", "not", "!", "sport",
	"dport", "src 10.0.0.1", "dst = [::1]:443", "src != 10/8:80", "dst *", "src :", "dst 1.2.3.4/", "=", "!=", "<",
	">=", ":80", ":1024", "10.0.0.1", "10/8", "[::1]:443", "127.0.0.1/33", "*",
	"pid", "uid", "fd", "netns", "age", "unread", "1", "10s", "5ms", "host", "comm", "x*", "10.0.0.1:8000-10.0.0.2",
	":::", "[", "]:", "/", "&&", "||", ",", "0x10", "99999999999999999999",
};

static void word_any(struct choice *c, char *out, size_t n)
{
	const char *piece = pieces[choice_below(c, sizeof(pieces) / sizeof(pieces[0]))];

	if (choice_percent(c, 90)) {
		strncpy(out, piece, n - 1);
		out[n - 1] = '\0';
		return;
	}
	/* Bytes that no resolver would be asked about: no letter first. */
	out[0] = (char)(0x21 + choice_below(c, 0x20));
	choice_fill(c, out + 1, n - 2);
	out[1 + choice_below(c, (uint32_t)n - 2)] = '\0';
	for (char *at = out; *at != '\0'; at++)
		*at = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ? '7' : *at;
}

static void conn_any(struct choice *c, struct conn_view *conn)
{
	conn_view_init(conn);
	conn->state = (enum eleven_state)choice_below(c, ELEVEN_STATES);
	conn->family = choice_below(c, 2) ? 4 : 6;
	choice_fill(c, &conn->local, sizeof(conn->local));
	choice_fill(c, &conn->remote, sizeof(conn->remote));
	conn->recvq = choice_below(c, 3) ? choice_number(c, 2) : VIEW_ABSENT;
	conn->age_ns = choice_below(c, 3) ? choice_number(c, 8) : VIEW_ABSENT;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct choice c = choice_bytes(bytes, n);
	char text[WORDS_MAX][40], *words[WORDS_MAX] = { 0 }, problem[FILTER_PROBLEM_MAX] = "";
	int count = (int)choice_below(&c, WORDS_MAX + 1);
	struct filter *filter;
	struct conn_view conn;

	for (int i = 0; i < count; i++) {
		word_any(&c, text[i], sizeof(text[i]));
		words[i] = text[i];
	}
	filter = filter_parse(count, words, problem);
	if (filter == NULL) {
		MUST(problem[0] != '\0' && strlen(problem) < sizeof(problem));
		for (const char *at = problem; *at != '\0'; at++)
			MUST(*at >= ' ' && *at < 0x7f);
		return 0;
	}
	MUST(!(count == 0 && !filter_is_empty(filter)));
	for (int i = 0; i < 4; i++) {
		conn_any(&c, &conn);
		/* What passes may pass, whatever is not known of it. */
		MUST(!filter_takes(filter, &conn) || filter_may_take(filter, &conn));
		MUST(!filter_takes(filter, &conn) || (filter_states(filter) >> conn.state & 1));
	}
	filter_free(filter);
	return 0;
}
