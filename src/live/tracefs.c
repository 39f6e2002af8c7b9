/* SPDX-License-Identifier: MIT */
/*
 * The tracefs backend: the same tracepoints as the BPF one, read as raw pages, where BPF is not to be had.
 *
 * An event of tracefs names a socket by its address in the kernel, which is used again at once, or by its ends; it
 * knows neither its cookie nor its namespace, descriptor or flags.  What is missing is asked of sock_diag while it can
 * still be answered, for at most a fifth of the time; a connection whose cookie was not learned gets a made-up name.
 * Pages of all processors are read up to one moment and put in order before they are told.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "lens/kernel.h"
#include "lens/namespace.h"
#include "live/backend.h"
#include "live/tracefs_files.h"

#define SOCKETS_MAX 65536u      /* known by their address at once; a power of two */
#define PAGE_BYTES 65536        /* the longest that a kernel has */
#define ASK_SHARE 5             /* a fifth of the time may go into asking … */
#define ASK_CREDIT_NS 50000000ll        /* … and this much at once */
#define TICK_NS 12000000ull     /* timers of small sockets are as exact as the kernel's tick */
#define THREADS_KEPT 1024u
#define THREAD_NS 200000000ull
#define EVENTS_KEPT_MAX 1000000u

struct socket_name {
	uint64_t socket;                /* its address; 0: free */
	uint64_t cookie;
	uint64_t ends;                  /* hash of addresses and ports */
	uint32_t netns;
};

struct thread_seen { pid_t tid, pid; uint64_t time; };

struct trace_watch {
	struct thread_seen threads[THREADS_KEPT];
	struct trace_files files;
	struct socket_name by_socket[SOCKETS_MAX];
	struct socket_name by_ends[SOCKETS_MAX];        /* copies: an address is used again before the ends are */
	uint64_t made_up;
	struct trace_seen *seen;        /* not told yet */
	size_t count, room;
	uint64_t dropped;               /* beyond EVENTS_KEPT_MAX */
	int64_t ask_credit;
	uint64_t ask_last;
	const struct backend_sink *sink;
	uint64_t now;
	uint16_t port;
	bool first_pids;                /* our PID namespace is the kernel's own */
	uint8_t page[PAGE_BYTES];
};

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---------------------------------------------------------------- names of sockets */

static uint64_t ends_hash(const struct live_record *record)
{
	size_t n = record->flags & LIVE_RECORD_V6 ? 32 : 8;
	uint64_t hash = 0xcbf29ce484222325u ^ ((uint64_t)record->local_port << 16 | record->remote_port);

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ record->address[i]) * 0x100000001b3u;
	return hash | 1;
}

static uint32_t slot_of(uint64_t value)
{
	return (uint32_t)(value * 0x9e3779b97f4a7c15u >> 40) & (SOCKETS_MAX - 1);
}

static struct socket_name *name_by_socket(struct trace_watch *watch, uint64_t socket)
{
	struct socket_name *name = &watch->by_socket[slot_of(socket)];

	return socket != 0 && name->socket == socket ? name : NULL;
}

static struct socket_name *name_by_ends(struct trace_watch *watch, const struct live_record *record)
{
	uint64_t ends = ends_hash(record);
	struct socket_name *name = &watch->by_ends[slot_of(ends)];

	return name->ends == ends ? name : NULL;
}

static struct socket_name *name_put(struct trace_watch *watch, uint64_t socket, const struct live_record *record,
				    uint64_t cookie, uint32_t netns)
{
	struct socket_name *name = &watch->by_socket[slot_of(socket)];

	*name = (struct socket_name){ socket, cookie, ends_hash(record), netns };
	watch->by_ends[slot_of(name->ends)] = *name;
	return name;
}

static bool ask(struct trace_watch *watch, const struct live_record *record, struct backend_answer *answer)
{
	uint64_t begun = clock_ns();
	bool got;

	watch->ask_credit += (int64_t)((begun - watch->ask_last) / ASK_SHARE);
	watch->ask_last = begun;
	if (watch->ask_credit > ASK_CREDIT_NS)
		watch->ask_credit = ASK_CREDIT_NS;
	if (watch->ask_credit < 0 || record->local_port == 0)
		return false;
	got = watch->sink->ask(watch->sink->context, record, answer);
	watch->ask_credit -= (int64_t)(clock_ns() - begun);
	return got;
}

/* The socket's true name, once it can be learned. */
static void cookie_learn(struct trace_watch *watch, struct socket_name *name, uint64_t cookie)
{
	if (cookie == 0 || name->cookie == cookie)
		return;
	tracker_rename(watch->sink->tracker, name->cookie, cookie);
	for (unsigned i = 0; i < 2; i++) {
		struct socket_name *other = i ? &watch->by_ends[slot_of(name->ends)] :
						&watch->by_socket[slot_of(name->socket)];

		if (other != name && other->cookie == name->cookie)
			other->cookie = cookie;
	}
	name->cookie = cookie;
}

