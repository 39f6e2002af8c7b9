/* SPDX-License-Identifier: MIT */
/*
 * Open connections on which something does not move: no acknowledgement, no window, losses.
 *
 * One retransmission is life on a network; three in a row without an answer are not.  A path loses when more than one
 * segment in a hundred, and at least ten, had to be sent again for good reason (those the peer reports to have had
 * twice do not count).
 */
#include <string.h>

#include "explain/facts.h"
#include "lens/kernel.h"
#include "view/text.h"

#define RESENT_MIN   3u
#define LOST_MIN     10u
#define LOST_PERCENT 1u

static uint64_t conn_key(const struct conn_view *conn)
{
	return finding_key(conn->cookie, conn->netns, conn->source);
}

static uint64_t peer_key(const struct conn_view *conn)
{
	uint64_t parts[2];

	memcpy(parts, conn->remote.address.bytes, sizeof(parts));
	return finding_key(parts[0], parts[1], conn->netns);
}

static const char *ends(char out[2 * TEXT_ENDPOINT_MAX + 2], const struct conn_view *conn)
{
	char local[TEXT_ENDPOINT_MAX], remote[TEXT_ENDPOINT_MAX];

	snprintf(out, 2 * TEXT_ENDPOINT_MAX + 2, "%s-%s", text_endpoint_of(local, conn->family, &conn->local),
		 text_endpoint_of(remote, conn->family, &conn->remote));
	return out;
}

static void owner_use(struct facts *facts, struct finding *finding, const struct conn_view *conn)
{
	struct handling handling;

	facts_handling(facts, conn, &handling);
	if (handling.owner != NULL)
		finding_use(finding, &handling.use);
}

static bool window_is_open(const struct conn_view *conn)
{
	return conn->info.snd_wnd != VIEW_ABSENT && conn->info.mss != VIEW_ABSENT &&
	conn->info.snd_wnd >= conn->info.mss;
}

static void not_acknowledging_judge(struct facts *facts, struct findings *findings, const struct conn_view *conn)
{
	char text[2 * TEXT_ENDPOINT_MAX + 2], who[FACTS_WHO_MAX], time[TEXT_TIME_MAX];
	struct finding *finding;

	/* What cannot even leave (no route) waits for the persist timer, with the window open. */
	if (!(conn->timer.kind == ELEVEN_TIMER_RETRANSMISSION ||
	      (conn->timer.kind == ELEVEN_TIMER_PERSIST && window_is_open(conn))) || conn->timer.count < RESENT_MIN)
		return;
	finding = finding_add(findings, VERDICT_PEER_NOT_ACKNOWLEDGING, peer_key(conn), LEVEL_WARNING,
			      conn->timer.count > RESENT_MIN ? CONFIDENCE_SURE : CONFIDENCE_LIKELY, conn);
	if (finding->count > 1) {
		finding_say(finding->what, "%s  %zu connections with one peer acknowledge nothing",
			    text_state_netstat(conn->state), finding->count);
		return;
	}
	finding_say(finding->what, "%s  %s - %s: %llu bytes sent and not acknowledged", text_state_netstat(conn->state),
		    ends(text, conn), facts_who(who, conn), (unsigned long long)(conn->sendq == VIEW_ABSENT ? 0 :
										 conn->sendq));
	finding_evidence_number(finding, "retrans", "sock_diag", conn->timer.count);
	finding_evidence_number(finding, "sendq", "sock_diag", conn->sendq);
	finding_evidence(finding, "timer", "sock_diag", "%s", text_duration(time, conn->timer.expires_ns));
	if (conn->kernel != NULL && conn->kernel->info_bytes > 0) {
		finding_evidence(finding, "tcpi_last_ack_recv", "tcp_info", "%u ms",
				 conn->kernel->info.base.tcpi_last_ack_recv);
		if (KERNEL_INFO_HAS(conn->kernel, total_rto_time))
			finding_evidence(finding, "tcpi_total_rto_time", "tcp_info", "%u ms",
					 conn->kernel->info.total_rto_time);
		finding->since_ns = conn->kernel->info.base.tcpi_last_ack_recv * 1000000ull;
		finding->since_bound = VIEW_EXACT;
		finding->since_how = "last_ack_recv";
	}
	owner_use(facts, finding, conn);
	finding_say(finding->why, "sent again %llu times, each after twice the time; the next in %s",
		    (unsigned long long)conn->timer.count, text_duration(time, conn->timer.expires_ns));
}

