/* SPDX-License-Identifier: MIT */
/* The control socket: answers, streams, and clients that send rubbish, the wrong version, or never read. */
#include "world.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/random.h"

static int client_connect(struct world *w)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);

	strcpy(address.sun_path, w->path);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	world_run(w, MS(1));
	return fd;
}

static void client_send(int fd, unsigned type, const void *body, uint32_t length)
{
	struct {
		struct control_header header;
		uint8_t body[4096];
	} message = { { CONTROL_MAGIC, CONTROL_VERSION, (uint16_t)type, length, 7 }, { 0 } };

	memcpy(message.body, body, length);
	assert_int_equal(send(fd, &message, sizeof(message.header) + length, MSG_NOSIGNAL),
			 sizeof(message.header) + length);
}

static struct {
	struct control_header header;
	_Alignas(8) uint8_t body[CONTROL_MESSAGE_MAX];
} got;

/* The type of the next message, 0 at the end, -1 when there is none. */
static int client_get(struct world *w, int fd)
{
	ssize_t n;

	world_run(w, MS(1));
	n = recv(fd, &got, sizeof(got), 0);
	if (n < 0)
		return errno == ECONNRESET ? 0 : -1;
	if (n == 0)
		return 0;
	assert_true((size_t)n >= sizeof(got.header));
	assert_true(got.header.magic == CONTROL_MAGIC && got.header.length == (size_t)n - sizeof(got.header));
	assert_true(got.header.type & CONTROL_REPLY);
	return got.header.type & ~CONTROL_REPLY;
}

static void expect_hosts(struct world *w)
{
	int fd = client_connect(w);

	client_send(fd, CONTROL_HOSTS, "", 0);
	assert_int_equal(client_get(w, fd), CONTROL_HOSTS);
	assert_int_equal(got.header.request, 7);
	assert_int_equal(got.header.length, 2 * sizeof(struct control_host));
	assert_string_equal(((struct control_host *)(void *)got.body)[1].name, "b");
	close(fd);
	world_run(w, MS(1));
}

static void test_hello_says_who_is_there(void **state)
{
	struct control_hello hello = { .version = CONTROL_VERSION, .status_bytes = sizeof(struct eleven_status),
				       .trace_bytes = sizeof(struct eleven_trace) };
	struct world *w = *state;
	int fd = client_connect(w);

	client_send(fd, CONTROL_HELLO, &hello, sizeof(hello));
	assert_int_equal(client_get(w, fd), CONTROL_HELLO);
	memcpy(&hello, got.body, sizeof(hello));
	assert_int_equal(hello.pid, getpid());
	assert_true(hello.now > 0 && hello.wall_offset > 0);
	hello.status_bytes++;
	client_send(fd, CONTROL_HELLO, &hello, sizeof(hello));
	assert_int_equal(client_get(w, fd), CONTROL_ERROR);
	client_send(fd, CONTROL_HELLO, &hello, 3);
	assert_int_equal(client_get(w, fd), CONTROL_ERROR);
	close(fd);
}

static void listeners_open(struct world *w, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct eleven_endpoint at = { .port = (uint16_t)(1000 + i) };
		eleven_handle handle;

		assert_int_equal(eleven_open(w->stacks[1]->stack, &handle, host_now(w->host)), 0);
		assert_int_equal(eleven_bind(w->stacks[1]->stack, handle, &at, 0, host_now(w->host)), 0);
		assert_int_equal(eleven_listen(w->stacks[1]->stack, handle, 5, host_now(w->host)), 0);
	}
}

static void test_status_streams_every_connection_once(void **state)
{
	static uint8_t seen[3000];
	struct world *w = *state;
	int fd = client_connect(w), type;
	unsigned count = 0;

	listeners_open(w, 3000);
	client_send(fd, CONTROL_STATUS, "", 0);
	while ((type = client_get(w, fd)) == CONTROL_STATUS) {
		const struct control_status *records = (const struct control_status *)(const void *)got.body;

		for (unsigned i = 0; i < got.header.length / sizeof(*records); i++, count++) {
			assert_string_equal(records[i].host, "b");
			assert_int_equal(records[i].status.state, ELEVEN_LISTEN);
			assert_int_equal(seen[records[i].status.local.port - 1000]++, 0);
		}
	}
	assert_int_equal(type, CONTROL_END);
	assert_int_equal(count, 3000);
	client_send(fd, CONTROL_STATUS, (struct control_filter[]){ { "a" } }, sizeof(struct control_filter));
	assert_int_equal(client_get(w, fd), CONTROL_END);
	client_send(fd, CONTROL_STATUS, (struct control_filter[]){ { "nobody" } }, sizeof(struct control_filter));
	assert_int_equal(client_get(w, fd), CONTROL_ERROR);
	close(fd);
}

