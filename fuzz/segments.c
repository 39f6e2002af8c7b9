/* SPDX-License-Identifier: MIT */
/* See segments.h.  The world's memory is one static block, zeroed for each, so that a world costs what it touches. */
#include "fuzz/segments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "fuzz/must.h"
#include "tcp/connection.h"

#define HANDLES      16
#define TCBS         32
#define OUR_PORT     8000
#define RECORDS      64
#define MEMORY_BYTES (16u << 20)

struct world {
	struct choice *c;
	struct eleven_config config;
	struct trace trace;
	struct tcp *tcp;
	uint64_t now;
	struct address us, them;
	eleven_handle held[HANDLES];
	unsigned count;
	uint32_t edges[TCBS];           /* right edge last seen of each TCB, by index */
	uint32_t iss[TCBS];             /* of the connection it was of */
};

/* ---- invariants */

/* With SACK, what is in flight has its records, and they add up. */
static void records_hold(const struct tcp *tcp, const struct tcb *tcb)
{
	struct seq at = tcb->snd.una;
	uint32_t sacked = 0, lost = 0, again = 0;

	if (!tcb->sack || tcb->sb.blind || tcb->state == TCP_TIME_WAIT) {
		MUST(tcb->sb.records == 0);
		return;
	}
	for (uint32_t i = tcb->sb.head; i != SCOREBOARD_NONE; i = ((struct sent *)pool_at(&tcp->sent, i))->next) {
		const struct sent *r = pool_at(&tcp->sent, i);
		uint32_t bytes = seq_distance(r->end, r->seq);

		MUST(seq_eq(r->seq, at) && bytes > 0);
		sacked += r->sacked ? bytes : 0;
		lost += r->lost ? bytes : 0;
		again += r->again ? bytes : 0;
		at = r->end;
	}
	MUST(seq_eq(at, tcb->snd.nxt));
	MUST(sacked == tcb->sb.sacked_bytes && lost == tcb->sb.lost_bytes && again == tcb->sb.again_bytes);
	MUST(sacked + lost <= flight(tcb));
	MUST(tcb->cc.ssthresh >= 2);
}

static void tcb_holds(const struct tcp *tcp, const struct tcb *tcb)
{
	struct ranges *ranges;

	MUST(seq_le(tcb->snd.una, tcb->snd.nxt));
	MUST(seq_le(tcb->snd.nxt, tcb->snd.max));
	MUST(seq_le(tcb->snd.max, seq_add(tcb->snd.end, 1)));
	if (tcb->state == TCP_TIME_WAIT)
		MUST(tcb->deadline[SLOT_STATE] <= tcp->now + 2 * tcp->config.msl);
	if (tcb->state < TCP_ESTABLISHED || syn_unacked(tcb))
		return;
	if (seq_le(tcb->snd.una, tcb->snd.end))
		MUST(ring_used(&tcb->send_ring) == seq_distance(tcb->snd.end, tcb->snd.una));
	MUST(tcb->cc.cwnd >= 1);
	records_hold(tcp, tcb);
	ranges = reassembly_of(tcp, tcb);
	if (ranges) {
		MUST(ranges->count > 0);
		MUST(seq_gt(ranges->at[0].left, tcb->rcv.nxt));
	}
	if (tcb->state == TCP_TIME_WAIT || tcb->ready)
		return;
	/* Something unacknowledged is always watched over. */
	if (!seq_eq(tcb->snd.una, tcb->snd.max))
		MUST(tcb->deadline[SLOT_RETRANSMISSION] != TIME_NEVER ||
		     (flight(tcb) == 0 && tcb->deadline[SLOT_CORK] != TIME_NEVER));
	if (unsent(tcb) > 0 || (tcb->fin_queued && !tcb->fin_acked))
		MUST(tcb->deadline[SLOT_RETRANSMISSION] != TIME_NEVER || tcb->deadline[SLOT_CORK] != TIME_NEVER ||
		     tcb->deadline[SLOT_PACING] != TIME_NEVER);
}

void segments_hold(const struct tcp *tcp)
{
	for (uint32_t i = 0; i < tcp->tcbs.touched; i++)
		if (tcb_at(tcp, i)->kind == KIND_TCB && tcb_at(tcp, i)->state > TCP_LISTEN)
			tcb_holds(tcp, tcb_at(tcp, i));
}

/* The right edge that was offered is never taken back. */
static void edges_hold(struct world *w)
{
	for (uint32_t i = 0; i < w->tcp->tcbs.touched && i < TCBS; i++) {
		const struct tcb *tcb = tcb_at(w->tcp, i);

		if (tcb->kind != KIND_TCB || tcb->state < TCP_ESTABLISHED)
			continue;
		if (w->iss[i] == tcb->snd.iss.value)
			MUST(seq_ge(tcb->rcv.edge, seq_of(w->edges[i])));
		w->edges[i] = tcb->rcv.edge.value;
		w->iss[i] = tcb->snd.iss.value;
	}
}

