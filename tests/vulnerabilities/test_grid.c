/* SPDX-License-Identifier: MIT */
/*
 * V43: all 512 flag sets, in each of the eleven states, below, at and above what is expected, with an ACK that is old,
 * right and of what was never sent: 50,688 cells.  What is right is told by a reading of §3.10.7 that shares nothing
 * with src/tcp, with RFC 5961's answers and RFC 1337's; the kernel's reading is compared by tests/system/linux_grid.py.
 */
#include "attack.h"

enum { BELOW, AT, ABOVE };
enum { OLD, RIGHT, FUTURE };
enum answer { SILENCE, RESET, ACKNOWLEDGE, SYN_ACK };

static const char *const answer_names[] = { "silence", "RST", "ACK", "SYN-ACK" };

struct outcome {
	enum answer answer;
	enum eleven_state state;
};

/* §3.10.7.1 to .3 */
static struct outcome expect_unsynchronized(enum eleven_state state, unsigned flags, unsigned ack)
{
	bool fin = flags & 1, syn = flags & 2, rst = flags & 4, has_ack = flags & 16;

	if (state == ELEVEN_CLOSED)
		return (struct outcome){ rst ? SILENCE : RESET, state };
	if (state == ELEVEN_LISTEN) {
		if (rst || (!has_ack && !syn))
			return (struct outcome){ SILENCE, state };
		return has_ack ? (struct outcome){ RESET, state } : (struct outcome){ SYN_ACK, ELEVEN_SYN_RECEIVED };
	}
	if (has_ack && ack != RIGHT)
		return (struct outcome){ rst ? SILENCE : RESET, state };
	if (rst)
		return (struct outcome){ SILENCE, has_ack ? ELEVEN_CLOSED : state };
	if (!syn)
		return (struct outcome){ SILENCE, state };
	if (!has_ack)
		return (struct outcome){ SYN_ACK, ELEVEN_SYN_RECEIVED };
	return (struct outcome){ ACKNOWLEDGE, fin ? ELEVEN_CLOSE_WAIT : ELEVEN_ESTABLISHED };
}

/* Fifth and Eighth, of a segment that came so far. */
static struct outcome expect_ack(enum eleven_state state, bool fin)
{
	switch (state) {
	case ELEVEN_SYN_RECEIVED:
	case ELEVEN_ESTABLISHED:
		return fin ? (struct outcome){ ACKNOWLEDGE, ELEVEN_CLOSE_WAIT }
			   : (struct outcome){ SILENCE, ELEVEN_ESTABLISHED };
	case ELEVEN_FIN_WAIT_1:
	case ELEVEN_FIN_WAIT_2:
		return fin ? (struct outcome){ ACKNOWLEDGE, ELEVEN_TIME_WAIT }
			   : (struct outcome){ SILENCE, ELEVEN_FIN_WAIT_2 };
	case ELEVEN_CLOSING:
		return (struct outcome){ SILENCE, ELEVEN_TIME_WAIT };
	case ELEVEN_LAST_ACK:
		return (struct outcome){ SILENCE, ELEVEN_CLOSED };
	case ELEVEN_TIME_WAIT:                  /* what says more than a bare ACK is acknowledged */
		return (struct outcome){ fin ? ACKNOWLEDGE : SILENCE, state };
	default:
		return (struct outcome){ SILENCE, state };
	}
}

/* §3.10.7.4 */
static struct outcome expect_synchronized(enum eleven_state state, unsigned flags, unsigned seq, unsigned ack)
{
	bool fin = flags & 1, syn = flags & 2, rst = flags & 4, has_ack = flags & 16;

