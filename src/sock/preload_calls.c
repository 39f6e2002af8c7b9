/* SPDX-License-Identifier: MIT */
/*
 * The calls about sockets: made, named, connected, accepted, configured, shut.
 *
 * AF_INET and AF_INET6 of SOCK_STREAM; SOCK_DGRAM and all other families are the kernel's.
 */
#include "sock/preload.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#define LISTENER_SEND_BUFFER 4608       /* the kernel's least: what the host leaves to a listener */

REAL_DEFINE(socket);
REAL_DEFINE(bind);
REAL_DEFINE(listen);
REAL_DEFINE(accept4);
REAL_DEFINE(connect);
REAL_DEFINE(getsockname);
REAL_DEFINE(getpeername);
REAL_DEFINE(getsockopt);
REAL_DEFINE(setsockopt);
REAL_DEFINE(shutdown);
REAL_DEFINE(ioctl);
REAL_DEFINE(close);
REAL_DEFINE(recvmsg);
REAL_DEFINE(poll);

/* ---------------------------------------------------------------- socket */

INTERPOSE int socket(int domain, int type, int protocol)
{
	bool stream = (type & 0xf) == SOCK_STREAM && preload_is_active();
	struct sock_request request = { .value = domain };
	const char *host = getenv("ELEVEN_HOST");
	int result, fd;

	if (!stream || (domain != AF_INET && domain != AF_INET6) ||
	    (protocol != 0 && protocol != IPPROTO_TCP && protocol != IPPROTO_MPTCP))
		return REAL(socket)(domain, type, protocol);
	if (protocol == IPPROTO_MPTCP)
		return preload_return(-EPROTONOSUPPORT);
	if (type & ~(0xf | SOCK_CLOEXEC | SOCK_NONBLOCK))
		return preload_return(-EINVAL);
	if (host && strlen(host) < CONTROL_HOST_MAX) {
		request.length = (uint32_t)strlen(host);
		memcpy(request.data, host, request.length);
	}
	result = control_ask(SOCK_OPEN, -1, &request, NULL, &fd, type & SOCK_CLOEXEC);
	if (result < 0)
		return preload_return(result);
	if (type & SOCK_NONBLOCK)
		fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK);
	known_set(fd, true);
	return fd;
}

/* ---------------------------------------------------------------- bind, listen, accept */

/* The address of a request: as much of it as there is. */
static int request_address(struct sock_request *request, const struct sockaddr *address, socklen_t length)
{
	memset(request, 0, sizeof(*request));
	if (!address)
		return -EFAULT;
	if (length < sizeof(address->sa_family) || length > sizeof(struct sockaddr_storage))
		return -EINVAL;
	request->address_bytes = length;
	memcpy(&request->address, address, length < sizeof(request->address) ? length : sizeof(request->address));
	return 0;
}

INTERPOSE int bind(int fd, const struct sockaddr *address, socklen_t length)
{
	struct sock_request request;
	int error;

	if (!is_eleven(fd))
		return REAL(bind)(fd, address, length);
	error = request_address(&request, address, length);
	return preload_return(error ? error : control_ask(SOCK_BIND, fd, &request, NULL, NULL, false));
}

INTERPOSE int listen(int fd, int backlog)
{
	struct sock_request request = { .value = backlog };

	if (!is_eleven(fd))
		return REAL(listen)(fd, backlog);
	return preload_return(control_ask(SOCK_LISTEN, fd, &request, NULL, NULL, false));
}

static bool is_listener(int fd)
{
	int bytes = 0;
	socklen_t length = sizeof(bytes);

	return syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_SNDBUF, &bytes, &length) == 0 &&
	       bytes == LISTENER_SEND_BUFFER;
}

/* A connection that comes when no descriptor is free would be lost: so look before, as accept(2) does. */
static bool descriptor_is_free(void)
{
	int fd = (int)syscall(SYS_dup, 0);

	if (fd < 0)
		return errno != EMFILE;
	syscall(SYS_close, fd);
	return true;
}

