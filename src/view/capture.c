/* SPDX-License-Identifier: MIT */
/* A capture with comments; see capture.h. */
#include "view/capture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "trace/trace.h"
#include "view/text.h"
#include "wire/pcapng.h"

#define COMMENTS_KEPT 4096
#define NEXT_PACKET_NS 1000000000u      /* a connection that is CLOSED sends its RST by then, or nothing */
#define BLOCK_ROOM 65536u               /* beside the packet: the block itself and its comments */

struct number {                         /* a packet by its number within its host */
	unsigned host;
	bool out;
	uint64_t serial;                /* 0: none */
};

struct comment {
	struct number packet;           /* serial 0: waits for the next packet of its connection */
	struct eleven_endpoint local, remote;
	uint64_t time;
	bool closed;                    /* state after it */
	char text[EVENT_LINE_MAX];
};

struct held {
	struct held *next;
	struct number sent, arrived;    /* either may be unknown; `sent` of a packet from outside is */
	uint64_t time, wall_offset;
	uint64_t came, settles;         /* our clock */
	bool expected;                  /* its arrival at another of our hosts is still to come */
	bool spare;                     /* second copy: written only if it has a comment */
	uint8_t kind;
	uint32_t length;
	uint8_t bytes[];
};

struct capture {
	struct control_host hosts[64];
	unsigned host_count;
	capture_write_fn *write;
	void *context;
	int error;
	struct comment *comments;       /* a ring */
	size_t comment_count;
	struct held *first, **last;
	size_t held_bytes;
	uint64_t written;
};

static void capture_put(struct capture *capture, const void *bytes, size_t n)
{
	if (capture->error == 0)
		capture->error = capture->write(capture->context, bytes, n);
}

struct capture *capture_create(const struct control_host *hosts, unsigned count, capture_write_fn *write,
			       void *context)
{
	static const char application[] = "eleven";
	struct capture *capture = calloc(1, sizeof(*capture));
	uint8_t block[512];

	CHECK(capture != NULL);
	capture->comments = calloc(COMMENTS_KEPT, sizeof(*capture->comments));
	CHECK(capture->comments != NULL);
	capture->write = write;
	capture->context = context;
	capture->last = &capture->first;
	capture->host_count = count < 64 ? count : 64;
	memcpy(capture->hosts, hosts, capture->host_count * sizeof(*hosts));
	capture_put(capture, block, pcapng_write_section(block, sizeof(block), (struct pcapng_text){
		application, sizeof(application) - 1 }));
	for (unsigned i = 0; i < capture->host_count; i++) {
		bool ethernet = hosts[i].kind == ELEVEN_LINK_ETHERNET;
		char name[VIEW_HOST_MAX];
		size_t n = text_escape(name, sizeof(name), hosts[i].name, sizeof(hosts[i].name));

		capture_put(capture, block, pcapng_write_interface(block, sizeof(block),
			ethernet ? PCAPNG_LINK_ETHERNET : PCAPNG_LINK_RAW, 0,
			(struct pcapng_text){ name, (uint32_t)n }));
	}
	if (capture->error != 0) {
		capture_destroy(capture);
		return NULL;
	}
	return capture;
}

void capture_destroy(struct capture *capture)
{
	while (capture->first != NULL) {
		struct held *held = capture->first;

		capture->first = held->next;
		free(held);
	}
	free(capture->comments);
	free(capture);
}

uint64_t capture_count(const struct capture *capture)
{
	return capture->written;
}

static unsigned host_index(const struct capture *capture, const char *name)
{
	unsigned i;

	for (i = 0; i < capture->host_count; i++) {
		char escaped[VIEW_HOST_MAX];

		text_escape(escaped, sizeof(escaped), capture->hosts[i].name, sizeof(capture->hosts[i].name));
		if (strcmp(escaped, name) == 0)
			break;
	}
	return i;
}

