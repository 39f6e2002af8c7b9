/* SPDX-License-Identifier: MIT */
/* The neighbour cache: ageing, poisoning, floods, and what waits for a neighbour. */
#include "ip/neighbourhood.h"

/* 1122-§2.3.2.1-R2, 1122-§2.4-R2 */
static void test_1122_2_3_2_1_R2_at_most_one_request_a_second(void **state)
{
	struct mac mac;
	struct host host;
	uint32_t epoch;

	(void)state;
	host_make_settled(&host);
	epoch = ip_neighbour_epoch(host.ip);
	for (unsigned second = 0; second < 3; second++) {
		unsigned sent = 0;

		for (unsigned i = 0; i < 100; i++) {
			assert_int_equal(header_to(&host, PEER, &mac), -EAGAIN);
			sent += requests(&host, PEER, &all_macs);
			host_wait(&host, MS(10));
		}
		assert_int_equal(sent, 1);
	}
	assert_int_not_equal(ip_neighbour_epoch(host.ip), epoch);
	assert_rule(&host, NEIGHBOUR_FAILED);
	assert_int_equal(header_to(&host, PEER, &mac), -EHOSTUNREACH);
	host_wait(&host, MS(999));
	assert_int_equal(header_to(&host, PEER, &mac), -EHOSTUNREACH);
	assert_int_equal(requests(&host, PEER, &all_macs), 0);
	host_wait(&host, MS(1));
	assert_int_equal(header_to(&host, PEER, &mac), -EAGAIN);
	assert_int_equal(requests(&host, PEER, &all_macs), 1);
	epoch = ip_neighbour_epoch(host.ip);
	arp_in(&host, ARP_REPLY, &peer_mac, PEER, OURS);
	assert_int_not_equal(ip_neighbour_epoch(host.ip), epoch);
	assert_int_equal(header_to(&host, PEER, &mac), 34);
	host_free(&host);
}

/*
 * Confirmed for 30 s; then used and asked by unicast; silent for 3 s: asked of all and not used.
 * 1122-§2.3.2.1-R1
 */
static void test_1122_2_3_2_1_R1_stale_entries_die(void **state)
{
	struct mac mac;
	struct host host;

	(void)state;
	host_make_settled(&host);
	learn(&host, PEER, &peer_mac);
	host_wait(&host, SEC(30) - 1);
	assert_int_equal(header_to(&host, PEER, &mac), 34);
	assert_int_equal(requests(&host, PEER, &peer_mac), 0);
	host_wait(&host, 1);
	assert_int_equal(header_to(&host, PEER, &mac), 34);
	assert_rule(&host, NEIGHBOUR_STALE);
	assert_int_equal(requests(&host, PEER, &peer_mac), 1);
	arp_in(&host, ARP_REPLY, &peer_mac, PEER, OURS);
	assert_rule(&host, NEIGHBOUR_CONFIRMED);
	host_wait(&host, SEC(29));
	assert_int_equal(header_to(&host, PEER, &mac), 34);
	assert_false(host_output(&host));
	host_wait(&host, SEC(1));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(header_to(&host, PEER, &mac), 34);
		assert_int_equal(requests(&host, PEER, &peer_mac), 1);
		host_wait(&host, SEC(1));
	}
	assert_rule(&host, NEIGHBOUR_LOST);
	assert_int_equal(header_to(&host, PEER, &mac), -EAGAIN);
	assert_int_equal(requests(&host, PEER, &all_macs), 1);
	host_free(&host);
}

static void test_an_entry_that_is_not_used_costs_no_packet(void **state)
{
	struct host host;

	(void)state;
	host_make_settled(&host);
	learn(&host, PEER, &peer_mac);
	assert_int_equal(ip_deadline(host.ip), TIME_NEVER);
	host_wait(&host, SEC(3600));
	assert_false(host_output(&host));
	host_free(&host);
}

