/* SPDX-License-Identifier: MIT */
/* Writing a recording of changes; see tape.h. */
#include "live/tape.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "live/tape_check.h"

struct tape {
	FILE *file;
	int error;
};

uint32_t tape_check(const struct tape_head *head, const void *body)
{
	uLong sum = crc32(0, (const Bytef *)&head->bytes, sizeof(head->bytes));

	sum = crc32(sum, (const Bytef *)&head->kind, sizeof(head->kind));
	return (uint32_t)(head->bytes > 0 ? crc32(sum, body, head->bytes) : sum);
}

static void record_write(struct tape *tape, enum tape_kind kind, const void *body, size_t bytes)
{
	struct tape_head head = { .bytes = (uint32_t)bytes, .kind = kind };

	head.check = tape_check(&head, body);
	if (tape->error == 0 && (fwrite(&head, sizeof(head), 1, tape->file) != 1 ||
				 (bytes > 0 && fwrite(body, bytes, 1, tape->file) != 1)))
		tape->error = errno ? -errno : -EIO;
}

int tape_create(struct tape **out, const char *path, uint64_t wall_offset, const char *backend, const char *header)
{
	struct tape_file file = { .magic = TAPE_MAGIC, .version = TAPE_VERSION, .order = TAPE_ORDER,
				  .wall_offset = wall_offset };
	struct tape *tape = calloc(1, sizeof(*tape));

	if (tape == NULL)
		return -ENOMEM;
	snprintf(file.backend, sizeof(file.backend), "%s", backend);
	snprintf(file.header, sizeof(file.header), "%s", header);
	tape->file = fopen(path, "wbe");
	if (tape->file == NULL) {
		int error = -errno;

		free(tape);
		return error;
	}
	if (fwrite(&file, sizeof(file), 1, tape->file) != 1)
		tape->error = -errno;
	*out = tape;
	return 0;
}

static void who_pack(struct tape_who *to, const struct live_who *from)
{
	to->how = (int32_t)from->how;
	to->pid = from->pid;
	to->tid = from->tid;
	to->fd = from->fd;
	to->uid = from->uid;
	memcpy(to->comm, from->comm, sizeof(to->comm));
}

static void change_pack(struct tape_change *to, const struct live_change *from)
{
	memset(to, 0, sizeof(*to));
	to->time = from->time;
	to->cookie = from->cookie;
	to->netns = from->netns;
	to->number = from->number;
	to->spent_ns = from->spent_ns;
	memcpy(to->local, &from->local.address, sizeof(to->local));
	memcpy(to->remote, &from->remote.address, sizeof(to->remote));
	to->local_port = from->local.port;
	to->remote_port = from->remote.port;
	to->family = (uint8_t)from->family;
	to->direction = (uint8_t)from->direction;
	to->note = from->note;
	to->sampled = from->sampled;
	to->gone = from->gone;
	to->before = (uint8_t)from->before;
	to->after = (uint8_t)from->after;
	to->cause = (uint8_t)from->cause;
	to->error = from->error;
	to->signal = from->signal;
	to->unread = from->unread;
	to->unacked = from->unacked;
	to->rtt_us = from->rtt_us;
	to->inode = from->inode;
	to->retransmits = from->retransmits;
	to->others = from->others;
	who_pack(&to->who, &from->who);
	who_pack(&to->by, &from->by);
}

void tape_write(struct tape *tape, const struct live_change *change)
{
	static _Thread_local uint8_t body[TAPE_BODY_MAX];
	struct tape_change packed;
	size_t used = sizeof(packed);

	change_pack(&packed, change);
	for (unsigned i = 0; change->frames != NULL && i < change->frames->count; i++) {
		size_t n = strnlen(change->frames->text[i], LIVE_FRAME_TEXT - 1);

		memcpy(body + used, change->frames->text[i], n);
		body[used + n] = 0;
		used += n + 1;
		packed.frames++;
	}
	memcpy(body, &packed, sizeof(packed));
	record_write(tape, TAPE_CHANGE, body, used);
}

void tape_lost(struct tape *tape, uint64_t lost)
{
	record_write(tape, TAPE_LOST, &lost, sizeof(lost));
}

int tape_close(struct tape *tape)
{
	int error;

	record_write(tape, TAPE_END, NULL, 0);
	error = tape->error;
	if (fclose(tape->file) != 0 && error == 0)
		error = -errno;
	free(tape);
	return error;
}
