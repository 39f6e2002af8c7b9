/* SPDX-License-Identifier: MIT */
/*
 * What routers tell, at random and much of it nonsense, against a model of RFC 4861 §6.3.4, RFC 4862 §5.5 and
 * RFC 4191 §3.1 that knows only lists and lifetimes: after each message and each pause the stack has what the model
 * has, never more than its bounds, and sends by a way that the model allows.
 */
#include <stdio.h>

#include "ip/host6.h"
#include "ip/state.h"

#define SOURCES    6u
#define PREFIXES   12u
#define FOREVER    0xffffffffu
#define TWO_HOURS  SEC(7200)
#define STEPS      400

struct known_prefix {
	unsigned prefix;
	uint8_t bits;
	uint64_t until;
};

struct known_route {
	unsigned prefix, router;
	uint8_t bits;
	int preference;
	uint64_t until;
};

struct known_address {
	unsigned prefix;
	uint64_t preferred_until, valid_until, formed_at;
};

struct model {
	struct random *random;
	struct host *host;
	bool router[SOURCES], configured[SOURCES], says_router[SOURCES], has_mac[SOURCES];
	int preference[SOURCES];
	uint64_t router_until[SOURCES];
	struct known_prefix prefixes[IP6_PREFIXES_MAX];
	struct known_route routes[IP6_ROUTES_MAX];
	struct known_address addresses[IP6_ADDRESSES_MAX];
	unsigned prefix_count, route_count, address_count;
	uint64_t reachable_ns, retrans_ns;
	uint32_t mtu;
	uint8_t hop_limit;
};

static unsigned pick(struct model *m, unsigned n)
{
	return (unsigned)random_below(m->random, n);
}

static struct address source_address(unsigned router)
{
	struct address address = a6("fe80::f0");

	address.bytes[15] = (uint8_t)(0xf0 + router);
	return address;
}

/* The first ones can be on a link, the last three cannot be told by a router. */
static struct address prefix_address(unsigned prefix)
{
	static const char *const never[] = { "fe80::", "ff05::", "::" };
	struct address address = a6("2001:db8:0:1::");

	if (prefix >= PREFIXES - 3)
		return a6(never[prefix - (PREFIXES - 3)]);
	address.bytes[7] = (uint8_t)(1 + prefix);
	return address;
}

static uint64_t until(const struct model *m, uint32_t seconds)
{
	return seconds == FOREVER ? TIME_NEVER : m->host->now + SEC((uint64_t)seconds);
}

/* ---- the model */

static unsigned router_count(const struct model *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < SOURCES; i++)
		n += m->router[i];
	return n;
}

static void model_router(struct model *m, unsigned source, uint32_t lifetime_s, int preference)
{
	if (m->configured[source])
		return;
	if (lifetime_s == 0) {
		m->router[source] = false;
	} else if (m->router[source] || router_count(m) < IP6_ROUTERS_MAX) {
		m->router[source] = true;
		m->preference[source] = preference == 2 ? 0 : preference;
		m->router_until[source] = until(m, lifetime_s);
	}
}

static bool covered(unsigned a, unsigned b, uint8_t bits)
{
	struct address one = prefix_address(a), two = prefix_address(b);

	return address_in_prefix(&one, &two, bits);
}

static void model_route(struct model *m, unsigned source, const struct nd_route *told, unsigned prefix)
{
	unsigned i = 0;

	if (told->bits > 128 || told->preference == 2)
		return;
	if (told->bits == 0) {
		model_router(m, source, told->lifetime_s, told->preference);
		return;
	}
	while (i < m->route_count && !(m->routes[i].bits == told->bits && m->routes[i].router == source &&
				       covered(m->routes[i].prefix, prefix, told->bits)))
		i++;
	if (told->lifetime_s == 0) {
		if (i < m->route_count)
			m->routes[i] = m->routes[--m->route_count];
	} else if (i < IP6_ROUTES_MAX) {
		m->route_count += i == m->route_count;
		m->routes[i] = (struct known_route){ prefix, source, told->bits, told->preference,
						     until(m, told->lifetime_s) };
	}
}

