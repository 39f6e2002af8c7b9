/* SPDX-License-Identifier: MIT */
/*
 * Connections on their way out: FIN_WAIT1, FIN_WAIT2, CLOSING, LAST_ACK, TIME_WAIT.
 *
 * A FIN that had to be sent again, or that has waited a second, is worth a word; what the kernel ends by itself is
 * information, unless there is so much of it that something runs out.
 */
#include <stdlib.h>
#include <string.h>

#include "explain/facts.h"
#include "lens/kernel.h"
#include "view/text.h"

#define PILE_MIN       100u             /* in TIME_WAIT: fewer are not worth a word */
#define PILE_PERCENT   50u              /* of the ports, or of tcp_max_tw_buckets: a pile matters */
#define FOREVER_NS     (60 * SECOND_NS) /* what tcp_fin_timeout gives an orphan */

static uint64_t resent(const struct conn_view *conn)
{
	/* A segment that could not even leave (no route) waits for the persist timer. */
	return conn->timer.kind == ELEVEN_TIMER_RETRANSMISSION || conn->timer.kind == ELEVEN_TIMER_PERSIST ?
	       conn->timer.count : 0;
}

static void ends_say(char out[2 * TEXT_ENDPOINT_MAX + 2], const struct conn_view *conn)
{
	char local[TEXT_ENDPOINT_MAX], remote[TEXT_ENDPOINT_MAX];

	snprintf(out, 2 * TEXT_ENDPOINT_MAX + 2, "%s-%s", text_endpoint_of(local, conn->family, &conn->local),
		 text_endpoint_of(remote, conn->family, &conn->remote));
}

static void timer_evidence(struct finding *finding, const struct conn_view *conn)
{
	char time[TEXT_TIME_MAX];

	finding_evidence(finding, "state", "sock_diag", "%s", text_state_netstat(conn->state));
	finding_evidence_number(finding, "sendq", "sock_diag", conn->sendq);
	if (conn->timer.kind != ELEVEN_TIMER_NONE) {
		finding_evidence_number(finding, "retrans", "sock_diag", conn->timer.count);
		finding_evidence(finding, "timer", "sock_diag", "%s", text_duration(time, conn->timer.expires_ns));
	}
	finding_evidence_number(finding, "snd_wnd", "tcp_info", conn->info.snd_wnd);
}

/* One finding for each peer address, so that a network that is gone is one line. */
static uint64_t peer_key(const struct conn_view *conn)
{
	uint64_t parts[2];

	memcpy(parts, conn->remote.address.bytes, sizeof(parts));
	return finding_key(parts[0], parts[1], conn->netns);
}

static void unacknowledged_judge(struct facts *facts, struct findings *findings, const struct conn_view *conn,
				 enum verdict verdict, const char *what)
{
	char ends[2 * TEXT_ENDPOINT_MAX + 2], who[FACTS_WHO_MAX], time[TEXT_TIME_MAX];
	uint64_t times = resent(conn);
	struct finding *finding;

	if (times == 0 && !(facts_older(facts, conn, SECOND_NS) && facts_steady(facts, conn)))
		return;
	finding = finding_add(findings, verdict, peer_key(conn), LEVEL_WARNING,
			      times >= 2 ? CONFIDENCE_SURE : CONFIDENCE_LIKELY, conn);
	if (!finding_is_new(finding)) {
		finding_say(finding->what, "%s  %zu connections with one peer: %s", text_state_netstat(conn->state),
			    finding->count, what);
		return;
	}
	ends_say(ends, conn);
	finding_say(finding->what, "%s  %s - %s: %s", text_state_netstat(conn->state), ends, facts_who(who, conn),
		    what);
	timer_evidence(finding, conn);
	if (times == 0)
		finding_say(finding->why, "not acknowledged yet; it is sent again in %s",
			    text_duration(time, conn->timer.expires_ns));
	else
		finding_say(finding->why, "sent again %llu time%s without an answer; the next time in %s",
			    (unsigned long long)times, times == 1 ? "" : "s", text_duration(time,
											    conn->timer.expires_ns));
}

