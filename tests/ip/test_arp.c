/* SPDX-License-Identifier: MIT */
/* Frames and ARP: questions, answers, announcements, conflicts. */
#include "ip/neighbourhood.h"

static const struct mac no_mac;

/* 5227-§2.3-R1 */
static void test_5227_2_3_R1_two_announcements(void **state)
{
	struct ethernet frame;
	struct arp packet;
	struct host host;

	(void)state;
	host_make_ethernet(&host);
	for (int i = 0; i < 2; i++) {
		assert_true(i == 1 || ip_deadline(host.ip) <= host.now);
		host_wait(&host, 0);
		assert_true(arp_out(&host, &packet, &frame));
		assert_int_equal(packet.operation, ARP_REQUEST);
		assert_int_equal(address_v4_value(&packet.target), OURS);
		assert_true(mac_eq(&frame.destination, &all_macs));
		assert_false(host_output(&host));
		if (i == 0)
			assert_int_equal(ip_deadline(host.ip), host.now + SEC(2));
		host_wait(&host, SEC(2));
	}
	assert_int_equal(ip_deadline(host.ip), TIME_NEVER);
	assert_false(host_output(&host));
	host_free(&host);
}

/* 826-§--R1, 5227-§2.5-R1 */
static void test_826_R1_5227_2_5_R1_request_is_answered_and_learned(void **state)
{
	struct ethernet frame;
	struct arp packet;
	struct mac mac;
	struct host host;

	(void)state;
	host_make_settled(&host);
	arp_in(&host, ARP_REQUEST, &peer_mac, PEER, OURS);
	assert_rule(&host, ARP_ANSWERED);
	assert_true(arp_out(&host, &packet, &frame));
	assert_int_equal(packet.operation, ARP_REPLY);
	assert_int_equal(address_v4_value(&packet.target), PEER);
	assert_true(mac_eq(&packet.target_mac, &peer_mac));
	assert_true(mac_eq(&frame.destination, &peer_mac));
	assert_int_equal(header_to(&host, PEER, &mac), 34);
	assert_true(mac_eq(&mac, &peer_mac));
	/* Learned unasked, so its first use asks, by unicast. */
	assert_rule(&host, NEIGHBOUR_LEARNED);
	assert_int_equal(requests(&host, PEER, &peer_mac), 1);
	host_free(&host);
}

/* 826-§--R1 */
static void test_826_R1_request_for_another_is_neither_answered_nor_learned(void **state)
{
	struct mac mac;
	struct host host;

	(void)state;
	host_make_settled(&host);
	arp_in(&host, ARP_REQUEST, &peer_mac, PEER, 0x0a000003);
	assert_rule(&host, ARP_OTHER_TARGET);
	assert_false(host_output(&host));
	assert_int_equal(header_to(&host, PEER, &mac), -EAGAIN);
	/* Now that it is waited for, what it says to others is heard. */
	arp_in(&host, ARP_REQUEST, &peer_mac, PEER, 0x0a000003);
	assert_int_equal(header_to(&host, PEER, &mac), 34);
	host_free(&host);
}

/* 826-§--R2 */
static void test_826_R2_V100_unsupported_and_cut_off(void **state)
{
	static const struct {
		uint8_t at, value;
		enum rule rule;
	} changes[] = {
		{ 1, 6, RULE_ARP_UNSUPPORTED }, { 2, 0x86, RULE_ARP_UNSUPPORTED }, { 4, 8, RULE_ARP_UNSUPPORTED },
		{ 5, 16, RULE_ARP_UNSUPPORTED }, { 7, 3, RULE_ARP_OPERATION_OTHER }, { 7, 0, RULE_ARP_OPERATION_OTHER },
	};
	struct arp packet = { ARP_REQUEST, peer_mac, address_v4(PEER), no_mac, address_v4(OURS) };
	uint8_t bytes[28], frame[64];
	struct host host;

	(void)state;
	host_make_settled(&host);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		arp_emit(bytes, &packet);
		bytes[changes[i].at] = changes[i].value;
		host_input(&host, frame, frame_make(frame, &all_macs, &peer_mac, ETHERNET_TYPE_ARP, bytes, 28));
		assert_int_equal(host_taken(&host, changes[i].rule), 1);
	}
	arp_emit(bytes, &packet);
	for (size_t n = 0; n < 28; n++) {
		host_input(&host, frame, frame_make(frame, &all_macs, &peer_mac, ETHERNET_TYPE_ARP, bytes, n));
		assert_rule(&host, ARP_SHORT);
	}
	assert_false(host_output(&host));
	host_free(&host);
}

