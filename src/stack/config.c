/* SPDX-License-Identifier: MIT */
/* The configuration table, from include/eleven-config.def.  Bounds are checked here and nowhere else. */
#include <errno.h>
#include <string.h>

#include "stack/config.h"

static const struct eleven_config_row rows[] = {
#define CONFIG(name, unit, least, most, modern, strict, linux, source, sentence) \
	{ #name, #unit, source, sentence, least, most, { modern, strict, linux }, \
	  offsetof(struct eleven_config, name) },
#include "eleven-config.def"
#undef CONFIG
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static uint64_t value_load(const struct eleven_config *config, const struct eleven_config_row *row)
{
	uint64_t value;

	memcpy(&value, (const uint8_t *)config + row->offset, sizeof(value));
	return value;
}

static void value_store(struct eleven_config *config, const struct eleven_config_row *row, uint64_t value)
{
	memcpy((uint8_t *)config + row->offset, &value, sizeof(value));
}

static bool name_eq(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	return *a == *b;
}

void eleven_config_init(struct eleven_config *config, enum eleven_profile profile)
{
	if ((unsigned)profile >= ELEVEN_PROFILES)
		profile = ELEVEN_MODERN;
	memset(config, 0, sizeof(*config));
	config->profile = profile;
	for (size_t i = 0; i < ROWS; i++)
		value_store(config, &rows[i], rows[i].value[profile]);
}

const struct eleven_config_row *eleven_config_row(unsigned index)
{
	return index < ROWS ? &rows[index] : NULL;
}

int eleven_config_set(struct eleven_config *config, const char *name, uint64_t value)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (!name_eq(rows[i].name, name))
			continue;
		if (value < rows[i].least || value > rows[i].most)
			return -ERANGE;
		value_store(config, &rows[i], value);
		return 0;
	}
	return -ENOENT;
}

bool config_valid(const struct eleven_config *config)
{
	for (size_t i = 0; i < ROWS; i++) {
		uint64_t value = value_load(config, &rows[i]);

		if (value < rows[i].least || value > rows[i].most)
			return false;
	}
	return config->port_first <= config->port_last && config->rto_least <= config->rto_most;
}
