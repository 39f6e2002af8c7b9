/* SPDX-License-Identifier: MIT */
/*
 * One network floor and the hand that feeds it: 10.0.0.1/24 on a tun (interface 0) or on Ethernet.
 * Packets go in as copies of exactly their size, so that AddressSanitizer sees every byte read too far.
 */
#ifndef TESTS_IP_HOST_H
#define TESTS_IP_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "base/time.h"
#include "ip/ip.h"
#include "trace/trace.h"
#include "wire/arp.h"
#include "wire/checksum.h"
#include "wire/ethernet.h"
#include "wire/icmp.h"
#include "wire/ipv4.h"

#include "../memory.h"
#include "../profile.h"

#define OURS   0x0a000001u      /* 10.0.0.1 */
#define PEER   0x0a000002u      /* 10.0.0.2, on the link */
#define AFAR   0xc0000201u      /* 192.0.2.1 */
#define ROUTER 0x0a0000feu      /* 10.0.0.254 */

static const struct mac our_mac = { { 2, 0, 0, 0, 0, 1 } };
static const struct mac peer_mac = { { 2, 0, 0, 0, 0, 2 } };
static const struct mac other_mac = { { 2, 0, 0, 0, 0, 9 } };
static const struct mac all_macs = { { 255, 255, 255, 255, 255, 255 } };

struct host {
	struct eleven_config config;
	struct trace trace;
	struct ip *ip;
	void *memory, *ring;
	uint8_t *packet;                /* the last one given in */
	uint64_t before[RULES];         /* counts at the last look */
	uint64_t now;
	bool ethernet;
	struct ip_datagram datagram;
	struct ip_error error;
	struct eleven_out out;
};

static inline struct eleven_address public_v4(uint32_t value)
{
	struct address address = address_v4(value);
	struct eleven_address public;

	memcpy(public.bytes, address.bytes, sizeof(public.bytes));
	return public;
}

static inline void host_start(struct host *host)
{
	host->memory = memory_take(ip_bytes(&host->config));
	host->ring = calloc(1, trace_bytes(64));
	trace_init(&host->trace, host->ring, 64);
	host->now = SEC(1000);
	host->ip = ip_init(host->memory, &host->config, &host->trace, 42, host->now);
}

static inline void host_config(struct host *host)
{
	memset(host, 0, sizeof(*host));
	config_choose(&host->config, ELEVEN_MODERN);
}

static inline struct eleven_interface tun_interface(void)
{
	return (struct eleven_interface){ .kind = ELEVEN_LINK_IP, .address = public_v4(OURS), .prefix_bits = 24,
					  .mtu = 1500 };
}

static inline struct eleven_interface ethernet_interface(void)
{
	struct eleven_interface interface = tun_interface();

	interface.kind = ELEVEN_LINK_ETHERNET;
	interface.gateway = public_v4(ROUTER);
	memcpy(interface.mac, our_mac.bytes, sizeof(interface.mac));
	return interface;
}

static inline void host_make_tun(struct host *host)
{
	struct eleven_interface interface = tun_interface();

	host_config(host);
	host_start(host);
	assert_int_equal(ip_interface_add(host->ip, &interface), 0);
}

/* What comes in by one interface may be for the address of another (RFC 1122 §3.3.4.2). */
static inline void host_make_weak(struct host *host)
{
	struct eleven_interface interface = tun_interface();

	host_config(host);
	host->config.strong_host = 0;
	host_start(host);
	assert_int_equal(ip_interface_add(host->ip, &interface), 0);
}

static inline void host_make_ethernet(struct host *host)
{
	struct eleven_interface interface = ethernet_interface();

	host_config(host);
	host_start(host);
	assert_int_equal(ip_interface_add(host->ip, &interface), 0);
	host->ethernet = true;
}

static inline void host_free(struct host *host)
{
	free(host->packet);
	memory_return(host->memory);
	free(host->ring);
}

