/* SPDX-License-Identifier: MIT */
/*
 * Emission; see output.h.
 *
 * Theory of operation.  Steps, calls and timeouts raise `want`s and put the connection into the
 * ready list; floor 3 takes segments from here one by one, in turn, so that all of a batch is
 * processed before any ACK leaves.  What belongs to no TCB (RST, and all that the small
 * records send) is an answer in a bounded ring that goes first; when it is full, answers are
 * lost as if on the wire.
 */
#include "tcp/output.h"

#include "tcp/accurate.h"
#include "tcp/auth.h"
#include "tcp/connection.h"
#include "tcp/fastopen.h"
#include "tcp/options.h"
#include "tcp/recovery.h"
#include "tcp/timer.h"
#include "tcp/window.h"

/* ---- answers */

/* The program's choice; else 64, or for IPv6 0, which is what the routers of the link tell. */
static uint8_t ttl_of(const struct tuple *tuple, uint8_t chosen)
{
	return chosen ? chosen : tuple_is_v6(tuple) ? 0 : TCP_TTL_DEFAULT;
}

static struct reply *reply_new(struct tcp *tcp, const struct tuple *tuple, uint8_t interface)
{
	struct reply *reply;

	if (tcp->replies_count + tcp->replies_parked == tcp->config.replies_max) {
		rule(tcp, NULL, REPLY_NO_ROOM);
		if (tcp->replies_parked == 0)
			return NULL;
		tcp->replies_parked--;          /* the new one instead of the one that waits longest */
	}
	reply = &tcp->replies[(tcp->replies_first + tcp->replies_count++) % tcp->config.replies_max];
	memset(reply, 0, sizeof(*reply));
	reply->tuple = *tuple;
	reply->interface = interface;
	reply->ttl = ttl_of(tuple, 0);
	return reply;
}

static struct reply *reply_of(struct tcp *tcp, const struct tcb *tcb)
{
	struct reply *reply = reply_new(tcp, &tcb->tuple, tcb->interface);

	if (reply == NULL)
		return NULL;
	reply->ttl = ttl_of(&tcb->tuple, tcb->ttl);
	reply->tos = tcb->tos;
	reply->state = tcb->state;
	reply->handle = tcb_handle(tcp, tcb);
	reply->iss = tcb->snd.iss.value;
	reply->irs = tcb->rcv.irs.value;
	return reply;
}

/* It is complete: with a signature, if its connection has keys. */
static void reply_done(struct tcp *tcp, const struct tcb *tcb, struct reply *reply)
{
	struct tcp_options *o = &reply->segment.options;
	struct tcp_out out = { .tuple = &reply->tuple };

	if (!tcb->auth)
		return;
	o->auth = auth_option(tcp, tcb, &o->auth_bytes);
	if (!o->auth)
		return;
	reply->segment.source_port = reply->tuple.local_port;
	reply->segment.destination_port = reply->tuple.remote_port;
	out.header_bytes = (uint8_t)segment_emit_header(out.header, &reply->segment);
	auth_sign(tcp, tcb, &out);
	memcpy(reply->signature, out.header + out.header_bytes - o->auth_bytes + 2, o->auth_bytes - 2u);
}

void output_unfolded(struct tcp *tcp, struct tcb *tcb)
{
	struct reply *reply;
	struct segment *seg;

	if (!tcb->want.syn && !tcb->want.ack_now)
		return;
	reply = reply_of(tcp, tcb);
	if (reply == NULL)
		return;
	seg = &reply->segment;
	seg->has_ack = true;
	seg->ack = tcb->rcv.nxt;
	if (tcb->want.syn) {
		seg->syn = true;
		seg->seq = tcb->snd.iss;
		seg->window = window_offer(tcb, true);
		options_of_syn(tcp, tcb, &seg->options);
		ecn_syn_out(tcb, seg);
	} else {
		seg->seq = tcb->snd.nxt;
		seg->window = tcb->kind == KIND_TIME_WAIT ? (uint16_t)tcb->rcv.limit : window_offer(tcb, false);
		options_of_segment(tcp, tcb, &seg->options, true);
	}
	reply_done(tcp, tcb, reply);
	memset(&tcb->want, 0, sizeof(tcb->want));
}

