/* SPDX-License-Identifier: MIT */
/*
 * What a descriptor of the table stands for.  The number is a real one, of /dev/null, so that the C library may
 * close it; what it means is here.  Pipes and files of the script are the kernel's and are not in the table.
 *
 * Sockets follow Linux (af_inet.c and tcp.c of the kernel, in behaviour): where a connection is, is eleven's state;
 * `connecting` is what Linux keeps beside it, and `error` its sk_err, told once.
 */
#ifndef ELEVEN_PACKETDRILL_FILE_H
#define ELEVEN_PACKETDRILL_FILE_H

#include <sys/epoll.h>
#include <sys/socket.h>

#include "packetdrill/errqueue.h"
#include "packetdrill/limits.h"
#include "packetdrill/world.h"
#include "sock/option_set.h"

enum file_kind { FILE_SOCKET, FILE_EPOLL };

enum connecting {               /* of an active open, as connect(2) tells it */
	CONNECT_NONE,           /* not asked for, or failed */
	CONNECT_BEGUN,          /* asked for; how it went was not told yet */
	CONNECT_TOLD,           /* connected, and the program knows: a repeat is EISCONN */
};

struct watch {                  /* one entry of an epoll's interest list */
	struct watch *next;
	int fd;
	uint32_t events;
	epoll_data_t data;
	bool ready;             /* something happened since it was last reported */
	uint64_t order;         /* when: first come, first reported */
};

struct file {
	enum file_kind kind;
	int fd;
	bool nonblocking;

	/* FILE_EPOLL */
	struct watch *watches;
	uint64_t watch_order;

	/* FILE_SOCKET */
	int family;             /* AF_INET, AF_INET6: v4-mapped addresses */
	eleven_handle handle;
	enum connecting connecting;
	bool listening;
	bool read_shut, write_shut;     /* by shutdown() */
	bool inq;               /* TCP_INQ: recvmsg tells how much is left */
	int error;              /* errno to be told */
	struct option_set options;
	uint64_t receive_timeout_ns, send_timeout_ns;   /* TIME_NEVER: none */
	int receive_low;        /* SO_RCVLOWAT */
	uint32_t send_space;    /* profile linux: bytes queued at which a write waits (sndbuf.h); 0: not known yet */
	bool fast_open_key_given;       /* TCP_FASTOPEN_KEY; it is the whole stack's as long as this socket is there */
	uint8_t fast_open_key[16];
	struct errqueue errqueue;
	struct limits limits;
	uint64_t pushed;        /* of errqueue.written: the last byte with PSH */
	bool send_full;         /* a write was short, and there has not been room since */
};

/* Of a descriptor; NULL: the kernel's. */
struct file *file_of(const struct world *world, int fd);
/* A new descriptor: NULL and errno. */
struct file *file_create(struct world *world, enum file_kind kind);
/* Forgets what a descriptor stands for; the connection goes on by itself. The descriptor stays open. */
void file_forget(struct world *world, int fd);
/* Takes the stack's signals: errors are noted, epolls woken. */
void files_signalled(struct world *world);
/* poll(2)'s events as they are now. */
uint32_t file_events(struct world *world, struct file *file);
/* Something happened on this socket, of the kind of `events`. */
void file_wake(struct world *world, int fd, uint32_t events);

/* The state in the stack; CLOSED without one. */
bool socket_status(const struct world *world, const struct file *file, struct eleven_status *status);
/* Does no text flow yet?  With Fast Open it does before the third ACK, and waits for none to be given. */
bool status_is_opening(const struct eleven_status *status);
/* The pending error, taken. */
int socket_error_take(struct file *file);
struct option_target socket_target(const struct world *world, const struct file *file);

#endif
