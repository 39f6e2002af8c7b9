/* SPDX-License-Identifier: MIT */
/* IPv6 addresses: tried before they are used (RFC 4862 §5.4), stable (RFC 7217), chosen (RFC 6724), reported (MLD). */
#include "ip/host6.h"

/* 4862-§5.4-R1: one question, a second, and until then it is not ours. */
static void test_4862_5_4_R1_tentative(void **state)
{
	struct address ours = a6(OURS6), group = address_solicited_node(&ours);
	struct icmp6 message;
	struct ipv6 packet;
	struct mac found;
	struct host host;
	uint8_t ask[64];
	unsigned asked = 0;
	size_t n;

	(void)state;
	host6_make(&host, true, false);
	assert_int_equal(state_of(&host, &ours), ELEVEN_ADDRESS_TENTATIVE);
	while (out6_of(&host, ICMP6_NEIGHBOUR_SOLICITATION, &packet, &message)) {
		assert_true(address_is_any(&packet.source));
		assert_int_equal(packet.hop_limit, 255);
		assert_int_equal(message.length, 24);           /* without a link address */
		if (memcmp(message.bytes + 8, ours.bytes, 16) == 0) {
			asked++;
			assert_memory_equal(packet.destination.bytes, group.bytes, 16);
			assert_memory_equal(host.out.slice[0].bytes, "\x33\x33\xff\x00\x00\x01", 6);
		}
	}
	assert_int_equal(asked, 1);
	host6_forget(&host);
	n = nd_make(ask, ICMP6_NEIGHBOUR_SOLICITATION, 0, OURS6, &peer_mac);
	icmp6_in(&host, PEER6, "ff02::1:ff00:1", 255, ask, n);  /* who asks for it is not answered */
	assert_no_rule(&host, ND_ANSWERED);
	assert_int_equal(packet6_input(&host, &(struct packet6){ PEER6, OURS6, IPV6_TCP, 0, 0, ask, 40 }), IP_CONSUMED);
	assert_rule(&host, IP6_NOT_OURS);
	assert_int_equal(header6_to(&host, PEER6, &found), -EADDRNOTAVAIL);
	host_wait(&host, SEC(1) - 1);
	assert_int_equal(state_of(&host, &ours), ELEVEN_ADDRESS_TENTATIVE);
	host_wait(&host, 1);
	assert_int_equal(host_taken(&host, RULE_DAD_ASSIGNED), 2);
	assert_int_equal(state_of(&host, &ours), ELEVEN_ADDRESS_PREFERRED);
	assert_int_equal(packet6_input(&host, &(struct packet6){ PEER6, OURS6, IPV6_TCP, 0, 0, ask, 40 }), IP_SEGMENT);
	assert_int_equal(count6_of(&host, ICMP6_NEIGHBOUR_SOLICITATION), 0);
	host_free(&host);
}

/* 4862-§5.4.5-R1: whoever says it has the address, or wants it too, has it. */
static void test_4862_5_4_5_R1_duplicates(void **state)
{
	struct address ours = a6(OURS6);

	(void)state;
	for (int by_advert = 0; by_advert < 2; by_advert++) {
		uint8_t ask[64];
		size_t n = nd_make(ask, ICMP6_NEIGHBOUR_SOLICITATION, 0, OURS6, NULL);
		struct host host;

		host6_make(&host, true, false);
		host6_drain(&host);
		host6_forget(&host);
		if (by_advert)
			advert_in(&host, OURS6, ND_ADVERT_OVERRIDE, &other_mac);
		else
			icmp6_in(&host, "::", "ff02::1:ff00:1", 255, ask, n);
		assert_rule(&host, DAD_DUPLICATE);
		host_wait(&host, SEC(100));
		assert_int_equal(state_of(&host, &ours), ELEVEN_ADDRESS_DUPLICATE);
		assert_int_equal(packet6_input(&host, &(struct packet6){ PEER6, OURS6, IPV6_TCP, 0, 0, ask, 40 }),
				 IP_CONSUMED);
		icmp6_in(&host, PEER6, "ff02::1:ff00:1", 255, ask, n);
		assert_no_rule(&host, ND_ANSWERED);
		host_free(&host);
	}
}

/* 4862-§5.4.5-R1: a duplicate of the link-local address ends IPv6 on the interface. */
static void test_4862_5_4_5_R1_link_local(void **state)
{
	char text[ADDRESS_TEXT_MAX];
	struct address link;
	struct mac found;
	struct host host;

	(void)state;
	host6_make(&host, true, false);
	host6_drain(&host);
	link = link_local(&host);
	address_print(text, sizeof(text), &link);
	advert_in(&host, text, ND_ADVERT_OVERRIDE, &other_mac);
	assert_rule(&host, DAD_DISABLED);
	host_wait(&host, SEC(2));
	assert_int_equal(packet6_input(&host, &(struct packet6){ PEER6, OURS6, IPV6_TCP, 0, 0, text, 40 }),
			 IP_CONSUMED);
	assert_true(header6_to(&host, PEER6, &found) < 0);
	host_free(&host);
}

