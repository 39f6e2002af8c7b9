/* SPDX-License-Identifier: MIT */
/*
 * Reassembly of fragments (RFC 791 §3.2, RFC 1122 §3.3.2; RFC 8200 §4.5 for IPv6).
 *
 * Theory of operation.  An assembly is a datagram of which fragments are here, found by source,
 * destination, protocol (of IPv6: none) and identification.  Its fragments are chains of blocks in order of
 * offset, of which no two overlap: so the bytes held reach the total exactly when all is here.
 *
 * A fragment that overlaps another, or that contradicts the end seen, breaks the assembly: the
 * whole datagram is refused, also what of it is still to come.  RFC 5722 demands this of IPv6.
 * RFC 791 would let the later fragment win, but no honest sender makes such fragments, every
 * implementation resolves them differently, and the difference is what teardrop crashes and
 * firewall evasion (RFC 1858, RFC 3128) live on; to refuse is the one answer with no second reading.
 * The same fragment once more is a duplicate of the network and dropped alone.
 *
 * Limits: fragments_max assemblies, fragment_bytes of blocks, FRAGMENTS_MAX fragments in one, so a search is
 * short.  Under a flood the assembly longest without a fragment makes room.  Whatever is not
 * whole within FRAGMENT_TIMEOUT_NS of its first packet goes, with an ICMP error to the sender if
 * the first fragment is here.
 */
#include <string.h>

#include "base/check.h"
#include "ip/state.h"
#include "wire/checksum.h"

#define FRAGMENT_TIMEOUT_NS  SEC(60)    /* RFC 1122 §3.3.2: fixed, between 60 and 120 s */
#define FRAGMENTS_MAX        256u       /* in one datagram: 64 KiB in packets of 296 bytes, a small link's */
#define FRAGMENT_TCP_BYTES   20u        /* the fixed TCP header is in the first fragment: RFC 3128, RFC 1858 §3.2 */

static size_t round_up(size_t n)
{
	return (n + 63) & ~(size_t)63;
}

static uint32_t block_count(const struct eleven_config *config)
{
	return (uint32_t)(config->fragment_bytes / sizeof(struct block));
}

static uint32_t whole_room(const struct eleven_config *config)
{
	uint64_t bytes = (uint64_t)block_count(config) * BLOCK_BYTES;

	return bytes < UINT16_MAX ? (uint32_t)bytes : UINT16_MAX;
}

size_t fragments_bytes(const struct eleven_config *config)
{
	uint32_t most = (uint32_t)config->fragments_max;

	return round_up(table_bytes(most)) + round_up(pool_bytes(sizeof(struct assembly), most)) +
	       round_up(pool_bytes(sizeof(struct block), block_count(config))) +
	       round_up(IP_FRAGMENT_HEADER_MAX + whole_room(config));
}

void fragments_init(struct ip *ip, uint8_t *memory, const struct eleven_config *config)
{
	struct fragments *f = &ip->fragments;
	uint32_t most = (uint32_t)config->fragments_max;

	table_init(&f->table, memory, most);
	memory += round_up(table_bytes(most));
	pool_init(&f->pool, memory, sizeof(struct assembly), most, offsetof(struct assembly, pool_link));
	memory += round_up(pool_bytes(sizeof(struct assembly), most));
	pool_init(&f->blocks, memory, sizeof(struct block), block_count(config), offsetof(struct block, next));
	memory += round_up(pool_bytes(sizeof(struct block), block_count(config)));
	f->whole = memory;
	f->whole_bytes = whole_room(config);
	list_init(&f->age, &f->pool, offsetof(struct assembly, age));
	list_init(&f->use, &f->pool, offsetof(struct assembly, use));
}

static void fragment_rule(struct ip *ip, enum rule rule, const struct assembly *a)
{
	ip_rule(ip, rule, &a->destination, &a->source, a->interface);
}

static void assembly_empty(struct ip *ip, struct assembly *a)
{
	while (a->first) {
		uint32_t next = block_at(&ip->fragments.blocks, a->first)->next_piece;

		chain_free(&ip->fragments.blocks, a->first);
		a->first = next;
	}
	a->last = 0;
	a->fragments = 0;
	a->held = 0;
}

static void assembly_free(struct ip *ip, struct assembly *a)
{
	struct fragments *f = &ip->fragments;

	assembly_empty(ip, a);
	list_remove(&f->age, a);
	list_remove(&f->use, a);
	table_remove(&f->table, a->hash, pool_index(&f->pool, a) + 1);
	pool_give(&f->pool, a);
}

