/* SPDX-License-Identifier: MIT */
/* Random segments that can be emitted, and their comparison field by field, for the tests of this folder. */
#ifndef ELEVEN_TESTS_SEGMENTS_H
#define ELEVEN_TESTS_SEGMENTS_H

#include "base/random.h"
#include "wire/tcp.h"

static inline uint32_t random_u32(struct random *random)
{
	static const uint32_t edges[] = { 0, 1, 0x7fffffff, 0x80000000, 0xffffffff };
	uint64_t pick = random_below(random, 20);

	return pick < 5 ? edges[pick] : (uint32_t)random_next(random);
}

static inline void random_options(struct random *random, struct tcp_options *options)
{
	uint64_t has = random_next(random);

	memset(options, 0, sizeof(*options));
	if ((options->has_mss = has & 1))
		options->mss = (uint16_t)random_u32(random);
	if ((options->has_wscale = has & 2))
		options->wscale = (uint8_t)random_next(random);
	options->sack_permitted = has & 4;
	if ((options->has_timestamps = has & 8)) {
		options->tsval = random_u32(random);
		options->tsecr = random_u32(random);
	}
	options->sack_count = (uint8_t)random_below(random, has & 16 ? 5 : 1);
	/* As many as there is room for beside the others: 4 bytes each, timestamps 12. */
	while (options->sack_count && 4 * (options->has_mss + options->has_wscale +
	       (options->sack_permitted && !options->has_timestamps)) + 12 * options->has_timestamps +
	       4 + 8 * options->sack_count > 40)
		options->sack_count--;
	for (unsigned i = 0; i < options->sack_count; i++) {
		options->sack[i].left = seq_of(random_u32(random));
		options->sack[i].right = seq_of(random_u32(random));
	}
	if (options->sack_count == 0 && (has & 32)) {
		options->has_fast_open = true;
		options->fast_open_bytes = has & 64 ? (uint8_t)(4 + 2 * random_below(random, 7)) : 0;
		for (unsigned i = 0; i < options->fast_open_bytes; i++)
			options->fast_open[i] = (uint8_t)random_next(random);
	}
	if (tcp_options_bytes(options) <= TCP_OPTIONS_MAX - 12 && (has & 128)) {
		options->has_accecn = true;
		options->accecn_count = (uint8_t)random_below(random, TCP_ACCECN_MAX + 1);
		options->accecn_order = has & 256;
		for (unsigned i = 0; i < options->accecn_count; i++)
			options->accecn[i] = random_u32(random) & 0xffffff;
	}
}

/* Of any flags and options; the text, of up to `text_max` bytes, is at `text`. */
static inline struct segment random_segment(struct random *random, const uint8_t *text, uint32_t text_max)
{
	uint8_t flags = (uint8_t)random_next(random);
	struct segment seg = {
		.seq = seq_of(random_u32(random)), .ack = seq_of(random_u32(random)),
		.window = (uint16_t)random_u32(random), .urgent = (uint16_t)random_u32(random),
		.source_port = (uint16_t)random_next(random), .destination_port = (uint16_t)random_next(random),
		.fin = flags & 1, .syn = flags & 2, .rst = flags & 4, .psh = flags & 8,
		.has_ack = flags & 16, .urg = flags & 32, .ece = flags & 64, .cwr = flags & 128,
		.flags = flags, .reserved_bits = (uint8_t)(random_below(random, 8) << 1),
		.ae = random_below(random, 2),
		.text = text, .text_bytes = (uint32_t)random_below(random, text_max + 1),
	};

	random_options(random, &seg.options);
	return seg;
}

static inline void assert_options_equal(const struct tcp_options *a, const struct tcp_options *b)
{
	assert_int_equal(a->has_mss, b->has_mss);
	assert_int_equal(a->mss, b->mss);
	assert_int_equal(a->has_wscale, b->has_wscale);
	assert_int_equal(a->wscale, b->wscale);
	assert_int_equal(a->sack_permitted, b->sack_permitted);
	assert_int_equal(a->has_timestamps, b->has_timestamps);
	assert_int_equal(a->tsval, b->tsval);
	assert_int_equal(a->tsecr, b->tsecr);
	assert_int_equal(a->faults, b->faults);
	assert_int_equal(a->sack_count, b->sack_count);
	assert_int_equal(a->has_fast_open, b->has_fast_open);
	assert_int_equal(a->fast_open_bytes, b->fast_open_bytes);
	assert_memory_equal(a->fast_open, b->fast_open, sizeof(a->fast_open));
	assert_int_equal(a->has_accecn, b->has_accecn);
	assert_int_equal(a->accecn_order, b->accecn_order);
	assert_int_equal(a->accecn_count, b->accecn_count);
	assert_memory_equal(a->accecn, b->accecn, sizeof(a->accecn));
	for (unsigned i = 0; i < a->sack_count; i++) {
		assert_int_equal(a->sack[i].left.value, b->sack[i].left.value);
		assert_int_equal(a->sack[i].right.value, b->sack[i].right.value);
	}
}

/* Without ports and text's bytes, which the notation does not have. */
static inline void assert_segments_equal(const struct segment *a, const struct segment *b)
{
	assert_int_equal(a->seq.value, b->seq.value);
	assert_int_equal(a->ack.value, b->ack.value);
	assert_int_equal(a->window, b->window);
	assert_int_equal(a->urgent, b->urgent);
	assert_int_equal(a->fin, b->fin);
	assert_int_equal(a->syn, b->syn);
	assert_int_equal(a->rst, b->rst);
	assert_int_equal(a->psh, b->psh);
	assert_int_equal(a->has_ack, b->has_ack);
	assert_int_equal(a->urg, b->urg);
	assert_int_equal(a->ece, b->ece);
	assert_int_equal(a->cwr, b->cwr);
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->reserved_bits, b->reserved_bits);
	assert_int_equal(a->ae, b->ae);
	assert_int_equal(a->text_bytes, b->text_bytes);
	assert_options_equal(&a->options, &b->options);
}

#endif
