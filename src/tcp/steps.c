/* SPDX-License-Identifier: MIT */
/*
 * First to Fifth of §3.10.7.4, with PAWS (RFC 7323 §5.3) before them and the checks of
 * RFC 5961.  Each answers "go on?"; a step that ended the connection says no.
 */
#include "tcp/steps.h"

#include <errno.h>

#include "tcp/options.h"
#include "tcp/output.h"
#include "tcp/timer.h"

#define TS_RECENT_LIFE_NS SEC(24ull * 86400)    /* RFC 7323 §5.5: 24 days */

/* An ACK for a segment that is dropped; one without text is not answered too often. */
static void answer_dropped(struct work *w)
{
	if (w->seg.text_bytes > 0 || w->seg.fin)
		w->tcb->want.ack_now = true;
	else
		output_challenge(w->tcp, w->tcb);
}

/* RFC 7323 §5.3 R1. */
static bool check_timestamps(struct work *w)
{
	struct tcb *tcb = w->tcb;
	const struct tcp_options *o = &w->seg.options;

	if (!tcb->timestamps || w->seg.rst)
		return true;
	if (!o->has_timestamps) {
		if (!w->tcp->config.timestamps_required)
			return true;
		rule(w->tcp, tcb, TIMESTAMP_MISSING);
		return false;
	}
	if (!seq_lt(seq_of(o->tsval), seq_of(tcb->ts.recent)) || w->tcp->now - tcb->ts.recent_at > TS_RECENT_LIFE_NS)
		return true;
	rule(w->tcp, tcb, PAWS_DROPPED);
	answer_dropped(w);
	return false;
}

/* §3.4, table 6 (the four cases of SEG.LEN and RCV.WND). */
static bool segment_acceptable(const struct tcp *tcp, const struct tcb *tcb, const struct segment *seg)
{
	uint32_t window = rcv_wnd(tcb);
	uint32_t length = segment_length(seg);

	/* Linux: text that goes beyond the window comes again as it should, unless there is nothing else to read. */
	if (tcp->config.text_beyond_dropped && ring_used(&tcb->receive_ring) > 0 && seg->text_bytes > 0 &&
	    seq_gt(seq_add(segment_text_seq(seg), seg->text_bytes), seq_add(tcb->rcv.nxt, window)))
		return false;
	if (length == 0 && window == 0)
		return seq_eq(seg->seq, tcb->rcv.nxt);
	/*
	 * Deviation: the right edge itself is good enough for an ACK.  Who has filled the window sends his ACKs from
	 * there; two who both have, and take each other's ACKs for unacceptable, never hear of each other again.
	 */
	if (length == 0)
		return seq_within(seg->seq, tcb->rcv.nxt, window + !seg->rst);
	if (window == 0)
		return false;
	return seq_within(seg->seq, tcb->rcv.nxt, window) || seq_within(segment_last(seg), tcb->rcv.nxt, window);
}

/* What lies left of RCV.NXT and right of the window was acceptable only for the rest: cut off. */
void segment_trim(const struct tcp *tcp, struct tcb *tcb, struct segment *seg)
{
	uint32_t window = rcv_wnd(tcb);
	struct seq text = segment_text_seq(seg);
	/* Linux: with nothing else to read, what begins in the window is taken to its end. */
	bool whole = tcp->config.text_beyond_dropped && ring_used(&tcb->receive_ring) == 0 && window > 0;

	if (!whole && seg->fin && !seq_within(segment_fin_seq(seg), tcb->rcv.nxt, window))
		seg->fin = false;
	if (seq_lt(text, tcb->rcv.nxt)) {
		uint32_t old = seq_distance(tcb->rcv.nxt, text);

		if (old > seg->text_bytes)
			old = seg->text_bytes;
		seg->text += old;
		seg->text_bytes -= old;
		seg->seq = seq_add(text, old);
		seg->syn = false;
		text = seg->seq;
	}
	if (whole)
		return;
	if (seg->text_bytes > 0 && !seq_within(seq_add(text, seg->text_bytes - 1), tcb->rcv.nxt, window)) {
		struct seq edge = seq_add(tcb->rcv.nxt, window);

		seg->text_bytes = seq_lt(text, edge) ? seq_distance(edge, text) : 0;
		seg->fin = false;
		tcb->want.ack_now |= seg->has_ack && !seg->rst; /* the rest will have to come again: tell at once */
	}
}

