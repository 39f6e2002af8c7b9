/* SPDX-License-Identifier: MIT */
/*
 * What the pair leans on in the kernel, measured on the kernel at hand: if one of these fails, sockets of
 * programs will not do what TCP's do, and DEVIATIONS.md needs a row.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/random.h"
#include "sock/sock.h"

#define ALL (POLLIN | POLLOUT | POLLRDHUP)

static struct sock_service *service;

static int service_begin(void **state)
{
	(void)state;
	service = calloc(1, sizeof(*service));
	service->spare = -1;
	service->instance = (uint64_t)getpid() << 32 | 0xe1e7e2;
	return pair_start(service);
}

static int service_end(void **state)
{
	(void)state;
	pair_stop(service);
	free(service);
	return 0;
}

static short polled(int fd)
{
	struct pollfd one = { .fd = fd, .events = ALL };

	poll(&one, 1, 0);
	return one.revents;
}

/* A connection's two ends, as accept makes them. */
static int made(struct sock *sock, uint64_t serial)
{
	int program;

	*sock = (struct sock){ .service = service, .serial = serial, .fd = -1 };
	program = pair_make(sock);
	assert_true(program >= 0);
	return program;
}

static void test_fresh_end_is_like_an_unconnected_socket(void **state)
{
	struct sock sock = { .service = service, .serial = 1, .fd = -1 };
	int program = pair_open(&sock);
	char c;

	(void)state;
	assert_int_equal(polled(program), POLLOUT | POLLHUP);
	assert_int_equal(recv(program, &c, 1, 0), -1);
	assert_int_equal(errno, EINVAL);                /* the preload says ENOTCONN */
	assert_int_equal(send(program, &c, 1, MSG_NOSIGNAL), -1);
	assert_int_equal(errno, ENOTCONN);              /* the preload says EPIPE */
	assert_true(pair_is_held(&sock));
	close(program);
	assert_false(pair_is_held(&sock));
}

