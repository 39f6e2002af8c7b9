/* SPDX-License-Identifier: MIT */
/*
 * Socket options as socket(7), tcp(7) and ip(7) have them: bounds, errnos and what getsockopt says, in one
 * table.  An option with a row of the stack is also given to the connection; the others are kept and told.
 *
 * SO_RCVTIMEO, SO_SNDTIMEO and SO_RCVLOWAT are the kernel's own on the program's descriptor and do not come
 * here.  Not there at all (ENOPROTOOPT): TCP_FASTOPEN, TCP_MD5SIG, TCP_REPAIR, TCP_ULP, SO_ZEROCOPY, filters.
 */
#include <errno.h>
#include <linux/tcp.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/time.h"
#include "sock/sock.h"

#define PLAIN ELEVEN_OPTIONS    /* kept here alone */

enum option_kind { NUMBER, BOOLEAN };

struct option_row {
	int level, name;
	enum option_kind kind;
	int least, most;                /* outside: EINVAL */
	int initial;
	enum eleven_option option;
	uint64_t scale;                 /* the stack's units in one of the program's */
};

static const struct option_row rows[] = {
	{ SOL_SOCKET, SO_REUSEADDR, BOOLEAN, 0, 0, 0, PLAIN, 0 },
	{ SOL_SOCKET, SO_REUSEPORT, BOOLEAN, 0, 0, 0, PLAIN, 0 },
	{ SOL_SOCKET, SO_KEEPALIVE, BOOLEAN, 0, 0, 0, ELEVEN_OPTION_KEEPALIVE, 1 },
	{ SOL_SOCKET, SO_BROADCAST, BOOLEAN, 0, 0, 0, PLAIN, 0 },
	{ SOL_SOCKET, SO_OOBINLINE, BOOLEAN, 0, 0, 0, PLAIN, 0 },
	{ SOL_SOCKET, SO_DONTROUTE, BOOLEAN, 0, 0, 0, PLAIN, 0 },
	{ SOL_SOCKET, SO_TIMESTAMP, BOOLEAN, 0, 0, 0, PLAIN, 0 },
	{ SOL_SOCKET, SO_PRIORITY, NUMBER, 0, 6, 0, PLAIN, 0 },
	{ SOL_SOCKET, SO_MARK, NUMBER, INT32_MIN, INT32_MAX, 0, PLAIN, 0 },
	{ SOL_SOCKET, SO_BUSY_POLL, NUMBER, 0, INT32_MAX, 0, PLAIN, 0 },
	{ SOL_SOCKET, SO_MAX_PACING_RATE, NUMBER, INT32_MIN, INT32_MAX, -1, PLAIN, 0 },
	{ SOL_SOCKET, SO_SNDBUF, NUMBER, INT32_MIN, INT32_MAX, 16384, ELEVEN_OPTION_SEND_BUFFER, 1 },
	{ SOL_SOCKET, SO_RCVBUF, NUMBER, INT32_MIN, INT32_MAX, 131072, ELEVEN_OPTION_RECEIVE_BUFFER, 1 },
	{ IPPROTO_TCP, TCP_NODELAY, BOOLEAN, 0, 0, 0, ELEVEN_OPTION_NODELAY, 1 },
	{ IPPROTO_TCP, TCP_CORK, BOOLEAN, 0, 0, 0, ELEVEN_OPTION_CORK, 1 },
	{ IPPROTO_TCP, TCP_QUICKACK, BOOLEAN, 0, 0, 1, ELEVEN_OPTION_QUICK_ACK, 1 },
	{ IPPROTO_TCP, TCP_MAXSEG, NUMBER, 88, 32767, 536, ELEVEN_OPTION_MSS, 1 },
	{ IPPROTO_TCP, TCP_KEEPIDLE, NUMBER, 1, 32767, 7200, ELEVEN_OPTION_KEEPALIVE_IDLE, SEC(1) },
	{ IPPROTO_TCP, TCP_KEEPINTVL, NUMBER, 1, 32767, 75, ELEVEN_OPTION_KEEPALIVE_INTERVAL, SEC(1) },
	{ IPPROTO_TCP, TCP_KEEPCNT, NUMBER, 1, 127, 9, ELEVEN_OPTION_KEEPALIVE_PROBES, 1 },
	{ IPPROTO_TCP, TCP_SYNCNT, NUMBER, 1, 127, 6, ELEVEN_OPTION_SYN_RETRIES, 1 },
	{ IPPROTO_TCP, TCP_LINGER2, NUMBER, INT32_MIN, INT32_MAX, 60, ELEVEN_OPTION_FIN_WAIT_2, SEC(1) },
	{ IPPROTO_TCP, TCP_DEFER_ACCEPT, NUMBER, INT32_MIN, INT32_MAX, 0, ELEVEN_OPTION_DEFER_ACCEPT, SEC(1) },
	{ IPPROTO_TCP, TCP_WINDOW_CLAMP, NUMBER, 0, INT32_MAX, 0, ELEVEN_OPTION_WINDOW_CLAMP, 1 },
	{ IPPROTO_TCP, TCP_USER_TIMEOUT, NUMBER, 0, INT32_MAX, 0, ELEVEN_OPTION_USER_TIMEOUT, MS(1) },
	{ IPPROTO_TCP, TCP_NOTSENT_LOWAT, NUMBER, INT32_MIN, INT32_MAX, 0, PLAIN, 0 },
	{ IPPROTO_IP, IP_TTL, NUMBER, 1, 255, 64, ELEVEN_OPTION_TTL, 1 },
	{ IPPROTO_IP, IP_TOS, NUMBER, INT32_MIN, INT32_MAX, 0, ELEVEN_OPTION_TOS, 1 },
	{ IPPROTO_IP, IP_MTU_DISCOVER, NUMBER, 0, 5, 1, PLAIN, 0 },
	{ IPPROTO_IP, IP_RECVERR, BOOLEAN, 0, 0, 0, PLAIN, 0 },
	{ IPPROTO_IP, IP_FREEBIND, BOOLEAN, 0, 0, 0, PLAIN, 0 },
	{ IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, BOOLEAN, 0, 0, 0, PLAIN, 0 },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))
