/* SPDX-License-Identifier: MIT */
/* Remarks, and the JSON of all that is known; see note.h. */
#include "lens/note.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "lens/kernel.h"
#include "view/json.h"
#include "view/text.h"

/* Without an acknowledgement of what was sent for this many timeouts: worth a remark. */
#define RESENT_REMARKED 2u

static void note_close_wait(char *out, const struct conn_view *conn)
{
	char fd[24] = "";

	if (conn->owner_count > 0 && conn->owners[0].fd >= 0)
		snprintf(fd, sizeof(fd), "fd %d: ", conn->owners[0].fd);
	if (conn->source != VIEW_KERNEL)
		snprintf(out, NETSTAT_NOTE_MAX, "%s%s", fd,
			 conn->recvq > 0 ? "bytes and EOF unread" :
			 conn_view_sub(conn, ELEVEN_SUB_EOF_READ) ? "EOF was read, not closed" : "EOF not read");
	else if (conn->recvq == 0)
		snprintf(out, NETSTAT_NOTE_MAX, "%sEOF was read, not closed", fd);
	else if (conn->recvq == 1)
		snprintf(out, NETSTAT_NOTE_MAX, "%sEOF never read", fd);
	else
		snprintf(out, NETSTAT_NOTE_MAX, "%s%llu byte%s and EOF unread", fd, (unsigned long long)conn->recvq - 1,
			 conn->recvq == 2 ? "" : "s");
}

static void note_listen(char *out, const struct conn_view *conn)
{
	unsigned long long waiting = conn->recvq, most = conn->backlog;

	if (conn->recvq == VIEW_ABSENT || conn->backlog == VIEW_ABSENT || waiting == 0)
		return;
	snprintf(out, NETSTAT_NOTE_MAX,
		 waiting > most ? "accept queue full (%llu/%llu)" : "%llu of %llu wait for accept()", waiting, most);
}

/* The timer tells that something is wrong on the way or with the peer. */
static bool note_timer(char *out, const struct conn_view *conn)
{
	char time[TEXT_TIME_MAX];
	unsigned long long count = conn->timer.count;

	switch (conn->timer.kind) {
	case ELEVEN_TIMER_SYN:
		if (count > 0)
			snprintf(out, NETSTAT_NOTE_MAX, "%s sent %llu times, no answer",
				 conn->state == ELEVEN_SYN_SENT ? "SYN" : "SYN-ACK", count + 1);
		return count > 0;
	case ELEVEN_TIMER_RETRANSMISSION:
		if (count >= RESENT_REMARKED)
			snprintf(out, NETSTAT_NOTE_MAX, "sent again %llu times, no acknowledgement; next in %s", count,
				 text_duration(time, conn->timer.expires_ns));
		return count >= RESENT_REMARKED;
	case ELEVEN_TIMER_PERSIST:
		snprintf(out, NETSTAT_NOTE_MAX, "the peer's window is 0, %llu probe%s", count, count == 1 ? "" : "s");
		return true;
	case ELEVEN_TIMER_KEEPALIVE:
		if (count > 0)
			snprintf(out, NETSTAT_NOTE_MAX, "%llu keepalive probe%s without an answer", count,
				 count == 1 ? "" : "s");
		return count > 0;
	case ELEVEN_TIMER_TIME_WAIT:
	case ELEVEN_TIMER_FIN_WAIT_2:
		snprintf(out, NETSTAT_NOTE_MAX, "ends in %s", text_duration(time, conn->timer.expires_ns));
		return true;
	case ELEVEN_TIMER_NONE:
	case ELEVEN_TIMER_DELAYED_ACK:
	case ELEVEN_TIMER_LOSS_PROBE:
	case ELEVEN_TIMER_REORDERING:
	case ELEVEN_TIMER_PACING:
	case ELEVEN_TIMERS:
		break;
	}
	return false;
}

void note_write(char out[NETSTAT_NOTE_MAX], const struct conn_view *conn)
{
	char time[TEXT_TIME_MAX];

	out[0] = '\0';
	if (conn->state == ELEVEN_LISTEN) {
		note_listen(out, conn);
		return;
	}
	if (conn->state == ELEVEN_CLOSED) {
		if (conn->sub & VIEW_SUB_DEAD)
			snprintf(out, NETSTAT_NOTE_MAX, "the connection is over, fd %d is open%s",
				 conn->owner_count > 0 ? conn->owners[0].fd : -1,
				 conn->sub & VIEW_SUB_ERROR_PENDING ? ", its error not read" : "");
		else if (conn->sub & ELEVEN_SUB_BOUND)
			snprintf(out, NETSTAT_NOTE_MAX, "bound, neither listening nor connected");
		return;
	}
	if (note_timer(out, conn))
		return;
	if (conn->sub & ELEVEN_SUB_ACCEPT_QUEUE) {
		snprintf(out, NETSTAT_NOTE_MAX, "nobody has accepted it yet");
		return;
	}
	if (conn->state == ELEVEN_CLOSE_WAIT)
		note_close_wait(out, conn);
	else if (conn->state == ELEVEN_FIN_WAIT_2)
		snprintf(out, NETSTAT_NOTE_MAX, "the peer has not closed its side");
	else if (conn->state == ELEVEN_ESTABLISHED && conn->recvq != VIEW_ABSENT && conn->recvq > 0 &&
		 conn->info.last_received != VIEW_ABSENT)
		snprintf(out, NETSTAT_NOTE_MAX, "%llu byte%s unread, the last came %s ago",
			 (unsigned long long)conn->recvq, conn->recvq == 1 ? "" : "s",
			 text_duration(time, conn->info.last_received));
	else if (conn->sub & ELEVEN_SUB_RECOVERY)
		snprintf(out, NETSTAT_NOTE_MAX, "repairing a loss");
}

