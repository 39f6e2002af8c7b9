/* SPDX-License-Identifier: MIT */
/* Moments of a run and how they are spelled; see replay_mark.h. */
#include "replay_mark.h"

#include <string.h>

#include "host/units.h"
#include "view/view.h"

static bool state_parse(const char *word, enum eleven_state *state)
{
	struct view_filter filter;

	view_filter_init(&filter);
	if (!view_filter_parse(&filter, word) || filter.state == ELEVEN_STATES)
		return false;
	*state = filter.state;
	return true;
}

/* `SYN-SENT->CLOSED`; the arrow has the hyphen that comes last before `>`. */
static bool transition_parse(struct mark *mark, const char *word)
{
	const char *arrow = strstr(word, "->");
	char before[40];

	if (!arrow || (size_t)(arrow - word) >= sizeof(before))
		return false;
	memcpy(before, word, (size_t)(arrow - word));
	before[arrow - word] = '\0';
	mark->kind = MARK_TRANSITION;
	return state_parse(before, &mark->before) && state_parse(arrow + 2, &mark->after);
}

static bool flags_parse(struct mark *mark, const char *word)
{
	static const char letters[] = "FSRP.UEW";       /* bit n of the header */

	mark->kind = MARK_FLAGS;
	mark->flags = 0;
	for (; *word; word++) {
		const char *at = strchr(letters, *word);

		if (!at)
			return false;
		mark->flags |= (uint8_t)(1u << (at - letters));
	}
	return mark->flags != 0;
}

static bool rule_parse(struct mark *mark, const char *word)
{
	mark->kind = MARK_RULE;
	for (unsigned i = 1; eleven_rule(i); i++)
		if (strcmp(eleven_rule(i)->name, word) == 0) {
			mark->number = i;
			return true;
		}
	return false;
}

bool mark_parse(struct mark *mark, const char *word)
{
	memset(mark, 0, sizeof(*mark));
	mark->word = word;
	mark->kind = MARK_SEGMENT;
	if (units_count(word, &mark->number) == 0)
		return mark->number > 0;
	mark->kind = MARK_TIME;
	if (units_time(word, &mark->number) == 0)
		return true;
	mark->kind = MARK_STATE;
	if (state_parse(word, &mark->after))
		return true;
	return transition_parse(mark, word) || flags_parse(mark, word) || rule_parse(mark, word);
}

bool mark_is(const struct mark *mark, const struct eleven_trace *record, uint64_t segments, uint64_t since)
{
	bool segment = record->kind == ELEVEN_TRACE_IN || record->kind == ELEVEN_TRACE_OUT;
	bool transition = record->kind == ELEVEN_TRACE_TRANSITION;

	switch (mark->kind) {
	case MARK_NONE:
		break;
	case MARK_SEGMENT:
		return segment && segments == mark->number;
	case MARK_TIME:
		return record->time - since >= mark->number;
	case MARK_STATE:
		return transition && record->state_after == mark->after;
	case MARK_TRANSITION:
		return transition && record->state_before == mark->before && record->state_after == mark->after;
	case MARK_RULE:
		return record->rule == mark->number;
	case MARK_FLAGS:
		return segment && record->segment.flags == mark->flags;
	}
	return false;
}
