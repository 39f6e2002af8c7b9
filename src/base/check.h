/* SPDX-License-Identifier: MIT */
/*
 * CHECK: the third kind of failure, ours.  Kept on in release builds; a failed one
 * calls the panic hook, which the program that links the library may define itself.
 */
#ifndef ELEVEN_BASE_CHECK_H
#define ELEVEN_BASE_CHECK_H

/* Must not return.  The library's own (weak) one traps; visible, so that another may take its place. */
__attribute__((visibility("default"))) _Noreturn void eleven_panic(const char *condition, const char *file, int line);

#define CHECK(condition) \
	do { \
		if (__builtin_expect(!(condition), 0)) \
			eleven_panic(#condition, __FILE__, __LINE__); \
	} while (0)

#endif
