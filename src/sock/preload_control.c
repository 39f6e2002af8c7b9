/* SPDX-License-Identifier: MIT */
/*
 * The preload library's connection to the host.
 *
 * One for each process, opened at the first need at a high number, close-on-exec.  Before each use its
 * inode is compared, because a program may have closed it and got the number again for a file of its own.
 * A child opens its own at once in fork(): later it may have another user or another root.  Calls here are
 * raw system calls: not interposed, and no cancellation points.
 */
#include "sock/preload.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define DESCRIPTOR_WANTED 4000  /* at most: higher ones make the kernel's table large */
#define DESCRIPTOR_MARGIN 24    /* below the limit */
#define INHERITED_MAX 64        /* descriptors that are looked at when a program begins: 0.3 us each */

static struct {
	pthread_mutex_t lock;
	struct sockaddr_un path;
	socklen_t path_length;          /* 0: not active */
	int fd;                         /* -1: none */
	pid_t pid;                      /* whose it is */
	dev_t device;
	ino_t inode;
	uint32_t request;
} control = { .lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1 };

bool preload_lingers;

/* ---------------------------------------------------------------- locking */

struct guard {
	uint64_t signals;
	int error;
};

static void signals_set(const uint64_t *set, uint64_t *old)
{
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, set, old, sizeof(uint64_t));
}

static void guard_enter(struct guard *guard)
{
	uint64_t all = ~0ull;

	guard->error = errno;
	signals_set(&all, &guard->signals);
	pthread_mutex_lock(&control.lock);
}

static void guard_leave(struct guard *guard)
{
	pthread_mutex_unlock(&control.lock);
	signals_set(&guard->signals, NULL);
	errno = guard->error;
}

/* ---------------------------------------------------------------- the connection */

static bool control_is_ours(void)
{
	struct stat st;

	return control.fd >= 0 && fstat(control.fd, &st) == 0 && st.st_ino == control.inode &&
	       st.st_dev == control.device && S_ISSOCK(st.st_mode);
}

static void control_drop(void)
{
	if (control_is_ours())
		syscall(SYS_close, control.fd);
	control.fd = -1;
}

static int descriptor_raise(int fd)
{
	struct rlimit limit;
	long least = DESCRIPTOR_WANTED;
	int high;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < DESCRIPTOR_WANTED + DESCRIPTOR_MARGIN)
		least = (long)limit.rlim_cur - DESCRIPTOR_MARGIN;
	high = least > fd ? (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, least) : -1;
	if (high < 0)
		return fd;
	syscall(SYS_close, fd);
	return high;
}

static int path_connect(void)
{
	int fd = (int)syscall(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd >= 0 && syscall(SYS_connect, fd, &control.path, control.path_length) < 0) {
		syscall(SYS_close, fd);
		fd = -1;
	}
	return fd < 0 ? -1 : descriptor_raise(fd);
}

static bool control_open(void)
{
	pid_t pid = (pid_t)syscall(SYS_getpid);
	struct stat st;

	if (control.pid == pid && control_is_ours())
		return true;
	control_drop();
	control.fd = path_connect();
	control.pid = pid;
	if (control.fd < 0 || fstat(control.fd, &st) < 0)
		return false;
	control.device = st.st_dev;
	control.inode = st.st_ino;
	return true;
}

/* ---------------------------------------------------------------- messages */

union rights {
	struct cmsghdr header;
	uint8_t bytes[CMSG_SPACE(sizeof(int) * CONTROL_DESCRIPTORS_MAX)];
};

static bool message_send(int connection, unsigned type, int fd, const struct sock_request *request)
{
	union rights rights = { .bytes = { 0 } };
	struct control_header header = {
		.magic = CONTROL_MAGIC, .version = CONTROL_VERSION, .type = (uint16_t)type,
		.length = sizeof(*request), .request = ++control.request,
	};
	struct iovec part[2] = { { &header, sizeof(header) }, { (void *)request, sizeof(*request) } };
	struct msghdr message = { .msg_iov = part, .msg_iovlen = 2 };

	if (fd >= 0) {
		message.msg_control = &rights;
		message.msg_controllen = CMSG_SPACE(sizeof(int));
		rights.header.cmsg_level = SOL_SOCKET;
		rights.header.cmsg_type = SCM_RIGHTS;
		rights.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&rights.header), &fd, sizeof(fd));
	}
	return syscall(SYS_sendmsg, connection, &message, MSG_NOSIGNAL) >= 0;
}

