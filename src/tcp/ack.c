/* SPDX-License-Identifier: MIT */
/*
 * Fifth in the synchronized states: what an ACK does (§3.10.7.4, RFC 5961 §5, RFC 5681 §3.2,
 * RFC 6298 §5) - SND.UNA, the send ring, RTT, congestion control, the send window.
 */
#include "tcp/accurate.h"
#include "tcp/options.h"
#include "tcp/output.h"
#include "tcp/recovery.h"
#include "tcp/steps.h"
#include "tcp/timer.h"
#include "tcp/window.h"

#define RTO_AFTER_SYN_LOSS_NS SEC(3)    /* RFC 6298 §5.7: the path is slower than was thought */

static struct rtt_bounds bounds_of(const struct tcp *tcp)
{
	return (struct rtt_bounds){ tcp->config.rto_initial, tcp->config.rto_least, tcp->config.rto_most,
				    tcp->config.rto_margin_least };
}

/* RFC 6298 §3: the timed segment, never one sent again (Karn); else its echo. */
static void rtt_measure(struct tcp *tcp, struct tcb *tcb, const struct segment *seg)
{
	struct rtt_bounds bounds = bounds_of(tcp);

	if (recovery_sacks(tcb) && tcb->retries == 0)
		return;                 /* measured from the records, in recovery.c */
	if (tcb->timing && seq_gt(seg->ack, tcb->rtt.timed_seq)) {
		tcb->timing = false;
		rtt_sample(&tcb->rtt, tcp->now - tcb->rtt.timed_at_ns, &bounds);
	} else if (tcb->retries > 0 && tcb->timestamps && seg->options.has_timestamps && seg->options.tsecr != 0) {
		uint32_t ms = timestamp_now(tcp, tcb) - seg->options.tsecr;

		if (ms < 600000)        /* an echo of something we never sent tells nothing */
			rtt_sample(&tcb->rtt, MS(ms + 1), &bounds);
	}
}

void connection_established(struct tcp *tcp, struct tcb *tcb)
{
	struct rtt_bounds bounds = bounds_of(tcp);

	if (tcb->timing && tcb->retries == 0)
		rtt_sample(&tcb->rtt, tcp->now - tcb->rtt.timed_at_ns, &bounds);
	else if (tcb->retries > 0 && tcb->rtt.rto_ns < RTO_AFTER_SYN_LOSS_NS)
		tcb->rtt.rto_ns = RTO_AFTER_SYN_LOSS_NS;
	tcb->timing = false;
	options_mss_update(tcp, tcb);
	tcb->rcv.mss = options_mss_offer(tcp, tcb);
	window_established(tcb);
	tcb->last_ack_received = tcb->last_heard = tcp->now;
	tcb->snd.nxt = seq_max(tcb->snd.nxt, seq_add(tcb->snd.iss, 1));
	tcb->snd.max = seq_max(tcb->snd.max, tcb->snd.nxt);
	if (!tcb->fast_open_child)              /* whose recovery began with its SYN */
		recovery_begin(tcp, tcb);
	timer_acked(tcp, tcb);
}

/*
 * How far back an ACK may lie: RFC 5961 §5.2 has MAX.SND.WND, but no further than what was ever acknowledged, or a peer
 * with a large scale could inject with one guess in four (CVE-2023-52881).
 */
static uint32_t ack_reach(const struct tcb *tcb)
{
	uint32_t acked = seq_distance(tcb->snd.una, seq_add(tcb->snd.iss, 1));

	return tcb->bytes_out < UINT32_MAX / 2 ? min_u32(acked, tcb->snd.wnd_max) : tcb->snd.wnd_max;
}

/* RFC 5961 §5.2, and an ACK of what was never sent. */
static bool ack_in_range(struct work *w)
{
	struct tcb *tcb = w->tcb;
	struct seq oldest = seq_sub(tcb->snd.una, ack_reach(tcb));

	if (seq_within(w->seg.ack, oldest, seq_distance(tcb->snd.max, oldest) + 1))
		return true;
	if (seq_gt(w->seg.ack, tcb->snd.max)) {
		rule(w->tcp, tcb, ACK_FUTURE);
		if (w->seg.text_bytes > 0) {
			tcb->want.ack_now = true;
			return false;
		}
	} else {
		rule(w->tcp, tcb, ACK_TOO_OLD);
	}
	output_challenge(w->tcp, tcb);
	return false;
}

/* SND.UNA < SEG.ACK =< SND.NXT. */
static void ack_advance(struct work *w)
{
	struct tcp *tcp = w->tcp;
	struct tcb *tcb = w->tcb;
	uint32_t acked = seq_distance(w->seg.ack, tcb->snd.una);
	struct rtt_bounds bounds = bounds_of(tcp);
	uint32_t text = acked;

	if (tcb->fin_sent && seq_gt(w->seg.ack, tcb->snd.end)) {
		tcb->fin_acked = true;
		text--;
	}
	rtt_measure(tcp, tcb, &w->seg);
	rtt_backoff_end(&tcb->rtt, &bounds);
	ring_consume(&tcb->send_ring, text);
	tcb->progress = true;
	tcb->snd.una = w->seg.ack;
	tcb->snd.nxt = seq_max(tcb->snd.nxt, tcb->snd.una);
	if (tcb->urgent_out && seq_ge(tcb->snd.una, tcb->snd.up))
		tcb->urgent_out = false;
	timer_acked(tcp, tcb);
	if (ring_used(&tcb->send_ring) == 0)
		ring_release(&tcb->send_ring, &tcp->buffers);
	if (tcb->send_starved && ring_used(&tcb->send_ring) <= send_limit(tcb) - send_limit(tcb) / 3) {
		tcb->send_starved = false;
		tcb_signal(tcp, tcb, ELEVEN_SIGNAL_SEND);
	}
	if (seq_ge(tcb->snd.una, tcb->snd.end) && (!tcb->fin_queued || tcb->fin_acked))
		tcb_signal(tcp, tcb, ELEVEN_SIGNAL_ACKED);
}

