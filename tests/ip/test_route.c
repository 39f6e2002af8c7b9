/* SPDX-License-Identifier: MIT */
/* Interfaces, ways and headers. */
#include <errno.h>

#include "ip/host.h"

static int route_to(struct host *host, uint32_t remote, uint32_t local, struct ip_route *route)
{
	struct address to = address_v4(remote), from = address_v4(local);

	memset(route, 0, sizeof(*route));
	return ip_route(host->ip, &to, local ? &from : NULL, route);
}

static void assert_route(struct host *host, uint32_t remote, uint32_t local, uint8_t interface, uint32_t source)
{
	struct ip_route route;

	assert_int_equal(route_to(host, remote, local, &route), 0);
	assert_int_equal(route.interface, interface);
	assert_int_equal(address_v4_value(&route.local), source);
	assert_int_equal(route.loopback, interface == IP_LOOPBACK);
	assert_int_equal(route.mtu, interface == IP_LOOPBACK ? 65535 : ip_interface(host->ip, interface)->mtu);
}

static int add(struct host *host, uint32_t address, uint8_t prefix, uint32_t gateway, uint32_t mtu)
{
	struct eleven_interface interface = tun_interface();

	interface.address = public_v4(address);
	interface.prefix_bits = prefix;
	interface.mtu = mtu;
	if (gateway)
		interface.gateway = public_v4(gateway);
	return ip_interface_add(host->ip, &interface);
}

/* 1122-§3.3.1.6-R1 */
static void test_1122_3_3_1_6_R1_interfaces_are_checked(void **state)
{
	struct eleven_interface interface;
	struct host host;

	(void)state;
	host_config(&host);
	host_start(&host);
	assert_int_equal(add(&host, OURS, 24, 0, 1500), 0);
	assert_int_equal(add(&host, OURS, 8, 0, 1500), -EEXIST);
	assert_int_equal(add(&host, 0, 24, 0, 1500), -EINVAL);
	assert_int_equal(add(&host, 0x7f000001, 8, 0, 1500), -EINVAL);
	assert_int_equal(add(&host, 0xe0000001, 24, 0, 1500), -EINVAL);
	assert_int_equal(add(&host, 0xffffffff, 32, 0, 1500), -EINVAL);
	assert_int_equal(add(&host, 0x0b0000ff, 24, 0, 1500), -EINVAL);
	assert_int_equal(add(&host, 0x0b000000, 24, 0, 1500), -EINVAL);
	assert_int_equal(add(&host, 0x0b000001, 33, 0, 1500), -EINVAL);
	assert_int_equal(add(&host, 0x0b000001, 24, 0, 67), -EINVAL);
	assert_int_equal(add(&host, 0x0b000001, 24, 0, 65536), -EINVAL);
	assert_int_equal(add(&host, 0x0b000001, 24, 0x0b000001, 1500), -EINVAL);
	assert_int_equal(add(&host, 0x0b000001, 24, 0x0b0000ff, 1500), -EINVAL);
	assert_int_equal(add(&host, 0x0b000001, 24, 0xe0000001, 1500), -EINVAL);
	interface = ethernet_interface();
	interface.address = public_v4(0x0b000001);
	interface.gateway = public_v4(0);
	interface.mac[0] = 1;
	assert_int_equal(ip_interface_add(host.ip, &interface), -EINVAL);
	memset(interface.mac, 0, 6);
	assert_int_equal(ip_interface_add(host.ip, &interface), -EINVAL);
	interface.mac[0] = 2;
	memset(interface.address.bytes, 0, 12);
	assert_int_equal(ip_interface_add(host.ip, &interface), -EINVAL);
	interface.address = public_v4(0x0b000001);
	interface.kind = 7;
	assert_int_equal(ip_interface_add(host.ip, &interface), -EINVAL);
	for (uint32_t i = 1; i < 8; i++)
		assert_int_equal(add(&host, 0x0c000001 + (i << 8), 24, 0, 68), i);
	assert_int_equal(add(&host, 0x0d000001, 24, 0, 1500), -ENOSPC);
	assert_int_equal(ip_interface(host.ip, 7)->mtu, 68);
	assert_null(ip_interface(host.ip, 8));
	assert_null(ip_interface(host.ip, IP_LOOPBACK));
	host_free(&host);
}

