/* SPDX-License-Identifier: MIT */
/* RFC 5681 and RFC 6582; see newreno.h.  Limited transmit (RFC 3042) is output.c's. */
#include "tcp/newreno.h"

static uint32_t at_most(uint64_t bytes)
{
	return bytes > NEWRENO_CWND_MAX ? NEWRENO_CWND_MAX : (uint32_t)bytes;
}

/* RFC 5681 equation 4. */
static uint32_t half_flight(uint32_t flight, uint32_t mss)
{
	return flight / 2 > 2 * mss ? flight / 2 : 2 * mss;
}

void newreno_init(struct newreno *cc, uint32_t mss, uint32_t initial_segments, uint64_t ssthresh)
{
	*cc = (struct newreno){
		.cwnd = at_most((uint64_t)mss * initial_segments),
		.ssthresh = at_most(ssthresh),
	};
}

/* Slow start and congestion avoidance, counted in bytes (RFC 3465 with L = 2). */
static void grow(struct newreno *cc, uint32_t acked, uint32_t mss)
{
	if (cc->cwnd < cc->ssthresh) {
		uint32_t room = cc->ssthresh - cc->cwnd;
		uint32_t step = acked < room ? acked : room;

		cc->cwnd = at_most((uint64_t)cc->cwnd + step);
		acked -= step;
	}
	cc->counted += acked;
	if (cc->counted >= cc->cwnd) {
		cc->counted -= cc->cwnd;
		cc->cwnd = at_most((uint64_t)cc->cwnd + mss);
	}
}

enum newreno_verdict newreno_acked(struct newreno *cc, struct seq una, uint32_t acked, uint32_t flight, uint32_t mss,
				   bool window_full)
{
	cc->dup_acks = 0;
	if (!cc->recovering) {
		if (cc->recover_set && seq_gt(una, cc->recover))
			cc->recover_set = false;        /* long past; the number will come round again */
		if (window_full)
			grow(cc, acked, mss);
		return NEWRENO_NOTHING;
	}
	if (seq_ge(una, cc->recover)) {         /* full acknowledgment, step 3 option 1 */
		uint64_t most = (uint64_t)(flight > mss ? flight : mss) + mss;

		cc->cwnd = cc->ssthresh < most ? cc->ssthresh : at_most(most);
		cc->recovering = false;
		cc->counted = 0;
		return NEWRENO_LEFT;
	}
	cc->cwnd = cc->cwnd > acked ? cc->cwnd - acked : 0;     /* partial: deflate, add back one */
	if (acked >= mss || cc->cwnd < mss)
		cc->cwnd += mss;
	return NEWRENO_PARTIAL;
}

enum newreno_verdict newreno_duplicate(struct newreno *cc, struct seq una, struct seq nxt, uint32_t flight,
				       uint32_t mss)
{
	if (cc->recovering) {
		cc->cwnd = at_most((uint64_t)cc->cwnd + mss);
		return NEWRENO_NOTHING;
	}
	if (cc->dup_acks < UINT8_MAX)
		cc->dup_acks++;
	if (cc->dup_acks != NEWRENO_DUP_THRESHOLD)
		return NEWRENO_NOTHING;
	if (cc->recover_set && seq_le(una, cc->recover))
		return NEWRENO_NOTHING;         /* of segments a timeout sent again: step 2 */
	cc->ssthresh = half_flight(flight, mss);
	cc->cwnd = at_most((uint64_t)cc->ssthresh + NEWRENO_DUP_THRESHOLD * (uint64_t)mss);
	cc->recover = nxt;
	cc->recover_set = true;
	cc->recovering = true;
	cc->counted = 0;
	return NEWRENO_RETRANSMIT;
}

void newreno_timeout(struct newreno *cc, struct seq max, uint32_t flight, uint32_t mss, bool again)
{
	if (!again)
		cc->ssthresh = half_flight(flight, mss);
	cc->cwnd = mss;
	cc->counted = 0;
	cc->dup_acks = 0;
	cc->recovering = false;
	cc->recover = max;
	cc->recover_set = true;
}

void newreno_idle(struct newreno *cc, uint32_t mss, uint32_t initial_segments)
{
	uint32_t restart = at_most((uint64_t)mss * initial_segments);

	if (cc->cwnd > restart)
		cc->cwnd = restart;
	cc->counted = 0;
}
