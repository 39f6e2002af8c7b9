/* SPDX-License-Identifier: MIT */
/* `eleven watch` has two sources: our own stacks (watch.c), and Linux's sockets (watch_kernel.c). */
#ifndef ELEVEN_TOOLS_WATCH_H
#define ELEVEN_TOOLS_WATCH_H

#include "live/watcher.h"
#include "view/filter.h"
#include "view/ladder.h"

#define WATCH_WORDS_MAX 64

struct watch_arguments {
	struct filter *filter;
	char *words[WATCH_WORDS_MAX];            /* of the filter */
	int word_count;
	struct ladder_options ladder_options;
	const char *host;
	const char *record, *read;      /* files */
	enum live_backend backend;
	bool backend_named, stack, one_namespace;
	bool kernel, eleven;            /* asked for by name */
	bool ladder, json, all, once, rules, ascii;
};

struct kernel_watch;

/* Begins to watch, or says why not and exits. */
struct kernel_watch *kernel_watch_open(const struct watch_arguments *arguments);
/* Waits for at most timeout_ms, or until other_fd is readable, and prints. False: it is over. */
bool kernel_watch_turn(struct kernel_watch *watch, int timeout_ms, int other_fd);
/* Prints what is left and the counts; the exit status. */
int kernel_watch_close(struct kernel_watch *watch);
/* `--read FILE`: prints what was recorded; the exit status. */
int kernel_watch_read(const struct watch_arguments *arguments);

/* SIGINT, SIGTERM, SIGHUP or SIGPIPE came. */
bool watch_over(void);
void watch_signals(void);

#endif
