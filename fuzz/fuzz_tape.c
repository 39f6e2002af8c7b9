/* SPDX-License-Identifier: MIT */
/*
 * Recordings of `eleven watch` that are damaged, cut off, or written by somebody who knows the format: a good one is
 * made once, and the input says what to change in it; checksums may be made right again.  Reading ends with an answer
 * and what came out can be printed, drawn and told as stories.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/choice.h"
#include "fuzz/must.h"
#include "fuzz/target.h"
#include "live/line.h"
#include "live/rungs.h"
#include "live/stories.h"
#include "live/tape_check.h"

#define GOOD_MAX  65536u
#define RECORDS   12u
#define EDITS_MAX 6

static uint8_t good[GOOD_MAX], now[GOOD_MAX];
static size_t good_bytes, starts[RECORDS + 2];
static unsigned record_count;
static char path[40];
static int fd;
static FILE *nowhere;

static void good_make(void)
{
	struct live_frames frames = { .count = 2, .text = { "close+0x3a (libc.so.6)", "finish+0x4 at srv.c:7 (srv)" } };
	struct live_change change = { .cookie = 7, .number = 1, .family = 4, .netns = 4026531840,
				      .after = ELEVEN_SYN_SENT, .spent_ns = 5000,
				      .who = { LIVE_HOW_CALL, 100, 101, 5, 0, "server" } };
	struct tape *tape;

	fd = memfd_create("tape", 0);
	MUST(fd >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	MUST(tape_create(&tape, path, 1, "bpf", "bpf: a header") == 0);
	change.local.address.bytes[10] = change.local.address.bytes[11] = 0xff;
	change.remote = change.local;
	change.local.port = 40000;
	change.remote.port = 80;
	for (unsigned i = 0; i < RECORDS; i++) {
		change.time = 1000 * (i + 1);
		change.before = i % ELEVEN_STATES;
		change.after = (i + 1) % ELEVEN_STATES;
		change.cause = i * 3 % LIVE_CAUSES;
		change.frames = i % 4 == 0 ? &frames : NULL;
		tape_write(tape, &change);
	}
	MUST(tape_close(tape) == 0);
	good_bytes = (size_t)pread(fd, good, sizeof(good), 0);
	for (size_t at = sizeof(struct tape_file); at < good_bytes && record_count < RECORDS + 2;) {
		struct tape_head head;

		memcpy(&head, good + at, sizeof(head));
		starts[record_count++] = at;
		at += sizeof(head) + head.bytes;
	}
	MUST(record_count == RECORDS + 1);
	nowhere = fopen("/dev/null", "w");
	MUST(nowhere != NULL);
}

static void check_mend(size_t n, size_t at)
{
	struct tape_head head;

	if (at + sizeof(head) > n)
		return;
	memcpy(&head, now + at, sizeof(head));
	if (head.bytes > n - at - sizeof(head))
		return;
	head.check = tape_check(&head, now + at + sizeof(head));
	memcpy(now + at, &head, sizeof(head));
}

static size_t edit(struct choice *c)
{
	size_t n = good_bytes;

	memcpy(now, good, n);
	for (unsigned i = 0; i < EDITS_MAX && !choice_over(c); i++) {
		size_t at = starts[choice_below(c, record_count)];
		uint32_t what = choice_below(c, 8), width = 1u << choice_below(c, 4);
		uint32_t where = choice_below(c, what < 3 ? (uint32_t)sizeof(struct tape_head) : 400);
		uint64_t value = choice_number(c, width);

		if (what == 7) {
			n = at + where < n ? at + where : n;
			continue;
		}
		if (at + where + width > good_bytes)
			continue;
		memcpy(now + at + where, &value, width);
		if (what != 0)
			check_mend(n, at);
	}
	if (!choice_over(c))
		now[choice_below(c, sizeof(struct tape_file))] = (uint8_t)choice_number(c, 1);
	return n;
}

struct seen { unsigned count; struct rungs *rungs; struct stories *stories; uint64_t last; };

static void on_change(void *context, struct live_change *change)
{
	struct line_columns columns = { .width = 100 };
	struct line_options options = { .columns = &columns, .home = 1 };
	struct seen *seen = context;
	char line[LINE_MAX_BYTES];

	seen->count++;
	MUST(live_line(line, change, &options, &seen->last) < sizeof(line));
	for (const char *c = line; *c != '\0'; c++)
		MUST(((unsigned char)*c >= ' ' && *c != 0x7f) || *c == '\n');
	json_decref(live_json(change, 0));
	rungs_add(seen->rungs, change);
	stories_add(seen->stories, change);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct choice c = choice_bytes(bytes, n);
	char problem[TAPE_PROBLEM_MAX] = "";
	struct tape_reader *reader;
	struct seen seen = { 0 };
	size_t length, count;
	int result;

	if (good_bytes == 0)
		good_make();
	length = edit(&c);
	MUST(ftruncate(fd, 0) == 0 && pwrite(fd, now, length, 0) == (ssize_t)length);
	if (tape_open(&reader, path, problem) < 0) {
		MUST(problem[0]);
		return 0;
	}
	seen.rungs = rungs_create(nowhere, 0, false);
	seen.stories = stories_create();
	result = tape_read(reader, on_change, &seen, problem);
	MUST(result == 0 || (result == -EBADMSG && problem[0]));
	MUST(seen.count <= GOOD_MAX / sizeof(struct tape_change));
	if (n == 0)
		MUST(result == 0 && seen.count == RECORDS);
	rungs_draw(seen.rungs, true);
	stories_tell(seen.stories, &count);
	rungs_destroy(seen.rungs);
	stories_destroy(seen.stories);
	tape_reader_close(reader);
	return 0;
}
