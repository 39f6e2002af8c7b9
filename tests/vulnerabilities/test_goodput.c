/* SPDX-License-Identifier: MIT */
/*
 * A connection under other people's floods, in virtual time: it keeps nine tenths of its goodput, and the memory of the
 * host under attack is what it was.  The attacker speaks to the receiver of the text, past the bottleneck.
 */
#include "stack/path.h"

#define SECONDS 3

enum attack { NOTHING, SYNS, RESETS, FRAGMENTS, ACKS, PINGS, GAPS, ATTACKS };

static const char *const names[] = { "nothing", "SYNs", "RSTs", "fragments", "ACKs", "echoes", "forged text" };

static uint16_t sum_of(const uint8_t *bytes, unsigned n, uint32_t sum)
{
	for (unsigned i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put32(uint8_t *at, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void forge(struct path *p, enum attack attack, uint16_t victim_port)
{
	uint8_t packet[60] = { 0x45, [8] = 64, [9] = 6, [16] = 10, [19] = 2 }, *tcp = packet + 20;
	uint32_t chance = (uint32_t)random_next(&p->random);
	struct eleven_packet in = { packet, 40, 0, ELEVEN_PACKET_CHECKSUM_OK, 0 };

	put32(packet + 12, 0x60000000 | (chance & 0xffffff));
	put32(tcp, chance << 16 | 8000);
	put32(tcp + 4, (uint32_t)random_next(&p->random));
	put32(tcp + 8, (uint32_t)random_next(&p->random));
	tcp[12] = 0x50;
	tcp[14] = 0xff;
	if (attack == SYNS) {
		tcp[13] = 2;
	} else if (attack == ACKS) {
		tcp[13] = 16;
	} else if (attack == RESETS || attack == GAPS) {        /* from the sender's address and port, blind */
		put32(packet + 12, 0x0a000001);
		put32(tcp, (uint32_t)victim_port << 16 | 8000);
		tcp[13] = attack == RESETS ? 4 : 16;
		in.length = attack == RESETS ? 40 : 50;
	} else if (attack == FRAGMENTS) {
		packet[5] = (uint8_t)chance;
		packet[4] = (uint8_t)(chance >> 8);
		packet[6] = 0x20;
		packet[7] = (uint8_t)(chance >> 16 & 31);
		packet[9] = 17;
		in.length = 60;
	} else if (attack == PINGS) {
		packet[9] = 1;
		tcp[0] = 8;
		tcp[1] = tcp[2] = tcp[3] = 0;
		put32(tcp, 8u << 24 | sum_of(tcp + 4, 16, 8 << 8));
	}
	packet[3] = (uint8_t)in.length;
	packet[10] = packet[11] = 0;
	chance = sum_of(packet, 20, 0);
	packet[10] = (uint8_t)(chance >> 8);
	packet[11] = (uint8_t)chance;
	eleven_input(p->stack[1], &in, 1, path_clock(p));
}

static uint64_t goodput(enum attack attack, struct eleven_stats *stats)
{
	struct eleven_status status;
	struct path_flow flow;
	struct path p;
	uint64_t until, next;

	path_defaults(&p, 2, 77);
	p.bits_per_second = 50000000;
	for (unsigned i = 0; i < 2; i++)
		p.config[i].syn_received_max = 64;
	path_start(&p);
	path_flow_open(&p, &flow, 0);
	assert_int_equal(eleven_status(p.stack[0], flow.sender, &status), 0);
	until = p.now + SEC(SECONDS);
	for (next = p.now; p.now < until; next += US(100)) {    /* 10000 a second */
		while (path_step(&p, next < until ? next : until))
			path_flow_turn(&p, &flow);
		path_flow_turn(&p, &flow);
		for (unsigned i = 0; i < 1 && attack != NOTHING; i++)
			forge(&p, attack, status.local.port);
		if (next % MS(1) == 0)
			path_flush(&p, 1);
	}
	eleven_stats(p.stack[1], stats);
	path_end(&p);
	return flow.received;
}

static void test_V51_V55_V85_goodput_under_floods(void **state)
{
	struct eleven_stats quiet, loud;
	uint64_t alone = goodput(NOTHING, &quiet);

	(void)state;
	assert_true(alone > SECONDS * 50000000ull / 8 / 2);
	for (enum attack attack = SYNS; attack < ATTACKS; attack++) {
		uint64_t under = goodput(attack, &loud);

		print_message("%s, 10000 a second: %llu of %llu bytes (%llu %%), %u half-open, %llu buffer bytes\n",
			      names[attack], (unsigned long long)under, (unsigned long long)alone,
			      (unsigned long long)(under * 100 / alone), loud.syn_received,
			      (unsigned long long)loud.buffer_bytes_used);
		assert_true(under * 10 >= alone * 9);
		assert_true(loud.syn_received <= 64);
		assert_true(loud.buffer_bytes_used <= 2 * quiet.buffer_bytes_used + 65536);
		assert_int_equal(loud.connections, quiet.connections);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_V51_V55_V85_goodput_under_floods),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
