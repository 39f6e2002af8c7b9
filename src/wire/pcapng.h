/* SPDX-License-Identifier: MIT */
/*
 * Capture files in pcapng (draft-ietf-opsawg-pcapng): a writer of section header, interface description
 * and enhanced packet blocks with comments, and a bounded reader of the same.  In memory only; files are
 * the caller's.  Writes this machine's byte order, reads both.
 *
 * Does not write or read secrets, name resolution or statistics; the reader steps over what it does not know.
 */
#ifndef ELEVEN_WIRE_PCAPNG_H
#define ELEVEN_WIRE_PCAPNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCAPNG_LINK_ETHERNET 1
#define PCAPNG_LINK_RAW      101        /* an IPv4 or IPv6 packet, by its version */

#define PCAPNG_COMMENTS_MAX   8
#define PCAPNG_INTERFACES_MAX 64        /* that a reader keeps of a section */
#define PCAPNG_TEXT_MAX       65535     /* bytes of an option */

struct pcapng_text {
	const char *bytes;      /* UTF-8, no NUL needed */
	uint32_t n;
};

struct pcapng_packet {
	uint32_t interface;     /* number of its description within the section */
	uint64_t time_ns;
	const uint8_t *bytes;
	uint32_t n;             /* bytes captured */
	uint32_t original_bytes;        /* bytes it had on the wire */
	unsigned comment_count;
	struct pcapng_text comments[PCAPNG_COMMENTS_MAX];
};

/* Each writes one block and returns its length, or 0 and writes nothing when n bytes are too few. */
size_t pcapng_write_section(uint8_t *out, size_t n, struct pcapng_text application);
size_t pcapng_write_interface(uint8_t *out, size_t n, uint16_t link_type, uint32_t snap_bytes,
			      struct pcapng_text name);
size_t pcapng_write_packet(uint8_t *out, size_t n, const struct pcapng_packet *packet);

struct pcapng_interface {
	uint16_t link_type;
	uint32_t snap_bytes;    /* 0: no limit */
	uint8_t resolution;     /* as if_tsresol has it; 6 when absent */
	struct pcapng_text name;
};

struct pcapng_reader {
	const uint8_t *at, *end;
	bool in_section;        /* a section header has been read */
	bool swapped;           /* of the other byte order */
	uint32_t interface_count;
	struct pcapng_interface interfaces[PCAPNG_INTERFACES_MAX];
};

enum pcapng_block {
	PCAPNG_END,             /* nothing left */
	PCAPNG_SECTION,
	PCAPNG_INTERFACE,       /* the last one in `interfaces` */
	PCAPNG_PACKET,
	PCAPNG_OTHER,           /* stepped over */
	PCAPNG_BAD,             /* malformed; the next one is PCAPNG_END */
};

void pcapng_reader_init(struct pcapng_reader *r, const void *bytes, size_t n);

/* Reads one block; `packet` is set for PCAPNG_PACKET and borrows from the bytes. */
enum pcapng_block pcapng_next(struct pcapng_reader *r, struct pcapng_packet *packet);

#endif
