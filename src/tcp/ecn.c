/* SPDX-License-Identifier: MIT */
/* RFC 3168; see ecn.h. */
#include "tcp/ecn.h"

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

bool ecn_request_granted(struct tcp *tcp, struct tcb *tcb, const struct segment *syn, unsigned codepoint)
{
	if (!is_setup_syn(syn) || !tcp->config.ecn)
		return false;
	/* Linux: who marks a SYN without being new enough to may be one whose every TOS byte is like that. */
	if (tcp->config.ecn_marked_syn_refused && codepoint != ECN_NOT_ECT && !syn->ae) {
		rule(tcp, tcb, ECN_SYN_MARKED);
		return false;
	}
	rule(tcp, tcb, ECN_GRANTED);
	return true;
}

void ecn_open(const struct tcp *tcp, struct tcb *tcb)
{
	tcb->ecn = (struct ecn){ .mode = tcp->config.ecn == 1 ? ECN_ASKED : ECN_OFF };
}

void ecn_syn_out(const struct tcb *tcb, struct segment *seg)
{
	if (tcb->state == TCP_SYN_SENT)
		seg->ece = seg->cwr = tcb->ecn.mode == ECN_ASKED;
	else
		seg->ece = tcb->ecn.mode == ECN_ON;
}

void ecn_syn_arrived(struct tcp *tcp, struct tcb *tcb, const struct segment *seg)
{
	struct ecn *ecn = &tcb->ecn;
	bool setup = seg->has_ack ? is_setup_syn_ack(seg) : is_setup_syn(seg);

	if (ecn->mode == ECN_OFF)
		return;
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

void ecn_syn_again(struct tcp *tcp, struct tcb *tcb, const struct segment *seg)
{
	if (tcb->ecn.mode == ECN_OFF || is_setup_syn(seg))
		return;
	rule(tcp, tcb, ECN_WITHDRAWN);
	tcb->ecn.mode = ECN_OFF;
}

bool ecn_retry(struct tcp *tcp, struct tcb *tcb, bool reset)
{
	if (tcb->state != TCP_SYN_SENT || tcb->ecn.mode != ECN_ASKED || tcp->config.ecn_fallback < 1u + reset)
		return false;
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

	if (!ecn_on(ecn))
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
	tcb->ecn.cwr_due = tcb->ecn.reduced = true;
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

	if (tcb->ecn.mode != ECN_ON)
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

bool ecn_cwr_due(struct tcb *tcb)
{
	if (tcb->ecn.mode != ECN_ON)
		return false;
	cut_note(tcb);                  /* a timeout's */
	return tcb->ecn.cwr_due;
}

enum ecn_codepoint ecn_text_out(struct tcp *tcp, struct tcb *tcb, struct segment *seg)
{
	if (tcb->ecn.mode != ECN_ON)
		return ECN_NOT_ECT;
	if (ecn_cwr_due(tcb)) {
		rule(tcp, tcb, ECN_CWR_SENT);
		seg->cwr = true;
		tcb->ecn.cwr_due = false;
	}
	return ECN_ECT0;
}
