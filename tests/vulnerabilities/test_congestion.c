/* SPDX-License-Identifier: MIT */
/* Receivers that lie to get more, or to stop a sender (tests/vulnerabilities.tsv, V64 to V75). */
#include "attack.h"

#include "base/random.h"

static void to_sending(struct script *s, uint32_t bytes)
{
	restart(s);
	to_established(s);
	give(s, bytes);
	drain(s);
}

static uint32_t acked(struct script *s)
{
	return status_of(s).snd_una - s->our_iss.value;
}

/* ACKs of what was not sent yet: the window does not open, and nothing is believed. */
static void test_V66_optimistic_ACKs(void **state)
{
	struct script *s = *state;
	uint64_t cwnd;

	to_sending(s, 30000);
	cwnd = status_of(s).cwnd;
	for (unsigned i = 1; i < 100; i++) {
		in_f(s, ". 1:1(0) ack %u win 65535", status_of(s).snd_max - s->our_iss.value + 1460 * i);
		drain(s);
		assert_int_equal(status_of(s).cwnd, cwnd);
		assert_int_equal(acked(s), 1);
	}
}

/* One segment acknowledged in as many pieces as it has bytes: the window grows by its bytes, as by one ACK. */
static void test_V67_ACK_division(void **state)
{
	struct script *s = *state;
	uint64_t cwnd;

	to_sending(s, 30000);
	cwnd = status_of(s).cwnd;
	for (unsigned i = 2; i <= 1461; i++)
		in_f(s, ". 1:1(0) ack %u win 65535", i);
	assert_int_equal(acked(s), 1461);
	assert_true(status_of(s).cwnd <= cwnd + 1460);
}

/* The same ACK a thousand times: no more goes out than was in flight, and what three of them allow. */
static void test_V68_spoofed_duplicates(void **state)
{
	for (unsigned sacked = 0; sacked < 2; sacked++) {
		struct script *s = *state;
		uint64_t flight, sent = 0;

		restart(s);
		s->sack = sacked;
		to_established(s);
		give(s, 60000);
		drain(s);
		flight = status_of(s).flight;
		for (unsigned i = 0; i < 1000; i++) {
			in(s, ". 1:1(0) ack 1 win 65535");
			while (out_any(s))
				sent += s->last.text_bytes;
		}
		assert_true(sent <= flight + 4 * 1460);
	}
}

/*
 * The ways of TCPwn (NDSS 2018), as what an acknowledger may say: ahead, late, in pieces, again and again, back and
 * forth, of lost text, bursts, none.  What a sender has out never passes cwnd and window, what is acknowledged never
 * goes back, and when the lies end everything is delivered.
 */
static void test_V69_V75_lying_acknowledgers(void **state)
{
	enum { AHEAD, LATE, PIECES, AGAIN, SAWTOOTH, LOST, BURSTS, SILENT, WINDOW, STALE, MIXED, WAYS };

	for (unsigned way = 0; way < WAYS; way++)
		for (unsigned seed = 0; seed < 10; seed++) {
			struct script *s = *state;
			struct random random;
			uint32_t una = 1;

			s->config.seed = seed + 1;
			restart(s);
			s->sack = seed % 2;
			random_seed(&random, seed);
			to_established(s);
			tcp_send(s->tcp, s->h, zeros, 60000, 0, s->now);
			for (unsigned i = 0; i < 300; i++) {
				struct eleven_status status = status_of(s);
				uint32_t max = status.snd_max - s->our_iss.value, ack = una, window = 65535;
				unsigned kind = way == MIXED ? (unsigned)random_below(&random, MIXED) : way, times = 1;
				uint64_t before = status.cwnd;

				if (kind == AHEAD)
					ack = max + (uint32_t)random_below(&random, 20000);
				else if (kind == PIECES)
					ack = una + 1 < max ? una + 1 : max;
				else if (kind == LATE || kind == BURSTS)
					ack = i % 20 == 0 ? max : una;
				else if (kind == SAWTOOTH)
					ack = i % 2 ? max : una - (uint32_t)random_below(&random, 3000);
				else if (kind == LOST)
					ack = max;
				else if (kind == STALE)
					ack = una - 1 - (uint32_t)random_below(&random, 70000);
				else if (kind == WINDOW)
					window = i % 3 ? 65535 : (uint32_t)random_below(&random, 2000);
				times = kind == AGAIN || kind == BURSTS ? 10 : kind == SILENT ? 0 : 1;
				for (; times > 0; times--)
					in_f(s, ". 1:1(0) ack %u win %u", ack, window);
				status = status_of(s);
				/* V75: what acknowledges something new outside of repair takes nothing away. */
				if (status.snd_una - s->our_iss.value > una && status.phase == 0 && kind == LOST)
					assert_true(status.cwnd >= before || status.cwnd >= status.ssthresh);
				assert_true(status.snd_una - s->our_iss.value >= una);
				una = status.snd_una - s->our_iss.value;
				drain(s);
				status = status_of(s);
				assert_true(status.state == ELEVEN_ESTABLISHED);
				assert_true(status.flight <= (status.cwnd > 65535 ? status.cwnd : 65535) + 3 * 1460);
				assert_true(status.snd_max - status.snd_una <= 65535 + 1);
				pass(s, MS(1 + random_below(&random, 50)));
				drain(s);
				if (i % 10 == 0)
					tcp_send(s->tcp, s->h, zeros, 3000, 0, s->now);
			}
			for (unsigned i = 0; i < 3000 && status_of(s).send_queue > 0; i++) {   /* the truth again */
				in_f(s, ". 1:1(0) ack %u win 65535", status_of(s).snd_max - s->our_iss.value);
				drain(s);
				pass(s, MS(100));
				drain(s);
			}
			assert_int_equal(status_of(s).send_queue, 0);
		}
}

