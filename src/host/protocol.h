/* SPDX-License-Identifier: MIT */
/*
 * The control protocol: how tools and the preload library speak to the host process, over an
 * AF_UNIX SOCK_SEQPACKET socket on one machine.  One message is one packet: a header, then a body
 * of fixed-size records in the machine's own byte order.
 *
 * A request has a type below CONTROL_REPLY and a number the client chooses.  It is answered by
 * messages of the same number: any of type `request | CONTROL_REPLY`, then for streams CONTROL_END;
 * or by CONTROL_ERROR.  TRACE and CAPTURE go on until the client closes.  Descriptors travel as
 * SCM_RIGHTS with the message they belong to.
 *
 * Versions: the header and the bodies of HELLO and ERROR never change.  A host that gets another
 * version answers CONTROL_ERROR (-EPROTO) in its own and closes.
 *
 * Only programs of the same user, or root, are answered (SO_PEERCRED).
 */
#ifndef ELEVEN_HOST_PROTOCOL_H
#define ELEVEN_HOST_PROTOCOL_H

#include <stdint.h>

#include "eleven.h"

#define CONTROL_MAGIC 0x31314c45u       /* "EL11" */
#define CONTROL_VERSION 1u
#define CONTROL_MESSAGE_MAX 65536u      /* bytes of a message with its header */
#define CONTROL_DESCRIPTORS_MAX 4u      /* with one message */
#define CONTROL_HOST_MAX 32u            /* bytes of a host's name with its 0 */
#define CONTROL_REPLY 0x8000u

struct control_header {
	uint32_t magic;
	uint16_t version;
	uint16_t type;                  /* enum control_type, or of the sock and view ranges, | CONTROL_REPLY */
	uint32_t length;                /* bytes of the body */
	uint32_t request;               /* the client's number; in the reply the same */
};

enum control_type {
	CONTROL_HELLO = 1,              /* control_hello -> control_hello */
	CONTROL_HOSTS,                  /* - -> control_host × n */
	CONTROL_STATUS,                 /* control_filter -> control_status × n, …, END */
	CONTROL_STATS,                  /* control_filter -> control_stats × n, END */
	CONTROL_RULES,                  /* control_filter -> control_rule × n, …, END: rules taken at least once */
	CONTROL_TRACE,                  /* control_trace_request -> control_trace and records, …, for ever */
	CONTROL_CAPTURE,                /* control_filter -> control_packet and bytes, …, for ever */
	CONTROL_LINK,                   /* text -> text */
	CONTROL_CONFIG,                 /* control_filter -> control_config × n, END */
	CONTROL_DOWN,                   /* - -> -; the socket closes when the host is gone */

	CONTROL_SOCK_FIRST = 0x100,     /* sockets: src/sock/protocol.h */
	CONTROL_SOCK_LAST = 0x1ff,
	CONTROL_VIEW_FIRST = 0x200,
	CONTROL_VIEW_LAST = 0x2ff,

	CONTROL_END = 0x7ffe,           /* | CONTROL_REPLY; no body */
	CONTROL_ERROR = 0x7fff,         /* | CONTROL_REPLY; control_error */
};

struct control_error {
	int32_t error;                  /* a negative errno */
	char text[252];                 /* one line, ends with 0 */
};

/* So that a client built with another idea of the records is refused instead of misread. */
struct control_hello {
	uint32_t version;               /* CONTROL_VERSION */
	uint32_t pid;                   /* reply: of the host */
	uint32_t status_bytes;          /* sizeof(struct eleven_status) */
	uint32_t trace_bytes;           /* sizeof(struct eleven_trace) */
	uint64_t now;                   /* reply: the stacks' time */
	uint64_t wall_offset;           /* reply: add to a stack's time to get ns since 1970 */
	uint64_t started;               /* reply: when the host came up, stack's time */
	char program[32];               /* version, ends with 0 */
};

struct control_filter {
	char host[CONTROL_HOST_MAX];    /* a name; empty: all */
};

struct control_host {
	char name[CONTROL_HOST_MAX];
	char link[32];                  /* "wire", "tun tun0" */
	struct eleven_address address, address6;        /* all zero: none of that family */
	uint32_t prefix_bits, prefix6_bits;
	uint32_t mtu;
	uint32_t profile;               /* enum eleven_profile */
	uint32_t kind;                  /* enum eleven_link_kind */
	uint64_t msl;                   /* ns */
};

struct control_status {
	char host[CONTROL_HOST_MAX];
	uint64_t now;                   /* the stack's time when it was taken */
	struct eleven_status status;
};

struct control_stats {
	char host[CONTROL_HOST_MAX];
	uint64_t now;
	uint64_t link_in, link_out;     /* packets */
	uint64_t link_drops;            /* by the link: full queue, impairment, the kernel */
	struct eleven_stats stats;
};

struct control_rule {
	char host[CONTROL_HOST_MAX];
	uint64_t count;
	uint32_t rule;
	uint32_t unused;
};

struct control_trace_request {
	char host[CONTROL_HOST_MAX];    /* empty: all */
	uint32_t kinds;                 /* bits 1 << enum eleven_trace_kind; only those are sent */
	uint32_t backlog;               /* 1: first what the ring holds from before; 0: only what is new */
};

/* Followed by `count` × struct eleven_trace, of one host. */
struct control_trace {
	char host[CONTROL_HOST_MAX];
	uint64_t wall_offset;           /* add to their times to get ns since 1970 */
	uint64_t lost;                  /* overwritten before this client could have them, since the last message */
	uint32_t count;
	uint32_t unused;
};

/* Followed by the packet, whole, with its checksums filled in. */
struct control_packet {
	char host[CONTROL_HOST_MAX];
	uint64_t time;                  /* the stack's */
	uint64_t wall_offset;
	uint64_t serial;                /* of the packet, as in the trace */
	uint64_t lost;                  /* packets this client was too slow for, since the last message */
	uint32_t length;                /* bytes that follow */
	uint16_t segment_bytes;         /* one big segment: text per segment on the wire; else 0 */
	uint8_t out;                    /* 1: sent by the host, 0: received */
	uint8_t kind;                   /* enum eleven_link_kind */
};

struct control_config {
	char host[CONTROL_HOST_MAX];
	struct eleven_config config;
};

#endif
