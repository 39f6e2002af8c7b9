/* SPDX-License-Identifier: MIT */
/*
 * `eleven run`: starts a program with the preload library, on a virtual host of the host process that runs.
 *
 * What cannot work is refused before anything starts: a program that does not call the system through the
 * C library (static, Go), or for which the loader would pass the library over (set-user-ID).
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/client.h"
#include "verbs.h"

#define PRELOAD_NAME "libeleven-preload.so"
#define HEAD_BYTES 4096         /* of a program's file: headers, and the notes that follow */
#define SCRIPTS_MAX 4           /* a script's interpreter may be a script */

struct arguments {
	const char *host;
	char **program;         /* with its arguments; NULL: none given */
};

static const struct argp_option options[] = {
	{ "host", 'h', "NAME", 0, "the virtual host to run on; otherwise $ELEVEN_HOST, or the first", 0 },
	{ 0 },
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case 'h':
		a->host = argument;
		return 0;
	case ARGP_KEY_ARG:
		a->program = &state->argv[state->next - 1];
		state->next = state->argc;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	options, parse, "[--] PROGRAM [ARGUMENT...]",
	"Run a program whose TCP is eleven's.\vThe program is the one of the machine, unchanged: its IPv4 TCP "
	"sockets are made by the host process (`eleven up`), all else is the kernel's. Programs it starts in turn "
	"run on eleven too. The exit status is the program's own.\n"
	"\n"
	"  eleven run --host a -- python3 -m http.server 8000\n"
	"  eleven run --host b -- curl http://10.0.0.1:8000/", NULL, NULL, NULL,
};

/* ---------------------------------------------------------------- the program's file */

/* As execvp(3) looks for it. */
static void program_find(const char *name, char path[PATH_MAX])
{
	const char *folders = getenv("PATH") ? getenv("PATH") : "/usr/local/bin:/usr/bin:/bin";

	if (strchr(name, '/')) {
		snprintf(path, PATH_MAX, "%s", name);
		if (access(path, F_OK) < 0)
			verb_fail("%s: %s", name, strerror(errno));
		return;
	}
	while (*folders) {
		size_t length = strcspn(folders, ":");
		struct stat st;

		snprintf(path, PATH_MAX, "%.*s%s%s", (int)length, folders, length ? "/" : "./", name);
		if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0)
			return;
		folders += length + (folders[length] == ':');
	}
	verb_fail("%s: no such program in $PATH", name);
}

static size_t head_read(const char *path, uint8_t *head)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? 0 : pread(fd, head, HEAD_BYTES, 0);

	if (fd >= 0)
		close(fd);
	return length < 0 ? 0 : (size_t)length;
}

/* The line after #!, without its argument. False: not a script. */
static bool script_interpreter(const uint8_t *head, size_t length, char path[PATH_MAX])
{
	const char *word = (const char *)head + 2;
	size_t rest = length - 2, skip, bytes;

	if (length < 3 || head[0] != '#' || head[1] != '!')
		return false;
	for (skip = 0; skip < rest && (word[skip] == ' ' || word[skip] == '\t'); skip++)
		;
	for (bytes = 0; skip + bytes < rest && !strchr(" \t\r\n", word[skip + bytes]); bytes++)
		;
	snprintf(path, PATH_MAX, "%.*s", (int)bytes, word + skip);
	return bytes > 0;
}

/* `#!/usr/bin/env python3` */
static void env_follow(const uint8_t *head, size_t length, char path[PATH_MAX])
{
	const char *base = strrchr(path, '/');
	char line[256], *space, *word;

	if (strcmp(base ? base + 1 : path, "env") != 0)
		return;
	snprintf(line, sizeof(line), "%.*s", (int)(length < sizeof(line) ? length : sizeof(line) - 1),
		 (const char *)head);
	line[strcspn(line, "\n")] = 0;
	space = strpbrk(line + 2 + strspn(line + 2, " \t"), " \t");
	word = space ? strtok(space, " \t") : NULL;
	while (word && (word[0] == '-' || strchr(word, '=')))
		word = strtok(NULL, " \t");
	if (word)
		program_find(word, path);
}

static const char *interpreter_of(const uint8_t *head, size_t length, const Elf64_Ehdr *elf, bool *is_go)
{
	const char *interpreter = NULL;

	for (unsigned i = 0; i < elf->e_phnum; i++) {
		size_t at = elf->e_phoff + (size_t)i * elf->e_phentsize;
		Elf64_Phdr part;

		if (elf->e_phentsize < sizeof(part) || at + sizeof(part) > length)
			break;
		memcpy(&part, head + at, sizeof(part));
		if (part.p_offset >= length || part.p_filesz > length - part.p_offset)
			continue;
		if (part.p_type == PT_INTERP && part.p_filesz > 0 && head[part.p_offset + part.p_filesz - 1] == 0)
			interpreter = (const char *)head + part.p_offset;
		/* The note that every Go program begins with: namesz 4, "Go\0\0". */
		if (part.p_type == PT_NOTE && part.p_filesz >= 16 &&
		    memcmp(head + part.p_offset + 12, "Go\0\0", 4) == 0)
			*is_go = true;
	}
	return interpreter;
}