static struct socket_name *name_new(struct trace_watch *watch, const struct trace_seen *seen)
{
	return name_put(watch, seen->socket, &seen->record, LIVE_COOKIE_MADE_UP | ++watch->made_up, 0);
}

/* ---------------------------------------------------------------- tasks */

static pid_t process_read(pid_t tid)
{
	char path[40], line[256];
	int pid = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	file = fopen(path, "re");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "Tgid: %d", &pid) == 1)
			break;
	if (file != NULL)
		fclose(file);
	return pid;
}

/* Which process a thread is of; 0: it has ended, and was perhaps not its process's first. */
static pid_t process_of(struct trace_watch *watch, pid_t tid)
{
	struct thread_seen *thread = &watch->threads[(uint32_t)tid % THREADS_KEPT];
	struct live_process process = { .kind = LIVE_RECORD_PROCESS, .pid = (uint32_t)tid, .tid = (uint32_t)tid,
					.uid = UINT32_MAX };

	/* A number is not given to another thread so soon. */
	if (thread->tid == tid && watch->now - thread->time < THREAD_NS)
		return thread->pid;
	thread->pid = process_read(tid);
	thread->tid = tid;
	thread->time = watch->now;
	if (thread->pid == 0 && trace_files_comm(&watch->files, tid, process.comm))
		tracker_process(watch->sink->tracker, &process);
	return thread->pid;
}

static void task_set(struct trace_watch *watch, struct live_record *record, pid_t tid)
{
	/* The text has the kernel's numbers, which in a PID namespace of one's own are somebody else's. */
	if (watch->first_pids) {
		record->tid = (uint32_t)tid;
		record->pid = (uint32_t)process_of(watch, tid);
	}
	record->call = LIVE_CALL_OTHER;
}

/* ---------------------------------------------------------------- telling */

static bool begins(unsigned old, unsigned new)
{
	return (old == KERNEL_CLOSE && (new == KERNEL_SYN_SENT || new == KERNEL_LISTEN)) ||
	       (new == KERNEL_SYN_RECV && old != KERNEL_SYN_SENT);
}

static bool call_makes(unsigned old, unsigned new)
{
	if (new == KERNEL_SYN_SENT || new == KERNEL_LISTEN || new == KERNEL_FIN_WAIT1 || new == KERNEL_LAST_ACK)
		return true;
	return new == KERNEL_CLOSE && old != KERNEL_LAST_ACK && old != KERNEL_CLOSING && old != KERNEL_FIN_WAIT2;
}

/* What sock_diag adds to a move, where it matters. */
static void state_ask(struct trace_watch *watch, struct socket_name *name, struct live_record *record)
{
	unsigned old = record->states >> 4, new = record->states & 15;
	bool rests = new == KERNEL_CLOSE && (old == KERNEL_FIN_WAIT2 || old == KERNEL_CLOSING);
	bool closes = new == KERNEL_FIN_WAIT1 || new == KERNEL_LAST_ACK;
	struct backend_answer answer = { 0 };

	if (new == KERNEL_CLOSE && !rests)
		return;
	if (!rests && !closes && !(name->cookie & LIVE_COOKIE_MADE_UP) && new != KERNEL_CLOSE_WAIT)
		return;
	if (!ask(watch, record, &answer))
		return;
	cookie_learn(watch, name, answer.cookie);
	name->netns = (uint32_t)answer.netns;
	record->inode = answer.inode;
	if (closes && answer.inode != 0)
		record->call = LIVE_CALL_SHUTDOWN;
	else if (closes)
		record->call = LIVE_CALL_OTHER;
	/* In TIME_WAIT by now, and later than this event: it was an orphan first. */
	if (rests && answer.small && (answer.state == KERNEL_FIN_WAIT2 ||
				      (old == KERNEL_FIN_WAIT2 && answer.since > record->time + TICK_NS)))
		record->flags = (uint8_t)((record->flags & ~LIVE_RECORD_REQUEST) | LIVE_RECORD_DEAD);
}

static void state_tell(struct trace_watch *watch, struct trace_seen *seen)
{
	struct live_record *record = &seen->record;
	unsigned old = record->states >> 4, new = record->states & 15;
	struct socket_name *name = name_by_socket(watch, seen->socket);
	struct backend_answer answer = { 0 };

	if (name == NULL || begins(old, new)) {
		name = name_new(watch, seen);
		if (!begins(old, new) && ask(watch, record, &answer)) {
			/* Was there before: the stock has it. */
			name = name_put(watch, seen->socket, record, answer.cookie, (uint32_t)answer.netns);
		}
	} else if (record->local_port != 0) {
		name = name_put(watch, seen->socket, record, name->cookie, name->netns);
	}
	if (seen->in_call && call_makes(old, new)) {
		task_set(watch, record, seen->task);
		if (new != KERNEL_CLOSE)
			record->call = LIVE_CALL_NONE;
		if (record->pid == (uint32_t)getpid() && record->pid != 0)
			return;
	}
	state_ask(watch, name, record);
	record->cookie = name->cookie;
	record->netns = name->netns;
	tracker_record(watch->sink->tracker, record, watch->now);
}

