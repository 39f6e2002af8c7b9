/* SPDX-License-Identifier: MIT */
/* RFC 9406 §4.2; see hystart.h. */
#include "tcp/hystart.h"

void hystart_init(struct hystart *h, struct seq nxt)
{
	*h = (struct hystart){ .round_end = nxt };
}

/* The text that was last when the round began is acknowledged: the next one begins. */
static void round_next(struct hystart *h, struct seq nxt)
{
	h->round_end = nxt;
	h->last_ns = h->current_ns;
	h->current_ns = 0;
	h->samples = 0;
	if (h->baseline_ns)
		h->rounds++;
}

enum hystart_verdict hystart_acked(struct hystart *h, struct seq una, struct seq nxt, uint64_t rtt_ns,
				   uint64_t step_ns)
{
	uint64_t threshold = h->last_ns / HYSTART_RTT_DIVISOR;

	if (rtt_ns) {
		if (h->current_ns == 0 || rtt_ns < h->current_ns)
			h->current_ns = rtt_ns;
		if (h->samples < HYSTART_SAMPLES)
			h->samples++;
	}
	if (threshold < HYSTART_RTT_LEAST_NS)
		threshold = HYSTART_RTT_LEAST_NS;
	if (threshold > HYSTART_RTT_MOST_NS)
		threshold = HYSTART_RTT_MOST_NS;
	threshold += step_ns;
	if (h->baseline_ns && h->samples >= HYSTART_SAMPLES && h->current_ns < h->baseline_ns) {
		h->baseline_ns = 0;     /* a false alarm */
		h->rounds = 0;
	} else if (!h->baseline_ns && h->samples >= HYSTART_SAMPLES && h->last_ns &&
		   h->current_ns >= h->last_ns + threshold) {
		h->baseline_ns = h->current_ns;
		h->rounds = 0;
	}
	if (seq_ge(una, h->round_end))
		round_next(h, nxt);
	if (!h->baseline_ns)
		return HYSTART_SLOW_START;
	return h->rounds >= HYSTART_CSS_ROUNDS ? HYSTART_OVER : HYSTART_CSS;
}
