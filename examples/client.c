/* SPDX-License-Identifier: MIT */
/*
 * client: sends its standard input to a server and prints what comes back.  The textbook TCP client, in plain POSIX.
 *
 * The calls that make a client, and the TCP states they lead to:
 *
 *     socket()              nothing on the wire yet                    CLOSED
 *     connect()             our SYN goes out;                          SYN-SENT
 *                           the server's SYN and ACK come back         ESTABLISHED
 *     shutdown(SHUT_WR)     our FIN: we will send no more, but go on   FIN-WAIT-1, FIN-WAIT-2
 *                           receiving (half-close)
 *     close()               our FIN, if it has not been sent; who      FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT
 *                           closes first waits, who closes second
 *                           does not                                   CLOSE-WAIT, LAST-ACK, CLOSED
 *
 * At the end of its input the client waits until as many bytes have come back as it has sent (the server only changes
 * their case) and closes: so it is the one who closes first, and it leaves nothing unread.  With --half-close it says
 * by a FIN that its input is over and then reads until the server's FIN.
 *
 * Two clients that call each other's ports at the same moment (--local-port) open the connection together, without
 * any server: SYN-SENT, SYN-RECEIVED, ESTABLISHED on both sides.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER_BYTES = 65536 };

struct options {
	const char *host;
	const char *port;
	int family;                     /* AF_INET, AF_INET6, or AF_UNSPEC: as the host's name says */
	const char *local_address;      /* NULL: the system chooses, as clients nearly always let it */
	const char *local_port;
	bool reuse;                     /* SO_REUSEADDR before bind() */
	bool half_close;                /* FIN at the end of the input, then read until the server's FIN */
	bool close_first;               /* close at the end of the input, whatever is still to come */
	bool no_read;                   /* leave what the server sends unread; closing then sends RST, not FIN */
	double hold_s;                  /* seconds between the reason to close and close() */
};

static void die(const char *call)
{
	fprintf(stderr, "%s error: %s\n", call, strerror(errno));
	exit(1);
}

static struct addrinfo *look_up(const char *host, const char *port, int family, int flags)
{
	struct addrinfo hints = { .ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = flags };
	struct addrinfo *found;
	int error = getaddrinfo(host, port, &hints, &found);

	if (error) {
		fprintf(stderr, "client: %s: %s\n", host ? host : port, gai_strerror(error));
		exit(1);
	}
	return found;
}

