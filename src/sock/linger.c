/* SPDX-License-Identifier: MIT */
/*
 * close() with SO_LINGER and a time: the program waits until all it wrote, and its FIN, are acknowledged,
 * or until the time is over, as socket(7) says.
 *
 * It takes two messages, because the host cannot see the last close while it holds the descriptor that
 * came with the first: SOCK_CLOSE with the descriptor, which the host keeps; the program closes its own;
 * SOCK_CLOSE without one.  Then the host closes its copy, and sees whether that was the last.
 */
#include <errno.h>
#include <unistd.h>

#include "base/time.h"
#include "sock/sock.h"

static void linger_timeout(void *context, uint64_t now)
{
	struct sock *sock = context;

	(void)now;
	if (sock->phase != SOCK_LINGERING) {
		linger_done(sock);      /* still sending: goes on by itself */
		return;
	}
	sock_release(sock, false);
	sock_free(sock);
}

/* Answers the one who waits. */
static void linger_answer(struct sock *sock)
{
	struct sock_reply reply = { .result = 0 };
	struct control_client *client = sock->closer;

	if (client)
		sock->service->closers--;
	sock->closer = NULL;
	loop_deadline_clear(sock->service->loop, &sock->linger_deadline);
	if (sock->closer_fd >= 0)
		close(sock->closer_fd);
	sock->closer_fd = -1;
	if (client && !sock->service->closing)
		control_reply(client, sock->closer_request, SOCK_CLOSE, &reply, sizeof(reply));
}

void linger_done(struct sock *sock)
{
	bool lingering = sock->phase == SOCK_LINGERING && sock->handle;

	if (!sock->closer && !lingering)
		return;
	linger_answer(sock);
	if (lingering) {
		sock_release(sock, false);
		sock_free(sock);
	}
}

/* All that was written is with the stack: only the acknowledgment is missing. */
void linger_begin(struct sock *sock)
{
	sock->phase = SOCK_LINGERING;
	if (!sock->fin_given)
		eleven_shutdown(sock_stack(sock), sock->handle, sock_now(sock));
	sock->fin_given = true;
}

static struct sock *closer_find(struct sock_service *service, const struct control_client *client)
{
	/* Every program that ends is looked up here: mostly nobody lingers. */
	for (uint32_t i = 0; i < service->slot_count && service->closers > 0; i++)
		if (service->slots[i].sock && service->slots[i].sock->closer == client)
			return service->slots[i].sock;
	return NULL;
}

void linger_client_gone(void *context, struct control_client *client)
{
	struct sock_service *service = context;
	struct sock *sock = closer_find(service, client);

	if (!sock)
		return;
	sock->closer = NULL;
	service->closers--;
	if (sock->closer_fd >= 0)
		close(sock->closer_fd);
	sock->closer_fd = -1;
	if (sock->phase == SOCK_LINGERING)
		linger_done(sock);
	else
		loop_deadline_clear(sock->service->loop, &sock->linger_deadline);
}

void linger_request(struct sock_service *service, struct control_client *client, const struct control_message *message,
		    struct sock *sock)
{
	struct sock_reply reply = { .result = 0 };

	if (message->descriptor_count > 0) {
		bool lingers = sock && sock->phase == SOCK_CONNECTED && !sock->closer &&
			       sock->options.linger_on && sock->options.linger_s > 0;

		if (lingers) {
			sock->closer = client;
			service->closers++;
			sock->closer_fd = message->descriptors[0];
			message->descriptors[0] = -1;
		}
		reply.result = lingers ? -EINPROGRESS : 0;
		control_reply(client, message->request, message->type, &reply, sizeof(reply));
		return;
	}
	sock = closer_find(service, client);
	if (sock) {
		close(sock->closer_fd);
		sock->closer_fd = -1;
		sock->closer_request = message->request;
		if (!pair_is_held(sock)) {
			sock->linger_deadline = (struct loop_deadline){ .fn = linger_timeout, .context = sock };
			loop_deadline_set(service->loop, &sock->linger_deadline,
					  loop_now(service->loop) + SEC((uint64_t)sock->options.linger_s));
			return;
		}
		sock->closer = NULL;
		service->closers--;
	}
	control_reply(client, message->request, message->type, &reply, sizeof(reply));
}
