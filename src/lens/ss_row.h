/* SPDX-License-Identifier: MIT */
/* The last column of ss: owners, timer, identity, memory and tcp_info.  Inside of ss_table.h. */
#ifndef ELEVEN_LENS_SS_ROW_H
#define ELEVEN_LENS_SS_ROW_H

#include "lens/ss_table.h"

/* The caller's to free. */
char *ss_row_details(const struct ss_options *options, const struct conn_view *conn);

#endif
