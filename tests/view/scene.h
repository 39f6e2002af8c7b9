/* SPDX-License-Identifier: MIT */
/* Made-up traces of a client 10.0.0.1:41000 and a server 10.0.0.2:8000, for tests of what draws them. */
#ifndef TESTS_VIEW_SCENE_H
#define TESTS_VIEW_SCENE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace/trace.h"
#include "view/event.h"
#include "view/text.h"

#define SCENE_MAX 4096
#define SCENE_LOST UINT64_MAX
#define SCENE_START 5000000000000ull    /* ns: 5000 s after the host's machine came up */

enum { CLIENT, SERVER };
enum { F = 1, S = 2, R = 4, P = 8, A = 16 };

struct scene {
	struct view_event events[SCENE_MAX];
	size_t count;
	uint64_t packets[2];
};

static inline struct eleven_trace *scene_add(struct scene *scene, int side, double ms, enum eleven_trace_kind kind)
{
	static const char *const ends[2] = { "10.0.0.1:41000", "10.0.0.2:8000" };
	struct view_event *event = &scene->events[scene->count++];

	memset(event, 0, sizeof(*event));
	strcpy(event->host, side == CLIENT ? "client" : "server");
	event->wall_offset = 1700000000000000000ull - SCENE_START;
	event->trace.time = SCENE_START + (uint64_t)(ms * 1e6);
	event->trace.kind = (uint8_t)kind;
	event->trace.iss = side == CLIENT ? 1000 : 900000;
	event->trace.irs = side == CLIENT ? 900000 : 1000;
	text_endpoint_parse(&event->trace.local, ends[side]);
	text_endpoint_parse(&event->trace.remote, ends[!side]);
	return &event->trace;
}

static inline void scene_state(struct scene *scene, int side, double ms, enum eleven_state before,
			       enum eleven_state after, enum rule rule)
{
	struct eleven_trace *trace = scene_add(scene, side, ms, ELEVEN_TRACE_TRANSITION);

	trace->state_before = (uint8_t)before;
	trace->state_after = (uint8_t)after;
	trace->rule = (uint16_t)rule;
}

static inline void scene_call(struct scene *scene, int side, double ms, enum eleven_call call, int64_t value)
{
	struct eleven_trace *trace = scene_add(scene, side, ms, ELEVEN_TRACE_CALL);

	trace->call = (uint8_t)call;
	trace->value = value;
}

static inline void scene_timeout(struct scene *scene, int side, double ms, enum eleven_timer timer)
{
	scene_add(scene, side, ms, ELEVEN_TRACE_TIMEOUT)->timer = (uint8_t)timer;
}

static inline void scene_rule(struct scene *scene, int side, double ms, enum rule rule)
{
	scene_add(scene, side, ms, ELEVEN_TRACE_RULE)->rule = (uint16_t)rule;
}

/* A segment of `side` that arrives after `delay_ms`, or never when that is negative. Numbers are relative. */
static inline void scene_segment(struct scene *scene, int side, double ms, double delay_ms, unsigned flags,
				 uint32_t seq, uint32_t bytes, uint32_t ack, bool again)
{
	uint32_t iss = side == CLIENT ? 1000 : 900000, irs = side == CLIENT ? 900000 : 1000;
	struct eleven_trace_segment segment = {
		.seq = iss + seq, .ack = flags & A ? irs + ack : 0, .text_bytes = bytes, .flags = (uint8_t)flags,
		.window = flags & R ? 0 : flags & S ? 65535 : 512,
	};
	struct eleven_trace *trace = scene_add(scene, side, ms, ELEVEN_TRACE_OUT);

	if (flags & S) {
		segment.has = 1 | 2 | 4 | 8;
		segment.mss = 1460;
		segment.wscale = 7;
	}
	trace->segment = segment;
	trace->packet = ++scene->packets[side];
	trace->segment.has |= again ? 16 : 0;
	if (delay_ms < 0)
		return;
	trace = scene_add(scene, !side, ms + delay_ms, ELEVEN_TRACE_IN);
	trace->segment = segment;
	trace->packet = scene->packets[side];
}

static inline int scene_compare(const void *left, const void *right)
{
	const struct view_event *a = left, *b = right;

	if (a->trace.time != b->trace.time)
		return a->trace.time < b->trace.time ? -1 : 1;
	return (a->trace.serial > b->trace.serial) - (a->trace.serial < b->trace.serial);
}

/* Puts the records into the order of time, and numbers them as a stack would. */
static inline void scene_finish(struct scene *scene)
{
	for (size_t i = 0; i < scene->count; i++)
		scene->events[i].trace.serial = i + 1;
	qsort(scene->events, scene->count, sizeof(scene->events[0]), scene_compare);
	for (size_t i = 0; i < scene->count; i++)
		scene->events[i].trace.serial = i + 1;
}

