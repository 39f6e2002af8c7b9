/* SPDX-License-Identifier: MIT */
/*
 * What routers tell (RFC 4861 §6.3, §8; RFC 4862 §5.5; RFC 4191), on interfaces that are told to heed them.
 *
 * All of it is hearsay of whoever sends from a link-local address on this link, so it is bounded: routers,
 * prefixes, routes and addresses have their numbers (state6.h), the MTU is between 1280 and the link's, times are
 * between a millisecond and an hour.  What an advertisement does not mention stays as it is.  A Redirect is heeded on
 * those interfaces alone too, if it is by the first hop that is in use (§8.1).
 *
 * Routers are asked for until one answers, at intervals that double to an hour: RFC 7559.
 */
#include <string.h>

#include "ip/state.h"

#define DISCOVERY_HOP_LIMIT 255u
#define ADVERTISEMENT_BYTES 16u         /* without options */
#define REDIRECT_BYTES      40u
#define SOLICIT_DELAY_NS    SEC(1)      /* RFC 4861 §10 MAX_RTR_SOLICITATION_DELAY */
#define SOLICIT_FIRST_NS    SEC(4)      /* RFC 7559 §2: IRT, RTR_SOLICITATION_INTERVAL */
#define SOLICIT_MOST_NS     SEC(3600)   /* MRT */
#define TWO_HOURS_NS        SEC(7200)   /* RFC 4862 §5.5.3 (e) */
#define FOREVER_S           0xffffffffu
#define TIME_LEAST_NS       MS(1)
#define TIME_MOST_NS        SEC(3600)   /* RFC 4861 §6.2.1 MAX of AdvReachableTime */

static uint64_t until(const struct ip *ip, uint32_t lifetime_s)
{
	return lifetime_s == FOREVER_S ? TIME_NEVER : ip->now + SEC((uint64_t)lifetime_s);
}

static uint64_t clamp(uint64_t value, uint64_t least, uint64_t most)
{
	return value < least ? least : value > most ? most : value;
}

/* ---- soliciting */

void router_solicit(struct ip *ip, uint8_t number)
{
	struct interface6 *six = &ip->interfaces[number].six;

	six->solicit_interval_ns = 0;
	six->solicit_at = ip->now + ip_chance(ip, SOLICIT_DELAY_NS);
}

/* RFC 7559 §2 after RFC 8415 §15: RT = 2 RTprev + RAND RTprev, RAND within a tenth. */
static void solicit_again(struct ip *ip, struct interface6 *six)
{
	uint64_t before = six->solicit_interval_ns, next = before ? 2 * before : SOLICIT_FIRST_NS;

	if (next > SOLICIT_MOST_NS)
		next = SOLICIT_MOST_NS;
	next += ip_chance(ip, next / 5 + 1);
	next -= next / 11;
	six->solicit_interval_ns = next;
	six->solicit_at = ip->now + next;
}

uint32_t router_write_solicitation(struct ip *ip, uint8_t number)
{
	static const struct address any;
	struct interface *interface = &ip->interfaces[number];
	struct address to = address_all_routers();
	bool assigned = address6_is_assigned(&interface->six.addresses[0]);
	const struct address *source = assigned ? &interface->six.addresses[0].address : &any;
	uint8_t *payload = link6_begin(ip, number, NULL, source, &to, DISCOVERY_HOP_LIMIT, false);
	uint32_t bytes = ICMP6_HEADER_BYTES;

	interface->six.solicit_ready = false;
	solicit_again(ip, &interface->six);
	trace_count(ip->trace, RULE_ROUTER_SOLICITED);
	memset(payload, 0, ICMP6_HEADER_BYTES);
	payload[0] = ICMP6_ROUTER_SOLICITATION;
	if (assigned && interface->given.kind == ELEVEN_LINK_ETHERNET)
		bytes += nd_mac_emit(payload + bytes, ND_OPTION_SOURCE_MAC, &interface->mac);
	return link6_finish(ip, number, payload, bytes);
}

/* ---- what an advertisement says */

static void router_remove(struct ip *ip, struct interface6 *six, unsigned index)
{
	trace_count(ip->trace, RULE_ROUTER_GONE);
	six->routers[index] = six->routers[--six->router_count];
}

