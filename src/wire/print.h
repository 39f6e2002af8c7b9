/* SPDX-License-Identifier: MIT */
/*
 * A segment as one line of packetdrill's notation, the only one for segments where a person reads:
 *
 *	S 0:0(0) win 65535 <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7>
 *	P. 1:11(10) ack 1 win 257
 *	F. 11:11(0) ack 1 win 257
 *	R 1:1(0)
 *
 * Flags S F R P . U E W (and A for AE), `-` for none; first:behind(text bytes), in which SYN and FIN do
 * not count; ack with ACK only; the window as on the wire; urg with URG only.  A RST with window 0 leaves
 * the window out.  Numbers are relative: seq to seq_base; ack and SACK blocks to ack_base.  An option of
 * accurate ECN is ECN and its counters, in their order: ECN e0b 1 ceb 0 e1b 1, or e1b first.  Options are shown
in the order in which segment_emit_header() writes them, whatever order they came in.
 * scan.h reads it back.
 */
#ifndef ELEVEN_WIRE_PRINT_H
#define ELEVEN_WIRE_PRINT_H

#include <stddef.h>
#include <stdint.h>

#include "wire/tcp.h"

#define SEGMENT_PRINT_MAX 400   /* always enough, with the NUL, and `[ect0] ` before it */

/*
 * Writes the line and a NUL into n bytes, cut off if need be; returns the length it has in full, without
 * the NUL.
 */
size_t segment_print(char *out, size_t n, const struct segment *seg, struct seq seq_base, struct seq ack_base);

/* The flags alone, "S." or "-". */
size_t segment_print_flags(char *out, size_t n, const struct segment *seg);

/* The small number printers: the same convention. */
size_t print_decimal(char *out, size_t n, uint64_t value);
size_t print_hex(char *out, size_t n, uint64_t value);

#endif
