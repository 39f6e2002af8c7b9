/* SPDX-License-Identifier: MIT */
/* The congestion window; see controller.h.  CUBIC's curve is in cubic.c. */
#include "tcp/controller.h"

#include <stddef.h>

struct controller_ops {                 /* what the kinds differ in; cwnd and ssthresh belong to the frame around */
	void (*acked)(struct controller *c, const struct controller_ack *ack);  /* in congestion avoidance */
	uint32_t (*cut)(struct controller *c, uint32_t flight, uint32_t mss);   /* a loss: the new ssthresh */
	uint32_t (*mark)(struct controller *c, uint32_t flight, uint32_t mss);  /* a mark; NULL: as a loss */
	uint8_t less_percent;           /* of the window that RFC 8511 leaves after a mark */
};

static uint32_t at_most(uint64_t bytes)
{
	return bytes > CONTROLLER_CWND_MAX ? CONTROLLER_CWND_MAX : (uint32_t)bytes;
}

/* RFC 5681 §3.1: a segment for each window acknowledged. */
static void reno_acked(struct controller *c, const struct controller_ack *ack)
{
	c->part += ack->bytes;
	if (c->part >= c->cwnd) {
		c->part -= c->cwnd;
		c->cwnd = at_most((uint64_t)c->cwnd + ack->mss);
		if (c->part >= c->cwnd)
			c->part = 0;    /* not more than one segment per ACK */
	}
}

/* RFC 5681 equation 4. */
static uint32_t reno_cut(struct controller *c, uint32_t flight, uint32_t mss)
{
	(void)c;
	(void)mss;
	return flight / 2;
}

static const struct controller_ops *ops_of(const struct controller *c)
{
	static const struct controller_ops ops[CONTROLLERS] = {
		[CONTROLLER_CUBIC] = { cubic_acked, cubic_cut, NULL, 85 },
		[CONTROLLER_RENO] = { reno_acked, reno_cut, NULL, 80 },
		[CONTROLLER_DCTCP] = { reno_acked, reno_cut, dctcp_mark, 0 },
	};

	return &ops[c->kind];
}

void controller_init(struct controller *c, enum controller_kind kind, uint32_t mss, uint32_t initial_segments,
		     uint64_t ssthresh, struct seq nxt)
{
	*c = (struct controller){
		.kind = (uint8_t)kind,
		.cwnd = at_most((uint64_t)mss * initial_segments),
		.ssthresh = at_most(ssthresh > 2ull * mss ? ssthresh : 2ull * mss),
	};
	hystart_init(&c->hystart, nxt);
	if (kind == CONTROLLER_DCTCP)
		dctcp_begin(c, nxt);
}

void controller_choose(struct controller *c, enum controller_kind kind)
{
	if (c->kind == kind)
		return;
	c->kind = (uint8_t)kind;
	c->part = 0;
	c->of.cubic = (struct cubic){ 0 };
	if (kind == CONTROLLER_DCTCP)
		dctcp_begin(c, c->hystart.round_end);
}

void controller_delivered(struct controller *c, uint32_t bytes, uint32_t marked, bool counts, struct seq una,
			  struct seq nxt)
{
	if (c->kind == CONTROLLER_DCTCP)
		dctcp_delivered(c, bytes, marked, counts, una, nxt);
}

/* Slow start; answers how many of the acknowledged bytes are left for congestion avoidance. */
static uint32_t slow_start(struct controller *c, const struct controller_ack *ack)
{
	enum hystart_verdict verdict = HYSTART_SLOW_START;
	uint64_t limit = (uint64_t)ack->mss * (ack->after_timeout ? 1 : HYSTART_LIMIT);
	uint32_t step = ack->bytes, room = c->ssthresh - c->cwnd;

	if (!c->started)
		verdict = hystart_acked(&c->hystart, ack->una, ack->nxt, ack->rtt_ns, ack->step_ns);
	if (verdict == HYSTART_OVER) {
		c->ssthresh = c->cwnd > 2 * ack->mss ? c->cwnd : 2 * ack->mss;
		c->started = true;
		return ack->bytes;
	}
	if ((!ack->paced || ack->after_timeout) && step > limit)
		step = (uint32_t)limit;
	if (verdict == HYSTART_CSS)
		step /= HYSTART_CSS_DIVISOR;
	if (step < room) {
		c->cwnd = at_most((uint64_t)c->cwnd + step);
		return 0;
	}
	c->cwnd = c->ssthresh;
	return step - room;
}

