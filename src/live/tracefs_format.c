/* SPDX-License-Identifier: MIT */
/* Formats, pages and events of tracefs; see tracefs_format.h. */
#include "live/tracefs_format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lens/kernel.h"

#define EVENT_BYTES_MAX 512
#define FAMILY_V4 2
#define FAMILY_V6 10
#define PROTOCOL_TCP 6
#define CONTEXT_INTERRUPT 0x18  /* of common_flags: in a hard or soft interrupt */

/* struct ring_buffer_event: five bits of type or length, then 27 of time. */
enum { TYPE_LENGTH_MAX = 28, TYPE_PADDING, TYPE_TIME_EXTEND, TYPE_TIME_STAMP };
#define PAGE_LENGTH_MASK 0xfffffu
#define PAGE_EVENTS_LOST (1u << 31)

const char *trace_event_name(enum trace_event event)
{
	static const char *const names[TRACE_EVENTS] = {
		[TRACE_STATE] = "sock/inet_sock_set_state", [TRACE_SEND_RESET] = "tcp/tcp_send_reset",
		[TRACE_RECEIVE_RESET] = "tcp/tcp_receive_reset", [TRACE_DESTROY] = "tcp/tcp_destroy_sock",
		[TRACE_ERROR] = "sock/inet_sk_error_report", [TRACE_RETRANSMIT] = "tcp/tcp_retransmit_skb",
		[TRACE_RETRANSMIT_SYNACK] = "tcp/tcp_retransmit_synack",
	};

	return names[event];
}

/* ---------------------------------------------------------------- texts */

static const char *const field_names[TRACE_FIELDS] = {
	[FIELD_PID] = "common_pid", [FIELD_FLAGS] = "common_flags", [FIELD_SOCKET] = "skaddr",
	[FIELD_OLD] = "oldstate", [FIELD_NEW] = "newstate", [FIELD_LOCAL_PORT] = "sport",
	[FIELD_REMOTE_PORT] = "dport", [FIELD_FAMILY] = "family", [FIELD_PROTOCOL] = "protocol",
	[FIELD_LOCAL] = "saddr", [FIELD_REMOTE] = "daddr", [FIELD_LOCAL_V6] = "saddr_v6",
	[FIELD_REMOTE_V6] = "daddr_v6", [FIELD_REASON] = "reason", [FIELD_STATE] = "state", [FIELD_ERROR] = "error",
	[FIELD_COOKIE] = "sock_cookie",
};

/* A number behind `key` in the line, or -1. */
static long line_number(const char *line, const char *key)
{
	const char *at = strstr(line, key);

	return at != NULL ? strtol(at + strlen(key), NULL, 10) : -1;
}

/* `field:__u8 saddr[4];` has the name saddr. */
static bool line_has_name(const char *line, const char *name)
{
	const char *end = strchr(line, ';'), *bracket = strchr(line, '[');
	size_t n = strlen(name);

	if (bracket != NULL && end != NULL && bracket < end)
		end = bracket;
	return end != NULL && (size_t)(end - line) > n && memcmp(end - n, name, n) == 0 &&
	       (end[-(ptrdiff_t)n - 1] == ' ' || end[-(ptrdiff_t)n - 1] == '*');
}

static bool field_note(struct trace_format *format, const char *line)
{
	long offset = line_number(line, "offset:"), bytes = line_number(line, "size:");

	for (unsigned i = 0; i < TRACE_FIELDS; i++) {
		if (!line_has_name(line, field_names[i]))
			continue;
		if (offset < 0 || bytes <= 0 || offset + bytes > EVENT_BYTES_MAX)
			return false;
		format->fields[i].offset = (uint16_t)offset;
		format->fields[i].bytes = (uint16_t)bytes;
	}
	return true;
}

/* The next line of a text, at most 255 bytes of it; false at the end. */
static bool line_next(const char **text, size_t *n, char line[256])
{
	const char *end;
	size_t length;

	if (*n == 0)
		return false;
	end = memchr(*text, '\n', *n);
	length = end != NULL ? (size_t)(end - *text) : *n;
	memcpy(line, *text, length < 255 ? length : 255);
	line[length < 255 ? length : 255] = '\0';
	*text += length + (end != NULL);
	*n -= length + (end != NULL);
	return true;
}

bool trace_format_parse(struct trace_format *format, const char *text, size_t n)
{
	char line[256];
	long id = -1;

	memset(format, 0, sizeof(*format));
	while (line_next(&text, &n, line)) {
		if (strncmp(line, "ID:", 3) == 0)
			id = strtol(line + 3, NULL, 10);
		else if (strstr(line, "field:") != NULL && !field_note(format, strstr(line, "field:")))
			return false;
	}
	format->id = (uint16_t)id;
	format->known = id > 0 && id < 65536;
	return format->known;
}