static void test_V101_unsolicited_replies_fill_nothing(void **state)
{
	struct mac mac;
	struct host host;

	(void)state;
	host_make_settled(&host);
	arp_in(&host, ARP_REPLY, &other_mac, PEER, OURS);
	arp_in(&host, ARP_REPLY, &other_mac, PEER, PEER);
	assert_int_equal(host_taken(&host, RULE_ARP_UNSOLICITED), 2);
	arp_in(&host, ARP_REQUEST, &other_mac, PEER, PEER);
	assert_int_equal(header_to(&host, PEER, &mac), -EAGAIN);
	host_free(&host);
}

/* RFC 826 merges it; it is then verified, and not changed again within a second. */
static void test_V101_gratuitous_arp_changes_a_known_entry_within_bounds(void **state)
{
	struct mac mac;
	struct host host;

	(void)state;
	host_make_settled(&host);
	learn(&host, PEER, &peer_mac);
	arp_in(&host, ARP_REQUEST, &other_mac, PEER, PEER);
	assert_rule(&host, NEIGHBOUR_CHANGE_LIMITED);
	assert_int_equal(header_to(&host, PEER, &mac), 34);
	assert_true(mac_eq(&mac, &peer_mac));
	host_wait(&host, SEC(1));
	arp_in(&host, ARP_REQUEST, &other_mac, PEER, PEER);
	assert_rule(&host, NEIGHBOUR_CHANGED);
	for (int i = 0; i < 100; i++)
		arp_in(&host, ARP_REPLY, i % 2 ? &other_mac : &peer_mac, PEER, OURS);
	assert_int_equal(host_taken(&host, RULE_NEIGHBOUR_CHANGE_LIMITED), 50);
	assert_int_equal(header_to(&host, PEER, &mac), 34);
	assert_true(mac_eq(&mac, &other_mac));
	host_free(&host);
}

static void test_V101_changed_unasked_is_asked_again(void **state)
{
	struct mac mac;
	struct host host;

	(void)state;
	host_make_settled(&host);
	learn(&host, PEER, &peer_mac);
	host_wait(&host, SEC(1));
	arp_in(&host, ARP_REPLY, &other_mac, PEER, OURS);
	assert_int_equal(header_to(&host, PEER, &mac), 34);
	assert_int_equal(requests(&host, PEER, &other_mac), 1);
	host_free(&host);
}

/* A scan of addresses nobody has takes half the cache at most; who is in use stays. */
static void test_V102_flood_of_unknown_addresses(void **state)
{
	struct mac mac;
	struct host host;

	(void)state;
	host_config(&host);
	host.config.neighbours_max = 16;
	host_start(&host);
	host.ethernet = true;
	struct eleven_interface interface = ethernet_interface();
	interface.prefix_bits = 16;
	assert_int_equal(ip_interface_add(host.ip, &interface), 0);
	for (uint32_t i = 2; i < 10; i++)
		learn(&host, 0x0a000000 + i, &peer_mac);
	for (uint32_t i = 0; i < 5000; i++)
		assert_int_equal(header_to(&host, 0x0a000100 + i, &mac), -EAGAIN);
	assert_int_equal(host_taken(&host, RULE_NEIGHBOUR_EVICTED), 5000 - 8);
	for (uint32_t i = 2; i < 10; i++)
		assert_int_equal(header_to(&host, 0x0a000000 + i, &mac), 34);
	/* Those that answer push out the least recently used. */
	while (host_output(&host))
		;
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(header_to(&host, 0x0a000002, &mac), 34);
		learn(&host, 0x0a005000 + i, &other_mac);
	}
	assert_int_equal(header_to(&host, 0x0a000002, &mac), 34);
	host_free(&host);
}

