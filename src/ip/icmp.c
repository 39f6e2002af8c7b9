/* SPDX-License-Identifier: MIT */
/*
 * ICMP (RFC 792, RFC 1122 §3.2.2): echoes answered, errors read and handed up, errors sent.
 *
 * Errors in are no more than hints by strangers: the quoted header must be that of a TCP segment from
 * this address; whether it is in flight only TCP can tell (RFC 5927 §4.1).  Redirect, Source Quench
 * (RFC 6633) and the deprecated types (RFC 6918) do nothing.  Errors out are few (a bucket of
 * icmp_rate), never about ICMP errors, and quote up to 548 bytes (RFC 1812 §4.3.2.3).
 * What is sent waits in reply.c.
 */
#include <errno.h>
#include <string.h>

#include "ip/state.h"
#include "wire/checksum.h"

#define QUOTE_BYTES_MAX (IP_ICMP_ERROR_BYTES - IPV4_HEADER_MIN - ICMP_HEADER_BYTES)
#define EXTENSION_QUOTE_LEAST 128u      /* RFC 4884 §3: a quote followed by an extension has as much */
#define MTU_LEAST 68u                   /* RFC 791 §3.1 */

void icmp_send_error(struct ip *ip, const struct ip_datagram *datagram, uint8_t type, uint8_t code, uint32_t rest)
{
	uint8_t head[ICMP_HEADER_BYTES] = { type, code };
	uint32_t quoted = datagram->header_bytes + datagram->payload_bytes;

	if (datagram->interface == IP_LOOPBACK)
		return;
	if (datagram->protocol == IPV4_PROTOCOL_ICMP &&
	    (datagram->payload_bytes == 0 ||
	     (datagram->payload[0] != ICMP_ECHO && datagram->payload[0] != ICMP_ECHO_REPLY))) {
		trace_count(ip->trace, RULE_ICMP_ABOUT_ERROR);
		return;
	}
	if (!reply_error_allowed(ip)) {
		trace_count(ip->trace, RULE_ICMP_LIMITED);
		return;
	}
	store_be32(head + 4, rest);
	if (quoted > QUOTE_BYTES_MAX)
		quoted = QUOTE_BYTES_MAX;
	if (reply_send(ip, &datagram->destination, &datagram->source, 0, head, datagram->header, quoted))
		ip_rule(ip, RULE_ICMP_ERROR_SENT, &datagram->destination, &datagram->source, datagram->interface);
}

void ip_unreachable(struct ip *ip, const struct ip_datagram *datagram, uint8_t code)
{
	icmp_send_error(ip, datagram, ICMP_UNREACHABLE, code, 0);
}

/* ---- messages in */

static void echo_input(struct ip *ip, const struct ip_datagram *datagram)
{
	uint8_t head[ICMP_HEADER_BYTES];

	memcpy(head, datagram->payload, sizeof(head));
	head[0] = ICMP_ECHO_REPLY;
	head[1] = 0;
	store_be16(head + 2, 0);
	if (reply_send(ip, &datagram->destination, &datagram->source, datagram->tos & 0xfc, head,
			 datagram->payload + ICMP_HEADER_BYTES, datagram->payload_bytes - ICMP_HEADER_BYTES))
		trace_count(ip->trace, RULE_ICMP_ECHO_ANSWERED);
}

/*
 * The errno of an unreachable code, 0: there is no such code.  RFC 1122 §3.2.2.1 for 6 to 12, RFC 1812 §5.2.7.1 for the
 * rest; the mapping is Linux's.
 */
static int unreachable_errno(uint8_t code)
{
	static const uint8_t errors[] = {
		ENETUNREACH, EHOSTUNREACH, ENOPROTOOPT, ECONNREFUSED, EMSGSIZE, EOPNOTSUPP, ENETUNREACH, EHOSTDOWN,
		ENONET, ENETUNREACH, EHOSTUNREACH, ENETUNREACH, EHOSTUNREACH, EHOSTUNREACH, EHOSTUNREACH, EHOSTUNREACH,
	};

	return code < sizeof(errors) / sizeof(errors[0]) ? errors[code] : 0;
}

/* RFC 1191 §7: the common MTU next below the packet that was too big for a router that does not say more. */
static uint32_t mtu_plateau(uint32_t total_bytes)
{
	static const uint16_t plateaus[] = { 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296 };

	for (size_t i = 0; i < sizeof(plateaus) / sizeof(plateaus[0]); i++)
		if (plateaus[i] < total_bytes)
			return plateaus[i];
	return MTU_LEAST;
}

