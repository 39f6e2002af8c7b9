/* SPDX-License-Identifier: MIT */
/*
 * A socket as the service keeps it, and what the folder's files offer each other.
 *
 * THEORY OF OPERATION
 *
 * The program's descriptor is an AF_UNIX stream socket that the host made and named.  While it is not
 * connected it is just that, and polls, reads and writes as an unconnected TCP socket does (errnos are
 * translated by the preload).  listen and connect give it a peer, the *host's end*; a connection that
 * was accepted is born with one.  From then on the kernel carries bytes, readiness and the end.
 *
 *     program  ──write──▶  pair  ──pump_from_program──▶  eleven_send_buf / _commit
 *     program  ◀──read───  pair  ◀──pump_to_program────  eleven_receive_buf / _commit
 *
 * The kept byte.  The kernel resets the program's end (ECONNRESET after pending text, ERR, HUP) when the
 * host's end is closed with something unread.  So one byte is always left in the host's queue: it was
 * sent on already, `kept` says that it is there, and each reading starts by throwing it away and ends by
 * peeking at the last one.  It pins the packet it lies in: pair.c says what that asks of the buffers.
 *
 * Who is gone?  HUP on the host's end means that both directions are shut.  When the host has shut its
 * own (the peer's FIN was passed on) a shutdown(SHUT_WR) looks like a close; then the name tells: it
 * can be bound again only when the program's end is closed.
 *
 * Ends without a pair (fresh, or reset) close without a word.  They are looked at every second, and
 * whenever something runs out: again by their names.
 */
#ifndef ELEVEN_SOCK_SOCK_H
#define ELEVEN_SOCK_SOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "eleven.h"
#include "host/control.h"
#include "host/host.h"
#include "host/loop.h"
#include "host/recorded.h"
#include "sock/option_set.h"
#include "sock/protocol.h"

#define SOCK_SWEEP_NS 1000000000ull     /* how often descriptors without a pair are looked at */
#define SOCK_SWEEP_MAX 512u             /* at most so many each time: 5 us each */
#define SOCK_LEAVING_NS 120000000000ull /* text left by a program that moves no more is given up after this */
#define SOCK_DOUBT_NS 20000000ull       /* for the kernel to close descriptors that lay in a closed queue */
#define SOCK_BACKLOG_MAX 4096           /* net.core.somaxconn */
#define SOCK_HANDED_OVER_MAX 32u        /* of a backlog, in the descriptor's queue; their 24 KiB leave it writable */

enum sock_phase {
	SOCK_FRESH,             /* no pair: not listening nor connecting yet; perhaps bound */
	SOCK_LISTENING,         /* descriptors of new connections go over the pair */
	SOCK_CONNECTING,        /* the program's end is filled, so that it is not writable */
	SOCK_CONNECTED,         /* bytes move; each side may have shut its half */
	SOCK_LEAVING,           /* the program has closed; what it left is being sent */
	SOCK_LINGERING,         /* FIN given; someone waits in close() for the acknowledgment */
	SOCK_ENDED,             /* reset, refused, timed out: the host's end is closed, `error` waits to be asked for */
};

