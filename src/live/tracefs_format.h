/* SPDX-License-Identifier: MIT */
/*
 * The binary side of tracefs: what `events/GROUP/EVENT/format` says of where fields lie, the pages of trace_pipe_raw,
 * and one event of ours as a record.  Pure functions of bytes that come from outside, with every length checked.
 */
#ifndef ELEVEN_LIVE_TRACEFS_FORMAT_H
#define ELEVEN_LIVE_TRACEFS_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

#include "live/record.h"

enum trace_event {
	TRACE_STATE, TRACE_SEND_RESET, TRACE_RECEIVE_RESET, TRACE_DESTROY, TRACE_ERROR, TRACE_RETRANSMIT,
	TRACE_RETRANSMIT_SYNACK, TRACE_EVENTS
};

enum trace_field {
	FIELD_PID, FIELD_FLAGS, FIELD_SOCKET, FIELD_OLD, FIELD_NEW, FIELD_LOCAL_PORT, FIELD_REMOTE_PORT, FIELD_FAMILY,
	FIELD_PROTOCOL, FIELD_LOCAL, FIELD_REMOTE, FIELD_LOCAL_V6, FIELD_REMOTE_V6, FIELD_REASON, FIELD_STATE,
	FIELD_ERROR, FIELD_COOKIE, TRACE_FIELDS
};

struct trace_format {
	bool known;
	uint16_t id;
	struct { uint16_t offset, bytes; } fields[TRACE_FIELDS];        /* 0 bytes: there is none */
};

/* `group/event` of each. */
const char *trace_event_name(enum trace_event event);

/* False: no id, or a field lies beyond what an event can be. */
bool trace_format_parse(struct trace_format *format, const char *text, size_t n);

/* `header_page`: how long the length of a page's data is written. False: not understood. */
struct trace_page_layout { uint16_t commit_offset, commit_bytes, data_offset; };
bool trace_layout_parse(struct trace_page_layout *layout, const char *text, size_t n);

/*
 * Calls back for every event of a page, with its time; `lost` is set when the kernel says that some before the page
 * were overwritten. Returns how many.
 */
typedef void trace_event_fn(void *context, uint64_t time, const uint8_t *event, size_t n);
unsigned trace_page_read(const struct trace_page_layout *layout, const uint8_t *page, size_t n, bool *lost,
			 trace_event_fn *fn, void *context);

/* What an event says, as a record, and what has no place in one. */
struct trace_seen {
	enum trace_event event;
	struct live_record record;      /* cookie 0 unless the event has it */
	uint64_t socket;                /* the kernel's address of it: a name while it lives; 0: not told */
	int task;                       /* thread on the processor */
	bool in_call;                   /* not within an interrupt: the thread's own doing */
};
/* False: not one of these formats, not TCP, or too short. */
bool trace_event_read(const struct trace_format formats[TRACE_EVENTS], const uint8_t *event, size_t n, uint64_t time,
		      struct trace_seen *seen);

#endif
