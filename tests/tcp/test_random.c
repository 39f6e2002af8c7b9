/* SPDX-License-Identifier: MIT */
/*
 * Random segments, calls and times against one TCP: the segments are made from its live
 * variables, so that most come near an edge.  After each event the invariants of tcb.h must
 * hold; at the end everything must be given back.
 */
#include "script.h"

#include "base/random.h"

#include "../panic.h"

#define WORLDS 400
#define EVENTS 600
#define HANDLES 16

struct world {
	struct script s;
	struct random chance;
	eleven_handle held[HANDLES];
	unsigned count;
	uint32_t edges[128];            /* right edge last seen of each TCB, by index */
	uint32_t iss[128];              /* of the connection it was of */
};

static uint32_t below(struct world *w, uint32_t n)
{
	return (uint32_t)random_below(&w->chance, n);
}

static bool chance(struct world *w, uint32_t percent)
{
	return below(w, 100) < percent;
}

/* ---- invariants */

static void tcb_holds(struct world *w, const struct tcb *tcb)
{
	uint32_t index = tcb_index(w->s.tcp, tcb);

	if (tcb->state <= ELEVEN_LISTEN)
		return;
	assert_true(seq_le(tcb->snd.una, tcb->snd.nxt));
	assert_true(seq_le(tcb->snd.nxt, tcb->snd.max));
	assert_true(seq_le(tcb->snd.max, seq_add(tcb->snd.end, 1)));
	if (tcb->state >= ELEVEN_ESTABLISHED && !syn_unacked(tcb)) {
		struct ranges *ranges = reassembly_of(w->s.tcp, tcb);

		if (seq_le(tcb->snd.una, tcb->snd.end))
			assert_int_equal(ring_used(&tcb->send_ring), seq_distance(tcb->snd.end, tcb->snd.una));
		assert_true(tcb->cc.cwnd >= tcb->snd.mss || tcb->cc.cwnd >= 1);
		if (w->iss[index] == tcb->snd.iss.value)
			assert_true(seq_ge(tcb->rcv.edge, seq_of(w->edges[index])));
		w->edges[index] = tcb->rcv.edge.value;
		w->iss[index] = tcb->snd.iss.value;
		if (ranges) {
			assert_true(ranges->count > 0);
			assert_true(seq_gt(ranges->at[0].left, tcb->rcv.nxt));
		}
		/* Something unacknowledged is always watched over. */
		if (tcb->state != ELEVEN_TIME_WAIT && !seq_eq(tcb->snd.una, tcb->snd.max) && !tcb->ready)
			assert_true(tcb->deadline[SLOT_RETRANSMISSION] != TIME_NEVER ||
				    (flight(tcb) == 0 && tcb->deadline[SLOT_CORK] != TIME_NEVER));
		if (tcb->state != ELEVEN_TIME_WAIT && (unsent(tcb) > 0 || (tcb->fin_queued && !tcb->fin_acked)) &&
		    !tcb->ready)
			assert_true(tcb->deadline[SLOT_RETRANSMISSION] != TIME_NEVER ||
				    tcb->deadline[SLOT_CORK] != TIME_NEVER);
	}
	if (tcb->state == ELEVEN_TIME_WAIT)
		assert_true(tcb->deadline[SLOT_STATE] <= w->s.now + 2 * w->s.config.msl);
}

static void world_holds(struct world *w)
{
	for (uint32_t i = 0; i < w->s.tcp->tcbs.touched; i++)
		if (tcb_at(w->s.tcp, i)->kind == KIND_TCB)
			tcb_holds(w, tcb_at(w->s.tcp, i));
}

/* ---- events */

static struct tcb *some_tcb(struct world *w)
{
	uint32_t touched = w->s.tcp->tcbs.touched;

	for (int i = 0; i < 8 && touched; i++) {
		struct tcb *tcb = tcb_at(w->s.tcp, below(w, touched));

		if (tcb->kind == KIND_TCB && tcb->state > ELEVEN_LISTEN)
			return tcb;
	}
	return NULL;
}

static struct seq near(struct world *w, struct seq a, struct seq b)
{
	static const int32_t steps[] = { 0, 0, 0, 0, 1, -1, 2, 10, -10, 1460, 70000, -70000, 1 << 30, INT32_MIN };
	struct seq base = chance(w, 70) ? a : b;

	return seq_add(base, (uint32_t)steps[below(w, sizeof(steps) / sizeof(steps[0]))]);
}

