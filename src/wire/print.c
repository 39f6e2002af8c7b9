/* SPDX-License-Identifier: MIT */
/* A segment as a line; see print.h. */
#include "wire/print.h"

#include <string.h>

/* Counts all that is added and keeps what fits. */
struct line {
	char *out;
	size_t room;            /* without the NUL's byte */
	size_t n;
};

static struct line line_begin(char *out, size_t n)
{
	return (struct line){ out, n ? n - 1 : 0, 0 };
}

static size_t line_end(const struct line *line, size_t n)
{
	if (n)
		line->out[line->n < line->room ? line->n : line->room] = '\0';
	return line->n;
}

static void add_char(struct line *line, char c)
{
	if (line->n < line->room)
		line->out[line->n] = c;
	line->n++;
}

static void add_text(struct line *line, const char *text)
{
	while (*text)
		add_char(line, *text++);
}

static void add_number(struct line *line, uint64_t value, unsigned base)
{
	char digits[20];
	unsigned n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	while (n)
		add_char(line, digits[--n]);
}

static void add_field(struct line *line, const char *name, uint64_t value)
{
	add_text(line, name);
	add_number(line, value, 10);
}

static void add_flags(struct line *line, const struct segment *seg)
{
	static const struct {
		uint8_t flag;
		char letter;
	} letters[] = {
		{ TCP_FLAG_SYN, 'S' }, { TCP_FLAG_FIN, 'F' }, { TCP_FLAG_RST, 'R' }, { TCP_FLAG_PSH, 'P' },
		{ TCP_FLAG_ACK, '.' }, { TCP_FLAG_URG, 'U' }, { TCP_FLAG_ECE, 'E' }, { TCP_FLAG_CWR, 'W' },
	};
	uint8_t flags = segment_flags(seg);
	bool accurate_ecn = seg->ae;

	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
		if (flags & letters[i].flag)
			add_char(line, letters[i].letter);
	if (accurate_ecn)
		add_char(line, 'A');
	if (!flags && !accurate_ecn)
		add_char(line, '-');
}

/* `<` before the first option, a comma before the others. */
static const char *separator(unsigned *count)
{
	return (*count)++ ? "," : " <";
}

static void add_option(struct line *line, unsigned *count, const char *text)
{
	add_text(line, separator(count));
	add_text(line, text);
}

static void add_sack(struct line *line, unsigned *count, const struct tcp_options *options, struct seq ack_base)
{
	add_option(line, count, "nop,nop,sack");
	for (unsigned i = 0; i < options->sack_count && i < TCP_SACK_MAX; i++) {
		add_field(line, " ", seq_distance(options->sack[i].left, ack_base));
		add_field(line, ":", seq_distance(options->sack[i].right, ack_base));
	}
}

static void add_fast_open(struct line *line, unsigned *count, const struct tcp_options *options)
{
	unsigned bytes = options->fast_open_bytes;

	add_option(line, count, options->fast_open_experiment ? bytes ? "FOEXP " : "FOEXP" : bytes ? "FO " : "FO");
	for (unsigned i = 0; i < bytes; i++) {
		add_char(line, "0123456789abcdef"[options->fast_open[i] >> 4]);
		add_char(line, "0123456789abcdef"[options->fast_open[i] & 15]);
	}
	for (bytes += options->fast_open_experiment ? 4 : 2; bytes % 4 != 0; bytes++)
		add_text(line, ",nop");
}

/* RFC 9768 §3.2.3 table 5: the names tell the order; ECN0 and ECN1 are those without counters. */
static void add_accecn(struct line *line, unsigned *count, const struct tcp_options *options)
{
	const char *names[TCP_ACCECN_MAX] = { options->accecn_order ? " e1b " : " e0b ", " ceb ",
					      options->accecn_order ? " e0b " : " e1b " };
	unsigned bytes = 2 + 3u * options->accecn_count;

	add_option(line, count, options->accecn_count ? "ECN" : options->accecn_order ? "ECN1" : "ECN0");
	for (unsigned i = 0; i < options->accecn_count; i++)
		add_field(line, names[i], options->accecn[i]);
	for (; bytes % 4 != 0; bytes++)
		add_text(line, ",nop");
}

static void add_options(struct line *line, const struct tcp_options *options, struct seq ack_base)
{
	unsigned count = 0;

	if (options->has_mss) {
		add_option(line, &count, "mss ");
		add_number(line, options->mss, 10);
	}
	if (options->sack_permitted)
		add_option(line, &count, options->has_timestamps ? "sackOK" : "nop,nop,sackOK");
	if (options->has_timestamps) {
		add_option(line, &count, options->sack_permitted ? "TS val " : "nop,nop,TS val ");
		add_number(line, options->tsval, 10);
		add_field(line, " ecr ", options->tsecr);
	}
	if (options->has_wscale) {
		add_option(line, &count, "nop,wscale ");
		add_number(line, options->wscale, 10);
	}
	if (options->has_accecn)
		add_accecn(line, &count, options);
	if (options->sack_count)
		add_sack(line, &count, options, ack_base);
	if (options->has_fast_open)
		add_fast_open(line, &count, options);
	if (options->auth & TCP_AUTH_MD5)
		add_option(line, &count, "md5");
	if (options->auth & TCP_AUTH_AO)
		add_option(line, &count, "ao");
	if (count)
		add_char(line, '>');
}

size_t segment_print(char *out, size_t n, const struct segment *seg, struct seq seq_base, struct seq ack_base)
{
	struct line line = line_begin(out, n);
	uint32_t first = seq_distance(seg->seq, seq_base);

	add_flags(&line, seg);
	add_field(&line, " ", first);
	add_field(&line, ":", (uint32_t)(first + seg->text_bytes));
	add_field(&line, "(", seg->text_bytes);
	add_char(&line, ')');
	if (seg->has_ack)
		add_field(&line, " ack ", seq_distance(seg->ack, ack_base));
	if (!seg->rst || seg->window)
		add_field(&line, " win ", seg->window);
	if (seg->urg)
		add_field(&line, " urg ", seg->urgent);
	add_options(&line, &seg->options, ack_base);
	return line_end(&line, n);
}

size_t segment_print_flags(char *out, size_t n, const struct segment *seg)
{
	struct line line = line_begin(out, n);

	add_flags(&line, seg);
	return line_end(&line, n);
}

size_t print_decimal(char *out, size_t n, uint64_t value)
{
	struct line line = line_begin(out, n);

	add_number(&line, value, 10);
	return line_end(&line, n);
}

size_t print_hex(char *out, size_t n, uint64_t value)
{
	struct line line = line_begin(out, n);

	add_number(&line, value, 16);
	return line_end(&line, n);
}
