/* SPDX-License-Identifier: MIT */
/* Ethernet II frames (RFC 894): the 14-byte header.  No VLAN tags, no 802.3 length framing. */
#ifndef ELEVEN_WIRE_ETHERNET_H
#define ELEVEN_WIRE_ETHERNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

#define ETHERNET_HEADER_BYTES 14

#define ETHERNET_TYPE_IPV4 0x0800
#define ETHERNET_TYPE_ARP  0x0806
#define ETHERNET_TYPE_IPV6 0x86dd

struct mac {
	uint8_t bytes[6];
};

struct ethernet {
	struct mac destination;
	struct mac source;
	uint16_t type;          /* ETHERNET_TYPE_…; below 0x0600 it is an 802.3 length */
	const uint8_t *payload; /* with the padding of a short frame, if any */
	uint32_t payload_bytes;
};

enum ethernet_fault {
	ETHERNET_OK,
	ETHERNET_TRUNCATED,     /* shorter than the header */
};

static inline bool mac_eq(const struct mac *a, const struct mac *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* Group addresses, the broadcast among them (IEEE 802: low bit of the first byte). */
static inline bool mac_is_group(const struct mac *a)
{
	return a->bytes[0] & 1;
}

static inline bool mac_is_broadcast(const struct mac *a)
{
	return (a->bytes[0] & a->bytes[1] & a->bytes[2] & a->bytes[3] & a->bytes[4] & a->bytes[5]) == 0xff;
}

static inline enum ethernet_fault ethernet_parse(struct ethernet *out, const uint8_t *bytes, size_t n)
{
	if (n < ETHERNET_HEADER_BYTES)
		return ETHERNET_TRUNCATED;
	memcpy(out->destination.bytes, bytes, 6);
	memcpy(out->source.bytes, bytes + 6, 6);
	out->type = load_be16(bytes + 12);
	out->payload = bytes + ETHERNET_HEADER_BYTES;
	out->payload_bytes = (uint32_t)(n - ETHERNET_HEADER_BYTES);
	return ETHERNET_OK;
}

/* Writes the header, ETHERNET_HEADER_BYTES bytes; returns their number.  The payload is not touched. */
static inline unsigned ethernet_emit(uint8_t *out, const struct ethernet *frame)
{
	memcpy(out, frame->destination.bytes, 6);
	memcpy(out + 6, frame->source.bytes, 6);
	store_be16(out + 12, frame->type);
	return ETHERNET_HEADER_BYTES;
}

#endif
