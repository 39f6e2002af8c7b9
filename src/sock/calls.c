/* SPDX-License-Identifier: MIT */
/*
 * bind, listen, connect, shutdown, names and errors, with the results that Linux's calls have.
 *
 * A connect is reported once: the first call after it succeeded or failed hears how (connect(2) called
 * again), later ones EISCONN.  A descriptor whose connect failed cannot be connected again by the kernel;
 * the program gets another one, with the same options and local address, in its place.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "sock/sock.h"

/* ---------------------------------------------------------------- addresses */

static struct eleven_endpoint endpoint_of(const struct sockaddr_in *address)
{
	struct eleven_endpoint endpoint = { .port = ntohs(address->sin_port) };

	endpoint.address.bytes[10] = endpoint.address.bytes[11] = 0xff;
	memcpy(endpoint.address.bytes + 12, &address->sin_addr, 4);
	return endpoint;
}

static struct sockaddr_in sockaddr_of(const struct eleven_endpoint *endpoint)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(endpoint->port) };

	memcpy(&address.sin_addr, endpoint->address.bytes + 12, 4);
	return address;
}

void sock_names_learn(struct sock *sock)
{
	struct eleven_status status;

	if (!sock->handle || eleven_status(sock_stack(sock), sock->handle, &status) < 0)
		return;
	sock->local = sockaddr_of(&status.local);
	sock->remote = sockaddr_of(&status.remote);
}

static bool is_synchronized(struct sock *sock)
{
	struct eleven_status status;

	if (sock->phase != SOCK_CONNECTED || !sock->handle ||
	    eleven_status(sock_stack(sock), sock->handle, &status) < 0)
		return false;
	return status.state != ELEVEN_CLOSED && status.state != ELEVEN_TIME_WAIT;
}

/* ---------------------------------------------------------------- bind, listen */

static int handle_bind(struct sock *sock)
{
	struct eleven_endpoint local = endpoint_of(&sock->local);
	unsigned flags = (option_is_on(sock, SOL_SOCKET, SO_REUSEADDR) ? ELEVEN_BIND_REUSE_ADDRESS : 0) |
			 (option_is_on(sock, SOL_SOCKET, SO_REUSEPORT) ? ELEVEN_BIND_REUSE_PORT : 0);
	int error = eleven_bind(sock_stack(sock), sock->handle, &local, flags, sock_now(sock));

	/* The port may belong to a descriptor that was closed without a word. */
	if (error == -EADDRINUSE && sock_sweep(sock->service, SOCK_SWEEP_MAX, sock->local.sin_port) > 0)
		error = eleven_bind(sock_stack(sock), sock->handle, &local, flags, sock_now(sock));
	return error;
}

/* The connection in the stack, bound as the program asked when it came before. */
static int handle_reach(struct sock *sock)
{
	bool had = sock->handle != 0;
	int error = sock_handle(sock);

	return error || had || !sock->bound ? error : handle_bind(sock);
}

int call_bind(struct sock *sock, const struct sock_request *request)
{
	struct sockaddr_in address = request->address;
	int error;

	if (address.sin_family != AF_INET &&
	    !(address.sin_family == AF_UNSPEC && address.sin_addr.s_addr == htonl(INADDR_ANY)))
		return -EAFNOSUPPORT;
	if (sock->phase != SOCK_FRESH || sock->bound)
		return -EINVAL;
	error = sock_handle(sock);
	if (error)
		return error;
	address.sin_family = AF_INET;
	sock->local = address;
	error = handle_bind(sock);
	if (error) {
		memset(&sock->local, 0, sizeof(sock->local));
		return error;
	}
	sock->bound = true;
	sock_names_learn(sock);
	return 0;
}

