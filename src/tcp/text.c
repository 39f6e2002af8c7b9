/* SPDX-License-Identifier: MIT */
/*
 * Sixth to Eighth of §3.10.7.4: urgent pointer, segment text, FIN.
 *
 * Text goes straight to its place in the receive ring, also when something before it is
 * missing; which places are filled is in the ranges (base/ranges.h).  When an ACK goes for it
 * is decided here too (§3.8.6.3): at once for the first segments of a connection, for every
 * second full one, for anything out of order; otherwise within the delay.
 */
#include "tcp/options.h"
#include "tcp/output.h"
#include "tcp/steps.h"
#include "tcp/timer.h"
#include "tcp/window.h"

/* Sixth, check the URG bit. */
bool sixth_check_urg(struct work *w)
{
	struct tcb *tcb = w->tcb;
	struct seq up;

	if (!w->seg.urg)
		return true;
	switch ((enum tcp_state)tcb->state) {
	case TCP_ESTABLISHED:
	case TCP_FIN_WAIT_1:
	case TCP_FIN_WAIT_2:
		up = seq_add(w->seg.seq, w->seg.urgent);
		if ((!tcb->urgent_in || seq_gt(up, tcb->rcv.up)) && seq_gt(up, rcv_taken(tcb))) {
			tcb->rcv.up = up;
			tcb->urgent_in = true;
			rule(w->tcp, tcb, URG_RECEIVED);
			tcb_signal(w->tcp, tcb, ELEVEN_SIGNAL_URGENT);
		}
		break;
	case TCP_CLOSE_WAIT:            /* cannot be: the peer's FIN was here; ignored */
	case TCP_CLOSING:
	case TCP_LAST_ACK:
	case TCP_TIME_WAIT:
	case TCP_CLOSED:
	case TCP_LISTEN:
	case TCP_SYN_SENT:
	case TCP_SYN_RECEIVED:
		break;
	}
	return true;
}

/* ---- Seventh */

/* A place for everything up to `offset` bytes behind RCV.NXT. */
static bool ring_room_for(struct tcp *tcp, struct tcb *tcb, uint32_t offset)
{
	const struct ranges *ranges = reassembly_of(tcp, tcb);
	uint32_t used = ring_used(&tcb->receive_ring);
	uint32_t need = used + offset, keep = used;

	if (need <= ring_capacity(&tcb->receive_ring))
		return true;
	if (ranges && ranges->count > 0)
		keep = used + seq_distance(ranges->at[ranges->count - 1].right, tcb->rcv.nxt);
	return ring_resize(&tcb->receive_ring, &tcp->buffers, buffers_order(&tcp->buffers, need), keep);
}

/* As much of `bytes` in order as there is memory for: a little keeps a connection going where all does not fit. */
static uint32_t ring_room_some(struct tcp *tcp, struct tcb *tcb, uint32_t bytes)
{
	if (ring_capacity(&tcb->receive_ring) > 0 && !ring_room_for(tcp, tcb, bytes))
		return min_u32(bytes, ring_free(&tcb->receive_ring));
	while (bytes > 0 && !ring_room_for(tcp, tcb, bytes))
		bytes /= 2;
	return bytes;
}

static struct ranges *reassembly_start(struct tcp *tcp, struct tcb *tcb)
{
	struct reassembly *r;

	if (tcb->reassembly != NONE)
		return reassembly_of(tcp, tcb);
	r = pool_take(&tcp->reassembly);
	if (r == NULL)
		return NULL;
	tcb->reassembly = pool_index(&tcp->reassembly, r);
	ranges_init(&r->ranges, (uint16_t)tcp->config.gaps_max);
	return &r->ranges;
}

void text_duplicate(const struct tcp *tcp, struct tcb *tcb, struct seq left, struct seq right)
{
	const struct ranges *ranges = reassembly_of(tcp, tcb);

	if (!tcb->sack || !tcp->config.dsack)
		return;
	if (seq_lt(left, tcb->rcv.nxt)) {
		tcb->rcv.dup_left = left;
		tcb->rcv.dup_right = seq_min(right, tcb->rcv.nxt);
		return;
	}
	if (ranges) {
		unsigned i = ranges_ending_behind(ranges, left);

		if (i < ranges->count && seq_lt(ranges->at[i].left, right)) {
			tcb->rcv.dup_left = seq_max(left, ranges->at[i].left);
			tcb->rcv.dup_right = seq_min(right, ranges->at[i].right);
		}
	}
}

