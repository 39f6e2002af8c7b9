/* SPDX-License-Identifier: MIT */
/* A row of a ladder, between its making (rows.c) and its printing (lines.c).  Inside of ladder.h. */
#ifndef ELEVEN_VIEW_ROW_H
#define ELEVEN_VIEW_ROW_H

#include "view/rows.h"

enum row_kind {
	ROW_SIDE,                       /* nothing between the ends, or a note */
	ROW_STRAIGHT,
	ROW_SEND,
	ROW_ARRIVE,
	ROW_DROP,                       /* what was sent before is lost */
	ROW_HIDDEN,                     /* one line for a run of plain text */
};

struct row {
	enum row_kind kind;
	uint64_t time;
	int side;                       /* who sends, calls, or notes */
	size_t item;                    /* the departure, or the arrival that has none */
	char cell[2][24];               /* state, call or timer at each side */
	char note[EVENT_LINE_MAX];
	const struct eleven_trace *call;        /* send() or recv(), which the next of its kind is added to */
	unsigned calls;
	int64_t call_bytes;
	const struct eleven_trace *cause[2][2]; /* of changes of state written in this row */
};

struct rows {
	FILE *out;
	const struct ladder_options *options;
	struct exchange *exchange;
	struct row *list;
	size_t count, room;
	size_t last[2];                 /* the last row of each side, SIZE_MAX: none */
	const struct eleven_trace *pending[2];  /* a change of state that looks for its row */
};

/* Prints them all, and with that moves what is on its way in the exchange. */
void rows_print(struct rows *rows);

#endif
