/* SPDX-License-Identifier: MIT */
/* What the rules look at; see facts.h. */
#include "explain/facts.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "wire/address.h"

static int cookie_compare(const void *left, const void *right)
{
	const struct conn_view *a = *(const struct conn_view *const *)left;
	const struct conn_view *b = *(const struct conn_view *const *)right;

	if (a->cookie != b->cookie)
		return (a->cookie > b->cookie) - (a->cookie < b->cookie);
	return (a->netns > b->netns) - (a->netns < b->netns);
}

static void numbers_read(struct facts *facts)
{
	FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	unsigned long long low = 32768, high = 60999;

	if (file != NULL && fscanf(file, "%llu %llu", &low, &high) != 2) {
		low = 32768;
		high = 60999;
	}
	if (file != NULL)
		fclose(file);
	facts->port_low = low;
	facts->port_high = high;
	facts->fin_timeout = lens_sysctl("tcp_fin_timeout", 60);
	facts->syn_retries = lens_sysctl("tcp_syn_retries", 6);
	facts->synack_retries = lens_sysctl("tcp_synack_retries", 5);
	facts->keepalive_probes = lens_sysctl("tcp_keepalive_probes", 9);
	facts->syncookies = lens_sysctl("tcp_syncookies", 1);
	facts->tw_reuse = lens_sysctl("tcp_tw_reuse", 2);
	facts->max_tw_buckets = lens_sysctl("tcp_max_tw_buckets", 4096);
	facts->max_syn_backlog = lens_sysctl("tcp_max_syn_backlog", 128);
}

/* `before`: the earlier look; what is over in this one only is not steady, and nobody asks for it. */
static int look(const struct facts_options *options, const struct view *before, struct view *view,
		struct lens_report *report)
{
	struct lens_options lens = options->lens;
	int error;

	lens.states = KERNEL_STATES_ALL;
	lens.owners = true;
	lens.dead = !options->no_dead;
	lens.dead_pid = options->pid;
	lens.dead_among = before;
	error = lens_read(&lens, view, report);
	if (error == 0 && options->read_more != NULL)
		error = options->read_more(options->context, view);
	view_sort(view);
	return error;
}

static void ports_count(struct facts *facts)
{
	facts->local_ports = calloc(65536, sizeof(*facts->local_ports));
	facts->remote_ports = calloc(65536, sizeof(*facts->remote_ports));
	CHECK(facts->local_ports != NULL && facts->remote_ports != NULL);
	for (size_t i = 0; i < facts->view.count; i++) {
		facts->local_ports[facts->view.conns[i].local.port]++;
		facts->remote_ports[facts->view.conns[i].remote.port]++;
	}
}

int facts_read(struct facts *facts, const struct facts_options *options)
{
	struct timespec apart = { (time_t)(options->apart_ns / SECOND_NS), (long)(options->apart_ns % SECOND_NS) };
	struct timespec begin, end;
	int error;

	memset(facts, 0, sizeof(*facts));
	facts->options = options;
	facts->root = geteuid() == 0;
	numbers_read(facts);
	if (options->apart_ns > 0) {
		/* Descriptors whose connection is over are found through their owners: both looks want them. */
		error = look(options, NULL, &facts->before, &facts->report);
		if (error < 0)
			return error;
		facts->dead_passed_over = facts->report.dead_passed_over;
		clock_gettime(CLOCK_MONOTONIC, &begin);
		if (options->wait != NULL)
			options->wait(options->context, options->apart_ns);
		else
			nanosleep(&apart, NULL);
		clock_gettime(CLOCK_MONOTONIC, &end);
		facts->apart_ns = (uint64_t)(end.tv_sec - begin.tv_sec) * SECOND_NS + (uint64_t)end.tv_nsec -
				  (uint64_t)begin.tv_nsec;
	}
	error = look(options, &facts->before, &facts->view, &facts->report);
	if (error < 0)
		return error;
	facts->before_index = calloc(facts->before.count + 1, sizeof(*facts->before_index));
	CHECK(facts->before_index != NULL);
	for (size_t i = 0; i < facts->before.count; i++)
		facts->before_index[i] = &facts->before.conns[i];
	qsort(facts->before_index, facts->before.count, sizeof(*facts->before_index), cookie_compare);
	listeners_collect(&facts->listeners, &facts->view);
	ports_count(facts);
	return 0;
}

