/* SPDX-License-Identifier: MIT */
/*
 * TCP header and options to a struct and back; see tcp.h.
 *
 * Of an option that comes twice the first one counts.  The RFC does not say; a middlebox or a
 * monitor that looks at an option looks at the first, so whoever appends a second one must not be
 * able to show us something other than what it let pass.
 */
#include "wire/tcp.h"

#include <string.h>

#include "base/bytes.h"
#include "wire/checksum.h"
#include "wire/ipv4.h"

#define MSS_BYTES            4
#define WSCALE_BYTES         3
#define SACK_PERMITTED_BYTES 2
#define TIMESTAMPS_BYTES     10
#define SACK_BLOCK_BYTES     8
#define FAST_OPEN_LEAST      4
#define ACCECN_COUNTER_BYTES 3

/* Is this option to be read?  Otherwise notes why not. */
static bool option_takes(struct tcp_options *out, bool known, bool length_right, uint8_t length_fault)
{
	if (!length_right) {
		out->faults |= length_fault;
		return false;
	}
	if (known)
		out->faults |= TCP_OPTION_FAULT_DUPLICATE;
	return !known;
}

static void sack_parse(struct tcp_options *out, struct reader *body)
{
	size_t blocks = reader_left(body) / SACK_BLOCK_BYTES;

	if (!option_takes(out, out->sack_count != 0, blocks > 0 && reader_left(body) % SACK_BLOCK_BYTES == 0,
			  TCP_OPTION_FAULT_SACK))
		return;
	for (; out->sack_count < blocks && out->sack_count < TCP_SACK_MAX; out->sack_count++) {
		out->sack[out->sack_count].left = seq_of(get_u32(body));
		out->sack[out->sack_count].right = seq_of(get_u32(body));
	}
}

static void fast_open_parse(struct tcp_options *out, struct reader *body)
{
	size_t bytes = reader_left(body);
	bool sound = bytes == 0 || (bytes % 2 == 0 && bytes >= FAST_OPEN_LEAST && bytes <= TCP_FAST_OPEN_MAX);

	if (!option_takes(out, out->has_fast_open, sound, TCP_OPTION_FAULT_FAST_OPEN))
		return;
	out->has_fast_open = true;
	out->fast_open_bytes = (uint8_t)bytes;
	for (unsigned i = 0; i < bytes; i++)
		out->fast_open[i] = get_u8(body);
}

/* Of any length whole counters are read, and the rest is padding (RFC 9768 §3.2.3). */
static void accecn_parse(struct tcp_options *out, bool order, struct reader *body)
{
	if (!option_takes(out, out->has_accecn, true, 0))
		return;
	out->has_accecn = true;
	out->accecn_order = order;
	while (out->accecn_count < TCP_ACCECN_MAX && reader_left(body) >= ACCECN_COUNTER_BYTES) {
		uint32_t high = get_u8(body);

		out->accecn[out->accecn_count++] = high << 16 | get_u16(body);
	}
}

/* RFC 6994 §3: of the experiments only the one that became Fast Open is known. */
static void experiment_parse(struct tcp_options *out, struct reader *body)
{
	bool before = out->has_fast_open;

	if (reader_left(body) < 2 || get_u16(body) != TCP_EXPERIMENT_FAST_OPEN)
		return;
	fast_open_parse(out, body);
	out->fast_open_experiment |= !before && out->has_fast_open;
}

/* Of the signature only where it is: the bytes of its MAC are read by who has the key. */
static void auth_parse(struct tcp_options *out, uint8_t which, const struct reader *body, const uint8_t *options)
{
	size_t length = reader_left(body) + 2;
	bool sound = which == TCP_AUTH_MD5 ? length == TCP_MD5_BYTES : length >= TCP_AO_LEAST;

	if (out->auth || !sound)
		out->auth |= TCP_AUTH_BAD;
	out->auth |= which;
	out->auth_at = (uint8_t)(TCP_HEADER_MIN + (body->at - options) - 2);
	out->auth_bytes = (uint8_t)length;
}

