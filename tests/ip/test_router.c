/* SPDX-License-Identifier: MIT */
/* What routers tell (RFC 4861 §6.3, RFC 4862 §5.5, RFC 4191), what they are asked (RFC 7559), Redirect. */
#include <stdio.h>

#include "ip/host6.h"

struct advert {                         /* what is not said is 0, or a router for half an hour */
	const char *source;
	uint8_t hop_limit, cur_hop_limit, code;
	int8_t preference;
	bool no_router;
	uint32_t reachable_ms, retrans_ms, mtu;
	const char *prefix;
	uint8_t bits;
	bool not_on_link, not_autonomous;
	uint32_t valid_s, preferred_s;
	const char *route;
	uint8_t route_bits;
	int8_t route_preference;
	uint32_t route_s;
	const struct mac *mac;
};

static uint8_t preference_bits(int8_t preference)
{
	return (uint8_t)((preference == 1 ? 1 : preference == -1 ? 3 : preference == 2 ? 2 : 0) << 3);
}

static size_t advert_make(uint8_t *out, const struct advert *a)
{
	struct address address;
	size_t n = 16;

	memset(out, 0, 256);
	out[0] = ICMP6_ROUTER_ADVERTISEMENT;
	out[1] = a->code;
	out[4] = a->cur_hop_limit;
	out[5] = preference_bits(a->preference);
	store_be16(out + 6, a->no_router ? 0 : 1800);
	store_be32(out + 8, a->reachable_ms);
	store_be32(out + 12, a->retrans_ms);
	if (a->mac)
		n += nd_mac_emit(out + n, ND_OPTION_SOURCE_MAC, a->mac);
	if (a->mtu) {
		out[n] = ND_OPTION_MTU;
		out[n + 1] = 1;
		store_be32(out + n + 4, a->mtu);
		n += 8;
	}
	if (a->prefix) {
		address = a6(a->prefix);
		out[n] = ND_OPTION_PREFIX;
		out[n + 1] = 4;
		out[n + 2] = a->bits;
		out[n + 3] = (uint8_t)((a->not_on_link ? 0 : 0x80) | (a->not_autonomous ? 0 : 0x40));
		store_be32(out + n + 4, a->valid_s);
		store_be32(out + n + 8, a->preferred_s);
		memcpy(out + n + 16, address.bytes, 16);
		n += 32;
	}
	if (a->route) {
		address = a6(a->route);
		out[n] = ND_OPTION_ROUTE;
		out[n + 1] = 3;
		out[n + 2] = a->route_bits;
		out[n + 3] = preference_bits(a->route_preference);
		store_be32(out + n + 4, a->route_s);
		memcpy(out + n + 8, address.bytes, 16);
		n += 24;
	}
	return n;
}

static void told(struct host *host, const struct advert *a)
{
	uint8_t message[256];
	size_t n = advert_make(message, a);

	icmp6_in(host, a->source ? a->source : ROUTER6, "ff02::1", a->hop_limit ? a->hop_limit : 255, message, n);
}

/* Past everything that a new interface says and is asked. */
static void make(struct host *host)
{
	host6_make(host, true, true);
	for (int i = 0; i < 30; i++) {
		host6_drain(host);
		host_wait(host, MS(100));
	}
	host6_forget(host);
}

static void settle(struct host *host)
{
	for (int i = 0; i < 20; i++) {
		host6_drain(host);
		host_wait(host, MS(100));
	}
}

/* The address that was formed of a prefix of 64 bits; its state in *state. */
static bool formed(const struct host *host, const char *prefix, struct address *address, int *state)
{
	struct eleven_interface_address own;
	struct address wanted = a6(prefix);

	for (unsigned cursor = 0; ip_address_next(host->ip, 0, &cursor, &own);)
		if (memcmp(own.address.bytes, wanted.bytes, 8) == 0) {
			memcpy(address->bytes, own.address.bytes, 16);
			*state = own.state;
			return true;
		}
	return false;
}

