/* SPDX-License-Identifier: MIT */
/* Recovery, PRR and undo; see episode.h. */
#include "tcp/episode.h"

#define RENO_STEP_SEGMENTS 4            /* RFC 6582 §4.1 */

static void begin(struct episode *e, enum episode_phase phase, struct seq una, struct seq nxt, uint32_t order)
{
	bool open = e->phase == EPISODE_OPEN;

	e->phase = (uint8_t)phase;
	e->recover = nxt;
	e->recover_set = true;
	e->reduced_order = order;
	e->frto = 0;
	e->renos = false;
	e->credit_bytes = 0;
	if (!open)
		return;                 /* what was sent again in the one before counts on */
	e->undo_from = una;
	e->undoable = true;
	e->again_bytes = 0;
	e->stamped = e->resent = e->cut_again = false;
}

/* ---- recovery with SACK */

void episode_enter(struct episode *e, struct seq una, struct seq nxt, uint32_t in_flight, uint32_t sacked,
		   uint32_t order, uint32_t again)
{
	bool open = e->phase == EPISODE_OPEN, stamped = e->stamped;

	begin(e, EPISODE_RECOVERY, una, nxt, order);
	if (open && again > 0) {
		/* The timestamp of the episode before is older than any of this one: no echo is by mistake below it. */
		e->stamped = stamped;
		e->resent = true;
		e->again_bytes = again;
	}
	e->prr_delivered = e->prr_out = 0;
	e->recover_fs = in_flight > sacked ? in_flight - sacked : 1;
	e->first = true;
}

uint32_t prr_cwnd(struct episode *e, uint32_t delivered, uint32_t pipe, uint32_t ssthresh, uint32_t mss, bool safe)
{
	int64_t send, limit;

	e->prr_delivered += delivered;
	if (pipe > ssthresh) {
		uint64_t share = ((uint64_t)e->prr_delivered * ssthresh + e->recover_fs - 1) / e->recover_fs;

		/* What is sent are segments: the CEIL of §6.2 in those. */
		send = (int64_t)((share + mss - 1) / mss * mss) - e->prr_out;
	} else {
		limit = (int64_t)e->prr_delivered - e->prr_out;
		if (limit < delivered)
			limit = delivered;
		if (safe)
			limit += mss;
		send = (int64_t)ssthresh - pipe;
		if (send > limit)
			send = limit;
	}
	if (send < 0)
		send = 0;
	if (e->first && e->prr_out == 0 && send < mss)
		send = mss;             /* the retransmission that begins it goes at once */
	return pipe + (uint32_t)send;
}

bool episode_ended(struct episode *e, struct seq una)
{
	if (e->phase == EPISODE_OPEN || seq_lt(una, e->recover))
		return false;
	e->phase = EPISODE_OPEN;
	e->frto = 0;
	e->renos = false;
	e->dup_acks = 0;
	return true;
}

void episode_sent(struct episode *e, uint32_t bytes, bool again, bool has_ts, uint32_t ts)
{
	if (e->phase == EPISODE_RECOVERY) {
		e->prr_out += bytes;
		e->first = false;
	}
	if (!again)
		return;
	e->resent = true;
	e->again_bytes += bytes;
	if (!e->stamped && has_ts) {
		e->stamped = true;
		e->again_ts = ts;
	}
}

/* ---- timeout */

void episode_timeout(struct episode *e, struct seq una, struct seq nxt, bool again, bool frto, uint32_t order)
{
	bool open = e->phase == EPISODE_OPEN;

	begin(e, EPISODE_TIMEOUT, una, nxt, order);
	e->cut_again = false;
	e->dup_acks = 0;
	e->frto = frto && open && !again ? 2 : 0;
}

enum frto_verdict episode_frto(struct episode *e, struct seq una, bool advanced, bool original, bool sacked)
{
	if (e->frto == 0)
		return FRTO_NOTHING;
	if (e->frto == 3 && original) {
		e->frto = 0;
		return FRTO_SPURIOUS;
	}
	if (e->frto == 2 && advanced && seq_lt(una, e->recover)) {
		e->frto = 3;
		return FRTO_SEND_NEW;
	}
	if (!advanced && !sacked)
		return FRTO_NOTHING;    /* it tells nothing */
	e->frto = 0;
	return FRTO_LOST;
}

/* ---- undo */

bool episode_eifel(const struct episode *e, uint32_t echo)
{
	return e->undoable && e->phase != EPISODE_OPEN && e->stamped && seq_lt(seq_of(echo), seq_of(e->again_ts));
}

bool episode_duplicate_reported(struct episode *e, struct seq left, struct seq right)
{
	uint32_t bytes = seq_distance(right, left);

	if (!e->undoable || e->again_bytes == 0 || seq_lt(left, e->undo_from) || seq_gt(right, e->recover))
		return false;
	e->again_bytes -= bytes < e->again_bytes ? bytes : e->again_bytes;
	return e->again_bytes == 0;
}

void episode_undone(struct episode *e)
{
	e->phase = EPISODE_OPEN;
	e->undos++;
	e->undoable = e->stamped = e->renos = false;
	e->frto = 0;
	e->dup_acks = 0;
	e->again_bytes = 0;
}

/* ---- recovery without SACK */

bool reno_duplicate(struct episode *e, struct seq una, uint32_t cwnd, uint32_t mss)
{
	if (e->dup_acks < UINT8_MAX)
		e->dup_acks++;
	if (e->phase != EPISODE_OPEN || e->dup_acks != EPISODE_DUP_THRESHOLD)
		return false;
	if (!e->recover_set || seq_gt(una, e->recover))
		return true;
	return cwnd > mss && e->moved_bytes > 0 && e->moved_bytes <= RENO_STEP_SEGMENTS * mss;
}

uint32_t reno_enter(struct episode *e, struct seq una, struct seq nxt, uint32_t in_flight, uint32_t mss)
{
	uint32_t before = (EPISODE_DUP_THRESHOLD - 1) * mss;

	episode_enter(e, una, nxt, in_flight, before, 0, 0);
	e->renos = true;
	e->credit_bytes = before + mss;
	return mss;
}

uint32_t reno_again(struct episode *e, uint32_t mss)
{
	if (e->prr_delivered + mss > e->recover_fs)
		return 0;
	e->credit_bytes += mss;
	return mss;
}

uint32_t reno_partial(struct episode *e, uint32_t acked, uint32_t mss)
{
	uint32_t others = acked > mss ? acked - mss : 0;        /* besides the retransmission */
	uint32_t told = others < e->credit_bytes ? others : e->credit_bytes;

	e->credit_bytes -= told;
	return acked - told;
}