static void model_on_link(struct model *m, const struct nd_prefix *told, unsigned prefix)
{
	unsigned i = 0;

	while (i < m->prefix_count && !(m->prefixes[i].bits == told->bits &&
					covered(m->prefixes[i].prefix, prefix, told->bits)))
		i++;
	if (told->valid_s == 0) {
		if (i < m->prefix_count)
			m->prefixes[i] = m->prefixes[--m->prefix_count];
	} else if (i < IP6_PREFIXES_MAX) {
		m->prefix_count += i == m->prefix_count;
		m->prefixes[i] = (struct known_prefix){ prefix, told->bits, until(m, told->valid_s) };
	}
}

static void model_autonomous(struct model *m, const struct nd_prefix *told, unsigned prefix)
{
	uint64_t now = m->host->now, valid = told->valid_s == FOREVER ? TIME_NEVER : SEC((uint64_t)told->valid_s);
	struct known_address *address = NULL;

	if (told->preferred_s > told->valid_s || told->bits != 64)
		return;
	for (unsigned i = 0; i < m->address_count; i++)
		if (m->addresses[i].prefix == prefix)
			address = &m->addresses[i];
	if (address) {
		uint64_t left = address->valid_until == TIME_NEVER ? TIME_NEVER : address->valid_until - now;

		address->preferred_until = until(m, told->preferred_s);
		if (valid > TWO_HOURS || valid > left)
			address->valid_until = until(m, told->valid_s);
		else if (left > TWO_HOURS)
			address->valid_until = now + TWO_HOURS;
	} else if (told->valid_s != 0 && m->address_count < IP6_ADDRESSES_MAX - 1) {
		m->addresses[m->address_count++] = (struct known_address){ prefix, until(m, told->preferred_s),
									   until(m, told->valid_s), now };
	}
}

static void model_expire(struct model *m)
{
	uint64_t now = m->host->now;

	for (unsigned i = 0; i < SOURCES; i++)
		m->router[i] = m->router[i] && m->router_until[i] > now;
	for (unsigned i = 0; i < m->prefix_count;)
		if (m->prefixes[i].until <= now)
			m->prefixes[i] = m->prefixes[--m->prefix_count];
		else
			i++;
	for (unsigned i = 0; i < m->route_count;)
		if (m->routes[i].until <= now)
			m->routes[i] = m->routes[--m->route_count];
		else
			i++;
	for (unsigned i = 0; i < m->address_count;)
		if (m->addresses[i].valid_until <= now)
			m->addresses[i] = m->addresses[--m->address_count];
		else
			i++;
}

/* ---- what is said */

static uint32_t lifetime(struct model *m)
{
	static const uint32_t seconds[] = { 0, 1, 2, 600, 7199, 7200, 7201, 90000, 400000, FOREVER };

	return seconds[pick(m, 10)];
}

static size_t say_prefix(struct model *m, uint8_t *out)
{
	static const uint8_t lengths[] = { 64, 64, 64, 64, 64, 48, 56, 128, 0, 129 };
	unsigned prefix = pick(m, PREFIXES);
	struct address address = prefix_address(prefix);
	struct nd_prefix told = { address, lengths[pick(m, 10)], pick(m, 4) != 0, pick(m, 4) != 0, lifetime(m),
				  lifetime(m) };

	memset(out, 0, 32);
	out[0] = ND_OPTION_PREFIX;
	out[1] = 4;
	out[2] = told.bits;
	out[3] = (uint8_t)(0x80 * told.on_link + 0x40 * told.autonomous);
	store_be32(out + 4, told.valid_s);
	store_be32(out + 8, told.preferred_s);
	memcpy(out + 16, address.bytes, 16);
	if (told.bits > 0 && told.bits <= 128 && prefix < PREFIXES - 3) {
		if (told.on_link)
			model_on_link(m, &told, prefix);
		if (told.autonomous)
			model_autonomous(m, &told, prefix);
	}
	return 32;
}

