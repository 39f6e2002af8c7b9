/* SPDX-License-Identifier: MIT */
/*
 * IPv6 packets in (RFC 8200 §3): the fixed header, whose it is, the chain behind it, who gets the payload.
 *
 * Addresses come first: what is for another host is dropped in silence, a host does not forward.  Groups
 * that we listen to are all nodes and the solicited-node ones of our addresses (RFC 4291 §2.8); TCP comes by none
 * of them.  Addresses of the form ::ffff:a.b.c.d are how IPv4 is held inside and never those of a packet.
 */
#include <string.h>

#include "ip/state.h"
#include "wire/checksum.h"

#define UDP_HEADER_BYTES 8u

static enum rule header6_rule(enum ipv6_fault fault)
{
	switch (fault) {
	case IPV6_OK:
		return RULE_NONE;
	case IPV6_TRUNCATED:
		return RULE_IP6_SHORT;
	case IPV6_BAD_VERSION:
		return RULE_IP6_VERSION_BAD;
	case IPV6_BAD_LENGTH:
		return RULE_IP6_LENGTH_LONG;
	case IPV6_JUMBO:
		return RULE_IP6_JUMBO;
	}
	return RULE_IP6_SHORT;
}

bool group6_is_ours(const struct interface6 *six, const struct address *group)
{
	static const struct address node = { { 0xff, 0x01, [15] = 1 } };
	struct address all = address_all_nodes();

	if (address_eq(group, &all) || address_eq(group, &node))
		return true;
	for (unsigned i = 0; i < six->address_count; i++) {
		struct address solicited = address_solicited_node(&six->addresses[i].address);

		if (address_eq(group, &solicited) && six->addresses[i].state != ADDRESS6_DUPLICATE)
			return true;
	}
	return false;
}

/* RFC 4291 §2.5.2, §2.5.3, §2.7: who cannot have sent this. */
static enum rule source6_rule(const struct ip *ip, const struct ipv6 *packet)
{
	if (address_is_multicast(&packet->source))
		return RULE_IP6_SOURCE_MULTICAST;
	if (address_is_loopback(&packet->source))
		return RULE_IP6_SOURCE_LOOPBACK;
	if (address6_interface(ip, &packet->source) >= 0)
		return RULE_IP6_SOURCE_OURS;
	return RULE_NONE;
}

/* An address of a link is of use on that link alone. */
static bool is_on_its_link(const struct ip *ip, const struct ipv6 *packet, uint8_t interface)
{
	int owner = address6_interface(ip, &packet->destination);

	return owner >= 0 && (!address_is_link_local(&packet->destination) || owner == interface);
}

static enum rule addresses6_rule(const struct ip *ip, const struct ipv6 *packet, uint8_t interface)
{
	const struct interface6 *six = &ip->interfaces[interface % IP_INTERFACES_MAX].six;

	if (address_is_v4(&packet->destination) || address_is_v4(&packet->source))
		return RULE_IP6_MAPPED;
	if (interface == IP_LOOPBACK)
		return ip_is_local(ip, &packet->destination) ? RULE_NONE : RULE_IP6_NOT_OURS;
	if (address_is_loopback(&packet->destination))
		return RULE_IP6_LOOPBACK_FROM_WIRE;
	if (address_is_multicast(&packet->destination)) {
		if (!six->on || !group6_is_ours(six, &packet->destination))
			return RULE_IP6_GROUP;
	} else if (!is_on_its_link(ip, packet, interface)) {
		return RULE_IP6_NOT_OURS;
	}
	return source6_rule(ip, packet);
}

static bool udp6_is_sound(const struct ip_datagram *datagram)
{
	const uint8_t *udp = datagram->payload;
	uint32_t bytes, sum;

	if (datagram->payload_bytes < UDP_HEADER_BYTES)
		return false;
	bytes = load_be16(udp + 4);
	if (bytes < UDP_HEADER_BYTES || bytes > datagram->payload_bytes || load_be16(udp + 6) == 0)
		return false;           /* RFC 8200 §8.1: the checksum is not optional */
	if (datagram->checksum_ok)
		return true;
	sum = checksum_pseudo_v6(&datagram->source, &datagram->destination, IPV6_UDP, bytes);
	return checksum_finish(checksum_add(sum, udp, bytes)) == 0;
}

/* A whole datagram for us, its chain walked along. */
static enum ip_input datagram6_deliver(struct ip *ip, const struct chain6 *chain, const struct ip_datagram *datagram,
				       struct ip_error *error)
{
	bool group = address_is_multicast(&datagram->destination) || datagram->link_group;
	enum rule rule;

	if (datagram->protocol == IPV6_ICMP)
		return icmp6_input(ip, datagram, error);
	if (address_is_any(&datagram->source))
		rule = RULE_IP6_SOURCE_UNSPECIFIED;
	else if (datagram->protocol == IPV6_NO_NEXT)
		rule = RULE_IP6_NO_NEXT;
	else if (group && (datagram->protocol == IPV6_TCP || datagram->protocol == IPV6_UDP))
		rule = RULE_IP6_GROUP;
	else if (datagram->protocol == IPV6_TCP)
		return IP_SEGMENT;
	else if (datagram->protocol == IPV6_UDP)
		rule = udp6_is_sound(datagram) ? RULE_UDP_PORT_UNREACHABLE : RULE_UDP_BAD;
	else
		rule = RULE_IP6_NEXT_HEADER_UNKNOWN;
	ip_rule(ip, rule, &datagram->destination, &datagram->source, datagram->interface);
	if (rule == RULE_UDP_PORT_UNREACHABLE)
		icmp6_send_error(ip, datagram, ICMP6_UNREACHABLE, ICMP6_UNREACHABLE_PORT, 0);
	else if (rule == RULE_IP6_NEXT_HEADER_UNKNOWN)
		icmp6_send_error(ip, datagram, ICMP6_PARAMETER_PROBLEM, ICMP6_PROBLEM_NEXT_HEADER, chain->named_at);
	return IP_CONSUMED;
}

