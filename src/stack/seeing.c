/* SPDX-License-Identifier: MIT */
/* What can be seen of a stack: STATUS (§3.9.1.6), rules, trace, counters.  Changes nothing. */
#include <string.h>

#include "stack/stack.h"

int eleven_status(const struct eleven *stack, eleven_handle connection, struct eleven_status *status)
{
	return tcp_status(stack->tcp, connection, status);
}

bool eleven_status_next(const struct eleven *stack, uint64_t *cursor, struct eleven_status *status)
{
	return tcp_status_next(stack->tcp, cursor, status);
}

const char *eleven_state_name(enum eleven_state state)
{
	static const char *const names[ELEVEN_STATES] = {
		[ELEVEN_CLOSED] = "CLOSED",
		[ELEVEN_LISTEN] = "LISTEN",
		[ELEVEN_SYN_SENT] = "SYN-SENT",
		[ELEVEN_SYN_RECEIVED] = "SYN-RECEIVED",
		[ELEVEN_ESTABLISHED] = "ESTABLISHED",
		[ELEVEN_FIN_WAIT_1] = "FIN-WAIT-1",
		[ELEVEN_FIN_WAIT_2] = "FIN-WAIT-2",
		[ELEVEN_CLOSE_WAIT] = "CLOSE-WAIT",
		[ELEVEN_CLOSING] = "CLOSING",
		[ELEVEN_LAST_ACK] = "LAST-ACK",
		[ELEVEN_TIME_WAIT] = "TIME-WAIT",
	};

	return (unsigned)state < ELEVEN_STATES ? names[state] : "?";
}

const struct eleven_rule *eleven_rule(unsigned rule)
{
	return rule_row(rule);
}

uint64_t eleven_rule_count(const struct eleven *stack, unsigned rule)
{
	return rule < RULES ? stack->trace.counts[rule] : 0;
}

void eleven_trace_kinds(struct eleven *stack, unsigned kinds)
{
	stack->trace.kinds = (kinds & ((1u << ELEVEN_TRACE_KINDS) - 1)) | 1u << ELEVEN_TRACE_TRANSITION;
}

unsigned eleven_trace(const struct eleven *stack, uint64_t *after, struct eleven_trace *records, unsigned count,
		      uint64_t *lost)
{
	return trace_read(&stack->trace, after, records, count, lost);
}

void eleven_stats(const struct eleven *stack, struct eleven_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	tcp_stats(stack->tcp, stats);
	stats->packets_in = stack->trace.packets_in;
	stats->packets_out = stack->trace.packets_out;
	stats->drops += stack->drops_out;
}
