/* SPDX-License-Identifier: MIT */
/* Changes for machines; see line.h. What is not known is absent, never 0. */
#include <string.h>

#include "live/line.h"
#include "view/text.h"

static void put(json_t *row, const char *key, json_t *value)
{
	json_object_set_new_nocheck(row, key, value);
}

static void put_number(json_t *row, const char *key, uint64_t value)
{
	put(row, key, json_integer((json_int_t)value));
}

static void put_who(json_t *row, const struct live_who *who, bool gone)
{
	char comm[VIEW_COMM_MAX];

	put(row, "pid", json_integer(who->pid));
	if (who->tid != 0)
		put(row, "tid", json_integer(who->tid));
	text_escape(comm, sizeof(comm), who->comm, sizeof(who->comm));
	put(row, "comm", json_string_nocheck(comm));
	if (who->uid != UINT32_MAX)
		put_number(row, "uid", who->uid);
	if (who->fd >= 0 && !gone)
		put(row, "fd", json_integer(who->fd));
}

static void put_owner(json_t *row, const struct live_change *change)
{
	static const char *const hows[LIVE_HOWS] = { "unknown", "call", "proc", "listener" };
	json_t *owners, *owner;

	if (change->who.pid == 0 || change->who.how == LIVE_HOW_NONE)
		return;
	owners = json_array();
	owner = json_object();
	put_who(owner, &change->who, change->gone);
	json_array_append_new(owners, owner);
	put(row, change->who.how == LIVE_HOW_LISTENER ? "listener_owners" : "owners", owners);
	put(row, "owner_how", json_string_nocheck(hows[change->who.how]));
	if (change->others > 0)
		put_number(row, "other_owners", change->others);
}

static void put_endpoint(json_t *row, const char *key, const struct eleven_endpoint *endpoint)
{
	char text[TEXT_ENDPOINT_MAX];

	put(row, key, json_string_nocheck(text_endpoint(text, endpoint)));
}

static void put_figures(json_t *row, const struct live_change *change)
{
	if (change->unread != LIVE_UNKNOWN)
		put_number(row, "recvq", change->unread);
	if (change->unacked != LIVE_UNKNOWN)
		put_number(row, "sendq", change->unacked);
	if (change->rtt_us != 0)
		put_number(row, "rtt_us", change->rtt_us);
	if (change->retransmits != 0)
		put_number(row, "retransmits", change->retransmits);
	if (change->error != 0)
		put(row, "error", json_integer(change->error));
	if (change->signal != 0)
		put(row, "signal", json_integer(change->signal));
	if (change->spent_ns != VIEW_ABSENT)
		put(row, "spent_ms", json_real((double)(change->spent_ns / 1000) / 1000));
}

json_t *live_json(const struct live_change *change, uint64_t wall_offset)
{
	static const char *const directions[] = { [LIVE_EITHER] = NULL, [LIVE_IN] = "in", [LIVE_OUT] = "out" };
	const char *verdict = live_cause_verdict(change->cause);
	char words[LIVE_WORDS_MAX];
	json_t *row = json_object();

	put(row, "v", json_integer(1));
	put(row, "src", json_string_nocheck("kernel"));
	put(row, "event", json_string_nocheck(change->note ? "note" : "transition"));
	put_number(row, "time_ns", change->time + wall_offset);
	if (change->netns != VIEW_ABSENT)
		put_number(row, "netns", change->netns);
	if (change->cookie != 0 && !(change->cookie & LIVE_COOKIE_MADE_UP))
		put(row, "cookie", json_sprintf("%llx", (unsigned long long)change->cookie));
	if (change->number != 0)
		put_number(row, "conn", change->number);
	put(row, "family", json_integer(change->family));
	put_endpoint(row, "local", &change->local);
	put_endpoint(row, "remote", &change->remote);
	if (directions[change->direction] != NULL)
		put(row, "direction", json_string_nocheck(directions[change->direction]));
	if (!change->note && change->before < ELEVEN_STATES)
		put(row, "from", json_string_nocheck(live_state_text(change->before)));
	if (change->number != 0)
		put(row, change->note ? "state" : "to", json_string_nocheck(live_state_text(change->after)));
	put(row, "cause", json_string_nocheck(live_cause_id(change->cause)));
	put(row, "words", json_string(live_change_words(words, change)));
	if (verdict != NULL)
		put(row, "verdict", json_string_nocheck(verdict));
	put(row, "sampled", json_boolean(change->sampled));
	put_owner(row, change);
	if (change->inode != 0)
		put_number(row, "inode", change->inode);
	put_figures(row, change);
	if (change->by.pid != 0) {
		json_t *by = json_object();

		put_who(by, &change->by, true);
		put(row, "by", by);
	}
	if (change->frames != NULL) {
		json_t *list = json_array();

		for (unsigned i = 0; i < change->frames->count; i++)
			json_array_append_new(list, json_string(change->frames->text[i]));
		put(row, "stack", list);
	}
	return row;
}
