/* SPDX-License-Identifier: MIT */
/* Why bind() to an address would fail, and when it will work. */
#ifndef ELEVEN_EXPLAIN_BIND_H
#define ELEVEN_EXPLAIN_BIND_H

#include "explain/facts.h"

struct bind_question {
	struct eleven_endpoint wanted;
	int family;                     /* 4, 6 */
};

/* Findings for everything in the way of a plain bind() (no SO_REUSEADDR) and listen() to this endpoint. */
void bind_judge(struct facts *facts, const struct bind_question *question, struct findings *findings);
/* lens_options.owners_for, `question` as its context: programs are looked for only if something is in the way. */
bool bind_owners_for(void *question, const struct conn_view *conn);
/*
 * What else would fail: a port of root's, an address that is not ours. Returns a sentence, NULL: nothing.
 */
const char *bind_forbidden(const struct bind_question *question);

#endif
