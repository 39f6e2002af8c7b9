/* SPDX-License-Identifier: MIT */
/*
 * The small records: a passive open that waits for its third ACK, and TIME-WAIT without a
 * program.  Unfolded they are an ordinary TCB on the side (its kind tells which), so that
 * the steps need not know of them.
 */
#ifndef ELEVEN_TCP_RECORD_H
#define ELEVEN_TCP_RECORD_H

#include "tcp/connection.h"

/* Folds a TCB that LISTEN has set up; counts it at the listener. False: no room. */
bool syn_received_fold(struct tcp *tcp, const struct tcb *tcb, struct tcb *listener);
void syn_received_unfold(struct tcp *tcp, const struct syn_received *record, struct tcb *tcb);
/* What a segment changed in an unfolded one that stays in SYN-RECEIVED. */
void syn_received_refold(struct syn_received *record, const struct tcb *tcb);
/* Text and FIN that came with the SYN, kept until the third ACK; `unfolded` is what was folded. */
void syn_received_keep_text(struct tcp *tcp, const struct tcb *unfolded, const struct segment *seg);
void syn_received_remove(struct tcp *tcp, struct syn_received *record);
void syn_received_timeout(struct tcp *tcp, struct syn_received *record);
/* Its listener, NULL when that is gone. */
struct tcb *syn_received_listener(const struct tcp *tcp, const struct syn_received *record);
/* A TCB in place of the record (NULL: of a cookie): inserted, inheriting from its listener. NULL: no room. */
struct tcb *syn_received_promote(struct tcp *tcp, struct syn_received *record, struct tcb *unfolded);
/* What a connection has from its listener. */
void listener_inherit(const struct tcp *tcp, struct tcb *tcb, const struct tcb *listener);

/* A TCB in TIME-WAIT that nobody holds becomes a record, and is destroyed. */
void time_wait_fold(struct tcp *tcp, struct tcb *tcb);
/* The four names of a record. */
void time_wait_tuple(const struct tcp *tcp, const struct time_wait *record, struct tuple *tuple);
void time_wait_unfold(struct tcp *tcp, const struct time_wait *record, struct tcb *tcb);
void time_wait_refold(struct tcp *tcp, struct time_wait *record, const struct tcb *tcb);
void time_wait_remove(struct tcp *tcp, struct time_wait *record);
void time_wait_timeout(struct tcp *tcp, struct time_wait *record);

#endif
