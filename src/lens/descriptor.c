/* SPDX-License-Identifier: MIT */
/* Descriptors of other programs; see descriptor.h. */
#include "lens/descriptor.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "base/check.h"
#include "lens/kernel.h"
#include "lens/namespace.h"
#include "wire/address.h"

#define TCP_INFO_OPTION 11              /* TCP_INFO of netinet/tcp.h, which cannot be had beside linux/tcp.h */

/* A program whose descriptors are copied: many of one program come one after the other. */
struct source {
	pid_t pid;
	int process;                    /* pidfd; -1: none, or it may not be looked into */
};

static int copy_of(struct source *source, pid_t pid, int fd)
{
	int copy;

	if (source->pid != pid) {
		if (source->process >= 0)
			close(source->process);
		source->pid = pid;
		source->process = (int)syscall(SYS_pidfd_open, pid, 0);
	}
	copy = source->process >= 0 ? (int)syscall(SYS_pidfd_getfd, source->process, fd, 0) : -1;
	if (copy < 0 && source->process >= 0 && errno == EPERM) {
		close(source->process);
		source->process = -1;
	}
	return copy;
}

static int copy_take(pid_t pid, int fd)
{
	struct source source = { .process = -1 };
	int copy = copy_of(&source, pid, fd);

	if (source.process >= 0)
		close(source.process);
	return copy;
}

static void endpoint_fill(struct conn_view *conn, struct eleven_endpoint *endpoint, const struct sockaddr_storage *from)
{
	if (from->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)from;
		struct address a = address_v4(ntohl(in->sin_addr.s_addr));

		conn->family = 4;
		memcpy(endpoint->address.bytes, a.bytes, sizeof(a.bytes));
		endpoint->port = ntohs(in->sin_port);
	} else if (from->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)from;

		conn->family = 6;
		memcpy(endpoint->address.bytes, &in6->sin6_addr, 16);
		endpoint->port = ntohs(in6->sin6_port);
	}
}

/* The namespace of the socket: asked of the kernel, else that of the program that holds it. */
static uint64_t netns_of(const char *proc, pid_t pid, int copy)
{
	int fd = ioctl(copy, SIOCGSKNS);
	char path[128];
	uint64_t inode;

	if (fd >= 0) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		inode = namespace_inode(path);
		close(fd);
		return inode != 0 ? inode : VIEW_ABSENT;
	}
	snprintf(path, sizeof(path), "%s/%d/ns/net", proc, (int)pid);
	inode = namespace_inode(path);
	return inode != 0 ? inode : VIEW_ABSENT;
}

/* What the copy tells, if it is of a connection that is over. */
static bool dead_read(struct conn_view *conn, const char *proc, pid_t pid, int copy)
{
	struct kernel_sock *sock = calloc(1, sizeof(*sock));
	const struct tcp_info *tcp = &sock->info.base;
	struct sockaddr_storage local;
	struct pollfd poll_fd = { .fd = copy, .events = POLLIN };
	socklen_t length = sizeof(sock->info), local_length = sizeof(local);
	uint64_t cookie = 0, age;
	socklen_t cookie_length = sizeof(cookie);

	CHECK(sock != NULL);
	conn->kernel = sock;
	if (getsockopt(copy, IPPROTO_TCP, TCP_INFO_OPTION, &sock->info, &length) < 0 || tcp->tcpi_state != KERNEL_CLOSE)
		return false;
	sock->info_bytes = length;
	if (!KERNEL_INFO_HAS(sock, base.tcpi_segs_in) || tcp->tcpi_segs_in + tcp->tcpi_segs_out == 0)
		return false;           /* never was connected, or is to be used again after connect(AF_UNSPEC) */
	conn->source = VIEW_KERNEL;
	conn->state = ELEVEN_CLOSED;
	sock->state = KERNEL_CLOSE;
	if (getsockname(copy, (struct sockaddr *)&local, &local_length) == 0)
		endpoint_fill(conn, &conn->local, &local);
	if (getsockopt(copy, SOL_SOCKET, SO_COOKIE, &cookie, &cookie_length) == 0)
		conn->cookie = cookie;
	conn->netns = netns_of(proc, pid, copy);
	if (poll(&poll_fd, 1, 0) == 1 && poll_fd.revents & POLLERR)
		conn->sub |= VIEW_SUB_ERROR_PENDING;
	conn->sub |= VIEW_SUB_DEAD;
	conn->sub_known |= VIEW_SUB_DEAD | VIEW_SUB_ERROR_PENDING;
	age = tcp->tcpi_last_data_sent < tcp->tcpi_last_ack_recv ? tcp->tcpi_last_data_sent : tcp->tcpi_last_ack_recv;
	if (tcp->tcpi_last_data_recv < age)
		age = tcp->tcpi_last_data_recv;
	if (tcp->tcpi_segs_in > 1) {
		conn->age_ns = age * 1000000ull;
		conn->age_bound = VIEW_UPPER;
		conn->age_how = "last_data_or_ack";
	}
	return true;
}

