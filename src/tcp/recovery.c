/* SPDX-License-Identifier: MIT */
/*
 * Loss recovery of a connection; see recovery.h.
 *
 * The order in which an ACK is looked at: what it delivers (scoreboard), RTT, reordering and D-SACK (detector), was
 * the loss none (undo), is the episode over, is more lost (RACK), how large is the window now, which timer next.
 */
#include "tcp/recovery.h"

#include "tcp/options.h"
#include "tcp/timer.h"

#define LIMITED_TRANSMIT_MAX 2          /* RFC 3042 §2 */

static struct rtt_bounds bounds_of(const struct tcp *tcp)
{
	return (struct rtt_bounds){ tcp->config.rto_initial, tcp->config.rto_least, tcp->config.rto_most,
				    tcp->config.rto_margin_least };
}

void recovery_begin(struct tcp *tcp, struct tcb *tcb)
{
	/* A SYN that was lost, twice, starts the window at one segment (RFC 5681 §3.1, RFC 6928 §2). */
	controller_init(&tcb->cc, tcb->congestion, tcb->snd.mss,
			tcb->retries > 1 ? 1 : (uint32_t)tcp->config.initial_window, tcp->config.initial_ssthresh,
			tcb->snd.nxt);
	detector_init(&tcb->detector, tcb->snd.una);
	tcb->episode = (struct episode){ 0 };
	tcb->pacer = (struct pacer){ 0 };
	tcb->cwnd_bound = false;
	tcb->limited_transmit = 0;
	tcb->used_bytes = 0;
}

void recovery_end(struct tcp *tcp, struct tcb *tcb)
{
	scoreboard_clear(&tcb->sb, &tcp->sent);
	tcb->sb.blind = false;
}

/* ---- sending */

/* New text up to `end` goes: the most that is in flight at one time in this round trip is what cwnd is used for. */
static void window_use(struct tcb *tcb, struct seq end)
{
	uint32_t used = seq_distance(end, tcb->snd.una);

	if (tcb->used_bytes != 0 && seq_lt(tcb->snd.una, tcb->used_end) && used <= tcb->used_bytes)
		return;
	tcb->used_bytes = used;
	tcb->used_end = end;
}

void recovery_sent(struct tcp *tcp, struct tcb *tcb, struct seq seq, struct seq end, uint32_t segment, bool again)
{
	struct pace pace = pace_of(tcp, tcb);
	uint32_t bytes = seq_distance(end, seq);

	pacer_sent(&tcb->pacer, &pace, bytes, tcp->now);
	if (!again)
		window_use(tcb, end);
	if (tcb->episode.phase != EPISODE_OPEN)
		episode_sent(&tcb->episode, bytes, again, tcb->timestamps, timestamp_now(tcp, tcb));
	if (!recovery_sacks(tcb))
		return;
	if (again) {
		if (seq_eq(seq, tcb->snd.una))
			timer_sent_again(tcp, tcb);
		if (!scoreboard_sent_again(&tcb->sb, &tcp->sent, seq, end, tcp->now, tcb->delivered))
			rule(tcp, tcb, SCOREBOARD_FULL);
		return;
	}
	tcb->sb.apart = tcp->config.push_bursts && seq_eq(seq, tcb->snd.burst_start);
	scoreboard_sent(&tcb->sb, &tcp->sent, seq, end, (uint16_t)segment, tcp->now, tcb->delivered,
			(uint32_t)tcp->config.sent_records_each);
	if (tcb->sb.blind)
		rule(tcp, tcb, SCOREBOARD_FULL);
	if (seq_lt(seq, tcb->snd.max))
		scoreboard_doubt(&tcb->sb, &tcp->sent);
	if (tcb->want.tail_probe)
		return;
	timer_loss_probe(tcp, tcb, seq_distance(end, tcb->snd.una));    /* SND.NXT moves after this */
}

bool recovery_lost(struct tcp *tcp, struct tcb *tcb, struct seq *seq, struct seq *end)
{
	if (!recovery_sacks(tcb) || tcb->sb.lost_next == NONE)
		return false;
	return scoreboard_lost(&tcb->sb, &tcp->sent, seq, end);
}

