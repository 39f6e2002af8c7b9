/* SPDX-License-Identifier: MIT */
/*
 * What is in flight (RFC 2018 §5, RFC 6675 §4, RFC 8985 §5.1): a record for each run of text that was sent
 * together, with when it was last sent and what became of it.  Sequence numbers, bytes and times; no TCB.
 *
 * Theory of operation.  The records of a connection cover [SND.UNA, SND.NXT) without gap or overlap and stand in
 * two lists: by sequence, and by transmission, the oldest first, those that are still on their way.  Order of
 * transmission is a count, not a time: a clock of coarse steps does not blur it.
 *
 *	on its way --- SACK ---> sacked                    (joined with sacked neighbours)
 *	on its way -- detect --> lost -- sent again --> lost and again -- detect --> lost
 *	any -- cumulative ACK --> gone
 *
 * A record holds whole segments of `segment` bytes, and a shorter last one.  SACK edges that fall within a segment
 * are moved inwards to its bounds: a peer cannot cut text finer than it was sent (CVE-2019-11477).  Where a SACK
 * block lies is looked for from the nearest of three places, and for at most SCOREBOARD_STEPS_MAX steps an ACK:
 * what is not found by then counts as not said, which is always safe (RFC 2018 §5: SACK is advice).
 *
 * Limits: records come from a pool of all connections, at most `most` for one.  When there is none, new text joins
 * the last record (its time is then that of the later text, and no RTT is measured from it); without any record the
 * connection is `blind` until all is acknowledged and recovers without SACK.
 */
#ifndef ELEVEN_TCP_SCOREBOARD_H
#define ELEVEN_TCP_SCOREBOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/pool.h"
#include "base/seq.h"

#define SCOREBOARD_NONE      UINT32_MAX
#define SCOREBOARD_STEPS_MAX 4096       /* records looked at for the SACK blocks of one ACK */

struct sent {                           /* one record */
	uint64_t sent_ns;               /* last transmission */
	uint64_t delivered;             /* bytes the connection had delivered by then, to measure its rate */
	struct seq seq, end;
	uint32_t next, previous;        /* by sequence; `next` is also the pool's link */
	uint32_t later, earlier;        /* by transmission */
	uint32_t order;                 /* of the last transmission */
	uint16_t segment;               /* text of its full segments */
	bool sacked : 1;
	bool lost : 1;                  /* the first transmission counts as lost */
	bool again : 1;                 /* sent again, and that is on its way */
	bool ever : 1;                  /* was sent more than once: its RTT is ambiguous (Karn) */
	bool mixed : 1;                 /* of several times: no RTT either */
	bool timed : 1;                 /* stands in the list by transmission */
};

struct scoreboard {
	uint32_t head, tail;            /* by sequence */
	uint32_t oldest, newest;        /* by transmission */
	uint32_t top;                   /* the highest sacked record */
	uint32_t found;                 /* where a SACK block was found last */
	uint32_t lost_next;             /* no record before it is lost and not sent again */
	uint32_t records;
	uint32_t order;                 /* of the last transmission */
	uint32_t sacked_bytes;
	uint32_t lost_bytes;            /* lost, sent again or not */
	uint32_t again_bytes;           /* sent again and on its way */
	uint32_t sacked_segments;       /* since something is sacked: RFC 8985's segs_sacked */
	bool blind;                     /* something is in flight that has no record */
	bool apart;                     /* what is sent next begins a record of its own */
};

/* What an ACK delivered, summed up over its cumulative number and its SACK blocks. */
struct delivery {
	uint32_t acked_bytes;           /* by the cumulative number, not sacked before */
	uint32_t sacked_bytes;          /* by SACK */
	uint32_t steps;                 /* records looked at for SACK blocks */
	bool any;                       /* the fields below are of something */
	bool ever;                      /* the last transmitted of them was sent more than once */
	bool mixed;
	uint32_t order;                 /* the last transmitted of them … */
	struct seq end;
	uint64_t sent_ns;
	uint64_t delivered;
	uint64_t last_ns;               /* when the one furthest on, acknowledged if any was, was sent */
	bool original;                  /* something never sent again was among them */
	bool after;                     /* … and was marked lost: it arrived after all (RFC 5682) */
	bool again;                     /* something sent again was acknowledged cumulatively */
	bool below;                     /* something never sent again, below what was delivered before: reordering … */
	struct seq lowest;              /* … and where the lowest of it begins */
	struct seq highest;             /* the highest end delivered; set by the caller to that of before */
};

void scoreboard_init(struct scoreboard *sb);
/* Gives all records back. */
void scoreboard_clear(struct scoreboard *sb, struct pool *pool);

/* New text [seq, end), in segments of `segment` bytes, was sent. */
void scoreboard_sent(struct scoreboard *sb, struct pool *pool, struct seq seq, struct seq end, uint16_t segment,
		     uint64_t now, uint64_t delivered, uint32_t most);
/* Some of what was sent last had gone before, without a record (a probe of the window): Karn's ambiguity. */
void scoreboard_doubt(struct scoreboard *sb, struct pool *pool);
/*
 * [seq, end) was sent again; it lies within one record.  False: that had to be split and could not; all records are
 * given back and the connection is blind.
 */
bool scoreboard_sent_again(struct scoreboard *sb, struct pool *pool, struct seq seq, struct seq end, uint64_t now,
			   uint64_t delivered);

/* SND.UNA is `una` now. */
void scoreboard_acked(struct scoreboard *sb, struct pool *pool, struct seq una, struct delivery *d);
/* A SACK block above `una`; one that says something else than what was sent is ignored. False: it was. */
bool scoreboard_sack(struct scoreboard *sb, struct pool *pool, struct seq una, struct seq left, struct seq right,
		     struct delivery *d);

/*
 * RFC 8985 §6.2 step 5: what was sent before (order, end), the last delivered, and at least timeout_ns ago is lost.
 * Answers how many bytes are lost anew; *wait_ns: when the next might be, from now, 0 none; *again: something
 * sent again after the transmission `since` is lost, too.
 */
uint32_t scoreboard_detect(struct scoreboard *sb, struct pool *pool, uint32_t order, struct seq end,
			   uint64_t timeout_ns, uint64_t now, uint64_t *wait_ns, uint32_t since, bool *again);
/* A timeout: nothing of it is on its way.  `renege`: what was sacked counts no more (RFC 2018 §8). */
void scoreboard_lose(struct scoreboard *sb, struct pool *pool, bool renege);
/* What was marked lost is on its way after all. */
void scoreboard_unlose(struct scoreboard *sb, struct pool *pool);
/* The peer says what begins at SND.UNA is here, and does not acknowledge it. */
bool scoreboard_reneged(const struct scoreboard *sb, const struct pool *pool);

/* The first text that is lost and was not sent again since; false: none. */
bool scoreboard_lost(struct scoreboard *sb, struct pool *pool, struct seq *seq, struct seq *end);
/* The last text sent that is not sacked; false: none. */
bool scoreboard_last(const struct scoreboard *sb, const struct pool *pool, struct seq *seq, struct seq *end);

/* RFC 9937 §6.2: bytes on their way of the `sent` from SND.UNA to SND.NXT. */
static inline uint32_t scoreboard_pipe(const struct scoreboard *sb, uint32_t sent)
{
	return sent - sb->sacked_bytes - sb->lost_bytes + sb->again_bytes;
}

/* Nothing but ordinary text in order: what most ACKs find. */
static inline bool scoreboard_plain(const struct scoreboard *sb)
{
	return (sb->sacked_bytes | sb->lost_bytes | sb->again_bytes) == 0;
}

#endif