/* By which first hop a segment to `remote` goes; -errno when by none. */
static int first_hop(struct host *host, const char *remote, struct address *hop)
{
	struct address to = a6(remote);
	struct ip_route route;
	int result = ip_route(host->ip, &to, NULL, &route);

	*hop = route.next_hop;
	return result;
}

/* 4861-§6.1.2-R1: one thing wrong at a time. */
static void test_4861_6_1_2_R1_adverts_that_do_not_count(void **state)
{
	static const struct advert good = { .prefix = "2001:db8:5::", .bits = 64, .valid_s = 3600 };
	uint8_t message[256];
	struct address hop;
	struct host host;
	size_t n;

	(void)state;
	make(&host);
	told(&host, &(struct advert){ .source = PEER6 });
	assert_rule(&host, ND_BAD);
	told(&host, &(struct advert){ .hop_limit = 254 });
	assert_rule(&host, ND_UNTRUSTED);
	told(&host, &(struct advert){ .code = 1 });
	assert_rule(&host, ND_BAD);
	n = advert_make(message, &good);
	for (size_t cut = 8; cut < n; cut++) {
		icmp6_in(&host, ROUTER6, "ff02::1", 255, message, cut);
		assert_int_equal(host_taken(&host, RULE_ND_BAD), cut != 16);
	}
	told(&host, &(struct advert){ .no_router = true });
	message[17] = 0;                        /* an option of length 0 */
	icmp6_in(&host, ROUTER6, "ff02::1", 255, message, n);
	assert_rule(&host, ND_BAD);
	assert_int_equal(first_hop(&host, AFAR6, &hop), -ENETUNREACH);
	host_free(&host);
}

/* Without autoconfigure routers are not heeded: V99 */
static void test_V99_routers_on_an_interface_by_hand(void **state)
{
	struct address hop;
	struct host host;

	(void)state;
	host6_make_settled(&host);
	told(&host, &(struct advert){ .prefix = "2001:db8:5::", .bits = 64, .valid_s = 3600, .preferred_s = 1800,
				      .mtu = 1280, .cur_hop_limit = 1 });
	assert_rule(&host, ROUTER_IGNORED);
	assert_int_equal(first_hop(&host, AFAR6, &hop), -ENETUNREACH);
	assert_int_equal(ip_mtu6(host.ip, 0), 1500);
	host_wait(&host, SEC(100));
	assert_int_equal(count6_of(&host, ICMP6_ROUTER_SOLICITATION), 0);
	host_free(&host);
}

/* 4861-§6.3.4-R1: what one router tells does not undo what another told; two at least are kept, and bounded many. */
static void test_4861_6_3_4_R1_union(void **state)
{
	struct address address, hop;
	struct host host;
	int kind;

	(void)state;
	make(&host);
	told(&host, &(struct advert){ .prefix = "2001:db8:5::", .bits = 64, .valid_s = 3600, .preferred_s = 1800 });
	told(&host, &(struct advert){ .source = OTHER_ROUTER6 });
	settle(&host);
	assert_true(formed(&host, "2001:db8:5::", &address, &kind));
	assert_int_equal(kind, ELEVEN_ADDRESS_PREFERRED);
	assert_int_equal(first_hop(&host, "2001:db8:5::9", &hop), 0);
	assert_address(hop, "2001:db8:5::9");           /* on the link */
	assert_int_equal(first_hop(&host, AFAR6, &hop), 0);
	assert_address(hop, ROUTER6);
	told(&host, &(struct advert){ .no_router = true });
	assert_rule(&host, ROUTER_GONE);
	assert_int_equal(first_hop(&host, AFAR6, &hop), 0);
	assert_address(hop, OTHER_ROUTER6);
	host_wait(&host, SEC(1800));
	assert_int_equal(first_hop(&host, AFAR6, &hop), -ENETUNREACH);
	for (unsigned i = 0; i < 1000; i++) {           /* V99: a flood of them */
		char source[32], prefix[32];

		snprintf(source, sizeof(source), "fe80::%x", i + 1);
		snprintf(prefix, sizeof(prefix), "2001:db8:%x::", i + 1);
		told(&host, &(struct advert){ .source = source, .prefix = prefix, .bits = 64, .valid_s = 3600,
					      .preferred_s = 1800, .route = prefix, .route_bits = 48, .route_s = 60 });
		host6_drain(&host);
	}
	assert_int_equal(first_hop(&host, AFAR6, &hop), 0);
	host_free(&host);
}

