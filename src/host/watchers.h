/* SPDX-License-Identifier: MIT */
/*
 * Those who watch while it happens: TRACE and CAPTURE.
 *
 * A trace is read from the stack's own ring, at each client's pace; what the ring has overwritten
 * meanwhile is counted as lost.  A capture copies packets into the client's queue while that has
 * room, and counts the others as lost.  Neither can hold up the stacks.
 */
#ifndef ELEVEN_HOST_WATCHERS_H
#define ELEVEN_HOST_WATCHERS_H

#include "host/control.h"

struct watchers;

/* NULL: no memory, or a type is taken. */
struct watchers *watchers_create(struct control *control);
/* After control_destroy(). */
void watchers_destroy(struct watchers *watchers);

#endif
