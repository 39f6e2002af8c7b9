/* SPDX-License-Identifier: MIT */
/*
 * Programs and their sockets; see owners.h.
 *
 * Theory of operation: the wanted inodes go into an open-addressing table of at least twice their number; then each
 * descriptor of each program costs one readlink and one probe. Processes come and go meanwhile, so everything that
 * has vanished is passed over.
 */
#include "view/owners.h"

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

struct slot {
	uint64_t inode;                 /* 0: free */
	size_t row;
};

struct scan {
	struct view *view;
	struct slot *slots;
	size_t mask;
	bool refused;                   /* some program's descriptors could not be listed */
};

/* Inodes are consecutive numbers: spread them (the multiplier of Fibonacci hashing). */
static size_t inode_hash(uint64_t inode, size_t mask)
{
	return (size_t)(inode * 0x9e3779b97f4a7c15u >> 32) & mask;
}

static void scan_insert(struct scan *scan, uint64_t inode, size_t row)
{
	size_t at = inode_hash(inode, scan->mask);

	while (scan->slots[at].inode != 0)
		at = (at + 1) & scan->mask;
	scan->slots[at] = (struct slot){ inode, row };
}

/* The next row of this inode from *at on, or NULL: one descriptor may stand for several rows. */
static struct conn_view *scan_next(const struct scan *scan, uint64_t inode, size_t *at)
{
	for (; scan->slots[*at].inode != 0; *at = (*at + 1) & scan->mask) {
		if (scan->slots[*at].inode == inode) {
			size_t row = scan->slots[*at].row;

			*at = (*at + 1) & scan->mask;
			return &scan->view->conns[row];
		}
	}
	return NULL;
}

static void owner_add(struct conn_view *conn, const struct view_owner *owner)
{
	if ((conn->owner_count & (conn->owner_count - 1)) == 0) {       /* 0, 1, 2, 4 …: full */
		size_t room = conn->owner_count ? 2 * conn->owner_count : 1;

		conn->owners = realloc(conn->owners, room * sizeof(*conn->owners));
		CHECK(conn->owners != NULL);
	}
	conn->owners[conn->owner_count++] = *owner;
}

/* The name of the program, once one of its descriptors is of interest. */
static void comm_read(char out[VIEW_COMM_MAX], int process)
{
	int fd = openat(process, "comm", O_RDONLY | O_CLOEXEC);
	char comm[32];
	ssize_t n = fd >= 0 ? read(fd, comm, sizeof(comm)) : -1;

	if (fd >= 0)
		close(fd);
	if (n > 0 && comm[n - 1] == '\n')
		n--;
	text_escape(out, VIEW_COMM_MAX, n > 0 ? comm : "?", n > 0 ? (size_t)n : 1);
}

static void process_scan(struct scan *scan, int process, pid_t pid)
{
	struct view_owner owner = { .pid = pid };
	int fds = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fds >= 0 ? fdopendir(fds) : NULL;
	struct dirent *entry;
	struct stat about;

	if (folder == NULL) {
		scan->refused |= errno == EACCES || errno == EPERM;
		if (fds >= 0)
			close(fds);
		return;
	}
	if (fstat(process, &about) == 0)
		owner.uid = about.st_uid;
	while ((entry = readdir(folder)) != NULL) {
		char target[64];
		ssize_t n = readlinkat(dirfd(folder), entry->d_name, target, sizeof(target) - 1);
		unsigned long long inode;
		struct conn_view *conn;
		size_t at;

		if (n <= 0)
			continue;
		target[n] = '\0';
		if (sscanf(target, "socket:[%llu]", &inode) != 1)
			continue;
		at = inode_hash(inode, scan->mask);
		while ((conn = scan_next(scan, inode, &at)) != NULL) {
			owner.fd = atoi(entry->d_name);
			if (owner.comm[0] == '\0')
				comm_read(owner.comm, process);
			owner_add(conn, &owner);
		}
	}
	closedir(folder);
}

static int owner_compare(const void *left, const void *right)
{
	const struct view_owner *a = left, *b = right;

	return a->pid != b->pid ? (a->pid > b->pid) - (a->pid < b->pid) : (a->fd > b->fd) - (a->fd < b->fd);
}

static void owners_finish(const struct scan *scan)
{
	for (size_t i = 0; i < scan->view->count; i++) {
		struct conn_view *conn = &scan->view->conns[i];

		conn->owners_known = conn->inode == 0 || conn->owner_count > 0 || !scan->refused;
		if (conn->owner_count > 1)
			qsort(conn->owners, conn->owner_count, sizeof(*conn->owners), owner_compare);
		if (conn->uid == VIEW_ABSENT && conn->owner_count > 0)
			conn->uid = conn->owners[0].uid;
	}
}

int owners_scan(struct view *view, const char *proc)
{
	struct scan scan = { .view = view };
	size_t slots = 16;
	struct dirent *entry;
	DIR *folder = opendir(proc);

	if (folder == NULL)
		return -errno;
	while (slots < 2 * view->count + 2)
		slots *= 2;
	scan.mask = slots - 1;
	scan.slots = calloc(slots, sizeof(*scan.slots));
	CHECK(scan.slots != NULL);
	for (size_t i = 0; i < view->count; i++) {
		if (view->conns[i].inode != 0)
			scan_insert(&scan, view->conns[i].inode, i);
	}
	while ((entry = readdir(folder)) != NULL) {
		int process;

		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		process = openat(dirfd(folder), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (process < 0)
			continue;
		process_scan(&scan, process, (pid_t)atoi(entry->d_name));
		close(process);
	}
	closedir(folder);
	owners_finish(&scan);
	free(scan.slots);
	return 0;
}
