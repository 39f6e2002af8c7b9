/* SPDX-License-Identifier: MIT */
/* TCP_INFO; see info.h. */
#include "sock/info.h"

#include <linux/tcp.h>
#include <string.h>

#include "base/time.h"

/* Behind what the headers of this system have, as Linux 6.18 lays it out. */
#define INFO_RCV_WND 232
#define REORDERING_LEAST 3              /* Linux's net.ipv4.tcp_reordering */
_Static_assert(sizeof(struct tcp_info) <= INFO_BYTES, "INFO_BYTES is all that Linux has");

/* The numbers of enum tcp_state in net/tcp_states.h, which tcp_info has. */
static const uint8_t linux_states[ELEVEN_STATES] = {
	[ELEVEN_ESTABLISHED] = 1, [ELEVEN_SYN_SENT] = 2, [ELEVEN_SYN_RECEIVED] = 3, [ELEVEN_FIN_WAIT_1] = 4,
	[ELEVEN_FIN_WAIT_2] = 5, [ELEVEN_TIME_WAIT] = 6, [ELEVEN_CLOSED] = 7, [ELEVEN_CLOSE_WAIT] = 8,
	[ELEVEN_LAST_ACK] = 9, [ELEVEN_LISTEN] = 10, [ELEVEN_CLOSING] = 11,
};

static uint32_t us(uint64_t ns)
{
	return (uint32_t)(ns / US(1));
}

static uint32_t ms_ago(uint64_t now, uint64_t then)
{
	return then == 0 || then > now ? 0 : (uint32_t)((now - then) / MS(1));
}

static void info_counts(struct tcp_info *info, const struct eleven_status *status)
{
	uint32_t mss = status->mss_send ? status->mss_send : 536;

	info->tcpi_unacked = (status->snd_max - status->snd_una + mss - 1) / mss;
	info->tcpi_sacked = (status->sacked + mss - 1) / mss;
	info->tcpi_lost = (status->lost + mss - 1) / mss;
	info->tcpi_retrans = (status->resent + mss - 1) / mss;
	info->tcpi_snd_cwnd = (uint32_t)(status->cwnd / mss);
	info->tcpi_snd_ssthresh = status->ssthresh / mss > INT32_MAX ? INT32_MAX : (uint32_t)(status->ssthresh / mss);
	info->tcpi_reordering = status->reordering > REORDERING_LEAST ? status->reordering : REORDERING_LEAST;
	info->tcpi_reord_seen = status->reorderings;
	info->tcpi_dsack_dups = status->dsacks;
	info->tcpi_total_retrans = (uint32_t)status->retransmitted_segments;
	info->tcpi_bytes_retrans = status->retransmitted_bytes;
	info->tcpi_bytes_acked = status->bytes_out > status->send_queue - status->unsent ?
				 status->bytes_out - (status->send_queue - status->unsent) : 0;
	info->tcpi_bytes_sent = status->bytes_out + status->retransmitted_bytes;
	info->tcpi_bytes_received = status->bytes_in;
	info->tcpi_segs_in = (uint32_t)status->segments_in;
	info->tcpi_segs_out = (uint32_t)status->segments_out;
	info->tcpi_notsent_bytes = status->unsent;
	info->tcpi_snd_wnd = status->snd_wnd;
}

static void info_path(struct tcp_info *info, const struct eleven_status *status, uint64_t now, uint32_t mtu)
{
	info->tcpi_snd_wscale = status->snd_wscale;
	info->tcpi_rcv_wscale = status->rcv_wscale;
	info->tcpi_ca_state = status->phase == 2 ? TCP_CA_Loss : status->phase == 1 ? TCP_CA_Recovery :
			      status->phase == 3 ? TCP_CA_CWR :
			      status->sacked > 0 ? TCP_CA_Disorder : TCP_CA_Open;
	info->tcpi_pacing_rate = status->pacing_rate;
	info->tcpi_rto = us(status->rto);
	info->tcpi_rtt = us(status->srtt);
	info->tcpi_rttvar = us(status->rttvar);
	info->tcpi_min_rtt = us(status->min_rtt);
	info->tcpi_snd_mss = status->mss_send;
	info->tcpi_rcv_mss = status->mss_receive;
	info->tcpi_advmss = status->mss_receive;
	info->tcpi_pmtu = mtu;
	info->tcpi_rcv_space = status->rcv_wnd;
	info->tcpi_rcv_ssthresh = status->rcv_wnd;
	info->tcpi_last_data_sent = ms_ago(now, status->last_sent);
	info->tcpi_last_data_recv = ms_ago(now, status->last_received);
	info->tcpi_last_ack_recv = ms_ago(now, status->last_ack_received);
}

void info_fill(uint8_t data[INFO_BYTES], const struct eleven_status *status, uint64_t now, uint32_t mtu)
{
	struct tcp_info info;

	memset(&info, 0, sizeof(info));
	memset(data, 0, INFO_BYTES);
	info.tcpi_state = 7;
	if (status) {
		info.tcpi_state = linux_states[status->state];
		info.tcpi_retransmits = status->timer == ELEVEN_TIMER_RETRANSMISSION ? (uint8_t)status->timer_count : 0;
		info.tcpi_probes = status->timer == ELEVEN_TIMER_PERSIST || status->timer == ELEVEN_TIMER_KEEPALIVE ?
				   (uint8_t)status->timer_count : 0;
		info.tcpi_options = (status->sub & ELEVEN_SUB_TIMESTAMPS ? TCPI_OPT_TIMESTAMPS : 0) |
				    (status->sub & ELEVEN_SUB_SACK ? TCPI_OPT_SACK : 0) |
				    (status->sub & ELEVEN_SUB_SYN_TEXT ? TCPI_OPT_SYN_DATA : 0) |
				    (status->sub & ELEVEN_SUB_WINDOW_SCALE ? TCPI_OPT_WSCALE : 0) |
				    (status->sub & ELEVEN_SUB_ECN ? TCPI_OPT_ECN : 0) |
				    (status->sub & ELEVEN_SUB_ECN_SEEN ? TCPI_OPT_ECN_SEEN : 0);
		info_path(&info, status, now, mtu);
		info_counts(&info, status);
		if (status->state == ELEVEN_LISTEN) {
			info.tcpi_unacked = status->receive_queue;
			info.tcpi_sacked = status->send_queue;
		}
	}
	memcpy(data, &info, sizeof(info));
	if (status)
		memcpy(data + INFO_RCV_WND, &status->rcv_wnd, sizeof(status->rcv_wnd));
}
