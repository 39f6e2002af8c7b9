/* SPDX-License-Identifier: MIT */
/*
 * Accurate ECN (RFC 9768): the receiver counts marked packets, and bytes by codepoint, and tells the counts on every
 * segment: the packets modulo 8 in AE, CWR and ECE (the ACE field), the bytes in an option.  No echo, no CWR.
 *
 * Theory of operation.  Negotiation is ecn.c's; both ends then are in ECN_ACCURATE for good (§3.1.4.2).
 *
 *	our SYN    AE+CWR+ECE, also sent again once; from the second time on without (§3.1.4.1)
 *	SYN-ACK    how the SYN came: 010 not capable, 011 ECT(1), 100 ECT(0), 110 CE; without option when it is sent
 *	           again, and with 000 from the second time on
 *	its ACK    how the SYN-ACK came, in the same code, on an ACK of its own before any text (§3.2.2.1)
 *	after it   r.cep modulo 8; r.cep begins at 5, so that nothing looks like ECN of RFC 3168
 *
 * The counters of bytes are in a pool (struct cold), of which there may be none left: then there are no options, in
 * either way, and the ACE field alone tells.  What the peer counts is believed until it contradicts itself or the
 * handshake: then our text is sent as not capable (`mute`), while its marks are counted and told as ever (§3.2.2.3).
 */
#ifndef ELEVEN_TCP_ACCURATE_H
#define ELEVEN_TCP_ACCURATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/seq.h"

#define ACCURATE_CEP_START 5u           /* §3.2.1 */
#define ACCURATE_WRAP      8u           /* of the ACE field */

struct tcp;
struct tcb;
struct work;
struct segment;
struct heard;
struct tcp_options;

struct accurate {                       /* the bytes; by codepoint - 1: ECT(1), ECT(0), CE */
	uint32_t in[3];                 /* r.e1b, r.e0b, r.ceb */
	uint32_t out[3];                /* s.…, as the peer told last */
	struct seq capable;             /* behind the first of our text that was capable, if has_capable */
	bool has_capable;
	bool told;                      /* its options come at all */
	uint8_t seen;                   /* bits 1 << (codepoint - 1): that ever came */
	uint8_t changed;                /* segments that are to tell the counters, for they have moved */
	uint64_t option_at;             /* when they were told last */
};

/* ---- the handshake */

/* Does this SYN ask for it, or this SYN-ACK grant it? */
bool accurate_asked(const struct segment *syn);
bool accurate_granted(const struct segment *syn_ack);
/* The SYN or SYN-ACK that agrees has come, in a packet of this codepoint, to a connection that may not be capable. */
void accurate_agreed(struct tcp *tcp, struct tcb *tcb, const struct segment *seg, unsigned codepoint, bool mute);
/* What a SYN-ACK says of the SYN that came. */
unsigned accurate_code(unsigned codepoint);
/* The third ACK, or what is in its place. */
void accurate_third_ack(struct work *w);

/* ---- the receiver */

/* A segment that belongs to the connection. */
void accurate_arrived(struct work *w);
/* How many counters the option of a segment that goes now is to have; 0: none. */
unsigned accurate_option_due(const struct tcp *tcp, const struct tcb *tcb);
/* Fills it in. */
void accurate_option(const struct tcp *tcp, const struct tcb *tcb, struct tcp_options *out, unsigned count);
/* A segment that is no SYN goes. */
void accurate_sent(struct tcp *tcp, struct tcb *tcb, const struct segment *seg);
/* The ACE field of a segment that is no SYN; `pure`: without text, so that it may tell of the SYN-ACK. */
unsigned accurate_ace(const struct tcb *tcb, bool pure);

/* ---- the sender */

/* Before an ACK is worked on: how many packets does it say were marked? */
void accurate_feedback(struct work *w, struct heard *heard);
/* New text goes: is it capable? */
bool accurate_text_out(const struct tcp *tcp, struct tcb *tcb, struct seq end);

#endif