bool recovery_tail(struct tcp *tcp, struct tcb *tcb, struct seq *seq, struct seq *end)
{
	uint32_t bytes, mss = options_mss_now(tcp, tcb);

	if (!recovery_sacks(tcb) || !scoreboard_last(&tcb->sb, &tcp->sent, seq, end))
		return false;
	bytes = seq_distance(*end, *seq);
	if (bytes > mss)
		*seq = seq_sub(*end, bytes % mss ? bytes % mss : mss);
	return true;
}

/* ---- undo */

/*
 * RFC 4015 §3.3: a timeout that was none says that the round trip is longer than was thought: SRTT begins anew.  Its
 * measure is that of the ACK that came late.
 */
static void undo_timeout(struct work *w, const struct delivery *d)
{
	struct tcb *tcb = w->tcb;
	struct rtt_bounds bounds = bounds_of(w->tcp);
	uint64_t sample = d->any && !d->ever ? w->tcp->now - d->sent_ns : 0;

	if (sample == 0 && tcb->timestamps && w->seg.options.has_timestamps && w->seg.options.tsecr)
		sample = MS((uint64_t)(uint32_t)(timestamp_now(w->tcp, tcb) - w->seg.options.tsecr));
	if (sample < bounds.most_ns)
		rtt_restart(&tcb->rtt, sample, &bounds);
}

static void undo(struct tcp *tcp, struct tcb *tcb)
{
	if (recovery_sacks(tcb)) {
		scoreboard_unlose(&tcb->sb, &tcp->sent);
		if (tcb->episode.phase == EPISODE_RECOVERY && !rack_reordering(&tcb->detector))
			rack_highest(&tcb->detector, tcb->snd.una, 1);
	} else {
		tcb->snd.nxt = tcb->snd.max;
		tcb->want.retransmit = false;
	}
	if (controller_undo(&tcb->cc))
		ecn_undone(&tcb->ecn, tcb->snd.una);
	episode_undone(&tcb->episode);
}

/* RFC 3522: the first ACK of what was sent again echoes a timestamp from before that. */
static bool undo_eifel(struct work *w, const struct delivery *d)
{
	const struct tcp_options *o = &w->seg.options;
	bool timeout = w->tcb->episode.phase == EPISODE_TIMEOUT;

	if (!o->has_timestamps || o->tsecr == 0 || !episode_eifel(&w->tcb->episode, o->tsecr))
		return false;
	rule(w->tcp, w->tcb, UNDO_EIFEL);
	undo(w->tcp, w->tcb);
	if (timeout)
		undo_timeout(w, d);
	return true;
}

/* Was what is being repaired, or was repaired last, a loss at all? */
static void undo_check(struct work *w, const struct heard *heard, const struct delivery *d, bool dsack)
{
	struct tcp *tcp = w->tcp;
	struct tcb *tcb = w->tcb;
	struct episode *e = &tcb->episode;
	const struct tcp_options *o = &w->seg.options;

	if (heard->acked && d->again && undo_eifel(w, d)) {
		;                       /* undone */
	} else if (dsack && episode_duplicate_reported(e, o->sack[0].left, o->sack[0].right)) {
		rule(tcp, tcb, UNDO_DSACK);
		undo(tcp, tcb);
	}
	if (episode_idle(e) && tcb->sb.lost_bytes == 0) {
		rule(tcp, tcb, UNDO_ARRIVED);
		undo(tcp, tcb);
	}
	if (e->phase != EPISODE_TIMEOUT)
		return;
	switch (episode_frto(e, tcb->snd.una, heard->acked > 0, d->after, d->sacked_bytes > 0)) {
	case FRTO_SPURIOUS:
		rule(tcp, tcb, UNDO_FRTO);
		undo(tcp, tcb);
		undo_timeout(w, d);
		break;
	case FRTO_SEND_NEW:
		/* With nothing new to send there is nothing to learn. */
		if (unsent(tcb) == 0 || tcb->snd.wnd <= flight(tcb))
			e->frto = 0;
		break;
	case FRTO_NOTHING:
	case FRTO_LOST:
		break;
	}
}

/* ---- loss */

/* FlightSize of RFC 5681 equation 4: never more than the window, of which limited transmit goes beyond (§3.2). */
static uint32_t window_used(const struct tcp *tcp, const struct tcb *tcb, uint32_t in_flight)
{
	return tcp->config.loss_from_cwnd ? tcb->cc.cwnd : min_u32(in_flight, tcb->cc.cwnd);
}

