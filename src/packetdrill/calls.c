/* SPDX-License-Identifier: MIT */
/* A connection's life: socket, bind, listen, accept, connect, shutdown, close; see calls.h. */
#include "packetdrill/calls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/bytes.h"
#include "base/time.h"

static bool may_wait(const struct file *file)
{
	return !file->nonblocking;
}

static uint64_t deadline_after(const struct world *world, uint64_t ns)
{
	return ns == TIME_NEVER ? TIME_NEVER : world->now_ns + ns;
}

/* ---- addresses */

static int endpoint_read(const struct file *file, const struct sockaddr *address, socklen_t length,
			 struct eleven_endpoint *out)
{
	memset(out, 0, sizeof(*out));
	if (file->family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)address;

		if (length < sizeof(*in6))
			return -EINVAL;
		if (in6->sin6_family != AF_INET6)
			return -EAFNOSUPPORT;
		memcpy(out->address.bytes, &in6->sin6_addr, 16);
		out->port = ntohs(in6->sin6_port);
		return 0;
	}
	const struct sockaddr_in *in = (const void *)address;

	if (length < sizeof(*in))
		return -EINVAL;
	if (in->sin_family != AF_INET && !(in->sin_family == AF_UNSPEC && in->sin_addr.s_addr == 0))
		return -EAFNOSUPPORT;
	out->address.bytes[10] = out->address.bytes[11] = 0xff;
	memcpy(out->address.bytes + 12, &in->sin_addr, 4);
	out->port = ntohs(in->sin_port);
	return 0;
}

static void endpoint_write(const struct file *file, const struct eleven_endpoint *endpoint, struct sockaddr *address,
			   socklen_t *length)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(endpoint->port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(endpoint->port) };
	socklen_t have = file->family == AF_INET6 ? sizeof(in6) : sizeof(in);

	if (!address || !length)
		return;
	memcpy(&in.sin_addr, endpoint->address.bytes + 12, 4);
	memcpy(&in6.sin6_addr, endpoint->address.bytes, 16);
	memcpy(address, file->family == AF_INET6 ? (void *)&in6 : (void *)&in, *length < have ? *length : have);
	*length = have;
}

static bool is_any(const struct eleven_address *address)
{
	static const uint8_t zero[16], mapped[16] = { [10] = 0xff, [11] = 0xff };

	return memcmp(address->bytes, zero, 16) == 0 || memcmp(address->bytes, mapped, 16) == 0;
}

static bool is_mapped(const struct eleven_address *address)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(address->bytes, mapped, sizeof(mapped)) == 0;
}

/* ---- socket */

static int connection_open(struct world *world, struct file *file)
{
	struct option_target target;
	int error = eleven_open(world->stack, &file->handle, world->now_ns);

	if (error)
		return error;
	eleven_option_set(world->stack, file->handle, ELEVEN_OPTION_USER, (uint64_t)file->fd, world->now_ns);
	target = socket_target(world, file);
	option_set_apply_all(&file->options, &target);
	return 0;
}

int drill_socket(struct world *world, int domain, int type, int protocol)
{
	struct file *file;
	int error;

	if (domain != AF_INET && domain != AF_INET6)
		return -EAFNOSUPPORT;
	if ((type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) != SOCK_STREAM)
		return -ESOCKTNOSUPPORT;
	if (protocol != 0 && protocol != IPPROTO_TCP)
		return -EPROTONOSUPPORT;
	error = world_begin(world);
	if (error)
		return error;
	file = file_create(world, FILE_SOCKET);
	if (!file)
		return -errno;
	file->family = domain;
	file->nonblocking = type & SOCK_NONBLOCK;
	error = connection_open(world, file);
	if (error) {
		file_forget(world, file->fd);
		return error;
	}
	return file->fd;
}

