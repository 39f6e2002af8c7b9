/* SPDX-License-Identifier: MIT */
/*
 * Receive window; see window.h.
 *
 * Theory of operation.  rcv.limit bounds text held plus window offered.  It starts small and
 * doubles each time a whole window has been delivered and the program has received most of it,
 * up to the receive buffer: so a connection whose program does not read never holds more
 * than its first window, and one that reads fast is never held back for long.  Asked when the
 * program has read, not when text comes: one big segment may fill the window.
 */
#include "tcp/window.h"

#include "tcp/options.h"

#define TIMESTAMP_OPTION_BYTES 12

static uint32_t limit_most(const struct tcb *tcb)
{
	uint32_t most = tcb->receive_buffer;
	uint32_t scaled = tcb->rcv.wscale ? 65535u << tcb->rcv.wscale : 65535u;

	if (tcb->window_clamp && tcb->window_clamp < most)
		most = tcb->window_clamp;
	return min_u32(most, scaled);
}

/* Linux: as many as the text of full segments that fit, options of each taken off. */
static uint32_t whole_segments(const struct tcp *tcp, const struct tcb *tcb, uint32_t bytes)
{
	uint32_t mss = options_mss_offer(tcp, tcb);

	if (tcb->passive && tcb->timestamps)
		mss = mss > TIMESTAMP_OPTION_BYTES ? mss - TIMESTAMP_OPTION_BYTES : 1;
	return bytes > mss ? bytes - bytes % mss : bytes;
}

void window_start(const struct tcp *tcp, struct tcb *tcb)
{
	uint32_t first = min_u32((uint32_t)tcp->config.receive_window_initial, tcb->receive_buffer);

	if (tcb->window_clamp)
		first = min_u32(first, tcb->window_clamp);
	if (tcp->config.receive_window_whole)
		first = whole_segments(tcp, tcb, first);
	tcb->rcv.limit = first = min_u32(first, 65535);
	/* In whole units of the scale, as every window after the SYN's will be. */
	first = (first + (1u << tcb->rcv.wscale) - 1) >> tcb->rcv.wscale << tcb->rcv.wscale;
	tcb->rcv.edge = seq_add(tcb->rcv.nxt, first);
	tcb->rcv.grow = tcb->rcv.edge;
}

void window_established(struct tcb *tcb)
{
	tcb->rcv.limit = min_u32(tcb->rcv.limit, limit_most(tcb));
}

/* With most of the memory for text taken, nobody's window grows. */
static bool memory_short(const struct tcp *tcp)
{
	return buffers_free_bytes(&tcp->buffers) < tcp->config.buffer_bytes / 4;
}

static struct seq edge_possible(const struct tcb *tcb)
{
	uint32_t used = ring_used(&tcb->receive_ring);
	uint32_t room = tcb->rcv.limit > used ? tcb->rcv.limit - used : 0;

	return seq_add(tcb->rcv.nxt, room);
}

uint16_t window_offer(struct tcb *tcb, bool on_syn)
{
	struct seq possible = edge_possible(tcb);
	uint32_t threshold = min_u32(tcb->rcv.limit / 2, max_u32(tcb->rcv.mss, 1));
	uint32_t window;

	/* SWS avoidance: the edge moves by a good piece or not at all (MUST-39). */
	if (seq_gt(possible, tcb->rcv.edge) && seq_distance(possible, tcb->rcv.edge) >= threshold)
		tcb->rcv.edge = possible;
	window = rcv_wnd(tcb);
	if (on_syn)
		return (uint16_t)min_u32(min_u32(window, tcb->rcv.limit), 65535);
	/* Rounding down would take back what was offered (RFC 7323 §2.4): up, and that much is offered. */
	window = min_u32((window + (1u << tcb->rcv.wscale) - 1) >> tcb->rcv.wscale, 65535);
	if (window > 0)
		tcb->rcv.edge = seq_max(tcb->rcv.edge, seq_add(tcb->rcv.nxt, window << tcb->rcv.wscale));
	return (uint16_t)window;
}

void window_read(const struct tcp *tcp, struct tcb *tcb)
{
	uint32_t most = limit_most(tcb);

	if (!seq_ge(tcb->rcv.nxt, tcb->rcv.grow) || ring_used(&tcb->receive_ring) > tcb->rcv.limit / 2)
		return;
	if (tcp->config.receive_autotuning && !memory_short(tcp) && tcb->rcv.limit < most)
		tcb->rcv.limit = tcb->rcv.limit < most / 2 ? tcb->rcv.limit * 2 : most;
	tcb->rcv.grow = seq_add(tcb->rcv.nxt, tcb->rcv.limit);
}

bool window_update_due(const struct tcb *tcb)
{
	struct seq possible = edge_possible(tcb);
	uint32_t offered = rcv_wnd(tcb);
	uint32_t threshold = min_u32(tcb->rcv.limit / 2, 2 * (uint32_t)tcb->rcv.mss);

	if (!seq_gt(possible, tcb->rcv.edge) || offered >= tcb->rcv.limit / 2)
		return false;           /* the next ACK of text will tell */
	return seq_distance(possible, tcb->rcv.edge) >= max_u32(threshold, 1);
}
