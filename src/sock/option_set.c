/* SPDX-License-Identifier: MIT */
/*
 * Socket options as socket(7), tcp(7), ip(7) and ipv6(7) have them: bounds, errnos and what getsockopt says, in one
 * table.  An option with a row of the stack is also given to the connection; the others are kept and told.
 *
 * SO_RCVTIMEO, SO_SNDTIMEO and SO_RCVLOWAT are the business of whoever waits and are not here.
 * Keys (TCP_MD5SIG …) are in keys.c.  Not there at all (ENOPROTOOPT): TCP_FASTOPEN_KEY, TCP_REPAIR, TCP_ULP,
 * SO_ZEROCOPY, filters.
 */
#include "sock/option_set.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/time.h"

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
	{ IPPROTO_TCP, TCP_FASTOPEN, NUMBER, 0, INT32_MAX, 0, ELEVEN_OPTION_FAST_OPEN, 1 },
	{ IPPROTO_TCP, TCP_FASTOPEN_CONNECT, NUMBER, 0, 1, 0, ELEVEN_OPTION_FAST_OPEN_CONNECT, 1 },
	{ IPPROTO_TCP, TCP_NOTSENT_LOWAT, NUMBER, INT32_MIN, INT32_MAX, 0, PLAIN, 0 },
	{ IPPROTO_IP, IP_TTL, NUMBER, 1, 255, 64, ELEVEN_OPTION_TTL, 1 },
	{ IPPROTO_IP, IP_TOS, NUMBER, INT32_MIN, INT32_MAX, 0, ELEVEN_OPTION_TOS, 1 },
	{ IPPROTO_IP, IP_MTU_DISCOVER, NUMBER, 0, 5, 1, PLAIN, 0 },
	{ IPPROTO_IP, IP_RECVERR, BOOLEAN, 0, 0, 0, PLAIN, 0 },
	{ IPPROTO_IP, IP_FREEBIND, BOOLEAN, 0, 0, 0, PLAIN, 0 },
	{ IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, BOOLEAN, 0, 0, 0, PLAIN, 0 },
	{ IPPROTO_IPV6, IPV6_V6ONLY, BOOLEAN, 0, 0, 0, PLAIN, 0 },
	{ IPPROTO_IPV6, IPV6_UNICAST_HOPS, NUMBER, -1, 255, -1, ELEVEN_OPTION_TTL, 1 },
	{ IPPROTO_IPV6, IPV6_TCLASS, NUMBER, -1, 255, 0, ELEVEN_OPTION_TOS, 1 },
	{ IPPROTO_IPV6, IPV6_MTU_DISCOVER, NUMBER, 0, 5, 1, PLAIN, 0 },
	{ IPPROTO_IPV6, IPV6_RECVERR, BOOLEAN, 0, 0, 0, PLAIN, 0 },
	{ IPPROTO_IPV6, IPV6_DONTFRAG, BOOLEAN, 0, 0, 0, PLAIN, 0 },
	{ IPPROTO_IPV6, IPV6_RECVPKTINFO, BOOLEAN, 0, 0, 0, PLAIN, 0 },
	{ IPPROTO_IPV6, IPV6_RECVHOPLIMIT, BOOLEAN, 0, 0, 0, PLAIN, 0 },
	{ IPPROTO_IPV6, IPV6_RECVTCLASS, BOOLEAN, 0, 0, 0, PLAIN, 0 },
	{ IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, BOOLEAN, 0, 0, 1, PLAIN, 0 },
	{ IPPROTO_IPV6, IPV6_FREEBIND, BOOLEAN, 0, 0, 0, PLAIN, 0 },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))
_Static_assert(ROWS <= OPTION_ROWS_MAX, "place for every row in struct option_set");

/* Buffers as socket(7) says: doubled for the kernel's bookkeeping, within the system's limits. */
#define SEND_BUFFER_LEAST 4608
#define RECEIVE_BUFFER_LEAST 2304
#define STACK_BUFFER_LEAST 1024

#define HOPS_DEFAULT 64                 /* Linux's */
#define CONGESTION_NAME 16              /* TCP_CA_NAME_MAX */

static const char congestions[ELEVEN_CONGESTIONS][CONGESTION_NAME] = {
	[ELEVEN_CONGESTION_CUBIC] = "cubic",
	[ELEVEN_CONGESTION_RENO] = "reno",
	[ELEVEN_CONGESTION_DCTCP] = "dctcp",
};

static const struct option_row *row_find(int level, int name)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].level == level && rows[i].name == name)
			return &rows[i];
	return NULL;
}

