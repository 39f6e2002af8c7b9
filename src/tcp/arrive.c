/* SPDX-License-Identifier: MIT */
/*
 * SEGMENT ARRIVES (§3.10.7): checks of the segment as such, whose it is, and the functions of
 * the states CLOSED, LISTEN and SYN-SENT.  The other states are in steps.c.
 */
#include <errno.h>

#include "tcp/accurate.h"
#include "tcp/auth.h"
#include "tcp/cookie.h"
#include "tcp/fastopen.h"
#include "tcp/options.h"
#include "tcp/output.h"
#include "tcp/port.h"
#include "tcp/steps.h"
#include "tcp/timer.h"
#include "tcp/window.h"

#define TIME_WAIT_ISS_STEP 65537u       /* Linux: behind all that the old connection may have in flight */
#define HALF_OPEN_LEAST 16      /* records a listener may have, however small its backlog */

/* §3.10.7.1, state CLOSED: there is no connection. */
static void closed_segment_arrives(struct tcp *tcp, const struct arrival *arrival, const struct segment *seg)
{
	if (seg->rst) {
		rule(tcp, NULL, CLOSED_RST_DROPPED);
		return;
	}
	if (tcp->config.blackhole > 1 || (tcp->config.blackhole == 1 && seg->syn)) {
		rule(tcp, NULL, CLOSED_BLACKHOLE);
		return;
	}
	rule(tcp, NULL, CLOSED_RST_SENT);
	output_reset_answer(tcp, arrival, seg);
}

/* ---- §3.10.7.2, state LISTEN */

/* No room for another request: a cookie is baked, or the SYN dropped. */
static bool requests_full(const struct tcp *tcp, const struct tcb *listener)
{
	return listener->half_open >= max_u32(listener->backlog, HALF_OPEN_LEAST) ||
	       tcp->syn_received.used >= tcp->config.syn_received_max;
}

/* What LISTEN knows of a peer whose SYN had these options. */
static void request_begin(struct tcp *tcp, struct tcb *tcb, const struct tcb *listener, const struct arrival *arrival,
			  const struct segment *seg)
{
	memset(tcb, 0, sizeof(*tcb));
	tcb_defaults(tcp, tcb);
	tcb->kind = KIND_SYN_RECEIVED;
	tcb->state = TCP_LISTEN;
	tcb->passive = true;
	tcb->interface = arrival->interface;
	tcb->tuple = (struct tuple){ arrival->destination, arrival->source, seg->destination_port, seg->source_port };
	listener_inherit(tcp, tcb, listener);
	numbers_choose(tcp, tcb);
}

static void request_numbers(struct tcp *tcp, struct tcb *tcb, struct seq irs, const struct tcp_options *syn)
{
	options_negotiate(tcp, tcb, syn);
	tcb->rcv.irs = irs;
	tcb->rcv.nxt = tcb->rcv.acked = seq_add(irs, 1);
	window_start(tcp, tcb);
}

/* RFC 4987 §3.6. */
static void listen_cookie(struct tcp *tcp, struct tcb *listener, struct tcb *tcb)
{
	if (!tcp->config.syn_cookies) {
		rule(tcp, listener, LISTEN_NO_ROOM);
		listener->drops++;
		return;
	}
	rule(tcp, listener, LISTEN_COOKIE);
	cookie_bake(tcp, tcb);
	window_start(tcp, tcb);         /* its scale may be gone */
	tcb->want.syn = true;
	output_unfolded(tcp, tcb);
}

/* Third, check for a SYN. */
/* `before`: what was in TIME-WAIT with these endpoints, or NULL. */
static void listen_syn(struct tcp *tcp, struct tcb *listener, const struct arrival *arrival, const struct segment *seg,
		       const struct tcb *before)
{
	struct tcb tcb;

	if (address_eq(&arrival->source, &arrival->destination) && seg->source_port == seg->destination_port) {
		rule(tcp, listener, LISTEN_ADDRESS_DROPPED);    /* would answer itself for ever */
		return;
	}
	if (seg->fin && !tcp->config.syn_fin_opens) {
		rule(tcp, listener, LISTEN_SYN_FIN_DROPPED);
		return;
	}
	if (listener->queue_count > listener->backlog) {
		rule(tcp, listener, LISTEN_BACKLOG_FULL);
		listener->drops++;
		return;
	}
	request_begin(tcp, &tcb, listener, arrival, seg);
	request_numbers(tcp, &tcb, seg->seq, &seg->options);
	ecn_request(tcp, listener, &tcb, seg, arrival->tos & ECN_FIELD);
	if (requests_full(tcp, listener)) {
		listen_cookie(tcp, listener, &tcb);
		return;
	}
	if (before)
		tcb.snd.iss = tcp->config.time_wait_iss ? seq_add(before->snd.max, TIME_WAIT_ISS_STEP) :
							  iss_after(tcp, before);
	tcb.snd.una = tcb.snd.iss;
	tcb.snd.nxt = tcb.snd.max = tcb.snd.end = seq_add(tcb.snd.iss, 1);
	tcb.snd.push = tcb.snd.end;
	tcb.snd.wnd = seg->window;
	if (fast_open_accept(tcp, listener, &tcb, seg))
		return;
	tcb_set_state(tcp, &tcb, TCP_SYN_RECEIVED, RULE_LISTEN_SYN);
	if (!syn_received_fold(tcp, &tcb, listener)) {
		rule(tcp, listener, LISTEN_NO_ROOM);
		listener->drops++;
		return;
	}
	if (seg->text_bytes > 0 || seg->fin)
		syn_received_keep_text(tcp, &tcb, seg);
	tcb.want.syn = true;
	output_unfolded(tcp, &tcb);
}

