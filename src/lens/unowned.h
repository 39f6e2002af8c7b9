/* SPDX-License-Identifier: MIT */
/* Why a socket of Linux has no program: said of every row that has none. */
#ifndef ELEVEN_LENS_UNOWNED_H
#define ELEVEN_LENS_UNOWNED_H

#include "view/view.h"

/*
 * For each row of Linux's without owners: its sub-states of ownership, and `unowned` ("orphan", "time-wait", "accept
 * queue of 3969/server", "request of …", "uid 33, no permission", …). `refused`: some programs could not be looked
 * into. `searched`: owners were looked for at all, else only the sub-states are told.
 */
void unowned_tell(struct view *view, bool searched, bool refused);

/* The listener of this view that made the row, or NULL: by port, the nearest address, and the namespace. */
struct listeners {
	const struct conn_view **list;
	size_t count;
};
void listeners_collect(struct listeners *listeners, const struct view *view);
const struct conn_view *listeners_find(const struct listeners *listeners, const struct conn_view *conn);
void listeners_free(struct listeners *listeners);

#endif
