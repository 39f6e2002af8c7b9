/* SPDX-License-Identifier: MIT */
/* Time is a uint64_t count of nanoseconds that the caller gives; its origin is the caller's. */
#ifndef ELEVEN_BASE_TIME_H
#define ELEVEN_BASE_TIME_H

#include <stdint.h>

#define US(n)   ((uint64_t)(n) * 1000u)
#define MS(n)   ((uint64_t)(n) * 1000000u)
#define SEC(n)  ((uint64_t)(n) * 1000000000u)

#define TIME_NEVER UINT64_MAX   /* a deadline that is not set */

#endif