int call_listen(struct sock *sock, const struct sock_request *request, int program)
{
	unsigned backlog = (unsigned)request->value > SOCK_BACKLOG_MAX ? SOCK_BACKLOG_MAX : (unsigned)request->value;
	int error;

	if (sock->phase != SOCK_FRESH && sock->phase != SOCK_LISTENING)
		return -EINVAL;
	error = handle_reach(sock);
	if (error)
		return error;
	error = listener_begin(sock, backlog);
	if (error)
		return error;
	/* Some of those that wait are in the descriptor's queue. */
	error = eleven_listen(sock_stack(sock), sock->handle, backlog > 0 ? backlog - sock->handed_over_max : 0,
			      sock_now(sock));
	if (error)
		return error;
	sock->backlog = backlog;
	if (sock->phase == SOCK_LISTENING)
		return 0;
	error = pair_attach(sock, program);
	if (!error) {
		pair_mute(program);
		error = loop_add(sock->service->loop, sock->fd, EPOLLOUT | EPOLLET, sock_event, sock);
	}
	if (error) {
		sock_reset(sock, 0);
		return -ENOBUFS;
	}
	sock_unlist(sock);
	sock->phase = SOCK_LISTENING;
	sock_names_learn(sock);
	return 0;
}

/* ---------------------------------------------------------------- connect */

/* A new descriptor to take the place of one that is spent. */
static struct sock *sock_replace(struct sock *sock, int *descriptor)
{
	struct sock *fresh = sock_create(sock->service, sock->host, SOCK_FRESH);
	int fd;

	if (!fresh)
		return NULL;
	fresh->options = sock->options;
	fresh->pair_bytes = sock->pair_bytes;
	fresh->pid = sock->pid;
	fresh->uid = sock->uid;
	fresh->bound = sock->bound;
	if (sock->bound)
		fresh->local = sock->local;
	fd = pair_open(fresh);
	if (fd < 0) {
		sock_free(fresh);
		return NULL;
	}
	*descriptor = fd;
	sock_list(fresh);
	return fresh;
}

static int connect_errno(int error, const struct sockaddr_in *address)
{
	if (error == -EINVAL)           /* as Linux says it */
		return address->sin_port ? -ENETUNREACH : -ECONNREFUSED;
	return error;
}

/* Does the SYN wait for the first text?  TCP_FASTOPEN_CONNECT, and a cookie of that server. */
static bool syn_waits(const struct sock *sock)
{
	struct eleven_status status;

	return eleven_status(sock_stack(sock), sock->handle, &status) == 0 && (status.sub & ELEVEN_SUB_SYN_WAITS);
}

static int connect_start(struct sock *sock, const struct sock_request *request, int program)
{
	struct sockaddr_in address = request->address;
	struct eleven_endpoint remote;
	int error;

	if (address.sin_family != AF_INET)
		return -EAFNOSUPPORT;
	error = handle_reach(sock);
	if (error)
		return error;
	if (address.sin_addr.s_addr == htonl(INADDR_ANY))
		address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	remote = endpoint_of(&address);
	error = eleven_connect(sock_stack(sock), sock->handle, &remote, sock_now(sock));
	if (error)
		return connect_errno(error, &address);
	error = pair_attach(sock, program);
	if (!error) {
		pair_fill(sock, program);
		error = loop_add(sock->service->loop, sock->fd, SOCK_EVENTS, sock_event, sock);
	}
	if (error) {
		sock_release(sock, true);
		sock_reset(sock, 0);
		return -ENOBUFS;
	}
	sock_unlist(sock);
	sock_list_connecting(sock);
	sock->phase = SOCK_CONNECTING;
	sock->connect_reported = false;
	sock->waited_for = request->value;
	sock_names_learn(sock);
	if (!syn_waits(sock))
		return -EINPROGRESS;
	sock->waited_for = true;        /* RFC 7413: it may write, and hears of the rest by what comes of that */
	sock_connected(sock);
	return 0;
}

int call_forget(struct sock *sock)
{
	if (sock->phase != SOCK_CONNECTING)
		return 0;
	sock_unlist(sock);
	pair_forget(sock);
	return 0;
}

void connecting_client_gone(void *context, struct control_client *client)
{
	struct sock_service *service = context;
	struct sock *sock = service->connecting, *next;

	for (; sock; sock = next) {
		next = sock->next;
		if (sock->connector == client)
			call_forget(sock);
	}
}

static int disconnect(struct sock *sock, int *descriptor)
{
	if (sock->phase == SOCK_FRESH)
		return 0;
	sock_release(sock, true);
	listener_end(sock);
	sock_reset(sock, 0);
	return sock_replace(sock, descriptor) ? 0 : -ENOBUFS;
}

