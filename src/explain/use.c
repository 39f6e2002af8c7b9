/* SPDX-License-Identifier: MIT */
/* Who uses a descriptor; see use.h. */
#include "explain/use.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/check.h"
#include "explain/call.h"
#include "view/text.h"

/* Descriptors that one poll() is looked into for. */
#define POLL_MAX 4096

/* ---------------------------------------------------------------- reading a program */

/* A small file of /proc as text; the length, or -1. */
static ssize_t text_read(char *out, size_t n, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd >= 0 ? read(fd, out, n - 1) : -1;

	if (fd >= 0)
		close(fd);
	out[got > 0 ? got : 0] = '\0';
	return got;
}

static void thread_read(struct use_thread *thread, pid_t pid, pid_t tid)
{
	char path[96], text[512], *end;
	ssize_t n;

	memset(thread, 0, sizeof(*thread));
	thread->tid = tid;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int)pid, (int)tid);
	if (text_read(text, sizeof(text), path) > 0) {
		char *open = strchr(text, '('), *close = strrchr(text, ')');

		if (open != NULL && close != NULL && close > open && close[1] == ' ') {
			thread->state = close[2];
			text_escape(thread->comm, sizeof(thread->comm), open + 1, (size_t)(close - open - 1));
		}
	}
	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", (int)pid, (int)tid);
	n = text_read(text, sizeof(text), path);
	if (n <= 0)
		return;
	thread->known = true;
	if (strncmp(text, "running", 7) == 0) {
		thread->running = true;
		return;
	}
	thread->number = strtol(text, &end, 10);
	for (int i = 0; i < 6 && thread->number >= 0; i++)
		thread->arguments[i] = strtoull(end, &end, 16);
}

static void threads_read(struct use_program *program)
{
	char path[64];
	struct dirent *entry;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)program->pid);
	folder = opendir(path);
	program->threads = calloc(USE_THREADS_MAX, sizeof(*program->threads));
	CHECK(program->threads != NULL);
	while (folder != NULL && program->thread_count < USE_THREADS_MAX && (entry = readdir(folder)) != NULL) {
		struct use_thread *thread = &program->threads[program->thread_count];

		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		thread_read(thread, program->pid, (pid_t)atoi(entry->d_name));
		if (thread->state == '\0')
			continue;
		program->known |= thread->known;
		program->thread_count++;
	}
	if (folder != NULL)
		closedir(folder);
}

/* `tfd:        9 events:       19 data: … pos:0 ino:1e2a sdev:8`, a line for each. */
static void registrations_read(struct use_program *program, int epoll_fd)
{
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)program->pid, epoll_fd);
	file = fopen(path, "re");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		struct use_registration one = { .epoll_fd = epoll_fd };
		char *inode = strstr(line, "ino:");
		size_t count = program->registration_count;

		if (sscanf(line, "tfd: %d events: %x", &one.fd, &one.events) != 2)
			continue;
		one.inode = inode != NULL ? strtoull(inode + 4, NULL, 16) : 0;
		if ((count & (count - 1)) == 0) {
			program->registrations = realloc(program->registrations,
							 (count ? 2 * count : 1) * sizeof(one));
			CHECK(program->registrations != NULL);
		}
		program->registrations[program->registration_count++] = one;
	}
	if (file != NULL)
		fclose(file);
}

static void descriptors_read(struct use_program *program)
{
	char path[64], target[64];
	struct dirent *entry;
	DIR *folder;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)program->pid);
	folder = opendir(path);
	program->registrations_known = folder != NULL;
	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		program->descriptors++;
		n = readlinkat(dirfd(folder), entry->d_name, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		if (strcmp(target, "anon_inode:[eventpoll]") == 0)
			registrations_read(program, atoi(entry->d_name));
		else if (strcmp(target, "anon_inode:[io_uring]") == 0)
			program->io_uring = true;
	}
	if (folder != NULL)
		closedir(folder);
}

static void limit_read(struct use_program *program)
{
	static const char name[] = "Max open files";
	char path[64], line[256];
	FILE *file;

	program->descriptors_max = VIEW_ABSENT;
	snprintf(path, sizeof(path), "/proc/%d/limits", (int)program->pid);
	file = fopen(path, "re");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, name, sizeof(name) - 1) == 0 && line[sizeof(name) - 1] == ' ')
			program->descriptors_max = strtoull(line + sizeof(name), NULL, 10);
	}
	if (file != NULL)
		fclose(file);
}

const struct use_program *uses_program(struct uses *uses, pid_t pid)
{
	struct use_program *program;

	for (size_t i = 0; i < uses->count; i++) {
		if (uses->list[i]->pid == pid)
			return uses->list[i];
	}
	if ((uses->count & (uses->count - 1)) == 0) {
		uses->list = realloc(uses->list, (uses->count ? 2 * uses->count : 1) * sizeof(*uses->list));
		CHECK(uses->list != NULL);
	}
	program = calloc(1, sizeof(*program));
	CHECK(program != NULL);
	uses->list[uses->count++] = program;
	program->pid = pid;
	threads_read(program);
	descriptors_read(program);
	limit_read(program);
	return program;
}

void uses_free(struct uses *uses)
{
	for (size_t i = 0; i < uses->count; i++) {
		free(uses->list[i]->threads);
		free(uses->list[i]->registrations);
		free(uses->list[i]);
	}
	free(uses->list);
	memset(uses, 0, sizeof(*uses));
}

/* ---------------------------------------------------------------- one descriptor */

static bool memory_read(pid_t pid, void *out, size_t n, uint64_t address)
{
	struct iovec local = { out, n }, remote = { (void *)(uintptr_t)address, n };

	return address != 0 && process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)n;
}

