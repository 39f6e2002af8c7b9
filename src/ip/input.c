/* SPDX-License-Identifier: MIT */
/*
 * Packets in: the frame, the IPv4 header, whose it is, and who gets the payload.  IPv6 is in input6.c.
 *
 * Ethernet II (RFC 894) and, for reception only, 802.2 SNAP (RFC 1042, RFC 1122 §2.3.3).  Then
 * RFC 791 §3.1 and RFC 1122 §3.2.1: every check has a rule of its own, and nothing that fails one is
 * answered but a malformed option.  What is for somebody else is dropped in silence: a host does
 * not forward.  What is for everybody (broadcast, multicast) is dropped too: nothing here serves it.
 *
 * IP options are bounded and stepped over; a packet with a source route is dropped, whether it ends
 * here or not (Deviation: MUST-53; RFC 7126 §4.3).
 */
#include <string.h>

#include "ip/state.h"
#include "wire/checksum.h"

#define OPTION_NOP           1
#define LENGTH_MOST          1500       /* an Ethernet type field up to this is a length: IEEE 802.3 */
#define SNAP_BYTES           8
#define FLAGS_HARMLESS       0xc000     /* reserved and DF: neither makes a fragment */
#define UDP_HEADER_BYTES     8u

/* Why the header cannot be believed. */
static enum rule header_rule(enum ipv4_fault fault, const struct ipv4 *packet, uint32_t length)
{
	switch (fault) {
	case IPV4_OK:
		return RULE_NONE;
	case IPV4_TRUNCATED:
		return RULE_IP_SHORT;
	case IPV4_BAD_VERSION:
		return RULE_IP_VERSION_BAD;
	case IPV4_BAD_HEADER_LENGTH:
		return RULE_IP_HEADER_LENGTH_BAD;
	case IPV4_BAD_TOTAL_LENGTH:
		if (packet->total_bytes == 0)
			return RULE_IP_LENGTH_ZERO;
		return packet->total_bytes > length ? RULE_IP_LENGTH_LONG : RULE_IP_LENGTH_SHORT;
	case IPV4_BAD_CHECKSUM:
		return RULE_IP_CHECKSUM_BAD;
	case IPV4_BAD_OPTION:
		return RULE_IP_OPTION_BAD;
	case IPV4_BAD_FRAGMENT:
		if (packet->payload_bytes == 0)
			return RULE_FRAGMENT_EMPTY;
		return packet->more_fragments && packet->payload_bytes % 8 ? RULE_FRAGMENT_LENGTH_ODD
									   : RULE_FRAGMENT_TOO_LONG;
	}
	return RULE_IP_SHORT;
}

/* An address that is nobody's, or ours, cannot have sent this: RFC 1122 §3.2.1.3. */
static enum rule source_rule(const struct ip *ip, uint32_t source)
{
	if (source >> 24 == 0)
		return RULE_IP_SOURCE_ZERO;
	if (source >> 24 == 127)
		return RULE_IP_SOURCE_LOOPBACK;
	if (source >> 28 == 0xe)
		return RULE_IP_SOURCE_MULTICAST;
	if (route_is_broadcast(ip, source))
		return RULE_IP_SOURCE_BROADCAST;
	if (source >> 28 == 0xf)
		return RULE_IP_SOURCE_RESERVED;
	return interface_of(ip, source) ? RULE_IP_SOURCE_OURS : RULE_NONE;
}

static enum rule destination_rule(const struct ip *ip, const struct address *destination, uint8_t interface,
				  bool link_group)
{
	uint32_t value = address_v4_value(destination);
	const struct interface *owner = interface_of(ip, value);

	if (owner && ip->strong_host && owner != &ip->interfaces[interface])
		return RULE_IP_WRONG_INTERFACE;
	if (owner)
		return link_group ? RULE_IP_LINK_BROADCAST : RULE_NONE;
	if (value >> 24 == 127)
		return RULE_IP_LOOPBACK_FROM_WIRE;
	return value >> 28 == 0xe || route_is_broadcast(ip, value) ? RULE_IP_GROUP : RULE_IP_NOT_OURS;
}

