/* SPDX-License-Identifier: MIT */
/*
 * Interfaces and their addresses.  The weak host model of RFC 1122 §3.3.4.2: an IPv4 address is ours whatever
 * interface a packet uses.  Each interface gives a route to its subnet, and one to everything else: by its gateway,
 * or on the link itself when it has none.  What IPv6 makes of an interface is in address6.c.
 */
#include <errno.h>
#include <string.h>

#include "ip/state.h"

static bool is_no_unicast(uint32_t address)
{
	return address >= 0xe0000000u;          /* multicast, reserved, limited broadcast */
}

bool address_is_no_host(uint32_t address)
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
		if (ip->interfaces[i].address == address && address != 0)
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

/* IPv4's part of a new interface; -EINVAL. */
static int ipv4_configure(struct interface *interface, const struct eleven_interface *given, uint32_t *gateway)
{
	struct address address = address_given(&given->address), next = address_given(&given->gateway);

	if (!address_is_v4(&address) || given->prefix_bits > 32)
		return -EINVAL;
	interface->address = address_v4_value(&address);
	interface->mask = given->prefix_bits == 0 ? 0 : UINT32_MAX << (32 - given->prefix_bits);
	if (address_is_no_host(interface->address) || route_is_subnet_broadcast(interface, interface->address))
		return -EINVAL;
	*gateway = address_is_any(&next) ? 0 : address_v4_value(&next);
	if (*gateway != 0 && (!address_is_v4(&next) || address_is_no_host(*gateway) ||
			      *gateway == interface->address || route_is_subnet_broadcast(interface, *gateway)))
		return -EINVAL;
	return 0;
}

static void ipv4_routes(struct ip *ip, const struct interface *interface, uint32_t gateway)
{
	uint8_t number = (uint8_t)ip->interface_count;

	if (interface->mask != 0)
		route_enter(ip, (struct route){ interface->address & interface->mask, interface->mask, 0,
						interface->given.prefix_bits, number });
	route_enter(ip, (struct route){ .gateway = interface->mask == 0 ? 0 : gateway, .interface = number });
}

/* What an interface may have as its IPv6 address. */
static bool is_host6(const struct address *address, uint8_t prefix_bits)
{
	return !address_is_v4(address) && !address_is_any(address) && !address_is_loopback(address) &&
	       !address_is_multicast(address) && prefix_bits > 0 && prefix_bits <= 128;
}

/* IPv6's part. */
static int ipv6_configure(struct ip *ip, uint8_t number, const struct eleven_interface *given)
{
	struct address address = address_given(&given->address6), gateway = address_given(&given->gateway6);
	int error = 0;

	interface6_start(ip, number, given->autoconfigure);
	if (!address_is_any(&address))
		error = address6_add(ip, number, &address, given->prefix6_bits, true, 0);
	if (!error && !address_is_any(&gateway))
		error = route6_add(ip, number, &gateway, 0, &gateway);
	return error;
}

static bool wants_ipv6(const struct eleven_interface *given)
{
	struct address address = address_given(&given->address6);

	return given->autoconfigure || !address_is_any(&address);
}

/* All that can be said of the arguments alone. */
static int interface_check(const struct eleven_interface *given)
{
	struct address address6 = address_given(&given->address6), gateway6 = address_given(&given->gateway6);

	if (given->mtu < 68 || given->mtu > UINT16_MAX)
		return -EINVAL;
	if (given->kind != ELEVEN_LINK_IP && given->kind != ELEVEN_LINK_ETHERNET)
		return -EINVAL;
	if (!address_is_any(&address6) && !is_host6(&address6, given->prefix6_bits))
		return -EINVAL;
	if (!wants_ipv6(given))
		return address_is_any(&gateway6) ? 0 : -EINVAL;
	return given->mtu < IPV6_MTU_LEAST ? -EINVAL : 0;
}

int ip_interface_add(struct ip *ip, const struct eleven_interface *given)
{
	static const struct interface none;
	struct interface interface = { .given = *given };
	struct address address = address_given(&given->address);
	bool six = wants_ipv6(given), four = !six || address_is_v4(&address) || !address_is_any(&address);
	uint32_t gateway = 0;
	int error = interface_check(given);

	if (!error && four)
		error = ipv4_configure(&interface, given, &gateway);
	memcpy(interface.mac.bytes, given->mac, sizeof(interface.mac.bytes));
	if (error || (given->kind == ELEVEN_LINK_ETHERNET && !mac_is_usable(&interface.mac)))
		return -EINVAL;
	if (interface_of(ip, interface.address))
		return -EEXIST;
	if (ip->interface_count == IP_INTERFACES_MAX || ip->route_count + 2 > IP_ROUTES_MAX)
		return -ENOSPC;
	if (given->kind == ELEVEN_LINK_ETHERNET && four)
		arp_start(ip, &interface);
	ip->interfaces[ip->interface_count] = interface;
	if (six) {
		error = ipv6_configure(ip, (uint8_t)ip->interface_count, given);
		if (error) {
			ip->interfaces[ip->interface_count] = none;
			return error;
		}
		ip->six = true;
	}
	if (four)
		ipv4_routes(ip, &interface, gateway);
	return (int)ip->interface_count++;
}

int ip_address_add(struct ip *ip, unsigned number, const struct address *address, uint8_t prefix_bits, uint64_t now)
{
	ip_clock(ip, now);
	if (number >= ip->interface_count || !is_host6(address, prefix_bits) ||
	    ip->interfaces[number].given.mtu < IPV6_MTU_LEAST)
		return -EINVAL;
	interface6_start(ip, (uint8_t)number, false);
	ip->six = true;
	return address6_add(ip, (uint8_t)number, address, prefix_bits, true, 0);
}

bool ip_address_next(const struct ip *ip, unsigned number, unsigned *cursor, struct eleven_interface_address *out)
{
	const struct interface6 *six = &ip->interfaces[number % IP_INTERFACES_MAX].six;
	static const uint8_t states[] = {
		[ADDRESS6_TENTATIVE] = ELEVEN_ADDRESS_TENTATIVE, [ADDRESS6_PREFERRED] = ELEVEN_ADDRESS_PREFERRED,
		[ADDRESS6_DEPRECATED] = ELEVEN_ADDRESS_DEPRECATED, [ADDRESS6_DUPLICATE] = ELEVEN_ADDRESS_DUPLICATE,
	};

	if (number >= ip->interface_count || *cursor >= six->address_count)
		return false;
	memcpy(out->address.bytes, six->addresses[*cursor].address.bytes, 16);
	out->prefix_bits = six->addresses[*cursor].prefix_bits;
	out->state = six->disabled ? ELEVEN_ADDRESS_DUPLICATE : states[six->addresses[*cursor].state];
	++*cursor;
	return true;
}

uint32_t ip_mtu6(const struct ip *ip, uint8_t interface)
{
	return interface < ip->interface_count && ip->interfaces[interface].six.on ? ip->interfaces[interface].six.mtu
										   : 0;
}

const struct eleven_interface *ip_interface(const struct ip *ip, uint8_t number)
{
	return number < ip->interface_count ? &ip->interfaces[number].given : NULL;
}

bool ip_is_local(const struct ip *ip, const struct address *address)
{
	if (!address_is_v4(address))
		return address_is_loopback(address) || address6_interface(ip, address) >= 0;
	return address_is_loopback(address) || interface_of(ip, address_v4_value(address));
}

