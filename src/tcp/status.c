/* SPDX-License-Identifier: MIT */
/* STATUS (§3.10.6, §3.9.1.6) of TCBs and of the small records, and figures of the whole TCP. */
#include <errno.h>

#include "tcp/auth.h"
#include "tcp/connection.h"
#include "tcp/options.h"
#include "tcp/output.h"
#include "tcp/record.h"
#include "tcp/recovery.h"
#include "tcp/timer.h"

static uint32_t sub_states(const struct tcp *tcp, const struct tcb *tcb)
{
	uint32_t sub = 0;
	bool connection = tcb->state >= TCP_SYN_SENT;

	if (connection && !tcb->held && !tcb->queued && tcb->kind == KIND_TCB)
		sub |= ELEVEN_SUB_ORPHAN;
	sub |= tcb->queued ? ELEVEN_SUB_ACCEPT_QUEUE : 0;
	sub |= tcb->fin_queued && !tcb->fin_sent ? ELEVEN_SUB_FIN_QUEUED : 0;
	sub |= tcb->fin_sent ? ELEVEN_SUB_FIN_SENT : 0;
	sub |= tcb->fin_acked ? ELEVEN_SUB_FIN_ACKED : 0;
	sub |= tcb->fin_received ? ELEVEN_SUB_FIN_RECEIVED : 0;
	sub |= ring_used(&tcb->receive_ring) ? ELEVEN_SUB_UNREAD : 0;
	sub |= tcb->eof_read ? ELEVEN_SUB_EOF_READ : 0;
	sub |= tcb->passive ? ELEVEN_SUB_PASSIVE : 0;
	sub |= tcb->kind == KIND_SYN_RECEIVED ? ELEVEN_SUB_REQUEST : 0;
	sub |= synchronized(tcb) && tcb->state != TCP_TIME_WAIT && tcb->snd.wnd == 0 ? ELEVEN_SUB_ZERO_WINDOW : 0;
	sub |= tcb->episode.phase != EPISODE_OPEN ? ELEVEN_SUB_RECOVERY : 0;
	sub |= tcb->state == TCP_CLOSED && tcb->bound ? ELEVEN_SUB_BOUND : 0;
	sub |= tcb->timestamps ? ELEVEN_SUB_TIMESTAMPS : 0;
	sub |= tcb->sack ? ELEVEN_SUB_SACK : 0;
	sub |= tcb->window_scale ? ELEVEN_SUB_WINDOW_SCALE : 0;
	sub |= auth_option_room(tcp, tcb) ? ELEVEN_SUB_SIGNED : 0;
	sub |= ecn_on(&tcb->ecn) ? ELEVEN_SUB_ECN : 0;
	sub |= tcb->ecn.seen ? ELEVEN_SUB_ECN_SEEN : 0;
	sub |= tcb->read_shut ? ELEVEN_SUB_READ_SHUT : 0;
	sub |= tcb->syn_text_taken ? ELEVEN_SUB_SYN_TEXT : 0;
	sub |= tcb->state == TCP_SYN_SENT && tcb->fast_open_waits ? ELEVEN_SUB_SYN_WAITS : 0;
	return sub;
}

static void status_sequence(const struct tcp *tcp, const struct tcb *tcb, struct eleven_status *s)
{
	s->iss = tcb->snd.iss.value;
	s->irs = tcb->rcv.irs.value;
	s->snd_una = tcb->snd.una.value;
	s->snd_nxt = tcb->snd.nxt.value;
	s->snd_max = tcb->snd.max.value;
	s->rcv_nxt = tcb->rcv.nxt.value;
	s->snd_wnd = tcb->snd.wnd;
	s->rcv_wnd = rcv_wnd(tcb);
	s->send_buffer = tcb->send_buffer;
	s->receive_buffer = tcb->receive_buffer;
	s->mss_send = tcb->snd.mss;
	s->mss_receive = tcb->rcv.mss ? tcb->rcv.mss : options_mss_offer(tcp, tcb);
	s->snd_wscale = tcb->snd.wscale;
	s->rcv_wscale = tcb->rcv.wscale;
	s->dup_acks = tcb->episode.dup_acks;
	s->cwnd = tcb->cc.cwnd;
	s->ssthresh = tcb->cc.ssthresh;
	s->flight = recovery_sacks(tcb) || tcb->episode.renos ? pipe_bytes(tcb)
							      : seq_distance(tcb->snd.max, tcb->snd.una);
	s->rto = tcb->rtt.rto_ns;
	s->srtt = tcb->rtt.srtt_ns;
	s->rttvar = tcb->rtt.rttvar_ns;
	s->min_rtt = tcb->rtt.min_ns;
}

