/* SPDX-License-Identifier: MIT */
/* Addresses as text; see address.h. */
#include "wire/address.h"

struct text {
	char bytes[ADDRESS_TEXT_MAX];
	size_t n;
};

static void text_add(struct text *t, char c)
{
	t->bytes[t->n++] = c;
}

static void text_add_number(struct text *t, unsigned value, unsigned base)
{
	char digits[8];
	unsigned n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	while (n)
		text_add(t, digits[--n]);
}

static void text_add_v4(struct text *t, const uint8_t *bytes)
{
	for (int i = 0; i < 4; i++) {
		if (i)
			text_add(t, '.');
		text_add_number(t, bytes[i], 10);
	}
}

/* RFC 5952 §4: the longest run of two or more zero groups, the first of equals, becomes "::". */
static void text_add_v6(struct text *t, const uint8_t *bytes)
{
	unsigned run_at = 8, run = 1;

	for (unsigned i = 0; i < 8; i++) {
		unsigned n = 0;

		while (i + n < 8 && load_be16(bytes + 2 * (i + n)) == 0)
			n++;
		if (n > run) {
			run = n;
			run_at = i;
		}
	}
	for (unsigned i = 0; i < 8; i++) {
		if (i == run_at) {
			text_add(t, ':');
			i += run - 1;
			if (i == 7)
				text_add(t, ':');
			continue;
		}
		if (i)
			text_add(t, ':');
		text_add_number(t, load_be16(bytes + 2 * i), 16);
	}
}

size_t address_print(char *out, size_t n, const struct address *a)
{
	struct text t = { .n = 0 };

	if (address_is_v4(a))
		text_add_v4(&t, a->bytes + 12);
	else
		text_add_v6(&t, a->bytes);
	if (n < t.n + 1) {
		if (n)
			out[0] = '\0';
		return 0;
	}
	memcpy(out, t.bytes, t.n);
	out[t.n] = '\0';
	return t.n;
}

/* Four decimal numbers; nothing of *value when it fails. */
static bool parse_v4(uint32_t *value, const char *text)
{
	*value = 0;
	for (int i = 0; i < 4; i++) {
		unsigned number = 0, digits = 0;

		if (i && *text++ != '.')
			return false;
		while (*text >= '0' && *text <= '9') {
			if (digits && number == 0)
				return false;   /* a leading zero: octal to some readers */
			number = number * 10 + (unsigned)(*text++ - '0');
			if (++digits > 3)
				return false;
		}
		if (!digits || number > 255)
			return false;
		*value = *value << 8 | number;
	}
	return *text == 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* RFC 4291 §2.2: eight groups, one run of zeros as "::", the last two perhaps as IPv4. */
static bool parse_v6(struct address *out, const char *text)
{
	uint8_t bytes[16] = { 0 };
	unsigned n = 0, gap = 16;

	if (text[0] == ':' && text[1] != ':')
		return false;
	while (*text) {
		const char *group = text;
		unsigned value = 0, digits = 0;
		uint32_t v4;

		if (text[0] == ':' && text[1] == ':') {
			if (gap < 16)
				return false;
			gap = n;
			text += 2;
			if (!*text)
				break;
			continue;
		}
		if (*text == ':' && n > 0 && gap != n)
			group = ++text;
		for (; hex_digit(*text) >= 0 && digits < 5; digits++)
			value = value << 4 | (unsigned)hex_digit(*text++);
		if (*text == '.' && n <= 12 && parse_v4(&v4, group)) {
			store_be32(bytes + n, v4);
			n += 4;
			break;
		}
		if (digits == 0 || digits > 4 || n == 16 || (*text && *text != ':'))
			return false;
		store_be16(bytes + n, (uint16_t)value);
		n += 2;
	}
	if (gap == 16 ? n != 16 : n > 14)
		return false;
	if (gap < 16) {
		memmove(bytes + 16 - (n - gap), bytes + gap, n - gap);
		memset(bytes + gap, 0, 16 - n);
	}
	memcpy(out->bytes, bytes, sizeof(bytes));
	return true;
}

bool address_parse(struct address *out, const char *text)
{
	uint32_t value;

	for (const char *at = text; *at; at++)
		if (*at == ':')
			return parse_v6(out, text);
	if (!parse_v4(&value, text))
		return false;
	*out = address_v4(value);
	return true;
}
