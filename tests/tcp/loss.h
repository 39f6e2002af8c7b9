/* SPDX-License-Identifier: MIT */
/* For the tests of loss recovery: a connection with segments of 1,000 bytes and a round trip of 100 ms. */
#ifndef TEST_TCP_LOSS_H
#define TEST_TCP_LOSS_H

#include "rfc.h"

#define MSS 1000u

/* A passive open; `options` besides the MSS. */
static inline void to_lossy(struct script *s, const char *options)
{
	to_listen(s);
	in_f(s, "S 0:0(0) win 65535 <mss 1000%s>", options);
	out(s, "S. 0:0(0) ack 1 <...>");
	pass(s, MS(100));
	in(s, ". 1:1(0) ack 1 win 65535");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	quiet(s);
}

static inline void to_sacking(struct script *s)
{
	to_lossy(s, ",sackOK,nop,nop");
}

static inline void to_plain(struct script *s)
{
	to_lossy(s, "");
}

/* With Reno, so that a loss halves. */
static inline void to_reno(struct script *s, const char *options)
{
	s->config.congestion = ELEVEN_CONGESTION_RENO;
	restart(s);
	to_lossy(s, options);
}

/* So much is given, cwnd lets so many segments go; half a round trip later they are there. */
static inline void flies(struct script *s, uint32_t given, unsigned segments)
{
	unsigned sent = 0;

	give(s, given);
	for (; out_any(s); sent++)
		assert_int_equal(s->last.text_bytes, MSS);
	assert_int_equal(sent, segments);
	pass(s, MS(100));
}

/* `out` segments, counted; of them those from before `old`. */
static inline unsigned flush(struct script *s, uint32_t old, unsigned *again)
{
	unsigned all = 0;

	for (*again = 0; out_any(s); all++)
		*again += seq_lt(s->last.seq, seq_add(s->our_iss, old));
	return all;
}

#endif
