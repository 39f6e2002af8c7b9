/* SPDX-License-Identifier: MIT */
/*
 * Tests that are written for `modern` run under another profile as well: PROFILE in the environment names it.  KEEP
 * names rows of the configuration, apart by commas, that stay as modern has them; `profile` stands for what the code
 * asks of the profile itself.  scripts/profiles.py sets both.
 */
#ifndef TEST_PROFILE_H
#define TEST_PROFILE_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "eleven.h"

static inline enum eleven_profile profile_chosen(enum eleven_profile profile)
{
	const char *name = getenv("PROFILE");

	if (profile != ELEVEN_MODERN || name == NULL)
		return profile;
	return strcmp(name, "strict") == 0 ? ELEVEN_STRICT : strcmp(name, "linux") == 0 ? ELEVEN_LINUX : profile;
}

/* The profile that gives this row its value. */
static inline enum eleven_profile profile_of_row(const char *row, enum eleven_profile profile)
{
	const char *at = getenv("KEEP");
	size_t n = strlen(row);

	for (; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, row, n) == 0 && (at[n] == ',' || at[n] == 0))
			return ELEVEN_MODERN;
	}
	return profile;
}

/* The profile's table, or that of the profile under test where `profile` is modern. */
static inline void config_choose(struct eleven_config *config, enum eleven_profile profile)
{
	enum eleven_profile of;

	profile = profile_chosen(profile);
	memset(config, 0, sizeof(*config));
#define CONFIG(name, unit, least, most, modern, strict, linux_, source, sentence) \
	of = profile_of_row(#name, profile); \
	config->name = of == ELEVEN_MODERN ? (uint64_t)(modern) : \
		       of == ELEVEN_STRICT ? (uint64_t)(strict) : (uint64_t)(linux_);
#include "eleven-config.def"
#undef CONFIG
	config->profile = profile_of_row("profile", profile);
}

#endif
