/* SPDX-License-Identifier: MIT */
/*
 * IPv6 addresses of interfaces (RFC 4862): how they come, are tried, grow old and go.
 *
 * Every interface that speaks IPv6 has a link-local address, made as RFC 7217 makes stable ones: a keyed hash of
 * prefix, link address and a count of duplicates, which is the same after every start if the secret is
 * (stable_secret) and tells nothing of the hardware.  On Ethernet an address is tentative until a
 * solicitation has gone unanswered for RetransTimer: neither spoken from nor answered for.  A duplicate of an address
 * by a router's prefix is followed by another one, DUPLICATES_MAX times; one of the link-local address ends IPv6 on the
 * interface (§5.4.5).
 */
#include <errno.h>
#include <string.h>

#include "ip/state.h"

#define DUPLICATES_MAX 3u               /* RFC 7217 §7 IDGEN_RETRIES */
#define LINK_PREFIX_BITS 64u

static const struct address link_prefix = { { 0xfe, 0x80 } };

struct address address6_stable(const struct ip *ip, uint8_t number, const struct address *prefix, uint8_t duplicates)
{
	const struct interface *interface = &ip->interfaces[number];
	struct address address = *prefix;
	uint8_t bytes[8 + 6 + 2];
	uint64_t identifier;

	memcpy(bytes, prefix->bytes, 8);
	memcpy(bytes + 8, interface->mac.bytes, 6);
	bytes[14] = interface->given.kind == ELEVEN_LINK_ETHERNET ? 0 : number;
	bytes[15] = duplicates;
	identifier = siphash(&ip->stable_key, bytes, sizeof(bytes));
	memcpy(address.bytes + 8, &identifier, 8);
	if (identifier == 0)            /* the routers' anycast address: RFC 4291 §2.6.1 */
		address.bytes[15] = 1;
	return address;
}

void interface6_start(struct ip *ip, uint8_t number, bool autoconfigure)
{
	struct interface6 *six = &ip->interfaces[number].six;
	struct address address;

	if (!six->on) {
		six->on = true;
		six->hop_limit = IP6_HOP_LIMIT;
		six->mtu = ip->interfaces[number].given.mtu;
		six->reachable_base_ns = six->reachable_ns = IP6_REACHABLE_NS;
		six->retrans_ns = IP6_RETRANS_NS;
		six->solicit_at = six->report_at = TIME_NEVER;
		address = address6_stable(ip, number, &link_prefix, 0);
		address6_add(ip, number, &address, LINK_PREFIX_BITS, true, 0);
	}
	if (autoconfigure && !six->autoconfigure) {
		six->autoconfigure = true;
		router_solicit(ip, number);
	}
}

static void prefix_of_address(struct interface6 *six, const struct address *address, uint8_t bits)
{
	unsigned i = 0;

	if (bits == 128 || address_is_link_local(address))
		return;
	while (i < six->prefix_count && !(six->prefixes[i].bits == bits &&
	       address_in_prefix(address, &six->prefixes[i].prefix, bits)))
		i++;
	if (i == IP6_PREFIXES_MAX)
		return;
	if (i == six->prefix_count)
		six->prefix_count++;
	six->prefixes[i] = (struct prefix6){ *address, bits, true, TIME_NEVER };
}

int address6_add(struct ip *ip, uint8_t number, const struct address *address, uint8_t prefix_bits, bool configured,
		 uint8_t duplicates)
{
	struct interface *interface = &ip->interfaces[number];
	struct interface6 *six = &interface->six;
	bool ask = interface->given.kind == ELEVEN_LINK_ETHERNET;

	for (unsigned i = 0; i < ip->interface_count || i <= number; i++)
		for (unsigned k = 0; k < ip->interfaces[i].six.address_count; k++)
			if (address_eq(&ip->interfaces[i].six.addresses[k].address, address))
				return -EEXIST;
	if (six->address_count == IP6_ADDRESSES_MAX)
		return -ENOSPC;
	six->addresses[six->address_count++] = (struct address6){
		.address = *address, .prefix_bits = prefix_bits, .configured = configured, .duplicates = duplicates,
		.state = ask ? ADDRESS6_TENTATIVE : ADDRESS6_PREFERRED, .solicit_ready = ask,
		.preferred_until = TIME_NEVER, .valid_until = TIME_NEVER,
	};
	if (configured)
		prefix_of_address(six, address, prefix_bits);
	mld_changed(ip, number);
	return 0;
}

