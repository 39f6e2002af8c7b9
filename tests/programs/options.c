/* SPDX-License-Identifier: MIT */
/* Socket options: what each is at first, what it takes, and what it says then. */
#include "show.h"

static const struct option {
	const char *text;
	int level, name;
	int values[5];
} table[] = {
	{ "SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR, { 1, 5, 0 } },
	{ "SO_REUSEPORT", SOL_SOCKET, SO_REUSEPORT, { 1, 0 } },
	{ "SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, { 1, 7, 0 } },
	{ "SO_BROADCAST", SOL_SOCKET, SO_BROADCAST, { 1, 0 } },
	{ "SO_OOBINLINE", SOL_SOCKET, SO_OOBINLINE, { 1, 0 } },
	{ "SO_PRIORITY", SOL_SOCKET, SO_PRIORITY, { 3, 0 } },
	{ "SO_SNDBUF", SOL_SOCKET, SO_SNDBUF, { 1, 8192, 65536, 100000 } },
	{ "SO_RCVBUF", SOL_SOCKET, SO_RCVBUF, { 1, 8192, 65536, 100000 } },
	{ "TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY, { 1, 9, 0 } },
	{ "TCP_CORK", IPPROTO_TCP, TCP_CORK, { 1, 0 } },
	{ "TCP_QUICKACK", IPPROTO_TCP, TCP_QUICKACK, { 0, 1 } },
	{ "TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE, { 10, 32767, 32768, 0, -1 } },
	{ "TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL, { 3, 32768, 0 } },
	{ "TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT, { 4, 128, 0 } },
	{ "TCP_SYNCNT", IPPROTO_TCP, TCP_SYNCNT, { 2, 128, 0 } },
	{ "TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT, { 5000, 0, -1 } },
	{ "TCP_LINGER2", IPPROTO_TCP, TCP_LINGER2, { 30, 0 } },
	{ "IP_TTL", IPPROTO_IP, IP_TTL, { 5, 255, 256, 0, -1 } },
	{ "IP_TOS", IPPROTO_IP, IP_TOS, { 0x10, 0 } },
	{ "unknown of SOL_SOCKET", SOL_SOCKET, 9999, { 1 } },
	{ "unknown of TCP", IPPROTO_TCP, 9999, { 1 } },
	{ "unknown of IP", IPPROTO_IP, 9999, { 1 } },
	{ "unknown level", 12345, 1, { 1 } },
	{ "SO_TYPE", SOL_SOCKET, SO_TYPE, { 1 } },
	{ "SO_ACCEPTCONN", SOL_SOCKET, SO_ACCEPTCONN, { 1 } },
	{ "SO_ERROR", SOL_SOCKET, SO_ERROR, { 1 } },
};

static void value_show(const char *what, const struct option *option, int fd)
{
	int value = -1;
	socklen_t length = sizeof(value);
	int result = getsockopt(fd, option->level, option->name, &value, &length);

	say("%s %s: %d %s, %d in %d bytes", option->text, what, result, result < 0 ? strerrorname_np(errno) : "", value,
	    (int)length);
}

static void plain(void)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct option *option = &table[i];
		int fd = stream(0);

		value_show("at first", option, fd);
		for (int j = 0; j < 5 && (j == 0 || option->values[j - 1] != 0 || option->values[j] != 0); j++) {
			printf("set to %d: ", option->values[j]);
			show(option->text,
			     setsockopt(fd, option->level, option->name, &option->values[j], sizeof(int)));
			value_show("then", option, fd);
		}
		close(fd);
	}
}

static void linger(void)
{
	struct linger linger = { -1, -1 };
	socklen_t length = sizeof(linger);
	int fd = stream(0);

	show("SO_LINGER", getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &length));
	say("%d %d %d", linger.l_onoff, linger.l_linger, (int)length);
	linger = (struct linger){ 1, 12 };
	show("set", setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	memset(&linger, 0xff, sizeof(linger));
	show("SO_LINGER", getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &length));
	say("%d %d", linger.l_onoff, linger.l_linger);
	show("short", setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, 4));
	close(fd);
}

static void lengths(void)
{
	int fd = stream(0), value = 1;
	socklen_t length = 2;
	char bytes[8] = { 0 };

	show("short value", setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, 2));
	show("no value", setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, NULL, 4));
	show("set", setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, 4));
	show("short room", getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, bytes, &length));
	say("length %d", (int)length);
	length = 8;
	show("more room", getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, bytes, &length));
	say("length %d", (int)length);
	show("no length", getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, bytes, NULL));
	close(fd);
}

static void times(void)
{
	struct timeval half = { 0, 300000 }, value = { -1, -1 };
	socklen_t length = sizeof(value);
	int ends[2];
	double before;
	char c;

	connection(ends);
	show("SO_RCVTIMEO", setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &half, sizeof(half)));
	getsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &value, &length);
	say("%ld %d", (long)value.tv_sec, value.tv_usec >= 300000);
	before = seconds();
	show("recv", recv(ends[0], &c, 1, 0));
	say("after its time: %d", seconds() - before >= 0.29 && seconds() - before < 2);
	close(ends[0]);
	close(ends[1]);
}

/* Who does not read stops who writes; SO_SNDTIMEO ends the wait. */
static void nobody_reads(void)
{
	static char text[1 << 20];
	struct timeval half = { 0, 300000 };
	int ends[2], rounds = 0;

	connection(ends);
	setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &half, sizeof(half));
	while (rounds < 100 && send(ends[0], text, sizeof(text), 0) > 0)
		rounds++;
	say("stopped before 100 MiB: %d, %s", rounds < 100, strerrorname_np(errno));
	close(ends[0]);
	close(ends[1]);
}

static void accept_time(void)
{
	struct timeval half = { 0, 200000 };
	struct sockaddr_in address;
	int listener = listening(&address, 5);

	setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &half, sizeof(half));
	show("accept with SO_RCVTIMEO", accept(listener, NULL, NULL));
	close(listener);
}

static void information(void)
{
	struct tcp_info info;
	socklen_t length = sizeof(info);
	int ends[2], fd = stream(0);
	char name[16] = "";

	memset(&info, 0xff, sizeof(info));
	show("TCP_INFO", getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length));
	say("state %d", info.tcpi_state);
	show("listen", listen(fd, 5));
	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length);
	say("state %d", info.tcpi_state);
	close(fd);
	connection(ends);
	length = sizeof(info);
	show("TCP_INFO", getsockopt(ends[0], IPPROTO_TCP, TCP_INFO, &info, &length));
	say("state %d, options %d, cwnd %d, rto set %d, length %d", info.tcpi_state, info.tcpi_options & 7,
	    info.tcpi_snd_cwnd >= 10, info.tcpi_rto > 0, (int)length);
	close(ends[0]);
	settle();
	getsockopt(ends[1], IPPROTO_TCP, TCP_INFO, &info, &length);
	say("state %d", info.tcpi_state);
	length = sizeof(name);
	show("TCP_CONGESTION", setsockopt(ends[1], IPPROTO_TCP, TCP_CONGESTION, "nonesuch", 8));
	show("TCP_CONGESTION", setsockopt(ends[1], IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
	show("TCP_CONGESTION", getsockopt(ends[1], IPPROTO_TCP, TCP_CONGESTION, name, &length));
	say("%s %d", name, (int)length);
	close(ends[1]);
}

int main(void)
{
	ignore_pipe();
	plain();
	linger();
	lengths();
	times();
	nobody_reads();
	accept_time();
	information();
	return 0;
}
