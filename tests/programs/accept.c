/* SPDX-License-Identifier: MIT */
/* accept: blocking or not, by several processes, out of descriptors, and what an accepted socket inherits. */
#include "show.h"

static void flags(void)
{
	struct sockaddr_in address;
	int listener = listening(&address, 5), client, fd;

	fcntl(listener, F_SETFL, O_NONBLOCK);
	show("nothing there", accept(listener, NULL, NULL));
	client = connecting(&address, 0);
	await_poll("one there", listener, POLLIN);
	fd = accept(listener, NULL, NULL);
	say("close-on-exec %d, non-blocking %d", fcntl(fd, F_GETFD), !!(fcntl(fd, F_GETFL) & O_NONBLOCK));
	show_poll("none there", listener);
	close(fd);
	close(client);
	client = connecting(&address, 0);
	polled(listener, POLLIN, 5000);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	say("close-on-exec %d, non-blocking %d", fcntl(fd, F_GETFD), !!(fcntl(fd, F_GETFL) & O_NONBLOCK));
	close(fd);
	close(client);
	close(listener);
}

static void in_order(void)
{
	struct sockaddr_in address, own[3], seen;
	socklen_t length;
	int listener = listening(&address, 5), clients[3], same = 0;
	char c;

	for (int i = 0; i < 3; i++) {
		clients[i] = connecting(&address, 0);
		length = sizeof(own[i]);
		getsockname(clients[i], (struct sockaddr *)&own[i], &length);
		c = (char)('a' + i);
		send(clients[i], &c, 1, 0);
	}
	settle();
	for (int i = 0; i < 3; i++) {
		int fd;

		length = sizeof(seen);
		fd = accept(listener, (struct sockaddr *)&seen, &length);
		same += memcmp(&seen, &own[i], sizeof(seen)) == 0;
		recv(fd, &c, 1, 0);
		say("connection %d said %c", i, c);
		close(fd);
	}
	say("%d of 3 in order", same);
	for (int i = 0; i < 3; i++)
		close(clients[i]);
	close(listener);
}

