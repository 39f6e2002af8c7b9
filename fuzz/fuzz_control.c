/* SPDX-License-Identifier: MIT */
/*
 * Messages to the host's control socket, sockets' requests too, from one client: whole ones, damaged ones, several at
 * a time, with descriptors.  The host answers or drops it, and then still answers another.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fuzz/choice.h"
#include "fuzz/hosts.h"
#include "fuzz/must.h"
#include "fuzz/target.h"
#include "sock/protocol.h"

#define MESSAGES_MAX 8
#define SOCKETS_MAX  4

static struct hosts hosts;
static _Alignas(8) uint8_t message[CONTROL_MESSAGE_MAX];
static int given[SOCKETS_MAX];          /* descriptors that the host gave, to be sent with requests */
static unsigned given_count;

static void turns(unsigned n)
{
	while (n-- > 0)
		MUST(loop_turn(hosts.loop, 0) == 0);
}

static int client_connect(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);

	memcpy(address.sun_path, hosts.path, sizeof(hosts.path));
	MUST(fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0);
	return fd;
}

static void message_send(int fd, const void *bytes, size_t n, int descriptor)
{
	union { struct cmsghdr align; char bytes[CMSG_SPACE(sizeof(int))]; } ancillary;
	struct iovec part = { (void *)(uintptr_t)bytes, n };
	struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };

	memset(&ancillary, 0, sizeof(ancillary));
	if (descriptor >= 0) {
		header.msg_control = ancillary.bytes;
		header.msg_controllen = sizeof(ancillary.bytes);
		CMSG_FIRSTHDR(&header)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&header)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&header)->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&header)), &descriptor, sizeof(int));
	}
	sendmsg(fd, &header, MSG_NOSIGNAL);
}

/* How many replies came; every one is well formed. Keeps descriptors while there is room. */
static unsigned replies_take(int fd)
{
	union { struct cmsghdr align; char bytes[CMSG_SPACE(4 * sizeof(int))]; } ancillary;
	unsigned count = 0;
	ssize_t n;

	for (;;) {
		struct iovec part = { message, sizeof(message) };
		struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = ancillary.bytes,
					 .msg_controllen = sizeof(ancillary.bytes) };
		struct control_header reply;
		struct cmsghdr *c;

		n = recvmsg(fd, &header, 0);
		if (n <= 0)
			return count;
		MUST((size_t)n >= sizeof(reply));
		memcpy(&reply, message, sizeof(reply));
		MUST(reply.magic == CONTROL_MAGIC && reply.type & CONTROL_REPLY);
		MUST(reply.length == (size_t)n - sizeof(reply));
		count++;
		for (c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c))
			for (size_t i = 0; CMSG_LEN((i + 1) * sizeof(int)) <= c->cmsg_len; i++) {
				int one;

				memcpy(&one, CMSG_DATA(c) + i * sizeof(int), sizeof(one));
				if (given_count < SOCKETS_MAX)
					given[given_count++] = one;
				else
					close(one);
			}
	}
}

/* A message of the generator's; its header is right unless the choice says otherwise. */
static void message_make(struct choice *c, int fd)
{
	uint32_t what = (uint32_t)choice_number(c, 1), n = choice_below(c, 500);
	struct control_header header = { CONTROL_MAGIC, CONTROL_VERSION, 0, n, choice_below(c, 4) };
	int descriptor = -1;
	uint8_t *body = message + sizeof(header);

	header.type = (uint16_t)(what & 1 ? CONTROL_SOCK_FIRST + choice_below(c, 14) : choice_below(c, 12));
	if (what & 1 && what & 2)       /* as the library does, with a whole request */
		n = header.length = sizeof(struct sock_request);
	memset(body, 0, n);
	choice_fill(c, body, what & 4 ? choice_below(c, n + 1) : n);
	if ((what & 0x38) == 0x38)
		header.magic ^= (uint32_t)choice_number(c, 1);
	if ((what & 0x38) == 0x30)
		header.length ^= (uint32_t)choice_number(c, 2);
	if ((what & 0x38) == 0x28)
		header.version ^= (uint16_t)choice_number(c, 1);
	memcpy(message, &header, sizeof(header));
	if (what & 0x40)
		descriptor = given_count > 0 ? given[choice_below(c, given_count)] : fd;
	message_send(fd, message, (what & 0x38) == 0x20 ? choice_below(c, 40) : sizeof(header) + n, descriptor);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const struct control_header ask = { CONTROL_MAGIC, CONTROL_VERSION, CONTROL_HOSTS, 0, 9 };
	struct choice c = choice_bytes(bytes, n);
	int fd;

	if (!hosts.host) {
		stderr = fopen("/dev/null", "w");       /* a line for each client that is dropped */
		hosts_create(&hosts, true);
	}
	fd = client_connect();
	turns(1);
	for (unsigned i = 0; i < MESSAGES_MAX && !choice_over(&c); i++) {
		message_make(&c, fd);
		if (choice_percent(&c, 50)) {
			turns(2);
			replies_take(fd);
		}
	}
	turns(2);
	replies_take(fd);
	close(fd);
	while (given_count > 0)
		close(given[--given_count]);
	turns(2);
	fd = client_connect();
	message_send(fd, &ask, sizeof(ask), -1);
	turns(3);
	MUST(replies_take(fd) == 1);
	close(fd);
	turns(1);
	hosts_clear(&hosts);
	return 0;
}
