/* SPDX-License-Identifier: MIT */
/*
 * What goes to a client: the queue in front of its socket, and the streams that fill it.
 *
 * A message is sent at once when nothing waits before it; otherwise it waits until the socket is
 * writable.  The queue is bounded: replies beyond CONTROL_QUEUE_MAX drop the client, and streams
 * are only asked for more below CONTROL_QUEUE_ROOM.  A dropped client's memory stays until the
 * control's hook runs, so handlers need not mind what a failed reply leaves behind.
 */
#include "host/control_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Calls of streams for one client before others have their turn. */
#define PUMP_CALLS_MAX 16

void client_free(struct control_client *client)
{
	for (unsigned i = 0; i < CONTROL_STREAMS_MAX; i++)
		free(client->streams[i].state);
	free(client);
}

static void out_free(struct control_out *out)
{
	for (unsigned i = 0; i < out->descriptor_count; i++)
		close(out->descriptors[i]);
	free(out);
}

void client_drop(struct control_client *client, const char *reason)
{
	struct control *control = client->control;
	struct control_client **at = &control->clients;

	if (client->fd < 0)
		return;
	if (reason)
		fprintf(stderr, "eleven: control client (pid %d) dropped: %s\n", (int)client->pid, reason);
	loop_remove(host_loop(control->host), client->fd);
	close(client->fd);
	client->fd = -1;
	for (unsigned i = 0; i < control->gone_count; i++)
		control->gone[i].fn(control->gone[i].context, client);
	while (client->first) {
		struct control_out *out = client->first;

		client->first = out->next;
		out_free(out);
	}
	for (unsigned i = 0; i < CONTROL_STREAMS_MAX; i++)
		client->streams[i].fn = NULL;   /* one may be running: its state is freed with the client */
	while (*at != client)
		at = &(*at)->next;
	*at = client->next;
	client->next = control->dead;
	control->dead = client;
	control->client_count--;
}

/* ---------------------------------------------------------------- sending */

/* 1: sent; 0: the socket is full; -errno. */
static int message_send(int fd, const struct iovec *parts, unsigned part_count, const int *descriptors, unsigned count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(CONTROL_DESCRIPTORS_MAX * sizeof(int))];
	} control;
	struct msghdr message = { .msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = part_count };
	ssize_t sent;

	if (count > 0) {
		struct cmsghdr *rights;

		memset(&control, 0, sizeof(control));
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		rights = CMSG_FIRSTHDR(&message);
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(rights), descriptors, count * sizeof(int));
	}
	do {
		sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return 1;
	return errno == EAGAIN || errno == ENOBUFS ? 0 : -errno;
}

static bool queue_add(struct control_client *client, const struct control_header *header, const void *body,
		      size_t length, const int *descriptors, unsigned count)
{
	size_t bytes = sizeof(*header) + length;
	struct control_out *out = NULL;

	if (client->queued + bytes > CONTROL_QUEUE_MAX + client->queue_more) {
		client_drop(client, "it does not read its replies");
		return false;
	}
	out = malloc(sizeof(*out) + bytes);
	if (!out) {
		client_drop(client, "out of memory");
		return false;
	}
	*out = (struct control_out){ .bytes = bytes };
	memcpy(out->message, header, sizeof(*header));
	if (length)
		memcpy(out->message + sizeof(*header), body, length);
	for (unsigned i = 0; i < count; i++) {
		int fd = fcntl(descriptors[i], F_DUPFD_CLOEXEC, 0);

		if (fd < 0) {
			out_free(out);
			client_drop(client, "out of descriptors");
			return false;
		}
		out->descriptors[out->descriptor_count++] = fd;
	}
	*client->last = out;
	client->last = &out->next;
	client->queued += bytes;
	loop_modify(host_loop(client->control->host), client->fd, EPOLLIN | EPOLLOUT);
	return true;
}

