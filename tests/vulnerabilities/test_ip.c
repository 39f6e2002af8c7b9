/* SPDX-License-Identifier: MIT */
/* Packets that broke other IP stacks (tests/vulnerabilities.tsv): V16, V31, V41, V76, V77, V82, V86. */
#include <sys/mman.h>
#include <unistd.h>

#include "ip/neighbourhood.h"
#include "ip/state.h"
#include "wire/tcp.h"

static const uint8_t segment[40] = { 0x9c, 0x40, 0x1f, 0x40, [12] = 0xa0, [13] = 2 };

/* The end of a page behind which nothing may be read. */
static uint8_t *guard_make(uint8_t **map)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	*map = mmap(NULL, 17 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(*map != MAP_FAILED);
	assert_int_equal(mprotect(*map + 16 * page, page, PROT_NONE), 0);
	return *map + 16 * page;
}

static size_t example(uint8_t *out, unsigned which, uint8_t *scratch)
{
	struct ipv4 options = { .ttl = 64, .options = (const uint8_t *)"\x44\x0c\x05\0\1\1\1\1\2\2\2\2",
				.options_bytes = 12 };
	struct ipv4 first = { .ttl = 64, .more_fragments = true, .id = 3 }, second = { .ttl = 64, .id = 3,
											.fragment_offset = 40 };
	struct arp arp = { ARP_REQUEST, peer_mac, address_v4(PEER), our_mac, address_v4(OURS) };
	size_t n;

	switch (which) {
	case 0:
		return packet_make(out, PEER, OURS, 6, segment, 40, NULL);
	case 1:
		return packet_make(out, PEER, OURS, 6, segment, 40, &options);
	case 2:
		return packet_make(out, PEER, OURS, 6, segment, 40, &first);
	case 3:
		return packet_make(out, PEER, OURS, 6, segment, 40, &second);
	case 4:
		n = packet_make(scratch, OURS, AFAR, 6, segment, 40, NULL);
		n = message_make(scratch + 200, ICMP_UNREACHABLE, 4, 1000, scratch, n);
		return packet_make(out, AFAR, OURS, 1, scratch + 200, n, NULL);
	case 5:
		n = message_make(scratch, ICMP_ECHO, 0, 7, segment, 40);
		return packet_make(out, PEER, OURS, 1, scratch, n, NULL);
	case 6:
		memcpy(scratch, "\1\2\3\4\0\x14\0\0", 8);
		memset(scratch + 8, 7, 12);
		return packet_make(out, PEER, OURS, 17, scratch, 20, NULL);
	default:
		arp_emit(out, &arp);
		return 28;
	}
}

/* Every packet cut off everywhere, and every length it may claim, at the end of memory that may be read. */
static void test_V16_V80_V100_nothing_is_read_beyond_the_end(void **state)
{
	uint8_t packet[400], scratch[600], frame[500], *map, *end = guard_make(&map);

	(void)state;
	for (unsigned ethernet = 0; ethernet < 2; ethernet++) {
		struct host host;

		if (ethernet)
			host_make_ethernet(&host);
		else
			host_make_tun(&host);
		for (unsigned which = 0; which < 8; which++) {
			size_t n = example(packet, which, scratch), from = ethernet ? 14 : 0;

			if (which == 7 && !ethernet)
				continue;
			if (ethernet) {
				frame_make(frame, &our_mac, &peer_mac,
					   which == 7 ? ETHERNET_TYPE_ARP : ETHERNET_TYPE_IPV4, packet, n);
				n += 14;
			} else {
				memcpy(frame, packet, n);
			}
			for (size_t cut = 0; cut <= n; cut++)
				for (unsigned claim = 0; claim < 3; claim++) {
					struct eleven_packet in = { end - cut, (uint32_t)cut, 0, 0, 0 };

					memcpy(end - cut, frame, cut);
					if (claim && which < 7 && cut >= from + 20) {
						uint8_t *ip = end - cut + from;
						size_t says = claim == 1 ? cut - from : cut - from + 64;

						store_be16(ip + 2, (uint16_t)says);
						if (ip[0] == 0x48 && cut < from + 32)
							ip[0] = 0x45;
						packet_fix(ip);
					}
					ip_input(host.ip, &in, &host.datagram, &host.error, host.now);
					while (host_output(&host))
						;
				}
		}
		host_free(&host);
	}
	munmap(map, 17 * (size_t)sysconf(_SC_PAGESIZE));
}

