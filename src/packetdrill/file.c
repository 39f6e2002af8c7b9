/* SPDX-License-Identifier: MIT */
/* Descriptors, and what happens to the sockets behind them; see file.h. */
#include "packetdrill/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"
#include "packetdrill/sndbuf.h"

struct file *file_of(const struct world *world, int fd)
{
	return fd >= 0 && fd < DESCRIPTORS_MAX ? world->files[fd] : NULL;
}

struct file *file_create(struct world *world, enum file_kind kind)
{
	struct file *file;
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return NULL;
	file = fd < DESCRIPTORS_MAX ? calloc(1, sizeof(*file)) : NULL;
	if (!file) {
		close(fd);
		errno = ENFILE;
		return NULL;
	}
	file_forget(world, fd);         /* closed behind our back */
	file->kind = kind;
	file->fd = fd;
	file->receive_timeout_ns = file->send_timeout_ns = TIME_NEVER;
	file->receive_low = 1;
	option_set_init(&file->options);
	world->files[fd] = file;
	return file;
}

static void watches_drop(struct file *epoll, int fd)
{
	for (struct watch **at = &epoll->watches; *at;) {
		struct watch *watch = *at;

		if (fd >= 0 && watch->fd != fd) {
			at = &watch->next;
			continue;
		}
		*at = watch->next;
		free(watch);
	}
}

void file_forget(struct world *world, int fd)
{
	struct file *file = file_of(world, fd);

	if (!file)
		return;
	world->files[fd] = NULL;
	for (int i = 0; i < DESCRIPTORS_MAX; i++)
		if (world->files[i] && world->files[i]->kind == FILE_EPOLL)
			watches_drop(world->files[i], fd);
	watches_drop(file, -1);
	errqueue_drop(&file->errqueue);
	if (file->kind == FILE_SOCKET && file->handle && world->stack)
		eleven_close(world->stack, file->handle, world->now_ns);
	if (file->fast_open_key_given && world->stack && world->fast_open_key_set)
		world_fast_open_key(world, NULL);
	free(file);
}

/* ---- the stack's side of a socket */

bool socket_status(const struct world *world, const struct file *file, struct eleven_status *status)
{
	if (file->handle && eleven_status(world->stack, file->handle, status) == 0)
		return true;
	memset(status, 0, sizeof(*status));
	return false;
}

int socket_error_take(struct file *file)
{
	int error = file->error;

	file->error = 0;
	return error;
}

struct option_target socket_target(const struct world *world, const struct file *file)
{
	return (struct option_target){ world->stack, file->handle, world->now_ns, eleven_option_set };
}

void file_wake(struct world *world, int fd, uint32_t events)
{
	for (int i = 0; i < DESCRIPTORS_MAX; i++) {
		struct file *epoll = world->files[i];

		if (!epoll || epoll->kind != FILE_EPOLL)
			continue;
		for (struct watch *watch = epoll->watches; watch; watch = watch->next) {
			if (watch->fd != fd || watch->ready || !((watch->events | EPOLLERR | EPOLLHUP) & events))
				continue;
			watch->ready = true;
			watch->order = ++epoll->watch_order;
		}
	}
}

static uint32_t events_of_signals(uint32_t signals)
{
	uint32_t events = 0;

	if (signals & (ELEVEN_SIGNAL_RECEIVE | ELEVEN_SIGNAL_ACCEPT))
		events |= POLLIN | POLLRDNORM;
	if (signals & (ELEVEN_SIGNAL_SEND | ELEVEN_SIGNAL_CONNECTED))
		events |= POLLOUT | POLLWRNORM;
	if (signals & (ELEVEN_SIGNAL_CLOSING | ELEVEN_SIGNAL_ERROR))
		events |= POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLRDHUP | POLLERR | POLLHUP | POLLPRI;
	return events;
}

void files_signalled(struct world *world)
{
	struct eleven_signal signal;

	while (eleven_signal(world->stack, &signal)) {
		struct file *file = file_of(world, (int)signal.user);
		struct eleven_status status;

		if (!file || file->kind != FILE_SOCKET || file->handle != signal.connection)
			continue;
		if (signal.signals & ELEVEN_SIGNAL_ERROR && socket_status(world, file, &status))
			file->error = status.error;
		file_wake(world, file->fd, events_of_signals(signal.signals));
	}
}

/* ---- readiness */

static uint32_t listener_events(const struct eleven_status *status)
{
	return status->receive_queue > 0 ? POLLIN | POLLRDNORM : 0;
}

bool status_is_opening(const struct eleven_status *status)
{
	if (status->state == ELEVEN_SYN_SENT)
		return !(status->sub & ELEVEN_SUB_SYN_WAITS);
	return status->state == ELEVEN_SYN_RECEIVED && !(status->sub & ELEVEN_SUB_PASSIVE);
}

static uint32_t socket_events(struct world *world, struct file *file)
{
	struct eleven_status status;
	uint32_t events = file->error || errqueue_waits(&file->errqueue) ? POLLERR : 0;
	bool closed, ended;

	socket_status(world, file, &status);
	if (status.state == ELEVEN_LISTEN)
		return events | listener_events(&status);
	closed = status.state == ELEVEN_CLOSED;
	ended = status.sub & ELEVEN_SUB_FIN_RECEIVED || file->read_shut ||
		(closed && file->connecting != CONNECT_NONE && status.rule != 0);
	if (closed || (ended && (file->write_shut || closed)))
		events |= POLLHUP;
	if (ended)
		events |= POLLIN | POLLRDNORM | POLLRDHUP;
	if (status_is_opening(&status))
		return events;
	if (status.receive_queue >= (uint32_t)file->receive_low)
		events |= POLLIN | POLLRDNORM;
	if (file->write_shut || closed || sndbuf_writable(world, file))
		events |= POLLOUT | POLLWRNORM;
	return events;
}

uint32_t file_events(struct world *world, struct file *file)
{
	if (file->kind == FILE_SOCKET)
		return socket_events(world, file);
	for (struct watch *watch = file->watches; watch; watch = watch->next) {
		struct file *watched = file_of(world, watch->fd);

		if (watched && watch->ready && watched->kind == FILE_SOCKET &&
		    socket_events(world, watched) & (watch->events | EPOLLERR | EPOLLHUP))
			return POLLIN | POLLRDNORM;
	}
	return 0;
}
