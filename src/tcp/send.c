/* SPDX-License-Identifier: MIT */
/*
 * What may be sent now (§3.7.4, §3.8.6.2.1): windows, Nagle, the sender's side of SWS avoidance,
 * limited transmit (RFC 3042), and when to probe.  Decides; output.c emits.
 */
#include "tcp/burst.h"
#include "tcp/connection.h"
#include "tcp/options.h"
#include "tcp/output.h"
#include "tcp/recovery.h"
#include "tcp/timer.h"

#define CORK_NS MS(200)                 /* tcp(7): the ceiling of TCP_CORK */
#define SEND_LIMIT_LEAST (128u << 10)   /* so much may wait whatever cwnd is */

/* Room in the peer's window behind SND.NXT. */
static uint32_t window_room(const struct tcb *tcb)
{
	uint32_t text = flight(tcb) - syn_unacked(tcb);

	return tcb->snd.wnd > text ? tcb->snd.wnd - text : 0;
}

/* Room in the congestion window, old text and new. */
static uint32_t cwnd_room(const struct tcb *tcb)
{
	if (tcb->ecn.waiting)
		return 0;               /* for the retransmission timer (ecn.h) */
	uint32_t window = tcb->cc.cwnd + (uint32_t)tcb->limited_transmit * tcb->snd.mss;
	uint32_t pipe = pipe_bytes(tcb) - syn_unacked(tcb);

	return window > pipe ? window - pipe : 0;
}

/* SEG.LEN of what may be sent from SND.NXT on, by both windows. */
static uint32_t usable(const struct tcb *tcb)
{
	return min_u32(window_room(tcb), cwnd_room(tcb));
}

/* A burst of the pacer's; all when it is off. */
static uint32_t pacer_burst_bytes(const struct tcp *tcp, const struct tcb *tcb)
{
	struct pace pace = pace_of(tcp, tcb);

	return pacer_on(&pace) ? pacer_burst(&pace) : UINT32_MAX;
}

/* The pacer: not yet, and when. */
static bool paced_out(struct tcp *tcp, struct tcb *tcb)
{
	struct pace pace = pace_of(tcp, tcb);

	if (pacer_open(&tcb->pacer, &pace, tcp->now))
		return false;
	if (tcb->deadline[SLOT_PACING] == TIME_NEVER)
		timer_arm(tcp, tcb, SLOT_PACING, pacer_wake(&tcb->pacer, &pace));
	tcb->cwnd_bound = true;
	tcb->cwnd_bound_to = tcb->snd.nxt;
	return true;
}

/* Most text that the link cuts into segments: not what is signed, for each has its own signature. */
static uint32_t link_cuts(const struct tcp *tcp, const struct tcb *tcb)
{
	return tcb->auth ? 0 : tcp->interface[tcb->interface].segment_bytes_max;
}

/* A large segment for the link to cut: whole segments, unless it is the last of the text. */
static uint32_t big_segment(const struct tcp *tcp, struct tcb *tcb, uint32_t bytes)
{
	uint32_t most = link_cuts(tcp, tcb);
	uint32_t mss = options_mss_now(tcp, tcb);

	if (most <= mss || bytes <= mss || ecn_cwr_due(tcb))
		return min_u32(bytes, mss);
	bytes = min_u32(bytes, max_u32(min_u32(most, pacer_burst_bytes(tcp, tcb)), mss));
	return bytes == unsent(tcb) ? bytes : bytes - bytes % mss;
}

/* May a segment that is not full go (§3.8.6.2.1 rules 2 to 4)? */
static bool short_segment_allowed(const struct tcp *tcp, const struct tcb *tcb, uint32_t bytes, uint32_t waiting)
{
	bool all = bytes == waiting;
	bool idle = flight(tcb) == syn_unacked(tcb);

	bool small_out = seq_gt(tcb->snd.small, tcb->snd.una) && seq_le(tcb->snd.small, tcb->snd.nxt);

	if (tcb->want.override || seq_lt(tcb->snd.nxt, tcb->snd.max))
		return true;            /* it was held back long enough, or was sent before */
	if (all && tcb->fin_queued)
		return true;            /* nothing can come to fill it up */
	if (all && (tcb->cork || tcb->more))
		return false;
	if (all && (idle || tcb->nodelay || (tcp->config.nagle_minshall && !small_out)))
		return true;
	return bytes >= tcb->snd.wnd_max / 2 && !(tcb->cork || tcb->more);
}