/* ---------------------------------------------------------------- scenes */

/* Three-way handshake from `ms` on, each segment on its way for delay_ms; returns when it is done. */
static inline double scene_handshake(struct scene *s, double ms, double delay)
{
	scene_call(s, CLIENT, ms, ELEVEN_CALL_OPEN_ACTIVE, 0);
	scene_state(s, CLIENT, ms, ELEVEN_CLOSED, ELEVEN_SYN_SENT, RULE_OPEN_ACTIVE);
	scene_segment(s, CLIENT, ms, delay, S, 0, 0, 0, false);
	ms += delay;
	scene_state(s, SERVER, ms, ELEVEN_LISTEN, ELEVEN_SYN_RECEIVED, RULE_LISTEN_SYN);
	scene_segment(s, SERVER, ms, delay, S | A, 0, 0, 1, false);
	ms += delay;
	scene_state(s, CLIENT, ms, ELEVEN_SYN_SENT, ELEVEN_ESTABLISHED, RULE_SYN_SENT_ESTABLISHED);
	scene_segment(s, CLIENT, ms, delay, A, 1, 0, 1, false);
	ms += delay;
	scene_state(s, SERVER, ms, ELEVEN_SYN_RECEIVED, ELEVEN_ESTABLISHED, RULE_ACK_ESTABLISHED);
	scene_call(s, SERVER, ms, ELEVEN_CALL_ACCEPT, 0);
	return ms;
}

/* A line and its answer, client closes first, the last ACK is lost once, 2 MSL pass. */
static inline void scene_whole_life(struct scene *s, double delay)
{
	double ms = scene_handshake(s, 0, delay) + 100;

	scene_call(s, CLIENT, ms, ELEVEN_CALL_SEND, 6);
	scene_segment(s, CLIENT, ms, delay, P | A, 1, 6, 1, false);
	ms += delay;
	scene_call(s, SERVER, ms + .3, ELEVEN_CALL_SEND, 6);
	scene_segment(s, SERVER, ms + .3, delay, P | A, 1, 6, 7, false);
	ms += delay + .3;
	scene_timeout(s, CLIENT, ms + 40, ELEVEN_TIMER_DELAYED_ACK);
	scene_rule(s, CLIENT, ms + 40, RULE_TIMEOUT_DELAYED_ACK);
	scene_segment(s, CLIENT, ms + 40, delay, A, 7, 0, 7, false);
	ms += 1000;
	scene_call(s, CLIENT, ms, ELEVEN_CALL_SHUTDOWN, 0);
	scene_state(s, CLIENT, ms, ELEVEN_ESTABLISHED, ELEVEN_FIN_WAIT_1, RULE_CLOSE_FIN_WAIT_1);
	scene_segment(s, CLIENT, ms, delay, F | A, 7, 0, 7, false);
	ms += delay;
	scene_state(s, SERVER, ms, ELEVEN_ESTABLISHED, ELEVEN_CLOSE_WAIT, RULE_FIN_CLOSE_WAIT);
	scene_segment(s, SERVER, ms, delay, A, 7, 0, 8, false);
	ms += delay;
	scene_state(s, CLIENT, ms, ELEVEN_FIN_WAIT_1, ELEVEN_FIN_WAIT_2, RULE_ACK_FIN_WAIT_2);
	ms += 2000;
	scene_call(s, SERVER, ms, ELEVEN_CALL_CLOSE, 0);
	scene_state(s, SERVER, ms, ELEVEN_CLOSE_WAIT, ELEVEN_LAST_ACK, RULE_CLOSE_LAST_ACK);
	scene_segment(s, SERVER, ms, delay, F | A, 7, 0, 8, false);
	ms += delay;
	scene_state(s, CLIENT, ms, ELEVEN_FIN_WAIT_2, ELEVEN_TIME_WAIT, RULE_FIN_TIME_WAIT);
	scene_segment(s, CLIENT, ms, -1, A, 8, 0, 8, false);
	ms += 200;
	scene_timeout(s, SERVER, ms, ELEVEN_TIMER_RETRANSMISSION);
	scene_rule(s, SERVER, ms, RULE_TIMEOUT_RETRANSMISSION);
	scene_segment(s, SERVER, ms, delay, F | A, 7, 0, 8, true);
	ms += delay;
	scene_rule(s, CLIENT, ms, RULE_FIN_TIME_WAIT_AGAIN);
	scene_segment(s, CLIENT, ms, delay, A, 8, 0, 8, false);
	scene_state(s, SERVER, ms + delay, ELEVEN_LAST_ACK, ELEVEN_CLOSED, RULE_ACK_LAST_CLOSED);
	scene_timeout(s, CLIENT, ms + 8000, ELEVEN_TIMER_TIME_WAIT);
	scene_state(s, CLIENT, ms + 8000, ELEVEN_TIME_WAIT, ELEVEN_CLOSED, RULE_TIMEOUT_TIME_WAIT);
}