static void test_filled_end_is_not_writable_until_drained(void **state)
{
	struct sock sock = { .service = service, .serial = 2, .fd = -1 };
	int program = pair_open(&sock), copy = dup(program), waiter = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLOUT | EPOLLET };

	(void)state;
	assert_int_equal(pair_attach(&sock, program), 0);
	pair_fill(&sock, program);
	assert_true(sock.stashed);
	assert_int_equal(polled(copy), 0);
	assert_int_equal(send(copy, "x", 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	epoll_ctl(waiter, EPOLL_CTL_ADD, copy, &event);
	assert_int_equal(epoll_wait(waiter, &event, 1, 0), 0);
	pair_drain(&sock);
	assert_true(sock.kept);
	assert_int_equal(pair_waiting(&sock), 0);
	assert_int_equal(epoll_wait(waiter, &event, 1, 0), 1);
	assert_int_equal(epoll_wait(waiter, &event, 1, 0), 0);
	assert_int_equal(polled(copy), POLLOUT);
	assert_true(send(copy, service->scratch, sizeof(service->scratch), MSG_DONTWAIT) > 40000);
	close(waiter);
	close(copy);
	close(program);
	assert_false(pair_is_held(&sock));
	close(sock.fd);
}

/* The host's copy in the pair hides the close; forgotten, it does not, and a duplicate stays unwritable. */
static void test_forgotten_end_shows_its_close(void **state)
{
	struct sock sock = { .service = service, .serial = 22, .fd = -1 };
	int program = pair_open(&sock), copy = dup(program);

	(void)state;
	assert_int_equal(pair_attach(&sock, program), 0);
	pair_fill(&sock, program);
	close(program);
	pair_forget(&sock);
	assert_int_equal(polled(copy), 0);
	assert_int_equal(send(copy, "x", 1, MSG_DONTWAIT), -1);
	pair_drain(&sock);
	assert_true(sock.kept);
	assert_int_equal(pair_waiting(&sock), 0);
	assert_int_equal(polled(copy), POLLOUT);
	close(copy);
	assert_true(polled(sock.fd) & POLLHUP);
	assert_false(pair_is_held(&sock));
	close(sock.fd);
}

/* Out of descriptors in the middle of it: the next one must not get the end that was left over. */
static void test_attach_that_failed_leaves_nothing_behind(void **state)
{
	struct sock one = { .service = service, .serial = 20, .fd = -1 };
	struct sock two = { .service = service, .serial = 21, .fd = -1 };
	int first = pair_open(&one), second = pair_open(&two);
	char c;

	(void)state;
	assert_int_equal(connect(first, (struct sockaddr *)&service->listener_name, service->listener_length), 0);
	assert_int_equal(pair_attach(&two, second), 0);
	assert_int_equal(send(second, "x", 1, 0), 1);
	assert_int_equal(recv(two.fd, &c, 1, MSG_DONTWAIT), 1);
	assert_true(polled(first) & POLLHUP);
	close(first);
	close(second);
	close(two.fd);
}

static void test_muted_end_is_never_writable(void **state)
{
	struct sock sock = { .service = service, .serial = 3, .fd = -1 };
	int program = pair_open(&sock);

	(void)state;
	assert_int_equal(pair_attach(&sock, program), 0);
	pair_mute(program);
	assert_int_equal(polled(program), 0);
	assert_int_equal(send(program, "x", 1, MSG_NOSIGNAL), -1);
	assert_int_equal(errno, EPIPE);
	close(program);
	close(sock.fd);
}

/* Bytes go over whole and in order, whatever the sizes of writes and rooms, and one is always kept. */
static void test_taking_keeps_one_byte_and_loses_none(void **state)
{
	static uint8_t written[1 << 20], taken[1 << 20];
	struct random random;
	struct sock sock;
	int program = made(&sock, 4);
	size_t in = 0, out = 0;

	(void)state;
	random_seed(&random, 0x5eed);
	for (size_t i = 0; i < sizeof(written); i++)
		written[i] = (uint8_t)random_below(&random, 256);
	while (out < sizeof(written)) {
		size_t left = sizeof(written) - in;
		size_t bytes = 1 + random_below(&random, random_below(&random, 4) ? 3 : 50000);
		ssize_t n = send(program, written + in, bytes < left ? bytes : left, MSG_DONTWAIT);
		uint32_t waiting;

		in += n > 0 ? (size_t)n : 0;
		waiting = pair_waiting(&sock);
		assert_int_equal(waiting, in - out);
		if (waiting > 0 && random_below(&random, 3)) {
			size_t most = waiting < 60000 ? waiting : 60000;
			size_t want = 1 + random_below(&random, (uint32_t)most);
			size_t first = 1 + random_below(&random, (uint32_t)want);
			struct eleven_slice room[2] = {
				{ taken + out, (uint32_t)first },
				{ taken + out + first, (uint32_t)(want - first) },
			};
			ssize_t got = pair_take(&sock, room, want);

			assert_true(got > 0 && (size_t)got <= want);
			assert_true(sock.kept);
			out += (size_t)got;
		}
	}
	assert_memory_equal(written, taken, sizeof(written));
	close(program);
	close(sock.fd);
}

/* Text first, then ECONNRESET once, with ERR and HUP; then the end. */
static void test_closing_with_the_kept_byte_resets(void **state)
{
	struct sock sock;
	int program = made(&sock, 5);
	char text[8];

	(void)state;
	assert_int_equal(send(sock.fd, "text", 4, 0), 4);
	close(sock.fd);
	assert_int_equal(polled(program), POLLIN | POLLOUT | POLLRDHUP | POLLHUP | POLLERR);
	assert_int_equal(recv(program, text, sizeof(text), 0), 4);
	assert_int_equal(recv(program, text, sizeof(text), 0), -1);
	assert_int_equal(errno, ECONNRESET);
	assert_int_equal(recv(program, text, sizeof(text), 0), 0);
	close(program);
}

static void test_closing_without_it_is_an_end(void **state)
{
	struct sock sock;
	int program = made(&sock, 6);
	char c;

	(void)state;
	pair_empty(&sock);
	close(sock.fd);
	assert_int_equal(polled(program) & POLLERR, 0);
	assert_int_equal(recv(program, &c, 1, 0), 0);
	close(program);
}

static int error_of(int fd)
{
	int error = -1;
	socklen_t length = sizeof(error);

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
	return error;
}

static void test_program_closing_with_unread_text_shows(void **state)
{
	struct sock sock;
	int program = made(&sock, 7);

	(void)state;
	send(sock.fd, "unread", 6, 0);
	close(program);
	assert_true(polled(sock.fd) & POLLERR);
	assert_int_equal(error_of(sock.fd), ECONNRESET);
	close(sock.fd);
	program = made(&sock, 7);
	close(program);
	assert_false(polled(sock.fd) & POLLERR);
	assert_true(polled(sock.fd) & POLLHUP);
	close(sock.fd);
}

/* Both directions shut look like a close, and only the name tells; the close itself is one more event. */
static void test_the_name_tells_shutdown_from_close(void **state)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET };
	struct sock sock;
	int program = made(&sock, 8), waiter = epoll_create1(0);

	(void)state;
	epoll_ctl(waiter, EPOLL_CTL_ADD, sock.fd, &event);
	epoll_wait(waiter, &event, 1, 0);
	shutdown(program, SHUT_WR);
	assert_int_equal(epoll_wait(waiter, &event, 1, 0), 1);
	assert_true((event.events & (EPOLLRDHUP | EPOLLHUP)) == EPOLLRDHUP);
	shutdown(sock.fd, SHUT_WR);
	epoll_wait(waiter, &event, 1, 0);
	assert_true(event.events & EPOLLHUP);
	assert_true(pair_is_held(&sock));
	assert_int_equal(epoll_wait(waiter, &event, 1, 0), 0);
	close(program);
	assert_int_equal(epoll_wait(waiter, &event, 1, 0), 1);
	assert_false(pair_is_held(&sock));
	close(waiter);
	close(sock.fd);
}

