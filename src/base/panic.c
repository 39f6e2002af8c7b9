/* SPDX-License-Identifier: MIT */
/*
 * The panic hook that CHECK calls.  Weak: a program that links the library may define its own, to say what
 * happened before it dies.  This one says nothing, because the core has no output; it traps, so that the
 * debugger or the core dump stands at the broken condition.
 */
#include "base/check.h"

__attribute__((weak)) _Noreturn void eleven_panic(const char *condition, const char *file, int line)
{
	(void)condition;
	(void)file;
	(void)line;
	__builtin_trap();
}
