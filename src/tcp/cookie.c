/* SPDX-License-Identifier: MIT */
/* SYN cookies; see cookie.h. */
#include "tcp/cookie.h"

#include "base/bytes.h"
#include "tcp/options.h"

/*
 *	 31        27 26   24 23                     0
 *	+------------+-------+------------------------+
 *	| time, 64 s |  MSS  |  MAC of all the others |
 *	+------------+-------+------------------------+
 *
 * With timestamps the lowest 6 bits of our first one say what else the SYN offered, and come back in the echo.
 */
#define TIME_STEP_NS       SEC(64)
#define TIME_STEPS_VALID   1            /* this step and the one before: the third ACK has a minute at least */
#define MAC_MASK           0x00ffffffu
#define TIMESTAMP_BITS     63u
#define WSCALE_NONE        15u
#define BIT_SACK           16u
#define BIT_ECN            32u

/* The largest that is not above the peer's counts: 1460 and 1440 are nearly all there are. */
static const uint16_t mss_table[8] = { 48, 216, 536, 1200, 1360, 1440, 1460, 8960 };

static uint32_t cookie_mac(const struct tcp *tcp, const struct tuple *tuple, struct seq irs, uint32_t top)
{
	/* A key of its own, from the one of initial sequence numbers, which are MACs of other lengths. */
	struct siphash_key key = { siphash_words2(&tcp->iss_key, 1, 0), siphash_words2(&tcp->iss_key, 2, 0) };
	uint8_t bytes[44];

	memcpy(bytes, tuple->local.bytes, 16);
	memcpy(bytes + 16, tuple->remote.bytes, 16);
	store_be16(bytes + 32, tuple->local_port);
	store_be16(bytes + 34, tuple->remote_port);
	store_be32(bytes + 36, irs.value);
	store_be32(bytes + 40, top);
	return (uint32_t)siphash(&key, bytes, sizeof(bytes)) & MAC_MASK;
}

void cookie_bake(struct tcp *tcp, struct tcb *tcb)
{
	uint32_t top = (uint32_t)(tcp->now / TIME_STEP_NS) << 27;
	uint32_t index = sizeof(mss_table) / sizeof(mss_table[0]);

	while (index > 1 && mss_table[index - 1] > tcb->snd.mss_peer)
		index--;
	top |= (index - 1) << 24;
	tcb->snd.iss = tcb->snd.una = seq_of(top | cookie_mac(tcp, &tcb->tuple, tcb->rcv.irs, top));
	tcb->snd.nxt = tcb->snd.max = tcb->snd.end = seq_add(tcb->snd.iss, 1);
	if (tcb->timestamps) {
		uint32_t now = timestamp_now(tcp, tcb);
		uint32_t bits = (tcb->window_scale ? tcb->snd.wscale : WSCALE_NONE) | (tcb->sack ? BIT_SACK : 0) |
				(tcb->ecn.mode >= ECN_ON ? BIT_ECN : 0);
		uint32_t coded = (now & ~TIMESTAMP_BITS) | bits;

		tcb->ts.offset += (coded > now ? coded - TIMESTAMP_BITS - 1 : coded) - now;
	} else {
		tcb->window_scale = tcb->sack = false;  /* nowhere to keep them */
		tcb->ecn.mode = ECN_OFF;
		tcb->snd.wscale = tcb->rcv.wscale = 0;
	}
	tcp->cookies_until = tcp->now + (TIME_STEPS_VALID + 1) * TIME_STEP_NS;
}

static bool cookie_fresh(const struct tcp *tcp, const struct segment *seg)
{
	uint32_t age = ((uint32_t)(tcp->now / TIME_STEP_NS) - ((seg->ack.value - 1) >> 27)) & 31;

	return tcp->now < tcp->cookies_until && age <= TIME_STEPS_VALID;
}

bool cookie_behind_gap(const struct tcp *tcp, const struct segment *seg)
{
	return cookie_fresh(tcp, seg);
}

bool cookie_taste(const struct tcp *tcp, const struct tuple *tuple, const struct segment *seg, struct tcp_options *syn,
		  bool *ecn)
{
	uint32_t cookie = seg->ack.value - 1;
	uint32_t top = cookie & ~MAC_MASK;

	if (!cookie_fresh(tcp, seg) ||
	    cookie_mac(tcp, tuple, seq_sub(seg->seq, 1), top) != (cookie & MAC_MASK))
		return false;
	*ecn = false;
	*syn = (struct tcp_options){ .has_mss = true, .mss = mss_table[top >> 24 & 7] };
	if (seg->options.has_timestamps) {
		uint32_t bits = seg->options.tsecr & TIMESTAMP_BITS;

		syn->has_timestamps = true;
		syn->tsval = seg->options.tsval;
		syn->sack_permitted = bits & BIT_SACK;
		*ecn = bits & BIT_ECN && tcp->config.ecn;
		syn->has_wscale = (bits & 15) != WSCALE_NONE;
		syn->wscale = (uint8_t)(bits & 15);
	}
	return true;
}
