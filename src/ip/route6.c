/* SPDX-License-Identifier: MIT */
/*
 * The way to an IPv6 address (RFC 4861 §5.2, RFC 4191 §3.2): inside the stack, on a link, or by a router.
 *
 * On a link is what has a prefix that configuration or a router put there; a point-to-point link without routers
 * reaches everything.  Nothing else is taken to be on a link (RFC 5942).  Of routes the longest wins, then the
 * preferred, then who is not known to be silent (§6.3.6): of routers that are all silent each is tried in turn.
 */
#include <errno.h>
#include <string.h>

#include "ip/state.h"

bool route6_is_on_link(const struct interface6 *six, const struct address *remote)
{
	if (address_is_link_local(remote))
		return true;
	for (unsigned i = 0; i < six->prefix_count; i++)
		if (address_in_prefix(remote, &six->prefixes[i].prefix, six->prefixes[i].bits))
			return true;
	return false;
}

/* How long a prefix of the interface has the address; -1: none. */
static int on_link_bits(const struct interface6 *six, const struct address *remote)
{
	int bits = -1;

	for (unsigned i = 0; i < six->prefix_count; i++)
		if (six->prefixes[i].bits > bits &&
		    address_in_prefix(remote, &six->prefixes[i].prefix, six->prefixes[i].bits))
			bits = six->prefixes[i].bits;
	return bits;
}

/* A router that was asked and has not answered since.  One that nobody has asked yet may well be there. */
static bool is_silent(const struct ip *ip, uint8_t number, const struct address *router)
{
	const struct neighbour *neighbour;

	if (ip->interfaces[number].given.kind != ELEVEN_LINK_ETHERNET)
		return false;
	neighbour = neighbour_find(ip, number, router);
	return neighbour && neighbour->silent;
}

/* A way by a router. */
struct way6 {
	const struct address *router;
	int bits;                       /* of the prefix; 0 of a default router; -1: none */
	int preference;
	bool silent;
};

/* RFC 4191 §3.2: reachability before length would flap, so a silent router yields only to one of the same length. */
static bool way_is_better(const struct way6 *a, const struct way6 *b)
{
	if (a->bits != b->bits)
		return a->bits > b->bits;
	if (a->silent != b->silent)
		return b->silent;
	return !a->silent && a->preference > b->preference;
}

static struct way6 best_way(const struct ip *ip, uint8_t number, const struct address *remote)
{
	const struct interface6 *six = &ip->interfaces[number].six;
	struct way6 best = { .bits = -1 };

	for (unsigned i = 0; i < six->route_count; i++) {
		const struct route6 *route = &six->routes[i];
		struct way6 way = { &route->router, route->bits, route->preference,
				    is_silent(ip, number, &route->router) };

		if (address_in_prefix(remote, &route->prefix, route->bits) && way_is_better(&way, &best))
			best = way;
	}
	for (unsigned k = 0; k < six->router_count; k++) {
		const struct router6 *router = &six->routers[(k + six->router_turn) % six->router_count];
		struct way6 way = { &router->address, 0, router->preference, is_silent(ip, number, &router->address) };

		if (way_is_better(&way, &best))
			best = way;
	}
	return best;
}

bool route6_first_hop(const struct ip *ip, uint8_t number, const struct address *remote, struct address *first_hop)
{
	const struct interface *interface = &ip->interfaces[number];
	struct way6 way;

	*first_hop = *remote;
	if (address_is_multicast(remote))
		return true;
	for (unsigned i = 0; i < IP6_REDIRECTS_MAX; i++) {
		const struct redirect6 *redirect = &ip->redirects[i];

		if (redirect->used && redirect->interface == number && address_eq(&redirect->destination, remote) &&
		    !is_silent(ip, number, &redirect->first_hop)) {
			*first_hop = redirect->first_hop;
			return true;
		}
	}
	if (route6_is_on_link(&interface->six, remote))
		return true;
	way = best_way(ip, number, remote);
	if (way.bits >= 0) {
		*first_hop = *way.router;
		return true;
	}
	return interface->given.kind == ELEVEN_LINK_IP;
}

/* Of those that speak IPv6, the one whose way is best; that of `local` where two are equal. */
static int interface_toward6(const struct ip *ip, const struct address *remote, int owner)
{
	int best = -1, best_rank = -1;

	for (uint8_t i = 0; i < ip->interface_count; i++) {
		const struct interface *interface = &ip->interfaces[i];
		struct way6 way = { .bits = -1 };
		int rank = -1, bits = on_link_bits(&interface->six, remote);

		if (!interface->six.on || interface->six.disabled)
			continue;
		if (bits < 0)
			way = best_way(ip, i, remote);
		if (bits >= 0 || way.bits > 0)
			rank = 8 * (bits >= 0 ? bits + 1 : way.bits + 1) + 8;
		else if (way.bits == 0)
			rank = 8 + 2 * (way.preference + 1) - 6 * way.silent;
		else if (interface->given.kind == ELEVEN_LINK_IP)
			rank = 1;
		if (rank >= 0 && i == owner)
			rank += rank < 16 ? 7 : 1;
		if (rank > best_rank) {
			best_rank = rank;
			best = i;
		}
	}
	return best;
}

