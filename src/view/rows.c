/* SPDX-License-Identifier: MIT */
/*
 * Records as lines; see rows.h.
 *
 * A change of state is written beside the line that made it: the arrival, or, when a call or a timeout made it, the
 * segment that follows.  Only where nothing of that kind is near does it get a line of its own.
 */
#include "view/rows.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "trace/trace.h"
#include "view/lane.h"
#include "view/text.h"
#include "wire/tcp.h"

#define CELL_COLUMNS 12
#define TIME_COLUMNS 8
#define NOTE_COLUMNS 56
#define NEAR_NS 5000000u                /* belongs together */
#define PLAIN_RUN 12                    /* segments of plain text in a row: more are told in one line */
#define PLAIN_SHOWN 3                   /* of these, at each end of the run */

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

static struct row *row_add(struct rows *rows, enum row_kind kind, int side, uint64_t time, size_t item)
{
	struct row *row;

	if (rows->count == rows->room) {
		rows->room = rows->room ? 2 * rows->room : 64;
		rows->list = realloc(rows->list, rows->room * sizeof(*rows->list));
		CHECK(rows->list != NULL);
	}
	row = &rows->list[rows->count];
	memset(row, 0, sizeof(*row));
	row->kind = kind;
	row->side = side;
	row->time = time;
	row->item = item;
	rows->last[side] = rows->count++;
	return row;
}

/* ---------------------------------------------------------------- states */

static void row_state(struct row *row, int side, const struct eleven_trace *trace)
{
	snprintf(row->cell[side], sizeof(row->cell[side]), "%s", text_state_rfc(trace->state_after));
	row->cause[side][row->cause[side][0] != NULL] = trace;
}

static bool is_near(uint64_t earlier, uint64_t later)
{
	return later < earlier + NEAR_NS;
}

/* Gives a change of state that found no row one of its own. */
static void pending_flush(struct rows *rows, int side)
{
	const struct eleven_trace *trace = rows->pending[side];

	if (trace == NULL)
		return;
	rows->pending[side] = NULL;
	row_state(row_add(rows, ROW_SIDE, side, trace->time, EXCHANGE_NONE), side, trace);
}

/* Before anything at another moment, or another kind of row of this side, what is pending must be told. */
static void pending_settle(struct rows *rows, int side, uint64_t time, bool sends)
{
	for (int end = LEFT; end <= RIGHT; end++) {
		if (rows->pending[end] != NULL && (!is_near(rows->pending[end]->time, time) || (end == side && !sends)))
			pending_flush(rows, end);
	}
}

static void add_transition(struct rows *rows, const struct exchange_item *item)
{
	int side = item->side;
	struct row *last = rows->last[side] != SIZE_MAX ? &rows->list[rows->last[side]] : NULL;

	pending_settle(rows, side, item->trace.time, false);
	last = rows->last[side] != SIZE_MAX ? &rows->list[rows->last[side]] : NULL;
	if (last != NULL && last->cell[side][0] == '\0' && is_near(last->time, item->trace.time))
		row_state(last, side, &item->trace);
	else
		rows->pending[side] = &item->trace;
	rows->exchange->state[side] = item->trace.state_after;
}

/* ---------------------------------------------------------------- rows of records */

static void add_out(struct rows *rows, size_t index)
{
	const struct exchange_item *item = &rows->exchange->items[index];
	bool straight = !exchange_both_ours(rows->exchange);
	struct row *row;

	pending_settle(rows, item->side, item->trace.time, true);
	row = row_add(rows, straight ? ROW_STRAIGHT : ROW_SEND, item->side, item->trace.time, index);
	if (rows->pending[item->side] != NULL) {
		row_state(row, item->side, rows->pending[item->side]);
		rows->pending[item->side] = NULL;
	}
}

static void add_in(struct rows *rows, size_t index)
{
	const struct exchange_item *item = &rows->exchange->items[index];
	struct row *last = rows->count > 0 ? &rows->list[rows->count - 1] : NULL;

	if (!exchange_both_ours(rows->exchange)) {
		pending_settle(rows, item->side, item->trace.time, false);
		row_add(rows, ROW_STRAIGHT, !item->side, item->trace.time, index);
	} else if (last != NULL && last->kind == ROW_SEND && item->match != EXCHANGE_NONE &&
		   last->item == item->match && rows->pending[item->side] == NULL &&
		   item->trace.time < last->time + EXCHANGE_AT_ONCE_NS) {
		last->kind = ROW_STRAIGHT;
	} else {
		pending_settle(rows, item->side, item->trace.time, false);
		row_add(rows, ROW_ARRIVE, !item->side, item->trace.time,
			item->match != EXCHANGE_NONE ? item->match : index);
	}
	rows->last[item->side] = rows->count - 1;
}