static void dead_look(const struct holders *holders, const struct holder *holder, const char *proc,
		      struct source *source, struct view *view)
{
	const struct holder_process *process = &holders->processes[holder->process];
	struct conn_view *conn;
	int copy = copy_of(source, process->pid, holder->fd);

	if (copy < 0)
		return;
	conn = view_add(view);
	if (dead_read(conn, proc, process->pid, copy)) {
		conn->inode = holder->inode;
		conn->uid = process->uid;
		conn->owners_known = true;
	} else {
		conn_view_free(conn);
		view->count--;
	}
	close(copy);
}

/* Of those that hold one socket the first is looked at, or the first of the program in question. */
static bool is_first(const struct holders *holders, const struct holder *holder, pid_t pid)
{
	const struct holder *first = holders_find(holders, holder->inode);

	while (pid != 0 && first != NULL && holders->processes[first->process].pid != pid)
		first = holders_next(holders, first);
	return first == holder;
}

static void dead_among(const struct holders *holders, const struct descriptor_search *search, struct source *source,
		       struct view *view)
{
	for (size_t i = 0; i < search->among->count; i++) {
		const struct conn_view *before = &search->among->conns[i];
		const struct holder *holder = NULL;

		if (before->source == VIEW_KERNEL && before->sub & VIEW_SUB_DEAD && before->inode != 0)
			holder = holders_find(holders, before->inode);
		if (holder != NULL && !holder->claimed && !holder->not_over)
			dead_look(holders, holder, search->proc, source, view);
	}
}

void descriptors_dead(const struct holders *holders, struct descriptor_search *search, struct view *view)
{
	struct source source = { .process = -1 };
	size_t copies = 0;

	search->passed_over = 0;
	for (size_t i = 0; i < holders->count && search->among == NULL; i++) {
		const struct holder *holder = &holders->list[i];

		if (holder->claimed || holder->not_over || !is_first(holders, holder, search->pid))
			continue;
		if (copies++ < DESCRIPTOR_COPIES_MAX)
			dead_look(holders, holder, search->proc, &source, view);
		else
			search->passed_over++;
	}
	if (search->among != NULL)
		dead_among(holders, search, &source, view);
	if (source.process >= 0)
		close(source.process);
}

bool descriptor_reuse(const struct view_owner *owner, bool *address, bool *port)
{
	int copy = copy_take(owner->pid, owner->fd), one = 0, other = 0;
	socklen_t length = sizeof(one), other_length = sizeof(other);
	bool known = copy >= 0 && getsockopt(copy, SOL_SOCKET, SO_REUSEADDR, &one, &length) == 0 &&
		     getsockopt(copy, SOL_SOCKET, SO_REUSEPORT, &other, &other_length) == 0;

	if (copy >= 0)
		close(copy);
	*address = one != 0;
	*port = other != 0;
	return known;
}

bool descriptor_v6only(const struct view_owner *owner, bool *only)
{
	int copy = copy_take(owner->pid, owner->fd), value = 0;
	socklen_t length = sizeof(value);
	bool known = copy >= 0 && getsockopt(copy, IPPROTO_IPV6, IPV6_V6ONLY, &value, &length) == 0;

	if (copy >= 0)
		close(copy);
	*only = value != 0;
	return known;
}
