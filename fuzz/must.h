/* SPDX-License-Identifier: MIT */
/* What a generator's oracles say: MUST(condition), or the process ends with its place and what was going on. */
#ifndef ELEVEN_FUZZ_MUST_H
#define ELEVEN_FUZZ_MUST_H

#include <stdint.h>

#include "base/check.h"

/* Said with a failure: the seed, the file; NULL: nothing. */
extern const char *must_note;

#define MUST(condition) CHECK(condition)

#endif