/* A program that sends much sends often: calls one after the other are one line, `send(131072)  (2 calls)`. */
static bool call_join(struct rows *rows, const struct exchange_item *item)
{
	struct row *row = rows->count > 0 ? &rows->list[rows->count - 1] : NULL;
	struct eleven_trace sum = item->trace;
	char call[EVENT_CALL_MAX];

	if (row == NULL || row->call == NULL || row->call->call != item->trace.call || row->side != item->side ||
	    item->trace.value <= 0 || rows->pending[item->side] != NULL || !is_near(row->time, item->trace.time))
		return false;
	row->call_bytes += item->trace.value;
	sum.value = row->call_bytes;
	snprintf(row->cell[item->side], sizeof(row->cell[0]), "%.20s", event_call(call, &sum));
	snprintf(row->note, sizeof(row->note), "(%u calls)", ++row->calls);
	return true;
}

static void add_call(struct rows *rows, const struct exchange_item *item)
{
	char call[EVENT_CALL_MAX];
	struct row *row;

	if (!rows->options->full && call_join(rows, item))
		return;
	pending_settle(rows, item->side, item->trace.time, false);
	row = row_add(rows, ROW_SIDE, item->side, item->trace.time, EXCHANGE_NONE);
	snprintf(row->cell[item->side], sizeof(row->cell[0]), "%.20s", event_call(call, &item->trace));
	if (item->trace.value < 0)
		snprintf(row->note, sizeof(row->note), "(%s)", strerror((int)-item->trace.value));
	else if (item->trace.call == ELEVEN_CALL_SEND || item->trace.call == ELEVEN_CALL_RECEIVE)
		row->call = &item->trace;
	row->calls = 1;
	row->call_bytes = item->trace.value;
}

/* A remark, in as many rows as it takes. */
static void note_wrap(struct rows *rows, struct row *row, const struct exchange_item *item, const char *sentence)
{
	char note[EVENT_LINE_MAX];
	char *text = note;

	snprintf(note, sizeof(note), "(%s)", sentence);
	while (strlen(text) > NOTE_COLUMNS) {
		char *space = text + NOTE_COLUMNS;

		while (space > text && *space != ' ')
			space--;
		if (space == text)
			break;
		*space = '\0';
		snprintf(row->note, sizeof(row->note), "%s", text);
		text = space + 1;
		row = row_add(rows, ROW_SIDE, item->side, item->trace.time, EXCHANGE_NONE);
	}
	snprintf(row->note, sizeof(row->note), "%s", text);
}

static void add_rule(struct rows *rows, const struct exchange_item *item)
{
	const struct eleven_rule *rule = rule_row(item->trace.rule);
	struct row *last = rows->last[item->side] != SIZE_MAX ? &rows->list[rows->last[item->side]] : NULL;

	if (rule == NULL || item->trace.rule == RULE_TIMEOUT_DELAYED_ACK)
		return;
	if (last == NULL || last->kind != ROW_SIDE || last->note[0] != '\0' || !is_near(last->time, item->trace.time)) {
		pending_settle(rows, item->side, item->trace.time, false);
		last = row_add(rows, ROW_SIDE, item->side, item->trace.time, EXCHANGE_NONE);
	}
	note_wrap(rows, last, item, rule->sentence);
}

static void add_item(struct rows *rows, size_t index)
{
	const struct exchange_item *item = &rows->exchange->items[index];

	switch ((enum eleven_trace_kind)item->trace.kind) {
	case ELEVEN_TRACE_TRANSITION:
		add_transition(rows, item);
		return;
	case ELEVEN_TRACE_OUT:
		add_out(rows, index);
		return;
	case ELEVEN_TRACE_IN:
		add_in(rows, index);
		return;
	case ELEVEN_TRACE_CALL:
		add_call(rows, item);
		return;
	case ELEVEN_TRACE_TIMEOUT:
		if (item->trace.timer == ELEVEN_TIMER_DELAYED_ACK)
			return;
		pending_settle(rows, item->side, item->trace.time, false);
		snprintf(row_add(rows, ROW_SIDE, item->side, item->trace.time, EXCHANGE_NONE)->cell[item->side],
			 sizeof(rows->list[0].cell[0]), "%s", event_timer(&item->trace));
		return;
	case ELEVEN_TRACE_RULE:
		add_rule(rows, item);
		return;
	case ELEVEN_TRACE_KINDS:
		return;
	}
}

/* ---------------------------------------------------------------- runs of plain text */

