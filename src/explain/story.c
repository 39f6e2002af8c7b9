/* SPDX-License-Identifier: MIT */
/* Stories as findings; see story.h. */
#include "explain/story.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "live/stories.h"
#include "live/tape.h"
#include "live/watcher.h"
#include "view/text.h"

#define TURN_MS 50

struct story_teller {
	struct watcher *watcher;
	struct stories *stories;
};

static void on_change(void *context, struct live_change *change)
{
	stories_add(context, change);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

/* A row of the connection as it was, for filters and for JSON. */
static struct conn_view *row_make(const struct live_change *change)
{
	struct conn_view *conn = calloc(1, sizeof(*conn));
	const struct live_who *who;
	struct view_owner *owner;

	CHECK(conn != NULL);
	conn_view_init(conn);
	conn->source = VIEW_KERNEL;
	conn->netns = change->netns;
	conn->cookie = change->cookie;
	conn->family = change->family == 6 ? 6 : 4;
	conn->local = change->local;
	conn->remote = change->remote;
	conn->state = change->after < ELEVEN_STATES ? change->after : ELEVEN_CLOSED;
	conn->previous = change->before < ELEVEN_STATES ? change->before : ELEVEN_STATES;
	/* What nobody has accepted is told of whoever closed the listener, which need not be who opened it. */
	who = change->cause == LIVE_CAUSE_LISTENER_CLOSED && change->by.pid != 0 ? &change->by : &change->who;
	if (who->pid == 0)
		return conn;
	owner = calloc(1, sizeof(*owner));
	CHECK(owner != NULL);
	owner->pid = who->pid;
	owner->tid = who->tid;
	owner->fd = who->fd;
	owner->uid = who->uid;
	text_escape(owner->comm, sizeof(owner->comm), who->comm, sizeof(who->comm));
	conn->owners = owner;
	conn->owner_count = 1;
	conn->owners_known = true;
	return conn;
}

static bool is_chosen(const struct facts_options *options, const struct conn_view *conn)
{
	if (options->netns != 0 && conn->netns != VIEW_ABSENT && conn->netns != options->netns)
		return false;
	if (options->filter != NULL && !filter_may_take(options->filter, conn))
		return false;
	if (options->lens.ipv4 != options->lens.ipv6 && conn->family != (options->lens.ipv4 ? 4 : 6))
		return false;
	return options->pid == 0 || (conn->owner_count > 0 && conn->owners[0].pid == options->pid &&
				     (options->fd < 0 || conn->owners[0].fd == options->fd));
}

static bool verdict_find(enum verdict *verdict, const char *id)
{
	for (unsigned i = 0; i < VERDICTS; i++) {
		if (strcmp(verdict_row(i)->id, id) == 0) {
			*verdict = (enum verdict)i;
			return true;
		}
	}
	return false;
}

static void story_tell(const struct story *story, uint64_t key, const struct facts_options *options,
		       struct findings *findings)
{
	struct conn_view *row = row_make(&story->first);
	struct finding *finding;
	enum verdict verdict;
	bool chosen = is_chosen(options, row);

	for (unsigned i = 0; i < story->example_count && !chosen; i++) {
		conn_view_free(row);
		free(row);
		row = row_make(&story->examples[i]);
		chosen = is_chosen(options, row);
	}
	if (!chosen || !verdict_find(&verdict, story->verdict)) {
		conn_view_free(row);
		free(row);
		return;
	}
	finding = finding_add(findings, verdict, key, story->harmless ? LEVEL_INFO : LEVEL_WARNING,
			      (enum confidence)story->confidence, row);
	finding->own = row;
	finding->count = story->count;
	finding_say(finding->what, "%s", story->what);
	finding_say(finding->why, "%s", story->why);
	finding_say(finding->where, "%s", story->where);
	finding_say(finding->fix, "%s", story->fix);
	for (unsigned i = 0; i < story->evidence_count; i++)
		finding_evidence(finding, story->evidence[i].field, story->evidence[i].source, "%s",
				 story->evidence[i].value);
}

static void stories_to_findings(struct stories *stories, const struct facts_options *options, struct findings *findings)
{
	size_t count;
	const struct story *list = stories_tell(stories, &count);

	for (size_t i = 0; i < count; i++)
		story_tell(&list[i], i + 1, options, findings);
	findings_sort(findings);
}

struct story_teller *story_start(char problem[STORY_PROBLEM_MAX])
{
	/* What the other end's host did, in another namespace of this one, is part of the story. */
	struct watcher_options options = { .notes = true };
	struct story_teller *teller = calloc(1, sizeof(*teller));

	CHECK(teller != NULL);
	problem[0] = '\0';
	if (watcher_open(&teller->watcher, &options, problem) < 0) {
		free(teller);
		return NULL;
	}
	teller->stories = stories_create();
	return teller;
}

void story_wait(struct story_teller *teller, uint64_t ns, const volatile sig_atomic_t *stop)
{
	uint64_t end = now_ns() + ns, now;

	while ((now = now_ns()) < end) {
		uint64_t left_ms = (end - now) / 1000000 + 1;

		if (watcher_turn(teller->watcher, left_ms < TURN_MS ? (int)left_ms : TURN_MS, -1, on_change,
				 teller->stories) < 0 || (stop != NULL && *stop))
			break;
	}
}

const char *story_backend(const struct story_teller *teller)
{
	return watcher_backend(teller->watcher);
}

uint64_t story_home(const struct story_teller *teller)
{
	return watcher_home(teller->watcher);
}

void story_end(struct story_teller *teller, const struct facts_options *options, struct findings *findings)
{
	watcher_finish(teller->watcher, on_change, teller->stories);
	stories_to_findings(teller->stories, options, findings);
	watcher_close(teller->watcher);
	stories_destroy(teller->stories);
	free(teller);
}

int story_read(const char *path, const struct facts_options *options, struct findings *findings,
	       char problem[STORY_PROBLEM_MAX])
{
	struct stories *stories;
	struct tape_reader *reader;
	int error;

	problem[0] = '\0';
	error = tape_open(&reader, path, problem);
	if (error < 0)
		return error;
	stories = stories_create();
	error = tape_read(reader, on_change, stories, problem);
	tape_reader_close(reader);
	stories_to_findings(stories, options, findings);
	stories_destroy(stories);
	return error;
}
