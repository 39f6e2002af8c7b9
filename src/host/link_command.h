/* SPDX-License-Identifier: MIT */
/*
 * `eleven link`: the commands that change the wire while it runs, as one line of text.
 *
 *     [dir=a|b] [host=NAME] SETTING…          settings, as many as wanted:
 *         delay TIME   jitter TIME   loss SHARE [burst N]   dup SHARE   reorder SHARE
 *         corrupt SHARE   rate RATE [queue SIZE]   mtu BYTES            0 takes one off
 *     drop N [flags=LETTERS] [from=WHO] [to=WHO]   the next N segments that match
 *     pause | resume | step | clear | show
 *
 * Everything of a line is understood before anything of it is done.
 */
#ifndef ELEVEN_HOST_LINK_COMMAND_H
#define ELEVEN_HOST_LINK_COMMAND_H

#include <stddef.h>

struct host;
struct impair;

/*
 * Carries out `text` and writes the answer, lines for a person, possibly none, into `reply`; on
 * -EINVAL, -ENOENT, -ENOSPC or -EAGAIN what is wrong with it, one line without end.
 */
int link_command(struct impair *impair, struct host *host, const char *text, char *reply, size_t reply_bytes);

#endif