static size_t say_route(struct model *m, unsigned source, uint8_t *out)
{
	static const uint8_t lengths[] = { 0, 48, 60, 64, 64, 128, 129, 255 };
	unsigned prefix = pick(m, PREFIXES - 3), bits = pick(m, 4);
	struct address address = prefix_address(prefix);
	struct nd_route told = { address, lengths[pick(m, 8)], nd_preference(bits), lifetime(m) };
	/* The option may leave out what is behind the prefix: RFC 4191 §2.3. */
	unsigned bytes = told.bits == 0 ? 8 : told.bits <= 64 ? 16 : 24;

	bytes += pick(m, 2) && bytes < 24 ? 8 : 0;
	memset(out, 0, 24);
	out[0] = ND_OPTION_ROUTE;
	out[1] = (uint8_t)(bytes / 8);
	out[2] = told.bits;
	out[3] = (uint8_t)(bits << 3);
	store_be32(out + 4, told.lifetime_s);
	memcpy(out + 8, address.bytes, bytes - 8);
	model_route(m, source, &told, prefix);
	return bytes;
}

static void say_parameters(struct model *m, uint8_t *message)
{
	static const uint32_t ms[] = { 0, 0, 1, 500, 30000, 3600000, 3600001, FOREVER };
	uint32_t reachable = ms[pick(m, 8)], retrans = ms[pick(m, 6)];
	uint64_t most = SEC(3600);

	message[4] = (uint8_t)(pick(m, 3) ? 0 : pick(m, 256));
	store_be32(message + 8, reachable);
	store_be32(message + 12, retrans);
	if (message[4])
		m->hop_limit = message[4];
	if (reachable)
		m->reachable_ns = MS((uint64_t)reachable) > most ? most : MS((uint64_t)reachable);
	if (retrans)
		m->retrans_ns = MS((uint64_t)retrans);
}

static void advertise(struct model *m)
{
	static const uint32_t lifetimes[] = { 0, 1, 1800, 65535 };
	static const uint32_t mtus[] = { 0, 1279, 1280, 1400, 1500, 1501, FOREVER };
	unsigned source = pick(m, SOURCES), preference = pick(m, 4);
	struct mac mac = { { 2, 0, 0, 0, 1, (uint8_t)source } };
	uint32_t life = lifetimes[pick(m, 4)], mtu = mtus[pick(m, 7)];
	struct address from = source_address(source);
	char text[ADDRESS_TEXT_MAX];
	uint8_t message[600] = { ICMP6_ROUTER_ADVERTISEMENT };
	size_t n = 16;

	message[5] = (uint8_t)(preference << 3);
	store_be16(message + 6, (uint16_t)life);
	model_router(m, source, life, nd_preference(preference));
	say_parameters(m, message);
	if (pick(m, 2)) {
		n += nd_mac_emit(message + n, ND_OPTION_SOURCE_MAC, &mac);
		m->has_mac[source] = m->says_router[source] = true;
	}
	store_be32(message + n + 4, mtu);
	message[n] = ND_OPTION_MTU;
	message[n + 1] = 1;
	n += 8;
	if (mtu >= 1280 && mtu <= 1500)
		m->mtu = mtu;
	for (unsigned i = pick(m, 4); i > 0; i--)
		n += say_prefix(m, message + n);
	for (unsigned i = pick(m, 4); i > 0; i--)
		n += say_route(m, source, message + n);
	address_print(text, sizeof(text), &from);
	icmp6_in(m->host, text, "ff02::1", 255, message, n);
	assert_rule(m->host, ROUTER_HEARD);
}

/* "I am no router": RFC 4861 §7.2.5. */
static void retire(struct model *m)
{
	unsigned source = pick(m, SOURCES);
	struct mac mac = { { 2, 0, 0, 0, 1, (uint8_t)source } };
	bool router = pick(m, 2);
	struct address from = source_address(source);
	char text[ADDRESS_TEXT_MAX];
	uint8_t message[64];
	size_t n;

	address_print(text, sizeof(text), &from);
	n = nd_make(message, ICMP6_NEIGHBOUR_ADVERTISEMENT, ND_ADVERT_OVERRIDE | (router ? ND_ADVERT_ROUTER : 0), text,
		    &mac);
	icmp6_in(m->host, text, "ff02::1", 255, message, n);
	if (!m->has_mac[source])
		return;                 /* nobody asked */
	if (m->says_router[source] && !router) {
		m->router[source] = m->router[source] && m->configured[source];
		for (unsigned i = 0; i < m->route_count;)
			if (m->routes[i].router == source)
				m->routes[i] = m->routes[--m->route_count];
			else
				i++;
	}
	m->says_router[source] = router;
}

