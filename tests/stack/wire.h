/* SPDX-License-Identifier: MIT */
/*
 * Two (or more) stacks joined by a wire in virtual time, for tests: deterministic, with loss, duplication,
 * reordering and a hook that sees each packet.  It trusts nothing of the stacks: every packet that leaves one is
 * read again here by code that shares nothing with src/, its lengths and both checksums judged.
 */
#ifndef TEST_STACK_WIRE_H
#define TEST_STACK_WIRE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/random.h"
#include "base/time.h"
#include "eleven.h"

#include "../profile.h"
#include "../memory.h"

#define WIRE_STACKS  4
#define WIRE_BATCH   64

struct wire_packet {
	struct wire_packet *next;
	uint64_t due;
	uint64_t order;                 /* ties are broken by it */
	unsigned from;
	uint32_t length;
	uint16_t segment_bytes;
	uint8_t flags;
	uint8_t bytes[];
};

/* A segment as the hook sees it. */
struct wire_segment {
	unsigned from;
	uint64_t now;
	uint8_t flags;                  /* of TCP */
	uint32_t seq, ack, text_bytes, ip_bytes;
	uint16_t window, source_port, destination_port;
	const uint8_t *header, *text;
	unsigned header_bytes;
};

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32 };

struct wire {
	struct eleven *stack[WIRE_STACKS];
	void *memory[WIRE_STACKS];
	struct eleven_config config[WIRE_STACKS];
	unsigned stacks;
	uint64_t now;
	struct random random;
	struct wire_packet *flight;     /* by due time */
	uint64_t packets;               /* that left a stack so far */
	uint64_t checked;               /* TCP checksums judged */
	/* what the wire does */
	uint64_t delay_ns, jitter_ns;
	unsigned loss_permille, duplicate_permille;
	bool cut;                       /* big segments are cut here; else delivered whole, as joined ones */
	enum eleven_link_kind kind;
	uint32_t mtu, segment_bytes_max;
	bool offload;
	bool print;
	/* true: the packet is lost */
	bool (*drop)(struct wire *wire, const struct wire_segment *segment, void *context);
	void *drop_context;
	/* last signals by stack, summed up by handle */
	struct { eleven_handle connection; uint32_t signals; } seen[WIRE_STACKS][256];
	unsigned seen_count[WIRE_STACKS];
};

/* TEST_FAMILY=6 runs the same over IPv6: fd00::a00:1 for 10.0.0.1, ::1 for 127.0.0.1, and an MTU with as much room. */
static inline bool wire_is_v6(void)
{
	const char *family = getenv("TEST_FAMILY");

	return family && family[0] == '6';
}

static inline uint32_t wire_mtu(uint32_t mtu)
{
	return wire_is_v6() ? mtu + 20 : mtu;
}

static inline struct eleven_endpoint endpoint(uint32_t address, uint16_t port)
{
	struct eleven_endpoint made = { .port = port };

	for (int i = 0; i < 4; i++)
		made.address.bytes[12 + i] = (uint8_t)(address >> (24 - 8 * i));
	if (!wire_is_v6()) {
		made.address.bytes[10] = made.address.bytes[11] = 0xff;
	} else if (address >> 24 == 127) {
		made.address.bytes[12] = made.address.bytes[13] = made.address.bytes[14] = 0;
		made.address.bytes[15] = 1;
	} else if (address >> 28 >= 0xe) {
		made.address.bytes[0] = 0xff;
		made.address.bytes[1] = 2;
	} else if (address != 0) {
		made.address.bytes[0] = 0xfd;
	}
	return made;
}

/* 10.0.0.1, 10.0.0.2 … */
static inline uint32_t wire_address(unsigned stack)
{
	return 0x0a000001u + stack;
}

static inline uint16_t wire_u16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t wire_u32(const uint8_t *at)
{
	return (uint32_t)wire_u16(at) << 16 | wire_u16(at + 2);
}

