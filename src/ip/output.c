/* SPDX-License-Identifier: MIT */
/*
 * Headers for what goes out, and the packets of our own: ARP first, then what IPv6's
 * discovery asks, then ICMP in order.
 */
#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "ip/state.h"
#include "wire/checksum.h"

int ip_header_write(struct ip *ip, const struct ip_route *route, const struct address *local,
		    const struct address *remote, const struct ip_header_fields *fields, uint8_t *out)
{
	const struct interface *interface = &ip->interfaces[route->interface % IP_INTERFACES_MAX];
	struct ipv4 packet = {
		.source = *local, .destination = *remote, .dscp = fields->tos >> 2, .ecn = fields->tos & 3,
		.ttl = fields->ttl, .protocol = fields->protocol, .id = fields->id,
		.dont_fragment = fields->dont_fragment, .more_fragments = fields->more_fragments,
		.fragment_offset = fields->fragment_offset, .payload_bytes = fields->payload_bytes,
	};
	unsigned link_bytes = 0;

	CHECK(fields->ttl > 0 && fields->payload_bytes <= UINT16_MAX - IPV4_HEADER_MIN);
	CHECK(route->loopback || route->interface < ip->interface_count);
	if (!route->loopback && interface->given.kind == ELEVEN_LINK_ETHERNET) {
		struct ethernet frame = { .source = interface->mac, .type = ETHERNET_TYPE_IPV4 };
		int result = -EAGAIN;

		if (!interface->tentative)
			result = neighbour_resolve(ip, route->interface, &route->next_hop, &frame.destination, NULL);
		if (ip->gateways_again <= ip->now)
			gateways_ask(ip);
		if (result != 0)
			return result;
		link_bytes = ethernet_emit(out, &frame);
	}
	return (int)(link_bytes + ipv4_emit(out + link_bytes, &packet));
}

int ip_header(struct ip *ip, const struct ip_route *route, const struct address *local, const struct address *remote,
	      uint8_t ttl, uint8_t tos, bool df, uint32_t payload_bytes, uint8_t *out, uint64_t now)
{
	struct ip_header_fields fields = { .protocol = IPV4_PROTOCOL_TCP, .ttl = ttl, .tos = tos, .dont_fragment = df,
					   .payload_bytes = payload_bytes };

	ip_clock(ip, now);
	if (!address_is_v4(remote))
		return ip6_header_write(ip, route, local, remote, &fields, out);
	if (!df && !route->loopback && !identify(ip, local, remote, IPV4_PROTOCOL_TCP, &fields.id))
		return -EAGAIN;
	return ip_header_write(ip, route, local, remote, &fields, out);
}

/* The next packet of an ICMP message into ip->out: its length, or 0 when its way is gone. */
static uint32_t reply_write(struct ip *ip, struct reply *reply)
{
	uint32_t left = reply->bytes - reply->sent, room = reply->route.mtu - IPV4_HEADER_MIN;
	bool whole = reply->bytes <= room;
	struct ip_header_fields fields = {
		.protocol = IPV4_PROTOCOL_ICMP, .ttl = IP_TTL_DEFAULT, .tos = reply->tos, .id = (uint16_t)reply->id,
		.dont_fragment = whole && IPV4_HEADER_MIN + reply->bytes <= IP_ATOMIC_BYTES,
		.more_fragments = left > room, .fragment_offset = reply->sent,
		.payload_bytes = left > room ? room & ~7u : left,
	};
	int header = ip_header_write(ip, &reply->route, &reply->local, &reply->remote, &fields, ip->out);

	if (header < 0)
		return 0;
	CHECK((uint32_t)header + fields.payload_bytes <= ip->out_bytes);
	chain_read(&ip->replies.blocks, reply->chain, reply->sent, ip->out + header, fields.payload_bytes);
	reply->sent += fields.payload_bytes;
	return (uint32_t)header + fields.payload_bytes;
}

/* The next ICMP packet: its length, 0: none. */
static uint32_t icmp_output(struct ip *ip, uint8_t *interface)
{
	struct list *ready = &ip->replies.ready;
	struct reply *reply;

	while ((reply = list_first(ready))) {
		bool six = !address_is_v4(&reply->remote);
		uint32_t bytes = six ? reply6_write(ip, reply) : reply_write(ip, reply);

		*interface = reply->route.interface;
		if (bytes == 0)
			trace_count(ip->trace, RULE_ICMP_NO_WAY);
		if (bytes == 0 || reply->sent == reply->bytes) {
			list_remove(ready, reply);
			reply_drop(ip, pool_index(&ip->replies.pool, reply) + 1);
		}
		if (bytes)
			return bytes;
	}
	return 0;
}

bool ip_output(struct ip *ip, struct eleven_out *out, uint64_t now)
{
	uint8_t interface = 0, version;
	uint32_t bytes;

	ip_clock(ip, now);
	bytes = arp_output(ip, &interface);
	if (bytes == 0)
		bytes = discovery_output(ip, &interface);
	if (bytes == 0)
		bytes = icmp_output(ip, &interface);
	if (bytes == 0)
		return false;
	*out = (struct eleven_out){ .interface = interface, .slices = 1, .length = bytes,
				    .slice = { { ip->out, bytes } } };
	if (ip->interfaces[interface].given.kind == ELEVEN_LINK_ETHERNET)
		out->network_offset = ETHERNET_HEADER_BYTES;
	version = ip->out[out->network_offset] >> 4;
	if (version == 4)
		out->checksum_start = out->network_offset + IPV4_HEADER_MIN;
	else if (version == 6)
		out->checksum_start = out->network_offset + IPV6_HEADER_BYTES;
	return true;
}
