/* SPDX-License-Identifier: MIT */
/* Packets longer than the MTU of the wire: fragments and errors, read again by src/ip's reassembly and parsers. */
#include "packets.h"

#include "base/random.h"
#include "link/impair.h"
#include "link/router.h"
#include "link/wire.h"
#include "wire/icmp.h"

#define A 0x0a000001u
#define B 0x0a000002u

/* An IPv4 packet with options; its text is a pattern. */
static uint32_t packet_fill(uint8_t *to, const uint8_t *options, uint32_t option_bytes, uint32_t payload_bytes, bool df)
{
	uint32_t header = 20 + option_bytes;

	memset(to, 0, header);
	to[0] = (uint8_t)(0x40 | header / 4);
	store_be16(to + 2, (uint16_t)(header + payload_bytes));
	store_be16(to + 4, 0x1234);
	to[6] = df ? 0x40 : 0;
	to[8] = 64;
	to[9] = 17;
	store_be32(to + 12, A);
	store_be32(to + 16, B);
	if (option_bytes > 0)
		memcpy(to + 20, options, option_bytes);
	store_be16(to + 10, checksum_finish(checksum_add(0, to, header)));
	for (uint32_t i = 0; i < payload_bytes; i++)
		to[header + i] = (uint8_t)(i * 7 + (i >> 8));
	return header + payload_bytes;
}

/* Every MTU and size: the fragments fit, do not overlap, and are the whole. */
static void test_791_fragments_are_the_whole(void **state)
{
	static const uint8_t options[8] = { 0x88, 4, 1, 2, 0x44, 4, 5, 0 };     /* copied, not copied */
	static uint8_t packet[65535], fragment[65600], whole[65535];
	struct random random;

	(void)state;
	random_seed(&random, 3);
	for (unsigned round = 0; round < 2000; round++) {
		uint32_t link = random_below(&random, 2) ? 14 : 0;
		uint32_t n = 1 + (uint32_t)random_below(&random, round % 50 ? 3000 : 60000);
		uint32_t length = link + packet_fill(packet + link, options, round % 3 ? 8 : 0, n, false);
		uint32_t mtu = 68 + (uint32_t)random_below(&random, 1500), done = 0, got, at = 0;

		assert_true(router_may_fragment(packet, length, link));
		while ((got = router_fragment(fragment, packet, length, link, mtu, &done)) > 0) {
			struct ipv4 ip;

			assert_true(got <= length && got - link <= (mtu > length - link ? length - link : mtu));
			assert_int_equal(ipv4_parse(&ip, fragment + link, got - link), IPV4_OK);
			assert_int_equal(ip.fragment_offset, at);
			assert_int_equal(ip.id, 0x1234);
			if (round % 3)
				assert_int_equal(ip.options_bytes, at ? 4 : 8);
			memcpy(whole + at, ip.payload, ip.payload_bytes);
			at += ip.payload_bytes;
			assert_int_equal(ip.more_fragments, at < n);
		}
		assert_int_equal(at, n);
		assert_memory_equal(whole, packet + length - n, n);
	}
	packet_fill(packet, options, 0, 2000, true);
	assert_false(router_may_fragment(packet, 2020, 0));
}

/* A fragment of a fragment has its place in the whole, and more after it where it had. */
static void test_791_fragments_of_fragments(void **state)
{
	uint8_t packet[2000], fragment[2000];
	uint32_t done = 0, length = packet_fill(packet, NULL, 0, 1000, false), got, at = 800;

	(void)state;
	store_be16(packet + 6, 0x2000 | 800 / 8);
	store_be16(packet + 10, 0);
	store_be16(packet + 10, checksum_finish(checksum_add(0, packet, 20)));
	while ((got = router_fragment(fragment, packet, length, 0, 300, &done)) > 0) {
		struct ipv4 ip;

		assert_int_equal(ipv4_parse(&ip, fragment, got), IPV4_OK);
		assert_int_equal(ip.fragment_offset, at);
		assert_true(ip.more_fragments);
		at += ip.payload_bytes;
	}
	assert_int_equal(at, 1800);
}

static void test_1191_error_says_the_mtu(void **state)
{
	uint8_t frame[2000], error[ROUTER_ERROR_MAX];
	struct icmp_quote quote;
	struct icmp message;
	struct ipv4 ip;
	uint32_t n;

	(void)state;
	memcpy(frame, "\2\0\0\0\0\2\2\0\0\0\0\1\10\0", 14);
	packet_fill(frame + 14, NULL, 0, 1400, true);
	frame[14 + 9] = 6;
	store_be16(frame + 24, 0);
	store_be16(frame + 24, checksum_finish(checksum_add(0, frame + 14, 20)));
	n = router_error(error, frame, 1434, 14, 1300);
	assert_memory_equal(error, "\2\0\0\0\0\1\2\0\0\0\0\2\10\0", 14);
	assert_int_equal(ipv4_parse(&ip, error + 14, n - 14), IPV4_OK);
	assert_int_equal(ip.total_bytes, 576);
	assert_int_equal(address_v4_value(&ip.source), B);
	assert_int_equal(address_v4_value(&ip.destination), A);
	assert_int_equal(icmp_parse(&message, ip.payload, ip.payload_bytes), ICMP_OK);
	assert_int_equal(message.type, ICMP_UNREACHABLE);
	assert_int_equal(message.code, ICMP_UNREACHABLE_FRAGMENTATION);
	assert_int_equal(icmp_mtu(&message), 1300);
	assert_int_equal(icmp_quote_parse(&quote, &message), ICMP_QUOTE_OK);
	assert_int_equal(quote.packet.total_bytes, 1420);
	/* None about a group, a later fragment, an ICMP error, or what cannot be read. */
	frame[0] = 3;
	assert_int_equal(router_error(error, frame, 1434, 14, 1300), 0);
	frame[0] = 2;
	frame[14 + 9] = 1;
	frame[34] = ICMP_TIME_EXCEEDED;
	store_be16(frame + 24, 0);
	store_be16(frame + 24, checksum_finish(checksum_add(0, frame + 14, 20)));
	assert_int_equal(router_error(error, frame, 1434, 14, 1300), 0);
	frame[34] = ICMP_ECHO;
	assert_int_not_equal(router_error(error, frame, 1434, 14, 1300), 0);
	store_be16(frame + 20, 0x4001);
	store_be16(frame + 24, 0);
	store_be16(frame + 24, checksum_finish(checksum_add(0, frame + 14, 20)));
	assert_int_equal(router_error(error, frame, 1434, 14, 1300), 0);
	assert_int_equal(router_error(error, frame, 20, 14, 1300), 0);
	assert_int_equal(router_error(error, frame, 14, 14, 1300), 0);
}

