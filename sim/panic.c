/* SPDX-License-Identifier: MIT */
/* A CHECK of the core that fails is a failure of the world that runs. */
#include <stdlib.h>

#include "base/check.h"
#include "sim/world.h"

struct world *world_running;

void eleven_panic(const char *condition, const char *file, int line)
{
	if (world_running)
		world_fail(world_running, "CHECK", "%s:%d: %s", file, line, condition);
	abort();
}