static void closed_before(void)
{
	struct sockaddr_in address;
	struct linger linger = { 1, 0 };
	int listener = listening(&address, 5), client = connecting(&address, 0), fd;
	char text[8];

	send(client, "hi", 2, 0);
	close(client);
	settle();
	fd = accept(listener, NULL, NULL);
	show("accepted after its close: recv", recv(fd, text, 8, 0));
	show("recv", recv(fd, text, 8, 0));
	close(fd);
	client = connecting(&address, 0);
	settle();
	setsockopt(client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(client);
	settle();
	fd = accept(listener, NULL, NULL);
	say("accepted after its reset: %d", fd >= 0);
	show("recv", recv(fd, text, 8, 0));
	close(fd);
	close(listener);
}

static void listener_closed(void)
{
	struct sockaddr_in address;
	int listener = listening(&address, 5), first = connecting(&address, 0), second = connecting(&address, 0), fd;
	char text[8];

	settle();
	close(listener);
	await_poll("never accepted", first, POLLHUP);
	show("recv", recv(first, text, 8, 0));
	await_poll("never accepted", second, POLLHUP);
	close(first);
	close(second);
	listener = listening(&address, 5);
	first = connecting(&address, 0);
	fd = accept(listener, NULL, NULL);
	close(listener);
	settle();
	show("accepted before: send", send(fd, "x", 1, 0));
	show("recv", recv(first, text, 8, 0));
	close(first);
	close(fd);
	listener = listening(&address, 5);
	fd = stream(0);
	close(listener);
	settle();
	show("connect when it is closed", connect(fd, (struct sockaddr *)&address, sizeof(address)));
	close(fd);
}

#define CHILDREN 3
#define CONNECTIONS 60

/* Children share the listener: each connection is answered once. */
static void prefork(void)
{
	struct sockaddr_in address;
	int listener = listening(&address, 64), answered = 0, pids[CHILDREN];

	for (int i = 0; i < CHILDREN; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			for (;;) {
				int fd = accept(listener, NULL, NULL);

				if (fd < 0)
					_exit(1);
				write(fd, "hello", 5);
				close(fd);
			}
		}
	}
	for (int i = 0; i < CONNECTIONS; i++) {
		int fd = connecting(&address, 0);
		char text[16];

		answered += recv(fd, text, sizeof(text), MSG_WAITALL) == 5;
		close(fd);
	}
	say("%d of %d answered", answered, CONNECTIONS);
	for (int i = 0; i < CHILDREN; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	close(listener);
}

static void out_of_descriptors(void)
{
	struct sockaddr_in address;
	int listener = listening(&address, 5), client = connecting(&address, 0), last = -1, fd;
	struct rlimit limit, low;

	getrlimit(RLIMIT_NOFILE, &limit);
	low = (struct rlimit){ 64, limit.rlim_max };
	setrlimit(RLIMIT_NOFILE, &low);
	settle();
	while ((fd = dup(0)) >= 0)
		last = fd;
	show("accept", accept(listener, NULL, NULL));
	show("socket", socket(AF_INET, SOCK_STREAM, 0));
	close(last);
	fd = accept(listener, NULL, NULL);
	say("accept with one free: %d", fd >= 0);
	for (int i = 3; i < 64; i++)
		if (i != listener && i != client)
			close(i);
	setrlimit(RLIMIT_NOFILE, &limit);
	close(listener);
	close(client);
}

static void show_option(const char *what, int fd, int level, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	getsockopt(fd, level, name, &value, &length);
	say("%s %d", what, value);
}

static void inherited(void)
{
	struct sockaddr_in address;
	struct linger linger = { 1, 7 };
	socklen_t length = sizeof(linger);
	int listener = listening(&address, 5), client, fd, on = 1, value = 33;

	setsockopt(listener, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(listener, IPPROTO_TCP, TCP_KEEPIDLE, &value, sizeof(value));
	setsockopt(listener, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	client = connecting(&address, 0);
	fd = accept(listener, NULL, NULL);
	show_option("SO_KEEPALIVE", fd, SOL_SOCKET, SO_KEEPALIVE);
	show_option("SO_REUSEADDR", fd, SOL_SOCKET, SO_REUSEADDR);
	show_option("SO_ACCEPTCONN", fd, SOL_SOCKET, SO_ACCEPTCONN);
	show_option("TCP_NODELAY", fd, IPPROTO_TCP, TCP_NODELAY);
	show_option("TCP_KEEPIDLE", fd, IPPROTO_TCP, TCP_KEEPIDLE);
	memset(&linger, 0, sizeof(linger));
	getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &length);
	say("SO_LINGER %d %d", linger.l_onoff, linger.l_linger);
	close(fd);
	close(client);
	close(listener);
}

static void deferred(void)
{
	struct sockaddr_in address;
	int listener = listening(&address, 5), client, seconds_max = 5;

	setsockopt(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds_max, sizeof(seconds_max));
	client = connecting(&address, 0);
	settle();
	show_poll("without text", listener);
	send(client, "x", 1, 0);
	await_poll("with text", listener, POLLIN);
	close(client);
	close(listener);
}

/* The backlog is a limit: of many that connect, few are connected while nobody accepts. */
static void backlog(void)
{
	struct sockaddr_in address;
	int listener = listening(&address, 2), clients[8], connected = 0, accepted = 0;

	for (int i = 0; i < 8; i++) {
		clients[i] = connecting(&address, SOCK_NONBLOCK);
		usleep(20000);
	}
	settle();
	nonblocking(listener);
	for (int i = 0; i < 3; i++) {
		int fd = accept(listener, NULL, NULL);

		accepted += fd >= 0;
		if (fd >= 0)
			close(fd);
		usleep(20000);
	}
	for (int i = 0; i < 8; i++) {
		connected += !!(polled(clients[i], POLLOUT, 0) & POLLOUT);
		close(clients[i]);
	}
	say("backlog 2: %d accepted, at least %d of 8 connected", accepted, connected < 3 ? connected : 3);
	close(listener);
}

int main(void)
{
	ignore_pipe();
	flags();
	in_order();
	closed_before();
	listener_closed();
	prefork();
	out_of_descriptors();
	inherited();
	deferred();
	backlog();
	return 0;
}
