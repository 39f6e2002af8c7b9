/* SPDX-License-Identifier: MIT */
/* SYN-RECEIVED and TIME-WAIT in small records (RFC 4987 §3.3, RFC 9293 §3.10.8); see record.h. */
#include "tcp/record.h"

#include "tcp/auth.h"
#include "tcp/options.h"
#include "tcp/output.h"
#include "tcp/steps.h"
#include "tcp/timer.h"
#include "tcp/window.h"

static uint32_t clock_ms(const struct tcp *tcp)
{
	return (uint32_t)(tcp->now / 1000000u);
}

static uint64_t time_of_ms(const struct tcp *tcp, uint32_t ms)
{
	uint64_t age = MS((uint32_t)(clock_ms(tcp) - ms));

	return age > tcp->now ? 0 : tcp->now - age;
}

/* When the last challenge ACK went, in 16 bits: steps of 8 ms, which come round after nine minutes. */
static uint16_t challenge_pack(const struct tcb *tcb)
{
	uint16_t steps = (uint16_t)(tcb->challenge_at / MS(8));

	return tcb->challenge_at ? steps ? steps : 1 : 0;
}

static uint64_t challenge_unpack(const struct tcp *tcp, uint16_t challenged)
{
	uint64_t age = MS(8) * (uint16_t)(tcp->now / MS(8) - challenged);

	return challenged == 0 || age >= tcp->now ? 0 : tcp->now - age;
}

/* Good for 71 minutes, of which a record lives a few. */
static uint32_t clock_us(const struct tcp *tcp)
{
	return (uint32_t)(tcp->now / US(1));
}

static uint64_t time_of_us(const struct tcp *tcp, uint32_t us)
{
	uint64_t age = US((uint64_t)(uint32_t)(clock_us(tcp) - us)) + tcp->now % US(1);

	return age > tcp->now ? 0 : tcp->now - age;
}

/* ---- SYN-RECEIVED */

static void ecn_pack(struct syn_received *record, const struct tcb *tcb)
{
	record->ecn = tcb->ecn.mode == ECN_ON;
	record->accurate = tcb->ecn.mode == ECN_ACCURATE;
	record->ecn_mute = tcb->ecn.mute;
	record->syn_codepoint = tcb->ecn.syn_codepoint;
}

bool syn_received_fold(struct tcp *tcp, const struct tcb *tcb, struct tcb *listener)
{
	struct syn_received *record = pool_take(&tcp->syn_received);

	if (record == NULL)
		return false;
	record->kind = KIND_SYN_RECEIVED;
	record->generation++;
	record->interface = tcb->interface;
	record->retries = 0;
	record->wscale = (uint8_t)(tcb->snd.wscale | tcb->rcv.wscale << 4);
	record->tuple = tcb->tuple;
	record->iss = tcb->snd.iss.value;
	record->irs = tcb->rcv.irs.value;
	record->ts_recent = tcb->ts.recent;
	record->listener = tcb_index(tcp, listener);
	record->listener_generation = listener->generation;
	record->mss = tcb->snd.mss_peer;
	record->window = (uint16_t)tcb->snd.wnd;
	record->timestamps = tcb->timestamps;
	record->sack = tcb->sack;
	record->window_scale = tcb->window_scale;
	record->acked = false;
	ecn_pack(record, tcb);
	record->text = NONE;
	record->challenged = 0;
	record->tos = tcb->tos;
	record->auth_send_id = tcb->auth_send_id;
	record->auth_next_id = tcb->auth_next_id;
	record->since_us = clock_us(tcp);
	if (!table_insert(&tcp->connections, tuple_hash(tcp, &record->tuple),
			  reference(KIND_SYN_RECEIVED, pool_index(&tcp->syn_received, record)))) {
		record->kind = 0;
		pool_give(&tcp->syn_received, record);
		return false;
	}
	listener->half_open++;
	wheel_insert(&tcp->wheel, &record->timer, tcp->now + tcp->config.rto_initial);
	return true;
}

