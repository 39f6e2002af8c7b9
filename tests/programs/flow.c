/* SPDX-License-Identifier: MIT */
/* Much text, in every way that programs send it: nothing is lost, changed, or left waiting for ever. */
#include <stdbool.h>

#include "show.h"

#define TOTAL (20l << 20)
static char text[1 << 20], got[1 << 20];

/* The byte at each place of the stream, so that a slip of any size is seen. */
static char byte_at(long place)
{
	return (char)(place * 7 + (place >> 8) * 13 + (place >> 16));
}

/* Reads all, in pieces of `piece`; how much was right before the end or the first wrong byte. */
static long check(int fd, size_t piece, unsigned pause_us)
{
	long place = 0, n;

	while ((n = recv(fd, got, piece, 0)) > 0) {
		for (long i = 0; i < n; i++, place++)
			if (got[i] != byte_at(place))
				return -place;
		if (pause_us)
			usleep(pause_us);
	}
	return place;
}

static pid_t checker(int ends[2], size_t piece, unsigned pause_us)
{
	pid_t pid = fork();

	if (pid == 0) {
		long right;

		close(ends[0]);
		right = check(ends[1], piece, pause_us);
		if (right != TOTAL)
			say("only %ld right", right);
		_exit(right == TOTAL ? 0 : 1);
	}
	close(ends[1]);
	return pid;
}

static void finish(const char *what, int fd, pid_t pid)
{
	int status = -1;

	close(fd);
	waitpid(pid, &status, 0);
	say("%s: %s", what, status == 0 ? "all right" : "wrong");
}

static void fill(long place, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		text[i] = byte_at(place + (long)i);
}

static void blocking(const char *what, size_t write_bytes, size_t read_bytes, unsigned pause_us)
{
	int ends[2];
	pid_t pid;

	connection(ends);
	pid = checker(ends, read_bytes, pause_us);
	for (long place = 0; place < TOTAL;) {
		size_t bytes = TOTAL - place < (long)write_bytes ? (size_t)(TOTAL - place) : write_bytes;

		fill(place, bytes);
		if (write(ends[0], text, bytes) != (ssize_t)bytes)
			break;
		place += (long)bytes;
	}
	finish(what, ends[0], pid);
}

/* Waits for an edge whenever it would block. */
static int wait_edge(int waiter)
{
	struct epoll_event event;

	return epoll_wait(waiter, &event, 1, 10000) == 1;
}

static int edge_create(int fd)
{
	struct epoll_event event = { .events = EPOLLOUT | EPOLLET };
	int waiter = epoll_create1(0);

	nonblocking(fd);
	epoll_ctl(waiter, EPOLL_CTL_ADD, fd, &event);
	return waiter;
}

static void non_blocking(void)
{
	int ends[2], waiter;
	pid_t pid;

	connection(ends);
	pid = checker(ends, 100000, 0);
	waiter = edge_create(ends[0]);
	for (long place = 0; place < TOTAL;) {
		size_t bytes = TOTAL - place < (long)sizeof(text) ? (size_t)(TOTAL - place) : sizeof(text);
		long n;

		fill(place, bytes);
		n = send(ends[0], text, bytes, 0);
		if (n > 0)
			place += n;
		else if (!wait_edge(waiter))
			break;
	}
	close(waiter);
	finish("non-blocking, edge-triggered", ends[0], pid);
}

static void file_sent(bool blocking_socket)
{
	int ends[2], waiter = -1;
	FILE *file = tmpfile();
	off_t place = 0;
	pid_t pid;

	for (long at = 0; at < TOTAL; at += (long)sizeof(text)) {
		fill(at, sizeof(text));
		fwrite(text, 1, sizeof(text), file);
	}
	fflush(file);
	connection(ends);
	pid = checker(ends, 100000, 0);
	if (!blocking_socket)
		waiter = edge_create(ends[0]);
	while (place < TOTAL) {
		long n = sendfile(ends[0], fileno(file), &place, (size_t)(TOTAL - place));

		if (n < 0 && (blocking_socket || !wait_edge(waiter)))
			break;
	}
	if (waiter >= 0)
		close(waiter);
	fclose(file);
	finish(blocking_socket ? "sendfile" : "sendfile, non-blocking, edge-triggered", ends[0], pid);
}

/* What goes there comes back, both ways at once. */
static void echo(void)
{
	int ends[2];
	pid_t pid;
	long sent = 0, back = 0, n;
	bool right = true;

	connection(ends);
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		while ((n = read(ends[1], got, 50000)) > 0)
			if (write(ends[1], got, (size_t)n) != n)
				_exit(1);
		_exit(0);
	}
	close(ends[1]);
	while (back < TOTAL) {
		unsigned ready = polled(ends[0], sent < TOTAL ? POLLIN | POLLOUT : POLLIN, 10000);

		if (ready & POLLOUT) {
			size_t bytes = TOTAL - sent < 65536 ? (size_t)(TOTAL - sent) : 65536;

			fill(sent, bytes);
			n = send(ends[0], text, bytes, MSG_DONTWAIT);
			sent += n > 0 ? n : 0;
			if (sent == TOTAL)
				shutdown(ends[0], SHUT_WR);
		}
		if (ready & POLLIN) {
			n = recv(ends[0], got, sizeof(got), MSG_DONTWAIT);
			if (n == 0)
				break;
			for (long i = 0; i < n; i++)
				right &= got[i] == byte_at(back + i);
			back += n > 0 ? n : 0;
		}
		if (!ready)
			break;
	}
	say("echo: all back %d, right %d", back == TOTAL, right);
	close(ends[0]);
	waitpid(pid, NULL, 0);
}

/* One byte there, one byte back. */
static void ping_pong(void)
{
	int ends[2], rounds = 0;
	pid_t pid;
	char c = 'x';

	connection(ends);
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		while (recv(ends[1], &c, 1, 0) == 1)
			send(ends[1], &c, 1, 0);
		_exit(0);
	}
	close(ends[1]);
	while (rounds < 2000 && send(ends[0], &c, 1, 0) == 1 && recv(ends[0], &c, 1, 0) == 1)
		rounds++;
	say("%d rounds", rounds);
	close(ends[0]);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	ignore_pipe();
	blocking("large writes, large reads", sizeof(text), sizeof(got), 0);
	blocking("large writes, small reads", sizeof(text), 700, 0);
	blocking("small writes, large reads", 1300, sizeof(got), 0);
	blocking("a slow reader", sizeof(text), 200000, 1000);
	non_blocking();
	file_sent(true);
	file_sent(false);
	echo();
	ping_pong();
	return 0;
}