/* Something waits and may not go: what will move it? */
static void hold_back(struct tcp *tcp, struct tcb *tcb)
{
	bool window_full = tcb->snd.wnd <= flight(tcb);

	if (!window_full && (tcb->cork || tcb->more)) {
		if (tcb->deadline[SLOT_CORK] == TIME_NEVER)
			timer_arm(tcp, tcb, SLOT_CORK, tcp->now + (tcp->config.cork_rto ? tcb->rtt.rto_ns : CORK_NS));
	} else if (flight(tcb) == 0) {
		timer_persist(tcp, tcb);
	}
}

/* RFC 5681 §4.1, RFC 7661 is another matter: after an idle time the window says nothing any more. */
static void restart_after_idle(struct tcp *tcp, struct tcb *tcb)
{
	if (!tcp->config.idle_restart || flight(tcb) != 0 || tcb->last_sent == 0 ||
	    tcp->now - tcb->last_sent <= tcb->rtt.rto_ns)
		return;
	if (tcb->cc.cwnd <= tcp->config.initial_window * tcb->snd.mss)
		return;
	rule(tcp, tcb, IDLE_RESTART);
	controller_idle(&tcb->cc, tcb->snd.mss, (uint32_t)tcp->config.initial_window);
}

static void chunk_finish(const struct tcb *tcb, struct chunk *chunk)
{
	struct seq end = seq_add(chunk->seq, chunk->text_bytes);

	/* The FIN takes a number of its own, which must be in the window. */
	chunk->fin = tcb->fin_queued && seq_eq(end, tcb->snd.end) && seq_distance(end, tcb->snd.una) < tcb->snd.wnd;
	chunk->push = chunk->text_bytes > 0 && seq_gt(tcb->snd.push, chunk->seq) && seq_le(tcb->snd.push, end);
	chunk->again = seq_lt(chunk->seq, tcb->snd.max);
}

/* The oldest segment again, of fast retransmit or the timer: windows do not count (MAY-7 not used). */
static bool retransmission(const struct tcp *tcp, struct tcb *tcb, struct chunk *chunk)
{
	uint32_t held = seq_lt(tcb->snd.una, tcb->snd.end) ? seq_distance(tcb->snd.end, tcb->snd.una) : 0;
	uint32_t sent = seq_distance(tcb->snd.max, tcb->snd.una);

	tcb->want.retransmit = false;
	if (sent == 0)
		return false;           /* all was acknowledged meanwhile */
	*chunk = (struct chunk){ .seq = tcb->snd.una };
	chunk->text_bytes = min_u32(min_u32(held, sent), options_mss_now(tcp, tcb));
	chunk_finish(tcb, chunk);
	return chunk->text_bytes > 0 || chunk->fin;
}

/* A probe of the window: one byte of text, or the FIN that waits behind it. */
static bool probe(struct tcp *tcp, struct tcb *tcb, struct chunk *chunk)
{
	tcb->want.probe = false;
	if (usable(tcb) > 0 && unsent(tcb) > 0) {
		tcb->want.override = true;      /* the window has room: what SWS avoidance held back goes */
		return false;
	}
	*chunk = (struct chunk){ .seq = tcb->snd.una };
	if (tcp->config.probe_text && seq_lt(tcb->snd.una, tcb->snd.end))
		chunk->text_bytes = 1;
	else if (!seq_lt(tcb->snd.una, tcb->snd.end) && tcb->fin_queued && !tcb->fin_acked)
		chunk->fin = true;
	else
		chunk->seq = seq_sub(tcb->snd.una, 1);
	chunk->again = seq_lt(chunk->seq, tcb->snd.max);
	chunk->probe = true;
	return true;
}

/* What was sent before, [seq, end); the FIN if it is in there. */
static void chunk_again(const struct tcb *tcb, struct chunk *chunk, struct seq seq, struct seq end)
{
	*chunk = (struct chunk){ .seq = seq, .again = true };
	chunk->fin = seq_gt(end, tcb->snd.end);
	chunk->text_bytes = seq_distance(end, seq) - chunk->fin;
	chunk->push = chunk->text_bytes > 0 && seq_gt(tcb->snd.push, seq) && seq_le(tcb->snd.push, end);
}

/* The first text that is lost, as much of it as may go in one segment. */
static bool lost_segment(struct tcp *tcp, struct tcb *tcb, struct chunk *chunk)
{
	uint32_t most, bytes, mss = options_mss_now(tcp, tcb);
	struct seq seq, end, whole;

	if (!recovery_lost(tcp, tcb, &seq, &end))
		return false;
	whole = end;
	most = cwnd_room(tcb);
	bytes = seq_distance(end, seq);
	/* Beyond the peer's window, should it have shrunk, goes only what is oldest (MAY-7 is not used). */
	if (most < min_u32(bytes, mss) ||
	    (!seq_eq(seq, tcb->snd.una) && seq_distance(end, tcb->snd.una) > tcb->snd.wnd) ||
	    paced_out(tcp, tcb))
		return false;
	if (bytes > mss) {
		most = min_u32(min_u32(most, pacer_burst_bytes(tcp, tcb)), link_cuts(tcp, tcb));
		bytes = min_u32(bytes, max_u32(most - most % mss, mss));
		end = seq_add(seq, bytes);
	}
	chunk_again(tcb, chunk, seq, end);
	if (tcp->config.push_bursts)
		chunk->push |= burst_again_ends(tcp, tcb, seq, end, whole, cwnd_room(tcb));
	return true;
}

