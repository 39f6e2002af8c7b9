/* SPDX-License-Identifier: MIT */
/*
 * ICMPv6 (RFC 4443): echoes answered, errors read and handed up, errors sent; discovery and groups handed on.
 *
 * Errors in are hints by strangers, as in icmp.c: the quote must be of a TCP segment from an address of ours, and
 * TCP asks whether it is in flight (RFC 5927, RFC 8201 §4).  Errors out are those of §2.4: never about an error, a
 * group (with the two exceptions there) or nobody in particular, few, and quoting what fits into 1280 bytes.
 */
#include <errno.h>
#include <string.h>

#include "ip/state.h"

#define DISCOVERY_HOP_LIMIT 255u        /* RFC 4861 §7.1: it has not passed a router */

/* ---- out */

/* RFC 4443 §2.4 (e): whom no error is sent to, and about what. */
static bool may_be_told(const struct ip_datagram *datagram, uint8_t type, uint8_t code)
{
	bool about_group = type == ICMP6_PACKET_TOO_BIG ||
			   (type == ICMP6_PARAMETER_PROBLEM && code == ICMP6_PROBLEM_OPTION);

	if (address_is_any(&datagram->source) || address_is_multicast(&datagram->source))
		return false;
	return about_group || !(address_is_multicast(&datagram->destination) || datagram->link_group);
}

/* Is the offending packet an ICMPv6 error or a Redirect itself?  What cannot be told counts as none. */
static bool is_about_error(const struct ip_datagram *datagram)
{
	struct chain6 chain = { .bytes = datagram->header, .end = datagram->header_bytes + datagram->payload_bytes,
				.at = IPV6_HEADER_BYTES, .kind = datagram->header[6] };
	uint8_t type;

	while (ipv6_is_extension(chain.kind)) {
		uint32_t bytes = ipv6_extension_bytes(chain.kind, chain.bytes + chain.at, chain.end - chain.at);

		if (bytes == 0)
			return false;
		chain.kind = chain.bytes[chain.at];
		chain.at += bytes;
	}
	if (chain.kind != IPV6_ICMP || chain.at >= chain.end)
		return false;
	type = chain.bytes[chain.at];
	return type < ICMP6_INFORMATION_FIRST || type == ICMP6_REDIRECT;
}

void icmp6_send_error(struct ip *ip, const struct ip_datagram *datagram, uint8_t type, uint8_t code, uint32_t rest)
{
	uint8_t head[ICMP6_HEADER_BYTES] = { type, code };
	uint32_t quoted = datagram->header_bytes + datagram->payload_bytes;
	const struct address *local = &datagram->destination;

	if (datagram->interface == IP_LOOPBACK)
		return;
	if (!may_be_told(datagram, type, code)) {
		trace_count(ip->trace, RULE_ICMP6_ABOUT_NOBODY);
		return;
	}
	if (is_about_error(datagram)) {
		trace_count(ip->trace, RULE_ICMP_ABOUT_ERROR);
		return;
	}
	if (!reply_error_allowed(ip)) {
		trace_count(ip->trace, RULE_ICMP_LIMITED);
		return;
	}
	store_be32(head + 4, rest);
	if (quoted > IP6_ERROR_BYTES - IPV6_HEADER_BYTES - ICMP6_HEADER_BYTES)
		quoted = IP6_ERROR_BYTES - IPV6_HEADER_BYTES - ICMP6_HEADER_BYTES;
	if (address_is_multicast(local))
		local = select6_source(ip, datagram->interface, &datagram->source);
	if (local && reply_send(ip, local, &datagram->source, 0, head, datagram->header, quoted))
		ip_rule(ip, RULE_ICMP_ERROR_SENT, local, &datagram->source, datagram->interface);
}

/* ---- in */

/* RFC 4443 §4.2: from the address that was asked, or the one to speak from when it was a group. */
static void echo6_input(struct ip *ip, const struct ip_datagram *datagram, const struct icmp6 *message)
{
	const struct address *local = &datagram->destination;
	uint8_t head[ICMP6_HEADER_BYTES];

	if (address_is_any(&datagram->source)) {
		trace_count(ip->trace, RULE_IP6_SOURCE_UNSPECIFIED);
		return;
	}
	if (address_is_multicast(local))
		local = select6_source(ip, datagram->interface, &datagram->source);
	memcpy(head, message->bytes, sizeof(head));
	head[0] = ICMP6_ECHO_REPLY;
	head[1] = 0;
	store_be16(head + 2, 0);
	if (local && reply_send(ip, local, &datagram->source, datagram->tos & 0xfc, head,
				message->bytes + ICMP6_HEADER_BYTES, message->length - ICMP6_HEADER_BYTES))
		trace_count(ip->trace, RULE_ICMP6_ECHO_ANSWERED);
}

/* Type and code as an errno, Linux's; hard by RFC 1122 §4.2.3.9 and RFC 5461 §2. */
static enum rule error6_meaning(const struct icmp6 *message, struct ip_error *error)
{
	static const uint8_t unreachable[] = { ENETUNREACH, EACCES, EHOSTUNREACH, EHOSTUNREACH, ECONNREFUSED, EACCES,
					       EACCES };

