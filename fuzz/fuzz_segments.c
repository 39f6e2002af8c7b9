/* SPDX-License-Identifier: MIT */
/* Stateful sequences of segments, calls and times against one TCP. */
#include "fuzz/segments.h"
#include "fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const struct segments_limits limits = { .events = 150, .buffers_shift = 16 };
	struct choice c = choice_bytes(bytes, n);

	segments_run(&c, &limits);
	return 0;
}
