/* SPDX-License-Identifier: MIT */
/* The control socket: listening, accepting, taking requests apart; see control.h. */
#include "host/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/time.h"
#include "host/control_client.h"

/* Requests taken from one client before others have their turn. */
#define REQUESTS_MAX 64

/* ---------------------------------------------------------------- requests */

static bool header_is_good(struct control_client *client, const struct control_header *header, size_t bytes)
{
	if (bytes < sizeof(*header) || header->magic != CONTROL_MAGIC) {
		client_drop(client, "it does not speak the control protocol");
		return false;
	}
	if (header->version != CONTROL_VERSION) {
		char reason[80];

		control_error(client, header->request, -EPROTO,
			      "the host speaks version %u of the control protocol (eleven %s), this program version %u",
			      CONTROL_VERSION, ELEVEN_VERSION, header->version);
		snprintf(reason, sizeof(reason), "it speaks version %u of the control protocol", header->version);
		client_drop(client, reason);
		return false;
	}
	if (header->length != bytes - sizeof(*header) || header->type & CONTROL_REPLY) {
		client_drop(client, "it sent a damaged message");
		return false;
	}
	return true;
}

static void request_dispatch(struct control_client *client, size_t bytes, int *descriptors, unsigned descriptor_count)
{
	struct control *control = client->control;
	struct control_header header;
	struct control_message message = { .descriptors = descriptors, .descriptor_count = descriptor_count };

	memset(&header, 0, sizeof(header));
	memcpy(&header, control->message, bytes < sizeof(header) ? bytes : sizeof(header));
	if (!header_is_good(client, &header, bytes))
		return;
	if (header.type >= CONTROL_TYPES || !control->handlers[header.type].fn) {
		control_error(client, header.request, -EOPNOTSUPP, "the host does not know request %u", header.type);
		return;
	}
	message.type = header.type;
	message.request = header.request;
	message.body = control->message + sizeof(header);
	message.length = header.length;
	control->handlers[header.type].fn(control->handlers[header.type].context, client, &message);
}

static unsigned descriptors_take(struct msghdr *message, int descriptors[CONTROL_DESCRIPTORS_MAX])
{
	unsigned count = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (count < CONTROL_DESCRIPTORS_MAX)
				descriptors[count++] = fd;
			else
				close(fd);
		}
	}
	return count;
}

/* False: nothing (more) to read, or the client is gone. */
static bool request_receive(struct control_client *client)
{
	struct control *control = client->control;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(CONTROL_DESCRIPTORS_MAX * sizeof(int))];
	} ancillary;
	struct iovec part = { control->message, sizeof(control->message) };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = ancillary.bytes,
		.msg_controllen = sizeof(ancillary.bytes),
	};
	int descriptors[CONTROL_DESCRIPTORS_MAX];
	ssize_t got = recvmsg(client->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	unsigned count;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (got < 0 || (got == 0 && message.msg_controllen == 0)) {
		client_drop(client, NULL);
		return false;
	}
	count = descriptors_take(&message, descriptors);
	if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		client_drop(client, "it sent a message too long");
	else
		request_dispatch(client, (size_t)got, descriptors, count);
	for (unsigned i = 0; i < count; i++)
		if (descriptors[i] >= 0)
			close(descriptors[i]);
	return client->fd >= 0;
}

static void client_ready(void *context, int fd, uint32_t events)
{
	struct control_client *client = context;

	(void)fd;
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		for (unsigned i = 0; i < REQUESTS_MAX && request_receive(client); i++)
			continue;
	if (client->fd >= 0)
		client_pump(client, false);
}

/* ---------------------------------------------------------------- listening */

static void client_add(struct control *control, int fd)
{
	struct control_client *client = calloc(1, sizeof(*client));
	struct ucred peer = { .pid = 0 };
	socklen_t length = sizeof(peer);
	const char *reason = NULL;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		reason = strerror(errno);
	else if (peer.uid != 0 && peer.uid != geteuid())
		reason = "it belongs to another user";
	else if (control->client_count >= CONTROL_CLIENTS_MAX)
		reason = "there are too many";
	else if (!client || loop_add(host_loop(control->host), fd, EPOLLIN, client_ready, client) < 0)
		reason = "out of memory";
	if (reason) {
		fprintf(stderr, "eleven: control client (pid %d) refused: %s\n", (int)peer.pid, reason);
		free(client);
		close(fd);
		return;
	}
	client->control = control;
	client->fd = fd;
	client->pid = peer.pid;
	client->last = &client->first;
	client->next = control->clients;
	control->clients = client;
	control->client_count++;
}

