/* SPDX-License-Identifier: MIT */
/*
 * Listeners: a connection's descriptor travels to the program over the listener's own, which polls
 * readable for it; several processes that share the listener each take what they can, and the kernel
 * gives each connection to one.
 *
 * A few connections are ahead of the program, so that one that accepts in a row, or once in each turn of
 * its loop, need not wait for the host each time: a sixteenth of the backlog, and the stack's accept queue
 * is that much shorter, so that the limit means what it says.  A small backlog has one ahead.  The host's
 * end reports EPOLLOUT when the program takes one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "sock/sock.h"

static struct sock *accepted_create(struct sock *listener)
{
	struct sock *sock = sock_create(listener->service, listener->host, SOCK_CONNECTED);

	if (!sock)
		return NULL;
	sock->family = listener->family;
	sock->options = listener->options;
	sock->pair_bytes = listener->pair_bytes;
	sock->uid = listener->uid;
	sock->was_connected = true;
	sock->connect_reported = true;
	return sock;
}

static bool listener_has(const struct sock *listener)
{
	struct eleven_status status;

	return eleven_status(sock_stack(listener), listener->handle, &status) == 0 && status.receive_queue > 0;
}

/* Takes one from the stack and sends its end to the program: 0 or -errno; -EAGAIN: none waits. */
static int listener_give(struct sock *listener)
{
	struct sock_accepted accepted;
	struct sock *sock;
	int program, error;

	if (!listener_has(listener))
		return -EAGAIN;
	sock = accepted_create(listener);
	if (!sock)
		return -ENFILE;
	program = pair_make(sock);
	if (program < 0) {
		sock_free(sock);
		return program;
	}
	error = eleven_accept(sock_stack(listener), listener->handle, &sock->handle, sock_now(listener));
	if (error) {
		sock->handle = 0;
	} else {
		eleven_option_set(sock_stack(sock), sock->handle, ELEVEN_OPTION_USER, sock->serial, sock_now(sock));
		sock_names_learn(sock);
		accepted = (struct sock_accepted){ sock->local, sock->remote };
		error = pair_hand_over(listener, program, &accepted);
		if (!error)
			error = loop_add(sock->service->loop, sock->fd, SOCK_EVENTS, sock_event, sock);
	}
	close(program);
	if (error) {
		sock_release(sock, true);
		sock_free(sock);
		return error;
	}
	listener->given[listener->handed_over++] = sock;
	sock->giver = listener;
	pump_to_program(sock);
	return 0;
}

/* The oldest `count` are out of the queue. */
static void listener_taken(struct sock *listener, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (listener->given[i])
			listener->given[i]->giver = NULL;
	listener->handed_over -= count;
	memmove(listener->given, listener->given + count, listener->handed_over * sizeof(*listener->given));
}

void listener_forget(struct sock *listener, const struct sock *sock)
{
	for (uint32_t i = 0; i < listener->handed_over; i++)
		if (listener->given[i] == sock)
			listener->given[i] = NULL;
}

int listener_begin(struct sock *listener, uint32_t backlog)
{
	uint32_t most = backlog / 16 < SOCK_HANDED_OVER_MAX ? backlog / 16 : SOCK_HANDED_OVER_MAX;

	if (!listener->given)
		listener->given = calloc(SOCK_HANDED_OVER_MAX, sizeof(*listener->given));
	if (!listener->given)
		return -ENOMEM;
	listener->handed_over_max = most ? most : 1;
	return 0;
}

void listener_step(struct sock *listener)
{
	uint32_t left = listener->handed_over ? pair_handed_over(listener) : 0;
	int error = 0;

	if (left < listener->handed_over)
		listener_taken(listener, listener->handed_over - left);
	while (!error && listener->handed_over < listener->handed_over_max && listener->handle)
		error = listener_give(listener);
	/* Out of descriptors: connections wait in the stack until the next one closes or the sweep comes by. */
	if (error && error != -EAGAIN)
		sock_list(listener);
}

void listener_end(struct sock *listener)
{
	while (listener->handed_over > 0) {
		struct sock *sock = listener->given[0];

		listener_taken(listener, 1);
		if (!sock)
			continue;
		if (pair_is_held(sock)) {
			/* Taken just before, or not closed yet with the queue it lay in: its own end will tell. */
			sock->doubt_until = sock_now(sock) + SOCK_DOUBT_NS;
			continue;
		}
		sock_release(sock, true);
		sock_free(sock);
	}
}

void listener_event(struct sock *listener, uint32_t events)
{
	if (!(events & EPOLLHUP)) {
		listener_step(listener);
		return;
	}
	sock_release(listener, false);
	listener_end(listener);
	if (!pair_is_held(listener)) {
		sock_free(listener);
		return;
	}
	/* shutdown(2) on a listener: it is one no more. */
	sock_reset(listener, 0);
}