static void address_give(const union sock_address *from, struct sockaddr *address, socklen_t *length)
{
	socklen_t bytes = sock_address_bytes(from);

	if (!address || !length)
		return;
	memcpy(address, from, *length < bytes ? *length : bytes);
	*length = bytes;
}

static int accepted_receive(int fd, struct sock_accepted *accepted, int flags)
{
	union {
		struct cmsghdr header;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} rights;
	struct iovec part = { accepted, sizeof(*accepted) };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = &rights, .msg_controllen = sizeof(rights),
	};
	ssize_t length = REAL(recvmsg)(fd, &message, flags & SOCK_CLOEXEC ? MSG_CMSG_CLOEXEC : 0);
	struct cmsghdr *carried;
	int connection;

	if (length < 0)
		return errno == ECONNRESET ? -ENETDOWN : -errno;
	if (length < (ssize_t)sizeof(*accepted))
		return -EINVAL;         /* not a listener any more */
	carried = CMSG_FIRSTHDR(&message);
	if (!carried || carried->cmsg_type != SCM_RIGHTS || carried->cmsg_len < CMSG_LEN(sizeof(int)))
		return -EMFILE;
	memcpy(&connection, CMSG_DATA(carried), sizeof(connection));
	return connection;
}

/*
 * The host is gone: the listener polls readable for ever, and a program that goes on when accept fails would take a
 * whole processor for it.  So it is told slowly.
 */
static int accept_failed(int fd, int error)
{
	static const struct timespec pause = { .tv_nsec = 20000000 };

	if (error != -ENETDOWN &&
	    (error != -EINVAL || control_ask(SOCK_NAMES, fd, NULL, NULL, NULL, false) != -ENETDOWN))
		return error;
	nanosleep(&pause, NULL);
	return -ENETDOWN;
}

INTERPOSE int accept4(int fd, struct sockaddr *restrict address, socklen_t *restrict length, int flags)
{
	struct sock_accepted accepted;
	int connection;

	if (!is_eleven(fd))
		return REAL(accept4)(fd, address, length, flags);
	if ((flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) || !is_listener(fd))
		return preload_return(-EINVAL);
	if (!descriptor_is_free())
		return preload_return(-EMFILE);
	connection = accepted_receive(fd, &accepted, flags);
	if (connection < 0)
		return preload_return(accept_failed(fd, connection));
	if (flags & SOCK_NONBLOCK)
		fcntl(connection, F_SETFL, O_RDWR | O_NONBLOCK);
	known_set(connection, true);
	address_give(&accepted.remote, address, length);
	return connection;
}

INTERPOSE int accept(int fd, struct sockaddr *restrict address, socklen_t *restrict length)
{
	return accept4(fd, address, length, 0);
}

/* ---------------------------------------------------------------- connect */

/* Puts another descriptor in the place of one that is spent, with all that the program gave to that. */
static void descriptor_replace(int fd, int fresh)
{
	static const int kept[] = { SO_RCVTIMEO, SO_SNDTIMEO, SO_RCVLOWAT };
	int flags = fcntl(fd, F_GETFD);

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		uint8_t value[16];
		socklen_t length = sizeof(value);

		if (syscall(SYS_getsockopt, fd, SOL_SOCKET, kept[i], value, &length) == 0)
			syscall(SYS_setsockopt, fresh, SOL_SOCKET, kept[i], value, length);
	}
	fcntl(fresh, F_SETFL, fcntl(fd, F_GETFL));
	syscall(SYS_dup3, fresh, fd, flags > 0 && (flags & FD_CLOEXEC) ? O_CLOEXEC : 0);
	syscall(SYS_close, fresh);
}

static int connect_ask(int fd, const struct sock_request *request)
{
	int fresh, result = control_ask(SOCK_CONNECT, fd, request, NULL, &fresh, true);

	if (result != -ENETDOWN && fresh >= 0)
		descriptor_replace(fd, fresh);
	return result;
}