static void tcb_segment_arrives(struct work *w, const struct arrival *arrival);

/* Second, check for an ACK: it may bring back a cookie. False: it does not. */
static bool listen_cookie_ack(struct tcp *tcp, struct tcb *listener, const struct arrival *arrival,
			      const struct segment *seg)
{
	struct work w = { .tcp = tcp, .seg = *seg, .segment_bytes = arrival->segment_bytes,
			  .codepoint = arrival->tos & ECN_FIELD };
	struct tcp_options syn;
	struct tcb tcb;
	bool ecn;

	if (!tcp->config.syn_cookies || seg->syn)
		return false;
	request_begin(tcp, &tcb, listener, arrival, seg);
	if (!cookie_taste(tcp, &tcb.tuple, seg, &syn, &ecn)) {
		if (!cookie_behind_gap(tcp, seg))
			return false;
		rule(tcp, listener, LISTEN_COOKIE_GAP);
		return true;
	}
	if (listener->queue_count > listener->backlog) {
		rule(tcp, listener, ACCEPT_QUEUE_FULL);
		listener->drops++;
		return true;
	}
	request_numbers(tcp, &tcb, seq_sub(seg->seq, 1), &syn);
	tcb.ecn.mode = ecn ? accurate_granted(seg) && ecn_grants_accurate(tcp, &tcb) ? ECN_ACCURATE : ECN_ON : ECN_OFF;
	tcb.ecn.ce_in = tcb.ecn.ce_out = ACCURATE_CEP_START;
	tcb.snd.iss = tcb.snd.una = seq_sub(seg->ack, 1);
	tcb.snd.nxt = tcb.snd.max = tcb.snd.end = tcb.snd.push = seg->ack;
	w.tcb = syn_received_promote(tcp, NULL, &tcb);
	if (w.tcb == NULL) {
		rule(tcp, listener, ACCEPT_NO_ROOM);
		listener->drops++;
		return true;
	}
	tcb_set_state(tcp, w.tcb, TCP_SYN_RECEIVED, RULE_LISTEN_COOKIE_ACK);
	queue_append(tcp, listener, w.tcb);
	tcb_signal(tcp, listener, ELEVEN_SIGNAL_ACCEPT);
	tcb_segment_arrives(&w, arrival);
	return true;
}

/* To a peer for whom there is a key it is signed, with the numbers that the segment tells. */
static void listen_reset(struct tcp *tcp, const struct tcb *listener, const struct arrival *arrival,
			 const struct segment *seg)
{
	struct tcb tcb;

	if (!listener->auth) {
		output_reset_answer(tcp, arrival, seg);
		return;
	}
	request_begin(tcp, &tcb, listener, arrival, seg);
	tcb.snd.iss = seq_sub(seg->ack, 1);
	tcb.rcv.irs = seq_sub(seg->seq, 1);
	output_reset_at(tcp, &tcb, seg->ack);
}

/* `before`: the connection in TIME-WAIT that this SYN takes the place of; NULL: none. */
static void listen_segment_arrives(struct tcp *tcp, struct tcb *listener, const struct arrival *arrival,
				   const struct segment *seg, const struct tcb *before)
{
	listener->last_heard = tcp->now;
	if (seg->rst) {
		rule(tcp, listener, LISTEN_RST_DROPPED);
	} else if (seg->has_ack) {
		if (listen_cookie_ack(tcp, listener, arrival, seg))
			return;
		rule(tcp, listener, LISTEN_ACK_RST);
		listen_reset(tcp, listener, arrival, seg);
	} else if (seg->syn) {
		listen_syn(tcp, listener, arrival, seg, before);
	} else {
		rule(tcp, listener, LISTEN_OTHER_DROPPED);
	}
}

