/* SPDX-License-Identifier: MIT */
/* RFC 6298; its alpha is 1/8, its beta 1/4, its K 4. */
#include "tcp/rtt.h"

#define CLOCK_GRANULARITY_NS 1000000u   /* G: one millisecond, the step of our timestamps */

static uint64_t rto_of(const struct rtt *rtt, const struct rtt_bounds *bounds)
{
	uint64_t margin = 4 * rtt->rttvar_ns;
	uint64_t least = bounds->margin_least_ns > CLOCK_GRANULARITY_NS ? bounds->margin_least_ns :
									   CLOCK_GRANULARITY_NS;
	uint64_t rto = rtt->srtt_ns + (margin > least ? margin : least);

	if (rto < bounds->least_ns)
		rto = bounds->least_ns;
	return rto > bounds->most_ns ? bounds->most_ns : rto;
}

void rtt_init(struct rtt *rtt, const struct rtt_bounds *bounds)
{
	*rtt = (struct rtt){ .rto_ns = bounds->initial_ns, .timed_seq = rtt->timed_seq,
			     .timed_at_ns = rtt->timed_at_ns };
}

void rtt_sample(struct rtt *rtt, uint64_t sample_ns, const struct rtt_bounds *bounds)
{
	if (sample_ns == 0)
		sample_ns = 1;          /* a clock that stood still: shorter than its step, not absent */
	if (rtt->srtt_ns == 0) {
		rtt->srtt_ns = sample_ns;
		rtt->rttvar_ns = sample_ns / 2;
	} else {
		uint64_t error = rtt->srtt_ns > sample_ns ? rtt->srtt_ns - sample_ns : sample_ns - rtt->srtt_ns;

		rtt->rttvar_ns = rtt->rttvar_ns - rtt->rttvar_ns / 4 + error / 4;
		rtt->srtt_ns = rtt->srtt_ns - rtt->srtt_ns / 8 + sample_ns / 8;
		if (rtt->srtt_ns == 0)
			rtt->srtt_ns = 1;
	}
	if (rtt->min_ns == 0 || sample_ns < rtt->min_ns)
		rtt->min_ns = sample_ns;
	rtt->rto_ns = rto_of(rtt, bounds);
}

void rtt_restart(struct rtt *rtt, uint64_t sample_ns, const struct rtt_bounds *bounds)
{
	if (sample_ns <= rtt->srtt_ns)
		return;
	rtt->srtt_ns = sample_ns;
	rtt->rttvar_ns = sample_ns / 2;
	rtt->rto_ns = rto_of(rtt, bounds);
}

void rtt_min_update(struct rtt *rtt, uint64_t sample_ns, uint64_t now)
{
	if (rtt->min_ns == 0 || sample_ns <= rtt->min_ns) {
		rtt->min_ns = rtt->min_next_ns = sample_ns;
		rtt->min_since_ns = now;
		return;
	}
	if (rtt->min_next_ns == 0 || sample_ns < rtt->min_next_ns)
		rtt->min_next_ns = sample_ns;
	if (now - rtt->min_since_ns < RTT_MIN_LIFE_NS)
		return;
	rtt->min_ns = rtt->min_next_ns;
	rtt->min_next_ns = sample_ns;
	rtt->min_since_ns = now;
}

void rtt_backoff(struct rtt *rtt, const struct rtt_bounds *bounds)
{
	rtt->rto_ns = rtt->rto_ns >= bounds->most_ns / 2 ? bounds->most_ns : rtt->rto_ns * 2;
}

void rtt_backoff_end(struct rtt *rtt, const struct rtt_bounds *bounds)
{
	rtt->rto_ns = rtt->srtt_ns ? rto_of(rtt, bounds) : bounds->initial_ns;
}
