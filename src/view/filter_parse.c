/* SPDX-License-Identifier: MIT */
/*
 * Words into a filter; see filter.h.
 *
 * Grammar, as ss(8) has it:  list = either { or either }, either = one { [and] one }, one = not one | ( list ) |
 * condition.  `state`, `exclude` and bare states may stand anywhere outside of parentheses, and add up.
 */
#include <ctype.h>
#include <net/if.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "view/filter_node.h"
#include "view/text.h"

#define WORD_MAX FILTER_WORD_MAX
#define FILTER_WORDS "a FILTER is as in ss(8), or :PORT, ADDRESS, ADDRESS:PORT, two of these joined by -, or a state"

struct parser {
	struct filter *filter;
	char *const *words;
	int count;
	int word;                       /* which is being read */
	const char *at;                 /* in it */
	char token[WORD_MAX];           /* the one to be looked at; empty: the end */
	int token_word;                 /* which it is of */
	int depth;
	uint32_t stated, excluded;
	char *problem;
	bool failed;
};

static void fail(struct parser *p, const char *what, const char *word)
{
	const char *whole = p->token_word < p->count ? p->words[p->token_word] : "";
	char escaped[48], around[48];

	if (p->failed)
		return;
	text_escape(escaped, sizeof(escaped), word, strlen(word));
	text_escape(around, sizeof(around), whole, strlen(whole));
	if (strcmp(word, p->token) == 0 && strcmp(whole, word) != 0 && p->token[0] != '\0')
		snprintf(p->problem, FILTER_PROBLEM_MAX, "'%s' in '%s' %.150s", escaped, around, what);
	else
		snprintf(p->problem, FILTER_PROBLEM_MAX, "'%s' %.150s", escaped, what);
	p->failed = true;
}

/* ---------------------------------------------------------------- tokens */

static size_t operator_bytes(const char *at)
{
	static const char *const operators[] = { "==", "!=", "<=", ">=", "&&", "||", "=", "<", ">", "!", "(", ")", "&",
						 "|", "," };

	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		if (strncmp(at, operators[i], strlen(operators[i])) == 0)
			return strlen(operators[i]);
	}
	return 0;
}

static void token_next(struct parser *p)
{
	size_t n = 0;

	p->token[0] = '\0';
	while (p->word < p->count) {
		while (isspace((unsigned char)*p->at))
			p->at++;
		if (*p->at != '\0')
			break;
		p->word++;
		p->at = p->word < p->count ? p->words[p->word] : "";
	}
	if (p->word >= p->count)
		return;
	n = operator_bytes(p->at);
	if (n == 0) {
		while (p->at[n] != '\0' && !isspace((unsigned char)p->at[n]) && operator_bytes(p->at + n) == 0)
			n++;
	}
	if (n >= WORD_MAX) {
		fail(p, "is too long", p->at);
		return;
	}
	memcpy(p->token, p->at, n);
	p->token[n] = '\0';
	p->token_word = p->word;
	p->at += n;
}

static bool token_is(const struct parser *p, const char *one, const char *two, const char *three)
{
	return strcasecmp(p->token, one) == 0 || (two != NULL && strcasecmp(p->token, two) == 0) ||
	       (three != NULL && strcasecmp(p->token, three) == 0);
}

static int node_add(struct parser *p, enum filter_kind kind)
{
	struct filter *filter = p->filter;

	if (filter->count == FILTER_NODES_MAX) {
		fail(p, "is one condition too many for a filter", p->token);
		return 0;
	}
	filter->nodes[filter->count] = (struct filter_node){ .kind = kind, .operator = FILTER_EQ };
	return filter->count++;
}

/* ---------------------------------------------------------------- states */

static void states_read(struct parser *p, bool exclude)
{
	uint32_t states;

	token_next(p);
	states = filter_states_parse(p->token);
	if (states == 0) {
		fail(p, "is no state, such as established, syn-sent, fin-wait-1, FIN_WAIT1, listening, all, connected",
		     p->token[0] ? p->token : "the end");
		return;
	}
	if (exclude)
		p->excluded |= states;
	else
		p->stated |= states;
	p->filter->has_state = true;
	token_next(p);
}

/* ---------------------------------------------------------------- conditions */

