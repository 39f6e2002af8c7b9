/* SPDX-License-Identifier: MIT */
/* Options of a connection that the program may set (tcp(7), socket(7)). */
#include <errno.h>

#include "tcp/connection.h"
#include "tcp/options.h"
#include "tcp/timer.h"

#define TIME_LEAST_NS MS(1)             /* of keep-alive times: below it a timer would do nothing but fire */
#define USER_TIMEOUT_MOST_NS (1ull << 62)       /* a century: for ever (MUST-21) */
#define BUFFER_LEAST 2304u              /* socket(7): the least SO_RCVBUF there is */

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint32_t buffer_bytes(uint64_t value)
{
	if (value < BUFFER_LEAST)
		return BUFFER_LEAST;
	return value > 1u << 30 ? 1u << 30 : (uint32_t)value;
}

static int flag_set(struct tcp *tcp, struct tcb *tcb, enum eleven_option option, bool on)
{
	switch (option) {
	case ELEVEN_OPTION_NODELAY:
		tcb->nodelay = on;
		tcb->want.override |= on && unsent(tcb) > 0;    /* what waited goes now */
		break;
	case ELEVEN_OPTION_CORK:
		tcb->cork = on;
		break;
	case ELEVEN_OPTION_QUICK_ACK:
		tcb->quick_ack = on;
		if (on && tcb->deadline[SLOT_DELAYED_ACK] != TIME_NEVER)
			tcb->want.ack_now = true;
		break;
	case ELEVEN_OPTION_KEEPALIVE:
		tcb->keepalive = on;
		timer_keepalive_start(tcp, tcb);
		break;
	case ELEVEN_OPTION_LINGER_RESET:
		tcb->linger_reset = on;
		break;
	case ELEVEN_OPTION_SOFT_ERRORS:
		tcb->soft_errors_off = !on;
		break;
	case ELEVEN_OPTION_FAST_OPEN_CONNECT:
		if (tcb->state != TCP_CLOSED)
			return -EINVAL;
		tcb->fast_open = on;
		break;
	default:
		return -ENOPROTOOPT;
	}
	if (synchronized(tcb) && tcb->state != TCP_TIME_WAIT)
		tcb_ready(tcp, tcb);
	return 0;
}