/* ---- §3.10.7.3, state SYN-SENT */

static void syn_sent_established(struct work *w)
{
	struct tcp *tcp = w->tcp;
	struct tcb *tcb = w->tcb;
	struct segment *seg = &w->seg;

	fast_open_answered(tcp, tcb, seg);
	tcb->snd.una = seg->ack;
	tcb->snd.wnd = tcb->snd.wnd_max = seg->window;  /* of a SYN: never scaled */
	tcb->snd.wl1 = seg->seq;
	tcb->snd.wl2 = seg->ack;
	connection_established(tcp, tcb);
	tcb_set_state(tcp, tcb, TCP_ESTABLISHED, RULE_SYN_SENT_ESTABLISHED);
	if (tcb->fin_queued)
		tcb_set_state(tcp, tcb, TCP_FIN_WAIT_1, RULE_CLOSE_FIN_WAIT_1);
	tcb->want.ack_now = true;
	tcb_signal(tcp, tcb, ELEVEN_SIGNAL_CONNECTED | ELEVEN_SIGNAL_SEND);
	seg->seq = seq_add(seg->seq, 1);
	seg->syn = false;
	w->had_text = seg->text_bytes > 0;
	if (!tcp->config.syn_text) {
		seg->text_bytes = 0;
		seg->fin = false;
	}
	if (seg->text_bytes > rcv_wnd(tcb)) {
		seg->text_bytes = rcv_wnd(tcb);
		seg->fin = false;
	}
	if (sixth_check_urg(w) && seventh_process_text(w))
		eighth_check_fin(w);
}

/* Fourth, check the SYN bit. */
static void syn_sent_syn(struct work *w)
{
	struct tcp *tcp = w->tcp;
	struct tcb *tcb = w->tcb;
	struct segment *seg = &w->seg;

	tcb->rcv.irs = seg->seq;
	tcb->rcv.nxt = tcb->rcv.acked = tcb->rcv.up = seq_add(seg->seq, 1);
	options_negotiate(tcp, tcb, &seg->options);
	ecn_syn_arrived(tcp, tcb, seg, w->codepoint);
	window_start(tcp, tcb);
	tcb->last_heard = tcp->now;
	if (seg->has_ack) {
		syn_sent_established(w);
		return;
	}
	tcb->snd.wnd = tcb->snd.wnd_max = seg->window;
	tcb->snd.wl1 = seg->seq;
	tcb->snd.wl2 = seg->ack;
	tcb_set_state(tcp, tcb, TCP_SYN_RECEIVED, RULE_SYN_SENT_CROSSED);
	if (tcp->config.syn_text)
		text_keep_early(tcp, tcb, seg);
	tcb->want.syn = true;           /* <SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK> */
}

static void syn_sent_segment_arrives(struct work *w)
{
	struct tcp *tcp = w->tcp;
	struct tcb *tcb = w->tcb;
	struct segment *seg = &w->seg;

	if (seg->has_ack && !ack_is_new(tcb, seg->ack)) {
		if (seg->rst) {
			rule(tcp, tcb, SYN_SENT_ACK_BAD_RST);
			return;
		}
		rule(tcp, tcb, SYN_SENT_ACK_BAD);
		if (tcp->config.syn_again_after && tcb->retries == 0)
			timer_arm(tcp, tcb, SLOT_RETRANSMISSION, tcp->now + tcp->config.syn_again_after);
		output_reset_at(tcp, tcb, seg->ack);
		return;
	}
	if (tcp->config.timestamps && tcp->config.timestamp_echo_check && !options_echo_plausible(tcp, tcb, seg)) {
		rule(tcp, tcb, SYN_SENT_ECHO_BAD);
		if (!seg->rst)
			output_reset_at(tcp, tcb, seg->ack);
		return;
	}
	if (seg->rst) {
		if (!seg->has_ack) {
			rule(tcp, tcb, SYN_SENT_RST_DROPPED);
			return;
		}
		tcp->resets_received++;
		if (ecn_retry(tcp, tcb, true)) {
			tcb->rtt.timed_at_ns = tcp->now;
			timer_arm(tcp, tcb, SLOT_RETRANSMISSION, tcp->now + tcb->rtt.rto_ns);
			tcb->want.syn = true;
			return;
		}
		tcp->attempt_fails++;
		tcb_closed(tcp, tcb, RULE_SYN_SENT_REFUSED, ECONNREFUSED);
		return;
	}
	if (!seg->syn) {
		rule(tcp, tcb, SYN_SENT_OTHER_DROPPED);
		return;
	}
	syn_sent_syn(w);
}