static void recovery_enter(struct tcp *tcp, struct tcb *tcb, const struct heard *heard, bool first)
{
	uint32_t sacked = heard->sacked, flight = heard->in_flight;

	if (tcp->config.loss_from_cwnd) {
		flight = tcb->cc.cwnd;
		sacked = 0;
	}
	if (first)
		controller_loss(&tcb->cc, window_used(tcp, tcb, heard->in_flight), tcb->snd.mss, tcp->now, true);
	else
		controller_loss_again(&tcb->cc, tcb->snd.mss);
	episode_enter(&tcb->episode, tcb->snd.una, tcb->snd.nxt, flight, sacked, tcb->sb.order, tcb->sb.again_bytes);
}

/* RFC 8985 §6.2 step 5.  Answers whether something is lost anew. */
static bool detect(struct tcp *tcp, struct tcb *tcb, const struct heard *heard, uint64_t *wait_ns)
{
	struct detector *d = &tcb->detector;
	struct episode *e = &tcb->episode;
	uint64_t window;
	uint32_t lost;
	bool again;

	*wait_ns = 0;
	if (d->rtt_ns == 0)
		return false;
	window = rack_window(d, e->phase != EPISODE_OPEN || tcb->sb.sacked_segments >= tcp->config.reordering,
			     tcb->rtt.min_ns, tcb->rtt.srtt_ns, tcp->clock_step);
	/* A round trip of 1 ns is one in which the clock stood still. */
	lost = scoreboard_detect(&tcb->sb, &tcp->sent, d->order, d->end, (d->rtt_ns > 1 ? d->rtt_ns : 0) + window,
				 tcp->now, wait_ns, e->reduced_order, &again);
	if (lost == 0)
		return false;
	if (e->phase == EPISODE_OPEN) {
		rule(tcp, tcb, RACK_LOST);
		rule(tcp, tcb, RECOVERY_ENTERED);
		recovery_enter(tcp, tcb, heard, true);
	} else if (again && tcp->config.lost_again_cuts && !e->cut_again) {
		/* Lost twice: lowered twice (RFC 5681 §4.3), and no more often until this is repaired. */
		rule(tcp, tcb, RACK_LOST_AGAIN);
		recovery_enter(tcp, tcb, heard, false);
		e->cut_again = true;
	} else {
		rule(tcp, tcb, RACK_LOST);
	}
	return true;
}

/* SND.UNA reached `recover`; what is lost beyond it is a loss of its own. */
static void recovery_leave(struct tcp *tcp, struct tcb *tcb, const struct heard *heard)
{
	bool repaired = tcb->episode.phase == EPISODE_RECOVERY;

	if (!episode_ended(&tcb->episode, tcb->snd.una))
		return;
	rule(tcp, tcb, RECOVERY_LEFT);
	rack_recovered(&tcb->detector);
	if (repaired)
		tcb->cc.cwnd = tcb->cc.ssthresh;
	if (tcb->sb.lost_bytes > 0 && repaired) {
		rule(tcp, tcb, RECOVERY_ENTERED);
		recovery_enter(tcp, tcb, heard, true);
	}
}

/* ---- windows */

static void window_grow(struct tcp *tcp, struct tcb *tcb, const struct heard *heard, uint32_t bytes, uint64_t rtt_ns)
{
	struct pace pace = pace_of(tcp, tcb);
	struct controller_ack ack = {
		.now = tcp->now, .rtt_ns = rtt_ns, .srtt_ns = tcb->rtt.srtt_ns, .step_ns = tcp->clock_step,
		.bytes = bytes, .mss = tcb->snd.mss, .una = tcb->snd.una, .nxt = tcb->snd.nxt,
		.paced = pacer_on(&pace) || tcp->config.slow_start_unlimited,
		.after_timeout = tcb->episode.phase == EPISODE_TIMEOUT,
	};

	if (heard->marked)
		return;                 /* RFC 3168 §6.1.2 */
	if (tcb->cwnd_bound && seq_gt(tcb->snd.una, tcb->cwnd_bound_to))
		tcb->cwnd_bound = false;
	/* RFC 7661: a window that is not made use of says nothing and does not grow. */
	ack.limited = ack.after_timeout || tcb->cwnd_bound ||
		      (pace.slow_start && tcb->cc.cwnd < (uint64_t)tcb->used_bytes * 2);
	controller_acked(&tcb->cc, &ack);
}

