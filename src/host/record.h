/* SPDX-License-Identifier: MIT */
/*
 * A recording: everything that goes into the stacks of a host process, so that the run can be made
 * again bit for bit: configuration and seed, packets, the time with every call, user calls with
 * their text.  What comes out needs no recording; a digest of it shows that a replay is the same run.
 *
 * The file is records of struct record_head and a body, one behind the other, after struct
 * record_file.  Everything is in the byte order of the machine that wrote it, which `order` tells.
 * The last record is RECORD_END; a recording without it is of a host that was killed, or was cut off.
 */
#ifndef ELEVEN_HOST_RECORD_H
#define ELEVEN_HOST_RECORD_H

#include <stdint.h>

#include "eleven.h"

#define RECORD_MAGIC "eleven recording"         /* 16 bytes without the 0 */
#define RECORD_VERSION 2u
#define RECORD_ORDER 0x01020304u
#define RECORD_BODY_MAX (8u << 20)              /* a batch of the longest packets is 4 MiB */
#define RECORD_STACKS_MAX 64u
#define RECORD_PACKETS_MAX 64u                  /* of one call */

struct record_file {
	char magic[16];
	uint32_t version;
	uint32_t order;
	uint32_t stack_bytes;           /* sizeof(struct record_stack) */
	uint32_t unused;
	uint64_t wall_offset;           /* add to a time to get ns since 1970 */
	char program[32];               /* version, ends with 0 */
	uint32_t layout;                /* record_layout() */
	uint32_t check;                 /* crc32 of this with `check` 0 */
};

enum record_kind {
	RECORD_STACK = 1,               /* record_stack: makes stack number `stack`, always the next one */
	RECORD_INPUT,                   /* record_packet and its bytes, each padded to 8, as often as `count` */
	RECORD_OUTPUT,                  /* count: packets asked for; result: how many came; value: their digest */
	RECORD_TIMERS,
	RECORD_SIGNAL,                  /* one was there: connection, and value: its signals */
	RECORD_CALL,                    /* `call` */
	RECORD_TRAIL,                   /* value: digest of the stack's trace so far; result: its last serial */
	RECORD_END,                     /* value: records before this one */
	RECORD_ROUTE,                   /* struct eleven_route: eleven_route_add() */
};

enum record_call {
	RECORD_OPEN, RECORD_BIND, RECORD_LISTEN, RECORD_CONNECT, RECORD_ACCEPT, RECORD_SEND, RECORD_SEND_BUF,
	RECORD_SEND_COMMIT, RECORD_RECEIVE, RECORD_RECEIVE_BUF, RECORD_RECEIVE_COMMIT, RECORD_SHUTDOWN,
	RECORD_SHUTDOWN_RECEIVE, RECORD_CLOSE, RECORD_ABORT, RECORD_OPTION_SET, RECORD_TRACE_KINDS,
	RECORD_KEY_ADD, RECORD_KEY_REMOVE,      /* struct eleven_key: a recording holds secrets */
	RECORD_AUTH_SET,                        /* struct eleven_auth */
	RECORD_CALLS
};

struct record_head {
	uint32_t bytes;                 /* of the body, padded to 8 */
	uint32_t check;                 /* crc32 of this with `check` 0, and the body */
	uint8_t kind;                   /* enum record_kind */
	uint8_t stack;                  /* number, from 0 */
	uint8_t call;                   /* enum record_call */
	uint8_t unused;
	uint32_t count;                 /* packets; flags of a call; backlog; which option */
	uint64_t time;                  /* the call's `now` */
	uint64_t connection;            /* the call's; accept and open: the new one (accept's listener is `value`) */
	uint64_t value;                 /* bytes asked for or committed; option's value; digest */
	int64_t result;                 /* what the call returned */
};

enum {
#define CONFIG(name, unit, least, most, modern, strict, linux, source, sentence) RECORD_CONFIG_##name,
#include "eleven-config.def"
#undef CONFIG
	RECORD_CONFIG_ROWS
};

struct record_stack {                   /* without padding: the same on every machine of this order of bytes */
	char name[32];
	uint64_t secret[2], seed, profile, config[RECORD_CONFIG_ROWS];
	union {
		struct eleven_interface interface;
		uint64_t interface_room[16];    /* without which its end would be aligned as the machine has it */
	};
};

struct record_packet {
	uint32_t length;
	uint16_t segment_bytes;
	uint8_t interface;
	uint8_t flags;
};

/* Begins to record every stack made from now on; one recording at a time. -errno. */
int record_begin(const char *path, uint64_t wall_offset);
/* Writes what is still to be written. -errno when any of it could not be. */
int record_end(void);

/* Tells the configuration's rows, as names in their order: another list, another number. */
uint32_t record_layout(void);

/* The digest of what eleven_output() gave, begun at 0; one bit different, another digest. */
uint64_t record_digest(uint64_t digest, const struct eleven_out *packets, unsigned count);

#endif
