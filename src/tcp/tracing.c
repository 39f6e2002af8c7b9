/* SPDX-License-Identifier: MIT */
/* Fills trace records from TCBs and segments; decides nothing. */
#include "tcp/tracing.h"

static struct eleven_endpoint endpoint(const struct address *address, uint16_t port)
{
	struct eleven_endpoint e = { .port = port };

	memcpy(e.address.bytes, address->bytes, sizeof(e.address.bytes));
	return e;
}

eleven_handle tcb_handle(const struct tcp *tcp, const struct tcb *tcb)
{
	if (tcb->kind != KIND_TCB)
		return 0;               /* unfolded from a record: no call can name it */
	return (uint64_t)tcb->generation << 32 | reference(KIND_TCB, tcb_index(tcp, tcb));
}

static struct eleven_trace *record_of(struct tcp *tcp, enum eleven_trace_kind kind, const struct tcb *tcb)
{
	struct eleven_trace *t = trace_record(tcp->trace, kind, tcp->now);

	if (tcb == NULL)
		return t;
	t->connection = tcb_handle(tcp, tcb);
	t->local = endpoint(&tcb->tuple.local, tcb->tuple.local_port);
	t->remote = endpoint(&tcb->tuple.remote, tcb->tuple.remote_port);
	t->state_before = t->state_after = tcb->state;
	t->interface = tcb->interface;
	t->iss = tcb->snd.iss.value;
	t->irs = tcb->rcv.irs.value;
	return t;
}

void rule_taken(struct tcp *tcp, struct tcb *tcb, enum rule rule)
{
	trace_count(tcp->trace, rule);
	if (tcb)
		tcb->last_rule = (uint16_t)rule;
	if (trace_wanted(tcp->trace, ELEVEN_TRACE_RULE))
		record_of(tcp, ELEVEN_TRACE_RULE, tcb)->rule = (uint16_t)rule;
}

void trace_transition(struct tcp *tcp, const struct tcb *tcb, enum tcp_state before, enum tcp_state after,
		      enum rule rule)
{
	struct eleven_trace *t = record_of(tcp, ELEVEN_TRACE_TRANSITION, tcb);

	t->state_before = (uint8_t)before;
	t->state_after = (uint8_t)after;
	t->rule = (uint16_t)rule;
}

void trace_call(struct tcp *tcp, const struct tcb *tcb, enum eleven_call call, int64_t value)
{
	struct eleven_trace *t;

	if (!trace_wanted(tcp->trace, ELEVEN_TRACE_CALL))
		return;
	t = record_of(tcp, ELEVEN_TRACE_CALL, tcb);
	t->call = (uint8_t)call;
	t->value = value;
}

void trace_timeout(struct tcp *tcp, const struct tcb *tcb, enum eleven_timer timer)
{
	if (trace_wanted(tcp->trace, ELEVEN_TRACE_TIMEOUT))
		record_of(tcp, ELEVEN_TRACE_TIMEOUT, tcb)->timer = (uint8_t)timer;
}

static void segment_copy(struct eleven_trace_segment *to, const struct segment *seg)
{
	const struct tcp_options *o = &seg->options;

	to->seq = seg->seq.value;
	to->ack = seg->ack.value;
	to->text_bytes = seg->text_bytes;
	to->window = seg->window;
	to->urgent = seg->urgent;
	to->flags = (uint8_t)(seg->fin * TCP_FLAG_FIN | seg->syn * TCP_FLAG_SYN | seg->rst * TCP_FLAG_RST |
			      seg->psh * TCP_FLAG_PSH | seg->has_ack * TCP_FLAG_ACK | seg->urg * TCP_FLAG_URG |
			      seg->ece * TCP_FLAG_ECE | seg->cwr * TCP_FLAG_CWR);
	to->has = (uint8_t)(o->has_mss * 1 | o->has_wscale * 2 | o->sack_permitted * 4 | o->has_timestamps * 8 |
			    o->has_fast_open * 32 | seg->ae * 64 | o->has_accecn * 128);
	to->auth = o->auth & (TCP_AUTH_MD5 | TCP_AUTH_AO);
	if (o->has_accecn) {
		to->accecn_count = (uint8_t)(o->accecn_count | o->accecn_order << 7);
		memcpy(to->accecn, o->accecn, sizeof(to->accecn));
	}
	if (o->has_fast_open) {
		to->fast_open_bytes = o->fast_open_bytes;
		memcpy(to->fast_open, o->fast_open, sizeof(to->fast_open));
	}
	to->mss = o->mss;
	to->wscale = o->wscale;
	to->tsval = o->tsval;
	to->tsecr = o->tsecr;
	to->sack_count = o->sack_count;
	for (unsigned i = 0; i < o->sack_count; i++) {
		to->sack[i].left = o->sack[i].left.value;
		to->sack[i].right = o->sack[i].right.value;
	}
}

void trace_segment(struct tcp *tcp, enum eleven_trace_kind kind, const struct trace_party *party,
		   const struct segment *seg, bool retransmission)
{
	struct eleven_trace *t;

	if (!trace_wanted(tcp->trace, kind))
		return;
	t = trace_record(tcp->trace, kind, tcp->now);
	t->connection = party->handle;
	t->local = endpoint(&party->tuple->local, party->tuple->local_port);
	t->remote = endpoint(&party->tuple->remote, party->tuple->remote_port);
	t->state_before = t->state_after = party->state;
	t->interface = party->interface;
	t->iss = party->iss;
	t->irs = party->irs;
	if (kind == ELEVEN_TRACE_OUT)
		t->packet = tcp->trace->packets_out;
	segment_copy(&t->segment, seg);
	t->segment.ecn = party->codepoint;
	if (retransmission)
		t->segment.has |= 16;
}
