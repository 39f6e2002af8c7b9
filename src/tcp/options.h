/* SPDX-License-Identifier: MIT */
/* TCP options of a connection: offering and accepting them, timestamps, sizes (§3.7.1, RFC 7323). */
#ifndef ELEVEN_TCP_OPTIONS_H
#define ELEVEN_TCP_OPTIONS_H

#include "tcp/tcb.h"

/* MUST-15: when the peer's SYN names none: the least MTU of IPv4 hosts, or of IPv6 links, less the headers. */
static inline uint16_t mss_default(const struct tuple *tuple)
{
	return tuple_is_v6(tuple) ? 1280 - 60 : 576 - 40;
}

/* What our SYN or SYN-ACK offers. */
void options_of_syn(const struct tcp *tcp, const struct tcb *tcb, struct tcp_options *out);
/* What every other segment carries; with_sack: the ranges held behind a gap. */
void options_of_segment(struct tcp *tcp, const struct tcb *tcb, struct tcp_options *out, bool with_sack);
/* The peer's SYN: what both offer is on. */
void options_negotiate(struct tcp *tcp, struct tcb *tcb, const struct tcp_options *syn);
/* snd.mss from the peer's MSS, the path, and the options that go along (§3.7.1). */
void options_mss_update(struct tcp *tcp, struct tcb *tcb);
/* Is there anything that SACK blocks would tell now? */
static inline bool options_sack_due(const struct tcb *tcb)
{
	return tcb->sack && (tcb->reassembly != NONE || !seq_eq(tcb->rcv.dup_left, tcb->rcv.dup_right));
}

uint32_t options_mss_with_extras(const struct tcp *tcp, const struct tcb *tcb);

/*
 * Of that, what the options leave for text that go with a segment sent now: SACK blocks and counters come and go
 * (RFC 6691 §2).
 */
static inline uint32_t options_mss_now(const struct tcp *tcp, const struct tcb *tcb)
{
	return options_sack_due(tcb) || tcb->ecn.mode == ECN_ACCURATE ? options_mss_with_extras(tcp, tcb) :
									tcb->snd.mss;
}

/* Our MSS option: what the interface can take (MUST-67). */
/* Of the interface, for the connection's family. */
uint32_t options_interface_mtu(const struct tcp *tcp, const struct tcb *tcb);
uint16_t options_mss_offer(const struct tcp *tcp, const struct tcb *tcb);
/* The shift with which all of the receive buffer can be offered (RFC 7323 §2.3). */
uint8_t options_wscale_offer(const struct tcb *tcb);

uint32_t timestamp_now(const struct tcp *tcp, const struct tcb *tcb);
/* What it was then. */
uint32_t timestamp_at(const struct tcb *tcb, uint64_t then);
/* RFC 7323 §5.4: a start that an outsider cannot guess, the same for a 4-tuple. */
uint32_t timestamp_offset(const struct tcp *tcp, const struct tuple *tuple);
/* Is what the segment echoes between our first SYN's timestamp and now? Without an echo nothing speaks against it. */
bool options_echo_plausible(const struct tcp *tcp, const struct tcb *tcb, const struct segment *seg);
/* RFC 6528 §3. */
struct seq iss_choose(const struct tcp *tcp, const struct tuple *tuple);
/* ISS and timestamp offset of a connection that begins. */
void numbers_choose(const struct tcp *tcp, struct tcb *tcb);
/* The same for a connection in the place of one in TIME-WAIT: beyond its last number (RFC 6191 §2). */
struct seq iss_after(const struct tcp *tcp, const struct tcb *before);

#endif
