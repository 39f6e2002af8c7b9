/* SPDX-License-Identifier: MIT */
/* Ethernet, ARP, IPv4 and ICMP: what is emitted is read back, each fault has its name, rubbish does no harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/random.h"
#include "wire/arp.h"
#include "wire/checksum.h"
#include "wire/icmp.h"
#include "wire/ipv4.h"

enum { PACKET_MAX = 200 };

static void random_bytes(struct random *random, uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)random_next(random);
}

static struct address random_v4(struct random *random)
{
	return address_v4((uint32_t)random_next(random));
}

static void test_ethernet_round_trip(void **state)
{
	uint8_t bytes[20] = { 0 };
	struct ethernet frame, back;

	(void)state;
	memcpy(frame.destination.bytes, "\1\2\3\4\5\6", 6);
	memcpy(frame.source.bytes, "\7\10\11\12\13\14", 6);
	frame.type = ETHERNET_TYPE_ARP;
	assert_int_equal(ethernet_emit(bytes, &frame), 14);
	assert_memory_equal(bytes, "\1\2\3\4\5\6\7\10\11\12\13\14\10\6", 14);
	for (size_t n = 0; n < 14; n++)
		assert_int_equal(ethernet_parse(&back, bytes, n), ETHERNET_TRUNCATED);
	assert_int_equal(ethernet_parse(&back, bytes, 20), ETHERNET_OK);
	assert_true(mac_eq(&back.destination, &frame.destination) && mac_eq(&back.source, &frame.source));
	assert_int_equal(back.type, ETHERNET_TYPE_ARP);
	assert_ptr_equal(back.payload, bytes + 14);
	assert_int_equal(back.payload_bytes, 6);
	assert_true(mac_is_group(&frame.destination) && mac_is_group(&frame.source));
	assert_false(mac_is_broadcast(&frame.destination));
	memset(frame.source.bytes, 0xff, 6);
	assert_true(mac_is_broadcast(&frame.source) && !mac_eq(&back.source, &frame.source));
}

static void test_arp_round_trip_and_faults(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 1);
	for (int round = 0; round < 1000; round++) {
		struct arp packet = { .operation = (uint16_t)random_next(&random) }, back;
		uint8_t bytes[ARP_BYTES];

		packet.sender = random_v4(&random);
		packet.target = random_v4(&random);
		random_bytes(&random, packet.sender_mac.bytes, 6);
		random_bytes(&random, packet.target_mac.bytes, 6);
		assert_int_equal(arp_emit(bytes, &packet), ARP_BYTES);
		assert_int_equal(arp_parse(&back, bytes, ARP_BYTES), ARP_OK);
		assert_memory_equal(&back, &packet, sizeof(packet));
		assert_int_equal(arp_parse(&back, bytes, random_below(&random, ARP_BYTES)), ARP_TRUNCATED);
		for (int i = 0; i < 6; i++) {
			bytes[i] ^= (uint8_t)(1 + random_below(&random, 255));
			assert_int_equal(arp_parse(&back, bytes, ARP_BYTES),
					 i == 2 || i == 3 || i == 5 ? ARP_BAD_PROTOCOL : ARP_BAD_HARDWARE);
			assert_int_equal(arp_emit(bytes, &packet), ARP_BYTES);
		}
	}
	assert_int_equal(ARP_REQUEST, 1);
	assert_int_equal(ARP_REPLY, 2);
}

/* A whole packet of random fields in `bytes`; options are NOPs and one of a random kind. */
static size_t random_packet(struct random *random, struct ipv4 *packet, uint8_t *options, uint8_t *bytes)
{
	unsigned header_bytes;

	memset(packet, 0, sizeof(*packet));
	packet->source = random_v4(random);
	packet->destination = random_v4(random);
	packet->dscp = (uint8_t)random_below(random, 64);
	packet->ecn = (uint8_t)random_below(random, 4);
	packet->ttl = (uint8_t)random_next(random);
	packet->protocol = (uint8_t)random_next(random);
	packet->id = (uint16_t)random_next(random);
	packet->reserved_flag = random_below(random, 2);
	packet->dont_fragment = random_below(random, 2);
	packet->more_fragments = random_below(random, 2);
	packet->fragment_offset = (uint32_t)random_below(random, 8000) * 8;
	packet->payload_bytes = 8 + (uint32_t)random_below(random, 8) * 8;
	packet->options_bytes = random_below(random, 2) ? 0 : (uint8_t)random_below(random, 41);
	packet->options = options;
	memset(options, 1, 40);
	if (packet->options_bytes >= 3) {
		uint8_t at = (uint8_t)random_below(random, packet->options_bytes - 2u);

		options[at] = random_below(random, 3) ? (uint8_t)(2 + random_below(random, 254)) : 131;
		options[at + 1] = (uint8_t)(2 + random_below(random, packet->options_bytes - at - 1u));
		packet->source_route = options[at] == 131 || options[at] == 137;
	}
	header_bytes = ipv4_emit(bytes, packet);
	random_bytes(random, bytes + header_bytes, packet->payload_bytes);
	return header_bytes + packet->payload_bytes;
}

