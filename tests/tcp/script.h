/* SPDX-License-Identifier: MIT */
/*
 * A scripted peer for one TCP, at the level of segments, in virtual time: in() gives it a
 * segment, out() expects one, both in packetdrill's notation with relative numbers.
 */
#ifndef TEST_TCP_SCRIPT_H
#define TEST_TCP_SCRIPT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <cmocka.h>

#include "base/time.h"
#include "tcp/connection.h"
#include "tcp/tcb.h"
#include "tcp/tcp.h"
#include "wire/print.h"
#include "wire/scan.h"

#include "../memory.h"
#include "../panic.h"
#include "../profile.h"

#define OUR_PORT   8000
#define THEIR_PORT 40000

static const char zeros[1 << 20];

/* TEST_FAMILY=6 runs the same over IPv6: fd00::a00:1 for 10.0.0.1, and MTUs that leave as much room for text. */
static inline bool script_is_v6(void)
{
	const char *family = getenv("TEST_FAMILY");

	return family && family[0] == '6';
}

static inline struct address script_address(uint32_t value)
{
	struct address address = address_v4(value);

	if (!script_is_v6())
		return address;
	memset(address.bytes, 0, 12);
	if (value != 0)
		address.bytes[0] = 0xfd;
	return address;
}

/* For what IPv6 does otherwise; its own test shows that. */
#define script_of_v4(why) \
	do { \
		if (script_is_v6()) { \
			print_message("%s is of IPv4: %s\n", __func__, why); \
			skip(); \
		} \
	} while (0)

static inline uint32_t script_mtu(uint32_t mtu)
{
	return script_is_v6() ? mtu + 20 : mtu;
}

static inline uint64_t script_step(void)
{
	const char *step = getenv("STEP");

	return step ? strtoull(step, NULL, 10) : 1;
}

struct script {
	struct eleven_config config;
	struct trace trace;
	struct tcp *tcp;
	void *memory, *records;
	uint64_t now;                   /* by the clock, which is read in steps */
	uint64_t step, late;            /* ns; STEP in the environment, and so much later it really is */
	struct address us, them;
	uint16_t our_port, their_port;
	struct seq our_iss, their_iss;
	bool our_iss_known;
	eleven_handle listener, h;
	uint32_t ts;                    /* not 0: in() adds timestamps with this value to what has none */
	uint32_t ts_echo;               /* and this echo */
	bool sack;                      /* in() permits SACK on its SYNs */
	bool checksum_wrong;            /* of what in() sends */
	uint8_t tos;                    /* of the packets of in(): DSCP and ECN bits */
	uint16_t segment_bytes;         /* of what comes in: text of each of the segments joined in it */
	struct segment last;            /* the segment that out() matched */
	struct tcp_out last_out;        /* and as it was handed out */
	uint8_t last_text[65536];
};

static inline void script_config(struct script *s, enum eleven_profile profile)
{
	memset(s, 0, sizeof(*s));
	config_choose(&s->config, profile);
	s->config.seed = 7;
	s->config.connections_max = 64;
	s->config.syn_received_max = 64;
	s->config.time_wait_max = 64;
	s->config.buffer_bytes = 8u << 20;
	s->config.reassembly_max = 16;
	s->config.sent_records_max = 1024;
	s->config.gaps_max = 32;
	s->config.pacing = 0;
	s->config.timestamps = 0;
	s->config.quick_acks = 0;
}

static inline void script_begin(struct script *s)
{
	s->memory = memory_take(tcp_bytes(&s->config));
	s->records = calloc(1, trace_bytes((uint32_t)s->config.trace_records_max));
	trace_init(&s->trace, s->records, (uint32_t)s->config.trace_records_max);
	s->step = script_step();
	s->now = SEC(1000);
	s->late = s->step * 3 / 8;
	s->tcp = tcp_init(s->memory, &s->config, &s->trace, s->now);
	tcp_interface_set(s->tcp, 0, script_mtu(1500), 0);
	s->us = script_address(0x0a000001);
	s->them = script_address(0x0a000002);
	s->our_port = OUR_PORT;
	s->their_port = THEIR_PORT;
	s->their_iss = seq_of(0x7ffffff0);
}

static inline void script_end(struct script *s)
{
	memory_return(s->memory);
	free(s->records);
}

/* ---- segments */

