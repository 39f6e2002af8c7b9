/* SPDX-License-Identifier: MIT */
/* Steps of the tests of RFC 3168: connections with ECN, packets with their codepoints. */
#ifndef TEST_TCP_MARKS_H
#define TEST_TCP_MARKS_H

#include "rfc.h"

#define MSS 1460u

/* The segment in a packet of this codepoint. */
static inline void in_as(struct script *s, enum ecn_codepoint codepoint, const char *line)
{
	uint8_t before = s->tos;

	s->tos = (uint8_t)((before & ~ECN_FIELD) | codepoint);
	in(s, line);
	s->tos = before;
}

static inline unsigned codepoint_out(const struct script *s)
{
	return s->last_out.tos & ECN_FIELD;
}

/* The next segment out, and the codepoint of its packet. */
static inline void out_as_at(struct script *s, enum ecn_codepoint codepoint, const char *line, const char *file, int at)
{
	out_at(s, line, file, at);
	if (codepoint_out(s) != codepoint) {
		print_error("%s:%d: codepoint %u, expected %u\n", file, at, codepoint_out(s), codepoint);
		fail();
	}
}
#define out_as(s, codepoint, line) out_as_at(s, codepoint, line, __FILE__, __LINE__)

static inline bool has_ecn(struct script *s)
{
	return status_of(s).sub & ELEVEN_SUB_ECN;
}

/* A passive open of a peer that asks for ECN, accepted; its options may add SACK. */
static inline void to_established_ecn(struct script *s, const char *options)
{
	to_listen(s);
	in_f(s, "SEW 0:0(0) win 65535 <%s>", options);
	out_as(s, ECN_NOT_ECT, "S.E 0:0(0) ack 1 <...>");
	in(s, ". 1:1(0) ack 1 win 65535");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	quiet(s);
	assert_true(has_ecn(s));
}

/* An active open that asks; its SYN is out. */
static inline void to_syn_sent_ecn(struct script *s)
{
	s->tcp->config.ecn = 1;
	assert_int_equal(tcp_open(s->tcp, &s->h, s->now), 0);
	assert_int_equal(tcp_bind(s->tcp, s->h, &s->us, s->our_port, 0, s->now), 0);
	assert_int_equal(tcp_connect(s->tcp, s->h, &s->us, 0, &s->them, s->their_port, s->now), 0);
	out_as(s, ECN_NOT_ECT, "SEW 0:0(0) <...>");
}

/* All that waits goes; answers how many bytes, and fails if one of the segments is not capable. */
static inline uint32_t drain_capable(struct script *s)
{
	uint32_t bytes = 0;

	while (out_any(s)) {
		bytes += s->last.text_bytes;
		if (s->last.text_bytes > 0)
			assert_int_equal(codepoint_out(s), ECN_ECT0);
	}
	return bytes;
}

#endif