static void test_V101_senders_that_cannot_be(void **state)
{
	static const uint32_t senders[] = { 0x7f000001, 0xe0000001, 0xffffffff, 0x0a0000ff, 0x0a000000, 1, AFAR };
	struct mac mac;
	struct host host;

	(void)state;
	host_make_settled(&host);
	for (size_t i = 0; i < sizeof(senders) / sizeof(senders[0]); i++)
		arp_in(&host, ARP_REQUEST, &peer_mac, senders[i], OURS);
	arp_in(&host, ARP_REQUEST, &all_macs, PEER, OURS);
	arp_in(&host, ARP_REQUEST, &no_mac, PEER, OURS);
	assert_int_equal(host_taken(&host, RULE_ARP_SENDER_BAD), sizeof(senders) / sizeof(senders[0]) + 1);
	assert_rule(&host, ETHERNET_SOURCE_GROUP);
	arp_in(&host, ARP_REQUEST, &our_mac, PEER, OURS);
	assert_rule(&host, ARP_OWN);
	assert_false(host_output(&host));
	assert_int_equal(header_to(&host, PEER, &mac), -EAGAIN);
	host_free(&host);
}

/* RFC 5227 §2.4 (c): kept, announced at most once in ten seconds; the claimant is not believed.  5227-§2.4-R1. */
static void test_5227_2_4_R1_conflict(void **state)
{
	struct ethernet frame;
	struct arp packet;
	struct host host;
	unsigned announced = 0;

	(void)state;
	host_make_settled(&host);
	for (unsigned i = 0; i < 200; i++) {
		arp_in(&host, i % 2 ? ARP_REPLY : ARP_REQUEST, &other_mac, OURS, i % 3 ? OURS : PEER);
		assert_rule(&host, ARP_CONFLICT);
		while (arp_out(&host, &packet, &frame)) {
			assert_int_equal(packet.operation, ARP_REQUEST);
			assert_int_equal(address_v4_value(&packet.target), OURS);
			announced++;
		}
		host_wait(&host, MS(100));
	}
	assert_int_equal(announced, 2);
	host_free(&host);
}

static void test_5227_2_1_probe_of_our_address_is_answered(void **state)
{
	struct ethernet frame;
	struct arp packet;
	struct host host;

	(void)state;
	host_make_settled(&host);
	arp_in(&host, ARP_REQUEST, &other_mac, 0, OURS);
	assert_no_rule(&host, NEIGHBOUR_LEARNED);
	assert_true(arp_out(&host, &packet, &frame));
	assert_int_equal(packet.operation, ARP_REPLY);
	assert_true(mac_eq(&frame.destination, &other_mac));
	host_free(&host);
}

static void test_replies_waiting_are_bounded(void **state)
{
	struct host host;
	unsigned sent = 0;

	(void)state;
	host_make_settled(&host);
	for (int i = 0; i < 100; i++)
		arp_in(&host, ARP_REQUEST, &peer_mac, PEER, OURS);
	assert_int_equal(host_taken(&host, RULE_ARP_NO_ROOM), 68);
	while (host_output(&host))
		sent++;
	assert_int_equal(sent, 32);
	host_free(&host);
}

