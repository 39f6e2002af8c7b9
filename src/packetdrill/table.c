/* SPDX-License-Identifier: MIT */
/*
 * The slots of packetdrill's table: each takes the lock, finds the file, and turns a result into -1 and errno.  What
 * a descriptor of the kernel's is asked goes to the kernel.
 */
#include "packetdrill/interface.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/time.h"
#include "packetdrill/calls.h"
#include "packetdrill/world.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

#define EXPORT __attribute__((visibility("default")))
#define SLEEP_EXTRA_NS US(20)   /* packetdrill sleeps so much less than it means, and then spins */

static struct world *current;   /* for the functions that are called past the table */

static struct world *enter(void *userdata)
{
	struct world *world = userdata;

	pthread_mutex_lock(&world->lock);
	world_enter(world);
	return world;
}

static ssize_t leave(struct world *world, ssize_t result)
{
	pthread_mutex_unlock(&world->lock);
	if (result >= 0)
		return result;
	errno = (int)-result;
	return -1;
}

/* The socket behind a descriptor; NULL, and the lock given back with errno set: it is none. */
static struct file *enter_socket(void *userdata, int fd, struct world **world)
{
	struct file *file;

	*world = enter(userdata);
	file = file_of(*world, fd);
	if (file && file->kind == FILE_SOCKET)
		return file;
	leave(*world, file || fcntl(fd, F_GETFD) >= 0 ? -ENOTSOCK : -EBADF);
	return NULL;
}

/* The file behind it, socket or epoll; NULL, and the lock given back: it is the kernel's. */
static struct file *enter_file(void *userdata, int fd, struct world **world)
{
	struct file *file;

	*world = enter(userdata);
	file = file_of(*world, fd);
	if (!file)
		leave(*world, 0);
	return file;
}

/* ---- a connection's life */

static void slot_free(void *userdata)
{
	current = NULL;
	world_destroy(userdata);
}

static int slot_socket(void *userdata, int domain, int type, int protocol)
{
	struct world *world = enter(userdata);

	return (int)leave(world, drill_socket(world, domain, type, protocol));
}

static int slot_bind(void *userdata, int fd, const struct sockaddr *address, socklen_t length)
{
	struct world *world;
	struct file *file = enter_socket(userdata, fd, &world);

	return file ? (int)leave(world, address ? drill_bind(world, file, address, length) : -EFAULT) : -1;
}

static int slot_listen(void *userdata, int fd, int backlog)
{
	struct world *world;
	struct file *file = enter_socket(userdata, fd, &world);

	return file ? (int)leave(world, drill_listen(world, file, backlog)) : -1;
}

static int slot_accept(void *userdata, int fd, struct sockaddr *address, socklen_t *length)
{
	struct world *world;
	struct file *file = enter_socket(userdata, fd, &world);

	return file ? (int)leave(world, drill_accept(world, file, address, length)) : -1;
}

static int slot_connect(void *userdata, int fd, const struct sockaddr *address, socklen_t length)
{
	struct world *world;
	struct file *file = enter_socket(userdata, fd, &world);

	return file ? (int)leave(world, drill_connect(world, file, address, length)) : -1;
}

static int slot_shutdown(void *userdata, int fd, int how)
{
	struct world *world;
	struct file *file = enter_socket(userdata, fd, &world);

	return file ? (int)leave(world, drill_shutdown(world, file, how)) : -1;
}

static int slot_close(void *userdata, int fd)
{
	struct world *world;
	struct file *file = enter_file(userdata, fd, &world);

	if (file) {
		drill_close(world, file);
		leave(world, 0);
	}
	return close(fd);
}

/* ---- text */

static ssize_t receive(void *userdata, int fd, const struct iovec *parts, size_t count, int flags)
{
	struct world *world;
	struct file *file = enter_socket(userdata, fd, &world);

	return file ? leave(world, drill_receive(world, file, parts, count, flags)) : -1;
}

