/* SPDX-License-Identifier: MIT */
/* What nobody may learn or foresee (tests/vulnerabilities.tsv, V26 to V39): numbers, ports, other people's traffic. */
#include "attack.h"

#include "base/random.h"
#include "tcp/options.h"

/* ---- what one connection shows, while others are attacked or not */

#define SHOWN_MAX 65536

struct shown {
	uint8_t bytes[SHOWN_MAX];
	size_t n;
};

/* All that goes out; what goes to `port` is written down, with its time. */
static void show(struct script *s, struct shown *shown, uint16_t port)
{
	while (out_any(s)) {
		if (s->last.destination_port != port)
			continue;
		assert_true(shown->n + 100 + s->last.text_bytes < SHOWN_MAX);
		memcpy(shown->bytes + shown->n, &s->now, 8);
		memcpy(shown->bytes + shown->n + 8, s->last_out.header, s->last_out.header_bytes);
		shown->n += 8u + s->last_out.header_bytes;
		shown->bytes[shown->n++] = s->last_out.tos;
		shown->bytes[shown->n++] = s->last_out.ttl;
		memcpy(shown->bytes + shown->n, s->last.text, s->last.text_bytes);
		shown->n += s->last.text_bytes;
	}
}

static void attack_others(struct script *s, struct random *random, unsigned amount)
{
	static const char *const segments[] = {
		"R 5:5(0)", "S 5:5(0) win 9", ". 1:1(0) ack 99999 win 9", "P. 1:11(10) ack 1 win 9",
		". 90000000:90000000(0) ack 1", "R. 100:100(0) ack 1", "P. 40:50(10) ack 1 win 9",
		"F. 30:30(0) ack 1 win 9", "S 9:9(0) win 9",
	};
	struct seq iss = s->our_iss;
	uint16_t port = s->their_port;

	for (unsigned i = 0; i < amount; i++) {
		s->their_port = (uint16_t)(50000 + random_below(random, 20));
		in(s, segments[random_below(random, sizeof(segments) / sizeof(segments[0]))]);
	}
	s->their_port = port;
	s->our_iss = iss;
}

/* The life of one connection among twenty others, which are left alone or attacked with `amount` segments a step. */
static void life(struct script *s, struct shown *shown, unsigned amount)
{
	struct random random;
	uint16_t mine = s->their_port;

	memset(shown, 0, sizeof(*shown));
	random_seed(&random, 5);
	to_listen(s);
	for (unsigned i = 0; i < 20; i++) {
		eleven_handle other;

		s->their_port = (uint16_t)(50000 + i);
		s->our_iss_known = false;
		in(s, "S 0:0(0) win 65535 <mss 1460>");
		assert_true(out_any(s));
		in(s, ". 1:1(0) ack 1 win 65535");
		assert_int_equal(tcp_accept(s->tcp, s->listener, &other, s->now), 0);
	}
	s->their_port = mine;
	s->our_iss_known = false;
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	show(s, shown, mine);
	in(s, ". 1:1(0) ack 1 win 65535");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	for (unsigned step = 0; step < 100; step++) {
		attack_others(s, &random, amount);
		if (step % 7 == 0) {
			tcp_send(s->tcp, s->h, zeros, 100, 0, s->now);
			show(s, shown, mine);
		}
		if (step % 11 == 0)             /* the spy's probe into the window of the other */
			in(s, "R 77:77(0)");
		if (step % 13 == 0)
			in(s, "S 99:99(0) win 9");
		if (step % 17 == 0)
			in_f(s, "P. %u:%u(10) ack 1 win 65535", 1 + step / 17 * 10, 11 + step / 17 * 10);
		show(s, shown, mine);
		pass(s, MS(20));
		show(s, shown, mine);
	}
}

/* Nothing that is done to twenty connections changes a bit, or the moment, of what another one sends. */
static void test_V26_V30_V35_no_interference(void **state)
{
	static const unsigned amounts[] = { 0, 1, 100 };
	static struct shown quiet_life, loud_life;
	struct script *s = *state;

	for (unsigned i = 0; i < 3; i++) {
		s->config.timestamps = 0;
		restart(s);
		life(s, i ? &loud_life : &quiet_life, amounts[i]);
		assert_true(quiet_life.n > 500);
		if (i)
			assert_memory_equal(&quiet_life, &loud_life, sizeof(quiet_life));
	}
	assert_true(taken(s, RULE_CHALLENGE_LIMITED) > 100);    /* others' challenges did run out */
}

/* ---- numbers */

