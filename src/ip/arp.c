/* SPDX-License-Identifier: MIT */
/*
 * ARP (RFC 826): what neighbours say and ask, and what we do.  Reception is in the RFC's order:
 * is it ours to understand; does it change what we know of the sender; does it ask for us.
 *
 * Address conflicts, RFC 5227 §2.4 (c): an address in use here is never given up; a conflicting
 * packet is answered with an announcement, once in DEFEND_INTERVAL.  A new interface announces
 * itself twice (§2.3).  With address_probes it asks before whether the address is free (§2.1): until that is
 * known nothing is sent from it, taken for it or said of it.  If somebody has it, it is asked for again in a
 * minute: an address that a person gave is not exchanged for another.
 */
#include <string.h>

#include "ip/state.h"

static const struct mac broadcast = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };

/* Neither any, nor broadcast, multicast or loopback; and reached on this link. */
static bool sender_is_usable(const struct ip *ip, uint8_t number, const struct arp *packet)
{
	static const struct mac none;
	uint32_t sender = address_v4_value(&packet->sender);

	if (mac_is_group(&packet->sender_mac) || mac_eq(&packet->sender_mac, &none))
		return false;
	if (sender == 0)
		return true;            /* a probe, RFC 5227 §2.1 */
	if (sender >> 24 == 0 || sender >> 24 == 127 || sender >= 0xe0000000u || route_is_broadcast(ip, sender))
		return false;
	return route_is_neighbour(ip, number, sender);
}

static void arp_answer(struct ip *ip, uint8_t interface, const struct arp *packet)
{
	struct arp_reply *reply;

	if (ip->arp_count == IP_ARP_REPLIES_MAX) {
		trace_count(ip->trace, RULE_ARP_NO_ROOM);
		return;
	}
	trace_count(ip->trace, RULE_ARP_ANSWERED);
	reply = &ip->arp_replies[(ip->arp_first + ip->arp_count++) % IP_ARP_REPLIES_MAX];
	*reply = (struct arp_reply){ packet->sender_mac, packet->sender, interface };
}

static void arp_conflict(struct ip *ip, uint8_t number, const struct arp *packet)
{
	struct interface *interface = &ip->interfaces[number];

	ip_rule(ip, RULE_ARP_CONFLICT, &packet->sender, &packet->sender, number);
	if (ip->now < interface->defend_from)
		return;
	interface->defend_from = ip->now + IP_ARP_DEFEND_NS;
	if (interface->announces_left == 0) {
		interface->announces_left = 1;
		interface->announce_at = ip->now;
	}
	interface->announce_ready = true;
}

static uint64_t chance_up_to(const struct ip *ip, const struct interface *interface, uint64_t most)
{
	return siphash_words2(&ip->key, interface->address, ip->now) % most;
}

void arp_start(struct ip *ip, struct interface *interface)
{
	interface->tentative = ip->address_probes > 0;
	interface->probes_left = ip->address_probes;
	interface->announces_left = ip->address_probes ? 0 : IP_ARP_ANNOUNCES;
	interface->announce_at = ip->now;
	if (interface->tentative)
		interface->announce_at += chance_up_to(ip, interface, IP_ARP_PROBE_WAIT_NS);
}

/* §2.1.1: somebody speaks from the address, or probes for it as well. */
static bool probe_meets(const struct interface *interface, const struct arp *packet)
{
	if (address_v4_value(&packet->sender) == interface->address)
		return true;
	return packet->operation == ARP_REQUEST && address_is_any(&packet->sender) &&
	       address_v4_value(&packet->target) == interface->address;
}

static void arp_probe_conflict(struct ip *ip, uint8_t number, const struct arp *packet)
{
	struct interface *interface = &ip->interfaces[number];

	ip_rule(ip, RULE_ARP_PROBE_CONFLICT, &packet->target, &packet->sender, number);
	interface->probes_left = ip->address_probes;
	interface->announce_ready = false;
	interface->announce_at = ip->now + IP_ARP_AGAIN_NS;
}

void arp_input(struct ip *ip, uint8_t number, const uint8_t *bytes, size_t n)
{
	const struct interface *interface = &ip->interfaces[number];
	struct neighbour *neighbour;
	struct arp packet;
	enum arp_fault fault = arp_parse(&packet, bytes, n);
	bool for_us, asked;

	if (fault != ARP_OK) {
		trace_count(ip->trace, fault == ARP_TRUNCATED ? RULE_ARP_SHORT : RULE_ARP_UNSUPPORTED);
		return;
	}
	if (packet.operation != ARP_REQUEST && packet.operation != ARP_REPLY) {
		trace_count(ip->trace, RULE_ARP_OPERATION_OTHER);
		return;
	}
	if (!sender_is_usable(ip, number, &packet)) {
		trace_count(ip->trace, RULE_ARP_SENDER_BAD);
		return;
	}
	if (mac_eq(&packet.sender_mac, &interface->mac)) {
		trace_count(ip->trace, RULE_ARP_OWN);
		return;
	}
	if (interface->tentative) {
		if (probe_meets(interface, &packet))
			arp_probe_conflict(ip, number, &packet);
		return;
	}
	if (address_v4_value(&packet.sender) == interface->address) {
		arp_conflict(ip, number, &packet);
		return;
	}
	for_us = address_v4_value(&packet.target) == interface->address;
	asked = packet.operation == ARP_REPLY && for_us;
	neighbour = neighbour_find(ip, number, &packet.sender);
	if (neighbour)
		neighbour_heard(ip, neighbour, &packet.sender_mac, asked);
	else if (packet.operation == ARP_REPLY)
		trace_count(ip->trace, RULE_ARP_UNSOLICITED);
	else if (for_us && !address_is_any(&packet.sender))
		neighbour_learn(ip, number, &packet.sender, &packet.sender_mac);
	if (packet.operation == ARP_REPLY)
		return;
	if (for_us)
		arp_answer(ip, number, &packet);
	else
		trace_count(ip->trace, RULE_ARP_OTHER_TARGET);
}

