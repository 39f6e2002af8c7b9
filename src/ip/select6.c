/* SPDX-License-Identifier: MIT */
/*
 * Which of an interface's addresses to speak from (RFC 6724 §5), by its eight rules and the policy table of §2.1.
 * Candidates are those of the interface that the packet leaves by (§4).  There are no home and no
 * temporary addresses, so rules 4 and 7 decide nothing, rule 5 has but one interface, and which router told of a
 * prefix (rule 5.5) is not kept.  Which destination to try
 * first (§6) is for whoever has several: the resolver of the program.
 */
#include "ip/state.h"

#define LABEL_OTHER 1u

struct policy {
	struct address prefix;
	uint8_t bits, label;
};

static const struct policy policies[] = {
	{ { { [15] = 1 } }, 128, 0 },
	{ { { [10] = 0xff, [11] = 0xff } }, 96, 4 },
	{ { { 0 } }, 96, 3 },
	{ { { 0x20, 0x01 } }, 32, 5 },
	{ { { 0x20, 0x02 } }, 16, 2 },
	{ { { 0x3f, 0xfe } }, 16, 12 },
	{ { { 0xfe, 0xc0 } }, 10, 11 },
	{ { { 0xfc } }, 7, 13 },
};

static unsigned label_of(const struct address *address)
{
	unsigned label = LABEL_OTHER, longest = 0;

	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++)
		if (policies[i].bits > longest && address_in_prefix(address, &policies[i].prefix, policies[i].bits)) {
			longest = policies[i].bits;
			label = policies[i].label;
		}
	return label;
}

/* RFC 4007 §4; of unicast addresses, and of groups by their own field. */
static unsigned scope_of(const struct address *address)
{
	if (address_is_multicast(address))
		return address->bytes[1] & 15u;
	if (address_is_link_local(address) || address_is_loopback(address))
		return 2;
	return address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0xc0 ? 5 : 14;
}

/* Rule 8: no more of it than the prefix has. */
static unsigned common_bits(const struct address6 *candidate, const struct address *destination)
{
	unsigned bits = address_common_bits(&candidate->address, destination);

	return bits < candidate->prefix_bits ? bits : candidate->prefix_bits;
}

/* Is `a` the better one?  False also when they are equally good, so that the first stays. */
static bool is_better(const struct address6 *a, const struct address6 *b, const struct address *destination)
{
	unsigned scope = scope_of(destination), scope_a = scope_of(&a->address), scope_b = scope_of(&b->address);
	unsigned label = label_of(destination);
	bool deprecated_a = a->state == ADDRESS6_DEPRECATED, deprecated_b = b->state == ADDRESS6_DEPRECATED;
	bool label_a = label_of(&a->address) == label, label_b = label_of(&b->address) == label;

	if (address_eq(&a->address, destination) || address_eq(&b->address, destination))       /* rule 1 */
		return address_eq(&a->address, destination);
	if (scope_a != scope_b)                                                                 /* rule 2 */
		return scope_a < scope_b ? scope_a >= scope : scope_b < scope;
	if (deprecated_a != deprecated_b)                                                       /* rule 3 */
		return deprecated_b;
	if (label_a != label_b)                                                                 /* rule 6 */
		return label_a;
	return common_bits(a, destination) > common_bits(b, destination);                       /* rule 8 */
}

const struct address *select6_source(const struct ip *ip, uint8_t number, const struct address *destination)
{
	const struct interface6 *six = &ip->interfaces[number].six;
	const struct address6 *best = NULL;

	for (unsigned i = 0; i < six->address_count; i++) {
		const struct address6 *candidate = &six->addresses[i];

		if (!six->disabled && address6_is_assigned(candidate) &&
		    (!best || is_better(candidate, best, destination)))
			best = candidate;
	}
	return best ? &best->address : NULL;
}
