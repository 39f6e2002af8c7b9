/* SPDX-License-Identifier: MIT */
/* Emission: the only place that makes segments, from what TCBs want and from answers (replies). */
#ifndef ELEVEN_TCP_OUTPUT_H
#define ELEVEN_TCP_OUTPUT_H

#include "tcp/tcb.h"

/* What an unfolded record wants (SYN-ACK, ACK) becomes an answer. */
void output_unfolded(struct tcp *tcp, struct tcb *tcb);
/* RST of a connection that is being aborted: <SEQ=SND.NXT><CTL=RST,ACK>. */
void output_reset(struct tcp *tcp, const struct tcb *tcb);
/* RST in answer to a segment for no connection, or with an ACK of what was never sent (§3.10.7.1). */
void output_reset_answer(struct tcp *tcp, const struct arrival *arrival, const struct segment *seg);
/* <SEQ=SEG.ACK><CTL=RST> of a connection, for an unacceptable ACK. */
void output_reset_at(struct tcp *tcp, const struct tcb *tcb, struct seq seq);
/* A challenge ACK, within the limits of RFC 5961 §7; counts why when it does not go. */
void output_challenge(struct tcp *tcp, struct tcb *tcb);

/* send.c: the next segment of text (and FIN) that may go now. */
struct chunk {
	struct seq seq;
	uint32_t text_bytes;
	bool fin, push;
	bool again;                     /* sent before */
	bool probe;                     /* of the window: the send variables stay */
};
bool send_next(struct tcp *tcp, struct tcb *tcb, struct chunk *chunk);
/* Most text the program may have waiting. */
uint32_t send_limit(const struct tcb *tcb);

#endif
