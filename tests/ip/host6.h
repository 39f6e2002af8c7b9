/* SPDX-License-Identifier: MIT */
/*
 * IPv6 for the tests of this folder: fd00::1/64 on a tun, or on Ethernet where the test plays neighbours and routers.
 */
#ifndef TESTS_IP_HOST6_H
#define TESTS_IP_HOST6_H

#include <errno.h>

#include "ip/host.h"
#include "wire/icmp6.h"
#include "wire/ipv6.h"

#define OURS6   "fd00::1"
#define PEER6   "fd00::2"       /* on the link */
#define AFAR6   "2001:db8::1"
#define ROUTER6 "fe80::fe"
#define OTHER_ROUTER6 "fe80::fd"

static const struct mac router_mac = { { 2, 0, 0, 0, 0, 0xfe } };

static inline struct address a6(const char *text)
{
	struct address address;

	assert_true(address_parse(&address, text));
	return address;
}

static inline struct eleven_address public6(const char *text)
{
	struct address address = a6(text);
	struct eleven_address public;

	memcpy(public.bytes, address.bytes, sizeof(public.bytes));
	return public;
}

static inline struct eleven_interface interface6(bool ethernet)
{
	struct eleven_interface interface = { .mtu = 1500, .address6 = public6(OURS6), .prefix6_bits = 64 };

	if (ethernet) {
		interface.kind = ELEVEN_LINK_ETHERNET;
		memcpy(interface.mac, our_mac.bytes, sizeof(interface.mac));
	}
	return interface;
}

static inline void host6_make(struct host *host, bool ethernet, bool autoconfigure)
{
	struct eleven_interface interface = interface6(ethernet);

	host_config(host);
	host_start(host);
	interface.autoconfigure = autoconfigure;
	if (autoconfigure)
		memset(&interface.address6, 0, sizeof(interface.address6));
	assert_int_equal(ip_interface_add(host->ip, &interface), 0);
	host->ethernet = ethernet;
}

static inline void host6_drain(struct host *host)
{
	while (host_output(host))
		;
}

/* What has been taken so far is not asked for. */
static inline void host6_forget(struct host *host)
{
	memcpy(host->before, host->trace.counts, sizeof(host->before));
}

/* Past the detection of duplicates and the reports of a new interface. */
static inline void host6_make_settled(struct host *host)
{
	host6_make(host, true, false);
	for (int i = 0; i < 5; i++) {
		host6_drain(host);
		host_wait(host, SEC(1));
	}
	host6_forget(host);
}

static inline struct address link_local(const struct host *host)
{
	struct eleven_interface_address own;
	unsigned cursor = 0;
	struct address address;

	assert_true(ip_address_next(host->ip, 0, &cursor, &own));
	memcpy(address.bytes, own.address.bytes, 16);
	assert_true(address_is_link_local(&address));
	return address;
}

/* The state of one of our addresses; -1: none of ours. */
static inline int state_of(const struct host *host, const struct address *address)
{
	struct eleven_interface_address own;

	for (unsigned cursor = 0; ip_address_next(host->ip, 0, &cursor, &own);)
		if (memcmp(own.address.bytes, address->bytes, 16) == 0)
			return own.state;
	return -1;
}

struct packet6 {                        /* what is not said is 64, 0, NULL */
	const char *source, *destination;
	uint8_t next_header, hop_limit, tos;
	const void *payload;
	size_t bytes;
};

static inline size_t packet6_make(uint8_t *out, const struct packet6 *p)
{
	struct ipv6 packet = { .source = a6(p->source), .destination = a6(p->destination),
			       .next_header = p->next_header, .hop_limit = p->hop_limit ? p->hop_limit : 64,
			       .tos = p->tos, .payload_bytes = (uint32_t)p->bytes };
	unsigned header = ipv6_emit(out, &packet);

	if (p->bytes)
		memcpy(out + header, p->payload, p->bytes);
	return header + p->bytes;
}

/* Into the host, on Ethernet in a frame to us or, for groups, to theirs. */
static inline enum ip_input raw6_input(struct host *host, const uint8_t *packet, size_t n)
{
	static uint8_t frame[65600];
	struct mac to = our_mac;

	if (!host->ethernet)
		return host_input(host, packet, n);
	if (n >= 40 && packet[24] == 0xff)
		to = (struct mac){ { 0x33, 0x33, packet[36], packet[37], packet[38], packet[39] } };
	return host_input(host, frame, frame_make(frame, &to, &peer_mac, ETHERNET_TYPE_IPV6, packet, n));
}

static inline enum ip_input packet6_input(struct host *host, const struct packet6 *p)
{
	static uint8_t packet[65600];

	return raw6_input(host, packet, packet6_make(packet, p));
}

/* An ICMPv6 message with its checksum. */
static inline enum ip_input icmp6_in(struct host *host, const char *source, const char *destination, uint8_t hop_limit,
				     uint8_t *message, size_t n)
{
	struct packet6 p = { source, destination, IPV6_ICMP, hop_limit, 0, message, n };
	struct address from = a6(source), to = a6(destination);
	uint32_t sum;

	store_be16(message + 2, 0);
	sum = checksum_pseudo_v6(&from, &to, IPV6_ICMP, (uint32_t)n);
	store_be16(message + 2, checksum_finish(checksum_add(sum, message, n)));
	return packet6_input(host, &p);
}

