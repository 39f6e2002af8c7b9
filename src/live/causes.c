/* SPDX-License-Identifier: MIT */
/* The names of causes and the words for them; see causes.def. */
#include <stdio.h>
#include <string.h>

#include "live/change.h"
#include "view/text.h"

static const struct cause_row { const char *id, *words, *verdict; } rows[LIVE_CAUSES] = {
#define CAUSE(name, id, words, verdict) [LIVE_CAUSE_##name] = { id, words, verdict },
#include "live/causes.def"
#undef CAUSE
};

const char *live_cause_id(enum live_cause cause)
{
	return cause < LIVE_CAUSES ? rows[cause].id : "unknown";
}

const char *live_cause_words(enum live_cause cause)
{
	return cause < LIVE_CAUSES ? rows[cause].words : "";
}

const char *live_cause_verdict(enum live_cause cause)
{
	return cause < LIVE_CAUSES ? rows[cause].verdict : NULL;
}

bool live_cause_parse(enum live_cause *cause, const char *id)
{
	for (unsigned i = 0; i < LIVE_CAUSES; i++)
		if (strcmp(rows[i].id, id) == 0) {
			*cause = i;
			return true;
		}
	return false;
}

const char *live_change_words(char out[LIVE_WORDS_MAX], const struct live_change *change)
{
	const char *words = live_cause_words(change->cause);
	char comm[80];

	if (change->cause == LIVE_CAUSE_EXIT && change->signal != 0)
		snprintf(out, LIVE_WORDS_MAX, "%s: killed by signal %d", words, change->signal);
	else if (change->cause == LIVE_CAUSE_KILLED && change->by.pid != 0) {
		text_escape(comm, sizeof(comm), change->by.comm, sizeof(change->by.comm));
		snprintf(out, LIVE_WORDS_MAX, "SOCK_DESTROY by %s[%d]: RST sent", comm, (int)change->by.pid);
	} else if (change->cause == LIVE_CAUSE_UNREACHABLE && change->error != 0)
		snprintf(out, LIVE_WORDS_MAX, "%s: %s", words, strerror(change->error));
	else if (change->cause == LIVE_CAUSE_UNKNOWN && change->error != 0)
		snprintf(out, LIVE_WORDS_MAX, "%s (%s)", words, strerror(change->error));
	else
		return words;
	return out;
}