struct tcb *syn_received_listener(const struct tcp *tcp, const struct syn_received *record)
{
	struct tcb *listener = tcb_at(tcp, record->listener);

	if (listener->kind != KIND_TCB || listener->generation != record->listener_generation ||
	    listener->state != TCP_LISTEN)
		return NULL;
	return listener;
}

void listener_inherit(const struct tcp *tcp, struct tcb *tcb, const struct tcb *listener)
{
	if (listener->auth)
		auth_refer(tcp, tcb, listener);
	tcb->ttl = listener->ttl;
	tcb->tos = listener->tos;
	tcb->nodelay = listener->nodelay;
	tcb->cork = listener->cork;
	tcb->quick_ack = listener->quick_ack;
	tcb->keepalive = listener->keepalive;
	tcb->linger_reset = listener->linger_reset;
	tcb->keepalive_probes = listener->keepalive_probes;
	tcb->keepalive_idle = listener->keepalive_idle;
	tcb->keepalive_interval = listener->keepalive_interval;
	tcb->user_timeout = listener->user_timeout;
	tcb->fin_wait_2 = listener->fin_wait_2;
	tcb->mss_cap = listener->mss_cap;
	tcb->congestion = listener->congestion;
	tcb->send_buffer = listener->send_buffer;
	tcb->receive_buffer = listener->receive_buffer;
	tcb->send_buffer_given = listener->send_buffer_given;
	tcb->receive_buffer_given = listener->receive_buffer_given;
	tcb->window_clamp = listener->window_clamp;
	tcb->reuse_address = listener->reuse_address;
	tcb->reuse_port = listener->reuse_port;
}

void syn_received_unfold(struct tcp *tcp, const struct syn_received *record, struct tcb *tcb)
{
	const struct tcb *listener = syn_received_listener(tcp, record);

	memset(tcb, 0, sizeof(*tcb));
	tcb_defaults(tcp, tcb);
	tcb->kind = KIND_SYN_RECEIVED;
	tcb->passive = true;
	tcb->state = TCP_SYN_RECEIVED;
	tcb->previous_state = TCP_LISTEN;
	tcb->rule = tcb->last_rule = RULE_LISTEN_SYN;
	tcb->interface = record->interface;
	tcb->tuple = record->tuple;
	tcb->retries = record->retries;
	if (listener)
		listener_inherit(tcp, tcb, listener);
	tcb->auth_send_id = record->auth_send_id;
	tcb->auth_next_id = record->auth_next_id;
	tcb->snd.iss = tcb->snd.una = seq_of(record->iss);
	tcb->snd.nxt = tcb->snd.max = tcb->snd.end = tcb->snd.push = seq_add(tcb->snd.iss, 1);
	tcb->snd.wscale = record->wscale & 15;
	tcb->rcv.wscale = record->wscale >> 4;
	tcb->snd.wnd = tcb->snd.wnd_max = record->window;
	tcb->snd.mss_peer = record->mss;
	tcb->rcv.irs = seq_of(record->irs);
	tcb->rcv.nxt = tcb->rcv.acked = tcb->rcv.up = seq_add(tcb->rcv.irs, 1);
	tcb->snd.wl1 = tcb->rcv.irs;
	tcb->snd.wl2 = tcb->snd.iss;
	tcb->timestamps = record->timestamps;
	tcb->sack = record->sack;
	tcb->window_scale = record->window_scale;
	tcb->ecn = (struct ecn){ .mode = record->accurate ? ECN_ACCURATE : record->ecn ? ECN_ON : ECN_OFF,
				 .mute = record->ecn_mute, .syn_codepoint = record->syn_codepoint,
				 .ce_in = ACCURATE_CEP_START, .ce_out = ACCURATE_CEP_START };
	tcb->ts.recent = record->ts_recent;
	tcb->ts.recent_at = tcp->now;
	tcb->ts.offset = timestamp_offset(tcp, &tcb->tuple);
	tcb->challenge_at = challenge_unpack(tcp, record->challenged);
	tcb->opened = tcb->since = time_of_us(tcp, record->since_us);
	tcb->timing = record->retries == 0;
	tcb->rtt.timed_seq = tcb->snd.iss;
	tcb->rtt.timed_at_ns = tcb->opened;
	options_mss_update(tcp, tcb);
	window_start(tcp, tcb);
}