/* Broken for good: kept without its bytes until its time is over, to drop what is still to come. */
static void assembly_refuse(struct ip *ip, struct assembly *a, enum rule rule)
{
	fragment_rule(ip, rule, a);
	assembly_empty(ip, a);
	a->refused = true;
}

static struct assembly *assembly_find(struct ip *ip, const struct fragment *packet, uint32_t hash)
{
	const struct table *table = &ip->fragments.table;
	uint32_t cursor;

	for (uint32_t ref = table_find_first(table, hash, &cursor); ref; ref = table_find_next(table, hash, &cursor)) {
		struct assembly *a = pool_at(&ip->fragments.pool, ref - 1);

		if (a->id == packet->id && a->protocol == packet->protocol && address_eq(&a->source, &packet->source) &&
		    address_eq(&a->destination, &packet->destination))
			return a;
	}
	return NULL;
}

static uint32_t fragment_hash(const struct ip *ip, const struct fragment *packet)
{
	uint8_t bytes[37];

	memcpy(bytes, packet->source.bytes, 16);
	memcpy(bytes + 16, packet->destination.bytes, 16);
	store_be32(bytes + 32, packet->id);
	bytes[36] = packet->protocol;
	return (uint32_t)siphash(&ip->key, bytes, sizeof(bytes));
}

/* The datagram's assembly, made if it has none; it is now the last to be thrown out. */
static struct assembly *assembly_get(struct ip *ip, const struct fragment *packet)
{
	struct fragments *f = &ip->fragments;
	uint32_t hash = fragment_hash(ip, packet);
	struct assembly *a = assembly_find(ip, packet, hash);

	if (a) {
		list_remove(&f->use, a);
		list_append(&f->use, a);
		return a;
	}
	if (f->pool.used == f->pool.capacity) {
		fragment_rule(ip, RULE_FRAGMENT_EVICTED, list_first(&f->use));
		assembly_free(ip, list_first(&f->use));
	}
	a = pool_take(&f->pool);
	*a = (struct assembly){ .hash = hash, .source = packet->source, .destination = packet->destination,
				.id = packet->id, .protocol = packet->protocol, .interface = packet->interface,
				.deadline = ip->now + FRAGMENT_TIMEOUT_NS };
	list_append(&f->age, a);
	list_append(&f->use, a);
	table_insert(&f->table, hash, pool_index(&f->pool, a) + 1);
	return a;
}

/*
 * The last fragment that begins before `offset`, index + 1, 0: none.  Fragments mostly come in order, so the
 * last is looked at first.
 */
static uint32_t assembly_before(struct ip *ip, const struct assembly *a, uint32_t offset)
{
	const struct pool *blocks = &ip->fragments.blocks;
	uint32_t before = 0, steps = 0;

	if (a->last && block_at(blocks, a->last)->offset < offset)
		return a->last;
	for (uint32_t at = a->first; at && block_at(blocks, at)->offset < offset; steps++) {
		before = at;
		at = block_at(blocks, at)->next_piece;
	}
	if (steps > ip->fragments.steps_most)
		ip->fragments.steps_most = steps;
	return before;
}

/* What is wrong with the fragment beside those that are here; RULE_NONE: nothing. */
static enum rule assembly_fault(const struct ip *ip, const struct assembly *a, const struct fragment *packet,
				uint32_t before)
{
	const struct pool *blocks = &ip->fragments.blocks;
	uint32_t offset = packet->offset, end = offset + packet->payload_bytes;
	uint32_t after = before ? block_at(blocks, before)->next_piece : a->first;
	const struct block *last = a->last ? block_at(blocks, a->last) : NULL;

	if (a->total && (packet->more ? end >= a->total : end != a->total))
		return RULE_FRAGMENT_END_MOVED;
	if (!a->total && !packet->more && last && (uint32_t)last->offset + last->bytes >= end)
		return RULE_FRAGMENT_END_MOVED;         /* that one said that more follows */
	if (before && (uint32_t)block_at(blocks, before)->offset + block_at(blocks, before)->bytes > offset)
		return RULE_FRAGMENT_OVERLAP;
	if (after && block_at(blocks, after)->offset < end) {
		const struct block *piece = block_at(blocks, after);

		return piece->offset == offset && piece->bytes == packet->payload_bytes ? RULE_FRAGMENT_DUPLICATE
											 : RULE_FRAGMENT_OVERLAP;
	}
	if (a->fragments == FRAGMENTS_MAX)
		return RULE_FRAGMENT_TOO_MANY;
	return RULE_NONE;
}

