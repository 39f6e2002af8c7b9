/* SPDX-License-Identifier: MIT */
/* Congestion marks as routers set them (RFC 3168 §5). */
#ifndef ELEVEN_LINK_MARK_H
#define ELEVEN_LINK_MARK_H

#include <stdbool.h>
#include <stdint.h>

/* Makes the ECN field of an IP packet CE, its header checksum right; false: it is not capable, or no IP. */
bool packet_mark(uint8_t *packet, uint32_t length, uint32_t network_offset);

#endif
