/* SPDX-License-Identifier: MIT */
/*
 * The canonical form of a world, as 64 bits.
 *
 * Two worlds that can only go on alike should look alike: sequence numbers are taken relative
 * to their ISS, deadlines relative to the host's clock in steps of an eighth of a second,
 * packets as a multiset, figures that decide nothing left out.  What is not named here counts
 * as it stands, so a field that someone adds to the TCB makes more states, never fewer.
 */
#include <string.h>

#include "explore/explore.h"

#define TICK_SHIFT 27

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 29;
}

static uint64_t mix_bytes(uint64_t hash, const void *bytes, size_t n)
{
	const uint8_t *at = bytes;
	uint64_t word;

	for (; n >= 8; n -= 8, at += 8) {
		memcpy(&word, at, 8);
		hash = mix(hash, word);
	}
	word = 0;
	memcpy(&word, at, n);
	return mix(hash, word ^ (uint64_t)n << 56);
}

static struct seq rebase(struct seq a, struct seq base)
{
	return seq_of(a.value - base.value);
}

static uint64_t coarse(uint64_t deadline, uint64_t now)
{
	if (deadline == TIME_NEVER)
		return TIME_NEVER;
	return deadline <= now ? 0 : ((deadline - now) >> TICK_SHIFT) + 1;
}

static void canonical_numbers(struct tcb *c)
{
	struct seq iss = c->snd.iss, irs = c->rcv.irs;

	c->snd.una = rebase(c->snd.una, iss);
	c->snd.nxt = rebase(c->snd.nxt, iss);
	c->snd.max = rebase(c->snd.max, iss);
	c->snd.end = rebase(c->snd.end, iss);
	c->snd.push = rebase(c->snd.push, iss);
	c->snd.wl2 = rebase(c->snd.wl2, iss);
	c->snd.up = seq_of(0);
	c->snd.small = c->snd.burst_start = c->snd.burst_end = seq_of(0);       /* for the linux profile alone */
	c->snd.wl1 = rebase(c->snd.wl1, irs);
	c->rcv.nxt = rebase(c->rcv.nxt, irs);
	c->rcv.edge = rebase(c->rcv.edge, irs);
	c->rcv.acked = rebase(c->rcv.acked, irs);
	c->rcv.fin = c->fin_seen ? rebase(c->rcv.fin, irs) : seq_of(0);
	c->rcv.up = c->rcv.grow = seq_of(0);
	c->snd.iss = c->rcv.irs = seq_of(0);
	c->rtt.timed_seq = rebase(c->rtt.timed_seq, iss);
	c->episode.recover = c->episode.recover_set ? rebase(c->episode.recover, iss) : seq_of(0);
	c->episode.undo_from = c->episode.undoable ? rebase(c->episode.undo_from, iss) : seq_of(0);
	c->detector.dsack_round = c->detector.in_dsack_round ? rebase(c->detector.dsack_round, iss) : seq_of(0);
	c->detector.probe_end = c->detector.probing ? rebase(c->detector.probe_end, iss) : seq_of(0);
	if (seq_ge(c->snd.una, c->used_end))
		c->used_bytes = 0;
	c->used_end = c->used_bytes ? rebase(c->used_end, iss) : seq_of(0);
	c->ecn.reductions = 0;
	c->ecn.recover = c->ecn.reduced || c->cc.marked ? rebase(c->ecn.recover, iss) : seq_of(0);
	c->cwnd_bound_to = c->cwnd_bound ? rebase(c->cwnd_bound_to, iss) : seq_of(0);
	if (c->cc.cwnd == 0)
		return;                 /* no ESTABLISHED yet */
	c->detector.fack = rebase(c->detector.fack, iss);
	c->detector.end = rebase(c->detector.end, iss);
	c->cc.hystart.round_end = rebase(c->cc.hystart.round_end, iss);
}

/* Times of loss recovery tell lives apart that go on alike: whether there is one stays. */
static void canonical_recovery(struct tcb *c)
{
	c->detector.order -= c->sb.order;
	c->detector.rtt_ns = c->detector.rtt_ns != 0;
	c->detector.sent_ns = 0;
	c->episode.reduced_order = c->episode.again_ts = c->episode.undos = 0;
	c->cc.hystart.last_ns = c->cc.hystart.current_ns = c->cc.hystart.baseline_ns = 0;
	memset(&c->cc.of, 0, sizeof(c->cc.of));
	memset(&c->pacer, 0, sizeof(c->pacer));
	c->delivered = 0;
	c->sb = (struct scoreboard){ .sacked_bytes = c->sb.sacked_bytes, .lost_bytes = c->sb.lost_bytes,
				     .again_bytes = c->sb.again_bytes, .blind = c->sb.blind };
}

/* What is in flight, in its order, and in which order it was sent. */
static uint64_t sent_fingerprint(const struct tcp *tcp, const struct tcb *tcb, uint64_t now, uint64_t hash)
{
	for (uint32_t i = tcb->sb.head; i != SCOREBOARD_NONE; i = ((struct sent *)pool_at(&tcp->sent, i))->next) {
		const struct sent *r = pool_at(&tcp->sent, i);

		hash = mix(hash, (uint64_t)rebase(r->seq, tcb->snd.iss).value << 32 |
				 rebase(r->end, tcb->snd.iss).value);
		hash = mix(hash, (uint64_t)(tcb->sb.order - r->order) << 8 | r->sacked | r->lost << 1 | r->again << 2 |
				 r->ever << 3);
		/* How long ago: what RACK goes by. */
		hash = mix(hash, ((now - r->sent_ns) >> TICK_SHIFT) << 3 | r->mixed | r->timed << 1);
	}
	return hash;
}

