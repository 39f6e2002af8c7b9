/* SPDX-License-Identifier: MIT */
/* Routes, several gateways, and which is taken when one is dead. */
#include "ip/neighbourhood.h"

#define SECOND 0x0a0000fdu      /* 10.0.0.253 */
#define THIRD  0x0a0000fcu
#define ELSEWHERE 0xc6336401u   /* 198.51.100.1 */

static const struct mac router_mac = { { 2, 0, 0, 0, 0, 0xfe } };
static const struct mac second_mac = { { 2, 0, 0, 0, 0, 0xfd } };
static const struct mac third_mac = { { 2, 0, 0, 0, 0, 0xfc } };

static int route_add(struct host *host, uint32_t destination, uint8_t prefix, uint32_t gateway)
{
	struct eleven_route route = { public_v4(destination), prefix, public_v4(gateway) };

	return ip_route_add(host->ip, &route);
}

static uint32_t next_hop(struct host *host, uint32_t remote)
{
	struct address to = address_v4(remote);
	struct ip_route route;

	assert_int_equal(ip_route(host->ip, &to, NULL, &route), 0);
	return address_v4_value(&route.next_hop);
}

static void suspect(struct host *host, uint32_t remote)
{
	struct address to = address_v4(remote), from = address_v4(OURS);

	ip_path_suspect(host->ip, &to, &from, host->now);
}

/* Three gateways, all known by ARP. */
static void host_make_gateways(struct host *host)
{
	host_make_settled(host);
	assert_int_equal(route_add(host, 0, 0, SECOND), 0);
	assert_int_equal(route_add(host, 0, 0, THIRD), 0);
	learn(host, ROUTER, &router_mac);
	learn(host, SECOND, &second_mac);
	learn(host, THIRD, &third_mac);
}

/* Time goes on; requests for those named are answered, the others are not. */
static void live(struct host *host, uint64_t ns, bool router, bool second)
{
	for (uint64_t end = host->now + ns; host->now < end;) {
		struct ethernet frame;
		struct arp packet;

		host_wait(host, MS(500));
		while (arp_out(host, &packet, &frame)) {
			uint32_t asked = address_v4_value(&packet.target);

			if (asked == ROUTER && router)
				arp_in(host, ARP_REPLY, &router_mac, ROUTER, OURS);
			if (asked == SECOND && second)
				arp_in(host, ARP_REPLY, &second_mac, SECOND, OURS);
		}
	}
}

static void test_routes_are_checked(void **state)
{
	struct host host;

	(void)state;
	host_make_ethernet(&host);
	assert_int_equal(route_add(&host, 0x0b000000, 8, SECOND), 0);
	assert_int_equal(route_add(&host, 0x0b000000, 8, SECOND), -EEXIST);
	assert_int_equal(route_add(&host, 0x0b000001, 8, SECOND), -EINVAL);
	assert_int_equal(route_add(&host, 0x0b000000, 33, SECOND), -EINVAL);
	assert_int_equal(route_add(&host, 0xe0000000, 8, SECOND), -EINVAL);
	assert_int_equal(route_add(&host, 0x7f000000, 8, SECOND), -EINVAL);
	assert_int_equal(route_add(&host, 0x0c000000, 8, OURS), -EINVAL);
	assert_int_equal(route_add(&host, 0x0c000000, 8, 0x0a0000ff), -EINVAL);
	assert_int_equal(route_add(&host, 0x0c000000, 8, 0), -EINVAL);
	assert_int_equal(route_add(&host, 0x0c000000, 8, AFAR), -ENETUNREACH);
	for (uint32_t i = 1; i < 30; i++)
		assert_int_equal(route_add(&host, i << 24 | 0x80000000, 8, SECOND), 0);
	assert_int_equal(route_add(&host, 0x0c000000, 8, SECOND), -ENOSPC);
	host_free(&host);
}

/* 1122-§3.3.1.2-R1 */
static void test_1122_3_3_1_2_R1_several_gateways_and_the_longest_prefix(void **state)
{
	struct host host;

	(void)state;
	host_make_ethernet(&host);
	assert_int_equal(next_hop(&host, PEER), PEER);
	assert_int_equal(next_hop(&host, AFAR), ROUTER);
	assert_int_equal(route_add(&host, 0, 0, SECOND), 0);
	assert_int_equal(route_add(&host, 0xc0000000, 8, THIRD), 0);
	assert_int_equal(route_add(&host, 0xc0000200, 24, SECOND), 0);
	assert_int_equal(next_hop(&host, AFAR), SECOND);
	assert_int_equal(next_hop(&host, 0xc0000301), THIRD);
	assert_int_equal(next_hop(&host, ELSEWHERE), ROUTER);
	assert_int_equal(next_hop(&host, PEER), PEER);
	host_free(&host);
}

