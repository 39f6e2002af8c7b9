/* SPDX-License-Identifier: MIT */
/* States of all connections, for whoever watches from outside; see states.h. */
#include "packetdrill/states.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 65536

static const char *const names[ELEVEN_STATES] = {
	[ELEVEN_CLOSED] = "CLOSED", [ELEVEN_LISTEN] = "LISTEN", [ELEVEN_SYN_SENT] = "SYN_SENT",
	[ELEVEN_SYN_RECEIVED] = "SYN_RCVD", [ELEVEN_ESTABLISHED] = "ESTABLISHED", [ELEVEN_FIN_WAIT_1] = "FIN_WAIT_1",
	[ELEVEN_FIN_WAIT_2] = "FIN_WAIT_2", [ELEVEN_CLOSE_WAIT] = "CLOSE_WAIT", [ELEVEN_CLOSING] = "CLOSING",
	[ELEVEN_LAST_ACK] = "LAST_ACK", [ELEVEN_TIME_WAIT] = "TIME_WAIT",
};

static void endpoint_print(char *out, size_t room, const struct eleven_endpoint *endpoint)
{
	const uint8_t *at = endpoint->address.bytes + 12;

	snprintf(out, room, "%u.%u.%u.%u:%u", at[0], at[1], at[2], at[3], endpoint->port);
}

static size_t states_print(const struct world *world, char *text)
{
	struct eleven_status status;
	uint64_t cursor = 0;
	size_t at = 0;

	while (eleven_status_next(world->stack, &cursor, &status) && at < TEXT_MAX - 128) {
		char local[32], remote[32];

		endpoint_print(local, sizeof(local), &status.local);
		endpoint_print(remote, sizeof(remote), &status.remote);
		at += (size_t)snprintf(text + at, TEXT_MAX - at, "%s %s %s\n", names[status.state], local, remote);
	}
	return at;
}

void states_write(struct world *world)
{
	static char before[TEXT_MAX], now[TEXT_MAX];
	const char *path = getenv("PD_STATE_FILE");
	FILE *file;

	if (!path)
		return;
	now[states_print(world, now)] = '\0';
	if (strcmp(before, now) == 0)
		return;
	memcpy(before, now, sizeof(before));
	file = fopen(path, "w");
	if (!file)
		return;
	fputs(now, file);
	fclose(file);
}
