/* SPDX-License-Identifier: MIT */
/*
 * What events alone can tell is wrong: changes of connections become stories, one for each verdict, program and port,
 * with as many connections as it happened to.  Fed live or from a recording; `eleven explain` makes findings of them.
 *
 * Several causes are only seen at one end; when both ends of a connection are here, the story is told of the end that
 * caused it, and the other's is left out.
 */
#ifndef ELEVEN_LIVE_STORIES_H
#define ELEVEN_LIVE_STORIES_H

#include "live/change.h"

#define STORIES_MAX       1024  /* more are counted in `dropped` */
#define STORY_TEXT_MAX    512
#define STORY_EVIDENCE    10
#define STORY_EXAMPLES    8

enum story_confidence { STORY_POSSIBLE, STORY_LIKELY, STORY_SURE };

struct story_evidence { char field[40], value[64], source[40]; };

struct story {
	const char *verdict;            /* its id, as in causes.def */
	bool harmless;                  /* true, but nothing is wrong */
	bool proved;                    /* the other end was seen to have no such connection */
	enum story_confidence confidence;
	uint64_t count;                 /* connections */
	uint64_t first_time, last_time; /* CLOCK_MONOTONIC of the watching, ns */
	struct live_change first;       /* with its owner; no frames */
	struct live_change examples[STORY_EXAMPLES];
	unsigned example_count;
	char what[STORY_TEXT_MAX];      /* one line */
	char why[STORY_TEXT_MAX];
	char where[STORY_TEXT_MAX];     /* the caller, if stacks were taken; empty otherwise */
	char fix[STORY_TEXT_MAX];
	struct story_evidence evidence[STORY_EVIDENCE];
	unsigned evidence_count;
};

struct stories;

struct stories *stories_create(void);
void stories_destroy(struct stories *stories);
void stories_add(struct stories *stories, const struct live_change *change);
/* Writes the texts, drops what the other end tells better; the list is lent until the next call. */
const struct story *stories_tell(struct stories *stories, size_t *count);

#endif
