/* SPDX-License-Identifier: MIT */
/* What interfaces, addresses and routes may be given: what is refused, why, and that nothing is left of it. */
#include <stdio.h>

#include "ip/host6.h"
#include "ip/state.h"

static const char *const no_hosts[] = { "::ffff:10.0.0.9", "::1", "ff02::1", "ff0e::7" };

static int add6(struct host *host, const char *address, uint8_t bits, const char *gateway, uint32_t mtu)
{
	struct eleven_interface interface = { .mtu = mtu, .prefix6_bits = bits };

	if (address)
		interface.address6 = public6(address);
	if (gateway)
		interface.gateway6 = public6(gateway);
	return ip_interface_add(host->ip, &interface);
}

static void test_interfaces_of_ipv6(void **state)
{
	struct eleven_interface interface = interface6(false);
	struct host host;

	(void)state;
	host_config(&host);
	host_start(&host);
	for (size_t i = 0; i < sizeof(no_hosts) / sizeof(no_hosts[0]); i++)
		assert_int_equal(add6(&host, no_hosts[i], 64, NULL, 1500), -EINVAL);
	assert_int_equal(add6(&host, OURS6, 0, NULL, 1500), -EINVAL);
	assert_int_equal(add6(&host, OURS6, 129, NULL, 1500), -EINVAL);
	assert_int_equal(add6(&host, OURS6, 64, NULL, 1279), -EINVAL);
	assert_int_equal(add6(&host, NULL, 64, PEER6, 1500), -EINVAL);          /* a gateway and no address */
	assert_int_equal(add6(&host, NULL, 64, NULL, 1500), -EINVAL);           /* nothing at all */
	assert_int_equal(add6(&host, OURS6, 64, AFAR6, 1500), -ENETUNREACH);    /* a gateway on another link */
	for (size_t i = 0; i < sizeof(no_hosts) / sizeof(no_hosts[0]); i++)
		assert_int_equal(add6(&host, OURS6, 64, no_hosts[i], 1500), -EINVAL);
	assert_int_equal(add6(&host, OURS6, 64, OURS6, 1500), -EINVAL);
	interface.address = public6(PEER6);             /* in the place of the IPv4 address */
	assert_int_equal(ip_interface_add(host.ip, &interface), -EINVAL);
	assert_int_equal(ip_mtu6(host.ip, 0), 0);
	assert_null(ip_interface(host.ip, 0));
	/* Nothing is left of any of them. */
	assert_int_equal(add6(&host, OURS6, 64, PEER6, 1280), 0);
	assert_int_equal(ip_mtu6(host.ip, 0), 1280);
	assert_int_equal(ip_mtu6(host.ip, 1), 0);
	assert_int_equal(add6(&host, OURS6, 64, NULL, 1500), -EEXIST);
	assert_int_equal(add6(&host, PEER6, 128, NULL, 1500), 1);
	interface = tun_interface();
	assert_int_equal(ip_interface_add(host.ip, &interface), 2);
	assert_int_equal(ip_mtu6(host.ip, 2), 0);       /* speaks IPv4 alone */
	host_free(&host);
}

/* A prefix of no bits: the whole Internet is on the link. */
static void test_interfaces_of_ipv4(void **state)
{
	struct eleven_interface interface = tun_interface();
	struct address afar = address_v4(AFAR);
	struct ip_route route;
	struct host host;

	(void)state;
	host_config(&host);
	host_start(&host);
	interface.gateway = public6(PEER6);
	assert_int_equal(ip_interface_add(host.ip, &interface), -EINVAL);
	interface.prefix_bits = 0;
	interface.gateway = public_v4(PEER);
	assert_int_equal(ip_interface_add(host.ip, &interface), 0);
	assert_int_equal(ip_route(host.ip, &afar, NULL, &route), 0);
	assert_memory_equal(&route.next_hop, &afar, sizeof(afar));
	/* No room for its two routes. */
	for (uint32_t i = 0; i < IP_ROUTES_MAX - 2; i++) {
		struct eleven_route given = { .destination = public_v4(0x14000000 + (i << 8)), .prefix_bits = 24,
					      .gateway = public_v4(PEER) };

		assert_int_equal(ip_route_add(host.ip, &given), 0);
		assert_int_equal(ip_route_add(host.ip, &given), -EEXIST);
	}
	interface = tun_interface();
	interface.address = public_v4(0x0b000001);
	assert_int_equal(ip_interface_add(host.ip, &interface), -ENOSPC);
	host_free(&host);
}

