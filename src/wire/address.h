/* SPDX-License-Identifier: MIT */
/*
 * Internet addresses, both families in 16 bytes in network order; IPv4 is held v4-mapped
 * (::ffff:a.b.c.d, RFC 4291 §2.5.5.2).  IPv4 values are in host order wherever they are numbers.
 */
#ifndef ELEVEN_WIRE_ADDRESS_H
#define ELEVEN_WIRE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

#define ADDRESS_TEXT_MAX 46     /* longest text and its NUL, as INET6_ADDRSTRLEN */

struct address {
	uint8_t bytes[16];
};

/* 0x0a000001 is 10.0.0.1. */
static inline struct address address_v4(uint32_t value)
{
	struct address a = { { 0 } };

	a.bytes[10] = 0xff;
	a.bytes[11] = 0xff;
	store_be32(a.bytes + 12, value);
	return a;
}

static inline bool address_is_v4(const struct address *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(a->bytes, mapped, sizeof(mapped)) == 0;
}

static inline uint32_t address_v4_value(const struct address *a)
{
	return load_be32(a->bytes + 12);
}

static inline bool address_eq(const struct address *a, const struct address *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* 0.0.0.0 or ::, "any address". */
static inline bool address_is_any(const struct address *a)
{
	static const uint8_t zero[12];

	return address_v4_value(a) == 0 && (address_is_v4(a) || memcmp(a->bytes, zero, sizeof(zero)) == 0);
}

/* 224.0.0.0/4 or ff00::/8. */
static inline bool address_is_multicast(const struct address *a)
{
	return address_is_v4(a) ? a->bytes[12] >> 4 == 0xe : a->bytes[0] == 0xff;
}

/* The limited broadcast, 255.255.255.255; a net's own one needs its mask. */
static inline bool address_is_broadcast(const struct address *a)
{
	return address_is_v4(a) && address_v4_value(a) == 0xffffffffu;
}

/* 127.0.0.0/8 or ::1. */
static inline bool address_is_loopback(const struct address *a)
{
	static const uint8_t one[16] = { [15] = 1 };

	return address_is_v4(a) ? a->bytes[12] == 127 : memcmp(a->bytes, one, sizeof(one)) == 0;
}

/*
 * Writes a.b.c.d, or IPv6 as RFC 5952 has it, and a NUL; returns the length without the NUL, or
 * 0 (and an empty text, if n allows) when n bytes are too few.
 */
size_t address_print(char *out, size_t n, const struct address *a);

/*
 * Four decimal numbers of at most 255 without leading zeros, or IPv6 in any form of RFC 4291 §2.2; no brackets,
 * prefix or zone; false otherwise.
 */
bool address_parse(struct address *out, const char *text);

#endif
