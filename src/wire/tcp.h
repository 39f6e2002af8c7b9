/* SPDX-License-Identifier: MIT */
/*
 * TCP segments: header and options (§3.1, §3.2, RFC 7323, RFC 2018) to a struct and back.  Knows no
 * state: what an option means, and whether it may stand here, is tcp/'s.  Checksums are apart
 * (segment_checksum), since a link may have verified or may yet compute them.
 */
#ifndef ELEVEN_WIRE_TCP_H
#define ELEVEN_WIRE_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/seq.h"
#include "wire/address.h"

#define TCP_HEADER_MIN 20
#define TCP_HEADER_MAX 60       /* data offset 15 */
#define TCP_OPTIONS_MAX 40
#define TCP_FAST_OPEN_MAX 16    /* bytes of a Fast Open cookie (RFC 7413 §4.1.1) */
#define TCP_ACCECN_MAX 3        /* counters of an AccECN option (RFC 9768 §3.2.3), of 24 bits each */
#define TCP_MD5_BYTES 18        /* of the whole option of RFC 2385 */
#define TCP_AO_LEAST 4          /* of the whole option of RFC 5925, without MAC */
#define TCP_SACK_MAX 4          /* blocks that fit into the options (RFC 2018 §3); 3 with timestamps */

/* The flag byte. */
#define TCP_FLAG_FIN 0x01
#define TCP_FLAG_SYN 0x02
#define TCP_FLAG_RST 0x04
#define TCP_FLAG_PSH 0x08
#define TCP_FLAG_ACK 0x10
#define TCP_FLAG_URG 0x20
#define TCP_FLAG_ECE 0x40
#define TCP_FLAG_CWR 0x80

/* Option kinds. */
#define TCP_OPTION_END            0
#define TCP_OPTION_NOP            1
#define TCP_OPTION_MSS            2
#define TCP_OPTION_WSCALE         3
#define TCP_OPTION_SACK_PERMITTED 4
#define TCP_OPTION_SACK           5
#define TCP_OPTION_TIMESTAMPS     8
#define TCP_OPTION_MD5            19
#define TCP_OPTION_AO             29
#define TCP_OPTION_FAST_OPEN      34
#define TCP_OPTION_ACCECN0        172   /* RFC 9768 §3.2.3: EE0B first */
#define TCP_OPTION_ACCECN1        174   /* EE1B first */
#define TCP_OPTION_EXPERIMENT     254   /* RFC 6994: told apart by the 16 bits that follow */
#define TCP_EXPERIMENT_FAST_OPEN  0xf989        /* Fast Open before RFC 7413 gave it a kind (§4.1.1) */

/* Bits of tcp_options.faults.  But for the first, the option is ignored and the rest is read. */
#define TCP_OPTION_FAULT_LENGTH         0x01    /* length 0, 1 or beyond the header: parsing ended (MUST-7) */
#define TCP_OPTION_FAULT_MSS            0x02    /* length not 4 */
#define TCP_OPTION_FAULT_WSCALE         0x04    /* length not 3 */
#define TCP_OPTION_FAULT_SACK_PERMITTED 0x08    /* length not 2 */
#define TCP_OPTION_FAULT_TIMESTAMPS     0x10    /* length not 10 */
#define TCP_OPTION_FAULT_SACK           0x20    /* length not 2 + 8 n, n > 0 */
#define TCP_OPTION_FAULT_FAST_OPEN      0x80    /* length not 2, nor even and 6 to 18 */
#define TCP_OPTION_FAULT_DUPLICATE      0x40    /* a known kind came twice: the first one counts */

/* Bits of tcp_options.auth: which signature there is. */
#define TCP_AUTH_MD5 0x01       /* RFC 2385 */
#define TCP_AUTH_AO  0x02       /* RFC 5925 */
#define TCP_AUTH_BAD 0x04       /* of wrong length, twice, or both (RFC 5925 §2.2) */

struct tcp_options {
	bool has_mss;
	bool has_wscale;
	bool sack_permitted;
	bool has_timestamps;
	bool has_fast_open;
	bool has_accecn;
	bool fast_open_experiment;      /* … as the experiment it once was */
	uint16_t mss;
	uint8_t wscale;         /* as received: above 14 is the caller's matter (RFC 7323 §2.3) */
	uint8_t sack_count;
	uint8_t faults;         /* TCP_OPTION_FAULT_… */
	uint8_t auth;           /* TCP_AUTH_… */
	uint32_t tsval;
	uint32_t tsecr;         /* means something with ACK only */
	struct {
		struct seq left, right; /* [left, right), as received: may be nonsense */
	} sack[TCP_SACK_MAX];
	uint8_t fast_open_bytes;        /* of the cookie; 0: one is asked for */
	uint8_t fast_open[TCP_FAST_OPEN_MAX];
	bool accecn_order;              /* true: EE1B first, else EE0B; ECEB is always the second */
	uint8_t accecn_count;           /* counters that are there, from the first on */
	uint32_t accecn[TCP_ACCECN_MAX];
	uint8_t auth_at;                /* where the signature's option begins in the header; as received */
	uint8_t auth_bytes;             /* of the whole option; its MAC is the business of who has the key */
};

