/* SPDX-License-Identifier: MIT */
/*
 * Unwinding by libdw; see frames.h.
 *
 * Which files a program has mapped is read from /proc/PID/maps; the files themselves through /proc/PID/root, so that
 * those of a container are found.  What was read is kept for the few programs seen last, as long as their maps are the
 * same: then a program that has just ended is still known.
 */
#include "live/frames.h"

#include <stdlib.h>

#ifdef WITH_LIBDW

#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "view/text.h"

#define PROGRAMS_KEPT 8
#define MAPS_BYTES (1 << 20)    /* of /proc/PID/maps that are compared */

struct program {
	pid_t pid;                      /* 0: free */
	uint64_t used;
	uint64_t maps;                  /* a hash of them */
	Dwfl *dwfl;
	bool attached;
};

struct frames_reader {
	struct program programs[PROGRAMS_KEPT];
	uint64_t clock;
	const struct live_stack *stack; /* under work */
	struct live_frames *frames;
	char maps[MAPS_BYTES];
};

const char *frames_missing(void)
{
#if defined(__x86_64__)
	return NULL;
#else
	return "stacks are read on x86-64 only";
#endif
}

struct frames_reader *frames_open(void)
{
	return calloc(1, sizeof(struct frames_reader));
}

static void program_free(struct program *program)
{
	if (program->dwfl != NULL)
		dwfl_end(program->dwfl);
	memset(program, 0, sizeof(*program));
}

void frames_close(struct frames_reader *reader)
{
	for (unsigned i = 0; i < PROGRAMS_KEPT; i++)
		program_free(&reader->programs[i]);
	free(reader);
}

/* ---------------------------------------------------------------- files */

/* The file as the program sees it; a thing that is no plain file is not opened. */
static int find_elf(Dwfl_Module *module, void **user, const char *name, Dwarf_Addr base, char **file_name, Elf **elf)
{
	char path[4200];
	struct stat about;
	int fd, pid = 0;
	const struct program *program;

	dwfl_module_info(module, &user, NULL, NULL, NULL, NULL, NULL, NULL);
	program = user != NULL ? *user : NULL;
	pid = program != NULL ? (int)program->pid : 0;
	if (name[0] == '/' && pid != 0) {
		snprintf(path, sizeof(path), "/proc/%d/root%s", pid, name);
		if (stat(path, &about) == 0 && !S_ISREG(about.st_mode))
			return -1;
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd >= 0) {
			*file_name = strdup(path);
			return fd;
		}
	}
	return dwfl_linux_proc_find_elf(module, user, name, base, file_name, elf);
}

static const Dwfl_Callbacks file_callbacks = {
	.find_elf = find_elf,
	.find_debuginfo = dwfl_standard_find_debuginfo,
};

static uint64_t maps_hash(struct frames_reader *reader, pid_t pid)
{
	uint64_t hash = 0xcbf29ce484222325u;
	char path[40];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	n = fread(reader->maps, 1, sizeof(reader->maps), file);
	fclose(file);
	for (size_t i = 0; i < n; i++)
		hash = (hash ^ (unsigned char)reader->maps[i]) * 0x100000001b3u;
	return hash;
}

static int module_mark(Dwfl_Module *module, void **user, const char *name, Dwarf_Addr base, void *program)
{
	(void)module, (void)name, (void)base;
	*user = program;
	return DWARF_CB_OK;
}

static bool program_load(struct program *program)
{
	program->dwfl = dwfl_begin(&file_callbacks);
	if (program->dwfl == NULL)
		return false;
	dwfl_report_begin(program->dwfl);
	if (dwfl_linux_proc_report(program->dwfl, program->pid) != 0)
		return false;
	if (dwfl_report_end(program->dwfl, NULL, NULL) != 0)
		return false;
	dwfl_getmodules(program->dwfl, module_mark, program, 0);
	return true;
}

static struct program *program_get(struct frames_reader *reader, pid_t pid)
{
	uint64_t maps = maps_hash(reader, pid);
	struct program *program = &reader->programs[0];

	for (unsigned i = 0; i < PROGRAMS_KEPT; i++) {
		if (reader->programs[i].pid == pid) {
			program = &reader->programs[i];
			break;
		}
		if (reader->programs[i].used < program->used)
			program = &reader->programs[i];
	}
	if (program->pid == pid && (maps == 0 || maps == program->maps)) {
		program->used = ++reader->clock;
		return program;
	}
	program_free(program);
	if (maps == 0)
		return NULL;
	program->pid = pid;
	program->used = ++reader->clock;
	program->maps = maps;
	if (!program_load(program)) {
		program_free(program);
		return NULL;
	}
	return program;
}

/* ---------------------------------------------------------------- the copy as a thread */

