/* SPDX-License-Identifier: MIT */
/* `eleven watch` on Linux's sockets: lines, JSON, ladders, recording and reading back. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "live/line.h"
#include "live/rungs.h"
#include "live/tape.h"
#include "verbs.h"
#include "watch.h"
#include "view/json.h"
#include "view/text.h"

#define TURN_MS 1000

static volatile sig_atomic_t over;

static void on_signal(int number)
{
	over = number;
}

bool watch_over(void)
{
	return over != 0;
}

void watch_signals(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = on_signal };

	for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaction(numbers[i], &action, NULL);
	signal(SIGPIPE, SIG_IGN);       /* ferror(stdout) says it */
}

/* Where changes go, live ones and recorded ones alike. */
struct output {
	const struct watch_arguments *arguments;
	struct line_options line;
	struct line_columns columns;
	struct rungs *rungs;            /* NULL: no ladder */
	uint64_t last, shown;
	bool unseen;                    /* standard output is /dev/null: nothing need be written there */
};

struct kernel_watch {
	struct watcher *watcher;
	struct output output;
	struct tape *tape;              /* NULL: not recorded */
	uint64_t lost_told;
	time_t lost_asked;
};

static void conn_of_change(struct conn_view *conn, struct view_owner *owner, const struct live_change *change)
{
	conn_view_init(conn);
	conn->source = VIEW_KERNEL;
	conn->netns = change->netns;
	conn->cookie = change->cookie;
	conn->family = change->family;
	conn->local = change->local;
	conn->remote = change->remote;
	conn->inode = change->inode;
	if (change->unread != LIVE_UNKNOWN)
		conn->recvq = change->unread;
	if (change->unacked != LIVE_UNKNOWN)
		conn->sendq = change->unacked;
	if (change->spent_ns != VIEW_ABSENT) {
		conn->age_ns = change->spent_ns;
		conn->age_bound = VIEW_EXACT;
	}
	if (change->who.pid == 0)
		return;
	owner->pid = change->who.pid;
	owner->tid = change->who.tid;
	owner->fd = change->who.fd;
	owner->uid = change->who.uid;
	text_escape(owner->comm, sizeof(owner->comm), change->who.comm, sizeof(change->who.comm));
	conn->owners = owner;
	conn->owner_count = 1;
	conn->owners_known = true;
	if (change->who.uid != UINT32_MAX)
		conn->uid = change->who.uid;
}

static bool change_wanted(const struct watch_arguments *a, const struct live_change *change)
{
	struct view_owner owner = { 0 };
	struct conn_view conn;

	if (filter_is_empty(a->filter))
		return true;
	conn_of_change(&conn, &owner, change);
	conn.state = change->after < ELEVEN_STATES ? change->after : ELEVEN_CLOSED;
	if (filter_takes(a->filter, &conn))
		return true;
	conn.state = change->before;
	return change->before < ELEVEN_STATES && filter_takes(a->filter, &conn);
}

static void change_print(struct output *output, const struct live_change *change)
{
	char line[LINE_MAX_BYTES];

	output->shown++;
	if (output->unseen)
		return;
	if (output->rungs != NULL) {
		rungs_add(output->rungs, change);
		return;
	}
	if (output->arguments->json) {
		json_line(stdout, live_json(change, output->line.wall_offset));
		return;
	}
	fwrite(line, 1, live_line(line, change, &output->line, &output->last), stdout);
	putchar('\n');
	for (unsigned i = 0; change->frames != NULL && i < change->frames->count; i++)
		printf("    #%u %s\n", i, change->frames->text[i]);
}

static void on_change(void *context, struct live_change *change)
{
	struct kernel_watch *watch = context;

	if (!change_wanted(watch->output.arguments, change))
		return;
	if (watch->tape != NULL)
		tape_write(watch->tape, change);
	change_print(&watch->output, change);
}

static void header_print(const struct output *output, const char *header, const char *backend)
{
	json_t *row;

	if (!output->arguments->json) {
		printf("# %s\n", header);
		return;
	}
	row = json_pack("{s:i,s:s,s:s,s:s,s:s}", "v", 1, "src", "kernel", "event", "header", "backend", backend,
			"text", header);
	json_line(stdout, row);
}

static void output_open(struct output *output, const struct watch_arguments *a, uint64_t wall_offset, uint64_t home)
{
	static char buffer[1 << 16];
	struct stat about;

	output->arguments = a;
	output->unseen = fstat(1, &about) == 0 && S_ISCHR(about.st_mode) && about.st_rdev == makedev(1, 3);
	output->line = (struct line_options){ .wall_offset = wall_offset, .home = home };
	if (isatty(1)) {
		struct winsize size = { 0 };

		output->line.columns = &output->columns;
		if (ioctl(1, TIOCGWINSZ, &size) == 0 && size.ws_col >= 80)
			output->columns.width = size.ws_col;
	}
	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	if (a->ladder && !a->json)
		output->rungs = rungs_create(stdout, wall_offset, a->ascii);
}

/* The port that every word asks for, if it is one word `:PORT`: then the kernel can leave out the others. */
static uint16_t filter_port(const struct watch_arguments *a)
{
	char *end;
	unsigned long port;

	if (a->word_count != 1 || a->words[0][0] != ':' || a->words[0][1] < '0' || a->words[0][1] > '9')
		return 0;
	port = strtoul(a->words[0] + 1, &end, 10);
	return *end == '\0' && port <= 65535 ? (uint16_t)port : 0;
}