static struct address made(uint64_t secret, uint8_t mac_last)
{
	struct eleven_interface interface = interface6(true);
	struct address address;
	struct host host;

	host_config(&host);
	host.config.stable_secret = secret;
	host_start(&host);
	interface.mac[5] = mac_last;
	assert_int_equal(ip_interface_add(host.ip, &interface), 0);
	address = link_local(&host);
	host_free(&host);
	return address;
}

/* 7217-§5-R1: the same each time, another for another link or secret, and nothing of the hardware in it. */
static void test_7217_5_R1_stable_addresses(void **state)
{
	struct address first = made(1, 1), again = made(1, 1), other = made(2, 1), neighbour = made(1, 2);

	(void)state;
	assert_true(address_eq(&first, &again));
	assert_false(address_eq(&first, &other));
	assert_false(address_eq(&first, &neighbour));
	assert_true(address_common_bits(&first, &neighbour) < 64 + 30);
	assert_memory_not_equal(first.bytes + 13, our_mac.bytes + 3, 3);
	assert_memory_not_equal(first.bytes + 11, "\xff\xfe", 2);
}

/* What speaks to `destination` from these addresses. */
static void chosen(const char *destination, const char *const *ours, unsigned count, const char *expected)
{
	struct eleven_interface interface = interface6(false);
	struct address to = a6(destination);
	struct ip_route route;
	struct host host;

	host_config(&host);
	host_start(&host);
	interface.address6 = public6(ours[0]);
	assert_int_equal(ip_interface_add(host.ip, &interface), 0);
	for (unsigned i = 1; i < count; i++) {
		struct address address = a6(ours[i]);

		assert_int_equal(ip_address_add(host.ip, 0, &address, 64, host.now), 0);
	}
	assert_int_equal(ip_route_by(host.ip, &to, NULL, 0, &route), 0);
	if (expected) {
		assert_address(route.local, expected);
	} else {
		struct address link = link_local(&host);

		assert_true(address_eq(&route.local, &link));
	}
	host_free(&host);
}

/* 6724-§5-R1, 8504-§6.6-R1: the examples of §10.1, and what else the rules decide. */
static void test_6724_5_R1_source(void **state)
{
	static const struct {
		const char *destination, *ours[3];
		unsigned count;
		const char *expected;
	} rows[] = {
		{ "2001:db8:1::1", { "2001:db8:3::1" }, 1, "2001:db8:3::1" },           /* rule 2 */
		{ "fe80::1", { "2001:db8:3::1" }, 1, NULL },                            /* link-local for link-local */
		{ "2001:db8:1::1", { "2001:db8:1::2", "2001:db8:3::2" }, 2, "2001:db8:1::2" },  /* rule 8 */
		{ "2001:db8:1::1", { "2001:db8:3::2", "2001:db8:1::2" }, 2, "2001:db8:1::2" },
		{ "2002:c633:6401::1", { "2002:c633:6401::d5e3:7953:13eb:22e8", "2001:db8:1::2" }, 2,
		  "2002:c633:6401::d5e3:7953:13eb:22e8" },                              /* rule 6: the same label */
		{ "2002:c633:6401::1", { "2001:db8:1::2", "2002:c633:6401::d5e3" }, 2, "2002:c633:6401::d5e3" },
		{ "fd00:5::1", { "2001:db8:1::2", "fd00:7::1" }, 2, "fd00:7::1" },      /* rule 6 */
		{ "2001:db8:5::1", { "fd00:7::1", "2001:db8:1::2" }, 2, "2001:db8:1::2" },
		{ "2001:db8:5::1", { "fec0::1", "2001:db8:1::2" }, 2, "2001:db8:1::2" },        /* rule 2: scope */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		chosen(rows[i].destination, rows[i].ours, rows[i].count, rows[i].expected);
}

/* A link-local address without its link: that of the only interface, of several none but the one that is named. */
static void test_scope_of_link_local(void **state)
{
	struct eleven_interface second = interface6(false);
	struct address to = a6("fe80::77"), one;
	struct ip_route route;
	struct host host;

	(void)state;
	host6_make(&host, false, false);
	assert_int_equal(ip_route(host.ip, &to, NULL, &route), 0);
	one = route.local;
	second.address6 = public6("fd01::1");
	assert_int_equal(ip_interface_add(host.ip, &second), 1);
	assert_int_equal(ip_route(host.ip, &to, NULL, &route), -EINVAL);
	assert_int_equal(ip_route_by(host.ip, &to, NULL, 1, &route), 0);
	assert_int_equal(route.interface, 1);
	assert_false(address_eq(&route.local, &one));
	assert_int_equal(ip_route(host.ip, &to, &one, &route), 0);
	assert_int_equal(route.interface, 0);
	host_free(&host);
}

/* Routes: on the link, inside, nowhere; addresses that nobody has. */
static void test_routes_by_hand(void **state)
{
	static const struct {
		const char *remote;
		int result;
		bool loopback;
	} rows[] = {
		{ PEER6, 0, false }, { OURS6, 0, true }, { "::1", 0, true }, { AFAR6, -ENETUNREACH, false },
		{ "::", -EINVAL, false }, { "ff02::1", -EINVAL, false }, { "fe80::9", 0, false },
	};
	struct eleven_route way = { .gateway = public6("fd00::fe") }, wrong = { .gateway = public6("fd99::1") };
	struct address to = a6(AFAR6), loopback = a6("::1");
	struct ip_route route;
	struct host host;

	(void)state;
	host6_make_settled(&host);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct address remote = a6(rows[i].remote);

		assert_int_equal(ip_route(host.ip, &remote, NULL, &route), rows[i].result);
		if (rows[i].result == 0)
			assert_int_equal(route.loopback, rows[i].loopback);
	}
	assert_int_equal(ip_route(host.ip, &to, &loopback, &route), -EINVAL);
	assert_int_equal(ip_route_add(host.ip, &wrong), -ENETUNREACH);
	assert_int_equal(ip_route_add(host.ip, &way), 0);
	assert_int_equal(ip_route_add(host.ip, &way), -EEXIST);
	assert_int_equal(ip_route(host.ip, &to, NULL, &route), 0);
	assert_address(route.next_hop, "fd00::fe");
	way.gateway = public6("fd00::fd");
	way.destination = public6("2001:db8::");
	way.prefix_bits = 32;
	assert_int_equal(ip_route_add(host.ip, &way), 0);
	assert_int_equal(ip_route(host.ip, &to, NULL, &route), 0);
	assert_address(route.next_hop, "fd00::fd");
	host_free(&host);
}

