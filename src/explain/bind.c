/* SPDX-License-Identifier: MIT */
/*
 * Who is in the way of a bind(); see bind.h.
 *
 * The rules of Linux (inet_csk_get_port): two sockets with one port conflict when their addresses do (the same, or one
 * of them any), unless both have SO_REUSEADDR and neither listens, or both have SO_REUSEPORT and one user.  What is in
 * TIME_WAIT counts like a socket with SO_REUSEADDR that does not listen if it had it.
 */
#include "explain/bind.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lens/descriptor.h"
#include "lens/kernel.h"
#include "view/text.h"
#include "wire/address.h"

static bool is_v4(const struct eleven_endpoint *endpoint)
{
	struct address a;

	memcpy(a.bytes, endpoint->address.bytes, sizeof(a.bytes));
	return address_is_v4(&a);
}

/* The addresses get in each other's way. */
static bool addresses_meet(const struct eleven_endpoint *wanted, int family, const struct conn_view *conn)
{
	bool wanted_any = text_address_is_any(&wanted->address), theirs_any = text_address_is_any(&conn->local.address);
	bool wanted_v4 = family == 4, theirs_v4 = conn->family == 4 || (is_v4(&conn->local) && !theirs_any);
	bool v6only = conn->kernel != NULL && conn->kernel->v6only;

	if (memcmp(&wanted->address, &conn->local.address, sizeof(wanted->address)) == 0)
		return true;
	if (wanted_v4 == theirs_v4)
		return wanted_any || theirs_any;
	/* Any of IPv6 takes IPv4 along, unless it was told not to. */
	if (wanted_v4)
		return theirs_any && !v6only;
	return wanted_any;
}

/*
 * A connection that a listener of both families has made is in the way of any address of IPv4, whatever address of IPv6
 * it has itself.  Only its descriptor tells: sock_diag does not, and of TIME_WAIT nobody knows.
 */
static bool may_be_of_both(const struct bind_question *question, const struct conn_view *conn)
{
	return question->family == 4 && text_address_is_any(&question->wanted.address) && conn->family == 6 &&
	       conn->local.port == question->wanted.port && conn->source == VIEW_KERNEL && conn->inode != 0 &&
	       conn->state != ELEVEN_LISTEN && !(conn->sub & VIEW_SUB_DEAD) && !is_v4(&conn->local);
}

static bool is_of_both(const struct bind_question *question, const struct conn_view *conn)
{
	bool only = true;

	return may_be_of_both(question, conn) && conn->owner_count > 0 && descriptor_v6only(&conn->owners[0], &only) &&
	       !only;
}

/* Whether it lets others in, asked of a copy of its descriptor. */
static void reuse_say(struct finding *finding, const struct conn_view *conn)
{
	bool address, port;

	for (size_t i = 0; i < conn->owner_count; i++) {
		if (!descriptor_reuse(&conn->owners[i], &address, &port))
			continue;
		finding_evidence(finding, "SO_REUSEADDR", "pidfd_getfd", "%s", address ? "set" : "not set");
		finding_evidence(finding, "SO_REUSEPORT", "pidfd_getfd", "%s", port ? "set" : "not set");
		if (port)
			finding_say(finding->fix, "set SO_REUSEPORT before bind(), as uid %llu: the other socket has "
				    "set it",
				    (unsigned long long)conn->uid);
		else if (address && conn->state != ELEVEN_LISTEN)
			finding_say(finding->fix, "set SO_REUSEADDR before bind(): the other socket has set it; "
				    "listen() works as long as it does not listen");
		return;
	}
}

static void listener_say(struct facts *facts, struct finding *finding, const struct eleven_endpoint *wanted,
			 const struct conn_view *conn)
{
	char local[TEXT_ENDPOINT_MAX], who[FACTS_WHO_MAX];
	struct handling handling;

	text_endpoint_of(local, conn->family, &conn->local);
	finding_say(finding->what, "LISTEN  %s - %s listens there", local, facts_who(who, conn));
	facts_handling(facts, conn, &handling);
	if (handling.owner != NULL)
		finding_use(finding, &handling.use);
	if (handling.known && !handling.reads && !handling.running)
		finding_say(finding->why, "and no thread of it waits for connections: perhaps a child that inherited "
			    "the listener of a server that has ended");
	else if (memcmp(&wanted->address, &conn->local.address, sizeof(wanted->address)) != 0)
		finding_say(finding->why, "its address is another one, and any address (0.0.0.0, ::) includes the "
			    "others");
	else
		finding_say(finding->why, "two sockets can listen on one address and port only if both set "
			    "SO_REUSEPORT");
	finding_evidence_number(finding, "uid", "sock_diag", conn->uid);
	finding_evidence_number(finding, "backlog", "sock_diag", conn->backlog);
	reuse_say(finding, conn);
}

static void time_wait_say(struct finding *finding, const struct conn_view *conn)
{
	char remote[TEXT_ENDPOINT_MAX], time[TEXT_TIME_MAX];
	uint64_t last = 0;

	for (size_t i = 0; i < finding->kept; i++)
		last = finding->conns[i]->timer.expires_ns > last ? finding->conns[i]->timer.expires_ns : last;
	finding_say(finding->what, "TIME_WAIT  %zu earlier connection%s of port %u; free in %s", finding->count,
		    finding->count == 1 ? "" : "s", conn->local.port, text_duration(time, last));
	finding_say(finding->why, "this side closed first (for instance towards %s); bind() works in %s, or at once "
		    "with SO_REUSEADDR if the earlier program had set it, too",
		    text_endpoint_of(remote, conn->family, &conn->remote), text_duration(time, last));
}

