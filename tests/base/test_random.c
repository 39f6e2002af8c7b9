/* SPDX-License-Identifier: MIT */
/* Chance is the published generator's, and even; SipHash is the published function. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/random.h"
#include "base/siphash.h"

/* xoshiro256** from the state 1 2 3 4, by hand from its definition. */
static void test_xoshiro_known_numbers(void **state)
{
	static const uint64_t known[] = { 11520, 0, 1509978240, 1215971899390074240 };
	struct random r = { { 1, 2, 3, 4 } };

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		assert_true(random_next(&r) == known[i]);
}

/* SplitMix64 from 0, whose first output is widely published. */
static void test_seed_fills_the_state_by_splitmix(void **state)
{
	struct random a, b;

	(void)state;
	random_seed(&a, 0);
	assert_true(a.state[0] == 0xe220a8397b1dcdafull);
	random_seed(&a, 42);
	random_seed(&b, 42);
	for (int i = 0; i < 100; i++)
		assert_true(random_next(&a) == random_next(&b));
	random_seed(&b, 43);
	assert_true(random_next(&a) != random_next(&b));
}

static void test_below_is_even(void **state)
{
	enum { SIDES = 7, THROWS = 70000 };
	unsigned seen[SIDES] = { 0 }, high = 0;
	uint64_t odd = 0xc000000000000000ull;   /* three quarters of 2^64: a remainder alone favours the low third */
	struct random r;

	(void)state;
	random_seed(&r, 5);
	for (int i = 0; i < THROWS; i++)
		seen[random_below(&r, SIDES)]++;
	for (int i = 0; i < SIDES; i++)
		assert_in_range(seen[i], THROWS / SIDES - 500, THROWS / SIDES + 500);
	for (int i = 0; i < THROWS; i++) {
		uint64_t value = random_below(&r, odd);

		assert_true(value < odd);
		high += value >= 0x4000000000000000ull;
	}
	assert_in_range(high, THROWS * 2 / 3 - 700, THROWS * 2 / 3 + 700);
	assert_true(random_below(&r, 0) == 0 && random_below(&r, 1) == 0);
}

static const struct siphash_key key = { 0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull };

/* The vectors of the SipHash paper's reference: key 00…0f, message 00 01 02 … of n bytes. */
static void test_siphash_2_4_published_vectors(void **state)
{
	static const struct {
		size_t n;
		uint64_t hash;
	} vectors[] = {
		{ 0, 0x726fdb47dd0e0e31ull }, { 1, 0x74f839c593dc67fdull }, { 2, 0x0d6c8009d9a94f5aull },
		{ 3, 0x85676696d7fb7e2dull }, { 4, 0xcf2794e0277187b7ull }, { 5, 0x18765564cd99a68dull },
		{ 6, 0xcbc9466e58fee3ceull }, { 7, 0xab0200f58b01d137ull }, { 8, 0x93f5f5799a932462ull },
		{ 15, 0xa129ca6149be45e5ull },
	};
	uint8_t message[16];

	(void)state;
	for (unsigned i = 0; i < sizeof(message); i++)
		message[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		assert_true(siphash(&key, message, vectors[i].n) == vectors[i].hash);
}

/* SipHash-1-3 over any bytes, a second time and plainly, to compare the word forms with. */
static uint64_t siphash_1_3(const uint8_t *bytes, size_t n)
{
	struct siphash_state s = siphash_begin(&key);
	uint8_t block[8];

	for (size_t at = 0; at <= n; at += 8) {
		uint64_t word = 0;
		size_t part = n - at < 8 ? n - at : 8;

		memset(block, 0, sizeof(block));
		memcpy(block, bytes + at, part);
		if (part < 8)
			block[7] = (uint8_t)n;
		for (int i = 7; i >= 0; i--)
			word = word << 8 | block[i];
		s.v3 ^= word;
		siphash_round(&s);
		s.v0 ^= word;
	}
	s.v2 ^= 0xff;
	for (int i = 0; i < 3; i++)
		siphash_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

static void test_word_forms_equal_hashing_their_bytes(void **state)
{
	struct random r;

	(void)state;
	random_seed(&r, 9);
	/* The vector of Rust's own SipHash-1-3 test, which pins the plain form. */
	assert_true(siphash_1_3((const uint8_t *)"", 0) == 0xabac0158050fc4dcull);
	for (int round = 0; round < 1000; round++) {
		uint64_t word[5];
		uint8_t bytes[40];

		for (unsigned i = 0; i < 40; i++) {
			if (i % 8 == 0)
				word[i / 8] = random_next(&r);
			bytes[i] = (uint8_t)(word[i / 8] >> (8 * (i % 8)));
		}
		assert_true(siphash_words2(&key, word[0], word[1]) == siphash_1_3(bytes, 16));
		assert_true(siphash_words5(&key, word[0], word[1], word[2], word[3], word[4]) ==
			    siphash_1_3(bytes, 40));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_xoshiro_known_numbers),
		cmocka_unit_test(test_seed_fills_the_state_by_splitmix),
		cmocka_unit_test(test_below_is_even),
		cmocka_unit_test(test_siphash_2_4_published_vectors),
		cmocka_unit_test(test_word_forms_equal_hashing_their_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