/* Of a link-local address only its own link will do: that of `local`, or the only one there is. */
static int interface_of_link(const struct ip *ip, int owner)
{
	int only = -1;

	if (owner >= 0)
		return owner;
	for (uint32_t i = 0; i < ip->interface_count; i++) {
		if (!ip->interfaces[i].six.on)
			continue;
		if (only >= 0)
			return -1;
		only = (int)i;
	}
	return only;
}

static int route6_loopback(const struct address *remote, const struct address *chosen, struct ip_route *route)
{
	if (chosen && address_is_loopback(chosen) && !address_is_loopback(remote))
		return -EINVAL;
	*route = (struct ip_route){ .local = chosen ? *chosen : *remote, .interface = IP_LOOPBACK, .loopback = true,
				    .mtu = IP_LOOPBACK_MTU };
	return 0;
}

int route6_find(const struct ip *ip, const struct address *remote, const struct address *local, int by,
		struct ip_route *route)
{
	int number, owner = by;
	const struct address *source;

	if (address_is_any(remote) || address_is_multicast(remote))
		return -EINVAL;
	if (address_is_loopback(remote) || address6_interface(ip, remote) >= 0)
		return route6_loopback(remote, local, route);
	if (local && address_is_loopback(local))
		return -EINVAL;
	if (local && owner < 0)
		owner = address6_interface(ip, local);
	if (address_is_link_local(remote))
		number = interface_of_link(ip, owner);
	else if (by >= 0 || (local && address_is_link_local(local)))
		number = owner;
	else
		number = interface_toward6(ip, remote, owner);
	if (number < 0)
		return address_is_link_local(remote) ? -EINVAL : -ENETUNREACH;
	*route = (struct ip_route){ .interface = (uint8_t)number, .mtu = ip->interfaces[number].six.mtu };
	if (number >= (int)ip->interface_count || !ip->interfaces[number].six.on ||
	    !route6_first_hop(ip, (uint8_t)number, remote, &route->next_hop))
		return -ENETUNREACH;
	source = local ? local : select6_source(ip, (uint8_t)number, remote);
	if (!source)
		return -EADDRNOTAVAIL;
	route->local = *source;
	return 0;
}

/* A machine that may be a router on this link. */
static bool may_be_router(const struct ip *ip, uint8_t number, const struct address *router)
{
	const struct interface6 *six = &ip->interfaces[number].six;

	if (address_is_v4(router) || address_is_any(router) || address_is_multicast(router) ||
	    address_is_loopback(router))
		return false;
	for (unsigned i = 0; i < six->address_count; i++)
		if (address_eq(&six->addresses[i].address, router))
			return false;
	return true;
}

int route6_add(struct ip *ip, uint8_t number, const struct address *prefix, uint8_t bits, const struct address *router)
{
	struct interface6 *six = &ip->interfaces[number].six;

	if (!may_be_router(ip, number, router))
		return -EINVAL;
	if (!route6_is_on_link(six, router))
		return -ENETUNREACH;
	if (bits == 0) {
		for (unsigned i = 0; i < six->router_count; i++)
			if (address_eq(&six->routers[i].address, router))
				return -EEXIST;
		if (six->router_count == IP6_ROUTERS_MAX)
			return -ENOSPC;
		six->routers[six->router_count++] = (struct router6){ *router, true, 0, TIME_NEVER };
		return 0;
	}
	for (unsigned i = 0; i < six->route_count; i++)
		if (six->routes[i].bits == bits && address_eq(&six->routes[i].prefix, prefix) &&
		    address_eq(&six->routes[i].router, router))
			return -EEXIST;
	if (six->route_count == IP6_ROUTES_MAX)
		return -ENOSPC;
	six->routes[six->route_count++] = (struct route6){ *prefix, *router, bits, 0, TIME_NEVER };
	return 0;
}

int route6_given(struct ip *ip, const struct address *prefix, uint8_t bits, const struct address *router)
{
	int number = -1;

	if (bits > 128 ||
	    (bits > 0 && (address_is_v4(prefix) || address_is_any(prefix) || address_is_multicast(prefix))))
		return -EINVAL;
	if (address_is_link_local(router))
		number = interface_of_link(ip, -1);
	for (uint32_t i = 0; number < 0 && i < ip->interface_count; i++)
		if (ip->interfaces[i].six.on && !address_is_link_local(router) &&
		    on_link_bits(&ip->interfaces[i].six, router) >= 0)
			number = (int)i;
	if (number < 0)
		return -ENETUNREACH;
	return route6_add(ip, (uint8_t)number, prefix, bits, router);
}
