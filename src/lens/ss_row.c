/* SPDX-License-Identifier: MIT */
/* The details of a row of ss; see ss_row.h.  Names, order and units are those of ss. */
#include "lens/ss_row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "lens/cgroup.h"
#include "lens/kernel.h"

static void users_print(FILE *out, const struct conn_view *conn)
{
	if (conn->owner_count == 0)
		return;
	fputs(" users:(", out);
	for (size_t i = conn->owner_count; i-- > 0;)
		fprintf(out, "(\"%s\",pid=%d,fd=%d)%s", conn->owners[i].comm, (int)conn->owners[i].pid,
			conn->owners[i].fd, i > 0 ? "," : "");
	fputc(')', out);
}

/* `59sec`, `1.200ms` (a second and a fifth), `1min30sec`, `119min`. */
static void timer_print(FILE *out, const struct kernel_sock *sock)
{
	static const char *const names[] = { "off", "on", "keepalive", "timewait", "persist", "unknown" };
	unsigned timeout = sock->expires_ms, seconds = timeout / 1000, ms = timeout % 1000, minutes = seconds / 60;

	if (sock->timer == KERNEL_TIMER_OFF)
		return;
	seconds %= 60;
	fprintf(out, " timer:(%s,", names[sock->timer < 5 ? sock->timer : 5]);
	if (minutes > 0) {
		ms = 0;
		fprintf(out, "%umin", minutes);
		if (minutes > 9)
			seconds = 0;
	}
	if (seconds > 0) {
		if (seconds > 9)
			ms = 0;
		fprintf(out, "%u%s", seconds, ms > 0 ? "." : "sec");
	}
	if (ms > 0)
		fprintf(out, "%03ums", ms);
	fprintf(out, ",%u)", sock->retrans);
}

static void identity_print(FILE *out, const struct conn_view *conn)
{
	const struct kernel_sock *sock = conn->kernel;
	char path[CGROUP_PATH_MAX];

	if (conn->uid != 0 && conn->uid != VIEW_ABSENT)
		fprintf(out, " uid:%u", (unsigned)conn->uid);
	fprintf(out, " ino:%llu sk:%llx", (unsigned long long)conn->inode, (unsigned long long)conn->cookie);
	if (sock == NULL)
		return;
	if (sock->mark != 0)
		fprintf(out, " fwmark:0x%x", sock->mark);
	if (sock->cgroup != 0)
		fprintf(out, " cgroup:%s", cgroup_path(path, sock->cgroup));
	if (sock->v6only_known)
		fprintf(out, " v6only:%u", sock->v6only);
	if (sock->shutdown_known)
		fprintf(out, " %c-%c", sock->shutdown & KERNEL_SHUT_READ ? '-' : '<',
			sock->shutdown & KERNEL_SHUT_WRITE ? '-' : '>');
}

static void memory_print(FILE *out, const struct kernel_sock *sock)
{
	const uint32_t *m = sock->skmem;

	if (sock->skmem_known)
		fprintf(out, " skmem:(r%u,rb%u,t%u,tb%u,f%u,w%u,o%u,bl%u,d%u)", m[SK_MEMINFO_RMEM_ALLOC],
			m[SK_MEMINFO_RCVBUF], m[SK_MEMINFO_WMEM_ALLOC], m[SK_MEMINFO_SNDBUF], m[SK_MEMINFO_FWD_ALLOC],
			m[SK_MEMINFO_WMEM_QUEUED], m[SK_MEMINFO_OPTMEM], m[SK_MEMINFO_BACKLOG], m[SK_MEMINFO_DROPS]);
}

/* What ss prints only when it is not 0. */
static void number_print(FILE *out, const char *name, unsigned long long value)
{
	if (value != 0)
		fprintf(out, " %s:%llu", name, value);
}

/* Milliseconds, from microseconds. */
static void time_print(FILE *out, const char *name, double us)
{
	if (us != 0)
		fprintf(out, " %s:%g", name, us / 1000);
}

