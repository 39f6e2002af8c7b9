/* SPDX-License-Identifier: MIT */
/* The configuration table and the making of a stack from it. */
#include <errno.h>

#include "stack/wire.h"

#define BYTES_MAX (64u << 20)

static uint64_t *value_at(struct eleven_config *config, const struct eleven_config_row *row)
{
	return (uint64_t *)(void *)((uint8_t *)config + row->offset);
}

static void test_defaults_are_in_bounds(void **state)
{
	(void)state;
	for (int profile = 0; profile < ELEVEN_PROFILES; profile++) {
		struct eleven_config config;

		eleven_config_init(&config, (enum eleven_profile)profile);
		assert_int_equal(config.profile, profile);
		assert_true(eleven_size(&config) > 0);
		for (unsigned i = 0; eleven_config_row(i); i++)
			assert_int_equal(*value_at(&config, eleven_config_row(i)),
					 eleven_config_row(i)->value[profile]);
	}
}

static void test_every_row_is_bounded(void **state)
{
	unsigned rows = 0;

	(void)state;
	for (const struct eleven_config_row *row; (row = eleven_config_row(rows)); rows++) {
		struct eleven_config config;

		eleven_config_init(&config, ELEVEN_MODERN);
		if (row->least > 0) {
			assert_int_equal(eleven_config_set(&config, row->name, row->least - 1), -ERANGE);
			*value_at(&config, row) = row->least - 1;
			assert_int_equal(eleven_size(&config), 0);
		}
		assert_int_equal(eleven_config_set(&config, row->name, row->most + 1), -ERANGE);
		*value_at(&config, row) = row->most + 1;
		assert_int_equal(eleven_size(&config), 0);
		assert_int_equal(eleven_config_set(&config, row->name, row->least), 0);
		assert_int_equal(*value_at(&config, row), row->least);
	}
	assert_true(rows > 40);
	assert_null(eleven_config_row(rows));
}

static void test_unknown_name(void **state)
{
	struct eleven_config config;

	(void)state;
	eleven_config_init(&config, ELEVEN_MODERN);
	assert_int_equal(eleven_config_set(&config, "msls", 1), -ENOENT);
	assert_int_equal(eleven_config_set(&config, "ms", 1), -ENOENT);
	assert_int_equal(eleven_config_set(&config, "", 1), -ENOENT);
	assert_int_equal(eleven_config_set(&config, "msl", SEC(1)), 0);
	assert_int_equal(config.msl, SEC(1));
}

static void test_ranges_upside_down(void **state)
{
	struct eleven_config config;

	(void)state;
	eleven_config_init(&config, ELEVEN_MODERN);
	config.port_first = config.port_last + 1;
	assert_int_equal(eleven_size(&config), 0);
	eleven_config_init(&config, ELEVEN_MODERN);
	config.rto_least = config.rto_most + 1;
	assert_int_equal(eleven_size(&config), 0);
}

/* A stack of the least of everything still comes about, and of any one row at its least. */
static void test_smallest_stacks(void **state)
{
	uint8_t *memory = aligned_alloc(64, BYTES_MAX);

	(void)state;
	assert_non_null(memory);
	for (unsigned i = 0; eleven_config_row(i); i++) {
		const struct eleven_config_row *row = eleven_config_row(i);
		struct eleven_config config;
		struct eleven *stack;
		size_t bytes;

		eleven_config_init(&config, ELEVEN_MODERN);
		config.seed = 1;
		config.buffer_bytes = 1 << 20;
		*value_at(&config, row) = row->least;
		if (!strcmp(row->name, "port_last"))
			config.port_first = row->least;
		if (!strcmp(row->name, "rto_most"))
			config.rto_least = row->least;
		bytes = eleven_size(&config);
		assert_true(bytes > 0);
		assert_true(bytes <= BYTES_MAX);
		memset(memory, 0, bytes);
		assert_int_equal(eleven_create(&stack, memory, bytes, &config, 1), 0);
	}
	free(memory);
}

static void test_V33_create_refuses(void **state)
{
	struct eleven_config config;
	struct eleven *stack;
	uint8_t *memory;
	size_t bytes;

	(void)state;
	eleven_config_init(&config, ELEVEN_MODERN);
	config.seed = 1;
	config.connections_max = 16;
	config.buffer_bytes = 1 << 20;
	bytes = eleven_size(&config);
	memory = aligned_alloc(64, (bytes + 127) & ~(size_t)63);
	assert_non_null(memory);
	memset(memory, 0, (bytes + 127) & ~(size_t)63);
	assert_int_equal(eleven_create(&stack, NULL, bytes, &config, 1), -EINVAL);
	assert_int_equal(eleven_create(&stack, memory + 8, bytes, &config, 1), -EINVAL);
	assert_int_equal(eleven_create(&stack, memory, bytes - 1, &config, 1), -EINVAL);
	assert_int_equal(eleven_create(&stack, memory, bytes, &config, 0), -EINVAL);
	assert_null(stack);
	config.seed = 0;                        /* V33: nothing to make secrets of */
	assert_int_equal(eleven_create(&stack, memory, bytes, &config, 1), -EINVAL);
	config.secret[1] = 1;
	config.msl = 0;
	assert_int_equal(eleven_create(&stack, memory, bytes, &config, 1), -EINVAL);
	free(memory);
}

/* The host reserves the block with mmap: what is not used must not be touched. */
static void test_memory_is_touched_lazily(void **state)
{
	struct eleven_config config;
	struct eleven *stack;
	size_t bytes, touched = 0;
	uint8_t *block, *memory;

	(void)state;
	eleven_config_init(&config, ELEVEN_MODERN);
	config.seed = 1;
	bytes = eleven_size(&config);
	block = calloc(1, bytes + 63);
	assert_non_null(block);
	memory = block + (-(uintptr_t)block & 63);
	assert_int_equal(eleven_create(&stack, memory, bytes, &config, 1), 0);
	for (size_t page = 0; page < bytes; page += 4096)
		for (size_t i = page; i < page + 4096 && i < bytes; i++)
			if (memory[i]) {
				touched++;
				break;
			}
	assert_true(touched < 64);
	free(block);
}

/* A stack that runs takes other values, but no other sizes. */
static void test_reconfigure(void **state)
{
	struct eleven_config config;
	uint8_t *block, *memory;
	struct eleven *stack;
	eleven_handle handle;
	size_t bytes;

	(void)state;
	eleven_config_init(&config, ELEVEN_MODERN);
	config.connections_max = 2;
	config.seed = 1;
	bytes = eleven_size(&config);
	block = calloc(1, bytes + 63);
	assert_non_null(block);
	memory = block + (-(uintptr_t)block & 63);
	assert_int_equal(eleven_create(&stack, memory, bytes, &config, 1), 0);
	config.fast_open = 0;
	config.connections_max = 1000;
	assert_int_equal(eleven_reconfigure(stack, &config), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(eleven_open(stack, &handle, 1), 0);
	assert_int_not_equal(eleven_open(stack, &handle, 1), 0);
	config.rto_least = config.rto_most + 1;
	assert_int_equal(eleven_reconfigure(stack, &config), -EINVAL);
	free(block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults_are_in_bounds),
		cmocka_unit_test(test_every_row_is_bounded),
		cmocka_unit_test(test_unknown_name),
		cmocka_unit_test(test_ranges_upside_down),
		cmocka_unit_test(test_smallest_stacks),
		cmocka_unit_test(test_V33_create_refuses),
		cmocka_unit_test(test_memory_is_touched_lazily),
		cmocka_unit_test(test_reconfigure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
