/* SPDX-License-Identifier: MIT */
/*
 * Listeners: a connection's descriptor travels to the program over the listener's own, which polls
 * readable for it; several processes that share the listener each take what they can, and the kernel
 * gives each connection to one.
 *
 * At most one connection is ahead of the program, so that the stack's accept queue, its limit and what
 * netstat shows of it mean what they say.  The host's end reports EPOLLOUT when the program takes one.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "sock/sock.h"

static struct sock *accepted_create(struct sock *listener)
{
	struct sock *sock = sock_create(listener->service, listener->host, SOCK_CONNECTED);

	if (!sock)
		return NULL;
	sock->options = listener->options;
	sock->pair_bytes = listener->pair_bytes;
	sock->uid = listener->uid;
	sock->was_connected = true;
	sock->connect_reported = true;
	return sock;
}

/* Takes one from the stack and sends its end to the program: 0 or -errno. */
static int listener_give(struct sock *listener)
{
	struct sock *sock = accepted_create(listener);
	struct sock_accepted accepted;
	int program, error;

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
	listener->handed_over = true;
	listener->given = sock;
	sock->giver = listener;
	pump_to_program(sock);
	return 0;
}

static void listener_taken(struct sock *listener)
{
	struct sock *sock = listener->given;

	listener->handed_over = false;
	if (!sock)
		return;
	listener->given = NULL;
	sock->giver = NULL;
}

void listener_step(struct sock *listener)
{
	int error = 0;

	if (listener->handed_over && pair_is_empty(listener))
		listener_taken(listener);
	if (!listener->handed_over && listener->handle)
		error = listener_give(listener);
	/* Out of descriptors: connections wait in the stack until the next one closes or the sweep comes by. */
	if (error && error != -EAGAIN)
		sock_list(listener);
}

void listener_end(struct sock *listener)
{
	struct sock *sock = listener->given;

	if (!sock)
		return;
	listener_taken(listener);
	if (pair_is_held(sock)) {
		/* Taken just before, or not closed yet with the queue it lay in: its own end will tell. */
		sock->doubt_until = sock_now(sock) + SOCK_DOUBT_NS;
		return;
	}
	sock_release(sock, true);
	sock_free(sock);
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
