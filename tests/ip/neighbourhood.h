/* SPDX-License-Identifier: MIT */
/* A host on Ethernet whose neighbours the test plays. */
#ifndef TESTS_IP_NEIGHBOURHOOD_H
#define TESTS_IP_NEIGHBOURHOOD_H

#include <errno.h>

#include "ip/host.h"

static inline void arp_in(struct host *host, uint16_t operation, const struct mac *sender_mac, uint32_t sender,
			  uint32_t target)
{
	struct arp packet = { operation, *sender_mac, address_v4(sender), our_mac, address_v4(target) };
	uint8_t bytes[28], frame[64];
	size_t n;

	arp_emit(bytes, &packet);
	n = frame_make(frame, &all_macs, sender_mac, ETHERNET_TYPE_ARP, bytes, 28);
	assert_int_equal(host_input(host, frame, n), IP_CONSUMED);
}

/* The next ARP packet that goes out, false: none; `frame` is its frame. */
static inline bool arp_out(struct host *host, struct arp *packet, struct ethernet *frame)
{
	while (host_output(host)) {
		assert_int_equal(host->out.network_offset, 14);
		assert_int_equal(ethernet_parse(frame, host->out.slice[0].bytes, host->out.length), ETHERNET_OK);
		assert_true(mac_eq(&frame->source, &our_mac));
		if (frame->type != ETHERNET_TYPE_ARP)
			continue;
		assert_int_equal(arp_parse(packet, frame->payload, frame->payload_bytes), ARP_OK);
		assert_true(mac_eq(&packet->sender_mac, &our_mac));
		assert_int_equal(address_v4_value(&packet->sender), OURS);
		return true;
	}
	return false;
}

/* How many requests for `target` go out, all of them broadcast or unicast. */
static inline unsigned requests(struct host *host, uint32_t target, const struct mac *to)
{
	struct ethernet frame;
	struct arp packet;
	unsigned n = 0;

	while (arp_out(host, &packet, &frame)) {
		assert_int_equal(packet.operation, ARP_REQUEST);
		assert_int_equal(address_v4_value(&packet.target), target);
		assert_true(mac_eq(&frame.destination, to));
		n++;
	}
	return n;
}

/* A header for a segment to `remote`: 34, or why not. */
static inline int header_to(struct host *host, uint32_t remote, struct mac *mac)
{
	struct address to = address_v4(remote);
	uint8_t header[IP_HEADER_BYTES_MAX];
	struct ip_route route;
	int n;

	assert_int_equal(ip_route(host->ip, &to, NULL, &route), 0);
	n = ip_header(host->ip, &route, &route.local, &to, 64, 0, true, 20, header, host->now);
	if (n > 0) {
		assert_int_equal(n, 34);
		assert_int_equal(load_be16(header + 12), ETHERNET_TYPE_IPV4);
		memcpy(mac->bytes, header, 6);
	}
	return n;
}

/* Past the announcements of the new interface. */
static inline void host_make_settled(struct host *host)
{
	host_make_ethernet(host);
	for (int i = 0; i < 4; i++) {
		host_wait(host, SEC(2));
		while (host_output(host))
			;
	}
	memcpy(host->before, host->trace.counts, sizeof(host->before));
}

static inline void learn(struct host *host, uint32_t address, const struct mac *mac)
{
	struct mac found;

	assert_int_equal(header_to(host, address, &found), -EAGAIN);
	assert_int_equal(requests(host, address, &all_macs), 1);
	arp_in(host, ARP_REPLY, mac, address, OURS);
	assert_int_equal(header_to(host, address, &found), 34);
	assert_true(mac_eq(&found, mac));
}

#endif
