/* SPDX-License-Identifier: MIT */
/*
 * connections RATE SECONDS: opens and closes connections of the kernel's over loopback at a steady rate, and prints
 * how many there were and what CPU time they took.  The work that a watcher is measured on, see watch.py.
 *
 * Destinations are spread over 127/8, or the ports for connections would run out after a second.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ADDRESSES 250u
#define BATCH_NS 2000000ull     /* connections of one pause */

static volatile bool stopped;
static int waiting;
static struct sockaddr_in address = { .sin_family = AF_INET };

static unsigned long long clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned long long)now.tv_sec * 1000000000u + (unsigned long long)now.tv_nsec;
}

static void *serve(void *unused)
{
	char byte;

	while (!stopped) {
		int fd = accept(waiting, NULL, NULL);

		if (fd < 0)
			continue;
		while (read(fd, &byte, 1) > 0)
			;
		close(fd);
	}
	return unused;
}

static bool connection_make(unsigned number)
{
	struct sockaddr_in to = address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	bool good;

	to.sin_addr.s_addr = htonl(0x7f000002u + number % ADDRESSES);
	good = fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0;
	if (fd >= 0)
		close(fd);
	return good;
}

int main(int argc, char **argv)
{
	double rate = argc > 2 ? atof(argv[1]) : 20000, seconds = argc > 2 ? atof(argv[2]) : 2;
	socklen_t length = sizeof(address);
	struct rusage used;
	unsigned long long begun, end, now;
	unsigned count = 0, failed = 0;
	pthread_t server;

	waiting = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(waiting, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(waiting, 4096) < 0 ||
	    getsockname(waiting, (struct sockaddr *)&address, &length) < 0) {
		fprintf(stderr, "connections: %s\n", strerror(errno));
		return 1;
	}
	pthread_create(&server, NULL, serve, NULL);
	begun = clock_ns();
	end = begun + (unsigned long long)(seconds * 1e9);
	while ((now = clock_ns()) < end) {
		double due = (double)(now - begun) / 1e9 * rate;

		while (count < due && clock_ns() < end)
			failed += !connection_make(count++);
		usleep(BATCH_NS / 1000);
	}
	now = clock_ns();
	getrusage(RUSAGE_SELF, &used);
	stopped = true;
	printf("{\"port\": %u, \"connections\": %u, \"failed\": %u, \"seconds\": %.3f, \"cpu_s\": %.3f}\n",
	       ntohs(address.sin_port), count, failed, (double)(now - begun) / 1e9,
	       (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
	       (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
	return 0;
}