/* Initial numbers of many peers: every byte is like any other, and the number of one follows the clock of 4 us. */
static void test_V32_initial_numbers(void **state)
{
	struct script *s = *state;
	static uint32_t count[4][256];
	struct tuple tuple = { s->us, s->them, OUR_PORT, 0 };
	enum { NUMBERS = 1 << 18 };
	uint32_t first;

	memset(count, 0, sizeof(count));
	for (uint32_t i = 0; i < NUMBERS; i++) {
		uint32_t iss;

		tuple.remote = address_v4(0x0a000000 + (i >> 10));
		tuple.remote_port = (uint16_t)(i & 1023);
		iss = iss_choose(s->tcp, &tuple).value;
		for (unsigned b = 0; b < 4; b++)
			count[b][iss >> (8 * b) & 255]++;
	}
	for (unsigned b = 0; b < 4; b++) {
		double chi = 0, expected = NUMBERS / 256.0;

		for (unsigned i = 0; i < 256; i++)
			chi += (count[b][i] - expected) * (count[b][i] - expected) / expected;
		assert_true(chi > 150 && chi < 380);    /* 255 degrees: 1e-6 on either side */
	}
	first = iss_choose(s->tcp, &tuple).value;
	for (unsigned i = 1; i < 1000; i++) {
		s->tcp->now += US(4000);
		assert_int_equal(iss_choose(s->tcp, &tuple).value - first, 1000 * i);
	}
}

/* Stacks whose secrets differ in one bit have nothing in common; so have all keys of one. */
static void test_V33_secrets(void **state)
{
	for (unsigned bit = 0; bit < 128; bit++) {
		struct script *s = *state;
		struct siphash_key keys[2][4];
		struct tuple tuple = { s->us, s->them, OUR_PORT, 99 };
		uint32_t iss[2];

		for (unsigned i = 0; i < 2; i++) {
			s->config.secret[0] = 0x1234;
			s->config.secret[1] = 0x5678;
			s->config.secret[bit / 64] ^= (uint64_t)i << bit % 64;
			restart(s);
			keys[i][0] = s->tcp->table_key;
			keys[i][1] = s->tcp->iss_key;
			keys[i][2] = s->tcp->fast_open_key[0];
			keys[i][3] = s->tcp->port_key;
			iss[i] = iss_choose(s->tcp, &tuple).value;
		}
		assert_true(iss[0] != iss[1]);
		for (unsigned a = 0; a < 4; a++)
			for (unsigned b = 0; b < 4; b++)
				assert_true(keys[0][a].k0 != keys[1][b].k0 && keys[0][a].k1 != keys[1][b].k1 &&
					    (a == b || keys[0][a].k0 != keys[0][b].k0));
	}
}

static uint16_t port_to(struct script *s, uint32_t remote, uint16_t port)
{
	struct address address = address_v4(remote);
	struct eleven_status status;
	eleven_handle h;

	assert_int_equal(tcp_open(s->tcp, &h, s->now), 0);
	assert_int_equal(tcp_connect(s->tcp, h, &s->us, 0, &address, port, s->now), 0);
	assert_int_equal(tcp_status(s->tcp, h, &status), 0);
	assert_int_equal(tcp_abort(s->tcp, h, s->now), 0);
	drain(s);
	return status.local.port;
}

/* The ports that one destination sees do not tell how many went elsewhere. */
static void test_V34_ports(void **state)
{
	enum { LINES = 40 };
	uint16_t alone[LINES], among[LINES];
	unsigned different = 0;

	for (unsigned run = 0; run < 2; run++) {
		struct script *s = *state;

		s->config.connections_max = 4096;       /* as many counters */
		restart(s);
		for (unsigned i = 0; i < LINES; i++) {
			for (unsigned other = 0; run == 1 && other < 20; other++)
				port_to(s, 0xc0000200 + other, 443);
			(run ? among : alone)[i] = port_to(s, 0xc6336401, 443);
		}
	}
	for (unsigned i = 0; i < LINES; i++)
		different += alone[i] != among[i];
	assert_int_equal(different, 0);
	assert_true(alone[0] != port_to(*state, 0xc6336402, 443));
}

/* A cookie of other endpoints, another number, another time, or guessed, opens nothing. */
static void test_V39_cookies(void **state)
{
	struct script *s = *state;
	struct random random;

	s->config.syn_received_max = 1;
	restart(s);
	to_listen(s);
	random_seed(&random, 3);
	for (unsigned i = 0; i < 20; i++) {
		s->their_port = (uint16_t)(1000 + i);
		in(s, "S 0:0(0) win 65535 <mss 1460>");
		s->our_iss_known = false;
		drain(s);
	}
	assert_true(taken(s, RULE_LISTEN_COOKIE) > 0);
	in_f(s, ". 1:1(0) ack 1 win 65535");            /* of the last: it is a good one */
	assert_int_equal(taken(s, RULE_LISTEN_COOKIE_ACK), 1);
	s->their_port++;
	in_f(s, ". 1:1(0) ack 1 win 65535");            /* another port */
	in_f(s, ". 2:2(0) ack 1 win 65535");            /* another number of the peer */
	for (unsigned i = 0; i < 100000; i++)
		in_f(s, ". 1:1(0) ack %u win 65535", (unsigned)random_next(&random));
	drain(s);
	assert_in_range(taken(s, RULE_LISTEN_COOKIE_ACK), 1, 2);        /* 24 bits: one guess in 16 million */
	s->their_port--;
	s->our_iss_known = false;
	restart(s);
	to_listen(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ATTACK(test_V26_V30_V35_no_interference),
		ATTACK(test_V32_initial_numbers),
		ATTACK(test_V33_secrets),
		ATTACK(test_V34_ports),
		ATTACK(test_V39_cookies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
