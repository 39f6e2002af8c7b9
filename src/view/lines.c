/* SPDX-License-Identifier: MIT */
/* Rows as lines of text: time, the cells at both sides, and the lane between them; see rows.h. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "view/lane.h"
#include "view/row.h"
#include "view/text.h"

#define CELL_COLUMNS 12
#define TIME_COLUMNS 8

/* Numbers of the segment relative to what the whole exchange knows. */
static void item_label(char out[SEGMENT_PRINT_MAX], const struct exchange *exchange, const struct exchange_item *item)
{
	struct eleven_trace trace = item->trace;
	int side = item->side;

	trace.iss = exchange->iss_known[side] ? exchange->iss[side] : trace.iss;
	trace.irs = exchange->iss_known[!side] ? exchange->iss[!side] : trace.irs;
	event_segment_short(out, &trace);
	if (item->duplicate)
		strncat(out, " (again, on the way)", SEGMENT_PRINT_MAX - strlen(out) - 1);
	else if (trace.segment.has & 16)
		strncat(out, " (again)", SEGMENT_PRINT_MAX - strlen(out) - 1);
}

static void row_paint(struct lane *lane, struct exchange *exchange, const struct row *row)
{
	struct exchange_item *item = row->item != EXCHANGE_NONE ? &exchange->items[row->item] : NULL;
	char label[SEGMENT_PRINT_MAX] = "";

	if (item != NULL)
		item_label(label, exchange, item);
	if (row->kind == ROW_ARRIVE || row->kind == ROW_DROP) {
		if (item->column >= 0)
			exchange->lane[item->column] = 0;
	}
	lane_clear(lane, exchange->lane);
	switch (row->kind) {
	case ROW_SIDE:
		lane_note(lane, row->side, row->note);
		break;
	case ROW_STRAIGHT:
		lane_straight(lane, row->side, label);
		break;
	case ROW_SEND:
		if (item->lost) {
			lane_lost(lane, row->side, label);
			break;
		}
		item->column = lane_column(exchange->lane, row->side);
		lane_send(lane, row->side, label, item->column);
		if (item->column >= 0)
			exchange->lane[item->column] = (uint8_t)(row->side + 1);
		break;
	case ROW_ARRIVE:
		lane_arrive(lane, row->side, label, item_is_out(item) ? item->column : -1);
		break;
	case ROW_DROP:
		lane_drop(lane, row->side, item->column);
		break;
	case ROW_HIDDEN:
		lane_middle(lane, row->note);
		break;
	}
}

static void line_print(struct rows *rows, uint64_t time, const char *left, const struct lane *lane, const char *right)
{
	struct exchange *exchange = rows->exchange;
	uint64_t since = time > exchange->start ? time - exchange->start : 0;
	char shown[sizeof(exchange->time_shown)], text[LANE_BYTES_MAX], line[LANE_BYTES_MAX + 128];
	size_t used;

	snprintf(shown, sizeof(shown), "%u.%03u", (unsigned)(since / 1000000000), (unsigned)(since / 1000000 % 1000));
	used = (size_t)snprintf(line, sizeof(line), "%*s %*.*s │%s│", TIME_COLUMNS,
				strcmp(shown, exchange->time_shown) ? shown : "", CELL_COLUMNS, CELL_COLUMNS, left,
				lane_text(text, lane));
	if (right[0] != '\0')
		snprintf(line + used, sizeof(line) - used, " %.*s", CELL_COLUMNS, right);
	strcpy(exchange->time_shown, shown);
	exchange->last = time;
	text_put(rows->out, line, rows->options->ascii);
	fputc('\n', rows->out);
}

/* Words of a long line, continued below its own beginning. */
static void wrapped_print(struct rows *rows, int indent, const char *text)
{
	int column = indent;

	while (*text != '\0') {
		size_t n = strcspn(text, " ");
		char word[128];
		int columns;

		snprintf(word, sizeof(word), "%.*s", (int)n, text);
		columns = (int)text_columns(word);
		if (rows->options->ascii && strstr(word, "§"))
			columns += (int)strlen("sec. ") - 1;    /* the one character that ASCII makes longer */
		if (column > indent && column + 1 + columns > LADDER_COLUMNS) {
			fprintf(rows->out, "\n%*s", indent, "");
			column = indent;
		} else if (column > indent) {
			fputc(' ', rows->out);
			column++;
		}
		text_put(rows->out, word, rows->options->ascii);
		column += columns;
		text += n + (text[n] == ' ');
	}
	fputc('\n', rows->out);
}

