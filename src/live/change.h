/* SPDX-License-Identifier: MIT */
/*
 * What watching the kernel yields: one struct for each change of state of a connection, with its cause and who it
 * belongs to.  Everything that prints, records, draws or judges reads only this; no backend shows through it but by
 * what is not known.
 */
#ifndef ELEVEN_LIVE_CHANGE_H
#define ELEVEN_LIVE_CHANGE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "eleven.h"
#include "view/view.h"

enum live_cause {
#define CAUSE(name, id, words, verdict) LIVE_CAUSE_##name,
#include "live/causes.def"
#undef CAUSE
	LIVE_CAUSES
};

const char *live_cause_id(enum live_cause cause);
const char *live_cause_words(enum live_cause cause);
/* The verdict of `eleven explain` that stands for it, or NULL. */
const char *live_cause_verdict(enum live_cause cause);
/* False: there is none of this id. */
bool live_cause_parse(enum live_cause *cause, const char *id);

/* How an owner is known. */
enum live_how {
	LIVE_HOW_NONE,                  /* it is not */
	LIVE_HOW_CALL,                  /* it made the system call */
	LIVE_HOW_PROC,                  /* its descriptor has the socket's inode */
	LIVE_HOW_LISTENER,              /* owns the listener: not accepted yet, or was not seen since */
	LIVE_HOWS
};

struct live_who {
	enum live_how how;
	pid_t pid;                      /* 0: none */
	pid_t tid;                      /* the thread of the call; 0: not known */
	int fd;                         /* -1: none, or not known */
	uint32_t uid;                   /* UINT32_MAX: not known */
	char comm[16];                  /* as it came: escape it */
};

enum live_direction { LIVE_EITHER, LIVE_IN, LIVE_OUT };

#define LIVE_UNKNOWN UINT32_MAX
/* A name that a backend made up for a connection whose cookie it could not learn has this bit. */
#define LIVE_COOKIE_MADE_UP (1ull << 63)
#define LIVE_FRAMES_MAX 32
#define LIVE_FRAME_TEXT 256

/* Where in the program a call came from: innermost first, one line of text each, escaped. */
struct live_frames {
	unsigned count;
	char text[LIVE_FRAMES_MAX][LIVE_FRAME_TEXT];
};

struct live_change {
	uint64_t time;                  /* CLOCK_MONOTONIC, ns */
	uint64_t cookie;                /* 0: none, or not known */
	uint64_t netns;                 /* inode of the namespace; VIEW_ABSENT: not known */
	uint64_t number;                /* of the connection in this watch: c1, c2 …; 0: none */
	struct eleven_endpoint local, remote;
	int family;                     /* 4 or 6 */
	enum live_direction direction;
	bool note;                      /* something of interest that is no change of state */
	bool sampled;                   /* found by looking now and then: happened at `time` or before */
	bool gone;                      /* the socket has no descriptor any more */
	enum eleven_state before, after;        /* ELEVEN_STATES: not known */
	enum live_cause cause;
	int error;                      /* errno that the program sees; 0: none */
	int signal;                     /* EXIT: that killed it */
	uint32_t unread, unacked;       /* as Recv-Q and Send-Q; LIVE_UNKNOWN */
	uint32_t rtt_us;                /* 0: not known */
	uint32_t inode;                 /* 0: none */
	uint32_t retransmits;           /* of the whole connection, as far as seen */
	uint64_t spent_ns;              /* in `before`; VIEW_ABSENT */
	struct live_who who;            /* the owner: of the call if it was one */
	unsigned others;                /* further descriptors of the same socket */
	struct live_who by;             /* KILLED: who did it */
	struct live_frames *frames;     /* NULL: none */
};

/* Takes one; it is lent for the call. */
typedef void live_change_fn(void *context, struct live_change *change);

/* `peer sent FIN`, `the program ended: killed by signal 9`. Returns out, or a text that needs no room. */
#define LIVE_WORDS_MAX 256
const char *live_change_words(char out[LIVE_WORDS_MAX], const struct live_change *change);

#endif
