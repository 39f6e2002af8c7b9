/* SPDX-License-Identifier: MIT */
/* A host process in one piece: two virtual hosts, "a" and "b", on an impairing wire, for targets that speak to it. */
#ifndef ELEVEN_FUZZ_HOSTS_H
#define ELEVEN_FUZZ_HOSTS_H

#include "host/control.h"
#include "host/host.h"
#include "link/impair.h"

struct hosts {
	struct loop *loop;
	struct host *host;
	struct impair *impair;
	struct control *control;        /* NULL without */
	char folder[64], path[80];      /* of its control socket, removed at exit */
};

void hosts_create(struct hosts *hosts, bool control);
/* What was set is taken off again. */
void hosts_clear(struct hosts *hosts);

#endif