void facts_free(struct facts *facts)
{
	listeners_free(&facts->listeners);
	uses_free(&facts->uses);
	free(facts->local_ports);
	free(facts->remote_ports);
	free(facts->before_index);
	view_free(&facts->before);
	view_free(&facts->view);
}

const struct conn_view *facts_listener(const struct facts *facts, const struct conn_view *conn)
{
	return listeners_find(&facts->listeners, conn);
}

/* A service has many connections with one port of its own, and a client many to one port of the other side. */
bool facts_serves(const struct facts *facts, const struct conn_view *conn)
{
	uint32_t here = facts->local_ports[conn->local.port], there = facts->remote_ports[conn->remote.port];
	struct conn_view turned = { .family = conn->family, .local = conn->remote, .netns = conn->netns };

	if (facts_listener(facts, conn) != NULL)
		return true;
	if (listeners_find(&facts->listeners, &turned) != NULL)
		return false;
	return here != there ? here > there : conn->remote.port >= facts->port_low;
}

static bool owned_by(const struct conn_view *conn, pid_t pid, int fd)
{
	for (size_t i = 0; i < conn->owner_count; i++) {
		if (conn->owners[i].pid == pid && (fd < 0 || conn->owners[i].fd == fd))
			return true;
	}
	return false;
}

bool facts_chosen(const struct facts *facts, const struct conn_view *conn)
{
	const struct facts_options *options = facts->options;
	const struct conn_view *listener;

	if (options->filter != NULL && !filter_takes(options->filter, conn))
		return false;
	if (options->pid == 0)
		return true;
	if (owned_by(conn, options->pid, options->fd))
		return true;
	/* What its listener has made and nobody has accepted is its, too; and what it has closed cannot be told. */
	if (conn->owner_count > 0 || conn->state == ELEVEN_LISTEN)
		return false;
	listener = facts_listener(facts, conn);
	return listener != NULL && owned_by(listener, options->pid, options->fd);
}

const struct conn_view *facts_before(const struct facts *facts, const struct conn_view *conn)
{
	const struct conn_view **found = bsearch(&conn, facts->before_index, facts->before.count,
						 sizeof(*facts->before_index), cookie_compare);

	return found != NULL ? *found : NULL;
}

bool facts_steady(const struct facts *facts, const struct conn_view *conn)
{
	const struct conn_view *before = facts_before(facts, conn);

	return before != NULL && before->state == conn->state;
}

bool facts_older(const struct facts *facts, const struct conn_view *conn, uint64_t ns)
{
	if (conn->age_bound == VIEW_UNKNOWN || conn->age_ns == VIEW_ABSENT)
		return facts_steady(facts, conn) && facts->apart_ns >= ns;
	return conn->age_ns >= ns;
}

bool facts_reusable(const struct facts *facts, const struct conn_view *conn)
{
	struct address remote;

	memcpy(remote.bytes, conn->remote.address.bytes, sizeof(remote.bytes));
	return conn->state == ELEVEN_TIME_WAIT && conn->age_ns != VIEW_ABSENT && conn->age_ns >= SECOND_NS &&
	       (facts->tw_reuse == 1 || (facts->tw_reuse == 2 && address_is_loopback(&remote)));
}

void facts_handling(struct facts *facts, const struct conn_view *conn, struct handling *handling)
{
	memset(handling, 0, sizeof(*handling));
	handling->known = conn->owner_count > 0;
	for (size_t i = 0; i < conn->owner_count; i++) {
		struct use use;

		use_find(&facts->uses, &conn->owners[i], conn->inode, &use);
		handling->known &= use.known;
		handling->reads |= use.reads;
		handling->writes |= use.writes;
		handling->running |= use.running;
		handling->stopped |= use.stopped;
		handling->registered |= use.registration != NULL;
		if (handling->owner == NULL || (use.thread != NULL && handling->use.thread == NULL)) {
			handling->owner = &conn->owners[i];
			handling->use = use;
		}
	}
}