static void status_recovery(const struct tcp *tcp, const struct tcb *tcb, struct eleven_status *s)
{
	struct pace pace = pace_of(tcp, tcb);

	s->sacked = tcb->sb.sacked_bytes;
	s->lost = tcb->sb.lost_bytes;
	s->resent = tcb->sb.again_bytes;
	s->delivered = tcb->delivered;
	s->pacing_rate = pacer_rate(&pace);
	s->congestion = synchronized(tcb) ? tcb->cc.kind : tcb->congestion;
	s->phase = tcb->episode.phase != EPISODE_OPEN ? tcb->episode.phase : tcb->ecn.answering ? 3 : 0;
	s->undos = tcb->episode.undos;
	s->ecn_reductions = tcb->ecn.reductions;
	s->reordering = tcb->detector.degree;
	s->reorderings = tcb->detector.reorderings;
	s->dsacks = tcb->detector.dsacks;
}

static void status_counters(const struct tcb *tcb, struct eleven_status *s)
{
	s->last_received = tcb->last_received;
	s->last_sent = tcb->last_sent;
	s->last_ack_received = tcb->last_ack_received;
	s->segments_in = tcb->segments_in;
	s->segments_out = tcb->segments_out;
	s->bytes_in = tcb->bytes_in;
	s->bytes_out = tcb->bytes_out;
	s->retransmitted_segments = tcb->retransmitted_segments;
	s->retransmitted_bytes = tcb->retransmitted_bytes;
	s->drops = tcb->drops;
}

static void endpoint_fill(struct eleven_endpoint *e, const struct address *address, uint16_t port)
{
	memcpy(e->address.bytes, address->bytes, sizeof(e->address.bytes));
	e->port = port;
}

static void status_fill(const struct tcp *tcp, const struct tcb *tcb, struct eleven_status *s)
{
	const struct ranges *ranges = reassembly_of(tcp, tcb);

	memset(s, 0, sizeof(*s));
	s->connection = tcb_handle(tcp, tcb);
	s->user = tcb->user;
	endpoint_fill(&s->local, &tcb->tuple.local, tcb->tuple.local_port);
	endpoint_fill(&s->remote, &tcb->tuple.remote, tcb->tuple.remote_port);
	s->state = tcb->state;
	s->previous_state = tcb->previous_state;
	s->interface = tcb->interface;
	s->sub = sub_states(tcp, tcb);
	s->error = tcb->error;
	s->soft_error = tcb->soft_error;
	s->tos = tcb->tos;
	s->tos_received = tcb->tos_received;
	s->user_timeout = tcb->user_timeout;
	s->rule = tcb->rule;
	s->last_rule = tcb->last_rule;
	s->since = tcb->since;
	s->opened = tcb->opened;
	s->timer = (uint8_t)timer_next(tcb, &s->timer_deadline);
	s->timer_count = s->timer == ELEVEN_TIMER_KEEPALIVE ? tcb->keepalives : tcb->retries;
	if (tcb->state == TCP_LISTEN) {
		s->receive_queue = tcb->queue_count;
		s->send_queue = tcb->backlog;
		s->syn_backlog_full = tcb->queue_count > tcb->backlog;
	} else {
		s->receive_queue = ring_used(&tcb->receive_ring);
		s->send_queue = ring_used(&tcb->send_ring) + (tcb->fin_queued && !tcb->fin_acked);
		s->unsent = unsent(tcb);
	}
	s->out_of_order = ranges ? ranges_bytes(ranges) : 0;
	if (tcb->urgent_in && seq_gt(tcb->rcv.up, rcv_taken(tcb)))
		s->urgent = seq_distance(tcb->rcv.up, rcv_taken(tcb));
	status_sequence(tcp, tcb, s);
	status_recovery(tcp, tcb, s);
	status_counters(tcb, s);
}

