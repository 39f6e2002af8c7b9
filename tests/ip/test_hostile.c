/* SPDX-License-Identifier: MIT */
/*
 * Whatever a stranger on the link says, at random and in any order, of interfaces of each kind: the tables keep their
 * bounds, time goes on, and everything that goes out is sound and from an address that is ours.
 */
#include "base/random.h"
#include "ip/host6.h"
#include "ip/neighbourhood.h"
#include "ip/state.h"

#define INTERFACES 4u

static const char *const pool[] = {
	"::", "::1", "ff02::5", "fe80::fe", "fe80::fd", OURS6, PEER6, AFAR6, "2001:db8:5::1",
	"::ffff:10.0.0.2", "fd00::3",
};
#define POOL (sizeof(pool) / sizeof(pool[0]))

struct stranger {
	struct random random;
	struct host host;
	unsigned interface;
};

static unsigned pick(struct stranger *s, unsigned n)
{
	return (unsigned)random_below(&s->random, n);
}

/* Some address: of the pool, one of the interface's own, or the group of one. */
static struct address someone(struct stranger *s, bool or_group)
{
	const struct interface6 *six = &s->host.ip->interfaces[s->interface].six;
	struct address address = a6(pool[pick(s, POOL)]);

	if (pick(s, 2) && six->address_count > 0)
		address = six->addresses[pick(s, six->address_count)].address;
	if (or_group && pick(s, 3) == 0)
		return pick(s, 2) ? address_all_nodes() : address_solicited_node(&address);
	return address;
}

static struct mac some_mac(struct stranger *s)
{
	static const struct mac macs[] = { { { 2, 0, 0, 0, 0, 7 } }, { { 2, 0, 0, 0, 0, 8 } }, { { 1 } }, { { 0 } } };

	return macs[pick(s, 4)];
}

static size_t some_options(struct stranger *s, uint8_t *out)
{
	size_t n = 0;

	for (unsigned i = pick(s, 4); i > 0; i--) {
		static const uint8_t kinds[] = { 1, 1, 2, 2, 3, 5, 24, 99 }, units[] = { 1, 1, 1, 1, 4, 1, 3, 2 };
		unsigned kind = pick(s, 8), length = units[kind];
		struct address prefix = someone(s, false);
		struct mac mac = some_mac(s);

		memset(out + n, 0, 32);
		out[n] = kinds[kind];
		out[n + 1] = (uint8_t)(pick(s, 40) ? length : pick(s, 6));
		out[n + 2] = (uint8_t)(kind == 4 || kind == 6 ? pick(s, 3) * 64 : 0);
		if (kind < 4)
			memcpy(out + n + 2, mac.bytes, 6);
		if (kind == 4) {
			out[n + 3] = 0xc0;
			memcpy(out + n + 16, prefix.bytes, 16);
		}
		store_be32(out + n + 4 + (kind < 4 ? 4 : 0), pick(s, 2) * 600);
		if (kind == 4)
			store_be32(out + n + 8, pick(s, 600));
		n += length * 8;
	}
	return n;
}

/* An ICMPv6 message of which each part is sound more often than not. */
static size_t some_message(struct stranger *s, uint8_t *out)
{
	static const uint8_t types[] = { 1, 2, 3, 4, 128, 129, 130, 133, 134, 135, 135, 135, 136, 136, 136, 137, 137,
					 200 };
	struct address target = someone(s, true), destination = someone(s, true);
	size_t n = 24;

	memset(out, 0, 64);
	out[0] = types[pick(s, sizeof(types))];
	out[1] = (uint8_t)(pick(s, 6) ? 0 : pick(s, 8));
	store_be32(out + 4, pick(s, 8) << 29 | (pick(s, 2) ? 600 : 0));
	memcpy(out + 8, target.bytes, 16);
	memcpy(out + 24, destination.bytes, 16);
	if (out[0] == ICMP6_ROUTER_ADVERTISEMENT)
		n = 16;
	if (out[0] == ICMP6_REDIRECT)
		n = 40;
	if (out[0] < 128)
		return 8 + packet6_make(out + 8, &(struct packet6){ pool[pick(s, POOL)], pool[pick(s, POOL)],
							pick(s, 2) ? IPV6_TCP : IPV6_UDP, 64, 0, "12345678", 8 });
	n += some_options(s, out + n);
	return pick(s, 12) ? n : pick(s, (unsigned)n);
}

