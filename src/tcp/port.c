/* SPDX-License-Identifier: MIT */
/*
 * Local ports; see port.h.
 *
 * Theory of operation.  What a program bound, listens on or connected from is in the table of
 * bound ports.  Accepted connections and TIME-WAIT records hold their listener's port too, but
 * there may be millions of them and they matter only to a bind with a given port, which is
 * rare: that walks the pools.
 */
#include "tcp/port.h"

#include <errno.h>

#include "tcp/connection.h"
#include "tcp/record.h"

static uint32_t port_hash(const struct tcp *tcp, uint16_t port)
{
	return (uint32_t)siphash_words2(&tcp->table_key, port, ~0ull);
}

/* Which families an address of a socket stands for: bits of IPv4 and IPv6. `::` is both, unless it is for IPv6 only. */
#define FAMILY_V4 1u
#define FAMILY_V6 2u

static unsigned families(const struct address *address, bool v6only)
{
	if (address_is_v4(address))
		return FAMILY_V4;
	return address_is_any(address) && !v6only ? FAMILY_V4 | FAMILY_V6 : FAMILY_V6;
}

/* May a segment be for either of two sockets, or for `b` with an address of `a`'s? */
static bool addresses_overlap(const struct address *a, bool a_v6only, const struct address *b, bool b_v6only)
{
	if (!(families(a, a_v6only) & families(b, b_v6only)))
		return false;
	return address_is_any(a) || address_is_any(b) || address_eq(a, b);
}

/* How well a listener fits what a SYN is for: 3 its address, 2 any of its family, 1 any of both; 0 not at all. */
static unsigned listener_rank(const struct tcb *listener, const struct tuple *tuple)
{
	const struct address *address = &listener->tuple.local;
	unsigned of_both = families(address, listener->v6only);

	if (address_eq(address, &tuple->local))
		return 3;
	if (!address_is_any(address) || !(of_both & families(&tuple->local, true)))
		return 0;
	return of_both == (FAMILY_V4 | FAMILY_V6) ? 1 : 2;
}

struct tcb *port_listener(const struct tcp *tcp, const struct tuple *tuple)
{
	uint32_t cursor, hash = port_hash(tcp, tuple->local_port), found = 0;
	struct tcb *best = NULL;
	unsigned best_rank = 0;

	for (uint32_t ref = table_find_first(&tcp->bound, hash, &cursor); ref;
	     ref = table_find_next(&tcp->bound, hash, &cursor)) {
		struct tcb *tcb = tcb_at(tcp, reference_index(ref));
		unsigned rank = listener_rank(tcb, tuple);

		if (tcb->state != TCP_LISTEN || tcb->tuple.local_port != tuple->local_port || rank == 0 ||
		    rank < best_rank)
			continue;
		if (rank > best_rank)
			found = 0;
		/* Of several that share the port each gets its part, and a client always the same one. */
		if (tuple_hash(tcp, tuple) % ++found == 0)
			best = tcb;
		best_rank = rank;
	}
	return best;
}

/* May `tcb` bind over another holder of the port? */
static bool compatible(const struct tcp *tcp, const struct tcb *tcb, bool reuse_address, bool reuse_port,
		       enum tcp_state state)
{
	if (tcb->reuse_port && reuse_port)
		return true;
	if (!tcb->reuse_address || state == TCP_LISTEN)
		return false;
	if (state == TCP_CLOSED || tcp->config.reuse_address_both)
		return reuse_address;
	return true;                    /* only connections that are under way, or TIME-WAIT */
}

static bool bound_conflict(const struct tcp *tcp, const struct tcb *tcb, const struct address *local, uint16_t port)
{
	uint32_t cursor, hash = port_hash(tcp, port);

	for (uint32_t ref = table_find_first(&tcp->bound, hash, &cursor); ref;
	     ref = table_find_next(&tcp->bound, hash, &cursor)) {
		const struct tcb *other = tcb_at(tcp, reference_index(ref));

		if (other != tcb && other->tuple.local_port == port &&
		    addresses_overlap(local, tcb->v6only, &other->tuple.local, other->v6only) &&
		    !compatible(tcp, tcb, other->reuse_address, other->reuse_port, other->state))
			return true;
	}
	return false;
}

/* Accepted connections and TIME-WAIT. */
static bool unbound_conflict(const struct tcp *tcp, const struct tcb *tcb, const struct address *local, uint16_t port)
{
	for (uint32_t i = 0; i < tcp->tcbs.touched; i++) {
		const struct tcb *other = tcb_at(tcp, i);

		if (other->kind == KIND_TCB && !other->bound && other->state != TCP_CLOSED &&
		    other->tuple.local_port == port &&
		    addresses_overlap(local, tcb->v6only, &other->tuple.local, other->v6only) &&
		    !compatible(tcp, tcb, other->reuse_address, other->reuse_port, other->state))
			return true;
	}
	for (uint32_t i = 0; i < tcp->time_wait.touched; i++) {
		const struct time_wait *other = pool_at(&tcp->time_wait, i);
		struct tuple names;

		if (other->kind != KIND_TIME_WAIT || other->local_port != port)
			continue;
		time_wait_tuple(tcp, other, &names);
		if (addresses_overlap(local, tcb->v6only, &names.local, false) &&
		    !compatible(tcp, tcb, other->reuse_address, other->reuse_port, TCP_TIME_WAIT))
			return true;
	}
	return false;
}