static void option_parse(struct tcp_options *out, uint8_t kind, struct reader body, const uint8_t *options)
{
	size_t length = reader_left(&body) + 2;

	switch (kind) {
	case TCP_OPTION_MSS:
		if (!option_takes(out, out->has_mss, length == MSS_BYTES, TCP_OPTION_FAULT_MSS))
			return;
		out->has_mss = true;
		out->mss = get_u16(&body);
		return;
	case TCP_OPTION_WSCALE:
		if (!option_takes(out, out->has_wscale, length == WSCALE_BYTES, TCP_OPTION_FAULT_WSCALE))
			return;
		out->has_wscale = true;
		out->wscale = get_u8(&body);
		return;
	case TCP_OPTION_SACK_PERMITTED:
		if (option_takes(out, out->sack_permitted, length == SACK_PERMITTED_BYTES,
				 TCP_OPTION_FAULT_SACK_PERMITTED))
			out->sack_permitted = true;
		return;
	case TCP_OPTION_SACK:
		sack_parse(out, &body);
		return;
	case TCP_OPTION_TIMESTAMPS:
		if (!option_takes(out, out->has_timestamps, length == TIMESTAMPS_BYTES,
				  TCP_OPTION_FAULT_TIMESTAMPS))
			return;
		out->has_timestamps = true;
		out->tsval = get_u32(&body);
		out->tsecr = get_u32(&body);
		return;
	case TCP_OPTION_FAST_OPEN:
		fast_open_parse(out, &body);
		return;
	case TCP_OPTION_ACCECN0:
	case TCP_OPTION_ACCECN1:
		accecn_parse(out, kind == TCP_OPTION_ACCECN1, &body);
		return;
	case TCP_OPTION_EXPERIMENT:
		experiment_parse(out, &body);
		return;
	case TCP_OPTION_MD5:
		auth_parse(out, TCP_AUTH_MD5, &body, options);
		return;
	case TCP_OPTION_AO:
		auth_parse(out, TCP_AUTH_AO, &body, options);
		return;
	default:
		return;         /* unknown kinds are stepped over (MUST-6) */
	}
}

/* The layout nearly every segment has: NOP NOP timestamps and nothing else. */
static bool options_are_timestamps(const uint8_t *bytes, size_t n)
{
	return n == 12 && load_be32(bytes) == (TCP_OPTION_NOP << 24 | TCP_OPTION_NOP << 16 |
					       TCP_OPTION_TIMESTAMPS << 8 | TIMESTAMPS_BYTES);
}

void tcp_options_parse(struct tcp_options *out, const uint8_t *bytes, size_t n)
{
	struct reader r = reader_init(bytes, n);

	memset(out, 0, sizeof(*out));
	if (options_are_timestamps(bytes, n)) {
		out->has_timestamps = true;
		out->tsval = load_be32(bytes + 4);
		out->tsecr = load_be32(bytes + 8);
		return;
	}
	while (reader_left(&r)) {
		uint8_t kind = get_u8(&r), length;
		const uint8_t *body;

		if (kind == TCP_OPTION_END)
			return;
		if (kind == TCP_OPTION_NOP)
			continue;
		length = get_u8(&r);
		body = length < 2 ? NULL : reader_skip(&r, length - 2u);
		if (!body) {
			out->faults |= TCP_OPTION_FAULT_LENGTH;
			return;
		}
		option_parse(out, kind, reader_init(body, length - 2u), bytes);
	}
}

static void flags_parse(struct segment *out, uint8_t flags)
{
	out->flags = flags;
	out->fin = flags & TCP_FLAG_FIN;
	out->syn = flags & TCP_FLAG_SYN;
	out->rst = flags & TCP_FLAG_RST;
	out->psh = flags & TCP_FLAG_PSH;
	out->has_ack = flags & TCP_FLAG_ACK;
	out->urg = flags & TCP_FLAG_URG;
	out->ece = flags & TCP_FLAG_ECE;
	out->cwr = flags & TCP_FLAG_CWR;
}

enum tcp_fault segment_parse(struct segment *out, const uint8_t *bytes, size_t n)
{
	unsigned header_bytes;

	if (n < TCP_HEADER_MIN) {
		memset(out, 0, sizeof(*out));
		return TCP_TRUNCATED;
	}
	out->source_port = load_be16(bytes);
	out->destination_port = load_be16(bytes + 2);
	out->seq = seq_of(load_be32(bytes + 4));
	out->ack = seq_of(load_be32(bytes + 8));
	header_bytes = (bytes[12] >> 4) * 4u;
	out->header_bytes = (uint8_t)header_bytes;
	out->reserved_bits = bytes[12] & 14;
	out->ae = bytes[12] & 1;
	flags_parse(out, bytes[13]);
	out->window = load_be16(bytes + 14);
	out->checksum = load_be16(bytes + 16);
	out->urgent = load_be16(bytes + 18);
	if (header_bytes < TCP_HEADER_MIN || header_bytes > n) {
		out->text = NULL;
		out->text_bytes = 0;
		memset(&out->options, 0, sizeof(out->options));
		return TCP_BAD_DATA_OFFSET;
	}
	out->text = bytes + header_bytes;
	out->text_bytes = (uint32_t)(n - header_bytes);
	tcp_options_parse(&out->options, bytes + TCP_HEADER_MIN, header_bytes - TCP_HEADER_MIN);
	return TCP_OK;
}

