/* SPDX-License-Identifier: MIT */
/* RFC 3168; see ecn.h. */
#include "tcp/ecn.h"

#include "tcp/accurate.h"
#include "tcp/recovery.h"
#include "tcp/timer.h"

/* ---- negotiation, §6.1.1 */

static bool is_setup_syn(const struct segment *seg)
{
	return seg->ece && seg->cwr;
}

/* Not one that has CWR too: that is our own SYN's flags, sent back by who does not know them. */
static bool is_setup_syn_ack(const struct segment *seg)
{
	return seg->ece && !seg->cwr;
}

/* config.ecn, as Linux counts: what is asked for, and what is granted; more if the controller lives of marks. */
static bool asks_accurate(const struct tcp *tcp, const struct tcb *tcb)
{
	return tcp->config.ecn == 3 || (tcp->config.ecn && controller_wants_marks(tcb->congestion));
}

static bool asks(const struct tcp *tcp, const struct tcb *tcb)
{
	return tcp->config.ecn == 1 || tcp->config.ecn == 4 || asks_accurate(tcp, tcb);
}

bool ecn_grants_accurate(const struct tcp *tcp, const struct tcb *tcb)
{
	return tcp->config.ecn >= 3 || (tcp->config.ecn && controller_wants_marks(tcb->congestion));
}

void ecn_request(struct tcp *tcp, struct tcb *listener, struct tcb *child, const struct segment *syn,
		 unsigned codepoint)
{
	struct ecn *ecn = &child->ecn;

	if (ecn_grants_accurate(tcp, listener) && accurate_asked(syn)) {
		rule(tcp, listener, ACCECN_GRANTED);
		*ecn = (struct ecn){ .mode = ECN_ACCURATE, .syn_codepoint = codepoint & ECN_FIELD,
				     .ce_in = ACCURATE_CEP_START, .ce_out = ACCURATE_CEP_START };
		return;
	}
	if (!is_setup_syn(syn) || !tcp->config.ecn)
		return;
	/* Linux: who marks a SYN without being new enough to may be one whose every TOS byte is like that. */
	if (tcp->config.ecn_marked_syn_refused && codepoint != ECN_NOT_ECT && !syn->ae) {
		rule(tcp, listener, ECN_SYN_MARKED);
		return;
	}
	rule(tcp, listener, ECN_GRANTED);
	ecn->mode = ECN_ON;
}

void ecn_open(const struct tcp *tcp, struct tcb *tcb)
{
	tcb->ecn = (struct ecn){ .mode = asks(tcp, tcb) ? ECN_ASKED : ECN_OFF,
				 .accurate = asks_accurate(tcp, tcb) };
}

void ecn_syn_out(const struct tcb *tcb, struct segment *seg)
{
	if (tcb->state == TCP_SYN_SENT) {
		seg->ece = seg->cwr = tcb->ecn.mode == ECN_ASKED;
		seg->ae = seg->ece && tcb->ecn.accurate;
	} else if (tcb->ecn.mode == ECN_ACCURATE) {
		/* Without from its second repetition on: a path that drops it may let that through (§3.1.4.2). */
		segment_ace_set(seg, tcb->retries > 1 ? 0 : accurate_code(tcb->ecn.syn_codepoint));
	} else {
		seg->ece = tcb->ecn.mode == ECN_ON;
	}
}

void ecn_syn_arrived(struct tcp *tcp, struct tcb *tcb, const struct segment *seg, unsigned codepoint)
{
	struct ecn *ecn = &tcb->ecn;
	bool setup = seg->has_ack ? is_setup_syn_ack(seg) : is_setup_syn(seg);

	if (ecn->mode == ECN_OFF)
		return;
	if (ecn->mode == ECN_ACCURATE ||
	    (ecn->accurate && (seg->has_ack ? accurate_granted(seg) : accurate_asked(seg)))) {
		accurate_agreed(tcp, tcb, seg, codepoint, ecn->mode == ECN_RETRIED);
		return;
	}
	if (!setup) {
		ecn->mode = ECN_OFF;
		if (seg->has_ack && seg->ece)
			rule(tcp, tcb, ECN_REFLECTED);
		else
			rule(tcp, tcb, ECN_REFUSED);
	} else if (ecn->mode == ECN_RETRIED) {
		ecn->mode = ECN_HEEDED;
		rule(tcp, tcb, ECN_HEEDED_ONLY);
	} else if (ecn->mode == ECN_ASKED) {
		ecn->mode = ECN_ON;
		rule(tcp, tcb, ECN_AGREED);
	}
}

