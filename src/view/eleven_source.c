/* SPDX-License-Identifier: MIT */
/* Our own stacks as a source; see eleven_source.h. */
#include "view/eleven_source.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "trace/trace.h"
#include "view/owners.h"
#include "view/text.h"
#include "wire/address.h"

/* ---------------------------------------------------------------- a row */

static uint64_t age(uint64_t now, uint64_t then)
{
	if (then == 0)
		return VIEW_ABSENT;
	return now > then ? now - then : 0;
}

/* 0 means "not measured" there. */
static uint64_t measured(uint64_t value)
{
	return value != 0 ? value : VIEW_ABSENT;
}

static void fill_info(struct view_info *info, const struct eleven_status *status, uint64_t now)
{
	if (status->state == ELEVEN_LISTEN) {
		info->drops = status->drops;
		return;
	}
	if (status->state == ELEVEN_TIME_WAIT || status->sub & ELEVEN_SUB_REQUEST)
		return;                 /* small records: they do not know */
	info->cwnd = status->cwnd;
	info->ssthresh = status->ssthresh;
	info->flight = status->flight;
	info->snd_wnd = status->snd_wnd;
	info->rcv_wnd = status->rcv_wnd;
	info->rto = measured(status->rto);
	info->srtt = measured(status->srtt);
	info->rttvar = measured(status->rttvar);
	info->min_rtt = measured(status->min_rtt);
	info->mss = measured(status->mss_send);
	if (status->sub & ELEVEN_SUB_WINDOW_SCALE) {
		info->snd_wscale = status->snd_wscale;
		info->rcv_wscale = status->rcv_wscale;
	}
	info->send_buffer = status->send_buffer;
	info->receive_buffer = status->receive_buffer;
	info->unsent = status->unsent;
	info->out_of_order = status->out_of_order;
	info->segments_in = status->segments_in;
	info->segments_out = status->segments_out;
	info->bytes_in = status->bytes_in;
	info->bytes_out = status->bytes_out;
	info->retransmitted_segments = status->retransmitted_segments;
	info->retransmitted_bytes = status->retransmitted_bytes;
	info->last_sent = age(now, status->last_sent);
	info->last_received = age(now, status->last_received);
}

/* As Linux counts: a SYN of ours that is not acknowledged is one more; a FIN the stack has counted already. */
static void fill_queues(struct conn_view *conn, const struct eleven_status *status, const struct sock_entry *entry)
{
	if (status->state == ELEVEN_LISTEN) {
		conn->recvq = status->receive_queue + (entry != NULL ? entry->handed_over : 0);
		conn->sendq = 0;
		conn->backlog = entry != NULL ? entry->backlog : status->send_queue;
		return;
	}
	conn->recvq = status->receive_queue;
	conn->sendq = status->send_queue;
	if (status->state == ELEVEN_SYN_SENT)
		conn->sendq++;
	if (entry != NULL) {
		conn->recvq += entry->unread_bytes;
		conn->sendq += entry->unsent_bytes;
		if (entry->unread_bytes > 0)
			conn->sub |= ELEVEN_SUB_UNREAD;
	}
}

void eleven_source_conn(struct conn_view *conn, const struct control_status *from, const struct sock_entry *entry)
{
	const struct eleven_status *status = &from->status;
	struct address local;

	text_escape(conn->host, sizeof(conn->host), from->host, sizeof(from->host));
	conn->source = VIEW_ELEVEN;
	conn->cookie = status->connection;
	conn->local = status->local;
	conn->remote = status->remote;
	memcpy(local.bytes, status->local.address.bytes, sizeof(local.bytes));
	conn->family = address_is_v4(&local) || (status->state == ELEVEN_CLOSED && address_is_any(&local)) ? 4 : 6;
	conn->state = status->state < ELEVEN_STATES ? status->state : ELEVEN_CLOSED;
	conn->previous = status->previous_state < ELEVEN_STATES ? status->previous_state : ELEVEN_STATES;
	if (conn->state == ELEVEN_TIME_WAIT && conn->previous == ELEVEN_CLOSED)
		conn->previous = ELEVEN_STATES; /* the small record does not keep it */
	conn->sub = status->sub;
	conn->sub_known = UINT32_MAX;
	conn->age_ns = age(from->now, status->since);
	if (conn->age_ns != VIEW_ABSENT) {
		conn->age_bound = VIEW_EXACT;
		conn->age_how = "event";
	}
	conn->opened_ns = age(from->now, status->opened);
	conn->rule = status->rule != RULE_NONE ? rule_row(status->rule) : NULL;
	conn->last_rule = status->last_rule != RULE_NONE ? rule_row(status->last_rule) : NULL;
	conn->error = status->error;
	conn->soft_error = status->soft_error;
	if (status->timer != ELEVEN_TIMER_NONE && status->timer < ELEVEN_TIMERS && status->timer_deadline != 0) {
		conn->timer.kind = status->timer;
		conn->timer.expires_ns = status->timer_deadline > from->now ? status->timer_deadline - from->now : 0;
		conn->timer.count = status->timer_count;
	}
	fill_queues(conn, status, entry);
	fill_info(&conn->info, status, from->now);
	if (entry != NULL) {
		conn->inode = entry->inode;
		conn->uid = entry->uid;
	}
}