static void test_stats_rules_and_config_end(void **state)
{
	static const unsigned types[] = { CONTROL_STATS, CONTROL_RULES, CONTROL_CONFIG };
	struct world *w = *state;
	int fd = client_connect(w), type;

	for (unsigned i = 0; i < 3; i++) {
		client_send(fd, types[i], "", 0);
		while ((type = client_get(w, fd)) == (int)types[i])
			if (type == CONTROL_CONFIG)
				assert_true(((struct control_config *)(void *)got.body)->config.seed == 0);
		assert_int_equal(type, CONTROL_END);
	}
	close(fd);
}

static void test_trace_and_capture_follow(void **state)
{
	struct control_trace_request request = { .kinds = 1u << ELEVEN_TRACE_TRANSITION | 1u << ELEVEN_TRACE_OUT };
	struct world *w = *state;
	struct eleven_endpoint at = { .address = w->stacks[1]->interface.address, .port = 80 };
	unsigned transitions = 0, out = 0, packets = 0;
	int trace = client_connect(w), capture = client_connect(w);
	eleven_handle client;

	client_send(trace, CONTROL_TRACE, &request, sizeof(request));
	client_send(capture, CONTROL_CAPTURE, "", 0);
	assert_int_equal(client_get(w, trace), -1);
	eleven_open(w->stacks[0]->stack, &client, host_now(w->host));
	eleven_connect(w->stacks[0]->stack, client, &at, host_now(w->host));
	host_kick(w->stacks[0]);
	while (client_get(w, trace) == CONTROL_TRACE) {
		const struct control_trace *head = (const struct control_trace *)(const void *)got.body;
		const struct eleven_trace *records = (const struct eleven_trace *)(const void *)(head + 1);

		assert_int_equal(got.header.length, sizeof(*head) + head->count * sizeof(*records));
		for (unsigned i = 0; i < head->count; i++) {
			transitions += records[i].kind == ELEVEN_TRACE_TRANSITION;
			out += records[i].kind == ELEVEN_TRACE_OUT;
			assert_true(request.kinds & 1u << records[i].kind);
		}
	}
	assert_true(transitions >= 2 && out >= 2);      /* SYN-SENT and CLOSED; the SYN and its RST */
	while (client_get(w, capture) == CONTROL_CAPTURE) {
		const struct control_packet *head = (const struct control_packet *)(const void *)got.body;

		assert_int_equal(got.header.length, sizeof(*head) + head->length);
		assert_true(head->serial > 0);
		packets++;
	}
	assert_int_equal(packets, 4);                   /* SYN and RST, each out of one and into the other */
	close(trace);
	close(capture);
	world_run(w, MS(1));
}

static void test_rubbish_drops_only_its_sender(void **state)
{
	struct world *w = *state;
	struct random random;
	uint8_t message[512];

	random_seed(&random, 1);
	for (unsigned i = 0; i < 500; i++) {
		struct control_header header = { CONTROL_MAGIC, CONTROL_VERSION, (uint16_t)random_below(&random, 0x400),
						 0, 1 };
		size_t length = 1 + random_below(&random, sizeof(message));
		int fd = client_connect(w);

		for (size_t b = 0; b < length; b++)
			message[b] = (uint8_t)random_next(&random);
		if (i % 2 && length >= sizeof(header)) {        /* a good header before the rubbish */
			header.length = (uint32_t)(length - sizeof(header));
			if (header.type == CONTROL_DOWN)
				header.type = CONTROL_LINK;
			memcpy(message, &header, sizeof(header));
		}
		assert_int_equal(send(fd, message, length, MSG_NOSIGNAL), length);
		while (client_get(w, fd) > 0)
			continue;
		close(fd);
	}
	expect_hosts(w);
}

static void test_another_version_is_told_so(void **state)
{
	struct control_header header = { CONTROL_MAGIC, CONTROL_VERSION + 1, CONTROL_HOSTS, 0, 9 };
	struct world *w = *state;
	int fd = client_connect(w);

	assert_int_equal(send(fd, &header, sizeof(header), 0), sizeof(header));
	assert_int_equal(client_get(w, fd), CONTROL_ERROR);
	assert_int_equal(((struct control_error *)(void *)got.body)->error, -EPROTO);
	assert_int_equal(client_get(w, fd), 0);
	close(fd);
	expect_hosts(w);
}

