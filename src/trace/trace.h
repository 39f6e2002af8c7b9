/* SPDX-License-Identifier: MIT */
/*
 * The trace ring: what happened, in order, with its rule.
 *
 * Theory of operation: one ring of fixed records for the whole stack and one counter a
 * rule.  Writing never fails; the oldest record is overwritten, and a reader that comes
 * too late is told how many it lost.  Serial numbers start at 1 and never repeat.
 * Counters always count; records are kept only of the kinds asked for, and transitions.
 */
#ifndef ELEVEN_TRACE_TRACE_H
#define ELEVEN_TRACE_TRACE_H

#include "eleven.h"

enum rule {
	RULE_NONE,
#define RULE(name, paragraph, sentence) RULE_##name,
#include "trace/rules.def"
#undef RULE
	RULES                           /* how many, RULE_NONE counted */
};

struct trace {
	uint64_t serial;                /* of the last record written */
	uint64_t packets_in;            /* number of the packet in work, or of the last one */
	uint64_t packets_out;           /* number of the last packet sent */
	bool in_input;                  /* a packet in is being worked on: it is the cause of what is recorded */
	uint32_t kinds;                 /* recorded: bits 1 << enum eleven_trace_kind */
	uint32_t capacity;              /* records in the ring */
	struct eleven_trace *ring;
	uint64_t counts[RULES];
};

size_t trace_bytes(uint32_t capacity);
void trace_init(struct trace *trace, void *memory, uint32_t capacity);

#ifdef ELEVEN_COVERAGE                  /* gcov then counts each line of rules.def */
void trace_covered(enum rule rule);
#else
static inline void trace_covered(enum rule rule)
{
	(void)rule;
}
#endif

static inline void trace_count(struct trace *trace, enum rule rule)
{
	trace_covered(rule);
	trace->counts[rule]++;
}

static inline bool trace_wanted(const struct trace *trace, enum eleven_trace_kind kind)
{
	return trace->kinds >> kind & 1;
}

/* A new record, zeroed but for serial, time, kind, and the packet that caused it. */
struct eleven_trace *trace_record(struct trace *trace, enum eleven_trace_kind kind, uint64_t now);
unsigned trace_read(const struct trace *trace, uint64_t *after, struct eleven_trace *records, unsigned count,
		    uint64_t *lost);
const struct eleven_rule *rule_row(unsigned rule);

#endif
