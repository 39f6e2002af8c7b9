/* SPDX-License-Identifier: MIT */
/* connect: blocking or not, refused, repeated, undone. */
#include "show.h"

static void blocking(void)
{
	struct sockaddr_in address, peer, own;
	socklen_t length = sizeof(peer);
	int listener = listening(&address, 5), fd = stream(0), other;

	show("connect", connect(fd, (struct sockaddr *)&address, sizeof(address)));
	show("again", connect(fd, (struct sockaddr *)&address, sizeof(address)));
	getpeername(fd, (struct sockaddr *)&peer, &length);
	say("peer is the listener: %d", memcmp(&peer, &address, sizeof(peer)) == 0);
	length = sizeof(peer);
	other = accept(listener, (struct sockaddr *)&peer, &length);
	getsockname(fd, (struct sockaddr *)&own, &length);
	say("accepted from it: %d, length %d", memcmp(&peer, &own, sizeof(peer)) == 0, (int)length);
	show_poll("connected", fd);
	show_error("connected", fd);
	show("bind", bind(fd, (struct sockaddr *)&own, sizeof(own)));
	show("listen", listen(fd, 1));
	show("accept", accept(fd, NULL, NULL));
	show("sendto an address", sendto(fd, "hello", 5, 0, (struct sockaddr *)&own, sizeof(own)));
	await_poll("other", other, POLLIN);
	{
		char text[16];
		struct sockaddr_storage name;

		length = sizeof(name);
		show("recvfrom", recvfrom(other, text, sizeof(text), 0, (struct sockaddr *)&name, &length));
		say("name length %d", (int)length);
	}
	close(fd);
	close(other);
	close(listener);
}

static void refused(void)
{
	struct sockaddr_in address = nobody(), good;
	int listener, fd = stream(0);
	char c;

	show("connect", connect(fd, (struct sockaddr *)&address, sizeof(address)));
	show_error("refused", fd);
	show("recv", recv(fd, &c, 1, MSG_DONTWAIT));
	show_poll("refused", fd);
	show("again", connect(fd, (struct sockaddr *)&address, sizeof(address)));
	listener = listening(&good, 5);
	show("to one that listens", connect(fd, (struct sockaddr *)&good, sizeof(good)));
	show_poll("connected", fd);
	close(fd);
	close(listener);
}

static void non_blocking_refused(void)
{
	struct sockaddr_in address = nobody();
	int fd = stream(SOCK_NONBLOCK);
	char c;

	show("connect", connect(fd, (struct sockaddr *)&address, sizeof(address)));
	await_poll("refused", fd, POLLOUT);
	show_error("refused", fd);
	show_error("and then", fd);
	show("recv", recv(fd, &c, 1, 0));
	close(fd);
	fd = stream(SOCK_NONBLOCK);
	show("connect", connect(fd, (struct sockaddr *)&address, sizeof(address)));
	polled(fd, POLLOUT, 5000);
	show("connect hears it", connect(fd, (struct sockaddr *)&address, sizeof(address)));
	show("connect begins anew", connect(fd, (struct sockaddr *)&address, sizeof(address)));
	polled(fd, POLLOUT, 5000);
	show("recv hears it", recv(fd, &c, 1, 0));
	close(fd);
}

static void non_blocking(void)
{
	struct sockaddr_in address;
	int listener = listening(&address, 5), fd = stream(SOCK_NONBLOCK);

	show("connect", connect(fd, (struct sockaddr *)&address, sizeof(address)));
	await_poll("connected", fd, POLLOUT);
	show_error("connected", fd);
	show("first again", connect(fd, (struct sockaddr *)&address, sizeof(address)));
	show("second again", connect(fd, (struct sockaddr *)&address, sizeof(address)));
	close(fd);
	close(listener);
}

static void undone(void)
{
	struct sockaddr_in address, other;
	struct sockaddr nowhere = { .sa_family = AF_UNSPEC };
	socklen_t length = sizeof(other);
	int listener = listening(&address, 5), fd = connecting(&address, 0), accepted = accept(listener, NULL, NULL);
	char c;

	show("disconnect", connect(fd, &nowhere, sizeof(nowhere)));
	show("getpeername", getpeername(fd, (struct sockaddr *)&other, &length));
	await_poll("other side", accepted, POLLIN);
	show("its recv", recv(accepted, &c, 1, 0));
	show("connect anew", connect(fd, (struct sockaddr *)&address, sizeof(address)));
	show_poll("connected", fd);
	close(fd);
	close(accepted);
	close(listener);
}

static void odd(void)
{
	struct sockaddr_in address = local_address(0);
	int fd = stream(0);

	show("short", connect(fd, (struct sockaddr *)&address, 8));
	show("very short", connect(fd, (struct sockaddr *)&address, 1));
	address.sin_family = AF_UNIX;
	show("other family", connect(fd, (struct sockaddr *)&address, sizeof(address)));
	address = local_address(0);
	show("port 0", connect(fd, (struct sockaddr *)&address, sizeof(address)));
	close(fd);
}

static void to_any(void)
{
	struct sockaddr_in address;
	int listener = listening(&address, 5), fd = stream(0);

	address.sin_addr.s_addr = htonl(INADDR_ANY);
	show("connect to 0.0.0.0", connect(fd, (struct sockaddr *)&address, sizeof(address)));
	close(fd);
	close(listener);
}

static void bound_first(void)
{
	struct sockaddr_in address, own = local_address(0), seen;
	socklen_t length = sizeof(own);
	int listener = listening(&address, 5), fd = stream(0), accepted;

	bind(fd, (struct sockaddr *)&own, sizeof(own));
	getsockname(fd, (struct sockaddr *)&own, &length);
	show("connect", connect(fd, (struct sockaddr *)&address, sizeof(address)));
	accepted = accept(listener, (struct sockaddr *)&seen, &length);
	say("from the port that was bound: %d", seen.sin_port == own.sin_port);
	close(fd);
	close(accepted);
	close(listener);
}

int main(void)
{
	ignore_pipe();
	blocking();
	refused();
	non_blocking_refused();
	non_blocking();
	undone();
	odd();
	to_any();
	bound_first();
	return 0;
}
