/* SPDX-License-Identifier: MIT */
/* States of all connections, for whoever watches from outside; see states.h. */
#include "packetdrill/states.h"

#include <arpa/inet.h>
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
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char text[INET6_ADDRSTRLEN];

	if (memcmp(endpoint->address.bytes, mapped, sizeof(mapped)) == 0) {
		inet_ntop(AF_INET, endpoint->address.bytes + 12, text, sizeof(text));
		snprintf(out, room, "%s:%u", text, endpoint->port);
	} else {
		inet_ntop(AF_INET6, endpoint->address.bytes, text, sizeof(text));
		snprintf(out, room, "[%s]:%u", text, endpoint->port);
	}
}

static size_t states_print(const struct world *world, char *text)
{
	struct eleven_status status;
	uint64_t cursor = 0;
	size_t at = 0;

	while (eleven_status_next(world->stack, &cursor, &status) && at < TEXT_MAX - 192) {
		char local[64], remote[64];

		endpoint_print(local, sizeof(local), &status.local);
		endpoint_print(remote, sizeof(remote), &status.remote);
		at += (size_t)snprintf(text + at, TEXT_MAX - at, "%s %s %s\n", names[status.state], local, remote);
	}
	return at;
}

static char written[TEXT_MAX];          /* what the file has; of the one stack there is at a time */

static void file_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	if (!file)
		return;
	fputs(text, file);
	fclose(file);
}

void states_write(struct world *world)
{
	static char now[TEXT_MAX];
	const char *path = getenv("PD_STATE_FILE");

	if (!path)
		return;
	now[states_print(world, now)] = '\0';
	if (strcmp(written, now) == 0)
		return;
	memcpy(written, now, sizeof(written));
	file_write(path, now);
}

void states_end(void)
{
	const char *path = getenv("PD_STATE_FILE");

	if (path && written[0])
		file_write(path, "");
	written[0] = '\0';
}
