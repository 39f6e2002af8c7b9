/* SPDX-License-Identifier: MIT */
/*
 * The table of ss(8) of iproute2 6.1, byte for byte, of TCP sockets: the same options, columns and spellings.
 *
 * Rows are collected first, because ss makes each column as wide as its widest text.
 */
#ifndef ELEVEN_LENS_SS_TABLE_H
#define ELEVEN_LENS_SS_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#include "view/view.h"

struct ss_options {
	bool numeric, resolve;          /* -n, -r */
	bool options, extended, memory, info, processes;        /* -o -e -m -i -p */
	bool no_header, oneline;        /* -H -O */
	bool netid;                     /* not only -t: the first column tells the protocol */
	bool no_state;                  /* only one state is asked for: no column for it */
};

struct ss_table;

struct ss_table *ss_table_create(const struct ss_options *options);
void ss_table_add(struct ss_table *table, const struct conn_view *conn);
/* Prints and lets go of the table. */
void ss_table_print(FILE *out, struct ss_table *table);

#endif
