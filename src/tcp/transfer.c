/* SPDX-License-Identifier: MIT */
/* User calls SEND and RECEIVE (§3.10.2, §3.10.3), with and without a copy. */
#include <errno.h>

#include "tcp/connection.h"
#include "tcp/fastopen.h"
#include "tcp/output.h"
#include "tcp/timer.h"
#include "tcp/window.h"

#define MEMORY_RETRY_NS MS(10)          /* a SEND refused for want of memory is signalled again after this */

/* The error that ended the connection is told once. */
static int error_once(struct tcb *tcb)
{
	if (tcb->error == 0 || tcb->error_told)
		return 0;
	tcb->error_told = true;
	return -tcb->error;
}

/* ---- SEND */

static int send_allowed(struct tcb *tcb)
{
	int error;

	switch ((enum tcp_state)tcb->state) {
	case TCP_CLOSED:
		error = error_once(tcb);
		if (error)
			return error;
		return tcb->rule == RULE_NONE ? -ENOTCONN : -EPIPE;
	case TCP_LISTEN:
		return -ENOTCONN;
	case TCP_SYN_SENT:
	case TCP_SYN_RECEIVED:
	case TCP_ESTABLISHED:
	case TCP_CLOSE_WAIT:
		return tcb->fin_queued ? -EPIPE : 0;
	case TCP_FIN_WAIT_1:
	case TCP_FIN_WAIT_2:
	case TCP_CLOSING:
	case TCP_LAST_ACK:
	case TCP_TIME_WAIT:
		return -EPIPE;
	}
	return -EPIPE;
}

/*
 * A quarter of the memory is left to what arrives: if all of it held text to send, nobody could receive any, nothing
 * would be acknowledged, and so no memory would ever come back.
 */
static bool memory_for_sending(const struct tcp *tcp, unsigned order)
{
	return buffers_free_bytes(&tcp->buffers) >=
	       buffers_block_bytes(&tcp->buffers, order) + tcp->config.buffer_bytes / 4;
}

/*
 * For a ring that is to hold `bytes`: what that takes; but one that was emptied and is filled again gets as much as
 * it had last, if that was needed, or half of it, rather than come to it by steps that copy each time.
 */
static unsigned send_ring_order(const struct tcp *tcp, const struct tcb *tcb, uint32_t bytes)
{
	unsigned order = buffers_order(&tcp->buffers, bytes), last = tcb->send_ring.order;

	if (ring_capacity(&tcb->send_ring) > 0 || last <= order)
		return order;
	if (last > order + 2)
		last--;
	return memory_for_sending(tcp, last) ? last : order;
}

/* Makes the ring hold up to `bytes` more; returns how many it can. */
static uint32_t send_room(struct tcp *tcp, struct tcb *tcb, size_t bytes)
{
	uint32_t used = ring_used(&tcb->send_ring), limit = send_limit(tcb);
	uint32_t room = limit > used ? limit - used : 0;
	uint32_t want = bytes < room ? (uint32_t)bytes : room;

	if (want > ring_free(&tcb->send_ring)) {
		unsigned order = send_ring_order(tcp, tcb, used + want);

		if (!memory_for_sending(tcp, order) || !ring_resize(&tcb->send_ring, &tcp->buffers, order, used)) {
			want = min_u32(want, ring_free(&tcb->send_ring));
			if (want == 0 && tcb->deadline[SLOT_CORK] == TIME_NEVER)
				timer_arm(tcp, tcb, SLOT_CORK, tcp->now + MEMORY_RETRY_NS);
		}
	}
	return want;
}

static void sent_by_program(struct tcp *tcp, struct tcb *tcb, uint32_t bytes, unsigned flags)
{
	tcb->snd.end = seq_add(tcb->snd.end, bytes);
	tcb->more = flags & ELEVEN_SEND_MORE;
	if (!tcb->more)
		tcb->snd.push = tcb->snd.end;
	if (flags & ELEVEN_SEND_RECORD)
		points_add(&tcb->snd.records, tcb->snd.una, tcb->snd.end);
	if (flags & ELEVEN_SEND_URGENT) {
		tcb->snd.up = tcb->snd.end;
		tcb->urgent_out = true;
	}
	if (tcb->last_received && tcp->now - tcb->last_received < tcp->config.delayed_ack)
		tcb->interactive = true;
	trace_call(tcp, tcb, ELEVEN_CALL_SEND, bytes);
	if (tcb->fast_open_waits && tcb->state == TCP_SYN_SENT)
		fast_open_text(tcp, tcb);
	else if (synchronized(tcb) || tcb->fast_open_child)
		tcb_ready(tcp, tcb);
}

int64_t tcp_send(struct tcp *tcp, eleven_handle handle, const void *text, size_t bytes, unsigned flags, uint64_t now)
{
	struct tcb *tcb = tcb_of(tcp, handle);
	uint32_t taken;
	int error;

	clock_advance(tcp, now);
	if (tcb == NULL)
		return -EBADF;
	error = send_allowed(tcb);
	if (error == 0 && bytes == 0 && tcb->fast_open_waits && tcb->state == TCP_SYN_SENT)
		fast_open_text(tcp, tcb);       /* none: the SYN goes alone, with its cookie */
	if (error || bytes == 0)
		return error;
	taken = send_room(tcp, tcb, bytes);
	if (taken < bytes)
		tcb->send_starved = true;
	if (taken == 0)
		return -EAGAIN;
	ring_append(&tcb->send_ring, &tcp->buffers, text, taken);
	if (taken < bytes)
		flags &= ~ELEVEN_SEND_URGENT;   /* the urgent byte is the last one, which was not taken */
	sent_by_program(tcp, tcb, taken, flags);
	return taken;
}