/* 4861-§7.2.1-R1, 8504-§5.11-R1: the groups of our addresses are reported, twice, and to who asks. */
static void test_8504_5_11_R1_mld(void **state)
{
	uint8_t query[28] = { ICMP6_MLD_QUERY, 0, 0, 0, 0, 100 };
	struct address ours = a6(OURS6), group = address_solicited_node(&ours);
	struct icmp6 message;
	struct ipv6 packet;
	struct host host;
	unsigned reports = 0;

	(void)state;
	host6_make(&host, true, false);
	for (unsigned i = 0; i < 30; i++) {
		while (out6_of(&host, ICMP6_MLD_REPORT_2, &packet, &message)) {
			assert_address(packet.destination, "ff02::16");
			assert_int_equal(packet.hop_limit, 1);
			assert_int_equal(packet.next_header, IPV6_HOP_BY_HOP);
			assert_memory_equal(packet.payload, "\x3a\x00\x05\x02\x00\x00\x01\x00", 8);
			assert_int_equal(message.rest & 0xffff, 2);
			assert_int_equal(message.length, 8 + 2 * 20);
			assert_memory_equal(message.bytes + 8 + 20 + 4, group.bytes, 16);
			reports++;
		}
		host_wait(&host, MS(100));
	}
	assert_int_equal(reports, 2);
	assert_int_equal(count6_of(&host, ICMP6_MLD_REPORT_2), 0);
	icmp6_in(&host, "fe80::fe", "ff02::1", 1, query, sizeof(query));
	host_wait(&host, MS(101));
	assert_int_equal(count6_of(&host, ICMP6_MLD_REPORT_2), 1);
	memcpy(query + 8, group.bytes, 16);             /* of one group */
	icmp6_in(&host, "fe80::fe", "ff02::1", 1, query, sizeof(query));
	host_wait(&host, MS(101));
	assert_int_equal(count6_of(&host, ICMP6_MLD_REPORT_2), 1);
	host6_forget(&host);
	query[23] ^= 1;                                 /* of another one; from afar; from no router */
	icmp6_in(&host, "fe80::fe", "ff02::1", 1, query, sizeof(query));
	query[23] ^= 1;
	icmp6_in(&host, "fe80::fe", "ff02::1", 2, query, sizeof(query));
	icmp6_in(&host, PEER6, "ff02::1", 1, query, sizeof(query));
	icmp6_in(&host, "fe80::fe", "ff02::1", 1, query, 20);
	assert_int_equal(host_taken(&host, RULE_MLD_QUERY_IGNORED), 4);
	host_wait(&host, SEC(20));
	assert_int_equal(count6_of(&host, ICMP6_MLD_REPORT_2), 0);
	host_free(&host);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_4862_5_4_R1_tentative),
		cmocka_unit_test(test_4862_5_4_5_R1_duplicates),
		cmocka_unit_test(test_4862_5_4_5_R1_link_local),
		cmocka_unit_test(test_7217_5_R1_stable_addresses),
		cmocka_unit_test(test_6724_5_R1_source),
		cmocka_unit_test(test_scope_of_link_local),
		cmocka_unit_test(test_routes_by_hand),
		cmocka_unit_test(test_8504_5_11_R1_mld),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