/* ---------------------------------------------------------------- words */

uint64_t facts_program(const struct conn_view *conn)
{
	return conn->owner_count > 0 ? (uint64_t)conn->owners[0].pid : conn->uid << 32;
}

const char *facts_who(char out[FACTS_WHO_MAX], const struct conn_view *conn)
{
	if (conn->owner_count > 0)
		snprintf(out, FACTS_WHO_MAX, "%s (%d)", conn->owners[0].comm, (int)conn->owners[0].pid);
	else if (conn->unowned != NULL && conn->inode != 0)
		snprintf(out, FACTS_WHO_MAX, "a program of uid %llu", (unsigned long long)conn->uid);
	else if (conn->unowned != NULL)
		snprintf(out, FACTS_WHO_MAX, "%s", conn->unowned);
	else
		snprintf(out, FACTS_WHO_MAX, "no program");
	return out;
}

static int number_compare(const void *left, const void *right)
{
	int a = *(const int *)left, b = *(const int *)right;

	return (a > b) - (a < b);
}

const char *facts_fds(char out[FACTS_WHO_MAX], const struct finding *finding)
{
	size_t used = 0, shown = 0;
	int fds[8];

	out[0] = '\0';
	for (size_t i = 0; i < finding->owner_count && shown < 8; i++) {
		if (finding->owners[i].fd >= 0 && finding->owners[i].pid == finding->owners[0].pid)
			fds[shown++] = finding->owners[i].fd;
	}
	qsort(fds, shown, sizeof(*fds), number_compare);
	for (size_t i = 0; i < shown; i++)
		used += (size_t)snprintf(out + used, FACTS_WHO_MAX - used, "%s%d", i ? "," : "fd ", fds[i]);
	if (shown > 0 && finding->owner_count > shown && finding->owners[shown].pid == finding->owners[0].pid)
		snprintf(out + used, FACTS_WHO_MAX - used, " and %zu more", finding->owner_count - shown);
	return out;
}

void facts_more(const struct facts *facts, struct finding *finding, const struct conn_view *conn)
{
	if (conn->owner_count == 0 && conn->inode != 0 && conn->unowned != NULL && !facts->root)
		finding_say(finding->more, "the program is another user's (uid %llu): root sees which, its "
			    "descriptor and its threads", (unsigned long long)conn->uid);
	else if (conn->owner_count > 0 && finding->thread_count == 0 && !facts->root)
		finding_say(finding->more, "what its threads do may not be looked at: root can");
	else if (conn->sub & ELEVEN_SUB_ACCEPT_QUEUE && finding->owner_count == 0 && !facts->root)
		finding_say(finding->more, "whose listener it is root sees");
}

/* What rules call by Linux's names comes from the status of the stack, where the connection is eleven's. */
static void sources_correct(struct finding *finding)
{
	for (size_t i = 0; i < finding->evidence_count; i++) {
		char *source = finding->evidence[i].source;

		if (strcmp(source, "sock_diag") == 0 || strcmp(source, "tcp_info") == 0 || strcmp(source, "skmem") == 0)
			strcpy(source, "status");
	}
	if (finding->verdict == VERDICT_CLOSE_WAIT_LEAK)
		finding_say(finding->fix, "close the descriptor when recv() returns 0");
}

void facts_judge(struct facts *facts, struct findings *findings)
{
	static rules_fn *const families[] = {
		rules_leaks, rules_held, rules_closing, rules_opening, rules_data, rules_half_open, rules_ports,
	};

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		families[i](facts, findings);
	for (size_t i = 0; i < findings->count; i++) {
		if (findings->list[i]->kept > 0 && findings->list[i]->conns[0]->source == VIEW_ELEVEN)
			sources_correct(findings->list[i]);
		if (findings->list[i]->kept > 0)
			facts_more(facts, findings->list[i], findings->list[i]->conns[0]);
	}
	findings_sort(findings);
}
