/* SPDX-License-Identifier: MIT */
/* TRACE and CAPTURE; see watchers.h. */
#include "host/watchers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/answers.h"
#include "link/cut.h"

#define BODY_MAX (CONTROL_MESSAGE_MAX - sizeof(struct control_header))
#define TRACES_PER_MESSAGE ((BODY_MAX - sizeof(struct control_trace)) / sizeof(struct eleven_trace))
/*
 * More waiting for a client: packets are lost to it.  So much comes within the 10 ms or so in which a busy machine
 * does not let the client run.
 */
#define CAPTURE_QUEUE_BYTES (16u << 20)

/* One client's watch. */
struct watch {
	struct watch *next;
	struct watchers *watchers;
	struct control_client *client;
	uint32_t request;
	const struct host_stack *only;          /* NULL: all */
	bool capture;
	uint32_t kinds;                         /* trace: those it wants */
	uint64_t after[HOST_STACKS_MAX];        /* trace: last serial it has of each stack */
	uint64_t lost;                          /* capture: since the last message */
};

struct watchers {
	struct control *control;
	struct host *host;
	struct watch *watches;
	unsigned captures;
	_Alignas(8) uint8_t message[BODY_MAX];
};

/* ---------------------------------------------------------------- trace */

/* Reads one message's worth of a stack's records; only those of the wanted kinds stay. False: none. */
static bool trace_read(struct watch *watch, const struct host_stack *s, size_t *bytes)
{
	struct control_trace *head = (struct control_trace *)(void *)watch->watchers->message;
	struct eleven_trace *records = (struct eleven_trace *)(void *)(head + 1);
	uint64_t lost = 0;
	unsigned n = eleven_trace(s->stack, &watch->after[s->index], records, TRACES_PER_MESSAGE, &lost), kept = 0;

	for (unsigned i = 0; i < n; i++)
		if (watch->kinds & 1u << records[i].kind)
			records[kept++] = records[i];
	memset(head, 0, sizeof(*head));
	memcpy(head->host, s->name, sizeof(head->host));
	head->wall_offset = host_wall_offset(s->host);
	head->lost = lost;
	head->count = kept;
	*bytes = sizeof(*head) + kept * sizeof(records[0]);
	return n > 0;
}

/* One message a call, the stacks by turns. */
static enum control_more stream_trace(struct control_client *client, uint32_t request, void *state)
{
	struct watch *watch = *(struct watch **)state;

	for (unsigned i = 0; i < host_count(watch->watchers->host); i++) {
		const struct host_stack *s = host_at(watch->watchers->host, i);
		size_t bytes;

		if ((watch->only && watch->only != s) || !trace_read(watch, s, &bytes))
			continue;
		if (((struct control_trace *)(void *)watch->watchers->message)->count > 0 &&
		    !control_reply(client, request, CONTROL_TRACE, watch->watchers->message, bytes))
			return CONTROL_DONE;
		return CONTROL_AGAIN;
	}
	return CONTROL_WAIT;
}

/* Moves a new watch to the end of what the rings hold. */
static void trace_skip(struct watch *watch)
{
	for (unsigned i = 0; i < host_count(watch->watchers->host); i++) {
		size_t bytes;

		while (trace_read(watch, host_at(watch->watchers->host, i), &bytes))
			continue;
	}
}

/* ---------------------------------------------------------------- capture */

static uint32_t packet_copy(uint8_t *to, const struct host_packet *packet)
{
	uint32_t length = 0, network = packet->kind == ELEVEN_LINK_ETHERNET ? 14 : 0;

	for (unsigned i = 0; i < packet->slices; i++) {
		memcpy(to + length, packet->slice[i].bytes, packet->slice[i].length);
		length += packet->slice[i].length;
	}
	/* Left to the link, or vouched for by it: in the capture it is to be right. */
	if (packet->checksum_open)
		packet_checksum(to, length, network);
	return length;
}

