/* SPDX-License-Identifier: MIT */
/*
 * Programs and their sockets; see holders.h.
 *
 * Theory of operation: descriptors are added to one growing list while the folders are read; the table of twice their
 * number is made afterwards, and those of one inode are chained in it from the last to the first.  A readlink for each
 * descriptor is nearly all of the cost.
 */
#include "lens/holders.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "view/text.h"

#define NONE UINT32_MAX

/* Inodes are consecutive numbers: spread them (the multiplier of Fibonacci hashing). */
static size_t inode_slot(uint64_t inode, size_t mask)
{
	return (size_t)(inode * 0x9e3779b97f4a7c15u >> 32) & mask;
}

uint32_t holders_add_process(struct holders *holders, pid_t pid, uint32_t uid, const char *comm, size_t comm_bytes)
{
	struct holder_process *process;

	if (holders->process_count == holders->process_room) {
		holders->process_room = holders->process_room ? 2 * holders->process_room : 64;
		holders->processes = realloc(holders->processes, holders->process_room * sizeof(*process));
		CHECK(holders->processes != NULL);
	}
	process = &holders->processes[holders->process_count];
	process->pid = pid;
	process->uid = uid;
	text_escape(process->comm, sizeof(process->comm), comm, comm_bytes);
	return (uint32_t)holders->process_count++;
}

struct holder *holders_add(struct holders *holders, uint32_t process, int fd, uint64_t inode)
{
	struct holder *holder;

	if (holders->count == holders->room) {
		holders->room = holders->room ? 2 * holders->room : 1024;
		holders->list = realloc(holders->list, holders->room * sizeof(*holders->list));
		CHECK(holders->list != NULL);
	}
	holder = &holders->list[holders->count++];
	*holder = (struct holder){ .inode = inode, .fd = fd, .process = process, .next = NONE };
	return holder;
}

void holders_index(struct holders *holders)
{
	size_t slots = 16;

	while (slots < 2 * holders->count + 2)
		slots *= 2;
	free(holders->slots);
	holders->slots = malloc(slots * sizeof(*holders->slots));
	CHECK(holders->slots != NULL);
	memset(holders->slots, 0xff, slots * sizeof(*holders->slots));
	holders->mask = slots - 1;
	for (size_t i = holders->count; i-- > 0;) {
		size_t at = inode_slot(holders->list[i].inode, holders->mask);

		while (holders->slots[at] != NONE &&
		       holders->list[holders->slots[at]].inode != holders->list[i].inode)
			at = (at + 1) & holders->mask;
		holders->list[i].next = holders->slots[at];
		holders->slots[at] = (uint32_t)i;
	}
}

struct holder *holders_find(const struct holders *holders, uint64_t inode)
{
	size_t at;

	if (holders->slots == NULL)
		return NULL;
	for (at = inode_slot(inode, holders->mask); holders->slots[at] != NONE; at = (at + 1) & holders->mask) {
		if (holders->list[holders->slots[at]].inode == inode)
			return &holders->list[holders->slots[at]];
	}
	return NULL;
}

struct holder *holders_next(const struct holders *holders, const struct holder *holder)
{
	return holder->next == NONE ? NULL : &holders->list[holder->next];
}

static int owner_compare(const void *left, const void *right)
{
	const struct view_owner *a = left, *b = right;

	return a->pid != b->pid ? (a->pid > b->pid) - (a->pid < b->pid) : (a->fd > b->fd) - (a->fd < b->fd);
}

bool holders_fill(struct holders *holders, struct conn_view *conn)
{
	struct holder *first = conn->inode != 0 ? holders_find(holders, conn->inode) : NULL;
	size_t count = 0;

	for (struct holder *holder = first; holder != NULL; holder = holders_next(holders, holder))
		count++;
	free(conn->owners);
	conn->owners = count > 0 ? calloc(count, sizeof(*conn->owners)) : NULL;
	conn->owner_count = 0;
	CHECK(count == 0 || conn->owners != NULL);
	for (struct holder *holder = first; holder != NULL; holder = holders_next(holders, holder)) {
		const struct holder_process *process = &holders->processes[holder->process];
		struct view_owner *owner = &conn->owners[conn->owner_count++];

		holder->claimed = true;
		owner->pid = process->pid;
		owner->uid = process->uid;
		owner->fd = holder->fd;
		memcpy(owner->comm, process->comm, sizeof(owner->comm));
	}
	if (count > 1)
		qsort(conn->owners, count, sizeof(*conn->owners), owner_compare);
	return count > 0;
}