static void test_ipv4_round_trip(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 2);
	for (int round = 0; round < 20000; round++) {
		uint8_t options[40], bytes[PACKET_MAX];
		struct ipv4 packet, back;
		size_t n = random_packet(&random, &packet, options, bytes);
		size_t padding = random_below(&random, 20);

		assert_int_equal(ipv4_parse(&back, bytes, n + padding), IPV4_OK);
		assert_true(address_eq(&back.source, &packet.source));
		assert_true(address_eq(&back.destination, &packet.destination));
		assert_int_equal(back.dscp, packet.dscp);
		assert_int_equal(back.ecn, packet.ecn);
		assert_int_equal(back.ttl, packet.ttl);
		assert_int_equal(back.protocol, packet.protocol);
		assert_int_equal(back.id, packet.id);
		assert_int_equal(back.total_bytes, n);
		assert_int_equal(back.checksum, load_be16(bytes + 10));
		assert_int_equal(back.fragment_offset, packet.fragment_offset);
		assert_int_equal(back.reserved_flag, packet.reserved_flag);
		assert_int_equal(back.dont_fragment, packet.dont_fragment);
		assert_int_equal(back.more_fragments, packet.more_fragments);
		assert_int_equal(back.source_route, packet.source_route);
		assert_int_equal(back.options_bytes, (packet.options_bytes + 3) / 4 * 4);
		assert_memory_equal(back.options, options, packet.options_bytes);
		for (unsigned i = packet.options_bytes; i < back.options_bytes; i++)
			assert_int_equal(back.options[i], 0);
		assert_ptr_equal(back.payload, bytes + n - packet.payload_bytes);
		assert_int_equal(back.payload_bytes, packet.payload_bytes);
		assert_int_equal(ipv4_is_fragment(&back), packet.more_fragments || packet.fragment_offset);
	}
}

/* A header of 20 bytes with right checksum, a payload of 24. */
static void plain_packet(uint8_t *bytes, size_t total)
{
	struct ipv4 packet = {
		.source = address_v4(0x0a000001), .destination = address_v4(0x0a000002), .ttl = 64, .protocol = 6,
		.payload_bytes = (uint32_t)(total - IPV4_HEADER_MIN),
	};

	memset(bytes, 0, total);
	ipv4_emit(bytes, &packet);
}

static void checksum_fix(uint8_t *bytes, unsigned header_bytes)
{
	store_be16(bytes + 10, 0);
	store_be16(bytes + 10, checksum_finish(checksum_add(0, bytes, header_bytes)));
}

