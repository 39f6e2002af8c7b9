/* SPDX-License-Identifier: MIT */
/* The two TCPs and their programs, and what can happen to them; see explore.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "explore/explore.h"
#include "tcp/record.h"

#define TRACE_RECORDS 256

static const struct address addresses[SIDES] = {
	{ { [10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1 } },
	{ { [10] = 0xff, [11] = 0xff, [12] = 10, [15] = 2 } },
};
static const uint16_t ports[SIDES] = { PORT_A, PORT_B };

static void config_make(struct eleven_config *config, const struct scenario *scenario)
{
	memset(config, 0, sizeof(*config));
#define CONFIG(name, unit, least, most, modern, strict, linux_, source, sentence) config->name = (uint64_t)(modern);
#include "eleven-config.def"
#undef CONFIG
	config->seed = 1;
	config->connections_max = 3;
	config->syn_received_max = 2;
	config->time_wait_max = 2;
	config->buffer_bytes = 1024;
	config->buffer_unit_shift = 6;
	config->reassembly_max = 1;
	config->sent_records_max = 16;
	config->gaps_max = 8;
	config->fast_open_peers_max = 4;
	config->cold_max = 1;
	config->auth_keys_max = 1;
	config->pacing = 0;
	config->replies_max = 4;
	config->trace_records_max = TRACE_RECORDS;
	/* What depends on the time of day would make states differ that do not: */
	config->timestamps = 0;
	config->delayed_ack = 0;
	config->quick_acks = 0;
	config->challenge_ack_interval = 0;
	config->challenge_acks_max = 1u << 20;
	config->rto_least = config->rto_most = config->rto_initial;
	config->receive_window_initial = scenario->window;
	config->receive_buffer = scenario->window;
	config->receive_autotuning = 0;
	config->window_scaling = 0;
	config->send_buffer = 64;
}

void world_create(struct world *world, const struct scenario *scenario)
{
	size_t bytes;

	memset(world, 0, sizeof(*world));
	world->scenario = scenario;
	world->k = scenario->k;
	world->r = scenario->r;
	world->l = scenario->l;
	world->d = scenario->d;
	config_make(&world->config, scenario);
	bytes = (tcp_bytes(&world->config) + 63) & ~(size_t)63;
	world->soft_at = SIDES * bytes;
	world->block_bytes = world->soft_at + sizeof(struct soft);
	world->block = aligned_alloc(4096, (world->block_bytes + 4095) & ~(size_t)4095);
	memset(world->block, 0, world->block_bytes);
	world->soft = (struct soft *)(void *)(world->block + world->soft_at);
	for (unsigned i = 0; i < SIDES; i++) {
		trace_init(&world->trace[i], calloc(TRACE_RECORDS, sizeof(struct eleven_trace)), TRACE_RECORDS);
		world->soft->side[i].now = SEC(1000);
		world->tcp[i] = tcp_init(world->block + i * bytes, &world->config, &world->trace[i], SEC(1000));
		tcp_interface_set(world->tcp[i], 0, 1500, 0);
	}
}

void world_destroy(struct world *world)
{
	for (unsigned i = 0; i < SIDES; i++)
		free(world->trace[i].ring);
	free(world->block);
}

/* ---- the wire */

static void fly(struct world *world, unsigned from, const struct tcp_out *out)
{
	struct soft *soft = world->soft;
	struct flying *packet;
	struct segment seg;

	segment_parse(&seg, out->header, out->header_bytes);
	if (seg.syn)
		soft->side[from].iss = seg.seq.value;
	if (soft->count >= world->k) {
		soft->overflow = true;
		return;
	}
	packet = &soft->flying[soft->count++];
	memset(packet, 0, sizeof(*packet));
	packet->to = (uint8_t)!from;
	packet->length = (uint8_t)(out->header_bytes + out->text_bytes);
	memcpy(packet->bytes, out->header, out->header_bytes);
	CHECK(packet->length <= PACKET_BYTES);
	for (unsigned i = 0, at = out->header_bytes; i < out->slices; at += out->slice[i++].length)
		memcpy(packet->bytes + at, out->slice[i].bytes, out->slice[i].length);
}

static void unfly(struct soft *soft, unsigned index)
{
	soft->flying[index] = soft->flying[--soft->count];
	memset(&soft->flying[soft->count], 0, sizeof(soft->flying[0]));
}

/* ---- the programs: byte i of a stream is 'a' + i */