bool ecn_syn_again(struct tcp *tcp, struct tcb *tcb, const struct segment *seg)
{
	struct ecn *ecn = &tcb->ecn;
	unsigned ace = segment_ace(seg);
	bool accurate = accurate_asked(seg);

	if (ecn->mode == ECN_OFF)
		return true;
	/* RFC 9768 §3.1.4.2: one who asks for both in one handshake is none. */
	if (ecn_grants_accurate(tcp, tcb) && ace != 0 && accurate != (ecn->mode == ECN_ACCURATE)) {
		rule(tcp, tcb, ACCECN_SYN_CONFLICT);
		return false;
	}
	if (ecn->mode == ECN_ACCURATE ? ace != 0 : is_setup_syn(seg))
		return true;
	rule(tcp, tcb, ECN_WITHDRAWN);
	if (ecn->mode == ECN_ACCURATE)
		ecn->mute = true;       /* the mode stays */
	else
		ecn->mode = ECN_OFF;
	return true;
}

void ecn_syn_ack_again(struct tcb *tcb, const struct segment *seg)
{
	if (tcb->ecn.mode == ECN_ACCURATE && !tcb->passive && seg->syn && seg->has_ack &&
	    seq_eq(seg->seq, tcb->rcv.irs) && accurate_granted(seg))
		tcb->ecn.confirm = true;
}

bool ecn_retry(struct tcp *tcp, struct tcb *tcb, bool reset)
{
	if (tcb->state != TCP_SYN_SENT || tcb->ecn.mode != ECN_ASKED || tcp->config.ecn_fallback < 1u + reset)
		return false;
	if (tcb->ecn.accurate && !reset && tcb->retries < 2)
		return false;           /* RFC 9768 §3.1.4.1: once more as it was */
	tcb->ecn.mode = ECN_RETRIED;
	if (reset)
		rule(tcp, tcb, ECN_RETRY_RST);
	else
		rule(tcp, tcb, ECN_RETRY_SILENCE);
	return true;
}

/* ---- the receiver, §6.1.3 */

void ecn_text_arrived(struct work *w)
{
	struct tcb *tcb = w->tcb;
	struct ecn *ecn = &tcb->ecn;

	if (!ecn_on(ecn) || ecn->mode == ECN_ACCURATE)
		return;
	ecn->seen |= w->codepoint != ECN_NOT_ECT;
	if (w->seg.cwr) {
		/* The peer's window may be down to this very segment: it is not kept waiting. */
		tcb->want.ack_now = true;
		if (ecn->echo)
			rule(w->tcp, tcb, ECN_CWR_ARRIVED);
		ecn->echo = false;
	}
	if (w->codepoint == ECN_CE && !ecn->echo) {
		rule(w->tcp, tcb, ECN_MARKED);
		ecn->echo = true;
		tcb->want.ack_now = true;
	}
}

/* §6.1.5: whoever does not know the window could slow the peer down with it. */
void ecn_text_outside(struct work *w)
{
	if (ecn_on(&w->tcb->ecn) && w->codepoint == ECN_CE && w->seg.text_bytes > 0)
		rule(w->tcp, w->tcb, ECN_MARK_OUTSIDE);
}

/* ---- the sender, §6.1.2 */

void ecn_ack_begins(struct tcb *tcb, const struct heard *heard)
{
	struct ecn *ecn = &tcb->ecn;

	/* A loss at `recover` or behind it is of another window; an echo of what is before it is not. */
	if (tcb->cc.marked && seq_ge(tcb->snd.una, ecn->recover))
		tcb->cc.marked = false;
	if (ecn->reduced && seq_gt(tcb->snd.una, ecn->recover))
		ecn->reduced = ecn->answering = false;
	if (ecn->reduced && heard->marked)
		controller_keep(&tcb->cc);      /* RFC 4015 §3.4: what was cut for a loss stays cut */
}