void option_set_init(struct option_set *set)
{
	*set = (struct option_set){ .linger_on = false };
	for (size_t i = 0; i < ROWS; i++)
		set->values[i] = rows[i].initial;
}

bool option_set_is_on(const struct option_set *set, int level, int name)
{
	const struct option_row *row = row_find(level, name);

	return row && set->values[row - rows] != 0;
}

bool option_set_is_changed(const struct option_set *set, int level, int name)
{
	const struct option_row *row = row_find(level, name);

	return row && set->values[row - rows] != row->initial;
}

int option_set_value(const struct option_set *set, int level, int name)
{
	const struct option_row *row = row_find(level, name);

	return row ? set->values[row - rows] : 0;
}

/* ---------------------------------------------------------------- set */

static int row_apply(const struct option_set *set, const struct option_row *row, const struct option_target *target)
{
	int value = set->values[row - rows];
	uint64_t given = value < 0 ? 0 : (uint64_t)value * row->scale;

	if (row->option == PLAIN || !target->handle)
		return 0;
	if (row->option == ELEVEN_OPTION_SEND_BUFFER || row->option == ELEVEN_OPTION_RECEIVE_BUFFER)
		given = given / 2 < STACK_BUFFER_LEAST ? STACK_BUFFER_LEAST : given / 2;
	if (row->option == ELEVEN_OPTION_TTL && value < 0)
		return 0;               /* the usual one: there is nothing to give */
	if (row->option == ELEVEN_OPTION_TOS)
		given &= 0xfc;
	if (row->option == ELEVEN_OPTION_FIN_WAIT_2 && value < 0)
		given = 1;              /* not waited for; 0 would be for ever */
	return target->call(target->stack, target->handle, row->option, given, target->now);
}

static int linger_apply(const struct option_set *set, const struct option_target *target)
{
	if (!target->handle)
		return 0;
	return target->call(target->stack, target->handle, ELEVEN_OPTION_LINGER_RESET,
			    set->linger_on && set->linger_s == 0, target->now);
}

static int congestion_apply(const struct option_set *set, const struct option_target *target)
{
	if (!target->handle || set->congestion == 0)
		return 0;
	return target->call(target->stack, target->handle, ELEVEN_OPTION_CONGESTION, set->congestion - 1u,
			    target->now);
}

int option_set_apply(const struct option_set *set, int level, int name, const struct option_target *target)
{
	const struct option_row *row = row_find(level, name);

	if (level == SOL_SOCKET && name == SO_LINGER)
		return linger_apply(set, target);
	if (level == IPPROTO_TCP && name == TCP_CONGESTION)
		return congestion_apply(set, target);
	return row ? row_apply(set, row, target) : 0;
}

void option_set_apply_all(const struct option_set *set, const struct option_target *target)
{
	for (size_t i = 0; i < ROWS; i++)
		if (set->values[i] != rows[i].initial)
			row_apply(set, &rows[i], target);
	if (set->linger_on && set->linger_s == 0)
		linger_apply(set, target);
	congestion_apply(set, target);
}

static int buffer_stored(int value, uint32_t most, int least)
{
	int64_t stored = (uint32_t)value > most ? most : (uint32_t)value;

	stored *= 2;
	return stored < least ? least : stored > INT32_MAX / 2 ? INT32_MAX / 2 : (int)stored;
}

static int value_stored(const struct option_row *row, const struct option_limits *limits, int value)
{
	if (row->kind == BOOLEAN)
		return value != 0;
	if (row->level == SOL_SOCKET && row->name == SO_SNDBUF)
		return buffer_stored(value, limits->send_buffer_max, SEND_BUFFER_LEAST);
	if (row->level == SOL_SOCKET && row->name == SO_RCVBUF)
		return buffer_stored(value, limits->receive_buffer_max, RECEIVE_BUFFER_LEAST);
	if (row->level == IPPROTO_IP && row->name == IP_TOS)
		return value & 0xff;
	if (row->level == IPPROTO_IPV6 && row->name == IPV6_TCLASS && value == -1)
		return row->initial;
	return value;
}

static int linger_store(struct option_set *set, const void *data, uint32_t length)
{
	struct linger linger;

	if (length < sizeof(linger))
		return -EINVAL;
	memcpy(&linger, data, sizeof(linger));
	set->linger_on = linger.l_onoff != 0;
	if (linger.l_onoff)
		set->linger_s = linger.l_linger < 0 || linger.l_linger > UINT16_MAX ? UINT16_MAX :
				(uint16_t)linger.l_linger;
	return 0;
}