/* However large the packet that the kept byte lies in, the program may write again when all else is taken. */
static void test_writable_although_one_byte_is_kept(void **state)
{
	static uint8_t text[1 << 20];
	FILE *file = tmpfile();
	struct sock sock;
	int program = made(&sock, 9);

	(void)state;
	fwrite(text, 1, sizeof(text), file);
	fflush(file);
	for (int round = 0; round < 20; round++) {
		struct eleven_slice room[2] = { { text, sizeof(text) }, { NULL, 0 } };
		off_t place = 0;

		if (round % 2)
			assert_true(send(program, text, sizeof(text), MSG_DONTWAIT) > 0);
		else
			assert_true(sendfile(program, fileno(file), &place, 65536) > 0);
		while (pair_waiting(&sock) > 0)
			assert_true(pair_take(&sock, room, pair_waiting(&sock)) > 0);
		assert_true(polled(program) & POLLOUT);
	}
	fclose(file);
	close(program);
	close(sock.fd);
}

static void test_relief_makes_it_writable_again(void **state)
{
	static uint8_t text[1 << 20];
	struct eleven_slice room[2] = { { text, sizeof(text) }, { NULL, 0 } };
	struct sock sock;
	int program = made(&sock, 30), half = 40000;
	uint32_t unread, written;

	(void)state;
	if (!diag_queues(&sock, &unread, &written))
		skip();
	assert_true(send(program, text, 20000, MSG_DONTWAIT) > 0);
	while (pair_waiting(&sock) > 0)
		assert_true(pair_take(&sock, room, pair_waiting(&sock)) > 0);
	pair_relieve(&sock);
	assert_true(sock.kept);                 /* it pins little */
	setsockopt(program, SOL_SOCKET, SO_SNDBUF, &half, sizeof(half));
	assert_false(polled(program) & POLLOUT);
	sock.service->diag ^= -1;               /* nobody to ask: let go in any case */
	pair_relieve(&sock);
	sock.service->diag ^= -1;
	assert_false(sock.kept);
	assert_true(polled(program) & POLLOUT);
	assert_int_equal(send(program, "again", 5, 0), 5);
	assert_int_equal(pair_waiting(&sock), 5);
	assert_int_equal(pair_take(&sock, room, 5), 5);
	assert_true(sock.kept);
	assert_memory_equal(text, "again", 5);
	close(program);
	close(sock.fd);
}

