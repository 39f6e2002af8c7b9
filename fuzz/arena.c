/* SPDX-License-Identifier: MIT */
/* See arena.h. */
#include "fuzz/arena.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz/must.h"
#include "fuzz/segments.h"
#include "tcp/connection.h"

void arena_create(struct arena *arena, uint64_t seed)
{
	struct eleven_config *config = &arena->config;

	memset(arena, 0, sizeof(*arena));
	eleven_config_init(config, ELEVEN_MODERN);
	config->seed = seed ? seed : 1;
	config->connections_max = 16;
	config->syn_received_max = 4;
	config->time_wait_max = 4;
	config->buffer_bytes = 16384;
	config->buffer_unit_shift = 8;
	config->reassembly_max = 2;
	config->sent_records_max = 256;
	config->gaps_max = 32;
	config->fast_open_peers_max = 4;
	config->cold_max = 4;
	config->auth_keys_max = 4;
	config->fragments_max = 4;
	config->fragment_bytes = 4096;
	config->neighbours_max = 4;
	config->replies_max = 6;
	config->loopback_bytes = 2048;
	config->trace_records_max = 16;
	config->send_buffer = 2048;
	config->receive_buffer = 2048;
	config->receive_window_initial = 1024;
	config->retries_max = 4;
	arena->bytes = eleven_size(config);
	arena->memory = aligned_alloc(4096, (arena->bytes + 4095) & ~(size_t)4095);
	arena->saved = malloc(arena->bytes);
	MUST(arena->memory && arena->saved);
	memset(arena->memory, 0, arena->bytes);
	arena->now = ARENA_START;
	MUST(eleven_create(&arena->stack, arena->memory, arena->bytes, config, arena->now) == 0);
}

void arena_save(struct arena *arena)
{
	memcpy(arena->saved, arena->memory, arena->bytes);
	memcpy(arena->saved_last, arena->last, arena->last_bytes);
	arena->saved_last_bytes = arena->last_bytes;
	arena->saved_now = arena->now;
}

void arena_restore(struct arena *arena)
{
	memcpy(arena->memory, arena->saved, arena->bytes);
	memcpy(arena->last, arena->saved_last, arena->saved_last_bytes);
	arena->last_bytes = arena->saved_last_bytes;
	arena->now = arena->saved_now;
}

/* ---- packets */

uint32_t arena_packet(uint8_t *out, size_t n, const struct segment *seg, uint32_t source, uint32_t destination)
{
	struct ipv4 ip = {
		.source = address_v4(source), .destination = address_v4(destination), .ttl = 64,
		.protocol = IPV4_PROTOCOL_TCP, .dont_fragment = true,
	};
	size_t bytes;

	if (n < IPV4_HEADER_MIN)
		return 0;
	bytes = segment_emit(out + IPV4_HEADER_MIN, n - IPV4_HEADER_MIN, seg, &ip.source, &ip.destination);
	if (bytes == 0)
		return 0;
	ip.payload_bytes = (uint32_t)bytes;
	return ipv4_emit(out, &ip) + (uint32_t)bytes;
}

void arena_input(struct arena *arena, const uint8_t *bytes, uint32_t n, uint8_t interface, uint8_t flags)
{
	struct eleven_packet packet = { .bytes = bytes, .length = n, .interface = interface, .flags = flags };

	eleven_input(arena->stack, &packet, 1, arena->now);
}

