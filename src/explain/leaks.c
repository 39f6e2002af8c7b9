/* SPDX-License-Identifier: MIT */
/*
 * Programs that forget descriptors: CLOSE_WAIT, data that nobody reads, descriptors of what is over, pools that grow.
 *
 * Nothing is held against a program before a second has passed, and nothing that it is busy with: a thread that sends
 * on the descriptor, or one that runs and may come to it (then it takes five).
 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "explain/facts.h"
#include "lens/kernel.h"
#include "view/text.h"

#define LEAK_NS      SECOND_NS
#define BUSY_NS      (5 * SECOND_NS)    /* a program that runs is given this long */
#define NEAR_PERCENT 80u                /* of its descriptors: a program is near its limit */
#define GROWTH_MIN   3u                 /* connections more within the time watched */

/* `on :7001` for a server's connections, `to 10.0.0.1:80` for a client's. */
static const char *place(char out[TEXT_ENDPOINT_MAX + 8], struct facts *facts, const struct conn_view *conn)
{
	char text[TEXT_ENDPOINT_MAX];

	if (facts_serves(facts, conn))
		snprintf(out, TEXT_ENDPOINT_MAX + 8, "on :%u", conn->local.port);
	else
		snprintf(out, TEXT_ENDPOINT_MAX + 8, "to %s", text_endpoint_of(text, conn->family, &conn->remote));
	return out;
}

static uint64_t place_key(struct facts *facts, const struct conn_view *conn)
{
	uint64_t port = facts_serves(facts, conn) ? conn->local.port : conn->remote.port + 65536u;

	return finding_key(port, conn->netns, 0);
}

/* What the program does instead of what it should: `fd 7 is in no epoll set, no thread waits on it`. */
static void say_instead(char *out, size_t n, const struct handling *handling, int fd)
{
	char events[USE_DOING_MAX], doing[USE_DOING_MAX];
	const struct use *use = &handling->use;
	size_t used = 0;

	out[0] = '\0';
	if (handling->owner == NULL)
		return;
	if (!use->program->known) {
		snprintf(out, n, "what the program does may not be looked at");
		return;
	}
	if (handling->stopped) {
		snprintf(out, n, "the program is stopped (state T)");
		return;
	}
	if (use->registration != NULL)
		used = (size_t)snprintf(out, n, "fd %d is in epoll %d with %s", fd, use->registration->epoll_fd,
					use_events(events, use->registration->events));
	else
		used = (size_t)snprintf(out, n, "fd %d is in no epoll set", fd);
	if (used >= n)
		return;
	if (use->thread != NULL)
		snprintf(out + used, n - used, ", thread %d (%s) %s", (int)use->thread->tid, use->thread->comm,
			 use_doing(doing, use->thread));
	else if (use->program->thread_count == 1)
		snprintf(out + used, n - used, "; %s %s", use->program->threads[0].comm,
			 use_doing(doing, &use->program->threads[0]));
	else
		snprintf(out + used, n - used, ", no thread waits on it");
}

/* ---------------------------------------------------------------- CLOSE_WAIT */

/* 0: EOF was read; 1: only EOF is left; more: so many bytes before it. */
static uint64_t unread_until_eof(const struct conn_view *conn)
{
	if (conn->source == VIEW_ELEVEN)
		return conn->recvq > 0 ? conn->recvq + 1 : !conn_view_sub(conn, ELEVEN_SUB_EOF_READ);
	return conn->recvq;
}

static void close_wait_words(struct finding *finding, const struct conn_view *conn, const char *who, const char *where,
			     uint64_t unread, const char *instead)
{
	char fds[FACTS_WHO_MAX];

	facts_fds(fds, finding);
	finding_say(finding->what, "CLOSE_WAIT  %zu socket%s %s - %s %s%s%s", finding->count,
		    finding->count == 1 ? "" : "s", where, who,
		    conn->sub & ELEVEN_SUB_ACCEPT_QUEUE ? "has not accepted it" : "never closed",
		    fds[0] ? " " : "", fds);
	/* Every program was looked into, and none has it. */
	if (conn->owner_count == 0 && conn->inode != 0 && conn->owners_known && conn->source == VIEW_KERNEL) {
		finding_say(finding->what, "CLOSE_WAIT  %zu socket%s %s - no program in sight has %s", finding->count,
			    finding->count == 1 ? "" : "s", where, finding->count == 1 ? "it" : "them");
		finding_say(finding->why, "its descriptor waits in a message that nobody has received (SCM_RIGHTS), "
			    "or a program of another PID namespace has it");
		return;
	}
	if (conn->sub & ELEVEN_SUB_ACCEPT_QUEUE)
		finding_say(finding->why, "the peer has connected and closed, and the program did not call accept() "
			    "meanwhile");
	else if (unread == 0)
		finding_say(finding->why, "EOF was read (Recv-Q 0) but close() was not called%s%s",
			    instead[0] ? "; " : "", instead);
	else if (unread == 1)
		finding_say(finding->why, "EOF was never read (Recv-Q 1)%s%s", instead[0] ? "; " : "", instead);
	else
		finding_say(finding->why, "%llu byte%s and EOF are unread (Recv-Q %llu)%s%s",
			    (unsigned long long)unread - 1,
			    unread == 2 ? "" : "s", (unsigned long long)conn->recvq, instead[0] ? "; " : "", instead);
}