/* Blocks for the fragment, at the cost of older assemblies; 0: too few even so. */
static uint32_t fragment_keep(struct ip *ip, const struct assembly *a, const struct fragment *packet)
{
	struct fragments *f = &ip->fragments;

	while (blocks_free(&f->blocks) < blocks_for(packet->payload_bytes)) {
		struct assembly *oldest = list_first(&f->use);

		if (oldest == a)
			return 0;
		fragment_rule(ip, RULE_FRAGMENT_EVICTED, oldest);
		assembly_free(ip, oldest);
	}
	return chain_make(&f->blocks, packet->payload, packet->payload_bytes, NULL, 0);
}

static void assembly_insert(struct ip *ip, struct assembly *a, const struct fragment *packet, uint32_t before,
			    uint32_t chain)
{
	const struct pool *blocks = &ip->fragments.blocks;
	struct block *piece = block_at(blocks, chain);

	piece->offset = (uint16_t)packet->offset;
	piece->next_piece = before ? block_at(blocks, before)->next_piece : a->first;
	if (before)
		block_at(blocks, before)->next_piece = chain;
	else
		a->first = chain;
	if (before == a->last)
		a->last = chain;
	a->fragments++;
	a->held += packet->payload_bytes;
	a->ecn_seen |= (uint8_t)(1u << (packet->tos & 3));
	if (!packet->more)
		a->total = packet->offset + packet->payload_bytes;
}

/*
 * The ECN field of the whole, RFC 3168 §5.3: congestion told on one fragment is told of all, unless another
 * says that the sender does not do ECN; then the datagram is dropped (false).
 */
static bool assembly_ecn(const struct assembly *a, uint8_t *ecn)
{
	*ecn = a->tos & 3;
	if (!(a->ecn_seen >> IPV4_ECN_CE & 1))
		return true;
	*ecn = IPV4_ECN_CE;
	return !(a->ecn_seen >> IPV4_ECN_NOT_ECT & 1);
}

/* The header of the whole, in front of the payload: where, and the length of it in *bytes. */
static uint8_t *assembly_header(const struct assembly *a, uint8_t *payload, uint8_t ecn, uint16_t *bytes)
{
	bool six = a->protocol == IPV6_FRAGMENT;
	uint8_t *header;

	*bytes = six ? a->header_bytes - IPV6_FRAGMENT_BYTES : a->header_bytes;
	header = payload - *bytes;
	memcpy(header, a->header, *bytes);
	if (six) {
		store_be32(header, (load_be32(header) & ~(3u << 20)) | (uint32_t)ecn << 20);
		store_be16(header + 4, (uint16_t)(*bytes - IPV6_HEADER_BYTES + a->total));
		header[a->named_at] = a->next_header;
		return header;
	}
	header[1] = (uint8_t)((a->tos & ~3) | ecn);
	store_be16(header + 2, (uint16_t)(*bytes + a->total));
	store_be16(header + 6, 0);
	store_be16(header + 10, 0);
	store_be16(header + 10, checksum_finish(checksum_add(0, header, *bytes)));
	return header;
}

/* Puts header and payload together, and gives the assembly up. */
static bool assembly_join(struct ip *ip, struct assembly *a, struct ip_datagram *datagram)
{
	struct fragments *f = &ip->fragments;
	bool six = a->protocol == IPV6_FRAGMENT;
	uint8_t *payload = f->whole + IP_FRAGMENT_HEADER_MAX, ecn;
	uint32_t total = a->header_bytes + a->total - (six ? IPV6_HEADER_BYTES + IPV6_FRAGMENT_BYTES : 0);

	CHECK(a->header_bytes >= IPV4_HEADER_MIN && a->total <= f->whole_bytes);
	if (total > UINT16_MAX || !assembly_ecn(a, &ecn)) {
		fragment_rule(ip, total > UINT16_MAX ? RULE_FRAGMENT_TOO_LONG : RULE_FRAGMENT_ECN_MIXED, a);
		assembly_free(ip, a);
		return false;
	}
	for (uint32_t at = a->first; at; at = block_at(&f->blocks, at)->next_piece) {
		const struct block *piece = block_at(&f->blocks, at);

		chain_read(&f->blocks, at, 0, payload + piece->offset, piece->bytes);
	}
	*datagram = (struct ip_datagram){ .source = a->source, .destination = a->destination,
					  .payload = payload, .payload_bytes = a->total,
					  .protocol = six ? a->next_header : a->protocol,
					  .interface = a->interface, .tos = (uint8_t)((a->tos & ~3) | ecn),
					  .ttl = a->ttl };
	datagram->header = assembly_header(a, payload, ecn, &datagram->header_bytes);
	trace_count(ip->trace, RULE_FRAGMENT_JOINED);
	assembly_free(ip, a);
	return true;
}

