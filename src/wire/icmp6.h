/* SPDX-License-Identifier: MIT */
/*
 * ICMPv6 (RFC 4443): the header, its checksum, and what of the offending packet an error quotes.  Also the fields of
 * neighbour discovery (RFC 4861, RFC 4191) and of MLD (RFC 3810), whose messages are ICMPv6.
 */
#ifndef ELEVEN_WIRE_ICMP6_H
#define ELEVEN_WIRE_ICMP6_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/seq.h"
#include "wire/ethernet.h"
#include "wire/ipv6.h"

#define ICMP6_HEADER_BYTES 8

#define ICMP6_UNREACHABLE            1
#define ICMP6_PACKET_TOO_BIG         2
#define ICMP6_TIME_EXCEEDED          3
#define ICMP6_PARAMETER_PROBLEM      4
#define ICMP6_INFORMATION_FIRST      128        /* types below are errors, known or not: RFC 4443 §2.1 */
#define ICMP6_ECHO                   128
#define ICMP6_ECHO_REPLY             129
#define ICMP6_MLD_QUERY              130
#define ICMP6_MLD_REPORT_1           131
#define ICMP6_MLD_DONE               132
#define ICMP6_ROUTER_SOLICITATION    133
#define ICMP6_ROUTER_ADVERTISEMENT   134
#define ICMP6_NEIGHBOUR_SOLICITATION 135
#define ICMP6_NEIGHBOUR_ADVERTISEMENT 136
#define ICMP6_REDIRECT               137
#define ICMP6_MLD_REPORT_2           143

/* Codes of ICMP6_UNREACHABLE. */
#define ICMP6_UNREACHABLE_NO_ROUTE   0
#define ICMP6_UNREACHABLE_PROHIBITED 1
#define ICMP6_UNREACHABLE_ADDRESS    3
#define ICMP6_UNREACHABLE_PORT       4
/* Codes of ICMP6_TIME_EXCEEDED. */
#define ICMP6_TIME_EXCEEDED_REASSEMBLY 1
/* Codes of ICMP6_PARAMETER_PROBLEM. */
#define ICMP6_PROBLEM_HEADER      0     /* erroneous field */
#define ICMP6_PROBLEM_NEXT_HEADER 1     /* unrecognized next header */
#define ICMP6_PROBLEM_OPTION      2     /* unrecognized option */
#define ICMP6_PROBLEM_FIRST_FRAGMENT 3  /* first fragment without all headers: RFC 7112 §5 */

struct icmp6 {
	uint8_t type;           /* ICMP6_… */
	uint8_t code;
	uint32_t rest;          /* bytes 4-7: MTU, pointer, echo identifier, flags */
	const uint8_t *bytes;   /* the whole message */
	uint32_t length;
};

enum icmp6_fault {
	ICMP6_OK,
	ICMP6_TRUNCATED,        /* shorter than the header */
	ICMP6_BAD_CHECKSUM,
};

enum icmp6_fault icmp6_parse(struct icmp6 *out, const uint8_t *bytes, size_t n, const struct address *source,
			     const struct address *destination);

/* The packet that an error is about, which we are said to have sent. */
struct icmp6_quote {
	struct ipv6 packet;     /* source is us */
	uint32_t header_bytes;  /* of it and its extension headers */
	uint8_t protocol;       /* behind them */
	uint16_t source_port;
	uint16_t destination_port;
	struct seq seq;         /* of TCP */
};

enum icmp6_quote_fault {
	ICMP6_QUOTE_OK,
	ICMP6_QUOTE_BAD_IP,     /* the quoted header cannot be read */
	ICMP6_QUOTE_FRAGMENT,   /* not the first fragment: no ports in it */
	ICMP6_QUOTE_PROTOCOL,   /* `packet` is complete, but is not TCP */
	ICMP6_QUOTE_TRUNCATED,  /* fewer than 8 bytes behind the headers */
};

/* Of an error message: type below ICMP6_INFORMATION_FIRST. */
enum icmp6_quote_fault icmp6_quote_parse(struct icmp6_quote *out, const struct icmp6 *message);

/* ---- neighbour discovery, RFC 4861 §4 */

#define ND_OPTION_SOURCE_MAC 1
#define ND_OPTION_TARGET_MAC 2
#define ND_OPTION_PREFIX     3
#define ND_OPTION_REDIRECTED 4
#define ND_OPTION_MTU        5
#define ND_OPTION_ROUTE      24         /* RFC 4191 §2.3 */

#define ND_SOLICITATION_BYTES  24       /* neighbour solicitation or advertisement, without options */
#define ND_MAC_OPTION_BYTES    8
#define ND_ADVERT_ROUTER    0x80000000u /* flags in `rest` of an advertisement */
#define ND_ADVERT_SOLICITED 0x40000000u
#define ND_ADVERT_OVERRIDE  0x20000000u
#define ND_LIST_MAX 16u                 /* prefixes, and routes, that are read of one advertisement */

struct nd_prefix {                      /* RFC 4861 §4.6.2 */
	struct address prefix;
	uint8_t bits;
	bool on_link, autonomous;
	uint32_t valid_s, preferred_s;  /* 0xffffffff: for ever */
};

struct nd_route {                       /* RFC 4191 §2.3 */
	struct address prefix;
	uint8_t bits;
	int8_t preference;              /* 1 high, 0 medium, -1 low; 2 reserved: to be ignored */
	uint32_t lifetime_s;
};

struct nd_options {
	bool has_source_mac, has_target_mac;
	struct mac source_mac, target_mac;
	uint32_t mtu;                   /* 0: not told */
	unsigned prefixes, routes;
	struct nd_prefix prefix[ND_LIST_MAX];
	struct nd_route route[ND_LIST_MAX];
};

/* The two bits of a router's or route's preference. */
int8_t nd_preference(unsigned bits);
/* False: an option of length 0, or one that ends beyond the message: RFC 4861 §4.6 has such a message dropped. */
bool nd_options_parse(struct nd_options *out, const uint8_t *bytes, size_t n);
/* Writes a link-address option, ND_MAC_OPTION_BYTES; returns that. */
unsigned nd_mac_emit(uint8_t *out, uint8_t kind, const struct mac *mac);

#endif