/* The retransmitted FIN in TIME-WAIT: our last ACK was lost (§3.10.7.4 Fifth and Eighth, TIME-WAIT). */
static bool fin_again(struct work *w)
{
	struct tcb *tcb = w->tcb;

	if (tcb->state != TCP_TIME_WAIT || !w->seg.fin || w->seg.rst || w->seg.syn ||
	    !seq_eq(segment_fin_seq(&w->seg), tcb->rcv.fin))
		return false;
	rule(w->tcp, tcb, FIN_TIME_WAIT_AGAIN);
	tcb->want.ack_now = true;
	timer_time_wait(w->tcp, tcb);
	return true;
}

/* Segments that the table refuses and that have an answer of their own. True: dealt with. */
static bool unacceptable_special(struct work *w)
{
	struct tcb *tcb = w->tcb;
	struct segment *seg = &w->seg;

	if (fin_again(w))
		return true;
	if (tcb->state == TCP_SYN_RECEIVED && seg->syn && !seg->has_ack && !seg->rst &&
	    seq_eq(seg->seq, tcb->rcv.irs)) {
		rule(w->tcp, tcb, SYN_RECEIVED_AGAIN);
		if (ecn_syn_again(w->tcp, tcb, seg)) {
			tcb->want.syn = true;
		} else {
			output_reset(w->tcp, tcb);
			if (tcb->kind == KIND_SYN_RECEIVED)
				tcb_set_state(w->tcp, tcb, TCP_LISTEN, RULE_RST_LISTEN);
			else
				tcb_closed(w->tcp, tcb, RULE_RST_RESET, ECONNRESET);
		}
		return true;
	}
	if (seg->rst && w->tcp->config.rst_loose_edge) {
		if (seq_eq(seg->seq, seq_add(tcb->rcv.nxt, rcv_wnd(tcb)))) {
			rule(w->tcp, tcb, RST_CHALLENGE);
			output_challenge(w->tcp, tcb);
			return true;
		}
	}
	return false;
}

/* Linux: a RST at RCV.NXT-1 after the peer's FIN resets. */
static bool rst_before_fin(const struct work *w)
{
	const struct tcb *tcb = w->tcb;

	return w->seg.rst && w->tcp->config.rst_loose_edge && seq_eq(w->seg.seq, seq_sub(tcb->rcv.nxt, 1)) &&
	       (tcb->state == TCP_CLOSE_WAIT || tcb->state == TCP_LAST_ACK || tcb->state == TCP_CLOSING);
}

/* Linux: a RST at the right edge of the text behind gaps, as SACK has told it, resets. */
static bool rst_at_sack_edge(const struct work *w)
{
	const struct ranges *ranges = reassembly_of(w->tcp, w->tcb);

	return w->tcp->config.rst_loose_edge && w->tcb->sack && ranges && ranges->count > 0 &&
	       seq_eq(w->seg.seq, ranges->at[ranges->count - 1].right);
}

static void timestamp_note(struct work *w)
{
	struct tcb *tcb = w->tcb;
	const struct tcp_options *o = &w->seg.options;

	/* RFC 7323 §4.3: of the segment that the last ACK left expected, and not going back. */
	if (!tcb->timestamps || !w->acceptable || !o->has_timestamps || !seq_le(w->seq, tcb->rcv.acked))
		return;
	if (seq_ge(seq_of(o->tsval), seq_of(tcb->ts.recent)) || w->tcp->now - tcb->ts.recent_at > TS_RECENT_LIFE_NS) {
		tcb->ts.recent = o->tsval;
		tcb->ts.recent_at = w->tcp->now;
	}
}

/*
 * FINs, probes and self-connects that cross come from RCV.NXT-1: what they carry is old, their ACK is not, and both
 * ends would wait for it for ever (§A.2).  Linux takes those with a byte or FIN alone.
 */
static bool one_below(const struct work *w)
{
	const struct segment *seg = &w->seg;
	uint32_t length = segment_length(seg);

	return seg->has_ack && !seg->syn && !seg->rst && seq_eq(seg->seq, seq_sub(w->tcb->rcv.nxt, 1)) &&
	       (length == 1 || (length == 0 && w->tcp->config.profile != ELEVEN_LINUX));
}

