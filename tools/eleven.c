/* SPDX-License-Identifier: MIT */
/*
 * The program `eleven`: finds the verb and hands it the rest of the command line.  Called as `netstat` or `ss` it is
 * that verb, in that tool's columns.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eleven.h"
#include "memory.h"
#include "verbs.h"

static const struct verb {
	const char *name;
	verb_fn *run;
	const char *sentence;
} verbs[] = {
	{ "up", verb_up, "start a host process: virtual hosts on a wire, or one on a tun device" },
	{ "down", verb_down, "stop it" },
	{ "run", verb_run, "run a program on it" },
	{ "link", verb_link, "delay, lose, reorder, hold and step through packets on the wire" },
	{ "netstat", verb_netstat, "connections, in the columns of netstat(8)" },
	{ "explain", verb_explain, "what is wrong with connections, and whose fault it is" },
	{ "states", verb_states, "the state diagram, and what each connection waits for" },
	{ "watch", verb_watch, "changes of state as they happen, or the ladder of a connection" },
	{ "trace", verb_trace, "segments as they come and go, or a capture with comments" },
	{ "replay", verb_replay, "run a recording of `up --record` again and compare" },
	{ "rfc", verb_rfc, "a requirement of an RFC, the code for it, and the tests that show it" },
	{ "config", verb_config, "every number of the stack that can be chosen" },
};

#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

const char *argp_program_version = "eleven " ELEVEN_VERSION;

static void help_print(FILE *to)
{
	fprintf(to, "Usage: eleven VERB [OPTION...]\n"
		"eleven is a complete TCP in userspace that shows what it does.\n\n");
	for (unsigned i = 0; i < VERBS; i++)
		fprintf(to, "  %-10s%s\n", verbs[i].name, verbs[i].sentence);
	fprintf(to, "\n'eleven VERB --help' tells more. Options of a verb come after it.\n");
}

static const struct verb *verb_find(const char *name)
{
	for (unsigned i = 0; i < VERBS; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static int verb_start(const struct verb *verb, int argc, char **argv)
{
	char name[64];

	snprintf(name, sizeof(name), "eleven %s", verb->name);
	argv[0] = name;
	program_invocation_name = program_invocation_short_name = name;
	argp_err_exit_status = 2;
	memory_ends_program(verb->run != verb_up);
	return verb->run(argc, argv);
}

/* Called by the name of a tool whose columns it prints. */
static int alias_start(const char *name, int argc, char **argv)
{
	char own[16];

	snprintf(own, sizeof(own), "%s", name);
	argv[0] = own;
	program_invocation_name = program_invocation_short_name = own;
	argp_err_exit_status = 2;
	return verb_netstat(argc, argv);
}

int main(int argc, char **argv)
{
	static char help_option[] = "--help";
	const char *word = argc > 1 ? argv[1] : NULL, *name = argc > 0 ? basename(argv[0]) : "";
	const struct verb *verb;

	if (strcmp(name, "netstat") == 0 || strcmp(name, "ss") == 0)
		return alias_start(name, argc, argv);

	if (!word) {
		help_print(stderr);
		return 2;
	}
	if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
		puts(argp_program_version);
		return 0;
	}
	if (strcmp(word, "--help") == 0 || strcmp(word, "-?") == 0 || (strcmp(word, "help") == 0 && argc == 2)) {
		help_print(stdout);
		return 0;
	}
	if (strcmp(word, "help") == 0) {
		char *arguments[] = { argv[0], help_option, NULL };

		verb = verb_find(argv[2]);
		if (verb)
			return verb_start(verb, 2, arguments);
		word = argv[2];
	} else {
		verb = verb_find(word);
	}
	if (!verb) {
		fprintf(stderr, "eleven: there is no verb '%s'; 'eleven --help' lists them\n", word);
		return 2;
	}
	return verb_start(verb, argc - 1, argv + 1);
}

/* ---------------------------------------------------------------- for the verbs */

static const struct argp *verb_argp;

static error_t verb_parser(int key, char *argument, struct argp_state *state)
{
	error_t error;

	if (key == ARGP_KEY_INIT)
		state->err_stream = NULL;       /* no second line "Try …" */
	error = verb_argp->parser(key, argument, state);
	if (key == ARGP_KEY_ARG && error == ARGP_ERR_UNKNOWN)
		verb_usage("'%s' is one argument too many", argument);
	return error;
}

void verb_parse(const struct argp *argp, unsigned flags, int argc, char **argv, void *input)
{
	struct argp wrapped = *argp;
	error_t error;

	verb_argp = argp;
	wrapped.parser = verb_parser;
	error = argp_parse(&wrapped, argc, argv, flags, NULL, input);
	if (error == ENOMEM)
		verb_fail("out of memory");
	if (error != 0)
		exit(2);
}

static void line_print(const char *format, va_list arguments)
{
	fprintf(stderr, "%s: ", program_invocation_name);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
}

void verb_usage(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	line_print(format, arguments);
	va_end(arguments);
	exit(2);
}

void verb_fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	line_print(format, arguments);
	va_end(arguments);
	exit(1);
}