void router_forget(struct ip *ip, uint8_t number, const struct address *address)
{
	struct interface6 *six = &ip->interfaces[number].six;

	for (unsigned i = 0; i < six->router_count; i++)
		if (!six->routers[i].configured && address_eq(&six->routers[i].address, address))
			router_remove(ip, six, i--);
	for (unsigned i = 0; i < six->route_count; i++)
		if (address_eq(&six->routes[i].router, address))
			six->routes[i--] = six->routes[--six->route_count];
}

static void default_router(struct ip *ip, struct interface6 *six, const struct address *router, uint32_t lifetime_s,
			   int8_t preference)
{
	unsigned i = 0;

	while (i < six->router_count && !address_eq(&six->routers[i].address, router))
		i++;
	if (i < six->router_count && six->routers[i].configured)
		return;
	if (lifetime_s == 0) {
		if (i < six->router_count)
			router_remove(ip, six, i);
		return;
	}
	if (i == IP6_ROUTERS_MAX)
		return;                 /* enough of them */
	if (i == six->router_count)
		six->router_count++;
	six->routers[i] = (struct router6){ *router, false, preference == 2 ? 0 : preference, until(ip, lifetime_s) };
	six->solicit_at = TIME_NEVER;
	six->solicit_ready = false;
}

/* RFC 4191 §2.3; one to everything stands for the router itself (§3.1). */
static void more_specific(struct ip *ip, struct interface6 *six, const struct address *router,
			  const struct nd_route *told)
{
	unsigned i = 0;

	if (told->preference == 2)
		return;
	if (told->bits == 0) {
		default_router(ip, six, router, told->lifetime_s, told->preference);
		return;
	}
	while (i < six->route_count && !(six->routes[i].bits == told->bits &&
	       address_in_prefix(&told->prefix, &six->routes[i].prefix, told->bits) &&
	       address_eq(&six->routes[i].router, router)))
		i++;
	if (told->lifetime_s == 0) {
		if (i < six->route_count)
			six->routes[i] = six->routes[--six->route_count];
		return;
	}
	if (i == IP6_ROUTES_MAX)
		return;
	if (i == six->route_count)
		six->route_count++;
	six->routes[i] = (struct route6){ told->prefix, *router, told->bits, told->preference,
					  until(ip, told->lifetime_s) };
}

/* RFC 4861 §6.3.4: the prefix list. */
static void on_link_prefix(struct ip *ip, struct interface6 *six, const struct nd_prefix *told)
{
	unsigned i = 0;

	while (i < six->prefix_count && !(six->prefixes[i].bits == told->bits &&
	       address_in_prefix(&told->prefix, &six->prefixes[i].prefix, told->bits)))
		i++;
	if (i < six->prefix_count && six->prefixes[i].configured)
		return;
	if (told->valid_s == 0) {
		if (i < six->prefix_count)
			six->prefixes[i] = six->prefixes[--six->prefix_count];
		return;
	}
	if (i == IP6_PREFIXES_MAX)
		return;
	if (i == six->prefix_count)
		six->prefix_count++;
	six->prefixes[i] = (struct prefix6){ told->prefix, told->bits, false, until(ip, told->valid_s) };
}

/* RFC 4862 §5.5.3 (e): nobody but the one whose word it was takes an address away at once. */
static void address_refresh(struct ip *ip, struct address6 *address, const struct nd_prefix *told)
{
	uint64_t left = address->valid_until == TIME_NEVER ? TIME_NEVER : address->valid_until - ip->now;
	uint64_t valid = told->valid_s == FOREVER_S ? TIME_NEVER : SEC((uint64_t)told->valid_s);

	address->preferred_until = until(ip, told->preferred_s);
	if (valid > TWO_HOURS_NS || valid > left) {
		address->valid_until = until(ip, told->valid_s);
	} else if (left > TWO_HOURS_NS) {
		trace_count(ip->trace, RULE_ADDRESS_LIFETIME_KEPT);
		address->valid_until = ip->now + TWO_HOURS_NS;
	} else {
		trace_count(ip->trace, RULE_ADDRESS_LIFETIME_KEPT);
	}
}