/* SO_SNDTIMEO in milliseconds; -1: none. */
static int send_timeout_ms(int fd)
{
	struct timeval timeout = { 0, 0 };
	socklen_t length = sizeof(timeout);

	if (syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, &length) < 0 ||
	    (timeout.tv_sec == 0 && timeout.tv_usec == 0))
		return -1;
	if (timeout.tv_sec > INT32_MAX / 1000 - 1)
		return INT32_MAX;
	return (int)(timeout.tv_sec * 1000 + timeout.tv_usec / 1000);
}

/* It goes on without us: connect, called again, is to tell how it went. */
static int connect_leave(int fd, struct sock_request *request, int error)
{
	int result;

	request->value = 0;
	result = connect_ask(fd, request);
	return result == 0 || result == -EISCONN ? 0 : error;
}

static int connect_wait(int fd, struct sock_request *request)
{
	int result;

	do {
		struct pollfd wait = { .fd = fd, .events = POLLOUT };
		int ready = REAL(poll)(&wait, 1, send_timeout_ms(fd));

		if (ready <= 0)
			return connect_leave(fd, request, ready < 0 ? -errno : -EINPROGRESS);
		if (!(wait.revents & (POLLERR | POLLHUP)))
			return 0;
		result = connect_ask(fd, request);
	} while (result == -EALREADY);
	return result == -EISCONN ? 0 : result;         /* connected, and over already */
}

INTERPOSE int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	struct sock_request request;
	int result;

	if (!is_eleven(fd))
		return REAL(connect)(fd, address, length);
	result = request_address(&request, address, length);
	if (result < 0)
		return preload_return(result);
	request.value = !(fcntl(fd, F_GETFL) & O_NONBLOCK);
	result = connect_ask(fd, &request);
	if (request.value && (result == -EINPROGRESS || result == -EALREADY))
		result = connect_wait(fd, &request);
	if (result == -EINPROGRESS || result == -EALREADY || result == -EINTR)
		pending_set(fd, true);
	return preload_return(result);
}

/* ---------------------------------------------------------------- names */

static int names_ask(int fd, struct sock_names *names)
{
	struct sock_reply reply;
	int result = control_ask(SOCK_NAMES, fd, NULL, &reply, NULL, false);

	if (result == 0)
		memcpy(names, reply.data, sizeof(*names));
	return result;
}

INTERPOSE int getsockname(int fd, struct sockaddr *restrict address, socklen_t *restrict length)
{
	struct sock_names names;
	int result;

	if (!is_eleven(fd))
		return REAL(getsockname)(fd, address, length);
	if (!address || !length)
		return preload_return(-EFAULT);
	result = names_ask(fd, &names);
	if (result == 0)
		address_give(&names.local, address, length);
	return preload_return(result);
}

INTERPOSE int getpeername(int fd, struct sockaddr *restrict address, socklen_t *restrict length)
{
	struct sock_names names;
	int result;

	if (!is_eleven(fd))
		return REAL(getpeername)(fd, address, length);
	if (!address || !length)
		return preload_return(-EFAULT);
	result = is_unconnected(fd) ? -ENOTCONN : names_ask(fd, &names);
	if (result == -ENETDOWN || (result == 0 && !names.connected))
		result = -ENOTCONN;
	if (result == 0)
		address_give(&names.remote, address, length);
	return preload_return(result);
}

/* ---------------------------------------------------------------- options */

/* The kernel's own on our descriptor. */
static bool option_is_kernels(int level, int name)
{
	return level == SOL_SOCKET && (name == SO_RCVTIMEO || name == SO_SNDTIMEO || name == SO_RCVLOWAT ||
				       name == 66 || name == 67);       /* SO_RCVTIMEO_NEW, SO_SNDTIMEO_NEW */
}

static bool option_is_plain(int fd, int level, int name, int *value)
{
	struct sock_names names;

	if (level != SOL_SOCKET)
		return false;
	if (name == SO_TYPE)
		*value = SOCK_STREAM;
	else if (name == SO_DOMAIN)
		*value = names_ask(fd, &names) == 0 ? names.local.family : AF_INET;
	else if (name == SO_PROTOCOL)
		*value = IPPROTO_TCP;
	else
		return false;
	return true;
}