static void window_update(struct tcp *tcp, struct tcb *tcb, const struct heard *heard, const struct delivery *d,
			  bool lost, uint64_t rtt_ns)
{
	uint32_t delivered = d->acked_bytes + d->sacked_bytes;
	bool all = tcb->episode.phase == EPISODE_TIMEOUT || tcp->config.growth_delivered;
	bool forward = tcp->config.growth_delivered && tcb->detector.degree > tcp->config.reordering;

	if (tcb->episode.phase == EPISODE_RECOVERY) {
		if (delivered > 0 || tcb->episode.first)
			tcb->cc.cwnd = max_u32(prr_cwnd(&tcb->episode, delivered, pipe_bytes(tcb), tcb->cc.ssthresh,
							tcb->snd.mss, heard->acked > 0 && !lost), tcb->snd.mss);
	} else if (tcb->episode.phase == EPISODE_TIMEOUT || forward ? delivered > 0 : heard->acked > 0) {
		/* While nothing is lost, SACK alone grows nothing (RFC 3042 §2); Linux: unless the path reorders. */
		window_grow(tcp, tcb, heard, all ? delivered : heard->acked, rtt_ns);
	}
	/* F-RTO sends two new segments (RFC 5682 §3.1 step 2). */
	if (tcb->episode.frto == FRTO_NEW_TEXT)
		tcb->cc.cwnd = max_u32(tcb->cc.cwnd, 2 * (uint32_t)tcb->snd.mss);
}

/* ---- an ACK */

/* RFC 2883 §4: does the first block report a duplicate?  To be judged by the ACK in the same segment (§5). */
static bool is_dsack(const struct segment *seg)
{
	const struct tcp_options *o = &seg->options;

	if (o->sack_count == 0 || !seq_lt(o->sack[0].left, o->sack[0].right))
		return false;
	if (seq_le(o->sack[0].right, seg->ack))
		return true;
	return o->sack_count > 1 && seq_ge(o->sack[0].left, o->sack[1].left) &&
	       seq_le(o->sack[0].right, o->sack[1].right);
}

static void deliveries(struct work *w, const struct heard *heard, struct delivery *d, bool dsack)
{
	struct tcp *tcp = w->tcp;
	struct tcb *tcb = w->tcb;
	const struct tcp_options *o = &w->seg.options;

	if (heard->acked)
		scoreboard_acked(&tcb->sb, &tcp->sent, tcb->snd.una, d);
	for (unsigned i = dsack; i < o->sack_count; i++) {
		if (seq_le(o->sack[i].right, tcb->snd.una))
			continue;       /* old news */
		if (!scoreboard_sack(&tcb->sb, &tcp->sent, tcb->snd.una, o->sack[i].left, o->sack[i].right, d))
			rule(tcp, tcb, SACK_IGNORED);
	}
	tcb->delivered += d->acked_bytes + d->sacked_bytes;
}

/* What the last transmitted of what was delivered tells of the round trip; answers the RTT, 0: none. */
static uint64_t round_trip(struct work *w, const struct delivery *d)
{
	struct tcp *tcp = w->tcp;
	struct tcb *tcb = w->tcb;
	const struct tcp_options *o = &w->seg.options;
	struct detector_delivered what = { d->sent_ns, d->order, d->end, d->ever, false, d->last_ns };
	struct rtt_bounds bounds = bounds_of(tcp);
	uint64_t rtt = tcp->now > d->sent_ns ? tcp->now - d->sent_ns : 1;

	if (!d->any)
		return 0;
	if (d->ever && tcb->timestamps && o->has_timestamps)
		what.echo_older = seq_lt(seq_of(o->tsecr), seq_of(timestamp_at(tcb, d->sent_ns)));
	rack_delivered(&tcb->detector, &what, tcb->rtt.min_ns, tcp->now);
	if (d->ever || d->mixed)
		return 0;
	rtt_min_update(&tcb->rtt, rtt, tcp->now);
	if (seq_gt(d->end, tcb->rtt.timed_seq)) {       /* one for SRTT each round trip (RFC 6298 §3) */
		tcb->rtt.timed_seq = tcb->snd.nxt;
		rtt_sample(&tcb->rtt, rtt, &bounds);
	}
	return rtt;
}

