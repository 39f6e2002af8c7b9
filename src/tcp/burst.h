/* SPDX-License-Identifier: MIT */
/*
 * PSH where Linux puts it besides at the end of a SEND: on the last of several full segments that it hands to its
 * link as one (§3.9.1.2 leaves that to the sender).  How many those are follows Linux: what is sent in a
 * millisecond at twice the rate of the window (1.2 times out of slow start), more on a short path, at least
 * two; never more than half of cwnd.
 */
#ifndef ELEVEN_TCP_BURST_H
#define ELEVEN_TCP_BURST_H

#include "tcp/tcb.h"

/* The text [seq, seq + bytes) goes for the first time, and `more` bytes behind it may go at once: is it the last? */
bool burst_ends(const struct tcp *tcp, struct tcb *tcb, struct seq seq, uint32_t bytes, uint32_t more);
/* The same of [seq, end), which goes again, of what was sent as one up to `whole`; cwnd has room for `room` bytes. */
bool burst_again_ends(const struct tcp *tcp, struct tcb *tcb, struct seq seq, struct seq end, struct seq whole,
		      uint32_t room);

#endif
