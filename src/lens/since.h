/* SPDX-License-Identifier: MIT */
/* How long a socket has been in its state, as far as it can be told without having watched it. */
#ifndef ELEVEN_LENS_SINCE_H
#define ELEVEN_LENS_SINCE_H

#include "lens/kernel.h"
#include "view/view.h"

/* Sets age_ns, age_bound and age_how from conn->kernel; fin_timeout_ms is net.ipv4.tcp_fin_timeout. */
void since_tell(struct conn_view *conn, uint64_t fin_timeout_ms);

#endif
