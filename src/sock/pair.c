/* SPDX-License-Identifier: MIT */
/*
 * The pair of AF_UNIX stream sockets: everything that leans on how the kernel treats one.
 *
 * While a socket connects its end must not be writable, so it gets the least send buffer and is filled; and
 * somebody must give it its buffer back when it is connected.  The host cannot keep the descriptor for that:
 * it would not see the program close it, and netstat would find it in the host.  So it lies in the pair
 * itself: the first byte of the fill carries the program's end to the host's queue, and is not taken before
 * it is needed.  There it still hides a close; so when the program closes (it says so), ends, or is killed
 * (its control connection ends), the end is taken out and the whole buffer filled instead.
 *
 * Each function is a fact of unix(7) that was measured before it was used; tests/sock/test_pair.c
 * measures them again on the kernel at hand.  Knows nothing of TCP.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "sock/sock.h"

#define FILL_BIG 32768          /* near the most that the kernel puts into one packet */

/*
 * A program's end polls writable while its packets take at most a quarter of this, and the byte that is kept
 * pins the packet it lies in: at most 37 KiB when written, 16 pages and a header when sendfile(2) spliced it.
 * Kernels before 6.5 join what is spliced to the packet before it, without a bound: there the byte is let go
 * when it pins too much (pair_relieve), and a reset before the program writes again looks like an end.
 * SO_SNDBUF is doubled by the kernel; any user may have 208 KiB of it.
 */
#define PROGRAM_SEND_BUFFER (4 * (16 * 4096 + 4096))

static socklen_t name_make(struct sockaddr_un *name, const struct sock_service *service, uint64_t serial)
{
	int length;

	memset(name, 0, sizeof(*name));
	name->sun_family = AF_UNIX;
	length = snprintf(name->sun_path + 1, sizeof(name->sun_path) - 1, SOCK_NAME_PREFIX "%016llx.%llx",
			  (unsigned long long)service->instance, (unsigned long long)serial);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
}

/* Is it this socket's program that the host's end leads to? */
static bool name_is_peers(const struct sock *sock)
{
	struct sockaddr_un name, peer;
	socklen_t length = name_make(&name, sock->service, sock->serial), peer_length = sizeof(peer);

	return getpeername(sock->fd, (struct sockaddr *)&peer, &peer_length) == 0 && peer_length == length &&
	       memcmp(&name, &peer, length) == 0;
}

static int name_bind(int fd, const struct sock_service *service, uint64_t serial)
{
	struct sockaddr_un name;
	socklen_t length = name_make(&name, service, serial);

	return bind(fd, (struct sockaddr *)&name, length) < 0 ? -errno : 0;
}

void pair_stop(struct sock_service *service)
{
	if (service->listener >= 0)
		close(service->listener);
	if (service->spare >= 0)
		close(service->spare);
	if (service->diag >= 0)
		close(service->diag);
}

static void program_buffer_set(int program)
{
	int half = PROGRAM_SEND_BUFFER / 2;

	setsockopt(program, SOL_SOCKET, SO_SNDBUF, &half, sizeof(half));
}

static void program_end_begin(struct sock *sock, int program)
{
	struct stat st;

	program_buffer_set(program);
	if (fstat(program, &st) == 0)
		sock->inode = st.st_ino;
}

int pair_open(struct sock *sock)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0)
		return -errno;
	error = name_bind(fd, sock->service, sock->serial);
	if (error) {
		close(fd);
		return error;
	}
	program_end_begin(sock, fd);
	return fd;
}

