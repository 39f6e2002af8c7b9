/* SPDX-License-Identifier: MIT */
/* Round-trip time and retransmission timeout (RFC 6298), in nanoseconds; sees no TCB. */
#ifndef ELEVEN_TCP_RTT_H
#define ELEVEN_TCP_RTT_H

#include <stdint.h>

#include "base/seq.h"

struct rtt {
	uint64_t srtt_ns;       /* SRTT; 0: no measurement yet */
	uint64_t rttvar_ns;     /* RTTVAR */
	uint64_t rto_ns;        /* RTO with its backoff */
	uint64_t min_ns;        /* smallest measurement of the last RTT_MIN_LIFE_NS to twice that; 0: none */
	uint64_t min_next_ns;   /* smallest of those since min_since_ns; 0: none */
	uint64_t min_since_ns;
	uint64_t timed_at_ns;   /* when the segment that is being timed went out (the TCB's `timing`) */
	struct seq timed_seq;   /* and its first number */
};

#define RTT_MIN_LIFE_NS 150000000000ull /* RFC 8985 §6.2 step 1: a window, so that a longer path is learned */

struct rtt_bounds {
	uint64_t initial_ns, least_ns, most_ns;
	uint64_t margin_least_ns;       /* RTO is at least this above SRTT */
};

void rtt_init(struct rtt *rtt, const struct rtt_bounds *bounds);
/* A measurement R'; ends the backoff (RFC 6298 §2, §5.7). */
void rtt_sample(struct rtt *rtt, uint64_t sample_ns, const struct rtt_bounds *bounds);
/* A timeout was spurious: SRTT begins anew with this measurement, if it is larger (RFC 4015 §3.3). */
void rtt_restart(struct rtt *rtt, uint64_t sample_ns, const struct rtt_bounds *bounds);
/* A measurement that is not for SRTT. */
void rtt_min_update(struct rtt *rtt, uint64_t sample_ns, uint64_t now);
/* The timer expired: RTO doubles, up to its upper bound (RFC 6298 §5.5). */
void rtt_backoff(struct rtt *rtt, const struct rtt_bounds *bounds);
/* An ACK of new text ends the backoff although it measured nothing. */
void rtt_backoff_end(struct rtt *rtt, const struct rtt_bounds *bounds);

#endif
