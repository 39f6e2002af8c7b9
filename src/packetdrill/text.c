/* SPDX-License-Identifier: MIT */
/* Text: receive, send, recvmsg, splice; see calls.h. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/time.h"
#include "packetdrill/calls.h"
#include "packetdrill/sndbuf.h"

#define CM_INQ 36               /* TCP_CM_INQ of linux/tcp.h */
#define SPLICE_PIECE 65536
#define PACKET_PAGES 17         /* MAX_SKB_FRAGS */
#define SYN_OPTIONS_MAX 40      /* bytes that a SYN with text leaves to options, as Linux does */

static bool may_wait(const struct file *file, int flags)
{
	return !file->nonblocking && !(flags & MSG_DONTWAIT);
}

static uint64_t deadline_after(const struct world *world, uint64_t ns)
{
	return ns == TIME_NEVER ? TIME_NEVER : world->now_ns + ns;
}

static size_t parts_bytes(const struct iovec *parts, size_t count)
{
	size_t bytes = 0;

	for (size_t i = 0; i < count; i++)
		bytes += parts[i].iov_len;
	return bytes;
}

/* ---- receive */

struct receive_call {
	struct call call;
	struct file *file;
	const struct iovec *parts;
	size_t count, bytes, copied;
	size_t target;          /* fewer are not enough, unless no more can come */
	int flags;
};

/* Copies into the parts from `at` on; false: a part is at no address. */
static bool scatter(const struct receive_call *receive, size_t at, const uint8_t *from, size_t bytes)
{
	if (receive->flags & MSG_TRUNC)
		return true;            /* tcp(7): thrown away */
	for (size_t i = 0; i < receive->count && bytes > 0; i++) {
		const struct iovec *part = &receive->parts[i];
		size_t n;

		if (at >= part->iov_len) {
			at -= part->iov_len;
			continue;
		}
		n = part->iov_len - at < bytes ? part->iov_len - at : bytes;
		if (!part->iov_base)
			return false;
		memcpy((uint8_t *)part->iov_base + at, from, n);
		from += n;
		bytes -= n;
		at = 0;
	}
	return true;
}

/* Takes what is there; -EFAULT, or how much. */
static int64_t receive_some(struct world *world, struct receive_call *receive)
{
	struct eleven_slice text[2];
	size_t taken = 0, room = receive->bytes - receive->copied;
	int n = eleven_receive_buf(world->stack, receive->file->handle, text, world->now_ns);

	for (int i = 0; i < n && taken < room; i++) {
		size_t some = text[i].length < room - taken ? text[i].length : room - taken;

		if (!scatter(receive, receive->copied + taken, text[i].bytes, some))
			return taken ? (int64_t)taken : -EFAULT;
		taken += some;
	}
	if (!(receive->flags & MSG_PEEK))
		eleven_receive_commit(world->stack, receive->file->handle, taken, world->now_ns);
	return (int64_t)taken;
}

/* Nothing is there: will something come?  False: perhaps. */
static bool receive_ended(struct world *world, struct receive_call *receive, const struct eleven_status *status)
{
	struct file *file = receive->file;

	files_signalled(world);
	if (receive->copied > 0) {
		receive->call.result = (int64_t)receive->copied;
		return file->error || file->read_shut || status->sub & ELEVEN_SUB_FIN_RECEIVED ||
		       status->state == ELEVEN_CLOSED;
	}
	if (status->sub & ELEVEN_SUB_FIN_RECEIVED) {
		receive->call.result = 0;
		return true;
	}
	if (file->error) {
		receive->call.result = -socket_error_take(file);
		return true;
	}
	if (status->state == ELEVEN_CLOSED) {
		receive->call.result = file->connecting == CONNECT_NONE ? -ENOTCONN : 0;
		return true;
	}
	receive->call.result = 0;
	return file->read_shut;
}