static void probe_check(struct work *w, const struct heard *heard, bool dsack)
{
	struct tcp *tcp = w->tcp;
	struct tcb *tcb = w->tcb;
	bool covers = dsack && seq_eq(w->seg.options.sack[0].right, tcb->detector.probe_end);
	bool plain = heard->duplicate && w->seg.options.sack_count == 0;

	if (tlp_acked(&tcb->detector, w->seg.ack, covers, plain) != TLP_LOSS || tcb->episode.phase != EPISODE_OPEN)
		return;
	rule(tcp, tcb, TLP_REPAIRED);
	controller_loss(&tcb->cc, window_used(tcp, tcb, heard->in_flight), tcb->snd.mss, tcp->now, true);
	tcb->cc.cwnd = min_u32(tcb->cc.cwnd, tcb->cc.ssthresh);
}

static void sack_ack(struct work *w, const struct heard *heard)
{
	struct tcp *tcp = w->tcp;
	struct tcb *tcb = w->tcb;
	struct delivery d = { .highest = tcb->detector.fack };
	bool dsack = is_dsack(&w->seg), lost;
	uint64_t wait_ns, rtt_ns;

	deliveries(w, heard, &d, dsack);
	rtt_ns = round_trip(w, &d);
	rack_highest(&tcb->detector, d.highest,
		     d.below ? (seq_distance(d.highest, d.lowest) + tcb->snd.mss - 1) / tcb->snd.mss : 0);
	if (dsack) {
		uint32_t bytes = seq_distance(w->seg.options.sack[0].right, w->seg.options.sack[0].left);

		rule(tcp, tcb, DSACK);
		tcb->detector.dsacks += (uint16_t)((bytes + tcb->snd.mss - 1) / tcb->snd.mss);
	}
	rack_round(&tcb->detector, tcb->snd.una, tcb->snd.nxt, dsack && !tcb->detector.probing);
	if (tcb->detector.probing)
		probe_check(w, heard, dsack);
	if (dsack || tcb->episode.phase != EPISODE_OPEN)
		undo_check(w, heard, &d, dsack);
	recovery_leave(tcp, tcb, heard);
	lost = detect(tcp, tcb, heard, &wait_ns);
	window_update(tcp, tcb, heard, &d, lost, rtt_ns);
	if (d.any || wait_ns > 0 || !tcb->loss_probe)  /* RFC 8985 §7.2: news puts the probe off, nothing else does */
		timer_loss(tcp, tcb, wait_ns);
	if (tcp->config.reneging_wait && heard->acked && scoreboard_reneged(&tcb->sb, &tcp->sent))
		timer_reneged(tcp, tcb);
}

/* ---- without SACK: RFC 6582, RFC 9937 */

static void reno_window(struct tcb *tcb, uint32_t delivered)
{
	tcb->cc.cwnd = max_u32(prr_cwnd(&tcb->episode, delivered, pipe_bytes(tcb), tcb->cc.ssthresh, tcb->snd.mss,
					false), tcb->snd.mss);
}

static void reno_advanced(struct work *w, const struct heard *heard)
{
	struct tcp *tcp = w->tcp;
	struct tcb *tcb = w->tcb;
	struct episode *e = &tcb->episode;
	/* Linux: what duplicates have told of was delivered then, and grows nothing now. */
	uint32_t told = tcp->config.growth_delivered ? (uint32_t)tcb->limited_transmit * tcb->snd.mss : 0;

	if (e->phase != EPISODE_OPEN)
		undo_eifel(w, &(struct delivery){ 0 });
	e->dup_acks = 0;
	e->moved_bytes = heard->acked;
	tcb->limited_transmit = 0;
	if (e->phase == EPISODE_RECOVERY && e->renos) {
		if (episode_ended(e, tcb->snd.una)) {
			rule(tcp, tcb, RECOVERY_LEFT);
			tcb->cc.cwnd = tcb->cc.ssthresh;
			return;
		}
		rule(tcp, tcb, RECOVERY_PARTIAL);
		tcb->want.retransmit = true;
		reno_window(tcb, reno_partial(e, heard->acked, tcb->snd.mss));
		return;
	}
	episode_ended(e, tcb->snd.una);
	if (e->phase == EPISODE_OPEN && e->recover_set && seq_gt(tcb->snd.una, e->recover))
		e->recover_set = false; /* long past; the number will come round again */
	told = min_u32(told, heard->acked > tcb->snd.mss ? heard->acked - tcb->snd.mss : 0);
	window_grow(tcp, tcb, heard, heard->acked - told, 0);
}