void output_reset(struct tcp *tcp, const struct tcb *tcb)
{
	struct reply *reply = reply_of(tcp, tcb);

	if (reply == NULL)
		return;
	reply->segment.rst = true;
	reply->segment.seq = tcb->snd.max;
	reply->segment.has_ack = true;
	reply->segment.ack = tcb->rcv.nxt;
	if (tcp->config.profile == ELEVEN_LINUX)        /* it has a window, which nobody looks at */
		reply->segment.window = (uint16_t)min_u32((rcv_wnd(tcb) + (1u << tcb->rcv.wscale) - 1) >>
							  tcb->rcv.wscale, 65535);
	options_of_segment(tcp, tcb, &reply->segment.options, false);
	reply_done(tcp, tcb, reply);
}

void output_reset_at(struct tcp *tcp, const struct tcb *tcb, struct seq seq)
{
	struct reply *reply = reply_of(tcp, tcb);

	if (reply == NULL)
		return;
	reply->segment.rst = true;
	reply->segment.seq = seq;
	reply_done(tcp, tcb, reply);
}

void output_reset_answer(struct tcp *tcp, const struct arrival *arrival, const struct segment *seg)
{
	struct tuple tuple = { arrival->destination, arrival->source, seg->destination_port, seg->source_port };
	struct reply *reply = reply_new(tcp, &tuple, arrival->interface);

	if (reply == NULL)
		return;
	reply->segment.rst = true;
	if (tcp->config.reset_timestamps && seg->options.has_timestamps) {
		reply->segment.options.has_timestamps = true;   /* RFC 7323 §5.2: echoed, and none of our own */
		reply->segment.options.tsecr = seg->options.tsval;
	}
	if (seg->has_ack) {
		reply->segment.seq = seg->ack;
	} else {
		reply->segment.has_ack = true;
		reply->segment.ack = segment_end(seg);
	}
}

void output_challenge(struct tcp *tcp, struct tcb *tcb)
{
	uint64_t second = tcp->now / SEC(1);
	uint64_t interval = tcp->config.challenge_ack_interval;

	if (tcb->challenge_at && interval && tcp->now - tcb->challenge_at < interval) {
		rule(tcp, tcb, CHALLENGE_LIMITED);
		return;
	}
	if (tcp->config.challenge_acks_max > 0 && second != tcp->challenge_window) {
		/* A limit that nobody can count on tells nobody anything (CVE-2016-5696). */
		uint64_t most = tcp->config.challenge_acks_max;

		tcp->challenge_window = second;
		tcp->challenge_left = (uint32_t)(most / 2 + random_below(&tcp->random, most) + 1);
	}
	if (tcp->config.challenge_acks_max > 0 && tcp->challenge_left-- == 0) {
		tcp->challenge_left = 0;
		rule(tcp, tcb, CHALLENGE_LIMITED);
		return;
	}
	tcb->challenge_at = tcp->now;
	tcb->want.ack_now = true;
}

/* ---- one segment into the caller's hands */

static void out_start(const struct tcp *tcp, struct tcp_out *out, const struct tuple *tuple, uint8_t interface)
{
	out->tuple = tuple;
	out->interface = interface;
	out->df = tcp->config.path_mtu_discovery || tuple_is_v6(tuple);
	out->path_suspect = false;
	out->progress = false;
	out->slices = 0;
	out->text_bytes = 0;
	out->segment_bytes = 0;
}

static void out_finish(struct tcp *tcp, struct tcp_out *out, struct segment *seg)
{
	seg->source_port = out->tuple->local_port;
	seg->destination_port = out->tuple->remote_port;
	out->header_bytes = (uint8_t)segment_emit_header(out->header, seg);
	tcp->trace->packets_out++;
	tcp->segments_out++;
	tcp->resets_sent += seg->rst;
}

/* The one that has waited longest. */
static struct reply *reply_parked_last(const struct tcp *tcp)
{
	uint32_t most = (uint32_t)tcp->config.replies_max;

