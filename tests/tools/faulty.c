/* SPDX-License-Identifier: MIT */
/*
 * A library for LD_PRELOAD that makes one call of a program fail, so that a test can try them all.  Set by variables:
 *
 *   FAULT_MALLOC=N    the N-th allocation fails; FAULT_COUNT=M: and the M-1 after it
 *   FAULT_CALL=N      the N-th call that moves bytes fails with FAULT_ERRNO, or takes but half where that is 0
 *   FAULT_KILL=N      the program is killed at its N-th call on a descriptor, or after it with FAULT_AFTER=1
 *   FAULT_CLOCK=N     from the N-th look on, the monotonic clock is FAULT_LEAP seconds ahead
 *   FAULT_LOG=FILE    a line with how many of each there were, when the program ends or writes it (SIGUSR2)
 *
 * Only the process whose name FAULT_NAME says is concerned, or any.  Built by tests/system/faults.py.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t each);
void *__libc_realloc(void *old, size_t n);

static struct {
	long malloc_at, malloc_count, call_at, kill_at, clock_at;
	int error;
	bool after, ready, concerned;
	long leap;
	long mallocs, calls, kills, clocks;
	char log[256];
} f;

static long number_of(const char *name, long otherwise)
{
	const char *value = getenv(name);

	return value ? strtol(value, NULL, 10) : otherwise;
}

static void log_write(int number)
{
	char line[120];
	int n = snprintf(line, sizeof(line), "%ld %ld %ld %ld\n", f.mallocs, f.calls, f.kills, f.clocks);
	int fd = f.log[0] ? (int)syscall(SYS_openat, AT_FDCWD, f.log, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;

	(void)number;
	if (fd >= 0) {
		syscall(SYS_write, fd, line, n);
		syscall(SYS_close, fd);
	}
}

static void at_end(void)
{
	if (f.concerned)
		log_write(0);
}

__attribute__((constructor)) static void faulty_begin(void)
{
	const char *name = getenv("FAULT_NAME");

	f.concerned = !name || !strcmp(name, program_invocation_short_name);
	f.malloc_at = number_of("FAULT_MALLOC", 0);
	f.malloc_count = number_of("FAULT_COUNT", 1);
	f.call_at = number_of("FAULT_CALL", 0);
	f.kill_at = number_of("FAULT_KILL", 0);
	f.clock_at = number_of("FAULT_CLOCK", 0);
	f.leap = number_of("FAULT_LEAP", 0);
	f.error = (int)number_of("FAULT_ERRNO", 0);
	f.after = number_of("FAULT_AFTER", 0);
	if (getenv("FAULT_LOG"))
		snprintf(f.log, sizeof(f.log), "%s", getenv("FAULT_LOG"));
	if (f.concerned && f.log[0]) {
		atexit(at_end);
		signal(SIGUSR2, log_write);
	}
	f.ready = f.concerned;
}

/* ---------------------------------------------------------------- memory */

static bool malloc_fails(void)
{
	if (!f.ready)
		return false;
	f.mallocs++;
	if (f.malloc_at == 0 || f.mallocs < f.malloc_at || f.mallocs >= f.malloc_at + f.malloc_count)
		return false;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t n)
{
	return malloc_fails() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t each)
{
	return malloc_fails() ? NULL : __libc_calloc(n, each);
}

void *realloc(void *old, size_t n)
{
	return malloc_fails() ? NULL : __libc_realloc(old, n);
}

/* ---------------------------------------------------------------- calls */

#define REAL(name) ((__typeof__(&name))real_of(#name, &real_##name))
#define KNOW(name) static void *real_##name

static void *real_of(const char *name, void **kept)
{
	if (!*kept)
		*kept = dlsym(RTLD_NEXT, name);
	return *kept;
}

static bool kill_counts(void)
{
	if (!f.ready)
		return false;
	f.kills++;
	if (f.kills == f.kill_at && !f.after)
		syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
	return f.kills == f.kill_at;
}

#define CALL(type, name, arguments, names) \
	KNOW(name); \
	type name arguments \
	{ \
		bool last = kill_counts(); \
		type result = REAL(name) names; \
		if (last) \
			syscall(SYS_kill, syscall(SYS_getpid), SIGKILL); \
		return result; \
	}

/* FAULT_TRACE=1: the calls that led here, on standard error, as addresses for addr2line. */
static void where_write(void)
{
	void *frames[16];

	if (getenv("FAULT_TRACE"))
		backtrace_symbols_fd(frames, backtrace(frames, 16), 2);
}

/* Whether this one fails: -1; is short: 1; neither: 0. */
static int call_fault(void)
{
	if (!f.ready)
		return 0;
	f.calls++;
	if (f.calls != f.call_at)
		return 0;
	where_write();
	if (f.error == 0)
		return 1;
	errno = f.error;
	return -1;
}

#define MOVE(name, arguments, names, half) \
	KNOW(name); \
	ssize_t name arguments \
	{ \
		bool last = kill_counts(); \
		int fault = call_fault(); \
		ssize_t result; \
		if (fault > 0) { \
			half; \
		} \
		result = fault < 0 ? -1 : REAL(name) names; \
		if (last) \
			syscall(SYS_kill, syscall(SYS_getpid), SIGKILL); \
		return result; \
	}

MOVE(read, (int fd, void *to, size_t n), (fd, to, n), n = n > 1 ? n / 2 : n)
MOVE(write, (int fd, const void *from, size_t n), (fd, from, n), n = n > 1 ? n / 2 : n)
MOVE(readv, (int fd, const struct iovec *v, int n), (fd, v, n), (void)0)
MOVE(writev, (int fd, const struct iovec *v, int n), (fd, v, n), n = n > 1 ? n - 1 : n)
MOVE(recv, (int fd, void *to, size_t n, int flags), (fd, to, n, flags), n = n > 1 ? n / 2 : n)
MOVE(send, (int fd, const void *from, size_t n, int flags), (fd, from, n, flags), n = n > 1 ? n / 2 : n)
MOVE(recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags), (void)0)
MOVE(sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags), (void)0)
CALL(int, socket, (int a, int b, int c), (a, b, c))
CALL(int, bind, (int fd, const struct sockaddr *to, socklen_t n), (fd, to, n))
CALL(int, listen, (int fd, int n), (fd, n))
CALL(int, accept, (int fd, struct sockaddr *to, socklen_t *n), (fd, to, n))
CALL(int, connect, (int fd, const struct sockaddr *to, socklen_t n), (fd, to, n))
CALL(int, shutdown, (int fd, int how), (fd, how))
CALL(int, close, (int fd), (fd))
CALL(int, poll, (struct pollfd *p, nfds_t n, int ms), (p, n, ms))
CALL(int, setsockopt, (int fd, int level, int name, const void *v, socklen_t n), (fd, level, name, v, n))
CALL(int, getsockopt, (int fd, int level, int name, void *v, socklen_t *n), (fd, level, name, v, n))

KNOW(epoll_wait);
int epoll_wait(int fd, struct epoll_event *events, int n, int ms)
{
	int fault = call_fault();

	/* One that fails leaves what it had to tell for the next; half of them is one of them. */
	return fault < 0 ? -1 : REAL(epoll_wait)(fd, events, fault > 0 ? 1 : n, ms);
}

KNOW(clock_gettime);
int clock_gettime(clockid_t which, struct timespec *now)
{
	int result = REAL(clock_gettime)(which, now);

	if (f.ready && which == CLOCK_MONOTONIC && ++f.clocks >= f.clock_at && f.clock_at)
		now->tv_sec += f.leap;
	return result;
}
