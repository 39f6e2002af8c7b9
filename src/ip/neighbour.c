/* SPDX-License-Identifier: MIT */
/*
 * The neighbour cache: which MAC an address on an Ethernet link has (RFC 826, RFC 1122 §2.3.2; RFC 4861 §7.3).
 *
 * Theory of operation.  An entry is made when something is to be sent, or when a neighbour
 * asks for us by ARP (it will be talked to at once) and there is room.
 *
 *                     reply                 REACHABLE_NS over, and used
 *     INCOMPLETE ─────────────▶ REACHABLE ─────────────────────────────▶ PROBE
 *      │   ▲  ▲                  ▲                                        │ │
 *      │   │  └──────────────────│────── three unicasts unanswered ───────┘ │
 *      │   │ used, RETRY_NS over └────────────────── reply ─────────────────┘
 *      └──▶ FAILED
 *   three broadcasts unanswered
 *
 * Requests go out at most once a second for one address (RFC 1122 §2.3.2.1); an entry not confirmed
 * within REACHABLE_NS is asked again by unicast as soon as it is used (method 2 there), so stale
 * ones die.  One that is not used costs no packet.
 *
 * For IPv6 (nd.c) a stale entry that is used is in DELAY for five seconds, in which what comes back over TCP may
 * confirm it, before it is asked; times are those that routers tell.
 *
 * The cache is poisoned no further than RFC 826 demands: nobody not known or not asking for us is
 * entered; an entry changes its MAC at most once a second, and one changed unasked is
 * not trusted: its next use asks.  Under a flood of addresses that do not answer, at most half of
 * the cache is theirs; of the rest the least recently used goes first.  Who waited for an entry that was
 * thrown out is told to ask again, a second later: at once, two of them could throw each other out for ever.
 */
#include <errno.h>

#include "base/check.h"
#include <string.h>

#include "ip/state.h"

#define NEIGHBOUR_INTERVAL_NS  SEC(1)           /* between requests: RFC 1122 §2.3.2.1 */
#define NEIGHBOUR_REACHABLE_NS SEC(30)          /* RFC 4861 §10 REACHABLE_TIME, which Linux takes for ARP too */
#define NEIGHBOUR_RETRY_NS     SEC(1)           /* FAILED is not asked again sooner */
#define NEIGHBOUR_LOCK_NS      SEC(1)           /* a MAC just set is not changed: Linux's locktime */
#define NEIGHBOUR_TRIES_MAX    3u               /* RFC 4861 §10 MAX_MULTICAST_SOLICIT and MAX_UNICAST_SOLICIT */

static size_t table_room(const struct eleven_config *config)
{
	return (table_bytes((uint32_t)config->neighbours_max) + 63) & ~(size_t)63;
}

size_t neighbours_bytes(const struct eleven_config *config)
{
	return table_room(config) + pool_bytes(sizeof(struct neighbour), (uint32_t)config->neighbours_max);
}

void neighbours_init(struct ip *ip, uint8_t *memory, const struct eleven_config *config)
{
	struct neighbours *n = &ip->neighbours;
	uint32_t most = (uint32_t)config->neighbours_max;

	table_init(&n->table, memory, most);
	pool_init(&n->pool, memory + table_room(config), sizeof(struct neighbour), most,
		  offsetof(struct neighbour, pool_link));
	list_init(&n->unresolved, &n->pool, offsetof(struct neighbour, use));
	list_init(&n->resolved, &n->pool, offsetof(struct neighbour, use));
	list_init(&n->waiting, &n->pool, offsetof(struct neighbour, waiting));
	list_init(&n->requests, &n->pool, offsetof(struct neighbour, request));
	n->unresolved_max = most > 1 ? most / 2 : 1;
}

static uint32_t neighbour_hash(const struct ip *ip, uint8_t interface, const struct address *address)
{
	uint64_t high, low;

	memcpy(&high, address->bytes, 8);
	memcpy(&low, address->bytes + 8, 8);
	return (uint32_t)siphash_words2(&ip->key, high ^ interface, low);
}

static bool is_resolved(const struct neighbour *neighbour)
{
	return neighbour->state == NEIGHBOUR_REACHABLE || neighbour->state == NEIGHBOUR_DELAY ||
	       neighbour->state == NEIGHBOUR_PROBE;
}