static enum ip_input segment_in(struct host *host, uint8_t interface, uint32_t from, uint32_t to)
{
	uint8_t packet[100];

	return host_input_on(host, interface, packet, packet_make(packet, from, to, 6, segment, 40, NULL));
}

/* Of a host whose addresses are each its interface's, a stranger on one link cannot find out about another. */
static void test_V31_strong_host(void **state)
{
	struct eleven_interface interface = tun_interface();
	struct host host;

	(void)state;
	for (unsigned strong = 0; strong < 2; strong++) {
		host_config(&host);
		host.config.strong_host = strong;
		host_start(&host);
		interface.address = public_v4(OURS);
		assert_int_equal(ip_interface_add(host.ip, &interface), 0);
		interface.address = public_v4(0x0b000005);
		assert_int_equal(ip_interface_add(host.ip, &interface), 1);
		assert_int_equal(segment_in(&host, 0, PEER, 0x0b000005), strong ? IP_CONSUMED : IP_SEGMENT);
		assert_int_equal(host_taken(&host, RULE_IP_WRONG_INTERFACE), strong);
		message_input(&host, PEER, 0x0b000005, ICMP_ECHO, 0, 1, segment, 8);
		assert_int_equal(host_taken(&host, RULE_IP_WRONG_INTERFACE), strong);
		assert_int_equal(host_output(&host), !strong);
		assert_int_equal(segment_in(&host, 1, PEER, 0x0b000005), IP_SEGMENT);
		assert_int_equal(segment_in(&host, 0, PEER, OURS), IP_SEGMENT);
		host_free(&host);
	}
}

/* From and to what is nobody, everybody or a group: it never comes to TCP, and is not answered. */
static void test_V41_addresses_of_nobody(void **state)
{
	static const uint32_t bad[] = { 0, 0x00000001, 0xffffffff, 0xe0000001, 0xefffffff, 0xf0000001, 0x7f000001,
					0x0a0000ff, 0x0a000000 };
	struct host host;

	(void)state;
	host_make_tun(&host);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(segment_in(&host, 0, bad[i], OURS), IP_CONSUMED);
		assert_int_equal(segment_in(&host, 0, PEER, bad[i]), IP_CONSUMED);
	}
	assert_int_equal(segment_in(&host, 0, OURS, OURS), IP_CONSUMED);
	assert_false(host_output(&host));
	host_free(&host);
}

/* Fragments of one byte more and more, in the worst order: the search for a place is bounded by what one may have. */
static void test_V85_V86_fragment_smack(void **state)
{
	uint8_t packet[100], payload[32] = { 0 };
	unsigned packets = getenv("ELEVEN_FULL") ? 10000000 : 200000;
	struct random random;
	struct host host;

	(void)state;
	host_make_tun(&host);
	random_seed(&random, 4);
	for (unsigned i = 0; i < packets; i++) {
		struct ipv4 fields = { .ttl = 64, .more_fragments = true, .id = (uint16_t)(i / 300),
				       .fragment_offset = 8 * (8191 - i * 16 % 8000) };
		uint64_t chance = random_next(&random);

		if (i % 2)
			fields.id = (uint16_t)chance;
		if (IPV4_HEADER_MIN + fields.fragment_offset + 8 > 65535)
			fields.fragment_offset = 65000;
		host_input(&host, packet, packet_make(packet, i % 2 ? 0x60000000 | (chance & 0xffffff) : PEER, OURS, 17,
						      payload, 8, &fields));
		assert_true(host.ip->fragments.pool.used <= host.config.fragments_max);
		assert_true(host.ip->fragments.steps_most <= 256);
	}
	print_message("V86: %u fragments: %u datagrams, %u blocks of %u, at most %u steps for one\n", packets,
		      host.ip->fragments.pool.used, host.ip->fragments.blocks.used, host.ip->fragments.blocks.capacity,
		      host.ip->fragments.steps_most);
	host_wait(&host, SEC(61));
	assert_int_equal(host.ip->fragments.pool.used, 0);
	assert_int_equal(host.ip->fragments.blocks.used, 0);
	host_free(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_V16_V80_V100_nothing_is_read_beyond_the_end),
		cmocka_unit_test(test_V31_strong_host),
		cmocka_unit_test(test_V41_addresses_of_nobody),
		cmocka_unit_test(test_V85_V86_fragment_smack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
