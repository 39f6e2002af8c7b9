/* SPDX-License-Identifier: MIT */
/*
 * Connections that do not come about: SYN_SENT, SYN_RECV, and accept queues.
 *
 * A SYN or SYN-ACK that was sent once more has waited a second.  A handshake that a full accept queue holds up is the
 * queue's fault, and only that is told.
 */
#include <string.h>

#include "explain/facts.h"
#include "lens/kernel.h"
#include "lens/statistics.h"
#include "view/text.h"

#define FLOOD_MIN 8u                    /* half-open handshakes: fewer are no flood */

static bool queue_is_full(const struct conn_view *listener)
{
	return listener->recvq != VIEW_ABSENT && listener->backlog != VIEW_ABSENT &&
	listener->recvq > listener->backlog;
}

static void syn_sent_judge(struct facts *facts, struct findings *findings, const struct conn_view *conn)
{
	char remote[TEXT_ENDPOINT_MAX], who[FACTS_WHO_MAX], time[TEXT_TIME_MAX];
	struct handling handling;
	struct finding *finding;

	if (conn->timer.kind != ELEVEN_TIMER_SYN || conn->timer.count == 0)
		return;
	text_endpoint_of(remote, conn->family, &conn->remote);
	finding = finding_add(findings, VERDICT_SYN_SENT_NO_ANSWER,
			      finding_key(*(const uint64_t *)(const void *)(conn->remote.address.bytes + 8),
					  conn->remote.port,
					  conn->netns), LEVEL_WARNING, conn->timer.count >= 2 ? CONFIDENCE_SURE :
			      CONFIDENCE_LIKELY, conn);
	finding_say(finding->what, "SYN_SENT  %zu connection%s to %s - %s has had no answer to %llu SYNs",
		    finding->count,
		    finding->count == 1 ? "" : "s", remote, facts_who(who, conn),
		    (unsigned long long)conn->timer.count + 1);
	if (!finding_is_new(finding))
		return;
	finding_evidence(finding, "state", "sock_diag", "SYN_SENT");
	finding_evidence_number(finding, "retrans", "sock_diag", conn->timer.count);
	finding_evidence_number(finding, "tcp_syn_retries", "sysctl", facts->syn_retries);
	facts_handling(facts, conn, &handling);
	if (handling.owner != NULL)
		finding_use(finding, &handling.use);
	finding_say(finding->why, "SYN sent %llu times, the next in %s; connect() fails with ETIMEDOUT after %llu "
		    "retransmissions", (unsigned long long)conn->timer.count + 1,
		    text_duration(time, conn->timer.expires_ns), (unsigned long long)facts->syn_retries);
}

/* ---------------------------------------------------------------- listeners */

struct requests {
	size_t count, repeated, peers;
	const struct conn_view *example;
	struct eleven_address last;
};

static void requests_count(struct facts *facts, const struct conn_view *listener, struct requests *requests)
{
	memset(requests, 0, sizeof(*requests));
	for (size_t i = 0; i < facts->view.count; i++) {
		const struct conn_view *conn = &facts->view.conns[i];

		if (conn->state != ELEVEN_SYN_RECEIVED || conn->source != listener->source ||
		    conn->local.port != listener->local.port || facts_listener(facts, conn) != listener)
			continue;
		requests->count++;
		requests->repeated += conn->timer.count > 0;
		requests->peers += memcmp(&requests->last, &conn->remote.address, sizeof(requests->last)) != 0;
		requests->last = conn->remote.address;
		requests->example = conn;
	}
}

static bool is_flood(const struct facts *facts, const struct conn_view *listener, const struct requests *requests)
{
	uint64_t room = listener->backlog != VIEW_ABSENT && listener->backlog < facts->max_syn_backlog ?
			listener->backlog : facts->max_syn_backlog;

	return requests->count >= FLOOD_MIN && requests->count * 2 >= room && requests->repeated * 2 >= requests->count;
}