/* What can be told without looking at others; RULE_NONE: nothing wrong. */
static enum rule fragment_fault(const struct fragment *packet)
{
	uint32_t offset = packet->offset, n = packet->payload_bytes;

	if (n == 0)
		return RULE_FRAGMENT_EMPTY;
	if (packet->protocol == IPV6_FRAGMENT)
		return RULE_NONE;       /* fragment6.c has looked */
	if (packet->header_bytes + offset + n > UINT16_MAX)
		return RULE_FRAGMENT_TOO_LONG;
	if (packet->protocol == IPV4_PROTOCOL_TCP && (offset == 0 ? n : offset) < FRAGMENT_TCP_BYTES)
		return RULE_FRAGMENT_TINY;
	return RULE_NONE;
}

bool fragment_input(struct ip *ip, const struct fragment *packet, struct ip_datagram *datagram)
{
	enum rule rule = fragment_fault(packet);
	struct assembly *a;
	uint32_t before, chain;

	if (rule != RULE_NONE) {
		ip_rule(ip, rule, &packet->destination, &packet->source, packet->interface);
		return false;
	}
	a = assembly_get(ip, packet);
	if (a->refused) {
		trace_count(ip->trace, RULE_FRAGMENT_REFUSED);
		return false;
	}
	before = assembly_before(ip, a, packet->offset);
	rule = assembly_fault(ip, a, packet, before);
	if (rule == RULE_FRAGMENT_DUPLICATE) {
		trace_count(ip->trace, rule);
		return false;
	}
	if (rule != RULE_NONE) {
		assembly_refuse(ip, a, rule);
		return false;
	}
	chain = fragment_keep(ip, a, packet);
	if (!chain) {
		assembly_refuse(ip, a, RULE_FRAGMENT_NO_ROOM);
		return false;
	}
	assembly_insert(ip, a, packet, before, chain);
	if (packet->offset == 0) {
		CHECK(packet->header_bytes <= sizeof(a->header));
		a->header_bytes = (uint8_t)packet->header_bytes;
		a->named_at = (uint8_t)packet->named_at;
		a->next_header = packet->next_header;
		a->tos = packet->tos;
		a->ttl = packet->ttl;
		memcpy(a->header, packet->header, a->header_bytes);
	}
	return a->held == a->total && assembly_join(ip, a, datagram);
}

/* RFC 1122 §3.3.2, RFC 8200 §4.5: the sender is told, if there is a first fragment to quote. */
static void assembly_expire(struct ip *ip, struct assembly *a)
{
	struct fragments *f = &ip->fragments;
	uint8_t *payload = f->whole + IP_FRAGMENT_HEADER_MAX;

	fragment_rule(ip, RULE_FRAGMENT_TIMEOUT, a);
	if (a->header_bytes && !a->refused) {
		struct ip_datagram datagram = { .source = a->source, .destination = a->destination,
						.header = payload - a->header_bytes, .payload = payload,
						.payload_bytes = block_at(&f->blocks, a->first)->bytes,
						.header_bytes = a->header_bytes, .protocol = a->protocol,
						.interface = a->interface };

		memcpy(payload - a->header_bytes, a->header, a->header_bytes);
		chain_read(&f->blocks, a->first, 0, payload, datagram.payload_bytes);
		if (a->protocol == IPV6_FRAGMENT)
			icmp6_send_error(ip, &datagram, ICMP6_TIME_EXCEEDED, ICMP6_TIME_EXCEEDED_REASSEMBLY, 0);
		else
			icmp_send_error(ip, &datagram, ICMP_TIME_EXCEEDED, ICMP_TIME_EXCEEDED_REASSEMBLY, 0);
	}
	assembly_free(ip, a);
}

void fragments_timers(struct ip *ip)
{
	struct assembly *a;

	while ((a = list_first(&ip->fragments.age)) && a->deadline <= ip->now)
		assembly_expire(ip, a);
}

uint64_t fragments_deadline(const struct ip *ip)
{
	const struct assembly *a = list_first(&ip->fragments.age);

	return a ? a->deadline : TIME_NEVER;
}
