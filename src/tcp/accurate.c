/* SPDX-License-Identifier: MIT */
/* RFC 9768; see accurate.h. */
#include "tcp/accurate.h"

#include "tcp/connection.h"
#include "tcp/recovery.h"

#define COUNTER_MASK    0xffffffu       /* of the option's 24 bits */
#define CE_UNACKED_MAX  2               /* marks before an ACK goes, with text unacknowledged; 3 without (§3.2.2.5.1) */
#define LATE_DELTA      4               /* an ACE this far ahead, on an ACK of nothing new, is an old one */
#define BLEACHED_AFTER  10              /* segments acknowledged as capable that nobody has seen as such */
#define OPTIONS_TELLING 2               /* that tell of a change: one may be lost */

static unsigned slot(enum ecn_codepoint codepoint)
{
	return (unsigned)codepoint - 1;
}

/* ---- the handshake */

bool accurate_asked(const struct segment *syn)
{
	unsigned ace = segment_ace(syn);

	return ace != 0 && ace != 3;    /* §3.1.3: what is not used yet counts as 111 */
}

bool accurate_granted(const struct segment *syn_ack)
{
	unsigned ace = segment_ace(syn_ack);

	return ace >= 2 && ace <= 6;    /* 101 is not used yet: granted, and the SYN came as it went (§3.1.3) */
}

unsigned accurate_code(unsigned codepoint)
{
	static const uint8_t codes[4] = { 2, 3, 4, 6 };

	return codes[codepoint & ECN_FIELD];
}

/* From now on our text is not capable. */
static void mute(struct tcb *tcb)
{
	tcb->ecn.mute = true;
}

/* The other end tells how our SYN or SYN-ACK came; it went as not capable (§3.2.2.3). */
static void handshake_check(struct tcp *tcp, struct tcb *tcb, unsigned ace)
{
	if (ace == 2 || ace == 5 || ace == 7 || ace == 1)
		return;                 /* as it went, or a code that means nothing yet */
	rule(tcp, tcb, ACCECN_MANGLED);
	mute(tcb);
}

static void counters_begin(struct tcp *tcp, struct tcb *tcb)
{
	struct cold *cold;

	tcb->ecn.ce_in = tcb->ecn.ce_out = ACCURATE_CEP_START;
	if (!tcp->config.accecn_option || tcb->kind != KIND_TCB || (cold = cold_take(tcp, tcb)) == NULL) {
		tcb->ecn.option_off = true;
		return;
	}
	cold->accurate = (struct accurate){ .in = { 1, 1, 0 }, .out = { 1, 1, 0 }, .option_at = tcp->now };
}

void accurate_agreed(struct tcp *tcp, struct tcb *tcb, const struct segment *seg, unsigned codepoint, bool muted)
{
	if (tcb->ecn.mode == ECN_ACCURATE)
		return;                 /* by both SYNs, which have crossed */
	rule(tcp, tcb, ACCECN_AGREED);
	tcb->ecn.mode = ECN_ACCURATE;
	tcb->ecn.syn_codepoint = codepoint & ECN_FIELD;
	counters_begin(tcp, tcb);
	if (muted)
		mute(tcb);
	if (!seg->has_ack)
		return;
	tcb->ecn.ce_in += codepoint == ECN_CE;          /* marks of a SYN do not count, of a SYN-ACK they do */
	tcb->ecn.confirm = true;
	handshake_check(tcp, tcb, segment_ace(seg));
}

void accurate_third_ack(struct work *w)
{
	struct tcb *tcb = w->tcb;
	unsigned ace = segment_ace(&w->seg);

	if (tcb->ecn.mode != ECN_ACCURATE)
		return;
	tcb->ecn.option_off = false;
	if (tcb->cold == NONE) {        /* a passive open's record had no place for them */
		counters_begin(w->tcp, tcb);
		if (tcb->retries > 0) {
			rule(w->tcp, tcb, ACCECN_OPTION_LOST);
			tcb->ecn.option_off = true;
		}
	}
	if (ace == 0 && w->seg.options.sack_count == 0) {       /* §3.2.2.1: it was wiped out */
		rule(w->tcp, tcb, ACCECN_ZEROED);
		mute(tcb);
		tcb->ecn.deaf = true;
	}
	tcb->ecn.ace_seen = true;
	if (w->had_text || w->seg.options.sack_count > 0)
		return;                 /* a count, as on any segment */
	tcb->ecn.coded = true;
	if (ace == 6)
		tcb->ecn.ce_out++;
	if (ace != 0)
		handshake_check(w->tcp, tcb, ace);
}

/* ---- the receiver, §3.2.2.5.1 */