/* Bytes of all options but SACK blocks and accurate ECN, as options_emit() lays them out. */
static unsigned fixed_options_bytes(const struct tcp_options *options)
{
	unsigned bytes = 0;

	if (options->has_mss)
		bytes += 4;
	if (options->has_timestamps)
		bytes += 12;
	else if (options->sack_permitted)
		bytes += 4;
	if (options->has_wscale)
		bytes += 4;
	if (options->has_fast_open)
		bytes += ((options->fast_open_experiment ? 4u : 2u) + options->fast_open_bytes + 3) & ~3u;
	return bytes;
}

/* Of the signature with the NOPs before it; 0: there is none, or it does not fit. */
static unsigned auth_bytes_fitting(const struct tcp_options *options)
{
	unsigned bytes = (options->auth_bytes + 3u) & ~3u;

	if (!options->auth || (options->auth & TCP_AUTH_BAD))
		return 0;
	return fixed_options_bytes(options) + bytes <= TCP_OPTIONS_MAX ? bytes : 0;
}

/* What the signature leaves is what there is. */
static unsigned accecn_bytes(const struct tcp_options *options)
{
	unsigned bytes = (2u + options->accecn_count * ACCECN_COUNTER_BYTES + 3) & ~3u;
	unsigned taken = fixed_options_bytes(options) + auth_bytes_fitting(options);

	return options->has_accecn && taken + bytes <= TCP_OPTIONS_MAX ? bytes : 0;
}

static unsigned sack_blocks_fitting(const struct tcp_options *options)
{
	/* With the 4 bytes before the blocks. */
	unsigned fixed = fixed_options_bytes(options) + auth_bytes_fitting(options) + accecn_bytes(options) + 4;
	unsigned fitting = fixed < TCP_OPTIONS_MAX ? (TCP_OPTIONS_MAX - fixed) / SACK_BLOCK_BYTES : 0;

	return options->sack_count < fitting ? options->sack_count : fitting;
}

unsigned tcp_options_bytes(const struct tcp_options *options)
{
	unsigned blocks = sack_blocks_fitting(options);

	return fixed_options_bytes(options) + auth_bytes_fitting(options) + accecn_bytes(options) +
	       (blocks ? 4 + blocks * SACK_BLOCK_BYTES : 0);
}

/* Four bytes at once: options are laid out so that each starts or ends on a word. */
static uint8_t *word_emit(uint8_t *out, unsigned a, unsigned b, unsigned c, unsigned d)
{
	store_be32(out, (uint32_t)(a << 24 | b << 16 | c << 8 | d));
	return out + 4;
}

static uint8_t *fast_open_emit(uint8_t *out, const struct tcp_options *options)
{
	unsigned bytes = options->fast_open_bytes, head = options->fast_open_experiment ? 4 : 2;

	*out++ = options->fast_open_experiment ? TCP_OPTION_EXPERIMENT : TCP_OPTION_FAST_OPEN;
	*out++ = (uint8_t)(head + bytes);
	if (options->fast_open_experiment) {
		store_be16(out, TCP_EXPERIMENT_FAST_OPEN);
		out += 2;
	}
	memcpy(out, options->fast_open, bytes);
	out += bytes;
	for (bytes += head; bytes % 4 != 0; bytes++)
		*out++ = TCP_OPTION_NOP;
	return out;
}

static uint8_t *accecn_emit(uint8_t *out, const struct tcp_options *options)
{
	unsigned bytes = 2 + options->accecn_count * ACCECN_COUNTER_BYTES;

	*out++ = options->accecn_order ? TCP_OPTION_ACCECN1 : TCP_OPTION_ACCECN0;
	*out++ = (uint8_t)bytes;
	for (unsigned i = 0; i < options->accecn_count; i++) {
		*out++ = (uint8_t)(options->accecn[i] >> 16);
		store_be16(out, (uint16_t)options->accecn[i]);
		out += 2;
	}
	for (; bytes % 4 != 0; bytes++)
		*out++ = TCP_OPTION_NOP;
	return out;
}

