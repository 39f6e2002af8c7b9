/* SPDX-License-Identifier: MIT */
/*
 * Floods (tests/vulnerabilities.tsv, V51 to V62): memory is bounded, whoever was there goes on, and all is given back.
 * ELEVEN_FULL=1, as `make nightly` has it, takes the sizes of the table; without it they last seconds.
 */
#include "attack.h"

#include "base/random.h"

static unsigned size_of(unsigned quick, unsigned full)
{
	return getenv("ELEVEN_FULL") ? full : quick;
}

/* A segment straight from its fields: a flood spends no time on text. */
static void in_raw(struct script *s, uint32_t from, uint16_t port, uint8_t flags, uint32_t seq, uint32_t ack,
		   uint16_t window, uint32_t text_bytes)
{
	static const uint8_t zero[1460];
	uint8_t bytes[20 + sizeof(zero)];
	struct segment seg = { .seq = seq_of(seq), .ack = seq_of(ack), .window = window, .source_port = port,
			       .destination_port = s->our_port, .syn = flags & 2, .fin = flags & 1, .rst = flags & 4,
			       .has_ack = flags & 16 };
	struct arrival arrival = { .source = address_v4(from), .destination = s->us, .bytes = bytes,
				   .checksum_ok = true };

	arrival.length = segment_emit_header(bytes, &seg) + text_bytes;
	memset(bytes + arrival.length - text_bytes, 0, text_bytes);
	tcp_segment_arrives(s->tcp, &arrival, s->now);
}

/* A connection of a peer of the test's own choosing: its handle, and our number. */
static eleven_handle connect_from(struct script *s, uint32_t from, uint16_t port, uint16_t window, uint32_t *iss)
{
	eleven_handle h = 0;

	in_raw(s, from, port, 2, 1000, 0, 65535, 0);
	if (!out_any(s))
		return 0;
	*iss = s->last.seq.value;
	in_raw(s, from, port, 16, 1001, *iss + 1, window, 0);
	if (tcp_accept(s->tcp, s->listener, &h, s->now) != 0)
		return 0;
	return h;
}

static void listen_wide(struct script *s)
{
	struct address any = address_v4(0);

	assert_int_equal(tcp_open(s->tcp, &s->listener, s->now), 0);
	assert_int_equal(tcp_bind(s->tcp, s->listener, &any, s->our_port, 0, s->now), 0);
	assert_int_equal(tcp_listen(s->tcp, s->listener, 128, s->now), 0);
}

/* SYNs from everywhere that nobody answers for: records stay within their bound, and honest clients get through. */
static void test_V51_SYN_flood(void **state)
{
	struct script *s = *state;
	unsigned syns = size_of(300000, 10000000), tried = 0, made = 0;
	struct random random;

	s->config.syn_received_max = 256;
	s->config.connections_max = 16;
	restart(s);
	listen_wide(s);
	random_seed(&random, 1);
	for (unsigned i = 0; i < syns; i++) {
		uint64_t chance = random_next(&random);

		in_raw(s, chance & 0x5fffffff, (uint16_t)(chance >> 32), 2, (uint32_t)(chance >> 20), 0, 65535, 0);
		while (tcp_output_next(s->tcp, &(const struct tuple *){ NULL }, &(uint8_t){ 0 }, s->now))
			tcp_output_park(s->tcp);        /* the answers are lost */
		s->now += US(10);
		if (i % 1000 == 999) {
			uint32_t iss;
			eleven_handle h = connect_from(s, 0x60000001, (uint16_t)(i / 1000 + 1), 65535, &iss);

			tried++;
			made += h != 0;
			if (h)
				tcp_abort(s->tcp, h, s->now);
			drain(s);
			signals_of(s, 0);
		}
		assert_true(s->tcp->syn_received.used <= 256);
	}
	print_message("V51: %u SYNs held %u records of %zu bytes, no buffer, %u TCB; %u of %u honest clients got in\n",
		      syns, s->tcp->syn_received.used, sizeof(struct syn_received), s->tcp->tcbs.used, made, tried);
	assert_int_equal(buffers_used_bytes(&s->tcp->buffers), 0);
	assert_true(made * 100 >= tried * 99);
}

