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

bool address_parse(struct address *out, const char *text)
{
	uint32_t value = 0;

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
		value = value << 8 | number;
	}
	if (*text)
		return false;
	*out = address_v4(value);
	return true;
}
