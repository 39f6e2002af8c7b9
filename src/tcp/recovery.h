/* SPDX-License-Identifier: MIT */
/*
 * Loss recovery of a connection: where the modules meet the TCB - scoreboard (what is in flight), detector (what of
 * it is lost), episode (is something being repaired), controller (how much), pacer (when).
 *
 * With SACK negotiated every segment of text and the FIN has its record, detection is RACK-TLP, and recovery is
 * PRR's.  Without, or while the connection is `blind` (scoreboard.h), duplicate ACKs are counted, what is sent again
 * is RFC 6582's, how much goes PRR's too, and a timeout goes back to SND.UNA.
 */
#ifndef ELEVEN_TCP_RECOVERY_H
#define ELEVEN_TCP_RECOVERY_H

#include "tcp/steps.h"

/* Does the scoreboard hold what is in flight? */
static inline bool recovery_sacks(const struct tcb *tcb)
{
	return tcb->sack && !tcb->sb.blind;
}

/* Bytes on their way, as far as is known. */
static inline uint32_t pipe_bytes(const struct tcb *tcb)
{
	uint32_t all = flight(tcb), gone = tcb->episode.renos ? tcb->episode.credit_bytes : 0;

	if (recovery_sacks(tcb))
		return scoreboard_pipe(&tcb->sb, all);
	if (tcb->episode.renos && tcb->want.retransmit)
		gone += tcb->snd.mss;   /* lost, and not sent again yet */
	return all > gone ? all - gone : 0;
}

static inline struct pace pace_of(const struct tcp *tcp, const struct tcb *tcb)
{
	return (struct pace){ tcp->config.pacing ? tcb->rtt.srtt_ns : 0, tcp->clock_step, tcb->cc.cwnd, tcb->snd.mss,
			      controller_slow_start(&tcb->cc) };
}

/* ESTABLISHED: the windows begin. */
void recovery_begin(struct tcp *tcp, struct tcb *tcb);
/* All records are given back: the connection ends. */
void recovery_end(struct tcp *tcp, struct tcb *tcb);

/* What one ACK means to what is in flight. */
struct heard {
	uint32_t in_flight, sacked;     /* SND.NXT - SND.UNA and what was sacked of it, before the ACK */
	uint32_t acked;                 /* numbers by which SND.UNA moved, 0: it did not */
	bool duplicate;                 /* RFC 5681 §2 */
	bool marked;                    /* a router marked what it answers: ECE (RFC 3168), or … */
	uint32_t marks;                 /* … so many packets of it (RFC 9768), … */
	uint32_t ce_bytes;              /* … and so many bytes; UINT32_MAX: not told */
};
/* After SND.UNA moved, if it did. */
void recovery_ack(struct work *w, const struct heard *heard);

/* A segment that takes numbers has gone: [seq, end), in segments of `segment` bytes. */
void recovery_sent(struct tcp *tcp, struct tcb *tcb, struct seq seq, struct seq end, uint32_t segment, bool again);

/* Timeouts; see timer.c for the slots. */
void recovery_timeout(struct tcp *tcp, struct tcb *tcb);                /* RETRANSMISSION, and the text may go */
void recovery_loss_timeout(struct tcp *tcp, struct tcb *tcb);           /* LOSS */
/* What is in flight was too large for the path: all of it again. */
void recovery_resend(struct tcp *tcp, struct tcb *tcb);

/* The next text that is to be sent again, by scoreboard; false: none. */
bool recovery_lost(struct tcp *tcp, struct tcb *tcb, struct seq *seq, struct seq *end);
/* The segment of old text to probe the tail with; false: none. */
bool recovery_tail(struct tcp *tcp, struct tcb *tcb, struct seq *seq, struct seq *end);

#endif
