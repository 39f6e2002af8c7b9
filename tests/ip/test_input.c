/* SPDX-License-Identifier: MIT */
/* What IPv4 lets in: each check of RFC 791 §3.1 and RFC 1122 §3.2.1 with its rule. */
#include "ip/host.h"

static const uint8_t text[20] = "tcp header goes here";

static enum ip_input tcp_from(struct host *host, uint32_t source, uint32_t destination)
{
	uint8_t packet[128];

	return host_input(host, packet, packet_make(packet, source, destination, IPV4_PROTOCOL_TCP, text, 20, NULL));
}

/* 1122-§3.2.1.6-R1 */
static void test_segment_is_delivered(void **state)
{
	struct ipv4 fields = { .ttl = 17, .dscp = 10, .ecn = IPV4_ECN_CE };
	struct eleven_packet packet = { .interface = 0, .flags = ELEVEN_PACKET_CHECKSUM_OK, .segment_bytes = 1448 };
	struct host host;
	uint8_t bytes[64];

	(void)state;
	host_make_tun(&host);
	packet.bytes = bytes;
	packet.length = (uint32_t)packet_make(bytes, PEER, OURS, IPV4_PROTOCOL_TCP, text, 20, &fields);
	assert_int_equal(ip_input(host.ip, &packet, &host.datagram, &host.error, host.now), IP_SEGMENT);
	assert_int_equal(address_v4_value(&host.datagram.source), PEER);
	assert_int_equal(address_v4_value(&host.datagram.destination), OURS);
	assert_ptr_equal(host.datagram.payload, bytes + 20);
	assert_ptr_equal(host.datagram.header, bytes);
	assert_int_equal(host.datagram.payload_bytes, 20);
	assert_int_equal(host.datagram.ttl, 17);
	assert_int_equal(host.datagram.tos, 10 << 2 | IPV4_ECN_CE);
	assert_int_equal(host.datagram.segment_bytes, 1448);
	assert_true(host.datagram.checksum_ok);
	host_free(&host);
}

/* 1122-§3.2.1.1-R1 */
static void test_1122_3_2_1_1_R1_V91_version(void **state)
{
	struct host host;
	uint8_t packet[64];
	size_t n = packet_make(packet, PEER, OURS, IPV4_PROTOCOL_TCP, text, 20, NULL);

	(void)state;
	host_make_tun(&host);
	for (unsigned version = 0; version < 16; version++) {
		packet[0] = (uint8_t)(version << 4 | 5);
		packet_fix(packet);
		assert_int_equal(host_input(&host, packet, n), version == 4 ? IP_SEGMENT : IP_CONSUMED);
		assert_int_equal(host_taken(&host, RULE_IP_VERSION_BAD), version != 4 && version != 6);
	}
	host_free(&host);
}

/* 791-§3.1-R1 */
static void test_791_3_1_R1_V91_header_length(void **state)
{
	struct host host;
	uint8_t packet[64];
	size_t n = packet_make(packet, PEER, OURS, IPV4_PROTOCOL_TCP, text, 20, NULL);

	(void)state;
	host_make_tun(&host);
	for (unsigned words = 0; words < 5; words++) {
		packet[0] = (uint8_t)(0x40 | words);
		assert_int_equal(host_input(&host, packet, n), IP_CONSUMED);
		assert_rule(&host, IP_HEADER_LENGTH_BAD);
	}
	packet[0] = 0x4f;
	assert_int_equal(host_input(&host, packet, n), IP_CONSUMED);
	assert_rule(&host, IP_SHORT);
	host_free(&host);
}

