/* SPDX-License-Identifier: MIT */
/* Two ends of a connection joined; see exchange.h. */
#include "view/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "view/text.h"
#include "wire/tcp.h"

#define COVER_SEARCH 256                        /* departures looked at for one that was cut or joined on the way */
#define LOST_AFTER_NS 10000000000u      /* at the end of all records: what is older has not arrived, it is lost */

bool item_is_out(const struct exchange_item *item)
{
	return item->trace.kind == ELEVEN_TRACE_OUT;
}

bool item_is_in(const struct exchange_item *item)
{
	return item->trace.kind == ELEVEN_TRACE_IN;
}

bool exchange_both_ours(const struct exchange *exchange)
{
	return exchange->ours[LEFT] && exchange->ours[RIGHT];
}

static bool endpoint_eq(const struct eleven_endpoint *a, const struct eleven_endpoint *b)
{
	return a->port == b->port && memcmp(&a->address, &b->address, sizeof(a->address)) == 0;
}

static bool is_first_syn(const struct eleven_trace *trace)
{
	return (trace->kind == ELEVEN_TRACE_IN || trace->kind == ELEVEN_TRACE_OUT) &&
	       (trace->segment.flags & (TCP_FLAG_SYN | TCP_FLAG_ACK)) == TCP_FLAG_SYN;
}

static bool is_active_open(const struct eleven_trace *trace)
{
	return trace->kind == ELEVEN_TRACE_CALL && trace->call == ELEVEN_CALL_OPEN_ACTIVE;
}

void exchange_init(struct exchange *exchange, const struct eleven_trace *trace)
{
	bool swap = trace->kind == ELEVEN_TRACE_IN && is_first_syn(trace);

	memset(exchange, 0, sizeof(*exchange));
	exchange->end[LEFT] = swap ? trace->remote : trace->local;
	exchange->end[RIGHT] = swap ? trace->local : trace->remote;
	exchange->state[LEFT] = ELEVEN_STATES;
	exchange->state[RIGHT] = ELEVEN_STATES;
	exchange->start = trace->time;
}

void exchange_free(struct exchange *exchange)
{
	free(exchange->items);
	exchange->items = NULL;
	exchange->count = exchange->room = 0;
}

bool exchange_has_ends(const struct exchange *exchange, const struct eleven_trace *trace)
{
	const struct eleven_endpoint *left = &exchange->end[LEFT], *right = &exchange->end[RIGHT];

	return (endpoint_eq(left, &trace->local) && endpoint_eq(right, &trace->remote)) ||
	       (endpoint_eq(right, &trace->local) && endpoint_eq(left, &trace->remote));
}

static int side_of(const struct exchange *exchange, const struct eleven_trace *trace)
{
	return endpoint_eq(&exchange->end[LEFT], &trace->local) ? LEFT : RIGHT;
}

bool exchange_is_over(const struct exchange *exchange, const struct eleven_trace *trace)
{
	int side = side_of(exchange, trace);
	int sender = trace->kind == ELEVEN_TRACE_IN ? !side : side;

	if (is_active_open(trace))
		return exchange->started[side];
	return is_first_syn(trace) && exchange->iss_known[sender] && exchange->iss[sender] != trace->segment.seq;
}

void exchange_add(struct exchange *exchange, const struct view_event *event)
{
	const struct eleven_trace *trace = &event->trace;
	struct exchange_item *item;
	int side = side_of(exchange, trace);

	if (exchange->count == exchange->room) {
		exchange->room = exchange->room ? 2 * exchange->room : 32;
		exchange->items = realloc(exchange->items, exchange->room * sizeof(*exchange->items));
		CHECK(exchange->items != NULL);
	}
	item = &exchange->items[exchange->count++];
	*item = (struct exchange_item){ .trace = *trace, .side = side, .match = EXCHANGE_NONE, .column = -1 };
	exchange->ours[side] = true;
	strcpy(exchange->host[side], event->host);
	exchange->wall_offset = event->wall_offset;
	if (is_active_open(trace) || (item_is_out(item) && is_first_syn(trace)))
		exchange->started[side] = true;
	if (item_is_out(item) || item_is_in(item)) {
		int sender = item_is_out(item) ? side : !side;

		if (trace->segment.flags & TCP_FLAG_SYN) {
			exchange->iss_known[sender] = true;
			exchange->iss[sender] = trace->segment.seq;
		}
	}
	if (trace->time < exchange->start && !exchange->begun)
		exchange->start = trace->time;
}

/* ---------------------------------------------------------------- matching */

static bool same_segment(const struct eleven_trace_segment *a, const struct eleven_trace_segment *b)
{
	return a->seq == b->seq && a->flags == b->flags && a->text_bytes == b->text_bytes && a->ack == b->ack &&
	       a->window == b->window && a->tsval == b->tsval && a->tsecr == b->tsecr;
}