static void datagram6_fill(struct ip_datagram *datagram, const struct ipv6 *parsed, const uint8_t *bytes,
			   const struct eleven_packet *packet, bool link_group)
{
	*datagram = (struct ip_datagram){
		.source = parsed->source,
		.destination = parsed->destination,
		.header = bytes,
		.payload = bytes + IPV6_HEADER_BYTES,
		.payload_bytes = parsed->payload_bytes,
		.header_bytes = IPV6_HEADER_BYTES,
		.protocol = parsed->next_header,
		.interface = packet->interface,
		.tos = parsed->tos,
		.ttl = parsed->hop_limit,
		.link_group = link_group,
		.checksum_ok = packet->flags & ELEVEN_PACKET_CHECKSUM_OK,
		.segment_bytes = packet->segment_bytes,
	};
}

/* The chain has led to what it carries. */
static void datagram6_advance(struct ip_datagram *datagram, const struct chain6 *chain)
{
	datagram->header_bytes = (uint16_t)chain->at;
	datagram->payload = chain->bytes + chain->at;
	datagram->payload_bytes = chain->end - chain->at;
	datagram->protocol = chain->kind;
}

static enum ip_input chain6_drop(struct ip *ip, enum rule rule, const struct chain6 *chain,
				 const struct ip_datagram *datagram)
{
	ip_rule(ip, rule, &datagram->destination, &datagram->source, datagram->interface);
	if (chain->answer)
		icmp6_send_error(ip, datagram, ICMP6_PARAMETER_PROBLEM, chain->problem, chain->pointer);
	return IP_CONSUMED;
}

/* Headers, then fragments, whose whole has headers again. */
static enum ip_input chain6_input(struct ip *ip, const struct ipv6 *parsed, const struct eleven_packet *packet,
				  struct ip_datagram *datagram, struct ip_error *error)
{
	struct chain6 chain = { .bytes = datagram->header, .end = IPV6_HEADER_BYTES + parsed->payload_bytes,
				.at = IPV6_HEADER_BYTES, .named_at = 6, .kind = parsed->next_header,
				.multicast = address_is_multicast(&parsed->destination) };
	enum rule rule = extension_walk(&chain);

	if (rule != RULE_NONE)
		return chain6_drop(ip, rule, &chain, datagram);
	if (chain.kind == IPV6_FRAGMENT) {
		bool link_group = datagram->link_group;

		if (!fragment6_input(ip, parsed, &chain, packet->interface, datagram))
			return IP_CONSUMED;
		datagram->link_group = link_group;
		rule = extension_walk(&chain);
		if (rule == RULE_NONE && chain.kind == IPV6_FRAGMENT)
			rule = RULE_EXTENSION_ORDER;    /* in a fragment there are no fragments */
		if (rule != RULE_NONE)
			return chain6_drop(ip, rule, &chain, datagram);
	}
	datagram6_advance(datagram, &chain);
	return datagram6_deliver(ip, &chain, datagram, error);
}

/*
 * The fast path, as in input.c: TCP behind the fixed header, for us, nothing wrong.
 */
static bool is_plain_segment6(const struct ip *ip, const struct ipv6 *parsed, uint8_t interface)
{
	return parsed->next_header == IPV6_TCP && interface != IP_LOOPBACK && !address_is_any(&parsed->source) &&
	       !address_is_v4(&parsed->source) && !address_is_multicast(&parsed->destination) &&
	       is_on_its_link(ip, parsed, interface) && source6_rule(ip, parsed) == RULE_NONE;
}

enum ip_input ipv6_input(struct ip *ip, const struct eleven_packet *packet, const uint8_t *bytes, uint32_t length,
			 bool link_group, struct ip_datagram *datagram, struct ip_error *error)
{
	struct ipv6 parsed;
	enum ipv6_fault fault = ipv6_parse(&parsed, bytes, length);
	enum rule rule = header6_rule(fault);

	if (fault == IPV6_OK && !link_group && is_plain_segment6(ip, &parsed, packet->interface)) {
		datagram6_fill(datagram, &parsed, bytes, packet, false);
		return IP_SEGMENT;
	}
	if (fault == IPV6_OK)
		rule = addresses6_rule(ip, &parsed, packet->interface);
	if (rule == RULE_IP6_NOT_OURS || rule == RULE_IP6_GROUP) {
		trace_count(ip->trace, rule);
		return IP_CONSUMED;
	}
	if (rule != RULE_NONE) {
		ip_rule(ip, rule, &parsed.destination, &parsed.source, packet->interface);
		return IP_CONSUMED;
	}
	datagram6_fill(datagram, &parsed, bytes, packet, link_group);
	return chain6_input(ip, &parsed, packet, datagram, error);
}