static inline void in_text(struct script *s, const char *line, const void *text)
{
	static uint8_t bytes[70000];
	struct segment_scan scan;
	struct arrival arrival = { .source = s->them, .destination = s->us, .bytes = bytes, .tos = s->tos,
				   .segment_bytes = s->segment_bytes };

	if (!segment_scan(&scan, line, strlen(line), s->their_iss, s->our_iss))
		fail_msg("'%s': %s expected at %zu", line, scan.fault, scan.end);
	scan.segment.source_port = s->their_port;
	scan.segment.destination_port = s->our_port;
	scan.segment.text = text ? text : (const void *)zeros;
	if (!scan.has_window)
		scan.segment.window = 65535;
	if (s->ts && !scan.segment.options.has_timestamps) {
		scan.segment.options.has_timestamps = true;
		scan.segment.options.tsval = s->ts;
		scan.segment.options.tsecr = scan.segment.has_ack ? s->ts_echo : 0;
	}
	scan.segment.options.sack_permitted |= s->sack && scan.segment.syn;
	arrival.length = (uint32_t)segment_emit(bytes, sizeof(bytes), &scan.segment, &s->them, &s->us);
	bytes[16] ^= s->checksum_wrong;
	assert_true(arrival.length > 0);
	tcp_segment_arrives(s->tcp, &arrival, s->now);
}

/* With these bytes (a multiple of 4) as its options. */
static inline void in_with(struct script *s, const char *line, const uint8_t *options, unsigned n)
{
	uint8_t bytes[2000], text[1500] = { 0 };
	struct segment_scan scan;
	struct arrival arrival = { .source = s->them, .destination = s->us, .bytes = bytes, .tos = s->tos };
	uint16_t sum;

	assert_true(segment_scan(&scan, line, strlen(line), s->their_iss, s->our_iss));
	scan.segment.source_port = s->their_port;
	scan.segment.destination_port = s->our_port;
	scan.segment.window = scan.has_window ? scan.segment.window : 65535;
	assert_int_equal(segment_emit_header(bytes, &scan.segment), 20);
	bytes[12] = (uint8_t)((5 + n / 4) << 4);
	memcpy(bytes + 20, options, n);
	memcpy(bytes + 20 + n, text, scan.segment.text_bytes);
	arrival.length = 20 + n + scan.segment.text_bytes;
	sum = segment_checksum(&s->them, &s->us, bytes, arrival.length);
	bytes[16] = (uint8_t)(sum >> 8);
	bytes[17] = (uint8_t)sum;
	tcp_segment_arrives(s->tcp, &arrival, s->now);
}

/* With numbers put in, as by printf. */
static inline void __attribute__((format(printf, 2, 3))) in_f(struct script *s, const char *format, ...)
{
	char line[200];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	in_text(s, line, NULL);
}

static inline void in(struct script *s, const char *line)
{
	in_text(s, line, NULL);
}

/* The next segment out, parsed; false: none. */
static inline bool out_any(struct script *s)
{
	const struct tuple *tuple;
	uint8_t interface;
	struct tcp_out out;

	while (tcp_output_next(s->tcp, &tuple, &interface, s->now)) {
		uint32_t at = 0;

		if (!tcp_output(s->tcp, &out, s->now))
			continue;
		s->last_out = out;
		assert_int_equal(segment_parse(&s->last, out.header, out.header_bytes), TCP_OK);
		for (unsigned i = 0; i < out.slices; i++) {
			memcpy(s->last_text + at, out.slice[i].bytes, out.slice[i].length);
			at += out.slice[i].length;
		}
		assert_int_equal(at, out.text_bytes);
		if (s->last.options.has_timestamps)
			s->ts_echo = s->last.options.tsval;
		s->last.text_bytes = at;
		s->last.text = s->last_text;
		if (s->last.syn && !s->our_iss_known) {
			s->our_iss = s->last.seq;
			s->our_iss_known = true;
		}
		return true;
	}
	return false;
}

static inline void out_at(struct script *s, const char *line, const char *file, int at)
{
	struct segment_scan scan;
	char want[200], got[200];

	if (!out_any(s)) {
		print_error("%s:%d: nothing was sent, expected %s\n", file, at, line);
		fail();
	}
	if (!segment_scan(&scan, line, strlen(line), s->our_iss, s->their_iss))
		fail_msg("'%s': %s expected at %zu", line, scan.fault, scan.end);
	if (!scan.has_window)
		scan.segment.window = s->last.window;
	if (!scan.has_options || scan.any_options)
		scan.segment.options = s->last.options;
	segment_print(want, sizeof(want), &scan.segment, s->our_iss, s->their_iss);
	segment_print(got, sizeof(got), &s->last, s->our_iss, s->their_iss);
	if (strcmp(want, got) != 0) {
		print_error("%s:%d: expected %s\n%s:%d:   sent   %s\n", file, at, want, file, at, got);
		fail();
	}
}
#define out(s, line) out_at(s, line, __FILE__, __LINE__)