bool control_reply_descriptors(struct control_client *client, uint32_t request, unsigned type, const void *body,
			       size_t length, const int *descriptors, unsigned count)
{
	struct control_header header = {
		.magic = CONTROL_MAGIC, .version = CONTROL_VERSION, .type = (uint16_t)(type | CONTROL_REPLY),
		.length = (uint32_t)length, .request = request,
	};
	struct iovec parts[2] = { { &header, sizeof(header) }, { (void *)(uintptr_t)body, length } };

	if (client->fd < 0 || length > CONTROL_MESSAGE_MAX - sizeof(header) || count > CONTROL_DESCRIPTORS_MAX)
		return false;
	if (!client->first) {
		int sent = message_send(client->fd, parts, length ? 2 : 1, descriptors, count);

		if (sent > 0)
			return true;
		if (sent < 0) {
			client_drop(client, sent == -EPIPE || sent == -ECONNRESET ? NULL : strerror(-sent));
			return false;
		}
	}
	return queue_add(client, &header, body, length, descriptors, count);
}

bool control_reply(struct control_client *client, uint32_t request, unsigned type, const void *body, size_t length)
{
	return control_reply_descriptors(client, request, type, body, length, NULL, 0);
}

bool control_end(struct control_client *client, uint32_t request)
{
	return control_reply(client, request, CONTROL_END, NULL, 0);
}

bool control_error(struct control_client *client, uint32_t request, int error, const char *format, ...)
{
	struct control_error body = { .error = error };
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(body.text, sizeof(body.text), format, arguments);
	va_end(arguments);
	return control_reply(client, request, CONTROL_ERROR, &body, sizeof(body));
}

size_t control_queued(const struct control_client *client)
{
	return client->queued;
}

void control_queue_more(struct control_client *client, size_t bytes)
{
	client->queue_more = bytes;
}

static void queue_flush(struct control_client *client)
{
	while (client->first) {
		struct control_out *out = client->first;
		struct iovec part = { out->message, out->bytes };
		int sent = message_send(client->fd, &part, 1, out->descriptors, out->descriptor_count);

		if (sent == 0)
			return;
		if (sent < 0) {
			client_drop(client, sent == -EPIPE || sent == -ECONNRESET ? NULL : strerror(-sent));
			return;
		}
		client->queued -= out->bytes;
		client->first = out->next;
		if (!client->first)
			client->last = &client->first;
		out_free(out);
	}
	loop_modify(host_loop(client->control->host), client->fd, EPOLLIN);
}

/* ---------------------------------------------------------------- streams */

bool control_stream(struct control_client *client, uint32_t request, control_stream_fn *fn, void *state)
{
	for (unsigned i = 0; client->fd >= 0 && i < CONTROL_STREAMS_MAX; i++) {
		struct control_streaming *stream = &client->streams[i];

		if (stream->fn)
			continue;
		*stream = (struct control_streaming){ .fn = fn, .state = state, .request = request };
		client->control->busy = true;
		return true;
	}
	free(state);
	client_drop(client, "it asks for more long answers than it reads");
	return false;
}

static void stream_call(struct control_client *client, struct control_streaming *stream)
{
	enum control_more more = stream->fn(client, stream->request, stream->state);

	stream->waits = more == CONTROL_WAIT;
	if (more == CONTROL_DONE && stream->fn) {       /* NULL: the client was dropped in the call */
		free(stream->state);
		stream->fn = NULL;
		stream->state = NULL;
	}
}

void client_pump(struct control_client *client, bool woken)
{
	unsigned calls = 0;
	bool more = true;

	if (client->fd >= 0 && client->first)
		queue_flush(client);
	for (unsigned i = 0; woken && i < CONTROL_STREAMS_MAX; i++)
		client->streams[i].waits = false;
	while (more && calls < PUMP_CALLS_MAX) {
		more = false;
		for (unsigned i = 0; i < CONTROL_STREAMS_MAX; i++) {
			struct control_streaming *stream = &client->streams[i];

			if (client->fd < 0 || client->queued >= CONTROL_QUEUE_ROOM)
				return;
			if (!stream->fn || stream->waits)
				continue;
			stream_call(client, stream);
			calls++;
			more = true;
		}
	}
	if (more)
		client->control->busy = true;
}
