/* SPDX-License-Identifier: MIT */
/* The new records of a joined exchange as lines of text.  Inside of ladder.h. */
#ifndef ELEVEN_VIEW_ROWS_H
#define ELEVEN_VIEW_ROWS_H

#include <stdio.h>

#include "view/exchange.h"
#include "view/ladder.h"

void rows_draw(FILE *out, const struct ladder_options *options, struct exchange *exchange);
/* The heading: names and endpoints; `again` when another exchange was drawn in between. */
void rows_heading(FILE *out, const struct ladder_options *options, struct exchange *exchange, bool again);
/* One line for segments that are still on their way at the end. */
void rows_ending(FILE *out, const struct ladder_options *options, struct exchange *exchange);

#endif