static void test_4443_packet_too_big(void **state)
{
	uint8_t packet[1500] = { 6 << 4 }, error[ROUTER_ERROR_MAX];
	struct address source, destination;
	uint32_t n;

	(void)state;
	store_be16(packet + 4, 1460);
	packet[6] = 6;
	packet[7] = 64;
	memset(packet + 8, 0x21, 16);
	memset(packet + 24, 0x22, 16);
	n = router_error(error, packet, 1500, 0, 1280);
	assert_int_equal(n, 1280);
	assert_int_equal(error[40], 2);
	assert_int_equal(load_be32(error + 44), 1280);
	assert_memory_equal(error + 8, packet + 24, 16);
	assert_memory_equal(error + 48, packet, 1232);
	memcpy(source.bytes, error + 8, 16);
	memcpy(destination.bytes, error + 24, 16);
	assert_int_equal(checksum_finish(checksum_add(checksum_pseudo_v6(&source, &destination, 58, n - 40), error + 40,
						      n - 40)), 0);
	assert_false(router_may_fragment(packet, 1500, 0));
	packet[24] = 0xff;
	assert_int_equal(router_error(error, packet, 1500, 0, 1280), 0);
	packet[24] = 0x22;
	packet[6] = 58;
	packet[40] = 1;
	assert_int_equal(router_error(error, packet, 1500, 0, 1280), 0);
}

static void mtu_set(struct pipe_settings *settings, void *context)
{
	settings->mtu = *(uint32_t *)context;
	settings->mtu_silent = false;
}

static void silence(struct pipe_settings *settings, void *context)
{
	(void)context;
	settings->mtu_silent = true;
}

/* On the wire: with DF an error comes back to the sender, without it fragments arrive; silent: nothing does. */
static void test_wire_answers_as_a_router(void **state)
{
	struct wire *wire = wire_create(ELEVEN_LINK_IP);
	struct impair *impair = impair_create(1);
	struct eleven_interface a = interface_at(A), b = interface_at(B);
	struct link *from = impair_wrap(impair, wire_port(wire, &a), "a", &a, false);
	struct link *to = impair_wrap(impair, wire_port(wire, &b), "b", &b, false);
	static struct made made;
	struct eleven_packet packets[LINK_BATCH_MAX];
	struct ipv4 ip;
	uint32_t mtu = 600;
	uint64_t now = SEC(1);

	(void)state;
	impair_change(impair, (struct impair_selection){ -1, IMPAIR_BOTH }, mtu_set, &mtu);
	for (int df = 0; df < 3; df++) {
		if (df == 2)
			impair_change(impair, (struct impair_selection){ -1, IMPAIR_BOTH }, silence, NULL);
		segment_make(&made, A, B, FLAG_ACK, 1, 1400);
		made.header[6] = df ? 0x40 : 0;
		store_be16(made.header + 10, 0);
		store_be16(made.header + 10, checksum_finish(checksum_add(0, made.header, 20)));
		link_send(from, &made.out, 1, now);
		assert_int_equal(link_receive(to, packets, LINK_BATCH_MAX, now), df ? 0 : 3);
		if (!df) {
			assert_int_equal(ipv4_parse(&ip, packets[0].bytes, packets[0].length), IPV4_OK);
			assert_int_equal(packets[0].flags, 0);
			assert_true(ip.more_fragments);
		}
		assert_int_equal(link_receive(from, packets, LINK_BATCH_MAX, now), df == 1);
		if (df == 1) {
			assert_int_equal(ipv4_parse(&ip, packets[0].bytes, packets[0].length), IPV4_OK);
			assert_int_equal(ip.payload[0], ICMP_UNREACHABLE);
			assert_int_equal(load_be16(ip.payload + 6), 600);
		}
	}
	link_destroy(from);
	link_destroy(to);
	impair_destroy(impair);
	wire_destroy(wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_791_fragments_are_the_whole),
		cmocka_unit_test(test_791_fragments_of_fragments),
		cmocka_unit_test(test_1191_error_says_the_mtu),
		cmocka_unit_test(test_4443_packet_too_big),
		cmocka_unit_test(test_wire_answers_as_a_router),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