static int congestion_store(struct option_set *set, const void *data, uint32_t length)
{
	char name[CONGESTION_NAME] = "";

	if (length < 1)
		return -EINVAL;
	memcpy(name, data, length < sizeof(name) ? length : sizeof(name) - 1);
	for (unsigned i = 0; i < ELEVEN_CONGESTIONS; i++)
		if (strcmp(name, congestions[i]) == 0) {
			set->congestion = (uint8_t)(i + 1);
			return 0;
		}
	return -ENOENT;
}

int option_set_store(struct option_set *set, const struct option_limits *limits, int level, int name,
		     const void *data, uint32_t length)
{
	const struct option_row *row = row_find(level, name);
	int value = 0;

	if (level == SOL_SOCKET && name == SO_BINDTODEVICE)
		return length == 0 || *(const char *)data == 0 ? 0 : -ENODEV;
	if (level == SOL_SOCKET && name == SO_LINGER)
		return linger_store(set, data, length);
	if (level == IPPROTO_TCP && name == TCP_CONGESTION)
		return congestion_store(set, data, length);
	if (!row)
		return -ENOPROTOOPT;
	if (level == IPPROTO_IP && length >= 1 && length < sizeof(value))
		value = *(const uint8_t *)data;
	else if (length < sizeof(value))
		return -EINVAL;
	else
		memcpy(&value, data, sizeof(value));
	if (row->level == IPPROTO_TCP && row->name == TCP_MAXSEG && value == 0)
		value = row->initial;
	else if (row->level == IPPROTO_IP && row->name == IP_TTL && value == -1)
		value = row->initial;
	else if (row->level == IPPROTO_TCP && row->name == TCP_LINGER2)
		value = value < 0 ? -1 : value == 0 ? row->initial : value;
	else if (row->kind == NUMBER && (value < row->least || value > row->most))
		return -EINVAL;
	set->values[row - rows] = value_stored(row, limits, value);
	return 0;
}

/* ---------------------------------------------------------------- get */

static int answer(void *data, uint32_t *length, const void *from, uint32_t bytes)
{
	if (bytes > *length)
		bytes = *length;
	memcpy(data, from, bytes);
	*length = bytes;
	return 0;
}

/* The effective segment size, when there is one. */
static int segment_bytes(const struct option_target *target, int otherwise)
{
	struct eleven_status status;

	if (!target->handle || eleven_status(target->stack, target->handle, &status) < 0 ||
	    status.state < ELEVEN_ESTABLISHED || !status.mss_send)
		return otherwise;
	return status.mss_send;
}

/* Of the connection, or what one would get. */
static const char *congestion_now(const struct option_set *set, const struct option_target *target)
{
	uint64_t kind = set->congestion ? set->congestion - 1u : ELEVEN_CONGESTION_CUBIC;

	if (target->handle)
		eleven_option_get(target->stack, target->handle, ELEVEN_OPTION_CONGESTION, &kind);
	return congestions[kind < ELEVEN_CONGESTIONS ? kind : ELEVEN_CONGESTION_CUBIC];
}

int option_set_load(const struct option_set *set, const struct option_target *target, int level, int name, void *data,
		    uint32_t *length)
{
	const struct option_row *row = row_find(level, name);
	struct linger linger = { set->linger_on, set->linger_s };
	int value;

	if (level == SOL_SOCKET && name == SO_LINGER)
		return answer(data, length, &linger, sizeof(linger));
	if (level == SOL_SOCKET && name == SO_BINDTODEVICE)
		return answer(data, length, "", 0);
	if (level == IPPROTO_TCP && name == TCP_CONGESTION)
		return answer(data, length, congestion_now(set, target), CONGESTION_NAME);
	if (!row)
		return level == IPPROTO_TCP || level == IPPROTO_IP || level == IPPROTO_IPV6 || level == SOL_SOCKET
			? -ENOPROTOOPT : -EOPNOTSUPP;
	value = set->values[row - rows];
	if (row->level == IPPROTO_TCP && row->name == TCP_MAXSEG)
		value = segment_bytes(target, value);
	if (row->level == IPPROTO_IPV6 && row->name == IPV6_UNICAST_HOPS && value < 0)
		value = HOPS_DEFAULT;
	if (row->level == IPPROTO_IP && *length >= 1 && *length < sizeof(int)) {
		uint8_t byte = (uint8_t)value;

		return answer(data, length, &byte, 1);
	}
	return answer(data, length, &value, sizeof(value));
}