/* RFC 1071, the plain way. */
static inline uint16_t wire_sum(uint64_t sum, const uint8_t *bytes, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		sum += i % 2 ? bytes[i] : (uint64_t)bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static inline uint64_t wire_pseudo(const uint8_t *ip, uint32_t bytes)
{
	return ip[0] >> 4 == 6 ? wire_sum(6 + (uint64_t)bytes, ip + 8, 32) : wire_sum(6 + (uint64_t)bytes, ip + 12, 8);
}

static inline unsigned wire_ip_header(const uint8_t *ip)
{
	return ip[0] >> 4 == 6 ? 40 : (ip[0] & 15u) * 4;
}

static inline bool wire_is_tcp(const uint8_t *ip)
{
	return ip[ip[0] >> 4 == 6 ? 6 : 9] == 6;
}

static inline void wire_defaults(struct wire *w, unsigned stacks, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	w->stacks = stacks;
	w->now = SEC(1000);
	w->delay_ns = MS(1);
	w->mtu = 1500;
	w->print = getenv("WIRE_PRINT") != NULL;
	random_seed(&w->random, seed);
	for (unsigned i = 0; i < stacks; i++) {
		config_choose(&w->config[i], ELEVEN_MODERN);
		w->config[i].seed = seed * 1000 + i;
		w->config[i].connections_max = 256;
		w->config[i].time_wait_max = 256;
		w->config[i].syn_received_max = 256;
		w->config[i].buffer_bytes = 8 << 20;
		w->config[i].sent_records_max = 16384;
	}
}

static inline void wire_run(struct wire *w, uint64_t for_ns);

/* Until addresses on Ethernet are ours: duplicates are looked for during a second. */
static inline void wire_settle(struct wire *w)
{
	wire_run(w, SEC(3));
}

static inline void wire_start(struct wire *w)
{
	for (unsigned i = 0; i < w->stacks; i++) {
		size_t bytes = eleven_size(&w->config[i]);
		struct eleven_interface interface = {
			.kind = w->kind, .mtu = wire_mtu(w->mtu),
			.mac = { 2, 0, 0, 0, 0, (uint8_t)(i + 1) },
			.checksum_offload = w->offload, .segment_bytes_max = w->segment_bytes_max,
		};

		assert_true(bytes > 0);
		w->memory[i] = memory_take(bytes);
		if (wire_is_v6()) {
			interface.address6 = endpoint(wire_address(i), 0).address;
			interface.prefix6_bits = 64;
		} else {
			interface.address = endpoint(wire_address(i), 0).address;
			interface.prefix_bits = 24;
		}
		assert_int_equal(eleven_create(&w->stack[i], w->memory[i], bytes, &w->config[i], w->now), 0);
		assert_int_equal(eleven_interface_add(w->stack[i], &interface), 0);
		eleven_trace_kinds(w->stack[i], ~0u);
	}
	if (wire_is_v6() && w->kind == ELEVEN_LINK_ETHERNET)
		wire_settle(w);
}

static inline void wire_end(struct wire *w)
{
	for (unsigned i = 0; i < w->stacks; i++)
		memory_return(w->memory[i]);
	while (w->flight) {
		struct wire_packet *packet = w->flight;

		w->flight = packet->next;
		free(packet);
	}
}

static inline void wire_queue(struct wire *w, struct wire_packet *packet)
{
	struct wire_packet **at = &w->flight;

	packet->order = w->packets++;
	packet->due = w->now + w->delay_ns + random_below(&w->random, w->jitter_ns + 1);
	while (*at && ((*at)->due < packet->due || ((*at)->due == packet->due && (*at)->order < packet->order)))
		at = &(*at)->next;
	packet->next = *at;
	*at = packet;
}

static inline struct wire_packet *wire_packet_copy(const uint8_t *bytes, uint32_t length, unsigned from)
{
	struct wire_packet *packet = calloc(1, sizeof(*packet) + length);

	assert_non_null(packet);
	packet->length = length;
	packet->from = from;
	memcpy(packet->bytes, bytes, length);
	return packet;
}

static inline void wire_print(const struct wire_segment *s)
{
	fprintf(stderr, "%12.6f %u>%u %s%s%s%s%s %u:%u(%u) ack %u win %u\n", (double)s->now / 1e9, s->from,
		s->destination_port, s->flags & SYN ? "S" : "", s->flags & FIN ? "F" : "", s->flags & RST ? "R" : "",
		s->flags & PSH ? "P" : "", s->flags & ACK ? "." : "", s->seq, s->seq + s->text_bytes, s->text_bytes,
		s->ack, s->window);
}

/* One packet at the wire, all checks done and cut as far as it is cut. */
static inline void wire_carry(struct wire *w, struct wire_packet *packet, unsigned offset)
{
	uint8_t *ip = packet->bytes + offset;
	unsigned ip_header = wire_ip_header(ip);
	bool is_ip = offset == 0 || wire_u16(packet->bytes + 12) == (wire_is_v6() ? 0x86dd : 0x0800);

	if (is_ip && wire_is_tcp(ip)) {
		uint8_t *tcp = ip + ip_header;
		struct wire_segment s = {
			.from = packet->from, .now = w->now, .flags = tcp[13], .seq = wire_u32(tcp + 4),
			.ack = wire_u32(tcp + 8), .window = wire_u16(tcp + 14), .source_port = wire_u16(tcp),
			.destination_port = wire_u16(tcp + 2), .header = tcp, .header_bytes = (tcp[12] >> 4) * 4u,
			.ip_bytes = packet->length - offset,
		};

		s.text = tcp + s.header_bytes;
		s.text_bytes = packet->length - offset - ip_header - s.header_bytes;
		if (w->print)
			wire_print(&s);
		if (w->drop && w->drop(w, &s, w->drop_context)) {
			free(packet);
			return;
		}
	}
	if (random_below(&w->random, 1000) < w->loss_permille) {
		free(packet);
		return;
	}
	if (random_below(&w->random, 1000) < w->duplicate_permille) {
		struct wire_packet *copy = wire_packet_copy(packet->bytes, packet->length, packet->from);

		copy->flags = packet->flags;
		copy->segment_bytes = packet->segment_bytes;
		wire_queue(w, copy);
	}
	wire_queue(w, packet);
}

static inline void wire_store16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* Fills in both checksums. */
static inline void wire_seal(uint8_t *ip, uint32_t length)
{
	unsigned ip_header = wire_ip_header(ip);

	if (ip[0] >> 4 == 6) {
		wire_store16(ip + 4, (uint16_t)(length - 40));
	} else {
		wire_store16(ip + 2, (uint16_t)length);
		wire_store16(ip + 10, 0);
		wire_store16(ip + 10, (uint16_t)~wire_sum(0, ip, ip_header));
	}
	wire_store16(ip + ip_header + 16, 0);
	wire_store16(ip + ip_header + 16, (uint16_t)~wire_sum(wire_pseudo(ip, length - ip_header), ip + ip_header,
							      length - ip_header));
}

/* What a link with TSO does. */
static inline void wire_cut(struct wire *w, struct wire_packet *big, unsigned offset, uint32_t segment_bytes)
{
	const uint8_t *ip = big->bytes + offset;
	unsigned headers = offset + wire_ip_header(ip), text_at;
	uint32_t seq = wire_u32(big->bytes + headers + 4), done = 0, text;

	text_at = headers + (big->bytes[headers + 12] >> 4) * 4u;
	text = big->length - text_at;
	do {
		uint32_t n = text - done < segment_bytes ? text - done : segment_bytes;
		struct wire_packet *piece = wire_packet_copy(big->bytes, text_at + n, big->from);
		uint8_t *tcp = piece->bytes + headers;

		memcpy(piece->bytes + text_at, big->bytes + text_at + done, n);
		wire_store16(tcp + 4, (uint16_t)((seq + done) >> 16));
		wire_store16(tcp + 6, (uint16_t)(seq + done));
		done += n;
		if (done < text)
			tcp[13] &= (uint8_t)~(FIN | PSH);
		wire_seal(piece->bytes + offset, piece->length - offset);
		wire_carry(w, piece, offset);
	} while (done < text);
	free(big);
}

/* The independent eye. */
static inline void wire_judge(struct wire *w, const struct eleven_out *out, const uint8_t *bytes)
{
	unsigned offset = out->network_offset, ip_header;
	const uint8_t *ip = bytes + offset;

	assert_int_equal(offset, w->kind == ELEVEN_LINK_ETHERNET ? 14 : 0);
	if (offset && wire_u16(bytes + 12) != (wire_is_v6() ? 0x86dd : 0x0800))
		return;
	ip_header = wire_ip_header(ip);
	assert_int_equal(ip[0] >> 4, wire_is_v6() ? 6 : 4);
	if (wire_is_v6()) {
		assert_int_equal(wire_u16(ip + 4) + 40, out->length - offset);
	} else {
		assert_int_equal(wire_u16(ip + 2), out->length - offset);
		assert_int_equal(wire_sum(0, ip, ip_header), 0xffff);
	}
	if (!wire_is_tcp(ip))
		return;
	assert_int_equal(out->checksum_start, offset + ip_header);
	assert_int_equal(out->checksum_offset, 16);
	if (out->segment_bytes == 0)
		assert_true(out->length - offset <= wire_mtu(w->mtu));
	if (out->flags & ELEVEN_PACKET_CHECKSUM_PARTIAL) {
		uint32_t bytes_summed = out->length - offset - ip_header;

		assert_true(w->offload);
		assert_int_equal(wire_u16(ip + ip_header + 16), wire_sum(wire_pseudo(ip, bytes_summed), NULL, 0));
	} else {
		assert_int_equal(wire_sum(wire_pseudo(ip, out->length - offset - ip_header), ip + ip_header,
					  out->length - offset - ip_header), 0xffff);
	}
	w->checked++;
}

static inline void wire_take(struct wire *w, unsigned from, const struct eleven_out *out)
{
	struct wire_packet *packet = calloc(1, sizeof(*packet) + out->length);
	unsigned offset = out->network_offset;
	uint32_t at = 0;

	assert_non_null(packet);
	packet->from = from;
	packet->length = out->length;
	for (unsigned i = 0; i < out->slices; i++) {
		assert_true(at + out->slice[i].length <= out->length);
		memcpy(packet->bytes + at, out->slice[i].bytes, out->slice[i].length);
		at += out->slice[i].length;
	}
	assert_int_equal(at, out->length);
	wire_judge(w, out, packet->bytes);
	if (out->flags & ELEVEN_PACKET_CHECKSUM_PARTIAL) {
		if (w->cut && out->segment_bytes) {
			wire_cut(w, packet, offset, out->segment_bytes);
			return;
		}
		packet->flags = ELEVEN_PACKET_CHECKSUM_OK;
		packet->segment_bytes = out->segment_bytes;
	}
	wire_carry(w, packet, offset);
}

static inline void wire_signals(struct wire *w, unsigned i)
{
	struct eleven_signal signal;

	while (eleven_signal(w->stack[i], &signal)) {
		unsigned at = 0;

		while (at < w->seen_count[i] && w->seen[i][at].connection != signal.connection)
			at++;
		assert_true(at < 256);
		if (at == w->seen_count[i])
			w->seen[i][w->seen_count[i]++].connection = signal.connection;
		w->seen[i][at].signals |= signal.signals;
	}
}

/* All that came up for this connection since it was last asked for. */
static inline uint32_t wire_signals_of(struct wire *w, unsigned i, eleven_handle connection)
{
	wire_signals(w, i);
	for (unsigned at = 0; at < w->seen_count[i]; at++)
		if (w->seen[i][at].connection == connection) {
			uint32_t signals = w->seen[i][at].signals;

			w->seen[i][at].signals = 0;
			return signals;
		}
	return 0;
}

/* Everything that is to go out now. */
static inline void wire_flush(struct wire *w)
{
	struct eleven_out out[WIRE_BATCH];
	unsigned n;

	for (unsigned i = 0; i < w->stacks; i++)
		while ((n = eleven_output(w->stack[i], out, WIRE_BATCH, w->now)) > 0)
			for (unsigned j = 0; j < n; j++)
				wire_take(w, i, &out[j]);
}

static inline void wire_deliver(struct wire *w)
{
	while (w->flight && w->flight->due <= w->now) {
		struct wire_packet *packet = w->flight;

		w->flight = packet->next;
		for (unsigned i = 0; i < w->stacks; i++) {
			struct eleven_packet in = { packet->bytes, packet->length, 0, packet->flags,
						    packet->segment_bytes };
			bool mine = w->kind == ELEVEN_LINK_ETHERNET ||
				    wire_u32(packet->bytes + (wire_is_v6() ? 36 : 16)) == wire_address(i);

			if (i != packet->from && mine)
				eleven_input(w->stack[i], &in, 1, w->now);
		}
		free(packet);
	}
}

/* To the next event, at most to `until`; false: nothing before it. */
static inline bool wire_step(struct wire *w, uint64_t until)
{
	uint64_t next = w->flight ? w->flight->due : UINT64_MAX;

	wire_flush(w);
	if (w->flight && w->flight->due < next)
		next = w->flight->due;
	for (unsigned i = 0; i < w->stacks; i++) {
		uint64_t deadline = eleven_deadline(w->stack[i]);

		if (deadline < next)
			next = deadline;
	}
	if (next > until) {
		w->now = until > w->now ? until : w->now;
		return false;
	}
	if (next > w->now)
		w->now = next;
	wire_deliver(w);
	for (unsigned i = 0; i < w->stacks; i++)
		eleven_timers(w->stack[i], w->now);
	wire_flush(w);
	return true;
}

static inline void wire_run(struct wire *w, uint64_t for_ns)
{
	uint64_t until = w->now + for_ns;
	unsigned steps = 0;

	while (wire_step(w, until))
		assert_true(++steps < 10000000);
}

static inline enum eleven_state wire_state(struct wire *w, unsigned i, eleven_handle connection)
{
	struct eleven_status status;

	return eleven_status(w->stack[i], connection, &status) ? ELEVEN_CLOSED : (enum eleven_state)status.state;
}

static inline eleven_handle wire_listen(struct wire *w, unsigned i, uint16_t port)
{
	struct eleven_endpoint local = endpoint(0, port);
	eleven_handle listener;

	assert_int_equal(eleven_open(w->stack[i], &listener, w->now), 0);
	assert_int_equal(eleven_bind(w->stack[i], listener, &local, 0, w->now), 0);
	assert_int_equal(eleven_listen(w->stack[i], listener, 128, w->now), 0);
	return listener;
}

static inline eleven_handle wire_connect(struct wire *w, unsigned i, uint32_t address, uint16_t port)
{
	struct eleven_endpoint remote = endpoint(address, port);
	eleven_handle connection;

	assert_int_equal(eleven_open(w->stack[i], &connection, w->now), 0);
	assert_int_equal(eleven_connect(w->stack[i], connection, &remote, w->now), 0);
	return connection;
}

/* A connection from stack 0 to stack 1's port, ESTABLISHED at both ends. */
static inline void wire_pair(struct wire *w, uint16_t port, eleven_handle *client, eleven_handle *server)
{
	eleven_handle listener = wire_listen(w, 1, port);
	uint64_t until = w->now + SEC(100);

	*client = wire_connect(w, 0, wire_address(1), port);
	while (eleven_accept(w->stack[1], listener, server, w->now) != 0)
		assert_true(wire_step(w, until));
	while (wire_state(w, 0, *client) != ELEVEN_ESTABLISHED)
		assert_true(wire_step(w, until));
	assert_int_equal(eleven_close(w->stack[1], listener, w->now), 0);
}

/* After everything is closed and 2 MSL: nothing is left. */
static inline void wire_assert_empty(struct wire *w, unsigned i)
{
	struct eleven_stats stats;
	struct eleven_status status;
	uint64_t cursor = 0;

	wire_signals(w, i);
	while (eleven_status_next(w->stack[i], &cursor, &status))
		fprintf(stderr, "stack %u: port %u is left in %s, sub %x, timer %u\n", i, status.local.port,
			eleven_state_name((enum eleven_state)status.state), status.sub, status.timer);
	cursor = 0;
	eleven_stats(w->stack[i], &stats);
	assert_int_equal(stats.connections, 0);
	assert_int_equal(stats.syn_received, 0);
	assert_int_equal(stats.time_wait, 0);
	assert_int_equal(stats.buffer_bytes_used, 0);
	assert_false(eleven_status_next(w->stack[i], &cursor, &status));
	assert_int_equal(eleven_deadline(w->stack[i]), UINT64_MAX);
}

#endif