/* False: no more messages.  -EMFILE as the result: there was a descriptor, but no room for it here. */
static bool message_receive(int connection, struct sock_reply *reply, int *descriptor, int flags)
{
	union rights rights;
	struct control_header header;
	struct control_error *refusal = (struct control_error *)reply;
	struct iovec part[2] = { { &header, sizeof(header) }, { reply, sizeof(*reply) } };
	struct msghdr message = {
		.msg_iov = part, .msg_iovlen = 2, .msg_control = &rights, .msg_controllen = sizeof(rights),
	};
	ssize_t length = syscall(SYS_recvmsg, connection, &message, flags);
	struct cmsghdr *carried = length > 0 ? CMSG_FIRSTHDR(&message) : NULL;

	*descriptor = -1;
	if (length < (ssize_t)sizeof(header) || header.magic != CONTROL_MAGIC)
		return false;
	if (carried && carried->cmsg_type == SCM_RIGHTS && carried->cmsg_len >= CMSG_LEN(sizeof(int)))
		memcpy(descriptor, CMSG_DATA(carried), sizeof(int));
	if (header.type == (CONTROL_ERROR | CONTROL_REPLY))
		reply->result = refusal->error;
	else if (length < (ssize_t)(sizeof(header) + sizeof(*reply)))
		return false;
	else if (message.msg_flags & MSG_CTRUNC)
		reply->result = -EMFILE;
	return true;
}

static bool exchange(unsigned type, int fd, const struct sock_request *request, struct sock_reply *reply,
		     int *descriptor, int flags)
{
	return control_open() && message_send(control.fd, type, fd, request) &&
	       message_receive(control.fd, reply, descriptor, flags);
}

int control_ask(unsigned type, int fd, const struct sock_request *request, struct sock_reply *reply, int *descriptor,
		bool close_on_exec)
{
	static const struct sock_request nothing;
	struct sock_reply unused;
	struct guard guard;
	int none, flags = close_on_exec ? MSG_CMSG_CLOEXEC : 0;
	bool answered;

	request = request ? request : &nothing;
	reply = reply ? reply : &unused;
	descriptor = descriptor ? descriptor : &none;
	guard_enter(&guard);
	answered = exchange(type, fd, request, reply, descriptor, flags);
	if (!answered) {
		/* The host may have been started anew since: once more, with a new connection. */
		control_drop();
		answered = exchange(type, fd, request, reply, descriptor, flags);
	}
	if (!answered)
		control_drop();
	guard_leave(&guard);
	if (descriptor == &none && answered && none >= 0)
		syscall(SYS_close, none);
	return answered ? reply->result : -ENETDOWN;
}

/* Waits on a connection of its own: others go on meanwhile. */
int control_linger_close(int fd)
{
	static const struct sock_request nothing;
	struct sock_reply reply;
	int none, connection = path_connect();
	bool lingers = connection >= 0 && message_send(connection, SOCK_CLOSE, fd, &nothing) &&
		       message_receive(connection, &reply, &none, 0) && reply.result == -EINPROGRESS;

	syscall(SYS_close, fd);
	if (lingers && message_send(connection, SOCK_CLOSE, -1, &nothing))
		message_receive(connection, &reply, &none, 0);
	if (connection >= 0)
		syscall(SYS_close, connection);
	return 0;
}

/* ---------------------------------------------------------------- whose is it */

static bool name_is_ours(const struct sockaddr_un *name, socklen_t length)
{
	return length > offsetof(struct sockaddr_un, sun_path) + sizeof(SOCK_NAME_PREFIX) &&
	       name->sun_family == AF_UNIX && name->sun_path[0] == 0 &&
	       memcmp(name->sun_path + 1, SOCK_NAME_PREFIX, sizeof(SOCK_NAME_PREFIX) - 1) == 0;
}

bool is_eleven(int fd)
{
	struct sockaddr_un name;
	socklen_t length = sizeof(name);
	int error = errno;
	bool ours;

	if (!control.path_length)
		return false;
	ours = syscall(SYS_getsockname, fd, &name, &length) == 0 && name_is_ours(&name, length);
	errno = error;
	return ours;
}

bool is_unconnected(int fd)
{
	struct sockaddr_un name;
	socklen_t length = sizeof(name);
	int error = errno;
	bool unconnected = is_eleven(fd) && syscall(SYS_getpeername, fd, &name, &length) < 0;

	errno = error;
	return unconnected;
}

bool is_control(int fd)
{
	return fd >= 0 && fd == control.fd && control.pid == (pid_t)syscall(SYS_getpid) && control_is_ours();
}

bool preload_is_active(void)
{
	return control.path_length > 0;
}

int preload_return(int result)
{
	if (result >= 0)
		return result;
	errno = -result;
	return -1;
}

/* ---------------------------------------------------------------- beginning, fork */

static struct guard fork_guard;

static void fork_before(void)
{
	guard_enter(&fork_guard);
}

static void fork_parent(void)
{
	guard_leave(&fork_guard);
}

static void fork_child(void)
{
	if (control.fd >= 0)
		control_open();
	guard_leave(&fork_guard);
}

__attribute__((constructor)) static void preload_begin(void)
{
	const char *path = getenv("ELEVEN_SOCKET");
	size_t length = path ? strlen(path) : 0;

	if (length == 0 || length >= sizeof(control.path.sun_path))
		return;
	control.path.sun_family = AF_UNIX;
	memcpy(control.path.sun_path, path, length + 1);
	control.path_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
	pthread_atfork(fork_before, fork_parent, fork_child);
	/* Those that came through exec. */
	for (int fd = 0; fd < INHERITED_MAX; fd++)
		if (is_eleven(fd))
			known_set(fd, true);
}
