/* SPDX-License-Identifier: MIT */
/* Ladders of the kernel's connections; see rungs.h. */
#include "live/rungs.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "live/line.h"
#include "view/text.h"

#define PAIRS_MAX 2048u         /* kept before the oldest is drawn as it is */
#define RUNGS_MAX 96u           /* of one pair; what is more is counted */
#define CELL 36                 /* columns of one side */
#define TOGETHER_NS 1000000ull  /* both ends move within this: one row */
#define MIDDLE 30               /* columns between the lines */

struct rung {
	uint64_t time;
	unsigned side;
	bool note;
	bool drawn;                     /* with the rung of the other end */
	enum eleven_state after;
	enum live_cause cause;
	char words[64];
};

struct pair {
	struct pair *next;              /* older */
	uint64_t cookie[2];             /* 0: that end is not seen */
	struct eleven_endpoint end[2];
	enum eleven_state state[2];
	char who[2][LINE_WHO_MAX];
	enum live_how how[2];
	unsigned count, more;
	struct rung rungs[RUNGS_MAX];
};

struct rungs {
	FILE *out;
	uint64_t wall_offset;
	bool ascii;
	struct pair *newest;
	unsigned count;
};

struct rungs *rungs_create(FILE *out, uint64_t wall_offset, bool ascii)
{
	struct rungs *rungs = calloc(1, sizeof(*rungs));

	CHECK(rungs != NULL);
	rungs->out = out;
	rungs->wall_offset = wall_offset;
	rungs->ascii = ascii;
	return rungs;
}

void rungs_destroy(struct rungs *rungs)
{
	while (rungs->newest != NULL) {
		struct pair *pair = rungs->newest;

		rungs->newest = pair->next;
		free(pair);
	}
	free(rungs);
}

static bool endpoints_equal(const struct eleven_endpoint *a, const struct eleven_endpoint *b)
{
	return a->port == b->port && memcmp(&a->address, &b->address, sizeof(a->address)) == 0;
}

/* The pair and side of this change; a new pair when it is the first of its connection. */
static struct pair *pair_of(struct rungs *rungs, const struct live_change *change, unsigned *side)
{
	struct pair *pair;

	for (pair = rungs->newest; pair != NULL; pair = pair->next)
		for (*side = 0; *side < 2; ++*side)
			if (pair->cookie[*side] == change->cookie)
				return pair;
	for (pair = rungs->newest; pair != NULL; pair = pair->next)
		for (*side = 0; *side < 2; ++*side)
			if (pair->cookie[*side] == 0 && endpoints_equal(&pair->end[*side], &change->local) &&
			    endpoints_equal(&pair->end[!*side], &change->remote)) {
				pair->cookie[*side] = change->cookie;
				return pair;
			}
	pair = calloc(1, sizeof(*pair));
	CHECK(pair != NULL);
	*side = change->direction == LIVE_IN;   /* who connects stands left */
	pair->cookie[*side] = change->cookie;
	pair->end[*side] = change->local;
	pair->end[!*side] = change->remote;
	pair->state[0] = pair->state[1] = ELEVEN_STATES;
	pair->next = rungs->newest;
	rungs->newest = pair;
	rungs->count++;
	return pair;
}

void rungs_add(struct rungs *rungs, const struct live_change *change)
{
	struct pair *pair;
	struct rung *rung;
	unsigned side;

	if (change->cookie == 0 || change->remote.port == 0)
		return;
	/* The end of TIME_WAIT is not worth a ladder of its own. */
	if (change->before == ELEVEN_TIME_WAIT && change->after == ELEVEN_CLOSED)
		return;
	pair = pair_of(rungs, change, &side);
	pair->state[side] = change->after;
	if (change->who.how >= pair->how[side] || pair->how[side] == LIVE_HOW_LISTENER) {
		live_who_text(pair->who[side], change);
		pair->how[side] = change->who.how;
	}
	if (pair->count == RUNGS_MAX) {
		pair->more++;
		return;
	}
	rung = &pair->rungs[pair->count++];
	rung->time = change->time;
	rung->side = side;
	rung->note = change->note;
	rung->after = change->after;
	rung->cause = change->cause;
	if (change->cause == LIVE_CAUSE_EXIT && change->signal != 0)
		snprintf(rung->words, sizeof(rung->words), "killed by signal %d", change->signal);
	else if (change->cause == LIVE_CAUSE_KILLED && change->by.pid != 0)
		snprintf(rung->words, sizeof(rung->words), "SOCK_DESTROY by %d", (int)change->by.pid);
}