/* 4861-§6.3.4-R2, V99: hop limit, times and MTU; zeros say nothing; an MTU below 1280 or above the link's neither. */
static void test_4861_6_3_4_R2_parameters(void **state)
{
	static const uint32_t mtus[] = { 1, 68, 1279, 1501, 9000 };
	struct address to = a6("2001:db8:5::9");
	uint8_t header[IP_HEADER_BYTES_MAX];
	struct ip_route route;
	struct mac found;
	struct host host;

	(void)state;
	make(&host);
	told(&host, &(struct advert){ .prefix = "2001:db8:5::", .bits = 64, .valid_s = 36000, .preferred_s = 18000,
				      .cur_hop_limit = 33, .mtu = 1400, .retrans_ms = 300, .reachable_ms = 10000 });
	settle(&host);
	assert_int_equal(ip_mtu6(host.ip, 0), 1400);
	for (size_t i = 0; i < sizeof(mtus) / sizeof(mtus[0]); i++)
		told(&host, &(struct advert){ .mtu = mtus[i] });
	assert_int_equal(ip_mtu6(host.ip, 0), 1400);
	host6_forget(&host);
	assert_int_equal(header6_to(&host, "2001:db8:5::9", &found), -EAGAIN);
	assert_int_equal(solicitations(&host, "2001:db8:5::9", false), 1);
	host_wait(&host, MS(299));
	assert_int_equal(solicitations(&host, "2001:db8:5::9", false), 0);
	host_wait(&host, MS(1));
	assert_int_equal(solicitations(&host, "2001:db8:5::9", false), 1);
	{
		uint8_t message[64];
		size_t n = nd_make(message, ICMP6_NEIGHBOUR_ADVERTISEMENT, ND_ADVERT_SOLICITED | ND_ADVERT_OVERRIDE,
				   "2001:db8:5::9", &peer_mac);
		struct address ours;
		char text[ADDRESS_TEXT_MAX];
		int kind;

		assert_true(formed(&host, "2001:db8:5::", &ours, &kind));
		address_print(text, sizeof(text), &ours);
		icmp6_in(&host, "2001:db8:5::9", text, 255, message, n);
	}
	assert_int_equal(ip_route(host.ip, &to, NULL, &route), 0);
	assert_int_equal(route.mtu, 1400);
	assert_int_equal(ip_header(host.ip, &route, &route.local, &to, 0, 0, true, 20, header, host.now), 54);
	assert_int_equal(header[14 + 7], 33);
	host6_forget(&host);
	host_wait(&host, SEC(15) + 1);          /* at most one and a half times what was told */
	header6_to(&host, "2001:db8:5::9", &found);
	assert_rule(&host, NEIGHBOUR_STALE);
	host_free(&host);
}