/* Is the packet's source, or its destination, one of the hosts'? */
static bool host_has_address(const struct capture *capture, const uint8_t *ip, bool source)
{
	for (unsigned i = 0; i < capture->host_count; i++) {
		if (ip[0] >> 4 == 4 ? memcmp(capture->hosts[i].address.bytes + 12, ip + (source ? 12 : 16), 4) == 0
				    : memcmp(capture->hosts[i].address6.bytes, ip + (source ? 8 : 24), 16) == 0)
			return true;
	}
	return false;
}

/* ---------------------------------------------------------------- comments */

static bool same_ends(const struct comment *comment, const struct eleven_trace *trace)
{
	return memcmp(&comment->local, &trace->local, sizeof(trace->local)) == 0 &&
	       memcmp(&comment->remote, &trace->remote, sizeof(trace->remote)) == 0;
}

/* What was done by calls and timeouts of this connection is told by the packet it sends now. */
static void comments_settle(struct capture *capture, unsigned host, const struct eleven_trace *trace)
{
	size_t kept = capture->comment_count < COMMENTS_KEPT ? capture->comment_count : COMMENTS_KEPT;

	for (size_t i = 0; i < kept; i++) {
		struct comment *comment = &capture->comments[i];

		if (comment->packet.serial != 0 || comment->packet.host != host || !same_ends(comment, trace))
			continue;
		if (comment->closed && trace->time > comment->time + NEXT_PACKET_NS)
			continue;
		comment->packet = (struct number){ host, true, trace->packet };
	}
}

void capture_event(struct capture *capture, const struct view_event *event)
{
	const struct eleven_trace *trace = &event->trace;
	unsigned host = host_index(capture, event->host);
	char local[TEXT_ENDPOINT_MAX], cause[EVENT_LINE_MAX];
	struct comment *comment;

	if (trace->kind == ELEVEN_TRACE_OUT)
		comments_settle(capture, host, trace);
	if (trace->kind != ELEVEN_TRACE_TRANSITION || trace->remote.port == 0)
		return;
	comment = &capture->comments[capture->comment_count++ % COMMENTS_KEPT];
	comment->packet = (struct number){ host, false, trace->packet };
	comment->local = trace->local;
	comment->remote = trace->remote;
	comment->time = trace->time;
	comment->closed = trace->state_after == ELEVEN_CLOSED;
	snprintf(comment->text, sizeof(comment->text), "%s %s %s -> %s: %.500s", event->host,
		 text_endpoint(local, &trace->local), text_state_rfc(trace->state_before),
		 text_state_rfc(trace->state_after), event_cause(cause, trace));
}

static void comments_find(const struct capture *capture, const struct number *number, struct pcapng_packet *packet)
{
	size_t kept = capture->comment_count < COMMENTS_KEPT ? capture->comment_count : COMMENTS_KEPT;
	size_t oldest = capture->comment_count - kept;

	if (number->serial == 0)
		return;
	for (size_t i = oldest; i < capture->comment_count; i++) {
		const struct comment *comment = &capture->comments[i % COMMENTS_KEPT];

		if (comment->packet.serial != number->serial || comment->packet.host != number->host ||
		    comment->packet.out != number->out || packet->comment_count == PCAPNG_COMMENTS_MAX)
			continue;
		packet->comments[packet->comment_count++] = (struct pcapng_text){
			comment->text, (uint32_t)strlen(comment->text) };
	}
}

/* ---------------------------------------------------------------- packets */

/* The bytes from the IP header on. */
static const uint8_t *ip_header(const struct held *held, uint32_t *n)
{
	uint32_t offset = held->kind == ELEVEN_LINK_ETHERNET ? 14 : 0;

	if (held->length < offset + 20 ||
	    !(held->bytes[offset] >> 4 == 4 || (held->bytes[offset] >> 4 == 6 && held->length >= offset + 40)))
		return NULL;
	*n = held->length - offset;
	return held->bytes + offset;
}

