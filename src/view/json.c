/* SPDX-License-Identifier: MIT */
/* JSON Lines; see json.h. */
#include "view/json.h"

#include <string.h>

#include "base/check.h"
#include "trace/trace.h"
#include "view/text.h"

static void put(json_t *object, const char *key, json_t *value)
{
	CHECK(value != NULL && json_object_set_new_nocheck(object, key, value) == 0);   /* keys are our own words */
}

static void put_text(json_t *object, const char *key, const char *text)
{
	put(object, key, json_string(text));
}

static void put_number(json_t *object, const char *key, uint64_t number)
{
	if (number != VIEW_ABSENT)
		put(object, key, json_integer((json_int_t)number));
}

/* Nanoseconds as microseconds or milliseconds, whole ones as integers. */
static void put_time(json_t *object, const char *key, uint64_t ns, double unit)
{
	if (ns == VIEW_ABSENT)
		return;
	put(object, key, ns % (uint64_t)unit == 0 ? json_integer((json_int_t)(ns / (uint64_t)unit)) :
	    json_real((double)ns / unit));
}

static void put_endpoint(json_t *object, const char *key, int family, const struct eleven_endpoint *endpoint)
{
	char text[TEXT_ENDPOINT_MAX];

	put_text(object, key, text_endpoint_of(text, family, endpoint));
}

static void put_rule(json_t *object, const char *key, const struct eleven_rule *rule)
{
	json_t *value;

	if (rule == NULL)
		return;
	value = json_object();
	put_text(value, "name", rule->name);
	put_text(value, "paragraph", rule->paragraph);
	put_text(value, "sentence", rule->sentence);
	put(object, key, value);
}

static const char *timer_name(enum eleven_timer timer)
{
	static const char *const names[ELEVEN_TIMERS] = {
		[ELEVEN_TIMER_NONE] = "none",
		[ELEVEN_TIMER_RETRANSMISSION] = "retransmission",
		[ELEVEN_TIMER_SYN] = "syn",
		[ELEVEN_TIMER_PERSIST] = "persist",
		[ELEVEN_TIMER_DELAYED_ACK] = "delayed-ack",
		[ELEVEN_TIMER_KEEPALIVE] = "keepalive",
		[ELEVEN_TIMER_FIN_WAIT_2] = "fin-wait-2",
		[ELEVEN_TIMER_TIME_WAIT] = "time-wait",
		[ELEVEN_TIMER_LOSS_PROBE] = "loss-probe",
		[ELEVEN_TIMER_REORDERING] = "reordering",
		[ELEVEN_TIMER_PACING] = "pacing",
	};

	return (unsigned)timer < ELEVEN_TIMERS ? names[timer] : "unknown";
}

static void put_sub(json_t *object, const struct conn_view *conn)
{
	static const char *const names[] = {
		"orphan", "accept-queue", "fin-queued", "fin-sent", "fin-acked", "fin-received", "unread", "eof-read",
		"passive", "request", "zero-window", "recovery", "bound", "timestamps", "sack", "window-scale",
		"read-shut", "syn-text", "syn-waits", "ecn", "ecn-seen",
	};
	json_t *list = json_array();

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (conn->sub & 1u << i)
			CHECK(json_array_append_new(list, json_string(names[i])) == 0);
	}
	if (conn->sub & VIEW_SUB_DEAD)
		CHECK(json_array_append_new(list, json_string("dead")) == 0);
	if (conn->sub & VIEW_SUB_ERROR_PENDING)
		CHECK(json_array_append_new(list, json_string("error-pending")) == 0);
	put(object, "sub", list);
}

static void put_owners(json_t *object, const struct conn_view *conn)
{
	json_t *list;

	if (!conn->owners_known)
		return;
	list = json_array();
	for (size_t i = 0; i < conn->owner_count; i++) {
		const struct view_owner *owner = &conn->owners[i];
		json_t *entry = json_object();

		put(entry, "pid", json_integer(owner->pid));
		if (owner->tid != 0)
			put(entry, "tid", json_integer(owner->tid));
		put_text(entry, "comm", owner->comm);
		if (owner->fd >= 0)
			put(entry, "fd", json_integer(owner->fd));
		CHECK(json_array_append_new(list, entry) == 0);
	}
	put(object, "owners", list);
}

