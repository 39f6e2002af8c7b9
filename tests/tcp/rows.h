/* SPDX-License-Identifier: MIT */
/* Where a row of tests/transitions.tsv begins: each state, with RCV.NXT and SND.NXT there, and small stimuli. */
#ifndef TEST_TCP_ROWS_H
#define TEST_TCP_ROWS_H

#include "script.h"

/* One state to be in; `nxt` is RCV.NXT and `ack` SND.NXT there, relative. */
struct place {
	enum eleven_state state;
	void (*to)(struct script *);
	unsigned nxt, ack;
};

static inline void to_closed(struct script *s)
{
	(void)s;
}

static inline void to_open(struct script *s)
{
	assert_int_equal(tcp_open(s->tcp, &s->h, s->now), 0);
}

static const struct place places[ELEVEN_STATES] = {
	[ELEVEN_CLOSED] = { ELEVEN_CLOSED, to_closed, 0, 0 },
	[ELEVEN_LISTEN] = { ELEVEN_LISTEN, to_listen, 0, 0 },
	[ELEVEN_SYN_SENT] = { ELEVEN_SYN_SENT, to_syn_sent, 0, 1 },
	[ELEVEN_SYN_RECEIVED] = { ELEVEN_SYN_RECEIVED, to_syn_received, 1, 1 },
	[ELEVEN_ESTABLISHED] = { ELEVEN_ESTABLISHED, to_established, 1, 1 },
	[ELEVEN_FIN_WAIT_1] = { ELEVEN_FIN_WAIT_1, to_fin_wait_1, 1, 2 },
	[ELEVEN_FIN_WAIT_2] = { ELEVEN_FIN_WAIT_2, to_fin_wait_2, 1, 2 },
	[ELEVEN_CLOSE_WAIT] = { ELEVEN_CLOSE_WAIT, to_close_wait, 2, 1 },
	[ELEVEN_CLOSING] = { ELEVEN_CLOSING, to_closing, 2, 2 },
	[ELEVEN_LAST_ACK] = { ELEVEN_LAST_ACK, to_last_ack, 2, 2 },
	[ELEVEN_TIME_WAIT] = { ELEVEN_TIME_WAIT, to_time_wait, 2, 2 },
};

/* The ACK that every refused segment gets, and nothing after it. */
static inline void answers_ack(struct script *s, const struct place *p)
{
	out_f(s, ". %u:%u(0) ack %u", p->ack, p->ack, p->nxt);
	quiet(s);
}

/* Text in flight first, then the close: the state of `p` with its FIN behind unacknowledged text. */
static inline void to_with_text(struct script *s, const struct place *p)
{
	bool passive_close = p->state == ELEVEN_CLOSE_WAIT || p->state == ELEVEN_LAST_ACK;

	if (passive_close)
		to_close_wait(s);
	else
		to_established(s);
	give(s, 10);
	drain(s);
	if (p->state == ELEVEN_ESTABLISHED || p->state == ELEVEN_CLOSE_WAIT)
		return;
	assert_int_equal(tcp_shutdown(s->tcp, s->h, s->now), 0);
	drain(s);
	if (p->state == ELEVEN_CLOSING) {
		in(s, "F. 1:1(0) ack 1 win 65535");
		drain(s);
	}
	state_is(s, p->state);
}

/* The same with timestamps on every segment. */
static inline void to_with_timestamps(struct script *s, const struct place *p)
{
	s->tcp->config.timestamps = 1;
	s->ts = 1000;
	p->to(s);
}

static inline void error_arrives(struct script *s, struct seq seq, int error, bool hard, uint32_t mtu)
{
	struct tcp_error e = { { s->us, s->them, s->our_port, s->their_port }, seq, error, hard, mtu, false };

	tcp_error_arrives(s->tcp, &e, s->now);
}

#endif
