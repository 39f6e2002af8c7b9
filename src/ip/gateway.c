/* SPDX-License-Identifier: MIT */
/*
 * Which of several gateways to a subnet (RFC 1122 §3.3.1.2 to §3.3.1.5).
 *
 * Theory of operation.  The first, in the order in which they were added, that is not dead is taken for everybody.  A
 * gateway is dead when it did not answer ARP; whether it does is asked when its entry is old, or in doubt, and
 * only when something is to be sent by it (§3.3.1.4 forbids to ask it all the time).  A dead one is asked for again
 * once in IP_GATEWAY_AGAIN_NS, while the others are used, and taken again when it answers.
 *
 * A gateway may live and lead nowhere.  That only TCP sees, R1 retransmissions without an answer, and it is one
 * destination that suffers, which may itself be what is dead: so the advice puts the gateway in doubt, and moves that
 * destination alone to the next gateway.  The next-hop cache remembers it, a fixed number of destinations placed by
 * keyed hash; whoever is pushed out begins with the first gateway again, and everyone after IP_NEXT_HOP_KEEP_NS.
 */
#include "ip/state.h"

static uint32_t next_hop_place(const struct ip *ip, uint32_t remote)
{
	return (uint32_t)(siphash_words2(&ip->key, remote, 0x6e686f70) % ip->peers);
}

/* Another way to where `best` leads. */
static bool is_alternative(const struct route *route, const struct route *best)
{
	return route->gateway != 0 && route->mask == best->mask && route->network == best->network;
}

static bool is_dead(const struct ip *ip, const struct route *route)
{
	struct address gateway = address_v4(route->gateway);
	const struct neighbour *neighbour;

	if (ip->interfaces[route->interface].given.kind != ELEVEN_LINK_ETHERNET)
		return false;
	neighbour = neighbour_find(ip, route->interface, &gateway);
	return neighbour && neighbour->silent;
}

/* `local` is the address of another interface: its own gateways come first. */
static bool is_preferred(const struct ip *ip, const struct route *route, uint32_t local)
{
	return local == 0 || ip->interfaces[route->interface].address == local;
}

const struct route *gateway_choose(const struct ip *ip, const struct route *best, uint32_t remote, uint32_t local)
{
	const struct next_hop *hop = &ip->next_hops[next_hop_place(ip, remote)];
	bool moved = hop->gateway != 0 && hop->remote == remote && ip->now < hop->until;
	const struct route *choice = NULL;

	if (!moved && !is_dead(ip, best))
		return best;
	for (uint32_t i = 0; i < ip->route_count; i++) {
		const struct route *route = &ip->routes[i];

		if (!is_alternative(route, best) || is_dead(ip, route))
			continue;
		if (moved && route->gateway == hop->gateway)
			return route;
		if (!choice || (!is_preferred(ip, choice, local) && is_preferred(ip, route, local)))
			choice = route;
	}
	return choice ? choice : best;
}

/* The one that lives and comes next after `now`, round the table. */
static const struct route *gateway_after(const struct ip *ip, const struct route *now)
{
	uint32_t at = (uint32_t)(now - ip->routes);

	for (uint32_t i = 1; i < ip->route_count; i++) {
		const struct route *route = &ip->routes[(at + i) % ip->route_count];

		if (is_alternative(route, now) && !is_dead(ip, route))
			return route;
	}
	return NULL;
}

/* Of IPv6 the first hop is asked, and routers change when it does not answer: RFC 4861 §7.3.3. */
static void path6_suspect(struct ip *ip, const struct address *remote, const struct address *local)
{
	struct neighbour *neighbour;
	struct ip_route route;

	if (route6_find(ip, remote, local, IP_ANY_INTERFACE, &route) != 0 || route.loopback)
		return;
	neighbour = neighbour_find(ip, route.interface, &route.next_hop);
	if (neighbour)
		neighbour_doubt(ip, neighbour);
}

void ip_path_suspect(struct ip *ip, const struct address *remote, const struct address *local, uint64_t now)
{
	uint32_t to = address_v4_value(remote);
	const struct route *route, *next;
	struct neighbour *neighbour;
	struct address gateway;

	ip_clock(ip, now);
	if (!address_is_v4(remote)) {
		path6_suspect(ip, remote, local);
		return;
	}
	if (ip_is_local(ip, remote))
		return;
	route = route_best(ip, to, address_v4_value(local));
	if (!route)
		return;
	if (route->gateway && ip->gateways > 1)
		route = gateway_choose(ip, route, to, address_v4_value(local));
	gateway = route->gateway ? address_v4(route->gateway) : *remote;
	neighbour = neighbour_find(ip, route->interface, &gateway);
	if (neighbour)
		neighbour_doubt(ip, neighbour);
	next = route->gateway ? gateway_after(ip, route) : NULL;
	if (!next)
		return;
	ip_rule(ip, RULE_NEXT_HOP_CHANGED, local, remote, next->interface);
	ip->next_hops[next_hop_place(ip, to)] =
		(struct next_hop){ to, next->gateway, ip->now + IP_NEXT_HOP_KEEP_NS };
}

void gateway_silent(struct ip *ip)
{
	if (ip->gateways > 1 && ip->gateways_again == TIME_NEVER)
		ip->gateways_again = ip->now + IP_GATEWAY_AGAIN_NS;
}

void gateways_ask(struct ip *ip)
{
	bool any = false;

	for (uint32_t i = 0; i < ip->route_count; i++) {
		const struct route *route = &ip->routes[i];
		struct address gateway = address_v4(route->gateway);
		struct mac mac;

		if (route->gateway == 0 || !is_dead(ip, route))
			continue;
		any = true;
		trace_count(ip->trace, RULE_GATEWAY_ASKED);
		neighbour_resolve(ip, route->interface, &gateway, &mac, NULL);
	}
	ip->gateways_again = any ? ip->now + IP_GATEWAY_AGAIN_NS : TIME_NEVER;
}
