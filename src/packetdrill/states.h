/* SPDX-License-Identifier: MIT */
/* The file named by PD_STATE_FILE: one line per connection, with FreeBSD's spelling of states. */
#ifndef ELEVEN_PACKETDRILL_STATES_H
#define ELEVEN_PACKETDRILL_STATES_H

#include "packetdrill/world.h"

/* Rewrites it if any state is another than at the last call; nothing without PD_STATE_FILE. */
void states_write(struct world *world);
/* The stack is gone, and its connections with it. */
void states_end(void);

#endif
