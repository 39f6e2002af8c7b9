/* SPDX-License-Identifier: MIT */
/*
 * The pair of AF_UNIX stream sockets: everything that leans on how the kernel treats one.
 *
 * Each function is a fact of unix(7) that was measured before it was used; tests/sock/test_pair.c
 * measures them again on the kernel at hand.  Knows nothing of TCP.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <linux/unix_diag.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sock/sock.h"

#define FILL_BIG 32768          /* near the most that the kernel puts into one packet */
#define FILL_MIDDLE 3000
#define FILL_LAST 4             /* single bytes at the end: the kernel takes one, or few */
#define FILL_MAX 64             /* packets in all */

/*
 * A program's end polls writable while its packets take at most a quarter of this, and the byte that is kept
 * pins the packet it lies in: at most 37 KiB when written, 16 pages and a header when sendfile(2) spliced it.
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

static const uint8_t fill_text[FILL_BIG];

static uint32_t fill_send(int program, uint32_t count, size_t bytes)
{
	uint32_t filled = 0;

	while (count-- > 0) {
		ssize_t sent = send(program, fill_text, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent <= 0)
			break;
		filled += (uint32_t)sent;
	}
	return filled;
}

/*
 * Writing stops being possible when the packets' memory reaches SO_SNDBUF, and polling writable ends at a
 * quarter of it.  Single bytes and middling packets go first, so that when all is drained the way back over
 * that quarter is one step or two: each is an edge for an edge-triggered epoll.  The last packet holds one
 * byte, the one that is kept, so that an idle connection pins little.
 */
uint32_t pair_fill(const struct sock_service *service, int program)
{
	static const size_t sizes[4] = { 1, FILL_MIDDLE, FILL_BIG, 1 };
	const uint32_t counts[4] = { service->fill[0], service->fill[1], service->fill[2], FILL_LAST };
	struct mmsghdr messages[FILL_MAX] = { 0 };
	struct iovec parts[FILL_MAX];
	uint32_t filled = 0;
	unsigned count = 0;
	int sent;

	for (unsigned kind = 0; kind < 4; kind++)
		for (uint32_t i = 0; i < counts[kind] && count < FILL_MAX; i++, count++) {
			parts[count] = (struct iovec){ (void *)fill_text, sizes[kind] };
			messages[count].msg_hdr.msg_iov = &parts[count];
			messages[count].msg_hdr.msg_iovlen = 1;
		}
	sent = sendmmsg(program, messages, count, MSG_DONTWAIT | MSG_NOSIGNAL);
	for (int i = 0; i < sent; i++)
		filled += messages[i].msg_len;
	/* Not the plan's doing any more, but whatever the kernel would still take. */
	if (sent == (int)count)
		filled += fill_send(program, UINT32_MAX, 1);
	return filled;
}

/* How much of the kernel's memory a packet of `bytes` takes. */
static uint32_t packet_memory(int ends[2], size_t bytes)
{
	uint8_t scratch[FILL_BIG];
	uint32_t memory;

	fill_send(ends[0], 1, bytes);
	memory = (uint32_t)queue_bytes(ends[0]);
	while (recv(ends[1], scratch, sizeof(scratch), MSG_DONTWAIT) > 0)
		;
	return memory ? memory : UINT32_MAX / 2;
}

/* How many packets of each kind it takes, on this kernel, to leave room for one more byte. */
static int fill_plan(struct sock_service *service)
{
	static const size_t sizes[3] = { 1, FILL_MIDDLE, FILL_BIG };
	int ends[2], limit = 0;
	socklen_t length = sizeof(limit);
	uint32_t memory[3], left;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	program_buffer_set(ends[0]);
	for (unsigned i = 0; i < 3; i++)
		memory[i] = packet_memory(ends, sizes[i]);
	service->accepted_memory = packet_memory(ends, sizeof(struct sock_accepted));
	getsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &limit, &length);
	close(ends[0]);
	close(ends[1]);
	left = (uint32_t)limit > memory[0] ? (uint32_t)limit - memory[0] : 0;
	for (unsigned i = 3; i-- > 0;) {
		service->fill[i] = left / memory[i];
		left -= service->fill[i] * memory[i];
	}
	return 0;
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
	return fill_plan(service);
}

void pair_mute(int program)
{
	int least = 1;

	setsockopt(program, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
	fill_send(program, UINT32_MAX, 1);
	shutdown(program, SHUT_WR);
}

void pair_drain(struct sock *sock)
{
	struct iovec part[8];
	struct msghdr message = { .msg_iov = part, .msg_iovlen = 8 };
	uint32_t left = sock->filled_bytes;

	while (left > 1) {
		uint32_t want = left - 1;
		ssize_t got;

		for (unsigned i = 0; i < 8; i++) {
			size_t bytes = sizeof(sock->service->scratch);

			part[i] = (struct iovec){ sock->service->scratch, want < bytes ? want : bytes };
			want -= (uint32_t)part[i].iov_len;
		}
		got = recvmsg(sock->fd, &message, MSG_DONTWAIT);
		if (got <= 0)
			break;
		left -= (uint32_t)got;
	}
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
	union {
		struct cmsghdr header;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec part = { (void *)accepted, sizeof(*accepted) };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *rights = CMSG_FIRSTHDR(&message);

	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(rights), &program, sizeof(int));
	return sendmsg(listener->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Each is one message of the same size, so that the memory they take tells their number. */
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
	struct {
		struct nlmsghdr header;
		struct unix_diag_req ask;
	} request = {
		.header = { .nlmsg_len = sizeof(request), .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			    .nlmsg_flags = NLM_F_REQUEST },
		.ask = { .sdiag_family = AF_UNIX, .udiag_states = ~0u, .udiag_ino = (uint32_t)sock->inode,
			 .udiag_show = UDIAG_SHOW_RQLEN, .udiag_cookie = { ~0u, ~0u } },
	};
	_Alignas(struct nlmsghdr) uint8_t answer[512];
	const struct nlmsghdr *header = (const struct nlmsghdr *)answer;
	uint32_t memory = (uint32_t)queue_bytes(sock->fd);
	ssize_t length;

	if (memory == 0 || sock->service->diag < 0 ||
	    send(sock->service->diag, &request, sizeof(request), MSG_DONTWAIT) < 0)
		return memory;
	length = recv(sock->service->diag, answer, sizeof(answer), MSG_DONTWAIT);
	if (length < (ssize_t)NLMSG_LENGTH(sizeof(struct unix_diag_msg)) || header->nlmsg_type != SOCK_DIAG_BY_FAMILY)
		return memory;
	for (size_t at = NLMSG_LENGTH(sizeof(struct unix_diag_msg)); at + sizeof(struct nlattr) <= (size_t)length;) {
		const struct nlattr *attribute = (const struct nlattr *)(answer + at);

		if (attribute->nla_len < sizeof(*attribute))
			break;
		if (attribute->nla_type == UNIX_DIAG_RQLEN && at + sizeof(*attribute) + 4 <= (size_t)length)
			return ((const struct unix_diag_rqlen *)(attribute + 1))->udiag_rqueue;
		at += NLA_ALIGN(attribute->nla_len);
	}
	return memory;
}