/* Peers that shut their window and keep it shut: what they pin is bounded, another is served, and time ends them. */
static void test_V52_V59_sockstress(void **state)
{
	struct script *s = *state;
	unsigned peers = size_of(1000, 100000), held = 0;
	struct eleven_status status;
	uint64_t cursor = 0, most;
	eleven_handle h;
	uint32_t iss;

	s->config.connections_max = peers + 8;
	s->config.buffer_bytes = 16u << 20;
	s->config.sent_records_max = 4096;
	s->config.user_timeout = SEC(120);
	restart(s);
	most = s->config.buffer_bytes;
	listen_wide(s);
	for (unsigned i = 0; i < peers; i++) {
		h = connect_from(s, 0x60000000 + i / 1000, (uint16_t)(i % 1000 + 1), 0, &iss);
		assert_true(h != 0);
		tcp_send(s->tcp, h, zeros, 65536, 0, s->now);
		held++;
		drain(s);
		assert_true(buffers_used_bytes(&s->tcp->buffers) <= most);
	}
	print_message("V52: %u peers with window 0: %llu of %llu buffer bytes, %zu bytes a TCB\n", peers,
		      (unsigned long long)buffers_used_bytes(&s->tcp->buffers), (unsigned long long)most,
		      sizeof(struct tcb));
	while (tcp_status_next(s->tcp, &cursor, &status))       /* the tools can name them */
		if (status.sub & ELEVEN_SUB_ZERO_WINDOW)
			held--;
	assert_int_equal(held, 0);
	h = connect_from(s, 0x6fffffff, 1, 65535, &iss);        /* one who reads is served all the same */
	assert_true(h != 0);
	in_raw(s, 0x6fffffff, 1, 16, 1001, iss + 1, 65535, 100);
	assert_int_equal(tcp_receive(s->tcp, h, (char[200]){ 0 }, 200, s->now), 100);
	tcp_abort(s->tcp, h, s->now);
	pass(s, SEC(400));                                      /* the user timeout ends them */
	drain(s);
	signals_of(s, 0);
	cursor = 0;
	while (tcp_status_next(s->tcp, &cursor, &status))
		assert_true(status.state == ELEVEN_CLOSED || status.send_queue == 0 || status.state == ELEVEN_LISTEN);
	assert_int_equal(buffers_used_bytes(&s->tcp->buffers), 0);
}

/* Peers that open and vanish: an idle connection owns its TCB and no more, and keep-alive ends it. */
static void test_V53_NAPTHA(void **state)
{
	struct script *s = *state;
	unsigned peers = 500;
	eleven_handle h[500];
	uint32_t iss;

	s->config.connections_max = peers + 1;
	restart(s);
	listen_wide(s);
	for (unsigned i = 0; i < peers; i++) {
		h[i] = connect_from(s, 0x60000000, (uint16_t)(i + 1), 65535, &iss);
		assert_true(h[i] != 0);
		assert_int_equal(tcp_option_set(s->tcp, h[i], ELEVEN_OPTION_KEEPALIVE, 1, s->now), 0);
	}
	print_message("V53: an idle connection takes %zu bytes and %llu of buffer\n", sizeof(struct tcb),
		      (unsigned long long)buffers_used_bytes(&s->tcp->buffers));
	assert_true(sizeof(struct tcb) <= 1024);
	assert_int_equal(buffers_used_bytes(&s->tcp->buffers), 0);
	assert_int_equal(s->tcp->reassembly.used, 0);
	for (unsigned hour = 0; hour < 3; hour++) {
		pass(s, SEC(3600));
		drain(s);
	}
	for (unsigned i = 0; i < peers; i++) {
		struct eleven_status status;

		assert_int_equal(tcp_status(s->tcp, h[i], &status), 0);
		assert_int_equal(status.state, ELEVEN_CLOSED);
	}
}

