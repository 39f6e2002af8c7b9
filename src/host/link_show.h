/* SPDX-License-Identifier: MIT */
/* What `eleven link show` and `step` print. */
#ifndef ELEVEN_HOST_LINK_SHOW_H
#define ELEVEN_HOST_LINK_SHOW_H

#include <stddef.h>
#include <stdint.h>

#include "eleven.h"

struct impair;

/* A line per pipe that does or did something, a line per drop rule that waits. */
void link_show(const struct impair *impair, char *to, size_t bytes);
/* One line: addresses, and for TCP the segment in packetdrill's notation. */
void link_show_packet(char *to, size_t bytes, const uint8_t *packet, uint32_t length, enum eleven_link_kind kind);

#endif
