/* SPDX-License-Identifier: MIT */
/*
 * Identifications of what may be fragmented (RFC 6864).  With DF they mean nothing, and are 0.
 *
 * A counter for each local and remote address and protocol, beginning anywhere: no peer learns from its own what is
 * sent to another (CVE-2020-36516: counters that peers share).  There are neighbours_max, placed by keyed hash;
 * two that fall on one place throw each other out, and begin anywhere again.
 *
 * None repeats within two minutes, the longest life of a packet (§4.3), so at most 65536 go in that time (§5.2): BURST
 * at once, one each STEP after that, and those of the last packet, which a link may cut into at most CUT_MOST.
 */
#include "base/check.h"
#include "ip/state.h"

#define LIFE_NS     SEC(120)            /* MDL: RFC 6864 §4.3 takes the 2 minutes of RFC 793's MSL */
#define CUT_MOST    1536u               /* 64 KiB in segments of 44 bytes: of the least MSS, options taken off */
#define BURST       4000u
#define STEP_NS     (LIFE_NS / 60000u)  /* CUT_MOST + BURST + 60000 = 65536 */

static struct identity *identity_of(struct ip *ip, const struct address *local, const struct address *remote,
				    uint8_t protocol)
{
	uint32_t from = address_v4_value(local), to = address_v4_value(remote);
	uint64_t hash = siphash_words2(&ip->key, (uint64_t)from << 32 | to, 0x6964656e7400ull | protocol);
	struct identity *identity = &ip->ids[hash % ip->peers];

	if (!identity->taken || identity->local != from || identity->remote != to || identity->protocol != protocol)
		*identity = (struct identity){ .local = from, .remote = to, .protocol = protocol, .taken = true,
					       .next = (uint16_t)siphash_words2(&ip->key, hash, ip->now) };
	return identity;
}

/* When the next may go: with `full_at` BURST steps ahead of now none may. */
static uint64_t identity_free_at(const struct identity *identity)
{
	return identity->full_at > (BURST - 1) * STEP_NS ? identity->full_at - (BURST - 1) * STEP_NS : 0;
}

bool identify(struct ip *ip, const struct address *local, const struct address *remote, uint8_t protocol, uint16_t *id)
{
	struct identity *identity = identity_of(ip, local, remote, protocol);

	if (identity_free_at(identity) > ip->now)
		return false;
	*id = identity->next++;
	identity->full_at = (identity->full_at > ip->now ? identity->full_at : ip->now) + STEP_NS;
	return true;
}

void ip_identify_more(struct ip *ip, const struct address *local, const struct address *remote, uint32_t count)
{
	struct identity *identity;

	CHECK(count < CUT_MOST);
	if (!address_is_v4(remote))
		return;
	identity = identity_of(ip, local, remote, IPV4_PROTOCOL_TCP);
	identity->next = (uint16_t)(identity->next + count);
	identity->full_at += count * STEP_NS;
}

bool ip_may_identify(struct ip *ip, const struct address *local, const struct address *remote, uint64_t now)
{
	uint64_t at;

	ip_clock(ip, now);
	if (!address_is_v4(remote))
		return true;            /* IPv6 is not fragmented on the way */
	at = identity_free_at(identity_of(ip, local, remote, IPV4_PROTOCOL_TCP));
	if (at <= ip->now)
		return true;
	if (at < ip->id_at)
		ip->id_at = at;
	return false;
}

void identify_timers(struct ip *ip)
{
	if (ip->id_at > ip->now)
		return;
	ip->id_at = TIME_NEVER;
	ip->neighbours.epoch++;
}