/* What we send parses, and its checksums are right. */
static void packet_judge(struct arena *arena, const struct eleven_out *out)
{
	static uint8_t bytes[ARENA_PACKET];
	struct segment seg;
	struct ipv4 ip;
	uint32_t n = 0;

	MUST(out->slices >= 1 && out->slices <= 4 && out->length <= sizeof(bytes));
	for (unsigned i = 0; i < out->slices; i++) {
		memcpy(bytes + n, out->slice[i].bytes, out->slice[i].length);
		n += out->slice[i].length;
	}
	MUST(n == out->length);
	if (out->network_offset && (bytes[12] != 0x08 || bytes[13] != 0x00))
		return;                 /* ARP */
	MUST(ipv4_parse(&ip, bytes + out->network_offset, n - out->network_offset) == IPV4_OK);
	MUST(n - out->network_offset <= 1500);
	if (ip.protocol == IPV4_PROTOCOL_TCP && !ipv4_is_fragment(&ip)) {
		MUST(segment_checksum(&ip.source, &ip.destination, ip.payload, ip.payload_bytes) == 0);
		MUST(segment_parse(&seg, ip.payload, ip.payload_bytes) == TCP_OK);
		MUST(seg.options.faults == 0);
	}
	if (out->interface == 0) {
		memcpy(arena->last, bytes, n);
		arena->last_bytes = n;
	}
}

void arena_settle(struct arena *arena)
{
	struct eleven_signal signal;
	struct eleven_out out[8];
	unsigned n, packets = 0;
	eleven_handle h;
	char text[64];

	while (eleven_signal(arena->stack, &signal)) {
		if (signal.signals & ELEVEN_SIGNAL_ACCEPT)
			eleven_accept(arena->stack, signal.connection, &h, arena->now);
		if (signal.signals & ELEVEN_SIGNAL_RECEIVE)
			eleven_receive(arena->stack, signal.connection, text, sizeof(text), arena->now);
	}
	while ((n = eleven_output(arena->stack, out, 8, arena->now)) > 0) {
		for (unsigned i = 0; i < n; i++)
			packet_judge(arena, &out[i]);
		packets += n;
		MUST(packets < 2000);
	}
}

/* ---- looking */

bool arena_find(const struct arena *arena, uint16_t remote_port, struct eleven_status *status)
{
	const struct tcp *tcp = arena->stack->tcp;
	uint64_t cursor = 0;

	for (uint32_t i = 0; i < tcp->tcbs.touched; i++) {
		const struct tcb *tcb = tcb_at(tcp, i);

		if (tcb->kind == KIND_TCB && tcb->state > TCP_LISTEN && tcb->tuple.remote_port == remote_port &&
		    tcb_of(tcp, tcb_handle(tcp, tcb)))
			return eleven_status(arena->stack, tcb_handle(tcp, tcb), status) == 0;
	}
	while (eleven_status_next(arena->stack, &cursor, status))
		if (status->remote.port == remote_port)
			return true;
	return false;
}

void arena_look(struct arena *arena)
{
	struct eleven_status status;
	struct eleven_stats stats;
	uint64_t cursor = 0;

	while (eleven_status_next(arena->stack, &cursor, &status))
		MUST(status.state < ELEVEN_STATES && eleven_rule(status.rule));
	eleven_stats(arena->stack, &stats);
	MUST(stats.buffer_bytes_used <= stats.buffer_bytes);
	segments_hold(arena->stack->tcp);
}

void arena_timeouts(struct arena *arena, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		uint64_t deadline = eleven_deadline(arena->stack);

		if (deadline == UINT64_MAX)
			return;
		arena->now = deadline > arena->now ? deadline : arena->now;
		eleven_timers(arena->stack, arena->now);
		arena_settle(arena);
	}
}

/* ---- the scene */

/* The peer's segment on the connection with its port; numbers relative to what the stack expects. */
static void peer_says(struct arena *arena, uint16_t port, struct segment seg)
{
	uint8_t bytes[ARENA_PACKET];
	struct eleven_status status;

	seg.source_port = port;
	seg.destination_port = ARENA_PORT;
	seg.window = 1000;
	if (arena_find(arena, port, &status)) {
		seg.destination_port = status.local.port;
		seg.seq = seq_of(status.rcv_nxt);
		seg.ack = seq_of(status.state == ELEVEN_SYN_RECEIVED ? status.iss + 1 : status.snd_max);
	}
	arena_input(arena, bytes, arena_packet(bytes, sizeof(bytes), &seg, ARENA_THEM, ARENA_US), 0, 0);
	arena_settle(arena);
}

