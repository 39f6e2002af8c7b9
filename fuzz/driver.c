/* SPDX-License-Identifier: MIT */
/*
 * Runs a target without a fuzzer: every file given (of folders, every file in them), then so many random inputs from
 * a seed, half of them damaged files of the corpus.  Prints TAP, and how many it ran a second.
 *
 *	PROGRAM [--random N] [--seed S] FILE|FOLDER...
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "fuzz/choice.h"
#include "fuzz/must.h"
#include "fuzz/target.h"

#define FILES_MAX  2000u
#define INPUT_MAX  65536u
#define RANDOM_MAX 700u         /* bytes of a random input */

struct file {
	uint8_t *bytes;
	size_t n;
};

static struct file files[FILES_MAX];
static unsigned file_count;
static char note[300];

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* From the heap and of exactly its size, so that sanitizers see a byte too far. */
static void input_run(const uint8_t *bytes, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	memcpy(copy, bytes, n);
	LLVMFuzzerTestOneInput(copy, n);
	free(copy);
}

static void file_run(const char *path)
{
	static uint8_t bytes[INPUT_MAX];
	FILE *file = fopen(path, "rb");
	size_t n;

	if (!file) {
		perror(path);
		exit(1);
	}
	n = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	snprintf(note, sizeof(note), "%s", path);
	input_run(bytes, n);
	if (file_count < FILES_MAX) {
		files[file_count].bytes = malloc(n ? n : 1);
		memcpy(files[file_count].bytes, bytes, n);
		files[file_count++].n = n;
	}
}

static void path_run(const char *path)
{
	struct dirent **names;
	struct stat status;
	int count;

	if (stat(path, &status) || !S_ISDIR(status.st_mode)) {
		file_run(path);
		return;
	}
	count = scandir(path, &names, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		char name[4096];

		snprintf(name, sizeof(name), "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.')
			file_run(name);
		free(names[i]);
	}
	if (count >= 0)
		free(names);
}

static void random_run(uint64_t seed)
{
	static uint8_t bytes[INPUT_MAX];
	struct random chance;
	size_t n;

	snprintf(note, sizeof(note), "--random 1 --seed %llu, after the corpus", (unsigned long long)seed);
	random_seed(&chance, seed);
	if (file_count > 0 && random_below(&chance, 2)) {
		const struct file *file = &files[random_below(&chance, file_count)];

		n = file->n;
		memcpy(bytes, file->bytes, n);
		for (uint64_t i = n ? 1 + random_below(&chance, 6) : 0; i > 0; i--)
			bytes[random_below(&chance, n)] = (uint8_t)random_next(&chance);
	} else {
		n = random_below(&chance, 1 + random_below(&chance, RANDOM_MAX));
		for (size_t i = 0; i < n; i++)
			bytes[i] = (uint8_t)random_next(&chance);
	}
	input_run(bytes, n);
}

int main(int argc, char **argv)
{
	uint64_t random = 0, seed = 1, started;
	unsigned corpus;
	int first = 1;

	while (first + 1 < argc && strncmp(argv[first], "--", 2) == 0) {
		if (strcmp(argv[first], "--random") == 0)
			random = strtoull(argv[first + 1], NULL, 0);
		else if (strcmp(argv[first], "--seed") == 0)
			seed = strtoull(argv[first + 1], NULL, 0);
		else
			return fprintf(stderr, "%s: no such option: %s\n", argv[0], argv[first]), 2;
		first += 2;
	}
	must_note = note;
	printf("1..2\n");
	fflush(stdout);
	for (int i = first; i < argc; i++)
		path_run(argv[i]);
	corpus = file_count;
	printf("ok 1 - %u files of the corpus\n", corpus);
	fflush(stdout);
	started = clock_ns();
	for (uint64_t i = 0; i < random; i++)
		random_run(seed + i);
	printf("ok 2 - %llu random inputs\n", (unsigned long long)random);
	if (random > 0)
		printf("# %.0f a second\n", (double)random * 1e9 / (double)(clock_ns() - started + 1));
	return 0;
}
