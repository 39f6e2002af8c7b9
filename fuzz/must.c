/* SPDX-License-Identifier: MIT */
/* A failed CHECK of the core and a failed oracle end the same way: told, and then abort(), which fuzzers see. */
#include "fuzz/must.h"

#include <stdio.h>
#include <stdlib.h>

const char *must_note;

void eleven_panic(const char *condition, const char *file, int line)
{
	dprintf(2, "%s:%d: %s does not hold%s%s\n", file, line, condition, must_note ? ", " : "",
		must_note ? must_note : "");
	abort();
}
