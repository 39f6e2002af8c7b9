/* SPDX-License-Identifier: MIT */
/* See hosts.h. */
#include "fuzz/hosts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz/must.h"
#include "host/answers.h"
#include "host/units.h"
#include "host/watchers.h"
#include "link/wire.h"
#include "sock/service.h"

static struct hosts *to_remove;

static void folder_remove(void)
{
	unlink(to_remove->path);
	rmdir(to_remove->folder);
}

static void control_add(struct hosts *hosts)
{
	const char *tmp = getenv("TMPDIR");
	pid_t pid;

	snprintf(hosts->folder, sizeof(hosts->folder), "%.40s/eleven-fuzz-XXXXXX", tmp ? tmp : "/tmp");
	MUST(mkdtemp(hosts->folder));
	snprintf(hosts->path, sizeof(hosts->path), "%s/s", hosts->folder);
	MUST(control_create(&hosts->control, hosts->host, hosts->path, &pid) == 0);
	MUST(answers_create(hosts->control, hosts->impair) && watchers_create(hosts->control));
	MUST(sock_service_create(hosts->host, hosts->control));
	to_remove = hosts;
	atexit(folder_remove);
}

void hosts_create(struct hosts *hosts, bool control)
{
	static const char *const names[] = { "a", "b" }, *const addresses[] = { "10.0.0.1/24", "10.0.0.2/24" };
	struct wire *wire = wire_create(ELEVEN_LINK_IP);
	struct eleven_config config;

	memset(hosts, 0, sizeof(*hosts));
	eleven_config_init(&config, ELEVEN_MODERN);
	config.connections_max = 64;
	hosts->loop = loop_create();
	hosts->host = host_create(hosts->loop);
	hosts->impair = impair_create(1);
	for (unsigned i = 0; i < 2; i++) {
		struct eleven_interface interface = { .mtu = 1500, .checksum_offload = true,
						      .segment_bytes_max = 65160 };
		struct host_stack *stack;
		struct link *port;

		MUST(units_subnet(addresses[i], &interface.address, &interface.prefix_bits) == 0);
		config.seed = i + 1;
		port = impair_wrap(hosts->impair, wire_port(wire, &interface), names[i], &interface, false);
		MUST(host_stack_add(hosts->host, names[i], &config, &interface, port, &stack) == 0);
	}
	if (control)
		control_add(hosts);
}

void hosts_clear(struct hosts *hosts)
{
	impair_clear(hosts->impair, (struct impair_selection){ -1, IMPAIR_BOTH });
}
