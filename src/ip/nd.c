/* SPDX-License-Identifier: MIT */
/*
 * Neighbour solicitations and advertisements (RFC 4861 §7), by the cache of neighbour.c.
 *
 * The states there are those of §7.3.2: STALE is REACHABLE past its time, FAILED is no entry at all but for
 * the pause until it is asked again.  A solicitation enters who sent it as STALE; an advertisement changes
 * entries and never makes one.  No proxies, no anycast addresses; no router.
 */
#include <string.h>

#include "ip/state.h"

#define TARGET_AT  8u           /* in both messages */
#define DISCOVERY_HOP_LIMIT 255u

static struct address target_of(const struct icmp6 *message)
{
	struct address target;

	memcpy(target.bytes, message->bytes + TARGET_AT, 16);
	return target;
}

/* What both must have: length, a unicast target, sound options. */
static bool message_is_sound(const struct icmp6 *message, struct nd_options *options)
{
	struct address target;

	if (message->length < ND_SOLICITATION_BYTES)
		return false;
	target = target_of(message);
	return !address_is_multicast(&target) && nd_options_parse(options, message->bytes + ND_SOLICITATION_BYTES,
								  message->length - ND_SOLICITATION_BYTES);
}

static bool mac_is_host(const struct mac *mac)
{
	static const struct mac none;

	return !mac_is_group(mac) && !mac_eq(mac, &none);
}

/* An address of the interface in any state; NULL: none. */
static struct address6 *address6_any(struct interface6 *six, const struct address *address)
{
	for (unsigned i = 0; i < six->address_count; i++)
		if (address_eq(&six->addresses[i].address, address))
			return &six->addresses[i];
	return NULL;
}

/* ---- solicitations */

/* §7.2.4: to who asked, or to all when it does not say who it is. */
static void advertise(struct ip *ip, const struct ip_datagram *datagram, const struct address *target)
{
	const struct interface *interface = &ip->interfaces[datagram->interface];
	bool probe = address_is_any(&datagram->source);
	struct address to = probe ? address_all_nodes() : datagram->source;
	struct ip_route route = { .local = *target, .interface = datagram->interface, .mtu = interface->six.mtu,
				  .next_hop = to };
	uint8_t head[ICMP6_HEADER_BYTES] = { ICMP6_NEIGHBOUR_ADVERTISEMENT }, tail[16 + ND_MAC_OPTION_BYTES];

	store_be32(head + 4, ND_ADVERT_OVERRIDE | (probe ? 0 : ND_ADVERT_SOLICITED));
	memcpy(tail, target->bytes, 16);
	nd_mac_emit(tail + 16, ND_OPTION_TARGET_MAC, &interface->mac);
	if (reply_send_by(ip, &route, &to, 0, DISCOVERY_HOP_LIMIT, head, tail, sizeof(tail)))
		trace_count(ip->trace, RULE_ND_ANSWERED);
}

/* §7.2.3: who asks is entered or, with another address than known, not trusted. */
static void solicitor_note(struct ip *ip, const struct ip_datagram *datagram, const struct mac *mac)
{
	struct neighbour *neighbour = neighbour_find(ip, datagram->interface, &datagram->source);

	if (!neighbour)
		neighbour_learn(ip, datagram->interface, &datagram->source, mac);
	else if (neighbour->state == NEIGHBOUR_INCOMPLETE || neighbour->state == NEIGHBOUR_FAILED ||
		 !mac_eq(&neighbour->mac, mac))
		neighbour_set(ip, neighbour, mac, false);
}

/* Somebody asks for an address that we want too, before anybody has it: §5.4.3 of RFC 4862. */
static void tentative_solicited(struct ip *ip, const struct ip_datagram *datagram, struct address6 *address)
{
	if (address_is_any(&datagram->source) && address->state == ADDRESS6_TENTATIVE)
		address6_duplicate(ip, datagram->interface, address);
	else
		trace_count(ip->trace, RULE_ND_OTHER_TARGET);   /* who asks for its link address does not get it */
}

void nd_solicitation_input(struct ip *ip, const struct ip_datagram *datagram, const struct icmp6 *message)
{
	struct interface6 *six = &ip->interfaces[datagram->interface].six;
	bool probe = address_is_any(&datagram->source);
	struct nd_options options;
	struct address target, group;
	struct address6 *ours;

	if (!message_is_sound(message, &options)) {
		trace_count(ip->trace, RULE_ND_BAD);
		return;
	}
	target = target_of(message);
	group = address_solicited_node(&target);
	if ((probe && (options.has_source_mac || !address_eq(&datagram->destination, &group))) ||
	    (options.has_source_mac && !mac_is_host(&options.source_mac))) {
		trace_count(ip->trace, RULE_ND_BAD);
		return;
	}
	ours = address6_any(six, &target);
	if (!ours || ours->state == ADDRESS6_DUPLICATE || six->disabled) {
		trace_count(ip->trace, RULE_ND_OTHER_TARGET);
		return;
	}
	if (!address6_is_assigned(ours)) {
		tentative_solicited(ip, datagram, ours);
		return;
	}
	if (options.has_source_mac)
		solicitor_note(ip, datagram, &options.source_mac);
	advertise(ip, datagram, &target);
}

