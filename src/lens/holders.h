/* SPDX-License-Identifier: MIT */
/*
 * Every descriptor of every program that is a socket: one pass over /proc/PID/fd, kept in an open-addressing table by
 * inode.  Whoever sees a socket's inode later (a row of sock_diag, a record of a tracepoint) finds who holds it.
 *
 * Programs of other users are seen by root only: `refused` tells that some could not be looked into.  Processes and
 * descriptors that vanish meanwhile are passed over.
 */
#ifndef ELEVEN_LENS_HOLDERS_H
#define ELEVEN_LENS_HOLDERS_H

#include "view/view.h"

struct holder {
	uint64_t inode;
	int fd;
	uint32_t process;               /* index of holders.processes */
	uint32_t next;                  /* of the same inode; UINT32_MAX: none */
	bool claimed;                   /* holders_fill() found a row for it */
	bool not_over;                  /* the kernel said that it is no TCP connection that has ended */
};

struct holder_process {
	pid_t pid;
	uint32_t uid;
	char comm[VIEW_COMM_MAX];       /* escaped */
};

struct holders {
	struct holder *list;
	size_t count, room;
	struct holder_process *processes;
	size_t process_count, process_room;
	uint32_t *slots;                /* index of the first holder of an inode; UINT32_MAX: free */
	size_t mask;
	unsigned refused;               /* programs whose descriptors may not be listed */
};

/* 0, or -errno when `proc` cannot be read at all. */
int holders_scan(struct holders *holders, const char *proc);
void holders_free(struct holders *holders);
/* The first descriptor of the socket, then the next ones of the same; NULL: none. */
struct holder *holders_find(const struct holders *holders, uint64_t inode);
struct holder *holders_next(const struct holders *holders, const struct holder *holder);
/* Gives the row its owners, ordered by pid and descriptor. True if there are any. */
bool holders_fill(struct holders *holders, struct conn_view *conn);

/* For whoever fills the table from elsewhere: a process, its descriptors, and the table when all are there. */
uint32_t holders_add_process(struct holders *holders, pid_t pid, uint32_t uid, const char *comm, size_t comm_bytes);
struct holder *holders_add(struct holders *holders, uint32_t process, int fd, uint64_t inode);
void holders_index(struct holders *holders);

#endif