/* Closed by the program, with a peer that never gives up its hold: whatever it does, the connection goes. */
static void test_V54_closed_connections_go(void **state)
{
	for (unsigned manner = 0; manner < 6; manner++) {
		struct script *s = *state;
		uint64_t end;

		restart(s);
		to_established(s);
		if (manner < 4)
			give(s, 5000);
		drain(s);
		if (manner == 0 || manner == 3)
			in(s, ". 1:1(0) ack 1 win 0");
		assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
		drain(s);
		if (manner == 4)
			in(s, ". 1:1(0) ack 2 win 9");          /* FIN-WAIT-2 */
		end = s->now + SEC(3600);
		while (s->now < end && state_now(s) != ELEVEN_CLOSED) {
			pass(s, MS(100));
			while (out_any(s) && !s->last.rst)
				if (manner == 0)                /* probes are answered: still closed */
					in(s, ". 1:1(0) ack 1 win 0");
				else if (manner == 1)           /* and old ACKs */
					in(s, ". 1:1(0) ack 1 win 65535");
				else if (manner == 4)
					in(s, ". 1:1(0) ack 2 win 9");
			if (manner == 3)                        /* window 0, again and again, unasked */
				in(s, ". 1:1(0) ack 1 win 0");
		}
		if (s->now >= end)
			fail_msg("manner %u: still in %s after an hour", manner, state_names[state_now(s)]);
		signals_of(s, 0);
		drain(s);
		pass(s, SEC(130));
		assert_int_equal(s->tcp->tcbs.used, 1);         /* the listener */
		assert_int_equal(buffers_used_bytes(&s->tcp->buffers), 0);
	}
}

/* One byte here and there behind a gap: ranges and bytes within their bounds, and all of it is put together at last. */
static void test_V55_V56_segment_smack(void **state)
{
	struct script *s = *state;
	unsigned segments = size_of(100000, 5000000), wakes = 0;
	struct eleven_signal signal;
	uint32_t window, base;
	struct random random;

	s->config.gaps_max = 64;
	restart(s);
	s->sack = true;
	to_established(s);
	signals_of(s, 0);
	window = status_of(s).rcv_wnd;
	base = s->their_iss.value + 1;
	random_seed(&random, 9);
	for (unsigned i = 0; i < segments; i++) {
		uint32_t at = 2 + (uint32_t)random_below(&random, window - 3);

		in_raw(s, address_v4_value(&s->them), s->their_port, 16, base + at, s->our_iss.value + 1, 65535, 1);
		if (i % 64 == 0)
			drain(s);
		assert_true(s->tcp->reassembly.used <= 1);
	}
	assert_true(reassembly_of(s->tcp, tcb_of(s->tcp, s->h))->count <= 64);
	print_message("V55: %u segments of a byte: %llu buffer bytes for a window of %u, at most 64 ranges\n", segments,
		      (unsigned long long)buffers_used_bytes(&s->tcp->buffers), window);
	assert_true(buffers_used_bytes(&s->tcp->buffers) <= 2 * 65536);
	for (uint32_t at = 0; at < window; at += 1000)
		in_raw(s, address_v4_value(&s->them), s->their_port, 16, base + at, s->our_iss.value + 1, 65535,
		       window - at < 1000 ? window - at : 1000);
	while (tcp_signal(s->tcp, &signal))     /* V56: however many came, one signal */
		wakes += signal.connection == s->h;
	assert_int_equal(wakes, 1);
	assert_int_equal(take(s), window);
}

/* Probes of a closed window, and retransmissions, for a year: ever rarer up to a bound, and no count overflows. */
static void test_V57_timers_back_off(void **state)
{
	for (unsigned manner = 0; manner < 2; manner++) {
		struct script *s = *state;
		unsigned sent = 0, last_day = 0;

		s->config.retries_max = 255;
		restart(s);
		to_established(s);
		if (manner == 0)
			in(s, ". 1:1(0) ack 1 win 0");
		give(s, 100);
		for (unsigned day = 0; day < 30; day++) {
			last_day = 0;
			for (unsigned minute = 0; minute < 24 * 60; minute++) {
				unsigned in_minute = 0;

				pass(s, SEC(60));
				while (out_any(s)) {
					in_minute++;
					if (manner == 0)
						in(s, ". 1:1(0) ack 1 win 0");
				}
				assert_true(in_minute <= 12);
				last_day += in_minute;
				sent += in_minute;
			}
		}
		if (manner == 0) {
			state_is(s, ELEVEN_ESTABLISHED);        /* MUST-37 */
			assert_in_range(last_day, 100, 24 * 60);
			assert_true(status_of(s).rto <= s->config.rto_most);
		} else {
			state_is(s, ELEVEN_CLOSED);
			assert_true(sent <= 256);
		}
	}
}

