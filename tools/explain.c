/* SPDX-License-Identifier: MIT */
/* `eleven explain`: what is wrong with connections, whose fault it is, and what ends it. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain/bind.h"
#include "explain/facts.h"
#include "explain/story.h"
#include "host/client.h"
#include "lens/namespace.h"
#include "verbs.h"
#include "view/eleven_source.h"
#include "view/json.h"
#include "view/text.h"

#define APART_NS (SECOND_NS * 3 / 10)   /* between the two looks, where no --watch says otherwise */

enum { KEY_BIND = 256, KEY_ALL, KEY_JSON, KEY_WATCH, KEY_ELEVEN, KEY_KERNEL, KEY_RECORD };

struct arguments {
	struct facts_options facts;
	struct client client;
	bool connected;
	const char *bind, *record;
	struct bind_question question;
	struct story_teller *teller;
	bool json, verbose, only_eleven, only_kernel;
	char *words[64];
	int count;
};

static const struct argp_option options[] = {
	{ "bind", KEY_BIND, "ADDR:PORT", 0, "why bind() to it would fail, and when it will work", 0 },
	{ "all", KEY_ALL, 0, 0, "every connection (default, where nothing is named)", 0 },
	{ "watch", KEY_WATCH, "SEC", 0, "look again after so many seconds: finds what only time shows", 0 },
	{ "record", KEY_RECORD, "FILE", 0, "what a recording of 'eleven watch --record' tells", 0 },
	{ "json", KEY_JSON, 0, 0, "one JSON object a line and finding", 0 },
	{ "all-namespaces", 'A', 0, 0, "every network namespace", 0 },
	{ "net", 'N', "NS", 0, "the namespace of this name, process or path", 0 },
	{ "inet", '4', 0, 0, "IPv4 only", 0 },
	{ "inet6", '6', 0, 0, "IPv6 only", 0 },
	{ "eleven", KEY_ELEVEN, 0, 0, "only the connections of eleven's own stacks", 0 },
	{ "kernel", KEY_KERNEL, 0, 0, "only Linux's", 0 },
	{ 0 },
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *a = state->input;
	char *end;
	double seconds;

	switch (key) {
	case KEY_BIND: a->bind = argument; return 0;
	case KEY_RECORD: a->record = argument; return 0;
	case KEY_ALL: return 0;
	case KEY_JSON: a->json = true; return 0;
	case KEY_ELEVEN: a->only_eleven = true; return 0;
	case KEY_KERNEL: a->only_kernel = true; return 0;
	case 'A': a->facts.lens.all_namespaces = true; return 0;
	case 'N': a->facts.lens.namespace = argument; return 0;
	case '4': a->facts.lens.ipv4 = true; return 0;
	case '6': a->facts.lens.ipv6 = true; return 0;
	case KEY_WATCH:
		seconds = strtod(argument, &end);
		if (end == argument || *end != '\0' || !(seconds >= 0.1 && seconds <= 86400))
			verb_usage("--watch: '%s' is not between 0.1 and 86400 seconds", argument);
		a->facts.apart_ns = (uint64_t)(seconds * 1e9);
		return 0;
	case ARGP_KEY_ARG:
		if (a->count == 64)
			verb_usage("more than 64 words");
		a->words[a->count++] = argument;
		return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	options, parse, "[:PORT | PID | PID:FD | TUPLE | FILTER...]",
	"Say what is wrong with TCP connections: what, since when, whose fault it is (program, descriptor, thread), "
	"the evidence, and what ends it. It changes nothing.\vExit status: 0 nothing found (or only what is of "
	"interest, not wrong), 1 something found, 2 an error. A FILTER is as for 'eleven netstat'; PID is a program, "
	"PID:FD one of its descriptors.", NULL, NULL, NULL,
};

/* Exits with 2, which is what an error is here: 1 means that something was found. */
static _Noreturn void explain_fail(const char *text, int error)
{
	fprintf(stderr, "%s: %s%s%s\n", program_invocation_name, text, error ? ": " : "", error ? strerror(-error) :
		"");
	exit(2);
}

/* `123` and `123:4`; else it is a filter. */
static bool pid_parse(struct arguments *a, const char *word)
{
	char *end;
	unsigned long pid, fd;

	if (word[0] < '0' || word[0] > '9')
		return false;
	pid = strtoul(word, &end, 10);
	if (pid == 0 || pid > 4194304 || (*end != '\0' && *end != ':'))
		return false;
	a->facts.pid = (pid_t)pid;
	if (*end == ':') {
		const char *digits = end + 1;

		fd = strtoul(digits, &end, 10);
		if (end == digits || *end != '\0' || fd > INT32_MAX)
			verb_usage("'%s' is no PID:FD", word);
		a->facts.fd = (int)fd;
	}
	return true;
}

/* A program in another network namespace is looked at there. */
static void namespace_of_pid(struct arguments *a, char path[64])
{
	uint64_t theirs, ours = namespace_inode("/proc/self/ns/net");

	snprintf(path, 64, "/proc/%d", (int)a->facts.pid);
	if (namespace_inode(path) == 0) {
		fprintf(stderr, "%s: there is no process %d\n", program_invocation_name, (int)a->facts.pid);
		exit(2);
	}
	snprintf(path, 64, "/proc/%d/ns/net", (int)a->facts.pid);
	theirs = namespace_inode(path);
	if (theirs != 0 && theirs != ours && !a->facts.lens.all_namespaces && a->facts.lens.namespace == NULL)
		a->facts.lens.namespace = path;
}

static int eleven_read(void *context, struct view *view)
{
	struct arguments *a = context;
	struct view linux_only = *view;

	if (a->only_eleven) {
		view_free(&linux_only);
		memset(view, 0, sizeof(*view));
	}
	return a->connected ? eleven_source_read(&a->client, NULL, true, view) : 0;
}

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

static void stories_wait(void *context, uint64_t ns)
{
	struct arguments *a = context;

	story_wait(a->teller, ns, &interrupted);
}

/* With --watch, what happens meanwhile is watched, too: resets and timeouts leave no connection behind. */
static void teller_start(struct arguments *a)
{
	char problem[STORY_PROBLEM_MAX];

	struct sigaction action = { .sa_handler = on_interrupt };

	if (a->facts.apart_ns == APART_NS || a->bind != NULL || a->only_eleven)
		return;
	a->teller = story_start(problem);
	if (a->teller == NULL) {
		fprintf(stderr, "%s: resets and timeouts cannot be watched: %s\n", program_invocation_name, problem);
		return;
	}
	a->facts.wait = stories_wait;
	a->facts.netns = story_home(a->teller);
	if (a->facts.lens.namespace != NULL)
		a->facts.netns = namespace_named("/proc", a->facts.lens.namespace);
	if (a->facts.lens.all_namespaces)
		a->facts.netns = 0;
	sigaction(SIGINT, &action, NULL);
	fprintf(stderr, "%s: watching for %g s (%s); Ctrl-C ends it sooner\n", program_invocation_name,
		(double)a->facts.apart_ns / 1e9, story_backend(a->teller));
	if (strcmp(story_backend(a->teller), "poll") == 0)
		fprintf(stderr, "%s: of resets and timeouts little is seen without tracepoints: root has them%s\n",
			program_invocation_name, a->facts.netns != story_home(a->teller) ?
			", and other network namespaces, too" : "");
}

static int endpoint_read(struct eleven_endpoint *endpoint, const char *word)
{
	char problem[FILTER_PROBLEM_MAX], *words[] = { (char *)(uintptr_t)word };
	struct filter *filter = filter_parse(1, words, problem);

	if (filter == NULL)
		verb_usage("--bind: %s", problem);
	if (!filter_endpoint(filter, endpoint) || endpoint->port == 0)
		verb_usage("--bind: '%s' is not ADDR:PORT, such as 127.0.0.1:8000, [::]:8000 or :8000", word);
	filter_free(filter);
	return strchr(word, '[') != NULL ? 6 : 4;
}

static void findings_print(const struct arguments *a, const struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		if (a->json) {
			json_line(stdout, finding_json(findings->list[i]));
			continue;
		}
		if (i > 0)
			putchar('\n');
		finding_print(stdout, findings->list[i]);
	}
}

