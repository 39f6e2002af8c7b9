/* SPDX-License-Identifier: MIT */
/*
 * pcapng blocks; see pcapng.h.
 *
 * A block is type, length, body, and the length again; an option is code, length, and value padded
 * to 4 bytes.  Everything is in the byte order of the machine that wrote the section, told by
 * the magic number in its header.
 */
#include "wire/pcapng.h"

#include <string.h>

#define BLOCK_SECTION   0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET    6u

#define BYTE_ORDER_MAGIC 0x1a2b3c4du

#define OPTION_END         0
#define OPTION_COMMENT     1
#define OPTION_IF_NAME     2    /* of an interface description */
#define OPTION_APPLICATION 4    /* of a section header */
#define OPTION_IF_TSRESOL  9    /* of an interface description */

#define BLOCK_OVERHEAD    12u   /* type and both lengths */
#define SECTION_FIXED     16u
#define INTERFACE_FIXED   8u
#define PACKET_FIXED      20u
#define RESOLUTION_NS     9     /* 10^-9 s */
#define RESOLUTION_DEFAULT 6
#define RESOLUTION_BINARY 0x80

static size_t padded(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

/* Of an option; those of no bytes are left out. */
static size_t option_bytes(size_t n)
{
	return n ? 4 + padded(n) : 0;
}

static uint8_t *write_u16(uint8_t *out, uint16_t value)
{
	memcpy(out, &value, sizeof(value));
	return out + sizeof(value);
}

static uint8_t *write_u32(uint8_t *out, uint32_t value)
{
	memcpy(out, &value, sizeof(value));
	return out + sizeof(value);
}

static uint8_t *write_padded(uint8_t *out, const void *bytes, size_t n)
{
	if (n)
		memcpy(out, bytes, n);
	memset(out + n, 0, padded(n) - n);
	return out + padded(n);
}

static uint8_t *write_option(uint8_t *out, uint16_t code, const void *bytes, size_t n)
{
	if (!n)
		return out;
	out = write_u16(out, code);
	out = write_u16(out, (uint16_t)n);
	return write_padded(out, bytes, n);
}

static uint8_t *write_options_end(uint8_t *out)
{
	out = write_u16(out, OPTION_END);
	return write_u16(out, 0);
}

static struct pcapng_text text_fitting(struct pcapng_text text)
{
	if (text.n > PCAPNG_TEXT_MAX)
		text.n = PCAPNG_TEXT_MAX;
	return text;
}

size_t pcapng_write_section(uint8_t *out, size_t n, struct pcapng_text application)
{
	size_t bytes;

	application = text_fitting(application);
	bytes = BLOCK_OVERHEAD + SECTION_FIXED + option_bytes(application.n) + 4;
	if (n < bytes)
		return 0;
	out = write_u32(out, BLOCK_SECTION);
	out = write_u32(out, (uint32_t)bytes);
	out = write_u32(out, BYTE_ORDER_MAGIC);
	out = write_u16(out, 1);        /* version 1.0 */
	out = write_u16(out, 0);
	out = write_u32(out, UINT32_MAX);       /* the section's length, 64 bits: not known */
	out = write_u32(out, UINT32_MAX);
	out = write_option(out, OPTION_APPLICATION, application.bytes, application.n);
	out = write_options_end(out);
	write_u32(out, (uint32_t)bytes);
	return bytes;
}

size_t pcapng_write_interface(uint8_t *out, size_t n, uint16_t link_type, uint32_t snap_bytes,
			      struct pcapng_text name)
{
	uint8_t resolution = RESOLUTION_NS;
	size_t bytes;

	name = text_fitting(name);
	bytes = BLOCK_OVERHEAD + INTERFACE_FIXED + option_bytes(name.n) + option_bytes(1) + 4;
	if (n < bytes)
		return 0;
	out = write_u32(out, BLOCK_INTERFACE);
	out = write_u32(out, (uint32_t)bytes);
	out = write_u16(out, link_type);
	out = write_u16(out, 0);
	out = write_u32(out, snap_bytes);
	out = write_option(out, OPTION_IF_NAME, name.bytes, name.n);
	out = write_option(out, OPTION_IF_TSRESOL, &resolution, 1);
	out = write_options_end(out);
	write_u32(out, (uint32_t)bytes);
	return bytes;
}

static size_t comments_bytes(const struct pcapng_packet *packet)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < packet->comment_count && i < PCAPNG_COMMENTS_MAX; i++)
		bytes += option_bytes(text_fitting(packet->comments[i]).n);
	return bytes ? bytes + 4 : 0;
}

