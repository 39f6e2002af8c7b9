/* SPDX-License-Identifier: MIT */
/* RFC 5227: an address is probed for before it is used. */
#include "ip/neighbourhood.h"

static void probing_make(struct host *host)
{
	struct eleven_interface interface = ethernet_interface();

	host_config(host);
	host->config.address_probes = 3;
	host_start(host);
	assert_int_equal(ip_interface_add(host->ip, &interface), 0);
	host->ethernet = true;
}

/* The next ARP packet, whoever it says it is from; false: none goes out until `until`. */
static bool next_arp(struct host *host, struct arp *packet, uint64_t until)
{
	struct ethernet frame = { .type = 0 };

	for (;;) {
		if (host_output(host)) {
			assert_int_equal(ethernet_parse(&frame, host->out.slice[0].bytes, host->out.length),
					 ETHERNET_OK);
			assert_int_equal(frame.type, ETHERNET_TYPE_ARP);
			assert_true(mac_eq(&frame.destination, &all_macs));
			assert_int_equal(arp_parse(packet, frame.payload, frame.payload_bytes), ARP_OK);
			return true;
		}
		if (ip_deadline(host->ip) > until)
			return false;
		host_wait(host, ip_deadline(host->ip) - host->now);
	}
}

static void assert_probe(struct host *host, uint64_t from, uint64_t to)
{
	struct arp packet;

	assert_true(next_arp(host, &packet, to));
	assert_in_range(host->now, from, to);
	assert_int_equal(packet.operation, ARP_REQUEST);
	assert_true(address_is_any(&packet.sender));
	assert_int_equal(address_v4_value(&packet.target), OURS);
	assert_true(mac_eq(&packet.sender_mac, &our_mac));
}

/* 5227-§2.1-R1, 5227-§2.3-R1 */
static void test_5227_2_1_R1_three_probes_then_two_announcements(void **state)
{
	struct host host;
	struct arp packet;
	struct mac mac;
	uint64_t last;

	(void)state;
	probing_make(&host);
	assert_probe(&host, host.now, host.now + SEC(1));
	for (unsigned i = 0; i < 2; i++) {
		last = host.now;
		assert_int_equal(header_to(&host, PEER, &mac), -EAGAIN);        /* nothing is sent from it yet */
		arp_in(&host, ARP_REQUEST, &peer_mac, PEER, OURS);              /* nor said of it */
		assert_probe(&host, last + SEC(1), last + SEC(2));
	}
	last = host.now;
	assert_true(next_arp(&host, &packet, last + SEC(3)));
	assert_int_equal(host.now, last + SEC(2));
	assert_rule(&host, ARP_PROBE_DONE);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(address_v4_value(&packet.sender), OURS);
		assert_int_equal(address_v4_value(&packet.target), OURS);
		if (i == 0)
			assert_true(next_arp(&host, &packet, last + SEC(10)));
	}
	assert_int_equal(host.now, last + SEC(4));
	assert_int_equal(header_to(&host, PEER, &mac), -EAGAIN);
	assert_int_equal(requests(&host, PEER, &all_macs), 1);
	arp_in(&host, ARP_REPLY, &peer_mac, PEER, OURS);
	assert_int_equal(header_to(&host, PEER, &mac), 34);
	host_free(&host);
}

/* Somebody has it, by a request, a reply or a probe of his own: it is not used, and asked for again in a minute. */
/* 5227-§2.1-R1 */
static void test_5227_2_1_R1_address_of_another_is_not_used(void **state)
{
	(void)state;
	for (unsigned how = 0; how < 3; how++)
		for (unsigned after = 0; after < 4; after++) {
			struct host host;
			struct arp packet;
			struct mac mac;
			uint8_t frame[200], segment[100], text[20] = { 0 };
			uint64_t met;
			size_t n;

			probing_make(&host);
			for (unsigned i = 0; i < after; i++)
				assert_probe(&host, host.now, host.now + SEC(2));
			arp_in(&host, how == 1 ? ARP_REPLY : ARP_REQUEST, &other_mac, how == 2 ? 0 : OURS,
			       how ? OURS : PEER);
			assert_rule(&host, ARP_PROBE_CONFLICT);
			met = host.now;
			assert_false(next_arp(&host, &packet, met + SEC(59)));
			assert_int_equal(header_to(&host, PEER, &mac), -EAGAIN);
			n = packet_make(segment, PEER, OURS, 6, text, 20, NULL);
			n = frame_make(frame, &our_mac, &peer_mac, ETHERNET_TYPE_IPV4, segment, n);
			assert_int_equal(host_input(&host, frame, n), IP_CONSUMED);
			assert_rule(&host, IP_TENTATIVE);
			assert_probe(&host, met + SEC(60), met + SEC(60));
			assert_probe(&host, host.now, host.now + SEC(2));       /* he is gone: this time it is ours */
			assert_probe(&host, host.now, host.now + SEC(2));
			assert_true(next_arp(&host, &packet, host.now + SEC(3)));
			assert_int_equal(address_v4_value(&packet.sender), OURS);
			host_free(&host);
		}
}

/* Other people's questions are no conflict, nor an echo of our own. */
static void test_others_do_not_disturb(void **state)
{
	struct host host;

	(void)state;
	probing_make(&host);
	assert_probe(&host, host.now, host.now + SEC(1));
	arp_in(&host, ARP_REQUEST, &peer_mac, PEER, ROUTER);
	arp_in(&host, ARP_REQUEST, &peer_mac, PEER, OURS);
	arp_in(&host, ARP_REQUEST, &peer_mac, 0, PEER);
	arp_in(&host, ARP_REQUEST, &our_mac, 0, OURS);
	assert_no_rule(&host, ARP_PROBE_CONFLICT);
	assert_no_rule(&host, ARP_ANSWERED);
	assert_probe(&host, host.now, host.now + SEC(2));
	host_free(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_5227_2_1_R1_three_probes_then_two_announcements),
		cmocka_unit_test(test_5227_2_1_R1_address_of_another_is_not_used),
		cmocka_unit_test(test_others_do_not_disturb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
