/* SPDX-License-Identifier: MIT */
/*
 * TCP_INFO: the stack's STATUS in the shape that programs know from Linux, the newest one.  Fields for which the
 * stack has no figure stay 0, as they do on kernels that lack them.
 */
#ifndef ELEVEN_SOCK_INFO_H
#define ELEVEN_SOCK_INFO_H

#include "eleven.h"

#define INFO_BYTES 280u         /* sizeof(struct tcp_info) of Linux 6.18; Debian 12's header has the first 232 */

/* status NULL: a socket without a connection.  `mtu` is the path's. */
void info_fill(uint8_t data[INFO_BYTES], const struct eleven_status *status, uint64_t now, uint32_t mtu);

#endif