	error->error = EPROTO;          /* of a type unknown: RFC 4443 §2.4 (a) has it passed on */
	switch (message->type) {
	case ICMP6_UNREACHABLE:
		if (message->code >= sizeof(unreachable))
			return RULE_ICMP_CODE_UNKNOWN;
		error->error = unreachable[message->code];
		error->hard = message->code == ICMP6_UNREACHABLE_PROHIBITED || message->code == ICMP6_UNREACHABLE_PORT;
		break;
	case ICMP6_PACKET_TOO_BIG:
		error->error = EMSGSIZE;
		error->mtu = message->rest;
		return message->rest < IPV6_MTU_LEAST ? RULE_ICMP6_MTU_SMALL : RULE_NONE;
	case ICMP6_TIME_EXCEEDED:
		error->error = EHOSTUNREACH;
		break;
	case ICMP6_PARAMETER_PROBLEM:
		error->hard = message->code == ICMP6_PROBLEM_NEXT_HEADER;
		break;
	}
	return RULE_NONE;
}

static enum rule error6_input(struct ip *ip, const struct ip_datagram *datagram, const struct icmp6 *message,
			      struct ip_error *error)
{
	struct icmp6_quote quote;
	enum icmp6_quote_fault fault = icmp6_quote_parse(&quote, message);

	if (fault == ICMP6_QUOTE_PROTOCOL)
		return RULE_ICMP_QUOTE_NOT_TCP;
	if (fault != ICMP6_QUOTE_OK)
		return RULE_ICMP_QUOTE_BAD;
	if (!address_eq(&quote.packet.source, &datagram->destination) ||
	    address6_interface(ip, &quote.packet.source) < 0 || ip_is_local(ip, &quote.packet.destination))
		return RULE_ICMP_QUOTE_NOT_OURS;
	*error = (struct ip_error){ .local = quote.packet.source, .remote = quote.packet.destination,
				    .reporter = datagram->source, .local_port = quote.source_port,
				    .remote_port = quote.destination_port, .seq = quote.seq,
				    .type = message->type, .code = message->code };
	return error6_meaning(message, error);
}

/* Messages of discovery come from this link, whole, and with code 0: RFC 4861 §6.1, §7.1, §8.1; RFC 6980 §5. */
static enum rule discovery_input(struct ip *ip, const struct ip_datagram *datagram, const struct icmp6 *message)
{
	const struct interface *interface = &ip->interfaces[datagram->interface % IP_INTERFACES_MAX];

	if (datagram->interface == IP_LOOPBACK || datagram->ttl != DISCOVERY_HOP_LIMIT || datagram->fragmented)
		return RULE_ND_UNTRUSTED;
	if (message->code != 0)
		return RULE_ND_BAD;
	if (message->type == ICMP6_ROUTER_SOLICITATION)
		return RULE_ICMP6_TYPE_IGNORED;         /* for routers */
	if (message->type == ICMP6_ROUTER_ADVERTISEMENT)
		router_advertisement_input(ip, datagram, message);
	else if (message->type == ICMP6_REDIRECT)
		redirect_input(ip, datagram, message);
	else if (interface->given.kind != ELEVEN_LINK_ETHERNET)
		return RULE_ICMP6_TYPE_IGNORED;         /* there are no link addresses to ask for */
	else if (message->type == ICMP6_NEIGHBOUR_SOLICITATION)
		nd_solicitation_input(ip, datagram, message);
	else
		nd_advertisement_input(ip, datagram, message);
	return RULE_NONE;
}

enum ip_input icmp6_input(struct ip *ip, const struct ip_datagram *datagram, struct ip_error *error)
{
	struct icmp6 message;
	enum icmp6_fault fault = icmp6_parse(&message, datagram->payload, datagram->payload_bytes, &datagram->source,
					     &datagram->destination);
	enum rule rule = RULE_NONE;

	if (fault != ICMP6_OK) {
		rule = fault == ICMP6_TRUNCATED ? RULE_ICMP6_SHORT : RULE_ICMP6_CHECKSUM_BAD;
	} else if (message.type < ICMP6_INFORMATION_FIRST) {
		rule = error6_input(ip, datagram, &message, error);
		if (rule == RULE_NONE)
			return IP_ERROR;
	} else if (message.type == ICMP6_ECHO) {
		echo6_input(ip, datagram, &message);
	} else if (message.type == ICMP6_MLD_QUERY) {
		mld_query_input(ip, datagram, &message);
	} else if (message.type >= ICMP6_ROUTER_SOLICITATION && message.type <= ICMP6_REDIRECT) {
		rule = discovery_input(ip, datagram, &message);
	} else {
		rule = RULE_ICMP6_TYPE_IGNORED;
	}
	if (rule != RULE_NONE)
		ip_rule(ip, rule, &datagram->destination, &datagram->source, datagram->interface);
	return IP_CONSUMED;
}