static void test_unread_text_is_counted_in_bytes(void **state)
{
	static const uint8_t text[5000];
	struct sock sock;
	int program = made(&sock, 10);
	uint8_t got[1234];

	(void)state;
	assert_int_equal(pair_unread(&sock), 0);
	send(sock.fd, text, sizeof(text), 0);
	send(sock.fd, text, 1, 0);
	if (pair_unread(&sock) > 5001)
		skip();                 /* no sock_diag here: an upper bound */
	assert_int_equal(pair_unread(&sock), 5001);
	recv(program, got, sizeof(got), 0);
	assert_int_equal(pair_unread(&sock), 5001 - 1234);
	close(program);
	close(sock.fd);
}

static void test_handed_over_is_seen_when_taken(void **state)
{
	struct sock_accepted accepted = { .local.in.sin_port = 7 }, got;
	struct epoll_event event = { .events = EPOLLOUT | EPOLLET };
	struct sock listener, sock;
	int program = made(&listener, 11), connection = made(&sock, 12), waiter = epoll_create1(0);

	(void)state;
	epoll_ctl(waiter, EPOLL_CTL_ADD, listener.fd, &event);
	epoll_wait(waiter, &event, 1, 0);
	assert_int_equal(pair_handed_over(&listener), 0);
	assert_int_equal(pair_hand_over(&listener, connection, &accepted), 0);
	close(connection);
	assert_true(polled(program) & POLLIN);
	assert_int_equal(pair_handed_over(&listener), 1);
	assert_true(pair_is_held(&sock));
	assert_int_equal(epoll_wait(waiter, &event, 1, 0), 0);
	assert_int_equal(recv(program, &got, sizeof(got), 0), sizeof(got));     /* without room for the descriptor */
	assert_int_equal(got.local.in.sin_port, 7);
	assert_int_equal(epoll_wait(waiter, &event, 1, 0), 1);
	assert_int_equal(pair_handed_over(&listener), 0);
	assert_false(pair_is_held(&sock));
	close(waiter);
	close(program);
	close(listener.fd);
	close(sock.fd);
}

static void test_handed_over_are_counted(void **state)
{
	struct sock_accepted accepted = { .local.in.sin_port = 7 }, got;
	struct sock listener, sock[SOCK_HANDED_OVER_MAX];
	int program = made(&listener, 20), connection;
	unsigned there = 0, given = 0;
	struct pollfd host = { .fd = listener.fd, .events = POLLOUT };

	(void)state;
	for (unsigned turn = 0; turn < 100; turn++) {
		while (there < turn % SOCK_HANDED_OVER_MAX + 1 && given < SOCK_HANDED_OVER_MAX) {
			connection = made(&sock[given], 21 + given);
			given++;
			assert_int_equal(pair_hand_over(&listener, connection, &accepted), 0);
			close(connection);
			assert_int_equal(pair_handed_over(&listener), ++there);
			/* Or taking one would be no edge. */
			assert_int_equal(poll(&host, 1, 0), 1);
		}
		if (there == 0)
			break;
		assert_int_equal(recv(program, &got, sizeof(got), 0), sizeof(got));
		assert_int_equal(pair_handed_over(&listener), --there);
	}
	assert_int_equal(given, SOCK_HANDED_OVER_MAX);
	for (unsigned i = 0; i < given; i++)
		close(sock[i].fd);
	close(program);
	close(listener.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fresh_end_is_like_an_unconnected_socket),
		cmocka_unit_test(test_filled_end_is_not_writable_until_drained),
		cmocka_unit_test(test_forgotten_end_shows_its_close),
		cmocka_unit_test(test_attach_that_failed_leaves_nothing_behind),
		cmocka_unit_test(test_muted_end_is_never_writable),
		cmocka_unit_test(test_taking_keeps_one_byte_and_loses_none),
		cmocka_unit_test(test_closing_with_the_kept_byte_resets),
		cmocka_unit_test(test_closing_without_it_is_an_end),
		cmocka_unit_test(test_program_closing_with_unread_text_shows),
		cmocka_unit_test(test_the_name_tells_shutdown_from_close),
		cmocka_unit_test(test_writable_although_one_byte_is_kept),
		cmocka_unit_test(test_relief_makes_it_writable_again),
		cmocka_unit_test(test_unread_text_is_counted_in_bytes),
		cmocka_unit_test(test_handed_over_is_seen_when_taken),
		cmocka_unit_test(test_handed_over_are_counted),
	};

	return cmocka_run_group_tests_name("sock pair", tests, service_begin, service_end);
}
