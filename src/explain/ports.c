/* SPDX-License-Identifier: MIT */
/*
 * Local ports that run out: connections from one address of ours to one destination, TIME_WAIT and all, against the
 * range that connect() chooses from.
 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "explain/facts.h"
#include "view/text.h"

#define NEARLY_PERCENT 90u

struct outgoing {
	const struct conn_view *conn;
};

/* By our address, their address and port, and the namespace; then by local port. */
static int group_compare(const struct conn_view *a, const struct conn_view *b)
{
	int order = (a->netns > b->netns) - (a->netns < b->netns);

	if (!order)
		order = memcmp(&a->local.address, &b->local.address, sizeof(a->local.address));
	if (!order)
		order = memcmp(&a->remote.address, &b->remote.address, sizeof(a->remote.address));
	return order ? order : (a->remote.port > b->remote.port) - (a->remote.port < b->remote.port);
}

static int outgoing_compare(const void *left, const void *right)
{
	const struct conn_view *a = ((const struct outgoing *)left)->conn, *b = ((const struct outgoing *)right)->conn;
	int order = group_compare(a, b);

	return order ? order : (a->local.port > b->local.port) - (a->local.port < b->local.port);
}

static bool is_outgoing(const struct facts *facts, const struct conn_view *conn)
{
	return conn->source == VIEW_KERNEL && conn->state != ELEVEN_LISTEN && conn->state != ELEVEN_CLOSED &&
	       conn->local.port >= facts->port_low && conn->local.port <= facts->port_high &&
	       facts_listener(facts, conn) == NULL;
}

static void group_judge(struct facts *facts, struct findings *findings, const struct outgoing *group, size_t count)
{
	uint64_t ports = facts->port_high - facts->port_low + 1;
	size_t used = 0, waiting = 0, most = 0;
	const struct conn_view *first = group[0].conn;
	char local[TEXT_ENDPOINT_MAX], remote[TEXT_ENDPOINT_MAX];
	struct eleven_endpoint ours = first->local;
	struct finding *finding = NULL;

	for (size_t i = 0; i < count; i++) {
		if (facts_reusable(facts, group[i].conn))
			continue;
		used += i == 0 || group[i].conn->local.port != group[i - 1].conn->local.port;
		waiting += group[i].conn->state == ELEVEN_TIME_WAIT;
	}
	/* connect() takes odd ports from bind(0)'s share last, and still all of them: the whole range counts. */
	if (used * 100 < ports * NEARLY_PERCENT)
		return;
	for (size_t i = 0; i < count; i++) {
		if (facts_chosen(facts, group[i].conn)) {
			finding = finding_add(findings, VERDICT_EPHEMERAL_PORTS_EXHAUSTED,
					      finding_key((uint64_t)(uintptr_t)group, 0, 0),
					      used >= ports ? LEVEL_PROBLEM : LEVEL_WARNING, CONFIDENCE_SURE,
					      group[i].conn);
			most++;
		}
	}
	if (finding == NULL || most == 0)
		return;
	ours.port = 0;
	text_endpoint_of(local, first->family, &ours);
	local[strlen(local) - 2] = '\0';
	finding_say(finding->what, "%zu of %llu local ports from %s to %s are taken", used, (unsigned long long)ports,
		    local,
		    text_endpoint_of(remote, first->family, &first->remote));
	finding_evidence_number(finding, "taken", "sock_diag", used);
	finding_evidence(finding, "ip_local_port_range", "sysctl", "%llu-%llu", (unsigned long long)facts->port_low,
			 (unsigned long long)facts->port_high);
	finding_evidence_number(finding, "in TIME_WAIT", "sock_diag", waiting);
	finding_say(finding->why, "connect() to this destination fails with EADDRNOTAVAIL (cannot assign requested "
		    "address) when none is left; %zu of them are in TIME_WAIT", waiting);
}

void rules_ports(struct facts *facts, struct findings *findings)
{
	struct outgoing *list = calloc(facts->view.count + 1, sizeof(*list));
	size_t count = 0, from = 0;

	CHECK(list != NULL);
	for (size_t i = 0; i < facts->view.count; i++) {
		if (is_outgoing(facts, &facts->view.conns[i]))
			list[count++].conn = &facts->view.conns[i];
	}
	qsort(list, count, sizeof(*list), outgoing_compare);
	for (size_t i = 1; i <= count; i++) {
		if (i == count || group_compare(list[i].conn, list[from].conn) != 0) {
			group_judge(facts, findings, &list[from], i - from);
			from = i;
		}
	}
	free(list);
}
