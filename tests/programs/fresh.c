/* SPDX-License-Identifier: MIT */
/* Sockets before they are connected: what they poll, refuse and are called. */
#include "show.h"

static void unconnected(void)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);
	int fd = stream(0);
	char c;

	show_poll("fresh", fd);
	show("recv", recv(fd, &c, 1, 0));
	show("read", read(fd, &c, 1));
	show("send", send(fd, "x", 1, MSG_NOSIGNAL));
	pipes = 0;
	show("write", write(fd, "x", 1));
	say("SIGPIPE %d", pipes);
	show("shutdown", shutdown(fd, SHUT_RDWR));
	show("getpeername", getpeername(fd, (struct sockaddr *)&address, &length));
	memset(&address, 0xff, sizeof(address));
	show("getsockname", getsockname(fd, (struct sockaddr *)&address, &length));
	say("name %s port %d length %d", inet_ntoa(address.sin_addr), ntohs(address.sin_port), (int)length);
	show("accept", accept(fd, NULL, NULL));
	show("accept4 with wrong flags", accept4(fd, NULL, NULL, 1));
	show_error("fresh", fd);
	show("close", close(fd));
	show("close again", close(fd));
}

static void bound(void)
{
	struct sockaddr_in address = local_address(0), other;
	socklen_t length = sizeof(address);
	int fd = stream(0), second = stream(0);

	show("bind short", bind(fd, (struct sockaddr *)&address, 8));
	address.sin_family = AF_INET6;
	show("bind other family", bind(fd, (struct sockaddr *)&address, sizeof(address)));
	address = local_address(0);
	address.sin_addr.s_addr = inet_addr("203.0.113.7");
	show("bind foreign", bind(fd, (struct sockaddr *)&address, sizeof(address)));
	address = local_address(0);
	show("bind", bind(fd, (struct sockaddr *)&address, sizeof(address)));
	show("bind twice", bind(fd, (struct sockaddr *)&address, sizeof(address)));
	getsockname(fd, (struct sockaddr *)&address, &length);
	say("port chosen %d, address %s", address.sin_port != 0, inet_ntoa(address.sin_addr));
	show_poll("bound", fd);
	show("the same port", bind(second, (struct sockaddr *)&address, sizeof(address)));
	show("send", send(fd, "x", 1, MSG_NOSIGNAL));
	close(fd);
	show("the same port after close", bind(second, (struct sockaddr *)&address, sizeof(address)));
	length = 4;
	show("getsockname short", getsockname(second, (struct sockaddr *)&other, &length));
	say("length %d", (int)length);
	close(second);
}

static void reuse(void)
{
	struct sockaddr_in address;
	int first = listening(&address, 5), second = stream(0), on = 1;

	show("listen port again", bind(second, (struct sockaddr *)&address, sizeof(address)));
	setsockopt(second, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	show("with SO_REUSEADDR", bind(second, (struct sockaddr *)&address, sizeof(address)));
	close(second);
	close(first);
	first = stream(0);
	second = stream(0);
	setsockopt(first, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	setsockopt(second, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	show("first with SO_REUSEPORT", bind(first, (struct sockaddr *)&address, sizeof(address)));
	show("listen", listen(first, 5));
	show("second with SO_REUSEPORT", bind(second, (struct sockaddr *)&address, sizeof(address)));
	show("listen", listen(second, 5));
	close(first);
	close(second);
}

static void listeners(void)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);
	int fd = stream(0), value = -1;
	char c;

	show("listen unbound", listen(fd, 3));
	getsockname(fd, (struct sockaddr *)&address, &length);
	say("port chosen %d, address %s", address.sin_port != 0, inet_ntoa(address.sin_addr));
	show_poll("listener", fd);
	show("listen again", listen(fd, 7));
	show("listen negative", listen(fd, -1));
	length = sizeof(value);
	getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &length);
	say("SO_ACCEPTCONN %d", value);
	pipes = 0;
	show("write", write(fd, "x", 1));
	say("SIGPIPE %d", pipes);
	show("connect on it", connect(fd, (struct sockaddr *)&address, sizeof(address)));
	show("bind on it", bind(fd, (struct sockaddr *)&address, sizeof(address)));
	length = sizeof(address);
	show("getpeername", getpeername(fd, (struct sockaddr *)&address, &length));
	nonblocking(fd);
	show("accept", accept(fd, NULL, NULL));
	show("shutdown write", shutdown(fd, SHUT_WR));
	show("accept", accept(fd, NULL, NULL));
	show("shutdown read", shutdown(fd, SHUT_RD));
	show("accept", accept(fd, NULL, NULL));
	(void)c;
	close(fd);
}

static void kinds(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
	static const int names[] = { SO_TYPE, SO_DOMAIN, SO_PROTOCOL, SO_ACCEPTCONN, SO_ERROR };

	say("close-on-exec %d, non-blocking %d", !!(fcntl(fd, F_GETFD) & FD_CLOEXEC),
	    !!(fcntl(fd, F_GETFL) & O_NONBLOCK));
	for (unsigned i = 0; i < 5; i++) {
		int value = -1;
		socklen_t length = sizeof(value);

		show("getsockopt", getsockopt(fd, SOL_SOCKET, names[i], &value, &length));
		say("value %d length %d", value, (int)length);
	}
	close(fd);
	fd = stream(0);
	say("close-on-exec %d, non-blocking %d", !!(fcntl(fd, F_GETFD) & FD_CLOEXEC),
	    !!(fcntl(fd, F_GETFL) & O_NONBLOCK));
	close(fd);
	show("wrong type", socket(AF_INET, SOCK_STREAM | 0x100000, 0));
	show("wrong protocol", socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	say("UDP %d", fd >= 0);
	close(fd);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	show_poll("AF_UNIX", fd);
	show("shutdown of AF_UNIX", shutdown(fd, SHUT_RDWR));
	close(fd);
	show("bad descriptor", listen(-1, 1));
	show("not a socket", listen(1, 1));
}

int main(void)
{
	ignore_pipe();
	unconnected();
	bound();
	reuse();
	listeners();
	kinds();
	return 0;
}
