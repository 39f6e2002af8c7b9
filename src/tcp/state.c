/* SPDX-License-Identifier: MIT */
/*
 * The state and its moves (§3.3.2, Figure 5 and its notes).  tcb_set_state() is the only
 * place that assigns it, and a move that the RFC does not know is our own fault: CHECK.
 */
#include "tcp/connection.h"
#include "tcp/fastopen.h"
#include "tcp/recovery.h"
#include "tcp/timer.h"

#define TO(state) (1u << (state))

/* Where each state may go.  Every state may end in CLOSED: reset, abort, given up. */
static const uint16_t legal[ELEVEN_STATES] = {
	[TCP_CLOSED] = TO(TCP_LISTEN) | TO(TCP_SYN_SENT),
	[TCP_LISTEN] = TO(TCP_SYN_RECEIVED) | TO(TCP_CLOSED),
	[TCP_SYN_SENT] = TO(TCP_SYN_RECEIVED) | TO(TCP_ESTABLISHED) | TO(TCP_CLOSED),
	[TCP_SYN_RECEIVED] = TO(TCP_ESTABLISHED) | TO(TCP_FIN_WAIT_1) | TO(TCP_CLOSE_WAIT) | TO(TCP_LISTEN) |
			     TO(TCP_CLOSED),
	[TCP_ESTABLISHED] = TO(TCP_FIN_WAIT_1) | TO(TCP_CLOSE_WAIT) | TO(TCP_CLOSED),
	[TCP_FIN_WAIT_1] = TO(TCP_FIN_WAIT_2) | TO(TCP_CLOSING) | TO(TCP_TIME_WAIT) | TO(TCP_CLOSED),
	[TCP_FIN_WAIT_2] = TO(TCP_TIME_WAIT) | TO(TCP_CLOSED),
	[TCP_CLOSE_WAIT] = TO(TCP_LAST_ACK) | TO(TCP_CLOSED),
	[TCP_CLOSING] = TO(TCP_TIME_WAIT) | TO(TCP_CLOSED),
	[TCP_LAST_ACK] = TO(TCP_CLOSED),
	[TCP_TIME_WAIT] = TO(TCP_CLOSED),
};

bool state_move_legal(enum tcp_state from, enum tcp_state to)
{
	return (legal[from] & TO(to)) != 0;
}

void tcb_set_state(struct tcp *tcp, struct tcb *tcb, enum tcp_state state, enum rule rule)
{
	enum tcp_state before = tcb->state;

	CHECK(state_move_legal(before, state));
	trace_count(tcp->trace, rule);
	trace_transition(tcp, tcb, before, state, rule);
	tcb->previous_state = tcb->state;
	tcb->state = (uint8_t)state;
	tcb->rule = tcb->last_rule = (uint16_t)rule;
	tcb->since = tcp->now;
	if (tcb->fast_open_counts && before == TCP_SYN_RECEIVED)
		fast_open_settled(tcp, tcb);
	timer_state_entered(tcp, tcb);
}

void tcb_closed(struct tcp *tcp, struct tcb *tcb, enum rule rule, int error)
{
	tcb_set_state(tcp, tcb, TCP_CLOSED, rule);
	if (tcb->kind != KIND_TCB)
		return;                 /* unfolded from a record, which its owner gives back */
	if (error && tcb->error == 0)
		tcb->error = (int16_t)error;
	timer_disarm_all(tcp, tcb);
	connection_remove(tcp, tcb);
	reassembly_release(tcp, tcb);
	recovery_end(tcp, tcb);
	ring_release(&tcb->send_ring, &tcp->buffers);
	tcb->snd.nxt = tcb->snd.max = seq_max(tcb->snd.max, tcb->snd.end);
	memset(&tcb->want, 0, sizeof(tcb->want));
	if (tcb->held)
		tcb_signal(tcp, tcb, error ? ELEVEN_SIGNAL_ERROR : ELEVEN_SIGNAL_ACKED | ELEVEN_SIGNAL_CLOSING);
	else if (!tcb->queued)
		tcb_destroy(tcp, tcb);
}