/* Both connect to each other, and then both close at once. */
static inline void scene_simultaneous(struct scene *s, double delay)
{
	double ms = 1;

	scene_call(s, CLIENT, 0, ELEVEN_CALL_OPEN_ACTIVE, 0);
	scene_state(s, CLIENT, 0, ELEVEN_CLOSED, ELEVEN_SYN_SENT, RULE_OPEN_ACTIVE);
	scene_segment(s, CLIENT, 0, delay, S, 0, 0, 0, false);
	scene_call(s, SERVER, ms, ELEVEN_CALL_OPEN_ACTIVE, 0);
	scene_state(s, SERVER, ms, ELEVEN_CLOSED, ELEVEN_SYN_SENT, RULE_OPEN_ACTIVE);
	scene_segment(s, SERVER, ms, delay, S, 0, 0, 0, false);
	scene_state(s, SERVER, delay, ELEVEN_SYN_SENT, ELEVEN_SYN_RECEIVED, RULE_SYN_SENT_CROSSED);
	scene_segment(s, SERVER, delay, delay, S | A, 0, 0, 1, false);
	scene_state(s, CLIENT, delay + ms, ELEVEN_SYN_SENT, ELEVEN_SYN_RECEIVED, RULE_SYN_SENT_CROSSED);
	scene_segment(s, CLIENT, delay + ms, delay, S | A, 0, 0, 1, false);
	scene_state(s, CLIENT, 2 * delay, ELEVEN_SYN_RECEIVED, ELEVEN_ESTABLISHED, RULE_ACK_ESTABLISHED);
	scene_state(s, SERVER, 2 * delay + ms, ELEVEN_SYN_RECEIVED, ELEVEN_ESTABLISHED, RULE_ACK_ESTABLISHED);
	ms = 2 * delay + 500;
	for (int side = CLIENT; side <= SERVER; side++) {
		double t = ms + 3 * side;

		scene_call(s, side, t, ELEVEN_CALL_CLOSE, 0);
		scene_state(s, side, t, ELEVEN_ESTABLISHED, ELEVEN_FIN_WAIT_1, RULE_CLOSE_FIN_WAIT_1);
		scene_segment(s, side, t, delay, F | A, 1, 0, 1, false);
		scene_state(s, !side, t + delay, ELEVEN_FIN_WAIT_1, ELEVEN_CLOSING, RULE_FIN_CLOSING);
		scene_segment(s, !side, t + delay, delay, A, 2, 0, 2, false);
		scene_state(s, side, t + 2 * delay, ELEVEN_CLOSING, ELEVEN_TIME_WAIT, RULE_ACK_CLOSING_TIME_WAIT);
	}
}

/* Nobody listens. */
static inline void scene_refused(struct scene *s, double delay)
{
	scene_call(s, CLIENT, 0, ELEVEN_CALL_OPEN_ACTIVE, 0);
	scene_state(s, CLIENT, 0, ELEVEN_CLOSED, ELEVEN_SYN_SENT, RULE_OPEN_ACTIVE);
	scene_segment(s, CLIENT, 0, delay, S, 0, 0, 0, false);
	scene_rule(s, SERVER, delay, RULE_CLOSED_RST_SENT);
	scene_segment(s, SERVER, delay, delay, R | A, 0, 0, 1, false);
	scene_state(s, CLIENT, 2 * delay, ELEVEN_SYN_SENT, ELEVEN_CLOSED, RULE_SYN_SENT_REFUSED);
}

/* `n` segments of text, each acknowledged. */
static inline void scene_bulk(struct scene *s, unsigned n)
{
	double ms = scene_handshake(s, 0, .05) + 10;

	for (unsigned i = 0; i < 4; i++)
		scene_call(s, CLIENT, ms, ELEVEN_CALL_SEND, 250 * n);
	for (unsigned i = 0; i < n; i++) {
		scene_segment(s, CLIENT, ms + i * .1, .05, P | A, 1 + 1000 * i, 1000, 1, false);
		scene_segment(s, SERVER, ms + i * .1 + .06, .03, A, 1, 0, 1001 + 1000 * i, false);
	}
	ms += n;
	scene_call(s, CLIENT, ms, ELEVEN_CALL_CLOSE, 0);
	scene_state(s, CLIENT, ms, ELEVEN_ESTABLISHED, ELEVEN_FIN_WAIT_1, RULE_CLOSE_FIN_WAIT_1);
	scene_segment(s, CLIENT, ms, .05, F | A, 1 + 1000 * n, 0, 1, false);
	scene_state(s, SERVER, ms + .05, ELEVEN_ESTABLISHED, ELEVEN_CLOSE_WAIT, RULE_FIN_CLOSE_WAIT);
}

#endif