bool trace_layout_parse(struct trace_page_layout *layout, const char *text, size_t n)
{
	long commit_offset = -1, commit_bytes = -1, data_offset = -1;
	char line[256];

	while (line_next(&text, &n, line)) {
		const char *field = strstr(line, "field:");

		if (field == NULL)
			continue;
		if (line_has_name(field, "commit")) {
			commit_offset = line_number(field, "offset:");
			commit_bytes = line_number(field, "size:");
		} else if (line_has_name(field, "data")) {
			data_offset = line_number(field, "offset:");
		}
	}
	if (commit_offset < 8 || (commit_bytes != 4 && commit_bytes != 8) ||
	    data_offset < commit_offset + commit_bytes || data_offset > 64)
		return false;
	*layout = (struct trace_page_layout){ (uint16_t)commit_offset, (uint16_t)commit_bytes, (uint16_t)data_offset };
	return true;
}

/* ---------------------------------------------------------------- pages */

static uint32_t read_u32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* One entry at `at`, `left` bytes before the end: its length, 0 at the end of what is good. */
static size_t entry_read(const uint8_t *at, size_t left, uint64_t *time, const uint8_t **event, size_t *n)
{
	uint32_t head = read_u32(at), type = head & 31, delta = head >> 5, array;

	*event = NULL;
	if (type > 0 && type <= TYPE_LENGTH_MAX) {
		*time += delta;
		*event = at + 4;
		*n = type * 4u;
		return *n + 4 <= left ? *n + 4 : 0;
	}
	if (left < 8)
		return 0;
	array = read_u32(at + 4);
	switch (type) {
	case 0:
		*time += delta;
		if (array < 4 || array > left - 4)
			return 0;
		*event = at + 8;
		*n = array - 4;
		return (size_t)((array + 3) & ~3u) + 4 <= left ? ((array + 3) & ~3u) + 4 : left;
	case TYPE_PADDING:
		if (delta == 0)
			return 0;
		*time += delta;
		return array >= 4 && array <= left - 4 ? (size_t)array + 4 : 0;
	case TYPE_TIME_EXTEND:
		*time += ((uint64_t)array << 27) + delta;
		return 8;
	default:                                /* the whole time, but for its five highest bits */
		*time = (*time & 0xf800000000000000u) | ((uint64_t)array << 27) | delta;
		return 8;
	}
}

unsigned trace_page_read(const struct trace_page_layout *layout, const uint8_t *page, size_t n, bool *lost,
			 trace_event_fn *fn, void *context)
{
	uint64_t time;
	uint32_t commit;
	size_t at = layout->data_offset, end;
	unsigned count = 0;

	if (n < at)
		return 0;
	memcpy(&time, page, sizeof(time));
	commit = read_u32(page + layout->commit_offset);
	*lost = (commit & PAGE_EVENTS_LOST) != 0;
	end = at + (commit & PAGE_LENGTH_MASK);
	if (end > n)
		end = n;
	while (at + 4 <= end) {
		const uint8_t *event;
		size_t bytes, step = entry_read(page + at, end - at, &time, &event, &bytes);

		if (step == 0)
			break;
		if (event != NULL) {
			fn(context, time, event, bytes);
			count++;
		}
		at += step;
	}
	return count;
}

/* ---------------------------------------------------------------- events */

static uint64_t field_number(const struct trace_format *format, enum trace_field field, const uint8_t *event)
{
	const uint8_t *at = event + format->fields[field].offset;
	uint64_t value = 0;

	memcpy(&value, at, format->fields[field].bytes < 8 ? format->fields[field].bytes : 8);
	return value;
}

static bool has(const struct trace_format *format, enum trace_field field, size_t bytes)
{
	return format->fields[field].bytes >= bytes;
}

static bool addresses_read(const struct trace_format *format, const uint8_t *event, struct live_record *record)
{
	uint64_t family = field_number(format, FIELD_FAMILY, event);

	record->local_port = (uint16_t)field_number(format, FIELD_LOCAL_PORT, event);
	record->remote_port = (uint16_t)field_number(format, FIELD_REMOTE_PORT, event);
	if (family == FAMILY_V6 && has(format, FIELD_LOCAL_V6, 16) && has(format, FIELD_REMOTE_V6, 16)) {
		record->flags |= LIVE_RECORD_V6;
		memcpy(record->address, event + format->fields[FIELD_LOCAL_V6].offset, 16);
		memcpy(record->address + 16, event + format->fields[FIELD_REMOTE_V6].offset, 16);
	} else if (family == FAMILY_V4 && has(format, FIELD_LOCAL, 4) && has(format, FIELD_REMOTE, 4)) {
		memcpy(record->address, event + format->fields[FIELD_LOCAL].offset, 4);
		memcpy(record->address + 4, event + format->fields[FIELD_REMOTE].offset, 4);
	} else {
		return false;
	}
	return true;
}

