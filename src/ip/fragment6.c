/* SPDX-License-Identifier: MIT */
/*
 * The Fragment header of IPv6 (RFC 8200 §4.5); fragment.c joins.
 *
 * An atomic fragment, which is whole, is never joined with others (RFC 6946).  The first fragment has all headers,
 * the fixed one of TCP too, or the datagram is dropped and its sender told (RFC 7112 §5): so nobody downstream sees
 * other headers than we do.
 */
#include <string.h>

#include "ip/state.h"

#define LENGTH_FIELD_AT  4u     /* payload length in the fixed header */
#define OFFSET_FIELD_AT  2u     /* in the Fragment header */
#define SILENT           255u   /* no code: nobody is told */

static bool fragment6_drop(struct ip *ip, enum rule rule, const struct ip_datagram *datagram, uint8_t code,
			   uint32_t pointer)
{
	ip_rule(ip, rule, &datagram->destination, &datagram->source, datagram->interface);
	if (code != SILENT)
		icmp6_send_error(ip, datagram, ICMP6_PARAMETER_PROBLEM, code, pointer);
	return false;
}

/* A first fragment's headers, walked to see that all are there. */
static bool headers_are_whole(const struct chain6 *chain, uint8_t next_header)
{
	struct chain6 rest = *chain;

	rest.in_first_fragment = true;
	rest.named_at = chain->at;
	rest.kind = next_header;
	rest.at = chain->at + IPV6_FRAGMENT_BYTES;
	if (extension_walk(&rest) != RULE_NONE)
		return !(rest.answer && rest.problem == ICMP6_PROBLEM_FIRST_FRAGMENT);  /* else when it is whole */
	switch (rest.kind) {
	case IPV6_TCP:
		return rest.end - rest.at >= 20;
	case IPV6_UDP:
	case IPV6_ICMP:
		return rest.end - rest.at >= 8;
	}
	return true;
}

bool fragment6_input(struct ip *ip, const struct ipv6 *packet, struct chain6 *chain, uint8_t interface,
		     struct ip_datagram *datagram)
{
	struct ipv6_fragment header = ipv6_fragment_parse(chain->bytes + chain->at);
	uint32_t payload_at = chain->at + IPV6_FRAGMENT_BYTES, bytes = chain->end - payload_at;
	struct fragment fragment = {
		.source = packet->source, .destination = packet->destination, .id = header.id,
		.protocol = IPV6_FRAGMENT, .next_header = header.next_header, .interface = interface,
		.tos = packet->tos, .ttl = packet->hop_limit, .offset = header.offset, .more = header.more,
		.payload = chain->bytes + payload_at, .payload_bytes = bytes, .header = chain->bytes,
		.header_bytes = (uint16_t)payload_at, .named_at = (uint16_t)chain->named_at,
	};

	datagram->fragmented = true;
	if (header.offset == 0 && !header.more) {
		trace_count(ip->trace, RULE_FRAGMENT_ATOMIC);
		chain->named_at = chain->at;
		chain->kind = header.next_header;
		chain->at = payload_at;
		return true;
	}
	if (header.more && bytes % 8)
		return fragment6_drop(ip, RULE_FRAGMENT_LENGTH_ODD, datagram, ICMP6_PROBLEM_HEADER, LENGTH_FIELD_AT);
	if (payload_at - IPV6_FRAGMENT_BYTES - IPV6_HEADER_BYTES + header.offset + bytes > UINT16_MAX)
		return fragment6_drop(ip, RULE_FRAGMENT_TOO_LONG, datagram, ICMP6_PROBLEM_HEADER,
				      chain->at + OFFSET_FIELD_AT);
	if (chain->at > IP6_UNFRAGMENTABLE_MAX)
		return fragment6_drop(ip, RULE_EXTENSION_TOO_MUCH, datagram, SILENT, 0);
	if (header.offset == 0 && !headers_are_whole(chain, header.next_header))
		return fragment6_drop(ip, RULE_FRAGMENT_HEADERS_CUT, datagram, ICMP6_PROBLEM_FIRST_FRAGMENT, 0);
	if (!fragment_input(ip, &fragment, datagram))
		return false;
	datagram->fragmented = true;
	chain->bytes = datagram->header;
	chain->at = datagram->header_bytes;
	chain->end = chain->at + datagram->payload_bytes;
	chain->kind = datagram->protocol;
	return true;
}
