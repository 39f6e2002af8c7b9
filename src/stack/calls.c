/* SPDX-License-Identifier: MIT */
/*
 * The user's calls (§3.9.1), handed to tcp/ with what only this floor knows: which addresses are ours,
 * and the route that gives an active open its local address and interface.
 */
#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "stack/config.h"
#include "stack/stack.h"

static struct address address_given(const struct eleven_address *given)
{
	struct address address;

	memcpy(address.bytes, given->bytes, sizeof(address.bytes));
	return address;
}

int eleven_open(struct eleven *stack, eleven_handle *connection, uint64_t now)
{
	return tcp_open(stack->tcp, connection, stack_now(stack, now));
}

int eleven_bind(struct eleven *stack, eleven_handle connection, const struct eleven_endpoint *local, unsigned flags,
		uint64_t now)
{
	struct address address = address_given(&local->address), bound;
	int error = tcp_local(stack->tcp, connection, &bound);

	if (error)
		return error;
	if (!address_is_any(&address) && !ip_is_local(stack->ip, &address))
		return -EADDRNOTAVAIL;
	return tcp_bind(stack->tcp, connection, &address, local->port, flags, stack_now(stack, now));
}

int eleven_listen(struct eleven *stack, eleven_handle connection, unsigned backlog, uint64_t now)
{
	return tcp_listen(stack->tcp, connection, backlog, stack_now(stack, now));
}

/* A connection that is past CLOSED gets that told, before anything about the address. */
static bool is_closed(const struct eleven *stack, eleven_handle connection)
{
	struct eleven_status status;

	return tcp_status(stack->tcp, connection, &status) == 0 && status.state == ELEVEN_CLOSED;
}

int eleven_connect(struct eleven *stack, eleven_handle connection, const struct eleven_endpoint *remote, uint64_t now)
{
	struct address address = address_given(&remote->address), local;
	struct ip_route route = { .interface = IP_LOOPBACK };
	int error = tcp_local(stack->tcp, connection, &local);
	int by = remote->scope ? remote->scope - 1 : IP_ANY_INTERFACE;

	now = stack_now(stack, now);
	if (error)
		return error;
	error = remote->port == 0 ? -EINVAL : ip_route_by(stack->ip, &address, &local, by, &route);
	if (error && is_closed(stack, connection))
		return error;
	return tcp_connect(stack->tcp, connection, &route.local, tcp_interface_number(route.interface), &address,
			   remote->port, now);
}

int eleven_accept(struct eleven *stack, eleven_handle listener, eleven_handle *connection, uint64_t now)
{
	return tcp_accept(stack->tcp, listener, connection, stack_now(stack, now));
}

int64_t eleven_send(struct eleven *stack, eleven_handle connection, const void *text, size_t bytes, unsigned flags,
		    uint64_t now)
{
	return tcp_send(stack->tcp, connection, text, bytes, flags, stack_now(stack, now));
}

int eleven_send_buf(struct eleven *stack, eleven_handle connection, size_t bytes, struct eleven_slice room[2],
		    uint64_t now)
{
	return tcp_send_buf(stack->tcp, connection, bytes, room, stack_now(stack, now));
}

int eleven_send_commit(struct eleven *stack, eleven_handle connection, size_t bytes, unsigned flags, uint64_t now)
{
	return tcp_send_commit(stack->tcp, connection, bytes, flags, stack_now(stack, now));
}

int64_t eleven_receive(struct eleven *stack, eleven_handle connection, void *text, size_t bytes, uint64_t now)
{
	return tcp_receive(stack->tcp, connection, text, bytes, stack_now(stack, now));
}

int eleven_receive_buf(struct eleven *stack, eleven_handle connection, struct eleven_slice text[2], uint64_t now)
{
	return tcp_receive_buf(stack->tcp, connection, text, stack_now(stack, now));
}

int eleven_receive_commit(struct eleven *stack, eleven_handle connection, size_t bytes, uint64_t now)
{
	return tcp_receive_commit(stack->tcp, connection, bytes, stack_now(stack, now));
}

int eleven_shutdown(struct eleven *stack, eleven_handle connection, uint64_t now)
{
	return tcp_shutdown(stack->tcp, connection, stack_now(stack, now));
}

int eleven_shutdown_receive(struct eleven *stack, eleven_handle connection, uint64_t now)
{
	return tcp_shutdown_receive(stack->tcp, connection, stack_now(stack, now));
}

int eleven_close(struct eleven *stack, eleven_handle connection, uint64_t now)
{
	return tcp_close(stack->tcp, connection, stack_now(stack, now));
}

int eleven_abort(struct eleven *stack, eleven_handle connection, uint64_t now)
{
	return tcp_abort(stack->tcp, connection, stack_now(stack, now));
}

int eleven_option_set(struct eleven *stack, eleven_handle connection, enum eleven_option option, uint64_t value,
		      uint64_t now)
{
	return tcp_option_set(stack->tcp, connection, option, value, stack_now(stack, now));
}

int eleven_option_get(const struct eleven *stack, eleven_handle connection, enum eleven_option option,
		      uint64_t *value)
{
	return tcp_option_get(stack->tcp, connection, option, value);
}

void eleven_fast_open_key(struct eleven *stack, const uint8_t key[16])
{
	tcp_fast_open_key(stack->tcp, key);
}

int eleven_reconfigure(struct eleven *stack, const struct eleven_config *config)
{
	if (!config_valid(config))
		return -EINVAL;
	stack->dont_fragment = config->path_mtu_discovery;
	tcp_configure(stack->tcp, config);
	return 0;
}

int eleven_key_add(struct eleven *stack, eleven_handle connection, const struct eleven_key *key, uint64_t now)
{
	return tcp_key_add(stack->tcp, connection, key, stack_now(stack, now));
}

int eleven_key_remove(struct eleven *stack, eleven_handle connection, const struct eleven_key *key, uint64_t now)
{
	return tcp_key_remove(stack->tcp, connection, key, stack_now(stack, now));
}

bool eleven_key_next(const struct eleven *stack, eleven_handle connection, unsigned *cursor,
		     struct eleven_key_use *use)
{
	return tcp_key_next(stack->tcp, connection, cursor, use);
}

int eleven_auth_get(const struct eleven *stack, eleven_handle connection, struct eleven_auth *auth)
{
	return tcp_auth_get(stack->tcp, connection, auth);
}

int eleven_auth_set(struct eleven *stack, eleven_handle connection, const struct eleven_auth *auth, uint64_t now)
{
	return tcp_auth_set(stack->tcp, connection, auth, stack_now(stack, now));
}

bool eleven_signal(struct eleven *stack, struct eleven_signal *signal)
{
	return tcp_signal(stack->tcp, signal);
}