struct kernel_watch *kernel_watch_open(const struct watch_arguments *a)
{
	struct watcher_options options = { .backend = a->backend, .stacks = a->stack, .notes = a->rules,
					   .one_namespace = a->one_namespace, .port = filter_port(a) };
	struct kernel_watch *watch = calloc(1, sizeof(*watch));
	char problem[WATCHER_TEXT_MAX] = "";
	int error;

	if (watch == NULL)
		verb_fail("out of memory");
	error = watcher_open(&watch->watcher, &options, problem);
	if (error < 0)
		verb_fail("%s", problem[0] ? problem : strerror(-error));
	output_open(&watch->output, a, watcher_wall_offset(watch->watcher), watcher_home(watch->watcher));
	if (a->record != NULL) {
		error = tape_create(&watch->tape, a->record, watcher_wall_offset(watch->watcher),
				    watcher_backend(watch->watcher), watcher_header(watch->watcher));
		if (error < 0)
			verb_fail("%s: %s", a->record, strerror(-error));
	}
	header_print(&watch->output, watcher_header(watch->watcher), watcher_backend(watch->watcher));
	fflush(stdout);
	return watch;
}

static void lost_tell(struct kernel_watch *watch, bool final)
{
	struct watcher_counts counts;
	struct timespec now;

	/* The kernel is asked of every program's losses: not at each turn. */
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (!final && now.tv_sec == watch->lost_asked)
		return;
	watch->lost_asked = now.tv_sec;
	counts = watcher_counts(watch->watcher);
	if (!final && counts.lost == watch->lost_told)
		return;
	watch->lost_told = counts.lost;
	if (watch->tape != NULL)
		tape_lost(watch->tape, counts.lost);
	if (watch->output.arguments->json)
		json_line(stdout, json_pack("{s:i,s:s,s:s,s:I,s:I,s:I,s:I}", "v", 1, "src", "kernel", "event",
					    final ? "end" : "lost", "lost", (json_int_t)counts.lost, "records",
					    (json_int_t)counts.records, "changes", (json_int_t)counts.changes,
					    "forgotten", (json_int_t)counts.forgotten));
	else
		printf("# %llu changes, %llu lost%s\n", (unsigned long long)counts.changes,
		       (unsigned long long)counts.lost, final ? "" : " so far: they came too fast");
	if (final && counts.forgotten > 0 && !watch->output.arguments->json)
		printf("# %llu connections were forgotten: too many at once\n", (unsigned long long)counts.forgotten);
}

bool kernel_watch_turn(struct kernel_watch *watch, int timeout_ms, int other_fd)
{
	int error = watcher_turn(watch->watcher, timeout_ms < 0 ? TURN_MS : timeout_ms, other_fd, on_change, watch);

	if (watch->output.rungs != NULL)
		rungs_draw(watch->output.rungs, false);
	lost_tell(watch, false);
	fflush(stdout);
	if (error < 0 && error != -EINTR)
		verb_fail("watching stopped: %s", strerror(-error));
	return !over && !ferror(stdout);
}

int kernel_watch_close(struct kernel_watch *watch)
{
	int error = 0;
	bool spoilt = ferror(stdout);
	struct watcher *watcher = watch->watcher;

	watcher_finish(watcher, on_change, watch);
	if (watch->output.rungs != NULL) {
		rungs_draw(watch->output.rungs, true);
		rungs_destroy(watch->output.rungs);
	}
	if (!spoilt)
		lost_tell(watch, true);
	if (watch->tape != NULL)
		error = tape_close(watch->tape);
	watcher_close(watcher);
	if (error < 0)
		fprintf(stderr, "%s: %s: %s\n", program_invocation_name, watch->output.arguments->record,
			strerror(-error));
	free(watch);
	return error < 0 || (fflush(stdout) != 0 && errno != EPIPE) ? 1 : 0;
}

static void on_recorded(void *context, struct live_change *change)
{
	struct output *output = context;

	if (change_wanted(output->arguments, change))
		change_print(output, change);
}

int kernel_watch_read(const struct watch_arguments *a)
{
	struct output output = { 0 };
	struct tape_reader *reader;
	char problem[TAPE_PROBLEM_MAX] = "";
	int error = tape_open(&reader, a->read, problem);

	if (error < 0)
		verb_fail("%s: %s", a->read, problem);
	output_open(&output, a, tape_wall_offset(reader), 0);
	header_print(&output, tape_header(reader), tape_backend(reader));
	error = tape_read(reader, on_recorded, &output, problem);
	if (output.rungs != NULL) {
		rungs_draw(output.rungs, true);
		rungs_destroy(output.rungs);
	}
	if (!a->json)
		printf("# %llu changes, %llu lost\n", (unsigned long long)output.shown,
		       (unsigned long long)tape_lost_count(reader));
	fflush(stdout);
	if (error < 0)
		fprintf(stderr, "%s: %s: %s\n", program_invocation_name, a->read, problem);
	tape_reader_close(reader);
	return error < 0 || ferror(stdout) ? 1 : 0;
}
