/* SPDX-License-Identifier: MIT */
/*
 * SYN cookies (RFC 4987 §3.6): when there is no room for another request in SYN-RECEIVED, what would have to be kept
 * is put into the ISS of the SYN-ACK, and comes back with the third ACK.  A flood of SYNs so takes no memory and
 * shuts nobody out.  What it costs: the SYN-ACK is not sent again; without timestamps there is neither scaling, SACK
 * nor ECN; and a third ACK that comes again after its connection's end, because our RST was lost, makes another one.
 */
#ifndef ELEVEN_TCP_COOKIE_H
#define ELEVEN_TCP_COOKIE_H

#include "tcp/tcb.h"

/* Gives an unfolded TCB in LISTEN the cookie for its ISS. */
void cookie_bake(struct tcp *tcp, struct tcb *tcb);
/* Is this ACK of a cookie of ours?  `syn`: what the SYN had offered; `ecn`: whether ECN was granted. */
bool cookie_taste(const struct tcp *tcp, const struct tuple *tuple, const struct segment *seg, struct tcp_options *syn,
		  bool *ecn);
/*
 * It is not, but might be a later segment of a peer whose first one is still under way: that alone tells the peer's
 * initial number.  A RST would end what it is about to open.  It may be bare: a SYN-ACK that comes twice is answered
 * with an ACK from behind the text.
 */
bool cookie_behind_gap(const struct tcp *tcp, const struct segment *seg);

#endif
