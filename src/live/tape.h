/* SPDX-License-Identifier: MIT */
/*
 * A recording of changes: `eleven watch --record FILE`, read back by `watch --read`, `explain --record` and the ladder.
 *
 * The file is one tape_file, then records of a tape_head and a body with a checksum, the last of them an end mark.  All
 * numbers are in the byte order of the machine that wrote it, which `order` tells.  Reading takes memory for one
 * record; what is cut off or damaged is said with its place, after everything before it has been given out.
 */
#ifndef ELEVEN_LIVE_TAPE_H
#define ELEVEN_LIVE_TAPE_H

#include "live/change.h"

#define TAPE_MAGIC "eleven watching"    /* 15 bytes and the 0 */
#define TAPE_VERSION 1u
#define TAPE_ORDER 0x01020304u
#define TAPE_BODY_MAX 16384u
#define TAPE_PROBLEM_MAX 256
#define TAPE_TEXT_MAX 600

struct tape_file {
	char magic[16];
	uint32_t version, order;
	uint64_t wall_offset;           /* add to a time for ns since 1970 */
	char backend[16];
	char header[TAPE_TEXT_MAX];     /* what watch said at its start; ends with 0 */
};

enum tape_kind { TAPE_CHANGE = 1, TAPE_LOST, TAPE_END };

struct tape_head {
	uint32_t bytes;                 /* of the body */
	uint32_t check;                 /* crc32 of kind, bytes and body */
	uint32_t kind;
	uint32_t unused;
};

struct tape_who { int32_t how, pid, tid, fd; uint32_t uid; char comm[16]; };

/* Body of TAPE_CHANGE; the frames' texts, each with its 0, follow. */
struct tape_change {
	uint64_t time, cookie, netns, number, spent_ns;
	uint8_t local[16], remote[16];
	uint16_t local_port, remote_port;
	uint8_t family, direction, note, sampled, gone, before, after, cause;
	int32_t error, signal;
	uint32_t unread, unacked, rtt_us, inode, retransmits, others, frames;
	struct tape_who who, by;
};

struct tape;
/* -errno. An old file of this name is written over. */
int tape_create(struct tape **tape, const char *path, uint64_t wall_offset, const char *backend, const char *header);
void tape_write(struct tape *tape, const struct live_change *change);
void tape_lost(struct tape *tape, uint64_t lost);
/* -errno when anything could not be written. */
int tape_close(struct tape *tape);

struct tape_reader;
int tape_open(struct tape_reader **reader, const char *path, char problem[TAPE_PROBLEM_MAX]);
/* Gives out all changes. 0: the whole file; -EBADMSG: damaged or cut short, and where. */
int tape_read(struct tape_reader *reader, live_change_fn *sink, void *context, char problem[TAPE_PROBLEM_MAX]);
uint64_t tape_wall_offset(const struct tape_reader *reader);
const char *tape_header(const struct tape_reader *reader);
const char *tape_backend(const struct tape_reader *reader);
uint64_t tape_lost_count(const struct tape_reader *reader);
void tape_reader_close(struct tape_reader *reader);

#endif