static void say(struct stranger *s)
{
	static const uint8_t limits[] = { 255, 255, 255, 255, 1, 64 };
	uint8_t message[400], packet[600];
	struct address from = someone(s, true), to = someone(s, true);
	struct ipv6 header = { .source = from, .destination = to, .next_header = IPV6_ICMP,
			       .hop_limit = limits[pick(s, 6)] };
	struct eleven_interface *given = &s->host.ip->interfaces[s->interface].given;
	size_t n = some_message(s, message), at;
	uint32_t sum;

	if (n >= 4) {
		store_be16(message + 2, 0);
		sum = checksum_pseudo_v6(&from, &to, IPV6_ICMP, (uint32_t)n);
		store_be16(message + 2, checksum_finish(checksum_add(sum, message, n)));
	}
	header.payload_bytes = (uint32_t)n;
	at = ipv6_emit(packet, &header);
	memcpy(packet + at, message, n);
	if (pick(s, 12) == 0) {                         /* as if from inside: nothing of a link is believed there */
		host_input_on(&s->host, IP_LOOPBACK, packet, at + n);
	} else if (given->kind == ELEVEN_LINK_ETHERNET) {
		uint8_t frame[700];
		struct mac mac = our_mac;

		if (to.bytes[0] == 0xff)
			mac = (struct mac){ { 0x33, 0x33, to.bytes[12], to.bytes[13], to.bytes[14], to.bytes[15] } };
		n = frame_make(frame, &mac, &peer_mac, ETHERNET_TYPE_IPV6, packet, at + n);
		host_input_on(&s->host, (uint8_t)s->interface, frame, n);
	} else {
		host_input_on(&s->host, (uint8_t)s->interface, packet, at + n);
	}
}

/* Of everything that goes out. */
static void heard(struct stranger *s)
{
	struct ip *ip = s->host.ip;

	for (unsigned n = 0; host_output(&s->host); n++) {
		const uint8_t *bytes = host_out(&s->host);
		struct icmp6 message;
		struct ipv6 packet;
		uint32_t at = 0;

		assert_true(n < 1000);
		if (bytes[0] >> 4 != 6)
			continue;
		assert_int_equal(ipv6_parse(&packet, bytes, host_out_bytes(&s->host)), IPV6_OK);
		if (packet.next_header == IPV6_HOP_BY_HOP)
			at = 8;
		assert_int_equal(icmp6_parse(&message, packet.payload + at, packet.payload_bytes - at, &packet.source,
					     &packet.destination), ICMP6_OK);
		assert_false(address_is_multicast(&packet.source) || address_is_any(&packet.destination));
		if (!address_is_any(&packet.source))
			assert_true(address6_interface(ip, &packet.source) >= 0);
		else    /* only who has no address yet asks from none */
			assert_true(message.type == ICMP6_NEIGHBOUR_SOLICITATION ||
				    message.type == ICMP6_ROUTER_SOLICITATION || message.type == ICMP6_MLD_REPORT_2);
		if (message.type >= ICMP6_ROUTER_SOLICITATION && message.type <= ICMP6_REDIRECT)
			assert_int_equal(packet.hop_limit, 255);
	}
}

static void look(struct stranger *s)
{
	struct ip *ip = s->host.ip;

	for (unsigned i = 0; i < ip->interface_count; i++) {
		const struct interface6 *six = &ip->interfaces[i].six;

		assert_true(six->address_count <= IP6_ADDRESSES_MAX && six->prefix_count <= IP6_PREFIXES_MAX);
		assert_true(six->router_count <= IP6_ROUTERS_MAX && six->route_count <= IP6_ROUTES_MAX);
		assert_true(!six->on || (six->mtu >= IPV6_MTU_LEAST && six->hop_limit > 0));
		for (unsigned k = 0; k < six->router_count; k++)        /* hearsay is of those on the link */
			assert_true(six->routers[k].configured || address_is_link_local(&six->routers[k].address));
		for (unsigned k = 0; k < six->address_count; k++)
			assert_false(address_is_multicast(&six->addresses[k].address));
		if (!six->autoconfigure)
			assert_true(six->prefix_count <= 1 && six->route_count == 0);
		for (unsigned k = 0; k < POOL; k++) {
			struct address remote = a6(pool[k]);
			struct ip_route route;
			int result = ip_route_by(ip, &remote, NULL, pick(s, 3) ? IP_ANY_INTERFACE : (int)i, &route);

			assert_true(result <= 0);
			if (result == 0 && !route.loopback && !address_is_v4(&remote))
				assert_true(address6_interface(ip, &route.local) >= 0 &&
					    !address_is_multicast(&route.next_hop));
		}
	}
	assert_true(ip_deadline(ip) > s->host.now);
}

static void start(struct stranger *s, uint64_t seed)
{
	struct eleven_interface eth = interface6(true), tun = interface6(false), by_hand = interface6(true);
	struct eleven_interface four = tun_interface();

	random_seed(&s->random, seed);
	host_config(&s->host);
	s->host.config.neighbours_max = seed % 2 ? 4 : 64;
	s->host.config.replies_max = seed % 3 ? 64 : 4;
	host_start(&s->host);
	s->host.ethernet = true;
	memset(&eth.address6, 0, sizeof(eth.address6));
	eth.autoconfigure = true;
	tun.address6 = public6("fd01::1");
	tun.autoconfigure = seed % 2;
	by_hand.mac[5] = 0x77;
	assert_int_equal(ip_interface_add(s->host.ip, &eth), 0);
	assert_int_equal(ip_interface_add(s->host.ip, &tun), 1);
	assert_int_equal(ip_interface_add(s->host.ip, &by_hand), 2);
	assert_int_equal(ip_interface_add(s->host.ip, &four), 3);
}

