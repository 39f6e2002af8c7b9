/* SPDX-License-Identifier: MIT */
/* The unwinder's two sides: the watcher's, and the process that does it; see unwind.h. */
#include "live/unwind.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "live/frames.h"

#define ANSWER_MS 3000          /* of one stack; the first of a great program reads all of its tables */
#define MEMORY_MORE_MAX ((rlim_t)2 << 30)       /* beside what there is: a sanitizer has reserved much */
#define CRASHES_MAX 20          /* then no more stacks */

struct unwinder {
	pid_t child;                    /* 0: none */
	int fd;
	unsigned crashes;
};

static void limit(int resource, rlim_t value)
{
	struct rlimit both = { value, value };

	setrlimit(resource, &both);
}

static rlim_t memory_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	if (file == NULL)
		return 0;
	if (fscanf(file, "%lu", &pages) != 1)
		pages = 0;
	fclose(file);
	return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

_Noreturn static void child_serve(int fd)
{
	static struct live_stack stack;
	static struct live_frames frames;
	struct frames_reader *reader = frames_open();

	while (recv(fd, &stack, sizeof(stack), 0) == (ssize_t)sizeof(stack)) {
		memset(&frames, 0, sizeof(frames));
		frames_read(reader, &stack, &frames);
		if (send(fd, &frames, sizeof(frames), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}

static int child_start(struct unwinder *unwinder)
{
	int pair[2], bytes = 1 << 18;
	pid_t parent = getpid();

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	unwinder->child = fork();
	if (unwinder->child < 0) {
		close(pair[0]);
		close(pair[1]);
		return -errno;
	}
	if (unwinder->child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(0);
		signal(SIGINT, SIG_IGN);        /* the watcher ends it */
		signal(SIGTERM, SIG_DFL);
		dup2(pair[1], 3);
		close_range(4, ~0u, 0);         /* nothing of the kernel's watching is kept by it */
		unsetenv("DEBUGINFOD_URLS");
		limit(RLIMIT_CORE, 0);
		limit(RLIMIT_FSIZE, 0);
		limit(RLIMIT_AS, memory_bytes() + MEMORY_MORE_MAX);
		child_serve(3);
	}
	close(pair[1]);
	unwinder->fd = pair[0];
	return 0;
}

static void child_end(struct unwinder *unwinder)
{
	if (unwinder->child <= 0)
		return;
	close(unwinder->fd);
	kill(unwinder->child, SIGKILL);
	waitpid(unwinder->child, NULL, 0);
	unwinder->child = 0;
}

int unwinder_open(struct unwinder **out, char *problem, size_t n)
{
	struct unwinder *unwinder;
	int error;

	if (frames_missing() != NULL) {
		snprintf(problem, n, "%s", frames_missing());
		return -ENOSYS;
	}
	unwinder = calloc(1, sizeof(*unwinder));
	if (unwinder == NULL)
		return -ENOMEM;
	error = child_start(unwinder);
	if (error < 0) {
		snprintf(problem, n, "%s", strerror(-error));
		free(unwinder);
		return error;
	}
	*out = unwinder;
	return 0;
}

void unwinder_close(struct unwinder *unwinder)
{
	child_end(unwinder);
	free(unwinder);
}

static bool answer_wait(const struct unwinder *unwinder, struct live_frames *frames)
{
	struct pollfd wait = { .fd = unwinder->fd, .events = POLLIN };
	int got;

	do
		got = poll(&wait, 1, ANSWER_MS);
	while (got < 0 && errno == EINTR);
	return got > 0 && recv(unwinder->fd, frames, sizeof(*frames), 0) == (ssize_t)sizeof(*frames);
}

struct live_frames *unwinder_run(struct unwinder *unwinder, const struct live_stack *stack)
{
	struct live_frames *frames;

	if (unwinder->child == 0 && (unwinder->crashes > CRASHES_MAX || child_start(unwinder) < 0))
		return NULL;
	frames = malloc(sizeof(*frames));
	if (frames == NULL)
		return NULL;
	if (send(unwinder->fd, stack, sizeof(*stack), MSG_NOSIGNAL) < 0 || !answer_wait(unwinder, frames)) {
		child_end(unwinder);
		unwinder->crashes++;
		free(frames);
		return NULL;
	}
	if (frames->count > LIVE_FRAMES_MAX)
		frames->count = 0;
	for (unsigned i = 0; i < frames->count; i++)
		frames->text[i][LIVE_FRAME_TEXT - 1] = '\0';
	if (frames->count == 0) {
		free(frames);
		return NULL;
	}
	return frames;
}
