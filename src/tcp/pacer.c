/* SPDX-License-Identifier: MIT */
/* Spreads cwnd over the round trip; see pacer.h. */
#include "tcp/pacer.h"

#define GAIN_UNIT        10             /* gains are in tenths */
#define GAIN_SLOW_START  20
#define GAIN_AVOIDANCE   12
#define SHARE            8              /* of the round trip: the longest burst */

/* Bytes that leave in a round trip, in tenths. */
static uint64_t gained(const struct pace *pace)
{
	uint64_t window = pace->cwnd > pace->mss ? pace->cwnd : pace->mss;

	return window * (pace->slow_start ? GAIN_SLOW_START : GAIN_AVOIDANCE);
}

static uint64_t time_of(const struct pace *pace, uint64_t bytes)
{
	/* srtt < 2^40 ns, bytes * 10 < 2^24 of one segment. */
	return bytes * GAIN_UNIT * pace->srtt_ns / gained(pace);
}

static uint64_t least_burst_ns(const struct pace *pace)
{
	return pace->srtt_ns / SHARE < PACER_BURST_NS ? pace->srtt_ns / SHARE : PACER_BURST_NS;
}

static uint64_t burst_ns(const struct pace *pace)
{
	uint64_t least = least_burst_ns(pace), two = time_of(pace, 2 * (uint64_t)pace->mss);

	return two > least ? two : least;
}

uint32_t pacer_burst(const struct pace *pace)
{
	uint64_t bytes = least_burst_ns(pace) * gained(pace) / GAIN_UNIT / pace->srtt_ns;

	if (bytes < 2 * (uint64_t)pace->mss)
		bytes = 2 * (uint64_t)pace->mss;
	return bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;
}

uint64_t pacer_wake(const struct pacer *p, const struct pace *pace)
{
	return p->next_ns + burst_ns(pace);
}

void pacer_sent(struct pacer *p, const struct pace *pace, uint32_t bytes, uint64_t now)
{
	uint64_t behind, earliest;

	if (!pacer_on(pace))
		return;
	behind = 2 * burst_ns(pace) + pace->step_ns;    /* the second one is for timers that come late */
	earliest = now > behind ? now - behind : 0;
	if (p->next_ns < earliest)
		p->next_ns = earliest;
	p->next_ns += time_of(pace, bytes);
}

uint64_t pacer_rate(const struct pace *pace)
{
	if (!pacer_on(pace))
		return 0;
	return gained(pace) / GAIN_UNIT * 1000000000u / pace->srtt_ns;
}