/* Two wait and there is room for one: both are told to try again, but no more than once a second. */
static void test_V102_who_waits_for_one_thrown_out_asks_again(void **state)
{
	struct eleven_interface interface = ethernet_interface();
	unsigned changes = 0;
	struct host host;
	struct mac mac;
	uint32_t epoch;

	(void)state;
	host_config(&host);
	host.config.neighbours_max = 1;
	host_start(&host);
	assert_int_equal(ip_interface_add(host.ip, &interface), 0);
	header_to(&host, PEER, &mac);
	header_to(&host, ROUTER, &mac);
	epoch = ip_neighbour_epoch(host.ip);
	for (unsigned i = 0; i < 1000; i++) {
		while (host_output(&host))
			;
		assert_true(ip_deadline(host.ip) <= host.now + SEC(1));
		host_wait(&host, MS(10));
		if (ip_neighbour_epoch(host.ip) == epoch)
			continue;
		epoch = ip_neighbour_epoch(host.ip);
		changes++;
		header_to(&host, PEER, &mac);
		header_to(&host, ROUTER, &mac);
	}
	assert_in_range(changes, 9, 10);
	host_free(&host);
}

static void test_V102_flood_of_questions_does_not_push_anybody_out(void **state)
{
	struct mac mac, sender = other_mac;
	struct host host;

	(void)state;
	host_make_settled(&host);
	learn(&host, PEER, &peer_mac);
	for (uint32_t round = 0; round < 20; round++)
		for (uint32_t i = 3; i < 254; i++) {
			sender.bytes[5] = (uint8_t)i;
			arp_in(&host, ARP_REQUEST, &sender, 0x0a000000 + i, OURS);
		}
	assert_no_rule(&host, NEIGHBOUR_EVICTED);
	assert_int_equal(header_to(&host, PEER, &mac), 34);
	assert_true(mac_eq(&mac, &peer_mac));
	host_free(&host);
}

static void test_learning_stops_when_the_cache_is_full(void **state)
{
	struct eleven_interface interface = ethernet_interface();
	struct host host;

	(void)state;
	host_config(&host);
	host.config.neighbours_max = 2;
	host_start(&host);
	assert_int_equal(ip_interface_add(host.ip, &interface), 0);
	for (uint32_t i = 2; i < 7; i++)
		arp_in(&host, ARP_REQUEST, &peer_mac, 0x0a000000 + i, OURS);
	assert_int_equal(host_taken(&host, RULE_NEIGHBOUR_LEARNED), 2);
	assert_int_equal(ip_neighbour_epoch(host.ip), 2);
	assert_int_equal(host_taken(&host, RULE_NEIGHBOUR_NOT_LEARNED), 3);
	host_free(&host);
}

static void echo_in(struct host *host, uint32_t from, uint16_t number)
{
	uint8_t message[64], packet[128], frame[160];
	size_t n = message_make(message, ICMP_ECHO, 0, number, "ping", 4);

	n = packet_make(packet, from, OURS, 1, message, n, NULL);
	host_input(host, frame, frame_make(frame, &our_mac, &peer_mac, ETHERNET_TYPE_IPV4, packet, n));
}

/* The latest message waits for its neighbour, and goes when it is known.  1122-§2.3.2.2-R1. */
static void test_1122_2_3_2_2_R1_echo_reply_waits_for_its_neighbour(void **state)
{
	struct ipv4 packet;
	struct host host;

	(void)state;
	host_make_settled(&host);
	echo_in(&host, PEER, 1);
	echo_in(&host, PEER, 2);
	assert_rule(&host, ICMP_HELD_REPLACED);
	assert_int_equal(requests(&host, PEER, &all_macs), 1);
	arp_in(&host, ARP_REPLY, &peer_mac, PEER, OURS);
	assert_true(host_output(&host));
	assert_int_equal(host_out_icmp(&host, &packet).rest, 2);
	assert_memory_equal(host.out.slice[0].bytes, peer_mac.bytes, 6);
	assert_int_equal(host.out.checksum_start, 34);
	assert_false(host_output(&host));
	/* Off the link: by the gateway. */
	echo_in(&host, AFAR, 3);
	assert_int_equal(requests(&host, ROUTER, &all_macs), 1);
	arp_in(&host, ARP_REPLY, &other_mac, ROUTER, OURS);
	assert_true(host_output(&host));
	assert_memory_equal(host.out.slice[0].bytes, other_mac.bytes, 6);
	host_out_icmp(&host, &packet);
	assert_int_equal(address_v4_value(&packet.destination), AFAR);
	host_free(&host);
}

