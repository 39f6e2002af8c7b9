/* SPDX-License-Identifier: MIT */
/* The small worlds. */
#include <string.h>

#include "explore/explore.h"

static const struct scenario scenarios[] = {
	{ "open-close", "a opens and closes, b answers and closes", { "cx", "lx" }, 1000, false, 4, 1, 1, 1 },
	{ "simultaneous-open", "both open to each other", { "bcfx", "bcfx" }, 1000, false, 3, 1, 1, 0 },
	{ "simultaneous-close", "both close whenever they like", { "cfx", "lfx" }, 1000, false, 3, 2, 1, 0 },
	{ "half-close", "a sends, closes for sending, receives on", { "csfx", "lsfx" }, 1000, false, 3, 1, 1, 0 },
	{ "lost-last-ack", "as open-close, with more losses", { "cx", "lx" }, 1000, false, 3, 2, 2, 0 },
	{ "reset-races", "one side aborts at any time", { "csa", "lsx" }, 1000, false, 3, 2, 1, 0 },
	{ "window-zero", "b's window is two bytes and its program slow", { "csssx", "lrrrx" }, 2, true, 3, 1, 1, 0 },
	{ "everything-again", "everything may be lost and sent again", { "csx", "lx" }, 1000, false, 3, 2, 2, 0 },
	{ "duplicates", "every packet may come twice", { "csx", "lsx" }, 1000, false, 3, 1, 0, 2 },
};

const struct scenario *scenario_at(unsigned index)
{
	return index < sizeof(scenarios) / sizeof(scenarios[0]) ? &scenarios[index] : NULL;
}

const struct scenario *scenario_find(const char *name)
{
	for (unsigned i = 0; scenario_at(i); i++)
		if (strcmp(scenarios[i].name, name) == 0)
			return &scenarios[i];
	return NULL;
}
