/* SPDX-License-Identifier: MIT */
/* One remark on a connection: what a person who reads the table would want to know first. */
#ifndef ELEVEN_LENS_NOTE_H
#define ELEVEN_LENS_NOTE_H

#include <jansson.h>

#include "view/netstat.h"

/* For netstat_options.note; empty when there is nothing to remark. */
void note_write(char out[NETSTAT_NOTE_MAX], const struct conn_view *conn);

/*
 * json_conn(), and of Linux's rows shutdown and congestion; with `whole` also what Linux says in its own words:
 * tcp_info and skmem.
 */
json_t *note_json(const struct conn_view *conn, bool whole);

#endif