int tcp_send_buf(struct tcp *tcp, eleven_handle handle, size_t bytes, struct eleven_slice room[2], uint64_t now)
{
	struct tcb *tcb = tcb_of(tcp, handle);
	struct ring_room lent[2];
	uint32_t can;
	unsigned n;
	int error;

	clock_advance(tcp, now);
	room[0] = room[1] = (struct eleven_slice){ NULL, 0 };
	if (tcb == NULL)
		return -EBADF;
	error = send_allowed(tcb);
	if (error)
		return error;
	can = send_room(tcp, tcb, bytes);
	if (can < bytes)
		tcb->send_starved = true;
	if (can == 0)
		return -EAGAIN;
	n = ring_room_slices(&tcb->send_ring, &tcp->buffers, lent);
	for (unsigned i = 0; i < n; i++) {
		room[i] = (struct eleven_slice){ lent[i].bytes, min_u32(lent[i].n, can) };
		can -= room[i].length;
	}
	return room[1].length ? 2 : 1;
}

int tcp_send_commit(struct tcp *tcp, eleven_handle handle, size_t bytes, unsigned flags, uint64_t now)
{
	struct tcb *tcb = tcb_of(tcp, handle);
	int error;

	clock_advance(tcp, now);
	if (tcb == NULL)
		return -EBADF;
	error = send_allowed(tcb);
	if (error)
		return error;
	if (bytes > ring_free(&tcb->send_ring))
		return -EINVAL;
	ring_commit(&tcb->send_ring, (uint32_t)bytes);
	if (bytes > 0)
		sent_by_program(tcp, tcb, (uint32_t)bytes, flags);
	else if (ring_used(&tcb->send_ring) == 0)
		ring_release(&tcb->send_ring, &tcp->buffers);
	return 0;
}

/* ---- RECEIVE */

/* 0: nothing more will come; 1: there is text; else -errno. */
static int receive_allowed(struct tcb *tcb)
{
	int error;

	if (ring_used(&tcb->receive_ring) > 0)
		return 1;
	switch ((enum tcp_state)tcb->state) {
	case TCP_CLOSED:
		error = error_once(tcb);
		if (error)
			return error;
		return tcb->rule == RULE_NONE ? -ENOTCONN : 0;
	case TCP_LISTEN:
		return -ENOTCONN;
	case TCP_SYN_SENT:
	case TCP_SYN_RECEIVED:
		return -EAGAIN;
	case TCP_ESTABLISHED:
	case TCP_FIN_WAIT_1:
	case TCP_FIN_WAIT_2:
		return tcb->read_shut ? 0 : -EAGAIN;
	case TCP_CLOSE_WAIT:
	case TCP_CLOSING:
	case TCP_LAST_ACK:
	case TCP_TIME_WAIT:
		return 0;
	}
	return 0;
}

static void received_by_program(struct tcp *tcp, struct tcb *tcb, uint32_t bytes)
{
	trace_call(tcp, tcb, ELEVEN_CALL_RECEIVE, bytes);
	window_read(tcp, tcb);
	if (tcb->urgent_in && seq_ge(rcv_taken(tcb), tcb->rcv.up))
		tcb->urgent_in = false; /* all of it was received */
	if (ring_used(&tcb->receive_ring) == 0 && tcb->reassembly == NONE)
		ring_release(&tcb->receive_ring, &tcp->buffers);
	if ((tcb->state == TCP_ESTABLISHED || tcb->state == TCP_FIN_WAIT_1 || tcb->state == TCP_FIN_WAIT_2) &&
	    window_update_due(tcb)) {
		tcb->want.ack_now = true;
		tcb_ready(tcp, tcb);
	}
}

int64_t tcp_receive(struct tcp *tcp, eleven_handle handle, void *text, size_t bytes, uint64_t now)
{
	struct tcb *tcb = tcb_of(tcp, handle);
	uint32_t n;
	int allowed;

	clock_advance(tcp, now);
	if (tcb == NULL)
		return -EBADF;
	allowed = receive_allowed(tcb);
	if (allowed <= 0 || bytes == 0) {
		tcb->eof_read |= allowed == 0;
		return allowed <= 0 ? allowed : 0;
	}
	n = ring_read(&tcb->receive_ring, &tcp->buffers, text, bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes);
	received_by_program(tcp, tcb, n);
	return n;
}

int tcp_receive_buf(struct tcp *tcp, eleven_handle handle, struct eleven_slice text[2], uint64_t now)
{
	struct tcb *tcb = tcb_of(tcp, handle);
	struct ring_slice slices[2];
	unsigned n;
	int allowed;

	clock_advance(tcp, now);
	text[0] = text[1] = (struct eleven_slice){ NULL, 0 };
	if (tcb == NULL)
		return -EBADF;
	allowed = receive_allowed(tcb);
	if (allowed <= 0) {
		tcb->eof_read |= allowed == 0;
		return allowed;
	}
	n = ring_peek(&tcb->receive_ring, &tcp->buffers, 0, ring_used(&tcb->receive_ring), slices);
	for (unsigned i = 0; i < n; i++)
		text[i] = (struct eleven_slice){ slices[i].bytes, slices[i].n };
	return (int)n;
}

int tcp_receive_commit(struct tcp *tcp, eleven_handle handle, size_t bytes, uint64_t now)
{
	struct tcb *tcb = tcb_of(tcp, handle);

	clock_advance(tcp, now);
	if (tcb == NULL)
		return -EBADF;
	if (bytes > ring_used(&tcb->receive_ring))
		return -EINVAL;
	ring_consume(&tcb->receive_ring, (uint32_t)bytes);
	if (bytes > 0)
		received_by_program(tcp, tcb, (uint32_t)bytes);
	return 0;
}
