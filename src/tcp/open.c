/* SPDX-License-Identifier: MIT */
/* User calls that open: OPEN passive and active (§3.10.1), and taking what a listener has. */
#include <errno.h>

#include "tcp/auth.h"
#include "tcp/connection.h"
#include "tcp/fastopen.h"
#include "tcp/options.h"
#include "tcp/port.h"
#include "tcp/window.h"

int tcp_open(struct tcp *tcp, eleven_handle *handle, uint64_t now)
{
	struct tcb *tcb;

	clock_advance(tcp, now);
	tcb = tcb_create(tcp);
	if (tcb == NULL)
		return -ENOBUFS;
	tcb->held = true;
	*handle = tcb_handle(tcp, tcb);
	return 0;
}

int tcp_bind(struct tcp *tcp, eleven_handle handle, const struct address *local, uint16_t port, unsigned flags,
	     uint64_t now)
{
	struct tcb *tcb = tcb_of(tcp, handle);
	int error;

	clock_advance(tcp, now);
	if (tcb == NULL)
		return -EBADF;
	if (tcb->state != TCP_CLOSED || tcb->bound || tcb->rule != RULE_NONE)
		return -EINVAL;
	tcb->reuse_address = flags & ELEVEN_BIND_REUSE_ADDRESS;
	tcb->reuse_port = flags & ELEVEN_BIND_REUSE_PORT;
	tcb->v6only = (flags & ELEVEN_BIND_V6ONLY) && !address_is_v4(local);
	error = port_bind(tcp, tcb, local, port);
	if (error)
		return error;
	tcb->port_given = true;
	tcb->address_given = !address_is_any(local);
	return 0;
}

int tcp_local(const struct tcp *tcp, eleven_handle handle, struct address *local)
{
	const struct tcb *tcb = tcb_of(tcp, handle);

	if (tcb == NULL)
		return -EBADF;
	*local = tcb->tuple.local;
	return 0;
}

int tcp_listen(struct tcp *tcp, eleven_handle handle, unsigned backlog, uint64_t now)
{
	struct tcb *tcb = tcb_of(tcp, handle);
	struct address any = address_v4(0);
	int error;

	clock_advance(tcp, now);
	if (tcb == NULL)
		return -EBADF;
	if (tcb->state == TCP_LISTEN) {
		tcb->backlog = backlog;
		return 0;
	}
	if (tcb->state != TCP_CLOSED || tcb->rule != RULE_NONE)
		return -EINVAL;
	if (!tcb->bound && (error = port_bind(tcp, tcb, &any, 0)) != 0)
		return error;
	if (!port_may_listen(tcp, tcb))
		return -EADDRINUSE;
	tcb->backlog = backlog;
	if ((tcp->config.fast_open & FAST_OPEN_ALL_LISTENERS) && tcb->fast_open_limit == 0)
		tcb->fast_open_limit = backlog;
	tcb->opened = tcp->now;
	trace_call(tcp, tcb, ELEVEN_CALL_OPEN_PASSIVE, backlog);
	tcb_set_state(tcp, tcb, TCP_LISTEN, RULE_OPEN_PASSIVE);
	return 0;
}

/* A TCB whose last connection ended may be opened anew: what is left of that goes. */
static void begin_again(struct tcp *tcp, struct tcb *tcb)
{
	struct rtt_bounds bounds = { tcp->config.rto_initial, tcp->config.rto_least, tcp->config.rto_most,
				     tcp->config.rto_margin_least };

	ring_release(&tcb->send_ring, &tcp->buffers);
	ring_release(&tcb->receive_ring, &tcp->buffers);
	memset(&tcb->snd, 0, sizeof(tcb->snd));
	memset(&tcb->rcv, 0, sizeof(tcb->rcv));
	memset(&tcb->ts, 0, sizeof(tcb->ts));
	rtt_init(&tcb->rtt, &bounds);
	tcb->fin_queued = tcb->fin_sent = tcb->fin_acked = tcb->fin_seen = tcb->fin_received = false;
	tcb->fast_open_asked = tcb->fast_open_text = tcb->syn_text_taken = false;
	tcb->eof_read = tcb->read_shut = tcb->timing = tcb->persisting = tcb->urgent_in = tcb->urgent_out = false;
	tcb->retries = tcb->keepalives = 0;
	tcb->unacked_since = 0;
	tcb->error = tcb->soft_error = 0;
	tcb->error_told = false;
	tcb->quick_acks = (uint8_t)tcp->config.quick_acks;
	tcb->opened = tcp->now;
}