static const struct condition {
	const char *name;
	enum filter_kind kind;
	bool ordered;                   /* < and > mean something */
} conditions[] = {
	{ "sport", FILTER_SPORT, true }, { "dport", FILTER_DPORT, true },
	{ "src", FILTER_SOURCE, false }, { "dst", FILTER_DESTINATION, false },
	{ "dev", FILTER_DEVICE, false }, { "fwmark", FILTER_MARK, false },
	{ "pid", FILTER_PID, false }, { "comm", FILTER_COMM, false }, { "uid", FILTER_UID, false },
	{ "fd", FILTER_FD, false }, { "netns", FILTER_NETNS, false }, { "host", FILTER_HOST, false },
	{ "age", FILTER_AGE, true }, { "unread", FILTER_UNREAD, true }, { "recvq", FILTER_UNREAD, true },
	{ "unsent", FILTER_UNSENT, true }, { "sendq", FILTER_UNSENT, true },
};

/* True if there was one; the next token is looked at then. */
static bool operator_read(struct parser *p, enum filter_operator *operator)
{
	static const struct { const char *word; enum filter_operator operator; } words[] = {
		{ "=", FILTER_EQ }, { "==", FILTER_EQ }, { "eq", FILTER_EQ }, { "is", FILTER_EQ },
		{ "!=", FILTER_NE }, { "ne", FILTER_NE }, { "neq", FILTER_NE },
		{ "<", FILTER_LT }, { "lt", FILTER_LT }, { "<=", FILTER_LE }, { "le", FILTER_LE },
		{ "leq", FILTER_LE }, { ">", FILTER_GT }, { "gt", FILTER_GT }, { ">=", FILTER_GE },
		{ "ge", FILTER_GE }, { "geq", FILTER_GE },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(p->token, words[i].word) == 0) {
			*operator = words[i].operator;
			token_next(p);
			return true;
		}
	}
	return false;
}

static bool value_read(struct filter_node *node, const char *token)
{
	struct passwd *user;

	switch (node->kind) {
	case FILTER_SPORT:
	case FILTER_DPORT:
		return filter_port_parse(&node->number, token);
	case FILTER_SOURCE:
	case FILTER_DESTINATION:
		return filter_end_parse(&node->ends[0], token);
	case FILTER_DEVICE:
		node->number = if_nametoindex(token);
		return node->number != 0 || filter_number_parse(&node->number, token);
	case FILTER_UID:
		user = isdigit((unsigned char)token[0]) ? NULL : getpwnam(token);
		node->number = user != NULL ? user->pw_uid : 0;
		return user != NULL || filter_number_parse(&node->number, token);
	case FILTER_AGE:
		return filter_duration_parse(&node->number, token);
	case FILTER_COMM:
	case FILTER_HOST:
		if (strlen(token) >= sizeof(node->text))
			return false;
		strcpy(node->text, token);
		return true;
	default:
		return filter_number_parse(&node->number, token);
	}
}

static int condition_read(struct parser *p, const struct condition *condition)
{
	int at = node_add(p, condition->kind);
	struct filter_node *node = &p->filter->nodes[at];
	bool has_operator;

	token_next(p);
	has_operator = operator_read(p, &node->operator);
	if (!has_operator && condition->ordered && condition->kind != FILTER_SPORT && condition->kind != FILTER_DPORT) {
		fail(p, "needs a comparison, as in 'age > 10s' or 'unread > 0'", condition->name);
		return at;
	}
	if (!condition->ordered && node->operator != FILTER_EQ && node->operator != FILTER_NE) {
		fail(p, "can only be = or !=", condition->name);
		return at;
	}
	if (p->token[0] == '\0' || operator_bytes(p->token) > 0) {
		fail(p, "needs a value after it", condition->name);
		return at;
	}
	if (!p->failed && !value_read(node, p->token)) {
		char what[96];

		snprintf(what, sizeof(what), "is no value for '%s'", condition->name);
		fail(p, what, p->token);
	}
	token_next(p);
	return at;
}

/* What stands alone: `:8000`, `10.0.0.1`, two joined by `-`, a state. */
static int shorthand_read(struct parser *p)
{
	uint32_t states = filter_states_parse(p->token);
	char word[WORD_MAX], *dash;
	int at;

	if (states != 0) {
		at = node_add(p, FILTER_STATE);
		p->filter->nodes[at].number = states;
		p->filter->has_state = true;
		token_next(p);
		return at;
	}
	at = node_add(p, FILTER_EITHER);
	snprintf(word, sizeof(word), "%s", p->token);
	dash = strchr(word, '-');
	if (dash != NULL)
		*dash++ = '\0';
	if (isalpha((unsigned char)word[0]) && strchr(word, ':') == NULL)
		fail(p, "is no filter: " FILTER_WORDS, p->token);
	else if (!filter_end_parse(&p->filter->nodes[at].ends[0], word) ||
		 (dash != NULL && !filter_end_parse(&p->filter->nodes[at].ends[1], dash)))
		fail(p, "is no filter: " FILTER_WORDS, p->token);
	token_next(p);
	return at;
}