	return &tcp->replies[(tcp->replies_first + most - tcp->replies_parked) % most];
}

static bool output_reply(struct tcp *tcp, struct tcp_out *out)
{
	struct reply *reply = &tcp->replies[tcp->replies_first];
	struct trace_party party = { &reply->tuple, reply->handle, reply->iss, reply->irs, reply->state,
				     reply->interface, ECN_NOT_ECT };

	out_start(tcp, out, &reply->tuple, reply->interface);
	out->ttl = reply->ttl;
	out->tos = reply->tos;
	out_finish(tcp, out, &reply->segment);
	if (reply->segment.options.auth) {
		unsigned bytes = reply->segment.options.auth_bytes - 2u;

		memcpy(out->header + out->header_bytes - bytes, reply->signature, bytes);
	}
	trace_segment(tcp, ELEVEN_TRACE_OUT, &party, &reply->segment, false);
	if (tcp->replies_parked > 0)            /* those that wait stay just before the first */
		*reply = *reply_parked_last(tcp);
	tcp->replies_first = (tcp->replies_first + 1) % (uint32_t)tcp->config.replies_max;
	tcp->replies_count--;
	return true;
}

static void acked_by_this(struct tcb *tcb, bool pure)
{
	tcb->want.ack_now = false;
	tcb->rcv.acked = tcb->rcv.nxt;
	tcb->rcv.dup_left = tcb->rcv.dup_right; /* reported once */
	timer_disarm(tcb, SLOT_DELAYED_ACK);
	if (pure && tcb->quick_acks > 0)
		tcb->quick_acks--;
}

/*
 * SEG.SEQ of a segment without text.  Not SND.NXT, which goes back when a timeout sends all again: the peer may be
 * past it, and two ends that each find the other's ACKs old would never hear of each other again.  Nor a number
 * beyond the peer's window, which it would not accept either; but the one behind a probe, unless that is known
 * to have been refused: if its byte was taken and the ACK of that lost, only this one is acceptable.
 */
static struct seq empty_seq(const struct tcb *tcb)
{
	struct seq edge = seq_add(tcb->snd.una, tcb->snd.wnd);

	if (seq_le(tcb->snd.max, seq_add(edge, !tcb->probe_refused)))
		return tcb->snd.max;
	return seq_max(edge, tcb->snd.nxt);
}

static void segment_start(struct tcp *tcp, struct tcb *tcb, struct segment *seg)
{
	*seg = (struct segment){ .seq = empty_seq(tcb), .has_ack = true, .ack = tcb->rcv.nxt };
	ecn_flags_out(tcb, seg, true);
	seg->window = window_offer(tcb, false);
	options_of_segment(tcp, tcb, &seg->options, true);
}

/* Text of the send ring from `offset` on, lent. */
static void text_lend(const struct tcp *tcp, const struct tcb *tcb, uint32_t offset, uint32_t bytes,
		      struct tcp_out *out)
{
	struct ring_slice slices[2];

	out->slices = (uint8_t)ring_peek(&tcb->send_ring, &tcp->buffers, offset, bytes, slices);
	out->text_bytes = bytes;
	for (unsigned i = 0; i < out->slices; i++)
		out->slice[i] = (struct eleven_slice){ slices[i].bytes, slices[i].n };
}

static void output_syn(struct tcp *tcp, struct tcb *tcb, struct segment *seg, struct tcp_out *out)
{
	bool answer = tcb->state != TCP_SYN_SENT;

	*seg = (struct segment){ .seq = tcb->snd.iss, .syn = true, .has_ack = answer };
	if (answer)
		seg->ack = tcb->rcv.nxt;
	seg->window = window_offer(tcb, true);
	options_of_syn(tcp, tcb, &seg->options);
	ecn_syn_out(tcb, seg);
	tcb->want.syn = false;
	tcb->fast_open_offer = false;   /* once */
	if (answer)
		acked_by_this(tcb, false);
	if (seq_eq(tcb->snd.nxt, tcb->snd.iss)) {
		fast_open_syn(tcp, tcb, seg);
		if (seg->text_bytes > 0)
			text_lend(tcp, tcb, 0, seg->text_bytes, out);
		tcb->bytes_out += seg->text_bytes;
		tcp->bytes_out += seg->text_bytes;
		tcb->snd.nxt = tcb->snd.max = seq_add(tcb->snd.iss, 1 + seg->text_bytes);
		tcb->timing = true;
		tcb->rtt.timed_seq = tcb->snd.iss;
		tcb->rtt.timed_at_ns = tcp->now;
	}
	timer_sent(tcp, tcb);
}