static int connect_ended(struct sock *sock, const struct sock_request *request, int *descriptor)
{
	struct sock *fresh;
	int error = sock->error ? sock->error : ECONNABORTED;

	if (!sock->connect_reported) {
		sock->connect_reported = true;
		sock->error = 0;
		sock->was_connected = false;
		if (request->value)
			sock_replace(sock, descriptor);
		return -error;
	}
	if (sock->was_connected)
		return -EISCONN;
	fresh = sock_replace(sock, descriptor);
	return fresh ? connect_start(fresh, request, *descriptor) : -ENOBUFS;
}

int call_connect(struct sock *sock, const struct sock_request *request, int program, int *descriptor)
{
	if (request->address.sin_family == AF_UNSPEC)
		return disconnect(sock, descriptor);
	switch (sock->phase) {
	case SOCK_FRESH:
		return connect_start(sock, request, program);
	case SOCK_CONNECTING:
		sock->waited_for = request->value;
		return -EALREADY;
	case SOCK_CONNECTED:
		if (sock->connect_reported)
			return -EISCONN;
		sock->connect_reported = true;
		return 0;
	case SOCK_ENDED:
		return connect_ended(sock, request, descriptor);
	case SOCK_LISTENING:
	case SOCK_LEAVING:
	case SOCK_LINGERING:
		break;
	}
	return -EISCONN;
}

/* ---------------------------------------------------------------- names, errors, shutdown, queues */

int call_names(struct sock *sock, struct sock_reply *reply)
{
	struct sock_names names = { .connected = is_synchronized(sock) };

	sock_names_learn(sock);
	names.local = sock->local;
	names.remote = sock->remote;
	names.local.sin_family = names.remote.sin_family = AF_INET;
	memcpy(reply->data, &names, sizeof(names));
	reply->length = sizeof(names);
	return 0;
}

int call_error(struct sock *sock, const struct sock_request *request, struct sock_reply *reply)
{
	reply->value = sock->error;
	/* A reset after the peer's FIN: reading just ends, and the next to write hears of it. */
	if (!(request->value && sock->error == EPIPE))
		sock->error = 0;
	return 0;
}

static int listener_shut(struct sock *sock, int how)
{
	if (how == SHUT_WR)
		return 0;
	sock_release(sock, false);
	listener_end(sock);
	sock_reset(sock, 0);
	return 0;
}

int call_shutdown(struct sock *sock, const struct sock_request *request, int program)
{
	int how = request->value;

	if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
		return -EINVAL;
	switch (sock->phase) {
	case SOCK_LISTENING:
		return listener_shut(sock, how);
	case SOCK_CONNECTING:
		sock_release(sock, true);
		sock_reset(sock, ECONNRESET);
		return 0;
	case SOCK_CONNECTED:
		break;
	case SOCK_FRESH:
	case SOCK_LEAVING:
	case SOCK_LINGERING:
	case SOCK_ENDED:
		return -ENOTCONN;
	}
	if (!is_synchronized(sock))
		return -ENOTCONN;
	if (how != SHUT_WR) {
		pump_to_program(sock);
		eleven_shutdown_receive(sock_stack(sock), sock->handle, sock_now(sock));
		if (!sock->end_given)
			shutdown(sock->fd, SHUT_WR);
		sock->end_given = true;
	}
	if (how != SHUT_RD) {
		shutdown(program, SHUT_WR);
		sock->program_shut = true;
		pump_from_program(sock);
	}
	return 0;
}

int call_queue(struct sock *sock, struct sock_reply *reply)
{
	struct sock_queue queue = { 0 };
	struct eleven_status status;

	if (sock->phase == SOCK_LISTENING)
		return -EINVAL;
	if (sock->handle && eleven_status(sock_stack(sock), sock->handle, &status) == 0 &&
	    sock->phase == SOCK_CONNECTED) {
		uint32_t waiting = pair_waiting(sock);

		queue.unacknowledged = status.send_queue + waiting;
		queue.unsent = status.unsent + waiting;
	}
	memcpy(reply->data, &queue, sizeof(queue));
	reply->length = sizeof(queue);
	return 0;
}
