/* SPDX-License-Identifier: MIT */
/* Edge-triggered epoll, select, and poll in other threads: each change is told once, and none is missed. */
#include <pthread.h>
#include <sys/select.h>

#include "show.h"

static int waiter;

static void watch(int fd)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.fd = fd };

	waiter = epoll_create1(EPOLL_CLOEXEC);
	epoll_ctl(waiter, EPOLL_CTL_ADD, fd, &event);
}

static void show_event(const char *what, int ms)
{
	struct epoll_event event;
	int count = epoll_wait(waiter, &event, 1, ms);

	if (count == 1)
		bits_print(what, event.events);
	else
		say("%s: nothing", what);
}

static void edges(void)
{
	struct sockaddr_in address;
	int listener = listening(&address, 5), fd = stream(SOCK_NONBLOCK), other;
	char text[64];

	connect(fd, (struct sockaddr *)&address, sizeof(address));
	watch(fd);
	settle();
	show_event("connected", 5000);
	show_event("again", 50);
	other = accept(listener, NULL, NULL);
	send(other, "one", 3, 0);
	show_event("text", 5000);
	show_event("still there", 50);
	recv(fd, text, 1, 0);
	show_event("part read", 50);
	send(other, "two", 3, 0);
	show_event("more text", 5000);
	show("recv", recv(fd, text, sizeof(text), 0));
	shutdown(other, SHUT_WR);
	show_event("peer's end", 5000);
	show("recv", recv(fd, text, sizeof(text), 0));
	show("send", send(fd, "x", 1, 0));
	close(waiter);
	close(fd);
	close(other);
	close(listener);
}

static void accepting(void)
{
	struct sockaddr_in address;
	int listener = listening(&address, 5), clients[2];

	nonblocking(listener);
	watch(listener);
	show_event("listener", 0);
	for (int i = 0; i < 2; i++) {
		clients[i] = connecting(&address, 0);
		show_event("one comes", 5000);
		show("accept", accept(listener, NULL, NULL) >= 0);
		show("accept", accept(listener, NULL, NULL));
		show_event("none", 50);
	}
	close(waiter);
	close(clients[0]);
	close(clients[1]);
	close(listener);
}

/* Until it would block; then the peer reads, and it must be told that it may write again. */
static void full(void)
{
	static char text[65536];
	int ends[2], rounds = 0;
	long written = 0, got = 0, n;
	struct epoll_event event;

	connection(ends);
	nonblocking(ends[0]);
	nonblocking(ends[1]);
	watch(ends[0]);
	epoll_wait(waiter, &event, 1, 0);
	for (int i = 0; i < 200; i++) {
		while ((n = send(ends[0], text, sizeof(text), 0)) > 0)
			written += n;
		usleep(1000);
	}
	say("filled: %d, %s", written > 0, strerrorname_np(errno));
	show_poll("full", ends[0]);
	while (got < written) {
		n = recv(ends[1], text, sizeof(text), 0);
		if (n > 0)
			got += n;
		else
			polled(ends[1], POLLIN, 100);
	}
	while (epoll_wait(waiter, &event, 1, 1000) == 1 && !(event.events & EPOLLOUT) && rounds < 10)
		rounds++;
	say("all read: %d; writable told: %d", got == written, !!(event.events & EPOLLOUT));
	show("send", send(ends[0], text, 1, 0));
	close(waiter);
	close(ends[0]);
	close(ends[1]);
}

static void selecting(void)
{
	fd_set readable, writable;
	struct timeval wait = { 5, 0 };
	int ends[2];

	connection(ends);
	FD_ZERO(&readable);
	FD_ZERO(&writable);
	FD_SET(ends[0], &readable);
	FD_SET(ends[0], &writable);
	show("select", select(ends[0] + 1, &readable, &writable, NULL, &wait));
	say("readable %d, writable %d", !!FD_ISSET(ends[0], &readable), !!FD_ISSET(ends[0], &writable));
	close(ends[1]);
	FD_ZERO(&readable);
	FD_SET(ends[0], &readable);
	show("select", select(ends[0] + 1, &readable, NULL, NULL, &wait));
	close(ends[0]);
}

static void *reader(void *argument)
{
	char c;

	return (void *)recv(*(int *)argument, &c, 1, 0);
}

static void *acceptor(void *argument)
{
	return (void *)(long)accept(*(int *)argument, NULL, NULL);
}

static void threads(void)
{
	struct sockaddr_in address;
	pthread_t thread;
	void *result;
	int ends[2], listener;

	connection(ends);
	pthread_create(&thread, NULL, reader, &ends[0]);
	settle();
	show("shutdown under a reader", shutdown(ends[0], SHUT_RDWR));
	pthread_join(thread, &result);
	say("reader got %ld", (long)result);
	close(ends[0]);
	close(ends[1]);
	listener = listening(&address, 5);
	pthread_create(&thread, NULL, acceptor, &listener);
	settle();
	show("shutdown under accept", shutdown(listener, SHUT_RDWR));
	pthread_join(thread, &result);
	say("accept got %ld", (long)result);
	close(listener);
}

int main(void)
{
	ignore_pipe();
	edges();
	accepting();
	full();
	selecting();
	threads();
	return 0;
}