/* The gateway falls silent: all that goes by it goes by the next, and back when it answers again. */
/* 1122-§3.3.1.5-R1 */
static void test_1122_3_3_1_5_R1_a_dead_gateway_is_passed_over(void **state)
{
	struct mac mac;
	struct host host;

	(void)state;
	host_make_gateways(&host);
	for (unsigned i = 0; i < 40 && next_hop(&host, AFAR) == ROUTER; i++) {
		assert_int_equal(header_to(&host, AFAR, &mac), 34);
		live(&host, SEC(1), false, true);
	}
	assert_rule(&host, NEIGHBOUR_LOST);
	assert_int_equal(next_hop(&host, AFAR), SECOND);
	assert_int_equal(next_hop(&host, ELSEWHERE), SECOND);
	assert_int_equal(header_to(&host, ELSEWHERE, &mac), 34);
	assert_true(mac_eq(&mac, &second_mac));
	host_taken(&host, RULE_ARP_REQUESTED);
	for (unsigned i = 0; i < 5 * 60; i++) { /* asked once a minute, three times each, no more */
		header_to(&host, AFAR, &mac);
		live(&host, SEC(1), false, true);
		assert_true(mac_eq(&mac, &second_mac));
	}
	assert_in_range(host_taken(&host, RULE_GATEWAY_ASKED), 4, 5);
	assert_in_range(host_taken(&host, RULE_ARP_REQUESTED), 12, 15 + 12);
	for (unsigned i = 0; i < 70; i++) {
		header_to(&host, AFAR, &mac);
		live(&host, SEC(1), true, true);
	}
	assert_int_equal(next_hop(&host, AFAR), ROUTER);
	host_free(&host);
}

/* All dead: the first is asked, and its silence is an error as it is with one. */
static void test_no_gateway_lives(void **state)
{
	struct mac mac;
	struct host host;

	(void)state;
	host_make_settled(&host);
	assert_int_equal(route_add(&host, 0, 0, SECOND), 0);
	assert_int_equal(header_to(&host, AFAR, &mac), -EAGAIN);
	live(&host, SEC(4), false, false);
	assert_int_equal(next_hop(&host, AFAR), SECOND);
	assert_int_equal(header_to(&host, AFAR, &mac), -EAGAIN);
	live(&host, SEC(4), false, false);
	assert_int_equal(next_hop(&host, AFAR), ROUTER);
	host_free(&host);
}

/* Advice: the gateway answers ARP and leads nowhere.  The one destination moves on, and the gateway is asked. */
/* 1122-§3.3.1.4-R1, 1122-§3.3.1.2-R1 */
static void test_1122_3_3_1_4_R1_advice_moves_one_destination(void **state)
{
	struct ethernet frame;
	struct arp packet;
	struct mac mac;
	struct host host;

	(void)state;
	host_make_gateways(&host);
	suspect(&host, AFAR);
	assert_rule(&host, NEXT_HOP_CHANGED);
	assert_int_equal(next_hop(&host, AFAR), SECOND);
	assert_int_equal(next_hop(&host, ELSEWHERE), ROUTER);
	assert_false(arp_out(&host, &packet, &frame));
	assert_int_equal(header_to(&host, ELSEWHERE, &mac), 34);
	assert_true(arp_out(&host, &packet, &frame));
	assert_int_equal(address_v4_value(&packet.target), ROUTER);
	assert_true(mac_eq(&frame.destination, &router_mac));
	arp_in(&host, ARP_REPLY, &router_mac, ROUTER, OURS);
	suspect(&host, AFAR);
	assert_int_equal(next_hop(&host, AFAR), THIRD);
	suspect(&host, AFAR);
	assert_int_equal(next_hop(&host, AFAR), ROUTER);
	suspect(&host, AFAR);
	host_wait(&host, SEC(599));
	assert_int_equal(next_hop(&host, AFAR), SECOND);
	host_wait(&host, SEC(2));
	assert_int_equal(next_hop(&host, AFAR), ROUTER);
	host_free(&host);
}

/* With one gateway, or a host on the link, advice asks and moves nothing; of what is not there it does nothing. */
static void test_advice_without_another_gateway(void **state)
{
	struct mac mac;
	struct host host;

	(void)state;
	host_make_settled(&host);
	learn(&host, ROUTER, &router_mac);
	learn(&host, PEER, &peer_mac);
	suspect(&host, AFAR);
	suspect(&host, PEER);
	suspect(&host, OURS);
	suspect(&host, 0x0a000077);
	assert_no_rule(&host, NEXT_HOP_CHANGED);
	assert_int_equal(next_hop(&host, AFAR), ROUTER);
	assert_int_equal(header_to(&host, PEER, &mac), 34);
	assert_int_equal(requests(&host, PEER, &peer_mac), 1);
	host_free(&host);
}

/* However many destinations suffer, the cache is of one size, and each is sent somewhere. */
static void test_V102_next_hops_are_bounded(void **state)
{
	struct host host;

	(void)state;
	host_make_gateways(&host);
	for (uint32_t i = 0; i < 100000; i++) {
		suspect(&host, 0xc0000000 + i * 7);
		assert_int_equal(next_hop(&host, 0xc0000000 + i * 7), SECOND);
	}
	assert_int_equal(next_hop(&host, ELSEWHERE), ROUTER);
	host_free(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_routes_are_checked),
		cmocka_unit_test(test_1122_3_3_1_2_R1_several_gateways_and_the_longest_prefix),
		cmocka_unit_test(test_1122_3_3_1_5_R1_a_dead_gateway_is_passed_over),
		cmocka_unit_test(test_no_gateway_lives),
		cmocka_unit_test(test_1122_3_3_1_4_R1_advice_moves_one_destination),
		cmocka_unit_test(test_advice_without_another_gateway),
		cmocka_unit_test(test_V102_next_hops_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