_Static_assert(ROWS <= SOCK_OPTIONS_MAX, "place for every row in struct sock");

/* Buffers as socket(7) says: doubled for the kernel's bookkeeping, within the system's limits. */
#define SEND_BUFFER_LEAST 4608
#define RECEIVE_BUFFER_LEAST 2304
#define STACK_BUFFER_LEAST 1024

static const struct option_row *row_find(int level, int name)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].level == level && rows[i].name == name)
			return &rows[i];
	return NULL;
}

static int32_t *value_of(struct sock *sock, const struct option_row *row)
{
	return &sock->options[row - rows];
}

void options_init(struct sock *sock)
{
	for (size_t i = 0; i < ROWS; i++)
		sock->options[i] = rows[i].initial;
}

bool option_is_on(const struct sock *sock, int level, int name)
{
	const struct option_row *row = row_find(level, name);

	return row && sock->options[row - rows] != 0;
}

/* ---------------------------------------------------------------- set */

/* Gives a value to the stack, when there is a connection there. */
static int row_apply(struct sock *sock, const struct option_row *row)
{
	int value = *value_of(sock, row);
	uint64_t given = value < 0 ? 0 : (uint64_t)value * row->scale;

	if (row->option == PLAIN || !sock->handle)
		return 0;
	if (row->option == ELEVEN_OPTION_SEND_BUFFER || row->option == ELEVEN_OPTION_RECEIVE_BUFFER)
		given = given / 2 < STACK_BUFFER_LEAST ? STACK_BUFFER_LEAST : given / 2;
	if (row->option == ELEVEN_OPTION_TOS)
		given &= 0xfc;
	return eleven_option_set(sock_stack(sock), sock->handle, row->option, given, sock_now(sock));
}

void options_apply(struct sock *sock)
{
	for (size_t i = 0; i < ROWS; i++)
		if (sock->options[i] != rows[i].initial)
			row_apply(sock, &rows[i]);
	if (sock->linger_on && sock->linger_s == 0)
		eleven_option_set(sock_stack(sock), sock->handle, ELEVEN_OPTION_LINGER_RESET, 1, sock_now(sock));
}

static int buffer_stored(int value, uint32_t most, int least)
{
	int64_t stored = (uint32_t)value > most ? most : (uint32_t)value;

	stored *= 2;
	return stored < least ? least : stored > INT32_MAX / 2 ? INT32_MAX / 2 : (int)stored;
}

static int option_value(struct sock *sock, const struct option_row *row, int value)
{
	if (row->kind == BOOLEAN)
		return value != 0;
	if (row->level == SOL_SOCKET && row->name == SO_SNDBUF)
		return buffer_stored(value, sock->service->send_buffer_max, SEND_BUFFER_LEAST);
	if (row->level == SOL_SOCKET && row->name == SO_RCVBUF)
		return buffer_stored(value, sock->service->receive_buffer_max, RECEIVE_BUFFER_LEAST);
	if (row->level == IPPROTO_IP && row->name == IP_TOS)
		return value & 0xff;
	return value;
}

static int linger_set(struct sock *sock, const struct sock_request *request)
{
	struct linger linger;

	if (request->length < sizeof(linger))
		return -EINVAL;
	memcpy(&linger, request->data, sizeof(linger));
	sock->linger_on = linger.l_onoff != 0;
	if (linger.l_onoff)
		sock->linger_s = linger.l_linger < 0 || linger.l_linger > UINT16_MAX ? UINT16_MAX :
				 (uint16_t)linger.l_linger;
	if (sock->handle)
		eleven_option_set(sock_stack(sock), sock->handle, ELEVEN_OPTION_LINGER_RESET,
				  sock->linger_on && sock->linger_s == 0, sock_now(sock));
	return 0;
}

