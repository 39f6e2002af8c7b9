/* SPDX-License-Identifier: MIT */
/*
 * The state diagram of the RFC (Figure 5) with the number of connections now in each state, and the lines below it:
 * for each connection its state, since when, what brought it there, and what has to happen for it to leave.
 */
#ifndef ELEVEN_VIEW_DIAGRAM_H
#define ELEVEN_VIEW_DIAGRAM_H

#include <stdbool.h>
#include <stdio.h>

#include "view/view.h"

struct diagram_options {
	bool ascii;                     /* no UTF-8 */
	bool bold;                      /* a terminal: the numbers stand out */
};

void diagram_print(FILE *out, const struct diagram_options *options, const struct view *view);
void diagram_conn(FILE *out, const struct diagram_options *options, const struct view *view,
		  const struct conn_view *conn);

#endif