/* Text, FIN or a probe has gone: the send variables move. */
static void chunk_sent(struct tcp *tcp, struct tcb *tcb, const struct chunk *chunk)
{
	struct seq end = seq_add(chunk->seq, chunk->text_bytes + chunk->fin);
	bool timed = !recovery_sacks(tcb);

	if (chunk->fin)
		tcb->fin_sent = true;
	if (!chunk->probe)
		recovery_sent(tcp, tcb, chunk->seq, end, options_mss_now(tcp, tcb),
			      timed ? chunk->again : !seq_eq(chunk->seq, tcb->snd.nxt));
	if (!chunk->again && !tcb->send_starved)
		timer_disarm(tcb, SLOT_CORK);   /* what is held back next waits its own time */
	if (chunk->again) {
		tcb->retransmitted_segments++;
		tcp->retransmitted_segments++;
		tcb->retransmitted_bytes += chunk->text_bytes;
		tcb->timing = false;
	} else {
		tcb->bytes_out += chunk->text_bytes;
		tcp->bytes_out += chunk->text_bytes;
	}
	tcb->last_sent = tcp->now;
	if (chunk->probe)
		tcb->probe_refused = false;
	if (chunk->text_bytes > 0 && chunk->text_bytes % tcb->snd.mss != 0 && !chunk->again)
		tcb->snd.small = seq_add(chunk->seq, chunk->text_bytes);
	if (seq_eq(chunk->seq, tcb->snd.nxt) && !chunk->probe)
		tcb->snd.nxt = end;
	if (seq_gt(end, tcb->snd.max)) {
		if (timed && !tcb->timing && !chunk->again && !chunk->probe) {
			tcb->timing = true;
			tcb->rtt.timed_seq = chunk->seq;
			tcb->rtt.timed_at_ns = tcp->now;
		}
		tcb->snd.max = end;
	}
	if (tcb->want.tail_probe) {
		tcb->want.tail_probe = false;
		tlp_sent(&tcb->detector, tcb->snd.nxt, chunk->again);
	}
	if (!chunk->probe)
		timer_sent(tcp, tcb);
}

static void output_chunk(struct tcp *tcp, struct tcb *tcb, const struct chunk *chunk, struct segment *seg,
			 struct tcp_out *out)
{
	uint32_t offset = seq_distance(chunk->seq, tcb->snd.una) - syn_unacked(tcb);

	segment_start(tcp, tcb, seg);
	seg->seq = chunk->seq;
	seg->text_bytes = chunk->text_bytes;
	seg->fin = chunk->fin;
	seg->psh = chunk->push;
	ecn_flags_out(tcb, seg, false);
	if (tcb->urgent_out && seq_gt(tcb->snd.up, chunk->seq)) {
		seg->urg = true;
		seg->urgent = (uint16_t)min_u32(seq_distance(tcb->snd.up, chunk->seq), 65535);
	}
	if (chunk->text_bytes > 0) {
		text_lend(tcp, tcb, offset, chunk->text_bytes, out);
		if (chunk->text_bytes > options_mss_now(tcp, tcb))
			out->segment_bytes = (uint16_t)options_mss_now(tcp, tcb);
	}
	acked_by_this(tcb, false);
	if (chunk->text_bytes > 0 && !chunk->again && !chunk->probe)
		out->tos |= ecn_text_out(tcp, tcb, seg);
	chunk_sent(tcp, tcb, chunk);
}