/* The same packet, whatever became of its checksums and its time to live. */
static bool same_packet(const struct held *a, const struct held *b)
{
	uint32_t a_bytes = 0, b_bytes = 0, header;
	const uint8_t *p = ip_header(a, &a_bytes), *q = ip_header(b, &b_bytes);

	if (p == NULL || q == NULL || a_bytes != b_bytes)
		return false;
	if (p[0] >> 4 == 6)     /* all but the hop limit and TCP's checksum */
		return q[0] >> 4 == 6 && memcmp(p, q, 7) == 0 && memcmp(p + 8, q + 8, 32) == 0 &&
		       (a_bytes < 58 ? memcmp(p + 40, q + 40, a_bytes - 40) == 0
				     : memcmp(p + 40, q + 40, 16) == 0 && memcmp(p + 58, q + 58, a_bytes - 58) == 0);
	header = (p[0] & 15u) * 4u;
	if (header < 20 || a_bytes < header + 18)
		return a_bytes >= 20 && memcmp(p + 12, q + 12, a_bytes - 12) == 0;
	return memcmp(p, q, 8) == 0 && memcmp(p + 12, q + 12, header + 16 - 12) == 0 &&
	       memcmp(p + header + 18, q + header + 18, a_bytes - header - 18) == 0;
}

/* The copy that its sender has written into the queue. */
static struct held *find_sent(struct capture *capture, const struct held *arrived)
{
	for (struct held *held = capture->first; held != NULL; held = held->next) {
		if (held->expected && same_packet(held, arrived))
			return held;
	}
	return NULL;
}

void capture_packet(struct capture *capture, const struct control_packet *packet, const uint8_t *bytes,
		    uint64_t now)
{
	struct held *held = calloc(1, sizeof(*held) + packet->length), *sent;
	struct number number = { .out = packet->out, .serial = packet->serial };
	char name[VIEW_HOST_MAX];
	const uint8_t *ip;
	uint32_t n;

	CHECK(held != NULL);
	text_escape(name, sizeof(name), packet->host, sizeof(packet->host));
	number.host = host_index(capture, name);
	if (packet->out)
		held->sent = number;
	else
		held->arrived = number;
	held->time = packet->time;
	held->wall_offset = packet->wall_offset;
	held->came = now;
	held->settles = now + CAPTURE_SETTLE_NS;
	held->kind = packet->kind;
	held->length = packet->length;
	memcpy(held->bytes, bytes, packet->length);
	ip = ip_header(held, &n);
	if (ip != NULL && packet->out)
		held->expected = host_has_address(capture, ip, false);
	if (ip != NULL && !packet->out && host_has_address(capture, ip, true)) {
		sent = find_sent(capture, held);
		if (sent != NULL) {
			sent->arrived = number;
			sent->expected = false;
			sent->settles = now + CAPTURE_SETTLE_NS;
			free(held);
			return;
		}
		held->spare = true;
	}
	*capture->last = held;
	capture->last = &held->next;
	capture->held_bytes += held->length;
}

static void held_write(struct capture *capture, const struct held *held)
{
	struct pcapng_packet packet = {
		.interface = held->sent.serial != 0 ? held->sent.host : held->arrived.host,
		.time_ns = held->time + held->wall_offset, .bytes = held->bytes, .n = held->length,
		.original_bytes = held->length,
	};
	size_t room = held->length + BLOCK_ROOM;
	uint8_t *block;

	comments_find(capture, &held->sent, &packet);
	comments_find(capture, &held->arrived, &packet);
	if ((held->spare && packet.comment_count == 0) || packet.interface >= capture->host_count)
		return;
	block = malloc(room);
	CHECK(block != NULL);
	capture_put(capture, block, pcapng_write_packet(block, room, &packet));
	capture->written++;
	free(block);
}

int capture_write(struct capture *capture, uint64_t now, bool all)
{
	while (capture->first != NULL) {
		struct held *held = capture->first;
		bool ripe = now >= held->settles && (!held->expected || now >= held->came + CAPTURE_HOLD_NS);

		if (!ripe && !all && capture->held_bytes <= CAPTURE_HELD_MAX)
			break;
		held_write(capture, held);
		capture->first = held->next;
		if (capture->first == NULL)
			capture->last = &capture->first;
		capture->held_bytes -= held->length;
		free(held);
	}
	return capture->error;
}