/* ---------------------------------------------------------------- all rows */

/* All bodies of an answer of many messages, one after the other. */
struct answer {
	uint8_t *bytes;
	size_t length, room;
};

static int answer_read(struct client *client, unsigned type, const void *body, size_t length, size_t record,
		       struct answer *answer)
{
	struct client_message *message = malloc(sizeof(*message));
	int got;

	CHECK(message != NULL);
	memset(answer, 0, sizeof(*answer));
	got = client_request(client, type, body, length);
	while (got >= 0 && (got = client_receive(client, message)) > 0) {
		size_t n = message->header.length - message->header.length % record;

		if (answer->length + n > answer->room) {
			answer->room = 2 * (answer->length + n);
			answer->bytes = realloc(answer->bytes, answer->room);
			CHECK(answer->bytes != NULL);
		}
		memcpy(answer->bytes + answer->length, message->body, n);
		answer->length += n;
	}
	free(message);
	if (got < 0) {
		free(answer->bytes);
		answer->bytes = NULL;
	}
	return got;
}

static int entry_compare(const void *left, const void *right)
{
	const struct sock_entry *a = left, *b = right;
	int order = strncmp(a->host, b->host, sizeof(a->host));

	return order ? order : (a->handle > b->handle) - (a->handle < b->handle);
}

/*
 * A socket that the host has made but no program has a descriptor of waits inside the listener's descriptor.
 */
static void mark_unaccepted(struct view *view)
{
	for (size_t i = 0; i < view->count; i++) {
		struct conn_view *conn = &view->conns[i];

		if (conn->inode != 0 && conn->owners_known && conn->owner_count == 0 &&
		    conn_view_sub(conn, ELEVEN_SUB_PASSIVE))
			conn->sub |= ELEVEN_SUB_ACCEPT_QUEUE;
	}
}

int eleven_source_read(struct client *client, const char *host, bool owners, struct view *view)
{
	struct answer statuses, entries;
	struct control_filter filter;
	size_t entry_count;
	int error = client_filter(&filter, host);

	if (error == 0)
		error = answer_read(client, CONTROL_STATUS, &filter, sizeof(filter), sizeof(struct control_status),
				    &statuses);
	if (error < 0)
		return error;
	error = answer_read(client, SOCK_LIST, &filter, sizeof(filter), sizeof(struct sock_entry), &entries);
	if (error < 0)
		entries = (struct answer){ .length = 0 };       /* a host without sockets: stacks only */
	entry_count = entries.length / sizeof(struct sock_entry);
	if (entry_count > 0)
		qsort(entries.bytes, entry_count, sizeof(struct sock_entry), entry_compare);
	for (size_t at = 0; at < statuses.length; at += sizeof(struct control_status)) {
		const struct control_status *status = (const void *)(statuses.bytes + at);
		struct sock_entry key = { .handle = status->status.connection };

		memcpy(key.host, status->host, sizeof(key.host));
		eleven_source_conn(view_add(view), status,
				   entry_count == 0 ? NULL : bsearch(&key, entries.bytes, entry_count,
								     sizeof(struct sock_entry), entry_compare));
	}
	free(statuses.bytes);
	free(entries.bytes);
	if (owners && owners_scan(view, "/proc") == 0)
		mark_unaccepted(view);
	view_sort(view);
	return 0;
}

int eleven_source_hosts(struct client *client, struct control_host **hosts)
{
	struct client_message *message = malloc(sizeof(*message));
	int got;

	CHECK(message != NULL);
	*hosts = NULL;
	got = client_call(client, CONTROL_HOSTS, NULL, 0, message);
	if (got >= 0) {
		got = (int)(message->header.length / sizeof(struct control_host));
		*hosts = malloc((size_t)got * sizeof(struct control_host) + 1);
		CHECK(*hosts != NULL);
		memcpy(*hosts, message->body, (size_t)got * sizeof(struct control_host));
		for (int i = 0; i < got; i++)
			(*hosts)[i].name[sizeof((*hosts)[i].name) - 1] = '\0';
	}
	free(message);
	return got;
}