static ssize_t slot_readv(void *userdata, int fd, const struct iovec *parts, int count)
{
	struct world *world;

	if (!enter_file(userdata, fd, &world))
		return readv(fd, parts, count);
	leave(world, 0);
	if (count < 0 || count > 1024) {
		errno = EINVAL;
		return -1;
	}
	return receive(userdata, fd, parts, (size_t)count, 0);
}

static ssize_t slot_read(void *userdata, int fd, void *text, size_t bytes)
{
	struct iovec part = { text, bytes };

	return slot_readv(userdata, fd, &part, 1);
}

static ssize_t slot_recv(void *userdata, int fd, void *text, size_t bytes, int flags)
{
	struct iovec part = { text, bytes };

	return receive(userdata, fd, &part, 1, flags);
}

static ssize_t slot_recvfrom(void *userdata, int fd, void *text, size_t bytes, int flags, struct sockaddr *address,
			     socklen_t *length)
{
	(void)address;
	if (length)
		*length = 0;            /* TCP names nobody */
	return slot_recv(userdata, fd, text, bytes, flags);
}

static ssize_t slot_recvmsg(void *userdata, int fd, struct msghdr *message, int flags)
{
	struct world *world;
	struct file *file = enter_socket(userdata, fd, &world);

	return file ? leave(world, message ? drill_receive_message(world, file, message, flags) : -EFAULT) : -1;
}

/* MSG_FASTOPEN: the one time that a send says where to. */
static ssize_t deliver_to(void *userdata, int fd, const struct iovec *parts, size_t count, int flags,
			  const struct sockaddr *address, socklen_t length)
{
	struct world *world;
	struct file *file = enter_socket(userdata, fd, &world);

	return file ? leave(world, drill_send_fast(world, file, parts, count, flags, address, length)) : -1;
}

static ssize_t deliver(void *userdata, int fd, const struct iovec *parts, size_t count, int flags)
{
	struct world *world;
	struct file *file = enter_socket(userdata, fd, &world);

	return file ? leave(world, drill_send(world, file, parts, count, flags)) : -1;
}

static ssize_t slot_writev(void *userdata, int fd, const struct iovec *parts, int count)
{
	struct world *world;

	if (!enter_file(userdata, fd, &world))
		return writev(fd, parts, count);
	leave(world, 0);
	if (count < 0 || count > 1024) {
		errno = EINVAL;
		return -1;
	}
	return deliver(userdata, fd, parts, (size_t)count, 0);
}

static ssize_t slot_write(void *userdata, int fd, const void *text, size_t bytes)
{
	struct iovec part = { (void *)text, bytes };

	return slot_writev(userdata, fd, &part, 1);
}

static ssize_t slot_send(void *userdata, int fd, const void *text, size_t bytes, int flags)
{
	struct iovec part = { (void *)text, bytes };

	return deliver(userdata, fd, &part, 1, flags);
}

static ssize_t slot_sendto(void *userdata, int fd, const void *text, size_t bytes, int flags,
			   const struct sockaddr *address, socklen_t length)
{
	struct iovec part = { (void *)text, bytes };

	if (flags & MSG_FASTOPEN)
		return deliver_to(userdata, fd, &part, 1, flags, address, length);
	return slot_send(userdata, fd, text, bytes, flags);
}

static ssize_t slot_sendmsg(void *userdata, int fd, const struct msghdr *message, int flags)
{
	if (!message) {
		errno = EFAULT;
		return -1;
	}
	if (flags & MSG_FASTOPEN)
		return deliver_to(userdata, fd, message->msg_iov, message->msg_iovlen, flags, message->msg_name,
				  message->msg_namelen);
	return deliver(userdata, fd, message->msg_iov, message->msg_iovlen, flags);
}

static ssize_t slot_splice(void *userdata, int in, loff_t *in_offset, int out, loff_t *out_offset, size_t bytes,
			   unsigned flags)
{
	struct world *world = enter(userdata);
	struct file *from = file_of(world, in), *to = file_of(world, out);

	if (from && !to && !out_offset)
		return leave(world, drill_splice_in(world, from, out, bytes, flags));
	if (to && !from) {
		off_t offset = in_offset ? (off_t)*in_offset : 0;
		ssize_t n = drill_splice_out(world, in, in_offset ? &offset : NULL, to, bytes, flags);

		if (in_offset)
			*in_offset = offset;
		return leave(world, n);
	}
	leave(world, 0);
	return from || to ? (errno = EINVAL, -1) : splice(in, in_offset, out, out_offset, bytes, flags);
}