/* 791-§3.1-R1 */
static void test_V15_V92_total_length(void **state)
{
	struct host host;
	uint8_t packet[104];

	(void)state;
	host_make_tun(&host);
	for (unsigned total = 0; total <= sizeof(packet) + 64; total++) {
		memset(packet, 0, sizeof(packet));
		packet_make(packet, PEER, OURS, IPV4_PROTOCOL_TCP, text, 20, NULL);
		store_be16(packet + 2, (uint16_t)total);
		packet_fix(packet);
		if (total >= 20 && total <= sizeof(packet)) {
			assert_int_equal(host_input(&host, packet, sizeof(packet)), IP_SEGMENT);
			assert_int_equal(host.datagram.payload_bytes, total - 20);
			continue;
		}
		assert_int_equal(host_input(&host, packet, sizeof(packet)), IP_CONSUMED);
		assert_int_equal(host_taken(&host, RULE_IP_LENGTH_ZERO), total == 0);
		assert_int_equal(host_taken(&host, RULE_IP_LENGTH_SHORT), total > 0 && total < 20);
		assert_int_equal(host_taken(&host, RULE_IP_LENGTH_LONG), total > sizeof(packet));
	}
	host_free(&host);
}

/* What the kernel calls BIG TCP: more than 64 KiB with a total length of 0. */
static void test_total_length_zero_of_a_big_packet_is_dropped(void **state)
{
	static uint8_t packet[70000];
	struct host host;

	(void)state;
	host_make_tun(&host);
	packet_make(packet, PEER, OURS, IPV4_PROTOCOL_TCP, text, 20, NULL);
	store_be16(packet + 2, 0);
	packet_fix(packet);
	assert_int_equal(host_input(&host, packet, sizeof(packet)), IP_CONSUMED);
	assert_rule(&host, IP_LENGTH_ZERO);
	host_free(&host);
}

static void test_big_segment_of_64_kib(void **state)
{
	static uint8_t packet[65535], payload[65515];
	struct host host;

	(void)state;
	host_make_tun(&host);
	packet_make(packet, PEER, OURS, IPV4_PROTOCOL_TCP, payload, sizeof(payload), NULL);
	assert_int_equal(host_input(&host, packet, sizeof(packet)), IP_SEGMENT);
	assert_int_equal(host.datagram.payload_bytes, 65515);
	host_free(&host);
}