bool eleven_source_has(const struct control_host *hosts, int count, const char *name)
{
	for (int i = 0; i < count; i++) {
		if (strcmp(hosts[i].name, name) == 0)
			return true;
	}
	return false;
}

/* ---------------------------------------------------------------- figures */

int eleven_source_figures(struct client *client, const char *host, eleven_source_figures_fn *fn, void *context)
{
	struct answer stats, rules;
	struct control_filter filter;
	int error = client_filter(&filter, host);

	if (error == 0)
		error = answer_read(client, CONTROL_STATS, &filter, sizeof(filter), sizeof(struct control_stats),
				    &stats);
	if (error < 0)
		return error;
	error = answer_read(client, CONTROL_RULES, &filter, sizeof(filter), sizeof(struct control_rule), &rules);
	if (error < 0) {
		free(stats.bytes);
		return error;
	}
	for (size_t at = 0; at < stats.length; at += sizeof(struct control_stats)) {
		const struct control_stats *from = (const void *)(stats.bytes + at);
		uint64_t counts[RULES] = { 0 };
		char name[VIEW_HOST_MAX];
		struct netstat_figures figures = {
			.host = name, .stats = from->stats, .link_in = from->link_in, .link_out = from->link_out,
			.link_drops = from->link_drops, .rules = counts, .rule_count = RULES,
		};

		text_escape(name, sizeof(name), from->host, sizeof(from->host));
		for (size_t i = 0; i < rules.length; i += sizeof(struct control_rule)) {
			const struct control_rule *rule = (const void *)(rules.bytes + i);

			if (rule->rule < RULES && strncmp(rule->host, from->host, sizeof(rule->host)) == 0)
				counts[rule->rule] = rule->count;
		}
		fn(context, &figures);
	}
	free(stats.bytes);
	free(rules.bytes);
	return 0;
}

/* ---------------------------------------------------------------- streams */

int eleven_source_trace(struct client *client, const char *host, unsigned kinds, bool backlog)
{
	struct control_trace_request request = { .kinds = kinds, .backlog = backlog };
	struct control_filter filter;
	int error = client_filter(&filter, host);

	if (error < 0)
		return error;
	memcpy(request.host, filter.host, sizeof(request.host));
	return client_request(client, CONTROL_TRACE, &request, sizeof(request));
}

static void trace_deliver(struct eleven_source_sink *sink, const struct client_message *message)
{
	const struct control_trace *trace = (const void *)message->body;
	const uint8_t *records = message->body + sizeof(*trace);
	struct view_event event = { .host = "" };
	size_t fit;

	if (message->header.length < sizeof(*trace))
		return;
	fit = (message->header.length - sizeof(*trace)) / sizeof(struct eleven_trace);
	sink->lost += trace->lost;
	event.wall_offset = trace->wall_offset;
	text_escape(event.host, sizeof(event.host), trace->host, sizeof(trace->host));
	for (size_t i = 0; i < trace->count && i < fit; i++) {
		memcpy(&event.trace, records + i * sizeof(event.trace), sizeof(event.trace));
		sink->event(sink->context, &event);
	}
}

static void packet_deliver(struct eleven_source_sink *sink, const struct client_message *message)
{
	const struct control_packet *packet = (const void *)message->body;

	if (message->header.length < sizeof(*packet) || packet->length > message->header.length - sizeof(*packet))
		return;
	sink->lost += packet->lost;
	sink->packet(sink->context, packet, message->body + sizeof(*packet));
}

int eleven_source_next(struct client *client, struct eleven_source_sink *sink, int timeout_ms)
{
	static struct client_message message;
	struct pollfd poll_fd = { .fd = client->fd, .events = POLLIN };
	int got = poll(&poll_fd, 1, timeout_ms);

	if (got <= 0)
		return got == 0 || errno == EINTR ? 0 : -errno;
	got = client_receive(client, &message);
	if (got <= 0)
		return got == 0 ? 1 : got;
	if (message.header.type == (CONTROL_TRACE | CONTROL_REPLY) && sink->event != NULL)
		trace_deliver(sink, &message);
	else if (message.header.type == (CONTROL_CAPTURE | CONTROL_REPLY) && sink->packet != NULL)
		packet_deliver(sink, &message);
	return 1;
}