static pid_t next_thread(Dwfl *dwfl, void *context, void **thread)
{
	struct frames_reader *reader = context;

	(void)dwfl;
	if (*thread != NULL)
		return 0;
	*thread = reader;
	return (pid_t)reader->stack->tid;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *context, void **thread)
{
	(void)dwfl, (void)tid;
	*thread = context;
	return true;
}

static bool memory_read(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *result, void *context)
{
	const struct live_stack *stack = ((struct frames_reader *)context)->stack;
	uint64_t start = stack->registers[7], bytes = stack->bytes < LIVE_STACK_BYTES ? stack->bytes : LIVE_STACK_BYTES;

	(void)dwfl;
	if (address < start || bytes < sizeof(uint64_t) || address - start > bytes - sizeof(uint64_t))
		return false;
	memcpy(result, stack->copy + (address - start), sizeof(uint64_t));
	return true;
}

static bool registers_set(Dwfl_Thread *thread, void *context)
{
	const struct live_stack *stack = ((struct frames_reader *)context)->stack;
	Dwarf_Word registers[LIVE_STACK_REGISTERS];

	for (unsigned i = 0; i < LIVE_STACK_REGISTERS; i++)
		registers[i] = stack->registers[i];
	return dwfl_thread_state_registers(thread, 0, LIVE_STACK_REGISTERS, registers);
}

static const Dwfl_Thread_Callbacks thread_callbacks = {
	.next_thread = next_thread,
	.get_thread = get_thread,
	.memory_read = memory_read,
	.set_initial_registers = registers_set,
};

/* ---------------------------------------------------------------- frames */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static void frame_text(char out[LIVE_FRAME_TEXT], Dwfl *dwfl, Dwarf_Addr pc, bool exact)
{
	Dwarf_Addr at = exact ? pc : pc - 1;
	Dwfl_Module *module = dwfl_addrmodule(dwfl, at);
	const char *file = NULL, *symbol = NULL, *source = NULL;
	char symbol_text[96], file_text[64], source_text[64] = "", where[96] = "";
	GElf_Off offset = 0;
	Dwarf_Addr start = 0;
	GElf_Sym sym;
	Dwfl_Line *line = NULL;
	int number = 0;

	if (module != NULL) {
		file = dwfl_module_info(module, NULL, &start, NULL, NULL, NULL, NULL, NULL);
		symbol = dwfl_module_addrinfo(module, at, &offset, &sym, NULL, NULL, NULL);
		line = dwfl_module_getsrc(module, at);
	}
	if (line != NULL)
		source = dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL);
	text_escape(file_text, sizeof(file_text), file ? base_name(file) : "?", 60);
	if (source != NULL) {
		text_escape(source_text, sizeof(source_text), base_name(source), 60);
		snprintf(where, sizeof(where), " at %s:%d", source_text, number);
	}
	if (symbol != NULL) {
		text_escape(symbol_text, sizeof(symbol_text), symbol, 90);
		snprintf(out, LIVE_FRAME_TEXT, "%s+0x%llx%s (%s)", symbol_text,
			 (unsigned long long)(offset + (pc - at)), where, file_text);
	} else {
		snprintf(out, LIVE_FRAME_TEXT, "%s+0x%llx%s", file_text, (unsigned long long)(pc - start), where);
	}
}

static int on_frame(Dwfl_Frame *frame, void *context)
{
	struct frames_reader *reader = context;
	struct live_frames *frames = reader->frames;
	Dwarf_Addr pc;
	bool exact;

	if (!dwfl_frame_pc(frame, &pc, &exact) || pc == 0 || frames->count == LIVE_FRAMES_MAX)
		return DWARF_CB_ABORT;
	frame_text(frames->text[frames->count++], dwfl_thread_dwfl(dwfl_frame_thread(frame)), pc, exact);
	return DWARF_CB_OK;
}

void frames_read(struct frames_reader *reader, const struct live_stack *stack, struct live_frames *frames)
{
	struct program *program = program_get(reader, (pid_t)stack->pid);

	reader->stack = stack;
	reader->frames = frames;
	if (program == NULL) {          /* it ended before its files were known */
		if (stack->registers[16] != 0) {
			snprintf(frames->text[0], LIVE_FRAME_TEXT, "0x%llx (the program has ended)",
				 (unsigned long long)stack->registers[16]);
			frames->count = 1;
		}
		return;
	}
	if (!program->attached) {
		if (!dwfl_attach_state(program->dwfl, NULL, program->pid, &thread_callbacks, reader))
			return;
		program->attached = true;
	}
	dwfl_getthread_frames(program->dwfl, (pid_t)stack->tid, on_frame, reader);
}

#else

const char *frames_missing(void)
{
	return "this eleven was built without libdw";
}

struct frames_reader *frames_open(void)
{
	return NULL;
}

void frames_close(struct frames_reader *reader)
{
	(void)reader;
}

void frames_read(struct frames_reader *reader, const struct live_stack *stack, struct live_frames *frames)
{
	(void)reader, (void)stack, (void)frames;
}

#endif
