/* SPDX-License-Identifier: MIT */
/*
 * A record of the trace as every view of what happens reads it: the record, whose stack it is of, and the time of day.
 */
#ifndef ELEVEN_VIEW_EVENT_H
#define ELEVEN_VIEW_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eleven.h"
#include "view/text.h"
#include "view/view.h"
#include "wire/print.h"

struct view_event {
	char host[VIEW_HOST_MAX];       /* escaped */
	uint64_t wall_offset;           /* to add to trace.time for ns since 1970 */
	struct eleven_trace trace;
};

#define EVENT_LINE_MAX 800
#define EVENT_CALL_MAX 48

/* The segment of an IN or OUT record in packetdrill's notation, numbers relative. Returns out. */
const char *event_segment(char out[SEGMENT_PRINT_MAX], const struct eleven_trace *trace);
/* The same for narrow places: options only on SYN, and of these only what was agreed on; SACK blocks. */
const char *event_segment_short(char out[SEGMENT_PRINT_MAX], const struct eleven_trace *trace);

/* `connect()`, with its outcome where that says something. Returns out. */
const char *event_call(char out[EVENT_CALL_MAX], const struct eleven_trace *trace);
/* `RTO`, `2 MSL over` …: what expired, in a word or two. */
const char *event_timer(const struct eleven_trace *trace);
/* One sentence: a rule's sentence and its paragraph in brackets, `…: the third ACK (§3.10.7.4 Fifth)`. */
const char *event_cause(char out[EVENT_LINE_MAX], const struct eleven_trace *trace);

/* Text bytes, and one each for SYN and FIN. */
/* The codepoint of its packet as packetdrill calls it; empty: not capable of ECN. */
const char *event_codepoint(const struct eleven_trace_segment *segment);
uint32_t event_segment_length(const struct eleven_trace_segment *segment);

/*
 * A line of `eleven watch`: time of day, delta to the line before (*last, which it moves on), who, what, why.
 * No line end.
 */
const char *event_line(char out[EVENT_LINE_MAX], const struct view_event *event, uint64_t *last);
/* A line of `eleven trace`: time of day, host, direction, endpoints, segment. */
const char *event_segment_line(char out[EVENT_LINE_MAX], const struct view_event *event);

#endif
