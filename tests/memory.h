/* SPDX-License-Identifier: MIT */
/*
 * The block of a stack under test: zeros, aligned to 64, of which the system provides only the pages that are touched.
 * Clearing all of it took most of the time of a test.
 */
#ifndef TEST_MEMORY_H
#define TEST_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

static inline void *memory_take(size_t bytes)
{
	char *raw = calloc(1, bytes + 128);
	uintptr_t at = ((uintptr_t)raw + 127) & ~(uintptr_t)63;

	if (raw == NULL)
		abort();
	((void **)at)[-1] = raw;
	return (void *)at;
}

static inline void memory_return(void *memory)
{
	if (memory)
		free(((void **)memory)[-1]);
}

#endif
