/* SPDX-License-Identifier: MIT */
/* The path of a control group (version 2) by its number, as ss prints it. */
#ifndef ELEVEN_LENS_CGROUP_H
#define ELEVEN_LENS_CGROUP_H

#include <stdint.h>

#define CGROUP_PATH_MAX 512

/* `/`, `/system.slice/nginx.service`, escaped; `unreachable:1a` when it cannot be found. Returns out. */
const char *cgroup_path(char out[CGROUP_PATH_MAX], uint64_t number);

#endif