static void window_judge(struct facts *facts, struct findings *findings, const struct conn_view *conn)
{
	const struct conn_view *before = facts_before(facts, conn), *other = view_other_end(&facts->view, conn);
	char text[2 * TEXT_ENDPOINT_MAX + 2], who[FACTS_WHO_MAX], peer_who[FACTS_WHO_MAX];
	struct finding *finding;

	if (conn->timer.kind != ELEVEN_TIMER_PERSIST || conn->sendq == VIEW_ABSENT || conn->sendq == 0 ||
	    before == NULL ||
	    before->timer.kind != ELEVEN_TIMER_PERSIST || window_is_open(conn))
		return;
	finding = finding_add(findings, VERDICT_PEER_WINDOW_ZERO, conn_key(conn), LEVEL_WARNING, CONFIDENCE_SURE, conn);
	finding_say(finding->what, "%s  %s - %s has %llu bytes that the peer's window of 0 holds up",
		    text_state_netstat(conn->state), ends(text, conn), facts_who(who, conn),
		    (unsigned long long)conn->sendq);
	finding_evidence(finding, "timer", "sock_diag", "persist");
	finding_evidence_number(finding, "probes", "sock_diag", conn->timer.count);
	finding_evidence_number(finding, "sendq", "sock_diag", conn->sendq);
	finding_evidence_number(finding, "snd_wnd", "tcp_info", conn->info.snd_wnd);
	if (conn->kernel != NULL && KERNEL_INFO_HAS(conn->kernel, base.tcpi_rwnd_limited)) {
		uint64_t us = conn->kernel->info.base.tcpi_rwnd_limited;

		finding_evidence(finding, "tcpi_rwnd_limited", "tcp_info", "%llu ms", (unsigned long long)us / 1000);
		finding->since_ns = us * 1000;
		finding->since_bound = VIEW_UPPER;
		finding->since_how = "rwnd_limited";
	}
	owner_use(facts, finding, conn);
	finding_say(finding->why, "the peer acknowledges and offers no room: its receive buffer is full");
	if (other != NULL && other->owner_count > 0)
		finding_say(finding->peer, "is here, too: %s has %llu bytes unread on fd %d", facts_who(peer_who,
													other),
			    (unsigned long long)(other->recvq == VIEW_ABSENT ? 0 : other->recvq), other->owners[0].fd);
}

static void losing_judge(struct facts *facts, struct findings *findings, const struct conn_view *conn)
{
	const struct conn_view *before = facts_before(facts, conn);
	uint64_t sent = conn->info.segments_out, lost = conn->info.retransmitted_segments, twice = 0;
	char text[2 * TEXT_ENDPOINT_MAX + 2], who[FACTS_WHO_MAX], time[TEXT_TIME_MAX];
	struct finding *finding;
	bool now;

	if (lost == VIEW_ABSENT || sent == VIEW_ABSENT || before == NULL ||
	    (conn->timer.kind == ELEVEN_TIMER_RETRANSMISSION && conn->timer.count >= RESENT_MIN))
		return;                 /* nothing comes back at all: that is another verdict */
	if (conn->kernel != NULL && KERNEL_INFO_HAS(conn->kernel, base.tcpi_dsack_dups))
		twice = conn->kernel->info.base.tcpi_dsack_dups;
	if (conn->kernel != NULL && KERNEL_INFO_HAS(conn->kernel, base.tcpi_data_segs_out))
		sent = conn->kernel->info.base.tcpi_data_segs_out;
	lost = lost > twice ? lost - twice : 0;
	if (lost < LOST_MIN || lost * 100 < sent * LOST_PERCENT)
		return;
	now = conn->info.retransmitted_segments > before->info.retransmitted_segments ||
	      conn_view_sub(conn, ELEVEN_SUB_RECOVERY);
	finding = finding_add(findings, VERDICT_PATH_LOSING_SEGMENTS, peer_key(conn), LEVEL_WARNING,
			      now ? CONFIDENCE_SURE : CONFIDENCE_LIKELY, conn);
	if (!finding_is_new(finding)) {
		finding_say(finding->what, "%s  %zu connections with one peer lose segments",
			    text_state_netstat(conn->state),
			    finding->count);
		return;
	}
	finding_say(finding->what, "%s  %s - %s: %llu of %llu segments lost (%.1f %%)", text_state_netstat(conn->state),
		    ends(text, conn), facts_who(who, conn), (unsigned long long)lost, (unsigned long long)sent,
		    100.0 * (double)lost / (double)(sent ? sent : 1));
	finding_evidence_number(finding, "tcpi_total_retrans", "tcp_info", conn->info.retransmitted_segments);
	finding_evidence_number(finding, "tcpi_dsack_dups", "tcp_info", twice);
	finding_evidence_number(finding, "tcpi_data_segs_out", "tcp_info", sent);
	if (conn->info.srtt != VIEW_ABSENT)
		finding_evidence(finding, "tcpi_rtt", "tcp_info", "%s", text_duration(time, conn->info.srtt));
	finding_evidence_number(finding, "cwnd", "tcp_info", conn->info.cwnd);
	finding_say(finding->why, now ? "it is repairing losses at this moment" : "the losses are over, or pause");
}

void rules_data(struct facts *facts, struct findings *findings)
{
	for (size_t i = 0; i < facts->view.count; i++) {
		const struct conn_view *conn = &facts->view.conns[i];

		if ((conn->state != ELEVEN_ESTABLISHED && conn->state != ELEVEN_CLOSE_WAIT) || !facts_chosen(facts,
													     conn))
			continue;
		not_acknowledging_judge(facts, findings, conn);
		window_judge(facts, findings, conn);
		losing_judge(facts, findings, conn);
	}
}
