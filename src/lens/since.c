/* SPDX-License-Identifier: MIT */
/*
 * Time in a state from what Linux keeps for other reasons; see since.h.
 *
 * Each state has its own witness, and each witness its own flaw, which decides whether the age is exact or a bound:
 *
 *   CLOSE_WAIT, FIN_WAIT2   the last ACK came with the peer's FIN, or was of ours; what came later makes it younger
 *   TIME_WAIT, orphans      a timer of known length runs down
 *   FIN_WAIT1, LAST_ACK,    how long anything was unacknowledged; earlier text counts, too
 *   CLOSING
 *   SYN_SENT, SYN_RECV      so many timeouts have passed, each at least of its length
 *   ESTABLISHED             the clocks of text sent and received start with the connection: whichever has not moved
 *                           since is exact, otherwise the older one is the least
 */
#include "lens/since.h"

#define MS 1000000ull
#define TIME_WAIT_MS 60000u             /* TCP_TIMEWAIT_LEN, not to be configured */
#define RTO_FIRST_MS 1000u              /* TCP_TIMEOUT_INIT */
#define RTO_MAX_MS 120000u              /* TCP_RTO_MAX */

static void tell(struct conn_view *conn, uint64_t ms, enum view_bound bound, const char *how)
{
	conn->age_ns = ms * MS;
	conn->age_bound = bound;
	conn->age_how = how;
}

/* A timer that ran for `length_ms` from the beginning of the state. */
static void tell_timer(struct conn_view *conn, uint64_t length_ms)
{
	uint64_t left = conn->kernel->expires_ms;

	if (left <= length_ms)
		tell(conn, length_ms - left, VIEW_EXACT, "timer");
}

static void tell_last_ack(struct conn_view *conn)
{
	const struct kernel_sock *sock = conn->kernel;
	const struct tcp_info *tcp = &sock->info.base;
	bool later;     /* something may have been acknowledged, or have come, within the state */

	if (conn->state == ELEVEN_CLOSE_WAIT)
		later = tcp->tcpi_data_segs_out > 0 && tcp->tcpi_last_data_sent <= tcp->tcpi_last_ack_recv;
	else
		later = tcp->tcpi_data_segs_in > 0 && tcp->tcpi_last_data_recv <= tcp->tcpi_last_ack_recv;
	if (sock->timer == KERNEL_TIMER_KEEPALIVE || sock->timer == KERNEL_TIMER_PROBE)
		later = true;   /* probes are answered by ACKs */
	tell(conn, tcp->tcpi_last_ack_recv, later ? VIEW_LOWER : VIEW_EXACT, "last_ack_recv");
}

/* Our FIN, or what is before it, waits to be acknowledged. */
static void tell_busy(struct conn_view *conn)
{
	const struct kernel_sock *sock = conn->kernel;
	bool only_fin;

	if (!KERNEL_INFO_HAS(sock, base.tcpi_busy_time))
		return;
	only_fin = sock->info.base.tcpi_data_segs_out == 0 && sock->wqueue <= 1;
	conn->age_ns = sock->info.base.tcpi_busy_time * 1000;
	conn->age_bound = only_fin ? VIEW_EXACT : VIEW_UPPER;
	conn->age_how = "busy_time";
}

/* The first timeouts are of one length (tcp_syn_linear_timeouts), `backoff` ones each twice the one before. */
static void tell_syn_sent(struct conn_view *conn)
{
	const struct kernel_sock *sock = conn->kernel;
	const struct tcp_info *tcp = &sock->info.base;
	uint64_t rto = tcp->tcpi_rto / 1000, first, sum = 0;
	unsigned retrans = tcp->tcpi_retransmits, backoff = tcp->tcpi_backoff;

	if (sock->timer != KERNEL_TIMER_ON || backoff > retrans || backoff > 30)
		return;
	first = rto >= RTO_MAX_MS ? RTO_FIRST_MS : rto >> backoff;
	for (unsigned i = 0; i <= retrans; i++) {
		unsigned doubled = i > retrans - backoff ? i - (retrans - backoff) : 0;
		uint64_t one = first << doubled;

		sum += one < RTO_MAX_MS ? one : RTO_MAX_MS;
	}
	if (sock->expires_ms <= sum)
		tell(conn, sum - sock->expires_ms, retrans == 0 ? VIEW_EXACT : VIEW_LOWER, "timeouts");
}

static void tell_syn_received(struct conn_view *conn)
{
	const struct kernel_sock *sock = conn->kernel;
	uint64_t sum = 0;

	for (unsigned i = 0; i <= sock->retrans && i < 32; i++)
		sum += (uint64_t)RTO_FIRST_MS << i < RTO_MAX_MS ? (uint64_t)RTO_FIRST_MS << i : RTO_MAX_MS;
	if (sock->timer == KERNEL_TIMER_ON && sock->expires_ms <= sum)
		tell(conn, sum - sock->expires_ms, VIEW_LOWER, "timeouts");
}

static void tell_established(struct conn_view *conn)
{
	const struct tcp_info *tcp = &conn->kernel->info.base;
	uint32_t sent = tcp->tcpi_last_data_sent, received = tcp->tcpi_last_data_recv;

	if (tcp->tcpi_data_segs_in == 0)
		tell(conn, received, VIEW_EXACT, "last_data_recv");
	else if (tcp->tcpi_data_segs_out == 0)
		tell(conn, sent, VIEW_EXACT, "last_data_sent");
	else
		tell(conn, sent > received ? sent : received, VIEW_LOWER,
		     sent > received ? "last_data_sent" : "last_data_recv");
}

void since_tell(struct conn_view *conn, uint64_t fin_timeout_ms)
{
	const struct kernel_sock *sock = conn->kernel;
	bool full = KERNEL_INFO_HAS(sock, base.tcpi_data_segs_out);

	switch (conn->state) {
	case ELEVEN_TIME_WAIT:
		tell_timer(conn, TIME_WAIT_MS);
		return;
	case ELEVEN_FIN_WAIT_2:
		if (sock->small)
			tell_timer(conn, fin_timeout_ms < TIME_WAIT_MS ? fin_timeout_ms : TIME_WAIT_MS);
		else if (full)
			tell_last_ack(conn);
		return;
	case ELEVEN_CLOSE_WAIT:
		if (full)
			tell_last_ack(conn);
		return;
	case ELEVEN_FIN_WAIT_1:
	case ELEVEN_LAST_ACK:
	case ELEVEN_CLOSING:
		tell_busy(conn);
		return;
	case ELEVEN_SYN_SENT:
		if (full)
			tell_syn_sent(conn);
		return;
	case ELEVEN_SYN_RECEIVED:
		tell_syn_received(conn);
		return;
	case ELEVEN_ESTABLISHED:
		if (full)
			tell_established(conn);
		return;
	case ELEVEN_CLOSED:
	case ELEVEN_LISTEN:
	case ELEVEN_STATES:
		return;
	}
}