static void test_a_client_that_never_reads_is_dropped(void **state)
{
	struct world *w = *state;
	struct control_header header = { CONTROL_MAGIC, CONTROL_VERSION, CONTROL_HOSTS, 0, 1 };
	int fd = client_connect(w), error = 0;

	for (unsigned i = 0; i < 200000 && !error; i++) {
		if (send(fd, &header, sizeof(header), MSG_NOSIGNAL) < 0)
			error = errno == EAGAIN ? 0 : errno;
		world_run(w, 0);
	}
	assert_true(error == EPIPE || error == ECONNRESET);
	close(fd);
	expect_hosts(w);
}

static void test_streams_to_a_client_that_never_reads_stay_bounded(void **state)
{
	struct world *w = *state;
	struct control_header header = { CONTROL_MAGIC, CONTROL_VERSION, CONTROL_STATUS, 0, 1 };
	int fd = client_connect(w), error = 0;

	listeners_open(w, 5000);
	for (unsigned i = 0; i < 1000 && !error; i++) {
		error = send(fd, &header, sizeof(header), MSG_NOSIGNAL) < 0 && errno != EAGAIN ? errno : 0;
		world_run(w, 0);
	}
	assert_int_equal(error, EPIPE);
	close(fd);
	expect_hosts(w);
}

static void descriptor_count(void *context, struct control_client *client, const struct control_message *message)
{
	*(unsigned *)context = message->descriptor_count;
	control_reply_descriptors(client, message->request, message->type, "x", 1, message->descriptors,
				  message->descriptor_count);
}

static void test_descriptors_come_go_and_are_not_leaked(void **state)
{
	struct world *w = *state;
	struct control_header header = { CONTROL_MAGIC, CONTROL_VERSION, CONTROL_SOCK_FIRST, 0, 1 };
	union { struct cmsghdr align; char bytes[CMSG_SPACE(3 * sizeof(int))]; } ancillary;
	struct iovec part = { &header, sizeof(header) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = ancillary.bytes,
				  .msg_controllen = sizeof(ancillary.bytes) };
	int fd = client_connect(w), before = dup(0), after, three[3] = { 0, 1, 2 };
	unsigned count = 0;

	close(before);
	assert_int_equal(control_handle(w->control, CONTROL_SOCK_FIRST, descriptor_count, &count), 0);
	assert_int_equal(control_handle(w->control, CONTROL_SOCK_FIRST, descriptor_count, &count), -EEXIST);
	memset(&ancillary, 0, sizeof(ancillary));
	CMSG_FIRSTHDR(&message)->cmsg_level = SOL_SOCKET;
	CMSG_FIRSTHDR(&message)->cmsg_type = SCM_RIGHTS;
	CMSG_FIRSTHDR(&message)->cmsg_len = CMSG_LEN(sizeof(three));
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), three, sizeof(three));
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(sendmsg(fd, &message, 0), sizeof(header));
		world_run(w, MS(1));
		assert_int_equal(count, 3);
		assert_int_equal(recv(fd, &got, sizeof(got), 0), sizeof(header) + 1);
	}
	after = dup(0);
	close(after);
	assert_int_equal(before, after);
	close(fd);
}

static void test_stale_sockets_are_taken_over_live_ones_are_not(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct world *w = *state;
	struct control *second = NULL;
	char path[108];
	pid_t pid = 0;
	int fd;

	assert_int_equal(control_create(&second, w->host, w->path, &pid), -EADDRINUSE);
	assert_int_equal(pid, getpid());
	snprintf(path, sizeof(path), "%s/t", w->folder);
	fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);                      /* the name stays: as after a kill -9 */
	assert_int_equal(control_create(&second, w->host, path, &pid), 0);
	control_destroy(second);
	expect_hosts(w);
	assert_int_equal(access(path, F_OK), -1);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(control_create(&second, w->host, path, &pid), -ENOTSOCK);
	close(fd);
	unlink(path);
	assert_int_equal(control_create(&second, w->host, "/nowhere/at/all", &pid), -ENOENT);
}

int main(void)
{
#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_make, world_free)
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_hello_says_who_is_there),
		WORLD_TEST(test_status_streams_every_connection_once),
		WORLD_TEST(test_stats_rules_and_config_end),
		WORLD_TEST(test_trace_and_capture_follow),
		WORLD_TEST(test_rubbish_drops_only_its_sender),
		WORLD_TEST(test_another_version_is_told_so),
		WORLD_TEST(test_a_client_that_never_reads_is_dropped),
		WORLD_TEST(test_streams_to_a_client_that_never_reads_stay_bounded),
		WORLD_TEST(test_descriptors_come_go_and_are_not_leaked),
		WORLD_TEST(test_stale_sockets_are_taken_over_live_ones_are_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