/* ---- whose it is */

static void wants_into_ready(struct tcp *tcp, struct tcb *tcb)
{
	if (tcp->config.cork_rto && unsent(tcb) > 0)
		tcb->more = false;      /* whatever arrives lets go of what MSG_MORE holds */
	if (tcb->want.ack_now || tcb->want.syn || tcb->want.retransmit || tcb->want.probe || tcb->want.tail_probe ||
	    unsent(tcb) > 0 || tcb->sb.lost_next != NONE ||
	    (tcb->fin_queued && seq_le(tcb->snd.nxt, tcb->snd.end)))
		tcb_ready(tcp, tcb);
}

/* RFC 6191 §2 and §3.6.1 MAY-2: may this SYN open anew what is in TIME-WAIT? */
static bool time_wait_reopens(const struct tcp *tcp, const struct tcb *tcb, const struct segment *seg)
{
	if (!tcp->config.time_wait_reuse || !seg->syn || seg->has_ack || seg->rst || seg->fin)
		return false;
	if (!seg->options.has_timestamps)
		return seq_gt(seg->seq, tcb->rcv.nxt);
	if (!tcb->timestamps)
		return true;            /* the old one had none, so nothing of it can pass PAWS */
	if (seg->options.tsval == tcb->ts.recent)
		return seq_gt(seg->seq, tcb->rcv.nxt);
	return seq_gt(seq_of(seg->options.tsval), seq_of(tcb->ts.recent));
}

/* TIME-WAIT that a program still holds: the program keeps its handle, of a connection that is over. */
static bool held_time_wait_reopened(struct work *w, const struct arrival *arrival)
{
	struct tcp *tcp = w->tcp;
	struct tcb *listener, before;

	if (w->tcb->state != TCP_TIME_WAIT || !time_wait_reopens(tcp, w->tcb, &w->seg))
		return false;
	listener = port_listener(tcp, &w->tcb->tuple);
	if (listener == NULL)
		return false;
	before = *w->tcb;
	tcb_closed(tcp, w->tcb, RULE_TIME_WAIT_REOPENED, 0);
	listen_segment_arrives(tcp, listener, arrival, &w->seg, &before);
	return true;
}

static void tcb_segment_arrives(struct work *w, const struct arrival *arrival)
{
	struct tcp *tcp = w->tcp;
	struct tcb *tcb = w->tcb;
	uint32_t generation = tcb->generation;

	tcb->segments_in++;
	tcb->tos_received = arrival->tos;
	if (tcb->state == TCP_SYN_SENT) {
		syn_sent_segment_arrives(w);
	} else if (held_time_wait_reopened(w, arrival)) {
		return;
	} else {
		CHECK(tcb->state >= TCP_SYN_RECEIVED);
		steps_run(w);
	}
	if (tcb->kind != KIND_TCB || tcb->generation != generation)
		return;
	if (tcb->state == TCP_TIME_WAIT && !tcb->held && !tcb->queued && !tcb->auth) {
		output_unfolded(tcp, tcb);
		time_wait_fold(tcp, tcb);
		return;
	}
	wants_into_ready(tcp, tcb);
}

static void syn_received_segment_arrives(struct work *w, struct tcb *side)
{
	struct tcp *tcp = w->tcp;
	struct syn_received *record = w->record;

	syn_received_unfold(tcp, record, side);
	w->tcb = side;
	steps_run(w);
	if (w->tcb != side) {           /* promoted */
		struct tcb *tcb = w->tcb;

		if (tcb->kind != KIND_TCB)
			return;
		tcb->segments_in++;
		if (tcb->state == TCP_TIME_WAIT && !tcb->queued && !tcb->auth) {
			output_unfolded(tcp, tcb);
			time_wait_fold(tcp, tcb);
		} else {
			wants_into_ready(tcp, tcb);
		}
		return;
	}
	output_unfolded(tcp, side);
	if (side->state == TCP_SYN_RECEIVED)
		syn_received_refold(record, side);
	else
		syn_received_remove(tcp, record);
}

static void time_wait_segment_arrives(struct work *w, struct time_wait *record, const struct arrival *arrival,
				      struct tcb *side)
{
	struct tcp *tcp = w->tcp;
	struct tcb *listener;

