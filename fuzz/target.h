/* SPDX-License-Identifier: MIT */
/*
 * A fuzz target: one function that takes any bytes, and must neither crash nor break an oracle (must.h).  libFuzzer
 * calls it (`make fuzz`), and so does driver.c in the tests, with the corpus and with seeded chance; other fuzzers,
 * as AFL++, can give files to the program that driver.c is in.
 */
#ifndef ELEVEN_FUZZ_TARGET_H
#define ELEVEN_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

#endif
