/* SPDX-License-Identifier: MIT */
/*
 * What signs a segment: the MAC of TCP-MD5 (RFC 2385 §2.0), and of TCP-AO (RFC 5925 §5.1) with the traffic keys it is
 * made with (§5.2, RFC 5926).  Computes; whose key it is and which key is auth.c's.
 */
#ifndef ELEVEN_TCP_SIGNATURE_H
#define ELEVEN_TCP_SIGNATURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/seq.h"
#include "eleven.h"
#include "wire/address.h"

#define TRAFFIC_KEY_MAX 20

/* A segment as it is, or will be, on the wire; what its checksum and MAC hold now is of no matter. */
struct signed_segment {
	const struct address *source, *destination;
	const uint8_t *header;
	unsigned header_bytes;          /* with options */
	unsigned auth_at, auth_bytes;   /* the signature's option in it */
	const struct eleven_slice *text;
	unsigned slices;
	uint32_t text_bytes;
};

void signature_md5(const struct signed_segment *seg, const uint8_t *key, unsigned key_bytes, uint8_t out[16]);

/* RFC 5925 §5.2: who sends, and the initial numbers; that of a peer not heard of is 0. */
struct ao_context {
	const struct address *source, *destination;
	uint16_t source_port, destination_port;
	struct seq source_isn, destination_isn;
};

void traffic_key_derive(const struct eleven_key *master, const struct ao_context *context,
			uint8_t out[TRAFFIC_KEY_MAX]);

/* `extension`: the SNE of its sequence number (RFC 5925 §6.2). */
void signature_ao(const struct signed_segment *seg, const struct eleven_key *master,
		  const uint8_t traffic_key[TRAFFIC_KEY_MAX], uint32_t extension, uint8_t out[TRAFFIC_KEY_MAX]);

/*
 * A sequence number with its extension, of `at`, which is within 2^31 of the number that `near` ends with: the
 * numbers go round, and the MAC must not (RFC 5925 §6.2).
 */
static inline uint64_t sequence_extended(uint64_t near, struct seq at)
{
	return near + (uint64_t)(int64_t)(int32_t)(at.value - (uint32_t)near);
}

#endif
