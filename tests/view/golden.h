/* SPDX-License-Identifier: MIT */
/*
 * Compares what was printed with tests/view/golden/NAME.  With GOLDEN_UPDATE in the environment it writes the file
 * instead: then the difference is reviewed like code.
 */
#ifndef TESTS_VIEW_GOLDEN_H
#define TESTS_VIEW_GOLDEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static inline void golden_check(const char *name, const char *printed)
{
	static char expected[1 << 18];
	const char *source = getenv("SOURCE");
	char path[512];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/tests/view/golden/%s", source != NULL ? source : ".", name);
	file = fopen(path, getenv("GOLDEN_UPDATE") != NULL ? "w" : "r");
	if (file == NULL)
		fail_msg("%s cannot be opened; tests run with SOURCE in their environment", path);
	if (getenv("GOLDEN_UPDATE") != NULL) {
		fputs(printed, file);
		fclose(file);
		return;
	}
	n = fread(expected, 1, sizeof(expected) - 1, file);
	fclose(file);
	expected[n] = '\0';
	if (strcmp(expected, printed) != 0)
		fail_msg("not as %s has it:\n%s", path, printed);
}

/* What `out` printed: open_memstream with a buffer that the next call reuses. */
struct printed {
	char *text;
	size_t n;
	FILE *out;
};

static inline FILE *printed_open(struct printed *printed)
{
	printed->out = open_memstream(&printed->text, &printed->n);
	assert_non_null(printed->out);
	return printed->out;
}

static inline void printed_check(struct printed *printed, const char *name)
{
	fclose(printed->out);
	golden_check(name, printed->text);
	free(printed->text);
}

#endif