struct sock {
	struct sock_service *service;
	struct host_stack *host;
	eleven_handle handle;           /* 0: none (yet, or any more) */
	uint64_t serial;                /* in its name: generation and place */
	uint64_t inode;                 /* of the program's end */
	pid_t pid;                      /* that made it; 0: came from a listener */
	uid_t uid;
	int fd;                         /* the host's end; -1: none */
	enum sock_phase phase;
	int error;                      /* errno for SO_ERROR, taken once */
	uint32_t filled_bytes;          /* CONNECTING: in the program's send queue */
	uint32_t spliced_bytes;         /* taken since the kept byte was last looked at */
	uint32_t pair_bytes;            /* bound of the host's send buffer; 0: the kernel's default */
	bool connect_reported : 1;      /* the program has heard how its connect went */
	bool stashed : 1;               /* CONNECTING: the program's end lies in the host's queue */
	bool waited_for : 1;            /* CONNECTING: it blocks, and will see it when its end turns writable */
	bool kept : 1;                  /* a byte that was sent on is still in the host's queue */
	bool blocked_in : 1;            /* the stack's send buffer is full: waits for SIGNAL_SEND */
	bool starved;                   /* the kernel refused to give its text: the sweep asks again */
	bool blocked_out : 1;           /* the pair is full: waits for EPOLLOUT */
	bool program_shut : 1;          /* the program will write no more */
	bool fin_given : 1;             /* … and the stack knows */
	bool end_given : 1;             /* the program's reads end: peer's FIN, or SHUT_RD */
	bool reset_pending : 1;         /* ended by an error, but text before it is still to be read */
	bool bound : 1;                 /* bind() was called with `local` */
	bool urgent : 1;                /* the program sent MSG_OOB */
	bool was_connected : 1;
	uint32_t backlog;
	uint32_t handed_over;           /* LISTENING: connections in the descriptor's queue, */
	uint32_t handed_over_max;       /* at most so many */
	sa_family_t family;             /* AF_INET or AF_INET6, and then perhaps IPv4 as ::ffff:a.b.c.d */
	union sock_address local, remote;
	struct sock *next, *previous;
	struct sock **list;             /* of the service, in which it is: swept or connecting; NULL: none */
	uint64_t since;                 /* LEAVING: of its last progress */
	uint64_t doubt_until;           /* its listener went with it in the queue, or just after it was taken */
	struct sock *giver;             /* the listener in whose queue it is */
	struct sock **given;            /* LISTENING: those in the queue, the oldest first; NULL: has ended */
	struct control_client *connector; /* CONNECTING: the program that called */
	struct control_client *closer;  /* waits for the reply to SOCK_CLOSE */
	uint32_t closer_request;
	int closer_fd;                  /* its descriptor, until it has closed its own; -1 */
	struct loop_deadline linger_deadline;
	struct option_set options;      /* kept for getsockopt and for accepted sockets */
};

struct sock_slot {
	struct sock *sock;
	uint32_t generation;
	uint32_t next_free;             /* place + 1; 0: none */
};

struct sock_service {
	struct host *host;
	struct control *control;
	struct loop *loop;
	struct sock_slot *slots;
	uint32_t slot_count, free_first; /* place + 1 */
	uint32_t used;
	struct sock *swept;             /* list of those without a pair, or leaving */
	struct sock *connecting;        /* list of those whose program's end lies in the pair */
	struct control_client *caller;  /* whose request is being answered */
	struct loop_deadline sweep;
	bool closing;
	uint32_t closers;               /* sockets that somebody waits in close() for */
	uint64_t instance;              /* in the names, so that those of a host before are not ours */
	int listener;                   /* to which the host connects programs' ends */
	struct sockaddr_un listener_name;
	socklen_t listener_length;
	int spare;                      /* a descriptor to refuse with when there are no more */
	int diag;                       /* NETLINK_SOCK_DIAG; -1: not to be had */
	bool splice_joins;              /* packets of sendfile(2) have no bound */
	uint32_t accepted_memory;       /* that a connection takes in a listener's queue */
	uint32_t send_buffer_max, receive_buffer_max;   /* net.core.wmem_max, rmem_max */
	uint8_t scratch[65536];         /* what is thrown away */
};

static inline struct eleven *sock_stack(const struct sock *sock)
{
	return sock->host->stack;
}

static inline uint64_t sock_now(const struct sock *sock)
{
	return host_now(sock->service->host);
}

/* ---- service.c: sockets by name, and their ends */

struct sock *sock_create(struct sock_service *service, struct host_stack *host, enum sock_phase phase);
/* Closes the host's end and forgets it; its handle must be given back before. */
void sock_free(struct sock *sock);
struct sock *sock_find(struct sock_service *service, uint64_t serial);
/* By the descriptor that came with a request; NULL: not one of ours. */
struct sock *sock_identify(struct sock_service *service, int fd);
/* A connection in the stack, with the options so far. */
int sock_handle(struct sock *sock);
/* close: the connection goes on by itself; abort: RST. The handle is 0 afterwards. */
void sock_release(struct sock *sock, bool abort);
void sock_list(struct sock *sock);
/* In the list of those that connect, until it is unlisted. */
void sock_list_connecting(struct sock *sock);
void sock_unlist(struct sock *sock);
/* Looks at up to `count` of those that may be gone, or of those bound to `port` if it is not 0; how many were. */
unsigned sock_sweep(struct sock_service *service, unsigned count, in_port_t port);

/* ---- pair.c: what the kernel is made to do */