void syn_received_refold(struct syn_received *record, const struct tcb *tcb)
{
	record->ts_recent = tcb->ts.recent;
	record->challenged = challenge_pack(tcb);
	ecn_pack(record, tcb);
	record->auth_send_id = tcb->auth_send_id;
	record->auth_next_id = tcb->auth_next_id;
}

void syn_received_keep_text(struct tcp *tcp, const struct tcb *unfolded, const struct segment *seg)
{
	struct syn_received *record;
	struct tcb *tcb;

	if (!tcp->config.syn_text || tcp->tcbs.used >= tcp->config.connections_max / 2)
		return;                 /* the peer will send it again */
	tcb = tcb_create(tcp);
	if (tcb == NULL)
		return;
	record = pool_at(&tcp->syn_received, reference_index(connection_find(tcp, &unfolded->tuple)));
	tcb->kind = KIND_SYN_RECEIVED;  /* nobody's yet */
	tcb->rcv = unfolded->rcv;
	text_keep_early(tcp, tcb, seg);
	record->text = tcb_index(tcp, tcb);
}

/* What came with the SYN goes along, or goes. */
static void text_take_over(struct tcp *tcp, uint32_t from, struct tcb *tcb)
{
	struct tcb *holder = tcb_at(tcp, from);

	if (tcb) {
		tcb->receive_ring = holder->receive_ring;
		tcb->reassembly = holder->reassembly;
		tcb->fin_seen = holder->fin_seen;
		tcb->rcv.fin = holder->rcv.fin;
		memset(&holder->receive_ring, 0, sizeof(holder->receive_ring));
		holder->reassembly = NONE;
	}
	holder->kind = KIND_TCB;
	tcb_destroy(tcp, holder);
}

void syn_received_remove(struct tcp *tcp, struct syn_received *record)
{
	struct tcb *listener = syn_received_listener(tcp, record);

	if (listener && listener->half_open > 0)
		listener->half_open--;
	wheel_remove(&tcp->wheel, &record->timer);
	table_remove(&tcp->connections, tuple_hash(tcp, &record->tuple),
		     reference(KIND_SYN_RECEIVED, pool_index(&tcp->syn_received, record)));
	if (record->text != NONE)
		text_take_over(tcp, record->text, NULL);
	record->kind = 0;
	pool_give(&tcp->syn_received, record);
}

void syn_received_timeout(struct tcp *tcp, struct syn_received *record)
{
	const struct tcb *listener = syn_received_listener(tcp, record);
	uint64_t deferred = listener && record->acked ? time_of_us(tcp, record->since_us) + listener->defer_accept : 0;
	uint64_t again = tcp->config.rto_initial << (record->retries < 16 ? record->retries + 1 : 16);
	struct tcb tcb;

	if (deferred > tcp->now) {      /* the third ACK was here; only text is waited for */
		wheel_insert(&tcp->wheel, &record->timer, deferred);
		return;
	}
	syn_received_unfold(tcp, record, &tcb);
	trace_timeout(tcp, &tcb, ELEVEN_TIMER_SYN);
	if (listener == NULL || record->retries >= tcp->config.syn_ack_retries_max) {
		tcp->attempt_fails++;
		tcb_closed(tcp, &tcb, RULE_GIVEN_UP_SYN_ACK, 0);
		syn_received_remove(tcp, record);
		return;
	}
	record->retries++;
	rule(tcp, &tcb, TIMEOUT_SYN_ACK);
	tcb.retries = record->retries;
	tcb.want.syn = true;
	output_unfolded(tcp, &tcb);
	again = again < tcp->config.rto_most ? again : tcp->config.rto_most;
	wheel_insert(&tcp->wheel, &record->timer, tcp->now + again);
}