/* No descriptor to accept it with: the spare one, so that none is left in the listener's queue. */
static int end_refuse(struct sock_service *service, int error)
{
	int fd;

	if (service->spare >= 0)
		close(service->spare);
	fd = accept4(service->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		close(fd);
	service->spare = fcntl(service->listener, F_DUPFD_CLOEXEC, 0);
	return error;
}

/* The host connects the program's descriptor to itself: so it stays the same open file, in every process and epoll. */
int pair_attach(struct sock *sock, int program)
{
	struct sock_service *service = sock->service;
	int on = 1;

	if (connect(program, (struct sockaddr *)&service->listener_name, service->listener_length) < 0)
		return -errno;
	do {
		if (sock->fd >= 0)
			close(sock->fd);        /* of one before, for which there was no descriptor then */
		sock->fd = accept4(service->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (sock->fd < 0)
			return end_refuse(service, -errno);
	} while (!name_is_peers(sock));
	setsockopt(sock->fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
	pair_limit(sock);
	return 0;
}

int pair_make(struct sock *sock)
{
	int ends[2], on = 1, error;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	error = name_bind(ends[0], sock->service, sock->serial);
	if (!error && send(ends[0], "", 1, MSG_DONTWAIT) != 1)
		error = -errno;
	if (error) {
		close(ends[0]);
		close(ends[1]);
		return error;
	}
	setsockopt(ends[1], SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
	program_end_begin(sock, ends[0]);
	sock->fd = ends[1];
	sock->kept = true;
	pair_limit(sock);
	return ends[0];
}

/* A small SO_RCVBUF is meant to stop the peer soon: the pair must not add its own 208 KiB to it. */
void pair_limit(struct sock *sock)
{
	int bytes = (int)sock->pair_bytes;

	if (sock->fd >= 0 && bytes > 0)
		setsockopt(sock->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

static int queue_bytes(int fd)
{
	int bytes = 0;

	return ioctl(fd, SIOCOUTQ, &bytes) < 0 ? 0 : bytes;
}

static uint32_t fill_send(int program, size_t bytes)
{
	static const uint8_t zeros[FILL_BIG];
	uint32_t filled = 0;
	ssize_t sent;

	while ((sent = send(program, zeros, bytes, MSG_DONTWAIT | MSG_NOSIGNAL)) > 0)
		filled += (uint32_t)sent;
	return filled;
}

/* The kernel's least, 4608 bytes: six packets of a byte each. */
static void program_buffer_least(int program)
{
	int least = 1;

	setsockopt(program, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
}

/* A byte of text and a descriptor with it: 0 or -errno. */
static int descriptor_send(int fd, int descriptor, const void *text, size_t bytes)
{
	union {
		struct cmsghdr header;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec part = { (void *)text, bytes };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *rights = CMSG_FIRSTHDR(&message);

	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(rights), &descriptor, sizeof(int));
	return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

void pair_fill(struct sock *sock, int program)
{
	program_buffer_least(program);
	sock->stashed = descriptor_send(program, program, "", 1) == 0;
	sock->filled_bytes = sock->stashed;
	if (!sock->stashed)
		program_buffer_set(program);
	sock->filled_bytes += fill_send(program, sock->stashed ? 1 : FILL_BIG);
}

/* The program's end out of the host's queue, where a copy stays; -1: none to be had. */
static int stash_peek(const struct sock *sock)
{
	union {
		struct cmsghdr header;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} control;
	uint8_t byte;
	struct iovec part = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *rights;
	int program;

	if (recvmsg(sock->fd, &message, MSG_DONTWAIT | MSG_PEEK | MSG_CMSG_CLOEXEC) != 1)
		return -1;
	rights = CMSG_FIRSTHDR(&message);
	if (!rights || rights->cmsg_type != SCM_RIGHTS || rights->cmsg_len < CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&program, CMSG_DATA(rights), sizeof(int));
	return program;
}

/* The same, with the spare descriptor if there is no other. */
static int stash_open(const struct sock *sock)
{
	struct sock_service *service = sock->service;
	int program = stash_peek(sock);

	if (program >= 0 || service->spare < 0)
		return program;
	close(service->spare);
	service->spare = -1;
	return stash_peek(sock);
}

static void stash_close(const struct sock *sock, int program)
{
	struct sock_service *service = sock->service;

	if (program >= 0)
		close(program);
	if (service->spare < 0)
		service->spare = fcntl(service->listener, F_DUPFD_CLOEXEC, 0);
}

void pair_forget(struct sock *sock)
{
	uint8_t byte;
	int program;

	if (!sock->stashed)
		return;
	program = stash_open(sock);
	sock->stashed = false;
	if (program >= 0) {
		program_buffer_set(program);
		sock->filled_bytes += fill_send(program, FILL_BIG);
	}
	if (recv(sock->fd, &byte, 1, MSG_DONTWAIT) == 1)
		sock->filled_bytes--;
	stash_close(sock, program);
}

/* How much of the kernel's memory a connection takes in a listener's queue. */
static uint32_t accepted_memory(void)
{
	static const struct sock_accepted nothing;
	int ends[2], memory;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return 0;
	memory = send(ends[0], &nothing, sizeof(nothing), MSG_DONTWAIT) < 0 ? 0 : queue_bytes(ends[0]);
	close(ends[0]);
	close(ends[1]);
	return (uint32_t)memory;
}

static bool kernel_is_before(int major, int minor)
{
	struct utsname name;
	int is_major = 0, is_minor = 0;

	return uname(&name) < 0 || sscanf(name.release, "%d.%d", &is_major, &is_minor) != 2 || is_major < major ||
	       (is_major == major && is_minor < minor);
}

int pair_start(struct sock_service *service)
{
	service->diag = -1;
	service->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (service->listener < 0)
		return -errno;
	service->listener_length = name_make(&service->listener_name, service, 0);
	if (bind(service->listener, (struct sockaddr *)&service->listener_name, service->listener_length) < 0 ||
	    listen(service->listener, 4096) < 0)
		return -errno;
	service->spare = fcntl(service->listener, F_DUPFD_CLOEXEC, 0);
	service->diag = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	service->accepted_memory = accepted_memory();
	service->splice_joins = kernel_is_before(6, 5);
	return service->accepted_memory > 0 ? 0 : -ENOBUFS;
}

void pair_mute(int program)
{
	program_buffer_least(program);
	fill_send(program, 1);
	shutdown(program, SHUT_WR);
}

/* What stays of the filler would pass for text, so a refusal that may be a passing one is not the last word. */
#define DRAIN_TRIES 32u

void pair_drain(struct sock *sock)
{
	uint32_t left = sock->filled_bytes, tries = DRAIN_TRIES;
	int program = sock->stashed ? stash_open(sock) : -1;

	if (program >= 0)
		program_buffer_set(program);
	while (left > 1) {
		size_t room = sizeof(sock->service->scratch);
		ssize_t got = recv(sock->fd, sock->service->scratch, left - 1 < room ? left - 1 : room, MSG_DONTWAIT);

		if (got == 0 || (got < 0 && (errno == EAGAIN || --tries == 0)))
			break;
		left -= got > 0 ? (uint32_t)got : 0;
	}
	if (sock->stashed)
		stash_close(sock, program);
	sock->stashed = false;
	sock->filled_bytes = 0;
	sock->kept = left == 1;
}

void pair_empty(struct sock *sock)
{
	while (recv(sock->fd, sock->service->scratch, sizeof(sock->service->scratch), MSG_DONTWAIT) > 0)
		;
	sock->kept = false;
}

bool pair_is_held(const struct sock *sock)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0)
		return true;
	error = name_bind(fd, sock->service, sock->serial);
	close(fd);
	return error != 0;
}

uint32_t pair_waiting(const struct sock *sock)
{
	int bytes = 0;

	if (ioctl(sock->fd, FIONREAD, &bytes) < 0 || bytes < (int)sock->kept)
		return 0;
	return (uint32_t)bytes - sock->kept;
}

ssize_t pair_take(struct sock *sock, const struct eleven_slice room[2], size_t bytes)
{
	uint8_t kept, *last;
	struct iovec part[3];
	struct msghdr message = { .msg_iov = part };
	size_t first = room[0].length, want = bytes - 1;
	ssize_t got = 0;

	/* The byte kept from before, then all but the last, which is only looked at. */
	part[message.msg_iovlen++] = (struct iovec){ &kept, sock->kept };
	part[message.msg_iovlen++] = (struct iovec){ (void *)room[0].bytes, want < first ? want : first };
	if (want > first)
		part[message.msg_iovlen++] = (struct iovec){ (void *)room[1].bytes, want - first };
	if (want + sock->kept > 0) {
		got = recvmsg(sock->fd, &message, MSG_DONTWAIT);
		if (got < 0)
			return -errno;
		if (got == 0)
			return 0;
		got -= sock->kept;
		sock->kept = false;
	}
	last = (uint8_t *)((size_t)got < first ? room[0].bytes + got : room[1].bytes + ((size_t)got - first));
	if (recv(sock->fd, last, 1, MSG_DONTWAIT | MSG_PEEK) == 1) {
		sock->kept = true;
		got++;
	}
	return got;
}

int pair_hand_over(struct sock *listener, int program, const struct sock_accepted *accepted)
{
	return descriptor_send(listener->fd, program, accepted, sizeof(*accepted));
}

uint32_t pair_handed_over(const struct sock *listener)
{
	return (uint32_t)queue_bytes(listener->fd) / listener->service->accepted_memory;
}

/*
 * SIOCOUTQ counts the kernel's memory, not bytes; the bytes in the program's queue are what sock_diag
 * says of its inode.  Without sock_diag: the memory, as an upper bound.
 */
uint32_t pair_unread(const struct sock *sock)
{
	uint32_t memory = (uint32_t)queue_bytes(sock->fd), unread, written;

	return memory == 0 || !diag_queues(sock, &unread, &written) ? memory : unread;
}

void pair_relieve(struct sock *sock)
{
	uint32_t unread, written;
	uint8_t kept;

	if (!sock->kept || (diag_queues(sock, &unread, &written) && written <= PROGRAM_SEND_BUFFER / 4))
		return;
	if (recv(sock->fd, &kept, 1, MSG_DONTWAIT) == 1)
		sock->kept = false;
}
