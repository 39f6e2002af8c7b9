/* SPDX-License-Identifier: MIT */
/* Reading a recording of changes, which may be anything; see tape.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "live/tape_check.h"

struct tape_reader {
	FILE *file;
	struct tape_file head;
	uint64_t at;                    /* byte of the record under work */
	uint64_t lost;
	struct live_frames frames;
	_Alignas(8) uint8_t body[TAPE_BODY_MAX];
};

static int file_check(const struct tape_file *file, size_t got, char problem[TAPE_PROBLEM_MAX])
{
	bool ours = got < sizeof(file->magic) || memcmp(file->magic, TAPE_MAGIC, sizeof(TAPE_MAGIC)) == 0;

	if (got < sizeof(*file) && ours)
		snprintf(problem, TAPE_PROBLEM_MAX, "cut short at byte %zu, within its head", got);
	else if (!ours)
		snprintf(problem, TAPE_PROBLEM_MAX, "no recording of 'eleven watch --record'");
	else if (file->order != TAPE_ORDER)
		snprintf(problem, TAPE_PROBLEM_MAX, "written by a machine of the other byte order");
	else if (file->version != TAPE_VERSION)
		snprintf(problem, TAPE_PROBLEM_MAX, "version %u, this eleven reads version %u", file->version,
			 TAPE_VERSION);
	else
		return 0;
	return -EBADMSG;
}

/* Texts from a file are printed: control characters are not. */
static void text_tame(char *text, size_t n)
{
	text[n - 1] = '\0';
	for (char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
}

int tape_open(struct tape_reader **out, const char *path, char problem[TAPE_PROBLEM_MAX])
{
	struct tape_reader *reader = calloc(1, sizeof(*reader));
	size_t got;
	int error;

	if (reader == NULL)
		return -ENOMEM;
	reader->file = fopen(path, "rbe");
	if (reader->file == NULL) {
		error = -errno;
		snprintf(problem, TAPE_PROBLEM_MAX, "%s", strerror(errno));
		free(reader);
		return error;
	}
	got = fread(&reader->head, 1, sizeof(reader->head), reader->file);
	error = file_check(&reader->head, got, problem);
	if (error < 0) {
		tape_reader_close(reader);
		return error;
	}
	text_tame(reader->head.header, sizeof(reader->head.header));
	text_tame(reader->head.backend, sizeof(reader->head.backend));
	reader->at = sizeof(reader->head);
	*out = reader;
	return 0;
}

void tape_reader_close(struct tape_reader *reader)
{
	if (reader->file != NULL)
		fclose(reader->file);
	free(reader);
}

static bool who_unpack(struct live_who *to, const struct tape_who *from)
{
	to->how = (enum live_how)from->how;
	to->pid = from->pid;
	to->tid = from->tid;
	to->fd = from->fd;
	to->uid = from->uid;
	memcpy(to->comm, from->comm, sizeof(to->comm));
	return from->how >= 0 && from->how < (int32_t)LIVE_HOWS && from->pid >= 0;
}

static bool frames_unpack(struct tape_reader *reader, const struct tape_change *from, size_t bytes)
{
	size_t at = sizeof(*from);

	reader->frames.count = 0;
	if (from->frames > LIVE_FRAMES_MAX)
		return false;
	for (unsigned i = 0; i < from->frames; i++) {
		size_t n = strnlen((const char *)reader->body + at, bytes - at);

		if (n == bytes - at || n >= LIVE_FRAME_TEXT)
			return false;
		memcpy(reader->frames.text[i], reader->body + at, n + 1);
		text_tame(reader->frames.text[i], LIVE_FRAME_TEXT);
		at += n + 1;
		reader->frames.count++;
	}
	return at == bytes;
}

static bool change_unpack(struct tape_reader *reader, struct live_change *to, size_t bytes)
{
	struct tape_change from;

	if (bytes < sizeof(from))
		return false;
	memcpy(&from, reader->body, sizeof(from));
	*to = (struct live_change){ .time = from.time, .cookie = from.cookie, .netns = from.netns,
		.number = from.number, .family = from.family, .direction = from.direction, .note = from.note & 1,
		.sampled = from.sampled & 1, .gone = from.gone & 1, .before = from.before, .after = from.after,
		.cause = from.cause, .error = from.error, .signal = from.signal, .unread = from.unread,
		.unacked = from.unacked, .rtt_us = from.rtt_us, .inode = from.inode, .retransmits = from.retransmits,
		.spent_ns = from.spent_ns, .others = from.others };
	memcpy(&to->local.address, from.local, sizeof(from.local));
	memcpy(&to->remote.address, from.remote, sizeof(from.remote));
	to->local.port = from.local_port;
	to->remote.port = from.remote_port;
	if (!who_unpack(&to->who, &from.who) || !who_unpack(&to->by, &from.by) || !frames_unpack(reader, &from, bytes))
		return false;
	to->frames = reader->frames.count > 0 ? &reader->frames : NULL;
	return (from.family == 4 || from.family == 6) && from.direction <= LIVE_OUT && from.before <= ELEVEN_STATES &&
	       from.after <= ELEVEN_STATES && from.cause < LIVE_CAUSES;
}

/* 1: one record; 0: the end mark; -errno. */
static int record_read(struct tape_reader *reader, live_change_fn *sink, void *context)
{
	struct live_change change;
	struct tape_head head;
	size_t got = fread(&head, 1, sizeof(head), reader->file);

	if (got < sizeof(head))
		return -ENODATA;
	if (head.bytes > TAPE_BODY_MAX)
		return -EBADMSG;
	if (head.bytes > 0 && fread(reader->body, 1, head.bytes, reader->file) < head.bytes)
		return -ENODATA;
	if (tape_check(&head, reader->body) != head.check)
		return -EBADMSG;
	if (head.kind == TAPE_CHANGE) {
		if (!change_unpack(reader, &change, head.bytes))
			return -EBADMSG;
		sink(context, &change);
	} else if (head.kind == TAPE_LOST && head.bytes == sizeof(reader->lost)) {
		memcpy(&reader->lost, reader->body, sizeof(reader->lost));
	} else if (head.kind == TAPE_END && head.bytes == 0) {
		return 0;
	} else {
		return -EBADMSG;
	}
	reader->at += sizeof(head) + head.bytes;
	return 1;
}

int tape_read(struct tape_reader *reader, live_change_fn *sink, void *context, char problem[TAPE_PROBLEM_MAX])
{
	int result;

	while ((result = record_read(reader, sink, context)) > 0)
		;
	if (result == -ENODATA)
		snprintf(problem, TAPE_PROBLEM_MAX, "cut short: the record at byte %" PRIu64 " is not whole, or the "
			 "end is missing", reader->at);
	else if (result < 0)
		snprintf(problem, TAPE_PROBLEM_MAX, "damaged: the record at byte %" PRIu64, reader->at);
	return result < 0 ? -EBADMSG : 0;
}

uint64_t tape_wall_offset(const struct tape_reader *reader)
{
	return reader->head.wall_offset;
}

const char *tape_header(const struct tape_reader *reader)
{
	return reader->head.header;
}

const char *tape_backend(const struct tape_reader *reader)
{
	return reader->head.backend;
}

uint64_t tape_lost_count(const struct tape_reader *reader)
{
	return reader->lost;
}
