/* SPDX-License-Identifier: MIT */
/* Records of the trace as text; see event.h. */
#include "view/event.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "trace/trace.h"
#include "view/text.h"
#include "wire/tcp.h"

#define HAS_MSS            1u   /* bits of eleven_trace_segment.has */
#define HAS_WSCALE         2u
#define HAS_SACK_PERMITTED 4u
#define HAS_TIMESTAMPS     8u
#define HAS_FAST_OPEN      32u
#define HAS_AE             64u
#define HAS_ACCECN         128u
#define ACCECN_ORDER       128u         /* bit of accecn_count */

uint32_t event_segment_length(const struct eleven_trace_segment *segment)
{
	return segment->text_bytes + (segment->flags & TCP_FLAG_SYN ? 1 : 0) + (segment->flags & TCP_FLAG_FIN ? 1 : 0);
}

/* The record's segment as the printer of floor 1 wants it. */
static void segment_fill(struct segment *seg, const struct eleven_trace_segment *from)
{
	struct tcp_options *options = &seg->options;

	memset(seg, 0, sizeof(*seg));
	seg->seq = seq_of(from->seq);
	seg->ack = seq_of(from->ack);
	seg->window = from->window;
	seg->urgent = from->urgent;
	seg->flags = from->flags;
	seg->fin = from->flags & TCP_FLAG_FIN;
	seg->syn = from->flags & TCP_FLAG_SYN;
	seg->rst = from->flags & TCP_FLAG_RST;
	seg->psh = from->flags & TCP_FLAG_PSH;
	seg->has_ack = from->flags & TCP_FLAG_ACK;
	seg->urg = from->flags & TCP_FLAG_URG;
	seg->ece = from->flags & TCP_FLAG_ECE;
	seg->cwr = from->flags & TCP_FLAG_CWR;
	seg->ae = from->has & HAS_AE;
	seg->text_bytes = from->text_bytes;
	options->has_mss = from->has & HAS_MSS;
	options->mss = from->mss;
	options->has_wscale = from->has & HAS_WSCALE;
	options->wscale = from->wscale;
	options->sack_permitted = from->has & HAS_SACK_PERMITTED;
	options->has_timestamps = from->has & HAS_TIMESTAMPS;
	options->tsval = from->tsval;
	options->tsecr = from->tsecr;
	options->auth = from->auth & (TCP_AUTH_MD5 | TCP_AUTH_AO);
	options->has_fast_open = from->has & HAS_FAST_OPEN;
	options->fast_open_bytes = from->fast_open_bytes;
	if (options->fast_open_bytes > TCP_FAST_OPEN_MAX)
		options->fast_open_bytes = TCP_FAST_OPEN_MAX;
	memcpy(options->fast_open, from->fast_open, sizeof(options->fast_open));
	options->has_accecn = from->has & HAS_ACCECN;
	options->accecn_order = from->accecn_count & ACCECN_ORDER;
	options->accecn_count = (uint8_t)(from->accecn_count & ~ACCECN_ORDER);
	if (options->accecn_count > TCP_ACCECN_MAX)
		options->accecn_count = TCP_ACCECN_MAX;
	memcpy(options->accecn, from->accecn, sizeof(options->accecn));
	options->sack_count = from->sack_count < TCP_SACK_MAX ? from->sack_count : TCP_SACK_MAX;
	for (unsigned i = 0; i < options->sack_count; i++) {
		options->sack[i].left = seq_of(from->sack[i].left);
		options->sack[i].right = seq_of(from->sack[i].right);
	}
}

/* What the numbers are relative to: a SYN starts its own count, whatever the record knows. */
static void segment_bases(const struct eleven_trace *trace, struct seq *seq_base, struct seq *ack_base)
{
	bool out = trace->kind == ELEVEN_TRACE_OUT;

	*seq_base = seq_of(out ? trace->iss : trace->irs);
	*ack_base = seq_of(out ? trace->irs : trace->iss);
	if (trace->segment.flags & TCP_FLAG_SYN)
		*seq_base = seq_of(trace->segment.seq);
}

const char *event_codepoint(const struct eleven_trace_segment *segment)
{
	static const char *const names[4] = { "", "ect1", "ect0", "ce" };

	return names[segment->ecn & 3];
}

/* `[ce] ` before the line, as packetdrill has it; answers its length. */
static size_t codepoint_print(char out[SEGMENT_PRINT_MAX], const struct eleven_trace_segment *segment)
{
	const char *name = event_codepoint(segment);

	return *name ? (size_t)snprintf(out, SEGMENT_PRINT_MAX, "[%s] ", name) : 0;
}