static bool receive_attempt(struct world *world, struct call *call)
{
	struct receive_call *receive = (struct receive_call *)(void *)call;
	struct eleven_status status;

	socket_status(world, receive->file, &status);
	if (status.state == ELEVEN_LISTEN) {
		call->result = -ENOTCONN;
		return true;
	}
	if (status.receive_queue > 0) {
		bool peek = receive->flags & MSG_PEEK;
		int64_t n;

		if (peek && status.receive_queue < receive->target && !receive_ended(world, receive, &status))
			return false;
		n = receive_some(world, receive);
		if (n < 0) {
			call->result = receive->copied ? (int64_t)receive->copied : n;
			return true;
		}
		receive->copied += (size_t)n;
		call->result = call->timeout_result = (int64_t)receive->copied;
		if (peek || receive->copied >= receive->target)
			return true;
		socket_status(world, receive->file, &status);
	}
	return receive_ended(world, receive, &status);
}

ssize_t drill_receive(struct world *world, struct file *file, const struct iovec *parts, size_t count, int flags)
{
	struct receive_call receive = {
		.call = { receive_attempt, .deadline_ns = deadline_after(world, file->receive_timeout_ns),
			  .timeout_result = -EAGAIN },
		.file = file, .parts = parts, .count = count, .bytes = parts_bytes(parts, count), .flags = flags,
	};
	int64_t result;

	if (flags & MSG_OOB)
		return -EINVAL;
	if (flags & MSG_ERRQUEUE)
		return -EAGAIN;         /* they come by recvmsg alone */
	receive.target = flags & MSG_WAITALL || receive.bytes < (size_t)file->receive_low ? receive.bytes :
			 (size_t)file->receive_low;
	if (receive.target == 0)
		receive.target = 1;
	result = call_run(world, &receive.call, may_wait(file, flags));
	return result == -EAGAIN && receive.copied > 0 ? (ssize_t)receive.copied : (ssize_t)result;
}

/* What is left to read, for TCP_INQ; the end counts as one. */
static void inq_tell(struct world *world, struct file *file, struct msghdr *message)
{
	struct eleven_status status;
	struct cmsghdr *control = message->msg_control;
	int left;

	socket_status(world, file, &status);
	left = (int)status.receive_queue;
	if (left == 0 && status.sub & ELEVEN_SUB_FIN_RECEIVED)
		left = 1;
	if (!control || message->msg_controllen < CMSG_LEN(sizeof(left))) {
		message->msg_flags |= MSG_CTRUNC;
		message->msg_controllen = 0;
		return;
	}
	control->cmsg_level = IPPROTO_TCP;
	control->cmsg_type = CM_INQ;
	control->cmsg_len = CMSG_LEN(sizeof(left));
	memcpy(CMSG_DATA(control), &left, sizeof(left));
	if (message->msg_controllen > CMSG_SPACE(sizeof(left)))
		message->msg_controllen = CMSG_SPACE(sizeof(left));
}

ssize_t drill_receive_message(struct world *world, struct file *file, struct msghdr *message, int flags)
{
	ssize_t n;

	if (flags & MSG_ERRQUEUE) {
		errqueues_run(world);
		return errqueue_take(file, message);
	}
	n = drill_receive(world, file, message->msg_iov, message->msg_iovlen, flags);
	if (n < 0)
		return n;
	message->msg_namelen = 0;
	message->msg_flags = 0;
	if (file->inq)
		inq_tell(world, file, message);
	else
		message->msg_controllen = 0;
	return n;
}

/* ---- send */

struct send_call {
	struct call call;
	struct file *file;
	const struct iovec *parts;
	size_t count, bytes, sent;
	unsigned flags;
	bool pages;             /* MSG_ZEROCOPY: each part is a page of its own */
};

/* The end of what Linux puts into one packet: so many parts, if they are pages of the program. */
static bool is_last(const struct send_call *send, size_t at)
{
	if (at == send->bytes)
		return true;
	for (size_t i = 0, end = 0; send->pages && i < send->count && end < at; i++) {
		end += send->parts[i].iov_len;
		if (end == at)
			return (i + 1) % PACKET_PAGES == 0;
	}
	return false;
}

/* The part in which `at` lies, from there on. */
static struct iovec part_at(const struct send_call *send, size_t at)
{
	for (size_t i = 0; i < send->count; i++) {
		if (at < send->parts[i].iov_len) {
			uint8_t *base = send->parts[i].iov_base;

			return (struct iovec){ base ? base + at : NULL, send->parts[i].iov_len - at };
		}
		at -= send->parts[i].iov_len;
	}
	return (struct iovec){ NULL, 0 };
}

