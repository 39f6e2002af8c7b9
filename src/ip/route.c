/* SPDX-License-Identifier: MIT */
/*
 * The way to an address (RFC 1122 §3.3.1): ours, on a link, or by the gateway.  Which of several gateways is for
 * gateway.c.  Redirects are not heeded.  IPv6 is in route6.c.
 */
#include <errno.h>
#include <string.h>

#include "ip/state.h"

void route_enter(struct ip *ip, struct route route)
{
	ip->gateways += route.gateway != 0;
	ip->routes[ip->route_count++] = route;
}

/* The interface on whose link the address is; NULL: none. */
static const struct interface *interface_on_link(const struct ip *ip, uint32_t address)
{
	const struct route *route = route_best(ip, address, 0);

	return route && route->gateway == 0 && address != ip->interfaces[route->interface].address
		? &ip->interfaces[route->interface] : NULL;
}

int ip_route_add(struct ip *ip, const struct eleven_route *given)
{
	struct address destination = address_given(&given->destination), gateway = address_given(&given->gateway);
	const struct interface *interface;
	struct route route = { .prefix_bits = given->prefix_bits };

	if (!address_is_v4(&gateway))
		return route6_given(ip, &destination, given->prefix_bits, &gateway);
	if (address_is_any(&destination))
		destination = address_v4(0);
	if (!address_is_v4(&destination) || !address_is_v4(&gateway) || given->prefix_bits > 32)
		return -EINVAL;
	route.mask = given->prefix_bits == 0 ? 0 : UINT32_MAX << (32 - given->prefix_bits);
	route.network = address_v4_value(&destination);
	route.gateway = address_v4_value(&gateway);
	if ((route.network & ~route.mask) != 0 || (route.prefix_bits > 0 && address_is_no_host(route.network)) ||
	    address_is_no_host(route.gateway) || route_is_broadcast(ip, route.gateway) ||
	    interface_of(ip, route.gateway))
		return -EINVAL;
	interface = interface_on_link(ip, route.gateway);
	if (!interface)
		return -ENETUNREACH;
	route.interface = (uint8_t)(interface - ip->interfaces);
	for (uint32_t i = 0; i < ip->route_count; i++)
		if (ip->routes[i].network == route.network && ip->routes[i].mask == route.mask &&
		    ip->routes[i].gateway == route.gateway)
			return -EEXIST;
	if (ip->route_count == IP_ROUTES_MAX)
		return -ENOSPC;
	route_enter(ip, route);
	return 0;
}

/*
 * The longest prefix counts first.  Of equals, one on the link; for everything else (prefix 0) that of `local` or the
 * first by a gateway, for a link without one is only hoped to reach it.
 */
static unsigned route_rank(const struct ip *ip, const struct route *route, uint32_t local)
{
	bool own = local != 0 && ip->interfaces[route->interface].address == local;

	if (route->prefix_bits == 0)
		return (route->gateway ? 4 : 2) + (own ? 3 : 0);
	return 8 + 4u * route->prefix_bits + (route->gateway ? 0 : 2) + own;
}

const struct route *route_best(const struct ip *ip, uint32_t remote, uint32_t local)
{
	const struct route *best = NULL;
	unsigned best_rank = 0;

	for (uint32_t i = 0; i < ip->route_count; i++) {
		const struct route *route = &ip->routes[i];
		unsigned rank = route_has(route, remote) ? route_rank(ip, route, local) : 0;

		if (rank > best_rank) {
			best_rank = rank;
			best = route;
		}
	}
	return best;
}

bool route_is_neighbour(const struct ip *ip, uint8_t interface, uint32_t address)
{
	bool everything = true;

	if (((address ^ ip->interfaces[interface].address) & ip->interfaces[interface].mask) == 0)
		return true;
	for (uint32_t i = 0; i < ip->route_count; i++) {
		const struct route *route = &ip->routes[i];

		if (route->interface != interface || route->gateway == 0)
			continue;
		if (route->gateway == address)
			return true;
		everything = false;
	}
	return everything;
}

/* Inside the stack: to 127.0.0.0/8 from 127.0.0.1, to our own address from that address, unless one is chosen. */
static int route_loopback(const struct address *remote, const struct address *chosen, struct ip_route *route)
{
	*route = (struct ip_route){ .local = *remote, .interface = IP_LOOPBACK, .loopback = true,
				    .next_hop = *remote, .mtu = IP_LOOPBACK_MTU };
	if (chosen)
		route->local = *chosen;
	else if (address_is_loopback(remote))
		route->local = address_v4(0x7f000001);
	return 0;
}

int ip_route(const struct ip *ip, const struct address *remote, const struct address *local, struct ip_route *route)
{
	return ip_route_by(ip, remote, local, IP_ANY_INTERFACE, route);
}

int ip_route_by(const struct ip *ip, const struct address *remote, const struct address *local, int by,
		struct ip_route *route)
{
	const struct route *way;
	uint32_t to, from = 0;

	if (local && address_is_any(local))
		local = NULL;
	if (local && !ip_is_local(ip, local))
		return -EADDRNOTAVAIL;
	if (local && address_is_v4(local) != address_is_v4(remote))
		return -EINVAL;         /* of two families */
	if (!address_is_v4(remote))
		return route6_find(ip, remote, local, by, route);
	to = address_v4_value(remote);
	if (to >> 24 == 127 || interface_of(ip, to))
		return route_loopback(remote, local, route);
	if (local)
		from = address_v4_value(local);
	if (address_is_no_host(to) || route_is_broadcast(ip, to) || from >> 24 == 127)
		return -EINVAL;
	way = route_best(ip, to, from);
	if (!way)
		return -ENETUNREACH;
	if (way->gateway && ip->gateways > 1)
		way = gateway_choose(ip, way, to, from);
	*route = (struct ip_route){ .local = local ? *local : address_v4(ip->interfaces[way->interface].address),
				    .interface = way->interface, .mtu = ip->interfaces[way->interface].given.mtu,
				    .next_hop = way->gateway ? address_v4(way->gateway) : *remote };
	return 0;
}

uint32_t ip_mms_receive(const struct ip *ip, uint8_t interface)
{
	uint32_t link = interface == IP_LOOPBACK ? IP_LOOPBACK_MTU : ip->interfaces[interface].given.mtu;

	link -= IPV4_HEADER_MIN;
	if (ip->fragments.whole_bytes < UINT16_MAX - IPV4_HEADER_MIN)
		return ip->fragments.whole_bytes > link ? ip->fragments.whole_bytes : link;
	return UINT16_MAX - IPV4_HEADER_MIN;
}

uint32_t ip_mms_send(const struct ip_route *route)
{
	return route->mtu - IPV4_HEADER_MIN;
}
