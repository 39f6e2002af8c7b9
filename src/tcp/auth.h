/* SPDX-License-Identifier: MIT */
/*
 * Signed segments: TCP-MD5 (RFC 2385) and TCP-AO (RFC 5925).
 *
 * Theory of operation.  Keys are given to a TCB by the program: a connection's for its peer, a listener's for whoever
 * connects.  A TCB with keys has a struct auth, from a pool as its keys are, so that one without pays nothing but the
 * test of an index.  A child gets a copy of those of its listener's keys that are for its peer; until then its record,
 * unfolded, refers to the listener's.  TIME-WAIT with keys stays a TCB, because a record has no place for them.
 *
 * auth_accepts() comes before all else that is done with a segment; auth_sign() is the last that is done to one.  A
 * peer for whom there is a key is never talked to without: what is not signed, or not rightly, is dropped in silence.
 *
 * TCP-AO: the SYN of an active open is signed with the key that the program chose, or the first for the peer; the
 * answer with the key that the SYN asks for (RNextKeyID).  Whatever a valid segment asks for later becomes the key we
 * send with, if we have it: so keys are rolled over without a segment lost (RFC 5925 §7.5.1, §7.5.2).
 */
#ifndef ELEVEN_TCP_AUTH_H
#define ELEVEN_TCP_AUTH_H

#include "tcp/signature.h"
#include "tcp/tcb.h"

struct auth_key {
	uint32_t link;                  /* of the pool while free, then of the TCB's keys; NONE: the last */
	uint64_t good, bad;
	struct eleven_key key;          /* mac_bytes is never 0 */
	bool derived;                   /* the two below are this connection's */
	uint8_t send[TRAFFIC_KEY_MAX], receive[TRAFFIC_KEY_MAX];        /* traffic keys but of SYNs */
};

struct auth {                           /* of one TCB */
	uint32_t link;
	uint32_t keys;                  /* the first of its keys; NONE */
	uint32_t current, next;         /* TCP-AO: the key it sends with, the key it asks for; NONE */
	bool ao;                        /* has or had keys of TCP-AO */
	bool required, icmp_heeded;
	bool numbered;                  /* the two below are this connection's */
	uint64_t sent, received;        /* SND.UNA and RCV.NXT, extended (RFC 5925 §6.2) */
	uint64_t good, bad, key_unknown, unsigned_segments, icmp_ignored;
};

/* May the segment go on?  `tcb`: the connection, an unfolded record, or a listener; else a rule says why not. */
bool auth_accepts(struct tcp *tcp, struct tcb *tcb, const struct arrival *arrival, const struct segment *seg);
/* The same of one for nobody. */
bool auth_accepts_stray(struct tcp *tcp, const struct segment *seg);

/* Of segments to this peer: kind and length for the options (0: none), and what they take of the segment. */
uint8_t auth_option(const struct tcp *tcp, const struct tcb *tcb, uint8_t *bytes);
unsigned auth_option_room(const struct tcp *tcp, const struct tcb *tcb);
/* Does the signature leave no room for SACK blocks beside timestamps? */
bool auth_crowds(const struct tcp *tcp, const struct tcb *tcb);

/* Fills in the signature for which the header has a place; tcp_out is complete. */
void auth_sign(struct tcp *tcp, const struct tcb *tcb, struct tcp_out *out);

/* Is the ICMP error to be ignored (RFC 5925 §7.8)? */
bool auth_ignores(struct tcp *tcp, struct tcb *tcb, const struct tcp_error *error);

/* ---- auth_key.c: whose keys */

struct auth *auth_of(const struct tcp *tcp, const struct tcb *tcb);
struct auth_key *auth_key_at(const struct tcp *tcp, uint32_t index);
/* The key of MD5 for the peer, with the longest prefix; NULL. */
struct auth_key *auth_md5(const struct tcp *tcp, const struct auth *auth, const struct address *peer);
/* The key of TCP-AO for the peer with this id of what is sent, or comes; -1: any.  NULL. */
struct auth_key *auth_ao(const struct tcp *tcp, const struct auth *auth, const struct address *peer, int send_id,
			 int receive_id);

/* A request's, of its listener: tcb->auth refers to those, if any is for its peer, or one is required. */
void auth_refer(const struct tcp *tcp, struct tcb *tcb, const struct tcb *listener);
/* The child gets keys of its own in place of those. False: no room. */
bool auth_inherit(struct tcp *tcp, struct tcb *child);
/* An active open begins: 0, or -EKEYREJECTED when the keys for the peer contradict each other. */
int auth_open(struct tcp *tcp, struct tcb *tcb);
void auth_release(struct tcp *tcp, struct tcb *tcb);

#endif