size_t pcapng_write_packet(uint8_t *out, size_t n, const struct pcapng_packet *packet)
{
	size_t comments = comments_bytes(packet);
	size_t bytes = BLOCK_OVERHEAD + PACKET_FIXED + padded(packet->n) + comments;

	if (n < bytes || bytes > UINT32_MAX)
		return 0;
	out = write_u32(out, BLOCK_PACKET);
	out = write_u32(out, (uint32_t)bytes);
	out = write_u32(out, packet->interface);
	out = write_u32(out, (uint32_t)(packet->time_ns >> 32));
	out = write_u32(out, (uint32_t)packet->time_ns);
	out = write_u32(out, packet->n);
	out = write_u32(out, packet->original_bytes);
	out = write_padded(out, packet->bytes, packet->n);
	for (unsigned i = 0; i < packet->comment_count && i < PCAPNG_COMMENTS_MAX; i++) {
		struct pcapng_text comment = text_fitting(packet->comments[i]);

		out = write_option(out, OPTION_COMMENT, comment.bytes, comment.n);
	}
	if (comments)
		out = write_options_end(out);
	write_u32(out, (uint32_t)bytes);
	return bytes;
}

void pcapng_reader_init(struct pcapng_reader *r, const void *bytes, size_t n)
{
	memset(r, 0, sizeof(*r));
	r->at = bytes;
	r->end = n ? r->at + n : r->at;
}

static uint16_t read_u16(const struct pcapng_reader *r, const uint8_t *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return r->swapped ? __builtin_bswap16(value) : value;
}

static uint32_t read_u32(const struct pcapng_reader *r, const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return r->swapped ? __builtin_bswap32(value) : value;
}

struct option {
	uint16_t code;
	struct pcapng_text value;
};

/* Reads the option at *at and steps behind it; false at the end, or where one is cut off. */
static bool option_next(const struct pcapng_reader *r, const uint8_t **at, const uint8_t *end, struct option *out)
{
	size_t n;

	if (end - *at < 4)
		return false;
	out->code = read_u16(r, *at);
	n = read_u16(r, *at + 2);
	if (out->code == OPTION_END || padded(n) > (size_t)(end - *at) - 4)
		return false;
	out->value = (struct pcapng_text){ (const char *)*at + 4, (uint32_t)n };
	*at += 4 + padded(n);
	return true;
}

/* A count of `resolution` (as if_tsresol has it) in ns; what does not fit wraps. */
static uint64_t time_in_ns(uint64_t count, uint8_t resolution)
{
	unsigned digits = resolution & 0x7f;

	if (resolution & RESOLUTION_BINARY) {
		if (digits > 63)
			return 0;
		if (digits > 32) {
			count >>= digits - 32;
			digits = 32;
		}
		return (count >> digits) * 1000000000u +
		       ((count & (((uint64_t)1 << digits) - 1)) * 1000000000u >> digits);
	}
	for (; digits < RESOLUTION_NS; digits++)
		count *= 10;
	for (; digits > RESOLUTION_NS && count; digits--)
		count /= 10;
	return count;
}

static enum pcapng_block read_section(struct pcapng_reader *r, size_t body_bytes)
{
	if (body_bytes < SECTION_FIXED)
		return PCAPNG_BAD;
	r->in_section = true;
	r->interface_count = 0;
	return PCAPNG_SECTION;
}

