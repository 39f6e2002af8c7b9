/* SPDX-License-Identifier: MIT */
/*
 * What packetdrill asks of a stack that it loads with --so_filename: a table of 33 slots, in this order, which
 * packetdrill_interface_init() fills.  Every call answers as the call of its name does: -1 and errno on failure.
 */
#ifndef ELEVEN_PACKETDRILL_INTERFACE_H
#define ELEVEN_PACKETDRILL_INTERFACE_H

#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>

struct packetdrill_table {
	void *userdata;                 /* not NULL: handed to every call */
	void (*free)(void *userdata);
	int (*socket)(void *userdata, int domain, int type, int protocol);
	int (*bind)(void *userdata, int fd, const struct sockaddr *address, socklen_t length);
	int (*listen)(void *userdata, int fd, int backlog);
	int (*accept)(void *userdata, int fd, struct sockaddr *address, socklen_t *length);
	int (*connect)(void *userdata, int fd, const struct sockaddr *address, socklen_t length);
	ssize_t (*read)(void *userdata, int fd, void *text, size_t bytes);
	ssize_t (*readv)(void *userdata, int fd, const struct iovec *parts, int count);
	ssize_t (*recv)(void *userdata, int fd, void *text, size_t bytes, int flags);
	ssize_t (*recvfrom)(void *userdata, int fd, void *text, size_t bytes, int flags, struct sockaddr *address,
			    socklen_t *length);
	ssize_t (*recvmsg)(void *userdata, int fd, struct msghdr *message, int flags);
	ssize_t (*write)(void *userdata, int fd, const void *text, size_t bytes);
	ssize_t (*writev)(void *userdata, int fd, const struct iovec *parts, int count);
	ssize_t (*send)(void *userdata, int fd, const void *text, size_t bytes, int flags);
	ssize_t (*sendto)(void *userdata, int fd, const void *text, size_t bytes, int flags,
			  const struct sockaddr *address, socklen_t length);
	ssize_t (*sendmsg)(void *userdata, int fd, const struct msghdr *message, int flags);
	int (*fcntl)(void *userdata, int fd, int command, ...);
	int (*ioctl)(void *userdata, int fd, unsigned long request, ...);
	int (*close)(void *userdata, int fd);
	int (*shutdown)(void *userdata, int fd, int how);
	int (*getsockopt)(void *userdata, int fd, int level, int name, void *value, socklen_t *length);
	int (*setsockopt)(void *userdata, int fd, int level, int name, const void *value, socklen_t length);
	int (*poll)(void *userdata, struct pollfd *set, nfds_t count, int timeout_ms);
	/* One whole IP packet to the stack; handled, and its answers queued, before the return of 0. */
	int (*netdev_send)(void *userdata, const void *packet, size_t bytes);
	/* The oldest packet from the stack, *bytes holding the room, with its time; *bytes 0: there will be none. */
	int (*netdev_receive)(void *userdata, void *packet, size_t *bytes, long long *time_us);
	int (*usleep)(void *userdata, useconds_t us);
	int (*gettimeofday)(void *userdata, struct timeval *time, struct timezone *zone);
	int (*epoll_create)(void *userdata, int size);
	int (*epoll_ctl)(void *userdata, int epoll, int operation, int fd, struct epoll_event *event);
	int (*epoll_wait)(void *userdata, int epoll, struct epoll_event *events, int room, int timeout_ms);
	int (*pipe)(void *userdata, int ends[2]);
	ssize_t (*splice)(void *userdata, int in, loff_t *in_offset, int out, loff_t *out_offset, size_t bytes,
			  unsigned flags);
};
_Static_assert(sizeof(struct packetdrill_table) == 33 * sizeof(void *), "33 slots");

void packetdrill_interface_init(const char *flags, struct packetdrill_table *table);

#endif
