/* SPDX-License-Identifier: MIT */
/* Exchanges: which record belongs to which, and their drawing one after the other; see ladder.h. */
#include "view/ladder.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "view/exchange.h"
#include "view/rows.h"

#define HOSTS_MAX 64
#define NEWEST_SLOTS 4096

struct ladder {
	FILE *out;
	struct ladder_options options;
	struct {
		char name[VIEW_HOST_MAX];
		struct eleven_address address;
	} hosts[HOSTS_MAX];
	unsigned host_count;
	struct view_event *events;      /* not drawn yet */
	size_t event_count, event_room;
	struct exchange *exchanges;
	size_t count, room;
	size_t *newest;                 /* by hash of the pair of ends: number + 1 of the newest, 0: none */
	size_t current;                 /* the one drawn last, SIZE_MAX: none */
};

struct ladder *ladder_create(FILE *out, const struct ladder_options *options)
{
	struct ladder *ladder = calloc(1, sizeof(*ladder));

	CHECK(ladder != NULL);
	ladder->newest = calloc(NEWEST_SLOTS, sizeof(*ladder->newest));
	CHECK(ladder->newest != NULL);
	ladder->out = out;
	ladder->options = *options;
	ladder->current = SIZE_MAX;
	return ladder;
}

void ladder_destroy(struct ladder *ladder)
{
	for (size_t i = 0; i < ladder->count; i++)
		exchange_free(&ladder->exchanges[i]);
	free(ladder->exchanges);
	free(ladder->events);
	free(ladder->newest);
	free(ladder);
}

void ladder_host(struct ladder *ladder, const char *name, const struct eleven_address *address)
{
	if (ladder->host_count == HOSTS_MAX)
		return;
	strncpy(ladder->hosts[ladder->host_count].name, name, VIEW_HOST_MAX - 1);
	ladder->hosts[ladder->host_count++].address = *address;
}

/* The same for both ends of a connection. */
static size_t ends_hash(const struct eleven_trace *trace)
{
	size_t hash = (size_t)trace->local.port + trace->remote.port;

	for (size_t i = 0; i < sizeof(trace->local.address.bytes); i++)
		hash += (size_t)(trace->local.address.bytes[i] + trace->remote.address.bytes[i]) << (i % 8);
	return hash % NEWEST_SLOTS;
}

/* The newest life of this pair of ends, or a new one. */
static struct exchange *exchange_of(struct ladder *ladder, const struct eleven_trace *trace)
{
	size_t slot = ends_hash(trace);
	struct exchange *exchange;

	for (size_t i = ladder->newest[slot]; i > 0; i = ladder->exchanges[i - 1].older) {
		exchange = &ladder->exchanges[i - 1];
		if (exchange_has_ends(exchange, trace)) {
			if (!exchange_is_over(exchange, trace))
				return exchange;
			break;
		}
	}
	if (ladder->count == ladder->room) {
		ladder->room = ladder->room ? 2 * ladder->room : 16;
		ladder->exchanges = realloc(ladder->exchanges, ladder->room * sizeof(*ladder->exchanges));
		CHECK(ladder->exchanges != NULL);
	}
	exchange = &ladder->exchanges[ladder->count++];
	exchange_init(exchange, trace);
	exchange->older = ladder->newest[slot];
	ladder->newest[slot] = ladder->count;
	for (unsigned i = 0; i < ladder->host_count; i++) {
		for (int side = LEFT; side <= RIGHT; side++) {
			if (memcmp(&exchange->end[side].address, &ladder->hosts[i].address, 16) == 0) {
				exchange->ours[side] = true;
				strcpy(exchange->host[side], ladder->hosts[i].name);
			}
		}
	}
	return exchange;
}

void ladder_add(struct ladder *ladder, const struct view_event *event)
{
	if (event->trace.remote.port == 0 || event->trace.local.port == 0)
		return;                 /* of a listener itself: it has no other end */
	if (ladder->event_count == ladder->event_room) {
		ladder->event_room = ladder->event_room ? 2 * ladder->event_room : 256;
		ladder->events = realloc(ladder->events, ladder->event_room * sizeof(*ladder->events));
		CHECK(ladder->events != NULL);
	}
	ladder->events[ladder->event_count++] = *event;
}

/* By time; the records of one host in their order. */
static int event_compare(const void *left, const void *right)
{
	const struct view_event *a = left, *b = right;
	int order = (a->trace.time > b->trace.time) - (a->trace.time < b->trace.time);

	if (!order)
		order = strcmp(a->host, b->host);
	return order ? order : (a->trace.serial > b->trace.serial) - (a->trace.serial < b->trace.serial);
}

/* Several lives of one pair of ends are told apart only when their records come in the order of time. */
static void events_distribute(struct ladder *ladder)
{
	if (ladder->event_count > 1)
		qsort(ladder->events, ladder->event_count, sizeof(*ladder->events), event_compare);
	for (size_t i = 0; i < ladder->event_count; i++)
		exchange_add(exchange_of(ladder, &ladder->events[i].trace), &ladder->events[i]);
	ladder->event_count = 0;
}

/* Is there anything to tell that has not been told? */
static bool exchange_is_new(const struct exchange *exchange)
{
	return exchange->count > 0 && !exchange->items[exchange->count - 1].drawn;
}

void ladder_draw(struct ladder *ladder, bool final, uint64_t now)
{
	events_distribute(ladder);
	for (size_t i = 0; i < ladder->count; i++) {
		struct exchange *exchange = &ladder->exchanges[i];

		if (!exchange_is_new(exchange))
			continue;
		exchange_join(exchange, final, now);
		if (!exchange->begun || ladder->current != i) {
			if (ladder->current != SIZE_MAX)
				fputc('\n', ladder->out);
			rows_heading(ladder->out, &ladder->options, exchange, exchange->begun);
		}
		exchange->begun = true;
		ladder->current = i;
		rows_draw(ladder->out, &ladder->options, exchange);
		if (final)
			rows_ending(ladder->out, &ladder->options, exchange);
		exchange_compact(exchange);
	}
	fflush(ladder->out);
}