struct address6 *address6_on(struct interface6 *six, const struct address *address)
{
	for (unsigned i = 0; i < six->address_count; i++)
		if (address6_is_assigned(&six->addresses[i]) && address_eq(&six->addresses[i].address, address))
			return six->disabled ? NULL : &six->addresses[i];
	return NULL;
}

int address6_interface(const struct ip *ip, const struct address *address)
{
	for (uint32_t i = 0; i < ip->interface_count; i++)
		if (address6_on((struct interface6 *)&ip->interfaces[i].six, address))
			return (int)i;
	return -1;
}

static void address6_remove(struct ip *ip, uint8_t number, struct address6 *address)
{
	struct interface6 *six = &ip->interfaces[number].six;

	*address = six->addresses[--six->address_count];
	mld_changed(ip, number);
}

void address6_duplicate(struct ip *ip, uint8_t number, struct address6 *address)
{
	struct interface6 *six = &ip->interfaces[number].six;
	struct address6 was = *address;
	struct address next;

	ip_rule(ip, RULE_DAD_DUPLICATE, &was.address, &was.address, number);
	address->state = ADDRESS6_DUPLICATE;
	address->solicit_ready = false;
	if (address == &six->addresses[0]) {
		ip_rule(ip, RULE_DAD_DISABLED, &was.address, &was.address, number);
		six->disabled = true;
		return;
	}
	if (was.configured || was.duplicates == DUPLICATES_MAX)
		return;
	next = address6_stable(ip, number, &was.address, (uint8_t)(was.duplicates + 1));
	address6_remove(ip, number, address);
	if (address6_add(ip, number, &next, was.prefix_bits, false, (uint8_t)(was.duplicates + 1)) == 0) {
		address = &six->addresses[six->address_count - 1];
		address->preferred_until = was.preferred_until;
		address->valid_until = was.valid_until;
	}
}

/* What is due of one; false: it is gone. */
static bool address6_step(struct ip *ip, uint8_t number, struct address6 *address)
{
	if (address->valid_until <= ip->now) {
		ip_rule(ip, RULE_ADDRESS_INVALID, &address->address, &address->address, number);
		address6_remove(ip, number, address);
		return false;
	}
	if (address->state == ADDRESS6_TENTATIVE && address->dad_until != 0 && address->dad_until <= ip->now) {
		ip_rule(ip, RULE_DAD_ASSIGNED, &address->address, &address->address, number);
		address->state = ADDRESS6_PREFERRED;
		ip->neighbours.epoch++;
	}
	if (address->state == ADDRESS6_PREFERRED && address->preferred_until <= ip->now) {
		ip_rule(ip, RULE_ADDRESS_DEPRECATED, &address->address, &address->address, number);
		address->state = ADDRESS6_DEPRECATED;
	} else if (address->state == ADDRESS6_DEPRECATED && address->preferred_until > ip->now) {
		address->state = ADDRESS6_PREFERRED;
	}
	return true;
}

void address6_timers(struct ip *ip)
{
	for (uint8_t i = 0; i < ip->interface_count; i++) {
		struct interface6 *six = &ip->interfaces[i].six;

		for (unsigned k = 0; k < six->address_count;)
			if (address6_step(ip, i, &six->addresses[k]))
				k++;
		for (unsigned k = 0; k < six->prefix_count;) {
			if (six->prefixes[k].until <= ip->now)
				six->prefixes[k] = six->prefixes[--six->prefix_count];
			else
				k++;
		}
	}
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t address6_deadline(const struct ip *ip)
{
	uint64_t deadline = TIME_NEVER;

	for (uint32_t i = 0; i < ip->interface_count; i++) {
		const struct interface6 *six = &ip->interfaces[i].six;

		for (unsigned k = 0; k < six->address_count; k++) {
			const struct address6 *address = &six->addresses[k];

			deadline = least(deadline, address->valid_until);
			if (address->state == ADDRESS6_PREFERRED)
				deadline = least(deadline, address->preferred_until);
			if (address->state == ADDRESS6_TENTATIVE && address->dad_until != 0)
				deadline = least(deadline, address->dad_until);
		}
		for (unsigned k = 0; k < six->prefix_count; k++)
			deadline = least(deadline, six->prefixes[k].until);
	}
	return deadline;
}