static void bound_say(struct facts *facts, struct finding *finding, const struct conn_view *conn)
{
	char local[TEXT_ENDPOINT_MAX], who[FACTS_WHO_MAX], fds[FACTS_WHO_MAX];
	struct handling handling;

	text_endpoint_of(local, conn->family, &conn->local);
	facts_fds(fds, finding);
	finding_say(finding->what, "CLOSE  %s - %s has bound it with %s and does not listen", local, facts_who(who,
													       conn),
		    fds[0] ? fds : "a descriptor");
	finding_say(finding->why, "it called bind(), and neither listen() nor connect() after it");
	reuse_say(finding, conn);
	facts_handling(facts, conn, &handling);
	if (handling.owner != NULL)
		finding_use(finding, &handling.use);
}

static void ephemeral_say(struct facts *facts, struct finding *finding, const struct conn_view *conn)
{
	char local[TEXT_ENDPOINT_MAX], remote[TEXT_ENDPOINT_MAX], who[FACTS_WHO_MAX];
	bool chosen = conn->local.port >= facts->port_low && conn->local.port <= facts->port_high;

	finding_say(finding->what, "%s  %s-%s - a connection of %s has the port", text_state_netstat(conn->state),
		    text_endpoint_of(local, conn->family, &conn->local),
		    text_endpoint_of(remote, conn->family, &conn->remote), facts_who(who, conn));
	finding_evidence(finding, "ip_local_port_range", "sysctl", "%llu-%llu", (unsigned long long)facts->port_low,
			 (unsigned long long)facts->port_high);
	finding_say(finding->why, "%s", chosen ?
		    "connect() chose it out of the range for outgoing connections, and keeps it until the connection "
		    "has ended" :
		    "a connection of an earlier server on this port is still open");
}

static bool in_the_way(const struct bind_question *question, const struct conn_view *conn)
{
	return conn->source == VIEW_KERNEL && conn->local.port == question->wanted.port && question->wanted.port != 0 &&
	       !(conn->sub & VIEW_SUB_DEAD) && addresses_meet(&question->wanted, question->family, conn);
}

bool bind_owners_for(void *question, const struct conn_view *conn)
{
	return in_the_way(question, conn) || may_be_of_both(question, conn);
}

void bind_judge(struct facts *facts, const struct bind_question *question, struct findings *findings)
{
	for (size_t i = 0; i < facts->view.count; i++) {
		const struct conn_view *conn = &facts->view.conns[i];
		uint64_t key = finding_key(conn->cookie, conn->netns, 0);
		struct finding *finding;
		enum verdict verdict;

		if (!in_the_way(question, conn) && !is_of_both(question, conn))
			continue;
		/* A connection of a listener has its port with it: the listener is what is in the way. */
		if (conn->state != ELEVEN_LISTEN && conn->state != ELEVEN_CLOSED && facts_listener(facts, conn) != NULL)
			continue;
		verdict = conn->state == ELEVEN_LISTEN ? VERDICT_BIND_CONFLICT_LISTENER :
			  conn->state == ELEVEN_CLOSED ? VERDICT_BIND_CONFLICT_BOUND_NOT_LISTENING :
			  conn->state == ELEVEN_TIME_WAIT || (conn->kernel != NULL && conn->kernel->small) ?
			  VERDICT_BIND_CONFLICT_TIME_WAIT : VERDICT_BIND_CONFLICT_EPHEMERAL;
		if (verdict == VERDICT_BIND_CONFLICT_TIME_WAIT)
			key = 0;        /* they end one after the other, and the last one counts */
		finding = finding_add(findings, verdict, key, LEVEL_PROBLEM, CONFIDENCE_SURE, conn);
		if (finding_is_new(finding))
			finding_evidence(finding, "state", "sock_diag", "%s", text_state_netstat(conn->state));
		if (verdict == VERDICT_BIND_CONFLICT_LISTENER)
			listener_say(facts, finding, &question->wanted, conn);
		else if (verdict == VERDICT_BIND_CONFLICT_TIME_WAIT)
			time_wait_say(finding, conn);
		else if (verdict == VERDICT_BIND_CONFLICT_BOUND_NOT_LISTENING)
			bound_say(facts, finding, conn);
		else
			ephemeral_say(facts, finding, conn);
		facts_more(facts, finding, conn);
	}
	findings_sort(findings);
}

/* Asked of the kernel with port 0, which is in nobody's way and gone at once. */
const char *bind_forbidden(const struct bind_question *question)
{
	const struct eleven_endpoint *wanted = &question->wanted;
	int family = question->family;
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in in = { .sin_family = AF_INET };
	int fd = socket(family == 6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint64_t first = lens_sysctl("ip_unprivileged_port_start", 1024);
	int error = 0;

	memcpy(&in.sin_addr, wanted->address.bytes + 12, 4);
	memcpy(&in6.sin6_addr, wanted->address.bytes, 16);
	if (fd >= 0 && bind(fd, family == 6 ? (struct sockaddr *)&in6 : (struct sockaddr *)&in,
			    family == 6 ? sizeof(in6) : sizeof(in)) < 0)
		error = errno;
	if (fd >= 0)
		close(fd);
	if (error == EADDRNOTAVAIL)
		return "the address is on no interface here: bind() fails with EADDRNOTAVAIL until it is added";
	if (wanted->port != 0 && wanted->port < first && geteuid() != 0)
		return "ports this low are root's (CAP_NET_BIND_SERVICE, net.ipv4.ip_unprivileged_port_start): "
		"bind() fails with EACCES";
	return NULL;
}