static inline void __attribute__((format(printf, 2, 3))) out_f(struct script *s, const char *format, ...)
{
	char line[200];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	out_at(s, line, __FILE__, __LINE__);
}

static inline void quiet_at(struct script *s, const char *file, int at)
{
	char got[200];

	if (out_any(s)) {
		segment_print(got, sizeof(got), &s->last, s->our_iss, s->their_iss);
		print_error("%s:%d: expected silence, sent %s\n", file, at, got);
		fail();
	}
}
#define quiet(s) quiet_at(s, __FILE__, __LINE__)

/* ---- time */

/* When the clock shows `time` or more; TIME_NEVER stays. */
static inline uint64_t tick_of(const struct script *s, uint64_t time)
{
	return s->step == 1 || time == TIME_NEVER ? time : (time + s->step - 1) / s->step * s->step;
}

/* Every timeout in its moment, which is when the clock shows it; output stays for out(). */
static inline void pass(struct script *s, uint64_t ns)
{
	uint64_t end = s->now + s->late + ns;

	while (tick_of(s, tcp_deadline(s->tcp)) <= end) {
		if (tcp_deadline(s->tcp) > s->now)
			s->now = tick_of(s, tcp_deadline(s->tcp));
		tcp_timers(s->tcp, s->now);
	}
	s->now = s->step == 1 ? end : end / s->step * s->step;
	s->late = end - s->now;
	tcp_timers(s->tcp, s->now);
}

/* Until the clock shows this moment. */
static inline void pass_until(struct script *s, uint64_t time)
{
	if (tick_of(s, time) > s->now + s->late)
		pass(s, tick_of(s, time) - s->now - s->late);
	else
		pass(s, 0);
}

/*
 * All of `ns` but what the clock may hide: what takes so long from now has not happened.  Then the rest of it, to the
 * moment in which something expires.
 */
static inline void pass_almost(struct script *s, uint64_t ns)
{
	pass(s, ns > s->step ? ns - s->step : 0);
}

static inline void pass_rest(struct script *s)
{
	uint64_t end = s->now + s->late + 2 * s->step - 1, before = 0, after = 0;

	for (unsigned i = 0; i < RULES; i++)
		before += s->trace.counts[i];
	do {
		uint64_t due = tick_of(s, tcp_deadline(s->tcp));

		pass_until(s, due < end ? due : end);
		after = 0;
		for (unsigned i = 0; i < RULES; i++)
			after += s->trace.counts[i];
	} while (before == after && s->now + s->late < end);
}

/* RFC 6298 §2.3 and §2.4 with the bounds of the profile. */
static inline uint64_t rto_of(const struct script *s, uint64_t srtt, uint64_t rttvar)
{
	uint64_t margin = 4 * rttvar > s->config.rto_margin_least ? 4 * rttvar : s->config.rto_margin_least;

	return srtt + margin > s->config.rto_least ? srtt + margin : s->config.rto_least;
}

/* ---- looking */

/* The state of the connection with the peer's address, held or not; CLOSED when there is none. */
static inline enum eleven_state state_now(struct script *s)
{
	struct eleven_status status;
	uint64_t cursor = 0;

	while (tcp_status_next(s->tcp, &cursor, &status))
		if (status.remote.port == s->their_port && status.local.port == s->our_port &&
		    status.state != ELEVEN_CLOSED)
			return status.state;
	return ELEVEN_CLOSED;
}

static const char *const state_names[ELEVEN_STATES] = {
	"CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT",
	"CLOSING", "LAST-ACK", "TIME-WAIT",
};

static inline void state_at(struct script *s, enum eleven_state state, const char *file, int at)
{
	if (state_now(s) != state) {
		print_error("%s:%d: state %s, expected %s\n", file, at, state_names[state_now(s)], state_names[state]);
		fail();
	}
}
#define state_is(s, state) state_at(s, state, __FILE__, __LINE__)

static inline uint64_t taken(const struct script *s, enum rule rule)
{
	return s->trace.counts[rule];
}

/* All signals of the connection since the last call. */
static inline uint32_t signals_of(struct script *s, eleven_handle h)
{
	struct eleven_signal signal;
	uint32_t all = 0;

	while (tcp_signal(s->tcp, &signal))
		if (signal.connection == h)
			all |= signal.signals;
	return all;
}

static inline struct eleven_status status_of(struct script *s)
{
	struct eleven_status status;

	assert_int_equal(tcp_status(s->tcp, s->h, &status), 0);
	return status;
}

