/* SPDX-License-Identifier: MIT */
/* Resets connections in whatever network namespace they are. */
#ifndef ELEVEN_LENS_KILL_H
#define ELEVEN_LENS_KILL_H

#include "view/view.h"

/* Called after each with what came of it (0 or -errno). */
typedef void kill_fn(void *context, const struct conn_view *conn, int error);
/* SOCK_DESTROY for every one of Linux's rows. 0, or -errno when nothing could be tried. */
int kill_connections(struct conn_view *const *rows, size_t count, kill_fn *fn, void *context);

#endif
