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
#include <sys/xattr.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "base/check.h"
#include "lens/kernel.h"
#include "lens/namespace.h"
#include "wire/address.h"

#define TCP_INFO_OPTION 11              /* TCP_INFO of netinet/tcp.h, which cannot be had beside linux/tcp.h */

static bool is_tcp(const char *proc, pid_t pid, int fd)
{
	char path[128], name[16];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%d/fd/%d", proc, (int)pid, fd);
	n = getxattr(path, "system.sockprotoname", name, sizeof(name));
	return n >= 3 && memcmp(name, "TCP", 3) == 0 && (n == 3 || name[3] == '\0' || name[3] == 'v');
}

static int copy_take(pid_t pid, int fd)
{
	int process = (int)syscall(SYS_pidfd_open, pid, 0);
	int copy = process >= 0 ? (int)syscall(SYS_pidfd_getfd, process, fd, 0) : -1;

	if (process >= 0)
		close(process);
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

void descriptors_dead(const struct holders *holders, const char *proc, struct view *view)
{
	for (size_t i = 0; i < holders->count; i++) {
		const struct holder *holder = &holders->list[i];
		const struct holder_process *process = &holders->processes[holder->process];
		struct conn_view *conn;
		int copy;

		if (holder->claimed || holder != holders_find(holders, holder->inode) ||
		    !is_tcp(proc, process->pid, holder->fd))
			continue;
		copy = copy_take(process->pid, holder->fd);
		if (copy < 0)
			continue;
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