/* 1122-§3.2.1.2-R1 */
static void test_1122_3_2_1_2_R1_checksum(void **state)
{
	struct host host;
	uint8_t packet[64];
	size_t n = packet_make(packet, PEER, OURS, IPV4_PROTOCOL_TCP, text, 20, NULL);

	(void)state;
	host_make_tun(&host);
	for (unsigned bit = 0; bit < 160; bit++) {
		packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(host_input(&host, packet, n), IP_CONSUMED);
		packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_not_equal(host_taken(&host, RULE_IP_CHECKSUM_BAD), 0);
	assert_int_equal(host_input(&host, packet, n), IP_SEGMENT);
	assert_false(host_output(&host));
	host_free(&host);
}

/* 1122-§3.2.1.3-R2, MUST-63 */
static void test_1122_3_2_1_3_R2_MUST_63_martian_sources(void **state)
{
	static const struct {
		uint32_t source;
		enum rule rule;
	} martians[] = {
		{ 0x00000000, RULE_IP_SOURCE_ZERO }, { 0x00010203, RULE_IP_SOURCE_ZERO },
		{ 0x7f000001, RULE_IP_SOURCE_LOOPBACK }, { 0x7fffffff, RULE_IP_SOURCE_LOOPBACK },
		{ 0xe0000001, RULE_IP_SOURCE_MULTICAST }, { 0xefffffff, RULE_IP_SOURCE_MULTICAST },
		{ 0xffffffff, RULE_IP_SOURCE_BROADCAST }, { 0x0a0000ff, RULE_IP_SOURCE_BROADCAST },
		{ 0x0a000000, RULE_IP_SOURCE_BROADCAST }, { 0xf0000001, RULE_IP_SOURCE_RESERVED },
		{ OURS, RULE_IP_SOURCE_OURS },
	};
	struct host host;

	(void)state;
	host_make_tun(&host);
	for (size_t i = 0; i < sizeof(martians) / sizeof(martians[0]); i++) {
		assert_int_equal(tcp_from(&host, martians[i].source, OURS), IP_CONSUMED);
		assert_int_equal(host_taken(&host, martians[i].rule), 1);
	}
	assert_int_equal(tcp_from(&host, AFAR, OURS), IP_SEGMENT);
	assert_false(host_output(&host));
	host_free(&host);
}

/* 1122-§3.2.1.3-R1 */
static void test_1122_3_2_1_3_R1_not_ours_in_silence(void **state)
{
	uint8_t packet[64];
	struct host host;

	(void)state;
	host_make_tun(&host);
	assert_int_equal(tcp_from(&host, PEER, 0x0a000003), IP_CONSUMED);
	assert_rule(&host, IP_NOT_OURS);
	assert_int_equal(tcp_from(&host, PEER, 0x7f000001), IP_CONSUMED);
	assert_rule(&host, IP_LOOPBACK_FROM_WIRE);
	host_input(&host, packet, packet_make(packet, PEER, 0x0a000003, IPV4_PROTOCOL_UDP, text, 20, NULL));
	assert_rule(&host, IP_NOT_OURS);
	assert_false(host_output(&host));
	host_free(&host);
}

/* 1122-§3.3.6-R1, MUST-57 */
static void test_1122_3_3_6_R1_MUST_57_broadcast_and_multicast_destinations(void **state)
{
	static const uint32_t groups[] = { 0xffffffff, 0x00000000, 0x0a0000ff, 0x0a000000, 0xe0000001, 0xeffffffa };
	uint8_t packet[64];
	struct host host;

	(void)state;
	host_make_tun(&host);
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		assert_int_equal(tcp_from(&host, PEER, groups[i]), IP_CONSUMED);
		assert_rule(&host, IP_GROUP);
		host_input(&host, packet, packet_make(packet, PEER, groups[i], IPV4_PROTOCOL_UDP, text, 20, NULL));
		assert_rule(&host, IP_GROUP);
	}
	assert_false(host_output(&host));
	host_free(&host);
}

/* On a link of two there is no broadcast address. */
static void test_prefix_31_and_32_have_no_broadcast(void **state)
{
	struct host host;
	struct eleven_interface interface = tun_interface();

	(void)state;
	host_config(&host);
	host.config.strong_host = 0;
	host_start(&host);
	interface.address = public_v4(0x0a000000);
	interface.prefix_bits = 31;
	assert_int_equal(ip_interface_add(host.ip, &interface), 0);
	interface.address = public_v4(0x0b0000ff);
	interface.prefix_bits = 32;
	assert_int_equal(ip_interface_add(host.ip, &interface), 1);
	assert_int_equal(tcp_from(&host, 0x0a000001, 0x0a000000), IP_SEGMENT);
	assert_int_equal(tcp_from(&host, 0x0a000001, 0x0b0000ff), IP_SEGMENT);
	host_free(&host);
}

/* 1122-§3.1-R2, 1122-§3.3.4.2-R3 */
static void test_1122_3_3_4_2_weak_host_takes_its_other_address(void **state)
{
	struct host host;
	struct eleven_interface interface = tun_interface();

	(void)state;
	host_make_weak(&host);
	interface.address = public_v4(0x0a000105);
	assert_int_equal(ip_interface_add(host.ip, &interface), 1);
	assert_int_equal(tcp_from(&host, PEER, 0x0a000105), IP_SEGMENT);
	assert_int_equal(host.datagram.interface, 0);
	host_free(&host);
}