/* The link may have cut a big segment, or joined small ones: then one covers the other. */
static bool covers(const struct eleven_trace_segment *big, const struct eleven_trace_segment *small)
{
	return big->text_bytes > 0 && small->text_bytes > 0 && big->ack == small->ack &&
	       seq_le(seq_of(big->seq), seq_of(small->seq)) &&
	       seq_le(seq_of(small->seq + small->text_bytes), seq_of(big->seq + big->text_bytes));
}

static bool may_match(const struct exchange_item *out, const struct exchange_item *in)
{
	return item_is_out(out) && out->side != in->side && out->trace.time <= in->trace.time;
}

/* Departures by what makes them the same segment: the latest of each bucket first. */
struct departures {
	size_t *head, *next;
	size_t mask;
};

static size_t segment_hash(const struct eleven_trace_segment *segment)
{
	uint64_t mixed = segment->seq * 0x9e3779b97f4a7c15u ^ segment->ack * 0xc2b2ae3d27d4eb4fu ^
			 (uint64_t)segment->text_bytes << 8 ^ segment->flags;

	return (size_t)(mixed ^ mixed >> 29);
}

static struct departures departures_index(const struct exchange *exchange)
{
	struct departures found = { .mask = 63 };

	while (found.mask < exchange->count)
		found.mask = 2 * found.mask + 1;
	found.head = malloc((found.mask + 1) * sizeof(*found.head));
	found.next = malloc((exchange->count + 1) * sizeof(*found.next));
	CHECK(found.head != NULL && found.next != NULL);
	memset(found.head, 0xff, (found.mask + 1) * sizeof(*found.head));
	for (size_t i = 0; i < exchange->count; i++) {
		size_t bucket = segment_hash(&exchange->items[i].trace.segment) & found.mask;

		if (!item_is_out(&exchange->items[i]))
			continue;
		found.next[i] = found.head[bucket];
		found.head[bucket] = i;
	}
	return found;
}

/*
 * The latest that may be it: where two look the same, the first one was sent again because it was lost. `arrived`:
 * among those that have arrived already.
 */
static size_t find_departure(const struct exchange *exchange, const struct departures *departures, size_t in,
			     bool arrived)
{
	const struct exchange_item *arrival = &exchange->items[in];
	size_t bucket = segment_hash(&arrival->trace.segment) & departures->mask;
	size_t covering = EXCHANGE_NONE, searched = 0;

	for (size_t i = departures->head[bucket]; i != EXCHANGE_NONE; i = departures->next[i]) {
		const struct exchange_item *item = &exchange->items[i];

		if (may_match(item, arrival) && (item->match != EXCHANGE_NONE) == arrived &&
		    same_segment(&item->trace.segment, &arrival->trace.segment))
			return i;
	}
	for (size_t i = in; i-- > 0 && searched < COVER_SEARCH;) {
		const struct exchange_item *item = &exchange->items[i];

		if (!may_match(item, arrival))
			continue;
		searched++;
		if ((item->match != EXCHANGE_NONE) == arrived &&
		    (covers(&item->trace.segment, &arrival->trace.segment) ||
		     covers(&arrival->trace.segment, &item->trace.segment)))
			covering = i;
	}
	return covering;
}

static void match_arrivals(struct exchange *exchange)
{
	struct departures departures = departures_index(exchange);

	for (size_t i = exchange->count; i-- > 0;) {
		struct exchange_item *item = &exchange->items[i];
		size_t departure;

		if (item->drawn || !item_is_in(item) || item->match != EXCHANGE_NONE)
			continue;
		departure = find_departure(exchange, &departures, i, false);
		if (departure != EXCHANGE_NONE) {
			item->match = departure;
			exchange->items[departure].match = i;
			exchange->items[departure].lost = false;
		}
	}
	for (size_t i = 0; i < exchange->count; i++) {
		struct exchange_item *item = &exchange->items[i];

		if (!item->drawn && item_is_in(item) && item->match == EXCHANGE_NONE)
			item->duplicate = find_departure(exchange, &departures, i, true) != EXCHANGE_NONE;
	}
	free(departures.head);
	free(departures.next);
}

/* A segment is lost when one sent after it has arrived, or when all is told and it is long ago. */
static void find_losses(struct exchange *exchange, bool final, uint64_t now)
{
	uint64_t arrived[2] = { 0, 0 };         /* serial of the last one sent that arrived, by sender */

	for (size_t i = 0; i < exchange->count; i++) {
		const struct exchange_item *item = &exchange->items[i];

		if (item_is_out(item) && item->match != EXCHANGE_NONE && item->trace.serial > arrived[item->side])
			arrived[item->side] = item->trace.serial;
	}
	for (size_t i = 0; i < exchange->count; i++) {
		struct exchange_item *item = &exchange->items[i];

		if (!item_is_out(item) || item->match != EXCHANGE_NONE)
			continue;
		if (item->trace.serial < arrived[item->side] || (final && now > item->trace.time + LOST_AFTER_NS))
			item->lost = true;
	}
}

