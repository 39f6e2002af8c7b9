/* SPDX-License-Identifier: MIT */
/* How connections end: EOF, half-close, reset, broken pipe; and what poll says at each step. */
#include "show.h"

static char text[65536];

static void end_of_file(void)
{
	int ends[2];

	connection(ends);
	show("send", send(ends[0], "bye", 3, 0));
	close(ends[0]);
	await_poll("peer closed", ends[1], POLLRDHUP);
	show("recv", recv(ends[1], text, 10, 0));
	show("recv", recv(ends[1], text, 10, 0));
	show("recv", recv(ends[1], text, 10, 0));
	show_poll("after", ends[1]);
	pipes = 0;
	show("first send", send(ends[1], "x", 1, 0));
	await_poll("reset by it", ends[1], POLLHUP);
	show("second send", send(ends[1], "x", 1, 0));
	say("SIGPIPE %d", pipes);
	show("recv", recv(ends[1], text, 10, 0));
	close(ends[1]);
}

static void half_close(void)
{
	struct sockaddr_in name;
	socklen_t length = sizeof(name);
	int ends[2];

	connection(ends);
	show("shutdown write", shutdown(ends[0], SHUT_WR));
	await_poll("peer", ends[1], POLLRDHUP);
	show_poll("own", ends[0]);
	pipes = 0;
	show("send after", send(ends[0], "x", 1, 0));
	say("SIGPIPE %d", pipes);
	show("peer recv", recv(ends[1], text, 10, 0));
	show("peer sends", send(ends[1], "still here", 10, 0));
	await_poll("own", ends[0], POLLIN);
	show("recv", recv(ends[0], text, 20, 0));
	show("shutdown again", shutdown(ends[0], SHUT_WR));
	show("peer shuts", shutdown(ends[1], SHUT_WR));
	await_poll("own", ends[0], POLLHUP);
	await_poll("peer", ends[1], POLLHUP);
	show("recv", recv(ends[0], text, 20, 0));
	show("peer recv", recv(ends[1], text, 20, 0));
	show("getpeername of who closed first", getpeername(ends[0], (struct sockaddr *)&name, &length));
	show("shutdown when all is over", shutdown(ends[1], SHUT_RDWR));
	close(ends[0]);
	close(ends[1]);
}

static void shut_both(void)
{
	int ends[2];

	connection(ends);
	send(ends[1], "text", 4, 0);
	polled(ends[0], POLLIN, 5000);
	show("shutdown both", shutdown(ends[0], SHUT_RDWR));
	show_poll("own", ends[0]);
	show("recv", recv(ends[0], text, 20, 0));
	show("recv", recv(ends[0], text, 20, 0));
	await_poll("peer", ends[1], POLLRDHUP);
	show("peer recv", recv(ends[1], text, 20, 0));
	close(ends[0]);
	close(ends[1]);
	connection(ends);
	show("shutdown read", shutdown(ends[0], SHUT_RD));
	show_poll("own", ends[0]);
	show("recv", recv(ends[0], text, 20, 0));
	show("send", send(ends[0], "x", 1, 0));
	await_poll("peer", ends[1], POLLIN);
	show("wrong how", shutdown(ends[0], 7));
	close(ends[0]);
	close(ends[1]);
}

static void unread(void)
{
	int ends[2];

	connection(ends);
	send(ends[1], "nobody reads this", 17, 0);
	send(ends[0], "pending", 7, 0);
	polled(ends[0], POLLIN, 5000);
	polled(ends[1], POLLIN, 5000);
	settle();
	close(ends[0]);
	await_poll("closed with unread text", ends[1], POLLHUP);
	show("recv pending", recv(ends[1], text, 20, 0));
	show("recv", recv(ends[1], text, 20, 0));
	show("recv", recv(ends[1], text, 20, 0));
	pipes = 0;
	show("send", send(ends[1], "x", 1, 0));
	say("SIGPIPE %d", pipes);
	close(ends[1]);
}

static void linger_zero(void)
{
	struct linger linger = { 1, 0 };
	int ends[2];

	connection(ends);
	setsockopt(ends[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(ends[0]);
	await_poll("linger 0", ends[1], POLLHUP);
	pipes = 0;
	show("send hears it", send(ends[1], "x", 1, 0));
	show("then", send(ends[1], "x", 1, 0));
	say("SIGPIPE %d", pipes);
	show("recv", recv(ends[1], text, 20, 0));
	show_poll("after", ends[1]);
	close(ends[1]);
	connection(ends);
	setsockopt(ends[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(ends[0]);
	await_poll("linger 0", ends[1], POLLHUP);
	show_error("reset", ends[1]);
	show("write", write(ends[1], "x", 1));
	show("read", read(ends[1], text, 20));
	close(ends[1]);
}

static void lingering(void)
{
	struct linger linger = { 1, 5 };
	double before;
	int ends[2];

	connection(ends);
	setsockopt(ends[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	send(ends[0], text, 1000, 0);
	before = seconds();
	show("close", close(ends[0]));
	say("within a second: %d", seconds() - before < 1.0);
	await_poll("peer", ends[1], POLLRDHUP);
	show("recv", recv(ends[1], text, sizeof(text), MSG_WAITALL));
	close(ends[1]);
}

static void writes_and_vectors(void)
{
	struct iovec part[2] = { { text, 100 }, { text + 100, 200 } };
	int ends[2], waiting = -1;

	connection(ends);
	show("writev", writev(ends[0], part, 2));
	polled(ends[1], POLLIN, 5000);
	settle();
	show("FIONREAD", ioctl(ends[1], FIONREAD, &waiting));
	say("waiting %d", waiting);
	show("peek", recv(ends[1], text, 50, MSG_PEEK));
	show("readv", readv(ends[1], part, 2));
	show("recv, nothing there", recv(ends[1], text, 50, MSG_DONTWAIT));
	show("SIOCOUTQ", ioctl(ends[0], TIOCOUTQ, &waiting));
	say("unacknowledged %d", waiting);
	show("nothing", send(ends[0], text, 0, 0));
	show("MSG_MORE", send(ends[0], text, 10, MSG_MORE));
	show("and the rest", send(ends[0], text, 10, 0));
	show("all of it", recv(ends[1], text, 20, MSG_WAITALL));
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	ignore_pipe();
	end_of_file();
	half_close();
	shut_both();
	unread();
	linger_zero();
	lingering();
	writes_and_vectors();
	return 0;
}