/* Records of TIME-WAIT: small, bounded, gone in their moment, and none is walked for another. */
static void test_V62_TIME_WAIT_flood(void **state)
{
	struct script *s = *state;
	unsigned lives = size_of(20000, 1000000);
	uint32_t iss;

	s->config.time_wait_max = lives / 2;
	s->config.connections_max = 16;
	restart(s);
	listen_wide(s);
	for (unsigned i = 0; i < lives; i++) {
		uint32_t from = 0x60000000 + i / 1000;
		uint16_t port = (uint16_t)(i % 1000 + 1);
		eleven_handle h = connect_from(s, from, port, 65535, &iss);

		assert_true(h != 0);
		assert_int_equal(tcp_close(s->tcp, h, s->now), 0);
		drain(s);
		in_raw(s, from, port, 17, 1001, iss + 2, 65535, 0);
		drain(s);
		signals_of(s, 0);
		assert_true(s->tcp->tcbs.used <= 2);
	}
	print_message("V62: %u closed connections: %u records of %zu bytes\n", lives, s->tcp->time_wait.used,
		      sizeof(struct time_wait));
	assert_true(sizeof(struct time_wait) <= 96);
	assert_int_equal(s->tcp->time_wait.used, lives / 2);
	pass(s, 2 * s->config.msl + SEC(1));
	assert_int_equal(s->tcp->time_wait.used, 0);
	assert_true(tcp_deadline(s->tcp) == TIME_NEVER);
}

/* A connection in the place of one that had every option set is as one in fresh memory. */
static void test_V63_nothing_is_inherited_from_the_dead(void **state)
{
	struct tcb fresh, used;

	for (unsigned before = 0; before < 2; before++) {
		struct script *s = *state;
		struct tcb *tcb;

		restart(s);
		for (unsigned i = 0; i < before * 5; i++) {
			to_established(s);
			for (unsigned option = 0; option < ELEVEN_OPTIONS; option++)
				for (uint64_t value = 1; value < 100000; value *= 60)
					tcp_option_set(s->tcp, s->h, option, value, s->now);
			in(s, "U. 1:11(10) ack 1 win 0 urg 3");
			in(s, ". 21:31(10) ack 1 win 9");
			give(s, 100);
			pass(s, SEC(1));
			drain(s);
			tcp_abort(s->tcp, s->h, s->now);
			tcp_abort(s->tcp, s->listener, s->now);
			drain(s);
			signals_of(s, 0);
			s->our_iss_known = false;
		}
		s->now = SEC(2000);
		pass(s, 0);
		s->our_iss_known = false;
		to_established(s);
		tcb = tcb_of(s->tcp, s->h);
		*(before ? &used : &fresh) = *tcb;
	}
	assert_true(used.generation != fresh.generation);
	used.generation = fresh.generation;
	used.timer = fresh.timer;               /* its place in the wheel */
	used.listener = fresh.listener;
	assert_memory_equal(&used, &fresh, sizeof(used));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ATTACK(test_V51_SYN_flood),
		ATTACK(test_V52_V59_sockstress),
		ATTACK(test_V53_NAPTHA),
		ATTACK(test_V54_closed_connections_go),
		ATTACK(test_V55_V56_segment_smack),
		ATTACK(test_V57_timers_back_off),
		ATTACK(test_V62_TIME_WAIT_flood),
		ATTACK(test_V63_nothing_is_inherited_from_the_dead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