/* ---- options and events */

static int slot_fcntl(void *userdata, int fd, int command, ...)
{
	struct world *world;
	struct file *file;
	va_list arguments;
	long argument;

	va_start(arguments, command);
	argument = va_arg(arguments, long);
	va_end(arguments);
	file = enter_file(userdata, fd, &world);
	return file ? (int)leave(world, drill_fcntl(file, command, argument)) : fcntl(fd, command, argument);
}

static int slot_ioctl(void *userdata, int fd, unsigned long request, ...)
{
	struct world *world;
	struct file *file;
	va_list arguments;
	void *argument;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	file = enter_file(userdata, fd, &world);
	return file ? (int)leave(world, drill_ioctl(world, file, request, argument)) : ioctl(fd, request, argument);
}

static int slot_getsockopt(void *userdata, int fd, int level, int name, void *value, socklen_t *length)
{
	struct world *world;
	struct file *file = enter_socket(userdata, fd, &world);

	return file ? (int)leave(world, drill_option_get(world, file, level, name, value, length)) : -1;
}

static int slot_setsockopt(void *userdata, int fd, int level, int name, const void *value, socklen_t length)
{
	struct world *world;
	struct file *file = enter_socket(userdata, fd, &world);

	return file ? (int)leave(world, drill_option_set(world, file, level, name, value, length)) : -1;
}

static int slot_poll(void *userdata, struct pollfd *set, nfds_t count, int timeout_ms)
{
	struct world *world = enter(userdata);

	return (int)leave(world, drill_poll(world, set, count, timeout_ms));
}

static int slot_epoll_create(void *userdata, int size)
{
	struct world *world = enter(userdata);
	struct file *file = size > 0 ? file_create(world, FILE_EPOLL) : NULL;

	return (int)leave(world, size <= 0 ? -EINVAL : file ? file->fd : -errno);
}

static int slot_epoll_ctl(void *userdata, int epoll, int operation, int fd, struct epoll_event *event)
{
	struct world *world = enter(userdata);
	struct file *file = file_of(world, epoll);

	if (fcntl(epoll, F_GETFD) < 0 || fcntl(fd, F_GETFD) < 0)
		return (int)leave(world, -EBADF);
	if (!file || file->kind != FILE_EPOLL)
		return (int)leave(world, -EINVAL);
	return (int)leave(world, drill_epoll_ctl(world, file, operation, fd, event));
}

static int slot_epoll_wait(void *userdata, int epoll, struct epoll_event *events, int room, int timeout_ms)
{
	struct world *world = enter(userdata);
	struct file *file = file_of(world, epoll);

	if (!file || file->kind != FILE_EPOLL)
		return (int)leave(world, fcntl(epoll, F_GETFD) < 0 ? -EBADF : -EINVAL);
	return (int)leave(world, drill_epoll_wait(world, file, events, room, timeout_ms));
}

static int slot_pipe(void *userdata, int ends[2])
{
	(void)userdata;
	return pipe(ends);
}

/* ---- packets and time */

static int slot_netdev_send(void *userdata, const void *bytes, size_t length)
{
	struct world *world = enter(userdata);
	struct eleven_packet packet = { .bytes = bytes, .length = (uint32_t)length };
	const uint8_t *header = bytes;

	world_settle(world);
	if (world_begin(world) == 0) {
		if (length >= IPV4_HEADER_MIN && header[0] >> 4 == 4)
			world_own(world, load_be32(header + 16));
		if (length >= IPV6_HEADER_BYTES && header[0] >> 4 == 6 && header[24] != 0xff) {
			struct eleven_address address;

			memcpy(address.bytes, header + 24, sizeof(address.bytes));
			world_own_v6(world, &address);
		}
		eleven_input(world->stack, &packet, 1, world->now_ns);
		world_run(world);
	}
	leave(world, 0);
	return 0;
}