static int time_set(struct tcp *tcp, struct tcb *tcb, enum eleven_option option, uint64_t value)
{
	switch (option) {
	case ELEVEN_OPTION_KEEPALIVE_IDLE:
		tcb->keepalive_idle = value;
		if (tcb->keepalive)
			timer_keepalive_start(tcp, tcb);
		return value ? 0 : -EINVAL;
	case ELEVEN_OPTION_KEEPALIVE_INTERVAL:
		tcb->keepalive_interval = value;
		return value ? 0 : -EINVAL;
	case ELEVEN_OPTION_USER_TIMEOUT:
		tcb->user_timeout = value ? min_u64(value, USER_TIMEOUT_MOST_NS) : tcp->config.user_timeout;
		return 0;
	case ELEVEN_OPTION_FIN_WAIT_2:
		tcb->fin_wait_2 = value;
		return 0;
	case ELEVEN_OPTION_DEFER_ACCEPT:
		tcb->defer_accept = value;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int number_set(struct tcp *tcp, struct tcb *tcb, enum eleven_option option, uint64_t value)
{
	switch (option) {
	case ELEVEN_OPTION_MSS:
		if (value < tcp->config.mss_least || value > 32767)
			return -EINVAL;
		tcb->mss_cap = (uint16_t)value;
		if (synchronized(tcb))
			options_mss_update(tcp, tcb);
		return 0;
	case ELEVEN_OPTION_KEEPALIVE_PROBES:
	case ELEVEN_OPTION_SYN_RETRIES:
		if (value < 1 || value > 127)
			return -EINVAL;
		*(option == ELEVEN_OPTION_SYN_RETRIES ? &tcb->syn_retries : &tcb->keepalive_probes) = (uint8_t)value;
		return 0;
	case ELEVEN_OPTION_SEND_BUFFER:
		tcb->send_buffer = buffer_bytes(value);
		tcb->send_buffer_given = true;
		return 0;
	case ELEVEN_OPTION_RECEIVE_BUFFER:
		tcb->receive_buffer = buffer_bytes(value);
		tcb->receive_buffer_given = true;
		return 0;
	case ELEVEN_OPTION_WINDOW_CLAMP:
		tcb->window_clamp = value > 1u << 30 ? 1u << 30 : (uint32_t)value;
		if (tcb->window_clamp && tcb->rcv.limit > tcb->window_clamp)
			tcb->rcv.limit = tcb->window_clamp;     /* what was offered stays offered (SHLD-14) */
		return 0;
	case ELEVEN_OPTION_TTL:
		if (value < 1 || value > 255)
			return -EINVAL;
		tcb->ttl = (uint8_t)value;
		return 0;
	case ELEVEN_OPTION_TOS:
		if (value > 255)
			return -EINVAL;
		tcb->tos = (uint8_t)(value & 0xfc);
		return 0;
	case ELEVEN_OPTION_CONGESTION:
		if (value >= CONTROLLERS)
			return -EINVAL;
		tcb->congestion = (uint8_t)value;
		controller_choose(&tcb->cc, (enum controller_kind)value);
		return 0;
	case ELEVEN_OPTION_USER:
		tcb->user = value;
		return 0;
	case ELEVEN_OPTION_UNREAD:
		tcb->unread_elsewhere = value > 0;
		return 0;
	case ELEVEN_OPTION_FAST_OPEN:
		if (tcb->state != TCP_CLOSED && tcb->state != TCP_LISTEN)
			return -EINVAL;
		tcb->fast_open_limit = (uint32_t)min_u64(value, UINT32_MAX);
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

int tcp_option_set(struct tcp *tcp, eleven_handle handle, enum eleven_option option, uint64_t value, uint64_t now)
{
	struct tcb *tcb = tcb_of(tcp, handle);

	clock_advance(tcp, now);
	if (tcb == NULL)
		return -EBADF;
	switch (option) {
	case ELEVEN_OPTION_NODELAY:
	case ELEVEN_OPTION_CORK:
	case ELEVEN_OPTION_QUICK_ACK:
	case ELEVEN_OPTION_KEEPALIVE:
	case ELEVEN_OPTION_LINGER_RESET:
	case ELEVEN_OPTION_SOFT_ERRORS:
	case ELEVEN_OPTION_FAST_OPEN_CONNECT:
		return flag_set(tcp, tcb, option, value != 0);
	case ELEVEN_OPTION_KEEPALIVE_IDLE:
	case ELEVEN_OPTION_KEEPALIVE_INTERVAL:
	case ELEVEN_OPTION_USER_TIMEOUT:
	case ELEVEN_OPTION_FIN_WAIT_2:
	case ELEVEN_OPTION_DEFER_ACCEPT:
		if (value > 1ull << 50 && option != ELEVEN_OPTION_USER_TIMEOUT)
			return -EINVAL;
		if (value < TIME_LEAST_NS &&
		    (option == ELEVEN_OPTION_KEEPALIVE_IDLE || option == ELEVEN_OPTION_KEEPALIVE_INTERVAL))
			return -EINVAL;
		return time_set(tcp, tcb, option, value);
	case ELEVEN_OPTION_MSS:
	case ELEVEN_OPTION_KEEPALIVE_PROBES:
	case ELEVEN_OPTION_SEND_BUFFER:
	case ELEVEN_OPTION_RECEIVE_BUFFER:
	case ELEVEN_OPTION_SYN_RETRIES:
	case ELEVEN_OPTION_WINDOW_CLAMP:
	case ELEVEN_OPTION_TTL:
	case ELEVEN_OPTION_TOS:
	case ELEVEN_OPTION_CONGESTION:
	case ELEVEN_OPTION_USER:
	case ELEVEN_OPTION_UNREAD:
	case ELEVEN_OPTION_FAST_OPEN:
		return number_set(tcp, tcb, option, value);
	case ELEVEN_OPTIONS:
		break;
	}
	return -ENOPROTOOPT;
}

int tcp_option_get(const struct tcp *tcp, eleven_handle handle, enum eleven_option option, uint64_t *value)
{
	const struct tcb *tcb = tcb_of(tcp, handle);

	if (tcb == NULL)
		return -EBADF;
	if ((unsigned)option >= ELEVEN_OPTIONS)
		return -ENOPROTOOPT;
	const uint64_t values[ELEVEN_OPTIONS] = {
		[ELEVEN_OPTION_NODELAY] = tcb->nodelay,
		[ELEVEN_OPTION_CORK] = tcb->cork,
		[ELEVEN_OPTION_QUICK_ACK] = tcb->quick_ack,
		[ELEVEN_OPTION_MSS] = tcb->state == TCP_CLOSED || tcb->state == TCP_LISTEN ? tcb->mss_cap :
												     tcb->snd.mss,
		[ELEVEN_OPTION_KEEPALIVE] = tcb->keepalive,
		[ELEVEN_OPTION_KEEPALIVE_IDLE] = tcb->keepalive_idle,
		[ELEVEN_OPTION_KEEPALIVE_INTERVAL] = tcb->keepalive_interval,
		[ELEVEN_OPTION_KEEPALIVE_PROBES] = tcb->keepalive_probes,
		[ELEVEN_OPTION_USER_TIMEOUT] = tcb->user_timeout,
		[ELEVEN_OPTION_LINGER_RESET] = tcb->linger_reset,
		[ELEVEN_OPTION_SEND_BUFFER] = tcb->send_buffer,
		[ELEVEN_OPTION_RECEIVE_BUFFER] = tcb->receive_buffer,
		[ELEVEN_OPTION_DEFER_ACCEPT] = tcb->defer_accept,
		[ELEVEN_OPTION_SYN_RETRIES] = tcb->syn_retries,
		[ELEVEN_OPTION_FIN_WAIT_2] = tcb->fin_wait_2,
		[ELEVEN_OPTION_WINDOW_CLAMP] = tcb->window_clamp,
		[ELEVEN_OPTION_TTL] = tcb->ttl ? tcb->ttl : TCP_TTL_DEFAULT,
		[ELEVEN_OPTION_TOS] = tcb->tos,
		[ELEVEN_OPTION_USER] = tcb->user,
		[ELEVEN_OPTION_CONGESTION] = tcb->congestion,
		[ELEVEN_OPTION_UNREAD] = tcb->unread_elsewhere,
		[ELEVEN_OPTION_SOFT_ERRORS] = !tcb->soft_errors_off,
		[ELEVEN_OPTION_FAST_OPEN] = tcb->state == TCP_CLOSED || tcb->state == TCP_LISTEN ?
					    tcb->fast_open_limit : 0,
		[ELEVEN_OPTION_FAST_OPEN_CONNECT] = tcb->fast_open,
	};

	*value = values[option];
	return 0;
}
