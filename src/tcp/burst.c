/* SPDX-License-Identifier: MIT */
/* PSH at the end of what Linux sends as one; see burst.h. */
#include "tcp/burst.h"

#define BYTES_MOST 65536u               /* of one such packet */
#define HALVING_NS 512000u              /* tcp_tso_rtt_log: the allowance for short paths halves with this */

/* In about a millisecond. */
static uint32_t rate_segments(const struct tcp *tcp, const struct tcb *tcb)
{
	uint64_t bytes = 0, halvings = tcb->rtt.min_ns / HALVING_NS;
	uint32_t mss = tcb->snd.mss;

	if (tcb->rtt.srtt_ns) {
		uint32_t percent = tcb->cc.cwnd < tcb->cc.ssthresh / 2 ? 200 : 120;

		bytes = (uint64_t)tcb->cc.cwnd * percent / 100 * 1000000000u / tcb->rtt.srtt_ns >> 10;
	}
	if (halvings < 32)
		bytes += BYTES_MOST >> halvings;
	if (bytes > BYTES_MOST)
		bytes = BYTES_MOST;
	return max_u32((uint32_t)bytes / mss, (uint32_t)tcp->config.push_burst_least);
}

static uint32_t burst_segments(const struct tcp *tcp, const struct tcb *tcb)
{
	return min_u32(rate_segments(tcp, tcb), max_u32(tcb->cc.cwnd / tcb->snd.mss / 2, 1));
}

bool burst_ends(const struct tcp *tcp, struct tcb *tcb, struct seq seq, uint32_t bytes, uint32_t more)
{
	struct seq end = seq_add(seq, bytes);
	uint32_t mss = tcb->snd.mss;

	if (bytes > mss)
		return true;            /* the link cuts it */
	if (!seq_within(seq, tcb->snd.burst_start, seq_distance(tcb->snd.burst_end, tcb->snd.burst_start))) {
		uint32_t room = min_u32(bytes + more, burst_segments(tcp, tcb) * mss);

		tcb->snd.burst_start = seq;
		tcb->snd.burst_end = seq_add(seq, room - (room > mss ? room % mss : 0));
	}
	return seq_eq(end, tcb->snd.burst_end) && !seq_eq(seq, tcb->snd.burst_start);
}

bool burst_again_ends(const struct tcp *tcp, struct tcb *tcb, struct seq seq, struct seq end, struct seq whole,
		      uint32_t room)
{
	uint32_t mss = tcb->snd.mss;
	bool first = !seq_within(seq, seq_add(tcb->snd.burst_start, 1),
				 seq_distance(tcb->snd.burst_end, tcb->snd.burst_start));
	bool last;

	if (first) {
		uint32_t bytes = min_u32(rate_segments(tcp, tcb) * mss, room - room % mss);

		tcb->snd.burst_start = seq;
		tcb->snd.burst_end = seq_add(seq, min_u32(seq_distance(whole, seq), max_u32(bytes, mss)));
	}
	last = seq_eq(end, tcb->snd.burst_end);
	if (last)
		tcb->snd.burst_start = end;
	return last && !first;
}
