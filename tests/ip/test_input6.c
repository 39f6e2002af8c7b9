/* SPDX-License-Identifier: MIT */
/* The fixed header of IPv6 and its addresses, one thing wrong at a time; then what the chain of headers may be. */
#include "ip/host6.h"

static const uint8_t text[64] = "a TCP header goes here, and its text";

static void make(struct host *host)
{
	host6_make(host, false, false);
	host6_forget(host);
}

static enum ip_input segment_between(struct host *host, const char *source, const char *destination)
{
	return packet6_input(host, &(struct packet6){ source, destination, IPV6_TCP, 0, 0, text, 40 });
}

/* 8200-§3, V98 */
static void test_V98_payload_length(void **state)
{
	uint8_t packet[128];
	struct host host;
	size_t n = packet6_make(packet, &(struct packet6){ PEER6, OURS6, IPV6_TCP, 0, 0x2c, text, 60 });

	(void)state;
	make(&host);
	for (size_t cut = 0; cut < n; cut++) {
		assert_int_equal(host_input(&host, packet, cut), IP_CONSUMED);
		assert_int_equal(host_taken(&host, RULE_IP6_SHORT), cut >= 1 && cut < 40);
		assert_int_equal(host_taken(&host, RULE_IP6_LENGTH_LONG), cut >= 40);
	}
	/* Bytes behind the payload are the link's padding. */
	assert_int_equal(host_input(&host, packet, n), IP_SEGMENT);
	assert_int_equal(host.datagram.payload_bytes, 60);
	assert_int_equal(host.datagram.tos, 0x2c);
	store_be16(packet + 4, 20);
	assert_int_equal(host_input(&host, packet, n), IP_SEGMENT);
	assert_int_equal(host.datagram.payload_bytes, 20);
	host_free(&host);
}

/* V97: payload length 0 with hop-by-hop options, whatever the option says. */
static void test_V97_jumbograms_are_not_spoken(void **state)
{
	static const uint8_t jumbo[80] = { IPV6_TCP, 0, 0xc2, 4, 0, 1, 0, 0 };
	uint8_t packet[128];
	struct host host;
	size_t n;

	(void)state;
	make(&host);
	n = packet6_make(packet, &(struct packet6){ PEER6, OURS6, IPV6_HOP_BY_HOP, 0, 0, jumbo, 80 });
	store_be16(packet + 4, 0);
	assert_int_equal(host_input(&host, packet, n), IP_CONSUMED);
	assert_rule(&host, IP6_JUMBO);
	assert_false(host_output(&host));
	/* With a length the option is one that is not known. */
	store_be16(packet + 4, 80);
	assert_int_equal(host_input(&host, packet, n), IP_CONSUMED);
	assert_rule(&host, EXTENSION_OPTION_UNKNOWN);
	host_free(&host);
}

/* 8200-§5-R1: packets of the link's MTU come in whole, and of 1280. */
static void test_8200_5_R1_packets_of_the_links_size(void **state)
{
	static const uint32_t sizes[] = { 1280, 1500 };
	uint8_t payload[1460] = { 0 };
	struct eleven_interface small = interface6(false);
	struct host host;

	(void)state;
	make(&host);
	for (int i = 0; i < 2; i++) {
		struct packet6 p = { PEER6, OURS6, IPV6_TCP, 0, 0, payload, sizes[i] - 40 };

		assert_int_equal(packet6_input(&host, &p), IP_SEGMENT);
	}
	/* No link may be smaller. */
	small.mtu = 1279;
	small.address6 = public6("fd02::1");
	assert_int_equal(ip_interface_add(host.ip, &small), -EINVAL);
	small.mtu = 1280;
	assert_int_equal(ip_interface_add(host.ip, &small), 1);
	host_free(&host);
}