/* 4861-§6.3.6-R1: a router that does not answer is passed over; when none does each has its turn. */
static void test_4861_6_3_6_R1_silent_routers(void **state)
{
	struct address hop, first;
	struct mac found;
	struct host host;

	(void)state;
	make(&host);
	told(&host, &(struct advert){ .prefix = "2001:db8:5::", .bits = 64, .valid_s = 36000, .preferred_s = 18000 });
	told(&host, &(struct advert){ .source = OTHER_ROUTER6 });
	settle(&host);
	first_hop(&host, AFAR6, &first);
	assert_address(first, ROUTER6);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(header6_to(&host, AFAR6, &found), -EAGAIN);
		host6_drain(&host);
		host_wait(&host, SEC(1));
	}
	first_hop(&host, AFAR6, &hop);
	assert_address(hop, OTHER_ROUTER6);
	for (int i = 0; i < 3; i++) {           /* this one is silent, too */
		header6_to(&host, AFAR6, &found);
		host6_drain(&host);
		host_wait(&host, SEC(1));
	}
	{
		bool one = false, other = false;

		for (int i = 0; i < 20; i++) {
			first_hop(&host, AFAR6, &hop);
			one |= address_eq(&hop, &first);
			other |= !address_eq(&hop, &first);
			header6_to(&host, AFAR6, &found);
			host6_drain(&host);
			host_wait(&host, SEC(1));
		}
		assert_true(one && other);
	}
	host_free(&host);
}

/* 4861-§6.3.7-R1, 7559-§2-R1: the first within a second, then about 4, 8, 16 … s, up to an hour, until one answers. */
static void test_7559_2_R1_soliciting(void **state)
{
	uint64_t last = 0, started, expected = SEC(4);
	struct icmp6 message;
	struct ipv6 packet;
	struct host host;
	unsigned count = 0;

	(void)state;
	host6_make(&host, true, true);
	started = host.now;
	while (count < 16) {
		while (out6_of(&host, ICMP6_ROUTER_SOLICITATION, &packet, &message)) {
			uint64_t passed = host.now - last;

			assert_address(packet.destination, "ff02::2");
			assert_int_equal(packet.hop_limit, 255);
			if (count == 0) {
				assert_true(host.now - started <= SEC(1));
			} else {
				assert_in_range(passed, expected * 8 / 10, expected * 12 / 10);
				expected = 2 * passed < SEC(3600) ? 2 * passed : SEC(3600);
			}
			last = host.now;
			count++;
		}
		host_wait(&host, ip_deadline(host.ip) - host.now);
	}
	told(&host, &(struct advert){ .mtu = 1400 });
	host6_drain(&host);
	host6_forget(&host);
	for (int i = 0; i < 17; i++) {
		host_wait(&host, SEC(100));
		assert_int_equal(count6_of(&host, ICMP6_ROUTER_SOLICITATION), 0);
	}
	host_free(&host);
}

/* 4862-§5.5.3-R1, 8504-§6.3-R1: which prefixes make an address, and how their lifetimes change. */
static void test_4862_5_5_3_R1_prefixes(void **state)
{
	static const struct advert none[] = {
		{ .prefix = "2001:db8:5::", .bits = 63, .valid_s = 3600, .preferred_s = 1800 },
		{ .prefix = "2001:db8:5::", .bits = 65, .valid_s = 3600, .preferred_s = 1800 },
		{ .prefix = "2001:db8:5::", .bits = 129, .valid_s = 3600, .preferred_s = 1800 },
		{ .prefix = "2001:db8:5::", .bits = 64, .valid_s = 3600, .preferred_s = 1800, .not_autonomous = true },
		{ .prefix = "2001:db8:5::", .bits = 64, .valid_s = 1800, .preferred_s = 3600 },
		{ .prefix = "2001:db8:5::", .bits = 64, .valid_s = 0, .preferred_s = 0 },
		{ .prefix = "fe80::", .bits = 64, .valid_s = 3600, .preferred_s = 1800 },
		{ .prefix = "ff0e::", .bits = 64, .valid_s = 3600, .preferred_s = 1800 },
	};
	struct address address;
	struct host host;
	int kind;

	(void)state;
	make(&host);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		told(&host, &none[i]);
		assert_no_rule(&host, ADDRESS_FORMED);
	}
	told(&host, &(struct advert){ .prefix = "2001:db8:5::", .bits = 64, .valid_s = 10800, .preferred_s = 10800 });
	assert_rule(&host, ADDRESS_FORMED);
	settle(&host);
	assert_true(formed(&host, "2001:db8:5::", &address, &kind));
	assert_int_equal(kind, ELEVEN_ADDRESS_PREFERRED);
	/* An hour, of more than two that are left: not below two. */
	told(&host, &(struct advert){ .prefix = "2001:db8:5::", .bits = 64, .valid_s = 3600, .preferred_s = 3600 });
	assert_rule(&host, ADDRESS_LIFETIME_KEPT);
	host_wait(&host, SEC(3700));
	assert_true(formed(&host, "2001:db8:5::", &address, &kind));
	/* Less than two hours are left: an hour changes nothing, more than what is left does. */
	told(&host, &(struct advert){ .prefix = "2001:db8:5::", .bits = 64, .valid_s = 60, .preferred_s = 60 });
	assert_rule(&host, ADDRESS_LIFETIME_KEPT);
	host_wait(&host, SEC(3400));
	assert_true(formed(&host, "2001:db8:5::", &address, &kind));
	host_wait(&host, SEC(200));
	assert_false(formed(&host, "2001:db8:5::", &address, &kind));
	assert_rule(&host, ADDRESS_INVALID);
	host_free(&host);
}

