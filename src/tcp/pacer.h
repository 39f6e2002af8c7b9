/* SPDX-License-Identifier: MIT */
/*
 * When the next segment may go: cwnd is spread over the round trip (RFC 9937 §6.4 and RFC 9438 recommend it), at
 * twice the rate cwnd/SRTT in slow start and 1.2 times it afterwards, so that it never is what holds a connection
 * back.  Times and bytes; no TCB.
 *
 * Theory of operation.  Each byte sent moves `next_ns`, before which nothing more goes, by its share of the time.
 * `next_ns` stays behind the clock by up to two bursts and a step of the clock: what was not sent then may be sent
 * now.  A burst is two segments or a millisecond, but no more than an eighth of the round trip.  A sender that is held
 * back is woken when a whole burst may go, so that timers fire per burst and not per segment.
 *
 * Off while the RTT is below PACER_RTT_LEAST_NS: on such wires the timers would be coarser than the spread.
 */
#ifndef ELEVEN_TCP_PACER_H
#define ELEVEN_TCP_PACER_H

#include <stdbool.h>
#include <stdint.h>

#define PACER_RTT_LEAST_NS 200000u
#define PACER_BURST_NS     1000000u

struct pacer {
	uint64_t next_ns;               /* 0: nothing was sent yet */
};

struct pace {                           /* as of now, from the connection */
	uint64_t srtt_ns;               /* 0: not measured */
	uint64_t step_ns;               /* of the clock */
	uint32_t cwnd, mss;
	bool slow_start;
};

static inline bool pacer_on(const struct pace *pace)
{
	return pace->srtt_ns >= PACER_RTT_LEAST_NS;
}

/* May something go? */
static inline bool pacer_open(const struct pacer *p, const struct pace *pace, uint64_t now)
{
	return p->next_ns <= now || !pacer_on(pace);
}

/* Most bytes of one big segment: a burst. */
uint32_t pacer_burst(const struct pace *pace);
/* When to look again, if not now. */
uint64_t pacer_wake(const struct pacer *p, const struct pace *pace);
void pacer_sent(struct pacer *p, const struct pace *pace, uint32_t bytes, uint64_t now);
/* Bytes a second, for show; 0: not paced. */
uint64_t pacer_rate(const struct pace *pace);

#endif
