/* SPDX-License-Identifier: MIT */
/*
 * What was found: one verdict about one or more connections that belong together, with its evidence.
 *
 * Texts are bounded, and whatever came from outside is escaped already (view.h), so findings may be printed as they
 * are.
 */
#ifndef ELEVEN_EXPLAIN_FINDING_H
#define ELEVEN_EXPLAIN_FINDING_H

#include <stdio.h>

#include <jansson.h>

#include "explain/use.h"
#include "view/view.h"

enum verdict {
#define VERDICT(name, id, sentence, remedy) VERDICT_##name,
#include "explain/verdicts.def"
	VERDICTS
};

struct verdict_row {
	const char *id, *sentence, *remedy;
};
const struct verdict_row *verdict_row(enum verdict verdict);

enum level {
	LEVEL_INFO,                     /* true, and nothing is wrong */
	LEVEL_WARNING,
	LEVEL_PROBLEM,                  /* something fails now, or will */
};
enum confidence { CONFIDENCE_POSSIBLE, CONFIDENCE_LIKELY, CONFIDENCE_SURE };

#define FINDING_TEXT_MAX     512
#define FINDING_EVIDENCE_MAX 16
#define FINDING_THREADS_MAX  16
#define FINDING_CONNS_MAX    100000     /* counted beyond, not kept */

struct evidence {
	char field[40], value[64], source[40];
};

struct finding_thread {
	pid_t pid;
	pid_t tid;
	char comm[VIEW_COMM_MAX];
	char doing[USE_DOING_MAX];
	bool on_descriptor;             /* it is in a call on it, or waits for it */
};

struct finding {
	enum verdict verdict;
	enum level level;
	enum confidence confidence;
	uint64_t key;                   /* connections of one verdict and key belong together */
	const struct conn_view **conns; /* lent from the facts, or `own` */
	size_t count, kept;
	struct conn_view *own;          /* of stories: a row that only this finding has */
	struct view_owner *owners;      /* the descriptors that are meant, once each */
	size_t owner_count;
	uint64_t since_ns;              /* of the oldest */
	enum view_bound since_bound;
	const char *since_how;
	char what[FINDING_TEXT_MAX];    /* one line */
	char why[FINDING_TEXT_MAX];
	char peer[FINDING_TEXT_MAX];    /* empty: nothing to say */
	char where[FINDING_TEXT_MAX];
	char fix[FINDING_TEXT_MAX];     /* empty: the remedy of the verdict */
	char more[FINDING_TEXT_MAX];    /* what could not be seen, and how it could */
	struct evidence evidence[FINDING_EVIDENCE_MAX];
	size_t evidence_count;
	struct finding_thread threads[FINDING_THREADS_MAX];
	size_t thread_count;
	struct use_registration registration;
	bool registered;                /* the first descriptor is in an epoll set */
};

struct findings {
	struct finding **list;
	size_t count;
};

/* The finding of this verdict and key, made with the levels given if there is none yet; `conn` (not NULL) joins it. */
struct finding *finding_add(struct findings *findings, enum verdict verdict, uint64_t key, enum level level,
			    enum confidence confidence, const struct conn_view *conn);
bool finding_is_new(const struct finding *finding);
void finding_evidence(struct finding *finding, const char *field, const char *source, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void finding_evidence_number(struct finding *finding, const char *field, const char *source, uint64_t value);
void finding_say(char out[FINDING_TEXT_MAX], const char *format, ...) __attribute__((format(printf, 2, 3)));
void finding_owner(struct finding *finding, const struct view_owner *owner);
/* Names the threads of the owner's program and what they do, those on the descriptor first. */
void finding_use(struct finding *finding, const struct use *use);
void findings_free(struct findings *findings);
/* Worst first, then by verdict. */
void findings_sort(struct findings *findings);
/* A key of what names a group: 64 bits of everything given. */
uint64_t finding_key(uint64_t a, uint64_t b, uint64_t c);

void finding_print(FILE *out, const struct finding *finding);
json_t *finding_json(const struct finding *finding);

#endif
