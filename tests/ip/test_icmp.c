/* SPDX-License-Identifier: MIT */
/* ICMP that is sent: echo replies, errors, when none is sent, and how many. */
#include "ip/host.h"

static uint8_t data[65535];

static void echo_check(struct host *host, size_t n)
{
	static uint8_t whole[65535];
	size_t here = 0;
	struct icmp message;
	bool more = true;

	while (more) {
		struct ipv4 packet;

		assert_true(host_output(host));
		assert_in_range(host_out_bytes(host), 21, 1500);
		assert_int_equal(ipv4_parse(&packet, host_out(host), host_out_bytes(host)), IPV4_OK);
		assert_int_equal(packet.fragment_offset, here);
		assert_int_equal(address_v4_value(&packet.source), OURS);
		assert_int_equal(address_v4_value(&packet.destination), PEER);
		assert_int_not_equal(packet.ttl, 0);
		more = packet.more_fragments;
		assert_false(more && packet.dont_fragment);
		memcpy(whole + here, packet.payload, packet.payload_bytes);
		here += packet.payload_bytes;
	}
	assert_int_equal(here, 8 + n);
	assert_int_equal(icmp_parse(&message, whole, here), ICMP_OK);
	assert_int_equal(message.type, ICMP_ECHO_REPLY);
	assert_int_equal(message.rest, 0x12340005);
	assert_memory_equal(message.payload, data, n);
	assert_false(host_output(host));
}

/* 1122-§3.2.2.6-R1, 6864-§4.3-R2 */
static void test_1122_3_2_2_6_R1_echo_of_every_size(void **state)
{
	static const size_t sizes[] = { 0, 1, 2, 55, 56, 57, 239, 240, 241, 1471, 1472, 1473, 9001, 65507 };
	struct host host;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 5 + (i >> 9));
	host_make_tun(&host);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		message_input(&host, PEER, OURS, ICMP_ECHO, 0, 0x12340005, data, sizes[i]);
		assert_rule(&host, ICMP_ECHO_ANSWERED);
		echo_check(&host, sizes[i]);
	}
	host_free(&host);
}

static void test_1122_3_2_2_6_R1_echo_in_fragments(void **state)
{
	static uint8_t message[3008];
	struct ipv4 fields = { .ttl = 3, .id = 4 };
	uint8_t packet[1600];
	struct host host;

	(void)state;
	host_make_tun(&host);
	message_make(message, ICMP_ECHO, 0, 0x12340005, data, 3000);
	for (uint32_t at = 0; at < sizeof(message); at += 1480) {
		uint32_t n = sizeof(message) - at < 1480 ? (uint32_t)sizeof(message) - at : 1480;

		fields.fragment_offset = at;
		fields.more_fragments = at + n < sizeof(message);
		host_input(&host, packet, packet_make(packet, PEER, OURS, 1, message + at, n, &fields));
	}
	echo_check(&host, 3000);
	host_free(&host);
}

/* 1122-§3.3.4.2-R1 */
static void test_1122_3_3_4_2_R1_answer_comes_from_the_address_asked(void **state)
{
	struct eleven_interface interface = tun_interface();
	struct ipv4 packet;
	struct host host;

	(void)state;
	host_make_weak(&host);
	interface.address = public_v4(0x0a000105);
	assert_int_equal(ip_interface_add(host.ip, &interface), 1);
	message_input(&host, PEER, 0x0a000105, ICMP_ECHO, 0, 1, data, 10);
	assert_true(host_output(&host));
	host_out_icmp(&host, &packet);
	assert_int_equal(address_v4_value(&packet.source), 0x0a000105);
	host_free(&host);
}

static void test_V81_broadcast_echo_is_not_answered(void **state)
{
	static const uint32_t groups[] = { 0xffffffff, 0x0a0000ff, 0x0a000000, 0xe0000001 };
	struct host host;

	(void)state;
	host_make_tun(&host);
	for (size_t i = 0; i < 4; i++)
		message_input(&host, PEER, groups[i], ICMP_ECHO, 0, 1, data, 10);
	message_input(&host, 0x0a0000ff, OURS, ICMP_ECHO, 0, 1, data, 10);
	assert_false(host_output(&host));
	host_free(&host);
}

