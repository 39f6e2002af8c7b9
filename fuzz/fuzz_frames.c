/* SPDX-License-Identifier: MIT */
/* A stack that holds anything, with registers that hold anything, of a program that is there: this one. */
#include <string.h>
#include <unistd.h>

#include "fuzz/choice.h"
#include "fuzz/must.h"
#include "fuzz/target.h"
#include "live/frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static struct frames_reader *reader;
	static struct live_stack stack;
	static struct live_frames frames;
	struct choice c = choice_bytes(bytes, n);
	uint64_t code = (uint64_t)(uintptr_t)&LLVMFuzzerTestOneInput;

	if (frames_missing() != NULL)
		return 0;
	if (reader == NULL)
		reader = frames_open();
	memset(&stack, 0, sizeof(stack));
	memset(&frames, 0, sizeof(frames));
	stack.pid = stack.tid = (uint32_t)getpid();
	for (unsigned i = 0; i < LIVE_STACK_REGISTERS; i++)
		stack.registers[i] = choice_number(&c, 8);
	stack.bytes = choice_below(&c, 3) ? LIVE_STACK_BYTES : (uint32_t)choice_number(&c, 4);
	/* Return addresses within real code, so that it goes on for a while. */
	for (unsigned i = 0; i + 8 <= LIVE_STACK_BYTES && !choice_over(&c); i += 8) {
		uint64_t value = choice_below(&c, 2) ? code + choice_below(&c, 65536) - 32768 :
						       stack.registers[7] + choice_below(&c, LIVE_STACK_BYTES);

		memcpy(stack.copy + i, &value, sizeof(value));
	}
	stack.registers[16] = code + choice_below(&c, 4096);
	frames_read(reader, &stack, &frames);
	MUST(frames.count <= LIVE_FRAMES_MAX);
	for (unsigned i = 0; i < frames.count; i++)
		MUST(memchr(frames.text[i], 0, LIVE_FRAME_TEXT) != NULL);
	return 0;
}