static bool is_waiting(const struct neighbour *neighbour)
{
	return neighbour->state == NEIGHBOUR_INCOMPLETE || neighbour->state == NEIGHBOUR_DELAY ||
	       neighbour->state == NEIGHBOUR_PROBE;
}

static bool is_six(const struct neighbour *neighbour)
{
	return !address_is_v4(&neighbour->address);
}

/* Between two requests. */
static uint64_t request_interval_ns(const struct ip *ip, const struct neighbour *neighbour)
{
	return is_six(neighbour) ? ip->interfaces[neighbour->interface].six.retrans_ns : NEIGHBOUR_INTERVAL_NS;
}

static uint64_t reachable_ns(const struct ip *ip, const struct neighbour *neighbour)
{
	return is_six(neighbour) ? ip->interfaces[neighbour->interface].six.reachable_ns : NEIGHBOUR_REACHABLE_NS;
}

/* Into the order of `next`; nearly always at the end, for nearly all wait equally long. */
static void waiting_insert(struct neighbours *n, struct neighbour *neighbour)
{
	uint32_t ref = pool_index(&n->pool, neighbour) + 1, before = n->waiting.last;

	while (before && ((struct neighbour *)pool_at(&n->pool, before - 1))->next > neighbour->next)
		before = list_at(&n->waiting, before)->prev;
	list_insert_behind(&n->waiting, before, ref);
}

static struct list *use_list(struct neighbours *n, const struct neighbour *neighbour)
{
	return is_resolved(neighbour) ? &n->resolved : &n->unresolved;
}

struct neighbour *neighbour_find(const struct ip *ip, uint8_t interface, const struct address *address)
{
	const struct table *table = &ip->neighbours.table;
	uint32_t hash = neighbour_hash(ip, interface, address), cursor;

	for (uint32_t ref = table_find_first(table, hash, &cursor); ref; ref = table_find_next(table, hash, &cursor)) {
		struct neighbour *neighbour = pool_at(&ip->neighbours.pool, ref - 1);

		if (neighbour->interface == interface && address_eq(&neighbour->address, address))
			return neighbour;
	}
	return NULL;
}

/* The one function that sets the state, and keeps the lists that follow from it. */
static void neighbour_set_state(struct ip *ip, struct neighbour *neighbour, enum neighbour_state state)
{
	struct neighbours *n = &ip->neighbours;

	list_remove(use_list(n, neighbour), neighbour);
	if (is_waiting(neighbour))
		list_remove(&n->waiting, neighbour);
	neighbour->state = (uint8_t)state;
	neighbour->tries = 0;
	list_append(use_list(n, neighbour), neighbour);
	if (is_waiting(neighbour)) {
		neighbour->next = ip->now + (state == NEIGHBOUR_DELAY ? IP6_DELAY_NS : 0);
		waiting_insert(n, neighbour);
	}
}

/* Its next request: now, and the one after that in a second or as routers say. */
static void neighbour_request(struct ip *ip, struct neighbour *neighbour)
{
	struct neighbours *n = &ip->neighbours;

	neighbour->tries++;
	list_remove(&n->waiting, neighbour);
	neighbour->next = ip->now + request_interval_ns(ip, neighbour);
	waiting_insert(n, neighbour);
	if (!neighbour->request_queued) {
		neighbour->request_queued = true;
		list_append(&n->requests, neighbour);
	}
}

static void neighbour_free(struct ip *ip, struct neighbour *neighbour)
{
	struct neighbours *n = &ip->neighbours;

	list_remove(use_list(n, neighbour), neighbour);
	if (is_waiting(neighbour))
		list_remove(&n->waiting, neighbour);
	if (neighbour->request_queued)
		list_remove(&n->requests, neighbour);
	if (neighbour->held)
		reply_drop(ip, neighbour->held);
	table_remove(&n->table, neighbour->hash, pool_index(&n->pool, neighbour) + 1);
	pool_give(&n->pool, neighbour);
}

/* A free entry, by throwing one out if need be: failed before unresolved before least recently used. */
static struct neighbour *neighbour_take(struct ip *ip)
{
	struct neighbours *n = &ip->neighbours;
	struct neighbour *victim = list_first(&n->unresolved);
	bool share_used_up = n->unresolved.count >= n->unresolved_max;