/* Everything lost in bursts at each RTO: it stands still as long as that lasts, and no longer than a timeout more. */
static void test_V70_shrew(void **state)
{
	struct script *s = *state;
	unsigned rounds = 0;
	uint64_t healed;

	to_sending(s, 30000);
	for (unsigned i = 0; i < 10; i++) {
		uint64_t rto = status_of(s).rto;

		pass(s, rto);
		drain(s);                       /* lost */
		assert_true(status_of(s).rto <= s->config.rto_most);
	}
	healed = s->now;
	while (status_of(s).send_queue > 0) {
		pass(s, MS(50));
		while (out_any(s))
			in_f(s, ". 1:1(0) ack %u win 65535", s->last.seq.value - s->our_iss.value + s->last.text_bytes);
		assert_true(++rounds < 10000);
	}
	assert_true(s->now - healed <= SEC(240));
}

/* A reader of one byte and a writer of one byte: segments are not small for it (both sides of the syndrome). */
static void test_V74_silly_windows(void **state)
{
	struct script *s = *state;
	unsigned segments = 0, updates = 0;
	uint32_t edge = 0;

	s->config.receive_buffer = 8 << 10;
	restart(s);
	to_established(s);
	while (status_of(s).rcv_wnd > 1460) {
		unsigned at = status_of(s).rcv_nxt - status_of(s).irs;

		in_f(s, ". %u:%u(1460) ack 1 win 65535", at, at + 1460);
		drain(s);
	}
	for (unsigned i = 0; i < 8000; i++) {
		char byte;

		tcp_receive(s->tcp, s->h, &byte, 1, s->now);
		while (out_any(s)) {
			uint32_t now = s->last.ack.value + s->last.window;

			if (edge && now != edge)
				updates++;
			edge = now;
		}
	}
	assert_true(updates <= 8000 / 1460 * 2 + 2);
	restart(s);
	to_established(s);
	for (unsigned i = 0; i < 30000; i++) {
		give(s, 1);
		while (out_any(s)) {
			segments++;
			if (s->last.text_bytes == 1460)
				in_f(s, ". 1:1(0) ack %u win 65535", s->last.seq.value - s->our_iss.value + 1460);
		}
		if (i % 1460 == 0)
			in_f(s, ". 1:1(0) ack %u win 65535", status_of(s).snd_max - s->our_iss.value);
	}
	assert_true(segments <= 2 * (30000 / 1460 + 2));
}

