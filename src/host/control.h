/* SPDX-License-Identifier: MIT */
/*
 * The host's end of the control protocol (protocol.h).
 *
 * Each type of request is answered by the handler registered for it, so that floor 5 adds its own.
 * What a client is owed waits in a queue of at most CONTROL_QUEUE_MAX bytes; one that does not read
 * while it asks for more, or sends what is not the protocol, is dropped with one line on standard
 * error.  Long answers are streams: a function that is called again whenever the queue has room, so
 * a slow reader costs a stream its memory's worth and no more.
 */
#ifndef ELEVEN_HOST_CONTROL_H
#define ELEVEN_HOST_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/host.h"
#include "host/protocol.h"

struct control;
struct control_client;

#define CONTROL_QUEUE_MAX (1u << 20)    /* bytes queued for a client: more, and it is dropped */
#define CONTROL_QUEUE_ROOM (256u << 10) /* streams are called while less than this is queued */
#define CONTROL_CLIENTS_MAX 4096u       /* connections at one time */

/*
 * Listens at `path`.  -EADDRINUSE: a live host is there, *pid says which; a dead one's socket is
 * removed.  Other -errno: as bind(2).
 */
int control_create(struct control **control, struct host *host, const char *path, pid_t *pid);
/* Closes every client, so that those who are told of it are, and removes the socket. */
void control_close(struct control *control);
/* control_close() if that was not yet; before host_destroy(). */
void control_destroy(struct control *control);

struct control_message {
	uint16_t type;
	uint32_t request;
	const void *body;               /* aligned to 8, lent for the call */
	size_t length;
	int *descriptors;               /* set one to -1 to keep it; the others are closed after the call */
	unsigned descriptor_count;
};

/* Answers with control_reply(), _error(), _stream(), or later. */
typedef void control_fn(void *context, struct control_client *client, const struct control_message *message);
/* -EEXIST: the type has one; -EINVAL: out of range. */
int control_handle(struct control *control, unsigned type, control_fn *fn, void *context);

/* Told once when a client is gone, for whatever reason; it is not to be used after the call. -ENOSPC. */
typedef void control_gone_fn(void *context, struct control_client *client);
int control_on_gone(struct control *control, control_gone_fn *fn, void *context);

/*
 * Sends `type | CONTROL_REPLY`.  Descriptors are duplicated: the caller keeps its own.  False: the
 * client was dropped (its queue was full, or it is gone).  It is freed only after the handler returns.
 */
bool control_reply(struct control_client *client, uint32_t request, unsigned type, const void *body, size_t length);
bool control_reply_descriptors(struct control_client *client, uint32_t request, unsigned type, const void *body,
			       size_t length, const int *descriptors, unsigned count);
bool control_end(struct control_client *client, uint32_t request);
bool control_error(struct control_client *client, uint32_t request, int error, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * Called now, and whenever there is room and either it said more is ready or control_wake() was called.
 * `state` is freed (by free()) when the stream or the client ends.
 */
enum control_more {
	CONTROL_DONE,                   /* the stream is at its end; END was sent by it if it is to be */
	CONTROL_AGAIN,                  /* call again when there is room */
	CONTROL_WAIT,                   /* nothing now: call again after control_wake() */
};
typedef enum control_more control_stream_fn(struct control_client *client, uint32_t request, void *state);
bool control_stream(struct control_client *client, uint32_t request, control_stream_fn *fn, void *state);
/* Something is new for the streams that wait: they run before the loop sleeps. */
void control_wake(struct control *control);

/* Bytes that wait to be sent to it. */
size_t control_queued(const struct control_client *client);
/* So many may wait beyond CONTROL_QUEUE_MAX: for one that is sent what it cannot be asked to wait for. */
void control_queue_more(struct control_client *client, size_t bytes);

struct host *control_host(const struct control *control);
pid_t control_client_pid(const struct control_client *client);
/* The loop's descriptor of the client; for diagnosis only. */
int control_client_fd(const struct control_client *client);

#endif