/* `negotiated` options are named with -o only. */
static void options_print(FILE *out, const struct kernel_sock *sock, bool negotiated)
{
	static const struct { unsigned bit; const char *name; } names[] = {
		{ 1, "ts" }, { 2, "sack" }, { 8, "ecn" }, { 16, "ecnseen" }, { 32, "fastopen" },
	};
	const struct tcp_info *t = &sock->info.base;

	for (size_t i = 0; negotiated && i < sizeof(names) / sizeof(names[0]); i++) {
		if (t->tcpi_options & names[i].bit)
			fprintf(out, " %s", names[i].name);
	}
	if (sock->congestion[0] != '\0')
		fprintf(out, " %s", sock->congestion);
	if (t->tcpi_options & 4)
		fprintf(out, " wscale:%d,%d", t->tcpi_snd_wscale, t->tcpi_rcv_wscale);
}

static void bbr_print(FILE *out, const struct kernel_sock *sock)
{
	const struct tcp_bbr_info *bbr = &sock->bbr;

	if (!sock->bbr_known)
		return;
	fprintf(out, " bbr:(bw:%.0fbps,mrtt:%g", (double)((uint64_t)bbr->bbr_bw_hi << 32 | bbr->bbr_bw_lo) * 8.0,
		(double)bbr->bbr_min_rtt / 1000.0);
	if (bbr->bbr_pacing_gain)
		fprintf(out, ",pacing_gain:%g", (double)bbr->bbr_pacing_gain / 256.0);
	if (bbr->bbr_cwnd_gain)
		fprintf(out, ",cwnd_gain:%g", (double)bbr->bbr_cwnd_gain / 256.0);
	fputc(')', out);
}

static void rates_print(FILE *out, const struct tcp_info *t, bool in_flight)
{
	if (in_flight && t->tcpi_rtt > 0 && t->tcpi_snd_mss > 0 && t->tcpi_snd_cwnd > 0)
		fprintf(out, " send %.0fbps", (double)t->tcpi_snd_cwnd * t->tcpi_snd_mss * 8000000. / t->tcpi_rtt);
	number_print(out, "lastsnd", t->tcpi_last_data_sent);
	number_print(out, "lastrcv", t->tcpi_last_data_recv);
	number_print(out, "lastack", t->tcpi_last_ack_recv);
	if (t->tcpi_pacing_rate != 0 && t->tcpi_pacing_rate != UINT64_MAX) {
		fprintf(out, " pacing_rate %.0fbps", (double)t->tcpi_pacing_rate * 8.);
		if (t->tcpi_max_pacing_rate != 0 && t->tcpi_max_pacing_rate != UINT64_MAX)
			fprintf(out, "/%.0fbps", (double)t->tcpi_max_pacing_rate * 8.);
	}
	if (t->tcpi_delivery_rate != 0)
		fprintf(out, " delivery_rate %.0fbps", (double)t->tcpi_delivery_rate * 8.);
	number_print(out, "delivered", t->tcpi_delivered);
	number_print(out, "delivered_ce", t->tcpi_delivered_ce);
	if (t->tcpi_delivery_rate_app_limited)
		fputs(" app_limited", out);
}

static void limited_print(FILE *out, const char *name, uint64_t us, uint64_t busy)
{
	if (us != 0)
		fprintf(out, " %s:%llums(%.1f%%)", name, (unsigned long long)us / 1000,
			100.0 * (double)us / (double)busy);
}

