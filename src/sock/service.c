/* SPDX-License-Identifier: MIT */
/*
 * The service: sockets by their names, requests to the functions that answer them, and the sweep
 * that finds descriptors closed without a word (sock.h tells how it all goes together).
 */
#include "sock/service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/check.h"
#include "sock/sock.h"

/* ---------------------------------------------------------------- sockets */

static bool slots_grow(struct sock_service *service)
{
	uint32_t count = service->slot_count ? service->slot_count * 2 : 256;
	struct sock_slot *slots;

	if (count > SOCK_SOCKETS_MAX)
		return false;
	slots = realloc(service->slots, count * sizeof(*slots));
	if (!slots)
		return false;
	for (uint32_t i = service->slot_count; i < count; i++)
		slots[i] = (struct sock_slot){ .generation = 1, .next_free = i + 1 < count ? i + 2 : 0 };
	service->free_first = service->slot_count + 1;
	service->slots = slots;
	service->slot_count = count;
	return true;
}

struct sock *sock_create(struct sock_service *service, struct host_stack *host, enum sock_phase phase)
{
	struct sock *sock;
	uint32_t place;

	if (!service->free_first && !slots_grow(service))
		return NULL;
	sock = calloc(1, sizeof(*sock));
	if (!sock)
		return NULL;
	place = service->free_first - 1;
	service->free_first = service->slots[place].next_free;
	service->slots[place].sock = sock;
	service->used++;
	sock->service = service;
	sock->host = host;
	sock->serial = (uint64_t)service->slots[place].generation << 32 | (place + 1);
	sock->phase = phase;
	sock->fd = sock->closer_fd = -1;
	options_init(sock);
	return sock;
}

void sock_free(struct sock *sock)
{
	struct sock_service *service = sock->service;
	uint32_t place = (uint32_t)sock->serial - 1;

	CHECK(sock->handle == 0);
	linger_done(sock);
	listener_end(sock);
	if (sock->giver) {
		listener_forget(sock->giver, sock);
		sock->giver = NULL;
	}
	sock_unlist(sock);
	if (sock->fd >= 0) {
		loop_remove(service->loop, sock->fd);
		close(sock->fd);
	}
	service->slots[place].sock = NULL;
	service->slots[place].generation++;
	service->slots[place].next_free = service->free_first;
	service->free_first = place + 1;
	service->used--;
	free(sock->given);
	free(sock);
}

struct sock *sock_find(struct sock_service *service, uint64_t serial)
{
	uint32_t place = (uint32_t)serial - 1;

	if (place >= service->slot_count || service->slots[place].generation != serial >> 32)
		return NULL;
	return service->slots[place].sock;
}

struct sock *sock_identify(struct sock_service *service, int fd)
{
	struct sockaddr_un name;
	socklen_t length = sizeof(name) - 1;
	unsigned long long instance, serial;

	memset(&name, 0, sizeof(name));
	if (getsockname(fd, (struct sockaddr *)&name, &length) < 0 || name.sun_family != AF_UNIX ||
	    sscanf(name.sun_path + 1, SOCK_NAME_PREFIX "%16llx.%llx", &instance, &serial) != 2 ||
	    instance != service->instance)
		return NULL;
	return sock_find(service, serial);
}

int sock_handle(struct sock *sock)
{
	int error;

	if (sock->handle)
		return 0;
	error = eleven_open(sock_stack(sock), &sock->handle, sock_now(sock));
	if (error == -ENOBUFS && sock_sweep(sock->service, SOCK_SWEEP_MAX, 0) > 0)
		error = eleven_open(sock_stack(sock), &sock->handle, sock_now(sock));
	if (error) {
		sock->handle = 0;
		return error;
	}
	eleven_option_set(sock_stack(sock), sock->handle, ELEVEN_OPTION_USER, sock->serial, sock_now(sock));
	options_apply(sock);
	return 0;
}

void sock_release(struct sock *sock, bool abort)
{
	eleven_handle handle = sock->handle;

	if (!handle)
		return;
	sock->handle = 0;
	if (abort)
		eleven_abort(sock_stack(sock), handle, sock_now(sock));
	else
		eleven_close(sock_stack(sock), handle, sock_now(sock));
	host_kick(sock->host);
}

/* ---------------------------------------------------------------- those that close without a word */

static void list_insert(struct sock *sock, struct sock **list)
{
	if (sock->list)
		return;
	sock->list = list;
	sock->previous = NULL;
	sock->next = *list;
	if (sock->next)
		sock->next->previous = sock;
	*list = sock;
}

void sock_list(struct sock *sock)
{
	struct sock_service *service = sock->service;

	if (!sock->list)
		sock->since = sock_now(sock);
	list_insert(sock, &service->swept);
	if (!service->sweep.place)
		loop_deadline_set(service->loop, &service->sweep, loop_now(service->loop) + SOCK_SWEEP_NS);
}

void sock_list_connecting(struct sock *sock)
{
	sock->connector = sock->service->caller;
	list_insert(sock, &sock->service->connecting);
}

