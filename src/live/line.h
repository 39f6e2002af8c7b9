/* SPDX-License-Identifier: MIT */
/* A change as a line for people, and as a JSON object. */
#ifndef ELEVEN_LIVE_LINE_H
#define ELEVEN_LIVE_LINE_H

#include <jansson.h>

#include "live/change.h"

#define LINE_MAX_BYTES 1024

struct line_options {
	uint64_t wall_offset;
	uint64_t home;                  /* namespace that needs no mention; 0: none is mentioned */
	struct line_columns *columns;   /* padded, for eyes; NULL: single spaces */
};

/* How wide the padded ones are: they grow with what comes, up to a limit, so that lines stay below each other. */
struct line_columns {
	unsigned width;                 /* of the terminal: longer lines are broken before the cause; 0: never */
	unsigned who, ends;             /* 0: the least */
};

/*
 * `12:01:03.123456 +0.384ms c12 server[29973] fd 7 127.0.0.1:7001<-37124 ESTABLISHED -> CLOSE_WAIT  peer sent FIN
 * unread 1`, without line end. *last is the time of the line before and moves on. Returns its length.
 */
size_t live_line(char out[LINE_MAX_BYTES], const struct live_change *change, const struct line_options *options,
		 uint64_t *last);
/* `server[29973] fd 7`, `server[29973] queue` (waits for its accept()), `-(unknown)`. Returns out. */
#define LINE_WHO_MAX 160
const char *live_who_text(char out[LINE_WHO_MAX], const struct live_change *change);
/* `127.0.0.1:7001<-37124`: `<-` came in, `->` went out, `--` not known which. Returns out. */
#define LINE_ENDS_MAX 128
const char *live_ends_text(char out[LINE_ENDS_MAX], const struct live_change *change);
const char *live_state_text(enum eleven_state state);

/* The caller's to let go of. */
json_t *live_json(const struct live_change *change, uint64_t wall_offset);

#endif
