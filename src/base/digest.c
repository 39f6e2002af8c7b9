/* SPDX-License-Identifier: MIT */
/* MD5, SHA-1, HMAC-SHA-1; see digest.h. */
#include "base/digest.h"

#include <string.h>

#include "base/bytes.h"

static uint32_t rotate(uint32_t x, unsigned by)
{
	return x << by | x >> (32 - by);
}

typedef void digest_block(uint32_t h[5], const uint8_t *block);

static void digest_add(struct digest *d, const uint8_t *bytes, size_t n, digest_block *block)
{
	size_t at = d->bytes % DIGEST_BLOCK_BYTES;

	d->bytes += n;
	if (at > 0) {
		size_t take = n < DIGEST_BLOCK_BYTES - at ? n : DIGEST_BLOCK_BYTES - at;

		memcpy(d->block + at, bytes, take);
		bytes += take;
		n -= take;
		if (at + take < DIGEST_BLOCK_BYTES)
			return;
		block(d->h, d->block);
	}
	for (; n >= DIGEST_BLOCK_BYTES; n -= DIGEST_BLOCK_BYTES, bytes += DIGEST_BLOCK_BYTES)
		block(d->h, bytes);
	if (n > 0)
		memcpy(d->block, bytes, n);
}

/* A bit, zeros, and the number of bits in the last eight bytes of a block. */
static void digest_pad(struct digest *d, bool big_endian, digest_block *block)
{
	size_t at = d->bytes % DIGEST_BLOCK_BYTES;
	uint64_t bits = d->bytes * 8;

	d->block[at++] = 0x80;
	if (at > DIGEST_BLOCK_BYTES - 8) {
		memset(d->block + at, 0, DIGEST_BLOCK_BYTES - at);
		block(d->h, d->block);
		at = 0;
	}
	memset(d->block + at, 0, DIGEST_BLOCK_BYTES - at);
	for (unsigned i = 0; i < 8; i++)
		d->block[DIGEST_BLOCK_BYTES - 8 + i] = (uint8_t)(bits >> 8 * (big_endian ? 7 - i : i));
	block(d->h, d->block);
}

/* ---- MD5 */

/* The integer part of 2^32 times the sine of 1 … 64 (RFC 1321 §3.4). */
static const uint32_t md5_sines[64] = {
	0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
	0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
	0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
	0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
	0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
	0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
	0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
	0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

static const uint8_t md5_turns[16] = { 7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21 };

static void md5_block(uint32_t h[5], const uint8_t *block)
{
	uint32_t a = h[0], b = h[1], c = h[2], d = h[3];

	for (unsigned i = 0; i < 64; i++) {
		uint32_t f, next = d;
		unsigned word;

		switch (i / 16) {
		case 0:
			f = (b & c) | (~b & d);
			word = i;
			break;
		case 1:
			f = (d & b) | (~d & c);
			word = (5 * i + 1) % 16;
			break;
		case 2:
			f = b ^ c ^ d;
			word = (3 * i + 5) % 16;
			break;
		default:
			f = c ^ (b | ~d);
			word = 7 * i % 16;
			break;
		}
		f += a + md5_sines[i] + __builtin_bswap32(load_be32(block + (size_t)4 * word));
		a = next;
		d = c;
		c = b;
		b += rotate(f, md5_turns[i / 16 * 4 + i % 4]);
	}
	h[0] += a;
	h[1] += b;
	h[2] += c;
	h[3] += d;
}

void md5_begin(struct digest *d)
{
	*d = (struct digest){ .h = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 } };
}

void md5_add(struct digest *d, const void *bytes, size_t n)
{
	digest_add(d, bytes, n, md5_block);
}

void md5_end(struct digest *d, uint8_t out[MD5_BYTES])
{
	digest_pad(d, false, md5_block);
	for (unsigned i = 0; i < MD5_BYTES; i++)
		out[i] = (uint8_t)(d->h[i / 4] >> 8 * (i % 4));
}

/* ---- SHA-1 */

static void sha1_block(uint32_t h[5], const uint8_t *block)
{
	uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], w[80];

	for (unsigned i = 0; i < 16; i++)
		w[i] = load_be32(block + (size_t)4 * i);
	for (unsigned i = 16; i < 80; i++)
		w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	for (unsigned i = 0; i < 80; i++) {
		uint32_t f, k, next;

		if (i < 20) {
			f = (b & c) | (~b & d);
			k = 0x5a827999;
		} else if (i < 40) {
			f = b ^ c ^ d;
			k = 0x6ed9eba1;
		} else if (i < 60) {
			f = (b & c) | (b & d) | (c & d);
			k = 0x8f1bbcdc;
		} else {
			f = b ^ c ^ d;
			k = 0xca62c1d6;
		}
		next = rotate(a, 5) + f + e + k + w[i];
		e = d;
		d = c;
		c = rotate(b, 30);
		b = a;
		a = next;
	}
	h[0] += a;
	h[1] += b;
	h[2] += c;
	h[3] += d;
	h[4] += e;
}

void sha1_begin(struct digest *d)
{
	*d = (struct digest){ .h = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 } };
}

void sha1_add(struct digest *d, const void *bytes, size_t n)
{
	digest_add(d, bytes, n, sha1_block);
}

void sha1_end(struct digest *d, uint8_t out[SHA1_BYTES])
{
	digest_pad(d, true, sha1_block);
	for (unsigned i = 0; i < 5; i++)
		store_be32(out + (size_t)4 * i, d->h[i]);
}

/* ---- HMAC */

static void hmac_pad(struct digest *d, const uint8_t key[DIGEST_BLOCK_BYTES], uint8_t with)
{
	uint8_t pad[DIGEST_BLOCK_BYTES];

	for (unsigned i = 0; i < DIGEST_BLOCK_BYTES; i++)
		pad[i] = key[i] ^ with;
	sha1_begin(d);
	sha1_add(d, pad, sizeof(pad));
}

void hmac_sha1_begin(struct hmac_sha1 *mac, const void *key, size_t n)
{
	memset(mac->key, 0, sizeof(mac->key));
	if (n > DIGEST_BLOCK_BYTES) {
		sha1_begin(&mac->inner);
		sha1_add(&mac->inner, key, n);
		sha1_end(&mac->inner, mac->key);
	} else if (n > 0) {
		memcpy(mac->key, key, n);
	}
	hmac_pad(&mac->inner, mac->key, 0x36);
}

void hmac_sha1_add(struct hmac_sha1 *mac, const void *bytes, size_t n)
{
	sha1_add(&mac->inner, bytes, n);
}

void hmac_sha1_end(struct hmac_sha1 *mac, uint8_t out[SHA1_BYTES])
{
	struct digest outer;

	sha1_end(&mac->inner, out);
	hmac_pad(&outer, mac->key, 0x5c);
	sha1_add(&outer, out, SHA1_BYTES);
	sha1_end(&outer, out);
}

bool digest_equal(const void *a, const void *b, size_t n)
{
	const volatile uint8_t *x = a, *y = b;
	uint8_t differs = 0;

	for (size_t i = 0; i < n; i++)
		differs |= x[i] ^ y[i];
	return differs == 0;
}