/* 1122-§3.2.1.7-R1 */
static void test_1122_3_2_1_7_R1_V94_small_ttl_is_no_reason_to_drop(void **state)
{
	struct ipv4 fields = { .ttl = 0 };
	struct host host;
	uint8_t packet[64];

	(void)state;
	host_make_tun(&host);
	for (fields.ttl = 0; fields.ttl < 3; fields.ttl++)
		assert_int_equal(host_input(&host, packet, packet_make(packet, PEER, OURS, IPV4_PROTOCOL_TCP, text, 20,
								       &fields)), IP_SEGMENT);
	host_free(&host);
}

/* Every header length, every kind, every length byte: what is delivered begins behind the options.  MUST-50. */
static void test_1122_3_2_1_8_R1_MUST_50_V89_options(void **state)
{
	struct host host;
	uint8_t packet[128], options[40];

	(void)state;
	host_make_tun(&host);
	for (unsigned bytes = 4; bytes <= 40; bytes += 4) {
		for (unsigned kind = 0; kind < 256; kind++) {
			for (unsigned length = 0; length <= 44; length++) {
				struct ipv4 fields = { .ttl = 9, .options = options, .options_bytes = (uint8_t)bytes };
				bool route = (kind == 131 || kind == 137) && length >= 2 && length <= bytes;
				bool good = kind < 2 || (length >= 2 && length <= bytes && !route);
				size_t n;

				memset(options, 0, sizeof(options));
				options[0] = (uint8_t)kind;
				options[1] = (uint8_t)length;
				if (kind == 1)
					options[1] = 1;
				n = packet_make(packet, PEER, OURS, IPV4_PROTOCOL_TCP, text, 20, &fields);
				assert_int_equal(host_input(&host, packet, n), good ? IP_SEGMENT : IP_CONSUMED);
				if (good)
					assert_int_equal(host.datagram.payload[0], 't');
				else
					assert_int_equal(host_taken(&host, RULE_IP_OPTION_BAD) +
							 host_taken(&host, RULE_IP_SOURCE_ROUTE), 1);
			}
		}
	}
	host_free(&host);
}

static enum ip_input routed(struct host *host, uint8_t kind, uint8_t length, uint8_t pointer)
{
	uint8_t packet[128], options[12] = { 1, kind, length, pointer, 192, 0, 2, 9, 192, 0, 2, 8 };
	struct ipv4 fields = { .ttl = 9, .options = options, .options_bytes = sizeof(options) };

	return host_input(host, packet, packet_make(packet, PEER, OURS, IPV4_PROTOCOL_TCP, text, 20, &fields));
}

/* DEVIATIONS: MUST-53.  Ended here or not, its pointer right or wrong. */
static void test_1122_3_2_1_8_R2_V90_source_route_is_dropped(void **state)
{
	struct host host;

	(void)state;
	host_make_tun(&host);
	for (unsigned kind = 131; kind <= 137; kind += 6) {
		for (unsigned pointer = 0; pointer <= 16; pointer++) {
			assert_int_equal(routed(&host, (uint8_t)kind, 11, (uint8_t)pointer), IP_CONSUMED);
			assert_rule(&host, IP_SOURCE_ROUTE);
		}
		assert_int_equal(routed(&host, (uint8_t)kind, 2, 0), IP_CONSUMED);
		assert_rule(&host, IP_SOURCE_ROUTE);
	}
	assert_int_equal(routed(&host, 7, 11, 4), IP_SEGMENT);
	assert_false(host_output(&host));
	host_free(&host);
}

/* 6864-§4.1-R1 */
static void test_6864_4_1_R1_atomic_datagrams_may_repeat_their_id(void **state)
{
	struct ipv4 fields = { .ttl = 9, .id = 7, .dont_fragment = true, .reserved_flag = true };
	struct host host;
	uint8_t packet[64];
	size_t n = packet_make(packet, PEER, OURS, IPV4_PROTOCOL_TCP, text, 20, &fields);

	(void)state;
	host_make_tun(&host);
	for (int i = 0; i < 3; i++)
		assert_int_equal(host_input(&host, packet, n), IP_SEGMENT);
	host_free(&host);
}