/* May it be sent now?  0; 1: not yet; else -errno. */
static int send_allowed(struct world *world, struct file *file)
{
	struct eleven_status status;

	files_signalled(world);
	socket_status(world, file, &status);
	if (file->error)
		return -socket_error_take(file);
	if (file->write_shut || status.state == ELEVEN_CLOSED || status.state == ELEVEN_LISTEN)
		return -EPIPE;
	return status_is_opening(&status);
}

static bool send_attempt(struct world *world, struct call *call)
{
	struct send_call *send = (struct send_call *)(void *)call;
	int allowed = send_allowed(world, send->file);

	if (allowed < 0) {
		call->result = send->sent ? (int64_t)send->sent : allowed;
		return true;
	}
	if (allowed > 0)
		return false;
	if (send->file->send_full && !sndbuf_writable(world, send->file))
		return false;
	while (send->sent < send->bytes) {
		struct iovec part = part_at(send, send->sent);
		bool last = is_last(send, send->sent + part.iov_len);
		uint32_t room = sndbuf_room(world, send->file);
		int64_t n;

		if (room == 0)
			return false;
		if (part.iov_len > room) {
			part.iov_len = room;
			last = sndbuf_push_due(world, send->file, room);
		}
		if (!part.iov_base) {
			call->result = send->sent ? (int64_t)send->sent : -EFAULT;
			return true;
		}
		n = eleven_send(world->stack, send->file->handle, part.iov_base, part.iov_len,
				last ? send->flags | (send->pages ? ELEVEN_SEND_RECORD : 0) : ELEVEN_SEND_MORE,
				world->now_ns);
		if (n <= 0)
			return false;
		send->sent += (size_t)n;
		send->file->errqueue.written += (size_t)n;
		if (last)
			send->file->pushed = send->file->errqueue.written;
		call->timeout_result = (int64_t)send->sent;
		if ((size_t)n < part.iov_len)
			return false;
		if (send->sent < send->bytes)
			world_take(world);
	}
	call->result = (int64_t)send->sent;
	return true;
}

/* Gives the connection as much as its SYN can take along (RFC 7413); answers how much that was. */
static size_t syn_text(struct world *world, struct file *file, const struct iovec *parts, size_t count, size_t mss)
{
	size_t most = mss > SYN_OPTIONS_MAX ? mss - SYN_OPTIONS_MAX : 0, given = 0;

	for (size_t i = 0; i < count && given < most; i++) {
		size_t bytes = parts[i].iov_len < most - given ? parts[i].iov_len : most - given;
		int64_t n = 0;

		if (parts[i].iov_base)
			n = eleven_send(world->stack, file->handle, parts[i].iov_base, bytes, 0, world->now_ns);
		if (n <= 0)
			break;
		given += (size_t)n;
	}
	return given;
}

/* connect() and the first text in one.  Without a cookie of the server it is a connect that asks for one. */
ssize_t drill_send_fast(struct world *world, struct file *file, const struct iovec *parts, size_t count, int flags,
			const struct sockaddr *address, socklen_t length)
{
	struct eleven_status status;
	int result = world_begin(world);

	if (result < 0)
		return result;
	if (!(world->settings.config.fast_open & 1))
		return -EOPNOTSUPP;
	if (file->connecting != CONNECT_NONE)
		return file->connecting == CONNECT_BEGUN ? -EALREADY : -EISCONN;
	if (!address)
		return -EINVAL;
	result = eleven_option_set(world->stack, file->handle, ELEVEN_OPTION_FAST_OPEN_CONNECT, 1, world->now_ns);
	if (result == 0)
		result = drill_connect_begin(world, file, address, length);
	if (result < 0)
		return result;
	socket_status(world, file, &status);
	if (!(status.sub & ELEVEN_SUB_SYN_WAITS)) {
		world_run(world);
		if (!may_wait(file, flags))
			return -EINPROGRESS;
		result = drill_connect_wait(world, file);
		if (result < 0)
			return result;
	}
	return drill_send(world, file, parts, count, flags & ~MSG_FASTOPEN);
}