/* Zero where numbers divide: no sample, no window, a round trip of 0, a rate of 0, and the largest of all. */
static void test_V64_V65_extreme_numbers(void **state)
{
	for (unsigned controller = 0; controller < 2; controller++)
		for (unsigned what = 0; what < 6; what++) {
			struct script *s = *state;

			s->config.congestion = controller;
			s->config.pacing = what % 2;
			restart(s);
			to_established(s);
			option(s, ELEVEN_OPTION_CONGESTION, controller);
			if (what == 0)
				in(s, ". 1:1(0) ack 1 win 0");
			for (unsigned i = 0; i < 200; i++) {
				tcp_send(s->tcp, s->h, zeros, 3000, 0, s->now);
				drain(s);
				if (what == 2)
					s->now += SEC(86400);           /* RTT of a day */
				else if (what > 2)
					pass(s, i % 3 ? 0 : 1);         /* none, one nanosecond */
				if (what == 4)
					error_arrives(s, seq_of(status_of(s).snd_una), EMSGSIZE, false, 68 + i);
				in_f(s, ". 1:1(0) ack %u win %u", status_of(s).snd_max - s->our_iss.value,
				     what == 0 ? i % 2 : what == 5 ? 1 : 65535);
				assert_true(status_of(s).rto >= s->config.rto_least);
				assert_true(status_of(s).cwnd >= 1);
				if (what == 5)
					pass(s, SEC(1));
			}
			state_is(s, ELEVEN_ESTABLISHED);
		}
}

/* Counters near their end: the stack's time and a connection's bytes go on over it. */
static void test_V65_counters_near_their_end(void **state)
{
	struct script *s = *state;
	struct tcb *tcb;

	to_sending(s, 1000);
	tcb = tcb_of(s->tcp, s->h);
	tcb->segments_in = tcb->segments_out = tcb->bytes_in = tcb->bytes_out = UINT64_MAX - 3;
	tcb->retransmitted_segments = tcb->retransmitted_bytes = tcb->delivered = UINT64_MAX - 3;
	tcb->retries = UINT8_MAX - 1;
	s->config.retries_max = s->tcp->config.retries_max = 255;
	for (unsigned i = 0; i < 20; i++) {
		in_f(s, "P. %u:%u(10) ack %u win 65535", 1 + 10 * i, 11 + 10 * i,
		     status_of(s).snd_max - s->our_iss.value);
		assert_int_equal(take(s), 10);
		give(s, 100);
		drain(s);
	}
	pass(s, SEC(1));
	drain(s);
	state_is(s, ELEVEN_ESTABLISHED);
}

/* Every ICMP error, at every moment of the handshake: told once, by the call that asks, and nothing else is hurt. */
static void test_V76_V82_errors_in_the_handshake(void **state)
{
	static const struct { int error; bool hard; } errors[] = {
		{ ENETUNREACH, false }, { EHOSTUNREACH, false }, { ECONNREFUSED, true }, { EPROTO, true },
		{ EMSGSIZE, false },
	};

	for (unsigned i = 0; i < 5; i++)
		for (unsigned when = 0; when < 4; when++) {
			struct script *s = *state;
			struct eleven_status status;

			restart(s);
			if (when == 0)
				to_syn_sent(s);
			else if (when == 1)
				to_syn_received(s);
			else if (when == 2)
				to_syn_received_active(s);
			else
				to_established(s);
			for (unsigned twice = 0; twice < 2; twice++)
				error_arrives(s, s->our_iss, errors[i].error, errors[i].hard,
					      errors[i].error == EMSGSIZE ? 600 : 0);
			if (when == 3) {
				state_is(s, ELEVEN_ESTABLISHED);
				continue;
			}
			if (when == 1)
				continue;
			assert_int_equal(tcp_status(s->tcp, s->h, &status), 0);
			assert_int_equal(status.state == ELEVEN_CLOSED, errors[i].hard);
			if (errors[i].hard) {
				assert_int_equal(status.error, errors[i].error);
				assert_int_equal(tcp_receive(s->tcp, s->h, &status, 1, s->now), -errors[i].error);
				assert_int_not_equal(tcp_receive(s->tcp, s->h, &status, 1, s->now), -errors[i].error);
			}
			assert_int_equal(tcp_abort(s->tcp, s->h, s->now), 0);
			error_arrives(s, s->our_iss, errors[i].error, errors[i].hard, 0);
			assert_int_equal(tcp_status(s->tcp, s->h, &status), -EBADF);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ATTACK(test_V66_optimistic_ACKs),
		ATTACK(test_V67_ACK_division),
		ATTACK(test_V68_spoofed_duplicates),
		ATTACK(test_V69_V75_lying_acknowledgers),
		ATTACK(test_V70_shrew),
		ATTACK(test_V74_silly_windows),
		ATTACK(test_V64_V65_extreme_numbers),
		ATTACK(test_V65_counters_near_their_end),
		ATTACK(test_V76_V82_errors_in_the_handshake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