static void test_interfaces(void **state)
{
	struct host host;
	uint8_t packet[64];
	size_t n = packet_make(packet, PEER, OURS, IPV4_PROTOCOL_TCP, text, 20, NULL);

	(void)state;
	host_make_tun(&host);
	for (unsigned i = 1; i < 255; i++)
		assert_int_equal(host_input_on(&host, (uint8_t)i, packet, n), IP_CONSUMED);
	assert_int_equal(host_taken(&host, RULE_IP_NO_INTERFACE), 254);
	host_free(&host);
}

static void test_loopback_knows_no_martians(void **state)
{
	struct host host;
	uint8_t packet[64];

	(void)state;
	host_make_tun(&host);
	assert_int_equal(host_input_on(&host, IP_LOOPBACK, packet,
				       packet_make(packet, 0x7f000001, 0x7f000001, 6, text, 20, NULL)), IP_SEGMENT);
	assert_int_equal(host.datagram.interface, IP_LOOPBACK);
	assert_int_equal(host_input_on(&host, IP_LOOPBACK, packet, packet_make(packet, OURS, OURS, 6, text, 20, NULL)),
			 IP_SEGMENT);
	assert_int_equal(host_input_on(&host, IP_LOOPBACK, packet, packet_make(packet, OURS, PEER, 6, text, 20, NULL)),
			 IP_CONSUMED);
	assert_rule(&host, IP_NOT_OURS);
	host_free(&host);
}

/* 1122-§3.1-R3 */
static void test_drops_are_traced_with_their_addresses(void **state)
{
	struct eleven_trace record;
	uint64_t after = 0, lost;
	struct host host;

	(void)state;
	host_make_tun(&host);
	tcp_from(&host, 0xe0000001, OURS);
	tcp_from(&host, PEER, 0x0a000003);
	assert_int_equal(trace_read(&host.trace, &after, &record, 1, &lost), 1);
	assert_int_equal(record.rule, RULE_IP_SOURCE_MULTICAST);
	assert_int_equal(record.local.address.bytes[15], 1);
	assert_int_equal(record.remote.address.bytes[12], 0xe0);
	assert_int_equal(trace_read(&host.trace, &after, &record, 1, &lost), 0);
	host_free(&host);
}

/* Is this TCP for us?  Said once more in other words, and slowly. */
static bool model_accepts(const uint8_t *bytes, size_t n)
{
	static const struct {
		uint32_t first, last;
	} nobody[] = { { 0, 0x00ffffff }, { 0x7f000000, 0x7fffffff }, { 0xe0000000, 0xffffffff }, { OURS, OURS },
		       { 0x0a000000, 0x0a000000 }, { 0x0a0000ff, 0x0a0000ff }, { 0x0b000000, 0x0b000000 } };
	struct ipv4 packet;
	uint32_t source;

	if (ipv4_parse(&packet, bytes, n) != IPV4_OK || packet.protocol != IPV4_PROTOCOL_TCP || packet.source_route)
		return false;
	if (ipv4_is_fragment(&packet))
		return false;
	source = address_v4_value(&packet.source);
	for (size_t i = 0; i < sizeof(nobody) / sizeof(nobody[0]); i++)
		if (source >= nobody[i].first && source <= nobody[i].last)
			return false;
	return address_v4_value(&packet.destination) == OURS || address_v4_value(&packet.destination) == 0x0b000000;
}