static void put_info(json_t *object, const struct view_info *info)
{
	json_t *value = json_object();

	put_number(value, "cwnd", info->cwnd);
	put_number(value, "ssthresh", info->ssthresh);
	put_number(value, "flight", info->flight);
	put_number(value, "unsent", info->unsent);
	put_number(value, "out_of_order", info->out_of_order);
	put_number(value, "snd_wnd", info->snd_wnd);
	put_number(value, "rcv_wnd", info->rcv_wnd);
	put_time(value, "rto_ms", info->rto, 1e6);
	put_time(value, "srtt_us", info->srtt, 1e3);
	put_time(value, "rttvar_us", info->rttvar, 1e3);
	put_time(value, "min_rtt_us", info->min_rtt, 1e3);
	put_number(value, "mss", info->mss);
	put_number(value, "snd_wscale", info->snd_wscale);
	put_number(value, "rcv_wscale", info->rcv_wscale);
	put_number(value, "send_buffer", info->send_buffer);
	put_number(value, "receive_buffer", info->receive_buffer);
	put_number(value, "segments_in", info->segments_in);
	put_number(value, "segments_out", info->segments_out);
	put_number(value, "bytes_in", info->bytes_in);
	put_number(value, "bytes_out", info->bytes_out);
	put_number(value, "retransmitted_segments", info->retransmitted_segments);
	put_number(value, "retransmitted_bytes", info->retransmitted_bytes);
	put_time(value, "last_sent_ms", info->last_sent, 1e6);
	put_time(value, "last_received_ms", info->last_received, 1e6);
	put_number(value, "drops", info->drops);
	put(object, "info", value);
}

static void put_age(json_t *row, const struct conn_view *conn)
{
	static const char *const bounds[] = { "unknown", "exact", "lower", "upper" };

	if (conn->age_bound == VIEW_UNKNOWN || conn->age_ns == VIEW_ABSENT)
		return;
	put_time(row, "since_ms", conn->age_ns, 1e6);
	if (conn->age_how != NULL)
		put_text(row, "since_how", conn->age_how);
	put_text(row, "since_bound", bounds[conn->age_bound]);
}

json_t *json_conn(const struct conn_view *conn)
{
	json_t *row = json_object();
	char cookie[24];

	snprintf(cookie, sizeof(cookie), "%llx", (unsigned long long)conn->cookie);
	put(row, "v", json_integer(1));
	put_text(row, "src", conn->source == VIEW_KERNEL ? "kernel" : "eleven");
	if (conn->host[0] != '\0')
		put_text(row, "host", conn->host);
	put_number(row, "netns", conn->netns);
	put_text(row, "cookie", cookie);
	put(row, "family", json_integer(conn->family));
	put_text(row, "state", text_state_netstat(conn->state));
	if (conn->previous != ELEVEN_STATES)
		put_text(row, "previous", text_state_netstat(conn->previous));
	put_endpoint(row, "local", conn->family, &conn->local);
	put_endpoint(row, "remote", conn->family, &conn->remote);
	put_number(row, "recvq", conn->recvq);
	put_number(row, "sendq",
		   conn->state == ELEVEN_LISTEN && conn->backlog != VIEW_ABSENT ? conn->backlog : conn->sendq);
	if (conn->state == ELEVEN_LISTEN)
		put_number(row, "backlog", conn->backlog);
	put_owners(row, conn);
	if (conn->unowned != NULL)
		put_text(row, "unowned", conn->unowned);
	put_number(row, "uid", conn->uid);
	if (conn->inode != 0)
		put_number(row, "inode", conn->inode);
	put_age(row, conn);
	put_time(row, "opened_ms", conn->opened_ns, 1e6);
	put_sub(row, conn);
	put_rule(row, "rule", conn->rule);
	put_rule(row, "last_rule", conn->last_rule);
	if (conn->error != 0)
		put_text(row, "error", strerror(conn->error));
	if (conn->timer.kind != ELEVEN_TIMER_NONE) {
		json_t *timer = json_object();

		put_text(timer, "kind", timer_name(conn->timer.kind));
		put_time(timer, "expires_ms", conn->timer.expires_ns, 1e6);
		put_number(timer, "retrans", conn->timer.count);
		put(row, "timer", timer);
	}
	put_info(row, &conn->info);
	return row;
}

static void put_segment(json_t *row, const struct eleven_trace *trace)
{
	char text[SEGMENT_PRINT_MAX];
	json_t *segment = json_object();

	put_text(row, "segment", event_segment(text, trace));
	put_number(segment, "seq", trace->segment.seq);
	if (trace->segment.flags & 16)
		put_number(segment, "ack", trace->segment.ack);
	put_number(segment, "bytes", trace->segment.text_bytes);
	put_number(segment, "window", trace->segment.window);
	put_number(segment, "flags", trace->segment.flags);
	if (trace->segment.ecn)
		put_text(segment, "ecn", event_codepoint(&trace->segment));
	put(segment, "again", json_boolean(trace->segment.has & 16));
	put(row, "fields", segment);
}