/* Type and code told in the words of ip_error: RULE_NONE, or why it says nothing. */
static enum rule error_meaning(const struct icmp *message, const struct icmp_quote *quote, struct ip_error *error)
{
	if (message->type == ICMP_TIME_EXCEEDED) {
		error->error = EHOSTUNREACH;
		return message->code <= 1 ? RULE_NONE : RULE_ICMP_CODE_UNKNOWN;
	}
	if (message->type == ICMP_PARAMETER_PROBLEM) {
		error->error = EPROTO;
		return message->code <= 2 ? RULE_NONE : RULE_ICMP_CODE_UNKNOWN;
	}
	error->error = unreachable_errno(message->code);
	if (error->error == 0)
		return RULE_ICMP_CODE_UNKNOWN;
	error->hard = message->code == ICMP_UNREACHABLE_PROTOCOL || message->code == ICMP_UNREACHABLE_PORT;
	if (message->code != ICMP_UNREACHABLE_FRAGMENTATION)
		return RULE_NONE;
	error->mtu = icmp_mtu(message);
	if (error->mtu == 0)
		error->mtu = mtu_plateau(quote->packet.total_bytes);
	if (error->mtu < MTU_LEAST)
		error->mtu = MTU_LEAST;
	return error->mtu < quote->packet.total_bytes ? RULE_NONE : RULE_ICMP_MTU_NO_LESS;
}

/* What of the payload is quote: a length in the second word says so when an extension follows (RFC 4884 §4). */
static void quote_trim(struct icmp *message)
{
	uint32_t bytes = (message->rest >> 16 & 0xff) * 4;

	if (bytes >= EXTENSION_QUOTE_LEAST && bytes < message->payload_bytes)
		message->payload_bytes = bytes;
}

static enum rule error_input(struct ip *ip, const struct ip_datagram *datagram, struct icmp *message,
			     struct ip_error *error)
{
	struct icmp_quote quote;
	enum icmp_quote_fault fault;

	quote_trim(message);
	fault = icmp_quote_parse(&quote, message);
	if (fault == ICMP_QUOTE_PROTOCOL || (fault == ICMP_QUOTE_OK && quote.packet.protocol != IPV4_PROTOCOL_TCP))
		return RULE_ICMP_QUOTE_NOT_TCP;
	if (fault != ICMP_QUOTE_OK ||
	    quote.packet.total_bytes < IPV4_HEADER_MIN + quote.packet.options_bytes + 20)
		return RULE_ICMP_QUOTE_BAD;
	if (!address_eq(&quote.packet.source, &datagram->destination) ||
	    !interface_of(ip, address_v4_value(&quote.packet.source)) || ip_is_local(ip, &quote.packet.destination))
		return RULE_ICMP_QUOTE_NOT_OURS;
	*error = (struct ip_error){ .local = quote.packet.source, .remote = quote.packet.destination,
				    .reporter = datagram->source, .local_port = quote.source_port,
				    .remote_port = quote.destination_port, .seq = quote.seq,
				    .type = message->type, .code = message->code };
	return error_meaning(message, &quote, error);
}

static enum rule ignored_rule(uint8_t type)
{
	if (type == ICMP_ECHO_REPLY)
		return RULE_ICMP_ECHO_REPLY_IGNORED;
	if (type == ICMP_SOURCE_QUENCH)
		return RULE_ICMP_SOURCE_QUENCH_IGNORED;
	return type == ICMP_REDIRECT ? RULE_ICMP_REDIRECT_IGNORED : RULE_ICMP_TYPE_UNKNOWN;
}

enum ip_input icmp_input(struct ip *ip, const struct ip_datagram *datagram, struct ip_error *error)
{
	struct icmp message;
	enum icmp_fault fault = icmp_parse(&message, datagram->payload, datagram->payload_bytes);
	enum rule rule;

	if (fault != ICMP_OK) {
		rule = fault == ICMP_TRUNCATED ? RULE_ICMP_SHORT : RULE_ICMP_CHECKSUM_BAD;
	} else if (message.type == ICMP_ECHO) {
		echo_input(ip, datagram);
		return IP_CONSUMED;
	} else if (message.type == ICMP_UNREACHABLE || message.type == ICMP_TIME_EXCEEDED ||
		   message.type == ICMP_PARAMETER_PROBLEM) {
		rule = error_input(ip, datagram, &message, error);
		if (rule == RULE_NONE)
			return IP_ERROR;
	} else {
		rule = ignored_rule(message.type);
	}
	ip_rule(ip, rule, &datagram->destination, &datagram->source, datagram->interface);
	return IP_CONSUMED;
}
