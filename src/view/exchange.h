/* SPDX-License-Identifier: MIT */
/*
 * One life of a connection as a ladder draws it: the records of both ends in one order, each segment sent matched
 * with its arrival.  Inside of ladder.h.
 */
#ifndef ELEVEN_VIEW_EXCHANGE_H
#define ELEVEN_VIEW_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "view/event.h"

#define EXCHANGE_NONE SIZE_MAX
#define EXCHANGE_LANE 62        /* columns between the two ends */
#define EXCHANGE_AT_ONCE_NS 2000000u    /* arrives "at once": not seen as delay by people */

enum { LEFT, RIGHT };

struct exchange_item {
	struct eleven_trace trace;
	int side;                       /* at which it happened */
	size_t match;                   /* the item of its departure or arrival, EXCHANGE_NONE: none (yet) */
	bool lost;                      /* sent, and will not arrive */
	bool duplicate;                 /* arrived a second time */
	bool hidden;                    /* part of a run of plain text that is told in one line */
	bool drawn;                     /* by an earlier call: kept only until it arrives */
	int column;                     /* of the lane, while on its way; -1: none */
};

struct exchange {
	struct eleven_endpoint end[2];
	char host[2][VIEW_HOST_MAX];    /* empty: not ours */
	bool ours[2];
	bool started[2];                /* this end told of its connect(), or of a SYN it sent */
	bool iss_known[2];
	uint32_t iss[2];
	enum eleven_state state[2];     /* last one shown; ELEVEN_STATES: not known */
	size_t older;                   /* the next one of the ladder with the same hash, by number + 1 */
	uint64_t start;                 /* time of the first record */
	uint64_t last;                  /* time of the last line */
	uint64_t wall_offset;
	bool begun;                     /* the heading is drawn */
	char time_shown[16];            /* in the last line */
	uint8_t lane[EXCHANGE_LANE];    /* who has the column: 0 nobody, 1 a segment of the left end, 2 of the right */
	struct exchange_item *items;
	size_t count, room;
};

void exchange_init(struct exchange *exchange, const struct eleven_trace *trace);
void exchange_free(struct exchange *exchange);

/* Between the same two ends, either way round. */
bool exchange_has_ends(const struct exchange *exchange, const struct eleven_trace *trace);
/* True if this record begins another life of the same pair of ends. */
bool exchange_is_over(const struct exchange *exchange, const struct eleven_trace *trace);
void exchange_add(struct exchange *exchange, const struct view_event *event);

/*
 * Matches what is new, decides what is lost, and puts the items in the order in which they happened. The end that
 * opened comes to the left as long as nothing has been drawn.
 */
void exchange_join(struct exchange *exchange, bool final, uint64_t now);
/* Forgets what is drawn, but for segments on their way. */
void exchange_compact(struct exchange *exchange);

bool exchange_both_ours(const struct exchange *exchange);
bool item_is_out(const struct exchange_item *item);
bool item_is_in(const struct exchange_item *item);

#endif
