/* SPDX-License-Identifier: MIT */
/* Inside of the control socket: what control.c and control_client.c share. */
#ifndef ELEVEN_HOST_CONTROL_CLIENT_H
#define ELEVEN_HOST_CONTROL_CLIENT_H

#include "host/control.h"

#define CONTROL_STREAMS_MAX 16u         /* long answers under way to one client */
#define CONTROL_GONE_MAX 4u
#define CONTROL_TYPES 0x300u            /* requests below this can have a handler */

/* A message that waits to be sent, with duplicates of its descriptors. */
struct control_out {
	struct control_out *next;
	size_t bytes;
	unsigned descriptor_count;
	int descriptors[CONTROL_DESCRIPTORS_MAX];
	uint8_t message[];
};

struct control_streaming {
	control_stream_fn *fn;          /* NULL: free slot */
	void *state;
	uint32_t request;
	bool waits;                     /* for control_wake() */
};

struct control_client {
	struct control *control;
	struct control_client *next;    /* of those alive, or of those to be freed */
	int fd;                         /* -1: dropped */
	pid_t pid;
	struct control_out *first, **last;
	size_t queued;                  /* bytes in the queue */
	size_t queue_more;              /* that may be there beyond CONTROL_QUEUE_MAX */
	struct control_streaming streams[CONTROL_STREAMS_MAX];
};

struct control {
	struct host *host;
	int fd;
	char path[108];
	bool woken;                     /* streams that wait are to be called */
	bool busy;                      /* a stream has more than it was given time for */
	unsigned client_count;
	struct control_client *clients, *dead;
	struct { control_fn *fn; void *context; } handlers[CONTROL_TYPES];
	struct { control_gone_fn *fn; void *context; } gone[CONTROL_GONE_MAX];
	unsigned gone_count;
	struct loop_deadline listen_again;
	_Alignas(8) uint8_t message[CONTROL_MESSAGE_MAX];
};

/* Takes it off the loop and closes it; `reason`, not NULL, is said on standard error. */
void client_drop(struct control_client *client, const char *reason);
/* A dropped one, when nothing can refer to it any more. */
void client_free(struct control_client *client);
/* Sends what waits as far as the socket takes it, then lets streams make more. */
void client_pump(struct control_client *client, bool woken);

#endif