/* `    ↳ server: the peer will send no more … (§3.10.7.4 Eighth)` below the row. */
static void causes_print(struct rows *rows, const struct row *row)
{
	for (int end = LEFT; end <= RIGHT; end++) {
		int side = row->side == LEFT ? end : !end;      /* the sender's comes before the receiver's */

		for (int i = 0; i < 2 && row->cause[side][i] != NULL; i++) {
			char cause[EVENT_LINE_MAX], line[EVENT_LINE_MAX + VIEW_HOST_MAX + 8];

			snprintf(line, sizeof(line), "%s: %s", rows->exchange->host[side],
				 event_cause(cause, row->cause[side][i]));
			fprintf(rows->out, "%*s", TIME_COLUMNS + 1, "");
			text_put(rows->out, "↳ ", rows->options->ascii);
			wrapped_print(rows, TIME_COLUMNS + 3, line);
		}
	}
}

void rows_print(struct rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		const struct row *row = &rows->list[i];
		struct lane lane;

		row_paint(&lane, rows->exchange, row);
		line_print(rows, row->time, row->cell[LEFT], &lane, row->cell[RIGHT]);
		if (rows->options->causes)
			causes_print(rows, row);
	}
}

/* ---------------------------------------------------------------- heading and ending */

/* The state in which an end was before its first change that is to be drawn; nothing if none is. */
static const char *first_state(const struct exchange *exchange, int side)
{
	for (size_t i = 0; i < exchange->count; i++) {
		const struct exchange_item *item = &exchange->items[i];

		if (item->side == side && item->trace.kind == ELEVEN_TRACE_TRANSITION)
			return text_state_rfc(item->trace.state_before);
	}
	return "";
}

/* Time of day, and the names of both ends above their sides. */
static void heading_names(FILE *out, const struct exchange *exchange)
{
	const char *left = exchange->host[LEFT][0] ? exchange->host[LEFT] : "peer";
	const char *right = exchange->host[RIGHT][0] ? exchange->host[RIGHT] : "peer";
	time_t seconds = (time_t)((exchange->start + exchange->wall_offset) / 1000000000);
	char day[16];
	struct tm local;

	localtime_r(&seconds, &local);
	strftime(day, sizeof(day), "%H:%M:%S", &local);
	fprintf(out, "%*s %*s  %*s  %.*s\n", TIME_COLUMNS, day, CELL_COLUMNS, left, EXCHANGE_LANE, "", CELL_COLUMNS,
		right);
}

void rows_heading(FILE *out, const struct ladder_options *options, struct exchange *exchange, bool again)
{
	static const uint8_t none[EXCHANGE_LANE];
	struct rows rows = { .out = out, .options = options, .exchange = exchange };
	char left[TEXT_ENDPOINT_MAX], right[TEXT_ENDPOINT_MAX], line[512];
	struct lane lane;

	text_endpoint(left, &exchange->end[LEFT]);
	text_endpoint(right, &exchange->end[RIGHT]);
	if (again) {
		snprintf(line, sizeof(line), "%*s ══ %s - %s\n", TIME_COLUMNS + CELL_COLUMNS + 1, "", left, right);
		text_put(out, line, options->ascii);
		exchange->time_shown[0] = '\0';
		return;
	}
	heading_names(out, exchange);
	lane_clear(&lane, none);
	lane_note(&lane, LEFT, left);
	lane_note(&lane, RIGHT, right);
	strcpy(exchange->time_shown, "0.000");
	line_print(&rows, exchange->start, first_state(exchange, LEFT), &lane, first_state(exchange, RIGHT));
	exchange->time_shown[0] = '\0';
}

void rows_ending(FILE *out, const struct ladder_options *options, struct exchange *exchange)
{
	struct rows rows = { .out = out, .options = options, .exchange = exchange };
	struct lane lane;
	bool any = false;

	lane_clear(&lane, exchange->lane);
	for (int at = 0; at < EXCHANGE_LANE; at++) {
		if (exchange->lane[at]) {
			strcpy(lane.cell[at], "╎");
			any = true;
		}
	}
	if (!any)
		return;
	lane_middle(&lane, "still on its way");
	line_print(&rows, exchange->last, "", &lane, "");
}
