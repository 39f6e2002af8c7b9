/* SPDX-License-Identifier: MIT */
/* Files of tracefs; see tracefs_files.h. */
#include "live/tracefs_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUFFERS_KB 65536        /* of all processors together: some 800,000 events */
#define BUFFER_KB_MIN 2048
#define BUFFER_KB_MAX 32768     /* of one: two seconds of 20,000 connections each, for a reader that has to wait */
#define INSTANCE_PREFIX "eleven-"
#define TEXT_BYTES 8192

/* ---------------------------------------------------------------- finding it */

static bool is_tracefs(int fd)
{
	return fd >= 0 && faccessat(fd, "instances", F_OK, 0) == 0;
}

/* A mount that nobody else sees: gone with the descriptor. */
static int mount_detached(void)
{
	int fs = (int)syscall(SYS_fsopen, "tracefs", FSOPEN_CLOEXEC), fd = -1;

	if (fs < 0)
		return -errno;
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
	if (fd < 0)
		fd = -errno;
	close(fs);
	return fd;
}

static int root_open(void)
{
	static const char *const places[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };
	int refused = 0;

	for (unsigned i = 0; i < 2; i++) {
		int fd = open(places[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (is_tracefs(fd))
			return fd;
		if (fd >= 0)
			close(fd);
		else if (errno == EACCES || errno == EPERM)
			refused = -errno;
	}
	if (geteuid() == 0) {
		int fd = mount_detached();

		if (is_tracefs(fd))
			return fd;
	}
	return refused ? refused : geteuid() == 0 ? -ENODEV : -EACCES;
}

/* ---------------------------------------------------------------- reading and writing */

static ssize_t text_read(int folder, const char *path, char *text, size_t n)
{
	int fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t got = fd < 0 ? -1 : 1;

	while (got > 0 && used < n - 1) {
		got = read(fd, text + used, n - 1 - used);
		used += got > 0 ? (size_t)got : 0;
	}
	if (fd >= 0)
		close(fd);
	text[used] = '\0';
	return fd < 0 ? -1 : (ssize_t)used;
}

static int text_write(int folder, const char *path, const char *text)
{
	int fd = openat(folder, path, O_WRONLY | O_CLOEXEC), error = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		error = -errno;
	close(fd);
	return error;
}

/* ---------------------------------------------------------------- the instance */

/* Of watchers that are no more. */
static void leftovers_remove(int root)
{
	int fd = openat(root, "instances", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		int pid;

		if (sscanf(entry->d_name, INSTANCE_PREFIX "%d", &pid) == 1 && kill(pid, 0) < 0 && errno == ESRCH)
			unlinkat(fd, entry->d_name, AT_REMOVEDIR);
	}
	if (folder != NULL)
		closedir(folder);
	else if (fd >= 0)
		close(fd);
}

/* Removes the instance when we are gone, also when we were killed. */
static int guard_start(struct trace_files *files, const char *path)
{
	int pipe_fds[2];

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	files->guard_pid = fork();
	if (files->guard_pid < 0) {
		close(pipe_fds[0]);
		close(pipe_fds[1]);
		return -errno;
	}
	if (files->guard_pid == 0) {
		char byte;
		int root = dup3(files->root, 700, 0), wait = dup3(pipe_fds[0], 701, 0);

		setsid();
		prctl(PR_SET_NAME, "eleven-guard");
		close_range(0, 699, 0);
		close_range(702, ~0u, 0);
		while (read(wait, &byte, 1) < 0 && errno == EINTR)
			;
		/* The pipes of a process that is being killed close one after the other. */
		for (int i = 0; i < 200 && unlinkat(root, path, AT_REMOVEDIR) < 0 && errno == EBUSY; i++)
			usleep(10000);
		_exit(0);
	}
	close(pipe_fds[0]);
	files->guard = pipe_fds[1];
	return 0;
}

static int events_enable(struct trace_files *files)
{
	char path[96], text[TEXT_BYTES];

	for (unsigned i = 0; i < TRACE_EVENTS; i++) {
		ssize_t n;

		snprintf(path, sizeof(path), "events/%s/format", trace_event_name(i));
		n = text_read(files->instance, path, text, sizeof(text));
		if (n <= 0 || !trace_format_parse(&files->formats[i], text, (size_t)n)) {
			if (i == TRACE_STATE)
				return -ENOENT;
			continue;
		}
		snprintf(path, sizeof(path), "events/%s/enable", trace_event_name(i));
		if (text_write(files->instance, path, "1") < 0 && i == TRACE_STATE)
			return -EACCES;
	}
	return 0;
}

static int pipes_open(struct trace_files *files)
{
	int fd = openat(files->instance, "per_cpu", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	while (folder != NULL && (entry = readdir(folder)) != NULL && files->pipe_count < TRACE_CPUS_MAX) {
		char path[300];
		int pipe;

		if (strncmp(entry->d_name, "cpu", 3) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/trace_pipe_raw", entry->d_name);
		pipe = openat(fd, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (pipe >= 0)
			files->pipes[files->pipe_count++] = pipe;
	}
	if (folder != NULL)
		closedir(folder);
	return files->pipe_count > 0 ? 0 : -ENOENT;
}

static int instance_make(struct trace_files *files)
{
	char path[64], text[TEXT_BYTES];
	ssize_t n;
	long each;
	int error;

	snprintf(path, sizeof(path), "instances/" INSTANCE_PREFIX "%d", (int)getpid());
	leftovers_remove(files->root);
	if (mkdirat(files->root, path, 0700) < 0)
		return -errno;
	error = guard_start(files, path);
	if (error < 0) {
		unlinkat(files->root, path, AT_REMOVEDIR);
		return error;
	}
	files->instance = openat(files->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (files->instance < 0)
		return -errno;
	each = BUFFERS_KB / (sysconf(_SC_NPROCESSORS_CONF) > 0 ? sysconf(_SC_NPROCESSORS_CONF) : 1);
	each = each > BUFFER_KB_MAX ? BUFFER_KB_MAX : each < BUFFER_KB_MIN ? BUFFER_KB_MIN : each;
	snprintf(path, sizeof(path), "%ld", each);
	text_write(files->instance, "buffer_size_kb", path);
	error = text_write(files->instance, "trace_clock", "mono");
	n = text_read(files->root, "events/header_page", text, sizeof(text));
	if (error == 0 && (n <= 0 || !trace_layout_parse(&files->layout, text, (size_t)n)))
		error = -EPROTO;
	return error ? error : events_enable(files);
}

int trace_files_open(struct trace_files *files, char *problem, size_t n)
{
	int error;

	memset(files, 0, sizeof(*files));
	files->instance = files->guard = -1;
	files->root = root_open();
	if (files->root < 0) {
		error = files->root;
		snprintf(problem, n, "tracefs cannot be opened: %s%s", strerror(-error),
			 error == -EACCES || error == -EPERM ? " (root may)" : "");
		return error;
	}
	error = instance_make(files);
	if (error == 0)
		error = pipes_open(files);
	if (error < 0) {
		snprintf(problem, n, "no instance of tracefs can be made: %s%s", strerror(-error),
			 error == -EACCES || error == -EPERM ? " (root may)" : "");
		trace_files_close(files);
	}
	return error;
}

void trace_files_close(struct trace_files *files)
{
	for (unsigned i = 0; i < files->pipe_count; i++)
		close(files->pipes[i]);
	files->pipe_count = 0;
	if (files->instance >= 0)
		close(files->instance);
	if (files->guard >= 0)
		close(files->guard);
	if (files->guard_pid > 0)
		waitpid(files->guard_pid, NULL, 0);
	if (files->root >= 0)
		close(files->root);
	files->root = files->instance = files->guard = -1;
	files->guard_pid = 0;
}

uint64_t trace_files_lost(const struct trace_files *files)
{
	uint64_t lost = 0;

	for (unsigned i = 0; i < files->pipe_count; i++) {
		char path[48], text[1024];
		const char *at;

		snprintf(path, sizeof(path), "per_cpu/cpu%u/stats", i);
		if (text_read(files->instance, path, text, sizeof(text)) <= 0)
			continue;
		at = strstr(text, "overrun:");
		lost += at != NULL ? strtoull(at + 8, NULL, 10) : 0;
		at = strstr(text, "dropped events:");
		lost += at != NULL ? strtoull(at + 15, NULL, 10) : 0;
	}
	return lost;
}

bool trace_files_comm(const struct trace_files *files, pid_t tid, char comm[16])
{
	char text[TEXT_BYTES], *line = text, *end;

	if (text_read(files->root, "saved_cmdlines", text, sizeof(text)) <= 0)
		return false;
	for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		char *name;

		*end = '\0';
		if (strtol(line, &name, 10) == tid && *name == ' ') {
			memset(comm, 0, 16);
			memcpy(comm, name + 1, strnlen(name + 1, 15));
			return true;
		}
	}
	return false;
}
