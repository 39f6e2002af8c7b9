/* SPDX-License-Identifier: MIT */
/*
 * setsockopt, getsockopt, fcntl, ioctl; see calls.h.  What a socket's options are is in sock/option_set.h; here
 * is what belongs to waiting, and what is only told.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/time.h"
#include "packetdrill/calls.h"
#include "sock/info.h"

#ifndef TCP_FASTOPEN_KEY
#define TCP_FASTOPEN_KEY 33
#endif
#ifndef TCP_INQ
#define TCP_INQ 36
#endif

/* ---- setsockopt */

static int time_store(uint64_t *ns, const void *value, socklen_t length)
{
	struct timeval time;

	if (length < (socklen_t)sizeof(time))
		return -EINVAL;
	memcpy(&time, value, sizeof(time));
	if (time.tv_usec < 0 || time.tv_usec >= 1000000)
		return -EDOM;
	*ns = time.tv_sec < 0 ? 0 : time.tv_sec == 0 && time.tv_usec == 0 ? TIME_NEVER :
	      SEC((uint64_t)time.tv_sec) + US((uint64_t)time.tv_usec);
	return 0;
}

static int number_read(const void *value, socklen_t length, int *number)
{
	if (length < (socklen_t)sizeof(*number))
		return -EINVAL;
	memcpy(number, value, sizeof(*number));
	return 0;
}

/* Those that the table of options does not have; -ENOPROTOOPT: not here either. */
static int extra_store(struct world *world, struct file *file, int level, int name, const void *value, socklen_t length)
{
	int number = 0, error;

	if (level == SOL_SOCKET && name == SO_RCVTIMEO)
		return time_store(&file->receive_timeout_ns, value, length);
	if (level == SOL_SOCKET && name == SO_SNDTIMEO)
		return time_store(&file->send_timeout_ns, value, length);
	if (level == SOL_SOCKET && (name == SO_TYPE || name == SO_ERROR || name == SO_PROTOCOL || name == SO_DOMAIN ||
				    name == SO_ACCEPTCONN))
		return -ENOPROTOOPT;
	error = number_read(value, length, &number);
	if (error)
		return error;
	if (level == SOL_SOCKET && name == SO_RCVLOWAT) {
		file->receive_low = number < 0 ? INT32_MAX : number == 0 ? 1 : number;
		return 0;
	}
	if (level == IPPROTO_TCP && name == TCP_INQ) {
		if (number < 0 || number > 1)
			return -EINVAL;
		file->inq = number;
		return 0;
	}
	if (level == SOL_SOCKET && name == SO_TIMESTAMPING) {
		errqueue_timestamping(world, file, (uint32_t)number);
		return 0;
	}
	if (level == SOL_SOCKET && name == SO_ZEROCOPY) {
		if (number < 0 || number > 1)
			return -EINVAL;
		file->errqueue.zerocopy = number;
		return 0;
	}
	if (level == SOL_SOCKET && (name == SO_TIMESTAMPNS || name == SO_INCOMING_CPU || name == SO_RCVBUFFORCE ||
				    name == SO_SNDBUFFORCE || name == SO_MARK))
		return 0;
	if (level == IPPROTO_IPV6)
		return 0;
	return -ENOPROTOOPT;
}

/* TCP_FASTOPEN_KEY: 16 bytes, or with a second key, which is not used, 32. */
static int fast_open_key_store(struct world *world, struct file *file, const void *value, socklen_t length)
{
	if (length != sizeof(file->fast_open_key) && length != 2 * sizeof(file->fast_open_key))
		return -EINVAL;
	memcpy(file->fast_open_key, value, sizeof(file->fast_open_key));
	file->fast_open_key_given = true;
	world_fast_open_key(world, file->fast_open_key);
	return 0;
}

int drill_option_set(struct world *world, struct file *file, int level, int name, const void *value, socklen_t length)
{
	struct option_limits limits = { world->settings.send_buffer_max, world->settings.receive_buffer_max };
	struct option_target target = socket_target(world, file);
	int error;

	if (!value && length > 0)
		return -EFAULT;
	if ((int)length < 0)
		return -EINVAL;
	if (level == IPPROTO_TCP && name == TCP_FASTOPEN_KEY)
		return fast_open_key_store(world, file, value, length);
	error = option_set_store(&file->options, &limits, level, name, value, length);
	if (error == -ENOPROTOOPT)
		return extra_store(world, file, level, name, value, length);
	if (error)
		return error;
	if (level != SOL_SOCKET || name != SO_SNDBUF || world->settings.profile != ELEVEN_LINUX)
		option_set_apply(&file->options, level, name, &target);         /* the others' is in sndbuf.h */
	world_run(world);
	return 0;
}

/* ---- getsockopt */

static int answer(void *value, socklen_t *length, const void *data, size_t bytes)
{
	if (*length > (socklen_t)bytes)
		*length = (socklen_t)bytes;
	memcpy(value, data, *length);
	return 0;
}

static int answer_number(void *value, socklen_t *length, int number)
{
	return answer(value, length, &number, sizeof(number));
}

