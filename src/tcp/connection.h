/* SPDX-License-Identifier: MIT */
/*
 * A connection's existence: its TCB from the pool, its place in the tables and lists, its
 * state.  state.c holds the one function that assigns a state.
 */
#ifndef ELEVEN_TCP_CONNECTION_H
#define ELEVEN_TCP_CONNECTION_H

#include "tcp/tcb.h"
#include "tcp/tracing.h"

/* A TCB in CLOSED with defaults, or NULL when there is none left. */
struct tcb *tcb_create(struct tcp *tcp);
/* Gives back everything it holds. Its handle is stale from now on. */
void tcb_destroy(struct tcp *tcp, struct tcb *tcb);
/* Fields that every TCB starts with, also one that is unfolded from a record. */
void tcb_defaults(struct tcp *tcp, struct tcb *tcb);
/* The TCB that a program's handle names; NULL when it is stale. */
struct tcb *tcb_of(const struct tcp *tcp, eleven_handle handle);

uint32_t tuple_hash(const struct tcp *tcp, const struct tuple *tuple);
/* The reference of what has this 4-tuple, 0 when nothing has. */
uint32_t connection_find(const struct tcp *tcp, const struct tuple *tuple);
/* Puts a TCB into the table; false: the table is full. */
bool connection_insert(struct tcp *tcp, struct tcb *tcb);
void connection_remove(struct tcp *tcp, struct tcb *tcb);

/* The one function that assigns the state; the move must be one of Figure 5 and its notes. */
void tcb_set_state(struct tcp *tcp, struct tcb *tcb, enum tcp_state state, enum rule rule);
bool state_move_legal(enum tcp_state from, enum tcp_state to);
/*
 * The connection is over: CLOSED, timers disarmed, out of the table.  `error` (0: in good
 * order) is told to the program that holds it; one that nobody holds is destroyed: the TCB
 * must not be touched afterwards.
 */
void tcb_closed(struct tcp *tcp, struct tcb *tcb, enum rule rule, int error);

/* Something may be there to send. */
void tcb_ready(struct tcp *tcp, struct tcb *tcb);
void tcb_signal(struct tcp *tcp, struct tcb *tcb, uint32_t signals);

/* The one whose turn it is, NULL when none is ready; then it leaves the list, or waits for its next hop. */
struct tcb *ready_first(struct tcp *tcp);
void ready_take(struct tcp *tcp);
void ready_park(struct tcp *tcp);
void ready_unpark(struct tcp *tcp);

/* The listener's accept queue. */
void queue_append(struct tcp *tcp, struct tcb *listener, struct tcb *child);
struct tcb *queue_take(struct tcp *tcp, struct tcb *listener);
void queue_remove(struct tcp *tcp, struct tcb *child);

/* The ranges behind a gap; NULL when there is no gap. */
struct ranges *reassembly_of(const struct tcp *tcp, const struct tcb *tcb);
void reassembly_release(struct tcp *tcp, struct tcb *tcb);

/* The connection's struct cold, which it may have already; NULL: there is none left. */
struct cold *cold_take(struct tcp *tcp, struct tcb *tcb);
void cold_release(struct tcp *tcp, struct tcb *tcb);

/* error.c: a path MTU that was told too long ago is forgotten. */
void path_mtu_age(struct tcp *tcp, struct tcb *tcb);

#endif