static void test_strangers_on_links_of_ipv6(void **state)
{
	static const uint64_t pauses[] = { 0, 0, 0, MS(1), MS(500), SEC(1), SEC(4), SEC(31), SEC(700) };

	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct stranger s;

		start(&s, seed);
		for (unsigned step = 0; step < 600; step++) {
			struct address remote;
			struct mac mac;
			char text[ADDRESS_TEXT_MAX];

			s.interface = pick(&s, INTERFACES);
			say(&s);
			if (pick(&s, 4) == 0) {                 /* somebody here has something to send */
				remote = someone(&s, false);
				address_print(text, sizeof(text), &remote);
				s.host.ethernet = false;
				if (!address_is_v4(&remote))
					header6_by(&s.host, text, &mac, pick(&s, 2));
				ip_path_suspect(s.host.ip, &remote, &(struct address){ { 0 } }, s.host.now);
				s.host.ethernet = true;
			}
			if (pick(&s, 3) == 0)
				heard(&s);
			host_wait(&s.host, pauses[pick(&s, 9)]);
			look(&s);
		}
		host_free(&s.host);
	}
}

/* The same of ARP and of an address that is probed for first. */
static void test_strangers_on_links_of_arp(void **state)
{
	static const uint32_t addresses[] = { OURS, PEER, ROUTER, AFAR, 0, 0xffffffff, 0x0a0000ff, 0x7f000001,
					      0xe0000001 };

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct eleven_interface interface = ethernet_interface();
		struct stranger s = { .interface = 0 };
		bool was_ours = false;

		random_seed(&s.random, seed);
		host_config(&s.host);
		s.host.config.address_probes = seed % 2 ? 3 : 0;
		s.host.config.neighbours_max = 4;
		host_start(&s.host);
		assert_int_equal(ip_interface_add(s.host.ip, &interface), 0);
		for (unsigned step = 0; step < 600; step++) {
			struct mac sender = pick(&s, 5) ? some_mac(&s) : our_mac;
			struct arp packet = { (uint16_t)(1 + pick(&s, 3)), sender, address_v4(addresses[pick(&s, 9)]),
					      our_mac, address_v4(addresses[pick(&s, 9)]) };
			uint8_t bytes[28], frame[64];
			unsigned n = 0;

			if (pick(&s, 3) == 0 || step > 400) {   /* in the end the quarrel is over */
				struct mac found;

				if (was_ours)
					header_to(&s.host, pick(&s, 2) ? PEER : AFAR, &found);
			} else {
				arp_emit(bytes, &packet);
				frame_make(frame, pick(&s, 2) ? &all_macs : &our_mac, &sender, ETHERNET_TYPE_ARP,
					   bytes, 28);
				host_input(&s.host, frame, 14 + 28 - (pick(&s, 20) ? 0 : pick(&s, 28)));
			}
			for (; host_output(&s.host); n++) {
				struct ethernet ethernet = { 0 };
				struct arp out;

				assert_true(n < 100);
				assert_int_equal(ethernet_parse(&ethernet, s.host.out.slice[0].bytes,
								s.host.out.length), ETHERNET_OK);
				if (ethernet.type != ETHERNET_TYPE_ARP)
					continue;
				assert_int_equal(arp_parse(&out, ethernet.payload, ethernet.payload_bytes), ARP_OK);
				assert_true(mac_eq(&out.sender_mac, &our_mac));
				/* A probe is from nobody (RFC 5227 §1.1), all else from us. */
				assert_true(address_v4_value(&out.sender) == OURS ||
					    (address_v4_value(&out.sender) == 0 && s.host.ip->interfaces[0].tentative));
			}
			host_wait(&s.host, MS(100) * pick(&s, 60));
			was_ours = !s.host.ip->interfaces[0].tentative;
			assert_true(ip_deadline(s.host.ip) > s.host.now);
		}
		host_wait(&s.host, SEC(200));
		while (host_output(&s.host))
			;
		for (int i = 0; i < 10; i++) {
			host_wait(&s.host, SEC(3));
			while (host_output(&s.host))
				;
		}
		assert_false(s.host.ip->interfaces[0].tentative);       /* nobody contends for it any more */
		host_free(&s.host);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strangers_on_links_of_ipv6),
		cmocka_unit_test(test_strangers_on_links_of_arp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