struct segment {
	struct seq seq;         /* SEG.SEQ */
	struct seq ack;         /* SEG.ACK, as received also without has_ack */
	uint16_t window;        /* SEG.WND, unscaled */
	uint16_t urgent;        /* SEG.UP, the offset from seq */
	uint16_t source_port;
	uint16_t destination_port;
	bool fin, syn, rst, psh, has_ack, urg, ece, cwr;        /* the flag byte's bits */
	bool ae;                /* the lowest of the reserved bits: AE of accurate ECN (RFC 9768 §3.1) */
	uint8_t flags;          /* the flag byte, as received */
	uint8_t reserved_bits;  /* the three below the data offset, as received and as sent; bit 0 is `ae` */
	uint8_t header_bytes;   /* 20 … 60, as received */
	uint16_t checksum;      /* as received */
	const uint8_t *text;    /* borrowed from the packet */
	uint32_t text_bytes;
	struct tcp_options options;
};

enum tcp_fault {
	TCP_OK,
	TCP_TRUNCATED,          /* shorter than 20 bytes */
	TCP_BAD_DATA_OFFSET,    /* below 5 words, or beyond the end */
};

/* Reads all but does not judge the checksum.  On a fault nothing but the fixed header's fields is set. */
enum tcp_fault segment_parse(struct segment *out, const uint8_t *bytes, size_t n);

/* Reads an option area; never fails, see `faults`. */
void tcp_options_parse(struct tcp_options *out, const uint8_t *bytes, size_t n);

/* Bytes that segment_emit_header() takes for these options: a multiple of 4, at most 40. */
unsigned tcp_options_bytes(const struct tcp_options *options);

/*
 * Writes header and options into up to TCP_HEADER_MAX bytes; returns their length.  The flags are
 * taken from the bools, the options in Linux's order (MSS; SACK-permitted and timestamps; NOP, window
 * scale; accurate ECN, NOPs; NOP NOP SACK; Fast Open, NOPs; NOPs, signature), SACK blocks as many as still fit.  The
 * checksum field and the signature are zero: the latter is the last option, so that it ends with the header.
 */
unsigned segment_emit_header(uint8_t *out, const struct segment *seg);

/* The flag byte that the bools stand for; `flags` is not looked at. */
static inline uint8_t segment_flags(const struct segment *seg)
{
	return (uint8_t)(seg->fin * TCP_FLAG_FIN | seg->syn * TCP_FLAG_SYN | seg->rst * TCP_FLAG_RST |
			 seg->psh * TCP_FLAG_PSH | seg->has_ack * TCP_FLAG_ACK | seg->urg * TCP_FLAG_URG |
			 seg->ece * TCP_FLAG_ECE | seg->cwr * TCP_FLAG_CWR);
}

/* The ACE field (RFC 9768 §3.2.2): AE, CWR and ECE as a number. */
static inline unsigned segment_ace(const struct segment *seg)
{
	return (unsigned)(seg->ae << 2 | seg->cwr << 1 | seg->ece);
}

static inline void segment_ace_set(struct segment *seg, unsigned ace)
{
	seg->ae = ace & 4;
	seg->cwr = ace & 2;
	seg->ece = ace & 1;
}

/* SEG.LEN: text, and one number each for SYN and FIN. */
static inline uint32_t segment_length(const struct segment *seg)
{
	return seg->text_bytes + seg->syn + seg->fin;
}

/* The first number behind the segment. */
static inline struct seq segment_end(const struct segment *seg)
{
	return seq_add(seg->seq, segment_length(seg));
}

/* Its last number, SEG.SEQ + SEG.LEN - 1; only if its length is not 0. */
static inline struct seq segment_last(const struct segment *seg)
{
	return seq_sub(segment_end(seg), 1);
}

/* The sequence number of the first byte of text: a SYN comes before it. */
static inline struct seq segment_text_seq(const struct segment *seg)
{
	return seq_add(seg->seq, seg->syn);
}

/* The sequence number of its FIN: behind the text. */
static inline struct seq segment_fin_seq(const struct segment *seg)
{
	return seq_add(seg->seq, seg->syn + seg->text_bytes);
}

/*
 * Over pseudo-header, header and text in one piece: with the field zero what to put into it, with the
 * field filled in 0 if it is right.
 */
uint16_t segment_checksum(const struct address *source, const struct address *destination, const uint8_t *bytes,
			  size_t n);

/*
 * The whole segment in one piece, with checksum; returns its length, or 0 when n bytes are too few.
 * A text of NULL stands for text_bytes zeros.
 */
size_t segment_emit(uint8_t *out, size_t n, const struct segment *seg, const struct address *source,
		    const struct address *destination);

#endif
