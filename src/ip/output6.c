/* SPDX-License-Identifier: MIT */
/*
 * IPv6 headers for what goes out, and the packets that discovery and groups have to say.
 *
 * Only ICMPv6 messages longer than the way's MTU are sent in fragments (RFC 8200 §4.5), with an identification
 * drawn for each (RFC 7739), and never in a single one (RFC 8021).  Routing headers are neither sent nor answered with.
 */
#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "ip/state.h"
#include "wire/checksum.h"

#define ALERT_BYTES 8u                  /* hop-by-hop header with a router alert: RFC 2711 */

/* Group addresses have link addresses of their own: RFC 2464 §7. */
static struct mac mac_of_group(const struct address *group)
{
	return (struct mac){ { 0x33, 0x33, group->bytes[12], group->bytes[13], group->bytes[14], group->bytes[15] } };
}

int ip6_header_write(struct ip *ip, const struct ip_route *route, const struct address *local,
		     const struct address *remote, const struct ip_header_fields *fields, uint8_t *out)
{
	struct interface *interface = &ip->interfaces[route->interface % IP_INTERFACES_MAX];
	struct ipv6 packet = {
		.source = *local, .destination = *remote, .flow_label = route->flow_label, .tos = fields->tos,
		.next_header = fields->protocol, .payload_bytes = fields->payload_bytes,
		.hop_limit = fields->ttl ? fields->ttl : route->loopback ? IP6_HOP_LIMIT : interface->six.hop_limit,
	};
	unsigned link_bytes = 0;

	CHECK(fields->payload_bytes <= UINT16_MAX);
	CHECK(route->loopback || route->interface < ip->interface_count);
	if (!route->loopback && interface->given.kind == ELEVEN_LINK_ETHERNET) {
		struct ethernet frame = { .source = interface->mac, .type = ETHERNET_TYPE_IPV6 };
		int result = 0;

		if (route->confirmed)
			neighbour_confirm(ip, route->interface, &route->next_hop);
		if (address_is_multicast(&route->next_hop))
			frame.destination = mac_of_group(&route->next_hop);
		else
			result = neighbour_resolve(ip, route->interface, &route->next_hop, &frame.destination, NULL);
		if (result == -EHOSTUNREACH)
			interface->six.router_turn++;   /* perhaps it was a router: another one's turn */
		if (result != 0)
			return result;
		link_bytes = ethernet_emit(out, &frame);
	}
	return (int)(link_bytes + ipv6_emit(out + link_bytes, &packet));
}

uint32_t reply6_write(struct ip *ip, struct reply *reply)
{
	uint32_t left = reply->bytes - reply->sent;
	bool whole = IPV6_HEADER_BYTES + reply->bytes <= reply->route.mtu;
	uint32_t room = reply->route.mtu - IPV6_HEADER_BYTES - (whole ? 0 : IPV6_FRAGMENT_BYTES);
	uint32_t bytes = left > room ? room & ~7u : left;
	struct ip_header_fields fields = {
		.protocol = whole ? IPV6_ICMP : IPV6_FRAGMENT, .ttl = reply->hop_limit, .tos = reply->tos,
		.payload_bytes = bytes + (whole ? 0 : IPV6_FRAGMENT_BYTES),
	};
	int header = ip6_header_write(ip, &reply->route, &reply->route.local, &reply->remote, &fields, ip->out);

	if (header < 0)
		return 0;
	if (!whole) {
		struct ipv6_fragment fragment = { .offset = reply->sent, .id = reply->id, .next_header = IPV6_ICMP,
						  .more = left > bytes };

		ipv6_fragment_emit(ip->out + header, &fragment);
		header += IPV6_FRAGMENT_BYTES;
	}
	CHECK((uint32_t)header + bytes <= ip->out_bytes);
	chain_read(&ip->replies.blocks, reply->chain, reply->sent, ip->out + header, bytes);
	reply->sent += bytes;
	return (uint32_t)header + bytes;
}

/* ---- to the link itself */

uint8_t *link6_begin(struct ip *ip, uint8_t number, const struct mac *to_mac, const struct address *source,
		     const struct address *destination, uint8_t hop_limit, bool router_alert)
{
	static const uint8_t alert[ALERT_BYTES] = { IPV6_ICMP, 0, 5, 2, 0, 0, 1, 0 };   /* the alert, and PadN of 2 */
	const struct interface *interface = &ip->interfaces[number];
	struct ipv6 packet = { .source = *source, .destination = *destination, .hop_limit = hop_limit,
			       .next_header = router_alert ? IPV6_HOP_BY_HOP : IPV6_ICMP };
	uint8_t *out = ip->out;

	if (interface->given.kind == ELEVEN_LINK_ETHERNET) {
		struct ethernet frame = { .source = interface->mac, .type = ETHERNET_TYPE_IPV6,
					  .destination = to_mac ? *to_mac : mac_of_group(destination) };

		out += ethernet_emit(out, &frame);
	}
	out += ipv6_emit(out, &packet);
	if (router_alert) {
		memcpy(out, alert, sizeof(alert));
		out += sizeof(alert);
	}
	return out;
}

uint32_t link6_finish(struct ip *ip, uint8_t number, uint8_t *payload, uint32_t payload_bytes)
{
	bool frame = ip->interfaces[number].given.kind == ELEVEN_LINK_ETHERNET;
	uint8_t *header = ip->out + (frame ? ETHERNET_HEADER_BYTES : 0);
	struct address source, destination;
	uint32_t sum;

	CHECK((uint32_t)(payload - ip->out) + payload_bytes <= ip->out_bytes);
	memcpy(source.bytes, header + 8, 16);
	memcpy(destination.bytes, header + 24, 16);
	store_be16(header + 4, (uint16_t)(payload + payload_bytes - header - IPV6_HEADER_BYTES));
	store_be16(payload + 2, 0);
	sum = checksum_pseudo_v6(&source, &destination, IPV6_ICMP, payload_bytes);
	store_be16(payload + 2, checksum_finish(checksum_add(sum, payload, payload_bytes)));
	return (uint32_t)(payload - ip->out) + payload_bytes;
}

uint32_t discovery_output(struct ip *ip, uint8_t *number)
{
	for (uint8_t i = 0; i < ip->interface_count; i++) {
		struct interface6 *six = &ip->interfaces[i].six;

		*number = i;
		if (!six->on)
			continue;
		if (six->report_ready)          /* first, so that answers find the way: RFC 4862 §5.4.2 */
			return mld_write_report(ip, i);
		for (unsigned k = 0; k < six->address_count; k++)
			if (six->addresses[k].solicit_ready && !six->disabled)
				return nd_write_probe(ip, i, &six->addresses[k]);
		if (six->solicit_ready)
			return router_write_solicitation(ip, i);
	}
	return 0;
}