/* ---- is it the same? */

static void assert_routers(const struct model *m, const struct interface6 *six)
{
	unsigned found = 0;

	for (unsigned i = 0; i < SOURCES; i++) {
		struct address address = source_address(i);

		for (unsigned k = 0; k < six->router_count; k++)
			if (address_eq(&six->routers[k].address, &address)) {
				found++;
				assert_true(m->router[i]);
				assert_int_equal(six->routers[k].preference, m->preference[i]);
				assert_int_equal(six->routers[k].until, m->router_until[i]);
			}
	}
	assert_int_equal(found, six->router_count);
	assert_int_equal(found, router_count(m));
}

static void assert_lists(const struct model *m, const struct interface6 *six)
{
	unsigned found = 0;

	assert_int_equal(six->prefix_count, m->prefix_count);
	for (unsigned i = 0; i < m->prefix_count; i++) {
		struct address prefix = prefix_address(m->prefixes[i].prefix);

		for (unsigned k = 0; k < six->prefix_count; k++)
			found += six->prefixes[k].bits == m->prefixes[i].bits &&
				 six->prefixes[k].until == m->prefixes[i].until &&
				 address_in_prefix(&prefix, &six->prefixes[k].prefix, six->prefixes[k].bits);
	}
	assert_int_equal(found, m->prefix_count);
	assert_int_equal(six->route_count, m->route_count);
	found = 0;
	for (unsigned i = 0; i < m->route_count; i++) {
		struct address prefix = prefix_address(m->routes[i].prefix);
		struct address router = source_address(m->routes[i].router);

		for (unsigned k = 0; k < six->route_count; k++)
			found += six->routes[k].bits == m->routes[i].bits &&
				 six->routes[k].until == m->routes[i].until &&
				 address_eq(&six->routes[k].router, &router) &&
				 six->routes[k].preference == m->routes[i].preference &&
				 address_in_prefix(&prefix, &six->routes[k].prefix, six->routes[k].bits);
	}
	assert_int_equal(found, m->route_count);
}

static void assert_addresses(const struct model *m, const struct interface6 *six, bool aged)
{
	uint64_t now = m->host->now;

	assert_int_equal(six->address_count, m->address_count + 1);
	for (unsigned i = 0; i < m->address_count; i++) {
		const struct known_address *known = &m->addresses[i];
		struct address prefix = prefix_address(known->prefix);
		const struct address6 *own = NULL;

		for (unsigned k = 0; k < six->address_count; k++)
			if (address_in_prefix(&six->addresses[k].address, &prefix, 64))
				own = &six->addresses[k];
		assert_non_null(own);
		assert_int_equal(own->preferred_until, known->preferred_until);
		assert_int_equal(own->valid_until, known->valid_until);
		if (!aged)
			continue;
		if (own->state != ADDRESS6_TENTATIVE)
			assert_int_equal(own->state == ADDRESS6_DEPRECATED, known->preferred_until <= now);
		else
			assert_true(own->dad_until == 0 || now < own->dad_until);
	}
}

