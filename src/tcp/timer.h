/* SPDX-License-Identifier: MIT */
/* Timers of connections: the slots are listed, with when each is armed and what it does, in timer.c. */
#ifndef ELEVEN_TCP_TIMER_H
#define ELEVEN_TCP_TIMER_H

#include "tcp/tcb.h"

void timer_arm(struct tcp *tcp, struct tcb *tcb, enum slot slot, uint64_t deadline);
static inline void timer_disarm(struct tcb *tcb, enum slot slot)
{
	tcb->deadline[slot] = TIME_NEVER;       /* the wheel's entry, if it was for this, fires in vain */
}
void timer_disarm_all(struct tcp *tcp, struct tcb *tcb);

/* What happened, for the timers to act on. */
void timer_state_entered(struct tcp *tcp, struct tcb *tcb);
void timer_sent(struct tcp *tcp, struct tcb *tcb);              /* something that must be acknowledged went out */
void timer_sent_again(struct tcp *tcp, struct tcb *tcb);        /* the oldest segment went again */
void timer_acked(struct tcp *tcp, struct tcb *tcb);             /* SND.UNA moved */
void timer_reneged(struct tcp *tcp, struct tcb *tcb);           /* … and stopped before what was sacked */
void timer_keepalive_start(struct tcp *tcp, struct tcb *tcb);
void timer_orphaned(struct tcp *tcp, struct tcb *tcb);          /* the program gave up the handle */
void timer_time_wait(struct tcp *tcp, struct tcb *tcb);         /* 2 MSL start over */
/* After an ACK: wait_ns until something reordered counts as lost, 0: nothing does; else the probe of the tail. */
void timer_loss(struct tcp *tcp, struct tcb *tcb, uint64_t wait_ns);
void timer_loss_probe(struct tcp *tcp, struct tcb *tcb, uint32_t flight_bytes); /* new text went: anew */
void timer_probed(struct tcp *tcp, struct tcb *tcb);            /* it is about to go: the RTO starts over */
/* Nothing may be sent and nothing is in flight although text waits: probe the window (§3.8.6.1). */
void timer_persist(struct tcp *tcp, struct tcb *tcb);

/* Which timer comes next, for status. */
enum eleven_timer timer_next(const struct tcb *tcb, uint64_t *deadline);

#endif