/* ---------------------------------------------------------------- order */

static size_t next_of_side(const struct exchange *exchange, size_t from, int side)
{
	while (from < exchange->count && (exchange->items[from].side != side || exchange->items[from].drawn))
		from++;
	return from;
}

/* Told at once after its departure, what arrives at once makes one straight arrow. */
static bool arrives_at_once(const struct exchange *exchange, const struct exchange_item *item, size_t other_head)
{
	return item_is_out(item) && item->match != EXCHANGE_NONE && item->match == other_head &&
	       exchange->items[other_head].trace.time - item->trace.time < EXCHANGE_AT_ONCE_NS;
}

/*
 * Merges the two ends by time. Where a batch of the host gave both the same time, a departure comes before its
 * arrival, and the left end before the right.
 */
static void order_items(struct exchange *exchange)
{
	struct exchange_item *sorted = malloc((exchange->count + 1) * sizeof(*sorted));
	size_t *place = malloc((exchange->count + 1) * sizeof(*place));
	size_t n = 0, head[2];
	int prefer = -1;

	CHECK(sorted != NULL && place != NULL);
	for (size_t i = 0; i < exchange->count; i++) {
		if (exchange->items[i].drawn) {
			place[i] = n;
			sorted[n++] = exchange->items[i];
		}
	}
	head[LEFT] = next_of_side(exchange, 0, LEFT);
	head[RIGHT] = next_of_side(exchange, 0, RIGHT);
	while (head[LEFT] < exchange->count || head[RIGHT] < exchange->count) {
		int side = LEFT;
		const struct exchange_item *item;

		if (head[LEFT] == exchange->count ||
		    (head[RIGHT] < exchange->count &&
		     exchange->items[head[RIGHT]].trace.time < exchange->items[head[LEFT]].trace.time))
			side = RIGHT;
		if (prefer >= 0)
			side = prefer;
		item = &exchange->items[head[side]];
		if (prefer < 0 && item_is_in(item) && item->match != EXCHANGE_NONE &&
		    !exchange->items[item->match].drawn && item->match >= head[!side])
			side = !side;           /* its departure has not been told yet */
		prefer = arrives_at_once(exchange, &exchange->items[head[side]], head[!side]) ? !side : -1;
		place[head[side]] = n;
		sorted[n++] = exchange->items[head[side]];
		head[side] = next_of_side(exchange, head[side] + 1, side);
	}
	for (size_t i = 0; i < n; i++) {
		if (sorted[i].match != EXCHANGE_NONE)
			sorted[i].match = place[sorted[i].match];
	}
	free(exchange->items);
	free(place);
	exchange->items = sorted;
	exchange->room = exchange->count + 1;
}

/* The end that opened stands to the left: the first to call connect() or to send a SYN. */
static bool right_opened(const struct exchange *exchange)
{
	uint64_t first[2] = { UINT64_MAX, UINT64_MAX };

	for (size_t i = 0; i < exchange->count; i++) {
		const struct exchange_item *item = &exchange->items[i];
		int side = item_is_in(item) ? !item->side : item->side;

		if ((is_active_open(&item->trace) || is_first_syn(&item->trace)) && item->trace.time < first[side])
			first[side] = item->trace.time;
	}
	return first[RIGHT] < first[LEFT];
}

static void swap_sides(struct exchange *exchange)
{
	struct exchange old = *exchange;

	for (int side = LEFT; side <= RIGHT; side++) {
		exchange->end[side] = old.end[!side];
		memcpy(exchange->host[side], old.host[!side], VIEW_HOST_MAX);
		exchange->ours[side] = old.ours[!side];
		exchange->started[side] = old.started[!side];
		exchange->iss_known[side] = old.iss_known[!side];
		exchange->iss[side] = old.iss[!side];
		exchange->state[side] = old.state[!side];
	}
	for (size_t i = 0; i < exchange->count; i++)
		exchange->items[i].side = !exchange->items[i].side;
}

void exchange_join(struct exchange *exchange, bool final, uint64_t now)
{
	if (!exchange->begun && right_opened(exchange))
		swap_sides(exchange);
	if (exchange_both_ours(exchange)) {
		match_arrivals(exchange);
		find_losses(exchange, final, now);
	}
	order_items(exchange);
}

void exchange_compact(struct exchange *exchange)
{
	size_t kept = 0;

	for (size_t i = 0; i < exchange->count; i++) {
		struct exchange_item *item = &exchange->items[i];

		item->drawn = true;
		if (item_is_out(item) && item->match == EXCHANGE_NONE && !item->lost && exchange_both_ours(exchange))
			exchange->items[kept++] = *item;
	}
	exchange->count = kept;
	if (kept == 0)
		exchange_free(exchange);        /* it may be over: then nothing of it but its name is kept */
}
