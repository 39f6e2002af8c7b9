/* SPDX-License-Identifier: MIT */
/*
 * User calls that end: CLOSE (§3.10.4), of which the half-close is the part that keeps the
 * handle, and ABORT (§3.10.5).
 */
#include <errno.h>

#include "tcp/connection.h"
#include "tcp/output.h"
#include "tcp/record.h"
#include "tcp/timer.h"

/* RFC 7413: text that the program gave before the connection stood has gone with the SYN, and is not taken back. */
static bool text_in_syn(const struct tcb *tcb)
{
	return tcb->fast_open && ring_used(&tcb->send_ring) > 0;
}

/* No more SENDs: a FIN follows what is queued. Returns -errno, or 0 when there was something to close. */
static int close_sending(struct tcp *tcp, struct tcb *tcb)
{
	switch ((enum tcp_state)tcb->state) {
	case TCP_CLOSED:
	case TCP_LISTEN:
		return -ENOTCONN;
	case TCP_SYN_SENT:
		if (text_in_syn(tcb)) {
			tcb->fin_queued = true;         /* behind the text, once it is known what became of it */
			return 0;
		}
		tcb_closed(tcp, tcb, RULE_CLOSE_SYN_SENT, 0);
		return 0;
	case TCP_SYN_RECEIVED:
		tcb->fin_queued = true;
		if (ring_used(&tcb->send_ring) > 0) {
			tcb_ready(tcp, tcb);
			return 0;       /* behind the text, which waits for ESTABLISHED or (RFC 7413) does not */
		}
		tcb_set_state(tcp, tcb, TCP_FIN_WAIT_1, RULE_CLOSE_FIN_WAIT_1);
		tcb_ready(tcp, tcb);
		return 0;
	case TCP_ESTABLISHED:
		tcb->fin_queued = true;
		tcb->more = false;
		tcb_set_state(tcp, tcb, TCP_FIN_WAIT_1, RULE_CLOSE_FIN_WAIT_1);
		tcb_ready(tcp, tcb);
		return 0;
	case TCP_CLOSE_WAIT:
		tcb->fin_queued = true;
		tcb->more = false;
		tcb_set_state(tcp, tcb, TCP_LAST_ACK, RULE_CLOSE_LAST_ACK);
		tcb_ready(tcp, tcb);
		return 0;
	case TCP_FIN_WAIT_1:
	case TCP_FIN_WAIT_2:
	case TCP_CLOSING:
	case TCP_LAST_ACK:
	case TCP_TIME_WAIT:
		return 0;               /* closed for sending already */
	}
	return 0;
}

int tcp_shutdown(struct tcp *tcp, eleven_handle handle, uint64_t now)
{
	struct tcb *tcb = tcb_of(tcp, handle);

	clock_advance(tcp, now);
	if (tcb == NULL)
		return -EBADF;
	if (tcb->state != TCP_CLOSED && tcb->state != TCP_LISTEN)
		trace_call(tcp, tcb, ELEVEN_CALL_SHUTDOWN, 0);
	return close_sending(tcp, tcb);
}

int tcp_shutdown_receive(struct tcp *tcp, eleven_handle handle, uint64_t now)
{
	struct tcb *tcb = tcb_of(tcp, handle);

	clock_advance(tcp, now);
	if (tcb == NULL)
		return -EBADF;
	if (tcb->state == TCP_CLOSED || tcb->state == TCP_LISTEN)
		return -ENOTCONN;
	tcb->read_shut = true;
	return 0;
}

/* RST, and the TCB is gone. */
static void close_with_reset(struct tcp *tcp, struct tcb *tcb, enum rule rule)
{
	output_reset(tcp, tcb);
	tcb->held = false;
	tcb->queued = false;
	tcb_closed(tcp, tcb, rule, 0);
}