static void random_options(struct world *w, struct tcp_options *o, const struct tcb *tcb)
{
	memset(o, 0, sizeof(*o));
	if (chance(w, 30)) {
		o->has_mss = true;
		o->mss = (uint16_t)below(w, chance(w, 20) ? 65536 : 1500);
	}
	if (chance(w, 30)) {
		o->has_wscale = true;
		o->wscale = (uint8_t)below(w, 20);
	}
	o->sack_permitted = chance(w, 30);
	if (chance(w, 50)) {
		o->has_timestamps = true;
		o->tsval = (tcb ? tcb->ts.recent : 0) + below(w, 10) - 2;
		o->tsecr = (uint32_t)(w->s.now / 1000000u) - below(w, 5);
	}
}

static void event_segment(struct world *w)
{
	static const uint8_t zeros[3000];
	static uint8_t bytes[4000];
	struct tcb *tcb = some_tcb(w);
	struct segment seg = { .text = zeros };
	struct arrival arrival = { .source = w->s.them, .destination = w->s.us, .bytes = bytes };

	seg.source_port = (uint16_t)(1 + below(w, 6));
	seg.destination_port = w->s.our_port;
	seg.seq = seq_of((uint32_t)random_next(&w->chance));
	if (tcb) {
		seg.source_port = tcb->tuple.remote_port;
		seg.destination_port = tcb->tuple.local_port;
		seg.seq = near(w, tcb->rcv.nxt, tcb->rcv.edge);
		seg.ack = near(w, tcb->snd.max, tcb->snd.una);
	}
	seg.has_ack = tcb ? chance(w, 95) : chance(w, 10);
	seg.syn = chance(w, tcb && tcb->state == ELEVEN_SYN_SENT ? 80 : tcb ? 3 : 85);
	seg.fin = chance(w, 8);
	seg.rst = chance(w, 2);
	seg.psh = chance(w, 50);
	seg.urg = chance(w, 3);
	seg.urgent = (uint16_t)below(w, 3000);
	seg.window = (uint16_t)(chance(w, 15) ? 0 : below(w, chance(w, 50) ? 100 : 65536));
	seg.text_bytes = chance(w, 50) ? 0 : below(w, chance(w, 50) ? 20 : 2900);
	random_options(w, &seg.options, tcb);
	arrival.length = (uint32_t)segment_emit(bytes, sizeof(bytes), &seg, &w->s.them, &w->s.us);
	if (chance(w, 2))
		bytes[below(w, arrival.length)] ^= (uint8_t)(1u << below(w, 8));
	if (chance(w, 1))
		arrival.length = below(w, arrival.length + 1);
	arrival.checksum_ok = chance(w, 50);
	tcp_segment_arrives(w->s.tcp, &arrival, w->s.now);
}

static void event_open(struct world *w)
{
	struct address any = address_v4(0);
	eleven_handle h;

	if (w->count == HANDLES || tcp_open(w->s.tcp, &h, w->s.now))
		return;
	w->held[w->count++] = h;
	if (chance(w, 30)) {
		if (tcp_bind(w->s.tcp, h, &any, w->s.our_port, below(w, 4), w->s.now) == 0)
			tcp_listen(w->s.tcp, h, below(w, 4), w->s.now);
	} else {
		tcp_connect(w->s.tcp, h, &w->s.us, 0, &w->s.them, (uint16_t)(1 + below(w, 6)), w->s.now);
	}
}

static void event_call(struct world *w)
{
	static char text[20000];
	struct tcp *tcp = w->s.tcp;
	unsigned i;
	eleven_handle h;

	if (w->count == 0 || chance(w, 5)) {
		event_open(w);
		return;
	}
	i = below(w, w->count);
	switch (below(w, 14)) {
	case 0:
		tcp_shutdown(tcp, w->held[i], w->s.now);
		break;
	case 1:
		if (chance(w, 70) ? tcp_close(tcp, w->held[i], w->s.now) : tcp_abort(tcp, w->held[i], w->s.now))
			fail();
		w->held[i] = w->held[--w->count];
		break;
	case 2:
		if (w->count < HANDLES && tcp_accept(tcp, w->held[i], &h, w->s.now) == 0)
			w->held[w->count++] = h;
		break;
	case 3:
		tcp_option_set(tcp, w->held[i], (enum eleven_option)below(w, ELEVEN_OPTIONS), below(w, 3000), w->s.now);
		break;
	case 4:
		tcp_connect(tcp, w->held[i], &w->s.us, 0, &w->s.them, (uint16_t)(1 + below(w, 6)), w->s.now);
		break;
	case 5:
	case 6:
	case 7:
	case 8:
		tcp_receive(tcp, w->held[i], text, below(w, sizeof(text)), w->s.now);
		break;
	default:
		tcp_send(tcp, w->held[i], text, below(w, chance(w, 50) ? 100 : sizeof(text)), below(w, 4), w->s.now);
		break;
	}
}

