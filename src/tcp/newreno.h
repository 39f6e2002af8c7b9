/* SPDX-License-Identifier: MIT */
/*
 * Congestion control of RFC 5681 with the NewReno recovery of RFC 6582; bytes and sequence
 * numbers, no TCB.  Answers "how much may be in flight" (cwnd) and "is the segment at SND.UNA
 * to be sent again now".
 */
#ifndef ELEVEN_TCP_NEWRENO_H
#define ELEVEN_TCP_NEWRENO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/seq.h"

#define NEWRENO_DUP_THRESHOLD 3         /* RFC 5681 §3.2 */
#define NEWRENO_CWND_MAX (1u << 30)     /* the largest window there is (RFC 7323 §2.3) */

struct newreno {
	uint32_t cwnd, ssthresh;        /* bytes */
	uint32_t counted;               /* bytes acknowledged towards the next step of congestion avoidance */
	struct seq recover;             /* SND.NXT when the last loss was found */
	uint8_t dup_acks;               /* in a row */
	bool recovering;                /* fast recovery */
	bool recover_set;               /* `recover` means something */
};

enum newreno_verdict {
	NEWRENO_NOTHING,
	NEWRENO_RETRANSMIT,             /* the segment at SND.UNA is lost: recovery begins */
	NEWRENO_PARTIAL,                /* the next one is lost too */
	NEWRENO_LEFT,                   /* recovery ends */
};

void newreno_init(struct newreno *cc, uint32_t mss, uint32_t initial_segments, uint64_t ssthresh);
/* An ACK moved SND.UNA to `una` over `acked` bytes; `flight` is what is in flight after it. */
enum newreno_verdict newreno_acked(struct newreno *cc, struct seq una, uint32_t acked, uint32_t flight, uint32_t mss,
				   bool window_full);
/* A duplicate ACK (RFC 5681 §2) at SND.UNA = una; nxt is SND.NXT. */
enum newreno_verdict newreno_duplicate(struct newreno *cc, struct seq una, struct seq nxt, uint32_t flight,
				       uint32_t mss);
/* The retransmission timer expired; `again`: for the same segment as before. */
void newreno_timeout(struct newreno *cc, struct seq max, uint32_t flight, uint32_t mss, bool again);
/* Nothing was sent for longer than the RTO (RFC 5681 §4.1). */
void newreno_idle(struct newreno *cc, uint32_t mss, uint32_t initial_segments);

#endif