void sock_unlist(struct sock *sock)
{
	if (!sock->list)
		return;
	if (sock->previous)
		sock->previous->next = sock->next;
	else
		*sock->list = sock->next;
	if (sock->next)
		sock->next->previous = sock->previous;
	sock->list = NULL;
	sock->connector = NULL;
}

/* True: it is gone. */
static bool sock_look(struct sock *sock)
{
	if (sock->phase == SOCK_LEAVING) {
		if (sock_now(sock) < sock->since + SOCK_LEAVING_NS)
			return false;
		sock_release(sock, true);
	} else if (sock->phase == SOCK_LISTENING) {
		sock_unlist(sock);
		listener_step(sock);
		return false;
	} else if (sock->phase == SOCK_LINGERING || pair_is_held(sock)) {
		if (sock->starved && sock->phase == SOCK_CONNECTED) {
			sock->starved = false;
			sock_unlist(sock);
			pump_from_program(sock);
			host_kick(sock->host);
		}
		return false;
	}
	sock_release(sock, false);
	sock_free(sock);
	return true;
}

unsigned sock_sweep(struct sock_service *service, unsigned count, in_port_t port)
{
	struct sock *sock = service->swept, *next;
	unsigned gone = 0;

	for (; sock && count > 0; sock = next) {
		next = sock->next;
		if (port && !(sock->bound && sock->local.in.sin_port == port))
			continue;
		gone += sock_look(sock);
		count--;
	}
	return gone;
}

static void sweep_timeout(void *context, uint64_t now)
{
	struct sock_service *service = context;

	sock_sweep(service, SOCK_SWEEP_MAX, 0);
	if (service->swept)
		loop_deadline_set(service->loop, &service->sweep, now + SOCK_SWEEP_NS);
}

/* ---------------------------------------------------------------- requests */

static void reply_send(struct control_client *client, const struct control_message *message,
		       const struct sock_reply *reply, int descriptor)
{
	control_reply_descriptors(client, message->request, message->type, reply, sizeof(*reply), &descriptor,
				  descriptor >= 0);
	if (descriptor >= 0)
		close(descriptor);
}

static void request_open(struct sock_service *service, struct control_client *client,
			 const struct control_message *message, const struct sock_request *request)
{
	struct sock_reply reply = { .result = 0 };
	char name[HOST_NAME_MAX] = "";
	struct host_stack *host;
	struct sock *sock = NULL;
	int descriptor = -1;

	memcpy(name, request->data, request->length < sizeof(name) ? request->length : sizeof(name) - 1);
	host = name[0] ? host_find(service->host, name) : host_at(service->host, 0);
	if (host)
		sock = sock_create(service, host, SOCK_FRESH);
	if (!sock) {
		reply.result = host ? -ENFILE : -ENETDOWN;
	} else {
		sock->family = request->value == AF_INET6 ? AF_INET6 : AF_INET;
		sock->pid = control_client_pid(client);
		descriptor = pair_open(sock);
		if (descriptor < 0) {
			reply.result = descriptor;
			sock_free(sock);
		} else {
			sock_list(sock);
		}
	}
	reply_send(client, message, &reply, descriptor);
}

static int request_answer(struct sock *sock, const struct control_message *message,
			  const struct sock_request *request, struct sock_reply *reply, int *descriptor)
{
	int program = message->descriptors[0];

	switch ((enum sock_request_type)message->type) {
	case SOCK_BIND:
		return call_bind(sock, request);
	case SOCK_LISTEN:
		return call_listen(sock, request, program);
	case SOCK_CONNECT:
		return call_connect(sock, request, program, descriptor);
	case SOCK_NAMES:
		return call_names(sock, reply);
	case SOCK_OPTION_SET:
		return option_set(sock, request);
	case SOCK_OPTION_GET:
		return option_get(sock, request, reply);
	case SOCK_ERROR:
		return call_error(sock, request, reply);
	case SOCK_SHUTDOWN:
		return call_shutdown(sock, request, program);
	case SOCK_QUEUE:
		return call_queue(sock, reply);
	case SOCK_FORGET:
		return call_forget(sock);
	case SOCK_OPEN:
	case SOCK_CLOSE:
	case SOCK_LIST:
		break;
	}
	return -EINVAL;
}

static void request_handle(void *context, struct control_client *client, const struct control_message *message)
{
	struct sock_service *service = context;
	const struct sock_request *request = message->body;
	struct sock_reply reply = { .result = 0 };
	struct sock *sock = NULL;
	int descriptor = -1;

	if (message->length != sizeof(*request) || request->length > SOCK_DATA_MAX) {
		control_error(client, message->request, -EINVAL, "a socket request of %zu bytes", message->length);
		return;
	}
	if (message->type == SOCK_OPEN) {
		request_open(service, client, message, request);
		return;
	}
	if (message->descriptor_count == 1)
		sock = sock_identify(service, message->descriptors[0]);
	if (message->type == SOCK_CLOSE) {
		linger_request(service, client, message, sock);
		return;
	}
	if (sock) {
		struct host_stack *host = sock->host;

		service->caller = client;
		reply.result = request_answer(sock, message, request, &reply, &descriptor);
		host_kick(host);
	} else {
		reply.result = -ENETDOWN;       /* of a host that was here before */
	}
	reply_send(client, message, &reply, descriptor);
}