/* A place for the signature. */
static uint8_t *auth_emit(uint8_t *out, const struct tcp_options *options)
{
	unsigned bytes = auth_bytes_fitting(options);

	if (bytes == 0)
		return out;
	for (; bytes > options->auth_bytes; bytes--)
		*out++ = TCP_OPTION_NOP;
	memset(out, 0, bytes);
	out[0] = options->auth & TCP_AUTH_MD5 ? TCP_OPTION_MD5 : TCP_OPTION_AO;
	out[1] = (uint8_t)bytes;
	return out + bytes;
}

static uint8_t *options_emit(uint8_t *out, const struct tcp_options *options)
{
	unsigned blocks = sack_blocks_fitting(options);

	if (options->has_mss)
		out = word_emit(out, TCP_OPTION_MSS, MSS_BYTES, options->mss >> 8, options->mss & 0xff);
	if (options->has_timestamps) {
		out = options->sack_permitted ?
		      word_emit(out, TCP_OPTION_SACK_PERMITTED, SACK_PERMITTED_BYTES, TCP_OPTION_TIMESTAMPS,
				TIMESTAMPS_BYTES) :
		      word_emit(out, TCP_OPTION_NOP, TCP_OPTION_NOP, TCP_OPTION_TIMESTAMPS, TIMESTAMPS_BYTES);
		store_be32(out, options->tsval);
		store_be32(out + 4, options->tsecr);
		out += 8;
	} else if (options->sack_permitted) {
		out = word_emit(out, TCP_OPTION_NOP, TCP_OPTION_NOP, TCP_OPTION_SACK_PERMITTED,
				SACK_PERMITTED_BYTES);
	}
	if (options->has_wscale)
		out = word_emit(out, TCP_OPTION_NOP, TCP_OPTION_WSCALE, WSCALE_BYTES, options->wscale);
	if (accecn_bytes(options) > 0)
		out = accecn_emit(out, options);
	if (blocks) {
		out = word_emit(out, TCP_OPTION_NOP, TCP_OPTION_NOP, TCP_OPTION_SACK,
				2 + blocks * SACK_BLOCK_BYTES);
		for (unsigned i = 0; i < blocks; i++) {
			store_be32(out, options->sack[i].left.value);
			store_be32(out + 4, options->sack[i].right.value);
			out += SACK_BLOCK_BYTES;
		}
	}
	if (options->has_fast_open)
		out = fast_open_emit(out, options);
	return auth_emit(out, options);
}

unsigned segment_emit_header(uint8_t *out, const struct segment *seg)
{
	unsigned header_bytes = (unsigned)(options_emit(out + TCP_HEADER_MIN, &seg->options) - out);

	store_be16(out, seg->source_port);
	store_be16(out + 2, seg->destination_port);
	store_be32(out + 4, seg->seq.value);
	store_be32(out + 8, seg->ack.value);
	out[12] = (uint8_t)(header_bytes / 4 << 4 | (seg->reserved_bits & 14) | seg->ae);
	out[13] = segment_flags(seg);
	store_be16(out + 14, seg->window);
	store_be16(out + 16, 0);
	store_be16(out + 18, seg->urgent);
	return header_bytes;
}

uint16_t segment_checksum(const struct address *source, const struct address *destination, const uint8_t *bytes,
			  size_t n)
{
	uint32_t sum = checksum_pseudo(source, destination, IPV4_PROTOCOL_TCP, (uint32_t)n);

	return checksum_finish(checksum_add(sum, bytes, n));
}

size_t segment_emit(uint8_t *out, size_t n, const struct segment *seg, const struct address *source,
		    const struct address *destination)
{
	size_t bytes = TCP_HEADER_MIN + tcp_options_bytes(&seg->options) + (size_t)seg->text_bytes;
	unsigned header_bytes;

	if (n < bytes)
		return 0;
	header_bytes = segment_emit_header(out, seg);
	if (seg->text)
		memcpy(out + header_bytes, seg->text, seg->text_bytes);
	else
		memset(out + header_bytes, 0, seg->text_bytes);
	store_be16(out + 16, segment_checksum(source, destination, out, bytes));
	return bytes;
}
