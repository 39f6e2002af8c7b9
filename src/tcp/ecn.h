/* SPDX-License-Identifier: MIT */
/*
 * Explicit congestion notification (RFC 3168): routers mark text instead of dropping it, the receiver echoes the mark,
 * the sender answers it as it would one loss.
 *
 * Theory of operation.  What both SYNs said is the mode.  As a receiver, a mark (CE) on text sets `echo`: ECE on
 * every ACK, until text with CWR says that it was heard (§6.1.3).  As a sender, the first ECE of a window cuts cwnd
 * (controller_marked); those up to `recover` tell of the same window (§6.1.2).  Any cut, of a loss too, is told to
 * the receiver by CWR on the next new text.  Who has no more to cut, at a window of one segment, lets the next one
 * wait for the retransmission timer.  Capable (ECT(0)) is new text alone: no SYN, no pure ACK, nothing sent again, no
 * probe (§6.1.1, 6.1.4 - 6.1.6).
 *
 * Where a connection ends up:
 *
 *	our SYNs            the peer's SYN or SYN-ACK    mode
 *	AE+ECE+CWR          010 to 110 of AE, CWR, ECE   ECN_ACCURATE: RFC 9768, see accurate.h
 *	… then none         the same                     the same, and our text is not capable
 *	ECE+CWR, or those   ECE (a SYN: ECE+CWR)         ECN_ON
 *	… then none         ECE                          ECN_HEEDED: marks are echoed, our text is not capable
 *	either              any other                    ECN_OFF
 *	none                any                          ECN_OFF
 */
#ifndef ELEVEN_TCP_ECN_H
#define ELEVEN_TCP_ECN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/seq.h"

/* The ECN field of IP (RFC 3168 §5), as it comes with a segment and goes with one. */
enum ecn_codepoint {
	ECN_NOT_ECT,
	ECN_ECT1,
	ECN_ECT0,
	ECN_CE,
};
#define ECN_FIELD 3u                    /* its bits in the TOS byte; the others are the DSCP */

enum ecn_mode {
	ECN_OFF,                        /* nothing is sent as capable, nothing echoed */
	ECN_ASKED,                      /* our SYN asks; no answer yet */
	ECN_RETRIED,                    /* it did, and after no good answer another one did not (§6.1.1.1) */
	ECN_HEEDED,                     /* the answer to the first came after all: marks are echoed, none asked for */
	ECN_ON,                         /* both ends do it */
	ECN_ACCURATE,                   /* both count (RFC 9768) */
};

struct ecn {
	uint8_t mode;                   /* enum ecn_mode */
	bool seen : 1;                  /* text came that was capable, or marked */
	bool echo : 1;                  /* ECE goes on every ACK */
	bool cwr_due : 1;               /* cwnd was cut: the next new text says so */
	bool reduced : 1;               /* what was sent before the cut is not all acknowledged: `recover` holds */
	bool answering : 1;             /* … and that was for a mark */
	bool waiting : 1;               /* marked at a window of one segment: new text waits for the timer */
	bool accurate : 1;              /* our SYN asks for ECN_ACCURATE */
	bool mute : 1;                  /* ECN_ACCURATE: our text is not sent as capable */
	bool deaf : 1;                  /* … and what the peer counts is not heeded: the path wipes it out */
	bool confirm : 1;               /* … the next ACK without text tells how the SYN-ACK came */
	bool coded : 1;                 /* … this segment tells how our SYN-ACK came, and no count */
	bool ace_seen : 1;              /* … a segment with a count has come */
	bool option_off : 1;            /* … no options are sent: no room, or they do not get through */
	uint8_t syn_codepoint : 2;      /* of the peer's SYN or SYN-ACK */
	uint8_t text_codepoint : 2;     /* of the last text */
	uint8_t ce_unacked : 3;         /* marked packets since the last segment sent */
	uint8_t ce_in, ce_out;          /* r.cep, and s.cep as the peer told last; modulo 256 */
	uint16_t reductions;            /* by marks, so far */
	struct seq recover;             /* SND.NXT at the cut */
};

struct tcp;
struct tcb;
struct work;
struct segment;
struct heard;

static inline bool ecn_on(const struct ecn *ecn)
{
	return ecn->mode >= ECN_HEEDED;
}

/* What this SYN asks for and may be granted, to the request `child` of the listener.  `codepoint`: of its packet. */
void ecn_request(struct tcp *tcp, struct tcb *listener, struct tcb *child, const struct segment *syn,
		 unsigned codepoint);
bool ecn_grants_accurate(const struct tcp *tcp, const struct tcb *tcb);
/* An active open begins. */
void ecn_open(const struct tcp *tcp, struct tcb *tcb);
/* Flags of our SYN or SYN-ACK. */
void ecn_syn_out(const struct tcb *tcb, struct segment *seg);
/* The peer's SYN or SYN-ACK in SYN-SENT, or its SYN-ACK after the SYNs have crossed. */
void ecn_syn_arrived(struct tcp *tcp, struct tcb *tcb, const struct segment *seg, unsigned codepoint);
/* The peer's SYN came again.  False: it asks for another ECN than the first, which is to be answered with RST. */
bool ecn_syn_again(struct tcp *tcp, struct tcb *tcb, const struct segment *seg);
/* A segment below the window: the SYN-ACK, which our ACK is to tell of once more (RFC 9768 §3.2.2.1)? */
void ecn_syn_ack_again(struct tcb *tcb, const struct segment *seg);
/* Our SYN that asks was not answered, or (`reset`) with RST: true, the next one goes without (§6.1.1.1). */
bool ecn_retry(struct tcp *tcp, struct tcb *tcb, bool reset);

/* Text in the window has arrived. */
void ecn_text_arrived(struct work *w);
/* Text that nothing is taken of. */
void ecn_text_outside(struct work *w);

/* Before an ACK is worked on: what of the past it ends. */
void ecn_ack_begins(struct tcb *tcb, const struct heard *heard);
/* After it: what its ECE, or the loss it told of, means. */
void ecn_ack(struct work *w, const struct heard *heard);
/* The cut for a loss was undone at this SND.UNA: the marks of what is beyond count. */
void ecn_undone(struct ecn *ecn, struct seq una);
/* The retransmission timer expired: true, only waiting text was behind it. */
bool ecn_wait_over(struct tcp *tcp, struct tcb *tcb);

/* The flags of a segment that is no SYN; `pure`: it has no text. */
void ecn_flags_out(const struct tcb *tcb, struct segment *seg, bool pure);
/* Is the next new text to carry CWR, and so to be one segment alone?  (Who cuts clears CWR behind the first.) */
bool ecn_cwr_due(struct tcb *tcb);
/* New text goes, never sent before: sets its flag, answers its codepoint. */
enum ecn_codepoint ecn_text_out(struct tcp *tcp, struct tcb *tcb, struct segment *seg);

#endif