static void losses_print(FILE *out, const struct kernel_sock *sock)
{
	const struct tcp_info *t = &sock->info.base;

	if (t->tcpi_busy_time != 0) {
		fprintf(out, " busy:%llums", (unsigned long long)t->tcpi_busy_time / 1000);
		limited_print(out, "rwnd_limited", t->tcpi_rwnd_limited, t->tcpi_busy_time);
		limited_print(out, "sndbuf_limited", t->tcpi_sndbuf_limited, t->tcpi_busy_time);
	}
	number_print(out, "unacked", t->tcpi_unacked);
	if (t->tcpi_retrans != 0 || t->tcpi_total_retrans != 0)
		fprintf(out, " retrans:%u/%u", t->tcpi_retrans, t->tcpi_total_retrans);
	number_print(out, "lost", t->tcpi_lost);
	if (sock->state != KERNEL_LISTEN)
		number_print(out, "sacked", t->tcpi_sacked);
	number_print(out, "dsack_dups", t->tcpi_dsack_dups);
	number_print(out, "fackets", t->tcpi_fackets);
	if (t->tcpi_reordering != 3)
		number_print(out, "reordering", t->tcpi_reordering);
	number_print(out, "reord_seen", t->tcpi_reord_seen);
	time_print(out, "rcv_rtt", t->tcpi_rcv_rtt);
	number_print(out, "rcv_space", t->tcpi_rcv_space);
	number_print(out, "rcv_ssthresh", t->tcpi_rcv_ssthresh);
	number_print(out, "notsent", t->tcpi_notsent_bytes);
	if (t->tcpi_min_rtt != 0 && t->tcpi_min_rtt != UINT32_MAX)
		time_print(out, "minrtt", t->tcpi_min_rtt);
	number_print(out, "rcv_ooopack", t->tcpi_rcv_ooopack);
	number_print(out, "snd_wnd", t->tcpi_snd_wnd);
}

static void info_print(FILE *out, const struct kernel_sock *sock, bool negotiated)
{
	const struct tcp_info *t = &sock->info.base;

	if (sock->info_bytes == 0)
		return;
	options_print(out, sock, negotiated);
	if (t->tcpi_rto != 0 && t->tcpi_rto != 3000000)
		time_print(out, "rto", t->tcpi_rto);
	number_print(out, "backoff", t->tcpi_backoff);
	if (t->tcpi_rtt != 0)
		fprintf(out, " rtt:%g/%g", (double)t->tcpi_rtt / 1000, (double)t->tcpi_rttvar / 1000);
	time_print(out, "ato", t->tcpi_ato);
	number_print(out, "mss", sock->state == KERNEL_LISTEN ? 0 : t->tcpi_snd_mss);
	number_print(out, "pmtu", t->tcpi_pmtu);
	number_print(out, "rcvmss", t->tcpi_rcv_mss);
	number_print(out, "advmss", t->tcpi_advmss);
	number_print(out, "cwnd", t->tcpi_snd_cwnd);
	if (t->tcpi_snd_ssthresh < 0xFFFF)
		number_print(out, "ssthresh", t->tcpi_snd_ssthresh);
	number_print(out, "bytes_sent", t->tcpi_bytes_sent);
	number_print(out, "bytes_retrans", t->tcpi_bytes_retrans);
	number_print(out, "bytes_acked", t->tcpi_bytes_acked);
	number_print(out, "bytes_received", t->tcpi_bytes_received);
	number_print(out, "segs_out", t->tcpi_segs_out);
	number_print(out, "segs_in", t->tcpi_segs_in);
	number_print(out, "data_segs_out", t->tcpi_data_segs_out);
	number_print(out, "data_segs_in", t->tcpi_data_segs_in);
	bbr_print(out, sock);
	rates_print(out, t, true);
	losses_print(out, sock);
}

char *ss_row_details(const struct ss_options *options, const struct conn_view *conn)
{
	const struct kernel_sock *sock = conn->kernel;
	char *text;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	CHECK(out != NULL);
	if (options->processes)
		users_print(out, conn);
	if (options->options && sock != NULL)
		timer_print(out, sock);
	if (options->extended)
		identity_print(out, conn);
	if ((options->memory || options->info) && sock != NULL) {
		fputs(options->oneline ? "" : "\n\t", out);
		if (options->memory)
			memory_print(out, sock);
		if (options->info)
			info_print(out, sock, options->options);
	}
	if (conn->source == VIEW_ELEVEN)
		fprintf(out, " eleven:%s", conn->host);
	CHECK(fclose(out) == 0);
	return text;
}
