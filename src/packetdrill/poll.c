/* SPDX-License-Identifier: MIT */
/* poll and epoll, over sockets of the table and descriptors of the kernel alike; see calls.h. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "packetdrill/calls.h"

#define ALWAYS ((uint32_t)(POLLERR | POLLHUP))

/* Which of `asked` a descriptor has now. */
static uint32_t events_now(struct world *world, int fd, uint32_t asked)
{
	struct file *file = file_of(world, fd);
	struct pollfd one = { .fd = fd, .events = (short)asked };

	if (file)
		return file_events(world, file) & (asked | ALWAYS);
	return poll(&one, 1, 0) > 0 ? (uint32_t)(unsigned short)one.revents : 0;
}

static uint64_t deadline_of(const struct world *world, int timeout_ms)
{
	return timeout_ms < 0 ? TIME_NEVER : world->now_ns + MS((uint64_t)timeout_ms);
}

/* ---- poll */

struct poll_call {
	struct call call;
	struct pollfd *set;
	nfds_t count;
};

static bool poll_attempt(struct world *world, struct call *call)
{
	struct poll_call *poll = (struct poll_call *)(void *)call;
	int ready = 0;

	for (nfds_t i = 0; i < poll->count; i++) {
		struct pollfd *one = &poll->set[i];

		one->revents = one->fd < 0 ? 0 : (short)events_now(world, one->fd, (unsigned short)one->events);
		ready += one->revents != 0;
	}
	call->result = ready;
	return ready > 0;
}

int drill_poll(struct world *world, struct pollfd *set, nfds_t count, int timeout_ms)
{
	struct poll_call poll = {
		.call = { poll_attempt, .deadline_ns = deadline_of(world, timeout_ms) },
		.set = set, .count = count,
	};

	if (!set && count > 0)
		return -EFAULT;
	return (int)call_run(world, &poll.call, true);
}

/* ---- epoll */

static struct watch **watch_find(struct file *epoll, int fd)
{
	struct watch **at = &epoll->watches;

	while (*at && (*at)->fd != fd)
		at = &(*at)->next;
	return at;
}

static void watch_set(struct world *world, struct file *epoll, struct watch *watch, const struct epoll_event *event)
{
	watch->events = event->events;
	watch->data = event->data;
	watch->ready = events_now(world, watch->fd, watch->events) != 0;
	watch->order = ++epoll->watch_order;
}

int drill_epoll_ctl(struct world *world, struct file *epoll, int operation, int fd, const struct epoll_event *event)
{
	struct watch **at = watch_find(epoll, fd), *watch = *at;

	if (operation != EPOLL_CTL_DEL && !event)
		return -EFAULT;
	if (fd == epoll->fd)
		return -EINVAL;
	switch (operation) {
	case EPOLL_CTL_ADD:
		if (watch)
			return -EEXIST;
		watch = calloc(1, sizeof(*watch));
		if (!watch)
			return -ENOMEM;
		watch->fd = fd;
		*at = watch;
		watch_set(world, epoll, watch, event);
		break;
	case EPOLL_CTL_MOD:
		if (!watch)
			return -ENOENT;
		watch_set(world, epoll, watch, event);
		break;
	case EPOLL_CTL_DEL:
		if (!watch)
			return -ENOENT;
		*at = watch->next;
		free(watch);
		break;
	default:
		return -EINVAL;
	}
	world_run(world);
	return 0;
}

struct epoll_call {
	struct call call;
	struct file *epoll;
	struct epoll_event *events;
	int room;
};

/* The one that has been ready for longest, and is still; NULL: none. */
static struct watch *watch_next(struct world *world, struct file *epoll, uint64_t after, uint32_t *events)
{
	struct watch *first = NULL;

	for (struct watch *watch = epoll->watches; watch; watch = watch->next) {
		bool kernels = !file_of(world, watch->fd);
		uint32_t now;

		if ((!watch->ready && !kernels) || watch->order <= after || (first && watch->order > first->order))
			continue;
		now = watch->events & ~(uint32_t)(EPOLLET | EPOLLONESHOT) ?
		      events_now(world, watch->fd, watch->events) : 0;
		watch->ready = now != 0;
		if (!now)
			continue;
		first = watch;
		*events = now;
	}
	return first;
}

static bool epoll_attempt(struct world *world, struct call *call)
{
	struct epoll_call *wait = (struct epoll_call *)(void *)call;
	uint64_t last = wait->epoll->watch_order, after = 0;
	uint32_t events = 0;
	struct watch *watch;
	int n = 0;

	while (n < wait->room && (watch = watch_next(world, wait->epoll, after, &events)) != NULL &&
	       watch->order <= last) {
		after = watch->order;
		wait->events[n].events = events;
		wait->events[n++].data = watch->data;
		if (watch->events & EPOLLONESHOT)
			watch->events &= EPOLLET | EPOLLONESHOT;
		if (watch->events & (EPOLLET | EPOLLONESHOT))
			watch->ready = false;
		else
			watch->order = ++wait->epoll->watch_order;      /* behind the others */
	}
	call->result = n;
	return n > 0;
}

int drill_epoll_wait(struct world *world, struct file *epoll, struct epoll_event *events, int room, int timeout_ms)
{
	struct epoll_call wait = {
		.call = { epoll_attempt, .deadline_ns = deadline_of(world, timeout_ms) },
		.epoll = epoll, .events = events, .room = room,
	};

	if (room <= 0)
		return -EINVAL;
	if (!events)
		return -EFAULT;
	return (int)call_run(world, &wait.call, true);
}