/* ---- segments */

static struct tcb *some_tcb(struct world *w)
{
	uint32_t touched = w->tcp->tcbs.touched;

	for (int i = 0; i < 8 && touched; i++) {
		struct tcb *tcb = tcb_at(w->tcp, choice_below(w->c, touched));

		if (tcb->kind == KIND_TCB && tcb->state > TCP_LISTEN)
			return tcb;
	}
	return NULL;
}

struct seq segments_near(struct choice *c, struct seq a, struct seq b)
{
	static const int32_t steps[] = { 0, 0, 0, 0, 1, -1, 2, 10, -10, 1460, 70000, -70000, 1 << 30, INT32_MIN };
	struct seq base = choice_percent(c, 70) ? a : b;

	return seq_add(base, (uint32_t)steps[choice_below(c, sizeof(steps) / sizeof(steps[0]))]);
}

static void sack_make(struct choice *c, struct tcp_options *o, const struct tcb *tcb)
{
	o->sack_count = (uint8_t)(1 + choice_below(c, o->has_timestamps ? 3 : 4));
	for (unsigned i = 0; i < o->sack_count; i++) {
		o->sack[i].left = segments_near(c, tcb->snd.una, tcb->snd.max);
		o->sack[i].right = seq_add(o->sack[i].left, choice_below(c, 3000));
	}
}

static void options_make(struct choice *c, struct tcp_options *o, const struct tcb *tcb, uint64_t now)
{
	memset(o, 0, sizeof(*o));
	if (choice_percent(c, 30)) {
		o->has_mss = true;
		o->mss = (uint16_t)choice_below(c, choice_percent(c, 20) ? 65536 : 1500);
	}
	if (choice_percent(c, 30)) {
		o->has_wscale = true;
		o->wscale = (uint8_t)choice_below(c, 20);
	}
	o->sack_permitted = choice_percent(c, 30);
	if (choice_percent(c, 50)) {
		o->has_timestamps = true;
		o->tsval = (tcb ? tcb->ts.recent : 0) + choice_below(c, 10) - 2;
		o->tsecr = (uint32_t)(now / 1000000u) - choice_below(c, 5);
	}
	if (choice_percent(c, 3)) {     /* seldom right, for the MAC is zero */
		o->auth = choice_percent(c, 50) ? TCP_AUTH_MD5 : TCP_AUTH_AO;
		o->auth_bytes = o->auth == TCP_AUTH_MD5 ? TCP_MD5_BYTES : TCP_AO_LEAST + 12;
	}
	if (tcb && !o->has_mss && !o->has_wscale && choice_percent(c, 20))
		sack_make(c, o, tcb);
}

void segments_make(struct choice *c, struct segment *seg, const struct tcb *tcb, uint64_t now)
{
	memset(seg, 0, sizeof(*seg));
	seg->source_port = (uint16_t)(1 + choice_below(c, 6));
	seg->destination_port = OUR_PORT;
	seg->seq = seq_of((uint32_t)choice_number(c, 4));
	if (tcb) {
		seg->source_port = tcb->tuple.remote_port;
		seg->destination_port = tcb->tuple.local_port;
		seg->seq = segments_near(c, tcb->rcv.nxt, tcb->rcv.edge);
		seg->ack = segments_near(c, tcb->snd.max, tcb->snd.una);
	}
	seg->has_ack = choice_percent(c, tcb ? 95 : 10);
	seg->syn = choice_percent(c, tcb && tcb->state == TCP_SYN_SENT ? 80 : tcb ? 3 : 85);
	seg->fin = choice_percent(c, 8);
	seg->rst = choice_percent(c, 2);
	seg->psh = choice_percent(c, 50);
	seg->urg = choice_percent(c, 3);
	seg->urgent = (uint16_t)choice_below(c, 3000);
	seg->window = (uint16_t)(choice_percent(c, 15) ? 0 : choice_below(c, choice_percent(c, 50) ? 100 : 65536));
	seg->text_bytes = choice_percent(c, 50) ? 0 : choice_below(c, choice_percent(c, 50) ? 20 : 2900);
	options_make(c, &seg->options, tcb, now);
}

