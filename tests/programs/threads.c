/* SPDX-License-Identifier: MIT */
/*
 * Many threads, signal handlers that make calls of their own, fork and vfork between: nothing hangs or is
 * mixed up.
 */
#include <pthread.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/time.h>

#include "show.h"

#define THREADS 8
#define ROUNDS 40

extern char **environ;
static struct sockaddr_in server;
static int watched;
static volatile sig_atomic_t handled, wrong;

static void *serve(void *argument)
{
	int listener = *(int *)argument;

	for (;;) {
		int fd = accept(listener, NULL, NULL);
		char text[64];
		long n;

		if (fd < 0)
			return NULL;
		n = recv(fd, text, sizeof(text), 0);
		if (n > 0)
			send(fd, text, (size_t)n, MSG_NOSIGNAL);
		close(fd);
	}
}

/* Each its own text; it must come back. */
static void *talk(void *argument)
{
	long number = (long)argument, right = 0;

	for (int i = 0; i < ROUNDS; i++) {
		int fd = stream(SOCK_CLOEXEC), on = 1;
		char text[64], back[64] = "";
		struct sockaddr_in name;
		socklen_t length = sizeof(name);

		snprintf(text, sizeof(text), "thread %ld round %d", number, i);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		while (connect(fd, (struct sockaddr *)&server, sizeof(server)) < 0 &&
		       (errno == EINTR || errno == EALREADY))
			polled(fd, POLLOUT, 1000);
		while (send(fd, text, sizeof(text), MSG_NOSIGNAL) < 0 && errno == EINTR)
			;
		while (recv(fd, back, sizeof(back), MSG_WAITALL) < 0 && errno == EINTR)
			;
		getpeername(fd, (struct sockaddr *)&name, &length);
		right += strcmp(text, back) == 0;
		close(fd);
	}
	return (void *)right;
}

/* What a handler may well do. */
static void alarmed(int signal)
{
	int value = -1, error = errno;
	socklen_t length = sizeof(value);

	(void)signal;
	if (getsockopt(watched, SOL_SOCKET, SO_KEEPALIVE, &value, &length) < 0 || value != 1)
		wrong = 1;
	handled++;
	errno = error;
}

static void alarms(long us)
{
	struct itimerval every = { { 0, us }, { 0, us } };

	setitimer(ITIMER_REAL, &every, NULL);
}

static void spawned(void)
{
	char *arguments[] = { "true", NULL };
	pid_t pid;
	int status = -1;

	posix_spawnp(&pid, "true", NULL, NULL, arguments, environ);
	while (waitpid(pid, &status, 0) < 0)
		;
	if (status != 0)
		say("a program that was spawned ended with %d", status);
}

static void forked(void)
{
	int status = -1, value = -1;
	socklen_t length = sizeof(value);
	pid_t pid = fork();

	if (pid == 0) {
		int fd = connecting(&server, 0);

		getsockopt(watched, SOL_SOCKET, SO_KEEPALIVE, &value, &length);
		_exit(fd >= 0 && value == 1 ? 0 : 1);
	}
	while (waitpid(pid, &status, 0) < 0)
		;
	if (status != 0)
		say("a child that was forked ended with %d", status);
}

int main(void)
{
	struct sigaction action = { .sa_handler = alarmed, .sa_flags = SA_RESTART };
	int listener = listening(&server, 256), on = 1;
	pthread_t servers[2], talkers[THREADS];
	long right = 0;

	ignore_pipe();
	watched = stream(0);
	setsockopt(watched, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	sigaction(SIGALRM, &action, NULL);
	for (int i = 0; i < 2; i++)
		pthread_create(&servers[i], NULL, serve, &listener);
	alarms(3000);
	for (long i = 0; i < THREADS; i++)
		pthread_create(&talkers[i], NULL, talk, (void *)i);
	for (int i = 0; i < 10; i++) {
		forked();
		spawned();
	}
	for (int i = 0; i < THREADS; i++) {
		void *result;

		pthread_join(talkers[i], &result);
		right += (long)result;
	}
	alarms(0);
	say("%ld of %d answered right, handlers ran: %d, and were wrong: %d", right, THREADS * ROUNDS, handled > 0,
	    wrong);
	return 0;
}