/*
 * Text to its place in the ring, but where some is already: of two segments that say different things about a byte the
 * one that came first counts, in whatever order they lie.  Whoever watches sees what the program will see.
 */
static void text_place(const struct tcp *tcp, const struct tcb *tcb, struct seq text, const uint8_t *bytes, uint32_t n)
{
	const struct ranges *ranges = reassembly_of(tcp, tcb);
	uint32_t base = ring_used(&tcb->receive_ring), done = 0;
	struct seq end = seq_add(text, n);
	unsigned i = ranges ? ranges_ending_behind(ranges, text) : 0;

	while (done < n) {
		struct seq at = seq_add(text, done);
		bool more = ranges && i < ranges->count && seq_lt(ranges->at[i].left, end);
		struct seq until = more ? seq_max(ranges->at[i].left, at) : end;

		ring_write_at(&tcb->receive_ring, &tcp->buffers, base + seq_distance(at, tcb->rcv.nxt), bytes + done,
			      seq_distance(until, at));
		done = seq_distance(more ? seq_min(ranges->at[i].right, end) : end, text);
		i++;
	}
}

/* Text behind a gap. */
static void text_out_of_order(struct work *w, struct seq text)
{
	struct tcp *tcp = w->tcp;
	struct tcb *tcb = w->tcb;
	uint32_t offset = seq_distance(text, tcb->rcv.nxt);
	struct ranges *ranges;
	bool added;

	tcb->want.ack_now = true;       /* RFC 5681 §4.2: at once, it tells of the gap */
	if (tcb->read_shut)
		return;
	ranges = reassembly_start(tcp, tcb);
	if (ranges == NULL || !ring_room_for(tcp, tcb, offset + w->seg.text_bytes)) {
		rule(tcp, tcb, TEXT_NO_ROOM);
		if (ranges && ranges->count == 0)
			reassembly_release(tcp, tcb);
		return;
	}
	text_place(tcp, tcb, text, w->seg.text, w->seg.text_bytes);
	added = ranges_add(ranges, text, seq_add(text, w->seg.text_bytes));
	tcp->steps += ranges->steps;
	ranges->steps = 0;
	if (!added) {
		rule(tcp, tcb, TEXT_TOO_MANY_GAPS);     /* what was placed is nothing to anybody */
		return;
	}
	rule(tcp, tcb, TEXT_OUT_OF_ORDER);
}

/* RCV.NXT moves over the text that has come, and over what waited behind it. */
static void text_deliver(struct tcp *tcp, struct tcb *tcb, uint32_t bytes)
{
	struct ranges *ranges;
	struct seq_range first;
	struct seq end = seq_add(tcb->rcv.nxt, bytes);

	ranges = reassembly_of(tcp, tcb);
	if (ranges) {
		while (ranges_first(ranges, &first) && seq_le(first.left, end)) {
			end = seq_max(end, first.right);
			tcp->steps += 1 + ranges->count / 16;
			ranges_trim_left(ranges, end);
		}
		tcb->want.ack_now = true;       /* RFC 5681 §4.2: it fills a gap, or part of it */
		if (ranges->count == 0)
			reassembly_release(tcp, tcb);
	}
	bytes = seq_distance(end, tcb->rcv.nxt);
	ring_commit(&tcb->receive_ring, bytes);
	tcb->rcv.nxt = end;
	tcb->bytes_in += bytes;
	tcp->bytes_in += bytes;
}

/* Has so much come since the last ACK that the next may not wait? */
static bool ack_due(const struct eleven_config *config, const struct tcb *tcb, uint32_t unacked)
{
	if (config->ack_above_one && unacked > tcb->rcv.mss_seen)
		return true;
	return config->ack_segments > 0 && unacked >= config->ack_segments * tcb->rcv.mss_seen;
}

