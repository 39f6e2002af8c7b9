/* SPDX-License-Identifier: MIT */
/* The options of a socket behind a program's descriptor: option_set.h has them; here is what they do to the pair. */
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>

#include "sock/info.h"
#include "sock/sock.h"

static struct option_target target_of(const struct sock *sock)
{
	return (struct option_target){ sock_stack(sock), sock->handle, sock_now(sock), eleven_option_set };
}

void options_init(struct sock *sock)
{
	option_set_init(&sock->options);
}

bool option_is_on(const struct sock *sock, int level, int name)
{
	return option_set_is_on(&sock->options, level, name);
}

void options_apply(struct sock *sock)
{
	struct option_target target = target_of(sock);

	option_set_apply_all(&sock->options, &target);
}

static void receive_buffer_changed(struct sock *sock)
{
	uint32_t stored = (uint32_t)option_set_value(&sock->options, SOL_SOCKET, SO_RCVBUF);

	sock->pair_bytes = stored / 2 < 106496 ? stored / 2 : 0;
	pair_limit(sock);
}

int option_set(struct sock *sock, const struct sock_request *request)
{
	struct option_limits limits = { sock->service->send_buffer_max, sock->service->receive_buffer_max };
	struct option_target target = target_of(sock);
	int error;

	if (request->level == IPPROTO_IPV6 && sock->family != AF_INET6)
		return -ENOPROTOOPT;
	if (request->level == IPPROTO_IPV6 && request->name == IPV6_V6ONLY &&
	    (sock->bound || sock->phase != SOCK_FRESH))
		return -EINVAL;         /* what it is bound to is decided */
	if (keys_are_meant(request->level, request->name))
		return keys_set(sock, request);
	error = option_set_store(&sock->options, &limits, request->level, request->name, request->data,
				 request->length);
	if (error)
		return error;
	if (request->level == SOL_SOCKET && request->name == SO_RCVBUF)
		receive_buffer_changed(sock);
	/* What was written before belongs to the time before: uncorking must find it there. */
	if (sock->phase == SOCK_CONNECTED)
		pump_from_program(sock);
	option_set_apply(&sock->options, request->level, request->name, &target);
	return 0;
}

static int answer(const struct sock_request *request, struct sock_reply *reply, const void *data, uint32_t length)
{
	if (length > request->length)
		length = request->length;
	memcpy(reply->data, data, length);
	reply->length = length;
	return 0;
}

static int answer_info(struct sock *sock, const struct sock_request *request, struct sock_reply *reply)
{
	struct eleven_status status, *known = NULL;
	uint8_t data[INFO_BYTES];

	if (sock->handle && eleven_status(sock_stack(sock), sock->handle, &status) == 0)
		known = &status;
	if (known && known->state == ELEVEN_LISTEN) {
		status.receive_queue += sock->handed_over;
		status.send_queue = sock->backlog;
	}
	info_fill(data, known, sock_now(sock), sock->host->interface.mtu);
	return answer(request, reply, data, INFO_BYTES);
}

int option_get(struct sock *sock, const struct sock_request *request, struct sock_reply *reply)
{
	struct { int32_t pid; uint32_t uid, gid; } nobody = { 0, ~0u, ~0u };
	struct option_target target = target_of(sock);
	int listening = sock->phase == SOCK_LISTENING;

	if (request->level == IPPROTO_IPV6 && sock->family != AF_INET6)
		return -EOPNOTSUPP;
	if (request->level == IPPROTO_TCP && request->name == TCP_INFO)
		return answer_info(sock, request, reply);
	if (request->level == SOL_SOCKET && request->name == SO_ACCEPTCONN)
		return answer(request, reply, &listening, sizeof(listening));
	if (request->level == SOL_SOCKET && request->name == SO_COOKIE)
		return request->length < 8 ? -EINVAL : answer(request, reply, &sock->serial, sizeof(sock->serial));
	if (request->level == SOL_SOCKET && request->name == SO_PEERCRED)
		return answer(request, reply, &nobody, sizeof(nobody));
	if (keys_are_meant(request->level, request->name))
		return keys_get(sock, request, reply);
	reply->length = request->length;
	return option_set_load(&sock->options, &target, request->level, request->name, reply->data, &reply->length);
}