const char *event_segment(char out[SEGMENT_PRINT_MAX], const struct eleven_trace *trace)
{
	struct seq seq_base, ack_base;
	struct segment seg;
	size_t used;

	segment_fill(&seg, &trace->segment);
	segment_bases(trace, &seq_base, &ack_base);
	used = codepoint_print(out, &trace->segment);
	segment_print(out + used, SEGMENT_PRINT_MAX - used, &seg, seq_base, ack_base);
	return out;
}

/* Appends `,text` or ` <text` to a list of options. */
static size_t option_add(char *out, size_t used, bool *first, const char *text)
{
	int n = snprintf(out + used, SEGMENT_PRINT_MAX - used, "%s%s", *first ? " <" : ",", text);

	*first = false;
	return used + (size_t)n;
}

const char *event_segment_short(char out[SEGMENT_PRINT_MAX], const struct eleven_trace *trace)
{
	const struct eleven_trace_segment *from = &trace->segment;
	struct seq seq_base, ack_base;
	struct segment seg;
	bool first = true;
	char text[64];
	size_t used;

	segment_fill(&seg, from);
	segment_bases(trace, &seq_base, &ack_base);
	memset(&seg.options, 0, sizeof(seg.options));
	used = codepoint_print(out, from);
	used += segment_print(out + used, SEGMENT_PRINT_MAX - used, &seg, seq_base, ack_base);
	if (from->flags & TCP_FLAG_SYN) {
		if (from->has & HAS_MSS) {
			snprintf(text, sizeof(text), "mss %u", from->mss);
			used = option_add(out, used, &first, text);
		}
		if (from->has & HAS_SACK_PERMITTED)
			used = option_add(out, used, &first, "sackOK");
		if (from->has & HAS_WSCALE) {
			snprintf(text, sizeof(text), "wscale %u", from->wscale);
			used = option_add(out, used, &first, text);
		}
		if (from->has & HAS_FAST_OPEN)
			used = option_add(out, used, &first, from->fast_open_bytes ? "FO cookie" : "FO");
	}
	for (unsigned i = 0; i < from->sack_count && i < TCP_SACK_MAX; i++) {
		snprintf(text, sizeof(text), "%s%u:%u", i == 0 ? "sack " : "", from->sack[i].left - ack_base.value,
			 from->sack[i].right - ack_base.value);
		used = option_add(out, used, &first, text);
	}
	if (!first)
		snprintf(out + used, SEGMENT_PRINT_MAX - used, ">");
	return out;
}

const char *event_call(char out[EVENT_CALL_MAX], const struct eleven_trace *trace)
{
	static const char *const names[ELEVEN_CALLS] = {
		[ELEVEN_CALL_OPEN_PASSIVE] = "listen()",
		[ELEVEN_CALL_OPEN_ACTIVE] = "connect()",
		[ELEVEN_CALL_ACCEPT] = "accept()",
		[ELEVEN_CALL_SEND] = "send",
		[ELEVEN_CALL_RECEIVE] = "recv",
		[ELEVEN_CALL_SHUTDOWN] = "shutdown()",
		[ELEVEN_CALL_CLOSE] = "close()",
		[ELEVEN_CALL_ABORT] = "abort()",
	};
	const char *name = trace->call < ELEVEN_CALLS ? names[trace->call] : "?";

	if (trace->call == ELEVEN_CALL_SEND || trace->call == ELEVEN_CALL_RECEIVE)
		snprintf(out, EVENT_CALL_MAX, "%s(%lld)", name, (long long)trace->value);
	else
		snprintf(out, EVENT_CALL_MAX, "%s", name);
	return out;
}

const char *event_timer(const struct eleven_trace *trace)
{
	switch ((enum eleven_timer)trace->timer) {
	case ELEVEN_TIMER_RETRANSMISSION:
		return "RTO is over";
	case ELEVEN_TIMER_SYN:
		return "no answer";
	case ELEVEN_TIMER_PERSIST:
		return "persist";
	case ELEVEN_TIMER_DELAYED_ACK:
		return "ACK is due";
	case ELEVEN_TIMER_KEEPALIVE:
		return "keep-alive";
	case ELEVEN_TIMER_FIN_WAIT_2:
		return "orphan limit";
	case ELEVEN_TIMER_TIME_WAIT:
		return "2 MSL over";
	case ELEVEN_TIMER_LOSS_PROBE:
		return "nothing heard";
	case ELEVEN_TIMER_REORDERING:
		return "not only late";
	case ELEVEN_TIMER_PACING:
		return "its turn";
	case ELEVEN_TIMER_NONE:
	case ELEVEN_TIMERS:
		break;
	}
	return "timeout";
}

const char *event_cause(char out[EVENT_LINE_MAX], const struct eleven_trace *trace)
{
	const struct eleven_rule *rule = rule_row(trace->rule);
	char paragraph[TEXT_PARAGRAPH_MAX];

	if (rule == NULL)
		snprintf(out, EVENT_LINE_MAX, "rule %u, unknown to this program", trace->rule);
	else if (rule->paragraph[0] == '\0')
		snprintf(out, EVENT_LINE_MAX, "%s", rule->sentence);
	else
		snprintf(out, EVENT_LINE_MAX, "%s (%s)", rule->sentence, text_paragraph(paragraph, rule));
	return out;
}

