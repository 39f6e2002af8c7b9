/* SPDX-License-Identifier: MIT */
/*
 * A connection's bytes, ends and errors, between the pair and the stack.
 *
 * Each direction stops when the other side is full and goes on when that side says so: SIGNAL_SEND from
 * the stack, EPOLLOUT from the pair.  So a program that does not read closes the peer's window, and a
 * peer that does not read blocks the program's write.
 */
#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/check.h"
#include "sock/sock.h"

#define SPLICED_BYTES 32768     /* less cannot pin too much */

/* ---------------------------------------------------------------- program to stack */

/* The last byte before the mark is urgent: it waits right after what is read up to there. */
static unsigned send_flags(struct sock *sock)
{
	int at_mark = 0;

	if (!sock->urgent || ioctl(sock->fd, SIOCATMARK, &at_mark) < 0 || !at_mark)
		return 0;
	sock->urgent = false;
	return ELEVEN_SEND_URGENT;
}

/* True: all that the program wrote is with the stack. */
static bool text_move(struct sock *sock)
{
	uint32_t waiting;

	while ((waiting = pair_waiting(sock)) > 0) {
		struct eleven_slice room[2] = { { 0 }, { 0 } };
		size_t bytes;
		ssize_t taken;

		if (eleven_send_buf(sock_stack(sock), sock->handle, waiting, room, sock_now(sock)) < 0 ||
		    (bytes = (size_t)room[0].length + room[1].length) == 0) {
			sock->blocked_in = true;
			return false;
		}
		if (bytes > waiting)
			bytes = waiting;
		taken = pair_take(sock, room, bytes);
		eleven_send_commit(sock_stack(sock), sock->handle, taken > 0 ? (size_t)taken : 0, send_flags(sock),
				   sock_now(sock));
		if (taken < 0) {
			sock->starved = true;   /* no other event need follow */
			sock_list(sock);
			return false;
		}
		if (taken <= 0)
			break;
		sock->since = sock_now(sock);
		sock->spliced_bytes += (uint32_t)taken;
		if ((uint32_t)taken == waiting)
			break;                  /* for what comes after there is another event */
	}
	if (sock->spliced_bytes >= SPLICED_BYTES && sock->service->splice_joins) {
		sock->spliced_bytes = 0;
		pair_relieve(sock);
	}
	return true;
}

void pump_from_program(struct sock *sock)
{
	sock->blocked_in = false;
	if (sock->reset_pending || !sock->handle || !text_move(sock))
		return;
	if (sock->program_shut && !sock->fin_given) {
		sock->fin_given = true;
		eleven_shutdown(sock_stack(sock), sock->handle, sock_now(sock));
	}
}

/* ---------------------------------------------------------------- stack to program */

/* How much went over, or -errno of the pair. */
static ssize_t text_send(const struct sock *sock, const struct eleven_slice *text, int slices)
{
	struct iovec part[2];
	struct msghdr message = { .msg_iov = part, .msg_iovlen = (size_t)slices };
	ssize_t sent;

	for (int i = 0; i < slices; i++)
		part[i] = (struct iovec){ (void *)text[i].bytes, text[i].length };
	sent = sendmsg(sock->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0 && (errno == EINTR || errno == ENOMEM || errno == ENOBUFS))
		return -EAGAIN;         /* the kernel is short of memory: it will say when it has some */
	return sent < 0 ? -errno : sent;
}

static void end_give(struct sock *sock)
{
	if (sock->end_given)
		return;
	sock->end_given = true;
	shutdown(sock->fd, SHUT_WR);
}

void pump_to_program(struct sock *sock)
{
	struct eleven_slice text[2];
	int slices;

	if (!sock->handle || sock->phase != SOCK_CONNECTED)
		return;
	while ((slices = eleven_receive_buf(sock_stack(sock), sock->handle, text, sock_now(sock))) > 0) {
		ssize_t sent = text_send(sock, text, slices);

		if (sent == -EAGAIN) {
			if (!sock->blocked_out)
				loop_modify(sock->service->loop, sock->fd, SOCK_EVENTS | EPOLLOUT);
			sock->blocked_out = true;
			return;
		}
		if (sent == -EPIPE || sent == -ECONNRESET) {
			eleven_shutdown_receive(sock_stack(sock), sock->handle, sock_now(sock));
			return;
		}
		if (sent < 0) {                 /* its text would be lost in silence: both ends hear of it */
			sock_release(sock, true);
			sock_reset(sock, (int)-sent);
			return;
		}
		eleven_receive_commit(sock_stack(sock), sock->handle, (size_t)sent, sock_now(sock));
	}
	if (sock->blocked_out) {
		sock->blocked_out = false;
		loop_modify(sock->service->loop, sock->fd, SOCK_EVENTS);
	}
	if (slices == 0)
		end_give(sock);
}

/* ---------------------------------------------------------------- errors */

void sock_reset(struct sock *sock, int error)
{
	struct sock_service *service = sock->service;

	sock->error = error;
	sock_release(sock, false);
	if (sock->fd >= 0) {
		loop_remove(service->loop, sock->fd);
		if (sock->phase == SOCK_LISTENING)
			pair_empty(sock);
		close(sock->fd);
		sock->fd = -1;
	}
	sock->phase = SOCK_ENDED;
	sock->kept = sock->blocked_in = sock->blocked_out = sock->reset_pending = sock->stashed = false;
	sock_unlist(sock);
	sock_list(sock);
}