static void event_error(struct world *w)
{
	static const int errors[] = { ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EPROTO };
	struct tcb *tcb = some_tcb(w);
	struct tcp_error error = { .error = errors[below(w, 4)], .hard = chance(w, 50) };

	if (tcb == NULL)
		return;
	error.tuple = tcb->tuple;
	error.seq = near(w, tcb->snd.una, tcb->snd.max);
	error.mtu = chance(w, 50) ? below(w, 1600) : 0;
	tcp_error_arrives(w->s.tcp, &error, w->s.now);
}

static void drain(struct world *w)
{
	struct eleven_signal signal;
	unsigned n = 0;

	while (out_any(&w->s)) {
		assert_true(w->s.last.text_bytes <= 1460);
		assert_true(++n < 100000);
	}
	while (chance(w, 80) && tcp_signal(w->s.tcp, &signal))
		;
}

static void end_world(struct world *w)
{
	struct eleven_signal signal;

	while (w->count > 0)
		assert_int_equal(tcp_close(w->s.tcp, w->held[--w->count], w->s.now), 0);
	for (int i = 0; i < 4000; i++) {
		while (out_any(&w->s))
			;
		pass(&w->s, SEC(2));
	}
	while (tcp_signal(w->s.tcp, &signal))
		;
	assert_int_equal(w->s.tcp->tcbs.used, 0);
	assert_int_equal(w->s.tcp->syn_received.used, 0);
	assert_int_equal(w->s.tcp->time_wait.used, 0);
	assert_int_equal(w->s.tcp->reassembly.used, 0);
	assert_int_equal(table_used(&w->s.tcp->connections), 0);
	assert_int_equal(table_used(&w->s.tcp->bound), 0);
	assert_int_equal(buffers_used_bytes(&w->s.tcp->buffers), 0);
	assert_true(tcp_deadline(w->s.tcp) == TIME_NEVER);
}

static void run_world(uint64_t seed)
{
	struct world w = { .count = 0 };

	random_seed(&w.chance, seed);
	script_config(&w.s, (enum eleven_profile)(seed % ELEVEN_PROFILES));
	w.s.config.seed = seed;
	w.s.config.timestamps = chance(&w, 70);
	w.s.config.quick_acks = below(&w, 17);
	w.s.config.connections_max = 1 + below(&w, 24);
	w.s.config.syn_received_max = 1 + below(&w, 8);
	w.s.config.time_wait_max = 1 + below(&w, 4);
	w.s.config.reassembly_max = 1 + below(&w, 3);
	w.s.config.replies_max = 4 + below(&w, 8);
	w.s.config.buffer_bytes = 1u << (14 + below(&w, 8));
	w.s.config.receive_window_initial = 256 + below(&w, 65535);
	w.s.config.msl = SEC(1 + below(&w, 30));
	script_begin(&w.s);
	for (int i = 0; i < EVENTS; i++) {
		uint32_t kind = below(&w, 100);

		if (kind < 55)
			event_segment(&w);
		else if (kind < 85)
			event_call(&w);
		else if (kind < 87)
			event_error(&w);
		else
			pass(&w.s, below(&w, 4) ? MS(below(&w, 300)) : SEC(below(&w, 30)));
		world_holds(&w);
		if (chance(&w, 70))
			drain(&w);
	}
	end_world(&w);
	script_end(&w.s);
}

static void test_random_segments_calls_and_times_keep_the_invariants(void **state)
{
	const char *one = getenv("ELEVEN_TEST_SEED");

	(void)state;
	for (uint64_t seed = 1; seed <= WORLDS; seed++) {
		if (one && seed != strtoull(one, NULL, 0))
			continue;
		if (one == NULL && getenv("ELEVEN_TEST_SEEDS_PRINTED"))
			fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
		run_world(seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_segments_calls_and_times_keep_the_invariants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
