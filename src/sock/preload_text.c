/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing: all is the kernel's, and only errors are looked at afterwards.
 *
 *     kernel's, of the pair            program's, of TCP
 *     EINVAL reading, unconnected      ENOTCONN
 *     ENOTCONN writing, unconnected    EPIPE and SIGPIPE
 *     ECONNRESET                       what ended the connection: ETIMEDOUT, EHOSTUNREACH …
 *     EPIPE and SIGPIPE                the same, once, without SIGPIPE; then EPIPE
 *     EISCONN for an address           sent without it
 *     a name with what was read        none
 */
#include "sock/preload.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

REAL_DEFINE(read);
REAL_DEFINE(readv);
REAL_DEFINE(recv);
REAL_DEFINE(recvfrom);
REAL_DEFINE(recvmsg);
REAL_DEFINE(write);
REAL_DEFINE(writev);
REAL_DEFINE(send);
REAL_DEFINE(sendto);
REAL_DEFINE(sendmsg);

/* ---------------------------------------------------------------- the hints */

#define HINTS_MAX 65536         /* descriptors beyond have none */

struct hints {
	_Atomic uint32_t bits[HINTS_MAX / 32];
};

static struct hints known, pending;

static void hint_set(struct hints *hints, int fd, bool value)
{
	uint32_t bit = 1u << (fd & 31);

	if (fd < 0 || fd >= HINTS_MAX)
		return;
	if (value)
		atomic_fetch_or_explicit(&hints->bits[fd / 32], bit, memory_order_relaxed);
	else
		atomic_fetch_and_explicit(&hints->bits[fd / 32], ~bit, memory_order_relaxed);
}

static bool hint_get(struct hints *hints, int fd)
{
	return fd >= 0 && fd < HINTS_MAX &&
	       (atomic_load_explicit(&hints->bits[fd / 32], memory_order_relaxed) >> (fd & 31) & 1);
}

void known_set(int fd, bool is_known)
{
	hint_set(&known, fd, is_known);
}

bool known_get(int fd)
{
	return hint_get(&known, fd);
}

void pending_set(int fd, bool is_pending)
{
	hint_set(&pending, fd, is_pending);
}

bool pending_get(int fd)
{
	return hint_get(&pending, fd);
}

/* ---------------------------------------------------------------- errors */

static ssize_t read_failed(int fd)
{
	int error = errno;

	if (error == EINVAL && is_unconnected(fd)) {
		error = ENOTCONN;
	} else if (error == ECONNRESET && is_eleven(fd)) {
		int ended = error_take(fd, true);

		if (ended == EPIPE)
			return 0;
		error = ended ? ended : ECONNRESET;
	}
	errno = error;
	return -1;
}

static ssize_t pipe_broken(int flags)
{
	if (!(flags & MSG_NOSIGNAL))
		raise(SIGPIPE);
	errno = EPIPE;
	return -1;
}

/* `quiet`: the kernel was told not to raise SIGPIPE, whatever the program's flags say. */
static ssize_t write_failed(int fd, int flags, bool quiet)
{
	int error = errno;

	if ((error == ENOTCONN || error == EOPNOTSUPP) && is_unconnected(fd))
		return pipe_broken(flags);
	if (error == EPIPE && is_eleven(fd)) {
		int ended = error_take(fd, false);

		if (ended && ended != EPIPE) {
			errno = ended;
			return -1;
		}
	}
	if (error == EPIPE && quiet)
		return pipe_broken(flags);
	errno = error;
	return -1;
}

/* ---------------------------------------------------------------- reading */

INTERPOSE ssize_t read(int fd, void *text, size_t bytes)
{
	ssize_t got = REAL(read)(fd, text, bytes);

	return got < 0 ? read_failed(fd) : got;
}

INTERPOSE ssize_t readv(int fd, const struct iovec *part, int count)
{
	ssize_t got = REAL(readv)(fd, part, count);

	return got < 0 ? read_failed(fd) : got;
}

INTERPOSE ssize_t recv(int fd, void *text, size_t bytes, int flags)
{
	ssize_t got = REAL(recv)(fd, text, bytes, flags);

	return got < 0 ? read_failed(fd) : got;
}

/* TCP gives no name with what was read, the pair may. */
static bool name_is_pairs(const void *name, socklen_t length)
{
	const struct sockaddr_un *given = name;

	return name && length > sizeof(SOCK_NAME_PREFIX) + sizeof(given->sun_family) && given->sun_family == AF_UNIX &&
	       given->sun_path[0] == 0 &&
	       memcmp(given->sun_path + 1, SOCK_NAME_PREFIX, sizeof(SOCK_NAME_PREFIX) - 1) == 0;
}

INTERPOSE ssize_t recvfrom(int fd, void *restrict text, size_t bytes, int flags, struct sockaddr *restrict name,
			   socklen_t *restrict length)
{
	struct sockaddr_un kernels;
	socklen_t room = name && length ? *length : 0, had = sizeof(kernels);
	ssize_t got;

	if (!known_get(fd)) {
		got = REAL(recvfrom)(fd, text, bytes, flags, name, length);
		if (got >= 0 && length && name_is_pairs(name, *length < room ? *length : room))
			*length = 0;
		return got < 0 ? read_failed(fd) : got;
	}
	/* So that nothing of the pair's name is left in the program's memory. */
	got = REAL(recvfrom)(fd, text, bytes, flags, (struct sockaddr *)&kernels, &had);
	if (got < 0)
		return read_failed(fd);
	if (name_is_pairs(&kernels, had))
		had = 0;
	if (name && length) {
		memcpy(name, &kernels, had < room ? had : room);
		*length = had;
	}
	return got;
}