/* The next packet out: its header and, if it is ICMPv6, the message with a checksum that is right. False: none. */
static inline bool out6(struct host *host, struct ipv6 *packet, struct icmp6 *message)
{
	uint32_t at = 0;

	memset(message, 0, sizeof(*message));
	do {
		if (!host_output(host))
			return false;
	} while (host_out(host)[0] >> 4 != 6);
	assert_int_equal(ipv6_parse(packet, host_out(host), host_out_bytes(host)), IPV6_OK);
	assert_int_equal(packet->payload_bytes + 40, host_out_bytes(host));
	if (packet->next_header == IPV6_HOP_BY_HOP && packet->payload[0] == IPV6_ICMP)
		at = 8;
	if (packet->next_header == IPV6_ICMP || at)
		assert_int_equal(icmp6_parse(message, packet->payload + at, packet->payload_bytes - at, &packet->source,
					     &packet->destination), ICMP6_OK);
	return true;
}

/* The same of one kind of message, others passed over. */
static inline bool out6_of(struct host *host, uint8_t type, struct ipv6 *packet, struct icmp6 *message)
{
	while (out6(host, packet, message))
		if (message->bytes && message->type == type)
			return true;
	return false;
}

static inline unsigned count6_of(struct host *host, uint8_t type)
{
	struct icmp6 message;
	struct ipv6 packet;
	unsigned n = 0;

	while (out6_of(host, type, &packet, &message))
		n++;
	return n;
}

static inline void assert_address(struct address address, const char *text)
{
	struct address expected = a6(text);

	assert_memory_equal(address.bytes, expected.bytes, 16);
}

/* ---- discovery */

/* A neighbour solicitation or advertisement with one link-address option, or none. */
static inline size_t nd_make(uint8_t *out, uint8_t type, uint32_t flags, const char *target, const struct mac *mac)
{
	struct address address = a6(target);
	size_t n = ND_SOLICITATION_BYTES;

	memset(out, 0, n);
	out[0] = type;
	store_be32(out + 4, flags);
	memcpy(out + 8, address.bytes, 16);
	if (mac)
		n += nd_mac_emit(out + n, type == ICMP6_NEIGHBOUR_SOLICITATION ? ND_OPTION_SOURCE_MAC
									       : ND_OPTION_TARGET_MAC, mac);
	return n;
}

static inline void advert_in(struct host *host, const char *target, uint32_t flags, const struct mac *mac)
{
	uint8_t message[64];
	size_t n = nd_make(message, ICMP6_NEIGHBOUR_ADVERTISEMENT, flags, target, mac);

	assert_int_equal(icmp6_in(host, target, flags & ND_ADVERT_SOLICITED ? OURS6 : "ff02::1", 255, message, n),
			 IP_CONSUMED);
}

/* A header for a segment to `remote`: 54, or why not. */
static inline int header6_by(struct host *host, const char *remote, struct mac *mac, bool confirmed)
{
	struct address to = a6(remote);
	uint8_t header[IP_HEADER_BYTES_MAX];
	struct ip_route route;
	int n = ip_route(host->ip, &to, NULL, &route);

	if (n != 0)
		return n;
	route.confirmed = confirmed;
	n = ip_header(host->ip, &route, &route.local, &to, 0, 0, true, 20, header, host->now);
	if (n > 0 && host->ethernet) {
		assert_int_equal(n, 54);
		assert_int_equal(load_be16(header + 12), ETHERNET_TYPE_IPV6);
		memcpy(mac->bytes, header, 6);
	}
	return n;
}

static inline int header6_to(struct host *host, const char *remote, struct mac *mac)
{
	return header6_by(host, remote, mac, false);
}

/* How many solicitations for `target` go out, all of them to its group or all to itself. */
static inline unsigned solicitations(struct host *host, const char *target, bool unicast)
{
	struct address address = a6(target), group = address_solicited_node(&address);
	struct icmp6 message;
	struct ipv6 packet;
	unsigned n = 0;

	while (out6_of(host, ICMP6_NEIGHBOUR_SOLICITATION, &packet, &message)) {
		assert_int_equal(packet.hop_limit, 255);
		assert_memory_equal(message.bytes + 8, address.bytes, 16);
		assert_memory_equal(packet.destination.bytes, unicast ? address.bytes : group.bytes, 16);
		n++;
	}
	return n;
}

/* Resolved, and reachable now. */
static inline void learn6(struct host *host, const char *address, const struct mac *mac)
{
	struct mac found;

	assert_int_equal(header6_to(host, address, &found), -EAGAIN);
	assert_int_equal(solicitations(host, address, false), 1);
	advert_in(host, address, ND_ADVERT_SOLICITED | ND_ADVERT_OVERRIDE, mac);
	assert_int_equal(header6_to(host, address, &found), 54);
	assert_true(mac_eq(&found, mac));
}

#endif