/* RFC 4862 §5.5.3. */
static void autonomous_prefix(struct ip *ip, uint8_t number, const struct nd_prefix *told)
{
	struct interface6 *six = &ip->interfaces[number].six;
	struct address address = told->prefix;
	struct address6 *made;

	if (told->preferred_s > told->valid_s || six->disabled)
		return;
	for (unsigned i = 0; i < six->address_count; i++) {
		made = &six->addresses[i];
		if (!made->configured && made->prefix_bits == told->bits &&
		    address_in_prefix(&made->address, &told->prefix, told->bits)) {
			address_refresh(ip, made, told);
			return;
		}
	}
	if (told->valid_s == 0 || told->bits != 64)
		return;
	address = address6_stable(ip, number, &told->prefix, 0);
	if (address6_add(ip, number, &address, 64, false, 0) != 0)
		return;
	made = &six->addresses[six->address_count - 1];
	made->preferred_until = until(ip, told->preferred_s);
	made->valid_until = until(ip, told->valid_s);
	ip_rule(ip, RULE_ADDRESS_FORMED, &address, &told->prefix, number);
}

static void prefix_told(struct ip *ip, uint8_t number, const struct nd_prefix *told)
{
	if (told->bits > 128 || address_is_link_local(&told->prefix) || address_is_multicast(&told->prefix) ||
	    address_is_v4(&told->prefix) || address_is_any(&told->prefix) || told->bits == 0)
		return;
	if (told->on_link)
		on_link_prefix(ip, &ip->interfaces[number].six, told);
	if (told->autonomous)
		autonomous_prefix(ip, number, told);
}

/* RFC 4861 §6.3.4: parameters of the link; 0 says nothing. */
static void parameters_told(struct ip *ip, uint8_t number, const struct icmp6 *message, uint32_t mtu)
{
	struct interface6 *six = &ip->interfaces[number].six;
	uint8_t hop_limit = message->bytes[4];
	uint64_t reachable_ns = MS((uint64_t)load_be32(message->bytes + 8));
	uint64_t retrans_ns = MS((uint64_t)load_be32(message->bytes + 12));

	if (hop_limit)
		six->hop_limit = hop_limit;
	if (reachable_ns && reachable_ns != six->reachable_base_ns) {
		six->reachable_base_ns = clamp(reachable_ns, TIME_LEAST_NS, TIME_MOST_NS);
		six->reachable_ns = six->reachable_base_ns / 2 + ip_chance(ip, six->reachable_base_ns);
	}
	if (retrans_ns)
		six->retrans_ns = clamp(retrans_ns, TIME_LEAST_NS, TIME_MOST_NS);
	if (mtu >= IPV6_MTU_LEAST && mtu <= ip->interfaces[number].given.mtu)
		six->mtu = mtu;
}

/* The router's own link address, as a solicitation's. */
static void router_note(struct ip *ip, uint8_t number, const struct address *router, const struct mac *mac)
{
	struct neighbour *neighbour = neighbour_find(ip, number, router);

	if (!neighbour)
		neighbour_learn(ip, number, router, mac);
	else if (neighbour->state == NEIGHBOUR_INCOMPLETE || neighbour->state == NEIGHBOUR_FAILED ||
		 !mac_eq(&neighbour->mac, mac))
		neighbour_set(ip, neighbour, mac, false);
	neighbour = neighbour_find(ip, number, router);
	if (neighbour)
		neighbour->is_router = true;
}

void router_advertisement_input(struct ip *ip, const struct ip_datagram *datagram, const struct icmp6 *message)
{
	struct interface *interface = &ip->interfaces[datagram->interface];
	struct interface6 *six = &interface->six;
	struct nd_options options;

	if (!address_is_link_local(&datagram->source) || message->length < ADVERTISEMENT_BYTES ||
	    !nd_options_parse(&options, message->bytes + ADVERTISEMENT_BYTES, message->length - ADVERTISEMENT_BYTES) ||
	    (options.has_source_mac && mac_is_group(&options.source_mac))) {
		trace_count(ip->trace, RULE_ND_BAD);
		return;
	}
	if (!six->autoconfigure) {
		trace_count(ip->trace, RULE_ROUTER_IGNORED);
		return;
	}
	ip_rule(ip, RULE_ROUTER_HEARD, &datagram->destination, &datagram->source, datagram->interface);
	default_router(ip, six, &datagram->source, load_be16(message->bytes + 6),
		       nd_preference(message->bytes[5] >> 3));
	parameters_told(ip, datagram->interface, message, options.mtu);
	if (options.has_source_mac && interface->given.kind == ELEVEN_LINK_ETHERNET)
		router_note(ip, datagram->interface, &datagram->source, &options.source_mac);
	for (unsigned i = 0; i < options.prefixes; i++)
		prefix_told(ip, datagram->interface, &options.prefix[i]);
	for (unsigned i = 0; i < options.routes; i++)
		more_specific(ip, six, &datagram->source, &options.route[i]);
	ip->neighbours.epoch++;         /* there may be a way now for who waits */
}

