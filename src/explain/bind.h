/* SPDX-License-Identifier: MIT */
/* Why bind() to an address would fail, and when it will work. */
#ifndef ELEVEN_EXPLAIN_BIND_H
#define ELEVEN_EXPLAIN_BIND_H

#include "explain/facts.h"

/* Findings for everything in the way of a plain bind() (no SO_REUSEADDR) and listen() to this endpoint. */
void bind_judge(struct facts *facts, const struct eleven_endpoint *wanted, int family, struct findings *findings);
/*
 * What else would fail: a port of root's, an address that is not ours. Returns a sentence, NULL: nothing.
 */
const char *bind_forbidden(const struct eleven_endpoint *wanted, int family);

#endif