int pair_start(struct sock_service *service);
void pair_stop(struct sock_service *service);
/* An unconnected end, named: descriptor or -errno. */
int pair_open(struct sock *sock);
/* Gives it a host's end: 0 or -errno. */
int pair_attach(struct sock *sock, int program);
/* Both ends, for an accepted connection, with the kept byte: the program's, or -errno. */
int pair_make(struct sock *sock);
/* Not writable any more; `program` lies in the pair, and no close is seen. */
void pair_fill(struct sock *sock, int program);
/* Still not writable, but `program` does not lie there any more. */
void pair_forget(struct sock *sock);
/* A listener's end is never writable and says EPIPE. */
void pair_mute(int program);
/* Writable again; one byte is kept. */
void pair_drain(struct sock *sock);
/* Throws away all that the program wrote: closing the host's end is an end then, not a reset. */
void pair_empty(struct sock *sock);
/* Does any program still have it? */
bool pair_is_held(const struct sock *sock);
/* Text of the program not taken yet. */
uint32_t pair_waiting(const struct sock *sock);
/* Moves `bytes` of that, leaving the last one in place; how many, or -errno. */
ssize_t pair_take(struct sock *sock, const struct eleven_slice room[2], size_t bytes);
/* Sends a connection's end over a listener's: 0 or -errno. */
int pair_hand_over(struct sock *listener, int program, const struct sock_accepted *accepted);
/* How many of those are still there. */
uint32_t pair_handed_over(const struct sock *listener);
uint32_t pair_unread(const struct sock *sock);
/* Lets the kept byte go when it keeps the program's end from polling writable. */
void pair_relieve(struct sock *sock);
void pair_limit(struct sock *sock);

/* ---- diag.c */

/* Bytes that the program has not read, and kernel memory of what it wrote. False: not to be had. */
bool diag_queues(const struct sock *sock, uint32_t *unread, uint32_t *written);

/* ---- pump.c: bytes, ends and errors of a connection */

#define SOCK_EVENTS (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET)

loop_descriptor_fn sock_event;
void pump_from_program(struct sock *sock);
void pump_to_program(struct sock *sock);
void sock_signal(void *context, struct host_stack *host, const struct eleven_signal *signal);
/* The program's end sees a reset (or just the end, when it had that before), and `error` is kept for it. */
void sock_reset(struct sock *sock, int error);
/* The stack's ESTABLISHED reached the program. */
void sock_connected(struct sock *sock);

/* ---- listener.c */

/* Makes room for what it hands over: 0 or -ENOMEM. */
int listener_begin(struct sock *listener, uint32_t backlog);
/* Hands over connections, as many as wait and may be there. */
void listener_step(struct sock *listener);
void listener_event(struct sock *listener, uint32_t events);
/* Connections that nobody took are reset. */
void listener_end(struct sock *listener);
/* A connection that it gave has ended before it was taken. */
void listener_forget(struct sock *listener, const struct sock *sock);

/* ---- calls.c, options.c: what programs ask for; `descriptor`: to be sent with the reply, or -1 */

int call_bind(struct sock *sock, const struct sock_request *request);
int call_listen(struct sock *sock, const struct sock_request *request, int program);
int call_connect(struct sock *sock, const struct sock_request *request, int program, int *descriptor);
/* The program closes its descriptor, which may be connecting. */
int call_forget(struct sock *sock);
/* A program is gone: its closes are to be seen. */
void connecting_client_gone(void *context, struct control_client *client);
int call_names(struct sock *sock, struct sock_reply *reply);
int call_error(struct sock *sock, const struct sock_request *request, struct sock_reply *reply);
int call_shutdown(struct sock *sock, const struct sock_request *request, int program);
int call_queue(struct sock *sock, struct sock_reply *reply);
/* An address as the stack has it. */
struct eleven_endpoint sock_endpoint(const union sock_address *address);
/* Local and remote as the stack has them. */
void sock_names_learn(struct sock *sock);

void options_init(struct sock *sock);
int option_set(struct sock *sock, const struct sock_request *request);
int option_get(struct sock *sock, const struct sock_request *request, struct sock_reply *reply);
/* Gives the stack's connection what was set before it was there. */
void options_apply(struct sock *sock);
bool option_is_on(const struct sock *sock, int level, int name);

/* ---- keys.c: what segments are signed with */

bool keys_are_meant(int level, int name);
int keys_set(struct sock *sock, const struct sock_request *request);
int keys_get(const struct sock *sock, const struct sock_request *request, struct sock_reply *reply);

/* ---- linger.c: close() that waits */

void linger_request(struct sock_service *service, struct control_client *client, const struct control_message *message,
		    struct sock *sock);
void linger_client_gone(void *context, struct control_client *client);
void linger_begin(struct sock *sock);
void linger_done(struct sock *sock);

#endif