/* ---------------------------------------------------------------- drawing */

/* What comes over the wire to make the move; NULL: nothing does. */
static const char *arrow_in(enum live_cause cause)
{
	switch (cause) {
	case LIVE_CAUSE_SYN: case LIVE_CAUSE_SYN_CROSSED: return "SYN";
	case LIVE_CAUSE_SYN_ACK: return "SYN+ACK";
	case LIVE_CAUSE_THIRD_ACK: return "ACK";
	case LIVE_CAUSE_PEER_FIN: case LIVE_CAUSE_FIN_CROSSED: return "FIN";
	case LIVE_CAUSE_FIN_ACKED: return "ACK of FIN";
	case LIVE_CAUSE_REFUSED: case LIVE_CAUSE_PEER_RESET: case LIVE_CAUSE_PEER_LOST_STATE: return "RST";
	case LIVE_CAUSE_DATA_AFTER_CLOSE: return "data";
	default: return NULL;
	}
}

static const char *arrow_out(enum live_cause cause)
{
	switch (cause) {
	case LIVE_CAUSE_CONNECT: return "SYN";
	case LIVE_CAUSE_CLOSE: case LIVE_CAUSE_EXIT: case LIVE_CAUSE_SHUTDOWN: case LIVE_CAUSE_CLOSE_OR_EXIT:
	case LIVE_CAUSE_CLOSE_ANY: return "FIN";
	case LIVE_CAUSE_CLOSE_UNREAD: case LIVE_CAUSE_LINGER_0: case LIVE_CAUSE_DISCONNECT: case LIVE_CAUSE_KILLED:
	case LIVE_CAUSE_LISTENER_CLOSED: case LIVE_CAUSE_LINGER_2: case LIVE_CAUSE_ORPHAN_MEMORY:
	case LIVE_CAUSE_KEEPALIVE: case LIVE_CAUSE_RESET_SENT: case LIVE_CAUSE_CLOSE_ABORT: return "RST";
	case LIVE_CAUSE_RETRANSMITTED: return "again";
	default: return NULL;
	}
}

/* What stands with the state: what this end itself did. */
static const char *cell_words(const struct rung *rung)
{
	if (rung->words[0] != '\0')
		return rung->words;
	switch (rung->cause) {
	case LIVE_CAUSE_CLOSE_UNREAD: return "close(), data unread";
	case LIVE_CAUSE_LINGER_0: return "close(), SO_LINGER 0";
	case LIVE_CAUSE_LISTENER_CLOSED: return "listener closed";
	case LIVE_CAUSE_KEEPALIVE: return "keepalive over";
	case LIVE_CAUSE_DISCONNECT: return "connect(AF_UNSPEC)";
	case LIVE_CAUSE_RETRANSMISSION: return "retransmissions over";
	case LIVE_CAUSE_CONNECT_TIMEOUT: return "SYN not answered";
	case LIVE_CAUSE_USER_TIMEOUT: return "user timeout";
	case LIVE_CAUSE_KILLED: return "SOCK_DESTROY";
	case LIVE_CAUSE_DATA_AFTER_CLOSE: return "after close()";
	default: return arrow_in(rung->cause) ? "" : live_cause_words(rung->cause);
	}
}

static void arrow_text(char out[256], const char *label, bool to_right)
{
	size_t n = strlen(label), left = (MIDDLE - 4 - n) / 2, right = MIDDLE - 4 - n - left;
	char *at = out;

	at = stpcpy(at, to_right ? "─" : "◀");
	for (size_t i = 0; i < left; i++)
		at = stpcpy(at, "─");
	at += sprintf(at, " %s ", label);
	for (size_t i = 0; i < right; i++)
		at = stpcpy(at, "─");
	stpcpy(at, to_right ? "▶" : "─");
}

static void cell_text(char out[160], const struct rung *rung)
{
	const char *words = cell_words(rung), *state = rung->note ? "" : live_state_text(rung->after);
	const char *gap = words[0] && state[0] ? "  " : "";

	if (rung->side == 0)
		snprintf(out, 160, "%s%s%s", words, gap, state);
	else
		snprintf(out, 160, "%s%s%s", state, gap, words);
}

