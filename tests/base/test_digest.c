/* SPDX-License-Identifier: MIT */
/* MD5, SHA-1, HMAC-SHA-1, AES-128 and AES-CMAC against the vectors of their standards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/cmac.h"
#include "base/digest.h"
#include "../panic.h"

static void is_hex(const uint8_t *bytes, size_t n, const char *hex)
{
	char got[2 * 64 + 1];

	for (size_t i = 0; i < n; i++)
		snprintf(got + 2 * i, 3, "%02x", bytes[i]);
	assert_string_equal(got, hex);
}

static void bytes_of(const char *hex, uint8_t *out)
{
	for (; hex[0]; hex += 2, out++) {
		unsigned value;

		assert_int_equal(sscanf(hex, "%2x", &value), 1);
		*out = (uint8_t)value;
	}
}

/* RFC 1321 §A.5. */
static void test_MD5_of_RFC_1321(void **state)
{
	static const struct { const char *text, *md5; } rows[] = {
		{ "", "d41d8cd98f00b204e9800998ecf8427e" },
		{ "a", "0cc175b9c0f1b6a831c399e269772661" },
		{ "abc", "900150983cd24fb0d6963f7d28e17f72" },
		{ "message digest", "f96b697d7cb7938d525a2f31aaf161d0" },
		{ "abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b" },
		{ "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
		  "d174ab98d277d9f5a5611c2c9f419d9f" },
		{ "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
		  "57edf4a22be3c955ac49da2e2107b67a" },
	};
	uint8_t out[MD5_BYTES];
	struct digest d;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t piece = 1; piece <= 81; piece += 20) {     /* in whatever pieces it comes */
			size_t n = strlen(rows[i].text);

			md5_begin(&d);
			for (size_t at = 0; at < n; at += piece)
				md5_add(&d, rows[i].text + at, n - at < piece ? n - at : piece);
			md5_end(&d, out);
			is_hex(out, sizeof(out), rows[i].md5);
		}
}

/* FIPS 180-2 appendix A. */
static void test_SHA1_of_FIPS_180(void **state)
{
	static const char long_one[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	uint8_t out[SHA1_BYTES], as[1000];
	struct digest d;

	(void)state;
	sha1_begin(&d);
	sha1_add(&d, "abc", 3);
	sha1_end(&d, out);
	is_hex(out, sizeof(out), "a9993e364706816aba3e25717850c26c9cd0d89d");
	sha1_begin(&d);
	sha1_add(&d, long_one, 56);
	sha1_end(&d, out);
	is_hex(out, sizeof(out), "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
	memset(as, 'a', sizeof(as));
	sha1_begin(&d);
	for (unsigned i = 0; i < 1000; i++)
		sha1_add(&d, as, sizeof(as));
	sha1_end(&d, out);
	is_hex(out, sizeof(out), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

/* RFC 2202 §3. */
static void test_HMAC_SHA1_of_RFC_2202(void **state)
{
	static const char *const texts[] = {
		"Hi There", "what do ya want for nothing?", "Test Using Larger Than Block-Size Key - Hash Key First",
		"Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data",
	};
	static const char *const macs[] = {
		"b617318655057264e28bc0b6fb378c8ef146be00", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
		"aa4ae5e15272d00e95705637ce8a3b55ed402112", "e8e99d0f45237d786d6bbaa7965c7808bbff1a91",
	};
	uint8_t keys[4][80], out[SHA1_BYTES];
	size_t lengths[4] = { 20, 4, 80, 80 };
	struct hmac_sha1 mac;

	(void)state;
	memset(keys[0], 0x0b, 20);
	memcpy(keys[1], "Jefe", 4);
	memset(keys[2], 0xaa, 80);
	memset(keys[3], 0xaa, 80);
	for (unsigned i = 0; i < 4; i++) {
		hmac_sha1_begin(&mac, keys[i], lengths[i]);
		hmac_sha1_add(&mac, texts[i], strlen(texts[i]));
		hmac_sha1_end(&mac, out);
		is_hex(out, sizeof(out), macs[i]);
	}
}

/* FIPS 197 appendices B and C.1. */
static void test_AES_of_FIPS_197(void **state)
{
	uint8_t key[AES_KEY_BYTES], block[AES_BLOCK_BYTES];
	struct aes128 aes;

	(void)state;
	bytes_of("2b7e151628aed2a6abf7158809cf4f3c", key);
	bytes_of("3243f6a8885a308d313198a2e0370734", block);
	aes128_key(&aes, key);
	is_hex(aes.round[AES_ROUNDS], AES_BLOCK_BYTES, "d014f9a8c9ee2589e13f0cc8b6630ca6");
	aes128_encrypt(&aes, block);
	is_hex(block, sizeof(block), "3925841d02dc09fbdc118597196a0b32");
	bytes_of("000102030405060708090a0b0c0d0e0f", key);
	bytes_of("00112233445566778899aabbccddeeff", block);
	aes128_key(&aes, key);
	aes128_encrypt(&aes, block);
	is_hex(block, sizeof(block), "69c4e0d86a7b0430d8cdb78070b4c55a");
}

/* RFC 4493 §4. */
static void test_CMAC_of_RFC_4493(void **state)
{
	static const char text[] = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
				   "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
	static const struct { size_t n; const char *mac; } rows[] = {
		{ 0, "bb1d6929e95937287fa37d129b756746" }, { 16, "070a16b46b4d4144f79bdd9dd04a287c" },
		{ 40, "dfa66747de9ae63030ca32611497c827" }, { 64, "51f0bebf7e3b9d92fc49741779363cfe" },
	};
	uint8_t key[AES_KEY_BYTES], bytes[64], out[AES_BLOCK_BYTES];
	struct cmac mac;

	(void)state;
	bytes_of("2b7e151628aed2a6abf7158809cf4f3c", key);
	bytes_of(text, bytes);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t piece = 1; piece <= 65; piece += 16) {
			cmac_begin(&mac, key);
			for (size_t at = 0; at < rows[i].n; at += piece)
				cmac_add(&mac, bytes + at, rows[i].n - at < piece ? rows[i].n - at : piece);
			cmac_end(&mac, out);
			is_hex(out, sizeof(out), rows[i].mac);
		}
}

static void test_digest_equal_sees_every_bit(void **state)
{
	uint8_t a[20] = { 1, 2, 3 }, b[20];

	(void)state;
	memcpy(b, a, sizeof(a));
	assert_true(digest_equal(a, b, sizeof(a)));
	for (unsigned bit = 0; bit < 160; bit++) {
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(digest_equal(a, b, sizeof(a)));
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_MD5_of_RFC_1321),
		cmocka_unit_test(test_SHA1_of_FIPS_180),
		cmocka_unit_test(test_HMAC_SHA1_of_RFC_2202),
		cmocka_unit_test(test_AES_of_FIPS_197),
		cmocka_unit_test(test_CMAC_of_RFC_4493),
		cmocka_unit_test(test_digest_equal_sees_every_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