static void test_ipv4_each_fault_has_its_name(void **state)
{
	uint8_t bytes[64];
	struct ipv4 out;

	(void)state;
	plain_packet(bytes, 44);
	assert_int_equal(ipv4_parse(&out, bytes, 44), IPV4_OK);
	for (size_t n = 0; n < 44; n++)
		assert_int_equal(ipv4_parse(&out, bytes, n), n < 20 ? IPV4_TRUNCATED : IPV4_BAD_TOTAL_LENGTH);
	for (int bit = 0; bit < 16; bit++) {
		bytes[10 + bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(ipv4_parse(&out, bytes, 44), IPV4_BAD_CHECKSUM);
		bytes[10 + bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (unsigned version = 0; version < 16; version++) {
		bytes[0] = (uint8_t)(version << 4 | 5);
		checksum_fix(bytes, 20);
		assert_int_equal(ipv4_parse(&out, bytes, 44), version == 4 ? IPV4_OK : IPV4_BAD_VERSION);
	}
	for (unsigned words = 0; words < 16; words++) {
		bytes[0] = (uint8_t)(0x40 | words);
		checksum_fix(bytes, words < 5 ? 20 : words * 4);
		assert_int_equal(ipv4_parse(&out, bytes, 44), words < 5 ? IPV4_BAD_HEADER_LENGTH :
							      words > 11 ? IPV4_TRUNCATED : IPV4_OK);
	}
	plain_packet(bytes, 44);
	store_be16(bytes + 2, 19);
	checksum_fix(bytes, 20);
	assert_int_equal(ipv4_parse(&out, bytes, 44), IPV4_BAD_TOTAL_LENGTH);
	store_be16(bytes + 2, 20);
	checksum_fix(bytes, 20);
	assert_int_equal(ipv4_parse(&out, bytes, 44), IPV4_OK);
	assert_int_equal(out.payload_bytes, 0);
}

static void test_ipv4_fragments_out_of_bounds(void **state)
{
	static const struct {
		uint16_t field;
		size_t total;
		enum ipv4_fault fault;
	} rows[] = {
		{ 0x0000, 43, IPV4_OK }, { 0x2000, 44, IPV4_OK }, { 0x2000, 43, IPV4_BAD_FRAGMENT },
		{ 0x2000, 20, IPV4_BAD_FRAGMENT }, { 0x2001, 20, IPV4_BAD_FRAGMENT }, { 0x0001, 43, IPV4_OK },
		{ 0x0001, 20, IPV4_OK }, { 0x1ffc, 31, IPV4_OK }, { 0x1ffc, 32, IPV4_BAD_FRAGMENT },
		{ 0x1ffd, 23, IPV4_OK }, { 0x1ffd, 24, IPV4_BAD_FRAGMENT }, { 0x1fff, 28, IPV4_BAD_FRAGMENT },
		{ 0x3ffa, 44, IPV4_OK }, { 0x3ffb, 44, IPV4_BAD_FRAGMENT },
	};
	uint8_t bytes[64];
	struct ipv4 out;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		plain_packet(bytes, rows[i].total);
		store_be16(bytes + 6, rows[i].field);
		checksum_fix(bytes, 20);
		assert_int_equal(ipv4_parse(&out, bytes, 64), rows[i].fault);
	}
}

static void test_ipv4_option_lengths(void **state)
{
	uint8_t bytes[64];
	struct ipv4 out;

	(void)state;
	for (unsigned length = 0; length < 256; length++) {
		plain_packet(bytes, 64);
		bytes[0] = 0x40 | 8;
		memset(bytes + 20, 1, 12);
		bytes[23] = 148;        /* router alert's kind, of any length */
		bytes[24] = (uint8_t)length;
		checksum_fix(bytes, 32);
		assert_int_equal(ipv4_parse(&out, bytes, 64), length < 2 || length > 9 ? IPV4_BAD_OPTION : IPV4_OK);
		assert_int_equal(out.payload_bytes, 32);
	}
	bytes[23] = 0;                  /* behind the end of the list nothing counts */
	checksum_fix(bytes, 32);
	assert_int_equal(ipv4_parse(&out, bytes, 64), IPV4_OK);
	bytes[23] = 1;
	bytes[31] = 137;                /* a kind and no length */
	bytes[24] = 1;
	checksum_fix(bytes, 32);
	assert_int_equal(ipv4_parse(&out, bytes, 64), IPV4_BAD_OPTION);
}

static void test_icmp_round_trip_and_faults(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 3);
	for (int round = 0; round < 3000; round++) {
		uint8_t payload[64], bytes[72];
		struct icmp back, message = {
			.type = (uint8_t)random_next(&random), .code = (uint8_t)random_next(&random),
			.rest = (uint32_t)random_next(&random), .payload = payload,
			.payload_bytes = (uint32_t)random_below(&random, 65),
		};
		size_t n = ICMP_HEADER_BYTES + message.payload_bytes, bit = random_below(&random, n * 8);

		random_bytes(&random, payload, sizeof(payload));
		assert_int_equal(icmp_emit(bytes, n - 1, &message), 0);
		assert_int_equal(icmp_emit(bytes, n, &message), n);
		assert_int_equal(icmp_parse(&back, bytes, n), ICMP_OK);
		assert_int_equal(back.type, message.type);
		assert_int_equal(back.code, message.code);
		assert_int_equal(back.rest, message.rest);
		assert_int_equal(icmp_echo_id(&back), message.rest >> 16);
		assert_int_equal(icmp_echo_seq(&back), message.rest & 0xffff);
		assert_int_equal(icmp_mtu(&back), message.rest & 0xffff);
		assert_int_equal(back.payload_bytes, message.payload_bytes);
		assert_memory_equal(back.payload, payload, message.payload_bytes);
		assert_int_equal(icmp_parse(&back, bytes, random_below(&random, 8)), ICMP_TRUNCATED);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(icmp_parse(&back, bytes, n), ICMP_BAD_CHECKSUM);
	}
}

/* The quoted packet is cut after 8 bytes, its total length says more and its checksum is stale. */
static void test_icmp_quote(void **state)
{
	uint8_t quoted[36];
	struct icmp message = { .type = ICMP_UNREACHABLE, .payload = quoted };
	struct icmp_quote quote;

	(void)state;
	plain_packet(quoted, sizeof(quoted));
	store_be16(quoted + 2, 1500);
	store_be16(quoted + 10, 0xbad);
	store_be32(quoted + 20, 0x1f90c001);
	store_be32(quoted + 24, 0xfffffff0);
	for (message.payload_bytes = 0; message.payload_bytes <= 36; message.payload_bytes++)
		assert_int_equal(icmp_quote_parse(&quote, &message),
				 message.payload_bytes < 20 ? ICMP_QUOTE_BAD_IP :
				 message.payload_bytes < 28 ? ICMP_QUOTE_TRUNCATED : ICMP_QUOTE_OK);
	message.payload_bytes = 28;
	assert_int_equal(icmp_quote_parse(&quote, &message), ICMP_QUOTE_OK);
	assert_int_equal(quote.source_port, 8080);
	assert_int_equal(quote.destination_port, 0xc001);
	assert_int_equal(quote.seq.value, 0xfffffff0);
	assert_int_equal(address_v4_value(&quote.packet.source), 0x0a000001);
	message.type = ICMP_ECHO;
	assert_int_equal(icmp_quote_parse(&quote, &message), ICMP_QUOTE_NONE);
	message.type = ICMP_TIME_EXCEEDED;
	quoted[9] = 1;
	assert_int_equal(icmp_quote_parse(&quote, &message), ICMP_QUOTE_PROTOCOL);
	quoted[7] = 1;
	assert_int_equal(icmp_quote_parse(&quote, &message), ICMP_QUOTE_FRAGMENT);
	quoted[0] = 0x65;
	assert_int_equal(icmp_quote_parse(&quote, &message), ICMP_QUOTE_BAD_IP);
}

/* Random and nearly right packets, cut anywhere, in heap blocks of their size. */
static void test_rubbish_does_no_harm(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 4);
	for (int round = 0; round < 100000; round++) {
		uint8_t options[40], whole[PACKET_MAX], *bytes;
		struct ipv4 packet, out;
		struct icmp message;
		struct icmp_quote quote;
		struct ethernet frame;
		struct arp arp;
		size_t n = random_packet(&random, &packet, options, whole);

		for (uint64_t flips = random_below(&random, 4); flips; flips--)
			whole[random_below(&random, n < 28 ? n : 28)] = (uint8_t)random_next(&random);
		if (random_below(&random, 2))
			checksum_fix(whole, (whole[0] & 15u) < 5 ? 20 : (whole[0] & 15u) * 4);
		n = random_below(&random, 3) ? n : random_below(&random, n);
		bytes = malloc(n + !n);
		memcpy(bytes, whole, n);
		if (ipv4_parse(&out, bytes, n) == IPV4_OK) {
			assert_true(out.options_bytes <= 40);
			assert_true(out.payload >= bytes && out.payload + out.payload_bytes <= bytes + n);
		}
		if (ipv4_parse_quoted(&out, bytes, n) == IPV4_OK)
			assert_true(out.payload + out.payload_bytes <= bytes + n);
		icmp_parse(&message, bytes, n);
		message = (struct icmp){ .type = ICMP_REDIRECT, .payload = bytes, .payload_bytes = (uint32_t)n };
		icmp_quote_parse(&quote, &message);
		arp_parse(&arp, bytes, n);
		ethernet_parse(&frame, bytes, n);
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ethernet_round_trip),
		cmocka_unit_test(test_arp_round_trip_and_faults),
		cmocka_unit_test(test_ipv4_round_trip),
		cmocka_unit_test(test_ipv4_each_fault_has_its_name),
		cmocka_unit_test(test_ipv4_fragments_out_of_bounds),
		cmocka_unit_test(test_ipv4_option_lengths),
		cmocka_unit_test(test_icmp_round_trip_and_faults),
		cmocka_unit_test(test_icmp_quote),
		cmocka_unit_test(test_rubbish_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