static void event_segment(struct world *w)
{
	static uint8_t bytes[4000];
	struct segment seg;
	struct arrival arrival = { .source = w->them, .destination = w->us, .bytes = bytes };

	segments_make(w->c, &seg, some_tcb(w), w->now);
	arrival.length = (uint32_t)segment_emit(bytes, sizeof(bytes), &seg, &w->them, &w->us);
	MUST(arrival.length > 0);
	if (choice_percent(w->c, 2))
		bytes[choice_below(w->c, arrival.length)] ^= (uint8_t)(1u << choice_below(w->c, 8));
	if (choice_percent(w->c, 1))
		arrival.length = choice_below(w->c, arrival.length + 1);
	arrival.checksum_ok = choice_percent(w->c, 50);
	tcp_segment_arrives(w->tcp, &arrival, w->now);
}

/* ---- calls */

static void event_open(struct world *w)
{
	struct address any = address_v4(0);
	eleven_handle h;

	if (w->count == HANDLES || tcp_open(w->tcp, &h, w->now))
		return;
	w->held[w->count++] = h;
	if (choice_percent(w->c, 30)) {
		if (tcp_bind(w->tcp, h, &any, OUR_PORT, choice_below(w->c, 4), w->now) == 0)
			tcp_listen(w->tcp, h, choice_below(w->c, 4), w->now);
	} else {
		tcp_connect(w->tcp, h, &w->us, 0, &w->them, (uint16_t)(1 + choice_below(w->c, 6)), w->now);
	}
}

static void event_close(struct world *w, unsigned i)
{
	if (choice_percent(w->c, 70))
		MUST(tcp_close(w->tcp, w->held[i], w->now) == 0);
	else
		MUST(tcp_abort(w->tcp, w->held[i], w->now) == 0);
	w->held[i] = w->held[--w->count];
}

static void event_key(struct world *w, eleven_handle h)
{
	struct eleven_key key = { .algorithm = (uint8_t)choice_below(w->c, ELEVEN_ALGORITHMS), .length = 1 };
	struct eleven_auth auth;

	memcpy(key.peer.bytes, w->them.bytes, sizeof(key.peer.bytes));
	key.prefix_bits = (uint8_t)(32 - choice_below(w->c, 2));
	key.send_id = (uint8_t)choice_below(w->c, 3);
	key.receive_id = (uint8_t)choice_below(w->c, 3);
	if (choice_percent(w->c, 50))
		tcp_key_add(w->tcp, h, &key, w->now);
	else
		tcp_key_remove(w->tcp, h, &key, w->now);
	if (choice_percent(w->c, 80) || tcp_auth_get(w->tcp, h, &auth) < 0)
		return;
	auth.current_id = (uint8_t)choice_below(w->c, 3);
	auth.next_id = (uint8_t)choice_below(w->c, 3);
	tcp_auth_set(w->tcp, h, &auth, w->now);
}

static void event_call(struct world *w)
{
	static char text[20000];
	struct tcp *tcp = w->tcp;
	unsigned i;
	eleven_handle h;

	if (w->count == 0 || choice_percent(w->c, 5)) {
		event_open(w);
		return;
	}
	i = choice_below(w->c, w->count);
	if (choice_percent(w->c, 2)) {
		event_key(w, w->held[i]);
		return;
	}
	switch (choice_below(w->c, 14)) {
	case 0:
		tcp_shutdown(tcp, w->held[i], w->now);
		break;
	case 1:
		event_close(w, i);
		break;
	case 2:
		if (w->count < HANDLES && tcp_accept(tcp, w->held[i], &h, w->now) == 0)
			w->held[w->count++] = h;
		break;
	case 3:
		tcp_option_set(tcp, w->held[i], (enum eleven_option)choice_below(w->c, ELEVEN_OPTIONS),
			       choice_below(w->c, 3000), w->now);
		break;
	case 4:
		tcp_connect(tcp, w->held[i], &w->us, 0, &w->them, (uint16_t)(1 + choice_below(w->c, 6)), w->now);
		break;
	case 5:
	case 6:
	case 7:
	case 8:
		tcp_receive(tcp, w->held[i], text, choice_below(w->c, sizeof(text)), w->now);
		break;
	default:
		tcp_send(tcp, w->held[i], text, choice_below(w->c, choice_percent(w->c, 50) ? 100 : sizeof(text)),
			 choice_below(w->c, 4), w->now);
		break;
	}
}

static void event_error(struct world *w)
{
	static const int errors[] = { ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EPROTO };
	struct tcb *tcb = some_tcb(w);
	struct tcp_error error = { .error = errors[choice_below(w->c, 4)], .hard = choice_percent(w->c, 50) };

	if (tcb == NULL)
		return;
	error.tuple = tcb->tuple;
	error.seq = segments_near(w->c, tcb->snd.una, tcb->snd.max);
	error.mtu = choice_percent(w->c, 50) ? choice_below(w->c, 1600) : 0;
	tcp_error_arrives(w->tcp, &error, w->now);
}

/* ---- out, and time */