/* 4862-§5.5.4-R1: deprecated works on, and is not chosen while there is another; invalid is gone. */
static void test_4862_5_5_4_R1_growing_old(void **state)
{
	struct address old, young, to = a6("2001:db8:5::9");
	struct ip_route route;
	uint8_t text[40] = { 0 };
	char ours[ADDRESS_TEXT_MAX];
	struct host host;
	int kind;

	(void)state;
	make(&host);
	told(&host, &(struct advert){ .prefix = "2001:db8:5::", .bits = 64, .valid_s = 9000, .preferred_s = 600 });
	told(&host, &(struct advert){ .prefix = "2001:db8:6::", .bits = 64, .valid_s = 90000, .preferred_s = 80000 });
	settle(&host);
	assert_true(formed(&host, "2001:db8:5::", &old, &kind));
	assert_true(formed(&host, "2001:db8:6::", &young, &kind));
	assert_int_equal(ip_route(host.ip, &to, NULL, &route), 0);
	assert_true(address_eq(&route.local, &old));
	host_wait(&host, SEC(600));
	assert_rule(&host, ADDRESS_DEPRECATED);
	assert_int_equal(state_of(&host, &old), ELEVEN_ADDRESS_DEPRECATED);
	assert_int_equal(ip_route(host.ip, &to, NULL, &route), 0);
	assert_true(address_eq(&route.local, &young));
	assert_int_equal(ip_route(host.ip, &to, &old, &route), 0);      /* who has it keeps it */
	address_print(ours, sizeof(ours), &old);
	assert_int_equal(packet6_input(&host, &(struct packet6){ AFAR6, ours, IPV6_TCP, 0, 0, text, 40 }), IP_SEGMENT);
	host_wait(&host, SEC(9000));
	assert_int_equal(ip_route(host.ip, &to, &old, &route), -EADDRNOTAVAIL);
	assert_int_equal(packet6_input(&host, &(struct packet6){ AFAR6, ours, IPV6_TCP, 0, 0, text, 40 }), IP_CONSUMED);
	host_free(&host);
}