static int slot_netdev_receive(void *userdata, void *bytes, size_t *length, long long *time_us)
{
	struct world *world = enter(userdata);
	struct packet *packet;

	world_settle(world);
	while (!world->first_out && world_step(world))
		world_settle(world);
	packet = world->first_out;
	if (!packet) {
		*length = 0;
		*time_us = (long long)(world_time(world) / US(1));
		leave(world, 0);
		return 0;
	}
	world->first_out = packet->next;
	if (!world->first_out)
		world->last_out = &world->first_out;
	if (*length > packet->length)
		*length = packet->length;
	memcpy(bytes, packet->bytes, *length);
	*time_us = (long long)(packet->time_ns / US(1));
	free(packet);
	leave(world, 0);
	return 0;
}

static int slot_usleep(void *userdata, useconds_t us)
{
	struct world *world = enter(userdata);

	world_advance(world, world_time(world) + US((uint64_t)us) + SLEEP_EXTRA_NS);
	leave(world, 0);
	return 0;
}

static int slot_gettimeofday(void *userdata, struct timeval *time, struct timezone *zone)
{
	struct world *world = enter(userdata);

	(void)zone;
	world_advance(world, world_time(world) + US(1));
	if (time) {
		time->tv_sec = (time_t)(world_time(world) / SEC(1));
		time->tv_usec = (suseconds_t)(world_time(world) % SEC(1) / US(1));
	}
	leave(world, 0);
	return 0;
}

/* ---- called past the table, when this library is preloaded as well */

EXPORT int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict length)
{
	if (current && file_of(current, fd))
		return slot_getsockopt(current, fd, level, name, value, length);
	return (int)syscall(SYS_getsockopt, fd, level, name, value, length);
}

/* glibc has it under two names, of which sys/sendfile.h, not included here, chooses one. */
EXPORT ssize_t drill_sendfile(int out, int in, off_t *offset, size_t bytes) __asm__("sendfile");
EXPORT ssize_t drill_sendfile64(int out, int in, off_t *offset, size_t bytes) __asm__("sendfile64");

ssize_t drill_sendfile(int out, int in, off_t *offset, size_t bytes)
{
	if (current && file_of(current, out)) {
		struct world *world;
		struct file *file = enter_file(current, out, &world);

		if (file)
			return leave(world, drill_splice_out(world, in, offset, file, bytes, 0));
	}
	return syscall(SYS_sendfile, out, in, offset, bytes);
}

ssize_t drill_sendfile64(int out, int in, off_t *offset, size_t bytes)
{
	return drill_sendfile(out, in, offset, bytes);
}

EXPORT void packetdrill_interface_init(const char *flags, struct packetdrill_table *table)
{
	current = world_create(flags);
	*table = (struct packetdrill_table){
		.userdata = current, .free = slot_free,
		.socket = slot_socket, .bind = slot_bind, .listen = slot_listen, .accept = slot_accept,
		.connect = slot_connect,
		.read = slot_read, .readv = slot_readv, .recv = slot_recv, .recvfrom = slot_recvfrom,
		.recvmsg = slot_recvmsg,
		.write = slot_write, .writev = slot_writev, .send = slot_send, .sendto = slot_sendto,
		.sendmsg = slot_sendmsg,
		.fcntl = slot_fcntl, .ioctl = slot_ioctl, .close = slot_close, .shutdown = slot_shutdown,
		.getsockopt = slot_getsockopt, .setsockopt = slot_setsockopt, .poll = slot_poll,
		.netdev_send = slot_netdev_send, .netdev_receive = slot_netdev_receive,
		.usleep = slot_usleep, .gettimeofday = slot_gettimeofday,
		.epoll_create = slot_epoll_create, .epoll_ctl = slot_epoll_ctl, .epoll_wait = slot_epoll_wait,
		.pipe = slot_pipe, .splice = slot_splice,
	};
}