int tcp_status(const struct tcp *tcp, eleven_handle handle, struct eleven_status *status)
{
	const struct tcb *tcb = tcb_of(tcp, handle);

	if (tcb == NULL)
		return -EBADF;
	status_fill(tcp, tcb, status);
	return 0;
}

static eleven_handle record_handle(uint8_t generation, enum kind kind, uint32_t index)
{
	return (uint64_t)generation << 32 | reference(kind, index);
}

/* The cursor counts through the three pools, one behind the other. */
bool tcp_status_next(const struct tcp *tcp, uint64_t *cursor, struct eleven_status *status)
{
	struct tcp *whole = (struct tcp *)tcp;  /* unfolding reads only */
	struct tcb side;

	for (; *cursor < tcp->tcbs.touched; ++*cursor) {
		const struct tcb *tcb = tcb_at(tcp, (uint32_t)*cursor);

		if (tcb->kind != KIND_TCB)
			continue;
		status_fill(tcp, tcb, status);
		++*cursor;
		return true;
	}
	for (uint64_t base = tcp->tcbs.touched; *cursor - base < tcp->syn_received.touched; ++*cursor) {
		const struct syn_received *record = pool_at(&tcp->syn_received, (uint32_t)(*cursor - base));

		if (record->kind != KIND_SYN_RECEIVED)
			continue;
		syn_received_unfold(whole, record, &side);
		status_fill(tcp, &side, status);
		status->connection = record_handle(record->generation, KIND_SYN_RECEIVED, (uint32_t)(*cursor - base));
		status->timer = ELEVEN_TIMER_SYN;
		status->timer_deadline = record->timer.deadline_ns;
		++*cursor;
		return true;
	}
	for (uint64_t base = (uint64_t)tcp->tcbs.touched + tcp->syn_received.touched;
	     *cursor - base < tcp->time_wait.touched; ++*cursor) {
		const struct time_wait *record = pool_at(&tcp->time_wait, (uint32_t)(*cursor - base));

		if (record->kind != KIND_TIME_WAIT)
			continue;
		time_wait_unfold(whole, record, &side);
		status_fill(tcp, &side, status);
		status->connection = record_handle(record->generation, KIND_TIME_WAIT, (uint32_t)(*cursor - base));
		++*cursor;
		return true;
	}
	return false;
}

void tcp_stats(const struct tcp *tcp, struct eleven_stats *stats)
{
	stats->segments_in = tcp->segments_in;
	stats->segments_out = tcp->segments_out;
	stats->active_opens = tcp->active_opens;
	stats->passive_opens = tcp->passive_opens;
	stats->attempt_fails = tcp->attempt_fails;
	stats->resets_received = tcp->resets_received;
	stats->resets_sent = tcp->resets_sent;
	stats->retransmitted_segments = tcp->retransmitted_segments;
	stats->bytes_in = tcp->bytes_in;
	stats->bytes_out = tcp->bytes_out;
	stats->steps = tcp->steps + tcp->sent.steps;
	stats->connections = tcp->tcbs.used;
	stats->syn_received = tcp->syn_received.used;
	stats->time_wait = tcp->time_wait.used - tcp->time_wait_names;
	stats->buffer_bytes_used = buffers_used_bytes(&tcp->buffers);
	stats->buffer_bytes = tcp->config.buffer_bytes;
	for (uint32_t i = 0; i < tcp->tcbs.touched; i++)
		if (tcb_at(tcp, i)->kind == KIND_TCB)
			stats->states[tcb_at(tcp, i)->state]++;
	stats->states[ELEVEN_SYN_RECEIVED] += tcp->syn_received.used;
	stats->states[ELEVEN_TIME_WAIT] += stats->time_wait;
}