	time_wait_unfold(tcp, record, side);
	w->tcb = side;
	if (time_wait_reopens(tcp, side, &w->seg)) {
		listener = port_listener(tcp, &side->tuple);
		if (listener) {
			tcb_closed(tcp, side, RULE_TIME_WAIT_REOPENED, 0);
			time_wait_remove(tcp, record);
			listen_segment_arrives(tcp, listener, arrival, &w->seg, side);
			return;
		}
	}
	steps_run(w);
	if (side->state == TCP_TIME_WAIT) {
		output_unfolded(tcp, side);
		time_wait_refold(tcp, record, side);
	} else {
		time_wait_remove(tcp, record);
	}
}

static bool segment_sound(struct tcp *tcp, const struct arrival *arrival, struct segment *seg)
{
	switch (segment_parse(seg, arrival->bytes, arrival->length)) {
	case TCP_TRUNCATED:
		rule(tcp, NULL, SEGMENT_SHORT);
		return false;
	case TCP_BAD_DATA_OFFSET:
		rule(tcp, NULL, SEGMENT_OFFSET_BAD);
		return false;
	case TCP_OK:
		break;
	}
	if (!arrival->checksum_ok && segment_checksum(&arrival->source, &arrival->destination, arrival->bytes,
						      arrival->length) != 0) {
		rule(tcp, NULL, SEGMENT_CHECKSUM_BAD);
		return false;
	}
	return true;
}

static void trace_arrival(struct tcp *tcp, const struct work *w, const struct tuple *tuple, uint8_t interface)
{
	struct trace_party party = { .tuple = tuple, .interface = interface, .codepoint = w->codepoint };

	if (w->tcb) {
		party.handle = tcb_handle(tcp, w->tcb);
		party.state = w->tcb->state;
		party.iss = w->tcb->snd.iss.value;
		party.irs = w->tcb->rcv.irs.value;
	} else if (w->record) {
		party.state = TCP_SYN_RECEIVED;
		party.iss = w->record->iss;
		party.irs = w->record->irs;
	}
	trace_segment(tcp, ELEVEN_TRACE_IN, &party, &w->seg, false);
}

/* Signatures come before everything: is this one as those whose it is expect it? */
static bool signature_right(struct work *w, uint32_t ref, const struct arrival *arrival, const struct tuple *tuple,
			    struct tcb *side)
{
	struct tcb *tcb = w->tcb;

	if (w->record) {
		syn_received_unfold(w->tcp, w->record, side);
		tcb = side;
	} else if (ref == 0) {
		tcb = port_listener(w->tcp, tuple);
	}
	return tcb ? auth_accepts(w->tcp, tcb, arrival, &w->seg) : auth_accepts_stray(w->tcp, &w->seg);
}

void tcp_segment_arrives(struct tcp *tcp, const struct arrival *arrival, uint64_t now)
{
	struct work w = { .tcp = tcp, .segment_bytes = arrival->segment_bytes, .codepoint = arrival->tos & ECN_FIELD };
	struct tuple tuple;
	struct tcb side, *listener;
	uint32_t ref;

	clock_advance(tcp, now);
	if (tcp->now != tcp->clock_seen) {
		if (tcp->now - tcp->clock_seen < tcp->clock_step)
			tcp->clock_step = tcp->now - tcp->clock_seen;
		tcp->clock_seen = tcp->now;
	}
	tcp->segments_in++;
	if (!segment_sound(tcp, arrival, &w.seg))
		return;
	tuple = (struct tuple){ arrival->destination, arrival->source, w.seg.destination_port, w.seg.source_port };
	ref = connection_find(tcp, &tuple);
	if (ref && reference_kind(ref) == KIND_TCB)
		w.tcb = tcb_at(tcp, reference_index(ref));
	else if (ref && reference_kind(ref) == KIND_SYN_RECEIVED)
		w.record = pool_at(&tcp->syn_received, reference_index(ref));
	trace_arrival(tcp, &w, &tuple, arrival->interface);
	if ((w.seg.options.auth | tcp->auths.used) && !signature_right(&w, ref, arrival, &tuple, &side))
		return;
	if (w.seg.options.faults & TCP_OPTION_FAULT_LENGTH)
		rule(tcp, w.tcb, OPTION_MALFORMED);
	if (w.tcb) {
		tcb_segment_arrives(&w, arrival);
	} else if (w.record) {
		syn_received_segment_arrives(&w, &side);
	} else if (ref) {
		time_wait_segment_arrives(&w, pool_at(&tcp->time_wait, reference_index(ref)), arrival, &side);
	} else if ((listener = port_listener(tcp, &tuple)) != NULL) {
		listen_segment_arrives(tcp, listener, arrival, &w.seg, NULL);
	} else {
		closed_segment_arrives(tcp, arrival, &w.seg);
	}
}