static int list_read(struct parser *p, bool inside);

static int one_read(struct parser *p)
{
	int at;

	if (p->failed || ++p->depth > FILTER_DEPTH_MAX) {
		fail(p, "is nested too deep", p->token);
		return 0;
	}
	if (token_is(p, "not", "!", NULL)) {
		int inner;

		at = node_add(p, FILTER_NOT);
		token_next(p);
		inner = one_read(p);
		p->filter->nodes[at].left = inner;
	} else if (token_is(p, "(", NULL, NULL)) {
		token_next(p);
		at = list_read(p, true);
		if (!token_is(p, ")", NULL, NULL))
			fail(p, "comes where a ) is missing", p->token[0] ? p->token : "the end");
		token_next(p);
	} else {
		const struct condition *found = NULL;

		for (size_t i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++) {
			if (strcasecmp(p->token, conditions[i].name) == 0)
				found = &conditions[i];
		}
		if (token_is(p, "autobound", "cgroup", NULL))
			fail(p, "is a condition of ss that is not known here", p->token);
		if (p->token[0] == '\0')
			fail(p, "is where a condition is missing", "the end");
		at = found != NULL ? condition_read(p, found) : shorthand_read(p);
	}
	p->depth--;
	return at;
}

static int join(struct parser *p, enum filter_kind kind, int left, int right)
{
	int at = node_add(p, kind);

	p->filter->nodes[at].left = left;
	p->filter->nodes[at].right = right;
	return at;
}

/* -1: nothing but states. */
static int either_read(struct parser *p, bool inside)
{
	int left = -1;

	while (!p->failed && p->token[0] != '\0' && !token_is(p, ")", NULL, NULL) && !token_is(p, "or", "||", "|")) {
		if (!inside && token_is(p, "state", "exclude", NULL)) {
			states_read(p, token_is(p, "exclude", NULL, NULL));
			continue;
		}
		if (!inside && filter_states_parse(p->token) != 0) {
			p->stated |= filter_states_parse(p->token);
			p->filter->has_state = true;
			token_next(p);
			continue;
		}
		if (token_is(p, "and", "&&", "&") || token_is(p, ",", NULL, NULL)) {
			if (left < 0)
				fail(p, "has nothing before it", p->token);
			token_next(p);
			if (p->token[0] == '\0' || token_is(p, ")", "or", "and"))
				fail(p, "is where a condition is missing", p->token[0] ? p->token : "the end");
			continue;
		}
		left = left < 0 ? one_read(p) : join(p, FILTER_AND, left, one_read(p));
	}
	return left;
}

static int list_read(struct parser *p, bool inside)
{
	int left = either_read(p, inside);

	if (inside && left < 0)
		fail(p, "is where a condition is missing", p->token[0] ? p->token : "the end");
	while (!p->failed && token_is(p, "or", "||", "|")) {
		int right;

		token_next(p);
		right = either_read(p, inside);
		if (left < 0 || right < 0)
			fail(p, "needs a condition on both sides", "or");
		left = join(p, FILTER_OR, left, right);
	}
	return left;
}

struct filter *filter_parse(int count, char *const *words, char problem[FILTER_PROBLEM_MAX])
{
	struct filter *filter = calloc(1, sizeof(*filter));
	struct parser p = { .filter = filter, .words = words, .count = count, .problem = problem };

	CHECK(filter != NULL);
	p.at = count > 0 ? words[0] : "";
	token_next(&p);
	filter->root = list_read(&p, false);
	if (p.token[0] != '\0')
		fail(&p, "has no ( before it", p.token);
	/* What is left when some are excluded is connections; a socket that is CLOSED is none. */
	if (p.stated == 0)
		p.stated = p.excluded != 0 ? FILTER_STATES_ALL & ~(1u << ELEVEN_CLOSED) : FILTER_STATES_ALL;
	filter->states = p.stated & ~p.excluded;
	if (p.failed) {
		free(filter);
		return NULL;
	}
	return filter;
}
