/* SPDX-License-Identifier: MIT */
/*
 * The verbs of `eleven`: each a file of its own, each reads its own command line.
 *
 * Exit statuses: 0 done, 1 failed (one line on standard error says why), 2 wrong command line.
 */
#ifndef ELEVEN_TOOLS_VERBS_H
#define ELEVEN_TOOLS_VERBS_H

#include <argp.h>

/* argv[0] is "eleven VERB"; returns the exit status. */
typedef int verb_fn(int argc, char **argv);

verb_fn verb_config;
verb_fn verb_down;
verb_fn verb_explain;
verb_fn verb_link;
verb_fn verb_netstat;
verb_fn verb_replay;
verb_fn verb_rfc;
verb_fn verb_run;
verb_fn verb_states;
verb_fn verb_trace;
verb_fn verb_up;
verb_fn verb_watch;

/*
 * argp_parse() with the house's manners: a mistake is one line on standard error and status 2, also
 * for arguments the verb's parser does not know (ARGP_ERR_UNKNOWN).  `flags` are argp's.
 */
void verb_parse(const struct argp *argp, unsigned flags, int argc, char **argv, void *input);

/* `eleven VERB: …` on standard error, and exits with status 2. */
_Noreturn void verb_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same with status 1. */
_Noreturn void verb_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