/* Anything above information. */
static bool anything_found(const struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		if (findings->list[i]->level > LEVEL_INFO)
			return true;
	}
	return false;
}

static int record_explain(struct arguments *a)
{
	char problem[STORY_PROBLEM_MAX];
	struct findings findings = { 0 };
	int error = story_read(a->record, &a->facts, &findings, problem);
	bool found = anything_found(&findings);

	findings_print(a, &findings);
	if (error == 0 && findings.count == 0 && !a->json)
		printf("nothing wrong in what was recorded\n");
	if (error < 0)
		fprintf(stderr, "%s: %s\n", program_invocation_name, problem[0] != '\0' ? problem : strerror(-error));
	findings_free(&findings);
	filter_free(a->facts.filter);
	return error < 0 || fflush(stdout) != 0 ? 2 : found;
}

static void nothing_say(const struct arguments *a, const struct facts *facts)
{
	size_t looked = 0, unseen = 0;

	for (size_t i = 0; i < facts->view.count; i++) {
		looked += facts_chosen(facts, &facts->view.conns[i]);
		unseen += !facts->view.conns[i].owners_known && facts->view.conns[i].inode != 0;
	}
	if (!a->json && a->bind == NULL)
		printf("nothing wrong with %zu connection%s\n", looked, looked == 1 ? "" : "s");
	if (unseen > 0 && a->bind == NULL)
		fprintf(stderr, "%s: %zu sockets are of other users: root sees whose they are and what is done with "
			"them\n",
			program_invocation_name, unseen);
	if (facts->dead_passed_over > 0)
		fprintf(stderr, "%s: %zu descriptors were not looked at, whose connection may be over: too many for "
			"one look; name the program (PID), or be root with BPF\n",
			program_invocation_name, facts->dead_passed_over);
}

