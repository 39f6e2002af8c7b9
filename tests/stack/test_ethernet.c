/* SPDX-License-Identifier: MIT */
/* Two stacks on Ethernet: the first SYN waits for ARP, a neighbour that is not there ends the open softly. */
#include "stack/flow.h"

static void test_syn_waits_for_arp(void **state)
{
	eleven_handle client, server;
	struct wire w;

	(void)state;
	if (wire_is_v6()) {
		print_message("test_syn_waits_for_arp is of IPv4: ARP\n");
		skip();
	}
	wire_defaults(&w, 2, 1);
	w.kind = ELEVEN_LINK_ETHERNET;
	wire_start(&w);
	wire_listen(&w, 1, 7000);
	client = wire_connect(&w, 0, wire_address(1), 7000);
	wire_flush(&w);
	assert_int_equal(w.packets, 1);         /* the request alone */
	assert_int_equal(w.checked, 0);
	wire_run(&w, MS(4));                    /* ARP there and back, SYN, SYN-ACK */
	assert_int_equal(wire_state(&w, 0, client), ELEVEN_ESTABLISHED);
	wire_pair(&w, 7001, &client, &server);
	wire_end(&w);
}

/*
 * 1122-§2.3.2.2-R1: an answer waits for the neighbour's address, too: a SYN-ACK would come again, the RST of one who
 * is refused would not.  Somebody who knows our address already sends the SYN, without asking for it.
 */
static void test_answers_wait_for_arp(void **state)
{
	static const uint8_t syn[] = {
		2, 0, 0, 0, 0, 2,  2, 0, 0, 0, 0, 1,  8, 0,
		0x45, 0, 0, 40,  0, 0, 0, 0,  64, 6, 0x66, 0xce,  10, 0, 0, 1,  10, 0, 0, 2,
		0x10, 0, 0x1b, 0x58,  0, 0, 0, 9,  0, 0, 0, 0,  0x50, SYN, 0x10, 0,  0, 0, 0, 0,
	};
	static const uint8_t reply[] = {
		2, 0, 0, 0, 0, 2,  2, 0, 0, 0, 0, 1,  8, 6,
		0, 1, 8, 0, 6, 4, 0, 2,  2, 0, 0, 0, 0, 1, 10, 0, 0, 1,  2, 0, 0, 0, 0, 2, 10, 0, 0, 2,
	};
	uint8_t second[sizeof(syn)];
	struct eleven_packet packets[3] = {
		{ syn, sizeof(syn), 0, ELEVEN_PACKET_CHECKSUM_OK, 0 },
		{ second, sizeof(second), 0, ELEVEN_PACKET_CHECKSUM_OK, 0 },
		{ reply, sizeof(reply), 0, 0, 0 },
	};
	struct eleven_out out[8];
	struct wire w;

	(void)state;
	if (wire_is_v6()) {
		print_message("test_answers_wait_for_arp is of IPv4: ARP\n");
		skip();
	}
	wire_defaults(&w, 2, 5);
	w.kind = ELEVEN_LINK_ETHERNET;
	wire_start(&w);
	wire_listen(&w, 1, 7000);
	memcpy(second, syn, sizeof(syn));
	second[37] = 0x59;              /* port 7001, where nobody listens */
	while (eleven_output(w.stack[1], out, 8, w.now) > 0)
		;
	eleven_input(w.stack[1], packets, 2, w.now);
	assert_int_equal(eleven_output(w.stack[1], out, 8, w.now), 1);
	assert_int_equal(out[0].slice[0].bytes[13], 6);         /* ARP */
	assert_int_equal(eleven_output(w.stack[1], out, 8, w.now), 0);
	eleven_input(w.stack[1], packets + 2, 1, w.now);
	assert_int_equal(eleven_output(w.stack[1], out, 8, w.now), 2);
	assert_int_equal(out[0].slice[0].bytes[14 + 20 + 13], SYN | ACK);
	assert_int_equal(out[1].slice[0].bytes[14 + 20 + 13], RST | ACK);
	wire_end(&w);
}

