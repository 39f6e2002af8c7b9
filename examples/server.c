/* SPDX-License-Identifier: MIT */
/*
 * server: answers every line in upper case.  The textbook TCP server, in plain POSIX.
 *
 * The five calls that make a server, and the TCP states they lead to:
 *
 *     socket()     nothing on the wire yet                           CLOSED
 *     bind()       this address and port are ours                    CLOSED, with a port
 *     listen()     whoever sends a SYN is answered                   LISTEN
 *     accept()     takes a connection whose handshake is complete    ESTABLISHED
 *     close()      our FIN goes out.  Who closes first waits:        FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT
 *                  who closes second does not:                       CLOSE-WAIT, LAST-ACK, CLOSED
 *
 * A server that closed first leaves a connection in TIME-WAIT on its port, and bind() then fails with "Address
 * already in use", until 2 MSL have passed or unless SO_REUSEADDR is set (--reuse).  (Linux wants it set on the old
 * server's socket as well: so servers set it always.)
 *
 * Many clients are served by one process: poll() says which descriptors have something to do, and none of them may
 * block.  Each client has one buffer, which is filled by a read and emptied by writes; while it is not empty nothing
 * more is read from that client, so that one who sends and never reads stops nobody but itself.
 */
#include <ctype.h>
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

enum { CLIENTS_MAX = 1000, BUFFER_BYTES = 16384, BACKLOG = 128, NAME_BYTES = 64 };

struct options {
	const char *address;    /* of ours to listen on; NULL: all */
	const char *port;
	int family;             /* AF_INET, AF_INET6, or AF_UNSPEC: that of the address */
	bool reuse;             /* SO_REUSEADDR before bind() */
	bool close_first;       /* do not wait for the client's FIN: close when the first line is answered */
	bool no_read;           /* leave what the client sends unread; closing then sends RST, not FIN */
	double hold_s;          /* seconds between the reason to close and close() */
};

struct client {
	int fd;
	char name[NAME_BYTES];
	char buffer[BUFFER_BYTES];
	size_t length, sent;    /* of the buffer; all of it is sent when they are equal */
	bool line_seen;         /* a whole line has been read */
	bool closing;           /* nothing more is read; close() follows at close_at_s, once the buffer is sent */
	double close_at_s;
};

static struct client *clients[CLIENTS_MAX];
static int client_count;

