/* SPDX-License-Identifier: MIT */
/*
 * Memory and time of the network floor: how the block is divided, what is due when.
 */
#include "ip/ip.h"

#include <string.h>

#include "base/check.h"
#include "ip/state.h"

#define ALIGN(n) (((size_t)(n) + 63) & ~(size_t)63)

/* The largest packet of our own: a whole ICMP message in one packet, or an ARP frame. */
static uint32_t out_bytes(const struct eleven_config *config)
{
	uint32_t packet = IPV6_HEADER_BYTES + IPV6_FRAGMENT_BYTES + replies_message_max(config);

	if (packet < IPV6_MTU_LEAST)
		packet = IPV6_MTU_LEAST;        /* a listener's report */
	return ETHERNET_HEADER_BYTES + packet;
}

static size_t peers_bytes(const struct eleven_config *config)
{
	return config->neighbours_max * (sizeof(struct identity) + sizeof(struct next_hop));
}

size_t ip_bytes(const struct eleven_config *config)
{
	return ALIGN(sizeof(struct ip)) + ALIGN(peers_bytes(config)) + ALIGN(neighbours_bytes(config)) +
	       ALIGN(fragments_bytes(config)) + ALIGN(replies_bytes(config)) + ALIGN(out_bytes(config));
}

struct ip *ip_init(void *memory, const struct eleven_config *config, struct trace *trace, uint64_t seed, uint64_t now)
{
	struct ip *ip = memory;
	uint8_t *at = memory;
	struct siphash_key from_seed = { seed ^ config->secret[0],
					 config->secret[1] ^ 0x69702d666c6f6f72ull };   /* any constant of our own */

	CHECK(((uintptr_t)memory & 63) == 0);
	ip->trace = trace;
	ip->now = now;
	ip->key.k0 = siphash_words2(&from_seed, seed, 0);
	ip->key.k1 = siphash_words2(&from_seed, seed, 1);
	if (config->stable_secret)              /* and nothing that differs from start to start */
		from_seed = (struct siphash_key){ config->stable_secret, 0x737461626c65ull };
	ip->stable_key.k0 = siphash_words2(&from_seed, 1, 2);
	ip->stable_key.k1 = siphash_words2(&from_seed, 3, 4);
	ip->gateways_again = ip->id_at = TIME_NEVER;
	at += ALIGN(sizeof(struct ip));
	ip->peers = (uint32_t)config->neighbours_max;
	ip->strong_host = config->strong_host;
	ip->address_probes = (uint8_t)config->address_probes;
	ip->ids = (struct identity *)at;
	ip->next_hops = (struct next_hop *)(ip->ids + ip->peers);
	at += ALIGN(peers_bytes(config));
	neighbours_init(ip, at, config);
	at += ALIGN(neighbours_bytes(config));
	fragments_init(ip, at, config);
	at += ALIGN(fragments_bytes(config));
	replies_init(ip, at, config);
	at += ALIGN(replies_bytes(config));
	ip->out = at;
	ip->out_bytes = out_bytes(config);
	return ip;
}

void ip_clock(struct ip *ip, uint64_t now)
{
	if (now > ip->now)
		ip->now = now;
}

uint64_t ip_chance(struct ip *ip, uint64_t bound)
{
	return siphash_words2(&ip->key, ~0ull, ip->chances++) % bound;
}

void ip_rule(struct ip *ip, enum rule rule, const struct address *local, const struct address *remote,
	     uint8_t interface)
{
	struct eleven_trace *record;

	trace_count(ip->trace, rule);
	if (!trace_wanted(ip->trace, ELEVEN_TRACE_RULE))
		return;
	record = trace_record(ip->trace, ELEVEN_TRACE_RULE, ip->now);
	record->rule = (uint16_t)rule;
	record->interface = interface;
	memcpy(record->local.address.bytes, local->bytes, sizeof(local->bytes));
	memcpy(record->remote.address.bytes, remote->bytes, sizeof(remote->bytes));
}

void ip_timers(struct ip *ip, uint64_t now)
{
	ip_clock(ip, now);
	neighbours_timers(ip);
	identify_timers(ip);
	arp_timers(ip);
	fragments_timers(ip);
	if (ip->six) {
		address6_timers(ip);
		router_timers(ip);
		mld_timers(ip);
	}
}

uint64_t ip_deadline(const struct ip *ip)
{
	uint64_t deadline = neighbours_deadline(ip), arp = arp_deadline(ip), fragments = fragments_deadline(ip);

	if (arp < deadline)
		deadline = arp;
	if (ip->id_at < deadline)
		deadline = ip->id_at;
	if (fragments < deadline)
		deadline = fragments;
	if (ip->six) {
		uint64_t six[3] = { address6_deadline(ip), router_deadline(ip), mld_deadline(ip) };

		for (unsigned i = 0; i < 3; i++)
			if (six[i] < deadline)
				deadline = six[i];
	}
	return deadline;
}
