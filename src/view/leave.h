/* SPDX-License-Identifier: MIT */
/* What has to happen for a connection to leave the state it is in, and whose turn it is. */
#ifndef ELEVEN_VIEW_LEAVE_H
#define ELEVEN_VIEW_LEAVE_H

#include "view/view.h"

#define LEAVE_MAX 320

/* `other` is the same connection's other end when that is ours too, else NULL. Returns out. */
const char *leave_sentence(char out[LEAVE_MAX], const struct conn_view *conn, const struct conn_view *other);

/* `4242/server`, `4242/server and 3 more`, `no program`; `unknown` is the word when it cannot be told. */
#define LEAVE_OWNER_MAX (VIEW_COMM_MAX + 40)
const char *leave_owner(char out[LEAVE_OWNER_MAX], const struct conn_view *conn, const char *unknown);

#endif