/* 1122-§3.3.1.1-R1 */
static void test_1122_3_3_1_1_R1_no_interface_no_way(void **state)
{
	struct ip_route route;
	struct host host;

	(void)state;
	host_config(&host);
	host_start(&host);
	assert_int_equal(route_to(&host, PEER, 0, &route), -ENETUNREACH);
	assert_route(&host, 0x7f000001, 0, IP_LOOPBACK, 0x7f000001);
	assert_int_equal(add(&host, OURS, 24, 0, 1500), 0);
	assert_route(&host, PEER, 0, 0, OURS);
	assert_route(&host, AFAR, 0, 0, OURS);
	host_free(&host);
}

/* 1122-§3.2.1.3-R3 */
static void test_1122_3_2_1_3_R3_loopback_stays_inside(void **state)
{
	struct ip_route route;
	struct host host;
	struct address six = { { 0x20, 1 } };

	(void)state;
	host_make_tun(&host);
	assert_route(&host, 0x7f000001, 0, IP_LOOPBACK, 0x7f000001);
	assert_route(&host, 0x7f010203, 0, IP_LOOPBACK, 0x7f000001);
	assert_route(&host, 0x7f000001, 0x7f000009, IP_LOOPBACK, 0x7f000009);
	assert_route(&host, OURS, 0, IP_LOOPBACK, OURS);
	assert_route(&host, OURS, 0x7f000001, IP_LOOPBACK, 0x7f000001);
	assert_int_equal(route_to(&host, PEER, 0x7f000001, &route), -EINVAL);
	assert_int_equal(ip_route(host.ip, &six, NULL, &route), -ENETUNREACH);
	assert_true(ip_is_local(host.ip, &(struct address){ { [10] = 255, [11] = 255, [12] = 127, [13] = 9 } }));
	assert_false(ip_is_local(host.ip, &six));
	host_free(&host);
}

static void test_MUST_46_remotes_that_cannot_be(void **state)
{
	static const uint32_t remotes[] = { 0, 0xffffffff, 0xe0000001, 0xf0000001, 0x0a0000ff, 0x0a000000, 0x00000001 };
	struct ip_route route;
	struct host host;

	(void)state;
	host_make_tun(&host);
	for (size_t i = 0; i < sizeof(remotes) / sizeof(remotes[0]); i++)
		assert_int_equal(route_to(&host, remotes[i], 0, &route), -EINVAL);
	assert_int_equal(route_to(&host, PEER, PEER, &route), -EADDRNOTAVAIL);
	assert_int_equal(route_to(&host, OURS, PEER, &route), -EADDRNOTAVAIL);
	host_free(&host);
}

/* 1122-§3.3.1.1-R1, 1122-§3.3.4.2-R2 */
static void test_1122_3_3_1_1_R1_3_3_4_2_R2_longest_prefix_then_gateway(void **state)
{
	struct host host;

	(void)state;
	host_config(&host);
	host_start(&host);
	assert_int_equal(add(&host, 0x0a010001, 16, 0x0a0100fe, 1500), 0);
	assert_int_equal(add(&host, 0x0a010201, 24, 0, 9000), 1);
	assert_int_equal(add(&host, 0x0b000001, 8, 0x0b0000fe, 1400), 2);
	assert_route(&host, 0x0a010105, 0, 0, 0x0a010001);
	assert_route(&host, 0x0a010205, 0, 1, 0x0a010201);
	assert_route(&host, 0x0a010205, 0x0b000001, 1, 0x0b000001);
	assert_route(&host, 0x0b0a0b0c, 0, 2, 0x0b000001);
	assert_route(&host, AFAR, 0, 0, 0x0a010001);
	assert_route(&host, AFAR, 0x0b000001, 2, 0x0b000001);
	assert_route(&host, AFAR, 0x0a010201, 1, 0x0a010201);
	host_free(&host);
}

