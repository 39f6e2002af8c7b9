/* SPDX-License-Identifier: MIT */
/*
 * Messages of our own on their way out: ICMP answers and errors, and how many errors there may be.
 *
 * A message that has no neighbour yet waits with the neighbour's entry, the latest one only; the
 * others are in the list `ready` and leave in order, large echo replies in several fragments.
 */
#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "ip/state.h"
#include "wire/checksum.h"

static size_t round_up(size_t n)
{
	return (n + 63) & ~(size_t)63;
}

size_t replies_bytes(const struct eleven_config *config)
{
	uint32_t most = (uint32_t)config->replies_max;

	return round_up(pool_bytes(sizeof(struct reply), most)) + round_up(pool_bytes(sizeof(struct block), most));
}

uint32_t replies_message_max(const struct eleven_config *config)
{
	uint64_t bytes = config->replies_max * BLOCK_BYTES;

	return bytes < UINT16_MAX - IPV4_HEADER_MIN ? (uint32_t)bytes : UINT16_MAX - IPV4_HEADER_MIN;
}

void replies_init(struct ip *ip, uint8_t *memory, const struct eleven_config *config)
{
	struct replies *r = &ip->replies;
	uint32_t most = (uint32_t)config->replies_max;
	uint64_t burst = config->icmp_rate < IP_ICMP_BURST_MAX ? config->icmp_rate : IP_ICMP_BURST_MAX;

	pool_init(&r->pool, memory, sizeof(struct reply), most, offsetof(struct reply, pool_link));
	memory += round_up(pool_bytes(sizeof(struct reply), most));
	pool_init(&r->blocks, memory, sizeof(struct block), most, offsetof(struct block, next));
	list_init(&r->ready, &r->pool, offsetof(struct reply, queue));
	r->token_ns = SEC(1) / config->icmp_rate;
	r->tokens_max_ns = burst * r->token_ns;
	r->tokens_ns = r->tokens_max_ns;
	r->filled = ip->now;
}

void reply_drop(struct ip *ip, uint32_t held)
{
	struct reply *reply = pool_at(&ip->replies.pool, held - 1);

	chain_free(&ip->replies.blocks, reply->chain);
	pool_give(&ip->replies.pool, reply);
}

void reply_release(struct ip *ip, uint32_t held)
{
	list_append(&ip->replies.ready, pool_at(&ip->replies.pool, held - 1));
}

/* On the way, or to wait for the neighbour, whose older message gives way. */
static void reply_start(struct ip *ip, struct reply *reply)
{
	const struct interface *interface = &ip->interfaces[reply->route.interface];
	uint32_t ref = pool_index(&ip->replies.pool, reply) + 1;
	struct neighbour *neighbour;
	struct mac mac;
	int result = 0;

	if (interface->given.kind == ELEVEN_LINK_ETHERNET && !address_is_multicast(&reply->remote))
		result = neighbour_resolve(ip, reply->route.interface, &reply->route.next_hop, &mac, &neighbour);
	if (result == 0) {
		reply_release(ip, ref);
	} else if (result == -EAGAIN) {
		if (neighbour->held) {
			trace_count(ip->trace, RULE_ICMP_HELD_REPLACED);
			reply_drop(ip, neighbour->held);
		}
		neighbour->held = ref;
	} else {
		trace_count(ip->trace, RULE_ICMP_NO_WAY);
		reply_drop(ip, ref);
	}
}

/* What is the same of both families: room, a copy of the message with its checksum, the way. */
static bool reply_begin(struct ip *ip, const struct reply *given, uint8_t head[ICMP_HEADER_BYTES], const uint8_t *tail,
			uint32_t tail_bytes)
{
	bool six = !address_is_v4(&given->remote);
	struct replies *r = &ip->replies;
	struct reply *reply;
	uint32_t sum = 0;
	uint16_t id = 0;

	if (r->pool.used == r->pool.capacity || blocks_for(ICMP_HEADER_BYTES + tail_bytes) > blocks_free(&r->blocks) ||
	    tail_bytes > UINT16_MAX - (six ? 0 : IPV4_HEADER_MIN) - ICMP_HEADER_BYTES) {
		trace_count(ip->trace, RULE_ICMP_NO_ROOM);
		return false;
	}
	if (!six && (IPV4_HEADER_MIN + ICMP_HEADER_BYTES + tail_bytes > IP_ATOMIC_BYTES ||
		     ip_mms_send(&given->route) < ICMP_HEADER_BYTES + tail_bytes) &&
	    !identify(ip, &given->local, &given->remote, IPV4_PROTOCOL_ICMP, &id)) {
		trace_count(ip->trace, RULE_ICMP_ID_LIMITED);
		return false;
	}
	if (six)
		sum = checksum_pseudo_v6(&given->local, &given->remote, IPV6_ICMP, ICMP_HEADER_BYTES + tail_bytes);
	sum = checksum_add(sum, head, ICMP_HEADER_BYTES);
	store_be16(head + 2, checksum_finish(checksum_add(sum, tail, tail_bytes)));
	reply = pool_take(&r->pool);
	CHECK(reply);
	*reply = *given;
	if (!six)
		reply->id = id;
	reply->chain = chain_make(&r->blocks, head, ICMP_HEADER_BYTES, tail, tail_bytes);
	reply->bytes = ICMP_HEADER_BYTES + tail_bytes;
	CHECK(reply->chain);
	reply_start(ip, reply);
	return true;
}

bool reply_send_by(struct ip *ip, const struct ip_route *route, const struct address *remote, uint8_t tos,
		   uint8_t hop_limit, uint8_t head[ICMP_HEADER_BYTES], const uint8_t *tail, uint32_t tail_bytes)
{
	struct reply reply = { .local = route->local, .remote = *remote, .route = *route, .tos = tos,
			       .hop_limit = hop_limit };

	if (IPV6_HEADER_BYTES + ICMP_HEADER_BYTES + tail_bytes > route->mtu)
		reply.id = (uint32_t)ip_chance(ip, 1ull << 32);
	return reply_begin(ip, &reply, head, tail, tail_bytes);
}

bool reply_send(struct ip *ip, const struct address *local, const struct address *remote, uint8_t tos,
		uint8_t head[ICMP_HEADER_BYTES], const uint8_t *tail, uint32_t tail_bytes)
{
	struct reply reply = { .local = *local, .remote = *remote, .tos = tos };

	if (ip_route(ip, remote, local, &reply.route) != 0 || reply.route.loopback) {
		ip_rule(ip, RULE_ICMP_NO_WAY, local, remote, IP_LOOPBACK);
		return false;
	}
	if (!address_is_v4(remote))
		return reply_send_by(ip, &reply.route, remote, tos, 0, head, tail, tail_bytes);
	return reply_begin(ip, &reply, head, tail, tail_bytes);
}

bool reply_error_allowed(struct ip *ip)
{
	struct replies *r = &ip->replies;
	uint64_t passed = ip->now - r->filled;

	r->filled = ip->now;
	r->tokens_ns = passed < r->tokens_max_ns - r->tokens_ns ? r->tokens_ns + passed : r->tokens_max_ns;
	if (r->tokens_ns < r->token_ns)
		return false;
	r->tokens_ns -= r->token_ns;
	return true;
}