/* poll(): is the descriptor in the list, and for what. */
static void poll_look(const struct use_program *program, const struct use_thread *thread, int fd, struct use *use)
{
	uint64_t count = thread->arguments[1] < POLL_MAX ? thread->arguments[1] : POLL_MAX;
	struct pollfd *list = calloc(count + 1, sizeof(*list));

	CHECK(list != NULL);
	if (!memory_read(program->pid, list, count * sizeof(*list), thread->arguments[0]))
		count = 0;
	for (uint64_t i = 0; i < count; i++) {
		if (list[i].fd != fd)
			continue;
		use->thread = thread;
		use->reads |= (list[i].events & (POLLIN | POLLRDNORM | POLLRDHUP | POLLPRI)) != 0;
		use->writes |= (list[i].events & POLLOUT) != 0;
	}
	free(list);
}

static bool select_has(const struct use_program *program, uint64_t set, uint64_t highest, int fd)
{
	fd_set bits;

	FD_ZERO(&bits);
	if (fd < 0 || (uint64_t)fd >= highest || fd >= FD_SETSIZE ||
	    !memory_read(program->pid, &bits, (highest < FD_SETSIZE ? highest + 63 : FD_SETSIZE) / 64 * 8, set))
		return false;
	return FD_ISSET(fd, &bits);
}

static void select_look(const struct use_program *program, const struct use_thread *thread, int fd, struct use *use)
{
	bool in = select_has(program, thread->arguments[1], thread->arguments[0], fd);
	bool out = select_has(program, thread->arguments[2], thread->arguments[0], fd);

	if (in || out)
		use->thread = thread;
	use->reads |= in;
	use->writes |= out;
}

static void thread_look(const struct use_program *program, const struct use_thread *thread, int fd, struct use *use)
{
	const struct call *call = thread->known && !thread->running ? call_find(thread->number) : NULL;

	use->running |= thread->running || thread->state == 'R';
	if (call == NULL)
		return;
	switch (call->kind) {
	case CALL_READS:
	case CALL_ACCEPTS:
		if ((int)thread->arguments[0] == fd) {
			use->thread = thread;
			use->reads = true;
		}
		return;
	case CALL_WRITES:
	case CALL_CONNECTS:
		if ((int)thread->arguments[0] == fd) {
			use->thread = thread;
			use->writes = true;
		}
		return;
	case CALL_POLLS:
		poll_look(program, thread, fd, use);
		return;
	case CALL_SELECTS:
		select_look(program, thread, fd, use);
		return;
	case CALL_EPOLLS:
		if (use->registration != NULL && use->registration->epoll_fd == (int)thread->arguments[0]) {
			uint32_t events = use->registration->events;

			use->thread = use->thread != NULL ? use->thread : thread;
			use->reads |= (events & (EPOLLIN | EPOLLRDNORM | EPOLLRDHUP)) != 0;
			use->writes |= (events & EPOLLOUT) != 0;
		}
		return;
	case CALL_OTHER:
		return;
	}
}

void use_find(struct uses *uses, const struct view_owner *owner, uint64_t inode, struct use *use)
{
	const struct use_program *program = uses_program(uses, owner->pid);
	size_t stopped = 0;

	memset(use, 0, sizeof(*use));
	use->program = program;
	for (size_t i = 0; i < program->registration_count; i++) {
		const struct use_registration *one = &program->registrations[i];

		if (one->inode == inode || (one->inode == 0 && one->fd == owner->fd))
			use->registration = one;
	}
	for (size_t i = 0; i < program->thread_count; i++) {
		thread_look(program, &program->threads[i], owner->fd, use);
		stopped += program->threads[i].state == 'T' || program->threads[i].state == 't';
	}
	use->stopped = stopped > 0 && stopped == program->thread_count;
	use->known = program->known && program->registrations_known && !program->io_uring;
}

/* ---------------------------------------------------------------- words */

const char *use_doing(char out[USE_DOING_MAX], const struct use_thread *thread)
{
	const struct call *call = thread->known && !thread->running && thread->number >= 0 ? call_find(thread->number) :
											     NULL;

	if (thread->state == 'T' || thread->state == 't')
		snprintf(out, USE_DOING_MAX, "is stopped");
	else if (thread->state == 'Z' || thread->state == 'X')
		snprintf(out, USE_DOING_MAX, "has ended");
	else if (!thread->known)
		snprintf(out, USE_DOING_MAX, "does something that may not be looked at");
	else if (thread->running || thread->number < 0)
		snprintf(out, USE_DOING_MAX, "runs");
	else if (call == NULL)
		snprintf(out, USE_DOING_MAX, "is in system call %ld", thread->number);
	else if (call->kind == CALL_OTHER || call->kind == CALL_POLLS || call->kind == CALL_SELECTS)
		snprintf(out, USE_DOING_MAX, "%s", call->sentence);
	else
		snprintf(out, USE_DOING_MAX, "is in %s(%d)", call->name, (int)thread->arguments[0]);
	return out;
}

const char *use_events(char out[USE_DOING_MAX], uint32_t events)
{
	static const struct { uint32_t bit; const char *name; } names[] = {
		{ EPOLLIN, "EPOLLIN" }, { EPOLLOUT, "EPOLLOUT" }, { EPOLLRDHUP, "EPOLLRDHUP" },
		{ EPOLLONESHOT, "EPOLLONESHOT" }, { EPOLLET, "EPOLLET" },
	};
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (events & names[i].bit)
			used += (size_t)snprintf(out + used, USE_DOING_MAX - used, "%s%s", used ? "|" : "",
						 names[i].name);
	}
	if (used == 0)
		snprintf(out, USE_DOING_MAX, "nothing");
	return out;
}
