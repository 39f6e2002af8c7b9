/* SPDX-License-Identifier: MIT */
/*
 * Stacks, their links, and the turn; see host.h.
 *
 * A stack is "kicked" when it has something to do: its link has packets, a deadline is due, a
 * service called it.  The hook before each sleep of the loop works on kicked stacks until none is
 * left, at most TURN_PASSES_MAX times over, so that two stacks that keep each other busy on the
 * virtual wire do not shut out the descriptors; then it tells the loop when the next is due.
 */
#include "host/host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/check.h"
#include "base/time.h"
#include "host/recorded.h"
#include "link/link.h"

/* Times over all stacks before the descriptors get their turn. */
#define TURN_PASSES_MAX 16

struct host {
	struct loop *loop;
	uint64_t wall_offset;
	unsigned count;
	struct host_stack *stacks[HOST_STACKS_MAX];
	uint64_t packets_in[HOST_STACKS_MAX];   /* serial of the next packet in, less one */
	struct { host_signal_fn *fn; void *context; } on_signal[HOST_SERVICES_MAX];
	struct { host_turn_fn *fn; void *context; } on_turn[HOST_SERVICES_MAX];
	struct { host_packet_fn *fn; void *context; } on_packet[HOST_SERVICES_MAX];
	unsigned signal_count, turn_count, packet_count;
};

/* ---------------------------------------------------------------- the turn */

static void packets_in_show(struct host *host, struct host_stack *s, const struct eleven_packet *packets, unsigned n,
			    uint64_t now)
{
	for (unsigned i = 0; i < n; i++) {
		struct eleven_slice slice = { packets[i].bytes, packets[i].length };
		struct host_packet seen = {
			.time = now, .serial = host->packets_in[s->index] + i + 1,
			.slice = &slice, .slices = 1, .length = slice.length,
			.kind = (uint8_t)s->interface.kind, .segment_bytes = packets[i].segment_bytes,
			.checksum_open = packets[i].flags & ELEVEN_PACKET_CHECKSUM_OK,
		};

		for (unsigned f = 0; f < host->packet_count; f++)
			host->on_packet[f].fn(host->on_packet[f].context, s, &seen);
	}
}

static void packets_out_show(struct host *host, struct host_stack *s, const struct eleven_out *packets, unsigned n,
			     uint64_t now)
{
	for (unsigned i = 0; i < n; i++) {
		struct host_packet seen = {
			.time = now, .serial = packets[i].serial,
			.slice = packets[i].slice, .slices = packets[i].slices, .length = packets[i].length,
			.out = true, .kind = (uint8_t)s->interface.kind,
			.segment_bytes = packets[i].segment_bytes,
			.checksum_open = packets[i].flags & ELEVEN_PACKET_CHECKSUM_PARTIAL,
		};

		for (unsigned f = 0; f < host->packet_count; f++)
			host->on_packet[f].fn(host->on_packet[f].context, s, &seen);
	}
}

static void stack_receive(struct host *host, struct host_stack *s, uint64_t now)
{
	struct eleven_packet packets[HOST_PACKETS_MAX];
	unsigned n = link_receive(s->link, packets, HOST_PACKETS_MAX, now);

	if (n == 0)
		return;
	if (host->packet_count > 0)
		packets_in_show(host, s, packets, n, now);
	host->packets_in[s->index] += n;
	eleven_input(s->stack, packets, n, now);
	link_release(s->link);
	if (n == HOST_PACKETS_MAX)
		s->kicked = s->readable = true; /* there may be more */
}

static void stack_signal(struct host *host, struct host_stack *s)
{
	struct eleven_signal signal;

	while (eleven_signal(s->stack, &signal))
		for (unsigned f = 0; f < host->signal_count; f++)
			host->on_signal[f].fn(host->on_signal[f].context, s, &signal);
}

static void stack_send(struct host *host, struct host_stack *s, uint64_t now)
{
	struct eleven_out packets[HOST_PACKETS_MAX];
	unsigned room, n;

	while ((room = link_room(s->link)) > 0) {
		n = eleven_output(s->stack, packets, room < HOST_PACKETS_MAX ? room : HOST_PACKETS_MAX, now);
		if (n == 0)
			return;
		if (host->packet_count > 0)
			packets_out_show(host, s, packets, n, now);
		link_send(s->link, packets, n, now);
	}
	s->kicked = true;               /* the receiver has to make room first */
}

