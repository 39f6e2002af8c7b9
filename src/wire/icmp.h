/* SPDX-License-Identifier: MIT */
/*
 * ICMP (RFC 792, RFC 1191 for the next hop's MTU): the header, and what of the offending packet
 * an error message quotes (RFC 1812 §4.3.2.3: the IP header and at least 8 bytes behind it).
 */
#ifndef ELEVEN_WIRE_ICMP_H
#define ELEVEN_WIRE_ICMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/seq.h"
#include "wire/ipv4.h"

#define ICMP_HEADER_BYTES 8

#define ICMP_ECHO_REPLY        0
#define ICMP_UNREACHABLE       3
#define ICMP_SOURCE_QUENCH     4
#define ICMP_REDIRECT          5
#define ICMP_ECHO              8
#define ICMP_TIME_EXCEEDED     11
#define ICMP_PARAMETER_PROBLEM 12

/* Codes of ICMP_UNREACHABLE. */
#define ICMP_UNREACHABLE_NET           0
#define ICMP_UNREACHABLE_HOST          1
#define ICMP_UNREACHABLE_PROTOCOL      2
#define ICMP_UNREACHABLE_PORT          3
#define ICMP_UNREACHABLE_FRAGMENTATION 4        /* needed and DF set */
#define ICMP_UNREACHABLE_SOURCE_ROUTE  5

/* Codes of ICMP_TIME_EXCEEDED. */
#define ICMP_TIME_EXCEEDED_TTL        0
#define ICMP_TIME_EXCEEDED_REASSEMBLY 1

struct icmp {
	uint8_t type;           /* ICMP_… */
	uint8_t code;
	uint16_t checksum;      /* as received; emit computes it */
	uint32_t rest;          /* bytes 4-7, whose meaning is the type's: see below */
	const uint8_t *payload; /* echo data, or the quoted packet */
	uint32_t payload_bytes;
};

enum icmp_fault {
	ICMP_OK,
	ICMP_TRUNCATED,         /* shorter than the header */
	ICMP_BAD_CHECKSUM,
};

static inline uint16_t icmp_echo_id(const struct icmp *message)
{
	return (uint16_t)(message->rest >> 16);
}

static inline uint16_t icmp_echo_seq(const struct icmp *message)
{
	return (uint16_t)message->rest;
}

/* Of ICMP_UNREACHABLE_FRAGMENTATION; 0 from a router older than RFC 1191. */
static inline uint16_t icmp_mtu(const struct icmp *message)
{
	return (uint16_t)message->rest;
}

static inline bool icmp_is_error(const struct icmp *message)
{
	return message->type == ICMP_UNREACHABLE || message->type == ICMP_SOURCE_QUENCH ||
	       message->type == ICMP_REDIRECT || message->type == ICMP_TIME_EXCEEDED ||
	       message->type == ICMP_PARAMETER_PROBLEM;
}

enum icmp_fault icmp_parse(struct icmp *out, const uint8_t *bytes, size_t n);

/* Writes header and a copy of the payload; returns the length, or 0 when n bytes are too few. */
size_t icmp_emit(uint8_t *out, size_t n, const struct icmp *message);

/* The packet that an error is about, which we are said to have sent. */
struct icmp_quote {
	struct ipv4 packet;     /* source is us; payload is what was quoted behind the header */
	uint16_t source_port;
	uint16_t destination_port;
	struct seq seq;         /* of TCP; 8 quoted bytes end behind it */
};

enum icmp_quote_fault {
	ICMP_QUOTE_OK,
	ICMP_QUOTE_NONE,        /* not an error message */
	ICMP_QUOTE_BAD_IP,      /* the quoted header cannot be read */
	ICMP_QUOTE_FRAGMENT,    /* not the first fragment: no ports in it */
	ICMP_QUOTE_PROTOCOL,    /* `packet` is complete, but is neither TCP nor UDP */
	ICMP_QUOTE_TRUNCATED,   /* fewer than 8 bytes behind the header */
};

enum icmp_quote_fault icmp_quote_parse(struct icmp_quote *out, const struct icmp *message);

#endif
