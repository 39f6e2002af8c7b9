/* SPDX-License-Identifier: MIT */
/*
 * For programs that print what the socket calls did, one line each: run on the kernel and on eleven, the
 * lines must be equal.  So nothing is printed that may differ: no port, no time, no descriptor's number.
 */
#ifndef SHOW_H
#define SHOW_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t pipes;

static inline void pipe_caught(int signal)
{
	(void)signal;
	pipes++;
}

/* `what: 5`, or `what: -1 ECONNREFUSED`. */
static inline long show(const char *what, long result)
{
	printf("%s: %ld%s%s\n", what, result, result < 0 ? " " : "", result < 0 ? strerrorname_np(errno) : "");
	fflush(stdout);
	return result;
}

static inline void say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	fflush(stdout);
}

static inline void bits_print(const char *what, unsigned bits)
{
	printf("%s:%s%s%s%s%s%s\n", what, bits & POLLIN ? " IN" : "", bits & POLLPRI ? " PRI" : "",
	       bits & POLLOUT ? " OUT" : "", bits & POLLRDHUP ? " RDHUP" : "", bits & POLLHUP ? " HUP" : "",
	       bits & POLLERR ? " ERR" : "");
	fflush(stdout);
}

static inline unsigned polled(int fd, unsigned events, int ms)
{
	struct pollfd one = { .fd = fd, .events = (short)events };

	poll(&one, 1, ms);
	return (unsigned short)one.revents;
}

#define ALL (POLLIN | POLLPRI | POLLOUT | POLLRDHUP)

static inline void show_poll(const char *what, int fd)
{
	bits_print(what, polled(fd, ALL, 0));
}

/* Waits up to 5 s for one of `events`, then prints all that poll says. */
static inline void await_poll(const char *what, int fd, unsigned events)
{
	polled(fd, events, 5000);
	usleep(50000);
	show_poll(what, fd);
}

static inline void settle(void)
{
	usleep(100000);
}

static inline int error_of(int fd)
{
	int error = -1;
	socklen_t length = sizeof(error);

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
	return error;
}

static inline void show_error(const char *what, int fd)
{
	int error = error_of(fd);

	say("%s: SO_ERROR %s", what, error ? strerrorname_np(error) : "0");
}

static inline struct sockaddr_in local_address(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return address;
}

static inline int stream(int flags)
{
	int fd = socket(AF_INET, SOCK_STREAM | flags, 0);

	if (fd < 0) {
		show("socket", fd);
		exit(1);
	}
	return fd;
}

/* A listener on a port that the system picks. */
static inline int listening(struct sockaddr_in *address, int backlog)
{
	int fd = stream(0);
	socklen_t length = sizeof(*address);

	*address = local_address(0);
	if (bind(fd, (struct sockaddr *)address, sizeof(*address)) < 0 || listen(fd, backlog) < 0 ||
	    getsockname(fd, (struct sockaddr *)address, &length) < 0) {
		show("listening", -1);
		exit(1);
	}
	return fd;
}

static inline int connecting(const struct sockaddr_in *address, int flags)
{
	int fd = stream(flags);

	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 && errno != EINPROGRESS) {
		show("connecting", -1);
		exit(1);
	}
	return fd;
}

/* A connection: ends[0] was connected, ends[1] accepted. */
static inline void connection(int ends[2])
{
	struct sockaddr_in address;
	int listener = listening(&address, 5);

	ends[0] = connecting(&address, 0);
	ends[1] = accept(listener, NULL, NULL);
	if (ends[1] < 0)
		show("accept", -1);
	close(listener);
}

/* A port on which nobody listens. */
static inline struct sockaddr_in nobody(void)
{
	struct sockaddr_in address;

	close(listening(&address, 1));
	settle();
	return address;
}

static inline void ignore_pipe(void)
{
	signal(SIGPIPE, pipe_caught);
}

static inline void nonblocking(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static inline double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

#endif