/* Where the option of impossible length begins, from the start of the header: RFC 792's pointer. */
static uint8_t option_bad_at(const struct ipv4 *packet)
{
	unsigned at = 0, end = packet->options_bytes;

	while (at < end) {
		if (packet->options[at] == OPTION_NOP) {
			at++;
			continue;
		}
		if (at + 1 >= end || packet->options[at + 1] < 2 || at + packet->options[at + 1] > end)
			break;
		at += packet->options[at + 1];
	}
	return (uint8_t)(IPV4_HEADER_MIN + at);
}

static bool udp_is_sound(const struct ip_datagram *datagram)
{
	const uint8_t *udp = datagram->payload;
	uint32_t bytes, sum;

	if (datagram->payload_bytes < UDP_HEADER_BYTES)
		return false;
	bytes = load_be16(udp + 4);
	if (bytes < UDP_HEADER_BYTES || bytes > datagram->payload_bytes)
		return false;
	if (load_be16(udp + 6) == 0 || datagram->checksum_ok)
		return true;
	sum = checksum_pseudo(&datagram->source, &datagram->destination, IPV4_PROTOCOL_UDP, bytes);
	return checksum_finish(checksum_add(sum, udp, bytes)) == 0;
}

/* A whole datagram for us. */
static enum ip_input datagram_deliver(struct ip *ip, const struct ip_datagram *datagram, struct ip_error *error)
{
	enum rule rule;

	switch (datagram->protocol) {
	case IPV4_PROTOCOL_TCP:
		return IP_SEGMENT;
	case IPV4_PROTOCOL_ICMP:
		return icmp_input(ip, datagram, error);
	case IPV4_PROTOCOL_UDP:
		rule = udp_is_sound(datagram) ? RULE_UDP_PORT_UNREACHABLE : RULE_UDP_BAD;
		break;
	default:
		rule = RULE_IP_PROTOCOL_UNREACHABLE;
		break;
	}
	ip_rule(ip, rule, &datagram->destination, &datagram->source, datagram->interface);
	if (rule != RULE_UDP_BAD)
		ip_unreachable(ip, datagram, datagram->protocol == IPV4_PROTOCOL_UDP ? ICMP_UNREACHABLE_PORT
										     : ICMP_UNREACHABLE_PROTOCOL);
	return IP_CONSUMED;
}

static void datagram_fill(struct ip_datagram *datagram, const struct ipv4 *parsed, const uint8_t *header,
			  const struct eleven_packet *packet)
{
	*datagram = (struct ip_datagram){
		.source = parsed->source,
		.destination = parsed->destination,
		.header = header,
		.payload = parsed->payload,
		.payload_bytes = parsed->payload_bytes,
		.header_bytes = (uint16_t)(IPV4_HEADER_MIN + parsed->options_bytes),
		.protocol = parsed->protocol,
		.interface = packet->interface,
		.tos = (uint8_t)(parsed->dscp << 2 | parsed->ecn),
		.ttl = parsed->ttl,
		.checksum_ok = packet->flags & ELEVEN_PACKET_CHECKSUM_OK,
		.segment_bytes = packet->segment_bytes,
	};
}

/* Addresses come before what is only wrong in a packet for us: who else's it is is nothing to count as bad. */
static enum rule packet_rule(const struct ip *ip, const struct ipv4 *parsed, enum ipv4_fault fault, uint32_t length,
			     uint8_t interface, bool link_group)
{
	enum rule rule = header_rule(fault, parsed, length);
	bool readable = fault == IPV4_OK || fault == IPV4_BAD_OPTION || fault == IPV4_BAD_FRAGMENT;
	enum rule address = RULE_NONE;

	if (!readable)
		return rule;
	if (interface == IP_LOOPBACK) {
		if (!ip_is_local(ip, &parsed->destination))
			address = RULE_IP_NOT_OURS;
	} else {
		address = destination_rule(ip, &parsed->destination, interface, link_group);
		if (address == RULE_NONE)
			address = source_rule(ip, address_v4_value(&parsed->source));
	}
	if (address != RULE_NONE)
		return address;
	return fault == IPV4_OK && parsed->source_route ? RULE_IP_SOURCE_ROUTE : rule;
}

