/* SPDX-License-Identifier: MIT */
/*
 * The trail of a stack; see trail.h.  Fields are taken one by one, as numbers: neither padding nor the order of bytes
 * of a machine is in the digest.
 */
#include "host/trail.h"

#define TRAIL_BATCH 64

static uint64_t mix(uint64_t digest, uint64_t value)
{
	digest = (digest ^ value) * 0x9e3779b97f4a7c15ull;
	return digest ^ digest >> 32;
}

static uint64_t endpoint_mix(uint64_t digest, const struct eleven_endpoint *endpoint)
{
	uint64_t word = 0;

	for (unsigned i = 0; i < sizeof(endpoint->address.bytes); i++) {
		word = word << 8 | endpoint->address.bytes[i];
		if (i % 8 == 7)
			digest = mix(digest, word);
	}
	return mix(digest, endpoint->port);
}

static uint64_t segment_mix(uint64_t digest, const struct eleven_trace_segment *s)
{
	digest = mix(digest, (uint64_t)s->seq << 32 | s->ack);
	digest = mix(digest, (uint64_t)s->text_bytes << 32 | s->tsval);
	digest = mix(digest, (uint64_t)s->tsecr << 32 | (uint32_t)s->window << 16 | s->urgent);
	digest = mix(digest, (uint64_t)s->auth << 48 | (uint64_t)s->mss << 32 | (uint32_t)s->flags << 24 |
			     (uint32_t)s->has << 16 | (uint32_t)s->wscale << 8 | s->sack_count);
	for (unsigned i = 0; i < s->sack_count && i < sizeof(s->sack) / sizeof(s->sack[0]); i++)
		digest = mix(digest, (uint64_t)s->sack[i].left << 32 | s->sack[i].right);
	return digest;
}

static uint64_t record_mix(uint64_t digest, const struct eleven_trace *r)
{
	digest = mix(mix(mix(digest, r->serial), r->time), r->connection);
	digest = endpoint_mix(endpoint_mix(digest, &r->local), &r->remote);
	digest = mix(digest, (uint64_t)r->kind << 56 | (uint64_t)r->call << 48 | (uint64_t)r->timer << 40 |
			     (uint64_t)r->state_before << 32 | (uint64_t)r->state_after << 24 |
			     (uint64_t)r->interface << 16 | r->rule);
	digest = mix(mix(digest, r->packet), (uint64_t)r->value);
	digest = mix(digest, (uint64_t)r->iss << 32 | r->irs);
	return segment_mix(digest, &r->segment);
}

void trail_follow(struct trail *trail, const struct eleven *stack, trail_fn *fn, void *context)
{
	struct eleven_trace records[TRAIL_BATCH];
	uint64_t lost;
	unsigned n;

	while ((n = eleven_trace(stack, &trail->after, records, TRAIL_BATCH, &lost)) > 0) {
		if (lost > 0)
			trail->digest = mix(trail->digest, lost);
		for (unsigned i = 0; i < n; i++) {
			trail->digest = record_mix(trail->digest, &records[i]);
			if (fn)
				fn(context, &records[i]);
		}
	}
}

uint64_t trail_join(uint64_t joined, const struct trail *trail)
{
	return mix(joined, trail->digest);
}