int error_take(int fd, bool reading)
{
	struct sock_request request = { .value = reading };
	struct sock_reply reply;
	int raw = 0;
	socklen_t length = sizeof(raw);

	syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_ERROR, &raw, &length);
	if (control_ask(SOCK_ERROR, fd, &request, &reply, NULL, false) < 0)
		return raw;
	return reply.value;
}

INTERPOSE int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict length)
{
	struct sock_request request = { .level = level, .name = name };
	struct sock_reply reply;
	int result, number = 0;

	if (!is_eleven(fd) || option_is_kernels(level, name))
		return REAL(getsockopt)(fd, level, name, value, length);
	if (!value || !length)
		return preload_return(-EFAULT);
	if ((int)*length < 0)
		return preload_return(-EINVAL);
	if (option_is_plain(fd, level, name, &number) || (level == SOL_SOCKET && name == SO_ERROR)) {
		if (name == SO_ERROR)
			number = error_take(fd, false);
		*length = *length < sizeof(number) ? *length : sizeof(number);
		memcpy(value, &number, *length);
		return 0;
	}
	request.length = *length < SOCK_DATA_MAX ? *length : SOCK_DATA_MAX;
	result = control_ask(SOCK_OPTION_GET, fd, &request, &reply, NULL, false);
	if (result < 0)
		return preload_return(result);
	memcpy(value, reply.data, reply.length);
	*length = reply.length;
	return 0;
}

INTERPOSE int setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
	struct sock_request request = { .level = level, .name = name };
	struct linger linger;

	if (!is_eleven(fd) || option_is_kernels(level, name))
		return REAL(setsockopt)(fd, level, name, value, length);
	if ((int)length < 0)
		return preload_return(-EINVAL);
	if (!value && length > 0)
		return preload_return(-EFAULT);
	request.length = length < SOCK_DATA_MAX ? length : SOCK_DATA_MAX;
	if (value)
		memcpy(request.data, value, request.length);
	if (level == SOL_SOCKET && name == SO_LINGER && length >= sizeof(linger)) {
		memcpy(&linger, value, sizeof(linger));
		preload_lingers |= linger.l_onoff && linger.l_linger > 0;
	}
	return preload_return(control_ask(SOCK_OPTION_SET, fd, &request, NULL, NULL, false));
}

/* ---------------------------------------------------------------- shutdown, ioctl, close */

INTERPOSE int shutdown(int fd, int how)
{
	struct sock_request request = { .value = how };
	int result;

	if (!is_eleven(fd))
		return REAL(shutdown)(fd, how);
	result = control_ask(SOCK_SHUTDOWN, fd, &request, NULL, NULL, false);
	return preload_return(result == -ENETDOWN ? -ENOTCONN : result);
}

INTERPOSE int ioctl(int fd, unsigned long request, ...)
{
	struct sock_reply reply;
	struct sock_queue queue;
	va_list arguments;
	void *argument;
	int result;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	if ((request != SIOCOUTQ && request != SIOCOUTQNSD) || !is_eleven(fd))
		return REAL(ioctl)(fd, request, argument);
	if (!argument)
		return preload_return(-EFAULT);
	result = control_ask(SOCK_QUEUE, fd, NULL, &reply, NULL, false);
	if (result < 0)
		return preload_return(result);
	memcpy(&queue, reply.data, sizeof(queue));
	*(int *)argument = (int)(request == SIOCOUTQ ? queue.unacknowledged : queue.unsent);
	return 0;
}

/* While it connects the host does not see that it is closed: it is told. */
static void pending_close(int fd)
{
	struct pollfd one = { .fd = fd, .events = POLLOUT };

	pending_set(fd, false);
	if (is_eleven(fd) && REAL(poll)(&one, 1, 0) == 0)
		control_ask(SOCK_FORGET, fd, NULL, NULL, NULL, false);
}

INTERPOSE int close(int fd)
{
	if (is_control(fd))
		return preload_return(-EBADF);  /* for those that close all they did not open */
	if (pending_get(fd))
		pending_close(fd);
	if (preload_lingers && is_eleven(fd))
		return control_linger_close(fd);
	return REAL(close)(fd);
}
