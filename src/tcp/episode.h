/* SPDX-License-Identifier: MIT */
/*
 * Whether a loss is being repaired, how fast, and whether it was one: recovery with proportional rate reduction
 * (RFC 9937), repair after a timeout, and undo by timestamps (Eifel, RFC 3522 and 4015), by D-SACK (RFC 2883, 3708)
 * and by F-RTO (RFC 5682).  For peers without SACK what is sent again is RFC 6582's (NewReno).  Bytes and sequence
 * numbers; no TCB.  How much the window is cut is the controller's; which segments are lost the detector's.
 *
 * Theory of operation.
 *
 *	OPEN ---- something is lost ----> RECOVERY ---- SND.UNA reaches `recover` ----> OPEN
 *	OPEN, RECOVERY -- RTO expires --> TIMEOUT  ---- SND.UNA reaches `recover` ----> OPEN
 *	TIMEOUT -- a retransmission is lost, and not by a timeout --> RECOVERY
 *	RECOVERY, TIMEOUT -- it was no loss --> OPEN, windows as before
 *
 * `recover` is SND.NXT at the beginning: what is lost beyond it is another loss, of another window (RFC 5681 §4.3).
 */
#ifndef ELEVEN_TCP_EPISODE_H
#define ELEVEN_TCP_EPISODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/seq.h"

#define EPISODE_DUP_THRESHOLD 3         /* RFC 5681 §3.2 */

#define FRTO_NEW_TEXT 3                 /* value of episode.frto while new text goes before old */

enum episode_phase {
	EPISODE_OPEN,                   /* nothing is being repaired */
	EPISODE_RECOVERY,               /* a loss was detected: PRR, or RFC 6582, says how much may go */
	EPISODE_TIMEOUT,                /* the timer expired: slow start, over everything not sacked */
};

struct episode {
	struct seq recover;             /* RecoveryPoint; of a past episode while `recover_set` */
	struct seq undo_from;           /* SND.UNA when it began */
	uint32_t prr_delivered, prr_out, recover_fs;    /* RFC 9937 §6.1, bytes */
	uint32_t credit_bytes;          /* without SACK: what duplicate ACKs say is here, of what is in flight */
	uint32_t moved_bytes;           /* without SACK: by how much SND.UNA moved last */
	uint32_t again_bytes;           /* sent again in this episode and not reported as duplicates */
	uint32_t again_ts;              /* our timestamp on the first of them, if `stamped` */
	uint32_t reduced_order;         /* the last transmission before the window was cut */
	uint8_t phase;                  /* enum episode_phase */
	uint8_t dup_acks;               /* in a row; peers without SACK, and for show */
	uint16_t undos;                 /* episodes that were none, so far */
	uint8_t frto;                   /* step of RFC 5682 §3.1 in work: 0 none, 2, 3 */
	bool recover_set : 1;
	bool undoable : 1;              /* the windows from before are known to the controller */
	bool stamped : 1;
	bool resent : 1;                /* something was sent again */
	bool renos : 1;                 /* RECOVERY by duplicate ACKs */
	bool first : 1;                 /* the segment that PRR owes at the beginning is not out yet */
	bool cut_again : 1;             /* a lost retransmission has cut the window once more: enough (RFC 5681 §4.3) */
};

/* ---- recovery with SACK */

/*
 * A loss is detected: the controller has cut the window.  in_flight: SND.NXT - SND.UNA before this ACK; sacked: of
 * that, sacked before this ACK; order: of the last transmission (scoreboard.h).  again: bytes that the episode before
 * sent again and that are on their way still: a real loss, which their arrival does not undo.
 */
void episode_enter(struct episode *e, struct seq una, struct seq nxt, uint32_t in_flight, uint32_t sacked,
		   uint32_t order, uint32_t again);
/* RFC 9937 §6.2: the new cwnd.  `safe`: SND.UNA moved and no further loss was seen. */
uint32_t prr_cwnd(struct episode *e, uint32_t delivered, uint32_t pipe, uint32_t ssthresh, uint32_t mss, bool safe);
/* Is it over?  (The caller sets cwnd: to ssthresh after RECOVERY.) */
bool episode_ended(struct episode *e, struct seq una);

/* `bytes` were sent, `again`: not for the first time, with this timestamp. */
void episode_sent(struct episode *e, uint32_t bytes, bool again, bool has_ts, uint32_t ts);

/* ---- timeout */

/* The RTO expired; `again` for the same text.  `frto`: F-RTO may be tried. */
void episode_timeout(struct episode *e, struct seq una, struct seq nxt, bool again, bool frto,
		     uint32_t order);

enum frto_verdict {
	FRTO_NOTHING,
	FRTO_SEND_NEW,                  /* new text now rather than what counts as lost */
	FRTO_LOST,                      /* it was a loss, or nobody can tell: repair */
	FRTO_SPURIOUS,                  /* nothing was lost */
};
/*
 * RFC 5682 §3.1 steps 2 and 3, of an ACK in TIMEOUT.  `original`: it delivered text that counted as lost and was
 * not sent again; `sacked`: it brought new SACK blocks.
 */
enum frto_verdict episode_frto(struct episode *e, struct seq una, bool advanced, bool original, bool sacked);

/* ---- undo */

/* RFC 3522: the first ACK of something sent again echoes a timestamp from before that. */
bool episode_eifel(const struct episode *e, uint32_t echo);
/* A D-SACK reports [left, right); true: all that was sent again was here already. */
bool episode_duplicate_reported(struct episode *e, struct seq left, struct seq right);
/* RECOVERY, and nothing was sent again yet: if nothing is lost any more, nothing was. */
static inline bool episode_idle(const struct episode *e)
{
	return e->phase == EPISODE_RECOVERY && e->undoable && !e->renos && !e->resent;
}
/* It was no loss: OPEN. */
void episode_undone(struct episode *e);

/* ---- recovery without SACK, RFC 6582 §3.2: what is sent again; RFC 9937: how much goes.  A duplicate ACK says that
 * one segment was delivered, an ACK that moves SND.UNA the rest of what it acknowledges. */

/*
 * A duplicate ACK: begins a recovery?  Not below `recover` (step 2), where they are of what a timeout sent again -
 * unless SND.UNA moves in small steps and cwnd is more than the retransmission alone, which makes a lost
 * retransmission likely (§4.1).
 */
bool reno_duplicate(struct episode *e, struct seq una, uint32_t cwnd, uint32_t mss);
/* It begins, by the third duplicate; answers the bytes that this one says are delivered. */
uint32_t reno_enter(struct episode *e, struct seq una, struct seq nxt, uint32_t in_flight, uint32_t mss);
/* A further duplicate: bytes delivered.  More than was in flight cannot be: who says so is not believed. */
uint32_t reno_again(struct episode *e, uint32_t mss);
/* An ACK that moves SND.UNA: bytes delivered that no duplicate has told of. */
uint32_t reno_partial(struct episode *e, uint32_t acked, uint32_t mss);

#endif