static bool output_connection(struct tcp *tcp, struct tcb *tcb, struct tcp_out *out)
{
	struct trace_party party = { &tcb->tuple, tcb_handle(tcp, tcb), tcb->snd.iss.value, tcb->rcv.irs.value,
				     tcb->state, tcb->interface, ECN_NOT_ECT };
	struct chunk chunk = { 0 };
	struct segment seg;

	out_start(tcp, out, &tcb->tuple, tcb->interface);
	path_mtu_age(tcp, tcb);
	out->ttl = ttl_of(&tcb->tuple, tcb->ttl);
	out->tos = tcb->tos;
	out->progress = tcb->progress;
	tcb->progress = false;
	if (tcb->want.syn) {
		output_syn(tcp, tcb, &seg, out);
	} else if (tcb->ecn.confirm && tcb->want.ack_now) {
		segment_start(tcp, tcb, &seg);  /* before any text (RFC 9768 §3.2.2.1) */
		acked_by_this(tcb, true);
	} else if (send_next(tcp, tcb, &chunk)) {
		output_chunk(tcp, tcb, &chunk, &seg, out);
	} else if (tcb->want.keepalive) {
		segment_start(tcp, tcb, &seg);
		seg.seq = seq_sub(tcb->snd.nxt, 1);
		tcb->want.keepalive = false;
		acked_by_this(tcb, false);
	} else if (tcb->want.ack_now) {
		segment_start(tcp, tcb, &seg);
		acked_by_this(tcb, true);
	} else {
		return false;
	}
	out->path_suspect = tcb->path_suspect;
	tcb->path_suspect = false;
	tcb->segments_out++;
	if (tcb->ecn.mode == ECN_ACCURATE && !seg.syn)
		accurate_sent(tcp, tcb, &seg);
	out_finish(tcp, out, &seg);
	if (tcb->auth)
		auth_sign(tcp, tcb, out);
	party.codepoint = out->tos & ECN_FIELD;
	trace_segment(tcp, ELEVEN_TRACE_OUT, &party, &seg, chunk.again);
	return true;
}

/* ---- floor 3's side */

bool tcp_output_next(struct tcp *tcp, const struct tuple **tuple, uint8_t *interface, uint64_t now)
{
	struct tcb *tcb;

	clock_advance(tcp, now);
	if (tcp->replies_count > 0) {
		*tuple = &tcp->replies[tcp->replies_first].tuple;
		*interface = tcp->replies[tcp->replies_first].interface;
		return true;
	}
	tcb = ready_first(tcp);
	if (tcb == NULL)
		return false;
	*tuple = &tcb->tuple;
	*interface = tcb->interface;
	return true;
}

bool tcp_output(struct tcp *tcp, struct tcp_out *out, uint64_t now)
{
	struct tcb *tcb;
	bool sent;

	clock_advance(tcp, now);
	if (tcp->replies_count > 0)
		return output_reply(tcp, out);
	tcb = ready_first(tcp);
	if (tcb == NULL)
		return false;
	sent = output_connection(tcp, tcb, out);
	ready_take(tcp);
	if (sent)
		tcb_ready(tcp, tcb);    /* behind the others: each in its turn */
	return sent;
}

void tcp_output_park(struct tcp *tcp)
{
	if (tcp->replies_count > 0) {
		tcp->replies_first = (tcp->replies_first + 1) % (uint32_t)tcp->config.replies_max;
		tcp->replies_count--;
		if (++tcp->replies_parked > tcp->config.replies_max / 2) {
			tcp->replies_parked--;  /* RFC 4861 §7.2.2: the newer ones are kept */
			rule(tcp, NULL, REPLY_NO_ROOM);
		}
	} else if (ready_first(tcp)) {
		ready_park(tcp);
	}
}

void tcp_output_unpark(struct tcp *tcp)
{
	uint32_t most = (uint32_t)tcp->config.replies_max;

	tcp->replies_first = (tcp->replies_first + most - tcp->replies_parked) % most;
	tcp->replies_count += tcp->replies_parked;
	tcp->replies_parked = 0;
	ready_unpark(tcp);
}