static int congestion_set(const struct sock_request *request)
{
	char name[16] = "";

	if (request->length < 1)
		return -EINVAL;
	memcpy(name, request->data, request->length < sizeof(name) ? request->length : sizeof(name) - 1);
	return strcmp(name, "reno") == 0 ? 0 : -ENOENT;
}

static int device_set(const struct sock_request *request)
{
	return request->length == 0 || request->data[0] == 0 ? 0 : -ENODEV;
}

int option_set(struct sock *sock, const struct sock_request *request)
{
	const struct option_row *row = row_find(request->level, request->name);
	int value = 0;

	if (request->level == SOL_SOCKET && request->name == SO_BINDTODEVICE)
		return device_set(request);
	if (request->level == SOL_SOCKET && request->name == SO_LINGER)
		return linger_set(sock, request);
	if (request->level == IPPROTO_TCP && request->name == TCP_CONGESTION)
		return congestion_set(request);
	if (!row)
		return -ENOPROTOOPT;
	if (request->level == IPPROTO_IP && request->length >= 1 && request->length < sizeof(value))
		value = request->data[0];
	else if (request->length < sizeof(value))
		return -EINVAL;
	else
		memcpy(&value, request->data, sizeof(value));
	if (row->level == IPPROTO_TCP && row->name == TCP_MAXSEG && value == 0)
		value = row->initial;
	else if (row->level == IPPROTO_IP && row->name == IP_TTL && value == -1)
		value = row->initial;
	else if (row->level == IPPROTO_TCP && row->name == TCP_LINGER2)
		value = value < 0 ? -1 : value == 0 ? row->initial : value;
	else if (row->kind == NUMBER && (value < row->least || value > row->most))
		return -EINVAL;
	*value_of(sock, row) = option_value(sock, row, value);
	if (row->name == SO_RCVBUF && row->level == SOL_SOCKET) {
		sock->pair_bytes = (uint32_t)*value_of(sock, row) / 2 < 106496 ? (uint32_t)*value_of(sock, row) / 2 : 0;
		pair_limit(sock);
	}
	/* What was written before belongs to the time before: uncorking must find it there. */
	if (sock->phase == SOCK_CONNECTED)
		pump_from_program(sock);
	row_apply(sock, row);
	return 0;
}

/* ---------------------------------------------------------------- get */

static int answer(const struct sock_request *request, struct sock_reply *reply, const void *data, uint32_t length)
{
	if (length > request->length)
		length = request->length;
	memcpy(reply->data, data, length);
	reply->length = length;
	return 0;
}

static int answer_number(const struct sock_request *request, struct sock_reply *reply, int value)
{
	return answer(request, reply, &value, sizeof(value));
}

static int socket_option_get(struct sock *sock, const struct sock_request *request, struct sock_reply *reply)
{
	struct linger linger = { sock->linger_on, sock->linger_s };
	struct { int32_t pid; uint32_t uid, gid; } nobody = { 0, ~0u, ~0u };

	switch (request->name) {
	case SO_LINGER:
		return answer(request, reply, &linger, sizeof(linger));
	case SO_ACCEPTCONN:
		return answer_number(request, reply, sock->phase == SOCK_LISTENING);
	case SO_COOKIE:
		return request->length < 8 ? -EINVAL : answer(request, reply, &sock->serial, sizeof(sock->serial));
	case SO_PEERCRED:
		return answer(request, reply, &nobody, sizeof(nobody));
	case SO_BINDTODEVICE:
		return answer(request, reply, "", 0);
	default:
		return -ENOPROTOOPT;
	}
}

/* The effective segment size, when there is one. */
static int segment_bytes(struct sock *sock, int otherwise)
{
	struct eleven_status status;

	if (sock->phase != SOCK_CONNECTED || !sock->handle ||
	    eleven_status(sock_stack(sock), sock->handle, &status) < 0 || !status.mss_send)
		return otherwise;
	return status.mss_send;
}

int option_get(struct sock *sock, const struct sock_request *request, struct sock_reply *reply)
{
	const struct option_row *row = row_find(request->level, request->name);
	int value;

	if (!row && request->level == SOL_SOCKET)
		return socket_option_get(sock, request, reply);
	if (request->level == IPPROTO_TCP && request->name == TCP_CONGESTION)
		return answer(request, reply, "reno\0\0\0\0\0\0\0\0\0\0\0", 16);
	if (request->level == IPPROTO_TCP && request->name == TCP_INFO) {
		reply->length = (uint32_t)tcp_info_fill(sock, reply->data, request->length);
		return 0;
	}
	if (!row)
		return request->level == IPPROTO_TCP || request->level == IPPROTO_IP ? -ENOPROTOOPT : -EOPNOTSUPP;
	value = *value_of(sock, row);
	if (row->level == IPPROTO_TCP && row->name == TCP_MAXSEG)
		value = segment_bytes(sock, value);
	if (row->level == IPPROTO_IP && request->length >= 1 && request->length < sizeof(int)) {
		uint8_t byte = (uint8_t)value;

		return answer(request, reply, &byte, 1);
	}
	return answer_number(request, reply, value);
}