/* 1122-§3.2.1.6-R1, 1122-§3.2.1.7-R2 */
static void test_1122_3_2_1_6_R1_3_2_1_7_R2_header(void **state)
{
	struct address remote = address_v4(AFAR), local = address_v4(OURS);
	uint8_t header[IP_HEADER_BYTES_MAX];
	static uint8_t packet[65535];
	struct ip_route route;
	struct ipv4 parsed;
	struct host host;

	(void)state;
	host_make_tun(&host);
	assert_int_equal(ip_route(host.ip, &remote, NULL, &route), 0);
	assert_int_equal(ip_header(host.ip, &route, &local, &remote, 7, 0xb9, true, 65515, header, host.now), 20);
	memcpy(packet, header, 20);
	assert_int_equal(ipv4_parse(&parsed, packet, sizeof(packet)), IPV4_OK);
	assert_int_equal(parsed.ttl, 7);
	assert_int_equal(parsed.dscp << 2 | parsed.ecn, 0xb9);
	assert_int_equal(parsed.protocol, IPV4_PROTOCOL_TCP);
	assert_int_equal(parsed.total_bytes, 65535);
	assert_true(parsed.dont_fragment);
	assert_int_equal(parsed.id, 0);
	assert_int_equal(address_v4_value(&parsed.source), OURS);
	assert_int_equal(address_v4_value(&parsed.destination), AFAR);
	host_free(&host);
}

/* 6864-§4.3-R1 */
static void test_6864_4_3_R1_id_when_it_may_be_fragmented(void **state)
{
	static bool seen[65536];
	struct address remote = address_v4(AFAR), local = address_v4(OURS);
	uint8_t header[IP_HEADER_BYTES_MAX];
	struct ip_route route;
	struct host host;

	(void)state;
	host_make_tun(&host);
	assert_int_equal(ip_route(host.ip, &remote, NULL, &route), 0);
	for (unsigned i = 0; i < 65536; i++) {
		while (!ip_may_identify(host.ip, &local, &remote, host.now))
			host_wait(&host, MS(1));
		assert_int_equal(ip_header(host.ip, &route, &local, &remote, 64, 0, false, 20, header, host.now), 20);
		assert_false(header[6] & 0x40);
		assert_false(seen[load_be16(header + 4)]);
		seen[load_be16(header + 4)] = true;
	}
	host_free(&host);
}

/* Within any two minutes at most 65536 go, however the sender hurries, and more to another. */
/* 6864-§5.2-R1 */
static void test_6864_5_2_R1_sources_that_may_be_fragmented_are_limited(void **state)
{
	static uint64_t sent[65536];            /* when the last 65536 went, a ring */
	struct address remote = address_v4(AFAR), other = address_v4(PEER), local = address_v4(OURS);
	uint8_t header[IP_HEADER_BYTES_MAX];
	struct ip_route route;
	struct host host;
	uint64_t start, epoch;

	(void)state;
	host_make_tun(&host);
	assert_int_equal(ip_route(host.ip, &remote, NULL, &route), 0);
	start = host.now;
	memset(sent, 0, sizeof(sent));
	for (unsigned i = 0; i < 200000; i++) {
		while (!ip_may_identify(host.ip, &local, &remote, host.now)) {
			assert_int_equal(ip_header(host.ip, &route, &local, &remote, 64, 0, false, 20, header,
						   host.now), -EAGAIN);
			epoch = ip_neighbour_epoch(host.ip);
			assert_true(ip_deadline(host.ip) > host.now);
			host_wait(&host, ip_deadline(host.ip) - host.now);
			assert_int_not_equal(ip_neighbour_epoch(host.ip), epoch);
		}
		assert_int_equal(ip_header(host.ip, &route, &local, &remote, 64, 0, false, 20, header, host.now), 20);
		if (i % 7 == 0) {               /* the link cuts this one: more are gone */
			ip_identify_more(host.ip, &local, &remote, 3);
			for (unsigned more = 0; more < 3; more++, i++)
				sent[i % 65536] = host.now;
		}
		assert_true(sent[i % 65536] == 0 || host.now - sent[i % 65536] >= SEC(120));
		sent[i % 65536] = host.now;
	}
	assert_in_range(host.now - start, SEC(300), SEC(420));
	assert_true(ip_may_identify(host.ip, &local, &other, host.now));
	host_free(&host);
}

