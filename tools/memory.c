/* SPDX-License-Identifier: MIT */
/*
 * What the program does when memory is refused.  A host goes on: whoever asked gets ENOMEM, and others never notice.
 * Every other verb ends with one line and status 1, wherever it was, for it has nothing that half of it would be good
 * for; so code that only tools use (src/view) need not carry the error up from each allocation.
 *
 * The linker (--wrap) puts these between our own code and the C library, jansson is told of them, and other libraries
 * keep their own ways.
 */
#include "memory.h"

#include <stdlib.h>

#include <jansson.h>

#include "verbs.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t each);
void *__real_realloc(void *old, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t each);
void *__wrap_realloc(void *old, size_t n);

static bool ends;

static void *memory_got(void *memory, size_t n)
{
	if (!memory && n > 0 && ends)
		verb_fail("out of memory");
	return memory;
}

void *__wrap_malloc(size_t n)
{
	return memory_got(__real_malloc(n), n);
}

void *__wrap_calloc(size_t n, size_t each)
{
	return memory_got(__real_calloc(n, each), n);
}

void *__wrap_realloc(void *old, size_t n)
{
	return memory_got(__real_realloc(old, n), n);
}

void memory_ends_program(bool does)
{
	ends = does;
	if (does)
		json_set_alloc_funcs(__wrap_malloc, free);
}
