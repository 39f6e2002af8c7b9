/* SPDX-License-Identifier: MIT */
/* `eleven link`: lines of commands, any text; each is answered within the room there is. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/hosts.h"
#include "fuzz/must.h"
#include "fuzz/target.h"
#include "host/link_command.h"

static struct hosts hosts;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	char *text = malloc(n + 1), *line, *next = text, reply[600];
	size_t room = n > 0 && bytes[0] & 1 ? sizeof(reply) : 80;
	int result;

	if (!hosts.host)
		hosts_create(&hosts, false);
	memcpy(text, bytes, n);
	text[n] = 0;
	while ((line = strsep(&next, "\n"))) {
		memset(reply, 'x', sizeof(reply));
		result = link_command(hosts.impair, hosts.host, line, reply, room);
		MUST(result == 0 || result == -EINVAL || result == -ENOENT || result == -ENOSPC || result == -EAGAIN);
		MUST(memchr(reply, 0, room));
		MUST(result == 0 || (reply[0] && !strchr(reply, '\n')));
	}
	link_command(hosts.impair, hosts.host, "show", reply, sizeof(reply));
	hosts_clear(&hosts);
	free(text);
	return 0;
}