static uint64_t tcb_fingerprint(const struct tcp *tcp, const struct tcb *tcb, uint64_t now)
{
	const struct ranges *ranges = reassembly_of(tcp, tcb);
	struct tcb c;
	uint64_t hash = 1;

	memcpy(&c, tcb, sizeof(c));
	canonical_numbers(&c);
	canonical_recovery(&c);
	memset(&c.timer, 0, sizeof(c.timer));
	memset(&c.ts, 0, sizeof(c.ts));
	for (unsigned i = 0; i < SLOTS; i++)
		c.deadline[i] = coarse(c.deadline[i], now);
	c.rtt.srtt_ns = c.rtt.srtt_ns != 0;
	c.rtt.rttvar_ns = c.rtt.min_ns = c.rtt.min_next_ns = c.rtt.min_since_ns = c.rtt.timed_at_ns = 0;
	c.send_ring = (struct ring){ .used = tcb->send_ring.used };
	c.receive_ring = (struct ring){ .used = tcb->receive_ring.used };
	c.reassembly = ranges != NULL;
	c.generation = c.hash = c.next = c.ready_next = c.signal_next = 0;
	c.rule = c.last_rule = 0;
	c.previous_state = 0;
	c.since = c.opened = c.last_received = c.last_sent = c.last_ack_received = c.last_heard = 0;
	c.unacked_since = c.unacked_since != 0;
	c.challenge_at = 0;
	c.bytes_in = c.bytes_out = c.retransmitted_bytes = c.drops = 0;
	c.segments_in = c.segments_out = c.retransmitted_segments = 0;
	c.signals = 0;
	hash = sent_fingerprint(tcp, tcb, now, mix_bytes(hash, &c, sizeof(c)));
	for (unsigned i = 0; ranges && i < ranges->count; i++) {
		hash = mix(hash, rebase(ranges->at[i].left, tcb->rcv.irs).value);
		hash = mix(hash, rebase(ranges->at[i].right, tcb->rcv.irs).value);
	}
	return hash;
}

static uint64_t records_fingerprint(const struct tcp *tcp, uint64_t now)
{
	uint64_t hash = 2;

	for (uint32_t i = 0; i < tcp->syn_received.touched; i++) {
		const struct syn_received *r = pool_at(&tcp->syn_received, i);

		if (r->kind == KIND_SYN_RECEIVED)
			hash = mix(mix(hash, r->retries), coarse(r->timer.deadline_ns, now) << 1 | r->acked);
	}
	for (uint32_t i = 0; i < tcp->time_wait.touched; i++) {
		const struct time_wait *r = pool_at(&tcp->time_wait, i);

		if (r->kind == KIND_TIME_WAIT)
			hash = mix(mix(hash, 77), coarse(r->timer.deadline_ns, now));
	}
	return hash;
}

static uint64_t packet_fingerprint(const struct soft *soft, const struct flying *packet)
{
	struct segment seg;
	uint64_t hash = packet->to;

	segment_parse(&seg, packet->bytes, packet->length);
	hash = mix(hash, seg.seq.value - soft->side[!packet->to].iss);
	hash = mix(hash, seg.has_ack ? seg.ack.value - soft->side[packet->to].iss : 0);
	hash = mix(hash, (uint64_t)seg.flags << 32 | (uint64_t)seg.window << 8 | seg.text_bytes);
	for (unsigned i = 0; i < seg.options.sack_count; i++)
		hash = mix(hash, seg.options.sack[i].left.value - soft->side[packet->to].iss);
	return hash;
}

uint64_t fingerprint(const struct world *world)
{
	const struct soft *soft = world->soft;
	uint64_t hash = 3, packets = 0;

	for (unsigned i = 0; i < SIDES; i++) {
		const struct tcp *tcp = world->tcp[i];
		const struct side *side = &soft->side[i];

		for (uint32_t t = 0; t < tcp->tcbs.touched; t++)
			if (tcb_at(tcp, t)->kind == KIND_TCB)
				hash = mix(hash, tcb_fingerprint(tcp, tcb_at(tcp, t), side->now));
		hash = mix(hash, records_fingerprint(tcp, side->now));
		hash = mix(hash, (uint64_t)side->next_call << 40 | (uint64_t)side->timeouts << 32 |
			   (uint64_t)side->sent << 24 | (uint64_t)side->received << 16 | (side->h != 0) << 4 |
			   (side->listener != 0) << 3 | side->eof << 2 | side->error << 1 | side->aborted);
	}
	for (unsigned i = 0; i < soft->count; i++)
		packets += packet_fingerprint(soft, &soft->flying[i]);
	return mix(mix(hash, packets), (uint64_t)soft->count << 16 | (uint64_t)soft->losses << 8 | soft->duplicates);
}
