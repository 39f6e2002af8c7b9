/* SPDX-License-Identifier: MIT */
/*
 * Big-endian bytes.  A reader and a writer that check every bound and remember the first
 * failure: a parser may read all fields and ask `failed` once; what a failed reader
 * returns is zero.  The raw load_ and store_ are for places whose bounds are already known.
 * No alignment is needed anywhere.
 */
#ifndef ELEVEN_BASE_BYTES_H
#define ELEVEN_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t load_be16(const void *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	value = __builtin_bswap16(value);
#endif
	return value;
}

static inline uint32_t load_be32(const void *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	value = __builtin_bswap32(value);
#endif
	return value;
}

static inline void store_be16(void *at, uint16_t value)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	value = __builtin_bswap16(value);
#endif
	memcpy(at, &value, sizeof(value));
}

static inline void store_be32(void *at, uint32_t value)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	value = __builtin_bswap32(value);
#endif
	memcpy(at, &value, sizeof(value));
}

struct reader {
	const uint8_t *at;      /* next byte to read */
	const uint8_t *end;     /* one past the last */
	bool failed;            /* something was asked for that was not there; stays set */
};

static inline struct reader reader_init(const void *bytes, size_t n)
{
	const uint8_t *at = bytes;

	return (struct reader){ at, n ? at + n : at, false };
}

static inline size_t reader_left(const struct reader *r)
{
	return (size_t)(r->end - r->at);
}

/* The next n bytes, or NULL; everything else here is built on it. */
static inline const uint8_t *reader_skip(struct reader *r, size_t n)
{
	const uint8_t *at = r->at;

	if (r->failed || reader_left(r) < n) {
		r->failed = true;
		r->at = r->end;
		return NULL;
	}
	r->at = n ? at + n : at;
	return at;
}

static inline uint8_t get_u8(struct reader *r)
{
	const uint8_t *at = reader_skip(r, 1);

	return at ? *at : 0;
}

static inline uint16_t get_u16(struct reader *r)
{
	const uint8_t *at = reader_skip(r, 2);

	return at ? load_be16(at) : 0;
}

static inline uint32_t get_u32(struct reader *r)
{
	const uint8_t *at = reader_skip(r, 4);

	return at ? load_be32(at) : 0;
}

/* Copies n bytes out; false, and `out` untouched, when they are not there. */
static inline bool get_bytes(struct reader *r, void *out, size_t n)
{
	const uint8_t *at = reader_skip(r, n);

	if (!at)
		return n == 0 && !r->failed;
	if (n)
		memcpy(out, at, n);
	return true;
}

struct writer {
	uint8_t *at;            /* next byte to write */
	uint8_t *end;           /* one past the last */
	bool failed;            /* something did not fit and was not written; stays set */
};

static inline struct writer writer_init(void *bytes, size_t n)
{
	uint8_t *at = bytes;

	return (struct writer){ at, n ? at + n : at, false };
}

static inline size_t writer_left(const struct writer *w)
{
	return (size_t)(w->end - w->at);
}

/* Room for n bytes, to be filled by the caller, or NULL. */
static inline uint8_t *writer_skip(struct writer *w, size_t n)
{
	uint8_t *at = w->at;

	if (w->failed || writer_left(w) < n) {
		w->failed = true;
		return NULL;
	}
	w->at = n ? at + n : at;
	return at;
}

static inline void put_u8(struct writer *w, uint8_t value)
{
	uint8_t *at = writer_skip(w, 1);

	if (at)
		*at = value;
}

static inline void put_u16(struct writer *w, uint16_t value)
{
	uint8_t *at = writer_skip(w, 2);

	if (at)
		store_be16(at, value);
}

static inline void put_u32(struct writer *w, uint32_t value)
{
	uint8_t *at = writer_skip(w, 4);

	if (at)
		store_be32(at, value);
}

static inline void put_bytes(struct writer *w, const void *bytes, size_t n)
{
	uint8_t *at = writer_skip(w, n);

	if (at && n)
		memcpy(at, bytes, n);
}

#endif