static void test_echo_reply_is_thrown_away_with_its_neighbour(void **state)
{
	struct host host;

	(void)state;
	host_make_settled(&host);
	for (unsigned round = 0; round < 2000; round++) {
		echo_in(&host, PEER, 1);
		for (int i = 0; i < 5; i++) {
			requests(&host, PEER, &all_macs);
			host_wait(&host, SEC(1));
		}
	}
	assert_no_rule(&host, ICMP_NO_ROOM);
	assert_int_equal(host_taken(&host, RULE_NEIGHBOUR_FAILED), 2000);
	echo_in(&host, PEER, 1);
	for (int i = 0; i < 3; i++)
		host_wait(&host, SEC(1));
	echo_in(&host, PEER, 1);
	assert_rule(&host, ICMP_NO_WAY);
	host_free(&host);
}

/* Any order of everything: the lists hold together (ASan sees the rest), and all memory comes back. */
static void test_property_random_neighbours(void **state)
{
	struct random chance;
	struct host host;
	struct mac mac = peer_mac;

	(void)state;
	host_config(&host);
	host.config.neighbours_max = 8;
	host.config.replies_max = 8;
	host_start(&host);
	struct eleven_interface interface = ethernet_interface();
	assert_int_equal(ip_interface_add(host.ip, &interface), 0);
	random_seed(&chance, 3);
	for (unsigned i = 0; i < 200000; i++) {
		uint32_t address = 0x0a000002 + (uint32_t)random_below(&chance, 20);
		struct mac found;

		mac.bytes[4] = (uint8_t)random_below(&chance, 3);
		switch (random_below(&chance, 6)) {
		case 0:
			header_to(&host, address, &found);
			break;
		case 1:
			echo_in(&host, address, (uint16_t)i);
			break;
		case 2:
			arp_in(&host, random_below(&chance, 2) ? ARP_REPLY : ARP_REQUEST, &mac, address,
			       random_below(&chance, 4) ? OURS : address);
			break;
		case 3:
			host_wait(&host, random_below(&chance, SEC(2)));
			break;
		case 4:
			host_output(&host);
			break;
		case 5:
			if (random_below(&chance, 20) == 0)
				host_wait(&host, random_below(&chance, SEC(60)));
			break;
		}
	}
	for (int i = 0; i < 10; i++) {
		host_wait(&host, SEC(1));
		while (host_output(&host))
			;
	}
	assert_int_equal(ip_deadline(host.ip), TIME_NEVER);
	host_taken(&host, RULE_ICMP_NO_ROOM);
	arp_in(&host, ARP_REQUEST, &peer_mac, PEER, OURS);
	host_wait(&host, SEC(1));
	arp_in(&host, ARP_REPLY, &peer_mac, PEER, OURS);
	for (int i = 0; i < 8; i++)
		echo_in(&host, PEER, 1);
	assert_no_rule(&host, ICMP_NO_ROOM);
	host_free(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_1122_2_3_2_1_R2_at_most_one_request_a_second),
		cmocka_unit_test(test_1122_2_3_2_1_R1_stale_entries_die),
		cmocka_unit_test(test_an_entry_that_is_not_used_costs_no_packet),
		cmocka_unit_test(test_V101_unsolicited_replies_fill_nothing),
		cmocka_unit_test(test_V101_gratuitous_arp_changes_a_known_entry_within_bounds),
		cmocka_unit_test(test_V101_changed_unasked_is_asked_again),
		cmocka_unit_test(test_V102_flood_of_unknown_addresses),
		cmocka_unit_test(test_V102_who_waits_for_one_thrown_out_asks_again),
		cmocka_unit_test(test_V102_flood_of_questions_does_not_push_anybody_out),
		cmocka_unit_test(test_learning_stops_when_the_cache_is_full),
		cmocka_unit_test(test_1122_2_3_2_2_R1_echo_reply_waits_for_its_neighbour),
		cmocka_unit_test(test_echo_reply_is_thrown_away_with_its_neighbour),
		cmocka_unit_test(test_property_random_neighbours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