/* First, check the sequence number. */
static bool first_check_sequence(struct work *w)
{
	struct tcb *tcb = w->tcb;
	struct segment *seg = &w->seg;
	bool crossed = syn_unacked(tcb) && seg->syn && seg->has_ack && !seg->rst &&
		       seq_eq(seg->seq, tcb->rcv.irs);  /* simultaneous open: the SYN is known, its ACK is news */

	if (seg->text_bytes > 0 && !seg->rst && seq_gt(segment_text_seq(seg), tcb->rcv.irs))
		text_duplicate(w->tcp, tcb, segment_text_seq(seg), seq_add(segment_text_seq(seg), seg->text_bytes));
	if (segment_acceptable(w->tcp, tcb, seg) || crossed || rst_before_fin(w)) {
		tcb->last_heard = w->tcp->now;
		tcb->keepalives = 0;
		w->acceptable = true;
		if (crossed) {
			tcb->want.ack_now |= w->tcp->config.crossed_answered != 0;
			ecn_syn_arrived(w->tcp, tcb, seg, w->codepoint);
			seg->ece = false;       /* no echo, on a SYN-ACK */
			seg->seq = tcb->rcv.nxt;
			seg->syn = false;
		}
		if (!rst_before_fin(w))
			segment_trim(w->tcp, tcb, seg);
		return true;
	}
	if (!seg->rst && rcv_wnd(tcb) == 0 && seq_eq(seg->seq, tcb->rcv.nxt) && !seg->syn && seg->has_ack) {
		/* Window 0: the text is refused, its ACK and URG are not (§3.10.7.4 First). */
		tcb->last_heard = w->tcp->now;
		rule(w->tcp, tcb, ZERO_WINDOW_TEXT);
		tcb->want.ack_now = true;
		/* Linux takes a FIN alone all the same, for some send it again and again else. */
		if (seg->text_bytes > 0 || w->tcp->config.profile != ELEVEN_LINUX)
			seg->fin = false;
		seg->text_bytes = 0;
		return true;
	}
	if (unacceptable_special(w))
		return false;
	if (seg->rst) {
		rule(w->tcp, tcb, SEQ_UNACCEPTABLE_RST);
		return false;
	}
	if (one_below(w)) {
		answer_dropped(w);
		seg->seq = tcb->rcv.nxt;
		seg->text_bytes = 0;
		seg->fin = false;
		return true;
	}
	rule(w->tcp, tcb, SEQ_UNACCEPTABLE);
	ecn_text_outside(w);
	ecn_syn_ack_again(tcb, seg);
	tcb->last_heard = w->tcp->now;  /* a keep-alive or a probe: the peer lives */
	answer_dropped(w);
	return false;
}

/* Second, check the RST bit. */
static bool second_check_rst(struct work *w)
{
	struct tcp *tcp = w->tcp;
	struct tcb *tcb = w->tcb;
	bool linux_epipe = tcp->config.profile == ELEVEN_LINUX;

	if (!w->seg.rst)
		return true;
	tcp->resets_received++;
	if (!linux_epipe && seq_lt(w->seq, tcb->rcv.nxt)) {
		rule(tcp, tcb, SEQ_UNACCEPTABLE_RST);           /* RFC 5961 §3.2 asks for SEG.SEQ, not for its text */
		return false;
	}
	if (!seq_eq(w->seq, tcb->rcv.nxt) && !rst_before_fin(w) && !rst_at_sack_edge(w) &&
	    !tcp->config.rst_in_window) {
		rule(tcp, tcb, RST_CHALLENGE);
		output_challenge(tcp, tcb);
		return false;
	}
	switch ((enum tcp_state)tcb->state) {
	case TCP_SYN_RECEIVED:
		tcp->attempt_fails++;
		if (tcb->kind == KIND_SYN_RECEIVED)
			tcb_set_state(tcp, tcb, TCP_LISTEN, RULE_RST_LISTEN);
		else if (tcb->fast_open_child)
			tcb_closed(tcp, tcb, RULE_RST_RESET, ECONNRESET);
		else
			tcb_closed(tcp, tcb, RULE_RST_REFUSED, linux_epipe ? ECONNRESET : ECONNREFUSED);
		return false;
	case TCP_ESTABLISHED:
	case TCP_FIN_WAIT_1:
	case TCP_FIN_WAIT_2:
		tcb_closed(tcp, tcb, RULE_RST_RESET, ECONNRESET);
		return false;
	case TCP_CLOSE_WAIT:
		tcb_closed(tcp, tcb, RULE_RST_RESET, linux_epipe ? EPIPE : ECONNRESET);
		return false;
	case TCP_CLOSING:
	case TCP_LAST_ACK:
		/* The RFC has nothing to tell here; Linux and FreeBSD tell whoever still holds it. */
		tcb_closed(tcp, tcb, RULE_RST_CLOSED, ECONNRESET);
		return false;
	case TCP_TIME_WAIT:
		if (tcp->config.time_wait_ignores_rst)
			rule(tcp, tcb, RST_TIME_WAIT_KEPT);
		else
			tcb_closed(tcp, tcb, RULE_RST_CLOSED, 0);
		return false;
	case TCP_CLOSED:
	case TCP_LISTEN:
	case TCP_SYN_SENT:
		break;
	}
	CHECK(!"a state of the other functions");
	return false;
}