static uint32_t arp_write(struct ip *ip, const struct interface *interface, const struct mac *to,
			  const struct arp *packet)
{
	struct ethernet frame = { .destination = *to, .source = interface->mac, .type = ETHERNET_TYPE_ARP };
	uint32_t n = ethernet_emit(ip->out, &frame);

	return n + arp_emit(ip->out + n, packet);
}

static uint32_t arp_write_reply(struct ip *ip, uint8_t *number)
{
	const struct arp_reply *reply = &ip->arp_replies[ip->arp_first];
	const struct interface *interface = &ip->interfaces[reply->interface];
	struct arp packet = { ARP_REPLY, interface->mac, address_v4(interface->address), reply->mac, reply->address };

	*number = reply->interface;
	ip->arp_first = (ip->arp_first + 1) % IP_ARP_REPLIES_MAX;
	ip->arp_count--;
	return arp_write(ip, interface, &packet.target_mac, &packet);
}

static uint32_t arp_write_request(struct ip *ip, struct neighbour *neighbour, uint8_t *number)
{
	const struct interface *interface = &ip->interfaces[neighbour->interface];
	struct arp packet = { ARP_REQUEST, interface->mac, address_v4(interface->address), { { 0 } },
			      neighbour->address };
	bool unicast = neighbour->state == NEIGHBOUR_PROBE;

	*number = neighbour->interface;
	neighbour->request_queued = false;
	list_remove(&ip->neighbours.requests, neighbour);
	trace_count(ip->trace, RULE_ARP_REQUESTED);
	return arp_write(ip, interface, unicast ? &neighbour->mac : &broadcast, &packet);
}

static uint32_t arp_write_announcement(struct ip *ip, uint8_t number)
{
	struct interface *interface = &ip->interfaces[number];
	struct address ours = address_v4(interface->address);
	struct arp packet = { ARP_REQUEST, interface->mac, ours, { { 0 } }, ours };

	interface->announce_ready = false;
	interface->announces_left--;
	interface->announce_at = ip->now + IP_ARP_ANNOUNCE_NS;
	trace_count(ip->trace, RULE_ARP_ANNOUNCED);
	return arp_write(ip, interface, &broadcast, &packet);
}

static uint32_t arp_write_probe(struct ip *ip, uint8_t number)
{
	struct interface *interface = &ip->interfaces[number];
	struct arp packet = { ARP_REQUEST, interface->mac, address_v4(0), { { 0 } }, address_v4(interface->address) };

	interface->announce_ready = false;
	interface->probes_left--;
	interface->announce_at = ip->now + (interface->probes_left == 0 ? IP_ARP_WAIT_NS : IP_ARP_PROBE_MIN_NS +
					    chance_up_to(ip, interface, IP_ARP_PROBE_WAIT_NS));
	trace_count(ip->trace, RULE_ARP_PROBED);
	return arp_write(ip, interface, &broadcast, &packet);
}

uint32_t arp_output(struct ip *ip, uint8_t *number)
{
	struct neighbour *neighbour = list_first(&ip->neighbours.requests);

	if (ip->arp_count > 0)
		return arp_write_reply(ip, number);
	for (; neighbour; neighbour = list_first(&ip->neighbours.requests)) {
		uint32_t bytes = address_is_v4(&neighbour->address) ? arp_write_request(ip, neighbour, number)
								    : nd_write_request(ip, neighbour, number);

		if (bytes > 0)
			return bytes;
	}
	for (uint8_t i = 0; i < ip->interface_count; i++)
		if (ip->interfaces[i].announce_ready) {
			*number = i;
			return ip->interfaces[i].tentative ? arp_write_probe(ip, i) : arp_write_announcement(ip, i);
		}
	return 0;
}

void arp_timers(struct ip *ip)
{
	for (uint32_t i = 0; i < ip->interface_count; i++) {
		struct interface *interface = &ip->interfaces[i];

		if (interface->tentative && interface->probes_left == 0 && interface->announce_at <= ip->now) {
			trace_count(ip->trace, RULE_ARP_PROBE_DONE);
			interface->tentative = false;
			interface->announces_left = IP_ARP_ANNOUNCES;
			ip->neighbours.epoch++; /* who waits to send may */
		}
		if ((interface->announces_left > 0 || interface->tentative) && interface->announce_at <= ip->now)
			interface->announce_ready = true;
	}
}

/* One that is ready waits for ip_output(), not for time. */
uint64_t arp_deadline(const struct ip *ip)
{
	uint64_t deadline = TIME_NEVER;

	for (uint32_t i = 0; i < ip->interface_count; i++) {
		const struct interface *interface = &ip->interfaces[i];

		if ((interface->announces_left > 0 || interface->tentative) && !interface->announce_ready &&
		    interface->announce_at < deadline)
			deadline = interface->announce_at;
	}
	return deadline;
}