/* ---------------------------------------------------------------- JSON */

static void put(json_t *object, const char *key, json_t *value)
{
	CHECK(value != NULL && json_object_set_new(object, key, value) == 0);
}

#define FIELD(name) { #name, offsetof(struct tcp_info, tcpi_##name), sizeof(((struct tcp_info *)0)->tcpi_##name) }

static const struct { const char *name; size_t at, bytes; } fields[] = {
	FIELD(ca_state), FIELD(retransmits), FIELD(probes), FIELD(backoff), FIELD(options), FIELD(rto), FIELD(ato),
	FIELD(snd_mss), FIELD(rcv_mss), FIELD(unacked), FIELD(sacked), FIELD(lost), FIELD(retrans),
	FIELD(last_data_sent), FIELD(last_data_recv), FIELD(last_ack_recv), FIELD(pmtu), FIELD(rcv_ssthresh),
	FIELD(rtt), FIELD(rttvar), FIELD(snd_ssthresh), FIELD(snd_cwnd), FIELD(advmss), FIELD(reordering),
	FIELD(rcv_rtt),
	FIELD(rcv_space), FIELD(total_retrans), FIELD(pacing_rate), FIELD(max_pacing_rate), FIELD(bytes_acked),
	FIELD(bytes_received), FIELD(segs_out), FIELD(segs_in), FIELD(notsent_bytes), FIELD(min_rtt),
	FIELD(data_segs_in), FIELD(data_segs_out), FIELD(delivery_rate), FIELD(busy_time), FIELD(rwnd_limited),
	FIELD(sndbuf_limited), FIELD(delivered), FIELD(delivered_ce), FIELD(bytes_sent), FIELD(bytes_retrans),
	FIELD(dsack_dups), FIELD(reord_seen), FIELD(rcv_ooopack), FIELD(snd_wnd),
};

/* Kernel integers as they are; UINT64_MAX and the like are what Linux means by "no limit". */
static json_t *tcp_info_json(const struct kernel_sock *sock)
{
	const uint8_t *bytes = (const uint8_t *)&sock->info.base;
	json_t *value = json_object();

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		uint64_t number = 0;

		if (sock->info_bytes < fields[i].at + fields[i].bytes)
			continue;
		if (fields[i].bytes == 1) {
			number = bytes[fields[i].at];
		} else if (fields[i].bytes == 4) {
			uint32_t word;

			memcpy(&word, bytes + fields[i].at, sizeof(word));
			number = word;
		} else {
			memcpy(&number, bytes + fields[i].at, sizeof(number));
		}
		if (number <= INT64_MAX)
			put(value, fields[i].name, json_integer((json_int_t)number));
	}
	if (KERNEL_INFO_HAS(sock, rcv_wnd))
		put(value, "rcv_wnd", json_integer(sock->info.rcv_wnd));
	if (KERNEL_INFO_HAS(sock, total_rto_time)) {
		put(value, "total_rto", json_integer(sock->info.total_rto));
		put(value, "total_rto_recoveries", json_integer(sock->info.total_rto_recoveries));
		put(value, "total_rto_time", json_integer(sock->info.total_rto_time));
	}
	return value;
}

json_t *note_json(const struct conn_view *conn, bool whole)
{
	static const char *const memory[SK_MEMINFO_VARS] = { "r", "rb", "t", "tb", "f", "w", "o", "bl", "d" };
	const struct kernel_sock *sock = conn->kernel;
	json_t *row = json_conn(conn), *skmem;

	if (sock == NULL)
		return row;
	if (sock->shutdown_known)
		put(row, "shutdown", json_string(sock->shutdown == 3 ? "RCV|SEND" : sock->shutdown == 2 ? "SEND" :
						 sock->shutdown == 1 ? "RCV" : ""));
	if (sock->congestion[0] != '\0')
		put(row, "congestion", json_string(sock->congestion));
	if (whole && sock->skmem_known) {
		skmem = json_object();
		for (unsigned i = 0; i < SK_MEMINFO_VARS; i++)
			put(skmem, memory[i], json_integer(sock->skmem[i]));
		put(row, "skmem", skmem);
	}
	if (whole && sock->info_bytes > 0 && conn->state != ELEVEN_LISTEN)
		put(row, "tcp_info", tcp_info_json(sock));
	return row;
}