/* Third, check security: removed by RFC 9293 for all but multilevel systems, which this is not. */

/* Fourth, check the SYN bit. */
static bool fourth_check_syn(struct work *w)
{
	struct tcb *tcb = w->tcb;

	if (!w->seg.syn)
		return true;
	if (tcb->state == TCP_SYN_RECEIVED && tcb->kind == KIND_SYN_RECEIVED) {
		tcb->want.ack_now = false;
		tcb_set_state(w->tcp, tcb, TCP_LISTEN, RULE_SYN_LISTEN);
		return false;
	}
	if (w->tcp->config.syn_in_window) {
		output_reset(w->tcp, tcb);
		tcb_closed(w->tcp, tcb, RULE_SYN_RESET, ECONNRESET);
		return false;
	}
	rule(w->tcp, tcb, SYN_CHALLENGE);
	output_challenge(w->tcp, tcb);
	return false;
}

/* May the third ACK make a connection now?  (The accept queue is ours, not the RFC's.) */
static bool third_ack_admitted(struct work *w)
{
	struct tcp *tcp = w->tcp;
	struct tcb *listener = syn_received_listener(tcp, w->record);
	struct tcb *child;

	if (listener == NULL) {
		output_reset_at(tcp, w->tcb, w->seg.ack);
		tcb_set_state(tcp, w->tcb, TCP_LISTEN, RULE_CLOSE_UNREAD_QUEUE);
		return false;
	}
	if (listener->defer_accept && w->seg.text_bytes == 0 && !w->seg.fin &&
	    tcp->now - w->tcb->opened < listener->defer_accept) {
		rule(tcp, w->tcb, DEFER_ACCEPT_WAITING);
		w->record->acked = true;
		return false;
	}
	if (listener->queue_count > listener->backlog) {
		rule(tcp, w->tcb, ACCEPT_QUEUE_FULL);
		listener->drops++;
		if (!tcp->config.accept_full_ignore) {
			output_reset_at(tcp, w->tcb, w->seg.ack);
			tcb_set_state(tcp, w->tcb, TCP_LISTEN, RULE_RST_LISTEN);
		}
		return false;
	}
	child = syn_received_promote(tcp, w->record, w->tcb);
	if (child == NULL) {
		rule(tcp, w->tcb, ACCEPT_NO_ROOM);
		return false;
	}
	w->record = NULL;
	w->tcb = child;
	queue_append(tcp, listener, child);
	tcb_signal(tcp, listener, ELEVEN_SIGNAL_ACCEPT);
	return true;
}

/* The third ACK echoes what the SYN-ACK, or one sent again, had: else a forger guesses (Linux). */
static bool echo_refused(struct work *w)
{
	if (!w->tcp->config.timestamp_echo_check || w->record == NULL || !w->tcb->timestamps ||
	    options_echo_plausible(w->tcp, w->tcb, &w->seg))
		return false;
	rule(w->tcp, w->tcb, TIMESTAMP_ECHO_BAD);
	output_challenge(w->tcp, w->tcb);
	return true;
}