static void die(const char *call)
{
	fprintf(stderr, "%s error: %s\n", call, strerror(errno));
	exit(1);
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* "10.0.0.2 port 40000", "fd00::2 port 40000" */
static void name_of(const struct sockaddr_storage *address, socklen_t length, char *name)
{
	char host[48], port[8];

	if (getnameinfo((const struct sockaddr *)address, length, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV))
		snprintf(name, NAME_BYTES, "a client without a name");
	else
		snprintf(name, NAME_BYTES, "%s port %s", host, port);
}

static struct addrinfo *address_find(const struct options *options)
{
	struct addrinfo hints = { .ai_family = options->family, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
	struct addrinfo *found;
	int error;

	if (!options->address && options->family == AF_UNSPEC)
		hints.ai_family = AF_INET;
	error = getaddrinfo(options->address, options->port, &hints, &found);
	if (error) {
		fprintf(stderr, "server: %s port %s: %s\n", options->address ? options->address : "all addresses",
			options->port, gai_strerror(error));
		exit(2);
	}
	return found;
}

/* socket(), bind(), listen(): from here on the port answers. */
static int listener_create(const struct options *options)
{
	struct addrinfo *found = address_find(options);
	struct sockaddr_storage local;
	socklen_t length = sizeof(local);
	char name[NAME_BYTES];
	int fd, on = 1;

	fd = socket(found->ai_family, SOCK_STREAM, 0);
	if (fd < 0)
		die("socket");
	if (options->reuse && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		die("setsockopt");
	if (bind(fd, found->ai_addr, found->ai_addrlen) < 0)
		die("bind");
	freeaddrinfo(found);
	if (listen(fd, BACKLOG) < 0)
		die("listen");
	/* accept() must not block: a client may be gone again between poll() and accept(). */
	fcntl(fd, F_SETFL, O_NONBLOCK);
	getsockname(fd, (struct sockaddr *)&local, &length);
	name_of(&local, length, name);
	printf("listening on %s\n", name);
	return fd;
}

static void client_accept(int listener)
{
	struct sockaddr_storage peer = { 0 };
	socklen_t length = sizeof(peer);
	struct client *client;
	int fd;

	fd = accept(listener, (struct sockaddr *)&peer, &length);
	if (fd < 0) {
		/* The client gave up meanwhile, or we are short of something for the moment: neither ends a server. */
		if (errno == EINVAL || errno == EBADF)
			die("accept");          /* it listens no more: the host that held the socket is gone */
		if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
			fprintf(stderr, "accept error: %s\n", strerror(errno));
		return;
	}
	client = calloc(1, sizeof(*client));
	if (!client) {
		fprintf(stderr, "accept error: %s\n", strerror(ENOMEM));
		close(fd);
		return;
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	client->fd = fd;
	name_of(&peer, length, client->name);
	clients[client_count++] = client;
	printf("%s: connected\n", client->name);
}

static void client_will_close(struct client *client, const struct options *options, const char *why)
{
	printf("%s: %s\n", client->name, why);
	client->closing = true;
	client->close_at_s = now_s() + options->hold_s;
}

/* The connection is beyond repair (reset, timed out): what has not been sent never will be. */
static void client_fail(struct client *client, const char *call)
{
	printf("%s: %s error: %s\n", client->name, call, strerror(errno));
	client->closing = true;
	client->close_at_s = 0;
	client->length = client->sent = 0;
}

static void client_read(struct client *client, const struct options *options)
{
	ssize_t n = recv(client->fd, client->buffer, sizeof(client->buffer), 0);

	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			client_fail(client, "read");
		return;
	}
	if (n == 0) {           /* the client's FIN; we are in CLOSE-WAIT until we close, too */
		client_will_close(client, options, "closed by the client");
		return;
	}
	for (ssize_t i = 0; i < n; i++) {
		client->line_seen |= client->buffer[i] == '\n';
		client->buffer[i] = (char)toupper((unsigned char)client->buffer[i]);
	}
	client->length = (size_t)n;
	client->sent = 0;
}

static void client_write(struct client *client, const struct options *options)
{
	/* MSG_NOSIGNAL: a connection that was reset is an error of this client, not a SIGPIPE for the whole server. */
	ssize_t n = send(client->fd, client->buffer + client->sent, client->length - client->sent, MSG_NOSIGNAL);

	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			client_fail(client, "write");
		return;
	}
	client->sent += (size_t)n;
	if (client->sent == client->length && options->close_first && client->line_seen && !client->closing)
		client_will_close(client, options, "closing first");
}

static void client_step(struct client *client, const struct options *options, short ready)
{
	if (ready & POLLNVAL)
		return;
	if (client->sent == client->length && !client->closing && (ready & (POLLIN | POLLHUP | POLLERR)))
		client_read(client, options);
	/* Room is likely: try at once, and leave it to poll() only when there is none. */
	if (client->sent < client->length)
		client_write(client, options);
}

/* What to wait for: the listener while there is room, and each client's next step.  Returns poll()'s timeout. */
static int wait_for(struct pollfd *fds, int listener)
{
	double least_s = -1, now = now_s();

	fds[0] = (struct pollfd){ .fd = client_count < CLIENTS_MAX ? listener : -1, .events = POLLIN };
	for (int i = 0; i < client_count; i++) {
		struct client *client = clients[i];
		double left_s = client->close_at_s > now ? client->close_at_s - now : 0;

		fds[i + 1] = (struct pollfd){ .fd = client->fd };
		if (client->sent < client->length)
			fds[i + 1].events = POLLOUT;
		else if (!client->closing)
			fds[i + 1].events = POLLIN;
		else
			fds[i + 1].fd = -1;     /* only its time has to come */
		if (fds[i + 1].fd < 0 && (least_s < 0 || left_s < least_s))
			least_s = left_s;
	}
	return least_s < 0 ? -1 : (int)(least_s * 1000) + 1;
}

static _Noreturn void serve(int listener, const struct options *options)
{
	static struct pollfd fds[CLIENTS_MAX + 1];

	for (;;) {
		int timeout_ms = wait_for(fds, listener), polled = client_count;

		if (poll(fds, (nfds_t)polled + 1, timeout_ms) < 0) {
			if (errno == EINTR)
				continue;
			die("poll");
		}
		for (int i = 0; i < polled; i++)
			client_step(clients[i], options, fds[i + 1].fd < 0 ? 0 : fds[i + 1].revents);
		if (fds[0].revents) {
			client_accept(listener);
			if (options->no_read && client_count > polled)
				client_will_close(clients[polled], options, "not reading");
		}
		for (int i = client_count - 1; i >= 0; i--) {
			struct client *client = clients[i];

			if (!client->closing || client->sent < client->length || client->close_at_s > now_s())
				continue;
			printf("%s: close\n", client->name);
			close(client->fd);      /* FIN; or RST, when bytes of the client's are left unread */
			free(client);
			clients[i] = clients[--client_count];
		}
	}
}

static const char usage[] =
	"usage: server [-4 | -6] [--port PORT] [--reuse] [--close-first] [--hold SEC] [--no-read] [ADDRESS]\n"
	"Answers every line in upper case, on port 8000 of ADDRESS (all addresses of this host).\n"
	"  -4, -6          all IPv4 addresses, as without; all IPv6 addresses, and the IPv4 ones with them\n"
	"  --port PORT     another port; 0 picks a free one\n"
	"  --reuse         set SO_REUSEADDR: bind also while old connections are in TIME-WAIT\n"
	"  --close-first   close after the first line is answered, before the client does\n"
	"  --hold SEC      wait before every close\n"
	"  --no-read       read nothing, and so reset the connection by closing it\n";

static struct options options_read(int argc, char **argv)
{
	enum { PORT = 256, REUSE, CLOSE_FIRST, HOLD, NO_READ, HELP };
	static const struct option names[] = {
		{ "port", required_argument, NULL, PORT },
		{ "reuse", no_argument, NULL, REUSE },
		{ "close-first", no_argument, NULL, CLOSE_FIRST },
		{ "hold", required_argument, NULL, HOLD },
		{ "no-read", no_argument, NULL, NO_READ },
		{ "help", no_argument, NULL, HELP },
		{ NULL, 0, NULL, 0 },
	};
	struct options options = { .family = AF_UNSPEC, .port = "8000" };
	char *end;
	long port;
	int option;

	while ((option = getopt_long(argc, argv, "46", names, NULL)) != -1) {
		switch (option) {
		case PORT:
			port = strtol(optarg, &end, 10);
			if (*end || end == optarg || port < 0 || port > 65535) {
				fprintf(stderr, "server: --port: not a port number (0 to 65535): %s\n", optarg);
				exit(2);
			}
			options.port = optarg;
			break;
		case '4': options.family = AF_INET; break;
		case '6': options.family = AF_INET6; break;
		case REUSE: options.reuse = true; break;
		case CLOSE_FIRST: options.close_first = true; break;
		case HOLD:
			options.hold_s = strtod(optarg, &end);
			if (*end || end == optarg || !(options.hold_s >= 0 && options.hold_s <= 1e6)) {
				fprintf(stderr, "server: --hold: not a number of seconds: %s\n", optarg);
				exit(2);
			}
			break;
		case NO_READ: options.no_read = true; break;
		case HELP:
			fputs(usage, stdout);
			exit(0);
		default:
			exit(2);        /* getopt_long has said why */
		}
	}
	if (argc - optind > 1) {
		fprintf(stderr, "server: only one address, not also %s\n", argv[optind + 1]);
		exit(2);
	}
	if (optind < argc)
		options.address = argv[optind];
	return options;
}

int main(int argc, char **argv)
{
	struct options options = options_read(argc, argv);

	setvbuf(stdout, NULL, _IOLBF, 0);
	serve(listener_create(&options), &options);
}
