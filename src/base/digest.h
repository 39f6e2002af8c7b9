/* SPDX-License-Identifier: MIT */
/*
 * MD5 (RFC 1321) and SHA-1 (RFC 3174), and HMAC over the latter (RFC 2104): what RFC 2385 and RFC 5926 sign segments
 * with.  Neither withstands collisions any more; nothing else here may use them.
 */
#ifndef ELEVEN_BASE_DIGEST_H
#define ELEVEN_BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIGEST_BLOCK_BYTES 64
#define MD5_BYTES          16
#define SHA1_BYTES         20

struct digest {                 /* of both: they differ in what a block does, and in the order of bytes */
	uint32_t h[5];
	uint64_t bytes;         /* so far */
	uint8_t block[DIGEST_BLOCK_BYTES];
};

void md5_begin(struct digest *d);
void md5_add(struct digest *d, const void *bytes, size_t n);
void md5_end(struct digest *d, uint8_t out[MD5_BYTES]);

void sha1_begin(struct digest *d);
void sha1_add(struct digest *d, const void *bytes, size_t n);
void sha1_end(struct digest *d, uint8_t out[SHA1_BYTES]);

struct hmac_sha1 {
	struct digest inner;
	uint8_t key[DIGEST_BLOCK_BYTES];
};

void hmac_sha1_begin(struct hmac_sha1 *mac, const void *key, size_t n);
void hmac_sha1_add(struct hmac_sha1 *mac, const void *bytes, size_t n);
void hmac_sha1_end(struct hmac_sha1 *mac, uint8_t out[SHA1_BYTES]);

/* Are n bytes the same?  Takes as long whether they are or not, so that nobody can find a MAC byte by byte. */
bool digest_equal(const void *a, const void *b, size_t n);

#endif
