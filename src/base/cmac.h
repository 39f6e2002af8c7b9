/* SPDX-License-Identifier: MIT */
/*
 * AES-128 (FIPS 197), forward alone, and the MAC made of it: AES-CMAC (RFC 4493), which RFC 5926 signs segments and
 * derives traffic keys with.  Its table look-ups depend on the key: who shares the processor's cache with this process
 * may learn of it.
 */
#ifndef ELEVEN_BASE_CMAC_H
#define ELEVEN_BASE_CMAC_H

#include <stddef.h>
#include <stdint.h>

#define AES_BLOCK_BYTES 16
#define AES_KEY_BYTES   16
#define AES_ROUNDS      10

struct aes128 {
	uint8_t round[AES_ROUNDS + 1][AES_BLOCK_BYTES];         /* keys */
};

void aes128_key(struct aes128 *aes, const uint8_t key[AES_KEY_BYTES]);
void aes128_encrypt(const struct aes128 *aes, uint8_t block[AES_BLOCK_BYTES]);

struct cmac {
	struct aes128 aes;
	uint8_t chain[AES_BLOCK_BYTES];
	uint8_t block[AES_BLOCK_BYTES];         /* what is not in the chain yet: it may be the last */
	unsigned n;                             /* bytes in it */
};

void cmac_begin(struct cmac *mac, const uint8_t key[AES_KEY_BYTES]);
void cmac_add(struct cmac *mac, const void *bytes, size_t n);
void cmac_end(struct cmac *mac, uint8_t out[AES_BLOCK_BYTES]);

#endif
