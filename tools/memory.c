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

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "verbs.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t each);
void *__real_realloc(void *old, size_t n);
FILE *__real_fopen64(const char *path, const char *mode);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t each);
void *__wrap_realloc(void *old, size_t n);
FILE *__wrap_fopen64(const char *path, const char *mode);

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

/* A file that is not there may be passed over; one that there is no memory for would be taken for that.  (Large files:
   this is what fopen() is called here.) */
FILE *__wrap_fopen64(const char *path, const char *mode)
{
	FILE *file = __real_fopen64(path, mode);

	if (!file && errno == ENOMEM && ends)
		verb_fail("out of memory");
	return file;
}

void memory_ends_program(bool does)
{
	ends = does;
	if (does)
		json_set_alloc_funcs(__wrap_malloc, free);
}
