/* SPDX-License-Identifier: MIT */
/* What TCP writes into the trace. */
#ifndef ELEVEN_TCP_TRACING_H
#define ELEVEN_TCP_TRACING_H

#include "tcp/tcb.h"

/* A decision about a connection, or (tcb NULL) about none. */
void rule_taken(struct tcp *tcp, struct tcb *tcb, enum rule rule);
#define rule(tcp, tcb, name) rule_taken(tcp, tcb, RULE_##name)

void trace_transition(struct tcp *tcp, const struct tcb *tcb, enum tcp_state before, enum tcp_state after,
		      enum rule rule);
void trace_call(struct tcp *tcp, const struct tcb *tcb, enum eleven_call call, int64_t value);
void trace_timeout(struct tcp *tcp, const struct tcb *tcb, enum eleven_timer timer);

/* Who a segment belongs to; of no connection: handle 0. */
struct trace_party {
	const struct tuple *tuple;
	eleven_handle handle;
	uint32_t iss, irs;
	uint8_t state, interface;
	uint8_t codepoint;              /* enum ecn_codepoint */
};
void trace_segment(struct tcp *tcp, enum eleven_trace_kind kind, const struct trace_party *party,
		   const struct segment *seg, bool retransmission);

eleven_handle tcb_handle(const struct tcp *tcp, const struct tcb *tcb);

#endif