	if (state == ELEVEN_TIME_WAIT && syn && !has_ack && !rst && !fin && seq == ABOVE)
		return (struct outcome){ SYN_ACK, ELEVEN_SYN_RECEIVED };        /* §3.6.1 MAY-2 */
	if (seq != AT)
		return (struct outcome){ rst ? SILENCE : ACKNOWLEDGE, state };
	if (rst)
		return (struct outcome){ SILENCE, state == ELEVEN_TIME_WAIT ? state : ELEVEN_CLOSED };
	if (syn)
		return state == ELEVEN_SYN_RECEIVED ? (struct outcome){ SILENCE, ELEVEN_CLOSED }
						    : (struct outcome){ ACKNOWLEDGE, state };
	if (!has_ack)
		return (struct outcome){ SILENCE, state };
	if (ack != RIGHT)
		return (struct outcome){ state == ELEVEN_SYN_RECEIVED ? RESET : ACKNOWLEDGE, state };
	return expect_ack(state, fin);
}

static struct outcome cell(struct script *s, const struct place *p, unsigned flags, unsigned seq, unsigned ack)
{
	static const int32_t seqs[] = { -100, 0, 1000000 }, acks[] = { -70000, 0, 5 };
	struct segment seg = { .window = 65535, .source_port = s->their_port, .destination_port = s->our_port };
	uint8_t bytes[20];
	struct arrival arrival = { .source = s->them, .destination = s->us, .bytes = bytes, .length = 20,
				   .checksum_ok = true };
	struct outcome got = { SILENCE, ELEVEN_CLOSED };

	seg.seq = seq_add(s->their_iss, p->nxt + (uint32_t)seqs[seq]);
	seg.ack = seq_add(s->our_iss, p->ack + (uint32_t)acks[ack]);
	assert_int_equal(segment_emit_header(bytes, &seg), 20);
	bytes[12] = (uint8_t)(bytes[12] | flags >> 8);
	bytes[13] = (uint8_t)flags;
	tcp_segment_arrives(s->tcp, &arrival, s->now);
	if (out_any(s)) {
		got.answer = s->last.rst ? RESET : s->last.syn ? SYN_ACK : ACKNOWLEDGE;
		if (got.answer == RESET && flags & 16)          /* §3.5.2: with the number the peer expects */
			assert_true(seq_eq(s->last.seq, seg.ack) && !s->last.has_ack);
		if (got.answer == RESET && !(flags & 16))
			assert_int_equal(s->last.ack.value, seg.seq.value + !!(flags & 1) + !!(flags & 2));
		assert_false(flags & 4);                /* V44: a RST is never answered */
		assert_false(out_any(s));
	}
	got.state = state_now(s);
	if (p->state == ELEVEN_LISTEN && got.state == ELEVEN_CLOSED)
		got.state = ELEVEN_LISTEN;
	return got;
}

static void test_V43_V44_every_flag_in_every_state(void **state)
{
	unsigned cells = 0, wrong = 0;
	struct eleven_config *config = &((struct script *)*state)->config;

	config->buffer_bytes = 16 << 10;        /* it begins anew for each cell */
	config->send_buffer = config->receive_buffer = 4 << 10;
	config->connections_max = config->time_wait_max = config->syn_received_max = config->replies_max = 4;
	config->sent_records_max = 16;
	config->reassembly_max = 1;
	config->gaps_max = 4;
	for (unsigned at = 0; at < ELEVEN_STATES; at++)
		for (unsigned flags = 0; flags < 512; flags++)
			for (unsigned class = 0; class < 9; class++) {
				struct script *s = *state;
				const struct place *p = &places[at];
				unsigned seq = class % 3, ack = class / 3;
				struct outcome want, got;

				restart(s);
				p->to(s);
				want = at <= ELEVEN_SYN_SENT ? expect_unsynchronized(p->state, flags, ack)
							     : expect_synchronized(p->state, flags, seq, ack);
				got = cell(s, p, flags, seq, ack);
				cells++;
				if (want.answer == got.answer && want.state == got.state)
					continue;
				if (wrong++ < 20)
					print_error("%s flags %03x seq %u ack %u: %s and %s, expected %s and %s\n",
						    state_names[at], flags, seq, ack, answer_names[got.answer],
						    state_names[got.state], answer_names[want.answer],
						    state_names[want.state]);
			}
	assert_int_equal(cells, 50688);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ATTACK(test_V43_V44_every_flag_in_every_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