void holders_free(struct holders *holders)
{
	free(holders->list);
	free(holders->processes);
	free(holders->slots);
	memset(holders, 0, sizeof(*holders));
}

/* ---------------------------------------------------------------- /proc */

/* `socket:[123]`; 0: something else. */
static uint64_t target_inode(const char *target, ssize_t n)
{
	static const char head[] = "socket:[";
	uint64_t inode = 0;

	if (n <= (ssize_t)sizeof(head) || memcmp(target, head, sizeof(head) - 1) != 0)
		return 0;
	for (ssize_t i = sizeof(head) - 1; i < n && target[i] >= '0' && target[i] <= '9'; i++)
		inode = inode * 10 + (uint64_t)(target[i] - '0');
	return inode;
}

static uint32_t process_known(struct holders *holders, int folder, pid_t pid)
{
	int fd = openat(folder, "comm", O_RDONLY | O_CLOEXEC);
	struct stat about = { 0 };
	char comm[32];
	ssize_t n = fd >= 0 ? read(fd, comm, sizeof(comm)) : -1;

	if (fd >= 0)
		close(fd);
	if (n > 0 && comm[n - 1] == '\n')
		n--;
	if (fstat(folder, &about) < 0)
		about.st_uid = UINT32_MAX;
	return holders_add_process(holders, pid, about.st_uid, n > 0 ? comm : "?", n > 0 ? (size_t)n : 1);
}

/* The descriptors in one folder `fd`; how many there are of any kind, or -errno. */
static int descriptors_scan(struct holders *holders, int process, const char *name, pid_t pid)
{
	int fds = openat(process, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fds >= 0 ? fdopendir(fds) : NULL;
	uint32_t known = NONE;
	struct dirent *entry;
	int error = errno, count = 0;

	if (folder == NULL) {
		if (fds >= 0)
			close(fds);
		return -error;
	}
	while ((entry = readdir(folder)) != NULL) {
		char target[64];
		uint64_t inode;

		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		count++;
		inode = target_inode(target, readlinkat(dirfd(folder), entry->d_name, target, sizeof(target)));
		if (inode == 0)
			continue;
		if (known == NONE)
			known = process_known(holders, process, pid);
		holders_add(holders, known, atoi(entry->d_name), inode);
	}
	closedir(folder);
	return count;
}

/* A program whose first thread has ended shows its descriptors in the folders of the others only. */
static void threads_scan(struct holders *holders, int process, pid_t pid)
{
	int tasks = openat(process, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = tasks >= 0 ? fdopendir(tasks) : NULL;
	struct dirent *entry;
	bool done = false;

	while (folder != NULL && !done && (entry = readdir(folder)) != NULL) {
		char name[300];

		if (entry->d_name[0] < '0' || entry->d_name[0] > '9' || atoi(entry->d_name) == pid)
			continue;
		snprintf(name, sizeof(name), "task/%s/fd", entry->d_name);
		done = descriptors_scan(holders, process, name, pid) > 0;
	}
	if (folder != NULL)
		closedir(folder);
	else if (tasks >= 0)
		close(tasks);
}

int holders_scan(struct holders *holders, const char *proc)
{
	DIR *folder = opendir(proc);
	struct dirent *entry;

	memset(holders, 0, sizeof(*holders));
	if (folder == NULL)
		return -errno;
	while ((entry = readdir(folder)) != NULL) {
		pid_t pid = (pid_t)atoi(entry->d_name);
		int process, count;

		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		process = openat(dirfd(folder), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (process < 0)
			continue;
		count = descriptors_scan(holders, process, "fd", pid);
		if (count == -EACCES || count == -EPERM)
			holders->refused++;
		if (count <= 0)
			threads_scan(holders, process, pid);
		close(process);
	}
	closedir(folder);
	holders_index(holders);
	return 0;
}