/* ---- redirects */

/* Where to note a destination's first hop: its own place, a free one, or the oldest. */
static struct redirect6 *redirect_place(struct ip *ip, uint8_t number, const struct address *destination)
{
	struct redirect6 *place = &ip->redirects[0];

	for (unsigned i = 0; i < IP6_REDIRECTS_MAX; i++) {
		struct redirect6 *redirect = &ip->redirects[i];

		if (redirect->used && redirect->interface == number &&
		    address_eq(&redirect->destination, destination))
			return redirect;
		if (place->used && (!redirect->used || redirect->since < place->since))
			place = redirect;
	}
	return place;
}

void redirect_input(struct ip *ip, const struct ip_datagram *datagram, const struct icmp6 *message)
{
	struct interface *interface = &ip->interfaces[datagram->interface];
	struct address target, destination, first_hop;
	struct nd_options options;
	bool sound;

	if (!address_is_link_local(&datagram->source) || message->length < REDIRECT_BYTES ||
	    !nd_options_parse(&options, message->bytes + REDIRECT_BYTES, message->length - REDIRECT_BYTES)) {
		trace_count(ip->trace, RULE_ND_BAD);
		return;
	}
	memcpy(target.bytes, message->bytes + 8, 16);
	memcpy(destination.bytes, message->bytes + 24, 16);
	sound = !address_is_multicast(&destination) && !address_is_any(&destination) &&
		(address_is_link_local(&target) || address_eq(&target, &destination));
	if (!sound || !interface->six.autoconfigure || interface->given.kind != ELEVEN_LINK_ETHERNET ||
	    !route6_first_hop(ip, datagram->interface, &destination, &first_hop) ||
	    !address_eq(&first_hop, &datagram->source)) {
		trace_count(ip->trace, RULE_REDIRECT_IGNORED);
		return;
	}
	*redirect_place(ip, datagram->interface, &destination) =
		(struct redirect6){ true, datagram->interface, destination, target, ip->now };
	ip_rule(ip, RULE_REDIRECT_HEEDED, &target, &destination, datagram->interface);
	if (options.has_target_mac && !mac_is_group(&options.target_mac))
		router_note(ip, datagram->interface, &target, &options.target_mac);
}

/* ---- time */

void router_timers(struct ip *ip)
{
	for (uint8_t i = 0; i < ip->interface_count; i++) {
		struct interface6 *six = &ip->interfaces[i].six;

		if (six->on && !six->disabled && six->solicit_at <= ip->now)
			six->solicit_ready = true;
		for (unsigned k = 0; k < six->router_count;) {
			if (six->routers[k].until <= ip->now)
				router_remove(ip, six, k);
			else
				k++;
		}
		for (unsigned k = 0; k < six->route_count;) {
			if (six->routes[k].until <= ip->now)
				six->routes[k] = six->routes[--six->route_count];
			else
				k++;
		}
	}
}

/* One that is ready waits for ip_output(), not for time. */
uint64_t router_deadline(const struct ip *ip)
{
	uint64_t deadline = TIME_NEVER;

	for (uint32_t i = 0; i < ip->interface_count; i++) {
		const struct interface6 *six = &ip->interfaces[i].six;

		if (six->on && !six->disabled && !six->solicit_ready && six->solicit_at < deadline)
			deadline = six->solicit_at;
		for (unsigned k = 0; k < six->router_count; k++)
			if (six->routers[k].until < deadline)
				deadline = six->routers[k].until;
		for (unsigned k = 0; k < six->route_count; k++)
			if (six->routes[k].until < deadline)
				deadline = six->routes[k].until;
	}
	return deadline;
}
