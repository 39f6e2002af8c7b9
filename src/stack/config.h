/* SPDX-License-Identifier: MIT */
/* Whether a configuration may be used. */
#ifndef ELEVEN_STACK_CONFIG_H
#define ELEVEN_STACK_CONFIG_H

#include <stdbool.h>

#include "eleven.h"

/* Every value within its row's bounds, and no range upside down. */
bool config_valid(const struct eleven_config *config);

#endif
