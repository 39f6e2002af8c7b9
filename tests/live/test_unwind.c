/* SPDX-License-Identifier: MIT */
/*
 * Programs whose ELF and DWARF lie: files cut short, headers and sections of any size at any place, mapped by a program
 * that closes a connection out of them.  The watcher gets an answer or none, in time, and goes on.
 */
#include <elf.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/random.h"
#include "live/frames.h"
#include "live/unwind.h"

static unsigned rounds = 120;          /* or as many as the command line says */
static uint8_t *whole;                  /* this program's own file */
static size_t whole_bytes;

static void program_read(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct stat about;
	size_t have = 0;

	assert_true(fd >= 0 && fstat(fd, &about) == 0);
	whole_bytes = (size_t)about.st_size;
	whole = malloc(whole_bytes);
	assert_non_null(whole);
	while (have < whole_bytes) {
		ssize_t n = read(fd, whole + have, whole_bytes - have);

		assert_true(n > 0);
		have += (size_t)n;
	}
	close(fd);
}

static uint64_t wild(struct random *chance)
{
	static const uint64_t values[] = { 0, 1, 0xffff, 0x10000, 0x7fffffff, 0xffffffff, 1ull << 40, 1ull << 62,
					   UINT64_MAX, UINT64_MAX - 63, 64, 4096 };

	return random_below(chance, 3) ? values[random_below(chance, sizeof(values) / sizeof(values[0]))] :
					 random_next(chance);
}

/* Damages the copy somewhere that readers of ELF rely on. Returns how long the file is to be. */
static size_t damage(struct random *chance, uint8_t *bytes, size_t n)
{
	Elf64_Ehdr *head = (Elf64_Ehdr *)(void *)bytes;
	Elf64_Shdr *sections = (Elf64_Shdr *)(void *)(bytes + head->e_shoff);
	Elf64_Phdr *segments = (Elf64_Phdr *)(void *)(bytes + head->e_phoff);
	size_t section_count = head->e_shnum, segment_count = head->e_phnum;

	for (uint64_t i = 1 + random_below(chance, 4); i > 0; i--) {
		Elf64_Shdr *section = &sections[random_below(chance, section_count)];
		Elf64_Phdr *segment = &segments[random_below(chance, segment_count)];
		size_t from = section->sh_offset, size = section->sh_size;

		switch (random_below(chance, 12)) {
		case 0: n = 64 + random_below(chance, n - 64); break;
		case 1: head->e_shnum = (uint16_t)wild(chance); break;
		case 2: head->e_phnum = (uint16_t)wild(chance); break;
		case 3: head->e_shoff = wild(chance); break;
		case 4: head->e_phoff = wild(chance); break;
		case 5: head->e_shstrndx = (uint16_t)wild(chance); break;
		case 6: head->e_shnum = 0; sections[0].sh_size = wild(chance); break;
		case 7: section->sh_size = wild(chance); break;
		case 8: section->sh_offset = wild(chance); break;
		case 9: section->sh_type = (uint32_t)wild(chance); section->sh_link = (uint32_t)wild(chance);
			section->sh_entsize = wild(chance); section->sh_flags ^= wild(chance); break;
		case 10: segment->p_filesz = wild(chance); segment->p_offset = wild(chance);
			segment->p_vaddr = wild(chance); break;
		default:        /* what is in the section: CFI, symbols, names, debug information */
			for (uint64_t k = 1 + random_below(chance, 200); k > 0 && from < whole_bytes && size > 0; k--) {
				size_t at = from + random_below(chance, size);

				if (at < whole_bytes)
					bytes[at] = (uint8_t)wild(chance);
			}
			break;
		}
	}
	return n;
}

/* Return addresses all over the mapping, so that the unwinder has to look into the file again and again. */
static void stack_make(struct live_stack *stack, struct random *chance, uint64_t code, size_t bytes)
{
	memset(stack, 0, sizeof(*stack));
	stack->pid = (uint32_t)getpid();
	stack->tid = (uint32_t)syscall(SYS_gettid);
	stack->bytes = LIVE_STACK_BYTES;
	for (unsigned i = 0; i < LIVE_STACK_REGISTERS; i++)
		stack->registers[i] = (uint64_t)(uintptr_t)stack->copy + random_below(chance, LIVE_STACK_BYTES);
	for (unsigned i = 0; i + 8 <= LIVE_STACK_BYTES; i += 8) {
		uint64_t value = random_below(chance, 2) ? code + random_below(chance, bytes) :
				 (uint64_t)(uintptr_t)stack->copy + random_below(chance, LIVE_STACK_BYTES);

		memcpy(stack->copy + i, &value, sizeof(value));
	}
	stack->registers[16] = code + random_below(chance, bytes);
}

/* This program as it is, asked about a function of its own. */
static bool honest_unwound(struct unwinder *unwinder)
{
	struct random chance;
	struct live_stack *stack = malloc(sizeof(*stack));
	struct live_frames *frames;
	bool good;

	assert_non_null(stack);
	random_seed(&chance, 1);
	stack_make(stack, &chance, (uint64_t)(uintptr_t)&honest_unwound, 1);
	frames = unwinder_run(unwinder, stack);
	good = frames != NULL && frames->count > 0 && strstr(frames->text[0], "honest_unwound") != NULL;
	free(frames);
	free(stack);
	return good;
}

static void hostile_run(struct unwinder *unwinder, uint64_t seed, unsigned *answered)
{
	char path[] = "/tmp/eleven-elf-XXXXXX";
	struct random chance;
	struct live_stack *stack = malloc(sizeof(*stack));
	uint8_t *bytes = malloc(whole_bytes);
	int fd = mkstemp(path);
	struct live_frames *frames;
	size_t n;
	void *map;

	assert_true(stack != NULL && bytes != NULL && fd >= 0);
	random_seed(&chance, seed);
	memcpy(bytes, whole, whole_bytes);
	n = damage(&chance, bytes, whole_bytes);
	assert_int_equal(write(fd, bytes, n), n);
	map = mmap(NULL, whole_bytes, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	if (map != MAP_FAILED) {        /* a file system may forbid it */
		stack_make(stack, &chance, (uint64_t)(uintptr_t)map, whole_bytes);
		frames = unwinder_run(unwinder, stack);
		*answered += frames != NULL;
		for (unsigned i = 0; frames != NULL && i < frames->count; i++) {
			for (const char *c = frames->text[i]; *c != '\0'; c++)
				assert_true((unsigned char)*c >= ' ' && *c != 0x7f);
		}
		free(frames);
		munmap(map, whole_bytes);
	}
	close(fd);
	unlink(path);
	free(bytes);
	free(stack);
}

static void test_hostile_files(void **state)
{
	struct unwinder *unwinder;
	unsigned answered = 0;
	char problem[200];

	(void)state;
	if (frames_missing() != NULL) {
		print_message("not run: %s\n", frames_missing());
		skip();
	}
	program_read();
	assert_int_equal(unwinder_open(&unwinder, problem, sizeof(problem)), 0);
	assert_true(honest_unwound(unwinder));
	for (unsigned i = 0; i < rounds; i++)
		hostile_run(unwinder, i + 1, &answered);
	print_message("%u of %u hostile files gave frames\n", answered, rounds);
	assert_true(honest_unwound(unwinder));
	unwinder_close(unwinder);
	free(whole);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_hostile_files) };

	if (argc > 1)
		rounds = (unsigned)strtoul(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