static int address_add(struct host *host, unsigned interface, const char *text, uint8_t bits)
{
	struct address address = a6(text);

	return ip_address_add(host->ip, interface, &address, bits, host->now);
}

static void test_addresses_of_ipv6(void **state)
{
	struct eleven_interface small = tun_interface();
	struct eleven_interface_address own;
	unsigned cursor = 0, n = 0;
	struct host host;

	(void)state;
	host_make_tun(&host);
	small.address = public_v4(0x0b000001);
	small.mtu = 1279;
	assert_int_equal(ip_interface_add(host.ip, &small), 1);
	assert_int_equal(address_add(&host, 2, OURS6, 64), -EINVAL);
	assert_int_equal(address_add(&host, 1, OURS6, 64), -EINVAL);    /* RFC 8200 §5: 1280 at least */
	assert_int_equal(address_add(&host, 0, OURS6, 0), -EINVAL);
	assert_int_equal(address_add(&host, 0, OURS6, 129), -EINVAL);
	for (size_t i = 0; i < sizeof(no_hosts) / sizeof(no_hosts[0]); i++)
		assert_int_equal(address_add(&host, 0, no_hosts[i], 64), -EINVAL);
	assert_int_equal(ip_mtu6(host.ip, 0), 0);
	assert_false(ip_address_next(host.ip, 2, &cursor, &own));
	assert_int_equal(address_add(&host, 0, OURS6, 64), 0);
	assert_int_equal(address_add(&host, 0, OURS6, 64), -EEXIST);
	assert_int_equal(address_add(&host, 0, PEER6, 64), 0);          /* of the same prefix */
	assert_int_equal(address_add(&host, 0, "fd00::3", 128), 0);
	assert_int_equal(address_add(&host, 0, "fe80::5", 64), 0);
	assert_int_equal(address_add(&host, 0, "fd00:1::1", 64), 0);
	assert_int_equal(address_add(&host, 0, "fd00:2::1", 64), 0);
	assert_int_equal(address_add(&host, 0, "fd00:3::1", 64), 0);
	assert_int_equal(address_add(&host, 0, "fd00:4::1", 64), -ENOSPC);
	while (ip_address_next(host.ip, 0, &cursor, &own)) {
		assert_int_equal(own.state, ELEVEN_ADDRESS_PREFERRED);
		n++;
	}
	assert_int_equal(n, ELEVEN_ADDRESSES_MAX);
	assert_int_equal(host.ip->interfaces[0].six.prefix_count, 4);
	host_free(&host);
}

/* What the user gave stays, whatever routers have said of it before and say after. */
static void test_prefix_of_an_address_stays(void **state)
{
	struct address prefix = a6("2001:db8:7::"), inside = a6("2001:db8:7::2");
	const struct interface6 *six;
	struct host host;
	uint8_t message[48] = { ICMP6_ROUTER_ADVERTISEMENT };

	(void)state;
	host6_make(&host, true, true);
	six = &host.ip->interfaces[0].six;
	message[16] = ND_OPTION_PREFIX;
	message[17] = 4;
	message[18] = 64;
	message[19] = 0x80;
	memcpy(message + 32, prefix.bytes, 16);
	store_be32(message + 20, 600);
	icmp6_in(&host, ROUTER6, "ff02::1", 255, message, 48);
	assert_true(route6_is_on_link(six, &inside));
	assert_int_equal(address_add(&host, 0, "2001:db8:7::1", 64), 0);
	assert_int_equal(six->prefix_count, 1);
	host_wait(&host, SEC(601));
	assert_true(route6_is_on_link(six, &inside));
	store_be32(message + 20, 0);
	icmp6_in(&host, ROUTER6, "ff02::1", 255, message, 48);
	assert_true(route6_is_on_link(six, &inside));
	host_free(&host);
}

static int route_by(struct host *host, const char *destination, uint8_t bits, const char *gateway)
{
	struct eleven_route route = { public6(destination), bits, public6(gateway) };

	return ip_route_add(host->ip, &route);
}

