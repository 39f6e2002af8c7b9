/* SPDX-License-Identifier: MIT */
/* Changes become stories; see stories.h. */
#include "live/stories.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "live/line.h"
#include "view/text.h"

#define RESETS_KEPT 16u                 /* for segments of no connection: the other end hears of them at once */

struct stories {
	struct story list[STORIES_MAX];
	struct live_change resets[RESETS_KEPT];
	unsigned reset_next;
	size_t count;
	uint64_t dropped;
};

static const struct text_row { const char *verdict, *what, *why, *fix; enum story_confidence confidence; } texts[] = {
	{ "rst-unread-data", "closed with data unread",
	  "Recv-Q was not empty when the descriptor was closed: the peer gets RST instead of FIN, and may lose even "
	  "what it has not read yet",
	  "read until 0 before close(), or shutdown(SHUT_WR) first and then read until 0", STORY_SURE },
	{ "rst-linger0", "closed with SO_LINGER 0",
	  "SO_LINGER 0 makes close() an abort: what was not sent is thrown away, and there is no TIME_WAIT",
	  "do not set SO_LINGER unless the reset is meant", STORY_SURE },
	{ "rst-refused", "was refused: nobody listens there",
	  "the SYN was answered with RST", "start the server, or correct the address or the port", STORY_SURE },
	{ "rst-data-after-close", "had closed when data came",
	  "nobody can read what comes after close(), and the peer is told so by RST",
	  "let the peer stop sending first, or shutdown(SHUT_WR) and read until 0 before close()", STORY_SURE },
	{ "rst-peer-lost-state", "was reset: the peer had lost it",
	  "the RST came from a host without such a socket: its program was restarted, or "
	  "the connection ended there unseen",
	  "open it again; keepalive finds out sooner", STORY_SURE },
	{ "rst-killed", "was reset by SOCK_DESTROY",
	  "ECONNABORTED and an RST without a call of the owner",
	  "ask who did it; the program has to open the connection again", STORY_SURE },
	{ "rst-listener-closed", "closed the listener before accept()",
	  "what is in the accept queue has no descriptor that could keep it",
	  "accept() what waits before closing the listener", STORY_SURE },
	{ "keepalive-timeout", "was given up: no answer to keepalive",
	  "the peer or the path is gone; the socket's error is ETIMEDOUT", "open it again", STORY_SURE },
	{ "user-timeout", "was given up: nothing was acknowledged",
	  "retransmissions went unanswered for as long as TCP_USER_TIMEOUT or tcp_retries2 allows",
	  "the peer or the path is gone; open it again", STORY_SURE },
	{ "connect-timeout", "gave up connect(): no answer",
	  "no SYN+ACK and no RST came: a firewall drops, or the host is not there",
	  "look at the address and at what is between", STORY_SURE },
};

struct stories *stories_create(void)
{
	struct stories *stories = calloc(1, sizeof(*stories));

	CHECK(stories != NULL);
	return stories;
}

void stories_destroy(struct stories *stories)
{
	free(stories);
}

/* The port that the story is about: that of the service. */
static uint16_t service_port(const struct live_change *change)
{
	return change->direction == LIVE_OUT ? change->remote.port : change->local.port;
}

static struct story *story_of(struct stories *stories, const char *verdict, const struct live_change *change)
{
	struct story *story;

	for (size_t i = 0; i < stories->count; i++) {
		story = &stories->list[i];
		if (strcmp(story->verdict, verdict) == 0 && story->first.who.pid == change->who.pid &&
		    story->first.direction == change->direction && story->first.netns == change->netns &&
		    service_port(&story->first) == service_port(change))
			return story;
	}
	if (stories->count == STORIES_MAX) {
		stories->dropped++;
		return NULL;
	}
	story = &stories->list[stories->count++];
	memset(story, 0, sizeof(*story));
	story->verdict = verdict;
	story->first = *change;
	story->first.frames = NULL;
	story->first_time = change->time;
	return story;
}

static bool same_ends(const struct live_change *a, const struct live_change *b)
{
	return a->local.port == b->remote.port && a->remote.port == b->local.port &&
	       memcmp(&a->local.address, &b->remote.address, sizeof(a->local.address)) == 0 &&
	       memcmp(&a->remote.address, &b->local.address, sizeof(a->local.address)) == 0;
}

static bool reset_seen(const struct stories *stories, const struct live_change *change)
{
	for (unsigned i = 0; i < RESETS_KEPT; i++)
		if (stories->resets[i].time != 0 && same_ends(&stories->resets[i], change))
			return true;
	return false;
}

void stories_add(struct stories *stories, const struct live_change *change)
{
	const char *verdict = live_cause_verdict(change->cause);
	struct story *story = verdict != NULL ? story_of(stories, verdict, change) : NULL;

	if (change->cause == LIVE_CAUSE_NO_CONNECTION) {
		stories->resets[stories->reset_next] = *change;
		stories->resets[stories->reset_next].frames = NULL;
		stories->reset_next = (stories->reset_next + 1) % RESETS_KEPT;
	}
	if (story == NULL)
		return;
	if (change->cause == LIVE_CAUSE_PEER_LOST_STATE && reset_seen(stories, change))
		story->proved = true;
	story->count++;
	story->last_time = change->time;
	if (story->example_count < STORY_EXAMPLES) {
		struct live_change *example = &story->examples[story->example_count++];

		*example = *change;
		example->frames = NULL;
	}
	/* Innermost is the C library's own wrapper; the caller stands behind it. */
	if (story->where[0] == '\0' && change->frames != NULL && change->frames->count > 0)
		snprintf(story->where, sizeof(story->where), "%.250s%s%.240s",
			 change->frames->text[change->frames->count > 1 ? 1 : 0],
			 change->frames->count > 2 ? " < " : "",
			 change->frames->count > 2 ? change->frames->text[2] : "");
}

