/* SPDX-License-Identifier: MIT */
/*
 * Descriptors in programs that do not know they have them: inherited over fork() and exec().
 *
 * A holder counts as such when it came to the connection by inheritance (it is younger than the connection, or a
 * descendant of the listener's program and not that program) and no thread of it waits on the descriptor, runs, or has
 * it in an epoll set.  A connection that any holder uses is nobody's fault: fork per connection and privilege
 * separation look like this all the time.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "explain/facts.h"
#include "lens/kernel.h"
#include "view/text.h"

#define ANCESTORS_MAX 64

/* Parent and start of a program: fields 4 and 22 of /proc/PID/stat. */
static bool stat_read(pid_t pid, pid_t *parent, uint64_t *age_ns)
{
	char path[64], text[1024], *close;
	unsigned long long start = 0;
	struct timespec now;
	int ppid = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	text[file != NULL ? fread(text, 1, sizeof(text) - 1, file) : 0] = '\0';
	if (file != NULL)
		fclose(file);
	close = strrchr(text, ')');
	if (close == NULL || sscanf(close + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
				    "%*d %*d %llu", &ppid, &start) != 2)
		return false;
	clock_gettime(CLOCK_BOOTTIME, &now);
	*parent = (pid_t)ppid;
	*age_ns = (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec -
		  start * (SECOND_NS / (uint64_t)sysconf(_SC_CLK_TCK));
	return true;
}

static bool is_owner(const struct conn_view *conn, pid_t pid)
{
	for (size_t i = 0; conn != NULL && i < conn->owner_count; i++) {
		if (conn->owners[i].pid == pid)
			return true;
	}
	return false;
}

/* A program that listens made the connection, and this one descends from it. */
static bool descends(const struct conn_view *listener, pid_t pid)
{
	uint64_t age_ns;

	for (int i = 0; i < ANCESTORS_MAX && pid > 1; i++) {
		if (!stat_read(pid, &pid, &age_ns))
			return false;
		if (is_owner(listener, pid))
			return true;
	}
	return false;
}

static bool inherited(const struct conn_view *conn, const struct conn_view *listener, pid_t pid)
{
	uint64_t age_ns;
	pid_t parent;

	if (is_owner(listener, pid) || !stat_read(pid, &parent, &age_ns))
		return false;
	if (listener != NULL && listener->owner_count > 0 && descends(listener, pid))
		return true;
	/* The tick of the program's clock is 10 ms, and twice that is given. */
	return conn->age_bound != VIEW_UPPER && conn->age_bound != VIEW_UNKNOWN &&
	       conn->age_ns > age_ns + 2 * SECOND_NS / (uint64_t)sysconf(_SC_CLK_TCK);
}

/* The time since anything went over it, or VIEW_ABSENT. */
static uint64_t idle_ns(const struct conn_view *conn)
{
	uint64_t sent = conn->info.last_sent, received = conn->info.last_received;

	if (sent == VIEW_ABSENT && received == VIEW_ABSENT)
		return conn->age_ns;
	return sent < received ? sent : received;
}

static void held_judge(struct facts *facts, struct findings *findings, const struct conn_view *conn)
{
	const struct conn_view *listener = facts_listener(facts, conn);
	const struct view_owner *holder = NULL, *other = NULL;
	char local[TEXT_ENDPOINT_MAX], remote[TEXT_ENDPOINT_MAX];
	struct finding *finding;
	struct use holder_use, use;

	for (size_t i = 0; i < conn->owner_count; i++) {
		use_find(&facts->uses, &conn->owners[i], conn->inode, &use);
		if (!use.known || use.running || use.thread != NULL || use.registration != NULL)
			return;
		if (!inherited(conn, listener, conn->owners[i].pid)) {
			other = &conn->owners[i];
		} else if (holder == NULL) {
			holder = &conn->owners[i];
			holder_use = use;
		}
	}
	if (holder == NULL)
		return;
	finding = finding_add(findings, VERDICT_FD_HELD_BY_OTHER_PROCESS, (uint64_t)holder->pid, LEVEL_WARNING,
			      conn->state == ELEVEN_CLOSE_WAIT ? CONFIDENCE_SURE : CONFIDENCE_LIKELY, conn);
	if (!finding_is_new(finding))
		return;
	finding->owners[0] = *holder;   /* who is meant comes first */
	finding->owner_count = 1;
	for (size_t i = 0; i < conn->owner_count; i++)
		finding_owner(finding, &conn->owners[i]);
	finding_say(finding->what, "%s  %s-%s - %s (%d) holds fd %d and does not use it",
		    text_state_netstat(conn->state),
		    text_endpoint_of(local, conn->family, &conn->local),
		    text_endpoint_of(remote, conn->family, &conn->remote), holder->comm, (int)holder->pid, holder->fd);
	finding_evidence(finding, "holders", "/proc/PID/fd", "%zu", conn->owner_count);
	finding_evidence(finding, "process", "/proc/PID/stat", "%d %s", (int)holder->pid, holder->comm);
	if (listener != NULL && listener->owner_count > 0)
		finding_evidence(finding, "listener", "sock_diag", "%d/%s", (int)listener->owners[0].pid,
				 listener->owners[0].comm);
	finding_use(finding, &holder_use);
	if (other != NULL)
		finding_say(finding->why, "%s (%d) has it as fd %d; its child %d inherited fd %d, and the connection "
			    "stays until both are closed", other->comm, (int)other->pid, other->fd, (int)holder->pid,
			    holder->fd);
	else
		finding_say(finding->why, "the descriptor came by fork(), or in a message (SCM_RIGHTS): whoever "
			    "accepted or opened the connection has closed its own, but %s (%d) still has one, so no "
			    "FIN is sent", holder->comm, (int)holder->pid);
}

void rules_held(struct facts *facts, struct findings *findings)
{
	for (size_t i = 0; i < facts->view.count; i++) {
		const struct conn_view *conn = &facts->view.conns[i];
		uint64_t idle;

		if (!facts_chosen(facts, conn))
			continue;
		if ((conn->state != ELEVEN_ESTABLISHED && conn->state != ELEVEN_CLOSE_WAIT) || conn->owner_count == 0 ||
		    conn->source != VIEW_KERNEL || !facts_steady(facts, conn))
			continue;
		idle = idle_ns(conn);
		if (idle != VIEW_ABSENT && idle >= SECOND_NS)
			held_judge(facts, findings, conn);
	}
}