	if (!share_used_up && n->pool.used < n->pool.capacity)
		return pool_take(&n->pool);
	if (!share_used_up && !(victim && victim->state == NEIGHBOUR_FAILED))
		victim = list_first(&n->resolved);
	trace_count(ip->trace, RULE_NEIGHBOUR_EVICTED);
	if (victim->state == NEIGHBOUR_INCOMPLETE && n->retry_at == 0)
		n->retry_at = ip->now + NEIGHBOUR_INTERVAL_NS;
	neighbour_free(ip, victim);
	return pool_take(&n->pool);
}

static struct neighbour *neighbour_enter(struct ip *ip, uint8_t interface, const struct address *address,
					 enum neighbour_state state)
{
	struct neighbours *n = &ip->neighbours;
	struct neighbour *neighbour = state == NEIGHBOUR_INCOMPLETE ? neighbour_take(ip) : pool_take(&n->pool);

	CHECK(neighbour);
	*neighbour = (struct neighbour){ .address = *address, .interface = interface, .state = (uint8_t)state,
					 .hash = neighbour_hash(ip, interface, address) };
	list_append(use_list(n, neighbour), neighbour);
	if (is_waiting(neighbour))
		waiting_insert(n, neighbour);
	table_insert(&n->table, neighbour->hash, pool_index(&n->pool, neighbour) + 1);
	return neighbour;
}

int neighbour_resolve(struct ip *ip, uint8_t interface, const struct address *address, struct mac *mac,
		      struct neighbour **entry)
{
	struct neighbour *neighbour = neighbour_find(ip, interface, address);

	if (!neighbour) {
		neighbour = neighbour_enter(ip, interface, address, NEIGHBOUR_INCOMPLETE);
		neighbour_request(ip, neighbour);
	} else if (neighbour->state == NEIGHBOUR_FAILED && ip->now >= neighbour->next) {
		neighbour_set_state(ip, neighbour, NEIGHBOUR_INCOMPLETE);
		neighbour_request(ip, neighbour);
	} else if (neighbour->state == NEIGHBOUR_REACHABLE && ip->now >= neighbour->reachable_until) {
		trace_count(ip->trace, RULE_NEIGHBOUR_STALE);
		neighbour_set_state(ip, neighbour, is_six(neighbour) ? NEIGHBOUR_DELAY : NEIGHBOUR_PROBE);
		if (neighbour->state == NEIGHBOUR_PROBE)
			neighbour_request(ip, neighbour);
	} else if (is_resolved(neighbour)) {
		list_remove(&ip->neighbours.resolved, neighbour);
		list_append(&ip->neighbours.resolved, neighbour);
	}
	if (entry)
		*entry = neighbour;
	*mac = neighbour->mac;
	if (is_resolved(neighbour))
		return 0;
	return neighbour->state == NEIGHBOUR_FAILED ? -EHOSTUNREACH : -EAGAIN;
}

/* Trusted for a while if we asked, else only until it is used. */
static void neighbour_set_mac(struct ip *ip, struct neighbour *neighbour, const struct mac *mac, bool asked)
{
	bool was_resolved = is_resolved(neighbour);

	neighbour_set_state(ip, neighbour, NEIGHBOUR_REACHABLE);
	neighbour->silent = false;
	neighbour->reachable_until = asked ? ip->now + reachable_ns(ip, neighbour) : ip->now;
	if (!was_resolved || !mac_eq(&neighbour->mac, mac)) {
		neighbour->mac = *mac;
		neighbour->changed = ip->now;
	}
	if (neighbour->request_queued) {
		neighbour->request_queued = false;
		list_remove(&ip->neighbours.requests, neighbour);
	}
	if (!was_resolved)
		ip->neighbours.epoch++;
	if (neighbour->held) {
		reply_release(ip, neighbour->held);
		neighbour->held = 0;
	}
}

void neighbour_set(struct ip *ip, struct neighbour *neighbour, const struct mac *mac, bool confirmed)
{
	if (!is_resolved(neighbour))
		trace_count(ip->trace, RULE_NEIGHBOUR_RESOLVED);
	else if (!mac_eq(&neighbour->mac, mac))
		trace_count(ip->trace, RULE_NEIGHBOUR_CHANGED);
	else if (confirmed)
		trace_count(ip->trace, RULE_NEIGHBOUR_CONFIRMED);
	neighbour_set_mac(ip, neighbour, mac, confirmed);
}