static void side_receive(struct world *world, unsigned i)
{
	struct side *side = &world->soft->side[i];
	uint8_t byte;
	int64_t n;

	while (side->h && (n = tcp_receive(world->tcp[i], side->h, &byte, 1, side->now)) != -EAGAIN) {
		if (n == 1) {
			if (byte != 'a' + side->received)
				world->fault = "O1: what is received is not what was sent";
			side->received++;
			if (world->scenario->receive_by_call)
				return;
			continue;
		}
		side->eof |= n == 0;
		side->error |= n < 0;
		return;
	}
}

/* After anything happened on a host: its program accepts and receives, and its segments go. */
static void side_settle(struct world *world, unsigned i)
{
	struct side *side = &world->soft->side[i];
	struct eleven_signal signal;
	const struct tuple *tuple;
	struct tcp_out out;
	uint8_t interface;
	eleven_handle h;

	while (tcp_signal(world->tcp[i], &signal))
		;
	if (side->listener && !side->h && tcp_accept(world->tcp[i], side->listener, &h, side->now) == 0)
		side->h = h;
	if (!world->scenario->receive_by_call)
		side_receive(world, i);
	while (tcp_signal(world->tcp[i], &signal))
		;
	while (tcp_output_next(world->tcp[i], &tuple, &interface, side->now)) {
		memset(&out, 0, sizeof(out));
		if (tcp_output(world->tcp[i], &out, side->now))
			fly(world, i, &out);
	}
}

static bool call_possible(const struct world *world, unsigned i)
{
	const struct side *side = &world->soft->side[i];
	char call = world->scenario->calls[i][side->next_call];
	uint64_t value;

	switch (call) {
	case 'l':
	case 'b':
		return true;
	case 'c':
		/* b listens before a connects, or the world is over at once; a refused open is reset-races' matter. */
		return side->h || world->soft->side[!i].listener;
	case 'r':
		return side->h && !tcp_option_get(world->tcp[i], side->h, ELEVEN_OPTION_USER, &value);
	case 's':
	case 'f':
	case 'x':
	case 'a':
		return side->h != 0;
	default:
		return false;           /* the end of the script */
	}
}

static void call(struct world *world, unsigned i)
{
	struct side *side = &world->soft->side[i];
	struct tcp *tcp = world->tcp[i];
	uint8_t byte = (uint8_t)('a' + side->sent);

	switch (world->scenario->calls[i][side->next_call++]) {
	case 'l':
		tcp_open(tcp, &side->listener, side->now);
		tcp_bind(tcp, side->listener, &addresses[i], ports[i], 0, side->now);
		tcp_listen(tcp, side->listener, 1, side->now);
		break;
	case 'b':
	case 'c':
		if (!side->h) {
			tcp_open(tcp, &side->h, side->now);
			tcp_bind(tcp, side->h, &addresses[i], ports[i], 0, side->now);
			if (world->scenario->calls[i][side->next_call - 1] == 'b')
				break;
		}
		tcp_connect(tcp, side->h, &addresses[i], 0, &addresses[!i], ports[!i], side->now);
		break;
	case 's':
		side->sent += tcp_send(tcp, side->h, &byte, 1, 0, side->now) == 1;
		break;
	case 'r':
		side_receive(world, i);
		break;
	case 'f':
		tcp_shutdown(tcp, side->h, side->now);
		break;
	case 'x':
		tcp_close(tcp, side->h, side->now);
		side->h = 0;
		if (side->listener)
			tcp_close(tcp, side->listener, side->now);
		side->listener = 0;
		break;
	case 'a':
		tcp_abort(tcp, side->h, side->now);
		side->h = 0;
		side->aborted = true;
		break;
	}
}

/* ---- timeouts */

/* The nearest deadline of a host, exactly; `retransmission`: it is one that R counts. */
static uint64_t next_timeout(const struct tcp *tcp, bool *retransmission)
{
	uint64_t nearest = TIME_NEVER;

	*retransmission = false;
	for (uint32_t i = 0; i < tcp->tcbs.touched; i++) {
		const struct tcb *tcb = tcb_at(tcp, i);

		for (unsigned slot = 0; tcb->kind == KIND_TCB && slot < SLOTS; slot++)
			if (tcb->deadline[slot] < nearest) {
				nearest = tcb->deadline[slot];
				*retransmission = slot != SLOT_STATE;
			}
	}
	for (uint32_t i = 0; i < tcp->syn_received.touched; i++) {
		const struct syn_received *record = pool_at(&tcp->syn_received, i);

		if (record->kind == KIND_SYN_RECEIVED && record->timer.deadline_ns < nearest) {
			nearest = record->timer.deadline_ns;
			*retransmission = true;
		}
	}
	for (uint32_t i = 0; i < tcp->time_wait.touched; i++) {
		const struct time_wait *record = pool_at(&tcp->time_wait, i);

		if (record->kind == KIND_TIME_WAIT && record->timer.deadline_ns < nearest) {
			nearest = record->timer.deadline_ns;
			*retransmission = false;
		}
	}
	return nearest;
}