static void close_wait_evidence(struct finding *finding, const struct conn_view *conn)
{
	char peer[TEXT_ENDPOINT_MAX];

	finding_evidence(finding, "state", "sock_diag", "CLOSE_WAIT");
	finding_evidence_number(finding, "recvq", "sock_diag", conn->recvq);
	finding_evidence_number(finding, "sendq", "sock_diag", conn->sendq);
	if (conn->kernel != NULL && conn->kernel->shutdown_known)
		finding_evidence(finding, "shutdown", "sock_diag", "%s", conn->kernel->shutdown & 1 ? "RCV" : "");
	if (conn->kernel != NULL && conn->kernel->info_bytes > 0)
		finding_evidence_number(finding, "tcpi_last_ack_recv", "tcp_info",
					conn->kernel->info.base.tcpi_last_ack_recv);
	text_endpoint_of(peer, conn->family, &conn->remote);
	finding_say(finding->peer, "%s closed first (state CLOSE_WAIT, shutdown=RCV)", peer);
}

static void close_wait_judge(struct facts *facts, struct findings *findings, const struct conn_view *conn)
{
	char who[FACTS_WHO_MAX], where[TEXT_ENDPOINT_MAX + 8], instead[200];
	const struct conn_view *listener = NULL;
	struct handling handling;
	struct finding *finding;
	uint64_t unread = unread_until_eof(conn), cause = unread < 2 ? unread : 2;
	enum level level = LEVEL_WARNING;
	enum confidence confidence;

	if (!facts_older(facts, conn, LEAK_NS) || !facts_steady(facts, conn))
		return;
	facts_handling(facts, conn, &handling);
	/* What is still to be sent keeps the program's interest: a half-closed peer waits for it. */
	if (handling.writes && handling.use.thread != NULL && conn->sendq > 0)
		return;
	if (handling.running && !facts_older(facts, conn, BUSY_NS))
		level = LEVEL_INFO;
	if (conn->sub & ELEVEN_SUB_ACCEPT_QUEUE) {
		listener = facts_listener(facts, conn);
		cause = 3;
	}
	confidence = handling.known && !handling.running ? CONFIDENCE_SURE : CONFIDENCE_LIKELY;
	finding = finding_add(findings, VERDICT_CLOSE_WAIT_LEAK,
			      finding_key(facts_program(conn),
					  cause,
					  place_key(facts, conn)), level, confidence, conn);
	if (listener != NULL && finding_is_new(finding)) {
		for (size_t i = 0; i < listener->owner_count; i++)
			finding_owner(finding, &listener->owners[i]);
	}
	if (finding_is_new(finding)) {
		close_wait_evidence(finding, conn);
		if (handling.owner != NULL)
			finding_use(finding, &handling.use);
		if (!handling.stopped && handling.owner != NULL)
			finding_say(finding->where, "unknown: opened before watching. `eleven watch pid %d --stack` "
				    "shows the next accept site", (int)handling.owner->pid);
	}
	say_instead(instead, sizeof(instead), &handling, handling.owner != NULL ? handling.owner->fd : -1);
	facts_who(who, listener != NULL && listener->owner_count > 0 ? listener : conn);
	if (finding_is_new(finding))
		close_wait_words(finding, conn, who, place(where, facts, conn), unread, instead);
	else {
		char why[FINDING_TEXT_MAX];

		memcpy(why, finding->why, sizeof(why));
		close_wait_words(finding, conn, who, place(where, facts, conn), unread, instead);
		memcpy(finding->why, why, sizeof(why));
	}
}

/* ---------------------------------------------------------------- unread data */