/* 1122-§3.3.2-R3, 1122-§3.3.3-R1 */
static void test_1122_3_3_2_R3_3_3_3_R1_transport_learns_the_sizes(void **state)
{
	struct address remote = address_v4(AFAR);
	struct eleven_interface interface = tun_interface();
	static uint8_t payload[65515], packet[65535];
	struct ip_route route;
	struct host host;
	uint32_t most;

	(void)state;
	host_config(&host);
	host_start(&host);
	assert_int_equal(add(&host, OURS, 24, 0, 1400), 0);
	assert_int_equal(ip_route(host.ip, &remote, NULL, &route), 0);
	assert_int_equal(ip_mms_send(&route), 1380);
	most = ip_mms_receive(host.ip, 0);
	assert_int_equal(most, 65515);
	for (uint32_t at = 0; at < most; at += 1376) {
		bool more = at + 1376 < most;
		struct ipv4 fields = { .ttl = 64, .id = 9, .fragment_offset = at, .more_fragments = more };
		size_t n = packet_make(packet, PEER, OURS, 6, payload + at, more ? 1376 : most - at, &fields);

		assert_int_equal(host_input(&host, packet, n), more ? IP_CONSUMED : IP_SEGMENT);
	}
	assert_int_equal(host.datagram.payload_bytes, most);
	host_free(&host);

	host_config(&host);                     /* little memory for fragments: what the link takes is taken */
	host.config.fragment_bytes = 2048;
	host_start(&host);
	interface.mtu = 9000;
	assert_int_equal(ip_interface_add(host.ip, &interface), 0);
	assert_int_equal(ip_mms_receive(host.ip, 0), 8980);
	assert_int_equal(host_input(&host, packet, packet_make(packet, PEER, OURS, 6, payload, 8980, NULL)),
			 IP_SEGMENT);
	assert_int_equal(ip_mms_receive(host.ip, IP_LOOPBACK), 65515);
	host_free(&host);
}

static void test_loopback_header_has_no_link_header(void **state)
{
	struct address ours = address_v4(OURS);
	uint8_t header[IP_HEADER_BYTES_MAX];
	struct ip_route route;
	struct host host;

	(void)state;
	host_make_ethernet(&host);
	assert_int_equal(ip_route(host.ip, &ours, NULL, &route), 0);
	assert_int_equal(ip_header(host.ip, &route, &ours, &ours, 64, 0, true, 20, header, host.now), 20);
	host_free(&host);
}

/* The smallest and a large configuration: inside the bytes said, whatever comes (ASan watches the end). */
static void test_memory_is_what_was_said(void **state)
{
	(void)state;
	for (int large = 0; large < 2; large++) {
		struct host host;
		uint8_t packet[1500], zeros[1400] = { 0 };

		host_config(&host);
		host.config.fragments_max = large ? 1000 : 1;
		host.config.fragment_bytes = large ? 1u << 22 : 2048;
		host.config.neighbours_max = large ? 3000 : 1;
		host.config.replies_max = large ? 3000 : 4;
		host.config.icmp_rate = large ? 1u << 20 : 1;
		host_start(&host);
		assert_int_equal(add(&host, OURS, 24, 0, 1500), 0);
		if (!large)
			assert_in_range(ip_bytes(&host.config), 1, 24000);
		for (uint16_t id = 0; id < 3000; id++) {
			struct ipv4 fields = { .ttl = 1, .id = id, .more_fragments = true };

			host_input(&host, packet, packet_make(packet, PEER, OURS, 47, zeros, 1400, &fields));
			packet_make(packet, PEER, OURS, 47, zeros, 1400, NULL);
			host_input(&host, packet, 1420);
		}
		host_wait(&host, SEC(60));
		while (host_output(&host))
			;
		host_free(&host);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_1122_3_3_1_6_R1_interfaces_are_checked),
		cmocka_unit_test(test_1122_3_3_1_1_R1_no_interface_no_way),
		cmocka_unit_test(test_1122_3_2_1_3_R3_loopback_stays_inside),
		cmocka_unit_test(test_MUST_46_remotes_that_cannot_be),
		cmocka_unit_test(test_1122_3_3_1_1_R1_3_3_4_2_R2_longest_prefix_then_gateway),
		cmocka_unit_test(test_1122_3_2_1_6_R1_3_2_1_7_R2_header),
		cmocka_unit_test(test_6864_5_2_R1_sources_that_may_be_fragmented_are_limited),
		cmocka_unit_test(test_1122_3_3_2_R3_3_3_3_R1_transport_learns_the_sizes),
		cmocka_unit_test(test_6864_4_3_R1_id_when_it_may_be_fragmented),
		cmocka_unit_test(test_loopback_header_has_no_link_header),
		cmocka_unit_test(test_memory_is_what_was_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