static bool out_any(struct world *w)
{
	const struct tuple *tuple;
	uint8_t interface;
	struct tcp_out out;
	struct segment seg;
	uint32_t bytes = 0;

	while (tcp_output_next(w->tcp, &tuple, &interface, w->now)) {
		if (!tcp_output(w->tcp, &out, w->now))
			continue;
		MUST(segment_parse(&seg, out.header, out.header_bytes) == TCP_OK);
		MUST(seg.options.faults == 0);
		for (unsigned i = 0; i < out.slices; i++)
			bytes += out.slice[i].length;
		MUST(bytes == out.text_bytes);
		MUST(bytes <= 1460);
		return true;
	}
	return false;
}

static void drain(struct world *w)
{
	struct eleven_signal signal;
	unsigned n = 0;

	while (out_any(w))
		MUST(++n < 100000);
	while (choice_percent(w->c, 80) && tcp_signal(w->tcp, &signal))
		;
}

static void pass(struct world *w, uint64_t ns)
{
	w->now += ns;
	tcp_timers(w->tcp, w->now);
}

/* Everything is closed; the timers end what is left. */
static void world_end(struct world *w)
{
	struct eleven_signal signal;
	unsigned n = 0;

	while (w->count > 0)
		MUST(tcp_close(w->tcp, w->held[--w->count], w->now) == 0);
	for (;;) {
		uint64_t deadline;

		while (out_any(w))
			;
		deadline = tcp_deadline(w->tcp);
		if (deadline == TIME_NEVER)
			break;
		pass(w, deadline > w->now ? deadline - w->now : 0);
		MUST(++n < 100000);
	}
	while (tcp_signal(w->tcp, &signal))
		;
	MUST(w->tcp->tcbs.used == 0);
	MUST(w->tcp->syn_received.used == 0);
	MUST(w->tcp->time_wait.used == 0);
	MUST(w->tcp->reassembly.used == 0);
	MUST(table_used(&w->tcp->connections) == 0);
	MUST(table_used(&w->tcp->bound) == 0);
	MUST(buffers_used_bytes(&w->tcp->buffers) == 0);
}

/* Blocks are made once and zeroed for each world: only what the last one's configuration had can be dirty. */
static void *memory_zeroed(size_t bytes)
{
	static uint8_t *memory;
	static size_t dirty;

	MUST(bytes <= MEMORY_BYTES);
	if (!memory)
		memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(memory != MAP_FAILED);
	memset(memory, 0, dirty);
	dirty = bytes;
	return memory;
}

static void world_begin(struct world *w, const struct segments_limits *limits)
{
	static struct eleven_trace records[RECORDS];

	eleven_config_init(&w->config, (enum eleven_profile)choice_below(w->c, ELEVEN_PROFILES));
	w->config.seed = 1 + choice_number(w->c, 1);
	w->config.timestamps = choice_percent(w->c, 70);
	w->config.quick_acks = choice_below(w->c, 17);
	w->config.connections_max = 1 + choice_below(w->c, 24);
	w->config.syn_received_max = 1 + choice_below(w->c, 8);
	w->config.time_wait_max = 1 + choice_below(w->c, 4);
	w->config.reassembly_max = 1 + choice_below(w->c, 3);
	w->config.sent_records_max = 1 + choice_below(w->c, 40);
	w->config.sent_records_each = 1 + choice_below(w->c, 10);
	w->config.replies_max = 4 + choice_below(w->c, 8);
	w->config.buffer_bytes = 1u << (14 + choice_below(w->c, limits->buffers_shift - 13));
	w->config.receive_window_initial = 256 + choice_below(w->c, 65535);
	w->config.msl = SEC(1 + choice_below(w->c, 30));
	trace_init(&w->trace, records, RECORDS);
	w->now = SEC(1000);
	w->tcp = tcp_init(memory_zeroed(tcp_bytes(&w->config)), &w->config, &w->trace, w->now);
	tcp_interface_set(w->tcp, 0, 1500, 0);
	w->us = address_v4(0x0a000001);
	w->them = address_v4(0x0a000002);
}

void segments_run(struct choice *c, const struct segments_limits *limits)
{
	struct world w = { .c = c };

	world_begin(&w, limits);
	for (unsigned i = 0; i < limits->events && !choice_over(c); i++) {
		uint32_t kind = choice_below(c, 100);

		if (kind < 55)
			event_segment(&w);
		else if (kind < 85)
			event_call(&w);
		else if (kind < 87)
			event_error(&w);
		else
			pass(&w, choice_below(c, 4) ? MS(choice_below(c, 300)) : SEC(choice_below(c, 30)));
		segments_hold(w.tcp);
		edges_hold(&w);
		if (choice_percent(c, 70))
			drain(&w);
	}
	world_end(&w);
}
