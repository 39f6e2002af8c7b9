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
		cmocka_unit_test(test_arp_lost_and_repeated),
		cmocka_unit_test(test_neighbour_not_there),
		cmocka_unit_test(test_three_stacks_share_the_wire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