/* `other`: what it made of the other end at once, or NULL. */
static void rung_print(struct rungs *rungs, const struct rung *rung, const struct rung *other, uint64_t start)
{
	const char *in = arrow_in(rung->cause), *label = in ? in : arrow_out(rung->cause);
	char cells[2][160] = { "", "" }, middle[256], line[600];

	if (label != NULL)
		arrow_text(middle, label, (rung->side == 0) == (in == NULL));
	else
		snprintf(middle, sizeof(middle), "%*s", MIDDLE, "");
	cell_text(cells[rung->side], rung);
	if (other != NULL)
		cell_text(cells[other->side], other);
	snprintf(line, sizeof(line), "%8.3f %*.*s │%s│%s%.*s", (double)(rung->time - start) / 1e9, CELL, CELL,
		 cells[0], middle, cells[1][0] ? " " : "", CELL, cells[1]);
	text_put(rungs->out, line, rungs->ascii);
	fputc('\n', rungs->out);
}

/* The move of the other end that this one's segment makes, if it follows at once; it is marked as drawn. */
static const struct rung *rung_answer(struct pair *pair, unsigned i)
{
	const char *out = arrow_in(pair->rungs[i].cause) ? NULL : arrow_out(pair->rungs[i].cause);

	for (unsigned k = i + 1; out != NULL && k < pair->count; k++) {
		struct rung *rung = &pair->rungs[k];
		const char *in = arrow_in(rung->cause);

		if (rung->time - pair->rungs[i].time > TOGETHER_NS)
			return NULL;
		if (rung->side == pair->rungs[i].side || rung->drawn)
			continue;
		if (in == NULL || strcmp(in, out) != 0)
			return NULL;    /* something else comes first there */
		rung->drawn = true;
		return rung;
	}
	return NULL;
}

static void end_text(char out[LINE_ENDS_MAX], const struct eleven_endpoint *end)
{
	struct live_change only = { .local = *end };

	live_ends_text(out, &only);
}

static void pair_print(struct rungs *rungs, struct pair *pair)
{
	uint64_t start = pair->rungs[0].time;
	time_t seconds = (time_t)((start + rungs->wall_offset) / 1000000000);
	char when[16], ends[2][LINE_ENDS_MAX];
	struct tm local;

	localtime_r(&seconds, &local);
	strftime(when, sizeof(when), "%H:%M:%S", &local);
	end_text(ends[0], &pair->end[0]);
	end_text(ends[1], &pair->end[1]);
	fprintf(rungs->out, "%8s %*.*s  %*s  %.*s\n", when, CELL, CELL,
		pair->cookie[0] ? pair->who[0] : "(not seen here)", MIDDLE, "", CELL,
		pair->cookie[1] ? pair->who[1] : "(not seen here)");
	fprintf(rungs->out, "%8s %*.*s  %*s  %.*s\n", "", CELL, CELL, ends[0], MIDDLE, "", CELL, ends[1]);
	for (unsigned i = 0; i < pair->count; i++)
		if (!pair->rungs[i].drawn)
			rung_print(rungs, &pair->rungs[i], rung_answer(pair, i), start);
	if (pair->more > 0)
		fprintf(rungs->out, "%8s and %u more\n", "", pair->more);
	fputc('\n', rungs->out);
}

static bool end_over(const struct pair *pair, unsigned side)
{
	return pair->cookie[side] == 0 || pair->state[side] == ELEVEN_CLOSED || pair->state[side] == ELEVEN_TIME_WAIT;
}

static int by_time(const void *left, const void *right)
{
	const struct rung *a = left, *b = right;

	return (a->time > b->time) - (a->time < b->time);
}

void rungs_draw(struct rungs *rungs, bool all)
{
	struct pair *list = NULL;

	/* Oldest first. */
	for (struct pair **at = &rungs->newest; *at != NULL;) {
		struct pair *pair = *at;
		bool full = rungs->count > PAIRS_MAX && pair->next == NULL;

		if (!all && !full && !(end_over(pair, 0) && end_over(pair, 1))) {
			at = &pair->next;
			continue;
		}
		*at = pair->next;
		rungs->count--;
		pair->next = list;
		list = pair;
	}
	while (list != NULL) {
		struct pair *pair = list;

		list = pair->next;
		qsort(pair->rungs, pair->count, sizeof(pair->rungs[0]), by_time);
		if (pair->count > 0)
			pair_print(rungs, pair);
		free(pair);
	}
}