/* TLP (RFC 8985 §7.3): a segment of new text, else the last again, whatever cwnd says. */
static bool tail_probe(struct tcp *tcp, struct tcb *tcb, struct chunk *chunk)
{
	uint32_t bytes = min_u32(min_u32(unsent(tcb), window_room(tcb)), options_mss_now(tcp, tcb));
	struct seq seq, end;

	if (bytes > 0 && !tcb->ecn.waiting) {
		*chunk = (struct chunk){ .seq = tcb->snd.nxt, .text_bytes = bytes };
		chunk_finish(tcb, chunk);
		return true;
	}
	if (!recovery_tail(tcp, tcb, &seq, &end))
		return false;
	chunk_again(tcb, chunk, seq, end);
	return true;
}

bool send_next(struct tcp *tcp, struct tcb *tcb, struct chunk *chunk)
{
	uint32_t waiting, allowed, bytes, mss;
	struct seq record;
	bool ended;

	if (tcb->state != TCP_ESTABLISHED && tcb->state != TCP_CLOSE_WAIT && tcb->state != TCP_FIN_WAIT_1 &&
	    tcb->state != TCP_CLOSING && tcb->state != TCP_LAST_ACK &&
	    !(tcb->state == TCP_SYN_RECEIVED && tcb->fast_open_child && !seq_eq(tcb->snd.nxt, tcb->snd.iss)))
		return false;
	if (tcb->want.retransmit && retransmission(tcp, tcb, chunk))
		return true;
	if (tcb->want.probe && probe(tcp, tcb, chunk))
		return true;
	if (tcb->want.tail_probe && tail_probe(tcp, tcb, chunk))
		return true;
	tcb->want.tail_probe = false;
	if (tcb->episode.frto != FRTO_NEW_TEXT && lost_segment(tcp, tcb, chunk))
		return true;
	waiting = unsent(tcb);
	/* Where the program ends a record nothing can come to fill a segment up. */
	ended = points_within(&tcb->snd.records, tcb->snd.nxt, seq_sub(tcb->snd.end, 1), &record);
	if (ended)
		waiting = seq_distance(record, tcb->snd.nxt);
	restart_after_idle(tcp, tcb);
	bytes = allowed = min_u32(waiting, usable(tcb));
	*chunk = (struct chunk){ .seq = tcb->snd.nxt };
	if (waiting == 0) {
		if (!tcb->fin_queued || !seq_eq(tcb->snd.nxt, tcb->snd.end))
			return false;
		chunk_finish(tcb, chunk);       /* a FIN alone: cwnd does not hold it back */
		if (!chunk->fin)
			hold_back(tcp, tcb);
		return chunk->fin;
	}
	mss = options_mss_now(tcp, tcb);
	bytes = big_segment(tcp, tcb, bytes);
	if (bytes < mss && bytes < waiting && cwnd_room(tcb) < window_room(tcb)) {
		tcb->cwnd_bound = true;
		tcb->cwnd_bound_to = tcb->snd.nxt;
	}
	if (bytes < mss && (bytes == 0 || !((ended && bytes == waiting) ||
					    short_segment_allowed(tcp, tcb, bytes, waiting)))) {
		hold_back(tcp, tcb);
		return false;
	}
	if (paced_out(tcp, tcb))
		return false;
	if (bytes < waiting && bytes > mss)
		bytes -= bytes % mss;
	chunk->text_bytes = bytes;
	chunk_finish(tcb, chunk);
	chunk->push |= ended && bytes == waiting;
	if (tcp->config.push_bursts && !chunk->again)
		chunk->push |= burst_ends(tcp, tcb, chunk->seq, bytes, allowed - bytes) ||
			       (tcb->want.override && tcb->want.late && tcb->more);
	tcb->want.override = tcb->want.late = false;
	return true;
}

uint32_t send_limit(const struct tcb *tcb)
{
	if (tcb->send_buffer_given)
		return tcb->send_buffer;
	return min_u32(tcb->send_buffer, max_u32(SEND_LIMIT_LEAST, 2 * min_u32(tcb->cc.cwnd, 1u << 30)));
}
