/* SPDX-License-Identifier: MIT */
/*
 * The scanner of the notation that print.h prints: a line to a segment.  Flags may come in any order,
 * white space is free, `win`, `urg` and options may be missing; `<...>` stands for any options.
 */
#ifndef ELEVEN_WIRE_SCAN_H
#define ELEVEN_WIRE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/tcp.h"

struct segment_scan {
	struct segment segment; /* text is NULL: the notation has its length only; ports are 0 */
	bool has_window;        /* a `win` was there */
	bool has_options;       /* a `<` was there */
	bool any_options;       /* it was `<...>` */
	size_t end;             /* characters read; on a fault, where it was found */
	const char *fault;      /* NULL, or what was expected there */
};

/* Reads n characters, which must be one segment and nothing else; false on a fault. */
bool segment_scan(struct segment_scan *out, const char *text, size_t n, struct seq seq_base, struct seq ack_base);

#endif