void neighbour_confirm(struct ip *ip, uint8_t interface, const struct address *address)
{
	struct neighbour *neighbour = neighbour_find(ip, interface, address);

	if (!neighbour || !is_resolved(neighbour) ||
	    (neighbour->state == NEIGHBOUR_REACHABLE && ip->now < neighbour->reachable_until))
		return;
	trace_count(ip->trace, RULE_NEIGHBOUR_PROGRESS);
	neighbour_set_mac(ip, neighbour, &neighbour->mac, true);
}

void neighbour_heard(struct ip *ip, struct neighbour *neighbour, const struct mac *mac, bool asked)
{
	if (!is_resolved(neighbour)) {
		trace_count(ip->trace, RULE_NEIGHBOUR_RESOLVED);
		neighbour_set_mac(ip, neighbour, mac, asked);
	} else if (mac_eq(&neighbour->mac, mac)) {
		trace_count(ip->trace, RULE_NEIGHBOUR_CONFIRMED);
		neighbour_set_mac(ip, neighbour, mac, true);
	} else if (ip->now < neighbour->changed + NEIGHBOUR_LOCK_NS) {
		trace_count(ip->trace, RULE_NEIGHBOUR_CHANGE_LIMITED);
	} else {
		trace_count(ip->trace, RULE_NEIGHBOUR_CHANGED);
		neighbour_set_mac(ip, neighbour, mac, asked && neighbour->state == NEIGHBOUR_PROBE);
	}
}

void neighbour_doubt(struct ip *ip, struct neighbour *neighbour)
{
	if (neighbour->state == NEIGHBOUR_REACHABLE && neighbour->reachable_until > ip->now)
		neighbour->reachable_until = ip->now;
}

void neighbour_learn(struct ip *ip, uint8_t interface, const struct address *address, const struct mac *mac)
{
	if (ip->neighbours.pool.used == ip->neighbours.pool.capacity) {
		trace_count(ip->trace, RULE_NEIGHBOUR_NOT_LEARNED);
		return;
	}
	trace_count(ip->trace, RULE_NEIGHBOUR_LEARNED);
	neighbour_set_mac(ip, neighbour_enter(ip, interface, address, NEIGHBOUR_REACHABLE), mac, false);
	ip->neighbours.epoch++;
}

void neighbours_timers(struct ip *ip)
{
	struct neighbours *n = &ip->neighbours;
	struct neighbour *neighbour;

	if (n->retry_at != 0 && n->retry_at <= ip->now) {
		n->retry_at = 0;
		n->epoch++;
	}
	while ((neighbour = list_first(&n->waiting)) && neighbour->next <= ip->now) {
		if (neighbour->state == NEIGHBOUR_DELAY) {
			neighbour_set_state(ip, neighbour, NEIGHBOUR_PROBE);
			neighbour_request(ip, neighbour);
		} else if (neighbour->tries < NEIGHBOUR_TRIES_MAX) {
			neighbour_request(ip, neighbour);
		} else if (neighbour->state == NEIGHBOUR_PROBE) {
			trace_count(ip->trace, RULE_NEIGHBOUR_LOST);
			neighbour->silent = true;
			gateway_silent(ip);
			neighbour_set_state(ip, neighbour, NEIGHBOUR_INCOMPLETE);
			neighbour_request(ip, neighbour);
		} else {
			trace_count(ip->trace, RULE_NEIGHBOUR_FAILED);
			neighbour->silent = true;
			gateway_silent(ip);
			neighbour_set_state(ip, neighbour, NEIGHBOUR_FAILED);
			neighbour->next = ip->now + NEIGHBOUR_RETRY_NS;
			n->epoch++;
			if (neighbour->request_queued) {
				neighbour->request_queued = false;
				list_remove(&n->requests, neighbour);
			}
			if (neighbour->held)
				reply_drop(ip, neighbour->held);
			neighbour->held = 0;
		}
	}
}

uint64_t neighbours_deadline(const struct ip *ip)
{
	const struct neighbour *neighbour = list_first(&ip->neighbours.waiting);
	uint64_t deadline = neighbour ? neighbour->next : TIME_NEVER;

	return ip->neighbours.retry_at != 0 && ip->neighbours.retry_at < deadline ? ip->neighbours.retry_at : deadline;
}

uint32_t ip_neighbour_epoch(const struct ip *ip)
{
	return ip->neighbours.epoch;
}