/* RFC 5681 §2: the five conditions of a duplicate. */
static bool ack_is_duplicate(const struct work *w)
{
	const struct tcb *tcb = w->tcb;

	return !tcb->persisting && !w->had_text && seq_eq(w->seg.ack, tcb->snd.una) &&
	       seq_lt(tcb->snd.una, tcb->snd.max) && !w->seg.fin && !w->seg.syn && w->window == tcb->snd.wnd;
}

/*
 * The send window, from segments in their order (§3.10.7.4 Fifth, SND.WL1 and SND.WL2).  SND.WND counts from
 * SND.UNA, so an ACK that moves SND.UNA brings its window along even if a later segment was here before it: else the
 * right edge would move by what was acknowledged, beyond what was offered.
 */
static void window_update(const struct work *w, bool advanced)
{
	struct tcb *tcb = w->tcb;
	const struct segment *seg = &w->seg;
	struct rtt_bounds bounds = bounds_of(w->tcp);
	bool newer = seq_lt(tcb->snd.wl1, seg->seq) ||
		     (seq_eq(tcb->snd.wl1, seg->seq) && seq_le(tcb->snd.wl2, seg->ack));

	if (!newer && !advanced)
		return;
	tcb->snd.wnd = w->window;
	tcb->snd.wnd_max = max_u32(tcb->snd.wnd_max, tcb->snd.wnd);
	tcb->snd.wl1 = seq_max(tcb->snd.wl1, seg->seq);
	tcb->snd.wl2 = seg->ack;
	if (tcb->persisting && tcb->snd.wnd > flight(tcb)) {
		tcb->persisting = false;        /* room again: no need to probe */
		timer_disarm(tcb, SLOT_RETRANSMISSION);
		tcb->retries = 0;
		rtt_backoff_end(&tcb->rtt, &bounds);
	}
}

/* The program closed in SYN-RECEIVED: the ACK that would have made it ESTABLISHED comes in a later state. */
static void syn_acked_late(struct work *w)
{
	struct tcb *tcb = w->tcb;

	tcb->snd.wnd = w->window;
	tcb->snd.wnd_max = max_u32(tcb->snd.wnd_max, tcb->snd.wnd);
	tcb->snd.wl1 = w->seg.seq;
	tcb->snd.wl2 = w->seg.ack;
	tcb->snd.una = seq_add(tcb->snd.iss, 1);
	connection_established(w->tcp, tcb);
	text_early_due(w);
	tcb_signal(w->tcp, tcb, ELEVEN_SIGNAL_CONNECTED);
}

/* Of what an ACK delivers: whole segments, unless the peer counts bytes. */
static uint32_t marked_bytes(const struct tcb *tcb, const struct heard *heard)
{
	return heard->ce_bytes != UINT32_MAX ? heard->ce_bytes : heard->marks * tcb->snd.mss;
}

bool ack_process(struct work *w)
{
	struct tcp *tcp = w->tcp;
	struct tcb *tcb = w->tcb;
	struct heard heard = { .ce_bytes = UINT32_MAX };
	uint64_t delivered;
	bool advanced;

	if (!ack_in_range(w))
		return false;
	if (syn_unacked(tcb))
		syn_acked_late(w);
	advanced = ack_is_new(tcb, w->seg.ack);
	heard.in_flight = flight(tcb);
	heard.sacked = tcb->sb.sacked_bytes;
	heard.acked = advanced ? seq_distance(w->seg.ack, tcb->snd.una) : 0;
	if (tcb->ecn.mode == ECN_ACCURATE)
		accurate_feedback(w, &heard);
	else
		heard.marked = w->seg.ece && tcb->ecn.mode == ECN_ON && seq_ge(w->seg.ack, tcb->snd.una);
	tcb->last_ack_received = tcp->now;
	if (tcb->persisting || tcb->snd.wnd == 0)
		tcb->retries = 0;       /* it answers, so it lives: never given up (MUST-37) */
	if (advanced) {
		ack_advance(w);
	} else {
		heard.duplicate = ack_is_duplicate(w);
	}
	ecn_ack_begins(tcb, &heard);
	delivered = tcb->delivered;
	recovery_ack(w, &heard);
	delivered = recovery_sacks(tcb) ? tcb->delivered - delivered : heard.acked;
	controller_delivered(&tcb->cc, (uint32_t)delivered, marked_bytes(tcb, &heard),
			     tcb->ecn.mode != ECN_ON, tcb->snd.una, tcb->snd.nxt);
	ecn_ack(w, &heard);
	tcb->probe_refused = !advanced && seq_eq(w->seg.ack, tcb->snd.una);
	if (seq_ge(w->seg.ack, tcb->snd.una))
		window_update(w, advanced);
	return true;
}