static void bytes_count(struct accurate *a, unsigned codepoint, uint32_t bytes)
{
	a->in[codepoint - 1] = (a->in[codepoint - 1] + bytes) & COUNTER_MASK;
	a->seen |= (uint8_t)(1u << (codepoint - 1));
	a->changed = OPTIONS_TELLING;
}

void accurate_arrived(struct work *w)
{
	struct tcb *tcb = w->tcb;
	struct ecn *ecn = &tcb->ecn;
	uint32_t bytes = w->seg.text_bytes, packets = 1;

	if (ecn->mode != ECN_ACCURATE || w->seg.syn)
		return;
	ecn->seen |= w->codepoint != ECN_NOT_ECT;
	if (bytes > 0 && w->segment_bytes)
		packets = (bytes + w->segment_bytes - 1) / w->segment_bytes;    /* joined on the way */
	if (w->codepoint == ECN_CE) {
		rule(w->tcp, tcb, ACCECN_MARKED);
		ecn->ce_in = (uint8_t)(ecn->ce_in + packets);
		ecn->ce_unacked = (uint8_t)min_u32(ecn->ce_unacked + packets, 7);
		if (ecn->ce_unacked >= CE_UNACKED_MAX + (bytes == 0))
			tcb->want.ack_now = true;
	}
	if (bytes == 0)
		return;
	if (w->codepoint != ecn->text_codepoint && (w->codepoint == ECN_CE || ecn->text_codepoint == ECN_CE))
		tcb->want.ack_now = true;       /* marks begin, or end */
	ecn->text_codepoint = w->codepoint & ECN_FIELD;
	if (w->codepoint != ECN_NOT_ECT && tcb->cold != NONE)
		bytes_count(&cold_of(w->tcp, tcb)->accurate, w->codepoint, bytes);
}

unsigned accurate_option_due(const struct tcp *tcp, const struct tcb *tcb)
{
	const struct accurate *a;
	uint64_t beacon = tcp->config.accecn_beacon;
	bool due;

	if (tcb->ecn.mode != ECN_ACCURATE || tcb->ecn.option_off || tcb->cold == NONE)
		return 0;
	a = &cold_of(tcp, tcb)->accurate;
	due = beacon > 0 && tcb->rtt.srtt_ns > 0 && tcp->now - a->option_at >= tcb->rtt.srtt_ns / beacon;
	if (tcb->ecn.confirm || (due && a->seen))
		return TCP_ACCECN_MAX;
	if (a->changed == 0)
		return 0;
	if (tcp->config.accecn_option > 1 || (a->seen & 1u << slot(ECN_ECT1) && a->seen & 1u << slot(ECN_ECT0)))
		return TCP_ACCECN_MAX;
	return a->seen & 1u << slot(ECN_CE) ? 2 : 1;
}

void accurate_option(const struct tcp *tcp, const struct tcb *tcb, struct tcp_options *out, unsigned count)
{
	const struct accurate *a = &cold_of(tcp, tcb)->accurate;
	bool order = a->seen & 1u << slot(ECN_ECT1) && !(a->seen & 1u << slot(ECN_ECT0));

	out->has_accecn = true;
	out->accecn_order = order;
	out->accecn_count = (uint8_t)count;
	out->accecn[0] = a->in[slot(order ? ECN_ECT1 : ECN_ECT0)];
	if (count > 1)
		out->accecn[1] = a->in[slot(ECN_CE)];
	if (count > 2)
		out->accecn[2] = a->in[slot(order ? ECN_ECT0 : ECN_ECT1)];
}

void accurate_sent(struct tcp *tcp, struct tcb *tcb, const struct segment *seg)
{
	struct accurate *a;

	tcb->ecn.ce_unacked = 0;
	tcb->ecn.confirm &= seg->text_bytes > 0;
	if (!seg->options.has_accecn || tcb->cold == NONE)
		return;
	a = &cold_of(tcp, tcb)->accurate;
	a->changed -= a->changed > 0;
	a->option_at = tcp->now;
}

unsigned accurate_ace(const struct tcb *tcb, bool pure)
{
	if (tcb->ecn.confirm && pure)
		return accurate_code(tcb->ecn.syn_codepoint);
	return tcb->ecn.ce_in % ACCURATE_WRAP;
}

/* ---- the sender, §3.2.2.5.2 */

/* A counter of 24 bits moves on; answers by how much.  One that went back is of an ACK that was overtaken. */
static uint32_t counter_move(uint32_t *counter, uint32_t told)
{
	uint32_t step = (told - *counter) & COUNTER_MASK;

	if (step > COUNTER_MASK / 2)
		return 0;
	*counter = told;
	return step;
}

