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

#define IN6_BYTES_LEAST 24u     /* of a sockaddr_in6: the scope came later (RFC 2133) */

struct eleven_endpoint sock_endpoint(const union sock_address *address)
{
	struct eleven_endpoint endpoint = { .port = ntohs(address->in.sin_port) };

	if (address->family == AF_INET6) {
		memcpy(endpoint.address.bytes, &address->in6.sin6_addr, 16);
		return endpoint;
	}
	endpoint.address.bytes[10] = endpoint.address.bytes[11] = 0xff;
	memcpy(endpoint.address.bytes + 12, &address->in.sin_addr, 4);
	return endpoint;
}

/* In the form of the socket's family. */
static union sock_address sockaddr_of(const struct sock *sock, const struct eleven_endpoint *endpoint)
{
	union sock_address address = { .family = sock->family };

	address.in.sin_port = htons(endpoint->port);
	if (sock->family == AF_INET6) {
		memcpy(&address.in6.sin6_addr, endpoint->address.bytes, 16);
		address.in6.sin6_scope_id = IN6_IS_ADDR_LINKLOCAL(&address.in6.sin6_addr) ? 1 : 0;
	} else {
		memcpy(&address.in.sin_addr, endpoint->address.bytes + 12, 4);
	}
	return address;
}

static bool is_any(const union sock_address *address)
{
	const struct in6_addr *six = &address->in6.sin6_addr;

	if (address->family == AF_INET)
		return address->in.sin_addr.s_addr == htonl(INADDR_ANY);
	return IN6_IS_ADDR_UNSPECIFIED(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr32[3] == htonl(INADDR_ANY));
}

/* What Linux says of an address for a socket of this family, before it looks at it; 0: nothing. */
static int address_check(const struct sock *sock, const struct sock_request *request)
{
	const union sock_address *address = &request->address;

	if (request->address_bytes < (sock->family == AF_INET6 ? IN6_BYTES_LEAST : sizeof(address->in)))
		return -EINVAL;
	if (address->family != sock->family)
		return -EAFNOSUPPORT;
	if (sock->family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&address->in6.sin6_addr) &&
	    address->in6.sin6_scope_id == 0)
		return -EINVAL;         /* which link? */
	return 0;
}

static bool is_mapped(const union sock_address *address)
{
	return address->family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&address->in6.sin6_addr);
}

void sock_names_learn(struct sock *sock)
{
	struct eleven_status status;

	if (!sock->handle || eleven_status(sock_stack(sock), sock->handle, &status) < 0)
		return;
	sock->local = sockaddr_of(sock, &status.local);
	sock->remote = sockaddr_of(sock, &status.remote);
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
	struct eleven_endpoint local = sock_endpoint(&sock->local);
	unsigned flags = (option_is_on(sock, SOL_SOCKET, SO_REUSEADDR) ? ELEVEN_BIND_REUSE_ADDRESS : 0) |
			 (option_is_on(sock, SOL_SOCKET, SO_REUSEPORT) ? ELEVEN_BIND_REUSE_PORT : 0) |
			 (option_is_on(sock, IPPROTO_IPV6, IPV6_V6ONLY) ? ELEVEN_BIND_V6ONLY : 0);
	int error = eleven_bind(sock_stack(sock), sock->handle, &local, flags, sock_now(sock));

	/* The port may belong to a descriptor that was closed without a word. */
	if (error == -EADDRINUSE && sock_sweep(sock->service, SOCK_SWEEP_MAX, sock->local.in.sin_port) > 0)
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
	struct sock_request given = *request;
	union sock_address *address = &given.address;
	int error;

	if (sock->family == AF_INET && address->family == AF_UNSPEC &&
	    address->in.sin_addr.s_addr == htonl(INADDR_ANY))
		address->family = AF_INET;
	error = address_check(sock, &given);
	if (error)
		return error;
	if (sock->family == AF_INET6 && (IN6_IS_ADDR_MULTICAST(&address->in6.sin6_addr) ||
					 (is_mapped(address) && option_is_on(sock, IPPROTO_IPV6, IPV6_V6ONLY))))
		return -EINVAL;
	if (sock->phase != SOCK_FRESH || sock->bound)
		return -EINVAL;
	error = sock_handle(sock);
	if (error)
		return error;
	sock->local = *address;
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
	if (!error && sock->family == AF_INET6 && sock->phase == SOCK_FRESH && !sock->bound) {
		sock->local = (union sock_address){ .family = AF_INET6 };       /* any, of both families or one */
		error = handle_bind(sock);
		sock->bound = error == 0;
	}
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
	fresh->family = sock->family;
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

static int connect_errno(int error, const union sock_address *address)
{
	if (error == -EINVAL)           /* as Linux says it */
		return address->in.sin_port ? -ENETUNREACH : -ECONNREFUSED;
	return error;
}

/* Does the SYN wait for the first text?  TCP_FASTOPEN_CONNECT, and a cookie of that server. */
static bool syn_waits(const struct sock *sock)
{
	struct eleven_status status;

	return eleven_status(sock_stack(sock), sock->handle, &status) == 0 && (status.sub & ELEVEN_SUB_SYN_WAITS);
}

/* To connect to any address is to connect to this host. */
static void loopback_set(union sock_address *address)
{
	static const struct in6_addr loopback = IN6ADDR_LOOPBACK_INIT;

	if (address->family == AF_INET)
		address->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else if (is_mapped(address))
		address->in6.sin6_addr.s6_addr32[3] = htonl(INADDR_LOOPBACK);
	else
		address->in6.sin6_addr = loopback;
}

static int connect_start(struct sock *sock, const struct sock_request *request, int program)
{
	union sock_address address = request->address;
	struct eleven_endpoint remote;
	int error = address_check(sock, request);

	if (!error && is_mapped(&address) && option_is_on(sock, IPPROTO_IPV6, IPV6_V6ONLY))
		error = -ENETUNREACH;
	if (!error)
		error = handle_reach(sock);
	if (error)
		return error;
	if (is_any(&address))
		loopback_set(&address);
	remote = sock_endpoint(&address);
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
	if (request->address.family == AF_UNSPEC)
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
	names.local.family = names.remote.family = sock->family;
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
