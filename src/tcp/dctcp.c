/* SPDX-License-Identifier: MIT */
/*
 * DCTCP (RFC 8257): the window is cut in proportion to how much of it was marked, once a window.  Growth, and what a
 * loss does, are Reno's (§3.4, §3.5).  Only for networks whose routers mark early and that are all of one hand (§5).
 *
 * Deviation: the receiver's own coding of ECE (§3.2) is not there; the counts of accurate ECN take its place.  Where
 * the peer does not count, alpha is 1: a mark then halves, as RFC 3168 has it.
 */
#include "tcp/controller.h"

#define ALPHA_ONE (1u << 20)
#define G_SHIFT   4                     /* g is 1/16: §4.2 */

void dctcp_begin(struct controller *c, struct seq nxt)
{
	c->of.dctcp = (struct dctcp){ .alpha = ALPHA_ONE, .window_end = nxt };
}

/* §3.3 steps 1 to 8. */
void dctcp_delivered(struct controller *c, uint32_t bytes, uint32_t marked, bool counts, struct seq una, struct seq nxt)
{
	struct dctcp *d = &c->of.dctcp;
	uint64_t share;

	if (!counts) {
		d->alpha = ALPHA_ONE;
		return;
	}
	d->acked += bytes;
	d->marked += marked;
	if (!seq_gt(una, d->window_end) || d->acked == 0)
		return;
	if (d->marked > d->acked)
		d->marked = d->acked;
	share = (uint64_t)d->marked * ALPHA_ONE / d->acked;
	/* Rounded up on the way down, or it would stop short of 0. */
	d->alpha = d->alpha - ((d->alpha + (1u << G_SHIFT) - 1) >> G_SHIFT) + (uint32_t)(share >> G_SHIFT);
	if (d->alpha > ALPHA_ONE)
		d->alpha = ALPHA_ONE;
	d->acked = d->marked = 0;
	d->window_end = nxt;
}

/* §3.3 step 9. */
uint32_t dctcp_mark(struct controller *c, uint32_t flight, uint32_t mss)
{
	(void)flight;
	(void)mss;
	return c->cwnd - (uint32_t)((uint64_t)c->cwnd * c->of.dctcp.alpha / ALPHA_ONE / 2);
}
