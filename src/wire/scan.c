/* SPDX-License-Identifier: MIT */
/*
 * A line to a segment; see scan.h.
 *
 * Recursive descent over characters.  The first fault is kept with its place, and from there on
 * nothing is accepted any more, so only the end need ask.
 */
#include "wire/scan.h"

#include <string.h>

struct scanner {
	const char *text;
	size_t at, n;
	const char *fault;
};

static bool fail(struct scanner *s, const char *expected)
{
	if (!s->fault)
		s->fault = expected;
	return false;
}

static char peek(const struct scanner *s)
{
	return s->fault || s->at == s->n ? '\0' : s->text[s->at];
}

static void skip_space(struct scanner *s)
{
	while (peek(s) == ' ' || peek(s) == '\t')
		s->at++;
}

static bool accept(struct scanner *s, char c)
{
	skip_space(s);
	if (peek(s) != c)
		return false;
	s->at++;
	return true;
}

static bool expect(struct scanner *s, char c, const char *expected)
{
	return accept(s, c) || fail(s, expected);
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* This word and not a longer one. */
static bool accept_word(struct scanner *s, const char *word)
{
	size_t at;

	skip_space(s);
	if (s->fault)
		return false;
	for (at = s->at; *word; at++, word++)
		if (at == s->n || s->text[at] != *word)
			return false;
	if (at < s->n && is_word(s->text[at]))
		return false;
	s->at = at;
	return true;
}

static uint32_t expect_number(struct scanner *s, uint32_t max, const char *expected)
{
	uint64_t value = 0;
	size_t start;

	skip_space(s);
	start = s->at;
	while (peek(s) >= '0' && peek(s) <= '9') {
		value = value * 10 + (uint64_t)(peek(s) - '0');
		if (value > max)
			break;
		s->at++;
	}
	if (s->at > start && value <= max)
		return (uint32_t)value;
	s->at = start;
	fail(s, expected);
	return 0;
}

static bool *flag_of(struct segment *seg, char c)
{
	switch (c) {
	case 'S': return &seg->syn;
	case 'F': return &seg->fin;
	case 'R': return &seg->rst;
	case 'P': return &seg->psh;
	case '.': return &seg->has_ack;
	case 'U': return &seg->urg;
	case 'E': return &seg->ece;
	case 'W': return &seg->cwr;
	case 'A': return &seg->ae;
	default: return NULL;
	}
}

static void scan_flags(struct scanner *s, struct segment *seg)
{
	bool any = false;

	if (accept(s, '-'))
		return;
	for (; peek(s) && peek(s) != ' ' && peek(s) != '\t'; s->at++, any = true) {
		bool *flag = flag_of(seg, peek(s));

		if (!flag) {
			fail(s, "a flag: S F R P . U E W A, or - for none");
			return;
		} else if (*flag) {
			fail(s, "each flag once");
			return;
		} else {
			*flag = true;
		}
	}
	if (!any)
		fail(s, "flags");
}

static void scan_numbers(struct scanner *s, struct segment *seg, struct seq seq_base)
{
	uint32_t first, behind;
	size_t at;

	first = expect_number(s, UINT32_MAX, "the first sequence number");
	expect(s, ':', "a colon");
	skip_space(s);
	at = s->at;
	behind = expect_number(s, UINT32_MAX, "the sequence number behind the text");
	expect(s, '(', "the text's length in parentheses");
	seg->text_bytes = expect_number(s, UINT32_MAX, "the text's length");
	expect(s, ')', "a closing parenthesis");
	if (!s->fault && behind != (uint32_t)(first + seg->text_bytes)) {
		s->at = at;
		fail(s, "the first sequence number plus the text's length");
	}
	seg->seq = seq_add(seq_base, first);
}

static void scan_sack(struct scanner *s, struct tcp_options *options, struct seq ack_base)
{
	while (skip_space(s), peek(s) >= '0' && peek(s) <= '9') {
		uint32_t left, right;

		if (options->sack_count == TCP_SACK_MAX) {
			fail(s, "at most four SACK blocks");
			return;
		}
		left = expect_number(s, UINT32_MAX, "a SACK block's left edge");
		expect(s, ':', "a colon");
		right = expect_number(s, UINT32_MAX, "a SACK block's right edge");
		options->sack[options->sack_count].left = seq_add(ack_base, left);
		options->sack[options->sack_count].right = seq_add(ack_base, right);
		options->sack_count++;
	}
	if (!options->sack_count)
		fail(s, "a SACK block");
}

static void once(struct scanner *s, bool *has)
{
	if (*has)
		fail(s, "each option once");
	*has = true;
}

static unsigned hex_value(char c)
{
	return c >= '0' && c <= '9' ? (unsigned)(c - '0') : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

/* A cookie in hexadecimal digits; none asks for one. */
static void scan_fast_open(struct scanner *s, struct tcp_options *options)
{
	unsigned digits = 0;

	skip_space(s);
	for (; hex_value(peek(s)) < 16 && digits < 2 * TCP_FAST_OPEN_MAX; s->at++, digits++) {
		uint8_t *byte = &options->fast_open[digits / 2];

		*byte = (uint8_t)(*byte << 4 | hex_value(peek(s)));
	}
	if (digits % 4 != 0 || digits == 4 || hex_value(peek(s)) < 16)
		fail(s, "a cookie of 4 to 16 bytes, an even number");
	options->fast_open_bytes = (uint8_t)(digits / 2);
}

/* Behind ECN: e0b or e1b, ceb, and the other one; fewer from the end on. */
static void scan_accecn(struct scanner *s, struct tcp_options *options)
{
	static const char *const names[2][TCP_ACCECN_MAX] = { { "e0b", "ceb", "e1b" }, { "e1b", "ceb", "e0b" } };

	for (unsigned i = 0; i < TCP_ACCECN_MAX; i++) {
		if (i == 0 && accept_word(s, names[1][0]))
			options->accecn_order = true;
		else if (!accept_word(s, names[options->accecn_order][i]))
			break;
		options->accecn[i] = expect_number(s, 0xffffff, "a counter of 24 bits");
		options->accecn_count++;
	}
	if (options->accecn_count == 0)
		fail(s, "a counter: e0b or e1b first, then ceb, then the other");
}

static void scan_option(struct scanner *s, struct tcp_options *options, struct seq ack_base)
{
	if (accept_word(s, "nop") || accept_word(s, "eol"))
		return;
	if (accept_word(s, "mss")) {
		once(s, &options->has_mss);
		options->mss = (uint16_t)expect_number(s, UINT16_MAX, "an MSS up to 65535");
	} else if (accept_word(s, "wscale")) {
		once(s, &options->has_wscale);
		options->wscale = (uint8_t)expect_number(s, UINT8_MAX, "a window scale up to 255");
	} else if (accept_word(s, "sackOK")) {
		once(s, &options->sack_permitted);
	} else if (accept_word(s, "TS")) {
		once(s, &options->has_timestamps);
		if (!accept_word(s, "val"))
			fail(s, "`val`");
		options->tsval = expect_number(s, UINT32_MAX, "a timestamp");
		if (!accept_word(s, "ecr"))
			fail(s, "`ecr`");
		options->tsecr = expect_number(s, UINT32_MAX, "an echoed timestamp");
	} else if (accept_word(s, "sack")) {
		bool again = options->sack_count != 0;

		once(s, &again);
		scan_sack(s, options, ack_base);
	} else if (accept_word(s, "FOEXP")) {
		once(s, &options->has_fast_open);
		options->fast_open_experiment = true;
		scan_fast_open(s, options);
	} else if (accept_word(s, "FO")) {
		once(s, &options->has_fast_open);
		scan_fast_open(s, options);
	} else if (accept_word(s, "ECN0")) {
		once(s, &options->has_accecn);
	} else if (accept_word(s, "ECN1")) {
		once(s, &options->has_accecn);
		options->accecn_order = true;
	} else if (accept_word(s, "ECN")) {
		once(s, &options->has_accecn);
		scan_accecn(s, options);
	} else if (accept_word(s, "md5")) {
		options->auth |= TCP_AUTH_MD5 | (options->auth ? TCP_AUTH_BAD : 0);
		options->auth_bytes = TCP_MD5_BYTES;
	} else if (accept_word(s, "ao")) {
		options->auth |= TCP_AUTH_AO | (options->auth ? TCP_AUTH_BAD : 0);
		options->auth_bytes = TCP_AO_LEAST + 12;
	} else {
		fail(s, "an option: mss wscale sackOK sack TS FO FOEXP ECN md5 ao nop eol");
	}
}

/* Behind `<`. */
static void scan_options(struct scanner *s, struct segment_scan *out, struct seq ack_base)
{
	out->has_options = true;
	if (accept(s, '>'))
		return;
	if (accept(s, '.')) {
		out->any_options = expect(s, '.', "`...`") && expect(s, '.', "`...`");
		expect(s, '>', "`>`");
		return;
	}
	do {
		scan_option(s, &out->segment.options, ack_base);
	} while (accept(s, ','));
	expect(s, '>', "a comma or `>`");
}

static void scan_segment(struct scanner *s, struct segment_scan *out, struct seq seq_base, struct seq ack_base)
{
	struct segment *seg = &out->segment;

	scan_flags(s, seg);
	scan_numbers(s, seg, seq_base);
	if (seg->has_ack) {
		if (!accept_word(s, "ack"))
			fail(s, "`ack` and a number, as the flag . has it");
		seg->ack = seq_add(ack_base, expect_number(s, UINT32_MAX, "an acknowledgement number"));
	}
	if (accept_word(s, "win")) {
		out->has_window = true;
		seg->window = (uint16_t)expect_number(s, UINT16_MAX, "a window up to 65535");
	}
	if (seg->urg && accept_word(s, "urg"))
		seg->urgent = (uint16_t)expect_number(s, UINT16_MAX, "an urgent pointer up to 65535");
	if (accept(s, '<'))
		scan_options(s, out, ack_base);
	skip_space(s);
	if (!s->fault && s->at != s->n)
		fail(s, out->has_options ? "the end of the line" : "options or the end of the line");
}

bool segment_scan(struct segment_scan *out, const char *text, size_t n, struct seq seq_base, struct seq ack_base)
{
	struct scanner s = { text, 0, n, NULL };

	memset(out, 0, sizeof(*out));
	skip_space(&s);
	scan_segment(&s, out, seq_base, ack_base);
	out->segment.flags = segment_flags(&out->segment);
	out->end = s.at;
	out->fault = s.fault;
	return !s.fault;
}
