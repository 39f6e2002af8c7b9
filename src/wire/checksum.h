/* SPDX-License-Identifier: MIT */
/*
 * The Internet checksum (RFC 1071): ones' complement sum of big-endian 16-bit words.
 *
 * A running sum is a uint32_t: its low 16 bits are the sum so far as a number, and
 * CHECKSUM_ODD is set while an odd number of bytes has been added, so that the next byte is the
 * second of its word.  So slices of any length are chained without care, and 0 starts a sum.
 *
 * A message that carries a right checksum sums to a checksum_finish() of 0.
 */
#ifndef ELEVEN_WIRE_CHECKSUM_H
#define ELEVEN_WIRE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#include "wire/address.h"

#define CHECKSUM_ODD 0x80000000u

/* The sum over what `sum` covers followed by n bytes. */
uint32_t checksum_add(uint32_t sum, const void *bytes, size_t n);

/* The same, and the bytes copied to dst in one pass; they must not overlap. */
uint32_t checksum_copy(void *dst, const void *src, size_t n, uint32_t sum);

static inline uint16_t checksum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffffu) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* One 16-bit word in host order more; the sum must cover an even number of bytes so far. */
static inline uint32_t checksum_word(uint32_t sum, uint16_t word)
{
	return checksum_fold((uint64_t)sum + word);
}

/* The sum over what `first` covers followed by what `second`, begun at 0, covers. */
static inline uint32_t checksum_join(uint32_t first, uint32_t second)
{
	uint32_t odd = (first ^ second) & CHECKSUM_ODD;
	uint16_t low = (uint16_t)second;

	if (first & CHECKSUM_ODD)
		low = (uint16_t)(low << 8 | low >> 8);
	return checksum_fold((uint64_t)(first & 0xffff) + low) | odd;
}

/* The pseudo-header's sum (§3.1; RFC 8200 §8.1), to start the sum of a segment of `bytes` bytes. */
static inline uint32_t checksum_pseudo_v4(uint32_t source, uint32_t destination, uint8_t protocol, uint16_t bytes)
{
	return checksum_fold((uint64_t)source + destination + protocol + bytes);
}

static inline uint32_t checksum_pseudo_v6(const struct address *source, const struct address *destination,
					  uint8_t next_header, uint32_t bytes)
{
	uint64_t sum = (uint64_t)next_header + bytes;

	for (int i = 0; i < 16; i += 4)
		sum += (uint64_t)load_be32(source->bytes + i) + load_be32(destination->bytes + i);
	return checksum_fold(sum);
}

/* Of the family of the addresses, which is one. */
static inline uint32_t checksum_pseudo(const struct address *source, const struct address *destination,
				       uint8_t protocol, uint32_t bytes)
{
	if (address_is_v4(source))
		return checksum_pseudo_v4(address_v4_value(source), address_v4_value(destination), protocol,
					  (uint16_t)bytes);
	return checksum_pseudo_v6(source, destination, protocol, bytes);
}

/* What goes into the checksum field, by store_be16(). */
static inline uint16_t checksum_finish(uint32_t sum)
{
	return (uint16_t)~(sum & 0xffff);
}

#endif
