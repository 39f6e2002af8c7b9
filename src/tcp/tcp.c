/* SPDX-License-Identifier: MIT */
/* The beginning of a TCP: its pools and tables in the memory it was given. */
#include "tcp/tcp.h"

#include <stddef.h>
#include <string.h>

#include "tcp/auth.h"
#include "tcp/connection.h"

struct layout {
	size_t tcbs, syn_received, time_wait, reassembly, sent, cold, connections, bound, replies, fast_open, ports;
	size_t buffers, auths, auth_keys;
	size_t bytes;
};

static size_t place(size_t *at, size_t bytes)
{
	size_t here = (*at + 63) & ~(size_t)63;

	*at = here + bytes;
	return here;
}

static uint32_t reassembly_bytes(const struct eleven_config *config)
{
	size_t bytes = offsetof(struct reassembly, ranges) + RANGES_BYTES(config->gaps_max);

	return (uint32_t)((bytes + 7) & ~(size_t)7);
}

/* A power of two: as many destinations as there may be connections, within reason. */
static uint32_t port_counters(const struct eleven_config *config)
{
	uint32_t n = 16;

	while (n < config->connections_max && n < 65536)
		n *= 2;
	return n;
}

static struct layout layout_of(const struct eleven_config *config)
{
	size_t at = sizeof(struct tcp);
	uint32_t tcbs = (uint32_t)config->connections_max;
	uint32_t syns = (uint32_t)config->syn_received_max;
	uint32_t waits = (uint32_t)config->time_wait_max;
	struct layout l;

	l.tcbs = place(&at, pool_bytes(sizeof(struct tcb), tcbs));
	l.syn_received = place(&at, pool_bytes(sizeof(struct syn_received), syns));
	l.time_wait = place(&at, pool_bytes(sizeof(struct time_wait), waits));
	l.reassembly = place(&at, pool_bytes(reassembly_bytes(config), (uint32_t)config->reassembly_max));
	l.sent = place(&at, pool_bytes(sizeof(struct sent), (uint32_t)config->sent_records_max));
	l.cold = place(&at, pool_bytes(sizeof(struct cold), (uint32_t)config->cold_max));
	l.connections = place(&at, table_bytes(tcbs + syns + waits));
	l.bound = place(&at, table_bytes(tcbs));
	l.replies = place(&at, config->replies_max * sizeof(struct reply));
	l.fast_open = place(&at, config->fast_open_peers_max * sizeof(struct fast_open_peer));
	l.auths = place(&at, pool_bytes(sizeof(struct auth), (uint32_t)config->auth_keys_max));
	l.auth_keys = place(&at, pool_bytes(sizeof(struct auth_key), (uint32_t)config->auth_keys_max));
	l.ports = place(&at, port_counters(config) * sizeof(uint16_t));
	at = (at + 4095) & ~(size_t)4095;
	l.buffers = place(&at, buffers_bytes(config->buffer_bytes, (unsigned)config->buffer_unit_shift));
	l.bytes = at;
	return l;
}

size_t tcp_bytes(const struct eleven_config *config)
{
	return layout_of(config).bytes;
}

static struct siphash_key key_from(struct random *random)
{
	uint64_t k0 = random_next(random);

	return (struct siphash_key){ k0, random_next(random) };
}

/*
 * With a secret every key is a hash of it, and so is what chance begins with: from the numbers of xoshiro, of which
 * some are seen outside, nobody gets back to the keys.
 */
static void secrets_init(struct tcp *tcp, const struct eleven_config *config)
{
	const struct siphash_key secret = { config->secret[0], config->secret[1] };
	struct siphash_key *const keys[] = { &tcp->table_key, &tcp->iss_key, &tcp->fast_open_key[0], &tcp->port_key };

	if (!secret.k0 && !secret.k1) {
		random_seed(&tcp->random, config->seed);
		for (unsigned i = 0; i < 4; i++)
			*keys[i] = key_from(&tcp->random);
		return;
	}
	for (uint64_t i = 0; i < 4; i++) {
		uint64_t text[2] = { 2 * i, config->seed };

		keys[i]->k0 = siphash(&secret, text, sizeof(text));
		text[0]++;
		keys[i]->k1 = siphash(&secret, text, sizeof(text));
	}
	random_seed(&tcp->random, siphash(&secret, "chance", 6) ^ config->seed);
}

