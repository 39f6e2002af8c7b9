/* SPDX-License-Identifier: MIT */
/* The host's own requests: HELLO, HOSTS, STATUS, STATS, RULES, CONFIG, LINK, DOWN. */
#ifndef ELEVEN_HOST_ANSWERS_H
#define ELEVEN_HOST_ANSWERS_H

#include "host/control.h"

struct impair;

struct answers;

/* Registers them. NULL: no memory, or a type is taken. */
struct answers *answers_create(struct control *control, struct impair *impair);
/* After control_destroy(). */
void answers_destroy(struct answers *answers);

/* The stack a filter names: 0 and NULL when it names none (all are meant); -ENOENT after a reply that says so. */
int answers_filter(struct control_client *client, const struct control_message *message, struct control *control,
		   struct host_stack **stack);

#endif