static void close_records_of(struct tcp *tcp, const struct tcb *listener)
{
	if (listener->half_open == 0)
		return;
	for (uint32_t i = 0; i < tcp->syn_received.touched; i++) {
		struct syn_received *record = pool_at(&tcp->syn_received, i);
		struct tcb tcb;

		if (record->kind != KIND_SYN_RECEIVED || syn_received_listener(tcp, record) != listener)
			continue;
		syn_received_unfold(tcp, record, &tcb);
		tcb_closed(tcp, &tcb, RULE_CLOSE_UNREAD_QUEUE, 0);
		syn_received_remove(tcp, record);
	}
}

static void close_listener(struct tcp *tcp, struct tcb *listener)
{
	struct tcb *child;

	close_records_of(tcp, listener);
	while ((child = queue_take(tcp, listener)) != NULL) {
		if (child->state == TCP_CLOSED)
			tcb_destroy(tcp, child);
		else
			close_with_reset(tcp, child, RULE_CLOSE_UNREAD_QUEUE);
	}
	listener->held = false;
	tcb_closed(tcp, listener, RULE_CLOSE_LISTEN, 0);
}

static bool text_unread(const struct tcb *tcb)
{
	return tcb->unread_elsewhere || (ring_used(&tcb->receive_ring) > 0 && !tcb->read_shut);
}

/* The program lets go of a connection: it goes on by itself. */
static void orphan(struct tcp *tcp, struct tcb *tcb)
{
	tcb->held = false;
	tcb->signals = 0;
	if (tcb->state == TCP_TIME_WAIT && !tcb->auth) {
		output_unfolded(tcp, tcb);      /* an ACK that has not gone yet */
		time_wait_fold(tcp, tcb);
		return;
	}
	timer_orphaned(tcp, tcb);
}

int tcp_close(struct tcp *tcp, eleven_handle handle, uint64_t now)
{
	struct tcb *tcb = tcb_of(tcp, handle);

	clock_advance(tcp, now);
	if (tcb == NULL)
		return -EBADF;
	if (tcb->state == TCP_CLOSED) {
		tcb_destroy(tcp, tcb);
		return 0;
	}
	trace_call(tcp, tcb, ELEVEN_CALL_CLOSE, 0);
	if (tcb->state == TCP_LISTEN) {
		close_listener(tcp, tcb);
		return 0;
	}
	if (tcb->state == TCP_SYN_SENT && !text_in_syn(tcb)) {
		tcb->held = false;
		tcb_closed(tcp, tcb, RULE_CLOSE_SYN_SENT, 0);
		return 0;
	}
	if (tcb->state != TCP_TIME_WAIT && text_unread(tcb)) {
		close_with_reset(tcp, tcb, RULE_CLOSE_UNREAD_TEXT);
		return 0;
	}
	if (tcb->state != TCP_TIME_WAIT && tcb->linger_reset) {
		close_with_reset(tcp, tcb, RULE_CLOSE_LINGER_RESET);
		return 0;
	}
	close_sending(tcp, tcb);
	orphan(tcp, tcb);
	return 0;
}

int tcp_abort(struct tcp *tcp, eleven_handle handle, uint64_t now)
{
	struct tcb *tcb = tcb_of(tcp, handle);

	clock_advance(tcp, now);
	if (tcb == NULL)
		return -EBADF;
	if (tcb->state != TCP_CLOSED)
		trace_call(tcp, tcb, ELEVEN_CALL_ABORT, 0);
	switch ((enum tcp_state)tcb->state) {
	case TCP_CLOSED:
		tcb_destroy(tcp, tcb);
		return 0;
	case TCP_LISTEN:
		close_listener(tcp, tcb);
		return 0;
	case TCP_SYN_RECEIVED:
	case TCP_ESTABLISHED:
	case TCP_FIN_WAIT_1:
	case TCP_FIN_WAIT_2:
	case TCP_CLOSE_WAIT:
		close_with_reset(tcp, tcb, RULE_ABORT);
		return 0;
	case TCP_SYN_SENT:
	case TCP_CLOSING:
	case TCP_LAST_ACK:
	case TCP_TIME_WAIT:             /* the peer has all it needs: no RST */
		tcb->held = false;
		tcb_closed(tcp, tcb, RULE_ABORT, 0);
		return 0;
	}
	return 0;
}
