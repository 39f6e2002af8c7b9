/* SPDX-License-Identifier: MIT */
/*
 * Records as lines; see rows.h.
 *
 * A change of state is written beside the line that made it: the arrival, or, when a call or a timeout made it, the
 * segment that follows.  Only where nothing of that kind is near does it get a line of its own.
 */
#include "view/row.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "trace/trace.h"
#include "view/text.h"
#include "wire/tcp.h"

#define NOTE_COLUMNS 56
#define NEAR_NS 5000000u                /* belongs together */
#define PLAIN_RUN 12                    /* segments of plain text in a row: more are told in one line */
#define PLAIN_SHOWN 3                   /* of these, at each end of the run */

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

/* ---------------------------------------------------------------- drawing */

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