static void test_routes_of_ipv6(void **state)
{
	static const char *const bad[] = { "::1", "::", "ff02::1", OURS6 };
	static const char *const bad_prefixes[] = { "::ffff:10.0.0.0", "::", "ff00::" };
	struct address to = a6("2001:db8:9::1");
	struct eleven_interface second = { .mtu = 1500, .address6 = public6("fd01::1"), .prefix6_bits = 64 };
	struct ip_route route;
	struct host host;
	char text[32];

	(void)state;
	host6_make(&host, false, false);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(route_by(&host, "2001:db8::", 32, bad[i]) < 0);
	for (size_t i = 0; i < sizeof(bad_prefixes) / sizeof(bad_prefixes[0]); i++)
		assert_int_equal(route_by(&host, bad_prefixes[i], 16, PEER6), -EINVAL);
	assert_int_equal(route_by(&host, "2001:db8::", 129, PEER6), -EINVAL);
	assert_int_equal(route_by(&host, "2001:db8::", 32, AFAR6), -ENETUNREACH);
	assert_int_equal(route_by(&host, "2001:db8::", 32, "fe80::9"), 0);      /* there is but one link */
	assert_int_equal(route_by(&host, "2001:db8::", 32, "fe80::9"), -EEXIST);
	assert_int_equal(route_by(&host, "2001:db8::", 33, "fe80::9"), 0);
	assert_int_equal(route_by(&host, "2001:db9::", 32, "fe80::9"), 0);
	for (int i = 3; i < (int)IP6_ROUTES_MAX; i++) {
		snprintf(text, sizeof(text), "2001:db8:%x::", i);
		assert_int_equal(route_by(&host, text, 48, PEER6), 0);
	}
	assert_int_equal(route_by(&host, "2001:db8:99::", 48, PEER6), -ENOSPC);
	for (int i = 0; i < (int)IP6_ROUTERS_MAX; i++) {
		snprintf(text, sizeof(text), "fd00::%x", 0x10 + i);
		assert_int_equal(route_by(&host, "::", 0, text), 0);
		assert_int_equal(route_by(&host, "::", 0, text), -EEXIST);
	}
	assert_int_equal(route_by(&host, "::", 0, "fd00::99"), -ENOSPC);
	/* Longest prefix: /33 has it not, /32 has. */
	assert_int_equal(ip_route(host.ip, &to, NULL, &route), 0);
	assert_address(route.next_hop, "fe80::9");
	/* With a second link, of a link-local router it cannot be told where it is. */
	assert_int_equal(ip_interface_add(host.ip, &second), 1);
	assert_int_equal(route_by(&host, "2001:dba::", 32, "fe80::8"), -ENETUNREACH);
	assert_int_equal(route_by(&host, "2001:dba::", 32, "fd01::8"), 0);
	host_free(&host);
}

static int way(struct host *host, const char *remote, const char *local, int by, struct ip_route *route)
{
	struct address to = a6(remote), from = a6(local ? local : "::");

	return ip_route_by(host->ip, &to, local ? &from : NULL, by, route);
}

static void test_ways_that_there_are_not(void **state)
{
	struct eleven_interface four = tun_interface();
	struct address group = a6("ff02::5"), hop;
	struct ip_route route;
	struct host host;

	(void)state;
	host6_make(&host, false, false);
	assert_int_equal(ip_interface_add(host.ip, &four), 1);
	assert_int_equal(way(&host, "::1", "::1", IP_ANY_INTERFACE, &route), 0);
	assert_true(route.loopback);
	assert_int_equal(way(&host, "::1", OURS6, IP_ANY_INTERFACE, &route), 0);
	assert_address(route.local, OURS6);
	assert_int_equal(way(&host, OURS6, "::1", IP_ANY_INTERFACE, &route), -EINVAL);
	assert_int_equal(way(&host, PEER6, "::1", IP_ANY_INTERFACE, &route), -EINVAL);
	assert_int_equal(way(&host, PEER6, "::ffff:10.0.0.1", IP_ANY_INTERFACE, &route), -EINVAL);
	assert_int_equal(way(&host, PEER6, PEER6, IP_ANY_INTERFACE, &route), -EADDRNOTAVAIL);
	assert_int_equal(way(&host, "ff02::1", NULL, IP_ANY_INTERFACE, &route), -EINVAL);
	assert_int_equal(way(&host, "::", NULL, IP_ANY_INTERFACE, &route), -EINVAL);
	assert_int_equal(way(&host, PEER6, OURS6, 0, &route), 0);
	assert_int_equal(way(&host, PEER6, OURS6, 1, &route), -ENETUNREACH);    /* speaks IPv4 alone */
	assert_int_equal(way(&host, PEER6, NULL, 7, &route), -ENETUNREACH);     /* no such interface */
	assert_int_equal(way(&host, "fe80::7", NULL, 7, &route), -ENETUNREACH);
	assert_true(route6_first_hop(host.ip, 0, &group, &hop));                /* a group is on its link */
	assert_memory_equal(&hop, &group, sizeof(hop));
	host_free(&host);
}