static void elf_check(const char *path, const uint8_t *head, size_t length)
{
	bool is_go = false;
	const char *interpreter;
	Elf64_Ehdr elf;

	memcpy(&elf, head, sizeof(elf));
	if (head[EI_CLASS] != ELFCLASS64)
		verb_fail("%s is a 32-bit program, and " PRELOAD_NAME " is for 64-bit ones", path);
	interpreter = interpreter_of(head, length, &elf, &is_go);
	if (is_go)
		verb_fail("%s is a Go program: it calls the kernel without the C library and cannot be run on eleven",
			  path);
	if (!interpreter)
		verb_fail("%s is statically linked: it does not load libraries and cannot be run on eleven", path);
	if (strstr(interpreter, "musl"))
		verb_fail("%s is linked with musl, and " PRELOAD_NAME " with glibc: it cannot be run on eleven", path);
}

static void program_check(const char *name)
{
	char path[PATH_MAX];
	uint8_t head[HEAD_BYTES];
	struct stat st;
	size_t length = 0;

	program_find(name, path);
	for (unsigned i = 0; i < SCRIPTS_MAX; i++) {
		length = head_read(path, head);
		if (!script_interpreter(head, length, path))
			break;
		env_follow(head, length, path);
	}
	if (stat(path, &st) == 0 && (st.st_mode & (S_ISUID | S_ISGID)) && geteuid() != 0)
		verb_fail("%s is set-user-ID: the loader takes no library from elsewhere for it; "
			  "run it as the user it is for", path);
	if (length >= sizeof(Elf64_Ehdr) && memcmp(head, ELFMAG, SELFMAG) == 0)
		elf_check(path, head, length);
}

/* ---------------------------------------------------------------- the library, the host */

/* Beside the program `eleven`, as it is built; or where it is installed. */
static void preload_find(char path[PATH_MAX])
{
	static const char *const places[] = { "", "../lib/", "../lib64/", "../lib/x86_64-linux-gnu/",
					      "../lib/aarch64-linux-gnu/" };
	char self[PATH_MAX / 2];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[length > 0 ? length : 0] = 0;
	slash = strrchr(self, '/');
	if (slash)
		slash[1] = 0;
	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, PATH_MAX, "%s%s" PRELOAD_NAME, self, places[i]);
		if (access(path, R_OK) == 0)
			break;
		path[0] = 0;
	}
	if (!path[0])
		verb_fail(PRELOAD_NAME " is neither in %s nor in the lib folder beside it; build or install eleven "
			  "again",
			  self);
	if (strpbrk(path, " :"))
		verb_fail("%s: the loader cannot take a library whose path has a space or a colon in it", path);
}

static void host_check(struct client *client, const char *name)
{
	struct client_message *reply = malloc(sizeof(*reply));
	const struct control_host *hosts;
	char names[1024] = "";
	size_t count, used = 0;
	int error = reply ? client_call(client, CONTROL_HOSTS, NULL, 0, reply) : -ENOMEM;

	if (error < 0) {
		client_complain(client, error);
		exit(1);
	}
	hosts = (const struct control_host *)reply->body;
	count = reply->header.length / sizeof(*hosts);
	for (size_t i = 0; i < count; i++) {
		if (strncmp(hosts[i].name, name, sizeof(hosts[i].name)) == 0) {
			free(reply);
			return;
		}
		if (used < sizeof(names))
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%.*s", i ? ", " : "",
						 (int)sizeof(hosts[i].name), hosts[i].name);
	}
	verb_fail("there is no host '%s'; there are: %s", name, names);
}

static void environment_set(const char *preload, const char *socket, const char *host)
{
	const char *others = getenv("LD_PRELOAD");
	char *list;

	if (others && *others && !strstr(others, preload)) {
		if (asprintf(&list, "%s:%s", preload, others) < 0)
			verb_fail("out of memory");
		setenv("LD_PRELOAD", list, 1);
		free(list);
	} else if (!others || !*others) {
		setenv("LD_PRELOAD", preload, 1);
	}
	setenv("ELEVEN_SOCKET", socket, 1);
	if (host)
		setenv("ELEVEN_HOST", host, 1);
}

int verb_run(int argc, char **argv)
{
	struct arguments a = { .host = getenv("ELEVEN_HOST") };
	char preload[PATH_MAX], socket[PATH_MAX];
	struct client client;

	verb_parse(&argp, ARGP_IN_ORDER, argc, argv, &a);
	if (!a.program)
		verb_usage("which program? eleven run [--host NAME] -- PROGRAM [ARGUMENT...]");
	if (a.host && !*a.host)
		a.host = NULL;
	program_check(a.program[0]);
	preload_find(preload);
	client_open_or_die(&client);
	if (a.host)
		host_check(&client, a.host);
	if (!realpath(client.path, socket))
		snprintf(socket, sizeof(socket), "%s", client.path);
	client_close(&client);
	environment_set(preload, socket, a.host);
	execvp(a.program[0], a.program);
	verb_fail("%s: %s", a.program[0], strerror(errno));
}
