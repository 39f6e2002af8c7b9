/* SPDX-License-Identifier: MIT */
/* Sockets in more than one process: fork, exec, dup, descriptors that are sent, and processes that are killed. */
#include "show.h"

static char text[65536];

static void last_close(void)
{
	int ends[2], copy, pid;

	connection(ends);
	copy = dup(ends[0]);
	pid = fork();
	if (pid == 0) {
		close(ends[1]);
		usleep(300000);
		_exit(0);
	}
	close(ends[0]);
	settle();
	show_poll("one of three closed", ends[1]);
	show("send through the copy", send(copy, "copy", 4, 0));
	polled(ends[1], POLLIN, 5000);
	show("recv", recv(ends[1], text, 10, 0));
	close(copy);
	settle();
	show_poll("the child has it", ends[1]);
	waitpid(pid, NULL, 0);
	await_poll("the child is gone", ends[1], POLLRDHUP);
	show("recv", recv(ends[1], text, 10, 0));
	close(ends[1]);
}

static void killed(void)
{
	struct sockaddr_in address;
	int listener = listening(&address, 5), fd, pid = fork();

	if (pid == 0) {
		int own = connecting(&address, 0);

		send(own, "last words", 10, 0);
		for (;;)
			pause();
	}
	fd = accept(listener, NULL, NULL);
	show("recv", recv(fd, text, 10, MSG_WAITALL));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	await_poll("killed", fd, POLLRDHUP);
	show("recv", recv(fd, text, 10, 0));
	close(fd);
	pid = fork();
	if (pid == 0) {
		for (;;)
			pause();
	}
	close(listener);
	fd = stream(0);
	show("the child listens", connect(fd, (struct sockaddr *)&address, sizeof(address)));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	await_poll("reset with it", fd, POLLHUP);
	close(fd);
	settle();
	fd = stream(0);
	show("nobody listens", connect(fd, (struct sockaddr *)&address, sizeof(address)));
	close(fd);
}

static void text_left(void)
{
	int ends[2], pid;
	long total = 0, n;

	connection(ends);
	pid = fork();
	if (pid == 0) {
		close(ends[1]);
		for (int i = 0; i < 16; i++)
			for (long at = 0; at < (long)sizeof(text); at += n)
				n = write(ends[0], text + at, sizeof(text) - (size_t)at);
		_exit(0);
	}
	close(ends[0]);
	settle();
	while ((n = read(ends[1], text, 1000)) > 0)
		total += n;
	waitpid(pid, NULL, 0);
	say("written and left: %ld bytes, then %ld", total, n);
	close(ends[1]);
}

static void send_descriptor(int channel, int fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec part = { "f", 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
				  .msg_controllen = sizeof(control) };

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	sendmsg(channel, &message, 0);
}

static int receive_descriptor(int channel)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	char c;
	struct iovec part = { &c, 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	int fd;

	recvmsg(channel, &message, 0);
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}

static void passed(void)
{
	struct sockaddr_in address, name;
	socklen_t length = sizeof(name);
	int channel[2], listener = listening(&address, 5), client, fd, pid;

	socketpair(AF_UNIX, SOCK_STREAM, 0, channel);
	pid = fork();
	if (pid == 0) {
		close(listener);
		fd = receive_descriptor(channel[1]);
		getpeername(fd, (struct sockaddr *)&name, &length);
		write(fd, "from the one it was passed to", 29);
		shutdown(fd, SHUT_WR);
		_exit(0);
	}
	client = connecting(&address, 0);
	fd = accept(listener, NULL, NULL);
	send_descriptor(channel[0], fd);
	close(fd);
	show("recv", recv(client, text, 29, MSG_WAITALL));
	show("recv", recv(client, text, 29, 0));
	waitpid(pid, NULL, 0);
	send_descriptor(channel[0], listener);
	close(listener);
	listener = receive_descriptor(channel[1]);
	close(client);
	client = connecting(&address, 0);
	fd = accept(listener, NULL, NULL);
	say("accepted on a listener that was passed: %d", fd >= 0);
	close(fd);
	close(client);
	close(listener);
	close(channel[0]);
	close(channel[1]);
}

static void executed(void)
{
	char *self = getenv("PROGRAM"), number[12];
	char *arguments[] = { self, "child", number, NULL };
	struct linger linger = { 1, 0 };
	int ends[2], pid;

	connection(ends);
	snprintf(number, sizeof(number), "%d", ends[0]);
	pid = fork();
	if (pid == 0) {
		fcntl(ends[1], F_SETFD, FD_CLOEXEC);
		if (self)
			execv(self, arguments);
		_exit(1);
	}
	close(ends[0]);
	recv(ends[1], text, 5, MSG_WAITALL);
	setsockopt(ends[1], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(ends[1]);
	waitpid(pid, NULL, 0);
}

/* What exec made of it. */
static int child(int fd)
{
	struct sockaddr_in name;
	socklen_t length = sizeof(name);
	int on = 1;

	show("child: getpeername", getpeername(fd, (struct sockaddr *)&name, &length));
	show("child: setsockopt", setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
	if (write(fd, "child", 5) != 5)
		return 1;
	await_poll("child: reset", fd, POLLHUP);
	pipes = 0;
	show("child: write", write(fd, "x", 1));
	show("child: write", write(fd, "x", 1));
	say("child: SIGPIPE %d", pipes);
	return 0;
}

static void closing_all(void)
{
	struct sockaddr_in address;
	int listener = listening(&address, 5), fd;

	for (int i = 3; i < 5000; i++)
		if (i != listener)
			close(i);
	fd = connecting(&address, 0);
	say("connected after closing all: %d", fd >= 0);
	close(fd);
	close(listener);
}

int main(int argc, char **argv)
{
	ignore_pipe();
	if (argc > 2 && strcmp(argv[1], "child") == 0)
		return child(atoi(argv[2]));
	last_close();
	killed();
	text_left();
	passed();
	executed();
	closing_all();
	return 0;
}