/* 1122-§2.3.3-R1 */
static void test_ethernet_frames(void **state)
{
	static const uint8_t snap[] = { 0xaa, 0xaa, 3, 0, 0, 0, 8, 0 };
	uint8_t packet[64], frame[128], long_frame[128];
	struct host host;
	size_t n = packet_make(packet, PEER, OURS, 6, "tcp header goes here", 20, NULL), whole;

	(void)state;
	host_make_settled(&host);
	whole = frame_make(frame, &our_mac, &peer_mac, ETHERNET_TYPE_IPV4, packet, n);
	assert_int_equal(host_input(&host, frame, whole), IP_SEGMENT);
	for (size_t cut = 0; cut < 14; cut++)
		assert_int_equal(host_input(&host, frame, cut), IP_CONSUMED);
	assert_int_equal(host_taken(&host, RULE_ETHERNET_SHORT), 14);
	whole = frame_make(frame, &other_mac, &peer_mac, ETHERNET_TYPE_IPV4, packet, n);
	assert_int_equal(host_input(&host, frame, whole), IP_CONSUMED);
	assert_rule(&host, ETHERNET_NOT_OURS);
	whole = frame_make(frame, &our_mac, &peer_mac, ETHERNET_TYPE_IPV6, packet, n);
	assert_int_equal(host_input(&host, frame, whole), IP_CONSUMED);
	assert_rule(&host, IP6_VERSION_BAD);
	whole = frame_make(frame, &our_mac, &peer_mac, 0x88cc, packet, n);
	assert_int_equal(host_input(&host, frame, whole), IP_CONSUMED);
	assert_rule(&host, ETHERNET_TYPE_OTHER);
	/* RFC 1122 §2.3.3: 802.2 SNAP too, with its length. */
	memcpy(long_frame, snap, 8);
	memcpy(long_frame + 8, packet, n);
	for (uint16_t length = 0; length < 60; length++) {
		whole = frame_make(frame, &our_mac, &peer_mac, length, long_frame, 8 + n);
		assert_int_equal(host_input(&host, frame, whole), length == 8 + n ? IP_SEGMENT : IP_CONSUMED);
	}
	long_frame[0] = 0x42;
	whole = frame_make(frame, &our_mac, &peer_mac, (uint16_t)(8 + n), long_frame, 8 + n);
	assert_int_equal(host_input(&host, frame, whole), IP_CONSUMED);
	host_free(&host);
}

/* 894-§--R1 */
static void test_894_R1_padding_of_the_frame_is_no_payload(void **state)
{
	uint8_t packet[64] = { 0 }, frame[128];
	struct host host;
	size_t n;

	(void)state;
	host_make_settled(&host);
	packet_make(packet, PEER, OURS, 6, "tcp header goes here", 20, NULL);
	n = frame_make(frame, &our_mac, &peer_mac, ETHERNET_TYPE_IPV4, packet, 46);
	assert_int_equal(host_input(&host, frame, n), IP_SEGMENT);
	assert_int_equal(host.datagram.payload_bytes, 20);
	host_free(&host);
}

/* 1122-§3.3.6-R2, 1122-§2.4-R1, MUST-57 */
static void test_1122_3_3_6_R2_2_4_R1_MUST_57_unicast_in_a_broadcast_frame(void **state)
{
	static const struct mac group = { { 1, 0, 0x5e, 0, 0, 1 } };
	uint8_t packet[64], frame[128];
	struct host host;
	size_t n = packet_make(packet, PEER, OURS, 6, "tcp header goes here", 20, NULL);

	(void)state;
	host_make_settled(&host);
	host_input(&host, frame, frame_make(frame, &all_macs, &peer_mac, ETHERNET_TYPE_IPV4, packet, n));
	host_input(&host, frame, frame_make(frame, &group, &peer_mac, ETHERNET_TYPE_IPV4, packet, n));
	assert_int_equal(host_taken(&host, RULE_IP_LINK_BROADCAST), 2);
	assert_false(host_output(&host));
	host_free(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_5227_2_3_R1_two_announcements),
		cmocka_unit_test(test_826_R1_5227_2_5_R1_request_is_answered_and_learned),
		cmocka_unit_test(test_826_R1_request_for_another_is_neither_answered_nor_learned),
		cmocka_unit_test(test_826_R2_V100_unsupported_and_cut_off),
		cmocka_unit_test(test_V101_senders_that_cannot_be),
		cmocka_unit_test(test_5227_2_4_R1_conflict),
		cmocka_unit_test(test_5227_2_1_probe_of_our_address_is_answered),
		cmocka_unit_test(test_replies_waiting_are_bounded),
		cmocka_unit_test(test_ethernet_frames),
		cmocka_unit_test(test_894_R1_padding_of_the_frame_is_no_payload),
		cmocka_unit_test(test_1122_3_3_6_R2_2_4_R1_MUST_57_unicast_in_a_broadcast_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