/* RFC 6724 §5, each rule where it alone decides; the candidates in both orders. */
static void test_6724_5_R1_each_rule(void **state)
{
	static const struct {
		const char *better, *worse, *destination;
	} rows[] = {
		{ "fd00::2", "fd00::3", "fd00::2" },                    /* 1: the same */
		{ "2001:db8::5", "fec0::5", AFAR6 },                    /* 2: no smaller than the destination's scope */
		{ "fec0::5", "2001:db8::5", "fec0::9" },                /* 2: the smallest that is enough */
		{ "2001:db8::5", "fec0::5", "ff0e::1" },
		{ "fec0::5", "2001:db8::5", "ff05::1" },
		{ "2002:102:304::5", "2001:db8::5", "2002:203:304::1" },        /* 6: the same label */
		{ "3ffe::5", "2001:db8::5", "3ffe::1" },
		{ "fd00::5", "2001:db8::5", "fd77::1" },
		{ "2001:db8:1::5", "2001:db8:2::5", "2001:db8:1::9" },  /* 8: the longest common prefix */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int swapped = 0; swapped < 2; swapped++) {
			struct address to = a6(rows[i].destination);
			const struct address *source;
			struct host host;

			host_make_tun(&host);
			assert_int_equal(address_add(&host, 0, swapped ? rows[i].worse : rows[i].better, 64), 0);
			assert_int_equal(address_add(&host, 0, swapped ? rows[i].better : rows[i].worse, 64), 0);
			source = select6_source(host.ip, 0, &to);
			assert_non_null(source);
			assert_address(*source, rows[i].better);
			/* 3: not a deprecated one, if the other will do. */
			if (i > 4) {
				for (unsigned k = 0; k < 3; k++)
					if (address_eq(&host.ip->interfaces[0].six.addresses[k].address, source))
						host.ip->interfaces[0].six.addresses[k].preferred_until = host.now;
				host_wait(&host, 1);
				assert_address(*select6_source(host.ip, 0, &to), rows[i].worse);
			}
			host.ip->interfaces[0].six.disabled = true;
			assert_null(select6_source(host.ip, 0, &to));
			host_free(&host);
		}
}

/* Which group queries are answered, and within which time (RFC 3810 §5.1.3, §5.1.14). */
static void test_8504_5_11_R1_queries(void **state)
{
	static const struct {
		const char *source, *group;
		uint8_t hop_limit;
		size_t bytes;
		uint16_t code;
		uint64_t most;
	} rows[] = {
		{ "fe80::7", "::", 1, 24, 1000, MS(1000) },
		{ "fe80::7", "::", 1, 24, 40000, SEC(10) },             /* of version 1 it is no exponent */
		{ "fe80::7", "::", 1, 28, 1000, MS(1000) },
		{ "fe80::7", "::", 1, 28, 0x8001, MS(0x1001 << 3) },
		{ "fe80::7", "::", 1, 28, 0xffff, SEC(10) },
		{ "fe80::7", "::", 1, 28, 0, 0 },
		{ "fe80::7", "ff02::1:ff00:1", 1, 28, 1000, MS(1000) }, /* of our address */
		{ "fe80::7", "ff02::1", 1, 28, 1000, TIME_NEVER },      /* never reported: §6 */
		{ "fe80::7", "ff02::1:ff00:2", 1, 28, 1000, TIME_NEVER },
		{ "fe80::7", "::", 2, 28, 1000, TIME_NEVER },
		{ "fe80::7", "::", 1, 23, 1000, TIME_NEVER },
		{ PEER6, "::", 1, 28, 1000, TIME_NEVER },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t message[28] = { ICMP6_MLD_QUERY };
		struct address group = a6(rows[i].group);
		struct host host;

		host6_make_settled(&host);
		store_be16(message + 4, rows[i].code);
		memcpy(message + 8, group.bytes, 16);
		for (int twice = 0; twice < 2; twice++) {
			icmp6_in(&host, rows[i].source, "ff02::1", rows[i].hop_limit, message, rows[i].bytes);
			assert_int_equal(host_taken(&host, RULE_MLD_QUERY_IGNORED), rows[i].most == TIME_NEVER);
		}
		if (rows[i].most != TIME_NEVER) {
			host_wait(&host, rows[i].most);
			assert_int_equal(count6_of(&host, ICMP6_MLD_REPORT_2), 1);
		}
		host_wait(&host, SEC(20));
		assert_int_equal(count6_of(&host, ICMP6_MLD_REPORT_2), 0);
		host_free(&host);
	}
}

