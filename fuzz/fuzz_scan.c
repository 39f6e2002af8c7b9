/* SPDX-License-Identifier: MIT */
/*
 * Segments as text: any text is scanned or refused, what was scanned prints to what scans the same; and any segment
 * prints to what scans to it.
 */
#include <string.h>

#include "fuzz/choice.h"
#include "fuzz/must.h"
#include "fuzz/target.h"
#include "wire/print.h"
#include "wire/scan.h"

static void options_compare(const struct tcp_options *a, const struct tcp_options *b)
{
	MUST(a->has_mss == b->has_mss && (!a->has_mss || a->mss == b->mss));
	MUST(a->has_wscale == b->has_wscale && (!a->has_wscale || a->wscale == b->wscale));
	MUST(a->sack_permitted == b->sack_permitted && a->has_timestamps == b->has_timestamps);
	MUST(!a->has_timestamps || (a->tsval == b->tsval && a->tsecr == b->tsecr));
	MUST(a->sack_count == b->sack_count);
	MUST(memcmp(a->sack, b->sack, a->sack_count * sizeof(a->sack[0])) == 0);
	MUST(a->has_fast_open == b->has_fast_open && a->fast_open_bytes == b->fast_open_bytes);
	MUST(memcmp(a->fast_open, b->fast_open, a->fast_open_bytes) == 0);
	MUST(a->has_accecn == b->has_accecn && a->accecn_count == b->accecn_count);
	MUST(a->accecn_order == b->accecn_order && memcmp(a->accecn, b->accecn, sizeof(a->accecn)) == 0);
}

static void print_and_scan(const struct segment *seg, struct seq seq_base, struct seq ack_base)
{
	char line[SEGMENT_PRINT_MAX], cut[SEGMENT_PRINT_MAX];
	size_t n = segment_print(line, sizeof(line), seg, seq_base, ack_base);
	struct segment_scan scan;

	MUST(n < sizeof(line) && line[n] == 0 && strlen(line) == n);
	for (size_t i = 0; i < n; i++)
		MUST(line[i] >= ' ' && line[i] <= '~');
	for (size_t room = 1; room < 24; room++)
		MUST(segment_print(cut, room, seg, seq_base, ack_base) == n && strlen(cut) < room);
	MUST(segment_scan(&scan, line, n, seq_base, ack_base));
	MUST(scan.segment.seq.value == seg->seq.value && scan.segment.text_bytes == seg->text_bytes);
	MUST(segment_flags(&scan.segment) == segment_flags(seg));
	MUST(!seg->has_ack || scan.segment.ack.value == seg->ack.value);
	MUST(!scan.has_window || scan.segment.window == seg->window);
	MUST(!seg->urg || scan.segment.urgent == seg->urgent);
	options_compare(&scan.segment.options, &seg->options);
}

static void segment_any(struct choice *c, struct segment *seg)
{
	uint32_t flags = (uint32_t)choice_number(c, 1), options = (uint32_t)choice_number(c, 1);

	memset(seg, 0, sizeof(*seg));
	seg->fin = flags & 1;
	seg->syn = flags & 2;
	seg->rst = flags & 4;
	seg->psh = flags & 8;
	seg->has_ack = flags & 16;
	seg->urg = flags & 32;
	seg->ece = flags & 64;
	seg->cwr = flags & 128;
	seg->options.has_mss = options & 1;
	seg->options.has_wscale = options & 2;
	seg->options.sack_permitted = options & 4;
	seg->options.has_timestamps = options & 8;
	seg->options.sack_count = (uint8_t)(options >> 4) % (TCP_SACK_MAX + 1);
	seg->seq = seq_of((uint32_t)choice_number(c, 4));
	seg->ack = seq_of((uint32_t)choice_number(c, 4));
	seg->window = (uint16_t)choice_number(c, 2);
	seg->urgent = (uint16_t)choice_number(c, 2);
	seg->text_bytes = (uint32_t)choice_number(c, 2);
	seg->options.mss = (uint16_t)choice_number(c, 2);
	seg->options.wscale = (uint8_t)choice_number(c, 1);
	seg->options.tsval = (uint32_t)choice_number(c, 4);
	seg->options.tsecr = (uint32_t)choice_number(c, 4);
	for (unsigned i = 0; i < seg->options.sack_count; i++) {
		seg->options.sack[i].left = seq_of((uint32_t)choice_number(c, 4));
		seg->options.sack[i].right = seq_of((uint32_t)choice_number(c, 4));
	}
	seg->options.has_fast_open = choice_number(c, 1) & 1;
	if (seg->options.has_fast_open && (options & 16))
		seg->options.fast_open_bytes = (uint8_t)(4 + 2 * (choice_number(c, 1) % 7));
	for (unsigned i = 0; i < seg->options.fast_open_bytes; i++)
		seg->options.fast_open[i] = (uint8_t)choice_number(c, 1);
	seg->options.has_accecn = choice_number(c, 1) & 1;
	seg->options.accecn_order = seg->options.has_accecn && (options & 32);
	seg->options.accecn_count = seg->options.has_accecn ? (uint8_t)choice_number(c, 1) % (TCP_ACCECN_MAX + 1) : 0;
	for (unsigned i = 0; i < seg->options.accecn_count; i++)
		seg->options.accecn[i] = (uint32_t)choice_number(c, 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct choice c = choice_bytes(bytes, n);
	struct seq seq_base = seq_of(0xfffffff0u), ack_base = seq_of(77);
	struct segment_scan scan;
	struct segment seg;

	if (segment_scan(&scan, (const char *)bytes, n, seq_base, ack_base)) {
		MUST(scan.end == n && !scan.fault);
		if (!scan.any_options)
			print_and_scan(&scan.segment, seq_base, ack_base);
	} else {
		MUST(scan.fault && scan.end <= n);
	}
	segment_any(&c, &seg);
	print_and_scan(&seg, seq_base, ack_base);
	return 0;
}
