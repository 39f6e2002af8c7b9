/* SPDX-License-Identifier: MIT */
/*
 * What the table's slots do, behind the lock: results as of a system call, -errno on failure.  `file` is a socket.
 * Which errno when is Linux's.
 */
#ifndef ELEVEN_PACKETDRILL_CALLS_H
#define ELEVEN_PACKETDRILL_CALLS_H

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "packetdrill/file.h"

/* ---- calls.c: a connection's life */
int drill_socket(struct world *world, int domain, int type, int protocol);
int drill_bind(struct world *world, struct file *file, const struct sockaddr *address, socklen_t length);
int drill_listen(struct world *world, struct file *file, int backlog);
int drill_accept(struct world *world, struct file *file, struct sockaddr *address, socklen_t *length);
int drill_connect(struct world *world, struct file *file, const struct sockaddr *address, socklen_t length);
/* Its two halves: the SYN, and the wait for what becomes of it. */
int drill_connect_begin(struct world *world, struct file *file, const struct sockaddr *address, socklen_t length);
int drill_connect_wait(struct world *world, struct file *file);
int drill_shutdown(struct world *world, struct file *file, int how);
/* Waits as SO_LINGER says; the descriptor is left to the caller. */
void drill_close(struct world *world, struct file *file);

/* ---- text.c: what it carries */
ssize_t drill_receive(struct world *world, struct file *file, const struct iovec *parts, size_t count, int flags);
ssize_t drill_send(struct world *world, struct file *file, const struct iovec *parts, size_t count, int flags);
/* MSG_FASTOPEN: connect and the first text in one (RFC 7413). */
ssize_t drill_send_fast(struct world *world, struct file *file, const struct iovec *parts, size_t count, int flags,
			const struct sockaddr *address, socklen_t length);
ssize_t drill_receive_message(struct world *world, struct file *file, struct msghdr *message, int flags);
/* Between a socket and the kernel's pipe or file. */
ssize_t drill_splice_in(struct world *world, struct file *file, int pipe, size_t bytes, unsigned flags);
ssize_t drill_splice_out(struct world *world, int from, off_t *offset, struct file *file, size_t bytes, unsigned flags);

/* ---- options.c */
int drill_option_set(struct world *world, struct file *file, int level, int name, const void *value, socklen_t length);
int drill_option_get(struct world *world, struct file *file, int level, int name, void *value, socklen_t *length);
int drill_fcntl(struct file *file, int command, long argument);
int drill_ioctl(struct world *world, struct file *file, unsigned long request, void *argument);

/* ---- poll.c */
int drill_poll(struct world *world, struct pollfd *set, nfds_t count, int timeout_ms);
int drill_epoll_ctl(struct world *world, struct file *epoll, int operation, int fd, const struct epoll_event *event);
int drill_epoll_wait(struct world *world, struct file *epoll, struct epoll_event *events, int room, int timeout_ms);

#endif