/* On a link without link addresses nobody listens to reports. */
static void test_8504_5_11_R1_point_to_point(void **state)
{
	uint8_t message[28] = { ICMP6_MLD_QUERY };
	struct host host;

	(void)state;
	host6_make(&host, false, false);
	icmp6_in(&host, "fe80::7", "ff02::1", 1, message, 28);
	assert_rule(&host, MLD_QUERY_IGNORED);
	host_wait(&host, SEC(20));
	assert_int_equal(count6_of(&host, ICMP6_MLD_REPORT_2), 0);
	assert_false(host_output(&host));
	host_free(&host);
}

static void redirect_in(struct host *host, const char *source, const char *target, const char *destination,
			const struct mac *mac, size_t bytes)
{
	uint8_t message[64] = { ICMP6_REDIRECT };
	struct address to = a6(target), about = a6(destination);

	memcpy(message + 8, to.bytes, 16);
	memcpy(message + 24, about.bytes, 16);
	if (mac)
		bytes += nd_mac_emit(message + 40, ND_OPTION_TARGET_MAC, mac);
	icmp6_in(host, source, "ff02::1", 255, message, bytes);
}

static void assert_hop(struct host *host, const char *destination, const char *expected)
{
	struct address to = a6(destination), hop;

	assert_true(route6_first_hop(host->ip, 0, &to, &hop));
	assert_address(hop, expected);
}

/*
 * 4861-§8.3-R1: more destinations than are kept: the latest word on each counts, the oldest makes room; whom it names
 * is believed about another again; a first hop that is silent is passed over.
 */
static void test_4861_8_3_R1_many_redirects(void **state)
{
	uint8_t message[16] = { ICMP6_ROUTER_ADVERTISEMENT, [6] = 7 };
	const unsigned kept = IP6_REDIRECTS_MAX;
	struct neighbour *neighbour;
	struct address second = a6("fe80::fc");
	struct host host;
	char text[64];

	(void)state;
	host6_make(&host, true, true);
	for (int i = 0; i < 40; i++) {
		host6_drain(&host);
		host_wait(&host, MS(100));
	}
	icmp6_in(&host, ROUTER6, "ff02::1", 255, message, 16);
	host6_forget(&host);
	for (unsigned i = 0; i < kept + 3; i++) {
		snprintf(text, sizeof(text), "2001:db8:9::%x", i + 1);
		redirect_in(&host, ROUTER6, OTHER_ROUTER6, text,
			    i % 3 == 0 ? &other_mac : i % 3 == 1 ? &all_macs : NULL, 40);
		assert_rule(&host, REDIRECT_HEEDED);
		assert_hop(&host, text, OTHER_ROUTER6);
		redirect_in(&host, OTHER_ROUTER6, "fe80::fc", text, i % 2 ? &router_mac : NULL, 40);
		assert_rule(&host, REDIRECT_HEEDED);
		assert_hop(&host, text, "fe80::fc");
		host_wait(&host, MS(10));
	}
	for (unsigned i = 0; i < kept + 3; i++) {
		snprintf(text, sizeof(text), "2001:db8:9::%x", i + 1);
		assert_hop(&host, text, i < 3 ? ROUTER6 : "fe80::fc");
	}
	neighbour = neighbour_find(host.ip, 0, &second);
	assert_non_null(neighbour);
	assert_true(neighbour->is_router);
	assert_true(mac_eq(&neighbour->mac, &router_mac));
	neighbour->silent = true;
	assert_hop(&host, text, ROUTER6);
	redirect_in(&host, ROUTER6, OTHER_ROUTER6, AFAR6, NULL, 39);
	assert_rule(&host, ND_BAD);
	redirect_in(&host, ROUTER6, OTHER_ROUTER6, "::", NULL, 40);
	assert_rule(&host, REDIRECT_IGNORED);
	redirect_in(&host, ROUTER6, OTHER_ROUTER6, "ff0e::1", NULL, 40);
	assert_rule(&host, REDIRECT_IGNORED);
	assert_hop(&host, AFAR6, ROUTER6);
	host_free(&host);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_interfaces_of_ipv6),
		cmocka_unit_test(test_interfaces_of_ipv4),
		cmocka_unit_test(test_addresses_of_ipv6),
		cmocka_unit_test(test_prefix_of_an_address_stays),
		cmocka_unit_test(test_routes_of_ipv6),
		cmocka_unit_test(test_ways_that_there_are_not),
		cmocka_unit_test(test_6724_5_R1_each_rule),
		cmocka_unit_test(test_8504_5_11_R1_queries),
		cmocka_unit_test(test_8504_5_11_R1_point_to_point),
		cmocka_unit_test(test_4861_8_3_R1_many_redirects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