/* The way most packets take and the way of the others let in the same ones. */
static void test_fast_path_equals_the_model(void **state)
{
	static const uint32_t addresses[] = { OURS, PEER, AFAR, 0, 0x00ffffff, 0x01000000, 0x7effffff, 0x7f000001,
					      0x80000000, 0xdfffffff, 0xe0000000, 0xffffffff, 0x0a0000ff, 0x0a000000,
					      0x0b000000, 0x0b000001 };
	struct eleven_interface interface = tun_interface();
	struct random chance;
	struct host host;
	unsigned in = 0;

	(void)state;
	host_make_weak(&host);
	interface.address = public_v4(0x0b000000);
	interface.prefix_bits = 31;
	assert_int_equal(ip_interface_add(host.ip, &interface), 1);
	random_seed(&chance, 5);
	for (unsigned i = 0; i < 200000; i++) {
		static const uint8_t nops[40] = { 1, 1, 1, 1 };
		struct ipv4 fields = { .ttl = 5, .options = nops, .options_bytes = random_below(&chance, 4) ? 0 : 4 };
		uint8_t packet[64];
		size_t n;
		bool expected;

		n = packet_make(packet, addresses[random_below(&chance, 16)],
				addresses[random_below(&chance, 4) ? 0 : 14], 6, text, 20, &fields);
		if (random_below(&chance, 2))
			packet[random_below(&chance, 10)] = (uint8_t)random_next(&chance);
		if (random_below(&chance, 4) == 0)
			store_be16(packet + 6, (uint16_t)(1u << random_below(&chance, 16)));
		if (random_below(&chance, 8) == 0)
			n = random_below(&chance, n + 1);
		if (n >= 20 && (packet[0] & 15u) * 4 <= n && random_below(&chance, 16))
			packet_fix(packet);
		expected = model_accepts(packet, n);
		assert_int_equal(host_input(&host, packet, n), expected ? IP_SEGMENT : IP_CONSUMED);
		if (!expected)
			continue;
		in++;
		assert_ptr_equal(host.datagram.header, host.packet);
		assert_ptr_equal(host.datagram.payload, host.packet + host.datagram.header_bytes);
		assert_int_equal(host.datagram.header_bytes, (packet[0] & 15u) * 4);
		assert_int_equal(host.datagram.payload_bytes, load_be16(packet + 2) - host.datagram.header_bytes);
		assert_int_equal(host.datagram.tos, packet[1]);
		assert_int_equal(host.datagram.ttl, packet[8]);
		assert_int_equal(address_v4_value(&host.datagram.source), load_be32(packet + 12));
		assert_int_equal(address_v4_value(&host.datagram.destination), load_be32(packet + 16));
	}
	assert_in_range(in, 20000, 180000);
	host_free(&host);
}

/* A payload that is often a good ICMP message, and then often an error that quotes a segment of ours. */
static size_t noise_payload(struct random *chance, uint8_t payload[128])
{
	size_t n = random_below(chance, 128);

	for (size_t i = 0; i < 128; i++)
		payload[i] = (uint8_t)random_next(chance);
	if (random_below(chance, 2)) {
		payload[0] = (uint8_t)random_below(chance, 14);
		packet_make(payload + 8, OURS, PEER, 6, payload, 20, NULL);
	}
	if (n >= 8 && payload[0] < 14) {
		store_be16(payload + 2, 0);
		store_be16(payload + 2, checksum_finish(checksum_add(0, payload, n)));
	}
	return n;
}

static size_t noise_packet(struct random *chance, uint8_t packet[256], bool ethernet)
{
	static const uint8_t protocols[] = { 1, 1, 1, 6, 17, 47 };
	struct ipv4 fields = { .ttl = 1, .id = (uint16_t)random_below(chance, 4) };
	size_t n, at = ethernet ? 14 : 0;
	uint8_t payload[128];

	fields.more_fragments = random_below(chance, 4) == 0;
	fields.fragment_offset = random_below(chance, 4) ? 0 : (uint32_t)random_below(chance, 8192) * 8;
	n = noise_payload(chance, payload);
	n = at + packet_make(packet + at, PEER, OURS, protocols[random_below(chance, 6)], payload, n, &fields);
	if (ethernet)
		frame_make(packet, &our_mac, &peer_mac, random_below(chance, 8) ? 0x0800 : 0x0806, packet + 14, 0);
	while (random_below(chance, 3) == 0)
		packet[random_below(chance, n)] ^= (uint8_t)(1u << random_below(chance, 8));
	if (random_below(chance, 3) == 0)
		packet_fix(packet + at);
	return random_below(chance, 4) ? n : random_below(chance, n + 1);
}

