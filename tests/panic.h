/* SPDX-License-Identifier: MIT */
/*
 * For tests of what CHECK refuses: expect_assert_failure(call) passes when a CHECK in `call` fails.
 * A CHECK that fails outside of it fails the test.  Include after <cmocka.h>, once per program.
 */
#ifndef ELEVEN_TESTS_PANIC_H
#define ELEVEN_TESTS_PANIC_H

#include <stdlib.h>

#include "base/check.h"

_Noreturn void eleven_panic(const char *condition, const char *file, int line)
{
	mock_assert(0, condition, file, line);
	abort();
}

#endif