/*
 * The fast path, for what almost every packet is: TCP for us, no options, no fragment, nothing wrong.  Its guards are
 * the checks of the slow path in another order; what fails one goes there, to be told what is wrong with it.
 */
static bool is_plain_segment(const struct ip *ip, const uint8_t *bytes, uint32_t length, uint8_t interface)
{
	uint32_t total, source, destination;
	bool ours = false;

	if (length < IPV4_HEADER_MIN || bytes[0] != (4 << 4 | IPV4_HEADER_MIN / 4) || bytes[9] != IPV4_PROTOCOL_TCP)
		return false;
	total = load_be16(bytes + 2);
	source = load_be32(bytes + 12);
	destination = load_be32(bytes + 16);
	if (total < IPV4_HEADER_MIN || total > length || load_be16(bytes + 6) & (uint16_t)~FLAGS_HARMLESS)
		return false;
	if (interface == IP_LOOPBACK || source >> 24 == 0 || source >> 24 == 127 || source >= 0xe0000000u)
		return false;
	for (uint32_t i = 0; i < ip->interface_count; i++) {
		const struct interface *each = &ip->interfaces[i];

		ours |= destination == each->address && (i == interface || !ip->strong_host);
		if (source == each->address || route_is_subnet_broadcast(each, source))
			return false;
	}
	return ours && ipv4_checksum_good(bytes);
}

static bool ipv4_fragment_input(struct ip *ip, const struct ipv4 *parsed, const uint8_t *header, uint8_t interface,
				struct ip_datagram *datagram)
{
	struct fragment fragment = {
		.source = parsed->source, .destination = parsed->destination, .id = parsed->id,
		.protocol = parsed->protocol, .interface = interface,
		.tos = (uint8_t)(parsed->dscp << 2 | parsed->ecn), .ttl = parsed->ttl,
		.offset = parsed->fragment_offset, .more = parsed->more_fragments,
		.payload = parsed->payload, .payload_bytes = parsed->payload_bytes,
		.header = header, .header_bytes = (uint16_t)(IPV4_HEADER_MIN + parsed->options_bytes),
	};

	return fragment_input(ip, &fragment, datagram);
}

static enum ip_input ipv4_input(struct ip *ip, const struct eleven_packet *packet, const uint8_t *bytes,
				uint32_t length, bool link_group, struct ip_datagram *datagram, struct ip_error *error)
{
	struct ipv4 parsed;
	enum ipv4_fault fault;
	enum rule rule;

	if (!link_group && is_plain_segment(ip, bytes, length, packet->interface)) {
		*datagram = (struct ip_datagram){
			.source = address_v4(load_be32(bytes + 12)),
			.destination = address_v4(load_be32(bytes + 16)),
			.header = bytes,
			.payload = bytes + IPV4_HEADER_MIN,
			.payload_bytes = load_be16(bytes + 2) - (uint32_t)IPV4_HEADER_MIN,
			.header_bytes = IPV4_HEADER_MIN,
			.protocol = IPV4_PROTOCOL_TCP,
			.interface = packet->interface,
			.tos = bytes[1],
			.ttl = bytes[8],
			.checksum_ok = packet->flags & ELEVEN_PACKET_CHECKSUM_OK,
			.segment_bytes = packet->segment_bytes,
		};
		return IP_SEGMENT;
	}
	fault = ipv4_parse(&parsed, bytes, length);
	rule = packet_rule(ip, &parsed, fault, length, packet->interface, link_group);
	if (rule == RULE_IP_NOT_OURS || rule == RULE_IP_GROUP || rule == RULE_IP_WRONG_INTERFACE) {
		trace_count(ip->trace, rule);
		return IP_CONSUMED;
	}
	if (rule != RULE_NONE) {
		ip_rule(ip, rule, &parsed.destination, &parsed.source, packet->interface);
		if (rule == RULE_IP_OPTION_BAD && parsed.fragment_offset == 0) {
			datagram_fill(datagram, &parsed, bytes, packet);
			icmp_send_error(ip, datagram, ICMP_PARAMETER_PROBLEM, 0,
					(uint32_t)option_bad_at(&parsed) << 24);
		}
		return IP_CONSUMED;
	}
	if (!ipv4_is_fragment(&parsed))
		datagram_fill(datagram, &parsed, bytes, packet);
	else if (!ipv4_fragment_input(ip, &parsed, bytes, packet->interface, datagram))
		return IP_CONSUMED;
	return datagram_deliver(ip, datagram, error);
}

