/* SPDX-License-Identifier: MIT */
/*
 * Which segments are lost (RFC 8985, RACK-TLP): by what was delivered that was sent later, and by probes of the
 * tail.  Numbers and times in, verdicts out; no TCB, no records: the scoreboard walks them with what is answered
 * here.
 *
 * Times are as fine as the caller's clock, which may be coarse: order of transmission is a count (scoreboard.h),
 * and wherever a time decides, `step_ns`, the clock's step, is added, so that a coarse clock delays a verdict and
 * never hurries it.
 */
#ifndef ELEVEN_TCP_DETECTOR_H
#define ELEVEN_TCP_DETECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/seq.h"

#define DETECTOR_PERSIST           16           /* recoveries for which a wider window stays, §6.2 */
#define DETECTOR_DEGREE_MAX        300          /* Linux's tcp_max_reordering */
#define DETECTOR_STEPS_MAX         64           /* of the window: min_RTT/4 each; SRTT bounds it anyway */
#define DETECTOR_ACK_DELAY_NS      200000000ull /* TLP.max_ack_delay, §7.2 */
#define DETECTOR_PTO_INITIAL_NS    1000000000ull /* without SRTT, §7.2 */

struct detector {
	uint64_t rtt_ns;                /* RACK.rtt; 0: nothing delivered yet */
	uint64_t sent_ns;               /* RACK.xmit_ts */
	uint32_t order;                 /* … as a count */
	struct seq end;                 /* RACK.end_seq */
	struct seq fack;                /* RACK.fack */
	struct seq dsack_round;         /* RACK.dsack_round, if in_dsack_round */
	struct seq probe_end;           /* TLP.end_seq, if probing */
	uint16_t degree;                /* the farthest that a segment came late, in segments, for show; 0: none did */
	uint16_t reorderings;           /* ACKs that told of it; RACK.reordering_seen if not 0 */
	uint16_t dsacks;                /* segments reported as duplicates, for show; modulo 2^16 */
	uint8_t steps;                  /* RACK.reo_wnd_mult */
	uint8_t persist;                /* RACK.reo_wnd_persist */
	bool in_dsack_round : 1;
	bool probing : 1;
	bool probe_again : 1;           /* TLP.is_retrans */
	bool sampled : 1;               /* an RTT was measured since the last probe */
};

void detector_init(struct detector *d, struct seq una);

/* ---- RACK */

struct detector_delivered {             /* the last transmitted of what an ACK delivered */
	uint64_t sent_ns;
	uint32_t order;
	struct seq end;
	bool ever;                      /* was sent more than once */
	bool echo_older;                /* … and the ACK echoes a timestamp from before the last time */
	uint64_t last_ns;               /* when the one furthest on of all that was delivered was sent; 0: not said */
};
/* §6.2 steps 1 and 2.  False: not taken, it may be an ACK of an earlier transmission. */
bool rack_delivered(struct detector *d, const struct detector_delivered *what, uint64_t min_rtt_ns, uint64_t now);
/* Step 3: up to `highest` was delivered; `late`: something sent once, so many segments below what was before. */
void rack_highest(struct detector *d, struct seq highest, uint32_t late);
/* Step 4, of an ACK: `dsack`: it reports a duplicate. */
void rack_round(struct detector *d, struct seq una, struct seq nxt, bool dsack);
/* Step 4, when a recovery ends. */
void rack_recovered(struct detector *d);
/* Step 4: RACK.reo_wnd; `enough`: DupThresh segments are sacked, or a recovery is on. */
uint64_t rack_window(const struct detector *d, bool enough, uint64_t min_rtt_ns, uint64_t srtt_ns, uint64_t step_ns);
static inline bool rack_reordering(const struct detector *d)
{
	return d->reorderings > 0;
}

/* ---- TLP */

/* §7.2: how long after now the probe goes; rto_ns is what is left of the RTO. */
uint64_t tlp_timeout(uint64_t srtt_ns, bool one_segment, uint64_t ack_delay_ns, uint64_t step_ns, uint64_t rto_ns);
/* §7.3: may a probe be sent? */
static inline bool tlp_allowed(const struct detector *d)
{
	return !d->probing && d->sampled;
}
/* The probe went: of new text, or (`again`) of old; nxt is SND.NXT after it. */
void tlp_sent(struct detector *d, struct seq nxt, bool again);

enum tlp_verdict {
	TLP_NOTHING,
	TLP_DONE,                       /* nothing was lost */
	TLP_LOSS,                       /* the probe repaired a loss: congestion control must hear of it */
};
/* §7.4.2; `dsack`: the ACK reports the probe as a duplicate; `plain_duplicate`: a duplicate ACK without SACK. */
enum tlp_verdict tlp_acked(struct detector *d, struct seq ack, bool dsack, bool plain_duplicate);

#endif