static void capture_packet(void *context, struct host_stack *s, const struct host_packet *packet)
{
	struct watchers *watchers = context;
	struct control_packet *head = (struct control_packet *)(void *)watchers->message;
	bool copied = false;

	if (packet->length > BODY_MAX - sizeof(*head))
		return;
	for (struct watch *watch = watchers->watches; watch; watch = watch->next) {
		if (!watch->capture || (watch->only && watch->only != s))
			continue;
		if (control_queued(watch->client) > CAPTURE_QUEUE_BYTES) {
			watch->lost++;
			continue;
		}
		if (!copied)
			packet_copy(watchers->message + sizeof(*head), packet);
		copied = true;
		memset(head, 0, sizeof(*head));
		memcpy(head->host, s->name, sizeof(head->host));
		head->time = packet->time;
		head->wall_offset = host_wall_offset(s->host);
		head->serial = packet->serial;
		head->lost = watch->lost;
		head->length = packet->length;
		head->segment_bytes = packet->segment_bytes;
		head->out = packet->out;
		head->kind = packet->kind;
		watch->lost = 0;
		if (!control_reply(watch->client, watch->request, CONTROL_CAPTURE, head,
				   sizeof(*head) + packet->length))
			return;         /* the client is gone, and its watches with it */
	}
}

/* ---------------------------------------------------------------- coming and going */

static struct watch *watch_create(struct watchers *watchers, struct control_client *client,
				  const struct control_message *message)
{
	struct host_stack *only;
	struct watch *watch;

	if (answers_filter(client, message, watchers->control, &only) < 0)
		return NULL;
	watch = calloc(1, sizeof(*watch));
	if (!watch) {
		control_error(client, message->request, -ENOMEM, "the host has no memory");
		return NULL;
	}
	watch->watchers = watchers;
	watch->client = client;
	watch->request = message->request;
	watch->only = only;
	watch->next = watchers->watches;
	watchers->watches = watch;
	return watch;
}

static void handle_trace(void *context, struct control_client *client, const struct control_message *message)
{
	struct control_trace_request request;
	struct watch *watch, **state;

	if (message->length < sizeof(request)) {
		control_error(client, message->request, -EINVAL, "the request is too short");
		return;
	}
	memcpy(&request, message->body, sizeof(request));
	state = malloc(sizeof(*state));
	watch = state ? watch_create(context, client, message) : NULL;
	if (!watch) {
		free(state);
		return;
	}
	*state = watch;
	watch->kinds = request.kinds & ((1u << ELEVEN_TRACE_KINDS) - 1);
	if (!request.backlog)
		trace_skip(watch);
	control_stream(client, message->request, stream_trace, state);
}

static void handle_capture(void *context, struct control_client *client, const struct control_message *message)
{
	struct watchers *watchers = context;
	struct watch *watch = watch_create(watchers, client, message);

	if (!watch)
		return;
	watch->capture = true;
	control_queue_more(client, CAPTURE_QUEUE_BYTES);
	if (watchers->captures++ == 0)
		host_on_packet(watchers->host, capture_packet, watchers);
}

static void client_gone(void *context, struct control_client *client)
{
	struct watchers *watchers = context;
	struct watch **at = &watchers->watches;

	while (*at) {
		struct watch *watch = *at;

		if (watch->client != client) {
			at = &watch->next;
			continue;
		}
		*at = watch->next;
		if (watch->capture && --watchers->captures == 0)
			host_off_packet(watchers->host, capture_packet, watchers);
		free(watch);
	}
}

static void turn_done(void *context, struct host_stack *stack)
{
	struct watchers *watchers = context;

	(void)stack;
	if (watchers->watches)
		control_wake(watchers->control);
}

struct watchers *watchers_create(struct control *control)
{
	struct watchers *watchers = calloc(1, sizeof(*watchers));

	if (!watchers)
		return NULL;
	watchers->control = control;
	watchers->host = control_host(control);
	if (control_handle(control, CONTROL_TRACE, handle_trace, watchers) < 0 ||
	    control_handle(control, CONTROL_CAPTURE, handle_capture, watchers) < 0 ||
	    control_on_gone(control, client_gone, watchers) < 0 ||
	    host_on_turn(watchers->host, turn_done, watchers) < 0) {
		free(watchers);
		return NULL;
	}
	return watchers;
}

void watchers_destroy(struct watchers *watchers)
{
	free(watchers);
}