static int bound_insert(struct tcp *tcp, struct tcb *tcb)
{
	if (!table_insert(&tcp->bound, port_hash(tcp, tcb->tuple.local_port),
			  reference(KIND_TCB, tcb_index(tcp, tcb))))
		return -ENOBUFS;
	tcb->bound = true;
	return 0;
}

void port_unbind(struct tcp *tcp, struct tcb *tcb)
{
	if (tcb->bound)
		table_remove(&tcp->bound, port_hash(tcp, tcb->tuple.local_port),
			     reference(KIND_TCB, tcb_index(tcp, tcb)));
	tcb->bound = false;
}

int port_bind(struct tcp *tcp, struct tcb *tcb, const struct address *local, uint16_t port)
{
	uint32_t first = (uint32_t)tcp->config.port_first;
	uint32_t count = (uint32_t)tcp->config.port_last - first + 1;
	uint32_t start = port ? 0 : (uint32_t)random_below(&tcp->random, count);

	for (uint32_t i = 0; port == 0 ? i < count : i < 1; i++) {
		uint16_t candidate = port ? port : (uint16_t)(first + (start + i) % count);

		if (bound_conflict(tcp, tcb, local, candidate) || unbound_conflict(tcp, tcb, local, candidate))
			continue;
		tcb->tuple.local = *local;
		tcb->tuple.local_port = candidate;
		return bound_insert(tcp, tcb);
	}
	return -EADDRINUSE;
}

bool port_may_listen(const struct tcp *tcp, const struct tcb *tcb)
{
	uint32_t cursor, hash = port_hash(tcp, tcb->tuple.local_port);

	for (uint32_t ref = table_find_first(&tcp->bound, hash, &cursor); ref;
	     ref = table_find_next(&tcp->bound, hash, &cursor)) {
		const struct tcb *other = tcb_at(tcp, reference_index(ref));

		if (other != tcb && other->state == TCP_LISTEN && other->tuple.local_port == tcb->tuple.local_port &&
		    addresses_overlap(&tcb->tuple.local, tcb->v6only, &other->tuple.local, other->v6only) &&
		    !(tcb->reuse_port && other->reuse_port))
			return false;
	}
	return true;
}

/* A port that a listener or a bound socket has is not given to outgoing connections. */
static bool port_reserved(const struct tcp *tcp, const struct tcb *tcb, uint16_t port)
{
	uint32_t cursor, hash = port_hash(tcp, port);

	for (uint32_t ref = table_find_first(&tcp->bound, hash, &cursor); ref;
	     ref = table_find_next(&tcp->bound, hash, &cursor)) {
		const struct tcb *other = tcb_at(tcp, reference_index(ref));

		if (other != tcb && other->tuple.local_port == port &&
		    (other->port_given || other->state == TCP_LISTEN) &&
		    addresses_overlap(&tcb->tuple.local, false, &other->tuple.local, other->v6only))
			return true;
	}
	return false;
}

static uint64_t names_hash(const struct tcp *tcp, const struct tcb *tcb)
{
	uint64_t names = (uint64_t)address_v4_value(&tcb->tuple.local) << 32 | address_v4_value(&tcb->tuple.remote);
	uint8_t bytes[34];

	if (!tuple_is_v6(&tcb->tuple))
		return siphash_words2(&tcp->port_key, names, tcb->tuple.remote_port);
	memcpy(bytes, tcb->tuple.local.bytes, 16);
	memcpy(bytes + 16, tcb->tuple.remote.bytes, 16);
	store_be16(bytes + 32, tcb->tuple.remote_port);
	return siphash(&tcp->port_key, bytes, sizeof(bytes));
}

/*
 * RFC 6056 §3.3.4, algorithm 4: a hash of the other names, and a counter that only those share whose names hash alike:
 * from the ports it gets nobody counts connections to others (CVE-2022-1012).
 */
int port_choose(struct tcp *tcp, struct tcb *tcb)
{
	uint32_t first = (uint32_t)tcp->config.port_first;
	uint32_t count = (uint32_t)tcp->config.port_last - first + 1;
	uint64_t hash = names_hash(tcp, tcb);
	uint16_t *counter = &tcp->port_counters[hash >> 32 & tcp->port_counters_mask];

	for (uint32_t i = 0; i < count; i++) {
		uint16_t port = (uint16_t)(first + ((uint32_t)hash + (*counter)++) % count);

		tcb->tuple.local_port = port;
		if (connection_find(tcp, &tcb->tuple) == 0 && !port_reserved(tcp, tcb, port))
			return bound_insert(tcp, tcb);
	}
	tcb->tuple.local_port = 0;
	return -EADDRNOTAVAIL;
}