/* 792-§--R1 */
static void test_792_R1_checksum_and_length(void **state)
{
	uint8_t message[32], packet[64];
	struct host host;
	size_t n = message_make(message, ICMP_ECHO, 0, 7, data, 16);

	(void)state;
	host_make_tun(&host);
	for (size_t bit = 0; bit < n * 8; bit++) {
		message[bit / 8] ^= (uint8_t)(1 << bit % 8);
		host_input(&host, packet, packet_make(packet, PEER, OURS, 1, message, n, NULL));
		message[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_rule(&host, ICMP_CHECKSUM_BAD);
	}
	for (size_t length = 0; length < 8; length++) {
		host_input(&host, packet, packet_make(packet, PEER, OURS, 1, message, length, NULL));
		assert_rule(&host, ICMP_SHORT);
	}
	assert_false(host_output(&host));
	host_free(&host);
}

static void unreachable_check(struct host *host, uint8_t code, const uint8_t *about, size_t n)
{
	struct ipv4 packet;
	struct icmp message;

	assert_true(host_output(host));
	message = host_out_icmp(host, &packet);
	assert_int_equal(message.type, ICMP_UNREACHABLE);
	assert_int_equal(message.code, code);
	assert_int_equal(message.rest, 0);
	assert_int_equal(address_v4_value(&packet.source), OURS);
	assert_int_equal(address_v4_value(&packet.destination), PEER);
	assert_int_equal(message.payload_bytes, n < 548 ? n : 548);
	assert_memory_equal(message.payload, about, message.payload_bytes);
	assert_false(host_output(host));
}

static void test_1122_3_2_2_1_R1_V93_unreachable(void **state)
{
	static uint8_t packet[1500];
	struct host host;

	(void)state;
	host_make_tun(&host);
	for (unsigned protocol = 0; protocol < 256; protocol++) {
		size_t n = packet_make(packet, PEER, OURS, (uint8_t)protocol, data, 4 * protocol, NULL);

		if (protocol == 1 || protocol == 6 || protocol == 17)
			continue;
		host_wait(&host, MS(1));
		assert_int_equal(host_input(&host, packet, n), IP_CONSUMED);
		assert_rule(&host, IP_PROTOCOL_UNREACHABLE);
		assert_rule(&host, ICMP_ERROR_SENT);
		unreachable_check(&host, ICMP_UNREACHABLE_PROTOCOL, packet, n);
	}
	host_free(&host);
}

static size_t udp_make(uint8_t *packet, uint32_t destination, uint16_t length, bool summed)
{
	uint8_t udp[20] = { 0, 53, 0, 54, 0, (uint8_t)length };
	uint32_t sum = checksum_pseudo_v4(PEER, destination, 17, length);

	if (summed && length <= sizeof(udp))
		store_be16(udp + 6, checksum_finish(checksum_add(sum, udp, length)));
	return packet_make(packet, PEER, destination, 17, udp, sizeof(udp), NULL);
}

/* 1122-§3.2.2.1-R1, 1122-§3.3.8-R1 */
static void test_1122_3_2_2_1_R1_udp_port_unreachable(void **state)
{
	uint8_t packet[64];
	struct host host;
	size_t n;

	(void)state;
	host_make_tun(&host);
	for (int summed = 0; summed < 2; summed++) {
		n = udp_make(packet, OURS, 20, summed);
		host_input(&host, packet, n);
		assert_rule(&host, UDP_PORT_UNREACHABLE);
		unreachable_check(&host, ICMP_UNREACHABLE_PORT, packet, n);
	}
	packet[30] ^= 1;
	host_input(&host, packet, n);
	host_input(&host, packet, udp_make(packet, OURS, 7, true));
	host_input(&host, packet, udp_make(packet, OURS, 21, true));
	host_input(&host, packet, packet_make(packet, PEER, OURS, 17, data, 7, NULL));
	assert_int_equal(host_taken(&host, RULE_UDP_BAD), 4);
	assert_false(host_output(&host));
	host_free(&host);
}

/* 1122-§3.2.2.5-R1 */
static void test_1122_3_2_2_5_R1_parameter_problem_points_at_the_option(void **state)
{
	static const uint8_t options[8] = { 1, 7, 4, 0, 1, 131, 1, 0 };
	struct ipv4 fields = { .ttl = 1, .options = options, .options_bytes = 8 }, packet;
	uint8_t bytes[128];
	struct icmp message;
	struct host host;

	(void)state;
	host_make_tun(&host);
	host_input(&host, bytes, packet_make(bytes, PEER, OURS, 6, data, 20, &fields));
	assert_rule(&host, IP_OPTION_BAD);
	assert_true(host_output(&host));
	message = host_out_icmp(&host, &packet);
	assert_int_equal(message.type, ICMP_PARAMETER_PROBLEM);
	assert_int_equal(message.code, 0);
	assert_int_equal(message.rest, 25u << 24);
	assert_int_equal(message.payload_bytes, 48);
	host_free(&host);
}

/*
 * About ICMP errors, to groups, about later fragments, from nobody, to ourselves: never.
 * 1122-§3.2.2-R3, 6633-§3-R1
 */
static void test_1122_3_2_2_R3_6633_3_R1_no_error_about_these(void **state)
{
	static const uint8_t bad_option[4] = { 7, 1, 0, 0 };
	struct ipv4 fields = { .ttl = 1, .options = bad_option, .options_bytes = 4 };
	uint8_t bytes[128], message[32];
	struct host host;

	(void)state;
	host_make_tun(&host);
	for (unsigned type = 0; type < 256; type++) {
		size_t n = message_make(message, (uint8_t)type, 0, 0, data, 8);

		host_input(&host, bytes, packet_make(bytes, PEER, OURS, 1, message, n, &fields));
		assert_int_equal(host_taken(&host, RULE_ICMP_ABOUT_ERROR), type != 0 && type != 8);
		assert_int_equal(host_output(&host), type == 0 || type == 8);
	}
	assert_int_equal(host_taken(&host, RULE_ICMP_ERROR_SENT), 2);
	host_input(&host, bytes, packet_make(bytes, PEER, OURS, 1, message, 0, &fields));
	assert_rule(&host, ICMP_ABOUT_ERROR);
	fields.fragment_offset = 800;
	host_input(&host, bytes, packet_make(bytes, PEER, OURS, 47, data, 8, &fields));
	fields.fragment_offset = 0;
	host_input(&host, bytes, packet_make(bytes, PEER, 0x0a0000ff, 47, data, 8, &fields));
	host_input(&host, bytes, packet_make(bytes, 0x0a0000ff, OURS, 47, data, 8, &fields));
	host_input(&host, bytes, packet_make(bytes, 0, OURS, 47, data, 8, NULL));
	host_input(&host, bytes, udp_make(bytes, 0x0a0000ff, 20, true));
	host_input_on(&host, IP_LOOPBACK, bytes, packet_make(bytes, OURS, OURS, 47, data, 8, NULL));
	assert_rule(&host, IP_PROTOCOL_UNREACHABLE);
	message_make(message, ICMP_ECHO, 0, 0, data, 8);
	host_input_on(&host, IP_LOOPBACK, bytes, packet_make(bytes, OURS, OURS, 1, message, 16, NULL));
	assert_rule(&host, ICMP_NO_WAY);
	assert_no_rule(&host, ICMP_ERROR_SENT);
	assert_false(host_output(&host));
	host_free(&host);
}

static unsigned errors_sent(struct host *host, unsigned asked)
{
	uint8_t packet[64];
	unsigned sent = 0;

	for (unsigned i = 0; i < asked; i++) {
		host_input(host, packet, udp_make(packet, OURS, 20, true));
		sent += host_output(host);
	}
	return sent;
}

static void test_1812_4_3_2_8_errors_are_rate_limited(void **state)
{
	unsigned sent = 0;
	struct host host;

	(void)state;
	host_make_tun(&host);
	assert_int_equal(errors_sent(&host, 1000), 50);
	assert_int_equal(host_taken(&host, RULE_ICMP_LIMITED), 950);
	for (unsigned i = 0; i < 10000; i++) {
		host_wait(&host, US(100));
		sent += errors_sent(&host, 3);
	}
	assert_in_range(sent, 990, 1000);
	host_wait(&host, SEC(1000));
	assert_int_equal(errors_sent(&host, 1000), 50);
	host_free(&host);
}

static void test_V61_queue_of_messages_is_bounded(void **state)
{
	struct host host;
	unsigned sent = 0;

	(void)state;
	host_config(&host);
	host.config.replies_max = 4;
	host.config.icmp_rate = 1;
	host_start(&host);
	assert_int_equal(ip_interface_add(host.ip, &(struct eleven_interface){ .kind = ELEVEN_LINK_IP, .mtu = 1500,
			 .address = public_v4(OURS), .prefix_bits = 24 }), 0);
	for (int i = 0; i < 10; i++)
		message_input(&host, PEER, OURS, ICMP_ECHO, 0, 1, data, 100);
	assert_int_equal(host_taken(&host, RULE_ICMP_NO_ROOM), 6);
	while (host_output(&host))
		sent++;
	assert_int_equal(sent, 4);
	message_input(&host, PEER, OURS, ICMP_ECHO, 0, 1, data, 1000);
	assert_rule(&host, ICMP_NO_ROOM);
	message_input(&host, PEER, OURS, ICMP_ECHO, 0, 0x12340005, data, 984);
	echo_check(&host, 984);
	host_free(&host);
}

/*
 * Not the same again for 65536 packets to one peer, and no counter that another peer sees.
 * 6864-§4.3-R1, 6864-§4.1-R2
 */
static void test_6864_4_3_R1_V30_identification(void **state)
{
	static bool seen[65536];
	struct ipv4 packet;
	struct host host;
	uint16_t last = 0, in_step = 0;

	(void)state;
	host_make_tun(&host);
	for (unsigned i = 0; i < 30000; i++) {
		host_wait(&host, MS(2));        /* no faster than identifications last */
		message_input(&host, PEER, OURS, ICMP_ECHO, 0, 1, data, 1400);
		assert_true(host_output(&host));
		host_out_icmp(&host, &packet);
		assert_false(seen[packet.id]);
		seen[packet.id] = true;
		in_step += packet.id == (uint16_t)(last + 2);
		last = packet.id;
		message_input(&host, AFAR, OURS, ICMP_ECHO, 0, 1, data, 1400);
		assert_true(host_output(&host));
	}
	assert_int_equal(in_step, 0);
	message_input(&host, PEER, OURS, ICMP_ECHO, 0, 1, data, 100);
	assert_true(host_output(&host));
	host_out_icmp(&host, &packet);
	assert_true(packet.dont_fragment);
	assert_int_equal(packet.id, 0);
	host_free(&host);
}

/* 6864-§5.2-R1: echoes too large for one packet, asked for faster than identifications last. */
static void test_6864_5_2_R1_large_echoes_are_limited(void **state)
{
	struct host host;
	unsigned answered = 0;

	(void)state;
	host_make_tun(&host);
	for (unsigned i = 0; i < 240000; i++) { /* 2000 a second for two minutes */
		host_wait(&host, US(500));
		message_input(&host, PEER, OURS, ICMP_ECHO, 0, 1, data, 600);
		while (host_output(&host))
			answered++;
	}
	assert_in_range(answered, 60000, 65536);
	assert_int_equal(answered + host_taken(&host, RULE_ICMP_ID_LIMITED), 240000);
	message_input(&host, PEER, OURS, ICMP_ECHO, 0, 0x12340005, data, 100);
	echo_check(&host, 100);
	host_free(&host);
}

/* 1122-§3.1-R1: ICMP answers by itself; what IP carries for TCP is handed up; both in one host. */
static void test_1122_3_1_R1_ip_and_icmp(void **state)
{
	uint8_t segment[20] = { 0x1f, 0x40 }, packet[100];
	struct host host;

	(void)state;
	host_make_tun(&host);
	message_input(&host, PEER, OURS, ICMP_ECHO, 0, 0x12340005, data, 56);
	echo_check(&host, 56);
	assert_int_equal(host_input(&host, packet, packet_make(packet, PEER, OURS, 6, segment, 20, NULL)), IP_SEGMENT);
	assert_int_equal(host.datagram.payload_bytes, 20);
	assert_memory_equal(host.datagram.payload, segment, 20);
	host_free(&host);
}

/* 1122-§3.2.2.2-R1: a packet for a third host, which has a better way to it, is neither passed on nor redirected. */
static void test_1122_3_2_2_2_R1_no_redirect_is_sent(void **state)
{
	static const uint32_t third[] = { ROUTER, AFAR, 0x0a000077 };
	uint8_t payload[20] = { 0 }, packet[100], frame[200];
	struct host host;

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		size_t n = packet_make(packet, PEER, third[i / 2], 6, payload, 20, NULL);

		if (i % 2) {
			host_make_tun(&host);
			host_input(&host, packet, n);
		} else {
			host_make_ethernet(&host);
			host_wait(&host, SEC(10));
			while (host_output(&host))
				host_wait(&host, SEC(10));
			n = frame_make(frame, &our_mac, &peer_mac, ETHERNET_TYPE_IPV4, packet, n);
			host_input(&host, frame, n);
		}
		assert_rule(&host, IP_NOT_OURS);
		assert_false(host_output(&host));
		host_free(&host);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_1122_3_2_2_6_R1_echo_of_every_size),
		cmocka_unit_test(test_1122_3_2_2_6_R1_echo_in_fragments),
		cmocka_unit_test(test_1122_3_3_4_2_R1_answer_comes_from_the_address_asked),
		cmocka_unit_test(test_V81_broadcast_echo_is_not_answered),
		cmocka_unit_test(test_792_R1_checksum_and_length),
		cmocka_unit_test(test_1122_3_2_2_1_R1_V93_unreachable),
		cmocka_unit_test(test_1122_3_2_2_1_R1_udp_port_unreachable),
		cmocka_unit_test(test_1122_3_2_2_5_R1_parameter_problem_points_at_the_option),
		cmocka_unit_test(test_1122_3_2_2_R3_6633_3_R1_no_error_about_these),
		cmocka_unit_test(test_1812_4_3_2_8_errors_are_rate_limited),
		cmocka_unit_test(test_V61_queue_of_messages_is_bounded),
		cmocka_unit_test(test_6864_4_3_R1_V30_identification),
		cmocka_unit_test(test_6864_5_2_R1_large_echoes_are_limited),
		cmocka_unit_test(test_1122_3_1_R1_ip_and_icmp),
		cmocka_unit_test(test_1122_3_2_2_2_R1_no_redirect_is_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