struct tcb *syn_received_promote(struct tcp *tcp, struct syn_received *record, struct tcb *unfolded)
{
	struct tcb *tcb = tcb_create(tcp);
	uint32_t generation, text = record ? record->text : NONE;

	if (tcb == NULL)
		return NULL;
	if (unfolded->auth && !auth_inherit(tcp, unfolded)) {
		tcb_destroy(tcp, tcb);
		return NULL;
	}
	generation = tcb->generation;
	if (record) {
		record->text = NONE;
		syn_received_remove(tcp, record);
	}
	*tcb = *unfolded;
	if (text != NONE)
		text_take_over(tcp, text, tcb);
	memset(&tcb->timer, 0, sizeof(tcb->timer));
	tcb->kind = KIND_TCB;
	tcb->generation = generation;
	tcb->rcv.grow = tcb->rcv.edge;
	connection_insert(tcp, tcb);    /* the table has a place for every TCB and record */
	tcp->passive_opens++;
	return tcb;
}

/* ---- TIME-WAIT */

void time_wait_tuple(const struct tcp *tcp, const struct time_wait *record, struct tuple *tuple)
{
	const struct time_wait *names = record->v6 ? pool_at(&tcp->time_wait, record->local) : NULL;

	*tuple = (struct tuple){ names ? names->names[0] : address_v4(record->local),
				 names ? names->names[1] : address_v4(record->remote),
				 record->local_port, record->remote_port };
}

/* A record with the connection's names; NULL: no room. */
static struct time_wait *time_wait_take(struct tcp *tcp, const struct tuple *tuple)
{
	struct time_wait *record = pool_take(&tcp->time_wait), *names = NULL;

	if (record == NULL)
		return NULL;
	record->v6 = tuple_is_v6(tuple);
	record->local_port = tuple->local_port;
	record->remote_port = tuple->remote_port;
	record->local = address_v4_value(&tuple->local);
	record->remote = address_v4_value(&tuple->remote);
	if (!record->v6)
		return record;
	names = pool_take(&tcp->time_wait);
	if (names == NULL) {
		pool_give(&tcp->time_wait, record);
		return NULL;
	}
	tcp->time_wait_names++;
	names->kind = KIND_TIME_WAIT_NAMES;
	names->names[0] = tuple->local;
	names->names[1] = tuple->remote;
	record->local = pool_index(&tcp->time_wait, names);
	record->remote = 0;
	return record;
}

static void time_wait_give(struct tcp *tcp, struct time_wait *record)
{
	if (record->v6) {
		struct time_wait *names = pool_at(&tcp->time_wait, record->local);

		tcp->time_wait_names--;
		names->kind = 0;
		pool_give(&tcp->time_wait, names);
	}
	record->kind = 0;
	pool_give(&tcp->time_wait, record);
}

void time_wait_fold(struct tcp *tcp, struct tcb *tcb)
{
	struct time_wait *record = time_wait_take(tcp, &tcb->tuple);
	uint64_t deadline = tcb->deadline[SLOT_STATE];
	uint32_t index;

	CHECK(tcb->state == TCP_TIME_WAIT && !tcb->held);
	if (record == NULL) {
		tcb_closed(tcp, tcb, RULE_TIME_WAIT_NO_ROOM, 0);
		return;
	}
	index = pool_index(&tcp->time_wait, record);
	record->kind = KIND_TIME_WAIT;
	record->generation++;
	record->interface = tcb->interface;
	record->timestamps = tcb->timestamps;
	record->reuse_address = tcb->reuse_address;
	record->reuse_port = tcb->reuse_port;
	record->passive = tcb->passive;
	record->rcv_nxt = tcb->rcv.nxt.value;
	record->snd_nxt = tcb->snd.max.value;
	record->ts_recent = tcb->ts.recent;
	record->ts_offset = tcb->ts.offset;
	record->since_ms = (uint32_t)(tcb->since / 1000000u);
	record->after_closing = tcb->rule == RULE_ACK_CLOSING_TIME_WAIT;
	record->challenged = challenge_pack(tcb);
	record->window = window_offer(tcb, false);
	table_replace(&tcp->connections, tcb->hash, reference(KIND_TCB, tcb_index(tcp, tcb)),
		      reference(KIND_TIME_WAIT, index));
	tcb->in_table = false;
	wheel_insert(&tcp->wheel, &record->timer, deadline);
	tcb_destroy(tcp, tcb);
}