static void unread_judge(struct facts *facts, struct findings *findings, const struct conn_view *conn)
{
	const struct conn_view *before = facts_before(facts, conn);
	char who[FACTS_WHO_MAX], where[TEXT_ENDPOINT_MAX + 8], instead[200], fds[FACTS_WHO_MAX];
	uint64_t last = conn->info.last_received;
	struct handling handling;
	struct finding *finding;
	enum level level = LEVEL_WARNING;

	if (conn->recvq == VIEW_ABSENT || conn->recvq == 0 || conn->sub & ELEVEN_SUB_ACCEPT_QUEUE || before == NULL ||
	    before->recvq == 0 || before->recvq > conn->recvq)
		return;                 /* it is being read */
	if (last == VIEW_ABSENT || (last < LEAK_NS && conn->recvq < 65536))
		return;
	facts_handling(facts, conn, &handling);
	if (handling.running && last < BUSY_NS)
		level = LEVEL_INFO;
	finding = finding_add(findings, VERDICT_UNREAD_DATA_NOBODY_READS,
			      finding_key(facts_program(conn),
					  place_key(facts, conn), 0), level,
			      handling.known && !handling.running ? CONFIDENCE_SURE : CONFIDENCE_LIKELY, conn);
	facts_fds(fds, finding);
	finding_say(finding->what, "ESTABLISHED  %llu byte%s unread %s - %s does not read %s",
		    (unsigned long long)conn->recvq, conn->recvq == 1 ? "" : "s", place(where, facts, conn),
		    facts_who(who, conn), fds[0] ? fds : "it");
	if (!finding_is_new(finding)) {
		finding_say(finding->what, "ESTABLISHED  %zu sockets with unread data %s - %s does not read %s",
			    finding->count,
			    place(where, facts, conn), facts_who(who, conn), fds[0] ? fds : "them");
		return;
	}
	finding_evidence_number(finding, "recvq", "sock_diag", conn->recvq);
	finding_evidence(finding, "tcpi_last_data_recv", "tcp_info", "%llu ms", (unsigned long long)last / 1000000);
	finding_evidence_number(finding, "receive_buffer", "skmem", conn->info.receive_buffer);
	finding->since_ns = last;
	finding->since_bound = VIEW_LOWER;
	finding->since_how = "last_data_recv";
	if (handling.owner != NULL)
		finding_use(finding, &handling.use);
	say_instead(instead, sizeof(instead), &handling, handling.owner != NULL ? handling.owner->fd : -1);
	finding_say(finding->why, "the last of it came %llu ms ago; %s", (unsigned long long)last / 1000000,
		    handling.reads && !handling.stopped ?
		    "somebody waits for it and was not woken (edge-triggered?)" : instead);
}

/* ---------------------------------------------------------------- over, and still open */

static void dead_judge(struct facts *facts, struct findings *findings, const struct conn_view *conn)
{
	char local[TEXT_ENDPOINT_MAX], who[FACTS_WHO_MAX], fds[FACTS_WHO_MAX];
	struct handling handling;
	struct finding *finding;

	if (!(conn->sub & VIEW_SUB_DEAD) || !facts_steady(facts, conn) || conn->owner_count == 0)
		return;
	facts_handling(facts, conn, &handling);
	finding = finding_add(findings, VERDICT_DEAD_FD_NOT_CLOSED, (uint64_t)conn->owners[0].pid, LEVEL_WARNING,
			      handling.known && !handling.running ? CONFIDENCE_SURE : CONFIDENCE_LIKELY, conn);
	facts_fds(fds, finding);
	text_endpoint_of(local, conn->family, &conn->local);
	finding_say(finding->what, "CLOSE  %zu descriptor%s that %s over - %s keeps %s", finding->count,
		    finding->count == 1 ? " of a connection" : "s of connections", finding->count == 1 ? "is" : "are",
		    facts_who(who, conn), fds);
	if (!finding_is_new(finding))
		return;
	finding_evidence(finding, "tcpi_state", "pidfd_getfd, TCP_INFO", "CLOSE");
	finding_evidence(finding, "inode", "/proc/PID/fd", "%llu, not in sock_diag", (unsigned long long)conn->inode);
	finding_evidence(finding, "error", "poll", "%s", conn->sub & VIEW_SUB_ERROR_PENDING ? "not read" : "none left");
	finding_evidence(finding, "local", "getsockname", "%s", local);
	finding_use(finding, &handling.use);
	finding_say(finding->why, conn->sub & VIEW_SUB_ERROR_PENDING ?
		    "it was reset or timed out, and the program has not called anything on it since: the error waits "
		    "there" :
		    "it was reset or timed out, the program was told so and kept the descriptor");
}

/* ---------------------------------------------------------------- pools that grow */

struct pool {
	pid_t pid;
	size_t idle, fresh;             /* ESTABLISHED and unused; of these, new since the first look */
	size_t were, carried;           /* ESTABLISHED at the first look; of these, still there */
	const struct conn_view *example;
};

