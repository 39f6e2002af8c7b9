/* SPDX-License-Identifier: MIT */
/*
 * The stack: tcp/ and ip/ joined, with their trace, behind include/eleven.h.
 *
 * Theory of operation: the whole is one block that the caller gives (memory.c).  Packets come in
 * by input.c, which has IP look at each and hands TCP the segments and the errors about segments;
 * output.c asks IP for its own packets, then TCP whose turn it is, finds the route and puts headers
 * in front.  A packet whose way ends here is copied into the loopback ring and comes in with the
 * next eleven_timers().  calls.c is the user's calls, seeing.c what can be seen.
 *
 * Time never goes back: `now` is the latest seen, whatever the caller says.
 */
#ifndef ELEVEN_STACK_STACK_H
#define ELEVEN_STACK_STACK_H

#include "base/siphash.h"
#include "eleven.h"
#include "ip/ip.h"
#include "stack/loopback.h"
#include "tcp/tcp.h"
#include "trace/trace.h"

#define OUTPUT_BATCH_MAX  64u   /* packets of one eleven_output(), each with its headers */
#define OUTPUT_HEADER_MAX 128u  /* link 14, IP 40, TCP 60, and what keeps them aligned */

struct eleven {
	struct trace trace;
	struct ip *ip;
	struct tcp *tcp;
	uint64_t now;                   /* the latest seen */
	struct loopback loopback;
	uint32_t neighbour_epoch;       /* of ip/, when parked connections were last woken */
	bool loopback_parked;           /* one waits for room in the loopback ring */
	uint8_t interfaces;             /* how many */
	bool dont_fragment;             /* all segments have DF */
	struct siphash_key flow_key;    /* of flow labels: RFC 6437 */
	uint64_t drops_out;             /* segments made and not sent: no route, no neighbour */
	uint8_t (*headers)[OUTPUT_HEADER_MAX];  /* of the batch lent last; behind everything else in the block */
};

/* The latest time seen, `now` considered. */
static inline uint64_t stack_now(struct eleven *stack, uint64_t now)
{
	if (now > stack->now)
		stack->now = now;
	return stack->now;
}

/* Takes in packets looped back so far (not those they give rise to). */
void loopback_input(struct eleven *stack, uint64_t now);

/* tcp/'s number of an interface of ip/'s: the loopback one differs. */
static inline uint8_t tcp_interface_number(uint8_t interface)
{
	return interface == IP_LOOPBACK ? TCP_LOOPBACK : interface;
}

#endif