/* cwnd was cut, for whatever reason, since this was asked last. */
static void cut_note(struct tcb *tcb)
{
	if (!tcb->cc.cut)
		return;
	tcb->cc.cut = false;
	tcb->ecn.cwr_due = tcb->ecn.mode == ECN_ON;     /* accurate ECN: the flag is a counter's */
	tcb->ecn.reduced = true;
	tcb->ecn.recover = tcb->snd.max;
}

/* New text waits for the retransmission timer, started over now. */
static void wait_begin(struct tcp *tcp, struct tcb *tcb)
{
	tcb->ecn.waiting = true;
	timer_arm(tcp, tcb, SLOT_RETRANSMISSION, tcp->now + tcb->rtt.rto_ns);
}

static void echo_arrived(struct tcp *tcp, struct tcb *tcb, const struct heard *heard)
{
	uint32_t mss = tcb->snd.mss, cwnd = tcb->cc.cwnd;

	if (tcb->ecn.reduced) {
		rule(tcp, tcb, ECN_ECHO_SAME_WINDOW);
		return;
	}
	if (cwnd <= mss) {
		rule(tcp, tcb, ECN_WAIT);
		wait_begin(tcp, tcb);
	}
	rule(tcp, tcb, ECN_REDUCED);
	tcb->ecn.reductions++;
	controller_marked(&tcb->cc, tcp->config.loss_from_cwnd ? cwnd : min_u32(heard->in_flight, cwnd), mss,
			  tcp->config.ecn_backoff != 0);
	tcb->episode.undoable = false;
	cut_note(tcb);
	tcb->ecn.answering = true;
}

void ecn_ack(struct work *w, const struct heard *heard)
{
	struct tcp *tcp = w->tcp;
	struct tcb *tcb = w->tcb;

	if (tcb->ecn.mode < ECN_ON)
		return;
	cut_note(tcb);
	if (heard->marked && heard->in_flight > 0)
		echo_arrived(tcp, tcb, heard);
	if (tcb->ecn.waiting && tcb->deadline[SLOT_RETRANSMISSION] == TIME_NEVER)
		wait_begin(tcp, tcb);   /* all is acknowledged, which disarms it */
}

void ecn_undone(struct ecn *ecn, struct seq una)
{
	ecn->recover = una;
}

bool ecn_wait_over(struct tcp *tcp, struct tcb *tcb)
{
	if (!tcb->ecn.waiting)
		return false;
	tcb->ecn.waiting = false;
	if (flight(tcb) > 0)
		return false;
	rule(tcp, tcb, ECN_WAIT_OVER);
	return true;
}

void ecn_flags_out(const struct tcb *tcb, struct segment *seg, bool pure)
{
	if (tcb->ecn.mode == ECN_ACCURATE)
		segment_ace_set(seg, accurate_ace(tcb, pure));
	else
		seg->ece = tcb->ecn.echo;
}

bool ecn_cwr_due(struct tcb *tcb)
{
	if (tcb->ecn.mode < ECN_ON)
		return false;
	cut_note(tcb);                  /* a timeout's */
	return tcb->ecn.mode == ECN_ON ? tcb->ecn.cwr_due : accurate_ace(tcb, false) & 2;
}

enum ecn_codepoint ecn_text_out(struct tcp *tcp, struct tcb *tcb, struct segment *seg)
{
	if (tcb->ecn.mode == ECN_ACCURATE)
		return accurate_text_out(tcp, tcb, seq_add(seg->seq, seg->text_bytes)) ? ECN_ECT0 : ECN_NOT_ECT;
	if (tcb->ecn.mode != ECN_ON)
		return ECN_NOT_ECT;
	if (ecn_cwr_due(tcb)) {
		rule(tcp, tcb, ECN_CWR_SENT);
		seg->cwr = true;
		tcb->ecn.cwr_due = false;
	}
	return ECN_ECT0;
}