/* Fifth, in SYN-RECEIVED: the third ACK of the handshake, or of both SYNs in a simultaneous open. */
static bool fifth_syn_received(struct work *w)
{
	struct tcb *tcb = w->tcb;

	if (echo_refused(w) || (tcb->kind == KIND_SYN_RECEIVED && !third_ack_admitted(w)))
		return false;
	tcb = w->tcb;
	tcb->snd.wnd = w->window;
	tcb->snd.wnd_max = max_u32(tcb->snd.wnd_max, tcb->snd.wnd);
	tcb->snd.wl1 = w->seg.seq;
	tcb->snd.wl2 = w->seg.ack;
	tcb->snd.una = seq_add(tcb->snd.iss, 1);
	if (tcb->fast_open_text)        /* a simultaneous open: if the peer did not take it, it goes again */
		tcb->snd.nxt = tcb->snd.una;
	accurate_third_ack(w);
	connection_established(w->tcp, tcb);
	tcb_set_state(w->tcp, tcb, TCP_ESTABLISHED, RULE_ACK_ESTABLISHED);
	text_early_due(w);
	if (tcb->fin_queued) {          /* the program closed during a simultaneous open */
		tcb_set_state(w->tcp, tcb, TCP_FIN_WAIT_1, RULE_CLOSE_FIN_WAIT_1);
	}
	tcb_signal(w->tcp, tcb, ELEVEN_SIGNAL_CONNECTED | ELEVEN_SIGNAL_SEND);
	return true;
}

/* Fifth, check the ACK field. */
static bool fifth_check_ack(struct work *w)
{
	struct tcp *tcp = w->tcp;
	struct tcb *tcb = w->tcb;

	if (!w->seg.has_ack) {
		rule(tcp, tcb, ACK_MISSING);
		if (tcb->state == TCP_TIME_WAIT && tcp->config.time_wait_answers)       /* but what says nothing */
			tcb->want.ack_now |= w->had_text || w->seg.fin || !seq_eq(w->seq, tcb->rcv.nxt);
		return false;
	}
	if (syn_unacked(tcb) && !ack_is_new(tcb, w->seg.ack)) {
		rule(tcp, tcb, ACK_SYN_RECEIVED_RST);
		tcb->want.ack_now = false;
		output_reset_at(tcp, tcb, w->seg.ack);
		return false;
	}
	if (tcb->state == TCP_SYN_RECEIVED && !fifth_syn_received(w))
		return false;
	tcb = w->tcb;
	if (!ack_process(w))
		return false;
	accurate_arrived(w);
	timestamp_note(w);              /* a forger who does not know the ACK numbers cannot move TS.Recent */
	switch ((enum tcp_state)tcb->state) {
	case TCP_FIN_WAIT_1:
		if (tcb->fin_acked)
			tcb_set_state(tcp, tcb, TCP_FIN_WAIT_2, RULE_ACK_FIN_WAIT_2);
		return true;
	case TCP_CLOSING:
		if (tcb->fin_acked)
			tcb_set_state(tcp, tcb, TCP_TIME_WAIT, RULE_ACK_CLOSING_TIME_WAIT);
		return true;
	case TCP_LAST_ACK:
		if (!tcb->fin_acked)
			return true;
		tcb_closed(tcp, tcb, RULE_ACK_LAST_CLOSED, 0);
		return false;
	case TCP_TIME_WAIT:             /* "acknowledge it": what says more than that the peer knows all (Fifth) */
		tcb->want.ack_now |= w->had_text || w->seg.fin || !seq_eq(w->seq, tcb->rcv.nxt);
		return true;
	case TCP_ESTABLISHED:
	case TCP_FIN_WAIT_2:            /* "the user's CLOSE can be acknowledged": ACKED was signalled */
	case TCP_CLOSE_WAIT:
		return true;
	case TCP_CLOSED:
	case TCP_LISTEN:
	case TCP_SYN_SENT:
	case TCP_SYN_RECEIVED:
		break;
	}
	CHECK(!"a state of the other functions");
	return false;
}

void steps_run(struct work *w)
{
	w->seq = w->seg.seq;
	w->had_text = w->seg.text_bytes > 0;
	w->window = (uint32_t)w->seg.window << (w->seg.syn ? 0 : w->tcb->snd.wscale);
	(void)(check_timestamps(w) && first_check_sequence(w) && second_check_rst(w) && fourth_check_syn(w) &&
	       fifth_check_ack(w) && sixth_check_urg(w) && seventh_process_text(w) && eighth_check_fin(w));
}
