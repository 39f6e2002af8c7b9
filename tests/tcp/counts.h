/* SPDX-License-Identifier: MIT */
/* Steps of the tests of RFC 9768: connections with accurate ECN. */
#ifndef TEST_TCP_COUNTS_H
#define TEST_TCP_COUNTS_H

#include "marks.h"

#include "tcp/accurate.h"

#define SYN_OPTIONS "mss 1460"

static inline struct tcb *tcb_now(struct script *s)
{
	return tcb_of(s->tcp, s->h);
}

static inline unsigned ace_out(const struct script *s)
{
	return segment_ace(&s->last);
}

/* A listener that grants it; the SYN with these flags comes, in a packet of this codepoint. */
static inline void to_syn(struct script *s, enum ecn_codepoint codepoint, const char *flags)
{
	char line[100];

	s->tcp->config.ecn = 3;
	to_listen(s);
	snprintf(line, sizeof(line), "%s 0:0(0) win 65535 <%s>", flags, SYN_OPTIONS);
	in_as(s, codepoint, line);
}

static inline void to_passive(struct script *s, const char *third)
{
	to_syn(s, ECN_NOT_ECT, "SEWA");
	out_as(s, ECN_NOT_ECT, "S.W 0:0(0) ack 1 <...>");
	in(s, third);
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
}

static inline void to_accurate(struct script *s)
{
	to_passive(s, ".W 1:1(0) ack 1 win 65535");
	quiet(s);
	assert_true(has_ecn(s));
}

/* An active open that asks; its SYN is out. */
static inline void to_asking(struct script *s)
{
	s->tcp->config.ecn = 3;
	assert_int_equal(tcp_open(s->tcp, &s->h, s->now), 0);
	assert_int_equal(tcp_bind(s->tcp, s->h, &s->us, s->our_port, 0, s->now), 0);
	assert_int_equal(tcp_connect(s->tcp, s->h, &s->us, 0, &s->them, s->their_port, s->now), 0);
	out_as(s, ECN_NOT_ECT, "SEWA 0:0(0) <...>");
	assert_false(s->last.options.has_accecn);
}

#endif