/* ---------------------------------------------------------------- listing */

bool sock_service_next(struct sock_service *service, uint64_t *cursor, struct sock_entry *entry)
{
	while (*cursor < service->slot_count) {
		const struct sock *sock = service->slots[(*cursor)++].sock;

		if (!sock || !sock->handle)
			continue;
		memset(entry, 0, sizeof(*entry));
		snprintf(entry->host, sizeof(entry->host), "%s", sock->host->name);
		entry->handle = sock->handle;
		entry->inode = sock->inode;
		entry->pid = (uint32_t)sock->pid;
		entry->uid = sock->uid;
		entry->backlog = sock->backlog;
		entry->handed_over = sock->handed_over;
		if (sock->fd >= 0 && (sock->phase == SOCK_CONNECTED || sock->phase == SOCK_LEAVING)) {
			entry->unread_bytes = sock->phase == SOCK_CONNECTED ? pair_unread(sock) : 0;
			entry->unsent_bytes = pair_waiting(sock);
		}
		return true;
	}
	return false;
}

struct listing {
	struct sock_service *service;
	uint64_t cursor;
	struct control_filter filter;
};

#define LISTING_ENTRIES 256     /* in one message */

static enum control_more listing_more(struct control_client *client, uint32_t request, void *state)
{
	struct listing *listing = state;
	struct sock_entry entries[LISTING_ENTRIES];
	unsigned count = 0;
	bool more = true;

	while (count < LISTING_ENTRIES && more) {
		more = sock_service_next(listing->service, &listing->cursor, &entries[count]);
		if (more && (!listing->filter.host[0] || strcmp(listing->filter.host, entries[count].host) == 0))
			count++;
	}
	if (count > 0 && !control_reply(client, request, SOCK_LIST, entries, count * sizeof(entries[0])))
		return CONTROL_DONE;
	if (more)
		return CONTROL_AGAIN;
	control_end(client, request);
	return CONTROL_DONE;
}

static void listing_handle(void *context, struct control_client *client, const struct control_message *message)
{
	struct listing *listing = calloc(1, sizeof(*listing));

	if (!listing) {
		control_error(client, message->request, -ENOMEM, "out of memory");
		return;
	}
	listing->service = context;
	if (message->length >= sizeof(listing->filter))
		memcpy(&listing->filter, message->body, sizeof(listing->filter));
	listing->filter.host[sizeof(listing->filter.host) - 1] = 0;
	control_stream(client, message->request, listing_more, listing);
}

/* ---------------------------------------------------------------- beginning and end */

static uint32_t sysctl_read(const char *path, uint32_t otherwise)
{
	FILE *file = fopen(path, "re");
	unsigned value = otherwise;

	if (file) {
		if (fscanf(file, "%u", &value) != 1)
			value = otherwise;
		fclose(file);
	}
	return value;
}

/* Two descriptors a connection, for a moment: take all that this user may have. */
static void descriptors_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int service_register(struct sock_service *service)
{
	int error = host_on_signal(service->host, sock_signal, service);

	if (error || !service->control)
		return error;
	for (unsigned type = SOCK_OPEN; type < SOCK_LIST && !error; type++)
		error = control_handle(service->control, type, request_handle, service);
	if (!error)
		error = control_handle(service->control, SOCK_LIST, listing_handle, service);
	if (!error)
		error = control_on_gone(service->control, linger_client_gone, service);
	if (!error)
		error = control_on_gone(service->control, connecting_client_gone, service);
	return error;
}

struct sock_service *sock_service_create(struct host *host, struct control *control)
{
	struct sock_service *service = calloc(1, sizeof(*service));
	int error;

	if (!service)
		return NULL;
	service->host = host;
	service->control = control;
	service->loop = host_loop(host);
	service->sweep.fn = sweep_timeout;
	service->sweep.context = service;
	service->listener = service->spare = service->diag = -1;
	service->send_buffer_max = sysctl_read("/proc/sys/net/core/wmem_max", 212992);
	service->receive_buffer_max = sysctl_read("/proc/sys/net/core/rmem_max", 212992);
	descriptors_raise();
	error = getrandom(&service->instance, sizeof(service->instance), 0) < 0 ? -errno : 0;
	if (!error)
		error = pair_start(service);
	if (!error)
		error = service_register(service);
	if (error) {
		sock_service_destroy(service);
		errno = -error;
		return NULL;
	}
	return service;
}

void sock_service_destroy(struct sock_service *service)
{
	if (!service)
		return;
	service->closing = true;
	for (uint32_t i = 0; i < service->slot_count; i++) {
		struct sock *sock = service->slots[i].sock;

		if (sock) {
			sock_release(sock, true);
			sock_free(sock);
		}
	}
	loop_deadline_clear(service->loop, &service->sweep);
	pair_stop(service);
	free(service->slots);
	free(service);
}
