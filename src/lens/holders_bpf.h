/* SPDX-License-Identifier: MIT */
/* The table of holders.h filled by one walk inside of the kernel, where BPF may be used (CAP_BPF and CAP_PERFMON). */
#ifndef ELEVEN_LENS_HOLDERS_BPF_H
#define ELEVEN_LENS_HOLDERS_BPF_H

#include "lens/holders.h"

/*
 * 0, or -errno and nothing in the table: then /proc has to do.
 */
int holders_walk_kernel(struct holders *holders);

#endif
