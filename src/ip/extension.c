/* SPDX-License-Identifier: MIT */
/*
 * The chain of extension headers of IPv6 (RFC 8200 §4).
 *
 * Any order is accepted, but hop-by-hop options come first or not at all.  A header is bounded by the packet, a chain
 * by IP6_HEADERS_MAX headers, options by OPTIONS_MAX and PADDING_MAX (RFC 8504 §5.3: what is beyond these is dropped in
 * silence): so a packet costs a bounded number of steps, and nothing is read twice.  No option is heeded but Pad1
 * and PadN; router alerts are for routers, jumbograms are not spoken here, and what else there is goes by the two
 * highest bits of its type (§4.2).
 *
 * A routing header that has no segments left is stepped over whatever its type; any other is for routers, which we are
 * not, so its type is unknown here: §4.4, and RFC 5095 for type 0.
 */
#include "ip/state.h"

#define OPTION_PAD1         0
#define OPTION_PADN         1
#define OPTION_ROUTER_ALERT 5
#define OPTIONS_MAX         8u          /* of one header, besides padding */
#define PADDING_MAX         7u          /* bytes in a row: more align nothing */

static enum rule problem(struct chain6 *chain, enum rule rule, uint8_t code, uint32_t pointer)
{
	chain->answer = true;
	chain->problem = code;
	chain->pointer = pointer;
	return rule;
}

/* What an option that we do not know wants, by the two highest bits of its type. */
static enum rule option_unknown(struct chain6 *chain, uint8_t type, uint32_t at)
{
	switch (type >> 6) {
	case 0:
		return RULE_NONE;
	case 1:
		return RULE_EXTENSION_OPTION_UNKNOWN;
	case 2:
		return problem(chain, RULE_EXTENSION_OPTION_UNKNOWN, ICMP6_PROBLEM_OPTION, at);
	}
	if (chain->multicast)
		return RULE_EXTENSION_OPTION_UNKNOWN;
	return problem(chain, RULE_EXTENSION_OPTION_UNKNOWN, ICMP6_PROBLEM_OPTION, at);
}

/* The options between `at` and `end`, which are in the packet. */
static enum rule options_walk(struct chain6 *chain, uint32_t at, uint32_t end)
{
	unsigned options = 0, padding = 0;

	while (at < end) {
		const uint8_t *option = chain->bytes + at;
		uint32_t bytes = option[0] == OPTION_PAD1 ? 1 : 2;
		enum rule rule;

		if (at + bytes > end || (bytes == 2 && at + (bytes += option[1]) > end))
			return problem(chain, RULE_EXTENSION_OPTION_BAD, ICMP6_PROBLEM_HEADER, at);
		if (option[0] == OPTION_PAD1 || option[0] == OPTION_PADN) {
			padding += bytes;
			if (padding > PADDING_MAX)
				return RULE_EXTENSION_TOO_MUCH;
		} else {
			padding = 0;
			if (++options > OPTIONS_MAX)
				return RULE_EXTENSION_TOO_MUCH;
			rule = option[0] == OPTION_ROUTER_ALERT ? RULE_NONE : option_unknown(chain, option[0], at);
			if (rule != RULE_NONE)
				return rule;
		}
		at += bytes;
	}
	return RULE_NONE;
}

/* The header that the chain is at, `bytes` long. */
static enum rule header_heed(struct chain6 *chain, uint32_t bytes)
{
	const uint8_t *header = chain->bytes + chain->at;

	if (chain->kind != IPV6_ROUTING)
		return options_walk(chain, chain->at + 2, chain->at + bytes);
	if (header[3] == 0)             /* segments left */
		return RULE_NONE;
	return problem(chain, RULE_EXTENSION_ROUTING, ICMP6_PROBLEM_HEADER, chain->at + 2);
}

/* What is cut short in a first fragment is no header at all: RFC 8200 §4.5, RFC 7112 §5. */
static enum rule header_cut(struct chain6 *chain)
{
	if (chain->in_first_fragment)
		return problem(chain, RULE_FRAGMENT_HEADERS_CUT, ICMP6_PROBLEM_FIRST_FRAGMENT, 0);
	return RULE_EXTENSION_SHORT;
}

enum rule extension_walk(struct chain6 *chain)
{
	for (;;) {
		uint32_t bytes;
		enum rule rule;

		if (chain->kind == IPV6_HOP_BY_HOP && chain->walked_fixed)
			return problem(chain, RULE_EXTENSION_ORDER, ICMP6_PROBLEM_NEXT_HEADER, chain->named_at);
		chain->walked_fixed = true;
		if (!ipv6_is_extension(chain->kind))
			return RULE_NONE;
		if (++chain->headers > IP6_HEADERS_MAX)
			return RULE_EXTENSION_TOO_MUCH;
		bytes = ipv6_extension_bytes(chain->kind, chain->bytes + chain->at, chain->end - chain->at);
		if (bytes == 0)
			return header_cut(chain);
		if (chain->kind == IPV6_FRAGMENT)
			return RULE_NONE;
		rule = header_heed(chain, bytes);
		if (rule != RULE_NONE)
			return rule;
		chain->named_at = chain->at;
		chain->kind = chain->bytes[chain->at];
		chain->at += bytes;
	}
}
