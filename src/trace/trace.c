/* SPDX-License-Identifier: MIT */
/* The trace ring and the table of rules; see trace.h. */
#include "trace/trace.h"

#include <string.h>

#include "base/check.h"

static const struct eleven_rule rules[RULES] = {
	{ "NONE", "", "nothing was decided yet" },
#define RULE(name, paragraph, sentence) { #name, paragraph, sentence },
#include "trace/rules.def"
#undef RULE
};

size_t trace_bytes(uint32_t capacity)
{
	return (size_t)capacity * sizeof(struct eleven_trace);
}

void trace_init(struct trace *trace, void *memory, uint32_t capacity)
{
	CHECK(capacity > 0);
	trace->capacity = capacity;
	trace->ring = memory;
	trace->kinds = 1u << ELEVEN_TRACE_TRANSITION | 1u << ELEVEN_TRACE_RULE;
}

struct eleven_trace *trace_record(struct trace *trace, enum eleven_trace_kind kind, uint64_t now)
{
	struct eleven_trace *record = &trace->ring[trace->serial % trace->capacity];

	memset(record, 0, sizeof(*record));
	record->serial = ++trace->serial;
	record->time = now;
	record->kind = (uint8_t)kind;
	record->packet = trace->in_input ? trace->packets_in : 0;
	return record;
}

unsigned trace_read(const struct trace *trace, uint64_t *after, struct eleven_trace *records, unsigned count,
		    uint64_t *lost)
{
	uint64_t held = trace->serial < trace->capacity ? trace->serial : trace->capacity;
	uint64_t oldest = trace->serial - held;
	unsigned n;

	*lost = 0;
	if (*after < oldest) {
		*lost = oldest - *after;
		*after = oldest;
	}
	for (n = 0; n < count && *after < trace->serial; n++) {
		records[n] = trace->ring[*after % trace->capacity];
		++*after;
	}
	return n;
}

const struct eleven_rule *rule_row(unsigned rule)
{
	return rule < RULES ? &rules[rule] : NULL;
}

#ifdef ELEVEN_COVERAGE
void trace_covered(enum rule rule)
{
	switch ((enum rule)rule) {
#define RULE(name, paragraph, sentence) case RULE_##name: __asm__ volatile(""); break;
#include "trace/rules.def"
#undef RULE
	case RULE_NONE:
	case RULES:
		break;
	}
}
#endif