/* 7217-§5-R1: a duplicate of a formed address is followed by another one, three times. */
static void test_7217_duplicates_of_formed_addresses(void **state)
{
	struct address seen[5];
	struct host host;
	int kind;

	(void)state;
	make(&host);
	told(&host, &(struct advert){ .prefix = "2001:db8:5::", .bits = 64, .valid_s = 9000, .preferred_s = 600 });
	for (unsigned i = 0; i < 4; i++) {
		char text[ADDRESS_TEXT_MAX];

		host6_drain(&host);
		assert_true(formed(&host, "2001:db8:5::", &seen[i], &kind));
		assert_int_equal(kind, ELEVEN_ADDRESS_TENTATIVE);
		for (unsigned k = 0; k < i; k++)
			assert_false(address_eq(&seen[k], &seen[i]));
		address_print(text, sizeof(text), &seen[i]);
		advert_in(&host, text, ND_ADVERT_OVERRIDE, &other_mac);
	}
	assert_true(formed(&host, "2001:db8:5::", &seen[4], &kind));
	assert_int_equal(kind, ELEVEN_ADDRESS_DUPLICATE);
	host_free(&host);
}

/* 8504-§5.9-R1: preferences of routers and of routes. */
static void test_8504_5_9_R1_preferences(void **state)
{
	struct address hop;
	struct host host;

	(void)state;
	make(&host);
	told(&host, &(struct advert){ .preference = -1, .prefix = "2001:db8:5::", .bits = 64, .valid_s = 9000,
				      .preferred_s = 600 });
	told(&host, &(struct advert){ .source = OTHER_ROUTER6, .preference = 2 });      /* reserved: medium */
	settle(&host);
	first_hop(&host, AFAR6, &hop);
	assert_address(hop, OTHER_ROUTER6);
	told(&host, &(struct advert){ .preference = 1 });
	first_hop(&host, AFAR6, &hop);
	assert_address(hop, ROUTER6);
	told(&host, &(struct advert){ .source = OTHER_ROUTER6, .route = "2001:db8::", .route_bits = 32,
				      .route_s = 600 });
	first_hop(&host, AFAR6, &hop);
	assert_address(hop, OTHER_ROUTER6);             /* the longer one, whatever is preferred */
	first_hop(&host, "2001:db9::1", &hop);
	assert_address(hop, ROUTER6);
	told(&host, &(struct advert){ .preference = 1, .route = "2001:db8::", .route_bits = 32, .route_s = 600,
				      .route_preference = 1 });
	first_hop(&host, AFAR6, &hop);
	assert_address(hop, ROUTER6);
	told(&host, &(struct advert){ .preference = 1, .route = "2001:db8::", .route_bits = 32, .route_s = 0 });
	first_hop(&host, AFAR6, &hop);
	assert_address(hop, OTHER_ROUTER6);
	told(&host, &(struct advert){ .source = OTHER_ROUTER6, .route = "2001:db8::", .route_bits = 33, .route_s = 600,
				      .route_preference = 2 });         /* reserved: ignored */
	host_wait(&host, SEC(600));
	first_hop(&host, AFAR6, &hop);
	assert_address(hop, ROUTER6);
	host_free(&host);
}

static void redirect(struct host *host, const char *source, uint8_t hop_limit, const char *target,
		     const char *destination)
{
	uint8_t message[64] = { ICMP6_REDIRECT };
	struct address to = a6(target), about = a6(destination), ours;
	char text[ADDRESS_TEXT_MAX];
	int kind;

	assert_true(formed(host, "2001:db8:5::", &ours, &kind));
	address_print(text, sizeof(text), &ours);
	memcpy(message + 8, to.bytes, 16);
	memcpy(message + 24, about.bytes, 16);
	icmp6_in(host, source, text, hop_limit, message, 40);
}