static struct pool *pool_of(struct pool **pools, size_t *count, pid_t pid)
{
	for (size_t i = 0; i < *count; i++) {
		if ((*pools)[i].pid == pid)
			return &(*pools)[i];
	}
	if ((*count & (*count - 1)) == 0) {
		*pools = realloc(*pools, (*count ? 2 * *count : 1) * sizeof(**pools));
		CHECK(*pools != NULL);
	}
	(*pools)[*count] = (struct pool){ .pid = pid };
	return &(*pools)[(*count)++];
}

static bool is_idle(const struct conn_view *conn)
{
	return conn->recvq == 0 && conn->sendq == 0 && conn->timer.kind != ELEVEN_TIMER_RETRANSMISSION;
}

static void pools_count(struct facts *facts, struct pool **pools, size_t *count)
{
	for (size_t i = 0; i < facts->view.count; i++) {
		const struct conn_view *conn = &facts->view.conns[i];
		bool carried = facts_before(facts, conn) != NULL;
		struct pool *pool;

		if (conn->state != ELEVEN_ESTABLISHED || conn->owner_count == 0 || !facts_chosen(facts, conn))
			continue;
		pool = pool_of(pools, count, conn->owners[0].pid);
		pool->idle += is_idle(conn);
		pool->fresh += is_idle(conn) && !carried;
		pool->carried += carried;
		pool->example = conn;
	}
	for (size_t i = 0; i < facts->before.count; i++) {
		const struct conn_view *conn = &facts->before.conns[i];

		for (size_t p = 0; p < *count && conn->state == ELEVEN_ESTABLISHED && conn->owner_count > 0; p++)
			(*pools)[p].were += (*pools)[p].pid == conn->owners[0].pid;
	}
}

static void pool_judge(struct facts *facts, struct findings *findings, const struct pool *pool)
{
	const struct use_program *program = uses_program(&facts->uses, pool->pid);
	bool near = program->descriptors > 0 && program->descriptors_max != VIEW_ABSENT &&
		    program->descriptors * 100 >= program->descriptors_max * NEAR_PERCENT &&
		    pool->idle * 2 >= program->descriptors;
	bool grows = pool->fresh >= GROWTH_MIN && pool->carried >= pool->were && facts->apart_ns >= SECOND_NS;
	char who[FACTS_WHO_MAX];
	struct finding *finding;

	if (!near && !grows)
		return;
	finding = finding_add(findings, VERDICT_IDLE_ESTABLISHED_GROWTH, (uint64_t)pool->pid,
			      near ? LEVEL_PROBLEM : LEVEL_WARNING, near && grows ? CONFIDENCE_SURE :
			      CONFIDENCE_LIKELY, NULL);
	for (size_t i = 0; i < facts->view.count; i++) {
		const struct conn_view *conn = &facts->view.conns[i];

		if (conn->state == ELEVEN_ESTABLISHED && conn->owner_count > 0 && conn->owners[0].pid == pool->pid &&
		    is_idle(conn) && facts_chosen(facts, conn))
			finding_add(findings, VERDICT_IDLE_ESTABLISHED_GROWTH, (uint64_t)pool->pid, LEVEL_WARNING,
				    CONFIDENCE_LIKELY, conn);
	}
	finding_say(finding->what, "ESTABLISHED  %zu idle connections of %s%s", pool->idle, facts_who(who,
												      pool->example),
		    near ? ", near its limit of descriptors" : ", and more all the time");
	finding_evidence_number(finding, "idle", "sock_diag", pool->idle);
	finding_evidence_number(finding, "descriptors", "/proc/PID/fd", program->descriptors);
	finding_evidence_number(finding, "Max open files", "/proc/PID/limits", program->descriptors_max);
	if (grows)
		finding_evidence(finding, "opened", "two looks", "%zu in %llu ms, none closed", pool->fresh,
				 (unsigned long long)facts->apart_ns / 1000000);
	finding_say(finding->why, "%zu of its %zu descriptors are connections that nothing is sent on%s", pool->idle,
		    program->descriptors, near ? "; when the limit is reached, accept() and socket() fail with "
		    "EMFILE" : "");
}

void rules_leaks(struct facts *facts, struct findings *findings)
{
	struct pool *pools = NULL;
	size_t count = 0;

	for (size_t i = 0; i < facts->view.count; i++) {
		const struct conn_view *conn = &facts->view.conns[i];

		if (!facts_chosen(facts, conn))
			continue;
		if (conn->state == ELEVEN_CLOSE_WAIT)
			close_wait_judge(facts, findings, conn);
		else if (conn->state == ELEVEN_ESTABLISHED)
			unread_judge(facts, findings, conn);
		else if (conn->state == ELEVEN_CLOSED)
			dead_judge(facts, findings, conn);
	}
	pools_count(facts, &pools, &count);
	for (size_t i = 0; i < count; i++)
		pool_judge(facts, findings, &pools[i]);
	free(pools);
}
