/* SPDX-License-Identifier: MIT */
/* The receive window: how much is offered, when it grows, when its growth is told (§3.8.6). */
#ifndef ELEVEN_TCP_WINDOW_H
#define ELEVEN_TCP_WINDOW_H

#include "tcp/tcb.h"

/* The first window, offered on the SYN or SYN-ACK: unscaled. */
void window_start(const struct tcp *tcp, struct tcb *tcb);
/* The handshake is done: the window may grow from here on. */
void window_established(struct tcb *tcb);
/* Moves rcv.edge as far as there is room (never left, §3.8.6.2.2); returns SEG.WND. */
uint16_t window_offer(struct tcb *tcb, bool on_syn);
/* The program received: if it keeps up, more may be offered. */
void window_read(const struct tcp *tcp, struct tcb *tcb);
/* It received: is the window so much larger than the peer knows that it should be told? */
bool window_update_due(const struct tcb *tcb);

#endif
