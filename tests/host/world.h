/* SPDX-License-Identifier: MIT */
/* A host process inside a test: two virtual hosts on an impairing wire, its control socket in a folder of its own. */
#ifndef ELEVEN_TESTS_HOST_WORLD_H
#define ELEVEN_TESTS_HOST_WORLD_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/time.h"
#include "host/answers.h"
#include "host/control.h"
#include "host/units.h"
#include "host/watchers.h"
#include "link/impair.h"
#include "link/wire.h"

#include "../profile.h"

struct world {
	struct loop *loop;
	struct host *host;
	struct impair *impair;
	struct wire *wire;
	struct control *control;
	struct answers *answers;
	struct watchers *watchers;
	struct host_stack *stacks[2];
	char folder[96], path[108];
};

static inline int world_make(void **state)
{
	static const char *const names[] = { "a", "b" }, *const addresses[] = { "10.0.0.1/24", "10.0.0.2/24" };
	struct world *w = calloc(1, sizeof(*w));
	struct eleven_config config;
	pid_t pid;

	config_choose(&config, ELEVEN_MODERN);
	w->loop = loop_create();
	w->host = host_create(w->loop);
	w->impair = impair_create(1);
	w->wire = wire_create(ELEVEN_LINK_IP);
	for (unsigned i = 0; i < 2; i++) {
		struct eleven_interface interface = { .mtu = 1500, .checksum_offload = true,
						      .segment_bytes_max = 65160 };
		struct link *port;

		assert_int_equal(units_subnet(addresses[i], &interface.address, &interface.prefix_bits), 0);
		port = impair_wrap(w->impair, wire_port(w->wire, &interface), names[i], &interface, false);
		config.seed = i + 1;
		assert_int_equal(host_stack_add(w->host, names[i], &config, &interface, port, &w->stacks[i]), 0);
	}
	snprintf(w->folder, sizeof(w->folder), "%s/eleven-test-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	assert_non_null(mkdtemp(w->folder));
	snprintf(w->path, sizeof(w->path), "%s/s", w->folder);
	assert_int_equal(control_create(&w->control, w->host, w->path, &pid), 0);
	w->answers = answers_create(w->control, w->impair);
	w->watchers = watchers_create(w->control);
	assert_true(w->answers && w->watchers);
	*state = w;
	return 0;
}

static inline int world_free(void **state)
{
	struct world *w = *state;

	control_destroy(w->control);
	watchers_destroy(w->watchers);
	answers_destroy(w->answers);
	host_destroy(w->host);
	impair_destroy(w->impair);
	wire_destroy(w->wire);
	loop_destroy(w->loop);
	assert_int_equal(rmdir(w->folder), 0);
	free(w);
	return 0;
}

/* Turns of the loop until nothing happens for a moment. */
static inline void world_run(struct world *w, uint64_t ns)
{
	uint64_t end = loop_now(w->loop) + ns;

	do {
		assert_int_equal(loop_turn(w->loop, end), 0);
	} while (loop_now(w->loop) < end);
}

#endif