/* By the longest prefix, then the most preferred: of those that the model knows. */
static void assert_way(struct model *m, const struct interface6 *six)
{
	unsigned prefix = pick(m, PREFIXES - 3);
	struct address remote = prefix_address(prefix), first;
	int bits = -1, preference = -2;
	bool on_link = false, allowed = false;

	remote.bytes[15] = (uint8_t)(1 + pick(m, 2));
	if (address6_interface(m->host->ip, &remote) >= 0)
		return;
	for (unsigned i = 0; i < m->prefix_count; i++) {
		struct address known = prefix_address(m->prefixes[i].prefix);

		on_link |= address_in_prefix(&remote, &known, m->prefixes[i].bits);
	}
	assert_int_equal(route6_is_on_link(six, &remote), on_link);
	for (unsigned i = 0; i < m->route_count; i++) {
		struct address known = prefix_address(m->routes[i].prefix);

		if (address_in_prefix(&remote, &known, m->routes[i].bits) &&
		    (m->routes[i].bits > bits ||
		     (m->routes[i].bits == bits && m->routes[i].preference > preference))) {
			bits = m->routes[i].bits;
			preference = m->routes[i].preference;
		}
	}
	for (unsigned i = 0; i < SOURCES && bits <= 0; i++)
		if (m->router[i] && m->preference[i] > preference) {
			bits = 0;
			preference = m->preference[i];
		}
	if (!route6_first_hop(m->host->ip, 0, &remote, &first)) {
		assert_true(!on_link && bits < 0);
		return;
	}
	for (unsigned i = 0; i < m->route_count; i++) {
		struct address router = source_address(m->routes[i].router);
		struct address known = prefix_address(m->routes[i].prefix);

		allowed |= m->routes[i].bits == bits && m->routes[i].preference == preference &&
			   address_eq(&router, &first) && address_in_prefix(&remote, &known, (uint8_t)bits);
	}
	for (unsigned i = 0; i < SOURCES && bits == 0; i++) {
		struct address router = source_address(i);

		allowed |= m->router[i] && m->preference[i] == preference && address_eq(&router, &first);
	}
	assert_true(on_link ? address_eq(&first, &remote) : allowed);
}

static void assert_same(struct model *m, bool aged)
{
	const struct interface6 *six = &m->host->ip->interfaces[0].six;

	assert_routers(m, six);
	assert_lists(m, six);
	assert_addresses(m, six, aged);
	assert_int_equal(six->hop_limit, m->hop_limit);
	assert_int_equal(six->mtu, m->mtu);
	assert_int_equal(ip_mtu6(m->host->ip, 0), m->mtu);
	assert_int_equal(six->retrans_ns, m->retrans_ns);
	assert_int_equal(six->reachable_base_ns, m->reachable_ns);
	assert_in_range(six->reachable_ns, m->reachable_ns / 2, m->reachable_ns / 2 + m->reachable_ns);
	for (int i = 0; i < 4; i++)
		assert_way(m, six);
}

static void model_start(struct model *m, struct host *host, struct random *random, bool gateway)
{
	struct eleven_interface interface = interface6(true);

	*m = (struct model){ .random = random, .host = host, .hop_limit = 64, .mtu = 1500, .retrans_ns = SEC(1),
			     .reachable_ns = SEC(30) };
	host_config(host);
	host_start(host);
	host->ethernet = true;
	memset(&interface.address6, 0, sizeof(interface.address6));
	interface.autoconfigure = true;
	if (gateway) {
		interface.gateway6 = public6("fe80::f0");
		m->router[0] = m->configured[0] = true;
		m->router_until[0] = TIME_NEVER;
	}
	assert_int_equal(ip_interface_add(host->ip, &interface), 0);
}

/* 4861-§6.3.4-R1, 4862-§5.5.3-R1: against the model. */
static void test_4861_6_3_4_R1_4862_5_5_3_R1_model(void **state)
{
	static const uint64_t pauses[] = { 0, 0, MS(1), SEC(1), SEC(2), SEC(5), SEC(600), SEC(7200), SEC(86400) };

	(void)state;
	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct random random;
		struct model m;
		struct host host;

		random_seed(&random, seed);
		model_start(&m, &host, &random, seed % 3 == 0);
		for (int step = 0; step < STEPS; step++) {
			if (pick(&m, 8) == 0)
				retire(&m);
			else
				advertise(&m);
			assert_same(&m, false);
			host6_drain(&host);
			host_wait(&host, pauses[pick(&m, 9)]);
			model_expire(&m);
			assert_same(&m, true);
			assert_true(ip_deadline(host.ip) > host.now);   /* nobody spins */
		}
		host_free(&host);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_4861_6_3_4_R1_4862_5_5_3_R1_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
