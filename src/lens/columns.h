/* SPDX-License-Identifier: MIT */
/* Tables of a person's own making: chosen columns, an order, and counts by group. */
#ifndef ELEVEN_LENS_COLUMNS_H
#define ELEVEN_LENS_COLUMNS_H

#include <stdbool.h>
#include <stdio.h>

#include "view/view.h"

#define COLUMNS_CHOSEN_MAX 24

struct columns {
	unsigned chosen[COLUMNS_CHOSEN_MAX];
	unsigned count;
};

/* Every name, for those who have to be told: "proto, recvq, …". */
const char *columns_names(void);
/* Comma-separated names. False, and the one that is wrong (within the list): there is no such column. */
bool columns_parse(struct columns *columns, const char *list, const char **wrong);
/* Heading (unless not wanted) and all rows, each column as wide as its widest text. */
void columns_print(FILE *out, const struct columns *columns, struct conn_view *const *rows, size_t count, bool heading);

/* `age`, or any column; a `-` before it turns the order round. Times, counts and queues: largest first. */
bool columns_sort(const char *name, struct conn_view **rows, size_t count);
/* Counts of rows that have the same text in this column, largest first. */
bool columns_group(FILE *out, const char *name, struct conn_view *const *rows, size_t count, bool heading, bool json);

#endif
