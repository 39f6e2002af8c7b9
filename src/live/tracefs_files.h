/* SPDX-License-Identifier: MIT */
/*
 * An instance of tracefs of our own: made, switched on, and taken away again whatever becomes of us: a process that
 * waits for our end does it.  tracefs need not be mounted: it is opened without a place in the file system.
 */
#ifndef ELEVEN_LIVE_TRACEFS_FILES_H
#define ELEVEN_LIVE_TRACEFS_FILES_H

#include <sys/types.h>

#include "live/tracefs_format.h"

#define TRACE_CPUS_MAX 512

struct trace_files {
	int root;                       /* of tracefs */
	int instance;
	int pipes[TRACE_CPUS_MAX];
	unsigned pipe_count;
	int guard;                      /* its closing lets the guard act */
	pid_t guard_pid;
	struct trace_format formats[TRACE_EVENTS];
	struct trace_page_layout layout;
};

/* -errno, and why. */
int trace_files_open(struct trace_files *files, char *problem, size_t n);
void trace_files_close(struct trace_files *files);
/* Records that were overwritten so far. */
uint64_t trace_files_lost(const struct trace_files *files);
/* The name that the kernel remembers for a thread that has ended; false: none. */
bool trace_files_comm(const struct trace_files *files, pid_t tid, char comm[16]);

#endif
