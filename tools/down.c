/* SPDX-License-Identifier: MIT */
/* `eleven down`: asks the host to stop and waits until its process is gone. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/client.h"
#include "verbs.h"

/* Longer than an orderly stop can take. */
#define WAIT_MS 10000

static const struct argp_option options[] = { { 0 } };

static error_t parse(int key, char *argument, struct argp_state *state)
{
	(void)key;
	(void)argument;
	(void)state;
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	options, parse, NULL,
	"Stop the host process.\vConnections are cut off as by a power failure: peers outside are not told. "
	"Returns when the process is gone.", NULL, NULL, NULL,
};

/* By its pidfd; kernels without them are asked now and then. */
static int process_wait(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd >= 0) {
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
		int n = poll(&poll_fd, 1, WAIT_MS);

		close(fd);
		return n > 0 ? 0 : -ETIMEDOUT;
	}
	if (errno == ESRCH)
		return 0;
	for (int ms = 0; ms < WAIT_MS; ms += 10) {
		if (kill(pid, 0) < 0 && errno == ESRCH)
			return 0;
		usleep(10000);
	}
	return -ETIMEDOUT;
}

int verb_down(int argc, char **argv)
{
	struct client client;
	struct client_message *reply = malloc(sizeof(*reply));
	int error;

	verb_parse(&argp, 0, argc, argv, NULL);
	client_open_or_die(&client);
	error = reply ? client_call(&client, CONTROL_DOWN, NULL, 0, reply) : -ENOMEM;
	free(reply);
	if (error < 0 && error != -ECONNRESET) {
		client_complain(&client, error);
		return 1;
	}
	error = process_wait((pid_t)client.hello.pid);
	client_close(&client);
	if (error < 0)
		verb_fail("the host (pid %u) was told to stop but is still there; 'kill -9 %u' ends it",
			  client.hello.pid, client.hello.pid);
	return 0;
}
