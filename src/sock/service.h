/* SPDX-License-Identifier: MIT */
/*
 * Sockets for unmodified programs: the side that lives in the host process.
 *
 * It answers the preload library's requests (sock/protocol.h), makes the descriptors that programs
 * hold, and moves bytes between those and the stacks.  It keeps going whatever a program does.
 */
#ifndef ELEVEN_SOCK_SERVICE_H
#define ELEVEN_SOCK_SERVICE_H

#include "eleven.h"
#include "host/control.h"
#include "host/host.h"
#include "sock/protocol.h"

struct sock_service;

#define SOCK_SOCKETS_MAX (1u << 20)     /* sockets of programs at one time; descriptors run out before */

/*
 * Registers with the host and its control socket; `control` may be NULL in tests.  Once, before the
 * loop runs.  NULL with errno set.
 */
struct sock_service *sock_service_create(struct host *host, struct control *control);
/* Before host_destroy() and control_destroy(): programs find their sockets reset. */
void sock_service_destroy(struct sock_service *service);

/* Goes over the sockets that have a connection: start with *cursor = 0; false at the end. */
bool sock_service_next(struct sock_service *service, uint64_t *cursor, struct sock_entry *entry);

#endif