json_t *json_event(const struct view_event *event)
{
	static const char *const kinds[ELEVEN_TRACE_KINDS] = { "transition", "in", "out", "call", "timeout", "rule" };
	const struct eleven_trace *trace = &event->trace;
	json_t *row = json_object();
	char text[EVENT_CALL_MAX];

	put(row, "v", json_integer(1));
	put_text(row, "src", "eleven");
	put_text(row, "host", event->host);
	put_number(row, "time_ns", trace->time + event->wall_offset);
	put_number(row, "serial", trace->serial);
	put_text(row, "event", trace->kind < ELEVEN_TRACE_KINDS ? kinds[trace->kind] : "unknown");
	put_endpoint(row, "local", 4, &trace->local);
	put_endpoint(row, "remote", 4, &trace->remote);
	if (trace->kind == ELEVEN_TRACE_TRANSITION) {
		put_text(row, "from", text_state_netstat(trace->state_before));
		put_text(row, "to", text_state_netstat(trace->state_after));
	} else {
		put_text(row, "state", text_state_netstat(trace->state_after));
	}
	if (trace->kind == ELEVEN_TRACE_TRANSITION || trace->kind == ELEVEN_TRACE_RULE)
		put_rule(row, "rule", rule_row(trace->rule));
	if (trace->packet != 0)
		put_number(row, "packet", trace->packet);
	if (trace->kind == ELEVEN_TRACE_CALL) {
		put_text(row, "call", event_call(text, trace));
		put(row, "value", json_integer(trace->value));
	}
	if (trace->kind == ELEVEN_TRACE_TIMEOUT)
		put_text(row, "timer", timer_name(trace->timer));
	if (trace->kind == ELEVEN_TRACE_IN || trace->kind == ELEVEN_TRACE_OUT)
		put_segment(row, trace);
	return row;
}

json_t *json_figures(const struct netstat_figures *figures)
{
	const struct eleven_stats *stats = &figures->stats;
	json_t *row = json_object(), *states = json_object(), *rules = json_object();

	put(row, "v", json_integer(1));
	put_text(row, "src", "eleven");
	put_text(row, "host", figures->host);
	put_number(row, "packets_in", stats->packets_in);
	put_number(row, "packets_out", stats->packets_out);
	put_number(row, "drops", stats->drops);
	put_number(row, "link_drops", figures->link_drops);
	put_number(row, "segments_in", stats->segments_in);
	put_number(row, "segments_out", stats->segments_out);
	put_number(row, "retransmitted_segments", stats->retransmitted_segments);
	put_number(row, "active_opens", stats->active_opens);
	put_number(row, "passive_opens", stats->passive_opens);
	put_number(row, "attempt_fails", stats->attempt_fails);
	put_number(row, "resets_received", stats->resets_received);
	put_number(row, "resets_sent", stats->resets_sent);
	put_number(row, "bytes_in", stats->bytes_in);
	put_number(row, "bytes_out", stats->bytes_out);
	put_number(row, "buffer_bytes_used", stats->buffer_bytes_used);
	put_number(row, "buffer_bytes", stats->buffer_bytes);
	for (unsigned i = 0; i < ELEVEN_STATES; i++)
		put_number(states, text_state_netstat(i), stats->states[i]);
	put(row, "states", states);
	for (unsigned i = 1; i < figures->rule_count; i++) {
		if (figures->rules[i] > 0 && rule_row(i) != NULL)
			put_number(rules, rule_row(i)->name, figures->rules[i]);
	}
	put(row, "rules", rules);
	return row;
}

void json_line(FILE *out, json_t *object)
{
	static _Thread_local char line[16384];
	size_t n = json_dumpb(object, line, sizeof(line), JSON_COMPACT | JSON_REAL_PRECISION(12));

	/* Into memory first: a stream is asked for each comma. */
	if (n > 0 && n <= sizeof(line))
		fwrite(line, 1, n, out);
	else
		CHECK(json_dumpf(object, out, JSON_COMPACT | JSON_REAL_PRECISION(12)) == 0 || ferror(out));
	fputc('\n', out);
	json_decref(object);
}