void text_keep_early(struct tcp *tcp, struct tcb *tcb, const struct segment *seg)
{
	uint32_t bytes = min_u32(seg->text_bytes, rcv_wnd(tcb));
	struct seq text = segment_text_seq(seg);

	if (bytes > 0) {
		struct ranges *ranges = reassembly_start(tcp, tcb);

		if (ranges == NULL)
			return;
		if (!ring_room_for(tcp, tcb, bytes) || !ranges_add(ranges, text, seq_add(text, bytes))) {
			reassembly_release(tcp, tcb);
			return;
		}
		ring_write_at(&tcb->receive_ring, &tcp->buffers, 0, seg->text, bytes);
	}
	if (seg->fin && bytes == seg->text_bytes) {
		tcb->fin_seen = true;
		tcb->rcv.fin = segment_fin_seq(seg);
	}
}

void text_early_due(struct work *w)
{
	struct tcb *tcb = w->tcb;

	if (tcb->reassembly == NONE)
		return;
	text_deliver(w->tcp, tcb, 0);
	tcb->last_received = w->tcp->now;
	tcb_signal(w->tcp, tcb, ELEVEN_SIGNAL_RECEIVE);
	segment_trim(w->tcp, tcb, &w->seg);     /* that may bring it once more */
}

/* §3.8.6.3: when the ACK of what has just been delivered goes. */
static void ack_policy(struct work *w)
{
	struct tcb *tcb = w->tcb;
	uint32_t full = w->segment_bytes ? w->segment_bytes : w->seg.text_bytes;
	uint32_t unacked = seq_distance(tcb->rcv.nxt, tcb->rcv.acked);

	if (full > tcb->rcv.mss_seen)
		tcb->rcv.mss_seen = (uint16_t)min_u32(full, 65535);
	if (tcb->want.ack_now)
		return;
	if (ack_due(&w->tcp->config, tcb, unacked) || tcb->quick_ack || w->tcp->config.delayed_ack == 0 ||
	    (tcb->quick_acks > 0 && !tcb->interactive)) {
		tcb->want.ack_now = true;
		return;
	}
	if (tcb->deadline[SLOT_DELAYED_ACK] == TIME_NEVER)
		timer_arm(w->tcp, tcb, SLOT_DELAYED_ACK, w->tcp->now + w->tcp->config.delayed_ack);
}

static void text_in_order(struct work *w)
{
	struct tcp *tcp = w->tcp;
	struct tcb *tcb = w->tcb;
	uint32_t bytes = w->seg.text_bytes;

	if (tcb->read_shut) {
		rule(tcp, tcb, TEXT_THROWN_AWAY);
		tcb->rcv.nxt = seq_add(tcb->rcv.nxt, bytes);
	} else {
		bytes = ring_room_some(tcp, tcb, bytes);
		if (bytes < w->seg.text_bytes) {
			rule(tcp, tcb, TEXT_NO_ROOM);
			tcb->want.ack_now = true;
			w->seg.fin = false;
		}
		if (bytes == 0)
			return;
		text_place(tcp, tcb, tcb->rcv.nxt, w->seg.text, bytes);
		text_deliver(tcp, tcb, bytes);
		tcb_signal(tcp, tcb, ELEVEN_SIGNAL_RECEIVE);
	}
	tcb->last_received = tcp->now;
	ack_policy(w);
}

/* Text for a connection whose program is gone for good (§3.6.1, SHLD-3). */
static bool text_after_close(struct work *w)
{
	struct tcb *tcb = w->tcb;

	if (tcb->held || tcb->queued || seq_le(segment_end(&w->seg), tcb->rcv.nxt))
		return false;
	output_reset_at(w->tcp, tcb, w->seg.ack);       /* as CLOSED answers: nobody is here any more */
	tcb_closed(w->tcp, tcb, RULE_TEXT_AFTER_CLOSE, 0);
	return true;
}