static int answer_time(void *value, socklen_t *length, uint64_t ns)
{
	struct timeval time = { 0, 0 };

	if (ns != TIME_NEVER) {
		time.tv_sec = (time_t)(ns / SEC(1));
		time.tv_usec = (suseconds_t)(ns % SEC(1) / US(1));
	}
	return answer(value, length, &time, sizeof(time));
}

static int socket_option_load(struct world *world, struct file *file, int name, void *value, socklen_t *length)
{
	switch (name) {
	case SO_ERROR:
		files_signalled(world);
		return answer_number(value, length, socket_error_take(file));
	case SO_TYPE:
		return answer_number(value, length, SOCK_STREAM);
	case SO_PROTOCOL:
		return answer_number(value, length, IPPROTO_TCP);
	case SO_DOMAIN:
		return answer_number(value, length, file->family);
	case SO_ACCEPTCONN:
		return answer_number(value, length, file->listening);
	case SO_RCVLOWAT:
		return answer_number(value, length, file->receive_low);
	case SO_ZEROCOPY:
		return answer_number(value, length, file->errqueue.zerocopy);
	case SO_TIMESTAMPING:
		return answer_number(value, length, (int)file->errqueue.timestamping);
	case SO_SNDLOWAT:
		return answer_number(value, length, 1);
	case SO_RCVTIMEO:
		return answer_time(value, length, file->receive_timeout_ns);
	case SO_SNDTIMEO:
		return answer_time(value, length, file->send_timeout_ns);
	default:
		return -ENOPROTOOPT;
	}
}

static int info_load(struct world *world, struct file *file, void *value, socklen_t *length)
{
	struct eleven_status status;
	bool known = socket_status(world, file, &status);
	uint8_t data[INFO_BYTES];

	info_fill(data, known ? &status : NULL, world->now_ns, world->settings.mtu);
	limits_fill(file, data);
	if (known && status.last_received == 0 && status.state == ELEVEN_ESTABLISHED) {
		/* Linux counts from the handshake on. */
		uint32_t ms = (uint32_t)((world->now_ns - status.since) / MS(1));

		memcpy(data + offsetof(struct tcp_info, tcpi_last_data_recv), &ms, sizeof(ms));
	}
	return answer(value, length, data, sizeof(data));
}

int drill_option_get(struct world *world, struct file *file, int level, int name, void *value, socklen_t *length)
{
	struct option_target target = socket_target(world, file);
	uint32_t room;
	int error;

	if (!length || (!value && *length > 0))
		return -EFAULT;
	if ((int)*length < 0)
		return -EINVAL;
	if (level == IPPROTO_TCP && name == TCP_INFO)
		return info_load(world, file, value, length);
	if (level == IPPROTO_TCP && name == TCP_FASTOPEN_KEY)
		return answer(value, length, file->fast_open_key_given ? file->fast_open_key : world->fast_open_key,
			      sizeof(file->fast_open_key));
	if (level == IPPROTO_TCP && name == TCP_INQ)
		return answer_number(value, length, file->inq);
	if (level == IPPROTO_IP && name == IP_MTU)
		return file->connecting == CONNECT_TOLD ? answer_number(value, length, (int)world->settings.mtu) :
							  -ENOTCONN;
	if (level == SOL_SOCKET) {
		error = socket_option_load(world, file, name, value, length);
		if (error != -ENOPROTOOPT)
			return error;
	}
	room = *length;
	error = option_set_load(&file->options, &target, level, name, value, &room);
	*length = error ? *length : room;
	return error;
}

/* ---- fcntl, ioctl */

int drill_fcntl(struct file *file, int command, long argument)
{
	switch (command) {
	case F_GETFL:
		return O_RDWR | (file->nonblocking ? O_NONBLOCK : 0);
	case F_SETFL:
		file->nonblocking = argument & O_NONBLOCK;
		return 0;
	case F_GETFD:
		return FD_CLOEXEC;
	case F_SETFD:
		return 0;
	default:
		return -EINVAL;
	}
}

int drill_ioctl(struct world *world, struct file *file, unsigned long request, void *argument)
{
	struct eleven_status status;
	bool asleep;
	int *out = argument;

	if (request == FIONBIO) {
		file->nonblocking = *out != 0;
		return 0;
	}
	socket_status(world, file, &status);
	if (request != SIOCINQ && request != SIOCOUTQ && request != SIOCOUTQNSD && request != SIOCATMARK)
		return -ENOTTY;
	if (!argument)
		return -EFAULT;
	if (status.state == ELEVEN_LISTEN && request != SIOCATMARK)
		return -EINVAL;
	asleep = status.state == ELEVEN_SYN_SENT || status.state == ELEVEN_SYN_RECEIVED ||
		 status.state == ELEVEN_CLOSED;
	if (request == SIOCINQ)
		*out = status.state == ELEVEN_SYN_SENT ? 0 : (int)status.receive_queue;
	else if (request == SIOCOUTQ)
		*out = asleep ? 0 : (int)status.send_queue;
	else if (request == SIOCOUTQNSD)
		*out = asleep ? 0 : (int)status.unsent;
	else
		*out = 0;
	return 0;
}