/* 4861-§7.2.2-R1: of more answers than there is room for, the newer ones wait; and a flood stops nobody else. */
static void test_a_flood_of_answers_waits_in_bounds(void **state)
{
	uint8_t segment[] = {
		2, 0, 0, 0, 0, 2,  2, 0, 0, 0, 0, 9,  8, 0,
		0x45, 0, 0, 40,  0, 0, 0, 0,  64, 6, 0, 0,  10, 0, 0, 9,  10, 0, 0, 2,
		0x10, 0, 0x1b, 0x59,  0, 0, 0, 9,  0, 0, 0, 0,  0x50, SYN, 0x10, 0,  0, 0, 0, 0,
	};
	struct eleven_packet packet = { segment, sizeof(segment), 0, ELEVEN_PACKET_CHECKSUM_OK, 0 };
	eleven_handle client, server;
	struct eleven_out out[8];
	unsigned asked = 0;
	struct wire w;

	(void)state;
	if (wire_is_v6()) {
		print_message("test_a_flood_of_answers_waits_in_bounds is of IPv4: ARP\n");
		skip();
	}
	wire_defaults(&w, 2, 6);
	w.kind = ELEVEN_LINK_ETHERNET;
	w.config[1].replies_max = 4;
	wire_start(&w);
	for (unsigned i = 0; i < 100; i++) {
		uint32_t sum = 0xffff + 0x4500 + 40 + 0x4006 + 0x0a00 * 2 + 2 + (3 + i);

		segment[29] = (uint8_t)(3 + i);
		sum = (sum & 0xffff) + (sum >> 16);
		sum = (sum & 0xffff) + (sum >> 16);
		segment[24] = (uint8_t)(~sum >> 8);
		segment[25] = (uint8_t)~sum;
		eleven_input(w.stack[1], &packet, 1, w.now);
		while (eleven_output(w.stack[1], out, 8, w.now) > 0)
			asked++;
	}
	assert_in_range(asked, 2, 100);
	for (unsigned i = 0; eleven_rule(i); i++)
		if (!strcmp(eleven_rule(i)->name, "REPLY_NO_ROOM"))
			assert_int_equal(eleven_rule_count(w.stack[1], i), 98);
	wire_pair(&w, 7000, &client, &server);
	wire_end(&w);
}

static void test_arp_lost_and_repeated(void **state)
{
	eleven_handle client;
	struct wire w;

	(void)state;
	wire_defaults(&w, 2, 2);
	w.kind = ELEVEN_LINK_ETHERNET;
	wire_start(&w);
	wire_listen(&w, 1, 7000);
	w.loss_permille = 1000;
	client = wire_connect(&w, 0, wire_address(1), 7000);
	wire_run(&w, MS(500));
	w.loss_permille = 0;
	wire_run(&w, SEC(10));
	assert_int_equal(wire_state(&w, 0, client), ELEVEN_ESTABLISHED);
	wire_end(&w);
}

static void test_neighbour_not_there(void **state)
{
	struct eleven_status status;
	eleven_handle client;
	struct wire w;

	(void)state;
	wire_defaults(&w, 2, 3);
	w.kind = ELEVEN_LINK_ETHERNET;
	wire_start(&w);
	client = wire_connect(&w, 0, wire_address(9), 7000);
	wire_run(&w, SEC(300));
	assert_int_equal(eleven_status(w.stack[0], client, &status), 0);
	assert_int_equal(status.state, ELEVEN_CLOSED);
	assert_true(status.error == EHOSTUNREACH || status.error == ETIMEDOUT);
	assert_int_equal(status.soft_error, EHOSTUNREACH);
	wire_end(&w);
}

static void test_three_stacks_share_the_wire(void **state)
{
	eleven_handle h[2];
	struct wire w;

	(void)state;
	wire_defaults(&w, 3, 4);
	w.kind = ELEVEN_LINK_ETHERNET;
	wire_start(&w);
	wire_listen(&w, 2, 7000);
	h[0] = wire_connect(&w, 0, wire_address(2), 7000);
	h[1] = wire_connect(&w, 1, wire_address(2), 7000);
	wire_run(&w, SEC(1));
	assert_int_equal(wire_state(&w, 0, h[0]), ELEVEN_ESTABLISHED);
	assert_int_equal(wire_state(&w, 1, h[1]), ELEVEN_ESTABLISHED);
	wire_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_syn_waits_for_arp),
		cmocka_unit_test(test_answers_wait_for_arp),
		cmocka_unit_test(test_a_flood_of_answers_waits_in_bounds),
		cmocka_unit_test(test_arp_lost_and_repeated),
		cmocka_unit_test(test_neighbour_not_there),
		cmocka_unit_test(test_three_stacks_share_the_wire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