static enum pcapng_block read_interface(struct pcapng_reader *r, const uint8_t *body, size_t body_bytes)
{
	const uint8_t *at = body + INTERFACE_FIXED;
	struct pcapng_interface *interface;
	struct option option;

	if (body_bytes < INTERFACE_FIXED || r->interface_count == PCAPNG_INTERFACES_MAX)
		return PCAPNG_BAD;
	interface = &r->interfaces[r->interface_count++];
	*interface = (struct pcapng_interface){
		.link_type = read_u16(r, body),
		.snap_bytes = read_u32(r, body + 4),
		.resolution = RESOLUTION_DEFAULT,
	};
	while (option_next(r, &at, body + body_bytes, &option)) {
		if (option.code == OPTION_IF_NAME)
			interface->name = option.value;
		else if (option.code == OPTION_IF_TSRESOL && option.value.n == 1)
			interface->resolution = (uint8_t)option.value.bytes[0];
	}
	return PCAPNG_INTERFACE;
}

static enum pcapng_block read_packet(struct pcapng_reader *r, const uint8_t *body, size_t body_bytes,
				     struct pcapng_packet *packet)
{
	const uint8_t *at;
	struct option option;
	uint64_t count;

	if (body_bytes < PACKET_FIXED)
		return PCAPNG_BAD;
	memset(packet, 0, sizeof(*packet));
	packet->interface = read_u32(r, body);
	packet->n = read_u32(r, body + 12);
	packet->original_bytes = read_u32(r, body + 16);
	packet->bytes = body + PACKET_FIXED;
	/* Blocks are multiples of 4, so with the bytes their padding is there too. */
	if (packet->interface >= r->interface_count || packet->n > body_bytes - PACKET_FIXED)
		return PCAPNG_BAD;
	count = (uint64_t)read_u32(r, body + 4) << 32 | read_u32(r, body + 8);
	packet->time_ns = time_in_ns(count, r->interfaces[packet->interface].resolution);
	at = packet->bytes + padded(packet->n);
	while (packet->comment_count < PCAPNG_COMMENTS_MAX && option_next(r, &at, body + body_bytes, &option))
		if (option.code == OPTION_COMMENT)
			packet->comments[packet->comment_count++] = option.value;
	return PCAPNG_PACKET;
}

/* The byte order of the section that starts here; false when there is none. */
static bool byte_order_read(struct pcapng_reader *r)
{
	uint32_t magic;

	memcpy(&magic, r->at + 8, sizeof(magic));
	r->swapped = magic == __builtin_bswap32(BYTE_ORDER_MAGIC);
	return r->swapped || magic == BYTE_ORDER_MAGIC;
}

static enum pcapng_block block_read(struct pcapng_reader *r, struct pcapng_packet *packet)
{
	size_t left = (size_t)(r->end - r->at), bytes, body_bytes;
	const uint8_t *body = r->at + 8;
	uint32_t type;

	if (left < BLOCK_OVERHEAD)
		return PCAPNG_BAD;
	type = read_u32(r, r->at);
	if (type == BLOCK_SECTION ? !byte_order_read(r) : !r->in_section)
		return PCAPNG_BAD;
	bytes = read_u32(r, r->at + 4);
	if (bytes < BLOCK_OVERHEAD || bytes % 4 != 0 || bytes > left || read_u32(r, r->at + bytes - 4) != bytes)
		return PCAPNG_BAD;
	r->at += bytes;
	body_bytes = bytes - BLOCK_OVERHEAD;
	switch (type) {
	case BLOCK_SECTION:
		return read_section(r, body_bytes);
	case BLOCK_INTERFACE:
		return read_interface(r, body, body_bytes);
	case BLOCK_PACKET:
		return read_packet(r, body, body_bytes, packet);
	default:
		return PCAPNG_OTHER;
	}
}

enum pcapng_block pcapng_next(struct pcapng_reader *r, struct pcapng_packet *packet)
{
	enum pcapng_block block;

	if (r->at == r->end)
		return PCAPNG_END;
	block = block_read(r, packet);
	if (block == PCAPNG_BAD)
		r->at = r->end;
	return block;
}