static int connect_local(struct tcp *tcp, struct tcb *tcb, const struct address *local)
{
	if (tcb->bound && tcb->port_given) {
		tcb->tuple.local = *local;
		return connection_find(tcp, &tcb->tuple) ? -EADDRNOTAVAIL : 0;
	}
	port_unbind(tcp, tcb);
	tcb->tuple.local = *local;
	return port_choose(tcp, tcb);
}

int tcp_connect(struct tcp *tcp, eleven_handle handle, const struct address *local, uint8_t interface,
		const struct address *remote, uint16_t remote_port, uint64_t now)
{
	struct tcb *tcb = tcb_of(tcp, handle);
	int error;

	clock_advance(tcp, now);
	if (tcb == NULL)
		return -EBADF;
	if (tcb->state == TCP_LISTEN)
		return -EOPNOTSUPP;
	if (tcb->state == TCP_SYN_SENT || tcb->state == TCP_SYN_RECEIVED)
		return -EALREADY;
	if (tcb->state != TCP_CLOSED)
		return -EISCONN;
	begin_again(tcp, tcb);
	tcb->tuple.remote = *remote;
	tcb->tuple.remote_port = remote_port;
	tcb->interface = interface;
	error = connect_local(tcp, tcb, local);
	if (error)
		return error;
	error = auth_open(tcp, tcb);
	if (error)
		return error;
	if (!connection_insert(tcp, tcb))
		return -ENOBUFS;
	numbers_choose(tcp, tcb);
	tcb->snd.una = tcb->snd.nxt = tcb->snd.max = tcb->snd.iss;
	tcb->snd.end = tcb->snd.push = seq_add(tcb->snd.iss, 1);
	tcb->snd.mss_peer = mss_default(&tcb->tuple);
	ecn_open(tcp, tcb);
	options_mss_update(tcp, tcb);
	window_start(tcp, tcb);
	trace_call(tcp, tcb, ELEVEN_CALL_OPEN_ACTIVE, 0);
	tcb_set_state(tcp, tcb, TCP_SYN_SENT, RULE_OPEN_ACTIVE);
	tcp->active_opens++;
	tcb->fast_open_waits = fast_open_waits(tcp, tcb);
	if (tcb->fast_open_waits) {
		tcb_signal(tcp, tcb, ELEVEN_SIGNAL_SEND);
		return 0;
	}
	tcb->want.syn = true;
	tcb_ready(tcp, tcb);
	return 0;
}

int tcp_accept(struct tcp *tcp, eleven_handle listener_handle, eleven_handle *handle, uint64_t now)
{
	struct tcb *listener = tcb_of(tcp, listener_handle);
	struct tcb *child;
	uint32_t signals = ELEVEN_SIGNAL_SEND;

	clock_advance(tcp, now);
	if (listener == NULL)
		return -EBADF;
	if (listener->state != TCP_LISTEN)
		return -EINVAL;
	child = queue_take(tcp, listener);
	if (child == NULL)
		return -EAGAIN;
	child->held = true;
	*handle = tcb_handle(tcp, child);
	trace_call(tcp, child, ELEVEN_CALL_ACCEPT, 0);
	if (ring_used(&child->receive_ring) > 0)
		signals |= ELEVEN_SIGNAL_RECEIVE;
	if (child->fin_received)
		signals |= ELEVEN_SIGNAL_CLOSING;
	if (child->state == TCP_CLOSED)
		signals |= ELEVEN_SIGNAL_ERROR;
	tcb_signal(tcp, child, signals);
	return 0;
}