/* ---------------------------------------------------------------- lines */

/* `12:01:03.123456`, local time. */
static void time_of_day(char out[TEXT_TIME_MAX], uint64_t wall_ns)
{
	time_t seconds = (time_t)(wall_ns / 1000000000);
	struct tm local;
	size_t used;

	localtime_r(&seconds, &local);
	used = strftime(out, TEXT_TIME_MAX, "%H:%M:%S", &local);
	snprintf(out + used, TEXT_TIME_MAX - used, ".%06u", (unsigned)(wall_ns % 1000000000 / 1000));
}

/* `+0.384ms`, `+2.000s`; nothing for the first. */
static void delta_text(char out[TEXT_TIME_MAX], uint64_t now, uint64_t last)
{
	double ms = now > last ? (double)(now - last) / 1e6 : 0;

	if (last == 0)
		snprintf(out, TEXT_TIME_MAX, " ");
	else if (ms < 1000)
		snprintf(out, TEXT_TIME_MAX, "+%.3fms", ms);
	else
		snprintf(out, TEXT_TIME_MAX, "+%.3fs", ms / 1000);
}

/* What happened and why, without who and when. */
static void event_what(char out[EVENT_LINE_MAX], const struct eleven_trace *trace)
{
	char cause[EVENT_LINE_MAX], segment[SEGMENT_PRINT_MAX], call[EVENT_CALL_MAX];

	switch ((enum eleven_trace_kind)trace->kind) {
	case ELEVEN_TRACE_TRANSITION:
		snprintf(out, EVENT_LINE_MAX, "%-12s -> %-12s  %.400s", text_state_rfc(trace->state_before),
			 text_state_rfc(trace->state_after), event_cause(cause, trace));
		return;
	case ELEVEN_TRACE_IN:
	case ELEVEN_TRACE_OUT:
		snprintf(out, EVENT_LINE_MAX, "%s %s", trace->kind == ELEVEN_TRACE_IN ? "<" : ">",
			 event_segment(segment, trace));
		return;
	case ELEVEN_TRACE_CALL:
		if (trace->value < 0)
			snprintf(out, EVENT_LINE_MAX, "%s: %s", event_call(call, trace), strerror((int)-trace->value));
		else
			snprintf(out, EVENT_LINE_MAX, "%s", event_call(call, trace));
		return;
	case ELEVEN_TRACE_TIMEOUT:
		snprintf(out, EVENT_LINE_MAX, "timeout: %s", event_timer(trace));
		return;
	case ELEVEN_TRACE_RULE:
		snprintf(out, EVENT_LINE_MAX, "%s: %.500s", text_state_rfc(trace->state_after),
			 event_cause(cause, trace));
		return;
	case ELEVEN_TRACE_KINDS:
		break;
	}
	snprintf(out, EVENT_LINE_MAX, "?");
}

const char *event_line(char out[EVENT_LINE_MAX], const struct view_event *event, uint64_t *last)
{
	const struct eleven_trace *trace = &event->trace;
	char local[TEXT_ENDPOINT_MAX], remote[TEXT_ENDPOINT_MAX], pair[2 * TEXT_ENDPOINT_MAX + 4];
	char when[TEXT_TIME_MAX], delta[TEXT_TIME_MAX], what[EVENT_LINE_MAX];

	time_of_day(when, trace->time + event->wall_offset);
	delta_text(delta, trace->time, *last);
	*last = trace->time;
	snprintf(pair, sizeof(pair), "%s - %s", text_endpoint(local, &trace->local),
		 text_endpoint(remote, &trace->remote));
	event_what(what, trace);
	snprintf(out, EVENT_LINE_MAX, "%s %10s %-8s %-34s %.400s", when, delta, event->host, pair, what);
	return out;
}

const char *event_segment_line(char out[EVENT_LINE_MAX], const struct view_event *event)
{
	const struct eleven_trace *trace = &event->trace;
	char local[TEXT_ENDPOINT_MAX], remote[TEXT_ENDPOINT_MAX];
	char when[TEXT_TIME_MAX], segment[SEGMENT_PRINT_MAX];
	bool in = trace->kind == ELEVEN_TRACE_IN;

	time_of_day(when, trace->time + event->wall_offset);
	text_endpoint(local, &trace->local);
	text_endpoint(remote, &trace->remote);
	snprintf(out, EVENT_LINE_MAX, "%s %-8s %s %s > %s: %s", when, event->host, in ? "in " : "out",
		 in ? remote : local, in ? local : remote, event_segment(segment, trace));
	return out;
}
