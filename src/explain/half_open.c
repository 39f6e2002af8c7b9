/* SPDX-License-Identifier: MIT */
/*
 * Open here, and perhaps not at the other end.
 *
 * Silence alone proves nothing: an idle connection without keepalive is information, one line for each program.  It is
 * more when the other end has to be here and is not, when the local address or the way to the peer is gone, or when
 * keepalive probes stay unanswered.
 */
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "explain/facts.h"
#include "lens/kernel.h"
#include "view/text.h"
#include "wire/address.h"

#define IDLE_NS (5 * SECOND_NS)

enum doubt {
	DOUBT_SILENCE,                  /* nothing but that */
	DOUBT_NO_OTHER_END,             /* it would have to be in this namespace */
	DOUBT_NO_ADDRESS,               /* ours is configured on no interface any more */
	DOUBT_NO_ROUTE,
};

static socklen_t sockaddr_fill(struct sockaddr_storage *out, const struct eleven_endpoint *endpoint)
{
	struct sockaddr_in6 *in6 = (void *)out;
	struct sockaddr_in *in = (void *)out;
	struct address a;

	memset(out, 0, sizeof(*out));
	memcpy(a.bytes, endpoint->address.bytes, sizeof(a.bytes));
	if (address_is_v4(&a)) {
		in->sin_family = AF_INET;
		in->sin_port = htons(endpoint->port);
		memcpy(&in->sin_addr, a.bytes + 12, 4);
		return sizeof(*in);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(endpoint->port);
	memcpy(&in6->sin6_addr, a.bytes, 16);
	return sizeof(*in6);
}

static bool address_is_here(const struct ifaddrs *here, const struct eleven_endpoint *endpoint)
{
	struct sockaddr_storage wanted;
	struct address a;

	memcpy(a.bytes, endpoint->address.bytes, sizeof(a.bytes));
	if (address_is_loopback(&a))
		return true;            /* 127.0.0.0/8 is ours without being named */
	sockaddr_fill(&wanted, endpoint);
	for (; here != NULL; here = here->ifa_next) {
		if (here->ifa_addr == NULL || here->ifa_addr->sa_family != wanted.ss_family)
			continue;
		if (wanted.ss_family == AF_INET && memcmp(&((struct sockaddr_in *)(void *)here->ifa_addr)->sin_addr,
							  &((struct sockaddr_in *)&wanted)->sin_addr, 4) == 0)
			return true;
		if (wanted.ss_family == AF_INET6 && memcmp(&((struct sockaddr_in6 *)(void *)here->ifa_addr)->sin6_addr,
							   &((struct sockaddr_in6 *)&wanted)->sin6_addr, 16) == 0)
			return true;
	}
	return false;
}

/* Connecting a socket of UDP asks the routing table and sends nothing. */
static bool route_is_there(const struct conn_view *conn)
{
	struct sockaddr_storage remote;
	socklen_t n = sockaddr_fill(&remote, &conn->remote);
	int fd = socket(remote.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool there = fd < 0 || connect(fd, (struct sockaddr *)&remote, n) == 0 ||
		     (errno != ENETUNREACH && errno != EHOSTUNREACH && errno != ENETDOWN);

	if (fd >= 0)
		close(fd);
	return there;
}

static bool other_end_is_there(const struct facts *facts, const struct conn_view *conn)
{
	/* A mapped address may be plain IPv4 at the other end, whose bytes are the same, so one search is enough. */
	return view_other_end(&facts->view, conn) != NULL ||
	       memcmp(&conn->local, &conn->remote, sizeof(conn->local)) == 0;      /* connected to itself */
}

static enum doubt doubt_of(const struct facts *facts, const struct conn_view *conn, const struct ifaddrs *here)
{
	if (facts->options->lens.all_namespaces || facts->options->lens.namespace != NULL ||
	    conn->source != VIEW_KERNEL)
		return DOUBT_SILENCE;   /* addresses and routes of elsewhere */
	if (!address_is_here(here, &conn->local))
		return DOUBT_NO_ADDRESS;
	if (address_is_here(here, &conn->remote))
		return other_end_is_there(facts, conn) ? DOUBT_SILENCE : DOUBT_NO_OTHER_END;
	return route_is_there(conn) ? DOUBT_SILENCE : DOUBT_NO_ROUTE;
}

static const char *const reasons[] = {
	[DOUBT_SILENCE] = "if the peer or the path went away without a FIN, nobody here would learn of it",
	[DOUBT_NO_OTHER_END] = "the peer's address is one of this host, and no socket here has the other end",
	[DOUBT_NO_ADDRESS] = "the local address is on no interface any more: nothing of the peer can arrive",
	[DOUBT_NO_ROUTE] = "there is no route to the peer any more",
};

static const enum confidence confidence[] = {
	[DOUBT_SILENCE] = CONFIDENCE_POSSIBLE, [DOUBT_NO_OTHER_END] = CONFIDENCE_SURE,
	[DOUBT_NO_ADDRESS] = CONFIDENCE_LIKELY, [DOUBT_NO_ROUTE] = CONFIDENCE_LIKELY,
};

static uint64_t silent_ns(const struct conn_view *conn)
{
	uint64_t sent = conn->info.last_sent, received = conn->info.last_received;

	if (conn->kernel != NULL && conn->kernel->info_bytes > 0) {
		uint64_t ack = conn->kernel->info.base.tcpi_last_ack_recv * 1000000ull;

		received = received < ack ? received : ack;
	}
	if (sent == VIEW_ABSENT && received == VIEW_ABSENT)
		return conn->age_ns == VIEW_ABSENT ? 0 : conn->age_ns;
	return sent < received ? sent : received;
}

static void suspect_judge(struct facts *facts, struct findings *findings, const struct conn_view *conn,
			  const struct ifaddrs *here)
{
	char who[FACTS_WHO_MAX], remote[TEXT_ENDPOINT_MAX], time[TEXT_TIME_MAX];
	uint64_t silent = silent_ns(conn);
	struct handling handling;
	struct finding *finding;
	enum doubt doubt;

	if (conn->timer.kind != ELEVEN_TIMER_NONE || silent < SECOND_NS || !facts_steady(facts, conn) ||
	    conn->sub & ELEVEN_SUB_ACCEPT_QUEUE)
		return;
	doubt = doubt_of(facts, conn, here);
	if (doubt == DOUBT_SILENCE && (silent < IDLE_NS || conn->recvq > 0))
		return;
	finding = finding_add(findings, VERDICT_HALF_OPEN_SUSPECT_NO_KEEPALIVE,
			      finding_key(facts_program(conn), doubt, conn->netns),
			      doubt == DOUBT_SILENCE ? LEVEL_INFO : LEVEL_WARNING, confidence[doubt], conn);
	text_endpoint_of(remote, conn->family, &conn->remote);
	if (finding->count == 1)
		finding_say(finding->what, "ESTABLISHED  to %s - %s: silent, and no keepalive", remote,
			    facts_who(who, conn));
	else
		finding_say(finding->what, "ESTABLISHED  %zu connections of %s: silent, and no keepalive",
			    finding->count,
			    facts_who(who, conn));
	if (!finding_is_new(finding))
		return;
	finding->since_ns = silent;
	finding->since_bound = VIEW_EXACT;
	finding->since_how = "last segment";
	finding_evidence(finding, "timer", "sock_diag", "off");
	finding_evidence(finding, "silent", "tcp_info", "%s", text_duration(time, silent));
	finding_evidence_number(finding, "sendq", "sock_diag", conn->sendq);
	facts_handling(facts, conn, &handling);
	if (handling.owner != NULL && doubt != DOUBT_SILENCE)
		finding_use(finding, &handling.use);
	finding_say(finding->why, "%s", reasons[doubt]);
}

static void unanswered_judge(struct facts *facts, struct findings *findings, const struct conn_view *conn)
{
	char who[FACTS_WHO_MAX], remote[TEXT_ENDPOINT_MAX], time[TEXT_TIME_MAX];
	struct handling handling;
	struct finding *finding;

	if (conn->timer.kind != ELEVEN_TIMER_KEEPALIVE || conn->timer.count == 0)
		return;
	finding = finding_add(findings, VERDICT_HALF_OPEN_KEEPALIVE_UNANSWERED,
			      finding_key(facts_program(conn),
					  conn->remote.port, conn->netns), LEVEL_WARNING,
			      conn->timer.count > 1 ? CONFIDENCE_SURE : CONFIDENCE_LIKELY, conn);
	finding_say(finding->what, "%s  to %s - %s: %llu keepalive probe%s without an answer",
		    text_state_netstat(conn->state), text_endpoint_of(remote, conn->family, &conn->remote),
		    facts_who(who, conn), (unsigned long long)conn->timer.count, conn->timer.count == 1 ? "" : "s");
	if (!finding_is_new(finding))
		return;
	finding_evidence(finding, "timer", "sock_diag", "keepalive, %s", text_duration(time, conn->timer.expires_ns));
	finding_evidence_number(finding, "probes", "sock_diag", conn->timer.count);
	finding_evidence_number(finding, "tcp_keepalive_probes", "sysctl", facts->keepalive_probes);
	if (conn->kernel != NULL && conn->kernel->info_bytes > 0) {
		finding->since_ns = conn->kernel->info.base.tcpi_last_ack_recv * 1000000ull;
		finding->since_bound = VIEW_EXACT;
		finding->since_how = "last_ack_recv";
		finding_evidence(finding, "tcpi_last_ack_recv", "tcp_info", "%u ms",
				 conn->kernel->info.base.tcpi_last_ack_recv);
	}
	facts_handling(facts, conn, &handling);
	if (handling.owner != NULL)
		finding_use(finding, &handling.use);
	finding_say(finding->why, "the last sign of the peer is %s old; the next probe goes in %s",
		    text_duration(who, finding->since_ns), text_duration(time, conn->timer.expires_ns));
}

void rules_half_open(struct facts *facts, struct findings *findings)
{
	struct ifaddrs *here = NULL;

	if (getifaddrs(&here) < 0)
		here = NULL;
	for (size_t i = 0; i < facts->view.count; i++) {
		const struct conn_view *conn = &facts->view.conns[i];

		if (!facts_chosen(facts, conn))
			continue;
		if (conn->state == ELEVEN_ESTABLISHED)
			suspect_judge(facts, findings, conn, here);
		if (conn->state == ELEVEN_ESTABLISHED || conn->state == ELEVEN_CLOSE_WAIT ||
		    conn->state == ELEVEN_FIN_WAIT_2)
			unanswered_judge(facts, findings, conn);
	}
	if (here != NULL)
		freeifaddrs(here);
}