/* What a frame carries: its type, with 802.2 SNAP taken off; 0: neither. */
static uint16_t frame_type(struct ethernet *frame)
{
	static const uint8_t snap[6] = { 0xaa, 0xaa, 3, 0, 0, 0 };
	uint16_t type;

	if (frame->type > LENGTH_MOST)
		return frame->type;
	if (frame->type < SNAP_BYTES || frame->type > frame->payload_bytes ||
	    memcmp(frame->payload, snap, sizeof(snap)) != 0)
		return 0;
	type = load_be16(frame->payload + sizeof(snap));
	frame->payload_bytes = frame->type - SNAP_BYTES;
	frame->payload += SNAP_BYTES;
	return type;
}

static enum ip_input frame_input(struct ip *ip, const struct eleven_packet *packet, struct ip_datagram *datagram,
				 struct ip_error *error)
{
	const struct interface *interface = &ip->interfaces[packet->interface];
	struct ethernet frame;
	enum rule rule = RULE_NONE;
	bool group;

	if (ethernet_parse(&frame, packet->bytes, packet->length) != ETHERNET_OK) {
		trace_count(ip->trace, RULE_ETHERNET_SHORT);
		return IP_CONSUMED;
	}
	group = mac_is_group(&frame.destination);
	if (!group && !mac_eq(&frame.destination, &interface->mac))
		rule = RULE_ETHERNET_NOT_OURS;
	else if (mac_is_group(&frame.source))
		rule = RULE_ETHERNET_SOURCE_GROUP;
	if (rule == RULE_NONE) {
		switch (frame_type(&frame)) {
		case ETHERNET_TYPE_IPV4:
			if (interface->tentative) {
				trace_count(ip->trace, RULE_IP_TENTATIVE);
				return IP_CONSUMED;
			}
			return ipv4_input(ip, packet, frame.payload, frame.payload_bytes, group, datagram, error);
		case ETHERNET_TYPE_IPV6:
			return ipv6_input(ip, packet, frame.payload, frame.payload_bytes, group, datagram, error);
		case ETHERNET_TYPE_ARP:
			arp_input(ip, packet->interface, frame.payload, frame.payload_bytes);
			return IP_CONSUMED;
		}
		rule = RULE_ETHERNET_TYPE_OTHER;
	}
	trace_count(ip->trace, rule);
	return IP_CONSUMED;
}

enum ip_input ip_input(struct ip *ip, const struct eleven_packet *packet, struct ip_datagram *datagram,
		       struct ip_error *error, uint64_t now)
{
	ip_clock(ip, now);
	if (packet->interface != IP_LOOPBACK) {
		if (packet->interface >= ip->interface_count) {
			trace_count(ip->trace, RULE_IP_NO_INTERFACE);
			return IP_CONSUMED;
		}
		if (ip->interfaces[packet->interface].given.kind == ELEVEN_LINK_ETHERNET)
			return frame_input(ip, packet, datagram, error);
	}
	if (packet->length > 0 && packet->bytes[0] >> 4 == 6)
		return ipv6_input(ip, packet, packet->bytes, packet->length, false, datagram, error);
	return ipv4_input(ip, packet, packet->bytes, packet->length, false, datagram, error);
}