static inline void option(struct script *s, enum eleven_option option, uint64_t value)
{
	assert_int_equal(tcp_option_set(s->tcp, s->h, option, value, s->now), 0);
}

static inline void give(struct script *s, uint32_t bytes)
{
	assert_int_equal(tcp_send(s->tcp, s->h, zeros, bytes, 0, s->now), bytes);
}

/* Everything that waits to be sent, out of the way. */
static inline void drain(struct script *s)
{
	while (out_any(s))
		;
}

/* ---- getting there: each leaves the connection in the state it is named for, with nothing to send */

static inline void to_listen(struct script *s)
{
	struct address any = script_address(0);

	assert_int_equal(tcp_open(s->tcp, &s->listener, s->now), 0);
	assert_int_equal(tcp_bind(s->tcp, s->listener, &any, s->our_port, 0, s->now), 0);
	assert_int_equal(tcp_listen(s->tcp, s->listener, 5, s->now), 0);
}

static inline void to_syn_received(struct script *s)
{
	to_listen(s);
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	out(s, "S. 0:0(0) ack 1 <...>");
	state_is(s, ELEVEN_SYN_RECEIVED);
}

static inline void to_established(struct script *s)
{
	to_syn_received(s);
	in(s, ". 1:1(0) ack 1 win 65535");
	state_is(s, ELEVEN_ESTABLISHED);
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	quiet(s);
}

static inline void to_syn_sent(struct script *s)
{
	assert_int_equal(tcp_open(s->tcp, &s->h, s->now), 0);
	assert_int_equal(tcp_bind(s->tcp, s->h, &s->us, s->our_port, 0, s->now), 0);
	assert_int_equal(tcp_connect(s->tcp, s->h, &s->us, 0, &s->them, s->their_port, s->now), 0);
	out(s, "S 0:0(0) <...>");
	state_is(s, ELEVEN_SYN_SENT);
}

/* By a simultaneous open: unlike the passive one, a TCB that a program holds. */
static inline void to_syn_received_active(struct script *s)
{
	to_syn_sent(s);
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	out(s, "S. 0:0(0) ack 1 <...>");
	state_is(s, ELEVEN_SYN_RECEIVED);
}

static inline void to_fin_wait_1(struct script *s)
{
	to_established(s);
	assert_int_equal(tcp_shutdown(s->tcp, s->h, s->now), 0);
	out(s, "F. 1:1(0) ack 1");
	state_is(s, ELEVEN_FIN_WAIT_1);
}

static inline void to_fin_wait_2(struct script *s)
{
	to_fin_wait_1(s);
	in(s, ". 1:1(0) ack 2 win 65535");
	state_is(s, ELEVEN_FIN_WAIT_2);
	quiet(s);
}

static inline void to_close_wait(struct script *s)
{
	to_established(s);
	in(s, "F. 1:1(0) ack 1 win 65535");
	out(s, ". 1:1(0) ack 2");
	state_is(s, ELEVEN_CLOSE_WAIT);
}

static inline void to_last_ack(struct script *s)
{
	to_close_wait(s);
	assert_int_equal(tcp_shutdown(s->tcp, s->h, s->now), 0);
	out(s, "F. 1:1(0) ack 2");
	state_is(s, ELEVEN_LAST_ACK);
}

static inline void to_closing(struct script *s)
{
	to_fin_wait_1(s);
	in(s, "F. 1:1(0) ack 1 win 65535");
	out(s, ". 2:2(0) ack 2");
	state_is(s, ELEVEN_CLOSING);
}

static inline void to_time_wait(struct script *s)
{
	to_fin_wait_2(s);
	in(s, "F. 1:1(0) ack 2 win 65535");
	out(s, ". 2:2(0) ack 2");
	state_is(s, ELEVEN_TIME_WAIT);
}

/* ---- a test's set-up */

static inline int setup_profile(void **state, enum eleven_profile profile)
{
	struct script *s = malloc(sizeof(*s));

	script_config(s, profile);
	script_begin(s);
	*state = s;
	return 0;
}

static inline int setup(void **state)
{
	return setup_profile(state, ELEVEN_MODERN);
}

static inline int setup_strict(void **state)
{
	return setup_profile(state, ELEVEN_STRICT);
}

static inline int teardown(void **state)
{
	script_end(*state);
	free(*state);
	return 0;
}

/* Begins again after the test changed s->config. */
static inline void restart(struct script *s)
{
	struct eleven_config config = s->config;

	script_end(s);
	memset(s, 0, sizeof(*s));
	s->config = config;
	script_begin(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_STRICT(name) cmocka_unit_test_setup_teardown(name, setup_strict, teardown)

#endif