/* ---------------------------------------------------------------- telling */

__attribute__((format(printf, 4, 5)))
static void evidence_add(struct story *story, const char *field, const char *source, const char *format, ...)
{
	struct story_evidence *evidence = &story->evidence[story->evidence_count];
	va_list arguments;

	if (story->evidence_count == STORY_EVIDENCE)
		return;
	story->evidence_count++;
	snprintf(evidence->field, sizeof(evidence->field), "%s", field);
	snprintf(evidence->source, sizeof(evidence->source), "%s", source);
	va_start(arguments, format);
	vsnprintf(evidence->value, sizeof(evidence->value), format, arguments);
	va_end(arguments);
}

static void evidence_tell(struct story *story)
{
	const struct live_change *change = &story->first;

	story->evidence_count = 0;
	evidence_add(story, "transition", change->sampled ? "sock_diag" : "inet_sock_set_state", "%s -> %s",
		     live_state_text(change->before), live_state_text(change->after));
	evidence_add(story, "cause", "watch", "%s", live_cause_id(change->cause));
	if (change->error != 0)
		evidence_add(story, "error", "sk_err", "%d (%s)", change->error, strerror(change->error));
	if (change->unread != LIVE_UNKNOWN && change->unread > 0)
		evidence_add(story, "unread", "rcv_nxt - copied_seq", "%u", change->unread);
	if (change->unacked != LIVE_UNKNOWN && change->unacked > 0)
		evidence_add(story, "unacked", "write_seq - snd_una", "%u", change->unacked);
	if (change->retransmits > 0)
		evidence_add(story, "retransmits", "tcp_retransmit_skb", "%u", change->retransmits);
	if (change->by.pid != 0)
		evidence_add(story, "by", "the call", "pid %d", (int)change->by.pid);
	if (change->spent_ns != VIEW_ABSENT)
		evidence_add(story, "time in state before", "events", "%.3f s", (double)change->spent_ns / 1e9);
}

/* As the findings of standing connections name programs; of a listener that is gone whoever closed it. */
static void story_who(char out[LINE_WHO_MAX], const struct live_change *change)
{
	const struct live_who *who = &change->who;
	char comm[VIEW_COMM_MAX];

	if (change->cause == LIVE_CAUSE_LISTENER_CLOSED && change->by.pid != 0)
		who = &change->by;
	if (who->pid == 0 || who->how == LIVE_HOW_NONE) {
		snprintf(out, LINE_WHO_MAX, "%s", change->number == 0 ? "a connection" : "an unknown program");
		return;
	}
	text_escape(comm, sizeof(comm), who->comm, sizeof(who->comm));
	snprintf(out, LINE_WHO_MAX, "%s (%d)%s", comm, (int)who->pid, change->signal != 0 ? ", killed," : "");
}

static void story_tell(struct story *story)
{
	char who[LINE_WHO_MAX], ends[LINE_ENDS_MAX];
	const struct text_row *text = NULL;

	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(texts[i].verdict, story->verdict) == 0)
			text = &texts[i];
	story_who(who, &story->first);
	live_ends_text(ends, &story->first);
	if (story->count == 1)
		snprintf(story->what, sizeof(story->what), "%s  %s - %s %s", live_state_text(story->first.after), ends,
			 who, text ? text->what : story->verdict);
	else
		snprintf(story->what, sizeof(story->what), "%s  %llu like %s - %s %s",
			 live_state_text(story->first.after), (unsigned long long)story->count, ends, who,
			 text ? text->what : story->verdict);
	snprintf(story->why, sizeof(story->why), "%s", text ? text->why : live_cause_words(story->first.cause));
	snprintf(story->fix, sizeof(story->fix), "%s", text ? text->fix : "");
	story->confidence = story->first.sampled ? STORY_LIKELY : text ? text->confidence : STORY_LIKELY;
	/* Of a peer that is not on this host only its silence speaks. */
	if (story->first.cause == LIVE_CAUSE_PEER_LOST_STATE && !story->proved)
		story->confidence = STORY_LIKELY;
	evidence_tell(story);
}

/* The client's "refused" and the kernel's "no listener" are one thing: the client's has an owner. */
static bool told_better(const struct stories *stories, const struct story *story)
{
	if (story->first.cause != LIVE_CAUSE_NO_LISTENER)
		return false;
	for (size_t i = 0; i < stories->count; i++)
		if (stories->list[i].first.cause == LIVE_CAUSE_REFUSED &&
		    same_ends(&stories->list[i].first, &story->first))
			return true;
	return false;
}

const struct story *stories_tell(struct stories *stories, size_t *count)
{
	size_t kept = 0;

	for (size_t i = 0; i < stories->count; i++) {
		if (told_better(stories, &stories->list[i]))
			continue;
		if (kept != i)
			stories->list[kept] = stories->list[i];
		story_tell(&stories->list[kept++]);
	}
	stories->count = kept;
	*count = kept;
	return stories->list;
}