static void reno_duplicated(struct tcp *tcp, struct tcb *tcb)
{
	struct episode *e = &tcb->episode;
	uint32_t mss = tcb->snd.mss, sent = flight(tcb);

	if (e->phase == EPISODE_RECOVERY) {
		reno_window(tcb, reno_again(e, mss));
	} else if (reno_duplicate(e, tcb->snd.una, tcb->cc.cwnd, mss)) {
		rule(tcp, tcb, RECOVERY_ENTERED);
		controller_loss(&tcb->cc, window_used(tcp, tcb, sent), mss, tcp->now, true);
		tcb->want.retransmit = true;
		tcb->limited_transmit = 0;
		reno_window(tcb, reno_enter(e, tcb->snd.una, tcb->snd.nxt, sent, mss));
	} else if (tcb->limited_transmit < LIMITED_TRANSMIT_MAX) {
		tcb->limited_transmit++;
	}
}

void recovery_ack(struct work *w, const struct heard *heard)
{
	struct tcp *tcp = w->tcp;
	struct tcb *tcb = w->tcb;

	if (heard->duplicate) {
		rule(tcp, tcb, ACK_DUPLICATE);
		if (recovery_sacks(tcb) && tcb->episode.dup_acks < UINT8_MAX)
			tcb->episode.dup_acks++;
	} else if (heard->acked) {
		tcb->episode.dup_acks = 0;
	}
	if (recovery_sacks(tcb)) {
		if (heard->acked || w->seg.options.sack_count > 0 || heard->duplicate)
			sack_ack(w, heard);
	} else if (heard->acked) {
		reno_advanced(w, heard);
		if (seq_eq(tcb->snd.una, tcb->snd.max))
			tcb->sb.blind = false;
	} else if (heard->duplicate) {
		reno_duplicated(tcp, tcb);
	}
}

/* ---- timeouts */

void recovery_timeout(struct tcp *tcp, struct tcb *tcb)
{
	struct episode *e = &tcb->episode;
	bool again = tcb->retries > 0, open = e->phase == EPISODE_OPEN, renege = false;

	rule(tcp, tcb, TIMEOUT_RETRANSMISSION);
	if (recovery_sacks(tcb)) {
		if (scoreboard_reneged(&tcb->sb, &tcp->sent))
			rule(tcp, tcb, SACK_RENEGED);
		/* RFC 6675 §5.1: what is sacked still helps - once; a second timeout trusts nothing. */
		renege = again || scoreboard_reneged(&tcb->sb, &tcp->sent);
	}
	controller_timeout(&tcb->cc, window_used(tcp, tcb, flight(tcb)), tcb->snd.mss, tcp->now, again, open);
	episode_timeout(e, tcb->snd.una, tcb->snd.nxt, again, recovery_sacks(tcb) && !renege, tcb->sb.order);
	tcb->detector.probing = false;
	tcb->limited_transmit = 0;
	tcb->pacer = (struct pacer){ 0 };       /* the timer has waited long enough */
	if (recovery_sacks(tcb)) {
		scoreboard_lose(&tcb->sb, &tcp->sent, renege);
		timer_disarm(tcb, SLOT_LOSS);
		return;
	}
	tcb->snd.nxt = tcb->snd.una;
	tcb->want.retransmit = true;
}

void recovery_loss_timeout(struct tcp *tcp, struct tcb *tcb)
{
	struct heard heard = { .in_flight = flight(tcb), .sacked = tcb->sb.sacked_bytes };
	struct delivery none = { 0 };
	uint64_t wait_ns;
	bool lost;

	if (!recovery_sacks(tcb) || flight(tcb) == 0)
		return;
	if (tcb->loss_probe) {
		if (!tlp_allowed(&tcb->detector))
			return;         /* the RTO's turn */
		rule(tcp, tcb, TLP_SENT);
		tcb->want.tail_probe = true;
		timer_probed(tcp, tcb);
	} else {
		lost = detect(tcp, tcb, &heard, &wait_ns);
		window_update(tcp, tcb, &heard, &none, lost, 0);
		timer_loss(tcp, tcb, wait_ns);
	}
}

void recovery_resend(struct tcp *tcp, struct tcb *tcb)
{
	if (recovery_sacks(tcb)) {
		scoreboard_lose(&tcb->sb, &tcp->sent, false);
		return;
	}
	tcb->snd.nxt = tcb->snd.una;
	tcb->want.retransmit = true;
}