static void fin_wait_1_judge(struct facts *facts, struct findings *findings, const struct conn_view *conn)
{
	bool window_zero = conn->info.snd_wnd == VIEW_ABSENT ? conn->timer.kind == ELEVEN_TIMER_PERSIST :
			   conn->info.snd_wnd == 0;
	char ends[2 * TEXT_ENDPOINT_MAX + 2], who[FACTS_WHO_MAX];
	struct finding *finding;

	if (!window_zero) {
		unacknowledged_judge(facts, findings, conn, VERDICT_FIN_WAIT1_PEER_NOT_ANSWERING,
				     "the FIN, or what is before it, is not acknowledged");
		return;
	}
	if (!facts_steady(facts, conn))
		return;
	finding = finding_add(findings, VERDICT_FIN_WAIT1_PEER_WINDOW_ZERO, peer_key(conn), LEVEL_WARNING,
			      CONFIDENCE_SURE,
			      conn);
	ends_say(ends, conn);
	finding_say(finding->what, "FIN_WAIT1  %s - %s: closed, %llu bytes left that the peer's window of 0 holds up",
		    ends,
		    facts_who(who, conn), (unsigned long long)(conn->sendq != VIEW_ABSENT ? conn->sendq : 0));
	if (!finding_is_new(finding))
		return;
	timer_evidence(finding, conn);
	finding_say(finding->why, "the peer answers, but its program does not read; %llu window probe%s so far",
		    (unsigned long long)conn->timer.count, conn->timer.count == 1 ? "" : "s");
}

/* ---------------------------------------------------------------- FIN_WAIT2 */

static void orphan_judge(struct facts *facts, struct findings *findings, const struct conn_view *conn)
{
	char ends[2 * TEXT_ENDPOINT_MAX + 2], time[TEXT_TIME_MAX], peer_who[FACTS_WHO_MAX];
	const struct conn_view *other = view_other_end(&facts->view, conn);
	struct finding *finding;

	if (!facts_older(facts, conn, SECOND_NS))
		return;
	finding = finding_add(findings, VERDICT_FIN_WAIT2_ORPHAN, peer_key(conn), LEVEL_INFO, CONFIDENCE_SURE, conn);
	ends_say(ends, conn);
	if (finding->count > 1)
		finding_say(finding->what, "FIN_WAIT2  %zu connections closed here and not by the peer",
			    finding->count);
	else
		finding_say(finding->what, "FIN_WAIT2  %s - closed here, not by the peer; ends in %s", ends,
			    text_duration(time, conn->timer.expires_ns));
	if (!finding_is_new(finding))
		return;
	timer_evidence(finding, conn);
	finding_evidence(finding, "inode", "sock_diag", "0");
	finding_evidence(finding, "tcp_fin_timeout", "sysctl", "%llu s", (unsigned long long)facts->fin_timeout);
	if (other != NULL && other->state == ELEVEN_CLOSE_WAIT && other->owner_count > 0)
		finding_say(finding->peer, "is here, too: %s keeps fd %d in CLOSE_WAIT", facts_who(peer_who, other),
			    other->owners[0].fd);
}

static void half_close_judge(struct facts *facts, struct findings *findings, const struct conn_view *conn)
{
	char ends[2 * TEXT_ENDPOINT_MAX + 2], who[FACTS_WHO_MAX], fds[FACTS_WHO_MAX];
	struct handling handling;
	struct finding *finding;
	bool awaited, forever = facts_older(facts, conn, FOREVER_NS);

	if (!facts_older(facts, conn, SECOND_NS) || !facts_steady(facts, conn))
		return;
	facts_handling(facts, conn, &handling);
	awaited = handling.reads || handling.running || !handling.known;
	finding = finding_add(findings, VERDICT_FIN_WAIT2_HALF_CLOSE,
			      finding_key(facts_program(conn),
					  peer_key(conn), 0), awaited && !forever ? LEVEL_INFO : LEVEL_WARNING,
			      CONFIDENCE_SURE, conn);
	ends_say(ends, conn);
	facts_fds(fds, finding);
	finding_say(finding->what, "FIN_WAIT2  %s - %s has shut down sending on %s and %s", ends, facts_who(who, conn),
		    fds[0] ? fds : "it", handling.reads ? "waits for the peer's end" : "keeps it open");
	if (!finding_is_new(finding))
		return;
	timer_evidence(finding, conn);
	finding_evidence_number(finding, "inode", "sock_diag", conn->inode);
	if (conn->kernel != NULL && conn->kernel->shutdown_known)
		finding_evidence(finding, "shutdown", "sock_diag", "%s", conn->kernel->shutdown & 2 ? "SEND" : "");
	if (handling.owner != NULL)
		finding_use(finding, &handling.use);
	finding_say(finding->why, handling.reads ? "it waits for the peer's FIN, for which there is no timeout" :
		    "nobody waits for the peer's FIN, and while the descriptor is open no timer ends it");
}