int drill_bind(struct world *world, struct file *file, const struct sockaddr *address, socklen_t length)
{
	struct eleven_endpoint local;
	unsigned flags = 0;
	int error = endpoint_read(file, address, length, &local);

	if (error)
		return error;
	if (!is_any(&local.address) && is_mapped(&local.address))
		world_own(world, load_be32(local.address.bytes + 12));
	else if (!is_any(&local.address))
		world_own_v6(world, &local.address);
	flags |= option_set_is_on(&file->options, IPPROTO_IPV6, IPV6_V6ONLY) ? ELEVEN_BIND_V6ONLY : 0;
	flags |= option_set_is_on(&file->options, SOL_SOCKET, SO_REUSEADDR) ? ELEVEN_BIND_REUSE_ADDRESS : 0;
	flags |= option_set_is_on(&file->options, SOL_SOCKET, SO_REUSEPORT) ? ELEVEN_BIND_REUSE_PORT : 0;
	return eleven_bind(world->stack, file->handle, &local, flags, world->now_ns);
}

int drill_listen(struct world *world, struct file *file, int backlog)
{
	int error = world_begin(world);

	if (error)
		return error;
	if (file->connecting == CONNECT_BEGUN || file->connecting == CONNECT_TOLD)
		return -EINVAL;
	error = eleven_listen(world->stack, file->handle, backlog < 0 || backlog > 4096 ? 4096 : (unsigned)backlog,
			      world->now_ns);
	file->listening |= !error;
	world_run(world);
	return error;
}

/* ---- accept */

struct accept_call {
	struct call call;
	struct file *listener;
	eleven_handle connection;
};

static bool accept_attempt(struct world *world, struct call *call)
{
	struct accept_call *accept = (struct accept_call *)(void *)call;

	call->result = eleven_accept(world->stack, accept->listener->handle, &accept->connection, world->now_ns);
	return call->result != -EAGAIN;
}

int drill_accept(struct world *world, struct file *file, struct sockaddr *address, socklen_t *length)
{
	struct accept_call accept = {
		.call = { accept_attempt, .deadline_ns = deadline_after(world, file->receive_timeout_ns),
			  .timeout_result = -EAGAIN },
		.listener = file,
	};
	struct eleven_status status;
	struct file *child;
	int64_t error = call_run(world, &accept.call, may_wait(file));

	if (error)
		return (int)error;
	child = file_create(world, FILE_SOCKET);
	if (!child) {
		eleven_close(world->stack, accept.connection, world->now_ns);
		return -errno;
	}
	child->family = file->family;
	child->handle = accept.connection;
	child->connecting = CONNECT_TOLD;
	child->options = file->options;
	eleven_option_set(world->stack, child->handle, ELEVEN_OPTION_USER, (uint64_t)child->fd, world->now_ns);
	files_signalled(world);
	if (socket_status(world, child, &status))
		endpoint_write(child, &status.remote, address, length);
	child->errqueue.zerocopy = file->errqueue.zerocopy;
	child->errqueue.timestamping = file->errqueue.timestamping;
	child->error = status.state == ELEVEN_CLOSED ? status.error : 0;
	return child->fd;
}

/* ---- connect */

struct connect_call {
	struct call call;
	struct file *file;
};

static bool connect_attempt(struct world *world, struct call *call)
{
	struct file *file = ((struct connect_call *)(void *)call)->file;
	struct eleven_status status;

	socket_status(world, file, &status);
	if (status.state == ELEVEN_SYN_SENT || status.state == ELEVEN_SYN_RECEIVED)
		return false;
	if (status.state == ELEVEN_CLOSED) {
		files_signalled(world);
		call->result = file->error ? -socket_error_take(file) : -ECONNABORTED;
		file->connecting = CONNECT_NONE;
		return true;
	}
	file->connecting = CONNECT_TOLD;
	call->result = 0;
	return true;
}

/* RST if there is a connection that is open; the socket is as new, but its options are kept. */
static int disconnect(struct world *world, struct file *file)
{
	if (file->handle)
		eleven_abort(world->stack, file->handle, world->now_ns);
	file->handle = 0;
	errqueue_drop(&file->errqueue);
	file->errqueue.written = file->errqueue.key_from = 0;
	file->connecting = CONNECT_NONE;
	file->listening = file->read_shut = file->write_shut = false;
	file->error = 0;
	file_wake(world, file->fd, POLLIN | POLLOUT | POLLHUP);
	return connection_open(world, file);
}

