/* SPDX-License-Identifier: MIT */
/*
 * A mark names a moment of a run: `eleven replay --until MARK`.  It is spelled as one of
 *
 *	120                 the 120th segment that arrives or is sent
 *	1.5s                so long after the beginning
 *	CLOSE-WAIT          a connection comes into this state
 *	SYN-SENT->CLOSED    a connection makes this transition
 *	FIN_CLOSE_WAIT      this rule of rules.def is taken
 *	S. F. R P. .        a segment with these flags, in packetdrill's notation
 */
#ifndef ELEVEN_TOOLS_REPLAY_MARK_H
#define ELEVEN_TOOLS_REPLAY_MARK_H

#include <stdbool.h>
#include <stdint.h>

#include "eleven.h"

enum mark_kind { MARK_NONE, MARK_SEGMENT, MARK_TIME, MARK_STATE, MARK_TRANSITION, MARK_RULE, MARK_FLAGS };

struct mark {
	enum mark_kind kind;
	const char *word;               /* as it was spelled */
	uint64_t number;                /* of the segment; of the rule; ns */
	enum eleven_state before, after;
	uint8_t flags;
};

#define MARK_WORDS "a segment's number, a time (1.5s), a state, STATE->STATE, a rule, or flags such as S. F. R"

/* False: it is none of these. */
bool mark_parse(struct mark *mark, const char *word);
/* Is this record the moment?  `segments`: how many there were with this one; `since`: the beginning of the run. */
bool mark_is(const struct mark *mark, const struct eleven_trace *record, uint64_t segments, uint64_t since);

#endif
