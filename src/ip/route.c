/* SPDX-License-Identifier: MIT */
/*
 * Interfaces and the way to an address (RFC 1122 §3.3.1): ours, on a link, or by the gateway.
 * The weak host model of §3.3.4.2: an address is ours whatever interface a packet uses.  One
 * gateway an interface; dead ones are not detected, Redirects not heeded.
 */
#include <errno.h>
#include <string.h>

#include "ip/state.h"

static bool is_no_unicast(uint32_t address)
{
	return address >= 0xe0000000u;          /* multicast, reserved, limited broadcast */
}

/* What no host may have: 0/8, 127/8, 224/3. */
static bool is_no_host(uint32_t address)
{
	return address >> 24 == 0 || address >> 24 == 127 || is_no_unicast(address);
}

static bool mac_is_usable(const struct mac *mac)
{
	static const struct mac none;

	return !mac_is_group(mac) && !mac_eq(mac, &none);
}

const struct interface *interface_of(const struct ip *ip, uint32_t address)
{
	for (uint32_t i = 0; i < ip->interface_count; i++)
		if (ip->interfaces[i].address == address)
			return &ip->interfaces[i];
	return NULL;
}

bool route_is_broadcast(const struct ip *ip, uint32_t address)
{
	if (address == UINT32_MAX || address == 0)
		return true;
	for (uint32_t i = 0; i < ip->interface_count; i++)
		if (route_is_subnet_broadcast(&ip->interfaces[i], address))
			return true;
	return false;
}

static struct address address_given(const struct eleven_address *given)
{
	struct address address;

	memcpy(address.bytes, given->bytes, sizeof(address.bytes));
	return address;
}

int ip_interface_add(struct ip *ip, const struct eleven_interface *given)
{
	struct interface interface = { .given = *given };
	struct address address = address_given(&given->address), gateway = address_given(&given->gateway);

	if (!address_is_v4(&address) || given->prefix_bits > 32 || given->mtu < 68 || given->mtu > UINT16_MAX)
		return -EINVAL;
	if (given->kind != ELEVEN_LINK_IP && given->kind != ELEVEN_LINK_ETHERNET)
		return -EINVAL;
	interface.address = address_v4_value(&address);
	interface.mask = given->prefix_bits == 0 ? 0 : UINT32_MAX << (32 - given->prefix_bits);
	memcpy(interface.mac.bytes, given->mac, sizeof(interface.mac.bytes));
	if (is_no_host(interface.address) || route_is_subnet_broadcast(&interface, interface.address))
		return -EINVAL;
	interface.gateway = address_is_any(&gateway) ? 0 : address_v4_value(&gateway);
	if (interface.gateway != 0 &&
	    (!address_is_v4(&gateway) || is_no_host(interface.gateway) || interface.gateway == interface.address ||
	     route_is_subnet_broadcast(&interface, interface.gateway)))
		return -EINVAL;
	if (given->kind == ELEVEN_LINK_ETHERNET && !mac_is_usable(&interface.mac))
		return -EINVAL;
	if (interface_of(ip, interface.address))
		return -EEXIST;
	if (ip->interface_count == IP_INTERFACES_MAX)
		return -ENOSPC;
	if (given->kind == ELEVEN_LINK_ETHERNET) {
		interface.announces_left = IP_ARP_ANNOUNCES;
		interface.announce_at = ip->now;
	}
	ip->interfaces[ip->interface_count] = interface;
	return (int)ip->interface_count++;
}

const struct eleven_interface *ip_interface(const struct ip *ip, uint8_t number)
{
	return number < ip->interface_count ? &ip->interfaces[number].given : NULL;
}

bool ip_is_local(const struct ip *ip, const struct address *address)
{
	if (!address_is_v4(address))
		return false;
	return address_is_loopback(address) || interface_of(ip, address_v4_value(address));
}

/*
 * The interface to `remote`: the longest prefix that has it; else that of `local` or the first
 * with a gateway; else any, for a link without gateway reaches everything.  Ties: that of `local`.
 */
static const struct interface *interface_toward(const struct ip *ip, uint32_t remote, uint32_t local)
{
	const struct interface *best = NULL;
	unsigned best_rank = 0;

	for (uint32_t i = 0; i < ip->interface_count; i++) {
		const struct interface *interface = &ip->interfaces[i];
		unsigned rank = interface->gateway ? 4 : 2;

		if (((remote ^ interface->address) & interface->mask) == 0 && interface->mask != 0)
			rank = 8 + 2u * interface->given.prefix_bits;
		if (interface->address == local)
			rank += rank >= 8 ? 1 : 3;
		if (rank > best_rank) {
			best_rank = rank;
			best = interface;
		}
	}
	return best;
}

uint32_t route_next_hop(const struct interface *interface, uint32_t remote)
{
	bool on_link = interface->gateway == 0 || ((remote ^ interface->address) & interface->mask) == 0;

	return on_link ? remote : interface->gateway;
}

/* Inside the stack: to 127.0.0.0/8 from 127.0.0.1, to our own address from that address, unless one is chosen. */
static int route_loopback(const struct address *remote, const struct address *chosen, struct ip_route *route)
{
	*route = (struct ip_route){ *remote, IP_LOOPBACK, true, IP_LOOPBACK_MTU };
	if (chosen)
		route->local = *chosen;
	else if (address_is_loopback(remote))
		route->local = address_v4(0x7f000001);
	return 0;
}

int ip_route(const struct ip *ip, const struct address *remote, const struct address *local, struct ip_route *route)
{
	const struct interface *interface;
	uint32_t to, from = 0;

	if (local && address_is_any(local))
		local = NULL;
	if (local && !ip_is_local(ip, local))
		return -EADDRNOTAVAIL;
	if (!address_is_v4(remote))
		return address_is_any(remote) || address_is_multicast(remote) ? -EINVAL : -ENETUNREACH;
	to = address_v4_value(remote);
	if (to >> 24 == 127 || interface_of(ip, to))
		return route_loopback(remote, local, route);
	if (local)
		from = address_v4_value(local);
	if (is_no_host(to) || route_is_broadcast(ip, to) || from >> 24 == 127)
		return -EINVAL;
	interface = interface_toward(ip, to, from);
	if (!interface)
		return -ENETUNREACH;
	*route = (struct ip_route){ local ? *local : address_v4(interface->address),
				    (uint8_t)(interface - ip->interfaces), false, interface->given.mtu };
	return 0;
}
