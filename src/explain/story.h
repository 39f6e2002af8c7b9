/* SPDX-License-Identifier: MIT */
/* Verdicts that only events can tell: from watching for a while, or from a recording of `eleven watch --record`. */
#ifndef ELEVEN_EXPLAIN_STORY_H
#define ELEVEN_EXPLAIN_STORY_H

#include <signal.h>

#include "explain/facts.h"

#define STORY_PROBLEM_MAX 640

struct story_teller;

/* Watches until it is told; NULL and a line in `problem`: it cannot be. */
struct story_teller *story_start(char problem[STORY_PROBLEM_MAX]);
/* Lets time pass, until *stop is set (NULL: nothing ends it earlier). */
void story_wait(struct story_teller *teller, uint64_t ns, const volatile sig_atomic_t *stop);
/* "bpf", "trace" or "poll", which sees only the namespace of story_home(). */
const char *story_backend(const struct story_teller *teller);
uint64_t story_home(const struct story_teller *teller);
/* Findings of what the question is about; lets go of the teller. */
void story_end(struct story_teller *teller, const struct facts_options *options, struct findings *findings);

/* The same from a recording. 0, or -errno with a line in `problem`; what could be read is told all the same. */
int story_read(const char *path, const struct facts_options *options, struct findings *findings,
	       char problem[STORY_PROBLEM_MAX]);

#endif