/* What the option tells; *ce_bytes: of that marked, UINT32_MAX: it does not say. */
static void option_read(struct accurate *a, const struct tcp_options *o, uint32_t *ce_bytes)
{
	unsigned first = slot(o->accecn_order ? ECN_ECT1 : ECN_ECT0);
	unsigned last = slot(o->accecn_order ? ECN_ECT0 : ECN_ECT1);

	*ce_bytes = UINT32_MAX;
	if (!o->has_accecn || o->accecn_count == 0)
		return;
	a->told = true;
	counter_move(&a->out[first], o->accecn[0]);
	if (o->accecn_count > 1)
		*ce_bytes = counter_move(&a->out[slot(ECN_CE)], o->accecn[1]);
	if (o->accecn_count > 2)
		counter_move(&a->out[last], o->accecn[2]);
}

/* Text went as capable and was acknowledged, and all counters are where they began: the path wipes it out. */
static void bleach_check(struct tcp *tcp, struct tcb *tcb, const struct accurate *a, struct seq ack)
{
	if (tcb->ecn.mute || !a->told || !a->has_capable || a->out[slot(ECN_CE)] != 0 ||
	    a->out[slot(ECN_ECT0)] != 1 || a->out[slot(ECN_ECT1)] != 1 ||
	    !seq_gt(ack, seq_add(a->capable, BLEACHED_AFTER * (uint32_t)tcb->snd.mss)))
		return;
	rule(tcp, tcb, ACCECN_BLEACHED);
	mute(tcb);
}

/* The fewest marks that end in these three bits and hold so many bytes, or, if nobody says, the most there can be. */
static uint32_t marks_of(struct tcp *tcp, struct tcb *tcb, unsigned delta, uint32_t packets, uint32_t ce_bytes)
{
	uint32_t mss = tcb->snd.mss;

	if (ce_bytes != UINT32_MAX) {
		uint32_t least = (ce_bytes + mss - 1) / mss;
		uint32_t more = least > delta ? least - delta : 0;

		return delta + (more + ACCURATE_WRAP - 1) / ACCURATE_WRAP * ACCURATE_WRAP;
	}
	if (packets < ACCURATE_WRAP || tcb->cc.cwnd < ACCURATE_WRAP * mss)
		return delta;
	rule(tcp, tcb, ACCECN_AMBIGUOUS);
	return packets - (packets - delta) % ACCURATE_WRAP;
}

void accurate_feedback(struct work *w, struct heard *heard)
{
	struct tcp *tcp = w->tcp;
	struct tcb *tcb = w->tcb;
	struct ecn *ecn = &tcb->ecn;
	struct accurate *a = tcb->cold == NONE ? NULL : &cold_of(tcp, tcb)->accurate;
	unsigned ace = segment_ace(&w->seg), delta = (ace - ecn->ce_out) % ACCURATE_WRAP;
	uint32_t ce_bytes = UINT32_MAX, packets = (heard->acked + tcb->snd.mss - 1) / tcb->snd.mss;

	if (seq_lt(w->seg.ack, tcb->snd.una))
		return;                 /* an old one */
	if (a)
		option_read(a, &w->seg.options, &ce_bytes);
	if (ecn->coded) {
		ecn->coded = false;
		return;
	}
	if (!ecn->ace_seen && ace == 0) {       /* §3.2.2.4: it began at 5 */
		rule(tcp, tcb, ACCECN_ZEROED);
		mute(tcb);
		ecn->deaf = true;
	}
	ecn->ace_seen = true;
	if (ecn->deaf || (heard->acked == 0 && delta >= LATE_DELTA && ce_bytes == UINT32_MAX))
		return;
	if (delta > 0 && ce_bytes == 0 && !ecn->mute && heard->acked > 0) {
		/* Marked packets without a marked byte: what we send without text is not capable. */
		rule(tcp, tcb, ACCECN_CONTRADICTS);
		mute(tcb);
	}
	ecn->ce_out = (uint8_t)(ecn->ce_out + delta);
	heard->ce_bytes = ce_bytes;
	heard->marks = marks_of(tcp, tcb, delta, packets, ce_bytes);
	heard->marked = heard->marks > 0;
	if (a)
		bleach_check(tcp, tcb, a, w->seg.ack);
}

bool accurate_text_out(const struct tcp *tcp, struct tcb *tcb, struct seq end)
{
	struct accurate *a = tcb->cold == NONE ? NULL : &cold_of(tcp, tcb)->accurate;

	if (tcb->ecn.mute)
		return false;
	if (a && !a->has_capable) {
		a->has_capable = true;
		a->capable = end;
	}
	return true;
}