/*
 * A descriptor tells when it has packets, and is not asked in vain.  But before a timeout runs it is: the ACK that
 * disarms it may lie there.
 */
static bool stack_may_receive(struct host_stack *s, uint64_t now)
{
	bool readable = s->readable || s->link_fd < 0;

	s->readable = false;
	return readable || link_deadline(s->link) <= now || eleven_deadline(s->stack) <= now;
}

static void stack_turn(struct host *host, struct host_stack *s, uint64_t now)
{
	s->kicked = false;
	if (stack_may_receive(s, now))
		stack_receive(host, s, now);
	eleven_timers(s->stack, now);
	stack_signal(host, s);
	stack_send(host, s, now);
	for (unsigned f = 0; f < host->turn_count; f++)
		host->on_turn[f].fn(host->on_turn[f].context, s);
}

/* When a stack needs its turn; 0: now. */
static uint64_t stack_deadline(const struct host_stack *s)
{
	uint64_t link, own;

	if (s->kicked)
		return 0;
	link = link_deadline(s->link);
	own = eleven_deadline(s->stack);
	return link < own ? link : own;
}

static uint64_t host_turn(void *context, uint64_t now)
{
	struct host *host = context;
	uint64_t until = 0;

	for (unsigned pass = 0; pass < TURN_PASSES_MAX && until <= now; pass++) {
		until = UINT64_MAX;
		for (unsigned i = 0; i < host->count; i++)
			if (stack_deadline(host->stacks[i]) <= now)
				stack_turn(host, host->stacks[i], now);
		for (unsigned i = 0; i < host->count; i++) {
			uint64_t at = stack_deadline(host->stacks[i]);

			until = at < until ? at : until;
		}
	}
	return until;
}

/* ---------------------------------------------------------------- the host */

struct host *host_create(struct loop *loop)
{
	struct host *host = calloc(1, sizeof(*host));
	struct timespec wall, monotonic;

	if (!host)
		return NULL;
	host->loop = loop;
	clock_gettime(CLOCK_REALTIME, &wall);
	clock_gettime(CLOCK_MONOTONIC, &monotonic);
	host->wall_offset = ((uint64_t)wall.tv_sec - (uint64_t)monotonic.tv_sec) * SEC(1) + (uint64_t)wall.tv_nsec -
			    (uint64_t)monotonic.tv_nsec;
	if (loop_hook_add(loop, host_turn, host) < 0) {
		free(host);
		errno = ENOSPC;
		return NULL;
	}
	return host;
}

static void stack_free(struct host *host, struct host_stack *s)
{
	if (s->link_fd >= 0)
		loop_remove(host->loop, s->link_fd);
	if (s->link)
		link_destroy(s->link);
	if (s->memory)
		munmap(s->memory, s->memory_bytes);
	free(s);
}

void host_destroy(struct host *host)
{
	if (!host)
		return;
	for (unsigned i = 0; i < host->count; i++)
		stack_free(host, host->stacks[i]);
	loop_hook_remove(host->loop, host_turn, host);
	free(host);
}

struct loop *host_loop(const struct host *host)
{
	return host->loop;
}

uint64_t host_now(const struct host *host)
{
	return loop_now(host->loop);
}

uint64_t host_wall_offset(const struct host *host)
{
	return host->wall_offset;
}

void host_kick(struct host_stack *s)
{
	s->kicked = true;
}

static void link_readable(void *context, int fd, uint32_t events)
{
	struct host_stack *s = context;

	if (events & (EPOLLERR | EPOLLHUP)) {
		/* The device was deleted: it would be reported for ever.  The stack goes on without. */
		fprintf(stderr, "eleven: host '%s': its link, %s, is gone\n", s->name, s->link->name);
		loop_remove(s->host->loop, fd);
		s->link_fd = -1;
	}
	s->readable = true;
	host_kick(s);
}

static void link_woken(void *context)
{
	struct host_stack *s = context;

	s->readable = true;
	host_kick(s);
}

