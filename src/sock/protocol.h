/* SPDX-License-Identifier: MIT */
/*
 * What the preload library asks of the host, over the control socket (host/protocol.h).
 *
 * A request about a socket carries the socket itself as its one descriptor, and the host knows it by
 * the name it gave to it: there is no number that a program could get wrong, and nothing to keep in
 * step over fork, exec and descriptors that are passed on.  The name is abstract, in the host's network
 * namespace, and reads SOCK_NAME_PREFIX, the host process's instance, '.', the socket's serial.
 *
 * Every request but SOCK_LIST has the body sock_request and the reply sock_reply, perhaps with a
 * descriptor.  Refusals are a negative errno in `result`, not CONTROL_ERROR.
 */
#ifndef ELEVEN_SOCK_PROTOCOL_H
#define ELEVEN_SOCK_PROTOCOL_H

#include <netinet/in.h>
#include <stdint.h>

#include "host/protocol.h"

#define SOCK_NAME_PREFIX "eleven." /* after the 0 byte of an abstract name */
#define SOCK_DATA_MAX 288u         /* bytes of an option's value */

enum sock_request_type {
	SOCK_OPEN = CONTROL_SOCK_FIRST, /* text: host's name, or empty; value: AF_INET, AF_INET6 -> descriptor */
	SOCK_BIND,                      /* address */
	SOCK_LISTEN,                    /* value: backlog */
	SOCK_CONNECT,                   /* address; value: 1 when the caller blocks (see below) */
	SOCK_NAMES,                     /* -> sock_names */
	SOCK_OPTION_SET,                /* level, name, data */
	SOCK_OPTION_GET,                /* level, name, length: room -> data */
	SOCK_ERROR,                     /* value: 1 when reading -> value: pending errno, taken */
	SOCK_SHUTDOWN,                  /* value: SHUT_… */
	SOCK_QUEUE,                     /* -> sock_queue */
	SOCK_CLOSE,                     /* the caller closes its own at once; the reply comes when lingering is over */
	SOCK_FORGET,                    /* the caller closes it, and it may be connecting */
	SOCK_LIST,                      /* control_filter -> sock_entry × n, …, END */
};

/*
 * SOCK_CONNECT answers as a non-blocking connect(2) does; a caller that blocks waits until the socket
 * polls writable, and asks again when it polls an error, or when it gives up waiting.  A reply with a
 * descriptor says: put this in the place of yours, the old one cannot be connected any more.
 */
union sock_address {
	sa_family_t family;             /* of all of them */
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static inline uint32_t sock_address_bytes(const union sock_address *address)
{
	return address->family == AF_INET6 ? sizeof(address->in6) : sizeof(address->in);
}

struct sock_request {
	union sock_address address;     /* AF_UNSPEC in SOCK_CONNECT: disconnect */
	uint32_t address_bytes;         /* as the program gave it */
	int32_t level, name;
	int32_t value;
	uint32_t length;                /* of data, or room for it */
	uint8_t data[SOCK_DATA_MAX];
};

struct sock_reply {
	int32_t result;                 /* 0, or a negative errno */
	int32_t name;
	int32_t value;
	uint32_t length;                /* of data */
	uint8_t data[SOCK_DATA_MAX];
};

struct sock_names {                     /* in data */
	union sock_address local, remote;       /* of the socket's family, always */
	uint32_t connected;             /* remote means something */
};

struct sock_queue {                     /* in data */
	uint32_t unacknowledged;        /* SIOCOUTQ */
	uint32_t unsent;                /* SIOCOUTQNSD */
};

/* What comes with a connection's descriptor on the listener's. */
struct sock_accepted {
	union sock_address local, remote;
};

/* What the view adds to a connection's status. */
struct sock_entry {
	char host[CONTROL_HOST_MAX];
	eleven_handle handle;           /* as eleven_status has it */
	uint64_t inode;                 /* of the program's end, as in /proc/PID/fd */
	uint32_t pid;                   /* that made it; 0: the host, for an accepted connection */
	uint32_t uid;                   /* of that program */
	uint32_t unread_bytes;          /* taken from the stack, not read by the program: add to Recv-Q */
	uint32_t unsent_bytes;          /* written by the program, not taken by the stack: add to Send-Q */
	uint32_t backlog;               /* LISTEN: as the program gave it, within the host's limit */
	uint32_t handed_over;           /* LISTEN: connections in the descriptor's queue: add to Recv-Q */
};

#endif