/* socket() and connect(); bind() between them only for a local port of our own choice. */
static int address_connect(const struct addrinfo *server, const struct options *options)
{
	int fd, error, on = 1;

	fd = socket(server->ai_family, SOCK_STREAM, 0);
	if (fd < 0)
		die("socket");
	if (options->reuse && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		die("setsockopt");
	if (options->local_address || options->local_port) {
		const char *port = options->local_port ? options->local_port : "0";
		struct addrinfo *local = look_up(options->local_address, port, server->ai_family, AI_PASSIVE);

		if (bind(fd, local->ai_addr, local->ai_addrlen) < 0)
			die("bind");
		freeaddrinfo(local);
	}
	if (connect(fd, server->ai_addr, server->ai_addrlen) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* A host may have several addresses, of both families: the first that answers is taken. */
static int connection_open(const struct options *options)
{
	struct addrinfo *all = look_up(options->host, options->port, options->family, 0);
	int fd = -1;

	for (const struct addrinfo *server = all; server && fd < 0; server = server->ai_next)
		fd = address_connect(server, options);
	if (fd < 0)
		die("connect");
	freeaddrinfo(all);
	return fd;
}

static void print_all(const char *text, size_t bytes)
{
	while (bytes > 0) {
		ssize_t n = write(STDOUT_FILENO, text, bytes);

		if (n < 0)
			die("write to standard output");
		text += n;
		bytes -= (size_t)n;
	}
}

/*
 * Carries the input to the server and its answers to the output, both at the same time: a client that first sends
 * everything and then starts to read would wait for the server for ever, while that waits for the client to read.
 * Returns when it is time to close.
 */
static void talk(int fd, const struct options *options)
{
	static char input[BUFFER_BYTES], answer[BUFFER_BYTES];
	size_t length = 0, sent = 0;                    /* of the input that was read, and passed on */
	unsigned long long sent_bytes = 0, received_bytes = 0;
	bool input_ended = false;
	ssize_t n;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (;;) {
		bool waiting = sent < length;
		struct pollfd fds[2] = {
			{ .fd = waiting || input_ended ? -1 : STDIN_FILENO, .events = POLLIN },
			{ .fd = fd, .events = (short)((options->no_read ? 0 : POLLIN) | (waiting ? POLLOUT : 0)) },
		};

		if (input_ended && !waiting && !options->half_close &&
		    (options->close_first || options->no_read || received_bytes >= sent_bytes))
			return;                         /* all is said: we are the one to close first */
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			die("poll");

		if (fds[0].revents) {
			n = read(STDIN_FILENO, input, sizeof(input));
			if (n < 0)
				die("read of standard input");
			length = (size_t)n;
			sent = 0;
			input_ended = n == 0;
			if (input_ended && options->half_close && shutdown(fd, SHUT_WR) < 0)
				die("shutdown");
		}
		if (sent < length) {
			n = send(fd, input + sent, length - sent, MSG_NOSIGNAL);
			if (n < 0 && errno != EAGAIN)
				die("write");
			sent += n < 0 ? 0 : (size_t)n;
			sent_bytes += n < 0 ? 0 : (size_t)n;
		}
		if (fds[1].revents & (POLLIN | POLLHUP | POLLERR)) {
			/* A read of no bytes tells of an error all the same. */
			n = recv(fd, answer, options->no_read ? 0 : sizeof(answer), 0);
			if (n < 0 && errno != EAGAIN)
				die("read");
			if (n == 0) {                   /* the server's FIN: nothing more will come */
				if (!input_ended)
					fprintf(stderr, "closed by the server\n");
				return;
			}
			if (n > 0) {
				print_all(answer, (size_t)n);
				received_bytes += (size_t)n;
			}
		}
	}
}

static void hold(double seconds)
{
	struct timespec left = { .tv_sec = (time_t)seconds };

	left.tv_nsec = (long)((seconds - (double)left.tv_sec) * 1e9);
	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

static const char usage[] =
	"usage: client [-4 | -6] [--port PORT] [--local-port PORT] [--bind ADDRESS] [--reuse] [--half-close]\n"
	"              [--close-first] [--no-read] [--hold SEC] [HOST]\n"
	"Sends standard input to port 8000 of HOST (127.0.0.1, or ::1 with -6) and prints the answer.\n"
	"  -4, -6              only the host's IPv4, IPv6 addresses\n"
	"  --port PORT         another port of the server\n"
	"  --local-port PORT   bind this port of ours; two clients that call each other's open simultaneously\n"
	"  --bind ADDRESS      bind this address of ours\n"
	"  --reuse             set SO_REUSEADDR before that\n"
	"  --half-close        at the end of the input send FIN, then read until the server's FIN\n"
	"  --close-first       at the end of the input close, without waiting for the answer\n"
	"  --no-read           read nothing, and so reset the connection by closing it\n"
	"  --hold SEC          wait before the close\n";

static const char *port_read(const char *option, const char *text)
{
	char *end;
	long port = strtol(text, &end, 10);

	if (*end || end == text || port < 1 || port > 65535) {
		fprintf(stderr, "client: %s: not a port number (1 to 65535): %s\n", option, text);
		exit(2);
	}
	return text;
}

static double seconds_read(const char *option, const char *text)
{
	char *end;
	double seconds = strtod(text, &end);

	if (*end || end == text || !(seconds >= 0 && seconds <= 1e6)) {
		fprintf(stderr, "client: %s: not a number of seconds: %s\n", option, text);
		exit(2);
	}
	return seconds;
}

static struct options options_read(int argc, char **argv)
{
	enum { PORT = 256, LOCAL_PORT, BIND, REUSE, HALF_CLOSE, CLOSE_FIRST, NO_READ, HOLD, HELP };
	static const struct option names[] = {
		{ "port", required_argument, NULL, PORT },
		{ "local-port", required_argument, NULL, LOCAL_PORT },
		{ "bind", required_argument, NULL, BIND },
		{ "reuse", no_argument, NULL, REUSE },
		{ "half-close", no_argument, NULL, HALF_CLOSE },
		{ "close-first", no_argument, NULL, CLOSE_FIRST },
		{ "no-read", no_argument, NULL, NO_READ },
		{ "hold", required_argument, NULL, HOLD },
		{ "help", no_argument, NULL, HELP },
		{ NULL, 0, NULL, 0 },
	};
	struct options options = { .family = AF_UNSPEC, .port = "8000" };
	int option;

	while ((option = getopt_long(argc, argv, "46", names, NULL)) != -1) {
		switch (option) {
		case '4': options.family = AF_INET; break;
		case '6': options.family = AF_INET6; break;
		case PORT: options.port = port_read("--port", optarg); break;
		case LOCAL_PORT: options.local_port = port_read("--local-port", optarg); break;
		case BIND: options.local_address = optarg; break;
		case REUSE: options.reuse = true; break;
		case HALF_CLOSE: options.half_close = true; break;
		case CLOSE_FIRST: options.close_first = true; break;
		case NO_READ: options.no_read = true; break;
		case HOLD: options.hold_s = seconds_read("--hold", optarg); break;
		case HELP:
			fputs(usage, stdout);
			exit(0);
		default:
			exit(2);        /* getopt_long has said why */
		}
	}
	if (argc - optind > 1) {
		fprintf(stderr, "client: only one host, not also %s\n", argv[optind + 1]);
		exit(2);
	}
	options.host = optind < argc ? argv[optind] : options.family == AF_INET6 ? "::1" : "127.0.0.1";
	return options;
}

int main(int argc, char **argv)
{
	struct options options = options_read(argc, argv);
	int fd = connection_open(&options);

	talk(fd, &options);
	hold(options.hold_s);
	close(fd);              /* FIN; or RST, when bytes of the server's are left unread */
	return 0;
}
