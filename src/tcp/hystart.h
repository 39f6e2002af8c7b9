/* SPDX-License-Identifier: MIT */
/*
 * HyStart++ (RFC 9406): leaves slow start when the round-trip time grows, by way of five rounds of slower growth
 * that go back to slow start if it was a false alarm.  Knows rounds and round-trip times; the controller has the
 * window.
 */
#ifndef ELEVEN_TCP_HYSTART_H
#define ELEVEN_TCP_HYSTART_H

#include <stdbool.h>
#include <stdint.h>

#include "base/seq.h"

#define HYSTART_RTT_LEAST_NS  4000000u  /* MIN_RTT_THRESH, §4.3 */
#define HYSTART_RTT_MOST_NS   16000000u /* MAX_RTT_THRESH */
#define HYSTART_RTT_DIVISOR   8         /* MIN_RTT_DIVISOR */
#define HYSTART_SAMPLES       8         /* N_RTT_SAMPLE */
#define HYSTART_CSS_DIVISOR   4         /* CSS_GROWTH_DIVISOR */
#define HYSTART_CSS_ROUNDS    5         /* CSS_ROUNDS */
#define HYSTART_LIMIT         8         /* L, of a sender that does not pace */

struct hystart {
	uint64_t last_ns;               /* lastRoundMinRTT; 0: infinite */
	uint64_t current_ns;            /* currentRoundMinRTT; 0: infinite */
	uint64_t baseline_ns;           /* cssBaselineMinRtt; 0: not in CSS */
	struct seq round_end;           /* windowEnd */
	uint8_t samples;                /* rttSampleCount, up to HYSTART_SAMPLES */
	uint8_t rounds;                 /* of CSS */
};

enum hystart_verdict {
	HYSTART_SLOW_START,             /* grow as slow start does */
	HYSTART_CSS,                    /* grow by a quarter of that */
	HYSTART_OVER,                   /* go over to congestion avoidance */
};

void hystart_init(struct hystart *h, struct seq nxt);
/* An ACK in slow start; rtt_ns 0: it measured nothing; step_ns: of the clock, below which RTTs do not differ. */
enum hystart_verdict hystart_acked(struct hystart *h, struct seq una, struct seq nxt, uint64_t rtt_ns,
				   uint64_t step_ns);

#endif
