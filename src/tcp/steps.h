/* SPDX-License-Identifier: MIT */
/* SEGMENT ARRIVES, otherwise (§3.10.7.4): the eight steps, in the RFC's order. */
#ifndef ELEVEN_TCP_STEPS_H
#define ELEVEN_TCP_STEPS_H

#include "tcp/connection.h"
#include "tcp/record.h"

/*
 * What arrived and for whom.  A step may put a TCB in place of the unfolded record (Fifth),
 * and may cut from the segment what lies outside the window.
 */
struct work {
	struct tcp *tcp;
	struct tcb *tcb;
	struct syn_received *record;    /* what tcb is unfolded from, or NULL */
	struct segment seg;
	uint32_t window;                /* SEG.WND in bytes: scaled, but for a SYN's (RFC 7323 §2.2) */
	struct seq seq;                 /* SEG.SEQ, before anything was cut off */
	bool had_text;                  /* and whether there was text */
	bool acceptable;                /* by First */
	uint8_t codepoint;              /* enum ecn_codepoint */
	uint16_t segment_bytes;         /* text of each of the segments joined in it; 0: single */
};

/* All steps, as far as they go on.  The TCB may be gone afterwards. */
void steps_run(struct work *w);

/* text.c: after them, or for the SYN-ACK of an active open.  False: the TCB is gone. */
bool sixth_check_urg(struct work *w);
bool seventh_process_text(struct work *w);
bool eighth_check_fin(struct work *w);

/* Text and FIN on a SYN, which wait for ESTABLISHED (§3.10.7.2 Third, §3.10.7.3 Fourth); and when that is reached. */
void text_keep_early(struct tcp *tcp, struct tcb *tcb, const struct segment *seg);
void text_early_due(struct work *w);
/* Of [left, right) what was here before is reported with the next ACK (RFC 2883). */
void text_duplicate(const struct tcp *tcp, struct tcb *tcb, struct seq left, struct seq right);
/* steps.c: what lies outside the window is cut off. */
void segment_trim(const struct tcp *tcp, struct tcb *tcb, struct segment *seg);

/* ack.c: Fifth in the synchronized states.  False: drop the segment. */
bool ack_process(struct work *w);
/* The SYN is acknowledged: what begins with ESTABLISHED. */
void connection_established(struct tcp *tcp, struct tcb *tcb);

#endif