/* Text or a bare ACK without anything to remark, or a call that moves text. */
static bool is_plain(const struct exchange_item *item)
{
	const struct eleven_trace_segment *segment = &item->trace.segment;

	if (item->trace.kind == ELEVEN_TRACE_CALL)
		return item->trace.call == ELEVEN_CALL_SEND || item->trace.call == ELEVEN_CALL_RECEIVE;
	if (item->trace.kind == ELEVEN_TRACE_TIMEOUT)
		return item->trace.timer == ELEVEN_TIMER_DELAYED_ACK;
	if (item->trace.kind == ELEVEN_TRACE_RULE)
		return item->trace.rule == RULE_TIMEOUT_DELAYED_ACK;
	return (item_is_out(item) || item_is_in(item)) && !item->lost && !(segment->has & 16) &&
	       !(segment->flags & (TCP_FLAG_SYN | TCP_FLAG_FIN | TCP_FLAG_RST | TCP_FLAG_URG));
}

/* Each segment counts once: its departure, or its arrival where no departure can be known. */
static bool counts(const struct exchange *exchange, const struct exchange_item *item)
{
	return item_is_out(item) || (item_is_in(item) && !exchange_both_ours(exchange));
}

/* Hides all of the run [from, to) but its first and last segments, and with departures their arrivals. */
static void run_hide(struct exchange *exchange, size_t from, size_t to, size_t segments)
{
	size_t seen = 0;

	for (size_t i = from; i < to; i++) {
		struct exchange_item *item = &exchange->items[i];

		if (counts(exchange, item))
			seen++;
		else if (item_is_in(item) && item->match != EXCHANGE_NONE && !exchange->items[item->match].drawn) {
			item->hidden = exchange->items[item->match].hidden;
			continue;
		}
		item->hidden = seen > PLAIN_SHOWN && seen <= segments - PLAIN_SHOWN;
		if (item->hidden && item->match != EXCHANGE_NONE)
			exchange->items[item->match].hidden = true;
	}
}

static void runs_find(struct exchange *exchange)
{
	size_t from = 0;

	while (from < exchange->count) {
		size_t to = from, segments = 0;

		for (; to < exchange->count && !exchange->items[to].drawn && is_plain(&exchange->items[to]); to++)
			segments += counts(exchange, &exchange->items[to]);
		if (segments > PLAIN_RUN)
			run_hide(exchange, from, to, segments);
		from = to + 1;
	}
}

static const char *arrow(int side)
{
	return side == LEFT ? "▶" : "◀";
}

/* The line that stands for what is hidden from here on; returns the place behind it. */
static size_t add_hidden(struct rows *rows, size_t from)
{
	const struct exchange *exchange = rows->exchange;
	unsigned long long bytes[2] = { 0, 0 }, segments[2] = { 0, 0 };
	int most = LEFT;
	struct row *row;
	size_t to = from;

	for (; to < exchange->count && exchange->items[to].hidden; to++) {
		const struct exchange_item *item = &exchange->items[to];

		if (counts(exchange, item)) {
			int side = item_is_out(item) ? item->side : !item->side;

			segments[side]++;
			bytes[side] += item->trace.segment.text_bytes;
		}
	}
	if (segments[LEFT] + segments[RIGHT] == 0)
		return to;
	if (bytes[RIGHT] > bytes[LEFT])
		most = RIGHT;
	row = row_add(rows, ROW_HIDDEN, most, exchange->items[from].trace.time, EXCHANGE_NONE);
	snprintf(row->note, sizeof(row->note), "···  %s %llu segments, %llu bytes   %s %llu segments", arrow(most),
		 segments[most], bytes[most], arrow(!most), segments[!most]);
	if (bytes[!most] > 0)
		snprintf(row->note + strlen(row->note), sizeof(row->note) - strlen(row->note), ", %llu bytes",
			 bytes[!most]);
	strcat(row->note, "  ···");
	return to;
}

/* ---------------------------------------------------------------- lines */

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

static void rows_print(struct rows *rows)
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

void rows_draw(FILE *out, const struct ladder_options *options, struct exchange *exchange)
{
	struct rows rows = { .out = out, .options = options, .exchange = exchange, .last = { SIZE_MAX, SIZE_MAX } };

	if (!options->full)
		runs_find(exchange);
	for (size_t i = 0; i < exchange->count; i++) {
		const struct exchange_item *item = &exchange->items[i];

		if (item->drawn && item->lost)
			row_add(&rows, ROW_DROP, item->side, exchange->items[exchange->count - 1].trace.time, i);
	}
	rows.last[LEFT] = rows.last[RIGHT] = SIZE_MAX;
	for (size_t i = 0; i < exchange->count; i++) {
		if (exchange->items[i].drawn)
			continue;
		if (exchange->items[i].hidden)
			i = add_hidden(&rows, i) - 1;
		else
			add_item(&rows, i);
	}
	pending_flush(&rows, LEFT);
	pending_flush(&rows, RIGHT);
	rows_print(&rows);
	free(rows.list);
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