/* One look is enough, at programs only if something is in the way, and at no descriptor. */
static void bind_prepare(struct arguments *a)
{
	a->question.family = endpoint_read(&a->question.wanted, a->bind);
	a->facts.apart_ns = 0;
	a->facts.no_dead = true;
	a->facts.lens.owners_for = bind_owners_for;
	a->facts.lens.owners_context = &a->question;
}

static bool bind_explain(const struct arguments *a, struct facts *facts, struct findings *findings)
{
	const char *forbidden = bind_forbidden(&a->question);

	bind_judge(facts, &a->question, findings);
	if (forbidden != NULL && a->json) {
		json_t *row = json_object();

		json_object_set_new(row, "v", json_integer(1));
		json_object_set_new(row, "bind", json_string(a->bind));
		json_object_set_new(row, "forbidden", json_string(forbidden));
		json_line(stdout, row);
	} else if (forbidden != NULL) {
		printf("%s: %s\n", a->bind, forbidden);
	}
	if (findings->count == 0 && forbidden == NULL && !a->json)
		printf("%s is free: bind() and listen() would work\n", a->bind);
	return forbidden != NULL;
}

int verb_explain(int argc, char **argv)
{
	struct arguments a = { .facts = { .fd = -1, .apart_ns = APART_NS } };
	char problem[FILTER_PROBLEM_MAX], path[64];
	struct findings findings = { 0 };
	struct facts facts;
	bool found = false;
	int error;

	verb_parse(&argp, 0, argc, argv, &a);
	if (a.count == 1 && pid_parse(&a, a.words[0])) {
		if (a.record == NULL)
			namespace_of_pid(&a, path);
	} else if (a.count > 0) {
		a.facts.filter = filter_parse(a.count, a.words, problem);
		if (a.facts.filter == NULL)
			verb_usage("%s", problem);
	}
	if (a.record != NULL)
		return record_explain(&a);
	teller_start(&a);
	if (a.bind != NULL)
		bind_prepare(&a);
	a.facts.read_more = eleven_read;
	a.facts.context = &a;
	a.connected = !a.only_kernel && a.bind == NULL && client_open(&a.client) == 0;
	if (a.only_eleven && !a.connected)
		explain_fail("no host process of eleven runs: start one with 'eleven up'", 0);
	error = facts_read(&facts, &a.facts);
	if (error == -ENOENT && a.facts.lens.namespace != NULL)
		explain_fail("there is no such network namespace", 0);
	if (error < 0)
		explain_fail("connections cannot be read", error);
	if (a.bind != NULL)
		found = bind_explain(&a, &facts, &findings);
	else
		facts_judge(&facts, &findings);
	if (a.teller != NULL)
		story_end(a.teller, &a.facts, &findings);
	findings_print(&a, &findings);
	found |= anything_found(&findings);
	if (findings.count == 0)
		nothing_say(&a, &facts);
	findings_free(&findings);
	facts_free(&facts);
	filter_free(a.facts.filter);
	if (a.connected)
		client_close(&a.client);
	return fflush(stdout) != 0 ? 2 : found;
}