/* The stack gave the connection up. */
static void sock_failed(struct sock *sock)
{
	struct eleven_status status;
	int error = ECONNRESET;

	if (eleven_status(sock_stack(sock), sock->handle, &status) == 0 && status.error)
		error = status.error;
	switch (sock->phase) {
	case SOCK_LEAVING:
	case SOCK_LINGERING:
		sock_release(sock, false);
		sock_free(sock);
		return;
	case SOCK_CONNECTED:
		pump_to_program(sock);
		if (sock->end_given && error == ECONNRESET)
			error = EPIPE;          /* as Linux has it after the peer's FIN */
		sock->error = error;
		if (sock->blocked_out)
			sock->reset_pending = true;
		else
			sock_reset(sock, error);
		return;
	case SOCK_CONNECTING:
		sock_reset(sock, error);
		return;
	case SOCK_FRESH:
	case SOCK_LISTENING:
	case SOCK_ENDED:
		return;
	}
}

/* ---------------------------------------------------------------- the program's end is closed */

static bool text_unread(struct sock *sock)
{
	struct eleven_slice text[2];
	int error = 0;
	socklen_t length = sizeof(error);

	if (getsockopt(sock->fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error == ECONNRESET)
		return true;
	return eleven_receive_buf(sock_stack(sock), sock->handle, text, sock_now(sock)) > 0;
}

static void leaving_step(struct sock *sock)
{
	struct eleven_slice text[2];

	if (eleven_receive_buf(sock_stack(sock), sock->handle, text, sock_now(sock)) > 0) {
		sock_release(sock, false);      /* nobody will read it: the stack resets for that */
		sock_free(sock);
		return;
	}
	sock->blocked_in = false;
	if (!text_move(sock))
		return;
	if (sock->closer) {
		linger_begin(sock);
		return;
	}
	sock_release(sock, false);
	sock_free(sock);
}

/* Does closing now reset the connection?  If so the stack knows why. */
static bool close_resets(struct sock *sock)
{
	if (sock->phase != SOCK_CONNECTED || !sock->handle)
		return false;
	if (sock->options.linger_on && sock->options.linger_s == 0) {
		eleven_option_set(sock_stack(sock), sock->handle, ELEVEN_OPTION_LINGER_RESET, 1, sock_now(sock));
		return true;
	}
	if (sock_now(sock) >= sock->doubt_until && !text_unread(sock))
		return false;
	eleven_option_set(sock_stack(sock), sock->handle, ELEVEN_OPTION_UNREAD, 1, sock_now(sock));
	return true;
}

static void program_gone(struct sock *sock)
{
	bool resets = close_resets(sock);

	if (sock->phase == SOCK_CONNECTED && sock->handle && !resets && !sock->reset_pending) {
		sock->phase = SOCK_LEAVING;
		sock_unlist(sock);
		sock_list(sock);
		leaving_step(sock);
		return;
	}
	sock_release(sock, false);
	sock_free(sock);
}

/* ---------------------------------------------------------------- events */

void sock_event(void *context, int fd, uint32_t events)
{
	struct sock *sock = context;
	struct host_stack *host = sock->host;

	(void)fd;
	host_kick(host);
	if (sock->phase == SOCK_LISTENING) {
		listener_event(sock, events);
		return;
	}
	if ((events & EPOLLHUP) && sock->phase != SOCK_LEAVING && sock->phase != SOCK_LINGERING &&
	    (!sock->end_given || !pair_is_held(sock))) {
		program_gone(sock);
		return;
	}
	if (sock->phase != SOCK_CONNECTED)
		return;
	if (events & EPOLLPRI)
		sock->urgent = true;
	if (events & EPOLLRDHUP)
		sock->program_shut = true;
	if (sock->blocked_out && (events & EPOLLOUT)) {
		pump_to_program(sock);
		if (sock->reset_pending && !sock->blocked_out) {
			sock_reset(sock, sock->error);
			return;
		}
	}
	if (events & (EPOLLIN | EPOLLRDHUP))
		pump_from_program(sock);
}

void sock_connected(struct sock *sock)
{
	sock_names_learn(sock);
	sock_unlist(sock);
	sock->phase = SOCK_CONNECTED;
	sock->was_connected = true;
	sock->connect_reported = sock->waited_for;
	pair_drain(sock);
}

void sock_signal(void *context, struct host_stack *host, const struct eleven_signal *signal)
{
	struct sock_service *service = context;
	struct sock *sock = sock_find(service, signal->user);
	uint32_t signals = signal->signals;

	if (!sock || sock->host != host || sock->handle != signal->connection)
		return;
	if (sock->phase == SOCK_LISTENING) {
		if (signals & ELEVEN_SIGNAL_ACCEPT)
			listener_step(sock);
		return;
	}
	if ((signals & ELEVEN_SIGNAL_CONNECTED) && sock->phase == SOCK_CONNECTING)
		sock_connected(sock);
	if (signals & ELEVEN_SIGNAL_ERROR) {
		sock_failed(sock);
		return;
	}
	if (sock->phase == SOCK_LINGERING) {
		if (signals & ELEVEN_SIGNAL_ACKED)
			linger_done(sock);
		return;
	}
	if (sock->phase == SOCK_LEAVING) {
		leaving_step(sock);
		return;
	}
	if (signals & (ELEVEN_SIGNAL_RECEIVE | ELEVEN_SIGNAL_CLOSING))
		pump_to_program(sock);
	if ((signals & ELEVEN_SIGNAL_SEND) || sock->blocked_in)
		pump_from_program(sock);
}