static void seen_tell(struct trace_watch *watch, struct trace_seen *seen)
{
	struct live_record *record = &seen->record;
	struct socket_name *name;
	uint64_t cookie = record->cookie;

	if (watch->port != 0 && record->local_port != watch->port && record->remote_port != watch->port)
		return;
	if (seen->event == TRACE_STATE) {
		state_tell(watch, seen);
		return;
	}
	name = seen->socket != 0 && seen->event != TRACE_RETRANSMIT_SYNACK ? name_by_socket(watch, seen->socket) :
									     name_by_ends(watch, record);
	if (name == NULL && seen->event == TRACE_SEND_RESET && seen->socket != 0)
		name = name_by_ends(watch, record);     /* what is left of a socket has an address of its own */
	if (seen->event == TRACE_SEND_RESET && seen->socket == 0) {
		name = NULL;                    /* for a packet of nobody */
		record->states = 0;
	}
	/* Only then: what a socket leaves in TIME_WAIT has another cookie if nobody had asked for it before. */
	if (name != NULL && cookie != 0 && name->cookie & LIVE_COOKIE_MADE_UP)
		cookie_learn(watch, name, cookie);
	if (seen->event == TRACE_DESTROY)
		return;
	record->cookie = name != NULL ? name->cookie : cookie;
	record->netns = name != NULL ? name->netns : 0;
	if (record->cookie != 0 || (seen->event == TRACE_SEND_RESET && seen->socket == 0))
		tracker_record(watch->sink->tracker, record, watch->now);
}

/* ---------------------------------------------------------------- reading */

static void on_event(void *context, uint64_t time, const uint8_t *event, size_t n)
{
	struct trace_watch *watch = context;
	struct trace_seen seen;

	if (!trace_event_read(watch->files.formats, event, n, time, &seen))
		return;
	if (watch->count == EVENTS_KEPT_MAX) {
		watch->dropped++;
		return;
	}
	if (watch->count == watch->room) {
		watch->room = watch->room ? 2 * watch->room : 1024;
		watch->seen = realloc(watch->seen, watch->room * sizeof(*watch->seen));
		CHECK(watch->seen != NULL);
	}
	watch->seen[watch->count++] = seen;
}

static int by_time(const void *left, const void *right)
{
	const struct trace_seen *a = left, *b = right;

	return (a->record.time > b->record.time) - (a->record.time < b->record.time);
}

static int trace_read(void *state, const struct backend_sink *sink, uint64_t now)
{
	struct trace_watch *watch = state;
	uint64_t horizon = clock_ns();
	size_t told = 0;

	watch->sink = sink;
	watch->now = now;
	for (unsigned i = 0; i < watch->files.pipe_count; i++) {
		ssize_t n;

		while ((n = read(watch->files.pipes[i], watch->page, sizeof(watch->page))) > 0) {
			bool lost;

			trace_page_read(&watch->files.layout, watch->page, (size_t)n, &lost, on_event, watch);
		}
	}
	if (watch->count > 1)
		qsort(watch->seen, watch->count, sizeof(*watch->seen), by_time);
	while (told < watch->count && watch->seen[told].record.time <= horizon)
		seen_tell(watch, &watch->seen[told++]);
	if (told > 0)
		memmove(watch->seen, watch->seen + told, (watch->count - told) * sizeof(*watch->seen));
	watch->count -= told;
	return (int)told;
}

static int trace_open(void **state, const struct backend_options *options, char problem[BACKEND_PROBLEM_MAX])
{
	struct trace_watch *watch = calloc(1, sizeof(*watch));
	int error;

	if (watch == NULL)
		return -ENOMEM;
	watch->port = options->port;
	watch->first_pids = namespace_pid_is_first();
	error = trace_files_open(&watch->files, problem, BACKEND_PROBLEM_MAX);
	if (error < 0) {
		free(watch);
		return error;
	}
	*state = watch;
	return 0;
}

static int trace_fd(void *state)
{
	(void)state;
	return -1;                      /* there is one for each processor: they are looked at now and then */
}

static uint64_t trace_lost(void *state)
{
	struct trace_watch *watch = state;

	return trace_files_lost(&watch->files) + watch->dropped;
}

static void trace_close(void *state)
{
	struct trace_watch *watch = state;

	trace_files_close(&watch->files);
	free(watch->seen);
	free(watch);
}

const struct backend backend_tracefs = { "trace", trace_open, trace_fd, trace_read, trace_lost, trace_close };
