/* SPDX-License-Identifier: MIT */
/*
 * What tracefs gives to read: the texts of formats, and pages of events.  Any text is parsed or refused, and any page
 * is read by whatever formats came out; nothing is read beyond the page, which ends where its memory does.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/choice.h"
#include "fuzz/must.h"
#include "fuzz/target.h"
#include "live/tracefs_format.h"

static const char state_format[] =
	"name: inet_sock_set_state\nID: 2287\nformat:\n"
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
	"\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"
	"\tfield:const void * skaddr;\toffset:8;\tsize:8;\tsigned:0;\n"
	"\tfield:int oldstate;\toffset:16;\tsize:4;\tsigned:1;\n\tfield:int newstate;\toffset:20;\tsize:4;\tsigned:1;\n"
	"\tfield:__u16 sport;\toffset:24;\tsize:2;\tsigned:0;\n\tfield:__u16 dport;\toffset:26;\tsize:2;\tsigned:0;\n"
	"\tfield:__u16 family;\toffset:28;\tsize:2;\tsigned:0;\n"
	"\tfield:__u16 protocol;\toffset:30;\tsize:2;\tsigned:0;\n"
	"\tfield:__u8 saddr[4];\toffset:32;\tsize:4;\tsigned:0;\n"
	"\tfield:__u8 daddr[4];\toffset:36;\tsize:4;\tsigned:0;\n"
	"\tfield:__u8 saddr_v6[16];\toffset:40;\tsize:16;\tsigned:0;\n"
	"\tfield:__u8 daddr_v6[16];\toffset:56;\tsize:16;\tsigned:0;\n";

static const char reset_format[] =
	"name: tcp_send_reset\nID: 2280\nformat:\n"
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
	"\tfield:const void * skaddr;\toffset:16;\tsize:8;\tsigned:0;\n"
	"\tfield:int state;\toffset:24;\tsize:4;\tsigned:1;\n"
	"\tfield:enum sk_rst_reason reason;\toffset:28;\tsize:4;\tsigned:0;\n"
	"\tfield:__u8 saddr[28];\toffset:32;\tsize:28;\tsigned:0;\n"
	"\tfield:__u8 daddr[28];\toffset:60;\tsize:28;\tsigned:0;\n";

static const char page_format[] =
	"\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
	"\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n"
	"\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
	"\tfield: char data;\toffset:16;\tsize:4080;\tsigned:1;\n";

static struct trace_format formats[TRACE_EVENTS];
static unsigned events;

static void on_event(void *context, uint64_t time, const uint8_t *event, size_t n)
{
	struct trace_seen seen;

	(void)context;
	MUST(++events < 1u << 20);
	if (!trace_event_read(formats, event, n, time, &seen))
		return;
	MUST(seen.event < TRACE_EVENTS && seen.record.time == time);
	MUST(seen.event != TRACE_STATE || ((seen.record.states >> 4) != 0 && (seen.record.states & 15) != 0));
}

/* A page in memory of exactly its length, so that a sanitizer sees the first byte too many. */
static void page_try(const struct trace_page_layout *layout, const uint8_t *bytes, size_t n)
{
	uint8_t *page = malloc(n ? n : 1);
	bool lost;

	MUST(page != NULL);
	memcpy(page, bytes, n);
	events = 0;
	trace_page_read(layout, page, n, &lost, on_event, NULL);
	free(page);
}

/* One event of a good page says what was put into it. */
static void good_try(const struct trace_page_layout *layout)
{
	uint8_t page[16 + 4 + 72] = { 0 };
	uint32_t head = 72 / 4 | 5u << 5, old = 1, new = 8;
	uint64_t time = 1000, commit = 4 + 72;
	uint16_t id = 2287, port = 7001, family = 2, protocol = 6;
	struct trace_seen seen;

	memcpy(page, &time, 8);
	memcpy(page + 8, &commit, 8);
	memcpy(page + 16, &head, 4);
	memcpy(page + 20, &id, 2);
	memcpy(page + 20 + 16, &old, 4);
	memcpy(page + 20 + 20, &new, 4);
	memcpy(page + 20 + 24, &port, 2);
	memcpy(page + 20 + 28, &family, 2);
	memcpy(page + 20 + 30, &protocol, 2);
	page_try(layout, page, sizeof(page));
	MUST(events == 1);
	MUST(trace_event_read(formats, page + 20, 72, 1005, &seen) && seen.event == TRACE_STATE);
	MUST(seen.record.states == (1 << 4 | 8) && seen.record.local_port == 7001);
	MUST(seen.record.kind == LIVE_RECORD_STATE);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct trace_page_layout layout;
	size_t text = n > 0 ? bytes[0] * 4u : 0;
	struct trace_format made;

	memset(formats, 0, sizeof(formats));
	MUST(trace_layout_parse(&layout, page_format, sizeof(page_format) - 1));
	MUST(trace_format_parse(&formats[TRACE_STATE], state_format, sizeof(state_format) - 1));
	MUST(trace_format_parse(&formats[TRACE_SEND_RESET], reset_format, sizeof(reset_format) - 1));
	good_try(&layout);
	if (n < 2)
		return 0;
	bytes++;
	n--;
	page_try(&layout, bytes, n);
	text = text < n ? text : n;
	if (trace_format_parse(&made, (const char *)bytes, text)) {
		formats[TRACE_ERROR] = made;
		page_try(&layout, bytes + text, n - text);
	}
	if (trace_layout_parse(&layout, (const char *)bytes, text))
		page_try(&layout, bytes + text, n - text);
	return 0;
}
