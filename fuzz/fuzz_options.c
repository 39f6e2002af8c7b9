/* SPDX-License-Identifier: MIT */
/* The option area: what is emitted parses to the same, and so does what any bytes were parsed to. */
#include <string.h>

#include "fuzz/choice.h"
#include "fuzz/must.h"
#include "fuzz/target.h"
#include "wire/tcp.h"

/* SACK blocks are emitted as many as fit behind the rest. */
static void round_trip(const struct tcp_options *options)
{
	struct segment seg = { .has_ack = true, .options = *options }, back;
	uint8_t header[TCP_HEADER_MAX];
	unsigned n = segment_emit_header(header, &seg);
	const struct tcp_options *o = &back.options;

	MUST(n >= TCP_HEADER_MIN && n <= TCP_HEADER_MAX && n % 4 == 0);
	MUST(n == TCP_HEADER_MIN + tcp_options_bytes(options));
	MUST(segment_parse(&back, header, n) == TCP_OK);
	MUST(o->faults == 0 && back.header_bytes == n && back.text_bytes == 0);
	MUST(o->has_mss == options->has_mss && (!o->has_mss || o->mss == options->mss));
	MUST(o->has_wscale == options->has_wscale && (!o->has_wscale || o->wscale == options->wscale));
	MUST(o->sack_permitted == options->sack_permitted);
	MUST(o->has_timestamps == options->has_timestamps);
	MUST(!o->has_timestamps || (o->tsval == options->tsval && o->tsecr == options->tsecr));
	MUST(o->has_fast_open == options->has_fast_open);
	MUST(!o->has_fast_open || (o->fast_open_bytes == options->fast_open_bytes &&
				   memcmp(o->fast_open, options->fast_open, o->fast_open_bytes) == 0));
	MUST(!o->has_accecn || (options->has_accecn && o->accecn_count == options->accecn_count &&
				o->accecn_order == options->accecn_order &&
				memcmp(o->accecn, options->accecn, sizeof(o->accecn)) == 0));
	MUST(o->sack_count <= options->sack_count);
	if (o->auth) {
		MUST(o->auth_bytes == options->auth_bytes && (unsigned)o->auth_at + o->auth_bytes == n);
		MUST(o->auth == (options->auth & TCP_AUTH_MD5 ? TCP_AUTH_MD5 : TCP_AUTH_AO));
	}
	if (!o->has_mss && !o->has_wscale && !o->sack_permitted && !o->has_fast_open && !options->has_accecn &&
	    !o->auth)
		MUST(o->sack_count == options->sack_count || (o->has_timestamps && o->sack_count == 3));
	MUST(memcmp(o->sack, options->sack, o->sack_count * sizeof(o->sack[0])) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct choice c = choice_bytes(bytes, n);
	struct tcp_options made, parsed;
	uint32_t what = (uint32_t)choice_number(&c, 1);
	size_t area = (size_t)(c.end - c.at);

	tcp_options_parse(&parsed, c.at, area < TCP_OPTIONS_MAX ? area : TCP_OPTIONS_MAX);
	round_trip(&parsed);
	memset(&made, 0, sizeof(made));
	made.has_mss = what & 1;
	made.has_wscale = what & 2;
	made.sack_permitted = what & 4;
	made.has_timestamps = what & 8;
	made.sack_count = (uint8_t)(what >> 4) % (TCP_SACK_MAX + 1);
	made.mss = (uint16_t)choice_number(&c, 2);
	made.wscale = (uint8_t)choice_number(&c, 1);
	made.tsval = (uint32_t)choice_number(&c, 4);
	made.tsecr = (uint32_t)choice_number(&c, 4);
	for (unsigned i = 0; i < made.sack_count; i++) {
		made.sack[i].left = seq_of((uint32_t)choice_number(&c, 4));
		made.sack[i].right = seq_of((uint32_t)choice_number(&c, 4));
	}
	round_trip(&made);
	made.has_fast_open = true;
	made.fast_open_bytes = (uint8_t)(what & 16 ? 4 + 2 * (choice_number(&c, 1) % 7) : 0);
	for (unsigned i = 0; i < made.fast_open_bytes; i++)
		made.fast_open[i] = (uint8_t)choice_number(&c, 1);
	round_trip(&made);
	made.has_accecn = true;
	made.accecn_order = what & 32;
	made.accecn_count = (uint8_t)choice_number(&c, 1) % (TCP_ACCECN_MAX + 1);
	for (unsigned i = 0; i < made.accecn_count; i++)
		made.accecn[i] = (uint32_t)choice_number(&c, 3);
	round_trip(&made);
	made.has_fast_open = false;
	round_trip(&made);
	made.auth = what & 1 ? TCP_AUTH_MD5 : TCP_AUTH_AO;
	made.auth_bytes = (uint8_t)(what & 1 ? TCP_MD5_BYTES : TCP_AO_LEAST + choice_number(&c, 1) % 17);
	round_trip(&made);
	made.has_accecn = false;
	round_trip(&made);
	return 0;
}