/* ---------------------------------------------------------------- TIME_WAIT */

static void pile_judge(struct facts *facts, struct findings *findings)
{
	uint64_t ports = facts->port_high - facts->port_low + 1;

	for (size_t i = 0; i < findings->count; i++) {
		struct finding *finding = findings->list[i];
		char text[TEXT_ENDPOINT_MAX];
		const struct conn_view *conn;
		bool served;

		if (finding->verdict != VERDICT_TIME_WAIT_PILE)
			continue;
		conn = finding->conns[0];
		served = facts_listener(facts, conn) != NULL || conn->local.port < facts->port_low;
		if (!served && finding->count >= ports * PILE_PERCENT / 100 && !facts_reusable(facts, conn))
			finding->level = LEVEL_WARNING;
		if (served && finding->count >= facts->max_tw_buckets * PILE_PERCENT / 100)
			finding->level = LEVEL_WARNING;
		finding_evidence_number(finding, "tcp_tw_reuse", "sysctl", facts->tw_reuse);
		if (served)
			finding_say(finding->what, "TIME_WAIT  %zu connections on :%u - the server closed first",
				    finding->count,
				    conn->local.port);
		else
			finding_say(finding->what, "TIME_WAIT  %zu connections to %s - the client here closed first",
				    finding->count, text_endpoint_of(text, conn->family, &conn->remote));
		finding_evidence_number(finding, "count", "sock_diag", finding->count);
		finding_evidence_number(finding, "ports", "ip_local_port_range", ports);
		finding_evidence(finding, "timer", "sock_diag", "60 s from the last FIN");
		if (served)
			finding_say(finding->why, "TIME_WAIT is kept by whoever sends the first FIN; it costs a server "
				    "no port, and some memory");
		else
			finding_say(finding->why, "each keeps one of the %llu local ports from being used to this "
				    "destination again", (unsigned long long)ports);
	}
}

static size_t piles_drop_small(struct findings *findings)
{
	size_t kept = 0;

	for (size_t i = 0; i < findings->count; i++) {
		struct finding *finding = findings->list[i];

		if (finding->verdict == VERDICT_TIME_WAIT_PILE && finding->count < PILE_MIN) {
			free(finding->conns);
			free(finding->owners);
			free(finding);
			continue;
		}
		findings->list[kept++] = finding;
	}
	return findings->count = kept;
}

static void time_wait_count(struct facts *facts, struct findings *findings, const struct conn_view *conn)
{
	bool served = facts_listener(facts, conn) != NULL || conn->local.port < facts->port_low;
	uint64_t port = served ? conn->local.port : conn->remote.port + 65536u;

	finding_add(findings, VERDICT_TIME_WAIT_PILE, served ? finding_key(port, conn->netns, 0) :
		    finding_key(port, peer_key(conn), conn->netns), LEVEL_INFO, CONFIDENCE_SURE, conn);
}

void rules_closing(struct facts *facts, struct findings *findings)
{
	for (size_t i = 0; i < facts->view.count; i++) {
		const struct conn_view *conn = &facts->view.conns[i];

		if (!facts_chosen(facts, conn))
			continue;
		if (conn->state == ELEVEN_FIN_WAIT_1)
			fin_wait_1_judge(facts, findings, conn);
		else if (conn->state == ELEVEN_FIN_WAIT_2 && (conn->owner_count > 0 || conn->inode != 0))
			half_close_judge(facts, findings, conn);
		else if (conn->state == ELEVEN_FIN_WAIT_2)
			orphan_judge(facts, findings, conn);
		else if (conn->state == ELEVEN_LAST_ACK)
			unacknowledged_judge(facts, findings, conn, VERDICT_LAST_ACK_FIN_UNACKNOWLEDGED,
					     "the last FIN is not acknowledged");
		else if (conn->state == ELEVEN_CLOSING)
			unacknowledged_judge(facts, findings, conn, VERDICT_CLOSING_FIN_UNACKNOWLEDGED,
					     "both closed at once, and our FIN is not acknowledged");
		else if (conn->state == ELEVEN_TIME_WAIT)
			time_wait_count(facts, findings, conn);
	}
	piles_drop_small(findings);
	pile_judge(facts, findings);
}
