/* SPDX-License-Identifier: MIT */
/* Making a world that fails smaller. */
#ifndef ELEVEN_SIM_SHRINK_H
#define ELEVEN_SIM_SHRINK_H

#include "sim/spec.h"

/* As tame as it gets while the same oracle still fails. */
void spec_shrink(struct spec *spec, const char *oracle);

#endif
