/* SPDX-License-Identifier: MIT */
/*
 * A tool's end of the control protocol: blocking calls on one connection.
 *
 * The functions that return a client or `int` say nothing; client_open_or_die() and
 * client_complain() print the one line a person needs.
 */
#ifndef ELEVEN_HOST_CLIENT_H
#define ELEVEN_HOST_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "host/protocol.h"

struct client {
	int fd;
	uint32_t request;               /* number of the last request */
	struct control_hello hello;     /* the host's */
	struct control_error error;     /* of the last call that failed */
	char path[108];
};

/* $ELEVEN_SOCKET, else $XDG_RUNTIME_DIR/eleven.sock, else eleven-UID.sock in $TMPDIR or /tmp. -ENAMETOOLONG. */
int client_path(char path[108]);

/* Connects and says HELLO. -errno: -ENOENT and -ECONNREFUSED when no host runs. */
int client_open(struct client *client);
/* As client_open(), or prints why not and exits with status 1. */
void client_open_or_die(struct client *client);
void client_close(struct client *client);
/* `eleven: …`, for the last -errno that a call on it returned. */
void client_complain(const struct client *client, int error);

/* Sends a request; its number is client->request. -errno. */
int client_request(struct client *client, unsigned type, const void *body, size_t length);

struct client_message {
	struct control_header header;
	_Alignas(8) uint8_t body[CONTROL_MESSAGE_MAX];
	int descriptors[CONTROL_DESCRIPTORS_MAX];   /* the caller's to close */
	unsigned descriptor_count;
};

/*
 * Waits for the next message.  1: a reply; 0: END; -errno: the host's error (client->error has its
 * text), or -ECONNRESET when the host is gone, -EPROTO.
 */
int client_receive(struct client *client, struct client_message *message);
/* A request with one reply. */
int client_call(struct client *client, unsigned type, const void *body, size_t length, struct client_message *reply);

/* The filter of a command line's --host; -EINVAL: too long. */
int client_filter(struct control_filter *filter, const char *host);

#endif