/* Seventh, process the segment text. */
bool seventh_process_text(struct work *w)
{
	struct tcb *tcb = w->tcb;
	struct segment *seg = &w->seg;
	struct seq text = segment_text_seq(seg);

	if (seg->text_bytes == 0) {
		if (w->had_text && !tcb->want.ack_now && tcb->state != TCP_CLOSE_WAIT) {
			rule(w->tcp, tcb, TEXT_DUPLICATE);
			tcb->want.ack_now = true;
		}
		return true;
	}
	switch ((enum tcp_state)tcb->state) {
	case TCP_ESTABLISHED:
	case TCP_FIN_WAIT_1:
	case TCP_FIN_WAIT_2:
		break;
	case TCP_CLOSE_WAIT:
	case TCP_CLOSING:
	case TCP_LAST_ACK:
	case TCP_TIME_WAIT:             /* cannot be: the peer's FIN was here */
		rule(w->tcp, tcb, TEXT_AFTER_FIN);
		return true;
	case TCP_CLOSED:
	case TCP_LISTEN:
	case TCP_SYN_SENT:
	case TCP_SYN_RECEIVED:
		CHECK(!"a state of the other functions");
	}
	if (tcb->fin_seen && seq_gt(seq_add(text, seg->text_bytes), tcb->rcv.fin)) {
		rule(w->tcp, tcb, TEXT_AFTER_FIN);
		seg->text_bytes = seq_lt(text, tcb->rcv.fin) ? seq_distance(tcb->rcv.fin, text) : 0;
		if (seg->text_bytes == 0)
			return true;
	}
	if (text_after_close(w))
		return false;
	ecn_text_arrived(w);
	if (seq_eq(text, tcb->rcv.nxt))
		text_in_order(w);
	else
		text_out_of_order(w, text);
	return true;
}

/* Text that came from beyond the FIN is none. */
static void nothing_behind_fin(struct tcp *tcp, struct tcb *tcb)
{
	struct ranges *ranges = reassembly_of(tcp, tcb);

	if (ranges == NULL)
		return;
	ranges_trim_right(ranges, tcb->rcv.fin);
	if (ranges->count == 0)
		reassembly_release(tcp, tcb);
}

/* Eighth, check the FIN bit. */
bool eighth_check_fin(struct work *w)
{
	struct tcp *tcp = w->tcp;
	struct tcb *tcb = w->tcb;

	if (w->seg.fin && !tcb->fin_seen) {
		tcb->fin_seen = true;
		tcb->rcv.fin = segment_fin_seq(&w->seg);
		nothing_behind_fin(tcp, tcb);
		if (!seq_eq(tcb->rcv.fin, tcb->rcv.nxt)) {
			rule(tcp, tcb, FIN_OUT_OF_ORDER);
			tcb->want.ack_now = true;
		}
	}
	if (!tcb->fin_seen || tcb->fin_received || !seq_eq(tcb->rcv.fin, tcb->rcv.nxt))
		return true;            /* not yet: text before it is missing */
	tcb->rcv.nxt = seq_add(tcb->rcv.nxt, 1);
	tcb->rcv.edge = seq_max(tcb->rcv.edge, tcb->rcv.nxt);
	if (tcp->config.profile != ELEVEN_LINUX)
		tcb->rcv.edge = seq_add(tcb->rcv.edge, 1);      /* a FIN takes no room */
	tcb->fin_received = true;
	tcb->want.ack_now = true;
	if (tcp->config.profile == ELEVEN_LINUX)
		tcb->rcv.dup_left = tcb->rcv.dup_right;         /* it forgets all of SACK then */
	tcb_signal(tcp, tcb, ELEVEN_SIGNAL_CLOSING);
	switch ((enum tcp_state)tcb->state) {
	case TCP_ESTABLISHED:
		tcb_set_state(tcp, tcb, TCP_CLOSE_WAIT, RULE_FIN_CLOSE_WAIT);
		break;
	case TCP_FIN_WAIT_1:            /* our FIN is not acknowledged, else Fifth had gone to FIN-WAIT-2 */
		tcb_set_state(tcp, tcb, TCP_CLOSING, RULE_FIN_CLOSING);
		break;
	case TCP_FIN_WAIT_2:
		tcb_set_state(tcp, tcb, TCP_TIME_WAIT, RULE_FIN_TIME_WAIT);
		break;
	case TCP_CLOSE_WAIT:            /* of these four the FIN was received before */
	case TCP_CLOSING:
	case TCP_LAST_ACK:
	case TCP_TIME_WAIT:
	case TCP_CLOSED:
	case TCP_LISTEN:
	case TCP_SYN_SENT:
	case TCP_SYN_RECEIVED:
		CHECK(!"a FIN in a state that cannot have one");
	}
	return true;
}
