/* SPDX-License-Identifier: MIT */
/*
 * For the tests of requirements: a test is named by the label of RFC 9293 that it shows (test_MUST_12_...), or the
 * comment right above it has the ids of tests/requirements.tsv.  scripts/conformance.py reads both.
 */
#ifndef TEST_TCP_RFC_H
#define TEST_TCP_RFC_H

#include "rows.h"

/* A passive open with these options on the peer's SYN, accepted. */
static inline void to_established_with(struct script *s, const char *options)
{
	to_listen(s);
	in_f(s, "S 0:0(0) win 65535 <%s>", options);
	out(s, "S. 0:0(0) ack 1 <...>");
	in(s, ". 1:1(0) ack 1 win 65535");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	quiet(s);
}

/* Until the connection's next timeout. */
static inline uint64_t pass_timeout(struct script *s)
{
	uint64_t deadline = status_of(s).timer_deadline, ns = deadline - s->now;

	pass_until(s, deadline);
	return ns;
}

/* Everything the program can receive now. */
static inline int64_t take(struct script *s)
{
	static char text[1 << 20];

	return tcp_receive(s->tcp, s->h, text, sizeof(text), s->now);
}

#endif