/* A passive connection, accepted, ESTABLISHED. */
static eleven_handle peer_opens(struct arena *arena, uint16_t port)
{
	struct eleven_status status;
	struct segment syn = { .syn = true, .seq = seq_of(0xfffffff0u) };

	syn.options.has_mss = true;
	syn.options.mss = 536;
	syn.options.sack_permitted = true;
	peer_says(arena, port, syn);
	peer_says(arena, port, (struct segment){ .has_ack = true });
	MUST(arena_find(arena, port, &status) && status.state == ELEVEN_ESTABLISHED);
	return status.connection;
}

static eleven_handle listener_open(struct arena *arena)
{
	struct eleven_endpoint local = { .port = ARENA_PORT };
	eleven_handle h;

	MUST(eleven_open(arena->stack, &h, arena->now) == 0);
	MUST(eleven_bind(arena->stack, h, &local, 0, arena->now) == 0);
	MUST(eleven_listen(arena->stack, h, 4, arena->now) == 0);
	return h;
}

static void interfaces_add(struct arena *arena)
{
	struct eleven_interface ip = { .kind = ELEVEN_LINK_IP, .prefix_bits = 24, .mtu = 1500 };
	struct eleven_interface ethernet = { .kind = ELEVEN_LINK_ETHERNET, .prefix_bits = 24, .mtu = 1500,
					     .mac = { 2, 0, 0, 0, 0, 1 } };
	struct address address = address_v4(ARENA_US);

	memcpy(ip.address.bytes, address.bytes, sizeof(address.bytes));
	address = address_v4(ARENA_US + 256);
	memcpy(ethernet.address.bytes, address.bytes, sizeof(address.bytes));
	MUST(eleven_interface_add(arena->stack, &ip) == 0);
	MUST(eleven_interface_add(arena->stack, &ethernet) == 1);
}

static void peer_connected(struct arena *arena, uint16_t port, uint32_t address)
{
	struct eleven_endpoint remote = { .port = port };
	struct address them = address_v4(address);
	eleven_handle h;

	memcpy(remote.address.bytes, them.bytes, sizeof(them.bytes));
	MUST(eleven_open(arena->stack, &h, arena->now) == 0);
	MUST(eleven_connect(arena->stack, h, &remote, arena->now) == 0);
	arena_settle(arena);
}

void arena_scene(struct arena *arena)
{
	const struct segment ack = { .has_ack = true }, fin = { .has_ack = true, .fin = true };
	struct segment syn = { .syn = true };
	eleven_handle h;

	interfaces_add(arena);
	listener_open(arena);
	h = peer_opens(arena, 1000);                            /* ESTABLISHED, text in flight */
	MUST(eleven_send(arena->stack, h, "0123456789", 10, 0, arena->now) == 10);
	peer_opens(arena, 1001);
	peer_says(arena, 1001, fin);                            /* CLOSE-WAIT */
	h = peer_opens(arena, 1002);
	eleven_shutdown(arena->stack, h, arena->now);           /* FIN-WAIT-1 */
	h = peer_opens(arena, 1003);
	eleven_shutdown(arena->stack, h, arena->now);
	arena_settle(arena);
	peer_says(arena, 1003, ack);                            /* FIN-WAIT-2 */
	h = peer_opens(arena, 1004);
	eleven_close(arena->stack, h, arena->now);
	arena_settle(arena);
	peer_says(arena, 1004, fin);                            /* TIME-WAIT, a record */
	h = peer_opens(arena, 1005);
	peer_says(arena, 1005, fin);
	eleven_close(arena->stack, h, arena->now);              /* LAST-ACK */
	peer_says(arena, 1006, syn);                            /* SYN-RECEIVED, a record */
	peer_connected(arena, 1007, ARENA_THEM);                /* SYN-SENT */
	peer_connected(arena, 1008, ARENA_THEM + 256);          /* SYN-SENT, its neighbour asked for */
	h = peer_opens(arena, 1009);
	eleven_shutdown(arena->stack, h, arena->now);
	arena_settle(arena);
	arena->now += 1000000;
	arena_look(arena);
	arena_save(arena);
}