/* Good packets only, echo replies and errors only, to no group.  1122-§3.2.2.2-R1, 6633-§3-R1. */
static void noise_answer_check(const struct host *host)
{
	struct ipv4 packet;
	uint8_t type;

	if (host->ethernet && load_be16(host_out(host) - 2) == ETHERNET_TYPE_ARP)
		return;
	type = host_out_icmp(host, &packet).type;
	assert_true(type == ICMP_ECHO_REPLY || type == ICMP_UNREACHABLE || type == ICMP_TIME_EXCEEDED ||
		    type == ICMP_PARAMETER_PROBLEM);
	assert_int_equal(address_v4_value(&packet.source), OURS);
	assert_true(address_v4_value(&packet.destination) < 0xe0000000 && address_v4_value(&packet.destination) != 0);
}

/* Anything at all: cut off anywhere, any bit wrong, pure noise, both kinds of link. */
static void test_V80_V88_V92_V100_noise_never_crashes(void **state)
{
	uint8_t packet[256];
	struct random chance;

	(void)state;
	random_seed(&chance, 1);
	for (int ethernet = 0; ethernet < 2; ethernet++) {
		struct host host;

		if (ethernet)
			host_make_ethernet(&host);
		else
			host_make_tun(&host);
		for (int i = 0; i < 60000; i++) {
			host_input(&host, packet, noise_packet(&chance, packet, ethernet));
			host_wait(&host, random_below(&chance, MS(100)));
			while (random_below(&chance, 4) && host_output(&host))
				noise_answer_check(&host);
		}
		assert_int_not_equal(host_taken(&host, RULE_ICMP_ERROR_SENT), 0);
		assert_int_not_equal(host_taken(&host, RULE_FRAGMENT_TIMEOUT), 0);
		host_free(&host);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segment_is_delivered),
		cmocka_unit_test(test_1122_3_2_1_1_R1_V91_version),
		cmocka_unit_test(test_791_3_1_R1_V91_header_length),
		cmocka_unit_test(test_V15_V92_total_length),
		cmocka_unit_test(test_total_length_zero_of_a_big_packet_is_dropped),
		cmocka_unit_test(test_big_segment_of_64_kib),
		cmocka_unit_test(test_1122_3_2_1_2_R1_checksum),
		cmocka_unit_test(test_1122_3_2_1_3_R2_MUST_63_martian_sources),
		cmocka_unit_test(test_1122_3_2_1_3_R1_not_ours_in_silence),
		cmocka_unit_test(test_1122_3_3_6_R1_MUST_57_broadcast_and_multicast_destinations),
		cmocka_unit_test(test_prefix_31_and_32_have_no_broadcast),
		cmocka_unit_test(test_1122_3_3_4_2_weak_host_takes_its_other_address),
		cmocka_unit_test(test_1122_3_2_1_7_R1_V94_small_ttl_is_no_reason_to_drop),
		cmocka_unit_test(test_1122_3_2_1_8_R1_MUST_50_V89_options),
		cmocka_unit_test(test_1122_3_2_1_8_R2_V90_source_route_is_dropped),
		cmocka_unit_test(test_6864_4_1_R1_atomic_datagrams_may_repeat_their_id),
		cmocka_unit_test(test_interfaces),
		cmocka_unit_test(test_loopback_knows_no_martians),
		cmocka_unit_test(test_drops_are_traced_with_their_addresses),
		cmocka_unit_test(test_fast_path_equals_the_model),
		cmocka_unit_test(test_V80_V88_V92_V100_noise_never_crashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
