/* SPDX-License-Identifier: MIT */
/* Between up.c, which reads the command line into a plan, and up_host.c, which carries it out. */
#ifndef ELEVEN_TOOLS_UP_H
#define ELEVEN_TOOLS_UP_H

#include <stdbool.h>
#include <stdint.h>

#include "eleven.h"
#include "host/host.h"

struct up_host {
	const char *name;
	struct eleven_address address;          /* all zero: no IPv4 */
	struct eleven_address address6;         /* all zero: no IPv6, but by autoconfigure */
	uint8_t prefix_bits, prefix6_bits;
};

#define UP_ROUTES_MAX 30

struct up_plan {
	struct eleven_config config;
	struct up_host hosts[HOST_STACKS_MAX];  /* on the virtual wire */
	unsigned host_count;
	const char *device;                     /* tun or tap; NULL: none */
	bool tap;
	struct up_host outside;                 /* "main", behind the device */
	struct eleven_address kernel_address, kernel_address6;
	bool autoconfigure;                     /* "main" heeds IPv6 routers */
	struct eleven_route routes[UP_ROUTES_MAX];      /* of "main"; its first gateway is the first of prefix 0 */
	unsigned route_count;
	uint64_t mtu;
	bool detach;
	const char *record;                     /* file; NULL: none */
};

/* Does not return before the host is down; the exit status. `ready_fd`, if not -1, gets a byte when all is up. */
int up_host_run(const struct up_plan *plan, int ready_fd);

#endif
