/* SPDX-License-Identifier: MIT */
/*
 * How much may be in flight: the congestion window and the slow start threshold, by CUBIC (RFC 9438), Reno
 * (RFC 5681) or DCTCP (RFC 8257), one vtable each over a union of what they remember, with HyStart++ (RFC 9406) in
 * the first slow start of each.  Bytes and nanoseconds; no TCB, no sequence number but HyStart++'s rounds and DCTCP's
 * windows, no recovery: while a loss is being repaired the episode says what cwnd is (episode.h), and tells here only
 * that there was one.
 *
 * Invariants: cwnd >= 1 segment, ssthresh >= 2 segments, both <= CONTROLLER_CWND_MAX.
 */
#ifndef ELEVEN_TCP_CONTROLLER_H
#define ELEVEN_TCP_CONTROLLER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/seq.h"
#include "tcp/hystart.h"

#define CONTROLLER_CWND_MAX (1u << 30)  /* the largest window there is (RFC 7323 §2.3) */

enum controller_kind {
	CONTROLLER_CUBIC,               /* the order is that of ELEVEN_CONGESTION_… */
	CONTROLLER_RENO,
	CONTROLLER_DCTCP,
	CONTROLLERS
};

struct cubic {                          /* RFC 9438 §4.1.2 */
	uint64_t epoch_ns;              /* when this congestion avoidance began; 0: not yet */
	uint64_t idle_ns;               /* since when the window is not made use of; 0: it is */
	uint32_t w_max;                 /* bytes */
	uint32_t w_last_max;            /* w_max before, for fast convergence */
	uint32_t cwnd_epoch;            /* cwnd when it began */
	uint32_t cwnd_prior;            /* cwnd when it was cut last */
	uint32_t w_est;                 /* what Reno would have by now */
	uint32_t w_est_part;            /* … and the part of a byte it is ahead, in units of 1/w */
	uint32_t k;                     /* time to w_max, in units of 2^-10 s */
};

struct dctcp {                          /* RFC 8257 §3.3 */
	uint32_t alpha;                 /* DCTCP.Alpha, in units of 2^-20 */
	uint32_t acked, marked;         /* bytes of this window */
	struct seq window_end;          /* DCTCP.WindowEnd */
};

struct controller {
	uint32_t cwnd, ssthresh;        /* bytes */
	uint32_t part;                  /* acknowledged towards the next step of cwnd */
	uint32_t undo_cwnd, undo_ssthresh, undo_w_max;
	uint8_t kind;                   /* enum controller_kind */
	bool cut;                       /* cwnd was cut since ECN has told the peer (CWR) */
	bool marked;                    /* a mark has cut it; what was in flight is not all acknowledged */
	bool started;                   /* the first slow start is over: HyStart++ has no say any more */
	struct hystart hystart;
	union {
		struct cubic cubic;
		struct dctcp dctcp;
	} of;
};

/* What an ACK that moved something tells. */
struct controller_ack {
	uint64_t now;
	uint64_t rtt_ns;                /* of this ACK; 0: none */
	uint64_t srtt_ns;
	uint64_t step_ns;               /* of the clock */
	uint32_t bytes;                 /* delivered */
	uint32_t mss;
	struct seq una, nxt;
	bool limited;                   /* the window is made use of */
	bool paced;
	bool after_timeout;             /* slow start is over what a timeout lost: RFC 3465 §2.3 */
};

void controller_init(struct controller *c, enum controller_kind kind, uint32_t mss, uint32_t initial_segments,
		     uint64_t ssthresh, struct seq nxt);
/* Another one takes over, as of now. */
void controller_choose(struct controller *c, enum controller_kind kind);
/* Is it of no use without ECN? */
static inline bool controller_wants_marks(unsigned kind)
{
	return kind == CONTROLLER_DCTCP;
}

/* New text was delivered, and no loss is being repaired other than by slow start. */
void controller_acked(struct controller *c, const struct controller_ack *ack);
/* A loss: ssthresh is cut; cwnd is the episode's.  `first`: of its episode; what was before can be brought back. */
void controller_loss(struct controller *c, uint32_t flight, uint32_t mss, uint64_t now, bool first);
/*
 * A router marked what was in flight (RFC 3168 §6.1.2): cwnd and ssthresh are cut at once, as for one loss, cwnd down
 * to one segment (RFC 9438 §4.6).  `less`: a little less than for a loss (RFC 8511).  Until the caller clears `marked`
 * a loss is of the same window and cuts nothing more.
 */
void controller_marked(struct controller *c, uint32_t flight, uint32_t mss, bool less);
/*
 * So much was delivered by an ACK, and of that so much was marked, as far as the peer counts; before the mark itself
 * is answered.  `counts`: it does; else marks are answered as losses are.
 */
void controller_delivered(struct controller *c, uint32_t bytes, uint32_t marked, bool counts, struct seq una,
			  struct seq nxt);
/* A retransmission was lost: ssthresh is cut once more (RFC 5681 §4.3); where CUBIC heads for stays. */
void controller_loss_again(struct controller *c, uint32_t mss);
/* The RTO expired, `again`: for the same text as before (then ssthresh stays). */
void controller_timeout(struct controller *c, uint32_t flight, uint32_t mss, uint64_t now, bool again, bool first);
/* It was no loss; false: it may not be undone. */
bool controller_undo(struct controller *c);
/* It may not be undone any more. */
void controller_keep(struct controller *c);
/* Nothing was sent for longer than the RTO (RFC 5681 §4.1). */
void controller_idle(struct controller *c, uint32_t mss, uint32_t initial_segments);
/* The window is not made use of: time stands still for CUBIC (RFC 9438 §4.2). */
void controller_unused(struct controller *c, uint64_t now);

static inline bool controller_slow_start(const struct controller *c)
{
	return c->cwnd < c->ssthresh;
}

/* cubic.c, and for its test. */
uint32_t cubic_root(uint64_t x);
/* W_cubic(t), t in units of 2^-10 s. */
uint32_t cubic_window(const struct cubic *cubic, uint64_t t, uint32_t mss);
void cubic_acked(struct controller *c, const struct controller_ack *ack);
uint32_t cubic_cut(struct controller *c, uint32_t flight, uint32_t mss);

/* dctcp.c */
void dctcp_begin(struct controller *c, struct seq nxt);
void dctcp_delivered(struct controller *c, uint32_t bytes, uint32_t marked, bool counts, struct seq una,
		     struct seq nxt);
/* What a mark leaves of the window. */
uint32_t dctcp_mark(struct controller *c, uint32_t flight, uint32_t mss);

#endif