void controller_acked(struct controller *c, const struct controller_ack *ack)
{
	struct controller_ack rest = *ack;

	if (!ack->limited) {
		controller_unused(c, ack->now);
		return;
	}
	if (controller_slow_start(c)) {
		rest.bytes = slow_start(c, ack);
		if (rest.bytes == 0 || controller_slow_start(c))
			return;
	}
	ops_of(c)->acked(c, &rest);
}

static void remember(struct controller *c)
{
	c->undo_cwnd = c->cwnd;
	c->undo_ssthresh = c->ssthresh;
	c->undo_w_max = c->kind == CONTROLLER_CUBIC ? c->of.cubic.w_max : 0;
}

void controller_loss(struct controller *c, uint32_t flight, uint32_t mss, uint64_t now, bool first)
{
	uint32_t cut;

	(void)now;
	if (first && c->marked) {
		controller_keep(c);     /* of the same window as the mark, which has cut it (RFC 3168 §6.1.2) */
		return;
	}
	if (first)
		remember(c);
	cut = ops_of(c)->cut(c, flight, mss);
	c->ssthresh = cut > 2 * mss ? cut : 2 * mss;
	c->part = 0;
	c->started = c->cut = true;
}

void controller_marked(struct controller *c, uint32_t flight, uint32_t mss, bool less)
{
	uint32_t window = flight < c->cwnd ? flight : c->cwnd;
	const struct controller_ops *ops = ops_of(c);
	uint32_t cut = ops->mark ? ops->mark(c, flight, mss) : ops->cut(c, flight, mss);

	if (less && !ops->mark)
		cut = (uint32_t)((uint64_t)window * ops_of(c)->less_percent / 100);
	c->ssthresh = cut > 2 * mss ? cut : 2 * mss;
	cut = cut > mss ? cut : mss;
	c->cwnd = cut < c->cwnd ? cut : c->cwnd;
	c->part = 0;
	c->started = c->cut = c->marked = true;
	controller_keep(c);
}

void controller_loss_again(struct controller *c, uint32_t mss)
{
	struct controller before = *c;
	uint32_t cut;

	c->cwnd = c->ssthresh;          /* what PRR is on its way to, not where it is */
	cut = ops_of(c)->cut(c, c->cwnd, mss);
	*c = before;
	c->ssthresh = cut > 2 * mss ? cut : 2 * mss;
	c->part = 0;
	c->started = c->cut = true;
}

void controller_timeout(struct controller *c, uint32_t flight, uint32_t mss, uint64_t now, bool again, bool first)
{
	if (first)
		remember(c);
	if (first && c->marked)
		controller_keep(c);
	else if (!again)
		controller_loss(c, flight, mss, now, false);
	c->cwnd = mss;
	c->part = 0;
	c->started = c->cut = true;
	if (c->kind == CONTROLLER_CUBIC)
		c->of.cubic.epoch_ns = 0;
}

bool controller_undo(struct controller *c)
{
	bool kept = c->undo_cwnd == 0;

	if (c->cwnd < c->undo_cwnd)
		c->cwnd = c->undo_cwnd;
	if (c->ssthresh < c->undo_ssthresh)
		c->ssthresh = c->undo_ssthresh;
	c->part = 0;
	if (c->kind == CONTROLLER_CUBIC) {
		c->of.cubic.w_max = c->of.cubic.w_last_max = c->undo_w_max;
		c->of.cubic.epoch_ns = 0;       /* begins anew, from cwnd towards W_max as it was */
	}
	c->cut &= kept;
	return !kept;
}

void controller_keep(struct controller *c)
{
	c->undo_cwnd = c->undo_ssthresh = 0;
	c->undo_w_max = c->kind == CONTROLLER_CUBIC ? c->of.cubic.w_max : 0;
}

void controller_idle(struct controller *c, uint32_t mss, uint32_t initial_segments)
{
	uint32_t restart = at_most((uint64_t)mss * initial_segments);

	if (c->cwnd > restart)
		c->cwnd = restart;
	c->part = 0;
	if (c->kind == CONTROLLER_CUBIC)
		c->of.cubic.epoch_ns = 0;
}

void controller_unused(struct controller *c, uint64_t now)
{
	if (c->kind == CONTROLLER_CUBIC && c->of.cubic.epoch_ns && c->of.cubic.idle_ns == 0)
		c->of.cubic.idle_ns = now;
}
