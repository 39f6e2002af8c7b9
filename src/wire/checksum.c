/* SPDX-License-Identifier: MIT */
/*
 * The Internet checksum; see checksum.h.
 *
 * Words are summed as this machine loads them and the bytes of the result swapped at the end,
 * which comes to the same (RFC 1071 §2 (B)).  Where the machine has an add with carry that C can
 * name (x86-64), 64-bit words are added with their carries, an instruction a word.  Elsewhere they
 * are added as two 32-bit halves into 64-bit sums, which cannot overflow below 16 GiB, in the
 * compiler's vector type, which makes two words of one register of whatever the machine has.
 */
#include "wire/checksum.h"

#include <string.h>

#define STEP 64         /* bytes a turn */

#ifdef __x86_64__

typedef unsigned long long word64;

struct lanes {
	word64 sum;             /* with the carries added again */
};

static inline word64 word_load(const uint8_t *at)
{
	word64 word;

	memcpy(&word, at, sizeof(word));
	return word;
}

static inline void lanes_add(struct lanes *lanes, const uint8_t *at)
{
	word64 sum = lanes->sum;
	unsigned char carry = 0;

	carry = __builtin_ia32_addcarryx_u64(carry, sum, word_load(at), &sum);
	carry = __builtin_ia32_addcarryx_u64(carry, sum, word_load(at + 8), &sum);
	carry = __builtin_ia32_addcarryx_u64(carry, sum, word_load(at + 16), &sum);
	carry = __builtin_ia32_addcarryx_u64(carry, sum, word_load(at + 24), &sum);
	carry = __builtin_ia32_addcarryx_u64(carry, sum, word_load(at + 32), &sum);
	carry = __builtin_ia32_addcarryx_u64(carry, sum, word_load(at + 40), &sum);
	carry = __builtin_ia32_addcarryx_u64(carry, sum, word_load(at + 48), &sum);
	carry = __builtin_ia32_addcarryx_u64(carry, sum, word_load(at + 56), &sum);
	lanes->sum = sum + carry;       /* without a carry: a sum that wraps ends below all ones */
}

static inline uint64_t lanes_total(const struct lanes *lanes)
{
	return (lanes->sum & 0xffffffffu) + (lanes->sum >> 32);
}

#else

typedef uint64_t vector __attribute__((vector_size(16)));

struct lanes {
	vector low, high;       /* sums of the low and of the high halves */
};

static inline void lanes_add(struct lanes *lanes, const uint8_t *at)
{
	const vector mask = { 0xffffffffu, 0xffffffffu };
	vector words[4];

	memcpy(&words[0], at, 16);
	memcpy(&words[1], at + 16, 16);
	memcpy(&words[2], at + 32, 16);
	memcpy(&words[3], at + 48, 16);
	lanes->low += (words[0] & mask) + (words[1] & mask) + (words[2] & mask) + (words[3] & mask);
	lanes->high += (words[0] >> 32) + (words[1] >> 32) + (words[2] >> 32) + (words[3] >> 32);
}

static inline uint64_t lanes_total(const struct lanes *lanes)
{
	vector sum = lanes->low + lanes->high;

	return (sum[0] & 0xffffffffu) + (sum[0] >> 32) + (sum[1] & 0xffffffffu) + (sum[1] >> 32);
}

#endif

/* Fewer than STEP bytes, the last one of an odd number padded with zero. */
static inline uint64_t tail_total(const uint8_t *at, size_t n)
{
	uint64_t total = 0;
	uint32_t word32;
	uint16_t word16;

	for (; n >= 4; n -= 4, at += 4) {
		memcpy(&word32, at, sizeof(word32));
		total += word32;
	}
	if (n >= 2) {
		memcpy(&word16, at, sizeof(word16));
		total += word16;
		at += 2;
	}
	if (n & 1) {
		uint8_t padded[2] = { *at, 0 };

		memcpy(&word16, padded, sizeof(word16));
		total += word16;
	}
	return total;
}

/* Joins the total of n bytes, in this machine's order, to a running sum. */
static inline uint32_t sum_join(uint32_t sum, uint64_t total, size_t n)
{
	uint16_t folded = checksum_fold(total);

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	folded = __builtin_bswap16(folded);
#endif
	return checksum_join(sum, folded | (n & 1 ? CHECKSUM_ODD : 0));
}

uint32_t checksum_add(uint32_t sum, const void *bytes, size_t n)
{
	const uint8_t *at = bytes;
	size_t left = n;
	uint64_t total = 0;

	if (n == 0)
		return sum;
	if (left >= STEP) {
		struct lanes lanes;

		memset(&lanes, 0, sizeof(lanes));
		for (; left >= STEP; left -= STEP, at += STEP)
			lanes_add(&lanes, at);
		total = lanes_total(&lanes);
	}
	return sum_join(sum, total + tail_total(at, left), n);
}

uint32_t checksum_copy(void *dst, const void *src, size_t n, uint32_t sum)
{
	const uint8_t *from = src;
	uint8_t *to = dst;
	size_t left = n;
	uint64_t total = 0;

	if (n == 0)
		return sum;
	if (left >= STEP) {
		struct lanes lanes;

		memset(&lanes, 0, sizeof(lanes));
		for (; left >= STEP; left -= STEP, from += STEP, to += STEP) {
			memcpy(to, from, STEP);
			lanes_add(&lanes, from);
		}
		total = lanes_total(&lanes);
	}
	memcpy(to, from, left);
	return sum_join(sum, total + tail_total(from, left), n);
}
