/* SPDX-License-Identifier: MIT */
/*
 * The lane; see lane.h.
 *
 * All is painted as if the left end sent; for the right one positions are mirrored, and so are the characters that
 * have a direction.  Labels are never mirrored: they are put down from their left edge.
 */
#include "view/lane.h"

#include <string.h>

#include "view/text.h"

#define LAST (EXCHANGE_LANE - 1)
#define LEAD 2                          /* of line before a label */
#define ZONE 14                         /* columns at each side for segments on their way */

static int mirror(int side, int at)
{
	return side == LEFT ? at : LAST - at;
}

static void put(struct lane *lane, int side, int at, const char *left, const char *right)
{
	if (at >= 0 && at < EXCHANGE_LANE)
		strcpy(lane->cell[mirror(side, at)], side == LEFT ? left : right);
}

static void put_line(struct lane *lane, int side, int from, int to)
{
	for (int at = from; at <= to; at++) {
		char *cell;

		if (at < 0 || at > LAST)
			continue;
		cell = lane->cell[mirror(side, at)];
		strcpy(cell, strcmp(cell, "│") == 0 || strcmp(cell, "┼") == 0 ? "┼" : "─");
	}
}

/* Puts text down from a column of the lane, not mirrored, at most `room` characters. */
static void put_text(struct lane *lane, int column, int room, const char *text)
{
	bool cut = (int)text_columns(text) > room;

	for (int i = 0; *text != '\0' && i < room; i++) {
		size_t n = 1;

		while (((unsigned char)text[n] & 0xc0) == 0x80)
			n++;
		if (column + i >= 0 && column + i <= LAST && n < sizeof(lane->cell[0])) {
			memcpy(lane->cell[column + i], text, n);
			lane->cell[column + i][n] = '\0';
		}
		if (cut && i == room - 1)
			strcpy(lane->cell[column + i], "…");
		text += n;
	}
}

void lane_clear(struct lane *lane, const uint8_t taken[EXCHANGE_LANE])
{
	for (int at = 0; at < EXCHANGE_LANE; at++)
		strcpy(lane->cell[at], taken[at] ? "│" : " ");
}

/* The first place, seen from the sender, behind the columns that come towards it. */
static int label_start(const struct lane *lane, int side)
{
	int start = LEAD;

	for (int at = 0; at < ZONE; at++) {
		if (strcmp(lane->cell[mirror(side, at)], "│") == 0)
			start = at + LEAD;
	}
	return start;
}

/* Line, label, line: from the sender up to `end`; returns the place behind the label. */
static int put_labelled(struct lane *lane, int side, const char *label, int end)
{
	int start = label_start(lane, side);
	int room = end - start - 3, n = (int)text_columns(label);

	if (n > room && start == LEAD) {
		start--;
		room++;
	}
	if (n > room)
		n = room;
	put_line(lane, side, 0, end);
	if (n <= 0)
		return start;
	put(lane, side, start, " ", " ");
	put(lane, side, start + n + 1, " ", " ");
	put_text(lane, side == LEFT ? start + 1 : mirror(side, start + n), n, label);
	return start + n + 2;
}

void lane_straight(struct lane *lane, int side, const char *label)
{
	put_labelled(lane, side, label, LAST);
	put(lane, side, LAST, "▶", "◀");
}

void lane_lost(struct lane *lane, int side, const char *label)
{
	int end = LAST - ZONE, behind;

	if (label_start(lane, side) + (int)text_columns(label) + 4 > end)
		end = LAST - 5;
	behind = put_labelled(lane, side, label, end);
	put(lane, side, behind > end ? behind : end, "✗", "✗");
}

void lane_send(struct lane *lane, int side, const char *label, int column)
{
	if (column < 0) {
		put_labelled(lane, side, label, LAST - ZONE);
		put(lane, side, LAST - ZONE, "╌", "╌");
		return;
	}
	column = mirror(side, column);
	put_labelled(lane, side, label, column);
	put(lane, side, column, "╮", "╭");
}

void lane_arrive(struct lane *lane, int side, const char *label, int column)
{
	if (column < 0) {
		int n = (int)text_columns(label), room = LAST - LEAD - ZONE;
		int start;

		n = n > room ? room : n;
		start = LAST - LEAD - n - 3;
		put_line(lane, side, start - 2, LAST);
		put(lane, side, start - 2, "╌", "╌");
		put(lane, side, start - 1, "╌", "╌");
		put(lane, side, start, " ", " ");
		put(lane, side, start + n + 1, " ", " ");
		put_text(lane, side == LEFT ? start + 1 : mirror(side, start + n), n, label);
	} else {
		column = mirror(side, column);
		put_line(lane, side, column, LAST);
		put(lane, side, column, "╰", "╯");
	}
	put(lane, side, LAST, "▶", "◀");
}

void lane_drop(struct lane *lane, int side, int column)
{
	if (column < 0)
		return;
	strcpy(lane->cell[column], "✗");
	put_text(lane, side == LEFT ? column - 5 : column + 2, 4, "lost");
}

void lane_note(struct lane *lane, int side, const char *text)
{
	int start = label_start(lane, side) - 1, end = start, n = (int)text_columns(text);

	while (end < LAST && strcmp(lane->cell[mirror(side, end + 1)], "│") != 0)
		end++;
	if (end < LAST)
		end--;                  /* a space before the column */
	if (n > end - start)
		n = end - start;
	if (n > 0)
		put_text(lane, side == LEFT ? start : mirror(side, start + n - 1), n, text);
}

void lane_middle(struct lane *lane, const char *text)
{
	int n = (int)text_columns(text);

	if (n > EXCHANGE_LANE - 2)
		n = EXCHANGE_LANE - 2;
	put_text(lane, (EXCHANGE_LANE - n) / 2, n, text);
}

int lane_column(const uint8_t taken[EXCHANGE_LANE], int side)
{
	int inner = LAST - 1;           /* seen from the sender: the innermost one taken by its segments */

	for (int at = LAST - 3; at > LAST - ZONE; at -= 2) {
		if (taken[mirror(side, at)] == side + 1)
			inner = at;
	}
	for (int at = inner - 2; at > LAST - ZONE; at -= 2) {
		if (taken[mirror(side, at)] == 0)
			return mirror(side, at);
	}
	for (int at = LAST - 3; at > LAST - ZONE; at -= 2) {
		if (taken[mirror(side, at)] == 0)
			return mirror(side, at);
	}
	return -1;
}

const char *lane_text(char out[LANE_BYTES_MAX], const struct lane *lane)
{
	size_t used = 0;

	for (int at = 0; at < EXCHANGE_LANE; at++) {
		size_t n = strlen(lane->cell[at]);

		memcpy(out + used, lane->cell[at], n);
		used += n;
	}
	out[used] = '\0';
	return out;
}
