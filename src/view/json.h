/* SPDX-License-Identifier: MIT */
/*
 * JSON Lines of what is seen, one object a line, version 1.  What is not known is absent, never 0.
 */
#ifndef ELEVEN_VIEW_JSON_H
#define ELEVEN_VIEW_JSON_H

#include <stdio.h>

#include <jansson.h>

#include "view/event.h"
#include "view/netstat.h"
#include "view/view.h"

/* A connection; the caller's to decref. */
json_t *json_conn(const struct conn_view *conn);
/* A record of the trace. */
json_t *json_event(const struct view_event *event);
/* Figures of one stack. */
json_t *json_figures(const struct netstat_figures *figures);

/* Prints it as one line and lets it go. */
void json_line(FILE *out, json_t *object);

#endif
