/* SPDX-License-Identifier: MIT */
/*
 * The space between the two ends of a ladder, one line at a time: a row of cells into which arrows and labels are
 * painted.  Columns of segments on their way shine through; arrows cross them.  Inside of ladder.h.
 */
#ifndef ELEVEN_VIEW_LANE_H
#define ELEVEN_VIEW_LANE_H

#include "view/exchange.h"

#define LANE_BYTES_MAX (4 * EXCHANGE_LANE + 1)

struct lane {
	char cell[EXCHANGE_LANE][5];    /* a character of UTF-8 each */
};

/* Blank, but for the columns that are taken. */
void lane_clear(struct lane *lane, const uint8_t taken[EXCHANGE_LANE]);
/* From end to end, `side` sends. */
void lane_straight(struct lane *lane, int side, const char *label);
/* Sent by `side` and lost. */
void lane_lost(struct lane *lane, int side, const char *label);
/* Sent by `side` and gone down `column`; -1: there was none left. */
void lane_send(struct lane *lane, int side, const char *label, int column);
/* Sent by `side`, arrives from `column` at the other; -1: from nowhere. */
void lane_arrive(struct lane *lane, int side, const char *label, int column);
/* What went down `column` is lost. */
void lane_drop(struct lane *lane, int side, int column);
/* A remark in brackets at `side`. */
void lane_note(struct lane *lane, int side, const char *text);
/* In the middle. */
void lane_middle(struct lane *lane, const char *text);
/* A free column for a segment of `side`: outer ones first, so that arrows in order do not cross; -1: none. */
int lane_column(const uint8_t taken[EXCHANGE_LANE], int side);
const char *lane_text(char out[LANE_BYTES_MAX], const struct lane *lane);

#endif
