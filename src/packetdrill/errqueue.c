/* SPDX-License-Identifier: MIT */
/* Notices of text that was sent; see errqueue.h. */
#include "packetdrill/errqueue.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "packetdrill/file.h"

#define TSTAMPS (SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_TX_ACK)

struct mark {
	struct mark *next;
	uint64_t end;           /* of the stream, behind the last byte of the send */
	uint32_t asked;         /* SOF_TIMESTAMPING_TX_… that are still to come */
	uint32_t key;
	uint32_t number;        /* of the MSG_ZEROCOPY send */
	bool zerocopy;
};

struct notice {
	struct notice *next;
	uint64_t time_ns;
	uint32_t info, data;
	uint8_t origin;
};

static void notice_add(struct world *world, struct file *file, uint8_t origin, uint32_t info, uint32_t data)
{
	struct errqueue *queue = &file->errqueue;
	struct notice *notice = queue->last;

	/* Linux joins zerocopy notices whose numbers follow each other. */
	if (origin == SO_EE_ORIGIN_ZEROCOPY && notice && notice->origin == origin && notice->data + 1 == info) {
		notice->data = data;
		file_wake(world, file->fd, POLLERR);
		return;
	}
	notice = calloc(1, sizeof(*notice));
	if (!notice)
		abort();
	*notice = (struct notice){ .time_ns = world->now_ns, .info = info, .data = data, .origin = origin };
	if (queue->last)
		queue->last->next = notice;
	else
		queue->first = notice;
	queue->last = notice;
	file_wake(world, file->fd, POLLERR);
}

void errqueue_timestamping(struct world *world, struct file *file, uint32_t flags)
{
	struct eleven_status status;
	struct errqueue *queue = &file->errqueue;

	if (flags & SOF_TIMESTAMPING_OPT_ID && !(queue->timestamping & SOF_TIMESTAMPING_OPT_ID))
		queue->key_from = queue->written - (socket_status(world, file, &status) ? status.send_queue : 0);
	queue->timestamping = flags;
}

void errqueue_sent(struct file *file, uint64_t bytes, int flags)
{
	struct errqueue *queue = &file->errqueue;
	bool zerocopy = flags & MSG_ZEROCOPY && queue->zerocopy && bytes > 0;
	struct mark **at = &queue->marks;
	struct mark *mark;

	if (!zerocopy && (!(queue->timestamping & TSTAMPS) || bytes == 0))
		return;
	mark = calloc(1, sizeof(*mark));
	if (!mark)
		abort();
	while (*at)
		at = &(*at)->next;
	*at = mark;
	mark->end = queue->written;
	mark->asked = queue->timestamping & TSTAMPS;
	mark->key = queue->timestamping & SOF_TIMESTAMPING_OPT_ID ? (uint32_t)(mark->end - queue->key_from - 1) : 0;
	mark->zerocopy = zerocopy;
	if (zerocopy)
		mark->number = queue->zerocopies++;
}

static void stamp(struct world *world, struct file *file, struct mark *mark, uint32_t asked, uint32_t kind)
{
	if (!(mark->asked & asked))
		return;
	mark->asked &= ~asked;
	notice_add(world, file, SO_EE_ORIGIN_TIMESTAMPING, kind, mark->key);
}

static void file_run(struct world *world, struct file *file)
{
	struct errqueue *queue = &file->errqueue;
	struct eleven_status status;
	uint64_t sent, acked;

	if (!queue->marks)
		return;
	socket_status(world, file, &status);
	sent = queue->written - status.unsent;
	acked = queue->written - status.send_queue;
	for (struct mark *mark = queue->marks; mark && mark->end <= sent; mark = mark->next) {
		stamp(world, file, mark, SOF_TIMESTAMPING_TX_SCHED, SCM_TSTAMP_SCHED);
		stamp(world, file, mark, SOF_TIMESTAMPING_TX_SOFTWARE, SCM_TSTAMP_SND);
	}
	while (queue->marks && queue->marks->end <= acked) {
		struct mark *mark = queue->marks;

		stamp(world, file, mark, SOF_TIMESTAMPING_TX_ACK, SCM_TSTAMP_ACK);
		if (mark->zerocopy)
			notice_add(world, file, SO_EE_ORIGIN_ZEROCOPY, mark->number, mark->number);
		queue->marks = mark->next;
		free(mark);
	}
}

void errqueues_run(struct world *world)
{
	for (int i = 0; i < DESCRIPTORS_MAX; i++)
		if (world->files[i] && world->files[i]->kind == FILE_SOCKET)
			file_run(world, world->files[i]);
}

/* ---- telling */

static void control_put(struct msghdr *message, size_t *used, int level, int type, const void *data, size_t bytes)
{
	struct cmsghdr *control = (void *)((char *)message->msg_control + *used);

	if (!message->msg_control || *used + CMSG_LEN(bytes) > message->msg_controllen) {
		message->msg_flags |= MSG_CTRUNC;
		return;
	}
	control->cmsg_level = level;
	control->cmsg_type = type;
	control->cmsg_len = CMSG_LEN(bytes);
	memcpy(CMSG_DATA(control), data, bytes);
	*used += CMSG_SPACE(bytes);
	if (*used > message->msg_controllen)
		*used = message->msg_controllen;
}

int errqueue_take(struct file *file, struct msghdr *message)
{
	struct notice *notice = file->errqueue.first;
	struct scm_timestamping times = { 0 };
	struct {
		struct sock_extended_err error;
		union {
			struct sockaddr_in v4;
			struct sockaddr_in6 v6;
		} offender;
	} told = { 0 };
	bool v6 = file->family == AF_INET6;
	size_t used = 0;

	if (!notice)
		return -EAGAIN;
	message->msg_flags = MSG_ERRQUEUE;
	message->msg_namelen = 0;
	told.error.ee_origin = notice->origin;
	told.error.ee_info = notice->info;
	told.error.ee_data = notice->data;
	if (notice->origin == SO_EE_ORIGIN_TIMESTAMPING) {
		told.error.ee_errno = ENOMSG;
		message->msg_flags |= MSG_TRUNC;        /* of the packet, which comes along on Linux */
		times.ts[0].tv_sec = (time_t)(notice->time_ns / SEC(1));
		times.ts[0].tv_nsec = (long)(notice->time_ns % SEC(1));
		control_put(message, &used, SOL_SOCKET, SCM_TIMESTAMPING, &times, sizeof(times));
	} else {
		told.error.ee_code = SO_EE_CODE_ZEROCOPY_COPIED;        /* the stack copies on the way in */
	}
	control_put(message, &used, v6 ? SOL_IPV6 : SOL_IP, v6 ? IPV6_RECVERR : IP_RECVERR, &told,
		    sizeof(told.error) + (v6 ? sizeof(told.offender.v6) : sizeof(told.offender.v4)));
	message->msg_controllen = used;
	file->errqueue.first = notice->next;
	if (!notice->next)
		file->errqueue.last = NULL;
	free(notice);
	return 0;
}

void errqueue_drop(struct errqueue *queue)
{
	while (queue->marks) {
		struct mark *mark = queue->marks;

		queue->marks = mark->next;
		free(mark);
	}
	while (queue->first) {
		struct notice *notice = queue->first;

		queue->first = notice->next;
		free(notice);
	}
	queue->last = NULL;
}