/* How often the rule was taken since the last time it was asked for. */
static inline unsigned host_taken(struct host *host, enum rule rule)
{
	uint64_t taken = host->trace.counts[rule] - host->before[rule];

	host->before[rule] = host->trace.counts[rule];
	return (unsigned)taken;
}

#define assert_rule(host, rule) assert_int_equal(host_taken(host, RULE_##rule), 1)
#define assert_no_rule(host, rule) assert_int_equal(host_taken(host, RULE_##rule), 0)

static inline enum ip_input host_input_on(struct host *host, uint8_t interface, const void *bytes, size_t n)
{
	struct eleven_packet packet = { .length = (uint32_t)n, .interface = interface };

	free(host->packet);
	host->packet = malloc(n ? n : 1);
	if (n)
		memcpy(host->packet, bytes, n);
	packet.bytes = host->packet;
	return ip_input(host->ip, &packet, &host->datagram, &host->error, host->now);
}

static inline enum ip_input host_input(struct host *host, const void *bytes, size_t n)
{
	return host_input_on(host, 0, bytes, n);
}

static inline bool host_output(struct host *host)
{
	return ip_output(host->ip, &host->out, host->now);
}

static inline void host_wait(struct host *host, uint64_t ns)
{
	host->now += ns;
	ip_timers(host->ip, host->now);
}

/* The packet last put out, without its Ethernet header. */
static inline const uint8_t *host_out(const struct host *host)
{
	return host->out.slice[0].bytes + host->out.network_offset;
}

static inline size_t host_out_bytes(const struct host *host)
{
	return host->out.length - host->out.network_offset;
}

/* An IPv4 packet into `out`; returns its length.  `fields` gives the rest. */
static inline size_t packet_make(uint8_t *out, uint32_t source, uint32_t destination, uint8_t protocol,
				 const void *payload, size_t n, const struct ipv4 *fields)
{
	struct ipv4 packet = { .ttl = 64 };
	unsigned header;

	if (fields)
		packet = *fields;
	packet.source = address_v4(source);
	packet.destination = address_v4(destination);
	packet.protocol = protocol;
	packet.payload_bytes = (uint32_t)n;
	header = ipv4_emit(out, &packet);
	if (n)
		memcpy(out + header, payload, n);
	return header + n;
}

static inline size_t frame_make(uint8_t *out, const struct mac *destination, const struct mac *source, uint16_t type,
				const void *payload, size_t n)
{
	struct ethernet frame = { .destination = *destination, .source = *source, .type = type };
	unsigned header = ethernet_emit(out, &frame);

	if (n)
		memcpy(out + header, payload, n);
	return header + n;
}

/* Header checksum put right again after a byte was changed. */
static inline void packet_fix(uint8_t *packet)
{
	store_be16(packet + 10, 0);
	store_be16(packet + 10, checksum_finish(checksum_add(0, packet, (packet[0] & 15u) * 4)));
}

/* What the packet last put out says, checked: a good IPv4 header and an ICMP message with a good checksum. */
static inline struct icmp host_out_icmp(const struct host *host, struct ipv4 *packet)
{
	struct icmp message;

	assert_int_equal(ipv4_parse(packet, host_out(host), host_out_bytes(host)), IPV4_OK);
	assert_int_equal(packet->protocol, IPV4_PROTOCOL_ICMP);
	assert_int_equal(icmp_parse(&message, packet->payload, packet->payload_bytes), ICMP_OK);
	return message;
}

static inline size_t message_make(uint8_t *out, uint8_t type, uint8_t code, uint32_t rest, const void *payload,
				  size_t n)
{
	struct icmp message = { type, code, 0, rest, payload, (uint32_t)n };

	return icmp_emit(out, 65535, &message);
}

static inline enum ip_input message_input(struct host *host, uint32_t source, uint32_t destination, uint8_t type,
					  uint8_t code, uint32_t rest, const void *payload, size_t n)
{
	static uint8_t message[65535], packet[65535];
	size_t bytes = message_make(message, type, code, rest, payload, n);

	return host_input(host, packet, packet_make(packet, source, destination, 1, message, bytes, NULL));
}

#endif