static void listener_ready(void *context, int fd, uint32_t events)
{
	struct control *control = context;

	(void)events;
	for (unsigned i = 0; i < REQUESTS_MAX; i++) {
		int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (client >= 0) {
			client_add(control, client);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
			/* It would be reported again at once: look away for a moment. */
			fprintf(stderr, "eleven: cannot take a control client: %s\n", strerror(errno));
			loop_remove(host_loop(control->host), fd);
			loop_deadline_set(host_loop(control->host), &control->listen_again,
					  host_now(control->host) + MS(500));
		}
		return;
	}
}

static void listen_resume(void *context, uint64_t now)
{
	struct control *control = context;

	if (loop_add(host_loop(control->host), control->fd, EPOLLIN, listener_ready, control) < 0)
		loop_deadline_set(host_loop(control->host), &control->listen_again, now + MS(500));
}

static uint64_t control_hook(void *context, uint64_t now)
{
	struct control *control = context;
	bool woken = control->woken, busy = control->busy;
	struct control_client *next;

	(void)now;
	control->woken = control->busy = false;
	if (woken || busy) {
		for (struct control_client *client = control->clients; client; client = next) {
			next = client->next;    /* a pump drops no client but its own */
			client_pump(client, woken);
		}
	}
	while (control->dead) {
		next = control->dead->next;
		client_free(control->dead);
		control->dead = next;
	}
	return control->busy || control->woken ? 0 : UINT64_MAX;
}

/* The pid of the host that listens at the address, 0 when none does, -1 when it cannot be told. */
static pid_t listener_pid(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct ucred peer = { .pid = -1 };
	socklen_t length = sizeof(peer);

	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length);
	else if (errno == ECONNREFUSED || errno == ENOENT)
		peer.pid = 0;
	close(fd);
	return peer.pid;
}

/* Binds; a socket that nobody listens on any more is taken away first. */
static int listener_open(const char *path, pid_t *pid)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t mask;
	struct stat status;
	int fd, error;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	if (lstat(path, &status) == 0) {
		if (!S_ISSOCK(status.st_mode))
			return -ENOTSOCK;
		*pid = listener_pid(&address);
		if (*pid != 0)
			return -EADDRINUSE;
		if (unlink(path) < 0)
			return -errno;
	}
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	mask = umask(0177);
	error = bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1024) < 0 ? -errno : 0;
	umask(mask);
	if (error < 0) {
		close(fd);
		return error;
	}
	return fd;
}

int control_create(struct control **created, struct host *host, const char *path, pid_t *pid)
{
	struct control *control = calloc(1, sizeof(*control));
	int error;

	*pid = 0;
	if (!control)
		return -ENOMEM;
	control->host = host;
	control->listen_again = (struct loop_deadline){ .fn = listen_resume, .context = control };
	control->fd = listener_open(path, pid);
	if (control->fd < 0) {
		error = control->fd;
		free(control);
		return error;
	}
	strcpy(control->path, path);
	error = loop_add(host_loop(host), control->fd, EPOLLIN, listener_ready, control);
	if (error == 0)
		error = loop_hook_add(host_loop(host), control_hook, control);
	if (error < 0) {
		control_destroy(control);
		return error;
	}
	*created = control;
	return 0;
}

void control_close(struct control *control)
{
	if (!control || control->fd < 0)
		return;
	unlink(control->path);
	loop_deadline_clear(host_loop(control->host), &control->listen_again);
	loop_remove(host_loop(control->host), control->fd);
	loop_hook_remove(host_loop(control->host), control_hook, control);
	close(control->fd);
	control->fd = -1;
	while (control->clients)
		client_drop(control->clients, NULL);
	control_hook(control, 0);
}

void control_destroy(struct control *control)
{
	control_close(control);
	free(control);
}

/* ---------------------------------------------------------------- what others register */

int control_handle(struct control *control, unsigned type, control_fn *fn, void *context)
{
	if (type == 0 || type >= CONTROL_TYPES)
		return -EINVAL;
	if (control->handlers[type].fn)
		return -EEXIST;
	control->handlers[type].fn = fn;
	control->handlers[type].context = context;
	return 0;
}

int control_on_gone(struct control *control, control_gone_fn *fn, void *context)
{
	if (control->gone_count == CONTROL_GONE_MAX)
		return -ENOSPC;
	control->gone[control->gone_count].fn = fn;
	control->gone[control->gone_count++].context = context;
	return 0;
}

void control_wake(struct control *control)
{
	control->woken = true;
}

struct host *control_host(const struct control *control)
{
	return control->host;
}

pid_t control_client_pid(const struct control_client *client)
{
	return client->pid;
}

int control_client_fd(const struct control_client *client)
{
	return client->fd;
}
