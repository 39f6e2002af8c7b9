/* SPDX-License-Identifier: MIT */
/*
 * TCP Fast Open (RFC 7413): text in the SYN, for a cookie that an earlier connection was given.
 *
 * Theory of operation.  A client that asks for it (ELEVEN_OPTION_FAST_OPEN_CONNECT) sends an empty
 * option and keeps the cookie of the SYN-ACK, with the server's MSS, in a small cache.  From then on
 * its SYN waits for the first SEND and takes that text along.  A SYN that is sent again is a plain one,
 * and a path on which SYNs with text are lost is left alone for a time that doubles (§4.1.3.1).
 *
 * A listener that has a limit (ELEVEN_OPTION_FAST_OPEN) answers the empty option with a cookie: a MAC of
 * the two addresses, under a key that may be changed while the one before still holds.  A SYN with the
 * right cookie makes a TCB in SYN-RECEIVED at once: its text can be received, and text sent, before the
 * third ACK.  Not more of those at one time than the limit; any that is reset is counted for a while, since who
 * forges addresses makes their owners send resets (§5.1).
 *
 * Off unless the program asks: text of a SYN may come twice, which not every program can bear (§6.1).
 */
#ifndef ELEVEN_TCP_FASTOPEN_H
#define ELEVEN_TCP_FASTOPEN_H

#include "tcp/tcb.h"

/* Bits of the config's fast_open, as Linux's tcp_fastopen numbers them. */
#define FAST_OPEN_CLIENT        0x001u
#define FAST_OPEN_SERVER        0x002u
#define FAST_OPEN_CLIENT_BARE   0x004u  /* text without a cookie */
#define FAST_OPEN_SERVER_BARE   0x200u  /* and its acceptance */
#define FAST_OPEN_ALL_LISTENERS 0x400u  /* also those that did not ask, with their backlog for a limit */

/* ---- client */

/* OPEN: does our SYN wait for text to take along?  Then snd.mss is what is known of the peer's. */
bool fast_open_waits(struct tcp *tcp, struct tcb *tcb);
/* Text is there: the SYN need not wait any more. */
void fast_open_text(struct tcp *tcp, struct tcb *tcb);
/* Adds option and text to the first SYN. */
void fast_open_syn(struct tcp *tcp, struct tcb *tcb, struct segment *seg);
/* What the SYN-ACK tells: a cookie, and how much of the text was taken, which leaves the send ring. */
void fast_open_answered(struct tcp *tcp, struct tcb *tcb, const struct segment *seg);

/* ---- server */

/* A cookie under the newest key. */
void fast_open_cookie(const struct tcp *tcp, const struct tuple *tuple, struct tcp_options *out);
/*
 * A SYN to a listener; `tcb` is what LISTEN made of it.  The TCB in its place in the accept queue, with the SYN's
 * text; NULL: it goes the ordinary way, perhaps with a cookie in the answer.
 */
struct tcb *fast_open_accept(struct tcp *tcp, struct tcb *listener, struct tcb *tcb, const struct segment *seg);
/* It left SYN-RECEIVED: it does not count at its listener any more; unless by a reset. */
void fast_open_settled(struct tcp *tcp, struct tcb *tcb);

#endif