/* 4291-§2.5.2-R1, 4291-§2.5.3-R1, 4291-§2.7-R1 */
static void test_4291_who_cannot_have_sent_it(void **state)
{
	static const struct {
		const char *source, *destination;
		enum rule rule;
	} rows[] = {
		{ "::", OURS6, RULE_IP6_SOURCE_UNSPECIFIED },
		{ "::1", OURS6, RULE_IP6_SOURCE_LOOPBACK },
		{ "ff02::1", OURS6, RULE_IP6_SOURCE_MULTICAST },
		{ "ff0e::1:2", OURS6, RULE_IP6_SOURCE_MULTICAST },
		{ OURS6, OURS6, RULE_IP6_SOURCE_OURS },
		{ "::ffff:10.0.0.2", OURS6, RULE_IP6_MAPPED },
		{ PEER6, "::ffff:10.0.0.1", RULE_IP6_MAPPED },
		{ PEER6, "::1", RULE_IP6_LOOPBACK_FROM_WIRE },
		{ PEER6, "::", RULE_IP6_NOT_OURS },
		{ PEER6, "fd00::3", RULE_IP6_NOT_OURS },
		{ PEER6, "ff02::2", RULE_IP6_GROUP },
		{ PEER6, "ff02::1", RULE_IP6_GROUP },           /* TCP is for one host */
		{ PEER6, "ff02::1:ff00:1", RULE_IP6_GROUP },
	};
	struct host host;

	(void)state;
	make(&host);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(segment_between(&host, rows[i].source, rows[i].destination), IP_CONSUMED);
		assert_int_equal(host_taken(&host, rows[i].rule), 1);
		assert_false(host_output(&host));
	}
	assert_int_equal(segment_between(&host, PEER6, OURS6), IP_SEGMENT);
	host_free(&host);
}

/* 4291-§2.8-R1: the addresses that a host knows as its own, and no others. */
static void test_4291_2_8_R1_what_is_ours(void **state)
{
	uint8_t echo[16] = { ICMP6_ECHO };
	char own[ADDRESS_TEXT_MAX], group[ADDRESS_TEXT_MAX];
	struct address link, solicited;
	struct host host;

	(void)state;
	host6_make_settled(&host);
	link = link_local(&host);
	solicited = address_solicited_node(&link);
	address_print(own, sizeof(own), &link);
	address_print(group, sizeof(group), &solicited);
	assert_int_equal(segment_between(&host, PEER6, OURS6), IP_SEGMENT);
	assert_int_equal(segment_between(&host, "fe80::2", own), IP_SEGMENT);
	host6_forget(&host);
	icmp6_in(&host, "fe80::2", "ff02::1", 64, echo, sizeof(echo));
	assert_rule(&host, ICMP6_ECHO_ANSWERED);
	icmp6_in(&host, "fe80::2", group, 64, echo, sizeof(echo));
	assert_rule(&host, ICMP6_ECHO_ANSWERED);
	icmp6_in(&host, PEER6, "ff02::1:ff00:1", 64, echo, sizeof(echo));
	assert_rule(&host, ICMP6_ECHO_ANSWERED);
	icmp6_in(&host, PEER6, "ff02::1:ff00:99", 64, echo, sizeof(echo));
	assert_no_rule(&host, ICMP6_ECHO_ANSWERED);
	assert_rule(&host, IP6_GROUP);
	icmp6_in(&host, PEER6, "ff05::1", 64, echo, sizeof(echo));
	assert_rule(&host, IP6_GROUP);
	host_free(&host);
}

/* A packet for this host alone in a frame for many is not for TCP. */
static void test_frame_for_many(void **state)
{
	uint8_t packet[128], frame[160];
	struct host host;
	size_t n = packet6_make(packet, &(struct packet6){ PEER6, OURS6, IPV6_TCP, 0, 0, text, 40 });

	(void)state;
	host6_make_settled(&host);
	n = frame_make(frame, &all_macs, &peer_mac, ETHERNET_TYPE_IPV6, packet, n);
	assert_int_equal(host_input(&host, frame, n), IP_CONSUMED);
	assert_rule(&host, IP6_GROUP);
	host_free(&host);
}

/* V93: tunnels are protocols like any other that is not spoken; 8200-§4-R2 */
static void test_8200_4_R2_V93_unknown_next_header(void **state)
{
	static const uint8_t unknown[] = { 4, 41, 50, 51, 132, 135, 253 };
	struct icmp6 message;
	struct ipv6 packet;
	struct host host;

	(void)state;
	make(&host);
	for (size_t i = 0; i < sizeof(unknown); i++) {
		packet6_input(&host, &(struct packet6){ PEER6, OURS6, unknown[i], 0, 0, text, 40 });
		assert_rule(&host, IP6_NEXT_HEADER_UNKNOWN);
		assert_true(out6(&host, &packet, &message));
		assert_int_equal(message.type, ICMP6_PARAMETER_PROBLEM);
		assert_int_equal(message.code, ICMP6_PROBLEM_NEXT_HEADER);
		assert_int_equal(message.rest, 6);
		assert_address(packet.destination, PEER6);
		assert_address(packet.source, OURS6);
	}
	host_free(&host);
}

