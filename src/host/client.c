/* SPDX-License-Identifier: MIT */
/* A tool's end of the control protocol; see client.h. */
#include "host/client.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int client_path(char path[108])
{
	const char *own = getenv("ELEVEN_SOCKET"), *runtime = getenv("XDG_RUNTIME_DIR"), *temporary = getenv("TMPDIR");
	int length;

	if (own && *own)
		length = snprintf(path, 108, "%s", own);
	else if (runtime && *runtime)
		length = snprintf(path, 108, "%s/eleven.sock", runtime);
	else
		length = snprintf(path, 108, "%s/eleven-%u.sock", temporary && *temporary ? temporary : "/tmp",
				  (unsigned)geteuid());
	return length >= 108 ? -ENAMETOOLONG : 0;
}

static int hello_exchange(struct client *client)
{
	struct control_hello hello = {
		.version = CONTROL_VERSION, .pid = (uint32_t)getpid(), .status_bytes = sizeof(struct eleven_status),
		.trace_bytes = sizeof(struct eleven_trace), .program = ELEVEN_VERSION,
	};
	struct client_message *reply = malloc(sizeof(*reply));
	int error = reply ? client_call(client, CONTROL_HELLO, &hello, sizeof(hello), reply) : -ENOMEM;

	if (error == 0 && reply->header.length < sizeof(client->hello))
		error = -EPROTO;
	if (error == 0)
		memcpy(&client->hello, reply->body, sizeof(client->hello));
	free(reply);
	return error;
}

/* In a folder that others may write to, the socket could be anybody's. */
static bool peer_is_ours(int fd)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && (peer.uid == geteuid() || peer.uid == 0);
}

int client_open(struct client *client)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int error;

	memset(client, 0, sizeof(*client));
	client->fd = -1;
	error = client_path(client->path);
	if (error < 0)
		return error;
	memcpy(address.sun_path, client->path, sizeof(address.sun_path));
	client->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (client->fd < 0)
		return -errno;
	if (connect(client->fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		error = -errno;
	else if (!peer_is_ours(client->fd))
		error = -EPERM;
	else
		error = hello_exchange(client);
	if (error < 0)
		client_close(client);
	return error;
}

void client_close(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
}

void client_complain(const struct client *client, int error)
{
	if (client->error.text[0])
		fprintf(stderr, "eleven: %s\n", client->error.text);
	else if (error == -ENOENT || error == -ECONNREFUSED)
		fprintf(stderr, "eleven: no host is running at %s; start one with 'eleven up'\n", client->path);
	else if (error == -ECONNRESET)
		fprintf(stderr, "eleven: the host at %s closed the connection\n", client->path);
	else if (error == -EPROTO)
		fprintf(stderr, "eleven: what answers at %s is not an eleven host of this version\n", client->path);
	else if (error == -EPERM || error == -EACCES)
		fprintf(stderr, "eleven: the host at %s belongs to another user\n", client->path);
	else if (error == -ENAMETOOLONG)
		fprintf(stderr, "eleven: the path of the control socket is too long (107 bytes at most)\n");
	else
		fprintf(stderr, "eleven: %s: %s\n", client->path, strerror(-error));
}

void client_open_or_die(struct client *client)
{
	int error = client_open(client);

	if (error == 0)
		return;
	client_complain(client, error);
	exit(1);
}

int client_request(struct client *client, unsigned type, const void *body, size_t length)
{
	struct control_header header = {
		.magic = CONTROL_MAGIC, .version = CONTROL_VERSION, .type = (uint16_t)type,
		.length = (uint32_t)length, .request = ++client->request,
	};
	struct iovec parts[2] = { { &header, sizeof(header) }, { (void *)(uintptr_t)body, length } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = length ? 2 : 1 };

	if (length > CONTROL_MESSAGE_MAX - sizeof(header))
		return -EMSGSIZE;
	while (sendmsg(client->fd, &message, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return errno == EPIPE ? -ECONNRESET : -errno;
	return 0;
}

static void descriptors_collect(struct client_message *message, struct msghdr *from)
{
	message->descriptor_count = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(from); c; c = CMSG_NXTHDR(from, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		message->descriptor_count = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(message->descriptors, CMSG_DATA(c), message->descriptor_count * sizeof(int));
	}
}

int client_receive(struct client *client, struct client_message *message)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(CONTROL_DESCRIPTORS_MAX * sizeof(int))];
	} ancillary;
	struct iovec parts[2] = { { &message->header, sizeof(message->header) },
				  { message->body, sizeof(message->body) } };
	struct msghdr header = { .msg_iov = parts, .msg_iovlen = 2, .msg_control = ancillary.bytes,
				 .msg_controllen = sizeof(ancillary.bytes) };
	ssize_t got = recvmsg(client->fd, &header, MSG_CMSG_CLOEXEC);

	if (got < 0)
		return -errno;
	if (got == 0)
		return -ECONNRESET;
	descriptors_collect(message, &header);
	if ((size_t)got < sizeof(message->header) || message->header.magic != CONTROL_MAGIC ||
	    message->header.length != (size_t)got - sizeof(message->header) ||
	    !(message->header.type & CONTROL_REPLY))
		return -EPROTO;
	if (message->header.type == (CONTROL_ERROR | CONTROL_REPLY) &&
	    message->header.length >= sizeof(client->error)) {
		memcpy(&client->error, message->body, sizeof(client->error));
		client->error.text[sizeof(client->error.text) - 1] = 0;
		return client->error.error < 0 ? client->error.error : -EPROTO;
	}
	return message->header.type == (CONTROL_END | CONTROL_REPLY) ? 0 : 1;
}

int client_call(struct client *client, unsigned type, const void *body, size_t length, struct client_message *reply)
{
	int error = client_request(client, type, body, length);

	while (error == 0) {
		error = client_receive(client, reply);
		if (error == -EINTR)
			error = 0;
		else if (error > 0 && reply->header.request == client->request)
			return 0;
		else if (error >= 0)
			error = -EPROTO;
	}
	return error;
}

int client_filter(struct control_filter *filter, const char *host)
{
	memset(filter, 0, sizeof(*filter));
	if (!host)
		return 0;
	if (strlen(host) >= sizeof(filter->host))
		return -EINVAL;
	strcpy(filter->host, host);
	return 0;
}