int drill_connect_begin(struct world *world, struct file *file, const struct sockaddr *address, socklen_t length)
{
	struct eleven_endpoint remote;
	int error = endpoint_read(file, address, length, &remote);

	if (error)
		return error;
	if (is_any(&remote.address))    /* Linux: this host */
		memcpy(remote.address.bytes, (const uint8_t[16]){ [10] = 0xff, 0xff, 127, 0, 0, 1 }, 16);
	error = world_begin(world);
	if (error)
		return error;
	file->error = 0;
	error = eleven_connect(world->stack, file->handle, &remote, world->now_ns);
	if (error == -EOPNOTSUPP)       /* LISTEN */
		return -EISCONN;
	if (error)
		return error;
	file->connecting = CONNECT_BEGUN;
	file->read_shut = file->write_shut = false;
	return 0;
}

int drill_connect_wait(struct world *world, struct file *file)
{
	struct connect_call connect = {
		.call = { connect_attempt, .deadline_ns = deadline_after(world, file->send_timeout_ns),
			  .timeout_result = -EINPROGRESS },
		.file = file,
	};

	return (int)call_run(world, &connect.call, true);
}

int drill_connect(struct world *world, struct file *file, const struct sockaddr *address, socklen_t length)
{
	struct connect_call connect = {
		.call = { connect_attempt, .deadline_ns = deadline_after(world, file->send_timeout_ns),
			  .timeout_result = -EINPROGRESS },
		.file = file,
	};
	bool repeated = file->connecting == CONNECT_BEGUN;
	struct eleven_status status;
	int64_t result;

	if (!address || length < (socklen_t)sizeof(address->sa_family))
		return -EINVAL;
	if (address->sa_family == AF_UNSPEC) {
		int error = disconnect(world, file);

		world_run(world);
		return error;
	}
	if (file->connecting == CONNECT_TOLD)
		return -EISCONN;
	if (!repeated) {
		int error = drill_connect_begin(world, file, address, length);

		if (error)
			return error;
	}
	socket_status(world, file, &status);
	if (status.sub & ELEVEN_SUB_SYN_WAITS)
		return repeated ? -EISCONN : 0;         /* the SYN goes with the first text */
	result = call_run(world, &connect.call, may_wait(file));
	if (result == -EAGAIN)
		return repeated ? -EALREADY : -EINPROGRESS;
	return (int)result;
}

/* ---- the end */

int drill_shutdown(struct world *world, struct file *file, int how)
{
	struct eleven_status status;

	if (how < SHUT_RD || how > SHUT_RDWR)
		return -EINVAL;
	socket_status(world, file, &status);
	switch (status.state) {
	case ELEVEN_CLOSED:
		return -ENOTCONN;
	case ELEVEN_LISTEN:
		return how == SHUT_WR ? 0 : disconnect(world, file);
	case ELEVEN_SYN_SENT:
		return disconnect(world, file);
	default:
		break;
	}
	if (how != SHUT_WR) {
		file->read_shut = true;
		eleven_shutdown_receive(world->stack, file->handle, world->now_ns);
	}
	if (how != SHUT_RD) {
		file->write_shut = true;
		eleven_shutdown(world->stack, file->handle, world->now_ns);
	}
	file_wake(world, file->fd, POLLIN | POLLRDHUP | POLLOUT | POLLHUP);
	world_run(world);
	return 0;
}

static bool linger_attempt(struct world *world, struct call *call)
{
	struct file *file = ((struct connect_call *)(void *)call)->file;
	struct eleven_status status;

	socket_status(world, file, &status);
	call->result = 0;
	return status.state != ELEVEN_FIN_WAIT_1 && status.state != ELEVEN_CLOSING && status.state != ELEVEN_LAST_ACK;
}

void drill_close(struct world *world, struct file *file)
{
	int fd = file->fd;

	if (file->kind == FILE_SOCKET && file->options.linger_on && file->options.linger_s > 0 &&
	    may_wait(file)) {
		struct connect_call linger = {
			.call = { linger_attempt,
				  .deadline_ns = world->now_ns + SEC((uint64_t)file->options.linger_s) },
			.file = file,
		};
		struct eleven_status status;

		if (socket_status(world, file, &status) && !(status.sub & ELEVEN_SUB_UNREAD)) {
			eleven_shutdown(world->stack, file->handle, world->now_ns);
			call_run(world, &linger.call, true);
		}
	}
	file_forget(world, fd);
	world_run(world);
}