/* 8200-§4.7-R1 */
static void test_8200_4_7_R1_no_next_header(void **state)
{
	struct host host;

	(void)state;
	make(&host);
	packet6_input(&host, &(struct packet6){ PEER6, OURS6, IPV6_NO_NEXT, 0, 0, text, 40 });
	assert_rule(&host, IP6_NO_NEXT);
	packet6_input(&host, &(struct packet6){ PEER6, OURS6, IPV6_NO_NEXT, 0, 0, text, 0 });
	assert_rule(&host, IP6_NO_NEXT);
	assert_false(host_output(&host));
	host_free(&host);
}

/* V94: a packet that may not go further may end here: RFC 8200 §3. */
static void test_V94_hop_limit_of_zero(void **state)
{
	uint8_t packet[128];
	struct host host;
	size_t n = packet6_make(packet, &(struct packet6){ PEER6, OURS6, IPV6_TCP, 0, 0, text, 40 });

	(void)state;
	make(&host);
	packet[7] = 0;
	assert_int_equal(host_input(&host, packet, n), IP_SEGMENT);
	assert_int_equal(host.datagram.ttl, 0);
	host_free(&host);
}

/* 8504-§5.12-R1: what congestion marks say reaches TCP, and TCP's go out. */
static void test_8504_5_12_R1_ecn_both_ways(void **state)
{
	uint8_t header[IP_HEADER_BYTES_MAX];
	struct address to = a6(PEER6);
	struct ip_route route;
	struct host host;

	(void)state;
	make(&host);
	for (uint8_t ecn = 0; ecn < 4; ecn++) {
		struct ipv6 sent;

		packet6_input(&host, &(struct packet6){ PEER6, OURS6, IPV6_TCP, 0, (uint8_t)(0xb8 | ecn), text, 40 });
		assert_int_equal(host.datagram.tos, 0xb8 | ecn);
		assert_int_equal(ip_route(host.ip, &to, NULL, &route), 0);
		ip_header(host.ip, &route, &route.local, &to, 0, 0xb8 | ecn, true, 0, header, host.now);
		assert_int_equal(ipv6_parse(&sent, header, 40), IPV6_OK);
		assert_int_equal(sent.tos, 0xb8 | ecn);
		assert_int_equal(sent.hop_limit, 64);
	}
	host_free(&host);
}

/* UDP has a checksum in IPv6, always: RFC 8200 §8.1. */
static void test_udp_is_answered(void **state)
{
	uint8_t udp[12] = { 0, 9, 0, 9, 0, 12, 0, 0, 'a', 'b', 'c', 'd' };
	struct address from = a6(PEER6), to = a6(OURS6);
	struct icmp6 message;
	struct ipv6 packet;
	struct host host;

	(void)state;
	make(&host);
	packet6_input(&host, &(struct packet6){ PEER6, OURS6, IPV6_UDP, 0, 0, udp, 12 });
	assert_rule(&host, UDP_BAD);
	store_be16(udp + 6, checksum_finish(checksum_add(checksum_pseudo_v6(&from, &to, IPV6_UDP, 12), udp, 12)));
	packet6_input(&host, &(struct packet6){ PEER6, OURS6, IPV6_UDP, 0, 0, udp, 12 });
	assert_rule(&host, UDP_PORT_UNREACHABLE);
	assert_true(out6(&host, &packet, &message));
	assert_int_equal(message.type, ICMP6_UNREACHABLE);
	assert_int_equal(message.code, ICMP6_UNREACHABLE_PORT);
	udp[9] ^= 1;
	packet6_input(&host, &(struct packet6){ PEER6, OURS6, IPV6_UDP, 0, 0, udp, 12 });
	assert_rule(&host, UDP_BAD);
	host_free(&host);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_V98_payload_length),
		cmocka_unit_test(test_V97_jumbograms_are_not_spoken),
		cmocka_unit_test(test_8200_5_R1_packets_of_the_links_size),
		cmocka_unit_test(test_4291_who_cannot_have_sent_it),
		cmocka_unit_test(test_4291_2_8_R1_what_is_ours),
		cmocka_unit_test(test_frame_for_many),
		cmocka_unit_test(test_8200_4_R2_V93_unknown_next_header),
		cmocka_unit_test(test_8200_4_7_R1_no_next_header),
		cmocka_unit_test(test_V94_hop_limit_of_zero),
		cmocka_unit_test(test_8504_5_12_R1_ecn_both_ways),
		cmocka_unit_test(test_udp_is_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