static void requests_judge(struct facts *facts, struct findings *findings, const struct conn_view *listener)
{
	char local[TEXT_ENDPOINT_MAX], who[FACTS_WHO_MAX];
	uint64_t cookies = statistics_counter("TcpExt", "SyncookiesSent", VIEW_ABSENT);
	struct requests requests;
	struct finding *finding;
	enum verdict verdict;
	bool flood;

	requests_count(facts, listener, &requests);
	if (requests.repeated == 0 || queue_is_full(listener))
		return;
	flood = is_flood(facts, listener, &requests);
	verdict = flood ? VERDICT_SYN_FLOOD_SUSPECT : VERDICT_SYN_RECV_NO_THIRD_ACK;
	finding = finding_add(findings, verdict, finding_key(listener->cookie, listener->netns, 0),
			      flood ? LEVEL_PROBLEM : LEVEL_WARNING, flood ? CONFIDENCE_LIKELY : CONFIDENCE_SURE,
			      requests.example);
	finding->count = requests.count;
	for (size_t i = 0; i < listener->owner_count; i++)
		finding_owner(finding, &listener->owners[i]);
	text_endpoint_of(local, listener->family, &listener->local);
	if (flood)
		finding_say(finding->what, "SYN_RECV  %zu half-open handshakes on %s of %s", requests.count, local,
			    facts_who(who, listener));
	else
		finding_say(finding->what, "SYN_RECV  %zu handshake%s on %s of %s without the third ACK",
			    requests.count,
			    requests.count == 1 ? "" : "s", local, facts_who(who, listener));
	finding_evidence_number(finding, "requests", "sock_diag", requests.count);
	finding_evidence_number(finding, "SYN-ACK repeated", "sock_diag", requests.repeated);
	finding_evidence_number(finding, "senders", "sock_diag", requests.peers);
	finding_evidence_number(finding, "backlog", "sock_diag", listener->backlog);
	finding_evidence_number(finding, "tcp_syncookies", "sysctl", facts->syncookies);
	finding_evidence_number(finding, "SyncookiesSent", "/proc/net/netstat", cookies);
	finding_say(finding->why, "%zu of %zu SYN-ACKs had to be sent again, up to %llu times", requests.repeated,
		    requests.count, (unsigned long long)facts->synack_retries);
}

static void queue_judge(struct facts *facts, struct findings *findings, const struct conn_view *listener)
{
	const struct conn_view *before = facts_before(facts, listener);
	char local[TEXT_ENDPOINT_MAX], who[FACTS_WHO_MAX], doing[USE_DOING_MAX];
	uint64_t overflows = statistics_counter("TcpExt", "ListenOverflows", VIEW_ABSENT);
	struct handling handling;
	struct finding *finding;

	if (!queue_is_full(listener) || before == NULL || !queue_is_full(before))
		return;
	finding = finding_add(findings, VERDICT_ACCEPT_QUEUE_FULL, finding_key(listener->cookie, listener->netns, 1),
			      LEVEL_PROBLEM, CONFIDENCE_SURE, listener);
	facts_handling(facts, listener, &handling);
	text_endpoint_of(local, listener->family, &listener->local);
	finding_say(finding->what, "LISTEN  %s of %s - accept queue full (%llu/%llu)", local, facts_who(who, listener),
		    (unsigned long long)listener->recvq, (unsigned long long)listener->backlog);
	finding_evidence_number(finding, "recvq", "sock_diag", listener->recvq);
	finding_evidence_number(finding, "backlog", "sock_diag", listener->backlog);
	finding_evidence_number(finding, "drops", "skmem", listener->info.drops);
	finding_evidence_number(finding, "ListenOverflows", "/proc/net/netstat", overflows);
	if (handling.owner != NULL)
		finding_use(finding, &handling.use);
	if (handling.use.program != NULL && handling.use.program->thread_count == 1)
		finding_say(finding->why, "%s does not call accept(): it %s", listener->owners[0].comm,
			    use_doing(doing, &handling.use.program->threads[0]));
	else if (handling.owner != NULL && !handling.reads)
		finding_say(finding->why, "no thread of %s waits for connections", listener->owners[0].comm);
	else
		finding_say(finding->why, "connections come faster than they are accepted");
}

void rules_opening(struct facts *facts, struct findings *findings)
{
	for (size_t i = 0; i < facts->view.count; i++) {
		const struct conn_view *conn = &facts->view.conns[i];

		if (!facts_chosen(facts, conn))
			continue;
		if (conn->state == ELEVEN_SYN_SENT)
			syn_sent_judge(facts, findings, conn);
		if (conn->state != ELEVEN_LISTEN)
			continue;
		queue_judge(facts, findings, conn);
		requests_judge(facts, findings, conn);
	}
}