void tcp_configure(struct tcp *tcp, const struct eleven_config *config)
{
	size_t sizes = offsetof(struct eleven_config, initial_window);          /* those of memory stand before it */

	memcpy((uint8_t *)&tcp->config + sizes, (const uint8_t *)config + sizes, sizeof(*config) - sizes);
}

struct tcp *tcp_init(void *memory, const struct eleven_config *config, struct trace *trace, uint64_t now)
{
	struct layout l = layout_of(config);
	uint8_t *base = memory;
	struct tcp *tcp = memory;
	uint32_t entries = (uint32_t)(config->connections_max + config->syn_received_max + config->time_wait_max);

	tcp->config = *config;
	tcp->trace = trace;
	tcp->now = now;
	secrets_init(tcp, config);
	pool_init(&tcp->tcbs, base + l.tcbs, sizeof(struct tcb), (uint32_t)config->connections_max,
		  offsetof(struct tcb, next));
	pool_init(&tcp->syn_received, base + l.syn_received, sizeof(struct syn_received),
		  (uint32_t)config->syn_received_max, offsetof(struct syn_received, link));
	pool_init(&tcp->time_wait, base + l.time_wait, sizeof(struct time_wait), (uint32_t)config->time_wait_max,
		  offsetof(struct time_wait, link));
	pool_init(&tcp->reassembly, base + l.reassembly, reassembly_bytes(config), (uint32_t)config->reassembly_max,
		  offsetof(struct reassembly, link));
	pool_init(&tcp->sent, base + l.sent, sizeof(struct sent), (uint32_t)config->sent_records_max,
		  offsetof(struct sent, next));
	pool_init(&tcp->cold, base + l.cold, sizeof(struct cold), (uint32_t)config->cold_max,
		  offsetof(struct cold, link));
	pool_init(&tcp->auths, base + l.auths, sizeof(struct auth), (uint32_t)config->auth_keys_max,
		  offsetof(struct auth, link));
	pool_init(&tcp->auth_keys, base + l.auth_keys, sizeof(struct auth_key), (uint32_t)config->auth_keys_max,
		  offsetof(struct auth_key, link));
	tcp->clock_seen = now;
	tcp->clock_step = CLOCK_STEP_MOST_NS;
	table_init(&tcp->connections, base + l.connections, entries);
	table_init(&tcp->bound, base + l.bound, (uint32_t)config->connections_max);
	tcp->replies = (struct reply *)(void *)(base + l.replies);
	tcp->port_counters = (uint16_t *)(void *)(base + l.ports);
	tcp->port_counters_mask = port_counters(config) - 1;
	tcp->fast_open_peers = (struct fast_open_peer *)(void *)(base + l.fast_open);
	buffers_init(&tcp->buffers, base + l.buffers, config->buffer_bytes, (unsigned)config->buffer_unit_shift);
	wheel_init(&tcp->wheel, base, now);
	tcp->ready = tcp->parked = tcp->signals = (struct list){ NONE, NONE };
	return tcp;
}

void tcp_interface_v6_set(struct tcp *tcp, uint8_t interface, uint32_t mtu)
{
	tcp->interface[interface].mtu_v6 = mtu;
}

void tcp_interface_set(struct tcp *tcp, uint8_t interface, uint32_t mtu, uint32_t segment_bytes_max)
{
	CHECK(interface < TCP_INTERFACES);
	tcp->interface[interface] = (struct tcp_interface){ .mtu = mtu, .segment_bytes_max = segment_bytes_max };
}
