/* SPDX-License-Identifier: MIT */
/* The tracefs backend: not there yet. */
#include <errno.h>
#include <stdio.h>

#include "live/backend.h"

static int trace_open(void **state, const struct backend_options *options, char problem[BACKEND_PROBLEM_MAX])
{
	(void)state, (void)options;
	snprintf(problem, BACKEND_PROBLEM_MAX, "not built in");
	return -ENOSYS;
}

const struct backend backend_tracefs = { "trace", trace_open, NULL, NULL, NULL, NULL };