/* Sockets that come from other processes are like those made here. */
static void passed_learn(const struct msghdr *message)
{
	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR((struct msghdr *)message, part)) {
		size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(fd));
			known_set(fd, is_eleven(fd));
		}
	}
}

INTERPOSE ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	socklen_t room = message ? message->msg_namelen : 0;
	ssize_t got = REAL(recvmsg)(fd, message, flags);

	if (got < 0)
		return read_failed(fd);
	if (message->msg_name && message->msg_namelen &&
	    name_is_pairs(message->msg_name, message->msg_namelen < room ? message->msg_namelen : room))
		message->msg_namelen = 0;
	if (message->msg_controllen > 0)
		passed_learn(message);
	return got;
}

/* ---------------------------------------------------------------- writing */

INTERPOSE ssize_t write(int fd, const void *text, size_t bytes)
{
	ssize_t sent;

	if (known_get(fd)) {
		sent = REAL(send)(fd, text, bytes, MSG_NOSIGNAL);
		if (sent >= 0)
			return sent;
		if (errno != ENOTSOCK)
			return write_failed(fd, 0, true);
		known_set(fd, false);
	}
	sent = REAL(write)(fd, text, bytes);
	return sent < 0 ? write_failed(fd, 0, false) : sent;
}

INTERPOSE ssize_t writev(int fd, const struct iovec *part, int count)
{
	ssize_t sent;

	if (known_get(fd) && count > 0) {
		struct msghdr message = { .msg_iov = (struct iovec *)part, .msg_iovlen = (size_t)count };

		sent = REAL(sendmsg)(fd, &message, MSG_NOSIGNAL);
		if (sent >= 0)
			return sent;
		if (errno != ENOTSOCK)
			return write_failed(fd, 0, true);
		known_set(fd, false);
	}
	sent = REAL(writev)(fd, part, count);
	return sent < 0 ? write_failed(fd, 0, false) : sent;
}

INTERPOSE ssize_t send(int fd, const void *text, size_t bytes, int flags)
{
	bool quiet = known_get(fd);
	ssize_t sent = REAL(send)(fd, text, bytes, flags | (quiet ? MSG_NOSIGNAL : 0));

	return sent < 0 ? write_failed(fd, flags, quiet) : sent;
}

/* MSG_FASTOPEN: connect and the first text in one (RFC 7413).  Without a cookie it is a connect that asks for one. */
static bool connect_fast(int fd, const struct sockaddr *name, socklen_t length)
{
	int on = 1;

	return setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on)) == 0 &&
	       connect(fd, name, length) == 0;
}

INTERPOSE ssize_t sendto(int fd, const void *text, size_t bytes, int flags, const struct sockaddr *name,
			 socklen_t length)
{
	bool quiet = known_get(fd);
	int given = flags | (quiet ? MSG_NOSIGNAL : 0);
	ssize_t sent;

	if ((flags & MSG_FASTOPEN) && is_eleven(fd))
		return connect_fast(fd, name, length) ? send(fd, text, bytes, flags & ~MSG_FASTOPEN) : -1;
	sent = REAL(sendto)(fd, text, bytes, given, name, length);
	if (sent < 0 && errno == EISCONN && is_eleven(fd))
		sent = REAL(sendto)(fd, text, bytes, given, NULL, 0);
	return sent < 0 ? write_failed(fd, flags, quiet) : sent;
}

INTERPOSE ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	bool quiet = known_get(fd);
	int given = flags | (quiet ? MSG_NOSIGNAL : 0);
	bool fast = (flags & MSG_FASTOPEN) && is_eleven(fd);
	ssize_t sent;

	if (fast && !connect_fast(fd, message->msg_name, message->msg_namelen))
		return -1;
	sent = fast ? -1 : REAL(sendmsg)(fd, message, given);
	if (fast || (sent < 0 && errno == EISCONN && is_eleven(fd))) {
		struct msghdr nameless = *message;

		nameless.msg_name = NULL;
		nameless.msg_namelen = 0;
		sent = REAL(sendmsg)(fd, &nameless, given & ~MSG_FASTOPEN);
	}
	return sent < 0 ? write_failed(fd, flags, quiet) : sent;
}

/* ---------------------------------------------------------------- what _FORTIFY_SOURCE makes of them */

INTERPOSE ssize_t __read_chk(int fd, void *text, size_t bytes, size_t room);
INTERPOSE ssize_t __read_chk(int fd, void *text, size_t bytes, size_t room)
{
	if (bytes > room)
		__builtin_trap();
	return read(fd, text, bytes);
}

INTERPOSE ssize_t __recv_chk(int fd, void *text, size_t bytes, size_t room, int flags);
INTERPOSE ssize_t __recv_chk(int fd, void *text, size_t bytes, size_t room, int flags)
{
	if (bytes > room)
		__builtin_trap();
	return recv(fd, text, bytes, flags);
}

INTERPOSE ssize_t __recvfrom_chk(int fd, void *restrict text, size_t bytes, size_t room, int flags,
				 struct sockaddr *restrict name, socklen_t *restrict length);
INTERPOSE ssize_t __recvfrom_chk(int fd, void *restrict text, size_t bytes, size_t room, int flags,
				 struct sockaddr *restrict name, socklen_t *restrict length)
{
	if (bytes > room)
		__builtin_trap();
	return recvfrom(fd, text, bytes, flags, name, length);
}