/* tcp_send_reset has whole socket addresses: family, port in network order, address. */
static bool sockaddr_read(const uint8_t *at, uint16_t *port, uint8_t address[16], bool *v6)
{
	uint16_t family;

	memcpy(&family, at, sizeof(family));
	*port = (uint16_t)(at[2] << 8 | at[3]);
	*v6 = family == FAMILY_V6;
	memcpy(address, at + (*v6 ? 8 : 4), *v6 ? 16 : 4);
	return family == FAMILY_V4 || family == FAMILY_V6;
}

static bool reset_addresses_read(const struct trace_format *format, const uint8_t *event, struct live_record *record)
{
	uint8_t local[16], remote[16];
	bool v6, also;

	if (has(format, FIELD_FAMILY, 2))       /* before Linux 6.10 it was as the others */
		return addresses_read(format, event, record);
	if (!has(format, FIELD_LOCAL, 28) || !has(format, FIELD_REMOTE, 28) ||
	    !sockaddr_read(event + format->fields[FIELD_LOCAL].offset, &record->local_port, local, &v6) ||
	    !sockaddr_read(event + format->fields[FIELD_REMOTE].offset, &record->remote_port, remote, &also) ||
	    v6 != also)
		return false;
	record->flags |= v6 ? LIVE_RECORD_V6 : 0;
	memcpy(record->address, local, v6 ? 16 : 4);
	memcpy(record->address + (v6 ? 16 : 4), remote, v6 ? 16 : 4);
	return true;
}

static bool kind_read(const struct trace_format *format, const uint8_t *event, struct trace_seen *seen)
{
	struct live_record *record = &seen->record;
	uint64_t old = field_number(format, FIELD_OLD, event), new = field_number(format, FIELD_NEW, event);
	uint64_t state = field_number(format, FIELD_STATE, event);

	switch (seen->event) {
	case TRACE_STATE:
		record->kind = LIVE_RECORD_STATE;
		if (field_number(format, FIELD_PROTOCOL, event) != PROTOCOL_TCP || old == 0 || new == 0 ||
		    old >= KERNEL_BOUND_INACTIVE || new >= KERNEL_BOUND_INACTIVE)
			return false;
		record->states = (uint8_t)(old << 4 | new);
		return addresses_read(format, event, record);
	case TRACE_SEND_RESET:
		record->kind = LIVE_RECORD_SEND_RESET;
		record->detail = has(format, FIELD_REASON, 4) ?
				 (uint8_t)field_number(format, FIELD_REASON, event) : 255;
		record->states = state < 16 ? (uint8_t)(state << 4 | state) : 0;
		return reset_addresses_read(format, event, record);
	case TRACE_RECEIVE_RESET:
		record->kind = LIVE_RECORD_RECEIVE_RESET;
		break;
	case TRACE_DESTROY:
		break;
	case TRACE_ERROR:
		record->kind = LIVE_RECORD_ERROR;
		record->detail = (uint8_t)field_number(format, FIELD_ERROR, event);
		if (field_number(format, FIELD_PROTOCOL, event) != PROTOCOL_TCP)
			return false;
		break;
	case TRACE_RETRANSMIT:
		record->kind = LIVE_RECORD_RETRANSMIT;
		record->states = state < 16 ? (uint8_t)(state << 4 | state) : 0;
		break;
	case TRACE_RETRANSMIT_SYNACK:
		record->kind = LIVE_RECORD_RETRANSMIT_SYNACK;
		record->states = KERNEL_SYN_RECV << 4 | KERNEL_SYN_RECV;
		break;
	case TRACE_EVENTS:
		return false;
	}
	return addresses_read(format, event, record);
}

static size_t format_bytes(const struct trace_format *format)
{
	size_t most = 0;

	for (unsigned i = 0; i < TRACE_FIELDS; i++)
		if (format->fields[i].bytes > 0 && (size_t)format->fields[i].offset + format->fields[i].bytes > most)
			most = (size_t)format->fields[i].offset + format->fields[i].bytes;
	return most;
}

bool trace_event_read(const struct trace_format formats[TRACE_EVENTS], const uint8_t *event, size_t n, uint64_t time,
		      struct trace_seen *seen)
{
	const struct trace_format *format = NULL;
	uint16_t id;

	if (n < sizeof(id))
		return false;
	memcpy(&id, event, sizeof(id));
	memset(seen, 0, sizeof(*seen));
	for (unsigned i = 0; i < TRACE_EVENTS && format == NULL; i++)
		if (formats[i].known && formats[i].id == id) {
			format = &formats[i];
			seen->event = i;
		}
	if (format == NULL || n < format_bytes(format))
		return false;
	seen->record.time = time;
	seen->record.fd = LIVE_FD_NONE;
	seen->record.flags = LIVE_RECORD_REQUEST;       /* no figures of the socket are told */
	seen->task = (int)field_number(format, FIELD_PID, event);
	seen->in_call = !(field_number(format, FIELD_FLAGS, event) & CONTEXT_INTERRUPT) && seen->task > 0;
	seen->socket = field_number(format, FIELD_SOCKET, event);
	seen->record.cookie = field_number(format, FIELD_COOKIE, event);
	return kind_read(format, event, seen);
}
