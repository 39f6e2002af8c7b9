/* SPDX-License-Identifier: MIT */
/* Whether the program ends, with one line, when memory is refused; see memory.c. */
#ifndef ELEVEN_TOOLS_MEMORY_H
#define ELEVEN_TOOLS_MEMORY_H

#include <stdbool.h>

void memory_ends_program(bool does);

#endif