void time_wait_unfold(struct tcp *tcp, const struct time_wait *record, struct tcb *tcb)
{
	memset(tcb, 0, sizeof(*tcb));
	tcb_defaults(tcp, tcb);
	tcb->kind = KIND_TIME_WAIT;
	tcb->state = TCP_TIME_WAIT;
	tcb->interface = record->interface;
	time_wait_tuple(tcp, record, &tcb->tuple);
	tcb->passive = record->passive;
	tcb->rule = tcb->last_rule = record->after_closing ? RULE_ACK_CLOSING_TIME_WAIT : RULE_FIN_TIME_WAIT;
	tcb->challenge_at = challenge_unpack(tcp, record->challenged);
	tcb->timestamps = record->timestamps;
	tcb->reuse_address = record->reuse_address;
	tcb->reuse_port = record->reuse_port;
	tcb->fin_queued = tcb->fin_sent = tcb->fin_acked = tcb->fin_seen = tcb->fin_received = true;
	tcb->snd.una = tcb->snd.nxt = tcb->snd.max = seq_of(record->snd_nxt);
	tcb->snd.end = tcb->snd.push = seq_sub(tcb->snd.nxt, 1);
	tcb->rcv.nxt = tcb->rcv.acked = tcb->rcv.up = seq_of(record->rcv_nxt);
	tcb->rcv.fin = seq_sub(tcb->rcv.nxt, 1);
	tcb->rcv.edge = seq_add(tcb->rcv.nxt, record->window);
	tcb->rcv.limit = record->window;
	tcb->ts.recent = record->ts_recent;
	tcb->ts.recent_at = tcp->now;
	tcb->ts.offset = record->ts_offset;
	tcb->since = tcb->opened = time_of_ms(tcp, record->since_ms);
	tcb->deadline[SLOT_STATE] = record->timer.deadline_ns;
}

void time_wait_refold(struct tcp *tcp, struct time_wait *record, const struct tcb *tcb)
{
	record->ts_recent = tcb->ts.recent;
	record->challenged = challenge_pack(tcb);
	if (tcb->deadline[SLOT_STATE] != record->timer.deadline_ns)
		wheel_insert(&tcp->wheel, &record->timer, tcb->deadline[SLOT_STATE]);
}

void time_wait_remove(struct tcp *tcp, struct time_wait *record)
{
	struct tuple tuple;

	time_wait_tuple(tcp, record, &tuple);
	wheel_remove(&tcp->wheel, &record->timer);
	table_remove(&tcp->connections, tuple_hash(tcp, &tuple),
		     reference(KIND_TIME_WAIT, pool_index(&tcp->time_wait, record)));
	time_wait_give(tcp, record);
}

void time_wait_timeout(struct tcp *tcp, struct time_wait *record)
{
	struct tcb tcb;

	time_wait_unfold(tcp, record, &tcb);
	trace_timeout(tcp, &tcb, ELEVEN_TIMER_TIME_WAIT);
	tcb_closed(tcp, &tcb, RULE_TIMEOUT_TIME_WAIT, 0);
	time_wait_remove(tcp, record);
}