static int stack_create(struct host *host, struct host_stack *s, const char *name)
{
	int error;

	s->memory_bytes = eleven_size(&s->config);
	if (s->memory_bytes == 0)
		return -EINVAL;
	s->memory = mmap(NULL, s->memory_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			 -1, 0);
	if (s->memory == MAP_FAILED) {
		s->memory = NULL;
		return -ENOMEM;
	}
	error = recorded_create(&s->stack, s->memory, s->memory_bytes, &s->config, &s->interface, name, host_now(host));
	if (error < 0)
		return error;
	s->link_fd = link_descriptor(s->link);
	if (s->link_fd >= 0)
		return loop_add(host->loop, s->link_fd, EPOLLIN, link_readable, s);
	return 0;
}

static bool name_is_good(const char *name)
{
	size_t length = strlen(name);

	return length > 0 && length < HOST_NAME_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == length;
}

int host_stack_add(struct host *host, const char *name, const struct eleven_config *config,
		   const struct eleven_interface *interface, struct link *link, struct host_stack **added)
{
	struct host_stack *s = calloc(1, sizeof(*s));
	int error = 0;

	if (!s) {
		link_destroy(link);
		return -ENOMEM;
	}
	s->link_fd = -1;
	s->link = link;
	s->host = host;
	s->config = *config;
	s->interface = *interface;
	s->index = host->count;
	if (!name_is_good(name))
		error = -EINVAL;
	else if (host_find(host, name))
		error = -EEXIST;
	else if (host_find_address(host, &interface->address) || host_find_address(host, &interface->address6))
		error = -EADDRINUSE;
	else if (host->count == HOST_STACKS_MAX)
		error = -ENOSPC;
	else
		error = stack_create(host, s, name);
	if (error < 0) {
		s->link_fd = -1;
		stack_free(host, s);
		return error;
	}
	strcpy(s->name, name);
	/* Everything, always: a ladder is asked for afterwards, of a connection that nobody watched at the time. */
	eleven_trace_kinds(s->stack, (1u << ELEVEN_TRACE_KINDS) - 1);
	link->wake = link_woken;
	link->wake_context = s;
	host->stacks[host->count++] = s;
	if (added)
		*added = s;
	return 0;
}

int host_route_add(struct host_stack *stack, const struct eleven_route *route)
{
	return recorded_route_add(stack->stack, route, host_now(stack->host));
}

unsigned host_count(const struct host *host)
{
	return host->count;
}

struct host_stack *host_at(const struct host *host, unsigned index)
{
	return index < host->count ? host->stacks[index] : NULL;
}

struct host_stack *host_find(const struct host *host, const char *name)
{
	for (unsigned i = 0; i < host->count; i++)
		if (strcmp(host->stacks[i]->name, name) == 0)
			return host->stacks[i];
	return NULL;
}

struct host_stack *host_find_address(const struct host *host, const struct eleven_address *address)
{
	static const struct eleven_address none;

	if (memcmp(address, &none, sizeof(none)) == 0)
		return NULL;
	for (unsigned i = 0; i < host->count; i++)
		if (memcmp(&host->stacks[i]->interface.address, address, sizeof(*address)) == 0 ||
		    memcmp(&host->stacks[i]->interface.address6, address, sizeof(*address)) == 0)
			return host->stacks[i];
	return NULL;
}

/* ---------------------------------------------------------------- who wants to know */

int host_on_signal(struct host *host, host_signal_fn *fn, void *context)
{
	if (host->signal_count == HOST_SERVICES_MAX)
		return -ENOSPC;
	host->on_signal[host->signal_count].fn = fn;
	host->on_signal[host->signal_count++].context = context;
	return 0;
}

int host_on_turn(struct host *host, host_turn_fn *fn, void *context)
{
	if (host->turn_count == HOST_SERVICES_MAX)
		return -ENOSPC;
	host->on_turn[host->turn_count].fn = fn;
	host->on_turn[host->turn_count++].context = context;
	return 0;
}

int host_on_packet(struct host *host, host_packet_fn *fn, void *context)
{
	if (host->packet_count == HOST_SERVICES_MAX)
		return -ENOSPC;
	host->on_packet[host->packet_count].fn = fn;
	host->on_packet[host->packet_count++].context = context;
	return 0;
}

void host_off_packet(struct host *host, host_packet_fn *fn, void *context)
{
	for (unsigned f = 0; f < host->packet_count; f++) {
		if (host->on_packet[f].fn == fn && host->on_packet[f].context == context) {
			host->on_packet[f] = host->on_packet[--host->packet_count];
			return;
		}
	}
}