static bool timeout_possible(const struct world *world, unsigned i, bool *cut)
{
	bool retransmission;

	if (next_timeout(world->tcp[i], &retransmission) == TIME_NEVER)
		return false;
	if (retransmission && world->soft->side[i].timeouts >= world->r) {
		*cut = true;
		return false;
	}
	return true;
}

bool world_cut(const struct world *world)
{
	bool cut = false;

	for (unsigned i = 0; i < SIDES; i++)
		timeout_possible(world, i, &cut);
	return cut;
}

/* ---- actions */

static bool same_before(const struct soft *soft, unsigned index)
{
	for (unsigned i = 0; i < index; i++)
		if (memcmp(&soft->flying[i], &soft->flying[index], sizeof(soft->flying[i])) == 0)
			return true;
	return false;
}

unsigned world_actions(const struct world *world, struct action *actions)
{
	const struct soft *soft = world->soft;
	unsigned n = 0;
	bool cut;

	for (uint8_t i = 0; i < SIDES; i++) {
		if (call_possible(world, i))
			actions[n++] = (struct action){ ACTION_CALL, i, 0 };
		if (timeout_possible(world, i, &cut))
			actions[n++] = (struct action){ ACTION_TIMEOUT, i, 0 };
	}
	for (uint8_t i = 0; i < soft->count; i++) {
		if (same_before(soft, i))
			continue;
		actions[n++] = (struct action){ ACTION_DELIVER, soft->flying[i].to, i };
		if (soft->losses < world->l)
			actions[n++] = (struct action){ ACTION_LOSE, soft->flying[i].to, i };
		if (soft->duplicates < world->d && soft->count < world->k)
			actions[n++] = (struct action){ ACTION_DUPLICATE, soft->flying[i].to, i };
	}
	return n;
}

static void deliver(struct world *world, unsigned index)
{
	struct flying packet = world->soft->flying[index];
	struct arrival arrival = {
		.source = addresses[!packet.to], .destination = addresses[packet.to],
		.bytes = packet.bytes, .length = packet.length, .checksum_ok = true,
	};

	unfly(world->soft, index);
	tcp_segment_arrives(world->tcp[packet.to], &arrival, world->soft->side[packet.to].now);
}

static void note_transitions(struct world *world)
{
	struct eleven_trace records[16];
	uint64_t lost;
	unsigned n;

	for (unsigned i = 0; i < SIDES; i++)
		while ((n = trace_read(&world->trace[i], &world->trace_read[i], records, 16, &lost)) > 0)
			for (unsigned r = 0; r < n; r++)
				if (records[r].kind == ELEVEN_TRACE_TRANSITION)
					world->edges[records[r].state_before][records[r].state_after]++;
}

void world_act(struct world *world, const struct action *action)
{
	struct soft *soft = world->soft;
	struct side *side = &soft->side[action->side];
	bool retransmission;

	switch ((enum action_kind)action->kind) {
	case ACTION_CALL:
		call(world, action->side);
		side_settle(world, action->side);
		break;
	case ACTION_DELIVER:
		deliver(world, action->index);
		side_settle(world, action->side);
		break;
	case ACTION_LOSE:
		unfly(soft, action->index);
		soft->losses++;
		break;
	case ACTION_DUPLICATE:
		soft->flying[soft->count++] = soft->flying[action->index];
		soft->duplicates++;
		break;
	case ACTION_TIMEOUT:
		side->now = next_timeout(world->tcp[action->side], &retransmission);
		side->timeouts += retransmission;
		tcp_timers(world->tcp[action->side], side->now);
		side_settle(world, action->side);
		break;
	}
	note_transitions(world);
}

enum eleven_state world_state(const struct world *world, unsigned i)
{
	struct eleven_status status;
	uint64_t cursor = 0;
	enum eleven_state state = ELEVEN_CLOSED;

	while (tcp_status_next(world->tcp[i], &cursor, &status)) {
		if (status.state == ELEVEN_LISTEN && state == ELEVEN_CLOSED)
			state = ELEVEN_LISTEN;
		else if (status.state > ELEVEN_LISTEN)
			state = status.state;
	}
	return state;
}