ssize_t drill_send(struct world *world, struct file *file, const struct iovec *parts, size_t count, int flags)
{
	struct send_call send = {
		.call = { send_attempt, .deadline_ns = deadline_after(world, file->send_timeout_ns),
			  .timeout_result = -EAGAIN },
		.file = file, .parts = parts, .count = count, .bytes = parts_bytes(parts, count),
	};
	struct eleven_status status;
	int64_t result;

	socket_status(world, file, &status);
	if (status.sub & ELEVEN_SUB_SYN_WAITS) {
		for (size_t i = 0; i < count; i++)
			if (!parts[i].iov_base && parts[i].iov_len > 0)
				return -EFAULT;
		if (send.bytes == 0)
			eleven_send(world->stack, file->handle, "", 0, 0, world->now_ns);
		send.sent = syn_text(world, file, parts, count, status.mss_send);
		file->errqueue.written += send.sent;
		world_run(world);
		if (!may_wait(file, flags)) {
			errqueue_sent(file, send.sent, flags);
			return send.sent > 0 ? (ssize_t)send.sent : -EINPROGRESS;
		}
		result = drill_connect_wait(world, file);
		if (result < 0)
			return result == -EINPROGRESS && send.sent > 0 ? (ssize_t)send.sent : (ssize_t)result;
	}
	send.flags = (flags & MSG_MORE ? ELEVEN_SEND_MORE : 0) | (flags & MSG_OOB ? ELEVEN_SEND_URGENT : 0) |
		     (flags & MSG_EOR ? ELEVEN_SEND_RECORD : 0);
	send.pages = flags & MSG_ZEROCOPY && file->errqueue.zerocopy;
	result = call_run(world, &send.call, may_wait(file, flags));
	errqueue_sent(file, send.sent, flags);
	errqueues_run(world);
	return result == -EAGAIN && send.sent > 0 ? (ssize_t)send.sent : (ssize_t)result;
}

/* ---- splice, sendfile */

static size_t pipe_room(int pipe)
{
	int size = fcntl(pipe, F_GETPIPE_SZ), used = 0;

	if (size < 0 || ioctl(pipe, FIONREAD, &used) < 0 || used > size)
		return 0;
	return (size_t)(size - used);
}

ssize_t drill_splice_in(struct world *world, struct file *file, int pipe, size_t bytes, unsigned flags)
{
	static uint8_t text[SPLICE_PIECE];
	size_t room = pipe_room(pipe);
	struct iovec part = { text, bytes < sizeof(text) ? bytes : sizeof(text) };
	ssize_t n;

	if (room == 0)
		return -EAGAIN;
	if (part.iov_len > room)
		part.iov_len = room;
	n = drill_receive(world, file, &part, 1, flags & SPLICE_F_NONBLOCK ? MSG_DONTWAIT : 0);
	if (n > 0 && write(pipe, text, (size_t)n) < 0)
		return -errno;
	return n;
}

ssize_t drill_splice_out(struct world *world, int from, off_t *offset, struct file *file, size_t bytes, unsigned flags)
{
	static uint8_t text[SPLICE_PIECE];
	int message_flags = (flags & SPLICE_F_MORE ? MSG_MORE : 0) | (flags & SPLICE_F_NONBLOCK ? MSG_DONTWAIT : 0);
	size_t done = 0;

	while (done < bytes) {
		size_t want = bytes - done < sizeof(text) ? bytes - done : sizeof(text);
		struct iovec part = { text, 0 };
		ssize_t n = offset ? pread(from, text, want, *offset) : read(from, text, want);

		if (n <= 0)
			return done ? (ssize_t)done : n < 0 ? -errno : 0;
		part.iov_len = (size_t)n;
		n = drill_send(world, file, &part, 1,
			       message_flags | (done + (size_t)n < bytes && offset ? MSG_MORE : 0));
		if (n < 0)
			return done ? (ssize_t)done : n;
		done += (size_t)n;
		if (offset)
			*offset += n;
		else
			break;
		if ((size_t)n < part.iov_len)
			break;
	}
	return (ssize_t)done;
}
