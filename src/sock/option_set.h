/* SPDX-License-Identifier: MIT */
/*
 * The options of one TCP socket as a program sees them, apart from where the socket is: numbers of the system's
 * headers, kept here, told from here, and given to a connection of the stack.
 */
#ifndef ELEVEN_SOCK_OPTION_SET_H
#define ELEVEN_SOCK_OPTION_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "eleven.h"

#define OPTION_ROWS_MAX 64

struct option_set {
	int32_t values[OPTION_ROWS_MAX];        /* by row of the table */
	bool linger_on;
	uint16_t linger_s;
	uint8_t congestion;                     /* enum eleven_congestion + 1; 0: the stack's own choice */
};

struct option_limits {                          /* net.core.wmem_max, rmem_max */
	uint32_t send_buffer_max, receive_buffer_max;
};

/* eleven_option_set(), or what a recording wants to be called instead (host/recorded.h). */
typedef int option_call(struct eleven *stack, eleven_handle connection, enum eleven_option option, uint64_t value,
			uint64_t now);

struct option_target {                          /* the connection they are for; handle 0: none */
	struct eleven *stack;
	eleven_handle handle;
	uint64_t now;
	option_call *call;
};

void option_set_init(struct option_set *set);
/* Is it known, and not 0? */
bool option_set_is_on(const struct option_set *set, int level, int name);
/* Has it another value than at the beginning? */
bool option_set_is_changed(const struct option_set *set, int level, int name);
/* Of a number; 0 when not known. */
int option_set_value(const struct option_set *set, int level, int name);
/* Keeps a value as setsockopt gets it: 0, -EINVAL, -ENOPROTOOPT, -ENOENT, -ENODEV.  The connection is not told yet. */
int option_set_store(struct option_set *set, const struct option_limits *limits, int level, int name,
		     const void *data, uint32_t length);
/* Gives the connection one option, or all that differ from the beginning. */
int option_set_apply(const struct option_set *set, int level, int name, const struct option_target *target);
void option_set_apply_all(const struct option_set *set, const struct option_target *target);
/* As getsockopt: *length comes in as the room. */
int option_set_load(const struct option_set *set, const struct option_target *target, int level, int name, void *data,
		    uint32_t *length);

#endif