/* ---- advertisements */

/* §7.2.5, of an entry with a link address. */
static void resolved_advertised(struct ip *ip, struct neighbour *neighbour, const struct icmp6 *message,
				const struct nd_options *options)
{
	bool solicited = message->rest & ND_ADVERT_SOLICITED, override = message->rest & ND_ADVERT_OVERRIDE;
	const struct mac *mac = options->has_target_mac ? &options->target_mac : &neighbour->mac;
	bool same = mac_eq(mac, &neighbour->mac);
	bool router = message->rest & ND_ADVERT_ROUTER;

	if (!override && !same) {
		trace_count(ip->trace, RULE_ND_NO_OVERRIDE);
		neighbour_doubt(ip, neighbour);
		return;
	}
	if (solicited || !same)
		neighbour_set(ip, neighbour, mac, solicited);
	if (neighbour->is_router && !router)
		router_forget(ip, neighbour->interface, &neighbour->address);
	neighbour->is_router = router;
}

void nd_advertisement_input(struct ip *ip, const struct ip_datagram *datagram, const struct icmp6 *message)
{
	struct interface6 *six = &ip->interfaces[datagram->interface].six;
	struct neighbour *neighbour;
	struct nd_options options;
	struct address target;
	struct address6 *ours;

	if (!message_is_sound(message, &options) ||
	    (address_is_multicast(&datagram->destination) && (message->rest & ND_ADVERT_SOLICITED)) ||
	    (options.has_target_mac && !mac_is_host(&options.target_mac))) {
		trace_count(ip->trace, RULE_ND_BAD);
		return;
	}
	target = target_of(message);
	ours = address6_any(six, &target);
	if (ours && ours->state == ADDRESS6_TENTATIVE) {
		address6_duplicate(ip, datagram->interface, ours);
		return;
	}
	if (ours) {
		ip_rule(ip, RULE_ND_CONFLICT, &target, &datagram->source, datagram->interface);
		return;
	}
	neighbour = neighbour_find(ip, datagram->interface, &target);
	if (!neighbour || neighbour->state == NEIGHBOUR_FAILED) {
		trace_count(ip->trace, RULE_ND_UNSOLICITED);
		return;
	}
	if (neighbour->state != NEIGHBOUR_INCOMPLETE) {
		resolved_advertised(ip, neighbour, message, &options);
		return;
	}
	if (!options.has_target_mac) {
		trace_count(ip->trace, RULE_ND_BAD);    /* says nothing that was asked */
		return;
	}
	neighbour->is_router = message->rest & ND_ADVERT_ROUTER;
	neighbour_set(ip, neighbour, &options.target_mac, message->rest & ND_ADVERT_SOLICITED);
}

/* ---- what we ask */

static uint32_t solicitation_finish(struct ip *ip, uint8_t number, uint8_t *payload, const struct address *target,
				    bool with_mac)
{
	uint32_t bytes = ND_SOLICITATION_BYTES;

	memset(payload, 0, ICMP6_HEADER_BYTES);
	payload[0] = ICMP6_NEIGHBOUR_SOLICITATION;
	memcpy(payload + TARGET_AT, target->bytes, 16);
	if (with_mac)
		bytes += nd_mac_emit(payload + bytes, ND_OPTION_SOURCE_MAC, &ip->interfaces[number].mac);
	return link6_finish(ip, number, payload, bytes);
}

uint32_t nd_write_request(struct ip *ip, struct neighbour *neighbour, uint8_t *number)
{
	bool unicast = neighbour->state == NEIGHBOUR_PROBE;
	const struct address *source = select6_source(ip, neighbour->interface, &neighbour->address);
	struct address to = unicast ? neighbour->address : address_solicited_node(&neighbour->address);
	uint8_t *payload;

	*number = neighbour->interface;
	neighbour->request_queued = false;
	list_remove(&ip->neighbours.requests, neighbour);
	if (!source)
		return 0;               /* none is assigned any more */
	trace_count(ip->trace, RULE_ND_REQUESTED);
	payload = link6_begin(ip, *number, unicast ? &neighbour->mac : NULL, source, &to, DISCOVERY_HOP_LIMIT, false);
	return solicitation_finish(ip, *number, payload, &neighbour->address, true);
}

uint32_t nd_write_probe(struct ip *ip, uint8_t number, struct address6 *address)
{
	static const struct address any;
	struct address to = address_solicited_node(&address->address);
	uint8_t *payload = link6_begin(ip, number, NULL, &any, &to, DISCOVERY_HOP_LIMIT, false);

	address->solicit_ready = false;
	address->dad_until = ip->now + ip->interfaces[number].six.retrans_ns;
	trace_count(ip->trace, RULE_DAD_ASKED);
	return solicitation_finish(ip, number, payload, &address->address, false);
}