/* 4861-§8.1-R1, 4861-§8.3-R1 */
static void test_4861_8_1_R1_redirect(void **state)
{
	struct address hop;
	struct host host;

	(void)state;
	make(&host);
	told(&host, &(struct advert){ .prefix = "2001:db8:5::", .bits = 64, .valid_s = 90000, .preferred_s = 60000,
				      .preference = 1 });
	told(&host, &(struct advert){ .source = OTHER_ROUTER6 });
	settle(&host);
	host6_forget(&host);
	redirect(&host, ROUTER6, 254, OTHER_ROUTER6, AFAR6);
	assert_rule(&host, ND_UNTRUSTED);
	redirect(&host, PEER6, 255, OTHER_ROUTER6, AFAR6);      /* not from a link-local address */
	assert_rule(&host, ND_BAD);
	redirect(&host, OTHER_ROUTER6, 255, OTHER_ROUTER6, AFAR6);      /* not by the first hop */
	assert_rule(&host, REDIRECT_IGNORED);
	redirect(&host, ROUTER6, 255, OTHER_ROUTER6, "ff02::9");        /* about a group */
	assert_rule(&host, REDIRECT_IGNORED);
	redirect(&host, ROUTER6, 255, "2001:db8:7::1", AFAR6);  /* to neither a router nor the destination itself */
	assert_rule(&host, REDIRECT_IGNORED);
	first_hop(&host, AFAR6, &hop);
	assert_address(hop, ROUTER6);
	redirect(&host, ROUTER6, 255, OTHER_ROUTER6, AFAR6);
	assert_rule(&host, REDIRECT_HEEDED);
	first_hop(&host, AFAR6, &hop);
	assert_address(hop, OTHER_ROUTER6);
	first_hop(&host, "2001:db8::2", &hop);                  /* and no other destination */
	assert_address(hop, ROUTER6);
	redirect(&host, ROUTER6, 255, "2001:db8::3", "2001:db8::3");    /* it is on this link */
	assert_rule(&host, REDIRECT_HEEDED);
	first_hop(&host, "2001:db8::3", &hop);
	assert_address(hop, "2001:db8::3");
	host_free(&host);
}

/* 4861-§7.2.5-R1: a neighbour that is no router any more is none for us. */
static void test_router_that_is_none_any_more(void **state)
{
	struct address hop, ours;
	uint8_t message[64];
	char text[ADDRESS_TEXT_MAX];
	struct host host;
	int kind;
	size_t n;

	(void)state;
	make(&host);
	told(&host, &(struct advert){ .prefix = "2001:db8:5::", .bits = 64, .valid_s = 90000, .preferred_s = 60000,
				      .mac = &router_mac });
	settle(&host);
	assert_int_equal(first_hop(&host, AFAR6, &hop), 0);
	assert_true(formed(&host, "2001:db8:5::", &ours, &kind));
	address_print(text, sizeof(text), &ours);
	n = nd_make(message, ICMP6_NEIGHBOUR_ADVERTISEMENT, ND_ADVERT_ROUTER | ND_ADVERT_OVERRIDE, ROUTER6,
		    &router_mac);
	icmp6_in(&host, ROUTER6, text, 255, message, n);
	assert_int_equal(first_hop(&host, AFAR6, &hop), 0);
	n = nd_make(message, ICMP6_NEIGHBOUR_ADVERTISEMENT, ND_ADVERT_OVERRIDE, ROUTER6, &router_mac);
	icmp6_in(&host, ROUTER6, text, 255, message, n);
	assert_rule(&host, ROUTER_GONE);
	assert_int_equal(first_hop(&host, AFAR6, &hop), -ENETUNREACH);
	host_free(&host);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_4861_6_1_2_R1_adverts_that_do_not_count),
		cmocka_unit_test(test_V99_routers_on_an_interface_by_hand),
		cmocka_unit_test(test_4861_6_3_4_R1_union),
		cmocka_unit_test(test_4861_6_3_4_R2_parameters),
		cmocka_unit_test(test_4861_6_3_6_R1_silent_routers),
		cmocka_unit_test(test_7559_2_R1_soliciting),
		cmocka_unit_test(test_4862_5_5_3_R1_prefixes),
		cmocka_unit_test(test_4862_5_5_4_R1_growing_old),
		cmocka_unit_test(test_7217_duplicates_of_formed_addresses),
		cmocka_unit_test(test_8504_5_9_R1_preferences),
		cmocka_unit_test(test_4861_8_1_R1_redirect),
		cmocka_unit_test(test_router_that_is_none_any_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
